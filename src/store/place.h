/*
 * Copyright (C) The Pharos Authors
 *
 * Place: the folder of a store.  Whether its filesystem can hold one: on
 * one that several machines share, a map of the file is not kept in step
 * with writes, locks do not hold, and a write may be on no disk when fsync()
 * returns.  And what names it has after a power failure.
 */

#ifndef PHR_PLACE_H_INCLUDED
#define PHR_PLACE_H_INCLUDED


#include "core/err.h"


/* PHR_EINVAL, with what to do; PHR_OK also if there is no such path yet */
int phr_place_check(const char *path, phr_err_t *err);

/* type is the f_type of statfs(2) */
int phr_place_check_type(uint32_t type, const char *path, phr_err_t *err);

/*
 * Files that were made, renamed or removed in the folder path are so after a
 * power failure as well: flushing a file does not say that it keeps its
 * name.  PHR_EIO.
 */
int phr_place_sync(const char *path, phr_err_t *err);


#endif /* PHR_PLACE_H_INCLUDED */
