/* tests/unit/test_cycle.c -- recursion on a stack, each letter a call. */
#include "support/check.h"
#include "unwind/walk.h"

#include <string.h>

static const struct {
    const char *calls;
    size_t at, length, rounds;
} rows[] = {
    {"",                                     0, 0, 0},
    {"A",                                    0, 0, 0},
    {"ABCDEF",                               0, 0, 0},
    {"AAA",                                  0, 0, 0}, // three rounds may be chance
    {"AAAA",                                 0, 1, 4},
    {"XYAAAAAZ",                             2, 1, 5},
    {"XABABABABY",                           1, 2, 4},
    {"ABABABABA",                            0, 2, 4}, // the last round is not full
    {"AAAABCBCBCBCBC",                       4, 2, 5}, // the one that covers more
    {"ABCDEFGHABCDEFGHABCDEFGHABCDEFGH",     0, 8, 4},
    {"ABCDEFGHIABCDEFGHIABCDEFGHIABCDEFGHI", 0, 0, 0}, // too long a round
};

static size_t lay(const char *calls, bool named, struct fb_frame *v)
{
    size_t n = strlen(calls);
    for (size_t i = 0; i < n; i++) {
        v[i] = (struct fb_frame){.resume = (fb_addr)calls[i]};
        if (named) { // within a function the call may stand elsewhere
            v[i].resume = i;
            v[i].function = "f";
            v[i].function_at = (fb_addr)calls[i];
        }
    }
    return n;
}

int main(void)
{
    struct fb_frame v[64];
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int named = 0; named < 2; named++) {
            struct fb_stack stack = {.v = v, .n = lay(rows[i].calls, named, v)};
            struct fb_cycle c = fb_stack_cycle(&stack);
            CHECK(rows[i].calls, c.at == rows[i].at && c.length == rows[i].length &&
                                     c.rounds == rows[i].rounds);
        }
    return check_done();
}
