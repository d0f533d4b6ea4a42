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

#include "core/bytes.h"
#include "ngx/ngx_http_pharos_parts.h"
#include "ngx/ngx_http_pharos_stream.h"


#define NGX_HTTP_PHAROS_RETRY_AFTER  "1"


typedef struct {
    ngx_http_pharos_task_t   task;
    ngx_http_request_t      *r;         /* NULL: the request is gone */
    ngx_event_t              timer;
    phr_api_t               *api;

    phr_api_request_t        req;
    phr_api_response_t       res;
    ngx_http_pharos_stream_t  stream;   /* of the pool of that name */

    char                    *strings;   /* all of req, but a body in a file */
    char                    *body;
    ngx_fd_t                 fd;        /* of a body in a file */
    size_t                   fd_size;

    unsigned                 posted:1;  /* the task's done() will come */
} ngx_http_pharos_call_t;


/* headers that the API wants, and where */
static const struct {
    ngx_str_t  name;
    size_t     offset;
} ngx_http_pharos_serve_headers[] = {
    { ngx_string("content-type"),
      offsetof(phr_api_request_t, content_type) },
    { ngx_string("content-encoding"),
      offsetof(phr_api_request_t, content_encoding) },
    { ngx_string("accept"), offsetof(phr_api_request_t, accept) },
    { ngx_string("accept-encoding"),
      offsetof(phr_api_request_t, accept_encoding) },
    { ngx_string("if-none-match"),
      offsetof(phr_api_request_t, if_none_match) },
    { ngx_string("x-pharos-push"), offsetof(phr_api_request_t, push_id) },
    { ngx_string("x-pharos-user"), offsetof(phr_api_request_t, user) },
    { ngx_string("x-pharos-admin"), offsetof(phr_api_request_t, admin) },
    { ngx_string("x-forwarded-prefix"),
      offsetof(phr_api_request_t, prefix) },
};

/* all strings of phr_api_request_t, to be copied */
static const size_t  ngx_http_pharos_serve_strings[] = {
    offsetof(phr_api_request_t, method),
    offsetof(phr_api_request_t, path),
    offsetof(phr_api_request_t, raw_path),
    offsetof(phr_api_request_t, args),
    offsetof(phr_api_request_t, content_type),
    offsetof(phr_api_request_t, content_encoding),
    offsetof(phr_api_request_t, accept),
    offsetof(phr_api_request_t, accept_encoding),
    offsetof(phr_api_request_t, if_none_match),
    offsetof(phr_api_request_t, push_id),
    offsetof(phr_api_request_t, user),
    offsetof(phr_api_request_t, admin),
    offsetof(phr_api_request_t, prefix),
};


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
static void ngx_http_pharos_serve_request(ngx_http_request_t *r,
    phr_api_request_t *req);
static ngx_int_t ngx_http_pharos_serve_copy(ngx_http_request_t *r,
    ngx_http_pharos_call_t *call);
static uint64_t ngx_http_pharos_serve_hash(const phr_api_request_t *req);
static void ngx_http_pharos_serve_post(ngx_http_pharos_call_t *call);
static ngx_int_t ngx_http_pharos_serve_stream(ngx_http_pharos_call_t *call);
static void ngx_http_pharos_serve_begun(ngx_http_pharos_stream_t *s);
static void ngx_http_pharos_serve_reload(ngx_http_pharos_call_t *call);
static void ngx_http_pharos_serve_reloaded(void *data, const phr_err_t *err);
static void ngx_http_pharos_serve_refuse(ngx_http_pharos_call_t *call,
    int code, const char *text);
static void ngx_http_pharos_serve_run(ngx_http_pharos_task_t *t);
static ngx_int_t ngx_http_pharos_serve_read(ngx_http_pharos_call_t *call);
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

    if (ngx_http_pharos_serve_copy(r, call) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    call->api = ngx_http_pharos_engine_api();

    if (call->api == NULL) {
        phr_api_closed(&call->req, &call->res,
                       ngx_http_pharos_engine_closed());
        ngx_http_pharos_serve_answer(call);
        return;
    }

    if (phr_str_eq(call->req.path, phr_str_of("/-/reload"))
        && (r->method & (NGX_HTTP_POST|NGX_HTTP_PUT)))
    {
        ngx_http_pharos_serve_reload(call);
        return;
    }

    ngx_http_pharos_serve_post(call);
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
    call->fd = NGX_INVALID_FILE;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        ngx_free(call);
        return NULL;
    }

    cln->handler = ngx_http_pharos_serve_cleanup;
    cln->data = call;

    return call;
}


/* as it lies in the request's memory */

static void
ngx_http_pharos_serve_request(ngx_http_request_t *r, phr_api_request_t *req)
{
    u_char           *p;
    phr_str_t        *field;
    ngx_uint_t        i, j;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    req->method = phr_str_from((char *) r->method_name.data,
                               r->method_name.len);
    req->path = phr_str_from((char *) r->uri.data, r->uri.len);

    req->args = phr_str_from((char *) r->args.data, r->args.len);

    p = ngx_strlchr(r->unparsed_uri.data,
                    r->unparsed_uri.data + r->unparsed_uri.len, '?');
    req->raw_path = phr_str_from((char *) r->unparsed_uri.data,
                                 p ? (size_t) (p - r->unparsed_uri.data)
                                   : r->unparsed_uri.len);

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        for (j = 0; j < phr_nelems(ngx_http_pharos_serve_headers); j++) {

            if (h[i].key.len != ngx_http_pharos_serve_headers[j].name.len
                || ngx_memcmp(h[i].lowcase_key,
                              ngx_http_pharos_serve_headers[j].name.data,
                              h[i].key.len)
                   != 0)
            {
                continue;
            }

            field = (phr_str_t *) ((char *) req
                                   + ngx_http_pharos_serve_headers[j].offset);

            *field = phr_str_from((char *) h[i].value.data, h[i].value.len);
        }
    }
}


static ngx_int_t
ngx_http_pharos_serve_copy(ngx_http_request_t *r,
    ngx_http_pharos_call_t *call)
{
    char               *p;
    size_t              size, body, i;
    phr_str_t          *field;
    ngx_buf_t          *b;
    ngx_chain_t        *cl;
    phr_api_request_t  *req;

    req = &call->req;

    ngx_http_pharos_serve_request(r, req);

    body = 0;

    for (cl = r->request_body ? r->request_body->bufs : NULL; cl;
         cl = cl->next)
    {
        b = cl->buf;

        if (b->in_file) {
            /* all of it is in the file, which a thread reads */

            call->fd_size = b->file_last;
            call->fd = fcntl(b->file->fd, F_DUPFD_CLOEXEC, 0);

            if (call->fd == NGX_INVALID_FILE) {
                ngx_log_error(NGX_LOG_ALERT, r->connection->log, ngx_errno,
                              "fcntl(F_DUPFD_CLOEXEC) failed");
                return NGX_ERROR;
            }

            body = 0;
            break;
        }

        body += b->last - b->pos;
    }

    size = body;

    for (i = 0; i < phr_nelems(ngx_http_pharos_serve_strings); i++) {
        field = (phr_str_t *) ((char *) req
                               + ngx_http_pharos_serve_strings[i]);
        size += field->len;
    }

    call->strings = ngx_alloc(size + 1, r->connection->log);
    if (call->strings == NULL) {
        return NGX_ERROR;
    }

    p = call->strings;

    for (i = 0; i < phr_nelems(ngx_http_pharos_serve_strings); i++) {
        field = (phr_str_t *) ((char *) req
                               + ngx_http_pharos_serve_strings[i]);

        ngx_memcpy(p, field->data ? field->data : "", field->len);
        field->data = p;
        p += field->len;
    }

    req->body = phr_str_from(p, body);

    for (cl = body ? r->request_body->bufs : NULL; cl; cl = cl->next) {
        b = cl->buf;
        p = (char *) ngx_cpymem(p, b->pos, b->last - b->pos);
    }

    return NGX_OK;
}


/* of what makes one request do the same as another */

static uint64_t
ngx_http_pharos_serve_hash(const phr_api_request_t *req)
{
    uint64_t  part[4];

    part[0] = phr_xxh64(req->method.data, req->method.len);
    part[1] = phr_xxh64(req->path.data, req->path.len);
    part[2] = phr_xxh64(req->args.data, req->args.len);
    part[3] = phr_xxh64(req->body.data, req->body.len);

    return phr_xxh64(part, sizeof(part));
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

    call->req.stop = &call->task.stop;
    call->task.run = ngx_http_pharos_serve_run;
    call->task.done = ngx_http_pharos_serve_done;
    call->task.data = call;
    call->task.hash = ngx_http_pharos_serve_hash(&call->req);

    if (ngx_http_pharos_zone_accused(ngx_http_pharos_helper_shared(),
                                     call->task.hash))
    {
        ngx_http_pharos_serve_refuse(call, PHR_EUNAVAIL,
                                     "the monitoring process died of this "
                                     "request and will not try it again for "
                                     "ten minutes");
        return;
    }

    pool = ngx_http_pharos_serve_pools[phr_api_thread(call->req.method,
                                                      call->req.path)];

    if (pool == NGX_HTTP_PHAROS_POOL_STREAM
        && r->method != NGX_HTTP_HEAD
        && ngx_http_pharos_serve_stream(call) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    call->req.resumable = (pool == NGX_HTTP_PHAROS_POOL_QUERY
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
        ms = phr_api_timeout_ms(&call->req, pmcf->query_timeout,
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

    call->req.send = ngx_http_pharos_stream_send;
    call->req.send_data = &call->stream;

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

    if (call->fd != NGX_INVALID_FILE
        && ngx_http_pharos_serve_read(call) != NGX_OK)
    {
        phr_api_refuse(&call->res, PHR_EIO, "the body could not be read");
        return;
    }

    call->req.now_ms = ngx_http_pharos_now_ms();

    phr_api_handle(call->api, &call->req, &call->res);

    t->durable = call->res.durable;
}


static ngx_int_t
ngx_http_pharos_serve_read(ngx_http_pharos_call_t *call)
{
    size_t   size;
    ssize_t  n;

    call->body = malloc(call->fd_size + 1);
    if (call->body == NULL) {
        return NGX_ERROR;
    }

    for (size = 0; size < call->fd_size; size += n) {
        n = pread(call->fd, call->body + size, call->fd_size - size, size);

        if (n <= 0) {
            return NGX_ERROR;
        }
    }

    call->req.body = phr_str_from(call->body, size);

    return NGX_OK;
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

    if (call->fd != NGX_INVALID_FILE) {
        (void) close(call->fd);
    }

    free(call->body);
    free(call->strings);
    free(call);
}
