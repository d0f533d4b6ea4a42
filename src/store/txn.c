/*
 * Copyright (C) The Pharos Authors
 *
 * Txn: transactions, cursors and records of an environment, see env.h.  In
 * an encrypted one values are sealed and opened here.
 */

#include "store/env_impl.h"

#include <errno.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "core/alloc.h"
#include "core/bytes.h"
#include "core/yield.h"


/* about what a move in a tree takes, see phr_yield() */
#define PHR_CURSOR_UNITS  64


/* room for a value that was opened */
typedef struct {
    uint8_t  value[PHR_VALUE_MAX];
} phr_plain_t;

struct phr_txn_s {
    MDB_txn             *mdb;
    phr_env_t           *env;
    int                  write;
    phr_cursor_t        *closed;        /* cursors, to be opened again */

    /* of an encrypted environment */
    phr_vault_worker_t  *worker;
    phr_plain_t         *get[PHR_TXN_GETS];
    unsigned             next;          /* in get[] */
};

struct phr_cursor_s {
    phr_cursor_t  *next;
    MDB_cursor    *mdb;         /* NULL: of what is missing */
    phr_txn_t     *txn;
    phr_db_e       db;
    phr_plain_t   *plain;
    int            placed;      /* it was moved since it was opened */
};


static void phr_txn_free(phr_txn_t *txn);
static int phr_txn_committed(phr_env_t *env, size_t id, int durable,
    phr_err_t *err);
static phr_cursor_t *phr_cursor_again(phr_txn_t *txn, phr_db_e db);
static int phr_txn_open(phr_txn_t *txn, phr_db_e db, phr_str_t key,
    phr_str_t *value, phr_plain_t **plain, phr_err_t *err);
static int phr_txn_seal(phr_txn_t *txn, phr_db_e db, phr_str_t key,
    const void *value, size_t len, uint8_t *sealed, phr_err_t *err);
static int phr_cursor_move(phr_cursor_t *cursor, phr_str_t *k, phr_str_t *v,
    MDB_cursor_op op, phr_err_t *err);

/* which values are sealed */
#define phr_txn_seals(txn, db, len)                                           \
    ((txn)->env->vault != NULL && (db) != PHR_DB_META && (len) != 0)

/* what is missing is empty, and only ever read */
#define phr_txn_has(txn, db)  ((int) (db) < (txn)->env->ndbs)


int
phr_txn_begin(phr_env_t *env, int write, phr_txn_t **txn, phr_err_t *err)
{
    int         rc;
    phr_txn_t  *t;

    t = phr_calloc(1, sizeof(phr_txn_t));
    if (t == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    t->env = env;
    t->write = write;

    if (env->vault != NULL) {
        rc = phr_vault_worker_create(env->vault, &t->worker, err);
        if (rc != PHR_OK) {
            phr_free(t);
            return rc;
        }
    }

    rc = mdb_txn_begin(env->mdb, NULL, write ? 0 : MDB_RDONLY, &t->mdb);
    if (rc != 0) {
        phr_txn_free(t);
        return phr_env_error(err, rc, "mdb_txn_begin()");
    }

    *txn = t;

    return PHR_OK;
}


/* all but what LMDB has of it */
static void
phr_txn_free(phr_txn_t *txn)
{
    unsigned       i;
    phr_cursor_t  *c;

    for (i = 0; i < PHR_TXN_GETS; i++) {
        phr_free(txn->get[i]);
    }

    while (txn->closed != NULL) {
        c = txn->closed;
        txn->closed = c->next;

        if (c->mdb != NULL) {
            mdb_cursor_close(c->mdb);
        }

        phr_free(c->plain);
        phr_free(c);
    }

    phr_vault_worker_destroy(txn->worker);
    phr_free(txn);
}


int
phr_txn_commit(phr_env_t *env, phr_txn_t *txn, int durable, phr_err_t *err)
{
    int              rc;
    size_t           id;
    MDB_txn         *mdb;
    struct statvfs   fs;

    mdb = txn->mdb;
    id = mdb_txn_id(mdb);
    phr_txn_free(txn);

    /* only the writer thread comes here, the flag is its own */
    rc = mdb_env_set_flags(env->mdb, MDB_NOMETASYNC, !durable);
    if (rc != 0) {
        mdb_txn_abort(mdb);
        return phr_env_error(err, rc, "mdb_env_set_flags()");
    }

    rc = mdb_txn_commit(mdb);
    if (rc == 0) {
        return phr_txn_committed(env, id, durable, err);
    }

    /* a short write to a full disk is reported as EIO */
    if (rc == EIO && statvfs(env->path, &fs) == 0 && fs.f_bavail < 1024) {
        rc = ENOSPC;
    }

    return phr_env_error(err, rc, "mdb_txn_commit()");
}


/*
 * What changed nothing is not written, so it flushes nothing of what was
 * committed before, either.
 */
static int
phr_txn_committed(phr_env_t *env, size_t id, int durable, phr_err_t *err)
{
    int          rc;
    MDB_envinfo  info;

    rc = mdb_env_info(env->mdb, &info);
    if (rc != 0) {
        return phr_env_error(err, rc, "mdb_env_info()");
    }

    if (info.me_last_txnid == id) {
        env->unsynced = durable ? 0 : id;
        return PHR_OK;
    }

    return durable ? phr_env_sync(env, err) : PHR_OK;
}


void
phr_txn_abort(phr_txn_t *txn)
{
    MDB_txn  *mdb;

    if (txn != NULL) {
        mdb = txn->mdb;
        phr_txn_free(txn);
        mdb_txn_abort(mdb);
    }
}


phr_vault_t *
phr_txn_vault(const phr_txn_t *txn)
{
    return txn->env->vault;
}


size_t
phr_txn_room(const phr_txn_t *txn)
{
    return txn->env->vault == NULL ? PHR_VALUE_MAX : PHR_RECORD_MAX;
}


int
phr_txn_keep(const phr_txn_t *txn, phr_arena_t *arena, phr_str_t *value,
    phr_err_t *err)
{
    char  *p;

    if (txn->env->vault == NULL) {
        return PHR_OK;
    }

    p = phr_arena_alloc(arena, value->len + 1);
    if (p == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "too much memory "
                           "needed for records");
    }

    memcpy(p, value->data, value->len);
    value->data = p;

    return PHR_OK;
}


/*
 * Opens a value into *plain, made if it is NULL.  What cannot be opened
 * becomes empty, which is damage to whoever checks it.
 */
static int
phr_txn_open(phr_txn_t *txn, phr_db_e db, phr_str_t key, phr_str_t *value,
    phr_plain_t **plain, phr_err_t *err)
{
    uint8_t  *p;

    if (*plain == NULL) {
        *plain = phr_malloc(sizeof(phr_plain_t));
        if (*plain == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }
    }

    p = (*plain)->value;

    if (value->len < PHR_CRC_SIZE + PHR_VAULT_OVERHEAD
        || value->len > PHR_VALUE_MAX
        || phr_vault_open(txn->worker, (uint8_t) db, key,
                          (const uint8_t *) value->data + PHR_CRC_SIZE,
                          value->len - PHR_CRC_SIZE, p + PHR_CRC_SIZE)
           != PHR_OK)
    {
        *value = phr_str_from((const char *) p, 0);
        return PHR_OK;
    }

    value->len -= PHR_VAULT_OVERHEAD;
    value->data = (const char *) p;

    phr_record_seal(key.data, key.len, p, value->len);

    return PHR_OK;
}


static int
phr_txn_seal(phr_txn_t *txn, phr_db_e db, phr_str_t key, const void *value,
    size_t len, uint8_t *sealed, phr_err_t *err)
{
    int  rc;

    phr_assert(len >= PHR_CRC_SIZE && len <= PHR_RECORD_MAX);

    rc = phr_vault_seal(txn->worker, (uint8_t) db, key,
                        (const uint8_t *) value + PHR_CRC_SIZE,
                        len - PHR_CRC_SIZE, sealed + PHR_CRC_SIZE, err);

    if (rc == PHR_OK) {
        phr_record_seal(key.data, key.len, sealed, len + PHR_VAULT_OVERHEAD);
    }

    return rc;
}


int
phr_txn_stat(phr_txn_t *txn, phr_db_e db, phr_db_stat_t *stat,
    phr_err_t *err)
{
    int       rc;
    MDB_stat  st;

    if (!phr_txn_has(txn, db)) {
        memset(stat, 0, sizeof(phr_db_stat_t));
        return PHR_OK;
    }

    rc = mdb_stat(txn->mdb, phr_dbi(db), &st);
    if (rc != 0) {
        return phr_env_error(err, rc, "mdb_stat()");
    }

    stat->nentries = st.ms_entries;
    stat->npages = st.ms_branch_pages + st.ms_leaf_pages
                   + st.ms_overflow_pages;

    return PHR_OK;
}


uint64_t
phr_txn_id(phr_txn_t *txn)
{
    return mdb_txn_id(txn->mdb);
}


int
phr_txn_free_pages(phr_txn_t *txn,
    int (*visit)(void *data, uint64_t id, const char *pages, size_t n),
    void *data, phr_err_t *err)
{
    int          rc, visited;
    size_t       id, n;
    MDB_val      k, v;
    MDB_cursor  *cursor;

    rc = mdb_cursor_open(txn->mdb, PHR_DBI_FREE, &cursor);
    if (rc != 0) {
        return phr_env_error(err, rc, "mdb_cursor_open()");
    }

    visited = PHR_OK;

    while (visited == PHR_OK
           && (rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0)
    {
        if (k.mv_size != sizeof(id) || v.mv_size < sizeof(n)) {
            visited = phr_err_set(err, PHR_ECORRUPT, "damaged list of free "
                                  "pages");
            break;
        }

        memcpy(&id, k.mv_data, sizeof(id));
        memcpy(&n, v.mv_data, sizeof(n));

        if (n > v.mv_size / sizeof(n) - 1) {
            visited = phr_err_set(err, PHR_ECORRUPT, "damaged list of free "
                                  "pages");
            break;
        }

        visited = visit(data, id, (const char *) v.mv_data + sizeof(n), n);
    }

    mdb_cursor_close(cursor);

    if (visited != PHR_OK) {
        return visited;
    }

    return rc == MDB_NOTFOUND ? PHR_OK
                              : phr_env_error(err, rc, "mdb_cursor_get()");
}


int
phr_txn_get(phr_txn_t *txn, phr_db_e db, const void *key, size_t klen,
    phr_str_t *value, phr_err_t *err)
{
    int            rc;
    MDB_val        k, v;
    phr_plain_t  **plain;

    if (!phr_txn_has(txn, db)) {
        return PHR_NOTFOUND;
    }

    k.mv_data = (void *) key;
    k.mv_size = klen;

    rc = mdb_get(txn->mdb, phr_dbi(db), &k, &v);

    if (rc == 0) {
        *value = phr_str_from(v.mv_data, v.mv_size);

        if (!phr_txn_seals(txn, db, v.mv_size)) {
            return PHR_OK;
        }

        plain = &txn->get[txn->next++ % PHR_TXN_GETS];

        return phr_txn_open(txn, db, phr_str_from(key, klen), value, plain,
                            err);
    }

    if (rc == MDB_NOTFOUND) {
        return PHR_NOTFOUND;
    }

    return phr_env_error(err, rc, "mdb_get()");
}


int
phr_txn_put(phr_txn_t *txn, phr_db_e db, const void *key, size_t klen,
    const void *value, size_t len, phr_err_t *err)
{
    int      rc;
    uint8_t  sealed[PHR_VALUE_MAX];
    MDB_val  k, v;

    phr_assert(klen > 0 && klen <= PHR_KEY_MAX && len <= PHR_VALUE_MAX);

    if (phr_txn_seals(txn, db, len)) {
        rc = phr_txn_seal(txn, db, phr_str_from(key, klen), value, len,
                          sealed, err);
        if (rc != PHR_OK) {
            return rc;
        }

        value = sealed;
        len += PHR_VAULT_OVERHEAD;
    }

    k.mv_data = (void *) key;
    k.mv_size = klen;
    v.mv_data = (void *) value;
    v.mv_size = len;

    rc = mdb_put(txn->mdb, phr_dbi(db), &k, &v, 0);

    return rc == 0 ? PHR_OK : phr_env_error(err, rc, "mdb_put()");
}


int
phr_txn_del(phr_txn_t *txn, phr_db_e db, const void *key, size_t klen,
    phr_err_t *err)
{
    int      rc;
    MDB_val  k;

    k.mv_data = (void *) key;
    k.mv_size = klen;

    rc = mdb_del(txn->mdb, phr_dbi(db), &k, NULL);

    if (rc == 0 || rc == MDB_NOTFOUND) {
        return rc == 0 ? PHR_OK : PHR_NOTFOUND;
    }

    return phr_env_error(err, rc, "mdb_del()");
}


int
phr_cursor_open(phr_txn_t *txn, phr_db_e db, phr_cursor_t **cursor,
    phr_err_t *err)
{
    int            rc;
    phr_cursor_t  *c;

    c = phr_cursor_again(txn, db);

    if (c == NULL) {
        c = phr_calloc(1, sizeof(phr_cursor_t));
        if (c == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        c->next = txn->closed;
        txn->closed = c;
    }

    if (c->mdb == NULL && phr_txn_has(txn, db)) {

        rc = mdb_cursor_open(txn->mdb, phr_dbi(db), &c->mdb);
        if (rc != 0) {
            return phr_env_error(err, rc, "mdb_cursor_open()");
        }
    }

    txn->closed = c->next;
    c->txn = txn;
    c->db = db;
    c->placed = 0;
    *cursor = c;

    return PHR_OK;
}


/* one that was closed, the first of the list then: best of the same tree */
static phr_cursor_t *
phr_cursor_again(phr_txn_t *txn, phr_db_e db)
{
    phr_cursor_t  *c, **p, **last;

    last = NULL;

    for (p = &txn->closed; *p != NULL; p = &(*p)->next) {

        if ((*p)->mdb == NULL) {
            last = p;

        } else if ((*p)->db == db) {
            last = p;
            break;
        }
    }

    if (last == NULL) {
        return NULL;
    }

    c = *last;
    *last = c->next;
    c->next = txn->closed;
    txn->closed = c;

    return c;
}


void
phr_cursor_close(phr_cursor_t *cursor)
{
    if (cursor == NULL) {
        return;
    }

    /*
     * The value that it gave last stays until it is opened again.  Where
     * nothing is written so does its place, near which the next search may
     * well end.
     */

    if (cursor->mdb != NULL && cursor->txn->write) {
        mdb_cursor_close(cursor->mdb);
        cursor->mdb = NULL;
    }

    cursor->next = cursor->txn->closed;
    cursor->txn->closed = cursor;
}


static int
phr_cursor_move(phr_cursor_t *cursor, phr_str_t *k, phr_str_t *v,
    MDB_cursor_op op, phr_err_t *err)
{
    int      rc;
    MDB_val  key, value;

    phr_yield(PHR_CURSOR_UNITS);

    if (cursor->mdb == NULL) {
        return PHR_NOTFOUND;
    }

    if (!cursor->placed) {
        op = op == MDB_NEXT ? MDB_FIRST : op == MDB_PREV ? MDB_LAST : op;
        cursor->placed = 1;
    }

    key.mv_data = (void *) k->data;
    key.mv_size = k->len;

    rc = mdb_cursor_get(cursor->mdb, &key, &value, op);

    if (rc == 0) {
        *k = phr_str_from(key.mv_data, key.mv_size);
        *v = phr_str_from(value.mv_data, value.mv_size);

        return phr_txn_seals(cursor->txn, cursor->db, value.mv_size)
               ? phr_txn_open(cursor->txn, cursor->db, *k, v,
                              &cursor->plain, err)
               : PHR_OK;
    }

    if (rc == MDB_NOTFOUND) {
        return PHR_NOTFOUND;
    }

    return phr_env_error(err, rc, "mdb_cursor_get()");
}


int
phr_cursor_seek(phr_cursor_t *cursor, const void *key, size_t klen,
    phr_str_t *k, phr_str_t *v, phr_err_t *err)
{
    *k = phr_str_from(key, klen);

    return phr_cursor_move(cursor, k, v, MDB_SET_RANGE, err);
}


int
phr_cursor_next(phr_cursor_t *cursor, phr_str_t *k, phr_str_t *v,
    phr_err_t *err)
{
    return phr_cursor_move(cursor, k, v, MDB_NEXT, err);
}


int
phr_cursor_prev(phr_cursor_t *cursor, phr_str_t *k, phr_str_t *v,
    phr_err_t *err)
{
    return phr_cursor_move(cursor, k, v, MDB_PREV, err);
}


int
phr_cursor_first(phr_cursor_t *cursor, phr_str_t *k, phr_str_t *v,
    phr_err_t *err)
{
    return phr_cursor_move(cursor, k, v, MDB_FIRST, err);
}


int
phr_cursor_last(phr_cursor_t *cursor, phr_str_t *k, phr_str_t *v,
    phr_err_t *err)
{
    return phr_cursor_move(cursor, k, v, MDB_LAST, err);
}


int
phr_cursor_before(phr_cursor_t *cursor, const void *key, size_t klen,
    phr_str_t *k, phr_str_t *v, phr_err_t *err)
{
    int  rc;

    rc = phr_cursor_seek(cursor, key, klen, k, v, err);

    if (rc == PHR_NOTFOUND) {
        return phr_cursor_last(cursor, k, v, err);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    return phr_cursor_prev(cursor, k, v, err);
}


int
phr_cursor_del(phr_cursor_t *cursor, phr_err_t *err)
{
    int  rc;

    rc = mdb_cursor_del(cursor->mdb, 0);

    return rc == 0 ? PHR_OK : phr_env_error(err, rc, "mdb_cursor_del()");
}


void
phr_record_seal(const void *key, size_t klen, void *value, size_t len)
{
    uint32_t  crc;
    uint8_t  *p;

    phr_assert(len >= PHR_CRC_SIZE);

    p = value;
    crc = phr_crc32c(0, key, klen);
    crc = phr_crc32c(crc, p + PHR_CRC_SIZE, len - PHR_CRC_SIZE);

    phr_put_be32(p, crc);
}


int
phr_record_check(phr_db_e db, phr_str_t key, phr_str_t value,
    phr_str_t *body, phr_err_t *err)
{
    char      hex[2 * 40 + 1];
    size_t    i;
    uint32_t  crc, found;

    crc = 0;
    found = 0;

    /* a length that no record has is damage of the tree itself */

    if (value.len >= PHR_CRC_SIZE && value.len <= PHR_VALUE_MAX
        && key.len <= PHR_KEY_MAX)
    {
        crc = phr_crc32c(0, key.data, key.len);
        crc = phr_crc32c(crc, value.data + PHR_CRC_SIZE,
                         value.len - PHR_CRC_SIZE);
        found = phr_get_be32((const uint8_t *) value.data);

        if (crc == found) {
            *body = phr_str_from(value.data + PHR_CRC_SIZE,
                                 value.len - PHR_CRC_SIZE);
            return PHR_OK;
        }
    }

    for (i = 0; i < key.len && i < 40 && key.len <= PHR_KEY_MAX; i++) {
        snprintf(hex + 2 * i, 3, "%02x", (uint8_t) key.data[i]);
    }
    hex[2 * i] = '\0';

    return phr_err_set(err, PHR_ECORRUPT, "damaged record of %zu bytes in "
                       "\"%s\", key %s: checksum %08x, expected %08x",
                       value.len, phr_db_name(db), hex, found, crc);
}


int
phr_record_put(phr_txn_t *txn, phr_db_e db, const void *key, size_t klen,
    void *value, size_t len, phr_err_t *err)
{
    phr_record_seal(key, klen, value, len);

    return phr_txn_put(txn, db, key, klen, value, len, err);
}


int
phr_record_get(phr_txn_t *txn, phr_db_e db, const void *key, size_t klen,
    phr_str_t *body, phr_err_t *err)
{
    int        rc;
    phr_str_t  value;

    rc = phr_txn_get(txn, db, key, klen, &value, err);
    if (rc != PHR_OK) {
        return rc;
    }

    return phr_record_check(db, phr_str_from(key, klen), value, body, err);
}
