/*
 * Copyright (C) The Pharos Authors
 *
 * /federate: the newest sample of each series that a selector matches, for
 * a Prometheus that scrapes this one.  As there, a series has no more than
 * one sample, not older than the lookback; what ended is left out; types
 * are not said; external labels are added where a series lacks them.
 */

#include "api/call.h"

#include <stdlib.h>

#include "ingest/expo_write.h"


typedef struct {
    phr_labels_t   labels;
    phr_str_t      name;
    int64_t        t_ms;
    double         v;
} phr_federated_t;

typedef struct {
    phr_federated_t  *s;
    size_t            n;
    size_t            nalloc;
} phr_federated_list_t;


static int phr_federate_collect(phr_call_t *c, phr_querier_t *q,
    const phr_matcher_list_t *m, phr_federated_list_t *list, phr_err_t *err);
static int phr_federate_add(phr_call_t *c, phr_federated_list_t *list,
    const phr_series_t *s, phr_err_t *err);
static int phr_federate_write(phr_call_t *c, phr_federated_list_t *list,
    phr_err_t *err);
static int phr_federate_external(phr_call_t *c, phr_labels_t external,
    phr_labels_t *ls, phr_err_t *err);
static int phr_federated_cmp(const void *a, const void *b);


int
phr_api_federate(phr_call_t *c, phr_err_t *err)
{
    int                    rc;
    size_t                 i, n;
    phr_querier_t         *q;
    phr_matcher_list_t    *lists;
    phr_federated_list_t   list;

    rc = phr_call_matchers(c, &lists, &n, err);
    if (rc != PHR_OK) {
        return rc;
    }

    memset(&list, 0, sizeof(list));

    rc = c->api->storage->querier(c->api->storage, &q, err);

    if (rc == PHR_OK) {

        for (i = 0; i < n && rc == PHR_OK; i++) {
            rc = phr_federate_collect(c, q, &lists[i], &list, err);
        }

        if (rc == PHR_OK) {
            rc = phr_federate_write(c, &list, err);
        }

        q->ops->close(q);
    }

    phr_call_free_matchers(lists, n);

    return rc;
}


static int
phr_federate_collect(phr_call_t *c, phr_querier_t *q,
    const phr_matcher_list_t *m, phr_federated_list_t *list, phr_err_t *err)
{
    int                  rc;
    int64_t              now_ms;
    phr_series_t         s;
    phr_series_set_t    *set;
    phr_select_hints_t   hints;

    memset(&hints, 0, sizeof(hints));
    now_ms = c->req->now_ms;

    rc = q->ops->select(q, m->m, m->n, now_ms - c->api->limits.lookback_ms,
                        now_ms, &hints, c->arena, &set, err);

    while (rc == PHR_OK) {

        rc = phr_call_poll(c, "federation", err);
        if (rc < 0) {
            return rc;
        }

        rc = set->next(set, &s, err);

        if (rc == PHR_OK) {
            rc = phr_federate_add(c, list, &s, err);
        }
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


static int
phr_federate_add(phr_call_t *c, phr_federated_list_t *list,
    const phr_series_t *s, phr_err_t *err)
{
    size_t            nalloc;
    phr_federated_t  *grown, *f;

    if (s->n == 0 || phr_is_stale(s->v[s->n - 1])) {
        return PHR_OK;
    }

    /* the text format has no native histograms */

    if (s->h != NULL && s->h[s->n - 1] != NULL) {
        return PHR_OK;
    }

    if (list->n == c->api->limits.max_series) {
        return phr_err_set(err, PHR_ELIMIT, "more than %zu series, narrow "
                           "the matchers", list->n);
    }

    if (list->n == list->nalloc) {
        nalloc = phr_max(list->nalloc * 2, 64);
        grown = phr_arena_grow(c->arena, list->s,
                               list->nalloc * sizeof(phr_federated_t),
                               nalloc * sizeof(phr_federated_t));
        if (grown == NULL) {
            return phr_err_set(err, phr_arena_rc(c->arena),
                               "too many series");
        }

        list->s = grown;
        list->nalloc = nalloc;
    }

    f = &list->s[list->n];
    f->name = phr_labels_get(s->labels, phr_str_of(PHR_METRIC_NAME));

    /* there is no line for what has no name */

    if (f->name.len != 0) {
        f->labels = s->labels;
        f->t_ms = s->t_ms[s->n - 1];
        f->v = s->v[s->n - 1];
        list->n++;
    }

    return PHR_OK;
}


static int
phr_federate_write(phr_call_t *c, phr_federated_list_t *list, phr_err_t *err)
{
    int                 rc;
    size_t              i;
    phr_labels_t        ls, external;
    phr_federated_t    *f, *prev;
    phr_expo_writer_t   w;

    memset(&external, 0, sizeof(external));

    if (c->api->live->external_labels != NULL
        && c->api->live->external_labels(c->api->live_data, c->arena,
                                         &external)
           != PHR_OK)
    {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    if (list->n > 1) {
        qsort(list->s, list->n, sizeof(phr_federated_t), phr_federated_cmp);
    }

    c->res->status = 200;
    c->res->content_type = phr_str_from_c(
                                       phr_expo_media_type(PHR_EXPO_TEXT));

    phr_expo_begin(&w, &c->res->body, PHR_EXPO_TEXT);

    for (i = 0, prev = NULL; i < list->n; i++, prev = f) {
        f = &list->s[i];

        /* two selectors may match the same series */

        if (prev != NULL && phr_labels_cmp(prev->labels, f->labels) == 0) {
            continue;
        }

        if (prev == NULL || !phr_str_eq(prev->name, f->name)) {
            phr_expo_family(&w, f->name, PHR_METRIC_UNKNOWN, phr_str_of(""));
        }

        ls = f->labels;

        rc = phr_federate_external(c, external, &ls, err);
        if (rc != PHR_OK) {
            return rc;
        }

        phr_expo_series(&w, ls, f->v, 1, f->t_ms);

        rc = phr_call_stream(c, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    phr_expo_end(&w);

    return PHR_OK;
}


/*
 * Adds external labels, and an empty instance where there is none, so that
 * the one who scrapes does not add its own.  The set is no longer sorted.
 */

static int
phr_federate_external(phr_call_t *c, phr_labels_t external,
    phr_labels_t *ls, phr_err_t *err)
{
    size_t        i, n;
    phr_str_t     instance;
    phr_label_t  *l;

    instance = phr_str_of("instance");

    l = phr_arena_alloc(c->arena,
                        (ls->n + external.n + 1) * sizeof(phr_label_t));
    if (l == NULL) {
        return phr_err_set(err, phr_arena_rc(c->arena), "too many series");
    }

    memcpy(l, ls->l, ls->n * sizeof(phr_label_t));
    n = ls->n;

    for (i = 0; i < external.n; i++) {
        if (phr_labels_get(*ls, external.l[i].name).len == 0) {
            l[n++] = external.l[i];
        }
    }

    if (phr_labels_get(*ls, instance).len == 0
        && phr_labels_get(external, instance).len == 0)
    {
        l[n].name = instance;
        l[n++].value = phr_str_of("");
    }

    ls->l = l;
    ls->n = n;

    return PHR_OK;
}


static int
phr_federated_cmp(const void *a, const void *b)
{
    int                     rc;
    const phr_federated_t  *x, *y;

    x = a;
    y = b;

    rc = phr_str_cmp(x->name, y->name);

    return rc ? rc : phr_labels_cmp(x->labels, y->labels);
}
