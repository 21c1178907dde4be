/* worker/analysis/unwind/stack_records.c -- symbol file, registers and memory, for the rungs
 * that read STACK records. */
#include "unwind/stack_records.h"

const struct fb_symfile *fb_record_symfile(const struct fb_unwinder *w, fb_addr a,
                                           uint64_t *rva)
{
    const struct fb_module *module = w->env->symbols != NULL ? fb_code_module(w, a) : NULL;
    if (module == NULL)
        return NULL;
    *rva = a - module->base;
    return fb_code_symfile(w, module);
}

/* Names that the producers use besides ours. */
static const struct {
    enum fb_arch arch;
    const char *name;
    int reg;
} aliases[] = {
    {FB_ARM64, "x29", FB_FP64},
    {FB_ARM64, "x30", FB_LR64},
    {FB_ARM64, "x31", FB_SP64},
    {FB_ARM,   "r11", FB_FP32},
    {FB_ARM,   "r13", FB_SP32},
    {FB_ARM,   "r14", FB_LR32},
    {FB_ARM,   "r15", FB_PC32},
};

/* Like fb_span_is, for names so short that no library need be called. */
static bool is_named(struct fb_span name, const char *text)
{
    for (size_t i = 0; i < name.n; i++)
        if (text[i] == 0 || (uint8_t)text[i] != name.p[i])
            return false;
    return text[name.n] == 0;
}

int fb_record_register(const struct fb_unwinder *w, struct fb_span name)
{
    if (name.n != 0 && name.p[0] == '$')
        name = (struct fb_span){name.p + 1, name.n - 1, 0};
    for (size_t i = 0; i < w->names->n; i++)
        if (is_named(name, w->names->name[i]))
            return (int)i;
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (aliases[i].arch == w->env->dump->system.arch && is_named(name, aliases[i].name))
            return aliases[i].reg;
    return -1;
}

uint64_t fb_record_mask(const struct fb_unwinder *w)
{
    return w->names->word == sizeof(uint32_t) ? UINT32_MAX : UINT64_MAX;
}
