/*
 * Copyright (C) The Pharos Authors
 *
 * Direct: plain HTTP of the simplest kind, GET without a proxy, carried by
 * the loop itself over connections that are kept.  It takes what most
 * targets need at a fraction of what libcurl costs; everything else, and
 * each answer that is out of the ordinary, is left to libcurl.
 */

#ifndef NGX_HTTP_PHAROS_DIRECT_H_INCLUDED
#define NGX_HTTP_PHAROS_DIRECT_H_INCLUDED


#include "ngx/ngx_http_pharos_outbound.h"


/*
 * On the loop.  leave() takes over a request that turned out to be none for
 * this part, with an empty answer; end() one that has ended.
 */
void ngx_http_pharos_direct_start(
    void (*leave)(ngx_http_pharos_outbound_t *o),
    void (*end)(ngx_http_pharos_outbound_t *o), ngx_log_t *log);

/* ends all that is under way, nobody is told */
void ngx_http_pharos_direct_stop(void);

/*
 * NGX_OK: leave() or end() will be called, not from within this call;
 * NGX_DECLINED: not for this part.
 */
ngx_int_t ngx_http_pharos_direct_post(ngx_http_pharos_outbound_t *o);


#endif /* NGX_HTTP_PHAROS_DIRECT_H_INCLUDED */
