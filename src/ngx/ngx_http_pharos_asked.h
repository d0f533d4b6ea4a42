/*
 * Copyright (C) The Pharos Authors
 *
 * Asked: a copy of what a worker passed on, as the API wants it.  The request
 * may be gone long before the thread that answers it is.
 */

#ifndef NGX_HTTP_PHAROS_ASKED_H_INCLUDED
#define NGX_HTTP_PHAROS_ASKED_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "api/api.h"


/* begins with zeros, but for fd: NGX_INVALID_FILE */
typedef struct {
    phr_api_request_t   req;

    char               *strings;    /* all of req, but a body in a file */
    char               *body;
    ngx_fd_t            fd;         /* of a body in a file */
    size_t              fd_size;
} ngx_http_pharos_asked_t;


/* all but a body that is in a file: of that one the file is kept open */
ngx_int_t ngx_http_pharos_asked_copy(ngx_http_pharos_asked_t *a,
    ngx_http_request_t *r);

/*
 * Of what makes one request do the same as another.  A body in a file is not
 * read here, its size must do.
 */
uint64_t ngx_http_pharos_asked_hash(const ngx_http_pharos_asked_t *a);

/* in a thread: a body in a file */
ngx_int_t ngx_http_pharos_asked_read(ngx_http_pharos_asked_t *a);

void ngx_http_pharos_asked_free(ngx_http_pharos_asked_t *a);


#endif /* NGX_HTTP_PHAROS_ASKED_H_INCLUDED */
