/*
 * tests/unit/test_pdata_x64_images.c -- every entry of every function table of x64 images, read
 * by us and by llvm-readobj: both must see the same.
 *
 * Folklore: LLVM 14 is killed by its own stack protector when it prints version 2. It gets a
 * copy of the image in which those have no operations; what ours reads there, is not compared.
 */
#include "support/check.h"
#include "support/one_image.h"
#include "support/whole.h"
#include "unwind/pdata_x64.h"

#include <ftw.h>
#include <string.h>
#include <unistd.h>

enum { ENTRY_SIZE = 12, COUNT_AT = 2, FILES_MAX = 256, LINE_MAX_ = 512 };

static char *files[FILES_MAX];
static size_t n_files, n_images, n_entries;
static const char *tool;

static const char *const registers[] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                        "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15"};

/* --- as we read it ------------------------------------------------------------------ */

static void print_op(FILE *out, const struct fb_x64_op *op)
{
    unsigned long long n = op->n;
    const char *reg = op->reg < COUNT(registers) ? registers[op->reg] : "?";
    static const char *const shape[] = {
        [FB_X64_PUSH] = "PUSH_NONVOL",     [FB_X64_ALLOC] = "ALLOC",
        [FB_X64_SET_FRAME] = "SET_FPREG",  [FB_X64_SAVE] = "SAVE_NONVOL",
        [FB_X64_SAVE_XMM] = "SAVE_XMM128", [FB_X64_MACHINE_FRAME] = "PUSH_MACHFRAME"};
    fprintf(out, "0x%02X: %s", op->at, shape[op->kind]);
    switch (op->kind) {
    case FB_X64_PUSH:
        fprintf(out, " reg=%s\n", reg);
        break;
    case FB_X64_ALLOC:
        fprintf(out, " size=%llu\n", n);
        break;
    case FB_X64_SAVE_XMM:
        fprintf(out, " reg=XMM%u, offset=0x%llX\n", op->reg, n);
        break;
    case FB_X64_MACHINE_FRAME:
        fprintf(out, " errcode=%s\n", n != 0 ? "yes" : "no");
        break;
    default:
        fprintf(out, " reg=%s, offset=0x%llX\n", reg, n);
        break;
    }
}

static void print_info(FILE *out, const struct one_image *one, const struct fb_x64_entry *entry)
{
    struct fb_x64_info info;
    struct fb_x64_op op;
    if (!CHECK("information", fb_x64_info(&one->w, entry, &info)))
        return;
    fprintf(out, "Version: %u\nPrologSize: %u\n", info.version, info.prolog);
    if (info.frame >= 0)
        fprintf(out, "FrameRegister: %s\n", registers[info.frame]);
    struct fb_x64_ops ops = {.in = &info};
    while (fb_x64_next(&ops, &op))
        if (info.version != 2)
            print_op(out, &op);
    CHECK("operations", !ops.bad);
    if (info.chained)
        fprintf(out, "0x%llX\n0x%llX\n0x%llX\n",
                (unsigned long long)(entry->base + info.parent.begin),
                (unsigned long long)(entry->base + info.parent.end),
                (unsigned long long)(entry->base + info.parent.info));
}

/* Each entry is found by both ends of it, so that the search is tried as well. */
static void print_entry(FILE *out, const struct one_image *one, uint32_t begin, uint32_t end)
{
    struct fb_x64_entry first, last;
    fb_addr base = one->module.base;
    if (!CHECK("found", fb_x64_find(&one->w, base + begin, &first) == FB_X64_ENTRY &&
                            fb_x64_find(&one->w, base + end - 1, &last) == FB_X64_ENTRY))
        return;
    CHECK("the same", memcmp(&first, &last, sizeof first) == 0);
    fprintf(out, "0x%llX\n0x%llX\n0x%llX\n", (unsigned long long)(base + first.begin),
            (unsigned long long)(base + first.end), (unsigned long long)(base + first.info));
    print_info(out, one, &first);
    n_entries++;
}

/* --- as the tool reads it ----------------------------------------------------------- */

static void drop(char *line, const char *what)
{
    char *at = strstr(line, what);
    if (at != NULL)
        memmove(at, at + strlen(what), strlen(at + strlen(what)) + 1);
}

/* A line of the tool in our words, or nothing. */
static void translate(FILE *out, char *line)
{
    static const char *const forms[] = {"_LARGE", "_SMALL", "_FAR"};
    line += strspn(line, " ");
    line[strcspn(line, "\n")] = 0;
    char *address = strstr(line, "Address: ") != NULL ? strrchr(line, '(') : NULL;
    if (address != NULL) // behind a name, where the image has symbols
        fprintf(out, "%.*s\n", (int)strcspn(address + 1, ")"), address + 1);
    else if (strncmp(line, "FrameRegister: R", 16) == 0)
        fprintf(out, "%.*s\n", 15 + (int)strcspn(line + 15, " "), line);
    else if (strncmp(line, "Version:", 8) == 0 || strncmp(line, "PrologSize:", 11) == 0)
        fprintf(out, "%s\n", line);
    else if (strncmp(line, "0x", 2) == 0) {
        for (size_t i = 0; i < COUNT(forms); i++)
            drop(line, forms[i]);
        fprintf(out, "%s\n", line);
    }
}

static bool ask_tool(const char *path, FILE *out)
{
    char command[4096], line[LINE_MAX_];
    snprintf(command, sizeof command, "%s --unwind '%s'", tool, path);
    // NOLINTNEXTLINE(cert-env33-c)
    FILE *f = popen(command, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        translate(out, line);
    return f != NULL && pclose(f) == 0;
}

/* --- both --------------------------------------------------------------------------- */

static void show_difference(const char *path, const char *ours, const char *theirs)
{
    const char *begin = ours;
    size_t i = 0;
    for (; ours[i] != 0 && ours[i] == theirs[i]; i++)
        if (ours[i] == '\n')
            begin = ours + i + 1;
    const char *other = theirs + (begin - ours);
    fprintf(stderr, "  %s: ours \"%.*s\", theirs \"%.*s\"\n", path, (int)strcspn(begin, "\n"),
            begin, (int)strcspn(other, "\n"), other);
}

static void write_all(int to, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(to, p, n);
        if (done <= 0)
            return;
        p += done;
        n -= (size_t)done;
    }
}

static void compare(const char *path, const struct one_image *one, struct fb_span file)
{
    char copy_path[] = "/tmp/pdata-x64-XXXXXX";
    int to = mkstemp(copy_path);
    char *ours = NULL, *theirs = NULL;
    size_t n_ours, n_theirs;
    FILE *print = open_memstream(&ours, &n_ours);
    FILE *tools = open_memstream(&theirs, &n_theirs);
    uint8_t *copy = malloc(file.n);
    memcpy(copy, file.p, file.n);
    for (uint64_t at = 0; at + ENTRY_SIZE <= one->image->exceptions.size; at += ENTRY_SIZE) {
        struct fb_reader r = {
            .in = fb_image_at(one->image, one->image->exceptions.rva + at, ENTRY_SIZE)};
        uint32_t begin = fb_read_u32(&r), end = fb_read_u32(&r), rva = fb_read_u32(&r);
        struct fb_span info = fb_image_at(one->image, rva, 4);
        print_entry(print, one, begin, end);
        if (info.n == 4 && (info.p[0] & 7) == 2)
            copy[info.p - file.p + COUNT_AT] = 0;
    }
    fclose(print);
    write_all(to, copy, file.n);
    close(to);
    CHECK(path, ask_tool(copy_path, tools));
    fclose(tools);
    unlink(copy_path);
    if (!CHECK(path, n_ours != 0 && strcmp(ours, theirs) == 0))
        show_difference(path, ours, theirs);
    free(copy);
    free(ours);
    free(theirs);
    n_images++;
}

static void try_file(const char *path)
{
    struct fb_span file = whole_file(path);
    struct one_image *one = calloc(1, sizeof *one);
    if (file.n > 1 && memcmp(file.p, "MZ", 2) == 0 && one_image_open(one, file) &&
        one->image->arch == FB_AMD64 && one->image->exceptions.size != 0)
        compare(path, one, file);
    one_image_close(one);
    free(one);
    whole_free(file);
}

static int remember(const char *path, const struct stat *s, int type, struct FTW *where)
{
    (void)where;
    if (type == FTW_F && s->st_size > 0 && n_files < FILES_MAX)
        files[n_files++] = strdup(path);
    return 0;
}

static bool is_there(const char *name)
{
    char command[256];
    snprintf(command, sizeof command, "command -v %s >/dev/null", name);
    // NOLINTNEXTLINE(cert-env33-c)
    return system(command) == 0;
}

int main(void)
{
    char images[4096];
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    snprintf(images, sizeof images, "%s/images", corpus != NULL ? corpus : "../shared/corpus");
    tool = is_there("llvm-readobj-14") ? "llvm-readobj-14" : "llvm-readobj";
    if (!is_there(tool))
        return check_skip("llvm-readobj is missing");
    if (nftw(images, remember, 16, FTW_PHYS) != 0)
        fprintf(stderr, "no images of the corpus; set FAULTBUCKET_CORPUS to its folder\n");
    nftw("tests/golden/images", remember, 16, FTW_PHYS);
    for (size_t i = 0; i < n_files; i++) {
        try_file(files[i]);
        free(files[i]);
    }
    printf("%zu entries of %zu images\n", n_entries, n_images);
    return check_done();
}
