/*
 * Copyright (C) The Pharos Authors
 *
 * Outbound: HTTP requests of the helper, carried by libcurl in a thread of
 * their own.  A request waits for the addresses of its host, is a transfer
 * of the one multi handle, and goes back to the loop.  What libcurl is told
 * of a request is no matter of this file (ngx_http_pharos_transfer.c).
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <sys/eventfd.h>

#include "ngx/ngx_http_pharos_heap.h"
#include "ngx/ngx_http_pharos_outbound.h"
#include "ngx/ngx_http_pharos_resolve.h"
#include "ngx/ngx_http_pharos_thread.h"
#include "ngx/ngx_http_pharos_transfer.h"


#define NGX_HTTP_PHAROS_OUTBOUND_MAX         1000
#define NGX_HTTP_PHAROS_OUTBOUND_KEEP        2048
#define NGX_HTTP_PHAROS_OUTBOUND_POLL_MS     1000
#define NGX_HTTP_PHAROS_OUTBOUND_TIMEOUT_MS  30000

/* while nothing is carried, nothing but a request is waited for */
#define NGX_HTTP_PHAROS_OUTBOUND_IDLE_MS     60000

/* for so long a lazy answer waits for those that are under way */
#define NGX_HTTP_PHAROS_OUTBOUND_LAZY_US     100000


static void *ngx_http_pharos_outbound_thread(void *data);
static ngx_uint_t ngx_http_pharos_outbound_take(void);
static long ngx_http_pharos_outbound_idle(long ms);
static void ngx_http_pharos_outbound_sleep(long ms);
static long ngx_http_pharos_outbound_waiting(void);
static void ngx_http_pharos_outbound_cancelled(void);
static void ngx_http_pharos_outbound_finished(void);
static ngx_int_t ngx_http_pharos_outbound_begin(
    ngx_http_pharos_outbound_t *o);
static ngx_int_t ngx_http_pharos_outbound_address(
    ngx_http_pharos_outbound_t *o);
static ngx_int_t ngx_http_pharos_outbound_carry(
    ngx_http_pharos_outbound_t *o);
static void ngx_http_pharos_outbound_result(ngx_http_pharos_outbound_t *o,
    CURLcode code);
static void ngx_http_pharos_outbound_fail(ngx_http_pharos_outbound_t *o,
    int rc, const char *text);
static void ngx_http_pharos_outbound_end(ngx_http_pharos_outbound_t *o);
static void ngx_http_pharos_outbound_event_handler(ngx_event_t *ev);
static void ngx_http_pharos_outbound_done(void *data);
static void ngx_http_pharos_outbound_wake(void);
static void ngx_http_pharos_outbound_signal(void);
static int64_t ngx_http_pharos_outbound_clock_us(void);


static CURLM                        *outbound_multi;
static pthread_t                     outbound_tid;
static ngx_uint_t                    outbound_running;
static ngx_http_pharos_wake_t        outbound_back;
static ngx_event_t                   outbound_event;
static int                           outbound_fd = -1;  /* wakes the thread */

/*
 * under the mutex: posted, done; whether the thread has to be woken, whether
 * the loop was woken for what is done, and since when it is owed that
 */
static pthread_mutex_t               outbound_mutex =
                                                  PTHREAD_MUTEX_INITIALIZER;
static ngx_http_pharos_outbound_t   *outbound_in;
static ngx_http_pharos_outbound_t  **outbound_in_last = &outbound_in;
static ngx_http_pharos_outbound_t   *outbound_out;
static ngx_http_pharos_outbound_t  **outbound_out_last = &outbound_out;
static ngx_http_pharos_outbound_stats_t  outbound_stats;
static ngx_uint_t                    outbound_cancels;
static ngx_uint_t                    outbound_asleep;
static ngx_uint_t                    outbound_told;
static int64_t                       outbound_owed_us;

/* of the thread: for addresses or for room, and carried */
static ngx_http_pharos_outbound_t   *outbound_wait;
static ngx_http_pharos_outbound_t  **outbound_wait_last = &outbound_wait;
static ngx_http_pharos_outbound_t   *outbound_active;
static ngx_uint_t                    outbound_nactive;


ngx_int_t
ngx_http_pharos_outbound_start(ngx_log_t *log)
{
    long           keep;
    struct rlimit  rlmt;

    /* once in a process, and before its threads: it starts again and again */

    if (outbound_multi == NULL) {

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
            ngx_log_error(NGX_LOG_ALERT, log, 0,
                          "curl_global_init() failed");
            return NGX_ERROR;
        }

        outbound_multi = curl_multi_init();

        if (outbound_multi == NULL) {
            ngx_log_error(NGX_LOG_ALERT, log, 0, "curl_multi_init() failed");
            return NGX_ERROR;
        }
    }

    /* one for each target, as long as half of the files are left */

    keep = NGX_HTTP_PHAROS_OUTBOUND_KEEP;

    if (getrlimit(RLIMIT_NOFILE, &rlmt) == 0) {
        keep = (long) ngx_min((rlim_t) keep, rlmt.rlim_cur / 2);
    }

    (void) curl_multi_setopt(outbound_multi, CURLMOPT_MAXCONNECTS, keep);

    /* cheaper than curl_multi_wakeup() */

    if (outbound_fd == -1) {
        outbound_fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);
    }

    if (outbound_fd == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno, "eventfd() failed");
        return NGX_ERROR;
    }

    outbound_event.handler = ngx_http_pharos_outbound_event_handler;
    outbound_event.log = log;

    outbound_back.handler = ngx_http_pharos_outbound_done;
    outbound_back.data = NULL;

    if (ngx_http_pharos_wake_open(&outbound_back, log) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_pharos_resolve_init(ngx_http_pharos_outbound_wake, log);
    ngx_http_pharos_transfer_init();

    outbound_running = 1;

    if (ngx_http_pharos_thread(&outbound_tid,
                               ngx_http_pharos_outbound_thread, NULL, log)
        != NGX_OK)
    {
        outbound_running = 0;
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_pharos_outbound_stop(ngx_msec_t ms)
{
    struct timespec  until;

    if (!outbound_running) {
        return NGX_OK;
    }

    (void) clock_gettime(CLOCK_REALTIME, &until);

    until.tv_sec += ms / 1000;
    until.tv_nsec += (ms % 1000) * 1000000;

    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }

    phr_shared_set(&outbound_running, 0);
    ngx_http_pharos_outbound_signal();

    if (pthread_timedjoin_np(outbound_tid, NULL, &until) != 0) {
        return NGX_ERROR;
    }

    ngx_http_pharos_wake_close(&outbound_back);

    if (outbound_event.posted) {
        ngx_delete_posted_event(&outbound_event);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_pharos_outbound_post(ngx_http_pharos_outbound_t *o)
{
    ngx_uint_t  asleep, owed;

    if (!outbound_running) {
        return NGX_DECLINED;
    }

    o->rc = PHR_OK;
    o->status = 0;
    o->stop = 0;
    o->type[0] = '\0';
    o->error[0] = '\0';
    o->duration_s = 0;
    o->transfer = NULL;
    o->next = NULL;
    o->begin_us = ngx_http_pharos_outbound_clock_us();

    if (o->timeout_ms <= 0) {
        o->timeout_ms = NGX_HTTP_PHAROS_OUTBOUND_TIMEOUT_MS;
    }

    phr_buf_init(&o->answer, o->limit_bytes);

    (void) pthread_mutex_lock(&outbound_mutex);

    *outbound_in_last = o;
    outbound_in_last = &o->next;
    outbound_stats.nposted++;
    outbound_stats.nactive++;

    asleep = outbound_asleep;
    outbound_asleep = 0;

    owed = (outbound_out != NULL);

    (void) pthread_mutex_unlock(&outbound_mutex);

    if (owed) {
        ngx_post_event(&outbound_event, &ngx_posted_events);
    }

    /* what is posted together costs one call to the kernel */

    if (asleep) {
        ngx_http_pharos_outbound_signal();
    }

    return NGX_OK;
}


void
ngx_http_pharos_outbound_cancel(ngx_http_pharos_outbound_t *o)
{
    phr_shared_set(&o->stop, 1);

    if (outbound_running) {
        (void) pthread_mutex_lock(&outbound_mutex);
        outbound_cancels = 1;
        (void) pthread_mutex_unlock(&outbound_mutex);

        ngx_http_pharos_outbound_signal();
    }
}


void
ngx_http_pharos_outbound_stats(ngx_http_pharos_outbound_stats_t *st)
{
    (void) pthread_mutex_lock(&outbound_mutex);
    *st = outbound_stats;
    (void) pthread_mutex_unlock(&outbound_mutex);
}


static void *
ngx_http_pharos_outbound_thread(void *data)
{
    int                          running;
    long                         ms;
    int64_t                      now_us, heap_us;
    ngx_http_pharos_outbound_t  *o;

    ngx_http_pharos_watch_thread();
    heap_us = ngx_http_pharos_outbound_clock_us();

    while (phr_shared_get(&outbound_running)) {

        now_us = ngx_http_pharos_outbound_clock_us();

        if (outbound_nactive == 0
            && now_us - heap_us > NGX_HTTP_PHAROS_HEAP_MS * 1000)
        {
            ngx_http_pharos_heap_top();
            heap_us = now_us;
        }

        if (ngx_http_pharos_outbound_take()) {
            ngx_http_pharos_outbound_cancelled();
        }

        ms = ngx_http_pharos_outbound_waiting();

        (void) curl_multi_perform(outbound_multi, &running);

        ngx_http_pharos_outbound_finished();

        ngx_http_pharos_outbound_sleep(ngx_http_pharos_outbound_idle(ms));
    }

    /* nobody is told any more, but connections are closed in order */

    for (o = outbound_active; o; o = o->next) {
        (void) curl_multi_remove_handle(outbound_multi, o->transfer->easy);
    }

    return NULL;
}


/* new ones join those that wait; says whether some are to be cancelled */

static ngx_uint_t
ngx_http_pharos_outbound_take(void)
{
    ngx_uint_t  cancels;

    (void) pthread_mutex_lock(&outbound_mutex);

    if (outbound_in) {
        *outbound_wait_last = outbound_in;
        outbound_wait_last = outbound_in_last;
        outbound_in = NULL;
        outbound_in_last = &outbound_in;
    }

    cancels = outbound_cancels;
    outbound_cancels = 0;
    outbound_asleep = 0;

    (void) pthread_mutex_unlock(&outbound_mutex);

    return cancels;
}


/*
 * From now on who posts has to wake the thread, unless somebody has posted.
 * Returns for how long it may sleep: what the loop is owed is told in time.
 */

static long
ngx_http_pharos_outbound_idle(long ms)
{
    int64_t     left_us;
    ngx_uint_t  wake;

    wake = 0;

    (void) pthread_mutex_lock(&outbound_mutex);

    if (outbound_owed_us && !outbound_told) {
        left_us = outbound_owed_us + NGX_HTTP_PHAROS_OUTBOUND_LAZY_US
                  - ngx_http_pharos_outbound_clock_us();

        if (left_us <= 0) {
            outbound_told = 1;
            wake = 1;

        } else {
            ms = ngx_min(ms, (long) (left_us / 1000 + 1));
        }
    }

    if (outbound_in) {
        ms = 0;
    }

    outbound_asleep = (ms != 0);

    (void) pthread_mutex_unlock(&outbound_mutex);

    if (wake) {
        ngx_http_pharos_wake(&outbound_back);
    }

    return ms;
}


static void
ngx_http_pharos_outbound_sleep(long ms)
{
    uint64_t            n;
    struct curl_waitfd  fd;

    fd.fd = outbound_fd;
    fd.events = CURL_WAIT_POLLIN;
    fd.revents = 0;

    (void) curl_multi_poll(outbound_multi, &fd, 1, (int) ms, NULL);

    if (fd.revents && read(outbound_fd, &n, sizeof(n)) == -1) {
        /* somebody was faster, which cannot be: it is read here only */
        return;
    }
}


/*
 * Begins what can begin, ends what has waited too long; returns for how
 * long there is nothing to do here.
 */

static long
ngx_http_pharos_outbound_waiting(void)
{
    long                          ms;
    int64_t                       left_ms, now_us;
    ngx_int_t                     rc;
    ngx_http_pharos_outbound_t   *o, **p;

    ms = NGX_HTTP_PHAROS_OUTBOUND_IDLE_MS;
    now_us = ngx_http_pharos_outbound_clock_us();

    for (p = &outbound_wait; *p; /* void */) {
        o = *p;

        left_ms = o->timeout_ms - (now_us - o->begin_us) / 1000;

        if (left_ms <= 0) {
            ngx_http_pharos_outbound_fail(o, PHR_ETIMEOUT,
                                          "context deadline exceeded");
            rc = NGX_DONE;

        } else if (outbound_nactive >= NGX_HTTP_PHAROS_OUTBOUND_MAX) {
            rc = NGX_AGAIN;

        } else {
            rc = ngx_http_pharos_outbound_begin(o);
        }

        if (rc == NGX_AGAIN) {
            ms = ngx_min(ms, (long) left_ms);
            p = &o->next;
            continue;
        }

        *p = o->next;

        if (rc == NGX_OK) {
            o->next = outbound_active;
            outbound_active = o;
            outbound_nactive++;

        } else {
            ngx_http_pharos_outbound_end(o);
        }
    }

    outbound_wait_last = p;

    if (outbound_wait || outbound_nactive) {
        ms = ngx_min(ms, NGX_HTTP_PHAROS_OUTBOUND_POLL_MS);
    }

    return ms;
}


static void
ngx_http_pharos_outbound_cancelled(void)
{
    ngx_http_pharos_outbound_t   *o, **p;

    for (p = &outbound_active; *p; /* void */) {
        o = *p;

        if (!phr_shared_get(&o->stop)) {
            p = &o->next;
            continue;
        }

        *p = o->next;
        outbound_nactive--;

        ngx_http_pharos_outbound_fail(o, PHR_ECANCELED, "canceled");
        ngx_http_pharos_outbound_end(o);
    }

    for (o = outbound_wait; o; o = o->next) {
        if (phr_shared_get(&o->stop)) {
            /* it is found to be too late in a moment */
            o->timeout_ms = 0;
        }
    }
}


static void
ngx_http_pharos_outbound_finished(void)
{
    int                           n;
    CURLMsg                      *msg;
    CURLcode                      code;
    ngx_http_pharos_outbound_t   *o, **p;

    while ((msg = curl_multi_info_read(outbound_multi, &n))) {

        if (msg->msg != CURLMSG_DONE) {
            continue;
        }

        code = msg->data.result;

        (void) curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &o);

        for (p = &outbound_active; *p != o; p = &(*p)->next) { /* void */ }

        *p = o->next;
        outbound_nactive--;

        ngx_http_pharos_outbound_result(o, code);
        ngx_http_pharos_outbound_end(o);
    }
}


/* NGX_OK: carried; NGX_AGAIN: it waits for addresses; else it has failed */

static ngx_int_t
ngx_http_pharos_outbound_begin(ngx_http_pharos_outbound_t *o)
{
    int          code;
    ngx_int_t    rc;
    const char  *why;

    if (o->transfer == NULL) {
        o->transfer = ngx_http_pharos_transfer_get(o, &code, &why);

        if (o->transfer == NULL) {
            ngx_http_pharos_outbound_fail(o, code, why);
            return NGX_ERROR;
        }
    }

    rc = ngx_http_pharos_outbound_address(o);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_pharos_outbound_carry(o);
}


/*
 * Makes libcurl know the host's addresses.  A proxy asks for them itself,
 * and libcurl for those of the proxy.
 */

static ngx_int_t
ngx_http_pharos_outbound_address(ngx_http_pharos_outbound_t *o)
{
    char                         text[NGX_HTTP_PHAROS_RESOLVE_TEXT];
    struct in_addr               addr;
    ngx_http_pharos_transfer_t  *t;

    t = o->transfer;

    if (o->proxy
        || t->host[0] == '['
        || inet_pton(AF_INET, t->host, &addr) == 1)
    {
        return NGX_OK;
    }

    switch (ngx_http_pharos_resolve(t->host, text, sizeof(text))) {

    case NGX_OK:
        break;

    case NGX_AGAIN:
        return NGX_AGAIN;

    case NGX_DECLINED:
        ngx_http_pharos_outbound_fail(o, PHR_EIO, text);
        return NGX_ERROR;

    default:
        ngx_http_pharos_outbound_fail(o, PHR_ENOMEM, "no memory");
        return NGX_ERROR;
    }

    switch (ngx_http_pharos_transfer_addresses(t, text)) {

    case PHR_OK:
        return NGX_OK;

    case PHR_EINVAL:
        ngx_http_pharos_outbound_fail(o, PHR_EINVAL, "host name is too long");
        return NGX_ERROR;

    default:
        ngx_http_pharos_outbound_fail(o, PHR_ENOMEM, "no memory");
        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_http_pharos_outbound_carry(ngx_http_pharos_outbound_t *o)
{
    int64_t   left_ms;
    CURLcode  code;

    left_ms = o->timeout_ms
              - (ngx_http_pharos_outbound_clock_us() - o->begin_us) / 1000;

    code = ngx_http_pharos_transfer_begin(o->transfer, o, left_ms);

    if (code == CURLE_OK
        && curl_multi_add_handle(outbound_multi, o->transfer->easy)
           != CURLM_OK)
    {
        code = CURLE_OUT_OF_MEMORY;
    }

    if (code != CURLE_OK) {
        ngx_http_pharos_outbound_fail(o,
                                      code == CURLE_OUT_OF_MEMORY
                                      ? PHR_ENOMEM : PHR_EINVAL,
                                      curl_easy_strerror(code));
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_pharos_outbound_result(ngx_http_pharos_outbound_t *o, CURLcode code)
{
    int                          rc;
    char                        *type;
    long                         status;
    phr_err_t                    err;
    ngx_http_pharos_transfer_t  *t;

    t = o->transfer;

    if (curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status)
        != CURLE_OK)
    {
        status = 0;
    }

    /* of others nobody wants more than the status */

    if (t->over && status != NGX_HTTP_OK) {
        code = CURLE_OK;
    }

    if (code != CURLE_OK) {

        if (t->over) {
            ngx_http_pharos_outbound_fail(o, PHR_ELIMIT,
                                          "body size limit exceeded");

        } else if (code == CURLE_OPERATION_TIMEDOUT) {
            ngx_http_pharos_outbound_fail(o, PHR_ETIMEOUT,
                                          "context deadline exceeded");

        } else {
            ngx_http_pharos_outbound_fail(o,
                                   code == CURLE_OUT_OF_MEMORY ? PHR_ENOMEM
                                                               : PHR_EIO,
                                   ngx_http_pharos_transfer_why(t, code));
        }

        return;
    }

    t->last = o->answer.len;
    o->status = (int) status;

    if (curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK
        && type)
    {
        (void) ngx_cpystrn((u_char *) o->type, (u_char *) type,
                           sizeof(o->type));
    }

    if (o->status == NGX_HTTP_OK) {
        rc = ngx_http_pharos_transfer_unpack(o, &err);

        if (rc != PHR_OK) {
            ngx_http_pharos_outbound_fail(o, rc, rc == PHR_ELIMIT
                                          ? "body size limit exceeded"
                                          : err.text);
        }
    }
}


static void
ngx_http_pharos_outbound_fail(ngx_http_pharos_outbound_t *o, int rc,
    const char *text)
{
    if (phr_shared_get(&o->stop)) {
        rc = PHR_ECANCELED;
        text = "canceled";
    }

    o->rc = rc;
    (void) ngx_cpystrn((u_char *) o->error, (u_char *) text,
                       sizeof(o->error));
}


/* back to the loop */

static void
ngx_http_pharos_outbound_end(ngx_http_pharos_outbound_t *o)
{
    int64_t     now_us;
    ngx_uint_t  wake;

    now_us = ngx_http_pharos_outbound_clock_us();

    if (o->transfer) {
        (void) curl_multi_remove_handle(outbound_multi, o->transfer->easy);
        ngx_http_pharos_transfer_put(o->transfer, now_us);
    }

    o->transfer = NULL;
    o->duration_s = (double) (now_us - o->begin_us) / 1000000;
    o->next = NULL;

    (void) pthread_mutex_lock(&outbound_mutex);

    *outbound_out_last = o;
    outbound_out_last = &o->next;

    /* the loop takes all that it finds: woken once, by the last, is enough */

    wake = !outbound_told
           && !(o->lazy && (outbound_nactive || outbound_wait));

    if (wake) {
        outbound_told = 1;

    } else if (outbound_owed_us == 0) {
        outbound_owed_us = now_us;
    }

    (void) pthread_mutex_unlock(&outbound_mutex);

    if (wake) {
        ngx_http_pharos_wake(&outbound_back);
    }
}


static void
ngx_http_pharos_outbound_event_handler(ngx_event_t *ev)
{
    ngx_http_pharos_outbound_done(NULL);
}


static void
ngx_http_pharos_outbound_done(void *data)
{
    ngx_http_pharos_outbound_t  *o, *next;

    (void) pthread_mutex_lock(&outbound_mutex);

    o = outbound_out;
    outbound_out = NULL;
    outbound_out_last = &outbound_out;
    outbound_told = 0;
    outbound_owed_us = 0;

    (void) pthread_mutex_unlock(&outbound_mutex);

    for ( /* void */ ; o; o = next) {
        next = o->next;

        (void) pthread_mutex_lock(&outbound_mutex);
        outbound_stats.nactive--;
        outbound_stats.nfailed += (o->rc != PHR_OK);
        (void) pthread_mutex_unlock(&outbound_mutex);

        o->done(o);
    }
}


static void
ngx_http_pharos_outbound_wake(void)
{
    if (outbound_running) {
        ngx_http_pharos_outbound_signal();
    }
}


static void
ngx_http_pharos_outbound_signal(void)
{
    uint64_t  n = 1;

    if (write(outbound_fd, &n, sizeof(n)) == -1) {
        /* so many wait that one more changes nothing */
        return;
    }
}


static int64_t
ngx_http_pharos_outbound_clock_us(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
