/*
 * Copyright (C) The Pharos Authors
 *
 * Tsdb, bits: see tsdb_bits.h.
 */

#include "ingest/tsdb_bits.h"


static unsigned phr_tsdb_bits_size(phr_tsdb_bits_t *b);


void
phr_tsdb_bits_init(phr_tsdb_bits_t *b, phr_str_t data, size_t from)
{
    b->p = (const uint8_t *) data.data + from;
    b->end = (const uint8_t *) data.data + data.len;
    b->bits = 0;
    b->n = 0;
    b->failed = 0;
}


uint64_t
phr_tsdb_bits(phr_tsdb_bits_t *b, unsigned n)
{
    uint64_t  high, v;

    if (n > 32) {
        high = phr_tsdb_bits(b, n - 32);
        return high << 32 | phr_tsdb_bits(b, 32);
    }

    while (b->n < n) {

        if (b->p == b->end) {
            b->failed = 1;
            return 0;
        }

        b->bits |= (uint64_t) *b->p++ << (56 - b->n);
        b->n += 8;
    }

    v = b->bits >> (64 - n);
    b->bits <<= n;
    b->n -= n;

    return v;
}


uint64_t
phr_tsdb_bits_uvarint(phr_tsdb_bits_t *b)
{
    unsigned  shift;
    uint64_t  v, byte;

    v = 0;

    for (shift = 0; shift < 64; shift += 7) {
        byte = phr_tsdb_bits(b, 8);
        v |= (byte & 0x7f) << shift;

        if (byte < 0x80) {
            return v;
        }
    }

    b->failed = 1;

    return 0;
}


uint64_t
phr_tsdb_bits_uint(phr_tsdb_bits_t *b)
{
    unsigned  size;

    size = phr_tsdb_bits_size(b);

    return size == 0 ? 0 : phr_tsdb_bits(b, size);
}


int64_t
phr_tsdb_bits_int(phr_tsdb_bits_t *b)
{
    unsigned  size;
    uint64_t  v;

    size = phr_tsdb_bits_size(b);

    if (size == 0) {
        return 0;
    }

    v = phr_tsdb_bits(b, size);

    /* the highest bit alone is positive */

    if (size < 64 && v > UINT64_C(1) << (size - 1)) {
        v -= UINT64_C(1) << size;
    }

    return (int64_t) v;
}


/* as many ones, eight at most, say how many bits follow */

static unsigned
phr_tsdb_bits_size(phr_tsdb_bits_t *b)
{
    unsigned  ones;

    static const uint8_t  sizes[] = { 0, 3, 6, 9, 12, 18, 25, 56, 64 };

    for (ones = 0; ones < 8 && phr_tsdb_bits(b, 1) == 1; ones++) {
        /* void */
    }

    return sizes[ones];
}


void
phr_tsdb_bits_xor(phr_tsdb_bits_t *b, phr_tsdb_xor_t *x)
{
    unsigned  n;

    if (phr_tsdb_bits(b, 1) == 0) {
        return;
    }

    if (phr_tsdb_bits(b, 1) == 1) {
        x->leading = (uint8_t) phr_tsdb_bits(b, 5);
        n = (unsigned) phr_tsdb_bits(b, 6);

        /* 64 has no room in six bits */
        n = n == 0 ? 64 : n;

        if (x->leading + n > 64) {
            b->failed = 1;
            return;
        }

        x->trailing = (uint8_t) (64 - x->leading - n);
    }

    n = 64u - x->leading - x->trailing;
    x->value ^= phr_tsdb_bits(b, n) << x->trailing;
}
