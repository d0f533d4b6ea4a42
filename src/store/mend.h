/*
 * Copyright (C) The Pharos Authors
 *
 * Mend: a store that has nothing but the records that are not made of others
 * becomes a whole one: layouts get their heads, series their hashes and
 * their places in the index, packs their windows, groups their newest times,
 * and the counters go on behind the highest ids.  What lacks a part that it
 * cannot be read without is taken out.
 */

#ifndef PHR_MEND_H_INCLUDED
#define PHR_MEND_H_INCLUDED


#include "store/internal.h"


/* what is known of the records that were found */
typedef struct {
    uint8_t   whole[PHR_DB_MAX];    /* there are all */
    uint8_t   doubt;                /* some may be of an earlier state */
} phr_mend_found_t;

typedef struct {
    uint64_t  nseries;
    uint64_t  nseries_lost;     /* a part of the labels is missing */
    uint64_t  npacked;          /* samples */
    uint64_t  npacked_lost;     /* as the records of windows say */
    uint64_t  nrow;
    uint64_t  nrow_lost;        /* their series, or what they refer to */
    uint64_t  nrow_records;
    uint64_t  nloose;
    uint64_t  nloose_records;
    uint64_t  norphans;         /* samples of series without labels */
    uint64_t  nvalues;
    uint64_t  nvalues_lost;
    uint64_t  nstarts;          /* changes of start timestamps */
    uint64_t  nstarts_lost;
    uint64_t  nbuckets;         /* records of them */
    uint64_t  nexemplars;
    uint64_t  nexemplar_records;
} phr_mend_result_t;


/*
 * The store is open for writing, nothing is pending and it was not used.
 * Every record has a checksum that holds.  It must be closed afterwards.
 */
int phr_mend(phr_store_t *st, const phr_mend_found_t *found,
    phr_mend_result_t *result, phr_err_t *err);


#endif /* PHR_MEND_H_INCLUDED */
