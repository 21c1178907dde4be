/*
 * plugin.c -- plugin.dll: the fault that lies in somebody else's module, and the code that is
 * gone after FreeLibrary. It leaves its return addresses on the program's trail.
 */
#include "stage.h"
#include <windows.h>

struct row {
    int width, height;
    const int *pixels; // null: the bug
};

int copy_row(volatile struct trail *t, const struct row *row);
NOINLINE int copy_row(volatile struct trail *t, const struct row *row)
{
    MARK_ON(t);
    return *(const volatile int *)((uintptr_t)row->pixels + 0x10) + row->width;
}

__declspec(dllexport) plugin_fn plugin_decode, plugin_transform;

int plugin_decode(volatile struct trail *t, int seed)
{
    MARK_ON(t);
    static volatile struct row row;
    row.width = seed;
    return copy_row(t, (const struct row *)(uintptr_t)&row) + seed;
}

int plugin_transform(volatile struct trail *t, int seed)
{
    MARK_ON(t);
    return seed * 3;
}
