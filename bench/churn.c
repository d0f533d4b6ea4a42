/*
 * Copyright (C) The Pharos Authors
 *
 * What a month costs: pods come and go, each a target with series of its
 * own, and the store drops what is older than its retention.  The clock is
 * simulated.  Prints a line a day; fails if the file still grew during the
 * last third, or if a sample cost more at the end than at the beginning.
 *
 * Usage: churn <directory> [days] [retention, days] [pods] [series a pod]
 *     [pods replaced an hour, in 100] [seconds a scrape]
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "store/verify.h"


#define DAY_MS      INT64_C(86400000)
#define START_MS    (INT64_C(1774000000) * 1000)
#define PODS_MAX    1000
#define SERIES_MAX  500
#define DAYS_MAX    400


typedef struct {
    char       name[32];
    uint32_t   source;
    uint32_t   number;
    phr_sid_t  sid[SERIES_MAX];
    double     v[SERIES_MAX];
} pod_t;

typedef struct {
    double             cpu_s;
    uint64_t           nsamples;
    phr_store_stats_t  stats;
} day_t;


static pod_t       pods[PODS_MAX];
static day_t       days[DAYS_MAX];
static uint32_t    npods, nseries, nmade;
static uint64_t    seed = 88172645463325252ULL;
static phr_err_t   err;


static uint32_t
rnd(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (uint32_t) (seed >> 11) % n;
}


static double
cpu_s(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

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


/* a pod that is new, with labels as a cluster has them */
static void
replace(phr_store_t *st, pod_t *p)
{
    char             metric[32], app[32];
    uint32_t         i;
    phr_label_t      l[5];
    phr_labels_t     ls;
    phr_appender_t  *a;

    a = phr_store_appender(st);
    p->number = nmade++;
    snprintf(p->name, sizeof(p->name), "app-%u-%08x", p->number % 20,
             p->number * 2654435761u);
    snprintf(app, sizeof(app), "app-%u", p->number % 20);

    check(a->ops->source(a, phr_str_from_c(p->name), &p->source, &err),
          "source");

    ls.l = l;
    ls.n = 5;
    l[0].name = phr_str_of("__name__");
    l[0].value.data = metric;
    l[1].name = phr_str_of("app");
    l[1].value = phr_str_from_c(app);
    l[2].name = phr_str_of("job");
    l[2].value = phr_str_of("kubernetes-pods");
    l[3].name = phr_str_of("namespace");
    l[3].value = phr_str_of("prod");
    l[4].name = phr_str_of("pod");
    l[4].value = phr_str_from_c(p->name);

    for (i = 0; i < nseries; i++) {
        l[0].value.len = (size_t) snprintf(metric, sizeof(metric),
                                           "metric_%u_total", i);
        check(a->ops->series(a, ls, &p->sid[i], &err), "series");
        p->v[i] = 0;
    }
}


/* 60 % constant, 25 % counters, 10 % gauges with decimals, 5 % random */
static void
scrape(phr_store_t *st, pod_t *p, int64_t t_ms)
{
    uint32_t         i;
    phr_batch_t      b;
    phr_appender_t  *a;

    for (i = 0; i < nseries; i++) {
        switch (i % 20) {
        case 0: case 1: case 2: case 3: case 4:
            p->v[i] += rnd(500);
            break;
        case 5: case 6:
            p->v[i] = rnd(10000) / 100.0;
            break;
        case 7:
            p->v[i] = (double) rnd(1u << 30) / 777.0;
            break;
        }
    }

    memset(&b, 0, sizeof(b));
    b.source = p->source;
    b.t_ms = t_ms;
    b.sid = p->sid;
    b.v = p->v;
    b.n = nseries;

    a = phr_store_appender(st);
    check(a->ops->append(a, &b, &err), "append");
}


static void
background(phr_store_t *st, int64_t now_ms)
{
    int  rc;

    while ((rc = phr_store_seal(st, now_ms, &err)) == PHR_AGAIN) {
        /* void */
    }

    check(rc, "seal");

    while ((rc = phr_store_retain(st, now_ms, &err)) == PHR_AGAIN) {
        /* void */
    }

    check(rc, "retain");
}


static void
run_day(phr_store_t *st, int day, uint32_t replaced, int64_t step_ms)
{
    double    begin;
    day_t    *d;
    int64_t   t_ms, hours;
    uint32_t  i;

    d = &days[day];
    begin = cpu_s();
    hours = -1;

    for (t_ms = day * DAY_MS; t_ms < (day + 1) * DAY_MS; t_ms += step_ms) {
        phr_store_now(st, START_MS + t_ms);

        if (t_ms / 3600000 != hours) {
            hours = t_ms / 3600000;

            for (i = 0; (day > 0 || hours > 0) && i < replaced; i++) {
                replace(st, &pods[rnd(npods)]);
            }
        }

        for (i = 0; i < npods; i++) {
            scrape(st, &pods[i], START_MS + t_ms);
        }

        check(phr_store_commit(st, START_MS + t_ms, 0, &err), "commit");
        background(st, START_MS + t_ms);
        d->nsamples += (uint64_t) npods * nseries;
    }

    d->cpu_s = cpu_s() - begin;
    phr_store_stats(st, &d->stats);

    printf("%5d %9.1f %9.3f %8llu %9llu %9.1f %9.1f %7.1f\n", day + 1,
           (double) d->nsamples / 1e6, d->cpu_s * 1e6 / (double) d->nsamples,
           (unsigned long long) d->stats.nseries,
           (unsigned long long) d->stats.npacks,
           (double) d->stats.used_bytes / 1e6,
           (double) d->stats.file_bytes / 1e6,
           (double) (START_MS + t_ms - d->stats.min_ms) / DAY_MS);
    fflush(stdout);
}


static double
per_sample(int first, int n)
{
    int     i;
    double  best, v;

    /* the least of several: what others do on the machine is no cost */
    best = 1e9;

    for (i = first; i < first + n; i++) {
        v = days[i].cpu_s / (double) days[i].nsamples;
        best = v < best ? v : best;
    }

    return best * 1e6;
}


static int
verdict(phr_store_t *st, int ndays)
{
    int                 third;
    double              cost, growth;
    phr_store_damage_t  damage;

    third = ndays / 3;
    cost = per_sample(ndays - 3, 3) / per_sample(0, 3);
    growth = (double) days[ndays - 1].stats.file_bytes
             / (double) days[ndays - 1 - third].stats.file_bytes;

    check(phr_store_verify(st, NULL, NULL, &damage, &err), "verify");

    printf("\na sample costs %.2f times as at the beginning (1.30 at most)\n"
           "the file grew to %.3f times in the last %d days (1.01 at most)\n"
           "%llu of %llu records are damaged\n", cost, growth, third,
           (unsigned long long) damage.ndamaged,
           (unsigned long long) damage.nrecords);

    return cost <= 1.3 && growth <= 1.01 && damage.ndamaged == 0 ? 0 : 1;
}


static uint32_t
number(int argc, char **argv, int i, uint32_t otherwise, uint32_t most)
{
    long  n;

    n = argc > i ? atol(argv[i]) : (long) otherwise;

    if (n < 1 || n > (long) most) {
        fprintf(stderr, "argument %d is from 1 to %u\n", i, most);
        exit(2);
    }

    return (uint32_t) n;
}


int
main(int argc, char **argv)
{
    int                rc, day;
    uint32_t           i, ndays, keep, percent, step;
    phr_store_t       *st;
    phr_store_conf_t   conf;

    if (argc < 2) {
        fprintf(stderr, "usage: churn directory [days] [retention] [pods] "
                "[series] [percent] [seconds]\n");
        return 2;
    }

    ndays = number(argc, argv, 2, 30, DAYS_MAX);
    keep = number(argc, argv, 3, 10, DAYS_MAX);
    npods = number(argc, argv, 4, 100, PODS_MAX);
    nseries = number(argc, argv, 5, 20, SERIES_MAX);
    percent = number(argc, argv, 6, 5, 100);
    step = number(argc, argv, 7, 15, 3600);

    memset(&conf, 0, sizeof(conf));
    conf.path = argv[1];
    conf.retention_ms = keep * DAY_MS;
    phr_err_init(&err);
    check(phr_store_open(&conf, &st, &err), "open");
    phr_store_now(st, START_MS);

    printf("%u pods of %u series, %u %% replaced an hour, each %u s, kept "
           "for %u days\n\n  day  Msamples us/sample   series     packs"
           "   used MB   file MB  oldest\n", npods, nseries, percent, step,
           keep);

    for (i = 0; i < npods; i++) {
        replace(st, &pods[i]);
    }

    for (day = 0; day < (int) ndays; day++) {
        run_day(st, day, phr_max(npods * percent / 100, 1), step * 1000);
    }

    printf("\n%u series were made\n", nmade * nseries);
    rc = ndays >= 6 ? verdict(st, (int) ndays) : 0;
    phr_store_close(st);

    return rc;
}
