/* worker/analysis/symbols/postfix.c -- token by token, on a stack of bounded depth. */
#include "symbols/postfix.h"

#include "symbols/fields.h"

struct slot {
    struct fb_span name; // n == 0: a value
    uint64_t value;
};
struct machine {
    const struct fb_postfix *p;
    struct slot v[FB_POSTFIX_SLOTS];
    size_t n;
};

static bool push(struct machine *m, struct slot slot)
{
    if (m->n == FB_POSTFIX_SLOTS)
        return false;
    slot.value &= m->p->mask;
    m->v[m->n++] = slot;
    return true;
}

static bool pop(struct machine *m, uint64_t *out)
{
    if (m->n == 0)
        return false;
    const struct slot *top = &m->v[--m->n];
    *out = top->value;
    return top->name.n == 0 || m->p->get(m->p->self, top->name, out);
}

/* --- operators ---------------------------------------------------------------------- */

/* a OP b. @return false: there is no such value, or no such operator */
static bool reckon(uint8_t op, uint64_t a, uint64_t b, uint64_t *out)
{
    bool defined = (op != '/' && op != '%') || b != 0;
    switch (defined ? op : 0) {
    case '+':
        *out = a + b;
        return true;
    case '-':
        *out = a - b;
        return true;
    case '*':
        *out = a * b;
        return true;
    case '/':
        *out = a / b;
        return true;
    case '%':
        *out = a % b;
        return true;
    case '@':
        *out = a & (0 - b);
        return b != 0 && (b & (b - 1)) == 0;
    default:
        return false;
    }
}

static bool replace_two(struct machine *m, uint8_t op)
{
    struct slot result = {.value = 0};
    uint64_t a, b;
    return pop(m, &b) && pop(m, &a) && reckon(op, a, b, &result.value) && push(m, result);
}

static bool load(struct machine *m)
{
    struct slot word = {.value = 0};
    uint64_t at;
    return pop(m, &at) && m->p->load(m->p->self, at, &word.value) && push(m, word);
}

static bool assign(struct machine *m)
{
    uint64_t value;
    if (!pop(m, &value) || m->n == 0 || m->v[m->n - 1].name.n == 0 || m->p->set == NULL)
        return false;
    m->n--;
    return m->p->set(m->p->self, m->v[m->n].name, value & m->p->mask);
}

static bool operate(struct machine *m, uint8_t op)
{
    if (op == '^')
        return load(m);
    return op == '=' ? assign(m) : replace_two(m, op);
}

/* --- tokens ------------------------------------------------------------------------- */

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* A decimal number, perhaps with a sign. */
static bool number(struct fb_span token, uint64_t *out)
{
    bool negative = token.p[0] == '-';
    uint64_t v = 0;
    for (size_t i = negative; i < token.n; i++) {
        if (!is_digit(token.p[i]) || v > (UINT64_MAX - 9) / 10)
            return false;
        v = v * 10 + (token.p[i] - (unsigned)'0');
    }
    *out = negative ? 0 - v : v;
    return true;
}

static bool operand(struct machine *m, struct fb_span token)
{
    struct slot slot = {.value = 0};
    bool numeric = is_digit(token.p[0]) || (token.p[0] == '-' && token.n > 1);
    if (!numeric)
        slot.name = token;
    return (!numeric || number(token, &slot.value)) && push(m, slot);
}

static bool token(struct machine *m, struct fb_span t)
{
    /* Folklore: some producers forget the blank behind a =. */
    if (t.n > 1 && t.p[0] == '=') {
        struct fb_span rest = {t.p + 1, t.n - 1, 0};
        return assign(m) && operand(m, rest);
    }
    bool operator= t.n == 1 && t.p[0] != 0 && strchr("+-*/%@^=", t.p[0]) != NULL;
    return operator? operate(m, t.p[0]) : operand(m, t);
}

static bool run(struct machine *m, struct fb_span text)
{
    struct fb_fields f = {text.p, text.p + text.n, false};
    if (text.n > FB_POSTFIX_TEXT_MAX)
        return false;
    for (size_t tokens = 0; !fb_fields_ended(&f); tokens++)
        if (tokens == FB_POSTFIX_TOKENS || !token(m, fb_fields_text(&f)))
            return false;
    return true;
}

/* What is not yet pushed needs not be zeroed. */
static void start(struct machine *m, const struct fb_postfix *p)
{
    m->p = p;
    m->n = 0;
}

bool fb_postfix_run(const struct fb_postfix *p, struct fb_span program)
{
    struct machine m;
    start(&m, p);
    return run(&m, program) && m.n == 0;
}

bool fb_postfix_value(const struct fb_postfix *p, struct fb_span expression, uint64_t *out)
{
    struct machine m;
    start(&m, p);
    return run(&m, expression) && m.n == 1 && pop(&m, out);
}
