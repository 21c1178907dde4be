/*
 * tests/unit/code_agrees_functions.c -- functions that move the stack pointer in different
 * ways, for test_code_agrees: it compiles them for Windows in several ways.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT __attribute__((noinline, used))
#ifdef __i386__
#define POPS  __attribute__((stdcall))
#define QUICK __attribute__((fastcall))
#else
#define POPS
#define QUICK
#endif
volatile int sink;

KEPT static int leaf(int a, int b) { return a * 3 + b; }
KEPT static int POPS pops(int a, int b, int c) { return leaf(a, b) + c; }
KEPT static int QUICK quick(int a, int b, int c, int d) { return leaf(a, b) + leaf(c, d); }
KEPT static int calls_them(int a)
{
    int n = pops(a, 2, 3);
    n += quick(n, 4, a, 6);
    return pops(n, a, n) + leaf(a, n);
}
KEPT static int through(int(POPS *f)(int, int, int), int a)
{
    int n = f(a, a, a);
    return n + f(n, a, 1) + leaf(n, a);
}
KEPT static int early_return(int a)
{
    if (a < 3)
        return a;
    int n = leaf(a, sink) + leaf(sink, a);
    if (n < 10)
        return leaf(n, a);
    return n * leaf(n, n);
}
KEPT static int in_a_loop(int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++)
        sum += i % 3 ? leaf(sum, i) : pops(sum, i, n);
    return sum;
}
KEPT static int allocates(int n)
{
    char *p = __builtin_alloca((size_t)n);
    memset(p, n, (size_t)n);
    return leaf(p[0], p[n - 1]) + n;
}
KEPT static int allocates_sometimes(int n)
{
    char *p = n < 100 ? __builtin_alloca((size_t)n) : malloc((size_t)n);
    memset(p, n, (size_t)n);
    int v = leaf(p[0], p[n - 1]);
    if (n >= 100)
        free(p);
    return v;
}
KEPT static int large(int a)
{
    volatile char room[3000];
    room[a & 1023] = (char)a;
    return leaf(room[5], a) + a;
}
KEPT static int larger_than_a_page(int a)
{
    volatile char room[3 * 4096];
    room[a & 4095] = (char)a;
    return leaf(room[5], a) + a;
}
KEPT static int aligned(int a)
{
    volatile int room[16] __attribute__((aligned(64)));
    room[a & 15] = a;
    return leaf(room[3], (int)(size_t)room & 63) + a;
}
KEPT static int tail(int a, int b) { return leaf(b + sink, a); }
KEPT static void never(int a)
{
    fprintf(stderr, "%d\n", a);
    exit(a);
}
KEPT static int may_never(int a, int b)
{
    int n = leaf(a, b);
    if (n == 77)
        never(n);
    n += leaf(n, b);
    if (n == 78)
        __builtin_trap();
    return n + b;
}
KEPT static int only_never(int a)
{
    leaf(a, a);
    never(a);
    return 0;
}
KEPT static int chooses(int a, int b)
{
    switch (a) {
    case 0:
        return leaf(b, 1);
    case 1:
        return pops(b, 1, 2) + b;
    case 2:
        return in_a_loop(b);
    case 3:
        return calls_them(b) * b;
    case 4:
        return large(b) - 1;
    case 5:
        return b;
    case 6:
        return aligned(b) + leaf(b, b);
    default:
        return -1;
    }
}
KEPT static int sums(int n, ...)
{
    va_list v;
    int sum = 0;
    va_start(v, n);
    while (n-- > 0)
        sum = leaf(sum, va_arg(v, int));
    va_end(v);
    return sum;
}
KEPT static double floats(double a, double b, double c)
{
    double x = a * b, y = b * c;
    sink = leaf(1, 2);
    return x + y * leaf((int)a, (int)b) + c;
}
struct big {
    int v[20];
};
KEPT static struct big returns_much(int a, struct big b)
{
    b.v[a % 20] = leaf(a, b.v[0]);
    return b;
}
KEPT static int keeps_many(int a, int b, int c, int d, int e, int f, int g, int h)
{
    int x = leaf(a, b), y = leaf(c, d), z = leaf(e, f);
    sink = leaf(x, y);
    return leaf(z, x) + a + b * c + d * e + f * g + h + x + y + z;
}
KEPT static int recurses(int n) { return n < 2 ? n : recurses(n - 1) + recurses(n - 2); }

int main(int argc, char **argv)
{
    struct big b = {{argc}};
    int a = argc + (argv != NULL);
    a += calls_them(a) + through(pops, a) + early_return(a) + in_a_loop(a) + allocates(a);
    a += allocates_sometimes(a) + large(a) + larger_than_a_page(a) + aligned(a) + tail(a, 1);
    a += may_never(a, 1) + chooses(a, 2) + sums(3, a, a, a) + (int)floats(a, a, 2);
    a += returns_much(a, b).v[3] + keeps_many(a, 1, 2, 3, 4, 5, 6, 7) + recurses(a);
    return a == 12345 ? only_never(a) : 0;
}
