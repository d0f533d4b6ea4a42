/*
 * Copyright (C) The Pharos Authors
 *
 * Grafana's JSON data sources, the part that evaluates: /query, which gives
 * time series or tables, and /annotations.  A target is a PromQL expression;
 * ad-hoc filters become matchers of its selectors.
 *
 * https://github.com/simPod/GrafanaJsonDatasource#api-specs
 * https://github.com/grafana/simple-json-datasource
 */

#include "api/json_source.h"

#include <math.h>

#include "core/number.h"
#include "core/time.h"
#include "promql/ast.h"


#define PHR_JSON_POINTS  1000       /* if the request does not say */
#define PHR_JSON_STEP_MS 1000       /* no finer than this */


/* what a request says once, for all its targets */
typedef struct {
    int64_t                  start_ms;
    int64_t                  end_ms;
    int64_t                  step_ms;
    const phr_json_node_t   *filters;       /* adhocFilters, or NULL */
} phr_json_range_t;


static int phr_json_target(phr_call_t *c, const phr_json_node_t *target,
    const phr_json_range_t *range, phr_err_t *err);
static int phr_json_range(const phr_json_node_t *root, phr_json_range_t *r,
    phr_err_t *err);
static int phr_json_eval(phr_call_t *c, phr_str_t text,
    const phr_json_range_t *range, phr_result_t *result, phr_err_t *err);
static int phr_json_filter(phr_call_t *c, phr_node_t *node,
    const phr_json_node_t *filters, phr_err_t *err);
static int phr_json_filter_selector(phr_call_t *c, phr_matcher_t **matchers,
    size_t *nmatchers, const phr_json_node_t *filters, phr_err_t *err);
static void phr_json_series(phr_call_t *c, const phr_result_t *r,
    const phr_json_node_t *target);
static int phr_json_table(phr_call_t *c, const phr_result_t *r,
    phr_err_t *err);
static int phr_json_columns(phr_call_t *c, const phr_result_t *r,
    phr_str_t **names, size_t *n, phr_err_t *err);
static void phr_json_regions(phr_call_t *c, const phr_result_series_t *s,
    const phr_json_range_t *range, const phr_json_node_t *annotation);
static void phr_json_region(phr_call_t *c, const phr_result_series_t *s,
    size_t from, size_t to, const phr_json_node_t *annotation);
static void phr_json_legend(phr_call_t *c, phr_labels_t ls);


int
phr_api_json_query(phr_call_t *c, phr_err_t *err)
{
    int                     rc;
    size_t                  i;
    phr_json_doc_t         *doc;
    phr_json_range_t        range;
    const phr_json_node_t  *root, *targets, *target;

    rc = phr_json_parse(c->req->body, &doc, err);
    if (rc != PHR_OK) {
        return rc;
    }

    root = phr_json_root(doc);
    targets = phr_json_get(root, "targets");

    rc = phr_json_range(root, &range, err);
    if (rc != PHR_OK) {
        goto done;
    }

    phr_json_source_begin(c);
    phr_json_array(&c->json);

    for (i = 0; i < phr_json_size(targets); i++) {

        target = phr_json_at(targets, i);

        if (phr_json_get_bool(phr_json_get(target, "hide"), 0)) {
            continue;
        }

        rc = phr_json_target(c, target, &range, err);
        if (rc != PHR_OK) {
            goto done;
        }
    }

    phr_json_end_array(&c->json);

done:

    phr_json_destroy(doc);

    return rc;
}


/* {"target": EXPR} of both dialects, {"payload": {"expr": EXPR}} of one */

static int
phr_json_target(phr_call_t *c, const phr_json_node_t *target,
    const phr_json_range_t *range, phr_err_t *err)
{
    int           rc;
    phr_str_t     text;
    phr_result_t  result;

    text = phr_json_get_str(phr_json_get(phr_json_get(target, "payload"),
                                         "expr"), "");
    if (text.len == 0) {
        text = phr_json_get_str(phr_json_get(target, "target"), "");
    }

    if (text.len == 0) {
        return PHR_OK;              /* a panel under construction */
    }

    rc = phr_json_eval(c, text, range, &result, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (phr_str_eq(phr_json_get_str(phr_json_get(target, "type"), ""),
                   phr_str_of("table")))
    {
        return phr_json_table(c, &result, err);
    }

    phr_json_series(c, &result, target);

    return PHR_OK;
}


static int
phr_json_range(const phr_json_node_t *root, phr_json_range_t *r,
    phr_err_t *err)
{
    int64_t                 points;
    phr_str_t               from, to;
    const phr_json_node_t  *range;

    range = phr_json_get(root, "range");
    from = phr_json_get_str(phr_json_get(range, "from"), "");
    to = phr_json_get_str(phr_json_get(range, "to"), "");

    if (phr_rfc3339_parse(from.data, from.len, &r->start_ms) != PHR_OK
        || phr_rfc3339_parse(to.data, to.len, &r->end_ms) != PHR_OK)
    {
        return phr_err_set(err, PHR_EINVAL, "\"range\" needs \"from\" and "
                           "\"to\" as RFC 3339 times");
    }

    if (r->end_ms < r->start_ms) {
        return phr_err_set(err, PHR_EINVAL, "\"range\" ends before it "
                           "starts");
    }

    points = phr_json_get_int(phr_json_get(root, "maxDataPoints"),
                              PHR_JSON_POINTS);
    if (points < 1 || points > 11000) {
        points = PHR_JSON_POINTS;
    }

    r->step_ms = phr_json_get_int(phr_json_get(root, "intervalMs"), 0);
    r->step_ms = phr_max(r->step_ms, (r->end_ms - r->start_ms) / points);
    r->step_ms = phr_max(r->step_ms, PHR_JSON_STEP_MS);

    r->filters = phr_json_get(root, "adhocFilters");

    return PHR_OK;
}


static int
phr_json_eval(phr_call_t *c, phr_str_t text, const phr_json_range_t *range,
    phr_result_t *result, phr_err_t *err)
{
    int             rc;
    phr_node_t     *node;
    phr_query_t     query;
    phr_querier_t  *querier;

    rc = phr_promql_parse(c->arena, text, c->api->limits.promql_flags,
                          &c->matching, &node, err);
    if (rc == PHR_EPARSE) {
        phr_err_prefix(err, "\"%.*s\": %u:%u: ", (int) phr_min(text.len, 100),
                       text.data, err->line, err->column);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_json_filter(c, node, range->filters, err);
    if (rc != PHR_OK) {
        goto done;
    }

    if (phr_promql_type(node) != PHR_TYPE_VECTOR
        && phr_promql_type(node) != PHR_TYPE_SCALAR)
    {
        rc = phr_err_set(err, PHR_EINVAL, "\"%.*s\" gives a %s, not values "
                         "over time", (int) phr_min(text.len, 100),
                         text.data, phr_type_text(phr_promql_type(node)));
        goto done;
    }

    rc = c->api->storage->querier(c->api->storage, &querier, err);
    if (rc != PHR_OK) {
        goto done;
    }

    memset(&query, 0, sizeof(query));
    query.node = node;
    query.text = text;
    query.start_ms = range->start_ms;
    query.end_ms = range->end_ms;
    query.step_ms = range->step_ms;
    query.lookback_ms = c->api->limits.lookback_ms;
    query.max_res_ms = c->api->limits.max_res_ms;
    query.subquery_step_ms = 60000;
    query.zones = c->api->zones;
    query.max_samples = c->api->limits.query_max_samples;
    query.delayed_names = (c->api->limits.promql_flags
                           & PHR_PROMQL_EXPERIMENTAL) != 0;
    query.start_times = query.delayed_names;
    query.stop = c->req->stop;
    query.arena = c->arena;

    rc = phr_promql_eval(&query, querier, result, err);
    querier->ops->close(querier);

done:

    phr_promql_destroy(node);

    return rc;
}


/* this tree is the request's own: nobody else sees it changed */

static int
phr_json_filter(phr_call_t *c, phr_node_t *node,
    const phr_json_node_t *filters, phr_err_t *err)
{
    int                 rc;
    size_t              i;
    phr_node_t         *child;
    phr_alternative_t  *other;

    if (phr_json_size(filters) == 0) {
        return PHR_OK;
    }

    if (node->kind == PHR_NODE_SELECTOR) {

        for (i = 0; i < node->u.selector.nothers; i++) {
            other = &node->u.selector.others[i];

            rc = phr_json_filter_selector(c, &other->matchers, &other->n,
                                          filters, err);
            if (rc != PHR_OK) {
                return rc;
            }
        }

        return phr_json_filter_selector(c, &node->u.selector.matchers,
                                        &node->u.selector.nmatchers, filters,
                                        err);
    }

    for (i = 0; (child = phr_ast_child(node, i)) != NULL; i++) {
        rc = phr_json_filter(c, child, filters, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


static int
phr_json_filter_selector(phr_call_t *c, phr_matcher_t **matchers,
    size_t *nmatchers, const phr_json_node_t *filters, phr_err_t *err)
{
    int                     rc;
    size_t                  i, k, n;
    phr_str_t               op;
    phr_matcher_t          *m;
    const phr_json_node_t  *f;

    n = phr_json_size(filters);

    m = phr_arena_alloc(c->arena, (*nmatchers + n) * sizeof(phr_matcher_t));
    if (m == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    if (*nmatchers != 0) {
        memcpy(m, *matchers, *nmatchers * sizeof(phr_matcher_t));
    }

    *matchers = m;

    for (i = 0; i < n; i++) {

        f = phr_json_at(filters, i);
        op = phr_json_get_str(phr_json_get(f, "operator"), "=");

        for (k = PHR_MATCH_EQ; k <= PHR_MATCH_NRE; k++) {
            if (phr_str_eq(op,
                       phr_str_from_c(phr_match_op_text((phr_match_e) k))))
            {
                break;
            }
        }

        if (k > PHR_MATCH_NRE) {
            return phr_err_set(err, PHR_EINVAL, "ad-hoc filter has the "
                               "unknown operator \"%.*s\"",
                               (int) phr_min(op.len, 20), op.data);
        }

        rc = phr_matcher_init_within(&m[*nmatchers], (phr_match_e) k,
                        phr_arena_str(c->arena, phr_json_get_str(
                                      phr_json_get(f, "key"), "")),
                        phr_arena_str(c->arena, phr_json_get_str(
                                      phr_json_get(f, "value"), "")),
                        &c->matching, err);
        if (rc != PHR_OK) {
            return rc;
        }

        ++*nmatchers;
    }

    return PHR_OK;
}


/* {"target": name, "refId": "A", "datapoints": [[value, ms], ...]} */

static void
phr_json_series(phr_call_t *c, const phr_result_t *r,
    const phr_json_node_t *target)
{
    size_t                      i, k;
    phr_str_t                   ref;
    phr_json_writer_t          *w;
    const phr_result_series_t  *s;

    w = &c->json;
    ref = phr_json_get_str(phr_json_get(target, "refId"), "");

    for (i = 0; i < r->nseries; i++) {

        s = &r->series[i];

        phr_json_object(w);
        phr_json_key(w, "target");
        phr_json_legend(c, s->labels);

        if (ref.len) {
            phr_json_pair(w, "refId", ref);
        }

        phr_json_key(w, "datapoints");
        phr_json_array(w);

        for (k = 0; k < s->n; k++) {
            phr_json_array(w);
            phr_json_double(w, s->v[k]);
            phr_json_int(w, s->t_ms[k]);
            phr_json_end_array(w);
        }

        phr_json_end_array(w);
        phr_json_end_object(w);
    }
}


static void
phr_json_legend(phr_call_t *c, phr_labels_t ls)
{
    phr_buf_t  name;

    phr_buf_init(&name, 0);
    phr_labels_format(&name, ls);
    phr_json_string(&c->json, phr_buf_view(&name));
    phr_buf_free(&name);
}


/* a column for the time, one for each label that occurs, one for the value */

static int
phr_json_table(phr_call_t *c, const phr_result_t *r, phr_err_t *err)
{
    int                         rc;
    size_t                      i, k, n;
    phr_str_t                  *names;
    phr_json_writer_t          *w;
    const phr_result_series_t  *s;

    rc = phr_json_columns(c, r, &names, &n, err);
    if (rc != PHR_OK) {
        return rc;
    }

    w = &c->json;

    phr_json_object(w);
    phr_json_pair_c(w, "type", "table");
    phr_json_key(w, "columns");
    phr_json_array(w);

    for (k = 0; k < n + 2; k++) {
        phr_json_object(w);
        phr_json_pair(w, "text", k == 0 ? phr_str_of("Time")
                                 : k <= n ? names[k - 1]
                                 : phr_str_of("Value"));
        phr_json_pair_c(w, "type", k == 0 ? "time"
                                   : k <= n ? "string" : "number");
        phr_json_end_object(w);
    }

    phr_json_end_array(w);
    phr_json_key(w, "rows");
    phr_json_array(w);

    for (i = 0; i < r->nseries; i++) {

        s = &r->series[i];

        if (s->n == 0) {
            continue;
        }

        phr_json_array(w);
        phr_json_int(w, s->t_ms[s->n - 1]);

        for (k = 0; k < n; k++) {
            phr_json_string(w, phr_labels_get(s->labels, names[k]));
        }

        phr_json_double(w, s->v[s->n - 1]);
        phr_json_end_array(w);
    }

    phr_json_end_array(w);
    phr_json_end_object(w);

    return PHR_OK;
}


static int
phr_json_columns(phr_call_t *c, const phr_result_t *r, phr_str_t **names,
    size_t *n, phr_err_t *err)
{
    size_t               i, k, j;
    phr_str_t           *grown;
    const phr_labels_t  *ls;

    *names = NULL;
    *n = 0;

    for (i = 0; i < r->nseries; i++) {

        ls = &r->series[i].labels;

        for (k = 0; k < ls->n; k++) {

            for (j = 0; j < *n; j++) {
                if (phr_str_eq((*names)[j], ls->l[k].name)) {
                    break;
                }
            }

            if (j < *n) {
                continue;
            }

            grown = phr_arena_grow(c->arena, *names,
                                   *n * sizeof(phr_str_t),
                                   (*n + 1) * sizeof(phr_str_t));
            if (grown == NULL) {
                return phr_err_set(err, phr_arena_rc(c->arena),
                                   "too many columns");
            }

            *names = grown;
            (*names)[(*n)++] = ls->l[k].name;
        }
    }

    return PHR_OK;
}


/*
 * An annotation's query gives regions: where a series is there, and its
 * value neither 0 nor NaN, step after step.
 */

int
phr_api_json_annotations(phr_call_t *c, phr_err_t *err)
{
    int                     rc;
    size_t                  i;
    phr_str_t               text;
    phr_result_t            result;
    phr_json_doc_t         *doc;
    phr_json_range_t        range;
    const phr_json_node_t  *root, *annotation;

    rc = phr_json_parse(c->req->body, &doc, err);
    if (rc != PHR_OK) {
        return rc;
    }

    root = phr_json_root(doc);
    annotation = phr_json_get(root, "annotation");
    text = phr_json_get_str(phr_json_get(annotation, "query"), "");

    rc = phr_json_range(root, &range, err);
    if (rc != PHR_OK) {
        goto done;
    }

    phr_json_source_begin(c);
    phr_json_array(&c->json);

    if (text.len != 0) {

        rc = phr_json_eval(c, text, &range, &result, err);
        if (rc != PHR_OK) {
            goto done;
        }

        for (i = 0; i < result.nseries; i++) {
            phr_json_regions(c, &result.series[i], &range, annotation);
        }
    }

    phr_json_end_array(&c->json);

done:

    phr_json_destroy(doc);

    return rc;
}


static void
phr_json_regions(phr_call_t *c, const phr_result_series_t *s,
    const phr_json_range_t *range, const phr_json_node_t *annotation)
{
    size_t  i, from;

    from = s->n;            /* none open */

    for (i = 0; i < s->n; i++) {

        if (from < s->n
            && (s->v[i] == 0 || isnan(s->v[i])
                || s->t_ms[i] - s->t_ms[i - 1] > range->step_ms))
        {
            phr_json_region(c, s, from, i - 1, annotation);
            from = s->n;
        }

        if (from == s->n && s->v[i] != 0 && !isnan(s->v[i])) {
            from = i;
        }
    }

    if (from < s->n) {
        phr_json_region(c, s, from, s->n - 1, annotation);
    }
}


static void
phr_json_region(phr_call_t *c, const phr_result_series_t *s, size_t from,
    size_t to, const phr_json_node_t *annotation)
{
    size_t              i;
    phr_json_writer_t  *w;

    w = &c->json;

    phr_json_object(w);
    phr_json_key(w, "annotation");
    phr_json_object(w);
    phr_json_pair(w, "name", phr_json_get_str(phr_json_get(annotation,
                                                           "name"), ""));
    phr_json_pair_bool(w, "enabled", 1);
    phr_json_end_object(w);

    phr_json_pair_int(w, "time", s->t_ms[from]);

    if (to > from) {
        phr_json_pair_int(w, "timeEnd", s->t_ms[to]);
        phr_json_pair_bool(w, "isRegion", 1);
    }

    phr_json_key(w, "title");
    phr_json_legend(c, s->labels);
    phr_json_pair_c(w, "text", "");
    phr_json_key(w, "tags");
    phr_json_array(w);

    for (i = 0; i < s->labels.n; i++) {
        phr_json_string(w, s->labels.l[i].value);
    }

    phr_json_end_array(w);
    phr_json_end_object(w);
}
