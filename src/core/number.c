/*
 * Copyright (C) The Pharos Authors
 *
 * Number: shortest text of a double by Schubfach (R. Giulietti, "The
 * Schubfach way to render doubles"), and exactly rounded reading.  Both work
 * with powers of ten in 128 bits; what reading cannot decide with those is
 * left to strtod(), on a bounded copy without a decimal point, so that no
 * locale matters.
 */

#include "core/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>


#define PHR_FRACTION_BITS  52
#define PHR_HIDDEN_BIT     (1ULL << PHR_FRACTION_BITS)
#define PHR_EXPONENT_BIAS  1075     /* of the fraction as an integer */

/* "-0." 323 zeros and 17 digits, or 309 digits, and some */
#define PHR_NUMBER_FIXED   352

/* digits beyond these only matter by being zero or not */
#define PHR_DIGITS_MAX     800
#define PHR_XDIGITS_MAX    32

/* an exponent in text is cut here: no result depends on its true value */
#define PHR_EXPONENT_CUT   100000

/* the powers that phr_pow10() has */
#define PHR_POW10_STEP     27
#define PHR_POW10_MIN      (-11 * PHR_POW10_STEP)
#define PHR_POW10_MAX      (13 * PHR_POW10_STEP - 1)


typedef unsigned __int128  phr_uint128_t;


/* digits * 10^exponent; no trailing zeros in digits unless it is 0 */
typedef struct {
    uint64_t  digits;
    int       exponent;
} phr_decimal_t;


/* a decimal number as text */
typedef struct {
    const char  *first;         /* of the digits, the point among them */
    const char  *last;          /* behind them */
    uint64_t     digits;        /* the first 19 without leading zeros */
    int          exponent;      /* digits * 10^exponent is the value */
    int          negative;
    int          cut;           /* there were more than 19 digits */
} phr_number_text_t;


static size_t phr_number_fixed(char *out, double v);
static size_t phr_number_special(char *out, double v);
static size_t phr_number_digits(char *out, uint64_t v);
static phr_decimal_t phr_number_shortest(uint64_t fraction, int exponent);
static phr_decimal_t phr_number_trim(uint64_t digits, int exponent);
static uint64_t phr_round_to_odd(phr_uint128_t g, uint64_t c);
static phr_uint128_t phr_pow10(int k);
static int phr_floor_log2_pow10(int k);

static int phr_parse_special(const char *s, size_t len, double *v);
static int phr_parse_hex(const char *s, size_t len, double *v);
static int phr_parse_decimal(const char *s, size_t len,
    phr_number_text_t *t);
static int phr_parse_exponent(const char **p, const char *end, int *e);
static int phr_decimal_to_double(uint64_t digits, int exponent, double *v);
static double phr_decimal_slow(const phr_number_text_t *t);
static int phr_hex_value(char c);


/*
 * 10^(27 i) for i = -11 .. 12, the highest 128 bits, rounded up.  Together
 * with the exact powers of five below, they give every power that is needed
 * with an error of less than three units in the last of 128 bits.
 */
static const uint64_t  phr_pow10_coarse[][2] = {
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
phr_number_write_e(char *out, double v)
{
    char           digits[20], *p;
    int            e, i, n;
    uint64_t       bits;
    phr_decimal_t  d;

    if (!isfinite(v)) {
        return phr_number_special(out, v);
    }

    bits = phr_double_bits(v) & (UINT64_MAX >> 1);
    p = out;

    if (phr_double_bits(v) != bits) {
        *p++ = '-';
    }

    if (bits == 0) {
        memcpy(p, "0e+00", 5);
        return (size_t) (p + 5 - out);
    }

    d = phr_number_shortest(bits & (PHR_HIDDEN_BIT - 1),
                            (int) (bits >> PHR_FRACTION_BITS));

    n = (int) phr_number_digits(digits, d.digits);
    e = d.exponent + n - 1;

    *p++ = digits[0];

    if (n > 1) {
        *p++ = '.';

        for (i = 1; i < n; i++) {
            *p++ = digits[i];
        }
    }

    *p++ = 'e';
    *p++ = e < 0 ? '-' : '+';
    e = abs(e);

    if (e < 10) {
        *p++ = '0';
    }

    p += phr_number_digits(p, (uint64_t) e);

    return (size_t) (p - out);
}


int
phr_number_parse(const char *s, size_t len, double *v)
{
    int                rc;
    double             d;
    phr_number_text_t  t;

    rc = phr_parse_decimal(s, len, &t);

    if (rc == PHR_NOTFOUND) {
        return phr_parse_special(s, len, v);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    if (t.cut || phr_decimal_to_double(t.digits, t.exponent, &d) != PHR_OK) {
        d = phr_decimal_slow(&t);
    }

    /* Go says "value out of range" */

    if (isinf(d)) {
        return PHR_EPARSE;
    }

    *v = t.negative ? -d : d;

    return PHR_OK;
}


int
phr_int_parse(const char *s, size_t len, int64_t *v)
{
    int       negative;
    size_t    i;
    uint64_t  sum, limit;
    unsigned  digit;

    i = len > 0 && (s[0] == '-' || s[0] == '+');
    negative = len > 0 && s[0] == '-';
    limit = (uint64_t) INT64_MAX + (uint64_t) negative;
    sum = 0;

    if (i == len) {
        return PHR_EPARSE;
    }

    for ( /* void */ ; i < len; i++) {
        digit = (unsigned) (s[i] - '0');

        if (digit > 9 || sum > (limit - digit) / 10) {
            return PHR_EPARSE;
        }

        sum = sum * 10 + digit;
    }

    *v = (int64_t) (negative ? 0 - sum : sum);

    return PHR_OK;
}


/* format 'f', at most PHR_NUMBER_FIXED bytes */

static size_t
phr_number_fixed(char *out, double v)
{
    char           digits[20], *p;
    int            n, point;
    uint64_t       bits;
    phr_decimal_t  d;

    if (!isfinite(v)) {
        return phr_number_special(out, v);
    }

    p = out;
    bits = phr_double_bits(v);

    if (bits >> 63) {
        *p++ = '-';
        bits &= UINT64_MAX >> 1;
        v = -v;
    }

    /* most samples are small integers */

    if (v < 1e15 && v == (double) (uint64_t) v) {
        return (size_t) (p - out) + phr_number_digits(p, (uint64_t) v);
    }

    d = phr_number_shortest(bits & (PHR_HIDDEN_BIT - 1),
                            (int) (bits >> PHR_FRACTION_BITS));

    n = (int) phr_number_digits(digits, d.digits);
    point = n + d.exponent;

    if (d.exponent >= 0) {
        memcpy(p, digits, (size_t) n);
        memset(p + n, '0', (size_t) d.exponent);
        p += point;

    } else if (point > 0) {
        memcpy(p, digits, (size_t) point);
        p[point] = '.';
        memcpy(p + point + 1, digits + point, (size_t) (n - point));
        p += n + 1;

    } else {
        memcpy(p, "0.", 2);
        memset(p + 2, '0', (size_t) -point);
        memcpy(p + 2 - point, digits, (size_t) n);
        p += 2 - point + n;
    }

    return (size_t) (p - out);
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
phr_number_digits(char *out, uint64_t v)
{
    char    text[20], *p;
    size_t  n;

    p = text + sizeof(text);

    do {
        *--p = (char) ('0' + v % 10);
        v /= 10;
    } while (v != 0);

    n = (size_t) (text + sizeof(text) - p);
    memcpy(out, p, n);

    return n;
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
    h = q + phr_floor_log2_pow10(-k) + 1;
    g = phr_pow10(-k);

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


/*
 * g with 10^k = g * 2^(floor(log2(10^k)) - 127), too large by more than
 * zero and less than three.
 */

static phr_uint128_t
phr_pow10(int k)
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

    i = (k - PHR_POW10_MIN) / PHR_POW10_STEP;
    rest = (k - PHR_POW10_MIN) % PHR_POW10_STEP;
    coarse = phr_pow10_coarse[i];

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


/* exact for |k| <= 1650 */

static int
phr_floor_log2_pow10(int k)
{
    return (k * 1741647) >> 19;
}


/* infinities, NaN and hexadecimal numbers */

static int
phr_parse_special(const char *s, size_t len, double *v)
{
    int     negative, sign;
    size_t  i, n;

    static const char  name[] = "infinity";

    sign = len > 0 && (s[0] == '-' || s[0] == '+');
    negative = len > 0 && s[0] == '-';

    s += sign;
    len -= (size_t) sign;

    if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        if (phr_parse_hex(s + 2, len - 2, v) != PHR_OK) {
            return PHR_EPARSE;
        }

        *v = negative ? -*v : *v;
        return PHR_OK;
    }

    if (len == 3 && !sign && (s[0] | 0x20) == 'n' && (s[1] | 0x20) == 'a'
        && (s[2] | 0x20) == 'n')
    {
        *v = phr_double_from_bits(PHR_NORMAL_NAN_BITS);
        return PHR_OK;
    }

    n = sizeof(name) - 1;

    if (len != 3 && len != n) {
        return PHR_EPARSE;
    }

    for (i = 0; i < len; i++) {
        if ((s[i] | 0x20) != name[i]) {
            return PHR_EPARSE;
        }
    }

    *v = negative ? -HUGE_VAL : HUGE_VAL;

    return PHR_OK;
}


/* behind "0x": a fraction asks for "p" and a binary exponent */

static int
phr_parse_hex(const char *s, size_t len, double *v)
{
    int          digit, exponent, n, nread, point, sticky;
    char         text[PHR_XDIGITS_MAX + 32], *out;
    double       d;
    const char  *p, *end;

    out = text;
    *out++ = '0';
    *out++ = 'x';

    end = s + len;
    n = 0;
    nread = 0;
    point = 0;
    sticky = 0;
    exponent = 0;

    for (p = s; p < end; p++) {

        if (*p == '.' && !point) {
            point = 1;
            continue;
        }

        digit = phr_hex_value(*p);
        if (digit < 0) {
            break;
        }

        nread = 1;

        if (n == PHR_XDIGITS_MAX) {
            sticky |= digit;
            exponent += point ? 0 : exponent < PHR_EXPONENT_CUT ? 4 : 0;
            continue;
        }

        exponent -= point && exponent > -PHR_EXPONENT_CUT ? 4 : 0;

        if (n > 0 || digit != 0) {
            *out++ = *p;
            n++;
        }
    }

    if (!nread) {
        return PHR_EPARSE;
    }

    if (p == end) {
        if (point) {
            return PHR_EPARSE;
        }

    } else {
        if ((*p | 0x20) != 'p') {
            return PHR_EPARSE;
        }

        p++;
        digit = 0;

        if (phr_parse_exponent(&p, end, &digit) != PHR_OK || p != end) {
            return PHR_EPARSE;
        }

        exponent += digit;
    }

    *out++ = sticky ? '1' : '0';

    snprintf(out, (size_t) (text + sizeof(text) - out), "p%d", exponent - 4);

    d = strtod(text, NULL);

    if (isinf(d)) {
        return PHR_EPARSE;
    }

    *v = d;

    return PHR_OK;
}


/* PHR_NOTFOUND if it does not look like a decimal number at all */

static int
phr_parse_decimal(const char *s, size_t len, phr_number_text_t *t)
{
    int          e, n, nread, point;
    unsigned     digit;
    const char  *p, *end;

    p = s;
    end = s + len;
    t->negative = 0;

    if (p < end && (*p == '-' || *p == '+')) {
        t->negative = *p++ == '-';
    }

    t->first = p;
    t->digits = 0;
    t->exponent = 0;
    t->cut = 0;

    n = 0;
    nread = 0;
    point = 0;

    for ( /* void */ ; p < end; p++) {
        digit = (unsigned) (*p - '0');

        if (digit > 9) {
            if (*p != '.' || point) {
                break;
            }

            point = 1;
            continue;
        }

        nread = 1;

        if (n < 19) {
            t->digits = t->digits * 10 + digit;
            n += t->digits != 0;
            t->exponent -= point && t->exponent > -PHR_EXPONENT_CUT;

        } else {
            t->cut = 1;
            t->exponent += !point && t->exponent < PHR_EXPONENT_CUT;
        }
    }

    t->last = p;

    if (!nread) {
        return PHR_NOTFOUND;
    }

    if (p == end) {
        return PHR_OK;
    }

    if ((*p | 0x20) != 'e') {
        return PHR_NOTFOUND;
    }

    p++;
    e = 0;

    if (phr_parse_exponent(&p, end, &e) != PHR_OK || p != end) {
        return PHR_EPARSE;
    }

    t->exponent += e;

    return PHR_OK;
}


static int
phr_parse_exponent(const char **p, const char *end, int *e)
{
    int          negative, sum;
    const char  *q;

    q = *p;
    negative = 0;

    if (q < end && (*q == '-' || *q == '+')) {
        negative = *q++ == '-';
    }

    if (q == end || *q < '0' || *q > '9') {
        return PHR_EPARSE;
    }

    for (sum = 0; q < end && *q >= '0' && *q <= '9'; q++) {
        if (sum < PHR_EXPONENT_CUT) {
            sum = sum * 10 + (*q - '0');
        }
    }

    *e = negative ? -sum : sum;
    *p = q;

    return PHR_OK;
}


/* PHR_AGAIN if the rounding is in doubt */

static int
phr_decimal_to_double(uint64_t digits, int exponent, double *v)
{
    int            e, shift;
    uint64_t       hi, rest;
    phr_uint128_t  g, x, y;

    static const double  exact[] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
        1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
    };

    if (digits == 0) {
        *v = 0;
        return PHR_OK;
    }

    /* both numbers are exact doubles, so the one operation rounds exactly */

    if (digits <= PHR_HIDDEN_BIT * 2 && exponent >= -22 && exponent <= 22) {
        *v = exponent < 0 ? (double) digits / exact[-exponent]
                          : (double) digits * exact[exponent];
        return PHR_OK;
    }

    if (exponent < PHR_POW10_MIN || exponent > PHR_POW10_MAX) {
        return PHR_AGAIN;
    }

    /*
     * The product of 64 and 128 bits, both with their highest bit set.  Of
     * its highest 128 bits, the last three may be wrong.
     */

    shift = __builtin_clzll(digits);
    digits <<= shift;
    g = phr_pow10(exponent);

    x = (phr_uint128_t) (uint64_t) g * digits;
    y = (phr_uint128_t) (uint64_t) (g >> 64) * digits + (uint64_t) (x >> 64);
    e = phr_floor_log2_pow10(exponent) - shift + 64;

    if ((uint64_t) (y >> 127) == 0) {
        y <<= 1;
        e--;
    }

    /* y is 1.something * 2^e; 53 bits are kept, 75 decide the rounding */

    hi = (uint64_t) (y >> 75);
    rest = (uint64_t) (y >> 64) & 0x7ff;

    if ((rest == 0x400 && (uint64_t) y < 16)
        || (rest == 0x3ff && (uint64_t) y > UINT64_MAX - 16))
    {
        return PHR_AGAIN;
    }

    hi += rest >= 0x400;

    if (e < -1021 || e > 1022) {
        return PHR_AGAIN;
    }

    /* a carry out of the fraction goes on into the exponent */

    *v = phr_double_from_bits(((uint64_t) (e + 1022) << PHR_FRACTION_BITS)
                              + hi);

    return PHR_OK;
}


static double
phr_decimal_slow(const phr_number_text_t *t)
{
    int          exponent, n, sticky;
    char         text[PHR_DIGITS_MAX + 32], *out;
    const char  *p;

    out = text;
    n = 0;
    sticky = 0;

    for (p = t->first; p < t->last; p++) {

        if (*p == '.' || (n == 0 && *p == '0')) {
            continue;
        }

        if (n == PHR_DIGITS_MAX) {
            sticky |= *p != '0';
            continue;
        }

        *out++ = *p;
        n++;
    }

    if (n == 0) {
        return 0;
    }

    /* the exponent was counted for the first 19 digits */

    exponent = t->exponent - (n > 19 ? n - 19 : 0);

    if (sticky) {
        *out++ = '1';
        exponent--;
    }

    snprintf(out, (size_t) (text + sizeof(text) - out), "e%d", exponent);

    return strtod(text, NULL);
}


static int
phr_hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
