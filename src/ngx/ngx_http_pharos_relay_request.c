/*
 * Copyright (C) The Pharos Authors
 *
 * Relay, the request: what a worker asks the helper for a client.  What the
 * client may not say is left out, and what only the worker knows is added;
 * the answer is relay.c's business.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "api/api.h"
#include "ngx/ngx_http_pharos.h"


static ngx_int_t ngx_http_pharos_relay_target(ngx_http_request_t *r,
    ngx_str_t *target);
static ngx_str_t ngx_http_pharos_relay_path(ngx_http_request_t *r);
static ngx_uint_t ngx_http_pharos_relay_passed(ngx_table_elt_t *h);
static size_t ngx_http_pharos_relay_headers(ngx_http_request_t *r,
    u_char *p);
static ngx_uint_t ngx_http_pharos_relay_named(ngx_http_request_t *r);
static ngx_int_t ngx_http_pharos_relay_own(ngx_http_request_t *r,
    off_t body, ngx_str_t *own);


/*
 * What a client says to the worker, not to the helper: hop by hop, secrets,
 * and all that the worker says itself ("x-pharos-" anything besides).
 */
static ngx_str_t  ngx_http_pharos_relay_dropped[] = {
    ngx_string("connection"),
    ngx_string("keep-alive"),
    ngx_string("proxy-connection"),
    ngx_string("te"),
    ngx_string("trailer"),
    ngx_string("transfer-encoding"),
    ngx_string("upgrade"),
    ngx_string("expect"),
    ngx_string("host"),
    ngx_string("content-length"),
    ngx_string("range"),
    ngx_string("if-range"),
    ngx_string("authorization"),
    ngx_string("proxy-authorization"),
    ngx_string("cookie"),
    ngx_string("x-real-ip"),
    ngx_string("x-forwarded-prefix"),
    ngx_string("x-forwarded-proto"),
    ngx_null_string
};


ngx_int_t
ngx_http_pharos_relay_create_request(ngx_http_request_t *r)
{
    off_t                 size;
    size_t                len;
    ngx_buf_t            *b;
    ngx_str_t             target, own;
    ngx_chain_t          *cl, *body;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    /* not what the client said: a subrequest may have its length, no body */

    size = 0;

    for (body = u->request_bufs; body; body = body->next) {
        size += ngx_buf_size(body->buf);
    }

    if (ngx_http_pharos_relay_target(r, &target) != NGX_OK
        || ngx_http_pharos_relay_own(r, size, &own) != NGX_OK)
    {
        return NGX_ERROR;
    }

    len = r->method_name.len + 1 + target.len
          + sizeof(" HTTP/1.1" CRLF) - 1
          + ngx_http_pharos_relay_headers(r, NULL)
          + own.len
          + sizeof(CRLF) - 1;

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return NGX_ERROR;
    }

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_copy(b->last, r->method_name.data, r->method_name.len);
    *b->last++ = ' ';
    b->last = ngx_copy(b->last, target.data, target.len);
    b->last = ngx_cpymem(b->last, " HTTP/1.1" CRLF,
                         sizeof(" HTTP/1.1" CRLF) - 1);
    b->last += ngx_http_pharos_relay_headers(r, b->last);
    b->last = ngx_copy(b->last, own.data, own.len);
    *b->last++ = CR;
    *b->last++ = LF;

    u->uri = target;

    body = u->request_bufs;
    u->request_bufs = cl;
    cl->buf = b;

    /* the body's buffers are kept as they are for another try */

    while (body) {
        b = ngx_alloc_buf(r->pool);
        if (b == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(b, body->buf, sizeof(ngx_buf_t));

        cl->next = ngx_alloc_chain_link(r->pool);
        if (cl->next == NULL) {
            return NGX_ERROR;
        }

        cl = cl->next;
        cl->buf = b;

        body = body->next;
    }

    b->flush = 1;
    cl->next = NULL;

    return NGX_OK;
}


/*
 * The path as the client sent it, less the prefix: decoding it and encoding
 * it again would lose the difference between "/" and "%2F".  A path that
 * was rewritten, or hides the prefix behind an encoding, is made anew.
 */

static ngx_int_t
ngx_http_pharos_relay_target(ngx_http_request_t *r, ngx_str_t *target)
{
    u_char                      *p;
    size_t                       len, escape;
    ngx_str_t                   *prefix, path;
    ngx_http_pharos_loc_conf_t  *plcf;

    plcf = ngx_http_get_module_loc_conf(r, ngx_http_pharos_module);
    prefix = &plcf->prefix;

    if (r->valid_unparsed_uri
        && r == r->main
        && r->unparsed_uri.len > prefix->len
        && (prefix->len == 0
            || ngx_strncmp(r->unparsed_uri.data, prefix->data, prefix->len)
               == 0)
        && r->unparsed_uri.data[prefix->len] == '/')
    {
        target->data = r->unparsed_uri.data + prefix->len;
        target->len = r->unparsed_uri.len - prefix->len;

        return NGX_OK;
    }

    path = ngx_http_pharos_relay_path(r);

    escape = 2 * ngx_escape_uri(NULL, path.data, path.len, NGX_ESCAPE_URI);

    len = 1 + path.len + escape + 1 + r->args.len;

    target->data = ngx_pnalloc(r->pool, len);
    if (target->data == NULL) {
        return NGX_ERROR;
    }

    p = target->data;

    if (path.len == 0 || path.data[0] != '/') {
        *p++ = '/';
    }

    if (escape) {
        p = (u_char *) ngx_escape_uri(p, path.data, path.len, NGX_ESCAPE_URI);
    } else {
        p = ngx_copy(p, path.data, path.len);
    }

    if (r->args.len) {
        *p++ = '?';
        p = ngx_copy(p, r->args.data, r->args.len);
    }

    target->len = p - target->data;

    return NGX_OK;
}


/* decoded, less the prefix */

static ngx_str_t
ngx_http_pharos_relay_path(ngx_http_request_t *r)
{
    ngx_str_t                   *prefix, path;
    ngx_http_pharos_loc_conf_t  *plcf;

    plcf = ngx_http_get_module_loc_conf(r, ngx_http_pharos_module);
    prefix = &plcf->prefix;
    path = r->uri;

    if (path.len >= prefix->len
        && ngx_strncmp(path.data, prefix->data, prefix->len) == 0)
    {
        path.data += prefix->len;
        path.len -= prefix->len;
    }

    return path;
}


static ngx_uint_t
ngx_http_pharos_relay_passed(ngx_table_elt_t *h)
{
    ngx_str_t  *name;

    if (h->hash == 0
        || (h->key.len > 9 && ngx_strncmp(h->lowcase_key, "x-pharos-", 9) == 0))
    {
        return 0;
    }

    for (name = ngx_http_pharos_relay_dropped; name->len; name++) {
        if (h->key.len == name->len
            && ngx_strncmp(h->lowcase_key, name->data, name->len) == 0)
        {
            return 0;
        }
    }

    return 1;
}


/* the client's headers: their length, and written if p is given */

static size_t
ngx_http_pharos_relay_headers(ngx_http_request_t *r, u_char *p)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = 0;
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

        if (!ngx_http_pharos_relay_passed(&h[i])) {
            continue;
        }

        len += h[i].key.len + 2 + h[i].value.len + 2;

        if (p) {
            p = ngx_copy(p, h[i].key.data, h[i].key.len);
            *p++ = ':';
            *p++ = ' ';
            p = ngx_copy(p, h[i].value.data, h[i].value.len);
            *p++ = CR;
            *p++ = LF;
        }
    }

    return len;
}


/*
 * Whether there is a name that can be said.  It is decoded, and may have any
 * character: what would end the line would begin another header, or request.
 */

static ngx_uint_t
ngx_http_pharos_relay_named(ngx_http_request_t *r)
{
    size_t      i;
    ngx_str_t  *user;

    user = &r->headers_in.user;

    for (i = 0; i < user->len; i++) {
        if (user->data[i] < ' ' || user->data[i] == 0x7f) {
            return 0;
        }
    }

    return user->len != 0 && user->data != NULL;
}


/* what the worker says of the request */

static ngx_int_t
ngx_http_pharos_relay_own(ngx_http_request_t *r, off_t body, ngx_str_t *own)
{
    u_char                      *p, *end;
    size_t                       len;
    ngx_str_t                    host, proto;
    ngx_time_t                  *tp;
    ngx_http_pharos_loc_conf_t  *plcf;

    static ngx_uint_t  counter;

    plcf = ngx_http_get_module_loc_conf(r, ngx_http_pharos_module);

    if (r->headers_in.host) {
        host = r->headers_in.host->value;
    } else {
        host = r->headers_in.server;
    }

    if (host.len == 0) {
        ngx_str_set(&host, "pharos");
    }

    ngx_str_set(&proto, "http");

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        ngx_str_set(&proto, "https");
    }
#endif

    len = sizeof("Host: " CRLF "Connection: keep-alive" CRLF
                 "Content-Length: " CRLF "X-Real-IP: " CRLF
                 "X-Forwarded-Proto: " CRLF "X-Forwarded-Prefix: " CRLF
                 "X-Pharos-User: " CRLF "X-Pharos-Admin: on" CRLF
                 "X-Pharos-Push: ----" CRLF)
          + host.len + proto.len + r->connection->addr_text.len
          + plcf->prefix.len + r->headers_in.user.len
          + NGX_OFF_T_LEN + 5 * NGX_INT64_LEN;

    own->data = ngx_pnalloc(r->pool, len);
    if (own->data == NULL) {
        return NGX_ERROR;
    }

    p = own->data;
    end = p + len;

    p = ngx_slprintf(p, end,
                     "Host: %V" CRLF "Connection: keep-alive" CRLF
                     "X-Real-IP: %V" CRLF "X-Forwarded-Proto: %V" CRLF,
                     &host, &r->connection->addr_text, &proto);

    if (body || (r->method & (NGX_HTTP_POST|NGX_HTTP_PUT))) {
        p = ngx_slprintf(p, end, "Content-Length: %O" CRLF, body);
    }

    if (plcf->prefix.len) {
        p = ngx_slprintf(p, end, "X-Forwarded-Prefix: %V" CRLF,
                         &plcf->prefix);
    }

    /* a name is worth something only if its password was checked */

    if (plcf->password && ngx_http_pharos_relay_named(r)) {
        p = ngx_slprintf(p, end, "X-Pharos-User: %V" CRLF,
                         &r->headers_in.user);
    }

    if (plcf->admin) {
        p = ngx_slprintf(p, end, "X-Pharos-Admin: on" CRLF);
    }

    if (ngx_http_pharos_relay_write(r)) {
        tp = ngx_timeofday();

        p = ngx_slprintf(p, end, "X-Pharos-Push: %xT-%xi-%P-%xi-%xD" CRLF,
                         tp->sec, tp->msec, ngx_pid, ++counter,
                         (uint32_t) ngx_random());
    }

    own->len = p - own->data;

    return NGX_OK;
}


ngx_uint_t
ngx_http_pharos_relay_write(ngx_http_request_t *r)
{
    return (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_OPTIONS)) == 0;
}


ngx_uint_t
ngx_http_pharos_relay_long(ngx_http_request_t *r)
{
    ngx_str_t  path;

    path = ngx_http_pharos_relay_path(r);

    return phr_api_long(phr_str_from((char *) r->method_name.data,
                                     r->method_name.len),
                        phr_str_from((char *) path.data, path.len));
}
