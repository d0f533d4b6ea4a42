/*
 * Copyright (C) The Pharos Authors
 *
 * List of histograms: rows have no native histograms, so no layout tells
 * which series of a source had one in its last batch.  A record by source
 * does:
 *
 *     'h', source:32 -> sids, 32 bits each
 *
 * It is written when they change, which they seldom do.
 */

#ifndef PHR_HIST_LIST_H_INCLUDED
#define PHR_HIST_LIST_H_INCLUDED


#include "store/internal.h"


/* after a batch without times of its own: the samples of status PHR_OK */
int phr_hist_list_note(phr_store_t *st, phr_source_t *src,
    const phr_batch_t *b, const int8_t *status, phr_err_t *err);

/* appends the series of the last batch */
int phr_hist_list_read(phr_store_t *st, uint32_t source, phr_sids_t *sids,
    phr_err_t *err);

/* the source is gone */
int phr_hist_list_drop(phr_store_t *st, uint32_t source, phr_err_t *err);


#endif /* PHR_HIST_LIST_H_INCLUDED */
