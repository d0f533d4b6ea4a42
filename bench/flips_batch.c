/*
 * Copyright (C) The Pharos Authors
 *
 * Flips, batches: native histograms of both kinds of buckets, counters with
 * start timestamps, exemplars, and days of samples for buckets.
 */

#include "flips.h"

#include <stdio.h>
#include <string.h>


/* the most series of one batch */
#define FLIPS_BATCH  16


static int flips_batch_series(flips_store_t *s, const char *name, int n,
    phr_batch_t *b, phr_sid_t *sid, phr_err_t *err);
static double flips_batch_value(int i, int k);
static int flips_batch_buckets(const flips_ear_t *ear, int k, int n,
    int64_t res_ms, phr_err_t *err);


/* a batch of series "<name><i>" of a source of that name */
static int
flips_batch_series(flips_store_t *s, const char *name, int n, phr_batch_t *b,
    phr_sid_t *sid, phr_err_t *err)
{
    int              rc, i;
    char             id[32], metric[32];
    phr_label_t      l[2];
    phr_labels_t     ls;
    phr_appender_t  *app;

    app = phr_store_appender(s->st);
    memset(b, 0, sizeof(phr_batch_t));
    b->sid = sid;
    b->n = (size_t) n;

    snprintf(metric, sizeof(metric), "flips_%s", name);
    l[0].name = phr_str_of("__name__");
    l[0].value = phr_str_from_c(metric);
    l[1].name = phr_str_of("id");
    ls.l = l;
    ls.n = 2;

    rc = app->ops->source(app, phr_str_from_c(name), &b->source, err);

    for (i = 0; i < n && rc == PHR_OK; i++) {
        snprintf(id, sizeof(id), "%s%d", name, i);
        l[1].value = phr_str_from_c(id);
        rc = app->ops->series(app, ls, &sid[i], err);
    }

    return rc;
}


/* counters that begin anew, and what does not change for hours */
int
flips_batch_old(flips_store_t *s, const flips_ear_t *ear, phr_err_t *err)
{
    int              rc, i, k, n;
    char             id[32];
    double           v[FLIPS_BATCH];
    phr_sid_t        sid[FLIPS_BATCH];
    phr_batch_t      b;
    phr_appender_t  *app;

    app = phr_store_appender(s->st);
    n = (int) (INT64_C(86400000) * FLIPS_OLD_DAYS / FLIPS_OLD_STEP);
    phr_store_now(s->st, FLIPS_START_MS - n * FLIPS_OLD_STEP);

    rc = flips_batch_series(s, "old", FLIPS_OLD, &b, sid, err);
    b.v = v;

    for (i = 0; i < n && rc == PHR_OK; i++) {
        b.t_ms = FLIPS_START_MS - (n - i) * FLIPS_OLD_STEP;

        for (k = 0; k < FLIPS_OLD && rc == PHR_OK; k++) {
            v[k] = flips_batch_value(i, k);
            snprintf(id, sizeof(id), "old%d", k);
            rc = flips_say(ear, FLIPS_SAMPLE, phr_str_from_c(id), b.t_ms,
                           &v[k], sizeof(v[k]), err);
        }

        if (rc == PHR_OK) {
            rc = app->ops->append(app, &b, err);
        }
        if (rc == PHR_OK && i % 60 == 59) {
            rc = phr_store_commit(s->st, b.t_ms, 0, err);
        }

        while (rc == PHR_OK && i % 60 == 59
               && (rc = phr_store_seal(s->st, b.t_ms, err)) == PHR_AGAIN)
        {
            rc = PHR_OK;
        }
    }

    for (k = 0; k < FLIPS_OLD && rc == PHR_OK; k++) {
        rc = flips_batch_buckets(ear, k, n, 300000, err);
        if (rc == PHR_OK) {
            rc = flips_batch_buckets(ear, k, n, 3600000, err);
        }
    }

    return rc == PHR_OK ? phr_store_commit(s->st, FLIPS_START_MS, 0, err)
                        : rc;
}


static double
flips_batch_value(int i, int k)
{
    return k % 2 ? i / 50 % 7 : i * (k + 1) % 500;
}


/* what all buckets of one resolution have to say of n samples */
static int
flips_batch_buckets(const flips_ear_t *ear, int k, int n, int64_t res_ms,
    phr_err_t *err)
{
    int        rc, i, first, f;
    char       id[32];
    double     v, last, told[FLIPS_FUNCS];
    int64_t    t_ms, end_ms;
    phr_str_t  name;

    snprintf(id, sizeof(id), "old%d", k);
    name = phr_str_from_c(id);
    rc = PHR_OK;

    for (i = 0; i < n && rc == PHR_OK; /* void */ ) {
        first = i;
        end_ms = FLIPS_START_MS - (n - i) * FLIPS_OLD_STEP;
        end_ms = (end_ms + res_ms - 1) / res_ms * res_ms;
        t_ms = last = 0;

        for ( /* void */ ; i < n && FLIPS_START_MS - (n - i) * FLIPS_OLD_STEP
                                    <= end_ms; i++)
        {
            t_ms = FLIPS_START_MS - (n - i) * FLIPS_OLD_STEP;
            v = last = flips_batch_value(i, k);
            told[FLIPS_MIN] = i == first ? v : phr_min(told[FLIPS_MIN], v);
            told[FLIPS_MAX] = i == first ? v : phr_max(told[FLIPS_MAX], v);
            told[FLIPS_SUM] = i == first ? v : told[FLIPS_SUM] + v;
        }

        rc = flips_say_bucket(ear, name, t_ms, FLIPS_LAST, res_ms, last, 1,
                              err);

        for (f = FLIPS_MIN; f <= FLIPS_SUM && rc == PHR_OK; f++) {
            rc = flips_say_bucket(ear, name, end_ms, f, res_ms, told[f],
                                  f == FLIPS_SUM ? i - first : 1, err);
        }
    }

    return rc;
}


/* those with an even number have custom buckets */
int
flips_batch_hists(flips_store_t *s, int i, int64_t t_ms,
    const flips_ear_t *ear, phr_err_t *err)
{
    int                rc, k, n;
    char               id[32];
    double             counts[FLIPS_HISTS][4];
    phr_sid_t          sid[FLIPS_BATCH];
    phr_hist_t         h[FLIPS_HISTS];
    phr_batch_t        b;
    phr_appender_t    *app;
    const phr_hist_t  *list[FLIPS_HISTS];

    static const double           bounds[] = { 0.1, 0.5, 2.5 };
    static const phr_hist_span_t  custom = { 0, 4 };
    static const phr_hist_span_t  apart[] = { { -2, 1 }, { 3, 3 } };

    rc = flips_batch_series(s, "hists", FLIPS_HISTS, &b, sid, err);

    for (k = 0; k < FLIPS_HISTS && rc == PHR_OK; k++) {
        memset(&h[k], 0, sizeof(phr_hist_t));
        h[k].schema = k % 2 ? 3 : PHR_HIST_CUSTOM;
        h[k].integer = 1;

        for (n = 0; n < 4; n++) {
            counts[k][n] = (double) (i * (n + 1) + i / 7 * k);
            h[k].count += counts[k][n];
        }

        h[k].sum = h[k].count * 0.7;
        h[k].positive.counts = counts[k];
        h[k].positive.n = 4;
        h[k].positive.spans = k % 2 ? apart : &custom;
        h[k].positive.nspans = k % 2 ? 2 : 1;

        if (k % 2 == 0) {
            h[k].bounds = bounds;
            h[k].nbounds = 3;
        }

        list[k] = &h[k];
        snprintf(id, sizeof(id), "hists%d", k);
        rc = flips_say_hist(ear, phr_str_from_c(id), t_ms, &h[k], err);
    }

    app = phr_store_appender(s->st);
    b.t_ms = t_ms;
    b.h = list;

    return rc == PHR_OK ? app->ops->append(app, &b, err) : rc;
}


/* born again at times; deltas; and late ones between them */
int
flips_batch_starts(flips_store_t *s, int i, int64_t t_ms,
    const flips_ear_t *ear, phr_err_t *err)
{
    int              rc, k;
    char             id[32];
    double           v[FLIPS_BATCH];
    int64_t          since[FLIPS_BATCH], each[FLIPS_BATCH];
    phr_sid_t        sid[FLIPS_BATCH];
    phr_batch_t      b;
    phr_appender_t  *app;

    rc = flips_batch_series(s, "starts", FLIPS_STARTS, &b, sid, err);

    for (k = 0; k < FLIPS_STARTS && rc == PHR_OK; k++) {
        v[k] = i * k;
        each[k] = t_ms - (k % 3 == 2 && i % 40 > 30 ? 7001 * (i % 40) : 0);
        since[k] = k % 3 == 1 ? each[k] - FLIPS_STEP_MS
                   : k % 3 == 2 && i % 40 > 30 ? t_ms - 900000
                   : FLIPS_START_MS + i / (20 + 10 * k) * 5000 - 1000;

        snprintf(id, sizeof(id), "starts%d", k);
        rc = flips_say(ear, FLIPS_SAMPLE, phr_str_from_c(id), each[k], &v[k],
                       sizeof(v[k]), err);
        if (rc == PHR_OK) {
            rc = flips_say(ear, FLIPS_SINCE, phr_str_from_c(id), each[k],
                           &since[k], sizeof(since[k]), err);
        }
    }

    app = phr_store_appender(s->st);
    b.t_ms = t_ms;
    b.t_each = each;
    b.v = v;
    b.st_ms = since;

    return rc == PHR_OK ? app->ops->append(app, &b, err) : rc;
}


int
flips_batch_exemplars(flips_store_t *s, int i, int64_t t_ms,
    const flips_ear_t *ear, phr_err_t *err)
{
    int              rc, k;
    char             id[32], trace[FLIPS_STARTS][40];
    int8_t           status[FLIPS_STARTS];
    phr_sid_t        sid[FLIPS_BATCH];
    phr_label_t      l[FLIPS_STARTS];
    phr_batch_t      b;
    phr_appender_t  *app;
    phr_exemplar_t   e[FLIPS_STARTS];

    rc = flips_batch_series(s, "starts", FLIPS_STARTS, &b, sid, err);

    for (k = 0; k < FLIPS_STARTS && rc == PHR_OK; k++) {
        snprintf(trace[k], sizeof(trace[k]), "%016llx",
                 (unsigned long long) (i * 100 + k)
                 * UINT64_C(0x9e3779b97f4a7c15));

        l[k].name = phr_str_of("trace_id");
        l[k].value = phr_str_from_c(trace[k]);
        memset(&e[k], 0, sizeof(phr_exemplar_t));
        e[k].labels.l = &l[k];
        e[k].labels.n = 1;
        e[k].t_ms = t_ms - k;
        e[k].v = i;
        e[k].has_t = 1;

        snprintf(id, sizeof(id), "starts%d", k);
        rc = flips_say(ear, FLIPS_EXEMPLAR, phr_str_from_c(id), e[k].t_ms,
                       trace[k], strlen(trace[k]), err);
    }

    app = phr_store_appender(s->st);

    return rc == PHR_OK ? app->ops->exemplars(app, sid, e, FLIPS_STARTS,
                                              status, err)
                        : rc;
}
