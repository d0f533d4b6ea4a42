/*
 * Copyright (C) The Pharos Authors
 *
 * Powers of ten in 128 bits: see number_power.h.  A table of all of them
 * would have ten kilobytes; this one has every 27th.
 */

#include "core/number_power.h"


/*
 * 10^(27 i) for i = -11 .. 12, the highest 128 bits, rounded up.  Together
 * with the exact powers of five below, they give every power that is needed
 * with an error of less than three units in the last of 128 bits.
 */
static const uint64_t  phr_power_coarse[][2] = {
    { 0xa76c582338ed2621ULL, 0xaf2af2b80af6f24fULL },
    { 0x873e4f75e2224e68ULL, 0x5a7744a6e804a292ULL },
    { 0xda7f5bf590966848ULL, 0xaf39a475506a899fULL },
    { 0xb080392cc4349decULL, 0xbd8d794d96aacfb4ULL },
    { 0x8e938662882af53eULL, 0x547eb47b7282ee9dULL },
    { 0xe65829b3046b0afaULL, 0x0cb4a5a3112a5113ULL },
    { 0xba121a4650e4ddebULL, 0x92f34d62616ce414ULL },
    { 0x964e858c91ba2655ULL, 0x3a6a07f8d510f870ULL },
    { 0xf2d56790ab41c2a2ULL, 0xfae27299423fb9c4ULL },
    { 0xc428d05aa4751e4cULL, 0xaa97e14c3c26b887ULL },
    { 0x9e74d1b791e07e48ULL, 0x775ea264cf55347eULL },
    { 0x8000000000000000ULL, 0x0000000000000000ULL },
    { 0xcecb8f27f4200f3aULL, 0x0000000000000000ULL },
    { 0xa70c3c40a64e6c51ULL, 0x999090b65f67d924ULL },
    { 0x86f0ac99b4e8dafdULL, 0x69a028bb3ded71a4ULL },
    { 0xda01ee641a708de9ULL, 0xe80e6f4820cc9496ULL },
    { 0xb01ae745b101e9e4ULL, 0x5ec05dcff72e7f90ULL },
    { 0x8e41ade9fbebc27dULL, 0x14588f13be847308ULL },
    { 0xe5d3ef282a242e81ULL, 0x8f1668c8a86da5fbULL },
    { 0xb9a74a0637ce2ee1ULL, 0x6d953e2bd7173693ULL },
    { 0x95f83d0a1fb69cd9ULL, 0x4abdaf101564f98fULL },
    { 0xf24a01a73cf2dccfULL, 0xbc633b39673c8cedULL },
    { 0xc3b8358109e84f07ULL, 0x0a862f80ec4700c9ULL },
    { 0x9e19db92b4e31ba9ULL, 0x6c07a2c26a8346d2ULL },
};


phr_uint128_t
phr_power(int k)
{
    int              i, rest;
    uint64_t         top;
    phr_uint128_t    hi, lo;
    const uint64_t  *coarse;

    static const uint64_t  pow5[PHR_POW10_STEP] = {
        1ULL, 5ULL, 25ULL, 125ULL, 625ULL, 3125ULL, 15625ULL, 78125ULL,
        390625ULL, 1953125ULL, 9765625ULL, 48828125ULL, 244140625ULL,
        1220703125ULL, 6103515625ULL, 30517578125ULL, 152587890625ULL,
        762939453125ULL, 3814697265625ULL, 19073486328125ULL,
        95367431640625ULL, 476837158203125ULL, 2384185791015625ULL,
        11920928955078125ULL, 59604644775390625ULL, 298023223876953125ULL,
        1490116119384765625ULL,
    };

    phr_assert(k >= PHR_POW10_MIN && k <= PHR_POW10_MAX);

    /* what most values need is exact, and needs no table */

    if (k >= 0 && k < PHR_POW10_STEP) {
        i = 64 + __builtin_clzll(pow5[k]);
        return ((phr_uint128_t) pow5[k] << i) + 1;
    }

    i = (k - PHR_POW10_MIN) / PHR_POW10_STEP;
    rest = (k - PHR_POW10_MIN) % PHR_POW10_STEP;
    coarse = phr_power_coarse[i];

    lo = (phr_uint128_t) coarse[1] * pow5[rest];
    hi = (phr_uint128_t) coarse[0] * pow5[rest] + (uint64_t) (lo >> 64);
    top = (uint64_t) (hi >> 64);

    /* the product has 192 bits, its highest bits are wanted */

    if (top == 0) {
        return (hi << 64 | (uint64_t) lo) + 1;
    }

    i = __builtin_clzll(top);

    return (hi << i | (i ? (uint64_t) lo >> (64 - i) : 0)) + 1;
}
