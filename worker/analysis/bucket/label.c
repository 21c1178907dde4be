/*
 * worker/analysis/bucket/label.c -- the parameters that Windows Error Reporting would have sent
 * for this crash, and the id that its service computes from them.
 *
 *   APPCRASH      program, version, stamp, module, version, stamp, code, offset
 *   BEX, BEX64    program, version, stamp, module, version, stamp, offset, code, data
 *   BlueScreen    code, its four parameters, system, service pack, product
 *
 * BEX, a "buffer exception", is the event of execution prevention, stack cookies and fast
 * fails. What Windows puts in the place of a module that it cannot find is a hash of the stack
 * that only Windows can compute; ours stands in the same place, and is stable.
 */
#include "bucket/codes.h"
#include "bucket/ids.h"
#include "bucket/name_parts.h"

enum { EXECUTE = 8, STACK_HASH_FRAMES = 8 };

/* --- ids ---------------------------------------------------------------------------- */

static void put_part(struct fb_text *text, const char *s)
{
    fb_text_str(text, s);
    fb_text_char(text, '/');
}

struct fb_err fb_label_ids(const char *event_type, const char *const *parameters, size_t n,
                           struct fb_arena *arena, char id[33], uint64_t *legacy)
{
    struct fb_text label = fb_text_open(arena);
    put_part(&label, event_type);
    for (size_t i = 0; i < n; i++)
        put_part(&label, parameters[i]);
    fb_lower_all(label.p, label.n);
    size_t length = label.n;
    const char *text = fb_text_close(&label, arena);
    if (text == NULL)
        return FB_FAIL(LIMIT, "no room for the label", 0);
    uint8_t digest[FB_MD5_SIZE];
    fb_md5(text, length, digest);
    fb_hex(digest, sizeof digest, id);
    uint64_t last = 0;
    for (size_t i = FB_MD5_SIZE - 8; i < FB_MD5_SIZE; i++)
        last = last << 8 | digest[i];
    *legacy = UINT64_C(1) << 60 | (last & UINT64_C(0x0FFFFFFFFFFFFFFF));
    return FB_NO_ERR;
}

/* --- where it happened -------------------------------------------------------------- */

struct fault {
    const char *module, *version;
    const char *suffix; // of the module's name
    uint32_t timestamp;
    uint64_t offset;
    char hash[16], room[FB_VERSION_ROOM];
};

static const struct fb_unloaded *unloaded_at(const struct fb_dump *dump, fb_addr at)
{
    for (size_t i = 0; i < dump->n_unloaded; i++)
        if (at >= dump->unloaded[i].base &&
            at - dump->unloaded[i].base < dump->unloaded[i].size)
            return &dump->unloaded[i];
    return NULL;
}

/* Four digits that tell stacks apart; zeros when there is no stack to speak of. */
static void stack_hash(const struct fb_key_frames *frames, struct fault *fault)
{
    struct fb_hash hash;
    fb_sha256_start(&hash);
    size_t used = 0;
    for (size_t i = 0; i < frames->n && used < STACK_HASH_FRAMES; i++) {
        const struct fb_key_frame *f = &frames->v[i];
        if (f->class == FB_FRAME_LOW || f->name == NULL)
            continue;
        fb_sha256_add(&hash, f->name, strlen(f->name) + 1);
        used++;
    }
    uint8_t digest[FB_SHA256_SIZE] = {0};
    if (used != 0)
        fb_sha256_end(&hash, digest);
    struct fb_text text = fb_text_over(fault->hash, sizeof fault->hash);
    fb_text_str(&text, "StackHash_");
    fb_text_hex(&text, (uint64_t)digest[0] << 8 | digest[1], 4);
    fault->module = fault->hash;
}

static const char *version_of(const struct fb_module *m, char room[FB_VERSION_ROOM])
{
    const char *version = m != NULL ? fb_module_version(m, room) : NULL;
    return version != NULL ? version : "0.0.0.0";
}

static void find_fault(const struct fb_analysis *a, const struct fb_key_frames *frames,
                       struct fault *out)
{
    const struct fb_dump *dump = &a->dump;
    fb_addr at = dump->system.os == FB_WINDOWS && dump->exception.address != 0
                     ? dump->exception.address
                     : a->crash.ip;
    const struct fb_module *module = fb_module_at(&dump->modules, at);
    const struct fb_unloaded *gone = module == NULL ? unloaded_at(dump, at) : NULL;
    *out = (struct fault){.version = "0.0.0.0", .suffix = ""};
    if (module != NULL) {
        out->module = module->name;
        out->version = version_of(module, out->room);
        out->timestamp = module->timestamp;
        out->offset = at - module->base;
    } else if (gone != NULL) {
        out->module = gone->name;
        out->suffix = "_unloaded";
        out->timestamp = gone->timestamp;
        out->offset = at - gone->base;
    } else {
        stack_hash(frames, out);
    }
    if (out->module == NULL)
        out->module = "unknown";
}

/* --- the parameters ----------------------------------------------------------------- */

struct label {
    struct fb_keys *keys;
    struct fb_arena *arena;
    int digits; // of addresses
    bool full;
};

static void keep(struct label *label, const char *kept)
{
    label->full |= kept == NULL;
    label->keys->label.parameters[label->keys->label.n++] = kept;
}

static void add(struct label *label, const char *s)
{
    keep(label, fb_arena_text(label->arena, s, strlen(s)));
}

static void add_hex(struct label *label, uint64_t v, int digits)
{
    char buffer[17];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    fb_text_hex(&text, v, digits);
    add(label, buffer);
}

static void add_program(struct label *label, const struct fb_modules *modules)
{
    const struct fb_module *m = modules->main < modules->n ? &modules->v[modules->main] : NULL;
    char room[FB_VERSION_ROOM];
    add(label, m != NULL && m->name != NULL ? m->name : "unknown");
    add(label, version_of(m, room));
    add_hex(label, m != NULL ? m->timestamp : 0, 8);
}

static bool is_buffer_exception(const struct fb_dump *dump)
{
    const struct fb_exception *e = &dump->exception;
    if (dump->system.os != FB_WINDOWS)
        return false;
    return e->code == FB_WIN_FAST_FAIL || (e->code == FB_WIN_ACCESS_VIOLATION &&
                                           e->n_parameters > 0 && e->parameters[0] == EXECUTE);
}

static void add_module(struct label *label, const struct fault *fault)
{
    struct fb_text text = fb_text_open(label->arena);
    fb_text_str(&text, fault->module);
    fb_text_str(&text, fault->suffix);
    keep(label, fb_text_close(&text, label->arena));
}

static void add_crash(struct label *label, const struct fb_analysis *a,
                      const struct fb_key_frames *frames, bool buffer_exception)
{
    const struct fb_exception *e = &a->dump.exception;
    struct fault fault;
    find_fault(a, frames, &fault);
    add_module(label, &fault);
    add(label, fault.version);
    add_hex(label, fault.timestamp, 8);
    if (buffer_exception) {
        add_hex(label, fault.offset, label->digits);
        add_hex(label, e->code, 8);
        add_hex(label, e->n_parameters > 0 ? e->parameters[0] : 0, label->digits);
    } else {
        add_hex(label, e->code, 8);
        add_hex(label, fault.offset, label->digits);
    }
}

/* The code as recorded, the system as 10_0_19041. Folklore: the product
 * is 256_1, a workstation, in every report that was published; a dump does not say. */
static void add_bugcheck(struct label *label, const struct fb_dump *dump)
{
    char buffer[48];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    add_hex(label, dump->bugcheck.code, 1);
    for (size_t i = 0; i < FB_BUGCHECK_PARAMETERS; i++)
        add_hex(label, dump->bugcheck.parameters[i], label->digits);
    const struct fb_system *s = &dump->system;
    fb_text_format(&text, "%u_%u_%u", (unsigned)s->major, (unsigned)s->minor,
                   (unsigned)s->build);
    add(label, buffer);
    add(label, "0_0");
    add(label, "256_1");
}

struct fb_err fb_make_label(struct fb_analysis *a, const struct fb_key_frames *frames,
                            struct fb_arena *arena)
{
    enum fb_arch arch = a->dump.system.arch;
    bool narrow = arch == FB_X86 || arch == FB_ARM;
    bool buffer_exception = is_buffer_exception(&a->dump);
    struct label label = {.keys = &a->keys, .arena = arena, .digits = narrow ? 8 : 16};
    a->keys.label.n = 0;
    if (!a->dump.bugcheck.present)
        add_program(&label, &a->dump.modules);
    if (a->dump.bugcheck.present) {
        a->keys.label.event_type = "BlueScreen";
        add_bugcheck(&label, &a->dump);
    } else if (!a->crash.crashed) { // nothing that Windows would have reported
        a->keys.label.event_type = "DumpRequest";
    } else {
        const char *bex = narrow ? "BEX" : "BEX64";
        a->keys.label.event_type = buffer_exception ? bex : "APPCRASH";
        add_crash(&label, a, frames, buffer_exception);
    }
    if (label.full)
        return FB_FAIL(LIMIT, "no room for the label", 0);
    return fb_label_ids(a->keys.label.event_type, a->keys.label.parameters, a->keys.label.n,
                        arena, a->keys.label.id, &a->keys.label.legacy_id);
}
