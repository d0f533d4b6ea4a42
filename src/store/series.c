/*
 * Copyright (C) The Pharos Authors
 *
 * Series: see series.h.
 *
 * A label set is found by its hash: first in a small table of what was asked
 * for last, then in PHR_DB_HASH.  The hash alone proves nothing, the labels
 * themselves are compared each time.
 */

#include "store/series.h"

#include "core/alloc.h"
#include "store/index.h"
#include "store/loose.h"
#include "store/source.h"
#include "store/start.h"
#include "store/text.h"


#define PHR_SERIES_PIECE   (PHR_RECORD_MAX - PHR_CRC_SIZE)


static int phr_series_look(phr_store_t *st, phr_labels_t ls, uint64_t *hash,
    phr_str_t *enc, phr_sid_t *sid, phr_err_t *err);
static int phr_series_find(phr_store_t *st, uint64_t hash, phr_str_t enc,
    phr_sid_t *sid, phr_err_t *err);
static int phr_series_create(phr_store_t *st, uint64_t hash,
    phr_labels_t ls, phr_str_t enc, phr_sid_t *sid, phr_err_t *err);
static int phr_series_is(phr_store_t *st, phr_sid_t sid, phr_str_t enc,
    int *is, phr_err_t *err);
static phr_known_t *phr_known_at(phr_store_t *st, uint64_t hash);
static void phr_known_add(phr_store_t *st, uint64_t hash, phr_sid_t sid);
static int phr_group_load(phr_store_t *st, uint32_t number, phr_group_t *g,
    phr_err_t *err);


int
phr_series_id(phr_store_t *st, phr_labels_t ls, phr_sid_t *sid,
    phr_err_t *err)
{
    int         rc;
    uint64_t    hash;
    phr_str_t   enc;

    rc = phr_series_look(st, ls, &hash, &enc, sid, err);

    if (rc != PHR_NOTFOUND) {
        return rc;
    }

    rc = phr_series_allowed(st, ls, err);
    if (rc != PHR_OK) {
        return rc;
    }

    return phr_series_create(st, hash, ls, enc, sid, err);
}


int
phr_series_known(phr_store_t *st, phr_labels_t ls, phr_sid_t *sid,
    phr_err_t *err)
{
    uint64_t    hash;
    phr_str_t   enc;

    return phr_series_look(st, ls, &hash, &enc, sid, err);
}


/* the encoding is in st->buf */
static int
phr_series_look(phr_store_t *st, phr_labels_t ls, uint64_t *hash,
    phr_str_t *enc, phr_sid_t *sid, phr_err_t *err)
{
    phr_buf_reset(&st->buf);
    phr_labels_encode(&st->buf, ls);

    if (st->buf.failed) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    *enc = phr_buf_view(&st->buf);
    *hash = phr_text_hash(st->txn, PHR_DB_HASH, *enc);

    return phr_series_find(st, *hash, *enc, sid, err);
}


static int
phr_series_find(phr_store_t *st, uint64_t hash, phr_str_t enc,
    phr_sid_t *sid, phr_err_t *err)
{
    int            rc, is;
    uint8_t        key[PHR_KEY_HASH];
    phr_sid_t      found;
    phr_str_t      k, v;
    phr_known_t   *known;
    phr_cursor_t  *cursor;

    known = st->known != NULL ? phr_known_at(st, hash) : NULL;

    if (known != NULL && known->sid != 0 && known->hash == hash) {
        rc = phr_series_is(st, known->sid, enc, &is, err);
        if (rc != PHR_OK) {
            return rc;
        }

        if (is) {
            *sid = known->sid;
            return PHR_OK;
        }
    }

    rc = phr_cursor_open(st->txn, PHR_DB_HASH, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_put_be64(key, hash);
    phr_put_be32(key + 8, 0);

    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    while (rc == PHR_OK && k.len == PHR_KEY_HASH
           && memcmp(k.data, key, 8) == 0)
    {
        found = phr_get_be32((const uint8_t *) k.data + 8);

        rc = phr_series_is(st, found, enc, &is, err);
        if (rc != PHR_OK) {
            break;
        }

        if (is) {
            phr_cursor_close(cursor);
            phr_known_add(st, hash, found);
            *sid = found;

            return PHR_OK;
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_NOTFOUND;
}


static int
phr_series_is(phr_store_t *st, phr_sid_t sid, phr_str_t enc, int *is,
    phr_err_t *err)
{
    int        rc;
    phr_str_t  found;

    phr_arena_reset(st->scratch);

    rc = phr_series_encoding(st->txn, sid, st->scratch, &found, err);
    if (rc < 0) {
        return rc;
    }

    *is = (rc == PHR_OK && phr_str_eq(found, enc));

    return PHR_OK;
}


static int
phr_series_create(phr_store_t *st, uint64_t hash, phr_labels_t ls,
    phr_str_t enc, phr_sid_t *out, phr_err_t *err)
{
    int           rc;
    size_t        at, n, room, used;
    uint8_t       key[PHR_KEY_SERIES], hkey[PHR_KEY_HASH];
    uint8_t       value[PHR_RECORD_MAX];
    uint16_t      piece;
    phr_sid_t     sid;
    phr_group_t  *g;

    sid = st->next.sid;

    if (sid == UINT32_MAX) {
        return phr_err_set(err, PHR_ELIMIT, "no series ids are left");
    }

    st->next.sid++;
    phr_put_be32(key, sid);
    piece = 0;

    for (at = 0; at < enc.len; at += n) {
        used = PHR_CRC_SIZE;

        if (at == 0) {
            used += phr_put_uvarint(value + used, enc.len);
        }

        room = PHR_RECORD_MAX - used;
        n = phr_min(room, enc.len - at);
        memcpy(value + used, enc.data + at, n);

        phr_put_be16(key + 4, piece++);

        rc = phr_record_put(st->txn, PHR_DB_SERIES, key, sizeof(key), value,
                            used + n, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    phr_put_be64(hkey, hash);
    phr_put_be32(hkey + 8, sid);

    rc = phr_txn_put(st->txn, PHR_DB_HASH, hkey, sizeof(hkey), "", 0, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_index_add(st, sid, ls, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_group_get(st, phr_group_of(sid), &g, err);
    if (rc != PHR_OK) {
        return rc;
    }

    g->last[sid % PHR_GROUP_SIZE] = PHR_LAST_EMPTY;

    rc = phr_group_touch(st, phr_group_of(sid), err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_known_add(st, hash, sid);
    st->nseries++;
    *out = sid;

    return PHR_OK;
}


int
phr_series_encoding(phr_txn_t *txn, phr_sid_t sid, phr_arena_t *arena,
    phr_str_t *enc, phr_err_t *err)
{
    int             rc;
    char           *copy;
    size_t          at;
    uint8_t         key[PHR_KEY_SERIES];
    uint16_t        piece;
    uint64_t        len;
    phr_str_t       body;
    const uint8_t  *p, *end;

    phr_put_be32(key, sid);
    phr_put_be16(key + 4, 0);

    rc = phr_record_get(txn, PHR_DB_SERIES, key, sizeof(key), &body, err);
    if (rc != PHR_OK) {
        return rc;
    }

    p = (const uint8_t *) body.data;
    end = p + body.len;

    if (phr_get_uvarint(&p, end, &len) != PHR_OK || len > PHR_SERIES_MAX
        || len < (size_t) (end - p))
    {
        return phr_err_set(err, PHR_ECORRUPT, "labels of series %u", sid);
    }

    if (len == (size_t) (end - p)) {
        *enc = phr_str_from((const char *) p, len);
        return phr_txn_keep(txn, arena, enc, err);
    }

    copy = phr_arena_alloc(arena, len);
    if (copy == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "no memory for the "
                           "labels of a series");
    }

    at = (size_t) (end - p);
    memcpy(copy, p, at);

    for (piece = 1; at < len; piece++) {
        phr_put_be16(key + 4, piece);

        rc = phr_record_get(txn, PHR_DB_SERIES, key, sizeof(key), &body, err);
        if (rc < 0) {
            return rc;
        }

        if (rc == PHR_NOTFOUND || body.len > len - at || body.len == 0) {
            return phr_err_set(err, PHR_ECORRUPT, "labels of series %u, "
                               "piece %u", sid, piece);
        }

        memcpy(copy + at, body.data, body.len);
        at += body.len;
    }

    *enc = phr_str_from(copy, len);

    return PHR_OK;
}


int
phr_series_labels(phr_txn_t *txn, phr_sid_t sid, phr_arena_t *arena,
    phr_labels_t *ls, phr_err_t *err)
{
    int        rc;
    phr_str_t  enc;

    rc = phr_series_encoding(txn, sid, arena, &enc, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_labels_decode(arena, (const uint8_t *) enc.data, enc.len, ls);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, rc == PHR_ECORRUPT
                           ? "damaged labels of series %u"
                           : "no memory for the labels of series %u", sid);
    }

    return PHR_OK;
}


int
phr_series_remove(phr_store_t *st, phr_sid_t sid, phr_err_t *err)
{
    int           rc;
    uint8_t       key[PHR_KEY_SERIES], hkey[PHR_KEY_HASH];
    uint64_t      hash;
    uint16_t      piece;
    phr_str_t     enc;
    phr_labels_t  ls;

    phr_arena_reset(st->scratch);

    rc = phr_series_encoding(st->txn, sid, st->scratch, &enc, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_labels_decode(st->scratch, (const uint8_t *) enc.data, enc.len,
                           &ls);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "labels of series %u", sid);
    }

    hash = phr_text_hash(st->txn, PHR_DB_HASH, enc);

    /* takes a copy, before the record goes */
    rc = phr_index_remove(st, sid, ls, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_put_be32(key, sid);

    for (piece = 0; /* void */; piece++) {
        phr_put_be16(key + 4, piece);

        rc = phr_txn_del(st->txn, PHR_DB_SERIES, key, sizeof(key), err);
        if (rc < 0) {
            return rc;
        }

        if (rc == PHR_NOTFOUND) {
            break;
        }
    }

    phr_put_be64(hkey, hash);
    phr_put_be32(hkey + 8, sid);

    rc = phr_txn_del(st->txn, PHR_DB_HASH, hkey, sizeof(hkey), err);
    if (rc < 0) {
        return rc;
    }

    if (st->known != NULL && phr_known_at(st, hash)->sid == sid) {
        phr_known_at(st, hash)->sid = 0;
    }

    if (st->nseries > 0) {
        st->nseries--;
    }

    return PHR_OK;
}


static phr_known_t *
phr_known_at(phr_store_t *st, uint64_t hash)
{
    return &st->known[hash % PHR_KNOWN_MAX];
}


/* what finds no memory, or is pushed out by another, is in PHR_DB_HASH */
static void
phr_known_add(phr_store_t *st, uint64_t hash, phr_sid_t sid)
{
    if (st->known == NULL) {
        st->known = phr_calloc(PHR_KNOWN_MAX, sizeof(phr_known_t));
        if (st->known == NULL) {
            return;
        }
    }

    phr_known_at(st, hash)->hash = hash;
    phr_known_at(st, hash)->sid = sid;
}


int
phr_group_get(phr_store_t *st, uint32_t number, phr_group_t **group,
    phr_err_t *err)
{
    int     rc;
    size_t  i;
    void  **slot;

    if (number > phr_group_of(st->next.sid)) {
        *group = NULL;
        return PHR_OK;
    }

    slot = phr_slot(&st->groups, number);
    if (slot == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    if (*slot == NULL) {
        *slot = phr_calloc(1, sizeof(phr_group_t));
        if (*slot == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        for (i = 0; i < PHR_GROUP_SIZE; i++) {
            ((phr_group_t *) *slot)->last[i] = PHR_LAST_NONE;
        }
    }

    *group = *slot;

    if (!(*group)->loaded) {
        rc = phr_group_load(st, number, *group, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


void
phr_group_destroy(phr_group_t *group)
{
    if (group != NULL) {
        phr_start_forget(group);
        phr_free(group);
    }
}


static int
phr_group_load(phr_store_t *st, uint32_t number, phr_group_t *g,
    phr_err_t *err)
{
    int        rc;
    uint8_t    key[4];
    phr_str_t  body;

    phr_put_be32(key, number);

    rc = phr_record_get(st->txn, PHR_DB_LAST, key, sizeof(key), &body, err);
    if (rc < 0) {
        return rc;
    }

    if (rc == PHR_OK) {
        rc = phr_group_decode(body, g->last);
        if (rc != PHR_OK) {
            return phr_err_set(err, rc, "damaged group %u", number);
        }
    }

    rc = phr_loose_load(st, number, g, err);
    if (rc != PHR_OK) {
        return rc;
    }

    g->loaded = 1;

    return PHR_OK;
}


int
phr_group_decode(phr_str_t body, int64_t *last)
{
    size_t  i;

    if (body.len != PHR_GROUP_BYTES) {
        return PHR_ECORRUPT;
    }

    for (i = 0; i < PHR_GROUP_SIZE; i++) {
        last[i] = phr_group_last(body, i);
    }

    return PHR_OK;
}


int
phr_group_touch(phr_store_t *st, uint32_t number, phr_err_t *err)
{
    uint32_t     *n;
    phr_group_t  *g;

    g = *phr_slot(&st->groups, number);

    if (g->dirty) {
        return PHR_OK;
    }

    n = phr_array_push(&st->dirty);
    if (n == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    *n = number;
    g->dirty = 1;

    return PHR_OK;
}


int
phr_groups_flush(phr_store_t *st, phr_err_t *err)
{
    int           rc;
    size_t        i;
    uint32_t      number;
    phr_group_t  *g;

    for (i = 0; i < st->dirty.nelts; i++) {
        number = *phr_array_get(&st->dirty, uint32_t, i);
        g = *phr_slot(&st->groups, number);

        rc = phr_group_write(st->txn, number, g->last, err);
        if (rc != PHR_OK) {
            return rc;
        }

        g->dirty = 0;
    }

    st->dirty.nelts = 0;

    return PHR_OK;
}


int
phr_group_write(phr_txn_t *txn, uint32_t number, const int64_t *last,
    phr_err_t *err)
{
    int       rc, any;
    size_t    i;
    uint8_t   key[4], *p;
    uint8_t   value[PHR_CRC_SIZE + PHR_GROUP_BYTES];
    uint64_t  v;

    phr_put_be32(key, number);
    p = value + PHR_CRC_SIZE;
    any = 0;

    for (i = 0; i < PHR_GROUP_SIZE; i++, p += PHR_LAST_BYTES) {
        v = last[i] == PHR_LAST_NONE ? 0
            : last[i] == PHR_LAST_EMPTY ? 1
            : (uint64_t) (last[i] + PHR_LAST_BIAS);
        any |= (v != 0);

        phr_put_be16(p, (uint16_t) (v >> 32));
        phr_put_be32(p + 2, (uint32_t) v);
    }

    if (any) {
        return phr_record_put(txn, PHR_DB_LAST, key, sizeof(key), value,
                              sizeof(value), err);
    }

    rc = phr_txn_del(txn, PHR_DB_LAST, key, sizeof(key), err);

    return rc < 0 ? rc : PHR_OK;
}
