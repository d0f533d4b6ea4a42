/*
 * Copyright (C) The Pharos Authors
 *
 * Final: which expressions have a value at a step that depends on nothing
 * but the step and the samples near it, so that it may be remembered and put
 * beside the values of later steps, bit by bit what a single evaluation over
 * all of them gives.
 *
 * Not among them are those that ask for the start or the end of the query,
 * and those where the order of series matters that may be another one over
 * other steps: a sum of sums, or the topk() of a sum.
 */

#ifndef PHR_FINAL_H_INCLUDED
#define PHR_FINAL_H_INCLUDED


#include "promql/promql.h"


/* at t, samples in (t - back_ms, t + ahead_ms] are looked at; any sign */
typedef struct {
    int64_t  back_ms;
    int64_t  ahead_ms;
} phr_reach_t;


/*
 * 1 if the query, over several steps, is of an expression of this kind; it
 * looks at samples then, and two steps at least are to be evaluated at a
 * time.  An error is one of some step, or of all.
 */
int phr_promql_final(const phr_query_t *query, phr_reach_t *reach);


#endif /* PHR_FINAL_H_INCLUDED */
