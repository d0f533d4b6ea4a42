/*
 * Copyright (C) The Pharos Authors
 *
 * Storage: the seam between those who read and write samples and whoever
 * keeps them.  The query engine and the rules see storage only through this
 * file; src/store implements it on LMDB, t/unit/memstore.c in memory.
 *
 * Reading:  a querier is one snapshot.  It is opened, used and closed in one
 * thread; what it returns is valid until it is closed, unless said
 * otherwise.
 *
 * Writing:  samples come in batches.  A batch is what one source (a target,
 * a push group, a remote-write stream, a rule group) says at one time.
 */

#ifndef PHR_STORAGE_H_INCLUDED
#define PHR_STORAGE_H_INCLUDED


#include "core/err.h"
#include "core/histogram.h"
#include "core/matcher.h"


typedef struct {
    int64_t  to_ms;
    int64_t  res_ms;
} phr_part_t;


/*
 * Columns of one series, in ascending order of time, without duplicates.
 * Stale markers (phr_is_stale()) are among the samples: the reader decides
 * what they mean.
 *
 * h is NULL if all samples are floats.  Else h[i] is the histogram of sample
 * i, or NULL if it is a float; v[i] is then the histogram's sum, so that a
 * stale marker is one in both.
 */
typedef struct {
    phr_labels_t              labels;
    const int64_t            *t_ms;
    const double             *v;
    const phr_hist_t *const  *h;
    size_t                    n;

    /*
     * NULL, or for each sample its start timestamp: since when a counter
     * counts, 0 if that is not known.  Only if the hints ask for them.
     */
    const int64_t            *st_ms;

    /*
     * Old samples may have been replaced by coarser ones, as the hints say.
     * Parts are in order of time, each up to and including to_ms; what is
     * later than the last is as it was.  In a part, what is asked of times
     * that are no multiples of its resolution has no exact answer.  Then w,
     * if it is not NULL, has how many samples each stands for; of equal
     * times there may be several.
     */
    const phr_part_t         *parts;
    size_t                    nparts;
    const double             *w;
} phr_series_t;


/* what the labels of an exemplar may have together, in characters */
#define PHR_EXEMPLAR_RUNES  128

/* a sample that somebody picked, and what names it: a trace, mostly */
typedef struct {
    phr_labels_t  labels;
    int64_t       t_ms;
    double        v;

    /* t_ms is its own, not that of the sample that it came with */
    unsigned      has_t:1;
} phr_exemplar_t;

/* those of a series, in ascending order of time */
typedef struct {
    phr_labels_t           labels;
    const phr_exemplar_t  *e;
    size_t                 n;
} phr_exemplars_of_t;

/* all of them have to match */
typedef struct {
    const phr_matcher_t  *m;
    size_t                n;
} phr_matcher_set_t;


typedef struct phr_series_set_s  phr_series_set_t;
typedef struct phr_querier_s     phr_querier_t;
typedef struct phr_storage_s     phr_storage_t;


/* what a reader is going to do, so that storage may do less */
typedef struct {
    int64_t    step_ms;         /* of the query, 0: instant */
    int64_t    range_ms;        /* of a matrix selector, else 0 */
    phr_str_t  func;            /* the function around the selector, or "" */

    /*
     * Where the samples are there, coarser ones up to this resolution may
     * be given if they serve: 0, none.  They replace, by func:
     *
     * min_over_time, max_over_time, sum_over_time   the least, the greatest,
     *                                the sum, at the end of a step
     * count_over_time, avg_over_time the same as for sum_over_time, and w
     * rate, increase, delta, resets, changes        the first and the last,
     *                                and w; between them there are falls
     *                                from what a counter lost by resets
     * all others                     the last, and a stale marker if one
     *                                followed
     */
    int64_t    max_res_ms;
    unsigned   labels_only:1;   /* samples are not wanted: n is 0 */
    unsigned   sorted:1;        /* series in order of their labels */
    unsigned   starts:1;        /* start timestamps are wanted */
} phr_select_hints_t;


struct phr_series_set_s {
    /*
     * PHR_OK and the next series, PHR_DONE, or a failure.  The columns are
     * valid until the next call; the labels until the querier is closed,
     * or until the arena of select() is released to where it was before this
     * call: nothing else that is needed later is taken from it.
     */
    int   (*next)(phr_series_set_t *set, phr_series_t *series,
                  phr_err_t *err);
};


typedef struct {
    uint64_t  number;
    int64_t   floor_ms;         /* samples from here on are there as they
                                   came; older ones may be gone, or coarser */
} phr_version_t;


typedef struct {
    /*
     * Series that match all matchers and may have samples in
     * min_ms <= t <= max_ms; only samples in that range are returned, and a
     * series without any is left out (except with labels_only, where the
     * range is that of the store's blocks).  Memory is taken from the
     * arena, which outlives the querier, or counts there; PHR_ELIMIT when
     * it has none left.
     */
    int   (*select)(phr_querier_t *q, const phr_matcher_t *m, size_t n,
                    int64_t min_ms, int64_t max_ms,
                    const phr_select_hints_t *hints, phr_arena_t *arena,
                    phr_series_set_t **set, phr_err_t *err);

    /*
     * Label names, or values of one label, of the series that match all
     * matchers (n may be 0: all series), sorted, unique, at most limit of
     * them (0: all; *truncated tells).  In the arena.
     */
    int   (*label_names)(phr_querier_t *q, const phr_matcher_t *m, size_t n,
                         int64_t min_ms, int64_t max_ms, size_t limit,
                         phr_arena_t *arena, phr_str_t **names,
                         size_t *nnames, int *truncated, phr_err_t *err);
    int   (*label_values)(phr_querier_t *q, phr_str_t name,
                          const phr_matcher_t *m, size_t n,
                          int64_t min_ms, int64_t max_ms, size_t limit,
                          phr_arena_t *arena, phr_str_t **values,
                          size_t *nvalues, int *truncated, phr_err_t *err);

    void  (*close)(phr_querier_t *q);

    /*
     * The exemplars in min_ms <= t <= max_ms of the series for which one of
     * the sets of matchers holds, by series in order of their labels; series
     * without any are left out.  In the arena.  NULL: none are kept.
     */
    int   (*exemplars)(phr_querier_t *q, const phr_matcher_set_t *sets,
                       size_t nsets, int64_t min_ms, int64_t max_ms,
                       phr_arena_t *arena, phr_exemplars_of_t **out,
                       size_t *n, phr_err_t *err);

    /*
     * For who remembers what was made of a snapshot: which it is, and the
     * time of the oldest sample that was written or deleted between another
     * one and this, or PHR_TIME_MAX.  NULL: nothing can be remembered.
     */
    void     (*version)(phr_querier_t *q, phr_version_t *version);
    int64_t  (*changed)(phr_querier_t *q, uint64_t number);
} phr_querier_ops_t;


struct phr_querier_s {
    const phr_querier_ops_t  *ops;

    /*
     * NULL, or set by who opened it, as phr_query_t has it: names and values
     * of labels are then no longer looked for, nor the labels of series, nor
     * exemplars.
     */
    const volatile int       *stop;
};


/* PHR_OK, or why a querier is to stop */
static inline int
phr_querier_poll(const phr_querier_t *q)
{
    return q->stop == NULL ? PHR_OK : phr_shared_get(q->stop);
}


struct phr_storage_s {
    /* a snapshot of everything committed until now; any thread */
    int   (*querier)(phr_storage_t *st, phr_querier_t **q, phr_err_t *err);
};


/*
 * A series id, given by the store and never given to another series.  A
 * series that expired is gone: appending to its id gives PHR_ENOTFOUND in
 * the status, and the writer asks for the id of its labels again.
 */
typedef uint32_t  phr_sid_t;

/*
 * A batch: n samples.  If t_each is NULL, all are taken at t_ms (a row);
 * else each has its own time.  status, if not NULL, receives for each
 * sample
 *
 * PHR_OK          stored; or equal, bit by bit, to the stored one of its time
 * PHR_EORDER      older than the newest of its series, where none may be late
 * PHR_EOLD        later than the out-of-order window allows
 * PHR_EDUPLICATE  another value is stored at its time
 * PHR_ELIMIT      older than the retention, or too far in the future
 * PHR_ENOTFOUND   the series expired
 * PHR_EINVAL      a histogram that is invalid, or too large
 *
 * and the good ones are stored even so.
 *
 * h is NULL, or has for each sample NULL (a float) or a histogram; v is not
 * looked at then.
 */
typedef struct {
    uint32_t                  source;
    int64_t                   t_ms;
    const phr_sid_t          *sid;
    const double             *v;
    const phr_hist_t *const  *h;
    const int64_t            *t_each;
    size_t                    n;
    int8_t                   *status;

    /* NULL, or the start timestamp of each sample, 0: not known */
    const int64_t            *st_ms;

    /* history: late samples are taken however late they are */
    unsigned                  backfill:1;
} phr_batch_t;


/*
 * Appender: collects what is written until storage commits it, all or
 * nothing.  One thread only, the writer.  Whoever owns the storage commits
 * (phr_store_commit()), so that many sources share one commit.
 */
typedef struct phr_appender_s  phr_appender_t;

typedef struct {
    /*
     * The id of a named source, made if it is new.  A source that sends
     * nothing for a day may get another one the next time.
     */
    int   (*source)(phr_appender_t *app, phr_str_t name, uint32_t *id,
                    phr_err_t *err);

    /*
     * The id of a series, made if it is new; PHR_ELIMIT when the store has
     * as many series as it may, PHR_ELABELS when it takes no such labels,
     * now or later.  err says which limit; the appender goes on.
     */
    int   (*series)(phr_appender_t *app, phr_labels_t ls, phr_sid_t *sid,
                    phr_err_t *err);

    /* the arrays may go when the call returns */
    int   (*append)(phr_appender_t *app, const phr_batch_t *b,
                    phr_err_t *err);

    /*
     * Small records beside the samples, committed with them: push groups,
     * alert states, metric metadata.  space is one byte, a directory of
     * which is PHR_KV_*; values of any length.
     */
    int   (*put)(phr_appender_t *app, char space, phr_str_t key,
                 phr_str_t value, phr_err_t *err);
    int   (*del)(phr_appender_t *app, char space, phr_str_t key,
                 phr_err_t *err);

    /* visits the committed records of a space whose keys begin with prefix */
    int   (*each)(phr_appender_t *app, char space, phr_str_t prefix,
                  int (*visit)(void *data, phr_str_t key, phr_str_t value),
                  void *data, phr_err_t *err);

    /*
     * Visits the series that the last batch of a source had, if its time
     * is in min_ms <= t <= max_ms: not those whose sample was a stale
     * marker, nor those that have a newer sample by another source.  What is
     * pending counts.  The visitor must not use the appender.
     */
    int   (*newest)(phr_appender_t *app, uint32_t source, int64_t min_ms,
                    int64_t max_ms, int (*visit)(void *data, phr_sid_t sid),
                    void *data, phr_err_t *err);

    /* the id of a series that there is, or PHR_NOTFOUND */
    int   (*find)(phr_appender_t *app, phr_labels_t ls, phr_sid_t *sid,
                  phr_err_t *err);

    /*
     * Exemplars of n series, that of sid[i] being e[i].  status receives for
     * each
     *
     * PHR_OK          stored, or the same as the newest of its series
     * PHR_EORDER      older than the newest
     * PHR_EINVAL      its labels are too long, or no labels
     * PHR_ELIMIT      as of samples; or no exemplars are kept
     *
     * and the good ones are stored even so.
     */
    int   (*exemplars)(phr_appender_t *app, const phr_sid_t *sid,
                       const phr_exemplar_t *e, size_t n, int8_t *status,
                       phr_err_t *err);
} phr_appender_ops_t;


struct phr_appender_s {
    const phr_appender_ops_t  *ops;

    /* exemplars are kept: who has some may offer them */
    unsigned                   exemplars:1;
};


#define PHR_KV_PUSH       'p'   /* push groups */
#define PHR_KV_RULES      'r'   /* states of alerting rules */
#define PHR_KV_NOTIFY     'n'   /* what was sent, and to whom */
#define PHR_KV_SILENCE    's'
#define PHR_KV_METADATA   'm'   /* type, help and unit of metrics */
#define PHR_KV_TARGET     't'   /* targets that are scraped, rules */
#define PHR_KV_COUNTERS   'c'   /* traffic totals, carried over upgrades */
#define PHR_KV_HISTS      'h'   /* the store's own: histograms by source */
#define PHR_KV_DROPPED    'd'   /* of the store itself: what it let go */


#endif /* PHR_STORAGE_H_INCLUDED */
