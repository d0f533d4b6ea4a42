/*
 * Copyright (C) The Pharos Authors
 *
 * Statistics: what both aggregations and functions over time need.
 */

#include "promql/stats.h"

#include <float.h>
#include <stdlib.h>

#include "core/yield.h"


static void phr_select_rank(double *values, size_t n, size_t rank);


void
phr_mean_add(phr_mean_t *m, double v)
{
    double  sum, c, q;

    m->count++;

    if (m->count == 1) {
        m->sum = v;
        m->c = 0;
        return;
    }

    if (!m->running) {
        sum = m->sum;
        c = m->c;
        phr_kahan_add(v, &sum, &c);

        if (!isinf(sum)) {
            m->sum = sum;
            m->c = c;
            return;
        }

        m->running = 1;
        m->mean = m->sum / (m->count - 1);
        m->c /= m->count - 1;
    }

    q = (m->count - 1) / m->count;
    m->mean *= q;
    m->c *= q;
    phr_kahan_add(v / m->count, &m->mean, &m->c);
}


double
phr_mean_get(const phr_mean_t *m)
{
    if (m->running) {
        return m->mean + m->c;
    }

    return m->sum / m->count + m->c / m->count;
}


double
phr_quantile(double q, double *values, size_t n)
{
    double  rank, lower, upper, weight;
    size_t  i, k;

    if (n == 0 || isnan(q)) {
        return NAN;
    }

    if (q < 0) {
        return -INFINITY;
    }

    if (q > 1) {
        return INFINITY;
    }

    rank = q * (double) (n - 1);
    k = (size_t) rank;
    weight = rank - floor(rank);

    phr_select_rank(values, n, k);

    lower = values[k];
    upper = lower;

    if (k + 1 < n) {
        upper = values[k + 1];

        for (i = k + 2; i < n; i++) {
            if (phr_double_cmp(&values[i], &upper) < 0) {
                upper = values[i];
            }
        }
    }

    return lower * (1 - weight) + upper * weight;
}


static int
phr_double_less(double a, double b)
{
    return isnan(a) ? !isnan(b) : a < b;
}


/*
 * Puts the value of a rank, from 0, in its place, with none that is greater
 * before it and none that is less behind it: Hoare's selection, sorting the
 * rest where the pivots were chosen badly.
 */
static void
phr_select_rank(double *values, size_t n, size_t rank)
{
    double    pivot, v;
    size_t    lo, hi, i, j;
    uint64_t  seed;
    unsigned  rounds;

    lo = 0;
    hi = n - 1;
    seed = n;

    for (rounds = 0; lo < hi; rounds++) {

        if (rounds == 64) {
            qsort(&values[lo], hi - lo + 1, sizeof(double), phr_double_cmp);
            return;
        }

        /* samples are often sorted in part: any fixed place may be bad */
        seed = seed * UINT64_C(6364136223846793005) + 1;
        pivot = values[lo + (size_t) (seed >> 33) % (hi - lo + 1)];
        i = lo;
        j = hi;
        phr_yield((hi - lo) * 2);

        for ( ;; ) {
            while (phr_double_less(values[i], pivot)) {
                i++;
            }

            while (phr_double_less(pivot, values[j])) {
                j--;
            }

            if (i >= j) {
                break;
            }

            v = values[i];
            values[i++] = values[j];
            values[j--] = v;
        }

        /* values[lo .. j] are not above, values[j + 1 .. hi] not below */

        if (i == j) {
            if (rank == i) {
                return;
            }

            if (rank < i) {
                hi = i - 1;

            } else {
                lo = i + 1;
            }

        } else if (rank <= j) {
            hi = j;

        } else {
            lo = i;
        }
    }
}


int
phr_double_cmp(const void *one, const void *two)
{
    double  a, b;

    a = *(const double *) one;
    b = *(const double *) two;

    if (isnan(a) || isnan(b)) {
        return (isnan(a) ? 0 : 1) - (isnan(b) ? 0 : 1);
    }

    return (a > b) - (a < b);
}


int
phr_almost_equal(double a, double b, double epsilon)
{
    double  sum, diff;

    if (phr_is_stale(a) || phr_is_stale(b)) {
        return phr_is_stale(a) && phr_is_stale(b);
    }

    if ((isnan(a) && isnan(b)) || a == b) {
        return 1;
    }

    sum = fabs(a) + fabs(b);
    diff = fabs(a - b);

    if (a == 0 || b == 0 || sum < DBL_MIN) {
        return diff < epsilon * DBL_MIN;
    }

    return diff / phr_min(sum, DBL_MAX) < epsilon;
}


double
phr_stats_distinct(double *v, size_t n)
{
    size_t  i, distinct;

    qsort(v, n, sizeof(double), phr_double_cmp);

    for (i = 1, distinct = 1; i < n; i++) {
        distinct += v[i] != v[i - 1];
    }

    return (double) distinct;
}


double
phr_stats_mode(double *v, size_t n)
{
    double  mode;
    size_t  i, from, most;

    qsort(v, n, sizeof(double), phr_double_cmp);

    mode = v[0];
    most = 0;

    for (i = 0, from = 0; i < n; i++) {
        if (v[i] != v[from]) {
            from = i;
        }

        if (i - from + 1 > most) {
            most = i - from + 1;
            mode = v[i];
        }
    }

    return mode;
}


double
phr_stats_mad(double *v, size_t n)
{
    double  median;
    size_t  i;

    median = phr_quantile(0.5, v, n);

    for (i = 0; i < n; i++) {
        v[i] = fabs(v[i] - median);
    }

    return phr_quantile(0.5, v, n);
}
