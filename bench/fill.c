/*
 * Copyright (C) The Pharos Authors
 *
 * Fill: makes a store of many samples in seconds, for measurements that
 * would need days of scraping.  Nothing may have the store open.
 *
 *     fill DIRECTORY NSERIES NSAMPLES STEP_MS END_MS [KEY_FILE]
 *
 * The series are fill{series="0", group="0"} and so on, ten to a group,
 * each a counter that grows by 0 to 9 a sample, from a fixed seed.
 */

#include "core/arena.h"
#include "core/labels.h"
#include "store/store.h"
#include "store/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>


#define FILL_SOURCE    "bench/fill"

/* rows between two commits */
#define FILL_COMMIT    64


typedef struct {
    phr_store_t     *store;
    phr_appender_t  *app;
    uint32_t         source;
    size_t           nseries;
    phr_sid_t       *sid;
    double          *v;
    uint32_t         seed;
} fill_t;


static int fill_series(fill_t *f, phr_err_t *err);
static int fill_rows(fill_t *f, long nsamples, int64_t step_ms,
    int64_t end_ms, phr_err_t *err);
static int fill_commit(fill_t *f, int64_t now_ms, phr_err_t *err);
static uint32_t fill_random(fill_t *f);


int
main(int argc, char **argv)
{
    int               rc;
    fill_t            f;
    uint8_t           key[PHR_VAULT_KEY];
    phr_err_t         err;
    phr_store_conf_t  conf;

    if (argc != 6 && argc != 7) {
        fprintf(stderr, "usage: fill DIRECTORY NSERIES NSAMPLES STEP_MS "
                        "END_MS [KEY_FILE]\n");
        return 2;
    }

    phr_err_init(&err);

    memset(&conf, 0, sizeof(phr_store_conf_t));
    conf.path = argv[1];

    if (argc == 7) {
        if (phr_vault_key_read(argv[6], key, &err) != PHR_OK) {
            fprintf(stderr, "fill: %s\n", err.text);
            return 1;
        }

        conf.key = key;
    }

    memset(&f, 0, sizeof(fill_t));
    f.nseries = strtoul(argv[2], NULL, 10);
    f.seed = 1;
    f.sid = calloc(f.nseries + 1, sizeof(phr_sid_t));
    f.v = calloc(f.nseries + 1, sizeof(double));

    if (f.sid == NULL || f.v == NULL) {
        fprintf(stderr, "fill: no memory\n");
        return 1;
    }

    (void) mkdir(argv[1], 0755);

    rc = phr_store_open(&conf, &f.store, &err);

    if (rc == PHR_OK) {
        f.app = phr_store_appender(f.store);
        phr_store_now(f.store, strtoll(argv[5], NULL, 10));

        rc = fill_series(&f, &err);

        if (rc == PHR_OK) {
            rc = fill_rows(&f, strtol(argv[3], NULL, 10),
                           strtoll(argv[4], NULL, 10),
                           strtoll(argv[5], NULL, 10), &err);
        }

        phr_store_close(f.store);
    }

    if (rc != PHR_OK) {
        fprintf(stderr, "fill: %s\n", err.text);
    }

    free(f.sid);
    free(f.v);

    return rc == PHR_OK ? 0 : 1;
}


static int
fill_series(fill_t *f, phr_err_t *err)
{
    int                    rc;
    char                   series[24], group[24];
    size_t                 i;
    phr_arena_t           *arena;
    phr_labels_t           empty, ls;
    phr_labels_builder_t   b;

    arena = phr_arena_create(1 << 20);
    if (arena == NULL) {
        return PHR_ENOMEM;
    }

    memset(&empty, 0, sizeof(phr_labels_t));

    rc = f->app->ops->source(f->app, phr_str_of(FILL_SOURCE), &f->source,
                             err);

    for (i = 0; rc == PHR_OK && i < f->nseries; i++) {
        phr_arena_reset(arena);
        phr_labels_builder_init(&b, arena, empty);

        snprintf(series, sizeof(series), "%zu", i);
        snprintf(group, sizeof(group), "%zu", i / 10);

        phr_labels_builder_set(&b, phr_str_of(PHR_METRIC_NAME),
                               phr_str_of("fill"));
        phr_labels_builder_set(&b, phr_str_of("series"),
                               (phr_str_t) { series, strlen(series) });
        phr_labels_builder_set(&b, phr_str_of("group"),
                               (phr_str_t) { group, strlen(group) });

        rc = phr_labels_build(&b, &ls);

        if (rc == PHR_OK) {
            rc = f->app->ops->series(f->app, ls, &f->sid[i], err);
        }
    }

    phr_arena_destroy(arena);

    return rc;
}


static int
fill_rows(fill_t *f, long nsamples, int64_t step_ms, int64_t end_ms,
    phr_err_t *err)
{
    int          rc;
    long         n;
    size_t       i;
    phr_batch_t  batch;

    memset(&batch, 0, sizeof(phr_batch_t));

    batch.source = f->source;
    batch.sid = f->sid;
    batch.v = f->v;
    batch.n = f->nseries;

    for (n = 0; n < nsamples; n++) {
        batch.t_ms = end_ms - (nsamples - 1 - n) * step_ms;

        for (i = 0; i < f->nseries; i++) {
            f->v[i] += fill_random(f) % 10;
        }

        rc = f->app->ops->append(f->app, &batch, err);

        if (rc == PHR_OK && n % FILL_COMMIT == FILL_COMMIT - 1) {
            rc = fill_commit(f, end_ms, err);
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    return fill_commit(f, end_ms, err);
}


static int
fill_commit(fill_t *f, int64_t now_ms, phr_err_t *err)
{
    int  rc;

    rc = phr_store_commit(f->store, now_ms, 0, err);

    if (rc == PHR_OK) {
        do {
            rc = phr_store_seal(f->store, now_ms, err);
        } while (rc == PHR_AGAIN);
    }

    return rc;
}


/* xorshift */

static uint32_t
fill_random(fill_t *f)
{
    f->seed ^= f->seed << 13;
    f->seed ^= f->seed >> 17;
    f->seed ^= f->seed << 5;

    return f->seed;
}
