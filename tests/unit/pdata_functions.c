/*
 * tests/unit/pdata_functions.c -- functions whose prologs differ, for test_pdata_x64_code and
 * test_pdata_arm64_steps: they compile them for Windows in several ways.
 *
 * There is no library to link: what they call is here, and what a compiler wants, at the end.
 */
#define KEPT __attribute__((noinline, used))
typedef __builtin_va_list va_list;
int _fltused;
volatile int sink;
volatile double float_sink;

KEPT int leaf(int a, int b) { return a * 3 + b; }
KEPT int leaf_with_locals(int a)
{
    volatile int room[20];
    room[a & 15] = a;
    return room[3];
}
KEPT void one_call(void) { leaf(sink, 2); }
KEPT int keeps_one(int a) { return leaf(sink, a) + a; }
KEPT int keeps_two(int a, int b) { return leaf(sink, a) + leaf(a, b) + a * b; }
KEPT int keeps_many(int a, int b, int c, int d, int e, int f, int g, int h)
{
    int x = leaf(a, b), y = leaf(c, d), z = leaf(e, f);
    sink = leaf(x, y);
    return leaf(z, x) + a + b * c + d * e + f * g + h + x + y + z;
}
KEPT double floats(double a, double b, double c, double d)
{
    double x = a * b, y = b * c;
    sink = leaf(1, 2);
    float_sink = x;
    sink = leaf(3, 4);
    return x + y * d + a + c;
}
KEPT double floats_and_integers(int i, int j, double a, double b, double c)
{
    double x = a * b + i;
    int n = leaf(i, j);
    float_sink = x;
    n += leaf(n, j);
    return x * n + a * j + b * c;
}
KEPT int large(int a)
{
    volatile char room[2000];
    room[a & 1023] = (char)a;
    return leaf(room[5], a) + a;
}
KEPT int larger_than_a_page(int a)
{
    volatile char room[4096 * 3];
    room[a & 4095] = (char)a;
    return leaf(room[5], a) + a;
}
KEPT int huge(int a)
{
    volatile char room[300 * 1024];
    room[a & 4095] = (char)a;
    return leaf(room[5], a) + a;
}
KEPT int moves_sp(int n)
{
    volatile char *room = __builtin_alloca((unsigned)n);
    room[0] = 1;
    return leaf(room[0], n) + n;
}
KEPT int moves_sp_and_keeps(int n, int a, int b, int c)
{
    volatile char *room = __builtin_alloca((unsigned)n);
    volatile char fixed[300];
    room[0] = 1;
    fixed[n & 255] = 2;
    return leaf(room[0], n) + leaf(a, b) * c + a + b + fixed[7] + n;
}
KEPT int varies(int n, ...)
{
    va_list args;
    int sum = 0;
    __builtin_va_start(args, n);
    for (int i = 0; i < n; i++)
        sum += leaf(__builtin_va_arg(args, int), i);
    __builtin_va_end(args);
    return sum;
}
KEPT int aligned(int a)
{
    volatile int room[8] __attribute__((aligned(64)));
    room[a & 7] = a;
    return leaf(room[1], a);
}
KEPT int many_returns(int a)
{
    if (a == 1)
        return leaf(a, 2) + 1;
    if (a == 2)
        return a;
    for (int i = 0; i < a; i++)
        if (leaf(i, a) == 7)
            return i + leaf(a, a);
    return leaf(5, a) - leaf(6, a);
}
KEPT int tail(int a) { return leaf(a, leaf(a, a)); }
KEPT int does_not_return(int a)
{
    if (leaf(a, 1) == 3)
        __builtin_trap();
    return a + leaf(2, a);
}
KEPT int switches(int a, int b)
{
    switch (a) {
    case 0:
        return leaf(b, 1) + a;
    case 1:
        return leaf(b, 5) * a;
    case 2:
        sink = b;
        return leaf(b, b);
    case 3:
        return b;
    case 4:
        return leaf(sink, b) - 1;
    default:
        return leaf(a, b) + b;
    }
}
int main_entry(int a)
{
    return moves_sp(a) + varies(a, 1, 2) + keeps_many(a, 1, 2, 3, 4, 5, 6, 7) + large(a);
}

__attribute__((naked)) void __chkstk(void) { __asm__("ret"); }     // as clang calls it
__attribute__((naked)) void ___chkstk_ms(void) { __asm__("ret"); } // as gcc does
