/*
 * Copyright (C) The Pharos Authors
 *
 * Outbound: HTTP requests of the helper, hundreds at once.  They are carried
 * by a thread of their own; names are resolved by others, so that a slow
 * name server delays nobody else's request.
 *
 * The owner allocates a request, fills its first part and posts it; until
 * done() it touches nothing of it but through ngx_http_pharos_outbound_
 * cancel().  All strings are terminated and live until then.
 */

#ifndef NGX_HTTP_PHAROS_OUTBOUND_H_INCLUDED
#define NGX_HTTP_PHAROS_OUTBOUND_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>

#include "core/buf.h"
#include "ngx/ngx_http_pharos.h"


#define NGX_HTTP_PHAROS_OUTBOUND_TYPE   256
#define NGX_HTTP_PHAROS_OUTBOUND_ERROR  320


/* NULL: not set; of a text and its file at most one is */
typedef struct {
    const char   *ca;               /* PEM */
    const char   *ca_file;
    const char   *cert;
    const char   *cert_file;
    const char   *key;
    const char   *key_file;
    const char   *server_name;      /* instead of the URL's host */
    const char   *min_version;      /* "TLS10" .. "TLS13" */
    const char   *max_version;
    unsigned      insecure:1;
} ngx_http_pharos_outbound_tls_t;


typedef struct ngx_http_pharos_outbound_s  ngx_http_pharos_outbound_t;

struct ngx_http_pharos_outbound_s {
    /* the request */
    const char                      *url;
    const char                      *method;    /* NULL: GET */
    const char *const               *headers;   /* "Name: value" */
    size_t                           nheaders;
    phr_str_t                        body;      /* data NULL: none */
    const char                      *username;  /* of basic auth */
    const char                      *password;
    const char                      *proxy;     /* URL */
    const char                      *no_proxy;
    ngx_http_pharos_outbound_tls_t   tls;
    int64_t                          timeout_ms;
    size_t                           limit_bytes;   /* of the answer, decoded;
                                                       0: none */
    unsigned                         compressed:1;  /* take gzip */
    unsigned                         follow:1;      /* redirects, up to 10 */
    unsigned                         http2:1;
    unsigned                         lazy:1;    /* done() may wait 100 ms
                                                   for other answers */

    void                           (*done)(ngx_http_pharos_outbound_t *o);
    void                            *data;

    /*
     * The answer.  rc is PHR_OK if there is one, whatever its status; else
     * PHR_ETIMEOUT, PHR_ELIMIT, PHR_ECANCELED, PHR_EINVAL (the request),
     * PHR_ENOMEM, or PHR_EIO, and error says why.
     */
    int                              rc;
    int                              status;
    phr_buf_t                        answer;    /* the owner frees it */
    char                             type[NGX_HTTP_PHAROS_OUTBOUND_TYPE];
    double                           duration_s;    /* from the post on */
    char                             error[NGX_HTTP_PHAROS_OUTBOUND_ERROR];

    /* of the thread */
    volatile int                     stop;
    int64_t                          begin_us;
    struct ngx_http_pharos_transfer_s  *transfer;
    ngx_http_pharos_outbound_t      *next;
};


/* loop; the latter ends all that is under way, done() is not called */
ngx_int_t ngx_http_pharos_outbound_start(ngx_log_t *log);
ngx_int_t ngx_http_pharos_outbound_stop(ngx_msec_t ms);

/* loop; done() is called on the loop, never from within this call */
ngx_int_t ngx_http_pharos_outbound_post(ngx_http_pharos_outbound_t *o);

/* loop; done() comes soon, with PHR_ECANCELED or what was there already */
void ngx_http_pharos_outbound_cancel(ngx_http_pharos_outbound_t *o);

typedef struct {
    uint64_t                         nposted;
    uint64_t                         nfailed;
    ngx_uint_t                       nactive;
} ngx_http_pharos_outbound_stats_t;

/* any thread */
void ngx_http_pharos_outbound_stats(ngx_http_pharos_outbound_stats_t *st);


#endif /* NGX_HTTP_PHAROS_OUTBOUND_H_INCLUDED */
