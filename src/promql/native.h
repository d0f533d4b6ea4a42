/*
 * Copyright (C) The Pharos Authors
 *
 * Native: what queries compute with native histograms: sums, differences,
 * quantiles, what a threshold leaves of one.  Columns and annotations are
 * the evaluator's, in eval_native.c.
 *
 * Histograms (core/histogram.h) do not change.  A sum is built in a
 * phr_native_t, whose buckets can, and ends as a new histogram.
 */

#ifndef PHR_NATIVE_H_INCLUDED
#define PHR_NATIVE_H_INCLUDED


#include "core/buf.h"
#include "core/histogram.h"


/* a number and what Kahan's summation compensates of it */
typedef struct {
    double  v;
    double  c;
} phr_kahan_t;

typedef struct {
    phr_kahan_t  k;
    int32_t      index;
} phr_native_bucket_t;

typedef struct {
    phr_native_bucket_t  *b;        /* in order of their index */
    size_t                n;
    size_t                nalloc;
} phr_native_side_t;


/*
 * A histogram that is added to.  The bounds are those of the histograms
 * that it was made of; phr_native_end() copies them.
 */
typedef struct {
    int32_t            schema;
    uint8_t            hint;
    uint32_t           nbounds;
    const double      *bounds;
    double             zero_threshold;
    phr_kahan_t        zero;
    phr_kahan_t        count;
    phr_kahan_t        sum;
    phr_native_side_t  side[2];     /* positive, negative */
} phr_native_t;


/* room that all of one query use in turn; zeroed but for the arena */
typedef struct {
    phr_arena_t          *arena;
    phr_native_t          one, two;     /* of these functions */
    phr_native_t          sum;          /* of whoever calls them */
    phr_native_bucket_t  *merged;
    size_t                nmerged;
    phr_hist_bucket_t    *list;
    size_t                nlist;
} phr_native_room_t;


#define PHR_NATIVE_KAHAN       0x01     /* with compensation */
#define PHR_NATIVE_SUBTRACT    0x02

/* what phr_native_add() tells of the two */
#define PHR_NATIVE_COLLISION   0x01     /* one reset, the other not */
#define PHR_NATIVE_RECONCILED  0x02     /* custom bounds differed */


/* makes n that of h, the buckets reused; PHR_ELIMIT, PHR_ENOMEM */
int phr_native_set(phr_native_room_t *r, phr_native_t *n,
    const phr_hist_t *h);

/*
 * Adds h or takes it away; schema, zero threshold and custom bounds become
 * those that both can have.  what is or'ed with PHR_NATIVE_*.  PHR_EINVAL
 * for a mix of exponential and custom buckets, which leaves n as it was.
 */
int phr_native_add(phr_native_room_t *r, phr_native_t *n,
    const phr_hist_t *h, unsigned flags, unsigned *what);

/* with a negative factor the result is a gauge */
void phr_native_multiply(phr_native_t *n, double factor);
void phr_native_divide(phr_native_t *n, double divisor);

/* any number of it is infinite */
int phr_native_overflows(const phr_native_t *n);

/* as how many samples, of 16 bytes each, a histogram counts */
uint64_t phr_native_samples(const phr_hist_t *h);

/* of samples lo .. hi - 1, whose h are NULL if they are floats */
uint64_t phr_native_samples_of(const phr_hist_t *const *h, size_t lo,
    size_t hi);

/* whether any is infinite that was not before; n is as before if so */
int phr_native_try_add(phr_native_room_t *r, phr_native_t *n,
    const phr_hist_t *h, unsigned *what);

/* a lower resolution, if n has a higher one */
void phr_native_reduce(phr_native_t *n, int32_t schema);

/* what it is now, in the arena and compact; NULL if that has no room */
phr_hist_t *phr_native_end(phr_native_room_t *r, const phr_native_t *n);


/*
 * Whether a counter was reset between prev and h: PHR_OK, *reset is set, or
 * a failure.
 */
int phr_native_reset(phr_native_room_t *r, const phr_hist_t *h,
    const phr_hist_t *prev, int *reset);


/* native_look.c: what histograms tell */

/* of phr_native_quantile() and phr_native_fraction() */
#define PHR_NATIVE_NAN_RESULT  0x01     /* NaNs observed, the result is one */
#define PHR_NATIVE_NAN_SKEW    0x02     /* NaNs observed, they count as high */

int phr_native_quantile(phr_native_room_t *r, const phr_hist_t *h, double q,
    double *v, unsigned *what);

/* the part of the observations that lies between two values */
int phr_native_fraction(phr_native_room_t *r, const phr_hist_t *h,
    double lower, double upper, double *v, unsigned *what);

int phr_native_variance(phr_native_room_t *r, const phr_hist_t *h,
    double *v);

/* {count:3, sum:7, (1,2]:3}, of which count_values makes a label */
int phr_native_text(phr_native_room_t *r, const phr_hist_t *h,
    phr_buf_t *b);

/*
 * What is left of h without the observations above, or without those below
 * a threshold; h itself if that is all.  NULL if the arena has no room.
 */
const phr_hist_t *phr_native_trim(phr_native_room_t *r, const phr_hist_t *h,
    double threshold, int above);

/* the buckets of phr_hist_list(), valid until the room is used again */
int phr_native_list(phr_native_room_t *r, const phr_hist_t *h, int clip,
    size_t *n);


#endif /* PHR_NATIVE_H_INCLUDED */
