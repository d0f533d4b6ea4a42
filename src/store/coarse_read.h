/*
 * Copyright (C) The Pharos Authors
 *
 * Reading buckets: which part of a range is answered by them, and the
 * samples that stand for them, joined with those that follow.
 */

#ifndef PHR_COARSE_READ_H_INCLUDED
#define PHR_COARSE_READ_H_INCLUDED


#include "store/coarse.h"
#include "store/reader.h"


/* what a bucket becomes, see phr_select_hints_t */
typedef enum {
    PHR_COARSE_AS_LAST = 0,
    PHR_COARSE_AS_MIN,
    PHR_COARSE_AS_MAX,
    PHR_COARSE_AS_SUM,
    PHR_COARSE_AS_EDGES
} phr_coarse_as_e;


/* buckets that end in from_ms < T <= to_ms */
typedef struct {
    int      res;
    int64_t  from_ms;
    int64_t  to_ms;
} phr_coarse_part_t;

typedef struct {
    phr_coarse_part_t  part[PHR_STORE_COARSE];  /* in order of time */
    phr_part_t         shown[PHR_STORE_COARSE]; /* for phr_series_t */
    size_t             n;
    phr_coarse_as_e    as;
    unsigned           chosen:1;    /* though the samples may be there */
    int64_t            raw_ms;      /* samples count after this */
} phr_coarse_plan_t;

/* hints may be NULL; plan->n is 0 if samples do all */
int phr_coarse_plan(phr_txn_t *txn, const phr_keep_t *keep,
    const phr_select_hints_t *hints, int64_t min_ms, int64_t max_ms,
    phr_coarse_plan_t *plan, phr_err_t *err);


typedef struct phr_coarse_reader_s  phr_coarse_reader_t;

/*
 * The transaction must not change meanwhile.  Its memory counts in the arena,
 * which outlives it: PHR_ELIMIT if a series needs more than is left there.
 */
int phr_coarse_reader_create(phr_txn_t *txn, const phr_coarse_plan_t *plan,
    phr_arena_t *arena, phr_coarse_reader_t **r, phr_err_t *err);
void phr_coarse_reader_destroy(phr_coarse_reader_t *r); /* may be NULL */

/*
 * The columns of a series, without its labels: buckets whose samples are not
 * before floor_ms, then raw, which must outlive them.  Without any bucket
 * there are no parts.  Valid until the next call.
 */
int phr_coarse_reader_series(phr_coarse_reader_t *r, phr_sid_t sid,
    int64_t floor_ms, const phr_columns_t *raw, phr_series_t *s,
    phr_err_t *err);


#endif /* PHR_COARSE_READ_H_INCLUDED */
