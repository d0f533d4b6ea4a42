/*
 * Copyright (C) The Pharos Authors
 *
 * Repack: samples leave packs, for retention and for deletion.  A pack goes
 * as it is, or is written anew without some of it; the records of windows
 * follow.  Which samples is the caller's business.  Of start timestamps the
 * last one stays that holds for samples after those that go.
 */

#ifndef PHR_REPACK_H_INCLUDED
#define PHR_REPACK_H_INCLUDED


#include "store/block.h"
#include "store/internal.h"


typedef struct {
    phr_store_t     *st;

    /* samples of the series from *from_ms to *to_ms, both included, go */
    int            (*range)(void *data, phr_sid_t sid, int64_t *from_ms,
                            int64_t *to_ms, phr_err_t *err);
    void            *data;

    int              changed;   /* something was written */
    phr_packer_t    *packer;    /* made when needed */
    int              any;       /* a window was touched, */
    phr_pack_key_t   window;    /* this one */
    phr_window_t     gone;      /* from it */
} phr_repack_t;


/*
 * Around the calls below, all of them in the pending transaction and with no
 * cursor open on packs.  end() gives rc, or its own failure.
 */
void phr_repack_init(phr_repack_t *d, phr_store_t *st,
    int (*range)(void *data, phr_sid_t sid, int64_t *from_ms, int64_t *to_ms,
                 phr_err_t *err),
    void *data);
int phr_repack_end(phr_repack_t *d, int rc, phr_err_t *err);

/* takes a pack out; a damaged one goes, too */
int phr_repack_drop(phr_repack_t *d, const phr_pack_key_t *key,
    phr_err_t *err);

/* writes a pack anew, without what is to go, if there is any such */
int phr_repack_without(phr_repack_t *d, const phr_pack_key_t *key,
    phr_err_t *err);


#endif /* PHR_REPACK_H_INCLUDED */
