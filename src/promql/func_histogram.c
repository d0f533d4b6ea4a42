/*
 * Copyright (C) The Pharos Authors
 *
 * Functions of classic histograms, whose buckets are series with an upper
 * bound in the label "le".
 */

#include "promql/func.h"

#include <math.h>

#include "core/number.h"
#include "promql/classic.h"


static int phr_native_numbers(phr_eval_t *ev, const phr_node_t *arg,
    const phr_grid_t *g, const phr_column_t *c, const double *q,
    const double *lower, const double *upper, double *v);
static int phr_native_columns(phr_eval_t *ev, const phr_node_t *arg,
    const phr_grid_t *g, const phr_classics_t *h, const double *q,
    const double *lower, const double *upper, phr_value_t *out);
static int phr_classic_label(phr_eval_t *ev, const phr_node_t *call,
    const phr_grid_t *g, const double *q, phr_labels_t from, const double *v,
    phr_collect_t *collect);
static int phr_classic_quantile(phr_eval_t *ev, const phr_node_t *arg,
    const phr_grid_t *g, phr_classics_t *h, const phr_classic_t *hist,
    const double *q, double *v);
static int phr_classic_check_quantile(phr_eval_t *ev, const phr_node_t *arg,
    const phr_grid_t *g, const double *q);


int
phr_fn_histogram_quantile(PHR_FN_PARAMS)
{
    int              rc;
    double          *q, *v;
    size_t           i;
    phr_classics_t   h;

    rc = phr_eval_scalar(ev, phr_fn_arg(call, 0), g, &q);
    if (rc == PHR_OK) {
        rc = phr_classic_check_quantile(ev, phr_fn_arg(call, 0), g, q);
    }

    if (rc == PHR_OK) {
        rc = phr_classics_collect(ev, phr_fn_arg(call, 1), g, &h);
    }

    if (rc == PHR_OK) {
        rc = phr_native_columns(ev, phr_fn_arg(call, 1), g, &h, q, NULL,
                                NULL, out);
    }

    if (rc < 0) {
        return rc;
    }

    for (i = 0; i < h.n; i++) {
        v = phr_value_push_new(out, ev->arena, h.hists[i].labels, g->n,
                               1);
        if (v == NULL) {
            return phr_eval_nomem(ev);
        }

        rc = phr_classic_quantile(ev, phr_fn_arg(call, 1), g, &h, &h.hists[i],
                               q, v);
        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


/* the number as OpenMetrics writes it: "1.0", not "1" */
static int
phr_classic_quantile_text(phr_eval_t *ev, double q, phr_str_t *out)
{
    char    buf[PHR_NUMBER_LEN + 2];
    size_t  n;

    n = phr_number_write(buf, q);

    if (isfinite(q) && memchr(buf, '.', n) == NULL
        && memchr(buf, 'e', n) == NULL)
    {
        buf[n++] = '.';
        buf[n++] = '0';
    }

    *out = phr_arena_str(ev->arena, phr_str_from(buf, n));

    return out->data == NULL ? phr_eval_nomem(ev) : PHR_OK;
}


int
phr_fn_histogram_quantiles(PHR_FN_PARAMS)
{
    int                   rc;
    double               *q, *v;
    size_t                i, k;
    phr_labels_t          labels;
    phr_collect_t         collect;
    phr_classics_t        h;
    const phr_classic_t  *hist;

    rc = phr_classics_collect(ev, phr_fn_arg(call, 0), g, &h);
    if (rc == PHR_OK) {
        rc = phr_collect_init(&collect, out, ev->arena, g->n, h.n);
    }

    for (k = 2; rc == PHR_OK && k < call->u.call.nargs; k++) {
        rc = phr_eval_scalar(ev, phr_fn_arg(call, k), g, &q);
        if (rc == PHR_OK) {
            rc = phr_classic_check_quantile(ev, phr_fn_arg(call, k), g, q);
        }

        for (i = 0; rc == PHR_OK && i < h.native.n + h.n; i++) {
            v = phr_col_create(ev->arena, g->n);
            if (v == NULL) {
                return phr_eval_nomem(ev);
            }

            if (i < h.native.n) {
                labels = h.native.cols[i].labels;
                rc = phr_native_numbers(ev, phr_fn_arg(call, 0), g,
                                        &h.native.cols[i], q, NULL, NULL, v);

            } else {
                hist = &h.hists[i - h.native.n];
                labels = hist->labels;
                rc = phr_classic_quantile(ev, phr_fn_arg(call, 0), g, &h,
                                          hist, q, v);
            }

            if (rc == PHR_OK) {
                rc = phr_classic_label(ev, call, g, q, labels, v, &collect);
            }
        }
    }

    return rc;
}


/* samples with their quantile as a label, which may change from step to step */
static int
phr_classic_label(phr_eval_t *ev, const phr_node_t *call,
    const phr_grid_t *g, const double *q, phr_labels_t from, const double *v,
    phr_collect_t *collect)
{
    int                   rc;
    size_t                step;
    phr_str_t             text;
    phr_labels_t          labels;
    phr_labels_builder_t  b;

    for (step = 0; step < g->n; step++) {
        if (phr_is_stale(v[step])) {
            continue;
        }

        rc = phr_classic_quantile_text(ev, q[step], &text);
        if (rc < 0) {
            return rc;
        }

        phr_labels_builder_init(&b, ev->arena, from);
        phr_labels_builder_set(&b, phr_fn_string(call, 1), text);

        rc = phr_labels_build(&b, &labels);
        if (rc == PHR_OK) {
            rc = phr_collect_sample(collect, labels, step, v[step], 1,
                                    ev->err);
        }

        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


int
phr_fn_histogram_fraction(PHR_FN_PARAMS)
{
    int              rc;
    double          *lower, *upper, *v;
    size_t           i, n, step;
    phr_classics_t   h;

    rc = phr_eval_scalar(ev, phr_fn_arg(call, 0), g, &lower);
    if (rc == PHR_OK) {
        rc = phr_eval_scalar(ev, phr_fn_arg(call, 1), g, &upper);
    }

    if (rc == PHR_OK) {
        rc = phr_classics_collect(ev, phr_fn_arg(call, 2), g, &h);
    }

    if (rc == PHR_OK) {
        rc = phr_native_columns(ev, phr_fn_arg(call, 2), g, &h, NULL, lower,
                                upper, out);
    }

    if (rc < 0) {
        return rc;
    }

    for (i = 0; i < h.n; i++) {
        v = phr_value_push_new(out, ev->arena, h.hists[i].labels, g->n,
                               1);
        if (v == NULL) {
            return phr_eval_nomem(ev);
        }

        for (step = 0; step < g->n; step++) {
            n = phr_classic_gather(&h, &h.hists[i], step);

            if (n != 0) {
                v[step] = phr_bucket_fraction(lower[step], upper[step],
                                              h.buckets, n);
            }
        }

        rc = phr_eval_poll(ev);
        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


/* a number of each native histogram, nothing of floats */
static int
phr_classic_map(PHR_FN_PARAMS,
    int (*f)(phr_eval_t *ev, const phr_hist_t *h, double *v))
{
    int                rc, resets;
    size_t             i, step;
    phr_column_t      *c;
    const phr_hist_t  *h;

    resets = ev->resets;
    ev->resets = resets == 0 ? 1 : resets;
    rc = phr_eval_node(ev, phr_fn_arg(call, 0), g, out);
    ev->resets = resets;

    if (rc < 0 || ev->nhists == 0) {
        out->n = 0;
        return rc;
    }

    for (i = 0; i < out->n; i++) {
        c = &out->cols[i];
        c->drop_name = 1;

        for (step = 0; step < g->n; step++) {
            h = phr_eval_hist(ev, c->v[step]);

            if (h == NULL) {
                phr_col_clear(c, step);
                continue;
            }

            rc = f(ev, h, &c->v[step]);
            if (rc < 0) {
                return rc;
            }
        }

        rc = phr_eval_poll(ev);
        if (rc < 0) {
            return rc;
        }
    }

    phr_value_compact(out, g->n);

    return PHR_OK;
}


static int
phr_native_get_count(phr_eval_t *ev, const phr_hist_t *h, double *v)
{
    *v = h->count;

    return PHR_OK;
}


static int
phr_native_get_sum(phr_eval_t *ev, const phr_hist_t *h, double *v)
{
    *v = h->sum;

    return PHR_OK;
}


static int
phr_native_get_avg(phr_eval_t *ev, const phr_hist_t *h, double *v)
{
    *v = h->sum / h->count;

    return PHR_OK;
}


static int
phr_native_get_stdvar(phr_eval_t *ev, const phr_hist_t *h, double *v)
{
    return phr_native_variance(&ev->room, h, v);
}


static int
phr_native_get_stddev(phr_eval_t *ev, const phr_hist_t *h, double *v)
{
    int  rc;

    rc = phr_native_variance(&ev->room, h, v);
    *v = sqrt(*v);

    return rc;
}


int
phr_fn_histogram_count(PHR_FN_PARAMS)
{
    return phr_classic_map(ev, call, g, out, phr_native_get_count);
}


int
phr_fn_histogram_sum(PHR_FN_PARAMS)
{
    return phr_classic_map(ev, call, g, out, phr_native_get_sum);
}


int
phr_fn_histogram_avg(PHR_FN_PARAMS)
{
    return phr_classic_map(ev, call, g, out, phr_native_get_avg);
}


int
phr_fn_histogram_stddev(PHR_FN_PARAMS)
{
    return phr_classic_map(ev, call, g, out, phr_native_get_stddev);
}


int
phr_fn_histogram_stdvar(PHR_FN_PARAMS)
{
    return phr_classic_map(ev, call, g, out, phr_native_get_stdvar);
}


/* q: quantiles; else the fractions between lower and upper, by step */
static int
phr_native_numbers(phr_eval_t *ev, const phr_node_t *arg,
    const phr_grid_t *g, const phr_column_t *c, const double *q,
    const double *lower, const double *upper, double *v)
{
    int                rc;
    size_t             step;
    unsigned           what;
    phr_str_t          name;
    phr_native_note_e  note;

    name = phr_labels_get(c->labels, phr_str_of(PHR_METRIC_NAME));

    for (step = 0; step < g->n; step++) {
        if (!phr_col_has(c, step)) {
            continue;
        }

        if (q != NULL) {
            rc = phr_native_quantile(&ev->room,
                                     phr_eval_hist(ev, c->v[step]), q[step],
                                     &v[step], &what);
            note = what & PHR_NATIVE_NAN_RESULT ? PHR_NATIVE_NOTE_NAN_RESULT
                                                : PHR_NATIVE_NOTE_NAN_SKEW;

        } else {
            rc = phr_native_fraction(&ev->room,
                                     phr_eval_hist(ev, c->v[step]),
                                     lower[step], upper[step], &v[step],
                                     &what);
            note = PHR_NATIVE_NOTE_NAN_FRACTION;
        }

        if (rc == PHR_OK && what != 0) {
            rc = phr_eval_native_note(ev, note, arg->start, name);
        }

        if (rc < 0) {
            return rc;
        }
    }

    return phr_eval_poll(ev);
}


/* the same for all native histograms, as columns of out */
static int
phr_native_columns(phr_eval_t *ev, const phr_node_t *arg,
    const phr_grid_t *g, const phr_classics_t *h, const double *q,
    const double *lower, const double *upper, phr_value_t *out)
{
    int      rc;
    double  *v;
    size_t   i;

    for (i = 0; i < h->native.n; i++) {
        v = phr_value_push_new(out, ev->arena, h->native.cols[i].labels,
                               g->n, 1);
        if (v == NULL) {
            return phr_eval_nomem(ev);
        }

        rc = phr_native_numbers(ev, arg, g, &h->native.cols[i], q, lower,
                                upper, v);
        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


static int
phr_classic_quantile(phr_eval_t *ev, const phr_node_t *arg, const phr_grid_t *g,
    phr_classics_t *h, const phr_classic_t *hist, const double *q, double *v)
{
    int              rc;
    size_t           n, step;
    phr_monotonic_t  m;

    for (step = 0; step < g->n; step++) {
        n = phr_classic_gather(h, hist, step);

        if (n == 0) {
            continue;
        }

        m.count = 0;
        v[step] = phr_bucket_quantile(q[step], h->buckets, n, &m);

        if (m.count == 0) {
            continue;
        }

        m.min_ms = phr_grid_time(g, step);
        m.max_ms = m.min_ms;

        rc = phr_annotate_monotonic(&ev->notes, ev->arena, arg->start,
                                    phr_labels_get(hist->labels,
                                        phr_str_of(PHR_METRIC_NAME)), &m);
        if (rc < 0) {
            return rc;
        }
    }

    return phr_eval_poll(ev);
}


static int
phr_classic_check_quantile(phr_eval_t *ev, const phr_node_t *arg,
    const phr_grid_t *g, const double *q)
{
    int     rc;
    char    buf[PHR_NOTE_NUMBER];
    size_t  step;

    for (step = 0; step < g->n; step++) {
        if (q[step] >= 0 && q[step] <= 1) {
            continue;
        }

        if (step > 0 && phr_double_bits(q[step])
                        == phr_double_bits(q[step - 1]))
        {
            continue;
        }

        rc = phr_annotate(&ev->notes, ev->arena, PHR_NOTE_WARNING,
                          arg->start, "PromQL warning: quantile value should "
                          "be between 0 and 1, got %s",
                          phr_annotate_number(buf, q[step]));
        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}
