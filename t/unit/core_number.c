/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/number.c.
 */

#include "core/number.h"

#include <math.h>

#include "tap.h"


#define SEED     20151109ULL
#define NRANDOM  300000


static const char *
fixed(double v)
{
    static char  text[400];
    phr_buf_t    b;

    phr_buf_init(&b, 0);
    phr_number_format(&b, v);
    snprintf(text, sizeof(text), "%s", phr_buf_cstr(&b));
    phr_buf_free(&b);

    return text;
}


static const char *
general(double v)
{
    static char  text[PHR_NUMBER_LEN + 1];

    text[phr_number_write(text, v)] = '\0';

    return text;
}


static void
both(double v, const char *f, const char *g)
{
    is_str(fixed(v), f, "%.17g in format f", v);
    is_str(general(v), g, "%.17g in format g", v);
}


static void
parse(const char *s, double want)
{
    int     rc;
    double  v;

    v = 12345;
    rc = phr_number_parse(s, strlen(s), &v);

    if (!ok(rc == PHR_OK && phr_double_bits(v) == phr_double_bits(want),
            "\"%.60s\" is %.17g", s, want))
    {
        printf("#   got %d, %.17g\n", rc, v);
    }
}


static void
refused(const char *s)
{
    double  v;

    is_int(phr_number_parse(s, strlen(s), &v), PHR_EPARSE,
           "\"%.60s\" is refused", s);
}


/* splitmix64 */

static uint64_t
next_random(uint64_t *state)
{
    uint64_t  z;

    z = *state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ z >> 27) * 0x94d049bb133111ebULL;

    return z ^ z >> 31;
}


/* digits without leading and trailing zeros */

static int
ndigits(const char *s)
{
    int  n, zeros;

    n = 0;
    zeros = 0;

    for ( /* void */ ; *s != '\0' && *s != 'e'; s++) {
        if (*s == '0') {
            zeros += n > 0;

        } else if (*s >= '1' && *s <= '9') {
            n += zeros + 1;
            zeros = 0;
        }
    }

    return n;
}


/*
 * Reads back, and has no more digits than the shortest correctly rounded
 * text that does.  If it has as many, it is that one; it may have fewer,
 * where the interval of a double holds a decimal that is not the nearest.
 */

static int
is_shortest(double v)
{
    int          digits, n;
    char         text[64];
    double       back;
    const char  *got;

    for (digits = 1; digits < 17; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, v);

        if (strtod(text, NULL) == v) {
            break;
        }
    }

    snprintf(text, sizeof(text), "%.*e", digits - 1, v);

    got = general(v);
    n = ndigits(got);

    return phr_number_parse(got, strlen(got), &back) == PHR_OK && back == v
           && (n < digits
               || (n == digits && strtold(got, NULL) == strtold(text, NULL)));
}


static void
random_doubles(void)
{
    int       i, bad_short, bad_parse;
    char      text[64];
    double    v, back;
    uint64_t  state;

    printf("# seed %llu\n", SEED);

    state = SEED;
    bad_short = 0;
    bad_parse = 0;

    for (i = 0; i < NRANDOM; i++) {
        v = phr_double_from_bits(next_random(&state));

        if (i % 4 == 1) {
            v = (double) (next_random(&state) >> 20) / 1000.0;
        }

        if (i % 4 == 2) {
            v = ldexp(1, (int) (next_random(&state) % 2098) - 1074);
        }

        if (i % 4 == 3) {
            /* of the size that samples have */
            v = ldexp((double) (next_random(&state) >> 11),
                      (int) (next_random(&state) % 120) - 100);
        }

        if (!isfinite(v)) {
            continue;
        }

        if (!is_shortest(v) && bad_short++ < 5) {
            printf("# %.17g printed as %s\n", v, general(v));
        }

        snprintf(text, sizeof(text), "%.*e",
                 (int) (next_random(&state) % 22), v);

        if (phr_number_parse(text, strlen(text), &back) != PHR_OK) {
            bad_parse += isinf(strtod(text, NULL)) ? 0 : 1;
            continue;
        }

        if (back != strtod(text, NULL) && bad_parse++ < 5) {
            printf("# %s read as %.17g\n", text, back);
        }
    }

    is_int(bad_short, 0, "random doubles are printed as short as can be");
    is_int(bad_parse, 0, "random texts are read as strtod() does");
}


static void
unsigned_integers(void)
{
    int       i, wrong;
    char      text[32], want[32];
    size_t    n;
    uint64_t  v, state;

    state = SEED;
    wrong = 0;

    for (i = 0; i < NRANDOM; i++) {
        v = next_random(&state) >> next_random(&state) % 64;
        v = i % 3 != 0 ? v : v / 100000000 * 100000000;

        memset(text, '#', sizeof(text));
        n = phr_number_write_uint(text, v);

        wrong += snprintf(want, sizeof(want), "%llu", (unsigned long long) v)
                 != (int) n || memcmp(text, want, n) != 0 || text[n] != '#';
    }

    is_int(wrong, 0, "integers of any length, and nothing behind them");
}


/* halfway between two doubles, to the last digit, and just beside */

static void
halfway(void)
{
    char    text[1200];
    double  v;

    parse("9007199254740993", 9007199254740992.0);
    parse("9007199254740993.0000000000000000000000000000001",
          9007199254740994.0);
    parse("9007199254740995", 9007199254740996.0);
    parse("2.4703282292062327e-324", 0.0);
    parse("2.4703282292062328e-324", 5e-324);
    parse("1.7976931348623158e308", 1.7976931348623157e308);
    refused("1.7976931348623159e308");

    /* 2^-1075 has 1,075 decimals; one more digit decides */

    snprintf(text, sizeof(text), "%.1075f", 5e-324);
    v = strtod(text, NULL);
    parse(text, v);

    memset(text, '0', sizeof(text));
    memcpy(text, "9007199254740993.", 17);
    text[1100] = '\0';
    parse(text, 9007199254740992.0);
    text[1099] = '1';
    parse(text, 9007199254740994.0);
}


static void
integers(void)
{
    int64_t  v;

    static const struct {
        const char  *text;
        int          rc;
        int64_t      v;
    } cases[] = {
        { "0", PHR_OK, 0 },
        { "-1", PHR_OK, -1 },
        { "+15", PHR_OK, 15 },
        { "9223372036854775807", PHR_OK, INT64_MAX },
        { "-9223372036854775808", PHR_OK, INT64_MIN },
        { "9223372036854775808", PHR_EPARSE, 0 },
        { "-9223372036854775809", PHR_EPARSE, 0 },
        { "99999999999999999999", PHR_EPARSE, 0 },
        { "", PHR_EPARSE, 0 },
        { "-", PHR_EPARSE, 0 },
        { "1x", PHR_EPARSE, 0 },
        { " 1", PHR_EPARSE, 0 },
    };

    size_t  i;

    for (i = 0; i < phr_nelems(cases); i++) {
        v = 0;
        is_int(phr_int_parse(cases[i].text, strlen(cases[i].text), &v),
               cases[i].rc, "integer \"%s\"", cases[i].text);
        is_int(v, cases[i].v, "its value");
    }
}


int
main(void)
{
    both(0, "0", "0");
    both(-0.0, "-0", "-0");
    both(1, "1", "1");
    both(-42, "-42", "-42");
    both(0.1, "0.1", "0.1");
    both(1.5, "1.5", "1.5");
    both(100, "100", "100");
    both(1e6, "1000000", "1e+06");
    both(123456789.125, "123456789.125", "1.23456789125e+08");
    both(1435781451.781, "1435781451.781", "1.435781451781e+09");
    both(1e15, "1000000000000000", "1e+15");
    both(1e20, "100000000000000000000", "1e+20");
    both(1e21, "1000000000000000000000", "1e+21");
    both(1.5e300, fixed(1.5e300), "1.5e+300");
    both(0.0001, "0.0001", "0.0001");
    both(0.00001, "0.00001", "1e-05");
    both(-1.25e-7, "-0.000000125", "-1.25e-07");
    both(1.0 / 3, "0.3333333333333333", "0.3333333333333333");
    both(0.1 + 0.2, "0.30000000000000004", "0.30000000000000004");
    both(NAN, "NaN", "NaN");
    both(phr_double_from_bits(PHR_STALE_NAN_BITS), "NaN", "NaN");
    both(HUGE_VAL, "+Inf", "+Inf");
    both(-HUGE_VAL, "-Inf", "-Inf");
    is_str(general(5e-324), "5e-324", "the smallest");
    is_str(general(1.7976931348623157e308), "1.7976931348623157e+308",
           "the largest");
    is_str(general(2.2250738585072014e-308), "2.2250738585072014e-308",
           "the smallest normal one");
    is_str(general(5.9863107065073784e+51), "5.986310706507379e+51",
           "not the nearest of its length, but shorter");
    is_str(general(1e23), "1e+23", "1e23");
    is_int(strlen(fixed(-5e-324)), 327, "the smallest in format f");
    is_int(strlen(fixed(-1.7976931348623157e308)), 310, "the largest");

    parse("0", 0);
    parse("-0", -0.0);
    parse("+1", 1);
    parse("1.", 1);
    parse(".5", 0.5);
    parse("1e5", 1e5);
    parse("1E+05", 1e5);
    parse("1e-5", 1e-5);
    parse("1.7976931348623157e308", 1.7976931348623157e308);
    parse("1e-400", 0);
    parse("-1e-99999999999999999999", -0.0);
    parse("0e99999999999999999999", 0);
    parse("0.000000000000000000000000000000000000000000000000001", 1e-51);
    parse("100000000000000000000000000000000000000000000000000", 1e50);
    parse("12345678901234567890123", 12345678901234567890123.0);
    parse("nan", phr_double_from_bits(PHR_NORMAL_NAN_BITS));
    parse("NaN", phr_double_from_bits(PHR_NORMAL_NAN_BITS));
    parse("inf", HUGE_VAL);
    parse("+Inf", HUGE_VAL);
    parse("-INFINITY", -HUGE_VAL);
    parse("0x1f", 31);
    parse("-0x1p-2", -0.25);
    parse("0x1.8P1", 3);
    parse("0x.8p0", 0.5);
    parse("0x10000000000000000000000000000000000000000p0", ldexp(1, 160));
    parse("0x1.00000000000008p0", 1);
    parse("0x1.00000000000008000000000000000000000000001p0",
          1.0000000000000002);
    parse("0x0p99999999", 0);

    refused("");
    refused("+");
    refused(".");
    refused("e5");
    refused("1e");
    refused("1e+");
    refused("1.2.3");
    refused(" 1");
    refused("1 ");
    refused("1_000");
    refused("1e400");
    refused("-nan");
    refused("infi");
    refused("infinitys");
    refused("0x");
    refused("0x.p1");
    refused("0x1.8");
    refused("0x1p");
    refused("0x1p99999");
    refused("1f");
    refused("--1");

    halfway();
    integers();
    random_doubles();
    unsigned_integers();

    return done_testing();
}
