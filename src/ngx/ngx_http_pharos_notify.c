/*
 * Copyright (C) The Pharos Authors
 *
 * Notify: alerts of the rules come in, notifications go out.  The
 * dispatcher belongs to the writer thread: a task of it takes alerts and
 * results, decides what is due, and writes down that it is being sent; when
 * that is committed, the loop sends.  A process that dies in between finds
 * the record, and nobody is told twice within a group_interval.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <pthread.h>

#include "core/alloc.h"
#include "core/array.h"
#include "ingest/relabel.h"
#include "ngx/ngx_http_pharos_client.h"
#include "ngx/ngx_http_pharos_parts.h"
#include "notify/dispatch.h"
#include "script/vm.h"


#define NGX_HTTP_PHAROS_NOTIFY_TIMEOUT_MS   30000
#define NGX_HTTP_PHAROS_NOTIFY_ANSWER       (64 * 1024)
#define NGX_HTTP_PHAROS_NOTIFY_QUEUE        10000

/* how soon after alerts have come in they are looked at together */
#define NGX_HTTP_PHAROS_NOTIFY_SOON_MS      50


typedef struct ngx_http_pharos_in_s    ngx_http_pharos_in_t;
typedef struct ngx_http_pharos_send_s  ngx_http_pharos_send_t;

/* alerts on their way to the dispatcher */
struct ngx_http_pharos_in_s {
    ngx_http_pharos_in_t          *next;
    phr_arena_t                   *arena;
    phr_notice_alert_t            *alerts;
    size_t                         n;
};

/* a notification: made by the writer, sent and judged on the loop */
struct ngx_http_pharos_send_s {
    ngx_http_pharos_send_t        *next;
    uint64_t                       id;
    int                            rc;          /* the result */
    phr_str_t                      url;         /* in the arena */
    phr_buf_t                      body;
    phr_arena_t                   *arena;
    int64_t                        timeout_ms;
    const phr_receiver_t          *receiver;
    const phr_http_client_t       *http;
    ngx_http_pharos_settings_t    *settings;    /* that http is of */
    ngx_http_pharos_client_t      *client;
};

typedef struct {
    phr_api_t                     *api;
    ngx_log_t                     *log;
    ngx_event_t                    timer;
    ngx_http_pharos_wake_t         wake;
    ngx_http_pharos_task_t         task;
    ngx_http_pharos_settings_t    *settings;    /* in force */
    unsigned                       started:1;
    unsigned                       stopped:1;
    unsigned                       busy:1;
    unsigned                       again:1;     /* more came meanwhile */

    /* under the mutex */
    ngx_http_pharos_in_t          *in;
    size_t                         nin;
    ngx_http_pharos_send_t        *results;
    uint64_t                       ndropped;

    /* the writer's, and the loop's in done() */
    phr_dispatch_t                *dispatch;
    phr_silences_t                *silences;
    phr_vm_t                      *vm;
    ngx_http_pharos_settings_t    *configured;
    ngx_http_pharos_settings_t    *configure;   /* to be taken up */
    ngx_http_pharos_send_t        *due;
    int64_t                        next_ms;
    unsigned                       restored:1;
    unsigned                       active:1;    /* somebody is to be told */
} ngx_http_pharos_notify_t;


static int ngx_http_pharos_notify_copy(ngx_http_pharos_in_t *in,
    const phr_alert_msg_t *msgs, size_t n);
static int ngx_http_pharos_notify_labels(phr_arena_t *arena,
    const phr_prometheus_yml_t *conf, phr_labels_t in, phr_labels_t *out);
static void ngx_http_pharos_notify_wake(void *data);
static void ngx_http_pharos_notify_timer(ngx_event_t *ev);
static void ngx_http_pharos_notify_post(void);
static void ngx_http_pharos_notify_run(ngx_http_pharos_task_t *t);
static int ngx_http_pharos_notify_restore(phr_err_t *err);
static int ngx_http_pharos_notify_restored(void *data, phr_str_t key,
    phr_str_t value);
static int ngx_http_pharos_notify_silenced(void *data, phr_str_t key,
    phr_str_t value);
static int ngx_http_pharos_notify_configure(int64_t now_ms, phr_err_t *err);
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
static void ngx_http_pharos_notify_done(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_notify_send(ngx_http_pharos_send_t *s);
static void ngx_http_pharos_notify_sent(ngx_http_pharos_client_t *c);
static void ngx_http_pharos_notify_result(ngx_http_pharos_send_t *s, int rc);
static void ngx_http_pharos_notify_send_free(ngx_http_pharos_send_t *s);
static int64_t ngx_http_pharos_notify_now_ms(void);


static ngx_http_pharos_notify_t   notify;
static pthread_mutex_t            notify_mutex = PTHREAD_MUTEX_INITIALIZER;


/* on the loop, for each load of the settings */

ngx_int_t
ngx_http_pharos_notify_apply(ngx_http_pharos_settings_t *s, phr_api_t *api,
    ngx_log_t *log)
{
    ngx_http_pharos_settings_t  *old;

    if (!notify.started) {

        ngx_memzero(&notify, sizeof(ngx_http_pharos_notify_t));

        notify.api = api;
        notify.log = log;
        notify.next_ms = PHR_TIME_MAX;

        notify.timer.handler = ngx_http_pharos_notify_timer;
        notify.timer.log = log;
        notify.timer.cancelable = 1;

        notify.wake.handler = ngx_http_pharos_notify_wake;

        notify.task.run = ngx_http_pharos_notify_run;
        notify.task.done = ngx_http_pharos_notify_done;

        notify.dispatch = phr_dispatch_create();
        notify.silences = phr_silences_create();

        if (notify.dispatch == NULL || notify.silences == NULL
            || ngx_http_pharos_wake_open(&notify.wake, log) != NGX_OK)
        {
            return NGX_ERROR;
        }

        notify.started = 1;
    }

    ngx_http_pharos_settings_hold(s);

    (void) pthread_mutex_lock(&notify_mutex);
    old = notify.settings;
    notify.settings = s;
    (void) pthread_mutex_unlock(&notify_mutex);

    if (old) {
        ngx_http_pharos_settings_drop(old);
    }

    ngx_http_pharos_notify_post();

    return NGX_OK;
}


/* in the rules' thread */

void
ngx_http_pharos_notify_alerts(const phr_alert_msg_t *msgs, size_t n)
{
    int                    rc;
    ngx_http_pharos_in_t  *in;

    if (n == 0) {
        return;
    }

    in = phr_calloc(1, sizeof(ngx_http_pharos_in_t));
    if (in == NULL) {
        return;
    }

    in->arena = phr_arena_create(0);

    (void) pthread_mutex_lock(&notify_mutex);

    if (in->arena == NULL || !notify.started || notify.settings == NULL
        || notify.settings->alertmanager == NULL)
    {
        rc = PHR_DONE;

    } else if (notify.nin + n > NGX_HTTP_PHAROS_NOTIFY_QUEUE) {
        notify.ndropped += n;
        rc = PHR_ELIMIT;

    } else {
        rc = ngx_http_pharos_notify_copy(in, msgs, n);
    }

    if (rc == PHR_OK) {
        in->next = notify.in;
        notify.in = in;
        notify.nin += in->n;
    }

    (void) pthread_mutex_unlock(&notify_mutex);

    if (rc != PHR_OK) {
        /* a rule tells its firing alerts again, nothing is lost for long */
        phr_arena_destroy(in->arena);
        phr_free(in);
        return;
    }

    ngx_http_pharos_wake(&notify.wake);
}


static int
ngx_http_pharos_notify_copy(ngx_http_pharos_in_t *in,
    const phr_alert_msg_t *msgs, size_t n)
{
    int                  rc;
    size_t               i;
    phr_notice_alert_t   a;

    in->alerts = phr_arena_calloc(in->arena, n, sizeof(phr_notice_alert_t));
    if (in->alerts == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0; i < n; i++) {

        ngx_memzero(&a, sizeof(phr_notice_alert_t));

        a.annotations = msgs[i].annotations;
        a.starts_ms = msgs[i].starts_ms;
        a.ends_ms = msgs[i].ends_ms;
        a.generator_url = msgs[i].generator_url;

        rc = ngx_http_pharos_notify_labels(in->arena,
                                           notify.settings->prometheus,
                                           msgs[i].labels, &a.labels);
        if (rc == PHR_DONE) {
            continue;
        }

        if (rc == PHR_OK) {
            rc = phr_notice_alert_copy(in->arena, &a, &in->alerts[in->n]);
        }

        if (rc != PHR_OK) {
            return rc;
        }

        in->n++;
    }

    return PHR_OK;
}


/* external labels where the alert has none, then alert_relabel_configs */

static int
ngx_http_pharos_notify_labels(phr_arena_t *arena,
    const phr_prometheus_yml_t *conf, phr_labels_t in, phr_labels_t *out)
{
    int                    rc;
    size_t                 i;
    phr_labels_t           external;
    phr_labels_builder_t   b;

    external = conf->global.external_labels;

    phr_labels_builder_init(&b, arena, in);

    for (i = 0; i < external.n; i++) {
        if (!phr_labels_has(in, external.l[i].name)) {
            phr_labels_builder_set(&b, external.l[i].name,
                                   external.l[i].value);
        }
    }

    rc = phr_relabel(&conf->alert_relabel, &b, NULL);
    if (rc != PHR_OK) {
        return rc;
    }

    return phr_labels_build(&b, out);
}


/* on the loop, some time after alerts have come in */

static void
ngx_http_pharos_notify_wake(void *data)
{
    if (notify.stopped || notify.busy) {
        notify.again = 1;
        return;
    }

    if (notify.timer.timer_set) {
        ngx_del_timer(&notify.timer);
    }

    ngx_add_timer(&notify.timer, NGX_HTTP_PHAROS_NOTIFY_SOON_MS);
}


static void
ngx_http_pharos_notify_timer(ngx_event_t *ev)
{
    ngx_http_pharos_notify_post();
}


static void
ngx_http_pharos_notify_post(void)
{
    if (notify.stopped) {
        return;
    }

    if (notify.busy) {
        notify.again = 1;
        return;
    }

    if (notify.settings != notify.configured) {
        notify.configure = notify.settings;
        ngx_http_pharos_settings_hold(notify.configure);
    }

    notify.again = 0;
    notify.task.durable = 0;

    if (ngx_http_pharos_task_post(NGX_HTTP_PHAROS_POOL_WRITE, &notify.task)
        == NGX_OK)
    {
        notify.busy = 1;
        return;
    }

    if (notify.configure) {
        ngx_http_pharos_settings_drop(notify.configure);
        notify.configure = NULL;
    }

    if (!notify.timer.timer_set) {
        ngx_add_timer(&notify.timer, 1000);
    }
}


/* in the writer thread */

static void
ngx_http_pharos_notify_run(ngx_http_pharos_task_t *t)
{
    int        rc;
    int64_t    now_ms;
    phr_err_t  err;

    phr_err_init(&err);
    now_ms = ngx_http_pharos_notify_now_ms();
    rc = PHR_OK;

    if (!notify.restored && notify.configure
        && notify.configure->alertmanager)
    {
        rc = ngx_http_pharos_notify_restore(&err);
        notify.restored = 1;
    }

    if (rc == PHR_OK && notify.configure) {
        rc = ngx_http_pharos_notify_configure(now_ms, &err);
    }

    ngx_http_pharos_notify_take(now_ms);

    if (!notify.active) {
        notify.next_ms = PHR_TIME_MAX;
        return;
    }

    if (rc == PHR_OK) {
        rc = ngx_http_pharos_notify_due(now_ms, &err);
    }

    if (rc == PHR_OK) {
        rc = phr_dispatch_changes(notify.dispatch,
                                  ngx_http_pharos_notify_keep, t);
    }

    if (rc != PHR_OK) {
        ngx_http_pharos_log_err(NGX_LOG_ERR, notify.log, &err,
                                "deciding on notifications");
    }

    notify.next_ms = phr_dispatch_next(notify.dispatch);
}


static int
ngx_http_pharos_notify_restore(phr_err_t *err)
{
    int              rc;
    phr_appender_t  *app;

    app = phr_store_appender(notify.api->store);

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

    if (phr_dispatch_restore(notify.dispatch, key, value,
                             ngx_http_pharos_notify_now_ms(), &err)
        != PHR_OK)
    {
        ngx_http_pharos_log_err(NGX_LOG_ERR, notify.log, &err,
                                "reading what was sent");
    }

    return PHR_OK;
}


static int
ngx_http_pharos_notify_silenced(void *data, phr_str_t key, phr_str_t value)
{
    phr_err_t  err;

    phr_err_init(&err);

    if (phr_silences_restore(notify.silences, key, value, &err) != PHR_OK) {
        ngx_http_pharos_log_err(NGX_LOG_ERR, notify.log, &err,
                                "reading a silence");
    }

    return PHR_OK;
}


static int
ngx_http_pharos_notify_configure(int64_t now_ms, phr_err_t *err)
{
    phr_dispatch_t          *none;
    phr_alertmanager_yml_t  *conf;

    conf = notify.configure->alertmanager;

    if (conf != NULL) {
        notify.active = 1;
        return phr_dispatch_configure(notify.dispatch, conf, now_ms, err);
    }

    /* nobody is told any more; the records stay, should that change */

    none = phr_dispatch_create();
    if (none == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    phr_dispatch_destroy(notify.dispatch);
    notify.dispatch = none;
    notify.active = 0;
    notify.restored = 0;

    return PHR_OK;
}


/* results first: what they end need not be told again */

static void
ngx_http_pharos_notify_take(int64_t now_ms)
{
    size_t                   i;
    phr_err_t                err;
    ngx_http_pharos_in_t    *in, *next;
    ngx_http_pharos_send_t  *s, *results;

    (void) pthread_mutex_lock(&notify_mutex);
    in = notify.in;
    notify.in = NULL;
    notify.nin = 0;
    results = notify.results;
    notify.results = NULL;
    (void) pthread_mutex_unlock(&notify_mutex);

    for (s = results; s; s = results) {
        results = s->next;
        phr_dispatch_result(notify.dispatch, s->id, s->rc, now_ms);
        phr_arena_destroy(s->arena);
        phr_free(s);
    }

    for ( /* void */ ; in; in = next) {

        next = in->next;

        for (i = 0; i < in->n; i++) {
            in->alerts[i].updated_ms = now_ms;
            phr_err_init(&err);

            if (phr_dispatch_put(notify.dispatch, &in->alerts[i], now_ms,
                                 &err)
                != PHR_OK)
            {
                ngx_http_pharos_log_err(NGX_LOG_ERR, notify.log, &err,
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

    rc = phr_dispatch_run(notify.dispatch, notify.silences, now_ms, &due,
                          err);

    for (i = 0; i < due.nelts; i++) {

        n = *phr_array_get(&due, const phr_notice_t *, i);
        phr_err_init(&failure);

        if (ngx_http_pharos_notify_make(n, &failure) != PHR_OK) {
            ngx_http_pharos_log_err(NGX_LOG_ERR, notify.log, &failure,
                                    "making a notification");
            phr_dispatch_result(notify.dispatch, n->id, failure.code,
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
        rc = phr_notice_json(n, notify.api->external_url, labels,
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

    s->next = notify.due;
    notify.due = s;

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

        if (notify.vm == NULL) {
            ngx_memzero(&conf, sizeof(phr_vm_conf_t));
            conf.lua_path = (char *) ngx_http_pharos_helper_conf()->lua.data;

            rc = phr_vm_create(&conf, &notify.vm, err);
            if (rc != PHR_OK) {
                return rc;
            }
        }

        rc = phr_vm_expand_notice(notify.vm, n, notify.api->external_url,
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
    app = phr_store_appender(notify.api->store);

    if (value.data == NULL) {
        rc = app->ops->del(app, PHR_KV_NOTIFY, key, &err);

    } else {
        rc = app->ops->put(app, PHR_KV_NOTIFY, key, value, &err);
    }

    return rc < 0 ? rc : PHR_OK;
}


/* on the loop: what is due has been written down */

static void
ngx_http_pharos_notify_done(ngx_http_pharos_task_t *t)
{
    int64_t                  now_ms, wait_ms;
    ngx_http_pharos_send_t  *s, *due;

    notify.busy = 0;

    if (t->rc < 0) {
        /* nothing of it was written down */
        phr_dispatch_keep_again(notify.dispatch);
    }

    if (notify.configure) {

        if (t->rc == PHR_OK) {
            if (notify.configured) {
                ngx_http_pharos_settings_drop(notify.configured);
            }
            notify.configured = notify.configure;

        } else {
            ngx_http_pharos_settings_drop(notify.configure);
        }

        notify.configure = NULL;
    }

    due = notify.due;
    notify.due = NULL;

    for (s = due; s; s = due) {

        due = s->next;

        if (t->rc < 0 || notify.stopped) {
            ngx_http_pharos_notify_result(s, PHR_AGAIN);
            continue;
        }

        ngx_http_pharos_notify_send(s);
    }

    if (notify.stopped) {
        return;
    }

    if (notify.again || notify.settings != notify.configured) {
        ngx_http_pharos_notify_wake(NULL);
        return;
    }

    if (notify.next_ms == PHR_TIME_MAX) {
        return;
    }

    now_ms = ngx_http_pharos_notify_now_ms();
    wait_ms = ngx_max(notify.next_ms - now_ms,
                      NGX_HTTP_PHAROS_NOTIFY_SOON_MS);
    wait_ms = ngx_min(wait_ms, 3600 * 1000);

    if (notify.timer.timer_set) {
        ngx_del_timer(&notify.timer);
    }

    ngx_add_timer(&notify.timer, (ngx_msec_t) wait_ms);
}


static void
ngx_http_pharos_notify_send(ngx_http_pharos_send_t *s)
{
    ngx_http_pharos_client_t  *c;

    /* the settings that made it are those in force, or just were */

    s->settings = notify.configured;
    ngx_http_pharos_settings_hold(s->settings);

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
        ngx_http_pharos_log_err(NGX_LOG_ERR, notify.log, &c->err,
                                "sending a notification");
        ngx_http_pharos_notify_result(s, PHR_AGAIN);
    }
}


/* as Alertmanager judges: 5xx and 429 may work later, other codes never */

static void
ngx_http_pharos_notify_sent(ngx_http_pharos_client_t *c)
{
    int                      rc, status;
    ngx_http_pharos_send_t  *s;

    s = c->data;
    status = c->out.status;

    if (c->err.code != PHR_OK) {
        rc = PHR_AGAIN;
        ngx_log_error(NGX_LOG_ERR, notify.log, 0,
                      "notification of receiver \"%*s\" failed: %s",
                      s->receiver->name.len, s->receiver->name.data,
                      c->err.text);

    } else if (status >= 200 && status < 300) {
        rc = PHR_OK;

    } else {
        rc = (status >= 500 || status == 429) ? PHR_AGAIN : PHR_EINVAL;
        ngx_log_error(NGX_LOG_ERR, notify.log, 0,
                      "notification of receiver \"%*s\" failed: HTTP "
                      "status %d", s->receiver->name.len,
                      s->receiver->name.data, status);
    }

    ngx_http_pharos_notify_result(s, rc);
}


/* goes back to the dispatcher with the next task */

static void
ngx_http_pharos_notify_result(ngx_http_pharos_send_t *s, int rc)
{
    ngx_http_pharos_client_free(s->client);
    s->client = NULL;

    if (s->settings) {
        ngx_http_pharos_settings_drop(s->settings);
        s->settings = NULL;
    }

    phr_buf_free(&s->body);
    s->rc = rc;

    (void) pthread_mutex_lock(&notify_mutex);
    s->next = notify.results;
    notify.results = s;
    (void) pthread_mutex_unlock(&notify_mutex);

    ngx_http_pharos_notify_post();
}


static void
ngx_http_pharos_notify_send_free(ngx_http_pharos_send_t *s)
{
    phr_buf_free(&s->body);
    phr_arena_destroy(s->arena);
    phr_free(s);
}


void
ngx_http_pharos_notify_stop(void)
{
    notify.stopped = 1;

    if (notify.timer.timer_set) {
        ngx_del_timer(&notify.timer);
    }
}


/* the threads have ended */

void
ngx_http_pharos_notify_free(void)
{
    ngx_http_pharos_in_t    *in;
    ngx_http_pharos_send_t  *s;

    if (!notify.started) {
        return;
    }

    while ((in = notify.in) != NULL) {
        notify.in = in->next;
        phr_arena_destroy(in->arena);
        phr_free(in);
    }

    while ((s = notify.results) != NULL) {
        notify.results = s->next;
        ngx_http_pharos_notify_send_free(s);
    }

    phr_dispatch_destroy(notify.dispatch);
    phr_silences_destroy(notify.silences);
    phr_vm_destroy(notify.vm);

    if (notify.configured) {
        ngx_http_pharos_settings_drop(notify.configured);
    }

    if (notify.settings) {
        ngx_http_pharos_settings_drop(notify.settings);
    }

    ngx_http_pharos_wake_close(&notify.wake);
    notify.started = 0;
}


static int64_t
ngx_http_pharos_notify_now_ms(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
