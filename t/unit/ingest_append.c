/*
 * Copyright (C) The Pharos Authors
 *
 * Scrapes: what is appended of a body, what of the body after it, and what
 * when the target fails.
 */

#include <math.h>
#include <time.h>

#include "core/alloc.h"

#include "onescrape.h"


static void
prediction(void)
{
    start();
    begin();

    body("# TYPE a counter\na 1\nb{x=\"1\"} 2\nb{x=\"2\"} 3\n",
         "a 1|b{x=\"1\"} 2|b{x=\"2\"} 3|up 1|", "first");
    is_int(rep.nadded, 3, "three series are new");
    is_int(rep.nscraped, 3, "three samples");
    is_int(rep.nparsed, 3, "three lines parsed");

    rec->series_calls = 0;
    body("# TYPE a counter\na 1\nb{x=\"1\"} 20\nb{x=\"2\"} 3\n",
         "a 1|b{x=\"1\"} 20|b{x=\"2\"} 3|up 1|", "one value changed");
    is_int(rep.nparsed, 0, "no line parsed");
    is_int(rep.nadded, 0, "nothing new");
    is_int(rec->series_calls, 0, "nothing looked up");

    body("# TYPE a counter\na 1\nc 5\nb{x=\"1\"} 21\nb{x=\"2\"} 3\n",
         "a 1|b{x=\"1\"} 21|b{x=\"2\"} 3|c 5|up 1|", "one inserted");
    is_int(rep.nparsed, 1, "only that one parsed");
    is_int(rep.nadded, 1, "and new");

    body("# TYPE a counter\na 1\nb{x=\"2\"} 3\n",
         "a 1|b{x=\"1\"} stale|b{x=\"2\"} 3|c stale|up 1|", "two vanished");
    is_int(rep.nstale, 2, "and got their markers");
    is_int(rep.nparsed, 1, "the rest goes on");

    body("b{x=\"2\"} 4\n# TYPE a counter\na 2",
         "a 2|b{x=\"2\"} 4|up 1|", "another order, last line unended");

    body("b{x=\"2\"} 4\n# TYPE a counter\na 2",
         "a 2|b{x=\"2\"} 4|up 1|", "the same again");

    body("b{x=\"2\"} 4\na 2 \nb {x=\"9\"} 1\n",
         "a 2|b{x=\"2\"} 4|b{x=\"9\"} 1|up 1|", "blanks");

    body("", "a stale|b{x=\"2\"} stale|b{x=\"9\"} stale|up 1|",
         "an empty body is no failure");

    body("a 1\n", "a 1|up 1|", "back again");
    scrape_as("a 2\n# EOF\n", OM, "a 2|up 1|", "the other format");
    is_int(rec->nsources, 1, "all in one source");
    is_str(rec->sources[0], "scrape/j/0000000000000abc", "of this name");

    end();
}


/* what comes back counts as new, as long as its name may be known still */

static void
returned(void)
{
    start();
    begin();

    body("a 1\nb 2\n", "a 1|b 2|up 1|", "first");
    body("a 1\n", "a 1|b stale|up 1|", "one vanished");
    is_int(rep.nadded, 0, "nothing new");
    body("b 2\na 1\nb 3\n", "a 1|b 2|up 1|", "it is back, twice");
    is_int(rep.nadded, 1, "and new once");
    body("a 1\nb 2\n", "a 1|b 2|up 1|", "in another order");
    is_int(rep.nadded, 0, "it is not");

    now += 15000;
    is_int(phr_scrape_failed(scrape, &rec->app, now, 1, 0, &rep, &err),
           PHR_OK, "a scrape fails");
    body("b 2\na 1\n", "a 1|b 2|up 1|", "both are back");
    is_int(rep.nadded, 0, "and known from the last good one");

    end();
}


/* after many scrapes alike, what was known by name is known again */

static void
asleep(void)
{
    int  i;

    start();
    begin();

    body("a 1\nb 2\nc 3\n", "a 1|b 2|c 3|up 1|", "first");
    body("a 1\nc 3\n", "a 1|b stale|c 3|up 1|", "one vanished");

    for (i = 0; i < 6; i++) {
        body("a 1\nc 3\n", "a 1|c 3|up 1|", "as before");
    }

    rec->series_calls = 0;
    body("c 4\na 2\n", "a 2|c 4|up 1|", "another order");
    is_int(rep.nadded, 0, "nothing is new");
    is_int(rec->series_calls, 0, "nothing looked up");

    for (i = 0; i < 6; i++) {
        body("c 4\na 2\n", "a 2|c 4|up 1|", "as before");
    }

    body("b 5\nc 4\nd 1\na 2\n", "a 2|b 5|c 4|d 1|up 1|",
         "one is back, and a new one");
    is_int(rep.nadded, 2, "those two were looked up");

    for (i = 0; i < 6; i++) {
        body("b 5\nc 4\nd 1\na 2\n", "a 2|b 5|c 4|d 1|up 1|",
             "as before");
    }

    body("a x\n", "a stale|b stale|c stale|d stale|up 0|", "a bad one");
    body("d 1\na 2\n", "a 2|d 1|up 1|", "good again");
    is_int(rep.nadded, 0, "nothing is new");

    end();
}


static void
failures(void)
{
    start();
    begin();

    body("a 1\nb 2\n", "a 1|b 2|up 1|", "good");
    body("a 1\nb x\n", "a stale|b stale|up 0|", "a bad line fails it all");
    is_int(rep.code, PHR_EPARSE, "for that reason");
    is_int(err.line, 2, "in that line");
    is_int(rep.nscraped, 1, "samples up to there are counted");
    body("a 1\nb x\n", "up 0|", "markers are set once");
    body("a 1\nb 2\n", "a 1|b 2|up 1|", "good again");
    is_int(rep.nadded, 0, "nothing is new");

    now += 15000;
    is_int(phr_scrape_failed(scrape, &rec->app, now, 1, 0, &rep, &err), PHR_OK,
           "a target that is down");
    check("a stale|b stale|up 0|", "ends its series");

    body("a 1\nb 2\n", "a 1|b 2|up 1|", "good again");

    now += 15000;
    is_int(phr_scrape_ended(scrape, &rec->app, now, &err), PHR_OK, "gone");
    check("a stale|b stale|up stale|", "ends up, too");

    rec->fail = PHR_EIO;
    now += 15000;
    is_int(phr_scrape_body(scrape, &rec->app, now, 1, phr_str_of("a 1\n"),
                           TEXT, &rep, &err), PHR_EIO,
           "a failure of the store is one of the call");
    rec->fail = 0;
    phr_scrape_forget(scrape);
    body("a 1\n", "a 1|up 1|", "after it all is asked for again");

    end();
}


static void
duplicates(void)
{
    start();
    begin();

    body("a 1\na 2\na{job=\"\"} 3\nb 1\n", "a 1|b 1|up 1|", "twice");
    is_int(rep.nduplicates, 2, "two are refused");
    is_int(rep.nscraped, 4, "all are counted");
    body("a 1\na 2\na{job=\"\"} 3\nb 1\n", "a 1|b 1|up 1|", "the same");
    is_int(rep.nduplicates, 2, "by prediction, too");
    body("up 7\na 1\n", "a 1|b stale|up 7|", "exposes up");
    end();
}


static void
expired(void)
{
    size_t  i;

    start();
    begin();

    body("a 1\nb{x=\"1\"} 2\n", "a 1|b{x=\"1\"} 2|up 1|", "before");

    for (i = 0; i < rec->nseries; i++) {
        rec->series[i].expired = strstr(rec->series[i].name, "scrape_")
                                 == NULL;
    }

    body("a 1\nb{x=\"1\"} 3\n", "a 1|b{x=\"1\"} 3|up 1|",
         "series that expired are made again");
    body("a 1\nb{x=\"1\"} 4\n", "a 1|b{x=\"1\"} 4|up 1|", "and used");
    body("a 1\n", "a 1|b{x=\"1\"} stale|up 1|", "and marked");
    end();
}


static void
timestamps(void)
{
    start();
    begin();

    body("a 1 14000\nb 2\n", "b 2|up 1|", "own time");
    is_str(recapp_take(rec, 14000, NULL), "a{instance=\"h:1\", job=\"j\"} 1|",
           "is kept");
    is_int(rec->nsources, 2, "in a second source");
    body("b 2\n", "b 2|up 1|", "no marker for what has its own time");
    end();

    start();
    begin();
    body("a 1\nb 2\nc 3\n", "a 1|b 2|c 3|up 1|", "none has a time");
    body("a 1 29000\na 1 29500\nb 2\nb 2 31000\nc 3\n",
         "a stale|b 2|c 3|up 1|", "what has one from now on has gone");
    is_int(rep.nstale, 1, "once");
    is_str(recapp_take(rec, 29500, NULL),
           "a{instance=\"h:1\", job=\"j\"} 1|", "after what it has told");
    body("a 1 44000\nb 2\nc 3\n", "b 2|c 3|up 1|", "not twice");
    body("a 1\nb 2\nc 3\n", "a 1|b 2|c 3|up 1|", "has none again");
    end();

    start();
    opt.track_timestamps_staleness = 1;
    begin();
    body("a 1 14000\nb 2\n", "b 2|up 1|", "tracked");
    body("b 2\n", "a stale|b 2|up 1|", "gets a marker");
    body("b 2 40000\n", "up 1|", "which has not gone");
    end();

    start();
    opt.honor_timestamps = 0;
    begin();
    body("a 1 14000\n", "a 1|up 1|", "not honoured");
    end();
}


static void
labels(void)
{
    start();
    begin();
    body("a{job=\"x\",exported_instance=\"z\",instance=\"y\"} 1\n",
         "a{exported_exported_instance=\"y\", exported_instance=\"z\", "
         "exported_job=\"x\"} 1|up 1|", "exported_");
    end();

    start();
    opt.honor_labels = 1;
    begin();
    now += 15000;
    phr_scrape_body(scrape, &rec->app, now, 1,
                    phr_str_of("a{job=\"x\"} 1\n"), TEXT, &rep, &err);
    is_str(recapp_take(rec, now, "scrape_"), "a{instance=\"h:1\", job=\"x\"} "
           "1|up{instance=\"h:1\", job=\"j\"} 1|", "honoured");
    end();

    start();
    begin();
    body("# TYPE h histogram\nh_bucket{le=\"1\"} 1\n",
         "h_bucket{le=\"1.0\"} 1|up 1|", "bounds normalised");
    body("# TYPE h histogram\nh_bucket{le=\"1\"} 2\n",
         "h_bucket{le=\"1.0\"} 2|up 1|", "when predicted, too");
    end();
}


static void
limits(void)
{
    start();
    opt.limit.samples = 2;
    begin();
    body("a 1\nb 2\n", "a 1|b 2|up 1|", "as many as allowed");
    body("a 1\nb 2\nc 3\nd 4\n", "a stale|b stale|up 0|", "too many");
    is_int(rep.code, PHR_ELIMIT, "for that reason");
    is_str(err.text, "sample limit exceeded", "in these words");
    is_int(rep.nscraped, 4, "all are counted");
    is_int(rep.npost_relabel, 4, "all");
    is_int(rec->nseries, 7, "no series made beyond");
    body("a 1\nb 2\n", "a 1|b 2|up 1|", "good again");
    end();

    start();
    opt.max_series = 1;
    begin();
    body("a 1\nb 2\nc 3\n", "a 1|up 1|", "series per target");
    is_int(rep.nover_target, 2, "those beyond are counted");
    body("b 2\na 1\n", "a stale|b 2|up 1|", "the first are taken");
    body("b 2\n", "b 2|up 1|", "exactly as many");
    is_int(rep.nover_target, 0, "none is beyond");
    end();

    start();
    opt.limit.labels = 3;
    begin();
    body("a 1\n", "a 1|up 1|", "three labels");
    body("a 1\nb{x=\"1\"} 1\n", "a stale|up 0|", "four labels");
    ok(strstr(err.text, "label_limit exceeded (metric: b, number of labels: "
              "4, limit: 3)") != NULL, "in these words");
    end();

    start();
    opt.limit.label_name_bytes = 8;
    begin();
    body("a{a23456789=\"\"} 1\n", "a 1|up 1|", "an empty label is none");
    body("a{a23456789=\"1\"} 1\n", "a stale|up 0|", "long name");
    end();

    start();
    opt.limit.label_value_bytes = 4;
    begin();
    body("a{b=\"1234\"} 1\n", "a{b=\"1234\"} 1|up 1|", "short value");
    body("a{b=\"12345\"} 1\n", "a{b=\"1234\"} stale|up 0|",
         "long value");
    end();

    start();
    opt.limit.body_size_bytes = 5;
    opt.extra_metrics = 1;
    begin();
    body("a 1\n", "a 1|up 1|", "small body");
    body("a 11\n", "a stale|up 0|", "large body");
    is_str(err.text, "body size limit exceeded", "in these words");
    end();

    start();
    begin();
    rec->max_series = 6;
    body("a 1\n", "a 1|up 1|", "the store is full now");
    body("a 1\nb 2\n", "a 1|up 1|", "what is known goes on");
    is_int(rep.nover_series, 1, "the other is counted");
    rec->max_series = 7;
    body("a 1\nb 2\n", "a 1|b 2|up 1|", "until there is room");
    end();

    start();
    opt.histograms.convert = 1;
    opt.max_buckets = 2;
    begin();
    phr_scrape_body(scrape, &rec->app, now, 1,
                    phr_str_of("# TYPE h histogram\nh_bucket{le=\"1\"} 0\n"
                               "h_bucket{le=\"2\"} 5\nh_bucket{le=\"3\"} 5\n"
                               "h_bucket{le=\"4\"} 5\nh_bucket{le=\"+Inf\"} "
                               "6\nh_sum 9\nh_count 6\n"), TEXT, &rep, &err);
    is_int(rep.up, 1, "buckets that are empty do not count");
    end();

    start();
    begin();
    body("{\"\"} 1\n", "up 0|", "no name");
    is_int(rep.code, PHR_EINVAL, "is invalid");
    end();
}


/* scrape_body_size_bytes of a body, or of none that came */

static double
body_size(const char *text, int over)
{
    const char  *p;

    now += 15000;

    if (text != NULL) {
        phr_scrape_body(scrape, &rec->app, now, 1, phr_str_from_c(text), TEXT,
                        &rep, &err);
    } else {
        phr_scrape_failed(scrape, &rec->app, now, 1, over, &rep, &err);
    }

    p = strstr(recapp_take(rec, now, NULL), "scrape_body_size_bytes{");
    p = p ? strchr(p, '}') : NULL;

    return p ? atof(p + 1) : NAN;
}


static void
outcome(void)
{
    start();
    opt.extra_metrics = 1;
    opt.limit.samples = 10;
    begin();
    now = 15000;
    phr_scrape_body(scrape, &rec->app, now, 0.25,
                    phr_str_of("a 1\nb 1\na 1\n"), TEXT, &rep, &err);
    is_str(recapp_take(rec, now, NULL),
           "a{instance=\"h:1\", job=\"j\"} 1|b{instance=\"h:1\", job=\"j\"} "
           "1|scrape_body_size_bytes{instance=\"h:1\", job=\"j\"} 12|"
           "scrape_duration_seconds{instance=\"h:1\", job=\"j\"} 0.25|"
           "scrape_sample_limit{instance=\"h:1\", job=\"j\"} 10|"
           "scrape_samples_post_metric_relabeling{instance=\"h:1\", "
           "job=\"j\"} 3|scrape_samples_scraped{instance=\"h:1\", job=\"j\"} "
           "3|scrape_series_added{instance=\"h:1\", job=\"j\"} 2|"
           "scrape_timeout_seconds{instance=\"h:1\", job=\"j\"} 10|"
           "up{instance=\"h:1\", job=\"j\"} 1|", "all series of the outcome");
    end();

    start();
    opt.extra_metrics = 1;
    opt.limit.body_size_bytes = 5;
    begin();
    ok(body_size("a 1\n", 0) == 4, "the size of a body");
    ok(body_size("", 0) == 0, "of an empty one");
    ok(body_size("a 11\n", 0) == -1, "of one that is too large");
    ok(body_size(NULL, 1) == -1, "of one that was not read to its end");
    ok(body_size(NULL, 0) == 0, "of no answer");
    end();
}


static void
reconfigured(void)
{
    phr_label_t  other[] = {
        { phr_str("env"), phr_str("e") },
    };

    start();
    begin();
    body("a 1\nb{env=\"e\"} 2\n", "a 1|b{env=\"e\"} 2|up 1|", "before");

    is_int(phr_scrape_configure(scrape, &opt, &err), PHR_OK,
           "configured with the same options");
    body("a 1\nb{env=\"e\"} 2\n", "a 1|b{env=\"e\"} 2|up 1|",
         "nothing has ended");

    opt.labels.l = other;
    opt.labels.n = 1;
    is_int(phr_scrape_configure(scrape, &opt, &err), PHR_OK, "configured");
    body("a 1\n", "a{env=\"e\"} 1|a stale|b{env=\"e\"} stale|"
         "up{env=\"e\"} 1|up stale|", "after");
    end();
}


static void
metadata(void)
{
    int             i;
    size_t          pos, n;
    phr_metadata_t  md;

    start();
    begin();
    scrape_as("# HELP a_s what \\\"it\\\"\n# TYPE a_s gauge\n# UNIT a_s s\n"
              "a_s 1\n# TYPE b counter\nb_total 1\n# EOF\n", OM,
              "a_s 1|b_total 1|up 1|", "with metadata");
    ok(phr_scrape_metadata_of(scrape, phr_str_of("a_s"), &md) == PHR_OK
       && phr_str_eq(md.help, phr_str_of("what \"it\""))
       && phr_str_eq(md.unit, phr_str_of("s"))
       && md.type == PHR_METRIC_GAUGE, "is known");

    for (i = 0; i < 40; i++) {
        now += 15000;
        phr_scrape_body(scrape, &rec->app, now, 1,
                        phr_str_of("# TYPE b counter\nb_total 1\n# EOF\n"),
                        OM, &rep, &err);
    }

    is_int(phr_scrape_metadata_of(scrape, phr_str_of("a_s"), &md),
           PHR_NOTFOUND, "is forgotten when long gone");

    pos = 0;
    n = 0;

    while (phr_scrape_metadata(scrape, &pos, &md)) {
        n++;
        ok(phr_str_eq(md.metric, phr_str_of("b"))
           && md.type == PHR_METRIC_COUNTER, "the other stays");
    }

    is_int(n, 1, "alone");
    end();
}


/* a target whose labels change with each scrape must not grow for ever */

static void
churn(void)
{
    int         i, j;
    phr_buf_t   b;

    start();
    begin();
    rec->quiet = 1;
    phr_buf_init(&b, 0);

    for (i = 0; i < 40; i++) {
        phr_buf_reset(&b);

        for (j = 0; j < 100; j++) {
            phr_buf_printf(&b, "a{x=\"%d\"} 1\n", i * 100 + j);
        }

        phr_buf_puts(&b, i % 3 == 2 ? "a x\n" : "keep 1\n");
        now += 15000;
        phr_scrape_body(scrape, &rec->app, now, 1, phr_buf_view(&b), TEXT,
                        &rep, &err);
    }

    is_int(rep.nscraped, 101, "labels that change each time");
    rec->quiet = 0;
    phr_buf_puts(&b, "last 1\n");
    now += 15000;
    rec->series_calls = 0;
    phr_scrape_body(scrape, &rec->app, now, 1, phr_buf_view(&b), TEXT, &rep,
                    &err);
    is_int(rec->series_calls, 1, "what stayed is still known");
    phr_buf_free(&b);
    end();
}


/* every allocation of a scrape may fail, and the scrape after it is good */

static void
no_memory(void)
{
    int   rc;
    long  i;

    start();
    begin();
    body("a 1\nb 2\n", "a 1|b 2|up 1|", "before");

    for (i = 0; i < 200; i++) {
        now += 15000;
        phr_alloc_fail_at(i);
        rc = phr_scrape_body(scrape, &rec->app, now, 1,
                             phr_str_of("# HELP c x\nc{x=\"1\"} 1\na 1\n"),
                             TEXT, &rep, &err);
        phr_alloc_fail_at(-1);

        if (rc == PHR_OK && rep.up) {
            break;
        }

        if (rc != PHR_ENOMEM && rc != PHR_OK) {
            ok(0, "allocation %ld: %d %s", i, rc, err.text);
        }
    }

    ok(i > 3 && i < 200, "no memory at %ld places is an error", i);
    recapp_take(rec, now, NULL);
    body("a 1\nb 2\n", "a 1|b 2|c{x=\"1\"} stale|up 1|", "after");
    end();
}


/* rules that rename, drop, and let two series become one */

static void
relabelled(void)
{
    phr_regex_t          *drop, *rename;
    phr_relabel_conf_t    r[2], *list[2];
    phr_relabel_confs_t   confs;
    phr_str_t             name = phr_str("__name__");

    memset(r, 0, sizeof(r));
    phr_regex_create(phr_str_of("go_.*"), &drop, &err);
    phr_regex_create(phr_str_of("old_(.*)"), &rename, &err);

    r[0].action = PHR_RELABEL_DROP;
    r[0].source_labels.s = &name;
    r[0].source_labels.n = 1;
    r[0].re = drop;
    r[1].action = PHR_RELABEL_REPLACE;
    r[1].source_labels.s = &name;
    r[1].source_labels.n = 1;
    r[1].re = rename;
    r[1].target_label = name;
    r[1].replacement = phr_str_of("new_$1");
    list[0] = &r[0];
    list[1] = &r[1];
    confs.r = list;
    confs.n = 2;

    start();
    opt.metric_relabel = &confs;
    opt.limit.samples = 2;
    begin();
    body("go_a 1\nold_b 2\ngo_c 3\nc 4\ngo_d 5\n", "c 4|new_b 2|up 1|",
         "dropped series do not count against the limit");
    is_int(rep.nscraped, 5, "five samples");
    is_int(rep.npost_relabel, 2, "two are left");
    is_int(rep.nadded, 2, "and new");
    body("go_a 1\nold_b 3\ngo_c 3\nc 4\ngo_d 5\n", "c 4|new_b 3|up 1|",
         "predicted");
    is_int(rep.npost_relabel, 2, "two are left");
    body("new_b 1\nold_b 2\n", "c stale|new_b 1|up 1|",
         "two lines that become one series");
    is_int(rep.nduplicates, 1, "the second is refused");
    end();

    phr_regex_destroy(drop);
    phr_regex_destroy(rename);
}


static int
random_below(uint64_t *seed, int n)
{
    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;

    return (int) ((*seed >> 33) % (uint64_t) n);
}


/*
 * Bodies that change at random: what prediction appends is what the lines
 * say, and whatever was there before and is not gets its marker.
 */

static void
at_random(void)
{
    int          i, j, k, n, good, bad, order[40];
    int          had[40], has[40], value[40];
    char         want[2048], line[64];
    uint64_t     seed;
    phr_buf_t    b;

    start();
    opt.labels.n = 0;
    begin();

    memset(had, 0, sizeof(had));
    seed = 4711;
    bad = 0;
    n = 0;

    for (i = 0; i < 30; i++) {
        order[n++] = i + 10;
        value[i + 10] = 0;
    }

    phr_buf_init(&b, 0);

    for (i = 0; i < 3000 && bad == 0; i++) {

        for (j = random_below(&seed, 4); j > 0; j--) {

            switch (random_below(&seed, 3)) {

            case 0:
                if (n < 40) {
                    k = random_below(&seed, n + 1);
                    memmove(&order[k + 1], &order[k],
                            (size_t) (n - k) * sizeof(int));
                    order[k] = 10 + random_below(&seed, 30);
                    n++;
                }
                break;

            case 1:
                if (n > 0) {
                    k = random_below(&seed, n);
                    memmove(&order[k], &order[k + 1],
                            (size_t) (n - k - 1) * sizeof(int));
                    n--;
                }
                break;

            default:
                k = 10 + random_below(&seed, 30);
                value[k] = random_below(&seed, 1000);
            }
        }

        good = random_below(&seed, 20) != 0;
        phr_buf_reset(&b);
        memset(has, 0, sizeof(has));

        for (k = 0; k < n; k++) {
            if (order[k] % 7 == 0) {
                phr_buf_printf(&b, "# TYPE m%d gauge\n", order[k]);
            }

            phr_buf_printf(&b, "m%d %d\n", order[k], value[order[k]]);
            has[order[k]] = 1;
        }

        if (!good) {
            phr_buf_puts(&b, "m10 bad\n");
            memset(has, 0, sizeof(has));
        }

        want[0] = '\0';

        for (k = 10; k < 40; k++) {
            if (has[k]) {
                snprintf(line, sizeof(line), "m%d %d|", k, value[k]);
                strcat(want, line);

            } else if (had[k]) {
                snprintf(line, sizeof(line), "m%d stale|", k);
                strcat(want, line);
            }
        }

        strcat(want, good ? "up 1|" : "up 0|");
        memcpy(had, has, sizeof(had));

        now += 15000;
        phr_scrape_body(scrape, &rec->app, now, 1, phr_buf_view(&b), TEXT,
                        &rep, &err);

        if (strcmp(recapp_take(rec, now, "scrape_"), want) != 0) {
            printf("# scrape %d\n# got  %s\n# want %s\n", i,
                   phr_buf_cstr(&rec->text), want);
            bad = 1;
        }
    }

    ok(bad == 0, "3000 bodies that change at random");
    phr_buf_free(&b);
    end();
}


static void
timing(void)
{
    int               i, j;
    double            ns;
    phr_buf_t         b;
    struct timespec   t0, t1;

    start();
    begin();
    rec->quiet = 1;
    phr_buf_init(&b, 0);
    ns = 0;

    for (j = 0; j < 200; j++) {
        phr_buf_reset(&b);

        for (i = 0; i < 1000; i++) {
            phr_buf_printf(&b, "node_cpu_seconds_total{cpu=\"%d\",mode=\"%s\""
                           "} %.2f\n", i / 8, "idle\0  user\0  nice\0  " + i
                           % 3 * 7, (i % 4 ? 0 : j * 1.25) + i * 37.77);
        }

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t0);
        now += 15000;
        phr_scrape_body(scrape, &rec->app, now, 1, phr_buf_view(&b), TEXT,
                        &rep, &err);

        if (j >= 20) {
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t1);
            ns += (double) (t1.tv_sec - t0.tv_sec) * 1e9
                  + (double) (t1.tv_nsec - t0.tv_nsec);
        }
    }

    printf("# %.1f ns per series of an unchanged scrape, a quarter of the "
           "values new\n", ns / 180 / 1000);
    phr_buf_free(&b);
    end();
}


int
main(void)
{
    prediction();
    returned();
    asleep();
    failures();
    duplicates();
    expired();
    timestamps();
    labels();
    limits();
    outcome();
    reconfigured();
    metadata();
    churn();
    no_memory();
    relabelled();
    at_random();
    timing();

    return done_testing();
}
