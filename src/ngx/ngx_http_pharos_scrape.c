/*
 * Copyright (C) The Pharos Authors
 *
 * Scrape: the jobs of prometheus.yml and the targets of each, as settings
 * and discovery change them; and the views that the API gives of them.
 */

#include "ngx/ngx_http_pharos_scrape.h"


typedef struct ngx_http_pharos_visit_s  ngx_http_pharos_visit_t;

/* what a walk over jobs and targets calls, and what that calls in turn */
struct ngx_http_pharos_visit_s {
    int        (*target)(ngx_http_pharos_visit_t *v,
                         ngx_http_pharos_job_t *p,
                         ngx_http_pharos_target_t *t);
    int        (*job)(ngx_http_pharos_visit_t *v, ngx_http_pharos_job_t *p);

    int        (*on_target)(void *arg, const phr_api_target_t *t);
    int        (*on_pool)(void *arg, phr_str_t name, size_t ndropped);
    int        (*on_metadata)(void *arg, const phr_api_metadata_t *m);
    void        *arg;
    phr_str_t    metric;
};


static ngx_http_pharos_job_t *ngx_http_pharos_scrape_job(
    ngx_http_pharos_settings_t *s, const phr_scrape_conf_t *conf);
static void ngx_http_pharos_scrape_job_end(ngx_http_pharos_job_t *p);
static void ngx_http_pharos_scrape_applied(void *data, phr_array_t *targets);
static ngx_http_pharos_target_t *ngx_http_pharos_scrape_find(
    ngx_http_pharos_job_t *p, uint64_t key);
static int ngx_http_pharos_scrape_walk(ngx_http_pharos_visit_t *v);
static int ngx_http_pharos_scrape_view(ngx_http_pharos_visit_t *v,
    ngx_http_pharos_job_t *p, ngx_http_pharos_target_t *t);
static int ngx_http_pharos_scrape_dropped(ngx_http_pharos_visit_t *v,
    ngx_http_pharos_job_t *p);
static int ngx_http_pharos_scrape_pool(ngx_http_pharos_visit_t *v,
    ngx_http_pharos_job_t *p);
static int ngx_http_pharos_scrape_said(ngx_http_pharos_visit_t *v,
    ngx_http_pharos_job_t *p, ngx_http_pharos_target_t *t);


ngx_http_pharos_scrapes_t  ngx_http_pharos_scrapes = {
    .mutex = PTHREAD_MUTEX_INITIALIZER
};

static ngx_http_pharos_scrapes_t  *const scrapes = &ngx_http_pharos_scrapes;


ngx_int_t
ngx_http_pharos_scrape_apply(ngx_http_pharos_settings_t *s, phr_api_t *api,
    ngx_log_t *log)
{
    size_t                  i;
    ngx_queue_t            *q, *next;
    ngx_http_pharos_job_t  *p;

    if (!scrapes->started) {
        (void) pthread_mutex_lock(&scrapes->mutex);
        ngx_queue_init(&scrapes->jobs);
        ngx_queue_init(&scrapes->leaving);
        scrapes->api = api;
        scrapes->log = log;
        scrapes->started = 1;
        scrapes->stopped = 0;
        scrapes->swept = 0;
        scrapes->gone_ms = api->start_ms;
        (void) pthread_mutex_unlock(&scrapes->mutex);
    }

    for (q = ngx_queue_head(&scrapes->jobs);
         q != ngx_queue_sentinel(&scrapes->jobs);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_pharos_job_t, queue);
        p->found = 0;
    }

    for (i = 0; i < s->prometheus->nscrapes; i++) {

        p = ngx_http_pharos_scrape_job(s, s->prometheus->scrapes[i]);
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

    for (q = ngx_queue_head(&scrapes->jobs);
         q != ngx_queue_sentinel(&scrapes->jobs);
         q = next)
    {
        next = ngx_queue_next(q);
        p = ngx_queue_data(q, ngx_http_pharos_job_t, queue);

        if (!p->found) {
            ngx_http_pharos_scrape_job_end(p);
        }
    }

    ngx_http_pharos_sweep();

    return NGX_OK;
}


/* the pool of that job, which from now on is of the new settings */

static ngx_http_pharos_job_t *
ngx_http_pharos_scrape_job(ngx_http_pharos_settings_t *s,
    const phr_scrape_conf_t *conf)
{
    ngx_queue_t                 *q;
    ngx_http_pharos_job_t       *p;
    ngx_http_pharos_settings_t  *old;

    for (q = ngx_queue_head(&scrapes->jobs);
         q != ngx_queue_sentinel(&scrapes->jobs);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_pharos_job_t, queue);

        if (phr_str_eq(p->conf->job_name, conf->job_name)) {
            ngx_http_pharos_settings_hold(s);

            (void) pthread_mutex_lock(&scrapes->mutex);
            old = p->settings;
            p->settings = s;
            p->conf = conf;
            (void) pthread_mutex_unlock(&scrapes->mutex);

            ngx_http_pharos_settings_drop(old);

            return p;
        }
    }

    p = ngx_calloc(sizeof(ngx_http_pharos_job_t), scrapes->log);
    if (p == NULL) {
        return NULL;
    }

    p->settings = s;
    p->conf = conf;
    ngx_queue_init(&p->targets);
    ngx_rbtree_init(&p->keys, &p->sentinel, ngx_rbtree_insert_value);
    phr_array_init(&p->dropped, sizeof(phr_target_t *));

    ngx_http_pharos_settings_hold(s);

    (void) pthread_mutex_lock(&scrapes->mutex);
    ngx_queue_insert_tail(&scrapes->jobs, &p->queue);
    (void) pthread_mutex_unlock(&scrapes->mutex);

    return p;
}


static void
ngx_http_pharos_scrape_job_end(ngx_http_pharos_job_t *p)
{
    phr_array_t                dropped;
    ngx_queue_t               *q;
    ngx_http_pharos_target_t  *t;

    if (p->discover) {
        ngx_http_pharos_discover_destroy(p->discover);
    }

    (void) pthread_mutex_lock(&scrapes->mutex);
    ngx_queue_remove(&p->queue);
    dropped = p->dropped;
    (void) pthread_mutex_unlock(&scrapes->mutex);

    while (!ngx_queue_empty(&p->targets)) {
        q = ngx_queue_head(&p->targets);
        t = ngx_queue_data(q, ngx_http_pharos_target_t, queue);
        ngx_http_pharos_target_remove(t);
    }

    phr_targets_destroy(&dropped);
    ngx_http_pharos_settings_drop(p->settings);
    ngx_free(p);
}


/* the targets of a job, as they are now */

static void
ngx_http_pharos_scrape_applied(void *data, phr_array_t *targets)
{
    size_t                     i, n, ndropped;
    uint64_t                   keep;
    phr_array_t                dropped;
    ngx_queue_t               *q, *next;
    phr_target_t              *target;
    ngx_http_pharos_job_t    *p;
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

    ndropped = targets->nelts - n;
    p->over = p->conf->limit.targets != 0 && n > p->conf->limit.targets;
    keep = p->conf->limit.keep_dropped_targets;

    for (i = 0, n = 0; i < targets->nelts; i++) {

        target = *phr_array_get(targets, phr_target_t *, i);

        if (target->dropped) {

            if (keep != 0 && n >= keep) {
                phr_target_destroy(target);

            } else {
                *phr_array_get(targets, phr_target_t *, n++) = target;
            }

            continue;
        }

        t = ngx_http_pharos_scrape_find(p, target->key);

        if (t == NULL) {
            ngx_http_pharos_target_add(p, target);

        } else if (t->found) {
            phr_target_destroy(target);

        } else {
            ngx_http_pharos_target_replace(p, t, target);
        }
    }

    targets->nelts = n;

    (void) pthread_mutex_lock(&scrapes->mutex);
    dropped = p->dropped;
    p->dropped = *targets;
    p->ndropped = ndropped;
    (void) pthread_mutex_unlock(&scrapes->mutex);

    phr_targets_destroy(&dropped);

    for (q = ngx_queue_head(&p->targets);
         q != ngx_queue_sentinel(&p->targets);
         q = next)
    {
        next = ngx_queue_next(q);
        t = ngx_queue_data(q, ngx_http_pharos_target_t, queue);

        if (!t->found) {
            ngx_http_pharos_target_remove(t);
        }
    }

    p->known = 1;

    ngx_http_pharos_sweep();
}


static ngx_http_pharos_target_t *
ngx_http_pharos_scrape_find(ngx_http_pharos_job_t *p, uint64_t key)
{
    ngx_rbtree_node_t  *node;

    node = p->keys.root;

    while (node != p->keys.sentinel) {

        if (node->key == key) {
            return (ngx_http_pharos_target_t *)
                       ((u_char *) node
                        - offsetof(ngx_http_pharos_target_t, node));
        }

        node = key < node->key ? node->left : node->right;
    }

    return NULL;
}


void
ngx_http_pharos_scrape_stop(void)
{
    ngx_queue_t               *q, *r;
    ngx_http_pharos_job_t    *p;
    ngx_http_pharos_target_t  *t;

    if (!scrapes->started) {
        return;
    }

    scrapes->stopped = 1;

    for (q = ngx_queue_head(&scrapes->jobs);
         q != ngx_queue_sentinel(&scrapes->jobs);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_pharos_job_t, queue);

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
    ngx_queue_t            *q;
    ngx_http_pharos_job_t  *p;

    if (!scrapes->started) {
        return;
    }

    while (!ngx_queue_empty(&scrapes->jobs)) {

        q = ngx_queue_head(&scrapes->jobs);
        p = ngx_queue_data(q, ngx_http_pharos_job_t, queue);
        ngx_queue_remove(q);

        while (!ngx_queue_empty(&p->targets)) {
            q = ngx_queue_head(&p->targets);
            ngx_queue_remove(q);
            ngx_http_pharos_target_free(
                    ngx_queue_data(q, ngx_http_pharos_target_t, queue));
        }

        phr_targets_destroy(&p->dropped);
        ngx_http_pharos_settings_drop(p->settings);
        ngx_free(p);
    }

    while (!ngx_queue_empty(&scrapes->leaving)) {
        q = ngx_queue_head(&scrapes->leaving);
        ngx_queue_remove(q);
        ngx_http_pharos_target_free(
                    ngx_queue_data(q, ngx_http_pharos_target_t, queue));
    }

    ngx_http_pharos_sweep_free();

    scrapes->started = 0;
}


/*
 * Visits all jobs under the mutex, the targets of each first; either visitor
 * may be NULL.
 */

static int
ngx_http_pharos_scrape_walk(ngx_http_pharos_visit_t *v)
{
    int                        rc;
    ngx_queue_t               *q, *r;
    ngx_http_pharos_job_t     *p;
    ngx_http_pharos_target_t  *t;

    rc = PHR_OK;

    (void) pthread_mutex_lock(&scrapes->mutex);

    if (!scrapes->started) {
        (void) pthread_mutex_unlock(&scrapes->mutex);
        return PHR_OK;
    }

    for (q = ngx_queue_head(&scrapes->jobs);
         rc == PHR_OK && q != ngx_queue_sentinel(&scrapes->jobs);
         q = ngx_queue_next(q))
    {
        p = ngx_queue_data(q, ngx_http_pharos_job_t, queue);

        for (r = ngx_queue_head(&p->targets);
             v->target != NULL && rc == PHR_OK
             && r != ngx_queue_sentinel(&p->targets);
             r = ngx_queue_next(r))
        {
            t = ngx_queue_data(r, ngx_http_pharos_target_t, queue);
            rc = v->target(v, p, t);
        }

        if (v->job != NULL && rc == PHR_OK) {
            rc = v->job(v, p);
        }
    }

    (void) pthread_mutex_unlock(&scrapes->mutex);

    return rc;
}


/* any thread */

int
ngx_http_pharos_scrape_targets(void *data,
    int (*visit)(void *arg, const phr_api_target_t *t), void *arg)
{
    ngx_http_pharos_visit_t  v;

    ngx_memzero(&v, sizeof(ngx_http_pharos_visit_t));
    v.target = ngx_http_pharos_scrape_view;
    v.job = ngx_http_pharos_scrape_dropped;
    v.on_target = visit;
    v.arg = arg;

    return ngx_http_pharos_scrape_walk(&v);
}


static int
ngx_http_pharos_scrape_view(ngx_http_pharos_visit_t *v,
    ngx_http_pharos_job_t *p, ngx_http_pharos_target_t *t)
{
    phr_target_t      *target;
    phr_api_target_t   view;

    ngx_memzero(&view, sizeof(phr_api_target_t));
    target = t->target;

    view.pool = p->conf->job_name;
    view.discovered = target->discovered;
    view.labels = target->labels;
    view.url = target->url;
    view.error = phr_str_from_c(target->error);
    view.last_scrape_ms = target->scraped_ms;
    view.last_duration_s = target->duration_s;
    view.interval_ms = target->interval_ms;
    view.timeout_ms = target->timeout_ms;
    view.health = phr_target_health_text(target->health);

    return v->on_target(v->arg, &view);
}


static int
ngx_http_pharos_scrape_dropped(ngx_http_pharos_visit_t *v,
    ngx_http_pharos_job_t *p)
{
    int               rc;
    size_t            i;
    phr_api_target_t  view;

    ngx_memzero(&view, sizeof(phr_api_target_t));
    view.pool = p->conf->job_name;
    view.dropped = 1;
    rc = PHR_OK;

    for (i = 0; rc == PHR_OK && i < p->dropped.nelts; i++) {
        view.discovered =
            (*phr_array_get(&p->dropped, phr_target_t *, i))->discovered;
        rc = v->on_target(v->arg, &view);
    }

    return rc;
}


/* any thread */

int
ngx_http_pharos_scrape_pools(void *data,
    int (*visit)(void *arg, phr_str_t name, size_t ndropped), void *arg)
{
    ngx_http_pharos_visit_t  v;

    ngx_memzero(&v, sizeof(ngx_http_pharos_visit_t));
    v.job = ngx_http_pharos_scrape_pool;
    v.on_pool = visit;
    v.arg = arg;

    return ngx_http_pharos_scrape_walk(&v);
}


static int
ngx_http_pharos_scrape_pool(ngx_http_pharos_visit_t *v,
    ngx_http_pharos_job_t *p)
{
    return v->on_pool(v->arg, p->conf->job_name, p->ndropped);
}


/* in the writer thread: the metadata is its own, the lists are locked */

int
ngx_http_pharos_scrape_metadata(void *data, phr_str_t metric,
    int (*visit)(void *arg, const phr_api_metadata_t *m), void *arg)
{
    ngx_http_pharos_visit_t  v;

    ngx_memzero(&v, sizeof(ngx_http_pharos_visit_t));
    v.target = ngx_http_pharos_scrape_said;
    v.on_metadata = visit;
    v.metric = metric;
    v.arg = arg;

    return ngx_http_pharos_scrape_walk(&v);
}


static int
ngx_http_pharos_scrape_said(ngx_http_pharos_visit_t *v,
    ngx_http_pharos_job_t *p, ngx_http_pharos_target_t *t)
{
    int                  rc;
    size_t               pos;
    phr_metadata_t       md;
    phr_api_metadata_t   view;

    pos = 0;
    rc = PHR_OK;

    while (t->scrape && rc == PHR_OK
           && phr_scrape_metadata(t->scrape, &pos, &md))
    {
        if (v->metric.len == 0 || phr_str_eq(v->metric, md.metric)) {
            ngx_http_pharos_metadata_view(&md, &view);
            view.target = t->target->labels;
            rc = v->on_metadata(v->arg, &view);
        }
    }

    return rc;
}
