/*
 * Copyright (C) The Pharos Authors
 *
 * Query cache: see query_cache.h.  Here is what is kept and for how long;
 * api/query_splice.c makes results of parts.
 *
 * Entries never change but for how many of their steps still hold, so that
 * a query reads one without the lock.  Those that were not used for longest
 * go first.
 */

#include "api/query_cache.h"

#include <pthread.h>

#include "api/query_splice.h"
#include "core/alloc.h"
#include "promql/final.h"


/* chains; there are rarely more entries than dashboards have panels */
#define PHR_QUERY_CACHE_CHAINS  1024

/* results of fewer steps are made faster than they are found */
#define PHR_QUERY_CACHE_STEPS   8

/* a result may take such a part of the room */
#define PHR_QUERY_CACHE_SHARE   4

/*
 * An entry is made anew when so large a part of the steps was evaluated
 * since: until then these are evaluated each time, which costs less than a
 * copy of all others.
 */
#define PHR_QUERY_CACHE_RENEW   32


struct phr_query_cache_s {
    pthread_mutex_t           mutex;
    phr_kept_t               *chains[PHR_QUERY_CACHE_CHAINS];
    phr_kept_t               *newest;
    phr_kept_t               *oldest;
    size_t                    max_bytes;
    int                       closed;
    phr_query_cache_stats_t   stats;
};


/* one query on its way */
typedef struct {
    phr_query_cache_t   *cache;
    const phr_query_t   *query;
    phr_querier_t       *querier;
    phr_kept_key_t       key;
    phr_reach_t          reach;
    phr_version_t        version;       /* of the snapshot */
    size_t               nsteps;
} phr_lookup_t;


static int phr_lookup_init(phr_lookup_t *l, unsigned flags);
static phr_kept_t *phr_lookup_find(phr_lookup_t *l, size_t *have);
static size_t phr_lookup_valid(phr_lookup_t *l, phr_kept_t *kept);
static int phr_lookup_rest(phr_lookup_t *l, phr_kept_t *kept, size_t have,
    phr_result_t *result, phr_err_t *err);
static void phr_lookup_keep(phr_lookup_t *l, const phr_result_t *result);
static phr_kept_t **phr_query_cache_slot(phr_query_cache_t *cache,
    const phr_kept_key_t *key);
static void phr_query_cache_unlink(phr_query_cache_t *cache,
    phr_kept_t *kept);
static void phr_query_cache_first(phr_query_cache_t *cache,
    phr_kept_t *kept);
static void phr_query_cache_release(phr_query_cache_t *cache,
    phr_kept_t *kept);


phr_query_cache_t *
phr_query_cache_create(size_t max_bytes)
{
    phr_query_cache_t  *cache;

    cache = phr_calloc(1, sizeof(phr_query_cache_t));

    if (cache != NULL) {
        cache->max_bytes = max_bytes;
        pthread_mutex_init(&cache->mutex, NULL);
    }

    return cache;
}


void
phr_query_cache_destroy(phr_query_cache_t *cache)
{
    if (cache == NULL) {
        return;
    }

    while (cache->oldest != NULL) {
        phr_query_cache_unlink(cache, cache->oldest);
    }

    pthread_mutex_destroy(&cache->mutex);
    phr_free(cache);
}


void
phr_query_cache_close(phr_query_cache_t *cache)
{
    if (cache == NULL) {
        return;
    }

    pthread_mutex_lock(&cache->mutex);

    cache->closed = 1;

    while (cache->oldest != NULL) {
        phr_query_cache_unlink(cache, cache->oldest);
    }

    pthread_mutex_unlock(&cache->mutex);
}


void
phr_query_cache_stats(phr_query_cache_t *cache,
    phr_query_cache_stats_t *stats)
{
    pthread_mutex_lock(&cache->mutex);
    *stats = cache->stats;
    pthread_mutex_unlock(&cache->mutex);
}


int
phr_query_cache_eval(phr_query_cache_t *cache, const phr_query_t *query,
    unsigned flags, phr_querier_t *querier, phr_result_t *result,
    phr_err_t *err)
{
    int            rc;
    size_t         have;
    phr_kept_t    *kept;
    phr_lookup_t   l;

    memset(&l, 0, sizeof(l));
    l.cache = cache;
    l.query = query;
    l.querier = querier;

    if (!phr_lookup_init(&l, flags)) {
        return phr_promql_eval(query, querier, result, err);
    }

    kept = phr_lookup_find(&l, &have);

    if (kept != NULL) {
        rc = phr_lookup_rest(&l, kept, have, result, err);

        if (rc == PHR_OK && (l.nsteps - have) * PHR_QUERY_CACHE_RENEW
                            > l.nsteps)
        {
            phr_lookup_keep(&l, result);
        }

        pthread_mutex_lock(&cache->mutex);
        cache->stats.nhits += (rc != PHR_NOTFOUND);
        cache->stats.nmisses += (rc == PHR_NOTFOUND);
        phr_query_cache_release(cache, kept);
        pthread_mutex_unlock(&cache->mutex);

        if (rc != PHR_NOTFOUND) {
            return rc;
        }
    }

    rc = phr_promql_eval(query, querier, result, err);

    if (rc == PHR_OK) {
        phr_lookup_keep(&l, result);
    }

    return rc;
}


/* 0 if it is no query to be remembered */

static int
phr_lookup_init(phr_lookup_t *l, unsigned flags)
{
    int                 good;
    size_t              n;
    const phr_query_t  *q;

    q = l->query;
    good = q->text.len > 0 && !q->step_stats
           && l->querier->ops->version != NULL
           && phr_promql_final(q, &l->reach);

    if (good) {
        l->nsteps = (size_t) ((q->end_ms - q->start_ms) / q->step_ms) + 1;
        l->querier->ops->version(l->querier, &l->version);

        good = l->nsteps >= PHR_QUERY_CACHE_STEPS
               && (l->version.floor_ms == PHR_TIME_MIN
                   || q->start_ms - l->reach.back_ms >= l->version.floor_ms);
    }

    pthread_mutex_lock(&l->cache->mutex);
    l->cache->stats.nothers += !good;
    good = good && !l->cache->closed;
    pthread_mutex_unlock(&l->cache->mutex);

    if (!good) {
        return 0;
    }

    l->key.text = q->text;
    l->key.flags = flags << 2 | q->delayed_names << 1 | q->start_times;
    l->key.step_ms = q->step_ms;
    l->key.lookback_ms = q->lookback_ms;
    l->key.subquery_step_ms = q->subquery_step_ms;
    l->key.phase_ms = q->start_ms % q->step_ms;

    /* an hour and a day of the same panel: each has an entry of its own */

    for (n = l->nsteps; n != 0; n /= 2) {
        l->key.span++;
    }

    phr_kept_hash(&l->key);

    return 1;
}


/*
 * An entry that has the first steps of the query, *have of them, held until
 * it is released.
 */

static phr_kept_t *
phr_lookup_find(phr_lookup_t *l, size_t *have)
{
    size_t              valid, at;
    phr_kept_t         *kept;
    phr_query_cache_t  *cache;

    cache = l->cache;

    pthread_mutex_lock(&cache->mutex);

    kept = *phr_query_cache_slot(cache, &l->key);

    if (kept != NULL) {
        valid = phr_lookup_valid(l, kept);
        *have = 0;

        if (l->query->start_ms >= kept->start_ms) {
            at = (size_t) ((l->query->start_ms - kept->start_ms)
                           / l->query->step_ms);
            *have = at < valid ? phr_min(valid - at, l->nsteps) : 0;
        }

        if (*have * 4 < l->nsteps) {
            kept = NULL;
        }
    }

    if (kept != NULL) {
        kept->refs++;
        phr_query_cache_first(cache, kept);

    } else {
        cache->stats.nmisses++;
    }

    pthread_mutex_unlock(&cache->mutex);

    return kept;
}


/* steps that hold in the query's snapshot; others are never used again */

static size_t
phr_lookup_valid(phr_lookup_t *l, phr_kept_t *kept)
{
    int64_t  t_ms, from_ms;

    t_ms = l->querier->ops->changed(l->querier, kept->version);

    if (l->version.number > kept->version) {
        kept->version = l->version.number;
    }

    if (t_ms == PHR_TIME_MAX) {
        return kept->valid;
    }

    /* samples at t_ms are seen by steps from here on */

    from_ms = kept->start_ms + l->reach.ahead_ms;

    if (t_ms <= from_ms) {
        kept->valid = 0;

    } else if (kept->valid > 0
               && t_ms <= from_ms + (int64_t) (kept->valid - 1)
                                    * l->query->step_ms)
    {
        kept->valid = (size_t) ((t_ms - from_ms + l->query->step_ms - 1)
                                / l->query->step_ms);
    }

    return kept->valid;
}


/* PHR_NOTFOUND if the parts do not make a whole */

static int
phr_lookup_rest(phr_lookup_t *l, phr_kept_t *kept, size_t have,
    phr_result_t *result, phr_err_t *err)
{
    int           rc;
    size_t        from;
    phr_query_t   rest;
    phr_result_t  later;

    memset(&later, 0, sizeof(later));
    later.type = PHR_TYPE_MATRIX;
    from = have;

    if (have < l->nsteps) {

        /* see phr_promql_final() */
        from = phr_min(have, l->nsteps - 2);

        rest = *l->query;
        rest.start_ms += (int64_t) from * rest.step_ms;

        rc = phr_promql_eval(&rest, l->querier, &later, err);

        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (!phr_kept_joins(kept, l->query, l->nsteps, from, &later)) {
        return PHR_NOTFOUND;
    }

    return phr_kept_splice(kept, l->query, l->nsteps, from, &later, result,
                           err);
}


/* it is no failure if there is no room */

static void
phr_lookup_keep(phr_lookup_t *l, const phr_result_t *result)
{
    size_t              bytes;
    phr_kept_t         *kept, **slot;
    phr_query_cache_t  *cache;

    cache = l->cache;

    if (result->native || result->res_ms != 0
        || result->type != PHR_TYPE_MATRIX)
    {
        return;
    }

    bytes = phr_kept_bytes(&l->key, result, l->nsteps);

    if (bytes > cache->max_bytes / PHR_QUERY_CACHE_SHARE) {
        return;
    }

    kept = phr_kept_create(&l->key, l->query, result, l->nsteps, bytes);
    if (kept == NULL) {
        return;
    }

    kept->version = l->version.number;

    pthread_mutex_lock(&cache->mutex);

    if (cache->closed) {
        kept->refs = 0;
        phr_free(kept);
        pthread_mutex_unlock(&cache->mutex);
        return;
    }

    slot = phr_query_cache_slot(cache, &l->key);
    if (*slot != NULL) {
        phr_query_cache_unlink(cache, *slot);
    }

    while (cache->stats.bytes + bytes > cache->max_bytes) {
        phr_query_cache_unlink(cache, cache->oldest);
        cache->stats.nevicted++;
    }

    slot = phr_query_cache_slot(cache, &l->key);
    *slot = kept;

    kept->older = cache->newest;
    if (cache->newest != NULL) {
        cache->newest->newer = kept;
    }

    cache->newest = kept;
    if (cache->oldest == NULL) {
        cache->oldest = kept;
    }

    cache->stats.bytes += bytes;
    cache->stats.nentries++;

    pthread_mutex_unlock(&cache->mutex);
}


/* where the entry of a key is, or is to be */

static phr_kept_t **
phr_query_cache_slot(phr_query_cache_t *cache, const phr_kept_key_t *key)
{
    phr_kept_t  **slot;

    slot = &cache->chains[key->hash % PHR_QUERY_CACHE_CHAINS];

    while (*slot != NULL && !phr_kept_is(*slot, key)) {
        slot = &(*slot)->next;
    }

    return slot;
}


static void
phr_query_cache_unlink(phr_query_cache_t *cache, phr_kept_t *kept)
{
    phr_kept_t  **slot;

    slot = phr_query_cache_slot(cache, &kept->key);
    *slot = kept->next;

    if (kept->newer != NULL) {
        kept->newer->older = kept->older;

    } else {
        cache->newest = kept->older;
    }

    if (kept->older != NULL) {
        kept->older->newer = kept->newer;

    } else {
        cache->oldest = kept->newer;
    }

    cache->stats.bytes -= kept->bytes;
    cache->stats.nentries--;

    phr_query_cache_release(cache, kept);
}


static void
phr_query_cache_first(phr_query_cache_t *cache, phr_kept_t *kept)
{
    if (kept->newer == NULL) {
        return;
    }

    kept->newer->older = kept->older;

    if (kept->older != NULL) {
        kept->older->newer = kept->newer;

    } else {
        cache->oldest = kept->newer;
    }

    kept->newer = NULL;
    kept->older = cache->newest;
    cache->newest->newer = kept;
    cache->newest = kept;
}


/* the mutex is held */

static void
phr_query_cache_release(phr_query_cache_t *cache, phr_kept_t *kept)
{
    if (--kept->refs == 0) {
        phr_free(kept);
    }
}
