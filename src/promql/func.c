/*
 * Copyright (C) The Pharos Authors
 *
 * Functions: the table that calls them, and the loops that families share:
 * over every sample of a vector, and over every window of a range.
 */

#include "promql/func.h"

#include <math.h>

#include "core/alloc.h"


static int phr_fn_scalars(phr_eval_t *ev, const phr_node_t *call,
    const phr_grid_t *g, const phr_node_t **range, double *args[2]);
static int phr_fn_modifier(phr_window_t *w, const phr_range_fn_t *fn);
static int phr_fn_series(phr_window_t *w, const phr_points_t *p,
    const phr_grid_t *g, const phr_range_fn_t *fn, double *args[2],
    double **v, size_t *n);
static int phr_fn_slide(phr_window_t *w, size_t n, const phr_grid_t *g,
    const phr_range_fn_t *fn, double *args[2], double *v);
static int phr_fn_emit(phr_eval_t *ev, phr_sink_t *sink, phr_value_t *out,
    phr_labels_t labels, double **v, int drop_name);
static void phr_fn_widen(phr_window_t *w);
static int phr_fn_find_resets(phr_window_t *w, size_t n);
static int phr_fn_not_counter(phr_window_t *w);


static phr_fn_t  *phr_functions[] = {
#define PHR_FUNCTION(name, impl, args, variadic, returns, experimental)       \
    phr_fn_##impl,
#include "promql/function_list.h"
};


int
phr_fn_call(PHR_FN_PARAMS)
{
    return phr_functions[call->u.call.func->id](ev, call, g, out);
}


const phr_node_t *
phr_fn_arg(const phr_node_t *call, size_t i)
{
    return i < call->u.call.nargs ? phr_ast_unparen(call->u.call.args[i])
                                  : NULL;
}


phr_str_t
phr_fn_string(const phr_node_t *call, size_t i)
{
    return phr_fn_arg(call, i)->u.string.value;
}


int
phr_fn_floats(phr_eval_t *ev, const phr_node_t *arg, const phr_grid_t *g,
    phr_value_t *out)
{
    int  rc;

    rc = phr_eval_node(ev, arg, g, out);

    if (rc == PHR_OK && ev->nhists != 0) {
        phr_eval_drop_all_hists(ev, out, g->n);
    }

    return rc;
}


int
phr_fn_map(PHR_FN_PARAMS, double (*f)(double))
{
    int            rc;
    size_t         i, j;
    phr_column_t  *c;

    rc = phr_fn_floats(ev, phr_fn_arg(call, 0), g, out);
    if (rc < 0) {
        return rc;
    }

    for (i = 0; i < out->n; i++) {
        c = &out->cols[i];
        c->drop_name = 1;

        for (j = 0; j < g->n; j++) {
            if (phr_col_has(c, j)) {
                c->v[j] = f(c->v[j]);
            }
        }

        rc = phr_eval_poll(ev);
        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


int
phr_fn_no_labels(phr_eval_t *ev, double *v, phr_type_e type,
    phr_value_t *out)
{
    static const phr_labels_t  none;

    phr_value_init(out);
    out->type = type;

    if (phr_value_push(out, ev->arena, none, v, 0) == NULL) {
        return phr_eval_nomem(ev);
    }

    return PHR_OK;
}


int
phr_fn_constant(phr_eval_t *ev, const phr_grid_t *g, double number,
    phr_value_t *out)
{
    size_t   i;
    double  *v;

    v = phr_col_create(ev->arena, g->n);
    if (v == NULL) {
        return phr_eval_nomem(ev);
    }

    for (i = 0; i < g->n; i++) {
        v[i] = number;
    }

    return phr_fn_no_labels(ev, v, PHR_TYPE_SCALAR, out);
}


double
phr_fn_max(double a, double b)
{
    if ((isinf(a) && a > 0) || (isinf(b) && b > 0)) {
        return INFINITY;
    }

    if (isnan(a) || isnan(b)) {
        return NAN;
    }

    if (a == 0 && b == 0) {
        return signbit(a) ? b : a;
    }

    return a > b ? a : b;
}


double
phr_fn_min(double a, double b)
{
    if ((isinf(a) && a < 0) || (isinf(b) && b < 0)) {
        return -INFINITY;
    }

    if (isnan(a) || isnan(b)) {
        return NAN;
    }

    if (a == 0 && b == 0) {
        return signbit(a) ? a : b;
    }

    return a < b ? a : b;
}


int
phr_fn_windows(PHR_FN_PARAMS, const phr_range_fn_t *fn)
{
    int            rc;
    double        *args[2], *v;
    size_t         n;
    uint64_t       held;
    phr_sink_t    *sink;
    phr_points_t   p;
    phr_window_t   w;

    sink = phr_eval_take_sink(ev);

    memset(&w, 0, sizeof(w));
    memset(&p, 0, sizeof(p));
    w.ev = ev;
    w.call = call;

    rc = phr_fn_scalars(ev, call, g, &w.range, args);
    if (rc == PHR_OK) {
        rc = phr_fn_modifier(&w, fn);
    }

    if (rc < 0) {
        return rc;
    }

    phr_value_init(out);
    v = NULL;
    held = 0;

    if (w.range->kind == PHR_NODE_MATRIX) {
        ev->func = phr_str_from_c(call->u.call.func->name);
        ev->starts = ev->query->start_times && fn->starts
                     && !(fn->counter && (w.anchored || w.smoothed));
    }

    rc = phr_points_open(ev, w.range, g, &p);
    ev->func = phr_str_of("");
    ev->starts = 0;

    while (rc == PHR_OK) {
        rc = phr_points_next(ev, &p);
        if (rc != PHR_OK) {
            break;
        }

        rc = phr_fn_series(&w, &p, g, fn, args, &v, &n);
        if (rc < 0 || n == 0) {
            continue;
        }

        held += n;

        rc = phr_eval_hold(ev, held);
        if (rc == PHR_OK) {
            rc = phr_fn_emit(ev, sink, out, p.labels, &v,
                             p.drop_name || !fn->keep_name);
        }
    }

    if (sink != NULL) {
        ev->held += held;
    }

    phr_points_close(&p);
    phr_free(w.resets);
    phr_free(w.sorted);
    phr_rate_steps_free(w.steps);
    phr_window_native_free(&w);

    return rc < 0 ? rc : PHR_OK;
}


/* to the sink, or to the end of out; *v is NULL if it was kept */
static int
phr_fn_emit(phr_eval_t *ev, phr_sink_t *sink, phr_value_t *out,
    phr_labels_t labels, double **v, int drop_name)
{
    int  rc;

    if (sink != NULL) {
        rc = sink->column(sink, labels, *v, drop_name);
        if (rc == PHR_AGAIN) {
            return PHR_OK;
        }

    } else {
        rc = phr_value_push(out, ev->arena, labels, *v, drop_name) == NULL
             ? phr_eval_nomem(ev) : PHR_OK;
    }

    *v = NULL;

    return rc;
}


/* the column of one series, made in *v, and how many samples it has */
static int
phr_fn_series(phr_window_t *w, const phr_points_t *p, const phr_grid_t *g,
    const phr_range_fn_t *fn, double *args[2], double **v, size_t *n)
{
    int  rc;

    *n = 0;

    if (p->n == 0) {
        return PHR_OK;
    }

    if (*v == NULL) {
        *v = phr_col_create(w->ev->arena, g->n);
        if (*v == NULL) {
            return phr_eval_nomem(w->ev);
        }
    }

    w->labels = p->labels;
    w->t_ms = p->t_ms;
    w->st_ms = p->st_ms;
    w->v = p->v;
    w->h = p->h;
    w->n = p->n;
    w->weight = p->w;
    w->parts = p->parts;
    w->nparts = p->nparts;
    w->any_float = p->h == NULL;

    if (w->windowless) {
        phr_window_fit(w, fn);
    }

    rc = PHR_OK;

    if (p->h != NULL) {
        rc = phr_window_native_init(w);

    } else if (fn->resets) {
        rc = phr_fn_find_resets(w, p->n);
    }

    if (rc == PHR_OK) {
        rc = phr_rate_steps(w, g, fn, *v);

        if (rc == PHR_DONE) {
            rc = phr_fn_slide(w, p->n, g, fn, args, *v);
        }
    }

    if (rc < 0) {
        return rc;
    }

    *n = phr_col_count(*v, g->n);

    return *n != 0 && fn->counter && w->any_float ? phr_fn_not_counter(w)
                                                  : PHR_OK;
}


/* slides a window over the n samples of a series, step by step */
static int
phr_fn_slide(phr_window_t *w, size_t n, const phr_grid_t *g,
    const phr_range_fn_t *fn, double *args[2], double *v)
{
    int       rc;
    size_t    i;
    uint64_t  held, largest;

    w->lo = 0;
    w->hi = 0;
    w->reset = 0;
    w->overlap = 0;
    w->whole.known = 0;
    largest = 0;

    for (i = 0; i < g->n; i++) {
        v[i] = phr_no_sample();

        phr_window_move(w, g, i, n);

        if (w->lo >= w->hi) {
            continue;
        }

        while (w->reset < w->nresets && w->resets[w->reset] <= w->lo) {
            w->reset++;
        }

        w->args[0] = args[0] ? args[0][i] : 0;
        w->args[1] = args[1] ? args[1][i] : 0;

        v[i] = w->h == NULL ? fn->kernel(w) : phr_window_native(w, fn);

        if (fn->grows && w->width_ms != w->range_ms && !phr_is_signaling(v[i]))
        {
            v[i] *= (double) w->range_ms / (double) w->width_ms;
        }

        if (w->rc < 0) {
            return w->rc;
        }

        held = phr_native_samples_of(w->h, w->lo, w->hi);
        phr_eval_read(w->ev, i, held);
        largest = phr_max(largest, held);

        rc = phr_eval_poll_after(w->ev, PHR_EVAL_STEP + held);
        if (rc < 0) {
            return rc;
        }
    }

    return phr_eval_hold(w->ev, largest);
}


int64_t
phr_window_end(const phr_window_t *w, const phr_grid_t *g, size_t step)
{
    const phr_plan_t  *p;

    p = phr_plan_of(w->ev, w->range->kind == PHR_NODE_SUBQUERY
                           ? w->range : w->range->u.matrix.selector);

    return phr_time_sub(p->has_at ? p->at_ms : phr_grid_time(g, step),
                        p->offset_ms);
}


void
phr_window_move(phr_window_t *w, const phr_grid_t *g, size_t step, size_t n)
{
    int64_t  min, max;

    w->ts_ms = phr_grid_time(g, step);
    w->end_ms = phr_window_end(w, g, step);
    w->start_ms = phr_time_sub(w->end_ms, w->range_ms);
    w->width_ms = w->range_ms;

    if (w->nparts > 0) {
        phr_fn_widen(w);
    }

    min = w->start_ms;
    max = w->end_ms;

    if (w->anchored || w->smoothed) {
        min = phr_time_sub(min, w->ev->query->lookback_ms);
    }

    if (w->smoothed) {
        max = phr_time_add(max, w->ev->query->lookback_ms);
    }

    while (w->hi < n && w->t_ms[w->hi] <= max) {
        w->hi++;
    }

    while (w->lo < w->hi && w->t_ms[w->lo] <= min) {
        w->lo++;
    }
}


/*
 * Where samples are coarse, the range becomes one of whole steps of theirs
 * that is not smaller and ends no later: what the result then says is as
 * exact as if all samples were there.
 */
static void
phr_fn_widen(phr_window_t *w)
{
    size_t   i;
    int64_t  end_ms, wide_ms, res_ms;

    end_ms = phr_part_floor(w->parts, w->nparts, w->end_ms);
    wide_ms = w->range_ms;

    for (i = 0; i < w->nparts; i++) {
        if (w->end_ms <= w->parts[i].to_ms) {
            res_ms = w->parts[i].res_ms;
            wide_ms = (wide_ms + res_ms - 1) / res_ms * res_ms;
            break;
        }
    }

    w->end_ms = end_ms;
    w->start_ms = phr_part_floor(w->parts, w->nparts,
                                 phr_time_sub(end_ms, wide_ms));
    w->width_ms = w->end_ms - w->start_ms;
}


double
phr_window_count(const phr_window_t *w)
{
    size_t  i;
    double  n;

    if (w->weight == NULL) {
        return (double) (w->hi - w->lo);
    }

    n = 0;

    for (i = w->lo; i < w->hi; i++) {
        n += w->weight[i];
    }

    return n;
}


static int
phr_fn_find_resets(phr_window_t *w, size_t n)
{
    size_t  i, *resets;

    w->nresets = 0;

    for (i = 1; i < n; i++) {
        if (!(w->v[i] < w->v[i - 1])
            && (w->st_ms == NULL || !phr_rate_restarts(w, i)))
        {
            continue;
        }

        if (w->nresets == w->nalloc) {
            resets = phr_realloc(w->resets,
                                 (w->nalloc * 2 + 16) * sizeof(size_t));
            if (resets == NULL) {
                return PHR_ENOMEM;
            }

            w->resets = resets;
            w->nalloc = w->nalloc * 2 + 16;
        }

        w->resets[w->nresets++] = i;
    }

    return PHR_OK;
}


/* the range and the values of the other arguments */
static int
phr_fn_scalars(phr_eval_t *ev, const phr_node_t *call, const phr_grid_t *g,
    const phr_node_t **range, double *args[2])
{
    int                rc;
    size_t             i, n;
    const phr_node_t  *arg;

    args[0] = NULL;
    args[1] = NULL;
    n = 0;

    for (i = 0; (arg = phr_fn_arg(call, i)) != NULL; i++) {

        if (arg->type == PHR_TYPE_MATRIX) {
            *range = arg;
            continue;
        }

        phr_assert(n < 2);

        rc = phr_eval_scalar(ev, arg, g, &args[n++]);
        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


static int
phr_fn_modifier(phr_window_t *w, const phr_range_fn_t *fn)
{
    const char                 *name;
    const phr_node_selector_t  *s;

    w->range_ms = phr_plan_of(w->ev, w->range)->range_ms;

    if (phr_plan_of(w->ev, w->range)->window_ms != 0) {
        phr_window_default(w, fn);
        return PHR_OK;
    }

    if (w->range->kind != PHR_NODE_MATRIX) {
        return PHR_OK;
    }

    s = &w->range->u.matrix.selector->u.selector;
    name = w->call->u.call.func->name;

    if (s->anchored && !fn->anchored) {
        return phr_err_set(w->ev->err, PHR_EEXEC,
                           "anchored modifier can only be used with: "
                           "changes, delta, increase, rate, resets - "
                           "not with %s", name);
    }

    if (s->smoothed && !fn->smoothed) {
        return phr_err_set(w->ev->err, PHR_EEXEC,
                           "smoothed modifier can only be used with: "
                           "delta, increase, rate - not with %s", name);
    }

    w->anchored = s->anchored ? 1 : 0;
    w->smoothed = s->smoothed ? 1 : 0;

    return PHR_OK;
}


static int
phr_fn_not_counter(phr_window_t *w)
{
    size_t     i;
    phr_str_t  name;

    static const phr_str_t  suffixes[] = {
        phr_str("_total"), phr_str("_sum"), phr_str("_count"),
        phr_str("_bucket")
    };

    name = phr_labels_get(w->labels, phr_str_of(PHR_METRIC_NAME));

    for (i = 0; i < phr_nelems(suffixes); i++) {
        if (name.len >= suffixes[i].len
            && memcmp(name.data + name.len - suffixes[i].len,
                      suffixes[i].data, suffixes[i].len) == 0)
        {
            return PHR_OK;
        }
    }

    if (name.len == 0) {
        return PHR_OK;
    }

    return phr_annotate(&w->ev->notes, w->ev->arena, PHR_NOTE_INFO,
                        phr_fn_arg(w->call, 0)->start,
                        "PromQL info: metric might not be a counter, name "
                        "does not end in _total/_sum/_count/_bucket: "
                        "\"%.*s\"", (int) name.len, name.data);
}


double *
phr_window_copy(phr_window_t *w)
{
    size_t   n;
    double  *sorted;

    n = w->hi - w->lo;

    if (n > w->nsorted) {
        sorted = phr_realloc(w->sorted, n * 2 * sizeof(double));
        if (sorted == NULL) {
            w->rc = PHR_ENOMEM;
            return NULL;
        }

        w->sorted = sorted;
        w->nsorted = n * 2;
    }

    memcpy(w->sorted, &w->v[w->lo], n * sizeof(double));

    return w->sorted;
}
