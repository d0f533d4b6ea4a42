/*
 * Copyright (C) The Pharos Authors
 *
 * Aside: a damaged store is moved out of the way, and a new one begun.  The
 * damaged file stays in the folder.
 */

#ifndef PHR_ASIDE_H_INCLUDED
#define PHR_ASIDE_H_INCLUDED


#include "core/err.h"


#define PHR_ASIDE_NAME  256


/*
 * Notes that the store in this folder is damaged, for the next that opens
 * it: whoever has it open cannot move it.
 */
int phr_aside_condemn(const char *path, phr_err_t *err);

/*
 * Before the store is opened, with its lock held: PHR_ECORRUPT if it was
 * condemned, or if phr_tree_check() finds damage.
 */
int phr_aside_check(const char *path, uint64_t max_value_bytes,
    phr_err_t *err);

/*
 * The same with phr_tree_check_quick(); *whole tells if all pages of the
 * trees were read.
 */
int phr_aside_check_quick(const char *path, uint64_t max_bytes, int *whole,
    phr_err_t *err);

/*
 * Renames the file to "data.mdb.damaged-<time>", which is written to name,
 * and forgets that it was condemned.
 */
int phr_aside_move(const char *path, int64_t now_s,
    char name[PHR_ASIDE_NAME], phr_err_t *err);


#endif /* PHR_ASIDE_H_INCLUDED */
