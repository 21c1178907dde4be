/* worker/analysis/unwind/cycle.c -- recursion: rounds of the same few calls. */
#include "unwind/walk.h"

enum { LENGTH_MAX = 8, ROUNDS_MIN = 4 };

/* The same function, however deep in it the call stands; the same call without symbols. */
static bool same_call(const struct fb_frame *a, const struct fb_frame *b)
{
    if (a->function != NULL && b->function != NULL)
        return a->function_at == b->function_at;
    return a->resume == b->resume;
}

static size_t covered(const struct fb_cycle *cycle) { return cycle->length * cycle->rounds; }

/* The longest run in which each frame is that of `length` before it. */
static void find_rounds(const struct fb_stack *stack, size_t length, struct fb_cycle *best)
{
    size_t same = 0;
    for (size_t i = length; i < stack->n; i++) {
        same = same_call(&stack->v[i], &stack->v[i - length]) ? same + 1 : 0;
        struct fb_cycle cycle = {i + 1 - same - length, length, same / length + 1};
        if (cycle.rounds >= ROUNDS_MIN && covered(&cycle) > covered(best))
            *best = cycle;
    }
}

struct fb_cycle fb_stack_cycle(const struct fb_stack *stack)
{
    struct fb_cycle best = {0};
    for (size_t length = 1; length <= LENGTH_MAX && length * ROUNDS_MIN <= stack->n; length++)
        find_rounds(stack, length, &best);
    return best;
}
