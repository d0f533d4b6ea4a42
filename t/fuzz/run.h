/*
 * Copyright (C) The Pharos Authors
 *
 * Run: a query over what is in memory, by way of a querier that knows what
 * was looked at, and that can keep later samples back, as if they had not
 * come yet.
 */

#ifndef FUZZ_RUN_H_INCLUDED
#define FUZZ_RUN_H_INCLUDED


#include "result.h"

#include "../unit/memstore.h"

#include "api/query_cache.h"


/* an evaluation, and what came of it; what it asked of the storage */
typedef struct {
    phr_arena_t   *arena;
    phr_result_t   r;
    phr_err_t      err;
    int            rc;
    int64_t        min_ms;
    int64_t        max_ms;
} fuzz_run_t;

/* a querier that keeps an eye on what is asked of another */
typedef struct {
    phr_querier_t       querier;
    phr_querier_ops_t   ops;
    phr_querier_t      *to;
    fuzz_run_t         *run;
    int64_t             until_ms;       /* later samples are not there yet */
    int64_t             changed_ms;     /* since the first version */
} fuzz_watch_t;


static inline int
fuzz_watch_select(phr_querier_t *q, const phr_matcher_t *m, size_t n,
    int64_t min_ms, int64_t max_ms, const phr_select_hints_t *hints,
    phr_arena_t *arena, phr_series_set_t **set, phr_err_t *err)
{
    fuzz_watch_t  *w;

    w = (fuzz_watch_t *) q;
    w->run->min_ms = phr_min(w->run->min_ms, min_ms);
    w->run->max_ms = phr_max(w->run->max_ms, max_ms);

    return w->to->ops->select(w->to, m, n, min_ms,
                              phr_min(max_ms, w->until_ms), hints, arena, set,
                              err);
}


static inline void
fuzz_watch_version(phr_querier_t *q, phr_version_t *version)
{
    version->number = ((fuzz_watch_t *) q)->until_ms == PHR_TIME_MAX ? 2 : 1;
    version->floor_ms = PHR_TIME_MIN;
}


static inline int64_t
fuzz_watch_changed(phr_querier_t *q, uint64_t number)
{
    fuzz_watch_t  *w;

    w = (fuzz_watch_t *) q;

    return number == 1 && w->until_ms == PHR_TIME_MAX ? w->changed_ms
                                                      : PHR_TIME_MAX;
}


/* cache may be NULL, and then the times do not matter */
static inline fuzz_run_t
fuzz_run_with(phr_memstore_t *store, const phr_query_t *query, size_t limit,
    phr_query_cache_t *cache, int64_t until_ms, int64_t changed_ms)
{
    fuzz_run_t      run;
    phr_query_t     q;
    fuzz_watch_t    w;
    phr_storage_t  *storage;

    memset(&run, 0, sizeof(run));
    phr_err_init(&run.err);
    run.min_ms = INT64_MAX;
    run.max_ms = INT64_MIN;
    run.arena = phr_arena_create(limit);

    if (run.arena == NULL) {
        run.rc = PHR_ENOMEM;
        return run;
    }

    storage = phr_memstore_storage(store);
    memset(&w, 0, sizeof(w));
    run.rc = storage->querier(storage, &w.to, &run.err);

    if (run.rc == PHR_OK) {
        w.ops = *w.to->ops;
        w.ops.select = fuzz_watch_select;
        w.ops.version = fuzz_watch_version;
        w.ops.changed = fuzz_watch_changed;
        w.querier = *w.to;
        w.querier.ops = &w.ops;
        w.run = &run;
        w.until_ms = until_ms;
        w.changed_ms = changed_ms;

        q = *query;
        q.arena = run.arena;
        run.rc = cache != NULL
                 ? phr_query_cache_eval(cache, &q, 0, &w.querier, &run.r,
                                        &run.err)
                 : phr_promql_eval(&q, &w.querier, &run.r, &run.err);
        w.to->ops->close(w.to);
    }

    return run;
}


static inline fuzz_run_t
fuzz_run(phr_memstore_t *store, const phr_query_t *query, size_t limit)
{
    return fuzz_run_with(store, query, limit, NULL, PHR_TIME_MAX, PHR_TIME_MAX);
}


static inline void
fuzz_run_free(fuzz_run_t *run)
{
    phr_arena_destroy(run->arena);
}


/* too late, or too much: says nothing of anything else */
static inline int
fuzz_gave_up(const fuzz_run_t *run)
{
    return run->rc == PHR_ETIMEOUT || run->rc == PHR_ELIMIT;
}


static inline void
fuzz_broken(const char *law, const phr_query_t *q, const fuzz_run_t *a,
    const fuzz_run_t *b)
{
    fprintf(stderr, "%s does not hold for\n%.*s\nfrom %lld to %lld step %lld"
            " lookback %lld%s%s\n", law, (int) q->text.len, q->text.data,
            (long long) q->start_ms, (long long) q->end_ms,
            (long long) q->step_ms, (long long) q->lookback_ms,
            q->delayed_names ? ", delayed names" : "",
            q->start_times ? ", start times" : "");

    if (a != NULL) {
        fprintf(stderr, "one: %d %s\n", a->rc, a->rc < 0 ? a->err.text : "");

        if (a->rc == PHR_OK) {
            fuzz_show("one", &a->r);
        }
    }

    if (b != NULL) {
        fprintf(stderr, "two: %d %s\n", b->rc, b->rc < 0 ? b->err.text : "");

        if (b->rc == PHR_OK) {
            fuzz_show("two", &b->r);
        }
    }

    abort();
}


#endif /* FUZZ_RUN_H_INCLUDED */
