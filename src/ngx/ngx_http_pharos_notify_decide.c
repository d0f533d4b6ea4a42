/*
 * Copyright (C) The Pharos Authors
 *
 * Decide: the writer's task of notifying: what came in goes to the
 * dispatcher, what is due becomes requests, what has changed is written
 * down.  Nothing is sent here.
 */

#include "ngx/ngx_http_pharos_notify.h"

#include "core/alloc.h"
#include "core/array.h"
#include "core/clock.h"


#define NGX_HTTP_PHAROS_NOTIFY_TIMEOUT_MS   30000


static int ngx_http_pharos_notify_restore(phr_err_t *err);
static int ngx_http_pharos_notify_restored(void *data, phr_str_t key,
    phr_str_t value);
static int ngx_http_pharos_notify_silenced(void *data, phr_str_t key,
    phr_str_t value);
static int ngx_http_pharos_notify_configure(int64_t now_ms, phr_err_t *err);
static int64_t ngx_http_pharos_notify_clock(void);
static void ngx_http_pharos_notify_take(int64_t now_ms);
static int ngx_http_pharos_notify_due(int64_t now_ms, phr_err_t *err);
static int ngx_http_pharos_notify_make(const phr_notice_t *n,
    phr_err_t *err);
static int ngx_http_pharos_notify_url(const phr_notice_t *n,
    phr_arena_t *arena, phr_str_t *url, phr_err_t *err);
static int ngx_http_pharos_notify_route(const phr_notice_t *n,
    phr_arena_t *arena, phr_pair_t **labels, phr_err_t *err);
static int ngx_http_pharos_notify_expand(const phr_notice_t *n,
    phr_str_t template, phr_arena_t *arena, phr_str_t *out, phr_err_t *err);
static int ngx_http_pharos_notify_keep(void *data, phr_str_t key,
    phr_str_t value);


static ngx_http_pharos_notify_t  *const notify = &ngx_http_pharos_notify;


void
ngx_http_pharos_notify_run(ngx_http_pharos_task_t *t)
{
    int        rc;
    int64_t    now_ms;
    phr_err_t  err;

    phr_err_init(&err);
    now_ms = ngx_http_pharos_notify_clock();
    rc = PHR_OK;

    if (!notify->restored && notify->configure
        && notify->configure->alertmanager)
    {
        rc = ngx_http_pharos_notify_restore(&err);
        notify->restored = 1;
    }

    if (rc == PHR_OK && notify->configure) {
        rc = ngx_http_pharos_notify_configure(now_ms, &err);

    }

    ngx_http_pharos_notify_take(now_ms);

    if (!notify->active) {
        notify->next_ms = PHR_TIME_MAX;
        return;
    }

    if (rc == PHR_OK) {
        rc = ngx_http_pharos_notify_due(now_ms, &err);
    }

    if (rc == PHR_OK) {
        rc = phr_dispatch_changes(notify->dispatch,
                                  ngx_http_pharos_notify_keep, t);
    }

    if (rc != PHR_OK) {
        ngx_http_pharos_log_err(NGX_LOG_ERR, notify->log, &err,
                                "deciding on notifications");
    }

    notify->next_ms = phr_dispatch_next(notify->dispatch);
}


static int
ngx_http_pharos_notify_restore(phr_err_t *err)
{
    int              rc;
    phr_appender_t  *app;

    app = phr_store_appender(notify->api->store);

    rc = app->ops->each(app, PHR_KV_NOTIFY, phr_str_of(""),
                        ngx_http_pharos_notify_restored, NULL, err);
    if (rc == PHR_OK) {
        rc = app->ops->each(app, PHR_KV_SILENCE, phr_str_of(""),
                            ngx_http_pharos_notify_silenced, NULL, err);
    }

    return rc;
}


static int
ngx_http_pharos_notify_restored(void *data, phr_str_t key, phr_str_t value)
{
    phr_err_t  err;

    phr_err_init(&err);

    if (phr_dispatch_restore(notify->dispatch, key, value,
                             ngx_http_pharos_now_ms(), &err)
        != PHR_OK)
    {
        ngx_http_pharos_log_err(NGX_LOG_ERR, notify->log, &err,
                                "reading what was sent");
    }

    return PHR_OK;
}


static int
ngx_http_pharos_notify_silenced(void *data, phr_str_t key, phr_str_t value)
{
    phr_err_t  err;

    phr_err_init(&err);

    if (phr_silences_restore(notify->silences, key, value, &err) != PHR_OK) {
        ngx_http_pharos_log_err(NGX_LOG_ERR, notify->log, &err,
                                "reading a silence");
    }

    return PHR_OK;
}


static int
ngx_http_pharos_notify_configure(int64_t now_ms, phr_err_t *err)
{
    phr_dispatch_t          *none;
    phr_alertmanager_yml_t  *conf;

    conf = notify->configure->alertmanager;

    if (conf != NULL) {
        notify->active = 1;
        notify->taken = 1;
        return phr_dispatch_configure(notify->dispatch, conf, now_ms, err);
    }

    /* nobody is told any more; the records stay, should that change */

    none = phr_dispatch_create();
    if (none == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    phr_dispatch_destroy(notify->dispatch);
    notify->dispatch = none;
    notify->active = 0;
    notify->restored = 0;
    notify->taken = 1;

    return PHR_OK;
}


/*
 * The time to decide by.  What is due would else be due an hour too late, or
 * all at once; so it would by a clock that was set after this look at it.
 */

static int64_t
ngx_http_pharos_notify_clock(void)
{
    int64_t  now_ms, offset_ms, step_ms;

    now_ms = ngx_http_pharos_clock_now_ms(&offset_ms);
    step_ms = offset_ms - notify->offset_ms;

    if (notify->offset_ms == 0) {
        notify->offset_ms = offset_ms;

    } else if (ngx_abs(step_ms) >= PHR_CLOCK_STEP_MS) {
        notify->offset_ms = offset_ms;
        phr_dispatch_shift(notify->dispatch, step_ms);
    }

    return now_ms;
}


/* results first: what they end need not be told again */

static void
ngx_http_pharos_notify_take(int64_t now_ms)
{
    size_t                   i;
    int64_t                  step_ms;
    phr_err_t                err;
    ngx_http_pharos_in_t    *in, *next;
    ngx_http_pharos_send_t  *s, *results;

    (void) pthread_mutex_lock(&ngx_http_pharos_notify_mutex);
    in = notify->in;
    notify->in = NULL;
    notify->in_last = &notify->in;
    notify->nin = 0;
    results = notify->results;
    notify->results = NULL;
    (void) pthread_mutex_unlock(&ngx_http_pharos_notify_mutex);

    while ((s = results) != NULL) {
        results = s->next;
        phr_dispatch_result(notify->dispatch, s->id, s->rc, now_ms);

        /* the notice was of the settings that it holds, see done() */
        s->next = notify->ended;
        notify->ended = s;
    }

    for ( /* void */ ; in; in = next) {

        next = in->next;

        step_ms = notify->offset_ms - in->offset_ms;

        if (ngx_abs(step_ms) < PHR_CLOCK_STEP_MS) {
            step_ms = 0;
        }

        for (i = 0; i < in->n; i++) {
            in->alerts[i].starts_ms += step_ms;
            in->alerts[i].ends_ms += step_ms;
            in->alerts[i].updated_ms = now_ms;
            phr_err_init(&err);

            if (phr_dispatch_put(notify->dispatch, &in->alerts[i], now_ms,
                                 &err)
                != PHR_OK)
            {
                ngx_http_pharos_log_err(NGX_LOG_ERR, notify->log, &err,
                                        "taking an alert");
            }
        }

        phr_arena_destroy(in->arena);
        phr_free(in);
    }
}


static int
ngx_http_pharos_notify_due(int64_t now_ms, phr_err_t *err)
{
    int                   rc;
    size_t                i;
    phr_err_t             failure;
    phr_array_t           due;
    const phr_notice_t   *n;

    phr_array_init(&due, sizeof(const phr_notice_t *));

    rc = phr_dispatch_run(notify->dispatch, notify->silences, now_ms, &due,
                          err);

    for (i = 0; i < due.nelts; i++) {

        n = *phr_array_get(&due, const phr_notice_t *, i);
        phr_err_init(&failure);

        if (ngx_http_pharos_notify_make(n, &failure) != PHR_OK) {
            ngx_http_pharos_log_err(NGX_LOG_ERR, notify->log, &failure,
                                    "making a notification");
            phr_dispatch_result(notify->dispatch, n->id, failure.code,
                                now_ms);
        }
    }

    phr_array_free(&due);

    return rc;
}


static int
ngx_http_pharos_notify_make(const phr_notice_t *n, phr_err_t *err)
{
    int                       rc;
    phr_pair_t               *labels;
    const phr_webhook_t      *hook;
    ngx_http_pharos_send_t   *s;

    hook = n->integration->webhook;

    if (hook == NULL) {
        return phr_err_set(err, PHR_EINVAL,
                           "receiver \"%.*s\": nothing is sent by %.*s",
                           (int) n->receiver->name.len,
                           n->receiver->name.data,
                           (int) n->integration->kind_name.len,
                           n->integration->kind_name.data);
    }

    s = phr_calloc(1, sizeof(ngx_http_pharos_send_t));
    if (s == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    s->id = n->id;
    s->receiver = n->receiver;
    s->http = n->integration->http;
    s->timeout_ms = hook->timeout_ms ? hook->timeout_ms
                                     : NGX_HTTP_PHAROS_NOTIFY_TIMEOUT_MS;
    phr_buf_init(&s->body, 0);

    s->arena = phr_arena_create(0);
    if (s->arena == NULL) {
        rc = phr_err_set(err, PHR_ENOMEM, "out of memory");

    } else {
        rc = ngx_http_pharos_notify_url(n, s->arena, &s->url, err);
    }

    if (rc == PHR_OK) {
        rc = ngx_http_pharos_notify_route(n, s->arena, &labels, err);
    }

    if (rc == PHR_OK) {
        rc = phr_notice_json(n, notify->api->external_url, labels,
                             n->route->labels.n, hook->max_alerts, s->arena,
                             &s->body);
        if (rc != PHR_OK) {
            phr_err_set(err, rc, "out of memory");
        }
    }

    if (rc != PHR_OK) {
        ngx_http_pharos_notify_send_free(s);
        return rc;
    }

    s->next = notify->due;
    notify->due = s;

    return PHR_OK;
}


static int
ngx_http_pharos_notify_url(const phr_notice_t *n, phr_arena_t *arena,
    phr_str_t *url, phr_err_t *err)
{
    int                   rc;
    const phr_webhook_t  *hook;

    hook = n->integration->webhook;

    if (hook->url_file.len) {
        rc = phr_loader_read(arena, hook->url_file.data, url, err);

        while (rc == PHR_OK && url->len
               && (u_char) url->data[url->len - 1] <= ' ')
        {
            url->len--;
        }

        return rc;
    }

    return ngx_http_pharos_notify_expand(n, hook->url, arena, url, err);
}


/* the labels of a route are templates, too */

static int
ngx_http_pharos_notify_route(const phr_notice_t *n, phr_arena_t *arena,
    phr_pair_t **labels, phr_err_t *err)
{
    int                 rc;
    size_t              i;
    const phr_pairs_t  *of;

    of = &n->route->labels;

    *labels = phr_arena_calloc(arena, of->n + 1, sizeof(phr_pair_t));
    if (*labels == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    for (i = 0; i < of->n; i++) {
        (*labels)[i].name = of->p[i].name;

        rc = ngx_http_pharos_notify_expand(n, of->p[i].value, arena,
                                           &(*labels)[i].value, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


/* a text without an action needs no Lua state */

static int
ngx_http_pharos_notify_expand(const phr_notice_t *n, phr_str_t template,
    phr_arena_t *arena, phr_str_t *out, phr_err_t *err)
{
    int             rc;
    phr_buf_t       text;
    phr_vm_conf_t   conf;

    phr_buf_init(&text, 0);

    if (memmem(template.data, template.len, "{{", 2) == NULL) {
        phr_buf_str(&text, template);
        rc = text.failed;

    } else {

        if (notify->vm == NULL) {
            ngx_memzero(&conf, sizeof(phr_vm_conf_t));
            conf.lua_path = (char *) ngx_http_pharos_helper_conf()->lua.data;

            rc = phr_vm_create(&conf, &notify->vm, err);
            if (rc != PHR_OK) {
                return rc;
            }
        }

        rc = phr_vm_expand_notice(notify->vm, n, notify->api->external_url,
                                  template, &text, err);
    }

    if (rc == PHR_OK) {
        *out = phr_arena_str(arena, phr_buf_view(&text));
        if (out->data == NULL) {
            rc = phr_err_set(err, PHR_ENOMEM, "out of memory");
        }
    }

    phr_buf_free(&text);

    return rc;
}


static int
ngx_http_pharos_notify_keep(void *data, phr_str_t key, phr_str_t value)
{
    int                      rc;
    phr_err_t                err;
    phr_appender_t          *app;
    ngx_http_pharos_task_t  *t;

    t = data;
    t->durable = 1;

    phr_err_init(&err);
    app = phr_store_appender(notify->api->store);

    if (value.data == NULL) {
        rc = app->ops->del(app, PHR_KV_NOTIFY, key, &err);

    } else {
        rc = app->ops->put(app, PHR_KV_NOTIFY, key, value, &err);
    }

    return rc < 0 ? rc : PHR_OK;
}
