/*
 * Copyright (C) The Pharos Authors
 *
 * Statistics: sums, means and quantiles as Prometheus computes them, bit
 * for bit where the order of the samples is the same.
 */

#ifndef PHR_STATS_H_INCLUDED
#define PHR_STATS_H_INCLUDED


#include <math.h>

#include "core/base.h"


/* Kahan's summation with Neumaier's improvement: the sum is sum + c */
static inline void
phr_kahan_add(double inc, double *sum, double *c)
{
    double  t;

    t = *sum + inc;

    if (isinf(t)) {
        *c = 0;

    } else if (fabs(*sum) >= fabs(inc)) {
        *c += (*sum - t) + inc;

    } else {
        *c += (inc - t) + *sum;
    }

    *sum = t;
}


/* the sum of n values */
static inline double
phr_kahan_sum(const double *v, size_t n)
{
    double  sum, c;
    size_t  i;

    sum = 0;
    c = 0;

    for (i = 0; i < n; i++) {
        phr_kahan_add(v[i], &sum, &c);
    }

    return isinf(sum) ? sum : sum + c;
}


/*
 * A mean: sum over count while the sum is finite, from there on a running
 * mean.  Starts zeroed.
 */
typedef struct {
    double    sum;
    double    c;
    double    mean;
    double    count;
    unsigned  running:1;
} phr_mean_t;

void phr_mean_add(phr_mean_t *m, double v);
double phr_mean_get(const phr_mean_t *m);

/*
 * Changes the order of the values; NaN is the least of them.  NaN for no
 * values or if q is NaN, an infinity for q outside of 0 .. 1.
 */
double phr_quantile(double q, double *values, size_t n);

/*
 * Of n > 0 values without NaN, whose order or values change: how many differ,
 * the most frequent (the least of several), and the median of the distances
 * from the median.
 */
double phr_stats_distinct(double *values, size_t n);
double phr_stats_mode(double *values, size_t n);
double phr_stats_mad(double *values, size_t n);

/* ascending with NaN first, for qsort() */
int phr_double_cmp(const void *one, const void *two);

/* equal but for a relative difference of epsilon; NaNs are equal */
int phr_almost_equal(double a, double b, double epsilon);


#endif /* PHR_STATS_H_INCLUDED */
