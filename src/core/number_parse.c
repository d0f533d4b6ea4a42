/*
 * Copyright (C) The Pharos Authors
 *
 * Number, reading: exactly rounded, by powers of ten in 128 bits; what
 * those cannot decide is left to strtod(), on a bounded copy without a
 * decimal point, so that no locale matters.
 */

#include "core/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/number_power.h"


/* digits beyond these only matter by being zero or not */
#define PHR_DIGITS_MAX     800
#define PHR_XDIGITS_MAX    32

/* an exponent in text is cut here: no result depends on its true value */
#define PHR_EXPONENT_CUT   100000


/* a decimal number as text */
typedef struct {
    const char  *first;         /* of the digits, the point among them */
    const char  *last;          /* behind them */
    uint64_t     digits;        /* the first 19 without leading zeros */
    int          exponent;      /* digits * 10^exponent is the value */
    int          negative;
    int          cut;           /* there were more than 19 digits */
} phr_number_text_t;


static int phr_parse_special(const char *s, size_t len, double *v);
static int phr_parse_hex(const char *s, size_t len, double *v);
static int phr_parse_decimal(const char *s, size_t len,
    phr_number_text_t *t);
static int phr_parse_exponent(const char **p, const char *end, int *e);
static int phr_decimal_to_double(uint64_t digits, int exponent, double *v);
static double phr_decimal_slow(const phr_number_text_t *t);
static int phr_hex_value(char c);


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
    g = phr_power(exponent);

    x = (phr_uint128_t) (uint64_t) g * digits;
    y = (phr_uint128_t) (uint64_t) (g >> 64) * digits + (uint64_t) (x >> 64);
    e = phr_power_log2(exponent) - shift + 64;

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
