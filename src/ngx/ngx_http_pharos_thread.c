/*
 * Copyright (C) The Pharos Authors
 *
 * Thread: threads of the helper, and how they wake up its loop.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <sys/eventfd.h>

#include "ngx/ngx_http_pharos_thread.h"


#define NGX_HTTP_PHAROS_STACK_SIZE  (2 * 1024 * 1024)


static void ngx_http_pharos_wake_handler(ngx_event_t *ev);


ngx_int_t
ngx_http_pharos_wake_open(ngx_http_pharos_wake_t *w, ngx_log_t *log)
{
    ngx_connection_t  *c;

    w->connection = NULL;
    w->fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

    if (w->fd == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno, "eventfd() failed");
        return NGX_ERROR;
    }

    c = ngx_get_connection(w->fd, log);
    if (c == NULL) {
        (void) close(w->fd);
        w->fd = -1;
        return NGX_ERROR;
    }

    c->data = w;
    c->log = log;
    c->read->log = log;
    c->write->log = log;
    c->read->handler = ngx_http_pharos_wake_handler;

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_close_connection(c);
        w->fd = -1;
        return NGX_ERROR;
    }

    w->connection = c;

    return NGX_OK;
}


void
ngx_http_pharos_wake_close(ngx_http_pharos_wake_t *w)
{
    if (w->connection) {
        ngx_close_connection(w->connection);
        w->connection = NULL;
        w->fd = -1;
    }
}


void
ngx_http_pharos_wake(ngx_http_pharos_wake_t *w)
{
    uint64_t  one;

    one = 1;

    /* it fails only when so many wake-ups wait that one more changes nothing */

    while (write(w->fd, &one, sizeof(one)) == -1 && errno == EINTR) {
        /* void */
    }
}


static void
ngx_http_pharos_wake_handler(ngx_event_t *ev)
{
    uint64_t                 n;
    ngx_connection_t        *c;
    ngx_http_pharos_wake_t  *w;

    c = ev->data;
    w = c->data;

    /* epoll tells of each write, read or not, and 2^64 are never reached */

    if (!(ngx_event_flags & NGX_USE_EPOLL_EVENT)) {
        while (read(w->fd, &n, sizeof(n)) == -1 && ngx_errno == NGX_EINTR) {
            /* void */
        }
    }

    w->handler(w->data);
}


ngx_int_t
ngx_http_pharos_thread(pthread_t *tid, void *(*start)(void *data),
    void *data, ngx_log_t *log)
{
    int             err;
    sigset_t        set, old;
    pthread_attr_t  attr;

    /* signals are for the loop; those that kill hit whoever caused them */

    sigfillset(&set);
    sigdelset(&set, SIGSEGV);
    sigdelset(&set, SIGBUS);
    sigdelset(&set, SIGFPE);
    sigdelset(&set, SIGILL);
    sigdelset(&set, SIGABRT);

    err = pthread_attr_init(&attr);

    if (err == 0) {
        (void) pthread_attr_setstacksize(&attr, NGX_HTTP_PHAROS_STACK_SIZE);
        (void) pthread_sigmask(SIG_SETMASK, &set, &old);

        err = pthread_create(tid, &attr, start, data);

        (void) pthread_sigmask(SIG_SETMASK, &old, NULL);
        (void) pthread_attr_destroy(&attr);
    }

    if (err) {
        ngx_log_error(NGX_LOG_ALERT, log, err, "pthread_create() failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}
