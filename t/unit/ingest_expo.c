/*
 * Copyright (C) The Pharos Authors
 *
 * Both text formats: what is accepted, with which labels and values, and
 * what is refused.  The cases are those of Prometheus's own parser tests.
 */

#include <math.h>

#include "ingest/exposition.h"

#include "tap.h"


static void accepts(const char *body, const char *want);
static void accepts_om(const char *body, const char *want);
static void refuses(const char *body, const char *text);
static void refuses_om(const char *body, const char *text);
static void run(phr_expo_format_e format, phr_str_t body, phr_buf_t *out,
    phr_err_t *err);
static void like(const char *metric, const char *line, int same);
static void number(const char *text, double want);


/* each event as one line: what a reader needs to see it was understood */

static void
run(phr_expo_format_e format, phr_str_t body, phr_buf_t *out, phr_err_t *err)
{
    int           rc;
    phr_expo_t    p;
    phr_arena_t  *arena;
    phr_labels_t  ls;

    arena = phr_arena_create(0);
    phr_err_init(err);
    phr_expo_init(&p, format, body);

    while ((rc = phr_expo_next(&p, err)) == PHR_OK) {

        switch (p.event) {

        case PHR_EXPO_SAMPLE:
            if (phr_expo_labels(&p, arena, &ls, err) != PHR_OK) {
                goto done;
            }

            phr_labels_format(out, ls);
            phr_buf_printf(out, " %.17g", p.value);

            if (p.has_t) {
                phr_buf_printf(out, " @%" PRId64, p.t_ms);
            }

            if (p.has_exemplar) {
                phr_buf_printf(out, " ex %zu %g", p.exemplar_pairs.nelts,
                               p.exemplar_value);
                if (p.has_exemplar_t) {
                    phr_buf_printf(out, " @%" PRId64, p.exemplar_t_ms);
                }
            }
            break;

        case PHR_EXPO_TYPE:
            phr_buf_printf(out, "type %.*s %s", (int) p.name.len, p.name.data,
                           phr_metric_type_text(p.type));
            break;

        case PHR_EXPO_HELP:
        case PHR_EXPO_UNIT:
            phr_buf_printf(out, "%s %.*s ",
                           p.event == PHR_EXPO_HELP ? "help" : "unit",
                           (int) p.name.len, p.name.data);
            phr_buf_str(out, phr_expo_unescape(&p, arena, p.text));
            break;

        case PHR_EXPO_COMMENT:
            phr_buf_puts(out, "comment");
            break;
        }

        phr_buf_putc(out, '|');
    }

    if (rc != PHR_DONE && err->code == PHR_OK) {
        err->code = rc;
    }

done:

    phr_expo_free(&p);
    phr_arena_destroy(arena);
}


static void
check(phr_expo_format_e format, const char *body, size_t len,
    const char *want, const char *text)
{
    char       copy[512], *exact, *c;
    phr_buf_t  out;
    phr_err_t  err;

    /* a copy of exact size, so that the sanitizer sees a read beyond */
    exact = malloc(len ? len : 1);
    memcpy(exact, body, len);

    snprintf(copy, sizeof(copy), "%s", body);

    for (c = copy; *c; c++) {
        if (*c == '\n') {
            *c = '~';
        }
    }

    phr_buf_init(&out, 0);
    run(format, phr_str_from(exact, len), &out, &err);

    if (text == NULL) {
        is_str(err.code ? err.text : phr_buf_cstr(&out), want, "accepts %s",
               copy);
    } else {
        ok(err.code != PHR_OK && strstr(err.text, text) != NULL
           && err.line != 0, "refuses %s", copy);
        if (err.code == PHR_OK || strstr(err.text, text) == NULL) {
            printf("# got \"%s\" %u\n", err.text, err.line);
        }
    }

    phr_buf_free(&out);
    free(exact);
}


static void
accepts(const char *body, const char *want)
{
    check(PHR_EXPO_TEXT, body, strlen(body), want, NULL);
}


static void
accepts_om(const char *body, const char *want)
{
    check(PHR_EXPO_OPENMETRICS, body, strlen(body), want, NULL);
}


static void
refuses(const char *body, const char *text)
{
    check(PHR_EXPO_TEXT, body, strlen(body), NULL, text);
}


static void
refuses_om(const char *body, const char *text)
{
    check(PHR_EXPO_OPENMETRICS, body, strlen(body), NULL, text);
}


static void
like(const char *metric, const char *line, int same)
{
    int         rc;
    phr_err_t   err;
    phr_expo_t  p, q;

    phr_expo_init(&p, PHR_EXPO_TEXT, phr_str_from_c(line));
    phr_expo_init(&q, PHR_EXPO_TEXT, phr_str_from_c(line));

    rc = phr_expo_next_like(&p, metric, strlen(metric), &err);

    ok(rc == phr_expo_next(&q, &err)
       && (rc != PHR_OK
           || (p.same == same && p.pos == q.pos && p.has_t == q.has_t
               && p.metric_len == q.metric_len
               && phr_double_bits(p.value) == phr_double_bits(q.value))),
       "\"%s\" %s \"%s\"", line, same ? "goes on from" : "is not", metric);

    phr_expo_free(&p);
    phr_expo_free(&q);
}


static void
number(const char *text, double want)
{
    char        line[128];
    phr_err_t   err;
    phr_expo_t  p;

    snprintf(line, sizeof(line), "a %s\n", text);
    phr_expo_init(&p, PHR_EXPO_TEXT, phr_str_from_c(line));

    ok(phr_expo_next(&p, &err) == PHR_OK
       && phr_double_bits(p.value) == phr_double_bits(want),
       "%s is %.17g", text, want);

    phr_expo_free(&p);
}


static void
numbers(void)
{
    int         i, bad;
    char        text[64], line[80], *end;
    double      v;
    uint64_t    seed;
    phr_err_t   err;
    phr_expo_t  p;

    number("0", 0.0);
    number("-0", -0.0);
    number("+1", 1);
    number(".5", 0.5);
    number("5.", 5);
    number("1e3", 1000);
    number("1.5134960191e+10", 15134960191.0);
    number("-2.5e-07", -2.5e-07);
    number("1e22", 1e22);
    number("1e23", 1e23);
    number("1.5e-22", 1.5e-22);
    number("9007199254740991e22", 9007199254740991e22);
    number("1E+06", 1e6);
    number("1e0000003", 1000);
    number("1.7976931348623157e308", 1.7976931348623157e308);
    number("9007199254740993", 9007199254740992.0);
    number("0.1", 0.1);
    number("0.30000000000000004", 0.30000000000000004);
    number("123456789.123456789", 123456789.123456789);
    number("5e-324", 5e-324);
    number("+Inf", INFINITY);
    number("-inf", -INFINITY);
    number("Infinity", INFINITY);
    number("NaN", phr_double_from_bits(PHR_NORMAL_NAN_BITS));
    number("nan", phr_double_from_bits(PHR_NORMAL_NAN_BITS));
    refuses("a +NaN", "invalid number");
    refuses("a 0x1f", "unsupported character");
    refuses("a 1e", "invalid number");
    refuses("a 1e+", "invalid number");
    refuses("a e5", "invalid number");
    refuses("a 1e5e5", "invalid number");
    refuses("a 1e5.5", "invalid number");
    refuses("a .", "invalid number");
    refuses("a -", "invalid number");
    refuses("a 1e999", "invalid number");

    bad = 0;
    seed = 42;

    for (i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        snprintf(text, sizeof(text), i % 2 ? "%s%.*f" : "%s%.*e",
                 seed >> 63 ? "-" : "", (int) (seed >> 20) % 12,
                 (double) (seed >> 40) / (double) (1 + (seed & 0xffff)));
        v = strtod(text, &end);
        snprintf(line, sizeof(line), "a %s\n", text);
        phr_expo_init(&p, PHR_EXPO_TEXT, phr_str_from_c(line));
        bad += phr_expo_next(&p, &err) != PHR_OK
               || phr_double_bits(p.value) != phr_double_bits(v);
        phr_expo_free(&p);
    }

    is_int(bad, 0, "20000 decimals read as strtod() reads them");
}


static void
text_format(void)
{
    accepts("", "");
    accepts("\n\n", "");
    accepts("a 1", "a 1|");
    accepts("a 1\n", "a 1|");
    accepts("a\t1 ", "a 1|");
    accepts("  a 1\n", "a 1|");
    accepts("a 1 123\n", "a 1 @123|");
    accepts("a{b=\"c\"}1\n", "a{b=\"c\"} 1|");
    accepts("a { b = \"c\" , } 1\n", "a{b=\"c\"} 1|");
    accepts("a{b=\"c\" d=\"e\"} 1\n", "a{b=\"c\", d=\"e\"} 1|");
    accepts("a{z=\"1\",b=\"2\"} 1\n", "a{b=\"2\", z=\"1\"} 1|");
    accepts("a{} 1\n", "a 1|");
    accepts("a{b=\"\"} 1\n", "a 1|");
    accepts("a{b=\"x\ny\"} 1\nc 2\n", "a{b=\"x\\ny\"} 1|c 2|");
    accepts("a{b=\"\\\\\\n\\\"\\x\"} 1\n",
            "a{b=\"\\\\\\n\\\"\\\\x\"} 1|");
    accepts("{\"a.b\"} 1\n", "{\"a.b\"} 1|");
    accepts("{\"a.b\",\"c d\"=\"e\"} 1\n", "{\"a.b\", \"c d\"=\"e\"} 1|");
    accepts("{\"c d\"=\"e\", \"a\"} 1\n", "a{\"c d\"=\"e\"} 1|");
    accepts("# HELP a what\\nit \\\\ \\\" is\n",
            "help a what\nit \\ \\\" is|");
    accepts("# HELP a\n", "help a |");
    accepts("# HELP a   \n", "help a |");
    accepts("#  HELP  a  x", "help a  x|");
    accepts("# HELP \"a b\" x\n", "help a b x|");
    accepts("# TYPE a counter\na 1\n", "type a counter|a 1|");
    accepts("# TYPE a untyped\n", "type a unknown|");
    accepts("# HELPME a\n#HELP a\n#\n# \n#x", "comment|comment|comment|"
            "comment|comment|");
    accepts("# EOF\n", "comment|");
    accepts("# TYPE a histogram\na_bucket{le=\"1\"} 1\n"
            "a_bucket{le=\"+Inf\"} 1\n", "type a histogram|"
            "a_bucket{le=\"1.0\"} 1|a_bucket{le=\"+Inf\"} 1|");
    accepts("# TYPE a summary\na{quantile=\"0.50\"} 1\n",
            "type a summary|a{quantile=\"0.5\"} 1|");
    accepts("a{le=\"1\"} 1\n", "a{le=\"1\"} 1|");
    check(PHR_EXPO_TEXT, "a 1\n\0b 2\n", 9, "a 1|", NULL);
    check(PHR_EXPO_TEXT, "a{b=\"\0ss\"} 1", 12, "a{b=\"\\x00ss\"} 1|", NULL);

    refuses("a", "expected value after metric");
    refuses("a{b='c'} 1\n", "expected label value");
    refuses("a{b=\n", "expected label value");
    refuses("a{\xff=\"foo\"} 1\n", "expected label name");
    refuses("a{b=\"\xff\"} 1\n", "invalid UTF-8 label value");
    refuses("{\"a\xff\"} 1\n", "not valid UTF-8");
    refuses("{\"a\", \"b = \"c\"}", "expected equal");
    refuses("{\"a\",b\\nc=\"d\"} 1", "expected equal");
    refuses("a true\n", "invalid number");
    refuses("something_weird{problem=\"", "expected label value");
    refuses("empty_label_name{=\"\"} 0", "expected label name");
    refuses("{A}0", "expected equal");
    refuses("foo 1_2\n", "unsupported character in float");
    refuses("foo 0x1p-3\n", "unsupported character in float");
    refuses("foo 0 1_2\n", "expected next entry after timestamp");
    refuses("foo 0 -1\n", "expected timestamp or new record");
    refuses("foo 0 99999999999999999999\n", "invalid timestamp");
    refuses("foo 1{\n", "expected timestamp");
    refuses("foo 1\r\n", "invalid number");
    refuses("{a=\"ok\"} 1", "metric name not set");
    refuses("a{\"b\"} 1", "metric name already set");
    refuses("a{b=\"1\",,c=\"2\"} 1", "expected label name");
    refuses("a{b=\"1\",b=\"2\"} 1", "not unique");
    refuses("9a 1", "expected a valid start token");
    refuses("# TYPE #\n", "expected metric name after TYPE");
    refuses("# HELP #\n", "expected metric name after HELP");
    refuses("# TYPE a\n", "invalid metric type");
    refuses("# TYPE a  counter\n", "invalid metric type");
    refuses("# TYPE a counter \n", "invalid metric type");
    refuses("# TYPE a info\n", "invalid metric type");
    refuses("# HELP a \xff\n", "not valid UTF-8");
}


static void
openmetrics(void)
{
    accepts_om("# EOF", "");
    accepts_om("# EOF\n", "");
    accepts_om("a 1\n# EOF\n", "a 1|");
    accepts_om("a 1 1.5\n# EOF\n", "a 1 @1500|");
    accepts_om("a{b=\"c\",} 1\n# EOF\n", "a{b=\"c\"} 1|");
    accepts_om("{\"a.b\",\"c d\"=\"e\"} 1\n# EOF\n",
               "{\"a.b\", \"c d\"=\"e\"} 1|");
    accepts_om("# TYPE a_seconds counter\n# UNIT a_seconds seconds\n"
               "# HELP a_seconds x\\\"y\na_seconds_total 1\n"
               "a_seconds_created 2\n# EOF\n",
               "type a_seconds counter|unit a_seconds seconds|"
               "help a_seconds x\"y|a_seconds_total 1|a_seconds_created 2|");
    accepts_om("# TYPE a stateset\n# TYPE b info\n# TYPE c gaugehistogram\n"
               "# TYPE d unknown\n# EOF", "type a stateset|type b info|"
               "type c gaugehistogram|type d unknown|");
    accepts_om("a 1 # {x=\"y\"} 0.5 1.25\n# EOF\n", "a 1 ex 1 0.5 @1250|");
    accepts_om("a 1 2 # {} 3\n# EOF\n", "a 1 @2000 ex 0 3|");
    accepts_om("# HELP a \n# EOF\n", "help a |");

    refuses_om("", "does not end with # EOF");
    refuses_om("\n", "expected a valid start token");
    refuses_om("metric", "expected value after metric");
    refuses_om("metric 1", "does not end with # EOF");
    refuses_om("metric 1\n", "does not end with # EOF");
    refuses_om("metric_total 1 # {aa=\"bb\"} 4", "does not end with # EOF");
    refuses_om("a\n#EOF\n", "expected value after metric");
    refuses_om(" a 1\n#EOF\n", "expected a valid start token");
    refuses_om("9\n#EOF\n", "expected a valid start token");
    refuses_om("# TYPE u untyped\n", "invalid metric type");
    refuses_om("# TYPE c counter \n", "invalid metric type");
    refuses_om("#  TYPE c counter\n", "expected a valid start token");
    refuses_om("# free\n# EOF\n", "expected a valid start token");
    refuses_om("# TYPE \n", "expected metric name");
    refuses_om("# TYPE m\n", "expected text");
    refuses_om("# UNIT metric suffix\n", "not a suffix");
    refuses_om("# UNIT metricsuffix suffix\n", "not a suffix");
    refuses_om("# UNIT m suffix\n", "not a suffix");
    refuses_om("a\t1\n#EOF\n", "expected value after metric");
    refuses_om("a {b=\"c\"} 1\n# EOF\n", "invalid number");
    refuses_om("a  1\n# EOF\n", "expected value after metric");
    refuses_om("a{b=\"c\"}1\n# EOF\n", "expected value after metric");
    refuses_om("a 1\t2\n# EOF\n", "expected next entry");
    refuses_om("a 1 2 \n# EOF\n", "expected next entry");
    refuses_om("a 1 2 #\n# EOF\n", "expected next entry");
    refuses_om("a 1 1z\n# EOF\n", "invalid number");
    refuses_om("a 1 NaN\n# EOF\n", "invalid timestamp");
    refuses_om("a 1 -Inf\n# EOF\n", "invalid timestamp");
    refuses_om("a 1 1 1\n# EOF\n", "expected next entry");
    refuses_om("# EOF\na 1", "unexpected data after # EOF");
    refuses_om("# EOF\n\n", "unexpected data after # EOF");
    refuses_om("# EOFa 1", "unexpected data after # EOF");
    refuses_om("a{,b=\"c\"} 1\n# EOF\n", "expected label name");
    refuses_om("a{b=\"c\"d=\"e\"} 1\n# EOF\n", "expected comma");
    refuses_om("a{b=\"c\", d=\"e\"} 1\n# EOF\n", "expected label name");
    refuses_om("a{b=\"x\ny\"} 1\n# EOF\n", "expected label value");
    refuses_om("a 1 # {aa=bb}\n# EOF\n", "expected label value");
    refuses_om("a 1 # {aa=\"bb\"}\n# EOF\n",
               "expected value after exemplar");
    refuses_om("a 1 # {\"bb\"} 1\n# EOF\n", "expected equal");
    refuses_om("a 1 # {a=\"b\"} 4 NaN\n# EOF\n", "invalid timestamp");
    refuses_om("{b=\"c\",} 1\n# EOF\n", "metric name not set");
}


int
main(void)
{
    phr_err_t  err;
    phr_buf_t  out;

    text_format();
    openmetrics();
    numbers();

    like("a", "a 1\n", 1);
    like("a", "a\t 1 5\n", 1);
    like("a", "a {b=\"c\"} 1\n", 0);
    like("a", "ab 1\n", 0);
    like("a{b=\"c\"}", "a{b=\"c\"} 7.25\n", 1);
    like("a{b=\"c\"}", "a{b=\"c\"}7\n", 1);
    like("a{b=\"c\"}", "a{b=\"d\"} 7\n", 0);
    like("a{b=\"c\"}", "a{b=\"c\"}\n", 1);
    like("a", "a", 0);

    phr_buf_init(&out, 0);
    run(PHR_EXPO_TEXT, phr_str_of("# x\na 1\n\nb{c=\"d\ne\"} 1\nd x\n"),
        &out, &err);
    is_int(err.line, 6, "an error names the line");
    is_int(err.column, 3, "and the column");
    phr_buf_free(&out);

    is_int(phr_expo_content_type(phr_str_of(
           "application/openmetrics-text; version=1.0.0; charset=utf-8")),
           PHR_EXPO_OPENMETRICS, "content type of OpenMetrics");
    is_int(phr_expo_content_type(phr_str_of("text/plain; version=0.0.4")),
           PHR_EXPO_TEXT, "content type of text");
    is_int(phr_expo_content_type(phr_str_of("application/openmetrics-textx")),
           PHR_EXPO_TEXT, "an unknown content type is text");

    return done_testing();
}
