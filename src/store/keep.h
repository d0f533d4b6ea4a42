/*
 * Copyright (C) The Pharos Authors
 *
 * Keep: for how long the samples of a series are kept.  A floor is the time
 * of the oldest sample that may be shown; what is below is dropped when it
 * is convenient.  Rules are looked at when it matters which one holds, so
 * nothing is remembered of a series and a changed rule holds at once.
 */

#ifndef PHR_KEEP_H_INCLUDED
#define PHR_KEEP_H_INCLUDED


#include "store/internal.h"


/* everything, as long as nothing else was said */
void phr_keep_init(phr_keep_t *k, const phr_store_conf_t *conf);

/* the floors at this time; nothing below size_ms is kept in any case */
void phr_keep_set(phr_keep_t *k, int64_t now_ms, int64_t size_ms);

/*
 * What is not older than t_ms stays, though its retention is over: but for
 * the series of rules, and for the size.
 */
void phr_keep_hold(phr_keep_t *k, int64_t t_ms);

/* the floor of samples kept for so long, 0: for ever */
int64_t phr_keep_floor(const phr_keep_t *k, int64_t keep_ms);

/* that of all series for which no rule holds */
int64_t phr_keep_general(const phr_keep_t *k);

/*
 * The floor of the buckets of a resolution, and of all that is kept of a
 * series in any way: rules are about samples and buckets alike.
 */
int64_t phr_keep_coarse(const phr_keep_t *k, int res);
int64_t phr_keep_life(const phr_keep_t *k);

/* whether a rule holds for a series with these labels */
int phr_keep_is_ruled(const phr_keep_t *k, phr_labels_t ls);

/* 1 if the floor is the same for all series, low_ms then */
#define phr_keep_is_flat(k)  ((k)->low_ms == (k)->high_ms)

/* the floor of a series with these labels */
int64_t phr_keep_labels(const phr_keep_t *k, phr_labels_t ls);

/*
 * The floor of a series.  PHR_NOTFOUND if there is none; the arena is left
 * as it was.
 */
int phr_keep_series(const phr_keep_t *k, phr_txn_t *txn, phr_sid_t sid,
    phr_arena_t *arena, int64_t *floor_ms, phr_err_t *err);

/* the same of all that is kept of it, buckets too */
int phr_keep_series_life(const phr_keep_t *k, phr_txn_t *txn, phr_sid_t sid,
    phr_arena_t *arena, int64_t *floor_ms, phr_err_t *err);


#endif /* PHR_KEEP_H_INCLUDED */
