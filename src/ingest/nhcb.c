/*
 * Copyright (C) The Pharos Authors
 *
 * Classic histograms with custom buckets: see nhcb.h.
 */

#include "ingest/nhcb.h"

#include <math.h>


typedef struct {
    double  le;
    double  count;              /* of all observations up to le */
} phr_nhcb_bucket_t;


static int phr_nhcb_finish(phr_nhcb_t *c);
static int phr_nhcb_whole(double v);


void
phr_nhcb_init(phr_nhcb_t *c)
{
    memset(c, 0, sizeof(phr_nhcb_t));
    phr_array_init(&c->buckets, sizeof(phr_nhcb_bucket_t));
}


void
phr_nhcb_free(phr_nhcb_t *c)
{
    phr_array_free(&c->buckets);
}


void
phr_nhcb_reset(phr_nhcb_t *c)
{
    c->buckets.nelts = 0;
    c->count = 0;
    c->sum = 0;
    c->wrong = NULL;
    c->has_count = 0;
}


int
phr_nhcb_bucket(phr_nhcb_t *c, double le, double count)
{
    size_t              i, n;
    phr_nhcb_bucket_t  *b;

    if (c->wrong != NULL) {
        return PHR_OK;
    }

    if (isnan(le) || count < 0) {
        c->wrong = isnan(le) ? "bucket boundary must not be NaN"
                             : "bucket count must be non-negative";
        return PHR_OK;
    }

    n = c->buckets.nelts;
    b = c->buckets.elts;

    /* nearly always it is the last one */

    for (i = n; i > 0 && b[i - 1].le > le; i--) {
        /* void */
    }

    if (i > 0 && b[i - 1].le == le) {
        return PHR_OK;
    }

    if (n == PHR_HIST_MAX_BUCKETS) {
        c->wrong = "too many buckets";
        return PHR_OK;
    }

    if ((i > 0 && count < b[i - 1].count) || (i < n && count > b[i].count)) {
        c->wrong = "count is not cumulative";
        return PHR_OK;
    }

    if (phr_array_push(&c->buckets) == NULL) {
        return PHR_ENOMEM;
    }

    b = c->buckets.elts;
    memmove(b + i + 1, b + i, (n - i) * sizeof(phr_nhcb_bucket_t));
    b[i].le = le;
    b[i].count = count;

    return PHR_OK;
}


void
phr_nhcb_count(phr_nhcb_t *c, double count)
{
    if (count < 0) {
        c->wrong = "count must be non-negative";
    }

    c->count = count;
    c->has_count = 1;
}


void
phr_nhcb_sum(phr_nhcb_t *c, double sum)
{
    c->sum = sum;
}


int
phr_nhcb_convert(phr_nhcb_t *c, phr_arena_t *arena, phr_hist_t **out,
    phr_err_t *err)
{
    int                 rc;
    double             *bounds, *counts, last;
    size_t              i, n;
    phr_hist_t         *h;
    phr_hist_span_t    *span;
    phr_nhcb_bucket_t  *b;

    rc = phr_nhcb_finish(c);

    if (rc != PHR_OK) {
        return phr_err_set(err, rc, rc == PHR_ENOMEM
                           ? "no memory for a histogram" : "%s", c->wrong);
    }

    n = c->buckets.nelts;
    b = c->buckets.elts;

    h = phr_arena_calloc(arena, 1, sizeof(phr_hist_t));
    span = phr_arena_calloc(arena, 1, sizeof(phr_hist_span_t));
    counts = phr_arena_alloc(arena, n * sizeof(double));
    bounds = phr_arena_alloc(arena, n * sizeof(double));

    if (h == NULL || span == NULL || counts == NULL || bounds == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "no memory for a "
                           "histogram");
    }

    h->schema = PHR_HIST_CUSTOM;
    h->integer = 1;
    h->count = c->count;
    h->sum = c->sum;
    last = 0;

    for (i = 0; i < n; i++) {
        h->integer &= phr_nhcb_whole(b[i].count);
        counts[i] = b[i].count - last;
        bounds[i] = b[i].le;
        last = b[i].count;
    }

    h->integer &= phr_nhcb_whole(c->count);
    span->length = (uint32_t) n;
    h->positive.spans = span;
    h->positive.nspans = 1;
    h->positive.counts = counts;
    h->positive.n = (uint32_t) n;
    h->bounds = bounds;
    h->nbounds = (uint32_t) n - 1;      /* the last one is infinite */

    rc = phr_hist_validate(h, err);
    if (rc != PHR_OK) {
        return rc;
    }

    /* limits are of buckets that have something in them */

    *out = phr_hist_compact(arena, h);

    return *out ? PHR_OK : phr_err_set(err, phr_arena_rc(arena), "no memory "
                                       "for a histogram");
}


/* the last bucket is that of all observations */

static int
phr_nhcb_finish(phr_nhcb_t *c)
{
    int                 rc;
    size_t              n;
    phr_nhcb_bucket_t  *b;

    if (c->wrong != NULL) {
        return PHR_EINVAL;
    }

    n = c->buckets.nelts;
    b = c->buckets.elts;

    if (!c->has_count && n != 0) {
        c->count = b[n - 1].count;
        c->has_count = 1;
    }

    if (n == 0 || !isinf(b[n - 1].le) || b[n - 1].le < 0) {
        rc = phr_nhcb_bucket(c, INFINITY, c->count);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (c->wrong != NULL) {
        return PHR_EINVAL;
    }

    n = c->buckets.nelts;
    b = c->buckets.elts;

    if (b[n - 1].count != c->count) {
        c->wrong = "count mismatch";
        return PHR_EINVAL;
    }

    return PHR_OK;
}


/* a number that integer histograms can have */

static int
phr_nhcb_whole(double v)
{
    return v < 9007199254740992.0 && v == (double) (int64_t) v;
}
