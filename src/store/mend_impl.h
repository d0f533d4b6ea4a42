/*
 * Copyright (C) The Pharos Authors
 *
 * Mend, what its files share: how far it is.  Samples and series are mended
 * in mend.c, what is kept beside samples in mend_beside.c.
 */

#ifndef PHR_MEND_IMPL_H_INCLUDED
#define PHR_MEND_IMPL_H_INCLUDED


#include "store/block.h"
#include "store/loose.h"
#include "store/mend.h"
#include "store/row.h"
#include "store/source.h"


typedef struct {
    phr_store_t             *st;
    const phr_mend_found_t  *found;
    phr_mend_result_t       *result;
    phr_arena_t             *arena;     /* of one record */

    int64_t            *last;       /* by sid; PHR_LAST_NONE: no labels */
    size_t              nlast;
    phr_array_t         windows;    /* of phr_mend_window_t */
    uint64_t            nwindow;    /* samples, as the old records say */

    phr_array_t         starts;     /* of phr_mend_starts_t, by window */

    /* of buckets, by resolution: records, and the last block of them */
    uint64_t            ncoarse[PHR_STORE_COARSE];
    int64_t             coarse_ms[PHR_STORE_COARSE];

    /* the layout of the row before */
    phr_head_t          head;
    phr_sid_t          *sid;
    size_t              nsid;
    phr_row_first_t     first;
} phr_mend_t;

typedef struct {
    int           level;
    int32_t       window;
    phr_window_t  sum;
} phr_mend_window_t;

/* start timestamps of a window: there were, and there are */
typedef struct {
    int32_t   window;
    uint64_t  ntold;
    uint64_t  nfound;
} phr_mend_starts_t;


/* PHR_OK, PHR_NOTFOUND to have the record deleted, or a failure */
typedef int (*phr_mend_pt)(phr_mend_t *m, phr_str_t key, phr_str_t body,
    phr_err_t *err);


/* mend_beside.c: n start timestamps more that a window had, or that it has */
int phr_mend_starts_told(phr_mend_t *m, int32_t window, uint64_t n,
    phr_err_t *err);
int phr_mend_starts_found(phr_mend_t *m, int32_t window, uint64_t n,
    phr_err_t *err);

/* 1 if any that the window had may be lost */
int phr_mend_starts_lost(const phr_mend_t *m, int32_t window);

/* the packs of such windows are deleted */
int phr_mend_starts(phr_mend_t *m, phr_str_t key, phr_str_t body,
    phr_err_t *err);

/* n of a loose record, of nknown of which the series are known */
int phr_mend_loose_starts(phr_mend_t *m, size_t n, size_t nknown);

int phr_mend_coarse(phr_mend_t *m, phr_str_t key, phr_str_t body,
    phr_err_t *err);
int phr_mend_exemplars(phr_mend_t *m, phr_str_t key, phr_str_t body,
    phr_err_t *err);

/* the end of it all: how far buckets are made; small records are mended */
int phr_mend_progress(phr_mend_t *m, phr_err_t *err);


#endif /* PHR_MEND_IMPL_H_INCLUDED */
