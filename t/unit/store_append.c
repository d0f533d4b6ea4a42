/*
 * Copyright (C) The Pharos Authors
 *
 * Which samples are taken: in order, late, twice, from another clock; and
 * which series a source had last.
 */

#include "onestore.h"


static void
test_order(void)
{
    fresh();

    is_int(append("a", 0, 2, -5000, 1), PHR_OK, "before 1970");
    is_int(append("a", 0, 2, 1000, 1), PHR_OK, "later");
    is_int(append("a", 0, 2, 1000, 1), PHR_OK, "the same again");
    is_int(append("a", 0, 2, 1000, 2), PHR_EDUPLICATE, "another value");
    is_int(append("a", 0, 2, 500, 1), PHR_EORDER, "earlier");
    is_int(append("a", 0, 2, -5000, 1), PHR_OK, "earlier, but known");
    is_int(append("a", 5, 2, -9000, 1), PHR_OK,
           "another series of the source, earlier");
    is_int(append("b", 0, 2, 900, 1), PHR_EORDER,
           "order is of the series, not of the source");
    is_int(append("a", 0, 2, INT64_MAX, 1), PHR_ELIMIT, "no such time");
    phr_store_commit(st, 0, 1, &err);
    reopen();

    is_int(append("a", 0, 2, 500, 1), PHR_EORDER, "earlier, after a start");
    is_int(append("a", 0, 2, 1000, 1), PHR_OK, "known, after a start");
    phr_store_commit(st, 0, 1, &err);
    seal_all(100000000);
    reopen();
    is_int(append("a", 0, 2, 500, 1), PHR_EORDER, "earlier, sealed");
    is_int(append("a", 0, 2, 1000, 2), PHR_EDUPLICATE, "known, sealed");
    phr_store_commit(st, 0, 1, &err);
    is_int(count(-100000, 100000, NULL), 6, "six samples");

    conf.retention_ms = 1000000;
    conf.future_ms = 1000;
    reopen();
    phr_store_now(st, 10000000);
    is_int(append("a", 0, 1, 8000000, 1), PHR_ELIMIT, "too old");
    is_int(append("a", 0, 1, 10002000, 1), PHR_ELIMIT, "in the future");
    is_int(append("a", 0, 1, 10000500, 1), PHR_OK, "a little ahead");
    phr_store_commit(st, 10000000, 1, &err);
    is_int(damaged(), 0, "nothing is damaged");
}


/* one sample of series "s0" at a time, or -1 if there is none */
static double
value_at(int64_t t_ms)
{
    int                rc;
    double             v;
    phr_arena_t       *arena;
    phr_series_t       s;
    phr_matcher_t      m;
    phr_querier_t     *q;
    phr_storage_t     *storage;
    phr_series_set_t  *set;

    v = -1;
    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("__name__"),
                     phr_str_of("s0"), &err);

    rc = storage->querier(storage, &q, &err);

    if (rc == PHR_OK) {
        rc = q->ops->select(q, &m, 1, t_ms, t_ms, NULL, arena, &set, &err);

        while (rc == PHR_OK && (rc = set->next(set, &s, &err)) == PHR_OK) {
            v = s.n == 1 ? s.v[0] : -2;
        }

        q->ops->close(q);
    }

    phr_arena_destroy(arena);

    return v;
}


/* reasons that were counted, as digits in their order */
static const char *
refused(void)
{
    static char        text[64];
    unsigned           i;
    phr_store_stats_t  s;

    phr_store_stats(st, &s);

    for (i = 0; i < PHR_REFUSED_REASONS; i++) {
        snprintf(text + i, 2, "%d", (int) phr_min(s.nrefused[i], 9));
    }

    return text;
}


#define HOUR  3600000LL

static void
test_late(void)
{
    int      i;
    double   stale;
    int64_t  now;

    fresh();
    conf.out_of_order_ms = HOUR;
    conf.future_ms = 600000;
    conf.retention_ms = 100 * HOUR;
    conf.max_series = 3;
    reopen();

    now = 1000 * HOUR;
    stale = phr_double_from_bits(PHR_STALE_NAN_BITS);

    for (i = 0; i < 240; i++) {
        phr_store_now(st, now + i * 60000);
        append("a", 0, 2, now + i * 60000, i);
        phr_store_commit(st, now + i * 60000, 1, &err);
    }

    now += 239 * 60000;
    seal_all(now + 3 * HOUR);
    phr_store_now(st, now);

    is_int(append("b", 0, 1, now - 30000, 7), PHR_OK,
           "late within the window, between sealed samples");
    is_int(append("b", 0, 1, now - HOUR, 179), PHR_OK,
           "at the window's end, known");
    is_int(append("b", 0, 1, now - HOUR + 1, 8), PHR_OK, "at its end, new");
    is_int(append("b", 0, 1, now - HOUR - 1, 8), PHR_EOLD, "too late");
    is_int(append("b", 0, 1, now - 60000, 1), PHR_EDUPLICATE,
           "another value of a sealed sample");
    is_int(append("b", 0, 1, now - 60001, stale), PHR_OK, "a late marker");
    is_int(append("b", 0, 1, now - 60001, stale), PHR_OK, "the same marker");
    is_int(append("b", 0, 1, now - 60001, 0), PHR_EDUPLICATE,
           "a value in place of a marker");
    is_int(append("b", 0, 1, now - 60000, stale), PHR_EDUPLICATE,
           "a marker in place of a value");
    is_int(append("b", 0, 1, now + 600001, 1), PHR_ELIMIT, "far ahead");
    is_int(append("b", 0, 1, now + 600000, 1), PHR_OK, "not so far");
    is_int(append("b", 0, 1, now - 101 * HOUR, 1), PHR_ELIMIT,
           "beyond the retention");
    is_int(append("b", 2, 2, now, 1), PHR_ELIMIT, "one series too many");
    phr_store_commit(st, now, 1, &err);

    is_str(refused(), "0111310000", "counted by reason");
    ok(value_at(now - 30000) == 7 && value_at(now - HOUR) == 179
       && value_at(now - HOUR + 1) == 8 && value_at(now - 60000) == 238
       && phr_is_stale(value_at(now - 60001)),
       "late samples are seen in their places");

    seal_all(now + 6 * HOUR);
    ok(value_at(now - 30000) == 7 && value_at(now - HOUR + 1) == 8
       && phr_is_stale(value_at(now - 60001)), "also when they are sealed");
    is_int(damaged(), 0, "nothing is damaged");

    conf.out_of_order_ms = 0;
    reopen();
    phr_store_now(st, now);
    is_int(append("b", 0, 1, now - 1, 8), PHR_EORDER,
           "without a window it is out of order");
}


/* one sample of series "s0", with a time of its own */
static int
append_loose(int64_t t_ms, double v)
{
    int              rc;
    phr_sid_t        sid;
    phr_batch_t      b;
    phr_appender_t  *app;

    app = phr_store_appender(st);
    memset(&b, 0, sizeof(b));

    rc = app->ops->source(app, phr_str_of("loose"), &b.source, &err);
    if (rc == PHR_OK) {
        rc = series(0, &sid);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    b.t_each = &t_ms;
    b.sid = &sid;
    b.v = &v;
    b.n = 1;

    return app->ops->append(app, &b, &err);
}


/* what another process wrote is not written over */
static void
test_loose(void)
{
    int  i;

    fresh();

    for (i = 1; i < 7; i++) {
        is_int(append_loose(1000 * i, i), PHR_OK, "loose sample %d", i);
        is_int(phr_store_commit(st, 0, 1, &err), PHR_OK, "is committed");

        if (i % 2 == 0) {
            reopen();
        }
    }

    for (i = 1; i < 7; i++) {
        is_int(value_at(1000 * i), i, "and found, %d", i);
    }
}


/* the clock ran an hour ahead for two hours and is set back */
static void
test_overlap(void)
{
    int      i;
    int64_t  now, was;

    fresh();
    conf.future_ms = 600000;
    conf.out_of_order_ms = 0;
    reopen();

    was = 1001 * HOUR;

    for (i = 0; i <= 120; i++) {
        phr_store_now(st, was + i * 60000);
        append("a", 0, 700, was + i * 60000, i);
        phr_store_commit(st, was + i * 60000, 1, &err);

        if (i == 60) {
            seal_all(was + 3 * HOUR);
        }
    }

    was += 120 * 60000;
    now = was - HOUR;
    phr_store_now(st, now);
    is_int(append("a", 0, 700, now, 1000), PHR_EDUPLICATE,
           "refused without an overlap");

    phr_store_overlap(st, now, was);

    /* half an hour of the same times, then others; two layouts */

    for (i = 0; i < 60; i++) {
        phr_store_now(st, now + i * 60000);

        if (append("a", 0, i % 7 == 3 ? 699 : 700,
                   now + i * 60000 + (i >= 30), 1000 + i) != PHR_OK
            || append("loose", 0, 1, now + i * 60000 + 5000, i) != PHR_OK)
        {
            break;
        }

        phr_store_commit(st, now + i * 60000, 1, &err);

        if (i == 15 || i == 40) {
            seal_all(now + 9 * HOUR);
        }
    }

    is_int(i, 60, "all that the true clock brings is stored");
    is_int(append("a", 0, 1, now - HOUR, 1), PHR_EDUPLICATE,
           "but nothing of before it");
    phr_store_commit(st, now, 1, &err);

    for (i = 0; i < 30; i++) {
        if (value_at(now + i * 60000) != 1000 + i) {
            break;
        }
    }

    is_int(i, 30, "the newer value of a time holds");
    ok(value_at(now + 40 * 60000 + 1) == 1040
       && value_at(now + 40 * 60000) == 100, "beside it both are seen");

    seal_all(now + 20 * HOUR);
    reopen();

    for (i = 0; i < 30; i++) {
        if (value_at(now + i * 60000) != 1000 + i) {
            break;
        }
    }

    is_int(i, 30, "also when all is sealed");
    is_int(count(now + 1, was, NULL), 700 * 60 + 30 * 700 - 5 + 60,
           "and none is there twice");
    is_int(damaged(), 0, "nothing is damaged");

    phr_store_overlap(st, 1, 0);
    phr_store_now(st, was + 1);
    is_int(append("a", 0, 1, now + 30000, 1), PHR_EORDER,
           "an overlap that is over");
}


/* while the clock was wrong a source had one series more for some time */
static void
test_overlap_layouts(void)
{
    int      i;
    int64_t  was, now;

    fresh();
    was = 1001 * HOUR;

    for (i = 0; i < 40; i++) {
        phr_store_now(st, was + i * 60000);
        append("a", 0, i < 20 ? 9 : 10, was + i * 60000, i);
        phr_store_commit(st, was + i * 60000, 1, &err);
    }

    now = was;
    phr_store_overlap(st, now, was + 40 * 60000);

    for (i = 0; i < 40; i++) {
        phr_store_now(st, now + i * 60000);
        append("a", 0, 9, now + i * 60000, 1000 + i);
        phr_store_commit(st, now + i * 60000, 1, &err);
    }

    for (i = 0; i < 40 && value_at(now + i * 60000) == 1000 + i; i++) {
        /* void */
    }

    is_int(i, 40, "the newer value holds, whichever its layout");

    seal_all(now + 20 * HOUR);
    reopen();

    for (i = 0; i < 40 && value_at(now + i * 60000) == 1000 + i; i++) {
        /* void */
    }

    is_int(i, 40, "also when all is sealed");
    is_int(damaged(), 0, "nothing is damaged");
}


static int
count_sid(void *data, phr_sid_t sid)
{
    ++*(int *) data;

    return PHR_OK;
}


/* how many series the last batch of a source had, -1 if that failed */
static int
newest(const char *source, int64_t min_ms, int64_t max_ms)
{
    int              n;
    uint32_t         id;
    phr_appender_t  *app;

    n = 0;
    app = phr_store_appender(st);

    if (app->ops->source(app, phr_str_from_c(source), &id, &err) != PHR_OK
        || app->ops->newest(app, id, min_ms, max_ms, count_sid, &n, &err)
           != PHR_OK)
    {
        printf("# %s\n", err.text);
        return -1;
    }

    return n;
}


/* the same of rows, of packs, and after the store was opened again */
static void
newest_is(const char *source, int64_t t_ms, int n, const char *what)
{
    int  step;

    static const char  *steps[] = { "pending", "rows", "rows, reopened",
                                    "packs", "packs, reopened" };

    for (step = 0; step < 5; step++) {

        switch (step) {

        case 1:
            phr_store_commit(st, t_ms, 1, &err);
            break;

        case 3:
            phr_store_commit(st, t_ms, 1, &err);
            seal_all(t_ms + INT64_C(48) * 3600000);
            break;

        case 2:
        case 4:
            phr_store_commit(st, t_ms, 1, &err);
            reopen();
        }

        is_int(newest(source, t_ms - 60000, t_ms + 1000), n, "%s: %s", what,
               steps[step]);
    }
}


/* one batch of these series, of which the first nhists are histograms */
static int
append_hists(const char *source, int first, int n, int nhists, int64_t t_ms)
{
    int                i;
    double             value[16];
    phr_sid_t          sid[16];
    phr_batch_t        b;
    phr_appender_t    *app;
    const phr_hist_t  *h[16];

    static const phr_hist_t  empty = { .integer = 1 };

    app = phr_store_appender(st);
    memset(&b, 0, sizeof(b));

    app->ops->source(app, phr_str_from_c(source), &b.source, &err);

    for (i = 0; i < n; i++) {
        series(first + i, &sid[i]);
        value[i] = 1;
        h[i] = i < nhists ? &empty : NULL;
    }

    b.t_ms = t_ms;
    b.sid = sid;
    b.v = value;
    b.h = h;
    b.n = (size_t) n;

    return app->ops->append(app, &b, &err);
}


static void
test_newest(void)
{
    double  stale;

    stale = phr_double_from_bits(PHR_STALE_NAN_BITS);

    fresh();
    is_int(newest("a", 0, 1000000), 0, "a source without samples");

    append("a", 0, 10, 100000, 1);
    append("a", 0, 7, 115000, 1);
    newest_is("a", 115000, 7, "the last row");
    is_int(newest("a", 116000, 200000), 0, "not what is older");
    is_int(newest("a", 0, 114999), 3, "nor newer");

    fresh();
    append("a", 0, 10, 100000, 1);
    append("b", 4, 2, 110000, 1);
    newest_is("a", 100000, 8, "not what another source goes on with");

    fresh();
    append("a", 0, 10, 100000, 1);
    append("a", 0, 10, 115000, stale);
    newest_is("a", 115000, 0, "not what has ended");

    fresh();
    append("a", 0, 1500, 100000, 1);
    newest_is("a", 100000, 1500, "a row of some pieces");

    fresh();
    append_hists("a", 0, 9, 4, 100000);
    append_hists("a", 0, 9, 4, 115000);
    newest_is("a", 115000, 9, "histograms, too");
    append_hists("a", 1, 8, 3, 130000);
    newest_is("a", 130000, 8, "not one that has ended");
    append_hists("b", 1, 1, 1, 131000);
    newest_is("a", 130000, 7, "nor one that another source goes on with");
    append("a", 1, 9, 145000, stale);
    newest_is("a", 145000, 0, "nor any when all have ended");
}


int
main(void)
{
    if (mkdtemp(dir) == NULL) {
        return 1;
    }

    test_order();
    test_late();
    test_loose();
    test_overlap();
    test_overlap_layouts();
    test_newest();

    leave();

    return done_testing();
}
