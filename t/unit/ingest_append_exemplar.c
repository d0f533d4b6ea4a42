/*
 * Copyright (C) The Pharos Authors
 *
 * Exemplars of scrapes: which are offered to the store, of a target that is
 * new, at rest, or has changed.
 */

#include "core/alloc.h"
#include "ingest/append.h"

#include "recapp.h"
#include "tap.h"


static recapp_t              *rec;
static phr_scrape_t          *scrape;
static phr_scrape_options_t   opt;
static phr_scrape_report_t    rep;
static phr_err_t              err;
static int64_t                now;


static void
begin(void)
{
    memset(&opt, 0, sizeof(opt));
    opt.job = phr_str_of("j");
    opt.honor_timestamps = 1;
    opt.normalize = 1;

    rec = recapp_create();
    rec->app.exemplars = 1;
    now = 0;

    if (phr_scrape_create(&opt, &scrape, &err) != PHR_OK) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
}


static void
end(void)
{
    phr_scrape_destroy(scrape);
    recapp_destroy(rec);
}


static void
offered(const char *body, const char *want, const char *name)
{
    now += 1000;
    phr_err_init(&err);
    phr_buf_reset(&rec->exemplars);

    if (phr_scrape_body(scrape, &rec->app, now, 0.25, phr_str_from_c(body),
                        phr_str_of("application/openmetrics-text"), &rep,
                        &err)
        != PHR_OK)
    {
        ok(0, "%s: %s", name, err.text);
        return;
    }

    is_str(phr_buf_cstr(&rec->exemplars), want, "%s", name);
}


static void
test_lines(void)
{
    begin();

    offered("# TYPE c counter\n"
            "c_total 5 # {t=\"a\"} 1 0.5\n"
            "# TYPE h histogram\n"
            "h_bucket{le=\"1\"} 1 7 # {z=\"1\",a=\"2\"} 0.25\n"
            "h_bucket{le=\"+Inf\"} 1\n"
            "h_sum 3\nh_count 1 # {} 2 3.25\n# EOF\n",
            "c_total {t=\"a\"} 1@own500|"
            "h_bucket{le=\"1.0\"} {a=\"2\", z=\"1\"} 0.25@7000|"
            "h_count {} 2@own3250|",
            "of each line, at its time, the sample's, or the scrape's");

    offered("c_total 5 # {t=\"a\"} 1 0.5\n"
            "c_total{x=\"y\"} 5 # {t=\"b\",t=\"c\"} 1\n"
            "c_total{x=\"z\"} 5 # {t=\"\\n\\\"\",e=\"\"} 1\n# EOF\n",
            "c_total {t=\"a\"} 1@own500|"
            "c_total{x=\"z\"} {t=\"\\n\\\"\"} 1@2000|",
            "labels that are none are left out, and nothing else");

    offered("c_total 5 # {t=\"a\"} 1 0.5\n"
            "c_total{x=\"z\"} 6 # {t=\"b\"} 1\n# EOF\n",
            "c_total{x=\"z\"} {t=\"b\"} 1@3000|",
            "a line that is the same as a whole is not offered again");

    offered("c_total 5 # {t=\"a\"} 1 0.5\n"
            "c_total{x=\"z\"} 6 # {t=\"b\"} 1\n", "",
            "nor is what a bad answer has");
    ok(!rep.up, "it is bad");

    rec->app.exemplars = 0;
    offered("c_total 7 # {t=\"d\"} 1 0.5\n# EOF\n", "",
            "none where none are kept");

    end();
}


static void
test_rest(void)
{
    int   i;
    char  body[512], want[512];

    begin();

    for (i = 1; i <= 12; i++) {
        snprintf(body, sizeof(body), "# TYPE c counter\nc_total %d # "
                 "{t=\"%d\"} %d\nc_total{x=\"y\"} 1\n# EOF\n", i, i / 2, i);
        snprintf(want, sizeof(want), "c_total {t=\"%d\"} %d@%d000|", i / 2, i,
                 i);
        offered(body, want, "at rest or not");
    }

    offered("# TYPE c counter\nc_total 99 # {t=\"x\"} 1\n"
            "c_total{z=\"y\"} 1 # {t=\"y\"} 1\n# EOF\n",
            "c_total {t=\"x\"} 1@13000|c_total{z=\"y\"} {t=\"y\"} 1@13000|",
            "once each when it wakes");

    end();
}


static void
test_converted(void)
{
    int   i;
    char  body[512], want[512];

    begin();
    opt.histograms.convert = 1;
    phr_scrape_configure(scrape, &opt, &err);

    offered("# TYPE c counter\n"
            "c_total 5 # {t=\"a\"} 1 0.5\n"
            "# TYPE h histogram\n"
            "h_bucket{le=\"1\"} 1 # {z=\"\\n\",a=\"2\"} 0.25 3\n"
            "h_bucket{le=\"2\"} 1 # {a=\"3\"} 1.5\n"
            "h_bucket{le=\"+Inf\"} 3 # {} 2 0.25\n"
            "h_sum 3\nh_count 3\n"
            "h_bucket{x=\"y\",le=\"1\"} 1 # {b=\"4\"} 0.5 4\n"
            "h_sum{x=\"y\"} 3\nh_count{x=\"y\"} 1\n"
            "# TYPE d counter\n"
            "d_total 5 # {t=\"b\"} 1\n# EOF\n",
            "c_total {t=\"a\"} 1@own500|h {} 2@own250|"
            "h {a=\"2\", z=\"\\n\"} 0.25@own3000|"
            "h{x=\"y\"} {b=\"4\"} 0.5@own4000|"
            "d_total {t=\"b\"} 1@1000|",
            "of buckets those with a time become the histogram's");

    offered("# TYPE h histogram\n"
            "h_bucket{le=\"1\"} 2 # {a=\"2\"} 0.25 3\n"
            "h_sum 3\nh_count 1\n"
            "h_bucket{x=\"y\",le=\"1\"} 1\n"
            "h_sum{x=\"y\"} 3\nh_count{x=\"y\"} 1\n"
            "# TYPE d counter\nd_total 6\n# EOF\n",
            "", "not of a histogram that contradicts itself");

    for (i = 3; i <= 14; i++) {
        snprintf(body, sizeof(body), "# TYPE h histogram\nh_bucket{le="
                 "\"1\"} 1 # {t=\"%d\"} 1 %d\nh_sum 3\nh_count 1\n"
                 "# EOF\n", i / 2, i / 2);
        snprintf(want, sizeof(want), i % 2 && i > 3 ? ""
                 : "h {t=\"%d\"} 1@own%d000|", i / 2, i / 2);
        offered(body, want, "a line that is not the same, at rest or not");
    }

    opt.histograms.classic = 1;
    phr_scrape_configure(scrape, &opt, &err);

    offered("# TYPE h histogram\n"
            "h_bucket{le=\"1\"} 1 # {a=\"5\"} 0.25 20\n"
            "h_sum 3\nh_count 1\n# EOF\n", "h {a=\"5\"} 0.25@own20000|",
            "they are the histogram's where its parts are kept, too");

    end();
}


static void
test_limits(void)
{
    begin();
    opt.max_series = 1;
    phr_scrape_configure(scrape, &opt, &err);

    offered("a_total 1 # {t=\"a\"} 1\nb_total 1 # {t=\"b\"} 1\n# EOF\n",
            "a_total {t=\"a\"} 1@1000|", "not of a sample that is refused");

    end();
}


int
main(void)
{
    test_lines();
    test_rest();
    test_converted();
    test_limits();

    return done_testing();
}
