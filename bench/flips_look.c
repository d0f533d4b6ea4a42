/*
 * Copyright (C) The Pharos Authors
 *
 * Flips, a look: all that a store answers, said one by one.
 */

#include "flips.h"

#include <stdio.h>
#include <string.h>

#include "core/bytes.h"


typedef struct {
    phr_store_t        *st;
    phr_querier_t      *q;
    phr_arena_t        *arena;
    const flips_ear_t  *ear;
    phr_err_t          *err;
} flips_look_t;

/* of each series that a query finds */
typedef int (*flips_series_pt)(flips_look_t *l, const phr_series_t *s,
    int func);


static int flips_look_at(flips_look_t *l, phr_match_e op, const char *ids,
    const phr_select_hints_t *hints, int func, flips_series_pt visit);
static int flips_look_samples(flips_look_t *l, const phr_series_t *s,
    int func);
static int flips_look_buckets(flips_look_t *l, const phr_series_t *s,
    int func);
static int flips_look_coarse(flips_look_t *l);
static int flips_look_exemplars(flips_look_t *l);
static int flips_look_values(flips_look_t *l);
static phr_str_t flips_look_id(phr_labels_t labels);


/* ORDER FLIPS_FUNC */
static const char *const  flips_funcs[FLIPS_FUNCS] = {
    "last_over_time", "min_over_time", "max_over_time", "sum_over_time",
    "increase"
};


int
flips_say(const flips_ear_t *ear, flips_kind_e kind, phr_str_t id,
    int64_t t_ms, const void *bytes, size_t len, phr_err_t *err)
{
    uint8_t      of;
    phr_xxh64_t  x;

    if (ear == NULL) {
        return PHR_OK;
    }

    of = (uint8_t) kind;
    phr_xxh64_init(&x);
    phr_xxh64_update(&x, &of, 1);
    phr_xxh64_update(&x, &t_ms, sizeof(t_ms));
    phr_xxh64_update(&x, id.data, id.len);
    phr_xxh64_update(&x, "", 1);
    phr_xxh64_update(&x, bytes, len);

    return ear->say(ear->data, kind, id, t_ms, phr_xxh64_final(&x), err);
}


int
flips_say_bucket(const flips_ear_t *ear, phr_str_t id, int64_t t_ms,
    flips_func_e func, int64_t res_ms, double v, double w, phr_err_t *err)
{
    double  said[4];

    /* the last is that of each resolution */

    said[0] = func;
    said[1] = func == FLIPS_LAST ? 0 : (double) res_ms;
    said[2] = v;
    said[3] = w;

    return flips_say(ear, func == FLIPS_INCREASE ? FLIPS_EDGE : FLIPS_BUCKET,
                     id, t_ms, said, sizeof(said), err);
}


int
flips_say_hist(const flips_ear_t *ear, phr_str_t id, int64_t t_ms,
    const phr_hist_t *h, phr_err_t *err)
{
    double            said[40];
    size_t            n, i;
    phr_hist_iter_t   it;

    said[0] = h->schema;
    said[1] = h->count;
    said[2] = h->sum;
    said[3] = h->zero_count;
    said[4] = h->zero_threshold;
    n = 5;

    for (i = 0; i < h->nbounds && n < 10; i++) {
        said[n++] = h->bounds[i];
    }

    phr_hist_iter_init(&it, &h->positive);

    while (phr_hist_iter_next(&it) && n < phr_nelems(said) - 1) {
        if (it.count != 0) {
            said[n++] = it.index;
            said[n++] = it.count;
        }
    }

    return flips_say(ear, FLIPS_HIST, id, t_ms, said, n * sizeof(double),
                     err);
}


int
flips_look(phr_store_t *st, const flips_ear_t *ear, phr_err_t *err)
{
    int                 rc;
    flips_look_t        l;
    phr_storage_t      *storage;
    phr_select_hints_t  hints;

    memset(&l, 0, sizeof(l));
    l.st = st;
    l.ear = ear;
    l.err = err;

    memset(&hints, 0, sizeof(hints));
    hints.sorted = 1;
    hints.starts = 1;

    storage = phr_store_storage(st);
    l.arena = phr_arena_create(0);
    if (l.arena == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    rc = storage->querier(storage, &l.q, err);

    if (rc == PHR_OK) {
        rc = flips_look_at(&l, PHR_MATCH_RE, ".+", &hints, 0,
                           flips_look_samples);
        if (rc == PHR_OK) {
            rc = flips_look_coarse(&l);
        }
        if (rc == PHR_OK) {
            rc = flips_look_exemplars(&l);
        }

        l.q->ops->close(l.q);
    }

    phr_arena_destroy(l.arena);

    return rc == PHR_OK ? flips_look_values(&l) : rc;
}


int
flips_look_each(phr_store_t *st, int n, const flips_ear_t *ear,
    phr_err_t *err)
{
    int                 rc, i;
    char                id[32];
    flips_look_t        l;
    phr_storage_t      *storage;
    phr_select_hints_t  hints;

    memset(&hints, 0, sizeof(hints));
    memset(&l, 0, sizeof(l));
    l.ear = ear;
    l.err = err;

    storage = phr_store_storage(st);
    l.arena = phr_arena_create(0);
    if (l.arena == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    rc = storage->querier(storage, &l.q, err);

    if (rc == PHR_OK) {
        for (i = 0; i < n && rc == PHR_OK; i++) {
            snprintf(id, sizeof(id), "id%d", i * 9 % FLIPS_SERIES);
            rc = flips_look_at(&l, PHR_MATCH_EQ, id, &hints, 0,
                               flips_look_samples);
        }

        l.q->ops->close(l.q);
    }

    phr_arena_destroy(l.arena);

    return rc;
}


static int
flips_look_at(flips_look_t *l, phr_match_e op, const char *ids,
    const phr_select_hints_t *hints, int func, flips_series_pt visit)
{
    int                rc;
    phr_series_t       s;
    phr_matcher_t      m;
    phr_series_set_t  *set;

    rc = phr_matcher_init(&m, op, phr_str_of("id"), phr_str_from_c(ids),
                          l->err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = l->q->ops->select(l->q, &m, 1, 0, FLIPS_END_MS, hints, l->arena,
                           &set, l->err);

    while (rc == PHR_OK && (rc = set->next(set, &s, l->err)) == PHR_OK) {
        rc = visit(l, &s, func);
    }

    phr_matcher_destroy(&m);

    return rc == PHR_DONE ? PHR_OK : rc;
}


static int
flips_look_samples(flips_look_t *l, const phr_series_t *s, int func)
{
    int        rc;
    size_t     i;
    phr_str_t  id;

    id = flips_look_id(s->labels);
    rc = PHR_OK;

    for (i = 0; i < s->n && rc == PHR_OK; i++) {

        rc = s->h != NULL && s->h[i] != NULL
             ? flips_say_hist(l->ear, id, s->t_ms[i], s->h[i], l->err)
             : flips_say(l->ear, FLIPS_SAMPLE, id, s->t_ms[i], &s->v[i],
                         sizeof(s->v[i]), l->err);

        if (rc == PHR_OK && s->st_ms != NULL && s->st_ms[i] != 0) {
            rc = flips_say(l->ear, FLIPS_SINCE, id, s->t_ms[i], &s->st_ms[i],
                           sizeof(s->st_ms[i]), l->err);
        }
    }

    return rc;
}


/* in both resolutions, and for all that they may be asked */
static int
flips_look_coarse(flips_look_t *l)
{
    int                 rc, func, hours;
    phr_select_hints_t  hints;

    memset(&hints, 0, sizeof(hints));
    rc = PHR_OK;

    for (hours = 0; hours < 2; hours++) {
        hints.max_res_ms = hours ? 3600000 : 300000;
        hints.range_ms = 4 * hints.max_res_ms;

        for (func = 0; func < FLIPS_FUNCS && rc == PHR_OK; func++) {
            hints.func = phr_str_from_c(flips_funcs[func]);
            rc = flips_look_at(l, PHR_MATCH_RE, "old.*", &hints, func,
                               flips_look_buckets);
        }
    }

    return rc;
}


/* samples follow on buckets; they were looked at */
static int
flips_look_buckets(flips_look_t *l, const phr_series_t *s, int func)
{
    int        rc;
    size_t     i, part;
    phr_str_t  id;

    id = flips_look_id(s->labels);
    part = 0;
    rc = PHR_OK;

    for (i = 0; i < s->n && rc == PHR_OK; i++) {

        while (part < s->nparts && s->t_ms[i] > s->parts[part].to_ms) {
            part++;
        }

        if (part == s->nparts) {
            break;
        }

        rc = flips_say_bucket(l->ear, id, s->t_ms[i], (flips_func_e) func,
                              s->parts[part].res_ms, s->v[i],
                              s->w != NULL ? s->w[i] : 1, l->err);
    }

    return rc;
}


static int
flips_look_exemplars(flips_look_t *l)
{
    int                  rc;
    size_t               i, k, n;
    phr_str_t            trace;
    phr_matcher_t        m;
    phr_matcher_set_t    set;
    phr_exemplars_of_t  *of;

    rc = phr_matcher_init(&m, PHR_MATCH_RE, phr_str_of("id"),
                          phr_str_of(".+"), l->err);
    if (rc != PHR_OK) {
        return rc;
    }

    set.m = &m;
    set.n = 1;

    rc = l->q->ops->exemplars(l->q, &set, 1, 0, FLIPS_END_MS, l->arena, &of,
                              &n, l->err);

    for (i = 0; rc == PHR_OK && i < n; i++) {
        for (k = 0; rc == PHR_OK && k < of[i].n; k++) {
            trace = phr_labels_get(of[i].e[k].labels, phr_str_of("trace_id"));
            rc = flips_say(l->ear, FLIPS_EXEMPLAR,
                           flips_look_id(of[i].labels), of[i].e[k].t_ms,
                           trace.data, trace.len, l->err);
        }
    }

    phr_matcher_destroy(&m);

    return rc;
}


static int
flips_look_values(flips_look_t *l)
{
    int         rc, i;
    char        key[32];
    phr_buf_t   value, before;

    phr_buf_init(&value, 0);
    phr_buf_init(&before, 0);
    rc = PHR_OK;

    for (i = 0; i < FLIPS_VALUES && rc == PHR_OK; i++) {
        flips_value(i, 1, key, &before);
        phr_buf_reset(&value);

        rc = phr_store_get(l->st, key[0], phr_str_from_c(key), &value,
                           l->err);

        if (rc == PHR_OK) {
            rc = flips_say(l->ear, phr_str_eq(phr_buf_view(&value),
                                              phr_buf_view(&before))
                                   ? FLIPS_BEFORE : FLIPS_VALUE,
                           phr_str_from_c(key), 0, value.data, value.len,
                           l->err);
        }

        rc = rc == PHR_NOTFOUND ? PHR_OK : rc;
    }

    phr_buf_free(&value);
    phr_buf_free(&before);

    return rc;
}


static phr_str_t
flips_look_id(phr_labels_t labels)
{
    return phr_labels_get(labels, phr_str_of("id"));
}
