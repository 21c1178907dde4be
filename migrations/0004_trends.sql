-- Numbers: workers only ever insert deltas; a rollup moves them into totals, hours and days. Views add
-- both, so that a number is exact at every moment, whether or not a rollup has run.

CREATE TABLE trend_delta (
    bucket_id  bigint NOT NULL,
    vendor_id  integer NOT NULL,
    hour       timestamptz NOT NULL,
    version    text NOT NULL,
    platform   text NOT NULL,
    hits       bigint NOT NULL,
    class      smallint NOT NULL, -- the worst of fb1; 0: not judged
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL
) WITH (fillfactor = 100, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE INDEX ON trend_delta (bucket_id);

CREATE TABLE machine_delta (
    bucket_id bigint NOT NULL,
    vendor_id integer NOT NULL,
    machines  bigint NOT NULL -- that this bucket had not met before
) WITH (fillfactor = 100, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
CREATE INDEX ON machine_delta (bucket_id);

CREATE TABLE intake_delta (
    vendor_id  integer NOT NULL,
    hour       timestamptz NOT NULL,
    reports    bigint NOT NULL, -- stored, unanalysed ones included
    unanalysed bigint NOT NULL,
    duplicates bigint NOT NULL,
    dump_bytes bigint NOT NULL,
    delay_sum  double precision NOT NULL, -- seconds from accepted to stored
    delay_max  double precision NOT NULL
) WITH (fillfactor = 100, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

CREATE TABLE bucket_total (
    bucket_id  bigint PRIMARY KEY,
    vendor_id  integer NOT NULL,
    hits       bigint NOT NULL,
    machines   bigint NOT NULL,
    class      smallint NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL
);

CREATE TABLE trend_hour (
    bucket_id bigint NOT NULL,
    hour      timestamptz NOT NULL,
    version   text NOT NULL,
    platform  text NOT NULL,
    vendor_id integer NOT NULL,
    hits      bigint NOT NULL,
    class     smallint NOT NULL,
    PRIMARY KEY (bucket_id, hour, version, platform)
);
CREATE INDEX ON trend_hour (hour);

CREATE TABLE trend_day (
    bucket_id bigint NOT NULL,
    day       date NOT NULL, -- UTC
    vendor_id integer NOT NULL,
    hits      bigint NOT NULL,
    PRIMARY KEY (bucket_id, day)
);

CREATE TABLE bucket_version (
    bucket_id  bigint NOT NULL,
    version    text NOT NULL,
    platform   text NOT NULL,
    vendor_id  integer NOT NULL,
    hits       bigint NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen  timestamptz NOT NULL,
    PRIMARY KEY (bucket_id, version, platform)
);

CREATE TABLE intake_hour (
    vendor_id  integer NOT NULL,
    hour       timestamptz NOT NULL,
    reports    bigint NOT NULL,
    unanalysed bigint NOT NULL,
    duplicates bigint NOT NULL,
    dump_bytes bigint NOT NULL,
    delay_sum  double precision NOT NULL,
    delay_max  double precision NOT NULL,
    PRIMARY KEY (vendor_id, hour)
);

-- Announce buckets by their ids; a payload must stay below 8000 bytes, 300 ids of 20 digits do.
CREATE FUNCTION fb_announce(channel text, buckets bigint[]) RETURNS void
LANGUAGE sql AS $$
    SELECT pg_notify(channel, string_agg(id::text, ',' ORDER BY n))
    FROM unnest(buckets) WITH ORDINALITY AS q (id, n) GROUP BY (n - 1) / 300;
$$;

-- At most `most` trend deltas. Sorted upserts by one session at a time: nobody waits crosswise.
-- Channels: fb_new_bucket when a bucket has its first total, fb_exploitable_bucket when its worst class
-- becomes 3 or 4. Buckets made without symbols are not announced: symbols may move their reports.
CREATE FUNCTION fb_rollup_trends(most integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    moved bigint;
    fresh bigint[];
    worse bigint[];
BEGIN
    WITH gone AS (
        DELETE FROM trend_delta
        WHERE ctid = ANY (ARRAY(SELECT ctid FROM trend_delta LIMIT most)) RETURNING *
    ), met AS (
        DELETE FROM machine_delta
        WHERE bucket_id IN (SELECT bucket_id FROM gone) RETURNING bucket_id, machines
    ), sums AS (
        SELECT bucket_id, vendor_id, hits, class, first_seen, last_seen, coalesce(machines, 0) AS machines
        FROM (SELECT bucket_id, vendor_id, sum(hits) AS hits, max(class) AS class, min(first_seen) AS first_seen,
                     max(last_seen) AS last_seen FROM gone GROUP BY bucket_id, vendor_id) g
        LEFT JOIN (SELECT bucket_id, sum(machines) AS machines FROM met GROUP BY bucket_id) m USING (bucket_id)
    ), old AS (
        SELECT t.bucket_id, t.class FROM bucket_total t WHERE t.bucket_id IN (SELECT bucket_id FROM sums)
    ), totals AS (
        INSERT INTO bucket_total AS t (bucket_id, vendor_id, hits, machines, class, first_seen, last_seen)
        SELECT bucket_id, vendor_id, hits, machines, class, first_seen, last_seen FROM sums ORDER BY bucket_id
        ON CONFLICT (bucket_id) DO UPDATE SET
            hits = t.hits + excluded.hits, machines = t.machines + excluded.machines,
            class = greatest(t.class, excluded.class),
            first_seen = least(t.first_seen, excluded.first_seen),
            last_seen = greatest(t.last_seen, excluded.last_seen)
    ), hours AS (
        INSERT INTO trend_hour AS t (bucket_id, hour, version, platform, vendor_id, hits, class)
        SELECT bucket_id, hour, version, platform, vendor_id, sum(hits), max(class)
        FROM gone GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4
        ON CONFLICT (bucket_id, hour, version, platform) DO UPDATE SET
            hits = t.hits + excluded.hits, class = greatest(t.class, excluded.class)
    ), days AS (
        INSERT INTO trend_day AS t (bucket_id, day, vendor_id, hits)
        SELECT bucket_id, (hour AT TIME ZONE 'UTC')::date, vendor_id, sum(hits)
        FROM gone GROUP BY 1, 2, 3 ORDER BY 1, 2
        ON CONFLICT (bucket_id, day) DO UPDATE SET hits = t.hits + excluded.hits
    ), versions AS (
        INSERT INTO bucket_version AS t (bucket_id, version, platform, vendor_id, hits, first_seen, last_seen)
        SELECT bucket_id, version, platform, vendor_id, sum(hits), min(first_seen), max(last_seen)
        FROM gone GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3
        ON CONFLICT (bucket_id, version, platform) DO UPDATE SET
            hits = t.hits + excluded.hits, first_seen = least(t.first_seen, excluded.first_seen),
            last_seen = greatest(t.last_seen, excluded.last_seen)
    )
    SELECT (SELECT count(*) FROM gone),
           array_agg(s.bucket_id ORDER BY s.bucket_id) FILTER (WHERE old.bucket_id IS NULL),
           array_agg(s.bucket_id ORDER BY s.bucket_id) FILTER (WHERE s.class >= 3 AND coalesce(old.class, 0) < 3)
    INTO moved, fresh, worse
    FROM sums s LEFT JOIN old USING (bucket_id) JOIN bucket b USING (bucket_id) WHERE NOT b.unsymbolicated;

    PERFORM fb_announce('fb_new_bucket', fresh), fb_announce('fb_exploitable_bucket', worse);
    RETURN moved;
END $$;

CREATE FUNCTION fb_rollup_intake() RETURNS void
LANGUAGE sql AS $$
    WITH gone AS (DELETE FROM intake_delta RETURNING *)
    INSERT INTO intake_hour AS t
    SELECT vendor_id, hour, sum(reports), sum(unanalysed), sum(duplicates), sum(dump_bytes), sum(delay_sum),
           max(delay_max)
    FROM gone GROUP BY vendor_id, hour ORDER BY vendor_id, hour
    ON CONFLICT (vendor_id, hour) DO UPDATE SET
        reports = t.reports + excluded.reports, unanalysed = t.unanalysed + excluded.unanalysed,
        duplicates = t.duplicates + excluded.duplicates, dump_bytes = t.dump_bytes + excluded.dump_bytes,
        delay_sum = t.delay_sum + excluded.delay_sum, delay_max = greatest(t.delay_max, excluded.delay_max);
$$;

-- One rollup: the number of deltas moved, or NULL when another session is at it. Dedup keys live 45 days:
-- longer than any message can lie in Kafka or a spool.
CREATE FUNCTION fb_rollup(most integer DEFAULT 100000) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    moved bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('faultbucket rollup')) THEN
        RETURN NULL;
    END IF;
    moved := fb_rollup_trends(most);
    PERFORM fb_rollup_intake();
    DELETE FROM report_key WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM report_key WHERE received_at < now() - interval '45 days' LIMIT 10000));
    RETURN moved;
END $$;
