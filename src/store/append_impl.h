/*
 * Copyright (C) The Pharos Authors
 *
 * Append: what its parts share.
 */

#ifndef PHR_APPEND_IMPL_H_INCLUDED
#define PHR_APPEND_IMPL_H_INCLUDED


#include "store/internal.h"
#include "store/loose.h"


/* status of a sample that is not newer than its series, until looked up */
#define PHR_LATE         PHR_AGAIN
#define PHR_LATE_GOOD    PHR_FULL


/*
 * Decides on the samples with the status PHR_LATE: those to be written get
 * PHR_LATE_GOOD, and there are *ngood of them.
 */
int phr_append_late(phr_store_t *st, const phr_batch_t *b, int8_t *status,
    size_t nlate, size_t *ngood, phr_err_t *err);


/* a stale marker needs no buckets: it is a float */
static inline const phr_hist_t *
phr_append_hist(const phr_batch_t *b, size_t i)
{
    return b->h == NULL || b->h[i] == NULL || phr_hist_is_stale(b->h[i])
           ? NULL : b->h[i];
}


static inline double
phr_append_value(const phr_batch_t *b, size_t i)
{
    return b->h == NULL || b->h[i] == NULL ? b->v[i] : b->h[i]->sum;
}


static inline void
phr_append_take(const phr_batch_t *b, size_t i, phr_loose_t *s)
{
    s->sid = b->sid[i];
    s->at = (uint32_t) i;
    s->t_ms = b->t_each != NULL ? b->t_each[i] : b->t_ms;
    s->v = phr_append_value(b, i);
    s->h = phr_append_hist(b, i);
}


#endif /* PHR_APPEND_IMPL_H_INCLUDED */
