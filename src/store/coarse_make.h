/*
 * Copyright (C) The Pharos Authors
 *
 * Making buckets: phr_store_coarsen(), and the marks by which appending
 * tells it what to make anew.
 */

#ifndef PHR_COARSE_MAKE_H_INCLUDED
#define PHR_COARSE_MAKE_H_INCLUDED


#include "store/coarse.h"


/* what those of a resolution are made of: PHR_STORE_COARSE is samples */
int phr_coarse_source(const phr_store_conf_t *conf, int res);


/* coarse_find.c: the block of the oldest sample, or PHR_NOTFOUND */
int phr_coarse_begin(phr_store_t *st, phr_txn_t *txn, int res,
    int64_t *start_ms, phr_err_t *err);

/*
 * The next series from *sid on that may have something in the block, or
 * PHR_NOTFOUND.
 */
int phr_coarse_find(phr_txn_t *txn, int source, int res, int64_t start_ms,
    phr_sid_t *sid, phr_err_t *err);

/* PHR_OK if the source has anything from t_ms on, PHR_NOTFOUND */
int phr_coarse_any_later(phr_txn_t *txn, int source, int64_t t_ms,
    phr_err_t *err);


/*
 * Samples before this time may have been dropped, so that no buckets can be
 * made of them: PHR_TIME_MIN if none were.  put() remembers the later of two.
 */
int phr_coarse_gone_get(phr_txn_t *txn, int64_t *t_ms, phr_err_t *err);
int phr_coarse_gone_put(phr_txn_t *txn, int64_t t_ms, phr_err_t *err);
int phr_coarse_gone_set(phr_txn_t *txn, int64_t t_ms, phr_err_t *err);

/*
 * Samples from this time on are needed for buckets that are still to be
 * made: PHR_TIME_MAX if there are none.
 */
int phr_coarse_needed(phr_store_t *st, phr_txn_t *txn, int64_t *t_ms,
    phr_err_t *err);


/* coarse_mark.c: nothing is remembered of what was marked */
void phr_coarse_forget(phr_store_t *st);

/* looks which buckets there are, when the store is opened for writing */
int phr_coarse_open(phr_store_t *st, phr_txn_t *txn, phr_err_t *err);

/*
 * What has this time or an earlier one is noted when it is written: there
 * are buckets of its time, or may be before it is packed.  PHR_TIME_MIN if
 * no buckets are made.
 */
int64_t phr_coarse_late_ms(const phr_store_t *st);

/* the buckets are to be made anew; in the pending transaction */
int phr_coarse_note(phr_store_t *st, phr_sid_t sid, int64_t t_ms,
    phr_err_t *err);

/* a mark that was there keeps its time; in the pending transaction, too */
int phr_coarse_mark(phr_store_t *st, int res, int64_t start_ms,
    uint32_t group, phr_err_t *err);
int phr_coarse_unmark(phr_store_t *st, int res, int64_t start_ms,
    uint32_t group, phr_err_t *err);

/* a mark that is old enough, or PHR_NOTFOUND */
int phr_coarse_due_mark(phr_store_t *st, int res, int64_t *start_ms,
    uint32_t *group, phr_err_t *err);


#endif /* PHR_COARSE_MAKE_H_INCLUDED */
