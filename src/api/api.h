/*
 * Copyright (C) The Pharos Authors
 *
 * API: requests to answers, without HTTP: who carries the bytes is not known
 * here.  An endpoint is one line in the table of api.c.
 *
 * Threads: phr_api_handle() runs in a query thread, many at once, or in the
 * writer thread for the endpoints that phr_api_thread() names as such; those
 * see what only the writer may touch (ingest's state, the appender).  Others
 * that write do so through phr_api_live_t's write().
 */

#ifndef PHR_API_H_INCLUDED
#define PHR_API_H_INCLUDED


#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/json.h"
#include "core/zone.h"
#include "store/store.h"


struct phr_push_s;              /* ingest/push.h */
struct phr_remote_write_s;      /* ingest/remote_write.h */
struct phr_rule_groups_s;       /* rules/group.h */
struct phr_boards_s;            /* boards/board.h */
struct phr_query_log_s;         /* api/query_log.h */
struct phr_query_cache_s;       /* api/query_cache.h */

struct phr_call_s;              /* api/call.h */

typedef struct phr_api_s  phr_api_t;


typedef struct {
    phr_str_t  name;
    phr_str_t  value;
} phr_api_header_t;

#define PHR_API_MAX_HEADERS  8

/* owned by the caller, who frees it; strings live in the arena or for ever */
typedef struct {
    int                status;
    phr_str_t          content_type;
    phr_buf_t          body;
    phr_api_header_t   headers[PHR_API_MAX_HEADERS];
    size_t             nheaders;
    phr_arena_t       *arena;
    unsigned           durable:1;       /* acknowledge after the commit only */
    unsigned           streamed:1;      /* the body went by send() */
    int64_t            length;          /* of such a body, -1: not known */
    int                broken;          /* the rest of it is missing, and */
    phr_str_t          reason;
    int64_t            samples_read;    /* of a query, for statistics */

    /* the answer is still to be written, by phr_api_resume(); in the arena */
    struct phr_call_s *rest;
} phr_api_response_t;


typedef struct {
    phr_str_t            method;
    phr_str_t            path;              /* decoded, without prefix */
    phr_str_t            raw_path;          /* the same, as sent */
    phr_str_t            args;              /* as sent, "" if none */
    phr_str_t            content_type;
    phr_str_t            content_encoding;
    phr_str_t            accept;
    phr_str_t            accept_encoding;
    phr_str_t            if_none_match;
    phr_str_t            body;
    phr_str_t            push_id;           /* same on a retry, "" if none */
    phr_str_t            prefix;            /* "/pharos", "" at the root */
    phr_str_t            user;              /* of basic auth, "" if none */
    phr_str_t            admin;             /* "" if it may not change all */
    int64_t              now_ms;
    const volatile int  *stop;              /* see phr_query_t */

    /*
     * Takes a piece of the body while the rest is being made, after status
     * and headers, and waits as long as the client needs.  NULL: answers are
     * made as a whole.  PHR_OK, PHR_ECANCELED, PHR_ETIMEOUT, PHR_ENOMEM.
     */
    int                (*send)(void *data, const phr_api_response_t *res,
                               phr_str_t piece);
    void                *send_data;
    unsigned             resumable:1;   /* large answers may be left to
                                           phr_api_resume() */
} phr_api_request_t;

typedef enum {
    PHR_API_QUERY = 0,      /* may take long: query threads */
    PHR_API_READ,           /* short: a reader thread */
    PHR_API_WRITER,         /* the writer thread */
    PHR_API_IMPORT,         /* long, and waits for the writer thread */
    PHR_API_STREAM          /* long, and waits for its client */
} phr_api_thread_e;

phr_api_thread_e phr_api_thread(phr_str_t method, phr_str_t path);

/*
 * How long the request may take: what it asks for by "timeout", at most
 * otherwise_ms; or long_ms, if it is of the kind that takes minutes.
 */
int64_t phr_api_timeout_ms(const phr_api_request_t *req,
    int64_t otherwise_ms, int64_t long_ms);

/*
 * Whether there may be no byte of an answer for as long as a stream may take:
 * whoever carries it must not give up before.
 */
int phr_api_long(phr_str_t method, phr_str_t path);

/* never fails: what goes wrong becomes an answer */
void phr_api_handle(phr_api_t *api, const phr_api_request_t *req,
    phr_api_response_t *res);
void phr_api_response_free(phr_api_response_t *res);

/*
 * Writes the answer that res->rest stands for, in any thread: what is large
 * is computed in one that must not wait for clients, and sent in another.
 * req is the request as it was, but for send().
 */
void phr_api_resume(phr_api_response_t *res);

/* the answer for requests that never reached a thread */
void phr_api_refuse(phr_api_response_t *res, int code, const char *text);

/* the same while there is no store; people are told in plain text */
void phr_api_closed(const phr_api_request_t *req, phr_api_response_t *res,
    const char *text);


typedef struct {
    int64_t   lookback_ms;
    int64_t   max_res_ms;               /* of queries that do not say */
    int64_t   query_timeout_ms;
    uint64_t  query_max_samples;
    size_t    query_memory_bytes;       /* per query, work space and result */
    size_t    query_max_points;         /* of a series, 11,000 as everywhere */
    size_t    max_series;               /* of /series */
    size_t    max_body_bytes;           /* of a request, unpacked */
    unsigned  promql_flags;             /* see phr_promql_parse() */
} phr_api_limits_t;


/* one target, as the scrape loops know it */
typedef struct {
    phr_str_t     pool;
    phr_labels_t  discovered;
    phr_labels_t  labels;               /* empty if dropped */
    phr_str_t     url;
    phr_str_t     error;                /* of the last scrape, "" if none */
    int64_t       last_scrape_ms;       /* 0: not yet */
    double        last_duration_s;
    int64_t       interval_ms;
    int64_t       timeout_ms;
    const char   *health;               /* "up", "down", "unknown" */
    unsigned      dropped:1;
} phr_api_target_t;

/* what is said of a metric; the labels of the target that says it, if any */
typedef struct {
    phr_labels_t  target;
    phr_str_t     metric;
    phr_str_t     type;
    phr_str_t     help;
    phr_str_t     unit;
} phr_api_metadata_t;

/* one line of /status/flags, and of the page's settings */
typedef struct {
    phr_str_t  name;
    phr_str_t  value;
} phr_api_flag_t;


/*
 * What only the running process knows.  Each call is made in the thread of
 * the endpoint, each visit under whatever lock the owner needs; a visit
 * returns PHR_OK or ends the walk.  NULL where there is none.
 */
typedef struct {
    int   (*targets)(void *data, int (*visit)(void *arg,
                     const phr_api_target_t *t), void *arg);

    /*
     * All jobs, also those without targets; ndropped: by the rules of
     * relabelling, also those that targets() does not keep.
     */
    int   (*pools)(void *data, int (*visit)(void *arg, phr_str_t name,
                   size_t ndropped), void *arg);

    /* the prometheus.yml in force, normalised, secrets hidden */
    void  (*config)(void *data, phr_buf_t *out);

    /* external_labels of prometheus.yml, copied to the arena; PHR_ENOMEM */
    int   (*external_labels)(void *data, phr_arena_t *arena,
                             phr_labels_t *ls);

    int   (*flags)(void *data, int (*visit)(void *arg,
                   const phr_api_flag_t *f), void *arg);

    /* where else alerts are sent; dropped: by the rules of relabelling */
    int   (*alertmanagers)(void *data, int (*visit)(void *arg, phr_str_t url,
                           int dropped), void *arg);

    /* the rule groups, held until rules_done() */
    struct phr_rule_groups_s  *(*rules)(void *data);
    void  (*rules_done)(void *data);

    /* the dashboards, held until boards_done(); NULL: none read yet */
    const struct phr_boards_s  *(*boards)(void *data);
    void  (*boards_done)(void *data);

    /* type, help and unit of metrics; in the writer thread */
    int   (*metadata)(void *data, phr_str_t metric,
                      int (*visit)(void *arg, const phr_api_metadata_t *m),
                      void *arg);

    /* how the last load of the settings went */
    void  (*reload_state)(void *data, int *ok, int64_t *at_ms);

    /* the module's own metrics, in the text format; in the writer thread */
    void  (*metrics)(void *data, phr_buf_t *out);

    /* a clock that only goes forward, microseconds; NULL: durations are 0 */
    int64_t  (*clock_us)(void *data);

    /*
     * Has append() run in the writer thread and waits until what it appended
     * is committed, durably if so said: not for that thread itself.  PHR_OK,
     * what append() returned, or why there was no commit.
     */
    int   (*write)(void *data, int (*append)(void *arg, phr_appender_t *app,
                                             phr_err_t *err),
                   void *arg, int durable, phr_err_t *err);

    /* a file of the page; PHR_NOTFOUND if there is none of that name */
    int   (*page)(void *data, phr_str_t path, phr_str_t *content,
                  phr_str_t *content_type, phr_str_t *etag);
} phr_api_live_t;


struct phr_api_s {
    phr_store_t           *store;
    phr_storage_t         *storage;
    struct phr_push_s     *push;        /* writer thread only */
    struct phr_remote_write_s  *remote_write;           /* and this one */
    struct phr_query_log_s  *queries;   /* NULL: none is kept */
    struct phr_query_cache_s  *cache;   /* NULL: nothing is remembered */
    phr_zones_t           *zones;       /* of queries; NULL: none is known */

    /* written in the writer thread, read in any: atomic */
    int64_t                newest_push_ms;

    int                    copying;     /* a backup or snapshot; atomic */

    phr_api_limits_t       limits;
    const phr_api_live_t  *live;
    void                  *live_data;
    int64_t                start_ms;
    const char            *version;     /* of pharos */
    const char            *server_version; /* of nginx */
    phr_str_t              external_url;
    phr_str_t              hostname;
    int64_t                retention_ms;    /* 0: for ever */
    uint64_t               retention_bytes; /* 0: any number */
};


#endif /* PHR_API_H_INCLUDED */
