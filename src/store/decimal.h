/*
 * Copyright (C) The Pharos Authors
 *
 * Decimal: doubles that are integers times 10^-e, which most values in
 * monitoring are.  Shared by the codecs of chunk.c and terse.c.
 */

#ifndef PHR_DECIMAL_H_INCLUDED
#define PHR_DECIMAL_H_INCLUDED


#include "core/base.h"


#define PHR_DECIMAL_MAX_EXP   9
#define PHR_DECIMAL_MAX_INT   9e15


/* ORDER e */
extern const double  phr_decimal_pow10[PHR_DECIMAL_MAX_EXP + 1];


/* 1 if v is exactly x / 10^e */
static inline int
phr_decimal(double v, int e, int64_t *x)
{
    double   scaled, off;
    int64_t  i;

    scaled = v * phr_decimal_pow10[e];

    /* false for NaN, too */
    if (!(scaled < PHR_DECIMAL_MAX_INT && scaled > -PHR_DECIMAL_MAX_INT)) {
        return 0;
    }

    i = (int64_t) (scaled + (scaled < 0 ? -0.5 : 0.5));

    /* what rounding did to a decimal of less than 2^50 is less by far */

    off = scaled - (double) i;

    if ((off > 0.25 || off < -0.25) && i < INT64_C(1) << 50
        && i > -(INT64_C(1) << 50))
    {
        return 0;
    }

    /* by bits, which tells -0.0 from 0 */
    if (phr_double_bits((double) i / phr_decimal_pow10[e])
        != phr_double_bits(v))
    {
        return 0;
    }

    *x = i;

    return 1;
}


/* the least e that suits v, from e on; above PHR_DECIMAL_MAX_EXP if none */
static inline int
phr_decimal_exp(double v, int e, int64_t *x)
{
    while (e <= PHR_DECIMAL_MAX_EXP && !phr_decimal(v, e, x)) {
        e++;
    }

    return e;
}


#endif /* PHR_DECIMAL_H_INCLUDED */
