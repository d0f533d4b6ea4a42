/*
 * Copyright (C) The Pharos Authors
 *
 * Final: see final.h.  What is not known here is not final: functions,
 * operators and modifiers are listed by what they do to the order and to
 * the labels of series.  Nothing that is of MetricsQL alone is.
 */

#include "promql/final.h"

#include "promql/ast.h"


/* farther than that, sums of times could overflow */
#define PHR_FINAL_FAR  INT64_C(1000000000000000)


/* what is known of the value of a node */
typedef struct {
    /* of any two series the same is first, over whatever steps */
    unsigned  ordered:1;

    /* no two series differ in the names of their metrics alone, or not */
    unsigned  unique:1;
} phr_shape_t;

typedef struct {
    const phr_query_t  *query;
    phr_reach_t         reach;
    unsigned            selectors:1;    /* there is one */
    int64_t             back_ms;        /* of subqueries around the node */
    int64_t             ahead_ms;
} phr_final_t;


static int phr_final_node(phr_final_t *f, const phr_node_t *node,
    phr_shape_t *shape);
static int phr_final_selector(phr_final_t *f, const phr_node_t *node,
    int64_t range_ms, phr_shape_t *shape);
static int phr_final_binary(phr_final_t *f, const phr_node_t *node,
    phr_shape_t *shape);
static void phr_final_join(const phr_node_binary_t *b, phr_shape_t l,
    phr_shape_t r, phr_shape_t *shape);
static int phr_final_aggregate(phr_final_t *f, const phr_node_t *node,
    phr_shape_t *shape);
static int phr_final_call(phr_final_t *f, const phr_node_t *node,
    phr_shape_t *shape);
static int phr_final_range(phr_final_t *f, const phr_node_t *node,
    phr_shape_t *shape);
static int phr_final_subquery(phr_final_t *f, const phr_node_t *node,
    phr_shape_t *shape);
static void phr_final_drop_name(phr_shape_t *shape);


int
phr_promql_final(const phr_query_t *query, phr_reach_t *reach)
{
    phr_final_t  f;
    phr_shape_t  shape;

    if (query->step_ms <= 0 || query->end_ms < query->start_ms
        || query->max_res_ms != 0)
    {
        return 0;
    }

    memset(&f, 0, sizeof(f));
    f.query = query;
    f.reach.back_ms = INT64_MIN;
    f.reach.ahead_ms = INT64_MIN;

    if (!phr_final_node(&f, query->node, &shape) || !f.selectors) {
        return 0;
    }

    if (f.reach.back_ms < -PHR_FINAL_FAR || f.reach.back_ms > PHR_FINAL_FAR
        || f.reach.ahead_ms < -PHR_FINAL_FAR
        || f.reach.ahead_ms > PHR_FINAL_FAR
        || query->start_ms < -PHR_FINAL_FAR || query->end_ms > PHR_FINAL_FAR)
    {
        return 0;
    }

    *reach = f.reach;

    return 1;
}


/* of a scalar, a string or a single series nothing is in disorder */

static int
phr_final_node(phr_final_t *f, const phr_node_t *node, phr_shape_t *shape)
{
    shape->ordered = 1;
    shape->unique = 1;

    if (node->keep_names) {
        return 0;
    }

    switch (node->kind) {

    case PHR_NODE_NUMBER:
    case PHR_NODE_STRING:
        return 1;

    case PHR_NODE_SELECTOR:
        return phr_final_selector(f, node, f->query->lookback_ms, shape);

    case PHR_NODE_MATRIX:
        return node->u.matrix.range == NULL && !node->u.matrix.windowless
               && phr_final_selector(f, node->u.matrix.selector,
                                     node->u.matrix.range_ms, shape);

    case PHR_NODE_SUBQUERY:
        return phr_final_subquery(f, node, shape);

    case PHR_NODE_PAREN:
        return phr_final_node(f, node->u.paren.expr, shape);

    case PHR_NODE_UNARY:
        if (!phr_final_node(f, node->u.unary.expr, shape)) {
            return 0;
        }

        phr_final_drop_name(shape);
        return 1;

    case PHR_NODE_BINARY:
        return phr_final_binary(f, node, shape);

    case PHR_NODE_AGGREGATE:
        return phr_final_aggregate(f, node, shape);

    case PHR_NODE_CALL:
        return phr_final_call(f, node, shape);

    case PHR_NODE_DURATION:
        break;
    }

    return 0;
}


static int
phr_final_selector(phr_final_t *f, const phr_node_t *node, int64_t range_ms,
    phr_shape_t *shape)
{
    size_t                      i;
    int64_t                     back_ms, ahead_ms;
    const phr_matcher_t        *m;
    const phr_node_selector_t  *s;

    s = &node->u.selector;

    if (s->when.at != PHR_AT_NONE || s->when.offset != NULL
        || s->nothers != 0
        || s->when.offset_ms < -PHR_FINAL_FAR
        || s->when.offset_ms > PHR_FINAL_FAR
        || range_ms > PHR_FINAL_FAR
        || f->query->lookback_ms > PHR_FINAL_FAR)
    {
        return 0;
    }

    back_ms = f->back_ms + s->when.offset_ms + range_ms;
    ahead_ms = f->ahead_ms - s->when.offset_ms;

    if (s->anchored || s->smoothed) {
        back_ms += f->query->lookback_ms;
        ahead_ms += f->query->lookback_ms;
    }

    f->reach.back_ms = phr_max(f->reach.back_ms, back_ms);
    f->reach.ahead_ms = phr_max(f->reach.ahead_ms, ahead_ms);
    f->selectors = 1;

    shape->unique = 0;

    for (i = 0; i < s->nmatchers; i++) {
        m = &s->matchers[i];

        if (m->op == PHR_MATCH_EQ && m->value.len > 0
            && phr_str_eq(m->name, phr_str_of(PHR_METRIC_NAME)))
        {
            shape->unique = 1;
        }
    }

    return 1;
}


/*
 * Series that become equal without their names are joined where the first of
 * them was, which depends on the steps.
 */

static void
phr_final_drop_name(phr_shape_t *shape)
{
    if (!shape->unique) {
        shape->ordered = 0;
    }
}


static int
phr_final_binary(phr_final_t *f, const phr_node_t *node, phr_shape_t *shape)
{
    phr_shape_t               l, r;
    const phr_node_binary_t  *b;

    b = &node->u.binary;

    if (!phr_final_node(f, b->lhs, &l) || !phr_final_node(f, b->rhs, &r)) {
        return 0;
    }

    switch (b->op) {

    case PHR_TOK_LAND:
    case PHR_TOK_LUNLESS:
        *shape = l;
        return 1;

    case PHR_TOK_LOR:
        shape->ordered = 0;
        shape->unique = 0;

        /* a series of both sides has the name that its first sample has */

        return !f->query->delayed_names;

    case PHR_TOK_ADD:
    case PHR_TOK_SUB:
    case PHR_TOK_MUL:
    case PHR_TOK_DIV:
    case PHR_TOK_MOD:
    case PHR_TOK_POW:
    case PHR_TOK_ATAN2:
    case PHR_TOK_EQLC:
    case PHR_TOK_NEQ:
    case PHR_TOK_LSS:
    case PHR_TOK_LTE:
    case PHR_TOK_GTR:
    case PHR_TOK_GTE:
        break;

    default:
        return 0;
    }

    if (b->lhs->type == PHR_TYPE_VECTOR && b->rhs->type == PHR_TYPE_VECTOR) {
        phr_final_join(b, l, r, shape);
        return 1;
    }

    *shape = b->lhs->type == PHR_TYPE_VECTOR ? l : r;
    phr_final_drop_name(shape);

    return 1;
}


/* the result is in the order of the side that may have many in a group */

static void
phr_final_join(const phr_node_binary_t *b, phr_shape_t l, phr_shape_t r,
    phr_shape_t *shape)
{
    phr_shape_t  many;

    many = b->card == PHR_CARD_ONE_TO_MANY ? r : l;

    *shape = many;
    phr_final_drop_name(shape);

    /* where labels are left out or added, different series become equal */

    if ((b->card == PHR_CARD_ONE_TO_ONE && (b->on || b->labels.n > 0))
        || b->include.n > 0 || b->has_fill_lhs || b->has_fill_rhs)
    {
        shape->ordered = 0;
        shape->unique = 0;
    }
}


static int
phr_final_aggregate(phr_final_t *f, const phr_node_t *node,
    phr_shape_t *shape)
{
    size_t                       i;
    phr_shape_t                  in;
    const phr_node_t            *param;
    const phr_node_aggregate_t  *a;

    a = &node->u.aggregate;

    if (a->limit != 0 || !phr_final_node(f, a->expr, &in)) {
        return 0;
    }

    param = a->param == NULL ? NULL : phr_ast_unparen(a->param);

    if (param != NULL && param->kind != PHR_NODE_NUMBER
        && param->kind != PHR_NODE_STRING)
    {
        return 0;
    }

    /* the groups are in the order in which their first series come */

    shape->ordered = !a->without && a->grouping.n == 0;
    shape->unique = 1;

    for (i = 0; i < a->grouping.n; i++) {
        if (!a->without && phr_str_eq(a->grouping.s[i],
                                      phr_str_of(PHR_METRIC_NAME)))
        {
            shape->unique = 0;
        }
    }

    switch (a->op) {

    case PHR_TOK_COUNT:
    case PHR_TOK_GROUP:
        return 1;

    case PHR_TOK_SUM:
    case PHR_TOK_AVG:
    case PHR_TOK_MIN:
    case PHR_TOK_MAX:
    case PHR_TOK_STDDEV:
    case PHR_TOK_STDVAR:
    case PHR_TOK_QUANTILE:
        return in.ordered;

    case PHR_TOK_TOPK:
    case PHR_TOK_BOTTOMK:
    case PHR_TOK_LIMITK:
    case PHR_TOK_LIMIT_RATIO:
        shape->ordered = 0;
        shape->unique = in.unique;
        return in.ordered;

    case PHR_TOK_COUNT_VALUES:
        shape->ordered = 0;
        shape->unique = 0;
        return 1;

    default:
        return 0;
    }
}


static int
phr_final_call(phr_final_t *f, const phr_node_t *node, phr_shape_t *shape)
{
    size_t                  i;
    phr_shape_t             arg;
    const phr_node_call_t  *call;

    call = &node->u.call;

    for (i = 0; i < call->nargs; i++) {

        if (call->args[i]->type == PHR_TYPE_MATRIX) {
            return phr_final_range(f, node, shape);
        }

        if (!phr_final_node(f, call->args[i], &arg)) {
            return 0;
        }

        if (call->args[i]->type == PHR_TYPE_VECTOR) {
            *shape = arg;
        }
    }

    switch (call->func->id) {

    case PHR_FUNC_absent:
    case PHR_FUNC_scalar:
    case PHR_FUNC_vector:
    case PHR_FUNC_pi:
    case PHR_FUNC_time:
        shape->ordered = 1;
        shape->unique = 1;
        return 1;

    case PHR_FUNC_abs:
    case PHR_FUNC_acos:
    case PHR_FUNC_acosh:
    case PHR_FUNC_asin:
    case PHR_FUNC_asinh:
    case PHR_FUNC_atan:
    case PHR_FUNC_atanh:
    case PHR_FUNC_ceil:
    case PHR_FUNC_clamp:
    case PHR_FUNC_clamp_max:
    case PHR_FUNC_clamp_min:
    case PHR_FUNC_cos:
    case PHR_FUNC_cosh:
    case PHR_FUNC_day_of_month:
    case PHR_FUNC_day_of_week:
    case PHR_FUNC_day_of_year:
    case PHR_FUNC_days_in_month:
    case PHR_FUNC_deg:
    case PHR_FUNC_exp:
    case PHR_FUNC_floor:
    case PHR_FUNC_hour:
    case PHR_FUNC_ln:
    case PHR_FUNC_log10:
    case PHR_FUNC_log2:
    case PHR_FUNC_minute:
    case PHR_FUNC_month:
    case PHR_FUNC_rad:
    case PHR_FUNC_round:
    case PHR_FUNC_sgn:
    case PHR_FUNC_sin:
    case PHR_FUNC_sinh:
    case PHR_FUNC_sqrt:
    case PHR_FUNC_tan:
    case PHR_FUNC_tanh:
    case PHR_FUNC_timestamp:
    case PHR_FUNC_year:
        phr_final_drop_name(shape);
        return 1;

    case PHR_FUNC_histogram_quantile:
    case PHR_FUNC_label_join:
    case PHR_FUNC_label_replace:
    case PHR_FUNC_sort:
    case PHR_FUNC_sort_desc:
        shape->ordered = 0;
        shape->unique = 0;
        return 1;

    default:
        return 0;
    }
}


/* here it is an error if two series differ in their names alone */

static int
phr_final_range(phr_final_t *f, const phr_node_t *node, phr_shape_t *shape)
{
    size_t                  i;
    phr_shape_t             arg;
    const phr_node_call_t  *call;

    call = &node->u.call;
    shape->ordered = 0;
    shape->unique = 0;

    for (i = 0; i < call->nargs; i++) {

        if (!phr_final_node(f, call->args[i], &arg)) {
            return 0;
        }

        if (call->args[i]->type == PHR_TYPE_MATRIX) {
            *shape = arg;
        }
    }

    switch (call->func->id) {

    case PHR_FUNC_absent_over_time:
        shape->ordered = 1;
        shape->unique = 1;
        return 1;

    case PHR_FUNC_avg_over_time:
    case PHR_FUNC_changes:
    case PHR_FUNC_count_over_time:
    case PHR_FUNC_delta:
    case PHR_FUNC_deriv:
    case PHR_FUNC_idelta:
    case PHR_FUNC_increase:
    case PHR_FUNC_irate:
    case PHR_FUNC_last_over_time:
    case PHR_FUNC_max_over_time:
    case PHR_FUNC_min_over_time:
    case PHR_FUNC_predict_linear:
    case PHR_FUNC_present_over_time:
    case PHR_FUNC_quantile_over_time:
    case PHR_FUNC_rate:
    case PHR_FUNC_resets:
    case PHR_FUNC_stddev_over_time:
    case PHR_FUNC_stdvar_over_time:
    case PHR_FUNC_sum_over_time:
        return shape->unique;

    default:
        return 0;
    }
}


/*
 * Its steps are multiples of a number, wherever the query starts, and there
 * may be a single one: then what is joined elsewhere stays apart.
 */

static int
phr_final_subquery(phr_final_t *f, const phr_node_t *node,
    phr_shape_t *shape)
{
    int                         rc;
    int64_t                     back_ms, ahead_ms;
    const phr_node_subquery_t  *s;

    s = &node->u.subquery;

    if (s->when.at != PHR_AT_NONE || s->when.offset != NULL
        || s->range != NULL || s->step != NULL || s->windowless
        || s->when.offset_ms < -PHR_FINAL_FAR
        || s->when.offset_ms > PHR_FINAL_FAR || s->range_ms > PHR_FINAL_FAR)
    {
        return 0;
    }

    back_ms = f->back_ms;
    ahead_ms = f->ahead_ms;

    f->back_ms = phr_min(back_ms + s->when.offset_ms + s->range_ms,
                         PHR_FINAL_FAR * 2);
    f->ahead_ms = phr_max(phr_min(ahead_ms - s->when.offset_ms,
                                  PHR_FINAL_FAR * 2), -PHR_FINAL_FAR * 2);

    rc = phr_final_node(f, s->expr, shape);

    f->back_ms = back_ms;
    f->ahead_ms = ahead_ms;

    return rc && shape->unique;
}
