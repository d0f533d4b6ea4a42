/*
 * Copyright (C) The Pharos Authors
 *
 * Serve: in the helper, a request that a worker passed on becomes a task of
 * the pool that its endpoint belongs to, and what the API answers goes back.
 * A request may be gone before its thread is: the task owns copies of all
 * it needs, and done() asks whether anybody still waits.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "core/yield.h"
#include "ngx/ngx_http_pharos_asked.h"
#include "ngx/ngx_http_pharos_parts.h"
#include "ngx/ngx_http_pharos_stream.h"


#define NGX_HTTP_PHAROS_RETRY_AFTER  "1"


typedef struct {
    ngx_http_pharos_task_t     task;
    ngx_http_request_t        *r;           /* NULL: the request is gone */
    ngx_event_t                timer;
    phr_api_t                 *api;

    ngx_http_pharos_asked_t    asked;
    phr_api_response_t         res;
    ngx_http_pharos_stream_t   stream;      /* of the pool of that name */

    unsigned                   posted:1;    /* the task's done() will come */
} ngx_http_pharos_call_t;


/* ORDER phr_api_thread_e */
static const ngx_http_pharos_pool_e  ngx_http_pharos_serve_pools[] = {
    NGX_HTTP_PHAROS_POOL_QUERY,
    NGX_HTTP_PHAROS_POOL_READ,
    NGX_HTTP_PHAROS_POOL_WRITE,
    NGX_HTTP_PHAROS_POOL_IMPORT,
    NGX_HTTP_PHAROS_POOL_STREAM
};

/* what has begun to write goes on without its client, and without a clock */
#define ngx_http_pharos_serve_writes(pool)                                    \
    ((pool) == NGX_HTTP_PHAROS_POOL_WRITE                                     \
     || (pool) == NGX_HTTP_PHAROS_POOL_IMPORT)


static void ngx_http_pharos_serve_body(ngx_http_request_t *r);
static ngx_http_pharos_call_t *ngx_http_pharos_serve_create(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_pharos_serve_take(ngx_http_pharos_call_t *call);
static void ngx_http_pharos_serve_post(ngx_http_pharos_call_t *call);
static ngx_int_t ngx_http_pharos_serve_stream(ngx_http_pharos_call_t *call);
static void ngx_http_pharos_serve_begun(ngx_http_pharos_stream_t *s);
static void ngx_http_pharos_serve_reload(ngx_http_pharos_call_t *call);
static void ngx_http_pharos_serve_reloaded(void *data, const phr_err_t *err);
static void ngx_http_pharos_serve_refuse(ngx_http_pharos_call_t *call,
    int code, const char *text);
static void ngx_http_pharos_serve_run(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_serve_timeout(ngx_event_t *ev);
static void ngx_http_pharos_serve_rest(ngx_http_pharos_call_t *call);
static void ngx_http_pharos_serve_resume(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_serve_done(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_serve_answer(ngx_http_pharos_call_t *call);
static ngx_int_t ngx_http_pharos_serve_send(ngx_http_request_t *r,
    phr_api_response_t *res);
static ngx_int_t ngx_http_pharos_serve_head(ngx_http_request_t *r,
    const phr_api_response_t *res);
static ngx_int_t ngx_http_pharos_serve_header(ngx_http_request_t *r,
    phr_str_t name, phr_str_t value);
static void ngx_http_pharos_serve_cleanup(void *data);
static void ngx_http_pharos_serve_free(ngx_http_pharos_call_t *call);


ngx_int_t
ngx_http_pharos_serve_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_pharos_srv_conf_t  *pscf;

    pscf = ngx_http_get_module_srv_conf(r, ngx_http_pharos_module);

    if (!pscf->internal) {
        return NGX_DECLINED;
    }

    if (r != r->main || r->internal || !ngx_http_pharos_helper_running()) {
        return NGX_HTTP_NOT_FOUND;
    }

    /* no location will be looked for, the server's settings hold */
    ngx_http_update_location_config(r);

    rc = ngx_http_read_client_request_body(r, ngx_http_pharos_serve_body);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
ngx_http_pharos_serve_body(ngx_http_request_t *r)
{
    ngx_http_pharos_call_t  *call;

    call = ngx_http_pharos_serve_create(r);

    if (call == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (ngx_http_pharos_serve_take(call) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    call->api = ngx_http_pharos_engine_api();

    if (call->api == NULL) {
        phr_api_closed(&call->asked.req, &call->res,
                       ngx_http_pharos_engine_closed());
        ngx_http_pharos_serve_answer(call);
        return;
    }

    if (phr_str_eq(call->asked.req.path, phr_str_of("/-/reload"))
        && (r->method & (NGX_HTTP_POST|NGX_HTTP_PUT)))
    {
        ngx_http_pharos_serve_reload(call);
        return;
    }

    ngx_http_pharos_serve_post(call);
}


/* the loop holds nothing that others wait for: megabytes step aside */

static ngx_int_t
ngx_http_pharos_serve_take(ngx_http_pharos_call_t *call)
{
    ngx_int_t  rc;

    phr_yield_set(1);

    rc = ngx_http_pharos_asked_copy(&call->asked, call->r);
    call->task.hash = rc == NGX_OK ? ngx_http_pharos_asked_hash(&call->asked)
                                   : 0;
    phr_yield_set(0);

    return rc;
}


/* the settings are swapped on the loop, in steps: no thread waits for it */

static void
ngx_http_pharos_serve_reload(ngx_http_pharos_call_t *call)
{
    if (ngx_http_pharos_settings_reload(ngx_http_pharos_serve_reloaded, call)
        != NGX_OK)
    {
        ngx_http_pharos_serve_refuse(call, PHR_EUNAVAIL,
                                     "too many reloads are under way");
        return;
    }

    call->posted = 1;
    call->task.pool = NGX_HTTP_PHAROS_POOL_WRITE;

    call->r->read_event_handler = ngx_http_test_reading;
    call->r->write_event_handler = ngx_http_request_empty_handler;
    call->r->connection->log->action = "reloading";
}


static void
ngx_http_pharos_serve_reloaded(void *data, const phr_err_t *err)
{
    char                     text[PHR_ERR_TEXT + PHR_ERR_FILE + 64];
    ngx_connection_t        *c;
    ngx_http_pharos_call_t  *call = data;

    call->posted = 0;

    if (call->r == NULL) {
        ngx_http_pharos_serve_free(call);
        return;
    }

    c = call->r->connection;

    if (err) {
        ngx_http_pharos_serve_refuse(call, err->code,
                                phr_err_format(err, text, sizeof(text)));

    } else {
        call->res.status = NGX_HTTP_OK;
        call->res.content_type = phr_str_of("text/plain; charset=utf-8");
        ngx_http_pharos_serve_answer(call);
    }

    ngx_http_run_posted_requests(c);
}


static ngx_http_pharos_call_t *
ngx_http_pharos_serve_create(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_pharos_call_t  *call;

    call = ngx_calloc(sizeof(ngx_http_pharos_call_t), r->connection->log);
    if (call == NULL) {
        return NULL;
    }

    call->r = r;
    call->asked.fd = NGX_INVALID_FILE;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        ngx_free(call);
        return NULL;
    }

    cln->handler = ngx_http_pharos_serve_cleanup;
    cln->data = call;

    return call;
}


static void
ngx_http_pharos_serve_post(ngx_http_pharos_call_t *call)
{
    int64_t                       ms;
    ngx_int_t                     rc;
    ngx_http_request_t           *r;
    ngx_http_pharos_pool_e        pool;
    ngx_http_pharos_main_conf_t  *pmcf;

    r = call->r;
    pmcf = ngx_http_pharos_helper_conf();

    call->asked.req.stop = &call->task.stop;
    call->task.run = ngx_http_pharos_serve_run;
    call->task.done = ngx_http_pharos_serve_done;
    call->task.data = call;

    if (ngx_http_pharos_zone_accused(ngx_http_pharos_helper_shared(),
                                     call->task.hash))
    {
        ngx_http_pharos_serve_refuse(call, PHR_EUNAVAIL,
                                     "the monitoring process died of this "
                                     "request and will not try it again for "
                                     "ten minutes");
        return;
    }

    pool = ngx_http_pharos_serve_pools[phr_api_thread(call->asked.req.method,
                                                      call->asked.req.path)];

    if (pool == NGX_HTTP_PHAROS_POOL_STREAM
        && r->method != NGX_HTTP_HEAD
        && ngx_http_pharos_serve_stream(call) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    call->asked.req.resumable = (pool == NGX_HTTP_PHAROS_POOL_QUERY
                           && r->method != NGX_HTTP_HEAD);

    rc = ngx_http_pharos_task_post(pool, &call->task);

    if (rc == NGX_DECLINED) {
        /*
         * Shutting down.  The worker sees a closed connection and asks
         * again: the next helper answers.
         */
        ngx_http_finalize_request(r, NGX_HTTP_CLOSE);
        return;
    }

    if (rc == NGX_BUSY) {
        ngx_http_pharos_serve_refuse(call, PHR_EUNAVAIL,
                                     "too many requests are waiting");
        return;
    }

    call->posted = 1;

    /* a write event must not run the phases, and so this request, again */

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;
    r->connection->log->action = "waiting for an answer";

    if (!ngx_http_pharos_serve_writes(pool)) {
        ms = phr_api_timeout_ms(&call->asked.req, pmcf->query_timeout,
                                pmcf->stream_timeout);

        call->timer.handler = ngx_http_pharos_serve_timeout;
        call->timer.data = call;
        call->timer.log = r->connection->log;

        ngx_add_timer(&call->timer, (ngx_msec_t) ms);
    }
}


static ngx_int_t
ngx_http_pharos_serve_stream(ngx_http_pharos_call_t *call)
{
    call->stream.r = call->r;
    call->stream.stop = &call->task.stop;
    call->stream.res = &call->res;
    call->stream.header = ngx_http_pharos_serve_head;
    call->stream.begun = ngx_http_pharos_serve_begun;

    call->asked.req.send = ngx_http_pharos_stream_send;
    call->asked.req.send_data = &call->stream;

    return ngx_http_pharos_stream_init(&call->stream);
}


/* until the first byte it was a query, from now on it may take longer */

static void
ngx_http_pharos_serve_begun(ngx_http_pharos_stream_t *s)
{
    ngx_http_pharos_call_t  *call;

    call = (ngx_http_pharos_call_t *)
               ((u_char *) s - offsetof(ngx_http_pharos_call_t, stream));

    if (call->timer.timer_set) {
        ngx_del_timer(&call->timer);
        ngx_add_timer(&call->timer,
                      ngx_http_pharos_helper_conf()->stream_timeout);
    }
}


static void
ngx_http_pharos_serve_refuse(ngx_http_pharos_call_t *call, int code,
    const char *text)
{
    phr_api_refuse(&call->res, code, text);
    ngx_http_pharos_serve_answer(call);
}


/* in a thread */

static void
ngx_http_pharos_serve_run(ngx_http_pharos_task_t *t)
{
    ngx_http_pharos_call_t  *call;

    call = t->data;

    if (ngx_http_pharos_asked_read(&call->asked) != NGX_OK) {
        phr_api_refuse(&call->res, PHR_EIO, "the body could not be read");
        return;
    }

    call->asked.req.now_ms = ngx_http_pharos_now_ms();

    phr_api_handle(call->api, &call->asked.req, &call->res);

    t->durable = call->res.durable;
}


static void
ngx_http_pharos_serve_timeout(ngx_event_t *ev)
{
    ngx_http_pharos_call_t  *call;

    call = ev->data;

    ngx_http_pharos_task_cancel(&call->task, PHR_ETIMEOUT);
}


/*
 * A query has its result, and the answer is large: another pool writes it,
 * whose threads may wait for clients.
 */

static void
ngx_http_pharos_serve_rest(ngx_http_pharos_call_t *call)
{
    ngx_int_t  rc;

    if (ngx_http_pharos_serve_stream(call) != NGX_OK) {
        ngx_http_finalize_request(call->r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    call->task.run = ngx_http_pharos_serve_resume;

    rc = ngx_http_pharos_task_post(NGX_HTTP_PHAROS_POOL_STREAM, &call->task);

    if (rc == NGX_OK) {
        call->posted = 1;
        ngx_add_timer(&call->timer,
                      ngx_http_pharos_helper_conf()->query_timeout);
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_http_finalize_request(call->r, NGX_HTTP_CLOSE);
        return;
    }

    phr_api_response_free(&call->res);
    ngx_http_pharos_serve_refuse(call, PHR_EUNAVAIL,
                                 "too many requests are waiting");
}


/* in a thread */

static void
ngx_http_pharos_serve_resume(ngx_http_pharos_task_t *t)
{
    ngx_http_pharos_call_t  *call;

    call = t->data;

    phr_api_resume(&call->res);
}


static void
ngx_http_pharos_serve_done(ngx_http_pharos_task_t *t)
{
    ngx_connection_t        *c;
    ngx_http_pharos_call_t  *call;

    call = t->data;
    call->posted = 0;

    if (call->timer.timer_set) {
        ngx_del_timer(&call->timer);
    }

    if (call->r == NULL) {
        ngx_http_pharos_serve_free(call);
        return;
    }

    if (call->res.rest && t->rc == PHR_OK) {
        c = call->r->connection;

        ngx_http_pharos_serve_rest(call);
        ngx_http_run_posted_requests(c);

        return;
    }

    if (call->res.streamed) {
        c = call->r->connection;

        ngx_http_pharos_stream_end(&call->stream);
        ngx_http_run_posted_requests(c);

        return;
    }

    if (t->rc < 0 && call->res.status == 0) {
        /* never ran, or not to its end */

        phr_api_response_free(&call->res);
        phr_api_refuse(&call->res, t->rc,
                       t->rc == PHR_ETIMEOUT ? "query timed out in queue"
                                             : "query was canceled");

    } else if (t->rc < 0 && (call->res.status < 300 || call->res.durable)) {
        phr_api_response_free(&call->res);
        phr_api_refuse(&call->res, t->rc,
                       "the store did not take what was written");
    }

    c = call->r->connection;

    ngx_http_pharos_serve_answer(call);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_pharos_serve_answer(ngx_http_pharos_call_t *call)
{
    ngx_http_request_t  *r;

    r = call->r;

    r->connection->log->action = "sending to a worker";

    ngx_http_finalize_request(r, ngx_http_pharos_serve_send(r, &call->res));
}


/* the body stays where the API has put it until the request is freed */

static ngx_int_t
ngx_http_pharos_serve_send(ngx_http_request_t *r, phr_api_response_t *res)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    if (res->body.failed) {
        phr_api_response_free(res);
        phr_api_refuse(res, PHR_ENOMEM, "no memory for the answer");
    }

    if (res->body.len == 0) {
        r->header_only = 1;
    }

    res->length = res->body.len;

    if (res->status == NGX_HTTP_NOT_MODIFIED) {
        /* a length would be that of what the client has, and a cache's */
        res->length = -1;
        res->content_type.len = 0;
    }

    rc = ngx_http_pharos_serve_head(r, res);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->start = (u_char *) res->body.data;
    b->pos = b->start;
    b->last = b->start + res->body.len;
    b->end = b->last;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* of a whole answer, or of one that comes in pieces */

static ngx_int_t
ngx_http_pharos_serve_head(ngx_http_request_t *r,
    const phr_api_response_t *res)
{
    size_t  i;

    r->headers_out.status = res->status;
    r->headers_out.content_length_n = res->length;

    r->headers_out.content_type.data = (u_char *) res->content_type.data;
    r->headers_out.content_type.len = res->content_type.len;
    r->headers_out.content_type_len = res->content_type.len;

    for (i = 0; i < res->nheaders; i++) {
        if (ngx_http_pharos_serve_header(r, res->headers[i].name,
                                         res->headers[i].value)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    /* what the API made has one of its own */

    if (res->status == NGX_HTTP_SERVICE_UNAVAILABLE
        && res->nheaders == 0
        && ngx_http_pharos_serve_header(r, phr_str_of("Retry-After"),
                                 phr_str_of(NGX_HTTP_PHAROS_RETRY_AFTER))
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_send_header(r);
}


static ngx_int_t
ngx_http_pharos_serve_header(ngx_http_request_t *r, phr_str_t name,
    phr_str_t value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name.data;
    h->key.len = name.len;
    h->value.data = (u_char *) value.data;
    h->value.len = value.len;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    /* the filters look here, and not into the list, for what they skip */

    if (name.len == sizeof("Content-Encoding") - 1
        && ngx_strncasecmp(h->key.data, (u_char *) "Content-Encoding",
                           name.len)
           == 0)
    {
        r->headers_out.content_encoding = h;
    }

    return NGX_OK;
}


/* the request is being freed */

static void
ngx_http_pharos_serve_cleanup(void *data)
{
    ngx_http_pharos_call_t  *call = data;

    call->r = NULL;
    ngx_http_pharos_stream_gone(&call->stream);

    if (call->posted) {
        /* a write goes on: the client may have left just too early */

        if (!ngx_http_pharos_serve_writes(call->task.pool)) {
            ngx_http_pharos_task_cancel(&call->task, PHR_ECANCELED);
        }

        if (call->timer.timer_set) {
            ngx_del_timer(&call->timer);
        }

        return;
    }

    ngx_http_pharos_serve_free(call);
}


static void
ngx_http_pharos_serve_free(ngx_http_pharos_call_t *call)
{
    ngx_http_pharos_stream_free(&call->stream);
    phr_api_response_free(&call->res);

    ngx_http_pharos_asked_free(&call->asked);
    free(call);
}
