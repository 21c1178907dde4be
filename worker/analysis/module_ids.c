/*
 * worker/analysis/module_ids.c -- which build a module is, in words. Dumps list hundreds of
 * modules and reports name a few, so this waits until somebody asks.
 */
#include "dump.h"

enum { UUID_DIGITS = 32 };

const char *fb_module_debug_id(const struct fb_module *module, char out[FB_DEBUG_ID_ROOM])
{
    fb_build_debug_id(&module->build, out);
    return out[0] != 0 ? out : NULL;
}

static void spell_uuid(const struct fb_module *module, char out[FB_CODE_ID_ROOM])
{
    char id[FB_DEBUG_ID_ROOM];
    fb_build_debug_id(&module->build, id);
    size_t n = 0;
    for (; n < UUID_DIGITS && id[n] != 0; n++)
        out[n] = id[n] >= 'A' && id[n] <= 'F' ? (char)(id[n] - 'A' + 'a') : id[n];
    out[n] = 0;
}

const char *fb_module_code_id(const struct fb_module *module, char out[FB_CODE_ID_ROOM])
{
    switch (module->code_id) {
    case FB_CODE_ID_PE:
        fb_pe_code_id(module->timestamp, module->size, out);
        return out;
    case FB_CODE_ID_BUILD:
        fb_elf_code_id(module->build.id, out);
        return out;
    case FB_CODE_ID_UUID:
        spell_uuid(module, out);
        return out;
    case FB_CODE_ID_NONE:
        break;
    }
    return NULL;
}

const char *fb_module_version(const struct fb_module *module, char out[FB_VERSION_ROOM])
{
    const uint32_t *v = module->version;
    struct fb_text text = fb_text_over(out, FB_VERSION_ROOM);
    for (size_t i = 0; i < 4; i++) {
        fb_text_str(&text, i > 0 ? "." : "");
        fb_text_dec(&text, v[i]);
    }
    return (v[0] | v[1] | v[2] | v[3]) != 0 ? out : NULL;
}

bool fb_module_same_ids(const struct fb_module *a, const struct fb_module *b)
{
    bool pe = a->code_id == FB_CODE_ID_PE;
    return a->code_id == b->code_id && fb_same_build(&a->build, &b->build) &&
           (!pe || (a->timestamp == b->timestamp && a->size == b->size));
}
