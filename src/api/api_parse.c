/*
 * Copyright (C) The Pharos Authors
 *
 * /parse_query: the tree of an expression as JSON, in the form that the
 * page of Prometheus reads.  Nothing is evaluated.
 */

#include "api/call.h"

#include "promql/ast.h"


/* a node opens an object, and perhaps an array around its operands */
#if PHR_JSON_MAX_DEPTH < 2 * PHR_AST_MAX_HEIGHT + 8
#error "a tree may be deeper than JSON can be"
#endif


static void phr_parse_node(phr_call_t *c, const phr_node_t *node);
static void phr_parse_expr(phr_call_t *c, const char *key,
    const phr_node_t *node);
static void phr_parse_binary(phr_call_t *c, const phr_node_binary_t *b);
static void phr_parse_matching(phr_call_t *c, const phr_node_binary_t *b);
static void phr_parse_call(phr_call_t *c, const phr_node_call_t *call);
static void phr_parse_matchers(phr_call_t *c, const phr_matcher_t *m,
    size_t n);
static void phr_parse_selector(phr_call_t *c, const phr_node_t *selector);
static void phr_parse_subquery(phr_call_t *c, const phr_node_subquery_t *s);
static void phr_parse_when(phr_call_t *c, const phr_when_t *when);
static void phr_parse_duration(phr_call_t *c, const char *key,
    const phr_node_t *node);
static void phr_parse_names(phr_call_t *c, const char *key,
    const phr_names_t *names);
static void phr_parse_fill(phr_call_t *c, const char *key, int has,
    double v);


int
phr_api_parse_query(phr_call_t *c, phr_err_t *err)
{
    int          rc;
    phr_node_t  *node;

    rc = phr_call_query(c, 1, &node, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_call_begin(c);
    phr_parse_node(c, node);
    phr_call_end(c);

    phr_promql_destroy(node);

    return PHR_OK;
}


static void
phr_parse_node(phr_call_t *c, const phr_node_t *node)
{
    phr_json_writer_t  *w;

    w = &c->json;

    phr_json_object(w);

    switch (node->kind) {

    case PHR_NODE_NUMBER:
        phr_json_pair_c(w, "type", "numberLiteral");
        phr_json_key(w, "val");
        phr_json_value(w, node->u.number.value);
        break;

    case PHR_NODE_STRING:
        phr_json_pair_c(w, "type", "stringLiteral");
        phr_json_pair(w, "val", node->u.string.value);
        break;

    case PHR_NODE_SELECTOR:
        phr_json_pair_c(w, "type", "vectorSelector");
        phr_parse_selector(c, node);
        break;

    case PHR_NODE_MATRIX:
        phr_json_pair_c(w, "type", "matrixSelector");
        phr_json_pair_int(w, "range", node->u.matrix.range_ms);
        phr_parse_duration(c, "rangeExpr", node->u.matrix.range);
        phr_parse_selector(c, node->u.matrix.selector);
        break;

    case PHR_NODE_SUBQUERY:
        phr_parse_subquery(c, &node->u.subquery);
        break;

    case PHR_NODE_UNARY:
        phr_json_pair_c(w, "type", "unaryExpr");
        phr_json_pair_c(w, "op", phr_token_text(node->u.unary.op));
        phr_parse_expr(c, "expr", node->u.unary.expr);
        break;

    case PHR_NODE_BINARY:
        phr_parse_binary(c, &node->u.binary);
        break;

    case PHR_NODE_AGGREGATE:
        phr_json_pair_c(w, "type", "aggregation");
        phr_json_pair_c(w, "op", phr_token_text(node->u.aggregate.op));
        phr_parse_expr(c, "expr", node->u.aggregate.expr);
        phr_parse_expr(c, "param", node->u.aggregate.param);
        phr_parse_names(c, "grouping", &node->u.aggregate.grouping);
        phr_json_pair_bool(w, "without", node->u.aggregate.without);

        if (node->u.aggregate.limit != 0) {
            phr_json_pair_int(w, "limit", node->u.aggregate.limit);
        }

        break;

    case PHR_NODE_CALL:
        phr_parse_call(c, &node->u.call);
        break;

    case PHR_NODE_PAREN:
        phr_json_pair_c(w, "type", "parenExpr");
        phr_parse_expr(c, "expr", node->u.paren.expr);
        break;

    case PHR_NODE_DURATION:
        phr_json_pair_c(w, "type", "durationExpr");
        phr_json_pair_c(w, "op", phr_token_text(node->u.duration.op));
        phr_parse_duration(c, "lhs", node->u.duration.lhs);
        phr_parse_duration(c, "rhs", node->u.duration.rhs);
        phr_json_pair_bool(w, "wrapped", node->u.duration.wrapped);
        break;
    }

    if (node->keep_names) {
        phr_json_pair_bool(w, "keepMetricNames", 1);
    }

    phr_json_end_object(w);
}


static void
phr_parse_expr(phr_call_t *c, const char *key, const phr_node_t *node)
{
    phr_json_key(&c->json, key);

    if (node != NULL) {
        phr_parse_node(c, node);

    } else {
        phr_json_null(&c->json);
    }
}


static void
phr_parse_binary(phr_call_t *c, const phr_node_binary_t *b)
{
    phr_json_writer_t  *w;

    w = &c->json;

    phr_json_pair_c(w, "type", "binaryExpr");
    phr_json_pair_c(w, "op", phr_token_text(b->op));
    phr_parse_expr(c, "lhs", b->lhs);
    phr_parse_expr(c, "rhs", b->rhs);
    phr_json_key(w, "matching");

    if (b->lhs->type == PHR_TYPE_VECTOR && b->rhs->type == PHR_TYPE_VECTOR) {
        phr_parse_matching(c, b);

    } else {
        phr_json_null(w);
    }

    phr_json_pair_bool(w, "bool", b->is_bool);
}


static void
phr_parse_matching(phr_call_t *c, const phr_node_binary_t *b)
{
    phr_json_writer_t  *w;

    /* ORDER phr_card_e */
    static const char *const  cards[] = {
        "one-to-one", "many-to-one", "one-to-many", "many-to-many"
    };

    w = &c->json;

    phr_json_object(w);
    phr_json_pair_c(w, "card", cards[b->card]);
    phr_parse_names(c, "labels", &b->labels);
    phr_json_pair_bool(w, "on", b->on);
    phr_parse_names(c, "include", &b->include);

    phr_json_key(w, "fillValues");
    phr_json_object(w);
    phr_parse_fill(c, "lhs", b->has_fill_lhs, b->fill_lhs);
    phr_parse_fill(c, "rhs", b->has_fill_rhs, b->fill_rhs);
    phr_json_end_object(w);

    phr_json_end_object(w);
}


static void
phr_parse_call(phr_call_t *c, const phr_node_call_t *call)
{
    size_t              i;
    phr_json_writer_t  *w;

    w = &c->json;

    phr_json_pair_c(w, "type", "call");
    phr_json_key(w, "func");
    phr_json_object(w);
    phr_json_pair_c(w, "name", call->func->name);

    phr_json_key(w, "argTypes");
    phr_json_array(w);
    for (i = 0; i < call->func->nargs; i++) {
        phr_json_cstring(w, phr_type_text(phr_ast_func_arg(call->func, i)));
    }
    phr_json_end_array(w);

    phr_json_pair_int(w, "variadic", call->func->variadic);
    phr_json_pair_c(w, "returnType", phr_type_text(call->func->returns));
    phr_json_end_object(w);

    phr_json_key(w, "args");
    phr_json_array(w);
    for (i = 0; i < call->nargs; i++) {
        phr_parse_node(c, call->args[i]);
    }
    phr_json_end_array(w);
}


static void
phr_parse_selector(phr_call_t *c, const phr_node_t *selector)
{
    size_t                      i;
    phr_json_writer_t          *w;
    const phr_node_selector_t  *s;

    w = &c->json;
    s = &selector->u.selector;

    phr_json_pair(w, "name", s->name);
    phr_parse_when(c, &s->when);

    phr_json_key(w, "matchers");
    phr_parse_matchers(c, s->matchers, s->nmatchers);

    if (s->nothers != 0) {
        phr_json_key(w, "otherMatchers");
        phr_json_array(w);

        for (i = 0; i < s->nothers; i++) {
            phr_parse_matchers(c, s->others[i].matchers, s->others[i].n);
        }

        phr_json_end_array(w);
    }

    phr_json_pair_bool(w, "anchored", s->anchored);
    phr_json_pair_bool(w, "smoothed", s->smoothed);
}


static void
phr_parse_matchers(phr_call_t *c, const phr_matcher_t *m, size_t n)
{
    size_t              i;
    phr_json_writer_t  *w;

    w = &c->json;

    phr_json_array(w);

    for (i = 0; i < n; i++) {
        phr_json_object(w);
        phr_json_pair(w, "name", m[i].name);
        phr_json_pair(w, "value", m[i].value);
        phr_json_pair_c(w, "type", phr_match_op_text(m[i].op));
        phr_json_end_object(w);
    }

    phr_json_end_array(w);
}


static void
phr_parse_subquery(phr_call_t *c, const phr_node_subquery_t *s)
{
    phr_json_writer_t  *w;

    w = &c->json;

    phr_json_pair_c(w, "type", "subquery");
    phr_parse_expr(c, "expr", s->expr);
    phr_json_pair_int(w, "range", s->range_ms);
    phr_parse_duration(c, "rangeExpr", s->range);
    phr_json_pair_int(w, "step", s->step_ms);
    phr_parse_duration(c, "stepExpr", s->step);
    phr_parse_when(c, &s->when);
}


static void
phr_parse_when(phr_call_t *c, const phr_when_t *when)
{
    phr_json_writer_t  *w;

    w = &c->json;

    phr_json_pair_int(w, "offset", when->offset_ms);
    phr_parse_duration(c, "offsetExpr", when->offset);

    phr_json_key(w, "timestamp");

    if (when->at == PHR_AT_TIME) {
        phr_json_int(w, when->at_ms);

    } else {
        phr_json_null(w);
    }

    phr_json_key(w, "startOrEnd");

    if (when->at == PHR_AT_START || when->at == PHR_AT_END) {
        phr_json_cstring(w, when->at == PHR_AT_START ? "start" : "end");

    } else {
        phr_json_null(w);
    }
}


/* numbers in a duration expression say whether they are written as "5m" */

static void
phr_parse_duration(phr_call_t *c, const char *key, const phr_node_t *node)
{
    phr_json_writer_t  *w;

    w = &c->json;

    if (node == NULL || node->kind != PHR_NODE_NUMBER) {
        phr_parse_expr(c, key, node);
        return;
    }

    phr_json_key(w, key);
    phr_json_object(w);
    phr_json_pair_c(w, "type", "numberLiteral");
    phr_json_key(w, "val");
    phr_json_value(w, node->u.number.value);
    phr_json_pair_bool(w, "duration", node->u.number.is_duration);
    phr_json_end_object(w);
}


static void
phr_parse_names(phr_call_t *c, const char *key, const phr_names_t *names)
{
    size_t  i;

    phr_json_key(&c->json, key);
    phr_json_array(&c->json);

    for (i = 0; i < names->n; i++) {
        phr_json_string(&c->json, names->s[i]);
    }

    phr_json_end_array(&c->json);
}


static void
phr_parse_fill(phr_call_t *c, const char *key, int has, double v)
{
    phr_json_key(&c->json, key);

    if (has) {
        phr_json_double(&c->json, v);

    } else {
        phr_json_null(&c->json);
    }
}
