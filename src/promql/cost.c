/*
 * Copyright (C) The Pharos Authors
 *
 * Cost: see cost.h.
 */

#include "promql/cost.h"


static phr_cost_t *phr_cost_of(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, int64_t began_us);
static int phr_cost_column(phr_sink_t *sink, phr_labels_t labels, double *v,
    int drop_name);


static phr_cost_t *
phr_cost_of(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    int64_t began_us)
{
    phr_cost_t  *cost;

    cost = &ev->query->costs->nodes[node->id];
    cost->us += phr_cost_clock_us(ev) - began_us;
    cost->steps = g->n;
    cost->evaluated = 1;
    cost->once = g->n > 1 && phr_plan_of(ev, node)->once;

    return cost;
}


/* what a selector gave is counted where it is read */

void
phr_cost_node(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    int64_t began_us, const phr_value_t *value)
{
    phr_cost_t  *cost;

    if (ev->query->costs == NULL) {
        return;
    }

    cost = phr_cost_of(ev, node, g, began_us);

    if (node->kind != PHR_NODE_SELECTOR) {
        cost->series += value->n;
        cost->samples += phr_eval_value_samples(ev, value, g->n);
    }
}


phr_sink_t *
phr_cost_sink(phr_eval_t *ev, const phr_grid_t *g, phr_sink_t *to,
    phr_cost_sink_t *s)
{
    if (ev->query->costs == NULL) {
        return to;
    }

    memset(s, 0, sizeof(phr_cost_sink_t));
    s->sink.column = phr_cost_column;
    s->ev = ev;
    s->to = to;
    s->nsteps = g->n;

    return &s->sink;
}


static int
phr_cost_column(phr_sink_t *sink, phr_labels_t labels, double *v,
    int drop_name)
{
    int               rc;
    int64_t           began_us;
    phr_cost_sink_t  *s;

    s = (phr_cost_sink_t *) sink;
    s->series++;
    s->samples += phr_eval_samples(s->ev, v, s->nsteps);

    began_us = phr_cost_clock_us(s->ev);
    rc = s->to->column(s->to, labels, v, drop_name);
    s->us += phr_cost_clock_us(s->ev) - began_us;

    return rc;
}


void
phr_cost_streamed(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, int64_t began_us, const phr_cost_sink_t *s)
{
    phr_cost_t  *cost;

    if (ev->query->costs == NULL) {
        return;
    }

    cost = phr_cost_of(ev, node, g, began_us + s->us);

    if (node->kind != PHR_NODE_SELECTOR) {
        cost->series += s->series;
        cost->samples += s->samples;
    }
}


void
phr_cost_read(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    int64_t began_us, uint64_t nseries, uint64_t nsamples)
{
    phr_cost_t  *cost;

    if (ev->query->costs == NULL) {
        return;
    }

    /* the time of a selector without a range is that of its node */

    if (node->kind == PHR_NODE_SELECTOR) {
        began_us = phr_cost_clock_us(ev);
    }

    cost = phr_cost_of(ev, node, g, began_us);
    cost->series += nseries;
    cost->samples += nsamples;
}
