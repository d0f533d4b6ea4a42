/*
 * Copyright (C) The Pharos Authors
 *
 * Task: threads of the helper and the way to them and back.  Of the pools
 * one is special, the writer.  The writer takes all that waits,
 * runs it, commits once, and only then tells the loop: a hundred pushes
 * share one fsync.  nginx's own thread pools would start threads in every
 * worker, and ngx_notify() has room for one handler only.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <pthread.h>

#include "core/yield.h"
#include "ngx/ngx_http_pharos_heap.h"
#include "ngx/ngx_http_pharos_task.h"
#include "ngx/ngx_http_pharos_thread.h"


#define NGX_HTTP_PHAROS_MAX_THREADS 64
#define NGX_HTTP_PHAROS_READ_QUEUE  1024

/* one that loses its CPU for a slice does not hold up all who wait */
#define NGX_HTTP_PHAROS_READERS     2
#define NGX_HTTP_PHAROS_RULES_QUEUE 4096

/* long answers at once: most of them wait for their clients */
#define NGX_HTTP_PHAROS_STREAMS     4

/* tasks of one commit: bounds what a failed one takes with it */
#define NGX_HTTP_PHAROS_BATCH       256

/* commits of scrapes that nobody waits for are so far apart */
#define NGX_HTTP_PHAROS_LAZY_MS     200

/* and what can wait for the next of them waits for so long */
#define NGX_HTTP_PHAROS_PATIENT_MS  100


typedef struct {
    pthread_mutex_t                mutex;
    pthread_cond_t                 cond;
    ngx_http_pharos_pool_e         pool;

    /* under the mutex */
    ngx_http_pharos_task_t        *first;
    ngx_http_pharos_task_t       **last;
    ngx_http_pharos_task_t        *running[NGX_HTTP_PHAROS_MAX_THREADS];
    ngx_http_pharos_task_stats_t   stats;
    ngx_uint_t                     nurgent;  /* queued, and not lazy */
    int64_t                        lazy_us;  /* begin of the last lazy */
    ngx_uint_t                     nended;   /* threads */
    unsigned                       closed:1; /* takes no more */
    unsigned                       stop:1;   /* drops what is queued */

    /* from before the first thread of any until after the last */
    ngx_uint_t                     open;
    ngx_uint_t                     max;

    /* the loop's */
    ngx_uint_t                     nthreads;
    pthread_t                      threads[NGX_HTTP_PHAROS_MAX_THREADS];
} ngx_http_pharos_pool_t;


static ngx_int_t ngx_http_pharos_pool_open(ngx_http_pharos_pool_e i,
    ngx_uint_t max, ngx_log_t *log);
static ngx_int_t ngx_http_pharos_pool_run(ngx_http_pharos_pool_t *p,
    ngx_uint_t nthreads, ngx_log_t *log);
static void ngx_http_pharos_pool_close(ngx_http_pharos_pool_t *p,
    ngx_uint_t stop);
static ngx_int_t ngx_http_pharos_pool_join(ngx_http_pharos_pool_t *p,
    struct timespec *until);
static void *ngx_http_pharos_task_thread(void *data);
static void ngx_http_pharos_task_wait(ngx_http_pharos_pool_t *p);
static void *ngx_http_pharos_task_writer_thread(void *data);
static ngx_http_pharos_task_t *ngx_http_pharos_task_commit(
    ngx_http_pharos_pool_t *p, ngx_http_pharos_task_t *batch);
static ngx_http_pharos_task_t *ngx_http_pharos_task_batch(
    ngx_http_pharos_pool_t *p, int64_t until_us, ngx_uint_t *closed);
static void ngx_http_pharos_task_run(ngx_http_pharos_pool_t *p,
    ngx_http_pharos_task_t *t);
static void ngx_http_pharos_task_finish(ngx_http_pharos_pool_t *p,
    ngx_http_pharos_task_t *t);
static void ngx_http_pharos_task_done(void *data);
static void ngx_http_pharos_task_lazy(ngx_event_t *ev);
static int64_t ngx_http_pharos_task_clock_us(void);


static ngx_http_pharos_pool_t     pools[NGX_HTTP_PHAROS_POOLS];
static ngx_http_pharos_writer_t   writer;
static ngx_event_t                lazy_event;

/* what is long comes last: not if the helper is to be as the workers are */
static ngx_uint_t                 niced;

/* tasks on their way back */
static pthread_mutex_t            done_mutex = PTHREAD_MUTEX_INITIALIZER;
static ngx_http_pharos_task_t    *done_first;
static ngx_http_pharos_task_t   **done_last = &done_first;
static ngx_http_pharos_wake_t     done_wake;


ngx_int_t
ngx_http_pharos_task_start(ngx_http_pharos_main_conf_t *pmcf,
    ngx_http_pharos_writer_t *w, ngx_cycle_t *cycle)
{
    ngx_uint_t  i, n;

    struct {
        ngx_uint_t  nthreads;
        ngx_uint_t  max;            /* tasks that wait */
    } sizes[NGX_HTTP_PHAROS_POOLS];

    writer = *w;
    niced = (pmcf->nice > 0);

    ngx_memzero(&lazy_event, sizeof(ngx_event_t));
    lazy_event.handler = ngx_http_pharos_task_lazy;
    lazy_event.log = cycle->log;
    lazy_event.cancelable = 1;

    done_wake.handler = ngx_http_pharos_task_done;
    done_wake.data = NULL;

    if (ngx_http_pharos_wake_open(&done_wake, cycle->log) != NGX_OK) {
        return NGX_ERROR;
    }

    /*
     * One CPU is left to the workers; but one query that takes a minute
     * must not hold up all others, and with the highest nice two threads
     * cost the workers hardly more than one.
     */

    n = ngx_max(2, ngx_ncpu - 1);
    n = ngx_min(n, pmcf->query_concurrency);
    n = ngx_max(1, ngx_min(n, NGX_HTTP_PHAROS_MAX_THREADS));

    sizes[NGX_HTTP_PHAROS_POOL_QUERY].nthreads = n;
    sizes[NGX_HTTP_PHAROS_POOL_QUERY].max = pmcf->query_queue;
    sizes[NGX_HTTP_PHAROS_POOL_READ].nthreads = NGX_HTTP_PHAROS_READERS;
    sizes[NGX_HTTP_PHAROS_POOL_READ].max = NGX_HTTP_PHAROS_READ_QUEUE;
    sizes[NGX_HTTP_PHAROS_POOL_WRITE].nthreads = 1;
    sizes[NGX_HTTP_PHAROS_POOL_WRITE].max = pmcf->write_queue;
    sizes[NGX_HTTP_PHAROS_POOL_RULES].nthreads = 1;
    sizes[NGX_HTTP_PHAROS_POOL_RULES].max = NGX_HTTP_PHAROS_RULES_QUEUE;
    sizes[NGX_HTTP_PHAROS_POOL_IMPORT].nthreads = 1;
    sizes[NGX_HTTP_PHAROS_POOL_IMPORT].max = pmcf->query_queue;
    sizes[NGX_HTTP_PHAROS_POOL_STREAM].nthreads = NGX_HTTP_PHAROS_STREAMS;
    sizes[NGX_HTTP_PHAROS_POOL_STREAM].max = pmcf->query_queue;

    /* threads of one look at how much waits for the others */

    for (i = 0; i < NGX_HTTP_PHAROS_POOLS; i++) {
        if (ngx_http_pharos_pool_open(i, sizes[i].max, cycle->log) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    for (i = 0; i < NGX_HTTP_PHAROS_POOLS; i++) {
        if (ngx_http_pharos_pool_run(&pools[i], sizes[i].nthreads, cycle->log)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_pharos_pool_open(ngx_http_pharos_pool_e i, ngx_uint_t max,
    ngx_log_t *log)
{
    pthread_condattr_t       attr;
    ngx_http_pharos_pool_t  *p;

    p = &pools[i];

    ngx_memzero(p, sizeof(ngx_http_pharos_pool_t));

    p->pool = i;
    p->last = &p->first;
    p->max = max;

    if (pthread_mutex_init(&p->mutex, NULL) != 0
        || pthread_condattr_init(&attr) != 0
        || pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) != 0
        || pthread_cond_init(&p->cond, &attr) != 0)
    {
        ngx_log_error(NGX_LOG_ALERT, log, 0, "pthread_cond_init() failed");
        return NGX_ERROR;
    }

    (void) pthread_condattr_destroy(&attr);

    p->open = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_pharos_pool_run(ngx_http_pharos_pool_t *p, ngx_uint_t nthreads,
    ngx_log_t *log)
{
    while (p->nthreads < nthreads) {

        if (ngx_http_pharos_thread(&p->threads[p->nthreads],
                                   p->pool == NGX_HTTP_PHAROS_POOL_WRITE
                                   ? ngx_http_pharos_task_writer_thread
                                   : ngx_http_pharos_task_thread,
                                   p, log)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        p->nthreads++;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_pharos_task_post(ngx_http_pharos_pool_e pool,
    ngx_http_pharos_task_t *t)
{
    ngx_int_t                rc;
    ngx_uint_t               wake;
    ngx_http_pharos_pool_t  *p;

    p = &pools[pool];
    wake = 0;

    if (p->nthreads == 0) {
        return NGX_DECLINED;
    }

    t->pool = pool;
    t->rc = PHR_OK;
    t->next = NULL;
    t->posted_us = ngx_http_pharos_task_clock_us();

    (void) pthread_mutex_lock(&p->mutex);

    if (p->closed) {
        rc = NGX_DECLINED;

    } else if (p->stats.nqueued >= p->max) {
        p->stats.nrefused++;
        rc = NGX_BUSY;

    } else {
        *p->last = t;
        p->last = &t->next;
        p->stats.nqueued++;
        p->stats.nposted++;
        p->nurgent += !t->lazy;

        wake = !t->lazy;
        rc = NGX_OK;
    }

    (void) pthread_mutex_unlock(&p->mutex);

    /* not before, or the thread would wake up to wait for the mutex */

    if (wake) {
        (void) pthread_cond_signal(&p->cond);
        return rc;
    }

    /* what the loop posts in one turn is one commit */

    if (rc == NGX_OK && t->patient) {

        if (!lazy_event.timer_set) {
            ngx_add_timer(&lazy_event, NGX_HTTP_PHAROS_PATIENT_MS);
        }

    } else if (rc == NGX_OK && t->lazy) {
        ngx_post_event(&lazy_event, &ngx_posted_events);
    }

    return rc;
}


static void
ngx_http_pharos_task_lazy(ngx_event_t *ev)
{
    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    /* without the mutex, or the writer would wake up only to wait for it */

    (void) pthread_cond_signal(&pools[NGX_HTTP_PHAROS_POOL_WRITE].cond);
}


void
ngx_http_pharos_task_cancel(ngx_http_pharos_task_t *t, int code)
{
    if (phr_shared_get(&t->stop) == 0) {
        phr_shared_set(&t->stop, code);
    }
}


void
ngx_http_pharos_task_close_writer(void)
{
    if (pools[NGX_HTTP_PHAROS_POOL_WRITE].nthreads) {
        ngx_http_pharos_pool_close(&pools[NGX_HTTP_PHAROS_POOL_WRITE], 0);
    }
}


ngx_int_t
ngx_http_pharos_task_stop(ngx_msec_t ms)
{
    ngx_int_t        rc;
    ngx_uint_t       i;
    struct timespec  until;

    (void) clock_gettime(CLOCK_REALTIME, &until);

    until.tv_sec += ms / 1000;
    until.tv_nsec += (ms % 1000) * 1000000;

    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }

    for (i = 0; i < NGX_HTTP_PHAROS_POOLS; i++) {
        if (pools[i].nthreads) {
            ngx_http_pharos_pool_close(&pools[i],
                                       i != NGX_HTTP_PHAROS_POOL_WRITE);
        }
    }

    rc = NGX_OK;

    for (i = 0; i < NGX_HTTP_PHAROS_POOLS; i++) {
        if (pools[i].nthreads
            && ngx_http_pharos_pool_join(&pools[i], &until) != NGX_OK)
        {
            rc = NGX_ERROR;
        }
    }

    if (lazy_event.posted) {
        ngx_delete_posted_event(&lazy_event);
    }

    if (lazy_event.timer_set) {
        ngx_del_timer(&lazy_event);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < NGX_HTTP_PHAROS_POOLS; i++) {
        if (pools[i].open) {
            (void) pthread_mutex_destroy(&pools[i].mutex);
            (void) pthread_cond_destroy(&pools[i].cond);
            pools[i].open = 0;
        }
    }

    ngx_http_pharos_wake_close(&done_wake);

    /* what is on its way is for parts that end, too; left, none would wake */

    done_first = NULL;
    done_last = &done_first;

    return NGX_OK;
}


static void
ngx_http_pharos_pool_close(ngx_http_pharos_pool_t *p, ngx_uint_t stop)
{
    ngx_uint_t  i;

    (void) pthread_mutex_lock(&p->mutex);

    p->closed = 1;

    if (stop) {
        p->stop = 1;

        for (i = 0; i < p->nthreads; i++) {
            if (p->running[i] && phr_shared_get(&p->running[i]->stop) == 0) {
                phr_shared_set(&p->running[i]->stop, PHR_ECANCELED);
            }
        }
    }

    (void) pthread_cond_broadcast(&p->cond);
    (void) pthread_mutex_unlock(&p->mutex);
}


static ngx_int_t
ngx_http_pharos_pool_join(ngx_http_pharos_pool_t *p, struct timespec *until)
{
    while (p->nthreads) {

        if (pthread_timedjoin_np(p->threads[p->nthreads - 1], NULL, until)
            != 0)
        {
            return NGX_ERROR;
        }

        p->nthreads--;
    }

    return NGX_OK;
}


void
ngx_http_pharos_task_stats(ngx_http_pharos_pool_e pool,
    ngx_http_pharos_task_stats_t *stats)
{
    ngx_http_pharos_pool_t  *p;

    p = &pools[pool];

    ngx_memzero(stats, sizeof(ngx_http_pharos_task_stats_t));

    if (!p->open) {
        return;
    }

    (void) pthread_mutex_lock(&p->mutex);
    *stats = p->stats;
    (void) pthread_mutex_unlock(&p->mutex);
}


static void *
ngx_http_pharos_task_thread(void *data)
{
    ngx_http_pharos_pool_t  *p = data;

    ngx_uint_t               slot;
    ngx_http_pharos_task_t  *t;

    ngx_http_pharos_watch_thread();

    if (niced
        && (p->pool == NGX_HTTP_PHAROS_POOL_QUERY
            || p->pool == NGX_HTTP_PHAROS_POOL_IMPORT
            || p->pool == NGX_HTTP_PHAROS_POOL_STREAM))
    {
        phr_yield_background();
    }

    (void) pthread_mutex_lock(&p->mutex);

    for ( ;; ) {

        ngx_http_pharos_task_wait(p);

        t = p->first;

        if (t == NULL) {
            break;
        }

        p->first = t->next;
        if (p->first == NULL) {
            p->last = &p->first;
        }

        for (slot = 0; p->running[slot]; slot++) { /* void */ }

        p->running[slot] = t;
        p->stats.nqueued--;
        p->stats.nrunning++;

        if (p->stop) {
            phr_shared_set(&t->stop, PHR_ECANCELED);
        }

        (void) pthread_mutex_unlock(&p->mutex);

        if (phr_shared_get(&t->stop)) {
            t->rc = phr_shared_get(&t->stop);
            t->started_us = t->ended_us = ngx_http_pharos_task_clock_us();

        } else {
            phr_yield_set(1);
            ngx_http_pharos_task_run(p, t);
        }

        (void) pthread_mutex_lock(&p->mutex);
        p->running[slot] = NULL;
        p->stats.nrunning--;
        (void) pthread_mutex_unlock(&p->mutex);

        ngx_http_pharos_task_finish(p, t);

        (void) pthread_mutex_lock(&p->mutex);
    }

    (void) pthread_mutex_unlock(&p->mutex);

    return NULL;
}


/* until there is a task, or the end; what the last one took goes back */

static void
ngx_http_pharos_task_wait(ngx_http_pharos_pool_t *p)
{
    int64_t          until_us;
    struct timespec  until;

    until_us = ngx_http_pharos_task_clock_us()
               + (int64_t) NGX_HTTP_PHAROS_HEAP_MS * 1000;

    until.tv_sec = until_us / 1000000;
    until.tv_nsec = (until_us % 1000000) * 1000;

    while (p->first == NULL && !p->closed) {

        if (until_us == 0) {
            (void) pthread_cond_wait(&p->cond, &p->mutex);

        } else if (pthread_cond_timedwait(&p->cond, &p->mutex, &until) != 0) {
            until_us = 0;

            (void) pthread_mutex_unlock(&p->mutex);
            ngx_http_pharos_heap_top();
            (void) pthread_mutex_lock(&p->mutex);
        }
    }
}


static void *
ngx_http_pharos_task_writer_thread(void *data)
{
    ngx_http_pharos_pool_t  *p = data;

    int                      rc;
    int64_t                  now_us, idle_us;
    ngx_uint_t               closed;
    ngx_http_pharos_task_t  *batch;

    ngx_http_pharos_watch_thread();

    idle_us = ngx_http_pharos_task_clock_us();

    for ( ;; ) {

        batch = ngx_http_pharos_task_batch(p, idle_us, &closed);

        if (batch == NULL && closed) {
            break;
        }

        while (batch) {
            batch = ngx_http_pharos_task_commit(p, batch);
        }

        rc = PHR_OK;
        now_us = ngx_http_pharos_task_clock_us();

        if (now_us >= idle_us) {
            rc = writer.idle(writer.data);
            now_us = ngx_http_pharos_task_clock_us();
        }

        idle_us = now_us;

        if (rc != PHR_AGAIN) {
            idle_us += (int64_t) writer.due(writer.data) * 1000;
        }
    }

    writer.finish(writer.data);

    return NULL;
}


/* one commit of all, or of the first that are enough; returns the others */

static ngx_http_pharos_task_t *
ngx_http_pharos_task_commit(ngx_http_pharos_pool_t *p,
    ngx_http_pharos_task_t *batch)
{
    int                      rc, durable;
    ngx_http_pharos_task_t  *t, *end;

    durable = 0;
    end = batch;
    writer.begin(writer.data);

    do {
        ngx_http_pharos_task_run(p, end);
        durable |= end->durable;
        end = end->next;
    } while (end && !writer.heavy(writer.data));

    rc = writer.commit(writer.data, durable);

    while (batch != end) {
        t = batch;
        batch = t->next;
        t->rc = rc;
        ngx_http_pharos_task_finish(p, t);
    }

    return end;
}


/* what waits, at most a batch of it; NULL at until_us or when closed */

static ngx_http_pharos_task_t *
ngx_http_pharos_task_batch(ngx_http_pharos_pool_t *p, int64_t until_us,
    ngx_uint_t *closed)
{
    int64_t                  wait_us;
    ngx_uint_t               n, lazy;
    struct timespec          until;
    ngx_http_pharos_task_t  *batch, **last;

    (void) pthread_mutex_lock(&p->mutex);

    while (!p->closed && p->nurgent == 0) {

        wait_us = until_us;

        if (p->first) {
            wait_us = ngx_min(wait_us, p->lazy_us
                                       + NGX_HTTP_PHAROS_LAZY_MS * 1000);

            if (wait_us <= ngx_http_pharos_task_clock_us()) {
                break;
            }
        }

        until.tv_sec = wait_us / 1000000;
        until.tv_nsec = (wait_us % 1000000) * 1000;

        if (pthread_cond_timedwait(&p->cond, &p->mutex, &until) != 0) {
            break;
        }
    }

    lazy = 0;
    batch = p->first;
    last = &batch;

    for (n = 0; *last && n < NGX_HTTP_PHAROS_BATCH; n++) {
        p->nurgent -= !(*last)->lazy;
        lazy |= (*last)->lazy;
        last = &(*last)->next;
    }

    p->first = *last;
    *last = NULL;

    if (p->first == NULL) {
        p->last = &p->first;
    }

    p->stats.nqueued -= n;
    p->stats.nrunning = n;

    if (lazy) {
        p->lazy_us = ngx_http_pharos_task_clock_us();
    }

    *closed = p->closed;

    (void) pthread_mutex_unlock(&p->mutex);

    return batch;
}


static void
ngx_http_pharos_task_run(ngx_http_pharos_pool_t *p, ngx_http_pharos_task_t *t)
{
    t->started_us = ngx_http_pharos_task_clock_us();

    ngx_http_pharos_watch_hash(t->hash);
    t->run(t);
    ngx_http_pharos_watch_hash(0);

    t->ended_us = ngx_http_pharos_task_clock_us();
}


static void
ngx_http_pharos_task_finish(ngx_http_pharos_pool_t *p,
    ngx_http_pharos_task_t *t)
{
    ngx_uint_t  first;

    (void) pthread_mutex_lock(&p->mutex);

    p->stats.ndone++;
    p->stats.wait_us += t->started_us - t->posted_us;
    p->stats.run_us += t->ended_us - t->started_us;

    if (p->pool == NGX_HTTP_PHAROS_POOL_WRITE) {
        p->stats.nrunning--;
    }

    (void) pthread_mutex_unlock(&p->mutex);

    if (t->committed) {
        t->committed(t);
        return;
    }

    t->next = NULL;

    (void) pthread_mutex_lock(&done_mutex);
    first = (done_first == NULL);
    *done_last = t;
    done_last = &t->next;
    (void) pthread_mutex_unlock(&done_mutex);

    /* the loop takes all that it finds: it was woken for those before */

    if (first) {
        ngx_http_pharos_wake(&done_wake);
    }
}


static void
ngx_http_pharos_task_done(void *data)
{
    ngx_http_pharos_task_t  *t, *next;

    (void) pthread_mutex_lock(&done_mutex);
    t = done_first;
    done_first = NULL;
    done_last = &done_first;
    (void) pthread_mutex_unlock(&done_mutex);

    for ( /* void */ ; t; t = next) {
        next = t->next;
        t->done(t);
    }
}


static int64_t
ngx_http_pharos_task_clock_us(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
