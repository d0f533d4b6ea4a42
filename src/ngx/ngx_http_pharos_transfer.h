/*
 * Copyright (C) The Pharos Authors
 *
 * Transfer: an outbound request as a handle of libcurl.  Handles are kept:
 * a request that says what one before it said gets that one's handle, with
 * all that is set already.  This is the only file that includes curl.h; it is
 * for outbound.c alone.
 */

#ifndef NGX_HTTP_PHAROS_TRANSFER_H_INCLUDED
#define NGX_HTTP_PHAROS_TRANSFER_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>

#include <curl/curl.h>

#include "core/buf.h"
#include "ngx/ngx_http_pharos_outbound.h"


typedef struct ngx_http_pharos_transfer_s  ngx_http_pharos_transfer_t;

struct ngx_http_pharos_transfer_s {
    CURL                        *easy;
    char                        *host;      /* of the URL */
    char                        *port;
    char                         error[CURL_ERROR_SIZE];
    unsigned                     over:1;    /* the answer is too large */

    /* private */
    unsigned                     ready:1;   /* options are set */
    CURLU                       *url;
    struct curl_slist           *headers;
    struct curl_slist           *resolve;
    struct curl_slist           *connect_to;
    size_t                       last;      /* size of the last answer */
    int64_t                      idle_us;   /* since when */
    uint64_t                     hash;
    phr_buf_t                    sign;      /* what the request said */
    ngx_queue_t                  bucket;
    ngx_queue_t                  age;
};


/* all of these belong to the thread that carries requests */

void ngx_http_pharos_transfer_init(void);

/*
 * A transfer for a request: a kept one, or a new one.  NULL, with rc of
 * phr_err and why, if the request is no good or memory is gone.
 */
ngx_http_pharos_transfer_t *ngx_http_pharos_transfer_get(
    const ngx_http_pharos_outbound_t *o, int *rc, const char **why);

/*
 * Tells the host's addresses, "1.2.3.4,[::1]".  PHR_OK, PHR_ENOMEM, or
 * PHR_EINVAL if the name is too long.
 */
int ngx_http_pharos_transfer_addresses(ngx_http_pharos_transfer_t *t,
    const char *addresses);

/*
 * Sets what is not yet set; then easy can be added to a multi handle.  The
 * strings of o live until put().
 */
CURLcode ngx_http_pharos_transfer_begin(ngx_http_pharos_transfer_t *t,
    ngx_http_pharos_outbound_t *o, int64_t left_ms);

/*
 * Unpacks the answer of a transfer that is done, if it is packed.  PHR_OK,
 * PHR_ELIMIT if it is larger than limit_bytes then, PHR_ECORRUPT, PHR_ENOMEM.
 */
int ngx_http_pharos_transfer_unpack(ngx_http_pharos_outbound_t *o,
    phr_err_t *err);

/* why a transfer failed with code, the same each time; as long as t lives */
const char *ngx_http_pharos_transfer_why(ngx_http_pharos_transfer_t *t,
    CURLcode code);

/* t is of no multi handle any more; it is kept for the next, or freed */
void ngx_http_pharos_transfer_put(ngx_http_pharos_transfer_t *t,
    int64_t now_us);


#endif /* NGX_HTTP_PHAROS_TRANSFER_H_INCLUDED */
