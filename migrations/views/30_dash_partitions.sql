-- dash.partitions: where the workers are in Kafka's log, and what fell out of it before they came.
CREATE OR REPLACE VIEW dash.partitions WITH (security_invoker = true) AS
SELECT o.cluster, o.topic, o.partition, o.next_offset, o.updated_at,
       count(g.from_offset) AS gaps, coalesce(sum(g.to_offset - g.from_offset), 0)::bigint AS messages_lost
FROM kafka_offset o
LEFT JOIN offset_gap g ON g.cluster = o.cluster AND g.topic = o.topic AND g.partition = o.partition
GROUP BY o.cluster, o.topic, o.partition, o.next_offset, o.updated_at;
