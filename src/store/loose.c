/*
 * Copyright (C) The Pharos Authors
 *
 * Loose: see loose.h.
 *
 *     key     group:32 sequence:64
 *     body    n:16 first:16 last:16 min:64 max:64, then for each sample
 *             varint distance of sid, zigzag distance of time, double
 */

#include "store/loose.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "store/bits.h"
#include "store/series.h"


#define PHR_LOOSE_HEADER       22
#define PHR_LOOSE_SAMPLE_MAX   20


static int phr_loose_record(phr_loose_walk_t *w, phr_str_t k, phr_str_t v,
    phr_err_t *err);
static int phr_loose_merge(phr_loose_t *s, size_t n);
static size_t phr_loose_run(const phr_loose_t *s, size_t i, size_t n);
static inline int phr_loose_less(const phr_loose_t *a, const phr_loose_t *b);
static int phr_loose_cmp(const void *a, const void *b);
static int phr_loose_put(phr_store_t *st, const phr_loose_t *s, size_t n,
    size_t *done, phr_err_t *err);


void
phr_loose_sort(phr_loose_t *s, size_t n)
{
    size_t  i;

    for (i = 1; i < n && phr_loose_cmp(&s[i - 1], &s[i]) <= 0; i++) {
        /* void */
    }

    if (i < n && phr_loose_merge(s, n) != PHR_OK) {
        qsort(s, n, sizeof(phr_loose_t), phr_loose_cmp);
    }
}


/*
 * What is to be sorted is a few sorted runs: a request has the same series
 * at some times, a seal has records.  They are merged, two and two.
 */

static int
phr_loose_merge(phr_loose_t *s, size_t n)
{
    size_t        i, a, b, mid, end;
    phr_loose_t  *from, *to, *room;

    room = phr_malloc(n * sizeof(phr_loose_t));
    if (room == NULL) {
        return PHR_ENOMEM;
    }

    from = s;
    to = room;

    while (phr_loose_run(from, 0, n) < n) {

        for (i = 0; i < n; i = end) {
            mid = phr_loose_run(from, i, n);
            end = mid < n ? phr_loose_run(from, mid, n) : n;
            a = i;
            b = mid;

            while (a < mid && b < end) {
                to[i++] = phr_loose_less(&from[b], &from[a]) ? from[b++]
                                                             : from[a++];
            }

            memcpy(&to[i], &from[a], (mid - a) * sizeof(phr_loose_t));
            i += mid - a;
            memcpy(&to[i], &from[b], (end - b) * sizeof(phr_loose_t));
        }

        to = from;
        from = from == s ? room : s;
    }

    if (from != s) {
        memcpy(s, from, n * sizeof(phr_loose_t));
    }

    phr_free(room);

    return PHR_OK;
}


/* the end of the sorted run that begins at i */

static size_t
phr_loose_run(const phr_loose_t *s, size_t i, size_t n)
{
    for (i++; i < n && !phr_loose_less(&s[i], &s[i - 1]); i++) {
        /* void */
    }

    return i;
}


/* equal ones stay in the order in which they came */

static inline int
phr_loose_less(const phr_loose_t *a, const phr_loose_t *b)
{
    return a->sid != b->sid ? a->sid < b->sid : a->t_ms < b->t_ms;
}


static int
phr_loose_cmp(const void *a, const void *b)
{
    const phr_loose_t  *x, *y;

    x = a;
    y = b;

    if (x->sid != y->sid) {
        return x->sid < y->sid ? -1 : 1;
    }

    if (x->t_ms != y->t_ms) {
        return x->t_ms < y->t_ms ? -1 : 1;
    }

    return (x->at > y->at) - (x->at < y->at);
}


int
phr_loose_append(phr_store_t *st, phr_loose_t *s, size_t n, phr_err_t *err)
{
    int           rc;
    size_t        i, k;
    phr_group_t  *g;

    phr_loose_sort(s, n);

    for (i = 0; i < n; i += k) {
        rc = phr_loose_put(st, s + i, n - i, &k, err);
        if (rc != PHR_OK) {
            return rc;
        }

        rc = phr_group_get(st, phr_group_of(s[i].sid), &g, err);
        if (rc != PHR_OK) {
            return rc;
        }

        if (g->nloose == 0) {
            g->loose_ms = st->now_ms;
        }

        g->nloose += (uint32_t) k;
    }

    return PHR_OK;
}


/* one record of samples of one group */
static int
phr_loose_put(phr_store_t *st, const phr_loose_t *s, size_t n, size_t *done,
    phr_err_t *err)
{
    size_t     i;
    int64_t    t_ms, min, max;
    uint8_t    key[PHR_KEY_LOOSE], value[PHR_VALUE_MAX], *p, *end;
    uint32_t   group;
    phr_sid_t  sid;

    group = phr_group_of(s[0].sid);
    p = value + PHR_CRC_SIZE + PHR_LOOSE_HEADER;
    end = value + sizeof(value) - PHR_LOOSE_SAMPLE_MAX;

    sid = group << PHR_GROUP_SHIFT;
    t_ms = 0;
    min = s[0].t_ms;
    max = s[0].t_ms;

    for (i = 0; i < n && p <= end && phr_group_of(s[i].sid) == group; i++) {
        p += phr_put_uvarint(p, s[i].sid - sid);
        p += phr_put_uvarint(p, phr_zigzag(s[i].t_ms - t_ms));
        phr_store64(p, phr_double_bits(s[i].v));
        p += 8;

        sid = s[i].sid;
        t_ms = s[i].t_ms;
        min = phr_min(min, t_ms);
        max = phr_max(max, t_ms);
    }

    *done = i;

    phr_put_be32(key, group);
    phr_put_be64(key + 4, st->next.seq++);

    phr_put_be16(value + PHR_CRC_SIZE, (uint16_t) i);
    phr_put_be16(value + PHR_CRC_SIZE + 2, s[0].sid % PHR_GROUP_SIZE);
    phr_put_be16(value + PHR_CRC_SIZE + 4, sid % PHR_GROUP_SIZE);
    phr_key_put_time(value + PHR_CRC_SIZE + 6, min);
    phr_key_put_time(value + PHR_CRC_SIZE + 14, max);

    return phr_record_put(st->txn, PHR_DB_LOOSE, key, sizeof(key), value,
                          (size_t) (p - value), err);
}


int
phr_loose_head(phr_str_t body, phr_loose_head_t *h)
{
    const uint8_t  *p;

    if (body.len < PHR_LOOSE_HEADER) {
        return PHR_ECORRUPT;
    }

    p = (const uint8_t *) body.data;

    h->n = phr_get_be16(p);
    h->first = phr_get_be16(p + 2);
    h->last = phr_get_be16(p + 4);
    h->min_ms = phr_key_get_time(p + 6);
    h->max_ms = phr_key_get_time(p + 14);

    return h->n <= PHR_LOOSE_MAX ? PHR_OK : PHR_ECORRUPT;
}


int
phr_loose_decode(uint32_t group, phr_str_t body, phr_loose_t *s, size_t *n)
{
    size_t             i;
    uint64_t           step, t;
    phr_sid_t          sid;
    const uint8_t     *p, *end;
    phr_loose_head_t   h;

    if (phr_loose_head(body, &h) != PHR_OK) {
        return PHR_ECORRUPT;
    }

    p = (const uint8_t *) body.data + PHR_LOOSE_HEADER;
    end = (const uint8_t *) body.data + body.len;
    sid = group << PHR_GROUP_SHIFT;
    t = 0;

    for (i = 0; i < h.n; i++) {
        if (phr_get_uvarint(&p, end, &step) != PHR_OK
            || step >= PHR_GROUP_SIZE)
        {
            return PHR_ECORRUPT;
        }

        sid += (phr_sid_t) step;

        if (phr_group_of(sid) != group
            || phr_get_uvarint(&p, end, &step) != PHR_OK || end - p < 8)
        {
            return PHR_ECORRUPT;
        }

        t += (uint64_t) phr_unzigzag(step);

        s[i].sid = sid;
        s[i].t_ms = (int64_t) t;
        s[i].v = phr_double_from_bits(phr_load64(p));
        p += 8;
    }

    if (p != end) {
        return PHR_ECORRUPT;
    }

    *n = h.n;

    return PHR_OK;
}


int
phr_loose_first(phr_loose_walk_t *w, phr_cursor_t *cursor, uint32_t group,
    phr_err_t *err)
{
    int        rc;
    uint8_t    key[PHR_KEY_LOOSE];
    phr_str_t  k, v;

    w->cursor = cursor;
    w->group = group;

    phr_put_be32(key, group);
    phr_put_be64(key + 4, 0);

    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    return rc == PHR_OK ? phr_loose_record(w, k, v, err) : rc;
}


int
phr_loose_next(phr_loose_walk_t *w, phr_err_t *err)
{
    int        rc;
    phr_str_t  k, v;

    rc = phr_cursor_next(w->cursor, &k, &v, err);

    return rc == PHR_OK ? phr_loose_record(w, k, v, err) : rc;
}


static int
phr_loose_record(phr_loose_walk_t *w, phr_str_t k, phr_str_t v,
    phr_err_t *err)
{
    int  rc;

    if (k.len != PHR_KEY_LOOSE
        || phr_get_be32((const uint8_t *) k.data) != w->group)
    {
        return PHR_NOTFOUND;
    }

    rc = phr_record_check(PHR_DB_LOOSE, k, v, &w->body, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (phr_loose_head(w->body, &w->head) != PHR_OK) {
        return phr_err_set(err, PHR_ECORRUPT, "damaged samples of group %u",
                           w->group);
    }

    return PHR_OK;
}


int
phr_loose_samples(const phr_loose_walk_t *w, phr_loose_t *s, size_t *n,
    phr_err_t *err)
{
    if (phr_loose_decode(w->group, w->body, s, n) != PHR_OK) {
        return phr_err_set(err, PHR_ECORRUPT, "damaged samples of group %u",
                           w->group);
    }

    return PHR_OK;
}


int
phr_loose_load(phr_store_t *st, uint32_t group, phr_group_t *g,
    phr_err_t *err)
{
    int                rc;
    size_t             i, n;
    int64_t           *last;
    phr_loose_t        s[PHR_LOOSE_MAX];
    phr_cursor_t      *cursor;
    phr_loose_walk_t   w;

    rc = phr_cursor_open(st->txn, PHR_DB_LOOSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    g->nloose = 0;

    rc = phr_loose_first(&w, cursor, group, err);

    while (rc == PHR_OK) {
        rc = phr_loose_samples(&w, s, &n, err);
        if (rc != PHR_OK) {
            break;
        }

        for (i = 0; i < n; i++) {
            last = &g->last[s[i].sid % PHR_GROUP_SIZE];

            if (*last != PHR_LAST_NONE) {
                *last = phr_max(*last, s[i].t_ms);
            }
        }

        g->nloose += (uint32_t) n;

        rc = phr_loose_next(&w, err);
    }

    g->loose_ms = st->now_ms;
    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}
