/*
 * Copyright (C) The Pharos Authors
 *
 * What is said of metrics: their types, help and units, of all together and
 * by target.
 */

#include "api/call.h"

#include <stdlib.h>

#include "core/number.h"


typedef struct {
    phr_call_t          *c;
    phr_api_metadata_t  *list;
    size_t               n;
    size_t               nalloc;
} phr_meta_list_t;

/* /targets/metadata */
typedef struct {
    phr_call_t           *c;
    phr_matcher_list_t    wanted;       /* targets; n is 0: all */
    int                   named;        /* of one metric only */
    int64_t               limit;        /* -1: none */
    int64_t               n;            /* written */
    const phr_label_t    *target;       /* the last, and whether to show it */
    int                   shown;
} phr_meta_targets_t;


static int phr_meta_param(phr_call_t *c, const char *name, int64_t *limit,
    phr_err_t *err);
static int phr_meta_visit(void *arg, const phr_api_metadata_t *m);
static int phr_meta_cmp(const void *a, const void *b);
static int phr_meta_target(void *arg, const phr_api_metadata_t *m);


int
phr_api_metadata(phr_call_t *c, phr_err_t *err)
{
    int                 rc;
    size_t              i, k, nmetrics, per;
    int64_t             limit, per_metric;
    phr_api_metadata_t         *m;
    phr_meta_list_t      list;
    phr_json_writer_t  *w;

    rc = phr_meta_param(c, "limit", &limit, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_meta_param(c, "limit_per_metric", &per_metric, err);
    if (rc != PHR_OK) {
        return rc;
    }

    memset(&list, 0, sizeof(list));
    list.c = c;

    if (c->api->live->metadata != NULL) {
        rc = c->api->live->metadata(c->api->live_data,
                                    phr_call_param(c, "metric"),
                                    phr_meta_visit, &list);
        if (rc != PHR_OK) {
            return phr_err_set(err, rc, "too much metadata");
        }
    }

    if (list.n > 1) {
        qsort(list.list, list.n, sizeof(phr_api_metadata_t), phr_meta_cmp);
    }

    phr_call_begin(c);
    w = &c->json;
    phr_json_object(w);

    for (i = 0, nmetrics = 0; i < list.n; i = k, nmetrics++) {

        if (limit >= 0 && nmetrics >= (size_t) limit) {
            break;
        }

        phr_json_key_str(w, list.list[i].metric);
        phr_json_array(w);

        for (k = i, per = 0; k < list.n; k++) {
            m = &list.list[k];

            if (!phr_str_eq(m->metric, list.list[i].metric)) {
                break;
            }

            if ((k > i && phr_meta_cmp(m, m - 1) == 0)
                || (per_metric > 0 && per >= (size_t) per_metric))
            {
                continue;
            }

            per++;
            phr_json_object(w);
            phr_json_pair(w, "type", m->type);
            phr_json_pair(w, "help", m->help);
            phr_json_pair(w, "unit", m->unit);
            phr_json_end_object(w);
        }

        phr_json_end_array(w);
    }

    phr_json_end_object(w);
    phr_call_end(c);

    return PHR_OK;
}


static int
phr_meta_param(phr_call_t *c, const char *name, int64_t *limit,
    phr_err_t *err)
{
    phr_str_t  s;

    *limit = -1;

    s = phr_call_param(c, name);

    if (s.len != 0 && phr_int_parse(s.data, s.len, limit) != PHR_OK) {
        return phr_err_set(err, PHR_EINVAL, "%s must be a number", name);
    }

    return PHR_OK;
}


static int
phr_meta_visit(void *arg, const phr_api_metadata_t *m)
{
    size_t               nalloc;
    phr_meta_list_t     *list;
    phr_api_metadata_t  *grown;

    list = arg;

    if (list->n == list->nalloc) {
        nalloc = phr_max(list->nalloc * 2, 64);
        grown = phr_arena_grow(list->c->arena, list->list,
                               list->nalloc * sizeof(phr_api_metadata_t),
                               nalloc * sizeof(phr_api_metadata_t));
        if (grown == NULL) {
            return phr_arena_rc(list->c->arena);
        }

        list->list = grown;
        list->nalloc = nalloc;
    }

    list->list[list->n++] = *m;

    return PHR_OK;
}


static int
phr_meta_cmp(const void *a, const void *b)
{
    int                rc;
    const phr_api_metadata_t  *x, *y;

    x = a;
    y = b;

    rc = phr_str_cmp(x->metric, y->metric);
    rc = rc ? rc : phr_str_cmp(x->type, y->type);
    rc = rc ? rc : phr_str_cmp(x->help, y->help);

    return rc ? rc : phr_str_cmp(x->unit, y->unit);
}


int
phr_api_targets_metadata(phr_call_t *c, phr_err_t *err)
{
    int                  rc;
    size_t               i;
    phr_str_t            metric, match;
    phr_meta_targets_t   t;

    memset(&t, 0, sizeof(t));
    t.c = c;

    rc = phr_meta_param(c, "limit", &t.limit, err);
    if (rc != PHR_OK) {
        return rc;
    }

    match = phr_call_param(c, "match_target");

    if (match.len != 0) {
        rc = phr_promql_parse_selector(c->arena, match, &c->matching,
                                       &t.wanted.m, &t.wanted.n, err);
        if (rc == PHR_EPARSE) {
            if (err->line != 0) {
                phr_err_prefix(err, "%u:%u: ", err->line, err->column);
            }
            phr_err_prefix(err, "invalid parameter \"match_target\": ");
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    metric = phr_call_param(c, "metric");
    t.named = metric.len != 0;

    phr_call_begin(c);
    phr_json_array(&c->json);

    if (c->api->live->metadata != NULL) {
        rc = c->api->live->metadata(c->api->live_data, metric,
                                    phr_meta_target, &t);
    }

    phr_json_end_array(&c->json);
    phr_call_end(c);

    for (i = 0; i < t.wanted.n; i++) {
        phr_matcher_destroy(&t.wanted.m[i]);
    }

    return rc == PHR_OK ? PHR_OK : phr_err_set(err, rc, "too much metadata");
}


/* those of a target come together; it is the limit's, all or none of them */

static int
phr_meta_target(void *arg, const phr_api_metadata_t *m)
{
    int                  rc;
    phr_json_writer_t   *w;
    phr_meta_targets_t  *t;

    t = arg;

    /* our own metrics, and what was pushed */

    if (m->target.n == 0) {
        return PHR_OK;
    }

    if (m->target.l != t->target) {
        t->target = m->target.l;
        rc = phr_matchers_match(t->wanted.m, t->wanted.n, m->target);
        if (rc < 0) {
            return rc;
        }

        t->shown = rc && (t->limit < 0 || t->n < t->limit);
    }

    if (!t->shown) {
        return PHR_OK;
    }

    t->n++;
    w = &t->c->json;

    phr_json_object(w);
    phr_json_key(w, "target");
    phr_call_labels(t->c, m->target);

    if (!t->named) {
        phr_json_pair(w, "metric", m->metric);
    }

    phr_json_pair(w, "type", m->type);
    phr_json_pair(w, "help", m->help);
    phr_json_pair(w, "unit", m->unit);
    phr_json_end_object(w);

    return t->c->res->body.failed;
}
