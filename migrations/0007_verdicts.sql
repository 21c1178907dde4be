-- Verdicts: how often each class, rule and signal was met in a bucket, counted in deltas like everything
-- else; and samples that know how bad they are, so that one of the worst class is always kept.

ALTER TABLE report ADD COLUMN signals text; -- of the judgement, by name, a space between them

ALTER TABLE trend_delta
    ADD COLUMN rule    text NOT NULL DEFAULT '', -- of fb1; empty: not judged
    ADD COLUMN signals text NOT NULL DEFAULT '';

CREATE TABLE bucket_verdict (
    bucket_id bigint NOT NULL,
    class     smallint NOT NULL, -- 0: not judged
    rule      text NOT NULL,
    vendor_id integer NOT NULL,
    hits      bigint NOT NULL,
    PRIMARY KEY (bucket_id, class, rule)
);

CREATE TABLE bucket_signal (
    bucket_id bigint NOT NULL,
    signal    text NOT NULL,
    vendor_id integer NOT NULL,
    hits      bigint NOT NULL,
    PRIMARY KEY (bucket_id, signal)
);

DO $$
DECLARE
    protected text;
BEGIN
    FOREACH protected IN ARRAY ARRAY['bucket_verdict', 'bucket_signal']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', protected);
        EXECUTE format('CREATE POLICY vendors ON %I USING ('
            '(SELECT bool_or(r.vendor_id IS NULL) FROM vendor_reader r)'
            ' OR vendor_id IN (SELECT r.vendor_id FROM vendor_reader r WHERE r.vendor_id IS NOT NULL))', protected);
    END LOOP;
END $$;

-- What reports of before say: their deltas first, which know no rules, and then the reports themselves, as
-- far as they are kept. Nobody inserts meanwhile: `report` has been locked above.
DO $$
BEGIN
    WHILE fb_rollup_trends(100000) > 0 LOOP
    END LOOP;
END $$;
INSERT INTO bucket_verdict (bucket_id, class, rule, vendor_id, hits)
SELECT bucket_id, coalesce(fb1_class, 0), coalesce(fb1_rule, ''), vendor_id, count(*) FROM report GROUP BY 1, 2, 3, 4;

-- From now on fb_rollup_trends takes them along: what it deletes from trend_delta is added here. It runs in
-- one session at a time, and in the order of keys.
CREATE FUNCTION fb_rollup_verdicts() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bucket_verdict AS t (bucket_id, class, rule, vendor_id, hits)
    SELECT bucket_id, class, rule, vendor_id, sum(hits) FROM gone GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3
    ON CONFLICT (bucket_id, class, rule) DO UPDATE SET hits = t.hits + excluded.hits;

    INSERT INTO bucket_signal AS t (bucket_id, signal, vendor_id, hits)
    SELECT bucket_id, signal, vendor_id, sum(hits) FROM gone, string_to_table(signals, ' ') AS signal
    WHERE signal <> '' GROUP BY 1, 2, 3 ORDER BY 1, 2
    ON CONFLICT (bucket_id, signal) DO UPDATE SET hits = t.hits + excluded.hits;
    RETURN NULL;
END $$;
CREATE TRIGGER verdicts AFTER DELETE ON trend_delta REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION fb_rollup_verdicts();

-- A report that is judged worse than every sample of its bucket takes the place of the mildest.
ALTER TABLE sample ADD COLUMN class smallint NOT NULL DEFAULT 0; -- of fb1
UPDATE sample SET class = CASE analysis -> 'exploitability' -> 'fb1' ->> 'class'
    WHEN 'EXPLOITABLE' THEN 4 WHEN 'PROBABLY_EXPLOITABLE' THEN 3 WHEN 'UNKNOWN' THEN 2
    WHEN 'PROBABLY_NOT_EXPLOITABLE' THEN 1 ELSE 0 END;
