/*
 * Copyright (C) The Pharos Authors
 *
 * Buckets: what histogram_quantile() and histogram_fraction() compute.
 */

#include "promql/bucket.h"

#include <math.h>

#include "promql/stats.h"


/* a smaller relative difference between buckets is rounding, not data */
#define PHR_BUCKET_TOLERANCE  1e-12


static double phr_bucket_rank(double v, double start, const phr_bucket_t *b,
    double below);
static size_t phr_bucket_join(phr_bucket_t *b, size_t n);
static void phr_bucket_raise(phr_bucket_t *b, size_t n, phr_monotonic_t *m);


double
phr_bucket_quantile(double q, phr_bucket_t *b, size_t n, phr_monotonic_t *m)
{
    double  rank, start, count;
    size_t  i;

    if (isnan(q)) {
        return NAN;
    }

    if (q < 0) {
        return -INFINITY;
    }

    if (q > 1) {
        return INFINITY;
    }

    if (!(b[n - 1].upper == INFINITY)) {
        return NAN;
    }

    n = phr_bucket_join(b, n);
    phr_bucket_raise(b, n, m);

    if (n < 2 || b[n - 1].count == 0) {
        return NAN;
    }

    rank = q * b[n - 1].count;

    for (i = 0; i < n - 1 && !(b[i].count >= rank); i++) { /* void */ }

    if (i == n - 1) {
        return b[n - 2].upper;
    }

    if (i == 0 && b[0].upper <= 0) {
        return b[0].upper;
    }

    start = 0;
    count = b[i].count;

    if (i > 0) {
        start = b[i - 1].upper;
        count -= b[i - 1].count;
        rank -= b[i - 1].count;
    }

    return start + (b[i].upper - start) * (rank / count);
}


/* the rank of a value that lies within a bucket */
static double
phr_bucket_rank(double v, double start, const phr_bucket_t *b, double below)
{
    if (start == -INFINITY) {
        return b->count;
    }

    return below + (b->count - below) * (v - start) / (b->upper - start);
}


double
phr_bucket_fraction(double lower, double upper, phr_bucket_t *b, size_t n)
{
    int     lower_set, upper_set;
    double  count, rank, lower_rank, upper_rank, start;
    size_t  i;

    if (!(b[n - 1].upper == INFINITY)) {
        return NAN;
    }

    n = phr_bucket_join(b, n);
    count = b[n - 1].count;

    if (count == 0 || isnan(lower) || isnan(upper)) {
        return NAN;
    }

    if (lower >= upper) {
        return 0;
    }

    lower_set = 0;
    upper_set = 0;
    lower_rank = 0;
    upper_rank = 0;
    rank = 0;
    start = b[0].upper <= 0 ? -INFINITY : 0;

    for (i = 0; i < n && !(lower_set && upper_set); i++) {

        if (i > 0) {
            start = b[i - 1].upper;
        }

        if (!lower_set && (start >= lower || b[i].upper > lower)) {
            lower_rank = start >= lower
                         ? rank : phr_bucket_rank(lower, start, &b[i], rank);
            lower_set = 1;
        }

        if (!upper_set && (start >= upper || b[i].upper > upper)) {
            upper_rank = start >= upper
                         ? rank : phr_bucket_rank(upper, start, &b[i], rank);
            upper_set = 1;
        }

        rank = b[i].count;
    }

    if (!lower_set || lower_rank > count) {
        lower_rank = count;
    }

    if (!upper_set || upper_rank > count) {
        upper_rank = count;
    }

    return (upper_rank - lower_rank) / count;
}


/* buckets of the same bound are one */
static size_t
phr_bucket_join(phr_bucket_t *b, size_t n)
{
    size_t  i, k;

    k = 0;

    for (i = 1; i < n; i++) {
        if (b[i].upper == b[k].upper) {
            b[k].count += b[i].count;

        } else {
            b[++k] = b[i];
        }
    }

    return k + 1;
}


/*
 * Counts cannot fall from bucket to bucket.  Those that do, because scrapes
 * or sums were not exact, are raised; m->count says whether it was more than
 * rounding.
 */
static void
phr_bucket_raise(phr_bucket_t *b, size_t n, phr_monotonic_t *m)
{
    double  prev;
    size_t  i;

    m->count = 0;
    m->min_bucket = INFINITY;
    m->max_bucket = -INFINITY;
    m->max_diff = 0;

    prev = b[0].count;

    for (i = 1; i < n; i++) {

        if (b[i].count == prev) {
            continue;
        }

        if (phr_almost_equal(prev, b[i].count, PHR_BUCKET_TOLERANCE)) {
            b[i].count = prev;
            continue;
        }

        if (b[i].count < prev) {
            m->count = 1;
            m->min_bucket = phr_min(m->min_bucket, b[i].upper);
            m->max_bucket = phr_max(m->max_bucket, b[i].upper);
            m->max_diff = phr_max(m->max_diff, prev - b[i].count);
            b[i].count = prev;
            continue;
        }

        prev = b[i].count;
    }
}
