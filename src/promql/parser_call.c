/*
 * Copyright (C) The Pharos Authors
 *
 * Parser of calls: functions and aggregations with their arguments.
 */

#include "promql/dialect.h"


static int phr_parser_args(phr_parser_t *p, phr_parser_args_t *args);
static int phr_parser_grouping(phr_parser_t *p, phr_node_aggregate_t *agg);
static phr_node_t *phr_parser_aggregate_node(phr_parser_t *p,
    const phr_token_t *op, const phr_node_aggregate_t *from,
    const phr_parser_args_t *args, int32_t end);


phr_node_t *
phr_parser_call(phr_parser_t *p, const phr_token_t *name)
{
    const phr_func_t   *func;
    phr_parser_args_t   args;

    if (phr_parser_args(p, &args) != PHR_OK) {
        return NULL;
    }

    func = phr_ast_func(name->text);

    if (func == NULL || (func->experimental == PHR_FUNC_METRICSQL
                         && !phr_parser_dialect(p)))
    {
        (void) phr_parser_error_quoted(p, name->start, name->end,
                                       "unknown function with name ",
                                       name->text, "");
        return NULL;
    }

    if (func->experimental && !(p->flags & PHR_PROMQL_EXTENDED)) {
        (void) phr_parser_error_quoted(p, name->start, name->end, "function ",
                                       name->text, " is not enabled");
        return NULL;
    }

    if (phr_parser_dialect(p)
        && phr_dialect_args(p, &func, &args) != PHR_OK)
    {
        return NULL;
    }

    return phr_parser_call_node(p, func, &args, name->start, p->last_end);
}


phr_node_t *
phr_parser_call_node(phr_parser_t *p, const phr_func_t *func,
    const phr_parser_args_t *args, int32_t start, int32_t end)
{
    size_t       i;
    phr_node_t  *node;

    node = phr_parser_node(p, PHR_NODE_CALL, func->returns, start, end);
    if (node == NULL) {
        return NULL;
    }

    for (i = 0; i < args->nargs; i++) {
        if (phr_parser_adopt(p, node, args->args[i]) != PHR_OK) {
            return NULL;
        }
    }

    node->u.call.func = func;
    node->u.call.args = args->args;
    node->u.call.nargs = args->nargs;

    return node;
}


phr_node_t *
phr_parser_aggregation(phr_parser_t *p, const phr_token_t *op)
{
    int32_t                end;
    phr_token_e            t;
    phr_parser_args_t      args;
    phr_parser_where_t     outer;
    phr_node_aggregate_t   agg;

    memset(&agg, 0, sizeof(agg));
    outer = phr_parser_in(p, "aggregation", NULL);

    if (phr_parser_peek(p) != PHR_TOK_LEFT_PAREN) {

        if (phr_parser_grouping(p, &agg) != PHR_OK
            || phr_parser_args(p, &args) != PHR_OK)
        {
            return NULL;
        }

        end = p->last_end;

    } else {

        if (phr_parser_args(p, &args) != PHR_OK) {
            return NULL;
        }

        t = phr_parser_peek(p);

        if (t == PHR_TOK_ERROR
            || ((t == PHR_TOK_BY || t == PHR_TOK_WITHOUT)
                && phr_parser_grouping(p, &agg) != PHR_OK))
        {
            return NULL;
        }

        end = p->last_end;
    }

    if (phr_parser_dialect(p)
        && phr_dialect_aggregation(p, op, &agg, &args) != PHR_OK)
    {
        return NULL;
    }

    p->where = outer;

    return phr_parser_aggregate_node(p, op, &agg, &args, end);
}


static int
phr_parser_args(phr_parser_t *p, phr_parser_args_t *args)
{
    memset(args, 0, sizeof(*args));

    if (phr_parser_expect(p, PHR_TOK_LEFT_PAREN, NULL) != PHR_OK) {
        return p->rc;
    }

    if (phr_parser_peek(p) == PHR_TOK_RIGHT_PAREN) {
        (void) phr_parser_take(p);
        return PHR_OK;
    }

    return phr_parser_args_rest(p, args);
}


int
phr_parser_args_rest(phr_parser_t *p, phr_parser_args_t *args)
{
    phr_node_t   *arg;
    phr_token_e   t;
    phr_token_t   comma;

    for ( ;; ) {
        arg = phr_parser_expr(p, PHR_PREC_ANY);
        if (arg == NULL) {
            return p->rc;
        }

        if (phr_parser_args_push(p, args, arg) != PHR_OK) {
            return p->rc;
        }

        if (phr_parser_peek(p) != PHR_TOK_COMMA) {
            return phr_parser_expect(p, PHR_TOK_RIGHT_PAREN, NULL);
        }

        comma = phr_parser_take(p);
        t = phr_parser_peek(p);

        if (t == PHR_TOK_RIGHT_PAREN && phr_parser_dialect(p)) {
            (void) phr_parser_take(p);
            return PHR_OK;
        }

        if (t != PHR_TOK_ERROR && !phr_parser_starts_expr(t)) {
            return phr_parser_error(p, comma.start, comma.end, "trailing"
                                    " commas not allowed in function call"
                                    " args");
        }
    }
}


int
phr_parser_args_push(phr_parser_t *p, phr_parser_args_t *args,
    phr_node_t *arg)
{
    args->args = phr_parser_push(p, args->args, args->nargs,
                                 sizeof(phr_node_t *));
    if (args->args == NULL) {
        return p->rc;
    }

    args->args[args->nargs++] = arg;

    return PHR_OK;
}


static int
phr_parser_grouping(phr_parser_t *p, phr_node_aggregate_t *agg)
{
    phr_token_t  word;

    word = phr_parser_take(p);
    agg->without = word.kind == PHR_TOK_WITHOUT;

    return phr_parser_names(p, &agg->grouping);
}


static phr_node_t *
phr_parser_aggregate_node(phr_parser_t *p, const phr_token_t *op,
    const phr_node_aggregate_t *from, const phr_parser_args_t *args,
    int32_t end)
{
    size_t       i, wanted;
    phr_node_t  *node;

    if (args->nargs == 0) {
        (void) phr_parser_error(p, op->start, end, "no arguments for aggregate"
                                " expression provided");
        return NULL;
    }

    if ((op->kind == PHR_TOK_LIMITK || op->kind == PHR_TOK_LIMIT_RATIO)
        && !(p->flags & PHR_PROMQL_EXTENDED))
    {
        (void) phr_parser_error(p, op->start, end, "%s() is experimental and"
                                " must be enabled with --enable-feature=promql"
                                "-experimental-functions",
                                phr_token_text(op->kind));
        return NULL;
    }

    wanted = phr_token_takes_param(op->kind) ? 2 : 1;

    if (args->nargs != wanted) {
        (void) phr_parser_error(p, op->start, end, "wrong number of arguments"
                                " for aggregate expression provided, expected"
                                " %zu, got %zu", wanted, args->nargs);
        return NULL;
    }

    node = phr_parser_node(p, PHR_NODE_AGGREGATE, PHR_TYPE_VECTOR, op->start,
                           end);
    if (node == NULL) {
        return NULL;
    }

    for (i = 0; i < args->nargs; i++) {
        if (phr_parser_adopt(p, node, args->args[i]) != PHR_OK) {
            return NULL;
        }
    }

    node->u.aggregate = *from;
    node->u.aggregate.op = op->kind;
    node->u.aggregate.expr = args->args[wanted - 1];
    node->u.aggregate.param = wanted == 2 ? args->args[0] : NULL;

    return node;
}
