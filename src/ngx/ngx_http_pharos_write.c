/*
 * Copyright (C) The Pharos Authors
 *
 * Write: the way of other threads to the store.  A thread hands the writer
 * thread a function and waits until what that appended is committed.  So it
 * never has more than one write in the queue, which is all the flow control
 * that an import needs.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx/ngx_http_pharos_parts.h"


typedef struct {
    ngx_http_pharos_task_t    task;
    int                     (*append)(void *arg, phr_appender_t *app,
                                      phr_err_t *err);
    void                     *arg;
    phr_err_t                *err;
    int                       durable;
    int                       rc;
    pthread_mutex_t           mutex;
    pthread_cond_t            cond;
    int                       done;
} ngx_http_pharos_write_t;


static void ngx_http_pharos_write_run(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_write_committed(ngx_http_pharos_task_t *t);


int
ngx_http_pharos_write(void *data,
    int (*append)(void *arg, phr_appender_t *app, phr_err_t *err), void *arg,
    int durable, phr_err_t *err)
{
    ngx_http_pharos_write_t  w;

    ngx_memzero(&w, sizeof(ngx_http_pharos_write_t));

    w.append = append;
    w.arg = arg;
    w.err = err;
    w.durable = durable;
    w.task.run = ngx_http_pharos_write_run;
    w.task.committed = ngx_http_pharos_write_committed;
    w.task.data = &w;

    (void) pthread_mutex_init(&w.mutex, NULL);
    (void) pthread_cond_init(&w.cond, NULL);

    if (ngx_http_pharos_task_post(NGX_HTTP_PHAROS_POOL_WRITE, &w.task)
        != NGX_OK)
    {
        w.rc = phr_err_set(err, PHR_EUNAVAIL,
                           "the store takes no writes now");

    } else {
        (void) pthread_mutex_lock(&w.mutex);

        while (!w.done) {
            (void) pthread_cond_wait(&w.cond, &w.mutex);
        }

        (void) pthread_mutex_unlock(&w.mutex);
    }

    (void) pthread_mutex_destroy(&w.mutex);
    (void) pthread_cond_destroy(&w.cond);

    return w.rc;
}


/* in the writer thread */

static void
ngx_http_pharos_write_run(ngx_http_pharos_task_t *t)
{
    ngx_http_pharos_write_t  *w;

    w = t->data;

    w->rc = w->append(w->arg,
                      phr_store_appender(ngx_http_pharos_engine_api()->store),
                      w->err);

    t->durable = (w->durable != 0);
}


/* in the writer thread: the stack that all this is on ends with the signal */

static void
ngx_http_pharos_write_committed(ngx_http_pharos_task_t *t)
{
    ngx_http_pharos_write_t  *w;

    w = t->data;

    (void) pthread_mutex_lock(&w->mutex);

    if (w->rc == PHR_OK && t->rc < 0) {
        w->rc = phr_err_set(w->err, t->rc, "samples were not stored");
    }

    w->done = 1;
    (void) pthread_cond_signal(&w->cond);
    (void) pthread_mutex_unlock(&w->mutex);
}
