/*
 * Copyright (C) The Pharos Authors
 *
 * Exemplars of the series that an expression selects, whatever it makes of
 * them: Grafana sends that of its panel.
 */

#include "api/call.h"

#include "promql/ast.h"


static int phr_exemplars_selectors(phr_call_t *c, const phr_node_t *node,
    phr_matcher_set_t **sets, size_t *n, phr_err_t *err);
static void phr_exemplars_walk(const phr_node_t *node,
    phr_matcher_set_t *sets, size_t *n);
static int phr_exemplars_answer(phr_call_t *c, const phr_matcher_set_t *sets,
    size_t nsets, int64_t start_ms, int64_t end_ms, phr_err_t *err);
static void phr_exemplars_of(phr_call_t *c, const phr_exemplars_of_t *of);


int
phr_api_query_exemplars(phr_call_t *c, phr_err_t *err)
{
    int                 rc;
    size_t              n;
    int64_t             start_ms, end_ms;
    phr_node_t         *node;
    phr_matcher_set_t  *sets;

    rc = phr_call_time(c, "start", PHR_TIME_MIN, &start_ms, err);

    if (rc == PHR_OK) {
        rc = phr_call_time(c, "end", PHR_TIME_MAX, &end_ms, err);
    }

    if (rc == PHR_OK && end_ms < start_ms) {
        rc = phr_err_set(err, PHR_EINVAL, "end timestamp must not be before "
                         "start timestamp");
    }

    if (rc == PHR_OK) {
        rc = phr_call_query(c, 0, &node, err);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_exemplars_selectors(c, node, &sets, &n, err);

    if (rc == PHR_OK && n == 0) {

        rc = phr_call_line(c, 204, "");

    } else if (rc == PHR_OK) {
        rc = phr_exemplars_answer(c, sets, n, start_ms, end_ms, err);
    }

    phr_promql_destroy(node);

    return rc;
}


static int
phr_exemplars_selectors(phr_call_t *c, const phr_node_t *node,
    phr_matcher_set_t **sets, size_t *n, phr_err_t *err)
{
    *n = 0;
    phr_exemplars_walk(node, NULL, n);

    *sets = phr_arena_alloc(c->arena, (*n + 1) * sizeof(phr_matcher_set_t));
    if (*sets == NULL) {
        return phr_err_set(err, phr_arena_rc(c->arena), "out of memory");
    }

    *n = 0;
    phr_exemplars_walk(node, *sets, n);

    return PHR_OK;
}


/* how high an expression may be is bounded by the parser */

static void
phr_exemplars_walk(const phr_node_t *node, phr_matcher_set_t *sets,
    size_t *n)
{
    size_t                      i;
    const phr_node_t           *child;
    const phr_node_selector_t  *s;

    if (node->kind == PHR_NODE_SELECTOR) {
        s = &node->u.selector;

        for (i = 0; sets != NULL && i < s->nothers; i++) {
            sets[*n + i].m = s->others[i].matchers;
            sets[*n + i].n = s->others[i].n;
        }

        if (sets != NULL) {
            sets[*n + i].m = s->matchers;
            sets[*n + i].n = s->nmatchers;
        }

        *n += s->nothers + 1;
        return;
    }

    for (i = 0; (child = phr_ast_child(node, i)) != NULL; i++) {
        phr_exemplars_walk(child, sets, n);
    }
}


static int
phr_exemplars_answer(phr_call_t *c, const phr_matcher_set_t *sets,
    size_t nsets, int64_t start_ms, int64_t end_ms, phr_err_t *err)
{
    int                  rc;
    size_t               i, n;
    phr_storage_t       *storage;
    phr_querier_t       *q;
    phr_exemplars_of_t  *of;

    storage = c->api->storage;

    rc = storage->querier(storage, &q, err);
    if (rc != PHR_OK) {
        return rc;
    }

    q->stop = c->req->stop;
    n = 0;

    if (q->ops->exemplars != NULL) {
        rc = q->ops->exemplars(q, sets, nsets, start_ms, end_ms, c->arena,
                               &of, &n, err);
    }

    if (rc == PHR_OK) {
        phr_call_begin(c);
        phr_json_array(&c->json);

        for (i = 0; i < n; i++) {
            phr_exemplars_of(c, &of[i]);
        }

        phr_json_end_array(&c->json);
        phr_call_end(c);
    }

    q->ops->close(q);

    return rc;
}


static void
phr_exemplars_of(phr_call_t *c, const phr_exemplars_of_t *of)
{
    size_t              i;
    phr_json_writer_t  *j;

    j = &c->json;

    phr_json_object(j);
    phr_json_key(j, "seriesLabels");
    phr_call_labels(c, of->labels);

    phr_json_key(j, "exemplars");
    phr_json_array(j);

    for (i = 0; i < of->n; i++) {
        phr_json_object(j);
        phr_json_key(j, "labels");
        phr_call_labels(c, of->e[i].labels);
        phr_json_key(j, "value");
        phr_json_value(j, of->e[i].v);
        phr_json_key(j, "timestamp");
        phr_json_time(j, of->e[i].t_ms);
        phr_json_end_object(j);
    }

    phr_json_end_array(j);
    phr_json_end_object(j);
}
