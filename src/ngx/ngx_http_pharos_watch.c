/*
 * Copyright (C) The Pharos Authors
 *
 * Watch: what keeps the helper in bounds.  It yields CPU, disk and memory
 * to the workers; a thread aborts the process when the event loop hangs,
 * which nobody else would notice; and a fatal signal leaves the hash of the
 * request that caused it in the zone, before the process dies of it.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "ngx/ngx_http_pharos.h"
#include "ngx/ngx_http_pharos_thread.h"


/* linux/ioprio.h is not everywhere: best effort, the lowest level */
#define NGX_HTTP_PHAROS_IOPRIO_WHO_PROCESS  1
#define NGX_HTTP_PHAROS_IOPRIO              ((2 << 13) | 7)

#define NGX_HTTP_PHAROS_OOM_SCORE           "500"
#define NGX_HTTP_PHAROS_SIGNAL_STACK        (64 * 1024)


static void *ngx_http_pharos_watch_loop(void *data);
static void ngx_http_pharos_watch_fatal(int signo);
#if !(__SANITIZE_ADDRESS__ || __SANITIZE_THREAD__)
static void ngx_http_pharos_watch_key(void);
static void ngx_http_pharos_watch_free(void *stack);
#endif


/* of the loop, looked at by another thread */
static ngx_uint_t                 ngx_http_pharos_watch_turns;
static ngx_http_pharos_shared_t  *ngx_http_pharos_watch_shared;
static ngx_log_t                 *ngx_http_pharos_watch_log;

static __thread volatile uint64_t  ngx_http_pharos_watch_current;

#if !(__SANITIZE_ADDRESS__ || __SANITIZE_THREAD__)
/* the stack of a thread for its handlers, which ends with the thread */
static pthread_key_t              ngx_http_pharos_watch_stack;
static pthread_once_t             ngx_http_pharos_watch_once
                                      = PTHREAD_ONCE_INIT;
static ngx_uint_t                 ngx_http_pharos_watch_keyed;
#endif


void
ngx_http_pharos_watch_limits(ngx_http_pharos_main_conf_t *pmcf,
    ngx_log_t *log)
{
    int            fd;
    struct rlimit  rlmt;

    if (setpriority(PRIO_PROCESS, 0, pmcf->nice) == -1) {
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                      "setpriority(%i) failed", pmcf->nice);
    }

    if (syscall(SYS_ioprio_set, NGX_HTTP_PHAROS_IOPRIO_WHO_PROCESS, 0,
                NGX_HTTP_PHAROS_IOPRIO)
        == -1)
    {
        ngx_log_error(NGX_LOG_INFO, log, ngx_errno, "ioprio_set() failed");
    }

    fd = open("/proc/self/oom_score_adj", O_WRONLY|O_CLOEXEC);

    if (fd != -1) {
        if (write(fd, NGX_HTTP_PHAROS_OOM_SCORE,
                  sizeof(NGX_HTTP_PHAROS_OOM_SCORE) - 1)
            == -1)
        {
            ngx_log_error(NGX_LOG_INFO, log, ngx_errno,
                          "write() to oom_score_adj failed");
        }

        (void) close(fd);
    }

    /*
     * Not RLIMIT_AS, which would count the map of the store.  A sanitizer's
     * shadow does not fit in any limit.
     */

#if !(__SANITIZE_ADDRESS__ || __SANITIZE_THREAD__)

    if (pmcf->memory) {
        rlmt.rlim_cur = (rlim_t) pmcf->memory;
        rlmt.rlim_max = (rlim_t) pmcf->memory;

        if (setrlimit(RLIMIT_DATA, &rlmt) == -1) {
            ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                          "setrlimit(RLIMIT_DATA, %O) failed",
                          pmcf->memory);
        }
    }

#else
    (void) rlmt;
#endif
}


ngx_int_t
ngx_http_pharos_watch_start(ngx_http_pharos_shared_t *sh, ngx_log_t *log)
{
    pthread_t  tid;

    ngx_http_pharos_watch_shared = sh;
    ngx_http_pharos_watch_log = log;

#if !(__SANITIZE_ADDRESS__ || __SANITIZE_THREAD__)
    {
    static const int  signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

    ngx_uint_t        i;
    struct sigaction  sa;

    ngx_memzero(&sa, sizeof(struct sigaction));
    sa.sa_handler = ngx_http_pharos_watch_fatal;
    sa.sa_flags = SA_ONSTACK|SA_RESETHAND|SA_NODEFER;
    sigemptyset(&sa.sa_mask);

    for (i = 0; i < phr_nelems(signals); i++) {
        if (sigaction(signals[i], &sa, NULL) == -1) {
            ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                          "sigaction(%d) failed", signals[i]);
            return NGX_ERROR;
        }
    }
    }
#else
    (void) ngx_http_pharos_watch_fatal;
#endif

    ngx_http_pharos_watch_thread();

    return ngx_http_pharos_thread(&tid, ngx_http_pharos_watch_loop, NULL,
                                  log);
}


void
ngx_http_pharos_watch_turn(void)
{
    phr_shared_set(&ngx_http_pharos_watch_turns,
                   ngx_http_pharos_watch_turns + 1);
}


/*
 * Counts its own seconds, not those of a clock: a process that was stopped
 * and continued is not hung.
 */

static void *
ngx_http_pharos_watch_loop(void *data)
{
    ngx_uint_t       last, turns, n;
    struct timespec  second;

    second.tv_sec = 1;
    second.tv_nsec = 0;

    last = phr_shared_get(&ngx_http_pharos_watch_turns);
    n = 0;

    for ( ;; ) {
        (void) nanosleep(&second, NULL);

        turns = phr_shared_get(&ngx_http_pharos_watch_turns);

        if (turns != last) {
            last = turns;
            n = 0;
            continue;
        }

        if (++n < NGX_HTTP_PHAROS_HANG_S) {
            continue;
        }

        ngx_log_error(NGX_LOG_ALERT, ngx_http_pharos_watch_log, 0,
                      "the event loop of the monitoring process hangs, "
                      "aborting");
        abort();
    }

    return NULL;
}


void
ngx_http_pharos_watch_thread(void)
{
#if !(__SANITIZE_ADDRESS__ || __SANITIZE_THREAD__)
    stack_t  ss;

    /* a stack overflow leaves no stack for the handler */

    (void) pthread_once(&ngx_http_pharos_watch_once,
                        ngx_http_pharos_watch_key);

    ngx_memzero(&ss, sizeof(stack_t));
    ss.ss_size = NGX_HTTP_PHAROS_SIGNAL_STACK;
    ss.ss_sp = ngx_http_pharos_watch_keyed ? malloc(ss.ss_size) : NULL;

    if (ss.ss_sp
        && (pthread_setspecific(ngx_http_pharos_watch_stack, ss.ss_sp) != 0
            || sigaltstack(&ss, NULL) == -1))
    {
        (void) pthread_setspecific(ngx_http_pharos_watch_stack, NULL);
        free(ss.ss_sp);
    }
#endif

    /* also makes the variable exist before a handler needs it */
    ngx_http_pharos_watch_current = 0;
}


#if !(__SANITIZE_ADDRESS__ || __SANITIZE_THREAD__)

static void
ngx_http_pharos_watch_key(void)
{
    ngx_http_pharos_watch_keyed =
                       (pthread_key_create(&ngx_http_pharos_watch_stack,
                                           ngx_http_pharos_watch_free)
                        == 0);
}


static void
ngx_http_pharos_watch_free(void *stack)
{
    stack_t  ss;

    ngx_memzero(&ss, sizeof(stack_t));
    ss.ss_flags = SS_DISABLE;

    if (sigaltstack(&ss, NULL) == 0) {
        free(stack);
    }
}

#endif


void
ngx_http_pharos_watch_hash(uint64_t hash)
{
    ngx_http_pharos_watch_current = hash;
}


static void
ngx_http_pharos_watch_fatal(int signo)
{
    uint64_t  hash;

    hash = ngx_http_pharos_watch_current;

    if (hash && ngx_http_pharos_watch_shared) {
        ngx_http_pharos_zone_accuse(ngx_http_pharos_watch_shared, hash);
    }

    /* the default action is in place again */
    (void) raise(signo);
}
