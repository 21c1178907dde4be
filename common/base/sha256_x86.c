/*
 * common/base/sha256_x86.c -- SHA-256 by SHA-NI: Intel 64 manual, volume 2, SHA256RNDS2 and
 * SHA256MSG1/2.
 *
 * The instructions want the state as ABEF and CDGH, four words a register, A in the highest;
 * memory has DCBA and HGFE. Each SHA256RNDS2 does two rounds, with two words of schedule plus
 * constant.
 */
#include "base/sha256_x86.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>

enum { GROUPS = 16 }; // of four rounds

/* The next four words of the schedule, in place of the oldest four. */
__attribute__((target("sha,sse4.1"))) static __m128i extend(const __m128i w[4], int i)
{
    __m128i next = _mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]);
    next = _mm_add_epi32(next, _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4));
    return _mm_sha256msg2_epu32(next, w[(i + 3) % 4]);
}

__attribute__((target("sha,sse4.1"))) void
fb_sha256_block_x86(uint32_t state[8], const uint8_t block[64], const uint32_t k[64])
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i_u *)state), 0xB1);
    __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i_u *)(state + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];
    for (int i = 0; i < GROUPS; i++) {
        w[i % 4] = i < 4 ? _mm_shuffle_epi8(
                               _mm_loadu_si128((const __m128i_u *)(block + 16 * i)), big_endian)
                         : extend(w, i);
        __m128i words =
            _mm_add_epi32(w[i % 4], _mm_loadu_si128((const __m128i_u *)(k + 4 * i)));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, words);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(words, 0x0E));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
    __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i_u *)state, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i_u *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}
#endif
