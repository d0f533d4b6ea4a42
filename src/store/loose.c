/*
 * Copyright (C) The Pharos Authors
 *
 * Loose: see loose.h.
 *
 *     key     group:32 sequence:64
 *     body    n:16 first:16 last:16 min:64 max:64, then for each sample
 *             varint distance of sid, zigzag distance of time, double
 *
 * The highest bit of n tells that samples are histograms.  Instead of
 * samples there are runs, each of one series and one layout: distance of
 * sid, number, length of times, times, length of chunk, chunk.  Eight zero
 * bytes end the record.
 */

#include "store/loose.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "store/bits.h"
#include "store/hist_chunk.h"
#include "store/series.h"


#define PHR_LOOSE_HEADER       22
#define PHR_LOOSE_SAMPLE_MAX   20
#define PHR_LOOSE_HISTS        0x8000

/* of a run: what stands around times and chunk; distance, number, lengths */
#define PHR_LOOSE_RUN          12

/* times of a run: a few bytes, or some eight each */
#define PHR_LOOSE_RUN_MAX      32


static int phr_loose_record(phr_loose_walk_t *w, phr_str_t k, phr_str_t v,
    phr_err_t *err);
static int phr_loose_merge(phr_loose_t *s, size_t n);
static size_t phr_loose_run(const phr_loose_t *s, size_t i, size_t n);
static inline int phr_loose_less(const phr_loose_t *a, const phr_loose_t *b);
static int phr_loose_cmp(const void *a, const void *b);
static int phr_loose_put(phr_store_t *st, const phr_loose_t *s, size_t n,
    size_t *done, phr_err_t *err);
static size_t phr_loose_floats(const phr_loose_t *s, size_t n, uint8_t **p,
    uint8_t *end);
static size_t phr_loose_hists(const phr_loose_t *s, size_t n, uint8_t **p,
    uint8_t *end);
static int phr_loose_run_put(const phr_loose_t *s, size_t n, uint8_t **p,
    uint8_t *end, phr_sid_t base, size_t *taken);
static int phr_loose_hists_decode(uint32_t group, const uint8_t *p,
    const uint8_t *end, phr_arena_t *arena, phr_loose_t *s, size_t n);
static int phr_loose_run_get(const uint8_t **p, const uint8_t *end,
    phr_arena_t *arena, phr_loose_t *s, size_t n, phr_sid_t sid,
    size_t *taken);


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


/* one record of samples of one group and kind */
static int
phr_loose_put(phr_store_t *st, const phr_loose_t *s, size_t n, size_t *done,
    phr_err_t *err)
{
    size_t     i, k;
    int64_t    min, max;
    uint8_t    key[PHR_KEY_LOOSE], value[PHR_RECORD_MAX], *p, *end;
    uint32_t   group;

    group = phr_group_of(s[0].sid);
    p = value + PHR_CRC_SIZE + PHR_LOOSE_HEADER;
    end = value + sizeof(value);

    n = phr_min(n, PHR_LOOSE_MAX);

    for (k = 1; k < n && phr_group_of(s[k].sid) == group
                && (s[k].h == NULL) == (s[0].h == NULL); k++)
    {
        /* void */
    }

    k = s[0].h == NULL ? phr_loose_floats(s, k, &p, end)
                       : phr_loose_hists(s, k, &p, end);

    if (k == 0) {
        return phr_err_set(err, PHR_EINVAL, "a histogram of series %u is "
                           "too large", s[0].sid);
    }

    *done = k;
    min = s[0].t_ms;
    max = s[0].t_ms;

    for (i = 1; i < k; i++) {
        min = phr_min(min, s[i].t_ms);
        max = phr_max(max, s[i].t_ms);
    }

    phr_put_be32(key, group);
    phr_put_be64(key + 4, st->next.seq++);

    phr_put_be16(value + PHR_CRC_SIZE,
                 (uint16_t) (k | (s[0].h != NULL ? PHR_LOOSE_HISTS : 0)));
    phr_put_be16(value + PHR_CRC_SIZE + 2, s[0].sid % PHR_GROUP_SIZE);
    phr_put_be16(value + PHR_CRC_SIZE + 4, s[k - 1].sid % PHR_GROUP_SIZE);
    phr_key_put_time(value + PHR_CRC_SIZE + 6, min);
    phr_key_put_time(value + PHR_CRC_SIZE + 14, max);

    return phr_record_put(st->txn, PHR_DB_LOOSE, key, sizeof(key), value,
                          (size_t) (p - value), err);
}


/* how many of the samples fitted */
static size_t
phr_loose_floats(const phr_loose_t *s, size_t n, uint8_t **p, uint8_t *end)
{
    size_t     i;
    int64_t    t_ms;
    uint8_t   *q;
    phr_sid_t  sid;

    q = *p;
    end -= PHR_LOOSE_SAMPLE_MAX;
    sid = s[0].sid & ~(phr_sid_t) (PHR_GROUP_SIZE - 1);
    t_ms = 0;

    for (i = 0; i < n && q <= end; i++) {
        q += phr_put_uvarint(q, s[i].sid - sid);
        q += phr_put_uvarint(q, phr_zigzag(s[i].t_ms - t_ms));
        phr_store64(q, phr_double_bits(s[i].v));
        q += 8;

        sid = s[i].sid;
        t_ms = s[i].t_ms;
    }

    *p = q;

    return i;
}


static size_t
phr_loose_hists(const phr_loose_t *s, size_t n, uint8_t **p, uint8_t *end)
{
    size_t     i, k, taken;
    phr_sid_t  sid;

    end -= PHR_BITS_PAD;
    sid = s[0].sid & ~(phr_sid_t) (PHR_GROUP_SIZE - 1);

    for (i = 0; i < n; i += taken) {

        for (k = i + 1; k < n && k - i < PHR_LOOSE_RUN_MAX
                        && s[k].sid == s[i].sid; k++)
        {
            /* void */
        }

        if (phr_loose_run_put(s + i, k - i, p, end, sid, &taken) != PHR_OK) {
            break;
        }

        sid = s[i].sid;
    }

    memset(*p, 0, PHR_BITS_PAD);
    *p += PHR_BITS_PAD;

    return i;
}


/* PHR_FULL if there is no room for one */
static int
phr_loose_run_put(const phr_loose_t *s, size_t n, uint8_t **p, uint8_t *end,
    phr_sid_t base, size_t *taken)
{
    size_t             i, room, len, tlen;
    int64_t            t_ms[PHR_LOOSE_RUN_MAX];
    uint8_t            chunk[PHR_RECORD_MAX];
    uint8_t            times[PHR_CHUNK_BOUND(PHR_LOOSE_RUN_MAX)], *q;
    const phr_hist_t  *h[PHR_LOOSE_RUN_MAX];

    i = 0;

    do {
        t_ms[i] = s[i].t_ms;
        h[i] = s[i].h;
    } while (++i < n);

    q = *p;
    room = (size_t) (end - q);

    tlen = phr_ints_encode(t_ms, n, times);
    len = 0;

    if (room > PHR_LOOSE_RUN + tlen) {
        len = phr_hist_chunk_encode(h, n, chunk, room - PHR_LOOSE_RUN - tlen,
                                    taken);
    }

    if (len == 0) {
        /* the times of one alone leave it more room */
        return n > 1 ? phr_loose_run_put(s, 1, p, end, base, taken)
                     : PHR_FULL;
    }

    if (*taken < n) {
        tlen = phr_ints_encode(t_ms, *taken, times);
    }

    q += phr_put_uvarint(q, s[0].sid - base);
    q += phr_put_uvarint(q, *taken);
    q += phr_put_uvarint(q, tlen);
    memcpy(q, times, tlen);
    q += tlen;
    q += phr_put_uvarint(q, len);
    memcpy(q, chunk, len);
    *p = q + len;

    return PHR_OK;
}


int
phr_loose_head(phr_str_t body, phr_loose_head_t *h)
{
    const uint8_t  *p;

    if (body.len < PHR_LOOSE_HEADER) {
        return PHR_ECORRUPT;
    }

    p = (const uint8_t *) body.data;

    h->n = phr_get_be16(p) & (PHR_LOOSE_HISTS - 1);
    h->hists = (phr_get_be16(p) & PHR_LOOSE_HISTS) != 0;
    h->first = phr_get_be16(p + 2);
    h->last = phr_get_be16(p + 4);
    h->min_ms = phr_key_get_time(p + 6);
    h->max_ms = phr_key_get_time(p + 14);

    return h->n <= PHR_LOOSE_MAX ? PHR_OK : PHR_ECORRUPT;
}


int
phr_loose_decode(uint32_t group, phr_str_t body, phr_arena_t *arena,
    phr_loose_t *s, size_t *n)
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
    *n = h.n;

    if (h.hists) {
        return phr_loose_hists_decode(group, p, end, arena, s, h.n);
    }

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
        s[i].h = NULL;
        p += 8;
    }

    return p == end ? PHR_OK : PHR_ECORRUPT;
}


static int
phr_loose_hists_decode(uint32_t group, const uint8_t *p, const uint8_t *end,
    phr_arena_t *arena, phr_loose_t *s, size_t n)
{
    int        rc;
    size_t     i, taken;
    uint64_t   step;
    phr_sid_t  sid;

    if (end - p < PHR_BITS_PAD) {
        return PHR_ECORRUPT;
    }

    end -= PHR_BITS_PAD;
    sid = group << PHR_GROUP_SHIFT;

    for (i = 0; i < n; i += taken) {
        if (phr_get_uvarint(&p, end, &step) != PHR_OK
            || step >= PHR_GROUP_SIZE)
        {
            return PHR_ECORRUPT;
        }

        sid += (phr_sid_t) step;

        if (phr_group_of(sid) != group) {
            return PHR_ECORRUPT;
        }

        rc = phr_loose_run_get(&p, end, arena, s + i, n - i, sid, &taken);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return p == end ? PHR_OK : PHR_ECORRUPT;
}


/* the samples of a run, n at most */
static int
phr_loose_run_get(const uint8_t **p, const uint8_t *end, phr_arena_t *arena,
    phr_loose_t *s, size_t n, phr_sid_t sid, size_t *taken)
{
    int                rc;
    size_t             i;
    int64_t            t_ms[PHR_LOOSE_RUN_MAX];
    uint64_t           k, len;
    const phr_hist_t  *h[PHR_LOOSE_RUN_MAX];

    if (phr_get_uvarint(p, end, &k) != PHR_OK || k == 0
        || k > phr_min(n, PHR_LOOSE_RUN_MAX)
        || phr_get_uvarint(p, end, &len) != PHR_OK
        || len > (uint64_t) (end - *p)
        || phr_ints_decode(*p, (size_t) len, t_ms, (size_t) k) != PHR_OK)
    {
        return PHR_ECORRUPT;
    }

    *p += len;

    if (phr_get_uvarint(p, end, &len) != PHR_OK
        || len > (uint64_t) (end - *p))
    {
        return PHR_ECORRUPT;
    }

    if (arena != NULL) {
        rc = phr_hist_chunk_decode(*p, (size_t) len, (size_t) k, arena, h);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    *p += len;

    for (i = 0; i < k; i++) {
        s[i].sid = sid;
        s[i].t_ms = t_ms[i];
        s[i].h = arena != NULL ? h[i] : NULL;
        s[i].v = arena != NULL ? h[i]->sum : 0;
    }

    *taken = (size_t) k;

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
phr_loose_samples(const phr_loose_walk_t *w, phr_arena_t *arena,
    phr_loose_t *s, size_t *n, phr_err_t *err)
{
    int  rc;

    rc = phr_loose_decode(w->group, w->body, arena, s, n);

    if (rc == PHR_ECORRUPT) {
        phr_err_set(err, rc, "damaged samples of group %u", w->group);

    } else if (rc != PHR_OK) {
        phr_err_set(err, rc, "too much memory needed for samples of group "
                    "%u", w->group);
    }

    return rc;
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
        rc = phr_loose_samples(&w, NULL, s, &n, err);
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
