/*
 * Copyright (C) The Pharos Authors
 *
 * Classic: histograms whose buckets are series with an upper bound in the
 * label "le", put together from the columns of a vector.  What is computed
 * of a histogram's buckets is in bucket.h.
 */

#ifndef PHR_CLASSIC_H_INCLUDED
#define PHR_CLASSIC_H_INCLUDED


#include "promql/bucket.h"
#include "promql/eval.h"


typedef struct {
    double    upper;
    uint32_t  col;
} phr_classic_bound_t;


/* the columns of one histogram, in order of their bounds */
typedef struct {
    phr_labels_t          labels;       /* without "le" */
    phr_classic_bound_t  *bounds;
    size_t                n;
} phr_classic_t;


typedef struct {
    phr_value_t     in;         /* the buckets' series */
    phr_value_t     native;     /* native histograms alone */
    phr_classic_t  *hists;
    size_t          n;
    phr_bucket_t   *buckets;    /* room for those of any histogram */
} phr_classics_t;


/*
 * Evaluates arg and puts its buckets together; native histograms are taken
 * apart.  Where one is there in both forms, neither counts, which is noted.
 * Memory is the query's.
 */
int phr_classics_collect(phr_eval_t *ev, const phr_node_t *arg,
    const phr_grid_t *g, phr_classics_t *h);

/* the buckets that have a sample at a step, into h->buckets; how many */
size_t phr_classic_gather(const phr_classics_t *h, const phr_classic_t *hist,
    size_t step);


#endif /* PHR_CLASSIC_H_INCLUDED */
