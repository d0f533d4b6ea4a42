/*
 * Copyright (C) The Pharos Authors
 *
 * Native, what histograms tell: quantiles and fractions, their variance and
 * text, and what a threshold leaves of one.  Within a bucket, observations
 * are taken to lie evenly on a logarithmic scale; in the zero bucket and
 * with custom bounds, on a linear one.
 */

#include "promql/native.h"

#include "core/number.h"
#include "promql/annotate.h"
#include "promql/stats.h"


/* sums of what is left by a threshold */
typedef struct {
    double    count;
    double    sum;
    unsigned  trimmed:1;
    unsigned  any[2];           /* observations that were not at zero */
} phr_trim_t;


static void phr_native_one_sided(const phr_hist_t *h, phr_hist_bucket_t *b);
static double phr_native_within(const phr_hist_bucket_t *b, double v,
    int linear);
static double phr_native_rank(const phr_hist_t *h,
    const phr_hist_bucket_t *b, double v, double rank);
static void phr_trim_side(const phr_hist_t *h, phr_hist_side_t *side, int s,
    double threshold, int above, phr_trim_t *t);
static double phr_trim_bucket(const phr_hist_bucket_t *b, double threshold,
    int above, int positive, int linear, double *middle);
static double phr_trim_endless(const phr_hist_bucket_t *b, double threshold,
    int above, double *middle);
static double phr_trim_zero(const phr_hist_t *h, double threshold, int above,
    const phr_trim_t *t, double *middle);
static double phr_trim_middle(double lower, double upper, int positive,
    int linear);


int
phr_native_list(phr_native_room_t *r, const phr_hist_t *h, int clip,
    size_t *n)
{
    size_t  need;

    need = phr_hist_nbuckets(h);

    if (need > r->nlist) {
        r->list = phr_arena_alloc(r->arena,
                                  need * 2 * sizeof(phr_hist_bucket_t));
        if (r->list == NULL) {
            r->nlist = 0;
            return phr_arena_rc(r->arena);
        }

        r->nlist = need * 2;
    }

    *n = phr_hist_list(h, r->list, clip);

    return PHR_OK;
}


/* without observations on the other side of zero, there is zero the end */
static void
phr_native_one_sided(const phr_hist_t *h, phr_hist_bucket_t *b)
{
    if (h->negative.n == 0 && h->positive.n != 0) {
        b->lower = 0;

    } else if (h->positive.n == 0 && h->negative.n != 0) {
        b->upper = 0;
    }
}


int
phr_native_quantile(phr_native_room_t *r, const phr_hist_t *h, double q,
    double *v, unsigned *what)
{
    int                 rc, forward;
    double              rank, count, fraction, lower, upper;
    size_t              i, n, at;
    phr_hist_bucket_t   b;

    *what = 0;
    *v = q < 0 ? -INFINITY : q > 1 ? INFINITY : NAN;

    if (!(q >= 0 && q <= 1) || h->count == 0) {
        return PHR_OK;
    }

    rc = phr_native_list(r, h, 1, &n);
    if (rc < 0) {
        return rc;
    }

    /* from the nearer end; NaNs, which are in no bucket, count as high */

    forward = isnan(h->sum) || q < 0.5;
    rank = (forward ? q : 1 - q) * h->count;
    count = 0;
    memset(&b, 0, sizeof(b));

    for (i = 0; i < n; i++) {
        at = forward ? i : n - 1 - i;
        b = r->list[at];
        count += b.count;

        if (b.count != 0 && count >= rank) {
            i++;
            break;
        }
    }

    if (phr_hist_is_custom(h)) {
        if (isinf(b.lower) && b.lower < 0) {
            if (b.upper <= 0) {
                *v = b.upper;
                return PHR_OK;
            }

            b.lower = 0;

        } else if (isinf(b.upper)) {
            *v = b.lower;
            return PHR_OK;
        }

    } else if (b.lower < 0 && b.upper > 0) {
        phr_native_one_sided(h, &b);
    }

    count = phr_min(count, h->count);

    if (count < rank) {
        *v = isnan(h->sum) ? NAN : b.upper;
        *what = isnan(h->sum) ? PHR_NATIVE_NAN_RESULT : 0;
        return PHR_OK;
    }

    rank = forward ? rank - (count - b.count) : count - rank;

    if (isnan(h->sum)) {

        /* Prometheus goes on with the highest bucket here, and so do we */

        for ( ; i < n; i++) {
            b = r->list[i];
            count += b.count;
        }

        *what = count < h->count ? PHR_NATIVE_NAN_SKEW : 0;
    }

    fraction = rank / b.count;

    if (phr_hist_is_custom(h) || (b.lower <= 0 && b.upper >= 0)) {
        *v = b.lower + (b.upper - b.lower) * fraction;
        return PHR_OK;
    }

    lower = log2(fabs(b.lower));
    upper = log2(fabs(b.upper));

    *v = b.lower > 0 ? exp2(lower + (upper - lower) * fraction)
                     : -exp2(upper + (lower - upper) * (1 - fraction));

    return PHR_OK;
}


/* the part of a bucket with finite bounds that is not above v within it */
static double
phr_native_within(const phr_hist_bucket_t *b, double v, int linear)
{
    double  lower, upper;

    if (linear) {
        return (v - b->lower) / (b->upper - b->lower);
    }

    lower = log2(fabs(b->lower));
    upper = log2(fabs(b->upper));

    if (v > 0) {
        return (log2(fabs(v)) - lower) / (upper - lower);
    }

    return 1 - (log2(fabs(v)) - upper) / (lower - upper);
}


/* how many observations are not above v, which is in b */
static double
phr_native_rank(const phr_hist_t *h, const phr_hist_bucket_t *b, double v,
    double rank)
{
    int  linear;

    linear = phr_hist_is_custom(h) || (b->lower <= 0 && b->upper >= 0);

    if (linear && isinf(b->lower)) {
        return b->count;
    }

    return rank + b->count * phr_native_within(b, v, linear);
}


int
phr_native_fraction(phr_native_room_t *r, const phr_hist_t *h, double lower,
    double upper, double *v, unsigned *what)
{
    int                 rc, has_lower, has_upper;
    double              count, rank, lower_rank, upper_rank;
    size_t              i, n;
    phr_hist_bucket_t  *b;

    *what = 0;
    *v = NAN;

    if (h->count == 0 || isnan(lower) || isnan(upper)) {
        return PHR_OK;
    }

    if (lower >= upper) {
        *v = 0;
        return PHR_OK;
    }

    rc = phr_native_list(r, h, 1, &n);
    if (rc < 0) {
        return rc;
    }

    has_lower = has_upper = 0;
    count = rank = lower_rank = upper_rank = 0;

    for (i = 0; i < n; i++) {
        b = &r->list[i];
        count += b->count;

        if (has_lower && has_upper) {
            continue;
        }

        if (b->lower <= 0 && b->upper >= 0) {
            phr_native_one_sided(h, b);
        }

        if (!has_lower && (b->lower >= lower || b->upper > lower)) {
            lower_rank = b->lower >= lower
                         ? rank : phr_native_rank(h, b, lower, rank);
            has_lower = 1;
        }

        if (!has_upper && (b->lower >= upper || b->upper > upper)) {
            upper_rank = b->lower >= upper
                         ? rank : phr_native_rank(h, b, upper, rank);
            has_upper = 1;
        }

        rank += b->count;
    }

    if (!isnan(h->sum)) {
        count = h->count;

    } else if (count < h->count) {
        *what = PHR_NATIVE_NAN_SKEW;
    }

    if (!has_lower || lower_rank > count) {
        lower_rank = count;
    }

    if (!has_upper || upper_rank > count) {
        upper_rank = count;
    }

    *v = (upper_rank - lower_rank) / h->count;

    return PHR_OK;
}


int
phr_native_variance(phr_native_room_t *r, const phr_hist_t *h, double *v)
{
    int                       rc;
    double                    value, delta, sum, c;
    size_t                    i, n;
    const phr_hist_bucket_t  *b;

    rc = phr_native_list(r, h, 1, &n);
    if (rc < 0) {
        return rc;
    }

    sum = 0;
    c = 0;

    for (i = 0; i < n; i++) {
        b = &r->list[i];

        if (b->count == 0) {
            continue;
        }

        if (phr_hist_is_custom(h)) {
            value = (b->upper + b->lower) / 2;

        } else if (b->lower <= 0 && b->upper >= 0) {
            value = 0;

        } else {
            value = sqrt(b->upper * b->lower);
            value = b->upper < 0 ? -value : value;
        }

        delta = value - h->sum / h->count;
        phr_kahan_add(b->count * delta * delta, &sum, &c);
    }

    *v = (sum + c) / h->count;

    return PHR_OK;
}


int
phr_native_text(phr_native_room_t *r, const phr_hist_t *h, phr_buf_t *b)
{
    int                       rc;
    char                      buf[PHR_NOTE_NUMBER];
    size_t                    i, n;
    const phr_hist_bucket_t  *bucket;

    rc = phr_native_list(r, h, 0, &n);
    if (rc < 0) {
        return rc;
    }

    phr_buf_puts(b, "{count:");
    phr_buf_puts(b, phr_annotate_number(buf, h->count));
    phr_buf_puts(b, ", sum:");
    phr_buf_puts(b, phr_annotate_number(buf, h->sum));

    for (i = 0; i < n; i++) {
        bucket = &r->list[i];

        if (bucket->count == 0) {
            continue;
        }

        phr_buf_puts(b, bucket->lower_inclusive ? ", [" : ", (");
        phr_buf_puts(b, phr_annotate_number(buf, bucket->lower));
        phr_buf_putc(b, ',');
        phr_buf_puts(b, phr_annotate_number(buf, bucket->upper));
        phr_buf_puts(b, bucket->upper_inclusive ? "]:" : "):");
        phr_buf_puts(b, phr_annotate_number(buf, bucket->count));
    }

    phr_buf_putc(b, '}');

    return b->failed;
}


const phr_hist_t *
phr_native_trim(phr_native_room_t *r, const phr_hist_t *h, double threshold,
    int above)
{
    double       keep, middle;
    phr_hist_t  *copy;
    phr_trim_t   t;

    copy = phr_hist_copy(r->arena, h);
    if (copy == NULL) {
        return NULL;
    }

    memset(&t, 0, sizeof(t));
    phr_trim_side(h, &copy->positive, 0, threshold, above, &t);
    phr_trim_side(h, &copy->negative, 1, threshold, above, &t);

    if (h->zero_count > 0) {
        keep = phr_trim_zero(h, threshold, above, &t, &middle);
        t.trimmed |= keep != h->zero_count;
        t.sum += middle * keep;
        t.count += keep;
        copy->zero_count = keep;
    }

    if (!t.trimmed) {
        return h;
    }

    copy->count = t.count;
    copy->sum = t.sum;

    return phr_hist_compact(r->arena, copy);
}


static void
phr_trim_side(const phr_hist_t *h, phr_hist_side_t *side, int s,
    double threshold, int above, phr_trim_t *t)
{
    int                linear;
    double             keep, middle, *counts;
    size_t             i;
    phr_hist_iter_t    it;
    phr_hist_bucket_t  b;

    linear = phr_hist_is_custom(h);
    counts = (double *) side->counts;       /* of the copy, ours alone */
    phr_hist_iter_init(&it, side);
    memset(&b, 0, sizeof(b));

    for (i = 0; phr_hist_iter_next(&it); i++) {

        if (it.count == 0) {
            continue;
        }

        t->any[s] = 1;
        b.count = it.count;
        b.lower = phr_hist_bound(h, it.index - 1);
        b.upper = phr_hist_bound(h, it.index);

        if (s == 1) {
            middle = b.lower;
            b.lower = -b.upper;
            b.upper = -middle;
        }

        if (above ? b.upper <= threshold : b.lower >= threshold) {
            keep = b.count;
            middle = phr_trim_middle(b.lower, b.upper, s == 0, linear);

        } else if (above ? b.lower < threshold : b.upper > threshold) {
            keep = phr_trim_bucket(&b, threshold, above, s == 0, linear,
                                   &middle);

        } else {
            counts[i] = 0;
            t->trimmed = 1;
            continue;
        }

        t->count += keep;
        t->sum += middle * keep;
        t->trimmed |= keep != b.count;
        counts[i] = keep;
    }
}


/* what is left of a bucket that the threshold cuts */
static double
phr_trim_bucket(const phr_hist_bucket_t *b, double threshold, int above,
    int positive, int linear, double *middle)
{
    double  below;

    if (isinf(b->lower) || isinf(b->upper)) {
        return phr_trim_endless(b, threshold, above, middle);
    }

    below = b->count * phr_native_within(b, threshold, linear);

    if (above) {
        *middle = phr_trim_middle(b->lower, threshold, positive, linear);
        return below;
    }

    *middle = phr_trim_middle(threshold, b->upper, positive, linear);

    return b->count - below;
}


/*
 * Nothing is known of where observations lie in a bucket without end: what
 * may have to go goes.  One that ends above zero is taken to begin there.
 */
static double
phr_trim_endless(const phr_hist_bucket_t *b, double threshold, int above,
    double *middle)
{
    if (isinf(b->lower)) {
        *middle = isinf(b->upper) ? 0 : b->upper;

        if (above) {
            if (threshold >= b->upper) {
                *middle = 0;
                return b->count;
            }

            if (threshold > 0 && b->upper > 0 && isfinite(b->upper)) {
                *middle = threshold / 2;
                return b->count * threshold / b->upper;
            }

            if (b->upper <= 0) {
                *middle = threshold;
                return b->count;
            }

            return 0;
        }

        if (threshold <= b->lower) {
            *middle = 0;
            return b->count;
        }

        if (threshold >= 0 && b->upper > threshold && isfinite(b->upper)) {
            *middle = (threshold + b->upper) / 2;
            return b->count * (1 - threshold / b->upper);
        }

        return 0;
    }

    *middle = b->lower;

    if (!above && threshold >= b->lower) {
        *middle = threshold;
        return b->count;
    }

    return 0;
}


static double
phr_trim_zero(const phr_hist_t *h, double threshold, int above,
    const phr_trim_t *t, double *middle)
{
    double  lower, upper;

    lower = t->any[0] && !t->any[1] ? 0 : -h->zero_threshold;
    upper = t->any[1] && !t->any[0] ? 0 : h->zero_threshold;
    *middle = 0;

    if (above ? threshold <= lower : threshold >= upper) {
        return 0;
    }

    if (above ? threshold >= upper : threshold <= lower) {
        *middle = (lower + upper) / 2;
        return h->zero_count;
    }

    if (above) {
        *middle = (lower + threshold) / 2;
        return h->zero_count * ((threshold - lower) / (upper - lower));
    }

    *middle = (threshold + upper) / 2;

    return h->zero_count * ((upper - threshold) / (upper - lower));
}


/* the mean that observations between two values are taken to have */
static double
phr_trim_middle(double lower, double upper, int positive, int linear)
{
    double  mean;

    if (isinf(lower)) {
        return isinf(upper) ? 0 : upper > 0 ? upper / 2 : upper;
    }

    if (isinf(upper)) {
        return lower;
    }

    if (linear) {
        return (lower + upper) / 2;
    }

    mean = sqrt(fabs(lower * upper));

    return positive ? mean : -mean;
}


/* with its time, and a head as Prometheus has it in memory */
uint64_t
phr_native_samples(const phr_hist_t *h)
{
    return (8 + 168 + 8 * ((uint64_t) h->positive.nspans + h->negative.nspans
                           + h->positive.n + h->negative.n + h->nbounds))
           / 16;
}


uint64_t
phr_native_samples_of(const phr_hist_t *const *h, size_t lo, size_t hi)
{
    size_t    i;
    uint64_t  n;

    n = hi - lo;

    for (i = lo; h != NULL && i < hi; i++) {
        if (h[i] != NULL) {
            n += phr_native_samples(h[i]) - 1;
        }
    }

    return n;
}
