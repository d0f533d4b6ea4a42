/*
 * Copyright (C) The Pharos Authors
 *
 * Bits: see bits.h.
 */

#include "store/bits.h"


void
phr_bits_pack(uint8_t *out, const uint64_t *v, size_t n, unsigned width)
{
    size_t    i, bit;
    uint8_t  *p;
    uint64_t  mask, x;

    if (width == 0) {
        return;
    }

    mask = width == 64 ? ~UINT64_C(0) : (UINT64_C(1) << width) - 1;

    memset(out, 0, phr_bits_bytes(n, width) + PHR_BITS_PAD);

    for (i = 0, bit = 0; i < n; i++, bit += width) {
        p = out + (bit >> 3);
        x = v[i] & mask;

        phr_store64(p, phr_load64(p) | x << (bit & 7));

        if (phr_unlikely((bit & 7) + width > 64)) {
            p[8] = (uint8_t) (x >> (64 - (bit & 7)));
        }
    }
}


void
phr_bits_unpack(const uint8_t *p, uint64_t *v, size_t n, unsigned width)
{
    size_t          i, bit;
    uint64_t        mask;
    const uint8_t  *q;

    if (width == 0) {
        memset(v, 0, n * sizeof(uint64_t));
        return;
    }

    /* shifted by up to 7, 57 bits are what one load holds for certain */

    if (phr_likely(width <= 57)) {
        mask = (UINT64_C(1) << width) - 1;

        for (i = 0, bit = 0; i < n; i++, bit += width) {
            v[i] = phr_load64(p + (bit >> 3)) >> (bit & 7) & mask;
        }

        return;
    }

    mask = width == 64 ? ~UINT64_C(0) : (UINT64_C(1) << width) - 1;

    for (i = 0, bit = 0; i < n; i++, bit += width) {
        q = p + (bit >> 3);
        v[i] = phr_load64(q) >> (bit & 7);

        if ((bit & 7) + width > 64) {
            v[i] |= (uint64_t) q[8] << (64 - (bit & 7));
        }

        v[i] &= mask;
    }
}
