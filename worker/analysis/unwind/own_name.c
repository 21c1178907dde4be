/*
 * worker/analysis/unwind/own_name.c -- is the nearest name that an image has the name of the
 * function?
 *
 * Windows' unwind data says where functions begin: at the name, and it is certain; behind it,
 * and the name is another function's. Without such data the guess stands.
 */
#include "unwind/ladder.h"

/* The first part of the function that holds `a`. On ARM64 each part is one by itself. */
static bool begin_of(const struct fb_unwinder *w, enum fb_arch arch, fb_addr a, fb_addr *out)
{
    fb_addr begin, end;
    return arch == FB_AMD64 ? fb_pdata_x64_function(w, a, &begin, &end, out)
                            : arch == FB_ARM64 && fb_pdata_arm64_function(w, a, out, &end);
}

/* A leaf function has no entry; it ends where an entry begins, or begins behind one. */
static bool another_ends_before(const struct fb_unwinder *w, enum fb_arch arch, fb_addr name,
                                fb_addr a)
{
    fb_addr begin;
    return begin_of(w, arch, name, &begin) && !begin_of(w, arch, a, &begin);
}

bool fb_code_own_name(const struct fb_unwinder *w, const struct fb_module *module, uint64_t rva,
                      struct fb_arena *arena, struct fb_symbol *out)
{
    const struct fb_image *image = fb_code_image(w, module);
    if (image == NULL || !fb_code_nearest(w, module, rva, arena, out))
        return false;
    fb_addr name = module->base + out->function_rva, begin;
    if (!out->nearest || image->kind != FB_IMAGE_PE)
        return true;
    if (!begin_of(w, image->arch, module->base + rva, &begin))
        return !another_ends_before(w, image->arch, name, module->base + rva);
    out->nearest = begin != name;
    return begin <= name;
}
