/*
 * Copyright (C) The Pharos Authors
 *
 * Coarse, delete: buckets go with the samples that are deleted.
 */

#ifndef PHR_COARSE_DELETE_H_INCLUDED
#define PHR_COARSE_DELETE_H_INCLUDED


#include "store/coarse.h"


typedef struct {
    phr_store_t  *st;
    int64_t       min_ms, max_ms;       /* both included */

    /* not 0 if any of these series is wanted, both included */
    int         (*any)(void *data, phr_sid_t first, phr_sid_t last);
    void         *data;

    int           res;                  /* the rest: zero to begin with */
    unsigned      resume:1;
    uint8_t       key[PHR_KEY_COARSE];
} phr_coarse_delete_t;


/*
 * Bounded work in the pending transaction; PHR_AGAIN until PHR_OK, or a
 * failure, after which it must not be committed.
 */
int phr_coarse_delete_step(phr_coarse_delete_t *d, phr_err_t *err);


#endif /* PHR_COARSE_DELETE_H_INCLUDED */
