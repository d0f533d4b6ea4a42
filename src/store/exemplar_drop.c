/*
 * Copyright (C) The Pharos Authors
 *
 * Exemplar, dropped: what is older than anything that is kept, and what is
 * deleted by series.  Numbers of the others change little or not at all, so
 * the ring may keep a few more than it has room for, never fewer.
 */

#include "store/exemplar.h"


/* in a step */
#define PHR_EXEMPLAR_DROPS   128
#define PHR_EXEMPLAR_READS   256


static int phr_exemplar_record(phr_exemplar_delete_t *d, phr_str_t key,
    phr_str_t value, uint8_t *out, size_t *len, phr_err_t *err);


int
phr_exemplar_expire(phr_store_t *st, int *changed, phr_err_t *err)
{
    int                   rc;
    size_t                n;
    uint64_t              first;
    phr_str_t             k, v;
    phr_cursor_t         *cursor;
    phr_exemplar_walk_t   w;

    rc = phr_cursor_open(st->txn, PHR_DB_EXEMPLAR, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_cursor_first(cursor, &k, &v, err);

    for (n = 0; rc == PHR_OK; n++) {
        rc = phr_exemplar_read(k, v, &first, &w, err);

        if (rc != PHR_OK
            || (st->max_exemplars != 0 && w.max_ms >= st->keep.low_ms))
        {
            break;
        }

        if (n == PHR_EXEMPLAR_DROPS) {
            phr_cursor_close(cursor);
            return PHR_AGAIN;
        }

        /* it may be the one that is open */

        phr_exemplar_forget(st);
        *changed = 1;

        rc = phr_cursor_del(cursor, err);
        if (rc == PHR_OK) {
            rc = phr_cursor_next(cursor, &k, &v, err);
        }
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


int
phr_exemplar_delete_step(phr_exemplar_delete_t *d, phr_err_t *err)
{
    int            rc;
    size_t         n, len = 0;
    uint8_t        key[PHR_KEY_EXEMPLAR];
    uint8_t        value[PHR_VALUE_MAX + PHR_EXEMPLAR_BOUND];
    phr_str_t      k, v;
    phr_cursor_t  *cursor;

    rc = phr_exemplar_flush(d->st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_exemplar_forget(d->st);

    rc = phr_cursor_open(d->st->txn, PHR_DB_EXEMPLAR, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (n = 0; n < PHR_EXEMPLAR_READS; n++) {
        phr_put_be64(key, d->number);

        rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);
        if (rc != PHR_OK) {
            break;
        }

        rc = phr_exemplar_record(d, k, v, value, &len, err);
        if (rc < 0) {
            break;
        }

        if (rc == PHR_DONE) {
            continue;
        }

        phr_put_be64(key, d->number - 1);

        if (len == 0) {
            rc = phr_cursor_del(cursor, err);

        } else {
            rc = phr_record_put(d->st->txn, PHR_DB_EXEMPLAR, key,
                                sizeof(key), value, len, err);
        }

        if (rc != PHR_OK) {
            break;
        }
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : rc == PHR_NOTFOUND ? PHR_OK : PHR_AGAIN;
}


/*
 * The record without what goes, *len 0 if that is all of it; PHR_DONE if it
 * stays as it is.  d->number is that of the next.  It cannot grow: what an
 * exemplar shared with one that goes, that one had written out.
 */
static int
phr_exemplar_record(phr_exemplar_delete_t *d, phr_str_t key, phr_str_t value,
    uint8_t *out, size_t *len, phr_err_t *err)
{
    int                   rc;
    size_t                n;
    int64_t               min_ms, max_ms;
    uint64_t              first;
    phr_exemplar_at_t     last;
    phr_exemplar_walk_t   w;

    rc = phr_exemplar_read(key, value, &first, &w, err);
    if (rc != PHR_OK) {
        return rc;
    }

    d->number = first + 1;

    if (w.max_ms < d->min_ms || w.min_ms > d->max_ms) {
        return PHR_DONE;
    }

    memset(&last, 0, sizeof(last));
    *len = PHR_CRC_SIZE + PHR_EXEMPLAR_HEAD;
    n = 0;
    min_ms = INT64_MAX;
    max_ms = INT64_MIN;

    while ((rc = phr_exemplar_next(&w)) == PHR_OK) {

        if (w.at.t_ms >= d->min_ms && w.at.t_ms <= d->max_ms
            && d->any(d->data, w.at.sid, w.at.sid))
        {
            continue;
        }

        *len += phr_exemplar_encode(out + *len, &last, &w.at);
        last = w.at;

        if (*len > phr_txn_room(d->st->txn)) {
            rc = PHR_ECORRUPT;
            break;
        }

        n++;
        min_ms = phr_min(min_ms, w.at.t_ms);
        max_ms = phr_max(max_ms, w.at.t_ms);
    }

    if (rc != PHR_DONE) {
        return phr_err_set(err, PHR_ECORRUPT, "damaged exemplars from number "
                           "%llu on", (unsigned long long) first);
    }

    if (n == w.n) {
        return PHR_DONE;
    }

    phr_exemplar_head_put(out + PHR_CRC_SIZE, n, min_ms, max_ms);

    if (n == 0) {
        *len = 0;
    }

    return PHR_OK;
}
