/*
 * Copyright (C) The Pharos Authors
 *
 * Result: what every result of a query is, and whether two say the same.
 */

#ifndef FUZZ_RESULT_H_INCLUDED
#define FUZZ_RESULT_H_INCLUDED


#include "fuzz.h"

#include <math.h>

#include "promql/promql.h"


/* NaN is NaN, but 0 is not -0 */
static inline int
fuzz_same_number(double a, double b)
{
    return phr_double_bits(a) == phr_double_bits(b) || (isnan(a) && isnan(b));
}


static inline int
fuzz_same_side(const phr_hist_side_t *a, const phr_hist_side_t *b)
{
    int              more, other;
    phr_hist_iter_t  x, y;

    phr_hist_iter_init(&x, a);
    phr_hist_iter_init(&y, b);

    for ( ;; ) {
        more = phr_hist_iter_next(&x);
        other = phr_hist_iter_next(&y);

        if (!more || !other) {
            return more == other;
        }

        if (x.index != y.index || !fuzz_same_number(x.count, y.count)) {
            return 0;
        }
    }
}


static inline int
fuzz_same_hist(const phr_hist_t *a, const phr_hist_t *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }

    return a->schema == b->schema && a->hint == b->hint
           && fuzz_same_number(a->count, b->count)
           && fuzz_same_number(a->sum, b->sum)
           && fuzz_same_number(a->zero_count, b->zero_count)
           && a->zero_threshold == b->zero_threshold
           && phr_hist_bounds_eq(a, b)
           && fuzz_same_side(&a->positive, &b->positive)
           && fuzz_same_side(&a->negative, &b->negative);
}


static inline const phr_hist_t *
fuzz_hist(const phr_result_series_t *s, size_t i)
{
    return s->h == NULL ? NULL : s->h[i];
}


static inline void
fuzz_check_labels(phr_labels_t ls)
{
    size_t  i;

    for (i = 0; i < ls.n; i++) {
        fuzz_check(ls.l[i].value.len > 0);
        fuzz_check(i == 0
                   || phr_str_cmp(ls.l[i - 1].name, ls.l[i].name) < 0);
    }
}


static inline void
fuzz_check_series(const phr_query_t *q, const phr_result_series_t *s)
{
    size_t  i;

    fuzz_check_labels(s->labels);
    fuzz_check(s->n > 0);

    for (i = 0; i < s->n; i++) {
        fuzz_check(!phr_is_stale(s->v[i]));
        fuzz_check(i == 0 || s->t_ms[i - 1] < s->t_ms[i]);

        if (q->step_ms > 0) {
            fuzz_check((s->t_ms[i] - q->start_ms) % q->step_ms == 0);
            fuzz_check(s->t_ms[i] >= q->start_ms && s->t_ms[i] <= q->end_ms);
        }
    }
}


/* what is true of any result */
static inline void
fuzz_check_result(const phr_query_t *q, const phr_result_t *r)
{
    size_t  i;

    fuzz_check(q->max_samples == 0 || r->samples_peak <= q->max_samples);

    for (i = 0; i < r->nwarnings; i++) {
        fuzz_check(r->warnings[i].len > 0);
    }

    switch (r->type) {

    case PHR_TYPE_VECTOR:
        for (i = 0; i < r->nsamples; i++) {
            fuzz_check_labels(r->samples[i].labels);
            fuzz_check(r->samples[i].t_ms == q->start_ms);
            fuzz_check(!phr_is_stale(r->samples[i].v));
        }

        break;

    case PHR_TYPE_MATRIX:
        for (i = 0; i < r->nseries; i++) {
            fuzz_check_series(q, &r->series[i]);
            fuzz_check(i == 0 || phr_labels_cmp(r->series[i - 1].labels,
                                                r->series[i].labels) < 0);
        }

        break;

    default:
        fuzz_check(q->step_ms == 0);
        break;
    }
}


/*
 * 1 if the points of two results of range queries are the same from one time
 * to another; series without such points do not count.
 */
static inline int
fuzz_same_points(const phr_result_t *a, const phr_result_t *b,
    int64_t from_ms, int64_t to_ms)
{
    size_t                      i, k, m, n;
    const phr_result_series_t  *x, *y;

    for (i = 0, k = 0; ; i++, k++) {

        /* the next of each that has points there, m and n the first */

        for (m = 0; i < a->nseries; i++) {
            x = &a->series[i];
            for (m = 0; m < x->n && x->t_ms[m] < from_ms; m++) { /* void */ }

            if (m < x->n && x->t_ms[m] <= to_ms) {
                break;
            }
        }

        for (n = 0; k < b->nseries; k++) {
            y = &b->series[k];
            for (n = 0; n < y->n && y->t_ms[n] < from_ms; n++) { /* void */ }

            if (n < y->n && y->t_ms[n] <= to_ms) {
                break;
            }
        }

        if (i == a->nseries || k == b->nseries) {
            return i == a->nseries && k == b->nseries;
        }

        x = &a->series[i];
        y = &b->series[k];

        if (phr_labels_cmp(x->labels, y->labels) != 0) {
            return 0;
        }

        for ( ; m < x->n && x->t_ms[m] <= to_ms; m++, n++) {
            if (n == y->n || x->t_ms[m] != y->t_ms[n]
                || !fuzz_same_number(x->v[m], y->v[n])
                || !fuzz_same_hist(fuzz_hist(x, m), fuzz_hist(y, n)))
            {
                return 0;
            }
        }

        if (n < y->n && y->t_ms[n] <= to_ms) {
            return 0;
        }
    }
}


/* the point of a series at a time; -1: none */
static inline int
fuzz_find(const phr_result_t *r, phr_labels_t ls, int64_t t_ms, double *v,
    const phr_hist_t **h)
{
    size_t                      i, k;
    const phr_result_series_t  *s;

    for (i = 0; i < r->nseries; i++) {
        s = &r->series[i];

        if (phr_labels_cmp(s->labels, ls) != 0) {
            continue;
        }

        for (k = 0; k < s->n; k++) {
            if (s->t_ms[k] == t_ms) {
                *v = s->v[k];
                *h = fuzz_hist(s, k);
                return 0;
            }
        }
    }

    return -1;
}


/* points of any series at a time */
static inline size_t
fuzz_count(const phr_result_t *r, int64_t t_ms)
{
    size_t  i, k, n;

    for (i = 0, n = 0; i < r->nseries; i++) {
        for (k = 0; k < r->series[i].n; k++) {
            n += r->series[i].t_ms[k] == t_ms;
        }
    }

    return n;
}


/* 1 if an instant query, of any type, has what a range query has there */
static inline int
fuzz_same_instant(const phr_result_t *range, const phr_result_t *instant,
    int64_t t_ms)
{
    size_t             i;
    double             v;
    phr_labels_t       none;
    const phr_hist_t  *h;

    memset(&none, 0, sizeof(none));

    if (instant->type == PHR_TYPE_SCALAR) {
        return fuzz_count(range, t_ms) == 1
               && fuzz_find(range, none, t_ms, &v, &h) == 0
               && fuzz_same_number(v, instant->scalar);
    }

    if (fuzz_count(range, t_ms) != instant->nsamples) {
        return 0;
    }

    for (i = 0; i < instant->nsamples; i++) {
        if (fuzz_find(range, instant->samples[i].labels, t_ms, &v, &h) != 0
            || !fuzz_same_number(v, instant->samples[i].v)
            || !fuzz_same_hist(h, instant->samples[i].h))
        {
            return 0;
        }
    }

    return 1;
}


static inline void
fuzz_show_value(double v, const phr_hist_t *h)
{
    fprintf(stderr, " %.17g", v);

    if (h != NULL) {
        fprintf(stderr, "(count %.17g, schema %d, hint %d)", h->count,
                (int) h->schema, h->hint);
    }
}


static inline void
fuzz_show(const char *what, const phr_result_t *r)
{
    size_t     i, k;
    phr_buf_t  b;

    fprintf(stderr, "%s: %s %.17g\n", what, phr_type_text(r->type),
            r->type == PHR_TYPE_SCALAR ? r->scalar : 0);
    phr_buf_init(&b, 0);

    for (i = 0; i < r->nsamples && r->type == PHR_TYPE_VECTOR; i++) {
        b.len = 0;
        phr_labels_format(&b, r->samples[i].labels);
        fprintf(stderr, "  %.*s", (int) b.len, b.data);
        fuzz_show_value(r->samples[i].v, r->samples[i].h);
        fprintf(stderr, "\n");
    }

    for (i = 0; i < r->nseries && r->type == PHR_TYPE_MATRIX; i++) {
        b.len = 0;
        phr_labels_format(&b, r->series[i].labels);
        fprintf(stderr, "  %.*s", (int) b.len, b.data);

        for (k = 0; k < r->series[i].n; k++) {
            fuzz_show_value(r->series[i].v[k], fuzz_hist(&r->series[i], k));
            fprintf(stderr, "@%lld", (long long) r->series[i].t_ms[k]);
        }

        fprintf(stderr, "\n");
    }

    phr_buf_free(&b);
}


#endif /* FUZZ_RESULT_H_INCLUDED */
