/*
 * Copyright (C) The Pharos Authors
 *
 * Check: how much of a store is looked at before it is opened.  Of a large
 * one only the pages that lead to others: what is in them makes LMDB go
 * astray.  The rest is read by a thread afterwards, at the lowest priority,
 * and what it finds is for the writer to act upon.  If the helper dies before
 * that is done, the next one looks at all pages first.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <sys/resource.h>
#include <sys/syscall.h>

#include "ngx/ngx_http_pharos_check.h"
#include "ngx/ngx_http_pharos_parts.h"
#include "ngx/ngx_http_pharos_thread.h"
#include "store/aside.h"


/* up to this size all is read before it is opened, values and all */
#define NGX_HTTP_PHAROS_CHECK_BYTES   (64 * 1024 * 1024)

/* of those that died soon after their start: then this is read for each */
#define NGX_HTTP_PHAROS_CHECK_DEATHS  3

/* linux/ioprio.h is not everywhere: only when nobody else wants the disk */
#define NGX_HTTP_PHAROS_CHECK_IOPRIO  (3 << 13)
#define NGX_HTTP_PHAROS_CHECK_NICE    19


typedef struct {
    pthread_t                  tid;
    phr_store_t               *store;
    ngx_http_pharos_shared_t  *sh;
    phr_err_t                  err;
    int                        rc;
    volatile int               stop;
    volatile uint64_t          npages;
    volatile ngx_uint_t        ended;   /* rc and err are set */
    int64_t                    start_ms;
    volatile int64_t           end_ms;
    unsigned                   wanted:1;
    unsigned                   started:1;
    unsigned                   told:1;
} ngx_http_pharos_check_t;


static void *ngx_http_pharos_check_run(void *data);


static ngx_http_pharos_check_t  check;


int
ngx_http_pharos_check_before(const char *path, ngx_http_pharos_shared_t *sh,
    phr_err_t *err)
{
    int  rc, whole;

    ngx_memzero(&check, sizeof(ngx_http_pharos_check_t));

    /* those that died quickly died of something: look at everything */

    if (sh->nquick >= NGX_HTTP_PHAROS_CHECK_DEATHS) {
        return phr_aside_check(path, UINT64_MAX, err);
    }

    if (sh->unchecked != 0 && sh->ncrashes >= sh->unchecked) {
        return phr_aside_check(path, NGX_HTTP_PHAROS_CHECK_BYTES, err);
    }

    rc = phr_aside_check_quick(path, NGX_HTTP_PHAROS_CHECK_BYTES, &whole,
                               err);
    check.wanted = rc == PHR_OK && !whole;

    /* the next crash is one before the rest was looked at */

    sh->unchecked = check.wanted ? sh->ncrashes + 1 : 0;

    return rc;
}


ngx_int_t
ngx_http_pharos_check_start(phr_store_t *store, ngx_http_pharos_shared_t *sh,
    ngx_log_t *log)
{
    if (!check.wanted) {
        sh->unchecked = 0;
        return NGX_OK;
    }

    check.store = store;
    check.sh = sh;
    check.start_ms = ngx_http_pharos_zone_clock_ms();
    phr_err_init(&check.err);

    if (ngx_http_pharos_thread(&check.tid, ngx_http_pharos_check_run, &check,
                               log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    check.started = 1;

    return NGX_OK;
}


static void *
ngx_http_pharos_check_run(void *data)
{
    /* of this thread alone, as Linux has it; it works without, too */

    (void) setpriority(PRIO_PROCESS, (id_t) syscall(SYS_gettid),
                       NGX_HTTP_PHAROS_CHECK_NICE);
    (void) syscall(SYS_ioprio_set, 1, 0, NGX_HTTP_PHAROS_CHECK_IOPRIO);

    check.rc = phr_store_check(check.store, &check.stop, &check.npages,
                               &check.err);
    check.end_ms = ngx_http_pharos_zone_clock_ms();

    ngx_memory_barrier();
    check.ended = 1;

    return NULL;
}


int
ngx_http_pharos_check_poll(const phr_err_t **err)
{
    if (!check.started || check.told || !check.ended) {
        return PHR_AGAIN;
    }

    ngx_memory_barrier();

    check.told = 1;
    *err = &check.err;

    if (check.rc == PHR_OK) {
        check.sh->unchecked = 0;
    }

    return check.rc;
}


ngx_uint_t
ngx_http_pharos_check_pending(void)
{
    return check.started && !check.told;
}


void
ngx_http_pharos_check_stop(void)
{
    if (!check.started) {
        return;
    }

    phr_shared_set(&check.stop, 1);
    (void) pthread_join(check.tid, NULL);
    check.started = 0;
}


void
ngx_http_pharos_check_state(ngx_http_pharos_check_state_t *state)
{
    state->running = check.started && !check.ended;
    state->npages = check.npages;
    state->run_ms = check.start_ms == 0 ? 0
                    : (check.ended ? check.end_ms
                                   : ngx_http_pharos_zone_clock_ms())
                      - check.start_ms;
}
