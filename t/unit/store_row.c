/*
 * Copyright (C) The Pharos Authors
 *
 * Rows: what was written comes back bit for bit, whatever changes between
 * them, at each step of packing them and after the store was opened again,
 * in the clear and encrypted; and a row that others refer to may be written
 * again or packed before them.
 */

#include "onestore.h"


#define STEP_MS  15000


typedef enum {
    CONSTANT = 0,
    COUNTERS,
    BITS,                       /* any: no two alike */
    STALE,                      /* a row of markers now and then */
    MIXED
} kind_e;


static uint8_t  key[32] = "0123456789abcdef0123456789abcdef";

static kind_e   kind;
static int      nseries;
static int64_t  first_ms, last_ms;
static int64_t  again_ms;       /* the row that has other values since */


static uint64_t
mix(uint64_t a, uint64_t b)
{
    a = (a + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ (b + 7) << 32 ^ b;
    a ^= a >> 29;
    a *= UINT64_C(0xbf58476d1ce4e5b9);

    return a ^ a >> 32;
}


static double
value(int i, int64_t t_ms)
{
    int64_t  row;

    row = t_ms / STEP_MS;

    if (t_ms == again_ms) {
        return -1.5 - i;
    }

    switch (kind) {

    case CONSTANT:
        return i;

    case COUNTERS:
        return i % 3 == 0 ? (double) (row * (1 + i % 40)) / 100 : i % 7;

    case BITS:
        return phr_double_from_bits(mix((uint64_t) i, (uint64_t) row));

    case STALE:
        return row % 11 == 5 ? phr_double_from_bits(PHR_STALE_NAN_BITS)
                             : (double) (row / 4 + i);

    default:
        return mix((uint64_t) i, (uint64_t) row) % 4 != 0 ? (double) i
               : (double) (mix((uint64_t) row, 3) % 100000) / 1000;
    }
}


static void
fill(int64_t t_ms)
{
    int              i, rc;
    double           v[2000];
    phr_sid_t        sid[2000];
    phr_batch_t      b;
    phr_appender_t  *app;

    app = phr_store_appender(st);
    memset(&b, 0, sizeof(b));

    rc = app->ops->source(app, phr_str_of("rows"), &b.source, &err);

    for (i = 0; i < nseries && rc == PHR_OK; i++) {
        rc = series(i, &sid[i]);
        v[i] = value(i, t_ms);
    }

    b.t_ms = t_ms;
    b.sid = sid;
    b.v = v;
    b.n = (size_t) nseries;

    if (rc == PHR_OK) {
        rc = app->ops->append(app, &b, &err);
    }
    if (rc == PHR_OK) {
        rc = phr_store_commit(st, t_ms, 0, &err);
    }

    if (rc != PHR_OK) {
        printf("Bail out! fill: %s\n", err.text);
        exit(1);
    }

    last_ms = phr_max(last_ms, t_ms);
}


/*
 * The number of samples that are not as they were written, of the series
 * whose names match, at least one; or a failure.
 */
static long
differ(const char *names, int64_t min_ms, int64_t max_ms)
{
    int                rc, i;
    long               n, nfound;
    size_t             k;
    int64_t            t_ms;
    phr_arena_t       *arena;
    phr_series_t       s;
    phr_matcher_t      m;
    phr_querier_t     *q;
    phr_storage_t     *storage;
    phr_series_set_t  *set;

    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    n = 0;
    nfound = 0;
    min_ms = phr_max(min_ms, first_ms);
    max_ms = phr_min(max_ms, last_ms);

    phr_matcher_init(&m, PHR_MATCH_RE, phr_str_of("__name__"),
                     phr_str_from_c(names), &err);
    rc = storage->querier(storage, &q, &err);

    if (rc == PHR_OK) {
        rc = q->ops->select(q, &m, 1, min_ms, max_ms, NULL, arena, &set,
                            &err);

        while (rc == PHR_OK && (rc = set->next(set, &s, &err)) == PHR_OK) {
            i = atoi(phr_labels_get(s.labels, phr_str_of("__name__")).data
                     + 1);
            nfound++;

            n += labs((long) s.n
                      - (long) ((max_ms - min_ms) / STEP_MS + 1));

            for (k = 0; k < s.n; k++) {
                t_ms = min_ms + (int64_t) k * STEP_MS;
                n += s.t_ms[k] != t_ms
                     || phr_double_bits(s.v[k])
                        != phr_double_bits(value(i, t_ms));
            }
        }

        q->ops->close(q);
    }

    phr_matcher_destroy(&m);
    phr_arena_destroy(arena);

    return rc != PHR_DONE ? rc : nfound != 0 ? n : 1;
}


/* all, the newest few, and a part within; of all series and of a few */
static long
differs(void)
{
    long     n;
    size_t   i;
    int64_t  mid;

    static const char  *const names[] = {
        "s.*", "s(0|7|19|29|599|1799)", "s(|1)0"
    };

    mid = first_ms + (last_ms - first_ms) / STEP_MS / 2 * STEP_MS;
    n = 0;

    for (i = 0; i < phr_nelems(names) && n == 0; i++) {
        n = differ(names[i], first_ms, last_ms);

        if (n == 0) {
            n = differ(names[i], last_ms - 4 * STEP_MS, last_ms);
        }

        if (n == 0) {
            n = differ(names[i], mid, mid + 3 * STEP_MS);
        }
    }

    return n;
}


static void
start(kind_e k, int n, int sealed)
{
    fresh();

    if (sealed) {
        char  path[64];

        phr_store_close(st);
        st = NULL;
        snprintf(path, sizeof(path), "%s/data.mdb", dir);
        unlink(path);
        conf.key = key;
        reopen();
    }

    kind = k;
    nseries = n;
    first_ms = STEP_MS * 4000;
    last_ms = first_ms;
    again_ms = -1;
}


/* rows that come between the steps of packing stay, and those left over */
static void
packed(const char *name, int nrows)
{
    int      rc, steps;
    long     wrong;
    int64_t  t_ms;

    for (t_ms = first_ms; t_ms < first_ms + nrows * STEP_MS;
         t_ms += STEP_MS)
    {
        fill(t_ms);
    }

    ok(differs() == 0, "%s, %d series, %d rows: read", name, nseries, nrows);
    ok(damaged() == 0, "verified");

    reopen();
    ok(differs() == 0, "read after opening again");

    wrong = 0;

    for (steps = 0; steps < 40; steps++) {
        rc = phr_store_seal(st, last_ms + INT64_C(7200000), &err);

        if (steps < 3) {
            fill(last_ms + STEP_MS);
        }

        wrong += differs() != 0;
        wrong += damaged() != 0;

        if (rc != PHR_AGAIN && steps >= 3) {
            break;
        }
    }

    ok(rc == PHR_OK, "all are packed after %d steps", steps);
    ok(wrong == 0, "right after each step, and whole: %ld times not", wrong);

    reopen();
    ok(differs() == 0, "read after opening once more");
}


/* while the clock is back, a row is written again: others refer to it */
static void
again(kind_e k, int sealed)
{
    int  i;

    start(k, 600, sealed);

    for (i = 0; i < 20; i++) {
        fill(first_ms + i * STEP_MS);
    }

    phr_store_overlap(st, first_ms, last_ms);
    phr_store_now(st, first_ms);

    again_ms = first_ms;
    fill(again_ms);

    ok(differs() == 0, "the first row, written again, holds");
    ok(damaged() == 0, "and those that refer to it are whole");

    again_ms = -1;
    fill(first_ms);
    ok(differs() == 0, "and again");

    fill(first_ms + 3 * STEP_MS);
    ok(differs() == 0, "one with the same values changes nothing");

    phr_store_overlap(st, 0, -1);
    ok(seal_all(last_ms + INT64_C(7200000)) > 0 && differs() == 0,
       "nor does packing");
    ok(damaged() == 0, "all is whole");
}


int
main(void)
{
    int  sealed;

    static const char  *names[] = {
        "constant", "counters", "any bits", "stale markers", "mixed"
    };

    if (mkdtemp(dir) == NULL) {
        printf("Bail out! mkdtemp()\n");
        return 1;
    }

    for (sealed = 0; sealed < 2; sealed++) {

        for (kind = CONSTANT; kind <= MIXED; kind++) {
            start(kind, 1, sealed);
            packed(names[kind], 5);

            start(kind, 30, sealed);
            packed(names[kind], 300);
        }

        /* four pieces, packed three and one */

        start(COUNTERS, 1800, sealed);
        packed("wide", 130);

        start(MIXED, 1800, sealed);
        packed("wide and mixed", 40);

        again(COUNTERS, sealed);
        again(MIXED, sealed);
    }

    leave();

    return done_testing();
}
