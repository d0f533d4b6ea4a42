/*
 * Copyright (C) The Pharos Authors
 *
 * Find: where there is something to make buckets of, as keys tell: what they
 * name may turn out to be empty.
 */

#include "store/coarse_make.h"

#include "store/block.h"
#include "store/kv.h"


static int phr_coarse_find_packs(phr_txn_t *txn, int64_t from_ms,
    int64_t to_ms, uint32_t group, phr_sid_t *found, phr_err_t *err);
static int phr_coarse_find_buckets(phr_txn_t *txn, int source,
    int64_t from_ms, int64_t to_ms, phr_sid_t sid, phr_sid_t *found,
    phr_err_t *err);
static int phr_coarse_marked_ms(phr_txn_t *txn, int res, int64_t *t_ms,
    phr_err_t *err);


int
phr_coarse_source(const phr_store_conf_t *conf, int res)
{
    return res == PHR_COARSE_1H && conf->coarse[PHR_COARSE_5M].after_ms != 0
           ? PHR_COARSE_5M : PHR_STORE_COARSE;
}


/* the block of the oldest sample; PHR_NOTFOUND if there is none */
int
phr_coarse_begin(phr_store_t *st, phr_txn_t *txn, int res, int64_t *start_ms,
    phr_err_t *err)
{
    int            rc, level, of, source, found;
    int32_t        window;
    int64_t        t_ms, oldest, gone_ms;
    uint8_t        key[PHR_KEY_COARSE];
    uint32_t       sid;
    phr_str_t      k, v, body;
    phr_window_t   w;
    phr_cursor_t  *cursor;

    source = phr_coarse_source(&st->conf, res);
    found = 0;
    oldest = PHR_KEY_TIME_MAX;

    rc = phr_cursor_open(txn, source == PHR_STORE_COARSE ? PHR_DB_WINDOW
                                                         : PHR_DB_COARSE,
                         &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (source != PHR_STORE_COARSE) {
        memset(key, 0, sizeof(key));
        key[0] = (uint8_t) source;

        rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

        if (rc == PHR_OK && phr_key_coarse_get(k, 0, source, &t_ms, &sid)) {
            oldest = t_ms + 1;
            found = 1;
        }
    }

    for (level = 0; source == PHR_STORE_COARSE && level < PHR_NLEVELS
                    && rc >= 0; level++)
    {
        phr_key_window(key, level, INT32_MIN);
        rc = phr_cursor_seek(cursor, key, PHR_KEY_WINDOW, &k, &v, err);

        if (rc == PHR_OK && phr_key_window_get(k, &of, &window)
            && of == level
            && phr_record_check(PHR_DB_WINDOW, k, v, &body, NULL) == PHR_OK
            && phr_window_decode(body, &w) == PHR_OK)
        {
            oldest = phr_min(oldest, w.min_ms);
            found = 1;
        }
    }

    phr_cursor_close(cursor);

    if (rc < 0 || !found) {
        return rc < 0 ? rc : PHR_NOTFOUND;
    }

    rc = phr_coarse_gone_get(txn, &gone_ms, err);

    if (rc == PHR_OK) {
        oldest = phr_max(oldest, phr_max(gone_ms, 0));
        *start_ms = phr_coarse_block(res, oldest);
    }

    return rc;
}


int
phr_coarse_gone_get(phr_txn_t *txn, int64_t *t_ms, phr_err_t *err)
{
    int        rc;
    phr_buf_t  b;

    *t_ms = PHR_TIME_MIN;
    phr_buf_init(&b, 0);

    rc = phr_kv_get(txn, PHR_KV_DROPPED, phr_str_of("samples"), &b, err);

    if (rc == PHR_OK && b.len == 8) {
        *t_ms = phr_key_get_time((const uint8_t *) b.data);
    }

    phr_buf_free(&b);

    return rc < 0 ? rc : PHR_OK;
}


int
phr_coarse_gone_put(phr_txn_t *txn, int64_t t_ms, phr_err_t *err)
{
    int      rc;
    int64_t  before_ms;

    rc = phr_coarse_gone_get(txn, &before_ms, err);

    return rc == PHR_OK && t_ms > before_ms
           ? phr_coarse_gone_set(txn, t_ms, err) : rc;
}


int
phr_coarse_gone_set(phr_txn_t *txn, int64_t t_ms, phr_err_t *err)
{
    char  value[8];

    phr_key_put_time((uint8_t *) value, t_ms);

    return phr_kv_put(txn, PHR_KV_DROPPED, phr_str_of("samples"),
                      phr_str_from(value, sizeof(value)), err);
}


int
phr_coarse_needed(phr_store_t *st, phr_txn_t *txn, int64_t *t_ms,
    phr_err_t *err)
{
    int        rc, res;
    int64_t    next_ms;
    phr_sid_t  sid;

    *t_ms = PHR_TIME_MAX;

    for (res = 0; res < PHR_STORE_COARSE; res++) {

        if (st->conf.coarse[res].after_ms == 0
            || phr_coarse_source(&st->conf, res) != PHR_STORE_COARSE)
        {
            continue;
        }

        rc = phr_coarse_next_get(txn, res, &next_ms, &sid, err);
        if (rc < 0) {
            return rc;
        }

        *t_ms = phr_min(*t_ms, rc == PHR_OK ? next_ms : PHR_TIME_MIN);

        rc = phr_coarse_marked_ms(txn, res, &next_ms, err);
        if (rc < 0) {
            return rc;
        }

        if (rc == PHR_OK) {
            *t_ms = phr_min(*t_ms, next_ms);
        }
    }

    return PHR_OK;
}


/* the first block that is to be made anew, or PHR_NOTFOUND */
static int
phr_coarse_marked_ms(phr_txn_t *txn, int res, int64_t *t_ms, phr_err_t *err)
{
    int            rc;
    uint8_t        key;
    uint32_t       group;
    phr_str_t      k, v;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(txn, PHR_DB_COARSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    key = (uint8_t) (PHR_COARSE_MARK | res);
    rc = phr_cursor_seek(cursor, &key, 1, &k, &v, err);

    if (rc == PHR_OK
        && !phr_key_coarse_get(k, PHR_COARSE_MARK, res, t_ms, &group))
    {
        rc = PHR_NOTFOUND;
    }

    phr_cursor_close(cursor);

    return rc;
}


/* the next series from *sid on that may have something in the block */
int
phr_coarse_find(phr_txn_t *txn, int source, int res, int64_t start_ms,
    phr_sid_t *sid, phr_err_t *err)
{
    int        rc;
    int64_t    to_ms;
    phr_sid_t  found;

    to_ms = start_ms + phr_coarse_span(res);
    found = 0;

    rc = source == PHR_STORE_COARSE
         ? phr_coarse_find_packs(txn, start_ms, to_ms, phr_group_of(*sid),
                                 &found, err)
         : phr_coarse_find_buckets(txn, source, start_ms, to_ms, *sid,
                                   &found, err);

    if (rc == PHR_OK) {
        /* of packs only the group is known */
        *sid = phr_max(*sid, found);
    }

    return rc;
}


static int
phr_coarse_find_packs(phr_txn_t *txn, int64_t from_ms, int64_t to_ms,
    uint32_t group, phr_sid_t *found, phr_err_t *err)
{
    int             rc, level;
    int32_t         window;
    uint8_t         key[PHR_KEY_WINDOW + 4];
    uint32_t        lowest;
    phr_str_t       k, v;
    phr_cursor_t   *cursor;
    phr_pack_key_t  p;

    rc = phr_cursor_open(txn, PHR_DB_PACK, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    lowest = UINT32_MAX;

    for (level = 0; level < PHR_NLEVELS && rc >= 0; level++) {
        window = phr_window_of(level, from_ms) - 1;

        while (rc >= 0 && window <= phr_window_of(level, to_ms)) {
            phr_key_window(key, level, window);
            phr_put_be32(key + PHR_KEY_WINDOW, group << PHR_GROUP_SHIFT);

            rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

            if (rc != PHR_OK || !phr_key_pack_get(k, &p) || p.level != level)
            {
                break;
            }

            if (p.window == window) {
                lowest = phr_min(lowest, phr_group_of(p.first));
                window++;

            } else {
                /* the same window again, or the next that there is */
                window = phr_max(window + 1, p.window);
            }
        }
    }

    phr_cursor_close(cursor);

    if (rc < 0 || lowest == UINT32_MAX) {
        return rc < 0 ? rc : PHR_NOTFOUND;
    }

    *found = lowest << PHR_GROUP_SHIFT;

    return PHR_OK;
}


static int
phr_coarse_find_buckets(phr_txn_t *txn, int source, int64_t from_ms,
    int64_t to_ms, phr_sid_t sid, phr_sid_t *found, phr_err_t *err)
{
    int            rc;
    int64_t        t_ms, start_ms;
    uint8_t        key[PHR_KEY_COARSE];
    phr_str_t      k, v;
    phr_sid_t      first, lowest;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(txn, PHR_DB_COARSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    lowest = UINT32_MAX;

    for (t_ms = from_ms; t_ms < to_ms && rc >= 0;
         t_ms += phr_coarse_span(source))
    {
        phr_key_coarse(key, 0, t_ms, source, sid);
        rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

        if (rc == PHR_OK && phr_key_coarse_get(k, 0, source, &start_ms,
                                               &first)
            && start_ms == t_ms)
        {
            lowest = phr_min(lowest, first);
        }
    }

    phr_cursor_close(cursor);

    if (rc < 0 || lowest == UINT32_MAX) {
        return rc < 0 ? rc : PHR_NOTFOUND;
    }

    *found = lowest;

    return PHR_OK;
}


/* PHR_OK if the source has anything later, as far as keys tell */
int
phr_coarse_any_later(phr_txn_t *txn, int source, int64_t t_ms,
    phr_err_t *err)
{
    int            rc, level;
    int64_t        start_ms;
    uint8_t        key[PHR_KEY_COARSE];
    uint32_t       sid;
    phr_str_t      k, v;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(txn, source == PHR_STORE_COARSE ? PHR_DB_PACK
                                                         : PHR_DB_COARSE,
                         &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (source != PHR_STORE_COARSE) {
        phr_key_coarse(key, 0, t_ms, source, 0);
        rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

        if (rc == PHR_OK
            && !phr_key_coarse_get(k, 0, source, &start_ms, &sid))
        {
            rc = PHR_NOTFOUND;
        }
    }

    for (level = 0; source == PHR_STORE_COARSE && level < PHR_NLEVELS;
         level++)
    {
        phr_key_window(key, level, phr_window_of(level, t_ms));
        rc = phr_cursor_seek(cursor, key, PHR_KEY_WINDOW, &k, &v, err);

        if (rc < 0 || (rc == PHR_OK && k.len == PHR_KEY_PACK
                       && (uint8_t) k.data[0] == level))
        {
            break;
        }

        rc = PHR_NOTFOUND;
    }

    phr_cursor_close(cursor);

    return rc;
}
