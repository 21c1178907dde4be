/* worker/store/statements.h -- the prepared statements of a batch, by name. */
#pragma once

/* X(name, SQL) */
#define FB_STATEMENTS(X)                                                                       \
    X(move, "SELECT fb_move_offsets($1, $2, $3, $4, $5)")                                      \
    X(sample,                                                                                  \
      "INSERT INTO sample (bucket_id, slot, vendor_id, report_id, received_at, dump_size,"     \
      " dump_zstd, analysis)"                                                                  \
      " SELECT r.bucket_id, free.slot, r.vendor_id, r.report_id, r.received_at, r.dump_size,"  \
      "  $5::bytea, $6::text::jsonb"                                                           \
      " FROM report r, (SELECT slot FROM generate_series(1, $4::integer) AS w (slot)"          \
      "  WHERE NOT EXISTS (SELECT FROM sample s WHERE s.bucket_id = $3::bigint"                \
      "   AND s.slot = w.slot) ORDER BY slot LIMIT 1) free"                                    \
      " WHERE r.report_id = $1::uuid AND r.received_at = $2::timestamptz"                      \
      "  AND r.bucket_id = $3::bigint ON CONFLICT DO NOTHING")                                 \
    X(dead,                                                                                    \
      "INSERT INTO dead_letter (cluster, topic, partition, \"offset\", vendor_id, report_id,"  \
      " reason, message, message_size, received_at)"                                           \
      " VALUES ($1, $2, $3, $4, (SELECT vendor_id FROM vendor WHERE vendor_id = $5::integer)," \
      "  $6, $7, $8, $9, coalesce($10, now())) ON CONFLICT DO NOTHING")
