/*
 * worker/store/array.h -- one column of a batch as a PostgreSQL array, in the binary form.
 *
 * In that form an element is its length and its bytes: nothing from outside is ever quoted,
 * escaped or parsed. Text passes through fb_text_utf8 and is cut, so that the server accepts
 * whatever the client sent.
 */
#pragma once
#include "base/reader.h"

/* X(name, object id of the element type as in pg_type.dat, name of the array type in SQL) */
#define FB_PG_TYPES(X)                                                                         \
    X(BOOL, 16, "bool[]")                                                                      \
    X(BYTEA, 17, "bytea[]")                                                                    \
    X(INT8, 20, "int8[]")                                                                      \
    X(INT2, 21, "int2[]")                                                                      \
    X(INT4, 23, "int4[]")                                                                      \
    X(TEXT, 25, "text[]")                                                                      \
    X(FLOAT4, 700, "float4[]")                                                                 \
    X(DATE, 1082, "date[]")                                                                    \
    X(TIME, 1184, "timestamptz[]")                                                             \
    X(UUID, 2950, "uuid[]")
#define X(name, oid, sql) FB_PG_##name,
enum fb_pg_type { FB_PG_TYPES(X) FB_PG_TYPE_COUNT };
#undef X

enum { FB_PG_TEXT_MAX = 1024 }; // bytes of a text, longer ones are cut

struct fb_array { // starts as zeros; its room is kept from batch to batch
    enum fb_pg_type type;
    uint8_t *p;
    size_t n, cap;
    uint32_t count;
    bool failed; // no memory: the array must not be sent
};

const char *fb_pg_type_sql(enum fb_pg_type type);

void fb_array_start(struct fb_array *array, enum fb_pg_type type);
void fb_array_null(struct fb_array *array);
/** BOOL, INT2, INT4, INT8; DATE in days and TIME in microseconds since 1970. */
void fb_array_int(struct fb_array *array, int64_t v);
void fb_array_float(struct fb_array *array, double v);
/** BYTEA, UUID: as they are; an empty span is NULL. */
void fb_array_bytes(struct fb_array *array, struct fb_span bytes);
/** TEXT: NULL is NULL; cut to `max` <= FB_PG_TEXT_MAX bytes, whatever is not UTF-8 replaced. */
void fb_array_text(struct fb_array *array, const char *text, size_t max);
/** The finished array, valid until the next fb_array_start. */
struct fb_span fb_array_end(struct fb_array *array);
void fb_array_free(struct fb_array *array);
