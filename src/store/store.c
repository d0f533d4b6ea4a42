/*
 * Copyright (C) The Pharos Authors
 *
 * Store: opening, committing, and what others may ask.  How samples are
 * kept, written, packed and read is in the other files of this folder;
 * FORMAT.md describes the records.
 */

#include "store/store.h"

#include <stdio.h>
#include <syslog.h>

#include "core/alloc.h"
#include "store/append.h"
#include "store/block.h"
#include "store/change.h"
#include "store/coarse_make.h"
#include "store/index.h"
#include "store/internal.h"
#include "store/exemplar.h"
#include "store/keep.h"
#include "store/kv.h"
#include "store/loose.h"
#include "store/place.h"
#include "store/source.h"
#include "store/select.h"
#include "store/series.h"
#include "store/start.h"
#include "store/tree.h"


#define PHR_STORE_MAGIC     "pharos store"
#define PHR_STORE_COUNTERS  32      /* bytes */

/*
 * The record of the counters says that so many sequences more are taken, or
 * each commit of loose samples would change a page for it.
 */
#define PHR_STORE_SEQS      4096

/* new series of a transaction that are enough */
#define PHR_STORE_HEAVY     1000


static int phr_store_check_version(phr_store_t *st, phr_err_t *err);
static int phr_store_check_format(phr_store_t *st, uint32_t version,
    phr_err_t *err);
static int phr_store_write_version(phr_store_t *st, phr_err_t *err);
static int phr_store_read_counters(phr_store_t *st, phr_err_t *err);
static int phr_store_write_counters(phr_store_t *st, phr_err_t *err);
static void phr_store_account(phr_store_t *st, int committed);


int
phr_store_open(const phr_store_conf_t *conf, phr_store_t **out,
    phr_err_t *err)
{
    int           rc;
    phr_store_t  *st;

    st = phr_calloc(1, sizeof(phr_store_t));
    if (st == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    phr_assert(conf->nrules <= PHR_STORE_MAX_RULES);

    st->conf = *conf;
    st->conf.path = NULL;
    st->storage.querier = phr_querier_open;
    st->appender.base.ops = &phr_store_appender_ops;
    st->appender.st = st;
    st->now_ms = PHR_TIME_MIN;
    st->overlap_from_ms = 1;
    st->full_ms = PHR_TIME_MIN;
    st->dropped_ms = PHR_TIME_MIN;
    st->change_ms = PHR_TIME_MAX;
    phr_change_init(&st->changes);
    phr_keep_init(&st->keep, &st->conf);
    st->shown = st->keep;
    phr_retain_init(st);
    phr_coarse_forget(st);

    phr_array_init(&st->sources, sizeof(void *));
    phr_array_init(&st->groups, sizeof(void *));
    phr_array_init(&st->dirty, sizeof(uint32_t));
    phr_array_init(&st->entries, sizeof(phr_index_entry_t));
    phr_array_init(&st->start_notes, sizeof(phr_loose_t));
    phr_buf_init(&st->buf, 0);
    pthread_mutex_init(&st->mutex, NULL);

    phr_store_max_exemplars(st, conf->max_exemplars);

    st->names = phr_map_create();
    st->scratch = phr_arena_create(0);
    st->pending = phr_arena_create(0);

    if (st->names == NULL || st->scratch == NULL || st->pending == NULL) {
        rc = phr_err_set(err, PHR_ENOMEM, "no memory");
        goto failed;
    }

    rc = phr_place_check(conf->path, err);
    if (rc == PHR_OK) {
        rc = phr_env_open(conf->path, conf->map_size_bytes, conf->read_only,
                          &st->env, err);
    }
    if (rc == PHR_OK && conf->key != NULL) {
        rc = phr_env_encrypt(st->env, conf->key, err);
        st->conf.key = NULL;
    }
    if (rc != PHR_OK) {
        goto failed;
    }

    rc = phr_store_check_version(st, err);
    if (rc != PHR_OK) {
        phr_err_prefix(err, "\"%s\": ", conf->path);
        goto failed;
    }

    st->first_sid = st->next.sid;
    *out = st;

    return PHR_OK;

failed:

    phr_store_close(st);

    return rc;
}


void
phr_store_close(phr_store_t *st)
{
    if (st == NULL) {
        return;
    }

    phr_txn_abort(st->txn);
    st->txn = NULL;

    phr_store_forget(st);
    phr_retain_forget(st);

    phr_array_free(&st->sources);
    phr_array_free(&st->groups);
    phr_array_free(&st->dirty);
    phr_array_free(&st->entries);
    phr_array_free(&st->start_notes);
    phr_buf_free(&st->buf);
    phr_map_destroy(st->names);
    phr_arena_destroy(st->scratch);
    phr_arena_destroy(st->pending);
    phr_env_close(st->env);
    pthread_mutex_destroy(&st->mutex);
    phr_free(st);
}


/* makes the first record of a new store; refuses what it does not know */
static int
phr_store_check_version(phr_store_t *st, phr_err_t *err)
{
    int        rc;
    phr_str_t  body;

    rc = phr_txn_begin(st->env, !st->conf.read_only, &st->txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_record_get(st->txn, PHR_DB_META, "version", 7, &body, err);

    if (rc == PHR_OK) {
        if (body.len != sizeof(PHR_STORE_MAGIC) + 4
            || memcmp(body.data, PHR_STORE_MAGIC, sizeof(PHR_STORE_MAGIC)))
        {
            rc = phr_err_set(err, PHR_ECORRUPT, "this is not a store");
            goto done;
        }

        rc = phr_store_check_format(st, phr_get_be32((const uint8_t *)
                                    body.data + sizeof(PHR_STORE_MAGIC)),
                                    err);

    } else if (rc == PHR_NOTFOUND && !st->conf.read_only) {
        rc = phr_store_write_version(st, err);

    } else if (rc == PHR_NOTFOUND) {
        rc = phr_err_set(err, PHR_ECORRUPT, "this is not a store");
    }

    if (rc == PHR_OK) {
        rc = phr_store_read_counters(st, err);
    }
    if (rc == PHR_OK) {
        rc = phr_coarse_open(st, st->txn, err);
    }

done:

    if (rc == PHR_OK && !st->conf.read_only) {
        rc = phr_txn_commit(st->env, st->txn, 1, err);

    } else {
        phr_txn_abort(st->txn);
    }

    st->txn = NULL;

    return rc;
}


/* a store goes with a key, or with none, and that stays so */
static int
phr_store_check_format(phr_store_t *st, uint32_t version, phr_err_t *err)
{
    int                 rc;
    phr_str_t           body;
    const phr_vault_t  *vault;

    vault = phr_env_vault(st->env);

    if (version == PHR_STORE_FORMAT) {
        return vault == NULL ? PHR_OK
               : phr_err_set(err, PHR_EINVAL, "a key is given, but the store "
                             "is not encrypted; a new one would be: export "
                             "what is in it, and import that");
    }

    if (version != PHR_STORE_FORMAT_SEALED) {
        return phr_err_set(err, PHR_EINVAL, "the store has format %u, "
                           "this program knows formats %d and %d: use the "
                           "program that wrote it, or a newer one", version,
                           PHR_STORE_FORMAT, PHR_STORE_FORMAT_SEALED);
    }

    if (vault == NULL) {
        return phr_err_set(err, PHR_EINVAL, "the store is encrypted, and no "
                           "key is given");
    }

    rc = phr_record_get(st->txn, PHR_DB_META, "key", 3, &body, err);
    if (rc < 0) {
        return rc;
    }

    if (rc == PHR_NOTFOUND || body.len != 4 + PHR_VAULT_ID) {
        return phr_err_set(err, PHR_ECORRUPT, "the store does not say which "
                           "key it has");
    }

    if (phr_get_be32((const uint8_t *) body.data) != PHR_STORE_CIPHER
        || memcmp(body.data + 4, phr_vault_id(vault), PHR_VAULT_ID) != 0)
    {
        return phr_err_set(err, PHR_EINVAL, "the store is encrypted with "
                           "another key");
    }

    return PHR_OK;
}


static int
phr_store_write_version(phr_store_t *st, phr_err_t *err)
{
    int                 rc;
    uint8_t             value[PHR_CRC_SIZE + sizeof(PHR_STORE_MAGIC) + 4];
    uint8_t             key[PHR_CRC_SIZE + 4 + PHR_VAULT_ID];
    const phr_vault_t  *vault;

    vault = phr_env_vault(st->env);

    memcpy(value + PHR_CRC_SIZE, PHR_STORE_MAGIC, sizeof(PHR_STORE_MAGIC));
    phr_put_be32(value + PHR_CRC_SIZE + sizeof(PHR_STORE_MAGIC),
                 vault ? PHR_STORE_FORMAT_SEALED : PHR_STORE_FORMAT);

    rc = phr_record_put(st->txn, PHR_DB_META, "version", 7, value,
                        sizeof(value), err);

    if (rc != PHR_OK || vault == NULL) {
        return rc;
    }

    phr_put_be32(key + PHR_CRC_SIZE, PHR_STORE_CIPHER);
    memcpy(key + PHR_CRC_SIZE + 4, phr_vault_id(vault), PHR_VAULT_ID);

    return phr_record_put(st->txn, PHR_DB_META, "key", 3, key, sizeof(key),
                          err);
}


static int
phr_store_read_counters(phr_store_t *st, phr_err_t *err)
{
    int              rc;
    phr_str_t        body;
    const uint8_t   *p;
    phr_counters_t  *c;

    c = &st->next;
    memset(c, 0, sizeof(phr_counters_t));

    rc = phr_record_get(st->txn, PHR_DB_META, "counters", 8, &body, err);
    if (rc < 0) {
        return rc;
    }

    if (rc == PHR_NOTFOUND) {
        c->sid = 1;
        c->source = 1;
        c->layout = 1;
        c->seal = 1;
        c->list = 1;
        c->name = 1;
        c->seq = 1;

    } else if (body.len != PHR_STORE_COUNTERS) {
        return phr_err_set(err, PHR_ECORRUPT, "counters of %zu bytes",
                           body.len);

    } else {
        p = (const uint8_t *) body.data;
        c->sid = phr_get_be32(p);
        c->source = phr_get_be32(p + 4);
        c->layout = phr_get_be32(p + 8);
        c->seal = phr_get_be32(p + 12);
        c->list = phr_get_be32(p + 16);
        c->name = phr_get_be32(p + 20);
        c->seq = phr_get_be64(p + 24);
    }

    st->written = *c;

    return PHR_OK;
}


static int
phr_store_write_counters(phr_store_t *st, phr_err_t *err)
{
    int             rc;
    uint8_t         value[PHR_CRC_SIZE + PHR_STORE_COUNTERS], *p;
    phr_counters_t  c;

    c = st->next;

    if (c.seq <= st->written.seq) {
        c.seq = st->written.seq;
    }

    if (memcmp(&c, &st->written, sizeof(phr_counters_t)) == 0) {
        return PHR_OK;
    }

    c.seq = st->next.seq + PHR_STORE_SEQS;

    p = value + PHR_CRC_SIZE;
    phr_put_be32(p, c.sid);
    phr_put_be32(p + 4, c.source);
    phr_put_be32(p + 8, c.layout);
    phr_put_be32(p + 12, c.seal);
    phr_put_be32(p + 16, c.list);
    phr_put_be32(p + 20, c.name);
    phr_put_be64(p + 24, c.seq);

    rc = phr_record_put(st->txn, PHR_DB_META, "counters", 8, value,
                        sizeof(value), err);

    if (rc == PHR_OK) {
        st->written = c;
    }

    return rc;
}


phr_storage_t *
phr_store_storage(phr_store_t *st)
{
    return &st->storage;
}


phr_appender_t *
phr_store_appender(phr_store_t *st)
{
    return &st->appender.base;
}


void
phr_store_now(phr_store_t *st, int64_t now_ms)
{
    st->now_ms = now_ms;
    phr_keep_set(&st->keep, now_ms, st->retain.size_ms);

    pthread_mutex_lock(&st->mutex);
    st->shown = st->keep;
    pthread_mutex_unlock(&st->mutex);
}


void
phr_store_overlap(phr_store_t *st, int64_t from_ms, int64_t to_ms)
{
    st->overlap_from_ms = from_ms;
    st->overlap_to_ms = to_ms;
}


int
phr_store_write(phr_store_t *st, phr_err_t *err)
{
    int  rc;

    if (st->failed) {
        return phr_err_set(err, st->failed, "an earlier write of this "
                           "commit failed");
    }

    if (st->txn != NULL) {
        return PHR_OK;
    }

    if (st->conf.read_only) {
        return phr_err_set(err, PHR_EINVAL, "the store is open for reading");
    }

    rc = phr_txn_begin(st->env, 1, &st->txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_store_has_room(st, err);
    if (rc == PHR_OK) {
        rc = phr_store_warm(st, err);
    }

    if (rc != PHR_OK) {
        phr_txn_abort(st->txn);
        st->txn = NULL;
        phr_store_forget(st);
    }

    return rc;
}


int
phr_store_warm(phr_store_t *st, phr_err_t *err)
{
    int            rc;
    phr_db_stat_t  stat;

    if (st->warm) {
        return PHR_OK;
    }

    rc = phr_txn_stat(st->txn, PHR_DB_HASH, &stat, err);
    if (rc != PHR_OK) {
        return rc;
    }

    st->nseries = stat.nentries;

    rc = phr_sources_warm(st, err);

    if (rc == PHR_OK) {
        rc = phr_start_warm(st, err);
    }

    if (rc == PHR_OK) {
        st->warm = 1;
    }

    return rc;
}


void
phr_store_forget(phr_store_t *st)
{
    void       *value, **slot;
    size_t      i, pos;
    phr_str_t   name;

    for (i = 0; i < st->sources.nelts; i++) {
        slot = phr_slot(&st->sources, i);
        phr_source_destroy(*slot);
        *slot = NULL;
    }

    for (i = 0; i < st->groups.nelts; i++) {
        slot = phr_slot(&st->groups, i);
        phr_group_destroy(*slot);
        *slot = NULL;
    }

    phr_free(st->known);
    st->known = NULL;
    phr_coarse_forget(st);
    phr_exemplar_forget(st);
    st->dirty.nelts = 0;
    st->entries.nelts = 0;
    st->warm = 0;
    st->unripe = 0;
    st->failed = PHR_OK;

    if (st->pending != NULL) {
        phr_arena_reset(st->pending);
    }

    pos = 0;

    while (st->names != NULL
           && phr_map_next(st->names, &pos, &name, &value))
    {
        phr_map_delete(st->names, name);
    }

    st->written.seq = 0;    /* unlike any: they are written next time */
}


int
phr_store_flush(phr_store_t *st, phr_err_t *err)
{
    int  rc;

    rc = phr_index_flush(st, 0, err);
    if (rc == PHR_OK) {
        rc = phr_groups_flush(st, err);
    }
    if (rc == PHR_OK) {
        rc = phr_exemplar_flush(st, err);
    }
    if (rc == PHR_OK) {
        rc = phr_store_write_counters(st, err);
    }

    return rc;
}


int
phr_store_commit(phr_store_t *st, int64_t now_ms, int durable,
    phr_err_t *err)
{
    int  rc;

    phr_store_now(st, now_ms);

    if (st->txn == NULL) {
        rc = st->failed;
        st->failed = PHR_OK;

        return rc == PHR_OK
               ? rc : phr_err_set(err, rc, "a write of this commit failed");
    }

    rc = st->failed;

    if (rc != PHR_OK) {
        phr_err_set(err, rc, "a write of this commit failed");

    } else {
        rc = phr_store_flush(st, err);
    }

    if (rc == PHR_OK) {
        phr_change_publish(st);
        rc = phr_txn_commit(st->env, st->txn, durable, err);

    } else {
        phr_txn_abort(st->txn);
    }

    st->txn = NULL;

    if (rc != PHR_OK) {
        phr_store_forget(st);
    }

    phr_store_room_outcome(st, rc, err);
    phr_store_account(st, rc == PHR_OK);

    return rc;
}


int
phr_store_heavy(const phr_store_t *st)
{
    return st->next.sid - st->written.sid >= PHR_STORE_HEAVY;
}


uint64_t
phr_store_made(const phr_store_t *st)
{
    return st->next.sid;
}


int
phr_store_writing(const phr_store_t *st)
{
    return st->txn != NULL;
}


uint64_t
phr_store_unsynced(const phr_store_t *st)
{
    return phr_env_unsynced(st->env);
}


int
phr_store_end(phr_store_t *st, int rc, phr_err_t *err)
{
    if (rc >= 0) {
        int  committed;

        committed = phr_store_flush(st, err);

        if (committed == PHR_OK) {
            phr_change_publish(st);
            committed = phr_txn_commit(st->env, st->txn, 0, err);

        } else {
            phr_txn_abort(st->txn);
        }

        if (committed != PHR_OK) {
            rc = committed;
        }

    } else {
        phr_txn_abort(st->txn);
    }

    st->txn = NULL;

    if (rc < 0) {
        phr_store_forget(st);
    }

    return rc;
}


static void
phr_store_account(phr_store_t *st, int committed)
{
    unsigned  i;

    pthread_mutex_lock(&st->mutex);

    if (committed) {
        st->stats.ncommits++;
        st->stats.nsamples_appended += st->nappended;
    }

    for (i = 0; i < PHR_REFUSED_REASONS; i++) {
        st->stats.nrefused[i] += st->nrefused[i];
        st->stats.nsamples_refused += st->nrefused[i];
        st->nrefused[i] = 0;
    }

    pthread_mutex_unlock(&st->mutex);

    st->nappended = 0;
}


void
phr_store_refused(phr_store_t *st, uint64_t nrefused[PHR_REFUSED_REASONS])
{
    pthread_mutex_lock(&st->mutex);
    memcpy(nrefused, st->stats.nrefused, sizeof(st->stats.nrefused));
    pthread_mutex_unlock(&st->mutex);
}


const char *
phr_refused_text(phr_refused_e reason)
{
    /* ORDER phr_refused_e */
    static const char  *text[PHR_REFUSED_REASONS] = {
        "out_of_order", "too_old", "out_of_bounds", "future", "duplicate",
        "series_limit", "label_limit", "label_name_length",
        "label_value_length", "labels_size"
    };

    return text[reason];
}


int
phr_store_check(phr_store_t *st, volatile int *stop,
    volatile uint64_t *npages, phr_err_t *err)
{
    int                 rc, db;
    phr_tree_result_t   result;

    *npages = 0;
    rc = PHR_OK;

    for (db = 0; db < PHR_DB_MAX && rc == PHR_OK; db++) {
        rc = phr_tree_check_live(st->env, (phr_db_e) db, stop, &result, err);
        *npages += result.npages;
    }

    return rc;
}


int
phr_store_sync(phr_store_t *st, phr_err_t *err)
{
    return phr_env_sync(st->env, err);
}


void
phr_store_relax(phr_store_t *st)
{
    phr_env_relax(st->env);
}


int
phr_store_get(phr_store_t *st, char space, phr_str_t key, phr_buf_t *out,
    phr_err_t *err)
{
    int         rc;
    phr_txn_t  *txn;

    rc = phr_txn_begin(st->env, 0, &txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_kv_get(txn, space, key, out, err);
    phr_txn_abort(txn);

    return rc;
}


void
phr_store_log(phr_store_t *st, int level, const char *fmt, ...)
{
    char     text[PHR_ERR_TEXT];
    va_list  args;

    if (st->conf.log == NULL) {
        return;
    }

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    st->conf.log(st->conf.log_data, level, text);
}


void **
phr_slot(phr_array_t *a, size_t i)
{
    if (i >= a->nelts && phr_array_push_n(a, i + 1 - a->nelts) == NULL) {
        return NULL;
    }

    return phr_array_get(a, void *, i);
}
