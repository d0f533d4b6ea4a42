/*
 * Copyright (C) The Pharos Authors
 *
 * Index: from labels to series.  Each label name, and each value of it, has
 * a record, in order, with a list of series; entries are collected while a
 * transaction is open and written sorted, so that a label shared by a
 * thousand new series is touched once.
 *
 * The name with the empty value lists all series that have the label; the
 * empty name lists all series.
 */

#ifndef PHR_INDEX_H_INCLUDED
#define PHR_INDEX_H_INCLUDED


#include "store/internal.h"


int phr_index_add(phr_store_t *st, phr_sid_t sid, phr_labels_t ls,
    phr_err_t *err);

/* adds and removals are not mixed between two flushes */
int phr_index_remove(phr_store_t *st, phr_sid_t sid, phr_labels_t ls,
    phr_err_t *err);

int phr_index_flush(phr_store_t *st, int removal, phr_err_t *err);


typedef struct {
    uint32_t   id;
    uint32_t   nvalues;
    uint64_t   bytes;       /* of all values */
} phr_name_t;

typedef struct {
    uint32_t   list;
    uint32_t   nseries;
} phr_pair_t;

/* PHR_OK or PHR_NOTFOUND */
int phr_name_find(phr_txn_t *txn, phr_str_t name, phr_name_t *n,
    phr_err_t *err);
int phr_pair_find(phr_txn_t *txn, uint32_t name_id, phr_str_t value,
    phr_pair_t *pair, phr_err_t *err);

/*
 * Visits names, or the values of a name that begin with prefix, in order of
 * their bytes; but those that share their first PHR_KEY_STR bytes come in
 * any order.  The string is valid during the call.  A visit that returns
 * other than PHR_OK ends it, with that.
 */
int phr_names_each(phr_txn_t *txn,
    int (*visit)(void *data, phr_str_t name, const phr_name_t *n),
    void *data, phr_err_t *err);
int phr_pairs_each(phr_txn_t *txn, uint32_t name_id, phr_str_t prefix,
    int (*visit)(void *data, phr_str_t value, const phr_pair_t *p),
    void *data, phr_err_t *err);


/*
 * What select.c does with them: all series that match, sorted.  stop is that
 * of a querier, or NULL.
 */
int phr_index_select(phr_txn_t *txn, const phr_matcher_t *m, size_t n,
    const volatile int *stop, phr_arena_t *arena, phr_sids_t *out,
    phr_err_t *err);


#endif /* PHR_INDEX_H_INCLUDED */
