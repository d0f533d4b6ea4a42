/*
 * Copyright (C) The Pharos Authors
 *
 * Source: see source.h.
 *
 *     head     source:32 layout:32
 *              n:32 min sid:32 max sid:32
 *     layout   source:32 layout:32 piece:16
 *              sids, 32 bits each
 */

#include "store/source.h"

#include "core/alloc.h"
#include "store/row.h"
#include "store/series.h"


#define PHR_HEAD_BODY          12

/* layouts of a source whose ids are kept in memory, or without rows */
#define PHR_LAYOUTS_KEPT       4


static int phr_layout_create(phr_store_t *st, phr_source_t *src,
    uint64_t hash, const phr_sid_t *sid, size_t n, phr_layout_t **out,
    phr_err_t *err);
static int phr_layout_write(phr_store_t *st, uint32_t source,
    const phr_layout_t *l, phr_err_t *err);
static void phr_layouts_evict(phr_source_t *src);
static int phr_layout_drop(phr_store_t *st, phr_source_t *src, size_t i,
    phr_err_t *err);
static int phr_warm_heads(phr_store_t *st, phr_err_t *err);
static int phr_warm_rows(phr_store_t *st, phr_err_t *err);
static int phr_warm_times(phr_store_t *st, phr_source_t *src, phr_err_t *err);
static int phr_warm_loose(phr_store_t *st, phr_err_t *err);
static phr_layout_t *phr_layout_by_id(phr_source_t *src, uint32_t id);

#define phr_layout_at(src, i)                                                 \
    (*phr_array_get(&(src)->layouts, phr_layout_t *, i))


int
phr_head_decode(phr_str_t key, phr_str_t body, phr_head_t *h)
{
    const uint8_t  *p;

    if (key.len != PHR_KEY_HEAD || body.len != PHR_HEAD_BODY) {
        return PHR_ECORRUPT;
    }

    p = (const uint8_t *) key.data;
    h->source = phr_get_be32(p);
    h->id = phr_get_be32(p + 4);

    p = (const uint8_t *) body.data;
    h->n = phr_get_be32(p);
    h->min_sid = phr_get_be32(p + 4);
    h->max_sid = phr_get_be32(p + 8);

    return PHR_OK;
}


int
phr_head_read(phr_str_t key, phr_str_t value, phr_head_t *h, phr_err_t *err)
{
    int        rc;
    phr_str_t  body;

    rc = phr_record_check(PHR_DB_HEAD, key, value, &body, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (phr_head_decode(key, body, h) != PHR_OK) {
        return phr_err_set(err, PHR_ECORRUPT, "damaged head of a layout");
    }

    return PHR_OK;
}


int
phr_layout_read(phr_txn_t *txn, const phr_head_t *h, phr_sid_t *sid,
    phr_err_t *err)
{
    int             rc;
    size_t          i, k, n;
    uint8_t         key[PHR_KEY_LAYOUT];
    uint16_t        piece;
    phr_str_t       body;
    const uint8_t  *p;

    phr_put_be32(key, h->source);
    phr_put_be32(key + 4, h->id);
    piece = 0;

    for (i = 0; i < h->n; i += n) {
        phr_put_be16(key + 8, piece++);

        rc = phr_record_get(txn, PHR_DB_LAYOUT, key, sizeof(key), &body, err);
        if (rc < 0) {
            return rc;
        }

        n = body.len / 4;

        if (rc == PHR_NOTFOUND || body.len % 4 != 0 || n == 0
            || n > h->n - i)
        {
            return phr_err_set(err, PHR_ECORRUPT, "layout %u of source %u, "
                               "piece %u", h->id, h->source, piece - 1);
        }

        p = (const uint8_t *) body.data;

        for (k = 0; k < n; k++, p += 4) {
            sid[i + k] = phr_get_be32(p);
        }
    }

    return PHR_OK;
}


int
phr_layout_sids(phr_store_t *st, const phr_source_t *src,
    const phr_layout_t *l, phr_sid_t **sid, phr_err_t *err)
{
    phr_head_t  h;

    *sid = phr_arena_alloc(st->scratch, l->n * sizeof(phr_sid_t));
    if (*sid == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    h.source = src->id;
    h.id = l->id;
    h.n = l->n;

    return phr_layout_read(st->txn, &h, *sid, err);
}


int
phr_source_get(phr_store_t *st, uint32_t id, phr_source_t **out,
    phr_err_t *err)
{
    void         **slot;
    phr_source_t  *src;

    if (id == 0 || id >= st->next.source) {
        return phr_err_set(err, PHR_ENOTFOUND, "there is no source %u", id);
    }

    slot = phr_slot(&st->sources, id);
    if (slot == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    if (*slot == NULL) {
        src = phr_calloc(1, sizeof(phr_source_t));
        if (src == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        src->id = id;
        src->arrival_ms = st->now_ms;
        phr_array_init(&src->layouts, sizeof(phr_layout_t *));

        /* the first seal comes early and so spreads those that follow */
        src->threshold = PHR_SEAL_ROWS / 4
                         + id * 37 % (PHR_SEAL_ROWS * 3 / 4);
        *slot = src;
    }

    *out = *slot;

    return PHR_OK;
}


void
phr_source_destroy(phr_source_t *src)
{
    size_t  i;

    if (src == NULL) {
        return;
    }

    for (i = 0; i < src->layouts.nelts; i++) {
        phr_free(phr_layout_at(src, i)->sid);
        phr_free(phr_layout_at(src, i));
    }

    phr_array_free(&src->layouts);
    phr_free(src);
}


int
phr_layout_find(phr_store_t *st, phr_source_t *src, const phr_sid_t *sid,
    size_t n, phr_layout_t **out, phr_err_t *err)
{
    int            rc;
    size_t         i;
    uint64_t       hash;
    phr_head_t     h;
    phr_layout_t  *l;

    l = src->current;

    if (l != NULL && l->n == n && l->sid != NULL
        && memcmp(l->sid, sid, n * sizeof(phr_sid_t)) == 0)
    {
        *out = l;
        return PHR_OK;
    }

    hash = phr_xxh64(sid, n * sizeof(phr_sid_t));

    for (i = 0; i < src->layouts.nelts; i++) {
        l = phr_layout_at(src, i);

        if (l->n != n || (l->sid != NULL && l->hash != hash)) {
            continue;
        }

        if (l->sid == NULL) {
            l->sid = phr_malloc(n * sizeof(phr_sid_t));
            if (l->sid == NULL) {
                return phr_err_set(err, PHR_ENOMEM, "no memory");
            }

            h.source = src->id;
            h.id = l->id;
            h.n = l->n;

            rc = phr_layout_read(st->txn, &h, l->sid, err);
            if (rc != PHR_OK) {
                phr_free(l->sid);
                l->sid = NULL;
                return rc;
            }

            l->hash = phr_xxh64(l->sid, n * sizeof(phr_sid_t));
        }

        if (l->hash == hash
            && memcmp(l->sid, sid, n * sizeof(phr_sid_t)) == 0)
        {
            break;
        }
    }

    if (i == src->layouts.nelts) {
        rc = phr_layout_create(st, src, hash, sid, n, &l, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    l->used = ++src->clock;
    src->current = l;
    phr_layouts_evict(src);
    *out = l;

    return PHR_OK;
}


static int
phr_layout_create(phr_store_t *st, phr_source_t *src, uint64_t hash,
    const phr_sid_t *sid, size_t n, phr_layout_t **out, phr_err_t *err)
{
    phr_layout_t  *l, **slot;

    l = phr_calloc(1, sizeof(phr_layout_t));
    if (l == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    l->sid = phr_malloc(n * sizeof(phr_sid_t));
    slot = l->sid == NULL ? NULL : phr_array_push(&src->layouts);

    if (slot == NULL) {
        phr_free(l->sid);
        phr_free(l);
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    l->id = st->next.layout++;
    l->n = (uint32_t) n;
    l->hash = hash;
    memcpy(l->sid, sid, n * sizeof(phr_sid_t));
    *slot = l;
    *out = l;

    return phr_layout_write(st, src->id, l, err);
}


size_t
phr_layout_piece(const phr_txn_t *txn)
{
    return PHR_LAYOUT_ROWS * phr_row_values(txn);
}


static int
phr_layout_write(phr_store_t *st, uint32_t source, const phr_layout_t *l,
    phr_err_t *err)
{
    int        rc;
    size_t     i, k, n, room;
    uint8_t    key[PHR_KEY_LAYOUT], value[PHR_VALUE_MAX];
    uint16_t   piece;
    phr_sid_t  min, max;
    phr_head_t h;

    phr_put_be32(key, source);
    phr_put_be32(key + 4, l->id);
    min = l->sid[0];
    max = l->sid[0];
    room = phr_layout_piece(st->txn);
    piece = 0;

    for (i = 0; i < l->n; i += n) {
        n = phr_min(l->n - i, room);

        for (k = 0; k < n; k++) {
            phr_put_be32(value + PHR_CRC_SIZE + 4 * k, l->sid[i + k]);
            min = phr_min(min, l->sid[i + k]);
            max = phr_max(max, l->sid[i + k]);
        }

        phr_put_be16(key + 8, piece++);

        rc = phr_record_put(st->txn, PHR_DB_LAYOUT, key, sizeof(key), value,
                            PHR_CRC_SIZE + 4 * n, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    h.source = source;
    h.id = l->id;
    h.n = l->n;
    h.min_sid = min;
    h.max_sid = max;

    return phr_head_put(st->txn, &h, err);
}


int
phr_head_put(phr_txn_t *txn, const phr_head_t *h, phr_err_t *err)
{
    uint8_t  key[PHR_KEY_HEAD], value[PHR_CRC_SIZE + PHR_HEAD_BODY];

    phr_put_be32(key, h->source);
    phr_put_be32(key + 4, h->id);
    phr_put_be32(value + PHR_CRC_SIZE, h->n);
    phr_put_be32(value + PHR_CRC_SIZE + 4, h->min_sid);
    phr_put_be32(value + PHR_CRC_SIZE + 8, h->max_sid);

    return phr_record_put(txn, PHR_DB_HEAD, key, sizeof(key), value,
                          sizeof(value), err);
}


/* keeps the ids of the layouts used last */
static void
phr_layouts_evict(phr_source_t *src)
{
    size_t         i, n;
    phr_layout_t  *l, *oldest;

    n = 0;
    oldest = NULL;

    for (i = 0; i < src->layouts.nelts; i++) {
        l = phr_layout_at(src, i);

        if (l->sid == NULL) {
            continue;
        }

        n++;

        if (oldest == NULL || l->used < oldest->used) {
            oldest = l;
        }
    }

    if (n > PHR_LAYOUTS_KEPT) {
        phr_free(oldest->sid);
        oldest->sid = NULL;
    }
}


int
phr_layouts_trim(phr_store_t *st, phr_source_t *src, phr_err_t *err)
{
    int            rc;
    size_t         i, oldest, n;
    phr_layout_t  *l;

    for ( ;; ) {
        n = 0;
        oldest = 0;

        for (i = 0; i < src->layouts.nelts; i++) {
            l = phr_layout_at(src, i);

            if (l->nrows == 0 && l != src->current) {
                if (n == 0 || l->used < phr_layout_at(src, oldest)->used) {
                    oldest = i;
                }

                n++;
            }
        }

        if (n < PHR_LAYOUTS_KEPT) {
            return PHR_OK;
        }

        rc = phr_layout_drop(st, src, oldest, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }
}


int
phr_layouts_drop(phr_store_t *st, phr_source_t *src, phr_err_t *err)
{
    int  rc;

    src->current = NULL;

    while (src->layouts.nelts > 0) {
        rc = phr_layout_drop(st, src, src->layouts.nelts - 1, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


static int
phr_layout_drop(phr_store_t *st, phr_source_t *src, size_t i,
    phr_err_t *err)
{
    int            rc;
    uint8_t        key[PHR_KEY_LAYOUT];
    uint16_t       piece;
    phr_layout_t  *l;

    l = phr_layout_at(src, i);

    phr_put_be32(key, src->id);
    phr_put_be32(key + 4, l->id);

    rc = phr_txn_del(st->txn, PHR_DB_HEAD, key, PHR_KEY_HEAD, err);

    for (piece = 0; rc == PHR_OK; piece++) {
        phr_put_be16(key + 8, piece);
        rc = phr_txn_del(st->txn, PHR_DB_LAYOUT, key, sizeof(key), err);
    }

    if (rc < 0) {
        return rc;
    }

    phr_free(l->sid);
    phr_free(l);

    src->layouts.nelts--;
    phr_layout_at(src, i) = phr_layout_at(src, src->layouts.nelts);

    return PHR_OK;
}


int
phr_sources_warm(phr_store_t *st, phr_err_t *err)
{
    int            rc;
    size_t         i;
    phr_source_t  *src;

    rc = phr_warm_heads(st, err);
    if (rc == PHR_OK) {
        rc = phr_warm_rows(st, err);
    }
    if (rc == PHR_OK) {
        rc = phr_warm_loose(st, err);
    }

    for (i = 0; i < st->sources.nelts && rc == PHR_OK; i++) {
        src = *phr_slot(&st->sources, i);

        if (src != NULL) {
            rc = phr_warm_times(st, src, err);
        }
    }

    return rc;
}


static int
phr_warm_heads(phr_store_t *st, phr_err_t *err)
{
    int             rc;
    phr_str_t       k, v;
    phr_head_t      h;
    phr_source_t   *src;
    phr_layout_t   *l, **slot;
    phr_cursor_t   *cursor;

    rc = phr_cursor_open(st->txn, PHR_DB_HEAD, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_cursor_first(cursor, &k, &v, err);

    while (rc == PHR_OK) {
        rc = phr_head_read(k, v, &h, err);
        if (rc != PHR_OK) {
            break;
        }

        rc = phr_source_get(st, h.source, &src, err);
        if (rc != PHR_OK) {
            break;
        }

        l = phr_calloc(1, sizeof(phr_layout_t));
        slot = l == NULL ? NULL : phr_array_push(&src->layouts);

        if (slot == NULL) {
            phr_free(l);
            rc = phr_err_set(err, PHR_ENOMEM, "no memory");
            break;
        }

        l->id = h.id;
        l->n = h.n;
        l->used = ++src->clock;
        *slot = l;
        src->threshold = PHR_SEAL_ROWS;

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


static int
phr_warm_rows(phr_store_t *st, phr_err_t *err)
{
    int             rc;
    phr_str_t       k, v;
    phr_cursor_t   *cursor;
    phr_layout_t   *l;
    phr_source_t   *src;
    phr_row_key_t   key, last;

    rc = phr_cursor_open(st->txn, PHR_DB_ROW, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    memset(&last, 0, sizeof(last));
    src = NULL;
    l = NULL;

    rc = phr_cursor_first(cursor, &k, &v, err);

    while (rc == PHR_OK) {

        if (!phr_key_row_get(k, &key)) {
            rc = phr_err_set(err, PHR_ECORRUPT, "key of %zu bytes in \"row\"",
                             k.len);
            break;
        }

        if (src == NULL || key.source != last.source
            || key.t_ms != last.t_ms || key.layout != last.layout)
        {
            if (src == NULL || key.source != src->id) {
                rc = phr_source_get(st, key.source, &src, err);
                if (rc != PHR_OK) {
                    break;
                }

                l = NULL;
            }

            if (l == NULL || l->id != key.layout) {
                l = phr_layout_by_id(src, key.layout);
            }

            if (l == NULL) {
                rc = phr_err_set(err, PHR_ECORRUPT, "row of source %u with "
                                 "layout %u, which does not exist",
                                 key.source, key.layout);
                break;
            }

            l->nrows++;
            l->last_ms = key.t_ms;
            src->nrows++;
            src->arrival_ms = st->now_ms;
            last = key;
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


/* the newest row of each layout tells the last times of its series */
static int
phr_warm_times(phr_store_t *st, phr_source_t *src, phr_err_t *err)
{
    int            rc;
    size_t         i, k;
    int64_t       *last;
    phr_sid_t     *sid;
    phr_group_t   *g;
    phr_layout_t  *l;

    rc = PHR_OK;

    for (i = 0; i < src->layouts.nelts && rc == PHR_OK; i++) {
        l = phr_layout_at(src, i);

        if (l->nrows == 0) {
            continue;
        }

        if (src->current == NULL || l->last_ms > src->current->last_ms) {
            src->current = l;
        }

        phr_arena_reset(st->scratch);

        rc = phr_layout_sids(st, src, l, &sid, err);

        for (k = 0; k < l->n && rc == PHR_OK; k++) {
            rc = phr_group_get(st, phr_group_of(sid[k]), &g, err);

            if (rc == PHR_OK && g != NULL) {
                last = &g->last[sid[k] % PHR_GROUP_SIZE];

                if (*last != PHR_LAST_NONE) {
                    *last = phr_max(*last, l->last_ms);
                }
            }
        }
    }

    return rc;
}


/*
 * Makes the groups that have loose samples, so that the sealer finds them;
 * the samples are read when the group is first needed.
 */
static int
phr_warm_loose(phr_store_t *st, phr_err_t *err)
{
    int            rc;
    size_t         i;
    void         **slot;
    uint8_t        key[PHR_KEY_LOOSE];
    uint32_t       number;
    phr_str_t      k, v;
    phr_group_t   *g;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(st->txn, PHR_DB_LOOSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    memset(key, 0, sizeof(key));

    rc = phr_cursor_first(cursor, &k, &v, err);

    while (rc == PHR_OK) {

        if (k.len != PHR_KEY_LOOSE) {
            rc = phr_err_set(err, PHR_ECORRUPT, "key of %zu bytes in "
                             "\"loose\"", k.len);
            break;
        }

        number = phr_get_be32((const uint8_t *) k.data);
        slot = number > phr_group_of(st->next.sid)
               ? NULL : phr_slot(&st->groups, number);

        if (slot != NULL && *slot == NULL) {
            *slot = phr_calloc(1, sizeof(phr_group_t));
        }

        if (slot == NULL || *slot == NULL) {
            rc = phr_err_set(err, PHR_ENOMEM, "no memory");
            break;
        }

        g = *slot;

        if (!g->loaded) {
            for (i = 0; i < PHR_GROUP_SIZE; i++) {
                g->last[i] = PHR_LAST_NONE;
            }

            g->nloose = 1;      /* at least; known when it is loaded */
            g->loose_ms = st->now_ms;
        }

        phr_put_be32(key, number + 1);
        rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


static phr_layout_t *
phr_layout_by_id(phr_source_t *src, uint32_t id)
{
    size_t  i;

    for (i = 0; i < src->layouts.nelts; i++) {
        if (phr_layout_at(src, i)->id == id) {
            return phr_layout_at(src, i);
        }
    }

    return NULL;
}
