/*
 * cli/symbol_index.c -- which builds the files below some folders are, by the ids inside them.
 *
 * Whatever has a MODULE line is a symbol file, whatever has the headers of an image is one,
 * under any name. A folder of a store (FILE/ID at the top) is passed over: what it holds is
 * found where it stands; so is what begins with a dot. Links are followed, but few of them in
 * a row: a loop ends by itself.
 */
#include "symbol_store.h"

#include "files.h"
#include "symbols/fields.h"
#include "symbols/image.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FB_STORE_DEPTH_MAX = 16,
    FB_STORE_LINKS_MAX = 2, // to folders, on the way to a file
    FB_STORE_FOLDERS_MAX = 100000,
    FB_STORE_FILES_MAX = 200000, // below one root, with its folders
    HEAD = 4096,
    PATH_ROOM = 4096,
    IMAGE_ROOM = 8 * 1024 * 1024,
    IMAGE_MIN = 64,
    SYM_LINES = 8,   // within which INFO CODE_ID stands
    CODE_ID_MIN = 9, // digits: timestamp, and a size
    CODE_ID_MAX = 16,
    DEBUG_ID_MIN = 33,
};

struct row {
    enum fb_store_kind kind;
    char *id, *path;
};
struct folder {
    char *path;
    int depth, links;
};
struct folders { // still to be read, in the order in which they were found
    struct folder *v;
    size_t n;
};
struct fb_store_index {
    const char *const *roots;
    size_t n_roots;
    bool built;
    struct row *v;
    size_t n, cap;
    struct fb_arena scratch;
};

/* --- ids of one file ---------------------------------------------------------------- */

static void copy_id(struct fb_span id, char out[FB_STORE_ID_ROOM])
{
    snprintf(out, FB_STORE_ID_ROOM, "%.*s", (int)(id.n < HEAD ? id.n : 0), (const char *)id.p);
}

bool fb_store_sym_ids(struct fb_span text, struct fb_store_ids *out)
{
    size_t at = 0;
    *out = (struct fb_store_ids){0};
    if (text.n == 0)
        return false;
    struct fb_fields line = fb_fields_next(text, &at);
    if (!fb_fields_word(&line, "MODULE"))
        return false;
    fb_fields_text(&line); // system
    fb_fields_text(&line); // CPU
    copy_id(fb_fields_text(&line), out->debug_id);
    for (int i = 0; i < SYM_LINES && at < text.n; i++) {
        line = fb_fields_next(text, &at);
        if (fb_fields_word(&line, "INFO") && fb_fields_word(&line, "CODE_ID"))
            copy_id(fb_fields_text(&line), out->code_id);
    }
    return out->debug_id[0] != 0;
}

static void add(struct fb_store_index *x, enum fb_store_kind kind, const char *id,
                const char *path)
{
    if (id == NULL || *id == 0)
        return;
    if (x->n == x->cap) {
        size_t cap = x->cap != 0 ? 2 * x->cap : 64;
        struct row *more = realloc(x->v, cap * sizeof *more);
        if (more == NULL)
            return;
        x->v = more;
        x->cap = cap;
    }
    struct row row = {kind, strdup(id), strdup(path)};
    if (row.id == NULL || row.path == NULL) {
        free(row.id);
        free(row.path);
        return;
    }
    x->v[x->n++] = row;
}

/* The head tells the id of nearly every image; else its note stands further behind. */
static void add_image(struct fb_store_index *x, const char *path, struct fb_span head)
{
    struct fb_file file = {0};
    struct fb_image *image = NULL;
    bool read = !fb_failed(fb_image_read(head, &x->scratch, &image)) && image->code_id != NULL;
    if (!read && !fb_failed(fb_file_map(path, &file)))
        read = !fb_failed(fb_image_read(file.bytes, &x->scratch, &image));
    if (read)
        add(x, FB_STORE_IMAGE, image->code_id != NULL ? image->code_id : image->debug_id, path);
    fb_arena_reset(&x->scratch);
    fb_file_free(&file);
}

static void add_file(struct fb_store_index *x, const char *path)
{
    uint8_t head[HEAD];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd >= 0 ? read(fd, head, sizeof head) : -1;
    if (fd >= 0)
        close(fd);
    struct fb_store_ids ids;
    struct fb_span span = {head, n > 0 ? (size_t)n : 0, 0};
    if (span.n >= IMAGE_MIN && (memcmp(head, "MZ", 2) == 0 || memcmp(head, "\177ELF", 4) == 0))
        add_image(x, path, span);
    else if (fb_store_sym_ids(span, &ids)) {
        add(x, FB_STORE_SYMBOLS, ids.debug_id, path);
        add(x, FB_STORE_SYMBOLS, ids.code_id, path);
    }
}

/* --- all files ---------------------------------------------------------------------- */

static bool is_id(const char *name)
{
    static const char elf[] = "elf-buildid-";
    if (strncasecmp(name, elf, sizeof elf - 1) == 0)
        return true;
    size_t n = 0;
    while (isxdigit((uint8_t)name[n]))
        n++;
    return name[n] == 0 && ((n >= CODE_ID_MIN && n <= CODE_ID_MAX) || n >= DEBUG_ID_MIN);
}

/* FILE/ID at the top, and FILE at once where its name can be nothing else. */
static bool is_of_a_store(const char *name, int depth)
{
    size_t n = strlen(name);
    bool pdb = n > 4 && strcasecmp(name + n - 4, ".pdb") == 0;
    return (depth == 1 && pdb) || (depth == 2 && is_id(name));
}

/* A store that symstore keeps: all of it is found where it stands. */
static bool is_symstore(const char *root)
{
    static const char *const marks[] = {"000Admin", "index2.txt"};
    char path[PATH_ROOM];
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        snprintf(path, sizeof path, "%s/%s", root, marks[i]);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

static int by_id(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = strcasecmp(x->id, y->id);
    return order != 0 ? order : strcmp(x->path, y->path);
}

static void push(struct folders *todo, const char *path, int depth, int links)
{
    if (todo->n == FB_STORE_FOLDERS_MAX)
        return;
    struct folder *folder = &todo->v[todo->n];
    *folder = (struct folder){strdup(path), depth, links};
    todo->n += folder->path != NULL;
}

static void look_at(struct fb_store_index *x, struct folders *todo, const struct folder *in,
                    const struct dirent *entry)
{
    char path[PATH_ROOM];
    struct stat about;
    int n = snprintf(path, sizeof path, "%s/%s", in->path, entry->d_name);
    if (n < 0 || (size_t)n >= sizeof path)
        return;
    bool told = entry->d_type == DT_REG || entry->d_type == DT_DIR;
    bool link = entry->d_type == DT_LNK;
    if (!told && stat(path, &about) != 0)
        return;
    bool folder = told ? entry->d_type == DT_DIR : S_ISDIR(about.st_mode);
    bool file = told ? entry->d_type == DT_REG : S_ISREG(about.st_mode);
    int depth = in->depth + 1, links = in->links + link;
    if (file)
        add_file(x, path);
    else if (folder && depth <= FB_STORE_DEPTH_MAX && links <= FB_STORE_LINKS_MAX &&
             !is_of_a_store(entry->d_name, depth))
        push(todo, path, depth, links);
}

static void read_folder(struct fb_store_index *x, struct folders *todo, size_t i,
                        size_t *looked_at)
{
    DIR *dir = *looked_at < FB_STORE_FILES_MAX ? opendir(todo->v[i].path) : NULL;
    if (dir == NULL)
        return;
    for (struct dirent *e; (e = readdir(dir)) != NULL && *looked_at < FB_STORE_FILES_MAX;
         ++*looked_at)
        if (e->d_name[0] != '.')
            look_at(x, todo, &todo->v[i], e);
    closedir(dir);
}

static void walk(struct fb_store_index *x, const char *root)
{
    struct folder *room = calloc(FB_STORE_FOLDERS_MAX, sizeof *room);
    struct folders todo = {.v = room};
    size_t looked_at = 0;
    if (room == NULL)
        return;
    push(&todo, root, 0, 0);
    for (size_t i = 0; i < todo.n; i++)
        read_folder(x, &todo, i, &looked_at);
    for (size_t i = 0; i < todo.n; i++)
        free(todo.v[i].path);
    free(room);
}

static void build(struct fb_store_index *x)
{
    for (size_t i = 0; i < x->n_roots; i++)
        if (!is_symstore(x->roots[i]))
            walk(x, x->roots[i]);
    if (x->n != 0)
        qsort(x->v, x->n, sizeof *x->v, by_id);
    x->built = true;
}

/* --- look-up ------------------------------------------------------------------------ */

struct fb_store_index *fb_store_index_open(const char *const *roots, size_t n)
{
    struct fb_store_index *x = calloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    x->roots = roots;
    x->n_roots = n;
    x->scratch = fb_arena_map(IMAGE_ROOM);
    return x;
}

static size_t first_of(const struct fb_store_index *x, const char *id)
{
    size_t from = 0, to = x->n;
    while (from < to) {
        size_t middle = from + ((to - from) / 2);
        if (strcasecmp(x->v[middle].id, id) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool find(const struct fb_store_index *x, enum fb_store_kind kind, const char *id,
                 const struct fb_store_taker *taker)
{
    if (id == NULL || *id == 0)
        return false;
    for (size_t i = first_of(x, id); i < x->n && strcasecmp(x->v[i].id, id) == 0; i++)
        if (x->v[i].kind == kind && taker->take(taker->self, x->v[i].path))
            return true;
    return false;
}

bool fb_store_index_find(struct fb_store_index *index, enum fb_store_kind kind,
                         const struct fb_store_wanted *wanted,
                         const struct fb_store_taker *taker)
{
    if (!index->built)
        build(index);
    return find(index, kind, wanted->debug_id, taker) ||
           find(index, kind, wanted->code_id, taker);
}

void fb_store_index_close(struct fb_store_index *index)
{
    for (size_t i = 0; index != NULL && i < index->n; i++) {
        free(index->v[i].id);
        free(index->v[i].path);
    }
    if (index == NULL)
        return;
    free(index->v);
    fb_arena_unmap(&index->scratch);
    free(index);
}
