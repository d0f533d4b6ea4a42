/*
 * Copyright (C) The Pharos Authors
 *
 * Rules: a timer for each group, and a task of the rules' thread when it is
 * due.  What a rule writes goes to the writer thread, and the rules' thread
 * waits until it is committed: the next rule sees it.
 *
 * Groups are replaced only when none is under evaluation; the API looks at
 * them in other threads and holds the read lock meanwhile.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <pthread.h>

#include "core/alloc.h"
#include "core/clock.h"
#include "core/map.h"
#include "ingest/append.h"
#include "ngx/ngx_http_pharos_parts.h"
#include "script/vm.h"


#define NGX_HTTP_PHAROS_RULE_TIMEOUT_MS  120000
#define NGX_HTTP_PHAROS_SWEEP_MS         30000

/* the clock of timers is coarse: they may fire by so much too early */
#define NGX_HTTP_PHAROS_RULES_EARLY_MS   20


typedef struct {
    phr_rule_group_t             *group;
    ngx_event_t                   timer;     /* when it is due */
    ngx_event_t                   timeout;   /* of an evaluation */
    ngx_http_pharos_task_t        task;
    int64_t                       t_ms;
    int64_t                       t_offset_ms;  /* of the clock, then */
    int64_t                       offset_ms; /* of the clock when it ran */
    unsigned                      busy:1;
} ngx_http_pharos_group_t;


static void ngx_http_pharos_rules_arm(ngx_http_pharos_group_t *g);
static void ngx_http_pharos_rules_timer(ngx_event_t *ev);
static void ngx_http_pharos_rules_timeout(ngx_event_t *ev);
static void ngx_http_pharos_rules_run(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_rules_done(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_rules_idle(void);
static void ngx_http_pharos_rules_sweep_timer(ngx_event_t *ev);
static void ngx_http_pharos_rules_sweep_run(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_rules_sweep_done(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_rules_env(phr_rule_env_t *env,
    const volatile int *stop);
static phr_vm_t *ngx_http_pharos_rules_vm(phr_err_t *err);
static int ngx_http_pharos_rules_expand(void *data,
    const phr_rule_expand_t *e, phr_buf_t *out, phr_err_t *err);
static int ngx_http_pharos_rules_write(void *data, phr_rule_write_t *w,
    phr_err_t *err);
static int ngx_http_pharos_rules_append(void *arg, phr_appender_t *app,
    phr_err_t *err);
static int ngx_http_pharos_rules_samples(phr_appender_t *app,
    phr_rule_write_t *w, phr_err_t *err);
static int ngx_http_pharos_rules_recall(phr_appender_t *app,
    phr_rule_write_t *w, uint32_t source, phr_array_t *had, phr_err_t *err);
static int ngx_http_pharos_rules_end(phr_appender_t *app, uint32_t source,
    int64_t t_ms, phr_array_t *had, phr_sid_t *has, size_t n,
    phr_err_t *err);
static int ngx_http_pharos_rules_sid_cmp(const void *a, const void *b);
static int ngx_http_pharos_rules_records(phr_appender_t *app,
    phr_rule_write_t *w, phr_err_t *err);
static void ngx_http_pharos_rules_notify(void *data,
    const phr_alert_msg_t *msgs, size_t n);
static void ngx_http_pharos_rules_health(void *data,
    const phr_rule_group_t *g, const phr_rule_t *r);
static int64_t ngx_http_pharos_rules_clock_us(void *data);


/* the writer's: sources of rules that this process has written to */
static phr_map_t                    *rules_known;

static phr_rule_groups_t            *groups;
static ngx_http_pharos_group_t      *list;
static size_t                        nlist;
static size_t                        nbusy;
static pthread_rwlock_t              groups_lock = PTHREAD_RWLOCK_INITIALIZER;

static ngx_http_pharos_main_conf_t  *rules_conf;
static phr_api_t                    *rules_api;
static ngx_log_t                    *rules_log;
static ngx_uint_t                    rules_paused;
static ngx_uint_t                    rules_stopped;
static void                        (*rules_ready)(void *data);
static void                         *rules_ready_data;

static ngx_event_t                   sweep_timer;
static ngx_http_pharos_task_t        sweep_task;

/* a Lua state for each thread that evaluates, made when it is needed */
static pthread_key_t                 rules_vm_key;
static ngx_uint_t                    rules_has_key;


ngx_int_t
ngx_http_pharos_rules_start(ngx_http_pharos_main_conf_t *pmcf,
    phr_api_t *api, ngx_log_t *log)
{
    rules_conf = pmcf;
    rules_api = api;
    rules_log = log;
    rules_paused = 0;
    rules_stopped = 0;

    if (pthread_key_create(&rules_vm_key, (void (*)(void *)) phr_vm_destroy)
        != 0)
    {
        ngx_log_error(NGX_LOG_ALERT, log, 0, "pthread_key_create() failed");
        return NGX_ERROR;
    }

    rules_has_key = 1;

    ngx_memzero(&sweep_timer, sizeof(ngx_event_t));
    ngx_memzero(&sweep_task, sizeof(ngx_http_pharos_task_t));

    sweep_timer.handler = ngx_http_pharos_rules_sweep_timer;
    sweep_timer.log = log;
    sweep_timer.cancelable = 1;

    sweep_task.run = ngx_http_pharos_rules_sweep_run;
    sweep_task.done = ngx_http_pharos_rules_sweep_done;

    ngx_add_timer(&sweep_timer, NGX_HTTP_PHAROS_SWEEP_MS);

    return NGX_OK;
}


phr_rule_groups_t *
ngx_http_pharos_rules_groups(void)
{
    return groups;
}


void
ngx_http_pharos_rules_pause(void (*ready)(void *data), void *data)
{
    size_t  i;

    rules_paused = 1;
    rules_ready = ready;
    rules_ready_data = data;

    for (i = 0; i < nlist; i++) {
        if (list[i].timer.timer_set) {
            ngx_del_timer(&list[i].timer);
        }
    }

    ngx_http_pharos_rules_idle();
}


static void
ngx_http_pharos_rules_idle(void)
{
    void  (*ready)(void *data);

    if (nbusy != 0 || rules_ready == NULL) {
        return;
    }

    ready = rules_ready;
    rules_ready = NULL;

    ready(rules_ready_data);
}


/* NULL: the same groups go on */

void
ngx_http_pharos_rules_resume(phr_rule_groups_t *new_groups)
{
    size_t                    i, n;
    phr_rule_groups_t        *old;
    ngx_http_pharos_group_t  *g;

    rules_paused = 0;
    rules_ready = NULL;

    if (new_groups) {

        n = phr_rule_groups_count(new_groups);
        g = ngx_calloc((n + 1) * sizeof(ngx_http_pharos_group_t), rules_log);

        if (g == NULL) {
            phr_rule_groups_destroy(new_groups);

        } else {
            (void) pthread_rwlock_wrlock(&groups_lock);
            old = groups;
            groups = new_groups;
            (void) pthread_rwlock_unlock(&groups_lock);

            phr_rule_groups_destroy(old);

            ngx_free(list);
            list = g;
            nlist = n;
        }
    }

    for (i = 0; i < nlist; i++) {

        g = &list[i];

        if (g->group == NULL) {
            g->group = phr_rule_groups_at(groups, i);
            g->offset_ms = ngx_http_pharos_clock_offset_ms();

            g->timer.handler = ngx_http_pharos_rules_timer;
            g->timer.data = g;
            g->timer.log = rules_log;
            g->timer.cancelable = 1;

            g->timeout.handler = ngx_http_pharos_rules_timeout;
            g->timeout.data = g;
            g->timeout.log = rules_log;
            g->timeout.cancelable = 1;

            g->task.run = ngx_http_pharos_rules_run;
            g->task.done = ngx_http_pharos_rules_done;
            g->task.data = g;
        }

        ngx_http_pharos_rules_arm(g);
    }
}


static void
ngx_http_pharos_rules_arm(ngx_http_pharos_group_t *g)
{
    int64_t  now_ms, next_ms;

    if (rules_paused || rules_stopped) {
        return;
    }

    now_ms = ngx_http_pharos_now_ms();
    next_ms = phr_rule_group_due(g->group,
                                 now_ms + NGX_HTTP_PHAROS_RULES_EARLY_MS)
              + g->group->interval_ms;

    ngx_add_timer(&g->timer, (ngx_msec_t) (next_ms - now_ms));
}


static void
ngx_http_pharos_rules_timer(ngx_event_t *ev)
{
    int64_t                   now_ms;
    ngx_http_pharos_group_t  *g;

    g = ev->data;

    ngx_http_pharos_rules_arm(g);

    if (g->busy || rules_paused || rules_stopped) {
        return;
    }

    now_ms = ngx_http_pharos_clock_now_ms(&g->t_offset_ms);
    g->t_ms = phr_rule_group_due(g->group,
                                 now_ms + NGX_HTTP_PHAROS_RULES_EARLY_MS);
    g->task.stop = 0;

    if (ngx_http_pharos_task_post(NGX_HTTP_PHAROS_POOL_RULES, &g->task)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_WARN, rules_log, 0,
                      "rule group \"%*s\" was not evaluated, too many "
                      "groups are waiting", g->group->name.len,
                      g->group->name.data);
        return;
    }

    g->busy = 1;
    nbusy++;

    ngx_add_timer(&g->timeout, NGX_HTTP_PHAROS_RULE_TIMEOUT_MS);
}


static void
ngx_http_pharos_rules_timeout(ngx_event_t *ev)
{
    ngx_http_pharos_group_t  *g;

    g = ev->data;

    ngx_http_pharos_task_cancel(&g->task, PHR_ETIMEOUT);
}


/* in the rules' thread */

static void
ngx_http_pharos_rules_run(ngx_http_pharos_task_t *t)
{
    int64_t                   step_ms;
    phr_err_t                 err;
    phr_rule_env_t            env;
    ngx_http_pharos_group_t  *g;

    g = t->data;

    /* the clock may be set again by now: what counts is that of t_ms */

    step_ms = g->t_offset_ms - g->offset_ms;

    if (ngx_abs(step_ms) >= PHR_CLOCK_STEP_MS) {
        phr_rule_group_shift(g->group, step_ms, g->t_ms);
        g->offset_ms = g->t_offset_ms;
    }

    phr_err_init(&err);
    ngx_http_pharos_rules_env(&env, &t->stop);
    env.data = g;

    if (phr_rule_group_eval(g->group, g->t_ms, &env, &err) != PHR_OK
        && err.code != PHR_ECANCELED)
    {
        ngx_http_pharos_log_err(NGX_LOG_ERR, rules_log, &err,
                                "evaluating rules");
    }
}


static void
ngx_http_pharos_rules_done(ngx_http_pharos_task_t *t)
{
    ngx_http_pharos_group_t  *g;

    g = t->data;
    g->busy = 0;
    nbusy--;

    if (g->timeout.timer_set) {
        ngx_del_timer(&g->timeout);
    }

    ngx_http_pharos_rules_idle();
}


/* series of groups that are no more are ended a while after that */

static void
ngx_http_pharos_rules_sweep_timer(ngx_event_t *ev)
{
    if (rules_stopped) {
        return;
    }

    ngx_add_timer(&sweep_timer, NGX_HTTP_PHAROS_SWEEP_MS);

    if (rules_paused || groups == NULL || sweep_task.data) {
        return;
    }

    sweep_task.stop = 0;

    if (ngx_http_pharos_task_post(NGX_HTTP_PHAROS_POOL_RULES, &sweep_task)
        == NGX_OK)
    {
        sweep_task.data = groups;
        nbusy++;
    }
}


static void
ngx_http_pharos_rules_sweep_run(ngx_http_pharos_task_t *t)
{
    phr_err_t       err;
    phr_rule_env_t  env;

    phr_err_init(&err);
    ngx_http_pharos_rules_env(&env, &t->stop);

    (void) phr_rule_groups_sweep(groups, ngx_http_pharos_now_ms(),
                                 &env, &err);
}


static void
ngx_http_pharos_rules_sweep_done(ngx_http_pharos_task_t *t)
{
    t->data = NULL;
    nbusy--;

    ngx_http_pharos_rules_idle();
}


static void
ngx_http_pharos_rules_env(phr_rule_env_t *env, const volatile int *stop)
{
    ngx_memzero(env, sizeof(phr_rule_env_t));

    env->storage = rules_api->storage;
    env->write = ngx_http_pharos_rules_write;
    env->expand = ngx_http_pharos_rules_expand;
    env->notify = ngx_http_pharos_rules_notify;
    env->health = ngx_http_pharos_rules_health;
    env->clock_us = ngx_http_pharos_rules_clock_us;
    env->lookback_ms = rules_api->limits.lookback_ms;
    env->zones = rules_api->zones;
    env->max_samples = rules_api->limits.query_max_samples;
    env->memory_bytes = rules_api->limits.query_memory_bytes;
    env->stop = stop;
}


static phr_vm_t *
ngx_http_pharos_rules_vm(phr_err_t *err)
{
    phr_vm_t       *vm;
    phr_vm_conf_t   conf;

    vm = pthread_getspecific(rules_vm_key);
    if (vm != NULL) {
        return vm;
    }

    ngx_memzero(&conf, sizeof(phr_vm_conf_t));
    conf.lua_path = (char *) rules_conf->lua.data;

    if (phr_vm_create(&conf, &vm, err) != PHR_OK) {
        return NULL;
    }

    (void) pthread_setspecific(rules_vm_key, vm);

    return vm;
}


static int
ngx_http_pharos_rules_expand(void *data, const phr_rule_expand_t *e,
    phr_buf_t *out, phr_err_t *err)
{
    phr_vm_t  *vm;

    vm = ngx_http_pharos_rules_vm(err);
    if (vm == NULL) {
        return PHR_ENOMEM;
    }

    return phr_vm_expand_rule(vm, e, out, err);
}


/* in the rules' thread, which waits here for the commit */

static int
ngx_http_pharos_rules_write(void *data, phr_rule_write_t *w, phr_err_t *err)
{
    /* the state of an alert is what a restart goes on from */

    return ngx_http_pharos_write(NULL, ngx_http_pharos_rules_append, w,
                                 w->nrecords != 0, err);
}


/* in the writer thread */

static int
ngx_http_pharos_rules_append(void *arg, phr_appender_t *app, phr_err_t *err)
{
    int                rc;
    phr_rule_write_t  *w = arg;

    rc = ngx_http_pharos_rules_samples(app, w, err);

    if (rc == PHR_OK) {
        rc = ngx_http_pharos_rules_records(app, w, err);
    }

    return rc;
}


static int
ngx_http_pharos_rules_samples(phr_appender_t *app, phr_rule_write_t *w,
    phr_err_t *err)
{
    int           rc;
    size_t        i;
    uint32_t      source;
    phr_sid_t    *sid;
    phr_array_t   had;
    phr_batch_t   batch;

    rc = app->ops->source(app, w->source, &source, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_array_init(&had, sizeof(phr_sid_t));

    rc = ngx_http_pharos_rules_recall(app, w, source, &had, err);

    sid = phr_malloc((w->n + 1) * sizeof(phr_sid_t));
    if (sid == NULL) {
        rc = phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    for (i = 0; rc == PHR_OK && i < w->n; i++) {
        rc = app->ops->series(app, w->labels[i], &sid[i], err);
    }

    if (rc == PHR_OK && w->n != 0) {
        ngx_memzero(&batch, sizeof(phr_batch_t));
        batch.source = source;
        batch.t_ms = w->t_ms;
        batch.sid = sid;
        batch.v = w->v;
        batch.h = w->h;
        batch.n = w->n;
        batch.status = w->status;

        rc = app->ops->append(app, &batch, err);
    }

    if (rc == PHR_OK && had.nelts != 0) {
        rc = ngx_http_pharos_rules_end(app, source, w->t_ms, &had, sid, w->n,
                                       err);
    }

    phr_free(sid);
    phr_array_free(&had);

    return rc;
}


/* at the first write of a rule: what it had when another process wrote it */

static int
ngx_http_pharos_rules_recall(phr_appender_t *app, phr_rule_write_t *w,
    uint32_t source, phr_array_t *had, phr_err_t *err)
{
    int  rc;

    if (rules_known == NULL) {
        rules_known = phr_map_create();
        if (rules_known == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "out of memory");
        }
    }

    if (phr_map_get(rules_known, w->source) != NULL) {
        return PHR_OK;
    }

    rc = phr_recall_series(app, source, w->t_ms, had, err);

    if (rc == PHR_OK) {
        rc = phr_recall_remember(app, source, w->source, err);
    }

    if (rc == PHR_OK) {
        rc = phr_map_set(rules_known, w->source, rules_known);
    }

    return rc;
}


/* those that the rule had, less those that it has */

static int
ngx_http_pharos_rules_end(phr_appender_t *app, uint32_t source, int64_t t_ms,
    phr_array_t *had, phr_sid_t *has, size_t n, phr_err_t *err)
{
    int           rc;
    double       *v;
    size_t        i, k;
    phr_sid_t    *sid;
    phr_batch_t   batch;

    v = phr_malloc(had->nelts * sizeof(double));
    if (v == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    qsort(has, n, sizeof(phr_sid_t), ngx_http_pharos_rules_sid_cmp);
    sid = had->elts;

    for (i = 0, k = 0; i < had->nelts; i++) {

        if (bsearch(&sid[i], has, n, sizeof(phr_sid_t),
                    ngx_http_pharos_rules_sid_cmp)
            == NULL)
        {
            v[k] = phr_double_from_bits(PHR_STALE_NAN_BITS);
            sid[k++] = sid[i];
        }
    }

    ngx_memzero(&batch, sizeof(phr_batch_t));
    batch.source = source;
    batch.t_ms = t_ms;
    batch.sid = sid;
    batch.v = v;
    batch.n = k;

    rc = app->ops->append(app, &batch, err);

    phr_free(v);

    return rc;
}


static int
ngx_http_pharos_rules_sid_cmp(const void *a, const void *b)
{
    phr_sid_t  x, y;

    x = *(const phr_sid_t *) a;
    y = *(const phr_sid_t *) b;

    return x < y ? -1 : x > y;
}


static int
ngx_http_pharos_rules_records(phr_appender_t *app, phr_rule_write_t *w,
    phr_err_t *err)
{
    int     rc;
    size_t  i;

    for (i = 0; i < w->nrecords; i++) {

        if (w->records[i].value.len == 0) {
            rc = app->ops->del(app, PHR_KV_RULES, w->records[i].key, err);

        } else {
            rc = app->ops->put(app, PHR_KV_RULES, w->records[i].key,
                               w->records[i].value, err);
        }

        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


static void
ngx_http_pharos_rules_notify(void *data, const phr_alert_msg_t *msgs,
    size_t n)
{
    ngx_http_pharos_group_t  *g;

    g = data;
    ngx_http_pharos_notify_alerts(msgs, n, g->t_offset_ms);
}


static void
ngx_http_pharos_rules_health(void *data, const phr_rule_group_t *g,
    const phr_rule_t *r)
{
    if (r->health == PHR_RULE_ERR) {
        ngx_log_error(NGX_LOG_ERR, rules_log, 0,
                      "rule \"%*s\" of group \"%*s\" fails: %s",
                      r->conf->name.len, r->conf->name.data, g->name.len,
                      g->name.data, r->error.text);

    } else {
        ngx_log_error(NGX_LOG_NOTICE, rules_log, 0,
                      "rule \"%*s\" of group \"%*s\" works again",
                      r->conf->name.len, r->conf->name.data, g->name.len,
                      g->name.data);
    }
}


static int64_t
ngx_http_pharos_rules_clock_us(void *data)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


void
ngx_http_pharos_rules_stop(void)
{
    size_t  i;

    rules_stopped = 1;

    if (sweep_timer.timer_set) {
        ngx_del_timer(&sweep_timer);
    }

    for (i = 0; i < nlist; i++) {

        if (list[i].timer.timer_set) {
            ngx_del_timer(&list[i].timer);
        }

        if (list[i].busy) {
            ngx_http_pharos_task_cancel(&list[i].task, PHR_ECANCELED);
        }
    }
}


/* the threads have ended */

void
ngx_http_pharos_rules_free(void)
{
    size_t  i;

    for (i = 0; i < nlist; i++) {
        if (list[i].timeout.timer_set) {
            ngx_del_timer(&list[i].timeout);
        }
    }

    ngx_free(list);
    list = NULL;
    nlist = 0;
    nbusy = 0;

    phr_rule_groups_destroy(groups);
    groups = NULL;

    phr_map_destroy(rules_known);
    rules_known = NULL;

    /* of a store that was not opened there is none: it would be another's */

    if (rules_has_key) {
        (void) pthread_key_delete(rules_vm_key);
        rules_has_key = 0;
    }
}


phr_rule_groups_t *
ngx_http_pharos_rules_hold(void *data)
{
    (void) pthread_rwlock_rdlock(&groups_lock);

    return groups;
}


void
ngx_http_pharos_rules_release(void *data)
{
    (void) pthread_rwlock_unlock(&groups_lock);
}
