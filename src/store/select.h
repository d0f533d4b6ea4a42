/*
 * Copyright (C) The Pharos Authors
 *
 * Select: the querier of core/storage.h on one read transaction.
 */

#ifndef PHR_SELECT_H_INCLUDED
#define PHR_SELECT_H_INCLUDED


#include "store/internal.h"


typedef struct {
    phr_querier_t   base;
    phr_store_t    *st;
    phr_txn_t      *txn;
    phr_keep_t      keep;
    uint64_t        max_exemplars;
    phr_array_t     readers;    /* of phr_reader_t *, closed with us */
    phr_array_t     coarse;     /* of phr_coarse_reader_t *, the same */
} phr_store_querier_t;


int phr_querier_open(phr_storage_t *storage, phr_querier_t **q,
    phr_err_t *err);

/* select_names.c */
int phr_querier_label_names(phr_querier_t *base, const phr_matcher_t *m,
    size_t n, int64_t min_ms, int64_t max_ms, size_t limit,
    phr_arena_t *arena, phr_str_t **names, size_t *nnames, int *truncated,
    phr_err_t *err);
int phr_querier_label_values(phr_querier_t *base, phr_str_t name,
    const phr_matcher_t *m, size_t n, int64_t min_ms, int64_t max_ms,
    size_t limit, phr_arena_t *arena, phr_str_t **values, size_t *nvalues,
    int *truncated, phr_err_t *err);


#endif /* PHR_SELECT_H_INCLUDED */
