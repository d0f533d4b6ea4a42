/*
 * Copyright (C) The Pharos Authors
 *
 * Row: one batch of a source at one time, values only, in the order of a
 * layout.  Rows stay until they are sealed into packs.
 */

#ifndef PHR_ROW_H_INCLUDED
#define PHR_ROW_H_INCLUDED


#include "store/source.h"


/* values in a piece of a row, at most: 4 + 4 + 8 * 509 bytes fill a page */
#define PHR_ROW_VALUES    509
#define PHR_ROW_HEADER    4

/* and as many they are in this store: fewer where it is encrypted */
size_t phr_row_values(const phr_txn_t *txn);


/* body of a checked record; *v points to n doubles, not aligned */
int phr_row_decode(phr_str_t body, const uint8_t **v, size_t *n);

/* writes a row of n values */
int phr_row_append(phr_store_t *st, phr_source_t *src, int64_t t_ms,
    const phr_sid_t *sid, const double *v, size_t n, phr_err_t *err);


#endif /* PHR_ROW_H_INCLUDED */
