/* worker/analysis/unwind/cfi_rows.c -- reading STACK CFI rules. */
#include "unwind/cfi_rows.h"

#include "symbols/fields.h"
#include "symbols/symstack.h"
#include "unwind/stack_records.h"

enum { LINES_MAX = 4096 };

static int rule_named(const struct fb_unwinder *w, struct fb_span name)
{
    if (fb_span_is(name, ".cfa"))
        return FB_CFI_CFA;
    if (fb_span_is(name, ".ra"))
        return FB_CFI_RA;
    return fb_record_register(w, name);
}

/* --- one rule ----------------------------------------------------------------------- */

/* Few digits, perhaps with a sign. */
static bool number(struct fb_span token, uint64_t *out)
{
    enum { DIGITS_MAX = 18 };
    bool negative = token.n != 0 && token.p[0] == '-';
    uint64_t v = 0;
    if (token.n <= negative || token.n > DIGITS_MAX)
        return false;
    for (size_t i = negative; i < token.n; i++) {
        if (token.p[i] < '0' || token.p[i] > '9')
            return false;
        v = v * 10 + (token.p[i] - (unsigned)'0');
    }
    *out = negative ? 0 - v : v;
    return true;
}

static bool is_letter(struct fb_span token, uint8_t c) { return token.n == 1 && *token.p == c; }

static bool begins_name(struct fb_span token)
{
    uint8_t c = token.n > 1 ? token.p[0] : 0; // one letter may be an operator
    return c == '.' || c == '$' || (c >= 'a' && c <= 'z');
}

/* `name number +`, perhaps with ^. What has another form, or names what has no value, stays
 * text. */
static void simplify(const struct fb_unwinder *w, struct fb_cfi_rule *rule)
{
    struct fb_fields f = {rule->text, rule->text + rule->text_n, false};
    struct fb_span name = fb_fields_text(&f), offset = fb_fields_text(&f);
    struct fb_span operator= fb_fields_text(&f), load = fb_fields_text(&f);
    bool word = is_letter(load, '^'), plus = is_letter(operator, '+');
    if ((load.n != 0 && !word) || !fb_fields_ended(&f) || !begins_name(name) ||
        (!plus && !is_letter(operator, '-')) || !number(offset, &rule->offset))
        return;
    int base = rule_named(w, name);
    if (base < 0 || base == FB_CFI_RA)
        return;
    rule->base = (int8_t)base;
    rule->offset = plus ? rule->offset : 0 - rule->offset;
    rule->how = word ? FB_CFI_WORD : FB_CFI_SUM;
}

/* --- a row -------------------------------------------------------------------------- */

/* The next token that ends with a colon, without it; `f` stands behind it then.
 * @return the text in between */
static struct fb_span until_rule(struct fb_fields *f, struct fb_span *name)
{
    const uint8_t *start = f->p;
    *name = (struct fb_span){0};
    while (!fb_fields_ended(f)) {
        const uint8_t *before = f->p;
        struct fb_span token = fb_fields_text(f);
        if (token.p[token.n - 1] != ':')
            continue;
        *name = (struct fb_span){token.p, token.n - 1, 0};
        return (struct fb_span){start, (size_t)(before - start), 0};
    }
    return (struct fb_span){start, (size_t)(f->end - start), 0};
}

static void put(struct fb_cfi_row *row, int of, struct fb_span text)
{
    if (row->place[of] == 0)
        row->place[of] = ++row->n;
    row->v[row->place[of] - 1] = (struct fb_cfi_rule){
        .of = (uint8_t)of, .how = FB_CFI_TEXT, .base = -1, .text = text.p, .text_n = text.n};
}

static void add_line(const struct fb_unwinder *w, struct fb_sym_name line,
                     struct fb_cfi_row *row)
{
    struct fb_fields f = {line.p, line.p + line.n, false};
    struct fb_span name, next;
    until_rule(&f, &name);
    for (; name.n != 0; name = next) {
        struct fb_span expression = until_rule(&f, &next);
        int of = rule_named(w, name);
        if (of >= 0)
            put(row, of, expression);
    }
}

static void read(const struct fb_unwinder *w, const struct fb_symfile *sym, uint64_t rva,
                 struct fb_cfi_row *row)
{
    struct fb_sym_cfi cfi;
    row->n = 0;
    row->found = fb_symfile_cfi(sym, rva, &cfi) && cfi.n <= LINES_MAX;
    if (!row->found)
        return;
    memset(row->place, 0, sizeof row->place);
    add_line(w, cfi.rules, row);
    for (size_t i = 0; i < cfi.n; i++)
        add_line(w, cfi.delta[i].rules, row);
    for (size_t i = 0; i < row->n; i++)
        simplify(w, &row->v[i]);
}

const struct fb_cfi_row *fb_cfi_row_at(const struct fb_unwinder *w, fb_addr a,
                                       struct fb_cfi_row *own)
{
    uint64_t rva;
    const struct fb_symfile *sym = fb_record_symfile(w, a, &rva);
    if (sym == NULL)
        return NULL;
    struct fb_cfi_rows *rows = a != 0 ? w->env->rows : NULL;
    struct fb_cfi_row *row = rows != NULL ? &rows->v[a % FB_CFI_ROWS] : own;
    if (rows == NULL || rows->at[a % FB_CFI_ROWS] != a)
        read(w, sym, rva, row);
    if (rows != NULL)
        rows->at[a % FB_CFI_ROWS] = a;
    return row->found ? row : NULL;
}
