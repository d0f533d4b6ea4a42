/*
 * Copyright (C) The Pharos Authors
 *
 * Statistics: what both aggregations and functions over time need.
 */

#include "promql/stats.h"

#include <float.h>
#include <stdlib.h>


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

    if (n == 0 || isnan(q)) {
        return NAN;
    }

    if (q < 0) {
        return -INFINITY;
    }

    if (q > 1) {
        return INFINITY;
    }

    qsort(values, n, sizeof(double), phr_double_cmp);

    rank = q * (double) (n - 1);
    lower = floor(rank);
    upper = phr_min((double) (n - 1), lower + 1);
    weight = rank - lower;

    return values[(size_t) lower] * (1 - weight)
           + values[(size_t) upper] * weight;
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
