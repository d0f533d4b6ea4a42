/*
 * Copyright (C) The Pharos Authors
 *
 * Outbound: HTTP requests of the helper, carried by libcurl in a thread of
 * their own.  A request waits for the addresses of its host, is a transfer
 * of the one multi handle, and goes back to the loop.  What is simple enough
 * never leaves it (ngx_http_pharos_direct.c).  This is the only file that
 * includes curl.h.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <curl/curl.h>

#include "ngx/ngx_http_pharos_direct.h"
#include "ngx/ngx_http_pharos_outbound.h"
#include "ngx/ngx_http_pharos_resolve.h"
#include "ngx/ngx_http_pharos_task.h"


#define NGX_HTTP_PHAROS_OUTBOUND_MAX         1000
#define NGX_HTTP_PHAROS_OUTBOUND_KEEP        512
#define NGX_HTTP_PHAROS_OUTBOUND_REDIRECTS   10L
#define NGX_HTTP_PHAROS_OUTBOUND_POLL_MS     1000
#define NGX_HTTP_PHAROS_OUTBOUND_TIMEOUT_MS  30000
#define NGX_HTTP_PHAROS_OUTBOUND_CA_SEC      5L


/* what libcurl needs of a request while it is carried */
typedef struct ngx_http_pharos_transfer_s  ngx_http_pharos_transfer_t;

struct ngx_http_pharos_transfer_s {
    CURL                        *easy;
    struct curl_slist           *headers;
    struct curl_slist           *resolve;
    struct curl_slist           *connect_to;
    CURLU                       *url;
    char                        *host;
    char                        *port;
    char                         error[CURL_ERROR_SIZE];
    unsigned                     over:1;     /* the answer is too large */
};


static void ngx_http_pharos_outbound_queue(ngx_http_pharos_outbound_t *o);
static void ngx_http_pharos_outbound_ended(ngx_http_pharos_outbound_t *o);
static void *ngx_http_pharos_outbound_thread(void *data);
static void ngx_http_pharos_outbound_take(void);
static long ngx_http_pharos_outbound_waiting(void);
static void ngx_http_pharos_outbound_cancelled(void);
static void ngx_http_pharos_outbound_finished(void);
static ngx_int_t ngx_http_pharos_outbound_begin(
    ngx_http_pharos_outbound_t *o);
static ngx_int_t ngx_http_pharos_outbound_parse(
    ngx_http_pharos_outbound_t *o);
static ngx_int_t ngx_http_pharos_outbound_address(
    ngx_http_pharos_outbound_t *o);
static ngx_int_t ngx_http_pharos_outbound_carry(
    ngx_http_pharos_outbound_t *o);
static CURLcode ngx_http_pharos_outbound_options(
    ngx_http_pharos_outbound_t *o);
static CURLcode ngx_http_pharos_outbound_tls(CURL *e,
    const ngx_http_pharos_outbound_tls_t *tls);
static CURLcode ngx_http_pharos_outbound_pem(CURL *e, CURLoption option,
    const char *pem);
static long ngx_http_pharos_outbound_version(const char *name, long max);
static ngx_int_t ngx_http_pharos_outbound_server_name(
    ngx_http_pharos_outbound_t *o);
static size_t ngx_http_pharos_outbound_write(char *data, size_t size,
    size_t n, void *arg);
static void ngx_http_pharos_outbound_result(ngx_http_pharos_outbound_t *o,
    CURLcode code);
static void ngx_http_pharos_outbound_fail(ngx_http_pharos_outbound_t *o,
    int rc, const char *text);
static void ngx_http_pharos_outbound_end(ngx_http_pharos_outbound_t *o);
static void ngx_http_pharos_outbound_done(void *data);
static void ngx_http_pharos_outbound_finish(ngx_http_pharos_outbound_t *o);
static void ngx_http_pharos_outbound_wake(void);
static int64_t ngx_http_pharos_outbound_clock_us(void);


static CURLM                        *outbound_multi;
static pthread_t                     outbound_tid;
static volatile ngx_uint_t           outbound_running;
static ngx_http_pharos_wake_t        outbound_back;

/* under the mutex: posted, and done */
static pthread_mutex_t               outbound_mutex =
                                                  PTHREAD_MUTEX_INITIALIZER;
static ngx_http_pharos_outbound_t   *outbound_in;
static ngx_http_pharos_outbound_t  **outbound_in_last = &outbound_in;
static ngx_http_pharos_outbound_t   *outbound_out;
static ngx_http_pharos_outbound_t  **outbound_out_last = &outbound_out;
static ngx_http_pharos_outbound_stats_t  outbound_stats;
static volatile int                  outbound_cancels;

/* of the thread: for addresses or for room, and carried */
static ngx_http_pharos_outbound_t   *outbound_wait;
static ngx_http_pharos_outbound_t  **outbound_wait_last = &outbound_wait;
static ngx_http_pharos_outbound_t   *outbound_active;
static ngx_uint_t                    outbound_nactive;


ngx_int_t
ngx_http_pharos_outbound_start(ngx_log_t *log)
{
    /* once in a process, before threads; it counts */

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        ngx_log_error(NGX_LOG_ALERT, log, 0, "curl_global_init() failed");
        return NGX_ERROR;
    }

    outbound_multi = curl_multi_init();

    if (outbound_multi == NULL) {
        ngx_log_error(NGX_LOG_ALERT, log, 0, "curl_multi_init() failed");
        return NGX_ERROR;
    }

    (void) curl_multi_setopt(outbound_multi, CURLMOPT_MAXCONNECTS,
                             (long) NGX_HTTP_PHAROS_OUTBOUND_KEEP);

    outbound_back.handler = ngx_http_pharos_outbound_done;
    outbound_back.data = NULL;

    if (ngx_http_pharos_wake_open(&outbound_back, log) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_pharos_resolve_init(ngx_http_pharos_outbound_wake, log);
    ngx_http_pharos_direct_start(ngx_http_pharos_outbound_queue,
                                 ngx_http_pharos_outbound_ended, log);

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

    ngx_http_pharos_direct_stop();

    outbound_running = 0;
    (void) curl_multi_wakeup(outbound_multi);

    if (pthread_timedjoin_np(outbound_tid, NULL, &until) != 0) {
        return NGX_ERROR;
    }

    ngx_http_pharos_wake_close(&outbound_back);

    return NGX_OK;
}


ngx_int_t
ngx_http_pharos_outbound_post(ngx_http_pharos_outbound_t *o)
{
    if (!outbound_running) {
        return NGX_DECLINED;
    }

    o->rc = PHR_OK;
    o->status = 0;
    o->stop = 0;
    o->packed = 0;
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
    outbound_stats.nposted++;
    outbound_stats.nactive++;
    (void) pthread_mutex_unlock(&outbound_mutex);

    if (!o->direct || ngx_http_pharos_direct_post(o) != NGX_OK) {
        ngx_http_pharos_outbound_queue(o);
    }

    return NGX_OK;
}


static void
ngx_http_pharos_outbound_queue(ngx_http_pharos_outbound_t *o)
{
    (void) pthread_mutex_lock(&outbound_mutex);

    *outbound_in_last = o;
    outbound_in_last = &o->next;

    (void) pthread_mutex_unlock(&outbound_mutex);

    (void) curl_multi_wakeup(outbound_multi);
}


void
ngx_http_pharos_outbound_cancel(ngx_http_pharos_outbound_t *o)
{
    o->stop = 1;

    if (outbound_running) {
        outbound_cancels = 1;
        (void) curl_multi_wakeup(outbound_multi);
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
    ngx_http_pharos_outbound_t  *o;

    ngx_http_pharos_watch_thread();

    while (outbound_running) {

        ngx_http_pharos_outbound_take();

        if (outbound_cancels) {
            outbound_cancels = 0;
            ngx_http_pharos_outbound_cancelled();
        }

        ms = ngx_http_pharos_outbound_waiting();

        (void) curl_multi_perform(outbound_multi, &running);

        ngx_http_pharos_outbound_finished();

        (void) curl_multi_poll(outbound_multi, NULL, 0, (int) ms, NULL);
    }

    /* nobody is told any more, but connections are closed in order */

    for (o = outbound_active; o; o = o->next) {
        (void) curl_multi_remove_handle(outbound_multi, o->transfer->easy);
    }

    return NULL;
}


/* new ones join those that wait */

static void
ngx_http_pharos_outbound_take(void)
{
    (void) pthread_mutex_lock(&outbound_mutex);

    if (outbound_in) {
        *outbound_wait_last = outbound_in;
        outbound_wait_last = outbound_in_last;
        outbound_in = NULL;
        outbound_in_last = &outbound_in;
    }

    (void) pthread_mutex_unlock(&outbound_mutex);
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

    ms = NGX_HTTP_PHAROS_OUTBOUND_POLL_MS;
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

    return ms;
}


static void
ngx_http_pharos_outbound_cancelled(void)
{
    ngx_http_pharos_outbound_t   *o, **p;

    for (p = &outbound_active; *p; /* void */) {
        o = *p;

        if (!o->stop) {
            p = &o->next;
            continue;
        }

        *p = o->next;
        outbound_nactive--;

        ngx_http_pharos_outbound_fail(o, PHR_ECANCELED, "canceled");
        ngx_http_pharos_outbound_end(o);
    }

    for (o = outbound_wait; o; o = o->next) {
        if (o->stop) {
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
    ngx_int_t  rc;

    if (o->transfer == NULL) {
        rc = ngx_http_pharos_outbound_parse(o);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_pharos_outbound_address(o);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_pharos_outbound_carry(o);
}


static ngx_int_t
ngx_http_pharos_outbound_parse(ngx_http_pharos_outbound_t *o)
{
    CURLUcode                    code;
    ngx_http_pharos_transfer_t  *t;

    t = calloc(1, sizeof(ngx_http_pharos_transfer_t));
    if (t == NULL) {
        ngx_http_pharos_outbound_fail(o, PHR_ENOMEM, "no memory");
        return NGX_ERROR;
    }

    o->transfer = t;

    t->easy = curl_easy_init();
    t->url = curl_url();

    if (t->easy == NULL || t->url == NULL) {
        ngx_http_pharos_outbound_fail(o, PHR_ENOMEM, "no memory");
        return NGX_ERROR;
    }

    code = curl_url_set(t->url, CURLUPART_URL, o->url, 0);

    if (code == CURLUE_OK) {
        code = curl_url_get(t->url, CURLUPART_HOST, &t->host, 0);
    }

    if (code == CURLUE_OK) {
        code = curl_url_get(t->url, CURLUPART_PORT, &t->port,
                            CURLU_DEFAULT_PORT);
    }

    if (code != CURLUE_OK) {
        ngx_http_pharos_outbound_fail(o, PHR_EINVAL, curl_url_strerror(code));
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Makes libcurl know the host's addresses.  A proxy asks for them itself,
 * and libcurl for those of the proxy.
 */

static ngx_int_t
ngx_http_pharos_outbound_address(ngx_http_pharos_outbound_t *o)
{
    char                         text[NGX_HTTP_PHAROS_RESOLVE_TEXT];
    char                         entry[NGX_HTTP_PHAROS_RESOLVE_TEXT + 300];
    struct in_addr               addr;
    ngx_int_t                    rc;
    ngx_http_pharos_transfer_t  *t;

    t = o->transfer;

    if (o->proxy
        || t->host[0] == '['
        || inet_pton(AF_INET, t->host, &addr) == 1)
    {
        return NGX_OK;
    }

    rc = ngx_http_pharos_resolve(t->host, text, sizeof(text));

    switch (rc) {

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

    if (ngx_strlen(t->host) > 255) {
        ngx_http_pharos_outbound_fail(o, PHR_EINVAL, "host name is too long");
        return NGX_ERROR;
    }

    /* "+": not for ever, the next request brings what is true then */

    ngx_sprintf((u_char *) entry, "+%s:%s:%s%Z", t->host, t->port, text);

    t->resolve = curl_slist_append(NULL, entry);

    if (t->resolve == NULL) {
        ngx_http_pharos_outbound_fail(o, PHR_ENOMEM, "no memory");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_pharos_outbound_carry(ngx_http_pharos_outbound_t *o)
{
    size_t                       i;
    CURLcode                     code;
    struct curl_slist           *list;
    ngx_http_pharos_transfer_t  *t;

    t = o->transfer;

    /* no waiting for a "100 Continue" that few servers send */

    t->headers = curl_slist_append(NULL, "Expect:");

    for (i = 0; t->headers && i < o->nheaders; i++) {
        list = curl_slist_append(t->headers, o->headers[i]);

        if (list == NULL) {
            curl_slist_free_all(t->headers);
        }

        t->headers = list;
    }

    if (t->headers == NULL
        || (o->tls.server_name
            && ngx_http_pharos_outbound_server_name(o) != NGX_OK))
    {
        ngx_http_pharos_outbound_fail(o, PHR_ENOMEM, "no memory");
        return NGX_ERROR;
    }

    code = ngx_http_pharos_outbound_options(o);

    if (code == CURLE_OK
        && curl_multi_add_handle(outbound_multi, t->easy) != CURLM_OK)
    {
        code = CURLE_OUT_OF_MEMORY;
    }

    if (code != CURLE_OK) {
        ngx_http_pharos_outbound_fail(o, PHR_EINVAL, curl_easy_strerror(code));
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* the first option that is refused decides */
#define ngx_http_pharos_setopt(option, value)                                 \
    if (code == CURLE_OK) {                                                   \
        code = curl_easy_setopt(e, option, value);                            \
    }


static CURLcode
ngx_http_pharos_outbound_options(ngx_http_pharos_outbound_t *o)
{
    CURL                        *e;
    int64_t                      left_ms;
    CURLcode                     code;
    ngx_http_pharos_transfer_t  *t;

    t = o->transfer;
    e = t->easy;
    code = CURLE_OK;

    left_ms = o->timeout_ms
              - (ngx_http_pharos_outbound_clock_us() - o->begin_us) / 1000;

    ngx_http_pharos_setopt(CURLOPT_PRIVATE, o);
    ngx_http_pharos_setopt(CURLOPT_CURLU, t->url);
    ngx_http_pharos_setopt(CURLOPT_NOSIGNAL, 1L);
    ngx_http_pharos_setopt(CURLOPT_ERRORBUFFER, t->error);
    ngx_http_pharos_setopt(CURLOPT_PROTOCOLS_STR, "http,https");
    ngx_http_pharos_setopt(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    ngx_http_pharos_setopt(CURLOPT_TIMEOUT_MS, (long) ngx_max(left_ms, 1));
    ngx_http_pharos_setopt(CURLOPT_CONNECTTIMEOUT_MS,
                           (long) ngx_max(left_ms, 1));
    ngx_http_pharos_setopt(CURLOPT_WRITEFUNCTION,
                           ngx_http_pharos_outbound_write);
    ngx_http_pharos_setopt(CURLOPT_WRITEDATA, o);
    ngx_http_pharos_setopt(CURLOPT_HTTPHEADER, t->headers);
    ngx_http_pharos_setopt(CURLOPT_RESOLVE, t->resolve);
    ngx_http_pharos_setopt(CURLOPT_CONNECT_TO, t->connect_to);
    ngx_http_pharos_setopt(CURLOPT_USERAGENT,
                           "Pharos/" NGX_HTTP_PHAROS_VERSION);
    ngx_http_pharos_setopt(CURLOPT_HTTP_VERSION,
                           o->http2 ? (long) CURL_HTTP_VERSION_2TLS
                                    : (long) CURL_HTTP_VERSION_1_1);
    ngx_http_pharos_setopt(CURLOPT_ACCEPT_ENCODING,
                           o->compressed ? "gzip" : NULL);
    ngx_http_pharos_setopt(CURLOPT_FOLLOWLOCATION, (long) o->follow);
    ngx_http_pharos_setopt(CURLOPT_MAXREDIRS,
                           NGX_HTTP_PHAROS_OUTBOUND_REDIRECTS);

    /* "" keeps libcurl from reading the environment */
    ngx_http_pharos_setopt(CURLOPT_PROXY, o->proxy ? o->proxy : "");
    ngx_http_pharos_setopt(CURLOPT_NOPROXY, o->no_proxy);

    if (o->username || o->password) {
        ngx_http_pharos_setopt(CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
        ngx_http_pharos_setopt(CURLOPT_USERNAME,
                               o->username ? o->username : "");
        ngx_http_pharos_setopt(CURLOPT_PASSWORD,
                               o->password ? o->password : "");
    }

    if (o->body.data) {
        ngx_http_pharos_setopt(CURLOPT_POST, 1L);
        ngx_http_pharos_setopt(CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t) o->body.len);
        ngx_http_pharos_setopt(CURLOPT_POSTFIELDS, o->body.data);
    }

    if (o->method) {
        ngx_http_pharos_setopt(CURLOPT_CUSTOMREQUEST, o->method);
    }

    if (code == CURLE_OK) {
        code = ngx_http_pharos_outbound_tls(e, &o->tls);
    }

    return code;
}


static CURLcode
ngx_http_pharos_outbound_tls(CURL *e,
    const ngx_http_pharos_outbound_tls_t *tls)
{
    long      versions;
    CURLcode  code;

    code = CURLE_OK;

    ngx_http_pharos_setopt(CURLOPT_SSL_VERIFYPEER, tls->insecure ? 0L : 1L);
    ngx_http_pharos_setopt(CURLOPT_SSL_VERIFYHOST, tls->insecure ? 0L : 2L);

    if (tls->ca_file) {
        ngx_http_pharos_setopt(CURLOPT_CAINFO, tls->ca_file);
    }

#if (LIBCURL_VERSION_NUM >= 0x075700)
    /* a CA that is replaced shall not be trusted for a day, the default */
    ngx_http_pharos_setopt(CURLOPT_CA_CACHE_TIMEOUT,
                           NGX_HTTP_PHAROS_OUTBOUND_CA_SEC);
#endif

    if (tls->cert_file) {
        ngx_http_pharos_setopt(CURLOPT_SSLCERT, tls->cert_file);
    }

    if (tls->key_file) {
        ngx_http_pharos_setopt(CURLOPT_SSLKEY, tls->key_file);
    }

    if (code == CURLE_OK && tls->ca) {
        code = ngx_http_pharos_outbound_pem(e, CURLOPT_CAINFO_BLOB, tls->ca);
    }

    if (code == CURLE_OK && tls->cert) {
        code = ngx_http_pharos_outbound_pem(e, CURLOPT_SSLCERT_BLOB,
                                            tls->cert);
    }

    if (code == CURLE_OK && tls->key) {
        code = ngx_http_pharos_outbound_pem(e, CURLOPT_SSLKEY_BLOB, tls->key);
    }

    versions = ngx_http_pharos_outbound_version(tls->min_version, 0)
               | ngx_http_pharos_outbound_version(tls->max_version, 1);

    ngx_http_pharos_setopt(CURLOPT_SSLVERSION, versions);

    return code;
}


static CURLcode
ngx_http_pharos_outbound_pem(CURL *e, CURLoption option, const char *pem)
{
    struct curl_blob  blob;

    blob.data = (void *) pem;
    blob.len = ngx_strlen(pem);
    blob.flags = CURL_BLOB_COPY;

    return curl_easy_setopt(e, option, &blob);
}


static long
ngx_http_pharos_outbound_version(const char *name, long max)
{
    ngx_uint_t  i;

    static const struct {
        const char  *name;
        long         min;
        long         max;
    } versions[] = {
        { "TLS10", CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_0 },
        { "TLS11", CURL_SSLVERSION_TLSv1_1, CURL_SSLVERSION_MAX_TLSv1_1 },
        { "TLS12", CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_MAX_TLSv1_2 },
        { "TLS13", CURL_SSLVERSION_TLSv1_3, CURL_SSLVERSION_MAX_TLSv1_3 },
    };

    for (i = 0; name && i < phr_nelems(versions); i++) {
        if (ngx_strcmp(name, versions[i].name) == 0) {
            return max ? versions[i].max : versions[i].min;
        }
    }

    return max ? 0 : CURL_SSLVERSION_TLSv1_2;
}


/*
 * libcurl takes the name of a certificate from the URL.  So the URL gets
 * the name that is asked for, and the connection and the Host header what
 * the URL had.
 */

static ngx_int_t
ngx_http_pharos_outbound_server_name(ngx_http_pharos_outbound_t *o)
{
    size_t                       len;
    u_char                      *text;
    struct curl_slist           *list;
    ngx_http_pharos_transfer_t  *t;

    t = o->transfer;

    len = sizeof("Host: ") + 2 * ngx_strlen(t->port) + ngx_strlen(t->host)
          + ngx_strlen(o->tls.server_name) + 4;

    text = malloc(len);
    if (text == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(text, "%s:%s:%s:%s%Z", o->tls.server_name, t->port, t->host,
                t->port);

    t->connect_to = curl_slist_append(NULL, (char *) text);

    ngx_sprintf(text, "Host: %s:%s%Z", t->host, t->port);

    list = curl_slist_append(t->headers, (char *) text);

    free(text);

    if (list == NULL || t->connect_to == NULL) {
        return NGX_ERROR;
    }

    t->headers = list;

    return curl_url_set(t->url, CURLUPART_HOST, o->tls.server_name, 0)
           == CURLUE_OK
           ? NGX_OK : NGX_ERROR;
}


static size_t
ngx_http_pharos_outbound_write(char *data, size_t size, size_t n, void *arg)
{
    ngx_http_pharos_outbound_t  *o = arg;

    phr_buf_append(&o->answer, data, size * n);

    if (o->answer.failed) {
        o->transfer->over = (o->answer.failed == PHR_ELIMIT);
        return 0;
    }

    return size * n;
}


static void
ngx_http_pharos_outbound_result(ngx_http_pharos_outbound_t *o, CURLcode code)
{
    char                        *type;
    long                         status;
    ngx_http_pharos_transfer_t  *t;

    t = o->transfer;

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
                                   t->error[0] ? t->error
                                               : curl_easy_strerror(code));
        }

        return;
    }

    if (curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status)
        == CURLE_OK)
    {
        o->status = (int) status;
    }

    if (curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK
        && type)
    {
        (void) ngx_cpystrn((u_char *) o->type, (u_char *) type,
                           sizeof(o->type));
    }
}


static void
ngx_http_pharos_outbound_fail(ngx_http_pharos_outbound_t *o, int rc,
    const char *text)
{
    if (o->stop) {
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
    ngx_uint_t                   first;
    ngx_http_pharos_transfer_t  *t;

    t = o->transfer;

    if (t) {
        if (t->easy) {
            (void) curl_multi_remove_handle(outbound_multi, t->easy);
            curl_easy_cleanup(t->easy);
        }

        curl_slist_free_all(t->headers);
        curl_slist_free_all(t->resolve);
        curl_slist_free_all(t->connect_to);
        curl_url_cleanup(t->url);
        curl_free(t->host);
        curl_free(t->port);
        free(t);
    }

    o->transfer = NULL;
    o->duration_s = (double) (ngx_http_pharos_outbound_clock_us()
                              - o->begin_us) / 1000000;
    o->next = NULL;

    (void) pthread_mutex_lock(&outbound_mutex);

    first = (outbound_out == NULL);
    *outbound_out_last = o;
    outbound_out_last = &o->next;

    (void) pthread_mutex_unlock(&outbound_mutex);

    /* the loop takes all that it finds: it was woken for those before */

    if (first) {
        ngx_http_pharos_wake(&outbound_back);
    }
}


static void
ngx_http_pharos_outbound_done(void *data)
{
    ngx_http_pharos_outbound_t  *o, *next;

    (void) pthread_mutex_lock(&outbound_mutex);

    o = outbound_out;
    outbound_out = NULL;
    outbound_out_last = &outbound_out;

    (void) pthread_mutex_unlock(&outbound_mutex);

    for ( /* void */ ; o; o = next) {
        next = o->next;
        ngx_http_pharos_outbound_finish(o);
    }
}


/* one that the loop has carried itself */

static void
ngx_http_pharos_outbound_ended(ngx_http_pharos_outbound_t *o)
{
    o->duration_s = (double) (ngx_http_pharos_outbound_clock_us()
                              - o->begin_us) / 1000000;

    ngx_http_pharos_outbound_finish(o);
}


static void
ngx_http_pharos_outbound_finish(ngx_http_pharos_outbound_t *o)
{
    (void) pthread_mutex_lock(&outbound_mutex);
    outbound_stats.nactive--;
    outbound_stats.nfailed += (o->rc != PHR_OK);
    (void) pthread_mutex_unlock(&outbound_mutex);

    o->done(o);
}


static void
ngx_http_pharos_outbound_wake(void)
{
    if (outbound_running) {
        (void) curl_multi_wakeup(outbound_multi);
    }
}


static int64_t
ngx_http_pharos_outbound_clock_us(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
