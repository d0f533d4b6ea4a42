/*
 * Copyright (C) The Pharos Authors
 *
 * Exemplars in a store: which are taken, how many are kept, what is found of
 * them after a start, a deletion and the end of their time.
 */

#include "beside.h"

#include "store/internal.h"


static void
ring(uint64_t max)
{
    fresh();
    conf.max_exemplars = max;
    reopen();
}


#define all(regex)  found(regex, INT64_MIN, INT64_MAX)

static void
test_taken(void)
{
    char  labels[600];

    ring(100);
    is_str(all(".*"), "", "none at the start");

    is_int(offer(0, "t=a", 1000, 1, own), PHR_OK, "the first");
    is_int(offer(0, "t=a", 1000, 1, own), PHR_OK, "the same again");
    is_int(offer(0, "t=b", 2000, 1, own), PHR_OK, "a later one");
    is_int(offer(0, "t=c", 1500, 1, own), PHR_EORDER, "an earlier one");
    is_int(offer(1, "t=c", 1500, 1, own), PHR_OK, "of another series");
    is_int(offer(0, "t=b", 2000, 2, own), PHR_OK, "of a greater value");
    is_int(offer(0, "t=b", 2000, 1, own), PHR_EORDER, "of a lesser one");
    is_int(offer(2, "t=x", 1000, 1, no), PHR_OK, "without a time");
    is_int(offer(2, "t=x", 2000, 1, no), PHR_OK, "at the next scrape");
    is_int(offer(2, "t=x", 3000, 1, own), PHR_OK, "with a time");
    is_int(offer(3, "", 1000, -1, own), PHR_OK, "without labels");
    commit();

    is_str(all("s.*"), "s0: a 1@1000 b 1@2000 b 2@2000; s1: c 1@1500; "
           "s2: x 1@1000 x 1@3000; s3: - -1@1000; ", "what was new is there");
    is_str(found("s.*", 1500, 2000), "s0: b 1@2000 b 2@2000; s1: c 1@1500; ",
           "of a time");
    is_str(all("s1|s3"), "s1: c 1@1500; s3: - -1@1000; ", "of some series");
    is_str(all("none"), "", "of no series");

    memset(labels, 'x', 200);
    memcpy(labels, "n=", 2);
    labels[129] = '\0';
    is_int(offer(4, labels, 1, 1, own), PHR_OK, "128 characters");
    memcpy(labels + 129, "x", 2);
    is_int(offer(4, labels, 2, 1, own), PHR_EINVAL, "129 are too many");
    is_int(offer(4, "n=\xff", 2, 1, own), PHR_EINVAL, "no UTF-8");

    strcpy(labels, "n=");
    while (strlen(labels) < 2 + 127 * 4) {
        strcat(labels, "\xf0\x9f\x98\x80");
    }
    is_int(offer(4, labels, 3, 1, own), PHR_OK, "of the longest characters");
    commit();
    reopen();

    is_int(offer(0, "t=b", 2000, 2, own), PHR_OK, "the same, after a start");
    is_int(offer(0, "t=c", 1500, 1, own), PHR_EORDER, "earlier, then");
    is_int(offer(2, "t=x", 9000, 1, no), PHR_OK, "one without a time, then");
    is_int(offer(1, "t=d", 1600, 1, own), PHR_OK, "a new one, then");
    commit();
    is_str(all("s0|s1|s2"), "s0: a 1@1000 b 1@2000 b 2@2000; "
           "s1: c 1@1500 d 1@1600; s2: x 1@1000 x 1@3000 x 1@9000; ",
           "what was new then");
    is_int(damaged(), 0, "nothing is damaged");

    conf.future_ms = 1000;
    conf.retention_ms = 100000;
    reopen();
    phr_store_now(st, 200000);
    is_int(offer(5, "t=a", 201001, 1, own), PHR_ELIMIT, "in the future");
    is_int(offer(5, "t=a", 99999, 1, own), PHR_ELIMIT, "too old");
    is_int(offer(5, "t=a", 100000, 1, own), PHR_OK, "just old enough");
    phr_store_commit(st, 200000, 1, &err);
    is_str(all("s.*"), "s5: a 1@100000; ", "what is too old is not shown");
}


static void
test_late(void)
{
    ring(100);
    conf.out_of_order_ms = 1000;
    reopen();

    offer(0, "t=a", 5000, 1, own);
    offer(0, "t=b", 7000, 1, own);
    is_int(offer(0, "t=c", 6001, 1, own), PHR_OK, "late, in the window");
    is_int(offer(0, "t=d", 6000, 1, own), PHR_EORDER, "too late");
    is_int(offer(0, "t=e", 6001, 9, own), PHR_OK, "late and of a time known");
    is_int(offer(0, "t=f", 7000, 2, own), PHR_OK, "in order");
    commit();
    is_str(all("s0"), "s0: a 1@5000 c 1@6001 b 1@7000 f 2@7000; ",
           "at its place, one of a time");
}


static int
nrecords(void)
{
    int             n;
    phr_str_t       k, v;
    phr_txn_t      *txn;
    phr_cursor_t   *cursor;

    n = 0;
    phr_txn_begin(st->env, 0, &txn, &err);
    phr_cursor_open(txn, PHR_DB_EXEMPLAR, &cursor, &err);

    for (k.data = NULL;
         (n == 0 ? phr_cursor_first(cursor, &k, &v, &err)
                 : phr_cursor_next(cursor, &k, &v, &err)) == PHR_OK; n++)
    {
        /* void */
    }

    phr_cursor_close(cursor);
    phr_txn_abort(txn);

    return n;
}


/* numbers of the exemplars of s0 to s6, which came one a time */
static int
kept(int *first, int *last)
{
    int          n, v;
    const char  *s;

    n = 0;
    *first = INT32_MAX;
    *last = 0;

    for (s = all("s."); (s = strchr(s, '@')) != NULL; s++) {
        v = atoi(s + 1);
        *first = phr_min(*first, v);
        *last = phr_max(*last, v);
        n++;
    }

    return n;
}


static void
test_ring(int each)
{
    int   i, n, first, last;
    char  labels[64];

    ring(500);

    for (i = 1; i <= 5000; i++) {
        snprintf(labels, sizeof(labels), "trace_id=%016" PRIx64,
                 i * UINT64_C(0x9e3779b97f4a7c15));
        offer(i % 7, labels, i, i, own);

        if (i % each == 0) {
            commit();
        }

        if (i == 300) {
            commit();
            is_int(kept(&first, &last), 300, "as many as there are");
        }

        if (i == 2500) {
            commit();
            reopen();
        }
    }

    commit();

    is_int(kept(&first, &last), 500, "as many as are kept");
    is_int(first, 4501, "the oldest of them");
    is_int(last, 5000, "the newest");

    n = nrecords();
    ok(n >= 4 && n <= 8, "%d records, with %d a commit", n, each);

    phr_store_max_exemplars(st, 100);
    is_int(kept(&first, &last), 100, "fewer from now on");
    offer(0, "t=x", 5001, 1, own);
    commit();
    ok(nrecords() < n, "of which others are deleted");
    is_int(kept(&first, &last), 100, "and no more");

    phr_store_max_exemplars(st, 400);
    ok(kept(&first, &last) < 400, "what is gone is gone");

    /* the oldest are gone, so they are new */

    is_int(offer(0, "t=z", 6000, 1, own), PHR_OK, "one more");

    commit();
    retain_all(9999000);
    phr_store_max_exemplars(st, 0);
    is_int(kept(&first, &last), 0, "none are shown");
    is_int(offer(0, "t=y", 7000, 1, own), PHR_ELIMIT, "nor taken");
    commit();
    retain_all(10000000);
    is_int(nrecords(), 0, "and soon all are deleted");
    is_int(damaged(), 0, "nothing is damaged");
}


/* a series is asked for again once nothing of it is in the ring */
static void
test_forgotten(void)
{
    int   i;
    char  labels[64];

    ring(10);
    offer(0, "t=a", 1000, 1, own);

    for (i = 0; i < 10; i++) {
        is_int(offer(0, "t=a", 1000, 1, own), PHR_OK, "known");
        snprintf(labels, sizeof(labels), "t=%d", i);
        offer(1, labels, i, 1, own);
    }

    is_int(offer(0, "t=a", 500, 1, own), PHR_OK, "no longer known");
    commit();
    is_str(all("s0"), "s0: a 1@500; ", "so it is new");
}


static void
test_delete(void)
{
    int                  i, k, rc;
    char                 labels[64];
    int64_t              now;
    phr_matcher_t        m;
    phr_store_delete_t  *del;

    ring(10000);

    for (i = 0; i < 3000; i++) {
        for (k = 0; k < 3; k++) {
            snprintf(labels, sizeof(labels), "trace_id=%d.%d", i, k);
            offer(k, labels, i, k, own);
        }
    }

    commit();
    now = nrecords();

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("__name__"),
                     phr_str_of("s1"), &err);
    phr_store_delete_open(st, 10, 2995, &del, &err);
    phr_store_delete_add(del, &m, 1, &err);

    while ((rc = phr_store_delete_step(del, &err)) == PHR_AGAIN) {
        commit();

        /* others go on to come */

        snprintf(labels, sizeof(labels), "t=late");
        offer(0, labels, 3000, 0, own);
    }

    is_int(rc, PHR_OK, "deleted");
    commit();
    phr_store_delete_close(del);

    is_str(all("s1"), "s1: 0.1 1@0 1.1 1@1 2.1 1@2 3.1 1@3 4.1 1@4 5.1 1@5 "
           "6.1 1@6 7.1 1@7 8.1 1@8 9.1 1@9 2996.1 1@2996 2997.1 1@2997 "
           "2998.1 1@2998 2999.1 1@2999; ", "what was not of the time stays");
    is_str(found("s.*", 2000, 2001), "s0: 2000.0 0@2000 2001.0 0@2001; "
           "s2: 2000.2 2@2000 2001.2 2@2001; ", "and what is of others");
    is_str(found("s0", 2999, 9999), "s0: 2999.0 0@2999 late 0@3000; ",
           "and what came meanwhile");
    is_int(nrecords(), now, "in as many records");
    is_int(damaged(), 0, "nothing is damaged");

    append("a", 0, 3, 3400, 1);
    commit();
    conf.retention_ms = 1000;
    reopen();
    retain_all(3500);
    is_str(found("s0", 0, 2500), "s0: 2500.0 0@2500; ", "the oldest is this");
    ok(nrecords() < now, "records that are too old are deleted");
    retain_all(10000000);
    is_int(nrecords(), 0, "all, in the end");
}


/* what a failed commit had is not there, and can come again */
static void
test_failed(void)
{
    ring(100);
    offer(0, "t=a", 1000, 1, own);
    commit();
    offer(0, "t=b", 2000, 1, own);
    st->failed = PHR_EIO;
    is_int(phr_store_commit(st, 0, 1, &err), PHR_EIO, "a commit fails");
    is_str(all("s0"), "s0: a 1@1000; ", "without what it had");
    is_int(offer(0, "t=b", 2000, 1, own), PHR_OK, "which comes again");
    commit();
    is_str(all("s0"), "s0: a 1@1000 b 1@2000; ", "and is there");
}


static void
test_sealed(void)
{
    int             i;
    char            labels[64];
    static uint8_t  key[32] = "a key of thirty-two bytes is her";

    ring(1000);
    phr_store_close(st);
    st = NULL;
    snprintf(labels, sizeof(labels), "%s/data.mdb", dir);
    unlink(labels);
    conf.key = key;
    reopen();

    for (i = 0; i < 500; i++) {
        snprintf(labels, sizeof(labels), "trace_id=%032x", i);
        offer(i % 3, labels, i, i, own);

        if (i % 50 == 0) {
            commit();
        }
    }

    commit();
    conf.key = key;
    reopen();
    is_str(found("s0", 0, 3), "s0: 00000000000000000000000000000000 0@0 "
           "00000000000000000000000000000003 3@3; ", "encrypted ones");
    is_int(damaged(), 0, "nothing is damaged");
}


/* one is chosen by its index alone, the other by looking at all values */
static void
test_stopped(phr_match_e kind)
{
    int                  rc;
    size_t               n;
    phr_arena_t         *arena;
    volatile int         stop;
    phr_matcher_t        m;
    phr_querier_t       *q;
    phr_storage_t       *storage;
    phr_matcher_set_t    set;
    phr_exemplars_of_t  *of;

    ring(100);
    offer(0, "t=a", 1000, 1, own);
    commit();

    storage = phr_store_storage(st);
    arena = phr_arena_create(0);

    phr_matcher_init(&m, kind, phr_str_of("__name__"), phr_str_of("s0"),
                     &err);
    set.m = &m;
    set.n = 1;

    rc = storage->querier(storage, &q, &err);
    is_int(rc, PHR_OK, "a querier");
    q->stop = &stop;

    stop = 0;
    rc = q->ops->exemplars(q, &set, 1, 0, 2000, arena, &of, &n, &err);
    is_int(rc == PHR_OK ? (int) n : rc, 1, "found in time");

    stop = PHR_ETIMEOUT;
    rc = q->ops->exemplars(q, &set, 1, 0, 2000, arena, &of, &n, &err);
    is_int(rc, PHR_ETIMEOUT, "not when time is over");

    stop = PHR_ECANCELED;
    rc = q->ops->exemplars(q, &set, 1, 0, 2000, arena, &of, &n, &err);
    is_int(rc, PHR_ECANCELED, "nor for who has left");

    q->ops->close(q);
    phr_matcher_destroy(&m);
    phr_arena_destroy(arena);
}


int
main(void)
{
    if (mkdtemp(dir) == NULL) {
        perror(dir);
        return 1;
    }

    test_taken();
    test_late();
    test_ring(1);
    test_ring(37);
    test_ring(5000);
    test_forgotten();
    test_delete();
    test_failed();
    test_sealed();
    test_stopped(PHR_MATCH_EQ);
    test_stopped(PHR_MATCH_RE);
    leave();

    return done_testing();
}
