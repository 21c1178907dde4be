/*
 * common/base/sha256_x86.h -- the block function of SHA-256 with the instructions that most
 * processors have for it: five times as fast as the portable one, on a path that every dump
 * takes.
 *
 * Only gcc lets us ask the processor without a cpuid instruction of our own, which is slow on
 * virtual machines; other compilers use the portable function.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
/** Whether fb_sha256_block_x86 may be called on this processor. */
static inline bool fb_sha256_has_x86(void)
{
    return __builtin_cpu_supports("sha") && __builtin_cpu_supports("sse4.1");
}
/** As the portable block function: one block of 64 bytes into `state`; `k` are the round
 * constants. */
void fb_sha256_block_x86(uint32_t state[8], const uint8_t block[64], const uint32_t k[64]);
#else
static inline bool fb_sha256_has_x86(void) { return false; }
static inline void fb_sha256_block_x86(uint32_t state[8], const uint8_t block[64],
                                       const uint32_t k[64])
{
    (void)state, (void)block, (void)k;
}
#endif
