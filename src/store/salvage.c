/*
 * Copyright (C) The Pharos Authors
 *
 * Salvage: see salvage.h.
 *
 * Of two records with one key the one that is surer stays (see scan.h).
 * Records in doubt are collected beside the store first: two of them with
 * one key that differ are both left out, for nobody can tell which is the
 * newer, but that a pack only ever loses samples.  Such that are there in
 * one form may have been deleted since: then they were packed, and the pack
 * has the same values, or fell to the retention, which drops them again.
 *
 * A small record in pieces is taken from one state: those that lack are not
 * to be had from the state before, nor any of them from records in doubt.
 */

#include "store/salvage.h"

#include "core/bytes.h"
#include "store/block.h"
#include "store/internal.h"
#include "store/kv.h"
#include "store/mend.h"
#include "store/scan.h"


/* records in a transaction */
#define PHR_SALVAGE_STEP  8192


typedef struct {
    phr_store_t  *st;
    const char   *scratch;
    phr_env_t    *doubt;
    phr_txn_t    *doubt_txn;
    size_t        ndoubt;       /* puts in its transaction */
    size_t        nputs;        /* in the store's */
    uint64_t      nkept[PHR_DB_MAX];

    /* the small record that is read, without the number of the piece */
    uint8_t       value[PHR_KEY_MAX];
    size_t        nvalue;
    int           sure;         /* some of it is of the newest state */
    uint64_t      nvalues_lost; /* not taken for that */
} phr_salvage_t;


static int phr_salvage_record(void *data, phr_scan_rank_e rank, phr_db_e db,
    phr_str_t key, phr_str_t value, phr_err_t *err);
static int phr_salvage_put(phr_salvage_t *s, phr_db_e db, phr_str_t key,
    phr_str_t value, phr_err_t *err);
static size_t phr_salvage_samples(phr_db_e db, phr_str_t key,
    phr_str_t value);
static int phr_salvage_doubt(phr_salvage_t *s, phr_db_e db, phr_str_t key,
    phr_str_t value, phr_err_t *err);
static int phr_salvage_mixes(phr_salvage_t *s, phr_scan_rank_e rank,
    phr_str_t key, phr_str_t value, phr_err_t *err);
static int phr_salvage_merge(phr_salvage_t *s, phr_err_t *err);
static int phr_salvage_end(phr_salvage_t *s, int rc, phr_err_t *err);
static uint64_t phr_salvage_missing(const phr_scan_result_t *scan,
    phr_db_e db, uint64_t nkept, uint64_t nsamples);


/* ORDER DB: what is not made of others */
static const uint8_t  phr_salvage_takes[PHR_DB_MAX] = {
    0,      /* meta */
    1,      /* kv */
    1,      /* source */
    0,      /* head */
    1,      /* layout */
    1,      /* row */
    1,      /* loose */
    1,      /* pack */
    1,      /* window: tells how much is lost, then made anew */
    0,      /* last */
    1,      /* series */
    0,      /* hash */
    0,      /* name */
    0,      /* pair */
    0,      /* post */
    1,      /* coarse */
    1       /* exemplar */
};


int
phr_salvage(const char *file, phr_store_t *st, const char *scratch,
    phr_salvage_result_t *result, phr_err_t *err)
{
    int                 rc, i;
    phr_salvage_t       s;
    phr_mend_found_t    found;
    phr_scan_result_t   scan;
    phr_mend_result_t   mend;

    memset(result, 0, sizeof(phr_salvage_result_t));
    memset(&s, 0, sizeof(phr_salvage_t));
    s.st = st;
    s.scratch = scratch;

    rc = phr_scan(file, phr_env_vault(st->env), phr_salvage_record, &s,
                  &scan, err);

    if (rc == PHR_OK && s.doubt != NULL) {
        rc = phr_salvage_merge(&s, err);
    }

    phr_txn_abort(s.doubt_txn);
    phr_env_close(s.doubt);

    rc = phr_salvage_end(&s, rc, err);

    if (rc == PHR_OK) {
        found.doubt = scan.doubt;

        for (i = 0; i < PHR_DB_MAX; i++) {
            found.whole[i] = !scan.doubt && scan.known[i]
                             && s.nkept[i] == scan.nentries[i];
        }

        rc = phr_mend(st, &found, &mend, err);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    result->npages = scan.npages;
    result->ndamaged = scan.ndamaged;
    result->doubt = scan.doubt;
    result->commit_lost = scan.commit_lost;

    result->nseries = mend.nseries;
    result->nseries_lost = mend.nseries_lost;
    result->nsamples = mend.npacked + mend.nrow + mend.nloose;
    result->norphans = mend.norphans;
    result->nvalues = mend.nvalues;
    result->nvalues_lost = mend.nvalues_lost + s.nvalues_lost;
    result->nstarts = mend.nstarts;
    result->nstarts_lost = mend.nstarts_lost;
    result->nbuckets = mend.nbuckets;
    result->nbuckets_lost = phr_salvage_missing(&scan, PHR_DB_COARSE,
                                                s.nkept[PHR_DB_COARSE],
                                                s.nkept[PHR_DB_COARSE]);
    result->nexemplars = mend.nexemplars;
    result->nexemplars_lost = phr_salvage_missing(&scan, PHR_DB_EXEMPLAR,
                                                  mend.nexemplar_records,
                                                  mend.nexemplars);

    /* the hash of each series is a record of its own */

    if (scan.nentries[PHR_DB_HASH] > mend.nseries) {
        result->nseries_lost = phr_max(result->nseries_lost,
                                       scan.nentries[PHR_DB_HASH]
                                       - mend.nseries);
    }

    result->nsamples_lost = mend.norphans + mend.npacked_lost
                            + mend.nrow_lost
                            + phr_salvage_missing(&scan, PHR_DB_ROW,
                                                  mend.nrow_records,
                                                  mend.nrow)
                            + phr_salvage_missing(&scan, PHR_DB_LOOSE,
                                                  mend.nloose_records,
                                                  mend.nloose);

    return PHR_OK;
}


/* samples of records that were not found: as many as others have */
static uint64_t
phr_salvage_missing(const phr_scan_result_t *scan, phr_db_e db,
    uint64_t nkept, uint64_t nsamples)
{
    uint64_t  nlost;

    if (scan->nentries[db] <= nkept) {
        return 0;
    }

    nlost = scan->nentries[db] - nkept;

    return nkept == 0 ? nlost
           : (uint64_t) ((double) nlost * (double) nsamples
                         / (double) nkept);
}


static int
phr_salvage_record(void *data, phr_scan_rank_e rank, phr_db_e db,
    phr_str_t key, phr_str_t value, phr_err_t *err)
{
    int             rc;
    phr_salvage_t  *s;

    s = data;

    if (!phr_salvage_takes[db]) {
        return PHR_OK;
    }

    if (db == PHR_DB_KV && rank != PHR_SCAN_CURRENT) {
        rc = phr_salvage_mixes(s, rank, key, value, err);
        if (rc != PHR_NOTFOUND) {
            return rc;
        }
    }

    return rank == PHR_SCAN_DOUBT ? phr_salvage_doubt(s, db, key, value, err)
                                  : phr_salvage_put(s, db, key, value, err);
}


/* what is there stays */
static int
phr_salvage_put(phr_salvage_t *s, phr_db_e db, phr_str_t key,
    phr_str_t value, phr_err_t *err)
{
    int        rc;
    phr_str_t  there;

    rc = s->nputs < PHR_SALVAGE_STEP ? PHR_OK
                                     : phr_salvage_end(s, PHR_OK, err);

    if (rc == PHR_OK && s->st->txn == NULL) {
        rc = phr_txn_begin(s->st->env, 1, &s->st->txn, err);
    }
    if (rc == PHR_OK) {
        rc = phr_txn_get(s->st->txn, db, key.data, key.len, &there, err);
    }

    if (rc != PHR_NOTFOUND) {
        return rc;
    }

    s->nputs++;
    s->nkept[db]++;

    return phr_txn_put(s->st->txn, db, key.data, key.len, value.data,
                       value.len, err);
}


/*
 * PHR_OK if a piece may be of another state than others of its value, else
 * PHR_NOTFOUND.  Those of the state before come in order.
 */
static int
phr_salvage_mixes(phr_salvage_t *s, phr_scan_rank_e rank, phr_str_t key,
    phr_str_t value, phr_err_t *err)
{
    int            rc;
    phr_str_t      k, v, body;
    phr_cursor_t  *cursor;

    body = phr_str_from(value.data + PHR_CRC_SIZE, value.len - PHR_CRC_SIZE);

    if (phr_kv_is_single(key, body)) {
        return PHR_NOTFOUND;
    }

    if (rank == PHR_SCAN_DOUBT) {
        s->nvalues_lost += phr_get_be16((const uint8_t *) key.data + key.len
                                        - 2) == 0;
        return PHR_OK;
    }

    if (s->nvalue + 2 != key.len || memcmp(s->value, key.data, s->nvalue) != 0)
    {
        s->nvalue = key.len - 2;
        memcpy(s->value, key.data, s->nvalue);

        if (s->st->txn == NULL) {
            rc = phr_txn_begin(s->st->env, 1, &s->st->txn, err);
            if (rc != PHR_OK) {
                return rc;
            }
        }

        rc = phr_cursor_open(s->st->txn, PHR_DB_KV, &cursor, err);
        if (rc != PHR_OK) {
            return rc;
        }

        rc = phr_cursor_seek(cursor, s->value, s->nvalue, &k, &v, err);

        s->sure = rc == PHR_OK && k.len == key.len
                  && memcmp(k.data, key.data, s->nvalue) == 0;

        phr_cursor_close(cursor);

        if (rc < 0) {
            return rc;
        }
    }

    return s->sure ? PHR_OK : PHR_NOTFOUND;
}


/* an empty value marks a key whose records differ */
static int
phr_salvage_doubt(phr_salvage_t *s, phr_db_e db, phr_str_t key,
    phr_str_t value, phr_err_t *err)
{
    int        rc;
    size_t     n, nthere;
    phr_str_t  there;

    rc = PHR_OK;

    if (s->doubt == NULL) {
        rc = phr_env_open(s->scratch, s->st->conf.map_size_bytes, 0,
                          &s->doubt, err);
        if (rc == PHR_OK) {
            rc = phr_env_encrypt_as(s->doubt, s->st->env, err);
        }
    }

    if (rc == PHR_OK && s->ndoubt == PHR_SALVAGE_STEP) {
        rc = phr_txn_commit(s->doubt, s->doubt_txn, 0, err);
        s->doubt_txn = NULL;
        s->ndoubt = 0;
    }

    if (rc == PHR_OK && s->doubt_txn == NULL) {
        rc = phr_txn_begin(s->doubt, 1, &s->doubt_txn, err);
    }
    if (rc == PHR_OK) {
        rc = phr_txn_get(s->doubt_txn, db, key.data, key.len, &there, err);
    }

    if (rc < 0 || (rc == PHR_OK && phr_str_eq(there, value))) {
        return rc;
    }

    if (rc == PHR_OK) {
        n = phr_salvage_samples(db, key, value);
        nthere = phr_salvage_samples(db, key, there);

        if (nthere != 0 && nthere < n) {
            return PHR_OK;
        }

        value.len = n != 0 && n < nthere ? value.len : 0;
    }

    s->ndoubt++;

    return phr_txn_put(s->doubt_txn, db, key.data, key.len, value.data,
                       value.len, err);
}


/* of a pack; 0: it is not known, or it is something else */
static size_t
phr_salvage_samples(phr_db_e db, phr_str_t key, phr_str_t value)
{
    size_t           i, n;
    phr_str_t        body;
    phr_pack_t       pack;
    phr_pack_key_t   pack_key;
    phr_chunk_ref_t  ref;

    if (db != PHR_DB_PACK || value.len == 0
        || !phr_key_pack_get(key, &pack_key)
        || phr_record_check(db, key, value, &body, NULL) != PHR_OK
        || phr_pack_open(&pack_key, body, &pack) != PHR_OK)
    {
        return 0;
    }

    for (i = 0, n = 0; i < pack.nchunks; i++) {
        if (phr_pack_chunk(&pack, i, &ref) != PHR_OK) {
            return 0;
        }

        n += ref.n;
    }

    return n;
}


static int
phr_salvage_merge(phr_salvage_t *s, phr_err_t *err)
{
    int            rc, db;
    phr_str_t      k, v;
    phr_cursor_t  *cursor;

    for (db = 0; db < PHR_DB_MAX; db++) {

        rc = phr_cursor_open(s->doubt_txn, (phr_db_e) db, &cursor, err);
        if (rc != PHR_OK) {
            return rc;
        }

        rc = phr_cursor_first(cursor, &k, &v, err);

        while (rc == PHR_OK) {

            if (v.len != 0) {
                rc = phr_salvage_put(s, (phr_db_e) db, k, v, err);
            }
            if (rc == PHR_OK) {
                rc = phr_cursor_next(cursor, &k, &v, err);
            }
        }

        phr_cursor_close(cursor);

        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


static int
phr_salvage_end(phr_salvage_t *s, int rc, phr_err_t *err)
{
    if (s->st->txn == NULL) {
        return rc;
    }

    s->nputs = 0;

    return phr_store_end(s->st, rc, err);
}
