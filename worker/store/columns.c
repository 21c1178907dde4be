/*
 * worker/store/columns.c -- how each column is filled, and the one statement that keeps a
 * batch.
 *
 * Its parts run in an order that no two batches can cross: all dedup keys (sorted), then the
 * reports, then machines (sorted); what follows only inserts rows of its own. A dump that comes
 * twice within the batch is told apart before it reaches the dedup table, since a join with
 * what that table took would let both through.
 */
#include "store/columns.h"

#include "base/text.h"

static void frames_of(struct fb_array *to, const struct fb_item *i)
{
    uint8_t room[20000];
    fb_array_bytes(to, (struct fb_span){room, fb_item_frames(i, room, sizeof room), 0});
}

static void label_of(struct fb_array *to, const Faultbucket__Analysis *a)
{
    char room[FB_PG_TEXT_MAX + 1];
    struct fb_text text = fb_text_over(room, sizeof room);
    fb_text_str(&text, a->event_type);
    for (size_t i = 0; i < a->n_label_parameters; i++) {
        fb_text_char(&text, '/');
        fb_text_str(&text, a->label_parameters[i]);
    }
    fb_array_text(to, text.n != 0 ? room : NULL, FB_PG_TEXT_MAX);
}

static void signals_of(struct fb_array *to, const Faultbucket__Analysis *a)
{
    char room[FB_PG_TEXT_MAX + 1] = "";
    struct fb_text text = fb_text_over(room, sizeof room);
    for (size_t i = 0; i < a->n_signals; i++) {
        fb_text_str(&text, i == 0 ? "" : " ");
        fb_text_str(&text, a->signals[i]);
    }
    fb_array_text(to, text.n != 0 ? room : NULL, FB_PG_TEXT_MAX);
}

static void class_of(struct fb_array *to, const Faultbucket__Judgement *judgement)
{
    if (judgement == NULL || judgement->class_ < 1 || judgement->class_ > 4)
        fb_array_null(to);
    else
        fb_array_int(to, judgement->class_);
}

#define X(name, type, value)                                                                   \
    static void put_##name(struct fb_array *to, const struct fb_item *i)                       \
    {                                                                                          \
        const Faultbucket__Envelope *e = i->e;                                                 \
        (void)e;                                                                               \
        value;                                                                                 \
    }
FB_REPORT_FACTS(X)
#undef X
#define X(name, type, value)                                                                   \
    static void put_##name(struct fb_array *to, const struct fb_item *i)                       \
    {                                                                                          \
        const Faultbucket__Analysis *a = i->a;                                                 \
        if (a == NULL)                                                                         \
            fb_array_null(to);                                                                 \
        else                                                                                   \
            value;                                                                             \
    }
FB_REPORT_ANALYSIS(X)
#undef X

const struct fb_column fb_columns[FB_COLUMN_COUNT] = {
#define X(name, type, value) {#name, FB_PG_##type, put_##name},
    FB_REPORT_FACTS(X) FB_REPORT_ANALYSIS(X)
#undef X
};

static const char tail[] =
    " FROM q JOIN d ON d.key = q.dedup_key ON CONFLICT DO NOTHING RETURNING *),"
    " m AS (INSERT INTO bucket_machine (bucket_id, machine, vendor_id)"
    "  SELECT DISTINCT bucket_id, machine, vendor_id FROM r WHERE machine IS NOT NULL"
    "  ORDER BY bucket_id, machine ON CONFLICT DO NOTHING RETURNING bucket_id, vendor_id),"
    " n AS (INSERT INTO machine_delta (bucket_id, vendor_id, machines)"
    "  SELECT bucket_id, vendor_id, count(*) FROM m GROUP BY 1, 2),"
    " t AS (INSERT INTO trend_delta"
    "  (bucket_id, vendor_id, hour, version, platform, class, rule, signals, hits, first_seen,"
    "   last_seen)"
    "  SELECT bucket_id, vendor_id, date_trunc('hour', received_at, 'UTC'), version, platform,"
    "   coalesce(fb1_class, 0), coalesce(fb1_rule, ''), coalesce(signals, ''),"
    "   count(*), min(received_at), max(received_at)"
    "  FROM r GROUP BY 1, 2, 3, 4, 5, 6, 7, 8),"
    " w AS (INSERT INTO intake_delta (vendor_id, hour, reports, unanalysed, duplicates,"
    "   dump_bytes, delay_sum, delay_max)"
    "  SELECT c.vendor_id, c.hour, coalesce(k.n, 0), coalesce(k.unanalysed, 0),"
    "   c.n - coalesce(k.n, 0), coalesce(k.bytes, 0), coalesce(k.delay_sum, 0),"
    "   coalesce(k.delay_max, 0)"
    "  FROM (SELECT vendor_id, date_trunc('hour', received_at, 'UTC') AS hour, count(*) AS n"
    "    FROM came GROUP BY 1, 2) c"
    "  LEFT JOIN (SELECT vendor_id, date_trunc('hour', received_at, 'UTC') AS hour,"
    "     count(*) AS n, count(unanalysed) AS unanalysed, sum(dump_size)::bigint AS bytes,"
    "     sum(greatest(extract(epoch FROM now() - received_at), 0)) AS delay_sum,"
    "     max(greatest(extract(epoch FROM now() - received_at), 0)) AS delay_max"
    "    FROM r GROUP BY 1, 2) k USING (vendor_id, hour))"
    " SELECT count(*) - count(unanalysed), count(unanalysed) FROM r";

static void put_columns(struct fb_text *sql)
{
    for (size_t i = 0; i < FB_COLUMN_COUNT; i++)
        fb_text_format(sql, "%s%s", i == 0 ? "" : ", ", fb_columns[i].name);
}

void fb_columns_sql(char sql[FB_KEEP_SQL_MAX])
{
    struct fb_text text = fb_text_over(sql, FB_KEEP_SQL_MAX);
    fb_text_str(&text, "WITH came AS (SELECT * FROM unnest($1::bytea[]");
    for (size_t i = 0; i < FB_COLUMN_COUNT; i++)
        fb_text_format(&text, ", $%zu::%s", i + 2, fb_pg_type_sql(fb_columns[i].type));
    fb_text_str(&text, ") WITH ORDINALITY AS u (dedup_key, ");
    put_columns(&text);
    fb_text_str(&text, ", ord)),"
                       " q AS (SELECT DISTINCT ON (dedup_key) * FROM came"
                       "  ORDER BY dedup_key, ord),"
                       " d AS (INSERT INTO report_key (key, received_at)"
                       "  SELECT dedup_key, received_at FROM q ORDER BY dedup_key"
                       "  ON CONFLICT DO NOTHING RETURNING key),"
                       " r AS (INSERT INTO report (");
    put_columns(&text);
    fb_text_str(&text, ") SELECT ");
    put_columns(&text);
    fb_text_str(&text, tail);
}
