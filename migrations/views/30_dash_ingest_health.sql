-- dash.ingest_health: what came in by hour and vendor, what became of it, and how long it took from accepted
-- to stored. vendor NULL: dead letters that name no vendor we know.
CREATE OR REPLACE VIEW dash.ingest_health WITH (security_invoker = true) AS
SELECT q.hour, v.name AS vendor, sum(q.reports)::bigint AS reports, sum(q.unanalysed)::bigint AS unanalysed,
       sum(q.duplicates)::bigint AS duplicates, sum(q.dead)::bigint AS dead, sum(q.dump_bytes)::bigint AS dump_bytes,
       sum(q.delay_sum) / nullif(sum(q.reports), 0) AS delay_mean_seconds, max(q.delay_max) AS delay_max_seconds
FROM (SELECT vendor_id, hour, reports, unanalysed, duplicates, 0::bigint AS dead, dump_bytes, delay_sum, delay_max
      FROM intake_now
      UNION ALL
      SELECT vendor_id, date_trunc('hour', received_at, 'UTC'), 0, 0, 0, 1, 0, 0, NULL FROM dead_letter) q
LEFT JOIN vendor v ON v.vendor_id = q.vendor_id
GROUP BY q.hour, v.name;
