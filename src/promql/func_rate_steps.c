/*
 * Copyright (C) The Pharos Authors
 *
 * Rates of many series: the series of a target have their samples at the
 * same times, so which of them a step sees, and how far their change is
 * extrapolated, is found once for all that follow each other with equal
 * times.  What is left for each is the change.  Results are those of
 * phr_rate_factor(), bit by bit.
 */

#include "promql/func.h"

#include "core/alloc.h"


/* more are rare, and need not be remembered */
#define PHR_STEPS_MAX    16384
#define PHR_TIMES_MAX    65536

/* so often in a row times may differ before the series go their own way */
#define PHR_STEPS_TRIES  8

/* what a step takes in the end, see phr_yield() */
#define PHR_STEPS_UNITS  2


typedef struct {
    uint32_t  lo, hi;       /* the samples; no result if hi - lo < 2 */
    double    to_start;     /* seconds that are extrapolated backwards */
    double    sampled;      /* seconds between the first and the last */
    double    factor;       /* for a counter that is far from zero */
} phr_rate_step_t;


struct phr_rate_steps_s {
    int64_t          *t_ms;         /* the times, how many, and room */
    size_t            n;
    size_t            nalloc;
    phr_rate_step_t  *step;         /* of each step of the grid */
    uint64_t          read;         /* samples seen by all of them */
    uint64_t          largest;      /* by one */
    int               misses;
};


static int phr_rate_steps_make(phr_window_t *w, const phr_grid_t *g,
    const phr_range_fn_t *fn);
static phr_rate_steps_t *phr_rate_steps_create(const phr_grid_t *g);
static int phr_rate_is_far(const phr_rate_step_t *s, double first,
    double change);


int
phr_rate_steps(phr_window_t *w, const phr_grid_t *g,
    const phr_range_fn_t *fn, double *v)
{
    int               rc;
    size_t            i, k;
    double            first, change;
    phr_rate_step_t  *s;

    if (!fn->extrapolates || w->h != NULL || w->st_ms != NULL
        || w->weight != NULL || w->nparts > 0 || w->anchored || w->smoothed
        || g->n > PHR_STEPS_MAX || w->n > PHR_TIMES_MAX)
    {
        return PHR_DONE;
    }

    rc = phr_rate_steps_make(w, g, fn);
    if (rc != PHR_OK) {
        return rc;
    }

    s = w->steps->step;
    w->reset = 0;

    for (i = 0; i < g->n; i++, s++) {
        v[i] = phr_no_sample();

        if (s->hi < s->lo + 2) {
            continue;
        }

        first = w->v[s->lo];
        change = w->v[s->hi - 1] - first;

        while (w->reset < w->nresets && w->resets[w->reset] <= s->lo) {
            w->reset++;
        }

        if (w->reset < w->nresets && w->resets[w->reset] < s->hi) {

            /* they may be many, and their sum depends on where it begins */

            rc = phr_eval_poll_after(w->ev, PHR_EVAL_STEP);
            if (rc < 0) {
                return rc;
            }
        }

        for (k = w->reset; k < w->nresets && w->resets[k] < s->hi; k++) {
            change += w->v[w->resets[k] - 1];
        }

        if (!fn->counter || phr_rate_is_far(s, first, change)) {
            v[i] = change * s->factor;
            continue;
        }

        w->lo = s->lo;
        w->hi = s->hi;
        w->end_ms = phr_window_end(w, g, i);
        w->start_ms = phr_time_sub(w->end_ms, w->range_ms);
        w->width_ms = w->range_ms;

        v[i] = change * phr_rate_factor(w, 1, !fn->grows, first, change);
    }

    for (i = 0; w->ev->step_read != NULL && i < g->n; i++) {
        w->ev->step_read[i] += w->steps->step[i].hi - w->steps->step[i].lo;
    }

    w->ev->read += w->steps->read;
    phr_yield(g->n * PHR_STEPS_UNITS);

    return phr_eval_hold(w->ev, w->steps->largest);
}


/* PHR_DONE if times differ too often for this to be worth it */
static int
phr_rate_steps_make(phr_window_t *w, const phr_grid_t *g,
    const phr_range_fn_t *fn)
{
    int                rc;
    size_t             i;
    int64_t           *t_ms;
    phr_rate_step_t   *s;
    phr_rate_steps_t  *steps;

    steps = w->steps;

    if (steps != NULL && steps->n == w->n
        && memcmp(steps->t_ms, w->t_ms, w->n * sizeof(int64_t)) == 0)
    {
        steps->misses = 0;
        return PHR_OK;
    }

    if (steps == NULL) {
        steps = phr_rate_steps_create(g);
        if (steps == NULL) {
            return phr_eval_nomem(w->ev);
        }

        w->steps = steps;
    }

    /* the last ones are forgotten, whatever happens */

    steps->n = 0;

    if (steps->misses++ == PHR_STEPS_TRIES) {
        steps->misses = 0;
        w->steps_skip = 8 * PHR_STEPS_TRIES;
    }

    if (w->steps_skip > 0) {
        w->steps_skip--;
        return PHR_DONE;
    }

    if (w->n > steps->nalloc) {
        t_ms = phr_realloc(steps->t_ms, w->n * sizeof(int64_t));
        if (t_ms == NULL) {
            return phr_eval_nomem(w->ev);
        }

        steps->t_ms = t_ms;
        steps->nalloc = w->n;
    }

    memcpy(steps->t_ms, w->t_ms, w->n * sizeof(int64_t));
    steps->read = 0;
    steps->largest = 0;
    w->lo = 0;
    w->hi = 0;

    for (i = 0; i < g->n; i++) {
        rc = phr_eval_poll_after(w->ev, PHR_EVAL_STEP);
        if (rc < 0) {
            return rc;
        }

        phr_window_move(w, g, i, w->n);

        s = &steps->step[i];
        s->lo = (uint32_t) w->lo;
        s->hi = (uint32_t) w->hi;

        if (w->hi > w->lo) {
            steps->read += w->hi - w->lo;
            steps->largest = phr_max(steps->largest, w->hi - w->lo);
        }

        if (s->hi >= s->lo + 2) {
            s->factor = phr_rate_factor(w, 0, !fn->grows, 0, 0);
            (void) phr_rate_spans(w, &s->to_start, &s->sampled);
        }
    }

    steps->n = w->n;

    return PHR_OK;
}


static phr_rate_steps_t *
phr_rate_steps_create(const phr_grid_t *g)
{
    phr_rate_steps_t  *steps;

    steps = phr_calloc(1, sizeof(phr_rate_steps_t));
    if (steps == NULL) {
        return NULL;
    }

    steps->step = phr_calloc(g->n, sizeof(phr_rate_step_t));
    if (steps->step == NULL) {
        phr_free(steps);
        return NULL;
    }

    return steps;
}


void
phr_rate_steps_free(phr_rate_steps_t *steps)
{
    if (steps == NULL) {
        return;
    }

    phr_free(steps->t_ms);
    phr_free(steps->step);
    phr_free(steps);
}


/*
 * Whether the counter was not zero anywhere near, so that this is no bound:
 * sampled * (first / change) >= to_start, without a division, and not where
 * rounding could matter.
 */
static int
phr_rate_is_far(const phr_rate_step_t *s, double first, double change)
{
    double  product;

    if (!(change > 0 && first >= 0)) {
        return 1;
    }

    product = s->sampled * first;

    return product < 1e300 && product > 1e-290
           && product > s->to_start * change * (1 + 1e-9);
}
