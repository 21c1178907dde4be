/*
 * tests/unit/test_image_corpus.c -- the ids of the corpus' Windows images, as the manifest and
 * llvm-readobj tell them.
 */
#include "support/check.h"
#include "support/tsv.h"
#include "support/whole.h"
#include "symbols/image.h"

#include <strings.h>
#include <unistd.h>

enum { ROOM = 1024 * 1024, COLUMN_FILE = 0, COLUMN_CODEVIEW = 6, GUID_SIZE = 16 };

static const char *corpus(void)
{
    const char *said = getenv("FAULTBUCKET_CORPUS");
    return said != NULL ? said : "../shared/corpus";
}

/* "(4B 5C ...) 1 D:\a\pty.pdb": bytes of the GUID as they stand in the file, age, path. */
static bool read_codeview(const char *text, char *debug_id, size_t room, const char **file)
{
    static const int order[GUID_SIZE] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    char guid[GUID_SIZE][3];
    for (int i = 0; i < GUID_SIZE; i++)
        if (sscanf(text + 1 + 3L * i, "%2s", guid[i]) != 1)
            return false;
    int n = 0;
    for (int i = 0; i < GUID_SIZE; i++)
        n += snprintf(debug_id + n, room - (size_t)n, "%s", guid[order[i]]);
    char *path = NULL;
    unsigned long age = strtoul(text + (3L * GUID_SIZE) + 1, &path, 10);
    if (*path != ' ')
        return false;
    snprintf(debug_id + n, room - (size_t)n, "%lx", age);
    *file = path + 1;
    const char *slash = strrchr(*file, '\\');
    *file = slash != NULL ? slash + 1 : *file;
    return true;
}

static void check_debug_id(const char *name, const struct fb_image *image, const char *manifest)
{
    char debug_id[64];
    const char *file = NULL;
    if (strcmp(manifest, "-") == 0) {
        CHECK(name, image->debug_id == NULL || strlen(image->debug_id) > 32);
        return;
    }
    if (!CHECK(name, read_codeview(manifest, debug_id, sizeof debug_id, &file)))
        return;
    CHECK(name, image->debug_id != NULL && strcmp(image->debug_id, debug_id) == 0);
    CHECK(name, image->debug_file != NULL && strcmp(image->debug_file, file) == 0);
}

/* The value that a line of llvm-readobj ends with: "  SizeOfImage: 307200", or in brackets. */
static unsigned long long told(const char *line)
{
    const char *bracket = strrchr(line, '(');
    const char *colon = strrchr(line, ':');
    return bracket != NULL ? strtoull(bracket + 1, NULL, 16) : strtoull(colon + 1, NULL, 10);
}

static void check_code_id(const char *path, const struct fb_image *image)
{
    char command[1024], line[512], want[32];
    unsigned long long timestamp = 0, size = 0;
    snprintf(command, sizeof command, "llvm-readobj-14 --file-headers '%s'", path);
    FILE *tool = popen(command, "r"); // NOLINT(cert-env33-c): a tool of the developer's machine
    while (tool != NULL && fgets(line, sizeof line, tool) != NULL) {
        timestamp = strstr(line, "TimeDateStamp:") != NULL ? told(line) : timestamp;
        size = strstr(line, "SizeOfImage:") != NULL ? told(line) : size;
    }
    if (tool != NULL)
        pclose(tool);
    snprintf(want, sizeof want, "%08llx%llx", timestamp, size);
    CHECK(path, image->code_id != NULL && strcmp(image->code_id, want) == 0);
}

static bool check_image(const char *name, const char *codeview, bool has_tool, uint8_t *room)
{
    char path[512];
    snprintf(path, sizeof path, "%s/images/%s", corpus(), name);
    struct fb_span file = whole_file(path);
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_image *image = NULL;
    bool is = !fb_failed(fb_image_read(file, &arena, &image));
    if (is) {
        check_debug_id(name, image, codeview);
        if (has_tool)
            check_code_id(path, image);
    }
    fb_arena_reset(&arena);
    whole_free(file);
    return is;
}

int main(void)
{
    struct tsv manifest;
    size_t n = 0;
    bool has_tool = access("/usr/bin/llvm-readobj-14", X_OK) == 0;
    if (!tsv_open(&manifest, "images/MANIFEST.tsv"))
        return check_skip("no corpus of images: set FAULTBUCKET_CORPUS");
    if (!has_tool)
        fprintf(stderr, "NOT COMPARED with llvm-readobj-14: it is not installed\n");
    uint8_t *room = malloc(ROOM);
    while (tsv_next(&manifest))
        if (manifest.n > COLUMN_CODEVIEW && strcmp(manifest.field[COLUMN_FILE], "file") != 0)
            n += check_image(manifest.field[COLUMN_FILE], manifest.field[COLUMN_CODEVIEW],
                             has_tool, room);
    free(room);
    printf("%zu images\n", n);
    CHECK("images of the corpus", n >= 20);
    return check_done();
}
