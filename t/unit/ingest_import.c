/*
 * Copyright (C) The Pharos Authors
 *
 * Import: lines of JSON and expositions with times become samples; what is
 * wrong is refused by line.
 */

#include "ingest/import.h"

#include <math.h>

#include "recapp.h"
#include "tap.h"


#define M   "{\"metric\":{\"__name__\":\"a\"},"
#define V   "\"values\":[1],"
#define T   "\"timestamps\":[5]}"


static recapp_t  *app;
static int        nwrites;
static int        nlast;
static int        fail_at;          /* the write that fails, from 1 */


static int
write_batch(void *data, phr_import_batch_t *b, phr_err_t *err)
{
    nwrites++;
    nlast += b->last;

    if (nwrites == fail_at) {
        return phr_err_set(err, PHR_ENOSPC, "made to fail");
    }

    return phr_import_append(b, &app->app, err);
}


static int
import(phr_import_format_e format, const char *body, size_t len,
    phr_import_report_t *r, phr_err_t *err)
{
    phr_import_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    conf.format = format;
    conf.now_ms = 777;
    conf.write = write_batch;

    nwrites = 0;
    nlast = 0;
    phr_err_init(err);

    return phr_import(&conf, phr_str_from(body, len), r, err);
}


/* all that was appended, and is forgotten now: series time value|... */
static const char *
taken(void)
{
    size_t            i;
    recapp_sample_t  *s;

    static phr_buf_t  b;

    phr_buf_reset(&b);

    for (i = 0; i < app->nsamples; i++) {
        s = &app->samples[i];

        phr_buf_printf(&b, "%s %lld ", app->series[s->sid].name,
                       (long long) s->t_ms);

        if (phr_is_stale(s->v)) {
            phr_buf_puts(&b, "stale|");

        } else {
            phr_buf_printf(&b, "%.17g|", s->v);
        }
    }

    app->nsamples = 0;

    for (i = 0; i < app->nseries; i++) {
        app->series[i].last_ms = INT64_MIN;
    }

    return phr_buf_cstr(&b);
}


static void
good_lines(void)
{
    size_t               i;
    phr_err_t            err;
    phr_import_report_t  r;

    static const struct {
        const char  *body;
        const char  *want;
    } cases[] = {
        { "", "" },
        { "\n \r\n", "" },
        { M V T, "a 5 1|" },
        { M V T "\r\n", "a 5 1|" },
        { " " M " " V " " T " \n\n" M V T, "a 5 1|a 5 1|" },
        { "{\"timestamps\":[-5,1],\"values\":[1,2],"
          "\"metric\":{\"b\":\"c\",\"__name__\":\"a\"}}",
          "a{b=\"c\"} -5 1|a{b=\"c\"} 1 2|" },
        { M "\"values\":[-0,0.5,1e3,2E-1,null,\"NaN\",\"Infinity\","
          "\"-Infinity\",\"StaleNaN\"],"
          "\"timestamps\":[1,2,3,4,5,6,7,8,9]}",
          "a 1 -0|a 2 0.5|a 3 1000|a 4 0.20000000000000001|a 5 nan|a 6 nan|"
          "a 7 inf|a 8 -inf|a 9 stale|" },
        { M "\"values\":[+Inf,-Inf],\"timestamps\":[1,2]}",
          "a 1 inf|a 2 -inf|" },
        { M "\"values\":[9007199254740993],\"timestamps\":[5]}",
          "a 5 9007199254740992|" },
        { M "\"x\":{\"y\":[1,{\"z\":\"]}\"},null],\"w\":true}," V T,
          "a 5 1|" },
        { M "\"x\":12e," V T, "a 5 1|" },
        { "{\"metric\":{\"__name__\":\"a\",\"b\":\"\",\"c\":"
          "\"\\u00e9\\ud83d\\ude00\\n\\\"\\\\\\/\\ud800\"}," V T,
          "a{c=\"\xc3\xa9\xf0\x9f\x98\x80\\n\\\"\\\\/\xef\xbf\xbd\"} 5 1|" },
        { "{\"metric\":{\"__name__\":\"a\",\"b\\u002Ec\":\"d\"}," V T,
          "a{\"b.c\"=\"d\"} 5 1|" },
    };

    for (i = 0; i < phr_nelems(cases); i++) {
        is_int(import(PHR_IMPORT_JSON, cases[i].body, strlen(cases[i].body),
                      &r, &err), PHR_OK, "good %zu: %s", i, err.text);
        is_str(taken(), cases[i].want, "good %zu: what was appended", i);
        is_int(r.nstored, r.nsamples, "good %zu: all is stored", i);
        is_int(nlast, r.nsamples > 0, "good %zu: one batch is the last", i);
    }
}


static void
bad_lines(void)
{
    size_t               i;
    phr_err_t            err;
    phr_buf_t            b;
    phr_import_report_t  r;

    static const char *const  cases[] = {
        "x", "{", "[]", "{}", "null", "\"a\"", "{\"metric\"",
        M V, M V "\"timestamps\":[5]", M V "\"timestamps\":[5]]",
        M V T "}", M V T "x",
        M V "\"timestamps\":[5,]}", M V "\"timestamps\":[,5]}",
        M V "\"timestamps\":[5.0]}", M V "\"timestamps\":[5e0]}",
        M V "\"timestamps\":[\"5\"]}", M V "\"timestamps\":[null]}",
        M V "\"timestamps\":[9223372036854775808]}",
        M V "\"timestamps\":[5,6]}", M V "\"timestamps\":[]}",
        M "\"values\":[]," "\"timestamps\":[]}", M V "\"timestamps\":5}",
        M "\"values\":[1,2]," T, M "\"values\":1," T, M T, V,
        M V V T, M M V T,
        M "\"values\":[1e999]," T, M "\"values\":[01]," T,
        M "\"values\":[1.]," T, M "\"values\":[.5]," T,
        M "\"values\":[+1]," T, M "\"values\":[1e]," T,
        M "\"values\":[0x1]," T, M "\"values\":[NaN]," T,
        M "\"values\":[nul]," T, M "\"values\":[\"1\"]," T,
        M "\"values\":[true]," T, M "\"values\":[--1]," T,
        M "\"values\":[\"inf" "\"]," T, M "\"values\":[Inf]," T,
        M "\"values\":[+Infinity]," T, M "\"values\":[-In", M "\"values\":[+",
        "{\"metric\":{}," V T, "{\"metric\":{\"b\":\"c\"}," V T,
        "{\"metric\":{\"__name__\":\"\"}," V T,
        "{\"metric\":{\"__name__\":1}," V T,
        "{\"metric\":[\"__name__\"]," V T,
        "{\"metric\":{\"__name__\":\"a\",\"\":\"c\"}," V T,
        "{\"metric\":{\"__name__\":\"a\",\"__name__\":\"b\"}," V T,
        "{\"metric\":{\"__name__\":\"a\xff\"}," V T,
        "{\"metric\":{\"__name__\":\"a\\x\"}," V T,
        "{\"metric\":{\"__name__\":\"a\\u12\"}," V T,
        "{\"metric\":{\"__name__\":\"a\\", "{\"metric\":{\"__name__\":\"a\\\"",
        "{\"metric\":{\"__name__\":\"a\tb\"}," V T,
        "{\"x\":[}," M V T, "{\"x\":," V T, "{\"x\":[:]}", "{\"x\":{]}",
    };

    for (i = 0; i < phr_nelems(cases); i++) {
        phr_buf_init(&b, 0);
        phr_buf_printf(&b, "%s\n\n%s\n%s\n", M V T, cases[i], M V T);

        is_int(import(PHR_IMPORT_JSON, b.data, b.len, &r, &err), PHR_EPARSE,
               "bad %zu is refused: %s", i, err.text);
        is_int(err.line, 3, "bad %zu: the line is known", i);
        is_str(taken(), "a 5 1|", "bad %zu: what came before is there", i);
        is_int(r.nstored, 1, "bad %zu: and counted", i);

        phr_buf_free(&b);
    }
}


static void
deep(void)
{
    int                  i;
    phr_err_t            err;
    phr_buf_t            b;
    phr_import_report_t  r;

    phr_buf_init(&b, 0);
    phr_buf_puts(&b, "{\"x\":");

    for (i = 0; i < 100000; i++) {
        phr_buf_putc(&b, '[');
    }

    is_int(import(PHR_IMPORT_JSON, b.data, b.len, &r, &err), PHR_EPARSE,
           "nested too deeply: %s", err.text);
    phr_buf_free(&b);

    /* the NUL is no end */
    is_int(import(PHR_IMPORT_JSON, "{\"x\":[\0]}", 9, &r, &err), PHR_EPARSE,
           "a NUL");
}


static void
texts(void)
{
    size_t               i;
    phr_err_t            err;
    phr_import_report_t  r;

    static const struct {
        phr_import_format_e   format;
        int                   rc;
        unsigned              line;
        const char           *body;
        const char           *want;
    } cases[] = {
        { PHR_IMPORT_TEXT, PHR_OK, 0,
          "# HELP a b\n# TYPE a counter\na 1 5\na 2 6\nb{c=\"d\"} 3\n",
          "a 5 1|a 6 2|b{c=\"d\"} 777 3|" },
        { PHR_IMPORT_TEXT, PHR_OK, 0, "a 1 5\na 2 4\n", "a 5 1|a 4 2|" },
        { PHR_IMPORT_TEXT, PHR_EPARSE, 3, "a 1 5\n\na x\na 3 9\n",
          "a 5 1|" },
        { PHR_IMPORT_TEXT, PHR_OK, 0,
          "# TYPE h histogram\nh_bucket{le=\"1\"} 2 5\n",
          "h_bucket{le=\"1.0\"} 5 2|" },
        { PHR_IMPORT_OPENMETRICS, PHR_OK, 0,
          "# TYPE a counter\na_total 1 5\na_total 2 5.5\n# EOF\n",
          "a_total 5000 1|a_total 5500 2|" },
        { PHR_IMPORT_OPENMETRICS, PHR_EPARSE, 0, "a 1 5\n",
          "a 5000 1|" },
    };

    for (i = 0; i < phr_nelems(cases); i++) {
        is_int(import(cases[i].format, cases[i].body, strlen(cases[i].body),
                      &r, &err), cases[i].rc, "text %zu: %s", i, err.text);
        is_str(taken(), cases[i].want, "text %zu: what was appended", i);

        if (cases[i].line) {
            is_int(err.line, cases[i].line, "text %zu: the line", i);
        }
    }
}


/* more than a batch in one line, and in many */
static void
batches(void)
{
    int                  i, n;
    phr_err_t            err;
    phr_buf_t            b;
    phr_import_report_t  r;

    n = PHR_IMPORT_BATCH + PHR_IMPORT_BATCH / 2;
    phr_buf_init(&b, 0);
    phr_buf_puts(&b, M "\"values\":[0");

    for (i = 1; i < n; i++) {
        phr_buf_printf(&b, ",%d", i);
    }

    phr_buf_puts(&b, "],\"timestamps\":[0");

    for (i = 1; i < n; i++) {
        phr_buf_printf(&b, ",%d", i);
    }

    phr_buf_puts(&b, "]}\n");

    is_int(import(PHR_IMPORT_JSON, b.data, b.len, &r, &err), PHR_OK,
           "a long line: %s", err.text);
    is_int(nwrites, 2, "is two batches");
    is_int(nlast, 1, "one of them is the last");
    is_int(r.nstored, n, "and all is stored");

    for (i = 0; i < (int) app->nsamples; i++) {
        if (app->samples[i].t_ms != i || app->samples[i].v != i) {
            break;
        }
    }

    is_int(i, n, "in order");
    app->nsamples = 0;

    fail_at = 2;
    is_int(import(PHR_IMPORT_JSON, b.data, b.len, &r, &err), PHR_ENOSPC,
           "the second write fails");
    is_int(r.nstored, PHR_IMPORT_BATCH, "what the first stored is known");
    fail_at = 0;
    app->nsamples = 0;

    phr_buf_reset(&b);

    for (i = 0; i < PHR_IMPORT_BATCH; i++) {
        phr_buf_printf(&b, "b %d %d\nc %d %d\n", i, i, i, i);
    }

    is_int(import(PHR_IMPORT_TEXT, b.data, b.len, &r, &err), PHR_OK,
           "many lines: %s", err.text);
    is_int(nwrites, 2, "are two batches, and none is empty");
    is_int(nlast, 1, "the second is the last");
    is_int(r.nstored, 2 * PHR_IMPORT_BATCH, "and all is stored");

    app->nsamples = 0;
    phr_buf_free(&b);
}


static void
refused(void)
{
    phr_err_t            err;
    phr_import_report_t  r;

    static const char  body[] =
        "full 1 1\nx 1 10\nx 2 10\nfull 3 3\nfull{a=\"b\"} 3 3\nx 4 11\n";

    app->max_series = app->nseries + 2;

    is_int(import(PHR_IMPORT_TEXT, body, sizeof(body) - 1, &r, &err), PHR_OK,
           "samples are refused one by one");
    is_int(r.nduplicates, 1, "another value at the same time");
    is_int(r.nover_series, 1, "a series too many");
    is_int(r.nstored, 4, "the others are stored");
    is_str(taken(), "full 1 1|x 10 1|full 3 3|x 11 4|",
           "each as what it was");
}


int
main(void)
{
    app = recapp_create();

    good_lines();
    bad_lines();
    deep();
    texts();
    batches();
    refused();

    recapp_destroy(app);

    return done_testing();
}
