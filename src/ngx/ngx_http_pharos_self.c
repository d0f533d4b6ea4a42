/*
 * Copyright (C) The Pharos Authors
 *
 * Self: the metrics of this nginx and of the module, stored as if they had
 * been scraped, without a request; and the pushed groups, whose values are
 * repeated as scraping a Pushgateway would.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ingest/append.h"
#include "ingest/push.h"
#include "ingest/remote_write.h"
#include "ingest/target.h"
#include "ngx/ngx_http_pharos_parts.h"


/* fine enough for an overview that is live */
#define NGX_HTTP_PHAROS_SELF_MS       5000
#define NGX_HTTP_PHAROS_PUSH_MS       15000

#define NGX_HTTP_PHAROS_PUSH_IDS      4096

/* of a remote write; a sender has 10,000 samples at most */
#define NGX_HTTP_PHAROS_WRITE_SAMPLES 500000

/* 16 bytes each */
#define NGX_HTTP_PHAROS_WRITE_CACHED  8000000
#define NGX_HTTP_PHAROS_WRITE_METADATA  20000

#define NGX_HTTP_PHAROS_SELF_JOB      "nginx"


static void ngx_http_pharos_self_timer(ngx_event_t *ev);
static void ngx_http_pharos_self_run(ngx_http_pharos_task_t *t);
static int ngx_http_pharos_self_scrape(int64_t now_ms, phr_err_t *err);
static int ngx_http_pharos_self_create(phr_err_t *err);
static void ngx_http_pharos_self_done(ngx_http_pharos_task_t *t);


static ngx_event_t              self_timer;
static ngx_http_pharos_task_t   self_task;
static phr_api_t               *self_api;
static ngx_log_t               *self_log;
static ngx_uint_t               self_busy;

/* the writer thread's */
static phr_scrape_t            *self_scrape;
static int64_t                  self_push_ms;
static ngx_uint_t               self_forget;


ngx_int_t
ngx_http_pharos_self_start(phr_api_t *api, ngx_log_t *log)
{
    self_api = api;
    self_log = log;
    self_busy = 0;
    self_push_ms = 0;
    self_forget = 0;

    ngx_memzero(&self_timer, sizeof(ngx_event_t));
    ngx_memzero(&self_task, sizeof(ngx_http_pharos_task_t));

    self_timer.handler = ngx_http_pharos_self_timer;
    self_timer.log = log;
    self_timer.cancelable = 1;

    self_task.run = ngx_http_pharos_self_run;
    self_task.done = ngx_http_pharos_self_done;
    self_task.lazy = 1;
    self_task.patient = 1;

    ngx_add_timer(&self_timer, 1);

    return NGX_OK;
}


/* in the writer thread, when the store is open; after a failed commit, too */

int
ngx_http_pharos_self_push(phr_api_t *api, phr_err_t *err)
{
    phr_push_t          *push;
    phr_appender_t      *app;
    phr_push_options_t   options;

    ngx_http_pharos_main_conf_t  *pmcf;

    pmcf = ngx_http_pharos_helper_conf();
    app = phr_store_appender(api->store);

    if (api->push) {
        return phr_push_reload(api->push, app, err);
    }

    ngx_memzero(&options, sizeof(phr_push_options_t));
    options.max_groups = pmcf->max_push_groups;
    options.max_series = pmcf->max_push_series;
    options.max_body_bytes = api->limits.max_body_bytes;
    options.max_ids = NGX_HTTP_PHAROS_PUSH_IDS;
    options.mode = PHR_PUSH_REPLACE;

    if (phr_push_create(&options, app, &push, err) != PHR_OK) {
        return err->code;
    }

    api->push = push;

    return PHR_OK;
}


/* in the writer thread, when and as the above */

int
ngx_http_pharos_self_remote_write(phr_api_t *api, phr_err_t *err)
{
    phr_appender_t              *app;
    phr_remote_write_options_t   options;

    app = phr_store_appender(api->store);

    if (api->remote_write) {
        return phr_remote_write_reload(api->remote_write, app, err);
    }

    options.max_body_bytes = api->limits.max_body_bytes;
    options.max_samples = NGX_HTTP_PHAROS_WRITE_SAMPLES;
    options.max_labels = 0;         /* the store has its limits */
    options.max_name_bytes = 0;
    options.max_value_bytes = 0;
    options.max_cached = NGX_HTTP_PHAROS_WRITE_CACHED;
    options.max_metadata = NGX_HTTP_PHAROS_WRITE_METADATA;

    return phr_remote_write_create(&options, app, &api->remote_write, err);
}


static void
ngx_http_pharos_self_timer(ngx_event_t *ev)
{
    int64_t  next_ms;

    /* on a tick of targets, so that there is one commit for all */

    next_ms = phr_target_next(0, NGX_HTTP_PHAROS_SELF_MS,
                              ngx_http_pharos_now_ms()
                              + NGX_HTTP_PHAROS_SELF_MS / 10);

    ngx_add_timer(&self_timer, ngx_http_pharos_clock_until(next_ms));

    if (!self_busy
        && ngx_http_pharos_task_post(NGX_HTTP_PHAROS_POOL_WRITE, &self_task)
           == NGX_OK)
    {
        self_busy = 1;
    }
}


/* in the writer thread */

static void
ngx_http_pharos_self_run(ngx_http_pharos_task_t *t)
{
    int64_t    now_ms;
    phr_err_t  err;

    now_ms = ngx_http_pharos_now_ms();

    phr_err_init(&err);

    /* that the disk is full was said by the store */

    if (ngx_http_pharos_self_scrape(now_ms, &err) != PHR_OK
        && err.code != PHR_ENOSPC)
    {
        ngx_http_pharos_log_err(NGX_LOG_ERR, self_log, &err,
                                "storing our own metrics");
    }

    if (now_ms - self_push_ms < NGX_HTTP_PHAROS_PUSH_MS
        && now_ms >= self_push_ms)
    {
        return;
    }

    self_push_ms = now_ms;

    if (phr_push_tick(self_api->push, phr_store_appender(self_api->store),
                      now_ms, &err)
        != PHR_OK
        && err.code != PHR_ENOSPC)
    {
        ngx_http_pharos_log_err(NGX_LOG_ERR, self_log, &err,
                                "repeating pushed metrics");
    }
}


static int
ngx_http_pharos_self_scrape(int64_t now_ms, phr_err_t *err)
{
    int                   rc;
    phr_buf_t             text;
    phr_scrape_report_t   report;

    if (self_scrape == NULL) {
        rc = ngx_http_pharos_self_create(err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (self_forget) {
        phr_scrape_forget(self_scrape);
        self_forget = 0;
    }

    phr_buf_init(&text, 0);
    ngx_http_pharos_engine_metrics(&text);

    rc = text.failed;

    if (rc == PHR_OK) {
        rc = phr_scrape_body(self_scrape,
                             phr_store_appender(self_api->store), now_ms, 0,
                             phr_buf_view(&text), phr_str_of("text/plain"),
                             &report, err);
    }

    if (rc == PHR_OK && !report.up) {
        rc = err->code;
    }

    phr_buf_free(&text);

    return rc;
}


static int
ngx_http_pharos_self_create(phr_err_t *err)
{
    phr_label_t           labels[2];
    phr_scrape_options_t  options;

    labels[0].name = phr_str_of("instance");
    labels[0].value = phr_str_from((char *) ngx_cycle->hostname.data,
                                   ngx_cycle->hostname.len);
    labels[1].name = phr_str_of("job");
    labels[1].value = phr_str_of(NGX_HTTP_PHAROS_SELF_JOB);

    ngx_memzero(&options, sizeof(phr_scrape_options_t));
    options.job = labels[1].value;
    options.labels.l = labels;
    options.labels.n = 2;

    /* it is no target: who counts "up" counts those */
    options.unreported = 1;

    return phr_scrape_create(&options, &self_scrape, err);
}


static void
ngx_http_pharos_self_done(ngx_http_pharos_task_t *t)
{
    self_busy = 0;

    if (t->rc < 0) {
        self_forget = 1;
    }
}


/* in the writer thread */

void
ngx_http_pharos_self_metrics(phr_buf_t *out)
{
    ngx_uint_t                  i;
    phr_remote_write_stats_t    st;

    if (self_api == NULL || self_api->remote_write == NULL) {
        return;
    }

    phr_remote_write_stats(self_api->remote_write, &st);

    phr_buf_printf(out,
        "# HELP pharos_remote_write_requests_total "
            "Requests received.\n"
        "# TYPE pharos_remote_write_requests_total counter\n"
        "pharos_remote_write_requests_total %llu\n"
        "# HELP pharos_remote_write_malformed_total "
            "Requests of which nothing was taken.\n"
        "# TYPE pharos_remote_write_malformed_total counter\n"
        "pharos_remote_write_malformed_total %llu\n"
        "# HELP pharos_remote_write_samples_total "
            "Samples written.\n"
        "# TYPE pharos_remote_write_samples_total counter\n"
        "pharos_remote_write_samples_total %llu\n"
        "# HELP pharos_remote_write_exemplars_total "
            "Exemplars written.\n"
        "# TYPE pharos_remote_write_exemplars_total counter\n"
        "pharos_remote_write_exemplars_total %llu\n"
        "# HELP pharos_remote_write_exemplars_dropped_total "
            "Exemplars received, and not stored.\n"
        "# TYPE pharos_remote_write_exemplars_dropped_total counter\n"
        "pharos_remote_write_exemplars_dropped_total %llu\n"
        "# HELP pharos_remote_write_refused_total "
            "Samples refused, by reason.\n"
        "# TYPE pharos_remote_write_refused_total counter\n",
        (unsigned long long) st.nrequests,
        (unsigned long long) st.nmalformed,
        (unsigned long long) st.nsamples,
        (unsigned long long) st.nexemplars,
        (unsigned long long) st.ndropped);

    for (i = 0; i < PHR_REMOTE_WRITE_REASONS; i++) {
        phr_buf_printf(out, "pharos_remote_write_refused_total"
                       "{reason=\"%s\"} %llu\n",
                       phr_remote_write_reason(i),
                       (unsigned long long) st.nrefused[i]);
    }
}


/* in the writer thread */

void
ngx_http_pharos_metadata_view(const phr_metadata_t *md,
    phr_api_metadata_t *view)
{
    ngx_memzero(view, sizeof(phr_api_metadata_t));

    view->metric = md->metric;
    view->type = phr_str_from_c(phr_metric_type_text(md->type));
    view->help = md->help;
    view->unit = md->unit;
}


int
ngx_http_pharos_self_metadata(void *data, phr_str_t metric,
    int (*visit)(void *arg, const phr_api_metadata_t *m), void *arg)
{
    int                 rc;
    size_t              pos;
    phr_metadata_t      md;
    phr_api_metadata_t  view;

    rc = PHR_OK;
    pos = 0;

    while (self_scrape && rc == PHR_OK
           && phr_scrape_metadata(self_scrape, &pos, &md))
    {
        if (metric.len == 0 || phr_str_eq(metric, md.metric)) {
            ngx_http_pharos_metadata_view(&md, &view);
            rc = visit(arg, &view);
        }
    }

    pos = 0;
    md.unit = phr_str_of("");

    while (rc == PHR_OK
           && phr_push_metadata(self_api->push, &pos, &md.metric, &md.type,
                                &md.help))
    {
        if (metric.len == 0 || phr_str_eq(metric, md.metric)) {
            ngx_http_pharos_metadata_view(&md, &view);
            rc = visit(arg, &view);
        }
    }

    pos = 0;

    while (rc == PHR_OK
           && phr_remote_write_metadata(self_api->remote_write, &pos, &md))
    {
        if (metric.len == 0 || phr_str_eq(metric, md.metric)) {
            ngx_http_pharos_metadata_view(&md, &view);
            rc = visit(arg, &view);
        }
    }

    return rc;
}


void
ngx_http_pharos_self_stop(void)
{
    if (self_timer.timer_set) {
        ngx_del_timer(&self_timer);
    }
}


/* the threads have ended; what has not started may have been made already */

void
ngx_http_pharos_self_free(phr_api_t *api)
{
    phr_scrape_destroy(self_scrape);
    self_scrape = NULL;

    phr_push_destroy(api->push);
    api->push = NULL;

    phr_remote_write_destroy(api->remote_write);
    api->remote_write = NULL;
}
