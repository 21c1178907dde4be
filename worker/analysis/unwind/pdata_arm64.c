/*
 * worker/analysis/unwind/pdata_arm64.c -- callers by the unwind data of Windows on ARM64.
 *
 * An entry says where a function begins, its record how long it is. Code without an entry is a
 * leaf: it has not touched the stack nor a register that it would have to restore.
 */
#include "unwind/pdata_arm64.h"

struct table { // of entries, by where their functions begin
    fb_addr base;
    struct fb_span entries;
    bool whole; // code of `image` that has no entry needs none
    const struct fb_image *image;
};

static bool of_image(const struct fb_unwinder *w, fb_addr a, struct table *out)
{
    const struct fb_module *module = fb_code_module(w, a);
    const struct fb_image *image = fb_code_image(w, module);
    if (image == NULL || image->kind != FB_IMAGE_PE || image->arch != FB_ARM64)
        return false;
    struct fb_span entries = fb_image_at(image, image->exceptions.rva, image->exceptions.size);
    *out = (struct table){module->base, entries, entries.n == image->exceptions.size, image};
    return entries.n >= FB_ARM64_ENTRY;
}

/* Registered tables are in address order. */
static bool registered(const struct fb_unwinder *w, fb_addr a, struct table *out)
{
    const struct fb_function_table *v = w->env->dump->function_tables;
    size_t low = 0, high = w->env->dump->n_function_tables;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (v[middle].start <= a)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || a >= v[low - 1].end || v[low - 1].entry_size != FB_ARM64_ENTRY)
        return false;
    *out = (struct table){.base = v[low - 1].base, .entries = v[low - 1].entries};
    return true;
}

static uint32_t word_of(const struct table *t, size_t entry, size_t word)
{
    struct fb_reader r = {.in = t->entries, .at = entry * FB_ARM64_ENTRY + word * 4};
    return fb_read_u32(&r);
}

/* The last entry whose function begins at or before `rva`. @return false: none does */
static bool find_entry(const struct table *t, uint64_t rva, size_t *out)
{
    size_t low = 0, high = t->entries.n / FB_ARM64_ENTRY;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (word_of(t, middle, 0) <= rva)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    *out = low - 1;
    return true;
}

enum found { NOT_KNOWN, LEAF, FUNCTION };

static enum found none(const struct table *t, fb_addr a)
{
    const struct fb_image_section *section =
        t->image != NULL ? fb_image_section(t->image, a - t->base) : NULL;
    return t->whole && section != NULL && section->executable ? LEAF : NOT_KNOWN;
}

static enum found find(const struct fb_unwinder *w, fb_addr a, fb_addr *begin,
                       struct fb_arm64_function *out)
{
    struct table t;
    size_t entry;
    if ((!of_image(w, a, &t) && !registered(w, a, &t)) || a < t.base)
        return NOT_KNOWN;
    if (!find_entry(&t, a - t.base, &entry))
        return none(&t, a);
    uint32_t unwind = word_of(&t, entry, 1);
    *begin = t.base + word_of(&t, entry, 0);
    bool packed = (unwind & 3) != 0;
    if (packed ? !fb_arm64_packed(unwind, out)
               : !fb_arm64_xdata(fb_code_bytes(w, t.base + unwind, FB_ARM64_XDATA_MAX), out))
        return NOT_KNOWN;
    return (a - *begin) / 4 < out->length ? FUNCTION : none(&t, a);
}

bool fb_pdata_arm64_function(const struct fb_unwinder *w, fb_addr a, fb_addr *begin,
                             fb_addr *end)
{
    struct fb_arm64_function f;
    fb_addr at;
    if (find(w, a, &at, &f) != FUNCTION)
        return false;
    *begin = at;
    *end = at + f.length * UINT64_C(4);
    return true;
}

static bool leaf(const struct fb_unwinder *w, const struct fb_frame *callee,
                 struct fb_caller *caller)
{
    static const struct fb_span no_codes;
    return callee->exact && fb_reg_known(&callee->regs, FB_LR64) &&
           fb_return_evidence(w, callee->regs.v[FB_LR64]) >= FB_EVIDENCE_LIKELY &&
           fb_arm64_undo(w, callee, no_codes, 0, caller);
}

/* A call stands in a prolog or an epilog where it does part of its work, as MSVC's cookies do.
 * Its code then counts as not run, in frames that have made it as in the one interrupted. */
bool fb_unwind_pdata_arm64(const struct fb_unwinder *w, const struct fb_frame *callee,
                           struct fb_caller *caller)
{
    struct fb_arm64_function f;
    fb_addr begin;
    switch (find(w, callee->lookup, &begin, &f)) {
    case FUNCTION:
        break;
    case LEAF:
        return leaf(w, callee, caller);
    case NOT_KNOWN:
        return false;
    }
    uint32_t at = (uint32_t)((callee->lookup - begin) / 4);
    return fb_arm64_undo(w, callee, fb_arm64_codes(&f), fb_arm64_first_code(&f, at), caller);
}
