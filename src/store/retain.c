/*
 * Copyright (C) The Pharos Authors
 *
 * Retain: see retain.h.
 */

#include "store/retain.h"

#include "core/alloc.h"
#include "store/keep.h"


/* in a step: keys looked at, packs dropped, packs read */
#define PHR_RETAIN_VISITS   4096
#define PHR_RETAIN_DROPS    256
#define PHR_RETAIN_READS    64


/* what to do with a pack */
typedef enum {
    PHR_RETAIN_LEAVE = 0,
    PHR_RETAIN_DROP,
    PHR_RETAIN_READ
} phr_retain_e;


/* packs to be changed when the cursor is closed, and what they need */
typedef struct {
    phr_store_t     *st;
    phr_packer_t    *packer;    /* made when needed */
    int              any;       /* a window was touched, */
    phr_pack_key_t   window;    /* this one */
    phr_window_t     gone;      /* from it */
    int             *changed;
} phr_dropping_t;


/* a chunk, decoded: floats or histograms */
typedef struct {
    phr_chunk_ref_t    ref;
    int64_t            t_ms[PHR_CHUNK_MAX_SAMPLES];
    double             v[PHR_CHUNK_MAX_SAMPLES];
    const phr_hist_t  *h[PHR_CHUNK_MAX_SAMPLES];
} phr_retain_chunk_t;


static phr_retain_e phr_retain_judge(const phr_retain_t *r,
    const phr_pack_key_t *key);
static int phr_retain_drop(phr_dropping_t *d, const phr_pack_key_t *key,
    phr_err_t *err);
static int phr_retain_count(phr_str_t k, phr_str_t v,
    const phr_pack_key_t *key, phr_window_t *gone);
static int phr_retain_count_off(phr_dropping_t *d, phr_err_t *err);
static int phr_retain_read(phr_dropping_t *d, const phr_pack_key_t *key,
    phr_err_t *err);
static int phr_retain_survey(phr_store_t *st, const phr_pack_t *pack,
    int64_t *floors, int *any, phr_err_t *err);
static int phr_retain_floor(phr_store_t *st, phr_sid_t sid,
    int64_t *floor_ms, phr_err_t *err);
static int phr_retain_rewrite(phr_dropping_t *d, const phr_pack_t *pack,
    const int64_t *floors, phr_err_t *err);
static int phr_retain_decode(const phr_pack_t *pack, size_t i,
    phr_arena_t *arena, phr_retain_chunk_t *c);


int
phr_retain_packs(phr_store_t *st, int *changed, phr_err_t *err)
{
    int              rc, more;
    size_t           i, n, nvisits, nreads;
    uint8_t          from[PHR_KEY_PACK];
    int32_t          first, last;
    phr_str_t        k, v;
    phr_retain_t    *r;
    phr_cursor_t    *cursor;
    phr_retain_e     what, todo[PHR_RETAIN_DROPS];
    phr_pack_key_t   key, keys[PHR_RETAIN_DROPS];
    phr_dropping_t   d;

    r = &st->retain;

    first = r->from_ms == PHR_TIME_MIN
            ? INT32_MIN : phr_window_of(r->level, r->from_ms) - 1;
    last = phr_window_of(r->level, r->to_ms);

    rc = phr_cursor_open(st->txn, PHR_DB_PACK, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (r->resume) {
        rc = phr_cursor_seek(cursor, r->key, sizeof(r->key), &k, &v, err);

    } else {
        phr_key_window(from, r->level, first);
        rc = phr_cursor_seek(cursor, from, PHR_KEY_WINDOW, &k, &v, err);
    }

    n = 0;
    more = 0;
    nreads = 0;

    for (nvisits = 0; rc == PHR_OK; nvisits++) {

        if (!phr_key_pack_get(k, &key)) {
            rc = phr_err_set(err, PHR_ECORRUPT, "key of %zu bytes in "
                             "\"pack\"", k.len);
            break;
        }

        if (key.level != r->level || key.window > last) {
            break;
        }

        if (nvisits == PHR_RETAIN_VISITS || n == PHR_RETAIN_DROPS
            || nreads == PHR_RETAIN_READS)
        {
            memcpy(r->key, k.data, sizeof(r->key));
            more = 1;
            break;
        }

        what = phr_retain_judge(r, &key);

        if (what != PHR_RETAIN_LEAVE) {
            nreads += (what == PHR_RETAIN_READ);
            todo[n] = what;
            keys[n++] = key;
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    memset(&d, 0, sizeof(d));
    d.st = st;
    d.changed = changed;

    for (i = 0; rc >= 0 && i < n; i++) {
        rc = todo[i] == PHR_RETAIN_DROP ? phr_retain_drop(&d, &keys[i], err)
                                        : phr_retain_read(&d, &keys[i], err);
    }

    if (rc >= 0) {
        rc = phr_retain_count_off(&d, err);
    }

    phr_packer_destroy(d.packer);

    if (rc < 0) {
        return rc;
    }

    r->resume = (uint8_t) more;

    return more ? PHR_AGAIN : PHR_OK;
}


static phr_retain_e
phr_retain_judge(const phr_retain_t *r, const phr_pack_key_t *key)
{
    size_t   g;
    int64_t  min_ms, max_ms, old_ms;

    min_ms = phr_pack_key_min(key);
    max_ms = phr_pack_key_max(key);

    if (max_ms < r->keep.low_ms) {
        return PHR_RETAIN_DROP;
    }

    if (key->seal >= r->seal) {
        return PHR_RETAIN_LEAVE;
    }

    if (max_ms >= r->to_ms) {
        /* some of it may be too old: is it worth the work */

        old_ms = r->to_ms - min_ms;

        if (r->level == 0
            || (old_ms < max_ms - r->to_ms
                && (r->worn_ms == 0 || old_ms < r->worn_ms)))
        {
            return PHR_RETAIN_LEAVE;
        }

    } else if (max_ms < r->from_ms) {
        return PHR_RETAIN_LEAVE;
    }

    g = phr_group_of(key->first);

    if (r->member != NULL
        && (g >= r->nmember || !(r->member[g / 8] >> (g & 7) & 1)))
    {
        return PHR_RETAIN_LEAVE;
    }

    return PHR_RETAIN_READ;
}


/* takes a pack out; a damaged one goes, too */
static int
phr_retain_drop(phr_dropping_t *d, const phr_pack_key_t *key, phr_err_t *err)
{
    int        rc;
    uint8_t    k[PHR_KEY_PACK];
    phr_str_t  v;

    if (d->any && (d->window.level != key->level
                   || d->window.window != key->window))
    {
        rc = phr_retain_count_off(d, err);
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
    *d->changed = 1;

    (void) phr_retain_count(phr_str_from((const char *) k, sizeof(k)), v, key,
                            &d->gone);

    rc = phr_txn_del(d->st->txn, PHR_DB_PACK, k, sizeof(k), err);

    return rc < 0 ? rc : PHR_OK;
}


static int
phr_retain_count(phr_str_t k, phr_str_t v, const phr_pack_key_t *key,
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
phr_retain_count_off(phr_dropping_t *d, phr_err_t *err)
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


/* writes a pack anew, without what is too old, if there is any such */
static int
phr_retain_read(phr_dropping_t *d, const phr_pack_key_t *key, phr_err_t *err)
{
    int          rc, any;
    char         copy[PHR_VALUE_MAX];
    uint8_t      k[PHR_KEY_PACK];
    int64_t      floors[PHR_GROUP_SIZE];
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

    rc = phr_retain_survey(d->st, &pack, floors, &any, err);
    if (rc != PHR_OK || !any) {
        return rc == PHR_ECORRUPT ? PHR_OK : rc;
    }

    rc = phr_retain_drop(d, key, err);

    if (rc == PHR_OK) {
        rc = phr_retain_rewrite(d, &pack, floors, err);
    }

    return rc;
}


/*
 * The floors of the series, by their place after the first; *any tells that
 * a sample is below one.  Decodes everything, so that what is written anew
 * is known to be whole.
 */
static int
phr_retain_survey(phr_store_t *st, const phr_pack_t *pack, int64_t *floors,
    int *any, phr_err_t *err)
{
    int                 rc;
    size_t              i;
    int64_t            *floor_ms;
    phr_sid_t           before;
    phr_arena_mark_t    mark;
    phr_retain_chunk_t  c;

    *any = 0;
    before = 0;

    for (i = 0; i < pack->nchunks; i++) {
        mark = phr_arena_mark(st->scratch);
        rc = phr_retain_decode(pack, i, st->scratch, &c);
        phr_arena_release(st->scratch, mark);

        if (rc != PHR_OK) {
            return rc;
        }

        floor_ms = &floors[c.ref.sid - pack->key.first];

        if (c.ref.sid != before) {
            rc = phr_retain_floor(st, c.ref.sid, floor_ms, err);
            if (rc != PHR_OK) {
                return rc;
            }

            before = c.ref.sid;
        }

        *any |= (c.t_ms[0] < *floor_ms);
    }

    return PHR_OK;
}


static int
phr_retain_floor(phr_store_t *st, phr_sid_t sid, int64_t *floor_ms,
    phr_err_t *err)
{
    int  rc;

    rc = phr_keep_series(&st->retain.keep, st->txn, sid, st->scratch,
                         floor_ms, err);

    if (rc == PHR_NOTFOUND) {
        /* the series expired */
        *floor_ms = INT64_MAX;
        return PHR_OK;
    }

    return rc;
}


static int
phr_retain_rewrite(phr_dropping_t *d, const phr_pack_t *pack,
    const int64_t *floors, phr_err_t *err)
{
    int                 rc;
    size_t              i, k;
    phr_arena_t        *arena;
    phr_arena_mark_t    mark;
    phr_retain_chunk_t  c;

    /* a packer takes series in ascending order: each pack needs its own */

    if (d->packer != NULL) {
        rc = phr_packer_finish(d->packer, err);
        if (rc != PHR_OK) {
            return rc;
        }

    } else {
        d->packer = phr_packer_create(d->st->txn, d->st->next.seal++);
        if (d->packer == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }
    }

    arena = d->st->scratch;
    rc = PHR_OK;

    for (i = 0; i < pack->nchunks && rc == PHR_OK; i++) {
        mark = phr_arena_mark(arena);
        rc = phr_retain_decode(pack, i, arena, &c);

        for (k = 0; rc == PHR_OK && k < c.ref.n
             && c.t_ms[k] < floors[c.ref.sid - pack->key.first]; k++)
        {
            /* void */
        }

        if (rc == PHR_OK && k < c.ref.n) {
            rc = c.ref.hists
                 ? phr_packer_add_hists(d->packer, c.ref.sid, c.t_ms + k,
                                        c.h + k, c.ref.n - k, err)
                 : phr_packer_add(d->packer, c.ref.sid, c.t_ms + k, c.v + k,
                                  c.ref.n - k, err);
        }

        phr_arena_release(arena, mark);
    }

    return rc;
}


static int
phr_retain_decode(const phr_pack_t *pack, size_t i, phr_arena_t *arena,
    phr_retain_chunk_t *c)
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
