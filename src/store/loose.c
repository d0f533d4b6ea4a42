/*
 * Copyright (C) The Pharos Authors
 *
 * Loose: see loose.h.
 *
 *     key     group:32 sequence:64
 *     body    see loose_body.c
 */

#include "store/loose.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "store/series.h"


static int phr_loose_record(phr_loose_walk_t *w, phr_str_t k, phr_str_t v,
    phr_err_t *err);
static int phr_loose_merge(phr_loose_t *s, size_t n);
static size_t phr_loose_run(const phr_loose_t *s, size_t i, size_t n);
static inline int phr_loose_less(const phr_loose_t *a, const phr_loose_t *b);
static int phr_loose_cmp(const void *a, const void *b);
static int phr_loose_append_as(phr_store_t *st, int starts, phr_loose_t *s,
    size_t n, phr_err_t *err);
static int phr_loose_put(phr_store_t *st, int starts, const phr_loose_t *s,
    size_t n, size_t *done, phr_err_t *err);


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


size_t
phr_loose_find(const phr_loose_t *s, size_t n, phr_sid_t sid)
{
    size_t  low, high, mid;

    low = 0;
    high = n;

    while (low < high) {
        mid = (low + high) / 2;

        if (s[mid].sid < sid) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return low;
}


int
phr_loose_append(phr_store_t *st, phr_loose_t *s, size_t n, phr_err_t *err)
{
    return phr_loose_append_as(st, 0, s, n, err);
}


int
phr_loose_append_starts(phr_store_t *st, phr_loose_t *s, size_t n,
    phr_err_t *err)
{
    return phr_loose_append_as(st, 1, s, n, err);
}


static int
phr_loose_append_as(phr_store_t *st, int starts, phr_loose_t *s, size_t n,
    phr_err_t *err)
{
    int           rc;
    size_t        i, k;
    phr_group_t  *g;

    phr_loose_sort(s, n);

    for (i = 0; i < n; i += k) {
        rc = phr_loose_put(st, starts, s + i, n - i, &k, err);
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

        if (phr_loose_ripe(g)) {
            st->unripe = 0;
        }
    }

    return PHR_OK;
}


int
phr_loose_ripe(phr_group_t *g)
{
    size_t    i;
    uint32_t  nseries;

    if (g->nloose < PHR_SEAL_ROWS || g->nloose < g->nripe) {
        return 0;
    }

    /* series may have come since it was counted how many there are */

    nseries = 0;

    for (i = 0; i < PHR_GROUP_SIZE; i++) {
        nseries += (g->last[i] != PHR_LAST_NONE);
    }

    g->nripe = PHR_SEAL_ROWS * phr_max(nseries, 8);

    return g->nloose >= g->nripe;
}


/* one record of samples of one group and kind */
static int
phr_loose_put(phr_store_t *st, int starts, const phr_loose_t *s, size_t n,
    size_t *done, phr_err_t *err)
{
    size_t    k, len;
    uint8_t   key[PHR_KEY_LOOSE], value[PHR_RECORD_MAX];
    uint32_t  group;

    group = phr_group_of(s[0].sid);
    n = phr_min(n, PHR_LOOSE_MAX);

    for (k = 1; k < n && phr_group_of(s[k].sid) == group
                && (s[k].h == NULL) == (s[0].h == NULL); k++)
    {
        /* void */
    }

    len = phr_loose_encode(s, k, value + PHR_CRC_SIZE,
                           sizeof(value) - PHR_CRC_SIZE, done);
    if (len == 0) {
        return phr_err_set(err, PHR_EINVAL, "a histogram of series %u is "
                           "too large", s[0].sid);
    }

    if (starts) {
        phr_loose_say_starts(value + PHR_CRC_SIZE);
    }

    phr_put_be32(key, group);
    phr_put_be64(key + 4, st->next.seq++);

    return phr_record_put(st->txn, PHR_DB_LOOSE, key, sizeof(key), value,
                          PHR_CRC_SIZE + len, err);
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

        st->starts |= w.head.starts;

        for (i = 0; i < n && !w.head.starts; i++) {
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
