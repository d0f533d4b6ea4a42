/*
 * Copyright (C) The Pharos Authors
 *
 * Client: an outbound request as people's files describe it: basic auth,
 * authorization, TLS, proxy, headers, secrets that are in files.  Everything
 * here is called on the loop, and done() comes on the loop.
 */

#ifndef NGX_HTTP_PHAROS_CLIENT_H_INCLUDED
#define NGX_HTTP_PHAROS_CLIENT_H_INCLUDED


#include "core/arena.h"
#include "ngx/ngx_http_pharos_outbound.h"
#include "ngx/ngx_http_pharos_task.h"
#include "settings/http_client.h"


#define NGX_HTTP_PHAROS_CLIENT_HEADERS  64


typedef struct ngx_http_pharos_client_s  ngx_http_pharos_client_t;

struct ngx_http_pharos_client_s {

    /* set by the caller between create and send */
    const char                  *method;         /* NULL: GET */
    phr_str_t                    body;           /* the caller's memory */
    int64_t                      timeout_ms;
    size_t                       limit_bytes;    /* of the answer */
    unsigned                     compressed:1;
    void                        *data;
    void                       (*done)(ngx_http_pharos_client_t *c);

    /*
     * In done(): err.code is PHR_OK if there was an answer, then status,
     * type and answer of "out" are set.
     */
    phr_err_t                    err;
    ngx_http_pharos_outbound_t   out;

    /* private */
    const phr_http_client_t     *conf;
    phr_arena_t                 *arena;
    ngx_http_pharos_task_t       task;           /* reads files of secrets */
    const char                  *headers[NGX_HTTP_PHAROS_CLIENT_HEADERS];
    size_t                       nheaders;
};


/*
 * conf must live until done(); NULL stands for no settings.  The URL is
 * copied.  NULL if memory is gone.
 */
ngx_http_pharos_client_t *ngx_http_pharos_client_create(
    const phr_http_client_t *conf, phr_str_t url);

/* "Name: value"; a header too many, or no memory, shows in send() */
void ngx_http_pharos_client_header(ngx_http_pharos_client_t *c,
    const char *fmt, ...) PHR_PRINTF(2, 3);

/* NGX_OK: done() will be called, once.  NGX_ERROR: it will not. */
ngx_int_t ngx_http_pharos_client_send(ngx_http_pharos_client_t *c);

/* before send(), after it has failed, or in or after done(); or NULL */
void ngx_http_pharos_client_free(ngx_http_pharos_client_t *c);


#endif /* NGX_HTTP_PHAROS_CLIENT_H_INCLUDED */
