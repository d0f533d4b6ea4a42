/*
 * Copyright (C) The Pharos Authors
 *
 * Target: a timer, an outbound request when it is due, and a writer task
 * with what came back.  A target is busy from the request to the end of its
 * task; what changes meanwhile (a reload, its removal) is applied when it is
 * not.
 */

#include "ngx/ngx_http_pharos_scrape.h"


/* bodies larger than this are refused where the settings name no limit */
#define NGX_HTTP_PHAROS_SCRAPE_BODY  (64 * 1024 * 1024)


/* the clock of timers is coarse: they may fire by so much too early */
#define NGX_HTTP_PHAROS_TARGET_EARLY_MS  20


static void ngx_http_pharos_target_swap(ngx_http_pharos_target_t *t);
static void ngx_http_pharos_target_arm(ngx_http_pharos_target_t *t);
static void ngx_http_pharos_target_timer(ngx_event_t *ev);
static void ngx_http_pharos_target_answer(ngx_http_pharos_client_t *out);
static void ngx_http_pharos_target_judge(ngx_http_pharos_target_t *t,
    ngx_http_pharos_client_t *out);
static void ngx_http_pharos_target_post(ngx_http_pharos_target_t *t);
static void ngx_http_pharos_target_run(ngx_http_pharos_task_t *task);
static int ngx_http_pharos_target_prepare(ngx_http_pharos_target_t *t,
    phr_err_t *err);
static void ngx_http_pharos_target_done(ngx_http_pharos_task_t *task);
static void ngx_http_pharos_target_report(ngx_http_pharos_target_t *t);
static void ngx_http_pharos_target_refused(ngx_http_pharos_target_t *t);
static void ngx_http_pharos_target_settle(ngx_http_pharos_target_t *t);


static ngx_http_pharos_scrapes_t  *const scrapes = &ngx_http_pharos_scrapes;


void
ngx_http_pharos_target_add(ngx_http_pharos_job_t *p, phr_target_t *target)
{
    ngx_http_pharos_target_t  *t;

    t = ngx_calloc(sizeof(ngx_http_pharos_target_t), scrapes->log);
    if (t == NULL) {
        phr_target_destroy(target);
        return;
    }

    t->target = target;
    t->settings = p->settings;
    t->over = p->over;
    t->found = 1;
    t->job = p;
    t->node.key = (ngx_rbtree_key_t) target->key;

    t->timer.handler = ngx_http_pharos_target_timer;
    t->timer.data = t;
    t->timer.log = scrapes->log;
    t->timer.cancelable = 1;

    t->task.run = ngx_http_pharos_target_run;
    t->task.done = ngx_http_pharos_target_done;
    t->task.data = t;
    t->task.lazy = 1;

    ngx_http_pharos_settings_hold(t->settings);

    (void) pthread_mutex_lock(&scrapes->mutex);
    ngx_queue_insert_tail(&p->targets, &t->queue);
    (void) pthread_mutex_unlock(&scrapes->mutex);

    ngx_rbtree_insert(&p->keys, &t->node);

    ngx_http_pharos_target_arm(t);
}


void
ngx_http_pharos_target_replace(ngx_http_pharos_job_t *p,
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
        ngx_http_pharos_target_swap(t);
    }
}


/* the writer still points into the old one until its next task */

static void
ngx_http_pharos_target_swap(ngx_http_pharos_target_t *t)
{
    int64_t                      interval_ms;
    phr_target_t                *unused;
    ngx_http_pharos_settings_t  *settings;

    unused = NULL;
    settings = NULL;
    interval_ms = t->target->interval_ms;

    (void) pthread_mutex_lock(&scrapes->mutex);

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

    (void) pthread_mutex_unlock(&scrapes->mutex);

    if (unused) {
        phr_target_destroy(unused);
        ngx_http_pharos_settings_drop(settings);
    }

    /* a timer that is right already, and perhaps just due, stays */

    if (!t->timer.timer_set || t->target->interval_ms != interval_ms) {
        ngx_http_pharos_target_arm(t);
    }
}


void
ngx_http_pharos_target_remove(ngx_http_pharos_target_t *t)
{
    (void) pthread_mutex_lock(&scrapes->mutex);
    ngx_queue_remove(&t->queue);
    ngx_queue_insert_tail(&scrapes->leaving, &t->queue);
    (void) pthread_mutex_unlock(&scrapes->mutex);

    ngx_rbtree_delete(&t->job->keys, &t->node);
    t->job = NULL;
    t->gone = 1;

    if (t->timer.timer_set) {
        ngx_del_timer(&t->timer);
    }

    if (!t->busy) {
        ngx_http_pharos_target_settle(t);
    }
}


static void
ngx_http_pharos_target_arm(ngx_http_pharos_target_t *t)
{
    int64_t  now_ms, next_ms;

    if (t->timer.timer_set) {
        ngx_del_timer(&t->timer);
    }

    if (scrapes->stopped || t->gone) {
        return;
    }

    now_ms = ngx_http_pharos_now_ms();
    next_ms = phr_target_next(t->target->key, t->target->interval_ms,
                              now_ms + NGX_HTTP_PHAROS_TARGET_EARLY_MS);

    ngx_add_timer(&t->timer, ngx_http_pharos_clock_until(next_ms));
}


static void
ngx_http_pharos_target_timer(ngx_event_t *ev)
{
    int64_t                    now_ms, due_ms;
    phr_buf_t                  accept;
    const phr_scrape_conf_t   *conf;
    ngx_http_pharos_target_t  *t;
    ngx_http_pharos_client_t  *out;

    t = ev->data;
    conf = t->target->conf;

    ngx_http_pharos_target_arm(t);

    if (t->busy) {
        /* the target is slower than its interval, this turn is left out */
        return;
    }

    now_ms = ngx_http_pharos_now_ms();
    due_ms = phr_target_next(t->target->key, t->target->interval_ms,
                             now_ms + NGX_HTTP_PHAROS_TARGET_EARLY_MS)
             - t->target->interval_ms;

    t->t_ms = phr_target_align(t->target->key, t->target->interval_ms,
                               phr_max(now_ms, due_ms));
    t->duration_s = 0;
    t->busy = 1;

    phr_err_init(&t->err);

    if (t->over) {
        phr_err_set(&t->err, PHR_ELIMIT, "target_limit exceeded (limit %llu)",
                    (unsigned long long) conf->limit.targets);
        ngx_http_pharos_target_post(t);
        return;
    }

    out = ngx_http_pharos_client_create(&conf->http, t->target->url);
    if (out == NULL) {
        phr_err_set(&t->err, PHR_ENOMEM, "out of memory");
        ngx_http_pharos_target_post(t);
        return;
    }

    out->timeout_ms = t->target->timeout_ms;
    out->compressed = conf->enable_compression;
    out->limit_bytes = conf->limit.body_size_bytes
                       ? conf->limit.body_size_bytes
                       : NGX_HTTP_PHAROS_SCRAPE_BODY;
    out->data = t;
    out->done = ngx_http_pharos_target_answer;
    out->out.lazy = 1;

    phr_buf_init(&accept, 0);
    phr_target_accept(&accept, conf);
    ngx_http_pharos_client_header(out, "Accept: %s", phr_buf_cstr(&accept));
    phr_buf_free(&accept);

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
        ngx_http_pharos_target_post(t);
    }
}


static void
ngx_http_pharos_target_answer(ngx_http_pharos_client_t *out)
{
    ngx_http_pharos_target_t  *t;

    t = out->data;
    t->duration_s = out->out.duration_s;

    ngx_http_pharos_target_judge(t, out);
    ngx_http_pharos_target_post(t);
}


/* an answer that is not 200 is none */

static void
ngx_http_pharos_target_judge(ngx_http_pharos_target_t *t,
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
ngx_http_pharos_target_post(ngx_http_pharos_target_t *t)
{
    t->task.durable = 0;

    if (ngx_http_pharos_task_post(NGX_HTTP_PHAROS_POOL_WRITE, &t->task)
        == NGX_OK)
    {
        return;
    }

    /* a full queue, or the end: this scrape is lost */

    t->task.rc = PHR_EUNAVAIL;
    ngx_http_pharos_target_done(&t->task);
}


/* in the writer thread */

static void
ngx_http_pharos_target_run(ngx_http_pharos_task_t *task)
{
    int                        rc;
    phr_err_t                  err;
    phr_appender_t            *app;
    ngx_http_pharos_target_t  *t;

    t = task->data;
    app = phr_store_appender(scrapes->api->store);

    phr_err_init(&err);
    ngx_memzero(&t->report, sizeof(phr_scrape_report_t));

    rc = ngx_http_pharos_target_prepare(t, &err);

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

        ngx_http_pharos_refused_add(NGX_HTTP_PHAROS_REFUSED_TARGET,
                                    t->report.nover_target);

    } else if (rc == PHR_OK) {
        rc = phr_scrape_failed(t->scrape, app, t->t_ms, t->duration_s,
                               t->out && t->out->out.rc == PHR_ELIMIT,
                               &t->report, &err);
    }

    if (rc != PHR_OK) {
        t->err = err;
    }
}


static int
ngx_http_pharos_target_prepare(ngx_http_pharos_target_t *t, phr_err_t *err)
{
    int                           rc;
    phr_scrape_options_t          options;
    ngx_http_pharos_main_conf_t  *pmcf;

    pmcf = ngx_http_pharos_helper_conf();

    phr_scrape_options(&options, t->target);
    options.max_series = pmcf->max_target_series;

    if (t->scrape == NULL) {
        t->configure = 0;
        t->forget = 0;
        return phr_scrape_create(&options, &t->scrape, err);
    }

    if (t->forget) {
        phr_scrape_forget(t->scrape);
        t->forget = 0;
    }

    if (!t->configure) {
        return PHR_OK;
    }

    rc = phr_scrape_configure(t->scrape, &options, err);

    if (rc == PHR_OK) {
        t->configure = 0;
    }

    return rc;
}


/* on the loop */

static void
ngx_http_pharos_target_done(ngx_http_pharos_task_t *task)
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
        (void) pthread_mutex_lock(&scrapes->mutex);
        ngx_queue_remove(&t->queue);
        (void) pthread_mutex_unlock(&scrapes->mutex);

        if (t->err.code != PHR_OK) {
            ngx_http_pharos_sweep_again(t->t_ms);
        }

        ngx_http_pharos_target_free(t);
        return;
    }

    ngx_http_pharos_target_report(t);
    ngx_http_pharos_target_settle(t);
}


static void
ngx_http_pharos_target_report(ngx_http_pharos_target_t *t)
{
    phr_target_health_e  before;

    before = t->target->health;

    (void) pthread_mutex_lock(&scrapes->mutex);
    phr_target_report(t->target, t->t_ms, t->duration_s,
                      t->err.code == PHR_OK ? NULL : &t->err);
    (void) pthread_mutex_unlock(&scrapes->mutex);

    ngx_http_pharos_target_refused(t);

    if (t->target->health == before) {
        return;
    }

    if (t->target->health == PHR_TARGET_DOWN) {
        ngx_log_error(NGX_LOG_WARN, scrapes->log, 0,
                      "target \"%s\" is down: %s", t->target->url.data,
                      t->target->error);

    } else if (before == PHR_TARGET_DOWN) {
        ngx_log_error(NGX_LOG_NOTICE, scrapes->log, 0,
                      "target \"%s\" is up",
                      t->target->url.data);
    }
}


/* what waited for the target to be idle */

static void
ngx_http_pharos_target_settle(ngx_http_pharos_target_t *t)
{
    if (t->next) {
        ngx_http_pharos_target_swap(t);
    }

    if (!t->gone || scrapes->stopped) {
        return;
    }

    t->end = 1;
    t->busy = 1;
    t->t_ms = ngx_http_pharos_now_ms();

    phr_err_init(&t->err);

    ngx_http_pharos_target_post(t);
}


void
ngx_http_pharos_target_free(ngx_http_pharos_target_t *t)
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


/* says whose series are refused, when it begins and when it ends */

static void
ngx_http_pharos_target_refused(ngx_http_pharos_target_t *t)
{
    uint64_t  n;

    if (!t->report.up) {
        return;
    }

    n = t->report.nover_target + t->report.nover_series;

    if (n != 0 && !t->limited) {
        ngx_log_error(NGX_LOG_WARN, scrapes->log, 0,
                      "target \"%s\": %uL series are refused: %s",
                      t->target->url.data, n, t->report.nover_target
                      ? "more than pharos_max_target_series"
                      : "the store takes no such series");

    } else if (n == 0 && t->limited) {
        ngx_log_error(NGX_LOG_NOTICE, scrapes->log, 0,
                      "target \"%s\": no series are refused any more",
                      t->target->url.data);
    }

    t->limited = n != 0;
}
