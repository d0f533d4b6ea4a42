/*
 * Copyright (C) The Pharos Authors
 *
 * Discover: files are looked at by a task in a reader thread every few
 * seconds; only when a name, a size or a time has changed are they read and
 * the targets made anew.  A file that is broken keeps the groups that it
 * had.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <sys/stat.h>

#include "core/alloc.h"
#include "core/array.h"
#include "core/bytes.h"
#include "ingest/target.h"
#include "ngx/ngx_http_pharos_discover.h"


/* how often files are looked at, whatever refresh_interval says */
#define NGX_HTTP_PHAROS_DISCOVER_MS      5000
#define NGX_HTTP_PHAROS_DISCOVER_MIN_MS  1000

#define NGX_HTTP_PHAROS_DISCOVER_ARENA   (64 * 1024 * 1024)


/* a file, and the groups that it had when it was last good */
typedef struct {
    phr_str_t                     path;      /* terminated, allocated */
    phr_arena_t                  *arena;
    phr_target_groups_t           groups;
    uint64_t                      signature;
    unsigned                      seen:1;
    unsigned                      broken:1;
} ngx_http_pharos_sd_file_t;


struct ngx_http_pharos_discover_s {
    ngx_http_pharos_task_t        task;
    ngx_event_t                   timer;
    ngx_log_t                    *log;

    ngx_http_pharos_settings_t   *settings;
    const phr_scrape_conf_t      *conf;
    void                        (*applied)(void *data, phr_array_t *targets);
    void                         *data;

    /* the task's, while it runs */
    phr_array_t                   files;     /* ngx_http_pharos_sd_file_t */
    phr_array_t                   targets;   /* phr_target_t * */
    ngx_uint_t                    first;     /* no bits, see scrape.h */
    ngx_uint_t                    changed;

    unsigned                      busy:1;
    unsigned                      destroyed:1;
};


static void ngx_http_pharos_discover_timer(ngx_event_t *ev);
static ngx_msec_t ngx_http_pharos_discover_ms(
    ngx_http_pharos_discover_t *d);
static void ngx_http_pharos_discover_run(ngx_http_pharos_task_t *t);
static void ngx_http_pharos_discover_done(ngx_http_pharos_task_t *t);
static int ngx_http_pharos_discover_files(ngx_http_pharos_discover_t *d);
static int ngx_http_pharos_discover_file(ngx_http_pharos_discover_t *d,
    phr_str_t path);
static void ngx_http_pharos_discover_gone(ngx_http_pharos_discover_t *d);
static void ngx_http_pharos_discover_targets(ngx_http_pharos_discover_t *d);
static void ngx_http_pharos_discover_error(void *data, const phr_err_t *err);
static uint64_t ngx_http_pharos_discover_signature(const char *path);
static void ngx_http_pharos_discover_free(ngx_http_pharos_discover_t *d);


ngx_http_pharos_discover_t *
ngx_http_pharos_discover_create(ngx_http_pharos_settings_t *s,
    const phr_scrape_conf_t *conf,
    void (*applied)(void *data, phr_array_t *targets), void *data,
    ngx_log_t *log)
{
    ngx_http_pharos_discover_t  *d;

    d = ngx_calloc(sizeof(ngx_http_pharos_discover_t), log);
    if (d == NULL) {
        return NULL;
    }

    d->log = log;
    d->settings = s;
    d->conf = conf;
    d->applied = applied;
    d->data = data;
    d->first = 1;

    phr_array_init(&d->files, sizeof(ngx_http_pharos_sd_file_t));
    phr_array_init(&d->targets, sizeof(phr_target_t *));

    d->task.run = ngx_http_pharos_discover_run;
    d->task.done = ngx_http_pharos_discover_done;
    d->task.data = d;

    d->timer.handler = ngx_http_pharos_discover_timer;
    d->timer.data = d;
    d->timer.log = log;
    d->timer.cancelable = 1;

    ngx_http_pharos_settings_hold(s);

    ngx_http_pharos_discover_timer(&d->timer);

    return d;
}


void
ngx_http_pharos_discover_destroy(ngx_http_pharos_discover_t *d)
{
    if (d->timer.timer_set) {
        ngx_del_timer(&d->timer);
    }

    d->destroyed = 1;

    if (!d->busy) {
        ngx_http_pharos_discover_free(d);
    }
}


static void
ngx_http_pharos_discover_free(ngx_http_pharos_discover_t *d)
{
    size_t                      i;
    ngx_http_pharos_sd_file_t  *f;

    for (i = 0; i < d->files.nelts; i++) {
        f = phr_array_get(&d->files, ngx_http_pharos_sd_file_t, i);
        phr_free((void *) f->path.data);
        phr_arena_destroy(f->arena);
    }

    phr_array_free(&d->files);
    phr_targets_destroy(&d->targets);

    ngx_http_pharos_settings_drop(d->settings);
    ngx_free(d);
}


static void
ngx_http_pharos_discover_timer(ngx_event_t *ev)
{
    ngx_http_pharos_discover_t  *d;

    d = ev->data;

    if (ngx_http_pharos_task_post(NGX_HTTP_PHAROS_POOL_READ, &d->task)
        == NGX_OK)
    {
        d->busy = 1;
        return;
    }

    if (!ngx_http_pharos_helper_draining()) {
        ngx_add_timer(&d->timer, ngx_http_pharos_discover_ms(d));
    }
}


/* a look costs little: no file waits longer than it has to */

static ngx_msec_t
ngx_http_pharos_discover_ms(ngx_http_pharos_discover_t *d)
{
    size_t   i;
    int64_t  ms;

    ms = NGX_HTTP_PHAROS_DISCOVER_MS;

    for (i = 0; i < d->conf->nfile_sd; i++) {
        ms = phr_min(ms, d->conf->file_sd[i]->refresh_interval_ms);
    }

    return (ngx_msec_t) phr_max(ms, NGX_HTTP_PHAROS_DISCOVER_MIN_MS);
}


/* in a reader thread */

static void
ngx_http_pharos_discover_run(ngx_http_pharos_task_t *t)
{
    ngx_http_pharos_discover_t  *d;

    d = t->data;
    d->changed = d->first;

    if (ngx_http_pharos_discover_files(d) != PHR_OK) {
        d->changed = 0;
        return;
    }

    if (d->changed) {
        ngx_http_pharos_discover_targets(d);
        d->first = 0;
    }
}


static int
ngx_http_pharos_discover_files(ngx_http_pharos_discover_t *d)
{
    int           rc;
    size_t        i, k, n;
    phr_err_t     err;
    phr_strs_t    names;
    phr_arena_t  *arena;

    arena = phr_arena_create(0);
    if (arena == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0; i < d->files.nelts; i++) {
        phr_array_get(&d->files, ngx_http_pharos_sd_file_t, i)->seen = 0;
    }

    rc = PHR_OK;

    for (i = 0; i < d->conf->nfile_sd && rc == PHR_OK; i++) {
        for (k = 0; k < d->conf->file_sd[i]->files.n && rc == PHR_OK; k++) {

            rc = phr_loader_glob(arena, d->conf->file_sd[i]->files.s[k],
                                 &names, &err);

            for (n = 0; rc == PHR_OK && n < names.n; n++) {
                rc = ngx_http_pharos_discover_file(d, names.s[n]);
            }
        }
    }

    phr_arena_destroy(arena);

    if (rc == PHR_OK) {
        ngx_http_pharos_discover_gone(d);
    }

    return rc;
}


static int
ngx_http_pharos_discover_file(ngx_http_pharos_discover_t *d, phr_str_t path)
{
    size_t                      i;
    uint64_t                    signature;
    phr_err_t                   err;
    phr_arena_t                *arena;
    phr_target_groups_t         groups;
    ngx_http_pharos_sd_file_t  *f;

    f = NULL;

    for (i = 0; i < d->files.nelts; i++) {
        f = phr_array_get(&d->files, ngx_http_pharos_sd_file_t, i);
        if (phr_str_eq(f->path, path)) {
            break;
        }
    }

    if (i == d->files.nelts) {
        f = phr_array_push(&d->files);
        if (f == NULL) {
            return PHR_ENOMEM;
        }

        f->path.len = path.len;
        f->path.data = phr_strdup(path.data, path.len);
        if (f->path.data == NULL) {
            d->files.nelts--;
            return PHR_ENOMEM;
        }
    }

    f->seen = 1;
    signature = ngx_http_pharos_discover_signature(f->path.data);

    if (signature == f->signature) {
        return PHR_OK;
    }

    f->signature = signature;

    arena = phr_arena_create(NGX_HTTP_PHAROS_DISCOVER_ARENA);
    if (arena == NULL) {
        return PHR_ENOMEM;
    }

    phr_err_init(&err);

    if (phr_file_sd_read(arena, f->path, &groups, &err) != PHR_OK) {
        phr_arena_destroy(arena);

        ngx_http_pharos_log_err(NGX_LOG_ERR, d->log, &err,
                                "reading targets, the old ones stay");
        f->broken = 1;
        return PHR_OK;
    }

    if (f->broken) {
        f->broken = 0;
        ngx_log_error(NGX_LOG_NOTICE, d->log, 0,
                      "\"%s\" can be read again", f->path.data);
    }

    phr_arena_destroy(f->arena);
    f->arena = arena;
    f->groups = groups;
    d->changed = 1;

    return PHR_OK;
}


/* files that are no more take their targets with them */

static void
ngx_http_pharos_discover_gone(ngx_http_pharos_discover_t *d)
{
    size_t                      i, n;
    ngx_http_pharos_sd_file_t  *f;

    for (i = 0, n = 0; i < d->files.nelts; i++) {

        f = phr_array_get(&d->files, ngx_http_pharos_sd_file_t, i);

        if (f->seen) {
            *phr_array_get(&d->files, ngx_http_pharos_sd_file_t, n++) = *f;
            continue;
        }

        phr_free((void *) f->path.data);
        phr_arena_destroy(f->arena);
        d->changed = 1;
    }

    d->files.nelts = n;
}


static void
ngx_http_pharos_discover_targets(ngx_http_pharos_discover_t *d)
{
    int                         rc;
    size_t                      i;
    phr_err_t                   err;
    ngx_http_pharos_sd_file_t  *f;

    phr_err_init(&err);

    rc = phr_targets_create(d->conf, &d->conf->static_configs, &d->targets,
                            ngx_http_pharos_discover_error, d, &err);

    for (i = 0; rc >= 0 && i < d->files.nelts; i++) {
        f = phr_array_get(&d->files, ngx_http_pharos_sd_file_t, i);
        rc = phr_targets_create(d->conf, &f->groups, &d->targets,
                                ngx_http_pharos_discover_error, d, &err);
    }

    if (rc < 0) {
        ngx_http_pharos_log_err(NGX_LOG_ERR, d->log, &err,
                                "making targets");
    }
}


static void
ngx_http_pharos_discover_error(void *data, const phr_err_t *err)
{
    ngx_http_pharos_discover_t  *d = data;

    ngx_http_pharos_log_err(NGX_LOG_WARN, d->log, err, "making a target");
}


/* 0 stands for a file that is not there, and is the one before the first */

static uint64_t
ngx_http_pharos_discover_signature(const char *path)
{
    uint64_t     parts[5];
    struct stat  st;

    if (stat(path, &st) != 0) {
        return 1;
    }

    parts[0] = st.st_ino;
    parts[1] = st.st_size;
    parts[2] = st.st_mtim.tv_sec;
    parts[3] = st.st_mtim.tv_nsec;
    parts[4] = st.st_dev;

    return phr_xxh64(parts, sizeof(parts)) | 2;
}


/* on the loop */

static void
ngx_http_pharos_discover_done(ngx_http_pharos_task_t *t)
{
    phr_array_t                  targets;
    ngx_http_pharos_discover_t  *d;

    d = t->data;
    d->busy = 0;

    if (d->destroyed) {
        ngx_http_pharos_discover_free(d);
        return;
    }

    if (d->conf->nfile_sd != 0 && !ngx_http_pharos_helper_draining()) {
        ngx_add_timer(&d->timer, ngx_http_pharos_discover_ms(d));
    }

    if (t->rc == PHR_OK && d->changed) {
        targets = d->targets;
        phr_array_init(&d->targets, sizeof(phr_target_t *));
        d->applied(d->data, &targets);
    }
}
