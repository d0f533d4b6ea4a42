/*
 * Copyright (C) The Pharos Authors
 *
 * Native: sums and differences of native histograms, and whether a counter
 * was reset.  Two histograms are brought to the coarser schema, to a zero
 * bucket that both can have, or to the custom bounds they share, before
 * their buckets are added.
 */

#include "promql/native.h"

#include "promql/stats.h"


static int phr_native_fill(phr_native_room_t *r, phr_native_side_t *side,
    const phr_hist_side_t *from);
static int phr_native_room(phr_native_room_t *r, phr_native_side_t *side,
    size_t n);
static void phr_native_hint(phr_native_t *n, const phr_native_t *other,
    unsigned *what);
static void phr_native_zero(phr_native_t *a, phr_native_t *b);
static double phr_native_grow(const phr_native_t *n, double threshold,
    phr_kahan_t *zero);
static void phr_native_widen(phr_native_t *n, double threshold);
static int phr_native_bounds_eq(const phr_native_t *n,
    const phr_hist_t *h);
static int phr_native_bounds(phr_native_room_t *r, phr_native_t *n,
    phr_native_t *other);
static void phr_native_map(phr_native_side_t *side, const double *from,
    uint32_t nfrom, const double *to, uint32_t nto);
static void phr_native_inc(phr_kahan_t *to, const phr_kahan_t *from,
    unsigned flags);
static int phr_native_merge(phr_native_room_t *r, phr_native_t *n,
    size_t side, const phr_native_side_t *other, unsigned flags);
static void phr_native_end_side(const phr_native_side_t *side,
    phr_hist_side_t *to, phr_hist_span_t *spans, double *counts);
static int phr_native_reset_side(const phr_native_side_t *side,
    const phr_native_side_t *prev);


static inline double
phr_kahan_get(const phr_kahan_t *k)
{
    return k->v + k->c;
}


static inline void
phr_kahan_set(phr_kahan_t *k, double v)
{
    k->v = v;
    k->c = 0;
}


static inline int
phr_native_is_custom(const phr_native_t *n)
{
    return n->schema == PHR_HIST_CUSTOM;
}


int
phr_native_set(phr_native_room_t *r, phr_native_t *n, const phr_hist_t *h)
{
    int  rc;

    n->schema = h->schema;
    n->hint = h->hint;
    n->nbounds = h->nbounds;
    n->bounds = h->bounds;
    n->zero_threshold = h->zero_threshold;

    phr_kahan_set(&n->zero, h->zero_count);
    phr_kahan_set(&n->count, h->count);
    phr_kahan_set(&n->sum, h->sum);

    rc = phr_native_fill(r, &n->side[0], &h->positive);

    return rc < 0 ? rc : phr_native_fill(r, &n->side[1], &h->negative);
}


static int
phr_native_fill(phr_native_room_t *r, phr_native_side_t *side,
    const phr_hist_side_t *from)
{
    int               rc;
    phr_hist_iter_t   it;

    rc = phr_native_room(r, side, from->n);
    if (rc < 0) {
        return rc;
    }

    side->n = 0;
    phr_hist_iter_init(&it, from);

    while (phr_hist_iter_next(&it)) {
        side->b[side->n].index = it.index;
        phr_kahan_set(&side->b[side->n++].k, it.count);
    }

    return PHR_OK;
}


/* room for n buckets; those that are there stay */
static int
phr_native_room(phr_native_room_t *r, phr_native_side_t *side, size_t n)
{
    phr_native_bucket_t  *b;

    if (n <= side->nalloc) {
        return PHR_OK;
    }

    b = phr_arena_alloc(r->arena, n * sizeof(phr_native_bucket_t));
    if (b == NULL) {
        return phr_arena_rc(r->arena);
    }

    if (side->n != 0) {
        memcpy(b, side->b, side->n * sizeof(phr_native_bucket_t));
    }

    side->b = b;
    side->nalloc = n;

    return PHR_OK;
}


int
phr_native_add(phr_native_room_t *r, phr_native_t *n, const phr_hist_t *h,
    unsigned flags, unsigned *what)
{
    int            rc;
    phr_native_t  *other;

    if (phr_native_is_custom(n) != phr_hist_is_custom(h)) {
        return PHR_EINVAL;
    }

    other = &r->one;

    rc = phr_native_set(r, other, h);
    if (rc < 0) {
        return rc;
    }

    phr_native_hint(n, other, what);

    if (!phr_native_is_custom(n)) {
        phr_native_zero(n, other);
        phr_native_inc(&n->zero, &other->zero, flags);

        phr_native_reduce(n, other->schema);
        phr_native_reduce(other, n->schema);

    } else if (!phr_native_bounds_eq(n, h)) {
        *what |= PHR_NATIVE_RECONCILED;

        rc = phr_native_bounds(r, n, other);
        if (rc < 0) {
            return rc;
        }
    }

    phr_native_inc(&n->count, &other->count, flags);
    phr_native_inc(&n->sum, &other->sum, flags);

    rc = phr_native_merge(r, n, 0, &other->side[0], flags);

    return rc < 0 ? rc : phr_native_merge(r, n, 1, &other->side[1], flags);
}


/* counters and gauges make a gauge; of two counters what both agree on */
static void
phr_native_hint(phr_native_t *n, const phr_native_t *other, unsigned *what)
{
    if (n->hint == other->hint || n->hint == PHR_HIST_GAUGE
        || n->hint == PHR_HIST_RESET_UNKNOWN)
    {
        if (other->hint == PHR_HIST_GAUGE) {
            n->hint = PHR_HIST_GAUGE;
        }

        return;
    }

    if (other->hint == PHR_HIST_GAUGE) {
        n->hint = PHR_HIST_GAUGE;
        return;
    }

    if (other->hint != PHR_HIST_RESET_UNKNOWN) {
        *what |= PHR_NATIVE_COLLISION;
    }

    n->hint = PHR_HIST_RESET_UNKNOWN;
}


/* widens the zero buckets until they are the same */
static void
phr_native_zero(phr_native_t *a, phr_native_t *b)
{
    while (a->zero_threshold != b->zero_threshold) {

        if (a->zero_threshold > b->zero_threshold) {
            phr_native_widen(b, a->zero_threshold);
        }

        if (b->zero_threshold > a->zero_threshold) {
            phr_native_widen(a, b->zero_threshold);
        }
    }
}


/*
 * The count that a zero bucket up to a threshold would have, and that
 * threshold, which is moved to the end of a bucket that it would cut.
 */
static double
phr_native_grow(const phr_native_t *n, double threshold, phr_kahan_t *zero)
{
    double                      end;
    size_t                      i, s;
    const phr_native_bucket_t  *b;

again:

    *zero = n->zero;

    for (s = 0; s < 2; s++) {
        for (i = 0; i < n->side[s].n; i++) {
            b = &n->side[s].b[i];

            if (phr_hist_bound_of(n->schema, b->index - 1) >= threshold) {
                break;
            }

            end = phr_hist_bound_of(n->schema, b->index);
            phr_native_inc(zero, &b->k, PHR_NATIVE_KAHAN);

            if (end > threshold) {
                if (b->k.v == 0) {
                    break;
                }

                threshold = end;

                /* what was counted of the positive buckets is too little */

                if (s == 1) {
                    goto again;
                }

                break;
            }
        }
    }

    return threshold;
}


static void
phr_native_widen(phr_native_t *n, double threshold)
{
    size_t              i, s;
    phr_kahan_t         zero;
    phr_native_side_t  *side;

    n->zero_threshold = phr_native_grow(n, threshold, &zero);
    n->zero = zero;

    for (s = 0; s < 2; s++) {
        side = &n->side[s];

        for (i = 0; i < side->n; i++) {
            if (phr_hist_bound_of(n->schema, side->b[i].index - 1)
                >= n->zero_threshold)
            {
                break;
            }
        }

        side->n -= i;

        if (i != 0 && side->n != 0) {
            memmove(side->b, side->b + i,
                    side->n * sizeof(phr_native_bucket_t));
        }
    }
}


void
phr_native_reduce(phr_native_t *n, int32_t schema)
{
    int                 shift;
    size_t              i, k, s;
    int32_t             index;
    phr_native_side_t  *side;

    if (n->schema <= schema) {
        return;
    }

    shift = n->schema - schema;
    n->schema = schema;

    for (s = 0; s < 2; s++) {
        side = &n->side[s];
        k = 0;

        for (i = 0; i < side->n; i++) {
            index = phr_hist_coarser(side->b[i].index, shift);

            if (k != 0 && side->b[k - 1].index == index) {
                phr_native_inc(&side->b[k - 1].k, &side->b[i].k,
                               PHR_NATIVE_KAHAN);

            } else {
                side->b[k].k = side->b[i].k;
                side->b[k++].index = index;
            }
        }

        side->n = k;
    }
}


static int
phr_native_bounds_eq(const phr_native_t *n, const phr_hist_t *h)
{
    uint32_t  i;

    if (n->nbounds != h->nbounds) {
        return 0;
    }

    for (i = 0; i < n->nbounds && n->bounds[i] == h->bounds[i]; i++) {
        /* void */
    }

    return i == n->nbounds;
}


/* brings two to the custom bounds that they share */
static int
phr_native_bounds(phr_native_room_t *r, phr_native_t *n,
    phr_native_t *other)
{
    double    *bounds;
    uint32_t   i, k, nbounds;

    bounds = phr_arena_alloc(r->arena, n->nbounds * sizeof(double));
    if (bounds == NULL) {
        return phr_arena_rc(r->arena);
    }

    nbounds = 0;

    for (i = 0, k = 0; i < n->nbounds && k < other->nbounds; ) {
        if (n->bounds[i] == other->bounds[k]) {
            bounds[nbounds++] = n->bounds[i++];
            k++;

        } else if (n->bounds[i] < other->bounds[k]) {
            i++;

        } else {
            k++;
        }
    }

    phr_native_map(&n->side[0], n->bounds, n->nbounds, bounds, nbounds);
    phr_native_map(&other->side[0], other->bounds, other->nbounds, bounds,
                   nbounds);

    n->bounds = bounds;
    n->nbounds = nbounds;

    return PHR_OK;
}


/* moves counts to the first bound that is not below their own */
static void
phr_native_map(phr_native_side_t *side, const double *from, uint32_t nfrom,
    const double *to, uint32_t nto)
{
    size_t   i, k;
    int32_t  index, at;

    k = 0;
    at = 0;

    for (i = 0; i < side->n; i++) {
        index = side->b[i].index;

        if (index >= 0 && (uint32_t) index < nfrom) {
            while ((uint32_t) at < nto && to[at] < from[index]) {
                at++;
            }

        } else {
            at = nto;
        }

        if (k != 0 && side->b[k - 1].index == at) {
            phr_native_inc(&side->b[k - 1].k, &side->b[i].k,
                           PHR_NATIVE_KAHAN);

        } else {
            side->b[k].k = side->b[i].k;
            side->b[k++].index = at;
        }
    }

    side->n = k;
}


static void
phr_native_inc(phr_kahan_t *to, const phr_kahan_t *from, unsigned flags)
{
    if (flags & PHR_NATIVE_KAHAN) {
        phr_kahan_add(from->v, &to->v, &to->c);

        if (from->c != 0) {
            phr_kahan_add(from->c, &to->v, &to->c);
        }

        return;
    }

    if (flags & PHR_NATIVE_SUBTRACT) {
        to->v -= from->v;
        to->c -= from->c;

    } else {
        to->v += from->v;
        to->c += from->c;
    }
}


/* adds the buckets above the zero bucket */
static int
phr_native_merge(phr_native_room_t *r, phr_native_t *n, size_t s,
    const phr_native_side_t *other, unsigned flags)
{
    int                   rc;
    size_t                i, k, m;
    phr_native_side_t    *side;
    phr_native_bucket_t  *to;

    static const phr_kahan_t  nothing;

    side = &n->side[s];
    k = 0;

    while (!phr_native_is_custom(n) && k < other->n
           && phr_hist_bound_of(n->schema, other->b[k].index)
              <= n->zero_threshold)
    {
        k++;
    }

    if (k == other->n) {
        return PHR_OK;
    }

    if (side->n + other->n > r->nmerged) {
        m = (side->n + other->n) * 2;

        r->merged = phr_arena_alloc(r->arena,
                                    m * sizeof(phr_native_bucket_t));
        if (r->merged == NULL) {
            r->nmerged = 0;
            return phr_arena_rc(r->arena);
        }

        r->nmerged = m;
    }

    to = r->merged;

    for (i = 0, m = 0; i < side->n || k < other->n; m++) {

        if (k == other->n
            || (i < side->n && side->b[i].index < other->b[k].index))
        {
            to[m] = side->b[i++];
            continue;
        }

        if (i < side->n && side->b[i].index == other->b[k].index) {
            to[m] = side->b[i++];

        } else {
            to[m].index = other->b[k].index;
            to[m].k = nothing;
        }

        phr_native_inc(&to[m].k, &other->b[k++].k, flags);
    }

    rc = phr_native_room(r, side, m);
    if (rc < 0) {
        return rc;
    }

    memcpy(side->b, to, m * sizeof(phr_native_bucket_t));
    side->n = m;

    return PHR_OK;
}


static void
phr_kahan_scale(phr_kahan_t *k, double x, int divide)
{
    if (divide) {
        k->v /= x;
        k->c = k->c == 0 ? 0 : k->c / x;

    } else {
        k->v *= x;
        k->c = k->c == 0 ? 0 : k->c * x;
    }
}


static void
phr_native_scale(phr_native_t *n, double x, int divide)
{
    size_t  i, s;

    phr_kahan_scale(&n->zero, x, divide);
    phr_kahan_scale(&n->count, x, divide);
    phr_kahan_scale(&n->sum, x, divide);

    for (s = 0; s < 2; s++) {

        if (divide && x == 0) {
            n->side[s].n = 0;
        }

        for (i = 0; i < n->side[s].n; i++) {
            phr_kahan_scale(&n->side[s].b[i].k, x, divide);
        }
    }

    if (x < 0) {
        n->hint = PHR_HIST_GAUGE;
    }
}


void
phr_native_multiply(phr_native_t *n, double factor)
{
    phr_native_scale(n, factor, 0);
}


void
phr_native_divide(phr_native_t *n, double divisor)
{
    phr_native_scale(n, divisor, 1);
}


int
phr_native_overflows(const phr_native_t *n)
{
    size_t  i, s;

    if (isinf(n->zero.v) || isinf(n->count.v) || isinf(n->sum.v)) {
        return 1;
    }

    for (s = 0; s < 2; s++) {
        for (i = 0; i < n->side[s].n; i++) {
            if (isinf(n->side[s].b[i].k.v)) {
                return 1;
            }
        }
    }

    return 0;
}


int
phr_native_try_add(phr_native_room_t *r, phr_native_t *n,
    const phr_hist_t *h, unsigned *what)
{
    int           rc;
    size_t        s;
    phr_native_t  sum;

    /* the sum is made beside n, in buckets that are swapped at the end */

    sum = *n;
    memcpy(sum.side, r->two.side, sizeof(sum.side));

    for (s = 0; s < 2; s++) {
        sum.side[s].n = 0;

        rc = phr_native_room(r, &sum.side[s], n->side[s].n);
        if (rc < 0) {
            return rc;
        }

        sum.side[s].n = n->side[s].n;

        if (sum.side[s].n != 0) {
            memcpy(sum.side[s].b, n->side[s].b,
                   sum.side[s].n * sizeof(phr_native_bucket_t));
        }
    }

    rc = phr_native_add(r, &sum, h, PHR_NATIVE_KAHAN, what);

    if (rc == PHR_OK && phr_native_overflows(&sum)) {
        rc = PHR_FULL;
    }

    if (rc != PHR_OK) {
        memcpy(r->two.side, sum.side, sizeof(sum.side));
        return rc;
    }

    memcpy(r->two.side, n->side, sizeof(sum.side));
    *n = sum;

    return PHR_OK;
}


phr_hist_t *
phr_native_end(phr_native_room_t *r, const phr_native_t *n)
{
    size_t            total;
    double           *counts;
    phr_hist_t       *h;
    phr_hist_span_t  *spans;

    total = n->side[0].n + n->side[1].n;

    h = phr_arena_calloc(r->arena, 1, sizeof(phr_hist_t));
    counts = phr_arena_alloc(r->arena,
                             (total + n->nbounds) * sizeof(double));
    spans = phr_arena_alloc(r->arena, total * sizeof(phr_hist_span_t));

    if (h == NULL || counts == NULL || spans == NULL) {
        return NULL;
    }

    h->schema = n->schema;
    h->hint = n->hint;
    h->zero_threshold = n->zero_threshold;
    h->zero_count = phr_kahan_get(&n->zero);
    h->count = phr_kahan_get(&n->count);
    h->sum = phr_kahan_get(&n->sum);

    phr_native_end_side(&n->side[0], &h->positive, spans, counts);
    phr_native_end_side(&n->side[1], &h->negative, spans + n->side[0].n,
                        counts + n->side[0].n);

    if (n->nbounds != 0) {
        memcpy(counts + total, n->bounds, n->nbounds * sizeof(double));
        h->bounds = counts + total;
        h->nbounds = n->nbounds;
    }

    return h;
}


static void
phr_native_end_side(const phr_native_side_t *side, phr_hist_side_t *to,
    phr_hist_span_t *spans, double *counts)
{
    double   count;
    size_t   i;
    int32_t  end;

    end = 0;

    for (i = 0; i < side->n; i++) {
        count = phr_kahan_get(&side->b[i].k);

        if (count == 0) {
            continue;
        }

        if (to->nspans == 0 || side->b[i].index != end) {
            spans[to->nspans].offset = side->b[i].index - end;
            spans[to->nspans++].length = 0;
        }

        spans[to->nspans - 1].length++;
        counts[to->n++] = count;
        end = side->b[i].index + 1;
    }

    to->spans = spans;
    to->counts = counts;
}


int
phr_native_reset(phr_native_room_t *r, const phr_hist_t *h,
    const phr_hist_t *prev, int *reset)
{
    int          rc;
    phr_kahan_t  zero;

    *reset = h->hint == PHR_HIST_RESET;

    if (*reset || h->hint == PHR_HIST_NO_RESET) {
        return PHR_OK;
    }

    *reset = 1;

    if (h->count < prev->count
        || phr_hist_is_custom(h) != phr_hist_is_custom(prev)
        || h->zero_threshold < prev->zero_threshold)
    {
        return PHR_OK;
    }

    if (h->schema == prev->schema && phr_hist_bounds_eq(h, prev)
        && h->zero_threshold == prev->zero_threshold)
    {
        *reset = h->zero_count < prev->zero_count
                 || phr_hist_fell(&h->positive, &prev->positive)
                 || phr_hist_fell(&h->negative, &prev->negative);

        return PHR_OK;
    }

    if (h->schema > prev->schema) {
        return PHR_OK;
    }

    rc = phr_native_set(r, &r->one, h);
    if (rc == PHR_OK) {
        rc = phr_native_set(r, &r->two, prev);
    }

    if (rc < 0) {
        return rc;
    }

    if (phr_hist_is_custom(h)) {
        rc = phr_native_bounds(r, &r->one, &r->two);
        *reset = phr_native_reset_side(&r->one.side[0], &r->two.side[0]);

        return rc;
    }

    /* a populated bucket that the new threshold cuts tells of a reset, too */

    if (phr_native_grow(&r->two, h->zero_threshold, &zero)
        != h->zero_threshold || h->zero_count < phr_kahan_get(&zero))
    {
        return PHR_OK;
    }

    if (h->zero_threshold != prev->zero_threshold) {
        phr_native_widen(&r->two, h->zero_threshold);
    }

    phr_native_reduce(&r->two, h->schema);

    *reset = phr_native_reset_side(&r->one.side[0], &r->two.side[0])
             || phr_native_reset_side(&r->one.side[1], &r->two.side[1]);

    return PHR_OK;
}


/* whether any bucket has less than before */
static int
phr_native_reset_side(const phr_native_side_t *side,
    const phr_native_side_t *prev)
{
    double  count;
    size_t  i, k;

    for (i = 0, k = 0; k < prev->n; k++) {
        while (i < side->n && side->b[i].index < prev->b[k].index) {
            i++;
        }

        count = i < side->n && side->b[i].index == prev->b[k].index
                ? phr_kahan_get(&side->b[i].k) : 0;

        if (count < phr_kahan_get(&prev->b[k].k)) {
            return 1;
        }
    }

    return 0;
}
