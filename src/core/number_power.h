/*
 * Copyright (C) The Pharos Authors
 *
 * Powers of ten in 128 bits, for those who write and read doubles.
 */

#ifndef PHR_NUMBER_POWER_H_INCLUDED
#define PHR_NUMBER_POWER_H_INCLUDED


#include "core/base.h"


#define PHR_FRACTION_BITS  52
#define PHR_HIDDEN_BIT     (1ULL << PHR_FRACTION_BITS)
#define PHR_EXPONENT_BIAS  1075     /* of the fraction as an integer */

/* the powers that there are */
#define PHR_POW10_STEP     27
#define PHR_POW10_MIN      (-11 * PHR_POW10_STEP)
#define PHR_POW10_MAX      (13 * PHR_POW10_STEP - 1)


typedef unsigned __int128  phr_uint128_t;


/*
 * g with 10^k = g * 2^(floor(log2(10^k)) - 127), too large by more than
 * zero and less than three.
 */
phr_uint128_t phr_power(int k);

/* floor(log2(10^k)), exact for |k| <= 1650 */
static inline int
phr_power_log2(int k)
{
    return (k * 1741647) >> 19;
}


#endif /* PHR_NUMBER_POWER_H_INCLUDED */
