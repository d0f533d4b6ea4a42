/*
 * Copyright (C) The Pharos Authors
 *
 * Explain: beside the result of a query, its tree with what each node gave
 * and took.
 */

#include "api/call.h"

#include "promql/ast.h"
#include "promql/final.h"


/* of the text of a node; what is longer says no more */
#define PHR_EXPLAIN_TEXT  200


static int64_t phr_explain_clock_us(void *data);
static void phr_explain_node(phr_call_t *c, const phr_node_t *node);
static void phr_explain_text(phr_call_t *c, const phr_node_t *node);
static int phr_explain_shows(const phr_node_t *node);
static const char *phr_explain_type(const phr_node_t *node);


int
phr_explain_begin(phr_call_t *c, phr_query_t *query, const phr_node_t *node,
    phr_err_t *err)
{
    phr_explain_t  *e;

    if (phr_param_bool(phr_call_param(c, "explain")) != 1) {
        return PHR_OK;
    }

    e = phr_arena_calloc(c->arena, 1, sizeof(phr_explain_t));
    if (e != NULL) {
        e->costs.nodes = phr_arena_calloc(c->arena, (size_t) node->id + 1,
                                          sizeof(phr_cost_t));
    }

    if (e == NULL || e->costs.nodes == NULL) {
        return phr_err_set(err, phr_arena_rc(c->arena), "no memory for the "
                           "plan");
    }

    e->costs.clock_us = phr_explain_clock_us;
    e->costs.data = c;
    e->query = query;
    e->root = node;

    query->costs = &e->costs;
    c->explain = e;

    return PHR_OK;
}


static int64_t
phr_explain_clock_us(void *data)
{
    return phr_call_clock_us(data);
}


void
phr_explain_write(phr_call_t *c)
{
    phr_query_t         query;
    phr_reach_t         reach;
    phr_explain_t      *e;
    phr_json_writer_t  *w;

    e = c->explain;

    if (e == NULL) {
        return;
    }

    w = &c->json;
    query = *e->query;
    query.node = e->root;

    phr_json_key(w, "explain");
    phr_json_object(w);
    phr_json_key(w, "milliseconds");
    phr_json_double(w, (double) c->eval_us / 1000);
    phr_json_pair_bool(w, "cacheable", phr_promql_final(&query, &reach));
    phr_json_key(w, "plan");
    phr_explain_node(c, e->root);
    phr_json_end_object(w);
}


static void
phr_explain_node(phr_call_t *c, const phr_node_t *node)
{
    int                 any;
    size_t              i;
    const phr_cost_t   *cost;
    const phr_node_t   *child;
    phr_json_writer_t  *w;

    w = &c->json;
    node = phr_ast_unparen(node);
    cost = &c->explain->costs.nodes[node->id];

    phr_json_object(w);
    phr_explain_text(c, node);
    phr_json_pair_c(w, "type", phr_explain_type(node));

    if (cost->evaluated) {
        phr_json_pair_int(w, "steps", (int64_t) cost->steps);
        phr_json_pair_int(w, "series", (int64_t) cost->series);
        phr_json_pair_int(w, "samples", (int64_t) cost->samples);
        phr_json_key(w, "milliseconds");
        phr_json_double(w, (double) cost->us / 1000);
    }

    if (cost->once) {
        phr_json_pair_bool(w, "once", 1);
    }

    any = 0;

    for (i = 0; node->kind != PHR_NODE_MATRIX
                && (child = phr_ast_child(node, i)) != NULL; i++)
    {
        if (!phr_explain_shows(child)) {
            continue;
        }

        if (!any++) {
            phr_json_key(w, "children");
            phr_json_array(w);
        }

        phr_explain_node(c, child);
    }

    if (any) {
        phr_json_end_array(w);
    }

    phr_json_end_object(w);
}


/* as it was written */

static void
phr_explain_text(phr_call_t *c, const phr_node_t *node)
{
    phr_buf_t  text;
    phr_str_t  s;

    s = c->explain->query->text;

    if (node->start < 0 || node->end < node->start
        || (size_t) node->end > s.len)
    {
        return;
    }

    s.data += node->start;
    s.len = (size_t) (node->end - node->start);

    if (s.len <= PHR_EXPLAIN_TEXT) {
        phr_json_pair(&c->json, "expr", s);
        return;
    }

    /* no character is cut in two */

    s.len = PHR_EXPLAIN_TEXT;
    while (s.len > 0 && ((unsigned char) s.data[s.len] & 0xc0) == 0x80) {
        s.len--;
    }

    phr_buf_init(&text, 0);
    phr_buf_str(&text, s);
    phr_buf_puts(&text, "...");
    phr_json_pair(&c->json, "expr", phr_buf_view(&text));

    if (text.failed) {
        c->json.buf->failed = text.failed;
    }

    phr_buf_free(&text);
}


static int
phr_explain_shows(const phr_node_t *node)
{
    node = phr_ast_unparen(node);

    return node->kind != PHR_NODE_NUMBER && node->kind != PHR_NODE_STRING;
}


static const char *
phr_explain_type(const phr_node_t *node)
{
    switch (node->kind) {

    case PHR_NODE_NUMBER:
        return "number";

    case PHR_NODE_STRING:
        return "string";

    case PHR_NODE_SELECTOR:
        return "selector";

    case PHR_NODE_MATRIX:
        return "range selector";

    case PHR_NODE_SUBQUERY:
        return "subquery";

    case PHR_NODE_UNARY:
    case PHR_NODE_BINARY:
        return "operator";

    case PHR_NODE_AGGREGATE:
        return "aggregation";

    case PHR_NODE_CALL:
        return "function";

    case PHR_NODE_PAREN:
    case PHR_NODE_DURATION:
        break;
    }

    return "unknown";
}
