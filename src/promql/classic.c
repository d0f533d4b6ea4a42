/*
 * Copyright (C) The Pharos Authors
 *
 * Classic: see classic.h.
 */

#include "promql/classic.h"

#include <stdlib.h>

#include "core/number.h"
#include "promql/stats.h"


static int phr_classic_split(phr_eval_t *ev, const phr_grid_t *g,
    phr_classics_t *h);
static int phr_classic_bounds(phr_eval_t *ev, const phr_node_t *arg,
    phr_classics_t *h, double *upper, uint32_t *ids);
static int phr_classic_bad_label(phr_eval_t *ev, const phr_node_t *arg,
    phr_labels_t labels);
static int phr_classic_conflicts(phr_eval_t *ev, const phr_node_t *arg,
    const phr_grid_t *g, phr_classics_t *h);
static int phr_classic_cmp(const void *one, const void *two);


int
phr_classics_collect(phr_eval_t *ev, const phr_node_t *arg,
    const phr_grid_t *g, phr_classics_t *h)
{
    int                   rc, resets;
    double               *upper;
    size_t                i, largest;
    uint32_t             *ids;
    phr_classic_t        *hist;
    phr_classic_bound_t  *bounds;

    memset(h, 0, sizeof(*h));

    resets = ev->resets;
    ev->resets = -1;
    rc = phr_eval_node(ev, arg, g, &h->in);
    ev->resets = resets;

    if (rc == PHR_OK && ev->nhists != 0) {
        rc = phr_classic_split(ev, g, h);
    }

    if (rc < 0) {
        return rc;
    }

    upper = phr_arena_alloc(ev->arena, (h->in.n + 1) * sizeof(double));
    ids = phr_arena_alloc(ev->arena, (h->in.n + 1) * sizeof(uint32_t));
    bounds = phr_arena_alloc(ev->arena,
                             (h->in.n + 1) * sizeof(phr_classic_bound_t));
    h->hists = phr_arena_calloc(ev->arena, h->in.n + 1, sizeof(phr_classic_t));

    if (upper == NULL || ids == NULL || bounds == NULL || h->hists == NULL) {
        return phr_eval_nomem(ev);
    }

    rc = phr_classic_bounds(ev, arg, h, upper, ids);
    if (rc < 0) {
        return rc;
    }

    largest = 0;

    for (i = 0; i < h->n; i++) {
        h->hists[i].bounds = bounds;
        bounds += h->hists[i].n;
        largest = phr_max(largest, h->hists[i].n);
        h->hists[i].n = 0;
    }

    for (i = 0; i < h->in.n; i++) {
        if (ids[i] != PHR_INDEX_NONE) {
            hist = &h->hists[ids[i]];
            hist->bounds[hist->n].upper = upper[i];
            hist->bounds[hist->n++].col = i;
        }
    }

    for (i = 0; i < h->n; i++) {
        qsort(h->hists[i].bounds, h->hists[i].n,
              sizeof(phr_classic_bound_t), phr_classic_cmp);
    }

    h->buckets = phr_arena_alloc(ev->arena,
                                 (largest + 1) * sizeof(phr_bucket_t));

    if (h->buckets == NULL) {
        return phr_eval_nomem(ev);
    }

    return h->native.n == 0 ? PHR_OK : phr_classic_conflicts(ev, arg, g, h);
}


/* moves native histograms from the columns into others */
static int
phr_classic_split(phr_eval_t *ev, const phr_grid_t *g, phr_classics_t *h)
{
    double        *v;
    size_t         i, step;
    phr_column_t  *c;

    for (i = 0; i < h->in.n; i++) {
        c = &h->in.cols[i];
        v = NULL;

        for (step = 0; step < g->n; step++) {
            if (!phr_is_boxed(c->v[step])) {
                continue;
            }

            if (v == NULL) {
                v = phr_value_push_new(&h->native, ev->arena, c->labels,
                                       g->n, 1);
                if (v == NULL) {
                    return phr_eval_nomem(ev);
                }
            }

            v[step] = c->v[step];
            phr_col_clear(c, step);
        }
    }

    phr_value_compact(&h->in, g->n);

    return PHR_OK;
}


/* the bound and the histogram of each column; counts those of each */
static int
phr_classic_bounds(phr_eval_t *ev, const phr_node_t *arg, phr_classics_t *h,
    double *upper, uint32_t *ids)
{
    int                   rc;
    size_t                i, pos;
    uint64_t              hash;
    phr_str_t             le;
    phr_slots_t           index;
    phr_labels_t          labels;
    phr_labels_builder_t  b;

    rc = phr_slots_init(&index, ev->arena, 64);
    if (rc < 0) {
        return rc;
    }

    for (i = 0; i < h->in.n; i++) {
        labels = h->in.cols[i].labels;
        le = phr_labels_get(labels, phr_str_of("le"));

        if (phr_number_parse(le.data, le.len, &upper[i]) < 0) {
            ids[i] = PHR_INDEX_NONE;

            rc = phr_classic_bad_label(ev, arg, labels);
            if (rc < 0) {
                return rc;
            }

            continue;
        }

        phr_labels_builder_init(&b, ev->arena, labels);
        phr_labels_builder_del(&b, phr_str_of("le"));

        rc = phr_labels_build(&b, &labels);
        if (rc < 0) {
            return rc;
        }

        hash = phr_labels_hash(labels);
        pos = SIZE_MAX;

        do {
            ids[i] = phr_slots_next(&index, hash, &pos);
        } while (ids[i] != PHR_INDEX_NONE
                 && phr_labels_cmp(h->hists[ids[i]].labels, labels) != 0);

        if (ids[i] == PHR_INDEX_NONE) {
            ids[i] = h->n++;
            h->hists[ids[i]].labels = labels;

            rc = phr_slots_add(&index, hash, ids[i]);
            if (rc < 0) {
                return rc;
            }
        }

        h->hists[ids[i]].n++;
    }

    return phr_eval_poll(ev);
}


static int
phr_classic_bad_label(phr_eval_t *ev, const phr_node_t *arg,
    phr_labels_t labels)
{
    phr_str_t  le, name;

    le = phr_labels_get(labels, phr_str_of("le"));
    name = phr_labels_get(labels, phr_str_of(PHR_METRIC_NAME));

    if (name.len == 0) {
        return phr_annotate(&ev->notes, ev->arena, PHR_NOTE_WARNING,
                            arg->start, "PromQL warning: bucket label \"le\" "
                            "is missing or has a malformed value of "
                            "\"%.*s\"", (int) le.len, le.data);
    }

    return phr_annotate(&ev->notes, ev->arena, PHR_NOTE_WARNING, arg->start,
                        "PromQL warning: bucket label \"le\" is missing or "
                        "has a malformed value of \"%.*s\" for metric name "
                        "\"%.*s\"", (int) le.len, le.data, (int) name.len,
                        name.data);
}


/* where a histogram is there in both forms, neither counts */
static int
phr_classic_conflicts(phr_eval_t *ev, const phr_node_t *arg,
    const phr_grid_t *g, phr_classics_t *h)
{
    int                   rc;
    size_t                i, k, m, step;
    phr_column_t         *c;
    const phr_classic_t  *hist;

    for (i = 0; i < h->native.n; i++) {
        c = &h->native.cols[i];

        for (k = 0; k < h->n; k++) {
            if (phr_labels_cmp(h->hists[k].labels, c->labels) == 0) {
                break;
            }
        }

        for (step = 0; k < h->n && step < g->n; step++) {
            hist = &h->hists[k];

            if (!phr_col_has(c, step)
                || phr_classic_gather(h, hist, step) == 0)
            {
                continue;
            }

            phr_col_clear(c, step);

            for (m = 0; m < hist->n; m++) {
                phr_col_clear(&h->in.cols[hist->bounds[m].col], step);
            }

            rc = phr_eval_native_note(ev, PHR_NATIVE_NOTE_MIXED_CLASSIC,
                                      arg->start,
                                      phr_labels_get(c->labels,
                                          phr_str_of(PHR_METRIC_NAME)));
            if (rc < 0) {
                return rc;
            }
        }

        rc = phr_eval_poll(ev);
        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


static int
phr_classic_cmp(const void *one, const void *two)
{
    int                         rc;
    const phr_classic_bound_t  *a, *b;

    a = one;
    b = two;

    rc = phr_double_cmp(&a->upper, &b->upper);

    return rc != 0 ? rc : a->col < b->col ? -1 : 1;
}


size_t
phr_classic_gather(const phr_classics_t *h, const phr_classic_t *hist,
    size_t step)
{
    size_t               i, n;
    const phr_column_t  *c;

    n = 0;

    for (i = 0; i < hist->n; i++) {
        c = &h->in.cols[hist->bounds[i].col];

        if (phr_col_has(c, step)) {
            h->buckets[n].upper = hist->bounds[i].upper;
            h->buckets[n++].count = c->v[step];
        }
    }

    return n;
}
