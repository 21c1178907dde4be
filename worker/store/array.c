/* worker/store/array.c -- array_recv's format: dimensions, flags, element type; per dimension
 * its size and lower bound; per element its length and bytes. All big-endian. */
#include "store/array.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER = 20, SIZE_AT = 12 };             // of a one-dimensional array
static const int64_t days_1970_to_2000 = 10957; // PostgreSQL counts from 2000
static const int64_t us_per_day = 86400LL * 1000000;

static const struct {
    uint32_t oid;
    const char *sql;
} types[] = {
#define X(name, oid, sql) {oid, sql},
    FB_PG_TYPES(X)
#undef X
};
static const size_t int_size[FB_PG_TYPE_COUNT] = {
    [FB_PG_BOOL] = 1, [FB_PG_INT2] = 2, [FB_PG_INT4] = 4,
    [FB_PG_INT8] = 8, [FB_PG_DATE] = 4, [FB_PG_TIME] = 8,
};

const char *fb_pg_type_sql(enum fb_pg_type type) { return types[type].sql; }

static uint8_t *room_for(struct fb_array *array, size_t n)
{
    if (array->cap - array->n < n && !array->failed) {
        size_t cap = 2 * array->cap + n + 4096;
        uint8_t *more = realloc(array->p, cap);
        array->failed = more == NULL;
        if (more != NULL) {
            array->p = more;
            array->cap = cap;
        }
    }
    return array->failed ? NULL : array->p + array->n;
}

static void put_be(struct fb_array *array, uint64_t v, size_t n)
{
    uint8_t *to = room_for(array, n);
    if (to == NULL)
        return;
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    array->n += n;
}

void fb_array_start(struct fb_array *array, enum fb_pg_type type)
{
    array->type = type;
    array->n = 0;
    array->count = 0;
    array->failed = false;
    put_be(array, 1, 4);               // dimensions
    put_be(array, 1, 4);               // there may be NULLs
    put_be(array, types[type].oid, 4); // element type
    put_be(array, 0, 4);               // size, known at the end
    put_be(array, 1, 4);               // lower bound
}

void fb_array_null(struct fb_array *array)
{
    put_be(array, UINT32_MAX, 4);
    array->count++;
}

void fb_array_int(struct fb_array *array, int64_t v)
{
    if (array->type == FB_PG_DATE)
        v -= days_1970_to_2000;
    else if (array->type == FB_PG_TIME)
        v -= days_1970_to_2000 * us_per_day;
    put_be(array, int_size[array->type], 4);
    put_be(array, (uint64_t)v, int_size[array->type]);
    array->count++;
}

void fb_array_float(struct fb_array *array, double v)
{
    float narrow = (float)v;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    put_be(array, sizeof bits, 4);
    put_be(array, bits, sizeof bits);
    array->count++;
}

static void put_bytes(struct fb_array *array, const void *p, size_t n)
{
    put_be(array, n, 4);
    uint8_t *to = room_for(array, n);
    if (to == NULL)
        return;
    memcpy(to, p, n);
    array->n += n;
    array->count++;
}

void fb_array_bytes(struct fb_array *array, struct fb_span bytes)
{
    if (bytes.n == 0)
        fb_array_null(array);
    else
        put_bytes(array, bytes.p, bytes.n);
}

void fb_array_text(struct fb_array *array, const char *text, size_t max)
{
    if (text == NULL) {
        fb_array_null(array);
        return;
    }
    char clean[FB_PG_TEXT_MAX + 1];
    size_t cap = max < FB_PG_TEXT_MAX ? max + 1 : sizeof clean;
    struct fb_text out = fb_text_over(clean, cap);
    size_t n = strnlen(text, cap + 3); // what lies beyond is cut anyway
    fb_text_utf8(&out, (struct fb_span){(const uint8_t *)text, n, 0});
    put_bytes(array, out.n != 0 ? out.p : "", out.n);
}

struct fb_span fb_array_end(struct fb_array *array)
{
    if (array->failed)
        return (struct fb_span){0};
    for (size_t i = 0; i < 4; i++)
        array->p[SIZE_AT + i] = (uint8_t)(array->count >> (24 - 8 * i));
    return (struct fb_span){array->p, array->n, 0};
}

void fb_array_free(struct fb_array *array)
{
    free(array->p);
    *array = (struct fb_array){0};
}
