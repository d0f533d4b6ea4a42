/*
 * Copyright (C) The Pharos Authors
 *
 * Discover: which targets a scrape configuration has now: its static ones,
 * and those of the files that it names, read again when they change.
 */

#ifndef NGX_HTTP_PHAROS_DISCOVER_H_INCLUDED
#define NGX_HTTP_PHAROS_DISCOVER_H_INCLUDED


#include "core/array.h"
#include "ngx/ngx_http_pharos_parts.h"


typedef struct ngx_http_pharos_discover_s  ngx_http_pharos_discover_t;


/*
 * applied() is called on the loop with the targets of a configuration
 * (phr_target_t *, which then are the callee's), at first and whenever they
 * have changed.
 */
ngx_http_pharos_discover_t *ngx_http_pharos_discover_create(
    ngx_http_pharos_settings_t *s, const phr_scrape_conf_t *conf,
    void (*applied)(void *data, phr_array_t *targets), void *data,
    ngx_log_t *log);

/* it goes when its task, if one is under way, has come back */
void ngx_http_pharos_discover_destroy(ngx_http_pharos_discover_t *d);


#endif /* NGX_HTTP_PHAROS_DISCOVER_H_INCLUDED */
