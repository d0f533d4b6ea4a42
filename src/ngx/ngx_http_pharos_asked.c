/*
 * Copyright (C) The Pharos Authors
 *
 * Asked: see ngx_http_pharos_asked.h.
 */

#include "ngx/ngx_http_pharos_asked.h"

#include "core/bytes.h"
#include "core/yield.h"


/* bytes that are copied or hashed at once; see phr_yield() */
#define NGX_HTTP_PHAROS_PIECE        (64 * 1024)
#define NGX_HTTP_PHAROS_PIECE_UNITS  (NGX_HTTP_PHAROS_PIECE / 8)


/* headers that the API wants, and where */
static const struct {
    ngx_str_t  name;
    size_t     offset;
} ngx_http_pharos_asked_headers[] = {
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
static const size_t  ngx_http_pharos_asked_strings[] = {
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


static void ngx_http_pharos_asked_request(ngx_http_request_t *r,
    phr_api_request_t *req);
static char *ngx_http_pharos_asked_append(char *p, ngx_buf_t *b);
static uint64_t ngx_http_pharos_asked_hash_body(phr_str_t body);


/* as it lies in the request's memory */

static void
ngx_http_pharos_asked_request(ngx_http_request_t *r, phr_api_request_t *req)
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

        for (j = 0; j < phr_nelems(ngx_http_pharos_asked_headers); j++) {

            if (h[i].key.len != ngx_http_pharos_asked_headers[j].name.len
                || ngx_memcmp(h[i].lowcase_key,
                              ngx_http_pharos_asked_headers[j].name.data,
                              h[i].key.len)
                   != 0)
            {
                continue;
            }

            field = (phr_str_t *) ((char *) req
                                   + ngx_http_pharos_asked_headers[j].offset);

            *field = phr_str_from((char *) h[i].value.data, h[i].value.len);
        }
    }
}


ngx_int_t
ngx_http_pharos_asked_copy(ngx_http_pharos_asked_t *a,
    ngx_http_request_t *r)
{
    char               *p;
    size_t              size, body, i;
    phr_str_t          *field;
    ngx_buf_t          *b;
    ngx_chain_t        *cl;
    phr_api_request_t  *req;

    req = &a->req;

    ngx_http_pharos_asked_request(r, req);

    body = 0;

    for (cl = r->request_body ? r->request_body->bufs : NULL; cl;
         cl = cl->next)
    {
        b = cl->buf;

        if (b->in_file) {
            /* all of it is in the file, which a thread reads */

            a->fd_size = b->file_last;
            a->fd = fcntl(b->file->fd, F_DUPFD_CLOEXEC, 0);

            if (a->fd == NGX_INVALID_FILE) {
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

    for (i = 0; i < phr_nelems(ngx_http_pharos_asked_strings); i++) {
        field = (phr_str_t *) ((char *) req
                               + ngx_http_pharos_asked_strings[i]);
        size += field->len;
    }

    a->strings = ngx_alloc(size + 1, r->connection->log);
    if (a->strings == NULL) {
        return NGX_ERROR;
    }

    p = a->strings;

    for (i = 0; i < phr_nelems(ngx_http_pharos_asked_strings); i++) {
        field = (phr_str_t *) ((char *) req
                               + ngx_http_pharos_asked_strings[i]);

        ngx_memcpy(p, field->data ? field->data : "", field->len);
        field->data = p;
        p += field->len;
    }

    req->body = phr_str_from(p, body);

    for (cl = body ? r->request_body->bufs : NULL; cl; cl = cl->next) {
        p = ngx_http_pharos_asked_append(p, cl->buf);
    }

    return NGX_OK;
}


static char *
ngx_http_pharos_asked_append(char *p, ngx_buf_t *b)
{
    size_t   n;
    u_char  *pos;

    for (pos = b->pos; pos < b->last; pos += n) {
        n = ngx_min(b->last - pos, NGX_HTTP_PHAROS_PIECE);
        p = (char *) ngx_cpymem(p, pos, n);
        phr_yield(NGX_HTTP_PHAROS_PIECE_UNITS);
    }

    return p;
}


uint64_t
ngx_http_pharos_asked_hash(const ngx_http_pharos_asked_t *a)
{
    uint64_t                  part[5];
    const phr_api_request_t  *req;

    req = &a->req;

    part[0] = phr_xxh64(req->method.data, req->method.len);
    part[1] = phr_xxh64(req->path.data, req->path.len);
    part[2] = phr_xxh64(req->args.data, req->args.len);
    part[3] = ngx_http_pharos_asked_hash_body(req->body);
    part[4] = a->fd_size;

    return phr_xxh64(part, sizeof(part));
}


static uint64_t
ngx_http_pharos_asked_hash_body(phr_str_t body)
{
    size_t       i, n;
    phr_xxh64_t  x;

    phr_xxh64_init(&x);

    for (i = 0; i < body.len; i += n) {
        n = ngx_min(body.len - i, NGX_HTTP_PHAROS_PIECE);
        phr_xxh64_update(&x, body.data + i, n);
        phr_yield(NGX_HTTP_PHAROS_PIECE_UNITS);
    }

    return phr_xxh64_final(&x);
}


ngx_int_t
ngx_http_pharos_asked_read(ngx_http_pharos_asked_t *a)
{
    size_t   size;
    ssize_t  n;

    if (a->fd == NGX_INVALID_FILE) {
        return NGX_OK;
    }

    a->body = malloc(a->fd_size + 1);
    if (a->body == NULL) {
        return NGX_ERROR;
    }

    for (size = 0; size < a->fd_size; size += n) {
        n = pread(a->fd, a->body + size, a->fd_size - size, size);

        if (n <= 0) {
            return NGX_ERROR;
        }
    }

    a->req.body = phr_str_from(a->body, size);

    return NGX_OK;
}


void
ngx_http_pharos_asked_free(ngx_http_pharos_asked_t *a)
{
    if (a->fd != NGX_INVALID_FILE) {
        (void) close(a->fd);
    }

    free(a->body);
    free(a->strings);
}
