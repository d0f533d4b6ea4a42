/*
 * Copyright (C) The Pharos Authors
 *
 * Query cache: results of range queries, so that the next one over later
 * steps evaluates these alone.  What it answers is bit by bit what an
 * evaluation over all steps gives.
 *
 * A result is remembered with the snapshot that it was made of.  Whoever
 * wants it has a snapshot too, which tells the time of the oldest sample
 * that was written or deleted in between: the steps before that still hold.
 * So late samples, deletions and stale markers need no care of their own,
 * nor do steps whose samples are not all there yet.
 *
 * Not remembered: what promql/final.h does not list, results with
 * histograms or of downsampled samples, and what reaches back to where
 * retention takes samples away.
 *
 * Threads: any.
 */

#ifndef PHR_QUERY_CACHE_H_INCLUDED
#define PHR_QUERY_CACHE_H_INCLUDED


#include "promql/promql.h"


typedef struct phr_query_cache_s  phr_query_cache_t;

typedef struct {
    uint64_t  nhits;            /* at least a part was there */
    uint64_t  nmisses;          /* it could have been */
    uint64_t  nothers;          /* queries that are not for it */
    uint64_t  nevicted;
    uint64_t  bytes;
    uint64_t  nentries;
} phr_query_cache_stats_t;


/* NULL: no memory */
phr_query_cache_t *phr_query_cache_create(size_t max_bytes);
void phr_query_cache_destroy(phr_query_cache_t *cache);     /* or NULL */

/*
 * Evaluates as phr_promql_eval() does, with what is remembered.  The text
 * of the query must say all that is in its tree, with flags.  What was read
 * and held is that of the steps that were evaluated, and so is the bound
 * that a query may exceed.
 */
int phr_query_cache_eval(phr_query_cache_t *cache, const phr_query_t *query,
    unsigned flags, phr_querier_t *querier, phr_result_t *result,
    phr_err_t *err);

/*
 * From now on each query is evaluated: another process writes to the store,
 * and what it writes is not known here.
 */
void phr_query_cache_close(phr_query_cache_t *cache);       /* or NULL */

void phr_query_cache_stats(phr_query_cache_t *cache,
    phr_query_cache_stats_t *stats);


#endif /* PHR_QUERY_CACHE_H_INCLUDED */
