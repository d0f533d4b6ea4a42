/*
 * Copyright (C) The Pharos Authors
 *
 * Settings: the files in force, and the way from old ones to new ones: read
 * in a thread, rules paused, groups made in a thread, everything swapped on
 * the loop.  Whatever fails on the way leaves the old ones running.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <pthread.h>

#include "ngx/ngx_http_pharos_files.h"
#include "ngx/ngx_http_pharos_parts.h"


/* who may wait while a load is under way; one more load serves them all */
#define NGX_HTTP_PHAROS_WAITERS  64


typedef struct {
    void                         (*done)(void *data, const phr_err_t *err);
    void                          *data;
} ngx_http_pharos_waiter_t;


typedef struct {
    ngx_http_pharos_main_conf_t   *pmcf;
    phr_api_t                     *api;
    ngx_log_t                     *log;

    /* of a load under way; the task's, while it runs */
    ngx_http_pharos_task_t         task;
    ngx_http_pharos_files_t        files;
    phr_rule_groups_t             *groups;
    phr_err_t                      err;
    int                            rc;
    ngx_uint_t                     restored;     /* states of alerts are */

    /* who is told of this load, and who of the one after it */
    ngx_http_pharos_waiter_t       told[NGX_HTTP_PHAROS_WAITERS];
    ngx_http_pharos_waiter_t       waiters[NGX_HTTP_PHAROS_WAITERS];
    ngx_uint_t                     ntold;
    ngx_uint_t                     nwaiters;

    unsigned                       busy:1;
    unsigned                       stopped:1;

    /* under the mutex, for other threads */
    ngx_http_pharos_settings_t    *current;
    int                            ok;
    int64_t                        at_ms;
} ngx_http_pharos_load_t;


static ngx_int_t ngx_http_pharos_settings_begin(void);
static ngx_int_t ngx_http_pharos_settings_post(
    void (*run)(ngx_http_pharos_task_t *t),
    void (*done)(ngx_http_pharos_task_t *t), ngx_http_pharos_pool_e pool);
static void ngx_http_pharos_settings_read(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_settings_was_read(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_settings_idle(void *data);
static void ngx_http_pharos_settings_build(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_settings_exemplars(void);
static int ngx_http_pharos_settings_visit(void *data, phr_str_t key,
    phr_str_t value);
static void ngx_http_pharos_settings_orphan(void *data, phr_str_t key);
static void ngx_http_pharos_settings_was_built(ngx_http_pharos_task_t *t);
static ngx_int_t ngx_http_pharos_settings_apply(void);
static void ngx_http_pharos_settings_finish(void);
static void ngx_http_pharos_settings_tell(ngx_http_pharos_waiter_t *waiters,
    ngx_uint_t *n, const phr_err_t *err);
static void ngx_http_pharos_settings_warn(
    ngx_http_pharos_settings_t *settings);


static ngx_http_pharos_load_t   load;
static pthread_mutex_t          load_mutex = PTHREAD_MUTEX_INITIALIZER;


ngx_int_t
ngx_http_pharos_settings_start(ngx_http_pharos_main_conf_t *pmcf,
    phr_api_t *api, ngx_log_t *log)
{
    ngx_memzero(&load, sizeof(ngx_http_pharos_load_t));

    load.pmcf = pmcf;
    load.api = api;
    load.log = log;

    return ngx_http_pharos_settings_reload(NULL, NULL);
}


ngx_int_t
ngx_http_pharos_settings_reload(
    void (*done)(void *data, const phr_err_t *err), void *data)
{
    if (load.stopped || load.nwaiters == NGX_HTTP_PHAROS_WAITERS) {
        return NGX_BUSY;
    }

    if (done) {
        load.waiters[load.nwaiters].done = done;
        load.waiters[load.nwaiters].data = data;
        load.nwaiters++;
    }

    if (load.busy) {
        return NGX_OK;
    }

    if (ngx_http_pharos_settings_begin() != NGX_OK) {
        load.nwaiters -= (done != NULL);
        return NGX_BUSY;
    }

    return NGX_OK;
}


/* on failure all wait as before */

static ngx_int_t
ngx_http_pharos_settings_begin(void)
{
    load.groups = NULL;
    load.rc = PHR_OK;

    phr_err_init(&load.err);

    if (ngx_http_pharos_settings_post(ngx_http_pharos_settings_read,
                                      ngx_http_pharos_settings_was_read,
                                      NGX_HTTP_PHAROS_POOL_READ)
        != NGX_OK)
    {
        return NGX_BUSY;
    }

    ngx_memcpy(load.told, load.waiters, sizeof(load.told));
    load.ntold = load.nwaiters;
    load.nwaiters = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_pharos_settings_post(void (*run)(ngx_http_pharos_task_t *t),
    void (*done)(ngx_http_pharos_task_t *t), ngx_http_pharos_pool_e pool)
{
    ngx_memzero(&load.task, sizeof(ngx_http_pharos_task_t));

    load.task.run = run;
    load.task.done = done;

    if (ngx_http_pharos_task_post(pool, &load.task) != NGX_OK) {
        return NGX_BUSY;
    }

    load.busy = 1;

    return NGX_OK;
}


/* in a reader thread */

static void
ngx_http_pharos_settings_read(ngx_http_pharos_task_t *t)
{
    load.rc = ngx_http_pharos_files_read(load.pmcf, &load.files, &load.err);
}


static void
ngx_http_pharos_settings_was_read(ngx_http_pharos_task_t *t)
{
    load.busy = 0;

    if (t->rc != PHR_OK) {
        load.rc = phr_err_set(&load.err, t->rc, "shutting down");
    }

    if (load.rc != PHR_OK) {
        ngx_http_pharos_settings_finish();
        return;
    }

    load.busy = 1;
    ngx_http_pharos_rules_pause(ngx_http_pharos_settings_idle, NULL);
}


/* no group is under evaluation: their states can go over to new ones */

static void
ngx_http_pharos_settings_idle(void *data)
{
    /* the writer thread has the records of an earlier process */

    if (ngx_http_pharos_settings_post(ngx_http_pharos_settings_build,
                                      ngx_http_pharos_settings_was_built,
                                      NGX_HTTP_PHAROS_POOL_WRITE)
        != NGX_OK)
    {
        load.rc = phr_err_set(&load.err, PHR_EUNAVAIL, "shutting down");
        load.busy = 0;
        ngx_http_pharos_files_free(&load.files);
        ngx_http_pharos_rules_resume(NULL);
        ngx_http_pharos_settings_finish();
    }
}


/* in the writer thread */

static void
ngx_http_pharos_settings_build(ngx_http_pharos_task_t *t)
{
    phr_err_t        err;
    phr_appender_t  *app;

    load.rc = ngx_http_pharos_files_groups(&load.files,
                                           ngx_http_pharos_rules_groups(),
                                           &load.groups, &load.err);

    if (load.rc == PHR_OK) {
        ngx_http_pharos_settings_exemplars();
    }

    if (load.rc != PHR_OK || load.restored) {
        return;
    }

    app = phr_store_appender(load.api->store);
    phr_err_init(&err);

    if (app->ops->each(app, PHR_KV_RULES, phr_str_of(""),
                       ngx_http_pharos_settings_visit, load.groups, &err)
        != PHR_OK)
    {
        ngx_http_pharos_log_err(NGX_LOG_ERR, load.log, &err,
                                "reading the states of alerts");
    }

    phr_rule_groups_restored(load.groups, ngx_http_pharos_now_ms(),
                             ngx_http_pharos_settings_orphan, app);
    load.restored = 1;
}


/* the directive's number, or that of the file if it is less */

static void
ngx_http_pharos_settings_exemplars(void)
{
    int64_t   max;
    uint64_t  n;

    n = load.pmcf->exemplars;

    if (load.files.prometheus) {
        max = load.files.prometheus->storage.max_exemplars;
        n = ngx_min(n, (uint64_t) ngx_max(max, 0));
    }

    phr_store_max_exemplars(load.api->store, n);
}


/* the state of a rule that is no more */

static void
ngx_http_pharos_settings_orphan(void *data, phr_str_t key)
{
    phr_err_t        err;
    phr_appender_t  *app = data;

    phr_err_init(&err);

    if (app->ops->del(app, PHR_KV_RULES, key, &err) < 0) {
        ngx_http_pharos_log_err(NGX_LOG_ERR, load.log, &err,
                                "deleting the state of a rule");
    }
}


static int
ngx_http_pharos_settings_visit(void *data, phr_str_t key, phr_str_t value)
{
    phr_err_t  err;

    phr_err_init(&err);

    (void) phr_rule_groups_restore(data, key, value, &err);

    return PHR_OK;
}


static void
ngx_http_pharos_settings_was_built(ngx_http_pharos_task_t *t)
{
    load.busy = 0;

    if (load.rc == PHR_OK && load.groups == NULL) {
        load.rc = phr_err_set(&load.err, PHR_EUNAVAIL, "shutting down");
    }

    if (load.rc == PHR_OK && load.stopped) {
        phr_rule_groups_destroy(load.groups);
        load.groups = NULL;
        load.rc = phr_err_set(&load.err, PHR_EUNAVAIL, "shutting down");
    }

    if (load.rc != PHR_OK) {
        ngx_http_pharos_files_free(&load.files);
        ngx_http_pharos_rules_resume(NULL);

    } else if (ngx_http_pharos_settings_apply() != NGX_OK) {
        load.rc = phr_err_set(&load.err, PHR_ENOMEM, "out of memory");
    }

    ngx_http_pharos_settings_finish();
}


static ngx_int_t
ngx_http_pharos_settings_apply(void)
{
    ngx_http_pharos_settings_t  *settings, *old;

    settings = ngx_calloc(sizeof(ngx_http_pharos_settings_t), load.log);
    if (settings == NULL) {
        phr_rule_groups_destroy(load.groups);
        ngx_http_pharos_files_free(&load.files);
        ngx_http_pharos_rules_resume(NULL);
        return NGX_ERROR;
    }

    settings->refs = 1;
    settings->prometheus = load.files.prometheus;
    settings->alertmanager = load.files.alertmanager;

    load.files.prometheus = NULL;
    load.files.alertmanager = NULL;
    ngx_http_pharos_files_free(&load.files);

    ngx_http_pharos_settings_warn(settings);

    (void) pthread_mutex_lock(&load_mutex);
    old = load.current;
    load.current = settings;
    (void) pthread_mutex_unlock(&load_mutex);

    ngx_http_pharos_rules_resume(load.groups);

    if (ngx_http_pharos_scrape_apply(settings, load.api, load.log) != NGX_OK
        || ngx_http_pharos_notify_apply(settings, load.api, load.log)
           != NGX_OK
        || ngx_http_pharos_alertmanagers_apply(settings, load.log) != NGX_OK)
    {
        if (old) {
            ngx_http_pharos_settings_drop(old);
        }
        return NGX_ERROR;
    }

    if (old) {
        ngx_http_pharos_settings_drop(old);
    }

    return NGX_OK;
}


static void
ngx_http_pharos_settings_warn(ngx_http_pharos_settings_t *settings)
{
    size_t                   i;
    phr_prometheus_yml_t    *p;
    phr_alertmanager_yml_t  *a;

    p = settings->prometheus;

    for (i = 0; i < p->nwarnings; i++) {
        ngx_log_error(NGX_LOG_WARN, load.log, 0, "%*s:%ud: %*s",
                      p->warnings[i].file.len, p->warnings[i].file.data,
                      p->warnings[i].line, p->warnings[i].text.len,
                      p->warnings[i].text.data);
    }

    a = settings->alertmanager;

    for (i = 0; a && i < a->nwarnings; i++) {
        ngx_log_error(NGX_LOG_WARN, load.log, 0, "%*s:%ud: %*s",
                      a->warnings[i].file.len, a->warnings[i].file.data,
                      a->warnings[i].line, a->warnings[i].text.len,
                      a->warnings[i].text.data);
    }
}


static void
ngx_http_pharos_settings_finish(void)
{
    phr_err_t  err;

    (void) pthread_mutex_lock(&load_mutex);

    load.ok = (load.rc == PHR_OK);

    if (load.ok) {
        load.at_ms = ngx_http_pharos_now_ms();
    }

    (void) pthread_mutex_unlock(&load_mutex);

    if (!load.ok && !load.stopped) {
        ngx_http_pharos_log_err(NGX_LOG_ERR, load.log, &load.err,
                                load.current
                                ? "reading the settings, the old ones stay,"
                                : "reading the settings");
    }

    err = load.err;
    ngx_http_pharos_settings_tell(load.told, &load.ntold,
                                  load.ok ? NULL : &err);

    /* one that was told may have begun the next load already */

    if (load.nwaiters == 0 || load.busy) {
        return;
    }

    if (load.stopped || ngx_http_pharos_settings_begin() != NGX_OK) {
        phr_err_set(&err, PHR_EUNAVAIL, "shutting down");
        ngx_http_pharos_settings_tell(load.waiters, &load.nwaiters, &err);
    }
}


static void
ngx_http_pharos_settings_tell(ngx_http_pharos_waiter_t *waiters,
    ngx_uint_t *n, const phr_err_t *err)
{
    ngx_uint_t                i, count;
    ngx_http_pharos_waiter_t  now[NGX_HTTP_PHAROS_WAITERS];

    /* who is told may ask for the next */

    count = *n;
    *n = 0;
    ngx_memcpy(now, waiters, sizeof(now));

    for (i = 0; i < count; i++) {
        now[i].done(now[i].data, err);
    }
}


void
ngx_http_pharos_settings_hold(ngx_http_pharos_settings_t *s)
{
    s->refs++;
}


void
ngx_http_pharos_settings_drop(ngx_http_pharos_settings_t *s)
{
    if (--s->refs != 0) {
        return;
    }

    ngx_http_pharos_alertmanagers_conf_free(s);
    phr_prometheus_yml_destroy(s->prometheus);
    phr_alertmanager_yml_destroy(s->alertmanager);
    ngx_free(s);
}


void
ngx_http_pharos_settings_stop(void)
{
    load.stopped = 1;
}


/* the threads have ended, and all who held settings have dropped them */

void
ngx_http_pharos_settings_free(void)
{
    if (load.current) {
        ngx_http_pharos_settings_drop(load.current);
        load.current = NULL;
    }
}


/* any thread */

void
ngx_http_pharos_settings_config(void *data, phr_buf_t *out)
{
    (void) pthread_mutex_lock(&load_mutex);

    if (load.current) {
        phr_prometheus_yml_dump(load.current->prometheus, out);
    }

    (void) pthread_mutex_unlock(&load_mutex);
}


int
ngx_http_pharos_settings_external_labels(void *data, phr_arena_t *arena,
    phr_labels_t *ls)
{
    int  rc;

    rc = PHR_OK;

    (void) pthread_mutex_lock(&load_mutex);

    if (load.current) {
        rc = phr_labels_copy(arena,
                             load.current->prometheus->global.external_labels,
                             ls);
    }

    (void) pthread_mutex_unlock(&load_mutex);

    return rc;
}


void
ngx_http_pharos_settings_state(void *data, int *ok, int64_t *at_ms)
{
    (void) pthread_mutex_lock(&load_mutex);
    *ok = load.ok;
    *at_ms = load.at_ms;
    (void) pthread_mutex_unlock(&load_mutex);
}
