/*
 * Copyright (C) The Pharos Authors
 *
 * Query splice: a result of a range query in a form that lasts, and results
 * made of such a one and of what was evaluated of later steps.  Who keeps
 * them, and which steps of them still hold, is api/query_cache.c.
 */

#ifndef PHR_QUERY_SPLICE_H_INCLUDED
#define PHR_QUERY_SPLICE_H_INCLUDED


#include "promql/promql.h"


/* what two queries must have in common to share steps */
typedef struct {
    phr_str_t  text;
    unsigned   flags;
    unsigned   span;                    /* of how many steps, roughly */
    int64_t    step_ms;
    int64_t    phase_ms;                /* of the start within a step */
    int64_t    lookback_ms;
    int64_t    subquery_step_ms;
    uint64_t   hash;
} phr_kept_key_t;

typedef struct phr_kept_s  phr_kept_t;

/* a single block of memory, with its labels, values and notes behind it */
struct phr_kept_s {
    phr_kept_key_t  key;
    int64_t         start_ms;
    size_t          nsteps;             /* as it was made */
    phr_labels_t   *labels;             /* of nseries, sorted */
    size_t          nseries;
    double         *v;                  /* of nseries times nsteps, stale
                                           markers where there is nothing */
    phr_str_t      *notes;              /* warnings first */
    size_t          nwarnings;
    size_t          ninfos;
    size_t          bytes;

    /* the keeper's */
    phr_kept_t     *next;               /* of a chain */
    phr_kept_t     *newer;
    phr_kept_t     *older;
    size_t          valid;              /* steps that hold, */
    uint64_t        version;            /* in this snapshot */
    unsigned        refs;
};


void phr_kept_hash(phr_kept_key_t *key);
int phr_kept_is(const phr_kept_t *kept, const phr_kept_key_t *key);

/* of a result without histograms: how large it will be, and a copy or NULL */
size_t phr_kept_bytes(const phr_kept_key_t *key, const phr_result_t *r,
    size_t nsteps);
phr_kept_t *phr_kept_create(const phr_kept_key_t *key, const phr_query_t *q,
    const phr_result_t *r, size_t nsteps, size_t bytes);

/*
 * Whether the steps of a query up to "from" as they were kept, and the later
 * result of the others, say all that an evaluation of all nsteps would say.
 */
int phr_kept_joins(const phr_kept_t *kept, const phr_query_t *q,
    size_t nsteps, size_t from, const phr_result_t *later);

/* the result of both, in the query's arena; PHR_ELIMIT, PHR_ENOMEM */
int phr_kept_splice(const phr_kept_t *kept, const phr_query_t *q,
    size_t nsteps, size_t from, const phr_result_t *later,
    phr_result_t *result, phr_err_t *err);


#endif /* PHR_QUERY_SPLICE_H_INCLUDED */
