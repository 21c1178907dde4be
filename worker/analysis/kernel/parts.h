/*
 * worker/analysis/kernel/parts.h -- what the parts of the reader share: the dump under way and
 * the limits. Nobody outside kernel/ includes it.
 *
 * A part that finds no room in the arena sets `full` and gives up; file.c reports it.
 */
#pragma once
#include "base/text.h"
#include "bugchecks.h"
#include "kernel/kernel.h"

/* Far beyond honest dumps. */
enum {
    FB_KERNEL_DRIVERS_MAX = 4096,
    FB_KERNEL_UNLOADED_MAX = 4096,
    FB_KERNEL_BLOCKS_MAX = 1048576,
    FB_KERNEL_NAME_MAX = 1024, // bytes of the file, per name
};

struct fb_kd {
    struct fb_span file;
    struct fb_arena *arena;
    bool full; // the arena was too small: sticky
    struct fb_notes *notes;
    struct fb_dump *dump;
    struct fb_kernel_header header;
    struct fb_kernel_triage triage; // zeros when the dump is of another type
};

void *fb_kd_alloc(struct fb_kd *k, size_t n, size_t size, size_t align);
#define FB_KD_NEW(k, type, n) ((type *)fb_kd_alloc((k), (n), sizeof(type), alignof(type)))
/** UTF-16 or plain bytes up to a NUL, as valid UTF-8. Never NULL unless `full`. */
const char *fb_kd_text16(struct fb_kd *k, struct fb_span bytes);
const char *fb_kd_text8(struct fb_kd *k, struct fb_span bytes);
static inline size_t fb_kd_word(const struct fb_kd *k) { return k->header.wide ? 8 : 4; }
/** Addresses of the kernel's half. */
static inline bool fb_kd_is_kernel(const struct fb_kd *k, fb_addr a)
{
    return k->header.wide ? a >= UINT64_C(0xFFFF800000000000) : a >= UINT64_C(0x80000000);
}

/** The exception record of either width that `record` holds. @return false: none is there */
bool fb_kernel_exception(struct fb_span record, bool wide, struct fb_exception *out);

/** The parts of a triage dump. */
void fb_kd_drivers(struct fb_kd *k);
void fb_kd_unloaded(struct fb_kd *k);
void fb_kd_memory(struct fb_kd *k);
void fb_kd_process(struct fb_kd *k);
/** The exception behind the bugcheck, and the registers it happened with. */
void fb_kd_exception(struct fb_kd *k);
double fb_kd_completeness(const struct fb_kd *k);
