/*
 * Copyright (C) The Pharos Authors
 *
 * Buckets: quantiles and fractions of a classic histogram, whose buckets
 * count all that is not above their bound.
 */

#ifndef PHR_BUCKET_H_INCLUDED
#define PHR_BUCKET_H_INCLUDED


#include "promql/annotate.h"


typedef struct {
    double  upper;
    double  count;
} phr_bucket_t;


/*
 * Buckets, at least one, are in order of their bounds; they are changed.  A
 * quantile is interpolated within its bucket; the lowest begins at 0 unless
 * it ends below, the highest ends at infinity, so that its start is taken.
 * m->count is 1 if the counts had to be made monotonic.
 */
double phr_bucket_quantile(double q, phr_bucket_t *b, size_t n,
    phr_monotonic_t *m);

/* the part of the observations that lies between two values */
double phr_bucket_fraction(double lower, double upper, phr_bucket_t *b,
    size_t n);


#endif /* PHR_BUCKET_H_INCLUDED */
