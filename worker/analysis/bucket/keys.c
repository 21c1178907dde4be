/*
 * worker/analysis/bucket/keys.c -- the order of the work: product, frames, signature, blame,
 * label, failure, hashes.
 */
#include "bucket/keys.h"

#include "bucket/ids.h"
#include "bucket/signature.h"

#include <string.h>

/* What clients call the product in their annotations, the surest first. */
static const char *const product_names[] = {"_productName", "prod", "ProductName", "product"};
enum { PRODUCT_MAX = 128 };

static const char *product_of(const struct fb_dump *dump, const char *argument)
{
    if (argument != NULL && argument[0] != 0)
        return argument;
    for (size_t k = 0; k < sizeof product_names / sizeof *product_names; k++)
        for (size_t i = 0; i < dump->n_annotations; i++) {
            const struct fb_pair *pair = &dump->annotations[i];
            if (pair->name != NULL && pair->value != NULL && pair->value[0] != 0 &&
                strcmp(pair->name, product_names[k]) == 0)
                return pair->value;
        }
    if (dump->bugcheck.present)
        return "windows kernel";
    const struct fb_modules *modules = &dump->modules;
    const char *program = modules->main < modules->n ? modules->v[modules->main].name : NULL;
    return program != NULL && program[0] != 0 ? program : "unknown";
}

static const char *copy_product(const char *product, struct fb_arena *arena)
{
    size_t n = strlen(product);
    char buffer[4 * PRODUCT_MAX + 1];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    fb_text_utf8(&text, (struct fb_span){(const uint8_t *)product,
                                         n < PRODUCT_MAX ? n : PRODUCT_MAX, 0});
    return fb_arena_text(arena, text.p, text.n);
}

struct fb_err fb_make_keys(struct fb_analysis *a, const char *product, struct fb_arena *arena)
{
    a->keys.product = copy_product(product_of(&a->dump, product), arena);
    if (a->keys.product == NULL)
        return FB_FAIL(LIMIT, "no room for the product's name", 0);
    struct fb_key_frames frames;
    struct fb_err err = fb_key_frames(a, arena, &frames);
    if (!fb_failed(err))
        err = fb_make_signature(a, &frames, arena);
    if (!fb_failed(err))
        err = fb_make_hashes(a, &frames, arena); // finds the blamed frame, too
    if (!fb_failed(err))
        err = fb_make_label(a, &frames, arena);
    if (!fb_failed(err))
        err = fb_make_failure(a, arena);
    return err;
}
