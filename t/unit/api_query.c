/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of api/api_query.c: how results with native histograms are written.
 * Everything else of it is tested over HTTP, in t/api_query.t.
 */

#include "../../src/api/api_query.c"

#include <math.h>

#include "tap.h"


static const phr_hist_span_t  spans[] = { { 0, 1 }, { 1, 2 } };
static const double           counts[] = { 4, 0, 2.5 };
static const double           bounds[] = { -1, 0.1 };


static phr_hist_t
sample(void)
{
    phr_hist_t  h;

    memset(&h, 0, sizeof(h));
    h.count = 12.5;
    h.sum = NAN;
    h.zero_count = 2;
    h.zero_threshold = 0.75;
    h.positive.spans = spans;
    h.positive.nspans = 2;
    h.positive.counts = counts;
    h.positive.n = 3;
    h.negative.spans = spans;
    h.negative.nspans = 1;
    h.negative.counts = counts;
    h.negative.n = 1;

    return h;
}


static void
writes(const phr_result_t *r, const char *json)
{
    phr_buf_t           b;
    phr_err_t           err;
    phr_call_t          c;
    phr_api_request_t   req;
    phr_api_response_t  res;

    memset(&c, 0, sizeof(c));
    memset(&req, 0, sizeof(req));
    memset(&res, 0, sizeof(res));
    phr_buf_init(&b, 0);
    phr_json_init(&c.json, &b);
    c.arena = phr_arena_create(0);
    c.req = &req;
    c.res = &res;

    ok(phr_query_result(&c, r, &err) == PHR_OK, "a result is written");
    is_str(phr_buf_cstr(&b), json, "%s", json);

    phr_arena_destroy(c.arena);
    phr_buf_free(&b);
}


int
main(void)
{
    phr_hist_t            one, two;
    phr_result_t          r;
    phr_result_series_t   series;
    phr_result_sample_t   samples[2];

    const phr_hist_t     *h[3];

    static const int64_t  t_ms[] = { 1000, 2500, 3000 };
    static const double   v[] = { 1, 2, 3 };

    one = sample();

    two = one;
    two.schema = PHR_HIST_CUSTOM;
    two.sum = 3;
    two.zero_count = 0;
    two.zero_threshold = 0;
    two.negative.n = 0;
    two.negative.nspans = 0;
    two.positive.spans = (phr_hist_span_t[1]) { { 0, 2 } };
    two.positive.nspans = 1;
    two.positive.n = 2;
    two.positive.counts = (double[2]) { 3, 1 };
    two.bounds = bounds;
    two.nbounds = 1;

    memset(&r, 0, sizeof(r));
    memset(samples, 0, sizeof(samples));
    r.type = PHR_TYPE_VECTOR;
    r.samples = samples;
    r.nsamples = 2;
    samples[0].t_ms = 1500;
    samples[0].h = &one;
    samples[1].t_ms = 1500;
    samples[1].h = &two;

    writes(&r,
           "{\"resultType\":\"vector\",\"result\":["
           "{\"metric\":{},\"histogram\":[1.5,{\"count\":\"12.5\","
           "\"sum\":\"NaN\",\"buckets\":[[1,\"-1\",\"-0.75\",\"4\"],"
           "[3,\"-0.75\",\"0.75\",\"2\"],[0,\"0.75\",\"1\",\"4\"],"
           "[0,\"4\",\"8\",\"2.5\"]]}]},"
           "{\"metric\":{},\"histogram\":[1.5,{\"count\":\"12.5\","
           "\"sum\":\"3\",\"buckets\":[[3,\"-Inf\",\"-1\",\"3\"],"
           "[0,\"-1\",\"+Inf\",\"1\"]]}]}]}");

    memset(&series, 0, sizeof(series));
    r.type = PHR_TYPE_MATRIX;
    r.series = &series;
    r.nseries = 1;
    series.t_ms = t_ms;
    series.v = v;
    series.n = 3;
    series.h = h;
    memset(&one, 0, sizeof(one));
    one.sum = 7;
    h[0] = NULL;
    h[1] = &one;
    h[2] = NULL;

    writes(&r,
           "{\"resultType\":\"matrix\",\"result\":["
           "{\"metric\":{},\"values\":[[1,\"1\"],[3,\"3\"]],"
           "\"histograms\":[[2.5,{\"count\":\"0\",\"sum\":\"7\"}]]}]}");

    h[0] = &one;
    h[2] = &one;
    series.n = 1;

    writes(&r,
           "{\"resultType\":\"matrix\",\"result\":["
           "{\"metric\":{},\"histograms\":[[1,{\"count\":\"0\","
           "\"sum\":\"7\"}]]}]}");

    return done_testing();
}
