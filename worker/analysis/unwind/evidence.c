/*
 * worker/analysis/unwind/evidence.c -- what speaks for a word being a return address.
 *
 * Cheap questions come first, since a scan asks of every word on the stack: the range of
 * all modules, the module, the protection of its page; then the bytes before it, and last
 * of all the symbols.
 */
#include "symbols/symfile.h"
#include "unwind/returns.h"

enum {
    HEADER_SIZE = 0x1000,  // a Windows image begins with headers: no code in its first page
    FAR_APART = 64 * 1024, // hardly a function is longer
    KERNEL_BIT = 55
};

bool fb_may_execute(const struct fb_unwinder *w, fb_addr a)
{
    const struct fb_place *place = fb_place_at(w->places, a);
    if (place->page != NULL)
        return (place->page->access & FB_PAGE_EXECUTE) != 0;
    return place->module != NULL;
}

fb_addr fb_code_unsigned(const struct fb_unwinder *w, uint64_t word)
{
    if (fb_code_module(w, word) != NULL)
        return word;
    fb_addr plain =
        (word >> KERNEL_BIT & 1) != 0 ? word | w->not_address : word & ~w->not_address;
    return plain != word && fb_code_module(w, plain) != NULL ? plain : word;
}

static bool begins(const char *path, const char *lower)
{
    for (; *lower != 0; path++, lower++) {
        char c = *path >= 'A' && *path <= 'Z' ? (char)(*path - 'A' + 'a') : *path;
        if (c != *lower)
            return false;
    }
    return true;
}

bool fb_of_system(const struct fb_module *module)
{
    static const char *const folders[] = {":\\windows\\", "/lib", "/usr/lib", "/system/",
                                          "/apex/"};
    const char *path = module != NULL && module->path != NULL ? module->path : "";
    if (path[0] != 0 && path[0] != '/')
        path++; // the drive
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (begins(path, folders[i]))
            return true;
    return false;
}

/* The function at `a`, whose name is not kept. @return false: no symbol */
static bool function_at(const struct fb_unwinder *w, const struct fb_module *module, fb_addr a,
                        uint64_t *start)
{
    const struct fb_symbols *symbols = w->env->symbols;
    const struct fb_symfile *file = fb_code_symfile(w, module);
    struct fb_symbol found;
    if (file != NULL)
        return fb_symfile_function(file, a - module->base, start);
    size_t before = w->arena->used;
    bool hit = symbols->lookup(symbols->self, module, a - module->base, w->arena, &found);
    fb_arena_give_back(w->arena, w->arena->used - before);
    if (hit)
        *start = found.function_rva;
    return hit;
}

static bool has_symbols(const struct fb_unwinder *w, const struct fb_module *module)
{
    return fb_code_symbols(w, module) == FB_SYMBOLS_LOADED;
}

bool fb_function_entry(const struct fb_unwinder *w, fb_addr a, fb_addr *out)
{
    const struct fb_module *module = fb_code_module(w, a);
    fb_addr begin, end;
    uint64_t rva;
    if (fb_pdata_x64_function(w, a, &begin, &end, out))
        return true;
    if (module == NULL || !has_symbols(w, module) || !function_at(w, module, a, &rva))
        return false;
    *out = module->base + rva;
    return true;
}

bool fb_other_function(const struct fb_unwinder *w, fb_addr a, fb_addr b)
{
    const struct fb_module *in_a = fb_code_module(w, a), *in_b = fb_code_module(w, b);
    uint64_t start_a, start_b;
    if (in_a != in_b)
        return true;
    if (in_a != NULL && has_symbols(w, in_a) && function_at(w, in_a, a, &start_a) &&
        function_at(w, in_a, b, &start_b))
        return start_a != start_b;
    return (a > b ? a - b : b - a) > FAR_APART;
}

/* Symbols refute an address that no function covers, and a pointer to a function: unless a call
 * stands before it, which then does not return. */
static bool symbols_refute(const struct fb_unwinder *w, const struct fb_module *module,
                           fb_addr a, bool after_call)
{
    uint64_t start;
    if (!has_symbols(w, module))
        return false;
    if (!function_at(w, module, a - 1, &start))
        return true;
    return !after_call && function_at(w, module, a, &start) && start == a - module->base;
}

/* What speaks for `a`, which lies in code: `pointer`, where the machine has Thumb code. */
static enum fb_evidence judge(const struct fb_unwinder *w, fb_addr a, fb_addr pointer)
{
    const struct fb_module *module = fb_place_at(w->places, a)->module;
    if (module != NULL && w->env->dump->system.os == FB_WINDOWS &&
        a - module->base < HEADER_SIZE)
        return FB_EVIDENCE_NONE;
    enum fb_call_kind call = fb_call_before(w, pointer).kind;
    bool proved = call > FB_CALL_NONE;
    if (call == FB_CALL_NONE || (module != NULL && symbols_refute(w, module, a, proved)))
        return FB_EVIDENCE_NONE;
    return proved ? FB_EVIDENCE_PROVED : FB_EVIDENCE_LIKELY;
}

enum fb_evidence fb_return_evidence(const struct fb_unwinder *w, uint64_t word)
{
    fb_addr a = fb_code_address(w, word), pointer = w->thumb != 0 ? word : a;
    enum fb_evidence most = fb_place_returns(w->places, a);
    if (most < FB_EVIDENCE_LIKELY)
        return most;
    struct fb_return own, *known = fb_return_at(w, pointer, &own);
    if (known->has_evidence) // and costs what it has cost
        return !known->has_call || fb_work_take(w->env->work, FB_WORK_CALLS, 1)
                   ? known->evidence
                   : FB_EVIDENCE_NONE;
    known->evidence = judge(w, a, pointer);
    known->has_evidence = true;
    return known->evidence;
}

void fb_regs_in_call(const struct fb_unwinder *w, const struct fb_frame *frame,
                     struct fb_regs *out)
{
    fb_regs_copy(out, &frame->regs);
    if (fb_reg_known(out, w->names->sp))
        out->v[w->names->sp] -= frame->popped;
}

bool fb_process_read(const struct fb_unwinder *w, fb_addr a, size_t n, uint64_t *out)
{
    return (n == w->names->word && fb_stack_word(w, a, out)) ||
           fb_memory_read(&w->env->dump->memory, a, n, out);
}
