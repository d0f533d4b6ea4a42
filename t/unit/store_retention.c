/*
 * Copyright (C) The Pharos Authors
 *
 * Retention beside a model, in simulated time: whatever rules, late and
 * sparse samples, packing and restarts there are, queries show exactly what
 * is not too old, and the file follows.  Then the bound on the size.  Every
 * third series has histograms, of which the sum stands for all.
 */

#include <unistd.h>

#include "store/store.h"
#include "store/verify.h"
#include "tap.h"


#define MINUTE    INT64_C(60000)
#define HOUR      (60 * MINUTE)
#define STEP      (5 * MINUTE)

#define NSERIES   96
#define NSAMPLES  2000

/* nothing happens before: times are those of some day in 2026 */
#define START     (INT64_C(1774000000) * 1000)


typedef struct {
    int64_t  t_ms;
    double   v;
} sample_t;

typedef struct {
    int        first, last;     /* steps in which it lives */
    int        period;          /* of samples, in steps; 0: scraped */
    int64_t    keep_ms;
    size_t     n;
    sample_t   s[NSAMPLES];
} model_t;


static char               dir[] = "/tmp/phr-retention-XXXXXX";
static phr_store_t       *st;
static phr_store_conf_t   conf;
static phr_err_t          err;
static model_t            model[NSERIES];
static phr_matcher_t      matcher[4];
static phr_store_rule_t   rules[3];
static uint64_t           seed = 20261121;


static uint32_t
rnd(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (uint32_t) (seed >> 11) % n;
}


static void
reopen(int64_t now_ms)
{
    if (st != NULL) {
        phr_store_close(st);
    }

    if (phr_store_open(&conf, &st, &err) != PHR_OK) {
        printf("Bail out! open: %s\n", err.text);
        exit(1);
    }

    if (now_ms != 0) {
        phr_store_now(st, now_ms);
    }
}


static void
fresh(void)
{
    if (st != NULL) {
        phr_store_close(st);
        st = NULL;
    }

    if (chdir(dir) == 0) {
        unlink("data.mdb");
        unlink("lock.mdb");
    }

    memset(&conf, 0, sizeof(conf));
    conf.path = dir;
    conf.map_size_bytes = 512 << 20;
    phr_err_init(&err);
}


/* env and team decide on the rule; pod is the number */
static phr_labels_t
labels(int i, phr_label_t *l, char *pod)
{
    phr_labels_t  ls;

    static const char  *env[] = { "prod", "dev", "dev", "audit" };

    l[0].name = phr_str_of("__name__");
    l[0].value = phr_str_of("m");
    l[1].name = phr_str_of("env");
    l[1].value = phr_str_from_c(env[i % 4]);
    sprintf(pod, "p%02d", i);
    l[2].name = phr_str_of("pod");
    l[2].value = phr_str_from_c(pod);
    l[3].name = phr_str_of("team");
    l[3].value = i % 4 == 2 ? phr_str_of("x") : phr_str_of("y");
    ls.l = l;
    ls.n = 4;

    return ls;
}


static void
remember(int i, int64_t t_ms, double v)
{
    model_t  *m;

    m = &model[i];

    if (m->n == NSAMPLES) {
        printf("Bail out! too many samples\n");
        exit(1);
    }

    m->s[m->n].t_ms = t_ms;
    m->s[m->n++].v = v;
}


static const phr_hist_t *
histogram(int i, double sum)
{
    static double                 counts[NSERIES][2];
    static phr_hist_t             h[NSERIES];
    static const phr_hist_span_t  span = { 3, 2 };

    counts[i][0] = 1;
    counts[i][1] = sum;
    h[i].schema = 1;
    h[i].count = sum + 1;
    h[i].sum = sum;
    h[i].integer = 1;
    h[i].positive.spans = &span;
    h[i].positive.nspans = 1;
    h[i].positive.counts = counts[i];
    h[i].positive.n = 2;

    return &h[i];
}


/* what comes in one step: a scrape of some, single samples of others */
static int
ingest(int step)
{
    int              i, n, rc, late;
    char             pod[32];
    double           v[NSERIES];
    int8_t           status[NSERIES];
    int64_t          t_ms, t[NSERIES];
    phr_sid_t        sid[NSERIES];
    uint32_t         source;
    phr_batch_t      b;
    phr_label_t      l[4];
    phr_appender_t  *app;

    int                series[NSERIES];
    const phr_hist_t  *h[NSERIES];

    t_ms = START + step * STEP;
    app = phr_store_appender(st);

    for (late = 0; late < 2; late++) {
        n = 0;
        rc = app->ops->source(app, late ? phr_str_of("late")
                                        : phr_str_of("scrape"), &source,
                              &err);

        for (i = 0; i < NSERIES && rc == PHR_OK; i++) {
            if (step < model[i].first || step > model[i].last) {
                continue;
            }

            if (late ? model[i].period == 0
                       || rnd((uint32_t) model[i].period) != 0
                     : model[i].period != 0)
            {
                continue;
            }

            rc = app->ops->series(app, labels(i, l, pod), &sid[n], &err);
            series[n] = i;
            v[n] = rnd(1000);
            h[n] = i % 3 == 0 ? histogram(i, v[n]) : NULL;
            t[n] = late ? t_ms - rnd(20 * 60) * MINUTE
                          - step % 500 * 100 - n - 1 : t_ms;
            n++;
        }

        if (rc != PHR_OK) {
            return rc;
        }

        memset(&b, 0, sizeof(b));
        b.source = source;
        b.t_ms = t_ms;
        b.t_each = late ? t : NULL;
        b.sid = sid;
        b.v = v;
        b.h = h;
        b.n = (size_t) n;
        b.status = status;

        rc = app->ops->append(app, &b, &err);
        if (rc != PHR_OK) {
            return rc;
        }

        for (i = 0; i < n; i++) {
            if (status[i] == PHR_OK) {
                remember(series[i], t[i], v[i]);

            } else if (status[i] != PHR_ELIMIT) {
                return status[i];
            }
        }
    }

    return phr_store_commit(st, t_ms, 0, &err);
}


/* samples of a series that are to be seen in a range */
static size_t
expected(int i, int64_t now_ms, int64_t min_ms, int64_t max_ms, double *sum)
{
    size_t   k, n;
    int64_t  floor_ms;

    floor_ms = now_ms - model[i].keep_ms;
    *sum = 0;
    n = 0;

    for (k = 0; k < model[i].n; k++) {
        if (model[i].s[k].t_ms >= phr_max(min_ms, floor_ms)
            && model[i].s[k].t_ms <= max_ms)
        {
            *sum += model[i].s[k].v;
            n++;
        }
    }

    return n;
}


/* differences between what a query shows and what it should */
static int
differences(int64_t now_ms, int64_t min_ms, int64_t max_ms)
{
    int                i, rc, n, truncated;
    char               seen[NSERIES];
    size_t             k, nvalues;
    double             sum, expected_sum;
    phr_str_t          pod, *values;
    phr_arena_t       *arena;
    phr_series_t       s;
    phr_matcher_t      m;
    phr_querier_t     *q;
    phr_storage_t     *storage;
    phr_series_set_t  *set;

    n = 0;
    arena = phr_arena_create(0);
    storage = phr_store_storage(st);
    memset(seen, 0, sizeof(seen));

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("__name__"),
                     phr_str_of("m"), &err);

    if (storage->querier(storage, &q, &err) != PHR_OK) {
        return -1;
    }

    rc = q->ops->select(q, &m, 1, min_ms, max_ms, NULL, arena, &set, &err);

    while (rc == PHR_OK && (rc = set->next(set, &s, &err)) == PHR_OK) {
        pod = phr_labels_get(s.labels, phr_str_of("pod"));
        i = atoi(pod.data + 1);
        seen[i] = 1;
        sum = 0;

        for (k = 0; k < s.n; k++) {
            sum += s.v[k];
            n += (i % 3 == 0) != (s.h != NULL && s.h[k] != NULL);
        }

        if (s.n != expected(i, now_ms, min_ms, max_ms, &expected_sum)
            || sum != expected_sum)
        {
            printf("# pod %d: %zu samples\n", i, s.n);
            n++;
        }
    }

    n += (rc != PHR_DONE);

    /* those that have samples are listed; nothing that has none at all is */

    rc = q->ops->label_values(q, phr_str_of("pod"), &m, 1, min_ms, max_ms, 0,
                              arena, &values, &nvalues, &truncated, &err);
    n += (rc != PHR_OK);

    for (k = 0; rc == PHR_OK && k < nvalues; k++) {
        i = atoi(values[k].data + 1);
        seen[i] |= 2;

        if (expected(i, now_ms, now_ms - model[i].keep_ms, INT64_MAX, &sum)
            == 0
            || now_ms - model[i].keep_ms > max_ms)
        {
            printf("# pod %d is listed\n", i);
            n++;
        }
    }

    for (i = 0; i < NSERIES; i++) {
        if (seen[i] == 1
            || (seen[i] != 3
                && expected(i, now_ms, min_ms, max_ms, &sum) != 0))
        {
            printf("# pod %d is not listed, or not shown\n", i);
            n++;
        }
    }

    q->ops->close(q);
    phr_matcher_destroy(&m);
    phr_arena_destroy(arena);

    return n;
}


static int
work(int64_t now_ms)
{
    int  rc;

    while ((rc = phr_store_seal(st, now_ms, &err)) == PHR_AGAIN) {
        /* void */
    }

    if (rc != PHR_OK) {
        return rc;
    }

    while ((rc = phr_store_retain(st, now_ms, &err)) == PHR_AGAIN) {
        /* void */
    }

    return rc;
}


static int
damaged(void)
{
    phr_store_damage_t  d;

    return phr_store_verify(st, NULL, NULL, &d, &err) == PHR_OK
           ? (int) d.ndamaged : -1;
}


/* how much older than it should be the oldest sample in the file is */
static int64_t
overdue(int64_t now_ms, uint64_t *nseries)
{
    int                i, rc;
    int64_t            worst, min_ms;
    phr_str_t          pod;
    phr_arena_t       *arena;
    phr_series_t       s;
    phr_matcher_t      m;
    phr_querier_t     *q;
    phr_store_conf_t   saved;
    phr_series_set_t  *set;
    phr_store_stats_t  stats;

    saved = conf;
    conf.retention_ms = 0;
    conf.nrules = 0;
    reopen(0);

    phr_store_stats(st, &stats);
    *nseries = stats.nseries;
    arena = phr_arena_create(0);
    worst = 0;

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("__name__"),
                     phr_str_of("m"), &err);
    phr_store_storage(st)->querier(phr_store_storage(st), &q, &err);
    rc = q->ops->select(q, &m, 1, PHR_TIME_MIN, INT64_MAX, NULL, arena, &set,
                        &err);

    while (rc == PHR_OK && (rc = set->next(set, &s, &err)) == PHR_OK) {
        pod = phr_labels_get(s.labels, phr_str_of("pod"));
        i = atoi(pod.data + 1);
        min_ms = now_ms - model[i].keep_ms;
        worst = phr_max(worst, min_ms - s.t_ms[0]);
    }

    q->ops->close(q);
    phr_matcher_destroy(&m);
    phr_arena_destroy(arena);

    conf = saved;
    reopen(now_ms);

    return rc == PHR_DONE ? worst : -1;
}


static void
begin_model(int with_rules)
{
    int  i;

    static const int64_t  keep[] = { 10 * HOUR, 3 * HOUR, 20 * HOUR,
                                     40 * HOUR };

    fresh();
    conf.retention_ms = 10 * HOUR;
    conf.out_of_order_ms = 30 * 24 * HOUR;

    if (with_rules) {
        conf.rules = rules;
        conf.nrules = phr_nelems(rules);
    }

    for (i = 0; i < NSERIES; i++) {
        memset(&model[i], 0, sizeof(model_t));
        model[i].keep_ms = with_rules ? keep[i % 4] : conf.retention_ms;

        if (i % 3 == 2) {
            /* comes and goes */
            model[i].first = (int) rnd(800);
            model[i].last = model[i].first + 1 + (int) rnd(200);

        } else {
            model[i].last = INT32_MAX;
        }

        if (i % 8 > 3) {
            model[i].period = 1 + (int) rnd(60);
        }
    }

    reopen(START);
}


static void
test_model(int with_rules)
{
    int       i, step, wrong, differ, ndamaged, alive;
    double    sum;
    int64_t   now_ms, from_ms, late;
    uint64_t  nseries;

    begin_model(with_rules);
    wrong = 0;
    differ = 0;
    ndamaged = 0;
    now_ms = START;

    for (step = 0; step < 1000; step++) {
        now_ms = START + step * STEP;

        if (ingest(step) != PHR_OK) {
            printf("# step %d: %s\n", step, err.text);
            wrong++;
            break;
        }

        if (rnd(4) == 0) {
            wrong += (work(now_ms) != PHR_OK);
        }

        if (rnd(10) == 0) {
            /* some seconds later, with and without a retention pass */
            now_ms += rnd(STEP / 1000) * 1000;
            phr_store_now(st, now_ms);

            from_ms = now_ms - rnd(50) * HOUR;
            differ += differences(now_ms, PHR_TIME_MIN, INT64_MAX);
            differ += differences(now_ms, from_ms,
                                  from_ms + rnd(20) * HOUR);
        }

        if (rnd(100) == 0) {
            reopen(now_ms);
            ndamaged += damaged();
        }
    }

    is_int(wrong, 0, "everything is taken and packed");
    is_int(differ, 0, "queries show what is young enough and no more");

    work(now_ms);
    differ = differences(now_ms, PHR_TIME_MIN, INT64_MAX);
    is_int(differ, 0, "so after the last pass");

    /* what is late lies up to two hours unpacked; then a pass */

    now_ms += 3 * HOUR;
    wrong = work(now_ms);
    late = overdue(now_ms, &nseries);
    ok(wrong == PHR_OK && late >= 0 && late <= 7 * HOUR,
       "the file follows: by %d minutes", (int) (late / MINUTE));

    alive = 0;

    for (i = 0; i < NSERIES; i++) {
        alive += (expected(i, now_ms, PHR_TIME_MIN, INT64_MAX, &sum) > 0);
    }

    ok((int) nseries >= alive && (int) nseries <= alive + 6,
       "%d series are in the index, %d have samples", (int) nseries, alive);

    ndamaged += damaged();
    is_int(ndamaged, 0, "nothing is damaged");
}


/* without a rule nothing of the others' changes; then all goes */
static void
test_end(void)
{
    int       rc;
    int64_t   now_ms;
    uint64_t  nseries;

    now_ms = START + 1200 * STEP + 60 * HOUR;
    phr_store_now(st, now_ms);
    is_int(differences(now_ms, PHR_TIME_MIN, INT64_MAX), 0,
           "long after, nothing is shown");

    rc = work(now_ms);
    (void) overdue(now_ms, &nseries);
    ok(rc == PHR_OK && nseries == 0, "no series is left: %d",
       (int) nseries);
    is_int(damaged(), 0, "nothing is damaged");
}


static int
fill(int64_t t_ms, int n, int step)
{
    int              i, rc;
    char             pod[32];
    double           v[2000];
    phr_sid_t        sid[2000];
    phr_batch_t      b;
    phr_label_t      l[2];
    phr_labels_t     ls;
    phr_appender_t  *app;

    memset(&b, 0, sizeof(b));
    app = phr_store_appender(st);
    rc = app->ops->source(app, phr_str_of("fill"), &b.source, &err);
    ls.l = l;
    ls.n = 2;

    for (i = 0; i < n && rc == PHR_OK; i++) {
        /* a tenth of the series is new each hour */
        sprintf(pod, "%d-%d", i, i % 10 == step / 240 % 10 ? step / 240
                                 : (step / 240 - i % 10) / 10);
        l[0].name = phr_str_of("__name__");
        l[0].value = phr_str_of("m");
        l[1].name = phr_str_of("pod");
        l[1].value = phr_str_from_c(pod);
        rc = app->ops->series(app, ls, &sid[i], &err);
        v[i] = rnd(1u << 31) / 777.0;
    }

    b.t_ms = t_ms;
    b.sid = sid;
    b.v = v;
    b.n = (size_t) n;

    if (rc == PHR_OK) {
        rc = app->ops->append(app, &b, &err);
    }

    return rc == PHR_OK ? phr_store_commit(st, t_ms, 0, &err) : rc;
}


static void
test_size(void)
{
    int                step, rc;
    int64_t            t_ms, young_ms;
    uint64_t           bound, most, least_used;
    phr_store_stats_t  stats;

    fresh();
    bound = 48 << 20;
    conf.retention_bytes = bound;
    reopen(START);
    most = 0;
    least_used = UINT64_MAX;
    young_ms = INT64_MAX;
    rc = PHR_OK;

    for (step = 0; step < 6000 && rc == PHR_OK; step++) {
        t_ms = START + step * 15000;
        rc = fill(t_ms, 2000, step);

        if (rc == PHR_OK) {
            rc = work(t_ms);
        }

        if (step > 3000 && step % 50 == 0) {
            phr_store_stats(st, &stats);
            most = phr_max(most, stats.file_bytes);
            least_used = phr_min(least_used, stats.used_bytes);
            young_ms = phr_min(young_ms, t_ms - stats.min_ms);
        }
    }

    is_int(rc, PHR_OK, "ingest goes on: %s", rc < 0 ? err.text : "");
    ok(most <= bound, "the file has %d of %d kB at most", (int) (most >> 10),
       (int) (bound >> 10));
    ok(least_used >= bound / 8 * 5, "and %d at least are in use",
       (int) (least_used >> 10));
    ok(young_ms > HOUR, "the last %d minutes are there at least",
       (int) (young_ms / MINUTE));
    is_int(damaged(), 0, "nothing is damaged");
}


/* a target that is gone is forgotten, and so is a series without samples */
static void
test_idle(void)
{
    int                i, rc;
    char               pod[32];
    uint32_t           live, gone, again;
    phr_sid_t          sid;
    phr_label_t        l[4];
    phr_appender_t    *app;
    phr_store_stats_t  stats;

    fresh();
    conf.retention_ms = 10 * HOUR;
    reopen(START);
    app = phr_store_appender(st);

    app->ops->source(app, phr_str_of("gone"), &gone, &err);
    app->ops->series(app, labels(1, l, pod), &sid, &err);
    rc = phr_store_commit(st, START, 0, &err);

    for (i = 0; i < 30 * 60 && rc == PHR_OK; i++) {
        rc = fill(START + i * MINUTE, 4, 0);

        if (rc == PHR_OK) {
            rc = work(START + i * MINUTE);
        }
    }

    is_int(rc, PHR_OK, "a target that stays");
    app->ops->source(app, phr_str_of("fill"), &live, &err);
    app->ops->source(app, phr_str_of("gone"), &again, &err);
    ok(again > gone, "one that is gone is forgotten");
    ok(live > gone && live < again, "one that is there is not");

    phr_store_commit(st, START + 30 * HOUR, 0, &err);
    phr_store_stats(st, &stats);
    is_int((int) stats.nseries, 4, "nor are its series");
    is_int(damaged(), 0, "nothing is damaged");
}


/* samples of a year, once a day: one pack, and it must not be dropped whole */
static void
test_size_sparse(void)
{
    int                i, rc;
    phr_store_stats_t  stats;

    fresh();
    conf.retention_bytes = 8 << 20;
    conf.out_of_order_ms = 400 * 24 * HOUR;
    reopen(START);
    rc = PHR_OK;

    for (i = 0; i < 365 && rc == PHR_OK; i++) {
        rc = fill(START - (365 - i) * 24 * HOUR, 2000, 0);
    }

    if (rc == PHR_OK) {
        rc = work(START + 3 * HOUR);
    }

    phr_store_stats(st, &stats);
    is_int(rc, PHR_OK, "a year of sparse samples: %s",
           rc < 0 ? err.text : "");
    ok(stats.used_bytes <= conf.retention_bytes / 2
       && stats.used_bytes >= conf.retention_bytes / 8,
       "a part of it is left: %d kB", (int) (stats.used_bytes >> 10));
    is_int(damaged(), 0, "nothing is damaged");
}


int
main(void)
{
    size_t  i;

    if (mkdtemp(dir) == NULL) {
        return 1;
    }

    phr_err_init(&err);
    phr_matcher_init(&matcher[0], PHR_MATCH_EQ, phr_str_of("env"),
                     phr_str_of("dev"), &err);
    phr_matcher_init(&matcher[1], PHR_MATCH_RE, phr_str_of("team"),
                     phr_str_of("x+"), &err);
    phr_matcher_init(&matcher[2], PHR_MATCH_RE, phr_str_of("env"),
                     phr_str_of("d.v"), &err);
    phr_matcher_init(&matcher[3], PHR_MATCH_EQ, phr_str_of("env"),
                     phr_str_of("audit"), &err);

    rules[0].keep_ms = 20 * HOUR;
    rules[0].m = &matcher[0];
    rules[0].n = 2;
    rules[1].keep_ms = 3 * HOUR;
    rules[1].m = &matcher[2];
    rules[1].n = 1;
    rules[2].keep_ms = 40 * HOUR;
    rules[2].m = &matcher[3];
    rules[2].n = 1;

    printf("# seed %llu\n", (unsigned long long) seed);
    test_model(0);
    test_end();
    test_model(1);
    test_end();
    test_idle();
    test_size();
    test_size_sparse();

    fresh();

    for (i = 0; i < phr_nelems(matcher); i++) {
        phr_matcher_destroy(&matcher[i]);
    }

    rmdir(dir);

    return done_testing();
}
