/*
 * Copyright (C) The Pharos Authors
 *
 * AST: what can be said of a tree without evaluating it: types, operands,
 * functions by name, the value of duration expressions.
 */

#include "promql/ast.h"

#include <math.h>
#include <stdlib.h>


static int phr_ast_func_cmp(const void *key, const void *func);
static double phr_ast_seconds(const phr_node_t *node, double step_s,
    double range_s, const phr_node_t **zero);


static const phr_func_t  phr_funcs[] = {
#define PHR_FUNCTION(name, impl, args, variadic, returns, experimental)       \
    { #name, PHR_FUNC_##name, args, sizeof(args) - 1, variadic, experimental, \
      PHR_TYPE_##returns },
#include "promql/function_list.h"
};


const phr_func_t *
phr_ast_func(phr_str_t name)
{
    return bsearch(&name, phr_funcs, phr_nelems(phr_funcs),
                   sizeof(phr_func_t), phr_ast_func_cmp);
}


static int
phr_ast_func_cmp(const void *key, const void *func)
{
    const phr_func_t  *f = func;

    return phr_str_cmp(*(const phr_str_t *) key, phr_str_from_c(f->name));
}


phr_type_e
phr_ast_func_arg(const phr_func_t *func, size_t i)
{
    if (func->nargs == 0) {
        return PHR_TYPE_NONE;
    }

    switch (func->args[phr_min(i, (size_t) func->nargs - 1)]) {

    case 'v':
        return PHR_TYPE_VECTOR;

    case 'm':
        return PHR_TYPE_MATRIX;

    case 's':
        return PHR_TYPE_SCALAR;

    default:
        return PHR_TYPE_STRING;
    }
}


phr_type_e
phr_promql_type(const phr_node_t *node)
{
    return node->type;
}


const char *
phr_type_text(phr_type_e type)
{
    static const char *const  text[] = {
        "none", "scalar", "string", "vector", "matrix",
    };

    return text[type];
}


phr_node_t *
phr_ast_child(const phr_node_t *node, size_t i)
{
    switch (node->kind) {

    case PHR_NODE_MATRIX:
        return i == 0 ? node->u.matrix.selector : NULL;

    case PHR_NODE_SUBQUERY:
        return i == 0 ? node->u.subquery.expr : NULL;

    case PHR_NODE_UNARY:
        return i == 0 ? node->u.unary.expr : NULL;

    case PHR_NODE_PAREN:
        return i == 0 ? node->u.paren.expr : NULL;

    case PHR_NODE_BINARY:
        return i == 0 ? node->u.binary.lhs
               : i == 1 ? node->u.binary.rhs : NULL;

    case PHR_NODE_AGGREGATE:
        if (node->u.aggregate.param == NULL) {
            i++;
        }

        return i == 0 ? node->u.aggregate.param
               : i == 1 ? node->u.aggregate.expr : NULL;

    case PHR_NODE_CALL:
        return i < node->u.call.nargs ? node->u.call.args[i] : NULL;

    default:
        return NULL;
    }
}


const phr_node_t *
phr_ast_unparen(const phr_node_t *node)
{
    while (node->kind == PHR_NODE_PAREN) {
        node = node->u.paren.expr;
    }

    return node;
}


void
phr_promql_destroy(phr_node_t *node)
{
    size_t              i, j;
    phr_node_t         *child;
    phr_alternative_t  *other;

    if (node == NULL) {
        return;
    }

    if (node->kind == PHR_NODE_SELECTOR) {
        for (i = 0; i < node->u.selector.nmatchers; i++) {
            phr_matcher_destroy(&node->u.selector.matchers[i]);
        }

        for (i = 0; i < node->u.selector.nothers; i++) {
            other = &node->u.selector.others[i];

            for (j = 0; j < other->n; j++) {
                phr_matcher_destroy(&other->matchers[j]);
            }
        }

        node->u.selector.nmatchers = 0;
        node->u.selector.nothers = 0;
        return;
    }

    for (i = 0; (child = phr_ast_child(node, i)) != NULL; i++) {
        phr_promql_destroy(child);
    }
}


int
phr_ast_duration(const phr_node_t *duration, int64_t step_ms,
    int64_t range_ms, int positive, int64_t *ms, phr_err_t *err)
{
    double             v;
    const char        *what;
    const phr_node_t  *zero, *at;

    zero = NULL;
    v = phr_ast_seconds(duration, (double) step_ms / 1000,
                        (double) range_ms / 1000, &zero);

    at = duration;

    if (zero != NULL) {
        at = zero;
        what = zero->u.duration.op == PHR_TOK_DIV ? "division by zero"
                                                  : "modulo by zero";

    } else if (!isfinite(v)) {
        what = "duration is NaN or infinite";

    } else if (v <= 0 && positive) {
        what = "duration must be greater than 0";

    } else if (fabs(v) > PHR_AST_MAX_DURATION_S) {
        what = "duration is out of range";

    } else {
        *ms = (int64_t) (v * 1000);
        return PHR_OK;
    }

    return phr_err_at(err, PHR_EEXEC, at->start, at->end, "%d:%d: %s",
                      (int) at->start, (int) at->end, what);
}


/* *zero becomes the node that divides by zero, the first one met */

static double
phr_ast_seconds(const phr_node_t *node, double step_s, double range_s,
    const phr_node_t **zero)
{
    double                      l, r;
    const phr_node_duration_t  *d;

    if (node->kind == PHR_NODE_NUMBER) {
        return node->u.number.value;
    }

    d = &node->u.duration;
    l = d->lhs ? phr_ast_seconds(d->lhs, step_s, range_s, zero) : 0;
    r = d->rhs ? phr_ast_seconds(d->rhs, step_s, range_s, zero) : 0;

    switch (d->op) {

    case PHR_TOK_STEP:
        return step_s;

    case PHR_TOK_RANGE:
        return range_s;

    case PHR_TOK_MIN_OF:
        return (isnan(l) || isnan(r)) ? NAN : phr_min(l, r);

    case PHR_TOK_MAX_OF:
        return (isnan(l) || isnan(r)) ? NAN : phr_max(l, r);

    case PHR_TOK_ADD:
        return l + r;

    case PHR_TOK_SUB:
        return l - r;

    case PHR_TOK_MUL:
        return l * r;

    case PHR_TOK_POW:
        return pow(l, r);

    default:
        if (r == 0 && *zero == NULL) {
            *zero = node;
        }

        return d->op == PHR_TOK_DIV ? l / r : fmod(l, r);
    }
}
