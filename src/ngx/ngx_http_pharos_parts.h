/*
 * Copyright (C) The Pharos Authors
 *
 * Parts: what runs in the helper beside requests, started by the engine when
 * the store is open: settings, scraping, rules, notifying.  Each part has
 * its state on the loop, sends work to threads, and is told when settings
 * change.
 */

#ifndef NGX_HTTP_PHAROS_PARTS_H_INCLUDED
#define NGX_HTTP_PHAROS_PARTS_H_INCLUDED


#include "boards/board.h"
#include "ingest/append.h"
#include "ngx/ngx_http_pharos.h"
#include "ngx/ngx_http_pharos_task.h"
#include "rules/group.h"
#include "settings/alertmanager_yml.h"
#include "settings/prometheus_yml.h"


/*
 * The files of one load.  Immutable; counted, because scrapes and
 * notifications under way still use the old ones after a reload.  The count
 * is touched on the loop alone.
 */
typedef struct {
    phr_prometheus_yml_t    *prometheus;
    phr_alertmanager_yml_t  *alertmanager;   /* NULL: none was named */
    phr_scrape_conf_t       *alertmanagers;  /* of others: their members */
    ngx_uint_t               refs;
} ngx_http_pharos_settings_t;


/* ngx_http_pharos_settings.c; loop, unless said otherwise */

/* begins the first load; parts start when it has ended */
ngx_int_t ngx_http_pharos_settings_start(ngx_http_pharos_main_conf_t *pmcf,
    phr_api_t *api, ngx_log_t *log);

/*
 * Reads the files again; done() tells how it went, on the loop, later.  What
 * is asked for while a load is under way comes after it.  NGX_BUSY: too many
 * wait, or the helper leaves; done() is not called then.
 */
ngx_int_t ngx_http_pharos_settings_reload(
    void (*done)(void *data, const phr_err_t *err), void *data);

void ngx_http_pharos_settings_stop(void);
void ngx_http_pharos_settings_free(void);

void ngx_http_pharos_settings_hold(ngx_http_pharos_settings_t *s);
void ngx_http_pharos_settings_drop(ngx_http_pharos_settings_t *s);

/* phr_api_live_t; any thread */
void ngx_http_pharos_settings_config(void *data, phr_buf_t *out);
int ngx_http_pharos_settings_external_labels(void *data, phr_arena_t *arena,
    phr_labels_t *ls);
void ngx_http_pharos_settings_state(void *data, int *ok, int64_t *at_ms);


/*
 * ngx_http_pharos_folder.c: visits the names in a folder, but for hidden
 * ones, until a visit fails; PHR_EIO if the folder cannot be read.
 */
int ngx_http_pharos_folder_each(const char *folder,
    int (*visit)(void *data, const char *name, phr_err_t *err), void *data,
    phr_err_t *err);


/* ngx_http_pharos_scrape.c */
ngx_int_t ngx_http_pharos_scrape_apply(ngx_http_pharos_settings_t *s,
    phr_api_t *api, ngx_log_t *log);
void ngx_http_pharos_scrape_stop(void);      /* no new ones */
void ngx_http_pharos_scrape_free(void);      /* threads have ended */

/* phr_api_live_t; any thread, and the writer thread */
int ngx_http_pharos_scrape_targets(void *data,
    int (*visit)(void *arg, const phr_api_target_t *t), void *arg);
int ngx_http_pharos_scrape_pools(void *data,
    int (*visit)(void *arg, phr_str_t name, size_t ndropped), void *arg);
int ngx_http_pharos_scrape_metadata(void *data, phr_str_t metric,
    int (*visit)(void *arg, const phr_api_metadata_t *m), void *arg);


/* ngx_http_pharos_self.c: our own metrics and pushes, as if scraped */
ngx_int_t ngx_http_pharos_self_start(phr_api_t *api, ngx_log_t *log);
int ngx_http_pharos_self_push(phr_api_t *api, phr_err_t *err);
int ngx_http_pharos_self_remote_write(phr_api_t *api, phr_err_t *err);
void ngx_http_pharos_self_metrics(phr_buf_t *out);
void ngx_http_pharos_metadata_view(const phr_metadata_t *md,
    phr_api_metadata_t *view);
int ngx_http_pharos_self_metadata(void *data, phr_str_t metric,
    int (*visit)(void *arg, const phr_api_metadata_t *m), void *arg);
void ngx_http_pharos_self_stop(void);
void ngx_http_pharos_self_free(phr_api_t *api);


/* ngx_http_pharos_metrics.c: all of /metrics; the writer thread */

/* transactions of the store, and the time that they took */
typedef struct {
    uint64_t  n;
    uint64_t  nfailed;
    uint64_t  us;
} ngx_http_pharos_commits_t;

void ngx_http_pharos_metrics(phr_buf_t *out, ngx_http_pharos_shared_t *sh,
    const phr_api_t *api, phr_store_t *store,
    const ngx_http_pharos_commits_t *commits);


/* ngx_http_pharos_clock.c */

/* wall clock less monotonic, which changes when the clock is set; any thread */
int64_t ngx_http_pharos_clock_offset_ms(void);

/* the wall clock with the offset of that very moment */
int64_t ngx_http_pharos_clock_now_ms(int64_t *offset_ms);

ngx_msec_t ngx_http_pharos_clock_until(int64_t wall_ms);    /* loop */

/* writer thread: when the store is open; at each turn, the time is returned */
void ngx_http_pharos_clock_open(phr_store_t *store, ngx_log_t *log);
int64_t ngx_http_pharos_clock_look(phr_store_t *store, ngx_log_t *log);

/* the time by which samples may be dropped; nothing may be pending */
int64_t ngx_http_pharos_clock_settled(phr_store_t *store, int64_t now_ms);
void ngx_http_pharos_clock_metrics(phr_buf_t *out);         /* any thread */


/* ngx_http_pharos_refused.c */

/* reasons besides those of the store; ORDER REFUSED */
typedef enum {
    NGX_HTTP_PHAROS_REFUSED_TARGET = 0,     /* pharos_max_target_series */
    NGX_HTTP_PHAROS_REFUSED_GROUPS,         /* pharos_max_push_groups */
    NGX_HTTP_PHAROS_REFUSED_GROUP,          /* pharos_max_push_series */
    NGX_HTTP_PHAROS_REFUSED_REASONS
} ngx_http_pharos_refused_e;

/* the writer thread: n samples that did not come as far as the store */
void ngx_http_pharos_refused_add(ngx_http_pharos_refused_e reason,
    uint64_t n);

/* says what begins to be refused and what ends; writer thread */
void ngx_http_pharos_refused_look(phr_api_t *api, int64_t clock_ms,
    ngx_log_t *log);
void ngx_http_pharos_refused_metrics(const phr_store_stats_t *st,
    phr_buf_t *out);                                        /* any thread */


/*
 * ngx_http_pharos_write.c: has append() run in the writer thread and waits
 * for its commit; any thread but the loop's and the writer's.  data is not
 * used.  See phr_api_live_t.
 */
int ngx_http_pharos_write(void *data,
    int (*append)(void *arg, phr_appender_t *app, phr_err_t *err), void *arg,
    int durable, phr_err_t *err);


/* ngx_http_pharos_flags.c: the directives in force; any thread */
int ngx_http_pharos_flags(void *data,
    int (*visit)(void *arg, const phr_api_flag_t *f), void *arg);


/* ngx_http_pharos_dialect.c: any thread may ask for a zone */
phr_zones_t *ngx_http_pharos_zones(void);

/* ngx_http_pharos_page.c */
int ngx_http_pharos_page_load(const char *folder, phr_err_t *err);
void ngx_http_pharos_page_free(void);
int ngx_http_pharos_page_find(void *data, phr_str_t path, phr_str_t *content,
    phr_str_t *type, phr_str_t *etag);                      /* any thread */


/* ngx_http_pharos_boards.c: the dashboards of a folder, looked at again */
ngx_int_t ngx_http_pharos_boards_start(ngx_http_pharos_main_conf_t *pmcf,
    ngx_log_t *log);
void ngx_http_pharos_boards_stop(void);      /* looks no more */
void ngx_http_pharos_boards_free(void);      /* threads have ended */

/* phr_api_live_t; any thread */
const phr_boards_t *ngx_http_pharos_boards_hold(void *data);
void ngx_http_pharos_boards_release(void *data);


/* ngx_http_pharos_rules.c */

/*
 * In two steps, because groups may only be taken over while none is under
 * evaluation: pause() calls ready() when that is so.
 */
void ngx_http_pharos_rules_pause(void (*ready)(void *data), void *data);
void ngx_http_pharos_rules_resume(phr_rule_groups_t *groups);
phr_rule_groups_t *ngx_http_pharos_rules_groups(void);
ngx_int_t ngx_http_pharos_rules_start(ngx_http_pharos_main_conf_t *pmcf,
    phr_api_t *api, ngx_log_t *log);
void ngx_http_pharos_rules_stop(void);
void ngx_http_pharos_rules_free(void);

/* phr_api_live_t; any thread */
phr_rule_groups_t *ngx_http_pharos_rules_hold(void *data);
void ngx_http_pharos_rules_release(void *data);


/* ngx_http_pharos_notify.c */
ngx_int_t ngx_http_pharos_notify_apply(ngx_http_pharos_settings_t *s,
    phr_api_t *api, ngx_log_t *log);
void ngx_http_pharos_notify_stop(void);
void ngx_http_pharos_notify_free(void);

/* true while one is on its way, or its outcome is */
ngx_uint_t ngx_http_pharos_notify_telling(void);

/* takes copies; any thread; their times are by a clock of this offset */
void ngx_http_pharos_notify_alerts(const phr_alert_msg_t *msgs, size_t n,
    int64_t offset_ms);


/* ngx_http_pharos_alertmanagers.c */
ngx_int_t ngx_http_pharos_alertmanagers_apply(ngx_http_pharos_settings_t *s,
    ngx_log_t *log);
void ngx_http_pharos_alertmanagers_conf_free(ngx_http_pharos_settings_t *s);
void ngx_http_pharos_alertmanagers_stop(void);
void ngx_http_pharos_alertmanagers_free(void);

/* any thread */
void ngx_http_pharos_alertmanagers_take(const phr_alert_msg_t *msgs,
    size_t n);
int ngx_http_pharos_alertmanagers_visit(void *data,
    int (*visit)(void *arg, phr_str_t url, int dropped), void *arg);
void ngx_http_pharos_alertmanagers_metrics(phr_buf_t *out);


#endif /* NGX_HTTP_PHAROS_PARTS_H_INCLUDED */
