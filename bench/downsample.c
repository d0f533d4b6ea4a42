/*
 * Copyright (C) The Pharos Authors
 *
 * What downsampling costs and saves: a simulated year of one target of
 * store_data.h is stored and packed, its buckets are made, and queries of
 * the year are asked with and without them.  Neither network nor clock.
 * Usage: downsample <directory> <days> <series> <seconds between samples>
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store_data.h"

#include "promql/promql.h"
#include "store/internal.h"


#define DAY        INT64_C(86400000)
#define START_MS   (INT64_C(20000) * DAY)

/* rows of a commit */
#define COMMIT     480

/* a query is asked so often, the quickest counts */
#define ASKED      3


static const char *const  queries[] = {
    "sum by (__name__) ({job=\"node\"})",
    "sum(rate({job=\"node\"}[6h]))",
    "max_over_time({job=\"node\"}[1d])",
};


static phr_err_t         err;
static phr_store_t      *st;
static phr_store_conf_t  conf;
static int64_t           end_ms;
static uint64_t          nsamples;


static double
seconds(clockid_t clock)
{
    struct timespec  ts;

    clock_gettime(clock, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static void
check(int rc, const char *what)
{
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", what, err.text);
        exit(1);
    }
}


/* bytes that a sub-database takes of the file */
static double
bytes_of(phr_db_e db)
{
    phr_txn_t      *txn;
    phr_db_stat_t   s;

    check(phr_txn_begin(st->env, 0, &txn, &err), "begin");
    check(phr_txn_stat(txn, db, &s, &err), "stat");
    phr_txn_abort(txn);

    return (double) s.npages * 4096;
}


static void
series(data_t *d, phr_sid_t *sid)
{
    size_t                 i, k;
    phr_arena_t           *arena;
    phr_labels_t           ls;
    phr_appender_t        *app;
    phr_labels_builder_t   b;

    app = phr_store_appender(st);
    arena = phr_arena_create(0);

    for (i = 0; i < d->nseries; i++) {
        memset(&ls, 0, sizeof(ls));
        phr_labels_builder_init(&b, arena, ls);
        phr_labels_builder_set(&b, phr_str_of("__name__"),
                               phr_str_from_c(d->line[i].name));
        phr_labels_builder_set(&b, phr_str_of("job"), phr_str_of("node"));

        for (k = 0; k < d->line[i].nlabels; k++) {
            phr_labels_builder_set(&b, phr_str_from_c(d->line[i].label[k]),
                                   phr_str_from_c(d->line[i].value[k]));
        }

        check(phr_labels_build(&b, &ls), "labels");
        check(app->ops->series(app, ls, &sid[i], &err), "series");
    }

    phr_arena_destroy(arena);
}


static void
load(int days, size_t nseries, int step_s)
{
    int              rc;
    long             n;
    data_t           d;
    size_t           i;
    int64_t          t_ms;
    phr_batch_t      b;
    phr_sid_t       *sid;
    double          *v;
    phr_appender_t  *app;

    data_create(&d, 1, nseries);
    sid = data_alloc(nseries * sizeof(phr_sid_t));
    v = data_alloc(nseries * sizeof(double));
    app = phr_store_appender(st);
    end_ms = START_MS + days * DAY;
    n = 0;

    for (t_ms = START_MS + 1000 * step_s; t_ms <= end_ms;
         t_ms += 1000 * step_s)
    {
        data_step(&d, 0);

        for (i = 0; i < nseries; i++) {
            v[i] = data_value(&d.cell[i]);
        }

        if (n % COMMIT == 0) {
            phr_store_now(st, t_ms);
            series(&d, sid);
        }

        memset(&b, 0, sizeof(b));
        check(app->ops->source(app, phr_str_of("node"), &b.source, &err),
              "source");
        b.t_ms = t_ms;
        b.sid = sid;
        b.v = v;
        b.n = nseries;

        check(app->ops->append(app, &b, &err), "append");
        nsamples += nseries;

        if (++n % COMMIT == 0 || t_ms + 1000 * step_s > end_ms) {
            check(phr_store_commit(st, t_ms, 0, &err), "commit");

            while ((rc = phr_store_seal(st, t_ms, &err)) == PHR_AGAIN) {
                /* void */
            }

            check(rc, "seal");
        }
    }

    while ((rc = phr_store_seal(st, end_ms + DAY, &err)) == PHR_AGAIN) {
        /* void */
    }

    check(rc, "seal");
}


/* seconds of processor time for a million samples; what the file has then */
static void
coarsen(int res, int64_t after_ms)
{
    int     rc;
    double  cpu_s, bytes;

    conf.coarse[res].after_ms = after_ms;
    phr_store_close(st);
    st = NULL;
    check(phr_store_open(&conf, &st, &err), "open");

    bytes = bytes_of(PHR_DB_COARSE);
    cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID);

    while ((rc = phr_store_coarsen(st, end_ms, &err)) == PHR_AGAIN) {
        /* void */
    }

    check(rc, "coarsen");
    cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_s;

    printf("buckets of %s: %.4f bytes and %.4f s of CPU for a sample and a "
           "million of them\n", res ? "an hour" : "five minutes",
           (bytes_of(PHR_DB_COARSE) - bytes) / (double) nsamples,
           cpu_s / (double) nsamples * 1e6);
}


static double
ask(const char *text, int64_t step_ms, int64_t max_res_ms, int64_t *res_ms)
{
    phr_query_t     q;
    phr_node_t     *node;
    double          s;
    phr_arena_t    *arena;
    phr_result_t    r;
    phr_querier_t  *querier;
    phr_storage_t  *storage;

    arena = phr_arena_create(0);
    s = seconds(CLOCK_MONOTONIC);

    memset(&q, 0, sizeof(q));
    q.start_ms = START_MS + DAY;
    q.end_ms = end_ms - 3 * DAY;
    q.step_ms = step_ms;
    q.lookback_ms = 300000;
    q.subquery_step_ms = 60000;
    q.max_res_ms = max_res_ms;
    q.arena = arena;

    check(phr_promql_parse(arena, phr_str_from_c(text), 0, NULL, &node, &err),
          "parse");
    q.node = node;

    storage = phr_store_storage(st);
    check(storage->querier(storage, &querier, &err), "querier");
    check(phr_promql_eval(&q, querier, &r, &err), "eval");
    querier->ops->close(querier);

    *res_ms = r.res_ms;
    phr_promql_destroy(node);
    phr_arena_destroy(arena);

    return seconds(CLOCK_MONOTONIC) - s;
}


int
main(int argc, char **argv)
{
    int      k;
    size_t   i, n;
    double   s, best;
    int64_t  res_ms;

    static const int64_t  res[] = { 0, 300000, 3600000 };

    if (argc != 5) {
        fprintf(stderr, "usage: downsample DIR DAYS SERIES SECONDS\n");
        return 2;
    }

    phr_err_init(&err);
    conf.path = argv[1];
    conf.map_size_bytes = 16ULL << 30;
    check(phr_store_open(&conf, &st, &err), "open");

    load(atoi(argv[2]), (size_t) atoi(argv[3]), atoi(argv[4]));
    printf("%llu samples, %.3f bytes each\n", (unsigned long long) nsamples,
           bytes_of(PHR_DB_PACK) / (double) nsamples);

    coarsen(0, DAY);
    coarsen(1, 2 * DAY);

    for (i = 0; i < phr_nelems(queries); i++) {
        printf("%-38s", queries[i]);

        for (n = 0; n < phr_nelems(res); n++) {
            for (k = 0, best = 1e9; k < ASKED; k++) {
                s = ask(queries[i], DAY / 4, res[n], &res_ms);
                best = phr_min(best, s);
            }

            printf("  %lld s: %.0f ms", (long long) res_ms / 1000,
                   best * 1000);
        }

        printf("\n");
    }

    phr_store_close(st);

    return 0;
}
