/*
 * Copyright (C) The Pharos Authors
 *
 * Scrape: a timer for each target, an outbound request when it is due, and a
 * writer task with what came back.  A target is busy from the request to
 * the end of its task; what changes meanwhile (a reload, its removal) is
 * applied when it is not.
 *
 * The lists of targets and what is known of each are changed on the loop,
 * under the mutex, because the API reads them in other threads.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <pthread.h>

#include "ingest/append.h"
#include "ngx/ngx_http_pharos_discover.h"
#include "ngx/ngx_http_pharos_client.h"


/* what we take, most wanted first; nothing is said of what we do not read */
#define NGX_HTTP_PHAROS_SCRAPE_ACCEPT                                         \
    "application/openmetrics-text;version=1.0.0;q=0.6,"                       \
    "application/openmetrics-text;version=0.0.1;q=0.5,"                       \
    "text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,"          \
    "*/*;q=0.1"

/* bodies larger than this are refused where the settings name no limit */
#define NGX_HTTP_PHAROS_SCRAPE_BODY  (64 * 1024 * 1024)


typedef struct ngx_http_pharos_pool_s    ngx_http_pharos_pool_t;
typedef struct ngx_http_pharos_target_s  ngx_http_pharos_target_t;

/* a job: targets of one scrape configuration */
struct ngx_http_pharos_pool_s {
    ngx_queue_t                    queue;
    ngx_http_pharos_settings_t    *settings;
    const phr_scrape_conf_t       *conf;
    ngx_http_pharos_discover_t    *discover;
    ngx_queue_t                    targets;
    phr_array_t                    dropped;  /* phr_target_t * */
    unsigned                       over:1;   /* more than target_limit */
    unsigned                       found:1;  /* of the settings applied now */
};

struct ngx_http_pharos_target_s {
    ngx_queue_t                    queue;
    ngx_event_t                    timer;
    phr_target_t                  *target;
    ngx_http_pharos_settings_t    *settings; /* that target->conf is of */
    unsigned                       over:1;

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

    phr_scrape_t                  *scrape;   /* the writer's */
    unsigned                       configure:1;
    unsigned                       forget:1;
    unsigned                       end:1;    /* the task ends the target */

    unsigned                       busy:1;
    unsigned                       gone:1;
    unsigned                       found:1;
};


static ngx_http_pharos_pool_t *ngx_http_pharos_scrape_pool(
    ngx_http_pharos_settings_t *s, const phr_scrape_conf_t *conf);
static void ngx_http_pharos_scrape_pool_end(ngx_http_pharos_pool_t *p);
static void ngx_http_pharos_scrape_applied(void *data,
    phr_array_t *targets);
static ngx_http_pharos_target_t *ngx_http_pharos_scrape_find(
    ngx_http_pharos_pool_t *p, uint64_t key);
static void ngx_http_pharos_scrape_add(ngx_http_pharos_pool_t *p,
    phr_target_t *target);
static void ngx_http_pharos_scrape_replace(ngx_http_pharos_pool_t *p,
    ngx_http_pharos_target_t *t, phr_target_t *target);
static void ngx_http_pharos_scrape_swap(ngx_http_pharos_target_t *t);
static void ngx_http_pharos_scrape_remove(ngx_http_pharos_target_t *t);
static void ngx_http_pharos_scrape_arm(ngx_http_pharos_target_t *t);
static void ngx_http_pharos_scrape_timer(ngx_event_t *ev);
static void ngx_http_pharos_scrape_answer(ngx_http_pharos_client_t *out);
static void ngx_http_pharos_scrape_judge(ngx_http_pharos_target_t *t,
    ngx_http_pharos_client_t *out);
static void ngx_http_pharos_scrape_post(ngx_http_pharos_target_t *t);
static void ngx_http_pharos_scrape_run(ngx_http_pharos_task_t *task);
static int ngx_http_pharos_scrape_prepare(ngx_http_pharos_target_t *t,
    phr_err_t *err);
static void ngx_http_pharos_scrape_done(ngx_http_pharos_task_t *task);
static void ngx_http_pharos_scrape_report(ngx_http_pharos_target_t *t);
static void ngx_http_pharos_scrape_settle(ngx_http_pharos_target_t *t);
static void ngx_http_pharos_scrape_target_free(ngx_http_pharos_target_t *t);
static int64_t ngx_http_pharos_scrape_now_ms(void);


static ngx_queue_t       pools;      /* of ngx_http_pharos_pool_t */
static ngx_queue_t       leaving;    /* targets without a pool, still busy */
static pthread_mutex_t   scrape_mutex = PTHREAD_MUTEX_INITIALIZER;
static phr_api_t        *scrape_api;
static ngx_log_t        *scrape_log;
static ngx_uint_t        scrape_started;
static ngx_uint_t        scrape_stopped;


ngx_int_t
ngx_http_pharos_scrape_apply(ngx_http_pharos_settings_t *s, phr_api_t *api,
    ngx_log_t *log)
{
    size_t                   i;
    ngx_queue_t             *q, *next;
    ngx_http_pharos_pool_t  *p;

    if (!scrape_started) {
        ngx_queue_init(&pools);
        ngx_queue_init(&leaving);
        scrape_started = 1;
        scrape_stopped = 0;
    }

    scrape_api = api;
    scrape_log = log;

    for (q = ngx_queue_head(&pools); q != ngx_queue_sentinel(&pools);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_pharos_pool_t, queue);
        p->found = 0;
    }

    for (i = 0; i < s->prometheus->nscrapes; i++) {

        p = ngx_http_pharos_scrape_pool(s, s->prometheus->scrapes[i]);
        if (p == NULL) {
            return NGX_ERROR;
        }

        p->found = 1;

        if (p->discover) {
            ngx_http_pharos_discover_destroy(p->discover);
        }

        p->discover = ngx_http_pharos_discover_create(s, p->conf,
                                       ngx_http_pharos_scrape_applied, p,
                                       log);
        if (p->discover == NULL) {
            return NGX_ERROR;
        }
    }

    for (q = ngx_queue_head(&pools); q != ngx_queue_sentinel(&pools);
         q = next)
    {
        next = ngx_queue_next(q);
        p = ngx_queue_data(q, ngx_http_pharos_pool_t, queue);

        if (!p->found) {
            ngx_http_pharos_scrape_pool_end(p);
        }
    }

    return NGX_OK;
}


/* the pool of that job, which from now on is of the new settings */

static ngx_http_pharos_pool_t *
ngx_http_pharos_scrape_pool(ngx_http_pharos_settings_t *s,
    const phr_scrape_conf_t *conf)
{
    ngx_queue_t             *q;
    ngx_http_pharos_pool_t  *p;

    for (q = ngx_queue_head(&pools); q != ngx_queue_sentinel(&pools);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_pharos_pool_t, queue);

        if (phr_str_eq(p->conf->job_name, conf->job_name)) {
            ngx_http_pharos_settings_hold(s);
            ngx_http_pharos_settings_drop(p->settings);

            (void) pthread_mutex_lock(&scrape_mutex);
            p->settings = s;
            p->conf = conf;
            (void) pthread_mutex_unlock(&scrape_mutex);

            return p;
        }
    }

    p = ngx_calloc(sizeof(ngx_http_pharos_pool_t), scrape_log);
    if (p == NULL) {
        return NULL;
    }

    p->settings = s;
    p->conf = conf;
    ngx_queue_init(&p->targets);
    phr_array_init(&p->dropped, sizeof(phr_target_t *));

    ngx_http_pharos_settings_hold(s);

    (void) pthread_mutex_lock(&scrape_mutex);
    ngx_queue_insert_tail(&pools, &p->queue);
    (void) pthread_mutex_unlock(&scrape_mutex);

    return p;
}


static void
ngx_http_pharos_scrape_pool_end(ngx_http_pharos_pool_t *p)
{
    phr_array_t                dropped;
    ngx_queue_t               *q;
    ngx_http_pharos_target_t  *t;

    if (p->discover) {
        ngx_http_pharos_discover_destroy(p->discover);
    }

    (void) pthread_mutex_lock(&scrape_mutex);
    ngx_queue_remove(&p->queue);
    dropped = p->dropped;
    (void) pthread_mutex_unlock(&scrape_mutex);

    while (!ngx_queue_empty(&p->targets)) {
        q = ngx_queue_head(&p->targets);
        t = ngx_queue_data(q, ngx_http_pharos_target_t, queue);
        ngx_http_pharos_scrape_remove(t);
    }

    phr_targets_destroy(&dropped);
    ngx_http_pharos_settings_drop(p->settings);
    ngx_free(p);
}


/* the targets of a job, as they are now */

static void
ngx_http_pharos_scrape_applied(void *data, phr_array_t *targets)
{
    size_t                     i, n;
    phr_array_t                dropped;
    ngx_queue_t               *q, *next;
    phr_target_t              *target;
    ngx_http_pharos_pool_t    *p;
    ngx_http_pharos_target_t  *t;

    p = data;

    for (q = ngx_queue_head(&p->targets);
         q != ngx_queue_sentinel(&p->targets);
         q = ngx_queue_next(q))
    {
        t = ngx_queue_data(q, ngx_http_pharos_target_t, queue);
        t->found = 0;
    }

    for (i = 0, n = 0; i < targets->nelts; i++) {
        n += !(*phr_array_get(targets, phr_target_t *, i))->dropped;
    }

    p->over = p->conf->limit.targets != 0 && n > p->conf->limit.targets;

    for (i = 0, n = 0; i < targets->nelts; i++) {

        target = *phr_array_get(targets, phr_target_t *, i);

        if (target->dropped) {
            *phr_array_get(targets, phr_target_t *, n++) = target;
            continue;
        }

        t = ngx_http_pharos_scrape_find(p, target->key);

        if (t == NULL) {
            ngx_http_pharos_scrape_add(p, target);

        } else if (t->found) {
            phr_target_destroy(target);

        } else {
            ngx_http_pharos_scrape_replace(p, t, target);
        }
    }

    targets->nelts = n;

    (void) pthread_mutex_lock(&scrape_mutex);
    dropped = p->dropped;
    p->dropped = *targets;
    (void) pthread_mutex_unlock(&scrape_mutex);

    phr_targets_destroy(&dropped);

    for (q = ngx_queue_head(&p->targets);
         q != ngx_queue_sentinel(&p->targets);
         q = next)
    {
        next = ngx_queue_next(q);
        t = ngx_queue_data(q, ngx_http_pharos_target_t, queue);

        if (!t->found) {
            ngx_http_pharos_scrape_remove(t);
        }
    }
}


static ngx_http_pharos_target_t *
ngx_http_pharos_scrape_find(ngx_http_pharos_pool_t *p, uint64_t key)
{
    ngx_queue_t               *q;
    ngx_http_pharos_target_t  *t;

    for (q = ngx_queue_head(&p->targets);
         q != ngx_queue_sentinel(&p->targets);
         q = ngx_queue_next(q))
    {
        t = ngx_queue_data(q, ngx_http_pharos_target_t, queue);

        if (t->target->key == key) {
            return t;
        }
    }

    return NULL;
}


static void
ngx_http_pharos_scrape_add(ngx_http_pharos_pool_t *p, phr_target_t *target)
{
    ngx_http_pharos_target_t  *t;

    t = ngx_calloc(sizeof(ngx_http_pharos_target_t), scrape_log);
    if (t == NULL) {
        phr_target_destroy(target);
        return;
    }

    t->target = target;
    t->settings = p->settings;
    t->over = p->over;
    t->found = 1;

    t->timer.handler = ngx_http_pharos_scrape_timer;
    t->timer.data = t;
    t->timer.log = scrape_log;
    t->timer.cancelable = 1;

    t->task.run = ngx_http_pharos_scrape_run;
    t->task.done = ngx_http_pharos_scrape_done;
    t->task.data = t;

    ngx_http_pharos_settings_hold(t->settings);

    (void) pthread_mutex_lock(&scrape_mutex);
    ngx_queue_insert_tail(&p->targets, &t->queue);
    (void) pthread_mutex_unlock(&scrape_mutex);

    ngx_http_pharos_scrape_arm(t);
}


static void
ngx_http_pharos_scrape_replace(ngx_http_pharos_pool_t *p,
    ngx_http_pharos_target_t *t, phr_target_t *target)
{
    t->found = 1;
    t->over = p->over;

    if (t->next) {
        phr_target_destroy(t->next);
        ngx_http_pharos_settings_drop(t->next_settings);
    }

    t->next = target;
    t->next_settings = p->settings;

    ngx_http_pharos_settings_hold(p->settings);

    if (!t->busy) {
        ngx_http_pharos_scrape_swap(t);
    }
}


/* the writer still points into the old one until its next task */

static void
ngx_http_pharos_scrape_swap(ngx_http_pharos_target_t *t)
{
    phr_target_t                *unused;
    ngx_http_pharos_settings_t  *settings;

    unused = NULL;
    settings = NULL;

    (void) pthread_mutex_lock(&scrape_mutex);

    phr_target_inherit(t->next, t->target);

    if (t->old == NULL) {
        t->old = t->target;
        t->old_settings = t->settings;

    } else {
        /* changed twice between two scrapes: nobody saw this one */
        unused = t->target;
        settings = t->settings;
    }

    t->target = t->next;
    t->settings = t->next_settings;
    t->next = NULL;
    t->next_settings = NULL;
    t->configure = 1;

    (void) pthread_mutex_unlock(&scrape_mutex);

    if (unused) {
        phr_target_destroy(unused);
        ngx_http_pharos_settings_drop(settings);
    }

    ngx_http_pharos_scrape_arm(t);
}


static void
ngx_http_pharos_scrape_remove(ngx_http_pharos_target_t *t)
{
    (void) pthread_mutex_lock(&scrape_mutex);
    ngx_queue_remove(&t->queue);
    ngx_queue_insert_tail(&leaving, &t->queue);
    (void) pthread_mutex_unlock(&scrape_mutex);

    t->gone = 1;

    if (t->timer.timer_set) {
        ngx_del_timer(&t->timer);
    }

    if (!t->busy) {
        ngx_http_pharos_scrape_settle(t);
    }
}


static void
ngx_http_pharos_scrape_arm(ngx_http_pharos_target_t *t)
{
    int64_t  now_ms, next_ms;

    if (t->timer.timer_set) {
        ngx_del_timer(&t->timer);
    }

    if (scrape_stopped || t->gone) {
        return;
    }

    now_ms = ngx_http_pharos_scrape_now_ms();
    next_ms = phr_target_next(t->target->key, t->target->interval_ms,
                              now_ms);

    ngx_add_timer(&t->timer, (ngx_msec_t) (next_ms - now_ms));
}


static void
ngx_http_pharos_scrape_timer(ngx_event_t *ev)
{
    int64_t                       now_ms;
    const phr_scrape_conf_t      *conf;
    ngx_http_pharos_target_t     *t;
    ngx_http_pharos_client_t   *out;

    t = ev->data;
    conf = t->target->conf;

    ngx_http_pharos_scrape_arm(t);

    if (t->busy) {
        /* the target is slower than its interval, this turn is left out */
        return;
    }

    now_ms = ngx_http_pharos_scrape_now_ms();
    t->t_ms = phr_target_align(t->target->key, t->target->interval_ms,
                               now_ms);
    t->duration_s = 0;
    t->busy = 1;

    phr_err_init(&t->err);

    if (t->over) {
        phr_err_set(&t->err, PHR_ELIMIT, "target_limit exceeded (limit %llu)",
                    (unsigned long long) conf->limit.targets);
        ngx_http_pharos_scrape_post(t);
        return;
    }

    out = ngx_http_pharos_client_create(&conf->http, t->target->url);
    if (out == NULL) {
        phr_err_set(&t->err, PHR_ENOMEM, "out of memory");
        ngx_http_pharos_scrape_post(t);
        return;
    }

    out->timeout_ms = t->target->timeout_ms;
    out->compressed = conf->enable_compression;
    out->limit_bytes = conf->limit.body_size_bytes
                       ? conf->limit.body_size_bytes
                       : NGX_HTTP_PHAROS_SCRAPE_BODY;
    out->data = t;
    out->done = ngx_http_pharos_scrape_answer;

    ngx_http_pharos_client_header(out, "Accept: "
                                  NGX_HTTP_PHAROS_SCRAPE_ACCEPT);
    ngx_http_pharos_client_header(out,
                                  "X-Prometheus-Scrape-Timeout-Seconds: %g",
                                  t->target->timeout_ms / 1000.0);

    t->out = out;

    if (ngx_http_pharos_client_send(out) != NGX_OK) {
        t->err = out->err;

        if (t->err.code == PHR_OK) {
            phr_err_set(&t->err, PHR_EUNAVAIL,
                        "too many requests under way");
        }

        ngx_http_pharos_client_free(out);
        t->out = NULL;
        ngx_http_pharos_scrape_post(t);
    }
}


static void
ngx_http_pharos_scrape_answer(ngx_http_pharos_client_t *out)
{
    ngx_http_pharos_target_t  *t;

    t = out->data;
    t->duration_s = out->out.duration_s;

    ngx_http_pharos_scrape_judge(t, out);
    ngx_http_pharos_scrape_post(t);
}


/* an answer that is not 200 is none */

static void
ngx_http_pharos_scrape_judge(ngx_http_pharos_target_t *t,
    ngx_http_pharos_client_t *out)
{
    if (out->err.code != PHR_OK) {
        t->err = out->err;

    } else if (out->out.status != 200) {
        phr_err_set(&t->err, PHR_ERROR, "server returned HTTP status %d",
                    out->out.status);
    }
}


static void
ngx_http_pharos_scrape_post(ngx_http_pharos_target_t *t)
{
    t->task.durable = 0;

    if (ngx_http_pharos_task_post(NGX_HTTP_PHAROS_POOL_WRITE, &t->task)
        == NGX_OK)
    {
        return;
    }

    /* a full queue, or the end: this scrape is lost */

    t->task.rc = PHR_EUNAVAIL;
    ngx_http_pharos_scrape_done(&t->task);
}


/* in the writer thread */

static void
ngx_http_pharos_scrape_run(ngx_http_pharos_task_t *task)
{
    int                        rc;
    phr_err_t                  err;
    phr_appender_t            *app;
    ngx_http_pharos_target_t  *t;

    t = task->data;
    app = phr_store_appender(scrape_api->store);

    phr_err_init(&err);
    ngx_memzero(&t->report, sizeof(phr_scrape_report_t));

    rc = ngx_http_pharos_scrape_prepare(t, &err);

    if (rc == PHR_OK && t->end) {
        rc = phr_scrape_ended(t->scrape, app, t->t_ms, &err);
        phr_scrape_destroy(t->scrape);
        t->scrape = NULL;

    } else if (rc == PHR_OK && t->err.code == PHR_OK) {
        rc = phr_scrape_body(t->scrape, app, t->t_ms, t->duration_s,
                             phr_buf_view(&t->out->out.answer),
                             phr_str_from_c(t->out->out.type), &t->report,
                             &err);
        if (rc == PHR_OK && !t->report.up) {
            t->err = err;
        }

    } else if (rc == PHR_OK) {
        rc = phr_scrape_failed(t->scrape, app, t->t_ms, t->duration_s,
                               &t->report, &err);
    }

    if (rc != PHR_OK) {
        t->err = err;
    }
}


static int
ngx_http_pharos_scrape_prepare(ngx_http_pharos_target_t *t, phr_err_t *err)
{
    phr_scrape_options_t  options;

    phr_scrape_options(&options, t->target);

    if (t->scrape == NULL) {
        t->configure = 0;
        t->forget = 0;
        return phr_scrape_create(&options, &t->scrape, err);
    }

    if (t->forget) {
        phr_scrape_forget(t->scrape);
        t->forget = 0;
    }

    if (t->configure) {
        t->configure = 0;
        return phr_scrape_configure(t->scrape, &options, err);
    }

    return PHR_OK;
}


/* on the loop */

static void
ngx_http_pharos_scrape_done(ngx_http_pharos_task_t *task)
{
    ngx_http_pharos_target_t  *t;

    t = task->data;

    if (task->rc < 0) {
        /* nothing was written: the ids that it was given are void */
        t->forget = 1;

        if (t->err.code == PHR_OK) {
            phr_err_set(&t->err, task->rc, "samples were not stored");
        }
    }

    if (t->out) {
        ngx_http_pharos_client_free(t->out);
        t->out = NULL;
    }

    if (t->old && !t->configure) {
        phr_target_destroy(t->old);
        ngx_http_pharos_settings_drop(t->old_settings);
        t->old = NULL;
    }

    t->busy = 0;

    if (t->end) {
        (void) pthread_mutex_lock(&scrape_mutex);
        ngx_queue_remove(&t->queue);
        (void) pthread_mutex_unlock(&scrape_mutex);

        ngx_http_pharos_scrape_target_free(t);
        return;
    }

    ngx_http_pharos_scrape_report(t);
    ngx_http_pharos_scrape_settle(t);
}


static void
ngx_http_pharos_scrape_report(ngx_http_pharos_target_t *t)
{
    phr_target_health_e  before;

    before = t->target->health;

    (void) pthread_mutex_lock(&scrape_mutex);
    phr_target_report(t->target, t->t_ms, t->duration_s,
                      t->err.code == PHR_OK ? NULL : &t->err);
    (void) pthread_mutex_unlock(&scrape_mutex);

    if (t->target->health == before) {
        return;
    }

    if (t->target->health == PHR_TARGET_DOWN) {
        ngx_log_error(NGX_LOG_WARN, scrape_log, 0,
                      "target \"%s\" is down: %s", t->target->url.data,
                      t->target->error);

    } else if (before == PHR_TARGET_DOWN) {
        ngx_log_error(NGX_LOG_NOTICE, scrape_log, 0, "target \"%s\" is up",
                      t->target->url.data);
    }
}


/* what waited for the target to be idle */

static void
ngx_http_pharos_scrape_settle(ngx_http_pharos_target_t *t)
{
    if (t->next) {
        ngx_http_pharos_scrape_swap(t);
    }

    if (!t->gone || scrape_stopped) {
        return;
    }

    t->end = 1;
    t->busy = 1;
    t->t_ms = ngx_http_pharos_scrape_now_ms();

    phr_err_init(&t->err);

    ngx_http_pharos_scrape_post(t);
}


static void
ngx_http_pharos_scrape_target_free(ngx_http_pharos_target_t *t)
{
    if (t->timer.timer_set) {
        ngx_del_timer(&t->timer);
    }

    if (t->out) {
        ngx_http_pharos_client_free(t->out);
    }

    phr_scrape_destroy(t->scrape);
    phr_target_destroy(t->target);
    ngx_http_pharos_settings_drop(t->settings);

    if (t->old) {
        phr_target_destroy(t->old);
        ngx_http_pharos_settings_drop(t->old_settings);
    }

    if (t->next) {
        phr_target_destroy(t->next);
        ngx_http_pharos_settings_drop(t->next_settings);
    }

    ngx_free(t);
}


void
ngx_http_pharos_scrape_stop(void)
{
    ngx_queue_t               *q, *r;
    ngx_http_pharos_pool_t    *p;
    ngx_http_pharos_target_t  *t;

    if (!scrape_started) {
        return;
    }

    scrape_stopped = 1;

    for (q = ngx_queue_head(&pools); q != ngx_queue_sentinel(&pools);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_pharos_pool_t, queue);

        if (p->discover) {
            ngx_http_pharos_discover_destroy(p->discover);
            p->discover = NULL;
        }

        for (r = ngx_queue_head(&p->targets);
             r != ngx_queue_sentinel(&p->targets);
             r = ngx_queue_next(r))
        {
            t = ngx_queue_data(r, ngx_http_pharos_target_t, queue);

            if (t->timer.timer_set) {
                ngx_del_timer(&t->timer);
            }
        }
    }
}


void
ngx_http_pharos_scrape_free(void)
{
    ngx_queue_t             *q;
    ngx_http_pharos_pool_t  *p;

    if (!scrape_started) {
        return;
    }

    while (!ngx_queue_empty(&pools)) {

        q = ngx_queue_head(&pools);
        p = ngx_queue_data(q, ngx_http_pharos_pool_t, queue);
        ngx_queue_remove(q);

        while (!ngx_queue_empty(&p->targets)) {
            q = ngx_queue_head(&p->targets);
            ngx_queue_remove(q);
            ngx_http_pharos_scrape_target_free(
                    ngx_queue_data(q, ngx_http_pharos_target_t, queue));
        }

        phr_targets_destroy(&p->dropped);
        ngx_http_pharos_settings_drop(p->settings);
        ngx_free(p);
    }

    while (!ngx_queue_empty(&leaving)) {
        q = ngx_queue_head(&leaving);
        ngx_queue_remove(q);
        ngx_http_pharos_scrape_target_free(
                    ngx_queue_data(q, ngx_http_pharos_target_t, queue));
    }

    scrape_started = 0;
}


/* any thread */

int
ngx_http_pharos_scrape_targets(void *data,
    int (*visit)(void *arg, const phr_api_target_t *t), void *arg)
{
    int                        rc;
    size_t                     i;
    ngx_queue_t               *q, *r;
    phr_target_t              *target;
    phr_api_target_t           view;
    ngx_http_pharos_pool_t    *p;
    ngx_http_pharos_target_t  *t;

    if (!scrape_started) {
        return PHR_OK;
    }

    rc = PHR_OK;

    (void) pthread_mutex_lock(&scrape_mutex);

    for (q = ngx_queue_head(&pools);
         rc == PHR_OK && q != ngx_queue_sentinel(&pools);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_pharos_pool_t, queue);

        ngx_memzero(&view, sizeof(phr_api_target_t));
        view.pool = p->conf->job_name;

        for (r = ngx_queue_head(&p->targets);
             rc == PHR_OK && r != ngx_queue_sentinel(&p->targets);
             r = ngx_queue_next(r))
        {
            t = ngx_queue_data(r, ngx_http_pharos_target_t, queue);
            target = t->target;

            view.discovered = target->discovered;
            view.labels = target->labels;
            view.url = target->url;
            view.error = phr_str_from_c(target->error);
            view.last_scrape_ms = target->scraped_ms;
            view.last_duration_s = target->duration_s;
            view.interval_ms = target->interval_ms;
            view.timeout_ms = target->timeout_ms;
            view.health = phr_target_health_text(target->health);

            rc = visit(arg, &view);
        }

        ngx_memzero(&view, sizeof(phr_api_target_t));
        view.pool = p->conf->job_name;
        view.dropped = 1;

        for (i = 0; rc == PHR_OK && i < p->dropped.nelts; i++) {
            target = *phr_array_get(&p->dropped, phr_target_t *, i);
            view.discovered = target->discovered;
            rc = visit(arg, &view);
        }
    }

    (void) pthread_mutex_unlock(&scrape_mutex);

    return rc;
}


/* in the writer thread: the metadata is its own, the lists are locked */

int
ngx_http_pharos_scrape_metadata(void *data, phr_str_t metric,
    int (*visit)(void *arg, phr_str_t metric, phr_str_t type, phr_str_t help,
                 phr_str_t unit), void *arg)
{
    int                        rc;
    size_t                     pos;
    ngx_queue_t               *q, *r;
    phr_scrape_t              *scrape;
    phr_metadata_t             md;
    ngx_http_pharos_pool_t    *p;
    ngx_http_pharos_target_t  *t;

    if (!scrape_started) {
        return PHR_OK;
    }

    rc = PHR_OK;

    (void) pthread_mutex_lock(&scrape_mutex);

    for (q = ngx_queue_head(&pools);
         rc == PHR_OK && q != ngx_queue_sentinel(&pools);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_pharos_pool_t, queue);

        for (r = ngx_queue_head(&p->targets);
             rc == PHR_OK && r != ngx_queue_sentinel(&p->targets);
             r = ngx_queue_next(r))
        {
            t = ngx_queue_data(r, ngx_http_pharos_target_t, queue);
            scrape = t->scrape;
            pos = 0;

            while (scrape && rc == PHR_OK
                   && phr_scrape_metadata(scrape, &pos, &md))
            {
                if (metric.len == 0 || phr_str_eq(metric, md.metric)) {
                    rc = visit(arg, md.metric,
                           phr_str_from_c(phr_metric_type_text(md.type)),
                           md.help, md.unit);
                }
            }
        }
    }

    (void) pthread_mutex_unlock(&scrape_mutex);

    return rc;
}


static int64_t
ngx_http_pharos_scrape_now_ms(void)
{
    struct timeval  tv;

    ngx_gettimeofday(&tv);

    return (int64_t) tv.tv_sec * 1000 + tv.tv_usec / 1000;
}
