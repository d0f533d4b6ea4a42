/*
 * Copyright (C) The Pharos Authors
 *
 * Downsampling: a store that has nothing but buckets of what is old answers
 * as one that has all samples, at times and over ranges of whole hours, with
 * resets, gaps, stale markers, NaN and late samples; also when it is killed
 * in between.
 */

#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "promql/promql.h"
#include "store/store.h"
#include "store/verify.h"
#include "tap.h"


#define MINUTE    INT64_C(60000)
#define HOUR      (60 * MINUTE)
#define DAY       (24 * HOUR)
#define STEP      (MINUTE / 2)

/* midnight of some day in 2026 */
#define START     (INT64_C(20530) * DAY)
#define NDAYS     12
#define NOW       (START + NDAYS * DAY + 3 * MINUTE)

#define NSERIES   7
#define KILLS     12


#define diag(...)  (printf("# " __VA_ARGS__), printf("\n"))


static char              dirs[2][32] = { "/tmp/phr-coarse-a-XXXXXX",
                                         "/tmp/phr-coarse-b-XXXXXX" };
static phr_store_t      *st[2];         /* of samples, and of buckets */
static phr_store_conf_t  conf[2];
static phr_err_t         err;
static uint64_t          seed = 20261121;
static double            value[NSERIES];

/* exact for full hours, whatever the resolution */
static const char *const  queries[] = {
    "x", "timestamp(x)", "sum(x) by (job)",
    "count_over_time(x[4h])", "sum_over_time(x[4h])", "avg_over_time(x[6h])",
    "min_over_time(x[4h])", "max_over_time(x[5h])", "last_over_time(x[4h])",
    "increase(x[4h])", "rate(x[8h])", "delta(x[4h])",
    "rate(x[4h] offset 1h)", "increase(x[1d])",
    "max_over_time(rate(x[4h])[12h:1h])", "present_over_time(x[4h])",
};


static uint32_t
rnd(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (uint32_t) (seed >> 11) % n;
}


static int
open_store(int i, int64_t now_ms)
{
    phr_store_close(st[i]);
    st[i] = NULL;

    if (phr_store_open(&conf[i], &st[i], &err) != PHR_OK) {
        printf("Bail out! open: %s\n", err.text);
        exit(1);
    }

    phr_store_now(st[i], now_ms);

    return 1;
}


/* whether there is a sample of a series at this step, and which */
static int
next_value(int i, int64_t step, double *v)
{
    switch (i) {

    case 0:     /* a counter that is reset now and then */
        value[i] = rnd(700) == 0 ? rnd(50) : value[i] + rnd(30);
        break;

    case 1:     /* one that hardly moves, reset to zero */
        value[i] = rnd(4000) == 0 ? 0 : value[i] + (rnd(300) == 0);
        break;

    case 2:     /* a gauge of two places */
        value[i] = (double) rnd(20000) / 100 - 100;
        break;

    case 3:     /* a gauge of any bits, and NaN */
        value[i] = rnd(500) == 0 ? NAN : (double) rnd(1u << 30) / 7;
        break;

    case 4:     /* ends by a stale marker and begins again */
        if (step % 3000 > 2000) {
            return 0;
        }

        value[i] = step % 3000 == 2000
                   ? phr_double_from_bits(PHR_STALE_NAN_BITS)
                   : (double) (step % 90);
        break;

    case 5:     /* sparse, and so never quite seen by a look-back */
        if (step % 17 != 0 || rnd(5) == 0) {
            return 0;
        }

        value[i] += 1;
        break;

    default:    /* lives for some days, to end in the middle of an hour */
        if (step < 4000 || step > 12345) {
            return 0;
        }

        value[i] = 42;
        break;
    }

    *v = value[i];

    return 1;
}


static void
series_of(phr_store_t *s, phr_sid_t *sid)
{
    int              i;
    char             name[2] = "0";
    phr_label_t      l[3];
    phr_labels_t     ls;
    phr_appender_t  *app;

    app = phr_store_appender(s);

    for (i = 0; i < NSERIES; i++) {
        name[0] = (char) ('0' + i);
        l[0].name = phr_str_of("__name__");
        l[0].value = phr_str_of("x");
        l[1].name = phr_str_of("i");
        l[1].value = phr_str_from(name, 1);
        l[2].name = phr_str_of("job");
        l[2].value = phr_str_from(i & 1 ? "a" : "b", 1);
        ls.l = l;
        ls.n = 3;

        if (app->ops->series(app, ls, &sid[i], &err) != PHR_OK) {
            printf("Bail out! series: %s\n", err.text);
            exit(1);
        }
    }
}


static int
all(int i, int (*work)(phr_store_t *, int64_t, phr_err_t *), int64_t now_ms)
{
    int  rc;

    while ((rc = work(st[i], now_ms, &err)) == PHR_AGAIN) { /* void */ }

    if (rc != PHR_OK) {
        diag("%s", err.text);
    }

    return rc;
}


static void
load(void)
{
    int              i, k;
    double           v[NSERIES];
    size_t           n;
    int64_t          step, t_ms;
    uint32_t         source;
    phr_sid_t        sid[2][NSERIES], of[NSERIES];
    phr_batch_t      b;
    phr_appender_t  *app;

    for (k = 0; k < 2; k++) {
        series_of(st[k], sid[k]);
    }

    for (step = 1; step <= NDAYS * DAY / STEP; step++) {
        t_ms = START + step * STEP - 7000 + rnd(3);

        for (i = 0, n = 0; i < NSERIES; i++) {
            if (next_value(i, step, &v[n])) {
                of[n++] = (phr_sid_t) i;
            }
        }

        for (k = 0; k < 2; k++) {
            phr_sid_t  s[NSERIES];

            for (i = 0; i < (int) n; i++) {
                s[i] = sid[k][of[i]];
            }

            memset(&b, 0, sizeof(b));
            b.t_ms = t_ms;
            b.sid = s;
            b.v = v;
            b.n = n;

            app = phr_store_appender(st[k]);

            if (app->ops->source(app, phr_str_of("s"), &source, &err)
                != PHR_OK)
            {
                printf("Bail out! %s\n", err.text);
                exit(1);
            }

            b.source = source;

            if (app->ops->append(app, &b, &err) != PHR_OK) {
                printf("Bail out! %s\n", err.text);
                exit(1);
            }

            if (step % 120 == 0) {
                if (phr_store_commit(st[k], t_ms, 0, &err) != PHR_OK) {
                    printf("Bail out! %s\n", err.text);
                    exit(1);
                }

                (void) all(k, phr_store_seal, t_ms);
            }
        }
    }

    for (k = 0; k < 2; k++) {
        (void) phr_store_commit(st[k], NOW, 1, &err);
        (void) all(k, phr_store_seal, NOW + 3 * HOUR);
    }
}


/* samples that come into buckets already made, to both stores */
static void
late(int64_t t_ms)
{
    int              i, k;
    double           v[3] = { 1000, -500, 3 };
    int64_t          t[3];
    phr_sid_t        sid[NSERIES];
    phr_batch_t      b;
    phr_appender_t  *app;

    for (k = 0; k < 2; k++) {
        series_of(st[k], sid);

        memset(&b, 0, sizeof(b));

        for (i = 0; i < 3; i++) {
            t[i] = t_ms + i * 1000 + 333;
        }

        app = phr_store_appender(st[k]);
        (void) app->ops->source(app, phr_str_of("late"), &b.source, &err);
        sid[1] = sid[3];
        b.sid = sid;
        b.v = v;
        b.t_each = t;
        b.n = 3;
        b.backfill = 1;

        if (app->ops->append(app, &b, &err) != PHR_OK
            || phr_store_commit(st[k], NOW, 1, &err) != PHR_OK)
        {
            diag("late: %s", err.text);
        }
    }
}


static int
eval(int i, const char *text, int64_t max_res_ms, int64_t from_ms,
    int64_t step_ms, phr_arena_t *arena, phr_result_t *r)
{
    int             rc;
    phr_query_t     q;
    phr_node_t     *node;
    phr_querier_t  *querier;
    phr_storage_t  *storage;

    memset(&q, 0, sizeof(q));
    q.start_ms = from_ms;
    q.end_ms = START + NDAYS * DAY;
    q.step_ms = step_ms;
    q.lookback_ms = 5 * MINUTE;
    q.subquery_step_ms = MINUTE;
    q.max_res_ms = max_res_ms;
    q.arena = arena;

    rc = phr_promql_parse(arena, phr_str_from_c(text), 0, NULL, &node, &err);
    if (rc != PHR_OK) {
        return rc;
    }

    q.node = node;
    storage = phr_store_storage(st[i]);
    rc = storage->querier(storage, &querier, &err);

    if (rc == PHR_OK) {
        rc = phr_promql_eval(&q, querier, r, &err);
        querier->ops->close(querier);
    }

    phr_promql_destroy(node);

    return rc;
}


static int
close_to(double a, double b)
{
    if (isnan(a) || isnan(b)) {
        return isnan(a) && isnan(b);
    }

    return fabs(a - b) <= 1e-9 * fmax(1, fmax(fabs(a), fabs(b)));
}


/* both stores answer the same; how many samples the answer has */
static size_t
same(const char *text, int64_t max_res_ms, int64_t from_ms, int64_t step_ms,
    int64_t *res_ms)
{
    size_t         i, k, n;
    phr_arena_t   *arena;
    phr_result_t   a, b;

    arena = phr_arena_create(0);
    n = 0;
    *res_ms = 0;

    if (eval(0, text, 0, from_ms, step_ms, arena, &a) != PHR_OK
        || eval(1, text, max_res_ms, from_ms, step_ms, arena, &b) != PHR_OK)
    {
        diag("%s: %s (%d)", text, err.text, err.code);
        goto done;
    }

    *res_ms = b.res_ms;

    if (a.nseries != b.nseries) {
        diag("%s: %zu series, expected %zu", text, b.nseries, a.nseries);
        goto done;
    }

    for (i = 0; i < a.nseries; i++) {
        for (k = 0; k < phr_min(a.series[i].n, b.series[i].n); k++) {
            if (a.series[i].t_ms[k] != b.series[i].t_ms[k]
                || !close_to(a.series[i].v[k], b.series[i].v[k]))
            {
                break;
            }
        }

        if (k < phr_max(a.series[i].n, b.series[i].n)) {
            diag("%s: series %zu, %zu samples, %zu expected; the %zuth at "
                 "%g h is %.17g, expected %.17g at %g h", text, i,
                 b.series[i].n, a.series[i].n, k,
                 k < b.series[i].n ? (double) (b.series[i].t_ms[k] - START)
                                     / HOUR : -1,
                 k < b.series[i].n ? b.series[i].v[k] : -1,
                 k < a.series[i].n ? a.series[i].v[k] : -1,
                 k < a.series[i].n ? (double) (a.series[i].t_ms[k] - START)
                                     / HOUR : -1);
            n = 0;
            goto done;
        }

        n += k;
    }

done:

    phr_arena_destroy(arena);

    return n;
}


static void
compare(const char *when, int64_t max_res_ms, int64_t expected_ms)
{
    size_t   i;
    int64_t  res_ms;

    for (i = 0; i < phr_nelems(queries); i++) {
        ok(same(queries[i], max_res_ms, START + 6 * HOUR, HOUR, &res_ms)
           > 100, "%s: %s", when, queries[i]);
        is_int(res_ms, max_res_ms != 0 && strstr(queries[i], "present")
                       ? 0 : expected_ms, "%s: its resolution", when);
    }
}


static int
long_range(int64_t max_res_ms, size_t limit_bytes, size_t *peak)
{
    int            rc;
    phr_arena_t   *arena;
    phr_result_t   r;

    arena = phr_arena_create(limit_bytes);
    rc = eval(1, "increase(x[20d])", max_res_ms, START + NDAYS * DAY, 0,
              arena, &r);
    *peak = phr_arena_peak(arena);
    phr_arena_destroy(arena);

    return rc;
}


/* a bucket is two points at least, of four numbers */
static void
memory(void)
{
    size_t  bytes, few, many;

    bytes = (NDAYS - 2) * 288 * 2 * 32;

    is_int(long_range(HOUR, 0, &few), PHR_OK, "buckets of an hour");
    is_int(long_range(5 * MINUTE, 0, &many), PHR_OK, "buckets of 5 minutes");
    ok(many >= few + bytes, "their points count as memory: %zu, %zu", few,
       many);
    is_int(long_range(5 * MINUTE, few + bytes, &many), PHR_ELIMIT,
           "which may be too much");
}


static int
sound(void)
{
    phr_store_damage_t  d;

    return phr_store_verify(st[1], NULL, NULL, &d, &err) == PHR_OK
           && d.ndamaged == 0;
}


/* children that make buckets die at any moment */
static void
killed(void)
{
    int     i, status;
    pid_t   pid;

    phr_store_close(st[1]);
    st[1] = NULL;

    for (i = 0; i < KILLS; i++) {
        pid = fork();

        if (pid == 0) {
            (void) open_store(1, NOW);
            (void) all(1, phr_store_coarsen, NOW);
            _exit(0);
        }

        usleep(2000 + rnd(30000));
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, &status, 0);
    }

    (void) open_store(1, NOW);
    ok(sound(), "nothing is damaged after %d kills", KILLS);
}


int
main(void)
{
    int      i;
    int64_t  res_ms;

    for (i = 0; i < 2; i++) {
        if (mkdtemp(dirs[i]) == NULL) {
            return 1;
        }

        conf[i].path = dirs[i];
        conf[i].map_size_bytes = 1ULL << 30;
        (void) open_store(i, START);
    }

    load();

    conf[1].coarse[0].after_ms = DAY;
    conf[1].coarse[1].after_ms = 4 * DAY;

    killed();

    is_int(all(1, phr_store_coarsen, NOW), PHR_OK, "buckets are made");
    is_int(all(1, phr_store_coarsen, NOW), PHR_OK, "and nothing more");

    compare("samples", 0, 0);
    compare("by choice, 5m", 5 * MINUTE, 5 * MINUTE);
    compare("by choice", INT64_MAX, HOUR);
    memory();

    late(START + 10 * DAY + 90 * MINUTE);
    (void) all(1, phr_store_coarsen, NOW);
    is_int(all(1, phr_store_coarsen, NOW + HOUR), PHR_OK,
           "late samples: buckets are made anew");
    is_int(all(1, phr_store_coarsen, NOW + 2 * HOUR), PHR_OK,
           "and those made of them");
    compare("late", INT64_MAX, HOUR);

    conf[1].retention_ms = 2 * DAY;
    (void) open_store(1, NOW);
    is_int(all(1, phr_store_retain, NOW), PHR_OK, "samples are dropped");

    compare("kept", 0, 5 * MINUTE);

    conf[1].coarse[0].keep_ms = 6 * DAY;
    (void) open_store(1, NOW);
    is_int(all(1, phr_store_coarsen, NOW), PHR_OK, "buckets are dropped");

    compare("kept for longer", 0, HOUR);

    ok(same("increase(x[30m])", 0, START + 7 * DAY, 5 * MINUTE, &res_ms)
       > 100, "ranges of five minutes where there are buckets of five");
    is_int(res_ms, 5 * MINUTE, "which tells its resolution");
    ok(sound(), "nothing is damaged");

    conf[1].coarse[1].keep_ms = 8 * DAY;
    (void) open_store(1, NOW);
    is_int(all(1, phr_store_coarsen, NOW), PHR_OK, "buckets are dropped");
    ok(same("x", 0, START + 5 * DAY, HOUR, &res_ms) > 100,
       "what is kept is shown");
    ok(same("x", 0, START + 2 * DAY, HOUR, &res_ms) == 0,
       "what is not is not");

    for (i = 0; i < 2; i++) {
        phr_store_close(st[i]);
    }

    return done_testing();
}
