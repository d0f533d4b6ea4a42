/*
 * Copyright (C) The Pharos Authors
 *
 * Chunk, the codec of last resort: each value XORed with the one before,
 * the zeros at both ends left out.  For values that are no short decimals.
 *
 *     first value, 64 bits
 *     then for each:  0                        same as before
 *                     1 0 <bits>               in the last window
 *                     1 1 <lead:6> <n-1:6> <bits:n>   a new window
 */

#include "store/bits.h"
#include "store/chunk.h"


static void
phr_xor_put(phr_bits_writer_t *w, uint64_t v, unsigned width)
{
    if (width > 32) {
        phr_bits_put(w, v & 0xffffffff, 32);
        v >>= 32;
        width -= 32;
    }

    phr_bits_put(w, v, width);
}


static uint64_t
phr_xor_get(phr_bits_reader_t *r, unsigned width)
{
    uint64_t  low;

    if (width <= 56) {
        return phr_bits_get(r, width);
    }

    low = phr_bits_get(r, 32);

    return low | phr_bits_get(r, width - 32) << 32;
}


size_t
phr_xor_encode(const double *v, size_t n, uint8_t *out, size_t limit)
{
    size_t             i;
    unsigned           lead, tail, window_lead, window_tail, width;
    uint64_t           bits, prev, x;
    phr_bits_writer_t  w;

    w.p = out;
    w.acc = 0;
    w.nbits = 0;

    prev = phr_double_bits(v[0]);
    phr_store64(w.p, prev);
    w.p += 8;

    window_lead = 64;       /* no window yet */
    window_tail = 0;

    for (i = 1; i < n; i++) {

        /* the longest step takes 1 + 1 + 6 + 6 + 64 bits */
        if ((size_t) (w.p - out) + 12 > limit) {
            return 0;
        }

        bits = phr_double_bits(v[i]);
        x = bits ^ prev;
        prev = bits;

        if (x == 0) {
            phr_bits_put(&w, 0, 1);
            continue;
        }

        lead = 64 - phr_bits_width(x);
        tail = phr_bits_width(x & (~x + 1)) - 1;
        width = 64 - window_lead - window_tail;

        /* a window much too wide costs more than a new one */
        if (window_lead < 64 && lead >= window_lead && tail >= window_tail
            && width <= 64 - lead - tail + 12)
        {
            phr_bits_put(&w, 1, 2);
            phr_xor_put(&w, x >> window_tail, width);
            continue;
        }

        window_lead = lead;
        window_tail = tail;
        width = 64 - lead - tail;

        phr_bits_put(&w, 3, 2);
        phr_bits_put(&w, lead, 6);
        phr_bits_put(&w, width - 1, 6);
        phr_xor_put(&w, x >> tail, width);
    }

    phr_bits_put(&w, 0, 7);     /* flushes what is left */

    return (size_t) (w.p - out);
}


int
phr_xor_decode(const uint8_t *p, size_t len, double *v, size_t n)
{
    size_t             i;
    unsigned           lead, width, tail;
    uint64_t           bits;
    phr_bits_reader_t  r;

    if (len < 8) {
        return PHR_ECORRUPT;
    }

    bits = phr_load64(p);
    v[0] = phr_double_from_bits(bits);

    r.p = p;
    r.pos = 64;
    r.end = len * 8;
    width = 0;
    tail = 0;

    for (i = 1; i < n; i++) {

        if (phr_bits_get(&r, 1)) {

            if (phr_bits_get(&r, 1)) {
                lead = (unsigned) phr_bits_get(&r, 6);
                width = (unsigned) phr_bits_get(&r, 6) + 1;

                if (lead + width > 64) {
                    return PHR_ECORRUPT;
                }

                tail = 64 - lead - width;
            }

            if (width == 0) {
                return PHR_ECORRUPT;
            }

            bits ^= phr_xor_get(&r, width) << tail;
        }

        if (r.pos > r.end) {
            return PHR_ECORRUPT;
        }

        v[i] = phr_double_from_bits(bits);
    }

    return PHR_OK;
}
