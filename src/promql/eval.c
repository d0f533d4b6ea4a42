/*
 * Copyright (C) The Pharos Authors
 *
 * Evaluator: walks the tree and dispatches, keeps the limits, and makes the
 * result.  What the nodes mean is in the files beside this one.
 */

#include "promql/eval.h"

#include <stdlib.h>

#include "promql/cost.h"
#include "promql/func.h"


#define PHR_EVAL_MAX_DEPTH  4000


static int phr_eval_is_by_series(const phr_node_t *node);
static int phr_eval_dispatch(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);
static void phr_eval_keep_names(phr_value_t *value);
static int phr_eval_makes_columns(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g);
static int phr_eval_of_range(const phr_node_t *node);
static int phr_eval_has_one_name(const phr_node_t *node);
static int phr_eval_once(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);
static int phr_eval_unary(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);
static int phr_eval_query(phr_eval_t *ev, const phr_query_t *query,
    phr_result_t *result);


int
phr_promql_eval(const phr_query_t *query, phr_querier_t *querier,
    phr_result_t *result, phr_err_t *err)
{
    int         rc;
    phr_err_t   own;
    phr_eval_t  ev;

    if (err == NULL) {
        err = &own;
    }

    phr_err_init(err);
    memset(&ev, 0, sizeof(ev));
    memset(result, 0, sizeof(*result));

    ev.query = query;
    ev.querier = querier;

    if (querier->stop == NULL) {
        querier->stop = query->stop;
    }
    ev.arena = query->arena;
    ev.err = err;
    ev.func = phr_str_of("");
    ev.room.arena = query->arena;

    rc = phr_eval_query(&ev, query, result);

    result->samples_read = ev.read;
    result->samples_peak = ev.peak;
    result->read_by_step = ev.step_read;
    result->res_ms = ev.res_ms;
    result->native = ev.nhists != 0;

    if (rc == PHR_OK) {
        rc = phr_annotations_format(&ev.notes, ev.arena, query->text, result);
    }

    if (rc >= 0 || err->code != 0) {
        return rc;
    }

    /* what was found where there is nothing more to say than the code */

    switch (rc) {

    case PHR_ETIMEOUT:
        return phr_err_set(err, rc,
                           "query timed out in expression evaluation");

    case PHR_ECANCELED:
        return phr_err_set(err, rc,
                           "query was canceled in expression evaluation");

    case PHR_ELIMIT:
        return phr_err_set(err, rc, "query needs more memory than allowed");

    case PHR_ENOMEM:
        return phr_err_set(err, rc, "out of memory");

    default:
        return phr_err_set(err, rc, "query failed");
    }
}


static int
phr_eval_query(phr_eval_t *ev, const phr_query_t *query,
    phr_result_t *result)
{
    int                rc;
    phr_type_e         type;
    phr_grid_t         g;
    phr_value_t        value;
    const phr_node_t  *root;

    root = phr_ast_unparen(query->node);
    type = root->type;

    rc = phr_plan(ev, query->node);
    if (rc < 0) {
        return rc;
    }

    g.start_ms = query->start_ms;
    g.step_ms = 1;
    g.n = 1;

    if (query->step_ms > 0) {
        if (type != PHR_TYPE_SCALAR && type != PHR_TYPE_VECTOR) {
            return phr_err_set(ev->err, PHR_EINVAL,
                               "invalid expression type \"%s\" for range "
                               "query, must be Scalar or instant Vector",
                               type == PHR_TYPE_STRING ? "string"
                                                       : "range vector");
        }

        g.step_ms = query->step_ms;
        g.n = query->end_ms < query->start_ms ? 0
              : (size_t) ((query->end_ms - query->start_ms)
                          / query->step_ms) + 1;
    }

    result->t_ms = query->start_ms;
    result->nsteps = g.n;
    result->step_ms = g.step_ms;

    if (query->step_stats) {
        ev->step_read = phr_arena_calloc(ev->arena, g.n + 1,
                                         sizeof(uint64_t));
        if (ev->step_read == NULL) {
            return phr_eval_nomem(ev);
        }
    }

    if (type == PHR_TYPE_MATRIX) {
        return phr_result_points(ev, root, &g, result);
    }

    rc = phr_eval_node(ev, root, &g, &value);
    if (rc < 0) {
        return rc;
    }

    if (type == PHR_TYPE_STRING) {
        result->type = type;
        result->string = phr_arena_str(ev->arena, value.string);

        return result->string.data == NULL ? phr_eval_nomem(ev) : PHR_OK;
    }

    rc = phr_value_drop_names(&value, ev->arena, g.n, 0, ev->err);
    if (rc == PHR_OK && !phr_eval_is_by_series(root)) {
        rc = phr_value_merge(&value, ev->arena, g.n, ev->err);
    }

    if (rc < 0) {
        return rc;
    }

    if (query->step_ms > 0) {
        return phr_result_range(ev, &value, &g, result);
    }

    if (type == PHR_TYPE_SCALAR) {
        result->type = type;
        result->scalar = value.cols[0].v[0];

        return PHR_OK;
    }

    return phr_result_vector(ev, &value, query->start_ms, result);
}


/*
 * Whether the node gives a column for each series of storage, no two of
 * which have the same labels; what dropping their names does to that is
 * known to who drops them.
 */
static int
phr_eval_is_by_series(const phr_node_t *node)
{
    size_t             i;
    const phr_node_t  *arg;

    while (node->kind == PHR_NODE_PAREN) {
        node = phr_ast_child(node, 0);
    }

    if (node->kind == PHR_NODE_SELECTOR) {
        return node->u.selector.nothers == 0;
    }

    if (node->kind != PHR_NODE_CALL
        || node->u.call.func->experimental == PHR_FUNC_METRICSQL)
    {
        return 0;
    }

    for (i = 0; i < node->u.call.nargs; i++) {
        arg = node->u.call.args[i];

        if (arg->kind == PHR_NODE_MATRIX) {
            return arg->u.matrix.selector->u.selector.nothers == 0;
        }
    }

    return 0;
}


int
phr_eval_node(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_value_t *out)
{
    int          rc;
    int64_t      began_us;
    uint64_t     n, held;
    phr_value_t  value;

    if (ev->depth > PHR_EVAL_MAX_DEPTH) {
        return phr_err_set(ev->err, PHR_ELIMIT, "query is nested too deeply");
    }

    rc = phr_eval_poll_after(ev, PHR_EVAL_NODE);
    if (rc < 0) {
        return rc;
    }

    phr_value_init(&value);
    value.type = node->type;

    if (g->n == 0) {
        *out = value;
        return PHR_OK;
    }

    held = ev->held;
    began_us = phr_cost_clock_us(ev);
    ev->depth++;

    if (g->n > 1 && phr_plan_of(ev, node)->once) {
        rc = phr_eval_once(ev, node, g, &value);

    } else {
        rc = phr_eval_dispatch(ev, node, g, &value);
    }

    ev->depth--;

    if (rc < 0) {
        return rc;
    }

    value.type = node->type;

    if (node->keep_names) {
        phr_eval_keep_names(&value);
    }

    if (!ev->query->delayed_names) {
        rc = phr_value_drop_names(&value, ev->arena, g->n,
                                  phr_eval_of_range(node), ev->err);
        if (rc < 0) {
            return rc;
        }
    }

    /* operands are still there while the result is made */

    if (node->kind != PHR_NODE_PAREN) {
        n = phr_eval_value_samples(ev, &value, g->n);

        rc = phr_eval_hold(ev, n);
        if (rc < 0) {
            return rc;
        }

        ev->held = held + n;
    }

    phr_cost_node(ev, node, g, began_us, &value);
    *out = value;

    return PHR_OK;
}


/* keep_metric_names */
static void
phr_eval_keep_names(phr_value_t *value)
{
    size_t  i;

    for (i = 0; i < value->n; i++) {
        value->cols[i].drop_name = 0;
    }
}


int
phr_eval_stream(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_sink_t *sink)
{
    int              rc;
    size_t           i;
    int64_t          began_us;
    phr_value_t      value;
    phr_cost_sink_t  cost;

    node = phr_ast_unparen(node);

    if (phr_eval_makes_columns(ev, node, g)) {
        phr_value_init(&value);
        began_us = phr_cost_clock_us(ev);

        ev->sink = phr_cost_sink(ev, g, sink, &cost);
        ev->depth++;
        rc = phr_eval_dispatch(ev, node, g, &value);
        ev->depth--;
        ev->sink = NULL;

        phr_cost_streamed(ev, node, g, began_us, &cost);

        return rc;
    }

    rc = phr_eval_node(ev, node, g, &value);

    for (i = 0; rc == PHR_OK && i < value.n; i++) {
        rc = sink->column(sink, value.cols[i].labels, value.cols[i].v,
                          value.cols[i].drop_name);
        if (rc >= 0) {
            rc = phr_eval_poll(ev);
        }
    }

    return rc;
}


/* selectors, functions of a range, and operators with a scalar */
static int
phr_eval_makes_columns(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g)
{
    if ((g->n > 1 && phr_plan_of(ev, node)->once) || node->keep_names) {
        return 0;
    }

    if (node->kind == PHR_NODE_SELECTOR) {
        return 1;
    }

    /* two columns that are equal without their names are an error */

    if (!ev->query->delayed_names && !phr_eval_has_one_name(node)) {
        return 0;
    }

    if (node->kind == PHR_NODE_BINARY) {
        return !phr_binary_trims(node->u.binary.op)
               && !phr_token_is_dialect(node->u.binary.op)
               && (node->u.binary.lhs->type == PHR_TYPE_SCALAR)
                  != (node->u.binary.rhs->type == PHR_TYPE_SCALAR);
    }

    return phr_eval_of_range(node)
           && node->u.call.func->id != PHR_FUNC_absent_over_time;
}


/* a function of a range */
static int
phr_eval_of_range(const phr_node_t *node)
{
    size_t  i;

    if (node->kind != PHR_NODE_CALL) {
        return 0;
    }

    for (i = 0; i < node->u.call.nargs; i++) {
        if (node->u.call.args[i]->type == PHR_TYPE_MATRIX) {
            return 1;
        }
    }

    return 0;
}


/* the series below are of one metric only */
static int
phr_eval_has_one_name(const phr_node_t *node)
{
    size_t                i;
    const phr_matcher_t  *m;
    const phr_node_t     *child;

    node = phr_ast_unparen(node);

    if (node->kind == PHR_NODE_SELECTOR) {

        if (node->u.selector.nothers != 0) {
            return node->u.selector.name.len != 0;
        }

        for (i = 0; i < node->u.selector.nmatchers; i++) {
            m = &node->u.selector.matchers[i];

            if (m->op == PHR_MATCH_EQ && m->value.len > 0
                && phr_str_eq(m->name, phr_str_of(PHR_METRIC_NAME)))
            {
                return 1;
            }
        }

        return 0;
    }

    if (node->kind != PHR_NODE_MATRIX && node->kind != PHR_NODE_BINARY
        && !phr_eval_of_range(node))
    {
        return 0;
    }

    /* the operand that is no scalar; there is one here */

    for (i = 0; (child = phr_ast_child(node, i)) != NULL; i++) {
        if (child->type == PHR_TYPE_VECTOR || child->type == PHR_TYPE_MATRIX)
        {
            return phr_eval_has_one_name(child);
        }
    }

    return 0;
}


static int
phr_eval_dispatch(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out)
{
    switch (node->kind) {

    case PHR_NODE_NUMBER:
        return phr_fn_constant(ev, g, node->u.number.value, out);

    case PHR_NODE_STRING:
        out->string = node->u.string.value;
        return PHR_OK;

    case PHR_NODE_SELECTOR:
        return phr_eval_selector(ev, node, g, out);

    case PHR_NODE_UNARY:
        return phr_eval_unary(ev, node, g, out);

    case PHR_NODE_BINARY:
        return phr_eval_binary(ev, node, g, out);

    case PHR_NODE_AGGREGATE:
        return phr_eval_aggregate(ev, node, g, out);

    case PHR_NODE_CALL:
        return phr_fn_call(ev, node, g, out);

    case PHR_NODE_PAREN:
        return phr_eval_node(ev, node->u.paren.expr, g, out);

    case PHR_NODE_MATRIX:
    case PHR_NODE_SUBQUERY:
    case PHR_NODE_DURATION:
        break;
    }

    /* the parser lets ranges stand only where functions take them */

    return phr_err_set(ev->err, PHR_EEXEC,
                       "a range vector has no value of its own here");
}


/* the first step, repeated */
static int
phr_eval_once(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_value_t *out)
{
    int          rc;
    double      *v;
    size_t       i, j;
    uint64_t     read;
    phr_grid_t   one;

    one = *g;
    one.n = 1;
    read = ev->read;

    rc = phr_eval_dispatch(ev, node, &one, out);
    if (rc < 0) {
        return rc;
    }

    read = ev->read - read;
    ev->read += read * (g->n - 1);

    /* of the steps of the query, while those of subqueries may be many */

    for (i = 1; ev->step_read != NULL && i < g->n; i++) {
        ev->step_read[i] += read;
    }

    rc = phr_eval_hold(ev, phr_eval_value_samples(ev, out, 1) * g->n);
    if (rc < 0) {
        return rc;
    }

    for (i = 0; i < out->n; i++) {
        v = phr_col_create(ev->arena, g->n);
        if (v == NULL) {
            return phr_eval_nomem(ev);
        }

        for (j = 0; j < g->n; j++) {
            v[j] = out->cols[i].v[0];
        }

        out->cols[i].v = v;
    }

    return PHR_OK;
}


static int
phr_eval_unary(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_value_t *out)
{
    int            rc;
    size_t         i, j;
    phr_column_t  *c;

    rc = phr_eval_node(ev, node->u.unary.expr, g, out);
    if (rc < 0 || node->u.unary.op != PHR_TOK_SUB) {
        return rc;
    }

    for (i = 0; i < out->n; i++) {
        c = &out->cols[i];
        c->drop_name = 1;

        for (j = 0; j < g->n; j++) {
            if (phr_is_boxed(c->v[j])) {
                rc = phr_eval_scale(ev, &c->v[j], -1, 0);
                if (rc < 0) {
                    return rc;
                }

            } else if (phr_col_has(c, j)) {
                c->v[j] = -c->v[j];
            }
        }
    }

    return PHR_OK;
}


int
phr_eval_scalar(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    double **v)
{
    int          rc;
    phr_value_t  value;

    rc = phr_eval_node(ev, node, g, &value);
    if (rc < 0) {
        return rc;
    }

    phr_assert(g->n == 0 || value.n == 1);

    *v = g->n == 0 ? NULL : value.cols[0].v;

    return PHR_OK;
}


int
phr_eval_hold(phr_eval_t *ev, uint64_t n)
{
    uint64_t  held;

    held = ev->held + n;
    ev->peak = phr_max(ev->peak, held);

    if (ev->query->max_samples != 0 && held > ev->query->max_samples) {
        return phr_err_set(ev->err, PHR_ELIMIT,
                           "query processing would load too many samples "
                           "into memory in query execution");
    }

    return PHR_OK;
}


int
phr_eval_nomem(phr_eval_t *ev)
{
    return phr_arena_rc(ev->arena);
}


int64_t
phr_time_add(int64_t a, int64_t b)
{
    if (b > 0 && a > INT64_MAX - b) {
        return INT64_MAX;
    }

    if (b < 0 && a < INT64_MIN - b) {
        return INT64_MIN;
    }

    return a + b;
}


int64_t
phr_time_sub(int64_t a, int64_t b)
{
    if (b < 0 && a > INT64_MAX + b) {
        return INT64_MAX;
    }

    if (b > 0 && a < INT64_MIN + b) {
        return INT64_MIN;
    }

    return a - b;
}


static int
phr_eval_cmp_str(const void *one, const void *two)
{
    return phr_str_cmp(*(const phr_str_t *) one, *(const phr_str_t *) two);
}


int
phr_eval_names(phr_eval_t *ev, const phr_names_t *names, phr_str_t **sorted,
    size_t *n)
{
    size_t      i;
    phr_str_t  *s;

    /* one more, for a name that a caller may have to add */
    s = phr_arena_alloc(ev->arena, (names->n + 1) * sizeof(phr_str_t));
    if (s == NULL) {
        return phr_eval_nomem(ev);
    }

    *n = 0;
    *sorted = s;

    if (names->n == 0) {
        return PHR_OK;
    }

    memcpy(s, names->s, names->n * sizeof(phr_str_t));
    qsort(s, names->n, sizeof(phr_str_t), phr_eval_cmp_str);

    for (i = 0; i < names->n; i++) {
        if (*n == 0 || !phr_str_eq(s[*n - 1], s[i])) {
            s[(*n)++] = s[i];
        }
    }

    return PHR_OK;
}
