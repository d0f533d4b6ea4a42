/*
 * Copyright (C) The Pharos Authors
 *
 * Scan: reads the records out of the file of a damaged store.  It follows
 * the trees of LMDB where they lead, and looks at all pages that they do
 * not lead to; a record is what it says it is if its checksum holds.  What
 * becomes of the records is the business of salvage.c.
 */

#ifndef PHR_SCAN_H_INCLUDED
#define PHR_SCAN_H_INCLUDED


#include "store/env.h"


/* how sure it is that a record is of the newest state */
typedef enum {
    PHR_SCAN_CURRENT = 0,
    PHR_SCAN_BEFORE,        /* of the state before it, maybe of both */
    PHR_SCAN_DOUBT          /* of this or any earlier state */
} phr_scan_rank_e;


typedef struct {
    uint64_t  npages;               /* of the file */
    uint64_t  ndamaged;             /* pages and records that were not read */
    uint64_t  nentries[PHR_DB_MAX]; /* as the trees say, */
    uint8_t   known[PHR_DB_MAX];    /* 0: that is not known */
    uint8_t   doubt;                /* it is not known which pages are free */
    uint8_t   commit_lost;          /* the newest state was not found */
} phr_scan_result_t;


/*
 * A record, its checksum included; valid during the call.  Ranks come in
 * their order.  Other than PHR_OK ends the scan.
 */
typedef int (*phr_scan_pt)(void *data, phr_scan_rank_e rank, phr_db_e db,
    phr_str_t key, phr_str_t value, phr_err_t *err);

/*
 * Reads the file, which nothing may write to meanwhile; vault may be NULL.
 * Memory: two bits a page.  PHR_OK however damaged it is; PHR_EIO,
 * PHR_ENOMEM, PHR_EINVAL if it is encrypted and not with this key, or what
 * the visitor returned.
 */
int phr_scan(const char *file, phr_vault_t *vault, phr_scan_pt visit,
    void *data, phr_scan_result_t *result, phr_err_t *err);


#endif /* PHR_SCAN_H_INCLUDED */
