/*
 * Copyright (C) The Pharos Authors
 *
 * Repack: see repack.h.
 */

#include "store/repack.h"

#include "core/alloc.h"
#include "store/start.h"


/* a chunk, decoded: floats or histograms */
typedef struct {
    phr_chunk_ref_t    ref;
    int64_t            t_ms[PHR_CHUNK_MAX_SAMPLES];
    double             v[PHR_CHUNK_MAX_SAMPLES];
    const phr_hist_t  *h[PHR_CHUNK_MAX_SAMPLES];
} phr_repack_chunk_t;


static int phr_repack_count(phr_str_t k, phr_str_t v,
    const phr_pack_key_t *key, phr_window_t *gone);
static int phr_repack_count_off(phr_repack_t *d, phr_err_t *err);
static int phr_repack_survey(phr_repack_t *d, const phr_pack_t *pack,
    int64_t *from, int64_t *to, int *any, phr_err_t *err);
static int phr_repack_rewrite(phr_repack_t *d, const phr_pack_t *pack,
    const int64_t *from, const int64_t *to, phr_err_t *err);
static int phr_repack_packer(phr_repack_t *d, uint32_t seal, phr_err_t *err);
static int phr_repack_add(phr_repack_t *d, const phr_repack_chunk_t *c,
    size_t n, phr_err_t *err);
static size_t phr_repack_stays(const phr_repack_chunk_t *c, int64_t from,
    int64_t to);
static void phr_repack_start(phr_store_t *st, phr_sid_t sid);
static int phr_repack_decode(const phr_pack_t *pack, size_t i,
    phr_arena_t *arena, phr_repack_chunk_t *c);


void
phr_repack_init(phr_repack_t *d, phr_store_t *st,
    int (*range)(void *data, phr_sid_t sid, int64_t *from_ms, int64_t *to_ms,
                 phr_err_t *err),
    void *data)
{
    memset(d, 0, sizeof(phr_repack_t));

    d->st = st;
    d->range = range;
    d->data = data;
}


int
phr_repack_end(phr_repack_t *d, int rc, phr_err_t *err)
{
    if (rc >= 0) {
        int  ended;

        ended = phr_repack_count_off(d, err);
        rc = ended < 0 ? ended : rc;
    }

    phr_packer_destroy(d->packer);
    d->packer = NULL;

    return rc;
}


int
phr_repack_drop(phr_repack_t *d, const phr_pack_key_t *key, phr_err_t *err)
{
    int        rc;
    uint8_t    k[PHR_KEY_PACK];
    phr_str_t  v;

    if (d->any && (d->window.level != key->level
                   || d->window.window != key->window))
    {
        rc = phr_repack_count_off(d, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    phr_key_pack(k, key);

    rc = phr_txn_get(d->st->txn, PHR_DB_PACK, k, sizeof(k), &v, err);
    if (rc != PHR_OK) {
        return rc < 0 ? rc : PHR_OK;
    }

    d->any = 1;
    d->window = *key;
    d->changed = 1;

    (void) phr_repack_count(phr_str_from((const char *) k, sizeof(k)), v, key,
                            &d->gone);

    rc = phr_txn_del(d->st->txn, PHR_DB_PACK, k, sizeof(k), err);

    return rc < 0 ? rc : PHR_OK;
}


static int
phr_repack_count(phr_str_t k, phr_str_t v, const phr_pack_key_t *key,
    phr_window_t *gone)
{
    int              rc;
    size_t           i;
    phr_str_t        body;
    phr_pack_t       pack;
    phr_chunk_ref_t  ref;

    gone->npacks++;
    gone->bytes += v.len;

    rc = phr_record_check(PHR_DB_PACK, k, v, &body, NULL);
    if (rc == PHR_OK) {
        rc = phr_pack_open(key, body, &pack);
    }

    for (i = 0; rc == PHR_OK && i < pack.nchunks; i++) {
        rc = phr_pack_chunk(&pack, i, &ref);

        if (rc == PHR_OK) {
            gone->nsamples += ref.n;
        }
    }

    return rc;
}


/* the record of the window; what the packer added must be in it by then */
static int
phr_repack_count_off(phr_repack_t *d, phr_err_t *err)
{
    int                    rc;
    uint8_t                wkey[PHR_KEY_WINDOW];
    phr_window_t           w;
    const phr_pack_key_t  *key;

    if (d->packer != NULL) {
        rc = phr_packer_finish(d->packer, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (!d->any) {
        return PHR_OK;
    }

    d->any = 0;
    key = &d->window;

    rc = phr_window_get(d->st->txn, key->level, key->window, &w, err);
    if (rc != PHR_OK) {
        return rc < 0 ? rc : PHR_OK;
    }

    if (w.npacks > d->gone.npacks) {
        w.npacks -= d->gone.npacks;
        w.nsamples -= phr_min(d->gone.nsamples, w.nsamples);
        w.bytes -= phr_min(d->gone.bytes, w.bytes);

        rc = phr_window_put(d->st->txn, key->level, key->window, &w, err);

    } else {
        phr_key_window(wkey, key->level, key->window);
        rc = phr_txn_del(d->st->txn, PHR_DB_WINDOW, wkey, sizeof(wkey), err);
    }

    memset(&d->gone, 0, sizeof(d->gone));

    return rc < 0 ? rc : PHR_OK;
}


int
phr_repack_without(phr_repack_t *d, const phr_pack_key_t *key, phr_err_t *err)
{
    int          rc, any;
    char         copy[PHR_VALUE_MAX];
    uint8_t      k[PHR_KEY_PACK];
    int64_t      from[PHR_GROUP_SIZE], to[PHR_GROUP_SIZE];
    phr_str_t    v, body;
    phr_pack_t   pack;

    phr_key_pack(k, key);

    rc = phr_txn_get(d->st->txn, PHR_DB_PACK, k, sizeof(k), &v, err);
    if (rc != PHR_OK) {
        return rc < 0 ? rc : PHR_OK;
    }

    /* a damaged one is left to whoever looks at it, until all of it goes */

    if (v.len > sizeof(copy)
        || phr_record_check(PHR_DB_PACK, phr_str_from((char *) k, sizeof(k)),
                            v, &body, NULL) != PHR_OK)
    {
        return PHR_OK;
    }

    memcpy(copy, body.data, body.len);
    body.data = copy;

    if (phr_pack_open(key, body, &pack) != PHR_OK) {
        return PHR_OK;
    }

    rc = phr_repack_survey(d, &pack, from, to, &any, err);
    if (rc != PHR_OK || !any) {
        return rc == PHR_ECORRUPT ? PHR_OK : rc;
    }

    rc = phr_repack_drop(d, key, err);

    if (rc == PHR_OK) {
        rc = phr_repack_rewrite(d, &pack, from, to, err);
    }

    return rc;
}


/*
 * What is to go of the series, by their place after the first; *any tells
 * that there is such a sample.  Decodes everything, so that what is written
 * anew is known to be whole.
 */
static int
phr_repack_survey(phr_repack_t *d, const phr_pack_t *pack, int64_t *from,
    int64_t *to, int *any, phr_err_t *err)
{
    int                 rc;
    size_t              i, k, at, stays;
    phr_sid_t           before;
    phr_arena_mark_t    mark;
    phr_repack_chunk_t  c;

    *any = 0;
    before = 0;

    for (i = 0; i < pack->nchunks; i++) {
        mark = phr_arena_mark(d->st->scratch);
        rc = phr_repack_decode(pack, i, d->st->scratch, &c);
        phr_arena_release(d->st->scratch, mark);

        if (rc != PHR_OK) {
            return rc;
        }

        at = c.ref.sid - pack->key.first;

        if (c.ref.sid != before) {
            rc = d->range(d->data, c.ref.sid, &from[at], &to[at], err);
            if (rc != PHR_OK) {
                return rc;
            }

            before = c.ref.sid;
        }

        stays = phr_repack_stays(&c, from[at], to[at]);

        for (k = 0; k < c.ref.n && (c.t_ms[k] < from[at] || k == stays); k++)
        {
            /* void */
        }

        *any |= (k < c.ref.n && c.t_ms[k] <= to[at]);
    }

    return PHR_OK;
}


static int
phr_repack_rewrite(phr_repack_t *d, const phr_pack_t *pack,
    const int64_t *from, const int64_t *to, phr_err_t *err)
{
    int                 rc;
    size_t              i, k, n, at, stays;
    phr_arena_t        *arena;
    phr_arena_mark_t    mark;
    phr_repack_chunk_t  c;

    rc = phr_repack_packer(d, pack->key.seal, err);
    if (rc != PHR_OK) {
        return rc;
    }

    arena = d->st->scratch;

    if (pack->kind == PHR_PACK_STARTS) {
        phr_repack_start(d->st, pack->key.first);
    }

    for (i = 0; i < pack->nchunks && rc == PHR_OK; i++) {
        mark = phr_arena_mark(arena);
        rc = phr_repack_decode(pack, i, arena, &c);

        at = c.ref.sid - pack->key.first;
        stays = rc == PHR_OK ? phr_repack_stays(&c, from[at], to[at])
                             : SIZE_MAX;

        for (k = 0, n = 0; rc == PHR_OK && k < c.ref.n; k++) {
            if (c.t_ms[k] < from[at] || c.t_ms[k] > to[at] || k == stays) {
                c.t_ms[n] = c.t_ms[k];

                if (c.ref.hists) {
                    c.h[n++] = c.h[k];

                } else {
                    c.v[n++] = c.v[k];
                }
            }
        }

        if (rc == PHR_OK && n > 0) {
            rc = phr_repack_add(d, &c, n, err);
        }

        phr_arena_release(arena, mark);
    }

    return rc;
}


/*
 * A packer takes series in ascending order: each pack needs its own.  What is
 * written anew keeps the number of its seal, for it is no newer than it was:
 * of equal times that of the highest seal holds.
 */
static int
phr_repack_packer(phr_repack_t *d, uint32_t seal, phr_err_t *err)
{
    int  rc;

    if (d->packer != NULL) {
        rc = phr_packer_finish(d->packer, err);
        if (rc != PHR_OK) {
            return rc;
        }

        phr_packer_destroy(d->packer);
    }

    d->packer = phr_packer_create(d->st->txn, seal);

    return d->packer != NULL ? PHR_OK
                             : phr_err_set(err, PHR_ENOMEM, "no memory");
}


static int
phr_repack_add(phr_repack_t *d, const phr_repack_chunk_t *c, size_t n,
    phr_err_t *err)
{
    if (c->ref.hists) {
        return phr_packer_add_hists(d->packer, c->ref.sid, c->t_ms, c->h, n,
                                    err);
    }

    if (c->ref.starts) {
        return phr_packer_add_starts(d->packer, c->ref.sid, c->t_ms, c->v, n,
                                     err);
    }

    return phr_packer_add(d->packer, c->ref.sid, c->t_ms, c->v, n, err);
}


/*
 * The place of a start timestamp that holds for samples after the range, or
 * SIZE_MAX.  Those of samples alone have chunks of their own.
 */
static size_t
phr_repack_stays(const phr_repack_chunk_t *c, int64_t from, int64_t to)
{
    size_t  k;

    if (!c->ref.starts || phr_start_is_alone(c->v[0])) {
        return SIZE_MAX;
    }

    for (k = c->ref.n; k > 0 && c->t_ms[k - 1] > to; k--) { /* void */ }

    return k > 0 && c->t_ms[k - 1] >= from
           && to < phr_start_window_end(c->t_ms[k - 1]) ? k - 1 : SIZE_MAX;
}


/* what the writer knows of the group may be gone by now */
static void
phr_repack_start(phr_store_t *st, phr_sid_t sid)
{
    phr_group_t  *g;

    if (phr_group_of(sid) < st->groups.nelts) {
        g = *phr_slot(&st->groups, phr_group_of(sid));

        if (g != NULL) {
            phr_start_forget(g);
        }
    }
}


static int
phr_repack_decode(const phr_pack_t *pack, size_t i, phr_arena_t *arena,
    phr_repack_chunk_t *c)
{
    int  rc;

    rc = phr_pack_chunk(pack, i, &c->ref);
    if (rc == PHR_OK) {
        rc = phr_chunk_ref_times(&c->ref, c->t_ms);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    return c->ref.hists ? phr_chunk_ref_hists(&c->ref, arena, c->h)
                        : phr_chunk_ref_values(&c->ref, c->v);
}
