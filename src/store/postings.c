/*
 * Copyright (C) The Pharos Authors
 *
 * Postings: see postings.h.
 *
 *     key     list:32 first:32
 *     body    last:32 n:16, then n - 1 varints, distances less one
 */

#include "store/postings.h"

#include <stdlib.h>


#define PHR_POST_BYTES   1000       /* of varints in a record */
#define PHR_POST_HEADER  6


typedef struct {
    uint32_t  first;
    uint32_t  last;
    uint16_t  n;
    size_t    len;
    uint8_t   value[PHR_CRC_SIZE + PHR_POST_HEADER + PHR_POST_BYTES + 16];
} phr_post_record_t;


static void phr_post_begin(phr_post_record_t *r, phr_sid_t first);
static int phr_post_add(phr_post_record_t *r, phr_sid_t sid);
static int phr_post_put(phr_txn_t *txn, uint32_t list, phr_post_record_t *r,
    phr_err_t *err);
static int phr_post_find(phr_txn_t *txn, uint32_t list, uint32_t sid,
    uint32_t *first, phr_str_t *body, phr_err_t *err);
static int phr_post_rewrite(phr_txn_t *txn, uint32_t list, uint32_t first,
    const phr_sids_t *ids, const phr_sid_t *drop, size_t n, size_t *used,
    phr_err_t *err);
static int phr_sid_cmp(const void *a, const void *b);


static void
phr_post_begin(phr_post_record_t *r, phr_sid_t first)
{
    r->first = first;
    r->last = first;
    r->n = 1;
    r->len = PHR_CRC_SIZE + PHR_POST_HEADER;
}


static int
phr_post_add(phr_post_record_t *r, phr_sid_t sid)
{
    if (r->len >= PHR_CRC_SIZE + PHR_POST_HEADER + PHR_POST_BYTES
        || r->n == UINT16_MAX)
    {
        return PHR_FULL;
    }

    r->len += phr_put_uvarint(r->value + r->len, sid - r->last - 1);
    r->last = sid;
    r->n++;

    return PHR_OK;
}


static int
phr_post_put(phr_txn_t *txn, uint32_t list, phr_post_record_t *r,
    phr_err_t *err)
{
    uint8_t  key[PHR_KEY_POST];

    phr_put_be32(key, list);
    phr_put_be32(key + 4, r->first);
    phr_put_be32(r->value + PHR_CRC_SIZE, r->last);
    phr_put_be16(r->value + PHR_CRC_SIZE + 4, r->n);

    return phr_record_put(txn, PHR_DB_POST, key, sizeof(key), r->value,
                          r->len, err);
}


/* the record whose first id is the greatest that is not above sid */
static int
phr_post_find(phr_txn_t *txn, uint32_t list, uint32_t sid, uint32_t *first,
    phr_str_t *body, phr_err_t *err)
{
    int            rc;
    uint8_t        key[PHR_KEY_POST + 1];
    phr_str_t      k, v;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(txn, PHR_DB_POST, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    /* a byte more sorts right behind the key itself */
    phr_put_be32(key, list);
    phr_put_be32(key + 4, sid);
    key[8] = 0;

    rc = phr_cursor_before(cursor, key, sizeof(key), &k, &v, err);

    if (rc == PHR_OK) {
        if (k.len != PHR_KEY_POST) {
            rc = phr_err_set(err, PHR_ECORRUPT, "key of %zu bytes in \"post\"",
                             k.len);

        } else if (memcmp(k.data, key, 4) != 0) {
            rc = PHR_NOTFOUND;

        } else {
            *first = phr_get_be32((const uint8_t *) k.data + 4);
            rc = phr_record_check(PHR_DB_POST, k, v, body, err);
        }
    }

    phr_cursor_close(cursor);

    return rc;
}


int
phr_post_append(phr_txn_t *txn, uint32_t list, const phr_sid_t *sid,
    size_t n, phr_err_t *err)
{
    int                rc;
    size_t             i;
    uint32_t           first;
    phr_str_t          body;
    phr_post_record_t  r;

    i = 0;

    rc = phr_post_find(txn, list, UINT32_MAX, &first, &body, err);
    if (rc < 0) {
        return rc;
    }

    if (rc == PHR_OK && body.len >= PHR_POST_HEADER
        && body.len <= PHR_POST_HEADER + PHR_POST_BYTES + 10)
    {
        r.first = first;
        r.last = phr_get_be32((const uint8_t *) body.data);
        r.n = phr_get_be16((const uint8_t *) body.data + 4);
        r.len = PHR_CRC_SIZE + body.len;
        memcpy(r.value + PHR_CRC_SIZE, body.data, body.len);

        if (r.last >= sid[0]) {
            return phr_err_set(err, PHR_ECORRUPT, "series %u added to list "
                               "%u, which ends with %u", sid[0], list,
                               r.last);
        }

    } else {
        phr_post_begin(&r, sid[i++]);
    }

    for ( /* void */ ; i < n; i++) {

        if (phr_post_add(&r, sid[i]) == PHR_FULL) {
            rc = phr_post_put(txn, list, &r, err);
            if (rc != PHR_OK) {
                return rc;
            }

            phr_post_begin(&r, sid[i]);
        }
    }

    return phr_post_put(txn, list, &r, err);
}


int
phr_post_remove(phr_txn_t *txn, uint32_t list, const phr_sid_t *sid,
    size_t n, phr_err_t *err)
{
    int           rc;
    size_t        i, used;
    uint32_t      first;
    phr_str_t     body;
    phr_sids_t    ids;
    phr_arena_t  *arena;

    arena = phr_arena_create(0);
    if (arena == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    rc = PHR_OK;

    for (i = 0; i < n; i += used) {
        used = 1;

        rc = phr_post_find(txn, list, sid[i], &first, &body, err);
        if (rc < 0) {
            break;
        }

        if (rc == PHR_NOTFOUND) {
            continue;
        }

        phr_arena_reset(arena);
        phr_sids_init(&ids, arena);

        rc = phr_sids_reserve(&ids, UINT16_MAX);
        if (rc != PHR_OK) {
            rc = phr_err_set(err, rc, "no memory");
            break;
        }

        rc = phr_post_decode(first, body, &ids);
        if (rc != PHR_OK) {
            rc = phr_err_set(err, rc, "damaged list %u", list);
            break;
        }

        rc = phr_post_rewrite(txn, list, first, &ids, sid + i, n - i, &used,
                              err);
        if (rc != PHR_OK) {
            break;
        }
    }

    phr_arena_destroy(arena);

    return rc < 0 ? rc : PHR_OK;
}


/* writes ids without those in drop; *used is how many of drop are done */
static int
phr_post_rewrite(phr_txn_t *txn, uint32_t list, uint32_t first,
    const phr_sids_t *ids, const phr_sid_t *drop, size_t n, size_t *used,
    phr_err_t *err)
{
    int                rc;
    size_t             i, k;
    uint8_t            key[PHR_KEY_POST];
    phr_post_record_t  r;

    r.n = 0;
    k = 0;

    if (drop[0] == ids->v[0]) {
        /* the key goes with the id that it names */
        phr_put_be32(key, list);
        phr_put_be32(key + 4, first);

        rc = phr_txn_del(txn, PHR_DB_POST, key, sizeof(key), err);
        if (rc < 0) {
            return rc;
        }
    }

    for (i = 0; i < ids->n; i++) {

        while (k < n && drop[k] < ids->v[i]) {
            k++;
        }

        if (k < n && drop[k] == ids->v[i]) {
            continue;
        }

        if (r.n == 0) {
            phr_post_begin(&r, ids->v[i]);

        } else if (phr_post_add(&r, ids->v[i]) == PHR_FULL) {
            /* gaps grew by a removal, and with them the varints */
            rc = phr_post_put(txn, list, &r, err);
            if (rc != PHR_OK) {
                return rc;
            }

            phr_post_begin(&r, ids->v[i]);
        }
    }

    while (k < n && ids->n > 0 && drop[k] <= ids->v[ids->n - 1]) {
        k++;
    }

    *used = phr_max(k, 1);

    return r.n == 0 ? PHR_OK : phr_post_put(txn, list, &r, err);
}


int
phr_post_read(phr_txn_t *txn, uint32_t list, phr_sids_t *out,
    phr_err_t *err)
{
    int            rc;
    uint8_t        key[PHR_KEY_POST];
    phr_str_t      k, v, body;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(txn, PHR_DB_POST, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_put_be32(key, list);
    phr_put_be32(key + 4, 0);

    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    while (rc == PHR_OK && k.len == PHR_KEY_POST
           && memcmp(k.data, key, 4) == 0)
    {
        rc = phr_record_check(PHR_DB_POST, k, v, &body, err);
        if (rc != PHR_OK) {
            break;
        }

        rc = phr_post_take(list, k, body, out, err);
        if (rc != PHR_OK) {
            break;
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


int
phr_post_take(uint32_t list, phr_str_t key, phr_str_t body, phr_sids_t *out,
    phr_err_t *err)
{
    int  rc;

    if (body.len < PHR_POST_HEADER) {
        return phr_err_set(err, PHR_ECORRUPT, "damaged list %u", list);
    }

    rc = phr_sids_reserve(out, phr_get_be16((const uint8_t *) body.data + 4));
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "too much memory needed for a list of "
                           "series");
    }

    rc = phr_post_decode(phr_get_be32((const uint8_t *) key.data + 4), body,
                         out);

    return rc == PHR_OK ? rc : phr_err_set(err, rc, "damaged list %u", list);
}


int
phr_post_decode(uint32_t first, phr_str_t body, phr_sids_t *out)
{
    size_t          i, n;
    uint64_t        step, sid;
    const uint8_t  *p, *end;

    if (body.len < PHR_POST_HEADER) {
        return PHR_ECORRUPT;
    }

    p = (const uint8_t *) body.data;
    end = p + body.len;
    n = phr_get_be16(p + 4);
    p += PHR_POST_HEADER;
    sid = first;

    if (n == 0 || out->n + n > out->nalloc) {
        return PHR_ECORRUPT;
    }

    out->v[out->n] = first;

    for (i = 1; i < n; i++) {

        if (p < end && *p < 0x80) {
            step = *p++;

        } else if (phr_get_uvarint(&p, end, &step) != PHR_OK
                   || step > UINT32_MAX)
        {
            return PHR_ECORRUPT;
        }

        sid += step + 1;
        out->v[out->n + i] = (phr_sid_t) sid;
    }

    if (p != end || sid > UINT32_MAX
        || sid != phr_get_be32((const uint8_t *) body.data))
    {
        return PHR_ECORRUPT;
    }

    out->n += n;

    return PHR_OK;
}


void
phr_sids_init(phr_sids_t *s, phr_arena_t *arena)
{
    s->arena = arena;
    s->v = NULL;
    s->n = 0;
    s->nalloc = 0;
}


int
phr_sids_reserve(phr_sids_t *s, size_t n)
{
    size_t      nalloc;
    phr_sid_t  *v;

    if (s->n + n <= s->nalloc) {
        return PHR_OK;
    }

    nalloc = phr_max(s->nalloc * 2, s->n + n);
    nalloc = phr_max(nalloc, 64);

    v = phr_arena_grow(s->arena, s->v, s->nalloc * sizeof(phr_sid_t),
                       nalloc * sizeof(phr_sid_t));
    if (v == NULL) {
        return phr_arena_rc(s->arena);
    }

    s->v = v;
    s->nalloc = nalloc;

    return PHR_OK;
}


void
phr_sids_sort(phr_sids_t *s)
{
    size_t  i, n;

    for (i = 1; i < s->n && s->v[i - 1] < s->v[i]; i++) {
        /* void */
    }

    if (i >= s->n) {
        return;
    }

    qsort(s->v, s->n, sizeof(phr_sid_t), phr_sid_cmp);

    n = 1;

    for (i = 1; i < s->n; i++) {
        if (s->v[i] != s->v[n - 1]) {
            s->v[n++] = s->v[i];
        }
    }

    s->n = n;
}


static int
phr_sid_cmp(const void *a, const void *b)
{
    phr_sid_t  x, y;

    x = *(const phr_sid_t *) a;
    y = *(const phr_sid_t *) b;

    return (x > y) - (x < y);
}


void
phr_sids_intersect(phr_sids_t *a, const phr_sids_t *b)
{
    size_t  i, k, n;

    n = 0;

    for (i = 0, k = 0; i < a->n && k < b->n; /* void */) {

        if (a->v[i] < b->v[k]) {
            i++;

        } else if (a->v[i] > b->v[k]) {
            k++;

        } else {
            a->v[n++] = a->v[i];
            i++;
            k++;
        }
    }

    a->n = n;
}


void
phr_sids_subtract(phr_sids_t *a, const phr_sids_t *b)
{
    size_t  i, k, n;

    n = 0;
    k = 0;

    for (i = 0; i < a->n; i++) {

        while (k < b->n && b->v[k] < a->v[i]) {
            k++;
        }

        if (k == b->n || b->v[k] != a->v[i]) {
            a->v[n++] = a->v[i];
        }
    }

    a->n = n;
}
