/*
 * Copyright (C) The Pharos Authors
 *
 * Query: an expression at one time, for rules and for the function "query"
 * of their templates.
 */

#include "rules/rule.h"


int
phr_rule_query(const phr_rule_group_t *g, const phr_rule_env_t *env,
    const phr_node_t *node, phr_str_t text, int64_t t_ms, phr_arena_t *arena,
    phr_result_sample_t **samples, size_t *n, phr_err_t *err)
{
    int             rc;
    phr_query_t     q;
    phr_result_t    result;
    phr_querier_t  *querier;

    memset(&q, 0, sizeof(phr_query_t));
    memset(&result, 0, sizeof(phr_result_t));

    q.node = node;
    q.text = text;
    q.start_ms = t_ms;
    q.end_ms = t_ms;
    q.lookback_ms = env->lookback_ms ? env->lookback_ms
                                     : PHR_RULE_LOOKBACK_MS;
    q.subquery_step_ms = g->groups->interval_ms;
    q.instant_step_ms = phr_promql_instant_step_ms(g->groups->promql_flags);
    q.max_samples = env->max_samples;
    q.delayed_names = (g->groups->promql_flags & PHR_PROMQL_EXPERIMENTAL) != 0;
    q.start_times = q.delayed_names;
    q.zones = env->zones;
    q.stop = env->stop;
    q.arena = arena;

    rc = env->storage->querier(env->storage, &querier, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_promql_eval(&q, querier, &result, err);
    querier->ops->close(querier);

    if (rc != PHR_OK) {
        return rc;
    }

    if (result.type == PHR_TYPE_VECTOR) {
        *samples = result.samples;
        *n = result.nsamples;
        return PHR_OK;
    }

    if (result.type != PHR_TYPE_SCALAR) {
        return phr_err_set(err, PHR_EEXEC,
                           "rule result is not a vector or scalar");
    }

    *samples = phr_arena_calloc(arena, 1, sizeof(phr_result_sample_t));
    if (*samples == NULL) {
        return phr_err_set(err, phr_arena_rc(arena),
                           "no memory for a query's result");
    }

    (*samples)->t_ms = t_ms;
    (*samples)->v = result.scalar;
    *n = 1;

    return PHR_OK;
}


int
phr_rule_query_text(const phr_rule_group_t *g, const phr_rule_env_t *env,
    phr_str_t text, int64_t t_ms, phr_arena_t *arena,
    const phr_result_sample_t **samples, size_t *n, phr_err_t *err)
{
    int                   rc;
    phr_str_t             copy;
    phr_node_t           *node;
    phr_matching_t        matching;
    phr_result_sample_t  *out;

    copy = phr_arena_str(arena, text);
    if (copy.data == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "no memory for a query");
    }

    memset(&matching, 0, sizeof(matching));
    matching.stop = env->stop;

    rc = phr_promql_parse(arena, copy, g->groups->promql_flags, &matching,
                          &node, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_rule_query(g, env, node, copy, t_ms, arena, &out, n, err);
    phr_promql_destroy(node);

    *samples = out;

    return rc;
}


int
phr_rule_labels_order(const void *a, const void *b)
{
    return phr_labels_cmp(*(const phr_labels_t *) a,
                          *(const phr_labels_t *) b);
}
