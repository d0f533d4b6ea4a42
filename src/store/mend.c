/*
 * Copyright (C) The Pharos Authors
 *
 * Mend: see mend.h.
 *
 * Each step walks one sub-database in transactions of bounded size.  What
 * is known of a series on the way is one time: that of its newest packed
 * sample; those of rows and loose samples are read when a store is opened.
 */

#include "store/mend.h"

#include "core/alloc.h"
#include "store/bits.h"
#include "store/index.h"
#include "store/kv.h"
#include "store/mend_impl.h"
#include "store/series.h"
#include "store/text.h"


/* records in a transaction, and label sets, which touch many more */
#define PHR_MEND_STEP    16384
#define PHR_MEND_LABELS  4096


static int phr_mend_each(phr_mend_t *m, phr_db_e db, size_t step,
    uint8_t from, phr_mend_pt visit, phr_err_t *err);
static int phr_mend_step(phr_mend_t *m, phr_db_e db, size_t step,
    phr_mend_pt visit, uint8_t *key, size_t *klen, phr_err_t *err);
static int phr_mend_source(phr_mend_t *m, phr_str_t key, phr_str_t body,
    phr_err_t *err);
static int phr_mend_layout(phr_mend_t *m, phr_str_t key, phr_str_t body,
    phr_err_t *err);
static int phr_mend_hash(phr_mend_t *m, phr_str_t key, phr_str_t body,
    phr_err_t *err);
static int phr_mend_same(phr_mend_t *m, uint8_t *key, phr_str_t enc,
    phr_err_t *err);
static int phr_mend_series(phr_mend_t *m, phr_str_t key, phr_str_t body,
    phr_err_t *err);
static int phr_mend_window(phr_mend_t *m, phr_str_t key, phr_str_t body,
    phr_err_t *err);
static int phr_mend_pack(phr_mend_t *m, phr_str_t key, phr_str_t body,
    phr_err_t *err);
static int phr_mend_sum(phr_mend_t *m, const phr_pack_key_t *pk,
    const phr_window_t *w, phr_err_t *err);
static int phr_mend_loose(phr_mend_t *m, phr_str_t key, phr_str_t body,
    phr_err_t *err);
static int phr_mend_finish(phr_mend_t *m, phr_err_t *err);
static int phr_mend_changes(phr_mend_t *m, phr_str_t key, phr_str_t body,
    phr_err_t *err);
static int phr_mend_firsts(phr_mend_t *m, phr_str_t key, phr_str_t body,
    phr_err_t *err);
static int phr_mend_row(phr_mend_t *m, phr_str_t key, phr_str_t body,
    int changes, phr_err_t *err);
static int phr_mend_columns(phr_mend_t *m, const phr_row_key_t *rk,
    phr_err_t *err);
static int phr_mend_loosen(phr_mend_t *m, const phr_row_key_t *rk,
    const double *v, size_t n, phr_err_t *err);
static int phr_mend_tail(phr_mend_t *m, phr_str_t key, phr_str_t body,
    phr_err_t *err);
static int phr_mend_last(phr_mend_t *m, phr_sid_t sid, int64_t **last,
    phr_err_t *err);
static int phr_mend_known(const phr_mend_t *m, phr_sid_t sid);


int
phr_mend(phr_store_t *st, const phr_mend_found_t *found,
    phr_mend_result_t *result, phr_err_t *err)
{
    int         rc;
    size_t      i;
    phr_mend_t  m;

    static const struct {
        phr_db_e     db;
        size_t       step;
        uint8_t      from;          /* the first byte of the first key */
        phr_mend_pt  visit;
    } steps[] = {
        { PHR_DB_SOURCE, PHR_MEND_STEP, 0, phr_mend_source },
        { PHR_DB_LAYOUT, PHR_MEND_STEP, 0, phr_mend_layout },
        { PHR_DB_SERIES, PHR_MEND_STEP, 0, phr_mend_hash },
        { PHR_DB_SERIES, PHR_MEND_LABELS, 0, phr_mend_series },
        { PHR_DB_WINDOW, PHR_MEND_STEP, 0, phr_mend_window },
        { PHR_DB_PACK, PHR_MEND_STEP, 0, phr_mend_pack },
        { PHR_DB_PACK, PHR_MEND_STEP, PHR_LEVEL_STARTS, phr_mend_starts },
        { PHR_DB_LOOSE, PHR_MEND_STEP, 0, phr_mend_loose },
        { PHR_DB_COARSE, PHR_MEND_STEP, 0, phr_mend_coarse },
        { PHR_DB_EXEMPLAR, PHR_MEND_STEP, 0, phr_mend_exemplars },
        { PHR_DB_META, PHR_MEND_STEP, 0, NULL },
        { PHR_DB_ROW, PHR_MEND_LABELS, 0, phr_mend_changes },
        { PHR_DB_ROW, PHR_MEND_LABELS, 0, phr_mend_firsts },
        { PHR_DB_LAYOUT, PHR_MEND_STEP, 0, phr_mend_tail }
    };

    memset(result, 0, sizeof(phr_mend_result_t));
    memset(&m, 0, sizeof(phr_mend_t));
    m.st = st;
    m.found = found;
    m.result = result;
    phr_array_init(&m.windows, sizeof(phr_mend_window_t));
    phr_array_init(&m.starts, sizeof(phr_mend_starts_t));

    m.arena = phr_arena_create(0);
    rc = m.arena != NULL ? PHR_OK
                         : phr_err_set(err, PHR_ENOMEM, "no memory");

    for (i = 0; i < phr_nelems(steps) && rc == PHR_OK; i++) {
        rc = steps[i].visit == NULL
             ? phr_mend_finish(&m, err)
             : phr_mend_each(&m, steps[i].db, steps[i].step, steps[i].from,
                             steps[i].visit, err);
    }

    phr_store_forget(st);
    phr_arena_destroy(m.arena);
    phr_array_free(&m.windows);
    phr_array_free(&m.starts);
    phr_free(m.last);
    phr_free(m.sid);

    return rc == PHR_OK ? phr_store_sync(st, err) : rc;
}


static int
phr_mend_each(phr_mend_t *m, phr_db_e db, size_t step, uint8_t from,
    phr_mend_pt visit, phr_err_t *err)
{
    int      rc;
    size_t   klen;
    uint8_t  key[PHR_KEY_MAX];

    key[0] = from;
    klen = from != 0;

    do {
        rc = phr_txn_begin(m->st->env, 1, &m->st->txn, err);
        if (rc != PHR_OK) {
            return rc;
        }

        rc = phr_mend_step(m, db, step, visit, key, &klen, err);

        rc = phr_store_end(m->st, rc, err);

    } while (rc == PHR_AGAIN);

    return rc;
}


/* PHR_AGAIN if there is more, from the key on */
static int
phr_mend_step(phr_mend_t *m, phr_db_e db, size_t step, phr_mend_pt visit,
    uint8_t *key, size_t *klen, phr_err_t *err)
{
    int            rc;
    phr_str_t      k, v, body;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(m->st->txn, db, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = *klen == 0 ? phr_cursor_first(cursor, &k, &v, err)
                    : phr_cursor_seek(cursor, key, *klen, &k, &v, err);

    while (rc == PHR_OK) {

        if (step-- == 0) {
            *klen = k.len;
            memcpy(key, k.data, k.len);
            rc = PHR_AGAIN;
            break;
        }

        phr_arena_reset(m->arena);

        rc = phr_record_check(db, k, v, &body, err);
        if (rc == PHR_OK) {
            rc = visit(m, k, body, err);
        }

        if (rc == PHR_NOTFOUND) {
            rc = phr_cursor_del(cursor, err);
        }
        if (rc == PHR_OK) {
            rc = phr_cursor_next(cursor, &k, &v, err);
        }
    }

    phr_cursor_close(cursor);

    return rc == PHR_NOTFOUND ? PHR_OK : rc;
}


static int
phr_mend_source(phr_mend_t *m, phr_str_t key, phr_str_t body, phr_err_t *err)
{
    uint32_t  id;

    id = phr_get_be32((const uint8_t *) key.data + 8);
    m->st->next.source = phr_max(m->st->next.source, id + 1);

    return PHR_OK;
}


/* a head tells of the pieces from the first on, as far as there are all */
static int
phr_mend_layout(phr_mend_t *m, phr_str_t key, phr_str_t body, phr_err_t *err)
{
    int             rc;
    size_t          i, n;
    uint8_t         next[PHR_KEY_LAYOUT];
    uint16_t        piece;
    phr_sid_t       sid;
    phr_head_t      h;
    const uint8_t  *p;

    memcpy(next, key.data, sizeof(next));
    h.source = phr_get_be32(next);
    h.id = phr_get_be32(next + 4);
    h.n = 0;
    h.min_sid = UINT32_MAX;
    h.max_sid = 0;

    m->st->next.source = phr_max(m->st->next.source, h.source + 1);
    m->st->next.layout = phr_max(m->st->next.layout, h.id + 1);

    if (phr_get_be16(next + 8) != 0) {
        return PHR_OK;
    }

    piece = 0;

    do {
        n = body.len / 4;
        p = (const uint8_t *) body.data;

        for (i = 0; i < n; i++) {
            sid = phr_get_be32(p + 4 * i);
            h.min_sid = phr_min(h.min_sid, sid);
            h.max_sid = phr_max(h.max_sid, sid);
        }

        h.n += (uint32_t) n;
        phr_put_be16(next + 8, ++piece);

        rc = n < phr_layout_piece(m->st->txn) ? PHR_NOTFOUND
             : phr_record_get(m->st->txn, PHR_DB_LAYOUT, next, sizeof(next),
                              &body, err);
    } while (rc == PHR_OK);

    m->st->next.sid = phr_max(m->st->next.sid, h.max_sid + 1);

    return rc < 0 ? rc : phr_head_put(m->st->txn, &h, err);
}


/*
 * Of two series with the same labels the older was removed some time: its
 * samples are none of the newer.
 */
static int
phr_mend_hash(phr_mend_t *m, phr_str_t key, phr_str_t body, phr_err_t *err)
{
    int            rc;
    uint8_t        hkey[PHR_KEY_HASH];
    int64_t       *last;
    phr_str_t      enc;
    phr_sid_t      sid;
    phr_labels_t   ls;

    sid = phr_get_be32((const uint8_t *) key.data);

    if (phr_get_be16((const uint8_t *) key.data + 4) != 0) {
        return PHR_OK;
    }

    rc = phr_series_encoding(m->st->txn, sid, m->arena, &enc, err);
    if (rc == PHR_OK) {
        rc = phr_labels_decode(m->arena, (const uint8_t *) enc.data, enc.len,
                               &ls);
    }

    if (rc == PHR_ECORRUPT) {
        m->result->nseries_lost++;
        return PHR_OK;
    }

    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "labels of series %u", sid);
    }

    phr_put_be64(hkey, phr_text_hash(m->st->txn, PHR_DB_HASH, enc));
    phr_put_be32(hkey + 8, sid);

    rc = phr_mend_same(m, hkey, enc, err);
    if (rc == PHR_OK) {
        rc = phr_mend_last(m, sid, &last, err);
    }
    if (rc != PHR_OK) {
        return rc;
    }

    *last = PHR_LAST_EMPTY;
    m->result->nseries++;

    return phr_txn_put(m->st->txn, PHR_DB_HASH, hkey, sizeof(hkey), "", 0,
                       err);
}


/* forgets the series before that has these labels */
static int
phr_mend_same(phr_mend_t *m, uint8_t *key, phr_str_t enc, phr_err_t *err)
{
    int            rc;
    uint8_t        from[PHR_KEY_HASH];
    phr_str_t      k, v, found;
    phr_sid_t      sid;
    phr_cursor_t  *cursor;

    memcpy(from, key, 8);
    phr_put_be32(from + 8, 0);

    rc = phr_cursor_open(m->st->txn, PHR_DB_HASH, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_cursor_seek(cursor, from, sizeof(from), &k, &v, err);

    while (rc == PHR_OK && memcmp(k.data, from, 8) == 0) {
        sid = phr_get_be32((const uint8_t *) k.data + 8);

        rc = phr_series_encoding(m->st->txn, sid, m->arena, &found, err);

        if (rc == PHR_OK && phr_str_eq(found, enc)) {
            m->last[sid] = PHR_LAST_NONE;
            m->result->nseries--;
            rc = phr_cursor_del(cursor, err);
            break;
        }

        if (rc == PHR_OK) {
            rc = phr_cursor_next(cursor, &k, &v, err);
        }
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


static int
phr_mend_series(phr_mend_t *m, phr_str_t key, phr_str_t body, phr_err_t *err)
{
    int            rc;
    phr_sid_t      sid;
    phr_labels_t   ls;

    sid = phr_get_be32((const uint8_t *) key.data);

    if (!phr_mend_known(m, sid)) {
        return PHR_NOTFOUND;
    }

    if (phr_get_be16((const uint8_t *) key.data + 4) != 0) {
        return PHR_OK;
    }

    rc = phr_series_labels(m->st->txn, sid, m->arena, &ls, err);

    return rc == PHR_OK ? phr_index_add(m->st, sid, ls, err) : rc;
}


static int
phr_mend_window(phr_mend_t *m, phr_str_t key, phr_str_t body, phr_err_t *err)
{
    int           rc, level;
    int32_t       window;
    phr_window_t  w;

    rc = PHR_OK;

    if (phr_window_decode(body, &w) != PHR_OK) {
        return PHR_NOTFOUND;
    }

    if (phr_key_window_get(key, &level, &window)
        && level == PHR_LEVEL_STARTS)
    {
        rc = phr_mend_starts_told(m, window, w.nsamples, err);

    } else {
        m->nwindow += w.nsamples;
    }

    return rc == PHR_OK ? PHR_NOTFOUND : rc;
}


static int
phr_mend_pack(phr_mend_t *m, phr_str_t key, phr_str_t body, phr_err_t *err)
{
    int               rc;
    size_t            i;
    int64_t           t[PHR_CHUNK_MAX_SAMPLES], *last;
    uint64_t          nknown, nstarts;
    phr_pack_t        pack;
    phr_window_t      w;
    phr_pack_key_t    pk;
    phr_chunk_ref_t   ref;

    if (!phr_key_pack_get(key, &pk)
        || phr_pack_open(&pk, body, &pack) != PHR_OK)
    {
        return PHR_NOTFOUND;
    }

    memset(&w, 0, sizeof(phr_window_t));
    w.min_ms = INT64_MAX;
    w.max_ms = INT64_MIN;
    w.bytes = body.len + PHR_CRC_SIZE;
    w.npacks = 1;
    nknown = 0;
    nstarts = 0;

    for (i = 0; i < pack.nchunks; i++) {

        if (phr_pack_chunk(&pack, i, &ref) != PHR_OK
            || phr_chunk_ref_times(&ref, t) != PHR_OK
            || phr_chunk_ref_check(&ref, m->arena) != PHR_OK)
        {
            return PHR_NOTFOUND;
        }

        rc = phr_mend_last(m, ref.sid, &last, err);
        if (rc != PHR_OK) {
            return rc;
        }

        w.nsamples += ref.n;
        nstarts += ref.starts ? ref.n : 0;
        w.min_ms = phr_min(w.min_ms, t[0]);
        w.max_ms = phr_max(w.max_ms, t[ref.n - 1]);

        if (*last != PHR_LAST_NONE) {
            *last = ref.starts ? *last : phr_max(*last, t[ref.n - 1]);
            nknown += ref.n;
        }
    }

    m->st->next.seal = phr_max(m->st->next.seal, pk.seal + 1);

    if (nstarts == 0) {
        m->result->npacked += nknown;
        m->result->norphans += w.nsamples - nknown;
        m->nwindow -= phr_min(m->nwindow, w.nsamples);

    } else {
        rc = phr_mend_starts_found(m, pk.window, w.nsamples, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return nknown == 0 ? PHR_NOTFOUND : phr_mend_sum(m, &pk, &w, err);
}


/* packs come in the order of their windows */
static int
phr_mend_sum(phr_mend_t *m, const phr_pack_key_t *pk, const phr_window_t *w,
    phr_err_t *err)
{
    phr_mend_window_t  *mw;

    mw = m->windows.nelts == 0 ? NULL
         : phr_array_get(&m->windows, phr_mend_window_t,
                         m->windows.nelts - 1);

    if (mw == NULL || mw->level != pk->level || mw->window != pk->window) {
        mw = phr_array_push(&m->windows);
        if (mw == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        mw->level = pk->level;
        mw->window = pk->window;
        mw->sum = *w;

        return PHR_OK;
    }

    mw->sum.npacks++;
    mw->sum.nsamples += w->nsamples;
    mw->sum.bytes += w->bytes;
    mw->sum.min_ms = phr_min(mw->sum.min_ms, w->min_ms);
    mw->sum.max_ms = phr_max(mw->sum.max_ms, w->max_ms);

    return PHR_OK;
}


static int
phr_mend_loose(phr_mend_t *m, phr_str_t key, phr_str_t body, phr_err_t *err)
{
    size_t             i, n, nknown;
    phr_loose_t        s[PHR_LOOSE_MAX];
    const uint8_t     *p;
    phr_loose_head_t   head;

    p = (const uint8_t *) key.data;

    if (phr_loose_decode(phr_get_be32(p), body, m->arena, s, &n) != PHR_OK
        || phr_loose_head(body, &head) != PHR_OK)
    {
        return PHR_NOTFOUND;
    }

    nknown = 0;

    for (i = 0; i < n; i++) {
        nknown += (size_t) phr_mend_known(m, s[i].sid);
        m->st->next.sid = phr_max(m->st->next.sid, s[i].sid + 1);
    }

    m->result->nloose_records++;
    m->st->next.seq = phr_max(m->st->next.seq, phr_get_be64(p + 4) + 1);

    if (head.starts) {
        return phr_mend_loose_starts(m, n, nknown);
    }

    m->result->nloose += nknown;
    m->result->norphans += n - nknown;

    return nknown == 0 ? PHR_NOTFOUND : PHR_OK;
}


/* what was collected of all packs; small records; the counters */
static int
phr_mend_finish(phr_mend_t *m, phr_err_t *err)
{
    int                 rc;
    size_t              i;
    phr_store_t        *st;
    phr_mend_window_t  *w;

    st = m->st;
    m->result->npacked_lost = m->nwindow;

    rc = phr_txn_begin(st->env, 1, &st->txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (i = 0; i < m->windows.nelts && rc == PHR_OK; i++) {
        w = phr_array_get(&m->windows, phr_mend_window_t, i);

        if (w->level == PHR_LEVEL_STARTS
            && phr_mend_starts_lost(m, w->window))
        {
            continue;
        }

        rc = phr_window_put(st->txn, w->level, w->window, &w->sum, err);
    }

    for (i = 0; i < m->nlast && i < st->next.sid && rc == PHR_OK;
         i += PHR_GROUP_SIZE)
    {
        rc = phr_group_write(st->txn, phr_group_of((phr_sid_t) i),
                             m->last + i, err);
    }

    if (rc == PHR_OK) {
        rc = phr_kv_mend(st->txn, &m->result->nvalues,
                         &m->result->nvalues_lost, err);
    }

    if (rc == PHR_OK) {
        rc = phr_mend_progress(m, err);
    }

    return phr_store_end(st, rc, err);
}


/* rows that refer to others are looked at while those are there */
static int
phr_mend_changes(phr_mend_t *m, phr_str_t key, phr_str_t body, phr_err_t *err)
{
    return phr_mend_row(m, key, body, 1, err);
}


static int
phr_mend_firsts(phr_mend_t *m, phr_str_t key, phr_str_t body, phr_err_t *err)
{
    return phr_mend_row(m, key, body, 0, err);
}


/*
 * A row whose layout lacks the pieces before is no row any more, but the
 * samples may still be told whose they are.
 */
static int
phr_mend_row(phr_mend_t *m, phr_str_t key, phr_str_t body, int changes,
    phr_err_t *err)
{
    int            rc;
    size_t         i, n, at;
    double         v[PHR_ROW_VALUES];
    phr_row_t      row;
    phr_row_key_t  rk;

    if (!phr_key_row_get(key, &rk) || phr_row_check(body, &row) != PHR_OK) {
        return PHR_NOTFOUND;
    }

    if ((row.back_ms != 0) != changes) {
        return PHR_OK;
    }

    n = row.n;

    rc = phr_row_read(m->st->txn, &rk, &row, &m->first, v, err);

    if (rc == PHR_ECORRUPT) {
        m->result->nrow_lost += n;
        return PHR_NOTFOUND;
    }

    if (rc == PHR_OK) {
        rc = phr_mend_columns(m, &rk, err);
    }
    if (rc != PHR_OK) {
        return rc;
    }

    at = rk.piece * phr_row_values(m->st->txn);

    if (at >= m->head.n) {
        rc = phr_mend_loosen(m, &rk, v, n, err);
        return rc == PHR_OK ? PHR_NOTFOUND : rc;
    }

    if (n != phr_min(m->head.n - at, phr_row_values(m->st->txn))) {
        m->result->nrow_lost += n;
        return PHR_NOTFOUND;
    }

    for (i = 0; i < n; i++) {
        if (phr_mend_known(m, m->sid[at + i])) {
            m->result->nrow++;

        } else {
            m->result->norphans++;
        }
    }

    m->result->nrow_records++;

    return PHR_OK;
}


/* the layout of a row; none is one of no columns */
static int
phr_mend_columns(phr_mend_t *m, const phr_row_key_t *rk, phr_err_t *err)
{
    int         rc;
    uint8_t     key[PHR_KEY_HEAD];
    phr_str_t   body;
    phr_sid_t  *sid;

    if (m->head.source == rk->source && m->head.id == rk->layout) {
        return PHR_OK;
    }

    phr_put_be32(key, rk->source);
    phr_put_be32(key + 4, rk->layout);

    rc = phr_record_get(m->st->txn, PHR_DB_HEAD, key, sizeof(key), &body,
                        err);

    if (rc == PHR_NOTFOUND) {
        m->head.source = rk->source;
        m->head.id = rk->layout;
        m->head.n = 0;
        return PHR_OK;
    }

    if (rc == PHR_OK) {
        rc = phr_head_decode(phr_str_from((char *) key, sizeof(key)), body,
                             &m->head);
    }
    if (rc != PHR_OK) {
        return rc;
    }

    if (m->head.n > m->nsid) {
        sid = phr_realloc(m->sid, m->head.n * sizeof(phr_sid_t));
        if (sid == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        m->sid = sid;
        m->nsid = m->head.n;
    }

    return phr_layout_read(m->st->txn, &m->head, m->sid, err);
}


static int
phr_mend_loosen(phr_mend_t *m, const phr_row_key_t *rk, const double *v,
    size_t n, phr_err_t *err)
{
    int             rc;
    size_t          i, at, k;
    uint8_t         key[PHR_KEY_LAYOUT];
    phr_str_t       body;
    phr_sid_t       sid;
    phr_loose_t     s[PHR_ROW_VALUES];
    const uint8_t  *p;

    phr_put_be32(key, rk->source);
    phr_put_be32(key + 4, rk->layout);
    phr_put_be16(key + 8, rk->piece / PHR_LAYOUT_ROWS);

    rc = phr_record_get(m->st->txn, PHR_DB_LAYOUT, key, sizeof(key), &body,
                        err);
    if (rc < 0) {
        return rc;
    }

    at = (rk->piece % PHR_LAYOUT_ROWS) * phr_row_values(m->st->txn);

    if (rc == PHR_NOTFOUND || n > PHR_ROW_VALUES || body.len < (at + n) * 4)
    {
        m->result->nrow_lost += n;
        return PHR_OK;
    }

    p = (const uint8_t *) body.data;
    k = 0;

    for (i = 0; i < n; i++) {
        sid = phr_get_be32(p + 4 * (at + i));

        if (!phr_mend_known(m, sid)) {
            m->result->norphans++;
            continue;
        }

        s[k].sid = sid;
        s[k].at = (uint32_t) k;
        s[k].t_ms = rk->t_ms;
        s[k].v = v[i];
        s[k].h = NULL;
        k++;
    }

    m->result->nrow += k;

    return k == 0 ? PHR_OK : phr_loose_append(m->st, s, k, err);
}


/* pieces of a layout that nothing refers to any more */
static int
phr_mend_tail(phr_mend_t *m, phr_str_t key, phr_str_t body, phr_err_t *err)
{
    int             rc;
    phr_row_key_t   rk;
    const uint8_t  *p;

    p = (const uint8_t *) key.data;
    rk.source = phr_get_be32(p);
    rk.layout = phr_get_be32(p + 4);

    rc = phr_mend_columns(m, &rk, err);
    if (rc != PHR_OK) {
        return rc;
    }

    return phr_get_be16(p + 8) * phr_layout_piece(m->st->txn) < m->head.n
           ? PHR_OK : PHR_NOTFOUND;
}


/* whole groups at once */
static int
phr_mend_last(phr_mend_t *m, phr_sid_t sid, int64_t **last, phr_err_t *err)
{
    size_t    n;
    int64_t  *grown;

    if (sid >= m->nlast) {
        n = phr_max((size_t) sid + 1, m->nlast + m->nlast / 2);
        n = (n + PHR_GROUP_SIZE - 1) / PHR_GROUP_SIZE * PHR_GROUP_SIZE;

        grown = phr_realloc(m->last, n * sizeof(int64_t));
        if (grown == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory for %zu series",
                               n);
        }

        m->last = grown;

        while (m->nlast < n) {
            m->last[m->nlast++] = PHR_LAST_NONE;
        }
    }

    *last = &m->last[sid];
    m->st->next.sid = phr_max(m->st->next.sid, sid + 1);

    return PHR_OK;
}


static int
phr_mend_known(const phr_mend_t *m, phr_sid_t sid)
{
    return sid < m->nlast && m->last[sid] != PHR_LAST_NONE;
}
