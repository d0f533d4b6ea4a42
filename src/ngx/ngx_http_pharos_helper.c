/*
 * Copyright (C) The Pharos Authors
 *
 * Helper: the life of the process that owns the store.
 *
 *   started --> (waits, if it died before) --> waits for the lock
 *           --> opens the store --> accepts and serves, or refuses and tries
 *               again
 *           --> drains: unlocks at once, finishes what it has begun --> exit
 *
 * The holder of the store's lock, and nobody else, accepts on the socket.
 * At a reload or a binary upgrade two helpers live beside each other; the
 * new one waits here, and connections wait in the backlog of the socket.
 *
 * The core ends a helper process with a bare exit(0) as soon as ngx_quit is
 * set.  So the handler of the channel, by which the master says "quit", is
 * wrapped, and ngx_quit is set only when all is done.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
#include <ngx_channel.h>

#include <sys/file.h>
#include <sys/prctl.h>

#include "ngx/ngx_http_pharos_parts.h"


#define NGX_HTTP_PHAROS_LOCK_MS    10
#define NGX_HTTP_PHAROS_RETRY_MS   5000
#define NGX_HTTP_PHAROS_OPEN_BEATS 2
#define NGX_HTTP_PHAROS_ACCEPT_MS  2
#define NGX_HTTP_PHAROS_DRAIN_MS   5

/* a notification under way may end, and be written down, before we leave */
#define NGX_HTTP_PHAROS_TELL_MS    5000

/* the core kills a helper 1.5 seconds after it was told to stop */
#define NGX_HTTP_PHAROS_EXIT_MS    1000


typedef enum {
    NGX_HTTP_PHAROS_NONE = 0,       /* this process is no helper */
    NGX_HTTP_PHAROS_WAITING,        /* for the lock, or after a death */
    NGX_HTTP_PHAROS_OPENING,
    NGX_HTTP_PHAROS_FAILED,         /* the store cannot be opened, now:
                                       requests are told why */
    NGX_HTTP_PHAROS_SERVING,
    NGX_HTTP_PHAROS_DRAINING,
    NGX_HTTP_PHAROS_STOPPED
} ngx_http_pharos_state_e;


typedef struct {
    ngx_http_pharos_state_e       state;
    ngx_http_pharos_main_conf_t  *pmcf;
    ngx_http_pharos_shared_t     *sh;
    ngx_cycle_t                  *cycle;
    ngx_pid_t                     pid;

    ngx_fd_t                      lock;
    ngx_listening_t               listening;
    ngx_event_handler_pt          channel_handler;
    int64_t                       drain_until_ms;
    int64_t                       tell_until_ms;

    ngx_event_t                   step;      /* towards serving */
    ngx_event_t                   beat;
    ngx_event_t                   accept;
    ngx_event_t                   drain;
    ngx_event_t                   tell;

    ngx_uint_t                    nbeats;    /* while the store is opened */
    unsigned                      waited:1;
    unsigned                      lockless:1;    /* none can be had: nobody
                                                    answers */
} ngx_http_pharos_helper_t;


static ngx_int_t ngx_http_pharos_helper_start(ngx_cycle_t *cycle);
static void ngx_http_pharos_helper_timer(ngx_event_t *ev,
    ngx_event_handler_pt handler);
static void ngx_http_pharos_helper_step(ngx_event_t *ev);
static ngx_int_t ngx_http_pharos_helper_lock(void);
static void ngx_http_pharos_helper_stuck(void);
static void ngx_http_pharos_helper_beat(ngx_event_t *ev);
static ngx_int_t ngx_http_pharos_helper_listen(void);
static void ngx_http_pharos_helper_accept(ngx_event_t *ev);
static void ngx_http_pharos_helper_resume(ngx_event_t *ev);
static ngx_int_t ngx_http_pharos_helper_hook(ngx_cycle_t *cycle);
static void ngx_http_pharos_helper_channel(ngx_event_t *ev);
static void ngx_http_pharos_helper_quit(ngx_event_t *ev);
static void ngx_http_pharos_helper_drain(void);
static void ngx_http_pharos_helper_drained(ngx_event_t *ev);
static void ngx_http_pharos_helper_leave(ngx_msec_t ms);
static void ngx_http_pharos_helper_atexit(void);


/* of this process; a fork makes it another's */
static ngx_http_pharos_helper_t  helper;


ngx_msec_t
ngx_http_pharos_helper_manager(void *data)
{
    ngx_cycle_t  *cycle;

    if (helper.state == NGX_HTTP_PHAROS_NONE) {
        cycle = (ngx_cycle_t *) ngx_cycle;

        helper.pmcf = data;
        helper.sh = helper.pmcf->zone->data;
        helper.cycle = cycle;
        helper.pid = ngx_pid;
        helper.lock = NGX_INVALID_FILE;
        helper.state = NGX_HTTP_PHAROS_WAITING;

        if (ngx_http_pharos_helper_start(cycle) != NGX_OK) {
            helper.state = NGX_HTTP_PHAROS_FAILED;
        }
    }

    /* the core's timer is not used any more */

    return 3600 * 1000;
}


static ngx_int_t
ngx_http_pharos_helper_start(ngx_cycle_t *cycle)
{
    ngx_msec_t  delay;

    ngx_http_pharos_helper_timer(&helper.step, ngx_http_pharos_helper_step);
    ngx_http_pharos_helper_timer(&helper.beat, ngx_http_pharos_helper_beat);
    ngx_http_pharos_helper_timer(&helper.accept,
                                 ngx_http_pharos_helper_resume);
    ngx_http_pharos_helper_timer(&helper.drain,
                                 ngx_http_pharos_helper_drained);
    ngx_http_pharos_helper_timer(&helper.tell, ngx_http_pharos_helper_quit);

    delay = ngx_http_pharos_zone_start(helper.sh);

    if (ngx_process == NGX_PROCESS_HELPER) {
        ngx_setproctitle("pharos monitoring process");

        /* an orphan would keep the lock of the store */

        if (prctl(PR_SET_PDEATHSIG, SIGQUIT, 0, 0, 0) == -1) {
            ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                          "prctl(PR_SET_PDEATHSIG) failed");
        }

        if (getppid() != ngx_parent) {
            ngx_quit = 1;
            return NGX_OK;
        }

        ngx_http_pharos_watch_limits(helper.pmcf, cycle->log);

        if (ngx_http_pharos_helper_hook(cycle) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_http_pharos_watch_start(helper.sh, cycle->log) != NGX_OK) {
            return NGX_ERROR;
        }

        if (atexit(ngx_http_pharos_helper_atexit) != 0) {
            ngx_log_error(NGX_LOG_ALERT, cycle->log, 0, "atexit() failed");
            return NGX_ERROR;
        }
    }

    if (delay) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                      "the monitoring process died %ui times in a row, "
                      "the next start waits %M ms",
                      helper.sh->nquick, delay);

        ngx_add_timer(&helper.step, delay);
        return NGX_OK;
    }

    ngx_http_pharos_helper_step(&helper.step);

    return NGX_OK;
}


static void
ngx_http_pharos_helper_timer(ngx_event_t *ev, ngx_event_handler_pt handler)
{
    ev->handler = handler;
    ev->data = &helper;
    ev->log = helper.cycle->log;
    ev->cancelable = 1;
}


/* one step on the way: lock, then open */

static void
ngx_http_pharos_helper_step(ngx_event_t *ev)
{
    ngx_int_t  rc;

    if (!helper.beat.timer_set) {
        ngx_add_timer(&helper.beat, NGX_HTTP_PHAROS_BEAT_MS);
    }

    if (helper.state == NGX_HTTP_PHAROS_WAITING) {

        rc = ngx_http_pharos_helper_lock();
        helper.lockless = (rc == NGX_ERROR);

        if (helper.lockless) {
            ngx_http_pharos_zone_silence(helper.sh);
        }

        if (rc == NGX_AGAIN) {
            /* who holds the lock serves, so requests need not be refused */
            ngx_http_pharos_zone_beat(helper.sh);
            ngx_add_timer(&helper.step, NGX_HTTP_PHAROS_LOCK_MS);
            return;
        }

        if (rc != NGX_OK) {
            ngx_add_timer(&helper.step, NGX_HTTP_PHAROS_RETRY_MS);
            return;
        }
    }

    helper.state = NGX_HTTP_PHAROS_OPENING;

    if (ngx_http_pharos_engine_start(helper.pmcf, helper.cycle) != NGX_OK) {
        ngx_http_pharos_helper_failed();
    }
}


static ngx_int_t
ngx_http_pharos_helper_lock(void)
{
    u_char  name[NGX_MAX_PATH];

    if (helper.lock == NGX_INVALID_FILE) {

        (void) ngx_snprintf(name, NGX_MAX_PATH, "%V/lock%Z",
                            &helper.pmcf->path->name);

        helper.lock = open((char *) name, O_RDWR|O_CREAT|O_CLOEXEC, 0600);

        if (helper.lock == NGX_INVALID_FILE) {
            ngx_log_error(NGX_LOG_CRIT, helper.cycle->log, ngx_errno,
                          ngx_open_file_n " \"%s\" failed", name);
            return NGX_ERROR;
        }
    }

    if (flock(helper.lock, LOCK_EX|LOCK_NB) == 0) {
        return NGX_OK;
    }

    if (ngx_errno != EWOULDBLOCK) {
        ngx_log_error(NGX_LOG_CRIT, helper.cycle->log, ngx_errno,
                      "flock() failed in \"%V\"", &helper.pmcf->path->name);
        return NGX_ERROR;
    }

    if (!helper.waited) {
        helper.waited = 1;

        ngx_log_error(NGX_LOG_NOTICE, helper.cycle->log, 0,
                      "waiting for the store \"%V\"",
                      &helper.pmcf->path->name);
    }

    return NGX_AGAIN;
}


void
ngx_http_pharos_helper_unlock(void)
{
    if (helper.lock != NGX_INVALID_FILE) {
        (void) flock(helper.lock, LOCK_UN);
    }
}


void
ngx_http_pharos_helper_ready(void)
{
    if (helper.state != NGX_HTTP_PHAROS_OPENING) {
        return;
    }

    if (ngx_process == NGX_PROCESS_HELPER
        && ngx_http_pharos_helper_listen() != NGX_OK)
    {
        ngx_http_pharos_helper_failed();
        return;
    }

    helper.state = NGX_HTTP_PHAROS_SERVING;
    ngx_http_pharos_zone_beat(helper.sh);

    ngx_log_error(NGX_LOG_NOTICE, helper.cycle->log, 0,
                  "monitoring process serves \"%V\"",
                  &helper.pmcf->path->name);
}


void
ngx_http_pharos_helper_failed(void)
{
    if (helper.state != NGX_HTTP_PHAROS_OPENING) {
        return;
    }

    if (ngx_http_pharos_engine_stop(NGX_HTTP_PHAROS_EXIT_MS) != NGX_OK) {
        ngx_http_pharos_helper_stuck();
        return;
    }

    helper.state = NGX_HTTP_PHAROS_FAILED;

    if (ngx_process == NGX_PROCESS_HELPER) {
        (void) ngx_http_pharos_helper_listen();
    }

    ngx_add_timer(&helper.step, NGX_HTTP_PHAROS_RETRY_MS);
}


/*
 * A thread lives on, and may write: another try in this process would take
 * away what it uses, and be a second writer.  The lock goes with the process.
 */

static void
ngx_http_pharos_helper_stuck(void)
{
    if (ngx_process != NGX_PROCESS_HELPER) {
        ngx_log_error(NGX_LOG_CRIT, helper.cycle->log, 0,
                      "a thread did not stop in time, the store \"%V\" is "
                      "not tried again before a restart",
                      &helper.pmcf->path->name);

        helper.state = NGX_HTTP_PHAROS_FAILED;
        return;
    }

    ngx_log_error(NGX_LOG_CRIT, helper.cycle->log, 0,
                  "a thread did not stop in time, the store \"%V\" is left "
                  "to the next monitoring process",
                  &helper.pmcf->path->name);

    helper.state = NGX_HTTP_PHAROS_STOPPED;
    ngx_quit = 1;
}


static void
ngx_http_pharos_helper_beat(ngx_event_t *ev)
{
    int64_t  now_ms;

    ngx_http_pharos_watch_turn();

    /* a damaged store takes time: who asks is not left to wait for it */

    if (helper.state == NGX_HTTP_PHAROS_OPENING
        && ngx_process == NGX_PROCESS_HELPER
        && ++helper.nbeats == NGX_HTTP_PHAROS_OPEN_BEATS)
    {
        ngx_log_error(NGX_LOG_WARN, helper.cycle->log, 0,
                      "the store \"%V\" is still being opened, requests are "
                      "refused until it is", &helper.pmcf->path->name);

        (void) ngx_http_pharos_helper_listen();
    }

    /*
     * Workers refuse requests by themselves if nobody would answer.  Who is
     * on the way out does not: it is for the next helper to say that it will.
     */

    if (!helper.lockless
        && helper.state < NGX_HTTP_PHAROS_DRAINING
        && (helper.state != NGX_HTTP_PHAROS_FAILED
            || helper.listening.connection))
    {
        ngx_http_pharos_zone_beat(helper.sh);
    }

    /* with the timers of targets, which are on whole seconds mostly */

    now_ms = ngx_http_pharos_now_ms() + NGX_HTTP_PHAROS_BEAT_MS / 10;
    now_ms += NGX_HTTP_PHAROS_BEAT_MS - now_ms % NGX_HTTP_PHAROS_BEAT_MS;

    ngx_add_timer(ev, ngx_http_pharos_clock_until(now_ms));
}


/* once is enough */

static ngx_int_t
ngx_http_pharos_helper_listen(void)
{
    ngx_event_t       *rev;
    ngx_cycle_t       *cycle;
    ngx_listening_t   *ls;
    ngx_connection_t  *c;
    ngx_event_conf_t  *ecf;

    if (helper.listening.connection) {
        return NGX_OK;
    }

    cycle = helper.cycle;

    /* one at a time, or a burst would not be seen to take too many */

    ecf = ngx_event_get_conf(cycle->conf_ctx, ngx_event_core_module);
    ecf->multi_accept = 0;

    ls = &helper.listening;

    *ls = *helper.pmcf->listening;
    ls->fd = helper.pmcf->fd;
    ls->reuseport = 0;
    ls->previous = NULL;

    c = ngx_get_connection(ls->fd, cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->type = ls->type;
    c->log = &ls->log;
    c->listening = ls;

    rev = c->read;
    rev->log = c->log;
    rev->accept = 1;
    rev->handler = ngx_http_pharos_helper_accept;

    if (ngx_add_event(rev, NGX_READ_EVENT, 0) == NGX_ERROR) {
        ngx_free_connection(c);
        c->fd = (ngx_socket_t) -1;
        return NGX_ERROR;
    }

    ls->connection = c;

    /* the core pauses and closes what it finds here */

    helper.pmcf->fd = NGX_INVALID_FILE;
    cycle->listening.elts = ls;
    cycle->listening.nelts = 1;

    return NGX_OK;
}


/*
 * With no connection left the core would accept and close: a 502 for the
 * client.  In the backlog it would just wait.
 */

static void
ngx_http_pharos_helper_accept(ngx_event_t *ev)
{
    if (!ev->timedout
        && ngx_cycle->free_connection_n < ngx_cycle->connection_n / 4)
    {
        if (ngx_del_event(ev, NGX_READ_EVENT, NGX_DISABLE_EVENT) == NGX_OK) {
            ngx_add_timer(&helper.accept, NGX_HTTP_PHAROS_ACCEPT_MS);
            return;
        }
    }

    ngx_event_accept(ev);
}


static void
ngx_http_pharos_helper_resume(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = helper.listening.connection;

    if (helper.state >= NGX_HTTP_PHAROS_DRAINING || c->read->active) {
        return;
    }

    if (ngx_cycle->free_connection_n < ngx_cycle->connection_n / 4
        || ngx_add_event(c->read, NGX_READ_EVENT, 0) == NGX_ERROR)
    {
        ngx_add_timer(ev, NGX_HTTP_PHAROS_ACCEPT_MS);
    }
}


static ngx_int_t
ngx_http_pharos_helper_hook(ngx_cycle_t *cycle)
{
    ngx_uint_t         i;
    ngx_connection_t  *c;

    c = cycle->connections;

    for (i = 0; i < cycle->connection_n; i++) {

        if (c[i].fd == ngx_channel && c[i].read->handler) {
            helper.channel_handler = c[i].read->handler;
            c[i].read->handler = ngx_http_pharos_helper_channel;
            return NGX_OK;
        }
    }

    ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                  "no channel to the master process");

    return NGX_ERROR;
}


static void
ngx_http_pharos_helper_channel(ngx_event_t *ev)
{
    helper.channel_handler(ev);

    if (ngx_quit && !ngx_terminate
        && helper.state != NGX_HTTP_PHAROS_STOPPED)
    {
        ngx_quit = 0;

        if (!helper.tell.timer_set) {
            helper.tell_until_ms = ngx_http_pharos_zone_clock_ms()
                                   + NGX_HTTP_PHAROS_TELL_MS;
            ngx_http_pharos_helper_quit(&helper.tell);
        }
    }
}


/*
 * The outcome of a notification is of use to the next helper only in the
 * store, so the lock is kept for it.  Nobody waits meanwhile: this helper
 * serves as before.
 */

static void
ngx_http_pharos_helper_quit(ngx_event_t *ev)
{
    if (helper.state == NGX_HTTP_PHAROS_SERVING
        && ngx_http_pharos_notify_telling()
        && ngx_http_pharos_zone_clock_ms() < helper.tell_until_ms)
    {
        ngx_add_timer(ev, NGX_HTTP_PHAROS_DRAIN_MS);
        return;
    }

    ngx_http_pharos_helper_drain();
}


static void
ngx_http_pharos_helper_drain(void)
{
    ngx_core_conf_t  *ccf;

    if (helper.state >= NGX_HTTP_PHAROS_DRAINING) {
        return;
    }

    if (helper.state != NGX_HTTP_PHAROS_SERVING) {
        ngx_http_pharos_helper_leave(NGX_HTTP_PHAROS_EXIT_MS);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, helper.cycle->log, 0,
                  "monitoring process is shutting down");
    ngx_setproctitle("pharos monitoring process is shutting down");

    helper.state = NGX_HTTP_PHAROS_DRAINING;

    ngx_exiting = 1;
    ngx_close_listening_sockets(helper.cycle);
    ngx_close_idle_connections(helper.cycle);

    /* worker_shutdown_timeout does not bind a helper process by itself */

    ccf = (ngx_core_conf_t *) ngx_get_conf(helper.cycle->conf_ctx,
                                           ngx_core_module);

    helper.drain_until_ms = ngx_http_pharos_zone_clock_ms()
                            + (ccf->shutdown_timeout
                               ? ccf->shutdown_timeout
                               : ngx_max(helper.pmcf->query_timeout,
                                         helper.pmcf->stream_timeout)
                                 + 5000);

    ngx_http_pharos_engine_drain();

    ngx_add_timer(&helper.drain, NGX_HTTP_PHAROS_DRAIN_MS);
}


static void
ngx_http_pharos_helper_drained(ngx_event_t *ev)
{
    ngx_uint_t         i;
    ngx_connection_t  *c;

    c = helper.cycle->connections;

    for (i = 0; i < helper.cycle->connection_n; i++) {

        if (c[i].fd != (ngx_socket_t) -1
            && c[i].listening
            && ngx_http_pharos_zone_clock_ms() < helper.drain_until_ms)
        {
            ngx_add_timer(ev, NGX_HTTP_PHAROS_DRAIN_MS);
            return;
        }
    }

    ngx_http_pharos_helper_leave(NGX_HTTP_PHAROS_EXIT_MS);
}


static void
ngx_http_pharos_helper_leave(ngx_msec_t ms)
{
    if (helper.state == NGX_HTTP_PHAROS_STOPPED) {
        return;
    }

    if (helper.state == NGX_HTTP_PHAROS_OPENING
        || helper.state == NGX_HTTP_PHAROS_SERVING
        || helper.state == NGX_HTTP_PHAROS_DRAINING)
    {
        if (ngx_http_pharos_engine_stop(ms) != NGX_OK) {
            ngx_log_error(NGX_LOG_WARN, helper.cycle->log, 0,
                          "a thread did not stop in time, "
                          "the store is left as it is");
        }
    }

    ngx_http_pharos_helper_unlock();

    if (helper.sh->owner == helper.pid) {
        helper.sh->owner = 0;
    }

    helper.state = NGX_HTTP_PHAROS_STOPPED;
    ngx_quit = 1;
}


/* SIGTERM, or a SIGQUIT that did not come through the channel */

static void
ngx_http_pharos_helper_atexit(void)
{
    if (helper.pid != getpid()) {
        return;
    }

    ngx_http_pharos_helper_leave(NGX_HTTP_PHAROS_EXIT_MS);
}


void
ngx_http_pharos_helper_exit(ngx_cycle_t *cycle)
{
    if (helper.state != NGX_HTTP_PHAROS_NONE && helper.pid == ngx_pid) {
        ngx_http_pharos_helper_leave(NGX_HTTP_PHAROS_EXIT_MS);
    }
}


ngx_uint_t
ngx_http_pharos_helper_running(void)
{
    return helper.state != NGX_HTTP_PHAROS_NONE && helper.pid == ngx_pid;
}


ngx_uint_t
ngx_http_pharos_helper_draining(void)
{
    return helper.state >= NGX_HTTP_PHAROS_DRAINING;
}


ngx_http_pharos_main_conf_t *
ngx_http_pharos_helper_conf(void)
{
    return helper.pmcf;
}


ngx_http_pharos_shared_t *
ngx_http_pharos_helper_shared(void)
{
    return helper.sh;
}
