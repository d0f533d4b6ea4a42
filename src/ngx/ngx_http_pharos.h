/*
 * Copyright (C) The Pharos Authors
 *
 * HTTP module: what the files of this folder share.
 *
 * Processes.  The master reads the configuration and owns the helper's
 * listening socket.  Workers count requests (traffic) and pass those of a
 * "pharos" location on (relay).  The helper, which is nginx's cache manager
 * process, accepts them (helper, serve), works in threads (task) and is the
 * only one that opens the store (engine).  With "master_process off" one
 * process is all of them.
 *
 * Threads of the helper.  The event loop never waits; query threads, two
 * reader threads and the writer thread take tasks; one thread carries
 * outbound HTTP; a watchdog looks at the loop.  A thread calls nothing of
 * nginx.  Where a function may be called is said at its declaration;
 * "loop" means the event loop of the helper.
 */

#ifndef NGX_HTTP_PHAROS_H_INCLUDED
#define NGX_HTTP_PHAROS_H_INCLUDED


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "api/api.h"
#include "core/buf.h"
#include "core/err.h"


#define NGX_HTTP_PHAROS_VERSION       "0.1.0"

/* of a request that a worker passes on, see ngx_http_pharos_relay.c */
#define NGX_HTTP_PHAROS_QUERY_TRIES   2
#define NGX_HTTP_PHAROS_PUSH_TRIES    3
#define NGX_HTTP_PHAROS_KEEPALIVE     16

/* the loop is hung when it has not turned for so long */
#define NGX_HTTP_PHAROS_HANG_S        20

/* workers answer 503 by themselves when the beat is older */
#define NGX_HTTP_PHAROS_BEAT_MS       1000
#define NGX_HTTP_PHAROS_STALE_MS      5000

/* what a zone can hold; more servers than that are counted as "other" */
#define NGX_HTTP_PHAROS_MAX_SERVERS   128
#define NGX_HTTP_PHAROS_MAX_SUSPECTS  16
#define NGX_HTTP_PHAROS_SERVER_NAME   64


typedef struct ngx_http_pharos_slot_s  ngx_http_pharos_slot_t;


/*
 * A request that killed a helper.  It is refused until "until_ms", for the
 * next helper would die of it, too.
 */
typedef struct {
    uint64_t                   hash;
    int64_t                    until_ms;     /* monotonic */
} ngx_http_pharos_suspect_t;


/*
 * Shared memory.  It survives a reload and the death of any process; a
 * binary upgrade or another size begins a new one.  No lock of our own: the
 * slab mutex, which the master frees for the dead, is held while slots and
 * servers are added, everything else has one writer.
 */
typedef struct {
    /* of the helper, monotonic milliseconds */
    volatile int64_t           beat_ms;      /* serving, or waiting its turn */
    volatile int64_t           start_ms;
    volatile ngx_pid_t         owner;        /* 0 when it left in order */
    volatile ngx_uint_t        nquick;       /* deaths soon after the start */
    volatile uint64_t          nstarts;
    volatile uint64_t          ncrashes;
    volatile uint64_t          ndamaged;     /* stores moved aside */
    volatile uint64_t          unchecked;    /* with so many crashes one was
                                                in a store not looked at
                                                as a whole; 0: it was */
    ngx_http_pharos_suspect_t  suspects[NGX_HTTP_PHAROS_MAX_SUSPECTS];

    /* of the traffic counters */
    ngx_uint_t                 nservers;
    u_char                     servers[NGX_HTTP_PHAROS_MAX_SERVERS]
                                      [NGX_HTTP_PHAROS_SERVER_NAME];
    ngx_http_pharos_slot_t    *slots;        /* one for each process */
} ngx_http_pharos_shared_t;


typedef struct {
    /* pharos_store */
    ngx_path_t                *path;
    ngx_str_t                  socket;       /* terminated file name */
    size_t                     map_size;
    ngx_shm_zone_t            *zone;
    ngx_http_upstream_conf_t   upstream;     /* of relayed requests */
    ngx_http_upstream_conf_t   upstream_long;   /* the same, of those that
                                                   may take minutes */

    /* the helper's end of the socket, a duplicate that outlives workers */
    ngx_listening_t           *listening;
    ngx_fd_t                   fd;

    ngx_array_t                locations;    /* ngx_http_pharos_location_t */
    unsigned                   generating:1; /* our own text is being read */

    time_t                     retention;
    off_t                      retention_size;
    ngx_array_t               *retention_rules; /* phr_store_rule_t; or NULL */
    ngx_str_t                  retention_for;   /* the same, as text */
    phr_store_coarse_t         coarse[PHR_STORE_COARSE];
    ngx_str_t                  downsample;      /* the same, as text */
    ngx_uint_t                 query_resolution; /* s; see auto */
    ngx_msec_t                 out_of_order;
    u_char                    *encryption_key;  /* PHR_VAULT_KEY; or NULL */

    /* limits; 0: no bound, or that of the store */
    ngx_uint_t                 max_series;
    ngx_uint_t                 exemplars;
    ngx_uint_t                 max_labels;
    off_t                      max_label_name;
    off_t                      max_label_value;
    off_t                      max_labels_size;
    ngx_uint_t                 max_target_series;
    ngx_uint_t                 max_push_groups;
    ngx_uint_t                 max_push_series;

    ngx_msec_t                 durability;   /* 0: pushes wait for the disk */

    ngx_msec_t                 query_timeout;
    ngx_msec_t                 stream_timeout;
    ngx_uint_t                 query_concurrency;
    ngx_uint_t                 query_queue;
    ngx_uint_t                 query_max_samples;
    off_t                      query_memory;
    off_t                      query_cache;
    ngx_flag_t                 query_experimental;  /* functions, syntax */
    ngx_str_t                  dialect;      /* as written */
    ngx_uint_t                 metricsql;    /* where nobody says otherwise */
    ngx_uint_t                 metricsql_rules;
    off_t                      max_body;
    ngx_uint_t                 write_queue;
    off_t                      memory;       /* of the helper; 0: no limit */
    ngx_int_t                  nice;

    /* people's own files; full names, empty where none is given */
    ngx_str_t                  prometheus;
    ngx_str_t                  alertmanager;
    ngx_str_t                  dashboards;   /* a folder, with folders */
    ngx_str_t                  page;         /* the folder of the built page */
    ngx_str_t                  lua;          /* the folder that has pharos/ */
    ngx_str_t                  external_url;
    ngx_array_t               *path_maps;    /* of phr_path_map_t; or NULL */
} ngx_http_pharos_main_conf_t;


/* what "pharos_query_resolution auto" is: coarser than all there are */
#define NGX_HTTP_PHAROS_RESOLUTION_AUTO  86400


typedef struct {
    ngx_uint_t                 server;       /* index of the counters */
    unsigned                   internal:1;   /* the helper's own server */
} ngx_http_pharos_srv_conf_t;


typedef struct {
    ngx_flag_t                 unprotected;
    ngx_flag_t                 admin;
    unsigned                   relay:1;
    unsigned                   prefix_set:1;
    unsigned                   password:1;   /* every user's is checked */
    ngx_str_t                  prefix;       /* without the last slash */
} ngx_http_pharos_loc_conf_t;


/* a location with "pharos", remembered for the checks after parsing */
typedef struct {
    ngx_http_conf_ctx_t       *ctx;
    ngx_str_t                  file;
    ngx_uint_t                 line;
} ngx_http_pharos_location_t;


extern ngx_module_t  ngx_http_pharos_module;


/* ngx_http_pharos_conf.c, in the master while it reads the configuration */
char *ngx_http_pharos_conf_store(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_pharos_conf_relay(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_pharos_conf_internal(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_pharos_conf_count(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_pharos_conf_encryption_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_pharos_conf_label(ngx_conf_t *cf, void *post, void *data);
char *ngx_http_pharos_conf_durability(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_pharos_conf_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_pharos_conf_retention_for(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_pharos_conf_downsample(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_pharos_conf_downsample_check(ngx_conf_t *cf,
    ngx_http_pharos_main_conf_t *pmcf);
char *ngx_http_pharos_conf_dialect(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
unsigned ngx_http_pharos_promql_flags(const ngx_http_pharos_main_conf_t *pmcf,
    ngx_uint_t rules);
char *ngx_http_pharos_conf_path_map(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_pharos_conf_finish(ngx_conf_t *cf);
ngx_int_t ngx_http_pharos_conf_module(ngx_cycle_t *cycle);


/* ngx_http_pharos_guard.c: refuses what serves pharos to anyone */
ngx_int_t ngx_http_pharos_guard_locations(ngx_conf_t *cf,
    ngx_http_pharos_main_conf_t *pmcf);


/* ngx_http_pharos_zone.c; any process, none waits */
ngx_int_t ngx_http_pharos_zone_init(ngx_shm_zone_t *zone, void *data);
int64_t ngx_http_pharos_zone_clock_ms(void);        /* monotonic; threads */
int64_t ngx_http_pharos_now_ms(void);       /* of the wall clock; threads */
void ngx_http_pharos_zone_beat(ngx_http_pharos_shared_t *sh);
void ngx_http_pharos_zone_silence(ngx_http_pharos_shared_t *sh); /* at once */
ngx_uint_t ngx_http_pharos_zone_stale(ngx_http_pharos_shared_t *sh);

/* notes a start and says how long to wait, after deaths in a row */
ngx_msec_t ngx_http_pharos_zone_start(ngx_http_pharos_shared_t *sh);

/* safe in a signal handler */
void ngx_http_pharos_zone_accuse(ngx_http_pharos_shared_t *sh,
    uint64_t hash);
ngx_uint_t ngx_http_pharos_zone_accused(ngx_http_pharos_shared_t *sh,
    uint64_t hash);


/* ngx_http_pharos_early.c: what must be set before connections are made */
extern ngx_atomic_t  *ngx_http_pharos_stat_accepted;
extern ngx_atomic_t  *ngx_http_pharos_stat_handled;
extern ngx_atomic_t  *ngx_http_pharos_stat_requests;
extern ngx_atomic_t  *ngx_http_pharos_stat_active;
extern ngx_atomic_t  *ngx_http_pharos_stat_reading;
extern ngx_atomic_t  *ngx_http_pharos_stat_writing;
extern ngx_atomic_t  *ngx_http_pharos_stat_waiting;


/* ngx_http_pharos_helper.c */

/* ngx_path_t's manager; the first call starts the helper */
ngx_msec_t ngx_http_pharos_helper_manager(void *data);
void ngx_http_pharos_helper_exit(ngx_cycle_t *cycle);   /* of one process */

/* true in the process that runs the helper; loop */
ngx_uint_t ngx_http_pharos_helper_running(void);

/* true from the moment that no write is taken any more; loop */
ngx_uint_t ngx_http_pharos_helper_draining(void);
ngx_http_pharos_main_conf_t *ngx_http_pharos_helper_conf(void);
ngx_http_pharos_shared_t *ngx_http_pharos_helper_shared(void);

/* called by the engine: the store is open, or not: accept all the same */
void ngx_http_pharos_helper_ready(void);
void ngx_http_pharos_helper_failed(void);

/* gives the lock of the store to the next helper; any thread */
void ngx_http_pharos_helper_unlock(void);


/* ngx_http_pharos_watch.c: what bounds the helper */
void ngx_http_pharos_watch_limits(ngx_http_pharos_main_conf_t *pmcf,
    ngx_log_t *log);
ngx_int_t ngx_http_pharos_watch_start(ngx_http_pharos_shared_t *sh,
    ngx_log_t *log);
void ngx_http_pharos_watch_turn(void);              /* the loop lives */

/* each thread names what it works upon, 0: nothing */
void ngx_http_pharos_watch_thread(void);            /* at its start */
void ngx_http_pharos_watch_hash(uint64_t hash);


/*
 * ngx_http_pharos_engine.c: the parts below src/ngx, put together.  Loop.
 */

/* the lock is held: start the threads and open the store */
ngx_int_t ngx_http_pharos_engine_start(ngx_http_pharos_main_conf_t *pmcf,
    ngx_cycle_t *cycle);

/* stop writing, flush, unlock; reads go on */
void ngx_http_pharos_engine_drain(void);

/* stop the threads, close the store; NGX_ERROR if they did not stop in time */
ngx_int_t ngx_http_pharos_engine_stop(ngx_msec_t ms);

/* NULL until the store is open, and then why it is not */
phr_api_t *ngx_http_pharos_engine_api(void);
const char *ngx_http_pharos_engine_closed(void);

/* the module's and nginx's metrics, text format 0.0.4; any thread */
void ngx_http_pharos_engine_metrics(phr_buf_t *out);


/* ngx_http_pharos_relay.c, in workers */
ngx_int_t ngx_http_pharos_relay_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_pharos_relay_init_upstream(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us);
ngx_int_t ngx_http_pharos_relay_conf(ngx_conf_t *cf,
    ngx_http_pharos_main_conf_t *pmcf, ngx_http_upstream_srv_conf_t *us);

/* ngx_http_pharos_relay_request.c, in workers; upstream's create_request */
ngx_int_t ngx_http_pharos_relay_create_request(ngx_http_request_t *r);

/* true if the request changes something */
ngx_uint_t ngx_http_pharos_relay_write(ngx_http_request_t *r);

/* true if its answer may take as long as a stream */
ngx_uint_t ngx_http_pharos_relay_long(ngx_http_request_t *r);


/* ngx_http_pharos_serve.c: the handler of the helper's own server; loop */
ngx_int_t ngx_http_pharos_serve_handler(ngx_http_request_t *r);


/* ngx_http_pharos_traffic.c */
ngx_int_t ngx_http_pharos_traffic_server(ngx_http_pharos_shared_t *sh,
    ngx_slab_pool_t *shpool, ngx_str_t *name, ngx_uint_t *index);
ngx_int_t ngx_http_pharos_traffic_init(ngx_cycle_t *cycle,
    ngx_http_pharos_main_conf_t *pmcf);
ngx_int_t ngx_http_pharos_traffic_handler(ngx_http_request_t *r);

/* the sums over all processes, text format 0.0.4; any thread of the helper */
void ngx_http_pharos_traffic_write(ngx_http_pharos_shared_t *sh,
    phr_buf_t *out);


/* ngx_http_pharos_log.c */
void ngx_http_pharos_log_err(ngx_uint_t level, ngx_log_t *log,
    const phr_err_t *err, const char *action);

/* phr_store_conf_t's log; any thread */
void ngx_http_pharos_log_callback(void *data, int level, const char *text);


#endif /* NGX_HTTP_PHAROS_H_INCLUDED */
