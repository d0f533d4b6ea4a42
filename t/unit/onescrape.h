/*
 * Copyright (C) The Pharos Authors
 *
 * One target that is scraped into a recording appender, for tests of what is
 * appended of one body after the other.
 */

#ifndef ONESCRAPE_H_INCLUDED
#define ONESCRAPE_H_INCLUDED


#include <stdlib.h>

#include "ingest/append.h"

#include "recapp.h"
#include "tap.h"


#define TEXT  phr_str_of("text/plain; version=0.0.4")
#define OM    phr_str_of("application/openmetrics-text")


static recapp_t              *rec;
static phr_scrape_t          *scrape;
static phr_scrape_options_t   opt;
static phr_scrape_report_t    rep;
static phr_err_t              err;
static int64_t                now;

static const phr_label_t  target_labels[] = {
    { phr_str("instance"), phr_str("h:1") },
    { phr_str("job"), phr_str("j") },
};


static inline void
start(void)
{
    memset(&opt, 0, sizeof(opt));
    opt.job = phr_str_of("j");
    opt.key = 0xabc;
    opt.labels.l = target_labels;
    opt.labels.n = 2;
    opt.honor_timestamps = 1;
    opt.normalize = 1;
    opt.timeout_ms = 10000;

    rec = recapp_create();
    now = 0;
}


static inline void
begin(void)
{
    if (phr_scrape_create(&opt, &scrape, &err) != PHR_OK) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
}


static inline void
end(void)
{
    is_int(rec->twice, 0, "no row names a series twice");
    phr_scrape_destroy(scrape);
    recapp_destroy(rec);
}


/* scrapes and compares, without the labels of the target */

static inline void
check(const char *want, const char *fmt)
{
    char        *p, *q;
    static char  got[65536];

    snprintf(got, sizeof(got), "%s", recapp_take(rec, now, "scrape_"));

    while ((p = strstr(got, "instance=\"h:1\", job=\"j\"")) != NULL) {
        q = p + 23;

        if (p[-1] == '{' && *q == '}') {
            p--;
            q++;
        } else if (p[-1] == '{') {
            q += 2;
        } else if (p[-1] == ' ' && p[-2] == ',') {
            p -= 2;
        }

        memmove(p, q, strlen(q) + 1);
    }

    is_str(got, want, "%s", fmt);
}


static inline void
scrape_as(const char *body, phr_str_t type, const char *want,
    const char *name)
{
    now += 15000;
    phr_err_init(&err);

    is_int(phr_scrape_body(scrape, &rec->app, now, 0.25,
                           phr_str_from_c(body), type, &rep, &err),
           PHR_OK, "%s: appended", name);
    check(want, name);
}


static inline void
body(const char *text, const char *want, const char *name)
{
    scrape_as(text, TEXT, want, name);
}


#endif /* ONESCRAPE_H_INCLUDED */
