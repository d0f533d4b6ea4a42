/*
 * Copyright (C) The Pharos Authors
 *
 * When rows are packed: as soon as there are enough, and those that are left
 * behind no later than the others.
 */

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
    rows(n, 0, 200);
    ok(seal_all(START + 100 * MINUTE) > 0, "%d series: packed", n);

    /* the first of the others came after an hour */

    is_int(nrows(), 80 * ((n + 508) / 509), "%d series: so many of 200 at a "
           "time", n);
    is_int(seal_all(START + 179 * MINUTE), 0, "%d series: they wait", n);
    ok(seal_all(START + 181 * MINUTE) > 0, "%d series: for two hours", n);
    is_int(nrows(), 0, "%d series: none are left", n);
    is_int(count(0, INT64_MAX, NULL), 200 * n, "%d series: all are there", n);

    /* what comes then waits as long as what came first */

    rows(n, 400, 410);
    is_int(seal_all(START + 319 * MINUTE), 0, "%d series: new ones wait", n);
    ok(seal_all(START + 321 * MINUTE) > 0, "%d series: as the first", n);
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
    leave();

    return done_testing();
}
