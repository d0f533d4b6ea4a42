/*
 * Copyright (C) The Pharos Authors
 *
 * Chunks of native histograms as Prometheus writes them, bit by bit: what
 * is read of them, and that no damage is trusted.
 */

#include <math.h>
#include <stdlib.h>

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


/* a bucket as far from 1 as its number can say, in a schema to be reduced */
static void
test_far(void)
{
    size_t  i, n;

    static const struct {
        int64_t  offset;
        int      rc;
    } cases[] = {
        { 1000, PHR_OK },
        { -1000, PHR_OK },
        { PHR_HIST_MAX_INDEX - 1, PHR_OK },
        { PHR_HIST_MAX_INDEX, PHR_ECORRUPT },
        { -PHR_HIST_MAX_INDEX - 1, PHR_OK },
        { -PHR_HIST_MAX_INDEX - 2, PHR_ECORRUPT },
        { INT32_MAX, PHR_ECORRUPT },
        { INT32_MIN, PHR_ECORRUPT },
    };

    for (i = 0; i < phr_nelems(cases); i++) {
        begin(1, 0);
        bits(0, 8);
        integer(20);
        natural(1);
        natural(1);
        integer(cases[i].offset);
        natural(0);
        integer(1700000000000);
        natural(3);
        natural(0);
        number(2.5);
        integer(3);
        is_int(decode(0, &n), cases[i].rc, "a bucket at %lld",
               (long long) cases[i].offset);
    }
}


/* chunks out of a block that Prometheus 2.42 has made */

static const struct {
    int          is_float;
    const char  *hex;
} genuine[] = {
    { 0,
      "003a00ff3f50624dd2f1a9fc946778c6dfc000343fc62f5a1490000000000000"
      "0002378fc13884988bfff15c3097ffc06b13404a02301a84f0f827109360762b"
      "bef63c2cdc177443687406b1bd010a020c0468087013a020c042808f010a020c"
      "0691ff80de1f01b84d011809406d17e02280860d0269a03428e684360de80830"
      "10a023c0428083013a021c0468083010a03591fa02050101808343e09c42686a"
      "23ef63c2a80ee040a020f01028080c047a020701068080c040a021f0" },
    { 0,
      "000900ff3f50624dd2f1a9fc946578c6dfc000343fc19b7a1490000000000000"
      "000231f8271093117ffe20c25fff03589a04a04606a13c7c138849b03b13ef63"
      "c2cdc17700" },
    { 1,
      "000a00f38ca2949fc000343fc1cc4e0808a000000000000804a0000000000008"
      "018000000000000804a000000000000802a000000000000805f000000000001f"
      "04e21b81ee07bb2aaaaaaaaaaaaf703dc0f58fedb03fb03fac4fd81fd81f8723"
      "1dd9555555555555718c6939caaaaaaaaaaaace706463b72ffffffffffffe318"
      "5358dfeb1bfdd95555555555557ac6ff50ffe7c8282955555555555582814290"
      "d0db33fffffffffffff0d068320a0b765555555555555c140a34" }
};


static void
test_genuine(void)
{
    size_t      i, k, n;
    char        data[512], two[3] = "";
    phr_buf_t   b;
    phr_err_t   err;

    phr_buf_init(&b, 0);

    for (i = 0; i < phr_nelems(genuine); i++) {
        n = strlen(genuine[i].hex) / 2;

        for (k = 0; k < n; k++) {
            memcpy(two, genuine[i].hex + 2 * k, 2);
            data[k] = (char) strtol(two, NULL, 16);
        }

        phr_arena_reset(arena);
        phr_buf_reset(&b);
        is_int(phr_tsdb_hists(phr_str_from(data, n), genuine[i].is_float,
                              arena, t_ms, h, &k, &err), PHR_OK,
               "a genuine chunk");
        is_int(phr_tsdb_hists_encode(t_ms, h, k, arena, &b), PHR_OK,
               "is written");
        ok(phr_str_eq(phr_buf_view(&b), phr_str_from(data, n)),
           "as Prometheus wrote it");
    }

    phr_buf_free(&b);
}


static double
rnd(double max)
{
    static uint64_t  seed = 88172645463325252ULL;

    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return floor((double) (seed >> 11) / 9007199254740992.0 * max);
}


/* n samples that are laid out alike, in the arena */
static void
make(phr_hist_t *made, const phr_hist_t **out, size_t n)
{
    double           *counts;
    size_t            i, k;
    phr_hist_t       *first = &made[0];
    phr_hist_span_t  *spans = phr_arena_alloc(arena, 4 * sizeof(*spans));
    static const double  bounds[] = { -1, 0.005, 0.1, 1.0 / 3, 40000, 1e9 };
    static const double  thresholds[] = { 0, 1, 1e-128, 0.001, 4096 };

    memset(first, 0, sizeof(*first));
    first->integer = rnd(2) == 0;
    first->hint = (uint8_t) rnd(4);
    first->schema = (int32_t) rnd(13) - 4;
    first->zero_threshold = thresholds[(int) rnd(5)];
    spans[0].offset = (int32_t) rnd(200) - 100;
    spans[0].length = (uint32_t) rnd(6);
    spans[1].offset = 2;
    spans[1].length = (uint32_t) rnd(3);
    first->positive.spans = spans;
    first->positive.nspans = 2;
    first->positive.n = spans[0].length + spans[1].length;
    first->negative.spans = spans;
    first->negative.nspans = 1;
    first->negative.n = spans[0].length;

    if (rnd(4) == 0) {
        first->schema = PHR_HIST_CUSTOM;
        first->zero_threshold = 0;
        first->bounds = bounds;
        first->nbounds = 6;
        first->negative.n = 0;
        first->negative.nspans = 0;
        spans[0].offset = 0;
    }

    for (i = 0; i < n; i++) {
        if (i != 0) {
            made[i] = *first;
            made[i].hint = first->hint == PHR_HIST_GAUGE ? PHR_HIST_GAUGE
                                                         : PHR_HIST_NO_RESET;
        }

        counts = phr_arena_alloc(arena, 32 * sizeof(double));

        for (k = 0; k < 32; k++) {
            counts[k] = rnd(rnd(2) == 0 ? 3 : 1e12)
                        + (first->integer ? 0 : rnd(100) / 7);
        }

        made[i].positive.counts = counts;
        made[i].negative.counts = counts + 16;
        made[i].count = counts[30];
        made[i].zero_count = counts[31];
        made[i].sum = rnd(1e6) / 3 - 1e5;
        out[i] = &made[i];
    }
}


static void
test_written(void)
{
    size_t             i, k, n, got, wrong, runs;
    int64_t            when[50];
    phr_buf_t          b;
    phr_err_t          err;
    phr_hist_t         made[50];
    const phr_hist_t  *want[50];

    phr_buf_init(&b, 0);
    wrong = 0;
    runs = 0;

    for (i = 0; i < 2000; i++) {
        phr_arena_reset(arena);
        phr_buf_reset(&b);
        n = 1 + (size_t) rnd(50);
        make(made, want, n);
        when[0] = (int64_t) rnd(1e13) - 100;

        for (k = 1; k < n; k++) {
            when[k] = when[k - 1] + 15000 + (rnd(3) == 0 ? (int) rnd(50) : 0);
        }

        runs += phr_tsdb_hists_run(want, n) == n;

        if (phr_tsdb_hists_encode(when, want, n, arena, &b) != PHR_OK
            || phr_tsdb_hists(phr_buf_view(&b), !made[0].integer, arena,
                              t_ms, h, &got, &err) != PHR_OK
            || got != n)
        {
            wrong++;
            continue;
        }

        for (k = 0; k < n; k++) {
            wrong += t_ms[k] != when[k] || !phr_hist_eq(h[k], want[k])
                     || !h[k]->integer != !want[k]->integer;
        }

        wrong += h[0]->hint != (want[0]->hint == PHR_HIST_NO_RESET
                                ? PHR_HIST_RESET_UNKNOWN : want[0]->hint);
    }

    is_int(runs, 2000, "what is alike is one run");
    is_int(wrong, 0, "what is written is read");

    make(made, want, 6);
    made[3].hint = PHR_HIST_RESET;
    is_int(phr_tsdb_hists_run(want, 6), 3, "a reset begins a chunk");
    want[2] = NULL;
    is_int(phr_tsdb_hists_run(want, 6), 2, "and so does a float");
    made[1].zero_threshold = 7;
    is_int(phr_tsdb_hists_run(want, 6), 1, "and another layout");

    phr_buf_free(&b);
}


int
main(void)
{
    arena = phr_arena_create(64 << 20);

    test_integers();
    test_floats();
    test_damage();
    test_far();
    test_genuine();
    test_written();

    phr_arena_destroy(arena);

    return done_testing();
}
