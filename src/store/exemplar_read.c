/*
 * Copyright (C) The Pharos Authors
 *
 * Exemplar, read: those of some series in some time.  All records are looked
 * at, but those of other times by their first bytes alone: a ring holds some
 * thousand records, which is less than an index of it would cost to keep.
 */

#include "store/exemplar.h"

#include <stdlib.h>

#include "core/yield.h"
#include "store/index.h"
#include "store/keep.h"
#include "store/series.h"


typedef struct {
    phr_sid_t       sid;
    uint16_t        len;
    uint8_t         flags;
    int64_t         t_ms;
    uint64_t        number;
    double          v;
    const uint8_t  *labels;     /* encoded */
} phr_exemplar_found_t;


typedef struct {
    phr_txn_t             *txn;
    const phr_keep_t      *keep;
    phr_arena_t           *arena;
    phr_err_t             *err;
    const volatile int    *stop;        /* the querier's */
    int64_t                min_ms, max_ms;

    phr_sid_t             *sid;         /* sorted */
    size_t                 nsids;

    phr_exemplar_found_t  *found;
    size_t                 n;
    size_t                 nalloc;
} phr_exemplar_query_t;


static int phr_exemplar_sids(phr_exemplar_query_t *q,
    const phr_matcher_set_t *sets, size_t nsets);
static int phr_exemplar_scan(phr_exemplar_query_t *q, uint64_t max);
static int phr_exemplar_start(phr_exemplar_query_t *q, phr_cursor_t *cursor,
    uint64_t max, uint64_t *low, phr_str_t *k, phr_str_t *v);
static int phr_exemplar_one(phr_exemplar_query_t *q, phr_str_t key,
    phr_str_t value, uint64_t low);
static int phr_exemplar_keep(phr_exemplar_query_t *q,
    const phr_exemplar_at_t *at, uint64_t number);
static int phr_exemplar_group(phr_exemplar_query_t *q,
    phr_exemplars_of_t **out, size_t *n);
static int phr_exemplar_series(phr_exemplar_query_t *q, size_t from,
    size_t to, phr_exemplars_of_t *of);
static int phr_exemplar_poll(phr_exemplar_query_t *q);
static int phr_exemplar_no_memory(phr_exemplar_query_t *q);
static int phr_exemplar_sid_cmp(const void *a, const void *b);
static int phr_exemplar_found_cmp(const void *a, const void *b);


int
phr_exemplar_select(phr_txn_t *txn, const phr_keep_t *keep, uint64_t max,
    const volatile int *stop, const phr_matcher_set_t *sets, size_t nsets,
    int64_t min_ms, int64_t max_ms, phr_arena_t *arena,
    phr_exemplars_of_t **out, size_t *n, phr_err_t *err)
{
    int                   rc;
    phr_exemplar_query_t  q;

    *n = 0;
    *out = NULL;

    if (max == 0) {
        return PHR_OK;
    }

    memset(&q, 0, sizeof(q));
    q.txn = txn;
    q.keep = keep;
    q.arena = arena;
    q.err = err;
    q.stop = stop;
    q.min_ms = phr_max(min_ms, keep->low_ms);
    q.max_ms = max_ms;

    rc = phr_exemplar_sids(&q, sets, nsets);

    if (rc == PHR_OK && q.nsids > 0) {
        rc = phr_exemplar_scan(&q, max);
    }

    if (rc == PHR_OK && q.n > 0) {
        rc = phr_exemplar_group(&q, out, n);
    }

    return rc;
}


static int
phr_exemplar_sids(phr_exemplar_query_t *q, const phr_matcher_set_t *sets,
    size_t nsets)
{
    int         rc;
    size_t      i, n;
    phr_sids_t  all, some;

    phr_sids_init(&all, q->arena);

    for (i = 0; i < nsets; i++) {
        rc = phr_index_select(q->txn, sets[i].m, sets[i].n, q->stop,
                              q->arena, &some, q->err);
        if (rc != PHR_OK) {
            return rc;
        }

        if (i == 0) {
            all = some;
            continue;
        }

        rc = phr_sids_reserve(&all, some.n);
        if (rc != PHR_OK) {
            return phr_exemplar_no_memory(q);
        }

        if (some.n > 0) {
            memcpy(all.v + all.n, some.v, some.n * sizeof(phr_sid_t));
            all.n += some.n;
        }
    }

    if (nsets > 1 && all.n > 1) {
        qsort(all.v, all.n, sizeof(phr_sid_t), phr_exemplar_sid_cmp);

        for (i = 1, n = 1; i < all.n; i++) {
            if (all.v[i] != all.v[n - 1]) {
                all.v[n++] = all.v[i];
            }
        }

        all.n = n;
    }

    q->sid = all.v;
    q->nsids = all.n;

    return PHR_OK;
}


static int
phr_exemplar_scan(phr_exemplar_query_t *q, uint64_t max)
{
    int            rc;
    uint64_t       low;
    phr_str_t      k, v;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(q->txn, PHR_DB_EXEMPLAR, &cursor, q->err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_exemplar_start(q, cursor, max, &low, &k, &v);

    while (rc == PHR_OK) {
        rc = phr_exemplar_poll(q);

        if (rc == PHR_OK) {
            rc = phr_exemplar_one(q, k, v, low);
        }

        if (rc == PHR_OK) {
            rc = phr_cursor_next(cursor, &k, &v, q->err);
        }
    }

    phr_cursor_close(cursor);

    return rc == PHR_NOTFOUND ? PHR_OK : rc;
}


/* the record that has the oldest of the ring; low is its number */
static int
phr_exemplar_start(phr_exemplar_query_t *q, phr_cursor_t *cursor,
    uint64_t max, uint64_t *low, phr_str_t *k, phr_str_t *v)
{
    int                   rc;
    uint8_t               key[PHR_KEY_EXEMPLAR];
    uint64_t              end;
    phr_exemplar_walk_t   w;

    rc = phr_cursor_last(cursor, k, v, q->err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_exemplar_read(*k, *v, &end, &w, q->err);
    if (rc != PHR_OK) {
        return rc;
    }

    end += w.n;
    *low = end > max ? end - max : 0;

    phr_put_be64(key, *low + 1);

    rc = phr_cursor_before(cursor, key, sizeof(key), k, v, q->err);

    return rc == PHR_NOTFOUND ? phr_cursor_first(cursor, k, v, q->err) : rc;
}


static int
phr_exemplar_one(phr_exemplar_query_t *q, phr_str_t key, phr_str_t value,
    uint64_t low)
{
    int                   rc, wanted;
    uint64_t              first;
    phr_sid_t             last;
    phr_exemplar_walk_t   w;

    rc = phr_exemplar_read(key, value, &first, &w, q->err);

    if (rc != PHR_OK || w.max_ms < q->min_ms || w.min_ms > q->max_ms) {
        return rc;
    }

    phr_yield(w.n);
    last = 0;
    wanted = 0;

    while ((rc = phr_exemplar_next(&w)) == PHR_OK) {

        if (first + w.i - 1 < low || w.at.t_ms < q->min_ms
            || w.at.t_ms > q->max_ms)
        {
            continue;
        }

        if (w.at.sid != last) {
            last = w.at.sid;
            wanted = bsearch(&last, q->sid, q->nsids, sizeof(phr_sid_t),
                             phr_exemplar_sid_cmp) != NULL;
        }

        if (wanted) {
            rc = phr_exemplar_keep(q, &w.at, first + w.i - 1);
            if (rc != PHR_OK) {
                return rc;
            }
        }
    }

    return rc == PHR_DONE
           ? PHR_OK : phr_err_set(q->err, PHR_ECORRUPT, "damaged exemplars "
                                  "from number %llu on",
                                  (unsigned long long) first);
}


static int
phr_exemplar_keep(phr_exemplar_query_t *q, const phr_exemplar_at_t *at,
    uint64_t number)
{
    size_t                 n;
    uint8_t               *labels;
    phr_exemplar_found_t  *f;

    if (q->n == q->nalloc) {
        n = q->nalloc != 0 ? 2 * q->nalloc : 64;

        f = phr_arena_grow(q->arena, q->found,
                           q->nalloc * sizeof(phr_exemplar_found_t),
                           n * sizeof(phr_exemplar_found_t));
        if (f == NULL) {
            return phr_exemplar_no_memory(q);
        }

        q->found = f;
        q->nalloc = n;
    }

    labels = phr_arena_alloc(q->arena, (size_t) at->len + 1);
    if (labels == NULL) {
        return phr_exemplar_no_memory(q);
    }

    memcpy(labels, at->labels, at->len);

    f = &q->found[q->n++];

    f->sid = at->sid;
    f->len = at->len;
    f->flags = at->flags;
    f->t_ms = at->t_ms;
    f->number = number;
    f->v = at->v;
    f->labels = labels;

    return PHR_OK;
}


static int
phr_exemplar_group(phr_exemplar_query_t *q, phr_exemplars_of_t **out,
    size_t *nout)
{
    int                  rc;
    size_t               i, end, n;
    phr_exemplars_of_t  *of;

    qsort(q->found, q->n, sizeof(phr_exemplar_found_t),
          phr_exemplar_found_cmp);

    for (i = 1, n = 1; i < q->n; i++) {
        n += q->found[i].sid != q->found[i - 1].sid;
    }

    of = phr_arena_alloc(q->arena, n * sizeof(phr_exemplars_of_t));
    if (of == NULL) {
        return phr_exemplar_no_memory(q);
    }

    n = 0;

    for (i = 0; i < q->n; i = end) {

        for (end = i; end < q->n && q->found[end].sid == q->found[i].sid;
             end++)
        {
            /* void */
        }

        rc = phr_exemplar_poll(q);

        if (rc == PHR_OK) {
            rc = phr_exemplar_series(q, i, end, &of[n]);
        }

        if (rc < 0) {
            return rc;
        }

        n += rc == PHR_OK && of[n].n > 0;
    }

    phr_labels_sort(of, n, sizeof(phr_exemplars_of_t));

    *out = of;
    *nout = n;

    return PHR_OK;
}


/*
 * PHR_NOTFOUND if the series is gone.  One that came late is not taken if
 * there is another of its time.
 */
static int
phr_exemplar_series(phr_exemplar_query_t *q, size_t from, size_t to,
    phr_exemplars_of_t *of)
{
    int                    rc;
    size_t                 i, n;
    int64_t                floor_ms;
    phr_exemplar_t        *e;
    phr_exemplar_found_t  *f;

    rc = phr_series_labels(q->txn, q->found[from].sid, q->arena, &of->labels,
                           q->err);
    if (rc != PHR_OK) {
        return rc;
    }

    floor_ms = phr_keep_is_flat(q->keep)
               ? q->min_ms : phr_keep_labels(q->keep, of->labels);

    e = phr_arena_alloc(q->arena, (to - from) * sizeof(phr_exemplar_t));
    if (e == NULL) {
        return phr_exemplar_no_memory(q);
    }

    n = 0;

    for (i = from; i < to; i++) {
        f = &q->found[i];

        if (f->t_ms < floor_ms
            || ((f->flags & PHR_EXEMPLAR_LATE) && i > from
                && q->found[i - 1].t_ms == f->t_ms))
        {
            continue;
        }

        rc = phr_labels_decode(q->arena, f->labels, f->len, &e[n].labels);
        if (rc == PHR_ECORRUPT) {
            return phr_err_set(q->err, rc, "damaged labels of exemplar "
                               "number %llu", (unsigned long long) f->number);
        }

        if (rc != PHR_OK) {
            return phr_exemplar_no_memory(q);
        }

        e[n].t_ms = f->t_ms;
        e[n].v = f->v;
        e[n].has_t = (f->flags & PHR_EXEMPLAR_OWN) != 0;
        n++;
    }

    of->e = e;
    of->n = n;

    return PHR_OK;
}


static int
phr_exemplar_poll(phr_exemplar_query_t *q)
{
    int  rc;

    rc = q->stop == NULL ? PHR_OK : phr_shared_get(q->stop);

    return rc == PHR_OK
           ? rc : phr_err_set(q->err, rc, "looking for exemplars took too "
                              "long or was canceled");
}


static int
phr_exemplar_no_memory(phr_exemplar_query_t *q)
{
    return phr_err_set(q->err, phr_arena_rc(q->arena),
                       "too much memory needed for exemplars");
}


static int
phr_exemplar_sid_cmp(const void *a, const void *b)
{
    phr_sid_t  x, y;

    x = *(const phr_sid_t *) a;
    y = *(const phr_sid_t *) b;

    return (x > y) - (x < y);
}


static int
phr_exemplar_found_cmp(const void *a, const void *b)
{
    const phr_exemplar_found_t  *x, *y;

    x = a;
    y = b;

    if (x->sid != y->sid) {
        return x->sid < y->sid ? -1 : 1;
    }

    if (x->t_ms != y->t_ms) {
        return x->t_ms < y->t_ms ? -1 : 1;
    }

    return (x->number > y->number) - (x->number < y->number);
}
