/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/histogram.c.
 */

#include "core/histogram.h"

#include <float.h>
#include <math.h>

#include "tap.h"


static const phr_hist_span_t  spans[] = { { 2, 3 }, { 4, 1 } };
static const phr_hist_span_t  cut[] = {
    { 2, 1 }, { 0, 0 }, { 1, 1 }, { 4, 1 }
};
static const phr_hist_span_t  back[] = { { 2, 3 }, { -4, 1 } };
static const phr_hist_span_t  far[] = { { 1 << 28, 4 } };
static const double           counts[] = { 5, 0, 7, 1 };
static const double           counts3[] = { 5, 7, 1 };
static const double           below[] = { 5, 0, -7, 1 };
static const double           bounds[] = { 1, 2, 4 };
static const double           unordered[] = { 1, 2, 2 };
static const double           infinite[] = { 1, 2, INFINITY };


static phr_hist_t
sample(void)
{
    phr_hist_t  h;

    memset(&h, 0, sizeof(h));
    h.schema = 3;
    h.count = 15;
    h.sum = 42.5;
    h.zero_count = 2;
    h.zero_threshold = 0.001;
    h.positive.spans = spans;
    h.positive.nspans = 2;
    h.positive.counts = counts;
    h.positive.n = 4;

    return h;
}


static phr_hist_t
custom(void)
{
    phr_hist_t                    h;
    static const phr_hist_span_t  all[] = { { 0, 4 } };

    h = sample();
    h.schema = PHR_HIST_CUSTOM;
    h.zero_count = 0;
    h.zero_threshold = 0;
    h.positive.spans = all;
    h.positive.nspans = 1;
    h.bounds = bounds;
    h.nbounds = 3;

    return h;
}


static void
validate(void)
{
    phr_err_t   err;
    phr_hist_t  h;

#define refused(change, base, says)                                           \
    do {                                                                      \
        phr_err_init(&err);                                                   \
        h = base();                                                           \
        change;                                                               \
        is_int(phr_hist_validate(&h, &err), PHR_EINVAL, "%s", #change);       \
        ok(strstr(err.text, says) != NULL, "says %s: %s", says, err.text);    \
    } while (0)

    h = sample();
    is_int(phr_hist_validate(&h, NULL), PHR_OK, "exponential buckets");
    h = custom();
    is_int(phr_hist_validate(&h, NULL), PHR_OK, "custom buckets");
    h = sample();
    h.negative = h.positive;
    h.count = 28;
    h.integer = 1;
    is_int(phr_hist_validate(&h, NULL), PHR_OK, "both sides, integer");
    h.sum = NAN;
    h.count = 30;
    is_int(phr_hist_validate(&h, NULL), PHR_OK, "NaN observed is in no bucket");
    h.sum = phr_double_from_bits(PHR_STALE_NAN_BITS);
    h.count = 0;
    is_int(phr_hist_validate(&h, NULL), PHR_OK, "a stale marker has no count");

    refused(h.schema = 9, sample, "schema 9");
    refused(h.schema = -5, sample, "schema -5");
    refused(h.positive.n = 3, sample, "have 3 buckets");
    refused(h.positive.spans = back, sample, "offset is negative");
    refused((h.positive.spans = far, h.positive.nspans = 1), sample,
            "out of range");
    refused(h.negative.n = 1, sample, "negative side");
    refused(h.positive.counts = below, sample, "is negative");
    refused(h.zero_count = -1, sample, "is negative");
    refused(h.count = -1, sample, "is negative");
    refused((h.integer = 1, h.count = 16), sample, "should equal");
    refused((h.integer = 1, h.sum = NAN, h.count = 14), sample, "at least");
    refused((h.bounds = bounds, h.nbounds = 1), sample, "custom bounds");
    refused(h.hint = 4, sample, "hint");
    refused(h.zero_count = 1, custom, "no zero bucket");
    refused(h.negative = h.positive, custom, "negative buckets");
    refused(h.bounds = unordered, custom, "increasing");
    refused(h.bounds = infinite, custom, "finite");
    refused(h.nbounds = 2, custom, "insufficient");
    refused((h.positive.spans = back, h.positive.nspans = 2), custom,
            "negative");
}


static void
deltas(void)
{
    double     v[4];
    phr_err_t  err;

    static const int64_t  good[] = { 5, -5, 7, -6 };
    static const int64_t  bad[] = { 5, -6, 7, -6 };
    static const int64_t  large[] = { 5, INT64_MAX, 7, -6 };

    is_int(phr_hist_from_deltas(good, 4, v, &err), PHR_OK, "deltas");
    ok(memcmp(v, counts, sizeof(v)) == 0, "add up to counts");
    is_int(phr_hist_from_deltas(bad, 4, v, &err), PHR_EINVAL, "below zero");
    is_int(phr_hist_from_deltas(large, 4, v, &err), PHR_EINVAL, "too large");
}


static void
copies(void)
{
    int           rc;
    size_t        limit;
    phr_hist_t    h, other, *copy;
    phr_arena_t  *a;

    a = phr_arena_create(0);
    h = custom();
    h.hint = PHR_HIST_GAUGE;
    copy = phr_hist_copy(a, &h);
    ok(copy != NULL && phr_hist_eq(copy, &h), "a copy is equal");
    ok(copy->bounds != h.bounds && copy->positive.spans != h.positive.spans
       && copy->positive.counts != h.positive.counts
       && copy->hint == PHR_HIST_GAUGE, "and shares nothing");

    h = sample();
    copy = phr_hist_compact(a, &h);
    ok(copy != NULL && copy->positive.n == 3 && copy->positive.nspans == 3
       && copy->positive.spans[1].offset == 1
       && copy->positive.spans[2].offset == 4, "empty buckets are taken out");
    ok(!phr_hist_eq(copy, &h), "which makes a difference");

    other = *copy;
    other.positive.spans = cut;
    other.positive.nspans = 4;
    other.positive.counts = counts3;
    ok(phr_hist_eq(copy, &other), "how spans are cut makes none");
    other.sum = -42.5;
    ok(!phr_hist_eq(copy, &other), "a sum does");
    other = custom();
    h = custom();
    h.bounds = unordered;
    ok(!phr_hist_eq(&h, &other), "and bounds do");
    phr_arena_destroy(a);

    for (limit = 16, rc = 0; limit < 4096; limit += 16) {
        a = phr_arena_create(limit);
        h = custom();
        rc += phr_hist_copy(a, &h) != NULL;
        rc += phr_hist_compact(a, &h) != NULL;
        phr_arena_destroy(a);
    }

    ok(rc > 0, "without memory there is no copy");
}


static void
limits(void)
{
    phr_hist_t  h;

    h = custom();
    ok(phr_hist_bound(&h, -1) == -INFINITY && phr_hist_bound(&h, 0) == 1
       && phr_hist_bound(&h, 2) == 4 && phr_hist_bound(&h, 3) == INFINITY,
       "custom bounds");
    ok(phr_hist_bound_of(0, 0) == 1 && phr_hist_bound_of(0, 3) == 8
       && phr_hist_bound_of(0, -2) == 0.25 && phr_hist_bound_of(-4, 1) == 65536
       && phr_hist_bound_of(3, 8) == 2 && phr_hist_bound_of(8, 0) == 1,
       "powers of two are exact");
    ok(phr_hist_bound_of(1, 1) == 1.414213562373095
       && phr_hist_bound_of(1, -1) == 0.7071067811865475
       && phr_hist_bound_of(8, 255) == 2 * 0.9972960560854698,
       "others are those of the table");
    ok(phr_hist_bound_of(0, 1024) == DBL_MAX
       && phr_hist_bound_of(-4, 64) == DBL_MAX
       && phr_hist_bound_of(8, 1024 * 256) == DBL_MAX
       && phr_hist_bound_of(0, 1025) == INFINITY
       && phr_hist_bound_of(0, -134217728) == 0, "and so are the ends");
}


int
main(void)
{
    validate();
    deltas();
    copies();
    limits();

    return done_testing();
}
