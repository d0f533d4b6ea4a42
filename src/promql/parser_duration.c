/*
 * Copyright (C) The Pharos Authors
 *
 * Parser of durations: what stands in brackets and after "offset".
 *
 *   duration = number | duration operator duration | sign duration
 *            | "(" duration ")" | ("step" | "range") "(" ")"
 *            | ("min_of" | "max_of") "(" duration "," duration ")"
 *
 * Operators are + - * / % ^ with the usual strengths.  After "offset" an
 * operator ends a duration that is a single, perhaps signed, term, and goes
 * on with one that begins with "(" or two signs: "x offset 5m - 1" subtracts
 * from x, "x offset (5m) - 1" from the offset.
 */

#include "promql/dialect.h"


static phr_node_t *phr_parser_duration_expr(phr_parser_t *p,
    unsigned min_precedence);
static phr_node_t *phr_parser_duration_rest(phr_parser_t *p, phr_node_t *lhs,
    unsigned min_precedence);
static phr_node_t *phr_parser_duration_term(phr_parser_t *p);
static phr_node_t *phr_parser_duration_number(phr_parser_t *p);
static phr_node_t *phr_parser_duration_call(phr_parser_t *p);
static phr_node_t *phr_parser_duration_binary(phr_parser_t *p,
    phr_node_t *lhs, phr_node_t *rhs, const phr_token_t *op);
static phr_node_t *phr_parser_duration_paren(phr_parser_t *p, int check);
static phr_node_t *phr_parser_duration_sign(phr_parser_t *p,
    phr_node_t *operand, const phr_token_t *sign);
static phr_node_t *phr_parser_offset_signed(phr_parser_t *p);
static void phr_parser_offset_apart(phr_node_t *node);
static int phr_parser_duration_allowed(phr_parser_t *p,
    const phr_node_t *node);


/* in brackets: above zero, as far as one can tell by now */

phr_node_t *
phr_parser_duration(phr_parser_t *p)
{
    phr_node_t  *node;

    node = phr_parser_duration_expr(p, PHR_PREC_ANY);

    if (node != NULL && node->kind == PHR_NODE_NUMBER
        && node->u.number.value <= 0)
    {
        (void) phr_parser_error(p, node->start, node->end,
                                "duration must be greater than 0");
        return NULL;
    }

    return node;
}


phr_node_t *
phr_parser_offset_duration(phr_parser_t *p)
{
    phr_node_t  *node;

    switch (phr_parser_peek(p)) {

    case PHR_TOK_ADD:
    case PHR_TOK_SUB:
        return phr_parser_offset_signed(p);

    case PHR_TOK_LEFT_PAREN:
        return phr_parser_duration_expr(p, PHR_PREC_ANY);

    default:
        node = phr_parser_duration_term(p);
        phr_parser_offset_apart(node);

        return node;
    }
}


/* of what is in parentheses, an operator after it would be part */

static void
phr_parser_offset_apart(phr_node_t *node)
{
    if (node != NULL && node->kind == PHR_NODE_DURATION) {
        node->u.duration.apart = node->u.duration.wrapped;
    }
}


static phr_node_t *
phr_parser_offset_signed(phr_parser_t *p)
{
    phr_node_t   *node, *operand;
    phr_token_e   next;
    phr_token_t   sign;

    sign = phr_parser_take(p);
    next = phr_parser_peek(p);

    if (next == PHR_TOK_ADD || next == PHR_TOK_SUB) {
        operand = phr_parser_duration_expr(p, PHR_PREC_POW);
        operand = phr_parser_duration_sign(p, operand, &sign);
        node = phr_parser_duration_rest(p, operand, PHR_PREC_ANY);

        /* is printed without the signs that made it one */

        if (node != NULL && node != operand) {
            node->u.duration.wrapped = 1;
        }

        return node;
    }

    if (next == PHR_TOK_LEFT_PAREN) {
        operand = phr_parser_duration_paren(p, 0);

        if (sign.kind == PHR_TOK_ADD) {
            phr_parser_offset_apart(operand);
        }

        return phr_parser_duration_sign(p, operand, &sign);
    }

    operand = phr_parser_duration_term(p);

    if (operand == NULL || operand->kind == PHR_NODE_NUMBER) {
        return phr_parser_duration_sign(p, operand, &sign);
    }

    if (sign.kind == PHR_TOK_ADD) {
        phr_parser_offset_apart(operand);
    }

    node = phr_parser_duration_node(p, sign.kind, NULL, operand, sign.start,
                                    operand->end);
    if (node == NULL || phr_parser_duration_allowed(p, node) != PHR_OK) {
        return NULL;
    }

    return node;
}


static phr_node_t *
phr_parser_duration_expr(phr_parser_t *p, unsigned min_precedence)
{
    phr_node_t   *lhs;
    phr_token_t   sign;

    if (phr_parser_enter(p) != PHR_OK) {
        return NULL;
    }

    switch (phr_parser_peek(p)) {

    case PHR_TOK_ADD:
    case PHR_TOK_SUB:
        sign = phr_parser_take(p);
        lhs = phr_parser_duration_expr(p, PHR_PREC_POW);
        lhs = phr_parser_duration_sign(p, lhs, &sign);
        break;

    case PHR_TOK_LEFT_PAREN:
        lhs = phr_parser_duration_paren(p, 1);
        break;

    default:
        lhs = phr_parser_duration_term(p);
        break;
    }

    lhs = phr_parser_duration_rest(p, lhs, min_precedence);

    phr_parser_leave(p);

    return lhs;
}


/* the operators after a first operand, which may be NULL after an error */

static phr_node_t *
phr_parser_duration_rest(phr_parser_t *p, phr_node_t *lhs,
    unsigned min_precedence)
{
    unsigned      precedence;
    phr_node_t   *rhs;
    phr_token_e   t;
    phr_token_t   op;

    while (lhs != NULL) {
        t = phr_parser_peek(p);

        if (t == PHR_TOK_ERROR) {
            return NULL;
        }

        precedence = phr_parser_precedence(t);

        if (precedence < min_precedence
            || phr_token_class(t) != PHR_TOKC_ARITH || t == PHR_TOK_ATAN2
            || t == PHR_TOK_TRIM_UPPER || t == PHR_TOK_TRIM_LOWER)
        {
            return lhs;
        }

        op = phr_parser_take(p);

        rhs = phr_parser_duration_expr(p, t == PHR_TOK_POW ? precedence
                                                           : precedence + 1);
        if (rhs == NULL) {
            return NULL;
        }

        lhs = phr_parser_duration_binary(p, lhs, rhs, &op);
    }

    return NULL;
}


static phr_node_t *
phr_parser_duration_term(phr_parser_t *p)
{
    switch (phr_parser_peek(p)) {

    case PHR_TOK_STEP:
    case PHR_TOK_RANGE:
    case PHR_TOK_MIN_OF:
    case PHR_TOK_MAX_OF:
        return phr_parser_duration_call(p);

    default:
        return phr_parser_duration_number(p);
    }
}


static phr_node_t *
phr_parser_duration_number(phr_parser_t *p)
{
    phr_node_t  *node;

    if (phr_parser_dialect(p)) {
        node = phr_dialect_duration(p);

        if (node != NULL || p->rc != PHR_OK) {
            return node;
        }
    }

    node = phr_parser_number(p);

    /* NaN is refused too */

    if (node != NULL && !(node->u.number.value <= PHR_AST_MAX_DURATION_S)) {
        (void) phr_parser_error(p, node->start, node->end,
                                "duration out of range");
        return NULL;
    }

    return node;
}


static phr_node_t *
phr_parser_duration_call(phr_parser_t *p)
{
    phr_node_t   *node, *lhs, *rhs;
    phr_token_t   op, close;

    op = phr_parser_take(p);

    if (phr_parser_expect(p, PHR_TOK_LEFT_PAREN, NULL) != PHR_OK) {
        return NULL;
    }

    lhs = NULL;
    rhs = NULL;

    if (op.kind == PHR_TOK_MIN_OF || op.kind == PHR_TOK_MAX_OF) {
        lhs = phr_parser_duration_expr(p, PHR_PREC_ANY);

        if (lhs == NULL
            || phr_parser_expect(p, PHR_TOK_COMMA, NULL) != PHR_OK)
        {
            return NULL;
        }

        rhs = phr_parser_duration_expr(p, PHR_PREC_ANY);
        if (rhs == NULL) {
            return NULL;
        }
    }

    if (phr_parser_expect(p, PHR_TOK_RIGHT_PAREN, &close) != PHR_OK) {
        return NULL;
    }

    node = phr_parser_duration_node(p, op.kind, lhs, rhs, op.start,
                                    close.end);
    if (node == NULL || phr_parser_duration_allowed(p, node) != PHR_OK) {
        return NULL;
    }

    return node;
}


static phr_node_t *
phr_parser_duration_binary(phr_parser_t *p, phr_node_t *lhs, phr_node_t *rhs,
    const phr_token_t *op)
{
    if (phr_parser_duration_allowed(p, lhs) != PHR_OK) {
        return NULL;
    }

    if ((op->kind == PHR_TOK_DIV || op->kind == PHR_TOK_MOD)
        && rhs->kind == PHR_NODE_NUMBER && rhs->u.number.value == 0)
    {
        (void) phr_parser_error(p, op->start, op->end, "%s by zero",
                                op->kind == PHR_TOK_DIV ? "division"
                                                        : "modulo");
        return NULL;
    }

    return phr_parser_duration_node(p, op->kind, lhs, rhs, lhs->start,
                                    rhs->end);
}


/* a number gets a node around it, so that it is printed in parentheses */

static phr_node_t *
phr_parser_duration_paren(phr_parser_t *p, int check)
{
    phr_node_t   *node;
    phr_token_t   open, close;

    open = phr_parser_take(p);

    node = phr_parser_duration_expr(p, PHR_PREC_ANY);

    if (node == NULL
        || phr_parser_expect(p, PHR_TOK_RIGHT_PAREN, &close) != PHR_OK
        || (check && phr_parser_duration_allowed(p, node) != PHR_OK))
    {
        return NULL;
    }

    if (node->kind == PHR_NODE_NUMBER) {
        node = phr_parser_duration_node(p, PHR_TOK_ADD, NULL, node,
                                        open.start, close.end);
        if (node == NULL) {
            return NULL;
        }
    }

    node->u.duration.wrapped = 1;

    return node;
}


/* the operand may be NULL after an error */

static phr_node_t *
phr_parser_duration_sign(phr_parser_t *p, phr_node_t *operand,
    const phr_token_t *sign)
{
    if (operand == NULL) {
        return NULL;
    }

    if (operand->kind == PHR_NODE_NUMBER) {
        operand->start = sign->start;

        if (sign->kind == PHR_TOK_SUB) {
            operand->u.number.value *= -1;
        }

        return operand;
    }

    if (sign->kind == PHR_TOK_ADD) {
        return operand;
    }

    return phr_parser_duration_node(p, PHR_TOK_SUB, NULL, operand,
                                    sign->start, operand->end);
}


phr_node_t *
phr_parser_duration_node(phr_parser_t *p, phr_token_e op, phr_node_t *lhs,
    phr_node_t *rhs, int32_t start, int32_t end)
{
    phr_node_t  *node;

    node = phr_parser_node(p, PHR_NODE_DURATION, PHR_TYPE_SCALAR, start, end);

    if (node == NULL
        || (lhs != NULL && phr_parser_adopt(p, node, lhs) != PHR_OK)
        || (rhs != NULL && phr_parser_adopt(p, node, rhs) != PHR_OK))
    {
        return NULL;
    }

    node->u.duration.op = op;
    node->u.duration.lhs = lhs;
    node->u.duration.rhs = rhs;

    return node;
}


static int
phr_parser_duration_allowed(phr_parser_t *p, const phr_node_t *node)
{
    if (p->flags & PHR_PROMQL_EXTENDED) {
        return PHR_OK;
    }

    return phr_parser_error(p, node->start, node->end, "experimental duration"
                            " expression is not enabled");
}
