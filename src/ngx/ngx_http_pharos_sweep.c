/*
 * Copyright (C) The Pharos Authors
 *
 * Sweep: a process that takes over does not know which targets the one
 * before it scraped, but the store does.  When the targets of all jobs are
 * known, one writer task ends the series of those that are gone.  A target
 * that only comes later, by a file, begins anew.
 */

#include "ngx/ngx_http_pharos_scrape.h"

#include "core/map.h"


static ngx_uint_t ngx_http_pharos_sweep_due(void);
static int ngx_http_pharos_sweep_names(void);
static void ngx_http_pharos_sweep_run(ngx_http_pharos_task_t *task);
static int ngx_http_pharos_sweep_known(void *data, phr_str_t name);
static void ngx_http_pharos_sweep_done(ngx_http_pharos_task_t *task);


static ngx_http_pharos_scrapes_t  *const scrapes = &ngx_http_pharos_scrapes;

/* of the task while it runs: the names of the present targets */
static ngx_http_pharos_task_t   sweep_task;
static phr_map_t               *sweep_names;


void
ngx_http_pharos_sweep(void)
{
    if (scrapes->swept || scrapes->stopped || !ngx_http_pharos_sweep_due()) {
        return;
    }

    ngx_memzero(&sweep_task, sizeof(ngx_http_pharos_task_t));

    sweep_task.run = ngx_http_pharos_sweep_run;
    sweep_task.done = ngx_http_pharos_sweep_done;

    if (ngx_http_pharos_sweep_names() != PHR_OK
        || ngx_http_pharos_task_post(NGX_HTTP_PHAROS_POOL_WRITE, &sweep_task)
           != NGX_OK)
    {
        /* the next change of settings or targets tries again */
        phr_map_destroy(sweep_names);
        return;
    }

    scrapes->swept = 1;
}


static ngx_uint_t
ngx_http_pharos_sweep_due(void)
{
    ngx_queue_t            *q;
    ngx_http_pharos_job_t  *p;

    for (q = ngx_queue_head(&scrapes->jobs);
         q != ngx_queue_sentinel(&scrapes->jobs);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_pharos_job_t, queue);

        if (!p->known) {
            return 0;
        }
    }

    return 1;
}


static int
ngx_http_pharos_sweep_names(void)
{
    int                        rc;
    phr_str_t                  name;
    ngx_queue_t               *q, *r;
    phr_arena_t               *arena;
    ngx_http_pharos_job_t     *p;
    ngx_http_pharos_target_t  *t;

    sweep_names = phr_map_create();
    arena = phr_arena_create(0);

    rc = sweep_names == NULL || arena == NULL ? PHR_ENOMEM : PHR_OK;

    for (q = ngx_queue_head(&scrapes->jobs);
         q != ngx_queue_sentinel(&scrapes->jobs);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_pharos_job_t, queue);

        for (r = ngx_queue_head(&p->targets);
             rc == PHR_OK && r != ngx_queue_sentinel(&p->targets);
             r = ngx_queue_next(r))
        {
            t = ngx_queue_data(r, ngx_http_pharos_target_t, queue);

            phr_arena_reset(arena);

            rc = phr_scrape_source_name(arena, t->target->pool, t->target->key,
                                 &name);

            if (rc == PHR_OK) {
                rc = phr_map_set(sweep_names, name, t);
            }
        }
    }

    phr_arena_destroy(arena);

    return rc;
}


/* in the writer thread */

static void
ngx_http_pharos_sweep_run(ngx_http_pharos_task_t *task)
{
    uint64_t   ntargets, nseries;
    phr_err_t  err;

    phr_err_init(&err);

    if (phr_scrape_end_others(phr_store_appender(scrapes->api->store),
                              scrapes->api->start_ms,
                              ngx_http_pharos_sweep_known, sweep_names,
                              &ntargets, &nseries, &err)
        != PHR_OK)
    {
        ngx_http_pharos_log_err(NGX_LOG_ERR, scrapes->log, &err,
                                "ending the series of former targets");
        return;
    }

    if (ntargets != 0) {
        ngx_log_error(NGX_LOG_NOTICE, scrapes->log, 0,
                      "%uL targets are gone, %uL series ended", ntargets,
                      nseries);
    }
}


static int
ngx_http_pharos_sweep_known(void *data, phr_str_t name)
{
    return phr_map_get(data, name) != NULL;
}


static void
ngx_http_pharos_sweep_done(ngx_http_pharos_task_t *task)
{
    phr_map_destroy(sweep_names);

    if (task->rc < 0) {
        scrapes->swept = 0;
    }
}
