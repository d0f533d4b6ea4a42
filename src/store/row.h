/*
 * Copyright (C) The Pharos Authors
 *
 * Row: one batch of a source at one time, values only, in the order of a
 * layout.  Rows stay until they are sealed into packs.
 *
 * A row tells what changed since an earlier one of its layout, its first,
 * as long as that is less than all of it.  Whoever deletes a row has those
 * of which it is the first written anew, see phr_row_whole().
 */

#ifndef PHR_ROW_H_INCLUDED
#define PHR_ROW_H_INCLUDED


#include "store/source.h"
#include "store/terse.h"


/* values in a piece of a row, at most: 4 + 4 + 8 * 509 bytes fill a page */
#define PHR_ROW_VALUES    509
#define PHR_ROW_HEADER    4

/* and as many they are in this store: fewer where it is encrypted */
size_t phr_row_values(const phr_txn_t *txn);


/* what the body of a checked record says of itself */
typedef struct {
    size_t          n;          /* values, PHR_ROW_VALUES at most */
    uint64_t        back_ms;    /* how much earlier its first is; 0: none */
    uint32_t        crc;        /* checksum that the first has */
    int             terse;
    const uint8_t  *body;       /* behind its own checksum */
    const uint8_t  *p;          /* the values, len bytes */
    size_t          len;
} phr_row_t;

/*
 * The body of a record with its checksum before it, as phr_record_check() and
 * phr_record_get() give it: it is read again with the values.  PHR_OK or
 * PHR_ECORRUPT; the values are not looked at yet, by _check() they are.
 */
int phr_row_open(phr_str_t body, phr_row_t *row);
int phr_row_check(phr_str_t body, phr_row_t *row);

/*
 * The first row of others, kept from one to the next.  Zeros to begin with,
 * or after _init(): if col is not NULL, only these columns, ascending, are
 * wanted of all rows; they must stay.
 */
typedef struct {
    const uint16_t  *col;
    size_t           ncols;
    phr_row_key_t    key;
    uint32_t         crc;
    int              loaded;
    size_t           n;
    phr_terse_t      values;
} phr_row_first_t;

static inline void
phr_row_first_init(phr_row_first_t *first, const uint16_t *col, size_t ncols)
{
    first->col = col;
    first->ncols = ncols;
    first->loaded = 0;
}

/*
 * The values of a piece into v[PHR_ROW_VALUES], after phr_row_open() of its
 * body: all, or those of first->col one after another, each of which must be
 * less than row->n.  PHR_OK, PHR_ECORRUPT or a failure of the environment.
 */
int phr_row_read(phr_txn_t *txn, const phr_row_key_t *key,
    const phr_row_t *row, phr_row_first_t *first, double *v, phr_err_t *err);

/* writes a row of n values */
int phr_row_append(phr_store_t *st, phr_source_t *src, int64_t t_ms,
    const phr_sid_t *sid, const double *v, size_t n, phr_err_t *err);

/* writes a piece of n values that refers to no other row, in place of it */
int phr_row_whole(phr_txn_t *txn, const phr_row_key_t *key, const double *v,
    size_t n, phr_err_t *err);


#endif /* PHR_ROW_H_INCLUDED */
