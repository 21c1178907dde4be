/*
 * worker/store/columns.h -- the columns of table report, each with where its value comes from.
 * The statement of keep.c and its parameters are both made from this table.
 */
#pragma once
#include "store/item.h"

#define TEXT(value)  fb_array_text(to, (value), FB_NAME_MAX)
#define LONG(value)  fb_array_text(to, (value), FB_PG_TEXT_MAX)
#define INT(value)   fb_array_int(to, (int64_t)(value))
#define BYTES(value) fb_array_bytes(to, (struct fb_span){(value).data, (value).len, 0})

/* What every report has. X(column, type, value), from `e` and `i` */
#define FB_REPORT_FACTS(X)                                                                     \
    X(report_id, UUID, BYTES(e->report_id))                                                    \
    X(received_at, TIME, INT(e->received_at_us))                                               \
    X(vendor_id, INT4, INT(e->vendor_id))                                                      \
    X(product_id, INT4, INT(i->product_id))                                                    \
    X(bucket_id, INT8, INT(i->bucket_id))                                                      \
    X(version, TEXT, TEXT(i->version))                                                         \
    X(platform, TEXT, TEXT(i->platform))                                                       \
    X(dialect, TEXT, TEXT(e->dialect))                                                         \
    X(machine, INT8, i->machine != 0 ? INT(i->machine) : fb_array_null(to))                    \
    X(dump_size, INT8, INT(e->dump_size))                                                      \
    X(dump_sha256, BYTEA, BYTES(e->dump_sha256))                                               \
    X(unanalysed, TEXT, TEXT(i->reason))                                                       \
    X(fb1_class, INT2, i->a != NULL ? INT(fb_item_class(i)) : fb_array_null(to))               \
    X(frames, BYTEA, frames_of(to, i))

/* What an analysed one has, NULL in the others: from `a` */
#define FB_REPORT_ANALYSIS(X)                                                                  \
    X(os_version, TEXT, TEXT(a->os_version))                                                   \
    X(crash_type, TEXT, TEXT(a->crash_type))                                                   \
    X(code, INT8, INT(a->code))                                                                \
    X(address, INT8, INT(a->address))                                                          \
    X(access, TEXT, TEXT(a->access))                                                           \
    X(crash_module, TEXT, TEXT(a->crash_module))                                               \
    X(crash_offset, INT8, INT(a->crash_offset))                                                \
    X(program, TEXT, TEXT(a->program))                                                         \
    X(crash_time, INT8, INT(a->crash_time))                                                    \
    X(uptime, INT8, INT(a->uptime))                                                            \
    X(completeness, FLOAT4, fb_array_float(to, a->completeness))                               \
    X(rules, TEXT, TEXT(i->algorithm))                                                         \
    X(signature, TEXT, LONG(a->signature))                                                     \
    X(bucket_key, BYTEA, BYTES(a->bucket_key))                                                 \
    X(label_id, TEXT, TEXT(a->label_id))                                                       \
    X(label, TEXT, label_of(to, a))                                                            \
    X(failure_id, TEXT, LONG(a->failure_id))                                                   \
    X(failure_hash, TEXT, TEXT(a->failure_hash))                                               \
    X(msec_major, INT8, INT(a->msec_major))                                                    \
    X(msec_minor, INT8, a->has_msec_minor ? INT(a->msec_minor) : fb_array_null(to))            \
    X(fbh1_major, TEXT, TEXT(a->fbh1_major))                                                   \
    X(fbh1_minor, TEXT, TEXT(a->fbh1_minor))                                                   \
    X(blame, TEXT, TEXT(a->blame))                                                             \
    X(fb1_rule, TEXT, TEXT(a->fb1 != NULL ? a->fb1->rule : NULL))                              \
    X(fb1_name, TEXT, TEXT(a->fb1 != NULL ? a->fb1->short_name : NULL))                        \
    X(msec_class, INT2, class_of(to, a->msec16))                                               \
    X(msec_rule, TEXT, TEXT(a->msec16 != NULL ? a->msec16->rule : NULL))                       \
    X(signals, TEXT, signals_of(to, a))

#define X(name, type, value) FB_COLUMN_##name,
enum { FB_REPORT_FACTS(X) FB_REPORT_ANALYSIS(X) FB_COLUMN_COUNT };
#undef X

struct fb_column {
    const char *name;
    enum fb_pg_type type;
    void (*put)(struct fb_array *to, const struct fb_item *item);
};
extern const struct fb_column fb_columns[FB_COLUMN_COUNT];

enum { FB_KEEP_SQL_MAX = 8192 };
/** The statement that keeps the reports of a batch: $1 the dedup keys, then the columns. One
 * row comes back: reports analysed, reports unanalysed. */
void fb_columns_sql(char sql[FB_KEEP_SQL_MAX]);
