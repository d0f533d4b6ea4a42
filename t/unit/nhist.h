/*
 * Copyright (C) The Pharos Authors
 *
 * Native histograms of test scripts: "{{schema:1 sum:5 buckets:[1 2]}}" and
 * series of them, classic histograms turned into ones with custom buckets,
 * and whether a result is what was expected.
 */

#ifndef NHIST_H_INCLUDED
#define NHIST_H_INCLUDED


#include <stdlib.h>

#include "core/labels.h"
#include "core/number.h"
#include "memstore.h"
#include "promql/native.h"
#include "promql/stats.h"


static inline int
nhist_number(const char **p, double *v)
{
    size_t  n;

    *p += strspn(*p, " \t");
    n = strcspn(*p, " \t]}");

    if (n == 0 || phr_number_parse(*p, n, v) != PHR_OK) {
        return PHR_EPARSE;
    }

    *p += n;

    return PHR_OK;
}


/* "[1 2 3]" */
static inline int
nhist_list(phr_arena_t *a, const char **p, double **v, uint32_t *n)
{
    *p += strspn(*p, " \t");
    *n = 0;

    if (**p != '[') {
        return PHR_EPARSE;
    }

    (*p)++;
    *v = phr_arena_alloc(a, strlen(*p) * sizeof(double));

    for ( ;; ) {
        *p += strspn(*p, " \t");

        if (**p == ']') {
            (*p)++;
            return PHR_OK;
        }

        if (nhist_number(p, &(*v)[(*n)++]) != PHR_OK) {
            return PHR_EPARSE;
        }
    }
}


static inline int
nhist_hint(const char **p, uint8_t *hint)
{
    size_t  i, n;

    static const char *const  names[] = {
        "unknown", "reset", "not_reset", "gauge"
    };

    n = strcspn(*p, " \t}");

    for (i = 0; i < 4; i++) {
        if (strlen(names[i]) == n && strncmp(*p, names[i], n) == 0) {
            *hint = i;
            *p += n;
            return PHR_OK;
        }
    }

    return PHR_EPARSE;
}


/* one "{{...}}" */
static inline int
nhist_parse(phr_arena_t *a, const char **p, phr_hist_t **out, int *has_hint)
{
    int               rc;
    char              key[32];
    double            v, *list;
    size_t            n, i;
    uint32_t          nlist;
    phr_hist_t       *h;
    phr_hist_span_t  *spans;

    h = phr_arena_calloc(a, 1, sizeof(phr_hist_t));
    spans = phr_arena_calloc(a, 2, sizeof(phr_hist_span_t));
    *out = h;
    *has_hint = 0;
    *p += 2;

    for ( ;; ) {
        *p += strspn(*p, " \t");

        if (strncmp(*p, "}}", 2) == 0) {
            *p += 2;
            break;
        }

        n = strcspn(*p, ":}");

        if ((*p)[n] != ':' || n >= sizeof(key)) {
            return PHR_EPARSE;
        }

        memcpy(key, *p, n);
        key[n] = '\0';
        *p += n + 1;

        if (strcmp(key, "counter_reset_hint") == 0) {
            *has_hint = 1;
            rc = nhist_hint(p, &h->hint);

        } else if (strcmp(key, "buckets") == 0
                   || strcmp(key, "n_buckets") == 0
                   || strcmp(key, "custom_values") == 0)
        {
            rc = nhist_list(a, p, &list, &nlist);

            if (rc != PHR_OK) {
                return rc;
            }

            if (key[0] == 'c') {
                h->bounds = list;
                h->nbounds = nlist;

            } else if (key[0] == 'b') {
                h->positive.counts = list;
                h->positive.n = nlist;

            } else {
                h->negative.counts = list;
                h->negative.n = nlist;
            }

        } else {
            static const char *const  keys[] = {
                "schema", "sum", "count", "z_bucket", "z_bucket_w", "offset",
                "n_offset"
            };

            rc = nhist_number(p, &v);

            for (i = 0; i < 7 && strcmp(key, keys[i]) != 0; i++) {
                /* void */
            }

            switch (i) {

            case 0:
                h->schema = (int32_t) v;
                break;

            case 1:
                h->sum = v;
                break;

            case 2:
                h->count = v;
                break;

            case 3:
                h->zero_count = v;
                break;

            case 4:
                h->zero_threshold = v;
                break;

            case 5:
                spans[0].offset = (int32_t) v;
                break;

            case 6:
                spans[1].offset = (int32_t) v;
                break;

            default:
                rc = PHR_EPARSE;
                break;
            }
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (h->positive.n != 0) {
        spans[0].length = h->positive.n;
        h->positive.spans = &spans[0];
        h->positive.nspans = 1;
    }

    if (h->negative.n != 0) {
        spans[1].length = h->negative.n;
        h->negative.spans = &spans[1];
        h->negative.nspans = 1;
    }

    return PHR_OK;
}


/* the next histogram of a series */
static inline int
nhist_step(phr_arena_t *a, const phr_hist_t *h, const phr_hist_t *by,
    int minus, phr_hist_t **out)
{
    int                rc;
    unsigned           what;
    phr_native_t       n;
    phr_native_room_t  room;

    memset(&room, 0, sizeof(room));
    memset(&n, 0, sizeof(n));
    room.arena = a;
    what = 0;

    rc = phr_native_set(&room, &n, h);
    if (rc == PHR_OK) {
        rc = phr_native_add(&room, &n, by, minus ? PHR_NATIVE_SUBTRACT : 0,
                            &what);
    }

    *out = rc == PHR_OK ? phr_native_end(&room, &n) : NULL;

    return *out == NULL ? PHR_EPARSE : PHR_OK;
}


static inline int
nhist_side_equal(const phr_hist_side_t *a, const phr_hist_side_t *b,
    double epsilon)
{
    phr_hist_iter_t  x, y;

    if (a->n != b->n) {
        return 0;
    }

    phr_hist_iter_init(&x, a);
    phr_hist_iter_init(&y, b);

    while (phr_hist_iter_next(&x) && phr_hist_iter_next(&y)) {
        if (x.index != y.index || !phr_almost_equal(x.count, y.count, epsilon))
        {
            return 0;
        }
    }

    return 1;
}


static inline int
nhist_equal(const phr_hist_t *want, const phr_hist_t *got, int has_hint,
    double epsilon)
{
    int           equal;
    phr_arena_t  *arena;

    arena = phr_arena_create(0);
    want = phr_hist_compact(arena, want);
    got = phr_hist_compact(arena, got);

    equal = want->schema == got->schema
            && phr_almost_equal(want->count, got->count, epsilon)
            && phr_almost_equal(want->sum, got->sum, epsilon)
            && phr_almost_equal(want->zero_count, got->zero_count, epsilon)
            && want->zero_threshold == got->zero_threshold
            && phr_hist_bounds_eq(want, got)
            && nhist_side_equal(&want->positive, &got->positive, epsilon)
            && nhist_side_equal(&want->negative, &got->negative, epsilon)
            && (!has_hint || want->hint == got->hint);

    phr_arena_destroy(arena);

    return equal;
}


/* a point of a classic histogram */
typedef struct {
    phr_labels_t  labels;       /* of the histogram */
    int64_t       t_ms;
    int           kind;         /* 0 bucket, 1 sum, 2 count */
    double        le;
    double        v;
} nhist_point_t;

typedef struct {
    nhist_point_t  *p;
    size_t          n;
    size_t          nalloc;
} nhist_points_t;


static inline void
nhist_add_point(phr_arena_t *a, nhist_points_t *points, phr_labels_t ls,
    int64_t t_ms, double v)
{
    size_t                i;
    phr_str_t             name, le;
    nhist_point_t        *p;
    phr_labels_builder_t  b;

    static const phr_str_t  suffixes[] = {
        phr_str("_bucket"), phr_str("_sum"), phr_str("_count")
    };

    name = phr_labels_get(ls, phr_str_of(PHR_METRIC_NAME));
    le = phr_labels_get(ls, phr_str_of("le"));

    for (i = 0; i < 3; i++) {
        if (name.len > suffixes[i].len
            && memcmp(name.data + name.len - suffixes[i].len,
                      suffixes[i].data, suffixes[i].len) == 0)
        {
            break;
        }
    }

    if (i == 3) {
        return;
    }

    if (points->n == points->nalloc) {
        points->p = phr_arena_grow(a, points->p,
                                   points->nalloc * sizeof(nhist_point_t),
                                   (points->nalloc * 2 + 64)
                                   * sizeof(nhist_point_t));
        points->nalloc = points->nalloc * 2 + 64;
    }

    p = &points->p[points->n];
    memset(p, 0, sizeof(*p));
    p->kind = (int) i;
    p->t_ms = t_ms;
    p->v = v;

    if (i == 0 && phr_number_parse(le.data, le.len, &p->le) != PHR_OK) {
        return;
    }

    phr_labels_builder_init(&b, a, ls);
    phr_labels_builder_del(&b, phr_str_of("le"));
    phr_labels_builder_set(&b, phr_str_of(PHR_METRIC_NAME),
                           phr_str_from(name.data,
                                        name.len - suffixes[i].len));

    if (phr_labels_build(&b, &p->labels) == PHR_OK) {
        points->n++;
    }
}


static inline int
nhist_point_cmp(const void *one, const void *two)
{
    int                   rc;
    const nhist_point_t  *a, *b;

    a = one;
    b = two;
    rc = phr_labels_cmp(a->labels, b->labels);

    if (rc == 0) {
        rc = (a->t_ms > b->t_ms) - (a->t_ms < b->t_ms);
    }

    if (rc == 0) {
        rc = a->kind - b->kind;
    }

    return rc != 0 ? rc : (a->le > b->le) - (a->le < b->le);
}


/* n points of one histogram at one time */
static inline int
nhist_convert(phr_arena_t *a, phr_memstore_t *m, const nhist_point_t *p,
    size_t n)
{
    size_t           i, nbuckets;
    double          *bounds, *counts, last;
    phr_hist_t       h;
    phr_hist_span_t  span;

    memset(&h, 0, sizeof(h));
    h.schema = PHR_HIST_CUSTOM;
    bounds = phr_arena_alloc(a, (n + 1) * sizeof(double));
    counts = phr_arena_alloc(a, (n + 1) * sizeof(double));
    last = 0;
    nbuckets = 0;
    h.count = -1;

    for (i = 0; i < n; i++) {
        if (p[i].kind == 1) {
            h.sum = p[i].v;

        } else if (p[i].kind == 2) {
            h.count = p[i].v;

        } else if (i > 0 && p[i].le == p[i - 1].le) {
            continue;

        } else {
            counts[nbuckets++] = p[i].v - last;
            last = p[i].v;

            if (!isinf(p[i].le)) {
                bounds[h.nbounds++] = p[i].le;
            }
        }
    }

    if (h.count < 0) {
        h.count = last;
    }

    if (nbuckets == h.nbounds) {
        counts[nbuckets++] = h.count - last;
    }

    span.offset = 0;
    span.length = nbuckets;
    h.bounds = bounds;
    h.positive.spans = &span;
    h.positive.nspans = 1;
    h.positive.counts = counts;
    h.positive.n = nbuckets;

    if (phr_hist_validate(&h, NULL) != PHR_OK) {
        return PHR_EINVAL;
    }

    return phr_memstore_add_hist(m, p[0].labels, p[0].t_ms,
                                 phr_hist_compact(a, &h));
}


static inline int
nhist_convert_all(phr_arena_t *a, phr_memstore_t *m, nhist_points_t *points)
{
    int     rc;
    size_t  i, k;

    if (points->n != 0) {
        qsort(points->p, points->n, sizeof(nhist_point_t), nhist_point_cmp);
    }

    for (i = 0, rc = PHR_OK; rc == PHR_OK && i < points->n; i = k) {
        for (k = i + 1; k < points->n; k++) {
            if (points->p[k].t_ms != points->p[i].t_ms
                || phr_labels_cmp(points->p[k].labels, points->p[i].labels)
                   != 0)
            {
                break;
            }
        }

        rc = nhist_convert(a, m, &points->p[i], k - i);
    }

    return rc;
}


#endif /* NHIST_H_INCLUDED */
