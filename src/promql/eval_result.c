/*
 * Copyright (C) The Pharos Authors
 *
 * Results: from columns to what the caller of the evaluator gets, with
 * copies of the labels, so that storage may be closed.
 */

#include "promql/eval.h"


static int phr_result_add_points(phr_eval_t *ev, const phr_points_t *p,
    size_t *nalloc, phr_result_t *result);
static int phr_result_copy_hists(phr_eval_t *ev, const phr_points_t *p,
    const phr_hist_t *const **out);
static int phr_result_hists(phr_eval_t *ev, double *v, size_t n,
    const phr_hist_t *const **out);
static int phr_result_sort(phr_eval_t *ev, phr_result_t *result);


int
phr_result_points(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_result_t *result)
{
    int           rc;
    size_t        nalloc;
    uint64_t      held, n;
    phr_points_t  p;

    result->type = PHR_TYPE_MATRIX;
    nalloc = 0;
    held = 0;

    rc = phr_points_open(ev, node, g, &p);

    while (rc == PHR_OK) {
        rc = phr_points_next(ev, &p);
        if (rc != PHR_OK || p.n == 0) {
            continue;
        }

        rc = phr_result_add_points(ev, &p, &nalloc, result);

        if (rc == PHR_OK) {
            n = phr_native_samples_of(p.h, 0, p.n);
            held += n;
            phr_eval_read(ev, 0, n);

            rc = phr_eval_hold(ev, held);
        }
    }

    phr_points_close(&p);

    return rc < 0 ? rc : phr_result_sort(ev, result);
}


static int
phr_result_add_points(phr_eval_t *ev, const phr_points_t *p, size_t *nalloc,
    phr_result_t *result)
{
    int                   rc;
    double               *v;
    size_t                n;
    int64_t              *t;
    phr_labels_t          labels;
    phr_result_series_t  *s;
    const phr_hist_t *const  *h;

    if (result->nseries == *nalloc) {
        n = *nalloc * 2 + 8;

        s = phr_arena_grow(ev->arena, result->series,
                           *nalloc * sizeof(phr_result_series_t),
                           n * sizeof(phr_result_series_t));
        if (s == NULL) {
            return phr_eval_nomem(ev);
        }

        result->series = s;
        *nalloc = n;
    }

    t = phr_arena_alloc(ev->arena, p->n * sizeof(int64_t));
    v = phr_arena_alloc(ev->arena, p->n * sizeof(double));

    if (t == NULL || v == NULL) {
        return phr_eval_nomem(ev);
    }

    memcpy(t, p->t_ms, p->n * sizeof(int64_t));
    memcpy(v, p->v, p->n * sizeof(double));

    h = NULL;
    rc = p->h == NULL ? PHR_OK : phr_result_copy_hists(ev, p, &h);
    if (rc < 0) {
        return rc;
    }

    labels = p->labels;

    if (p->drop_name) {
        rc = phr_labels_drop_metadata(ev->arena, labels, &labels);
    }

    s = &result->series[result->nseries];

    if (rc == PHR_OK) {
        rc = phr_labels_copy(ev->arena, labels, &s->labels);
    }

    if (rc < 0) {
        return rc;
    }

    s->t_ms = t;
    s->v = v;
    s->h = h;
    s->n = p->n;
    result->nseries++;

    return PHR_OK;
}


/* copies, as storage may be closed */
static int
phr_result_copy_hists(phr_eval_t *ev, const phr_points_t *p,
    const phr_hist_t *const **out)
{
    size_t              i;
    const phr_hist_t  **h;

    h = phr_arena_calloc(ev->arena, p->n, sizeof(phr_hist_t *));
    if (h == NULL) {
        return phr_eval_nomem(ev);
    }

    for (i = 0; i < p->n; i++) {
        if (p->h[i] == NULL) {
            continue;
        }

        h[i] = phr_hist_copy(ev->arena, p->h[i]);
        if (h[i] == NULL) {
            return phr_eval_nomem(ev);
        }
    }

    *out = h;

    return PHR_OK;
}


/* the histograms of a column, whose samples become their sums */
static int
phr_result_hists(phr_eval_t *ev, double *v, size_t n,
    const phr_hist_t *const **out)
{
    size_t              i;
    const phr_hist_t  **h;

    *out = NULL;
    h = NULL;

    for (i = 0; ev->nhists != 0 && i < n; i++) {

        if (!phr_is_boxed(v[i])) {
            continue;
        }

        if (h == NULL) {
            h = phr_arena_calloc(ev->arena, n, sizeof(phr_hist_t *));
            if (h == NULL) {
                return phr_eval_nomem(ev);
            }

            *out = h;
        }

        h[i] = phr_eval_hist(ev, v[i]);
        v[i] = h[i]->sum;
    }

    return PHR_OK;
}


int
phr_result_vector(phr_eval_t *ev, const phr_value_t *value, int64_t t_ms,
    phr_result_t *result)
{
    int                   rc;
    size_t                i;
    phr_result_sample_t  *s;

    result->type = PHR_TYPE_VECTOR;
    result->samples = phr_arena_alloc(ev->arena, (value->n + 1)
                                      * sizeof(phr_result_sample_t));
    if (result->samples == NULL) {
        return phr_eval_nomem(ev);
    }

    for (i = 0; i < value->n; i++) {
        phr_yield(PHR_EVAL_COLUMN);

        if (!phr_col_has(&value->cols[i], 0)) {
            continue;
        }

        s = &result->samples[result->nsamples];
        s->t_ms = t_ms;
        s->v = value->cols[i].v[0];
        s->h = phr_eval_hist(ev, s->v);

        if (s->h != NULL) {
            s->v = s->h->sum;
        }

        rc = phr_labels_copy(ev->arena, value->cols[i].labels, &s->labels);
        if (rc < 0) {
            return rc;
        }

        result->nsamples++;
    }

    return PHR_OK;
}


int
phr_result_range(phr_eval_t *ev, const phr_value_t *value,
    const phr_grid_t *g, phr_result_t *result)
{
    int                   rc;
    double               *v;
    size_t                i, j, n;
    int64_t              *t, *all;
    phr_result_series_t  *s;

    result->type = PHR_TYPE_MATRIX;
    result->series = phr_arena_alloc(ev->arena, (value->n + 1)
                                     * sizeof(phr_result_series_t));
    all = phr_arena_alloc(ev->arena, (g->n + 1) * sizeof(int64_t));

    if (result->series == NULL || all == NULL) {
        return phr_eval_nomem(ev);
    }

    for (j = 0; j < g->n; j++) {
        all[j] = phr_grid_time(g, j);
    }

    for (i = 0; i < value->n; i++) {
        phr_yield(PHR_EVAL_COLUMN);

        v = value->cols[i].v;
        n = phr_col_count(v, g->n);
        t = all;

        if (n == 0) {
            continue;
        }

        /* series without gaps share their times */

        if (n < g->n) {
            t = phr_arena_alloc(ev->arena, n * sizeof(int64_t));
            if (t == NULL) {
                return phr_eval_nomem(ev);
            }

            n = 0;
            for (j = 0; j < g->n; j++) {
                if (!phr_is_stale(v[j])) {
                    t[n] = all[j];
                    v[n++] = v[j];
                }
            }
        }

        s = &result->series[result->nseries];
        s->t_ms = t;
        s->v = v;
        s->n = n;

        rc = phr_result_hists(ev, v, n, &s->h);
        if (rc < 0) {
            return rc;
        }

        rc = phr_labels_copy(ev->arena, value->cols[i].labels, &s->labels);
        if (rc < 0) {
            return rc;
        }

        result->nseries++;
    }

    return phr_result_sort(ev, result);
}


static int
phr_result_sort(phr_eval_t *ev, phr_result_t *result)
{
    size_t  i;

    if (result->nseries < 2) {
        return PHR_OK;
    }

    phr_labels_sort(result->series, result->nseries,
                    sizeof(phr_result_series_t));

    for (i = 1; i < result->nseries; i++) {
        if (phr_labels_cmp(result->series[i - 1].labels,
                           result->series[i].labels) == 0)
        {
            return phr_err_set(ev->err, PHR_EEXEC,
                               "vector cannot contain metrics with the same "
                               "labelset");
        }
    }

    return PHR_OK;
}
