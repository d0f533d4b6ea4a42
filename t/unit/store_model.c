/*
 * Copyright (C) The Pharos Authors
 *
 * The store against a model: random batches of several sources, late and
 * repeated samples, series that come and go, seals, deletions and restarts
 * at random moments; what is read must be what a plain table in memory says.
 */

#include <sys/wait.h>
#include <unistd.h>

#include "core/alloc.h"
#include "store/store.h"
#include "store/tree.h"
#include "store/verify.h"
#include "tap.h"


#define NSERIES    700
#define NSOURCES   5
#define NTIMES     600      /* slots of time of the model */
#define STEP_MS    15000
#define OOO_MS     (20 * STEP_MS)


/* seed: of a histogram, 0 of a float */
typedef struct {
    uint8_t   is;
    uint32_t  seed;
    double    v;
} cell_t;

#define NBUCKETS  40

typedef struct {
    phr_hist_t       h;
    phr_hist_span_t  spans[3];
    double           counts[NBUCKETS];
    double           bounds[NBUCKETS];
} hist_t;

typedef struct {
    phr_store_t       *st;
    phr_store_conf_t   conf;
    uint64_t           rand;
    uint32_t           source[NSOURCES];
    phr_sid_t          sid[NSERIES];
    int                last[NSERIES];       /* slot, -1: none */
    cell_t            *cell;                /* [NSERIES][NTIMES] */
} model_t;


static char  dir[] = "/tmp/phr-model-XXXXXX";
static int   damage;


/* every other run is over an encrypted store */
static const uint8_t  key[32] = "a key of 32 bytes, known to all.";


static uint32_t
rnd(model_t *m, uint32_t n)
{
    m->rand ^= m->rand << 13;
    m->rand ^= m->rand >> 7;
    m->rand ^= m->rand << 17;

    return (uint32_t) (m->rand >> 11) % n;
}


static cell_t *
cell(model_t *m, int series, int slot)
{
    return &m->cell[series * NTIMES + slot];
}


static void
open_store(model_t *m)
{
    phr_err_t  err;

    phr_err_init(&err);

    if (phr_tree_check(m->conf.path, UINT64_MAX, NULL, &err) != PHR_OK
        || phr_store_open(&m->conf, &m->st, &err) != PHR_OK)
    {
        printf("Bail out! open: %s\n", err.text);
        exit(1);
    }
}


static double
value(model_t *m)
{
    switch (rnd(m, 12)) {
    case 0:
        return phr_double_from_bits(PHR_STALE_NAN_BITS);
    case 1:
        return -0.0;
    case 2:
        return phr_double_from_bits(0x7ff8000000000abcULL);
    case 3:
        return rnd(m, 1000) / 100.0;
    case 4:
        return (double) rnd(m, 1000000) * 1e300;
    default:
        return rnd(m, 50);
    }
}


static hist_t  hists[2 * NSERIES];


/* the histogram of a seed: few layouts, so that runs of one are met, too */
static const phr_hist_t *
hist(uint32_t seed, hist_t *room)
{
    uint32_t     i, n, layout, x;
    phr_hist_t  *h;

    memset(room, 0, sizeof(hist_t));
    h = &room->h;
    layout = seed % 64 < 50 ? 0 : seed % 7;
    x = seed;
    n = 4 + 5 * layout;

    for (i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        room->counts[i] = layout == 3 ? (x >> 8) / 7.0 : x >> 25;
        room->bounds[i] = i * 0.25;
        h->count += room->counts[i];
    }

    room->spans[0].offset = (int32_t) layout - 5;
    room->spans[0].length = n - 3;
    room->spans[1].offset = 2;
    room->spans[1].length = 1;
    room->spans[2].offset = 1;
    room->spans[2].length = 2;

    h->schema = (int32_t) layout - 4;
    h->hint = layout == 2 ? PHR_HIST_GAUGE : PHR_HIST_RESET_UNKNOWN;
    h->integer = (layout != 3);
    h->zero_threshold = 0.001;
    h->sum = x / 3.0;
    h->positive.spans = room->spans;
    h->positive.nspans = 2;
    h->positive.counts = room->counts;
    h->positive.n = n - 2;
    h->negative.spans = room->spans + 2;
    h->negative.nspans = 1;
    h->negative.counts = room->counts + n - 2;
    h->negative.n = 2;

    if (layout == 4) {
        h->schema = PHR_HIST_CUSTOM;
        h->zero_threshold = 0;
        h->bounds = room->bounds;
        h->nbounds = n;
        h->positive.nspans = 1;
        h->positive.n = n - 3;
        h->count -= room->counts[n - 3] + room->counts[n - 2]
                    + room->counts[n - 1];
        room->spans[0].offset = 1;
        memset(&h->negative, 0, sizeof(h->negative));
    }

    return h;
}


static int
same(const cell_t *c, uint32_t seed, double v)
{
    return c->seed == seed
           && (seed != 0 || phr_double_bits(c->v) == phr_double_bits(v));
}


/* every fifth series has histograms, and others now and then */
static uint32_t
seed_of(model_t *m, int series)
{
    return rnd(m, 100) < (series % 5 == 0 ? 95 : 1) ? 1 + rnd(m, 1000000) : 0;
}


static int
series_id(model_t *m, int i, phr_err_t *err)
{
    char              name[32], inst[32];
    phr_label_t       l[3];
    phr_labels_t      ls;
    phr_appender_t   *app;

    snprintf(name, sizeof(name), "metric_%d", i % 50);
    snprintf(inst, sizeof(inst), "i%d", i / 50);

    l[0].name = phr_str_of("__name__");
    l[0].value = phr_str_from_c(name);
    l[1].name = phr_str_of("instance");
    l[1].value = phr_str_from_c(inst);
    ls.l = l;
    ls.n = 2;

    if (i % 3 == 0) {
        l[2].name = phr_str_of("third");
        l[2].value = phr_str_of("yes");
        ls.n = 3;
    }

    app = phr_store_appender(m->st);

    return app->ops->series(app, ls, &m->sid[i], err);
}


/* as append.c decides it, in the plainest way */
static int
model_append(model_t *m, int i, int slot, uint32_t seed, double v)
{
    cell_t  *c;

    c = cell(m, i, slot);

    if (c->is) {
        return same(c, seed, v) ? PHR_OK : PHR_EDUPLICATE;
    }

    if (slot < m->last[i]
        && (int64_t) (m->last[i] - slot) * STEP_MS > OOO_MS)
    {
        return PHR_EOLD;
    }

    c->is = 1;
    c->seed = seed;
    c->v = v;

    if (slot > m->last[i]) {
        m->last[i] = slot;
    }

    return PHR_OK;
}


/* one batch; returns the number of statuses that differ from the model's */
static int
batch(model_t *m, int slot)
{
    int              i, k, n, from, bad, each, src, idx[NSERIES], seen, any;
    int8_t           status[NSERIES], want;
    double           v[NSERIES];
    cell_t          *c;
    int64_t          t[NSERIES];
    uint32_t         seeds[NSERIES];
    phr_sid_t        sid[NSERIES];
    phr_err_t        err;
    phr_batch_t      b;
    phr_appender_t  *app;
    const phr_hist_t  *h[NSERIES];

    app = phr_store_appender(m->st);
    phr_err_init(&err);

    src = (int) rnd(m, NSOURCES);
    each = (rnd(m, 4) == 0);
    from = src * (NSERIES / NSOURCES);
    any = 0;
    n = 0;

    for (i = from; i < from + NSERIES / NSOURCES + 20; i++) {
        k = i % NSERIES;

        /* some are missing now and then, and some only for a while */
        if (rnd(m, 200) == 0 || (k % 17 == 0 && slot / 40 % 2)) {
            continue;
        }

        if (series_id(m, k, &err) != PHR_OK) {
            printf("# series: %s\n", err.text);
            return 1;
        }

        idx[n] = k;
        sid[n] = m->sid[k];
        v[n] = value(m);
        seeds[n] = seed_of(m, k);
        t[n] = (int64_t) slot * STEP_MS;

        if (each) {
            seen = slot - (int) rnd(m, 5);
            t[n] = (int64_t) phr_max(seen, 0) * STEP_MS;
        }

        /* said again, or otherwise */
        c = cell(m, k, (int) (t[n] / STEP_MS));

        if (c->is && rnd(m, 2)) {
            v[n] = c->v;
            seeds[n] = c->seed;
        }

        h[n] = seeds[n] != 0 ? hist(seeds[n], &hists[n]) : NULL;
        any |= (h[n] != NULL);
        n++;
    }

    memset(&b, 0, sizeof(b));
    b.source = m->source[src];
    b.t_ms = (int64_t) slot * STEP_MS;
    b.sid = sid;
    b.v = v;
    b.h = any ? h : NULL;
    b.t_each = each ? t : NULL;
    b.n = (size_t) n;
    b.status = status;

    if (app->ops->append(app, &b, &err) != PHR_OK) {
        printf("# append: %s\n", err.text);
        return 1;
    }

    bad = 0;

    for (i = 0; i < n; i++) {
        want = (int8_t) model_append(m, idx[i], (int) (t[i] / STEP_MS),
                                     seeds[i], v[i]);

        if (want != status[i]) {
            printf("# series %d slot %d: status %d, expected %d\n", idx[i],
                   (int) (t[i] / STEP_MS), status[i], want);
            bad++;
        }
    }

    return bad;
}


static int
number_in(phr_str_t s, size_t from)
{
    int  n;

    for (n = 0; from < s.len; from++) {
        n = n * 10 + (s.data[from] - '0');
    }

    return n;
}


static int
series_of(phr_labels_t ls)
{
    return number_in(phr_labels_get(ls, phr_str_of("__name__")), 7)
           + 50 * number_in(phr_labels_get(ls, phr_str_of("instance")), 1);
}


/* whether sample k of a series is that of a cell */
static int
found(const cell_t *c, const phr_series_t *series, size_t k)
{
    static hist_t  room;

    if (series->h == NULL || series->h[k] == NULL) {
        return same(c, 0, series->v[k]);
    }

    return c->seed != 0
           && phr_hist_eq(series->h[k], hist(c->seed, &room))
           && series->h[k]->integer == room.h.integer
           && series->v[k] == room.h.sum
           && (series->h[k]->hint == PHR_HIST_GAUGE)
              == (room.h.hint == PHR_HIST_GAUGE);
}


/* everything in a range of slots; returns the number of differences */
static int
compare(model_t *m, int from, int to)
{
    int                  rc, bad, i, s, slot;
    size_t               k;
    phr_err_t            err;
    uint8_t              seen[NSERIES];
    phr_arena_t         *arena;
    phr_series_t         series;
    phr_matcher_t        matcher;
    phr_querier_t       *q;
    phr_storage_t       *storage;
    phr_series_set_t    *set;
    phr_select_hints_t   hints;

    memset(seen, 0, sizeof(seen));
    memset(&hints, 0, sizeof(hints));
    hints.sorted = rnd(m, 2);
    phr_err_init(&err);
    arena = phr_arena_create(0);
    storage = phr_store_storage(m->st);
    bad = 0;

    if (storage->querier(storage, &q, &err) != PHR_OK) {
        printf("# querier: %s\n", err.text);
        return 1;
    }

    phr_matcher_init(&matcher, PHR_MATCH_RE, phr_str_of("__name__"),
                     phr_str_of("metric_.*"), &err);

    rc = q->ops->select(q, &matcher, 1, (int64_t) from * STEP_MS,
                        (int64_t) to * STEP_MS, &hints, arena, &set, &err);

    while (rc == PHR_OK && (rc = set->next(set, &series, &err)) == PHR_OK) {
        s = series_of(series.labels);
        seen[s] = 1;
        k = 0;

        for (slot = from; slot <= to; slot++) {
            if (!cell(m, s, slot)->is) {
                continue;
            }

            if (k < series.n && series.t_ms[k] == (int64_t) slot * STEP_MS
                && found(cell(m, s, slot), &series, k))
            {
                k++;
                continue;
            }

            if (bad++ < 5) {
                printf("# series %d slot %d (%d..%d): found %s %lld %g of "
                       "%zu\n", s, slot, from, to,
                       k < series.n ? "" : "none",
                       k < series.n ? (long long) series.t_ms[k] / STEP_MS
                                    : 0,
                       k < series.n ? series.v[k] : 0, series.n);
            }
        }

        if (k != series.n) {
            printf("# series %d: %zu samples, %zu were expected\n", s,
                   series.n, k);
            bad++;
        }
    }

    if (rc != PHR_DONE) {
        printf("# select: %s\n", err.text);
        bad++;
    }

    for (i = 0; i < NSERIES; i++) {
        for (slot = from; slot <= to && !seen[i]; slot++) {
            if (cell(m, i, slot)->is) {
                printf("# series %d is missing\n", i);
                bad++;
                break;
            }
        }
    }

    phr_matcher_destroy(&matcher);
    q->ops->close(q);
    phr_arena_destroy(arena);

    return bad;
}


/*
 * Deletes a part of some series, or all of it up to now, while samples that
 * came just before are not committed yet; series that they make anew stay.
 */
static int
deletion(model_t *m, int slot)
{
    int                  rc, i, s, from, to, all, nsteps, wrong;
    int                  had[NSERIES];
    char                 name[32];
    phr_err_t            err;
    phr_matcher_t        matcher;
    phr_store_delete_t  *del;

    phr_err_init(&err);

    all = (rnd(m, 2) == 0);
    from = all ? 0 : (int) rnd(m, (uint32_t) slot + 1);
    to = phr_min(from + (int) rnd(m, 100), slot);
    to = all && rnd(m, 2) ? slot : to;
    i = (int) rnd(m, 50);

    snprintf(name, sizeof(name), "metric_%d", i);
    phr_matcher_init(&matcher, PHR_MATCH_EQ, phr_str_of("__name__"),
                     phr_str_from_c(name), &err);

    rc = phr_store_delete_open(m->st, all ? PHR_TIME_MIN
                                          : (int64_t) from * STEP_MS,
                               (int64_t) to * STEP_MS, &del, &err);
    if (rc == PHR_OK) {
        rc = phr_store_delete_add(del, &matcher, 1, &err);
    }

    memcpy(had, m->last, sizeof(had));
    wrong = rnd(m, 2) ? batch(m, slot) : 0;

    for (nsteps = 0; rc == PHR_OK; nsteps++) {
        rc = phr_store_delete_step(del, &err);

        if (rc < 0) {
            break;
        }

        if ((rc == PHR_OK || rnd(m, 2))
            && phr_store_commit(m->st, (int64_t) slot * STEP_MS, 0, &err)
               != PHR_OK)
        {
            rc = PHR_ERROR;
            break;
        }

        if (rc == PHR_OK) {
            break;
        }

        rc = PHR_OK;
    }

    phr_store_delete_close(del);
    phr_matcher_destroy(&matcher);

    if (rc != PHR_OK || nsteps > 10000) {
        printf("# deletion after %d steps: %s\n", nsteps, err.text);
        return 1;
    }

    for ( /* void */ ; i < NSERIES; i += 50) {
        if (had[i] < 0) {
            continue;
        }

        for (s = from; s <= to; s++) {
            cell(m, i, s)->is = 0;
        }

        if (all && m->last[i] <= to) {
            m->last[i] = -1;
        }
    }

    return wrong;
}


static void
on_damage(void *data, const char *text)
{
    printf("# damage: %s\n", text);
    damage++;
}


static int
verify(model_t *m)
{
    phr_err_t           err;
    phr_store_damage_t  d;

    damage = 0;
    phr_err_init(&err);

    if (phr_store_verify(m->st, on_damage, NULL, &d, &err) != PHR_OK) {
        printf("# verify: %s\n", err.text);
        return 1;
    }

    return damage;
}


static void
begin(model_t *m, uint64_t seed)
{
    memset(m, 0, sizeof(model_t));
    m->rand = seed * 88172645463325252ULL;
    m->cell = calloc(NSERIES * NTIMES, sizeof(cell_t));
    m->conf.path = dir;
    m->conf.map_size_bytes = 256 << 20;
    m->conf.out_of_order_ms = OOO_MS;
    m->conf.key = seed % 2 == 0 ? key : NULL;
}


static void
run(uint64_t seed, int forked)
{
    int                i, slot, wrong, differ, s, broken;
    pid_t              pid;
    int64_t            now;
    model_t            m;
    phr_err_t          err;
    char               name[32];
    phr_appender_t    *app;
    phr_store_stats_t  stats;

    begin(&m, seed);
    phr_err_init(&err);

    for (i = 0; i < NSERIES; i++) {
        m.last[i] = -1;
    }

    open_store(&m);
    wrong = 0;
    differ = 0;
    broken = 0;

    for (slot = 0; slot < NTIMES; slot++) {
        app = phr_store_appender(m.st);

        for (i = 0; i < NSOURCES; i++) {
            snprintf(name, sizeof(name), "source %d", i);

            if (app->ops->source(app, phr_str_from_c(name), &m.source[i],
                                 &err) != PHR_OK)
            {
                printf("# source: %s\n", err.text);
                wrong++;
            }
        }

        for (i = 0; i < NSOURCES; i++) {
            s = slot;

            if (rnd(&m, 10) == 0) {
                s -= (int) rnd(&m, 40);
            }

            wrong += batch(&m, phr_max(s, 0));
        }

        now = (int64_t) slot * STEP_MS;

        if (phr_store_commit(m.st, now, rnd(&m, 2), &err) != PHR_OK) {
            printf("# commit: %s\n", err.text);
            wrong++;
        }

        if (rnd(&m, 12) == 0 && slot < NTIMES - 100) {
            wrong += deletion(&m, slot);
        }

        if (rnd(&m, 3) == 0) {
            /* the clock runs fast at times, so that age is a reason, too */
            now += rnd(&m, 3) == 0 ? 7300000 : 0;

            for (i = (int) rnd(&m, 10); i > 0; i--) {
                s = phr_store_seal(m.st, now, &err);

                if (s < 0) {
                    printf("# seal: %s\n", err.text);
                    wrong++;
                }

                if (s != PHR_AGAIN) {
                    break;
                }
            }
        }

        if (rnd(&m, 40) == 0) {
            phr_store_close(m.st);
            open_store(&m);
        }

        if (rnd(&m, 20) == 0) {
            i = (int) rnd(&m, (uint32_t) slot + 1);
            differ += compare(&m, i, slot);
            i = (int) rnd(&m, (uint32_t) slot + 1);
            differ += compare(&m, i, i);
        }

        if (rnd(&m, 150) == 0) {
            broken += verify(&m);
        }
    }

    is_int(wrong, 0, "seed %d: every sample is taken or refused as the "
           "model says", (int) seed);
    is_int(differ, 0, "seed %d: what is read is what was written",
           (int) seed);

    /* what has just been read anew is of age some time later */

    for (i = 0; i < 10000; i++) {
        s = phr_store_seal(m.st, (int64_t) NTIMES * STEP_MS
                                 * (i == 0 ? 10 : 20), &err);
        if (s != PHR_AGAIN && i > 0) {
            break;
        }
    }

    is_int(s, PHR_OK, "seed %d: all is sealed", (int) seed);
    is_int(compare(&m, 0, NTIMES - 1), 0, "seed %d: and the same",
           (int) seed);

    phr_store_stats(m.st, &stats);
    is_int(stats.nrows, 0, "seed %d: no rows are left", (int) seed);
    ok(stats.npacks > 100, "seed %d: %d packs", (int) seed,
       (int) stats.npacks);
    is_int(stats.nseries, NSERIES, "seed %d: all series are counted",
           (int) seed);
    is_int(stats.max_ms, (int64_t) (NTIMES - 1) * STEP_MS,
           "seed %d: the newest sample's time", (int) seed);
    is_int(broken + verify(&m), 0, "seed %d: nothing is damaged",
           (int) seed);

    if (forked) {
        /* a process that ends without a word loses nothing committed */
        phr_store_close(m.st);
        m.st = NULL;
        fflush(stdout);
        pid = fork();

        if (pid == 0) {
            open_store(&m);
            app = phr_store_appender(m.st);
            (void) app->ops->source(app, phr_str_of("source 0"),
                                    &m.source[0], &err);
            batch(&m, NTIMES - 1);
            (void) phr_store_commit(m.st, 0, 0, &err);
            _exit(0);
        }

        waitpid(pid, &s, 0);

        open_store(&m);
        is_int(compare(&m, 0, NTIMES - 2), 0, "seed %d: a killed process "
               "loses nothing", (int) seed);
        is_int(verify(&m), 0, "seed %d: nor damages", (int) seed);
    }

    phr_store_close(m.st);
    free(m.cell);
}


int
main(void)
{
    char      path[64];
    uint64_t  seed;

    if (mkdtemp(dir) == NULL) {
        printf("Bail out! mkdtemp()\n");
        return 1;
    }

    for (seed = 1; seed <= 3; seed++) {
        run(seed, seed <= 2);

        snprintf(path, sizeof(path), "%s/data.mdb", dir);
        unlink(path);
        snprintf(path, sizeof(path), "%s/lock.mdb", dir);
        unlink(path);
    }

    rmdir(dir);

    return done_testing();
}
