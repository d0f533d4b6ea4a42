/*
 * Copyright (C) The Pharos Authors
 *
 * Scan: how far the literals of the language reach (numbers, durations,
 * strings), and whether they have the right shape.  Queries that one
 * implementation takes and another refuses are a nuisance, so the shapes
 * are Prometheus's, oddities included.
 */

#include "promql/scan.h"
#include "promql/quote.h"

#include <stdio.h>

#include "core/utf8.h"


static int phr_scan_plain(phr_str_t s, size_t *pos, char quote,
    phr_buf_t *why);
static int phr_scan_raw(phr_str_t s, size_t *pos, phr_buf_t *why);
static int phr_scan_escape(const char **p, const char *end, char quote,
    phr_buf_t *why);
static int phr_scan_digits(const char **p, const char *end, uint32_t kind,
    phr_buf_t *why);
static int phr_scan_bad(phr_buf_t *why, const char *what, uint32_t c,
    const char *rest);


static int
phr_scan_is(phr_str_t s, size_t pos, const char *set)
{
    return pos < s.len && s.data[pos] != '\0'
           && strchr(set, s.data[pos]) != NULL;
}


static int
phr_scan_accept(phr_str_t s, size_t *pos, const char *set)
{
    if (!phr_scan_is(s, *pos, set)) {
        return 0;
    }

    (*pos)++;

    return 1;
}


static int
phr_scan_is_word(phr_str_t s, size_t pos)
{
    char  c;

    if (pos >= s.len) {
        return 0;
    }

    c = s.data[pos];

    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z');
}


/* "." , "e" and "_" may not be followed by one another, nor end the text */

int
phr_scan_number(phr_str_t s, size_t *pos)
{
    int          dot, exponent, hex;
    char         any[32];
    const char  *digits;

    digits = "0123456789";
    hex = 0;
    dot = 0;
    exponent = 0;

    if (phr_scan_accept(s, pos, "0") && phr_scan_accept(s, pos, "xX")) {
        (void) phr_scan_accept(s, pos, "_");
        digits = "0123456789abcdefABCDEF";
        hex = 1;
    }

    (void) phr_scan_accept(s, pos, ".");
    (void) phr_scan_accept(s, pos, digits);

    snprintf(any, sizeof(any), "%s._eE", digits);

    while (phr_scan_is(s, *pos, any)) {

        if (phr_scan_accept(s, pos, ".")) {

            if (dot || hex || phr_scan_accept(s, pos, "_.")) {
                return 0;
            }

            dot = 1;
            continue;
        }

        if (phr_scan_accept(s, pos, "eE")) {

            if (exponent) {
                return 0;
            }

            exponent = 1;
            (void) phr_scan_accept(s, pos, "+-");

        } else if (!phr_scan_accept(s, pos, "_")) {

            while (phr_scan_accept(s, pos, digits)) {
                /* void */
            }

            continue;
        }

        if (phr_scan_accept(s, pos, "._eE") || *pos >= s.len) {
            return 0;
        }
    }

    return !phr_scan_is_word(s, *pos);
}


int
phr_scan_duration(phr_str_t s, size_t *pos)
{
    if (!phr_scan_accept(s, pos, "smhdwy")) {
        return 0;
    }

    (void) phr_scan_accept(s, pos, "s");

    while (phr_scan_accept(s, pos, "0123456789")) {

        while (phr_scan_accept(s, pos, "0123456789")) {
            /* void */
        }

        if (!phr_scan_accept(s, pos, "smhdw")) {
            return 0;
        }

        (void) phr_scan_accept(s, pos, "s");
    }

    if (phr_scan_is_word(s, *pos)) {
        (*pos)++;
        return 0;
    }

    return 1;
}


int
phr_scan_string(phr_str_t s, size_t *pos, phr_buf_t *why)
{
    char  quote;

    quote = s.data[(*pos)++];

    return quote == '`' ? phr_scan_raw(s, pos, why)
                        : phr_scan_plain(s, pos, quote, why);
}


static int
phr_scan_plain(phr_str_t s, size_t *pos, char quote, phr_buf_t *why)
{
    uint32_t     c;
    const char  *p, *end;

    p = s.data + *pos;
    end = s.data + s.len;

    for ( ;; ) {
        c = phr_utf8_decode(&p, end);

        if (c == UINT32_MAX || c == '\n') {
            phr_buf_puts(why, "unterminated quoted string");
            return PHR_EPARSE;
        }

        if (c == 0xfffd) {
            phr_buf_puts(why, "invalid UTF-8 rune");
            return PHR_EPARSE;
        }

        if (c == (uint32_t) quote) {
            *pos = (size_t) (p - s.data);
            return PHR_OK;
        }

        if (c == '\\' && phr_scan_escape(&p, end, quote, why) != PHR_OK) {
            return PHR_EPARSE;
        }
    }
}


static int
phr_scan_raw(phr_str_t s, size_t *pos, phr_buf_t *why)
{
    uint32_t     c;
    const char  *p, *end;

    p = s.data + *pos;
    end = s.data + s.len;

    do {
        c = phr_utf8_decode(&p, end);

        if (c == UINT32_MAX) {
            phr_buf_puts(why, "unterminated raw string");
            return PHR_EPARSE;
        }

        if (c == 0xfffd) {
            phr_buf_puts(why, "invalid UTF-8 rune");
            return PHR_EPARSE;
        }

    } while (c != '`');

    *pos = (size_t) (p - s.data);

    return PHR_OK;
}


/* what follows a backslash */

static int
phr_scan_escape(const char **p, const char *end, char quote, phr_buf_t *why)
{
    uint32_t     c;
    const char  *first;

    first = *p;
    c = phr_utf8_decode(p, end);

    if (c == (uint32_t) quote) {
        return PHR_OK;
    }

    if (c == 0 || c >= 0x80 || strchr("abfnrtv\\xuU01234567", (int) c) == NULL)
    {
        return phr_scan_bad(why, "unknown escape sequence ", c, "");
    }

    if (strchr("abfnrtv\\", (int) c) != NULL) {
        return PHR_OK;
    }

    if (c >= '0' && c <= '7') {
        *p = first;
    }

    return phr_scan_digits(p, end, c, why);
}


/* kind: the character after the backslash */

static int
phr_scan_digits(const char **p, const char *end, uint32_t kind,
    phr_buf_t *why)
{
    int       n;
    uint32_t  c, d, v, base, max;

    n = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 3;
    base = n == 3 ? 8 : 16;
    max = n < 4 ? 255 : 0x10ffff;

    for (v = 0; n > 0; n--) {
        c = phr_utf8_decode(p, end);

        if (c >= '0' && c <= '9') {
            d = c - '0';

        } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
            d = (c | 0x20) - 'a' + 10;

        } else {
            d = 16;
        }

        if (d >= base) {
            return phr_scan_bad(why, "illegal character ", c,
                                " in escape sequence");
        }

        v = v * base + d;
    }

    if (v > max || (v >= 0xd800 && v < 0xe000)) {
        phr_buf_puts(why, "escape sequence is an invalid Unicode code point");
        return PHR_EPARSE;
    }

    return PHR_OK;
}


static int
phr_scan_bad(phr_buf_t *why, const char *what, uint32_t c, const char *rest)
{
    char    utf8[4];
    size_t  n;

    if (c == UINT32_MAX) {
        phr_buf_puts(why, "escape sequence not terminated");
        return PHR_EPARSE;
    }

    phr_buf_puts(why, what);
    phr_buf_printf(why, "U+%04X", (unsigned) c);

    if (phr_quote_printable(c)) {
        n = phr_utf8_encode(utf8, c);
        phr_buf_puts(why, " '");
        phr_buf_append(why, utf8, n);
        phr_buf_putc(why, '\'');
    }

    phr_buf_puts(why, rest);

    return PHR_EPARSE;
}
