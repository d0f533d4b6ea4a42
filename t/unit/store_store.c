/*
 * Copyright (C) The Pharos Authors
 *
 * The store as its owner sees it: small records, a full map, failures half
 * way, retention and what becomes of expired series, refusals by time.
 */

#include <unistd.h>

#include "core/alloc.h"
#include "store/env.h"
#include "store/store.h"
#include "store/verify.h"
#include "tap.h"


static char              dir[] = "/tmp/phr-store-XXXXXX";
static phr_store_t      *st;
static phr_store_conf_t  conf;
static phr_err_t         err;


static void
reopen(void)
{
    if (st != NULL) {
        phr_store_close(st);
    }

    if (phr_store_open(&conf, &st, &err) != PHR_OK) {
        printf("Bail out! open: %s\n", err.text);
        exit(1);
    }
}


static void
fresh(void)
{
    char  path[64];

    if (st != NULL) {
        phr_store_close(st);
        st = NULL;
    }

    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/lock.mdb", dir);
    unlink(path);

    memset(&conf, 0, sizeof(conf));
    conf.path = dir;
    conf.map_size_bytes = 64 << 20;
    phr_err_init(&err);
    reopen();
}


static int
series(int i, phr_sid_t *sid)
{
    char             name[32];
    phr_label_t      l[2];
    phr_labels_t     ls;
    phr_appender_t  *app;

    snprintf(name, sizeof(name), "s%d", i);
    l[0].name = phr_str_of("__name__");
    l[0].value = phr_str_from_c(name);
    l[1].name = phr_str_of("job");
    l[1].value = phr_str_of("test");
    ls.l = l;
    ls.n = 2;

    app = phr_store_appender(st);

    return app->ops->series(app, ls, sid, &err);
}


/* one value of each of n series; the status of the last, or a failure */
static int
append(const char *source, int first, int n, int64_t t_ms, double v)
{
    int              i, rc;
    int8_t           status[2000];
    double           value[2000];
    phr_sid_t        sid[2000];
    phr_batch_t      b;
    phr_appender_t  *app;

    app = phr_store_appender(st);
    memset(&b, 0, sizeof(b));

    rc = app->ops->source(app, phr_str_from_c(source), &b.source, &err);

    for (i = 0; i < n && rc == PHR_OK; i++) {
        rc = series(first + i, &sid[i]);
        value[i] = v;
    }

    if (rc != PHR_OK) {
        return rc;
    }

    b.t_ms = t_ms;
    b.sid = sid;
    b.v = value;
    b.n = (size_t) n;
    b.status = status;

    rc = app->ops->append(app, &b, &err);

    return rc == PHR_OK ? status[n - 1] : rc;
}


/* samples of all series whose job is "test" in a range */
static int
count(int64_t min_ms, int64_t max_ms, size_t *nseries)
{
    int                rc, n;
    phr_arena_t       *arena;
    phr_series_t       s;
    phr_matcher_t      m;
    phr_querier_t     *q;
    phr_storage_t     *storage;
    phr_series_set_t  *set;

    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    n = 0;

    if (nseries != NULL) {
        *nseries = 0;
    }

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("job"), phr_str_of("test"),
                     &err);
    rc = storage->querier(storage, &q, &err);

    if (rc == PHR_OK) {
        rc = q->ops->select(q, &m, 1, min_ms, max_ms, NULL, arena, &set,
                            &err);

        while (rc == PHR_OK
               && (rc = set->next(set, &s, &err)) == PHR_OK)
        {
            n += (int) s.n;

            if (nseries != NULL) {
                ++*nseries;
            }
        }

        q->ops->close(q);
    }

    phr_arena_destroy(arena);

    return rc == PHR_DONE ? n : rc;
}


static int
damaged(void)
{
    phr_store_damage_t  d;

    return phr_store_verify(st, NULL, NULL, &d, &err) == PHR_OK
           ? (int) d.ndamaged : -1;
}


static int
seal_all(int64_t now)
{
    int  rc, n;

    for (n = 0; (rc = phr_store_seal(st, now, &err)) == PHR_AGAIN; n++) {
        /* void */
    }

    return rc == PHR_OK ? n : rc;
}


static int
retain_all(int64_t now)
{
    int  rc, n;

    for (n = 0; (rc = phr_store_retain(st, now, &err)) == PHR_AGAIN; n++) {
        /* void */
    }

    return rc == PHR_OK ? n : rc;
}


static int
visit(void *data, phr_str_t key, phr_str_t value)
{
    phr_buf_t  *b = data;

    phr_buf_printf(b, "%zu=%zu;", key.len, value.len);

    return PHR_OK;
}


static void
test_kv(void)
{
    char             long_key[3000], *big;
    phr_buf_t        b;
    phr_str_t        key;
    phr_appender_t  *app;

    fresh();
    app = phr_store_appender(st);
    phr_buf_init(&b, 0);
    memset(long_key, 'k', sizeof(long_key));
    big = calloc(1, 1000000);
    memset(big, 'v', 1000000);

    app->ops->put(app, 'p', phr_str_of("a"), phr_str_of("1"), &err);
    app->ops->put(app, 'p', phr_str_of("ab"), phr_str_from(big, 1000000),
                  &err);
    app->ops->put(app, 'p', phr_str_of("b\0c"), phr_str_of(""), &err);
    app->ops->put(app, 'q', phr_str_of("a"), phr_str_of("other"), &err);

    key = phr_str_from(long_key, sizeof(long_key));
    app->ops->put(app, 'p', key, phr_str_of("long"), &err);
    long_key[2999] = 'x';
    app->ops->put(app, 'p', key, phr_str_of("longer"), &err);

    is_int(phr_store_get(st, 'p', phr_str_of("a"), &b, &err), PHR_NOTFOUND,
           "nothing is there before the commit");
    is_int(phr_store_commit(st, 0, 1, &err), PHR_OK, "committed");
    reopen();
    app = phr_store_appender(st);

    is_int(phr_store_get(st, 'p', phr_str_of("ab"), &b, &err), PHR_OK,
           "a long value");
    ok(b.len == 1000000 && memcmp(b.data, big, b.len) == 0, "is whole");
    phr_buf_reset(&b);
    phr_store_get(st, 'p', key, &b, &err);
    is_str(phr_buf_cstr(&b), "longer", "a long key is told from its like");
    phr_buf_reset(&b);

    app->ops->each(app, 'p', phr_str_of("a"), visit, &b, &err);
    is_str(phr_buf_cstr(&b), "1=1;2=1000000;", "records by prefix");
    phr_buf_reset(&b);
    app->ops->each(app, 'p', phr_str_of(""), visit, &b, &err);
    is_str(phr_buf_cstr(&b), "1=1;2=1000000;3=0;3000=4;3000=6;",
           "all records of a space");

    app->ops->put(app, 'p', phr_str_of("ab"), phr_str_of("short"), &err);
    app->ops->del(app, 'p', key, &err);
    phr_store_commit(st, 0, 1, &err);
    phr_buf_reset(&b);
    phr_store_get(st, 'p', phr_str_of("ab"), &b, &err);
    is_str(phr_buf_cstr(&b), "short", "a shorter value replaces a longer");
    is_int(phr_store_get(st, 'p', key, &b, &err), PHR_NOTFOUND, "deleted");
    is_int(damaged(), 0, "nothing is damaged");

    phr_buf_free(&b);
    free(big);
}


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


/* one that makes ever new series, and one that comes late */
static void
test_room(void)
{
    int              i, rc, n, late;
    char             name[32];
    phr_sid_t        sid;
    phr_label_t      l[2];
    phr_labels_t     ls;
    phr_appender_t  *app;

    fresh();
    conf.max_series = 200;
    reopen();

    n = 0;
    rc = PHR_OK;

    for (i = 0; i < 300 && rc == PHR_OK; i++) {
        rc = append("wild", i, 1, 1000, 1);
        phr_store_commit(st, 1000, 1, &err);
        n += (rc == PHR_OK);
    }

    is_int(rc, PHR_ELIMIT, "too many series of one job");
    is_int(n, 180, "nine of ten that there may be");

    app = phr_store_appender(st);
    l[0].name = phr_str_of("__name__");
    l[0].value = phr_str_of("x");
    l[1].name = phr_str_of("job");
    ls.l = l;
    ls.n = 2;
    late = 0;

    for (i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "late%d", i);
        l[1].value = phr_str_from_c(name);
        late += (app->ops->series(app, ls, &sid, &err) == PHR_OK);
        phr_store_commit(st, 1000, 1, &err);
    }

    is_int(late, 20, "the rest is for others");
    is_int(append("wild", 0, 1, 2000, 1), PHR_OK, "what is there goes on");
    is_int(append("wild", 999, 1, 2000, 1), PHR_ELIMIT, "and no more");
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

    phr_store_overlap(st, now, was);
    phr_store_now(st, was + 1);
    is_int(append("a", 0, 1, now + 30000, 1), PHR_EORDER,
           "an overlap that is over");
}


static void
test_retention(void)
{
    int                 i, t;
    size_t              nseries;
    phr_sid_t           first, again;
    phr_store_stats_t   stats;

    fresh();
    conf.retention_ms = 24 * 3600000;
    reopen();

    /* 60 hours; each series lives for ten */

    for (t = 0; t < 60 * 60; t += 5) {
        i = t / 600 * 100;

        if (append("a", i, 100, t * 60000, t) != PHR_OK
            || phr_store_commit(st, t * 60000, 0, &err) != PHR_OK)
        {
            ok(0, "append at %d: %s", t, err.text);
            return;
        }

        phr_store_now(st, t * 60000);
        seal_all(t * 60000);
        retain_all(t * 60000);

        if (t == 0) {
            series(0, &first);
            phr_store_commit(st, 0, 0, &err);
        }

        if (t == 1800) {
            reopen();
        }
    }

    phr_store_stats(st, &stats);
    ok(stats.nseries >= 300 && stats.nseries <= 400,
       "%d of 600 series are left", (int) stats.nseries);
    t = (int) (60 - stats.min_ms / 3600000);
    ok(t >= 24 && t < 31, "the oldest sample is %d hours old", t);
    is_int(count(INT64_C(59) * 3600000, INT64_C(61) * 3600000, &nseries),
           1200, "the last hour is whole");
    is_int(count(0, INT64_C(20) * 3600000, &nseries), 0,
           "what was long ago is gone");
    is_int(damaged(), 0, "nothing is damaged");

    series(0, &again);
    ok(again > first, "an id is not given twice");
    is_int(append("a", 0, 1, INT64_C(61) * 3600000, 1), PHR_OK,
           "a series that expired may come back");
    phr_store_commit(st, INT64_C(61) * 3600000, 0, &err);
    is_int(count(INT64_C(61) * 3600000, INT64_C(61) * 3600000, &nseries), 1,
           "and is found");
    is_int(damaged(), 0, "nothing is damaged");
}


/* a source of several pieces is packed in steps, while rows go on coming */
static void
test_wide(void)
{
    int                t, rc, nsteps, wrong;
    phr_store_stats_t  stats;

    fresh();
    conf.map_size_bytes = 256 << 20;
    reopen();
    nsteps = 0;
    wrong = 0;

    for (t = 0; t < 300; t++) {
        if (append("wide", 0, 1900, t * 15000, t) != PHR_OK
            || phr_store_commit(st, t * 15000, 0, &err) != PHR_OK)
        {
            wrong++;
        }

        rc = phr_store_seal(st, t * 15000, &err);
        nsteps += (rc == PHR_AGAIN);
        wrong += (rc < 0);

        if (t % 60 == 40 && count(0, t * 15000, NULL) != 1900 * (t + 1)) {
            wrong++;
        }

        if (t == 200) {
            reopen();
        }
    }

    phr_store_stats(st, &stats);
    is_int(wrong, 0, "a wide source is whole at any time");
    ok(nsteps >= 4 && nsteps <= 10, "and packed in %d steps", nsteps);
    ok(stats.nrows > 0 && stats.nrows < 4 * 130, "%d pieces are left",
       (int) stats.nrows);
    is_int(damaged(), 0, "nothing is damaged");
}


/* a sid that is gone, or was made in a commit that failed */
static void
test_lost_sid(void)
{
    double           v;
    int8_t           status;
    uint32_t         source;
    phr_sid_t        lost, other;
    phr_batch_t      b;
    phr_appender_t  *app;

    fresh();
    app = phr_store_appender(st);
    app->ops->source(app, phr_str_of("x"), &source, &err);
    phr_store_commit(st, 0, 0, &err);

    series(1, &lost);
    phr_alloc_fail_at(0);
    is_int(series(2, &other) < 0 || series(3, &other) < 0, 1,
           "memory is gone");
    is_int(phr_store_commit(st, 0, 0, &err), PHR_ENOMEM,
           "the commit fails");
    phr_alloc_fail_at(-1);

    series(4, &other);
    ok(other > lost, "an id from a failed commit is not given again");

    v = 1;
    memset(&b, 0, sizeof(b));
    b.source = source;
    b.t_ms = 1;
    b.sid = &lost;
    b.v = &v;
    b.n = 1;
    b.status = &status;
    is_int(app->ops->append(app, &b, &err), PHR_OK, "a batch of it is taken");
    is_int(status, PHR_ENOTFOUND, "its sample is not");
    is_int(phr_store_commit(st, 0, 0, &err), PHR_OK, "work goes on");
    is_int(damaged(), 0, "nothing is damaged");
}


static void
test_full(void)
{
    int  t, rc, n;

    fresh();
    conf.map_size_bytes = 16 << 20;
    conf.retention_bytes = 8 << 20;
    reopen();

    rc = PHR_OK;

    for (t = 0; t < 4000 && rc == PHR_OK; t++) {
        rc = append("a", 0, 1000, t * 15000, t * 1.37);

        if (rc == PHR_OK) {
            rc = phr_store_commit(st, t * 15000, 0, &err);
        }
    }

    is_int(rc, PHR_ENOSPC, "the map is full after %d rows", t);
    (void) phr_store_commit(st, 0, 0, &err);
    n = count(0, INT64_MAX, NULL);
    is_int(n, (t - 1) * 1000, "what was committed is there");
    is_int(append("a", 0, 1000, t * 15000, t), PHR_ENOSPC,
           "ingest is refused");

    rc = seal_all(t * 15000 + 8000000);
    ok(rc > 0, "rows are packed all the same: %s", rc < 0 ? err.text : "");
    is_int(count(0, INT64_MAX, NULL), n, "and nothing is lost");
    is_int(append("a", 0, 1000, t * 15000, 5), PHR_OK, "ingest goes on");
    is_int(phr_store_commit(st, 0, 0, &err), PHR_OK, "and commits");
    is_int(damaged(), 0, "nothing is damaged");
}


static void
test_version(void)
{
    int         rc;
    uint8_t     value[4 + 13 + 4];
    phr_env_t  *env;
    phr_txn_t  *txn;

    static const struct {
        const char  *magic;
        uint8_t      version;
        int          rc;
        const char  *text;
    } cases[] = {
        { "pharos store", 2, PHR_EINVAL, "the store has format 2" },
        { "other things", 1, PHR_ECORRUPT, "not a store" },
    };

    size_t      i;

    for (i = 0; i < phr_nelems(cases); i++) {
        fresh();
        phr_store_close(st);
        st = NULL;

        phr_env_open(dir, 64 << 20, 0, &env, &err);
        phr_txn_begin(env, 1, &txn, &err);
        memset(value, 0, sizeof(value));
        memcpy(value + 4, cases[i].magic, 12);
        value[20] = cases[i].version;
        phr_record_put(txn, PHR_DB_META, "version", 7, value, sizeof(value),
                       &err);
        phr_txn_commit(env, txn, 1, &err);
        phr_env_close(env);

        rc = phr_store_open(&conf, &st, &err);
        ok(rc == cases[i].rc && strstr(err.text, cases[i].text) != NULL,
           "refused: %s", err.text);
        st = NULL;
    }
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
}


int
main(void)
{
    if (mkdtemp(dir) == NULL) {
        return 1;
    }

    test_kv();
    test_order();
    test_late();
    test_room();
    test_overlap();
    test_retention();
    test_wide();
    test_lost_sid();
    test_full();
    test_version();
    test_newest();

    fresh();
    phr_store_close(st);

    if (chdir(dir) == 0) {
        unlink("data.mdb");
        unlink("lock.mdb");
        rmdir(dir);
    }

    return done_testing();
}
