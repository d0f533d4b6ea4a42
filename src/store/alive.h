/*
 * Copyright (C) The Pharos Authors
 *
 * Alive: which series may have samples in a range of time, found without a
 * look at samples.  A series that ended before the range, or whose id was
 * given after it, is not alive; one with a gap there may be said to be.
 */

#ifndef PHR_ALIVE_H_INCLUDED
#define PHR_ALIVE_H_INCLUDED


#include "store/postings.h"


typedef struct phr_alive_layout_s  phr_alive_layout_t;
typedef struct phr_alive_source_s  phr_alive_source_t;

typedef struct {
    phr_txn_t           *txn;
    phr_keep_t           keep;
    phr_arena_t         *arena;
    int64_t              min_ms, max_ms;
    phr_sid_t            high;  /* of all in packs of the range */
    phr_sid_t            newest;    /* of all there are */
    size_t               ngroups;
    uint8_t             *known; /* by group: phr_alive_known_e */
    uint64_t           (*bits)[PHR_GROUP_SIZE / 64];
    phr_str_t           *sealed;    /* the record, or empty */
    phr_sids_t           ids;   /* of a record of a list */

    phr_alive_layout_t  *layouts;
    size_t               nlayouts;
    phr_alive_source_t  *sources;
    size_t               nsources;

    unsigned             all:1; /* the range is no bound */
    unsigned             listed:1;  /* layouts and sources are there */
} phr_alive_t;


/*
 * Samples below the floors of keep count as gone.  Memory is taken from the
 * arena; groups are looked at when asked for.
 */
int phr_alive_init(phr_alive_t *a, phr_txn_t *txn, const phr_keep_t *keep,
    int64_t min_ms, int64_t max_ms, phr_arena_t *arena, phr_err_t *err);

/* removes what is not alive */
int phr_alive_filter(phr_alive_t *a, phr_sids_t *sids, phr_err_t *err);

/* from now on these alone are alive */
int phr_alive_narrow(phr_alive_t *a, const phr_sids_t *sids,
    phr_arena_t *arena, phr_err_t *err);

/* PHR_OK if any of the list is alive, PHR_NOTFOUND, or a failure */
int phr_alive_any(phr_alive_t *a, uint32_t list, phr_err_t *err);


#endif /* PHR_ALIVE_H_INCLUDED */
