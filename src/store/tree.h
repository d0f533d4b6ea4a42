/*
 * Copyright (C) The Pharos Authors
 *
 * Tree: looks at the pages of a store before LMDB does.  LMDB believes what
 * it finds in its pages: a flipped bit there makes it read beyond them, or
 * not find what is there.  A tree that passes is one in which every lookup
 * ends where it should, so that what is wrong with a record is seen by the
 * record's checksum.
 *
 * This is about the file format of LMDB 0.9 on 64-bit machines with little
 * end first; elsewhere nothing is checked.
 */

#ifndef PHR_TREE_H_INCLUDED
#define PHR_TREE_H_INCLUDED


#include "store/env.h"


typedef struct {
    uint64_t  file_bytes;
    uint64_t  npages;           /* of the trees */
    uint64_t  nvalues;          /* read on pages of their own */
    uint8_t   values;           /* all of them were */
    uint8_t   leaves;           /* pages of records were read, too */
} phr_tree_result_t;


/*
 * Reads all pages of the trees in the file "data.mdb" in the folder path
 * (nothing may write to it meanwhile), with the checksums of what is in
 * them, and, if the file is not larger than max_value_bytes, also those of
 * all values that have a page of their own.  PHR_OK also if there is no such
 * file; PHR_ECORRUPT, PHR_EIO, PHR_ENOMEM.  result may be NULL.
 */
int phr_tree_check(const char *path, uint64_t max_value_bytes,
    phr_tree_result_t *result, phr_err_t *err);

/*
 * The same for one that must open at once: if the file is larger than
 * max_bytes only the pages above those of records are read, and the lists of
 * free pages; the rest can be looked at with phr_tree_check_live().
 */
int phr_tree_check_quick(const char *path, uint64_t max_bytes,
    phr_tree_result_t *result, phr_err_t *err);

/*
 * Reads all pages of one tree of a store that is open, in any thread, with a
 * read transaction of its own, which ends with the call; no values on pages
 * of their own.  PHR_ECANCELED soon after *stop is not 0; PHR_AGAIN if
 * commits were too fast to find the state of the transaction.
 */
int phr_tree_check_live(phr_env_t *env, phr_db_e db, volatile int *stop,
    phr_tree_result_t *result, phr_err_t *err);


#endif /* PHR_TREE_H_INCLUDED */
