/*
 * Copyright (C) The Pharos Authors
 *
 * Scrapes in protobuf, and of classic histograms that become native: what is
 * predicted, what ends, what a limit does, and memory that runs out.
 */

#include "core/alloc.h"
#include "ingest/append.h"
#include "ingest/lines.h"

#include "oom.h"
#include "pb.h"
#include "recapp.h"
#include "tap.h"


#define PROTOBUF  phr_str_of("application/vnd.google.protobuf")
#define TEXT      phr_str_of("text/plain")


static recapp_t              *rec;
static phr_scrape_t          *scrape;
static phr_scrape_options_t   opt;
static phr_scrape_report_t    rep;
static phr_err_t              err;
static int64_t                now;
static phr_buf_t              exposed;


static void
start(void)
{
    rec = recapp_create();
    phr_scrape_destroy(scrape);
    scrape = NULL;

    if (phr_scrape_create(&opt, &scrape, &err) != PHR_OK) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
}


static void
end(void)
{
    is_int(rec->twice, 0, "no row names a series twice");
    phr_scrape_destroy(scrape);
    scrape = NULL;
    recapp_destroy(rec);
    memset(&opt, 0, sizeof(opt));
    opt.honor_timestamps = 1;
    opt.histograms.native = 1;
}


static void
body_is(phr_str_t body, phr_str_t type, const char *want, const char *name)
{
    char  got[4096];

    now += 15000;
    phr_err_init(&err);

    is_int(phr_scrape_body(scrape, &rec->app, now, 0, body, type, &rep, &err),
           PHR_OK, "%s: appended", name);
    snprintf(got, sizeof(got), "%s", recapp_take(rec, now, "scrape_"));
    is_str(got, want, "%s", name);
}


/* a counter of v, and a histogram whose count and sum are v */

static void
expose(int v, int n)
{
    int        i;
    char       name[16];
    phr_buf_t  b, deltas;

    phr_buf_reset(&exposed);
    phr_buf_init(&b, 0);
    phr_buf_init(&deltas, 0);

    pb_double(&b, 1, v);
    pb_family(&exposed, "c", 0, 3, &b);

    for (i = 0; i < n; i++) {
        phr_buf_reset(&b);
        phr_buf_reset(&deltas);
        snprintf(name, sizeof(name), "h%d", i);

        pb_int(&b, 1, (uint64_t) v);
        pb_double(&b, 2, v);
        pb_int(&b, 5, phr_zigzag(3));
        pb_span(&b, 12, 1, 3);
        phr_buf_uvarint(&deltas, phr_zigzag(1));
        phr_buf_uvarint(&deltas, phr_zigzag(0));
        phr_buf_uvarint(&deltas, phr_zigzag(v - 3));
        pb_bytes(&b, 13, &deltas);
        pb_family(&exposed, name, 4, 7, &b);
    }

    phr_buf_free(&b);
    phr_buf_free(&deltas);
}


static void
prediction(void)
{
    int  i;

    start();

    expose(4, 2);
    body_is(phr_buf_view(&exposed), PROTOBUF,
            "c{x=\"1\"} 4|h0{x=\"1\"} 4|h1{x=\"1\"} 4|up 1|", "first");
    is_int(rep.nparsed, 3, "three series are new");

    for (i = 0; i < 40; i++) {
        expose(5 + i, 2);
        now += 15000;
        phr_scrape_body(scrape, &rec->app, now, 0, phr_buf_view(&exposed),
                        PROTOBUF, &rep, &err);

        if (rep.nparsed != 0 || rep.nscraped != 3) {
            break;
        }
    }

    is_int(i, 40, "then other values are no other lines");

    body_is(phr_buf_view(&exposed), PROTOBUF,
            "c{x=\"1\"} 44|h0{x=\"1\"} 44|h1{x=\"1\"} 44|up 1|", "the same");

    expose(50, 1);
    body_is(phr_buf_view(&exposed), PROTOBUF,
            "c{x=\"1\"} 50|h0{x=\"1\"} 50|h1{x=\"1\"} stale|up 1|",
            "one less");

    body_is(phr_str_of("\x05\x0a\x01" "c\x20"), PROTOBUF,
            "c{x=\"1\"} stale|h0{x=\"1\"} stale|up 0|", "cut short");
    is_int(rep.code, PHR_EPARSE, "is malformed");

    body_is(phr_str_of(""), PROTOBUF, "up 1|", "an empty one is good");
    body_is(phr_str_of("c{x=\"1\"} 2\n"), TEXT, "c{x=\"1\"} 2|up 1|",
            "and so is the text format");
    end();
}


static void
classic(void)
{
    static const char  text[] =
        "# HELP h It \\\\ \"is\".\n# TYPE h histogram\n"
        "h_bucket {le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 3\n"
        "h_sum 3\nh_count 3\n"
        "h_bucket{a=\"b\\n\",le=\"1\"} 1 5000\nh_sum{a=\"b\\n\"} 4 5000\n"
        "h_count{a=\"b\\n\"} 1 5000\nh_created 7\nhat 1\n"
        "# TYPE g gauge\ng_bucket{le=\"1\"} 1\n";

    phr_metadata_t  md;

    opt.histograms.convert = 1;
    start();

    body_is(phr_str_of(text), TEXT,
            "g_bucket{le=\"1\"} 1|h 3|h_created 7|hat 1|up 1|",
            "lines that follow each other");
    is_str(recapp_take(rec, 5000, NULL), "h{a=\"b\\n\"} 4|",
           "one with a time of its own");
    is_int(rep.nscraped, 5, "are a sample");
    is_int(phr_scrape_metadata_of(scrape, phr_str_of("h"), &md), PHR_OK,
           "metadata");
    ok(phr_str_eq(md.help, phr_str_of("It \\ \"is\".")), "with its help");

    body_is(phr_str_of(text), TEXT,
            "g_bucket{le=\"1\"} 1|h 3|h_created 7|hat 1|up 1|",
            "the same again");
    is_int(rep.nparsed, 0, "is predicted");

    body_is(phr_str_of("# TYPE h histogram\nh_sum 3\nh_count 2\n"
                       "h_bucket{le=\"2\"} 3\n"), TEXT,
            "g_bucket{le=\"1\"} stale|h stale|h_created stale|hat stale|"
            "up 1|", "counts that fall are left out");

    body_is(phr_str_of("# HELP \"\"'\n"), TEXT, "up 1|", "a help of nothing");
    body_is(phr_str_of("# TYPE h histogram\nh_sum 3\nh_count 2\nh x\n"), TEXT,
            "up 0|", "a bad line");
    is_int(err.line, 4, "has its number");
    end();
}


static void
limits(void)
{
    opt.max_buckets = 1;
    start();
    expose(4, 1);
    body_is(phr_buf_view(&exposed), PROTOBUF,
            "c{x=\"1\"} 4|h0{x=\"1\"} 4|up 1|", "buckets become one");
    end();

    opt.limit.samples = 2;
    start();
    expose(4, 2);
    body_is(phr_buf_view(&exposed), PROTOBUF, "up 0|",
            "histograms are samples");
    is_int(rep.code, PHR_ELIMIT, "of which there are too many");
    end();

    opt.max_buckets = 1;
    opt.histograms.convert = 1;
    start();
    body_is(phr_str_of("# TYPE h histogram\nh_bucket{le=\"1\"} 1\n"
                       "h_sum 3\nh_count 2\n"), TEXT, "up 0|",
            "custom buckets cannot become fewer");
    ok(strstr(err.text, "bucket limit") != NULL, "which is said");
    end();
}


static int
scrape_once(void *data)
{
    int  rc;

    now += 15000;

    rc = phr_scrape_create(&opt, &scrape, &err);
    if (rc == PHR_OK) {
        rc = phr_scrape_body(scrape, &rec->app, now, 0,
                             phr_buf_view(&exposed), PROTOBUF, &rep, &err);
        phr_scrape_destroy(scrape);
        scrape = NULL;
    }

    return rc;
}


static int
convert_once(void *data)
{
    int                  rc;
    phr_lines_t          k;
    phr_lines_options_t  o = { 1, 1, 1 };

    rc = phr_lines_init(&k, &o);
    if (rc == PHR_OK) {
        rc = phr_lines_classic(&k, PHR_EXPO_OPENMETRICS,
                               phr_str_of("# TYPE h histogram\n"
                                          "h_bucket{le=\"1\"} 1 # {} 1\n"
                                          "h_sum 3\nh_count 2\n"
                                          "# TYPE c counter\n"
                                          "c_total 1 # {} 1\n# EOF\n"));
    }

    phr_lines_free(&k);

    return rc;
}


static void
memory(void)
{
    int   bad, rc;
    long  n, seen;

    rec = recapp_create();
    rec->quiet = 1;
    expose(4, 2);

    /* going to rest may fail unsaid */

    for (n = 1, bad = 0, seen = 1; seen >= n - 1; n++) {
        phr_alloc_fail_at(n);
        rc = scrape_once(NULL);
        seen = phr_alloc_count();
        phr_alloc_fail_at(-1);
        bad += rc != PHR_OK && rc != PHR_ENOMEM;
    }

    ok(n > 50 && rc == PHR_OK, "memory that runs out, some time");
    is_int(bad, 0, "is survived");
    ok(phr_oom_run(convert_once, NULL) > 5, "while converting, too");
    recapp_destroy(rec);
}


/* a gauge, a counter and a summary; seconds since which these count, or 0 */
static void
expose_since(int v, uint64_t seconds)
{
    phr_buf_t  b, t;

    phr_buf_reset(&exposed);
    phr_buf_init(&b, 0);
    phr_buf_init(&t, 0);

    pb_int(&t, 1, seconds);
    pb_int(&t, 2, 7999999);

    pb_double(&b, 1, v);
    pb_bytes(&b, 3, &t);
    pb_family(&exposed, "a", 1, 2, &b);

    phr_buf_reset(&b);
    pb_double(&b, 1, v);
    if (seconds != 0) {
        pb_bytes(&b, 3, &t);
    }
    pb_family(&exposed, "c", 0, 3, &b);

    phr_buf_reset(&b);
    pb_int(&b, 1, (uint64_t) v);
    pb_double(&b, 2, v);
    if (seconds != 0) {
        pb_bytes(&b, 4, &t);
    }
    pb_family(&exposed, "s", 2, 4, &b);

    phr_buf_free(&b);
    phr_buf_free(&t);
}


static void
starts(void)
{
    int        i;
    phr_buf_t  b, t;

    start();

    expose_since(1, 0);
    body_is(phr_buf_view(&exposed), PROTOBUF,
            "a{x=\"1\"} 1|c{x=\"1\"} 1|s_count{x=\"1\"} 1|"
            "s_sum{x=\"1\"} 1|up 1|", "nothing is said");

    expose_since(2, 50);
    body_is(phr_buf_view(&exposed), PROTOBUF,
            "a{x=\"1\"} 2|c{x=\"1\"} 2 since 50007|"
            "s_count{x=\"1\"} 2 since 50007|s_sum{x=\"1\"} 2 since 50007|"
            "up 1|", "since when all but a gauge count");

    for (i = 0; i < 40; i++) {
        expose_since(3, 50);
        now += 15000;
        phr_scrape_body(scrape, &rec->app, now, 0, phr_buf_view(&exposed),
                        PROTOBUF, &rep, &err);
    }

    body_is(phr_buf_view(&exposed), PROTOBUF,
            "a{x=\"1\"} 3|c{x=\"1\"} 3 since 50007|"
            "s_count{x=\"1\"} 3 since 50007|s_sum{x=\"1\"} 3 since 50007|"
            "up 1|", "of a target at rest");

    expose_since(3, 60);
    body_is(phr_buf_view(&exposed), PROTOBUF,
            "a{x=\"1\"} 3|c{x=\"1\"} 3 since 60007|"
            "s_count{x=\"1\"} 3 since 60007|s_sum{x=\"1\"} 3 since 60007|"
            "up 1|", "that began anew");

    phr_buf_reset(&exposed);
    phr_buf_init(&b, 0);
    phr_buf_init(&t, 0);
    pb_int(&t, 1, UINT64_C(1) << 62);
    pb_bytes(&b, 3, &t);
    pb_family(&exposed, "c", 0, 3, &b);
    body_is(phr_buf_view(&exposed), PROTOBUF,
            "a{x=\"1\"} stale|c{x=\"1\"} stale|s_count{x=\"1\"} stale|"
            "s_sum{x=\"1\"} stale|up 0|", "a time beyond all times");
    phr_buf_free(&b);
    phr_buf_free(&t);
    end();
}


int
main(void)
{
    opt.honor_timestamps = 1;
    opt.histograms.native = 1;
    phr_buf_init(&exposed, 0);

    prediction();
    classic();
    limits();
    starts();
    memory();

    phr_buf_free(&exposed);

    return done_testing();
}
