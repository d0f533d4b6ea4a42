/*
 * Copyright (C) The Pharos Authors
 *
 * Bits: integers of 0 to 64 bits in a row, low bits first, and a reader and
 * writer of single fields.  Readers load eight bytes at once: what is read
 * must be followed by PHR_BITS_PAD readable bytes.
 */

#ifndef PHR_BITS_H_INCLUDED
#define PHR_BITS_H_INCLUDED


#include "core/base.h"


#define PHR_BITS_PAD       8
#define phr_bits_bytes(n, width)  (((n) * (size_t) (width) + 7) / 8)


/* little-endian, whatever the machine is */
static inline uint64_t
phr_load64(const uint8_t *p)
{
    uint64_t  v;

    memcpy(&v, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif

    return v;
}


static inline void
phr_store64(uint8_t *p, uint64_t v)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    memcpy(p, &v, 8);
}


/* bits that v needs: 0 for 0, 64 at most */
static inline unsigned
phr_bits_width(uint64_t v)
{
#if defined(__GNUC__)
    return v == 0 ? 0 : 64 - (unsigned) __builtin_clzll(v);
#else
    unsigned  n;

    for (n = 0; v != 0; n++) {
        v >>= 1;
    }

    return n;
#endif
}


/* how many bits of v are set; many machines have no instruction for it */
static inline unsigned
phr_bits_count(uint64_t v)
{
    v -= v >> 1 & UINT64_C(0x5555555555555555);
    v = (v & UINT64_C(0x3333333333333333))
        + (v >> 2 & UINT64_C(0x3333333333333333));
    v = (v + (v >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);

    return (unsigned) (v * UINT64_C(0x0101010101010101) >> 56);
}


/*
 * Writes the low "width" bits of each of n integers; takes
 * phr_bits_bytes(n, width) bytes, and as scratch PHR_BITS_PAD more.
 */
void phr_bits_pack(uint8_t *out, const uint64_t *v, size_t n,
    unsigned width);
void phr_bits_unpack(const uint8_t *p, uint64_t *v, size_t n,
    unsigned width);


typedef struct {
    uint8_t  *p;
    uint64_t  acc;
    unsigned  nbits;    /* in acc, 0 .. 7 between calls */
} phr_bits_writer_t;

typedef struct {
    const uint8_t  *p;
    size_t          pos;    /* in bits */
    size_t          end;
} phr_bits_reader_t;


/* 0 <= width <= 56; v has no bits above */
static inline void
phr_bits_put(phr_bits_writer_t *w, uint64_t v, unsigned width)
{
    w->acc |= v << w->nbits;
    w->nbits += width;

    while (w->nbits >= 8) {
        *w->p++ = (uint8_t) w->acc;
        w->acc >>= 8;
        w->nbits -= 8;
    }
}


/* 0 <= width <= 56; zeros beyond the end, which sets pos > end */
static inline uint64_t
phr_bits_get(phr_bits_reader_t *r, unsigned width)
{
    uint64_t  v;

    if (phr_unlikely(r->pos > r->end)) {
        return 0;
    }

    v = phr_load64(r->p + (r->pos >> 3)) >> (r->pos & 7);
    r->pos += width;

    return v & ((UINT64_C(1) << width) - 1);
}


#endif /* PHR_BITS_H_INCLUDED */
