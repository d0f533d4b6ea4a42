/*
 * Copyright (C) The Pharos Authors
 *
 * Scrapes: what another process knows of a target's last one, from the store.
 */

#include "onescrape.h"


/* another process takes over: nothing is known but what the store has */

static void
take_over(void)
{
    phr_scrape_destroy(scrape);

    if (phr_scrape_create(&opt, &scrape, &err) != PHR_OK) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
}


static int
known(void *data, phr_str_t name)
{
    return data != NULL && phr_str_eq(name, phr_str_from_c(data));
}


/* "other" targets but the one named */

static void
others(char *but, uint64_t nseries, const char *name)
{
    uint64_t  targets, series;

    now += 15000;
    phr_err_init(&err);

    is_int(phr_scrape_end_others(&rec->app, now, known, but, &targets,
                                 &series, &err),
           PHR_OK, "others: %s", name);
    is_int(series, nseries, "so many series: %s", name);
}


static void
recalled(void)
{
    static char  name[] = "scrape/j/000000000000002a";

    start();
    opt.job = phr_str_of("j");
    opt.key = 42;
    opt.remember = 1;
    begin();
    body("a 1\nb 2\n", "a 1|b 2|up 1|", "before");
    is_int(rec->nkv, 1, "a record is left");

    take_over();
    body("a 3\n", "a 3|b stale|up 1|", "what vanished meanwhile ends");
    body("a 4\n", "a 4|up 1|", "once");

    take_over();
    now += 15000;
    phr_scrape_failed(scrape, &rec->app, now, 1, 0, &rep, &err);
    check("a stale|up 0|", "a target that is down at once");

    take_over();
    body("a 5\n", "a 5|up 1|", "it comes back");

    take_over();
    now += 15000 + PHR_SCRAPE_RECALL_MS;
    body("b 1\n", "b 1|up 1|", "too long ago to matter");

    take_over();
    body("b 2\nc 1\n", "b 2|c 1|up 1|", "more");
    phr_scrape_forget(scrape);
    body("b 3\n", "b 3|c stale|up 1|", "after a failed commit, too");

    others(name, 0, "known");
    check("", "nothing ends that is known");
    is_int(rec->nkv, 1, "nor does its record");

    others(NULL, 6, "not known");
    check("b stale|up stale|", "it ends");
    is_int(rec->nkv, 0, "so does the record");

    others(NULL, 0, "again");
    body("b 4\n", "b 4|up 1|", "comes back");

    take_over();
    now += 15000;
    is_int(phr_scrape_ended(scrape, &rec->app, now, &err), PHR_OK,
           "ended before it was scraped");
    check("b stale|up stale|", "ends what the other process left");
    is_int(rec->nkv, 0, "and has no record");

    opt.remember = 0;
    take_over();
    body("b 5\n", "b 5|up 1|", "not to be remembered");
    is_int(rec->nkv, 0, "no record");

    opt.unreported = 1;
    take_over();
    body("b 6\n", "b 6|up stale|", "without a report");
    body("b 7\n", "b 7|", "then it is no more");
    end();

    /* series that another target has taken over */

    start();
    opt.job = phr_str_of("j");
    opt.key = 1;
    opt.remember = 1;
    begin();
    body("a 1\nb 1\n", "a 1|b 1|up 1|", "the first");
    opt.key = 2;
    take_over();
    body("a 2\n", "a 2|up 1|", "the second has its labels");
    others("scrape/j/0000000000000002", 1, "the first");
    check("b stale|", "only what the second has not");
    end();
}


int
main(void)
{
    recalled();

    return done_testing();
}
