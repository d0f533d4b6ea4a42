/*
 * Copyright (C) The Pharos Authors
 *
 * Zone: the life of the helper in shared memory.  The beat tells workers
 * that somebody will answer; the history of starts slows a helper down that
 * dies again and again, which the core would respawn hundreds of times a
 * second; and a request that killed a helper is kept from the next.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx/ngx_http_pharos.h"


/* a helper that lived so long did not die of its start */
#define NGX_HTTP_PHAROS_QUICK_MS    5000

/* that many quick deaths are forgiven, then waits double up to the last */
#define NGX_HTTP_PHAROS_FREE        3
#define NGX_HTTP_PHAROS_WAIT_MS     50
#define NGX_HTTP_PHAROS_MAX_SHIFT   5

#define NGX_HTTP_PHAROS_ACCUSED_MS  (10 * 60 * 1000)


ngx_int_t
ngx_http_pharos_zone_init(ngx_shm_zone_t *zone, void *data)
{
    size_t                     len;
    ngx_slab_pool_t           *shpool;
    ngx_http_pharos_shared_t  *sh;

    if (data) {
        /* inherited from the old cycle */
        zone->data = data;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        zone->data = shpool->data;
        return NGX_OK;
    }

    sh = ngx_slab_calloc(shpool, sizeof(ngx_http_pharos_shared_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    /* a start takes a moment: requests may wait for it */
    sh->beat_ms = ngx_http_pharos_zone_clock_ms();

    shpool->data = sh;
    zone->data = sh;

    len = sizeof(" in pharos zone \"\"") + zone->shm.name.len;

    shpool->log_ctx = ngx_slab_alloc(shpool, len);
    if (shpool->log_ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(shpool->log_ctx, " in pharos zone \"%V\"%Z",
                &zone->shm.name);

    return NGX_OK;
}


int64_t
ngx_http_pharos_zone_clock_ms(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


int64_t
ngx_http_pharos_now_ms(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


void
ngx_http_pharos_zone_beat(ngx_http_pharos_shared_t *sh)
{
    sh->beat_ms = ngx_http_pharos_zone_clock_ms();
}


void
ngx_http_pharos_zone_silence(ngx_http_pharos_shared_t *sh)
{
    sh->beat_ms = -NGX_HTTP_PHAROS_STALE_MS - 1;
}


ngx_uint_t
ngx_http_pharos_zone_stale(ngx_http_pharos_shared_t *sh)
{
    return ngx_http_pharos_zone_clock_ms() - sh->beat_ms
           > NGX_HTTP_PHAROS_STALE_MS;
}


ngx_msec_t
ngx_http_pharos_zone_start(ngx_http_pharos_shared_t *sh)
{
    int64_t     now_ms;
    ngx_pid_t   owner;
    ngx_uint_t  died;

    now_ms = ngx_http_pharos_zone_clock_ms();
    owner = sh->owner;

    /*
     * At a reload the old helper is still alive, and one that left in order
     * has crossed itself out: neither is a death.
     */

    died = owner && kill(owner, 0) == -1 && ngx_errno == NGX_ESRCH;

    if (died) {
        sh->ncrashes++;
    }

    /* in whatever way it ended: the deaths before it are over */

    if (now_ms - sh->start_ms >= NGX_HTTP_PHAROS_QUICK_MS) {
        sh->nquick = 0;

    } else if (died) {
        sh->nquick++;
    }

    sh->owner = ngx_pid;
    sh->start_ms = now_ms;
    sh->nstarts++;

    if (!died || sh->nquick <= NGX_HTTP_PHAROS_FREE) {
        return 0;
    }

    return (ngx_msec_t) NGX_HTTP_PHAROS_WAIT_MS
           << ngx_min(sh->nquick - NGX_HTTP_PHAROS_FREE - 1,
                      NGX_HTTP_PHAROS_MAX_SHIFT);
}


void
ngx_http_pharos_zone_accuse(ngx_http_pharos_shared_t *sh, uint64_t hash)
{
    int64_t                     now_ms;
    ngx_uint_t                  i;
    ngx_http_pharos_suspect_t  *s, *oldest;

    now_ms = ngx_http_pharos_zone_clock_ms();
    oldest = &sh->suspects[0];

    for (i = 0; i < NGX_HTTP_PHAROS_MAX_SUSPECTS; i++) {
        s = &sh->suspects[i];

        if (s->hash == hash) {
            oldest = s;
            break;
        }

        if (s->until_ms < oldest->until_ms) {
            oldest = s;
        }
    }

    oldest->hash = hash;
    oldest->until_ms = now_ms + NGX_HTTP_PHAROS_ACCUSED_MS;
}


ngx_uint_t
ngx_http_pharos_zone_accused(ngx_http_pharos_shared_t *sh, uint64_t hash)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_PHAROS_MAX_SUSPECTS; i++) {
        if (sh->suspects[i].hash == hash && sh->suspects[i].until_ms) {
            return sh->suspects[i].until_ms > ngx_http_pharos_zone_clock_ms();
        }
    }

    return 0;
}
