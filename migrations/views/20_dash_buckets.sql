-- dash.buckets: the ranked table, one row per bucket. What costs much is a subquery of its own, so that
-- ORDER BY ... LIMIT computes it for the rows shown alone.
CREATE OR REPLACE VIEW dash.buckets WITH (security_invoker = true) AS
SELECT b.bucket_id, v.name AS vendor, p.name AS product, b.signature,
       fb_class_name(n.class) AS class, n.class AS class_rank,
       n.hits, n.machines, n.first_seen, n.last_seen, b.unsymbolicated,
       (SELECT coalesce(sum(t.hits), 0)::bigint FROM trend_now t
        WHERE t.bucket_id = b.bucket_id AND t.hour > now() - interval '24 hours') AS hits_24h,
       (SELECT coalesce(sum(t.hits), 0)::bigint FROM trend_now t
        WHERE t.bucket_id = b.bucket_id AND t.hour > now() - interval '7 days') AS hits_7d,
       (SELECT coalesce(sum(t.hits), 0)::bigint FROM trend_now t
        WHERE t.bucket_id = b.bucket_id AND t.hour > now() - interval '14 days'
          AND t.hour <= now() - interval '7 days') AS hits_prior_7d,
       ARRAY(SELECT w.version FROM version_now w WHERE w.bucket_id = b.bucket_id
             GROUP BY w.version ORDER BY sum(w.hits) DESC, w.version LIMIT 10) AS versions,
       ARRAY(SELECT w.platform FROM version_now w WHERE w.bucket_id = b.bucket_id
             GROUP BY w.platform ORDER BY sum(w.hits) DESC, w.platform LIMIT 10) AS platforms,
       ARRAY(SELECT coalesce(sum(t.hits), 0)::bigint
             FROM generate_series(13, 0, -1) AS ago
             LEFT JOIN trend_day_now t
                    ON t.bucket_id = b.bucket_id AND t.day = (now() AT TIME ZONE 'UTC')::date - ago
             GROUP BY ago ORDER BY ago DESC) AS trend
FROM bucket_now n
JOIN bucket b ON b.bucket_id = n.bucket_id
JOIN product p ON p.product_id = b.product_id
JOIN vendor v ON v.vendor_id = b.vendor_id;
