/*
 * Copyright (C) The Pharos Authors
 *
 * Check: what the language forbids although the grammar allows it: types,
 * numbers of arguments, matching between what are no vectors, selectors of
 * everything.  Nothing is evaluated.
 */

#include "promql/parser.h"

#include <stdlib.h>

#include "core/utf8.h"


static int phr_check_aggregate(phr_parser_t *p, phr_node_t *node);
static int phr_check_binary(phr_parser_t *p, phr_node_t *node);
static int phr_check_matching(phr_parser_t *p, phr_node_t *node);
static int phr_check_operand(phr_parser_t *p, const phr_node_t *operand);
static int phr_check_group_labels(phr_parser_t *p, const phr_node_t *node);
static int phr_check_cmp(const void *one, const void *two);
static int phr_check_operator(phr_parser_t *p, const phr_node_t *node,
    const char *text);
static int phr_check_call(phr_parser_t *p, phr_node_t *node);
static int phr_check_nargs(phr_parser_t *p, const phr_node_t *node);
static int phr_check_info(phr_parser_t *p, phr_node_t *node);
static int phr_check_unary(phr_parser_t *p, phr_node_t *node);
static int phr_check_subquery(phr_parser_t *p, phr_node_t *node);
static int phr_check_selector(phr_parser_t *p, phr_node_t *node);
static int phr_check_matchers(phr_parser_t *p, phr_node_t *node,
    const phr_matcher_t *matchers, size_t n);
static int phr_check_twice(phr_parser_t *p, phr_node_t *node,
    phr_str_t name);
static int phr_check_type(phr_parser_t *p, phr_node_t *node, phr_type_e want,
    const char *where);
static const char *phr_check_type_text(phr_type_e type);


int
phr_parser_check(phr_parser_t *p, phr_node_t *node)
{
    switch (node->kind) {

    case PHR_NODE_AGGREGATE:
        return phr_check_aggregate(p, node);

    case PHR_NODE_BINARY:
        return phr_check_binary(p, node);

    case PHR_NODE_CALL:
        return phr_check_call(p, node);

    case PHR_NODE_PAREN:
        return phr_parser_check(p, node->u.paren.expr);

    case PHR_NODE_UNARY:
        return phr_check_unary(p, node);

    case PHR_NODE_SUBQUERY:
        return phr_check_subquery(p, node);

    case PHR_NODE_MATRIX:
        return phr_check_selector(p, node->u.matrix.selector);

    case PHR_NODE_SELECTOR:
        return phr_check_selector(p, node);

    default:
        return PHR_OK;
    }
}


static int
phr_check_aggregate(phr_parser_t *p, phr_node_t *node)
{
    phr_node_aggregate_t  *agg;

    agg = &node->u.aggregate;

    if (phr_check_type(p, agg->expr, PHR_TYPE_VECTOR, "aggregation expression")
        != PHR_OK)
    {
        return p->rc;
    }

    if (agg->param == NULL) {
        return PHR_OK;
    }

    return phr_check_type(p, agg->param, agg->op == PHR_TOK_COUNT_VALUES
                                         ? PHR_TYPE_STRING : PHR_TYPE_SCALAR,
                          "aggregation parameter");
}


static int
phr_check_binary(phr_parser_t *p, phr_node_t *node)
{
    phr_node_binary_t  *b;

    b = &node->u.binary;

    if (phr_parser_check(p, b->lhs) != PHR_OK
        || phr_parser_check(p, b->rhs) != PHR_OK)
    {
        return p->rc;
    }

    if (b->is_bool && !phr_token_is_comparison(b->op)) {
        return phr_check_operator(p, node, "bool modifier can only be used on"
                                  " comparison operators");
    }

    if (phr_token_is_comparison(b->op) && !b->is_bool
        && b->lhs->type == PHR_TYPE_SCALAR && b->rhs->type == PHR_TYPE_SCALAR)
    {
        return phr_check_operator(p, node, "comparisons between scalars must"
                                  " use BOOL modifier");
    }

    if (phr_check_group_labels(p, node) != PHR_OK
        || phr_check_operand(p, b->lhs) != PHR_OK
        || phr_check_operand(p, b->rhs) != PHR_OK)
    {
        return p->rc;
    }

    return phr_check_matching(p, node);
}


static int
phr_check_matching(phr_parser_t *p, phr_node_t *node)
{
    int                 vectors, is_set, fills;
    phr_node_binary_t  *b;

    b = &node->u.binary;
    is_set = phr_token_is_set(b->op) || phr_token_is_dialect(b->op);
    fills = b->has_fill_lhs || b->has_fill_rhs;
    vectors = b->lhs->type == PHR_TYPE_VECTOR
              && b->rhs->type == PHR_TYPE_VECTOR;

    if (!vectors) {

        if (b->labels.n > 0) {
            return phr_parser_error(p, node->start, node->end, "vector"
                                    " matching only allowed between instant"
                                    " vectors");
        }

        if (fills) {
            return phr_parser_error(p, node->start, node->end, "filling in"
                                    " missing series only allowed between"
                                    " instant vectors");
        }

        if (is_set && !phr_token_is_dialect(b->op)) {
            return phr_parser_error(p, node->start, node->end, "set operator"
                                    " \"%s\" not allowed in binary scalar"
                                    " expression", phr_token_text(b->op));
        }

        /* "on ()" and the like mean nothing here */

        b->card = PHR_CARD_ONE_TO_ONE;
        b->on = 0;
        b->include.n = 0;

        return PHR_OK;
    }

    if (!is_set) {
        return PHR_OK;
    }

    if (b->card != PHR_CARD_ONE_TO_ONE) {
        return phr_parser_error(p, node->start, node->end, "no grouping"
                                " allowed for \"%s\" operation",
                                phr_token_text(b->op));
    }

    if (fills) {
        return phr_parser_error(p, node->start, node->end, "filling in missing"
                                " series not allowed for set operators");
    }

    b->card = PHR_CARD_MANY_TO_MANY;

    return PHR_OK;
}


static int
phr_check_operand(phr_parser_t *p, const phr_node_t *operand)
{
    if (operand->type == PHR_TYPE_SCALAR || operand->type == PHR_TYPE_VECTOR) {
        return PHR_OK;
    }

    return phr_parser_error(p, operand->start, operand->end, "binary"
                            " expression must contain only scalar and instant"
                            " vector types");
}


/* lists of labels can be long: one is sorted, the other looked up in it */

static int
phr_check_group_labels(phr_parser_t *p, const phr_node_t *node)
{
    size_t                    i, size;
    phr_buf_t                 b;
    phr_str_t                *sorted;
    const phr_node_binary_t  *m;

    m = &node->u.binary;

    if (!m->on || m->labels.n == 0 || m->include.n == 0) {
        return PHR_OK;
    }

    size = m->include.n * sizeof(phr_str_t);

    sorted = phr_arena_alloc(p->arena, size);
    if (sorted == NULL) {
        return phr_parser_no_memory(p);
    }

    memcpy(sorted, m->include.s, size);
    qsort(sorted, m->include.n, sizeof(phr_str_t), phr_check_cmp);

    for (i = 0; i < m->labels.n; i++) {

        if (bsearch(&m->labels.s[i], sorted, m->include.n, sizeof(phr_str_t),
                    phr_check_cmp)
            == NULL)
        {
            continue;
        }

        phr_buf_init(&b, 0);
        phr_buf_puts(&b, "label ");
        phr_utf8_quote(&b, m->labels.s[i]);
        phr_buf_puts(&b, " must not occur in ON and GROUP clause at once");

        if (b.failed != PHR_OK) {
            (void) phr_parser_no_memory(p);

        } else {
            (void) phr_check_operator(p, node, phr_buf_cstr(&b));
        }

        phr_buf_free(&b);

        return p->rc;
    }

    return PHR_OK;
}


static int
phr_check_cmp(const void *one, const void *two)
{
    return phr_str_cmp(*(const phr_str_t *) one, *(const phr_str_t *) two);
}


/* points at what stands between the operands */

static int
phr_check_operator(phr_parser_t *p, const phr_node_t *node, const char *text)
{
    int32_t      start, end;
    const char  *s;

    s = p->lexer.input.data;
    start = node->u.binary.lhs->end;
    end = node->u.binary.rhs->start;

    while (start < end && strchr(" \t\r\n", s[start]) != NULL) {
        start++;
    }

    while (end > start && strchr(" \t\r\n", s[end - 1]) != NULL) {
        end--;
    }

    return phr_parser_error(p, start, end, "%s", text);
}


static int
phr_check_call(phr_parser_t *p, phr_node_t *node)
{
    size_t            i;
    phr_node_t       *arg;
    phr_type_e        want;
    phr_node_call_t  *call;

    call = &node->u.call;

    if (phr_check_nargs(p, node) != PHR_OK) {
        return p->rc;
    }

    if (call->func->id == PHR_FUNC_info && call->nargs > 1
        && phr_check_info(p, node) != PHR_OK)
    {
        return p->rc;
    }

    for (i = 0; i < call->nargs; i++) {
        arg = call->args[i];
        want = phr_ast_func_arg(call->func, i);

        if (phr_parser_check(p, arg) != PHR_OK) {
            return p->rc;
        }

        if (arg->type != want) {
            return phr_parser_error(p, arg->start, arg->end, "expected type %s"
                                    " in call to function \"%s\", got %s",
                                    phr_check_type_text(want),
                                    call->func->name,
                                    phr_check_type_text(arg->type));
        }
    }

    return PHR_OK;
}


static int
phr_check_nargs(phr_parser_t *p, const phr_node_t *node)
{
    long               least, most, given;
    const char        *what;
    const phr_func_t  *func;

    func = node->u.call.func;
    given = (long) node->u.call.nargs;

    least = func->nargs;
    most = func->nargs;
    what = "";

    if (func->variadic != 0) {
        least--;
        most = func->variadic < 0 ? given : least + func->variadic;
        what = given < least ? "at least " : "at most ";
    }

    if (given >= least && given <= most) {
        return PHR_OK;
    }

    return phr_parser_error(p, node->start, node->end, "expected %s%ld"
                            " argument(s) in call to \"%s\", got %ld", what,
                            given < least ? least : most, func->name, given);
}


/* the second argument is no selector of series, only its matchers count */

static int
phr_check_info(phr_parser_t *p, phr_node_t *node)
{
    phr_node_t  *arg;

    arg = node->u.call.args[1];

    if (arg->type != PHR_TYPE_VECTOR) {
        return phr_parser_error(p, node->start, node->end, "expected type %s"
                                " in call to function \"info\", got %s",
                                phr_check_type_text(PHR_TYPE_VECTOR),
                                phr_check_type_text(arg->type));
    }

    if (arg->kind != PHR_NODE_SELECTOR) {
        return phr_parser_error(p, arg->start, arg->end,
                                "expected label selectors only");
    }

    if (arg->u.selector.name.len != 0) {
        return phr_parser_error(p, arg->start, arg->end, "expected label"
                                " selectors only, got vector selector"
                                " instead");
    }

    arg->u.selector.may_be_empty = 1;

    return PHR_OK;
}


static int
phr_check_unary(phr_parser_t *p, phr_node_t *node)
{
    phr_node_t  *expr;

    expr = node->u.unary.expr;

    if (phr_parser_check(p, expr) != PHR_OK) {
        return p->rc;
    }

    if (expr->type == PHR_TYPE_SCALAR || expr->type == PHR_TYPE_VECTOR) {
        return PHR_OK;
    }

    return phr_parser_error(p, node->start, node->end, "unary expression only"
                            " allowed on expressions of type scalar or instant"
                            " vector, got \"%s\"",
                            phr_check_type_text(expr->type));
}


static int
phr_check_subquery(phr_parser_t *p, phr_node_t *node)
{
    phr_node_t  *expr;

    expr = node->u.subquery.expr;

    if (phr_parser_check(p, expr) != PHR_OK) {
        return p->rc;
    }

    if (expr->type == PHR_TYPE_VECTOR) {
        return PHR_OK;
    }

    return phr_parser_error(p, node->start, node->end, "subquery is only"
                            " allowed on instant vector, got %s instead",
                            phr_type_text(expr->type));
}


static int
phr_check_selector(phr_parser_t *p, phr_node_t *node)
{
    size_t                i;
    phr_node_selector_t  *s;

    s = &node->u.selector;

    for (i = 0; i < s->nothers; i++) {
        if (phr_check_matchers(p, node, s->others[i].matchers, s->others[i].n)
            != PHR_OK)
        {
            return p->rc;
        }
    }

    return phr_check_matchers(p, node, s->matchers, s->nmatchers);
}


static int
phr_check_matchers(phr_parser_t *p, phr_node_t *node,
    const phr_matcher_t *matchers, size_t n)
{
    size_t                      i;
    const phr_node_selector_t  *s;

    s = &node->u.selector;

    if (s->name.len != 0) {

        /* the matcher of the name before the braces is the last one */

        for (i = 0; i + 1 < n; i++) {
            if (phr_str_eq(matchers[i].name, phr_str_of(PHR_METRIC_NAME))) {
                return phr_check_twice(p, node, matchers[i].value);
            }
        }

        return PHR_OK;
    }

    if (s->may_be_empty) {
        return PHR_OK;
    }

    for (i = 0; i < n; i++) {
        if (phr_matcher_matches(&matchers[i], phr_str_of("")) <= 0) {
            return PHR_OK;
        }
    }

    return phr_parser_error(p, node->start, node->end, "vector selector must"
                            " contain at least one non-empty matcher");
}


static int
phr_check_twice(phr_parser_t *p, phr_node_t *node, phr_str_t name)
{
    phr_buf_t  b;

    phr_buf_init(&b, 0);
    phr_buf_puts(&b, "metric name must not be set twice: ");
    phr_utf8_quote(&b, node->u.selector.name);
    phr_buf_puts(&b, " or ");

    if (b.failed != PHR_OK) {
        (void) phr_parser_no_memory(p);

    } else {
        (void) phr_parser_error_quoted(p, node->start, node->end,
                                       phr_buf_cstr(&b), name, "");
    }

    phr_buf_free(&b);

    return p->rc;
}


static int
phr_check_type(phr_parser_t *p, phr_node_t *node, phr_type_e want,
    const char *where)
{
    if (phr_parser_check(p, node) != PHR_OK) {
        return p->rc;
    }

    if (node->type == want) {
        return PHR_OK;
    }

    return phr_parser_error(p, node->start, node->end, "expected type %s in"
                            " %s, got %s", phr_check_type_text(want), where,
                            phr_check_type_text(node->type));
}


/* as the documentation names them */

static const char *
phr_check_type_text(phr_type_e type)
{
    switch (type) {

    case PHR_TYPE_VECTOR:
        return "instant vector";

    case PHR_TYPE_MATRIX:
        return "range vector";

    default:
        return phr_type_text(type);
    }
}
