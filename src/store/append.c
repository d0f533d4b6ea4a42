/*
 * Copyright (C) The Pharos Authors
 *
 * Append: which samples are taken, and what becomes of them.
 *
 * A sample newer than all of its series is taken at once: that is known from
 * memory.  The others are looked up together, after the new ones were
 * written, see append_late.c.
 */

#include "store/append.h"

#include <stdlib.h>

#include "store/append_impl.h"
#include "store/change.h"
#include "store/coarse_make.h"
#include "store/exemplar.h"
#include "store/hist_chunk.h"
#include "store/hist_list.h"
#include "store/keep.h"
#include "store/kv.h"
#include "store/newest.h"
#include "store/loose.h"
#include "store/row.h"
#include "store/series.h"
#include "store/start.h"
#include "store/text.h"


#define PHR_SOURCE_NAME  2048


static int phr_append_source(phr_appender_t *app, phr_str_t name,
    uint32_t *id, phr_err_t *err);
static int phr_append_series(phr_appender_t *app, phr_labels_t ls,
    phr_sid_t *sid, phr_err_t *err);
static int phr_append_batch(phr_appender_t *app, const phr_batch_t *b,
    phr_err_t *err);
static int phr_append_put(phr_appender_t *app, char space, phr_str_t key,
    phr_str_t value, phr_err_t *err);
static int phr_append_del(phr_appender_t *app, char space, phr_str_t key,
    phr_err_t *err);
static int phr_append_each(phr_appender_t *app, char space,
    phr_str_t prefix,
    int (*visit)(void *data, phr_str_t key, phr_str_t value), void *data,
    phr_err_t *err);
static int phr_append_newest(phr_appender_t *app, uint32_t source,
    int64_t min_ms, int64_t max_ms, int (*visit)(void *data, phr_sid_t sid),
    void *data, phr_err_t *err);
static int phr_append_find(phr_appender_t *app, phr_labels_t ls,
    phr_sid_t *sid, phr_err_t *err);
static int phr_source_find(phr_store_t *st, phr_str_t name, uint32_t *id,
    phr_err_t *err);
static int phr_append_sort_out(phr_store_t *st, const phr_batch_t *b,
    int8_t *status, size_t *ngood, size_t *nlate, phr_err_t *err);
static int phr_append_write(phr_store_t *st, phr_source_t *src,
    const phr_batch_t *b, const int8_t *status, int8_t which, size_t n,
    phr_err_t *err);
static int phr_append_loose(phr_store_t *st, const phr_batch_t *b,
    const int8_t *status, int8_t which, int hists, size_t n, phr_err_t *err);
static int phr_append_row(phr_store_t *st, phr_source_t *src,
    const phr_batch_t *b, const int8_t *status, int8_t which, size_t n,
    phr_err_t *err);
static int phr_append_note(phr_store_t *st, const phr_batch_t *b,
    const int8_t *status, int8_t which, phr_err_t *err);
static int phr_append_late_starts(phr_store_t *st, const phr_batch_t *b,
    const int8_t *status, phr_err_t *err);
static void phr_append_count(phr_store_t *st, const phr_batch_t *b,
    int8_t *status);
static int phr_fail(phr_store_t *st, int rc);


const phr_appender_ops_t  phr_store_appender_ops = {
    phr_append_source,
    phr_append_series,
    phr_append_batch,
    phr_append_put,
    phr_append_del,
    phr_append_each,
    phr_append_newest,
    phr_append_find,
    phr_exemplar_append
};

#define phr_store_of(app)  (((phr_store_appender_t *) (app))->st)


/* a transaction that failed half-way can only be given up */
static int
phr_fail(phr_store_t *st, int rc)
{
    if (rc < 0 && rc != PHR_ELIMIT && rc != PHR_ELABELS
        && rc != PHR_ENOTFOUND)
    {
        st->failed = rc;
    }

    return rc;
}


static int
phr_append_source(phr_appender_t *app, phr_str_t name, uint32_t *id,
    phr_err_t *err)
{
    int           rc;
    void         *known;
    uint8_t       key[PHR_KEY_HASH], value[PHR_CRC_SIZE + PHR_SOURCE_NAME];
    uint32_t      new_id = 0;
    phr_store_t  *st;

    st = phr_store_of(app);

    known = phr_map_get(st->names, name);
    if (known != NULL) {
        *id = (uint32_t) (uintptr_t) known;
        return PHR_OK;
    }

    if (name.len > PHR_SOURCE_NAME) {
        return phr_err_set(err, PHR_ELIMIT, "name of a source of %zu bytes",
                           name.len);
    }

    rc = phr_store_write(st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_source_find(st, name, &new_id, err);
    if (rc < 0) {
        return phr_fail(st, rc);
    }

    if (rc == PHR_NOTFOUND) {
        new_id = st->next.source++;

        phr_put_be64(key, phr_text_hash(st->txn, PHR_DB_SOURCE, name));
        phr_put_be32(key + 8, new_id);
        memcpy(value + PHR_CRC_SIZE, name.data, name.len);

        rc = phr_record_put(st->txn, PHR_DB_SOURCE, key, sizeof(key), value,
                            PHR_CRC_SIZE + name.len, err);
        if (rc != PHR_OK) {
            return phr_fail(st, rc);
        }
    }

    if (phr_map_set(st->names, name, (void *) (uintptr_t) new_id) != PHR_OK) {
        return phr_fail(st, phr_err_set(err, PHR_ENOMEM, "no memory"));
    }

    *id = new_id;

    return PHR_OK;
}


static int
phr_source_find(phr_store_t *st, phr_str_t name, uint32_t *id,
    phr_err_t *err)
{
    int            rc;
    uint8_t        key[PHR_KEY_HASH];
    phr_str_t      k, v, body;
    phr_cursor_t  *cursor;

    phr_put_be64(key, phr_text_hash(st->txn, PHR_DB_SOURCE, name));
    phr_put_be32(key + 8, 0);

    rc = phr_cursor_open(st->txn, PHR_DB_SOURCE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    while (rc == PHR_OK && k.len == sizeof(key)
           && memcmp(k.data, key, 8) == 0)
    {
        rc = phr_record_check(PHR_DB_SOURCE, k, v, &body, err);
        if (rc != PHR_OK) {
            break;
        }

        if (phr_str_eq(body, name)) {
            *id = phr_get_be32((const uint8_t *) k.data + 8);
            phr_cursor_close(cursor);
            return PHR_OK;
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_NOTFOUND;
}


static int
phr_append_series(phr_appender_t *app, phr_labels_t ls, phr_sid_t *sid,
    phr_err_t *err)
{
    int           rc;
    phr_store_t  *st;

    st = phr_store_of(app);

    rc = phr_store_write(st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_series_id(st, ls, sid, err);

    if (rc == PHR_ELIMIT) {
        st->nrefused[PHR_REFUSED_SERIES]++;
    }

    return phr_fail(st, rc);
}


static int
phr_append_find(phr_appender_t *app, phr_labels_t ls, phr_sid_t *sid,
    phr_err_t *err)
{
    int           rc;
    phr_store_t  *st;

    st = phr_store_of(app);

    rc = phr_store_write(st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    return phr_fail(st, phr_series_known(st, ls, sid, err));
}


static int
phr_append_batch(phr_appender_t *app, const phr_batch_t *b, phr_err_t *err)
{
    int            rc;
    size_t         ngood, nlate;
    int8_t        *status;
    phr_store_t   *st;
    phr_source_t  *src;

    st = phr_store_of(app);

    if (b->n == 0) {
        return PHR_OK;
    }

    rc = phr_store_write(st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_source_get(st, b->source, &src, err);
    if (rc != PHR_OK) {
        return phr_fail(st, rc);
    }

    phr_arena_reset(st->scratch);
    st->start_notes.nelts = 0;

    status = b->status;

    if (status == NULL) {
        status = phr_arena_alloc(st->scratch, b->n);
        if (status == NULL) {
            return phr_fail(st, phr_err_set(err, PHR_ENOMEM, "no memory"));
        }
    }

    rc = phr_append_sort_out(st, b, status, &ngood, &nlate, err);

    if (rc == PHR_OK && ngood > 0) {
        rc = phr_append_write(st, src, b, status, PHR_OK, ngood, err);

        if (rc == PHR_OK && b->t_each == NULL) {
            rc = phr_hist_list_note(st, src, b, status, err);
        }
    }

    st->nappended += ngood;

    if (rc == PHR_OK && nlate > 0) {
        rc = phr_append_late(st, b, status, nlate, &ngood, err);

        if (rc == PHR_OK && ngood > 0) {
            rc = phr_append_write(st, src, b, status, PHR_LATE_GOOD, ngood,
                                  err);
            st->nappended += ngood;

            if (rc == PHR_OK && !phr_start_unused(st, b)) {
                rc = phr_append_late_starts(st, b, status, err);
            }
        }
    }

    if (rc == PHR_OK) {
        rc = phr_start_write(st, err);
    }

    if (rc != PHR_OK) {
        return phr_fail(st, rc);
    }

    phr_append_count(st, b, status);

    return PHR_OK;
}


/* what is said of newer samples counts for those that came late */
static int
phr_append_late_starts(phr_store_t *st, const phr_batch_t *b,
    const int8_t *status, phr_err_t *err)
{
    int  rc;

    rc = phr_start_write(st, err);

    return rc == PHR_OK
           ? phr_start_late(st, b, status, PHR_LATE_GOOD, err) : rc;
}


/* the status that the caller sees, and what is refused by reason */
static void
phr_append_count(phr_store_t *st, const phr_batch_t *b, int8_t *status)
{
    size_t   i;
    int64_t  t_ms;

    for (i = 0; i < b->n; i++) {

        switch (status[i]) {

        case PHR_LATE_GOOD:
            status[i] = PHR_OK;
            break;

        case PHR_EORDER:
            st->nrefused[PHR_REFUSED_ORDER]++;
            break;

        case PHR_EOLD:
            st->nrefused[PHR_REFUSED_OLD]++;
            break;

        case PHR_EDUPLICATE:
            st->nrefused[PHR_REFUSED_DUPLICATE]++;
            break;

        case PHR_ELIMIT:
            t_ms = b->t_each != NULL ? b->t_each[i] : b->t_ms;
            st->nrefused[t_ms > st->now_ms ? PHR_REFUSED_FUTURE
                                           : PHR_REFUSED_BOUNDS]++;
            break;

        default:
            /* stored, or asked for again because the series expired */
            break;
        }
    }
}


/* by what is known in memory: taken, refused or to be looked up */
static int
phr_append_sort_out(phr_store_t *st, const phr_batch_t *b, int8_t *status,
    size_t *ngood, size_t *nlate, phr_err_t *err)
{
    int                rc;
    size_t             i;
    int64_t            t_ms, min_ms, max_ms, floor_ms, *last;
    uint32_t           number;
    phr_group_t       *g;
    const phr_hist_t  *h;

    min_ms = PHR_KEY_TIME_MIN;
    max_ms = PHR_KEY_TIME_MAX;

    if (st->now_ms != PHR_TIME_MIN && st->conf.future_ms > 0) {
        max_ms = phr_min(max_ms, st->now_ms + st->conf.future_ms);
    }

    min_ms = phr_max(min_ms, st->keep.low_ms);

    *ngood = 0;
    *nlate = 0;
    g = NULL;
    number = UINT32_MAX;

    for (i = 0; i < b->n; i++) {
        t_ms = b->t_each != NULL ? b->t_each[i] : b->t_ms;

        h = phr_append_hist(b, i);

        /* what cannot be read again is not written */

        if (h != NULL && (phr_hist_validate(h, NULL) != PHR_OK
                          || !phr_hist_chunk_fits(h)))
        {
            status[i] = PHR_EINVAL;
            continue;
        }

        if (t_ms < min_ms || t_ms > max_ms) {
            status[i] = PHR_ELIMIT;
            continue;
        }

        if (phr_group_of(b->sid[i]) != number) {
            number = phr_group_of(b->sid[i]);

            rc = phr_group_get(st, number, &g, err);
            if (rc != PHR_OK) {
                return rc;
            }
        }

        last = g == NULL ? NULL : &g->last[b->sid[i] % PHR_GROUP_SIZE];

        if (last == NULL || *last == PHR_LAST_NONE) {
            status[i] = PHR_ENOTFOUND;
            continue;
        }

        if (t_ms < st->keep.high_ms && !phr_keep_is_flat(&st->keep)) {
            rc = phr_keep_series(&st->keep, st->txn, b->sid[i], st->scratch,
                                 &floor_ms, err);
            if (rc < 0) {
                return rc;
            }

            if (rc == PHR_OK && t_ms < floor_ms) {
                status[i] = PHR_ELIMIT;
                continue;
            }
        }

        if (t_ms > *last) {
            if (!phr_start_unused(st, b)) {
                rc = phr_start_note(st, number, g, b, i, *last, err);
                if (rc != PHR_OK) {
                    return rc;
                }
            }

            *last = t_ms;
            status[i] = PHR_OK;
            ++*ngood;

        } else {
            status[i] = PHR_LATE;
            ++*nlate;
        }
    }

    return PHR_OK;
}


/* writes the n samples that have this status */
static int
phr_append_write(phr_store_t *st, phr_source_t *src, const phr_batch_t *b,
    const int8_t *status, int8_t which, size_t n, phr_err_t *err)
{
    int     rc;
    size_t  i, nhists;

    rc = phr_append_note(st, b, status, which, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (b->t_each != NULL) {
        return phr_append_loose(st, b, status, which, 0, n, err);
    }

    nhists = 0;

    for (i = 0; b->h != NULL && i < b->n; i++) {
        nhists += (status[i] == which && phr_append_hist(b, i) != NULL);
    }

    if (nhists > 0) {
        /* rows have floats only */

        rc = phr_append_loose(st, b, status, which, 1, nhists, err);

        if (rc != PHR_OK || nhists == n) {
            return rc;
        }
    }

    return phr_append_row(st, src, b, status, which, n - nhists, err);
}


/* of what time samples are, and what comes after its buckets were made */
static int
phr_append_note(phr_store_t *st, const phr_batch_t *b, const int8_t *status,
    int8_t which, phr_err_t *err)
{
    int      rc;
    size_t   i;
    int64_t  late_ms, t_ms;

    late_ms = phr_coarse_late_ms(st);
    rc = PHR_OK;

    if (b->t_each == NULL) {
        phr_change_note(st, b->t_ms);

        if (b->t_ms > late_ms) {
            return PHR_OK;
        }
    }

    for (i = 0; i < b->n && rc == PHR_OK; i++) {
        t_ms = b->t_each != NULL ? b->t_each[i] : b->t_ms;

        if (status[i] != which) {
            continue;
        }

        phr_change_note(st, t_ms);

        if (t_ms <= late_ms) {
            rc = phr_coarse_note(st, b->sid[i], t_ms, err);
        }
    }

    return rc;
}


/* n samples, or with hists only the histograms, of which there are n */
static int
phr_append_loose(phr_store_t *st, const phr_batch_t *b, const int8_t *status,
    int8_t which, int hists, size_t n, phr_err_t *err)
{
    size_t             i, k;
    phr_loose_t       *s;
    const phr_hist_t  *h;

    s = phr_arena_alloc(st->scratch, n * sizeof(phr_loose_t));
    if (s == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    k = 0;

    for (i = 0; i < b->n; i++) {
        h = phr_append_hist(b, i);

        if (status[i] == which && (h != NULL || !hists)) {
            phr_append_take(b, i, &s[k++]);
        }
    }

    return phr_loose_append(st, s, n, err);
}


/* the n floats */
static int
phr_append_row(phr_store_t *st, phr_source_t *src, const phr_batch_t *b,
    const int8_t *status, int8_t which, size_t n, phr_err_t *err)
{
    size_t        i, k;
    double       *v;
    phr_sid_t    *sid;

    if (n == b->n && b->h == NULL) {
        return phr_row_append(st, src, b->t_ms, b->sid, b->v, n, err);
    }

    sid = phr_arena_alloc(st->scratch, n * sizeof(phr_sid_t));
    v = phr_arena_alloc(st->scratch, n * sizeof(double));

    if (sid == NULL || v == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    k = 0;

    for (i = 0; i < b->n; i++) {
        if (status[i] == which && phr_append_hist(b, i) == NULL) {
            sid[k] = b->sid[i];
            v[k] = phr_append_value(b, i);
            k++;
        }
    }

    return phr_row_append(st, src, b->t_ms, sid, v, n, err);
}


static int
phr_append_put(phr_appender_t *app, char space, phr_str_t key,
    phr_str_t value, phr_err_t *err)
{
    int           rc;
    phr_store_t  *st;

    st = phr_store_of(app);

    rc = phr_store_write(st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    return phr_fail(st, phr_kv_put(st->txn, space, key, value, err));
}


static int
phr_append_del(phr_appender_t *app, char space, phr_str_t key,
    phr_err_t *err)
{
    int           rc;
    phr_store_t  *st;

    st = phr_store_of(app);

    rc = phr_store_write(st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    return phr_fail(st, phr_kv_del(st->txn, space, key, err));
}


static int
phr_append_each(phr_appender_t *app, char space, phr_str_t prefix,
    int (*visit)(void *data, phr_str_t key, phr_str_t value), void *data,
    phr_err_t *err)
{
    int           rc;
    phr_txn_t    *txn;
    phr_store_t  *st;

    st = phr_store_of(app);

    /* what is pending is not committed: a reader of its own */
    rc = phr_txn_begin(st->env, 0, &txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_kv_each(txn, space, prefix, visit, data, err);
    phr_txn_abort(txn);

    return rc;
}


static int
phr_append_newest(phr_appender_t *app, uint32_t source, int64_t min_ms,
    int64_t max_ms, int (*visit)(void *data, phr_sid_t sid), void *data,
    phr_err_t *err)
{
    int           rc;
    phr_store_t  *st;

    st = phr_store_of(app);

    rc = phr_store_write(st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    return phr_fail(st, phr_source_newest(st, source, min_ms, max_ms, visit,
                                          data, err));
}
