/*
 * worker/analysis/bucket/normalise.c -- one name per function, whatever compiler, build or
 * demangler wrote it.
 *
 *   static void * ns::Box<int>::get(unsigned) const &      ->  ns::Box<T>::get
 *   `anonymous namespace'::run::<lambda_3f2a>::operator()  ->  (anonymous namespace)::run::...
 *
 * One pass from left to right writes the name. A bracketed group is looked at as a whole when
 * it opens, and either copied, replaced or left out; a space outside of any group ends the
 * return type, so what was written before it is forgotten. Before the pass, Rust's legacy
 * mangling is undone; after it, the marks of compiler variants are cut off the end. Nothing is
 * recursive, and each byte is looked at a bounded number of times.
 *
 * A name that returns a pointer to a function ("void (*get(int))(char)") is kept as it is.
 * Names that are still mangled otherwise are kept too: whoever reads symbols demangles.
 */
#include "base/text.h"
#include "bucket/keys.h"
#include "bucket/name_parts.h"

#include <string.h>

enum { NORMAL_MAX = 1024, NESTING_MAX = 64 };

struct scan {
    const char *p; // NUL-terminated
    size_t n, at;
    struct fb_text *out;
    bool past_operator; // the next <...> belongs to an operator, and goes
    bool at_pointer;    // "(*" outside of any group: see above
};

static bool is_word(char c)
{
    return fb_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

/* --- groups ------------------------------------------------------------------------- */

static char closer(char open)
{
    switch (open) {
    case '(':
        return ')';
    case '[':
        return ']';
    case '{':
        return '}';
    case '<':
        return '>';
    case '`':
        return '\'';
    default:
        return 0;
    }
}

struct nest {
    char open[NESTING_MAX];
    size_t depth; // may exceed NESTING_MAX: what lies deeper is only counted
};

static void nest_close(struct nest *nest, char c)
{
    if (nest->depth > NESTING_MAX) {
        nest->depth--;
        return;
    }
    size_t d = nest->depth;
    if (c == ')') // a "<" inside parentheses may have been an operator
        while (d > 1 && nest->open[d - 1] == '<')
            d--;
    if (closer(nest->open[d - 1]) == c)
        nest->depth = d - 1;
}

/* The bytes of the group that opens at `p`, its closing bracket included; all of the rest when
 * it does not close. */
static size_t group_length(const char *p, size_t n)
{
    struct nest nest = {.open = {p[0]}, .depth = 1};
    for (size_t i = 1; i < n; i++) {
        char c = p[i];
        bool arrow = c == '>' && (p[i - 1] == '-' || p[i - 1] == '=');
        if (closer(c) != 0) {
            if (nest.depth < NESTING_MAX)
                nest.open[nest.depth] = c;
            nest.depth++;
        } else if ((c == ')' || c == ']' || c == '}' || c == '>' || c == '\'') && !arrow) {
            nest_close(&nest, c);
        }
        if (nest.depth == 0)
            return i + 1;
    }
    return n;
}

static bool contains(const char *p, size_t n, const char *what)
{
    size_t m = strlen(what);
    for (size_t i = 0; i + m <= n; i++)
        if (memcmp(p + i, what, m) == 0)
            return true;
    return false;
}

static bool is_text(const char *p, size_t n, const char *what)
{
    return n == strlen(what) && memcmp(p, what, n) == 0;
}

/* Kept text: no space before `*`, `&` and `,`, one behind a comma, one in a row. */
static void copy_tidy(struct fb_text *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char next = i + 1 < n ? p[i + 1] : 0;
        if (p[i] == ' ' && (next == ' ' || next == '*' || next == '&' || next == ','))
            continue;
        fb_text_char(out, p[i]);
        if (p[i] == ',' && next != ' ' && next != 0)
            fb_text_char(out, ' ');
    }
}

static void put_angle(struct scan *s, const char *p, size_t n)
{
    if (s->past_operator)
        return;
    if (fb_starts(p, "<lambda"))
        fb_text_str(s->out, "<lambda>");
    else if (is_text(p, n, "<name omitted>") || contains(p, n, " as ") ||
             contains(p, n, " in "))
        copy_tidy(s->out, p, n);
    else {
        bool last = p + n == s->p + s->n; // Rust's f::<T> is f<T>
        if (last && s->out->n > 2 && s->out->p[s->out->n - 1] == ':')
            s->out->n -= 2;
        fb_text_str(s->out, "<T>");
    }
}

/* Scopes in braces: lambdas and closures, whose numbers depend on the build. */
static void put_brace(struct scan *s, const char *p, size_t n)
{
    if (fb_starts(p, "{lambda"))
        fb_text_str(s->out, "<lambda>");
    else if (fb_starts(p, "{closure") || fb_starts(p, "{{closure"))
        fb_text_str(s->out, "{{closure}}");
    else
        for (size_t i = 0; i < n; i++)
            if (!fb_is_digit(p[i]) && p[i] != '#')
                fb_text_char(s->out, p[i]);
}

static void put_group(struct scan *s, const char *p, size_t n)
{
    static const char anonymous[] = "(anonymous namespace)";
    switch (p[0]) {
    case '<':
        put_angle(s, p, n);
        break;
    case '{':
        put_brace(s, p, n);
        break;
    case '`':
        if (is_text(p, n, "`anonymous namespace'") || is_text(p, n, "`anonymous-namespace'"))
            fb_text_str(s->out, anonymous);
        else
            copy_tidy(s->out, p, n);
        break;
    case '(':
        if (is_text(p, n, anonymous) || is_text(p, n, "(anonymous class)"))
            fb_text_put(s->out, p, n);
        break;
    default:
        break; // [clone ...], [abi:...]
    }
}

/* --- operators ---------------------------------------------------------------------- */

/* The longest that fits comes first. */
static const char *const operators[] = {
    "<=>", "<<=", ">>=", "->*", "()", "[]", "<<", ">>", "<=", ">=", "->", "==", "!=",
    "&&",  "||",  "++",  "--",  "+=", "-=", "*=", "/=", "%=", "^=", "&=", "|=", "+",
    "-",   "*",   "/",   "%",   "^",  "&",  "|",  "~",  "!",  "=",  "<",  ">",  ",",
};
static const char *const operator_words[] = {"new[]", "delete[]", "new", "delete", "co_await"};

/* One of `words`, or NULL. */
static const char *one_of(const char *p, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t m = strlen(words[i]);
        if (fb_starts(p, words[i]) && !(is_word(words[i][m - 1]) && is_word(p[m])))
            return words[i];
    }
    return NULL;
}

/* operator ""_km */
static size_t put_literal(struct scan *s, const char *p)
{
    size_t i = 2;
    fb_text_str(s->out, "\"\"");
    while (p[i] == ' ')
        i++;
    for (; is_word(p[i]); i++)
        fb_text_char(s->out, p[i]);
    return i;
}

/* operator bool, operator std::vector<int>*: up to its (empty) parameter list. */
static size_t put_conversion(struct scan *s, const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && p[i] != '(' && p[i] != '[') {
        if (p[i] == '<' || p[i] == '`' || p[i] == '{') {
            size_t group = group_length(p + i, n - i);
            put_group(s, p + i, group);
            i += group;
            continue;
        }
        bool tight = p[i] == ' ' && (p[i + 1] == '*' || p[i + 1] == '&' || p[i + 1] == '(');
        if (!tight)
            fb_text_char(s->out, p[i]);
        i++;
    }
    return i;
}

static void scan_operator(struct scan *s)
{
    static const size_t word = sizeof "operator" - 1;
    fb_text_str(s->out, "operator");
    s->at += word;
    size_t spaces = 0;
    while (s->p[s->at + spaces] == ' ')
        spaces++;
    const char *p = s->p + s->at + spaces;
    const char *symbol = one_of(p, operators, sizeof operators / sizeof *operators);
    const char *named =
        one_of(p, operator_words, sizeof operator_words / sizeof *operator_words);
    size_t used;
    if (symbol != NULL) {
        fb_text_str(s->out, symbol);
        used = strlen(symbol);
    } else if (named != NULL) {
        fb_text_char(s->out, ' ');
        fb_text_str(s->out, named);
        used = strlen(named);
    } else if (fb_starts(p, "\"\"")) {
        used = put_literal(s, p);
    } else {
        if (spaces != 0)
            fb_text_char(s->out, ' ');
        used = put_conversion(s, p, s->n - s->at - spaces);
    }
    s->at += spaces + used;
    s->past_operator = true;
}

static bool at_operator(const struct scan *s)
{
    static const size_t word = sizeof "operator" - 1;
    return fb_starts(s->p + s->at, "operator") && (s->at == 0 || !is_word(s->p[s->at - 1])) &&
           !is_word(s->p[s->at + word]) && s->p[s->at + word] != 0;
}

/* --- the pass ----------------------------------------------------------------------- */

static const char *const qualifiers[] = {"const", "volatile", "noexcept", "override",
                                         "&&",    "&",        "restrict"};

/* Behind a space, a new word begins; unless it is a qualifier, or groups that belong to
 * what went before. */
static void scan_space(struct scan *s)
{
    while (s->p[s->at] == ' ')
        s->at++;
    const char *p = s->p + s->at;
    const char *qualifier = one_of(p, qualifiers, sizeof qualifiers / sizeof *qualifiers);
    if (qualifier != NULL) {
        s->at += strlen(qualifier);
        return;
    }
    if (*p == '.') { // " .cold", as some demanglers split it off
        while (s->p[s->at] != 0 && s->p[s->at] != ' ')
            s->at++;
        return;
    }
    bool anonymous = fb_starts(p, "(anonymous");
    bool belongs =
        *p == 0 || *p == '[' || (*p == '(' && !anonymous) || (*p == '<' && s->past_operator);
    if (!belongs) {
        s->out->n = 0;
        s->past_operator = false;
    }
}

/* ?A0x1f2e3d4c, the linker's name of an anonymous namespace */
static bool scan_hashed_namespace(struct scan *s)
{
    const char *p = s->p + s->at;
    if (!fb_starts(p, "?A0x") || !fb_is_hex(p[4]))
        return false;
    s->at += 4;
    while (fb_is_hex(s->p[s->at]))
        s->at++;
    fb_text_str(s->out, "(anonymous namespace)");
    return true;
}

/* $_12, clang's lambdas; 'lambda1', as LLVM demangles others */
static bool scan_lambda(struct scan *s)
{
    const char *p = s->p + s->at;
    size_t i = 0;
    bool clang = fb_starts(p, "$_") && fb_is_digit(p[2]) && (s->at == 0 || !is_word(p[-1]));
    if (clang)
        i = 2;
    else if (fb_starts(p, "'lambda"))
        i = strlen("'lambda");
    else
        return false;
    while (fb_is_digit(p[i]))
        i++;
    if (!clang && p[i] == '\'')
        i++;
    fb_text_str(s->out, clang ? "$" : "<lambda>");
    s->at += i;
    return true;
}

static void scan_name(struct scan *s)
{
    while (s->at < s->n && !s->at_pointer) {
        char c = s->p[s->at];
        if (c == '(' && s->p[s->at + 1] == '*') {
            s->at_pointer = true;
        } else if (c == ' ') {
            scan_space(s);
        } else if (closer(c) != 0) {
            size_t n = group_length(s->p + s->at, s->n - s->at);
            put_group(s, s->p + s->at, n);
            s->at += n;
        } else if (at_operator(s)) {
            scan_operator(s);
        } else if (!scan_hashed_namespace(s) && !scan_lambda(s)) {
            if (c == ':')
                s->past_operator = false;
            fb_text_char(s->out, c);
            s->at++;
        }
    }
    s->out->p[s->out->n] = 0;
}

/* --- the whole ---------------------------------------------------------------------- */

/* Names are shown, and joined by " | ": printable ASCII, no white space but single blanks. */
static void put_clean(struct fb_text *out, const char *p, size_t max)
{
    bool blank = true; // none at the start
    for (size_t i = 0; p[i] != 0 && i < max; i++) {
        char c = p[i];
        bool space = c == ' ' || (c >= '\t' && c <= '\r');
        if (space && !blank)
            fb_text_char(out, ' ');
        else if (!space)
            fb_text_char(out, c > ' ' && c <= '~' ? c : '?');
        blank = space;
    }
    while (out->n > 0 && out->p[out->n - 1] == ' ')
        out->p[--out->n] = 0;
}

static bool is_objective_c(const char *p)
{
    return (p[0] == '-' || p[0] == '+') && p[1] == '[';
}

static void normalise(const char *function, const char *file, struct fb_text *clean,
                      struct fb_text *name)
{
    put_clean(clean, function, FB_FUNCTION_MAX);
    if (is_objective_c(clean->p)) {
        copy_tidy(name, clean->p, clean->n);
        return;
    }
    bool rust = fb_demangle_rust(clean->p, name);
    if (rust) {
        clean->n = 0;
        fb_text_put(clean, name->p, name->n);
    }
    name->n = 0;
    struct scan s = {.p = clean->p, .n = clean->n, .out = name};
    scan_name(&s);
    if (s.at_pointer || name->n == 0) { // nothing but groups: better odd than empty
        name->n = 0;
        copy_tidy(name, clean->p, clean->n);
        return;
    }
    fb_cut_marks(name, file);
}

const char *fb_normalise(const char *function, const char *file, struct fb_arena *arena)
{
    char clean[FB_FUNCTION_MAX + 1];
    char buffer[FB_FUNCTION_MAX * 2]; // a copied "," may become ", "
    struct fb_text from = fb_text_over(clean, sizeof clean);
    struct fb_text name = fb_text_over(buffer, sizeof buffer);
    normalise(function, file, &from, &name);
    fb_text_shorten(&name, NORMAL_MAX);
    return fb_arena_text(arena, name.p, name.n);
}
