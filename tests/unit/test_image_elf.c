/*
 * tests/unit/test_image_elf.c -- ELF images of both classes and byte orders, from a file and
 * from the pages of a process; and this program itself, as llvm-readobj reads it.
 */
#include "support/check.h"
#include "support/imagegen.h"
#include "support/whole.h"
#include "symbols/image.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = 1024 * 1024 };
#define LOADED UINT64_C(0x7F0000000000)

static const uint8_t build_id[20] = {0x97, 0x8F, 0x7F, 0xA5, 0x3D, 0x0E, 0x51,
                                     0x50, 0x7A, 0x38, 0xDB, 0xEC, 0x73, 0x01,
                                     0xB7, 0x27, 0x1B, 0x2F, 0xBE, 0x7A};
#define CODE_ID  "978f7fa53d0e51507a38dbec7301b7271b2fbe7a"
#define DEBUG_ID "A57F8F970E3D50517A38DBEC7301B7270"

static const struct imagegen_names names = {{{"one", IMAGEGEN_TEXT, false, false}}};

static const struct {
    const char *name;
    struct imagegen_elf elf;
    bool mapped;
    const char *code_id, *debug_id;
    size_t sections;
} rows[] = {
    {"64 bits",               {.build_id = build_id, .n_build_id = 20},   false, CODE_ID,            DEBUG_ID, 6},
    {"32 bits",
     {.build_id = build_id, .n_build_id = 20, .is32 = true},
     false,                                                                      CODE_ID,
     DEBUG_ID,                                                                                                 6},
    {"64 bits, big-endian",
     {.build_id = build_id, .n_build_id = 20, .big = true},
     false,                                                                      CODE_ID,
     DEBUG_ID,                                                                                                 6},
    {"32 bits, big-endian",
     {.build_id = build_id, .n_build_id = 20, .is32 = true, .big = true},
     false,                                                                      CODE_ID,
     DEBUG_ID,                                                                                                 6},
    {"no sections",
     {.build_id = build_id, .n_build_id = 20, .unsectioned = true},
     false,                                                                      CODE_ID,
     DEBUG_ID,                                                                                                 1},
    {"mapped",                {.build_id = build_id, .n_build_id = 20},   true,  CODE_ID,            DEBUG_ID, 1},
    {"mapped, 32 bits",
     {.build_id = build_id, .n_build_id = 20, .is32 = true},
     true,                                                                       CODE_ID,
     DEBUG_ID,                                                                                                 1},
    {"a short build id",
     {.build_id = build_id, .n_build_id = 8},
     false,                                                                      "978f7fa53d0e5150",
     "A57F8F970E3D50510000000000000000"
     "0",                                                                                                      6},
    {"a build id of zeros",
     {.build_id = "\0\0\0\0\0\0\0", .n_build_id = 8},
     false,                                                                      NULL,
     NULL,                                                                                                     6},
    {"no build id: the code", {.n_build_id = 0},                          false, NULL,               NULL,     6},
    {"no build id nor code",  {.unsectioned = true},                      false, NULL,               NULL,     1},
};

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static struct fb_image *open_image(size_t row, struct fb_span file, struct fb_memory *memory,
                                   struct fb_arena *arena)
{
    struct fb_image *image = NULL;
    struct fb_err err = rows[row].mapped ? fb_image_map(memory, LOADED, arena, &image)
                                         : fb_image_read(file, arena, &image);
    CHECK(rows[row].name, !fb_failed(err));
    return image;
}

static void check_row(size_t i, const struct fb_image *image)
{
    const char *name = rows[i].name;
    CHECK(name, same(image->code_id, rows[i].code_id));
    CHECK(name, same(image->debug_id, rows[i].debug_id));
    CHECK(name, image->preferred_base == IMAGEGEN_BASE && image->size == IMAGEGEN_SIZE);
    CHECK(name, image->n_sections == rows[i].sections);
    CHECK(name, image->eh_frame_hdr.rva == 0x500 && image->eh_frame_hdr.size == 12);
    CHECK(name, image->eh_frame.rva == 0x540 && image->eh_frame.size >= 0x40);
    CHECK(name, image->dynamic.entries.n == (image->word == 8 ? 48 : 32));
    CHECK(name, image->dynamic.strings.n == 0x200);
    CHECK(name, image->arch == (image->word == 8 ? FB_AMD64 : FB_X86));
    struct fb_span code = fb_image_at(image, IMAGEGEN_TEXT, 4);
    CHECK(name, code.n == 4 && code.p[0] == 0xCC);
    const struct fb_image_section *text = fb_image_section(image, IMAGEGEN_TEXT);
    CHECK(name, text != NULL && text->executable);
    CHECK(name, fb_image_at(image, IMAGEGEN_SIZE, 1).n == 0);
}

static void run(size_t i, uint8_t *room)
{
    uint8_t *bytes = malloc(IMAGEGEN_SIZE);
    struct imagegen_elf want = rows[i].elf;
    want.dynamic = &names;
    struct fb_span file = imagegen_elf(&want, bytes);
    struct fb_region region = {LOADED, file};
    struct fb_memory memory = {&region, 1, file.n, want.big};
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_image *image = open_image(i, file, &memory, &arena);
    if (image != NULL && strcmp(rows[i].name, "no build id: the code") == 0)
        // 0x1000 bytes of 0xCC: each of the 16 is XORed an even number of times
        CHECK(rows[i].name, image->debug_id == NULL);
    if (image != NULL)
        check_row(i, image);
    for (size_t cap = 0; image != NULL && cap < arena.used; cap += 8) {
        struct fb_arena less = {.base = room, .cap = cap};
        struct fb_image *other = NULL;
        struct fb_err err = fb_image_read(file, &less, &other);
        CHECK(rows[i].name, !fb_failed(err) || err.code == FB_LIMIT);
    }
    fb_arena_reset(&arena);
    free(bytes);
}

/* The code of an image without a build id: 16 bytes, XORed. */
static void hashed(uint8_t *room)
{
    uint8_t *bytes = malloc(IMAGEGEN_SIZE);
    struct fb_span file = imagegen_elf(&(struct imagegen_elf){0}, bytes);
    for (uint8_t i = 0; i < 16; i++)
        bytes[IMAGEGEN_TEXT + 0x20 + i] ^= (uint8_t)(i + 1);
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_image *image = NULL;
    CHECK("by its code", !fb_failed(fb_image_read(file, &arena, &image)));
    CHECK("by its code",
          image->code_id == NULL && same(image->debug_id, "0403020106050807090A0B0C0D0E0F100"));
    fb_arena_reset(&arena);
    free(bytes);
}

/* --- against llvm-readobj ----------------------------------------------------------- */

struct told {
    char build_id[160];
    unsigned long long eh_frame, eh_frame_size;
    size_t allocated;
};

static void read_told(const char *path, struct told *out)
{
    char command[1024], line[1024], name[64] = "";
    snprintf(command, sizeof command, "llvm-readobj-14 --sections --notes '%s'", path);
    FILE *tool = popen(command, "r"); // NOLINT(cert-env33-c): a tool of the developer's machine
    while (tool != NULL && fgets(line, sizeof line, tool) != NULL) {
        char *colon = strchr(line, ':');
        if (strstr(line, "  Name: ") != NULL)
            snprintf(name, sizeof name, "%.*s", (int)strcspn(colon + 2, " "), colon + 2);
        if (strstr(line, "Build ID: ") != NULL)
            snprintf(out->build_id, sizeof out->build_id, "%.*s", (int)strcspn(colon + 2, "\n"),
                     colon + 2);
        out->allocated += strstr(line, "SHF_ALLOC (") != NULL;
        if (strcmp(name, ".eh_frame") == 0 && strstr(line, " Address: ") != NULL)
            out->eh_frame = strtoull(colon + 1, NULL, 16);
        if (strcmp(name, ".eh_frame") == 0 && strstr(line, " Size: ") != NULL)
            out->eh_frame_size = strtoull(colon + 1, NULL, 10);
    }
    if (tool != NULL)
        pclose(tool);
}

static void compare(const char *path, uint8_t *room)
{
    struct told told = {0};
    struct fb_span file = whole_file(path);
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_image *image = NULL;
    if (file.n == 0)
        return;
    read_told(path, &told);
    if (CHECK(path, !fb_failed(fb_image_read(file, &arena, &image)))) {
        CHECK(path, same(image->code_id, told.build_id[0] != 0 ? told.build_id : NULL));
        CHECK(path, image->n_sections == told.allocated);
        CHECK(path, image->eh_frame.rva + image->preferred_base == told.eh_frame);
        CHECK(path, image->eh_frame.size == told.eh_frame_size);
        CHECK(path, image->symbols.entries.n != 0 || image->dynamic.entries.n != 0);
    }
    fb_arena_reset(&arena);
    whole_free(file);
}

int main(int argc, char **argv)
{
    static const char *const others[] = {"/lib/x86_64-linux-gnu/libc.so.6",
                                         "/lib64/ld-linux-x86-64.so.2", "/usr/bin/env"};
    uint8_t *room = malloc(ROOM);
    for (size_t i = 0; i < COUNT(rows); i++)
        run(i, room);
    hashed(room);
    if (access("/usr/bin/llvm-readobj-14", X_OK) == 0) {
        compare(argc > 0 ? argv[0] : "", room);
        for (size_t i = 0; i < COUNT(others); i++)
            compare(others[i], room);
    } else {
        fprintf(stderr, "NOT COMPARED with llvm-readobj-14: it is not installed\n");
    }
    free(room);
    return check_done();
}
