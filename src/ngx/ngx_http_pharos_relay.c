/*
 * Copyright (C) The Pharos Authors
 *
 * Relay: in a worker, the content handler of "pharos" locations.  It is an
 * upstream client of its own, and not the proxy module, so that no proxy_*
 * directive of the http block changes what it does.
 *
 * The helper may die at any moment, and the next one answers a few
 * milliseconds later.  So a request is sent again: queries once, writes
 * twice, with their bodies kept and an id by which the helper knows a write
 * it has seen.  The peer is one fixed address; nginx's round robin would
 * mark it as failed.
 *
 * An answer has a length, or comes in chunks while it is being made: one
 * that ends before the last chunk is broken off, and so is the client's.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx/ngx_http_pharos.h"


#define NGX_HTTP_PHAROS_BUFFER_SIZE   (64 * 1024)
#define NGX_HTTP_PHAROS_CONNECT_MS    60000

#if (nginx_version >= 1027002)
#define ngx_http_pharos_parse_chunked(r, b, ctx)                              \
    ngx_http_parse_chunked(r, b, ctx, 0)
#else
#define ngx_http_pharos_parse_chunked  ngx_http_parse_chunked
#endif


typedef struct {
    ngx_http_status_t   status;
    ngx_http_chunked_t  chunked;
    unsigned            head:1;
    unsigned            empty:1;    /* no body follows the header */
} ngx_http_pharos_relay_ctx_t;


static ngx_int_t ngx_http_pharos_relay_unavailable(ngx_http_request_t *r);
static ngx_int_t ngx_http_pharos_relay_reinit_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_pharos_relay_status_line(ngx_http_request_t *r);
static ngx_int_t ngx_http_pharos_relay_process_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_pharos_relay_header_line(ngx_http_request_t *r);
static ngx_int_t ngx_http_pharos_relay_quiet(ngx_connection_t *c);
static void ngx_http_pharos_relay_abort_request(ngx_http_request_t *r);
static void ngx_http_pharos_relay_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);
static ngx_int_t ngx_http_pharos_relay_filter_init(void *data);
static ngx_int_t ngx_http_pharos_relay_filter(void *data, ssize_t bytes);
static ngx_int_t ngx_http_pharos_relay_chunks(void *data, ssize_t bytes);
static ngx_buf_t *ngx_http_pharos_relay_piece(ngx_http_request_t *r,
    u_char *pos, off_t size);
static ngx_int_t ngx_http_pharos_relay_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);
static ngx_int_t ngx_http_pharos_relay_get_peer(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_pharos_relay_free_peer(ngx_peer_connection_t *pc,
    void *data, ngx_uint_t state);


/* what the helper says to the worker, not to the client */
static ngx_str_t  ngx_http_pharos_relay_hidden[] = {
    ngx_string("X-Pharos-Helper"),
    ngx_string("Server"),
    ngx_string("Date"),
    ngx_string("X-Accel-Expires"),
    ngx_string("X-Accel-Redirect"),
    ngx_string("X-Accel-Limit-Rate"),
    ngx_string("X-Accel-Buffering"),
    ngx_string("X-Accel-Charset"),
    ngx_null_string
};


/* in the master, while the generated upstream is read */

ngx_int_t
ngx_http_pharos_relay_conf(ngx_conf_t *cf, ngx_http_pharos_main_conf_t *pmcf,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_hash_init_t            hash;
    ngx_http_upstream_conf_t  *u, none;

    u = &pmcf->upstream;

    u->upstream = us;
    u->connect_timeout = NGX_HTTP_PHAROS_CONNECT_MS;
    u->send_timeout = NGX_HTTP_PHAROS_CONNECT_MS;
    u->buffer_size = NGX_HTTP_PHAROS_BUFFER_SIZE;
    u->busy_buffers_size = 2 * NGX_HTTP_PHAROS_BUFFER_SIZE;
    u->bufs.num = 8;
    u->bufs.size = ngx_pagesize;

    u->next_upstream = NGX_HTTP_UPSTREAM_FT_ERROR
                       |NGX_HTTP_UPSTREAM_FT_INVALID_HEADER
                       |NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT;

    u->request_buffering = 1;
    u->pass_request_headers = 1;
    u->pass_request_body = 1;
    u->preserve_output = 1;
    u->ignore_headers = NGX_CONF_BITMASK_SET
                        |NGX_HTTP_UPSTREAM_IGN_XA_REDIRECT;

    u->hide_headers = NGX_CONF_UNSET_PTR;
    u->pass_headers = NGX_CONF_UNSET_PTR;

    ngx_str_set(&u->module, "pharos");

    ngx_memzero(&none, sizeof(ngx_http_upstream_conf_t));
    none.hide_headers = NGX_CONF_UNSET_PTR;
    none.pass_headers = NGX_CONF_UNSET_PTR;

    hash.max_size = 128;
    hash.bucket_size = ngx_align(64, ngx_cacheline_size);
    hash.name = "pharos_hide_headers_hash";

    return ngx_http_upstream_hide_headers_hash(cf, u, &none,
                                       ngx_http_pharos_relay_hidden, &hash);
}


ngx_int_t
ngx_http_pharos_relay_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_file_info_t               fi;
    ngx_http_upstream_t          *u;
    ngx_http_pharos_relay_ctx_t  *ctx;
    ngx_http_pharos_main_conf_t  *pmcf;

    pmcf = ngx_http_get_module_main_conf(r, ngx_http_pharos_module);

    /*
     * Nobody would answer: the helper hangs or cannot start, or the master
     * has removed the socket on its way out.
     */

    if (ngx_http_pharos_zone_stale(pmcf->zone->data)
        || ngx_file_info(pmcf->socket.data, &fi) == NGX_FILE_ERROR)
    {
        return ngx_http_pharos_relay_unavailable(r);
    }

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_pharos_relay_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->head = (r->method == NGX_HTTP_HEAD);

    ngx_http_set_ctx(r, ctx, ngx_http_pharos_module);

    u = r->upstream;

    ngx_str_set(&u->schema, "pharos://");
    u->output.tag = (ngx_buf_tag_t) &ngx_http_pharos_module;

    u->conf = ngx_http_pharos_relay_long(r) ? &pmcf->upstream_long
                                            : &pmcf->upstream;
    u->buffering = 0;

    u->create_request = ngx_http_pharos_relay_create_request;
    u->reinit_request = ngx_http_pharos_relay_reinit_request;
    u->process_header = ngx_http_pharos_relay_status_line;
    u->abort_request = ngx_http_pharos_relay_abort_request;
    u->finalize_request = ngx_http_pharos_relay_finalize_request;

    u->input_filter_init = ngx_http_pharos_relay_filter_init;
    u->input_filter = ngx_http_pharos_relay_filter;
    u->input_filter_ctx = r;

    rc = ngx_http_read_client_request_body(r, ngx_http_upstream_init);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static ngx_int_t
ngx_http_pharos_relay_unavailable(ngx_http_request_t *r)
{
    ngx_int_t         rc;
    ngx_buf_t        *b;
    ngx_chain_t       out;
    ngx_table_elt_t  *h;

    static ngx_str_t  text = ngx_string(
        "{\"status\":\"error\",\"errorType\":\"unavailable\","
        "\"error\":\"the monitoring process does not answer\"}");

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    h = ngx_list_push(&r->headers_out.headers);
    b = ngx_calloc_buf(r->pool);

    if (h == NULL || b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->hash = 1;
    ngx_str_set(&h->key, "Retry-After");
    ngx_str_set(&h->value, "5");
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.status = NGX_HTTP_SERVICE_UNAVAILABLE;
    r->headers_out.content_length_n = text.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->pos = text.data;
    b->last = text.data + text.len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_pharos_relay_reinit_request(ngx_http_request_t *r)
{
    ngx_http_pharos_relay_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_pharos_module);

    ctx->status.code = 0;
    ctx->status.count = 0;
    ctx->status.start = NULL;
    ctx->status.end = NULL;

    ngx_memzero(&ctx->chunked, sizeof(ngx_http_chunked_t));

    r->upstream->process_header = ngx_http_pharos_relay_status_line;
    r->state = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_pharos_relay_status_line(ngx_http_request_t *r)
{
    size_t                        len;
    ngx_int_t                     rc;
    ngx_http_upstream_t          *u;
    ngx_http_pharos_relay_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_pharos_module);

    rc = ngx_http_parse_status_line(r, &u->buffer, &ctx->status);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "the monitoring process sent no status line");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (u->state && u->state->status == 0) {
        u->state->status = ctx->status.code;
    }

    if (ngx_http_pharos_relay_quiet(u->peer.connection) != NGX_OK) {
        return NGX_ERROR;
    }

    u->headers_in.status_n = ctx->status.code;

    len = ctx->status.end - ctx->status.start;

    u->headers_in.status_line.data = ngx_pnalloc(r->pool, len);
    if (u->headers_in.status_line.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(u->headers_in.status_line.data, ctx->status.start, len);
    u->headers_in.status_line.len = len;

    u->process_header = ngx_http_pharos_relay_process_header;

    return ngx_http_pharos_relay_process_header(r);
}


/*
 * A local socket can be written to anew whenever the helper has read from
 * it, and epoll would wake up the worker for that, once a request.  nginx
 * asks for the event again when there is something that it could not write.
 */

static ngx_int_t
ngx_http_pharos_relay_quiet(ngx_connection_t *c)
{
    if (!(ngx_event_flags & NGX_USE_EPOLL_EVENT)
        || !c->write->active || !c->write->ready)
    {
        return NGX_OK;
    }

    return ngx_del_event(c->write, NGX_WRITE_EVENT, NGX_CLEAR_EVENT);
}


static ngx_int_t
ngx_http_pharos_relay_process_header(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_upstream_t          *u;
    ngx_http_pharos_relay_ctx_t  *ctx;

    u = r->upstream;

    for ( ;; ) {
        rc = ngx_http_parse_header_line(r, &u->buffer, 1);

        if (rc == NGX_OK) {
            if (ngx_http_pharos_relay_header_line(r) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        if (rc == NGX_HTTP_PARSE_HEADER_DONE) {
            break;
        }

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "the monitoring process sent an invalid header");

        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    /* the filter is not called for an answer without a body */

    ctx = ngx_http_get_module_ctx(r, ngx_http_pharos_module);

    if (ctx->head
        || u->headers_in.status_n == NGX_HTTP_NO_CONTENT
        || u->headers_in.status_n == NGX_HTTP_NOT_MODIFIED
        || u->headers_in.content_length_n == 0)
    {
        ctx->empty = 1;
        u->keepalive = !u->headers_in.connection_close;
    }

    if (u->headers_in.chunked) {
        u->headers_in.content_length_n = -1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_pharos_relay_header_line(ngx_http_request_t *r)
{
    ngx_table_elt_t                *h;
    ngx_http_upstream_header_t     *hh;
    ngx_http_upstream_main_conf_t  *umcf;

    h = ngx_list_push(&r->upstream->headers_in.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = r->header_hash;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    h->key.len = r->header_name_end - r->header_name_start;
    h->value.len = r->header_end - r->header_start;

    h->key.data = ngx_pnalloc(r->pool, h->key.len + 1 + h->value.len + 1
                                       + h->key.len);
    if (h->key.data == NULL) {
        h->hash = 0;
        return NGX_ERROR;
    }

    h->value.data = h->key.data + h->key.len + 1;
    h->lowcase_key = h->value.data + h->value.len + 1;

    (void) ngx_cpystrn(h->key.data, r->header_name_start, h->key.len + 1);
    (void) ngx_cpystrn(h->value.data, r->header_start, h->value.len + 1);
    ngx_strlow(h->lowcase_key, h->key.data, h->key.len);

    umcf = ngx_http_get_module_main_conf(r, ngx_http_upstream_module);

    hh = ngx_hash_find(&umcf->headers_in_hash, h->hash, h->lowcase_key,
                       h->key.len);

    if (hh && hh->handler(r, h, hh->offset) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_pharos_relay_abort_request(ngx_http_request_t *r)
{
    return;
}


static void
ngx_http_pharos_relay_finalize_request(ngx_http_request_t *r, ngx_int_t rc)
{
    return;
}


static ngx_int_t
ngx_http_pharos_relay_filter_init(void *data)
{
    ngx_http_request_t           *r = data;
    ngx_http_upstream_t          *u;
    ngx_http_pharos_relay_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_pharos_module);

    if (u->headers_in.chunked && !ctx->empty) {
        /* until the last chunk: an end of the connection is no end of it */
        u->input_filter = ngx_http_pharos_relay_chunks;
        u->length = 1;

        return NGX_OK;
    }

    /* -1: until the helper closes */

    u->length = ctx->empty ? 0 : u->headers_in.content_length_n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_pharos_relay_filter(void *data, ssize_t bytes)
{
    ngx_http_request_t   *r = data;
    ngx_buf_t            *b;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u->length == 0) {
        u->keepalive = 0;
        return NGX_OK;
    }

    b = ngx_http_pharos_relay_piece(r, u->buffer.last, bytes);
    if (b == NULL) {
        return NGX_ERROR;
    }

    u->buffer.last = b->last;

    if (u->length == -1) {
        return NGX_OK;
    }

    if (bytes > u->length) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "the monitoring process sent more than it said");

        b->last = b->pos + u->length;
        u->length = 0;

        return NGX_OK;
    }

    u->length -= bytes;

    if (u->length == 0) {
        u->keepalive = !u->headers_in.connection_close;
    }

    return NGX_OK;
}


/* the same of an answer in chunks */

static ngx_int_t
ngx_http_pharos_relay_chunks(void *data, ssize_t bytes)
{
    ngx_http_request_t           *r = data;
    off_t                         size;
    ngx_int_t                     rc;
    ngx_buf_t                    *in;
    ngx_http_upstream_t          *u;
    ngx_http_pharos_relay_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_pharos_module);

    in = &u->buffer;
    in->pos = in->last;
    in->last += bytes;

    for ( ;; ) {
        rc = ngx_http_pharos_parse_chunked(r, in, &ctx->chunked);

        if (rc != NGX_OK) {
            break;
        }

        size = ngx_min(ctx->chunked.size, in->last - in->pos);

        if (ngx_http_pharos_relay_piece(r, in->pos, size) == NULL) {
            return NGX_ERROR;
        }

        in->pos += size;
        ctx->chunked.size -= size;
    }

    if (rc == NGX_AGAIN) {
        return NGX_OK;
    }

    if (rc != NGX_DONE) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "the monitoring process sent an invalid chunk");
        return NGX_ERROR;
    }

    u->length = 0;
    u->keepalive = !u->headers_in.connection_close;

    return NGX_OK;
}


/* some bytes of the buffer, to be sent; NULL: no memory */

static ngx_buf_t *
ngx_http_pharos_relay_piece(ngx_http_request_t *r, u_char *pos, off_t size)
{
    ngx_chain_t          *cl, **ll;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    for (ll = &u->out_bufs; *ll; ll = &(*ll)->next) { /* void */ }

    cl = ngx_chain_get_free_buf(r->pool, &u->free_bufs);
    if (cl == NULL) {
        return NULL;
    }

    *ll = cl;

    cl->buf->flush = 1;
    cl->buf->memory = 1;
    cl->buf->pos = pos;
    cl->buf->last = pos + size;
    cl->buf->tag = u->output.tag;

    return cl->buf;
}


ngx_int_t
ngx_http_pharos_relay_init_upstream(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us)
{
    us->peer.init = ngx_http_pharos_relay_init_peer;

    return NGX_OK;
}


static ngx_int_t
ngx_http_pharos_relay_init_peer(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_peer_connection_t  *pc;

    pc = &r->upstream->peer;

    pc->data = us->servers->elts;
    pc->get = ngx_http_pharos_relay_get_peer;
    pc->free = ngx_http_pharos_relay_free_peer;
    pc->tries = ngx_http_pharos_relay_write(r) ? NGX_HTTP_PHAROS_PUSH_TRIES
                                               : NGX_HTTP_PHAROS_QUERY_TRIES;

    return NGX_OK;
}


static ngx_int_t
ngx_http_pharos_relay_get_peer(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_upstream_server_t  *server = data;

    pc->sockaddr = server->addrs[0].sockaddr;
    pc->socklen = server->addrs[0].socklen;
    pc->name = &server->addrs[0].name;

    pc->cached = 0;
    pc->connection = NULL;

    return NGX_OK;
}


static void
ngx_http_pharos_relay_free_peer(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    if (pc->tries) {
        pc->tries--;
    }
}
