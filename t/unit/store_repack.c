/*
 * Copyright (C) The Pharos Authors
 *
 * Packs that are written anew, without some of what they had: the rest of
 * them is what it was, also beside what was written later.
 */

#include "onestore.h"


#define MINUTE  INT64_C(60000)
#define HOUR    (60 * MINUTE)

/* a multiple of all windows but the longest */
#define START   (INT64_C(250000) * 2 * HOUR)
#define N       60


/* the values of one series: v times its place, each minute from START on */
static int
values_are(const char *name, double v)
{
    int                rc, right;
    size_t             i;
    phr_arena_t       *arena;
    phr_series_t       s;
    phr_matcher_t      m;
    phr_querier_t     *q;
    phr_storage_t     *storage;
    phr_series_set_t  *set;

    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    right = 0;

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("__name__"),
                     phr_str_from_c(name), &err);
    rc = storage->querier(storage, &q, &err);

    if (rc == PHR_OK) {
        rc = q->ops->select(q, &m, 1, START, START + 9 * HOUR, NULL, arena,
                            &set, &err);

        if (rc == PHR_OK && set->next(set, &s, &err) == PHR_OK
            && s.n == N)
        {
            for (i = 0; i < N && s.v[i] == v * i; i++) { /* void */ }
            right = (i == N);
        }

        q->ops->close(q);
    }

    phr_arena_destroy(arena);

    return right;
}


static void
fill(const char *source, int first, int n, double v)
{
    int      i;
    int64_t  t_ms;

    for (i = 0; i < N; i++) {
        t_ms = START + i * MINUTE;
        phr_store_now(st, t_ms);

        if (append(source, first, n, t_ms, v * i) != PHR_OK) {
            printf("Bail out! append: %s\n", err.text);
            exit(1);
        }

        phr_store_commit(st, t_ms, 0, &err);
    }
}


/* one of s1 and one of s2 that are older than all, loose or in a row */
static int
older(int loose)
{
    double           v[2] = { 7, 7 };
    int64_t          t_ms[2] = { START - HOUR, START - HOUR };
    phr_sid_t        sid[2];
    phr_batch_t      b;
    phr_appender_t  *app;

    if (!loose) {
        return append("b", 1, 2, t_ms[0], v[0]);
    }

    memset(&b, 0, sizeof(b));
    app = phr_store_appender(st);

    if (app->ops->source(app, phr_str_of("b"), &b.source, &err) != PHR_OK
        || series(1, &sid[0]) != PHR_OK || series(2, &sid[1]) != PHR_OK)
    {
        return err.code;
    }

    b.t_each = t_ms;
    b.sid = sid;
    b.v = v;
    b.n = 2;

    return app->ops->append(app, &b, &err);
}


/* how many steps there were, older() having come before number "late" */
static int
delete_late(const char *name, int64_t min_ms, int late, int loose)
{
    int                  rc, n;
    phr_matcher_t        m;
    phr_store_delete_t  *del;

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("__name__"),
                     phr_str_from_c(name), &err);

    rc = phr_store_delete_open(st, min_ms, PHR_TIME_MAX, &del, &err);
    if (rc == PHR_OK) {
        rc = phr_store_delete_add(del, &m, 1, &err);
    }

    for (n = 0; rc == PHR_OK; n++) {

        if (n == late) {
            rc = older(loose);
        }

        if (rc == PHR_OK) {
            rc = phr_store_delete_step(del, &err);
        }

        if (rc != PHR_AGAIN) {
            break;
        }

        rc = phr_store_commit(st, START + HOUR, 0, &err);
    }

    phr_store_delete_close(del);

    if (rc == PHR_OK) {
        rc = phr_store_commit(st, START + HOUR, 0, &err);
    }

    return rc == PHR_OK ? n + 1 : rc;
}


static int
delete(const char *name, int64_t min_ms)
{
    int  rc;

    rc = delete_late(name, min_ms, -1, 0);

    return rc > 0 ? PHR_OK : rc;
}


/* all of a series goes, but for what is older and comes meanwhile */
static void
test_meanwhile(int loose)
{
    int                late, n;
    phr_store_stats_t  stats;

    for (late = 0, n = 1; late < n; late++) {
        fresh();
        conf.out_of_order_ms = 9 * HOUR;
        reopen();
        fill("a", 0, 3, 1);
        seal_all(START + 9 * HOUR);

        n = delete_late("s1", START, late, loose);
        ok(n > 0, "a deletion of %d steps, before %d of which", n, late);
        is_int(count(START - HOUR, START - HOUR, NULL), 2,
               "two older samples came, is without neither");
        is_int(count(START, START + HOUR, NULL), 2 * N, "nor the others");
        phr_store_stats(st, &stats);
        is_int(stats.nseries, 3, "and their series stay");
        is_int(damaged(), 0, "all is whole");
    }
}


int
main(void)
{
    phr_store_stats_t  stats;

    if (mkdtemp(dir) == NULL) {
        printf("Bail out! mkdtemp\n");
        return 1;
    }

    fresh();

    /* hours that the clock goes through twice, as two packs */

    fill("a", 0, 3, 1);
    seal_all(START + 9 * HOUR);

    phr_store_overlap(st, START, START + HOUR);
    fill("b", 0, 1, 2);
    fill("b", 2, 1, 2);
    phr_store_overlap(st, 1, 0);
    seal_all(START + 18 * HOUR);

    ok(values_are("s0", 2), "the second value of a time holds");
    is_int(delete("s1", PHR_TIME_MIN), PHR_OK,
           "another series of the first pack goes");
    ok(values_are("s0", 2), "and it holds still");
    is_int(delete("s2", PHR_TIME_MIN), PHR_OK, "one that both packs have goes");
    ok(values_are("s0", 2), "and it holds still");

    reopen();
    ok(values_are("s0", 2), "also when the store is opened again");
    is_int(damaged(), 0, "all is whole");

    /* the same before anything is packed, in two sources */

    fresh();
    fill("a", 0, 1, 1);
    fill("b", 1, 1, 1);
    phr_store_overlap(st, START, START + HOUR);
    fill("a", 0, 1, 2);
    phr_store_overlap(st, 1, 0);

    is_int(delete("s1", PHR_TIME_MIN), PHR_OK, "the other source's goes");
    ok(values_are("s0", 2), "the second value holds still");
    seal_all(START + 9 * HOUR);
    ok(values_are("s0", 2), "also when it is packed");
    is_int(damaged(), 0, "all is whole");

    /* a range that begins before everything, and one that does not */

    fresh();
    fill("a", 0, 3, 1);
    fill("b", 3, 1, 1);
    seal_all(START + 9 * HOUR);

    is_int(delete("s1", START + 1), PHR_OK, "all but the first sample");
    phr_store_stats(st, &stats);
    is_int(stats.nseries, 4, "the series stays");
    is_int(count(START, START + HOUR, NULL), 3 * N + 1, "with that");

    is_int(delete("s1", START), PHR_OK, "and that");
    is_int(delete("s0", 0), PHR_OK, "all since 1970");
    phr_store_stats(st, &stats);
    is_int(stats.nseries, 2, "neither is in the index any more");
    is_int(count(START, START + HOUR, NULL), 2 * N, "the others are whole");
    is_int(damaged(), 0, "all is whole");

    test_meanwhile(0);
    test_meanwhile(1);
    leave();

    return done_testing();
}
