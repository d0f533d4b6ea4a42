/*
 * Copyright (C) The Pharos Authors
 *
 * Start timestamps in the store: a model that holds every sample beside what
 * is read, while samples come in rows, loose and late, are packed, deleted
 * and dropped, and the store is opened anew; then the plain cases by hand.
 */

#include <signal.h>
#include <sys/resource.h>

#include "beside.h"

#include "store/loose.h"


#define SERIES   560            /* of two groups; every 14th is used */
#define EVERY    14
#define USED     (SERIES / EVERY)
#define SAMPLES  1200           /* of one series */
#define STEPS    3000
#define HOUR     INT64_C(3600000)


typedef struct {
    int64_t  t_ms;
    int64_t  st_ms;
    double   v;
} cell_t;


typedef struct {
    phr_sid_t  sid;
    cell_t     cell[SAMPLES];
    size_t     n;
    int64_t    st_ms;           /* of a counter */
    int        kind;            /* of start timestamps */
} model_t;


static model_t   model[USED];
static uint64_t  seed = 20260821;
static int64_t   now = INT64_C(1700000000000);
static int64_t   value = 1;


static uint64_t
dice(uint64_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);

    return (seed >> 33) % n;
}


/* what a sample of the series at t says of its start */
static int64_t
start_of(model_t *m, int64_t t_ms)
{
    switch (m->kind) {

    case 0:
        return 0;

    case 1:
        /* a counter that is born again from time to time */
        if (m->st_ms == 0 || dice(40) == 0) {
            m->st_ms = t_ms - (int64_t) dice(100000);
        }

        return m->st_ms;

    case 2:
        /* deltas */
        return m->n > 0 ? m->cell[m->n - 1].t_ms : t_ms - 1000;

    case 3:
        return t_ms - 1;

    default:
        /* now and then, and nonsense */
        return dice(3) == 0 ? t_ms + (int64_t) dice(7) - 3 : 0;
    }
}


static void
keep(model_t *m, int64_t t_ms, int64_t st_ms, double v)
{
    size_t  i;

    for (i = m->n; i > 0 && m->cell[i - 1].t_ms > t_ms; i--) {
        m->cell[i] = m->cell[i - 1];
    }

    m->cell[i].t_ms = t_ms;
    m->cell[i].st_ms = st_ms;
    m->cell[i].v = v;
    m->n++;
}


static size_t
place(const model_t *m, int64_t t_ms)
{
    size_t  i;

    for (i = 0; i < m->n && m->cell[i].t_ms < t_ms; i++) { /* void */ }

    return i;
}


/* a batch of some series: a row, or each at its own time, or late ones */
static int
write_some(int what)
{
    int              i, rc, any, plain;
    size_t           n, k;
    double           v[USED];
    int8_t           status[USED];
    int64_t          t[USED], st_ms[USED];
    model_t         *m, *of[USED];
    phr_sid_t        sid[USED];
    phr_batch_t      b;
    phr_appender_t  *app;

    app = phr_store_appender(st);
    memset(&b, 0, sizeof(b));
    phr_store_now(st, now);

    rc = app->ops->source(app, phr_str_from_c(what ? "loose" : "rows"),
                          &b.source, &err);

    plain = dice(4) == 0;
    any = 0;

    for (i = 0, n = 0; i < USED && rc == PHR_OK; i++) {
        m = &model[i];

        if (m->n == SAMPLES || dice(3) == 0 || (plain && m->kind != 0)) {
            continue;
        }

        t[n] = now;

        if (what == 1) {
            t[n] = now - (int64_t) dice(5000);

        } else if (what == 2) {
            t[n] = now - (int64_t) dice(100 * HOUR);
        }

        k = place(m, t[n]);

        if ((k < m->n && m->cell[k].t_ms == t[n])
            || (what != 2 && k < m->n))
        {
            continue;
        }

        st_ms[n] = start_of(m, t[n]);

        if (st_ms[n] == t[n] && m->kind == 2) {
            st_ms[n] = t[n] - 1;
        }

        any |= st_ms[n] != 0;
        v[n] = dice(50) == 0 && what != 2
               ? phr_double_from_bits(PHR_STALE_NAN_BITS) : (double) value++;
        sid[n] = m->sid;
        of[n++] = m;
    }

    b.t_ms = now;
    b.t_each = what ? t : NULL;
    b.sid = sid;
    b.v = v;
    b.n = n;
    b.status = status;
    b.st_ms = any ? st_ms : NULL;

    rc = app->ops->append(app, &b, &err);

    for (k = 0; k < n && rc == PHR_OK; k++) {

        if (status[k] == PHR_ENOTFOUND) {
            /* it has expired, and is made again */
            rc = series((int) (of[k] - model) * EVERY, &of[k]->sid);
            continue;
        }

        rc = status[k];
        keep(of[k], t[k], st_ms[k], v[k]);
    }

    return rc == PHR_OK ? phr_store_commit(st, now, 0, &err) : rc;
}


/* what differs, or 0; from and to as a query has them */
static int
differs(int64_t from, int64_t to)
{
    int                 rc, bad;
    size_t              i, k;
    char                name[32];
    int64_t             is, want;
    phr_arena_t        *arena;
    phr_series_t        s;
    phr_matcher_t       m;
    phr_querier_t      *q;
    phr_storage_t      *storage;
    phr_series_set_t   *set;
    phr_select_hints_t  hints;

    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    memset(&hints, 0, sizeof(hints));
    hints.starts = 1;
    bad = 0;

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("job"), phr_str_of("test"),
                     &err);
    rc = storage->querier(storage, &q, &err);
    rc = rc == PHR_OK ? q->ops->select(q, &m, 1, from, to, &hints, arena, &set,
                                       &err) : rc;

    while (rc == PHR_OK && (rc = set->next(set, &s, &err)) == PHR_OK) {

        for (i = 0; i < USED; i++) {
            snprintf(name, sizeof(name), "s%d", (int) i * EVERY);

            if (phr_str_eq(phr_labels_get(s.labels, phr_str_of("__name__")),
                           phr_str_from_c(name)))
            {
                break;
            }
        }

        if (i == USED) {
            continue;
        }

        for (k = place(&model[i], from); s.n > 0; k++, s.n--, s.t_ms++, s.v++)
        {
            is = s.st_ms != NULL ? *s.st_ms++ : 0;
            want = k < model[i].n ? model[i].cell[k].st_ms : -1;

            if (k >= model[i].n || model[i].cell[k].t_ms != *s.t_ms) {
                printf("# s%d: no sample at %lld\n", (int) i * EVERY,
                       (long long) *s.t_ms);
                bad++;
                break;
            }

            if (!phr_is_stale(*s.v) && is != want) {
                printf("# s%d (%d) at %lld: starts at %lld, not %lld\n",
                       (int) i * EVERY, model[i].kind, (long long) *s.t_ms,
                       (long long) is, (long long) want);
                bad++;
                break;
            }
        }
    }

    if (rc != PHR_DONE) {
        printf("# %s\n", err.text);
        bad++;
    }

    q->ops->close(q);
    phr_arena_destroy(arena);

    return bad;
}


/* samples of one series from there on, as long as most windows are */
static int
delete_some(void)
{
    int                  rc;
    char                 name[32];
    size_t               i, k, n;
    int64_t              from, to;
    phr_matcher_t        m;
    phr_store_delete_t  *del;

    i = dice(USED);
    from = now - (int64_t) dice(200 * HOUR);
    to = from + (int64_t) dice(100 * HOUR);

    snprintf(name, sizeof(name), "s%d", (int) i * EVERY);
    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("__name__"),
                     phr_str_from_c(name), &err);

    rc = phr_store_delete_open(st, from, to, &del, &err);
    rc = rc == PHR_OK ? phr_store_delete_add(del, &m, 1, &err) : rc;

    while (rc == PHR_OK) {
        rc = phr_store_delete_step(del, &err);

        if (rc == PHR_OK) {
            break;
        }

        rc = rc == PHR_AGAIN ? phr_store_commit(st, now, 0, &err) : rc;
    }

    rc = rc == PHR_OK ? phr_store_commit(st, now, 0, &err) : rc;
    phr_store_delete_close(del);

    for (k = 0, n = 0; k < model[i].n; k++) {
        if (model[i].cell[k].t_ms < from || model[i].cell[k].t_ms > to) {
            model[i].cell[n++] = model[i].cell[k];
        }
    }

    model[i].n = n;

    return rc;
}


static void
drop_before(int64_t floor_ms)
{
    size_t  i, k;

    for (i = 0; i < USED; i++) {
        k = place(&model[i], floor_ms);
        model[i].n -= k;
        memmove(model[i].cell, model[i].cell + k, model[i].n * sizeof(cell_t));
    }
}


static void
run(const uint8_t *key)
{
    int        i, rc, bad;
    phr_sid_t  sid;

    fresh();
    phr_store_close(st);
    st = NULL;

    if (chdir(dir) == 0) {
        unlink("data.mdb");
    }

    memset(model, 0, sizeof(model));
    conf.key = key;
    conf.out_of_order_ms = 1000 * HOUR;
    conf.map_size_bytes = 256 << 20;
    reopen();

    for (i = 0, rc = PHR_OK; i < SERIES && rc == PHR_OK; i++) {
        rc = series(i, &sid);

        if (i % EVERY == 0) {
            model[i / EVERY].sid = sid;
            model[i / EVERY].kind = (i / EVERY) % 5;
        }
    }

    ok(rc == PHR_OK, "series are made");
    bad = 0;

    for (i = 0; i < STEPS && rc == PHR_OK && !bad; i++) {
        now += dice(20) == 0 ? (int64_t) dice(9 * HOUR)
                             : 15000 + (int64_t) dice(100);

        rc = write_some(dice(10) == 0 ? 2 : dice(2) ? 1 : 0);

        if (rc == PHR_OK && dice(100) == 0) {
            rc = seal_all(now + 3 * HOUR);
            rc = rc > 0 ? PHR_OK : rc;
        }

        if (rc == PHR_OK && dice(60) == 0) {
            rc = delete_some();
        }

        if (dice(100) == 0) {
            reopen();
        }

        if (dice(40) == 0) {
            bad = differs(now - (int64_t) dice(300 * HOUR),
                          now - (int64_t) dice(20 * HOUR));
        }
    }

    ok(rc == PHR_OK && !bad, "%d steps as the model has it", STEPS);
    is_int(differs(0, now), 0, "all of it");
    is_int(seal_all(now + 3 * HOUR) >= 0 && differs(0, now) == 0, 1,
           "packed");
    reopen();
    is_int(differs(0, now), 0, "opened anew");
    is_int(damaged(), 0, "nothing is damaged");

    conf.retention_ms = 240 * HOUR;
    reopen();
    ok(retain_all(now) >= 0, "the oldest is dropped");
    drop_before(now - conf.retention_ms);
    is_int(differs(0, now), 0, "what stays is as it was");

    ok(write_some(0) == PHR_OK && write_some(0) == PHR_OK
       && differs(0, now) == 0, "it goes on");
    is_int(damaged(), 0, "nothing is damaged");
}


/* everything of series 0 from there on */
static int
delete_from(int64_t from)
{
    int                  rc;
    phr_matcher_t        m;
    phr_store_delete_t  *del;

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("__name__"),
                     phr_str_of("s0"), &err);

    rc = phr_store_delete_open(st, from, PHR_KEY_TIME_MAX, &del, &err);
    rc = rc == PHR_OK ? phr_store_delete_add(del, &m, 1, &err) : rc;

    while (rc == PHR_OK
           && (rc = phr_store_delete_step(del, &err)) == PHR_AGAIN)
    {
        rc = phr_store_commit(st, now, 0, &err);
    }

    phr_store_delete_close(del);

    return rc == PHR_OK ? phr_store_commit(st, now, 0, &err) : rc;
}


static void
by_hand(void)
{
    int64_t  window;

    fresh();
    conf.out_of_order_ms = 1000 * HOUR;
    reopen();
    window = phr_window_ms(PHR_LEVEL_STARTS);

    ok(one(1000, 1, 0) == PHR_OK && one(2000, 2, 0) == PHR_OK
       && phr_store_commit(st, now, 0, &err) == PHR_OK, "without");
    is_str(starts(0), "- -", "there is no column where there are none");

    ok(one(3000, 3, 500) == PHR_OK && one(4000, 0, 500) == PHR_OK
       && one(5000, 0, 4000) == PHR_OK && one(1500, 9, 700) == PHR_OK
       && one(4500, 9, 0) == PHR_OK
       && phr_store_commit(st, now, 0, &err) == PHR_OK,
       "with, of floats and histograms, some late");
    is_str(starts(0), "0 700 0 500 500 0 4000", "each has its own");

    ok(one(4500, 9, 42) == PHR_OK, "a sample that is there is no error");
    is_int(one(4500, 8, 42), PHR_EDUPLICATE, "another value is");
    is_str(starts(4500), "0 4000", "and changes nothing");

    ok(one(6000, 1, INT64_MAX) == PHR_OK && one(7000, 1, INT64_MIN) == PHR_OK
       && phr_store_commit(st, now, 0, &err) == PHR_OK, "out of all bounds");
    is_str(starts(5000), "4000 0 0", "is as none");

    ok(one(8000, 5, 7500) == PHR_OK
       && phr_store_commit(st, now, 0, &err) == PHR_OK
       && delete_from(8000) == PHR_OK, "deleted to the end");
    ok(one(9000, 6, 7500) == PHR_OK
       && phr_store_commit(st, now, 0, &err) == PHR_OK, "and written again");
    is_str(starts(7000), "0 7500", "as it was");

    ok(one(9500, 6, 7500) == PHR_OK && one(window - 1, 6, 7500) == PHR_OK
       && one(window, 6, 7500) == PHR_OK && one(3 * window, 6, 7500) == PHR_OK
       && one(3 * window + 1, 6, 0) == PHR_OK
       && phr_store_commit(st, now, 0, &err) == PHR_OK, "over windows");
    is_str(starts(9500), "7500 7500 7500 7500 0", "they hold, or end");
    ok(seal_all(now + 3 * HOUR) > 0, "packed");
    is_str(starts(window + 1), "7500 0", "the same");
    reopen();
    ok(one(3 * window + 2, 6, 0) == PHR_OK
       && one(3 * window + 3, 6, 3 * window + 2) == PHR_OK
       && phr_store_commit(st, now, 0, &err) == PHR_OK, "opened anew");
    is_str(starts(3 * window), "7500 0 0 691200002", "it is known what held");
    is_int(damaged(), 0, "nothing is damaged");
}


/* how often something is said of starts, as long as it is loose */
static int
said(void)
{
    int                rc, n;
    uint32_t           group;
    phr_txn_t         *txn;
    phr_cursor_t      *cursor;
    phr_loose_walk_t   w;

    n = 0;
    phr_txn_begin(st->env, 0, &txn, &err);
    phr_cursor_open(txn, PHR_DB_LOOSE, &cursor, &err);

    for (group = 0; group < 2; group++) {
        for (rc = phr_loose_first(&w, cursor, group, &err); rc == PHR_OK;
             rc = phr_loose_next(&w, &err))
        {
            n += w.head.starts ? w.head.n : 0;
        }
    }

    phr_cursor_close(cursor);
    phr_txn_abort(txn);

    return n;
}


/* a histogram that is a stale marker, of series 0 */
static int
stale(int64_t t_ms)
{
    int                rc;
    int64_t            st_ms;
    phr_sid_t          sid;
    phr_hist_t         h;
    phr_batch_t        b;
    phr_appender_t    *app;
    const phr_hist_t  *hists[1];

    memset(&h, 0, sizeof(h));
    memset(&b, 0, sizeof(b));
    h.sum = phr_double_from_bits(PHR_STALE_NAN_BITS);
    hists[0] = &h;
    st_ms = 0;

    app = phr_store_appender(st);
    rc = app->ops->source(app, phr_str_of("one"), &b.source, &err);
    rc = rc == PHR_OK ? series(0, &sid) : rc;

    b.t_ms = t_ms;
    b.sid = &sid;
    b.h = hists;
    b.n = 1;
    b.st_ms = &st_ms;

    return rc == PHR_OK ? app->ops->append(app, &b, &err) : rc;
}


static int
committed(int rc)
{
    return rc == PHR_OK && phr_store_commit(st, now, 0, &err) == PHR_OK;
}


/* three samples of two series in one batch, by series, time and start */
static int
three(const int *of, const int64_t *t_ms, const int64_t *st_ms)
{
    int              rc, i;
    double           v[3] = { 1, 1, 1 };
    phr_sid_t        sid[3];
    phr_batch_t      b;
    phr_appender_t  *app;

    memset(&b, 0, sizeof(b));
    app = phr_store_appender(st);
    rc = app->ops->source(app, phr_str_of("three"), &b.source, &err);

    for (i = 0; i < 3 && rc == PHR_OK; i++) {
        rc = series(of[i], &sid[i]);
    }

    b.t_ms = t_ms[0];
    b.sid = sid;
    b.v = v;
    b.n = 3;
    b.t_each = t_ms;
    b.st_ms = st_ms;

    return rc == PHR_OK ? app->ops->append(app, &b, &err) : rc;
}


/* what is known of a group, and what has to be read again */
static void
known(void)
{
    int64_t  window;

    window = phr_window_ms(PHR_LEVEL_STARTS);

    fresh();
    ok(committed(one(1000, 1, 1)), "since the first moment");
    ok(committed(one(2000, 1, 1)), "still");
    is_str(starts(0), "1 1", "it is known");
    is_int(said(), 1, "it is said once");
    ok(committed(stale(3000)) && committed(one(4000, 1, 1)), "it ended");
    is_int(said(), 1, "of which nothing is said");

    reopen();
    ok(committed(one(5000, 1, 0)), "none, after a start");
    is_str(starts(4000), "1 0", "is none");
    ok(committed(one(6000, 1, PHR_KEY_TIME_MAX))
       && committed(one(7000, 1, PHR_KEY_TIME_MIN)), "the farthest");
    is_str(starts(6000), "140737488355326 -140737488355326", "are kept");

    /* another series of the group is known by then, or its window */

    ok(committed(one(8000, 1, 500)), "one that is to hold");
    reopen();
    ok(committed(one_of(1, 9000, 1, 7)) && committed(one(9000, 1, 0)),
       "none, after a new series");
    is_str(starts(8000), "500 0", "is none");
    is_str(starts_of("s1", 0), "7", "and the new one has its own");

    ok(committed(one_of(2, window + 1000, 1, 600))
       && committed(one_of(3, 10000, 1, 0)) && seal_all(now) == 0
       && seal_all(now + 3 * HOUR) > 0,
       "one of the next window");
    reopen();
    ok(committed(one_of(3, 11000, 1, 0))
       && committed(one_of(2, window + 2000, 1, 0)), "none in both");
    is_str(starts_of("s2", 0), "600 0", "is none");
    is_str(starts_of("s3", 0), "- -", "nor had the other");

    fresh();
    ok(committed(one_of(2, window + 1000, 1, 600))
       && committed(one_of(3, 10000, 1, 0)), "without any in the first");
    reopen();
    ok(committed(one_of(3, 11000, 1, 0))
       && committed(one_of(2, window + 2000, 1, 0)), "none in both");
    is_str(starts_of("s2", 0), "600 0", "is none there, too");

    /* what a batch says is not in the store yet when another one is read */

    fresh();
    ok(committed(one(1000, 1, 500))
       && committed(one_of(1, window + 1000, 1, 600)), "two of two windows");
    reopen();
    ok(committed(three((const int[]) { 0, 1, 0 },
                       (const int64_t[]) { 2000, window + 2000, 3000 },
                       (const int64_t[]) { 1500, 0, 500 })), "in a batch");
    is_str(starts(0), "500 1500 500", "each has what was said of it");
    is_str(starts_of("s1", 0), "600 0", "and the other");

    fresh();
    ok(committed(one(1000, 1, 500)) && delete_from(0) == PHR_OK
       && committed(one(2000, 1, 500)), "all was deleted");
    is_str(starts(0), "500", "it is said again");

    /* of late ones it is said what they do not have from those before */

    fresh();
    conf.out_of_order_ms = HOUR;
    reopen();
    phr_store_now(st, 5000);
    ok(committed(one(1000, 1, 500)) && committed(one(5000, 1, 500)), "two");
    ok(committed(one(3000, 1, 500)), "the same between them");
    is_int(said(), 1, "of which nothing is said");
    ok(committed(one(4000, 1, 0)) && committed(one(2000, 1, 700)), "others");
    is_int(said(), 3, "of which it is");
    is_str(starts(0), "500 700 500 0 500", "each has its own");
    is_int(damaged(), 0, "nothing is damaged");

    /* the first of all */

    fresh();
    conf.out_of_order_ms = HOUR;
    reopen();
    phr_store_now(st, 5000);
    ok(committed(one(5000, 1, 0)) && committed(one(3000, 1, 700))
       && committed(one(2000, 1, 0)) && committed(one(4000, 1, 0)), "late");
    is_int(said(), 1, "it is said of one");
    is_str(starts(0), "0 700 0 0", "and of no other");
}


static int
packs(void)
{
    int            rc, n;
    phr_str_t      k, v;
    phr_txn_t     *txn;
    phr_cursor_t  *cursor;

    n = 0;
    phr_txn_begin(st->env, 0, &txn, &err);
    phr_cursor_open(txn, PHR_DB_PACK, &cursor, &err);

    for (rc = phr_cursor_first(cursor, &k, &v, &err); rc == PHR_OK;
         rc = phr_cursor_next(cursor, &k, &v, &err))
    {
        n++;
    }

    phr_cursor_close(cursor);
    phr_txn_abort(txn);

    return n;
}


/* steps of retention, number "fail" of which cannot write; how many */
static int
retain_failing(int64_t t_ms, int fail)
{
    int            rc, n;
    struct rlimit  was, none;

    getrlimit(RLIMIT_FSIZE, &was);
    none = was;
    none.rlim_cur = 4096;

    for (n = 0, rc = PHR_AGAIN; rc == PHR_AGAIN || n == fail + 1; n++) {
        if (n == fail) {
            setrlimit(RLIMIT_FSIZE, &none);
        }

        rc = phr_store_retain(st, t_ms, &err);
        setrlimit(RLIMIT_FSIZE, &was);
    }

    return rc == PHR_OK ? n - 1 : rc;
}


/* whichever step of a pass is lost, the pass is made again */
static void
unfinished(void)
{
    int      n, fail;
    int64_t  window;

    window = phr_window_ms(PHR_LEVEL_STARTS);
    (void) signal(SIGXFSZ, SIG_IGN);

    for (fail = 0, n = 1; n > fail; fail++) {
        fresh();
        conf.retention_ms = HOUR;
        reopen();
        phr_store_now(st, window);
        ok(committed(one(window, 1, 500)), "a sample");
        (void) seal_all(window + 3 * HOUR);
        is_int(packs(), 1, "its start is packed");

        n = retain_failing(3 * window, fail);
        is_int(packs(), 0, "gone, though step %d of %d failed", fail, n);
    }
}


int
main(void)
{
    static const uint8_t  key[32] = { 1, 2, 3 };

    if (mkdtemp(dir) == NULL) {
        return 1;
    }

    printf("# seed %llu\n", (unsigned long long) seed);

    by_hand();
    known();
    unfinished();
    run(NULL);
    run(key);
    leave();

    return done_testing();
}
