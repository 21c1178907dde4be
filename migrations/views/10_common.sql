-- What the views of dash.* stand on: totals and deltas added, so that numbers are exact between two
-- rollups. Not part of the interface.
--
-- Every view here and in dash.* runs with the rights of who asks (security_invoker): without that it would
-- run as its owner and show every vendor's rows.

CREATE SCHEMA IF NOT EXISTS dash;
COMMENT ON SCHEMA dash IS 'Faultbucket: the stable interface for dashboards, version 1 (docs/dashboards.md)';

CREATE OR REPLACE FUNCTION fb_class_name(class integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE class WHEN 4 THEN 'EXPLOITABLE' WHEN 3 THEN 'PROBABLY_EXPLOITABLE' WHEN 2 THEN 'UNKNOWN'
                      WHEN 1 THEN 'PROBABLY_NOT_EXPLOITABLE' ELSE 'NOT_JUDGED' END
$$;

CREATE OR REPLACE VIEW bucket_now WITH (security_invoker = true) AS
SELECT coalesce(t.bucket_id, d.bucket_id) AS bucket_id,
       coalesce(t.hits, 0) + coalesce(d.hits, 0) AS hits,
       coalesce(t.machines, 0) + coalesce(m.machines, 0) AS machines,
       greatest(t.class, d.class) AS class,
       least(t.first_seen, d.first_seen) AS first_seen,
       greatest(t.last_seen, d.last_seen) AS last_seen
FROM bucket_total t
FULL JOIN (SELECT bucket_id, sum(hits)::bigint AS hits, max(class) AS class, min(first_seen) AS first_seen,
                  max(last_seen) AS last_seen
           FROM trend_delta GROUP BY bucket_id) d ON d.bucket_id = t.bucket_id
LEFT JOIN (SELECT bucket_id, sum(machines)::bigint AS machines FROM machine_delta GROUP BY bucket_id) m
       ON m.bucket_id = coalesce(t.bucket_id, d.bucket_id);

CREATE OR REPLACE VIEW trend_now WITH (security_invoker = true) AS
SELECT bucket_id, vendor_id, hour, version, platform, hits FROM trend_hour
UNION ALL
SELECT bucket_id, vendor_id, hour, version, platform, hits FROM trend_delta;

CREATE OR REPLACE VIEW trend_day_now WITH (security_invoker = true) AS
SELECT bucket_id, day, hits FROM trend_day
UNION ALL
SELECT bucket_id, (hour AT TIME ZONE 'UTC')::date, hits FROM trend_delta;

CREATE OR REPLACE VIEW version_now WITH (security_invoker = true) AS
SELECT bucket_id, version, platform, hits, first_seen, last_seen FROM bucket_version
UNION ALL
SELECT bucket_id, version, platform, hits, first_seen, last_seen FROM trend_delta;

CREATE OR REPLACE VIEW intake_now WITH (security_invoker = true) AS
SELECT vendor_id, hour, reports, unanalysed, duplicates, dump_bytes, delay_sum, delay_max FROM intake_hour
UNION ALL
SELECT vendor_id, hour, reports, unanalysed, duplicates, dump_bytes, delay_sum, delay_max FROM intake_delta;

-- How much a class weighs in dash.risk.
CREATE OR REPLACE FUNCTION fb_class_weight(class integer) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE class WHEN 4 THEN 100 WHEN 3 THEN 40 WHEN 2 THEN 10 WHEN 1 THEN 1 ELSE 0 END
$$;

CREATE OR REPLACE VIEW verdict_now WITH (security_invoker = true) AS
SELECT bucket_id, class, rule, hits FROM bucket_verdict
UNION ALL
SELECT bucket_id, class, rule, hits FROM trend_delta;

CREATE OR REPLACE VIEW signal_now WITH (security_invoker = true) AS
SELECT bucket_id, signal, hits FROM bucket_signal
UNION ALL
SELECT bucket_id, signal, hits FROM trend_delta, string_to_table(signals, ' ') AS signal WHERE signal <> '';
