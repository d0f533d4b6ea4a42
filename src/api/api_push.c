/*
 * Copyright (C) The Pharos Authors
 *
 * Pushes as the Pushgateway takes them, and /metrics: our own and the pushed
 * ones.  All of it runs in the writer thread.
 */

#include "api/call.h"

#include "ingest/expo_write.h"
#include "ingest/push.h"


static int phr_push_method(phr_str_t method, phr_push_method_e *out);
static int phr_push_params(phr_call_t *c, phr_push_request_t *r,
    phr_err_t *err);


int
phr_api_push(phr_call_t *c, phr_err_t *err)
{
    int                  rc;
    phr_buf_t            body;
    phr_push_answer_t    answer;
    phr_push_request_t   r;

    memset(&r, 0, sizeof(r));
    r.path = c->req->raw_path;
    r.content_type = c->req->content_type;
    r.id = c->req->push_id;
    r.now_ms = c->req->now_ms;

    rc = phr_push_method(c->req->method, &r.method);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "method not allowed");
    }

    rc = phr_push_params(c, &r, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_buf_init(&body, 0);

    rc = phr_call_body(c, &body, &r.body, err);
    if (rc != PHR_OK) {
        phr_buf_free(&body);
        return rc;
    }

    rc = phr_push_request(c->api->push, phr_store_appender(c->api->store),
                          &r, &answer, err);

    phr_buf_free(&body);

    if (rc != PHR_OK) {
        return rc;
    }

    __atomic_store_n(&c->api->newest_push_ms,
                     phr_push_newest_ms(c->api->push), __ATOMIC_RELAXED);

    /* what is acknowledged is on disk */
    c->res->durable = 1;

    return phr_call_line(c, answer.status, answer.text);
}


static int
phr_push_method(phr_str_t method, phr_push_method_e *out)
{
    if (phr_str_eq(method, phr_str_of("PUT"))) {
        *out = PHR_PUSH_PUT;

    } else if (phr_str_eq(method, phr_str_of("POST"))) {
        *out = PHR_PUSH_POST;

    } else if (phr_str_eq(method, phr_str_of("DELETE"))) {
        *out = PHR_PUSH_DELETE;

    } else {
        return PHR_EINVAL;
    }

    return PHR_OK;
}


/* ?mode=replace|aggregate|event&ttl=1h, which a Pushgateway ignores */

static int
phr_push_params(phr_call_t *c, phr_push_request_t *r, phr_err_t *err)
{
    int        rc;
    phr_str_t  mode;

    mode = phr_call_param(c, "mode");

    if (mode.len == 0) {
        r->mode = PHR_PUSH_DEFAULT;

    } else if (phr_str_eq(mode, phr_str_of("replace"))) {
        r->mode = PHR_PUSH_REPLACE;

    } else if (phr_str_eq(mode, phr_str_of("aggregate"))) {
        r->mode = PHR_PUSH_AGGREGATE;

    } else if (phr_str_eq(mode, phr_str_of("event"))) {
        r->mode = PHR_PUSH_EVENT;

    } else {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter \"mode\": "
                           "\"%.*s\" is none of replace, aggregate, event",
                           (int) phr_min(mode.len, 100), mode.data);
    }

    rc = phr_call_duration(c, "ttl", -1, &r->ttl_ms, err);

    return rc;
}


int
phr_api_push_groups(phr_call_t *c, phr_err_t *err)
{
    phr_buf_t  groups;

    phr_buf_init(&groups, 0);
    phr_push_json(c->api->push, &groups);

    if (groups.failed) {
        phr_buf_free(&groups);
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    phr_call_begin(c);
    phr_json_raw(&c->json, phr_buf_view(&groups));
    phr_call_end(c);

    phr_buf_free(&groups);

    return PHR_OK;
}


/* in the text format, which every client takes */

int
phr_api_metrics(phr_call_t *c, phr_err_t *err)
{
    phr_escape_t       escape;
    phr_expo_writer_t  w;

    c->res->status = 200;

    if (phr_call_exposition(c, phr_expo_media_type(PHR_EXPO_TEXT), &escape)
        != PHR_OK)
    {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    if (c->api->live->metrics != NULL) {
        c->api->live->metrics(c->api->live_data, &c->res->body);
    }

    phr_expo_begin(&w, &c->res->body, PHR_EXPO_TEXT);

    if (phr_push_expose(c->api->push, &w, &escape) != PHR_OK) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    phr_expo_end(&w);

    return PHR_OK;
}
