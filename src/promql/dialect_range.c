/*
 * Copyright (C) The Pharos Authors
 *
 * Functions of MetricsQL that look at all steps of a series at once:
 * range_*() make one number or one curve of them, running_*() go on from
 * step to step, others fill gaps.  NaN is a gap here, as MetricsQL has it.
 */

#include "promql/func.h"

#include <math.h>

#include "promql/stats.h"


/* one series: n steps, and room for as many numbers without the gaps */
typedef struct {
    double            *v;
    size_t             n;
    double            *values;
    size_t             nvalues;
    double             arg;         /* the scalar, as of the first step */
    const double      *args;        /* the scalar, by step */
    const phr_grid_t  *g;
} phr_whole_t;

typedef void (*phr_whole_pt)(phr_whole_t *w);
typedef double (*phr_whole_one_pt)(phr_whole_t *w);


static int phr_fn_whole(PHR_FN_PARAMS, phr_whole_pt f, phr_whole_one_pt one,
    int drop_name);
static double phr_whole_sum(phr_whole_t *w);
static double phr_whole_avg(phr_whole_t *w);
static double phr_whole_max(phr_whole_t *w);
static double phr_whole_min(phr_whole_t *w);
static double phr_whole_first(phr_whole_t *w);
static double phr_whole_last(phr_whole_t *w);
static double phr_whole_median(phr_whole_t *w);
static double phr_whole_quantile(phr_whole_t *w);
static double phr_whole_stdvar(phr_whole_t *w);
static double phr_whole_stddev(phr_whole_t *w);
static double phr_whole_mad(phr_whole_t *w);
static void phr_whole_normalize(phr_whole_t *w);
static void phr_whole_zscore(phr_whole_t *w);
static void phr_whole_trim_zscore(phr_whole_t *w);
static void phr_whole_trim_outliers(phr_whole_t *w);
static void phr_whole_trim_spikes(phr_whole_t *w);
static void phr_whole_regression(phr_whole_t *w);
static void phr_whole_running_sum(phr_whole_t *w);
static void phr_whole_running_avg(phr_whole_t *w);
static void phr_whole_running_max(phr_whole_t *w);
static void phr_whole_running_min(phr_whole_t *w);
static void phr_whole_interpolate(phr_whole_t *w);
static void phr_whole_keep_last(phr_whole_t *w);
static void phr_whole_keep_next(phr_whole_t *w);
static void phr_whole_remove_resets(phr_whole_t *w);
static void phr_whole_smooth(phr_whole_t *w);


#define PHR_WHOLE_ONE(name, one, drop_name)                                   \
int                                                                           \
phr_fn_##name(PHR_FN_PARAMS)                                                  \
{                                                                             \
    return phr_fn_whole(ev, call, g, out, NULL, one, drop_name);              \
}

#define PHR_WHOLE(name, f, drop_name)                                         \
int                                                                           \
phr_fn_##name(PHR_FN_PARAMS)                                                  \
{                                                                             \
    return phr_fn_whole(ev, call, g, out, f, NULL, drop_name);                \
}

PHR_WHOLE_ONE(range_sum, phr_whole_sum, 1)
PHR_WHOLE_ONE(range_avg, phr_whole_avg, 1)
PHR_WHOLE_ONE(range_max, phr_whole_max, 1)
PHR_WHOLE_ONE(range_min, phr_whole_min, 1)
PHR_WHOLE_ONE(range_first, phr_whole_first, 0)
PHR_WHOLE_ONE(range_last, phr_whole_last, 0)
PHR_WHOLE_ONE(range_median, phr_whole_median, 0)
PHR_WHOLE_ONE(range_quantile, phr_whole_quantile, 0)
PHR_WHOLE_ONE(range_stddev, phr_whole_stddev, 0)
PHR_WHOLE_ONE(range_stdvar, phr_whole_stdvar, 0)
PHR_WHOLE_ONE(range_mad, phr_whole_mad, 0)
PHR_WHOLE(range_normalize, phr_whole_normalize, 0)
PHR_WHOLE(range_zscore, phr_whole_zscore, 0)
PHR_WHOLE(range_trim_zscore, phr_whole_trim_zscore, 0)
PHR_WHOLE(range_trim_outliers, phr_whole_trim_outliers, 0)
PHR_WHOLE(range_trim_spikes, phr_whole_trim_spikes, 0)
PHR_WHOLE(range_linear_regression, phr_whole_regression, 0)
PHR_WHOLE(running_sum, phr_whole_running_sum, 1)
PHR_WHOLE(running_avg, phr_whole_running_avg, 1)
PHR_WHOLE(running_max, phr_whole_running_max, 1)
PHR_WHOLE(running_min, phr_whole_running_min, 1)
PHR_WHOLE(interpolate, phr_whole_interpolate, 0)
PHR_WHOLE(keep_last_value, phr_whole_keep_last, 0)
PHR_WHOLE(keep_next_value, phr_whole_keep_next, 0)
PHR_WHOLE(remove_resets, phr_whole_remove_resets, 0)
PHR_WHOLE(smooth_exponential, phr_whole_smooth, 0)


/* applies either function to each series of the vector among the arguments */
static int
phr_fn_whole(PHR_FN_PARAMS, phr_whole_pt f, phr_whole_one_pt one,
    int drop_name)
{
    int                rc;
    double            *args, v;
    size_t             i, j;
    phr_whole_t        w;
    const phr_node_t  *vector, *scalar;

    memset(&w, 0, sizeof(w));
    w.g = g;
    w.n = g->n;

    vector = phr_fn_arg(call, 0);
    scalar = phr_fn_arg(call, 1);

    if (vector->type == PHR_TYPE_SCALAR) {
        vector = scalar;
        scalar = phr_fn_arg(call, 0);
    }

    if (scalar != NULL) {
        rc = phr_eval_scalar(ev, scalar, g, &args);
        if (rc < 0) {
            return rc;
        }

        w.args = args;
        w.arg = g->n == 0 ? 0 : args[0];
    }

    rc = phr_fn_floats(ev, vector, g, out);
    if (rc < 0) {
        return rc;
    }

    w.values = phr_arena_alloc(ev->arena, (g->n + 1) * sizeof(double));
    if (w.values == NULL) {
        return phr_eval_nomem(ev);
    }

    for (i = 0; i < out->n; i++) {
        out->cols[i].drop_name |= drop_name;
        w.v = out->cols[i].v;
        w.nvalues = 0;

        for (j = 0; j < w.n; j++) {
            if (!isnan(w.v[j])) {
                w.values[w.nvalues++] = w.v[j];
            }
        }

        if (w.nvalues == 0) {
            continue;
        }

        if (one == NULL) {
            f(&w);

        } else {
            v = one(&w);

            for (j = 0; j < w.n; j++) {
                w.v[j] = v;
            }
        }

        rc = phr_eval_poll(ev);
        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


static double
phr_whole_sum(phr_whole_t *w)
{
    return phr_kahan_sum(w->values, w->nvalues);
}


static double
phr_whole_avg(phr_whole_t *w)
{
    return phr_whole_sum(w) / (double) w->nvalues;
}


static double
phr_whole_max(phr_whole_t *w)
{
    double  v;
    size_t  i;

    v = w->values[0];

    for (i = 1; i < w->nvalues; i++) {
        v = phr_max(v, w->values[i]);
    }

    return v;
}


static double
phr_whole_min(phr_whole_t *w)
{
    double  v;
    size_t  i;

    v = w->values[0];

    for (i = 1; i < w->nvalues; i++) {
        v = phr_min(v, w->values[i]);
    }

    return v;
}


static double
phr_whole_first(phr_whole_t *w)
{
    return w->values[0];
}


static double
phr_whole_last(phr_whole_t *w)
{
    return w->values[w->nvalues - 1];
}


static double
phr_whole_median(phr_whole_t *w)
{
    return phr_quantile(0.5, w->values, w->nvalues);
}


static double
phr_whole_quantile(phr_whole_t *w)
{
    return phr_quantile(w->arg, w->values, w->nvalues);
}


static double
phr_whole_stdvar(phr_whole_t *w)
{
    double  avg, delta, q;
    size_t  i;

    avg = 0;
    q = 0;

    for (i = 0; i < w->nvalues; i++) {
        delta = w->values[i] - avg;
        avg += delta / (double) (i + 1);
        q += delta * (w->values[i] - avg);
    }

    return q / (double) w->nvalues;
}


static double
phr_whole_stddev(phr_whole_t *w)
{
    return sqrt(phr_whole_stdvar(w));
}


/* the values become their distances from the median */
static double
phr_whole_mad(phr_whole_t *w)
{
    return phr_stats_mad(w->values, w->nvalues);
}


/* to 0 .. 1; what is not finite, or all the same, is left as it is */
static void
phr_whole_normalize(phr_whole_t *w)
{
    double  min, max;
    size_t  i;

    min = phr_whole_min(w);
    max = phr_whole_max(w);

    if (!isfinite(max - min)) {
        return;
    }

    for (i = 0; i < w->n; i++) {
        if (!isnan(w->v[i])) {
            w->v[i] = (w->v[i] - min) / (max - min);
        }
    }
}


static void
phr_whole_zscore(phr_whole_t *w)
{
    double  avg, stddev;
    size_t  i;

    avg = phr_whole_avg(w);
    stddev = phr_whole_stddev(w);

    for (i = 0; i < w->n; i++) {
        if (!isnan(w->v[i])) {
            w->v[i] = (w->v[i] - avg) / stddev;
        }
    }
}


static void
phr_whole_trim_zscore(phr_whole_t *w)
{
    double  avg, stddev;
    size_t  i;

    avg = phr_whole_avg(w);
    stddev = phr_whole_stddev(w);

    for (i = 0; i < w->n; i++) {
        if (fabs(w->v[i] - avg) / stddev > fabs(w->arg)) {
            w->v[i] = phr_no_sample();
        }
    }
}


static void
phr_whole_trim_outliers(phr_whole_t *w)
{
    double  median, most;
    size_t  i;

    median = phr_whole_median(w);
    most = w->arg * phr_whole_mad(w);

    for (i = 0; i < w->n; i++) {
        if (fabs(w->v[i] - median) > most) {
            w->v[i] = phr_no_sample();
        }
    }
}


/* half of the share at either end */
static void
phr_whole_trim_spikes(phr_whole_t *w)
{
    double  min, max;
    size_t  i;

    min = phr_quantile(w->arg / 2, w->values, w->nvalues);
    max = phr_quantile(1 - w->arg / 2, w->values, w->nvalues);

    for (i = 0; i < w->n; i++) {
        if (w->v[i] > max || w->v[i] < min) {
            w->v[i] = phr_no_sample();
        }
    }
}


/* the line of least squares, at every step */
static void
phr_whole_regression(phr_whole_t *w)
{
    double  x, n, sum_x, sum_y, sum_xy, sum_x2, slope, intercept;
    size_t  i;

    n = (double) w->nvalues;
    sum_x = sum_y = sum_xy = sum_x2 = 0;

    for (i = 0; i < w->n; i++) {
        if (!isnan(w->v[i])) {
            x = (double) i;
            sum_x += x;
            sum_y += w->v[i];
            sum_xy += x * w->v[i];
            sum_x2 += x * x;
        }
    }

    slope = w->nvalues < 2 ? 0
            : (sum_xy - sum_x * sum_y / n) / (sum_x2 - sum_x * sum_x / n);
    intercept = sum_y / n - slope * sum_x / n;

    for (i = 0; i < w->n; i++) {
        w->v[i] = intercept + slope * (double) i;
    }
}


/* from the first value on there are no gaps */
static void
phr_whole_running_sum(phr_whole_t *w)
{
    double  sum;
    size_t  i;

    sum = phr_no_sample();

    for (i = 0; i < w->n; i++) {
        if (!isnan(w->v[i])) {
            sum = isnan(sum) ? w->v[i] : sum + w->v[i];
        }

        w->v[i] = sum;
    }
}


static void
phr_whole_running_avg(phr_whole_t *w)
{
    double  avg;
    size_t  i, n;

    avg = phr_no_sample();
    n = 0;

    for (i = 0; i < w->n; i++) {
        if (!isnan(w->v[i])) {
            n++;
            avg = n == 1 ? w->v[i] : avg + (w->v[i] - avg) / (double) n;
        }

        w->v[i] = avg;
    }
}


static void
phr_whole_running_max(phr_whole_t *w)
{
    double  max;
    size_t  i;

    max = phr_no_sample();

    for (i = 0; i < w->n; i++) {
        if (isnan(max) || w->v[i] > max) {
            max = w->v[i];
        }

        w->v[i] = max;
    }
}


static void
phr_whole_running_min(phr_whole_t *w)
{
    double  min;
    size_t  i;

    min = phr_no_sample();

    for (i = 0; i < w->n; i++) {
        if (isnan(min) || w->v[i] < min) {
            min = w->v[i];
        }

        w->v[i] = min;
    }
}


/* straight lines over the gaps between two values */
static void
phr_whole_interpolate(phr_whole_t *w)
{
    double  delta;
    size_t  i, j, last;

    last = SIZE_MAX;

    for (i = 0; i < w->n; i++) {
        if (isnan(w->v[i])) {
            continue;
        }

        if (last != SIZE_MAX && i > last + 1) {
            delta = (w->v[i] - w->v[last]) / (double) (i - last);

            for (j = last + 1; j < i; j++) {
                w->v[j] = w->v[j - 1] + delta;
            }
        }

        last = i;
    }
}


static void
phr_whole_keep_last(phr_whole_t *w)
{
    size_t  i;

    for (i = 1; i < w->n; i++) {
        if (isnan(w->v[i])) {
            w->v[i] = w->v[i - 1];
        }
    }
}


static void
phr_whole_keep_next(phr_whole_t *w)
{
    size_t  i;

    for (i = w->n - 1; i > 0; i--) {
        if (isnan(w->v[i - 1])) {
            w->v[i - 1] = w->v[i];
        }
    }
}


static void
phr_whole_remove_resets(phr_whole_t *w)
{
    double  last, lost;
    size_t  i;

    last = 0;
    lost = 0;

    for (i = 0; i < w->n; i++) {
        if (!isnan(w->v[i])) {
            lost += w->v[i] < last ? last : 0;
            last = w->v[i];
            w->v[i] += lost;
        }
    }
}


/* infinities are passed over; a factor that is no number is 1 */
static void
phr_whole_smooth(phr_whole_t *w)
{
    double  avg, sf;
    size_t  i;

    avg = NAN;

    for (i = 0; i < w->n; i++) {
        if (isnan(w->v[i])) {
            continue;
        }

        if (isinf(w->v[i])) {
            w->v[i] = isnan(avg) ? w->v[i] : avg;
            continue;
        }

        sf = isnan(w->args[i]) ? 1 : w->args[i];
        sf = phr_min(phr_max(sf, 0), 1);

        avg = isnan(avg) ? w->v[i] : avg * (1 - sf) + w->v[i] * sf;
        w->v[i] = avg;
    }
}


static uint64_t
phr_bits_of(double v)
{
    return v >= 0 && v < 0x1p64 ? (uint64_t) v : 0;
}


#define PHR_BITMAP(name, op)                                                  \
                                                                              \
static void                                                                   \
phr_whole_bitmap_##name(phr_whole_t *w)                                       \
{                                                                             \
    size_t  i;                                                                \
                                                                              \
    for (i = 0; i < w->n; i++) {                                              \
        if (!isnan(w->v[i])) {                                                \
            w->v[i] = (double) (phr_bits_of(w->v[i])                          \
                                op phr_bits_of(w->args[i]));                  \
        }                                                                     \
    }                                                                         \
}                                                                             \
                                                                              \
PHR_WHOLE(bitmap_##name, phr_whole_bitmap_##name, 1)

PHR_BITMAP(and, &)
PHR_BITMAP(or, |)
PHR_BITMAP(xor, ^)
