/*
 * Copyright (C) The Pharos Authors
 *
 * Flips, the store: rows of a target that is scraped, and what flips_batch.c
 * writes beside them; packed in part, with buckets of what is old, and small
 * records each of which was another one before.
 */

#include "flips.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define FLIPS_DAY  INT64_C(86400000)


static int flips_store_rows(flips_store_t *s, int64_t from_ms, int n,
    const flips_ear_t *ear, phr_err_t *err);
static int flips_store_beside(flips_store_t *s, int i, int64_t t_ms,
    const flips_ear_t *ear, phr_err_t *err);
static int flips_store_seal(flips_store_t *s, int64_t now_ms,
    phr_err_t *err);
static int flips_store_values(flips_store_t *s, int before,
    const flips_ear_t *ear, phr_err_t *err);


int
flips_store_open(flips_store_t *s, const char *dir, int64_t retention_ms,
    phr_err_t *err)
{
    int               rc, i;
    char              id[32], group[32];
    phr_label_t       l[3];
    phr_labels_t      ls;
    phr_appender_t   *app;
    phr_store_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    conf.path = dir;
    conf.map_size_bytes = UINT64_C(1) << 30;
    conf.out_of_order_ms = FLIPS_DAY;
    conf.retention_ms = retention_ms;
    conf.max_exemplars = 1200;
    conf.coarse[0].after_ms = FLIPS_DAY;
    conf.coarse[1].after_ms = FLIPS_DAY;

    rc = phr_store_open(&conf, &s->st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_store_now(s->st, FLIPS_START_MS);
    app = phr_store_appender(s->st);
    rc = app->ops->source(app, phr_str_of("flips"), &s->source, err);

    l[0].name = phr_str_of("__name__");
    l[0].value = phr_str_of("flips");
    l[1].name = phr_str_of("group");
    l[2].name = phr_str_of("id");
    ls.l = l;
    ls.n = 3;

    for (i = 0; i < FLIPS_SERIES && rc == PHR_OK; i++) {
        snprintf(id, sizeof(id), "id%d", i);
        snprintf(group, sizeof(group), "group%d", i / 10);
        l[1].value = phr_str_from_c(group);
        l[2].value = phr_str_from_c(id);
        rc = app->ops->series(app, ls, &s->sid[i], err);
    }

    return rc == PHR_OK ? phr_store_commit(s->st, FLIPS_START_MS, 0, err)
                        : rc;
}


int
flips_store_make(flips_store_t *s, const char *dir, const flips_ear_t *ear,
    phr_err_t *err)
{
    int  rc;

    rc = flips_store_open(s, dir, FLIPS_DAY * 3, err);

    if (rc == PHR_OK) {
        rc = flips_batch_old(s, ear, err);
    }
    if (rc == PHR_OK) {
        rc = flips_store_seal(s, FLIPS_START_MS, err);
    }
    if (rc == PHR_OK) {
        rc = flips_store_coarsen(s, err);
    }

    while (rc == PHR_OK
           && (rc = phr_store_retain(s->st, FLIPS_START_MS, err)) == PHR_AGAIN)
    {
        rc = PHR_OK;
    }

    /* the older of two values is still somewhere in the file */

    if (rc == PHR_OK) {
        rc = flips_store_values(s, 1, ear, err);
    }
    if (rc == PHR_OK) {
        rc = flips_store_rows(s, FLIPS_START_MS, FLIPS_ROWS, ear, err);
    }
    if (rc == PHR_OK) {
        rc = flips_store_values(s, 0, ear, err);
    }

    return rc == PHR_OK ? phr_store_commit(s->st, FLIPS_START_MS, 1, err)
                        : rc;
}


int
flips_store_more(flips_store_t *s, phr_err_t *err)
{
    return flips_store_rows(s, FLIPS_START_MS
                               + (int64_t) 2 * FLIPS_ROWS * FLIPS_STEP_MS,
                            150, NULL, err);
}


int
flips_store_coarsen(flips_store_t *s, phr_err_t *err)
{
    int  rc;

    do {
        rc = phr_store_coarsen(s->st, FLIPS_START_MS, err);
    } while (rc == PHR_AGAIN);

    return rc;
}


/* each 50th row has times of its own */
static int
flips_store_rows(flips_store_t *s, int64_t from_ms, int n,
    const flips_ear_t *ear, phr_err_t *err)
{
    int              rc, i, k;
    char             id[32];
    double           v[FLIPS_SERIES];
    int64_t          each[FLIPS_SERIES];
    phr_batch_t      b;
    phr_appender_t  *app;

    app = phr_store_appender(s->st);
    memset(&b, 0, sizeof(b));
    b.source = s->source;
    b.sid = s->sid;
    b.v = v;
    b.n = FLIPS_SERIES;
    rc = PHR_OK;

    for (i = 0; i < n && rc >= 0; i++) {
        b.t_ms = from_ms + (int64_t) i * FLIPS_STEP_MS;
        phr_store_now(s->st, b.t_ms);

        for (k = 0; k < FLIPS_SERIES; k++) {
            v[k] = k % 3 == 0 ? i * k : k % 3 == 1 ? drand48() : 7;
            each[k] = b.t_ms + (i % 50 == 49 ? k : 0);
            snprintf(id, sizeof(id), "id%d", k);

            rc = flips_say(ear, FLIPS_SAMPLE, phr_str_from_c(id), each[k],
                           &v[k], sizeof(v[k]), err);
            if (rc != PHR_OK) {
                return rc;
            }
        }

        b.t_each = i % 50 == 49 ? each : NULL;

        rc = app->ops->append(app, &b, err);
        if (rc == PHR_OK) {
            rc = flips_store_beside(s, i, b.t_ms, ear, err);
        }
        if (rc == PHR_OK) {
            rc = phr_store_commit(s->st, b.t_ms, 0, err);
        }

        if (rc == PHR_OK && i % 16 == 0) {
            /* once all that is loose is packed */
            rc = flips_store_seal(s, b.t_ms + (i == 208 ? FLIPS_DAY : 0),
                                  err);
        }
    }

    return rc;
}


static int
flips_store_beside(flips_store_t *s, int i, int64_t t_ms,
    const flips_ear_t *ear, phr_err_t *err)
{
    int  rc;

    rc = flips_batch_starts(s, i, t_ms, ear, err);

    if (rc == PHR_OK && i % 3 == 0) {
        rc = flips_batch_hists(s, i, t_ms, ear, err);
    }
    if (rc == PHR_OK && i % 4 == 0 && ear != NULL) {
        /* those that come later would take the place of others */
        rc = flips_batch_exemplars(s, i, t_ms, ear, err);
    }

    return rc;
}


static int
flips_store_seal(flips_store_t *s, int64_t now_ms, phr_err_t *err)
{
    int  rc;

    do {
        rc = phr_store_seal(s->st, now_ms, err);
    } while (rc == PHR_AGAIN);

    return rc;
}


static int
flips_store_values(flips_store_t *s, int before, const flips_ear_t *ear,
    phr_err_t *err)
{
    int              rc, i;
    char             key[32];
    phr_buf_t        value;
    phr_appender_t  *app;

    app = phr_store_appender(s->st);
    phr_buf_init(&value, 0);
    rc = PHR_OK;

    for (i = 0; i < FLIPS_VALUES && rc == PHR_OK; i++) {
        flips_value(i, before, key, &value);

        rc = app->ops->put(app, key[0], phr_str_from_c(key),
                           phr_buf_view(&value), err);
        if (rc == PHR_OK) {
            rc = flips_say(ear, before ? FLIPS_BEFORE : FLIPS_VALUE,
                           phr_str_from_c(key), 0, value.data, value.len,
                           err);
        }
    }

    phr_buf_free(&value);

    return rc == PHR_OK ? phr_store_commit(s->st, FLIPS_START_MS, 1, err)
                        : rc;
}


/*
 * Help of metrics, states of rules, and of targets each 10th of which takes
 * three records.
 */
void
flips_value(int i, int before, char *key, phr_buf_t *value)
{
    int  n;

    static const char  spaces[] = { PHR_KV_RULES, PHR_KV_METADATA,
                                    PHR_KV_TARGET, PHR_KV_PUSH };

    snprintf(key, 32, "%c key of %d", spaces[i % 4], i);
    phr_buf_reset(value);

    for (n = i % 10 == 2 ? 500 : 3; n > 0; n--) {
        phr_buf_printf(value, "%s value %d of %d, ",
                       before ? "an old" : "a new", n, i);
    }
}
