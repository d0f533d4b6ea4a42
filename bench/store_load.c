/*
 * Copyright (C) The Pharos Authors
 *
 * Load for stores, with the data of store_data.h:
 *
 *     store_load targets TARGETS SERIES PORT
 *     store_load fill TARGETS SERIES DIRECTORY ROWS STEP_MS END_MS
 *     store_load write TARGETS SERIES PORT PATH ROWS STEP_MS END_MS
 *                      CONNECTIONS BATCH
 *
 * The targets are at 127.9.0.1:PORT and on; GET /stats of the first says how
 * many scrapes there were.  A row is one sample of each series.
 */

#include "store_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/arena.h"
#include "core/labels.h"
#include "store/store.h"


/* rows between two commits */
#define LOAD_COMMIT  8


static int load_fill_series(data_t *d, phr_appender_t *app, phr_sid_t *sid,
    uint32_t *source, phr_err_t *err);
static int load_fill_rows(data_t *d, phr_store_t *store, phr_sid_t *sid,
    uint32_t *source, long nrows, int64_t step_ms, int64_t end_ms,
    phr_err_t *err);
static int load_fill_commit(phr_store_t *store, int64_t now_ms,
    phr_err_t *err);


int
main(int argc, char **argv)
{
    data_t        d;
    load_write_t  w;

    if (argc < 5) {
        goto usage;
    }

    data_create(&d, strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));

    if (strcmp(argv[1], "targets") == 0) {
        return load_targets(&d, (unsigned) atoi(argv[4]));
    }

    if (strcmp(argv[1], "fill") == 0 && argc == 8) {
        return load_fill(&d, argv[4], atol(argv[5]), atoll(argv[6]),
                         atoll(argv[7]));
    }

    if (strcmp(argv[1], "write") == 0 && argc == 11) {
        w.port = (unsigned) atoi(argv[4]);
        w.path = argv[5];
        w.nrows = atol(argv[6]);
        w.step_ms = atoll(argv[7]);
        w.end_ms = atoll(argv[8]);
        w.nconnections = (unsigned) atoi(argv[9]);
        w.batch = atol(argv[10]);

        return load_write(&d, &w);
    }

usage:

    fprintf(stderr, "usage: store_load targets|fill|write ..., see the "
            "source\n");

    return 2;
}


int
load_fill(data_t *d, const char *dir, long nrows, int64_t step_ms,
    int64_t end_ms)
{
    int                rc;
    uint32_t          *source;
    phr_err_t          err;
    phr_sid_t         *sid;
    phr_store_t       *store;
    phr_store_conf_t   conf;

    phr_err_init(&err);
    memset(&conf, 0, sizeof(phr_store_conf_t));
    conf.path = dir;

    (void) mkdir(dir, 0755);

    sid = data_alloc(d->ntargets * d->nseries * sizeof(phr_sid_t));
    source = data_alloc(d->ntargets * sizeof(uint32_t));

    rc = phr_store_open(&conf, &store, &err);

    if (rc == PHR_OK) {
        phr_store_now(store, end_ms);
        rc = load_fill_series(d, phr_store_appender(store), sid, source,
                              &err);

        if (rc == PHR_OK) {
            rc = load_fill_rows(d, store, sid, source, nrows, step_ms,
                                end_ms, &err);
        }

        phr_store_close(store);
    }

    if (rc != PHR_OK) {
        fprintf(stderr, "store_load: %s\n", err.text);
        return 1;
    }

    return 0;
}


static int
load_fill_series(data_t *d, phr_appender_t *app, phr_sid_t *sid,
    uint32_t *source, phr_err_t *err)
{
    int                    rc;
    char                   instance[48], name[64];
    size_t                 i, k, l;
    data_line_t           *line;
    phr_arena_t           *arena;
    phr_labels_t           empty, ls;
    phr_labels_builder_t   b;

    arena = phr_arena_create(1 << 20);
    if (arena == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    memset(&empty, 0, sizeof(phr_labels_t));
    rc = PHR_OK;

    for (i = 0; rc == PHR_OK && i < d->ntargets; i++) {

        data_address(i, instance, sizeof(instance) - 5);
        strcat(instance, ":9100");
        snprintf(name, sizeof(name), "scrape/node/%zu", i);

        rc = app->ops->source(app, phr_str_from_c(name), &source[i], err);

        for (k = 0; rc == PHR_OK && k < d->nseries; k++) {
            line = &d->line[k];

            phr_arena_reset(arena);
            phr_labels_builder_init(&b, arena, empty);
            phr_labels_builder_set(&b, phr_str_of(PHR_METRIC_NAME),
                                   phr_str_from_c(line->name));
            phr_labels_builder_set(&b, phr_str_of("instance"),
                                   phr_str_from_c(instance));
            phr_labels_builder_set(&b, phr_str_of("job"),
                                   phr_str_of("node"));

            for (l = 0; l < line->nlabels; l++) {
                phr_labels_builder_set(&b, phr_str_from_c(line->label[l]),
                                       phr_str_from_c(line->value[l]));
            }

            rc = phr_labels_build(&b, &ls);

            if (rc == PHR_OK) {
                rc = app->ops->series(app, ls, &sid[i * d->nseries + k],
                                      err);
            }
        }
    }

    phr_arena_destroy(arena);

    return rc;
}


static int
load_fill_rows(data_t *d, phr_store_t *store, phr_sid_t *sid,
    uint32_t *source, long nrows, int64_t step_ms, int64_t end_ms,
    phr_err_t *err)
{
    int              rc;
    long             n;
    double          *v;
    size_t           i, k;
    int64_t          now_ms;
    phr_batch_t      batch;
    phr_appender_t  *app;

    app = phr_store_appender(store);
    v = data_alloc(d->nseries * sizeof(double));
    memset(&batch, 0, sizeof(phr_batch_t));
    rc = PHR_OK;

    for (n = 0; rc == PHR_OK && n < nrows; n++) {
        now_ms = end_ms - (nrows - 1 - n) * step_ms;

        for (i = 0; rc == PHR_OK && i < d->ntargets; i++) {
            data_step(d, i);

            for (k = 0; k < d->nseries; k++) {
                v[k] = data_value(&d->cell[i * d->nseries + k]);
            }

            batch.source = source[i];
            batch.t_ms = now_ms + (int64_t) i % step_ms;
            batch.sid = sid + i * d->nseries;
            batch.v = v;
            batch.n = d->nseries;

            rc = app->ops->append(app, &batch, err);
        }

        if (rc == PHR_OK && (n % LOAD_COMMIT == 0 || n == nrows - 1)) {
            rc = load_fill_commit(store, now_ms, err);
        }
    }

    free(v);

    return rc;
}


static int
load_fill_commit(phr_store_t *store, int64_t now_ms, phr_err_t *err)
{
    int  rc;

    rc = phr_store_commit(store, now_ms, 0, err);

    if (rc == PHR_OK) {
        do {
            rc = phr_store_seal(store, now_ms, err);
        } while (rc == PHR_AGAIN);
    }

    return rc;
}
