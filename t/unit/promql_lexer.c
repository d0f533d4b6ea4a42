/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of promql/lexer.c, scan.c and quote.c: tokens, their places, and
 * what is no token.
 */

#include "promql/lexer.h"

#include "core/arena.h"
#include "promql/quote.h"
#include "tap.h"


/* the tokens of a text as "kind@start-end ", an error as its text */

static void
lex(const char *text, char *out, size_t size)
{
    int          rc;
    size_t       n;
    phr_err_t    err;
    phr_token_t  t;
    phr_lexer_t  l;

    static const char *const  names[] = {
#define PHR_TOKEN(name, text, class)  #name,
#include "promql/token_list.h"
    };

    phr_lexer_init(&l, phr_str_from_c(text));
    n = 0;

    for ( ;; ) {
        phr_err_init(&err);
        rc = phr_lexer_next(&l, &t, &err);

        if (rc != PHR_OK) {
            snprintf(out + n, size - n, "%s%s:%d", n ? " " : "", err.text,
                     (int) err.start);
            return;
        }

        n += (size_t) snprintf(out + n, size - n, "%s%s@%d-%d", n ? " " : "",
                               names[t.kind], (int) t.start, (int) t.end);

        if (t.kind == PHR_TOK_EOF || n + 64 > size) {
            return;
        }
    }
}


static void
tokens(void)
{
    char    got[512];
    size_t  i;

    static const struct {
        const char  *text;
        const char  *want;
    } cases[] = {
        { "", "EOF@0-0" },
        { " a:b ", "METRIC_IDENTIFIER@1-4 EOF@5-5" },
        { ":", "METRIC_IDENTIFIER@0-1 EOF@1-1" },
        { "SUM sum", "SUM@0-3 SUM@4-7 EOF@7-7" },
        { "fill fill(", "IDENTIFIER@0-4 FILL@5-9 LEFT_PAREN@9-10"
          " parse error: unclosed left parenthesis:10" },
        { "inf NaN infinity", "NUMBER@0-3 NUMBER@4-7 IDENTIFIER@8-16"
          " EOF@16-16" },
        { "1.5e3 .5 0x_1F 1_0 010", "NUMBER@0-5 NUMBER@6-8 NUMBER@9-14"
          " NUMBER@15-18 NUMBER@19-22 EOF@22-22" },
        { "5m 1h30m 250ms", "DURATION@0-2 DURATION@3-8 DURATION@9-14"
          " EOF@14-14" },
        { "<= < </ >= > >/ == = !=", "LTE@0-2 LSS@3-4 TRIM_UPPER@5-7 GTE@8-10"
          " GTR@11-12 TRIM_LOWER@13-15 EQLC@16-18 EQL@19-20 NEQ@21-23"
          " EOF@23-23" },
        { "{sum=~\"a\",on!~'b'}", "LEFT_BRACE@0-1 IDENTIFIER@1-4"
          " EQL_REGEX@4-6 STRING@6-9 COMMA@9-10 IDENTIFIER@10-12"
          " NEQ_REGEX@12-14 STRING@14-17 RIGHT_BRACE@17-18 EOF@18-18" },
        { "[5m:step()]", "LEFT_BRACKET@0-1 DURATION@1-3 COLON@3-4 STEP@4-8"
          " LEFT_PAREN@8-9 RIGHT_PAREN@9-10 RIGHT_BRACKET@10-11 EOF@11-11" },
        { "a # b\n# c\n d", "IDENTIFIER@0-1 IDENTIFIER@11-12 EOF@12-12" },
        { "`a\n\\`", "STRING@0-5 EOF@5-5" },
        { "\"\\u00e9\\\"\\x41\\101\"", "STRING@0-18 EOF@18-18" },

        { "1__0", "parse error: bad number or duration syntax: \"1__\":0" },
        { "1x", "parse error: bad number or duration syntax: \"1\":0" },
        { "5mx", "parse error: bad number or duration syntax: \"5mx\":0" },
        { "a ! b", "IDENTIFIER@0-1 parse error: unexpected character after"
          " '!': ' ':2" },
        { "=~", "parse error: unexpected character after '=': '~':0" },
        { "\xc3\xa9", "parse error: unexpected character: '\xc3\xa9':0" },
        { "\n\x01", "parse error: unexpected character: '\\x01':1" },
        { "'a", "parse error: unterminated quoted string:0" },
        { "'a\n'", "parse error: unterminated quoted string:0" },
        { "`a", "parse error: unterminated raw string:0" },
        { "'\xff'", "parse error: invalid UTF-8 rune:0" },
        { "'\\q'", "parse error: unknown escape sequence U+0071 'q':0" },
        { "'\\xg0'", "parse error: illegal character U+0067 'g' in escape"
          " sequence:0" },
        { "'\\400'", "parse error: escape sequence is an invalid Unicode code"
          " point:0" },
        { "'\\ud800'", "parse error: escape sequence is an invalid Unicode"
          " code point:0" },
        { "'\\", "parse error: escape sequence not terminated:0" },
        { "a)", "IDENTIFIER@0-1 parse error: unexpected right parenthesis"
          " ')':2" },
        { "]", "parse error: unexpected right bracket ']':0" },
        { "[5m[", "LEFT_BRACKET@0-1 DURATION@1-3 parse error: unexpected left"
          " bracket '[':3" },
        { "[:", "LEFT_BRACKET@0-1 parse error: unexpected colon before"
          " duration in duration expression:2" },
        { "[5m::", "LEFT_BRACKET@0-1 DURATION@1-3 COLON@3-4 parse error:"
          " unexpected colon ':':4" },
        { "[a", "LEFT_BRACKET@0-1 parse error: unexpected character in"
          " duration expression: 'a':1" },
        { "[5m a", "LEFT_BRACKET@0-1 DURATION@1-3 parse error: unexpected"
          " character: 'a', expected ':':4" },
        { "[5m", "LEFT_BRACKET@0-1 DURATION@1-3 parse error: unclosed left"
          " bracket:3" },
        { "{a", "LEFT_BRACE@0-1 IDENTIFIER@1-2 parse error: unexpected end of"
          " input inside braces:2" },
        { "{{", "LEFT_BRACE@0-1 parse error: unexpected left brace '{':1" },
        { "{a!}", "LEFT_BRACE@0-1 IDENTIFIER@1-2 parse error: unexpected"
          " character after '!' inside braces: '}':2" },
        { "{+}", "LEFT_BRACE@0-1 parse error: unexpected character inside"
          " braces: '+':1" },
    };

    for (i = 0; i < phr_nelems(cases); i++) {
        lex(cases[i].text, got, sizeof(got));
        is_str(got, cases[i].want, "tokens of %zu", i);
    }
}


static void
strings(void)
{
    size_t        i;
    phr_str_t     s;
    phr_arena_t  *a;

    static const struct {
        const char  *literal;
        const char  *want;      /* NULL: refused */
    } cases[] = {
        { "\"\"", "" },
        { "'a\"b'", "a\"b" },
        { "`a\\nb`", "a\\nb" },
        { "'\\a\\b\\f\\n\\r\\t\\v\\\\\\''", "\a\b\f\n\r\t\v\\'" },
        { "\"\\x41\\102\\u00e9\\U0001F600\"",
          "AB\xc3\xa9\xf0\x9f\x98\x80" },
        { "'\\xff'", "\xff" },
        { "'\\\"'", NULL },
        { "'\\x4@'", NULL },
        { "'\\u12'", NULL },
        { "'", NULL },
    };

    a = phr_arena_create(0);

    for (i = 0; i < phr_nelems(cases); i++) {

        if (phr_quote_read(a, phr_str_from_c(cases[i].literal), &s)
            != PHR_OK)
        {
            ok(cases[i].want == NULL, "%s is refused", cases[i].literal);
            continue;
        }

        ok(cases[i].want != NULL
           && phr_str_eq(s, phr_str_from_c(cases[i].want)),
           "what %s stands for", cases[i].literal);
    }

    phr_arena_destroy(a);
}


static void
descriptions(void)
{
    size_t       i;
    phr_buf_t    b;
    phr_token_t  t;
    phr_lexer_t  l;

    static const struct {
        const char  *text;
        const char  *want;
    } cases[] = {
        { "foo", "identifier \"foo\"" },
        { "a:b", "metric identifier \"a:b\"" },
        { "By", "<By>" },
        { "sum", "<aggr:sum>" },
        { "<=", "<op:<=>" },
        { "@", "<op:@>" },
        { "=", "\"=\"" },
        { "start", "\"start\"" },
        { "12", "number \"12\"" },
        { "5m", "duration \"5m\"" },
        { "'abcdefghijkl'", "string \"'abcdefghi\"..." },
        { "", "end of input" },
    };

    for (i = 0; i < phr_nelems(cases); i++) {
        phr_lexer_init(&l, phr_str_from_c(cases[i].text));
        (void) phr_lexer_next(&l, &t, NULL);

        phr_buf_init(&b, 0);
        phr_token_describe(&b, &t);
        is_str(phr_buf_cstr(&b), cases[i].want, "\"%s\" in messages",
               cases[i].text);
        phr_buf_free(&b);
    }
}


int
main(void)
{
    tokens();
    strings();
    descriptions();

    return done_testing();
}
