/*
 * Copyright (C) The Pharos Authors
 *
 * Selectors: from storage's samples to columns (look-back) and to the
 * points that range functions see; and subqueries, which are points too.
 */

#include "promql/eval.h"

#include <math.h>

#include "core/alloc.h"
#include "promql/cost.h"


/* what a column has of each sample */
typedef enum {
    PHR_SELECT_VALUES = 0,
    PHR_SELECT_TIMES,
    PHR_SELECT_STARTS,
} phr_select_what_e;


static int phr_select_open(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, int64_t before_ms, int64_t after_ms,
    int64_t range_ms, phr_series_set_t **set);
static int phr_select_next(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_series_set_t *set, phr_series_t *s);
static int phr_select_coarse(phr_eval_t *ev, const phr_series_t *s);
static int64_t phr_select_time(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, size_t step);
static int phr_select_columns(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_select_what_e what, phr_value_t *out);
static void phr_select_lookback(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, const phr_series_t *s, phr_select_what_e what,
    double *v);
static int phr_select_native(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, const phr_series_t *s, phr_select_what_e what,
    double *v);
static double phr_select_seconds(const phr_series_t *s, size_t i,
    phr_select_what_e what);
static void phr_select_smooth(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, const phr_series_t *s, double *v);
static int phr_points_reserve(phr_points_t *p, size_t n, int h, int st,
    int w);
static int phr_points_next_column(phr_eval_t *ev, phr_points_t *p);
static int phr_points_hist(phr_eval_t *ev, phr_points_t *p, size_t n,
    double v);


int
phr_eval_selector(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out)
{
    return phr_select_columns(ev, node, g, PHR_SELECT_VALUES, out);
}


int
phr_eval_selector_times(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out)
{
    phr_value_init(out);

    return phr_select_columns(ev, node, g, PHR_SELECT_TIMES, out);
}


int
phr_eval_selector_starts(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out)
{
    int  rc;

    phr_value_init(out);

    ev->starts = 1;
    rc = phr_select_columns(ev, node, g, PHR_SELECT_STARTS, out);
    ev->starts = 0;

    return rc;
}


static int
phr_select_columns(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_select_what_e what, phr_value_t *out)
{
    int                rc;
    double            *v;
    size_t             i, n;
    int64_t            lookback;
    uint64_t           held;
    phr_sink_t        *sink;
    phr_series_t       s;
    phr_series_set_t  *set;

    sink = phr_eval_take_sink(ev);
    lookback = ev->query->lookback_ms;

    rc = phr_select_open(ev, node, g, lookback,
                         node->u.selector.smoothed ? lookback : 0, 0, &set);
    if (rc < 0) {
        return rc;
    }

    v = NULL;
    held = 0;

    for ( ;; ) {
        rc = phr_select_next(ev, node, g, set, &s);
        if (rc == PHR_DONE && sink != NULL) {
            ev->held += held;
        }

        if (rc != PHR_OK) {
            return rc == PHR_DONE ? PHR_OK : rc;
        }

        if (v == NULL) {
            v = phr_col_create(ev->arena, g->n);
            if (v == NULL) {
                return phr_eval_nomem(ev);
            }
        }

        if (s.h != NULL) {
            rc = phr_select_native(ev, node, g, &s, what, v);
            if (rc < 0) {
                return rc;
            }

        } else if (node->u.selector.smoothed && what == PHR_SELECT_VALUES) {
            phr_select_smooth(ev, node, g, &s, v);

        } else {
            phr_select_lookback(ev, node, g, &s, what, v);
        }

        n = phr_col_count(v, g->n);
        if (n == 0) {
            continue;
        }

        n = ev->nhists == 0 ? n : phr_eval_samples(ev, v, g->n);
        held += n;
        ev->read += n;

        for (i = 0; ev->step_read != NULL && i < g->n; i++) {
            ev->step_read[i] += phr_eval_samples(ev, &v[i], 1);
        }

        rc = phr_eval_hold(ev, held);
        if (rc < 0) {
            return rc;
        }

        if (sink != NULL) {
            rc = sink->column(sink, s.labels, v, 0);
            if (rc < 0) {
                return rc;
            }

            v = rc == PHR_AGAIN ? v : NULL;
            continue;
        }

        if (phr_value_push(out, ev->arena, s.labels, v, 0) == NULL) {
            return phr_eval_nomem(ev);
        }

        v = NULL;
    }
}


/*
 * The newest sample that is not older than the look-back, its start
 * excluded; a stale marker ends the series until its next sample.
 */
static void
phr_select_lookback(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, const phr_series_t *s, phr_select_what_e what,
    double *v)
{
    size_t   i, j;
    int64_t  ref;

    j = 0;

    for (i = 0; i < g->n; i++) {
        ref = phr_part_floor(s->parts, s->nparts,
                             phr_select_time(ev, node, g, i));

        while (j < s->n && s->t_ms[j] <= ref) {
            j++;
        }

        if (j == 0
            || s->t_ms[j - 1] <= phr_time_sub(ref, ev->query->lookback_ms)
            || phr_is_stale(s->v[j - 1]))
        {
            v[i] = phr_no_sample();
            continue;
        }

        v[i] = what != PHR_SELECT_VALUES ? phr_select_seconds(s, j - 1, what)
                                         : s->v[j - 1];

        if (phr_unlikely(phr_is_boxed(v[i]))) {
            v[i] = NAN;
        }
    }
}


static double
phr_select_seconds(const phr_series_t *s, size_t i, phr_select_what_e what)
{
    if (what == PHR_SELECT_TIMES) {
        return (double) s->t_ms[i] / 1000;
    }

    return s->st_ms != NULL ? (double) s->st_ms[i] / 1000 : 0;
}


/* the same for a series that has histograms; "smoothed", too */
static int
phr_select_native(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, const phr_series_t *s, phr_select_what_e what,
    double *v)
{
    int      rc;
    size_t   i, j, last;
    int64_t  ref;

    j = 0;
    last = SIZE_MAX;

    for (i = 0; i < g->n; i++) {
        ref = phr_part_floor(s->parts, s->nparts,
                             phr_select_time(ev, node, g, i));
        v[i] = phr_no_sample();

        if (node->u.selector.smoothed && what == PHR_SELECT_VALUES) {
            rc = phr_eval_poll(ev);
            if (rc == PHR_OK) {
                rc = phr_eval_smooth_native(ev, node, s, ref, &j, &v[i]);
            }
            if (rc < 0) {
                return rc;
            }

            continue;
        }

        while (j < s->n && s->t_ms[j] <= ref) {
            j++;
        }

        if (j == 0
            || s->t_ms[j - 1] <= phr_time_sub(ref, ev->query->lookback_ms)
            || phr_is_stale(s->v[j - 1]))
        {
            continue;
        }

        if (what != PHR_SELECT_VALUES) {
            v[i] = phr_select_seconds(s, j - 1, what);

        } else if (s->h[j - 1] == NULL) {
            v[i] = phr_is_boxed(s->v[j - 1]) ? NAN : s->v[j - 1];

        } else if (i > 0 && j == last && phr_is_boxed(v[i - 1])) {
            v[i] = v[i - 1];

        } else {
            rc = phr_eval_box_copy(ev, s->h[j - 1], &v[i]);
            if (rc < 0) {
                return rc;
            }
        }

        last = j;
    }

    return PHR_OK;
}


/*
 * A value between the neighbours of each step, which may be as far away as
 * the look-back; the older neighbour alone is taken as it is.
 */
static void
phr_select_smooth(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, const phr_series_t *s, double *v)
{
    size_t   i, j, next, prev, after;
    int64_t  ref, from, to;

    j = next = after = 0;

    for (i = 0; i < g->n; i++) {
        ref = phr_select_time(ev, node, g, i);
        from = phr_time_sub(ref, ev->query->lookback_ms);
        to = phr_time_add(ref, ev->query->lookback_ms);
        v[i] = phr_no_sample();

        /* a series may be stale for long: no step goes through that anew */

        for ( ; j < s->n && s->t_ms[j] < ref; j++) {
            after = phr_is_stale(s->v[j]) ? after : j + 1;
        }

        next = phr_max(next, j);
        while (next < s->n && phr_is_stale(s->v[next])) {
            next++;
        }

        if (next < s->n && s->t_ms[next] == ref) {
            v[i] = s->v[next];
            continue;
        }

        if (after == 0 || s->t_ms[after - 1] <= from) {
            continue;
        }

        prev = after - 1;
        v[i] = s->v[prev];

        if (next < s->n && s->t_ms[next] <= to) {
            v[i] += (s->v[next] - s->v[prev])
                    * (double) (ref - s->t_ms[prev])
                    / (double) (s->t_ms[next] - s->t_ms[prev]);
        }
    }
}


/* the point in time that a selector or subquery looks at for a step */
static int64_t
phr_select_time(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    size_t step)
{
    const phr_plan_t  *p;

    p = phr_plan_of(ev, node);

    return phr_time_sub(p->has_at ? p->at_ms : phr_grid_time(g, step),
                        p->offset_ms);
}


/* samples in (first step - before, last step + after] */
static int
phr_select_open(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    int64_t before_ms, int64_t after_ms, int64_t range_ms,
    phr_series_set_t **set)
{
    int64_t             min, max;
    phr_select_hints_t  hints;

    min = phr_time_sub(phr_select_time(ev, node, g, 0), before_ms);
    min = phr_time_add(min, 1);
    max = phr_time_add(phr_select_time(ev, node, g, g->n - 1), after_ms);

    memset(&hints, 0, sizeof(hints));
    hints.step_ms = g->n > 1 ? g->step_ms : 0;
    hints.range_ms = range_ms;
    hints.func = ev->func;
    hints.starts = ev->starts != 0;

    if (!node->u.selector.anchored && !node->u.selector.smoothed) {
        hints.max_res_ms = ev->query->max_res_ms;
    }

    if (node->u.selector.nothers != 0) {
        return phr_eval_select_any(ev, &node->u.selector, min, max, &hints,
                                   set);
    }

    return phr_eval_select(ev, node->u.selector.matchers,
                           node->u.selector.nmatchers, min, max, &hints, set);
}


int
phr_eval_select(phr_eval_t *ev, const phr_matcher_t *m, size_t n,
    int64_t min_ms, int64_t max_ms, const phr_select_hints_t *hints,
    phr_series_set_t **set)
{
    int  rc;

    rc = ev->querier->ops->select(ev->querier, m, n, min_ms, max_ms, hints,
                                  ev->arena, set, ev->err);
    if (rc < 0) {
        phr_err_prefix(ev->err, "expanding series: ");
    }

    return rc;
}


static int
phr_select_next(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_series_set_t *set, phr_series_t *s)
{
    int      rc;
    int64_t  began_us;

    rc = phr_eval_poll(ev);
    if (rc < 0) {
        return rc;
    }

    s->st_ms = NULL;
    s->w = NULL;
    s->parts = NULL;
    s->nparts = 0;

    began_us = phr_cost_clock_us(ev);
    rc = set->next(set, s, ev->err);

    if (rc == PHR_OK) {
        phr_cost_read(ev, node, g, began_us, 1, s->n);
    }

    if (rc < 0) {
        phr_err_prefix(ev->err, "expanding series: ");
    }

    return rc == PHR_OK && s->nparts > 0 ? phr_select_coarse(ev, s) : rc;
}


/* the result says that it was made of coarser samples */
static int
phr_select_coarse(phr_eval_t *ev, const phr_series_t *s)
{
    size_t   i;
    int64_t  res_ms;

    res_ms = 0;

    for (i = 0; i < s->nparts; i++) {
        res_ms = phr_max(res_ms, s->parts[i].res_ms);
    }

    if (res_ms <= ev->res_ms) {
        return PHR_OK;
    }

    ev->res_ms = res_ms;

    return phr_annotate(&ev->notes, ev->arena, PHR_NOTE_INFO, 0,
                        "PromQL info: samples of a resolution of %lldm were "
                        "used", (long long) (res_ms / 60000));
}


/*
 * Steps are absolute multiples of the subquery's step, whatever the query
 * starts at; the first is the one after the (excluded) start of the range.
 */
int
phr_eval_subgrid(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_grid_t *sub)
{
    int64_t            from, first, last, step;
    uint64_t           n;
    const phr_plan_t  *p;

    p = phr_plan_of(ev, node);

    step = p->step_ms > 0 ? p->step_ms : ev->query->subquery_step_ms;
    if (step <= 0) {
        step = 60000;
    }

    from = phr_time_sub(phr_select_time(ev, node, g, 0), p->range_ms);
    last = phr_select_time(ev, node, g, g->n - 1);

    first = from / step * step;
    if (first <= from) {
        first = phr_time_add(first, step);
    }

    sub->start_ms = first;
    sub->step_ms = step;
    sub->n = 0;

    if (last < first) {
        return PHR_OK;
    }

    n = ((uint64_t) last - (uint64_t) first) / (uint64_t) step + 1;

    if (n > SIZE_MAX / (2 * sizeof(double))
        || (ev->query->max_samples != 0 && n > ev->query->max_samples))
    {
        return phr_err_set(ev->err, PHR_ELIMIT,
                           "query processing would load too many samples "
                           "into memory in query execution");
    }

    sub->n = n;

    return PHR_OK;
}


int
phr_points_open(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_points_t *p)
{
    int                         rc, resets;
    int64_t                     before, after, began_us;
    uint64_t                    read, *by_step;
    const phr_node_t           *selector;
    const phr_node_selector_t  *s;

    memset(p, 0, sizeof(*p));
    p->arena = ev->arena;
    p->node = node;
    p->steps = g;
    began_us = phr_cost_clock_us(ev);

    if (node->kind == PHR_NODE_SUBQUERY) {
        rc = phr_eval_subgrid(ev, node, g, &p->grid);
        if (rc < 0) {
            return rc;
        }

        /* the points are counted again where they are used */

        read = ev->read;
        by_step = ev->step_read;
        ev->step_read = NULL;
        resets = ev->resets;
        ev->resets = -1;
        rc = phr_eval_node(ev, node->u.subquery.expr, &p->grid, &p->value);
        ev->resets = resets;
        ev->read = read;
        ev->step_read = by_step;

        if (rc == PHR_OK) {
            phr_cost_node(ev, node, &p->grid, began_us, &p->value);
        }

        return rc;
    }

    selector = node->u.matrix.selector;
    s = &selector->u.selector;
    before = phr_plan_of(ev, node)->range_ms;
    after = 0;

    if (s->anchored || s->smoothed) {
        before = phr_time_add(before, ev->query->lookback_ms);
        after = s->smoothed ? ev->query->lookback_ms : 0;
    }

    rc = phr_select_open(ev, selector, g, before, after,
                         phr_plan_of(ev, node)->range_ms, &p->set);

    if (rc == PHR_OK) {
        phr_cost_read(ev, node, g, began_us, 0, 0);
    }

    return rc;
}


int
phr_points_next(phr_eval_t *ev, phr_points_t *p)
{
    int           rc;
    size_t        i, n;
    phr_series_t  s;

    if (p->set == NULL) {
        rc = phr_eval_poll(ev);

        return rc < 0 ? rc : phr_points_next_column(ev, p);
    }

    rc = phr_select_next(ev, p->node, p->steps, p->set, &s);
    if (rc != PHR_OK) {
        return rc;
    }

    p->labels = s.labels;
    p->parts = s.parts;
    p->nparts = s.nparts;
    p->drop_name = 0;

    for (i = 0; i < s.n && !phr_is_signaling(s.v[i]); i++) { /* void */ }

    if (i == s.n) {
        p->t_ms = s.t_ms;
        p->v = s.v;
        p->h = s.h;
        p->st_ms = s.st_ms;
        p->w = s.w;
        p->n = s.n;

        return PHR_OK;
    }

    rc = phr_points_reserve(p, s.n, s.h != NULL, s.st_ms != NULL,
                            s.w != NULL);
    if (rc < 0) {
        return rc;
    }

    for (i = 0, n = 0; i < s.n; i++) {
        if (phr_is_stale(s.v[i])) {
            continue;
        }

        if (s.h != NULL) {
            p->h_buf[n] = s.h[i];
        }

        if (s.st_ms != NULL) {
            p->st_buf[n] = s.st_ms[i];
        }

        if (s.w != NULL) {
            p->w_buf[n] = s.w[i];
        }

        p->t_buf[n] = s.t_ms[i];
        p->v_buf[n++] = phr_is_boxed(s.v[i]) ? NAN : s.v[i];
    }

    p->t_ms = p->t_buf;
    p->v = p->v_buf;
    p->h = p->h_buf;
    p->w = p->w_buf;
    p->st_ms = p->st_buf;
    p->n = n;

    return PHR_OK;
}


static int
phr_points_next_column(phr_eval_t *ev, phr_points_t *p)
{
    int            rc;
    size_t         i, n;
    phr_column_t  *c;

    if (p->next == p->value.n) {
        return PHR_DONE;
    }

    rc = phr_points_reserve(p, p->grid.n, ev->nhists != 0, 0, 0);
    if (rc < 0) {
        return rc;
    }

    c = &p->value.cols[p->next++];
    p->h = NULL;

    for (i = 0, n = 0; i < p->grid.n; i++) {
        if (phr_col_has(c, i)) {
            p->t_buf[n] = phr_grid_time(&p->grid, i);
            p->v_buf[n++] = c->v[i];

            if (ev->nhists != 0) {
                rc = phr_points_hist(ev, p, n - 1, c->v[i]);
                if (rc < 0) {
                    return rc;
                }
            }
        }
    }

    p->labels = c->labels;
    p->drop_name = c->drop_name;
    p->t_ms = p->t_buf;
    p->v = p->v_buf;
    p->n = n;

    return PHR_OK;
}


/*
 * A subquery may pass over samples, or see one twice: what a histogram tells
 * of the sample before it does not hold here.
 */
static int
phr_points_hist(phr_eval_t *ev, phr_points_t *p, size_t n, double v)
{
    phr_hist_t        *copy;
    const phr_hist_t  *h;

    h = phr_eval_hist(ev, v);

    if (h != NULL) {
        if (h->hint == PHR_HIST_RESET || h->hint == PHR_HIST_NO_RESET) {
            copy = phr_arena_alloc(ev->arena, sizeof(phr_hist_t));
            if (copy == NULL) {
                return phr_eval_nomem(ev);
            }

            *copy = *h;
            copy->hint = PHR_HIST_RESET_UNKNOWN;
            h = copy;
        }

        p->v_buf[n] = h->sum;
        p->h = p->h_buf;
    }

    p->h_buf[n] = h;

    return PHR_OK;
}


/* for n points; those of a subquery are as many as the query wants */
static int
phr_points_reserve(phr_points_t *p, size_t n, int h, int st, int w)
{
    int     rc;
    char   *at;
    size_t  each, bytes;

    /* whatever it is, it has eight bytes at most */

    each = n * sizeof(int64_t);
    bytes = each * (size_t) (2 + h + st + w);

    if (bytes > p->nroom) {
        phr_points_close(p);

        rc = phr_arena_take(p->arena, bytes);
        if (rc != PHR_OK) {
            return rc;
        }

        p->nroom = bytes;

        p->room = phr_malloc(bytes);
        if (p->room == NULL) {
            return PHR_ENOMEM;
        }
    }

    at = p->room;
    p->t_buf = (int64_t *) (void *) at;
    p->v_buf = (double *) (void *) (at += each);
    p->h_buf = h ? (void *) (at += each) : NULL;
    p->st_buf = st ? (void *) (at += each) : NULL;
    p->w_buf = w ? (void *) (at += each) : NULL;

    return PHR_OK;
}


void
phr_points_close(phr_points_t *p)
{
    if (p->nroom == 0) {
        return;
    }

    phr_free(p->room);
    phr_arena_give(p->arena, p->nroom);

    p->room = NULL;
    p->nroom = 0;
}
