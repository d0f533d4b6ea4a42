/*
 * Copyright (C) The Pharos Authors
 *
 * Retention: drops packs that are too old or, when the store is too large,
 * the oldest, and then the series that have nothing left.  Each step is one
 * transaction of a bounded number of records.
 *
 * A window is dropped when all that can be in it is too old: so packs stay
 * up to two windows longer than the setting, four hours on the lowest level.
 * Levels above hold few packs, of sparse series; theirs are dropped one by
 * one, by the times in their keys.
 */

#include "store/block.h"
#include "store/index.h"
#include "store/internal.h"
#include "store/series.h"


#define PHR_RETAIN_PACKS    256     /* in a step */
#define PHR_RETAIN_GROUPS   16
#define PHR_RETAIN_SERIES   512
#define PHR_RETAIN_CHECK_MS 60000


static int phr_retain_step(phr_store_t *st, int64_t cutoff_ms,
    phr_err_t *err);
static int phr_retain_cutoff(phr_store_t *st, int64_t now_ms,
    int64_t *cutoff_ms, phr_err_t *err);
static int phr_retain_packs(phr_store_t *st, int64_t cutoff_ms,
    phr_err_t *err);
static int phr_retain_count_off(phr_store_t *st, const phr_pack_key_t *key,
    const phr_window_t *gone, phr_err_t *err);
static int phr_retain_count(phr_str_t k, phr_str_t v,
    const phr_pack_key_t *key, phr_window_t *gone);
static int phr_retain_series(phr_store_t *st, int64_t cutoff_ms,
    phr_err_t *err);
static int phr_retain_group(phr_store_t *st, uint32_t number,
    int64_t cutoff_ms, size_t *nexpired, phr_err_t *err);


int
phr_store_retain(phr_store_t *st, int64_t now_ms, phr_err_t *err)
{
    int      rc;
    int64_t  cutoff_ms;

    phr_assert(st->txn == NULL);

    st->now_ms = now_ms;

    if (st->check_ms == PHR_TIME_MIN
        || now_ms - st->check_ms >= PHR_RETAIN_CHECK_MS
        || now_ms < st->check_ms)
    {
        phr_env_check_readers(st->env);
        st->check_ms = now_ms;
    }

    rc = phr_retain_cutoff(st, now_ms, &cutoff_ms, err);
    if (rc != PHR_OK) {
        return rc < 0 ? rc : PHR_OK;
    }

    /* whole windows: nothing changes before the next one is too old */

    cutoff_ms = phr_window_start(0, phr_window_of(0, cutoff_ms));

    if (cutoff_ms > st->cutoff_ms) {
        st->cutoff_ms = cutoff_ms;
        st->drop_level = 0;
        st->expire_group = 0;
    }

    if (st->drop_level == PHR_NLEVELS
        && st->expire_group > phr_group_of(st->next.sid))
    {
        return PHR_OK;
    }

    rc = phr_txn_begin(st->env, 1, &st->txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_store_warm(st, err);
    if (rc == PHR_OK) {
        rc = phr_retain_step(st, st->cutoff_ms, err);
    }

    rc = phr_store_end(st, rc, err);

    return rc < 0 ? rc : PHR_AGAIN;
}


static int
phr_retain_step(phr_store_t *st, int64_t cutoff_ms, phr_err_t *err)
{
    if (st->drop_level < PHR_NLEVELS) {
        return phr_retain_packs(st, cutoff_ms, err);
    }

    return phr_retain_series(st, cutoff_ms, err);
}


/* PHR_NOTFOUND if nothing is to be dropped */
static int
phr_retain_cutoff(phr_store_t *st, int64_t now_ms, int64_t *cutoff_ms,
    phr_err_t *err)
{
    int              rc, level;
    int32_t          window;
    phr_str_t        k, v;
    phr_txn_t       *txn;
    phr_cursor_t    *cursor;
    phr_env_stat_t   stat;

    *cutoff_ms = st->cutoff_ms;

    if (st->conf.retention_ms > 0) {
        *cutoff_ms = phr_max(*cutoff_ms, now_ms - st->conf.retention_ms);
    }

    if (st->conf.retention_bytes == 0) {
        return *cutoff_ms == PHR_TIME_MIN ? PHR_NOTFOUND : PHR_OK;
    }

    rc = phr_txn_begin(st->env, 0, &txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_env_stat(st->env, txn, &stat, err);

    /* one window more each time, until it is enough */

    /* a full disk or map is a bound that was set too high */

    if (rc == PHR_OK && (stat.used_bytes > st->conf.retention_bytes
                         || phr_store_drops_for_room(st, txn)))
    {
        rc = phr_cursor_open(txn, PHR_DB_WINDOW, &cursor, err);

        if (rc == PHR_OK) {
            rc = phr_cursor_first(cursor, &k, &v, err);

            if (rc == PHR_OK && phr_key_window_get(k, &level, &window)) {
                /* never what is to come, however small the bound */
                *cutoff_ms = phr_max(*cutoff_ms,
                               phr_min(phr_window_start(level, window + 2),
                                       now_ms - PHR_WINDOW_MS));
            }

            phr_cursor_close(cursor);
        }
    }

    phr_txn_abort(txn);

    if (rc < 0) {
        return rc;
    }

    return *cutoff_ms == PHR_TIME_MIN ? PHR_NOTFOUND : PHR_OK;
}


/* some packs of the level; moves to the next level when it is done */
static int
phr_retain_packs(phr_store_t *st, int64_t cutoff_ms, phr_err_t *err)
{
    int             rc, level, any;
    size_t          n;
    uint8_t         from[PHR_KEY_WINDOW];
    int32_t         last;
    phr_str_t       k, v;
    phr_cursor_t   *cursor;
    phr_window_t    gone;
    phr_pack_key_t  key, window;

    level = st->drop_level;

    /* the last window of which something, or on level 0 all, is too old */
    last = phr_window_of(level, cutoff_ms) - (level == 0 ? 2 : 0);

    rc = phr_cursor_open(st->txn, PHR_DB_PACK, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    memset(&gone, 0, sizeof(gone));
    memset(&window, 0, sizeof(window));
    any = 0;
    n = 0;

    phr_key_window(from, level, INT32_MIN);
    rc = phr_cursor_seek(cursor, from, sizeof(from), &k, &v, err);

    while (rc == PHR_OK) {

        if (!phr_key_pack_get(k, &key)) {
            rc = phr_err_set(err, PHR_ECORRUPT, "key of %zu bytes in "
                             "\"pack\"", k.len);
            break;
        }

        if (key.level != level || key.window > last) {
            rc = PHR_NOTFOUND;
            break;
        }

        if (phr_pack_key_max(&key) >= cutoff_ms) {
            rc = phr_cursor_next(cursor, &k, &v, err);
            continue;
        }

        if (n == PHR_RETAIN_PACKS || (any && key.window != window.window)) {
            break;
        }

        window = key;
        any = 1;
        n++;

        /* a damaged pack goes, too */
        (void) phr_retain_count(k, v, &key, &gone);

        rc = phr_cursor_del(cursor, err);

        if (rc == PHR_OK) {
            rc = phr_cursor_next(cursor, &k, &v, err);
        }
    }

    phr_cursor_close(cursor);

    if (rc < 0) {
        return rc;
    }

    if (any) {
        return phr_retain_count_off(st, &window, &gone, err);
    }

    st->drop_level++;

    return PHR_OK;
}


static int
phr_retain_count(phr_str_t k, phr_str_t v, const phr_pack_key_t *key,
    phr_window_t *gone)
{
    int              rc;
    size_t           i;
    phr_str_t        body;
    phr_pack_t       pack;
    phr_chunk_ref_t  ref;

    gone->npacks++;
    gone->bytes += v.len;

    rc = phr_record_check(PHR_DB_PACK, k, v, &body, NULL);
    if (rc == PHR_OK) {
        rc = phr_pack_open(key, body, &pack);
    }

    for (i = 0; rc == PHR_OK && i < pack.nchunks; i++) {
        rc = phr_pack_chunk(&pack, i, &ref);

        if (rc == PHR_OK) {
            gone->nsamples += ref.n;
        }
    }

    return rc;
}


static int
phr_retain_count_off(phr_store_t *st, const phr_pack_key_t *key,
    const phr_window_t *gone, phr_err_t *err)
{
    int            rc;
    uint8_t        wkey[PHR_KEY_WINDOW];
    phr_window_t   w;

    rc = phr_window_get(st->txn, key->level, key->window, &w, err);

    if (rc == PHR_NOTFOUND) {
        return PHR_OK;
    }

    if (rc != PHR_OK) {
        return rc;
    }

    if (w.npacks > gone->npacks) {
        w.npacks -= gone->npacks;
        w.nsamples -= phr_min(gone->nsamples, w.nsamples);
        w.bytes -= phr_min(gone->bytes, w.bytes);

        return phr_window_put(st->txn, key->level, key->window, &w, err);
    }

    phr_key_window(wkey, key->level, key->window);

    rc = phr_txn_del(st->txn, PHR_DB_WINDOW, wkey, sizeof(wkey), err);

    return rc < 0 ? rc : PHR_OK;
}


/*
 * Series whose newest sample was in packs that are gone, and those that
 * never got one and were made before the store was opened.
 */
static int
phr_retain_series(phr_store_t *st, int64_t cutoff_ms, phr_err_t *err)
{
    int     rc;
    size_t  n, ngroups;

    n = 0;
    rc = PHR_OK;

    for (ngroups = 0; ngroups < PHR_RETAIN_GROUPS && rc == PHR_OK
                      && n < PHR_RETAIN_SERIES; ngroups++)
    {
        if (st->expire_group > phr_group_of(st->next.sid)) {
            break;
        }

        rc = phr_retain_group(st, st->expire_group, cutoff_ms, &n, err);
        st->expire_group++;
    }

    if (rc == PHR_OK && n > 0) {
        rc = phr_index_flush(st, 1, err);
    }

    return rc;
}


static int
phr_retain_group(phr_store_t *st, uint32_t number, int64_t cutoff_ms,
    size_t *nexpired, phr_err_t *err)
{
    int           rc;
    size_t        i;
    int64_t       limit;
    phr_sid_t     sid;
    phr_group_t  *g;

    rc = phr_group_get(st, number, &g, err);
    if (rc != PHR_OK || g == NULL) {
        return rc;
    }

    /* a sample before it is in a window that was dropped as a whole */
    limit = cutoff_ms - 2 * PHR_WINDOW_MS;

    for (i = 0; i < PHR_GROUP_SIZE; i++) {
        sid = (number << PHR_GROUP_SHIFT) + (phr_sid_t) i;

        if (g->last[i] == PHR_LAST_NONE
            || (g->last[i] == PHR_LAST_EMPTY && sid >= st->first_sid)
            || (g->last[i] != PHR_LAST_EMPTY && g->last[i] >= limit))
        {
            continue;
        }

        rc = phr_series_remove(st, sid, err);
        if (rc < 0) {
            return rc;
        }

        g->last[i] = PHR_LAST_NONE;
        ++*nexpired;

        rc = phr_group_touch(st, number, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}
