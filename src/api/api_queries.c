/*
 * Copyright (C) The Pharos Authors
 *
 * What queries are under way, and which cost the most: from the query log.
 */

#include "api/call.h"

#include "api/query_log.h"
#include "core/number.h"


#define PHR_QUERIES_TOP         20
#define PHR_QUERIES_TOP_MAX     1000
#define PHR_QUERIES_LIFETIME_MS (10 * 60 * 1000)


static int phr_queries_top(phr_call_t *c, const char *key,
    phr_query_order_e order, int64_t since_us, size_t n, phr_err_t *err);
static int phr_queries_n(const phr_call_t *c, size_t *n, phr_err_t *err);


int
phr_api_active_queries(phr_call_t *c, phr_err_t *err)
{
    size_t               i, n;
    int64_t              now_us;
    phr_json_writer_t   *w;
    phr_query_active_t  *list;

    n = 0;
    list = NULL;

    if (c->api->queries != NULL
        && phr_query_log_active(c->api->queries, c->arena, &list, &n)
           != PHR_OK)
    {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    now_us = phr_call_clock_us(c);

    phr_call_begin(c);
    w = &c->json;
    phr_json_array(w);

    for (i = 0; i < n; i++) {
        phr_json_object(w);
        phr_json_pair_int(w, "id", (int64_t) list[i].id);
        phr_json_pair(w, "query", list[i].text);
        phr_json_pair(w, "user", list[i].user);
        phr_json_key(w, "start");
        phr_json_time(w, list[i].start_ms);
        phr_json_key(w, "end");
        phr_json_time(w, list[i].end_ms);
        phr_json_key(w, "step");
        phr_json_double(w, (double) list[i].step_ms / 1000);
        phr_json_key(w, "durationSeconds");
        phr_json_double(w, (double) (now_us - list[i].began_us) / 1e6);
        phr_json_end_object(w);
    }

    phr_json_end_array(w);
    phr_call_end(c);

    return PHR_OK;
}


/* topN and maxLifetime as VictoriaMetrics has them */

int
phr_api_top_queries(phr_call_t *c, phr_err_t *err)
{
    int      rc;
    size_t   n;
    int64_t  lifetime_ms, since_us;

    rc = phr_queries_n(c, &n, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_call_duration(c, "maxLifetime", PHR_QUERIES_LIFETIME_MS,
                           &lifetime_ms, err);
    if (rc != PHR_OK) {
        return rc;
    }

    since_us = phr_call_clock_us(c)
               - 1000 * phr_min(lifetime_ms, INT64_MAX / 4000);

    phr_call_begin(c);
    phr_json_object(&c->json);

    rc = phr_queries_top(c, "topByCount", PHR_QUERY_BY_COUNT, since_us, n,
                         err);
    if (rc == PHR_OK) {
        rc = phr_queries_top(c, "topByAvgDuration", PHR_QUERY_BY_AVERAGE,
                             since_us, n, err);
    }
    if (rc == PHR_OK) {
        rc = phr_queries_top(c, "topBySumDuration", PHR_QUERY_BY_SUM,
                             since_us, n, err);
    }
    if (rc == PHR_OK) {
        rc = phr_queries_top(c, "topBySamplesRead", PHR_QUERY_BY_SAMPLES,
                             since_us, n, err);
    }

    phr_json_end_object(&c->json);
    phr_call_end(c);

    return rc;
}


static int
phr_queries_top(phr_call_t *c, const char *key, phr_query_order_e order,
    int64_t since_us, size_t n, phr_err_t *err)
{
    size_t              i;
    phr_query_past_t   *list, *p;
    phr_json_writer_t  *w;

    w = &c->json;

    phr_json_key(w, key);
    phr_json_array(w);

    if (c->api->queries == NULL) {
        n = 0;

    } else if (phr_query_log_top(c->api->queries, order, since_us, c->arena,
                                 &list, &n)
               != PHR_OK)
    {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    for (i = 0; i < n; i++) {
        p = &list[i];

        phr_json_object(w);
        phr_json_pair(w, "query", p->text);
        phr_json_key(w, "timeRangeSeconds");
        phr_json_double(w, (double) p->range_ms / 1000);
        phr_json_pair_int(w, "count", (int64_t) p->count);
        phr_json_key(w, "avgDurationSeconds");
        phr_json_double(w, (double) p->sum_us / 1e6 / (double) p->count);
        phr_json_key(w, "maxDurationSeconds");
        phr_json_double(w, (double) p->max_us / 1e6);
        phr_json_key(w, "sumDurationSeconds");
        phr_json_double(w, (double) p->sum_us / 1e6);
        phr_json_pair_int(w, "samplesRead", (int64_t) p->samples);
        phr_json_end_object(w);
    }

    phr_json_end_array(w);

    return PHR_OK;
}


static int
phr_queries_n(const phr_call_t *c, size_t *n, phr_err_t *err)
{
    int64_t    v;
    phr_str_t  text;

    text = phr_call_param(c, "topN");
    *n = PHR_QUERIES_TOP;

    if (text.len == 0) {
        return PHR_OK;
    }

    if (phr_int_parse(text.data, text.len, &v) != PHR_OK || v < 1
        || v > PHR_QUERIES_TOP_MAX)
    {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter \"topN\": "
                           "\"%.*s\" is not a number from 1 to %d",
                           (int) phr_min(text.len, 100), text.data,
                           PHR_QUERIES_TOP_MAX);
    }

    *n = (size_t) v;

    return PHR_OK;
}
