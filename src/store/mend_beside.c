/*
 * Copyright (C) The Pharos Authors
 *
 * Mend, beside the samples: start timestamps, buckets and exemplars.  Where
 * a record is missing, others must not be taken for more than they say.
 *
 * A start timestamp holds until another one is said.  So where any may be
 * lost, those before it would hold for too long: of such a window none are
 * kept, and nothing is known of since when its samples count.
 *
 * Buckets are made once, and what is made again of samples that are gone, or
 * lost, would tell of less.  So it must not be forgotten how far they are
 * made, nor of what samples none can be made.  But where buckets are lost
 * and no samples are, they are made again; and those of an hour are not made
 * of what is left of those of five minutes.
 */

#include "store/mend_impl.h"

#include "store/coarse_make.h"
#include "store/exemplar.h"


static phr_mend_starts_t *phr_mend_starts_of(const phr_mend_t *m,
    int32_t window);
static int phr_mend_starts_add(phr_mend_t *m, int32_t window, uint64_t ntold,
    uint64_t nfound, phr_err_t *err);
static void phr_mend_starts_count(phr_mend_t *m);
static int phr_mend_made(phr_mend_t *m, int res, phr_err_t *err);
static int phr_mend_make_again(phr_mend_t *m, int res, int64_t gone_ms,
    phr_err_t *err);


int
phr_mend_starts_told(phr_mend_t *m, int32_t window, uint64_t n,
    phr_err_t *err)
{
    return phr_mend_starts_add(m, window, n, 0, err);
}


int
phr_mend_starts_found(phr_mend_t *m, int32_t window, uint64_t n,
    phr_err_t *err)
{
    return phr_mend_starts_add(m, window, 0, n, err);
}


/* there are few windows, each of days */
static phr_mend_starts_t *
phr_mend_starts_of(const phr_mend_t *m, int32_t window)
{
    size_t              i;
    phr_mend_starts_t  *s;

    for (i = m->starts.nelts; i > 0; i--) {
        s = phr_array_get(&m->starts, phr_mend_starts_t, i - 1);

        if (s->window == window) {
            return s;
        }
    }

    return NULL;
}


static int
phr_mend_starts_add(phr_mend_t *m, int32_t window, uint64_t ntold,
    uint64_t nfound, phr_err_t *err)
{
    phr_mend_starts_t  *s;

    s = phr_mend_starts_of(m, window);

    if (s == NULL) {
        s = phr_array_push(&m->starts);
        if (s == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        memset(s, 0, sizeof(phr_mend_starts_t));
        s->window = window;
    }

    s->ntold += ntold;
    s->nfound += nfound;

    return PHR_OK;
}


int
phr_mend_starts_lost(const phr_mend_t *m, int32_t window)
{
    phr_mend_starts_t  *s;

    /* what is loose may be said of any time */

    if (!m->found->whole[PHR_DB_LOOSE]) {
        return 1;
    }

    if (m->found->whole[PHR_DB_PACK]) {
        return 0;
    }

    s = phr_mend_starts_of(m, window);

    return m->found->doubt || s == NULL || s->ntold != s->nfound;
}


int
phr_mend_starts(phr_mend_t *m, phr_str_t key, phr_str_t body, phr_err_t *err)
{
    phr_pack_key_t  pk;

    return phr_key_pack_get(key, &pk) && pk.level == PHR_LEVEL_STARTS
           && phr_mend_starts_lost(m, pk.window)
           ? PHR_NOTFOUND : PHR_OK;
}


int
phr_mend_loose_starts(phr_mend_t *m, size_t n, size_t nknown)
{
    if (!m->found->whole[PHR_DB_LOOSE]) {
        m->result->nstarts_lost += n;
        return PHR_NOTFOUND;
    }

    m->result->nstarts += nknown;
    m->result->nstarts_lost += n - nknown;

    return nknown == 0 ? PHR_NOTFOUND : PHR_OK;
}


/* of those in packs */
static void
phr_mend_starts_count(phr_mend_t *m)
{
    size_t              i;
    phr_mend_starts_t  *s;

    for (i = 0; i < m->starts.nelts; i++) {
        s = phr_array_get(&m->starts, phr_mend_starts_t, i);

        if (phr_mend_starts_lost(m, s->window)) {
            m->result->nstarts_lost += phr_max(s->ntold, s->nfound);

        } else {
            m->result->nstarts += s->nfound;
        }
    }
}


int
phr_mend_coarse(phr_mend_t *m, phr_str_t key, phr_str_t body, phr_err_t *err)
{
    int       res;
    int64_t   start_ms;
    uint32_t  sid;

    for (res = 0; res < PHR_STORE_COARSE; res++) {

        if (phr_key_coarse_get(key, 0, res, &start_ms, &sid)) {
            /* they stand in order of time */
            m->coarse_ms[res] = start_ms;
            m->ncoarse[res]++;
            m->result->nbuckets++;
        }
    }

    return PHR_OK;
}


int
phr_mend_exemplars(phr_mend_t *m, phr_str_t key, phr_str_t body,
    phr_err_t *err)
{
    phr_exemplar_walk_t  w;

    if (phr_exemplar_open(&w, body) != PHR_OK) {
        return PHR_NOTFOUND;
    }

    m->result->nexemplar_records++;
    m->result->nexemplars += w.n;

    return PHR_OK;
}


int
phr_mend_progress(phr_mend_t *m, phr_err_t *err)
{
    int         rc, res, again;
    int64_t     start_ms, gone_ms, lost_ms;
    phr_sid_t   sid;
    phr_txn_t  *txn;

    txn = m->st->txn;
    rc = PHR_OK;
    gone_ms = PHR_TIME_MIN;

    phr_mend_starts_count(m);

    for (res = 0; res < PHR_STORE_COARSE && rc >= 0; res++) {
        rc = phr_mend_made(m, res, err);

        if (rc == PHR_OK) {
            rc = phr_coarse_next_get(txn, res, &start_ms, &sid, err);
        }
        if (rc == PHR_OK) {
            gone_ms = phr_max(gone_ms, start_ms);
        }
    }

    if (rc >= 0 && gone_ms != PHR_TIME_MIN && !m->found->whole[PHR_DB_KV]) {
        /* what was said of that may be lost */
        rc = phr_coarse_gone_put(txn, gone_ms, err);
    }

    if (rc < 0 || m->found->whole[PHR_DB_COARSE]) {
        return rc < 0 ? rc : PHR_OK;
    }

    again = m->found->whole[PHR_DB_PACK] && m->found->whole[PHR_DB_LOOSE]
            && m->result->norphans == 0;

    rc = phr_coarse_gone_get(txn, &gone_ms, err);
    lost_ms = gone_ms;

    if (rc == PHR_OK && !again) {
        rc = phr_coarse_next_get(txn, PHR_COARSE_5M, &lost_ms, &sid, err);
    }

    if (rc == PHR_OK && lost_ms > PHR_KEY_TIME_MIN) {
        rc = phr_coarse_holes_put(txn, lost_ms, err);
    }

    for (res = 0; again && res < PHR_STORE_COARSE && rc >= 0; res++) {
        rc = phr_mend_make_again(m, res, gone_ms, err);
    }

    return rc < 0 ? rc : PHR_OK;
}


/* at least up to the last block of which there are any */
static int
phr_mend_made(phr_mend_t *m, int res, phr_err_t *err)
{
    int         rc;
    int64_t     start_ms;
    phr_sid_t   sid;

    if (m->ncoarse[res] == 0) {
        return PHR_OK;
    }

    rc = phr_coarse_next_get(m->st->txn, res, &start_ms, &sid, err);

    if (rc == PHR_OK && start_ms >= m->coarse_ms[res]) {
        return PHR_OK;
    }

    return rc < 0 ? rc : phr_coarse_next_put(m->st->txn, res,
                                             m->coarse_ms[res], 0, err);
}


/* from where there are all samples, if that is before where it stands */
static int
phr_mend_make_again(phr_mend_t *m, int res, int64_t gone_ms, phr_err_t *err)
{
    int        rc;
    uint8_t    key[PHR_KEY_COARSE_NEXT];
    int64_t    start_ms;
    phr_sid_t  sid;

    rc = phr_coarse_next_get(m->st->txn, res, &start_ms, &sid, err);

    if (rc != PHR_OK || start_ms <= gone_ms) {
        return rc;
    }

    if (gone_ms > PHR_KEY_TIME_MIN) {
        return phr_coarse_next_put(m->st->txn, res,
                                   phr_coarse_block(res, gone_ms), 0, err);
    }

    /* from the oldest on */

    key[0] = (uint8_t) (PHR_COARSE_NEXT | res);

    return phr_txn_del(m->st->txn, PHR_DB_COARSE, key, sizeof(key), err);
}
