/*
 * Copyright (C) The Pharos Authors
 *
 * Ranges that nobody wrote: rate(m) of MetricsQL looks at one step of the
 * query.  What counts changes begins at the last sample before the step, so
 * that nothing is lost between two; what needs more samples than a step may
 * have looks at some scrapes of the series at least.
 */

#include "promql/func.h"

#include <stdlib.h>


/* how many distances between samples tell how often there is one */
#define PHR_WINDOW_DISTANCES  20


static int64_t phr_window_interval(const phr_window_t *w);
static int phr_window_cmp(const void *one, const void *two);


void
phr_window_default(phr_window_t *w, const phr_range_fn_t *fn)
{
    w->windowless = 1;
    w->anchored = fn->anchored;
    w->range_ms = phr_plan_of(w->ev, w->range)->window_ms;
}


void
phr_window_fit(phr_window_t *w, const phr_range_fn_t *fn)
{
    int64_t            least, most;
    const phr_plan_t  *p;

    if (fn->scrapes == 0) {
        return;
    }

    p = phr_plan_of(w->ev, w->range);

    most = w->range->kind == PHR_NODE_SUBQUERY
           ? p->range_ms
           : phr_max(p->window_ms, w->ev->query->lookback_ms);
    least = phr_window_interval(w);
    least = least < most / fn->scrapes ? least * fn->scrapes : most;

    w->range_ms = phr_max(p->window_ms, least);
}


/* the median of the last distances */
static int64_t
phr_window_interval(const phr_window_t *w)
{
    size_t   i, n;
    int64_t  distances[PHR_WINDOW_DISTANCES];

    n = 0;

    for (i = w->n; i > 1 && n < PHR_WINDOW_DISTANCES; i--) {
        distances[n++] = w->t_ms[i - 1] - w->t_ms[i - 2];
    }

    if (n == 0) {
        return 0;
    }

    qsort(distances, n, sizeof(int64_t), phr_window_cmp);

    return distances[n / 2];
}


static int
phr_window_cmp(const void *one, const void *two)
{
    int64_t  a, b;

    a = *(const int64_t *) one;
    b = *(const int64_t *) two;

    return (a > b) - (a < b);
}
