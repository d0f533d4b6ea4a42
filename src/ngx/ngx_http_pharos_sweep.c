/*
 * Copyright (C) The Pharos Authors
 *
 * Sweep: a process that takes over does not know which targets the one
 * before it scraped, nor which rules it evaluated, but the store does.  When
 * the targets of all jobs are known, one writer task ends the series of what
 * is gone; not at once, for a target at another place or a rule of another
 * expression may go on with them.  A target that only comes later, by a
 * file, begins anew.
 *
 * It comes again if a target of this process went, and a full disk or queue
 * had its series go on.
 */

#include "ngx/ngx_http_pharos_scrape.h"

#include "core/map.h"


/* less than queries look back */
#define NGX_HTTP_PHAROS_SWEEP_MAX_MS  (4 * 60 * 1000)


static ngx_uint_t ngx_http_pharos_sweep_due(int64_t *interval_ms);
static void ngx_http_pharos_sweep_timer(ngx_event_t *ev);
static int ngx_http_pharos_sweep_names(void);
static int ngx_http_pharos_sweep_targets(phr_arena_t *arena);
static int ngx_http_pharos_sweep_rules(void);
static void ngx_http_pharos_sweep_run(ngx_http_pharos_task_t *task);
static int ngx_http_pharos_sweep_known(void *data, phr_str_t name);
static void ngx_http_pharos_sweep_done(ngx_http_pharos_task_t *task);


static ngx_http_pharos_scrapes_t  *const scrapes = &ngx_http_pharos_scrapes;

/* of the task while it runs: the names of the present targets, else NULL */
static ngx_http_pharos_task_t   sweep_task;
static phr_map_t               *sweep_names;
static int64_t                  sweep_gone_ms;
static int                      sweep_rc;
static ngx_event_t              sweep_event;


void
ngx_http_pharos_sweep(void)
{
    int64_t  interval_ms;

    if (scrapes->swept || scrapes->stopped || sweep_event.timer_set
        || sweep_names
        || !ngx_http_pharos_sweep_due(&interval_ms))
    {
        return;
    }

    sweep_event.handler = ngx_http_pharos_sweep_timer;
    sweep_event.log = scrapes->log;
    sweep_event.cancelable = 1;

    ngx_add_timer(&sweep_event, (ngx_msec_t)
                  phr_min(2 * interval_ms, NGX_HTTP_PHAROS_SWEEP_MAX_MS));
}


void
ngx_http_pharos_sweep_again(int64_t t_ms)
{
    scrapes->gone_ms = phr_max(scrapes->gone_ms, t_ms);
    scrapes->swept = 0;

    ngx_http_pharos_sweep();
}


void
ngx_http_pharos_sweep_free(void)
{
    phr_map_destroy(sweep_names);
    sweep_names = NULL;
}


/* whether all is known, and the largest interval */

static ngx_uint_t
ngx_http_pharos_sweep_due(int64_t *interval_ms)
{
    size_t                  i;
    ngx_queue_t            *q;
    phr_rule_groups_t      *groups;
    ngx_http_pharos_job_t  *p;

    *interval_ms = 0;

    for (q = ngx_queue_head(&scrapes->jobs);
         q != ngx_queue_sentinel(&scrapes->jobs);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_pharos_job_t, queue);

        if (!p->known) {
            return 0;
        }

        *interval_ms = phr_max(*interval_ms, p->conf->scrape_interval_ms);
    }

    groups = ngx_http_pharos_rules_groups();

    for (i = 0; groups && i < phr_rule_groups_count(groups); i++) {
        *interval_ms = phr_max(*interval_ms,
                               phr_rule_groups_at(groups, i)->interval_ms);
    }

    return 1;
}


static void
ngx_http_pharos_sweep_timer(ngx_event_t *ev)
{
    int64_t  interval_ms;

    /* a job that came meanwhile begins the wait anew */

    if (scrapes->stopped || !ngx_http_pharos_sweep_due(&interval_ms)) {
        return;
    }

    ngx_memzero(&sweep_task, sizeof(ngx_http_pharos_task_t));

    sweep_gone_ms = scrapes->gone_ms;
    sweep_task.run = ngx_http_pharos_sweep_run;
    sweep_task.done = ngx_http_pharos_sweep_done;

    if (ngx_http_pharos_sweep_names() != PHR_OK
        || ngx_http_pharos_task_post(NGX_HTTP_PHAROS_POOL_WRITE, &sweep_task)
           != NGX_OK)
    {
        ngx_http_pharos_sweep_free();
        ngx_http_pharos_sweep();
        return;
    }

    scrapes->swept = 1;
}


static int
ngx_http_pharos_sweep_names(void)
{
    int           rc;
    phr_arena_t  *arena;

    sweep_names = phr_map_create();
    arena = phr_arena_create(0);

    rc = sweep_names == NULL || arena == NULL ? PHR_ENOMEM : PHR_OK;

    if (rc == PHR_OK) {
        rc = ngx_http_pharos_sweep_targets(arena);
    }

    if (rc == PHR_OK) {
        rc = ngx_http_pharos_sweep_rules();
    }

    phr_arena_destroy(arena);

    return rc;
}


static int
ngx_http_pharos_sweep_targets(phr_arena_t *arena)
{
    int                        rc;
    phr_str_t                  name;
    ngx_queue_t               *q, *r;
    ngx_http_pharos_job_t     *p;
    ngx_http_pharos_target_t  *t;

    rc = PHR_OK;

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

            rc = phr_scrape_source_name(arena, t->target->pool,
                                        t->target->key, &name);

            if (rc == PHR_OK) {
                rc = phr_map_set(sweep_names, name, t);
            }
        }
    }

    return rc;
}


static int
ngx_http_pharos_sweep_rules(void)
{
    int                 rc;
    size_t              i, k;
    phr_rule_group_t   *g;
    phr_rule_groups_t  *groups;

    rc = PHR_OK;
    groups = ngx_http_pharos_rules_groups();

    for (i = 0; groups && i < phr_rule_groups_count(groups); i++) {
        g = phr_rule_groups_at(groups, i);

        for (k = 0; rc == PHR_OK && k < g->nrules; k++) {
            rc = phr_map_set(sweep_names, g->rules[k].source, g);
        }
    }

    return rc;
}


/* in the writer thread */

static void
ngx_http_pharos_sweep_run(ngx_http_pharos_task_t *task)
{
    uint64_t   ntargets, nseries;
    phr_err_t  err;

    phr_err_init(&err);

    sweep_rc = phr_scrape_end_others(phr_store_appender(scrapes->api->store),
                                     sweep_gone_ms,
                                     ngx_http_pharos_sweep_known, sweep_names,
                                     &ntargets, &nseries, &err);

    /* that the disk is full was said by the store */

    if (sweep_rc == PHR_ENOSPC) {
        return;
    }

    if (sweep_rc != PHR_OK) {
        ngx_http_pharos_log_err(NGX_LOG_ERR, scrapes->log, &err,
                                "ending series of what is gone");
        return;
    }

    if (ntargets != 0) {
        ngx_log_error(NGX_LOG_NOTICE, scrapes->log, 0,
                      "%uL targets and rules are gone, %uL series ended",
                      ntargets, nseries);
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
    ngx_http_pharos_sweep_free();

    if (task->rc < 0 || sweep_rc == PHR_ENOSPC) {
        scrapes->swept = 0;
    }

    ngx_http_pharos_sweep();
}
