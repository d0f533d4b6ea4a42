/*
 * Copyright (C) The Pharos Authors
 *
 * Retain: see retain.h.
 */

#include "store/retain.h"

#include "store/keep.h"
#include "store/repack.h"


/* in a step: keys looked at, packs dropped, packs read */
#define PHR_RETAIN_VISITS   4096
#define PHR_RETAIN_DROPS    256
#define PHR_RETAIN_READS    64


/* what to do with a pack */
typedef enum {
    PHR_RETAIN_LEAVE = 0,
    PHR_RETAIN_DROP,
    PHR_RETAIN_READ
} phr_retain_e;


static phr_retain_e phr_retain_judge(const phr_retain_t *r,
    const phr_pack_key_t *key);
static int phr_retain_range(void *data, phr_sid_t sid, int64_t *from_ms,
    int64_t *to_ms, phr_err_t *err);


int
phr_retain_packs(phr_store_t *st, int *changed, phr_err_t *err)
{
    int              rc, more;
    size_t           i, n, nvisits, nreads;
    uint8_t          from[PHR_KEY_PACK];
    int32_t          first, last;
    phr_str_t        k, v;
    phr_retain_t    *r;
    phr_cursor_t    *cursor;
    phr_retain_e     what, todo[PHR_RETAIN_DROPS];
    phr_pack_key_t   key, keys[PHR_RETAIN_DROPS];
    phr_repack_t     pack;

    r = &st->retain;

    first = r->from_ms == PHR_TIME_MIN
            ? INT32_MIN : phr_window_of(r->level, r->from_ms) - 1;
    last = phr_window_of(r->level, r->to_ms);

    rc = phr_cursor_open(st->txn, PHR_DB_PACK, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (r->resume) {
        rc = phr_cursor_seek(cursor, r->key, sizeof(r->key), &k, &v, err);

    } else {
        phr_key_window(from, r->level, first);
        rc = phr_cursor_seek(cursor, from, PHR_KEY_WINDOW, &k, &v, err);
    }

    n = 0;
    more = 0;
    nreads = 0;

    for (nvisits = 0; rc == PHR_OK; nvisits++) {

        if (!phr_key_pack_get(k, &key)) {
            rc = phr_err_set(err, PHR_ECORRUPT, "key of %zu bytes in "
                             "\"pack\"", k.len);
            break;
        }

        if (key.level != r->level || key.window > last) {
            break;
        }

        if (nvisits == PHR_RETAIN_VISITS || n == PHR_RETAIN_DROPS
            || nreads == PHR_RETAIN_READS)
        {
            memcpy(r->key, k.data, sizeof(r->key));
            more = 1;
            break;
        }

        what = phr_retain_judge(r, &key);

        if (what != PHR_RETAIN_LEAVE) {
            nreads += (what == PHR_RETAIN_READ);
            todo[n] = what;
            keys[n++] = key;
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    phr_repack_init(&pack, st, phr_retain_range, st);

    for (i = 0; rc >= 0 && i < n; i++) {
        rc = todo[i] == PHR_RETAIN_DROP
             ? phr_repack_drop(&pack, &keys[i], err)
             : phr_repack_without(&pack, &keys[i], err);
    }

    rc = phr_repack_end(&pack, rc, err);
    *changed |= pack.changed;

    if (rc < 0) {
        return rc;
    }

    r->resume = (uint8_t) more;

    return more ? PHR_AGAIN : PHR_OK;
}


static phr_retain_e
phr_retain_judge(const phr_retain_t *r, const phr_pack_key_t *key)
{
    size_t   g;
    int64_t  min_ms, max_ms, old_ms;

    min_ms = phr_pack_key_min(key);
    max_ms = phr_pack_key_max(key);

    if (key->level == PHR_LEVEL_STARTS) {
        /* they hold up to there */
        max_ms = phr_window_start(key->level, key->window + 1) - 1;
    }

    if (max_ms < r->keep.low_ms) {
        return PHR_RETAIN_DROP;
    }

    if (key->seal >= r->seal) {
        return PHR_RETAIN_LEAVE;
    }

    if (max_ms >= r->to_ms) {
        /* some of it may be too old: is it worth the work */

        old_ms = r->to_ms - min_ms;

        if (r->level == 0 || r->level == PHR_LEVEL_STARTS
            || (old_ms < max_ms - r->to_ms
                && (r->worn_ms == 0 || old_ms < r->worn_ms)))
        {
            return PHR_RETAIN_LEAVE;
        }

    } else if (max_ms < r->from_ms) {
        return PHR_RETAIN_LEAVE;
    }

    g = phr_group_of(key->first);

    if (r->member != NULL
        && (g >= r->nmember || !(r->member[g / 8] >> (g & 7) & 1)))
    {
        return PHR_RETAIN_LEAVE;
    }

    return PHR_RETAIN_READ;
}


/* all before the floor of the series */
static int
phr_retain_range(void *data, phr_sid_t sid, int64_t *from_ms, int64_t *to_ms,
    phr_err_t *err)
{
    int           rc;
    int64_t       floor_ms;
    phr_store_t  *st = data;

    rc = phr_keep_series(&st->retain.keep, st->txn, sid, st->scratch,
                         &floor_ms, err);
    if (rc < 0) {
        return rc;
    }

    *from_ms = INT64_MIN;

    /* of a series that expired everything */
    *to_ms = rc == PHR_NOTFOUND ? INT64_MAX
             : phr_max(floor_ms, PHR_KEY_TIME_MIN) - 1;

    return PHR_OK;
}
