/*
 * Copyright (C) The Pharos Authors
 *
 * Chunks of native histograms as Prometheus writes them, bit by bit: what
 * is read of them, and that no damage is trusted.
 */

#include <math.h>

#include "core/array.h"
#include "ingest/tsdb.h"
#include "tap.h"


static phr_arena_t       *arena;
static uint8_t            chunk[512];
static size_t             nbits;
static int64_t            t_ms[PHR_TSDB_MAX_SAMPLES];
static const phr_hist_t  *h[PHR_TSDB_MAX_SAMPLES];


static void
bits(uint64_t v, unsigned n)
{
    while (n-- > 0) {
        if (v >> n & 1) {
            chunk[nbits / 8] |= (uint8_t) (0x80 >> nbits % 8);
        }

        nbits++;
    }
}


static void
begin(unsigned n, unsigned hint)
{
    memset(chunk, 0, sizeof(chunk));
    nbits = 0;
    bits(n, 16);
    bits(hint, 2);
    bits(0, 6);
}


/* as many ones as the size is in the list, and that many bits */
static void
sized(uint64_t v, int is_signed)
{
    size_t   i;
    int64_t  low, high;

    static const unsigned  sizes[] = { 3, 6, 9, 12, 18, 25, 56 };

    if (v == 0) {
        bits(0, 1);
        return;
    }

    for (i = 0; i < phr_nelems(sizes); i++) {
        low = -(INT64_C(1) << (sizes[i] - 1)) + 1;
        high = is_signed ? INT64_C(1) << (sizes[i] - 1)
                         : (INT64_C(1) << sizes[i]) - 1;

        if (is_signed ? (int64_t) v >= low && (int64_t) v <= high
                      : v <= (uint64_t) high)
        {
            bits((UINT64_C(1) << (i + 2)) - 2, (unsigned) i + 2);
            bits(v & ((UINT64_C(1) << sizes[i]) - 1), sizes[i]);
            return;
        }
    }

    bits(0xff, 8);
    bits(v, 64);
}


static void
integer(int64_t v)
{
    sized((uint64_t) v, 1);
}


static void
natural(uint64_t v)
{
    sized(v, 0);
}


static void
number(double v)
{
    bits(phr_double_bits(v), 64);
}


/* the next of a float: all bits of the difference */
static void
change(double from, double to)
{
    if (phr_double_bits(from) == phr_double_bits(to)) {
        bits(0, 1);
        return;
    }

    bits(3, 2);
    bits(0, 5);
    bits(0, 6);
    bits(phr_double_bits(from) ^ phr_double_bits(to), 64);
}


static int
decode(int is_float, size_t *n)
{
    phr_err_t  err;

    phr_arena_reset(arena);

    return phr_tsdb_hists(phr_str_from((char *) chunk, (nbits + 7) / 8),
                          is_float, arena, t_ms, h, n, &err);
}


/* four samples of a counter: two spans, one negative bucket */
static void
counter(unsigned hint)
{
    begin(4, hint);

    bits(243 - 9, 8);           /* 2^-10 */
    integer(3);
    natural(2);
    natural(2);
    integer(-5);
    natural(1);
    integer(2);
    natural(1);
    natural(1);
    integer(7);

    integer(1700000000000);
    natural(12);
    natural(1);
    number(2.5);
    integer(4);                 /* 4, 1, 5 and 1 */
    integer(-3);
    integer(4);
    integer(1);

    integer(15000);
    integer(3);
    integer(1);
    change(2.5, 3);
    integer(2);                 /* 6, 3, 4 and 0 */
    integer(0);
    integer(-3);
    integer(-1);

    integer(1);                 /* a marker, 15001 later */
    integer(-15);
    integer(-2);
    change(3, phr_double_from_bits(PHR_STALE_NAN_BITS));

    integer(-2);                /* the steps go on from before it */
    integer(30);
    integer(2);
    change(phr_double_from_bits(PHR_STALE_NAN_BITS), 9);
    integer(-1);                /* steps are 1, 0, -3, -1: 7, 4, 2 and -1 */
    integer(0);
    integer(0);
    integer(2);                 /* or 1 */
}


static void
test_integers(void)
{
    size_t  n;

    counter(2);
    is_int(decode(0, &n), PHR_OK, "a chunk of integers");
    is_int(n, 4, "four samples");
    is_int(t_ms[0], 1700000000000, "its time");
    is_int(h[0]->schema, 3, "its schema");
    ok(h[0]->zero_threshold == ldexp(1, -10), "a threshold in a byte");
    is_int(h[0]->hint, PHR_HIST_RESET, "after a reset");
    is_int(h[0]->positive.nspans, 2, "its spans");
    is_int(h[0]->positive.spans[1].offset, 2, "their offsets");
    ok(h[0]->integer && h[0]->count == 12 && h[0]->zero_count == 1
       && h[0]->sum == 2.5, "its numbers");
    ok(h[0]->positive.counts[0] == 4 && h[0]->positive.counts[1] == 1
       && h[0]->positive.counts[2] == 5 && h[0]->negative.counts[0] == 1,
       "its buckets");
    is_int(phr_hist_validate(h[0], NULL), PHR_OK, "is valid");

    is_int(t_ms[1] - t_ms[0], 15000, "the next");
    is_int(h[1]->hint, PHR_HIST_RESET_UNKNOWN, "says nothing of a reset");
    ok(h[1]->count == 15 && h[1]->zero_count == 2 && h[1]->sum == 3
       && h[1]->positive.counts[0] == 6 && h[1]->positive.counts[1] == 3
       && h[1]->positive.counts[2] == 4 && h[1]->negative.counts[0] == 0,
       "steps");
    is_int(phr_hist_validate(h[1], NULL), PHR_OK, "is valid, too");

    is_int(t_ms[2] - t_ms[1], 15001, "a step of a step");
    ok(phr_hist_is_stale(h[2]), "a marker");
    is_int(h[2]->positive.n, 0, "which has no buckets");

    ok(h[3]->sum == 9 && h[3]->count == 21
       && h[3]->positive.counts[0] == 7 && h[3]->positive.counts[1] == 4
       && h[3]->positive.counts[2] == 2, "and what comes after it");

    counter(3);
    is_int(decode(0, &n), PHR_OK, "a gauge");
    ok(h[0]->hint == PHR_HIST_GAUGE && h[3]->hint == PHR_HIST_GAUGE,
       "all along");
    counter(1);
    is_int(decode(0, &n), PHR_OK, "a chunk that goes on");
    is_int(h[0]->hint, PHR_HIST_RESET_UNKNOWN, "is looked at by whoever reads");
}


static void
test_floats(void)
{
    size_t  n;

    begin(2, 0);
    bits(0, 8);
    integer(-53);
    natural(1);
    natural(3);
    integer(0);
    natural(0);
    natural(2);
    natural(251);               /* 0.25 in thousandths, and one */
    bits(0, 1);
    number(1e30);

    integer(-1000);
    number(6.5);
    number(0);
    number(3);
    number(1.5);
    number(2);
    number(3);

    integer(30000);
    change(6.5, 7);
    change(0, 0);
    change(3, 3.5);
    change(1.5, 2);
    change(2, 2);
    change(3, 3);

    is_int(decode(1, &n), PHR_OK, "a chunk of floats");
    is_int(n, 2, "two samples");
    is_int(t_ms[0], -1000, "before 1970");
    ok(phr_hist_is_custom(h[0]) && h[0]->nbounds == 2
       && h[0]->bounds[0] == 0.25 && h[0]->bounds[1] == 1e30,
       "custom bounds");
    ok(!h[0]->integer && h[0]->count == 6.5 && h[0]->sum == 3
       && h[0]->positive.counts[0] == 1.5 && h[0]->positive.counts[2] == 3,
       "its numbers");
    ok(h[1]->count == 7 && h[1]->sum == 3.5 && h[1]->positive.counts[0] == 2
       && h[1]->positive.counts[1] == 2, "the next");
    is_int(t_ms[1], 29000, "and its time");
    is_int(phr_hist_validate(h[1], NULL), PHR_OK, "is valid");
}


static void
test_damage(void)
{
    int      rc;
    size_t   i, k, n, all, wrong;
    uint8_t  whole[sizeof(chunk)];

    counter(0);
    all = nbits;
    memcpy(whole, chunk, sizeof(chunk));
    wrong = 0;

    for (i = 0; i < all; i++) {
        memcpy(chunk, whole, sizeof(chunk));
        nbits = i / 8 * 8;
        wrong += decode(0, &n) != PHR_ECORRUPT;

        nbits = all;
        chunk[i / 8] ^= (uint8_t) (1 << i % 8);
        rc = decode(0, &n);
        wrong += rc != PHR_OK && rc != PHR_ECORRUPT;

        for (k = 1; rc == PHR_OK && k < n; k++) {
            wrong += t_ms[k] <= t_ms[k - 1];
        }

        rc = decode(1, &n);
        wrong += rc != PHR_OK && rc != PHR_ECORRUPT;
    }

    is_int(wrong, 0, "a chunk cut short or flipped is told or harmless");

    memcpy(chunk, whole, sizeof(chunk));
    begin(0, 0);
    is_int(decode(0, &n), PHR_OK, "an empty chunk");
    is_int(n, 0, "has nothing");
    nbits = 16;
    is_int(decode(0, &n), PHR_ECORRUPT, "less than a header");
}


int
main(void)
{
    arena = phr_arena_create(64 << 20);

    test_integers();
    test_floats();
    test_damage();

    phr_arena_destroy(arena);

    return done_testing();
}
