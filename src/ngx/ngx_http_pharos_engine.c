/*
 * Copyright (C) The Pharos Authors
 *
 * Engine: the parts below src/ngx, put together in the helper.  The writer
 * thread opens the store and is the only one that writes to it; the loop
 * learns when it is open, and whether.
 *
 * What else shall run in the helper (scraping, rules, notifying) starts in
 * ngx_http_pharos_engine_opened(), stops in ngx_http_pharos_engine_drain(),
 * and posts writer tasks that use phr_store_appender().
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "api/query_cache.h"
#include "api/query_log.h"
#include "ngx/ngx_http_pharos_check.h"
#include "ngx/ngx_http_pharos_heap.h"
#include "ngx/ngx_http_pharos_open.h"
#include "ngx/ngx_http_pharos_outbound.h"
#include "ngx/ngx_http_pharos_parts.h"
#include "ngx/ngx_http_pharos_stream.h"
#include "ngx/ngx_http_pharos_task.h"


#define NGX_HTTP_PHAROS_LOOKBACK_MS    (5 * 60 * 1000)
#define NGX_HTTP_PHAROS_MAX_POINTS     11000
#define NGX_HTTP_PHAROS_MAX_ANSWER     1000000

/*
 * A commit is at most so far behind the disk, if nothing else is said: with
 * what a scrape may wait, 100 ms for others to be answered and 200 ms for
 * its commit, that is less than a second.
 */
#define NGX_HTTP_PHAROS_BEHIND_MS      600

/* rows are looked through for what is due to be packed or dropped */
#define NGX_HTTP_PHAROS_SEAL_MS        5000
#define NGX_HTTP_PHAROS_RETAIN_MS      5000

#define NGX_HTTP_PHAROS_FULL_MS        1000

/*
 * Pages of the file that were read go back: the kernel maps 16 of them for
 * each that a commit reads.  At most so often after commits, and at rest; so
 * does what making series took.
 */
#define NGX_HTTP_PHAROS_RELAX_MS       1000
#define NGX_HTTP_PHAROS_REST_MS        5000

/* the check in the background is asked so often whether it has ended */
#define NGX_HTTP_PHAROS_CHECK_MS       200


/* what the writer thread does beside tasks, each said once if it fails */
#define NGX_HTTP_PHAROS_COMMIT         0x01
#define NGX_HTTP_PHAROS_SYNC           0x02
#define NGX_HTTP_PHAROS_SEAL           0x04
#define NGX_HTTP_PHAROS_RETAIN         0x08
#define NGX_HTTP_PHAROS_COARSEN        0x10


typedef struct {
    ngx_http_pharos_main_conf_t  *pmcf;
    ngx_http_pharos_shared_t     *sh;
    ngx_log_t                    *log;

    ngx_http_pharos_task_t        open;
    phr_err_t                     err;

    phr_store_t                  *store;     /* set by the writer thread */
    phr_api_t                     api;
    unsigned                      opened:1;

    /* of the writer thread */
    ngx_uint_t                    condemned;
    ngx_msec_t                    behind_ms;
    int64_t                       commit_ms; /* of the last */
    int64_t                       sync_ms;   /* 0: all is on the disk */
    int64_t                       seal_ms;
    int64_t                       retain_ms;
    int64_t                       relax_ms;  /* not before, after commits */
    int64_t                       rest_ms;
    int64_t                       trim_ms;
    uint64_t                      nmade;     /* series, at the last look */
    unsigned                      making:1;  /* it was more than before */
    ngx_uint_t                    failing;   /* bits of outcomes */

    /* written by the writer thread, read by any */
    uint64_t                      ncommits;
    uint64_t                      nfailed;
    uint64_t                      commit_us;
} ngx_http_pharos_engine_t;


static void ngx_http_pharos_engine_open(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_engine_opened(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_engine_failed(void);
static void ngx_http_pharos_engine_begin(void *data);
static int ngx_http_pharos_engine_commit(void *data, int durable);
static int ngx_http_pharos_engine_heavy(void *data);
static void ngx_http_pharos_engine_unsynced(void);
static int ngx_http_pharos_engine_idle(void *data);
static void ngx_http_pharos_engine_relax(int64_t clock_ms);
static void ngx_http_pharos_engine_rest(int64_t clock_ms);
static ngx_msec_t ngx_http_pharos_engine_due(void *data);
static void ngx_http_pharos_engine_finish(void *data);
static int ngx_http_pharos_engine_outcome(ngx_uint_t what, int rc,
    const phr_err_t *err, char *action);
static void ngx_http_pharos_engine_condemn(const phr_err_t *why);
static void ngx_http_pharos_engine_checked(void);
static void ngx_http_pharos_engine_page(void);
static void ngx_http_pharos_engine_live(void *data, phr_buf_t *out);
static int64_t ngx_http_pharos_engine_clock_us(void *data);
static int ngx_http_pharos_engine_metadata(void *data, phr_str_t metric,
    int (*visit)(void *arg, const phr_api_metadata_t *m), void *arg);


static ngx_http_pharos_engine_t  engine;

/* for those who ask while the store is not open; outlives its tries */
static char  ngx_http_pharos_engine_why[PHR_ERR_TEXT + PHR_ERR_FILE + 128]
    = "the store is not open yet";

static const phr_api_live_t  ngx_http_pharos_engine_api_live = {
    .targets = ngx_http_pharos_scrape_targets,
    .pools = ngx_http_pharos_scrape_pools,
    .config = ngx_http_pharos_settings_config,
    .external_labels = ngx_http_pharos_settings_external_labels,
    .flags = ngx_http_pharos_flags,
    .alertmanagers = ngx_http_pharos_alertmanagers_visit,
    .rules = ngx_http_pharos_rules_hold,
    .rules_done = ngx_http_pharos_rules_release,
    .boards = ngx_http_pharos_boards_hold,
    .boards_done = ngx_http_pharos_boards_release,
    .metadata = ngx_http_pharos_engine_metadata,
    .reload_state = ngx_http_pharos_settings_state,
    .metrics = ngx_http_pharos_engine_live,
    .clock_us = ngx_http_pharos_engine_clock_us,
    .write = ngx_http_pharos_write,
    .page = ngx_http_pharos_page_find
};


ngx_int_t
ngx_http_pharos_engine_start(ngx_http_pharos_main_conf_t *pmcf,
    ngx_cycle_t *cycle)
{
    phr_api_t                 *api;
    ngx_http_pharos_writer_t   writer;

    ngx_memzero(&engine, sizeof(ngx_http_pharos_engine_t));

    engine.pmcf = pmcf;
    engine.sh = pmcf->zone->data;
    engine.log = cycle->log;

    ngx_http_pharos_heap_keep();

    /* begun early enough to be done when it is due */

    engine.behind_ms = pmcf->durability
                       ? ngx_max(pmcf->durability
                                 - ngx_min(pmcf->durability / 4,
                                           NGX_HTTP_PHAROS_BEHIND_MS / 4), 1)
                       : NGX_HTTP_PHAROS_BEHIND_MS;

    api = &engine.api;

    api->limits.lookback_ms = NGX_HTTP_PHAROS_LOOKBACK_MS;
    api->limits.query_timeout_ms = pmcf->query_timeout;
    api->limits.query_max_samples = pmcf->query_max_samples;
    api->limits.query_memory_bytes = (size_t) pmcf->query_memory;
    api->limits.promql_flags = ngx_http_pharos_promql_flags(pmcf, 0);
    api->limits.max_res_ms = (int64_t) pmcf->query_resolution * 1000;
    api->limits.query_max_points = NGX_HTTP_PHAROS_MAX_POINTS;
    api->limits.max_body_bytes = (size_t) pmcf->max_body;
    api->limits.max_series = NGX_HTTP_PHAROS_MAX_ANSWER;
    api->live = &ngx_http_pharos_engine_api_live;
    api->live_data = &engine;
    api->queries = phr_query_log_create();
    api->cache = pmcf->query_cache
                 ? phr_query_cache_create((size_t) pmcf->query_cache) : NULL;
    api->zones = ngx_http_pharos_zones();
    api->start_ms = ngx_http_pharos_now_ms();
    api->version = NGX_HTTP_PHAROS_VERSION;
    api->server_version = NGINX_VERSION;
    api->retention_ms = (int64_t) pmcf->retention * 1000;
    api->retention_bytes = pmcf->retention_size;
    api->hostname = phr_str_from((char *) cycle->hostname.data,
                                 cycle->hostname.len);
    api->external_url = phr_str_from((char *) pmcf->external_url.data,
                                     pmcf->external_url.len);

    writer.data = &engine;
    writer.begin = ngx_http_pharos_engine_begin;
    writer.commit = ngx_http_pharos_engine_commit;
    writer.heavy = ngx_http_pharos_engine_heavy;
    writer.idle = ngx_http_pharos_engine_idle;
    writer.due = ngx_http_pharos_engine_due;
    writer.finish = ngx_http_pharos_engine_finish;

    if (ngx_http_pharos_task_start(pmcf, &writer, cycle) != NGX_OK
        || ngx_http_pharos_streams_open(cycle->log) != NGX_OK
        || ngx_http_pharos_outbound_start(cycle->log) != NGX_OK)
    {
        return NGX_ERROR;
    }

    engine.open.run = ngx_http_pharos_engine_open;
    engine.open.done = ngx_http_pharos_engine_opened;

    return ngx_http_pharos_task_post(NGX_HTTP_PHAROS_POOL_WRITE,
                                     &engine.open);
}


static void
ngx_http_pharos_engine_open(ngx_http_pharos_task_t *t)
{
    phr_err_init(&engine.err);

    if (ngx_http_pharos_open(engine.pmcf, engine.sh, engine.log,
                             &engine.store, &engine.err)
        != PHR_OK)
    {
        return;
    }

    (void) ngx_http_pharos_check_start(engine.store, engine.sh, engine.log);
    ngx_http_pharos_clock_open(engine.store, engine.log);

    engine.api.store = engine.store;
    engine.api.storage = phr_store_storage(engine.store);

    if (ngx_http_pharos_self_push(&engine.api, &engine.err) != PHR_OK
        || ngx_http_pharos_self_remote_write(&engine.api, &engine.err)
           != PHR_OK)
    {
        ngx_http_pharos_check_stop();
        phr_store_close(engine.store);
        engine.store = NULL;
        return;
    }

    ngx_http_pharos_engine_page();
}


/*
 * The writer met damage, so that nothing can be written any more; the next
 * helper moves the store aside.
 */

static void
ngx_http_pharos_engine_condemn(const phr_err_t *why)
{
    if (engine.condemned) {
        return;
    }

    engine.condemned = 1;

    if (ngx_http_pharos_condemn(engine.pmcf, engine.log, why) == NGX_OK
        && ngx_process == NGX_PROCESS_HELPER)
    {
        (void) kill(ngx_pid, SIGTERM);
    }
}


/* what the check in the background found */

static void
ngx_http_pharos_engine_checked(void)
{
    int               rc;
    const phr_err_t  *err;

    rc = ngx_http_pharos_check_poll(&err);

    if (rc == PHR_OK) {
        ngx_log_error(NGX_LOG_NOTICE, engine.log, 0,
                      "all pages of the store were checked");

    } else if (rc == PHR_ECORRUPT) {
        ngx_http_pharos_engine_condemn(err);

    } else if (rc != PHR_AGAIN && rc != PHR_ECANCELED) {
        ngx_http_pharos_log_err(NGX_LOG_ERR, engine.log, err,
                                "checking the pages of the store");
    }
}


static void
ngx_http_pharos_engine_page(void)
{
    phr_err_t  err;

    phr_err_init(&err);

    if (ngx_http_pharos_page_load((char *) engine.pmcf->page.data, &err)
        != PHR_OK)
    {
        ngx_http_pharos_log_err(NGX_LOG_NOTICE, engine.log, &err,
                                "reading the page");
    }
}


static void
ngx_http_pharos_engine_opened(ngx_http_pharos_task_t *t)
{
    if (engine.store == NULL) {
        ngx_http_pharos_log_err(NGX_LOG_CRIT, engine.log, &engine.err,
                                "opening the store");
        ngx_http_pharos_engine_failed();
        return;
    }

    engine.opened = 1;

    if (ngx_http_pharos_rules_start(engine.pmcf, &engine.api, engine.log)
        != NGX_OK
        || ngx_http_pharos_self_start(&engine.api, engine.log) != NGX_OK
        || ngx_http_pharos_boards_start(engine.pmcf, engine.log) != NGX_OK
        || ngx_http_pharos_settings_start(engine.pmcf, &engine.api,
                                          engine.log)
           != NGX_OK)
    {
        phr_err_set(&engine.err, PHR_ERROR, "monitoring does not "
                    "start");
        ngx_http_pharos_log_err(NGX_LOG_CRIT, engine.log, &engine.err,
                                "opening the store");
        ngx_http_pharos_engine_failed();
        return;
    }

    ngx_http_pharos_helper_ready();
}


/* requests are answered with the reason until another try succeeds */

static void
ngx_http_pharos_engine_failed(void)
{
    char  text[PHR_ERR_TEXT + PHR_ERR_FILE + 64];

    (void) ngx_snprintf((u_char *) ngx_http_pharos_engine_why,
                        sizeof(ngx_http_pharos_engine_why) - 1,
                        "the store cannot be opened: %s%Z",
                        phr_err_format(&engine.err, text, sizeof(text)));

    ngx_http_pharos_helper_failed();
}


/* in the writer thread, before the tasks of a batch */

static void
ngx_http_pharos_engine_begin(void *data)
{
    if (engine.store) {
        (void) ngx_http_pharos_clock_look(engine.store, engine.log);
    }
}


/* in the writer thread, between the tasks of a batch */

static int
ngx_http_pharos_engine_heavy(void *data)
{
    return engine.store != NULL && phr_store_heavy(engine.store);
}


/* in the writer thread, after the tasks of a batch */

static int
ngx_http_pharos_engine_commit(void *data, int durable)
{
    int         rc;
    int64_t     now_ms, begin_ms, end_ms;
    phr_err_t   err;
    uint64_t    before, after;
    ngx_uint_t  writing;

    if (engine.store == NULL) {
        return PHR_OK;
    }

    phr_err_init(&err);

    begin_ms = ngx_http_pharos_zone_clock_ms();
    now_ms = ngx_http_pharos_now_ms();

    /* "pharos_durability sync": what is acknowledged is on the disk */
    durable = durable && engine.pmcf->durability == 0;

    /* no other is likely to come in time to flush this one with its data */
    durable |= begin_ms - engine.commit_ms > (int64_t) engine.behind_ms;

    writing = phr_store_writing(engine.store);
    before = phr_store_unsynced(engine.store);
    rc = phr_store_commit(engine.store, now_ms, durable, &err);
    after = phr_store_unsynced(engine.store);
    end_ms = ngx_http_pharos_zone_clock_ms();

    phr_shared_set(&engine.ncommits, engine.ncommits + 1);
    phr_shared_set(&engine.commit_us, engine.commit_us
                   + (end_ms - begin_ms) * 1000);

    if (writing && rc >= 0 && (after == 0 || after != before)) {
        /* with its data all commits before it were flushed */
        engine.sync_ms = after == 0 ? 0 : end_ms + engine.behind_ms;
        engine.commit_ms = end_ms;
    }

    if (writing && end_ms >= engine.relax_ms) {
        ngx_http_pharos_engine_relax(end_ms);
    }

    ngx_http_pharos_refused_look(&engine.api, end_ms, engine.log);

    if (rc < 0) {
        phr_shared_set(&engine.nfailed, engine.nfailed + 1);

        /* the groups in memory say what was not written */
        if (engine.api.push) {
            (void) ngx_http_pharos_self_push(&engine.api, NULL);
        }

        if (engine.api.remote_write) {
            (void) ngx_http_pharos_self_remote_write(&engine.api, NULL);
        }
    }

    if (rc == PHR_ECORRUPT) {
        ngx_http_pharos_engine_condemn(&err);
    }

    /* the store itself tells when it is full, and when no more */

    if (rc != PHR_ENOSPC) {
        rc = ngx_http_pharos_engine_outcome(NGX_HTTP_PHAROS_COMMIT, rc, &err,
                                            "committing to the store");
    }

    return rc;
}


/* after what commits by itself: nothing that is awaited, but it is flushed */

static void
ngx_http_pharos_engine_unsynced(void)
{
    if (engine.sync_ms == 0 && phr_store_unsynced(engine.store)) {
        engine.sync_ms = ngx_http_pharos_zone_clock_ms() + engine.behind_ms;
    }
}


/* in the writer thread: how long until there is something to do when idle */

static ngx_msec_t
ngx_http_pharos_engine_due(void *data)
{
    int64_t  due_ms;

    if (engine.store == NULL) {
        return NGX_HTTP_PHAROS_SEAL_MS;
    }

    due_ms = ngx_min(engine.seal_ms, engine.retain_ms);
    due_ms = ngx_min(due_ms, engine.rest_ms);

    if (engine.sync_ms) {
        due_ms = ngx_min(due_ms, engine.sync_ms);
    }

    due_ms -= ngx_http_pharos_zone_clock_ms();

    if (ngx_http_pharos_check_pending()) {
        due_ms = ngx_min(due_ms, NGX_HTTP_PHAROS_CHECK_MS);
    }

    return (ngx_msec_t) ngx_max(due_ms, 1);
}


static int
ngx_http_pharos_engine_idle(void *data)
{
    int        rc;
    int64_t    now_ms, clock_ms;
    phr_err_t  err;

    if (engine.store == NULL) {
        return PHR_OK;
    }

    phr_err_init(&err);
    ngx_http_pharos_engine_checked();

    clock_ms = ngx_http_pharos_zone_clock_ms();
    now_ms = ngx_http_pharos_clock_look(engine.store, engine.log);

    if (engine.sync_ms && clock_ms >= engine.sync_ms) {
        rc = phr_store_sync(engine.store, &err);
        (void) ngx_http_pharos_engine_outcome(NGX_HTTP_PHAROS_SYNC, rc, &err,
                                              "syncing the store");
        engine.sync_ms = rc == PHR_OK ? 0 : clock_ms + engine.behind_ms;
    }

    if (clock_ms >= engine.seal_ms) {
        ngx_http_pharos_refused_look(&engine.api, clock_ms, engine.log);

        /* what is packed loses what is too old */

        rc = phr_store_seal(engine.store,
                            ngx_http_pharos_clock_settled(engine.store,
                                                          now_ms),
                            &err);
        phr_store_now(engine.store, now_ms);
        ngx_http_pharos_engine_unsynced();

        if (rc == PHR_AGAIN) {
            return PHR_AGAIN;
        }

        (void) ngx_http_pharos_engine_outcome(NGX_HTTP_PHAROS_SEAL, rc, &err,
                                              "packing rows");
        engine.seal_ms = clock_ms + NGX_HTTP_PHAROS_SEAL_MS;
    }

    if (clock_ms >= engine.retain_ms) {
        rc = phr_store_retain(engine.store,
                              ngx_http_pharos_clock_settled(engine.store,
                                                            now_ms),
                              &err);
        phr_store_now(engine.store, now_ms);
        ngx_http_pharos_engine_unsynced();

        if (rc == PHR_AGAIN) {
            return PHR_AGAIN;
        }

        (void) ngx_http_pharos_engine_outcome(NGX_HTTP_PHAROS_RETAIN, rc,
                                              &err, "dropping old samples");

        rc = phr_store_coarsen(engine.store,
                               ngx_http_pharos_clock_settled(engine.store,
                                                             now_ms),
                               &err);
        phr_store_now(engine.store, now_ms);
        ngx_http_pharos_engine_unsynced();

        if (rc == PHR_AGAIN) {
            return PHR_AGAIN;
        }

        (void) ngx_http_pharos_engine_outcome(NGX_HTTP_PHAROS_COARSEN, rc,
                                              &err, "downsampling");
        engine.retain_ms = clock_ms + (phr_store_full(engine.store)
                                       ? NGX_HTTP_PHAROS_FULL_MS
                                       : NGX_HTTP_PHAROS_RETAIN_MS);
    }

    if (clock_ms >= engine.rest_ms) {
        engine.rest_ms = clock_ms + NGX_HTTP_PHAROS_REST_MS;
        ngx_http_pharos_engine_rest(clock_ms);
    }

    return PHR_OK;
}


static void
ngx_http_pharos_engine_relax(int64_t clock_ms)
{
    engine.relax_ms = clock_ms + NGX_HTTP_PHAROS_RELAX_MS;
    phr_store_relax(engine.store);
}


/* memory: at times, and as soon as no more new series come */

static void
ngx_http_pharos_engine_rest(int64_t clock_ms)
{
    uint64_t    nmade;
    ngx_uint_t  over;

    ngx_http_pharos_engine_relax(clock_ms);

    nmade = phr_store_made(engine.store);
    over = engine.making && nmade == engine.nmade;
    engine.making = nmade != engine.nmade;
    engine.nmade = nmade;

    if (over || clock_ms >= engine.trim_ms) {
        engine.trim_ms = clock_ms + NGX_HTTP_PHAROS_HEAP_MS;
        ngx_http_pharos_heap_top();
        ngx_http_pharos_heap_trim();
    }
}


/* the last act: everything is on disk, the next helper may write if we leave */

static void
ngx_http_pharos_engine_finish(void *data)
{
    int        rc;
    phr_err_t  err;

    if (engine.store) {
        phr_err_init(&err);

        rc = phr_store_sync(engine.store, &err);
        (void) ngx_http_pharos_engine_outcome(NGX_HTTP_PHAROS_SYNC, rc, &err,
                                              "syncing the store");
    }

    /* a helper that only failed to open it goes on to answer, and to try */

    if (ngx_http_pharos_helper_draining()) {
        ngx_http_pharos_helper_unlock();
    }
}


/* a full disk fails each commit: said once, and once that it is over */

static int
ngx_http_pharos_engine_outcome(ngx_uint_t what, int rc,
    const phr_err_t *err, char *action)
{
    if (rc < 0 && !(engine.failing & what)) {
        ngx_http_pharos_log_err(NGX_LOG_CRIT, engine.log, err, action);
        engine.failing |= what;

    } else if (rc == PHR_OK && (engine.failing & what)) {
        ngx_log_error(NGX_LOG_NOTICE, engine.log, 0,
                      "%s succeeds again", action);
        engine.failing &= ~what;
    }

    return rc;
}


void
ngx_http_pharos_engine_drain(void)
{
    ngx_http_pharos_settings_stop();
    ngx_http_pharos_scrape_stop();
    ngx_http_pharos_rules_stop();
    ngx_http_pharos_notify_stop();
    ngx_http_pharos_alertmanagers_stop();
    ngx_http_pharos_self_stop();
    ngx_http_pharos_boards_stop();
    ngx_http_pharos_check_stop();

    /* what the next helper writes is not known here */
    phr_query_cache_close(engine.api.cache);

    ngx_http_pharos_task_close_writer();
}


ngx_int_t
ngx_http_pharos_engine_stop(ngx_msec_t ms)
{
    if (engine.opened) {
        /* after SIGTERM nobody has: no timer may outlive its part */
        ngx_http_pharos_engine_drain();
    }

    if (ngx_http_pharos_outbound_stop(ms) != NGX_OK
        || ngx_http_pharos_task_stop(ms) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the writer may have begun it since */
    ngx_http_pharos_check_stop();

    ngx_http_pharos_streams_close();
    engine.opened = 0;

    ngx_http_pharos_notify_free();
    ngx_http_pharos_alertmanagers_free();
    ngx_http_pharos_rules_free();
    ngx_http_pharos_scrape_free();
    ngx_http_pharos_self_free(&engine.api);
    ngx_http_pharos_settings_free();
    ngx_http_pharos_boards_free();
    ngx_http_pharos_page_free();

    phr_query_log_destroy(engine.api.queries);
    engine.api.queries = NULL;

    phr_query_cache_destroy(engine.api.cache);
    engine.api.cache = NULL;

    if (engine.store) {
        phr_store_close(engine.store);
        engine.store = NULL;
    }

    return NGX_OK;
}


phr_api_t *
ngx_http_pharos_engine_api(void)
{
    return engine.opened ? &engine.api : NULL;
}


const char *
ngx_http_pharos_engine_closed(void)
{
    return ngx_http_pharos_engine_why;
}


static void
ngx_http_pharos_engine_live(void *data, phr_buf_t *out)
{
    ngx_http_pharos_engine_metrics(out);
}


static int64_t
ngx_http_pharos_engine_clock_us(void *data)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


/* in the writer thread */

static int
ngx_http_pharos_engine_metadata(void *data, phr_str_t metric,
    int (*visit)(void *arg, const phr_api_metadata_t *m), void *arg)
{
    int  rc;

    rc = ngx_http_pharos_scrape_metadata(data, metric, visit, arg);

    if (rc == PHR_OK) {
        rc = ngx_http_pharos_self_metadata(data, metric, visit, arg);
    }

    return rc;
}


void
ngx_http_pharos_engine_metrics(phr_buf_t *out)
{
    ngx_http_pharos_commits_t  commits;

    commits.n = phr_shared_get(&engine.ncommits);
    commits.nfailed = phr_shared_get(&engine.nfailed);
    commits.us = phr_shared_get(&engine.commit_us);

    ngx_http_pharos_metrics(out, engine.sh, &engine.api, engine.store,
                            &commits);
}
