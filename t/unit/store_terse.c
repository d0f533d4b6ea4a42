/*
 * Copyright (C) The Pharos Authors
 *
 * Terse values: every double comes back bit for bit, by itself or as what
 * changed; in few bytes where it can be few; what is cut short or longer is
 * refused.
 */

#include <math.h>

#include "store/terse.h"
#include "tap.h"


#define N    509
#define ROOM 8192


static uint64_t  seed = 42;


static uint64_t
rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return seed;
}


/* the value of series i at the time t: what it was, or another */
static double
gen(int kind, size_t i, double was, int t)
{
    static const double  odd[] = {
        NAN, INFINITY, -INFINITY, -0.0, 0.0, 1e-310, 8.9e15, 9.1e15, -9e15,
        0.1, 1e300, 123456.789, -1, 1.0 / 3
    };

    switch (kind) {
    case 0:
        return 0;
    case 1:
        return t == 0 ? (double) (i % 100) : was;
    case 2:
        return i % 3 != 0 && t > 0 ? was : was + (double) (rnd() % 1000);
    case 3:
        return (double) (rnd() % 1000000) / 100;
    case 4:
        return phr_double_from_bits(rnd());
    case 5:
        return odd[rnd() % phr_nelems(odd)];
    case 6:
        return t == 1 ? phr_double_from_bits(PHR_STALE_NAN_BITS)
                      : (double) i * 1.5;
    case 7:
        return t % 2 == 0 ? (double) i : (double) i + 0.25;
    default:
        return sin((double) i) + (double) t * 1e-9;
    }
}


static int
same(const double *a, const double *b, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (phr_double_bits(a[i]) != phr_double_bits(b[i])) {
            return 0;
        }
    }

    return 1;
}


/*
 * A few of the values are the same as if all were read, whatever the ones
 * before are of; cut short they are an error or, if what they need is there,
 * the same.
 */
static int
picked(const uint8_t *p, size_t len, size_t n, const phr_terse_t *before,
    const double *want)
{
    int                  rc, fine, turn;
    double               v[N];
    size_t               i, k, ncols, every;
    uint16_t             col[N];

    static phr_terse_t   few, opened;

    fine = 1;

    for (turn = 0; turn < 12; turn++) {
        every = 1 + rnd() % (turn < 4 ? 3 : 200);
        ncols = 0;

        for (i = rnd() % every; i < n; i += 1 + rnd() % every) {
            if (before != NULL) {
                few.v[ncols] = before->v[i];
                few.x[ncols] = before->x[i];
                few.e[ncols] = before->e[i];
            }

            col[ncols++] = (uint16_t) i;
        }

        for (k = len + 1; k-- > 0; k = k == len ? k : k - k / 9) {
            memset(v, 0, sizeof(v));

            rc = phr_terse_pick(p, k, n, col, ncols,
                                before != NULL ? &few : NULL, v);
            fine &= rc == PHR_OK || (rc == PHR_ECORRUPT && k < len);

            for (i = 0; rc == PHR_OK && i < ncols; i++) {
                fine &= same(&v[i], &want[col[i]], 1);
            }
        }

        if (before == NULL) {
            fine &= phr_terse_open(p, len, &opened, n) == PHR_OK
                    && phr_terse_open_pick(p, len, n, col, ncols, &few)
                       == PHR_OK;

            for (i = 0; i < ncols; i++) {
                fine &= same(&few.v[i], &opened.v[col[i]], 1)
                        && few.x[i] == opened.x[col[i]]
                        && few.e[i] == opened.e[col[i]];
            }
        }
    }

    col[0] = (uint16_t) n;

    return fine && phr_terse_pick(p, len, n, col, 1, before, v)
                   == PHR_ECORRUPT;
}


static void
round_trips(int kind, size_t n, size_t most, const char *name)
{
    int                  t, whole, refused;
    double               v[N], back[N];
    size_t               i, len, k, total;
    uint8_t              out[ROOM];

    static phr_terse_t   first;

    memset(v, 0, sizeof(v));
    whole = 1;
    refused = 1;
    total = 0;

    for (t = 0; t < 4; t++) {
        for (i = 0; i < n; i++) {
            v[i] = gen(kind, i, v[i], t);
        }

        /* by themselves; the first ones are what the others refer to */

        len = phr_terse_encode(v, n, NULL, out, ROOM);
        whole &= len != 0
                 && phr_terse_decode(out, len, NULL, back, n) == PHR_OK
                 && same(v, back, n)
                 && phr_terse_check(out, len, n) == PHR_OK
                 && picked(out, len, n, NULL, v);

        if (t == 0) {
            whole &= phr_terse_open(out, len, &first, n) == PHR_OK
                     && same(first.v, v, n);
        }

        len = phr_terse_encode(v, n, &first, out, ROOM);
        total += len;
        whole &= len != 0
                 && phr_terse_decode(out, len, &first, back, n) == PHR_OK
                 && same(v, back, n)
                 && phr_terse_check(out, len, n) == PHR_OK
                 && picked(out, len, n, &first, v);

        for (k = 0; k < len; k += 1 + len / 37) {
            refused &= phr_terse_decode(out, k, &first, back, n)
                       == PHR_ECORRUPT;
        }

        out[len] = 0;
        refused &= phr_terse_decode(out, len + 1, &first, back, n)
                   == PHR_ECORRUPT;

        refused &= phr_terse_encode(v, n, &first, out, (n + 7) / 8 - 1) == 0;
    }

    ok(whole, "%s, %zu values: come back", name, n);
    ok(refused, "%s, %zu values: cut short or longer is refused", name, n);

    if (most != 0 && n == N) {
        ok(total <= most, "%s: %zu bytes, at most %zu", name, total, most);
    }
}


int
main(void)
{
    static const struct {
        int          kind;
        size_t       most;      /* bytes of four times N, 0: not looked at */
        const char  *name;
    } cases[] = {
        { 0, 4 * 64, "zeros" },
        { 1, 4 * 64, "constants" },
        { 2, 4 * 64 + 3 * 170 * 3, "a third counts" },
        { 3, 4 * 64 + 3 * N * 4, "hundredths" },
        { 4, 0, "any bits" },
        { 5, 0, "odd ones" },
        { 6, 0, "stale markers" },
        { 7, 0, "e that changes" },
        { 8, 4 * 64 + 3 * N * 8, "irrational" }
    };

    static const size_t  lengths[] = { 1, 7, 8, 9, 64, N };

    size_t   i, k;
    double   v;
    uint8_t  stray[] = { 0x02, 0x02 }, none[] = { 0x01, 11 << 1 | 1, 2 };
    uint8_t  lone[] = { 0x01, 0x04 };

    for (i = 0; i < phr_nelems(cases); i++) {
        for (k = 0; k < phr_nelems(lengths); k++) {
            round_trips(cases[i].kind, lengths[k], cases[i].most,
                        cases[i].name);
        }
    }

    ok(phr_terse_decode(lone, sizeof(lone), NULL, &v, 1) == PHR_OK && v == 1,
       "one value, byte by byte");
    ok(phr_terse_decode(stray, sizeof(stray), NULL, &v, 1) == PHR_ECORRUPT,
       "a bit of no value is refused");
    ok(phr_terse_decode(none, sizeof(none), NULL, &v, 1) == PHR_ECORRUPT,
       "an exponent that there is not is refused");
    ok(phr_terse_check(lone, sizeof(lone), PHR_TERSE_MAX + 1) == PHR_ECORRUPT,
       "more than there can be are refused");

    return done_testing();
}
