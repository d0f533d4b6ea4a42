/*
 * Copyright (C) The Pharos Authors
 *
 * Env: the LMDB environment, its sub-databases, transactions and cursors,
 * and the checksum that opens every record.  The only file that knows LMDB;
 * what the records mean is not known here.
 *
 * One process opens an environment once, never before a fork.  A write
 * transaction and its cursors belong to the writer thread, a read
 * transaction to whichever thread began it.  Data returned by a get or a
 * cursor points into the map: until the transaction ends in a reader, until
 * the next change in a writer.
 *
 * An environment may be encrypted: values are, but for those of "meta" and
 * the empty ones; keys are not.  The checksum then covers what is sealed, so
 * that damage is found without the key.  Values returned by a get or a
 * cursor are open, with a checksum of their own, and last only until that
 * cursor moves, or for PHR_TXN_GETS gets; phr_txn_keep() makes them last.
 */

#ifndef PHR_ENV_H_INCLUDED
#define PHR_ENV_H_INCLUDED


#include "core/arena.h"
#include "store/vault.h"


/* a value fills one overflow page at most: longer ones fragment the file */
#define PHR_VALUE_MAX    4080
#define PHR_CRC_SIZE     4

/* and one that is encrypted has so much room for what is written */
#define PHR_RECORD_MAX   (PHR_VALUE_MAX - PHR_VAULT_OVERHEAD)
#define PHR_KEY_MAX      511


/* ORDER DB: names in env.c */
typedef enum {
    PHR_DB_META = 0,    /* version, counters */
    PHR_DB_KV,          /* small records */
    PHR_DB_SOURCE,      /* name of a source -> id */
    PHR_DB_HEAD,        /* layouts: source, id -> size, range of sids */
    PHR_DB_LAYOUT,      /* layouts: their series ids, in pieces */
    PHR_DB_ROW,         /* rows, in pieces */
    PHR_DB_LOOSE,       /* samples that came with times of their own */
    PHR_DB_PACK,        /* packs of chunks */
    PHR_DB_WINDOW,      /* what is in the packs of a window */
    PHR_DB_LAST,        /* last times of the series of a group */
    PHR_DB_SERIES,      /* sid -> labels */
    PHR_DB_HASH,        /* hash of labels, sid */
    PHR_DB_NAME,        /* label name -> id */
    PHR_DB_PAIR,        /* label name id, value -> id of the list */
    PHR_DB_POST,        /* lists of sids */
    PHR_DB_COARSE,      /* buckets of old samples */
    PHR_DB_EXEMPLAR,    /* exemplars, in the order they came */
    PHR_DB_MAX
} phr_db_e;


typedef struct phr_env_s     phr_env_t;
typedef struct phr_txn_s     phr_txn_t;
typedef struct phr_cursor_s  phr_cursor_t;


typedef struct {
    uint64_t  nentries;
    uint64_t  npages;
} phr_db_stat_t;


typedef struct {
    uint64_t  page_bytes;
    uint64_t  file_bytes;       /* up to the last page in use */
    uint64_t  used_bytes;       /* without free pages */
    uint64_t  map_bytes;
} phr_env_stat_t;


typedef struct {
    uint64_t  bytes;            /* of the filesystem */
    uint64_t  free_bytes;       /* for whoever is not root */
} phr_env_disk_t;


/*
 * path is an existing directory.  Creates what is missing unless read_only.
 * PHR_ECORRUPT, PHR_EIO, PHR_ENOSPC, PHR_ENOMEM or PHR_EINVAL.
 */
int phr_env_open(const char *path, uint64_t map_bytes, int read_only,
    phr_env_t **env, phr_err_t *err);
void phr_env_close(phr_env_t *env);             /* env may be NULL */
const char *phr_env_path(const phr_env_t *env);

/*
 * Makes all that was committed survive a power failure; nothing is done if
 * it does already.
 */
int phr_env_sync(phr_env_t *env, phr_err_t *err);

/* 0 if it would do nothing, else another number after each commit */
uint64_t phr_env_unsynced(const phr_env_t *env);

/*
 * Gives back the pages of the file that were read, as far as they count as
 * memory of this process; the kernel keeps them as long as it likes.  One
 * thread at a time; who reads meanwhile notices nothing.
 */
void phr_env_relax(phr_env_t *env);

/* the disk below the environment; PHR_EIO */
int phr_env_disk(phr_env_t *env, phr_env_disk_t *disk, phr_err_t *err);

/*
 * Seals and opens all values with this key from now on; before the first
 * transaction.  PHR_ENOMEM or PHR_ERROR.
 */
int phr_env_encrypt(phr_env_t *env, const uint8_t key[PHR_VAULT_KEY],
    phr_err_t *err);

/* the same with the key of another environment, if it has one */
int phr_env_encrypt_as(phr_env_t *env, const phr_env_t *other,
    phr_err_t *err);

/* NULL: not encrypted */
phr_vault_t *phr_env_vault(const phr_env_t *env);

/* frees the slots of readers that died; once at open, then each minute */
void phr_env_check_readers(phr_env_t *env);


int phr_txn_begin(phr_env_t *env, int write, phr_txn_t **txn,
    phr_err_t *err);

/*
 * Ends the transaction, whatever the outcome.  durable: see env.c for what
 * survives what.
 */
int phr_txn_commit(phr_env_t *env, phr_txn_t *txn, int durable,
    phr_err_t *err);
void phr_txn_abort(phr_txn_t *txn);             /* txn may be NULL */

/* NULL: not encrypted */
phr_vault_t *phr_txn_vault(const phr_txn_t *txn);

/* how long a value may be that is put, PHR_RECORD_MAX at least */
size_t phr_txn_room(const phr_txn_t *txn);

/*
 * Makes the value last as long as the arena, unless it lasts as long as the
 * transaction anyway.  PHR_OK, or the arena's failure.
 */
int phr_txn_keep(const phr_txn_t *txn, phr_arena_t *arena, phr_str_t *value,
    phr_err_t *err);

int phr_txn_stat(phr_txn_t *txn, phr_db_e db, phr_db_stat_t *stat,
    phr_err_t *err);
int phr_env_stat(phr_env_t *env, phr_txn_t *txn, phr_env_stat_t *stat,
    phr_err_t *err);


/*
 * For copies of the file.  fd is the file's, to be read by pread() only and
 * never closed.  Whoever moves its offset destroys the store: LMDB seeks, and
 * then writes where the offset is.  The number of a transaction is that of
 * the state it sees.
 */
int phr_env_fd(phr_env_t *env, int *fd, phr_err_t *err);
uint64_t phr_txn_id(phr_txn_t *txn);

/*
 * Visits the lists of pages that are free in what a reader sees, with the
 * transaction that freed them; pages points at n u64.  A visit that returns
 * other than PHR_OK ends it, with that.
 */
int phr_txn_free_pages(phr_txn_t *txn,
    int (*visit)(void *data, uint64_t id, const char *pages, size_t n),
    void *data, phr_err_t *err);


/* gets whose values are there at once, where they are encrypted */
#define PHR_TXN_GETS  16

/* PHR_OK, PHR_NOTFOUND or a failure; the raw value, checksum included */
int phr_txn_get(phr_txn_t *txn, phr_db_e db, const void *key, size_t klen,
    phr_str_t *value, phr_err_t *err);
int phr_txn_put(phr_txn_t *txn, phr_db_e db, const void *key, size_t klen,
    const void *value, size_t len, phr_err_t *err);

/* PHR_OK or PHR_NOTFOUND */
int phr_txn_del(phr_txn_t *txn, phr_db_e db, const void *key, size_t klen,
    phr_err_t *err);


int phr_cursor_open(phr_txn_t *txn, phr_db_e db, phr_cursor_t **cursor,
    phr_err_t *err);
void phr_cursor_close(phr_cursor_t *cursor);    /* cursor may be NULL */

/*
 * The first record whose key is not less than this one.  All moves give
 * PHR_OK, PHR_NOTFOUND or a failure.
 */
int phr_cursor_seek(phr_cursor_t *cursor, const void *key, size_t klen,
    phr_str_t *k, phr_str_t *v, phr_err_t *err);
int phr_cursor_next(phr_cursor_t *cursor, phr_str_t *k, phr_str_t *v,
    phr_err_t *err);
int phr_cursor_prev(phr_cursor_t *cursor, phr_str_t *k, phr_str_t *v,
    phr_err_t *err);
int phr_cursor_first(phr_cursor_t *cursor, phr_str_t *k, phr_str_t *v,
    phr_err_t *err);
int phr_cursor_last(phr_cursor_t *cursor, phr_str_t *k, phr_str_t *v,
    phr_err_t *err);

/* the last record whose key is less than this one */
int phr_cursor_before(phr_cursor_t *cursor, const void *key, size_t klen,
    phr_str_t *k, phr_str_t *v, phr_err_t *err);

/* deletes where the cursor stands; next() then gives what followed */
int phr_cursor_del(phr_cursor_t *cursor, phr_err_t *err);


/*
 * Every record begins with a CRC-32C of its key and of the rest of it.
 * seal() writes it into the first four bytes, check() gives the rest or
 * PHR_ECORRUPT, naming the sub-database and the key.  In an encrypted
 * environment check() takes what a get or a cursor returned, and as well
 * what stands in the file: then "body" is sealed.
 */
void phr_record_seal(const void *key, size_t klen, void *value, size_t len);
int phr_record_check(phr_db_e db, phr_str_t key, phr_str_t value,
    phr_str_t *body, phr_err_t *err);

/* put() of value with the checksum set; get() of a checked body */
int phr_record_put(phr_txn_t *txn, phr_db_e db, const void *key, size_t klen,
    void *value, size_t len, phr_err_t *err);
int phr_record_get(phr_txn_t *txn, phr_db_e db, const void *key, size_t klen,
    phr_str_t *body, phr_err_t *err);

const char *phr_db_name(phr_db_e db);

/*
 * Whether a sub-database came with a later version: a store that was not
 * opened for writing since lacks it, and is read as if it were empty.
 */
#define phr_db_is_later(db)  ((db) > PHR_DB_POST)


#endif /* PHR_ENV_H_INCLUDED */
