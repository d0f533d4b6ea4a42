/*
 * Copyright (C) The Pharos Authors
 *
 * When rows are packed: as soon as there are enough, and those that are left
 * behind no later than the others.
 */

#include <math.h>

#include "onestore.h"


#define MINUTE  INT64_C(60000)
#define START   (INT64_C(29560000) * MINUTE)


/* rows of n series, one each half minute */
static void
rows(int n, int from, int to)
{
    int      i;
    int64_t  t_ms;

    for (i = from; i < to; i++) {
        t_ms = START + i * MINUTE / 2;
        phr_store_now(st, t_ms);

        if (append("a", 0, n, t_ms, i) != PHR_OK
            || phr_store_commit(st, t_ms, 0, &err) != PHR_OK)
        {
            printf("Bail out! append: %s\n", err.text);
            exit(1);
        }
    }
}


static int
nrows(void)
{
    phr_store_stats_t  stats;

    phr_store_stats(st, &stats);

    return (int) stats.nrows;
}


/* nobody packed for a while, then the source falls silent */
static void
test_rest(int n)
{
    fresh();
    rows(n, 0, 220);
    ok(seal_all(START + 110 * MINUTE) > 0, "%d series: packed", n);

    /* the first of the others came after eighty minutes */

    is_int(nrows(), 60 * ((n + 508) / 509), "%d series: so many of 220 at a "
           "time", n);
    is_int(seal_all(START + 199 * MINUTE), 0, "%d series: they wait", n);
    ok(seal_all(START + 201 * MINUTE) > 0, "%d series: for two hours", n);
    is_int(nrows(), 0, "%d series: none are left", n);
    is_int(count(0, INT64_MAX, NULL), 220 * n, "%d series: all are there", n);

    /* what comes then waits as long as what came first */

    rows(n, 400, 410);
    is_int(seal_all(START + 319 * MINUTE), 0, "%d series: new ones wait", n);
    ok(seal_all(START + 321 * MINUTE) > 0, "%d series: as the first", n);
    is_int(damaged(), 0, "nothing is damaged");
}


/* chunks of which four and a half have room in a page: no page is left empty */
static void
test_pages(void)
{
    int                i;
    int64_t            t_ms;
    phr_store_stats_t  stats;

    fresh();
    srand48(1);

    for (i = 0; i < 160; i++) {
        t_ms = START + i * MINUTE / 2;

        if (append("a", 0, 300, t_ms, floor(drand48() * 0x1p44)) != PHR_OK
            || phr_store_commit(st, t_ms, 0, &err) != PHR_OK)
        {
            printf("Bail out! append: %s\n", err.text);
            exit(1);
        }
    }

    ok(seal_all(t_ms) > 0, "pages: packed");
    is_int(nrows(), 0, "pages: all of it");

    phr_store_stats(st, &stats);
    ok(stats.npacks > 60 && stats.npacks < 70, "pages: %d for 300 chunks",
       (int) stats.npacks);
    is_int(count(0, INT64_MAX, NULL), 160 * 300, "pages: all are there");
    is_int(damaged(), 0, "nothing is damaged");
}


int
main(void)
{
    if (mkdtemp(dir) == NULL) {
        return 1;
    }

    test_rest(3);
    test_rest(1600);
    test_pages();
    leave();

    return done_testing();
}
