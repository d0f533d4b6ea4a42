/*
 * Copyright (C) The Pharos Authors
 *
 * Parser of what may follow an expression: ranges, subqueries, "offset",
 * "@", "anchored" and "smoothed", any number of them in any order that makes
 * sense.
 */

#include "promql/dialect.h"

#include <math.h>


static phr_node_t *phr_parser_brackets(phr_parser_t *p, phr_node_t *expr);
static phr_node_t *phr_parser_matrix(phr_parser_t *p, phr_node_t *expr,
    phr_node_t *range, const phr_token_t *open, const phr_token_t *close);
static phr_node_t *phr_parser_subquery(phr_parser_t *p, phr_node_t *expr,
    phr_node_t *range);
static void phr_parser_span(phr_node_t *duration, int64_t *ms,
    phr_node_t **expr);
static int phr_parser_offset(phr_parser_t *p, phr_node_t *node);
static int phr_parser_at(phr_parser_t *p, phr_node_t *node);
static int phr_parser_at_time(phr_parser_t *p, const phr_node_t *node,
    phr_when_t *when);
static phr_when_t *phr_parser_when(phr_parser_t *p, phr_node_t *node,
    const char *modifier);
static int phr_parser_extended(phr_parser_t *p, phr_node_t *node);


phr_node_t *
phr_parser_modifiers(phr_parser_t *p, phr_node_t *node)
{
    for ( ;; ) {

        switch (phr_parser_peek(p)) {

        case PHR_TOK_LEFT_BRACKET:
            node = phr_parser_brackets(p, node);
            if (node == NULL) {
                return NULL;
            }

            break;

        case PHR_TOK_OFFSET:
            if (phr_parser_offset(p, node) != PHR_OK) {
                return NULL;
            }

            break;

        case PHR_TOK_AT:
            if (phr_parser_at(p, node) != PHR_OK) {
                return NULL;
            }

            break;

        case PHR_TOK_ANCHORED:
        case PHR_TOK_SMOOTHED:
            if (phr_parser_extended(p, node) != PHR_OK) {
                return NULL;
            }

            break;

        case PHR_TOK_ERROR:
            return NULL;

        case PHR_TOK_IDENTIFIER:
            if (!phr_parser_dialect(p)
                || !phr_dialect_keep_names(p, node))
            {
                return p->rc == PHR_OK ? node : NULL;
            }

            break;

        default:
            return node;
        }
    }
}


static phr_node_t *
phr_parser_brackets(phr_parser_t *p, phr_node_t *expr)
{
    phr_node_t          *range, *node;
    phr_token_t          open, close;
    phr_parser_where_t   outer;

    open = phr_parser_take(p);

    outer = phr_parser_in(p, "subquery or range selector",
                          "number, duration, step(), or range()");

    range = phr_parser_duration(p);
    if (range == NULL) {
        return NULL;
    }

    (void) phr_parser_in(p, "subquery or range", "\":\" or \"]\"");

    if (phr_parser_peek(p) == PHR_TOK_COLON) {
        (void) phr_parser_take(p);
        node = phr_parser_subquery(p, expr, range);

    } else {

        if (phr_parser_expect(p, PHR_TOK_RIGHT_BRACKET, &close) != PHR_OK) {
            return NULL;
        }

        node = phr_parser_matrix(p, expr, range, &open, &close);
    }

    p->where = outer;

    return node;
}


static phr_node_t *
phr_parser_matrix(phr_parser_t *p, phr_node_t *expr, phr_node_t *range,
    const phr_token_t *open, const phr_token_t *close)
{
    const char  *what;
    phr_node_t  *node;

    what = NULL;

    if (expr->kind != PHR_NODE_SELECTOR) {
        what = "ranges only allowed for vector selectors";

    } else if (expr->u.selector.when.offset_ms != 0
               || expr->u.selector.when.offset != NULL)
    {
        what = "no offset modifiers allowed before range";

    } else if (expr->u.selector.when.at != PHR_AT_NONE) {
        what = "no @ modifiers allowed before range";
    }

    if (what != NULL) {
        (void) phr_parser_error(p, open->start, close->end, "%s", what);
        return NULL;
    }

    node = phr_parser_node(p, PHR_NODE_MATRIX, PHR_TYPE_MATRIX, expr->start,
                           close->end);
    if (node == NULL || phr_parser_adopt(p, node, expr) != PHR_OK) {
        return NULL;
    }

    node->u.matrix.selector = expr;
    phr_parser_span(range, &node->u.matrix.range_ms, &node->u.matrix.range);

    return node;
}


/* after the colon */

static phr_node_t *
phr_parser_subquery(phr_parser_t *p, phr_node_t *expr, phr_node_t *range)
{
    phr_node_t           *node, *step;
    phr_node_subquery_t  *s;

    (void) phr_parser_in(p, "subquery selector",
                         "number, duration, step(), range(), or \"]\"");

    step = NULL;

    if (phr_parser_peek(p) != PHR_TOK_RIGHT_BRACKET) {
        step = phr_parser_duration(p);
        if (step == NULL) {
            return NULL;
        }

        p->where.expected = "\"]\"";
    }

    if (phr_parser_expect(p, PHR_TOK_RIGHT_BRACKET, NULL) != PHR_OK) {
        return NULL;
    }

    node = phr_parser_node(p, PHR_NODE_SUBQUERY, PHR_TYPE_MATRIX, expr->start,
                           p->last_end);
    if (node == NULL || phr_parser_adopt(p, node, expr) != PHR_OK) {
        return NULL;
    }

    s = &node->u.subquery;
    s->expr = expr;
    phr_parser_span(range, &s->range_ms, &s->range);

    if (step != NULL) {
        phr_parser_span(step, &s->step_ms, &s->step);
    }

    return node;
}


/* a number of seconds to milliseconds; anything else stays what it is */

static void
phr_parser_span(phr_node_t *duration, int64_t *ms, phr_node_t **expr)
{
    double  ns;

    if (duration->kind != PHR_NODE_NUMBER) {
        *expr = duration;
        return;
    }

    /* by way of whole nanoseconds, whose bound is within a double's grain */

    ns = round(duration->u.number.value * 1e9);

    if (fabs(ns) < 9223372036854775807.0) {
        *ms = (int64_t) ns / 1000000;

    } else {
        *ms = (ns < 0 ? INT64_MIN : INT64_MAX) / 1000000;
    }
}


static int
phr_parser_offset(phr_parser_t *p, phr_node_t *node)
{
    phr_node_t          *duration;
    phr_when_t          *when;
    phr_parser_where_t   outer;

    (void) phr_parser_take(p);

    outer = phr_parser_in(p, "offset", "number, duration, step(), or range()");

    duration = phr_parser_offset_duration(p);
    if (duration == NULL) {
        return p->rc;
    }

    p->where = outer;

    when = phr_parser_when(p, node, "offset");
    if (when == NULL) {
        return p->rc;
    }

    if (when->offset_ms != 0 || when->offset != NULL) {
        return phr_parser_error(p, node->start, node->end,
                                "offset may not be set multiple times");
    }

    phr_parser_span(duration, &when->offset_ms, &when->offset);
    node->end = p->last_end;

    return PHR_OK;
}


static int
phr_parser_at(phr_parser_t *p, phr_node_t *node)
{
    phr_token_e          t;
    phr_when_t           when, *set;
    phr_parser_where_t   outer;

    (void) phr_parser_take(p);

    memset(&when, 0, sizeof(when));
    outer = phr_parser_in(p, "@", "timestamp");

    t = phr_parser_peek(p);

    if (t == PHR_TOK_START || t == PHR_TOK_END) {
        (void) phr_parser_take(p);
        when.at = t == PHR_TOK_START ? PHR_AT_START : PHR_AT_END;

        if (phr_parser_expect(p, PHR_TOK_LEFT_PAREN, NULL) != PHR_OK
            || phr_parser_expect(p, PHR_TOK_RIGHT_PAREN, NULL) != PHR_OK)
        {
            return p->rc;
        }

    } else if (phr_parser_at_time(p, node, &when) != PHR_OK) {
        return p->rc;
    }

    p->where = outer;

    set = phr_parser_when(p, node, "@");
    if (set == NULL) {
        return p->rc;
    }

    if (set->at != PHR_AT_NONE) {
        return phr_parser_error(p, node->start, node->end, "@ <timestamp> may"
                                " not be set multiple times");
    }

    set->at = when.at;
    set->at_ms = when.at_ms;
    node->end = p->last_end;

    return PHR_OK;
}


static int
phr_parser_at_time(phr_parser_t *p, const phr_node_t *node, phr_when_t *when)
{
    double        v;
    phr_node_t   *number;
    phr_token_e   t;

    t = phr_parser_peek(p);

    if (t == PHR_TOK_ADD || t == PHR_TOK_SUB) {
        (void) phr_parser_take(p);
    }

    number = phr_parser_number(p);
    if (number == NULL) {
        return p->rc;
    }

    v = number->u.number.value;

    if (t == PHR_TOK_SUB) {
        v = -v;
    }

    /* milliseconds must fit 64 bits, too */

    if (!isfinite(v)) {
        return phr_parser_error(p, node->start, node->end, "timestamp out of"
                                " bounds for @ modifier: %s",
                                isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
    }

    if (fabs(v) >= 9223372036854775807.0) {
        return phr_parser_error(p, node->start, node->end, "timestamp out of"
                                " bounds for @ modifier: %f", v);
    }

    v = round(v * 1000);

    when->at = PHR_AT_TIME;
    when->at_ms = v >= 9223372036854775807.0 ? INT64_MAX
                  : v <= -9223372036854775808.0 ? INT64_MIN : (int64_t) v;

    return PHR_OK;
}


/* what a modifier changes; that of a range is kept by its selector */

static phr_when_t *
phr_parser_when(phr_parser_t *p, phr_node_t *node, const char *modifier)
{
    switch (node->kind) {

    case PHR_NODE_SELECTOR:
        return &node->u.selector.when;

    case PHR_NODE_MATRIX:
        return &node->u.matrix.selector->u.selector.when;

    case PHR_NODE_SUBQUERY:
        return &node->u.subquery.when;

    default:
        (void) phr_parser_error(p, node->start, node->end, "%s modifier must"
                                " be preceded by an instant vector selector or"
                                " range vector selector or a subquery",
                                modifier);
        return NULL;
    }
}


static int
phr_parser_extended(phr_parser_t *p, phr_node_t *node)
{
    phr_token_t           word;
    const char           *name;
    phr_node_selector_t  *s;

    word = phr_parser_take(p);
    name = phr_token_text(word.kind);

    if (!(p->flags & PHR_PROMQL_EXTENDED)) {
        return phr_parser_error(p, node->start, node->end, "%s modifier is"
                                " experimental and not enabled", name);
    }

    if (node->kind == PHR_NODE_SUBQUERY) {
        return phr_parser_error(p, node->start, node->end, "%s modifier is not"
                                " supported for subqueries", name);
    }

    if (node->kind == PHR_NODE_MATRIX) {
        s = &node->u.matrix.selector->u.selector;

    } else if (node->kind == PHR_NODE_SELECTOR) {
        s = &node->u.selector;

    } else {
        return phr_parser_error(p, node->start, node->end,
                                "%s modifier not implemented", name);
    }

    if (word.kind == PHR_TOK_ANCHORED) {
        s->anchored = 1;

    } else {
        s->smoothed = 1;
    }

    if (s->anchored && s->smoothed) {
        return phr_parser_error(p, node->start, node->end, "anchored and"
                                " smoothed modifiers cannot be used together");
    }

    return PHR_OK;
}
