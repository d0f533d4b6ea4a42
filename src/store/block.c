/*
 * Copyright (C) The Pharos Authors
 *
 * Packs are written: samples are cut into chunks, chunks are gathered in the
 * packs of their windows, and what is in a window is summed up.  The format of
 * a pack is in block_read.c.
 */

#include "store/block.h"

#include "core/alloc.h"
#include "store/bits.h"
#include "store/hist_chunk.h"


#define PHR_PACK_MAX_TIMES  2047

/*
 * A chunk is cut in two if so much of a page would be empty without: about
 * twice what the second one takes, with its times.
 */
#define PHR_PACK_REST       96

/* what is left of PHR_PACK_MAX bytes, or fewer where they are encrypted */
#define phr_pack_room(txn)                                                    \
    (PHR_PACK_MAX - (PHR_VALUE_MAX - phr_txn_room(txn)) - PHR_CRC_SIZE        \
     - PHR_PACK_HEADER - PHR_BITS_PAD)

/* packs of this many windows may be open at once */
#define PHR_PACKER_OPEN     4
#define PHR_PACKER_WINDOWS  16


typedef struct {
    phr_pack_key_t   key;
    phr_pack_kind_e  kind;
    int64_t          min_ms, max_ms;
    uint32_t         nsamples;
    uint16_t         nchunks;
    uint16_t         ntimes;
    uint16_t         nvalues;   /* bytes used in values[] and times[] */
    uint16_t         ntimes_bytes;
    uint32_t         used;      /* when, for eviction */
    uint32_t         dir[PHR_PACK_MAX / 4];
    uint16_t         tdir[PHR_PACK_MAX_TIMES];
    uint8_t          values[PHR_PACK_MAX];
    uint8_t          times[PHR_PACK_MAX];
} phr_open_pack_t;


/* a chunk on its way into a pack */
typedef struct {
    phr_pack_kind_e  kind;
    phr_sid_t        sid;
    size_t           n;
    int64_t          min_ms, max_ms;
    const uint8_t   *values;
    size_t           vlen;
    const uint8_t   *times;
    size_t           tlen;
} phr_new_chunk_t;


/* one of floats, and the bytes of it */
typedef struct {
    phr_new_chunk_t  c;
    uint8_t          values[PHR_CHUNK_BOUND(PHR_CHUNK_MAX_SAMPLES)];
    uint8_t          times[PHR_CHUNK_BOUND(PHR_CHUNK_MAX_SAMPLES)];
} phr_float_chunk_t;


struct phr_packer_s {
    phr_txn_t       *txn;
    uint32_t         seal;
    uint32_t         clock;
    phr_open_pack_t  open[PHR_PACKER_OPEN];

    /* sums by window, written at the end or when there are too many */
    struct {
        int           level;
        int32_t       window;
        phr_window_t  sum;
    } windows[PHR_PACKER_WINDOWS];
    size_t           nwindows;
};


static size_t phr_packer_cut(const int64_t *t_ms, size_t n);
static int phr_packer_floats(phr_packer_t *p, phr_sid_t sid,
    const int64_t *t_ms, const double *v, size_t n, size_t *taken,
    phr_err_t *err);
static int phr_packer_part(const phr_new_chunk_t *whole, const int64_t *t_ms,
    const double *v, size_t left, phr_float_chunk_t *part);
static void phr_packer_encode(phr_float_chunk_t *f, phr_pack_kind_e kind,
    phr_sid_t sid, const int64_t *t_ms, const double *v, size_t n);
static int phr_packer_hists(phr_packer_t *p, phr_sid_t sid,
    const int64_t *t_ms, const phr_hist_t *const *h, size_t n, size_t *taken,
    phr_err_t *err);
static size_t phr_packer_times(const int64_t *t_ms, size_t n, uint8_t *times);
static int phr_packer_put(phr_packer_t *p, const phr_new_chunk_t *c,
    phr_err_t *err);
static void phr_packer_place(const phr_new_chunk_t *c, phr_pack_key_t *key);
static size_t phr_packer_left(phr_packer_t *p, const phr_new_chunk_t *c);
static int phr_open_pack_is(const phr_open_pack_t *o, phr_pack_kind_e kind,
    const phr_pack_key_t *key);
static size_t phr_open_pack_bytes(const phr_open_pack_t *o);
static size_t phr_open_pack_with(const phr_open_pack_t *o,
    const phr_new_chunk_t *c, size_t at);
static int phr_packer_pack(phr_packer_t *p, phr_pack_kind_e kind,
    const phr_pack_key_t *key, phr_open_pack_t **o, phr_err_t *err);
static int phr_packer_flush(phr_packer_t *p, phr_open_pack_t *o,
    phr_err_t *err);
static int phr_packer_key(phr_packer_t *p, phr_open_pack_t *o, uint8_t *key,
    phr_err_t *err);
static int phr_packer_sum(phr_packer_t *p, const phr_open_pack_t *o,
    size_t bytes, phr_err_t *err);
static int phr_packer_write_sums(phr_packer_t *p, phr_err_t *err);
static size_t phr_pack_find_times(const phr_open_pack_t *o,
    const uint8_t *times, size_t len);
static void phr_put_le16(uint8_t *p, uint16_t v);
static void phr_put_le32(uint8_t *p, uint32_t v);


phr_packer_t *
phr_packer_create(phr_txn_t *txn, uint32_t seal)
{
    phr_packer_t  *p;

    p = phr_calloc(1, sizeof(phr_packer_t));

    if (p != NULL) {
        p->txn = txn;
        p->seal = seal;
    }

    return p;
}


void
phr_packer_destroy(phr_packer_t *p)
{
    phr_free(p);
}


int
phr_packer_add(phr_packer_t *p, phr_sid_t sid, const int64_t *t_ms,
    const double *v, size_t n, phr_err_t *err)
{
    int     rc;
    size_t  i, k;

    for (i = 0; i < n; i += k) {
        k = phr_packer_cut(t_ms + i, n - i);

        rc = phr_packer_floats(p, sid, t_ms + i, v + i, k, &k, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


int
phr_packer_add_starts(phr_packer_t *p, phr_sid_t sid, const int64_t *t_ms,
    const double *v, size_t n, phr_err_t *err)
{
    int                rc;
    size_t             i, k, max;
    int32_t            window;
    phr_float_chunk_t  f;

    for (i = 0; i < n; i += k) {
        window = phr_window_of(PHR_LEVEL_STARTS, t_ms[i]);
        max = phr_min(n - i, PHR_CHUNK_MAX_SAMPLES);

        for (k = 1; k < max
             && phr_window_of(PHR_LEVEL_STARTS, t_ms[i + k]) == window; k++)
        {
            /* void */
        }

        phr_packer_encode(&f, PHR_PACK_STARTS, sid, t_ms + i, v + i, k);

        rc = phr_packer_put(p, &f.c, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


/* how many samples a chunk may hold: not too many, nor of too long a time */
static size_t
phr_packer_cut(const int64_t *t_ms, size_t n)
{
    n = phr_min(n, PHR_CHUNK_MAX_SAMPLES);

    while (n > 1 && t_ms[n - 1] - t_ms[0] > phr_window_ms(PHR_NLEVELS - 1)) {
        n = (n + 1) / 2;
    }

    return n;
}


/* one chunk, of fewer samples if these fill a page */
static int
phr_packer_floats(phr_packer_t *p, phr_sid_t sid, const int64_t *t_ms,
    const double *v, size_t n, size_t *taken, phr_err_t *err)
{
    size_t             left;
    phr_float_chunk_t  whole, part;

    phr_packer_encode(&whole, PHR_PACK_FLOATS, sid, t_ms, v, n);
    left = phr_packer_left(p, &whole.c);

    if (left >= PHR_PACK_REST
        && phr_packer_part(&whole.c, t_ms, v, left, &part))
    {
        *taken = part.c.n;
        return phr_packer_put(p, &part.c, err);
    }

    *taken = n;

    return phr_packer_put(p, &whole.c, err);
}


/*
 * As many of the first samples as have room in "left" bytes, about; false if
 * that is too few, or if these would be in a pack of another level.
 */
static int
phr_packer_part(const phr_new_chunk_t *whole, const int64_t *t_ms,
    const double *v, size_t left, phr_float_chunk_t *part)
{
    size_t          n;
    phr_pack_key_t  key, other;

    phr_packer_place(whole, &key);

    /* those of a part take as much as those of the whole, or less */

    left -= phr_min(left, 2 + whole->tlen);
    n = phr_min(whole->n - 1, whole->n * left / whole->vlen);

    for ( /* void */ ; n >= 8; n -= n / 8) {
        phr_packer_encode(part, whole->kind, whole->sid, t_ms, v, n);
        phr_packer_place(&part->c, &other);

        if (other.level != key.level || other.window != key.window) {
            return 0;
        }

        if (part->c.vlen <= left && part->c.tlen <= whole->tlen) {
            return 1;
        }
    }

    return 0;
}


static void
phr_packer_encode(phr_float_chunk_t *f, phr_pack_kind_e kind, phr_sid_t sid,
    const int64_t *t_ms, const double *v, size_t n)
{
    f->c.kind = kind;
    f->c.sid = sid;
    f->c.n = n;
    f->c.min_ms = t_ms[0];
    f->c.max_ms = t_ms[n - 1];
    f->c.values = f->values;
    f->c.vlen = phr_chunk_encode(v, n, f->values);
    f->c.times = f->times;
    f->c.tlen = phr_packer_times(t_ms, n, f->times);
}


int
phr_packer_add_hists(phr_packer_t *p, phr_sid_t sid, const int64_t *t_ms,
    const phr_hist_t *const *h, size_t n, phr_err_t *err)
{
    int     rc;
    size_t  i, k;

    for (i = 0; i < n; i += k) {
        k = phr_packer_cut(t_ms + i, n - i);

        rc = phr_packer_hists(p, sid, t_ms + i, h + i, k, &k, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


/* one chunk of as many as go into one */
static int
phr_packer_hists(phr_packer_t *p, phr_sid_t sid, const int64_t *t_ms,
    const phr_hist_t *const *h, size_t n, size_t *taken, phr_err_t *err)
{
    uint8_t          values[PHR_PACK_MAX];
    uint8_t          times[PHR_CHUNK_BOUND(PHR_CHUNK_MAX_SAMPLES)];
    phr_new_chunk_t  c;

    c.kind = PHR_PACK_HISTS;
    c.sid = sid;
    c.tlen = phr_packer_times(t_ms, n, times);

    /* a word and an offset stand in the directory */
    c.vlen = phr_hist_chunk_encode(h, n, values, phr_pack_room(p->txn) - 6
                                   - c.tlen, &c.n);

    if (c.vlen == 0) {
        return n > 1 ? phr_packer_hists(p, sid, t_ms, h, 1, taken, err)
               : phr_err_set(err, PHR_EINVAL, "a histogram of series %u is "
                             "too large", sid);
    }

    if (c.n < n) {
        c.tlen = phr_packer_times(t_ms, c.n, times);
    }

    c.min_ms = t_ms[0];
    c.max_ms = t_ms[c.n - 1];
    c.values = values;
    c.times = times;
    *taken = c.n;

    return phr_packer_put(p, &c, err);
}


static size_t
phr_packer_times(const int64_t *t_ms, size_t n, uint8_t *times)
{
    size_t  len;

    len = phr_put_uvarint(times, n);

    return len + phr_ints_encode(t_ms, n, times + len);
}


static int
phr_packer_put(phr_packer_t *p, const phr_new_chunk_t *c, phr_err_t *err)
{
    int               rc, fresh;
    size_t            at;
    phr_pack_key_t    key;
    phr_open_pack_t  *o;

    phr_packer_place(c, &key);

    for (fresh = 0; /* void */; fresh++) {
        rc = phr_packer_pack(p, c->kind, &key, &o, err);
        if (rc != PHR_OK) {
            return rc;
        }

        at = phr_pack_find_times(o, c->times, c->tlen);

        if (phr_open_pack_with(o, c, at) <= phr_pack_room(p->txn)
            && at < PHR_PACK_MAX_TIMES)
        {
            break;
        }

        /* one chunk at its worst fills a page, but fits */
        phr_assert(!fresh);

        rc = phr_packer_flush(p, o, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (at == o->ntimes) {
        memcpy(o->times + o->ntimes_bytes, c->times, c->tlen);
        o->tdir[o->ntimes++] = o->ntimes_bytes;
        o->ntimes_bytes += (uint16_t) c->tlen;
    }

    if (o->nchunks == 0) {
        o->key.first = c->sid;
        o->min_ms = c->min_ms;
        o->max_ms = c->max_ms;
    }

    o->dir[o->nchunks++] = (c->sid - o->key.first)
                           | (uint32_t) o->nvalues << 9
                           | (uint32_t) at << 21;
    memcpy(o->values + o->nvalues, c->values, c->vlen);
    o->nvalues += (uint16_t) c->vlen;

    o->key.span = (uint16_t) (c->sid - o->key.first);
    o->min_ms = phr_min(o->min_ms, c->min_ms);
    o->max_ms = phr_max(o->max_ms, c->max_ms);
    o->nsamples += (uint32_t) c->n;

    return PHR_OK;
}


static void
phr_packer_place(const phr_new_chunk_t *c, phr_pack_key_t *key)
{
    if (c->kind == PHR_PACK_STARTS) {
        key->level = PHR_LEVEL_STARTS;
        key->window = phr_window_of(PHR_LEVEL_STARTS, c->min_ms);

    } else {
        phr_pack_key_place(key, c->min_ms, c->max_ms);
    }

    key->first = c->sid;
}


/*
 * What the pack that the chunk would go to has left for the values and the
 * times of a chunk; 0 if there is none, or if this one fits.
 */
static size_t
phr_packer_left(phr_packer_t *p, const phr_new_chunk_t *c)
{
    size_t                  i, at, used, room;
    phr_pack_key_t          key;
    const phr_open_pack_t  *o;

    phr_packer_place(c, &key);
    room = phr_pack_room(p->txn);

    for (i = 0; i < PHR_PACKER_OPEN; i++) {
        o = &p->open[i];

        if (!phr_open_pack_is(o, c->kind, &key)
            || phr_group_of(o->key.first) != phr_group_of(key.first))
        {
            continue;
        }

        used = phr_open_pack_bytes(o) + 4;
        at = phr_pack_find_times(o, c->times, c->tlen);

        return used >= room || o->ntimes == PHR_PACK_MAX_TIMES
               || phr_open_pack_with(o, c, at) <= room ? 0 : room - used;
    }

    return 0;
}


static int
phr_open_pack_is(const phr_open_pack_t *o, phr_pack_kind_e kind,
    const phr_pack_key_t *key)
{
    return o->nchunks != 0 && o->kind == kind && o->key.level == key->level
           && o->key.window == key->window;
}


/* all but what it has before its first word and after its last byte */
static size_t
phr_open_pack_bytes(const phr_open_pack_t *o)
{
    return 4u * o->nchunks + 2u * o->ntimes + o->nvalues + o->ntimes_bytes;
}


/* the same with one more chunk, whose times are the at-th there or new */
static size_t
phr_open_pack_with(const phr_open_pack_t *o, const phr_new_chunk_t *c,
    size_t at)
{
    return phr_open_pack_bytes(o) + 4 + c->vlen
           + (at == o->ntimes ? 2 + c->tlen : 0);
}


/* an open pack of this kind, window and group; another one makes room */
static int
phr_packer_pack(phr_packer_t *p, phr_pack_kind_e kind,
    const phr_pack_key_t *key, phr_open_pack_t **out, phr_err_t *err)
{
    int               rc;
    size_t            i;
    phr_open_pack_t  *o, *oldest;

    oldest = &p->open[0];

    for (i = 0; i < PHR_PACKER_OPEN; i++) {
        o = &p->open[i];

        if (phr_open_pack_is(o, kind, key)) {

            if (phr_group_of(o->key.first) != phr_group_of(key->first)) {
                rc = phr_packer_flush(p, o, err);
                if (rc != PHR_OK) {
                    return rc;
                }

                o->key = *key;
            }

            break;
        }

        if (o->nchunks == 0 || (oldest->nchunks != 0
                                && o->used < oldest->used))
        {
            oldest = o;
        }
    }

    if (i == PHR_PACKER_OPEN) {
        o = oldest;

        if (o->nchunks != 0) {
            rc = phr_packer_flush(p, o, err);
            if (rc != PHR_OK) {
                return rc;
            }
        }

        o->key = *key;
        o->kind = kind;
    }

    o->used = ++p->clock;
    *out = o;

    return PHR_OK;
}


static int
phr_packer_flush(phr_packer_t *p, phr_open_pack_t *o, phr_err_t *err)
{
    int       rc;
    size_t    i, len;
    uint8_t  *q, key[PHR_KEY_PACK], value[PHR_PACK_MAX];

    q = value + PHR_CRC_SIZE;

    q[0] = (uint8_t) o->kind;
    q[1] = 0;
    phr_put_le16(q + 2, o->nchunks);
    phr_put_le16(q + 4, o->ntimes);
    phr_put_le16(q + 6, (uint16_t) (o->nvalues + o->ntimes_bytes));
    q += PHR_PACK_HEADER;

    for (i = 0; i < o->nchunks; i++, q += 4) {
        phr_put_le32(q, o->dir[i]);
    }

    for (i = 0; i < o->ntimes; i++, q += 2) {
        phr_put_le16(q, (uint16_t) (o->nvalues + o->tdir[i]));
    }

    memcpy(q, o->values, o->nvalues);
    q += o->nvalues;
    memcpy(q, o->times, o->ntimes_bytes);
    q += o->ntimes_bytes;
    memset(q, 0, PHR_BITS_PAD);
    q += PHR_BITS_PAD;

    len = (size_t) (q - value);

    phr_pack_key_range(&o->key, o->min_ms, o->max_ms);
    o->key.seal = p->seal;

    rc = phr_packer_key(p, o, key, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_record_put(p->txn, PHR_DB_PACK, key, sizeof(key), value, len,
                        err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_packer_sum(p, o, len, err);

    o->nchunks = 0;
    o->ntimes = 0;
    o->nvalues = 0;
    o->ntimes_bytes = 0;
    o->nsamples = 0;

    return rc;
}


/*
 * The key of a pack.  Two packs of one seal come out the same only if they
 * hold one series sampled every millisecond or so; the bounds of the times
 * are then made wider than the samples, which harms nobody.
 */
static int
phr_packer_key(phr_packer_t *p, phr_open_pack_t *o, uint8_t *key,
    phr_err_t *err)
{
    int        rc;
    phr_str_t  value;

    for ( ;; ) {
        phr_key_pack(key, &o->key);

        rc = phr_txn_get(p->txn, PHR_DB_PACK, key, PHR_KEY_PACK, &value, err);
        if (rc != PHR_OK) {
            return rc == PHR_NOTFOUND ? PHR_OK : rc;
        }

        if (o->key.to < 65535) {
            o->key.to++;

        } else if (o->key.from > 0) {
            o->key.from--;

        } else {
            return phr_err_set(err, PHR_ELIMIT, "too many packs of series "
                               "%u in one seal", o->key.first);
        }
    }
}


static int
phr_packer_sum(phr_packer_t *p, const phr_open_pack_t *o, size_t bytes,
    phr_err_t *err)
{
    int            rc;
    size_t         i;
    phr_window_t  *sum;

    for (i = 0; i < p->nwindows; i++) {
        if (p->windows[i].level == o->key.level
            && p->windows[i].window == o->key.window)
        {
            break;
        }
    }

    if (i == PHR_PACKER_WINDOWS) {
        rc = phr_packer_write_sums(p, err);
        if (rc != PHR_OK) {
            return rc;
        }

        i = 0;
    }

    sum = &p->windows[i].sum;

    if (i == p->nwindows) {
        p->nwindows++;
        p->windows[i].level = o->key.level;
        p->windows[i].window = o->key.window;
        memset(sum, 0, sizeof(phr_window_t));
        sum->min_ms = o->min_ms;
        sum->max_ms = o->max_ms;
    }

    sum->npacks++;
    sum->nsamples += o->nsamples;
    sum->bytes += bytes;
    sum->min_ms = phr_min(sum->min_ms, o->min_ms);
    sum->max_ms = phr_max(sum->max_ms, o->max_ms);

    return PHR_OK;
}


static int
phr_packer_write_sums(phr_packer_t *p, phr_err_t *err)
{
    int            rc;
    size_t         i;
    phr_window_t   w, *sum;

    for (i = 0; i < p->nwindows; i++) {
        sum = &p->windows[i].sum;

        rc = phr_window_get(p->txn, p->windows[i].level,
                            p->windows[i].window, &w, err);
        if (rc < 0) {
            return rc;
        }

        if (rc == PHR_NOTFOUND) {
            w = *sum;

        } else {
            w.npacks += sum->npacks;
            w.nsamples += sum->nsamples;
            w.bytes += sum->bytes;
            w.min_ms = phr_min(w.min_ms, sum->min_ms);
            w.max_ms = phr_max(w.max_ms, sum->max_ms);
        }

        rc = phr_window_put(p->txn, p->windows[i].level,
                            p->windows[i].window, &w, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    p->nwindows = 0;

    return PHR_OK;
}


int
phr_packer_finish(phr_packer_t *p, phr_err_t *err)
{
    int     rc;
    size_t  i;

    for (i = 0; i < PHR_PACKER_OPEN; i++) {
        if (p->open[i].nchunks != 0) {
            rc = phr_packer_flush(p, &p->open[i], err);
            if (rc != PHR_OK) {
                return rc;
            }
        }
    }

    return phr_packer_write_sums(p, err);
}


/* the place of an equal column of times, ntimes if there is none */
static size_t
phr_pack_find_times(const phr_open_pack_t *o, const uint8_t *times,
    size_t len)
{
    size_t  i, end;

    end = o->ntimes_bytes;

    /* the newest are the likeliest, and a few are enough */
    for (i = o->ntimes; i > 0 && o->ntimes - i < 8; i--) {
        if (end - o->tdir[i - 1] == len
            && memcmp(o->times + o->tdir[i - 1], times, len) == 0)
        {
            return i - 1;
        }

        end = o->tdir[i - 1];
    }

    return o->ntimes;
}


int
phr_window_get(phr_txn_t *txn, int level, int32_t window, phr_window_t *w,
    phr_err_t *err)
{
    int        rc;
    uint8_t    key[PHR_KEY_WINDOW];
    phr_str_t  body;

    phr_key_window(key, level, window);

    rc = phr_record_get(txn, PHR_DB_WINDOW, key, sizeof(key), &body, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (phr_window_decode(body, w) != PHR_OK) {
        return phr_err_set(err, PHR_ECORRUPT, "window record of %zu bytes",
                           body.len);
    }

    return PHR_OK;
}


int
phr_window_put(phr_txn_t *txn, int level, int32_t window,
    const phr_window_t *w, phr_err_t *err)
{
    uint8_t  key[PHR_KEY_WINDOW], value[PHR_CRC_SIZE + 40];

    phr_key_window(key, level, window);
    phr_put_be64(value + PHR_CRC_SIZE, w->npacks);
    phr_put_be64(value + PHR_CRC_SIZE + 8, w->nsamples);
    phr_put_be64(value + PHR_CRC_SIZE + 16, w->bytes);
    phr_key_put_time(value + PHR_CRC_SIZE + 24, w->min_ms);
    phr_key_put_time(value + PHR_CRC_SIZE + 32, w->max_ms);

    return phr_record_put(txn, PHR_DB_WINDOW, key, sizeof(key), value,
                          sizeof(value), err);
}


int
phr_window_decode(phr_str_t body, phr_window_t *w)
{
    const uint8_t  *p;

    if (body.len != 40) {
        return PHR_ECORRUPT;
    }

    p = (const uint8_t *) body.data;

    w->npacks = phr_get_be64(p);
    w->nsamples = phr_get_be64(p + 8);
    w->bytes = phr_get_be64(p + 16);
    w->min_ms = phr_key_get_time(p + 24);
    w->max_ms = phr_key_get_time(p + 32);

    return PHR_OK;
}


static void
phr_put_le16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t) v;
    p[1] = (uint8_t) (v >> 8);
}


static void
phr_put_le32(uint8_t *p, uint32_t v)
{
    phr_put_le16(p, (uint16_t) v);
    phr_put_le16(p + 2, (uint16_t) (v >> 16));
}
