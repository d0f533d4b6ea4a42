/*
 * Copyright (C) The Pharos Authors
 *
 * What a sample costs and a series takes as the series grow: the bodies of
 * so many targets of store_data.h are scraped into a new store, without a
 * network and with a simulated clock, once for each number of targets.
 * Fails if a sample of the most series costs over 1.3 times what one of the
 * fewest does.  Usage: growth <directory> <rounds> <targets> ...
 */

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "store_data.h"

#include "ingest/append.h"
#include "store/store.h"


#define SERIES     1000
#define START_MS   (INT64_C(1774000000) * 1000)
#define STEP_MS    15000

/* targets whose scrapes are one commit */
#define COMMIT     4

/* rounds that are not counted: they make the series */
#define WARM       2


typedef struct {
    double   cpu_s;             /* per million samples */
    double   made_us;           /* to make a series */
    double   heap_bytes;        /* in use, per series */
    double   own_bytes;         /* of the process, beside what data takes */
    double   file_bytes;        /* per sample */
} cost_t;


static phr_err_t  err;


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


static double
heap_bytes(void)
{
    struct mallinfo2  m;

    m = mallinfo2();

    return (double) (m.uordblks + m.hblkhd);
}


static double
own_bytes(void)
{
    FILE    *f;
    char     line[256];
    double   kb;

    kb = 0;
    f = fopen("/proc/self/smaps_rollup", "r");

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "Pss_Anon: %lf", &kb) == 1) {
            break;
        }
    }

    if (f != NULL) {
        fclose(f);
    }

    return kb * 1024;
}


static phr_str_t
body_of(data_t *d, size_t target, char *text)
{
    char               *s;
    size_t              i;
    const data_cell_t  *cell;

    s = text;
    cell = &d->cell[target * d->nseries];

    for (i = 0; i < d->nseries; i++) {
        memcpy(s, d->line[i].text, d->line[i].len);
        s += d->line[i].len;
        s += data_format(&cell[i], s);
        *s++ = '\n';
    }

    return phr_str_from(text, (size_t) (s - text));
}


static phr_scrape_t *
target(size_t number)
{
    char                   address[48];
    phr_label_t            labels[2];
    phr_scrape_t          *s;
    phr_scrape_options_t   o;

    memset(&o, 0, sizeof(phr_scrape_options_t));
    data_address(number, address, sizeof(address));

    labels[0].name = phr_str_of("instance");
    labels[0].value = phr_str_from_c(address);
    labels[1].name = phr_str_of("job");
    labels[1].value = phr_str_of("node");

    o.job = labels[1].value;
    o.key = number + 1;
    o.labels.l = labels;
    o.labels.n = 2;
    o.timeout_ms = STEP_MS;
    o.normalize = 1;
    o.remember = 1;

    check(phr_scrape_create(&o, &s, &err), "target");

    return s;
}


/* one scrape of all; returns the processor time of what is measured */
static double
turn(data_t *d, phr_store_t *st, phr_scrape_t **s, int64_t now_ms, char *text)
{
    int                  rc;
    size_t               i;
    double               begin, spent;
    phr_str_t            body;
    phr_scrape_report_t  report;

    spent = 0;
    phr_store_now(st, now_ms);

    for (i = 0; i < d->ntargets; i++) {
        data_step(d, i);
        body = body_of(d, i, text);

        begin = cpu_s();
        check(phr_scrape_body(s[i], phr_store_appender(st), now_ms, 0.01,
                              body, phr_str_of("text/plain"), &report, &err),
              "scrape");

        if (i % COMMIT == COMMIT - 1 || i + 1 == d->ntargets) {
            check(phr_store_commit(st, now_ms, 0, &err), "commit");

            do {
                rc = phr_store_seal(st, now_ms, &err);
                check(rc, "seal");
            } while (rc == PHR_AGAIN);
        }

        spent += cpu_s() - begin;
    }

    return spent;
}


static void
measure(const char *dir, size_t ntargets, int rounds, cost_t *c)
{
    int                 r;
    char               *text, path[4096];
    double              heap, own, spent;
    size_t              i;
    data_t              d;
    int64_t             now_ms;
    phr_store_t        *st;
    phr_scrape_t      **s;
    phr_store_conf_t    conf;
    phr_store_stats_t   stats;

    snprintf(path, sizeof(path), "%s/%zu", dir, ntargets);
    (void) mkdir(path, 0755);

    memset(&conf, 0, sizeof(phr_store_conf_t));
    conf.path = path;

    data_create(&d, ntargets, SERIES);
    text = data_alloc(SERIES * 1024);
    s = data_alloc(ntargets * sizeof(phr_scrape_t *));
    now_ms = START_MS;
    spent = 0;

    malloc_trim(0);
    heap = heap_bytes();
    own = own_bytes();

    check(phr_store_open(&conf, &st, &err), path);

    for (i = 0; i < ntargets; i++) {
        s[i] = target(i);
    }

    for (r = 0; r < rounds; r++) {

        if (r == WARM) {
            c->made_us = spent / (double) (ntargets * SERIES) * 1e6;
            spent = 0;
        }

        now_ms += STEP_MS;
        spent += turn(&d, st, s, now_ms, text);
    }

    c->cpu_s = spent / ((double) (rounds - WARM) * (double) ntargets
                        * SERIES / 1e6);

    phr_store_stats(st, &stats);
    malloc_trim(0);

    c->heap_bytes = (heap_bytes() - heap) / (double) (ntargets * SERIES);
    c->own_bytes = (own_bytes() - own) / (double) (ntargets * SERIES);
    c->file_bytes = (double) stats.file_bytes
                    / ((double) rounds * (double) ntargets * SERIES);

    for (i = 0; i < ntargets; i++) {
        phr_scrape_destroy(s[i]);
    }

    phr_store_close(st);

    for (i = 0; i < SERIES; i++) {
        free(d.line[i].text);
    }

    free(d.line);
    free(d.cell);
    free(d.seed);
    free(text);
    free(s);
}


int
main(int argc, char **argv)
{
    int      i, rounds;
    cost_t   c, first;

    if (argc < 4 || (rounds = atoi(argv[2])) <= WARM) {
        fprintf(stderr, "usage: growth <directory> <rounds> <targets> ...\n");
        return 2;
    }

    phr_err_init(&err);
    memset(&first, 0, sizeof(first));
    memset(&c, 0, sizeof(c));

    printf("%10s %14s %14s %12s %12s %14s\n", "series", "CPU s/M samples",
           "us to make one", "heap B each", "own B each", "file B/sample");

    for (i = 3; i < argc; i++) {
        measure(argv[1], (size_t) atol(argv[i]), rounds, &c);

        printf("%10lu %14.3f %14.2f %12.0f %12.0f %14.2f\n",
               (unsigned long) atol(argv[i]) * SERIES, c.cpu_s, c.made_us,
               c.heap_bytes, c.own_bytes, c.file_bytes);
        fflush(stdout);

        if (i == 3) {
            first = c;
        }
    }

    return c.cpu_s > 1.3 * first.cpu_s;
}
