/*
 * Copyright (C) The Pharos Authors
 *
 * Quote: the string literals of the language, read, and single characters
 * written as messages show them.  The escapes are those of Go, in single
 * quotes as well as in double ones.
 */

#include "promql/quote.h"

#include "core/utf8.h"


static int phr_quote_escape(const char **p, const char *end, char quote,
    char **out);
static int phr_quote_digits(const char **p, const char *end, int n, int base,
    uint32_t *v);


/* the letter after a backslash, and what it stands for: ORDER ESCAPE */
static const char  phr_quote_letters[] = "abfnrtv\\";
static const char  phr_quote_values[] = "\a\b\f\n\r\t\v\\";


int
phr_quote_read(phr_arena_t *a, phr_str_t literal, phr_str_t *out)
{
    char         quote, *buf, *last;
    const char  *p, *end;

    if (literal.len < 2 || literal.data[0] != literal.data[literal.len - 1]) {
        return PHR_EPARSE;
    }

    quote = literal.data[0];
    p = literal.data + 1;
    end = literal.data + literal.len - 1;

    if (quote == '`' || memchr(p, '\\', (size_t) (end - p)) == NULL) {
        *out = phr_str_from(p, (size_t) (end - p));
        return PHR_OK;
    }

    /* no escape is shorter than what it stands for */

    buf = phr_arena_alloc(a, literal.len);
    if (buf == NULL) {
        return phr_arena_rc(a);
    }

    last = buf;

    while (p < end) {

        if (*p != '\\') {
            *last++ = *p++;
            continue;
        }

        p++;

        if (phr_quote_escape(&p, end, quote, &last) != PHR_OK) {
            return PHR_EPARSE;
        }
    }

    *out = phr_str_from(buf, (size_t) (last - buf));

    return PHR_OK;
}


static int
phr_quote_escape(const char **p, const char *end, char quote, char **out)
{
    char         c;
    uint32_t     v;
    const char  *letter;

    if (*p == end) {
        return PHR_EPARSE;
    }

    c = *(*p)++;

    letter = c ? strchr(phr_quote_letters, c) : NULL;
    if (letter != NULL) {
        *(*out)++ = phr_quote_values[letter - phr_quote_letters];
        return PHR_OK;
    }

    if (c == quote) {
        *(*out)++ = c;
        return PHR_OK;
    }

    if (c == 'x' || (c >= '0' && c <= '7')) {

        if (c != 'x') {
            (*p)--;
        }

        if (phr_quote_digits(p, end, c == 'x' ? 2 : 3, c == 'x' ? 16 : 8, &v)
            != PHR_OK
            || v > 255)
        {
            return PHR_EPARSE;
        }

        *(*out)++ = (char) v;
        return PHR_OK;
    }

    if ((c != 'u' && c != 'U')
        || phr_quote_digits(p, end, c == 'u' ? 4 : 8, 16, &v) != PHR_OK)
    {
        return PHR_EPARSE;
    }

    *out += phr_utf8_encode(*out, v);

    return PHR_OK;
}


static int
phr_quote_digits(const char **p, const char *end, int n, int base,
    uint32_t *v)
{
    int  c, d;

    *v = 0;

    while (n-- > 0) {

        if (*p == end) {
            return PHR_EPARSE;
        }

        c = *(*p)++;

        if (c >= '0' && c <= '9') {
            d = c - '0';

        } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
            d = (c | 0x20) - 'a' + 10;

        } else {
            return PHR_EPARSE;
        }

        if (d >= base) {
            return PHR_EPARSE;
        }

        *v = *v * (uint32_t) base + (uint32_t) d;
    }

    return PHR_OK;
}


void
phr_quote_char(phr_buf_t *b, uint32_t code_point)
{
    char         utf8[4];
    size_t       n;
    const char  *value;

    phr_buf_putc(b, '\'');

    value = (code_point > 0 && code_point < 0x80)
            ? strchr(phr_quote_values, (int) code_point) : NULL;

    if (value != NULL) {
        phr_buf_putc(b, '\\');
        phr_buf_putc(b, phr_quote_letters[value - phr_quote_values]);

    } else if (code_point == '\'') {
        phr_buf_puts(b, "\\'");

    } else if (phr_quote_printable(code_point)) {
        n = phr_utf8_encode(utf8, code_point);
        phr_buf_append(b, utf8, n);

    } else if (code_point < 0x80) {
        phr_buf_printf(b, "\\x%02x", (unsigned) code_point);

    } else if (code_point < 0x10000) {
        phr_buf_printf(b, "\\u%04x", (unsigned) code_point);

    } else {
        phr_buf_printf(b, "\\U%08x", (unsigned) code_point);
    }

    phr_buf_putc(b, '\'');
}


/* not the whole of Unicode's tables, but every space and control */
int
phr_quote_printable(uint32_t c)
{
    size_t  i;

    static const struct {
        uint32_t  first;
        uint32_t  last;
    } hidden[] = {
        { 0x0, 0x1f }, { 0x7f, 0xa0 }, { 0xad, 0xad }, { 0x1680, 0x1680 },
        { 0x180e, 0x180e }, { 0x2000, 0x200f }, { 0x2028, 0x202f },
        { 0x205f, 0x206f }, { 0x3000, 0x3000 }, { 0xd800, 0xf8ff },
        { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xfffe, 0xffff },
        { 0xe0000, 0x10ffff },
    };

    for (i = 0; i < phr_nelems(hidden); i++) {
        if (c >= hidden[i].first && c <= hidden[i].last) {
            return 0;
        }
    }

    return 1;
}
