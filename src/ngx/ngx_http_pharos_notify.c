/*
 * Copyright (C) The Pharos Authors
 *
 * Notify: alerts of the rules come in, notifications go out.  The
 * dispatcher belongs to the writer thread: a task of it takes alerts and
 * results, decides what is due, and writes down that it is being sent; when
 * that is committed, the loop sends.  A process that dies in between finds
 * the record, and nobody is told twice within a group_interval.
 *
 * Here: alerts on their way in, and when the task runs.
 */

#include "ngx/ngx_http_pharos_notify.h"

#include "core/alloc.h"
#include "ingest/relabel.h"


#define NGX_HTTP_PHAROS_NOTIFY_QUEUE     10000

/* how soon after alerts have come in they are looked at together */
#define NGX_HTTP_PHAROS_NOTIFY_SOON_MS   50

/* how soon it is tried again when the writer cannot */
#define NGX_HTTP_PHAROS_NOTIFY_LATER_MS  1000


static int ngx_http_pharos_notify_copy(ngx_http_pharos_in_t *in,
    const phr_alert_msg_t *msgs, size_t n);
static void ngx_http_pharos_notify_wake(void *data);
static void ngx_http_pharos_notify_timer(ngx_event_t *ev);
static void ngx_http_pharos_notify_after(ngx_msec_t ms);
static void ngx_http_pharos_notify_done(ngx_http_pharos_task_t *t);


ngx_http_pharos_notify_t   ngx_http_pharos_notify;
pthread_mutex_t            ngx_http_pharos_notify_mutex
                               = PTHREAD_MUTEX_INITIALIZER;

static ngx_http_pharos_notify_t  *const notify = &ngx_http_pharos_notify;


/* on the loop, for each load of the settings */

ngx_int_t
ngx_http_pharos_notify_apply(ngx_http_pharos_settings_t *s, phr_api_t *api,
    ngx_log_t *log)
{
    ngx_http_pharos_settings_t  *old;

    if (!notify->started) {

        ngx_memzero(notify, sizeof(ngx_http_pharos_notify_t));

        notify->api = api;
        notify->log = log;
        notify->next_ms = PHR_TIME_MAX;
        notify->in_last = &notify->in;

        notify->timer.handler = ngx_http_pharos_notify_timer;
        notify->timer.log = log;
        notify->timer.cancelable = 1;

        notify->wake.handler = ngx_http_pharos_notify_wake;

        notify->task.run = ngx_http_pharos_notify_run;
        notify->task.done = ngx_http_pharos_notify_done;

        notify->dispatch = phr_dispatch_create();
        notify->silences = phr_silences_create();

        if (notify->dispatch == NULL || notify->silences == NULL
            || ngx_http_pharos_wake_open(&notify->wake, log) != NGX_OK)
        {
            return NGX_ERROR;
        }

    }

    ngx_http_pharos_settings_hold(s);

    (void) pthread_mutex_lock(&ngx_http_pharos_notify_mutex);
    old = notify->settings;
    notify->settings = s;
    notify->started = 1;
    (void) pthread_mutex_unlock(&ngx_http_pharos_notify_mutex);

    if (old) {
        ngx_http_pharos_settings_drop(old);
    }

    ngx_http_pharos_notify_post();

    return NGX_OK;
}


/* in the rules' thread */

void
ngx_http_pharos_notify_alerts(const phr_alert_msg_t *msgs, size_t n,
    int64_t offset_ms)
{
    int                    rc;
    ngx_http_pharos_in_t  *in;

    if (n == 0) {
        return;
    }

    ngx_http_pharos_alertmanagers_take(msgs, n);

    in = phr_calloc(1, sizeof(ngx_http_pharos_in_t));
    if (in == NULL) {
        return;
    }

    in->arena = phr_arena_create(0);
    in->offset_ms = offset_ms;

    (void) pthread_mutex_lock(&ngx_http_pharos_notify_mutex);

    if (in->arena == NULL || !notify->started || notify->settings == NULL
        || notify->settings->alertmanager == NULL)
    {
        rc = PHR_DONE;

    } else if (notify->nin + n > NGX_HTTP_PHAROS_NOTIFY_QUEUE) {
        notify->ndropped += n;
        rc = PHR_ELIMIT;

    } else {
        rc = ngx_http_pharos_notify_copy(in, msgs, n);
    }

    if (rc == PHR_OK) {
        /* in order: the last that is said of an alert holds */
        *notify->in_last = in;
        notify->in_last = &in->next;
        notify->nin += in->n;
    }

    (void) pthread_mutex_unlock(&ngx_http_pharos_notify_mutex);

    if (rc != PHR_OK) {
        /* a rule tells its firing alerts again, nothing is lost for long */
        phr_arena_destroy(in->arena);
        phr_free(in);
        return;
    }

    ngx_http_pharos_wake(&notify->wake);
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
                                           notify->settings->prometheus,
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


int
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
    if (notify->stopped || notify->busy) {
        notify->again = 1;
        return;
    }

    ngx_http_pharos_notify_after(NGX_HTTP_PHAROS_NOTIFY_SOON_MS);
}


static void
ngx_http_pharos_notify_timer(ngx_event_t *ev)
{
    ngx_http_pharos_notify_post();
}


static void
ngx_http_pharos_notify_after(ngx_msec_t ms)
{
    if (notify->timer.timer_set) {
        ngx_del_timer(&notify->timer);
    }

    ngx_add_timer(&notify->timer, ms);
}


void
ngx_http_pharos_notify_post(void)
{
    if (notify->stopped) {
        return;
    }

    if (notify->busy) {
        notify->again = 1;
        return;
    }

    if (notify->settings != notify->configured) {
        notify->configure = notify->settings;
        ngx_http_pharos_settings_hold(notify->configure);
    }

    notify->again = 0;
    notify->taken = 0;
    notify->task.durable = 0;

    if (ngx_http_pharos_task_post(NGX_HTTP_PHAROS_POOL_WRITE, &notify->task)
        == NGX_OK)
    {
        notify->busy = 1;
        return;
    }

    if (notify->configure) {
        ngx_http_pharos_settings_drop(notify->configure);
        notify->configure = NULL;
    }

    if (!notify->timer.timer_set) {
        ngx_add_timer(&notify->timer, NGX_HTTP_PHAROS_NOTIFY_LATER_MS);
    }
}


/* on the loop: what is due has been written down */

static void
ngx_http_pharos_notify_done(ngx_http_pharos_task_t *t)
{
    int64_t                  now_ms, wait_ms;
    ngx_http_pharos_send_t  *s, *due;

    notify->busy = 0;

    if (t->rc < 0) {
        /* nothing of it was written down */
        phr_dispatch_keep_again(notify->dispatch);
    }

    if (notify->configure) {

        /* the dispatcher points into them, whatever became of the commit */

        if (notify->taken) {
            if (notify->configured) {
                ngx_http_pharos_settings_drop(notify->configured);
            }
            notify->configured = notify->configure;

        } else {
            ngx_http_pharos_settings_drop(notify->configure);
        }

        notify->configure = NULL;
    }

    while ((s = notify->ended) != NULL) {
        notify->ended = s->next;
        ngx_http_pharos_notify_send_free(s);
    }

    due = notify->due;
    notify->due = NULL;

    while ((s = due) != NULL) {

        due = s->next;
        s->settings = notify->configured;
        ngx_http_pharos_settings_hold(s->settings);

        if (t->rc < 0 || notify->stopped) {
            ngx_http_pharos_notify_result(s, PHR_AGAIN);
            continue;
        }

        ngx_http_pharos_notify_send(s);
    }

    if (notify->stopped) {
        return;
    }

    if (t->rc < 0) {
        /* a full disk is not filled any faster by trying at once */
        ngx_http_pharos_notify_after(NGX_HTTP_PHAROS_NOTIFY_LATER_MS);
        return;
    }

    if (notify->again || notify->settings != notify->configured) {
        ngx_http_pharos_notify_wake(NULL);
        return;
    }

    if (notify->next_ms == PHR_TIME_MAX) {
        return;
    }

    now_ms = ngx_http_pharos_now_ms();
    wait_ms = ngx_max(notify->next_ms - now_ms,
                      NGX_HTTP_PHAROS_NOTIFY_SOON_MS);

    /* not for long: the clock may be set meanwhile */

    wait_ms = ngx_min(wait_ms, NGX_HTTP_PHAROS_NOTIFY_STEP_MS);

    ngx_http_pharos_notify_after((ngx_msec_t) wait_ms);
}


void
ngx_http_pharos_notify_stop(void)
{
    notify->stopped = 1;

    if (notify->timer.timer_set) {
        ngx_del_timer(&notify->timer);
    }
}


/* the threads have ended */

void
ngx_http_pharos_notify_free(void)
{
    ngx_uint_t                i;
    ngx_http_pharos_in_t     *in;
    ngx_http_pharos_send_t   *s, **lists[3];

    if (!notify->started) {
        return;
    }

    while ((in = notify->in) != NULL) {
        notify->in = in->next;
        phr_arena_destroy(in->arena);
        phr_free(in);
    }

    lists[0] = &notify->results;
    lists[1] = &notify->ended;
    lists[2] = &notify->due;

    for (i = 0; i < 3; i++) {
        while ((s = *lists[i]) != NULL) {
            *lists[i] = s->next;
            ngx_http_pharos_notify_send_free(s);
        }
    }

    if (notify->configure) {
        ngx_http_pharos_settings_drop(notify->configure);
    }

    phr_dispatch_destroy(notify->dispatch);
    phr_silences_destroy(notify->silences);
    phr_vm_destroy(notify->vm);

    if (notify->configured) {
        ngx_http_pharos_settings_drop(notify->configured);
    }

    if (notify->settings) {
        ngx_http_pharos_settings_drop(notify->settings);
    }

    ngx_http_pharos_wake_close(&notify->wake);
    notify->started = 0;
}
