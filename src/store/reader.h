/*
 * Copyright (C) The Pharos Authors
 *
 * Reader: the samples of given series in a range of time, from packs, rows
 * and loose samples, in order and without duplicates.  Series are read many
 * at a time: one pass over packs and rows serves them all.
 */

#ifndef PHR_READER_H_INCLUDED
#define PHR_READER_H_INCLUDED


#include "store/internal.h"


typedef struct phr_reader_s  phr_reader_t;

/* h is as in phr_series_t, with the hints that storage gives */
typedef struct {
    phr_sid_t                 sid;
    const int64_t            *t_ms;
    const double             *v;
    const phr_hist_t *const  *h;
    size_t                    n;
} phr_columns_t;


/*
 * sid: n different ids in any order, which must outlive the reader; samples
 * come in that order.  The transaction must not change meanwhile.
 */
int phr_reader_create(phr_txn_t *txn, const phr_sid_t *sid, size_t n,
    int64_t min_ms, int64_t max_ms, phr_reader_t **r, phr_err_t *err);
void phr_reader_destroy(phr_reader_t *r);       /* r may be NULL */

/*
 * From now on the samples of a series count in the arena, which outlives the
 * reader: PHR_ELIMIT if they need more than is left there.
 */
void phr_reader_count(phr_reader_t *r, phr_arena_t *arena);

/*
 * PHR_OK and the next series, one without samples too (n is 0 then), or
 * PHR_DONE.  The columns are valid until the next call.
 */
int phr_reader_next(phr_reader_t *r, phr_columns_t *c, phr_err_t *err);

/*
 * reader_start.c: the start timestamps that n samples of the series that was
 * read last have, or would have, at times in ascending order: NULL if there
 * are none, 0 up to after_ms.  They must have been wanted before the first
 * series was read, and are valid until the next is.
 */
void phr_reader_want_starts(phr_reader_t *r);
int phr_reader_starts(phr_reader_t *r, const int64_t *t_ms, size_t n,
    int64_t after_ms, const int64_t **st_ms, phr_err_t *err);


#endif /* PHR_READER_H_INCLUDED */
