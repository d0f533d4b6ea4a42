/*
 * Copyright (C) The Pharos Authors
 *
 * From a classic histogram, which is a series for each bucket, to a native
 * one with custom buckets.  Its numbers are taken in any order; what
 * contradicts itself makes none.
 */

#ifndef PHR_NHCB_H_INCLUDED
#define PHR_NHCB_H_INCLUDED


#include "core/array.h"
#include "core/histogram.h"


typedef struct {
    phr_array_t   buckets;      /* phr_nhcb_bucket_t, by rising bounds */
    double        count;
    double        sum;
    const char   *wrong;        /* what contradicts itself, or NULL */
    unsigned      has_count:1;
} phr_nhcb_t;


void phr_nhcb_init(phr_nhcb_t *c);
void phr_nhcb_free(phr_nhcb_t *c);
void phr_nhcb_reset(phr_nhcb_t *c);

/* observations of at most le; of equal bounds the first counts.  PHR_ENOMEM */
int phr_nhcb_bucket(phr_nhcb_t *c, double le, double count);
void phr_nhcb_count(phr_nhcb_t *c, double count);
void phr_nhcb_sum(phr_nhcb_t *c, double sum);

/*
 * The histogram, in the arena; an integer one if all counts are whole.  All
 * buckets are there, empty ones too, so that the next one is laid out alike.
 * PHR_EINVAL, or the arena's failure.
 */
int phr_nhcb_convert(phr_nhcb_t *c, phr_arena_t *arena, phr_hist_t **h,
    phr_err_t *err);


#endif /* PHR_NHCB_H_INCLUDED */
