/*
 * Copyright (C) The Pharos Authors
 *
 * Seal: rows and loose samples become packs.  A step is one write
 * transaction: what it deletes is what it writes.
 */

#ifndef PHR_SEAL_H_INCLUDED
#define PHR_SEAL_H_INCLUDED


#include "store/block.h"
#include "store/internal.h"


/* columns that one step packs, unless layouts change within the rows */
#define PHR_SEAL_COLUMNS  1527      /* three pieces of a row */


/*
 * Packs the oldest rows of a source: all of them or, of a wide source, some
 * pieces, and then more next time.  In the pending transaction.
 */
int phr_seal_rows(phr_store_t *st, phr_source_t *src, phr_err_t *err);

/* packs all loose samples of a group */
int phr_seal_loose(phr_store_t *st, uint32_t number, phr_group_t *g,
    phr_err_t *err);

/*
 * Gives the packer those samples of a series that are not too old by now: n
 * floats, or histograms, if h is not NULL.
 */
int phr_seal_add(phr_store_t *st, phr_packer_t *packer, phr_sid_t sid,
    const int64_t *t_ms, const double *v, const phr_hist_t *const *h,
    size_t n, phr_err_t *err);


#endif /* PHR_SEAL_H_INCLUDED */
