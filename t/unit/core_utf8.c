/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/utf8.c.
 */

#include "core/utf8.h"

#include "tap.h"


static void
valid(const char *s, size_t len, int want, const char *name)
{
    is_int(phr_utf8_valid(s, len), want, "%s", name);
}

#define VALID(s, want)  valid((s), sizeof(s) - 1, (want), #s)


static void
quote(const char *s, size_t len, const char *want)
{
    phr_buf_t  b;

    phr_buf_init(&b, 0);
    phr_utf8_quote(&b, phr_str_from(s, len));
    is_str(phr_buf_cstr(&b), want, "quoted %s", want);
    phr_buf_free(&b);
}

#define QUOTE(s, want)  quote((s), sizeof(s) - 1, (want))


int
main(void)
{
    int          good;
    char         text[4];
    size_t       n;
    uint32_t     c;
    const char  *p;

    VALID("", 1);
    VALID("plain ascii text, long enough", 1);
    VALID("gr\xc3\xbc\xc3\x9f", 1);
    VALID("\xe2\x82\xac \xf0\x9f\x98\x80", 1);
    VALID("\xed\x9f\xbf\xee\x80\x80", 1);
    VALID("\xf4\x8f\xbf\xbf", 1);
    VALID("01234567\xff", 0);
    VALID("\xc0\x80", 0);
    VALID("\xc1\xbf", 0);
    VALID("\xe0\x9f\xbf", 0);
    VALID("\xed\xa0\x80", 0);
    VALID("\xf0\x8f\xbf\xbf", 0);
    VALID("\xf4\x90\x80\x80", 0);
    VALID("\xe2\x82", 0);
    VALID("\x80", 0);
    VALID("\xc3(", 0);

    for (c = 0, good = 1; c <= 0x10ffff; c++) {
        n = phr_utf8_encode(text, c);

        if (c >= 0xd800 && c <= 0xdfff) {
            good = good && n == 0;
            continue;
        }

        p = text;
        good = good && phr_utf8_valid(text, n)
               && phr_utf8_decode(&p, text + n) == c && p == text + n;
    }
    ok(good, "every code point there and back");
    is_int(phr_utf8_encode(text, 0x110000), 0, "no code point beyond");

    p = "\xffz";
    is_int(phr_utf8_decode(&p, p + 2), 0xfffd, "an ill-formed byte");
    is_int(phr_utf8_decode(&p, p + 1), 'z', "is read alone");
    is_int(phr_utf8_decode(&p, p), UINT32_MAX, "the end");

    QUOTE("", "\"\"");
    QUOTE("a\"b\\c", "\"a\\\"b\\\\c\"");
    QUOTE("\n\t\r\a\b\f\v", "\"\\n\\t\\r\\a\\b\\f\\v\"");
    QUOTE("\0\x1f\x7f", "\"\\x00\\x1f\\x7f\"");
    QUOTE("\xff" "a\xc3", "\"\\xff" "a\\xc3\"");
    QUOTE("\xc3\xbc\xe2\x82\xac", "\"\xc3\xbc\xe2\x82\xac\"");
    QUOTE("\xef\xbf\xbd", "\"\xef\xbf\xbd\"");
    QUOTE("\xc2\xa0\xe2\x80\x8b", "\"\\u00a0\\u200b\"");
    QUOTE("\xf3\xa0\x80\x81", "\"\\U000e0001\"");

    return done_testing();
}
