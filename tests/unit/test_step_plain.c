/*
 * tests/unit/test_step_plain.c -- the quick decoder against Capstone, instruction by
 * instruction, over all code in the images of the crash lab and, when it is there, of the
 * corpus.
 *
 * Every byte of a code section is taken as the beginning of an instruction, so that also what
 * no compiler writes is seen.
 */
#include "disasm/step_plain.h"
#include "support/check.h"
#include "support/whole.h"
#include "symbols/image.h"

#include <fts.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 16 << 20, STRIDE = 7, SHOWN = 20 };

static size_t handles[FB_ARCH_OTHER], compared, plain, shown;

/* On x86 a constant means the same with and without its sign extended. */
static bool same(enum fb_arch arch, const struct fb_step *a, const struct fb_step *b)
{
    uint64_t differ = (uint64_t)a->constant ^ (uint64_t)b->constant;
    return a->kind == b->kind && a->length == b->length && a->to == b->to &&
           a->from == b->from && (arch == FB_X86 ? (uint32_t)differ : differ) == 0 &&
           a->target_known == b->target_known && (!a->target_known || a->target == b->target) &&
           a->writes == b->writes;
}

static void show(const char *path, struct fb_span code, const struct fb_step *s)
{
    fprintf(
        stderr,
        "  %s: kind %d length %d to %d from %d constant %lld target %llx writes %llx; bytes",
        path, s->kind, s->length, s->to, s->from, (long long)s->constant,
        (unsigned long long)s->target, (unsigned long long)s->writes);
    for (size_t i = 0; i < code.n; i++)
        fprintf(stderr, " %02x", code.p[i]);
    fputc('\n', stderr);
}

static void compare(const char *path, enum fb_arch arch, struct fb_span code, fb_addr at)
{
    struct fb_step quick, slow;
    compared++;
    if (!fb_step_plain(arch, code, at, &quick))
        return;
    plain++;
    bool known = fb_step_capstone(handles[arch], arch, code, at, &slow);
    if (!CHECK(path, known && same(arch, &quick, &slow)) && shown++ < SHOWN) {
        show("quick", code, &quick);
        if (known)
            show("capstone", code, &slow);
    }
}

static void one_image(const char *path, uint8_t *room)
{
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_span file = whole_file(path);
    struct fb_image *image = NULL;
    if (!fb_failed(fb_image_read(file, &arena, &image)) &&
        (image->arch == FB_X86 || image->arch == FB_AMD64))
        for (size_t i = 0; i < image->n_sections; i++) {
            const struct fb_image_section *s = &image->sections[i];
            for (uint64_t at = 0; s->executable && at < s->size; at += STRIDE)
                compare(path, image->arch, fb_image_at(image, s->rva + at, 15), s->rva + at);
        }
    fb_arena_reset(&arena);
    free((void *)(uintptr_t)file.p);
}

static void folder(char *path, uint8_t *room)
{
    char *const roots[] = {path, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    for (FTSENT *entry; tree != NULL && (entry = fts_read(tree)) != NULL;)
        if (entry->fts_info == FTS_F)
            one_image(entry->fts_path, room);
    if (tree != NULL)
        fts_close(tree);
}

int main(void)
{
    uint8_t *room = malloc(ROOM);
    char golden[] = "tests/golden/images", corpus[4096];
    const char *where = getenv("FAULTBUCKET_CORPUS");
    snprintf(corpus, sizeof corpus, "%s/images", where != NULL ? where : "../shared/corpus");
    handles[FB_X86] = fb_disasm_open(FB_X86);
    handles[FB_AMD64] = fb_disasm_open(FB_AMD64);
    folder(golden, room);
    folder(corpus, room);
    CHECK("many are plain", plain * 3 > compared);
    printf("%zu places, %zu plain\n", compared, plain);
    fb_disasm_close(handles[FB_X86]);
    fb_disasm_close(handles[FB_AMD64]);
    free(room);
    return check_done();
}
