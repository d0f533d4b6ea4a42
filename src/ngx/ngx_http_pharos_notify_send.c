/*
 * Copyright (C) The Pharos Authors
 *
 * Send: a notification that was written down is posted to its receiver, and
 * how that went goes back to the dispatcher.
 */

#include "ngx/ngx_http_pharos_notify.h"

#include "core/alloc.h"


#define NGX_HTTP_PHAROS_NOTIFY_ANSWER  (64 * 1024)


static void ngx_http_pharos_notify_sent(ngx_http_pharos_client_t *c);


static ngx_http_pharos_notify_t  *const notify = &ngx_http_pharos_notify;


void
ngx_http_pharos_notify_send(ngx_http_pharos_send_t *s)
{
    ngx_http_pharos_client_t  *c;

    c = ngx_http_pharos_client_create(s->http, s->url);
    if (c == NULL) {
        ngx_http_pharos_notify_result(s, PHR_AGAIN);
        return;
    }

    s->client = c;

    c->method = "POST";
    c->body = phr_buf_view(&s->body);
    c->timeout_ms = s->timeout_ms;
    c->limit_bytes = NGX_HTTP_PHAROS_NOTIFY_ANSWER;
    c->data = s;
    c->done = ngx_http_pharos_notify_sent;

    ngx_http_pharos_client_header(c, "Content-Type: application/json");

    if (ngx_http_pharos_client_send(c) != NGX_OK) {
        ngx_http_pharos_log_err(NGX_LOG_ERR, notify->log, &c->err,
                                "sending a notification");
        ngx_http_pharos_notify_result(s, PHR_AGAIN);
        return;
    }

    notify->nsending++;
}


ngx_uint_t
ngx_http_pharos_notify_telling(void)
{
    return notify->started && (notify->nsending || notify->busy);
}


/* as Alertmanager judges: 5xx and 429 may work later, other codes never */

static void
ngx_http_pharos_notify_sent(ngx_http_pharos_client_t *c)
{
    int                      rc, status;
    ngx_http_pharos_send_t  *s;

    s = c->data;
    status = c->out.status;
    notify->nsending--;

    if (c->err.code != PHR_OK) {
        rc = PHR_AGAIN;
        ngx_log_error(NGX_LOG_ERR, notify->log, 0,
                      "notification of receiver \"%*s\" failed: %s",
                      s->receiver->name.len, s->receiver->name.data,
                      c->err.text);

    } else if (status >= 200 && status < 300) {
        rc = PHR_OK;

    } else {
        rc = (status >= 500 || status == 429) ? PHR_AGAIN : PHR_EINVAL;
        ngx_log_error(NGX_LOG_ERR, notify->log, 0,
                      "notification of receiver \"%*s\" failed: HTTP "
                      "status %d", s->receiver->name.len,
                      s->receiver->name.data, status);
    }

    ngx_http_pharos_notify_result(s, rc);
}


/* goes back to the dispatcher with the next task */

void
ngx_http_pharos_notify_result(ngx_http_pharos_send_t *s, int rc)
{
    ngx_http_pharos_client_free(s->client);
    s->client = NULL;

    phr_buf_free(&s->body);
    s->rc = rc;

    (void) pthread_mutex_lock(&ngx_http_pharos_notify_mutex);
    s->next = notify->results;
    notify->results = s;
    (void) pthread_mutex_unlock(&ngx_http_pharos_notify_mutex);

    ngx_http_pharos_notify_post();
}


void
ngx_http_pharos_notify_send_free(ngx_http_pharos_send_t *s)
{
    if (s->settings) {
        ngx_http_pharos_settings_drop(s->settings);
    }

    phr_buf_free(&s->body);
    phr_arena_destroy(s->arena);
    phr_free(s);
}
