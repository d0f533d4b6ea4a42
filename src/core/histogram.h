/*
 * Copyright (C) The Pharos Authors
 *
 * Histogram: one sample of a native histogram, in the float form that is
 * used everywhere in memory.  What queries compute with histograms is not
 * here but in src/promql.
 *
 * A histogram that others can see never changes: whoever wants another one
 * makes it.  The arrays are not owned by the struct; phr_hist_copy() brings
 * all of it into an arena.
 *
 * Buckets of one sign are numbered.  With the schemas -4 .. 8, positive
 * bucket i takes values in (b^(i-1), b^i], where b = 2^(2^-schema), and the
 * negative ones mirror that.  With PHR_HIST_CUSTOM, positive bucket i takes
 * values in (bounds[i-1], bounds[i]], the last one all above.
 *
 *     spans   {offset 2, length 3}, {offset 4, length 1}
 *     counts  [ 5, 0, 7, 1 ]
 *     means   bucket 2: 5, bucket 3: 0, bucket 4: 7, bucket 9: 1
 */

#ifndef PHR_HISTOGRAM_H_INCLUDED
#define PHR_HISTOGRAM_H_INCLUDED


#include "core/arena.h"
#include "core/err.h"


#define PHR_HIST_SCHEMA_MIN   (-4)
#define PHR_HIST_SCHEMA_MAX   8
#define PHR_HIST_CUSTOM       (-53)

/* finer ones are understood, but not kept: see phr_hist_reduce() */
#define PHR_HIST_SCHEMA_FINEST  52

/* more in one histogram is refused: buckets, spans and bounds, each */
#define PHR_HIST_MAX_BUCKETS  16384

/* numbers of buckets stay far from where their sums overflow */
#define PHR_HIST_MAX_INDEX    (1 << 28)


/* what the source says of the sample before this one */
typedef enum {
    PHR_HIST_RESET_UNKNOWN = 0,
    PHR_HIST_RESET,
    PHR_HIST_NO_RESET,
    PHR_HIST_GAUGE,             /* may fall without having been reset */
} phr_hist_hint_e;


typedef struct {
    int32_t   offset;           /* from the end of the span before, or 0 */
    uint32_t  length;
} phr_hist_span_t;


/* the buckets of one sign; counts are absolute, not cumulative */
typedef struct {
    const phr_hist_span_t  *spans;
    const double           *counts;
    uint32_t                nspans;
    uint32_t                n;          /* counts, as many as spans say */
} phr_hist_side_t;


typedef struct {
    int32_t           schema;
    uint8_t           hint;             /* phr_hist_hint_e */
    uint8_t           integer;          /* counts came as whole numbers */
    uint32_t          nbounds;
    double            zero_threshold;
    double            zero_count;
    double            count;
    double            sum;
    phr_hist_side_t   positive;
    phr_hist_side_t   negative;
    const double     *bounds;           /* of PHR_HIST_CUSTOM */
} phr_hist_t;


static inline int
phr_hist_is_custom(const phr_hist_t *h)
{
    return h->schema == PHR_HIST_CUSTOM;
}


/* a stale marker of a series of histograms */
static inline int
phr_hist_is_stale(const phr_hist_t *h)
{
    return phr_is_stale(h->sum);
}


/*
 * Turns deltas between neighbouring buckets, as integer histograms carry
 * them, into n absolute counts.  PHR_EINVAL for a count that is negative or
 * above 2^53, which a double does not tell from its neighbours.
 */
int phr_hist_from_deltas(const int64_t *deltas, size_t n, double *counts,
    phr_err_t *err);

/*
 * Whether all is as Prometheus demands: the schema, spans that fit their
 * counts, no negative counts, rising finite bounds, and with integer the
 * total.  PHR_OK or PHR_EINVAL.
 */
int phr_hist_validate(const phr_hist_t *h, phr_err_t *err);

/* a deep copy; NULL if the arena has no room, see phr_arena_rc() */
phr_hist_t *phr_hist_copy(phr_arena_t *a, const phr_hist_t *h);

/*
 * A copy without empty buckets and spans; not even its arrays are shared.
 * NULL if the arena has no room.
 */
phr_hist_t *phr_hist_compact(phr_arena_t *a, const phr_hist_t *h);

/*
 * A copy in a coarser schema, which must be one of exponential buckets, as
 * that of h must be; not even its arrays are shared.  NULL if the arena has
 * no room.
 */
phr_hist_t *phr_hist_reduce(phr_arena_t *a, const phr_hist_t *h,
    int32_t schema);

/* the number of the bucket that holds bucket index in a schema less by shift */
static inline int32_t
phr_hist_coarser(int32_t index, int shift)
{
    /* upper bounds are inclusive: bucket 0 ends at 1 in each schema */

    if (shift > 31) {
        shift = 31;
    }

    index--;

    return (index >= 0 ? index >> shift : -((-(index + 1)) >> shift) - 1) + 1;
}

/*
 * Whether two mean the same, bit for bit in all numbers; it does not matter
 * how spans are cut, the hints and where the counts came from.
 */
int phr_hist_eq(const phr_hist_t *a, const phr_hist_t *b);

int phr_hist_bounds_eq(const phr_hist_t *a, const phr_hist_t *b);

/*
 * Whether both are laid out alike: schema, kind, zero threshold, spans as
 * they are cut, and bounds.
 */
int phr_hist_alike(const phr_hist_t *a, const phr_hist_t *b);


/*
 * Iterator over the buckets of a side, in order of their numbers; valid as
 * long as the histogram.
 */
typedef struct {
    const phr_hist_side_t  *side;
    uint32_t                span;
    uint32_t                in_span;    /* of span, already taken */
    uint32_t                taken;
    int32_t                 next;       /* number of the next bucket */
    int32_t                 index;      /* of the bucket, and its count */
    double                  count;
} phr_hist_iter_t;

void phr_hist_iter_init(phr_hist_iter_t *it, const phr_hist_side_t *side);

/* 1: index and count are set; 0: no more buckets */
int phr_hist_iter_next(phr_hist_iter_t *it);


/*
 * The buckets that a classic histogram has of one with custom bounds: for
 * each bound how many are not above it, last the infinite one with the count.
 */
typedef struct {
    const phr_hist_t       *h;
    phr_hist_iter_t         it;
    int                     more;
    uint32_t                i;
    double                  le;
    double                  count;
} phr_hist_classic_t;

void phr_hist_classic_init(phr_hist_classic_t *c, const phr_hist_t *h);

/* 1: le and count are set; 0: no more buckets */
int phr_hist_classic_next(phr_hist_classic_t *c);


/* whether any bucket of a side has less than before */
int phr_hist_fell(const phr_hist_side_t *side, const phr_hist_side_t *prev);

/*
 * The hint that storage gives with h after prev, which is NULL if there is
 * none or if it is a float: a source's own word for a reset or a gauge, else
 * what the counts tell, as long as both have the same layout.
 */
phr_hist_hint_e phr_hist_hint_after(const phr_hist_t *h,
    const phr_hist_t *prev);


/* a bucket with its bounds; those of the zero bucket are both inclusive */
typedef struct {
    double    lower;
    double    upper;
    double    count;
    unsigned  lower_inclusive:1;
    unsigned  upper_inclusive:1;
    unsigned  zero:1;
} phr_hist_bucket_t;

/* how many phr_hist_list() may give */
static inline size_t
phr_hist_nbuckets(const phr_hist_t *h)
{
    return (size_t) h->positive.n + h->negative.n + 1;
}


/*
 * Writes all buckets in ascending order of their bounds, also empty ones but
 * for an empty zero bucket, and returns how many.  With clip, buckets end
 * where the zero bucket begins.
 */
size_t phr_hist_list(const phr_hist_t *h, phr_hist_bucket_t *buckets,
    int clip);

/*
 * Upper bound of positive bucket index: that of the bucket below is its
 * lower one.  Of custom buckets index is -1 .. nbounds.
 */
double phr_hist_bound(const phr_hist_t *h, int32_t index);
double phr_hist_bound_of(int32_t schema, int32_t index);


#endif /* PHR_HISTOGRAM_H_INCLUDED */
