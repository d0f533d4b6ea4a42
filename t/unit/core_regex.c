/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/regex.c, core/regex_parse.c and core/matcher.c.
 */

#include "core/regex.h"

#include <time.h>

#include "core/alloc.h"
#include "core/matcher.h"
#include "oom.h"
#include "tap.h"


#define BIG  10000


/* yes and no are texts that match and that do not, cut at "~" */

static void
matches(const char *pattern, const char *yes, const char *no)
{
    int           want;
    size_t        len;
    phr_err_t     err;
    const char   *p;
    phr_regex_t  *re;

    if (phr_regex_create(phr_str_from_c(pattern), &re, &err) != PHR_OK) {
        ok(0, "%s compiles: %s", pattern, err.text);
        return;
    }

    for (want = 1; want >= 0; want--) {
        for (p = want ? yes : no; p != NULL; p = *p ? p + 1 : NULL) {
            len = strcspn(p, "~");
            is_int(phr_regex_match(re, phr_str_from(p, len)), want,
                   "%s %s \"%.*s\"", pattern,
                   want ? "matches" : "does not match", (int) len, p);
            p += len;
        }
    }

    phr_regex_destroy(re);
}


static void
refused(const char *pattern, const char *what)
{
    int           rc;
    char          text[600];
    phr_err_t     err;
    phr_regex_t  *re;

    rc = phr_regex_create(phr_str_from_c(pattern), &re, &err);
    is_int(rc, PHR_EPARSE, "%s is refused", pattern);

    if (rc == PHR_OK) {
        phr_regex_destroy(re);
        return;
    }

    snprintf(text, sizeof(text), "error parsing regexp: %s", what);
    is_str(err.text, text, "with RE2's words");
}


/* the set as "a,b", and the prefix */

static void
literals(const char *pattern, const char *set, const char *prefix)
{
    size_t            i, n;
    phr_buf_t         b;
    phr_regex_t      *re;
    const phr_str_t  *s;

    if (phr_regex_create(phr_str_from_c(pattern), &re, NULL) != PHR_OK) {
        ok(0, "%s compiles", pattern);
        return;
    }

    phr_buf_init(&b, 0);
    n = phr_regex_literals(re, &s);

    for (i = 0; i < n; i++) {
        phr_buf_puts(&b, i ? "," : "");
        phr_buf_str(&b, s[i]);
    }

    is_str(n ? phr_buf_cstr(&b) : "(none)", set, "literals of %s", pattern);

    phr_buf_reset(&b);
    phr_buf_str(&b, phr_regex_prefix(re));
    is_str(phr_buf_cstr(&b), prefix, "prefix of %s", pattern);

    phr_buf_free(&b);
    phr_regex_destroy(re);
}


static void
expands(const char *pattern, const char *s, const char *template,
    const char *want)
{
    int           rc;
    phr_buf_t     b;
    phr_regex_t  *re;

    if (phr_regex_create(phr_str_from_c(pattern), &re, NULL) != PHR_OK) {
        ok(0, "%s compiles", pattern);
        return;
    }

    phr_buf_init(&b, 0);
    phr_buf_puts(&b, "<");
    rc = phr_regex_expand(re, phr_str_from_c(s), phr_str_from_c(template),
                          &b);
    is_int(rc, want ? PHR_OK : PHR_NOTFOUND, "%s on %s to %s", pattern, s,
           template);
    is_str(phr_buf_cstr(&b) + 1, want ? want : "", "what came out");
    phr_buf_free(&b);
    phr_regex_destroy(re);
}


static double
seconds(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}


static void
catastrophic(const char *pattern, char fill, const char *tail, int want)
{
    char          text[BIG + 10];
    double        start;
    phr_regex_t  *re;

    memset(text, fill, BIG);
    strcpy(text + BIG, tail);

    if (phr_regex_create(phr_str_from_c(pattern), &re, NULL) != PHR_OK) {
        ok(0, "%s compiles", pattern);
        return;
    }

    start = seconds();
    is_int(phr_regex_match(re, phr_str_from_c(text)), want,
           "%s on much text before \"%s\"", pattern, tail);
    ok(seconds() - start < 5, "in bounded time");
    printf("# %.3f s\n", seconds() - start);

    phr_regex_destroy(re);
}


static int
compile(void *data)
{
    int           rc;
    void         *p;
    phr_regex_t  *re;

    rc = phr_regex_create(phr_str_from_c(data), &re, NULL);

    if (rc == PHR_OK) {
        phr_regex_destroy(re);

        /* compiling goes on when the JIT compiler has no memory */

        p = phr_malloc(1);
        rc = p ? PHR_OK : PHR_ENOMEM;
        phr_free(p);
    }

    return rc;
}


static void
syntax(void)
{
    matches("", "", "a");
    matches("foo", "foo", "fo~fooo~xfoo~");
    matches("foo|bar", "foo~bar", "foobar~");
    matches("a|b|c|d|e|f|g|h|i|j", "a~j", "k~~ab");
    matches("fo(o|a)", "foo~foa", "fo~foo|a");
    matches("(a|b)(c|d)?", "a~b~ac~bd", "c~abcd~");
    matches(".*", "~x~a\nb", NULL);
    matches(".+", "x~a\nb~\xc3\xbc", "");
    matches("foo.*", "foo~foobar~foo\n", "fo~xfoo");
    matches("foo.+", "foobar", "foo~");
    matches(".*foo", "foo~xfoo", "foox~");
    matches(".+foo", "xfoo", "foo");
    matches(".*foo.*", "foo~xfoo~foox~xfoox", "fo~oo~");
    matches(".+foo.+", "xfoox~foofoofoo", "foo~xfoo~foox~foofoo");
    matches("^foo$", "foo", "^foo$~");
    matches("^foo|bar$", "foo~bar", "foobar");
    matches("a.c", "abc~a\nc~a\xc3\xbc" "c", "ac~abbc");
    matches("(?-s)a.c", "abc", "a\nc");
    matches("(?i)foo.*", "foo~FOO~FoObar", "fo");
    matches("(?i:f)oo", "foo~Foo", "FOO");
    matches("x(?i)y", "xy~xY", "Xy");
    matches("(?i)1.5", "1.5~125", "15");
    matches("(?i)a\\.b", "a.b~A.B", "axb");
    matches("a\\.b", "a.b", "axb");
    matches("[.]", ".", "x");
    matches("[a-c]x", "ax~bx~cx", "dx~x");
    matches("[^a-c]", "d~\n", "a~");
    matches("[]a]", "]~a", "b");
    matches("[a-]", "a~-", "b");
    matches("[\\d.]+", "1.5~.", "a~");
    matches("[[:alpha:]_]+", "aZ_", "a1~\xc3\xbc");
    matches("[[:^alpha:]]", "1~\xc3\xbc", "a");
    matches("\\d+", "123", "a~\xd9\xa3");
    matches("\\w+", "aZ_9", "\xc3\xbc~a-b");
    matches("\\s", " ~\t~\n~\f~\r", "\v~a");
    matches("\\S", "\v~a~\xc3\xbc", " ");
    matches("[\\S]", "\v~a~\xc3\xbc", " ");
    matches("[^\\s]", "\v~a", " ~\t");
    matches("[\\s]", " ~\r", "\v");
    matches("\\pL+", "a\xc3\xbc\xce\xb1", "1~");
    matches("\\p{Greek}", "\xce\xb1", "a");
    matches("\\P{Greek}", "a", "\xce\xb1");
    matches("\\p{^Lu}", "a", "A");
    matches("[\\p{Nd}x]", "1~x", "a");
    matches("a{2}", "aa", "a~aaa");
    matches("a{2,}", "aa~aaaa", "a");
    matches("a{1,3}?", "a~aaa", "aaaa~");
    matches("a{,2}", "a{,2}", "a~aa");
    matches("a{x", "a{x", "a");
    matches("{", "{", "");
    matches("\\Qa.b\\E+", "a.b~a.bb", "axb");

    matches("(?P<x>a)(?<y>b)", "ab", "a");
    matches("a\\z", "a", "a\n~b");
    matches("\\Aa", "a", "b");
    matches("a$", "a", "a\n");
    matches("(?m)a$\nb", "a\nb", "a b");
    matches("(?m)a\n^b", "a\nb", "a b");
    matches("a$b", NULL, "ab~a$b");
    matches("a\\b.*", "a~a b", "ab");
    matches("\\x41\\x{1F600}\\101\\012", "A\xf0\x9f\x98\x80" "A\n", "A");
    matches("\\a\\f\\t\\n\\r\\v", "\a\f\t\n\r\v", "x");
    matches("(|a)+", "~aaa", "b");
    matches("(a*)*", "~aaa", "b");
    matches("^*a", "a", "b");
    matches("(?:a|b)+?c", "abc~bac", "c");
    matches("[^a]", "\xff~\xc3\xbc", "a");
    matches("\xc3\xbc+", "\xc3\xbc\xc3\xbc", "\xc3\xbc\xbc");
    matches("#a b-c,d", "#a b-c,d", "#ab-c,d");
    matches("(?U)a+", "aa", "b");
    matches("[a&&b]", "&~a", "x");
    matches("[[a]", "[~a", "x");
    matches("[\\x{5b}-\\x{5d}]", "[~\\~]", "a");
    matches("x(?:ab)?", "x~xab", "xa");
    matches("x(?:ab){2}", "xabab", "xab~xabb");
    matches("a(?i)*", "~aa", "A");
    matches("(?:.{1}b)c", "xbc", "xb");
    matches("(?i)ks", "ks~KS~\xe2\x84\xaa\xc5\xbf", "k~xs");
    matches("(?i)[k-l]", "K~\xe2\x84\xaa~L", "j");
    matches("(?i)\\W", "!", "k~\xe2\x84\xaa");
    matches("(?i)\\p{Lu}", "A~a~\xc7\x85", "1");
    matches("(?i)\xcf\x83", "\xcf\x83~\xcf\x82~\xce\xa3", "s");
    matches("(?i)\xc3\x9f", "\xe1\xba\x9e", "ss");
    matches("\\p{Lt}", "\xc7\x85", "A");
    matches("\\pC", "\x01~\xc2\xad", "a~\xcd\xb8");
    matches("\\p{greek}", "\xce\xb1", "a");
    matches("[^\\x00-\\x{10FFFF}]|a", "a", "b~");
    matches("[[:space:]]", "\v~ ", "a");
    matches("[[:^space:]\\d]", "a~1", " ");
    matches("(?m)^a$", "a", "a\n~\na");
    matches("(?m).*^b", "b~a\nb", "ab");
    matches("\\b.*\\b", "a b", " a~a ~");
    matches("\\B.*\\B", " a ~", "a");
    matches("\xef\xbf\xbd+.", "\xef\xbf\xbd\xff~\xff\xff", "a");
    matches("(((x{10}){10}){10}){0}", "", "x");
    matches("(?:(x{1000}){0}y){2}", "yy", "y");
    matches("a|(b(c|(d(e|(f(g|(h(i|j*)+)+)+)+)+)+)+)+", "a~bc~bdfhi", "~b");
}


static void
errors(void)
{
    refused("(", "missing closing ): `(`");
    refused("foo(bar", "missing closing ): `foo(bar`");
    refused("a)", "unexpected ): `a)`");
    refused("[a", "missing closing ]: `[a`");
    refused("x[]", "missing closing ]: `[]`");
    refused("[z-a]", "invalid character class range: `z-a`");
    refused("[[:foo:]]", "invalid character class range: `[:foo:]`");
    refused("\\p{Foo}", "invalid character class range: `\\p{Foo}`");
    refused("\\p", "invalid character class range: `\\p`");
    refused("*", "missing argument to repetition operator: `*`");
    refused("a|+", "missing argument to repetition operator: `+`");
    refused("(*a)", "missing argument to repetition operator: `*`");
    refused("(?i)*", "missing argument to repetition operator: `*`");
    refused("a**", "invalid nested repetition operator: `**`");
    refused("a*+", "invalid nested repetition operator: `*+`");
    refused("a{2}{3}", "invalid nested repetition operator: `{2}{3}`");
    refused("a{1001}", "invalid repeat count: `{1001}`");
    refused("a{2,1}", "invalid repeat count: `{2,1}`");
    refused("(a{100}){11}", "invalid repeat count: `{11}`");
    refused("\\", "trailing backslash at end of expression: ``");
    refused("[\\", "trailing backslash at end of expression: ``");
    refused("\\C", "invalid escape sequence: `\\C`");
    refused("\\Z", "invalid escape sequence: `\\Z`");
    refused("(a)\\1", "invalid escape sequence: `\\1`");
    refused("\\8", "invalid escape sequence: `\\8`");
    refused("\\y", "invalid escape sequence: `\\y`");
    refused("[\\b]", "invalid escape sequence: `\\b`");
    refused("\\x{110000}", "invalid escape sequence: `\\x{110000`");
    refused("(?=a)", "invalid or unsupported Perl syntax: `(?=`");
    refused("(?!a)", "invalid or unsupported Perl syntax: `(?!`");
    refused("(?>a)", "invalid or unsupported Perl syntax: `(?>`");
    refused("(?#x)", "invalid or unsupported Perl syntax: `(?#`");
    refused("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`");
    refused("(?<=a)b", "invalid named capture: `(?<=a)b`");
    refused("(?P<a", "invalid named capture: `(?P<a`");
    refused("(?P<a b>c)", "invalid named capture: `(?P<a b>`");
    refused("(?P=a)", "invalid or unsupported Perl syntax: `(?P`");
    refused("a\xff", "invalid UTF-8: `a\xff`");
    refused("\\Qa", "missing closing ): `\\Qa`");
    refused("[[:s:]]", "invalid character class range: `[:s:]`");
}


/* many optional characters: states with all of them, each of its own */

static void
limits(void)
{
    int           rc;
    char          text[3001];
    size_t        i, total;
    phr_buf_t     b;
    phr_err_t     err;
    phr_regex_t  *re;

    phr_buf_init(&b, 0);

    for (i = 0; i < 60; i++) {
        phr_buf_puts(&b, "(.?[a-f]?){1000}");
    }

    rc = phr_regex_create(phr_buf_view(&b), &re, &err);
    is_int(rc, PHR_ELIMIT, "a program that is too large");
    is_str(err.text, "error parsing regexp: expression too large",
           "with RE2's words");

    phr_buf_reset(&b);

    for (i = 0; i < 15; i++) {
        phr_buf_puts(&b, "(.?[a-f]?){1000}");
    }

    phr_buf_puts(&b, "[=;]");

    rc = phr_regex_create(phr_buf_view(&b), &re, &err);
    is_int(rc, PHR_OK, "one that is large, but not too large");
    ok(phr_regex_memory(re) > 1000000, "needs memory");

    memset(text, 'a', 3000);
    text[3000] = '\0';
    is_int(phr_regex_match(re, phr_str_from(text, 3000)), PHR_ELIMIT,
           "and costs more than allowed on a long text");

    phr_buf_reset(&b);
    is_int(phr_regex_expand(re, phr_str_from(text, 3000), phr_str_of("$1"),
                            &b),
           PHR_ELIMIT, "the same where groups are wanted");
    is_int(phr_regex_match(re, phr_str_of("aa")), 0, "but not on a short one");
    phr_regex_destroy(re);

    /* more states than are kept */

    rc = phr_regex_create(phr_str_of("[ab]*a[ab]{14}c"), &re, &err);
    total = 0;
    srand(1);

    for (i = 0; rc == PHR_OK && i < 3000; i++) {
        text[i] = rand() & 64 ? 'a' : 'b';
    }

    for (i = 20; rc == PHR_OK && i < 3000; i++) {
        text[i] = 'c';
        rc = phr_regex_match(re, phr_str_from(text + i - 20, 21));

        if (rc != (text[i - 15] == 'a')) {
            rc = PHR_ERROR;
            break;
        }

        total += (size_t) rc;
        rc = PHR_OK;
        text[i] = rand() & 64 ? 'a' : 'b';
    }

    is_int(rc, PHR_OK, "states are dropped and made anew");
    ok(total > 1000, "with matches");
    phr_regex_destroy(re);
    phr_buf_free(&b);
}


int
main(void)
{
    int             i;
    char            deep[600];
    phr_buf_t       b;
    phr_err_t       err;
    phr_regex_t    *re;
    phr_label_t     l[2];
    phr_labels_t    ls;
    phr_matcher_t   m[4];

    syntax();
    errors();

    memset(deep, '(', 300);
    memset(deep + 300, ')', 299);
    deep[599] = '\0';
    is_int(phr_regex_create(phr_str_from_c(deep), &re, &err), PHR_EPARSE,
           "deep nesting is refused");

    literals("foo", "foo", "foo");
    literals("", "", "");
    literals("a|b|a", "a,b", "");
    literals("(a|b)", "a,b", "");
    literals("x(a|b)y", "xay,xby", "x");
    literals("(?:x|y)-(?:1|2)", "x-1,x-2,y-1,y-2", "");
    literals("https?", "https,http", "http");
    literals("[ab]c", "ac,bc", "");
    literals("^a\\.b$", "a.b", "a.b");
    literals("(?i)a", "A,a", "");
    literals("foo.*", "(none)", "foo");
    literals("foo(a|b).*", "(none)", "foo");
    literals("(foo|for)x+|fob.*", "(none)", "fo");
    literals("foo[0-9]+x", "(none)", "foo");
    literals("a|b.*", "(none)", "");
    literals("a+", "(none)", "a");

    expands("(.*)", "abc", "$1", "abc");
    expands("(.*)", "abc", "x${1}y${0}z$$", "xabcyabcz$");
    expands("abc", "abc", "$0-$1", "abc-");
    expands("(a|b)", "b", "$1", "b");
    expands("(.*):(\\d+)", "host:80", "$2/$1", "80/host");
    expands("(.*):(\\d+)", "host", "$1", NULL);
    expands("(?P<h>.*):(?P<p>\\d+)", "host:80", "${p}-$h", "80-host");
    expands("(a)|(b)", "b", "[$1$2]", "[b]");
    expands("(a)", "a", "$1x", "");
    expands("(a)", "a", "${1}x", "ax");
    expands("(a)", "a", "$ $- ${1 $", "$ $- ${1 $");
    expands("foo(bar|baz)", "foobaz", "$1", "baz");
    expands("(a*)(b*)", "aab", "$1,$2,$3", "aa,b,");
    expands("(a|ab)(c|bcd)(d*)", "abcd", "$1,$2,$3", "a,bcd,");
    expands("(?:(a)|b)*", "ab", "<$1>", "<a>");
    expands("(a*)*", "aa", "<$1>", "<aa>");
    expands("(a*)+", "aa", "<$1>", "<aa>");
    expands("(|a)*", "aa", "<$1>", "<a>");
    expands("(|a)+", "aa", "<$1>", "<a>");
    expands("(a+?)(a*)", "aaa", "$1,$2", "a,aa");
    expands("(?U)(a+)(a*)", "aaa", "$1,$2", "a,aa");
    expands("(a){2,3}(.*)", "aaab", "$1,$2", "a,b");
    expands("(?P<n>a)|(?P<n>b)", "b", "$n", "b");
    expands("(a)(b)(c)(d)(e)", "abcde", "$5$1", "ea");
    expands("^(.*)$", "abc", "$1", "abc");
    expands("(?P<n>a)", "a", "$n\xc3\xa9-$n-${n}", "-a-a");
    expands("(x)(.*)", "x\xff", "$2", "\xff");

    catastrophic("(a+)+$", 'a', "!", 0);
    catastrophic("(a+)+", 'a', "", 1);
    catastrophic("(a|aa)+", 'a', "", 1);
    catastrophic("(a|aa)+", 'a', "b", 0);
    catastrophic("(a|a)*b?", 'a', "c", 0);
    catastrophic("(.*)(.*)(.*)x", 'a', "", 0);
    catastrophic("(x+x+)+y", 'x', "", 0);
    catastrophic("(x|x|x)*y", 'x', "", 0);
    catastrophic(".*.*.*=.*", 'x', "", 0);
    catastrophic("[0-9]{1,500}([0-9]|x)*", '1', "", 1);
    catastrophic(".*a.{12}", 'a', "", 1);

    limits();

    ok(phr_oom_run(compile, "a(b|c)[de]+|(?P<n>f)") > 5,
       "out of memory is reported");
    ok(phr_oom_run(compile, "a|b|c|d|e|f|g|h|i|j|k") > 5,
       "also for sets");

    l[0].name = phr_str_of("a");
    l[0].value = phr_str_of("xyz");
    ls.l = l;
    ls.n = 1;

    phr_matcher_init(&m[0], PHR_MATCH_EQ, phr_str_of("a"), phr_str_of("xyz"),
                     NULL);
    phr_matcher_init(&m[1], PHR_MATCH_NE, phr_str_of("b"), phr_str_of("x"),
                     NULL);
    phr_matcher_init(&m[2], PHR_MATCH_RE, phr_str_of("b"), phr_str_of(".*"),
                     NULL);
    phr_matcher_init(&m[3], PHR_MATCH_NRE, phr_str_of("a"),
                     phr_str_of("x.\"?"), NULL);
    ok(phr_matchers_match(m, 4, ls), "all matchers hold");
    l[0].value = phr_str_of("xy");
    ok(!phr_matchers_match(m, 4, ls), "not all do");
    ok(phr_matchers_match(m + 1, 2, ls), "a missing label is empty");
    ok(!phr_matchers_match(m + 3, 1, ls), "!~");

    phr_buf_init(&b, 0);
    phr_matcher_format(&b, &m[3]);
    is_str(phr_buf_cstr(&b), "a!~\"x.\\\"?\"", "printed");
    phr_buf_free(&b);

    for (i = 0; i < 4; i++) {
        phr_matcher_destroy(&m[i]);
    }

    is_int(phr_matcher_init(&m[0], PHR_MATCH_RE, phr_str_of("a"),
                            phr_str_of("("), &err), PHR_EPARSE,
           "a bad regex");

    return done_testing();
}
