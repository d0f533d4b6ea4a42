/*
 * Copyright (C) The Pharos Authors
 *
 * Notify: the part's state, and what its three files call of each other:
 * taking alerts in (notify.c), deciding in the writer (decide.c), sending
 * (send.c).
 */

#ifndef NGX_HTTP_PHAROS_NOTIFY_H_INCLUDED
#define NGX_HTTP_PHAROS_NOTIFY_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <pthread.h>

#include "core/arena.h"
#include "ngx/ngx_http_pharos_client.h"
#include "ngx/ngx_http_pharos_parts.h"
#include "ngx/ngx_http_pharos_thread.h"
#include "notify/dispatch.h"
#include "script/vm.h"


typedef struct ngx_http_pharos_in_s    ngx_http_pharos_in_t;
typedef struct ngx_http_pharos_send_s  ngx_http_pharos_send_t;

/* alerts on their way to the dispatcher */
struct ngx_http_pharos_in_s {
    ngx_http_pharos_in_t          *next;
    phr_arena_t                   *arena;
    phr_notice_alert_t            *alerts;
    size_t                         n;
    int64_t                        offset_ms;   /* of the clock, then */
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
    ngx_http_pharos_settings_t    *settings;    /* that all this is of */
    ngx_http_pharos_client_t      *client;
};

typedef struct {
    phr_api_t                     *api;
    ngx_log_t                     *log;
    ngx_event_t                    timer;
    ngx_http_pharos_wake_t         wake;
    ngx_http_pharos_task_t         task;
    ngx_http_pharos_settings_t    *settings;    /* in force */
    ngx_uint_t                     nsending;
    ngx_uint_t                     started;     /* other threads look */
    unsigned                       stopped:1;
    unsigned                       busy:1;
    unsigned                       again:1;     /* more came meanwhile */

    /* under the mutex */
    ngx_http_pharos_in_t          *in;
    ngx_http_pharos_in_t         **in_last;
    size_t                         nin;
    ngx_http_pharos_send_t        *results;
    uint64_t                       ndropped;

    /* the task's while it runs, and the loop's in done() */
    phr_dispatch_t                *dispatch;
    phr_silences_t                *silences;
    phr_vm_t                      *vm;
    ngx_http_pharos_settings_t    *configured;
    ngx_http_pharos_settings_t    *configure;   /* to be taken up */
    ngx_http_pharos_send_t        *due;
    ngx_http_pharos_send_t        *ended;       /* their results are taken */
    int64_t                        next_ms;
    int64_t                        offset_ms;   /* wall less monotonic */
    ngx_uint_t                     restored;
    ngx_uint_t                     active;      /* somebody is to be told */
    ngx_uint_t                     taken;       /* configure is in force */
} ngx_http_pharos_notify_t;

/* how often the clock is looked at, and by how much it has to be set */
#define NGX_HTTP_PHAROS_NOTIFY_STEP_MS  60000


extern ngx_http_pharos_notify_t  ngx_http_pharos_notify;
extern pthread_mutex_t           ngx_http_pharos_notify_mutex;


/* ngx_http_pharos_notify.c; loop: a task of the writer, now or soon */
void ngx_http_pharos_notify_post(void);

/* ngx_http_pharos_notify_decide.c; the task, in the writer thread */
void ngx_http_pharos_notify_run(ngx_http_pharos_task_t *t);

/* ngx_http_pharos_notify_send.c; loop */
void ngx_http_pharos_notify_send(ngx_http_pharos_send_t *s);
void ngx_http_pharos_notify_result(ngx_http_pharos_send_t *s, int rc);
void ngx_http_pharos_notify_send_free(ngx_http_pharos_send_t *s);

/*
 * External labels where the alert has none, then alert_relabel_configs; any
 * thread.  PHR_DONE if these drop it.
 */
int ngx_http_pharos_notify_labels(phr_arena_t *arena,
    const phr_prometheus_yml_t *conf, phr_labels_t in, phr_labels_t *out);


#endif /* NGX_HTTP_PHAROS_NOTIFY_H_INCLUDED */
