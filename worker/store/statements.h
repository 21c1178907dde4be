/* worker/store/statements.h -- the prepared statements of a batch, by name. */
#pragma once

/* X(name, SQL) */
#define FB_STATEMENTS(X)                                                                       \
    X(move, "SELECT fb_move_offsets($1, $2, $3, $4, $5)")                                      \
    X(sample,                                                                                  \
      "INSERT INTO sample AS old (bucket_id, slot, vendor_id, report_id, received_at,"         \
      " dump_size, dump_zstd, analysis, class)"                                                \
      " SELECT r.bucket_id, place.slot, r.vendor_id, r.report_id, r.received_at, r.dump_size," \
      "  $5::bytea, $6::text::jsonb, coalesce(r.fb1_class, 0)"                                 \
      " FROM report r, LATERAL (SELECT w.slot FROM generate_series(1, $4::integer) AS w "      \
      "(slot)"                                                                                 \
      "  LEFT JOIN sample s ON s.bucket_id = $3::bigint AND s.slot = w.slot"                   \
      "  WHERE s.slot IS NULL OR s.class < r.fb1_class"                                        \
      "  ORDER BY s.class NULLS FIRST, w.slot LIMIT 1) place"                                  \
      " WHERE r.report_id = $1::uuid AND r.received_at = $2::timestamptz"                      \
      "  AND r.bucket_id = $3::bigint"                                                         \
      "  AND NOT EXISTS (SELECT FROM sample s WHERE s.report_id = $1::uuid)"                   \
      " ON CONFLICT (bucket_id, slot) DO UPDATE SET report_id = excluded.report_id,"           \
      "  received_at = excluded.received_at, dump_size = excluded.dump_size,"                  \
      "  dump_zstd = excluded.dump_zstd, analysis = excluded.analysis, class = excluded.class" \
      " WHERE old.class < excluded.class")                                                     \
    X(dead,                                                                                    \
      "INSERT INTO dead_letter (cluster, topic, partition, \"offset\", vendor_id, report_id,"  \
      " reason, message, message_size, received_at)"                                           \
      " VALUES ($1, $2, $3, $4, (SELECT vendor_id FROM vendor WHERE vendor_id = $5::integer)," \
      "  $6, $7, $8, $9, coalesce($10, now())) ON CONFLICT DO NOTHING")
