/*
 * Copyright (C) The Pharos Authors
 *
 * Resolve: host names to addresses, in threads, with a cache.  libcurl's own
 * resolver may hold up all transfers of a thread for seconds when a name
 * server is slow; so it is given addresses.
 */

#ifndef NGX_HTTP_PHAROS_RESOLVE_H_INCLUDED
#define NGX_HTTP_PHAROS_RESOLVE_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_HTTP_PHAROS_RESOLVE_TEXT  512


/*
 * The addresses of a host as libcurl takes them, "1.2.3.4,[::1]".  NGX_OK
 * and the text, NGX_AGAIN (wake() is called when there is more to know),
 * NGX_DECLINED if there is no such host (text says why), or NGX_ERROR
 * without memory.  Any thread.
 */
ngx_int_t ngx_http_pharos_resolve(const char *host, char *text, size_t size);

/* threads are started as they are needed and live as long as the process */
void ngx_http_pharos_resolve_init(void (*wake)(void), ngx_log_t *log);


#endif /* NGX_HTTP_PHAROS_RESOLVE_H_INCLUDED */
