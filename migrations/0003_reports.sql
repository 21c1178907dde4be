-- Reports, partitioned by the day on which ingest accepted them. A row is its facts, its keys and the
-- frames of the thread that crashed: enough to put it into a bucket again without its dump, in about
-- 1 KB.

CREATE TABLE report (
    report_id      uuid NOT NULL,        -- UUIDv7; its last 8 bytes are what the client was told
    received_at    timestamptz NOT NULL, -- set once, by ingest
    vendor_id      integer NOT NULL,
    product_id     integer NOT NULL,
    bucket_id      bigint NOT NULL,
    version        text NOT NULL,
    platform       text NOT NULL,
    dialect        text NOT NULL,
    machine        bigint,               -- as in bucket_machine; NULL when the client named none
    dump_size      bigint NOT NULL,
    dump_sha256    bytea,
    unanalysed     text,                 -- why there is no analysis; all below is NULL then
    -- what crashed
    os_version     text,
    crash_type     text,
    code           bigint,
    address        bigint,               -- 64 bits as they are: read them as unsigned
    access         text,
    crash_module   text,
    crash_offset   bigint,
    program        text,
    crash_time     bigint,               -- seconds since 1970, the client's clock
    uptime         bigint,               -- seconds
    completeness   real,
    -- keys
    rules          text,
    signature      text,
    bucket_key     bytea,
    label_id       text,
    label          text,                 -- event type and parameters, '/' between them
    failure_id     text,
    failure_hash   text,
    msec_major     bigint,
    msec_minor     bigint,               -- NULL where it cannot be reproduced
    fbh1_major     text,
    fbh1_minor     text,
    blame          text,
    -- judgement: 4 exploitable, 3 probably, 2 unknown, 1 probably not
    fb1_class      smallint,
    fb1_rule       text,
    fb1_name       text,
    msec_class     smallint,
    msec_rule      text,
    -- proto/analysis.proto's message Analysis with `modules` and `frames` alone, one zstd frame
    frames         bytea,
    PRIMARY KEY (report_id, received_at)
) PARTITION BY RANGE (received_at);

CREATE INDEX report_bucket ON report (bucket_id, received_at DESC);
CREATE INDEX report_received ON report USING brin (received_at);
CREATE INDEX report_client_id ON report (substr(uuid_send(report_id), 9));

-- Dates that no partition was made for: a clock far off, a replay of old data.
CREATE TABLE report_default PARTITION OF report DEFAULT;

-- Which dumps were counted: SHA-256(vendor, product, dump), cut. Kept for longer than Kafka and the
-- spool keep a message (fb_rollup forgets what is older).
CREATE TABLE report_key (
    key         bytea PRIMARY KEY CHECK (octet_length(key) = 16),
    received_at timestamptz NOT NULL
);
CREATE INDEX report_key_received ON report_key USING brin (received_at) WITH (autosummarize = on);

-- Make the partition of a day. Rows of that day that lie in report_default move into it: they came
-- before it was made. Locks in this order: the parent, then the default partition.
CREATE FUNCTION fb_make_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text := 'report_' || to_char(day, 'YYYYMMDD');
    low  text := quote_literal(day::text || ' 00:00:00+00');
    high text := quote_literal((day + 1)::text || ' 00:00:00+00');
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN;
    END IF;
    LOCK TABLE ONLY report IN SHARE UPDATE EXCLUSIVE MODE;
    LOCK TABLE report_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE %I (LIKE report INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('WITH moved AS (DELETE FROM report_default WHERE received_at >= %s AND received_at < %s'
                   ' RETURNING *) INSERT INTO %I SELECT * FROM moved', low, high, name);
    EXECUTE format('ALTER TABLE report ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', name, low, high);
END $$;

-- Partitions for today, the three days ahead and the days given; days outside [today - 60, today + 3] are
-- left to report_default, so that no sender decides how many tables there are. Gives the days that have
-- a partition of their own.
CREATE FUNCTION fb_make_partitions(days date[] DEFAULT '{}') RETURNS SETOF date
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    wanted date;
BEGIN
    FOR wanted IN
        SELECT DISTINCT d FROM (SELECT unnest(days) UNION ALL SELECT today + n FROM generate_series(0, 3) n) AS q (d)
        WHERE d BETWEEN today - 60 AND today + 3 AND to_regclass('report_' || to_char(d, 'YYYYMMDD')) IS NULL
        ORDER BY d
    LOOP
        PERFORM pg_advisory_xact_lock(hashtext('faultbucket partitions'));
        PERFORM fb_make_partition(wanted);
    END LOOP;
    RETURN QUERY
    SELECT to_date(substr(c.relname, 8), 'YYYYMMDD') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'report'::regclass AND c.relname ~ '^report_[0-9]{8}$';
END $$;

SELECT fb_make_partitions();
