/*
 * Copyright (C) The Pharos Authors
 *
 * Verify: walks the whole store for damage: checksums, the form of keys and
 * records, whether chunks decode, and whether what refers to something finds
 * it.  It repairs nothing.
 */

#ifndef PHR_VERIFY_H_INCLUDED
#define PHR_VERIFY_H_INCLUDED


#include "store/store.h"


typedef struct {
    uint64_t  nrecords;
    uint64_t  nsamples;     /* in packs, rows and loose */
    uint64_t  ndamaged;
} phr_store_damage_t;


/*
 * Any thread; sees one snapshot.  report may be NULL.  PHR_OK also if there
 * was damage, which result->ndamaged counts; a failure if the walk itself
 * could not go on.
 */
int phr_store_verify(phr_store_t *st,
    void (*report)(void *data, const char *text), void *data,
    phr_store_damage_t *result, phr_err_t *err);


#endif /* PHR_VERIFY_H_INCLUDED */
