/*
 * Copyright (C) The Pharos Authors
 *
 * Resolve: host names to addresses, in threads, with a cache.  A name is
 * asked for again when its entry is old, and used until the new answer is
 * there; so a name server that is down for a while does no harm.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <netdb.h>
#include <pthread.h>

#include "core/bytes.h"
#include "ngx/ngx_http_pharos.h"
#include "ngx/ngx_http_pharos_resolve.h"
#include "ngx/ngx_http_pharos_thread.h"


#define NGX_HTTP_PHAROS_RESOLVE_THREADS  8
#define NGX_HTTP_PHAROS_RESOLVE_BUCKETS  256
#define NGX_HTTP_PHAROS_RESOLVE_ENTRIES  4096

/* fresh for so long; a failure is not believed for long */
#define NGX_HTTP_PHAROS_RESOLVE_GOOD_MS  30000
#define NGX_HTTP_PHAROS_RESOLVE_BAD_MS   3000

/* and used for so long when nothing better is to be had */
#define NGX_HTTP_PHAROS_RESOLVE_OLD_MS   (10 * 60 * 1000)


typedef struct ngx_http_pharos_host_s  ngx_http_pharos_host_t;

/* under the mutex; an entry that is asked for is not freed */
struct ngx_http_pharos_host_s {
    ngx_http_pharos_host_t  *next;      /* in its bucket */
    ngx_http_pharos_host_t  *queued;    /* in the queue */
    int64_t                  good_ms;   /* when text was got, 0: never */
    int64_t                  bad_ms;    /* when error was, 0: never */
    unsigned                 asked:1;
    char                     text[NGX_HTTP_PHAROS_RESOLVE_TEXT];
    char                     error[128];
    char                     name[];
};


static ngx_http_pharos_host_t *ngx_http_pharos_resolve_entry(
    const char *host);
static void ngx_http_pharos_resolve_forget(int64_t now_ms);
static void ngx_http_pharos_resolve_ask(ngx_http_pharos_host_t *h);
static void *ngx_http_pharos_resolve_thread(void *data);
static int ngx_http_pharos_resolve_name(const char *name, char *text,
    size_t size);


static pthread_mutex_t           resolve_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t            resolve_cond = PTHREAD_COND_INITIALIZER;
static ngx_http_pharos_host_t   *resolve_hosts[
                                             NGX_HTTP_PHAROS_RESOLVE_BUCKETS];
static ngx_uint_t                resolve_nhosts;
static ngx_http_pharos_host_t   *resolve_first;
static ngx_http_pharos_host_t  **resolve_last = &resolve_first;
static ngx_uint_t                resolve_nqueued;
static ngx_uint_t                resolve_nthreads;
static ngx_uint_t                resolve_nidle;
static void                    (*resolve_wake)(void);
static ngx_log_t                *resolve_log;


void
ngx_http_pharos_resolve_init(void (*wake)(void), ngx_log_t *log)
{
    (void) pthread_mutex_lock(&resolve_mutex);
    resolve_wake = wake;
    resolve_log = log;
    (void) pthread_mutex_unlock(&resolve_mutex);
}


ngx_int_t
ngx_http_pharos_resolve(const char *host, char *text, size_t size)
{
    int64_t                  now_ms;
    ngx_int_t                rc;
    ngx_http_pharos_host_t  *h;

    now_ms = ngx_http_pharos_zone_clock_ms();

    (void) pthread_mutex_lock(&resolve_mutex);

    h = ngx_http_pharos_resolve_entry(host);

    if (h == NULL) {
        rc = NGX_ERROR;
        goto done;
    }

    if (!h->asked
        && (h->good_ms == 0
            || now_ms - h->good_ms > NGX_HTTP_PHAROS_RESOLVE_GOOD_MS)
        && (h->bad_ms == 0
            || now_ms - h->bad_ms > NGX_HTTP_PHAROS_RESOLVE_BAD_MS))
    {
        ngx_http_pharos_resolve_ask(h);
    }

    if (h->good_ms
        && now_ms - h->good_ms < NGX_HTTP_PHAROS_RESOLVE_OLD_MS)
    {
        (void) ngx_cpystrn((u_char *) text, (u_char *) h->text, size);
        rc = NGX_OK;

    } else if (h->asked) {
        rc = NGX_AGAIN;

    } else {
        (void) ngx_cpystrn((u_char *) text, (u_char *) h->error, size);
        rc = NGX_DECLINED;
    }

done:

    (void) pthread_mutex_unlock(&resolve_mutex);

    return rc;
}


static ngx_http_pharos_host_t *
ngx_http_pharos_resolve_entry(const char *host)
{
    size_t                   len;
    ngx_http_pharos_host_t  *h, **bucket;

    len = ngx_strlen(host);
    bucket = &resolve_hosts[phr_xxh64(host, len)
                            % NGX_HTTP_PHAROS_RESOLVE_BUCKETS];

    for (h = *bucket; h; h = h->next) {
        if (ngx_strcasecmp((u_char *) h->name, (u_char *) host) == 0) {
            return h;
        }
    }

    if (resolve_nhosts >= NGX_HTTP_PHAROS_RESOLVE_ENTRIES) {
        ngx_http_pharos_resolve_forget(ngx_http_pharos_zone_clock_ms());
    }

    h = calloc(1, sizeof(ngx_http_pharos_host_t) + len + 1);
    if (h == NULL) {
        return NULL;
    }

    ngx_memcpy(h->name, host, len);

    h->next = *bucket;
    *bucket = h;
    resolve_nhosts++;

    return h;
}


/* what nobody has asked for in a while makes room */

static void
ngx_http_pharos_resolve_forget(int64_t now_ms)
{
    ngx_uint_t               i;
    ngx_http_pharos_host_t  *h, **p;

    for (i = 0; i < NGX_HTTP_PHAROS_RESOLVE_BUCKETS; i++) {

        for (p = &resolve_hosts[i]; *p; /* void */) {
            h = *p;

            if (!h->asked
                && now_ms - ngx_max(h->good_ms, h->bad_ms)
                   > NGX_HTTP_PHAROS_RESOLVE_GOOD_MS)
            {
                *p = h->next;
                resolve_nhosts--;
                free(h);
                continue;
            }

            p = &h->next;
        }
    }
}


static void
ngx_http_pharos_resolve_ask(ngx_http_pharos_host_t *h)
{
    pthread_t  tid;

    h->asked = 1;
    h->queued = NULL;
    *resolve_last = h;
    resolve_last = &h->queued;
    resolve_nqueued++;

    /* one that was woken is idle until it runs: it has a name to ask for */

    if (resolve_nqueued > resolve_nidle
        && resolve_nthreads < NGX_HTTP_PHAROS_RESOLVE_THREADS
        && ngx_http_pharos_thread(&tid, ngx_http_pharos_resolve_thread, NULL,
                                  resolve_log)
           == NGX_OK)
    {
        /* it may hang in the resolver for long: nobody waits for its end */
        (void) pthread_detach(tid);
        resolve_nthreads++;
    }

    (void) pthread_cond_signal(&resolve_cond);
}


static void *
ngx_http_pharos_resolve_thread(void *data)
{
    int                      err;
    char                     text[NGX_HTTP_PHAROS_RESOLVE_TEXT];
    int64_t                  now_ms;
    ngx_http_pharos_host_t  *h;

    ngx_http_pharos_watch_thread();

    (void) pthread_mutex_lock(&resolve_mutex);

    for ( ;; ) {

        while (resolve_first == NULL) {
            resolve_nidle++;
            (void) pthread_cond_wait(&resolve_cond, &resolve_mutex);
            resolve_nidle--;
        }

        h = resolve_first;
        resolve_first = h->queued;
        resolve_nqueued--;

        if (resolve_first == NULL) {
            resolve_last = &resolve_first;
        }

        (void) pthread_mutex_unlock(&resolve_mutex);

        err = ngx_http_pharos_resolve_name(h->name, text, sizeof(text));
        now_ms = ngx_http_pharos_zone_clock_ms();

        (void) pthread_mutex_lock(&resolve_mutex);

        h->asked = 0;

        if (err == 0) {
            ngx_memcpy(h->text, text, sizeof(h->text));
            h->good_ms = now_ms;
            h->bad_ms = 0;

        } else {
            (void) ngx_snprintf((u_char *) h->error, sizeof(h->error),
                                "lookup %s: %s%Z", h->name,
                                gai_strerror(err));
            h->error[sizeof(h->error) - 1] = '\0';
            h->bad_ms = now_ms;
        }

        if (resolve_wake) {
            resolve_wake();
        }
    }

    return NULL;
}


static int
ngx_http_pharos_resolve_name(const char *name, char *text, size_t size)
{
    int               err;
    char              addr[INET6_ADDRSTRLEN];
    size_t            len, n;
    struct addrinfo   hints, *res, *ai;

    ngx_memzero(&hints, sizeof(struct addrinfo));
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;

    err = getaddrinfo(name, NULL, &hints, &res);

    if (err) {
        return err;
    }

    len = 0;

    for (ai = res; ai; ai = ai->ai_next) {

        if (getnameinfo(ai->ai_addr, ai->ai_addrlen, addr, sizeof(addr),
                        NULL, 0, NI_NUMERICHOST)
            != 0)
        {
            continue;
        }

        n = ngx_strlen(addr);

        if (len + n + 4 > size) {
            break;
        }

        if (len) {
            text[len++] = ',';
        }

        if (ai->ai_family == AF_INET6) {
            text[len++] = '[';
        }

        ngx_memcpy(&text[len], addr, n);
        len += n;

        if (ai->ai_family == AF_INET6) {
            text[len++] = ']';
        }
    }

    text[len] = '\0';

    freeaddrinfo(res);

    return len ? 0 : EAI_NONAME;
}
