/*
 * Copyright (C) The Pharos Authors
 *
 * Chunks: every double comes back bit for bit, in few bytes where it can be
 * few; damage is refused or harmless.
 */

#include <math.h>

#include "store/bits.h"
#include "store/chunk.h"
#include "tap.h"


#define N    120
#define MAX  PHR_CHUNK_MAX_SAMPLES


static uint64_t  seed = 42;


static uint64_t
rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return seed;
}


static double
gen(int kind, size_t i, double prev)
{
    switch (kind) {
    case 0:
        return 1;
    case 1:
        return phr_double_from_bits(PHR_STALE_NAN_BITS);
    case 2:
        return (double) i * 15;
    case 3:
        return prev + (double) (rnd() % 1000);
    case 4:
        return (double) (rnd() % 100) / 100;
    case 5:
        return phr_double_from_bits(rnd());
    case 6:
        return i == 60 ? 0 : prev + 3;
    case 7:
        return i % 40 == 39 ? phr_double_from_bits(PHR_STALE_NAN_BITS)
                            : 1.5e9 + (double) i;
    case 8:
        return i % 2 ? -0.0 : 0.0;
    case 9:
        return sin((double) i / 10);
    case 10:
        return i % 3 == 0 ? INFINITY : i % 3 == 1 ? -INFINITY : NAN;
    case 11:
        return i % 30 == 7 ? 1e15 : (double) (rnd() % 8);
    case 12:
        return 9.1e15 + (double) i;
    case 13:
        return (double) (1600000000000 + (int64_t) i * 15000) / 1000;
    case 14:
        return -5.25 - (double) (rnd() % 4) / 4;
    case 16:
        return i == 0 ? 4096.0 * 70000
                      : prev + 4096 * ((double) (rnd() % 65) - 32);
    case 17:
        return i % 40 == 39 ? phr_double_from_bits(PHR_STALE_NAN_BITS)
                            : 7 + 512.0 * (double) (rnd() % 256);
    case 18:
        return (double) (rnd() % 16) * 0.25 + 1000;
    case 19:
        return i % 2 ? -8.9e15 : 8.9e15;
    default:
        return 0.1;
    }
}


int
main(void)
{
    struct {
        int          kind;
        size_t       most;      /* bytes of 120 values, 0: not looked at */
        const char  *name;
    } cases[] = {
        { 0, 2, "a constant integer" },
        { 1, 9, "a constant NaN" },
        { 2, 8, "a regular counter" },
        { 3, 170, "an irregular counter" },
        { 4, 120, "two decimals" },
        { 5, 0, "random bits" },
        { 6, 20, "a counter that was reset" },
        { 7, 60, "integers with staleness markers" },
        { 8, 120, "zeros of both signs" },
        { 9, 0, "a sine" },
        { 10, 0, "infinities and NaN" },
        { 11, 110, "small integers with outliers" },
        { 12, 0, "integers too large for a decimal" },
        { 13, 20, "times in seconds" },
        { 14, 120, "negative decimals" },
        { 15, 4, "a constant decimal" },
        { 16, 120, "a size in pages" },
        { 17, 165, "sectors with staleness markers" },
        { 18, 75, "quarters" },
        { 19, 40, "from one end to the other" }
    };

    int       bad, rc;
    double    v[MAX], w[MAX], prev;
    size_t    i, c, n, len, at;
    int64_t   x[MAX], y[MAX];
    uint8_t   out[PHR_CHUNK_BOUND(MAX) + 64];
    uint64_t  r[MAX], q[MAX];
    unsigned  width;

    for (c = 0; c < phr_nelems(cases); c++) {
        bad = 0;

        for (n = 1; n <= MAX; n++) {
            prev = 0;

            for (i = 0; i < n; i++) {
                v[i] = prev = gen(cases[c].kind, i, prev);
            }

            memset(out, 0xee, sizeof(out));
            len = phr_chunk_encode(v, n, out);
            rc = phr_chunk_decode(out, len, w, n);

            if (rc != PHR_OK || memcmp(v, w, n * sizeof(double)) != 0
                || len > 8 * n + 1)
            {
                bad++;
            }

            if (n == N && cases[c].most != 0) {
                ok(len <= cases[c].most, "%s: %zu bytes, at most %zu",
                   cases[c].name, len, cases[c].most);
            }
        }

        is_int(bad, 0, "%s comes back, whatever the number",
               cases[c].name);
    }

    bad = 0;

    for (width = 0; width <= 64; width++) {
        for (i = 0; i < MAX; i++) {
            r[i] = width == 0 ? 0 : rnd() >> (64 - width);
        }

        phr_bits_pack(out, r, MAX, width);
        phr_bits_unpack(out, q, MAX, width);
        bad += memcmp(r, q, sizeof(r)) != 0;
    }

    is_int(bad, 0, "integers of every width come back");

    for (i = 0; i < N; i++) {
        x[i] = -100000 + (int64_t) i * 15000;
    }

    len = phr_ints_encode(x, N, out);
    ok(len <= 12, "regular times take %zu bytes", len);
    is_int(phr_ints_decode(out, len, y, N), PHR_OK, "they are read");
    ok(memcmp(x, y, N * sizeof(int64_t)) == 0, "and are the same");
    phr_ints_first(out, len, y);
    is_int(y[0], -100000, "the first is known without the others");

    for (i = 0; i < N; i++) {
        x[i] += (int64_t) (rnd() % 10);
    }

    len = phr_ints_encode(x, N, out);
    ok(len <= 90, "times with jitter take %zu bytes", len);
    rc = phr_ints_decode(out, len, y, N);
    ok(rc == PHR_OK && memcmp(x, y, N * sizeof(int64_t)) == 0,
       "and are the same");

    /* damage: any result but a fault, which the sanitizers see */

    for (c = 0; c < 200000; c++) {
        prev = 0;

        for (i = 0; i < N; i++) {
            v[i] = prev = gen((int) (rnd() % 20), i, prev);
        }

        if (c % 16 == 0) {
            len = phr_chunk_encode(v, N, out);
            memset(out + len, 0, 8);
        }

        at = rnd() % len;
        out[at] ^= (uint8_t) (1u << rnd() % 8);
        (void) phr_chunk_decode(out, len, w, N);
        (void) phr_ints_decode(out, len, y, 1 + rnd() % MAX);
        (void) phr_ints_first(out, len, y);
        (void) phr_chunk_decode(out, rnd() % (len + 1), w, N);
    }

    ok(1, "damaged chunks are decoded or refused");

    return done_testing();
}
