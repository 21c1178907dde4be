-- dash.verdicts: how reports were judged, one row per product, class and rule. Unlike dash.exploitability a
-- report counts in the class that it has itself, not in the worst one of its bucket.
CREATE OR REPLACE VIEW dash.verdicts WITH (security_invoker = true) AS
SELECT v.name AS vendor, p.name AS product, fb_class_name(w.class) AS class, w.class AS class_rank, w.rule,
       count(DISTINCT w.bucket_id) AS buckets, sum(w.hits)::bigint AS hits
FROM verdict_now w
JOIN bucket b ON b.bucket_id = w.bucket_id
JOIN product p ON p.product_id = b.product_id
JOIN vendor v ON v.vendor_id = b.vendor_id
GROUP BY v.name, p.name, w.class, w.rule;
