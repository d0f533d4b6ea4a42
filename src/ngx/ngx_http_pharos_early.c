/*
 * Copyright (C) The Pharos Authors
 *
 * Early: a core module that runs before ngx_event_core_module in a new
 * process.  The core gives a helper process 512 connections and lets it
 * count in stub_status what workers have counted already; both must change
 * before the event module makes the connections.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx/ngx_http_pharos.h"


/*
 * At most, and beside those that workers may bring; what is more waits in
 * the listening socket's backlog.
 */
#define NGX_PHAROS_CONNECTIONS  2048
#define NGX_PHAROS_OTHERS       64


/*
 * Weak, because an nginx without the stub_status module has none of them.
 * The names must be nginx's own.
 */
extern ngx_atomic_t  *ngx_stat_accepted  __attribute__((weak));
extern ngx_atomic_t  *ngx_stat_handled   __attribute__((weak));
extern ngx_atomic_t  *ngx_stat_requests  __attribute__((weak));
extern ngx_atomic_t  *ngx_stat_active    __attribute__((weak));
extern ngx_atomic_t  *ngx_stat_reading   __attribute__((weak));
extern ngx_atomic_t  *ngx_stat_writing   __attribute__((weak));
extern ngx_atomic_t  *ngx_stat_waiting   __attribute__((weak));


static ngx_int_t ngx_pharos_early_init_process(ngx_cycle_t *cycle);
static ngx_uint_t ngx_pharos_early_connections(ngx_cycle_t *cycle);
static ngx_uint_t ngx_pharos_early_present(ngx_cycle_t *cycle);


ngx_atomic_t  *ngx_http_pharos_stat_accepted;
ngx_atomic_t  *ngx_http_pharos_stat_handled;
ngx_atomic_t  *ngx_http_pharos_stat_requests;
ngx_atomic_t  *ngx_http_pharos_stat_active;
ngx_atomic_t  *ngx_http_pharos_stat_reading;
ngx_atomic_t  *ngx_http_pharos_stat_writing;
ngx_atomic_t  *ngx_http_pharos_stat_waiting;

/* the public counter, where the helper finds it, and its own dummy */
static struct {
    ngx_atomic_t  **counter;
    ngx_atomic_t  **saved;
    ngx_atomic_t    dummy;
} ngx_pharos_early_stats[] = {
    { &ngx_stat_accepted, &ngx_http_pharos_stat_accepted, 0 },
    { &ngx_stat_handled, &ngx_http_pharos_stat_handled, 0 },
    { &ngx_stat_requests, &ngx_http_pharos_stat_requests, 0 },
    { &ngx_stat_active, &ngx_http_pharos_stat_active, 0 },
    { &ngx_stat_reading, &ngx_http_pharos_stat_reading, 0 },
    { &ngx_stat_writing, &ngx_http_pharos_stat_writing, 0 },
    { &ngx_stat_waiting, &ngx_http_pharos_stat_waiting, 0 },
};


static ngx_core_module_t  ngx_pharos_early_module_ctx = {
    ngx_string("pharos_early"),
    NULL,
    NULL
};


ngx_module_t  ngx_pharos_early_module = {
    NGX_MODULE_V1,
    &ngx_pharos_early_module_ctx,          /* module context */
    NULL,                                  /* module directives */
    NGX_CORE_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_pharos_early_init_process,         /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_pharos_early_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t     i;
    struct rlimit  rlmt;

    for (i = 0; i < phr_nelems(ngx_pharos_early_stats); i++) {

        if (ngx_pharos_early_stats[i].counter == NULL) {
            continue;
        }

        *ngx_pharos_early_stats[i].saved = *ngx_pharos_early_stats[i].counter;

        if (ngx_process == NGX_PROCESS_HELPER
            && ngx_pharos_early_present(cycle))
        {
            *ngx_pharos_early_stats[i].counter =
                                            &ngx_pharos_early_stats[i].dummy;
        }
    }

    if (ngx_process != NGX_PROCESS_HELPER
        || !ngx_pharos_early_present(cycle))
    {
        return NGX_OK;
    }

    /* scraping takes descriptors, too: as many as we may have */

    if (getrlimit(RLIMIT_NOFILE, &rlmt) == -1) {
        return NGX_OK;
    }

    if (rlmt.rlim_cur < rlmt.rlim_max) {
        rlmt.rlim_cur = rlmt.rlim_max;

        if (setrlimit(RLIMIT_NOFILE, &rlmt) == -1) {
            ngx_log_error(NGX_LOG_WARN, cycle->log, ngx_errno,
                          "setrlimit(RLIMIT_NOFILE) failed");
            (void) getrlimit(RLIMIT_NOFILE, &rlmt);
        }
    }

    cycle->connection_n = ngx_min(ngx_pharos_early_connections(cycle),
                                  rlmt.rlim_cur / 2);

    return NGX_OK;
}


/*
 * A request that is relayed takes two connections of its worker and one of
 * the helper, which takes no more when a quarter is left.  Each is half a
 * kilobyte, used or not.
 */

static ngx_uint_t
ngx_pharos_early_connections(ngx_cycle_t *cycle)
{
    ngx_uint_t         n;
    ngx_core_conf_t   *ccf;
    ngx_event_conf_t  *ecf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);
    ecf = ngx_event_get_conf(cycle->conf_ctx, ngx_event_core_module);

    n = ngx_min(ecf->connections, NGX_PHAROS_CONNECTIONS) / 2
        + NGX_HTTP_PHAROS_KEEPALIVE;
    n *= (ngx_uint_t) ngx_max(ccf->worker_processes, 1);

    return ngx_min(n + n / 3 + NGX_PHAROS_OTHERS, NGX_PHAROS_CONNECTIONS);
}


/* the helper process is ours only if there is a store */

static ngx_uint_t
ngx_pharos_early_present(ngx_cycle_t *cycle)
{
    ngx_http_pharos_main_conf_t  *pmcf;

    pmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_pharos_module);

    return pmcf != NULL && pmcf->path != NULL;
}
