/*
 * Copyright (C) The Pharos Authors
 *
 * Rescue: what can be read of a store that was moved aside takes its place,
 * so that one damaged record costs that record and not the history.
 */

#ifndef PHR_RESCUE_H_INCLUDED
#define PHR_RESCUE_H_INCLUDED


#include "store/salvage.h"


/* what is larger is left to the command: it would take minutes */
#define PHR_RESCUE_BYTES  (1ULL << 30)


/*
 * Salvages the file of this name, in the folder of conf->path, which nobody
 * has open and which has no "data.mdb"; conf is that of the store to be
 * opened.  The new store is whole, verified and in its place, or there is
 * none: PHR_ELIMIT if the file is too large, PHR_ENOSPC if the disk is too
 * small, PHR_NOTFOUND if nothing was found, or a failure.
 */
int phr_rescue(const phr_store_conf_t *conf, const char *name,
    phr_salvage_result_t *result, phr_err_t *err);


#endif /* PHR_RESCUE_H_INCLUDED */
