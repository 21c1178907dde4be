/*
 * tests/unit/test_pdata_arm64_images.c -- every entry of the corpus' ARM64 images, decoded by
 * us and by llvm-readobj.
 *
 * What the tool prints of an entry is reduced to lines that we can print as well: its length,
 * its codes and where its epilogs are. LLVM 14 does not know two things, which are left out:
 * pac_sign_lr, which it calls bad, and what CR 2 means.
 */
#include "support/arm64_image.h"
#include "support/check.h"

#include <stdarg.h>
#include <string.h>

enum { LINES_MAX = 512, LINE = 96, ENTRIES_FLOOR = 20000, SHOWN = 5, CR_SIGNED = 2 };

struct lines {
    char v[LINES_MAX][LINE];
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void say(struct lines *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (l->n < LINES_MAX)
        vsnprintf(l->v[l->n++], LINE, format, args);
    va_end(args);
}

/* --- ours, in the words of the tool ------------------------------------------------- */

static void name(char *out, char file, unsigned reg, bool packed, bool link)
{
    if (file == 'x' && reg == FB_LR64 && (packed || link))
        snprintf(out, 8, "lr");
    else
        snprintf(out, 8, "%c%u", file, reg);
}

static void place(char *out, const struct fb_arm64_undo *u, bool epilog)
{
    if (u->rise == 0)
        snprintf(out, 32, "[sp, #%u]", u->at);
    else if (epilog)
        snprintf(out, 32, "[sp], #%u", u->rise);
    else
        snprintf(out, 32, "[sp, #-%u]!", u->rise);
}

static void moved(char *out, const struct fb_arm64_undo *u, bool epilog, bool packed)
{
    char first[8], second[8], where[32];
    bool link = u->n == 2 && u->second == FB_LR64 && u->first != FB_FP64;
    name(first, u->file, u->first, packed, false);
    name(second, u->file, u->second, packed, link);
    place(where, u, epilog);
    const char *verb = epilog ? "ld" : "st";
    if (u->n == 0)
        snprintf(out, LINE, "%s sp, %s#%u", epilog ? "add" : "sub", packed ? "sp, " : "",
                 u->rise);
    else if (u->n == 1)
        snprintf(out, LINE, "%sr %s, %s", verb, first, where);
    else
        snprintf(out, LINE, "%sp %s, %s, %s", verb, first, second, where);
}

static void text(char *out, const struct fb_arm64_undo *u, bool epilog, bool packed)
{
    static const char *const words[][2] = {
        [FB_UNDO_NOTHING] = {"nop",                   "nop"                  },
        [FB_UNDO_SIGN] = {"pacibsp",               "autibsp"              },
        [FB_UNDO_CALL] = {"clear unwound to call", "clear unwound to call"},
        [FB_UNDO_END] = {"end",                   "end"                  },
        [FB_UNDO_CONTINUE] = {"end_c",                 "end_c"                },
        [FB_UNDO_UNKNOWN] = {"?",                     "?"                    },
    };
    if (u->effect == FB_UNDO_MOVE)
        moved(out, u, epilog, packed);
    else if (u->effect == FB_UNDO_FRAME && u->at == 0 && packed)
        snprintf(out, LINE, "mov x29, sp");
    else if (u->effect == FB_UNDO_FRAME && u->at == 0)
        snprintf(out, LINE, epilog ? "mov sp, fp" : "mov fp, sp");
    else if (u->effect == FB_UNDO_FRAME)
        snprintf(out, LINE, epilog ? "sub sp, fp, #%u" : "add fp, sp, #%u", u->at);
    else
        snprintf(out, LINE, "%s", words[u->effect][0] != NULL ? words[u->effect][epilog] : "?");
}

static bool ends(const struct fb_arm64_undo *u)
{
    return u->effect == FB_UNDO_END || u->effect == FB_UNDO_CONTINUE;
}

static void codes(struct lines *l, struct fb_span all, size_t at, bool epilog)
{
    struct fb_arm64_undo u = {0};
    for (; !ends(&u) && fb_arm64_code(all, at, &u); at += u.length) {
        char words[LINE], hex[16] = "0x";
        text(words, &u, epilog, false);
        if (all.p[at] == 0xE6)
            snprintf(words, sizeof words, epilog ? "restore next" : "save next");
        if (u.effect == FB_UNDO_SIGN)
            snprintf(words, sizeof words, "Bad opcode!");
        for (size_t i = 0; i < u.length; i++)
            snprintf(hex + 2 + 2 * i, 3, "%02x", all.p[at + i]);
        say(l, "%s %s", hex, words);
    }
}

static void record(struct lines *l, const struct fb_arm64_function *f)
{
    say(l, "EpiloguePacked: %s", f->one_epilog ? "Yes" : "No");
    if (f->one_epilog)
        say(l, "EpilogueOffset: %zu", f->epilog);
    codes(l, f->codes, 0, false);
    struct fb_reader r = {.in = f->epilogs};
    while (fb_read_room(&r, 1, 4) != 0) {
        uint32_t scope = fb_read_u32(&r);
        say(l, "StartOffset: %u", scope & 0x3FFFF);
        say(l, "EpilogueStartIndex: %u", scope >> 22);
        codes(l, f->codes, scope >> 22, true);
    }
    /* The tool prints no codes of an epilog that shares the prolog's. */
    if (f->one_epilog && f->epilog != 0)
        codes(l, f->codes, f->epilog, true);
}

static void packed(struct lines *l, uint32_t unwind, const struct fb_arm64_function *f)
{
    struct fb_arm64_undo u = {0};
    struct fb_span all = fb_arm64_codes(f);
    bool signs = (unwind >> 21 & 3) == CR_SIGNED;
    for (size_t at = 0; !ends(&u) && fb_arm64_code(all, at, &u); at += u.length) {
        char words[LINE];
        text(words, &u, false, true);
        /* The tool has no word for x19 stored with lr at the bottom: neither code is shown. */
        if (strcmp(words, "stp x19, lr, [sp, #0]") == 0) {
            at += u.length;
            fb_arm64_code(all, at, &u);
            snprintf(words, sizeof words, "INVALID!");
        }
        say(l, "%s", words);
    }
    if (signs)
        say(l, "signed");
}

static void ours(struct lines *l, uint64_t address, uint32_t unwind,
                 const struct fb_arm64_function *f)
{
    l->n = 0;
    say(l, "Function: 0x%llX", (unsigned long long)address);
    say(l, "FunctionLength: %u", f->length * 4);
    if ((unwind & 3) != 0)
        packed(l, unwind, f);
    else
        record(l, f);
}

/* --- the tool's --------------------------------------------------------------------- */

static bool kept(const char *line)
{
    static const char *const words[] = {"FunctionLength:",
                                        "EpiloguePacked:",
                                        "EpilogueOffset:",
                                        "StartOffset:",
                                        "EpilogueStart",
                                        "stp ",
                                        "str ",
                                        "sub ",
                                        "mov ",
                                        "end",
                                        "INVALID!",
                                        "0x"};
    for (size_t i = 0; i < COUNT(words); i++)
        if (strncmp(line, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

/* "0x24        ; stp x19, x20" with one blank instead of what is between. */
static void keep(struct lines *l, const char *line)
{
    const char *comment = strstr(line, "; ");
    if (comment != NULL)
        say(l, "%.*s %s", (int)strcspn(line, " "), line, comment + 2);
    else
        say(l, "%s", line);
}

struct tool {
    FILE *out;
    char line[1024];
    const char *text; // of the line, without blanks before it; NULL: no more
};

static void next(struct tool *t)
{
    t->text = fgets(t->line, sizeof t->line, t->out);
    if (t->text == NULL)
        return;
    t->line[strcspn(t->line, "\r\n")] = 0;
    t->text += strspn(t->text, " ");
}

static bool theirs(struct tool *t, struct lines *l)
{
    l->n = 0;
    while (t->text != NULL && strncmp(t->text, "Function: ", 10) != 0)
        next(t);
    if (t->text == NULL)
        return false;
    do {
        if (l->n == 0 || kept(t->text))
            keep(l, t->text);
        if (strcmp(t->text, "CR: 2") == 0)
            say(l, "signed");
        next(t);
    } while (t->text != NULL && strncmp(t->text, "Function: ", 10) != 0);
    return true;
}

/* --- both --------------------------------------------------------------------------- */

/* Of CR 2 the tool has the saves only. */
static bool only_ours(const struct lines *l, size_t i)
{
    const char *s = l->v[i];
    return strcmp(s, "mov x29, sp") == 0 || strstr(s, "x29, lr") != NULL ||
           strcmp(s, "pacibsp") == 0 || strncmp(s, "sub sp", 6) == 0;
}

static void drop(struct lines *l)
{
    size_t n = 0;
    bool is_signed = false;
    for (size_t i = 0; i < l->n; i++)
        is_signed |= strcmp(l->v[i], "signed") == 0;
    for (size_t i = 0; i < l->n && is_signed; i++)
        if (!only_ours(l, i) && strcmp(l->v[i], "signed") != 0)
            memmove(l->v[n++], l->v[i], LINE);
    l->n = is_signed ? n : l->n;
}

static bool same(struct lines *a, struct lines *b)
{
    drop(a);
    drop(b);
    if (a->n != b->n || a->n == LINES_MAX)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    return true;
}

static void show(const char *who, const struct lines *l)
{
    fprintf(stderr, "  %s\n", who);
    for (size_t i = 0; i < l->n; i++)
        fprintf(stderr, "    %s\n", l->v[i]);
}

static size_t compare(const char *path, struct arm64_image *a)
{
    static struct lines we, they;
    char command[4200];
    size_t n = 0, differ = 0;
    snprintf(command, sizeof command, "llvm-readobj-14 --unwind '%s' 2>&1", path);
    struct tool t = {.out = popen(command, "r"), .text = ""};
    for (; theirs(&t, &they); n++) {
        uint32_t rva, unwind;
        struct fb_arm64_function f = {0};
        if (!CHECK(path, arm64_image_entry(a, n, &rva, &unwind, &f)))
            continue;
        ours(&we, a->image->preferred_base + rva, unwind, &f);
        if (same(&we, &they) || differ++ >= SHOWN)
            continue;
        show("ours", &we);
        show("theirs", &they);
    }
    pclose(t.out);
    CHECK(path, n == arm64_image_entries(a));
    CHECK(path, differ == 0);
    printf("%s: %zu entries, %zu differ\n", path, n, differ);
    return n;
}

int main(void)
{
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    size_t entries = 0, images = 0;
    if (system("llvm-readobj-14 --version >/dev/null 2>&1") != 0)
        return check_skip("llvm-readobj-14 is not installed");
    for (size_t i = 0; i < COUNT(arm64_images); i++) {
        struct arm64_image a;
        char path[4096];
        snprintf(path, sizeof path, "%s/images/%s",
                 corpus != NULL ? corpus : "../shared/corpus", arm64_images[i]);
        if (!arm64_image_open(&a, path))
            continue;
        entries += compare(path, &a);
        images++;
        arm64_image_close(&a);
    }
    if (images == 0)
        return check_skip("the corpus is absent: no image was read");
    CHECK("all images", images < COUNT(arm64_images) || entries >= ENTRIES_FLOOR);
    return check_done();
}
