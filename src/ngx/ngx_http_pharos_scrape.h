/*
 * Copyright (C) The Pharos Authors
 *
 * Scrape: jobs with their targets (scrape.c), the life of one target
 * (target.c), and what earlier processes left (sweep.c).  Lists, and what is
 * known of a target, change on the loop under the mutex, because the API
 * reads them in other threads.
 */

#ifndef NGX_HTTP_PHAROS_SCRAPE_H_INCLUDED
#define NGX_HTTP_PHAROS_SCRAPE_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <pthread.h>

#include "ingest/append.h"
#include "ngx/ngx_http_pharos_client.h"
#include "ngx/ngx_http_pharos_discover.h"


typedef struct ngx_http_pharos_job_s    ngx_http_pharos_job_t;
typedef struct ngx_http_pharos_target_s  ngx_http_pharos_target_t;

/* a job: targets of one scrape configuration */
struct ngx_http_pharos_job_s {
    ngx_queue_t                    queue;
    ngx_http_pharos_settings_t    *settings;
    const phr_scrape_conf_t       *conf;
    ngx_http_pharos_discover_t    *discover;
    ngx_queue_t                    targets;
    ngx_rbtree_t                   keys;     /* the same; of the loop alone */
    ngx_rbtree_node_t              sentinel;
    phr_array_t                    dropped;  /* phr_target_t *, those kept */
    size_t                         ndropped; /* of all */
    unsigned                       over:1;   /* more than target_limit */
    unsigned                       found:1;  /* of the settings applied now */
    unsigned                       known:1;  /* its targets are */
};

struct ngx_http_pharos_target_s {
    ngx_queue_t                    queue;
    ngx_rbtree_node_t              node;     /* its key is the target's */
    ngx_http_pharos_job_t         *job;      /* NULL: it is leaving */
    ngx_event_t                    timer;
    phr_target_t                  *target;
    ngx_http_pharos_settings_t    *settings; /* that target->conf is of */
    unsigned                       over:1;
    unsigned                       limited:1;   /* series are refused */

    /* to take the place of target when it is not busy */
    phr_target_t                  *next;
    ngx_http_pharos_settings_t    *next_settings;

    ngx_http_pharos_client_t    *out;
    ngx_http_pharos_task_t         task;
    int64_t                        t_ms;
    double                         duration_s;
    phr_err_t                      err;      /* of the request, or body */
    phr_scrape_report_t            report;

    /* what a change left behind, freed after the writer's next task */
    phr_target_t                  *old;
    ngx_http_pharos_settings_t    *old_settings;

    /*
     * Of the task while it runs.  No bits: those of the loop below would be
     * in the same word, and one thread would undo what the other does.
     */
    phr_scrape_t                  *scrape;
    ngx_uint_t                     configure;
    ngx_uint_t                     forget;
    ngx_uint_t                     end;      /* the task ends the target */

    unsigned                       busy:1;
    unsigned                       gone:1;
    unsigned                       found:1;
};


/* what all jobs share; stopped: nothing begins any more */
typedef struct {
    ngx_queue_t                    jobs;
    ngx_queue_t                    leaving;  /* targets without a job */
    pthread_mutex_t                mutex;
    phr_api_t                     *api;
    ngx_log_t                     *log;
    ngx_uint_t                     started;  /* under the mutex */

    /* of the loop */
    unsigned                       stopped:1;
    unsigned                       swept:1;  /* see _sweep() */
    int64_t                        gone_ms;  /* what is no target ended */
} ngx_http_pharos_scrapes_t;

extern ngx_http_pharos_scrapes_t  ngx_http_pharos_scrapes;


/* ngx_http_pharos_target.c; loop */

/* takes the target; it is scraped from now on */
void ngx_http_pharos_target_add(ngx_http_pharos_job_t *p,
    phr_target_t *target);

/* the same target of newer settings, which takes the place of the old one */
void ngx_http_pharos_target_replace(ngx_http_pharos_job_t *p,
    ngx_http_pharos_target_t *t, phr_target_t *target);

/* its series end, and it goes as soon as it is not busy */
void ngx_http_pharos_target_remove(ngx_http_pharos_target_t *t);

/*
 * Once all targets are known: ends the series of those that an earlier
 * process scraped, and which are none any more.
 */
void ngx_http_pharos_sweep(void);

/* the same of one that went at t_ms, when that could not be written */
void ngx_http_pharos_sweep_again(int64_t t_ms);

/* at the end of the process, when the threads have ended */
void ngx_http_pharos_sweep_free(void);

/* at the end of the process, when the threads have ended */
void ngx_http_pharos_target_free(ngx_http_pharos_target_t *t);


#endif /* NGX_HTTP_PHAROS_SCRAPE_H_INCLUDED */
