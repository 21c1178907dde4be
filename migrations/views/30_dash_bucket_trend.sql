-- dash.bucket_trend: hits by hour, version and platform. Hours without a hit have no row.
CREATE OR REPLACE VIEW dash.bucket_trend WITH (security_invoker = true) AS
SELECT t.bucket_id, v.name AS vendor, p.name AS product, b.signature, t.hour, t.version, t.platform,
       sum(t.hits)::bigint AS hits
FROM trend_now t
JOIN bucket b ON b.bucket_id = t.bucket_id
JOIN product p ON p.product_id = b.product_id
JOIN vendor v ON v.vendor_id = b.vendor_id
GROUP BY t.bucket_id, v.name, p.name, b.signature, t.hour, t.version, t.platform;
