/* ingest/dialects/upload.c -- sort parts into fields and files, and keep within the limits. */
#include "dialects/upload.h"

#include "dialects/params.h"

void fb_upload_start(struct fb_upload *u, struct fb_arena *arena, struct fb_file_store store)
{
    *u = (struct fb_upload){.arena = arena, .store = store, .dump = -1};
}

static size_t room_left(const struct fb_upload *u) { return u->arena->cap - u->arena->used; }

static void drop_part(struct fb_upload *u)
{
    u->dropped++;
    u->part = FB_PART_DROPPED;
}

/* Names and values need a piece of the arena each; its end is kept free for the pieces' own
 * alignment and borders. */
static const char *keep_name(struct fb_upload *u, const char *p, size_t n)
{
    return fb_arena_text(u->arena, p, n);
}

static void begin_field(struct fb_upload *u, const struct fb_text *name)
{
    const char *kept = u->fields_n < FB_FIELDS_MAX ? keep_name(u, name->p, name->n) : NULL;
    size_t room = room_left(u) < FB_VALUE_MAX + 1 ? room_left(u) : FB_VALUE_MAX + 1;
    if (kept == NULL || room == 0) {
        drop_part(u);
        return;
    }
    u->fields[u->fields_n] =
        (struct fb_field){.name = kept, .name_n = name->n, .cut = name->cut};
    u->value = fb_text_over(fb_arena_take(u->arena, room), room);
    u->part = FB_PART_FIELD;
}

static void end_field(struct fb_upload *u)
{
    struct fb_field *field = &u->fields[u->fields_n++];
    field->value = u->value.p;
    field->value_n = u->value.n;
    field->cut |= u->value.cut;
    fb_arena_give_back(u->arena, u->value.cap - u->value.n - 1);
}

void fb_upload_field(struct fb_upload *u, struct fb_span name, struct fb_span value)
{
    char room[FB_NAME_MAX + 1];
    struct fb_text text = fb_text_over(room, sizeof room);
    fb_text_put(&text, (const char *)name.p, name.n);
    begin_field(u, &text);
    if (u->part == FB_PART_FIELD) {
        fb_text_put(&u->value, (const char *)value.p, value.n);
        end_field(u);
    }
    u->part = FB_PART_NONE;
}

struct fb_err fb_upload_file_begin(struct fb_upload *u, const char *name, const char *file_name)
{
    const char *a = NULL, *b = NULL;
    if (u->files_n < FB_FILES_MAX) {
        a = keep_name(u, name, strlen(name));
        b = keep_name(u, file_name, strlen(file_name));
    }
    if (a == NULL || b == NULL) {
        drop_part(u);
        return FB_NO_ERR;
    }
    u->files[u->files_n] = (struct fb_file){.name = a, .file_name = b, .off = u->stored};
    u->part = FB_PART_FILE;
    u->magic_n = 0;
    return FB_NO_ERR;
}

static struct fb_err begin_part(void *arg, struct fb_span header)
{
    struct fb_upload *u = arg;
    char name_room[FB_NAME_MAX + 1], file_room[FB_NAME_MAX + 1];
    struct fb_text name = fb_text_over(name_room, sizeof name_room);
    struct fb_text file = fb_text_over(file_room, sizeof file_room);
    struct fb_span how = fb_params_line(header, "content-disposition");
    fb_params_get(how, "name", &name);
    bool is_file = fb_params_get(how, "filename", &file);
    fb_params_unescape(&name);
    fb_params_unescape(&file);
    if (is_file)
        return fb_upload_file_begin(u, name.p, file.p);
    begin_field(u, &name);
    return FB_NO_ERR;
}

static struct fb_err put(struct fb_upload *u, struct fb_span bytes)
{
    u->stored += bytes.n;
    return u->store.put(u->store.arg, bytes, u->dump == (int)u->files_n);
}

/* Minidumps, PMDM where the writer was big-endian, and kernel dumps. */
static const struct {
    const char *text;
    size_t n;
} magics[] = {
    {"MDMP",     4},
    {"PMDM",     4},
    {"PAGEDU64", 8},
    {"PAGEDUMP", 8},
};

static bool is_dump(const uint8_t *first, size_t n)
{
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (n >= magics[i].n && memcmp(first, magics[i].text, magics[i].n) == 0)
            return true;
    return false;
}

/* Nothing reaches the store before the first bytes have told what the file is. */
static struct fb_err put_magic(struct fb_upload *u)
{
    if (u->dump < 0 && is_dump(u->magic, u->magic_n))
        u->dump = (int)u->files_n;
    return put(u, (struct fb_span){u->magic, u->magic_n, 0});
}

static struct fb_err file_data(struct fb_upload *u, struct fb_span bytes)
{
    struct fb_err err = FB_NO_ERR;
    if (u->magic_n < FB_MAGIC) {
        size_t n = FB_MAGIC - u->magic_n < bytes.n ? FB_MAGIC - u->magic_n : bytes.n;
        memcpy(u->magic + u->magic_n, bytes.p, n);
        u->magic_n += n;
        bytes = fb_span_clip(bytes, n, bytes.n);
        if (u->magic_n == FB_MAGIC)
            err = put_magic(u);
    }
    return fb_failed(err) || bytes.n == 0 ? err : put(u, bytes);
}

struct fb_err fb_upload_data(struct fb_upload *u, struct fb_span bytes)
{
    if (u->part == FB_PART_FIELD)
        fb_text_put(&u->value, (const char *)bytes.p, bytes.n);
    return u->part == FB_PART_FILE && bytes.n != 0 ? file_data(u, bytes) : FB_NO_ERR;
}

/* A file without a byte is what a browser sends for an empty choice: no attachment. */
static struct fb_err end_file(struct fb_upload *u)
{
    struct fb_err err = FB_NO_ERR;
    if (u->magic_n != 0 && u->magic_n < FB_MAGIC)
        err = put_magic(u);
    struct fb_file *file = &u->files[u->files_n];
    file->size = u->stored - file->off;
    u->files_n += file->size != 0;
    return err;
}

struct fb_err fb_upload_end(struct fb_upload *u)
{
    struct fb_err err = FB_NO_ERR;
    if (u->part == FB_PART_FIELD)
        end_field(u);
    if (u->part == FB_PART_FILE)
        err = end_file(u);
    u->part = FB_PART_NONE;
    return err;
}

static struct fb_err part_data(void *arg, struct fb_span bytes)
{
    return fb_upload_data(arg, bytes);
}

static struct fb_err part_end(void *arg) { return fb_upload_end(arg); }

struct fb_part_sink fb_upload_sink(struct fb_upload *u)
{
    return (struct fb_part_sink){begin_part, part_data, part_end, u};
}

const struct fb_field *fb_upload_find(const struct fb_upload *u, const char *name)
{
    for (size_t i = 0; i < u->fields_n; i++)
        if (strcmp(u->fields[i].name, name) == 0)
            return &u->fields[i];
    return NULL;
}
