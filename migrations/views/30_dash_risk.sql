-- dash.risk: what to look at first, one row per bucket: how bad its worst verdict is, times how many it
-- reaches. Reach is machines, or hits where no client names its machine; its logarithm counts, so that no
-- crowd of harmless crashes outranks an exploitable one that a few have met.
CREATE OR REPLACE VIEW dash.risk WITH (security_invoker = true) AS
SELECT q.bucket_id, q.vendor, q.product, q.signature, fb_class_name(q.class) AS class, q.class AS class_rank,
       round((fb_class_weight(q.class) * log(2, 1 + q.reach))::numeric, 1) AS score,
       q.reach, q.hits, q.machines, q.first_seen, q.last_seen, q.unsymbolicated,
       (SELECT coalesce(sum(w.hits), 0)::bigint FROM verdict_now w
        WHERE w.bucket_id = q.bucket_id AND w.class = q.class) AS hits_of_class,
       (SELECT w.rule FROM verdict_now w WHERE w.bucket_id = q.bucket_id AND w.class = q.class
        GROUP BY w.rule ORDER BY sum(w.hits) DESC, w.rule LIMIT 1) AS rule,
       ARRAY(SELECT w.signal FROM signal_now w WHERE w.bucket_id = q.bucket_id
             GROUP BY w.signal ORDER BY sum(w.hits) DESC, w.signal LIMIT 10) AS signals
FROM (SELECT n.*, b.signature, b.unsymbolicated, p.name AS product, v.name AS vendor,
             CASE WHEN n.machines > 0 THEN n.machines ELSE n.hits END AS reach
      FROM bucket_now n
      JOIN bucket b ON b.bucket_id = n.bucket_id
      JOIN product p ON p.product_id = b.product_id
      JOIN vendor v ON v.vendor_id = b.vendor_id) q;
