/*
 * Copyright (C) The Pharos Authors
 *
 * How fast the store appends, seals and reads, and how many bytes a sample
 * takes, on data shaped like a node exporter's.  Usage: store <directory>
 * [targets] [series a target] [hours].
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "store/store.h"


#define STEP_MS  15000


static double
now_s(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static uint64_t  seed = 88172645463325252ULL;


static uint32_t
rnd(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (uint32_t) (seed >> 11) % n;
}


static void
die(phr_err_t *err)
{
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}


/* 60 % constant, 25 % counters, 10 % gauges with decimals, 5 % random */
static double
step(uint32_t i, double v)
{
    switch (i % 20) {
    case 0: case 1: case 2: case 3: case 4:
        return v + rnd(500);
    case 5:
        return rnd(10000) / 100.0;
    case 6:
        return (double) rnd(1u << 30) / 1e7;
    case 7:
        return (double) rnd(1u << 30) / 777.0;
    default:
        return v;
    }
}


static void
query(phr_store_t *st, const char *what, const char *name, const char *value,
    int64_t min_ms, int64_t max_ms)
{
    int                rep, rc;
    double             t, best;
    size_t             n, nseries;
    phr_err_t          err;
    phr_arena_t       *arena;
    phr_series_t       s;
    phr_matcher_t      m;
    phr_querier_t     *q;
    phr_series_set_t  *set;

    best = 1e9;
    n = 0;
    nseries = 0;

    for (rep = 0; rep < 5; rep++) {
        n = 0;
        nseries = 0;
        arena = phr_arena_create(0);
        t = now_s();

        phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_from_c(name),
                         phr_str_from_c(value), &err);

        if (phr_store_storage(st)->querier(phr_store_storage(st), &q, &err)
            != PHR_OK
            || q->ops->select(q, &m, 1, min_ms, max_ms, NULL, arena, &set,
                              &err) != PHR_OK)
        {
            die(&err);
        }

        while ((rc = set->next(set, &s, &err)) == PHR_OK) {
            n += s.n;
            nseries++;
        }

        if (rc != PHR_DONE) {
            die(&err);
        }

        q->ops->close(q);
        phr_matcher_destroy(&m);
        t = now_s() - t;
        best = t < best ? t : best;
        phr_arena_destroy(arena);
    }

    printf("%-28s %7zu series %9zu samples %9.3f ms %7.1f M/s\n", what,
           nseries, n, best * 1e3, (double) n / best / 1e6);
}


int
main(int argc, char **argv)
{
    int                 t, nrows, rc;
    char                job[32], inst[32], name[32];
    double             *v, t0, t_series, t_append, t_seal, worst, dt;
    int64_t             now;
    uint32_t            i, k, ntargets, nseries, *source;
    phr_err_t           err;
    phr_sid_t          *sid;
    phr_label_t         l[4];
    phr_batch_t         b;
    phr_store_t        *st;
    phr_labels_t        ls;
    phr_appender_t     *app;
    phr_store_conf_t    conf;
    phr_store_stats_t   stats;

    if (argc < 2) {
        fprintf(stderr, "usage: store directory [targets] [series] "
                "[hours]\n");
        return 2;
    }

    ntargets = argc > 2 ? (uint32_t) atoi(argv[2]) : 10;
    nseries = argc > 3 ? (uint32_t) atoi(argv[3]) : 1000;
    nrows = (argc > 4 ? atoi(argv[4]) : 24) * 3600000 / STEP_MS;

    memset(&conf, 0, sizeof(conf));
    conf.path = argv[1];

    if (phr_store_open(&conf, &st, &err) != PHR_OK) {
        die(&err);
    }

    app = phr_store_appender(st);
    source = calloc(ntargets, sizeof(uint32_t));
    sid = calloc((size_t) ntargets * nseries, sizeof(phr_sid_t));
    v = calloc((size_t) ntargets * nseries, sizeof(double));

    t0 = now_s();

    for (i = 0; i < ntargets; i++) {
        snprintf(inst, sizeof(inst), "host-%u:9100", i);

        if (app->ops->source(app, phr_str_from_c(inst), &source[i], &err)
            != PHR_OK)
        {
            die(&err);
        }

        for (k = 0; k < nseries; k++) {
            snprintf(name, sizeof(name), "node_metric_%u_total", k / 4);
            snprintf(job, sizeof(job), "cpu%u", k % 4);

            l[0].name = phr_str_of("__name__");
            l[0].value = phr_str_from_c(name);
            l[1].name = phr_str_of("device");
            l[1].value = phr_str_from_c(job);
            l[2].name = phr_str_of("instance");
            l[2].value = phr_str_from_c(inst);
            l[3].name = phr_str_of("job");
            l[3].value = phr_str_of("node");
            ls.l = l;
            ls.n = 4;

            if (app->ops->series(app, ls, &sid[i * nseries + k], &err)
                != PHR_OK)
            {
                die(&err);
            }
        }

        if (phr_store_commit(st, 0, 0, &err) != PHR_OK) {
            die(&err);
        }
    }

    t_series = now_s() - t0;
    t_append = 0;
    t_seal = 0;
    worst = 0;
    now = 0;
    memset(&b, 0, sizeof(b));

    for (t = 0; t < nrows; t++) {
        now = (int64_t) t * STEP_MS;

        for (k = 0; k < ntargets * nseries; k++) {
            v[k] = step(k, v[k]);
        }

        t0 = now_s();

        for (i = 0; i < ntargets; i++) {
            b.source = source[i];
            b.t_ms = now;
            b.sid = sid + i * nseries;
            b.v = v + i * nseries;
            b.n = nseries;

            if (app->ops->append(app, &b, &err) != PHR_OK) {
                die(&err);
            }
        }

        if (phr_store_commit(st, now, 1, &err) != PHR_OK) {
            die(&err);
        }

        t_append += now_s() - t0;

        do {
            t0 = now_s();
            rc = phr_store_seal(st, now, &err);
            dt = now_s() - t0;
            t_seal += dt;
            worst = dt > worst ? dt : worst;
        } while (rc == PHR_AGAIN);

        if (rc < 0) {
            die(&err);
        }
    }

    phr_store_stats(st, &stats);
    k = ntargets * nseries;

    printf("series made     %8u in %.3f s, %.1f us each\n", k, t_series,
           t_series / k * 1e6);
    printf("append, durable %8.1f M samples/s\n",
           (double) k * nrows / t_append / 1e6);
    printf("seal            %8.1f M samples/s, %.1f ms at most\n",
           (double) k * nrows / t_seal / 1e6, worst * 1e3);
    printf("file            %8.1f MB, %.2f bytes a sample, used %.1f MB\n",
           (double) stats.file_bytes / 1e6,
           (double) stats.file_bytes / ((double) k * nrows),
           (double) stats.used_bytes / 1e6);

    phr_store_close(st);

    t0 = now_s();
    if (phr_store_open(&conf, &st, &err) != PHR_OK) {
        die(&err);
    }
    printf("open            %8.3f ms\n", (now_s() - t0) * 1e3);

    query(st, "one target, all", "instance", "host-0:9100", 0, now);
    query(st, "one target, last hour", "instance", "host-0:9100",
          now - 3600000, now);
    query(st, "one target, last 5 min", "instance", "host-0:9100",
          now - 300000, now);
    query(st, "one metric, all", "__name__", "node_metric_7_total", 0, now);
    query(st, "everything, last hour", "job", "node", now - 3600000, now);

    phr_store_close(st);

    return 0;
}
