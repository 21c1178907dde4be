-- dash.signals: what else was seen about crashes (docs/analysis-json.md), one row per product and signal.
CREATE OR REPLACE VIEW dash.signals WITH (security_invoker = true) AS
SELECT v.name AS vendor, p.name AS product, w.signal,
       count(DISTINCT w.bucket_id) AS buckets, sum(w.hits)::bigint AS hits
FROM signal_now w
JOIN bucket b ON b.bucket_id = w.bucket_id
JOIN product p ON p.product_id = b.product_id
JOIN vendor v ON v.vendor_id = b.vendor_id
GROUP BY v.name, p.name, w.signal;
