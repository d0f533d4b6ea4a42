/*
 * Copyright (C) The Pharos Authors
 *
 * Postings: sorted lists of series ids in the store, and operations on sets
 * of them in memory.  A list is cut into small records, so that adding an id
 * rewrites a kilobyte at most and readers can jump.
 */

#ifndef PHR_POSTINGS_H_INCLUDED
#define PHR_POSTINGS_H_INCLUDED


#include "store/internal.h"


/* sids ascend and, in append(), are greater than all in the list */
int phr_post_append(phr_txn_t *txn, uint32_t list, const phr_sid_t *sid,
    size_t n, phr_err_t *err);

/* ids that are not in the list are passed over */
int phr_post_remove(phr_txn_t *txn, uint32_t list, const phr_sid_t *sid,
    size_t n, phr_err_t *err);

/* adds the whole list to the end of out */
int phr_post_read(phr_txn_t *txn, uint32_t list, phr_sids_t *out,
    phr_err_t *err);

/* decodes one record's body; room for its ids must be in out */
int phr_post_decode(uint32_t first, phr_str_t body, phr_sids_t *out);

/* adds the ids of one record, given its key, to the end of out */
int phr_post_take(uint32_t list, phr_str_t key, phr_str_t body,
    phr_sids_t *out, phr_err_t *err);


/* sorts and removes duplicates */
void phr_sids_sort(phr_sids_t *s);

/* a becomes a and b, a without b */
void phr_sids_intersect(phr_sids_t *a, const phr_sids_t *b);
void phr_sids_subtract(phr_sids_t *a, const phr_sids_t *b);


#endif /* PHR_POSTINGS_H_INCLUDED */
