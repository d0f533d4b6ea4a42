/*
 * Copyright (C) The Pharos Authors
 *
 * Remote read, from a request to its answer: samples as they are stored, for
 * a Prometheus that asks this one.  A message of samples is made before it
 * is sent, within the memory of a query; chunks are sent as they are made.
 */

#include "api/call.h"
#include "api/remote_read.h"

#include "core/pack.h"
#include "core/protobuf.h"


typedef struct {
    phr_call_t         *c;
    phr_remote_read_t   request;
    phr_labels_t        external;       /* what we add to all series */
    phr_querier_t      *querier;
    phr_buf_t           message;        /* of samples, before it is packed */
    uint64_t            nsamples;
} phr_api_read_t;


static int phr_read_external(phr_api_read_t *r, phr_err_t *err);
static int phr_read_queries(phr_api_read_t *r, phr_err_t *err);
static int phr_read_query(phr_api_read_t *r, size_t i, phr_err_t *err);
static int phr_read_series(phr_api_read_t *r, size_t i, phr_series_t *s,
    phr_err_t *err);
static int phr_read_labels(phr_api_read_t *r, phr_series_t *s,
    phr_err_t *err);
static void phr_read_begin(phr_api_read_t *r);
static int phr_read_end(phr_api_read_t *r, phr_err_t *err);


int
phr_api_remote_read(phr_call_t *c, phr_err_t *err)
{
    int             rc;
    phr_buf_t       body;
    phr_api_read_t  r;

    memset(&r, 0, sizeof(r));
    r.c = c;
    phr_buf_init(&r.message, c->api->limits.query_memory_bytes);
    phr_buf_init(&body, 0);

    rc = phr_unpack(PHR_PACK_SNAPPY, c->req->body,
                    c->api->limits.max_body_bytes, &body, err);
    if (rc == PHR_ECORRUPT) {
        rc = phr_err_set(err, PHR_EINVAL, "the body is no snappy");
    }

    if (rc == PHR_OK) {
        rc = phr_remote_read_decode(phr_buf_view(&body), c->arena,
                                    &c->matching, &r.request, err);
    }

    if (rc == PHR_OK) {
        rc = phr_read_external(&r, err);
    }

    if (rc == PHR_OK) {
        rc = c->api->storage->querier(c->api->storage, &r.querier, err);
    }

    if (rc == PHR_OK) {
        r.querier->stop = c->req->stop;
        rc = phr_read_queries(&r, err);
        r.querier->ops->close(r.querier);
    }

    if (rc == PHR_OK) {
        rc = phr_read_end(&r, err);
    }

    phr_remote_read_free(&r.request);
    phr_buf_free(&r.message);
    phr_buf_free(&body);

    return rc;
}


/*
 * External labels are not stored: who asks for one of ours asks for all that
 * has none of that name.
 */

static int
phr_read_external(phr_api_read_t *r, phr_err_t *err)
{
    int             rc;
    size_t          i, k;
    phr_call_t     *c;
    phr_matcher_t  *m;

    c = r->c;

    if (c->api->live->external_labels == NULL) {
        return PHR_OK;
    }

    rc = c->api->live->external_labels(c->api->live_data, c->arena,
                                       &r->external);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "out of memory");
    }

    for (i = 0; i < r->request.n; i++) {
        for (k = 0; k < r->request.queries[i].n; k++) {
            m = &r->request.queries[i].m[k];

            if (m->op == PHR_MATCH_EQ
                && phr_str_eq(phr_labels_get(r->external, m->name), m->value))
            {
                m->value = phr_str_of("");
            }
        }
    }

    return PHR_OK;
}


static int
phr_read_queries(phr_api_read_t *r, phr_err_t *err)
{
    int     rc;
    size_t  i;

    rc = PHR_OK;
    phr_read_begin(r);

    for (i = 0; i < r->request.n && rc == PHR_OK; i++) {
        rc = phr_read_query(r, i, err);
    }

    return rc;
}


static int
phr_read_query(phr_api_read_t *r, size_t i, phr_err_t *err)
{
    int                  rc;
    size_t               result;
    phr_call_t          *c;
    phr_series_t         s;
    phr_arena_mark_t     mark;
    phr_series_set_t    *set;
    phr_remote_query_t  *q;

    static const phr_select_hints_t  hints = { .sorted = 1 };

    c = r->c;
    q = &r->request.queries[i];
    mark = phr_arena_mark(c->arena);
    result = r->request.form == PHR_REMOTE_SAMPLES
             ? phr_protobuf_begin(&r->message, 1) : 0;

    rc = r->querier->ops->select(r->querier, q->m, q->n, q->start_ms,
                                 q->end_ms, &hints, c->arena, &set, err);

    while (rc == PHR_OK) {

        rc = phr_call_poll(c, "reading", err);
        if (rc < 0) {
            return rc;
        }

        rc = set->next(set, &s, err);

        if (rc == PHR_OK) {
            rc = phr_read_series(r, i, &s, err);
        }
    }

    phr_arena_release(c->arena, mark);

    if (rc == PHR_DONE) {
        rc = PHR_OK;

        if (r->request.form == PHR_REMOTE_SAMPLES) {
            phr_protobuf_end(&r->message, result);
        }
    }

    return rc;
}


static int
phr_read_series(phr_api_read_t *r, size_t i, phr_series_t *s, phr_err_t *err)
{
    int          rc;
    phr_buf_t   *out;
    phr_call_t  *c;

    c = r->c;
    r->nsamples += s->n;
    c->res->samples_read = (int64_t) r->nsamples;

    if (c->api->limits.query_max_samples != 0
        && r->nsamples > c->api->limits.query_max_samples)
    {
        return phr_err_set(err, PHR_EINVAL, "exceeded sample limit (%llu)",
                           (unsigned long long)
                               c->api->limits.query_max_samples);
    }

    rc = phr_read_labels(r, s, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (r->request.form == PHR_REMOTE_SAMPLES) {
        out = &r->message;
        phr_remote_read_samples(out, s);

    } else {
        out = &c->res->body;

        rc = phr_remote_read_chunks(out, i, s, c->arena);
        if (rc != PHR_OK) {
            return phr_err_set(err, rc, "the chunks of a series are larger "
                               "than the memory of a query");
        }
    }

    if (out->failed) {
        return phr_err_set(err, out->failed, "the answer is larger than the "
                           "memory of a query");
    }

    return r->request.form == PHR_REMOTE_CHUNKS ? phr_call_stream(c, err)
                                                : PHR_OK;
}


/* its own come first */

static int
phr_read_labels(phr_api_read_t *r, phr_series_t *s, phr_err_t *err)
{
    int                   rc;
    size_t                i;
    phr_labels_builder_t  b;

    if (r->external.n == 0) {
        return PHR_OK;
    }

    phr_labels_builder_init(&b, r->c->arena, s->labels);

    for (i = 0; i < r->external.n; i++) {
        if (!phr_labels_has(s->labels, r->external.l[i].name)) {
            phr_labels_builder_set(&b, r->external.l[i].name,
                                   r->external.l[i].value);
        }
    }

    rc = phr_labels_build(&b, &s->labels);

    return rc == PHR_OK ? PHR_OK : phr_err_set(err, rc, "too many series");
}


/* by what the answer is known, before any of it is sent */

static void
phr_read_begin(phr_api_read_t *r)
{
    phr_api_response_t  *res;

    res = r->c->res;
    res->status = 200;

    if (r->request.form == PHR_REMOTE_CHUNKS) {
        res->content_type = phr_str_of("application/x-streamed-protobuf; "
                                       "proto=prometheus.ChunkedRead"
                                       "Response");

    } else {
        res->content_type = phr_str_of("application/x-protobuf");
    }
}


static int
phr_read_end(phr_api_read_t *r, phr_err_t *err)
{
    if (r->request.form == PHR_REMOTE_CHUNKS) {
        return PHR_OK;
    }

    phr_call_header(r->c, "Content-Encoding", phr_str_of("snappy"));

    return phr_pack(PHR_PACK_SNAPPY, phr_buf_view(&r->message),
                    &r->c->res->body, err);
}
