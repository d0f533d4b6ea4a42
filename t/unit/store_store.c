/*
 * Copyright (C) The Pharos Authors
 *
 * The store as its owner sees it: small records, a full map, failures half
 * way, retention and what becomes of expired series.
 */

#include <sys/syscall.h>

#include "core/alloc.h"
#include "store/env.h"

#include "onestore.h"


static int  nsyncs;


/* LMDB's, too */
int
fdatasync(int fd)
{
    nsyncs++;

    return (int) syscall(SYS_fdatasync, fd);
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


/* a clock that is years ahead for days, and is set right then */
static void
test_retention_back(void)
{
    int                t, wrong;
    phr_store_stats_t  stats;

    fresh();
    conf.retention_ms = 24 * 3600000;
    reopen();

    phr_store_now(st, INT64_C(9000) * 3600000);
    append("a", 0, 100, INT64_C(9000) * 3600000, 1);
    phr_store_commit(st, INT64_C(9000) * 3600000, 0, &err);
    retain_all(INT64_C(9000) * 3600000);

    wrong = 0;

    for (t = 0; t < 60 * 60; t += 5) {
        phr_store_now(st, t * 60000);
        wrong += append("b", 100, 100, t * 60000, t) != PHR_OK;
        phr_store_commit(st, t * 60000, 0, &err);
        seal_all(t * 60000);
        retain_all(t * 60000);
    }

    is_int(wrong, 0, "what comes when the clock was set back is taken");
    phr_store_stats(st, &stats);
    ok(stats.npacks < 20, "and dropped in its time: %d packs",
       (int) stats.npacks);
    is_int(damaged(), 0, "nothing is damaged");

    /* a bound that leaves nothing but what is not packed */

    fresh();
    conf.retention_bytes = 64 << 10;
    reopen();

    for (t = 0; t < 200; t++) {
        append("a", 0, 100, INT64_C(9000) * 3600000 + t * 60000, t);
    }

    t = 300 * 60000;
    phr_store_commit(st, INT64_C(9000) * 3600000 + t, 0, &err);
    seal_all(INT64_C(9000) * 3600000 + t);
    retain_all(INT64_C(9000) * 3600000 + t);
    is_int(append("a", 0, 1, INT64_C(9000) * 3600000, 1), PHR_ELIMIT,
           "what was dropped for the size is not taken");

    phr_store_commit(st, t, 0, &err);
    retain_all(t);
    is_int(append("b", 200, 1, t, 1), PHR_OK,
           "what comes when the clock was set back is");
}


static void
coarsen_all(int64_t now)
{
    while (phr_store_coarsen(st, now, &err) == PHR_AGAIN) { /* void */ }
}


/* the same, with buckets of what it is to drop */
static void
test_coarse_back(void)
{
    int      t;
    int64_t  far;

    fresh();
    conf.retention_ms = 24 * 3600000;
    conf.coarse[0].after_ms = 10 * 3600000;
    reopen();
    far = INT64_C(9000) * 3600000;

    for (t = 0; t < 120 * 60; t += 5) {

        if (t == 600) {
            phr_store_now(st, far);
            append("a", 0, 10, far, 1);
            phr_store_commit(st, far, 0, &err);
            seal_all(far + 18 * 3600000);
            retain_all(far + 18 * 3600000);
            coarsen_all(far + 18 * 3600000);
            retain_all(far + 18 * 3600000);
            coarsen_all(far + 18 * 3600000);
        }

        phr_store_now(st, t * 60000);
        append("b", 100, 10, t * 60000, t);
        phr_store_commit(st, t * 60000, 0, &err);
        seal_all(t * 60000);
        retain_all(t * 60000);
        coarsen_all(t * 60000);
    }

    ok(count(INT64_C(30) * 3600000, INT64_C(80) * 3600000 - 1, NULL)
       >= 50 * 12 * 10, "buckets are made when the clock was set back");
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
        { "pharos store", 3, PHR_EINVAL, "the store has format 3" },
        { "pharos store", 2, PHR_EINVAL, "encrypted, and no key is given" },
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


/* what is awaited changed nothing, but repeats what is not on the disk yet */
static void
test_durable(void)
{
    uint64_t  before;

    fresh();
    ok(phr_store_unsynced(st) == 0, "nothing to be flushed");

    append("a", 0, 10, 1000, 1);
    phr_store_commit(st, 1000, 0, &err);
    before = phr_store_unsynced(st);
    ok(before != 0, "a commit that is not durable");

    is_int(append("b", 0, 10, 1000, 1), PHR_OK, "the same samples again");
    phr_store_commit(st, 1000, 0, &err);
    is_int(append("b", 0, 10, 1000, 1), PHR_OK, "and again");
    before = phr_store_unsynced(st);
    phr_store_commit(st, 1000, 0, &err);
    ok(phr_store_unsynced(st) == before, "flush nothing");

    is_int(append("b", 0, 10, 1000, 1), PHR_OK, "once more");
    nsyncs = 0;
    is_int(phr_store_commit(st, 1000, 1, &err), PHR_OK, "now durable");
    is_int(nsyncs, 1, "which flushes what they repeat");
    ok(phr_store_unsynced(st) == 0, "that is on the disk");

    append("a", 0, 10, 2000, 1);
    phr_store_commit(st, 2000, 0, &err);
    nsyncs = 0;
    reopen();
    ok(nsyncs > 0 && phr_store_unsynced(st) == 0,
       "who opens it flushes what the last one left");
}


int
main(void)
{
    if (mkdtemp(dir) == NULL) {
        return 1;
    }

    test_kv();
    test_room();
    test_retention();
    test_retention_back();
    test_coarse_back();
    test_wide();
    test_lost_sid();
    test_full();
    test_version();
    test_durable();

    leave();

    return done_testing();
}
