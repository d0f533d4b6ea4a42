/*
 * Copyright (C) The Pharos Authors
 *
 * Histogram: checks, copies and compares samples of native histograms, and
 * knows the bounds of their buckets.  It does not compute with them.
 */

#include "core/histogram.h"

#include <float.h>
#include <math.h>

#include "core/histogram_bounds.h"


static int phr_hist_check_custom(const phr_hist_t *h, phr_err_t *err);
static int phr_hist_check_side(const phr_hist_side_t *s, const char *name,
    double *sum, phr_err_t *err);
static int phr_hist_check_total(const phr_hist_t *h, double sum,
    phr_err_t *err);
static int phr_hist_copy_side(phr_arena_t *a, phr_hist_side_t *to,
    const phr_hist_side_t *from);
static int phr_hist_compact_side(phr_arena_t *a, phr_hist_side_t *to,
    const phr_hist_side_t *from);
static int phr_hist_spans_alike(const phr_hist_side_t *a,
    const phr_hist_side_t *b);
static int phr_hist_reduce_side(phr_arena_t *a, phr_hist_side_t *to,
    const phr_hist_side_t *from, int shift);
static int phr_hist_side_eq(const phr_hist_side_t *a,
    const phr_hist_side_t *b);


/* above it, whole numbers have no double of their own */
#define PHR_HIST_MAX_WHOLE  9007199254740992.0


int
phr_hist_from_deltas(const int64_t *deltas, size_t n, double *counts,
    phr_err_t *err)
{
    size_t   i;
    int64_t  count;

    count = 0;

    for (i = 0; i < n; i++) {

        /* count is not negative: only this direction can overflow */

        if (deltas[i] > (int64_t) PHR_HIST_MAX_WHOLE - count) {
            return phr_err_set(err, PHR_EINVAL,
                               "histogram has a bucket whose observation "
                               "count is too large");
        }

        count += deltas[i];

        if (count < 0) {
            return phr_err_set(err, PHR_EINVAL,
                               "histogram has a bucket whose observation "
                               "count is negative");
        }

        counts[i] = count;
    }

    return PHR_OK;
}


int
phr_hist_validate(const phr_hist_t *h, phr_err_t *err)
{
    double  sum;

    sum = 0;

    if (phr_hist_is_custom(h)) {
        if (phr_hist_check_custom(h, err) < 0) {
            return PHR_EINVAL;
        }

    } else {
        if (h->schema < PHR_HIST_SCHEMA_MIN || h->schema > PHR_HIST_SCHEMA_MAX)
        {
            return phr_err_set(err, PHR_EINVAL,
                               "histogram has an invalid schema, which must "
                               "be between %d and %d for exponential "
                               "buckets, or %d for custom buckets, got "
                               "schema %d", PHR_HIST_SCHEMA_MIN,
                               PHR_HIST_SCHEMA_MAX, PHR_HIST_CUSTOM,
                               h->schema);
        }

        if (h->nbounds != 0) {
            return phr_err_set(err, PHR_EINVAL,
                               "histogram with exponential schema must not "
                               "have custom bounds");
        }

        if (phr_hist_check_side(&h->negative, "negative", &sum, err) < 0) {
            return PHR_EINVAL;
        }
    }

    if (phr_hist_check_side(&h->positive, "positive", &sum, err) < 0) {
        return PHR_EINVAL;
    }

    if (h->zero_count < 0 || h->count < 0) {
        return phr_err_set(err, PHR_EINVAL,
                           "histogram's observation count is negative");
    }

    if (h->hint > PHR_HIST_GAUGE) {
        return phr_err_set(err, PHR_EINVAL,
                           "histogram has an unknown counter reset hint");
    }

    /* a stale marker has nothing but its sum */

    if (h->integer && !phr_hist_is_stale(h)) {
        return phr_hist_check_total(h, sum + h->zero_count, err);
    }

    return PHR_OK;
}


static int
phr_hist_check_custom(const phr_hist_t *h, phr_err_t *err)
{
    double    length;
    uint32_t  i;

    if (h->zero_count != 0 || h->zero_threshold != 0
        || h->negative.nspans != 0 || h->negative.n != 0)
    {
        return phr_err_set(err, PHR_EINVAL,
                           "custom buckets: must have no zero bucket and no "
                           "negative buckets");
    }

    if (h->nbounds > PHR_HIST_MAX_BUCKETS) {
        return phr_err_set(err, PHR_EINVAL,
                           "custom buckets: more than %d bounds",
                           PHR_HIST_MAX_BUCKETS);
    }

    for (i = 0; i < h->nbounds; i++) {
        if (!isfinite(h->bounds[i])
            || (i != 0 && h->bounds[i] <= h->bounds[i - 1]))
        {
            return phr_err_set(err, PHR_EINVAL,
                               "custom buckets: histogram custom bounds must "
                               "be finite and in strictly increasing order");
        }
    }

    for (i = 0, length = 0; i < h->positive.nspans; i++) {
        if (h->positive.spans[i].offset < 0) {
            return phr_err_set(err, PHR_EINVAL,
                               "custom buckets: span number %u with offset "
                               "%d: histogram has a span whose offset is "
                               "negative", (unsigned) i + 1,
                               (int) h->positive.spans[i].offset);
        }

        length += (double) h->positive.spans[i].offset
                  + h->positive.spans[i].length;
    }

    if (length > (double) h->nbounds + 1) {
        return phr_err_set(err, PHR_EINVAL,
                           "custom buckets: only %u custom bounds defined "
                           "which is insufficient to cover total span length "
                           "of %.0f", (unsigned) h->nbounds, length);
    }

    return PHR_OK;
}


static int
phr_hist_check_side(const phr_hist_side_t *s, const char *name, double *sum,
    phr_err_t *err)
{
    int64_t   index;
    uint32_t  i;
    uint64_t  need;

    if (s->nspans > PHR_HIST_MAX_BUCKETS || s->n > PHR_HIST_MAX_BUCKETS) {
        return phr_err_set(err, PHR_EINVAL,
                           "%s side: more than %d buckets", name,
                           PHR_HIST_MAX_BUCKETS);
    }

    for (i = 0, need = 0, index = 0; i < s->nspans; i++) {
        if (i != 0 && s->spans[i].offset < 0) {
            return phr_err_set(err, PHR_EINVAL,
                               "%s side: span number %u with offset %d: "
                               "histogram has a span whose offset is "
                               "negative", name, (unsigned) i + 1,
                               (int) s->spans[i].offset);
        }

        need += s->spans[i].length;
        index += (int64_t) s->spans[i].offset + s->spans[i].length;

        if (index > PHR_HIST_MAX_INDEX || index < -PHR_HIST_MAX_INDEX
            || need > PHR_HIST_MAX_BUCKETS)
        {
            return phr_err_set(err, PHR_EINVAL,
                               "%s side: span number %u is out of range",
                               name, (unsigned) i + 1);
        }
    }

    if (need != s->n) {
        return phr_err_set(err, PHR_EINVAL,
                           "%s side: spans need %u buckets, have %u buckets: "
                           "histogram spans specify different number of "
                           "buckets than provided", name, (unsigned) need,
                           (unsigned) s->n);
    }

    for (i = 0; i < s->n; i++) {
        if (s->counts[i] < 0) {
            return phr_err_set(err, PHR_EINVAL,
                               "%s side: bucket number %u has observation "
                               "count of %.17g: histogram has a bucket whose "
                               "observation count is negative", name,
                               (unsigned) i + 1, s->counts[i]);
        }

        *sum += s->counts[i];
    }

    return PHR_OK;
}


static int
phr_hist_check_total(const phr_hist_t *h, double sum, phr_err_t *err)
{
    if (isnan(h->sum) ? sum > h->count : sum != h->count) {
        return phr_err_set(err, PHR_EINVAL,
                           "%.17g observations found in buckets, but the "
                           "Count field is %.17g: histogram's observation "
                           "count should %s the number of observations found "
                           "in the buckets", sum, h->count,
                           isnan(h->sum) ? "be at least" : "equal");
    }

    return PHR_OK;
}


phr_hist_t *
phr_hist_copy(phr_arena_t *a, const phr_hist_t *h)
{
    double      *bounds;
    phr_hist_t  *copy;

    copy = phr_arena_alloc(a, sizeof(phr_hist_t));
    if (copy == NULL) {
        return NULL;
    }

    *copy = *h;

    if (h->nbounds != 0) {
        bounds = phr_arena_alloc(a, h->nbounds * sizeof(double));
        if (bounds == NULL) {
            return NULL;
        }

        memcpy(bounds, h->bounds, h->nbounds * sizeof(double));
        copy->bounds = bounds;
    }

    if (phr_hist_copy_side(a, &copy->positive, &h->positive) != PHR_OK
        || phr_hist_copy_side(a, &copy->negative, &h->negative) != PHR_OK)
    {
        return NULL;
    }

    return copy;
}


static int
phr_hist_copy_side(phr_arena_t *a, phr_hist_side_t *to,
    const phr_hist_side_t *from)
{
    double           *counts;
    phr_hist_span_t  *spans;

    if (from->nspans == 0 && from->n == 0) {
        return PHR_OK;
    }

    spans = phr_arena_alloc(a, from->nspans * sizeof(phr_hist_span_t));
    counts = phr_arena_alloc(a, from->n * sizeof(double));

    if (spans == NULL || counts == NULL) {
        return PHR_ENOMEM;
    }

    if (from->nspans != 0) {
        memcpy(spans, from->spans, from->nspans * sizeof(phr_hist_span_t));
    }

    if (from->n != 0) {
        memcpy(counts, from->counts, from->n * sizeof(double));
    }

    to->spans = spans;
    to->counts = counts;

    return PHR_OK;
}


phr_hist_t *
phr_hist_compact(phr_arena_t *a, const phr_hist_t *h)
{
    phr_hist_t  *copy, shallow;

    shallow = *h;

    if (phr_hist_compact_side(a, &shallow.positive, &h->positive) != PHR_OK
        || phr_hist_compact_side(a, &shallow.negative, &h->negative)
           != PHR_OK)
    {
        return NULL;
    }

    copy = phr_hist_copy(a, &shallow);

    return copy;
}


static int
phr_hist_compact_side(phr_arena_t *a, phr_hist_side_t *to,
    const phr_hist_side_t *from)
{
    double           *counts;
    int32_t           end;
    uint32_t          n, nspans;
    phr_hist_iter_t   it;
    phr_hist_span_t  *spans;

    n = 0;
    phr_hist_iter_init(&it, from);

    while (phr_hist_iter_next(&it)) {
        n += it.count != 0;
    }

    spans = phr_arena_alloc(a, n * sizeof(phr_hist_span_t));
    counts = phr_arena_alloc(a, n * sizeof(double));

    if (spans == NULL || counts == NULL) {
        return PHR_ENOMEM;
    }

    n = 0;
    nspans = 0;
    end = 0;
    phr_hist_iter_init(&it, from);

    while (phr_hist_iter_next(&it)) {
        if (it.count == 0) {
            continue;
        }

        if (nspans == 0 || it.index != end) {
            spans[nspans].offset = it.index - end;
            spans[nspans++].length = 0;
        }

        spans[nspans - 1].length++;
        counts[n++] = it.count;
        end = it.index + 1;
    }

    to->spans = spans;
    to->counts = counts;
    to->nspans = nspans;
    to->n = n;

    return PHR_OK;
}


phr_hist_t *
phr_hist_reduce(phr_arena_t *a, const phr_hist_t *h, int32_t schema)
{
    int          shift;
    phr_hist_t  *r;

    r = phr_arena_alloc(a, sizeof(phr_hist_t));
    if (r == NULL) {
        return NULL;
    }

    *r = *h;
    r->schema = schema;
    shift = h->schema - schema;

    if (phr_hist_reduce_side(a, &r->positive, &h->positive, shift) != PHR_OK
        || phr_hist_reduce_side(a, &r->negative, &h->negative, shift)
           != PHR_OK)
    {
        return NULL;
    }

    return r;
}


/* buckets that follow each other may become one, never the other way */

static int
phr_hist_reduce_side(phr_arena_t *a, phr_hist_side_t *to,
    const phr_hist_side_t *from, int shift)
{
    double           *counts;
    int32_t           index, last;
    uint32_t          n, nspans;
    phr_hist_iter_t   it;
    phr_hist_span_t  *spans;

    spans = phr_arena_alloc(a, from->n * sizeof(phr_hist_span_t));
    counts = phr_arena_alloc(a, from->n * sizeof(double));

    if (spans == NULL || counts == NULL) {
        return PHR_ENOMEM;
    }

    n = 0;
    nspans = 0;
    last = 0;
    phr_hist_iter_init(&it, from);

    while (phr_hist_iter_next(&it)) {
        index = phr_hist_coarser(it.index, shift);

        if (n != 0 && index == last) {
            counts[n - 1] += it.count;
            continue;
        }

        if (n == 0 || index != last + 1) {
            spans[nspans].offset = n == 0 ? index : index - last - 1;
            spans[nspans++].length = 0;
        }

        spans[nspans - 1].length++;
        counts[n++] = it.count;
        last = index;
    }

    to->spans = spans;
    to->counts = counts;
    to->nspans = nspans;
    to->n = n;

    return PHR_OK;
}


int
phr_hist_eq(const phr_hist_t *a, const phr_hist_t *b)
{
    return a->schema == b->schema
           && phr_double_bits(a->count) == phr_double_bits(b->count)
           && phr_double_bits(a->sum) == phr_double_bits(b->sum)
           && phr_double_bits(a->zero_count) == phr_double_bits(b->zero_count)
           && phr_double_bits(a->zero_threshold)
              == phr_double_bits(b->zero_threshold)
           && phr_hist_bounds_eq(a, b)
           && phr_hist_side_eq(&a->positive, &b->positive)
           && phr_hist_side_eq(&a->negative, &b->negative);
}


int
phr_hist_bounds_eq(const phr_hist_t *a, const phr_hist_t *b)
{
    uint32_t  i;

    if (a->nbounds != b->nbounds) {
        return 0;
    }

    for (i = 0; i < a->nbounds; i++) {
        if (a->bounds[i] != b->bounds[i]) {
            return 0;
        }
    }

    return 1;
}


int
phr_hist_alike(const phr_hist_t *a, const phr_hist_t *b)
{
    return a->schema == b->schema
           && !a->integer == !b->integer
           && phr_double_bits(a->zero_threshold)
              == phr_double_bits(b->zero_threshold)
           && phr_hist_spans_alike(&a->positive, &b->positive)
           && phr_hist_spans_alike(&a->negative, &b->negative)
           && phr_hist_bounds_eq(a, b);
}


static int
phr_hist_spans_alike(const phr_hist_side_t *a, const phr_hist_side_t *b)
{
    if (a->n != b->n || a->nspans != b->nspans) {
        return 0;
    }

    return a->nspans == 0 || a->spans == b->spans
           || memcmp(a->spans, b->spans,
                     a->nspans * sizeof(phr_hist_span_t)) == 0;
}


static int
phr_hist_side_eq(const phr_hist_side_t *a, const phr_hist_side_t *b)
{
    phr_hist_iter_t  x, y;

    if (a->n != b->n) {
        return 0;
    }

    phr_hist_iter_init(&x, a);
    phr_hist_iter_init(&y, b);

    while (phr_hist_iter_next(&x) && phr_hist_iter_next(&y)) {
        if (x.index != y.index
            || phr_double_bits(x.count) != phr_double_bits(y.count))
        {
            return 0;
        }
    }

    return 1;
}


int
phr_hist_fell(const phr_hist_side_t *side, const phr_hist_side_t *prev)
{
    int              more;
    phr_hist_iter_t  it, before;

    phr_hist_iter_init(&it, side);
    phr_hist_iter_init(&before, prev);
    more = phr_hist_iter_next(&it);

    while (phr_hist_iter_next(&before)) {
        while (more && it.index < before.index) {
            more = phr_hist_iter_next(&it);
        }

        if ((more && it.index == before.index ? it.count : 0)
            < before.count)
        {
            return 1;
        }
    }

    return 0;
}


phr_hist_hint_e
phr_hist_hint_after(const phr_hist_t *h, const phr_hist_t *prev)
{
    if (h->hint == PHR_HIST_GAUGE || h->hint == PHR_HIST_RESET) {
        return h->hint;
    }

    if (prev == NULL || prev->hint == PHR_HIST_GAUGE
        || phr_hist_is_stale(prev))
    {
        return PHR_HIST_RESET_UNKNOWN;
    }

    if (h->count < prev->count) {
        return PHR_HIST_RESET;
    }

    if (h->schema != prev->schema
        || h->zero_threshold != prev->zero_threshold
        || !phr_hist_bounds_eq(h, prev))
    {
        return PHR_HIST_RESET_UNKNOWN;
    }

    return h->zero_count < prev->zero_count
           || phr_hist_fell(&h->positive, &prev->positive)
           || phr_hist_fell(&h->negative, &prev->negative)
           ? PHR_HIST_RESET : PHR_HIST_NO_RESET;
}


void
phr_hist_iter_init(phr_hist_iter_t *it, const phr_hist_side_t *side)
{
    it->side = side;
    it->span = 0;
    it->in_span = 0;
    it->taken = 0;
    it->index = 0;
    it->count = 0;
    it->next = side->nspans == 0 ? 0 : side->spans[0].offset;
}


int
phr_hist_iter_next(phr_hist_iter_t *it)
{
    const phr_hist_side_t  *s;

    s = it->side;

    if (it->taken == s->n) {
        return 0;
    }

    while (it->span < s->nspans && it->in_span == s->spans[it->span].length) {
        it->span++;
        it->in_span = 0;

        if (it->span < s->nspans) {
            it->next += s->spans[it->span].offset;
        }
    }

    if (it->span == s->nspans) {
        return 0;
    }

    it->in_span++;
    it->index = it->next++;
    it->count = s->counts[it->taken++];

    return 1;
}


size_t
phr_hist_list(const phr_hist_t *h, phr_hist_bucket_t *buckets, int clip)
{
    size_t              i, n;
    double              zero;
    phr_hist_iter_t     it;
    phr_hist_bucket_t  *b;

    memset(buckets, 0, phr_hist_nbuckets(h) * sizeof(phr_hist_bucket_t));
    zero = clip ? h->zero_threshold : 0;
    n = h->negative.n;
    phr_hist_iter_init(&it, &h->negative);

    for (i = n; i > 0 && phr_hist_iter_next(&it); i--) {
        b = &buckets[i - 1];
        b->lower = -phr_hist_bound(h, it.index);
        b->upper = phr_min(-phr_hist_bound(h, it.index - 1), -zero);
        b->lower_inclusive = 1;
        b->count = it.count;
    }

    if (h->zero_count > 0) {
        b = &buckets[n++];
        b->lower = -h->zero_threshold;
        b->upper = h->zero_threshold;
        b->lower_inclusive = 1;
        b->upper_inclusive = 1;
        b->zero = 1;
        b->count = h->zero_count;
    }

    phr_hist_iter_init(&it, &h->positive);

    while (phr_hist_iter_next(&it)) {
        b = &buckets[n++];
        b->lower = phr_hist_bound(h, it.index - 1);
        b->upper = phr_hist_bound(h, it.index);
        b->upper_inclusive = 1;
        b->count = it.count;

        if (phr_hist_is_custom(h)) {
            b->lower_inclusive = it.index == 0;

        } else {
            b->lower = phr_max(b->lower, zero);
        }
    }

    return n;
}


void
phr_hist_classic_init(phr_hist_classic_t *c, const phr_hist_t *h)
{
    c->h = h;
    c->i = 0;
    c->count = 0;

    phr_hist_iter_init(&c->it, &h->positive);
    c->more = phr_hist_iter_next(&c->it);
}


int
phr_hist_classic_next(phr_hist_classic_t *c)
{
    if (c->i > c->h->nbounds) {
        return 0;
    }

    if (c->more && c->it.index == (int32_t) c->i) {
        c->count += c->it.count;
        c->more = phr_hist_iter_next(&c->it);
    }

    if (c->i == c->h->nbounds) {
        c->count = c->h->count;
    }

    c->le = phr_hist_bound(c->h, (int32_t) c->i++);

    return 1;
}


double
phr_hist_bound(const phr_hist_t *h, int32_t index)
{
    if (!phr_hist_is_custom(h)) {
        return phr_hist_bound_of(h->schema, index);
    }

    if (index < 0) {
        return -INFINITY;
    }

    return (uint32_t) index >= h->nbounds ? INFINITY : h->bounds[index];
}


double
phr_hist_bound_of(int32_t schema, int32_t index)
{
    double   frac;
    int64_t  exp;
    int32_t  part;

    /* bounds are frac * 2^exp with frac in [0.5, 1) */

    part = 0;

    if (schema <= 0) {
        exp = (int64_t) index * ((int64_t) 1 << -schema) + 1;

    } else {
        part = index & ((1 << schema) - 1);
        exp = ((int64_t) index - part) / ((int64_t) 1 << schema) + 1;
    }

    frac = phr_hist_fractions[schema <= 0 ? 0 : part << (8 - schema)];

    /*
     * The bucket of the largest double would end at 2^1024, which is
     * infinity; infinity has a bucket of its own, the next one.
     */

    if (exp == 1025 && part == 0) {
        return DBL_MAX;
    }

    return ldexp(frac, (int) phr_max(-5000, phr_min(exp, 5000)));
}
