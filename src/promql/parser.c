/*
 * Copyright (C) The Pharos Authors
 *
 * Parser: tokens to a tree, by recursive descent, with precedence climbing
 * for binary operators.  It stops at the first error.  What only the whole
 * tree shows (types, arity) is left to check.c.
 *
 *   expr       = unary { operator modifiers unary }
 *   unary      = ("+" | "-") expr-of-power | postfix
 *   postfix    = primary { "[" duration [ ":" [ duration ] ] "]"
 *                        | "offset" duration | "@" time
 *                        | "anchored" | "smoothed" }
 *   primary    = number | duration | string | selector | "(" expr ")"
 *              | name arguments | aggregation
 *   aggregation = op [ grouping ] arguments | op arguments grouping
 *   grouping   = ("by" | "without") names
 *   arguments  = "(" [ expr { "," expr } ] ")"
 *   modifiers  = [ "bool" ] [ ("on" | "ignoring") names
 *                [ ("group_left" | "group_right") [ names ] ] ] [ fill ]
 *   fill       = "fill" value | "fill_left" value [ "fill_right" value ]
 *              | "fill_right" value [ "fill_left" value ]
 *
 * Operators from weak to strong: or; and unless; comparisons and trims;
 * + -; * / % atan2; ^ (from the right).  A sign is as strong as "*".  What
 * MetricsQL has besides is in dialect_parse.c and dialect_with.c.
 */

#include "promql/parser.h"
#include "promql/dialect.h"


static int phr_parser_run(phr_parser_t *p, phr_str_t text, phr_node_t **node);
static phr_node_t *phr_parser_binary(phr_parser_t *p, phr_node_t *lhs,
    phr_token_e op);
static int phr_parser_matching(phr_parser_t *p, phr_node_binary_t *m);
static int phr_parser_fill(phr_parser_t *p, phr_node_binary_t *m);
static int phr_parser_fill_value(phr_parser_t *p, double *v, uint8_t *has);
static phr_node_t *phr_parser_unary(phr_parser_t *p);
static phr_node_t *phr_parser_sign(phr_parser_t *p);
static phr_node_t *phr_parser_primary(phr_parser_t *p);
static phr_node_t *phr_parser_named(phr_parser_t *p);
static int phr_parser_is_metric_name(phr_token_e t);
static phr_node_t *phr_parser_paren(phr_parser_t *p);


int
phr_promql_parse(phr_arena_t *arena, phr_str_t text, unsigned flags,
    phr_matching_t *matching, phr_node_t **node, phr_err_t *err)
{
    phr_parser_t    p;
    phr_matching_t  alone;

    memset(&alone, 0, sizeof(alone));
    memset(&p, 0, sizeof(p));
    p.arena = arena;
    p.err = err;
    p.flags = flags;
    p.matching = matching ? matching : &alone;

    *node = NULL;

    if (phr_parser_run(&p, text, node) == PHR_OK
        && phr_parser_check(&p, *node) == PHR_OK)
    {
        (*node)->id = p.next_id;
        return PHR_OK;
    }

    phr_parser_free_made(&p);
    *node = NULL;

    return p.rc;
}


static int
phr_parser_run(phr_parser_t *p, phr_str_t text, phr_node_t **node)
{
    if (text.len > PHR_AST_MAX_TEXT) {
        p->rc = phr_err_set(p->err, PHR_EPARSE, "parse error: expression of"
                            " %zu bytes is longer than %d", text.len,
                            PHR_AST_MAX_TEXT);
        return p->rc;
    }

    phr_lexer_init(&p->lexer, text);
    p->lexer.dialect = phr_parser_dialect(p);

    if (phr_parser_peek(p) == PHR_TOK_EOF) {
        return phr_parser_error(p, 0, 0, "no expression found in input");
    }

    *node = phr_parser_expr(p, PHR_PREC_ANY);
    if (*node == NULL) {
        return p->rc;
    }

    return phr_parser_expect(p, PHR_TOK_EOF, NULL);
}


int
phr_promql_parse_selector(phr_arena_t *arena, phr_str_t text,
    phr_matching_t *matching, phr_matcher_t **m, size_t *n, phr_err_t *err)
{
    phr_node_t     *node;
    phr_token_t     name;
    phr_parser_t    p;
    phr_matching_t  alone;

    memset(&alone, 0, sizeof(alone));
    memset(&p, 0, sizeof(p));
    p.arena = arena;
    p.err = err;
    p.matching = matching ? matching : &alone;

    *m = NULL;
    *n = 0;

    if (text.len > PHR_AST_MAX_TEXT) {
        return phr_err_set(err, PHR_EPARSE, "parse error: selector of %zu"
                           " bytes is longer than %d", text.len,
                           PHR_AST_MAX_TEXT);
    }

    phr_lexer_init(&p.lexer, text);

    node = NULL;

    if (phr_parser_peek(&p) == PHR_TOK_LEFT_BRACE) {
        node = phr_parser_selector(&p, NULL);

    } else if (phr_parser_is_metric_name(phr_parser_peek(&p))) {
        name = phr_parser_take(&p);
        node = phr_parser_selector(&p, &name);

    } else {
        (void) phr_parser_unexpected(&p);
    }

    if (node != NULL && phr_parser_expect(&p, PHR_TOK_EOF, NULL) == PHR_OK) {
        *m = node->u.selector.matchers;
        *n = node->u.selector.nmatchers;
        return PHR_OK;
    }

    phr_parser_free_made(&p);

    return p.rc;
}


unsigned
phr_parser_precedence(phr_token_e op)
{
    switch (op) {

    case PHR_TOK_DEFAULT:
        return PHR_PREC_ANY;

    case PHR_TOK_IF:
    case PHR_TOK_IFNOT:
        return PHR_PREC_IF;

    case PHR_TOK_LOR:
        return PHR_PREC_OR;

    case PHR_TOK_LAND:
    case PHR_TOK_LUNLESS:
        return PHR_PREC_AND;

    case PHR_TOK_TRIM_UPPER:
    case PHR_TOK_TRIM_LOWER:
        return PHR_PREC_CMP;

    case PHR_TOK_ADD:
    case PHR_TOK_SUB:
        return PHR_PREC_ADD;

    case PHR_TOK_MUL:
    case PHR_TOK_DIV:
    case PHR_TOK_MOD:
    case PHR_TOK_ATAN2:
        return PHR_PREC_MUL;

    case PHR_TOK_POW:
        return PHR_PREC_POW;

    default:
        return phr_token_is_comparison(op) ? PHR_PREC_CMP : 0;
    }
}


/* takes operators that bind at least so strongly */

phr_node_t *
phr_parser_expr(phr_parser_t *p, unsigned min_precedence)
{
    unsigned      precedence;
    phr_token_e   op;
    phr_node_t   *lhs;

    lhs = phr_parser_unary(p);

    while (lhs != NULL) {
        op = phr_parser_peek(p);

        if (op == PHR_TOK_ERROR) {
            return NULL;
        }

        if (op == PHR_TOK_IDENTIFIER && phr_parser_dialect(p)) {
            op = phr_dialect_operator(p);
        }

        precedence = phr_parser_precedence(op);

        if (precedence == 0 || precedence < min_precedence) {
            return lhs;
        }

        (void) phr_parser_take(p);

        lhs = phr_parser_binary(p, lhs, op);
    }

    return NULL;
}


static phr_node_t *
phr_parser_binary(phr_parser_t *p, phr_node_t *lhs, phr_token_e op)
{
    unsigned            precedence;
    phr_node_t         *node, *rhs;
    phr_node_binary_t   b;

    memset(&b, 0, sizeof(b));

    if (phr_parser_matching(p, &b) != PHR_OK) {
        return NULL;
    }

    precedence = phr_parser_precedence(op);

    rhs = phr_parser_expr(p, op == PHR_TOK_POW ? precedence : precedence + 1);
    if (rhs == NULL) {
        return NULL;
    }

    if ((b.has_fill_lhs || b.has_fill_rhs)
        && !(p->flags & PHR_PROMQL_EXTENDED))
    {
        (void) phr_parser_error(p, lhs->start, rhs->end, "binop fill modifiers"
                                " are experimental and not enabled");
        return NULL;
    }

    node = phr_parser_node(p, PHR_NODE_BINARY, PHR_TYPE_VECTOR, lhs->start,
                           rhs->end);
    if (node == NULL
        || phr_parser_adopt(p, node, lhs) != PHR_OK
        || phr_parser_adopt(p, node, rhs) != PHR_OK)
    {
        return NULL;
    }

    b.op = op;
    b.lhs = lhs;
    b.rhs = rhs;
    node->u.binary = b;

    if (lhs->type == PHR_TYPE_SCALAR && rhs->type == PHR_TYPE_SCALAR) {
        node->type = PHR_TYPE_SCALAR;
    }

    return node;
}


static int
phr_parser_matching(phr_parser_t *p, phr_node_binary_t *m)
{
    phr_token_e  t;

    if (phr_parser_peek(p) == PHR_TOK_BOOL) {
        (void) phr_parser_take(p);
        m->is_bool = 1;
    }

    t = phr_parser_peek(p);

    if (t == PHR_TOK_ON || t == PHR_TOK_IGNORING) {
        (void) phr_parser_take(p);
        m->on = t == PHR_TOK_ON;

        if (phr_parser_names(p, &m->labels) != PHR_OK) {
            return p->rc;
        }

        t = phr_parser_peek(p);

        if (t == PHR_TOK_GROUP_LEFT || t == PHR_TOK_GROUP_RIGHT) {
            (void) phr_parser_take(p);
            m->card = t == PHR_TOK_GROUP_LEFT ? PHR_CARD_MANY_TO_ONE
                                              : PHR_CARD_ONE_TO_MANY;

            t = phr_parser_peek(p);

            if ((t == PHR_TOK_LEFT_PAREN || !phr_parser_starts_expr(t))
                && phr_parser_names(p, &m->include) != PHR_OK)
            {
                return p->rc;
            }
        }
    }

    return phr_parser_fill(p, m);
}


static int
phr_parser_fill(phr_parser_t *p, phr_node_binary_t *m)
{
    int          left, i;
    phr_token_e  t;

    if (phr_parser_peek(p) == PHR_TOK_FILL) {
        (void) phr_parser_take(p);

        if (phr_parser_fill_value(p, &m->fill_lhs, &m->has_fill_lhs)
            != PHR_OK)
        {
            return p->rc;
        }

        m->fill_rhs = m->fill_lhs;
        m->has_fill_rhs = 1;

        return PHR_OK;
    }

    /* one of two sides, or both in any order */

    for (i = 0; i < 2; i++) {
        t = phr_parser_peek(p);
        left = t == PHR_TOK_FILL_LEFT;

        if ((!left && t != PHR_TOK_FILL_RIGHT)
            || (left ? m->has_fill_lhs : m->has_fill_rhs))
        {
            break;
        }

        (void) phr_parser_take(p);

        if (phr_parser_fill_value(p, left ? &m->fill_lhs : &m->fill_rhs,
                                  left ? &m->has_fill_lhs : &m->has_fill_rhs)
            != PHR_OK)
        {
            return p->rc;
        }
    }

    return p->rc;
}


static int
phr_parser_fill_value(phr_parser_t *p, double *v, uint8_t *has)
{
    phr_token_e   t;
    phr_node_t   *number;

    if (phr_parser_expect(p, PHR_TOK_LEFT_PAREN, NULL) != PHR_OK) {
        return p->rc;
    }

    t = phr_parser_peek(p);

    if (t == PHR_TOK_ADD || t == PHR_TOK_SUB) {
        (void) phr_parser_take(p);
    }

    number = phr_parser_number(p);

    if (number == NULL
        || phr_parser_expect(p, PHR_TOK_RIGHT_PAREN, NULL) != PHR_OK)
    {
        return p->rc;
    }

    *v = number->u.number.value * (t == PHR_TOK_SUB ? -1 : 1);
    *has = 1;

    return PHR_OK;
}


static phr_node_t *
phr_parser_unary(phr_parser_t *p)
{
    phr_node_t   *node;
    phr_token_e   t;

    if (phr_parser_enter(p) != PHR_OK) {
        return NULL;
    }

    t = phr_parser_peek(p);

    if (t == PHR_TOK_ADD || t == PHR_TOK_SUB) {
        node = phr_parser_sign(p);

    } else {
        node = phr_parser_primary(p);

        if (node != NULL) {
            node = phr_parser_modifiers(p, node);
        }
    }

    phr_parser_leave(p);

    return node;
}


static phr_node_t *
phr_parser_sign(phr_parser_t *p)
{
    phr_node_t   *node, *operand;
    phr_token_t   sign;

    sign = phr_parser_take(p);

    operand = phr_parser_expr(p, PHR_PREC_POW);
    if (operand == NULL) {
        return NULL;
    }

    if (operand->kind == PHR_NODE_NUMBER) {
        operand->start = sign.start;

        if (sign.kind == PHR_TOK_SUB) {
            operand->u.number.value *= -1;
        }

        return operand;
    }

    node = phr_parser_node(p, PHR_NODE_UNARY, operand->type, sign.start,
                           operand->end);
    if (node == NULL || phr_parser_adopt(p, node, operand) != PHR_OK) {
        return NULL;
    }

    node->u.unary.op = sign.kind;
    node->u.unary.expr = operand;

    return node;
}


static phr_node_t *
phr_parser_primary(phr_parser_t *p)
{
    switch (phr_parser_peek(p)) {

    case PHR_TOK_NUMBER:
    case PHR_TOK_DURATION:
        return phr_parser_number(p);

    case PHR_TOK_STRING:
        return phr_parser_string(p);

    case PHR_TOK_LEFT_PAREN:
        return phr_parser_paren(p);

    case PHR_TOK_LEFT_BRACE:
        return phr_parser_selector(p, NULL);

    default:
        if (phr_parser_is_metric_name(phr_parser_peek(p))) {
            return phr_parser_named(p);
        }

        (void) phr_parser_unexpected(p);
        return NULL;
    }
}


/* what begins with a word: only the next token tells what it is */

static phr_node_t *
phr_parser_named(phr_parser_t *p)
{
    phr_node_t   *node;
    phr_token_e   next;
    phr_token_t   name;

    name = phr_parser_take(p);
    next = phr_parser_peek(p);

    if (next == PHR_TOK_ERROR) {
        return NULL;
    }

    if (name.kind == PHR_TOK_IDENTIFIER && phr_parser_dialect(p)) {
        if (phr_dialect_named(p, &name, &node)) {
            return node;
        }
    }

    if (phr_token_is_aggregation(name.kind)) {

        if (next == PHR_TOK_LEFT_PAREN || next == PHR_TOK_BY
            || next == PHR_TOK_WITHOUT)
        {
            return phr_parser_aggregation(p, &name);
        }

    } else if (next == PHR_TOK_LEFT_PAREN
               && (name.kind == PHR_TOK_IDENTIFIER
                   || phr_token_class(name.kind) == PHR_TOKC_PREPROCESSOR))
    {
        return phr_parser_call(p, &name);
    }

    return phr_parser_selector(p, &name);
}


/* most keywords may name a metric; those that follow operators may not */

static int
phr_parser_is_metric_name(phr_token_e t)
{
    switch (t) {

    case PHR_TOK_IDENTIFIER:
    case PHR_TOK_METRIC_IDENTIFIER:
        return 1;

    case PHR_TOK_BOOL:
    case PHR_TOK_GROUP_LEFT:
    case PHR_TOK_GROUP_RIGHT:
    case PHR_TOK_IGNORING:
    case PHR_TOK_ON:
        return 0;

    default:
        return phr_token_is_word(t);
    }
}


int
phr_parser_starts_expr(phr_token_e t)
{
    switch (t) {

    case PHR_TOK_NUMBER:
    case PHR_TOK_DURATION:
    case PHR_TOK_STRING:
    case PHR_TOK_LEFT_PAREN:
    case PHR_TOK_LEFT_BRACE:
    case PHR_TOK_ADD:
    case PHR_TOK_SUB:
        return 1;

    default:
        return phr_parser_is_metric_name(t);
    }
}


static phr_node_t *
phr_parser_paren(phr_parser_t *p)
{
    phr_node_t   *node, *expr;
    phr_token_t   open, close;

    open = phr_parser_take(p);

    expr = phr_parser_expr(p, PHR_PREC_ANY);

    if (expr != NULL && phr_parser_dialect(p)
        && phr_parser_peek(p) == PHR_TOK_COMMA)
    {
        return phr_dialect_union(p, &open, expr);
    }

    if (expr == NULL
        || phr_parser_expect(p, PHR_TOK_RIGHT_PAREN, &close) != PHR_OK)
    {
        return NULL;
    }

    node = phr_parser_node(p, PHR_NODE_PAREN, expr->type, open.start,
                           close.end);
    if (node == NULL || phr_parser_adopt(p, node, expr) != PHR_OK) {
        return NULL;
    }

    node->u.paren.expr = expr;

    return node;
}
