/*
 * Copyright (C) The Pharos Authors
 *
 * Open: the store as the directives want it; for the engine.
 */

#ifndef NGX_HTTP_PHAROS_OPEN_H_INCLUDED
#define NGX_HTTP_PHAROS_OPEN_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx/ngx_http_pharos.h"
#include "store/store.h"


/*
 * Writer thread.  Opens the store, if need be in place of a damaged one,
 * which is logged and counted in sh.  As phr_store_open(); *store is NULL
 * where that fails.
 */
int ngx_http_pharos_open(ngx_http_pharos_main_conf_t *pmcf,
    ngx_http_pharos_shared_t *sh, ngx_log_t *log, phr_store_t **store,
    phr_err_t *err);

/*
 * Writer thread.  Notes beside the store that it is damaged, so that the
 * next process to open it moves it aside: that is only safe when nobody has
 * it open.  NGX_ERROR, logged, if it cannot be noted.
 */
ngx_int_t ngx_http_pharos_condemn(ngx_http_pharos_main_conf_t *pmcf,
    ngx_log_t *log, const phr_err_t *why);


#endif /* NGX_HTTP_PHAROS_OPEN_H_INCLUDED */
