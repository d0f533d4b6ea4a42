/*
 * Copyright (C) The Pharos Authors
 *
 * Retain: the part of retention that looks at packs.  Included by
 * retention.c and retain.c alone.
 */

#ifndef PHR_RETAIN_H_INCLUDED
#define PHR_RETAIN_H_INCLUDED


#include "store/block.h"
#include "store/internal.h"


/*
 * Drops some packs of the pass and level that st->retain says, or chunks of
 * them, in the pending transaction.  PHR_OK when the level is done,
 * PHR_AGAIN when it is not, or a failure.  *changed tells that something was
 * written.
 */
int phr_retain_packs(phr_store_t *st, int *changed, phr_err_t *err);


#endif /* PHR_RETAIN_H_INCLUDED */
