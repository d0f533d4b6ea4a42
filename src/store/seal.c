/*
 * Copyright (C) The Pharos Authors
 *
 * Seal: see seal.h.  Here is when something is to be packed, and the step
 * around it; how is in seal_rows.c and seal_loose.c.
 *
 * The rows of a source are sealed when there are PHR_SEAL_ROWS of them, or
 * when the oldest came PHR_SEAL_AGE_MS ago: by the clock, not by its time,
 * so that history being loaded is packed as well as what is scraped.  Loose
 * samples are sealed by group, when there are about as many of each series.
 */

#include "store/seal.h"

#include "store/keep.h"
#include "store/loose.h"
#include "store/series.h"


/* how late something may be sealed for its age */
#define PHR_SEAL_LOOK_MS  10000


static int phr_store_nudge(phr_store_t *st);
static int phr_seal_due_source(phr_store_t *st, phr_source_t **src,
    int64_t now_ms);
static int phr_seal_due_group(phr_store_t *st, uint32_t *number,
    int64_t now_ms);


int
phr_store_seal(phr_store_t *st, int64_t now_ms, phr_err_t *err)
{
    int            rc;
    uint32_t       number;
    phr_group_t   *g;
    phr_source_t  *src;

    phr_assert(st->txn == NULL);

    phr_store_now(st, now_ms);

    /* not to look at all sources and groups after each commit */

    if (st->warm && st->unripe && now_ms >= st->looked_ms
        && now_ms - st->looked_ms < PHR_SEAL_LOOK_MS)
    {
        return PHR_OK;
    }

    if (st->warm && !phr_seal_due_source(st, &src, now_ms)
        && !phr_seal_due_group(st, &number, now_ms))
    {
        st->unripe = 1;
        st->looked_ms = now_ms;
        return PHR_OK;
    }

    st->unripe = 0;

    rc = phr_txn_begin(st->env, 1, &st->txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_store_warm(st, err);

    if (rc == PHR_OK && phr_seal_due_source(st, &src, now_ms)) {
        rc = phr_seal_rows(st, src, err);

        if (rc < 0) {
            /* a damaged row must not keep the others from their turn */
            st->seal_source++;
        }

    } else if (rc == PHR_OK && phr_seal_due_group(st, &number, now_ms)) {
        rc = phr_group_get(st, number, &g, err);

        if (rc == PHR_OK) {
            rc = phr_seal_loose(st, number, g, err);
        }

        if (rc < 0) {
            st->seal_group++;
        }

    } else if (rc == PHR_OK) {
        /* it was only read what there is to do */
        return phr_store_end(st, PHR_OK, err);
    }

    rc = phr_store_end(st, rc, err);

    if (rc == PHR_ENOSPC && !st->nudged && phr_store_nudge(st) == PHR_OK) {
        return PHR_AGAIN;
    }

    if (rc != PHR_OK) {
        return rc;
    }

    st->nudged = 0;

    pthread_mutex_lock(&st->mutex);
    st->stats.nseals++;
    pthread_mutex_unlock(&st->mutex);

    return PHR_AGAIN;
}


/*
 * Pages that a transaction gave back serve the one after the next.  In a
 * full map nothing else may ever commit, so a transaction of almost nothing
 * is made for that; once, until a step succeeds.
 */
static int
phr_store_nudge(phr_store_t *st)
{
    int  rc;

    st->nudged = 1;

    rc = phr_txn_begin(st->env, 1, &st->txn, NULL);
    if (rc != PHR_OK) {
        return rc;
    }

    /* writes the counters, which are never the same after a failure */
    return phr_store_end(st, PHR_OK, NULL);
}


static int
phr_seal_due_source(phr_store_t *st, phr_source_t **out, int64_t now_ms)
{
    size_t         i, k, n;
    phr_source_t  *src;

    n = st->sources.nelts;

    for (i = 0; i < n; i++) {
        k = (st->seal_source + i) % n;
        src = *phr_slot(&st->sources, k);

        if (src == NULL || src->nrows == 0) {
            continue;
        }

        if (src->arrival_ms == PHR_TIME_MIN || src->arrival_ms > now_ms) {
            /* not known, or the clock was set back */
            src->arrival_ms = now_ms;
        }

        if (src->partial || src->nrows >= src->threshold
            || now_ms - src->arrival_ms >= PHR_SEAL_AGE_MS)
        {
            /* a source in steps goes on first, then it is another's turn */
            st->seal_source = (uint32_t) k;
            *out = src;
            return 1;
        }
    }

    return 0;
}


static int
phr_seal_due_group(phr_store_t *st, uint32_t *number, int64_t now_ms)
{
    size_t        i, n;
    phr_group_t  *g;

    n = st->groups.nelts;

    for (i = 0; i < n; i++) {
        g = *phr_slot(&st->groups, (st->seal_group + i) % n);

        if (g == NULL || g->nloose == 0) {
            continue;
        }

        if (g->loose_ms == PHR_TIME_MIN || g->loose_ms > now_ms) {
            g->loose_ms = now_ms;
        }

        if (now_ms - g->loose_ms < PHR_SEAL_AGE_MS && !phr_loose_ripe(g)) {
            continue;
        }

        *number = (uint32_t) ((st->seal_group + i) % n);
        st->seal_group = *number;

        return 1;
    }

    return 0;
}


int
phr_seal_add(phr_store_t *st, phr_packer_t *packer, phr_sid_t sid,
    const int64_t *t_ms, const double *v, const phr_hist_t *const *h,
    size_t n, phr_err_t *err)
{
    int      rc;
    size_t   i;
    int64_t  floor_ms;

    i = 0;

    if (n > 0 && t_ms[0] < st->keep.high_ms) {
        rc = phr_keep_series(&st->keep, st->txn, sid, st->scratch, &floor_ms,
                             err);
        if (rc != PHR_OK) {
            return rc < 0 ? rc : PHR_OK;
        }

        while (i < n && t_ms[i] < floor_ms) {
            i++;
        }
    }

    if (i == n) {
        return PHR_OK;
    }

    return h != NULL
           ? phr_packer_add_hists(packer, sid, t_ms + i, h + i, n - i, err)
           : phr_packer_add(packer, sid, t_ms + i, v + i, n - i, err);
}
