/*
 * Copyright (C) The Pharos Authors
 *
 * Thread: threads of the helper, and how they wake up its loop.
 */

#ifndef NGX_HTTP_PHAROS_THREAD_H_INCLUDED
#define NGX_HTTP_PHAROS_THREAD_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>

#include <pthread.h>


/*
 * A wake-up of the loop from other threads: handler(data) runs on the loop
 * after any number of ngx_http_pharos_wake() calls.
 */
typedef struct {
    int                        fd;
    ngx_connection_t          *connection;
    void                     (*handler)(void *data);
    void                      *data;
} ngx_http_pharos_wake_t;

ngx_int_t ngx_http_pharos_wake_open(ngx_http_pharos_wake_t *w,
    ngx_log_t *log);                                /* loop */
void ngx_http_pharos_wake_close(ngx_http_pharos_wake_t *w);
void ngx_http_pharos_wake(ngx_http_pharos_wake_t *w);       /* any thread */

/* loop; a thread with all signals blocked but the fatal ones */
ngx_int_t ngx_http_pharos_thread(pthread_t *tid, void *(*start)(void *data),
    void *data, ngx_log_t *log);


#endif /* NGX_HTTP_PHAROS_THREAD_H_INCLUDED */
