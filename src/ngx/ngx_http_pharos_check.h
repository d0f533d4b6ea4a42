/*
 * Copyright (C) The Pharos Authors
 *
 * Check: looks at the pages of a store before it is opened, and at those of
 * a large one in the background afterwards.
 */

#ifndef NGX_HTTP_PHAROS_CHECK_H_INCLUDED
#define NGX_HTTP_PHAROS_CHECK_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx/ngx_http_pharos.h"
#include "store/store.h"


typedef struct {
    ngx_uint_t  running;
    uint64_t    npages;         /* of those trees that were read */
    int64_t     run_ms;
} ngx_http_pharos_check_state_t;


/* writer thread, before the store is opened; as phr_aside_check() */
int ngx_http_pharos_check_before(const char *path,
    ngx_http_pharos_shared_t *sh, phr_err_t *err);

/* writer thread, once it is open: reads what was not read before */
ngx_int_t ngx_http_pharos_check_start(phr_store_t *store,
    ngx_http_pharos_shared_t *sh, ngx_log_t *log);

/*
 * Writer thread.  PHR_AGAIN: nothing to tell; else, once, how it ended, with
 * what is wrong.
 */
int ngx_http_pharos_check_poll(const phr_err_t **err);

/* before the store is closed; soon */
void ngx_http_pharos_check_stop(void);

/* writer thread: whether poll() has something to tell, or will have */
ngx_uint_t ngx_http_pharos_check_pending(void);

/* any thread */
void ngx_http_pharos_check_state(ngx_http_pharos_check_state_t *state);


#endif /* NGX_HTTP_PHAROS_CHECK_H_INCLUDED */
