/*
 * Copyright (C) The Pharos Authors
 *
 * Syntax of MetricsQL that PromQL does not have, but for numbers and WITH:
 * words where a name has no meaning, and arguments of other types than
 * functions take.
 *
 *   expr        = expr ("default" | "if" | "ifnot") modifiers expr
 *   primary     = "(" expr { "," expr } ")"
 *   postfix     = (call | "(" expr ")") "keep_metric_names"
 *   aggregation = ... [ "limit" number ]
 *   matchers    = "{" matcher { ("," | "or") matcher } "}"
 *
 * A range function takes an expression without a range, whose range is the
 * step then; what takes a vector takes a scalar, too.
 */

#include "promql/dialect.h"

#include <math.h>
#include <strings.h>


static int phr_dialect_is_word(phr_parser_t *p, const char *word);
static const phr_func_t *phr_dialect_zoned(const phr_func_t *func);
static phr_node_t *phr_dialect_vector(phr_parser_t *p, phr_node_t *node);
static phr_node_t *phr_dialect_window(phr_parser_t *p, phr_node_t *node);
static phr_node_t *phr_dialect_union_node(phr_parser_t *p,
    phr_parser_args_t *args, int32_t start, int32_t end);
static int phr_dialect_limit(phr_parser_t *p, phr_node_aggregate_t *agg);


/* parts of the date in a time zone: the functions of the date, otherwise */
static const phr_func_t  phr_dialect_zoned_funcs[] = {
#define PHR_ZONED(name)                                                       \
    { #name, PHR_FUNC_##name, "vt", 2, 0, PHR_FUNC_METRICSQL, PHR_TYPE_VECTOR }
    PHR_ZONED(day_of_month),
    PHR_ZONED(day_of_week),
    PHR_ZONED(day_of_year),
    PHR_ZONED(days_in_month),
    PHR_ZONED(hour),
    PHR_ZONED(minute),
    PHR_ZONED(month),
    PHR_ZONED(year),
};


static int
phr_dialect_is_word(phr_parser_t *p, const char *word)
{
    return phr_parser_peek(p) == PHR_TOK_IDENTIFIER
           && p->token.text.len == strlen(word)
           && strncasecmp(p->token.text.data, word, p->token.text.len) == 0;
}


phr_token_e
phr_dialect_operator(phr_parser_t *p)
{
    phr_token_e  t;

    for (t = PHR_TOK_DEFAULT; t <= PHR_TOK_IFNOT; t++) {
        if (phr_dialect_is_word(p, phr_token_text(t))) {
            p->token.kind = t;
            break;
        }
    }

    return p->token.kind;
}


int
phr_dialect_keep_names(phr_parser_t *p, phr_node_t *node)
{
    phr_node_t  *of;

    if (!phr_dialect_is_word(p, "keep_metric_names")) {
        return 0;
    }

    (void) phr_parser_take(p);

    of = node->kind == PHR_NODE_PAREN ? node->u.paren.expr : node;

    if (of->kind != PHR_NODE_CALL
        && (of->kind != PHR_NODE_BINARY || of == node))
    {
        (void) phr_parser_error(p, node->start, p->last_end,
                                "keep_metric_names goes with functions and"
                                " with operators in parentheses");
        return 0;
    }

    of->keep_names = 1;
    node->end = p->last_end;

    return 1;
}


int
phr_dialect_named(phr_parser_t *p, phr_token_t *name, phr_node_t **node)
{
    phr_token_e  t, next;

    next = phr_parser_peek(p);

    if (p->templates != NULL && phr_dialect_template(p, name, node)) {
        return 1;
    }

    if (next == PHR_TOK_LEFT_PAREN && name->text.len == 4
        && strncasecmp(name->text.data, "with", 4) == 0)
    {
        *node = phr_dialect_with(p, name);
        return 1;
    }

    if (next != PHR_TOK_LEFT_PAREN && next != PHR_TOK_BY
        && next != PHR_TOK_WITHOUT)
    {
        return 0;
    }

    for (t = PHR_TOK_ANY; t < PHR_TOKEN_MAX; t++) {
        if (phr_str_eq(name->text, phr_str_from_c(phr_token_text(t)))) {
            name->kind = t;
            *node = phr_parser_aggregation(p, name);
            return 1;
        }
    }

    return 0;
}


phr_node_t *
phr_dialect_union(phr_parser_t *p, const phr_token_t *open, phr_node_t *first)
{
    phr_parser_args_t  args;

    memset(&args, 0, sizeof(args));

    if (phr_parser_args_push(p, &args, first) != PHR_OK) {
        return NULL;
    }

    (void) phr_parser_take(p);

    if (phr_parser_peek(p) == PHR_TOK_RIGHT_PAREN) {
        (void) phr_parser_take(p);

    } else if (phr_parser_args_rest(p, &args) != PHR_OK) {
        return NULL;
    }

    return phr_dialect_union_node(p, &args, open->start, p->last_end);
}


static phr_node_t *
phr_dialect_union_node(phr_parser_t *p, phr_parser_args_t *args,
    int32_t start, int32_t end)
{
    const phr_func_t  *func;

    func = phr_ast_func(phr_str_of("union"));

    if (phr_dialect_args(p, &func, args) != PHR_OK) {
        return NULL;
    }

    return phr_parser_call_node(p, func, args, start, end);
}


int
phr_dialect_args(phr_parser_t *p, const phr_func_t **func,
    phr_parser_args_t *args)
{
    size_t             i;
    phr_type_e         want;
    phr_node_t        *arg;
    const phr_func_t  *zoned;

    if (args->nargs == 2 && args->args[1]->type == PHR_TYPE_STRING) {
        zoned = phr_dialect_zoned(*func);
        *func = zoned != NULL ? zoned : *func;
    }

    for (i = 0; i < args->nargs; i++) {
        arg = args->args[i];
        want = phr_ast_func_arg(*func, i);

        if (want == PHR_TYPE_VECTOR && arg->type == PHR_TYPE_SCALAR) {
            arg = phr_dialect_vector(p, arg);

        } else if (want == PHR_TYPE_MATRIX && arg->type == PHR_TYPE_VECTOR) {
            arg = phr_dialect_window(p, arg);
        }

        if (arg == NULL) {
            return p->rc;
        }

        args->args[i] = arg;
    }

    return PHR_OK;
}


/* the function for hour(v, "Europe/Berlin") and its kin, or NULL */

static const phr_func_t *
phr_dialect_zoned(const phr_func_t *func)
{
    size_t  i;

    for (i = 0; i < phr_nelems(phr_dialect_zoned_funcs); i++) {
        if (phr_dialect_zoned_funcs[i].id == func->id) {
            return &phr_dialect_zoned_funcs[i];
        }
    }

    return NULL;
}


/* vector(node) */

static phr_node_t *
phr_dialect_vector(phr_parser_t *p, phr_node_t *node)
{
    phr_parser_args_t  args;

    memset(&args, 0, sizeof(args));

    if (phr_parser_args_push(p, &args, node) != PHR_OK) {
        return NULL;
    }

    return phr_parser_call_node(p, phr_ast_func(phr_str_of("vector")), &args,
                                node->start, node->end);
}


/* what has no range of its own as if it had */

static phr_node_t *
phr_dialect_window(phr_parser_t *p, phr_node_t *node)
{
    phr_node_t  *window;
    phr_node_e   kind;

    kind = node->kind == PHR_NODE_SELECTOR ? PHR_NODE_MATRIX
                                           : PHR_NODE_SUBQUERY;

    window = phr_parser_node(p, kind, PHR_TYPE_MATRIX, node->start, node->end);

    if (window == NULL || phr_parser_adopt(p, window, node) != PHR_OK) {
        return NULL;
    }

    if (kind == PHR_NODE_MATRIX) {
        window->u.matrix.selector = node;
        window->u.matrix.windowless = 1;

    } else {
        window->u.subquery.expr = node;
        window->u.subquery.windowless = 1;
    }

    return window;
}


int
phr_dialect_aggregation(phr_parser_t *p, const phr_token_t *op,
    phr_node_aggregate_t *agg, phr_parser_args_t *args)
{
    size_t              i, n;
    phr_node_t         *node;
    phr_parser_args_t   rest;

    if (phr_dialect_is_word(p, "limit")
        && phr_dialect_limit(p, agg) != PHR_OK)
    {
        return p->rc;
    }

    n = phr_token_takes_param(op->kind);

    /* "other" or "label=other" at the end */

    if (n == 1 && args->nargs == 3 && phr_token_is_dialect(op->kind)
        && args->args[2]->kind == PHR_NODE_STRING)
    {
        agg->rest = args->args[2]->u.string.value;
        args->nargs--;
    }

    if (args->nargs <= n) {
        return p->rc;
    }

    node = args->args[n];

    if (args->nargs > n + 1) {
        memset(&rest, 0, sizeof(rest));

        for (i = n; i < args->nargs; i++) {
            if (phr_parser_args_push(p, &rest, args->args[i]) != PHR_OK) {
                return p->rc;
            }
        }

        node = phr_dialect_union_node(p, &rest, op->start, p->last_end);

    } else if (node->type == PHR_TYPE_SCALAR) {
        node = phr_dialect_vector(p, node);
    }

    if (node == NULL) {
        return p->rc;
    }

    args->args[n] = node;
    args->nargs = n + 1;

    return p->rc;
}


static int
phr_dialect_limit(phr_parser_t *p, phr_node_aggregate_t *agg)
{
    double       v;
    phr_node_t  *number;

    (void) phr_parser_take(p);

    number = phr_parser_number(p);
    if (number == NULL) {
        return p->rc;
    }

    v = number->u.number.value;

    if (!(v >= 0 && v <= UINT32_MAX) || v != floor(v)) {
        return phr_parser_error(p, number->start, number->end, "a limit is a"
                                " whole number that is not negative");
    }

    agg->limit = (uint32_t) v;

    return PHR_OK;
}


/* what came before becomes an alternative of its own */

int
phr_dialect_or(phr_parser_t *p, phr_node_selector_t *s)
{
    phr_alternative_t  *others;

    if (!phr_dialect_is_word(p, "or")) {
        return 0;
    }

    (void) phr_parser_take(p);

    others = phr_parser_push(p, s->others, s->nothers,
                             sizeof(phr_alternative_t));
    if (others == NULL) {
        return 0;
    }

    s->others = others;
    others[s->nothers].matchers = s->matchers;
    others[s->nothers].n = s->nmatchers;
    s->nothers++;

    s->matchers = NULL;
    s->nmatchers = 0;

    return 1;
}


int
phr_dialect_name_others(phr_parser_t *p, phr_node_selector_t *s,
    const phr_token_t *name)
{
    size_t                i;
    phr_node_selector_t   one;

    for (i = 0; i < s->nothers; i++) {
        memset(&one, 0, sizeof(one));
        one.matchers = s->others[i].matchers;
        one.nmatchers = s->others[i].n;

        (void) phr_parser_add_matcher(p, &one, PHR_MATCH_EQ,
                                      phr_str_of(PHR_METRIC_NAME), name->text,
                                      name->start, name->end);

        s->others[i].matchers = one.matchers;
        s->others[i].n = one.nmatchers;

        if (p->rc != PHR_OK) {
            break;
        }
    }

    return p->rc;
}
