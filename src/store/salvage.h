/*
 * Copyright (C) The Pharos Authors
 *
 * Salvage: makes a new store of what can be read of a damaged one.  Records
 * whose checksum holds are taken as they are; all that is made of others
 * (the index, the bounds of windows, the newest times) is made anew, and
 * what nothing can be done with is left out and counted.
 */

#ifndef PHR_SALVAGE_H_INCLUDED
#define PHR_SALVAGE_H_INCLUDED


#include "store/store.h"


typedef struct {
    uint64_t  npages;           /* of the damaged file */
    uint64_t  ndamaged;         /* pages and records that were not read */

    uint64_t  nseries;
    uint64_t  nseries_lost;
    uint64_t  nsamples;
    uint64_t  nsamples_lost;    /* about: of what was not read */
    uint64_t  norphans;         /* those of them whose labels are lost */
    uint64_t  nvalues;          /* small records: push groups, states */
    uint64_t  nvalues_lost;

    /* beside the samples; those that are lost are about so many */
    uint64_t  nstarts;          /* changes of start timestamps */
    uint64_t  nstarts_lost;     /* with those that nobody could rely on */
    uint64_t  nbuckets;         /* records of them */
    uint64_t  nbuckets_lost;
    uint64_t  nexemplars;
    uint64_t  nexemplars_lost;

    uint8_t   doubt;            /* some may be of an earlier state */
    uint8_t   commit_lost;      /* the newest state was not found */
} phr_salvage_result_t;


/*
 * Reads the damaged file, which nothing may write to, into st, which was
 * opened for writing and is empty; it is to be closed afterwards.  scratch
 * is an empty folder on a disk with room for what is in doubt; it may be
 * removed after that.  Memory: two bits a page, and 8 bytes for each id that
 * a series ever had.  On failure the new store is of no use.
 */
int phr_salvage(const char *file, phr_store_t *st, const char *scratch,
    phr_salvage_result_t *result, phr_err_t *err);


#endif /* PHR_SALVAGE_H_INCLUDED */
