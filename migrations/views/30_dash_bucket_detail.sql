-- dash.bucket_detail: one bucket with its verdict, the evidence and a stack, from the sample that is judged
-- worst (the oldest of those); its keys, versions and latest reports. Ask for one bucket_id at a time.
CREATE OR REPLACE VIEW dash.bucket_detail WITH (security_invoker = true) AS
SELECT b.*, s.report_id AS sample_report_id, s.received_at AS sample_received_at,
       s.analysis -> 'exploitability' -> 'fb1' ->> 'rule' AS rule,
       s.analysis -> 'exploitability' -> 'fb1' ->> 'explanation' AS explanation,
       s.analysis -> 'exploitability' AS exploitability,
       s.analysis -> 'crash_info' AS crash_info,
       s.analysis -> 'crashing_thread' -> 'frames' AS stack,
       s.analysis -> 'keys' AS sample_keys,
       (SELECT count(*) FROM sample w WHERE w.bucket_id = b.bucket_id) AS samples,
       (SELECT jsonb_agg(jsonb_build_object('algorithm', k.algorithm, 'key', encode(k.key, 'hex')) ORDER BY k.key)
        FROM bucket_key k WHERE k.bucket_id = b.bucket_id) AS keys,
       (SELECT jsonb_agg(to_jsonb(w) ORDER BY w.hits DESC, w.version, w.platform)
        FROM (SELECT version, platform, sum(hits)::bigint AS hits, min(first_seen) AS first_seen,
                     max(last_seen) AS last_seen
              FROM version_now WHERE bucket_id = b.bucket_id
              GROUP BY version, platform ORDER BY 3 DESC, 1, 2 LIMIT 100) w) AS version_hits,
       (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.received_at DESC)
        FROM (SELECT report_id, encode(substr(uuid_send(report_id), 9), 'hex') AS client_id, received_at, version,
                     platform, crash_type, fb1_rule AS rule, blame, unanalysed
              FROM report WHERE report.bucket_id = b.bucket_id
              ORDER BY received_at DESC LIMIT 20) r) AS latest_reports,
       (SELECT jsonb_agg(to_jsonb(w) ORDER BY w.class_rank DESC, w.hits DESC, w.rule)
        FROM (SELECT fb_class_name(class) AS class, class AS class_rank, rule, sum(hits)::bigint AS hits
              FROM verdict_now WHERE bucket_id = b.bucket_id
              GROUP BY class, rule ORDER BY class DESC, 4 DESC, rule LIMIT 100) w) AS verdicts,
       (SELECT jsonb_agg(to_jsonb(w) ORDER BY w.hits DESC, w.signal)
        FROM (SELECT signal, sum(hits)::bigint AS hits
              FROM signal_now WHERE bucket_id = b.bucket_id
              GROUP BY signal ORDER BY 2 DESC, 1 LIMIT 100) w) AS signals,
       fb_class_name(s.class) AS sample_class
FROM dash.buckets b
LEFT JOIN LATERAL (
    SELECT w.report_id, w.received_at, w.analysis, w.class FROM sample w WHERE w.bucket_id = b.bucket_id
    ORDER BY w.class DESC, w.slot LIMIT 1) s ON true;
