/*
 * Copyright (C) The Pharos Authors
 *
 * Number: shortest text of a double by Schubfach (R. Giulietti, "The
 * Schubfach way to render doubles").  Integers and what has three decimal
 * places, as most samples do, need none of it.  Reading is in
 * number_parse.c.
 */

#include "core/number.h"

#include <math.h>
#include <stdlib.h>

#include "core/number_power.h"


/* "-0." 323 zeros and 17 digits, or 309 digits, and some */
#define PHR_NUMBER_FIXED   352

/*
 * Three places are tried first, where 15 digits are enough: no two decimals
 * of so few digits are the same double, so that one which reads back is the
 * shortest.
 */
#define PHR_PLACES         3
#define PHR_PLACES_FACTOR  1000
#define PHR_PLACES_MAX     1e12


/* digits * 10^exponent; no trailing zeros in digits unless it is 0 */
typedef struct {
    uint64_t  digits;
    int       exponent;
} phr_decimal_t;


static size_t phr_number_fixed(char *out, double v);
static size_t phr_number_special(char *out, double v);
static size_t phr_number_width(uint64_t v);
static void phr_number_digits(char *out, uint64_t v, size_t n);
static void phr_number_eight(char *out, uint32_t v);
static phr_decimal_t phr_number_decimal(double v);
static phr_decimal_t phr_number_shortest(uint64_t fraction, int exponent);
static phr_decimal_t phr_number_trim(uint64_t digits, int exponent);
static uint64_t phr_round_to_odd(phr_uint128_t g, uint64_t c);


static const char  phr_digit_pairs[] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";


void
phr_number_format(phr_buf_t *b, double v)
{
    char  out[PHR_NUMBER_FIXED];

    phr_buf_append(b, out, phr_number_fixed(out, v));
}


void
phr_number_format_g(phr_buf_t *b, double v)
{
    char  out[PHR_NUMBER_LEN];

    phr_buf_append(b, out, phr_number_write(out, v));
}


size_t
phr_number_write(char *out, double v)
{
    /* between these, no exponent is needed */

    if (!isfinite(v) || v == 0 || (fabs(v) >= 1e-4 && fabs(v) < 1e6)) {
        return isfinite(v) ? phr_number_fixed(out, v)
                           : phr_number_special(out, v);
    }

    return phr_number_write_e(out, v);
}


size_t
phr_number_write_value(char *out, double v)
{
    double  size;

    size = fabs(v);

    return isfinite(v) && v != 0 && (size < 1e-6 || size >= 1e21)
           ? phr_number_write_e(out, v) : phr_number_fixed(out, v);
}


size_t
phr_number_write_e(char *out, double v)
{
    char           *p;
    int             e;
    size_t          n;
    phr_decimal_t   d;

    if (!isfinite(v)) {
        return phr_number_special(out, v);
    }

    p = out;

    if (signbit(v)) {
        *p++ = '-';
        v = -v;
    }

    if (v == 0) {
        memcpy(p, "0e+00", 5);
        return (size_t) (p + 5 - out);
    }

    d = phr_number_decimal(v);
    n = phr_number_width(d.digits);
    e = d.exponent + (int) n - 1;

    /* the first digit goes before the point, if there is one */

    phr_number_digits(p + 1, d.digits, n);
    p[0] = p[1];
    p[1] = '.';
    p += n > 1 ? n + 1 : 1;

    *p++ = 'e';
    *p++ = e < 0 ? '-' : '+';
    e = abs(e);

    n = e < 100 ? 2 : 3;
    phr_number_digits(p, (uint64_t) e, n);

    return (size_t) (p + n - out);
}


size_t
phr_number_write_uint(char *out, uint64_t v)
{
    size_t  n;

    n = phr_number_width(v);
    phr_number_digits(out, v, n);

    return n;
}


/* format 'f', at most PHR_NUMBER_FIXED bytes */

static size_t
phr_number_fixed(char *out, double v)
{
    char           *p;
    int             point;
    size_t          n, zeros;
    phr_decimal_t   d;

    if (!isfinite(v)) {
        return phr_number_special(out, v);
    }

    p = out;

    if (signbit(v)) {
        *p++ = '-';
        v = -v;
    }

    /* most samples are small integers */

    if (v < 1e15 && v == (double) (int64_t) v) {
        return (size_t) (p - out) + phr_number_write_uint(p, (uint64_t) v);
    }

    d = phr_number_decimal(v);
    n = phr_number_width(d.digits);
    point = (int) n + d.exponent;

    if (d.exponent >= 0) {
        phr_number_digits(p, d.digits, n);
        memset(p + n, '0', (size_t) d.exponent);

        return (size_t) (p - out) + n + (size_t) d.exponent;
    }

    if (point > 0) {
        /* those before the point move to the left, and make room for it */

        phr_number_digits(p + 1, d.digits, n);
        memmove(p, p + 1, (size_t) point);
        p[point] = '.';

        return (size_t) (p - out) + n + 1;
    }

    zeros = (size_t) -point;
    memcpy(p, "0.", 2);
    memset(p + 2, '0', zeros);
    phr_number_digits(p + 2 + zeros, d.digits, n);

    return (size_t) (p - out) + 2 + zeros + n;
}


static size_t
phr_number_special(char *out, double v)
{
    const char  *text;

    text = isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf";
    memcpy(out, text, strlen(text));

    return strlen(text);
}


static size_t
phr_number_width(uint64_t v)
{
    size_t  n;

    static const uint64_t  power[] = {
        0, 10ULL, 100ULL, 1000ULL, 10000ULL, 100000ULL, 1000000ULL,
        10000000ULL, 100000000ULL, 1000000000ULL, 10000000000ULL,
        100000000000ULL, 1000000000000ULL, 10000000000000ULL,
        100000000000000ULL, 1000000000000000ULL, 10000000000000000ULL,
        100000000000000000ULL, 1000000000000000000ULL,
        10000000000000000000ULL,
    };

    /* by the number of bits it is known but for one: 1233 / 4096 = lg 2 */

    n = (size_t) ((64 - __builtin_clzll(v | 1)) * 1233) >> 12;

    return n + (v >= power[n]);
}


/* n digits, the lowest last */

static void
phr_number_digits(char *out, uint64_t v, size_t n)
{
    uint32_t  low;

    while (n >= 8) {
        n -= 8;
        phr_number_eight(out + n, (uint32_t) (v % 100000000));
        v /= 100000000;
    }

    low = (uint32_t) v;

    while (n >= 2) {
        n -= 2;
        memcpy(out + n, phr_digit_pairs + 2 * (low % 100), 2);
        low /= 100;
    }

    if (n != 0) {
        out[0] = (char) ('0' + low);
    }
}


/*
 * Eight digits at once: two numbers of four of them side by side in a word,
 * then four of two, then eight of one.  Each division is a multiplication
 * that is exact for so small numbers.
 */

static void
phr_number_eight(char *out, uint32_t v)
{
    uint64_t  w, high;

    w = v / 10000 | (uint64_t) (v % 10000) << 32;

    high = (w * 10486 >> 20) & UINT64_C(0x0000007f0000007f);    /* / 100 */
    w = high | (w - 100 * high) << 16;

    high = (w * 103 >> 10) & UINT64_C(0x000f000f000f000f);      /* / 10 */
    w = high | (w - 10 * high) << 8;

    w |= UINT64_C(0x3030303030303030);

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif

    memcpy(out, &w, 8);
}


/* the shortest decimal that reads back to v, which is above 0 */

static phr_decimal_t
phr_number_decimal(double v)
{
    double    scaled;
    uint64_t  bits, digits;

    scaled = v * PHR_PLACES_FACTOR;

    if (v >= 1 && v < PHR_PLACES_MAX && scaled == (double) (int64_t) scaled) {
        digits = (uint64_t) scaled;

        if (scaled / PHR_PLACES_FACTOR == v) {
            return phr_number_trim(digits, -PHR_PLACES);
        }
    }

    bits = phr_double_bits(v);

    return phr_number_shortest(bits & (PHR_HIDDEN_BIT - 1),
                               (int) (bits >> PHR_FRACTION_BITS));
}


/*
 * The names are those of the paper: the value is c * 2^q, the decimals that
 * round to it lie between cbl and cbr, in quarters of c, and k is the
 * exponent of ten for which that interval is 1 to 10 units wide.
 */

static phr_decimal_t
phr_number_shortest(uint64_t fraction, int exponent)
{
    int            q, k, h, closer, odd, in, out;
    uint64_t       c, lower, upper, s, vb;
    phr_uint128_t  g;

    c = fraction;
    q = 1 - PHR_EXPONENT_BIAS;

    if (exponent != 0) {
        c |= PHR_HIDDEN_BIT;
        q = exponent - PHR_EXPONENT_BIAS;

        if (q <= 0 && q > -53 && (c & ((1ULL << -q) - 1)) == 0) {
            return phr_number_trim(c >> -q, 0);
        }
    }

    odd = (int) (c & 1);

    /* below a power of two, the next double is half as far away */

    closer = fraction == 0 && exponent > 1;

    /* floor(log10(2^q)), or floor(log10(3/4 * 2^q)) */

    k = (q * 1262611 - (closer ? 524031 : 0)) >> 22;
    h = q + phr_power_log2(-k) + 1;
    g = phr_power(-k);

    lower = phr_round_to_odd(g, (4 * c - 2 + (uint64_t) closer) << h);
    vb = phr_round_to_odd(g, (4 * c) << h);
    upper = phr_round_to_odd(g, (4 * c + 2) << h);

    /* the bounds themselves round to even c */

    lower += (uint64_t) odd;
    upper -= (uint64_t) odd;

    s = vb / 4;

    if (s >= 10) {
        in = lower <= 40 * (s / 10);
        out = 40 * (s / 10) + 40 <= upper;

        if (in != out) {
            return phr_number_trim(s / 10 + (uint64_t) out, k + 1);
        }
    }

    in = lower <= 4 * s;
    out = 4 * s + 4 <= upper;

    if (in != out) {
        return phr_number_trim(s + (uint64_t) out, k);
    }

    /* both are good or neither is: the closer one, the even one of two */

    out = vb > 4 * s + 2 || (vb == 4 * s + 2 && (s & 1));

    return phr_number_trim(s + (uint64_t) out, k);
}


static phr_decimal_t
phr_number_trim(uint64_t digits, int exponent)
{
    phr_decimal_t  d;

    if (digits != 0) {
        while (digits % 10000 == 0) {
            digits /= 10000;
            exponent += 4;
        }

        while (digits % 10 == 0) {
            digits /= 10;
            exponent++;
        }
    }

    d.digits = digits;
    d.exponent = exponent;

    return d;
}


/* g * c / 2^128, the last bit set if anything was cut off */

static uint64_t
phr_round_to_odd(phr_uint128_t g, uint64_t c)
{
    phr_uint128_t  x, y;

    x = (phr_uint128_t) (uint64_t) g * c;
    y = (phr_uint128_t) (uint64_t) (g >> 64) * c + (uint64_t) (x >> 64);

    /* g is a little too large, which shows as 1 where 0 should be */

    return (uint64_t) (y >> 64) | ((uint64_t) y > 1);
}
