/*
 * Copyright (C) The Pharos Authors
 *
 * Stream: the way of an answer that a thread still makes to the worker that
 * waits for it.  A few pieces of it are in memory at a time: the thread
 * waits while they are full, the loop sends one after another.
 */

#ifndef NGX_HTTP_PHAROS_STREAM_H_INCLUDED
#define NGX_HTTP_PHAROS_STREAM_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <pthread.h>

#include "api/api.h"


#define NGX_HTTP_PHAROS_PIECES      3
#define NGX_HTTP_PHAROS_PIECE_SIZE  (64 * 1024)


typedef struct ngx_http_pharos_stream_s  ngx_http_pharos_stream_t;

struct ngx_http_pharos_stream_s {
    ngx_http_request_t         *r;          /* loop; NULL: it is gone */
    const volatile int         *stop;       /* of the task */
    const phr_api_response_t   *res;

    /* loop: sends status and headers; begun() is called before, once */
    ngx_int_t                 (*header)(ngx_http_request_t *r,
                                        const phr_api_response_t *res);
    void                      (*begun)(ngx_http_pharos_stream_t *s);

    ngx_buf_t                   buf;        /* loop: the piece on its way */
    ngx_chain_t                 link;
    ngx_http_pharos_stream_t   *next;       /* of those that have news */

    pthread_mutex_t             mutex;      /* guards what follows */
    pthread_cond_t              cond;
    u_char                     *piece[NGX_HTTP_PHAROS_PIECES];
    size_t                      len[NGX_HTTP_PHAROS_PIECES];
    ngx_uint_t                  first;      /* next to be sent */
    ngx_uint_t                  n;          /* filled */
    ngx_uint_t                  gone;       /* nobody wants more */

    /* loop alone: bits of a word cannot be shared */
    unsigned                    initialized:1;
    unsigned                    sending:1;  /* buf is not sent yet */
    unsigned                    header_sent:1;
    unsigned                    ended:1;    /* the thread has done its part */
};


/* loop; around the life of the pools */
ngx_int_t ngx_http_pharos_streams_open(ngx_log_t *log);
void ngx_http_pharos_streams_close(void);

/* loop; the fields above "buf" are set.  NGX_ERROR: no memory. */
ngx_int_t ngx_http_pharos_stream_init(ngx_http_pharos_stream_t *s);

/* loop; nothing may use the stream any more */
void ngx_http_pharos_stream_free(ngx_http_pharos_stream_t *s);

/* phr_api_request_t's send; in the thread */
int ngx_http_pharos_stream_send(void *data, const phr_api_response_t *res,
    phr_str_t piece);

/* loop; the request is gone: the thread waits no more */
void ngx_http_pharos_stream_gone(ngx_http_pharos_stream_t *s);

/*
 * Loop; the thread has ended, and the response tells how: what is left is
 * sent, or the connection is broken off.  Finalizes the request, sooner or
 * later.
 */
void ngx_http_pharos_stream_end(ngx_http_pharos_stream_t *s);


#endif /* NGX_HTTP_PHAROS_STREAM_H_INCLUDED */
