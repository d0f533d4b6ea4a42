/*
 * Copyright (C) The Pharos Authors
 *
 * Stream: see the header.  The thread copies what it made into a free piece
 * and tells the loop; the loop gives one piece at a time to nginx's filters
 * and frees it when the kernel has taken all of it.  What the worker, or its
 * client, does not read so holds up the thread, and no memory.  How slow a
 * client may be is for the worker to say (send_timeout), how long all of it
 * may take for the task's timer.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "ngx/ngx_http_pharos.h"
#include "ngx/ngx_http_pharos_stream.h"
#include "ngx/ngx_http_pharos_thread.h"


/* a thread that waits looks this often whether it is to stop */
#define NGX_HTTP_PHAROS_STREAM_MS  100


static int ngx_http_pharos_stream_room(ngx_http_pharos_stream_t *s,
    ngx_uint_t *slot);
static void ngx_http_pharos_stream_tell(ngx_http_pharos_stream_t *s);
static void ngx_http_pharos_stream_untell(ngx_http_pharos_stream_t *s);
static void ngx_http_pharos_stream_news(void *data);
static void ngx_http_pharos_stream_writer(ngx_http_request_t *r);
static void ngx_http_pharos_stream_push(ngx_http_pharos_stream_t *s);
static ngx_int_t ngx_http_pharos_stream_next(ngx_http_pharos_stream_t *s);
static ngx_int_t ngx_http_pharos_stream_step(ngx_http_pharos_stream_t *s);
static void ngx_http_pharos_stream_finish(ngx_http_pharos_stream_t *s);


/* those that the loop has to look at */
static pthread_mutex_t             news_mutex = PTHREAD_MUTEX_INITIALIZER;
static ngx_http_pharos_stream_t   *news_first;
static ngx_http_pharos_stream_t  **news_last = &news_first;
static ngx_http_pharos_wake_t      news_wake;


ngx_int_t
ngx_http_pharos_streams_open(ngx_log_t *log)
{
    news_wake.handler = ngx_http_pharos_stream_news;
    news_wake.data = NULL;

    return ngx_http_pharos_wake_open(&news_wake, log);
}


void
ngx_http_pharos_streams_close(void)
{
    ngx_http_pharos_wake_close(&news_wake);
}


ngx_int_t
ngx_http_pharos_stream_init(ngx_http_pharos_stream_t *s)
{
    ngx_uint_t          i;
    pthread_condattr_t  attr;

    for (i = 0; i < NGX_HTTP_PHAROS_PIECES; i++) {
        s->piece[i] = malloc(NGX_HTTP_PHAROS_PIECE_SIZE);

        if (s->piece[i] == NULL) {
            while (i--) {
                free(s->piece[i]);
            }

            return NGX_ERROR;
        }
    }

    (void) pthread_mutex_init(&s->mutex, NULL);
    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&s->cond, &attr);
    (void) pthread_condattr_destroy(&attr);

    s->initialized = 1;

    return NGX_OK;
}


void
ngx_http_pharos_stream_free(ngx_http_pharos_stream_t *s)
{
    ngx_uint_t  i;

    if (!s->initialized) {
        return;
    }

    ngx_http_pharos_stream_untell(s);

    (void) pthread_mutex_destroy(&s->mutex);
    (void) pthread_cond_destroy(&s->cond);

    for (i = 0; i < NGX_HTTP_PHAROS_PIECES; i++) {
        free(s->piece[i]);
    }

    s->initialized = 0;
}


int
ngx_http_pharos_stream_send(void *data, const phr_api_response_t *res,
    phr_str_t piece)
{
    ngx_http_pharos_stream_t  *s = data;

    int         rc;
    size_t      len;
    ngx_uint_t  slot;

    while (piece.len) {
        rc = ngx_http_pharos_stream_room(s, &slot);
        if (rc != PHR_OK) {
            return rc;
        }

        len = ngx_min(piece.len, NGX_HTTP_PHAROS_PIECE_SIZE);

        ngx_memcpy(s->piece[slot], piece.data, len);
        s->len[slot] = len;

        piece.data += len;
        piece.len -= len;

        (void) pthread_mutex_lock(&s->mutex);
        s->n++;
        (void) pthread_mutex_unlock(&s->mutex);

        ngx_http_pharos_stream_tell(s);
    }

    return PHR_OK;
}


/* waits for a piece that may be filled; it is the thread's until it counts */

static int
ngx_http_pharos_stream_room(ngx_http_pharos_stream_t *s, ngx_uint_t *slot)
{
    int              rc;
    struct timespec  until;

    (void) pthread_mutex_lock(&s->mutex);

    while (s->n == NGX_HTTP_PHAROS_PIECES && !s->gone
           && phr_shared_get(s->stop) == 0)
    {
        (void) clock_gettime(CLOCK_MONOTONIC, &until);

        until.tv_nsec += NGX_HTTP_PHAROS_STREAM_MS * 1000000L;

        if (until.tv_nsec >= 1000000000L) {
            until.tv_nsec -= 1000000000L;
            until.tv_sec++;
        }

        (void) pthread_cond_timedwait(&s->cond, &s->mutex, &until);
    }

    rc = phr_shared_get(s->stop);

    if (rc == PHR_OK && s->gone) {
        rc = PHR_ECANCELED;
    }

    *slot = (s->first + s->n) % NGX_HTTP_PHAROS_PIECES;

    (void) pthread_mutex_unlock(&s->mutex);

    return rc;
}


/* any thread; a stream that is in the list already is the last or has next */

static void
ngx_http_pharos_stream_tell(ngx_http_pharos_stream_t *s)
{
    ngx_uint_t  first;

    (void) pthread_mutex_lock(&news_mutex);

    first = (news_first == NULL);

    if (s->next == NULL && news_last != &s->next) {
        *news_last = s;
        news_last = &s->next;
    }

    (void) pthread_mutex_unlock(&news_mutex);

    if (first) {
        ngx_http_pharos_wake(&news_wake);
    }
}


static void
ngx_http_pharos_stream_untell(ngx_http_pharos_stream_t *s)
{
    ngx_http_pharos_stream_t  **p;

    (void) pthread_mutex_lock(&news_mutex);

    for (p = &news_first; *p; p = &(*p)->next) {

        if (*p != s) {
            continue;
        }

        *p = s->next;

        if (news_last == &s->next) {
            news_last = p;
        }

        break;
    }

    (void) pthread_mutex_unlock(&news_mutex);
}


static void
ngx_http_pharos_stream_news(void *data)
{
    ngx_connection_t          *c;
    ngx_http_pharos_stream_t  *s;

    for ( ;; ) {
        /* one by one: any of them may be freed by what is done for another */

        (void) pthread_mutex_lock(&news_mutex);

        s = news_first;

        if (s) {
            news_first = s->next;
            s->next = NULL;

            if (news_first == NULL) {
                news_last = &news_first;
            }
        }

        (void) pthread_mutex_unlock(&news_mutex);

        if (s == NULL) {
            return;
        }

        if (s->r == NULL) {
            continue;
        }

        c = s->r->connection;

        ngx_http_pharos_stream_push(s);
        ngx_http_run_posted_requests(c);
    }
}


static void
ngx_http_pharos_stream_writer(ngx_http_request_t *r)
{
    ngx_http_pharos_stream_push(
                         ngx_http_get_module_ctx(r, ngx_http_pharos_module));
}


/* sends as much as there is, and as the worker takes */

static void
ngx_http_pharos_stream_push(ngx_http_pharos_stream_t *s)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = s->r;

    if (!s->header_sent) {
        s->header_sent = 1;

        ngx_http_set_ctx(r, s, ngx_http_pharos_module);
        r->write_event_handler = ngx_http_pharos_stream_writer;
        r->connection->log->action = "sending to a worker";

        s->begun(s);

        rc = s->header(r, s->res);

        if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
            ngx_http_finalize_request(r, rc);
            return;
        }
    }

    while (s->sending || ngx_http_pharos_stream_next(s) == NGX_OK) {

        rc = ngx_http_pharos_stream_step(s);

        if (rc == NGX_AGAIN) {
            return;
        }

        if (rc != NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
        }
    }

    if (s->ended) {
        ngx_http_pharos_stream_finish(s);
    }
}


/* the next piece into the buffer; NGX_DECLINED: there is none */

static ngx_int_t
ngx_http_pharos_stream_next(ngx_http_pharos_stream_t *s)
{
    ngx_uint_t  n;
    ngx_buf_t  *b;

    (void) pthread_mutex_lock(&s->mutex);
    n = s->n;
    (void) pthread_mutex_unlock(&s->mutex);

    if (n == 0) {
        return NGX_DECLINED;
    }

    b = &s->buf;

    ngx_memzero(b, sizeof(ngx_buf_t));

    b->start = s->piece[s->first];
    b->pos = b->start;
    b->last = b->start + s->len[s->first];
    b->end = b->last;
    b->memory = 1;
    b->flush = 1;

    return NGX_OK;
}


/* NGX_OK: the piece is sent and free again */

static ngx_int_t
ngx_http_pharos_stream_step(ngx_http_pharos_stream_t *s)
{
    ngx_int_t                  rc;
    ngx_event_t               *wev;
    ngx_chain_t               *in;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = s->r;
    in = NULL;

    if (!s->sending) {
        s->sending = 1;

        s->link.buf = &s->buf;
        s->link.next = NULL;
        in = &s->link;
    }

    rc = ngx_http_output_filter(r, in);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (r->buffered || r->connection->buffered) {
        wev = r->connection->write;
        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        return ngx_handle_write_event(wev, clcf->send_lowat) == NGX_OK
               ? NGX_AGAIN : NGX_ERROR;
    }

    s->sending = 0;

    (void) pthread_mutex_lock(&s->mutex);

    s->first = (s->first + 1) % NGX_HTTP_PHAROS_PIECES;
    s->n--;

    (void) pthread_cond_signal(&s->cond);
    (void) pthread_mutex_unlock(&s->mutex);

    return NGX_OK;
}


void
ngx_http_pharos_stream_gone(ngx_http_pharos_stream_t *s)
{
    if (!s->initialized) {
        return;
    }

    s->r = NULL;

    (void) pthread_mutex_lock(&s->mutex);

    s->gone = 1;

    (void) pthread_cond_signal(&s->cond);
    (void) pthread_mutex_unlock(&s->mutex);
}


void
ngx_http_pharos_stream_end(ngx_http_pharos_stream_t *s)
{
    ngx_http_pharos_stream_untell(s);

    s->ended = 1;

    ngx_http_pharos_stream_push(s);
}


/*
 * A broken answer ends without its last chunk, or before its length: the
 * worker sees that, and breaks the client's off as well.
 */

static void
ngx_http_pharos_stream_finish(ngx_http_pharos_stream_t *s)
{
    ngx_http_request_t  *r;

    r = s->r;

    if (s->res->broken) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "an answer was broken off after %O bytes: %*s",
                      r->connection->sent, s->res->reason.len,
                      s->res->reason.data);

        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    ngx_http_finalize_request(r, ngx_http_send_special(r, NGX_HTTP_LAST));
}
