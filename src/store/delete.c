/*
 * Copyright (C) The Pharos Authors
 *
 * Delete: samples of some series in a range of time are taken out of the
 * store for good.  There are no tombstones: the sources that have rows of
 * the series are sealed, so that all samples are in packs (or would be in
 * the next row), and those packs are written anew without them.  A step is
 * bounded work in the pending transaction; queries see each one when it is
 * committed, and the caller has its answer after the last.  Series that
 * have lost everything leave the index as well.
 */

#include <stdlib.h>

#include "core/alloc.h"
#include "store/change.h"
#include "store/coarse_delete.h"
#include "store/exemplar.h"
#include "store/index.h"
#include "store/internal.h"
#include "store/loose.h"
#include "store/repack.h"
#include "store/seal.h"
#include "store/series.h"
#include "store/source.h"


/* in a step */
#define PHR_DELETE_VISITS   4096
#define PHR_DELETE_PACKS    64
#define PHR_DELETE_SOURCES  256
#define PHR_DELETE_GROUPS   64
#define PHR_DELETE_SERIES   512


/* ORDER DELETE */
typedef enum {
    PHR_DELETE_ROWS = 0,
    PHR_DELETE_LOOSE,
    PHR_DELETE_PACKED,
    PHR_DELETE_BUCKETS,
    PHR_DELETE_EXEMPLARS,
    PHR_DELETE_LAST,
    PHR_DELETE_DONE
} phr_delete_e;


struct phr_store_delete_s {
    phr_store_t   *st;
    phr_array_t    sids;        /* of phr_sid_t; sorted once steps begin */
    int64_t        min_ms, max_ms;

    phr_delete_e   stage;
    unsigned       sorted:1;
    unsigned       resume:1;    /* key is where to go on */
    int            level;
    size_t         at;          /* source, or place in sids */
    uint8_t        key[PHR_KEY_PACK];

    phr_coarse_delete_t    buckets;
    phr_exemplar_delete_t  exemplars;
};


static void phr_delete_sort(phr_store_delete_t *d);
static int phr_delete_cmp(const void *a, const void *b);
static size_t phr_delete_find(const phr_store_delete_t *d, phr_sid_t sid);
static int phr_delete_begin(phr_store_t *st, phr_err_t *err);
static int phr_delete_stage(phr_store_delete_t *d, phr_err_t *err);
static int phr_delete_rows(phr_store_delete_t *d, phr_err_t *err);
static int phr_delete_has(phr_store_delete_t *d, const phr_source_t *src,
    phr_err_t *err);
static int phr_delete_loose(phr_store_delete_t *d, phr_err_t *err);
static int phr_delete_packed(phr_store_delete_t *d, phr_err_t *err);
static int phr_delete_wanted(phr_store_delete_t *d,
    const phr_pack_key_t *key);
static int phr_delete_range(void *data, phr_sid_t sid, int64_t *from_ms,
    int64_t *to_ms, phr_err_t *err);
static int phr_delete_any(void *data, phr_sid_t first, phr_sid_t last);
static int phr_delete_last(phr_store_delete_t *d, phr_err_t *err);
static int phr_delete_oldest(phr_store_delete_t *d, phr_err_t *err);
static int phr_delete_older_rows(phr_store_delete_t *d, phr_err_t *err);
static int phr_delete_empty(phr_store_delete_t *d, phr_sid_t sid,
    phr_err_t *err);
static int phr_delete_older(phr_store_delete_t *d, phr_sid_t sid,
    phr_err_t *err);


#define phr_delete_sid(d, i)  (*phr_array_get(&(d)->sids, phr_sid_t, i))


int
phr_store_delete_open(phr_store_t *st, int64_t min_ms, int64_t max_ms,
    phr_store_delete_t **del, phr_err_t *err)
{
    phr_store_delete_t  *d;

    d = phr_calloc(1, sizeof(phr_store_delete_t));
    if (d == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    d->st = st;
    d->min_ms = phr_max(min_ms, PHR_KEY_TIME_MIN);
    d->max_ms = phr_min(max_ms, PHR_KEY_TIME_MAX);
    d->level = PHR_NLEVELS_ALL - 1;

    d->buckets.st = st;
    d->buckets.min_ms = d->min_ms;
    d->buckets.max_ms = d->max_ms;
    d->buckets.any = phr_delete_any;
    d->buckets.data = d;

    d->exemplars.st = st;
    d->exemplars.min_ms = d->min_ms;
    d->exemplars.max_ms = d->max_ms;
    d->exemplars.any = phr_delete_any;
    d->exemplars.data = d;

    phr_array_init(&d->sids, sizeof(phr_sid_t));

    *del = d;

    return PHR_OK;
}


void
phr_store_delete_close(phr_store_delete_t *del)
{
    if (del != NULL) {
        phr_array_free(&del->sids);
        phr_free(del);
    }
}


int
phr_store_delete_add(phr_store_delete_t *del, const phr_matcher_t *m,
    size_t n, phr_err_t *err)
{
    int           rc;
    void         *p;
    phr_txn_t    *txn;
    phr_sids_t    sids;
    phr_arena_t  *arena;

    arena = phr_arena_create(0);
    if (arena == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    rc = phr_txn_begin(del->st->env, 0, &txn, err);

    if (rc == PHR_OK) {
        rc = phr_index_select(txn, m, n, NULL, arena, &sids, err);

        if (rc == PHR_OK && sids.n > 0) {
            p = phr_array_push_n(&del->sids, sids.n);

            if (p == NULL) {
                rc = phr_err_set(err, PHR_ENOMEM, "no memory");

            } else {
                memcpy(p, sids.v, sids.n * sizeof(phr_sid_t));
            }
        }

        phr_txn_abort(txn);
    }

    phr_arena_destroy(arena);

    return rc;
}


static void
phr_delete_sort(phr_store_delete_t *d)
{
    size_t      i, n;
    phr_sid_t  *sid;

    d->sorted = 1;

    if (d->sids.nelts < 2) {
        return;
    }

    sid = d->sids.elts;
    qsort(sid, d->sids.nelts, sizeof(phr_sid_t), phr_delete_cmp);

    for (i = 1, n = 1; i < d->sids.nelts; i++) {
        if (sid[i] != sid[n - 1]) {
            sid[n++] = sid[i];
        }
    }

    d->sids.nelts = n;
}


static int
phr_delete_cmp(const void *a, const void *b)
{
    phr_sid_t  x, y;

    x = *(const phr_sid_t *) a;
    y = *(const phr_sid_t *) b;

    return (x > y) - (x < y);
}


/* the place of the first that is not less */
static size_t
phr_delete_find(const phr_store_delete_t *d, phr_sid_t sid)
{
    size_t  low, high, mid;

    low = 0;
    high = d->sids.nelts;

    while (low < high) {
        mid = (low + high) / 2;

        if (phr_delete_sid(d, mid) < sid) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return low;
}


int
phr_store_delete_step(phr_store_delete_t *del, phr_err_t *err)
{
    int  rc;

    if (!del->sorted) {
        phr_delete_sort(del);
    }

    if (del->sids.nelts == 0 || del->min_ms > del->max_ms
        || del->stage == PHR_DELETE_DONE)
    {
        return PHR_OK;
    }

    rc = phr_delete_begin(del->st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_change_note(del->st, del->min_ms);

    rc = phr_delete_stage(del, err);

    if (rc < 0) {
        /* what was changed half-way must not be committed */
        del->st->failed = rc;
        return rc;
    }

    if (rc == PHR_OK) {
        del->stage++;
        del->at = 0;
    }

    return del->stage == PHR_DELETE_DONE ? PHR_OK : PHR_AGAIN;
}


/* as for an append, but that a full store is no reason to keep everything */
static int
phr_delete_begin(phr_store_t *st, phr_err_t *err)
{
    int  rc;

    if (st->failed) {
        return phr_err_set(err, st->failed, "an earlier write of this "
                           "commit failed");
    }

    if (st->txn != NULL) {
        return PHR_OK;
    }

    rc = phr_txn_begin(st->env, 1, &st->txn, err);

    if (rc == PHR_OK) {
        rc = phr_store_warm(st, err);

        if (rc != PHR_OK) {
            phr_txn_abort(st->txn);
            st->txn = NULL;
            phr_store_forget(st);
        }
    }

    return rc;
}


static int
phr_delete_stage(phr_store_delete_t *d, phr_err_t *err)
{
    switch (d->stage) {

    case PHR_DELETE_ROWS:
        return phr_delete_rows(d, err);

    case PHR_DELETE_LOOSE:
        return phr_delete_loose(d, err);

    case PHR_DELETE_PACKED:
        return phr_delete_packed(d, err);

    case PHR_DELETE_BUCKETS:
        return phr_coarse_delete_step(&d->buckets, err);

    case PHR_DELETE_EXEMPLARS:
        return phr_exemplar_delete_step(&d->exemplars, err);

    default:
        return phr_delete_last(d, err);
    }
}


/* PHR_AGAIN: not all sources were looked at, or the last has more rows */
static int
phr_delete_rows(phr_store_delete_t *d, phr_err_t *err)
{
    int            rc;
    size_t         n;
    uint32_t       before;
    phr_source_t  *src;

    for (n = 0; d->at < d->st->sources.nelts; n++) {

        if (n == PHR_DELETE_SOURCES) {
            return PHR_AGAIN;
        }

        src = *phr_slot(&d->st->sources, d->at);

        rc = src != NULL && src->nrows > 0 ? phr_delete_has(d, src, err)
                                           : PHR_NOTFOUND;
        if (rc < 0) {
            return rc;
        }

        if (rc == PHR_NOTFOUND) {
            d->at++;
            continue;
        }

        before = src->nrows;
        rc = phr_seal_rows(d->st, src, err);

        if (rc < 0) {
            return rc;
        }

        /* what a step leaves is less, or a part of a wide row */

        if (src->nrows == 0 || (src->nrows >= before && !src->partial)) {
            d->at++;
        }

        return PHR_AGAIN;
    }

    return PHR_OK;
}


/*
 * PHR_OK if a layout of the source may have one of the series, or another of
 * their groups: the loose samples of a group hold beside rows, and would not
 * if they were packed before these.
 */
static int
phr_delete_has(phr_store_delete_t *d, const phr_source_t *src,
    phr_err_t *err)
{
    int            rc;
    uint8_t        key[PHR_KEY_HEAD];
    phr_str_t      k, v, body;
    phr_head_t     h;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(d->st->txn, PHR_DB_HEAD, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_put_be32(key, src->id);
    phr_put_be32(key + 4, 0);

    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    while (rc == PHR_OK && k.len == sizeof(key)
           && memcmp(k.data, key, 4) == 0)
    {
        rc = phr_record_check(PHR_DB_HEAD, k, v, &body, err);
        if (rc != PHR_OK) {
            break;
        }

        if (phr_head_decode(k, body, &h) != PHR_OK) {
            rc = phr_err_set(err, PHR_ECORRUPT, "damaged head of a layout");
            break;
        }

        if (phr_delete_any(d, h.min_sid & ~(phr_sid_t) (PHR_GROUP_SIZE - 1),
                           h.max_sid | (PHR_GROUP_SIZE - 1)))
        {
            phr_cursor_close(cursor);
            return PHR_OK;
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_NOTFOUND;
}


static int
phr_delete_loose(phr_store_delete_t *d, phr_err_t *err)
{
    int           rc;
    size_t        n;
    uint32_t      number;
    phr_group_t  *g;

    for (n = 0; d->at < d->sids.nelts; n++) {

        if (n == PHR_DELETE_GROUPS) {
            return PHR_AGAIN;
        }

        number = phr_group_of(phr_delete_sid(d, d->at));

        rc = phr_group_get(d->st, number, &g, err);
        if (rc != PHR_OK) {
            return rc;
        }

        if (g != NULL && g->nloose > 0) {
            rc = phr_seal_loose(d->st, number, g, err);

            /* a large group takes more than one step */
            return rc < 0 ? rc : PHR_AGAIN;
        }

        d->at = phr_delete_find(d, (number + 1) << PHR_GROUP_SHIFT);
    }

    return PHR_OK;
}


/*
 * The longest first: a pack that is written anew, by whomever, may move to a
 * later window or a lower level, but never back.
 */
static int
phr_delete_packed(phr_store_delete_t *d, phr_err_t *err)
{
    int              rc, more;
    size_t           i, n, nvisits;
    uint8_t          from[PHR_KEY_PACK];
    phr_str_t        k, v;
    phr_cursor_t    *cursor;
    phr_repack_t     pack;
    phr_pack_key_t   key, keys[PHR_DELETE_PACKS];

    rc = phr_cursor_open(d->st->txn, PHR_DB_PACK, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (d->resume) {
        rc = phr_cursor_seek(cursor, d->key, sizeof(d->key), &k, &v, err);

    } else {
        phr_key_window(from, d->level,
                       phr_window_of(d->level, d->min_ms) - 1);
        rc = phr_cursor_seek(cursor, from, PHR_KEY_WINDOW, &k, &v, err);
    }

    n = 0;
    more = 0;

    for (nvisits = 0; rc == PHR_OK; nvisits++) {

        if (!phr_key_pack_get(k, &key)) {
            rc = phr_err_set(err, PHR_ECORRUPT, "key of %zu bytes in "
                             "\"pack\"", k.len);
            break;
        }

        if (key.level != d->level
            || key.window > phr_window_of(d->level, d->max_ms))
        {
            break;
        }

        if (nvisits == PHR_DELETE_VISITS || n == PHR_DELETE_PACKS) {
            memcpy(d->key, k.data, sizeof(d->key));
            more = 1;
            break;
        }

        if (phr_delete_wanted(d, &key)) {
            keys[n++] = key;
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    phr_repack_init(&pack, d->st, phr_delete_range, d);

    for (i = 0; rc >= 0 && i < n; i++) {
        rc = phr_repack_without(&pack, &keys[i], err);
    }

    rc = phr_repack_end(&pack, rc, err);
    if (rc < 0) {
        return rc;
    }

    d->resume = (unsigned) more;

    return more || d->level-- > 0 ? PHR_AGAIN : PHR_OK;
}


static int
phr_delete_wanted(phr_store_delete_t *d, const phr_pack_key_t *key)
{
    return phr_pack_key_max(key) >= d->min_ms
           && phr_pack_key_min(key) <= d->max_ms
           && phr_delete_any(d, key->first, key->first + key->span);
}


static int
phr_delete_any(void *data, phr_sid_t first, phr_sid_t last)
{
    size_t               i;
    phr_store_delete_t  *d = data;

    i = phr_delete_find(d, first);

    return i < d->sids.nelts && phr_delete_sid(d, i) <= last;
}


static int
phr_delete_range(void *data, phr_sid_t sid, int64_t *from_ms, int64_t *to_ms,
    phr_err_t *err)
{
    size_t               i;
    phr_store_delete_t  *d = data;

    i = phr_delete_find(d, sid);

    if (i < d->sids.nelts && phr_delete_sid(d, i) == sid) {
        *from_ms = d->min_ms;
        *to_ms = d->max_ms;

    } else {
        *from_ms = INT64_MAX;
        *to_ms = INT64_MIN;
    }

    return PHR_OK;
}


/* removes series that have nothing left, nor got anything meanwhile */
static int
phr_delete_last(phr_store_delete_t *d, phr_err_t *err)
{
    int     rc;
    size_t  n;

    rc = phr_delete_oldest(d, err);
    if (rc != PHR_OK) {
        return rc < 0 ? rc : PHR_OK;
    }

    /* adds and removals are not mixed between two flushes of the index */

    rc = phr_index_flush(d->st, 0, err);

    for (n = 0; rc == PHR_OK && n < PHR_DELETE_SERIES
         && d->at < d->sids.nelts; n++)
    {
        rc = phr_delete_empty(d, phr_delete_sid(d, d->at++), err);
    }

    if (rc == PHR_OK) {
        rc = phr_index_flush(d->st, 1, err);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    return d->at < d->sids.nelts ? PHR_AGAIN : PHR_OK;
}


/* PHR_NOTFOUND if there may be samples, or buckets, of before the range */
static int
phr_delete_oldest(phr_store_delete_t *d, phr_err_t *err)
{
    int            rc, i, of;
    int32_t        window;
    int64_t        t_ms;
    uint8_t        key[PHR_KEY_WINDOW];
    phr_str_t      k, v, body;
    phr_window_t   w;
    phr_cursor_t  *cursor;

    if (d->min_ms <= PHR_KEY_TIME_MIN) {
        return PHR_OK;
    }

    for (i = 0; i < PHR_STORE_COARSE; i++) {
        rc = phr_coarse_first(d->st->txn, i, &t_ms, err);

        if (rc < 0 || (rc == PHR_OK && t_ms < d->min_ms)) {
            return rc < 0 ? rc : PHR_NOTFOUND;
        }
    }

    rc = phr_delete_older_rows(d, err);
    if (rc != PHR_NOTFOUND) {
        return rc < 0 ? rc : PHR_NOTFOUND;
    }

    rc = phr_cursor_open(d->st->txn, PHR_DB_WINDOW, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    /* the first window of a level has its oldest samples */

    for (i = 0; i < PHR_NLEVELS && rc >= 0; i++) {
        phr_key_window(key, i, INT32_MIN);
        rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

        if (rc == PHR_OK && phr_key_window_get(k, &of, &window) && of == i
            && (phr_record_check(PHR_DB_WINDOW, k, v, &body, NULL) != PHR_OK
                || phr_window_decode(body, &w) != PHR_OK
                || w.min_ms < d->min_ms))
        {
            break;
        }
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : i < PHR_NLEVELS ? PHR_NOTFOUND : PHR_OK;
}


/* late rows may have come since all were sealed; PHR_NOTFOUND: none did */
static int
phr_delete_older_rows(phr_store_delete_t *d, phr_err_t *err)
{
    int             rc;
    size_t          i;
    uint8_t         key[4];
    phr_str_t       k, v;
    phr_cursor_t   *cursor;
    phr_source_t   *src;
    phr_row_key_t   row;

    rc = phr_cursor_open(d->st->txn, PHR_DB_ROW, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = PHR_NOTFOUND;

    for (i = 0; rc == PHR_NOTFOUND && i < d->st->sources.nelts; i++) {
        src = *phr_slot(&d->st->sources, i);

        if (src == NULL || src->nrows == 0) {
            continue;
        }

        phr_put_be32(key, src->id);
        rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

        if (rc == PHR_OK) {
            rc = phr_key_row_get(k, &row) && row.source == src->id
                 && row.t_ms < d->min_ms ? phr_delete_has(d, src, err)
                                         : PHR_NOTFOUND;
        }
    }

    phr_cursor_close(cursor);

    return rc;
}


static int
phr_delete_empty(phr_store_delete_t *d, phr_sid_t sid, phr_err_t *err)
{
    int           rc;
    int64_t      *last;
    uint32_t      number;
    phr_group_t  *g;

    number = phr_group_of(sid);

    rc = phr_group_get(d->st, number, &g, err);
    if (rc != PHR_OK || g == NULL) {
        return rc;
    }

    last = &g->last[sid & (PHR_GROUP_SIZE - 1)];

    if (*last <= PHR_LAST_EMPTY || *last > d->max_ms) {
        return PHR_OK;
    }

    if (g->nloose > 0 && d->min_ms > PHR_KEY_TIME_MIN) {
        rc = phr_delete_older(d, sid, err);
        if (rc != PHR_NOTFOUND) {
            return rc;
        }
    }

    rc = phr_series_remove(d->st, sid, err);
    if (rc < 0) {
        return rc;
    }

    *last = PHR_LAST_NONE;

    return phr_group_touch(d->st, number, err);
}


/* PHR_NOTFOUND if no loose sample of the series is before the range */
static int
phr_delete_older(phr_store_delete_t *d, phr_sid_t sid, phr_err_t *err)
{
    int                rc;
    size_t             i, n;
    phr_loose_t        s[PHR_LOOSE_MAX];
    phr_cursor_t      *cursor;
    phr_loose_walk_t   w;

    rc = phr_cursor_open(d->st->txn, PHR_DB_LOOSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (rc = phr_loose_first(&w, cursor, phr_group_of(sid), err);
         rc == PHR_OK; rc = phr_loose_next(&w, err))
    {
        if (w.head.min_ms >= d->min_ms) {
            continue;
        }

        rc = phr_loose_samples(&w, NULL, s, &n, err);
        if (rc != PHR_OK) {
            break;
        }

        for (i = 0; i < n && (s[i].sid != sid || s[i].t_ms >= d->min_ms);
             i++)
        {
            /* void */
        }

        if (i < n) {
            break;
        }
    }

    phr_cursor_close(cursor);

    return rc;
}
