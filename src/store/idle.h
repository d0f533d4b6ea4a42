/*
 * Copyright (C) The Pharos Authors
 *
 * Idle: forgets sources that have sent nothing for long, such as targets
 * that were replaced.  Their layouts would be looked through by each query,
 * and their names be kept for ever.
 *
 * Who still has the id of such a source may use it; only its name gets
 * another one.
 */

#ifndef PHR_IDLE_H_INCLUDED
#define PHR_IDLE_H_INCLUDED


#include "store/internal.h"


/*
 * A step of a walk, in the pending transaction.  PHR_OK when the walk is
 * done, PHR_AGAIN when it is not, or a failure; *changed is set if something
 * was written.
 */
int phr_idle_step(phr_store_t *st, phr_idle_t *idle, int *changed,
    phr_err_t *err);


#endif /* PHR_IDLE_H_INCLUDED */
