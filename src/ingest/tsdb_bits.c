/*
 * Copyright (C) The Pharos Authors
 *
 * Tsdb, bits: see tsdb_bits.h.
 */

#include "ingest/tsdb_bits.h"


/* no window of bits was used yet */
#define PHR_TSDB_NO_WINDOW  0xff


static unsigned phr_tsdb_bits_size(phr_tsdb_bits_t *b);
static void phr_tsdb_put_sized(phr_tsdb_writer_t *w, uint64_t v,
    unsigned size);


/* bits of a number, by how many ones are in front of it */
#define PHR_TSDB_SIZES  9

static const uint8_t  phr_tsdb_sizes[PHR_TSDB_SIZES] = {
    0, 3, 6, 9, 12, 18, 25, 56, 64
};


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

    ones = 0;

    while (ones < PHR_TSDB_SIZES - 1 && phr_tsdb_bits(b, 1) == 1) {
        ones++;
    }

    return phr_tsdb_sizes[ones];
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


/* the lowest nbits of v */
void
phr_tsdb_put(phr_tsdb_writer_t *w, uint64_t v, unsigned nbits)
{
    char      *last;
    unsigned   n;

    while (nbits > 0) {

        if (w->free == 0) {
            phr_buf_putc(w->out, 0);
            w->free = 8;
        }

        if (w->out->failed) {
            return;
        }

        n = phr_min(nbits, w->free);
        nbits -= n;
        w->free -= n;

        last = &w->out->data[w->out->len - 1];
        *last = (char) ((uint8_t) *last
                        | (v >> nbits & ((1u << n) - 1)) << w->free);
    }
}


void
phr_tsdb_put_uint(phr_tsdb_writer_t *w, uint64_t v)
{
    unsigned  i;

    for (i = 0; i < PHR_TSDB_SIZES - 1; i++) {
        if (v <= (UINT64_C(1) << phr_tsdb_sizes[i]) - 1) {
            break;
        }
    }

    phr_tsdb_put_sized(w, v, i);
}


void
phr_tsdb_put_int(phr_tsdb_writer_t *w, int64_t v)
{
    unsigned  i;

    if (v == 0) {
        phr_tsdb_put(w, 0, 1);
        return;
    }

    /* the highest bit alone is positive */

    for (i = 1; i < PHR_TSDB_SIZES - 1; i++) {
        if (v > -(INT64_C(1) << (phr_tsdb_sizes[i] - 1))
            && v <= INT64_C(1) << (phr_tsdb_sizes[i] - 1))
        {
            break;
        }
    }

    phr_tsdb_put_sized(w, (uint64_t) v, i);
}


static void
phr_tsdb_put_sized(phr_tsdb_writer_t *w, uint64_t v, unsigned size)
{
    if (size < PHR_TSDB_SIZES - 1) {
        phr_tsdb_put(w, (UINT64_C(1) << (size + 1)) - 2, size + 1);
    } else {
        phr_tsdb_put(w, 0xff, 8);
    }

    phr_tsdb_put(w, v, phr_tsdb_sizes[size]);
}


void
phr_tsdb_xor_begin(phr_tsdb_xor_t *x, uint64_t value)
{
    x->value = value;
    x->leading = PHR_TSDB_NO_WINDOW;
    x->trailing = 0;
}


void
phr_tsdb_put_xor(phr_tsdb_writer_t *w, phr_tsdb_xor_t *x, uint64_t value)
{
    uint64_t  changed;
    unsigned  leading, trailing, nbits;

    changed = x->value ^ value;
    x->value = value;

    if (changed == 0) {
        phr_tsdb_put(w, 0, 1);
        return;
    }

    phr_tsdb_put(w, 1, 1);

    /* the number of leading zeros has five bits */
    leading = phr_min((unsigned) __builtin_clzll(changed), 31);
    trailing = (unsigned) __builtin_ctzll(changed);

    if (x->leading != PHR_TSDB_NO_WINDOW && leading >= x->leading
        && trailing >= x->trailing)
    {
        phr_tsdb_put(w, 0, 1);
        phr_tsdb_put(w, changed >> x->trailing,
                     64 - x->leading - x->trailing);
        return;
    }

    nbits = 64 - leading - trailing;
    x->leading = (uint8_t) leading;
    x->trailing = (uint8_t) trailing;

    /* 64 of them are written as 0: there is always one */
    phr_tsdb_put(w, 1, 1);
    phr_tsdb_put(w, leading, 5);
    phr_tsdb_put(w, nbits & 63, 6);
    phr_tsdb_put(w, changed >> trailing, nbits);
}
