/*
 * Copyright (C) The Pharos Authors
 *
 * Plan: what can be said of every node before anything is evaluated: the
 * times that "@", offsets, ranges and duration expressions come to, and
 * which parts do not depend on the step.
 */

#include "promql/eval.h"


static int64_t phr_plan_query_step(const phr_eval_t *ev);
static int phr_plan_node(phr_eval_t *ev, const phr_node_t *node,
    unsigned depth);
static int phr_plan_when(phr_eval_t *ev, const phr_when_t *when,
    phr_plan_t *p);
static int phr_plan_duration(phr_eval_t *ev, const phr_node_t *expr,
    int64_t literal_ms, int64_t *ms);
static int phr_plan_step(phr_eval_t *ev, const phr_node_t *node,
    phr_plan_t *p);
static void phr_plan_window(phr_eval_t *ev, const phr_node_t *node,
    phr_plan_t *p);
static void phr_plan_call(phr_eval_t *ev, const phr_node_t *node,
    phr_plan_t *p);


/* the parser bounds the depth too; this guards the stack of a thread */
#define PHR_PLAN_MAX_DEPTH  4000


int
phr_plan(phr_eval_t *ev, const phr_node_t *root)
{
    ev->plan = phr_arena_calloc(ev->arena, (size_t) root->id + 1,
                                sizeof(phr_plan_t));
    if (ev->plan == NULL) {
        return phr_eval_nomem(ev);
    }

    ev->step_ms = phr_plan_query_step(ev);

    return phr_plan_node(ev, root, 0);
}


static int
phr_plan_node(phr_eval_t *ev, const phr_node_t *node, unsigned depth)
{
    int                rc;
    size_t             i;
    int64_t            step_ms;
    phr_node_t        *child;
    phr_plan_t        *p;
    const phr_plan_t  *l, *r;

    if (depth > PHR_PLAN_MAX_DEPTH) {
        return phr_err_set(ev->err, PHR_ELIMIT, "query is nested too deeply");
    }

    p = &ev->plan[node->id];
    step_ms = ev->step_ms;

    if (node->kind == PHR_NODE_SUBQUERY) {
        rc = phr_plan_step(ev, node, p);
        if (rc < 0) {
            return rc;
        }
    }

    for (i = 0; (child = phr_ast_child(node, i)) != NULL; i++) {
        rc = phr_plan_node(ev, child, depth + 1);
        if (rc < 0) {
            return rc;
        }
    }

    ev->step_ms = step_ms;
    rc = PHR_OK;

    switch (node->kind) {

    case PHR_NODE_NUMBER:
    case PHR_NODE_STRING:
        p->constant = 1;
        break;

    case PHR_NODE_SELECTOR:
        rc = phr_plan_when(ev, &node->u.selector.when, p);
        p->constant = p->has_at;
        p->once = p->has_at;
        break;

    case PHR_NODE_MATRIX:
        p->constant = phr_plan_of(ev, node->u.matrix.selector)->constant;
        rc = phr_plan_duration(ev, node->u.matrix.range,
                               node->u.matrix.range_ms, &p->range_ms);
        phr_plan_window(ev, node, p);
        break;

    case PHR_NODE_SUBQUERY:
        rc = phr_plan_when(ev, &node->u.subquery.when, p);
        p->constant = p->has_at;

        if (rc == PHR_OK) {
            rc = phr_plan_duration(ev, node->u.subquery.range,
                                   node->u.subquery.range_ms, &p->range_ms);
        }

        phr_plan_window(ev, node, p);
        break;

    case PHR_NODE_UNARY:
        p->constant = phr_plan_of(ev, node->u.unary.expr)->constant;
        p->once = phr_plan_of(ev, node->u.unary.expr)->once;
        break;

    case PHR_NODE_PAREN:
        p->constant = phr_plan_of(ev, node->u.paren.expr)->constant;
        p->once = phr_plan_of(ev, node->u.paren.expr)->once;
        break;

    case PHR_NODE_AGGREGATE:
        /* the parameter is not asked, which is Prometheus's choice */
        p->constant = phr_plan_of(ev, node->u.aggregate.expr)->constant;
        p->once = phr_plan_of(ev, node->u.aggregate.expr)->once;
        break;

    case PHR_NODE_BINARY:
        l = phr_plan_of(ev, node->u.binary.lhs);
        r = phr_plan_of(ev, node->u.binary.rhs);
        p->constant = l->constant && r->constant;
        p->once = p->constant;
        break;

    case PHR_NODE_CALL:
        phr_plan_call(ev, node, p);
        break;

    case PHR_NODE_DURATION:
        break;
    }

    return rc;
}


/* the step of a subquery, which is that of what is in it, too */
static int
phr_plan_step(phr_eval_t *ev, const phr_node_t *node, phr_plan_t *p)
{
    int  rc;

    if (node->u.subquery.windowless) {
        p->step_ms = ev->step_ms;
        return PHR_OK;
    }

    rc = phr_plan_duration(ev, node->u.subquery.step,
                           node->u.subquery.step_ms, &p->step_ms);
    if (rc == PHR_OK) {
        ev->step_ms = p->step_ms > 0 ? p->step_ms
                                     : ev->query->subquery_step_ms;
    }

    return rc;
}


/* a range that nobody wrote, and what has to be read for it */
static void
phr_plan_window(phr_eval_t *ev, const phr_node_t *node, phr_plan_t *p)
{
    int64_t  lookback_ms;

    if (!(node->kind == PHR_NODE_MATRIX ? node->u.matrix.windowless
                                        : node->u.subquery.windowless))
    {
        return;
    }

    lookback_ms = ev->query->lookback_ms;

    p->window_ms = ev->step_ms;

    if (node->kind == PHR_NODE_MATRIX) {
        p->range_ms = phr_time_add(phr_max(ev->step_ms, lookback_ms),
                                   lookback_ms);

    } else {
        p->range_ms = ev->step_ms < INT64_MAX / PHR_WINDOW_SCRAPES
                      ? PHR_WINDOW_SCRAPES * ev->step_ms : INT64_MAX;
    }
}


static void
phr_plan_call(phr_eval_t *ev, const phr_node_t *node, phr_plan_t *p)
{
    size_t                  i;
    const phr_node_call_t  *call;

    call = &node->u.call;

    /* of MetricsQL, many depend on all steps */

    if (call->func->experimental == PHR_FUNC_METRICSQL) {
        return;
    }

    switch (call->func->id) {

    case PHR_FUNC_start:
    case PHR_FUNC_end:
    case PHR_FUNC_step:
    case PHR_FUNC_range:
        p->constant = 1;
        return;

    case PHR_FUNC_start_timestamp:
    case PHR_FUNC_timestamp:
        /* only of a selector, whose samples bring their own times */
        p->constant = phr_ast_unparen(call->args[0])->kind
                          == PHR_NODE_SELECTOR
                      && phr_plan_of(ev, call->args[0])->constant;
        p->once = p->constant;
        return;

    case PHR_FUNC_days_in_month:
    case PHR_FUNC_day_of_month:
    case PHR_FUNC_day_of_week:
    case PHR_FUNC_day_of_year:
    case PHR_FUNC_hour:
    case PHR_FUNC_minute:
    case PHR_FUNC_month:
    case PHR_FUNC_year:
    case PHR_FUNC_predict_linear:
    case PHR_FUNC_time:
        return;

    default:
        break;
    }

    p->constant = 1;

    for (i = 0; i < call->nargs; i++) {
        if (!phr_plan_of(ev, call->args[i])->constant) {
            p->constant = 0;
        }
    }

    p->once = p->constant;
}


static int64_t
phr_plan_query_step(const phr_eval_t *ev)
{
    return ev->query->step_ms > 0 ? ev->query->step_ms
                                  : ev->query->instant_step_ms;
}


static int
phr_plan_when(phr_eval_t *ev, const phr_when_t *when, phr_plan_t *p)
{
    const phr_query_t  *q;

    q = ev->query;

    switch (when->at) {

    case PHR_AT_NONE:
        break;

    case PHR_AT_TIME:
        p->has_at = 1;
        p->at_ms = when->at_ms;
        break;

    case PHR_AT_START:
        p->has_at = 1;
        p->at_ms = q->start_ms;
        break;

    case PHR_AT_END:
        p->has_at = 1;
        p->at_ms = q->end_ms;
        break;
    }

    if (when->offset == NULL) {
        p->offset_ms = when->offset_ms;
        return PHR_OK;
    }

    return phr_ast_duration(when->offset, phr_plan_query_step(ev),
                            q->end_ms - q->start_ms, 0, &p->offset_ms,
                            ev->err);
}


static int
phr_plan_duration(phr_eval_t *ev, const phr_node_t *expr, int64_t literal_ms,
    int64_t *ms)
{
    if (expr == NULL) {
        *ms = literal_ms;
        return PHR_OK;
    }

    return phr_ast_duration(expr, phr_plan_query_step(ev),
                            ev->query->end_ms - ev->query->start_ms, 1, ms,
                            ev->err);
}
