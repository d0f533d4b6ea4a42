/*
 * Copyright (C) The Pharos Authors
 *
 * Exemplar, written: which are taken, and the record that is open for those
 * that come.  It is written with the commit, however few it has, and goes
 * on with the next one until it is full: so a hundred commits of one
 * exemplar each leave one record.
 */

#include "store/exemplar.h"

#include "core/alloc.h"
#include "core/utf8.h"
#include "store/append.h"


#define PHR_EXEMPLAR_TABLE   64         /* places to begin with */
#define PHR_EXEMPLAR_TRIMS   64         /* records deleted by a flush */


/* the newest exemplar of a series */
typedef struct {
    uint64_t   number;
    uint64_t   hash;            /* of its labels */
    int64_t    t_ms;
    double     v;
    phr_sid_t  sid;             /* 0: free */
    uint8_t    own;
} phr_exemplar_newest_t;


struct phr_exemplar_ring_s {
    phr_exemplar_newest_t  *newest;     /* a hash table */
    size_t                  mask;
    size_t                  nseries;

    /* the last record, open or not */
    uint64_t                first;
    size_t                  n;          /* 0: there is none */
    size_t                  len;        /* of value */
    int64_t                 min_ms, max_ms;
    phr_exemplar_at_t       at;
    uint8_t                 value[PHR_VALUE_MAX];

    unsigned                dirty:1;
    unsigned                trim:1;     /* there may be too many */
};


static int phr_exemplar_warm(phr_store_t *st, phr_err_t *err);
static int phr_exemplar_load(phr_store_t *st, phr_exemplar_ring_t *ring,
    phr_err_t *err);
static void phr_exemplar_resume(phr_exemplar_ring_t *ring, uint64_t first,
    const phr_exemplar_walk_t *w);
static int phr_exemplar_take(phr_store_t *st, phr_exemplar_ring_t *ring,
    phr_sid_t sid, const phr_exemplar_t *e, int8_t *status, phr_err_t *err);
static int phr_exemplar_labels(phr_store_t *st, phr_labels_t ls,
    phr_exemplar_at_t *at);
static int phr_exemplar_judge(const phr_store_t *st,
    const phr_exemplar_newest_t *newest, const phr_exemplar_t *e,
    uint64_t hash);
static int phr_exemplar_add(phr_store_t *st, phr_exemplar_ring_t *ring,
    const phr_exemplar_at_t *at, phr_err_t *err);
static phr_exemplar_newest_t *phr_exemplar_find(
    const phr_exemplar_ring_t *ring, phr_sid_t sid);
static int phr_exemplar_note(phr_exemplar_ring_t *ring, uint64_t low,
    uint64_t number, const phr_exemplar_at_t *at);
static int phr_exemplar_rehash(phr_exemplar_ring_t *ring, uint64_t low);
static int phr_exemplar_put(phr_store_t *st, phr_exemplar_ring_t *ring,
    phr_err_t *err);
static int phr_exemplar_trim(phr_store_t *st, phr_exemplar_ring_t *ring,
    phr_err_t *err);


/* the lowest number that is kept when there will be so many */
static inline uint64_t
phr_exemplar_low(const phr_store_t *st, uint64_t end)
{
    return end > st->max_exemplars ? end - st->max_exemplars : 0;
}


void
phr_store_max_exemplars(phr_store_t *st, uint64_t max)
{
    st->max_exemplars = max;
    st->appender.base.exemplars = max != 0;

    if (st->ring != NULL) {
        st->ring->trim = 1;
    }

    if (max == 0) {
        /* the next walk of retention, which deletes them, begins at once */
        st->retain.idle_ms = PHR_TIME_MIN;
        st->retain.sid = 0;
    }

    pthread_mutex_lock(&st->mutex);
    st->shown_exemplars = max;
    pthread_mutex_unlock(&st->mutex);
}


int
phr_exemplar_append(phr_appender_t *app, const phr_sid_t *sid,
    const phr_exemplar_t *e, size_t n, int8_t *status, phr_err_t *err)
{
    int           rc;
    size_t        i;
    phr_store_t  *st;

    st = ((phr_store_appender_t *) app)->st;

    if (st->max_exemplars == 0) {
        memset(status, PHR_ELIMIT, n);
        return PHR_OK;
    }

    rc = phr_store_write(st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_exemplar_warm(st, err);

    for (i = 0; i < n && rc == PHR_OK; i++) {
        rc = phr_exemplar_take(st, st->ring, sid[i], &e[i], &status[i], err);
    }

    if (rc != PHR_OK) {
        st->failed = rc;
    }

    return rc;
}


void
phr_exemplar_forget(phr_store_t *st)
{
    if (st->ring != NULL) {
        phr_free(st->ring->newest);
        phr_free(st->ring);
        st->ring = NULL;
    }
}


int
phr_exemplar_flush(phr_store_t *st, phr_err_t *err)
{
    int  rc;

    rc = PHR_OK;

    if (st->ring != NULL && st->ring->dirty) {
        rc = phr_exemplar_put(st, st->ring, err);

        if (rc == PHR_OK && st->ring->trim) {
            rc = phr_exemplar_trim(st, st->ring, err);
        }
    }

    return rc;
}


static int
phr_exemplar_warm(phr_store_t *st, phr_err_t *err)
{
    int                   rc;
    phr_exemplar_ring_t  *ring;

    if (st->ring != NULL) {
        return PHR_OK;
    }

    ring = phr_calloc(1, sizeof(phr_exemplar_ring_t));
    if (ring == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    rc = phr_exemplar_load(st, ring, err);

    if (rc != PHR_OK) {
        phr_free(ring->newest);
        phr_free(ring);
        return rc;
    }

    ring->trim = 1;
    st->ring = ring;

    return PHR_OK;
}


static int
phr_exemplar_load(phr_store_t *st, phr_exemplar_ring_t *ring, phr_err_t *err)
{
    int                            rc, more;
    uint64_t                       first;
    phr_str_t                      k, v;
    phr_cursor_t                  *cursor;
    phr_exemplar_walk_t            w;
    const phr_exemplar_newest_t   *newest;

    rc = phr_cursor_open(st->txn, PHR_DB_EXEMPLAR, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_cursor_first(cursor, &k, &v, err);

    while (rc == PHR_OK) {
        rc = phr_exemplar_read(k, v, &first, &w, err);
        if (rc != PHR_OK) {
            break;
        }

        while ((more = phr_exemplar_next(&w)) == PHR_OK) {

            newest = phr_exemplar_find(ring, w.at.sid);

            if (newest != NULL && newest->t_ms > w.at.t_ms) {
                continue;
            }

            rc = phr_exemplar_note(ring, 0, first + w.i - 1, &w.at);
            if (rc != PHR_OK) {
                phr_err_set(err, rc, "no memory");
                break;
            }
        }

        if (rc != PHR_OK || more != PHR_DONE) {
            rc = rc != PHR_OK
                 ? rc : phr_err_set(err, PHR_ECORRUPT, "damaged exemplars "
                                    "from number %llu on",
                                    (unsigned long long) first);
            break;
        }

        phr_exemplar_resume(ring, first, &w);

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc == PHR_NOTFOUND ? PHR_OK : rc;
}


/* the record is open: the next goes behind its last */
static void
phr_exemplar_resume(phr_exemplar_ring_t *ring, uint64_t first,
    const phr_exemplar_walk_t *w)
{
    size_t  len;

    len = (size_t) (w->end - w->body);

    ring->first = first;
    ring->n = w->n;
    ring->min_ms = w->min_ms;
    ring->max_ms = w->max_ms;
    ring->at = w->at;
    ring->len = PHR_CRC_SIZE + len;
    memcpy(ring->value + PHR_CRC_SIZE, w->body, len);
}


static int
phr_exemplar_take(phr_store_t *st, phr_exemplar_ring_t *ring, phr_sid_t sid,
    const phr_exemplar_t *e, int8_t *status, phr_err_t *err)
{
    int                           rc;
    uint64_t                      hash, low;
    phr_exemplar_at_t             at;
    const phr_exemplar_newest_t  *newest;

    *status = (int8_t) phr_exemplar_labels(st, e->labels, &at);
    if (*status != PHR_OK) {
        return PHR_OK;
    }

    if (e->t_ms < phr_max(PHR_KEY_TIME_MIN, st->keep.low_ms)
        || e->t_ms > PHR_KEY_TIME_MAX
        || (st->now_ms != PHR_TIME_MIN && st->conf.future_ms > 0
            && e->t_ms > st->now_ms + st->conf.future_ms))
    {
        *status = PHR_ELIMIT;
        return PHR_OK;
    }

    hash = phr_xxh64(at.labels, at.len);
    low = phr_exemplar_low(st, ring->first + ring->n);

    newest = phr_exemplar_find(ring, sid);
    at.flags = e->has_t ? PHR_EXEMPLAR_OWN : 0;

    if (newest != NULL && newest->number >= low) {

        rc = phr_exemplar_judge(st, newest, e, hash);

        if (rc != PHR_NOTFOUND) {
            *status = (int8_t) rc;
            return PHR_OK;
        }

        at.flags |= e->t_ms < newest->t_ms ? PHR_EXEMPLAR_LATE : 0;
    }

    at.sid = sid;
    at.t_ms = e->t_ms;
    at.v = e->v;

    rc = phr_exemplar_add(st, ring, &at, err);

    if (rc == PHR_OK && !(at.flags & PHR_EXEMPLAR_LATE)) {
        rc = phr_exemplar_note(ring, low, ring->first + ring->n - 1, &at);

        if (rc != PHR_OK) {
            phr_err_set(err, rc, "no memory");
        }
    }

    return rc;
}


/* the labels, encoded; PHR_EINVAL if an exemplar may not have them */
static int
phr_exemplar_labels(phr_store_t *st, phr_labels_t ls, phr_exemplar_at_t *at)
{
    size_t       i, n, k;
    phr_str_t    s;
    const char  *p;

    n = 0;

    for (i = 0; i < ls.n; i++) {

        for (k = 0; k < 2; k++) {
            s = k == 0 ? ls.l[i].name : ls.l[i].value;

            if (s.len == 0 || !phr_utf8_valid(s.data, s.len)) {
                return PHR_EINVAL;
            }

            for (p = s.data; p < s.data + s.len; p++) {
                n += ((uint8_t) *p & 0xc0) != 0x80;
            }

            if (n > PHR_EXEMPLAR_RUNES) {
                return PHR_EINVAL;
            }
        }
    }

    phr_buf_reset(&st->buf);
    phr_labels_encode(&st->buf, ls);

    if (st->buf.failed || st->buf.len > PHR_EXEMPLAR_LABELS) {
        return PHR_EINVAL;
    }

    at->len = (uint16_t) st->buf.len;

    if (at->len > 0) {
        memcpy(at->labels, st->buf.data, at->len);
    }

    return PHR_OK;
}


/*
 * PHR_NOTFOUND: it is to be stored; PHR_OK: there is one like it.  Of one
 * time the greater value is the newer one, as Prometheus has it; then, here,
 * the greater hash.  One without a time of its own is the same each time it
 * is scraped.
 */
static int
phr_exemplar_judge(const phr_store_t *st,
    const phr_exemplar_newest_t *newest, const phr_exemplar_t *e,
    uint64_t hash)
{
    if (hash == newest->hash && e->v == newest->v
        && (e->t_ms == newest->t_ms || !(e->has_t || newest->own)))
    {
        return PHR_OK;
    }

    if (e->t_ms < newest->t_ms) {
        return e->t_ms <= newest->t_ms - st->conf.out_of_order_ms
               ? PHR_EORDER : PHR_NOTFOUND;
    }

    if (e->t_ms == newest->t_ms
        && (e->v < newest->v
            || (e->v == newest->v && hash < newest->hash)))
    {
        return PHR_EORDER;
    }

    return PHR_NOTFOUND;
}


static int
phr_exemplar_add(phr_store_t *st, phr_exemplar_ring_t *ring,
    const phr_exemplar_at_t *at, phr_err_t *err)
{
    int       rc;
    size_t    len;
    uint8_t   bytes[PHR_EXEMPLAR_BOUND];

    static const phr_exemplar_at_t  none;

    len = phr_exemplar_encode(bytes, ring->n == 0 ? &none : &ring->at, at);

    if (ring->n == UINT16_MAX
        || (ring->n > 0 && ring->len + len > phr_txn_room(st->txn)))
    {
        rc = ring->dirty ? phr_exemplar_put(st, ring, err) : PHR_OK;
        if (rc != PHR_OK) {
            return rc;
        }

        ring->first += ring->n;
        ring->n = 0;
        ring->trim = 1;
        len = phr_exemplar_encode(bytes, &none, at);
    }

    if (ring->n == 0) {
        ring->len = PHR_CRC_SIZE + PHR_EXEMPLAR_HEAD;
        ring->min_ms = at->t_ms;
        ring->max_ms = at->t_ms;
    }

    memcpy(ring->value + ring->len, bytes, len);
    ring->len += len;
    ring->n++;
    ring->min_ms = phr_min(ring->min_ms, at->t_ms);
    ring->max_ms = phr_max(ring->max_ms, at->t_ms);
    ring->at = *at;
    ring->dirty = 1;

    return PHR_OK;
}


static inline phr_exemplar_newest_t *
phr_exemplar_place(const phr_exemplar_ring_t *ring, phr_sid_t sid)
{
    size_t  i;

    i = (size_t) (sid * UINT32_C(2654435769)) & ring->mask;

    while (ring->newest[i].sid != 0 && ring->newest[i].sid != sid) {
        i = (i + 1) & ring->mask;
    }

    return &ring->newest[i];
}


static phr_exemplar_newest_t *
phr_exemplar_find(const phr_exemplar_ring_t *ring, phr_sid_t sid)
{
    phr_exemplar_newest_t  *newest;

    if (ring->newest == NULL) {
        return NULL;
    }

    newest = phr_exemplar_place(ring, sid);

    return newest->sid != 0 ? newest : NULL;
}


static int
phr_exemplar_note(phr_exemplar_ring_t *ring, uint64_t low, uint64_t number,
    const phr_exemplar_at_t *at)
{
    phr_exemplar_newest_t  *newest;

    if (ring->newest == NULL || ring->nseries > ring->mask / 4 * 3) {
        if (phr_exemplar_rehash(ring, low) != PHR_OK) {
            return PHR_ENOMEM;
        }
    }

    newest = phr_exemplar_place(ring, at->sid);

    ring->nseries += newest->sid == 0;

    newest->number = number;
    newest->hash = phr_xxh64(at->labels, at->len);
    newest->t_ms = at->t_ms;
    newest->v = at->v;
    newest->sid = at->sid;
    newest->own = (at->flags & PHR_EXEMPLAR_OWN) != 0;

    return PHR_OK;
}


/* without those that nothing is kept of; larger if need be */
static int
phr_exemplar_rehash(phr_exemplar_ring_t *ring, uint64_t low)
{
    size_t                  i, n, size;
    phr_exemplar_newest_t  *old;

    old = ring->newest;
    size = old != NULL ? ring->mask + 1 : 0;
    n = 0;

    for (i = 0; i < size; i++) {
        n += old[i].sid != 0 && old[i].number >= low;
    }

    ring->mask = PHR_EXEMPLAR_TABLE - 1;

    while (n > ring->mask / 2) {
        ring->mask = 2 * ring->mask + 1;
    }

    ring->newest = phr_calloc(ring->mask + 1, sizeof(phr_exemplar_newest_t));

    if (ring->newest == NULL) {
        ring->newest = old;
        ring->mask = size != 0 ? size - 1 : 0;
        return PHR_ENOMEM;
    }

    for (i = 0; i < size; i++) {
        if (old[i].sid != 0 && old[i].number >= low) {
            *phr_exemplar_place(ring, old[i].sid) = old[i];
        }
    }

    ring->nseries = n;
    phr_free(old);

    return PHR_OK;
}


static int
phr_exemplar_put(phr_store_t *st, phr_exemplar_ring_t *ring, phr_err_t *err)
{
    uint8_t  key[PHR_KEY_EXEMPLAR];

    phr_put_be64(key, ring->first);
    phr_exemplar_head_put(ring->value + PHR_CRC_SIZE, ring->n, ring->min_ms,
                          ring->max_ms);
    ring->dirty = 0;

    return phr_record_put(st->txn, PHR_DB_EXEMPLAR, key, sizeof(key),
                          ring->value, ring->len, err);
}


/* records of which no exemplar is one of the newest st->max_exemplars */
static int
phr_exemplar_trim(phr_store_t *st, phr_exemplar_ring_t *ring, phr_err_t *err)
{
    int            rc;
    size_t         n;
    uint8_t        key[PHR_KEY_EXEMPLAR];
    uint64_t       low;
    phr_str_t      k, v;
    phr_cursor_t  *cursor;

    low = phr_exemplar_low(st, ring->first + ring->n);

    rc = phr_cursor_open(st->txn, PHR_DB_EXEMPLAR, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_cursor_first(cursor, &k, &v, err);

    for (n = 0; rc == PHR_OK && n < PHR_EXEMPLAR_TRIMS; n++) {

        if (k.len != sizeof(key)) {
            rc = phr_err_set(err, PHR_ECORRUPT, "key of %zu bytes in "
                             "\"exemplar\"", k.len);
            break;
        }

        memcpy(key, k.data, sizeof(key));

        rc = phr_cursor_next(cursor, &k, &v, err);

        if (rc != PHR_OK
            || k.len != sizeof(key)
            || phr_get_be64((const uint8_t *) k.data) > low)
        {
            ring->trim = 0;
            break;
        }

        rc = phr_txn_del(st->txn, PHR_DB_EXEMPLAR, key, sizeof(key), err);

        if (rc == PHR_OK) {
            rc = phr_cursor_first(cursor, &k, &v, err);
        }
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}
