/*
 * worker/analyser.c -- unpack, decompress, analyse, pack: all of it inside a child that may
 * die of it.
 */
#include "analyser.h"

#include "analyze.h"
#include "envelope_reader.h"
#include "files.h"
#include "outcome.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zstd.h>

enum { DUMP_MAX = 256 << 20, WINDOW_LOG_MAX = 27, FIELDS_MAX = 512, ARENA_KEPT = 16 << 20 };

struct analyser {
    struct fb_analyze_input input;
    struct fb_arena arena;
    struct fb_arena dump; // holds the dump itself
    ZSTD_DCtx *zstd;
};

static void *start(const struct fb_config *config)
{
    struct analyser *self = calloc(1, sizeof *self);
    if (self == NULL)
        return NULL;
    self->arena = fb_arena_map(
        (size_t)fb_config_number(config, FB_OPT_WORKER_MEMORY, 16 << 20, 1LL << 40));
    self->dump = fb_arena_map(DUMP_MAX);
    self->zstd = ZSTD_createDCtx();
    fb_analyze_open(&self->input);
    if (self->arena.base == NULL || self->dump.base == NULL || self->zstd == NULL)
        return NULL;
    ZSTD_DCtx_setParameter(self->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    return self;
}

/* Back to the system with what an unusually large dump used, so that a child's size stays that
 * of its usual work. */
static void forget(struct fb_arena *arena)
{
    size_t used = arena->used;
    fb_arena_reset(arena);
    if (used > ARENA_KEPT)
        madvise(arena->base, used, MADV_DONTNEED);
}

/* The dump of the envelope, decompressed. @return why not, NULL when `*out` is set */
static const char *unpack_dump(struct analyser *self, const Faultbucket__Envelope *envelope,
                               struct fb_span *out)
{
    if (envelope->dump_zstd.len == 0)
        return "the envelope holds no dump";
    if (envelope->dump_size > DUMP_MAX)
        return "the dump is larger than an analyser takes";
    uint8_t *room = (uint8_t *)fb_arena_take(&self->dump, envelope->dump_size);
    size_t n = ZSTD_decompressDCtx(self->zstd, room, envelope->dump_size,
                                   envelope->dump_zstd.data, envelope->dump_zstd.len);
    if (ZSTD_isError(n))
        return "the dump cannot be decompressed";
    *out = (struct fb_span){room, n, 0};
    return n == envelope->dump_size ? NULL : "the dump is shorter than the envelope says";
}

static struct fb_pair *fields_of(const Faultbucket__Envelope *envelope, struct fb_arena *arena,
                                 size_t *n)
{
    *n = envelope->n_fields < FIELDS_MAX ? envelope->n_fields : FIELDS_MAX;
    struct fb_pair *v = FB_NEW(arena, struct fb_pair, *n);
    for (size_t i = 0; v != NULL && i < *n; i++)
        v[i] = (struct fb_pair){envelope->fields[i]->name, envelope->fields[i]->value};
    return v;
}

/* Fill `out`. @return why there is no analysis, NULL when there is one */
static const char *analyse(struct analyser *self, const Faultbucket__Envelope *envelope,
                           Faultbucket__Analysis *out)
{
    const char *reason = unpack_dump(self, envelope, &self->input.file);
    if (reason != NULL)
        return reason;
    self->input.sha256 =
        (struct fb_span){envelope->dump_sha256.data, envelope->dump_sha256.len, 0};
    self->input.product = envelope->product;
    self->input.fields = fields_of(envelope, &self->arena, &self->input.n_fields);
    if (self->input.fields == NULL)
        return "the analysis needs more memory than an analyser may use";
    struct fb_analysis *a;
    struct fb_err err = fb_analyze(&self->input, &self->arena, &a);
    if (fb_failed(err))
        return err.what;
    const char *json = fb_analysis_json(a, NULL, &self->arena);
    if (json == NULL || fb_failed(fb_outcome(a, envelope, json, &self->arena, out)))
        return "the analysis needs more memory than an analyser may use";
    return NULL;
}

static size_t pack(const Faultbucket__Analysis *out, uint8_t *answer, size_t room)
{
    return faultbucket__analysis__get_packed_size(out) <= room
               ? faultbucket__analysis__pack(out, answer)
               : 0;
}

static size_t work(void *user, struct fb_span job, uint8_t *answer, size_t room)
{
    struct analyser *self = user;
    Faultbucket__Analysis out;
    faultbucket__analysis__init(&out);
    Faultbucket__Envelope *envelope = fb_envelope_unpack(job);
    const char *reason =
        envelope != NULL ? analyse(self, envelope, &out) : "not an envelope of ours";
    size_t n = reason == NULL ? pack(&out, answer, room) : 0;
    if (n == 0) {
        faultbucket__analysis__init(&out);
        out.schema = 1;
        const char *why =
            reason != NULL ? reason : "the analysis is larger than an answer may be";
        out.error = (char *)(uintptr_t)why; // protobuf-c only reads it;
        n = pack(&out, answer, room);
    }
    fb_envelope_free(envelope);
    forget(&self->arena);
    forget(&self->dump);
    return n;
}

const struct fb_work fb_analyser_work = {start, work};
