/*
 * Copyright (C) The Pharos Authors
 *
 * Bytes: integers in byte order, varints, CRC-32C and xxHash64.
 */

#include "core/bytes.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define PHR_CRC32C_SSE42  1
#include <nmmintrin.h>
#include <wmmintrin.h>

/*
 * The instruction takes three cycles, and another one may begin with each:
 * three runs of so many bytes are summed up side by side.
 */
#define PHR_CRC_LANE     256

/* x^(8n - 33) of one lane and of two, modulo the polynomial, reflected */
#define PHR_CRC_SHIFT_1  0xb9e02b86u
#define PHR_CRC_SHIFT_2  0xdd7e3b0cu
#endif


static uint32_t phr_crc32c_soft(uint32_t crc, const uint8_t *p, size_t len);

#if (PHR_CRC32C_SSE42)
static uint32_t phr_crc32c_sse42(uint32_t crc, const uint8_t *p, size_t len);
static uint32_t phr_crc32c_lanes(uint32_t crc, const uint8_t *p, size_t n);
#endif


size_t
phr_put_uvarint(uint8_t *p, uint64_t v)
{
    size_t  n;

    for (n = 0; v >= 0x80; v >>= 7) {
        p[n++] = (uint8_t) (v | 0x80);
    }

    p[n++] = (uint8_t) v;

    return n;
}


void
phr_buf_uvarint(phr_buf_t *b, uint64_t v)
{
    uint8_t  p[10];

    phr_buf_append(b, p, phr_put_uvarint(p, v));
}


int
phr_get_uvarint(const uint8_t **p, const uint8_t *end, uint64_t *v)
{
    unsigned        shift;
    uint64_t        sum;
    const uint8_t  *q;

    sum = 0;

    for (q = *p, shift = 0; q < end && shift < 64; q++, shift += 7) {

        /* the tenth byte holds the last bit */

        if (shift == 63 && *q > 1) {
            return PHR_ECORRUPT;
        }

        sum |= (uint64_t) (*q & 0x7f) << shift;

        if (*q < 0x80) {
            *v = sum;
            *p = q + 1;
            return PHR_OK;
        }
    }

    return PHR_ECORRUPT;
}


void
phr_buf_put_str(phr_buf_t *b, phr_str_t s)
{
    phr_buf_uvarint(b, s.len);
    phr_buf_str(b, s);
}


int
phr_get_str(const uint8_t **p, const uint8_t *end, phr_str_t *s)
{
    uint64_t        len;
    const uint8_t  *q;

    q = *p;

    if (phr_get_uvarint(&q, end, &len) != PHR_OK
        || len > (uint64_t) (end - q))
    {
        return PHR_ECORRUPT;
    }

    *s = phr_str_from((const char *) q, (size_t) len);
    *p = q + len;

    return PHR_OK;
}


uint32_t
phr_crc32c(uint32_t crc, const void *data, size_t len)
{
#if (PHR_CRC32C_SSE42)

    size_t          n;
    const uint8_t  *p;

    if (__builtin_cpu_supports("sse4.2")) {
        p = data;
        n = len / (3 * PHR_CRC_LANE);

        if (n > 0 && __builtin_cpu_supports("pclmul")) {
            crc = ~phr_crc32c_lanes(~crc, p, n);
            p += n * 3 * PHR_CRC_LANE;
            len -= n * 3 * PHR_CRC_LANE;
        }

        return ~phr_crc32c_sse42(~crc, p, len);
    }

#endif

    return ~phr_crc32c_soft(~crc, data, len);
}


#if (PHR_CRC32C_SSE42)

__attribute__((target("sse4.2")))
static uint32_t
phr_crc32c_sse42(uint32_t crc, const uint8_t *p, size_t len)
{
    uint64_t  c, w;

    for (c = crc; len >= 8; len -= 8, p += 8) {
        memcpy(&w, p, 8);
        c = _mm_crc32_u64(c, w);
    }

    for (crc = (uint32_t) c; len > 0; len--, p++) {
        crc = _mm_crc32_u8(crc, *p);
    }

    return crc;
}


/*
 * n times three lanes.  The sum of bytes that others follow is multiplied by
 * x^(8 * their number): 33 of its powers come of the multiplication and of
 * the instruction that reduces.
 */
__attribute__((target("sse4.2,pclmul")))
static uint32_t
phr_crc32c_lanes(uint32_t crc, const uint8_t *p, size_t n)
{
    size_t    i;
    __m128i   first, second;
    uint64_t  a, b, c, w[3];

    for ( /* void */ ; n > 0; n--, p += 3 * PHR_CRC_LANE) {
        a = crc;
        b = 0;
        c = 0;

        for (i = 0; i < PHR_CRC_LANE; i += 8) {
            memcpy(&w[0], p + i, 8);
            memcpy(&w[1], p + i + PHR_CRC_LANE, 8);
            memcpy(&w[2], p + i + 2 * PHR_CRC_LANE, 8);

            a = _mm_crc32_u64(a, w[0]);
            b = _mm_crc32_u64(b, w[1]);
            c = _mm_crc32_u64(c, w[2]);
        }

        first = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t) a),
                                     _mm_cvtsi64_si128(PHR_CRC_SHIFT_2), 0);
        second = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t) b),
                                      _mm_cvtsi64_si128(PHR_CRC_SHIFT_1), 0);

        first = _mm_xor_si128(first, second);
        crc = (uint32_t) (_mm_crc32_u64(0, (uint64_t)
                                           _mm_cvtsi128_si64(first)) ^ c);
    }

    return crc;
}

#endif


/*
 * Slice by 8.  The CRC is linear: an entry of a table is the exclusive or
 * of the entries of its single bits, so eight constants make a table.
 */

#define phr_crc_bit(i, n, c)  ((i) >> (n) & 1 ? (c) : 0u)

#define phr_crc_1(k, i)                                                       \
    phr_crc_bit(i, 0, PHR_CRC_##k##_0) ^ phr_crc_bit(i, 1, PHR_CRC_##k##_1)   \
    ^ phr_crc_bit(i, 2, PHR_CRC_##k##_2) ^ phr_crc_bit(i, 3, PHR_CRC_##k##_3) \
    ^ phr_crc_bit(i, 4, PHR_CRC_##k##_4) ^ phr_crc_bit(i, 5, PHR_CRC_##k##_5) \
    ^ phr_crc_bit(i, 6, PHR_CRC_##k##_6) ^ phr_crc_bit(i, 7, PHR_CRC_##k##_7)

#define phr_crc_4(k, i)                                                       \
    phr_crc_1(k, i), phr_crc_1(k, (i) + 1),                                   \
    phr_crc_1(k, (i) + 2), phr_crc_1(k, (i) + 3)

#define phr_crc_16(k, i)                                                      \
    phr_crc_4(k, i), phr_crc_4(k, (i) + 4),                                   \
    phr_crc_4(k, (i) + 8), phr_crc_4(k, (i) + 12)

#define phr_crc_64(k, i)                                                      \
    phr_crc_16(k, i), phr_crc_16(k, (i) + 16),                                \
    phr_crc_16(k, (i) + 32), phr_crc_16(k, (i) + 48)

#define phr_crc_256(k)                                                        \
    { phr_crc_64(k, 0), phr_crc_64(k, 64), phr_crc_64(k, 128),                \
      phr_crc_64(k, 192) }

#define PHR_CRC_A_0  0xf26b8303u
#define PHR_CRC_A_1  0xe13b70f7u
#define PHR_CRC_A_2  0xc79a971fu
#define PHR_CRC_A_3  0x8ad958cfu
#define PHR_CRC_A_4  0x105ec76fu
#define PHR_CRC_A_5  0x20bd8edeu
#define PHR_CRC_A_6  0x417b1dbcu
#define PHR_CRC_A_7  0x82f63b78u

#define PHR_CRC_B_0  0x13a29877u
#define PHR_CRC_B_1  0x274530eeu
#define PHR_CRC_B_2  0x4e8a61dcu
#define PHR_CRC_B_3  0x9d14c3b8u
#define PHR_CRC_B_4  0x3fc5f181u
#define PHR_CRC_B_5  0x7f8be302u
#define PHR_CRC_B_6  0xff17c604u
#define PHR_CRC_B_7  0xfbc3faf9u

#define PHR_CRC_C_0  0xa541927eu
#define PHR_CRC_C_1  0x4f6f520du
#define PHR_CRC_C_2  0x9edea41au
#define PHR_CRC_C_3  0x38513ec5u
#define PHR_CRC_C_4  0x70a27d8au
#define PHR_CRC_C_5  0xe144fb14u
#define PHR_CRC_C_6  0xc76580d9u
#define PHR_CRC_C_7  0x8b277743u

#define PHR_CRC_D_0  0xdd45aab8u
#define PHR_CRC_D_1  0xbf672381u
#define PHR_CRC_D_2  0x7b2231f3u
#define PHR_CRC_D_3  0xf64463e6u
#define PHR_CRC_D_4  0xe964b13du
#define PHR_CRC_D_5  0xd725148bu
#define PHR_CRC_D_6  0xaba65fe7u
#define PHR_CRC_D_7  0x52a0c93fu

#define PHR_CRC_E_0  0x38116facu
#define PHR_CRC_E_1  0x7022df58u
#define PHR_CRC_E_2  0xe045beb0u
#define PHR_CRC_E_3  0xc5670b91u
#define PHR_CRC_E_4  0x8f2261d3u
#define PHR_CRC_E_5  0x1ba8b557u
#define PHR_CRC_E_6  0x37516aaeu
#define PHR_CRC_E_7  0x6ea2d55cu

#define PHR_CRC_F_0  0xef306b19u
#define PHR_CRC_F_1  0xdb8ca0c3u
#define PHR_CRC_F_2  0xb2f53777u
#define PHR_CRC_F_3  0x6006181fu
#define PHR_CRC_F_4  0xc00c303eu
#define PHR_CRC_F_5  0x85f4168du
#define PHR_CRC_F_6  0x0e045bebu
#define PHR_CRC_F_7  0x1c08b7d6u

#define PHR_CRC_G_0  0x68032cc8u
#define PHR_CRC_G_1  0xd0065990u
#define PHR_CRC_G_2  0xa5e0c5d1u
#define PHR_CRC_G_3  0x4e2dfd53u
#define PHR_CRC_G_4  0x9c5bfaa6u
#define PHR_CRC_G_5  0x3d5b83bdu
#define PHR_CRC_G_6  0x7ab7077au
#define PHR_CRC_G_7  0xf56e0ef4u

#define PHR_CRC_H_0  0x493c7d27u
#define PHR_CRC_H_1  0x9278fa4eu
#define PHR_CRC_H_2  0x211d826du
#define PHR_CRC_H_3  0x423b04dau
#define PHR_CRC_H_4  0x847609b4u
#define PHR_CRC_H_5  0x0d006599u
#define PHR_CRC_H_6  0x1a00cb32u
#define PHR_CRC_H_7  0x34019664u


static const uint32_t  phr_crc32c_table[8][256] = {
    phr_crc_256(A), phr_crc_256(B), phr_crc_256(C), phr_crc_256(D),
    phr_crc_256(E), phr_crc_256(F), phr_crc_256(G), phr_crc_256(H),
};


static uint32_t
phr_crc32c_soft(uint32_t crc, const uint8_t *p, size_t len)
{
    for ( /* void */ ; len >= 8; len -= 8, p += 8) {
        crc ^= (uint32_t) p[0] | (uint32_t) p[1] << 8
               | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;

        crc = phr_crc32c_table[7][crc & 0xff]
              ^ phr_crc32c_table[6][crc >> 8 & 0xff]
              ^ phr_crc32c_table[5][crc >> 16 & 0xff]
              ^ phr_crc32c_table[4][crc >> 24]
              ^ phr_crc32c_table[3][p[4]] ^ phr_crc32c_table[2][p[5]]
              ^ phr_crc32c_table[1][p[6]] ^ phr_crc32c_table[0][p[7]];
    }

    for ( /* void */ ; len > 0; len--, p++) {
        crc = crc >> 8 ^ phr_crc32c_table[0][(crc ^ *p) & 0xff];
    }

    return crc;
}


/* xxHash64 as its specification (doc/xxhash_spec.md) has it, seed 0 */

#define PHR_XXH_1  0x9e3779b185ebca87ULL
#define PHR_XXH_2  0xc2b2ae3d27d4eb4fULL
#define PHR_XXH_3  0x165667b19e3779f9ULL
#define PHR_XXH_4  0x85ebca77c2b2ae63ULL
#define PHR_XXH_5  0x27d4eb2f165667c5ULL

#define phr_xxh_rotl(x, n)  (((x) << (n)) | ((x) >> (64 - (n))))


static inline uint64_t
phr_xxh_le64(const uint8_t *p)
{
    uint64_t  v;

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(&v, p, sizeof(v));
#else
    int  i;

    for (v = 0, i = 7; i >= 0; i--) {
        v = v << 8 | p[i];
    }
#endif

    return v;
}


static inline uint64_t
phr_xxh_round(uint64_t acc, uint64_t lane)
{
    acc += lane * PHR_XXH_2;

    return phr_xxh_rotl(acc, 31) * PHR_XXH_1;
}


static inline void
phr_xxh_stripe(uint64_t acc[4], const uint8_t *p)
{
    acc[0] = phr_xxh_round(acc[0], phr_xxh_le64(p));
    acc[1] = phr_xxh_round(acc[1], phr_xxh_le64(p + 8));
    acc[2] = phr_xxh_round(acc[2], phr_xxh_le64(p + 16));
    acc[3] = phr_xxh_round(acc[3], phr_xxh_le64(p + 24));
}


void
phr_xxh64_init(phr_xxh64_t *x)
{
    x->acc[0] = PHR_XXH_1 + PHR_XXH_2;
    x->acc[1] = PHR_XXH_2;
    x->acc[2] = 0;
    x->acc[3] = 0 - PHR_XXH_1;
    x->total = 0;
}


void
phr_xxh64_update(phr_xxh64_t *x, const void *data, size_t len)
{
    size_t          held, n;
    const uint8_t  *p;

    p = data;
    held = (size_t) (x->total % 32);
    x->total += len;

    if (held != 0) {
        n = phr_min(len, 32 - held);
        memcpy(x->rest + held, p, n);
        p += n;
        len -= n;

        if (held + n < 32) {
            return;
        }

        phr_xxh_stripe(x->acc, x->rest);
    }

    for ( /* void */ ; len >= 32; len -= 32, p += 32) {
        phr_xxh_stripe(x->acc, p);
    }

    if (len != 0) {
        memcpy(x->rest, p, len);
    }
}


uint64_t
phr_xxh64_final(const phr_xxh64_t *x)
{
    int             i;
    size_t          n;
    uint64_t        h, lane;
    const uint8_t  *p;

    if (x->total >= 32) {
        h = phr_xxh_rotl(x->acc[0], 1) + phr_xxh_rotl(x->acc[1], 7)
            + phr_xxh_rotl(x->acc[2], 12) + phr_xxh_rotl(x->acc[3], 18);

        for (i = 0; i < 4; i++) {
            h ^= phr_xxh_round(0, x->acc[i]);
            h = h * PHR_XXH_1 + PHR_XXH_4;
        }

    } else {
        h = PHR_XXH_5;
    }

    h += x->total;

    p = x->rest;
    n = (size_t) (x->total % 32);

    for ( /* void */ ; n >= 8; n -= 8, p += 8) {
        h ^= phr_xxh_round(0, phr_xxh_le64(p));
        h = phr_xxh_rotl(h, 27) * PHR_XXH_1 + PHR_XXH_4;
    }

    if (n >= 4) {
        lane = (uint64_t) p[0] | (uint64_t) p[1] << 8
               | (uint64_t) p[2] << 16 | (uint64_t) p[3] << 24;
        h ^= lane * PHR_XXH_1;
        h = phr_xxh_rotl(h, 23) * PHR_XXH_2 + PHR_XXH_3;
        n -= 4;
        p += 4;
    }

    for ( /* void */ ; n > 0; n--, p++) {
        h ^= *p * PHR_XXH_5;
        h = phr_xxh_rotl(h, 11) * PHR_XXH_1;
    }

    h ^= h >> 33;
    h *= PHR_XXH_2;
    h ^= h >> 29;
    h *= PHR_XXH_3;
    h ^= h >> 32;

    return h;
}


uint64_t
phr_xxh64(const void *data, size_t len)
{
    phr_xxh64_t  x;

    phr_xxh64_init(&x);
    phr_xxh64_update(&x, data, len);

    return phr_xxh64_final(&x);
}
