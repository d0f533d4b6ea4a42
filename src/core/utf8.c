/*
 * Copyright (C) The Pharos Authors
 *
 * UTF-8: validation, single code points, and Go's quoting of strings.
 */

#include "core/utf8.h"


#define PHR_UTF8_REPLACEMENT  0xfffd


static size_t phr_utf8_sequence(const uint8_t *p, size_t left,
    uint32_t *code_point);
static int phr_utf8_printable(uint32_t c);


int
phr_utf8_valid(const char *s, size_t len)
{
    size_t          n;
    uint32_t        c;
    uint64_t        w;
    const uint8_t  *p, *end;

    p = (const uint8_t *) s;
    end = p + len;

    while (p < end) {

        /* most text is ASCII: eight bytes at a time */

        if (end - p >= 8) {
            memcpy(&w, p, 8);

            if ((w & 0x8080808080808080ULL) == 0) {
                p += 8;
                continue;
            }
        }

        if (*p < 0x80) {
            p++;
            continue;
        }

        n = phr_utf8_sequence(p, (size_t) (end - p), &c);
        if (n == 0) {
            return 0;
        }

        p += n;
    }

    return 1;
}


size_t
phr_utf8_encode(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char) c;
        return 1;
    }

    if (c < 0x800) {
        out[0] = (char) (0xc0 | c >> 6);
        out[1] = (char) (0x80 | (c & 0x3f));
        return 2;
    }

    if (c < 0x10000) {
        if (c >= 0xd800 && c <= 0xdfff) {
            return 0;
        }

        out[0] = (char) (0xe0 | c >> 12);
        out[1] = (char) (0x80 | (c >> 6 & 0x3f));
        out[2] = (char) (0x80 | (c & 0x3f));
        return 3;
    }

    if (c > 0x10ffff) {
        return 0;
    }

    out[0] = (char) (0xf0 | c >> 18);
    out[1] = (char) (0x80 | (c >> 12 & 0x3f));
    out[2] = (char) (0x80 | (c >> 6 & 0x3f));
    out[3] = (char) (0x80 | (c & 0x3f));

    return 4;
}


uint32_t
phr_utf8_decode(const char **s, const char *end)
{
    size_t    n;
    uint32_t  c;

    if (*s >= end) {
        return UINT32_MAX;
    }

    n = phr_utf8_sequence((const uint8_t *) *s, (size_t) (end - *s), &c);

    if (n == 0) {
        (*s)++;
        return PHR_UTF8_REPLACEMENT;
    }

    *s += n;

    return c;
}


void
phr_utf8_quote(phr_buf_t *b, phr_str_t s)
{
    uint32_t     c;
    const char  *p, *end, *from, *name, *at;

    static const char  names[] = "\aa\bb\ff\nn\rr\tt\vv\\\\\"\"";

    phr_buf_putc(b, '"');

    p = s.data;
    from = p;
    end = p + s.len;

    while (p < end) {
        at = p;
        c = phr_utf8_decode(&p, end);

        if (c == PHR_UTF8_REPLACEMENT && p - at == 1) {
            phr_buf_append(b, from, (size_t) (at - from));
            phr_buf_printf(b, "\\x%02x", (unsigned char) *at);
            from = p;
            continue;
        }

        if (c != '"' && c != '\\' && phr_utf8_printable(c)) {
            continue;
        }

        phr_buf_append(b, from, (size_t) (at - from));
        from = p;

        for (name = names; *name != '\0' && (uint32_t) *name != c; name += 2) {
            /* void */
        }

        if (*name != '\0') {
            phr_buf_putc(b, '\\');
            phr_buf_putc(b, name[1]);

        } else if (c < 0x80) {
            phr_buf_printf(b, "\\x%02x", c);

        } else if (c < 0x10000) {
            phr_buf_printf(b, "\\u%04x", c);

        } else {
            phr_buf_printf(b, "\\U%08x", c);
        }
    }

    phr_buf_append(b, from, (size_t) (end - from));
    phr_buf_putc(b, '"');
}


/*
 * The length of the sequence at p, 0 if it is ill-formed.  The bounds of
 * the second byte exclude overlong forms, surrogates and what is beyond
 * U+10FFFF: table 3-7 of the Unicode standard.
 */

static size_t
phr_utf8_sequence(const uint8_t *p, size_t left, uint32_t *code_point)
{
    uint8_t   lo, hi;
    size_t    i, n;
    uint32_t  c;

    c = p[0];

    if (c < 0x80) {
        *code_point = c;
        return 1;
    }

    if (c < 0xc2 || c > 0xf4) {
        return 0;
    }

    n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

    if (left < n) {
        return 0;
    }

    lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;

    if (p[1] < lo || p[1] > hi) {
        return 0;
    }

    c &= 0x7fu >> n;

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = c << 6 | (p[i] & 0x3f);
    }

    *code_point = c;

    return n;
}


/*
 * What Go's unicode.IsPrint() says, but for code points that are not
 * assigned (they are printed as they are): the ranges below are spaces,
 * format characters, separators, private use and noncharacters.
 */

static int
phr_utf8_printable(uint32_t c)
{
    size_t  i;

    static const struct {
        uint32_t  first;
        uint32_t  last;
    } hidden[] = {
        { 0x007f, 0x00a0 }, { 0x00ad, 0x00ad }, { 0x0600, 0x0605 },
        { 0x061c, 0x061c }, { 0x06dd, 0x06dd }, { 0x070f, 0x070f },
        { 0x0890, 0x0891 }, { 0x08e2, 0x08e2 }, { 0x1680, 0x1680 },
        { 0x180e, 0x180e }, { 0x2000, 0x200f }, { 0x2028, 0x202f },
        { 0x205f, 0x206f }, { 0x3000, 0x3000 }, { 0xd800, 0xf8ff },
        { 0xfdd0, 0xfdef }, { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb },
        { 0xfffe, 0xffff }, { 0x110bd, 0x110bd }, { 0x110cd, 0x110cd },
        { 0x13430, 0x1343f }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
        { 0xe0000, 0xe00ff }, { 0xe01f0, 0x10ffff },
    };

    if (c < 0x7f) {
        return c >= 0x20;
    }

    for (i = 0; i < phr_nelems(hidden) && c >= hidden[i].first; i++) {
        if (c <= hidden[i].last) {
            return 0;
        }
    }

    return 1;
}
