/*
 * Copyright (C) The Pharos Authors
 *
 * Functions of a range whose series have histograms.  What works on numbers
 * alone goes on with the floats of a window; the others are here, rate() and
 * its family among them.
 */

#include "promql/func.h"

#include <math.h>

#include "core/alloc.h"


#define PHR_RESET_NO   1
#define PHR_RESET_YES  2


static int phr_window_note(phr_window_t *w, phr_native_note_e note);
static int phr_window_op_note(phr_window_t *w, phr_native_note_e note,
    const char *op);
static double phr_window_floats(phr_window_t *w, phr_kernel_pt kernel);
static int phr_window_was_reset(phr_window_t *w, size_t i);
static double phr_native_box(phr_window_t *w, const phr_hist_t *h);
static double phr_native_fold(phr_window_t *w, int avg);
static double phr_native_extrapolate(phr_window_t *w, int counter, int rate);
static int phr_native_change(phr_window_t *w, int counter, phr_native_t *n);
static int phr_native_combine(phr_window_t *w, phr_native_t *n,
    const phr_hist_t *h, unsigned flags);
static double phr_native_extended(phr_window_t *w, int counter, int rate);
static int phr_native_correct(phr_window_t *w, size_t first, size_t last,
    const phr_hist_t *left, const phr_hist_t *right, phr_native_t *n);
static double phr_native_instant(phr_window_t *w, int rate);
static double phr_native_count(phr_window_t *w,
    int (*is)(phr_window_t *w, size_t i));
static int phr_native_is_reset(phr_window_t *w, size_t i);
static int phr_native_is_change(phr_window_t *w, size_t i);


int
phr_window_native_init(phr_window_t *w)
{
    uint8_t  *p;

    if (w->n > w->nwas_reset) {
        p = phr_realloc(w->was_reset, w->n);
        if (p == NULL) {
            return PHR_ENOMEM;
        }

        w->was_reset = p;
        w->nwas_reset = w->n;
    }

    memset(w->was_reset, 0, w->n);
    w->nresets = 0;

    return PHR_OK;
}


void
phr_window_native_free(phr_window_t *w)
{
    phr_free(w->was_reset);
    phr_free(w->float_t);
    phr_free(w->float_v);
}


double
phr_window_native(phr_window_t *w, const phr_range_fn_t *fn)
{
    double  v;
    size_t  i;

    w->nhists = 0;

    for (i = w->lo; i < w->hi; i++) {
        w->nhists += w->h[i] != NULL;
    }

    if (w->nhists != 0 && fn->hist != NULL) {
        return fn->hist(w);
    }

    if (w->nhists == w->hi - w->lo) {
        return phr_no_sample();
    }

    v = phr_window_floats(w, fn->kernel);
    w->any_float |= !phr_is_stale(v);

    if (w->nhists != 0 && w->rc >= 0) {
        w->rc = phr_window_note(w, PHR_NATIVE_NOTE_IGNORED_RANGE);
    }

    return v;
}


/* what a kernel makes of the floats of the window */
static double
phr_window_floats(phr_window_t *w, phr_kernel_pt kernel)
{
    double        v, *float_v;
    size_t        i, n, *resets;
    int64_t      *float_t;
    phr_window_t  floats;

    n = w->hi - w->lo;

    if (n > w->nfloats) {
        float_t = phr_realloc(w->float_t, n * 2 * sizeof(int64_t));
        if (float_t != NULL) {
            w->float_t = float_t;
        }

        float_v = phr_realloc(w->float_v, n * 2 * sizeof(double));
        if (float_v != NULL) {
            w->float_v = float_v;
        }

        if (float_t == NULL || float_v == NULL) {
            w->rc = PHR_ENOMEM;
            return NAN;
        }

        w->nfloats = n * 2;
    }

    for (i = w->lo, n = 0; i < w->hi; i++) {
        if (w->h[i] == NULL) {
            w->float_t[n] = w->t_ms[i];
            w->float_v[n++] = w->v[i];
        }
    }

    /* the resets of this window alone */

    if (n > w->nalloc) {
        resets = phr_realloc(w->resets, n * sizeof(size_t));
        if (resets == NULL) {
            w->rc = PHR_ENOMEM;
            return NAN;
        }

        w->resets = resets;
        w->nalloc = n;
    }

    for (i = 1, w->nresets = 0; i < n; i++) {
        if (w->float_v[i] < w->float_v[i - 1]) {
            w->resets[w->nresets++] = i;
        }
    }

    floats = *w;
    floats.h = NULL;
    floats.st_ms = NULL;
    floats.t_ms = w->float_t;
    floats.v = w->float_v;
    floats.lo = 0;
    floats.hi = n;
    floats.n = n;
    floats.reset = 0;
    floats.whole.known = 0;

    v = kernel(&floats);

    w->rc = floats.rc;
    w->sorted = floats.sorted;
    w->nsorted = floats.nsorted;
    w->nresets = 0;

    return v;
}


static int
phr_window_note(phr_window_t *w, phr_native_note_e note)
{
    return phr_eval_native_note(w->ev, note, w->range->start,
                                phr_labels_get(w->labels,
                                    phr_str_of(PHR_METRIC_NAME)));
}


static int
phr_window_op_note(phr_window_t *w, phr_native_note_e note, const char *op)
{
    return phr_eval_native_note(w->ev, note, w->range->start,
                                phr_str_from_c(op));
}


/* notes it, and there is no result */
static double
phr_native_none(phr_window_t *w, phr_native_note_e note)
{
    w->rc = phr_window_note(w, note);

    return phr_no_sample();
}


/* whether the counter was reset between the samples i - 1 and i */
static int
phr_window_was_reset(phr_window_t *w, size_t i)
{
    int  rc, reset;

    if (w->was_reset[i] == 0) {
        if (w->st_ms != NULL && phr_rate_restarts(w, i)) {
            w->was_reset[i] = PHR_RESET_YES;
            return 1;
        }

        rc = phr_native_reset(&w->ev->room, w->h[i], w->h[i - 1], &reset);
        if (rc < 0) {
            w->rc = rc;
            return 0;
        }

        w->was_reset[i] = reset ? PHR_RESET_YES : PHR_RESET_NO;
    }

    return w->was_reset[i] == PHR_RESET_YES;
}


static double
phr_native_box(phr_window_t *w, const phr_hist_t *h)
{
    double  v;

    v = NAN;
    w->rc = phr_eval_box(w->ev, h, &v);

    return v;
}


static double
phr_native_at(phr_window_t *w, size_t i)
{
    return w->h[i] == NULL ? w->v[i]
           : phr_native_box(w, phr_hist_copy(w->ev->arena, w->h[i]));
}


double
phr_native_first_kernel(phr_window_t *w)
{
    return phr_native_at(w, w->lo);
}


double
phr_native_last_kernel(phr_window_t *w)
{
    return phr_native_at(w, w->hi - 1);
}


double
phr_native_sum_kernel(phr_window_t *w)
{
    return phr_native_fold(w, 0);
}


double
phr_native_avg_kernel(phr_window_t *w)
{
    return phr_native_fold(w, 1);
}


static double
phr_native_fold(phr_window_t *w, int avg)
{
    double            v;
    size_t            i;
    phr_native_sum_t  s;

    if (w->nhists != w->hi - w->lo) {
        return phr_native_none(w, PHR_NATIVE_NOTE_MIXED);
    }

    memset(&s, 0, sizeof(s));
    s.n = w->ev->room.sum;

    for (i = w->lo; w->rc >= 0 && i < w->hi && !s.incompatible; i++) {
        w->rc = phr_native_sum_add(w->ev, &s, w->h[i], avg);
    }

    w->ev->room.sum = s.n;

    if (w->rc < 0) {
        return NAN;
    }

    if (s.incompatible) {
        return phr_native_none(w, PHR_NATIVE_NOTE_MIXED_SCHEMA);
    }

    if (s.reset && s.no_reset) {
        w->rc = phr_window_op_note(w, PHR_NATIVE_NOTE_COLLISION,
                                   "aggregation");
    }

    if (w->rc >= 0 && s.reconciled) {
        w->rc = phr_window_op_note(w, PHR_NATIVE_NOTE_RECONCILED,
                                   "aggregation");
    }

    v = NAN;

    if (w->rc >= 0) {
        w->rc = phr_native_sum_end(w->ev, &s, avg, &v);
    }

    return v;
}


double
phr_native_rate_kernel(phr_window_t *w)
{
    return phr_native_extrapolate(w, 1, 1);
}


double
phr_native_increase_kernel(phr_window_t *w)
{
    return phr_native_extrapolate(w, 1, 0);
}


double
phr_native_delta_kernel(phr_window_t *w)
{
    return phr_native_extrapolate(w, 0, 0);
}


/* as for floats in func_rate.c, where the count stands for the value */
static double
phr_native_extrapolate(phr_window_t *w, int counter, int rate)
{
    double         count;
    phr_native_t  *n;

    if (w->nhists != w->hi - w->lo) {
        return phr_native_none(w, PHR_NATIVE_NOTE_MIXED);
    }

    if (w->anchored || w->smoothed) {
        return phr_native_extended(w, counter, rate);
    }

    n = &w->ev->room.sum;

    if (w->hi - w->lo < 2) {
        if (!phr_rate_starts_within(w)) {
            return phr_no_sample();
        }

        w->rc = phr_native_set(&w->ev->room, n, w->h[w->lo]);
        if (w->rc < 0) {
            return NAN;
        }

    } else if (!phr_native_change(w, counter, n)
               || (phr_rate_starts_within(w)
                   && !phr_native_combine(w, n, w->h[w->lo], 0)))
    {
        return phr_no_sample();
    }

    count = n->count.v + n->count.c;

    phr_native_multiply(n, phr_rate_factor(w, counter, rate,
                                           w->h[w->lo]->count, count));
    n->hint = PHR_HIST_GAUGE;

    return phr_native_box(w, phr_native_end(&w->ev->room, n));
}


/* the last minus the first, and what was lost by resets; 0: no result */
static int
phr_native_change(phr_window_t *w, int counter, phr_native_t *n)
{
    int                from_zero, custom;
    size_t             i, first, last;
    int32_t            schema;
    phr_hist_t         zero;
    const phr_hist_t  *prev, *h;

    first = w->lo;
    last = w->hi - 1;
    prev = w->h[first];
    h = w->h[last];

    if (counter && (prev->hint == PHR_HIST_GAUGE
                    || h->hint == PHR_HIST_GAUGE))
    {
        w->rc = phr_window_note(w, PHR_NATIVE_NOTE_NOT_COUNTER);
    }

    /* what was before a reset need not fit what comes then */

    from_zero = counter && phr_window_was_reset(w, first + 1);

    if (from_zero) {
        memset(&zero, 0, sizeof(zero));
        zero.schema = w->h[first + 1]->schema;
        zero.bounds = w->h[first + 1]->bounds;
        zero.nbounds = w->h[first + 1]->nbounds;
        prev = &zero;
    }

    custom = phr_hist_is_custom(prev);
    schema = phr_min(h->schema, prev->schema);

    if (phr_hist_is_custom(h) != custom) {
        w->rc = phr_window_note(w, PHR_NATIVE_NOTE_MIXED_SCHEMA);
        return 0;
    }

    for (i = first + 1; counter && i < last && w->rc >= 0; i++) {
        if (w->h[i]->hint == PHR_HIST_GAUGE) {
            w->rc = phr_window_note(w, PHR_NATIVE_NOTE_NOT_COUNTER);
        }

        schema = phr_min(schema, w->h[i]->schema);

        if (w->rc >= 0 && phr_hist_is_custom(w->h[i]) != custom) {
            w->rc = phr_window_note(w, PHR_NATIVE_NOTE_MIXED_SCHEMA);
            return 0;
        }
    }

    if (w->rc < 0) {
        return 0;
    }

    w->rc = phr_native_set(&w->ev->room, n, h);

    if (w->rc >= 0) {
        phr_native_reduce(n, schema);

        if (!phr_native_combine(w, n, prev, PHR_NATIVE_SUBTRACT)) {
            return 0;
        }
    }

    if (w->st_ms != NULL && w->rc >= 0) {
        phr_rate_note_overlap(w);
    }

    for (i = first + 1; counter && i <= last && w->rc >= 0; i++) {
        if ((i == first + 1 && from_zero) || !phr_window_was_reset(w, i)) {
            continue;
        }

        if (!phr_native_combine(w, n, w->h[i - 1], 0)) {
            return 0;
        }
    }

    if (!counter && w->rc >= 0
        && (w->h[first]->hint != PHR_HIST_GAUGE
            || h->hint != PHR_HIST_GAUGE))
    {
        w->rc = phr_window_note(w, PHR_NATIVE_NOTE_NOT_GAUGE);
    }

    return w->rc >= 0;
}


/* n plus or minus h; 0 if that has no result, which is noted */
static int
phr_native_combine(phr_window_t *w, phr_native_t *n, const phr_hist_t *h,
    unsigned flags)
{
    int       rc;
    unsigned  what;

    what = 0;
    rc = phr_native_add(&w->ev->room, n, h, flags, &what);

    if (rc == PHR_EINVAL) {
        w->rc = phr_window_note(w, PHR_NATIVE_NOTE_MIXED_SCHEMA);
        return 0;
    }

    if (rc == PHR_OK && (what & PHR_NATIVE_RECONCILED)) {
        rc = phr_window_op_note(w, PHR_NATIVE_NOTE_RECONCILED,
                                flags & PHR_NATIVE_SUBTRACT ? "subtraction"
                                                            : "addition");
    }

    w->rc = rc;

    return rc >= 0;
}


/* "anchored" and "smoothed", as phr_rate_extended() of func_rate.c */
static double
phr_native_extended(phr_window_t *w, int counter, int rate)
{
    size_t             i, first, last;
    phr_str_t          name;
    phr_native_t      *n;
    const phr_hist_t  *left, *right;

    name = phr_labels_get(w->labels, phr_str_of(PHR_METRIC_NAME));

    if (!phr_rate_bounds(w, &first, &last)) {
        return phr_no_sample();
    }

    for (i = first; i <= last && w->rc >= 0; i++) {
        if (phr_hist_is_custom(w->h[i]) != phr_hist_is_custom(w->h[first])) {
            return phr_native_none(w, PHR_NATIVE_NOTE_MIXED_SCHEMA);
        }

        if (counter && w->h[i]->hint == PHR_HIST_GAUGE) {
            w->rc = phr_window_note(w, PHR_NATIVE_NOTE_NOT_COUNTER);
        }
    }

    left = w->h[first];
    right = w->h[last];

    if (w->rc >= 0 && w->smoothed && w->t_ms[first] < w->start_ms) {
        w->rc = phr_eval_between(w->ev, left, w->t_ms[first],
                                 w->h[first + 1], w->t_ms[first + 1],
                                 w->start_ms, counter, w->range->start, name,
                                 &left);
    }

    if (w->rc >= 0 && w->smoothed && last > w->lo
        && w->t_ms[last] > w->end_ms)
    {
        w->rc = phr_eval_between(w->ev, w->h[last - 1], w->t_ms[last - 1],
                                 right, w->t_ms[last], w->end_ms, counter,
                                 w->range->start, name, &right);
    }

    if (w->rc < 0 || left == NULL || right == NULL) {
        return phr_no_sample();
    }

    if (!counter && (left->hint != PHR_HIST_GAUGE
                     || right->hint != PHR_HIST_GAUGE))
    {
        w->rc = phr_window_note(w, PHR_NATIVE_NOTE_NOT_GAUGE);
    }

    n = &w->ev->room.sum;

    if (w->rc >= 0) {
        w->rc = phr_native_set(&w->ev->room, n, right);
    }

    if (w->rc < 0 || !phr_native_combine(w, n, left, PHR_NATIVE_SUBTRACT)
        || (counter
            && !phr_native_correct(w, first, last, left, right, n)))
    {
        return phr_no_sample();
    }

    if (rate) {
        phr_native_divide(n, (double) w->range_ms / 1000);
    }

    n->hint = PHR_HIST_GAUGE;

    return phr_native_box(w, phr_native_end(&w->ev->room, n));
}


/* adds what resets between the boundaries have lost */
static int
phr_native_correct(phr_window_t *w, size_t first, size_t last,
    const phr_hist_t *left, const phr_hist_t *right, phr_native_t *n)
{
    int                reset;
    size_t             i;
    const phr_hist_t  *prev, *h;

    i = first + 1;
    prev = left;

    /* a reset that the left boundary was interpolated over has been seen */

    if (w->smoothed && w->t_ms[first] < w->start_ms
        && phr_window_was_reset(w, first + 1))
    {
        prev = w->h[first + 1];
        i++;
    }

    if (i > last) {
        return w->rc >= 0;
    }

    for ( ; i <= last && w->rc >= 0; i++) {
        h = i == last ? right : w->h[i];

        w->rc = phr_native_reset(&w->ev->room, h, prev, &reset);

        if (w->rc >= 0 && reset && !phr_native_combine(w, n, prev, 0)) {
            return 0;
        }

        prev = h;
    }

    return w->rc >= 0;
}


double
phr_native_irate_kernel(phr_window_t *w)
{
    return phr_native_instant(w, 1);
}


double
phr_native_idelta_kernel(phr_window_t *w)
{
    return phr_native_instant(w, 0);
}


/* from the last two samples */
static double
phr_native_instant(phr_window_t *w, int rate)
{
    size_t             last;
    phr_native_t      *n;
    const phr_hist_t  *h, *prev;

    if (w->hi - w->lo < 2) {
        return phr_no_sample();
    }

    last = w->hi - 1;
    h = w->h[last];
    prev = w->h[last - 1];

    if (h == NULL && prev == NULL) {
        return rate ? phr_irate_kernel(w) : phr_idelta_kernel(w);
    }

    if (h == NULL || prev == NULL) {
        return phr_native_none(w, PHR_NATIVE_NOTE_MIXED);
    }

    if (rate ? h->hint == PHR_HIST_GAUGE || prev->hint == PHR_HIST_GAUGE
             : h->hint != PHR_HIST_GAUGE || prev->hint != PHR_HIST_GAUGE)
    {
        w->rc = phr_window_note(w, rate ? PHR_NATIVE_NOTE_NOT_COUNTER
                                        : PHR_NATIVE_NOTE_NOT_GAUGE);
    }

    n = &w->ev->room.sum;

    if (w->rc >= 0) {
        w->rc = phr_native_set(&w->ev->room, n, h);
    }

    if (w->rc >= 0 && (!rate || !phr_window_was_reset(w, last))
        && !phr_native_combine(w, n, prev, PHR_NATIVE_SUBTRACT))
    {
        return phr_no_sample();
    }

    if (w->rc < 0) {
        return NAN;
    }

    if (rate) {
        phr_native_divide(n, (double) (w->t_ms[last] - w->t_ms[last - 1])
                              / 1000);
    }

    n->hint = PHR_HIST_GAUGE;

    return phr_native_box(w, phr_native_end(&w->ev->room, n));
}


double
phr_native_resets_kernel(phr_window_t *w)
{
    return phr_native_count(w, phr_native_is_reset);
}


double
phr_native_changes_kernel(phr_window_t *w)
{
    return phr_native_count(w, phr_native_is_change);
}


/* of how many samples is() holds; from a float to a histogram it does */
static double
phr_native_count(phr_window_t *w, int (*is)(phr_window_t *w, size_t i))
{
    size_t  i, n;

    if (!phr_rate_anchor(w, &i)) {
        return phr_no_sample();
    }

    n = 0;

    for (i++; i < w->hi; i++) {
        n += (w->h[i] == NULL) != (w->h[i - 1] == NULL) || is(w, i);
    }

    return (double) n;
}


static int
phr_native_is_reset(phr_window_t *w, size_t i)
{
    return w->h[i] == NULL
           ? w->v[i] < w->v[i - 1]
             || (w->st_ms != NULL && phr_rate_restarts(w, i))
           : phr_window_was_reset(w, i);
}


static int
phr_native_is_change(phr_window_t *w, size_t i)
{
    if (w->h[i] == NULL) {
        return w->v[i] != w->v[i - 1]
               && !(isnan(w->v[i]) && isnan(w->v[i - 1]));
    }

    return !phr_hist_eq(w->h[i], w->h[i - 1]);
}
