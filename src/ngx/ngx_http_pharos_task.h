/*
 * Copyright (C) The Pharos Authors
 *
 * Task: work for the threads of the helper.  The owner allocates a task and
 * may free it in done() or after a refused post, never in between.
 */

#ifndef NGX_HTTP_PHAROS_TASK_H_INCLUDED
#define NGX_HTTP_PHAROS_TASK_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx/ngx_http_pharos.h"


typedef enum {
    NGX_HTTP_PHAROS_POOL_QUERY = 0,     /* long: queries, niced most */
    NGX_HTTP_PHAROS_POOL_READ,          /* short: label lists, status */
    NGX_HTTP_PHAROS_POOL_WRITE,         /* all that touches ingest, in order */
    NGX_HTTP_PHAROS_POOL_RULES,         /* alerts wait for nobody's query */
    NGX_HTTP_PHAROS_POOL_IMPORT,        /* parses, and waits for the writer */
    NGX_HTTP_PHAROS_POOL_STREAM,        /* makes long answers, and waits for
                                           who reads them */
    NGX_HTTP_PHAROS_POOLS
} ngx_http_pharos_pool_e;

typedef struct ngx_http_pharos_task_s  ngx_http_pharos_task_t;

struct ngx_http_pharos_task_s {
    void                     (*run)(ngx_http_pharos_task_t *t);  /* thread */
    void                     (*done)(ngx_http_pharos_task_t *t); /* loop */

    /*
     * Of a writer task that another thread waits for: called in the writer
     * thread instead of done(), for the loop may wait for that thread.
     */
    void                     (*committed)(ngx_http_pharos_task_t *t);
    void                      *data;

    uint64_t                   hash;     /* of the request, 0: of our own */
    volatile int               stop;     /* PHR_ETIMEOUT, PHR_ECANCELED */

    /*
     * Of a writer task, valid in done(): PHR_OK, or the commit of its batch
     * failed.  PHR_EUNAVAIL: run() was never called.
     */
    int                        rc;
    unsigned                   durable:1;    /* run() sets it: fsync before
                                                done() */
    unsigned                   lazy:1;       /* posted by the loop; begins
                                                when the loop has posted all,
                                                200 ms after others of its
                                                kind at the earliest */
    unsigned                   patient:1;    /* and lazy: begins with others
                                                that are, or 100 ms later */

    ngx_http_pharos_pool_e     pool;
    int64_t                    posted_us;
    int64_t                    started_us;
    int64_t                    ended_us;
    ngx_http_pharos_task_t    *next;
};

/* the writer thread's frame around its tasks; all are called in it */
typedef struct {
    void                      *data;

    /* before tasks that one commit follows */
    void                     (*begin)(void *data);
    int                      (*commit)(void *data, int durable);

    /* between these: true if they should not be more */
    int                      (*heavy)(void *data);

    /* between tasks; PHR_AGAIN: soon again, else in due() milliseconds */
    int                      (*idle)(void *data);
    ngx_msec_t               (*due)(void *data);
    void                     (*finish)(void *data);  /* its last act */
} ngx_http_pharos_writer_t;

typedef struct {
    uint64_t                   nposted;
    uint64_t                   nrefused;
    uint64_t                   ndone;
    uint64_t                   wait_us;      /* sums */
    uint64_t                   run_us;
    ngx_uint_t                 nqueued;
    ngx_uint_t                 nrunning;
} ngx_http_pharos_task_stats_t;

/* loop; starts the threads */
ngx_int_t ngx_http_pharos_task_start(ngx_http_pharos_main_conf_t *pmcf,
    ngx_http_pharos_writer_t *writer, ngx_cycle_t *cycle);

/*
 * Loop.  NGX_OK: done() will be called, once; NGX_BUSY: the queue is full;
 * NGX_DECLINED: the pool is closed.
 */
ngx_int_t ngx_http_pharos_task_post(ngx_http_pharos_pool_e pool,
    ngx_http_pharos_task_t *t);

/*
 * Loop.  Asks run() to end, code is PHR_ETIMEOUT or PHR_ECANCELED; done()
 * still comes.  A query or read that has not begun will not (rc is the
 * code).
 */
void ngx_http_pharos_task_cancel(ngx_http_pharos_task_t *t, int code);

/* loop; the writer finishes what is queued, calls finish() and ends */
void ngx_http_pharos_task_close_writer(void);

/* loop; stops and joins, NGX_ERROR if a thread did not end within ms */
ngx_int_t ngx_http_pharos_task_stop(ngx_msec_t ms);

void ngx_http_pharos_task_stats(ngx_http_pharos_pool_e pool,
    ngx_http_pharos_task_stats_t *stats);           /* any thread */


#endif /* NGX_HTTP_PHAROS_TASK_H_INCLUDED */
