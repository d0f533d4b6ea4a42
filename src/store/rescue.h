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
 * Salvages the "data.mdb" in the folder of conf->path, which nobody has open,
 * beside it; conf is that of the store to be opened.  The new store is whole
 * and verified, or there is none: PHR_ELIMIT if the file is too large, or if
 * processes died of trying, PHR_ENOSPC if the disk is too small, PHR_NOTFOUND
 * if nothing was found, or a failure.
 */
int phr_rescue(const phr_store_conf_t *conf, phr_salvage_result_t *result,
    phr_err_t *err);

/*
 * Puts what was salvaged in the place of a file that was moved aside, also
 * by an earlier process that came no further.  Before the store is opened.
 */
int phr_rescue_place(const char *path, phr_err_t *err);


#endif /* PHR_RESCUE_H_INCLUDED */
