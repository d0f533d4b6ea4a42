/*
 * Copyright (C) The Pharos Authors
 *
 * Cost: what each node of a query takes, noted while it is evaluated, if
 * that was asked for.
 */

#ifndef PHR_COST_H_INCLUDED
#define PHR_COST_H_INCLUDED


#include "promql/eval.h"


/* between storage or a node that makes columns, and who takes them */
typedef struct {
    phr_sink_t   sink;                  /* first: the sink is this */
    phr_eval_t  *ev;
    phr_sink_t  *to;
    size_t       nsteps;
    int64_t      us;                    /* spent beyond it */
    uint64_t     series;
    uint64_t     samples;
} phr_cost_sink_t;


/* 0 if nobody asked */
static inline int64_t
phr_cost_clock_us(const phr_eval_t *ev)
{
    const phr_costs_t  *costs;

    costs = ev->query->costs;

    return costs == NULL ? 0 : costs->clock_us(costs->data);
}

/* a node was evaluated from began_us on, with this result */
void phr_cost_node(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, int64_t began_us, const phr_value_t *value);

/* the same of one whose columns went through the sink */
phr_sink_t *phr_cost_sink(phr_eval_t *ev, const phr_grid_t *g,
    phr_sink_t *to, phr_cost_sink_t *s);
void phr_cost_streamed(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, int64_t began_us, const phr_cost_sink_t *s);

/* storage gave series and samples to a selector, from began_us on */
void phr_cost_read(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, int64_t began_us, uint64_t nseries,
    uint64_t nsamples);


#endif /* PHR_COST_H_INCLUDED */
