/*
 * Copyright (C) The Pharos Authors
 *
 * Append: what a target said becomes samples of the store.  Labels of the
 * target are added, rules of metric_relabel_configs and limits applied,
 * series that vanished get stale markers, and the outcome of each scrape is
 * recorded in series of its own ("up" and its company).
 *
 * A scrape remembers the target's last answer.  The next one mostly has the
 * same lines in the same order, so each is first compared with its
 * predecessor: what is equal is neither parsed nor looked up.
 *
 * Process lifetime, between create and destroy; the writer's thread only.
 */

#ifndef PHR_APPEND_H_INCLUDED
#define PHR_APPEND_H_INCLUDED


#include "core/array.h"
#include "core/storage.h"
#include "ingest/exposition.h"
#include "ingest/lines.h"
#include "ingest/target.h"
#include "settings/prometheus_yml.h"


/* families of which a target's metadata is kept, and bytes of one help */
#define PHR_SCRAPE_MAX_METADATA  5000
#define PHR_SCRAPE_MAX_HELP      2048

/* series that have ended so long ago need no marker: no query sees them */
#define PHR_SCRAPE_RECALL_MS     (5 * 60 * 1000)


typedef struct phr_scrape_s  phr_scrape_t;


typedef struct {
    phr_str_t                   job;        /* with key: the source's name */
    uint64_t                    key;
    phr_labels_t                labels;     /* of the target */

    /* stays until the scrape is destroyed or configured anew; or NULL */
    const phr_relabel_confs_t  *metric_relabel;

    phr_scrape_limits_t         limit;
    uint64_t                    max_series; /* taken at once; 0: no bound */
    int64_t                     timeout_ms; /* reported, not applied */

    phr_lines_options_t         histograms; /* what is taken of them */
    uint64_t                    max_buckets;        /* of one, 0: no bound */
    double                      min_bucket_factor;  /* up to 1: no bound */
    phr_str_t                   fallback;   /* scrape protocol of a target */
                                            /* that names none known, or "" */

    unsigned                    honor_labels:1;
    unsigned                    honor_timestamps:1;
    unsigned                    track_timestamps_staleness:1;
    unsigned                    extra_metrics:1;
    unsigned                    legacy_names:1;
    unsigned                    normalize:1;    /* see exposition.h */
    unsigned                    remember:1;     /* see _end_others() */
    unsigned                    unreported:1;   /* no "up" and company */
} phr_scrape_options_t;


typedef struct {
    int        up;
    int        code;                /* PHR_OK, or why it is not up */
    double     duration_s;

    uint64_t   nscraped;            /* samples in the body */
    uint64_t   npost_relabel;       /* after metric_relabel_configs */
    uint64_t   nadded;              /* series new to this target */
    uint64_t   nstale;              /* series that vanished */
    uint64_t   nparsed;             /* lines that were not as predicted */

    uint64_t   nduplicates;         /* refused: twice in the body ... */
    uint64_t   nout_of_order;
    uint64_t   nout_of_bounds;
    uint64_t   nover_series;        /* ... the store takes no such series */
    uint64_t   nover_target;        /* ... more than max_series */
} phr_scrape_report_t;


/* what is known of a metric; strings live until the next scrape */
typedef struct {
    phr_str_t           metric;
    phr_str_t           help;
    phr_str_t           unit;
    phr_metric_type_e   type;
} phr_metadata_t;


/* options as a target and its configuration say; nothing is copied */
void phr_scrape_options(phr_scrape_options_t *o, const phr_target_t *t);

/* job and labels are copied */
int phr_scrape_create(const phr_scrape_options_t *o, phr_scrape_t **s,
    phr_err_t *err);
void phr_scrape_destroy(phr_scrape_t *s);       /* s may be NULL */

/*
 * Other options for the same target, after a reload.  Series that the new
 * options make vanish get their markers with the next scrape.  On failure
 * the old options stay.
 */
int phr_scrape_configure(phr_scrape_t *s, const phr_scrape_options_t *o,
    phr_err_t *err);

/*
 * To be called for every scrape that appended to a commit that failed: the
 * ids it was given are void.
 */
void phr_scrape_forget(phr_scrape_t *s);

/*
 * Appends what a target answered.  PHR_OK if something was appended, which
 * can be that the scrape failed: then report->up is 0, report->code and err
 * say why (PHR_EPARSE, PHR_ELIMIT, PHR_EINVAL, PHR_EDUPLICATE), and all
 * series of the target are marked stale.  A negative code is a failure of
 * the appender or of memory.
 */
int phr_scrape_body(phr_scrape_t *s, phr_appender_t *app, int64_t t_ms,
    double duration_s, phr_str_t body, phr_str_t content_type,
    phr_scrape_report_t *report, phr_err_t *err);

/*
 * The same for a target that gave no answer, or a bad one; over: one that is
 * larger than it may be, of which not all was read.
 */
int phr_scrape_failed(phr_scrape_t *s, phr_appender_t *app, int64_t t_ms,
    double duration_s, int over, phr_scrape_report_t *report,
    phr_err_t *err);

/* the target is gone: all its series end, those of the outcome too */
int phr_scrape_ended(phr_scrape_t *s, phr_appender_t *app, int64_t t_ms,
    phr_err_t *err);

/*
 * Ends, at t_ms, the series of targets with "remember", and of other sources
 * that were remembered, if they are of an earlier process and not known to
 * this one; series that another source has taken over go on.  known() is
 * given names, for targets as phr_scrape_source_name() makes them.
 */
int phr_scrape_end_others(phr_appender_t *app, int64_t t_ms,
    int (*known)(void *data, phr_str_t name), void *data,
    uint64_t *ntargets, uint64_t *nseries, phr_err_t *err);

/* adds the series (phr_sid_t) of the last batch of a source to found */
int phr_recall_series(phr_appender_t *app, uint32_t source, int64_t t_ms,
    phr_array_t *found, phr_err_t *err);

/* lets _end_others() of a later process find the source, if need be */
int phr_recall_remember(phr_appender_t *app, uint32_t source, phr_str_t name,
    phr_err_t *err);

/* what a target is called in the store, in the arena */
int phr_scrape_source_name(phr_arena_t *arena, phr_str_t job, uint64_t key,
    phr_str_t *name);

/* series that the last good scrape had */
size_t phr_scrape_nseries(const phr_scrape_t *s);

/* visits all metadata, in no order: start with *pos = 0; 0 at the end */
int phr_scrape_metadata(const phr_scrape_t *s, size_t *pos,
    phr_metadata_t *md);

/* PHR_OK or PHR_NOTFOUND */
int phr_scrape_metadata_of(const phr_scrape_t *s, phr_str_t metric,
    phr_metadata_t *md);


#endif /* PHR_APPEND_H_INCLUDED */
