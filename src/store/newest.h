/*
 * Copyright (C) The Pharos Authors
 *
 * Newest: which series the last batch of a source had, for a writer that
 * takes over from another process.
 */

#ifndef PHR_NEWEST_H_INCLUDED
#define PHR_NEWEST_H_INCLUDED


#include "store/internal.h"


/* "newest" of core/storage.h; a transaction is open */
int phr_source_newest(phr_store_t *st, uint32_t source, int64_t min_ms,
    int64_t max_ms, int (*visit)(void *data, phr_sid_t sid), void *data,
    phr_err_t *err);


#endif /* PHR_NEWEST_H_INCLUDED */
