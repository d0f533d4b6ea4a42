/*
 * Copyright (C) The Pharos Authors
 *
 * Print: a tree back to text, on one line or indented, letter for letter as
 * Prometheus does it, so that both agree on what a query is called.
 *
 * Text that is printed and parsed again prints the same.
 */

#include "promql/lexer.h"

#include <math.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "core/number.h"
#include "core/time.h"
#include "core/utf8.h"


/* what is longer is broken at its parentheses and operators */
#define PHR_PRINT_WIDTH  100


static void phr_print_closing(phr_buf_t *b, const phr_node_t *node);
static void phr_print_number(phr_buf_t *b, const phr_node_number_t *n);
static void phr_print_selector(phr_buf_t *b, const phr_node_selector_t *s);
static void phr_print_matchers(phr_buf_t *b, const phr_node_selector_t *s);
static int phr_print_alternative(phr_buf_t *b, phr_str_t name,
    const phr_matcher_t *matchers, size_t n);
static int phr_print_cmp(const void *one, const void *two);
static void phr_print_extended(phr_buf_t *b, const phr_node_selector_t *s);
static void phr_print_at(phr_buf_t *b, const phr_when_t *when);
static void phr_print_offset(phr_buf_t *b, const phr_when_t *when);
static void phr_print_span(phr_buf_t *b, int64_t ms, const phr_node_t *expr);
static int phr_print_has_number(const phr_node_t *duration);
static void phr_print_matrix(phr_buf_t *b, const phr_node_matrix_t *m);
static void phr_print_suffix(phr_buf_t *b, const phr_node_subquery_t *s);
static void phr_print_operator(phr_buf_t *b, const phr_node_binary_t *n);
static void phr_print_fill(phr_buf_t *b, const phr_node_binary_t *n);
static void phr_print_aggregation(phr_buf_t *b,
    const phr_node_aggregate_t *n);
static void phr_print_names(phr_buf_t *b, const char *before,
    const phr_names_t *names, const char *after);
static void phr_print_label(phr_buf_t *b, phr_str_t name);
static void phr_print_list(phr_buf_t *b, phr_node_t *const *nodes, size_t n);
static void phr_print_duration(phr_buf_t *b, const phr_node_duration_t *d);
static void phr_pretty_node(phr_buf_t *b, const phr_node_t *node,
    uint32_t level);
static void phr_pretty_unary(phr_buf_t *b, const phr_node_t *node,
    uint32_t level);
static void phr_pretty_long(phr_buf_t *b, const phr_node_t *node,
    uint32_t level);
static int phr_pretty_is_long(phr_buf_t *b, const phr_node_t *node);
static void phr_pretty_indent(phr_buf_t *b, uint32_t level);


void
phr_promql_print(phr_buf_t *b, const phr_node_t *node)
{
    if (b->failed != PHR_OK) {
        return;
    }

    switch (node->kind) {

    case PHR_NODE_NUMBER:
        phr_print_number(b, &node->u.number);
        break;

    case PHR_NODE_STRING:
        phr_utf8_quote(b, node->u.string.value);
        break;

    case PHR_NODE_SELECTOR:
        phr_print_selector(b, &node->u.selector);
        break;

    case PHR_NODE_MATRIX:
        phr_print_matrix(b, &node->u.matrix);
        break;

    case PHR_NODE_SUBQUERY:
        phr_promql_print(b, node->u.subquery.expr);
        phr_print_suffix(b, &node->u.subquery);
        break;

    case PHR_NODE_UNARY:
        phr_buf_puts(b, phr_token_text(node->u.unary.op));
        phr_promql_print(b, node->u.unary.expr);
        break;

    case PHR_NODE_BINARY:
        phr_promql_print(b, node->u.binary.lhs);
        phr_buf_putc(b, ' ');
        phr_print_operator(b, &node->u.binary);
        phr_buf_putc(b, ' ');
        phr_promql_print(b, node->u.binary.rhs);
        break;

    case PHR_NODE_AGGREGATE:
        phr_print_aggregation(b, &node->u.aggregate);
        phr_buf_putc(b, '(');

        if (node->u.aggregate.param != NULL) {
            phr_promql_print(b, node->u.aggregate.param);
            phr_buf_puts(b, ", ");
        }

        phr_promql_print(b, node->u.aggregate.expr);
        phr_print_closing(b, node);
        break;

    case PHR_NODE_CALL:
        phr_buf_puts(b, node->u.call.func->name);
        phr_buf_putc(b, '(');
        phr_print_list(b, node->u.call.args, node->u.call.nargs);
        phr_print_closing(b, node);
        break;

    case PHR_NODE_PAREN:
        phr_buf_putc(b, '(');
        phr_promql_print(b, node->u.paren.expr);
        phr_print_closing(b, node);
        break;

    case PHR_NODE_DURATION:
        phr_print_duration(b, &node->u.duration);
        break;
    }
}


/* the parenthesis, and the words of MetricsQL that follow it */

static void
phr_print_closing(phr_buf_t *b, const phr_node_t *node)
{
    const phr_node_t            *of;
    const phr_node_aggregate_t  *agg;

    of = node->kind == PHR_NODE_PAREN ? node->u.paren.expr : node;

    if (node->kind == PHR_NODE_AGGREGATE && node->u.aggregate.rest.len != 0) {
        phr_buf_puts(b, ", ");
        phr_utf8_quote(b, node->u.aggregate.rest);
    }

    phr_buf_putc(b, ')');

    if (of->keep_names && (of == node || of->kind == PHR_NODE_BINARY)) {
        phr_buf_puts(b, " keep_metric_names");
    }

    if (node->kind == PHR_NODE_AGGREGATE) {
        agg = &node->u.aggregate;

        if (agg->limit != 0) {
            phr_buf_printf(b, " limit %u", (unsigned) agg->limit);
        }
    }
}


static void
phr_print_number(phr_buf_t *b, const phr_node_number_t *n)
{
    double  ms;

    if (!n->is_duration) {
        phr_number_format(b, n->value);
        return;
    }

    /* whole ones, though seconds as a double may be a little less */

    ms = phr_min(fabs(n->value), PHR_AST_MAX_DURATION_S) * 1000;

    if (n->value < 0) {
        phr_buf_putc(b, '-');
    }

    phr_duration_format(b, (int64_t) (ms + 0.01));
}


static void
phr_print_selector(phr_buf_t *b, const phr_node_selector_t *s)
{
    phr_buf_str(b, s->name);
    phr_print_matchers(b, s);
    phr_print_at(b, &s->when);
    phr_print_extended(b, s);
    phr_print_offset(b, &s->when);
}


static void
phr_print_matchers(phr_buf_t *b, const phr_node_selector_t *s)
{
    size_t     i, n;
    phr_buf_t  text;

    phr_buf_init(&text, 0);
    n = 0;

    for (i = 0; i < s->nothers; i++) {
        n += phr_print_alternative(&text, s->name, s->others[i].matchers,
                                   s->others[i].n);
        phr_buf_puts(&text, " or ");
    }

    n += phr_print_alternative(&text, s->name, s->matchers, s->nmatchers);

    if (text.failed != PHR_OK && b->failed == PHR_OK) {
        b->failed = text.failed;
    }

    if (n != 0) {
        phr_buf_putc(b, '{');
        phr_buf_str(b, phr_buf_view(&text));
        phr_buf_putc(b, '}');

    } else if (s->name.len == 0) {
        /* all labels, as info() takes it */
        phr_buf_puts(b, "{}");
    }

    phr_buf_free(&text);
}


/*
 * Sorted by their text, without the one of the name before the braces.  How
 * many were printed.
 */

static int
phr_print_alternative(phr_buf_t *b, phr_str_t name,
    const phr_matcher_t *matchers, size_t nmatchers)
{
    size_t                i, n, start, *ends;
    phr_str_t            *views;
    phr_buf_t             text;
    const phr_matcher_t  *m;

    if (nmatchers == 0) {
        return 0;
    }

    phr_buf_init(&text, 0);
    views = phr_malloc(nmatchers * sizeof(phr_str_t));
    ends = phr_malloc(nmatchers * sizeof(size_t));
    n = 0;

    for (i = 0; views != NULL && ends != NULL && i < nmatchers; i++) {
        m = &matchers[i];

        if (m->op == PHR_MATCH_EQ && m->value.len != 0
            && phr_str_eq(m->value, name)
            && phr_str_eq(m->name, phr_str_of(PHR_METRIC_NAME)))
        {
            continue;
        }

        phr_print_label(&text, m->name);
        phr_buf_puts(&text, phr_match_op_text(m->op));
        phr_utf8_quote(&text, m->value);
        ends[n++] = text.len;
    }

    if (views == NULL || ends == NULL || text.failed != PHR_OK) {
        b->failed = PHR_ENOMEM;
        n = 0;
    }

    for (i = 0, start = 0; i < n; start = ends[i++]) {
        views[i] = phr_str_from(text.data + start, ends[i] - start);
    }

    if (n != 0) {
        qsort(views, n, sizeof(phr_str_t), phr_print_cmp);
    }

    for (i = 0; i < n; i++) {
        if (i > 0) {
            phr_buf_putc(b, ',');
        }

        phr_buf_str(b, views[i]);
    }

    phr_buf_free(&text);
    phr_free(views);
    phr_free(ends);

    return n != 0;
}


static int
phr_print_cmp(const void *one, const void *two)
{
    return phr_str_cmp(*(const phr_str_t *) one, *(const phr_str_t *) two);
}


static void
phr_print_extended(phr_buf_t *b, const phr_node_selector_t *s)
{
    if (s->anchored) {
        phr_buf_puts(b, " anchored");

    } else if (s->smoothed) {
        phr_buf_puts(b, " smoothed");
    }
}


static void
phr_print_at(phr_buf_t *b, const phr_when_t *when)
{
    switch (when->at) {

    case PHR_AT_TIME:
        phr_buf_printf(b, " @ %.3f", (double) when->at_ms / 1000);
        break;

    case PHR_AT_START:
        phr_buf_puts(b, " @ start()");
        break;

    case PHR_AT_END:
        phr_buf_puts(b, " @ end()");
        break;

    default:
        break;
    }
}


static void
phr_print_offset(phr_buf_t *b, const phr_when_t *when)
{
    if (when->offset != NULL || when->offset_ms != 0) {
        phr_buf_puts(b, " offset ");
        phr_print_span(b, when->offset_ms, when->offset);
    }
}


static void
phr_print_span(phr_buf_t *b, int64_t ms, const phr_node_t *expr)
{
    if (expr != NULL) {
        phr_promql_print(b, expr);

    } else {
        phr_duration_format(b, ms);
    }
}


static int
phr_print_has_number(const phr_node_t *duration)
{
    if (duration == NULL || duration->kind == PHR_NODE_NUMBER) {
        return duration != NULL;
    }

    return phr_print_has_number(duration->u.duration.lhs)
           || phr_print_has_number(duration->u.duration.rhs);
}


static void
phr_print_matrix(phr_buf_t *b, const phr_node_matrix_t *m)
{
    const phr_node_selector_t  *s;

    s = &m->selector->u.selector;

    phr_buf_str(b, s->name);
    phr_print_matchers(b, s);

    if (!m->windowless) {
        phr_buf_putc(b, '[');
        phr_print_span(b, m->range_ms, m->range);
        phr_buf_putc(b, ']');
    }

    phr_print_extended(b, s);
    phr_print_at(b, &s->when);
    phr_print_offset(b, &s->when);
}


/* what follows the expression of a subquery */

static void
phr_print_suffix(phr_buf_t *b, const phr_node_subquery_t *s)
{
    if (s->windowless) {
        return;
    }

    phr_buf_putc(b, '[');

    /* before a colon there has to be a number; WITH and 1i need none */

    if (s->range != NULL && !phr_print_has_number(s->range)) {
        phr_buf_puts(b, "1 * ");
    }

    phr_print_span(b, s->range_ms, s->range);
    phr_buf_putc(b, ':');

    if (s->step != NULL || s->step_ms != 0) {
        phr_print_span(b, s->step_ms, s->step);
    }

    phr_buf_putc(b, ']');

    phr_print_at(b, &s->when);
    phr_print_offset(b, &s->when);
}


/* with all that belongs to it */

static void
phr_print_operator(phr_buf_t *b, const phr_node_binary_t *n)
{
    int  group;

    group = n->card == PHR_CARD_MANY_TO_ONE || n->card == PHR_CARD_ONE_TO_MANY;

    phr_buf_puts(b, phr_token_text(n->op));

    if (n->is_bool) {
        phr_buf_puts(b, " bool");
    }

    if (n->labels.n > 0 || n->on || group) {
        phr_print_names(b, n->on ? " on (" : " ignoring (", &n->labels, ")");
    }

    if (group) {
        phr_print_names(b, n->card == PHR_CARD_MANY_TO_ONE ? " group_left ("
                                                           : " group_right (",
                        &n->include, ")");
    }

    phr_print_fill(b, n);
}


static void
phr_print_fill(phr_buf_t *b, const phr_node_binary_t *n)
{
    if (n->has_fill_lhs && n->has_fill_rhs && n->fill_lhs == n->fill_rhs) {
        phr_buf_puts(b, " fill (");
        phr_number_format_g(b, n->fill_lhs);
        phr_buf_putc(b, ')');
        return;
    }

    if (n->has_fill_lhs) {
        phr_buf_puts(b, " fill_left (");
        phr_number_format_g(b, n->fill_lhs);
        phr_buf_putc(b, ')');
    }

    if (n->has_fill_rhs) {
        phr_buf_puts(b, " fill_right (");
        phr_number_format_g(b, n->fill_rhs);
        phr_buf_putc(b, ')');
    }
}


/* operator and grouping, before the arguments */

static void
phr_print_aggregation(phr_buf_t *b, const phr_node_aggregate_t *n)
{
    phr_buf_puts(b, phr_token_text(n->op));

    if (n->without) {
        phr_print_names(b, " without (", &n->grouping, ") ");

    } else if (n->grouping.n > 0) {
        phr_print_names(b, " by (", &n->grouping, ") ");
    }
}


static void
phr_print_names(phr_buf_t *b, const char *before, const phr_names_t *names,
    const char *after)
{
    size_t  i;

    phr_buf_puts(b, before);

    for (i = 0; i < names->n; i++) {
        if (i > 0) {
            phr_buf_puts(b, ", ");
        }

        phr_print_label(b, names->s[i]);
    }

    phr_buf_puts(b, after);
}


static void
phr_print_label(phr_buf_t *b, phr_str_t name)
{
    if (phr_label_name_valid(name)) {
        phr_buf_str(b, name);

    } else {
        phr_utf8_quote(b, name);
    }
}


static void
phr_print_list(phr_buf_t *b, phr_node_t *const *nodes, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (i > 0) {
            phr_buf_puts(b, ", ");
        }

        phr_promql_print(b, nodes[i]);
    }
}


static void
phr_print_duration(phr_buf_t *b, const phr_node_duration_t *d)
{
    int  call;

    call = phr_token_class(d->op) == PHR_TOKC_PREPROCESSOR;

    if (d->wrapped) {
        phr_buf_puts(b, d->apart ? "+(" : "(");
    }

    if (call) {
        phr_buf_puts(b, phr_token_text(d->op));
        phr_buf_putc(b, '(');
    }

    if (d->lhs != NULL) {
        phr_promql_print(b, d->lhs);

        if (call) {
            phr_buf_puts(b, ", ");

        } else {
            phr_buf_printf(b, " %s ", phr_token_text(d->op));
        }

    } else if (d->op == PHR_TOK_SUB) {
        phr_buf_putc(b, '-');
    }

    if (d->rhs != NULL) {
        phr_promql_print(b, d->rhs);
    }

    if (call) {
        phr_buf_putc(b, ')');
    }

    if (d->wrapped) {
        phr_buf_putc(b, ')');
    }
}


void
phr_promql_pretty(phr_buf_t *b, const phr_node_t *node)
{
    phr_pretty_node(b, node, 0);
}


static void
phr_pretty_node(phr_buf_t *b, const phr_node_t *node, uint32_t level)
{
    if (b->failed != PHR_OK) {
        return;
    }

    switch (node->kind) {

    case PHR_NODE_AGGREGATE:
    case PHR_NODE_BINARY:
    case PHR_NODE_CALL:
    case PHR_NODE_PAREN:
    case PHR_NODE_SUBQUERY:
        if (phr_pretty_is_long(b, node)) {
            phr_pretty_long(b, node, level);
            return;
        }

        /* a short subquery is not indented, whatever is around it */

        if (node->kind != PHR_NODE_SUBQUERY) {
            phr_pretty_indent(b, level);
        }

        phr_promql_print(b, node);
        return;

    case PHR_NODE_UNARY:
        phr_pretty_unary(b, node, level);
        return;

    default:
        phr_pretty_indent(b, level);
        phr_promql_print(b, node);
        return;
    }
}


/* the sign, then the operand without the space around it */

static void
phr_pretty_unary(phr_buf_t *b, const phr_node_t *node, uint32_t level)
{
    phr_str_t  s;
    phr_buf_t  operand;

    phr_buf_init(&operand, 0);
    phr_pretty_node(&operand, node->u.unary.expr, level);

    s = phr_buf_view(&operand);

    while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\n')) {
        s.data++;
        s.len--;
    }

    phr_pretty_indent(b, level);
    phr_buf_puts(b, phr_token_text(node->u.unary.op));
    phr_buf_str(b, s);

    if (operand.failed != PHR_OK && b->failed == PHR_OK) {
        b->failed = operand.failed;
    }

    phr_buf_free(&operand);
}


static void
phr_pretty_long(phr_buf_t *b, const phr_node_t *node, uint32_t level)
{
    size_t             i;
    const phr_node_t  *child;

    switch (node->kind) {

    case PHR_NODE_BINARY:
        phr_pretty_node(b, node->u.binary.lhs, level + 1);
        phr_buf_putc(b, '\n');
        phr_pretty_indent(b, level);
        phr_print_operator(b, &node->u.binary);
        phr_buf_putc(b, '\n');
        phr_pretty_node(b, node->u.binary.rhs, level + 1);
        return;

    case PHR_NODE_SUBQUERY:
        phr_pretty_node(b, node->u.subquery.expr, level);
        phr_print_suffix(b, &node->u.subquery);
        return;

    default:
        break;
    }

    phr_pretty_indent(b, level);

    if (node->kind == PHR_NODE_AGGREGATE) {
        phr_print_aggregation(b, &node->u.aggregate);

    } else if (node->kind == PHR_NODE_CALL) {
        phr_buf_puts(b, node->u.call.func->name);
    }

    phr_buf_puts(b, "(\n");

    for (i = 0; (child = phr_ast_child(node, i)) != NULL; i++) {
        if (i > 0) {
            phr_buf_puts(b, ",\n");
        }

        phr_pretty_node(b, child, level + 1);
    }

    phr_buf_putc(b, '\n');
    phr_pretty_indent(b, level);
    phr_print_closing(b, node);
}


/* stops printing as soon as it is known */

static int
phr_pretty_is_long(phr_buf_t *b, const phr_node_t *node)
{
    int        rc;
    phr_buf_t  line;

    phr_buf_init(&line, PHR_PRINT_WIDTH);
    phr_promql_print(&line, node);

    rc = line.failed;
    phr_buf_free(&line);

    if (rc == PHR_ENOMEM) {
        b->failed = rc;
    }

    return rc == PHR_ELIMIT;
}


static void
phr_pretty_indent(phr_buf_t *b, uint32_t level)
{
    while (level-- > 0 && b->failed == PHR_OK) {
        phr_buf_puts(b, "  ");
    }
}
