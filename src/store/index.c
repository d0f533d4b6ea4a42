/*
 * Copyright (C) The Pharos Authors
 *
 * Index: see index.h.  The records:
 *
 *     name   str(name)             id:32 nvalues:32 bytes:64 [name]
 *     pair   name id:32 str(value) list:32 nseries:32 [value]
 *
 * str() is that of key.h; the string itself stands in the record only if it
 * was too long for the key.
 */

#include "store/index.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "store/postings.h"
#include "store/text.h"


#define PHR_NAME_BODY     16
#define PHR_PAIR_BODY     8
#define PHR_INDEX_KEY     (4 + PHR_KEY_STR_MAX)

/* entries that are collected before they are written */
#define PHR_INDEX_FLUSH   400000

/* the memory of so many is kept for the next ones */
#define PHR_INDEX_KEEP    1000


/* a record found or to be made: its key, and where the string goes */
typedef struct {
    phr_db_e   db;
    uint8_t    key[PHR_INDEX_KEY];
    size_t     klen;
    int        is_long;
    phr_str_t  string;
    phr_str_t  body;        /* in the map; valid until the next change */
} phr_index_record_t;


static int phr_index_collect(phr_store_t *st, phr_sid_t sid,
    phr_labels_t ls, phr_err_t *err);
static int phr_index_push(phr_store_t *st, phr_str_t name, phr_str_t value,
    phr_sid_t sid);
static int phr_index_cmp(const void *a, const void *b);
static int phr_index_name(phr_store_t *st, phr_index_entry_t *e, size_t n,
    int removal, phr_err_t *err);
static int phr_index_pair(phr_store_t *st, phr_name_t *name,
    const phr_index_entry_t *e, size_t n, phr_sid_t *sid, int removal,
    phr_err_t *err);
static int phr_index_find(phr_txn_t *txn, phr_db_e db, const uint32_t *id,
    phr_str_t s, size_t fixed, phr_index_record_t *r, phr_err_t *err);
static int phr_index_put(phr_txn_t *txn, phr_index_record_t *r,
    const uint8_t *fixed, size_t len, phr_err_t *err);
static int phr_name_put(phr_txn_t *txn, phr_index_record_t *r,
    const phr_name_t *n, phr_err_t *err);


int
phr_index_add(phr_store_t *st, phr_sid_t sid, phr_labels_t ls,
    phr_err_t *err)
{
    int  rc;

    rc = phr_index_collect(st, sid, ls, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (st->entries.nelts > PHR_INDEX_FLUSH) {
        return phr_index_flush(st, 0, err);
    }

    return PHR_OK;
}


int
phr_index_remove(phr_store_t *st, phr_sid_t sid, phr_labels_t ls,
    phr_err_t *err)
{
    return phr_index_collect(st, sid, ls, err);
}


static int
phr_index_collect(phr_store_t *st, phr_sid_t sid, phr_labels_t ls,
    phr_err_t *err)
{
    int        rc;
    char      *p;
    size_t     i, len;
    phr_str_t  name, value;

    len = 0;

    for (i = 0; i < ls.n; i++) {
        if (ls.l[i].name.len > PHR_STORE_MAX_LABEL
            || ls.l[i].value.len > PHR_STORE_MAX_LABEL)
        {
            return phr_err_set(err, PHR_ELIMIT, "label of more than %d bytes",
                               PHR_STORE_MAX_LABEL);
        }

        len += ls.l[i].name.len + ls.l[i].value.len;
    }

    p = phr_arena_alloc(st->pending, len + 1);
    if (p == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    rc = phr_index_push(st, phr_str_of(""), phr_str_of(""), sid);

    for (i = 0; i < ls.n && rc == PHR_OK; i++) {
        name = phr_str_from(p, ls.l[i].name.len);
        memcpy(p, ls.l[i].name.data, name.len);
        p += name.len;

        value = phr_str_from(p, ls.l[i].value.len);
        memcpy(p, ls.l[i].value.data, value.len);
        p += value.len;

        rc = phr_index_push(st, name, phr_str_of(""), sid);
        if (rc == PHR_OK) {
            rc = phr_index_push(st, name, value, sid);
        }
    }

    return rc == PHR_OK ? rc : phr_err_set(err, rc, "no memory");
}


static int
phr_index_push(phr_store_t *st, phr_str_t name, phr_str_t value,
    phr_sid_t sid)
{
    phr_index_entry_t  *e;

    e = phr_array_push(&st->entries);
    if (e == NULL) {
        return PHR_ENOMEM;
    }

    e->name = name;
    e->value = value;
    e->sid = sid;

    return PHR_OK;
}


static int
phr_index_cmp(const void *a, const void *b)
{
    int                       rc;
    const phr_index_entry_t  *x, *y;

    x = a;
    y = b;

    rc = phr_str_cmp(x->name, y->name);
    if (rc == 0) {
        rc = phr_str_cmp(x->value, y->value);
    }
    if (rc == 0) {
        rc = (x->sid > y->sid) - (x->sid < y->sid);
    }

    return rc;
}


int
phr_index_flush(phr_store_t *st, int removal, phr_err_t *err)
{
    int                 rc;
    size_t              i, k, n;
    phr_index_entry_t  *e;

    n = st->entries.nelts;
    e = st->entries.elts;
    rc = PHR_OK;

    if (n == 0) {
        return PHR_OK;
    }

    qsort(e, n, sizeof(phr_index_entry_t), phr_index_cmp);

    for (i = 0; i < n && rc == PHR_OK; i = k) {
        for (k = i + 1; k < n && phr_str_eq(e[k].name, e[i].name); k++) {
            /* void */
        }

        rc = phr_index_name(st, e + i, k - i, removal, err);
    }

    st->entries.nelts = 0;

    if (n > PHR_INDEX_KEEP) {
        phr_array_free(&st->entries);
    }

    phr_arena_reset(st->pending);

    return rc;
}


/* the entries of one label name */
static int
phr_index_name(phr_store_t *st, phr_index_entry_t *e, size_t n, int removal,
    phr_err_t *err)
{
    int                 rc;
    size_t              i, k;
    phr_name_t          name, before;
    phr_sid_t          *sid;
    phr_index_record_t  r;

    rc = phr_index_find(st->txn, PHR_DB_NAME, NULL, e->name, PHR_NAME_BODY,
                        &r, err);
    if (rc < 0) {
        return rc;
    }

    memset(&name, 0, sizeof(name));

    if (rc == PHR_OK) {
        name.id = phr_get_be32((const uint8_t *) r.body.data);
        name.nvalues = phr_get_be32((const uint8_t *) r.body.data + 4);
        name.bytes = phr_get_be64((const uint8_t *) r.body.data + 8);

    } else if (removal) {
        return PHR_OK;

    } else {
        name.id = st->next.name++;
    }

    before = name;

    if (rc == PHR_NOTFOUND) {
        before.nvalues = UINT32_MAX;    /* to be written in any case */
    }

    sid = phr_malloc(n * sizeof(phr_sid_t));
    if (sid == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    rc = PHR_OK;

    for (i = 0; i < n && rc == PHR_OK; i = k) {
        for (k = i + 1; k < n && phr_str_eq(e[k].value, e[i].value); k++) {
            /* void */
        }

        rc = phr_index_pair(st, &name, e + i, k - i, sid, removal, err);
    }

    phr_free(sid);

    if (rc == PHR_OK && (name.nvalues != before.nvalues
                         || name.bytes != before.bytes))
    {
        rc = phr_name_put(st->txn, &r, &name, err);
    }

    return rc;
}


/* the entries of one label and value; sid is room for as many ids */
static int
phr_index_pair(phr_store_t *st, phr_name_t *name, const phr_index_entry_t *e,
    size_t n, phr_sid_t *sid, int removal, phr_err_t *err)
{
    int                 rc;
    size_t              i;
    uint8_t             fixed[PHR_PAIR_BODY];
    phr_pair_t          pair;
    phr_index_record_t  r;

    rc = phr_index_find(st->txn, PHR_DB_PAIR, &name->id, e->value,
                        PHR_PAIR_BODY, &r, err);
    if (rc < 0) {
        return rc;
    }

    if (rc == PHR_OK) {
        pair.list = phr_get_be32((const uint8_t *) r.body.data);
        pair.nseries = phr_get_be32((const uint8_t *) r.body.data + 4);

    } else if (removal) {
        return PHR_OK;

    } else {
        pair.list = st->next.list++;
        pair.nseries = 0;

        if (e->value.len > 0) {
            name->nvalues++;
            name->bytes += e->value.len;
        }
    }

    for (i = 0; i < n; i++) {
        sid[i] = e[i].sid;
    }

    if (!removal) {
        rc = phr_post_append(st->txn, pair.list, sid, n, err);
        pair.nseries += (uint32_t) n;

    } else {
        rc = phr_post_remove(st->txn, pair.list, sid, n, err);
        pair.nseries -= (uint32_t) phr_min(n, pair.nseries);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    if (pair.nseries == 0) {
        if (e->value.len > 0) {
            name->nvalues -= (name->nvalues > 0);
            name->bytes -= phr_min(name->bytes, e->value.len);
        }

        rc = phr_txn_del(st->txn, PHR_DB_PAIR, r.key, r.klen, err);

        return rc < 0 ? rc : PHR_OK;
    }

    phr_put_be32(fixed, pair.list);
    phr_put_be32(fixed + 4, pair.nseries);

    return phr_index_put(st->txn, &r, fixed, sizeof(fixed), err);
}


/*
 * The record of a string, after a name's id if there is one.  If it is not
 * found, r->key is the one to make it under.
 */
static int
phr_index_find(phr_txn_t *txn, phr_db_e db, const uint32_t *id, phr_str_t s,
    size_t fixed, phr_index_record_t *r, phr_err_t *err)
{
    int        rc;
    size_t     at;
    uint32_t   probe;
    phr_str_t  found;

    at = 0;

    if (id != NULL) {
        phr_put_be32(r->key, *id);
        at = 4;
    }

    r->db = db;
    r->string = s;

    for (probe = 0; /* void */; probe++) {
        r->klen = at + phr_text_key(txn, db, id ? *id : 0, r->key + at, s,
                                    probe, &r->is_long);

        rc = phr_record_get(txn, db, r->key, r->klen, &r->body, err);
        if (rc != PHR_OK) {
            return rc;
        }

        if (r->body.len < fixed) {
            return phr_err_set(err, PHR_ECORRUPT, "record of %zu bytes in "
                               "\"%s\"", r->body.len, phr_db_name(db));
        }

        if (!r->is_long) {
            return PHR_OK;
        }

        found = phr_str_from(r->body.data + fixed, r->body.len - fixed);

        if (phr_str_eq(found, s)) {
            return PHR_OK;
        }
    }
}


static int
phr_index_put(phr_txn_t *txn, phr_index_record_t *r, const uint8_t *fixed,
    size_t len, phr_err_t *err)
{
    uint8_t  value[PHR_RECORD_MAX];

    memcpy(value + PHR_CRC_SIZE, fixed, len);
    len += PHR_CRC_SIZE;

    if (r->is_long) {
        memcpy(value + len, r->string.data, r->string.len);
        len += r->string.len;
    }

    return phr_record_put(txn, r->db, r->key, r->klen, value, len, err);
}


static int
phr_name_put(phr_txn_t *txn, phr_index_record_t *r, const phr_name_t *n,
    phr_err_t *err)
{
    int      rc;
    uint8_t  fixed[PHR_NAME_BODY];

    if (n->nvalues == 0 && r->string.len > 0) {
        rc = phr_txn_del(txn, PHR_DB_NAME, r->key, r->klen, err);

        return rc < 0 ? rc : PHR_OK;
    }

    phr_put_be32(fixed, n->id);
    phr_put_be32(fixed + 4, n->nvalues);
    phr_put_be64(fixed + 8, n->bytes);

    return phr_index_put(txn, r, fixed, sizeof(fixed), err);
}


int
phr_name_find(phr_txn_t *txn, phr_str_t name, phr_name_t *n, phr_err_t *err)
{
    int                 rc;
    phr_index_record_t  r;

    rc = phr_index_find(txn, PHR_DB_NAME, NULL, name, PHR_NAME_BODY, &r, err);
    if (rc != PHR_OK) {
        return rc;
    }

    n->id = phr_get_be32((const uint8_t *) r.body.data);
    n->nvalues = phr_get_be32((const uint8_t *) r.body.data + 4);
    n->bytes = phr_get_be64((const uint8_t *) r.body.data + 8);

    return PHR_OK;
}


int
phr_pair_find(phr_txn_t *txn, uint32_t name_id, phr_str_t value,
    phr_pair_t *pair, phr_err_t *err)
{
    int                 rc;
    phr_index_record_t  r;

    rc = phr_index_find(txn, PHR_DB_PAIR, &name_id, value, PHR_PAIR_BODY, &r,
                        err);
    if (rc != PHR_OK) {
        return rc;
    }

    pair->list = phr_get_be32((const uint8_t *) r.body.data);
    pair->nseries = phr_get_be32((const uint8_t *) r.body.data + 4);

    return PHR_OK;
}


/* the string of a record: from its key, or from behind the fixed part */
static int
phr_index_string(const phr_txn_t *txn, phr_db_e db, phr_str_t k,
    phr_str_t v, size_t at, size_t fixed, char *room, phr_str_t *s,
    phr_str_t *body, phr_err_t *err)
{
    int     rc;
    size_t  len, used;

    rc = phr_record_check(db, k, v, body, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (body->len < fixed || k.len < at) {
        return phr_err_set(err, PHR_ECORRUPT, "record of %zu bytes in "
                           "\"%s\"", body->len, phr_db_name(db));
    }

    rc = phr_text_get(txn, (const uint8_t *) k.data + at, k.len - at, room,
                      &len, &used);

    if (rc == PHR_FULL) {
        *s = phr_str_from(body->data + fixed, body->len - fixed);
        return PHR_OK;
    }

    if (rc != PHR_OK || used != k.len - at) {
        return phr_err_set(err, PHR_ECORRUPT, "damaged key in \"%s\"",
                           phr_db_name(db));
    }

    *s = phr_str_from(room, len);

    return PHR_OK;
}


int
phr_names_each(phr_txn_t *txn,
    int (*visit)(void *data, phr_str_t name, const phr_name_t *n),
    void *data, phr_err_t *err)
{
    int             rc;
    char            room[PHR_KEY_STR];
    phr_str_t       k, v, body, name;
    phr_name_t      n;
    phr_cursor_t   *cursor;

    rc = phr_cursor_open(txn, PHR_DB_NAME, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_cursor_first(cursor, &k, &v, err);

    while (rc == PHR_OK) {
        rc = phr_index_string(txn, PHR_DB_NAME, k, v, 0, PHR_NAME_BODY,
                              room, &name, &body, err);
        if (rc != PHR_OK) {
            break;
        }

        n.id = phr_get_be32((const uint8_t *) body.data);
        n.nvalues = phr_get_be32((const uint8_t *) body.data + 4);
        n.bytes = phr_get_be64((const uint8_t *) body.data + 8);

        /* the empty name is the list of all */
        rc = name.len == 0 ? PHR_OK : visit(data, name, &n);
        if (rc != PHR_OK) {
            phr_cursor_close(cursor);
            return rc;
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


/* keys tell no more than a long beginning, or nothing */
static int
phr_index_begins(phr_str_t s, phr_str_t prefix)
{
    return prefix.len == 0
           || (s.len >= prefix.len
               && memcmp(s.data, prefix.data, prefix.len) == 0);
}


int
phr_pairs_each(phr_txn_t *txn, uint32_t name_id, phr_str_t prefix,
    int (*visit)(void *data, phr_str_t value, const phr_pair_t *p),
    void *data, phr_err_t *err)
{
    int            rc;
    char           room[PHR_KEY_STR];
    size_t         klen;
    uint8_t        key[4 + PHR_KEY_STR_MAX];
    phr_str_t      k, v, body, value;
    phr_pair_t     pair;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(txn, PHR_DB_PAIR, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_put_be32(key, name_id);
    klen = phr_text_prefix(txn, key + 4, prefix);
    klen = 4 + phr_min(klen, PHR_KEY_STR);

    rc = phr_cursor_seek(cursor, key, klen, &k, &v, err);

    while (rc == PHR_OK && k.len > klen && memcmp(k.data, key, klen) == 0) {
        rc = phr_index_string(txn, PHR_DB_PAIR, k, v, 4, PHR_PAIR_BODY,
                              room, &value, &body, err);
        if (rc != PHR_OK) {
            break;
        }

        pair.list = phr_get_be32((const uint8_t *) body.data);
        pair.nseries = phr_get_be32((const uint8_t *) body.data + 4);

        /* the empty value is the list of those that have the label */
        rc = value.len == 0 || !phr_index_begins(value, prefix)
             ? PHR_OK : visit(data, value, &pair);
        if (rc != PHR_OK) {
            phr_cursor_close(cursor);
            return rc;
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}
