/*
 * Copyright (C) The Pharos Authors
 *
 * Alertmanagers of others: what "alerting" of prometheus.yml names is sent
 * every alert, as Prometheus sends them.  An entry of it is a set; its
 * members are discovered as the targets of a scrape are, and each is sent
 * the same.  While a set is being sent to, what comes waits in batches.
 *
 * Nothing is sent again that failed: a rule tells its firing alerts each
 * minute, and for a while those that are resolved.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <pthread.h>

#include "core/alloc.h"
#include "core/json.h"
#include "core/time.h"
#include "ingest/relabel.h"
#include "ingest/target.h"
#include "ngx/ngx_http_pharos_client.h"
#include "ngx/ngx_http_pharos_discover.h"
#include "ngx/ngx_http_pharos_notify.h"


#define NGX_HTTP_PHAROS_AM_BATCH   256      /* alerts of a request */
#define NGX_HTTP_PHAROS_AM_QUEUE   10000    /* alerts of a set that wait */
#define NGX_HTTP_PHAROS_AM_ANSWER  (64 * 1024)


typedef struct ngx_http_pharos_am_batch_s  ngx_http_pharos_am_batch_t;

struct ngx_http_pharos_am_batch_s {
    ngx_http_pharos_am_batch_t     *next;
    phr_buf_t                       body;
    phr_json_writer_t               json;
    size_t                          n;
};


typedef struct {
    ngx_queue_t                     queue;
    ngx_http_pharos_settings_t     *settings;
    const phr_alertmanager_conf_t  *conf;
    ngx_http_pharos_discover_t     *discover;

    /* changed on the loop and under the mutex */
    phr_array_t                     targets;    /* phr_target_t * */

    /* under the mutex */
    ngx_http_pharos_am_batch_t     *first;
    ngx_http_pharos_am_batch_t     *last;
    size_t                          nwaiting;   /* alerts */

    /* the loop's */
    ngx_http_pharos_am_batch_t     *batch;      /* that is being sent */
    ngx_uint_t                      nsending;
    unsigned                        gone:1;     /* after a reload */
} ngx_http_pharos_am_t;


typedef struct {
    ngx_http_pharos_am_t           *am;
    phr_str_t                       url;        /* allocated, terminated */
} ngx_http_pharos_am_send_t;


static ngx_int_t ngx_http_pharos_am_add(ngx_http_pharos_settings_t *s,
    size_t i);
static ngx_int_t ngx_http_pharos_am_confs(ngx_http_pharos_settings_t *s);
static int ngx_http_pharos_am_path(const phr_alertmanager_conf_t *conf,
    phr_str_t *out);
static void ngx_http_pharos_am_end(ngx_queue_t *sets);
static void ngx_http_pharos_am_free(ngx_http_pharos_am_t *am);
static void ngx_http_pharos_am_applied(void *data, phr_array_t *targets);
static int ngx_http_pharos_am_take(ngx_http_pharos_am_t *am,
    const phr_alert_msg_t *msg);
static void ngx_http_pharos_am_write(phr_json_writer_t *j, phr_labels_t ls,
    const phr_alert_msg_t *msg);
static void ngx_http_pharos_am_labels(phr_json_writer_t *j, const char *key,
    phr_labels_t ls);
static void ngx_http_pharos_am_batch_free(ngx_http_pharos_am_batch_t *b);
static void ngx_http_pharos_am_wake(void *data);
static void ngx_http_pharos_am_next(ngx_http_pharos_am_t *am);
static void ngx_http_pharos_am_send(ngx_http_pharos_am_t *am,
    const phr_target_t *t);
static void ngx_http_pharos_am_sent(ngx_http_pharos_client_t *c);
static void ngx_http_pharos_am_outcome(ngx_http_pharos_am_t *am,
    phr_str_t url, const char *error);
static int ngx_http_pharos_am_url(const phr_target_t *t, phr_buf_t *out);


static struct {
    ngx_log_t               *log;
    ngx_http_pharos_wake_t   wake;
    ngx_queue_t              sets;      /* changed under the mutex */
    ngx_queue_t              old;       /* loop: until nothing is sent */
    uint64_t                 nsent;     /* alerts, under the mutex */
    uint64_t                 nfailed;
    uint64_t                 ndropped;
    unsigned                 started:1;
    unsigned                 stopped:1;
} ams;

static pthread_mutex_t       ams_mutex = PTHREAD_MUTEX_INITIALIZER;


/* on the loop, for each load of the settings */

ngx_int_t
ngx_http_pharos_alertmanagers_apply(ngx_http_pharos_settings_t *s,
    ngx_log_t *log)
{
    size_t       i;
    ngx_queue_t  old;

    if (!ams.started) {
        ngx_memzero(&ams, sizeof(ams));
        ams.log = log;
        ams.wake.handler = ngx_http_pharos_am_wake;
        ngx_queue_init(&ams.sets);
        ngx_queue_init(&ams.old);

        if (ngx_http_pharos_wake_open(&ams.wake, log) != NGX_OK) {
            return NGX_ERROR;
        }

        (void) pthread_mutex_lock(&ams_mutex);
        ams.started = 1;
        (void) pthread_mutex_unlock(&ams_mutex);
    }

    ngx_queue_init(&old);

    (void) pthread_mutex_lock(&ams_mutex);

    if (!ngx_queue_empty(&ams.sets)) {
        ngx_queue_add(&old, &ams.sets);
        ngx_queue_init(&ams.sets);
    }

    (void) pthread_mutex_unlock(&ams_mutex);

    ngx_http_pharos_am_end(&old);

    if (ngx_http_pharos_am_confs(s) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < s->prometheus->nalertmanagers; i++) {
        if (ngx_http_pharos_am_add(s, i) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_pharos_am_add(ngx_http_pharos_settings_t *s, size_t i)
{
    ngx_http_pharos_am_t  *am;

    am = ngx_calloc(sizeof(ngx_http_pharos_am_t), ams.log);
    if (am == NULL) {
        return NGX_ERROR;
    }

    am->settings = s;
    am->conf = s->prometheus->alertmanagers[i];
    phr_array_init(&am->targets, sizeof(phr_target_t *));

    ngx_http_pharos_settings_hold(s);

    am->discover = ngx_http_pharos_discover_create(s, &s->alertmanagers[i],
                                       ngx_http_pharos_am_applied, am,
                                       ams.log);
    if (am->discover == NULL) {
        ngx_http_pharos_am_free(am);
        return NGX_ERROR;
    }

    (void) pthread_mutex_lock(&ams_mutex);
    ngx_queue_insert_tail(&ams.sets, &am->queue);
    (void) pthread_mutex_unlock(&ams_mutex);

    return NGX_OK;
}


/*
 * The sets as configurations of scrapes, for those who discover: these and
 * the targets that they make point to them as long as the settings live.
 */

static ngx_int_t
ngx_http_pharos_am_confs(ngx_http_pharos_settings_t *s)
{
    size_t                          i, n;
    phr_scrape_conf_t              *as;
    const phr_alertmanager_conf_t  *conf;

    n = s->prometheus->nalertmanagers;

    s->alertmanagers = phr_calloc(n + 1, sizeof(phr_scrape_conf_t));
    if (s->alertmanagers == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        as = &s->alertmanagers[i];
        conf = s->prometheus->alertmanagers[i];

        if (ngx_http_pharos_am_path(conf, &as->metrics_path) != PHR_OK) {
            return NGX_ERROR;
        }

        as->job_name = phr_str_of("alertmanagers");
        as->scrape_interval_ms = 60000;
        as->scrape_timeout_ms = 10000;
        as->scheme = conf->scheme;
        as->http = conf->http;
        as->relabel = conf->relabel;
        as->static_configs = conf->static_configs;
        as->file_sd = conf->file_sd;
        as->nfile_sd = conf->nfile_sd;
    }

    return NGX_OK;
}


void
ngx_http_pharos_alertmanagers_conf_free(ngx_http_pharos_settings_t *s)
{
    size_t  i;

    if (s->alertmanagers) {
        for (i = 0; i < s->prometheus->nalertmanagers; i++) {
            phr_free((void *) s->alertmanagers[i].metrics_path.data);
        }

        phr_free(s->alertmanagers);
    }
}


/* "/", the prefix without slashes around it, and the path of the API */

static int
ngx_http_pharos_am_path(const phr_alertmanager_conf_t *conf, phr_str_t *out)
{
    phr_buf_t  path;
    phr_str_t  prefix;

    prefix = conf->path_prefix;

    while (prefix.len > 0 && prefix.data[0] == '/') {
        prefix.data++;
        prefix.len--;
    }

    while (prefix.len > 0 && prefix.data[prefix.len - 1] == '/') {
        prefix.len--;
    }

    phr_buf_init(&path, 0);
    phr_buf_printf(&path, "/%.*s%sapi/%.*s/alerts", (int) prefix.len,
                   prefix.data, prefix.len > 0 ? "/" : "",
                   (int) conf->api_version.len, conf->api_version.data);

    if (path.failed) {
        phr_buf_free(&path);
        return PHR_ENOMEM;
    }

    *out = phr_buf_view(&path);

    return PHR_OK;
}


/* what waits is told again by the rules */

static void
ngx_http_pharos_am_end(ngx_queue_t *sets)
{
    ngx_queue_t           *q;
    ngx_http_pharos_am_t  *am;

    while (!ngx_queue_empty(sets)) {
        q = ngx_queue_head(sets);
        am = ngx_queue_data(q, ngx_http_pharos_am_t, queue);
        ngx_queue_remove(q);

        if (am->discover) {
            ngx_http_pharos_discover_destroy(am->discover);
            am->discover = NULL;
        }

        am->gone = 1;
        ngx_queue_insert_tail(&ams.old, &am->queue);

        if (am->nsending == 0) {
            ngx_queue_remove(&am->queue);
            ngx_http_pharos_am_free(am);
        }
    }
}


static void
ngx_http_pharos_am_free(ngx_http_pharos_am_t *am)
{
    ngx_http_pharos_am_batch_t  *b;

    while ((b = am->first) != NULL) {
        am->first = b->next;
        ngx_http_pharos_am_batch_free(b);
    }

    ngx_http_pharos_am_batch_free(am->batch);
    phr_targets_destroy(&am->targets);
    ngx_http_pharos_settings_drop(am->settings);
    ngx_free(am);
}


static void
ngx_http_pharos_am_batch_free(ngx_http_pharos_am_batch_t *b)
{
    if (b != NULL) {
        phr_buf_free(&b->body);
        phr_free(b);
    }
}


static void
ngx_http_pharos_am_applied(void *data, phr_array_t *targets)
{
    phr_array_t            old;
    ngx_http_pharos_am_t  *am = data;

    (void) pthread_mutex_lock(&ams_mutex);
    old = am->targets;
    am->targets = *targets;
    (void) pthread_mutex_unlock(&ams_mutex);

    phr_array_init(targets, sizeof(phr_target_t *));
    phr_targets_destroy(&old);
}


/* in the rules' thread */

void
ngx_http_pharos_alertmanagers_take(const phr_alert_msg_t *msgs, size_t n)
{
    int                    some;
    size_t                 i;
    ngx_queue_t           *q;
    ngx_http_pharos_am_t  *am;

    some = 0;

    (void) pthread_mutex_lock(&ams_mutex);

    if (ams.started) {
        for (q = ngx_queue_head(&ams.sets);
             q != ngx_queue_sentinel(&ams.sets);
             q = ngx_queue_next(q))
        {
            am = ngx_queue_data(q, ngx_http_pharos_am_t, queue);

            for (i = 0; i < n; i++) {
                if (ngx_http_pharos_am_take(am, &msgs[i]) == PHR_OK) {
                    some = 1;

                } else {
                    ams.ndropped++;
                }
            }
        }
    }

    (void) pthread_mutex_unlock(&ams_mutex);

    if (some) {
        ngx_http_pharos_wake(&ams.wake);
    }
}


/* PHR_OK, also if the rules of the set leave it out */

static int
ngx_http_pharos_am_take(ngx_http_pharos_am_t *am, const phr_alert_msg_t *msg)
{
    int                          rc;
    phr_arena_t                 *arena;
    phr_labels_t                 ls;
    phr_labels_builder_t         b;
    ngx_http_pharos_am_batch_t  *batch;

    if (am->nwaiting >= NGX_HTTP_PHAROS_AM_QUEUE) {
        return PHR_ELIMIT;
    }

    arena = phr_arena_create(0);
    if (arena == NULL) {
        return PHR_ENOMEM;
    }

    rc = ngx_http_pharos_notify_labels(arena, am->settings->prometheus,
                                       msg->labels, &ls);
    if (rc == PHR_OK) {
        phr_labels_builder_init(&b, arena, ls);
        rc = phr_relabel(&am->conf->alert_relabel, &b, NULL);
    }

    if (rc == PHR_OK) {
        rc = phr_labels_build(&b, &ls);
    }

    if (rc != PHR_OK) {
        phr_arena_destroy(arena);
        return rc == PHR_DONE ? PHR_OK : rc;
    }

    batch = am->last;

    if (am->first == NULL || batch->n == NGX_HTTP_PHAROS_AM_BATCH) {
        batch = phr_calloc(1, sizeof(ngx_http_pharos_am_batch_t));

        if (batch == NULL) {
            phr_arena_destroy(arena);
            return PHR_ENOMEM;
        }

        phr_buf_init(&batch->body, 0);
        phr_json_init(&batch->json, &batch->body);
        phr_json_array(&batch->json);

        *(am->first ? &am->last->next : &am->first) = batch;
        am->last = batch;
    }

    ngx_http_pharos_am_write(&batch->json, ls, msg);
    batch->n++;
    am->nwaiting++;

    phr_arena_destroy(arena);

    return PHR_OK;
}


static void
ngx_http_pharos_am_write(phr_json_writer_t *j, phr_labels_t ls,
    const phr_alert_msg_t *msg)
{
    phr_buf_t  time;

    phr_json_object(j);
    ngx_http_pharos_am_labels(j, "labels", ls);
    ngx_http_pharos_am_labels(j, "annotations", msg->annotations);

    phr_buf_init(&time, 0);
    phr_rfc3339_format(&time, msg->starts_ms);
    phr_json_pair(j, "startsAt", phr_buf_view(&time));

    phr_buf_reset(&time);
    phr_rfc3339_format(&time, msg->ends_ms);
    phr_json_pair(j, "endsAt", phr_buf_view(&time));
    phr_buf_free(&time);

    phr_json_pair(j, "generatorURL", msg->generator_url);
    phr_json_end_object(j);
}


static void
ngx_http_pharos_am_labels(phr_json_writer_t *j, const char *key,
    phr_labels_t ls)
{
    size_t  i;

    phr_json_key(j, key);
    phr_json_object(j);

    for (i = 0; i < ls.n; i++) {
        phr_json_pair_str(j, ls.l[i].name, ls.l[i].value);
    }

    phr_json_end_object(j);
}


/* on the loop */

static void
ngx_http_pharos_am_wake(void *data)
{
    ngx_queue_t           *q;
    ngx_http_pharos_am_t  *am;

    for (q = ngx_queue_head(&ams.sets);
         q != ngx_queue_sentinel(&ams.sets);
         q = ngx_queue_next(q))
    {
        am = ngx_queue_data(q, ngx_http_pharos_am_t, queue);
        ngx_http_pharos_am_next(am);
    }
}


/* the next batch to all members, unless the last is still under way */

static void
ngx_http_pharos_am_next(ngx_http_pharos_am_t *am)
{
    size_t                       i;
    ngx_http_pharos_am_batch_t  *b;

    while (am->nsending == 0 && !am->gone && !ams.stopped) {

        ngx_http_pharos_am_batch_free(am->batch);

        (void) pthread_mutex_lock(&ams_mutex);

        b = am->first;

        if (b != NULL) {
            am->first = b->next;
            am->nwaiting -= b->n;
        }

        (void) pthread_mutex_unlock(&ams_mutex);

        am->batch = b;

        if (b == NULL) {
            return;
        }

        phr_json_end_array(&b->json);

        if (b->body.failed) {
            continue;
        }

        for (i = 0; i < am->targets.nelts; i++) {
            ngx_http_pharos_am_send(am, *phr_array_get(&am->targets,
                                                       phr_target_t *, i));
        }
    }
}


static void
ngx_http_pharos_am_send(ngx_http_pharos_am_t *am, const phr_target_t *t)
{
    ngx_http_pharos_client_t   *c;
    ngx_http_pharos_am_send_t  *s;

    if (t->dropped) {
        return;
    }

    s = phr_calloc(1, sizeof(ngx_http_pharos_am_send_t) + t->url.len + 1);
    c = ngx_http_pharos_client_create(&am->conf->http, t->url);

    if (s == NULL || c == NULL) {
        phr_free(s);
        ngx_http_pharos_client_free(c);
        return;
    }

    s->am = am;
    s->url.data = (char *) (s + 1);
    s->url.len = t->url.len;
    ngx_memcpy((char *) (s + 1), t->url.data, t->url.len);

    c->method = "POST";
    c->body = phr_buf_view(&am->batch->body);
    c->timeout_ms = am->conf->timeout_ms;
    c->limit_bytes = NGX_HTTP_PHAROS_AM_ANSWER;
    c->data = s;
    c->done = ngx_http_pharos_am_sent;

    ngx_http_pharos_client_header(c, "Content-Type: application/json");

    if (ngx_http_pharos_client_send(c) != NGX_OK) {
        ngx_http_pharos_am_outcome(am, s->url, c->err.text);
        ngx_http_pharos_client_free(c);
        phr_free(s);
        return;
    }

    am->nsending++;
}


static void
ngx_http_pharos_am_sent(ngx_http_pharos_client_t *c)
{
    char                        error[64];
    ngx_http_pharos_am_t       *am;
    ngx_http_pharos_am_send_t  *s;

    s = c->data;
    am = s->am;

    if (c->err.code != PHR_OK) {
        ngx_http_pharos_am_outcome(am, s->url, c->err.text);

    } else if (c->out.status / 100 != 2) {
        snprintf(error, sizeof(error), "HTTP status %d", c->out.status);
        ngx_http_pharos_am_outcome(am, s->url, error);

    } else {
        ngx_http_pharos_am_outcome(am, s->url, NULL);
    }

    ngx_http_pharos_client_free(c);
    phr_free(s);

    if (--am->nsending != 0) {
        return;
    }

    if (am->gone) {
        ngx_queue_remove(&am->queue);
        ngx_http_pharos_am_free(am);
        return;
    }

    ngx_http_pharos_am_next(am);
}


/* one line when a member fails, and one when it does no more */

static void
ngx_http_pharos_am_outcome(ngx_http_pharos_am_t *am, phr_str_t url,
    const char *error)
{
    size_t                i;
    phr_target_t         *t;
    phr_target_health_e   was;

    (void) pthread_mutex_lock(&ams_mutex);
    *(error ? &ams.nfailed : &ams.nsent) += am->batch->n;
    (void) pthread_mutex_unlock(&ams_mutex);

    was = PHR_TARGET_UNKNOWN;

    for (i = 0; i < am->targets.nelts; i++) {
        t = *phr_array_get(&am->targets, phr_target_t *, i);

        if (!t->dropped && phr_str_eq(t->url, url)) {
            was = t->health;
            t->health = error ? PHR_TARGET_DOWN : PHR_TARGET_UP;
        }
    }

    if (error && was != PHR_TARGET_DOWN) {
        ngx_log_error(NGX_LOG_ERR, ams.log, 0,
                      "sending alerts to \"%*s\" failed: %s", url.len,
                      url.data, error);

    } else if (!error && was == PHR_TARGET_DOWN) {
        ngx_log_error(NGX_LOG_NOTICE, ams.log, 0,
                      "alerts are sent to \"%*s\" again", url.len, url.data);
    }
}


/* any thread */

int
ngx_http_pharos_alertmanagers_visit(void *data,
    int (*visit)(void *arg, phr_str_t url, int dropped), void *arg)
{
    int                    rc;
    size_t                 i;
    phr_buf_t              url;
    ngx_queue_t           *q;
    phr_target_t          *t;
    ngx_http_pharos_am_t  *am;

    rc = PHR_OK;
    phr_buf_init(&url, 0);

    (void) pthread_mutex_lock(&ams_mutex);

    if (ams.started) {
        for (q = ngx_queue_head(&ams.sets);
             q != ngx_queue_sentinel(&ams.sets) && rc == PHR_OK;
             q = ngx_queue_next(q))
        {
            am = ngx_queue_data(q, ngx_http_pharos_am_t, queue);

            for (i = 0; i < am->targets.nelts && rc == PHR_OK; i++) {
                t = *phr_array_get(&am->targets, phr_target_t *, i);

                rc = ngx_http_pharos_am_url(t, &url);

                if (rc == PHR_OK) {
                    rc = visit(arg, phr_buf_view(&url), t->dropped);
                }
            }
        }
    }

    (void) pthread_mutex_unlock(&ams_mutex);

    phr_buf_free(&url);

    return rc;
}


static int
ngx_http_pharos_am_url(const phr_target_t *t, phr_buf_t *out)
{
    phr_buf_reset(out);

    if (!t->dropped) {
        phr_buf_str(out, t->url);

    } else {
        phr_buf_str(out, phr_labels_get(t->discovered,
                                        phr_str_of("__scheme__")));
        phr_buf_puts(out, "://");
        phr_buf_str(out, phr_labels_get(t->discovered,
                                        phr_str_of("__address__")));
        phr_buf_str(out, phr_labels_get(t->discovered,
                                        phr_str_of("__metrics_path__")));
    }

    return out->failed;
}


/* any thread */

void
ngx_http_pharos_alertmanagers_metrics(phr_buf_t *out)
{
    size_t    i;
    uint64_t  n[3];

    static const char *const  what[][2] = {
        { "sent", "Alerts sent to Alertmanagers of alerting." },
        { "failed", "Alerts that an Alertmanager did not take." },
        { "dropped", "Alerts that were not sent, for there were too many." },
    };

    (void) pthread_mutex_lock(&ams_mutex);
    n[0] = ams.nsent;
    n[1] = ams.nfailed;
    n[2] = ams.ndropped;
    (void) pthread_mutex_unlock(&ams_mutex);

    for (i = 0; i < phr_nelems(what); i++) {
        phr_buf_printf(out, "# HELP pharos_alertmanagers_%s_total %s\n"
                       "# TYPE pharos_alertmanagers_%s_total counter\n"
                       "pharos_alertmanagers_%s_total %llu\n", what[i][0],
                       what[i][1], what[i][0], what[i][0],
                       (unsigned long long) n[i]);
    }
}


void
ngx_http_pharos_alertmanagers_stop(void)
{
    ngx_queue_t           *q;
    ngx_http_pharos_am_t  *am;

    if (!ams.started) {
        return;
    }

    ams.stopped = 1;

    for (q = ngx_queue_head(&ams.sets);
         q != ngx_queue_sentinel(&ams.sets);
         q = ngx_queue_next(q))
    {
        am = ngx_queue_data(q, ngx_http_pharos_am_t, queue);

        if (am->discover) {
            ngx_http_pharos_discover_destroy(am->discover);
            am->discover = NULL;
        }
    }
}


/* the threads have ended, and with them what was under way */

void
ngx_http_pharos_alertmanagers_free(void)
{
    size_t        i;
    ngx_queue_t  *q, *lists[2];

    if (!ams.started) {
        return;
    }

    lists[0] = &ams.sets;
    lists[1] = &ams.old;

    for (i = 0; i < 2; i++) {
        while (!ngx_queue_empty(lists[i])) {
            q = ngx_queue_head(lists[i]);
            ngx_queue_remove(q);
            ngx_http_pharos_am_free(ngx_queue_data(q, ngx_http_pharos_am_t,
                                                   queue));
        }
    }

    ngx_http_pharos_wake_close(&ams.wake);
    ams.started = 0;
}
