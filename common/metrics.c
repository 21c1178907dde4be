/*
 * common/metrics.c -- the table of metrics, their slots, and the page that Prometheus reads.
 *
 * A slot is one combination of label values. It is made once, under a mutex, and then found by
 * walking the made ones: a handful per metric. Counting itself takes no lock.
 */
#include "metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum {
    SLOTS_MAX = 128,  // per metric; a topic's partitions must fit
    LABELS_MAX = 96,  // bytes of a slot's label values, with the NUL
    BOUNDS_MAX = 13,  // of a histogram, without +Inf
    OTHER = SLOTS_MAX // the slot of all that found no place
};

enum kind { COUNTER, GAUGE, HISTOGRAM, SIZES };

static const struct {
    enum kind kind;
    const char *name, *labels, *help;
} metrics[] = {
#define X(id, type, name, labels, help) {type, name, labels, help},
    FB_METRICS(X)
#undef X
};

static const char *const type_names[] = {"counter", "gauge", "histogram", "histogram"};

/* Upper bounds, inclusive: seconds from a fast acknowledgement to a hopeless one, sizes from
 * one report to the largest message. */
static const double seconds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                 0.25,  0.5,    1,     2.5,  10,    30};
static const double sizes[] = {1,     4,     16,     64,      256,     1024,    4096,
                               16384, 65536, 262144, 1048576, 4194304, 16777216};
_Static_assert(sizeof seconds / sizeof *seconds == BOUNDS_MAX, "one bound per bucket");
_Static_assert(sizeof sizes / sizeof *sizes == BOUNDS_MAX, "one bound per bucket");

struct slot {
    atomic_bool made;
    char labels[LABELS_MAX];
    atomic_uint_least64_t count; // of a counter
    atomic_uint_least64_t value; // bits of a double: a gauge, or a histogram's sum
    atomic_uint_least64_t bucket[BOUNDS_MAX + 1]; // the last is +Inf
};
static struct slot slots[FB_METRIC_COUNT][SLOTS_MAX + 1];
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

static struct slot *find_slot(enum fb_metric metric, const char *labels)
{
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &slots[metric][i];
        if (!atomic_load_explicit(&slot->made, memory_order_acquire))
            return NULL;
        if (strcmp(slot->labels, labels) == 0)
            return slot;
    }
    return NULL;
}

static void name_slot(struct slot *slot, const char *labels)
{
    if (atomic_load_explicit(&slot->made, memory_order_relaxed))
        return;
    snprintf(slot->labels, sizeof slot->labels, "%s", labels);
    atomic_store_explicit(&slot->made, true, memory_order_release);
}

/* The caller holds `making`: the slot may have come into being since we looked. */
static struct slot *make_slot(enum fb_metric metric, const char *labels)
{
    struct slot *slot = find_slot(metric, labels);
    if (slot != NULL)
        return slot;
    size_t i = 0;
    while (i < SLOTS_MAX && atomic_load_explicit(&slots[metric][i].made, memory_order_relaxed))
        i++;
    bool fits = i < SLOTS_MAX && strlen(labels) < LABELS_MAX;
    slot = &slots[metric][fits ? i : OTHER];
    name_slot(slot, fits                                          ? labels
                    : strchr(metrics[metric].labels, ',') == NULL ? "other"
                                                                  : "other,other,other");
    return slot;
}

static struct slot *slot_of(enum fb_metric metric, const char *labels)
{
    struct slot *slot = find_slot(metric, labels);
    if (slot != NULL)
        return slot;
    pthread_mutex_lock(&making);
    slot = make_slot(metric, labels);
    pthread_mutex_unlock(&making);
    return slot;
}

static double as_double(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static uint64_t as_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

void fb_metric_add(enum fb_metric metric, const char *labels, uint64_t n)
{
    atomic_fetch_add_explicit(&slot_of(metric, labels)->count, n, memory_order_relaxed);
}

void fb_metric_set(enum fb_metric metric, const char *labels, double value)
{
    atomic_store_explicit(&slot_of(metric, labels)->value, as_bits(value),
                          memory_order_relaxed);
}

static const double *bounds_of(enum fb_metric metric)
{
    return metrics[metric].kind == SIZES ? sizes : seconds;
}

void fb_metric_observe(enum fb_metric metric, const char *labels, double value)
{
    struct slot *slot = slot_of(metric, labels);
    const double *bounds = bounds_of(metric);
    size_t i = 0;
    while (i < BOUNDS_MAX && value > bounds[i])
        i++;
    atomic_fetch_add_explicit(&slot->bucket[i], 1, memory_order_relaxed);
    uint_least64_t was = atomic_load_explicit(&slot->value, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&slot->value, &was,
                                                  as_bits(as_double(was) + value),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

/* A label's value, as the exposition format wants it. */
static void put_escaped(struct fb_text *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\\' || p[i] == '"')
            fb_text_char(out, '\\');
        if (p[i] == '\n')
            fb_text_str(out, "\\n");
        else
            fb_text_char(out, p[i]);
    }
}

/* `{a="1",b="2",le="..."}` from "a,b" and "1,2": the last label takes whatever is left. */
static void put_labels(struct fb_text *out, const char *names, const char *values,
                       const char *le)
{
    char open = '{';
    while (*names != 0) {
        size_t n = strcspn(names, ",");
        size_t m = names[n] == ',' ? strcspn(values, ",") : strlen(values);
        fb_text_char(out, open);
        fb_text_put(out, names, n);
        fb_text_str(out, "=\"");
        put_escaped(out, values, m);
        fb_text_char(out, '"');
        names += n + (names[n] == ',');
        values += m + (values[m] == ',');
        open = ',';
    }
    if (le != NULL)
        fb_text_format(out, "%cle=\"%s\"", open, le);
    if (le != NULL || open == ',')
        fb_text_char(out, '}');
}

static void put_histogram(struct fb_text *out, enum fb_metric metric, struct slot *slot)
{
    const char *name = metrics[metric].name, *labels = metrics[metric].labels;
    const double *bounds = bounds_of(metric);
    uint64_t sum = 0;
    for (size_t i = 0; i <= BOUNDS_MAX; i++) {
        char le[32];
        snprintf(le, sizeof le, "%.10g", i < BOUNDS_MAX ? bounds[i] : 0);
        sum += atomic_load_explicit(&slot->bucket[i], memory_order_relaxed);
        fb_text_format(out, "%s_bucket", name);
        put_labels(out, labels, slot->labels, i < BOUNDS_MAX ? le : "+Inf");
        fb_text_format(out, " %llu\n", (unsigned long long)sum);
    }
    fb_text_format(out, "%s_sum", name);
    put_labels(out, labels, slot->labels, NULL);
    fb_text_format(out, " %.10g\n%s_count", as_double(atomic_load(&slot->value)), name);
    put_labels(out, labels, slot->labels, NULL);
    fb_text_format(out, " %llu\n", (unsigned long long)sum);
}

static void put_slot(struct fb_text *out, enum fb_metric metric, struct slot *slot)
{
    if (metrics[metric].kind >= HISTOGRAM) {
        put_histogram(out, metric, slot);
        return;
    }
    fb_text_str(out, metrics[metric].name);
    put_labels(out, metrics[metric].labels, slot->labels, NULL);
    if (metrics[metric].kind == COUNTER)
        fb_text_format(out, " %llu\n", (unsigned long long)atomic_load(&slot->count));
    else
        fb_text_format(out, " %.15g\n", as_double(atomic_load(&slot->value)));
}

void fb_metrics_print(struct fb_text *out)
{
    for (enum fb_metric m = 0; m < FB_METRIC_COUNT; m++) {
        bool headed = false;
        for (size_t i = 0; i <= SLOTS_MAX; i++) {
            struct slot *slot = &slots[m][i];
            if (!atomic_load_explicit(&slot->made, memory_order_acquire))
                continue;
            if (!headed)
                fb_text_format(out, "# HELP %s %s\n# TYPE %s %s\n", metrics[m].name,
                               metrics[m].help, metrics[m].name, type_names[metrics[m].kind]);
            headed = true;
            put_slot(out, m, slot);
        }
    }
}

static double slot_value(enum fb_metric metric, struct slot *slot)
{
    return metrics[metric].kind == COUNTER ? (double)atomic_load(&slot->count)
                                           : as_double(atomic_load(&slot->value));
}

double fb_metric_value(enum fb_metric metric, const char *labels)
{
    double sum = 0;
    for (size_t i = 0; i <= SLOTS_MAX; i++) {
        struct slot *slot = &slots[metric][i];
        if (atomic_load_explicit(&slot->made, memory_order_acquire) &&
            (labels == NULL || strcmp(slot->labels, labels) == 0))
            sum += slot_value(metric, slot);
    }
    return sum;
}
