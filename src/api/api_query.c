/*
 * Copyright (C) The Pharos Authors
 *
 * Queries: /query, /query_range and the two that only read the text of one.
 */

#include "api/call.h"
#include "api/query_cache.h"
#include "api/query_log.h"

#include "core/number.h"
#include "core/time.h"
#include "core/yield.h"
#include "promql/promql.h"


/* points of an answer that is sent while it is written, 2 MB of text */
#define PHR_QUERY_LARGE  65536

/* about what one of them takes, see phr_yield() */
#define PHR_QUERY_UNITS  32

/* warnings, and infos, that an answer has */
#define PHR_QUERY_NOTES  10


static int phr_query_prepare(phr_call_t *c, phr_query_t *query,
    phr_err_t *err);
static int phr_query_dialect(phr_call_t *c, unsigned *flags, phr_err_t *err);
static int phr_query_answer(phr_call_t *c, phr_query_t *query,
    phr_err_t *err);
static int phr_query_eval(phr_call_t *c, const phr_query_t *query,
    phr_querier_t *querier, phr_result_t *result, phr_err_t *err);
static int64_t phr_query_now_ms(const phr_call_t *c);
static uint64_t phr_query_note(phr_call_t *c, const phr_query_t *query,
    int64_t began_us);
static int phr_query_notes(phr_call_t *c, const phr_result_t *r,
    int truncated);
static int phr_query_omitted(phr_call_t *c,
    int (*add)(phr_call_t *c, phr_str_t text), const char *kind, size_t n);
static int phr_query_write(phr_call_t *c, const phr_result_t *r,
    phr_err_t *err);
static int phr_query_rest(phr_call_t *c, phr_err_t *err);
static int phr_query_result(phr_call_t *c, const phr_result_t *r,
    phr_err_t *err);
static void phr_query_point(phr_call_t *c, int64_t t_ms, double v);
static void phr_query_mixed(phr_call_t *c, const phr_result_series_t *s,
    int histograms);
static void phr_query_histogram(phr_call_t *c, int64_t t_ms,
    const phr_hist_t *h);
static void phr_query_stats(phr_call_t *c, const phr_result_t *r);
static void phr_query_by_step(phr_call_t *c, const phr_result_t *r);
static int phr_query_truncate(phr_result_t *r, size_t limit);


int
phr_api_query(phr_call_t *c, phr_err_t *err)
{
    int          rc;
    phr_query_t  query;

    rc = phr_query_prepare(c, &query, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_call_time(c, "time", phr_query_now_ms(c), &query.start_ms, err);
    if (rc != PHR_OK) {
        return rc;
    }

    query.end_ms = query.start_ms;

    return phr_query_answer(c, &query, err);
}


int
phr_api_query_range(phr_call_t *c, phr_err_t *err)
{
    int          rc;
    phr_str_t    s;
    phr_query_t  query;

    rc = phr_query_prepare(c, &query, err);
    if (rc != PHR_OK) {
        return rc;
    }

    s = phr_call_param(c, "start");
    if (phr_param_time(s, &query.start_ms) != PHR_OK) {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter \"start\": "
                           "cannot parse \"%.*s\" to a valid timestamp",
                           (int) phr_min(s.len, 100), s.data);
    }

    s = phr_call_param(c, "end");
    if (phr_param_time(s, &query.end_ms) != PHR_OK) {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter \"end\": "
                           "cannot parse \"%.*s\" to a valid timestamp",
                           (int) phr_min(s.len, 100), s.data);
    }

    if (query.end_ms < query.start_ms) {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter \"end\": "
                           "end timestamp must not be before start time");
    }

    s = phr_call_param(c, "step");
    if (phr_param_duration(s, &query.step_ms) != PHR_OK) {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter \"step\": "
                           "cannot parse \"%.*s\" to a valid duration",
                           (int) phr_min(s.len, 100), s.data);
    }

    if (query.step_ms <= 0) {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter \"step\": "
                           "zero or negative query resolution step widths "
                           "are not accepted. Try a positive integer");
    }

    if (((uint64_t) query.end_ms - (uint64_t) query.start_ms)
        / (uint64_t) query.step_ms > c->api->limits.query_max_points)
    {
        return phr_err_set(err, PHR_EINVAL, "exceeded maximum resolution of "
                           "11,000 points per timeseries. Try decreasing "
                           "the query resolution (?step=XX)");
    }

    return phr_query_answer(c, &query, err);
}


int
phr_api_format_query(phr_call_t *c, phr_err_t *err)
{
    int          rc;
    phr_buf_t    text;
    phr_node_t  *node;

    rc = phr_call_query(c, 1, &node, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_buf_init(&text, 0);
    phr_promql_pretty(&text, node);
    phr_promql_destroy(node);

    rc = text.failed;

    if (rc == PHR_OK) {
        phr_call_begin(c);
        phr_json_string(&c->json, phr_buf_view(&text));
        phr_call_end(c);

    } else {
        phr_err_set(err, rc, "out of memory");
    }

    phr_buf_free(&text);

    return rc;
}


/* what both kinds of query have in common */

static int
phr_query_prepare(phr_call_t *c, phr_query_t *query, phr_err_t *err)
{
    int        rc;
    int64_t    timeout_ms;
    unsigned   flags;
    phr_str_t  s;

    memset(query, 0, sizeof(phr_query_t));

    rc = phr_query_dialect(c, &flags, err);
    if (rc != PHR_OK) {
        return rc;
    }

    query->arena = c->arena;
    query->stop = c->req->stop;
    query->subquery_step_ms = 60000;
    query->instant_step_ms = phr_promql_instant_step_ms(flags);
    query->zones = c->api->zones;
    query->max_samples = c->api->limits.query_max_samples;
    query->lookback_ms = c->api->limits.lookback_ms;
    query->delayed_names = (c->api->limits.promql_flags
                            & PHR_PROMQL_EXPERIMENTAL) != 0;
    query->start_times = query->delayed_names;
    query->step_stats = query->delayed_names
                        && phr_str_eq(phr_call_param(c, "stats"),
                                      phr_str_of("all"));

    query->max_res_ms = c->api->limits.max_res_ms;

    s = phr_call_param(c, "max_source_resolution");

    if (phr_str_eq(s, phr_str_of("auto"))) {
        query->max_res_ms = INT64_MAX;

    } else {
        rc = phr_call_duration(c, "max_source_resolution", query->max_res_ms,
                               &query->max_res_ms, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    /* the carrier has set its clock already, but may be slower than we are */

    rc = phr_call_duration(c, "timeout", 1, &timeout_ms, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (timeout_ms <= 0) {
        return phr_err_set(err, PHR_ETIMEOUT,
                           "query timed out before it began");
    }

    s = phr_call_param(c, "lookback_delta");
    if (s.len != 0) {
        if (phr_param_duration(s, &query->lookback_ms) != PHR_OK) {
            return phr_err_set(err, PHR_EINVAL, "error parsing lookback "
                               "delta duration: cannot parse \"%.*s\" to a "
                               "valid duration",
                               (int) phr_min(s.len, 100), s.data);
        }

        if (query->lookback_ms <= 0) {
            query->lookback_ms = c->api->limits.lookback_ms;
        }
    }

    return PHR_OK;
}


int
phr_call_query(phr_call_t *c, int named, phr_node_t **node, phr_err_t *err)
{
    int        rc;
    unsigned   flags;
    phr_str_t  text;

    text = phr_call_param(c, "query");

    rc = phr_query_dialect(c, &flags, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_promql_parse(c->arena, text, flags, &c->matching, node, err);
    if (rc == PHR_EPARSE) {
        if (err->line != 0) {
            phr_err_prefix(err, "%u:%u: ", err->line, err->column);
        }
        if (named) {
            phr_err_prefix(err, "invalid parameter \"query\": ");
        }
    }

    return rc;
}


/* what the parameter says, else what is configured */

static int
phr_query_dialect(phr_call_t *c, unsigned *flags, phr_err_t *err)
{
    phr_str_t  s;

    s = phr_call_param(c, "dialect");
    *flags = c->api->limits.promql_flags;

    if (phr_str_eq(s, phr_str_of("metricsql"))) {
        *flags |= PHR_PROMQL_METRICSQL;

    } else if (phr_str_eq(s, phr_str_of("promql"))) {
        *flags &= ~PHR_PROMQL_METRICSQL;

    } else if (s.len != 0) {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter \"dialect\": "
                           "\"%.*s\" is neither \"promql\" nor "
                           "\"metricsql\"", (int) phr_min(s.len, 100),
                           s.data);
    }

    return PHR_OK;
}


static int
phr_query_answer(phr_call_t *c, phr_query_t *query, phr_err_t *err)
{
    int             rc, truncated;
    size_t          limit;
    int64_t         began_us, ended_us;
    uint64_t        noted;
    phr_node_t     *node;
    phr_result_t    result;
    phr_querier_t  *querier;

    rc = phr_call_limit(c, &limit, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_call_query(c, 1, &node, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (query->step_ms != 0
        && phr_promql_type(node) != PHR_TYPE_VECTOR
        && phr_promql_type(node) != PHR_TYPE_SCALAR)
    {
        rc = phr_err_set(err, PHR_EINVAL, "invalid parameter \"query\": "
                         "invalid expression type \"%s\" for range query, "
                         "must be Scalar or instant Vector",
                         phr_promql_type(node) == PHR_TYPE_MATRIX
                             ? "range vector" : "string");
        goto done;
    }

    rc = phr_explain_begin(c, query, node, err);
    if (rc == PHR_OK) {
        rc = c->api->storage->querier(c->api->storage, &querier, err);
    }

    if (rc != PHR_OK) {
        goto done;
    }

    query->node = node;
    query->text = phr_call_param(c, "query");

    began_us = phr_call_clock_us(c);
    noted = phr_query_note(c, query, began_us);
    rc = phr_query_eval(c, query, querier, &result, err);
    ended_us = phr_call_clock_us(c);
    c->eval_us = ended_us - began_us;
    phr_query_log_end(c->api->queries, noted, ended_us,
                      rc == PHR_OK ? result.samples_read : 0);

    querier->ops->close(querier);

    if (rc != PHR_OK) {
        goto done;
    }

    c->res->samples_read = (int64_t) result.samples_read;

    truncated = phr_query_truncate(&result, limit);

    rc = phr_query_notes(c, &result, truncated);
    if (rc != PHR_OK) {
        phr_err_set(err, rc, "out of memory");
        goto done;
    }

    rc = phr_query_write(c, &result, err);

done:

    phr_promql_destroy(node);

    return rc;
}


/*
 * With the cache, unless one asks what an evaluation takes or wants none.
 * What steps have in common is only known of the language as it is.
 */

static int
phr_query_eval(phr_call_t *c, const phr_query_t *query,
    phr_querier_t *querier, phr_result_t *result, phr_err_t *err)
{
    unsigned  flags;

    /* it was right when the query was parsed */
    (void) phr_query_dialect(c, &flags, err);

    if (c->api->cache == NULL || query->step_ms == 0
        || (flags & ~(unsigned) PHR_PROMQL_EXPERIMENTAL) != 0
        || c->explain != NULL
        || phr_call_param(c, "stats").len != 0
        || phr_param_bool(phr_call_param(c, "nocache")) == 1)
    {
        return phr_promql_eval(query, querier, result, err);
    }

    return phr_query_cache_eval(c->api->cache, query, flags, querier, result,
                                err);
}


/* at once, or later, by a thread that may wait for the client */

static int
phr_query_write(phr_call_t *c, const phr_result_t *r, phr_err_t *err)
{
    size_t         i, n;
    phr_result_t  *copy;

    n = r->nsamples;

    for (i = 0; i < r->nseries; i++) {
        n += r->series[i].n;
    }

    /* what explains it needs the query */

    if (c->req->resumable && c->explain == NULL && n > PHR_QUERY_LARGE) {

        copy = phr_arena_alloc(c->arena, sizeof(phr_result_t));
        if (copy == NULL) {
            return phr_err_set(err, phr_arena_rc(c->arena), "out of memory");
        }

        *copy = *r;
        c->rest = phr_query_rest;
        c->rest_data = copy;

        return PHR_OK;
    }

    c->rest_data = (void *) r;

    return phr_query_rest(c, err);
}


static int
phr_query_rest(phr_call_t *c, phr_err_t *err)
{
    int  rc;

    if (phr_csv_wanted(c)) {
        return phr_csv_result(c, c->rest_data, err);
    }

    phr_call_begin(c);

    rc = phr_query_result(c, c->rest_data, err);

    if (rc == PHR_OK) {
        phr_call_end(c);
    }

    return rc;
}


/* who was told that a push is stored sees it, see phr_push_newest_ms() */

static int64_t
phr_query_now_ms(const phr_call_t *c)
{
    int64_t  ms;

    ms = __atomic_load_n(&c->api->newest_push_ms, __ATOMIC_RELAXED);

    return ms > c->req->now_ms && ms - c->req->now_ms <= 1000
           ? ms : c->req->now_ms;
}


/* for those who ask what is under way */

static uint64_t
phr_query_note(phr_call_t *c, const phr_query_t *query, int64_t began_us)
{
    phr_query_active_t  q;

    memset(&q, 0, sizeof(q));

    q.text = query->text;
    q.user = c->req->user;
    q.start_ms = query->start_ms;
    q.end_ms = query->end_ms;
    q.step_ms = query->step_ms;
    q.began_us = began_us;

    return phr_query_log_begin(c->api->queries, &q);
}


static int
phr_query_truncate(phr_result_t *r, size_t limit)
{
    if (limit == 0) {
        return 0;
    }

    if (r->type == PHR_TYPE_VECTOR && r->nsamples > limit) {
        r->nsamples = limit;
        return 1;
    }

    if (r->type == PHR_TYPE_MATRIX && r->nseries > limit) {
        r->nseries = limit;
        return 1;
    }

    return 0;
}


/* an expression over many metrics may have a note on each */

static int
phr_query_notes(phr_call_t *c, const phr_result_t *r, int truncated)
{
    int     rc;
    size_t  i;

    rc = PHR_OK;

    for (i = 0; i < phr_min(r->nwarnings, PHR_QUERY_NOTES) && rc == PHR_OK;
         i++)
    {
        rc = phr_call_warn(c, r->warnings[i]);
    }

    if (i < r->nwarnings && rc == PHR_OK) {
        rc = phr_query_omitted(c, phr_call_warn, "warning",
                               r->nwarnings - i);
    }

    for (i = 0; i < phr_min(r->ninfos, PHR_QUERY_NOTES) && rc == PHR_OK;
         i++)
    {
        rc = phr_call_info(c, r->infos[i]);
    }

    if (i < r->ninfos && rc == PHR_OK) {
        rc = phr_query_omitted(c, phr_call_info, "info", r->ninfos - i);
    }

    if (truncated && rc == PHR_OK) {
        rc = phr_call_warn(c,
                           phr_str_of("results truncated due to limit"));
    }

    return rc;
}


static int
phr_query_omitted(phr_call_t *c, int (*add)(phr_call_t *c, phr_str_t text),
    const char *kind, size_t n)
{
    char  *text;

    text = phr_arena_printf(c->arena, "%zu more %s annotations omitted", n,
                            kind);

    return text != NULL ? add(c, phr_str_from_c(text)) : PHR_ENOMEM;
}


static int
phr_query_result(phr_call_t *c, const phr_result_t *r, phr_err_t *err)
{
    int                 rc;
    size_t              i;
    phr_json_writer_t  *w;

    w = &c->json;

    phr_json_object(w);
    phr_json_pair_c(w, "resultType", phr_type_text(r->type));
    phr_json_key(w, "result");

    switch (r->type) {

    case PHR_TYPE_SCALAR:
        phr_query_point(c, r->t_ms, r->scalar);
        break;

    case PHR_TYPE_STRING:
        phr_json_array(w);
        phr_json_time(w, r->t_ms);
        phr_json_string(w, r->string);
        phr_json_end_array(w);
        break;

    case PHR_TYPE_VECTOR:
        phr_json_array(w);
        for (i = 0; i < r->nsamples; i++) {
            phr_json_object(w);
            phr_json_key(w, "metric");
            phr_call_labels(c, r->samples[i].labels);

            if (r->samples[i].h == NULL) {
                phr_json_key(w, "value");
                phr_query_point(c, r->samples[i].t_ms, r->samples[i].v);

            } else {
                phr_json_key(w, "histogram");
                phr_query_histogram(c, r->samples[i].t_ms, r->samples[i].h);
            }

            phr_json_end_object(w);

            rc = phr_call_stream(c, err);
            if (rc != PHR_OK) {
                return rc;
            }
        }
        phr_json_end_array(w);
        break;

    default:
        phr_json_array(w);
        for (i = 0; i < r->nseries; i++) {
            phr_json_object(w);
            phr_json_key(w, "metric");
            phr_call_labels(c, r->series[i].labels);

            if (r->series[i].h == NULL) {
                phr_json_key(w, "values");
                phr_json_array(w);
                phr_json_points(w, r->series[i].t_ms, r->series[i].v,
                                r->series[i].n);
                phr_json_end_array(w);
                phr_yield(r->series[i].n * PHR_QUERY_UNITS);

            } else {
                phr_query_mixed(c, &r->series[i], 0);
                phr_query_mixed(c, &r->series[i], 1);
            }

            phr_json_end_object(w);

            rc = phr_call_stream(c, err);
            if (rc != PHR_OK) {
                return rc;
            }
        }
        phr_json_end_array(w);
        break;
    }

    phr_query_stats(c, r);
    phr_explain_write(c);
    phr_json_end_object(w);

    return PHR_OK;
}


static void
phr_query_point(phr_call_t *c, int64_t t_ms, double v)
{
    phr_json_points(&c->json, &t_ms, &v, 1);
}


/* of a series that has histograms, the floats or the histograms, if any */
static void
phr_query_mixed(phr_call_t *c, const phr_result_series_t *s, int histograms)
{
    size_t              i, n;
    phr_json_writer_t  *w;

    w = &c->json;
    n = 0;

    for (i = 0; i < s->n; i++) {

        if ((s->h[i] != NULL) != histograms) {
            continue;
        }

        if (n++ == 0) {
            phr_json_key(w, histograms ? "histograms" : "values");
            phr_json_array(w);
        }

        if (histograms) {
            phr_query_histogram(c, s->t_ms[i], s->h[i]);

        } else {
            phr_query_point(c, s->t_ms[i], s->v[i]);
        }
    }

    if (n != 0) {
        phr_json_end_array(w);
    }
}


/* buckets with which of their bounds is within them, empty ones left out */
static void
phr_query_histogram(phr_call_t *c, int64_t t_ms, const phr_hist_t *h)
{
    size_t              i, n, shown;
    phr_json_writer_t  *w;
    phr_arena_mark_t    mark;
    phr_hist_bucket_t  *b;

    w = &c->json;
    shown = 0;
    mark = phr_arena_mark(c->arena);

    b = phr_arena_alloc(c->arena,
                        phr_hist_nbuckets(h) * sizeof(phr_hist_bucket_t));
    n = b == NULL ? 0 : phr_hist_list(h, b, 1);

    if (b == NULL) {
        w->buf->failed = phr_arena_rc(c->arena);
    }

    phr_yield(PHR_QUERY_UNITS * (1 + n));
    phr_json_array(w);
    phr_json_time(w, t_ms);
    phr_json_object(w);
    phr_json_key(w, "count");
    phr_json_value(w, h->count);
    phr_json_key(w, "sum");
    phr_json_value(w, h->sum);

    for (i = 0; i < n; i++) {

        if (b[i].count == 0) {
            continue;
        }

        if (shown++ == 0) {
            phr_json_key(w, "buckets");
            phr_json_array(w);
        }

        phr_json_array(w);
        phr_json_int(w, b[i].lower_inclusive ? b[i].upper_inclusive ? 3 : 1
                                             : b[i].upper_inclusive ? 0 : 2);
        phr_json_value(w, b[i].lower);
        phr_json_value(w, b[i].upper);
        phr_json_value(w, b[i].count);
        phr_json_end_array(w);
    }

    if (shown != 0) {
        phr_json_end_array(w);
    }

    phr_json_end_object(w);
    phr_json_end_array(w);

    phr_arena_release(c->arena, mark);
}


static void
phr_query_stats(phr_call_t *c, const phr_result_t *r)
{
    size_t              i;
    double              s;
    phr_json_writer_t  *w;

    /* nothing is prepared, and a result is made in order */
    static const char *const  timings[] = {
        "evalTotalTime", "innerEvalTime", "execTotalTime",
        "resultSortTime", "queryPreparationTime", "execQueueTime",
    };

    if (phr_call_param(c, "stats").len == 0) {
        return;
    }

    w = &c->json;
    s = (double) c->eval_us / 1e6;

    phr_json_key(w, "stats");
    phr_json_object(w);
    phr_json_key(w, "timings");
    phr_json_object(w);

    for (i = 0; i < phr_nelems(timings); i++) {
        phr_json_key(w, timings[i]);
        phr_json_double(w, i < 3 ? s : 0);
    }

    phr_json_end_object(w);
    phr_json_key(w, "samples");
    phr_json_object(w);
    phr_query_by_step(c, r);
    phr_json_pair_int(w, "totalQueryableSamples", (int64_t) r->samples_read);
    phr_json_pair_int(w, "peakSamples", (int64_t) r->samples_peak);
    phr_json_end_object(w);

    if (r->res_ms != 0) {
        phr_json_pair_int(w, "resolutionMs", r->res_ms);
    }

    phr_json_end_object(w);
}


static void
phr_query_by_step(phr_call_t *c, const phr_result_t *r)
{
    size_t              i;
    phr_json_writer_t  *w;

    if (r->read_by_step == NULL) {
        return;
    }

    w = &c->json;

    phr_json_key(w, "totalQueryableSamplesPerStep");
    phr_json_array(w);

    for (i = 0; i < r->nsteps; i++) {
        phr_json_array(w);
        phr_json_time(w, r->t_ms + (int64_t) i * r->step_ms);
        phr_json_int(w, (int64_t) r->read_by_step[i]);
        phr_json_end_array(w);
    }

    phr_json_end_array(w);
}
