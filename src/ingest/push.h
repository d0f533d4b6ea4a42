/*
 * Copyright (C) The Pharos Authors
 *
 * Push: groups of metrics that are pushed rather than scraped, with the
 * paths, methods and answers of the Pushgateway, and what it lacks: a group
 * can add up what is pushed instead of replacing it, and it can end.
 *
 * A push is a row of samples in the store at once, and its group is a small
 * record in the same commit; phr_push_tick() repeats the values as scraping
 * a Pushgateway would.  Bodies are text, OpenMetrics or delimited protobuf.
 * Process lifetime; the writer's thread only.
 */

#ifndef PHR_PUSH_H_INCLUDED
#define PHR_PUSH_H_INCLUDED


#include "core/escape.h"
#include "core/storage.h"
#include "ingest/expo_write.h"


typedef struct phr_push_s  phr_push_t;


typedef enum {
    PHR_PUSH_PUT = 0,       /* replaces the group */
    PHR_PUSH_POST,          /* replaces metrics of the same name */
    PHR_PUSH_DELETE,
} phr_push_method_e;


/*
 * What becomes of values that are there already.  In the last two modes PUT
 * and POST mean the same.
 */
typedef enum {
    PHR_PUSH_DEFAULT = 0,   /* of a request: as the options say */

    /* the last push wins, exactly as in the Pushgateway */
    PHR_PUSH_REPLACE,

    /* counters, histograms, sums and counts add up; others: the last */
    PHR_PUSH_AGGREGATE,

    /* everything but gauges adds up, what has no type, too */
    PHR_PUSH_EVENT,
} phr_push_mode_e;


/* 0 in a limit: none */
typedef struct {
    size_t            max_groups;
    size_t            max_series;       /* of a group */
    size_t            max_body_bytes;
    size_t            max_ids;          /* requests remembered */
    phr_push_mode_e   mode;             /* DEFAULT is REPLACE here */
    int64_t           ttl_ms;           /* of groups; 0: for ever */
    unsigned          normalize:1;      /* bounds, see exposition.h */
} phr_push_options_t;


typedef struct {
    phr_push_method_e   method;
    phr_str_t           path;           /* as sent, from "/metrics/job" on,
                                           without arguments */
    phr_str_t           content_type;
    phr_str_t           body;           /* decompressed */
    phr_str_t           id;             /* of the request; empty: none */
    phr_push_mode_e     mode;
    int64_t             ttl_ms;         /* negative: as the options say */
    int64_t             now_ms;
} phr_push_request_t;


typedef struct {
    int    status;                      /* of HTTP: 200, 202, 400 ... */
    char   text[PHR_ERR_TEXT];          /* "" if it went well */
} phr_push_answer_t;


/* reads the groups that the store has kept; options are copied */
int phr_push_create(const phr_push_options_t *o, phr_appender_t *app,
    phr_push_t **p, phr_err_t *err);
void phr_push_destroy(phr_push_t *p);       /* p may be NULL */

/* other options after a reload; they apply to pushes from now on */
void phr_push_configure(phr_push_t *p, const phr_push_options_t *o);

/*
 * Throws everything away and reads it again: to be called after a commit
 * that failed, and after a negative code of the functions below (the caller
 * drops what is pending in the appender).
 */
int phr_push_reload(phr_push_t *p, phr_appender_t *app, phr_err_t *err);

/*
 * One request.  PHR_OK with an answer, which may be a refusal; it is to be
 * sent after the commit.  A request whose id was seen gets the answer of
 * the first time and changes nothing.  A negative code is a failure of the
 * appender or of memory.
 */
int phr_push_request(phr_push_t *p, phr_appender_t *app,
    const phr_push_request_t *r, phr_push_answer_t *answer, phr_err_t *err);

/* appends all values again and ends the groups whose time is over */
int phr_push_tick(phr_push_t *p, phr_appender_t *app, int64_t now_ms,
    phr_err_t *err);

/* deletes all groups */
int phr_push_wipe(phr_push_t *p, phr_appender_t *app, int64_t now_ms,
    phr_err_t *err);

/*
 * Writes all pushed metrics, each family once; the caller begins and ends
 * the exposition.  escape may be NULL: names are written as they are.
 * PHR_OK or PHR_ENOMEM.
 */
int phr_push_expose(phr_push_t *p, phr_expo_writer_t *w,
    const phr_escape_t *escape);

/* the value of "data" in the Pushgateway's /api/v1/metrics */
void phr_push_json(phr_push_t *p, phr_buf_t *out);

/*
 * The time of the row that the last push wrote, 0: none.  Pushes of one
 * millisecond are given times that follow each other, so it may be ahead of
 * the clock by up to a second.
 */
int64_t phr_push_newest_ms(const phr_push_t *p);

/* pushes refused since create: for a new group, for the series of one */
void phr_push_refusals(const phr_push_t *p, uint64_t *ngroups,
    uint64_t *nseries);

size_t phr_push_ngroups(const phr_push_t *p);
size_t phr_push_nseries(const phr_push_t *p);

/* type and help of a pushed family; PHR_NOTFOUND */
int phr_push_metadata_of(phr_push_t *p, phr_str_t metric,
    phr_metric_type_e *type, phr_str_t *help);

/* visits families with their metadata: start with *pos = 0; 0 at the end */
int phr_push_metadata(phr_push_t *p, size_t *pos, phr_str_t *metric,
    phr_metric_type_e *type, phr_str_t *help);

/*
 * The grouping key in a path: "/metrics/job/<job>{/<label>/<value>}", with
 * "@base64" behind the name of a label, percent-encoded as sent.  Sorted,
 * in the arena; values may be empty.  PHR_EINVAL says what is wrong.
 */
int phr_push_path(phr_arena_t *arena, phr_str_t path, phr_labels_t *labels,
    phr_err_t *err);


#endif /* PHR_PUSH_H_INCLUDED */
