/*
 * worker/analysis/minidump/proc.c -- how the process was started and what it might use: command
 * line, environment, auxiliary vector, limits, and the list that its loader keeps.
 *
 * Command lines and environments hold passwords and names of people and files. Of the first the
 * program and the names of options are kept, of the second the names.
 */
#include "minidump/parts.h"

enum { LETTER = 2, NAME_MAX_KEPT = 256, AUXV_MAX = 256, AUXV_END = 0, VERSION_MAX = 8 };

struct words { // a list under way
    const char **v;
    size_t n, room;
};

static struct words room_for(struct fb_md *m, struct fb_span text, size_t n)
{
    if (n > FB_MD_WORDS_MAX)
        fb_note(m->notes, FB_NOTE_LIMIT, "more words than we keep", text.off);
    n = n < FB_MD_WORDS_MAX ? n : FB_MD_WORDS_MAX;
    const char **v = FB_MD_NEW(m, const char *, n);
    return (struct words){.v = v, .room = v != NULL ? n : 0};
}

static void add(struct words *words, const char *word)
{
    if (word != NULL && words->n < words->room)
        words->v[words->n++] = word;
}

/* How many words, of at least one letter, `end` parts. */
static size_t count_words(struct fb_span text, uint8_t end)
{
    size_t n = 0;
    while (text.n != 0)
        n += fb_md_cut_at(&text, end).n != 0;
    return n;
}

static size_t length_of_name(struct fb_span word)
{
    size_t n = 0;
    while (n < word.n && n < NAME_MAX_KEPT &&
           ((word.p[n] >= 'a' && word.p[n] <= 'z') || (word.p[n] >= 'A' && word.p[n] <= 'Z') ||
            (word.p[n] >= '0' && word.p[n] <= '9') || word.p[n] == '-' || word.p[n] == '_' ||
            word.p[n] == '.'))
        n++;
    return n;
}

/* "--name=*" of an option, "*" of anything else. Behind one dash and a letter the value may
 * stand at once: `mysql -pPASSWORD`. */
static const char *redacted(struct fb_md *m, struct fb_span word)
{
    size_t n = word.n != 0 && word.p[0] == '-' ? length_of_name(word) : 0;
    if (n > LETTER && word.p[1] != '-')
        n = LETTER;
    char room[NAME_MAX_KEPT + 4];
    struct fb_text text = fb_text_over(room, sizeof room);
    fb_text_put(&text, (const char *)word.p, n);
    if (n > LETTER && n < word.n && word.p[n] == '=')
        fb_text_char(&text, '=');
    if (n < word.n)
        fb_text_char(&text, '*');
    return fb_md_keep(m, &text);
}

static void add_option(struct fb_md *m, struct words *words, struct fb_span word)
{
    if (word.n != 0)
        add(words, redacted(m, word));
}

/* Folklore: a program that gives itself a title, as Chromium's children do, makes one word of
 * its whole command line. The first " -" ends the program's name. */
static struct fb_span program_of(struct fb_span word, struct fb_span *options)
{
    for (size_t i = 0; i + 1 < word.n; i++)
        if (word.p[i] == ' ' && word.p[i + 1] == '-') {
            *options = fb_span_sub(word, i + 1, word.n - i - 1);
            return fb_span_sub(word, 0, i);
        }
    *options = (struct fb_span){0};
    return word;
}

struct fb_err fb_md_command_line(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_span options, rest = s.bytes;
    struct fb_span program = program_of(fb_md_cut_at(&rest, 0), &options);
    struct words words =
        room_for(m, s.bytes, 1 + count_words(options, ' ') + count_words(rest, 0));
    if (program.n != 0)
        add(&words, fb_last_component(fb_md_text8(m, program, FB_MD_STRING_MAX)));
    while (options.n != 0 && words.n < words.room && !m->full)
        add_option(m, &words, fb_md_cut_at(&options, ' '));
    while (rest.n != 0 && words.n < words.room && !m->full)
        add_option(m, &words, fb_md_cut_at(&rest, 0));
    m->dump->proc.arguments = words.v;
    m->dump->proc.n_arguments = m->full ? 0 : words.n;
    return FB_NO_ERR;
}

/* Kept as it is: its names are wanted only by people, and it is long. */
struct fb_err fb_md_environment(struct fb_md *m, struct fb_md_stream s)
{
    m->dump->environment = s.bytes;
    return FB_NO_ERR;
}

struct fb_span fb_environment_name(struct fb_span *rest)
{
    while (rest->n != 0) {
        struct fb_span word = fb_md_cut_at(rest, 0);
        size_t n = length_of_name(word);
        if (n != 0 && n < word.n && word.p[n] == '=')
            return fb_span_sub(word, 0, n);
    }
    return *rest;
}

/* --- the auxiliary vector: pairs of the process' words, up to a tag of 0 ------------- */

struct fb_err fb_md_auxv(struct fb_md *m, struct fb_md_stream s)
{
    size_t word = fb_md_is_32bit(m) ? 4 : 8;
    struct fb_reader r = fb_md_reader(m, s.bytes);
    size_t n = fb_read_room(&r, AUXV_MAX, 2 * word), kept = 0;
    struct fb_auxv *v = FB_MD_NEW(m, struct fb_auxv, n);
    while (v != NULL && kept < n) {
        v[kept] = (struct fb_auxv){.tag = fb_read_le(&r, word)};
        v[kept].value = fb_read_le(&r, word);
        if (v[kept].tag == AUXV_END)
            break;
        kept++;
    }
    if (kept == AUXV_MAX)
        fb_note(m->notes, FB_NOTE_LIMIT, "an auxiliary vector without an end", s.bytes.off);
    m->dump->proc.auxv = v;
    m->dump->proc.n_auxv = kept;
    return FB_NO_ERR;
}

/* --- limits: a table whose columns stand where its first line says ------------------- */

static size_t column(struct fb_span heading, const char *title)
{
    size_t n = strlen(title);
    for (size_t i = 0; i + n <= heading.n; i++)
        if (memcmp(heading.p + i, title, n) == 0)
            return i;
    return heading.n;
}

static const char *cell(struct fb_md *m, struct fb_span line, size_t from, size_t to)
{
    struct fb_span text = to > from ? fb_span_clip(line, from, to - from) : (struct fb_span){0};
    text = fb_md_trim(text);
    return text.n != 0 ? fb_md_text8(m, text, NAME_MAX_KEPT) : NULL;
}

struct fb_err fb_md_limits(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_span rest = s.bytes;
    struct fb_span heading = fb_md_next_line(&rest);
    const size_t soft = column(heading, "Soft Limit"), hard = column(heading, "Hard Limit");
    const size_t unit = column(heading, "Units");
    size_t n = 0;
    for (struct fb_span lines = rest; lines.n != 0 && n < FB_MD_WORDS_MAX; n++)
        (void)fb_md_next_line(&lines);
    struct fb_limit *v = FB_MD_NEW(m, struct fb_limit, n);
    size_t kept = 0;
    while (kept < n && rest.n != 0 && !m->full) {
        struct fb_span line = fb_md_next_line(&rest);
        v[kept] = (struct fb_limit){.name = cell(m, line, 0, soft),
                                    .soft = cell(m, line, soft, hard),
                                    .hard = cell(m, line, hard, unit),
                                    .unit = cell(m, line, unit, line.n)};
        if (v[kept].name != NULL && v[kept].soft != NULL && v[kept].hard != NULL)
            kept++;
        else if (line.n != 0)
            fb_note(m->notes, FB_NOTE_BAD_ITEM, "a limit cannot be read", line.off);
    }
    m->dump->proc.limits = v;
    m->dump->proc.n_limits = m->full ? 0 : kept;
    return FB_NO_ERR;
}

/* --- the loader's list: link map entries, their names counted UTF-16 -----------------
 *
 *   stream  version | rva of entries | n | [padding] | r_brk | base of the loader | dynamic
 *   entry   load address | rva of name | [padding] | dynamic
 *
 * Folklore: the structures are declared packed, but 64-bit builds of Breakpad lay them out with
 * padding before each address. r_brk is a function of the loader: never 32 zero bits.
 */
static bool is_padded(struct fb_reader r, size_t word)
{
    return word == 8 && fb_read_u32(&r) == 0 && !fb_failed(r.err);
}

static void read_link_map(struct fb_md *m, uint32_t rva, uint32_t claimed, size_t word,
                          size_t padding)
{
    struct fb_linux *proc = &m->dump->proc;
    struct fb_reader r = fb_md_reader(m, fb_span_clip(m->file, rva, UINT64_MAX));
    size_t n = fb_md_room(m, &r, claimed, 2 * word + 4 + padding, FB_MD_MODULES_MAX);
    struct fb_linked *v = FB_MD_NEW(m, struct fb_linked, n);
    for (size_t i = 0; i < n && !m->full; i++) {
        v[i].address = fb_read_le(&r, word);
        uint32_t name = fb_read_u32(&r);
        fb_read_skip(&r, padding);
        v[i].dynamic = fb_read_le(&r, word);
        // Nearly all of them are in the module list, whose names are read already.
        const struct fb_module *module = fb_module_at(&m->dump->modules, v[i].address);
        v[i].name = module != NULL ? module->path : fb_md_string(m, name);
    }
    proc->linked = v;
    proc->n_linked = m->full ? 0 : n;
}

struct fb_err fb_md_dso_debug(struct fb_md *m, struct fb_md_stream s)
{
    size_t word = fb_md_is_32bit(m) ? 4 : 8;
    struct fb_linux *proc = &m->dump->proc;
    struct fb_reader r = fb_md_reader(m, s.bytes);
    uint32_t version = fb_read_u32(&r); // 2 since the loader has name spaces
    uint32_t rva = fb_read_u32(&r);
    uint32_t n = fb_read_u32(&r);
    size_t padding = is_padded(r, word) ? 4 : 0;
    fb_read_skip(&r, padding);
    uint64_t loader_break = fb_read_le(&r, word);
    uint64_t loader_base = fb_read_le(&r, word);
    uint64_t dynamic = fb_read_le(&r, word);
    if (fb_failed(r.err))
        return r.err;
    if (version == 0 || version > VERSION_MAX)
        return FB_FAIL(MALFORMED, "a loader's list of no version", s.bytes.off);
    proc->has_loader = true;
    proc->loader_break = loader_break;
    proc->loader_base = loader_base;
    proc->loader_dynamic = dynamic;
    read_link_map(m, rva, n, word, padding);
    return FB_NO_ERR;
}
