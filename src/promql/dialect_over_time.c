/*
 * Copyright (C) The Pharos Authors
 *
 * Functions of MetricsQL over the samples of a range.  Histograms are left
 * out.
 */

#include "promql/func.h"

#include <math.h>
#include <stdlib.h>

#include "promql/stats.h"


static double phr_over_time_rate_over_sum(phr_window_t *w);
static double phr_over_time_sum2(phr_window_t *w);
static double phr_over_time_geomean(phr_window_t *w);
static double phr_over_time_median(phr_window_t *w);
static double phr_over_time_mode(phr_window_t *w);
static double phr_over_time_distinct(phr_window_t *w);
static double phr_over_time_range(phr_window_t *w);
static double phr_over_time_zscore(phr_window_t *w);
static double phr_over_time_ascent(phr_window_t *w);
static double phr_over_time_descent(phr_window_t *w);
static double phr_over_time_integrate(phr_window_t *w);
static double phr_over_time_lag(phr_window_t *w);
static double phr_over_time_lifetime(phr_window_t *w);
static double phr_over_time_interval(phr_window_t *w);
static double phr_over_time_duration(phr_window_t *w);
static double phr_over_time_share(phr_window_t *w, double count);
static double phr_over_time_count_le(phr_window_t *w);
static double phr_over_time_count_gt(phr_window_t *w);
static double phr_over_time_count_eq(phr_window_t *w);
static double phr_over_time_count_ne(phr_window_t *w);
static double phr_over_time_share_le(phr_window_t *w);
static double phr_over_time_share_gt(phr_window_t *w);
static double phr_over_time_share_eq(phr_window_t *w);
static double phr_over_time_sum_le(phr_window_t *w);
static double phr_over_time_sum_gt(phr_window_t *w);
static double phr_over_time_sum_eq(phr_window_t *w);


#define PHR_OVER_TIME(name, kernel_, scrapes_)                                \
                                                                              \
int                                                                           \
phr_fn_##name(PHR_FN_PARAMS)                                                  \
{                                                                             \
    static const phr_range_fn_t  fn = {                                       \
        .kernel = kernel_,                                                    \
        .scrapes = scrapes_,                                                  \
    };                                                                        \
                                                                              \
    return phr_fn_windows(ev, call, g, out, &fn);                             \
}

PHR_OVER_TIME(rate_over_sum, phr_over_time_rate_over_sum, 0)
PHR_OVER_TIME(sum2_over_time, phr_over_time_sum2, 0)
PHR_OVER_TIME(geomean_over_time, phr_over_time_geomean, 0)
PHR_OVER_TIME(median_over_time, phr_over_time_median, 0)
PHR_OVER_TIME(mode_over_time, phr_over_time_mode, 0)
PHR_OVER_TIME(distinct_over_time, phr_over_time_distinct, 0)
PHR_OVER_TIME(range_over_time, phr_over_time_range, 0)
PHR_OVER_TIME(zscore_over_time, phr_over_time_zscore, 0)
PHR_OVER_TIME(ascent_over_time, phr_over_time_ascent, PHR_WINDOW_SCRAPES)
PHR_OVER_TIME(descent_over_time, phr_over_time_descent, PHR_WINDOW_SCRAPES)
PHR_OVER_TIME(integrate, phr_over_time_integrate, PHR_WINDOW_SCRAPES)
PHR_OVER_TIME(lag, phr_over_time_lag, 1)
PHR_OVER_TIME(lifetime, phr_over_time_lifetime, 1)
PHR_OVER_TIME(scrape_interval, phr_over_time_interval, PHR_WINDOW_SCRAPES)
PHR_OVER_TIME(duration_over_time, phr_over_time_duration, PHR_WINDOW_SCRAPES)
PHR_OVER_TIME(count_le_over_time, phr_over_time_count_le, 0)
PHR_OVER_TIME(count_gt_over_time, phr_over_time_count_gt, 0)
PHR_OVER_TIME(count_eq_over_time, phr_over_time_count_eq, 0)
PHR_OVER_TIME(count_ne_over_time, phr_over_time_count_ne, 0)
PHR_OVER_TIME(share_le_over_time, phr_over_time_share_le, 0)
PHR_OVER_TIME(share_gt_over_time, phr_over_time_share_gt, 0)
PHR_OVER_TIME(share_eq_over_time, phr_over_time_share_eq, 0)
PHR_OVER_TIME(sum_le_over_time, phr_over_time_sum_le, 0)
PHR_OVER_TIME(sum_gt_over_time, phr_over_time_sum_gt, 0)
PHR_OVER_TIME(sum_eq_over_time, phr_over_time_sum_eq, 0)


static double
phr_over_time_sum(const phr_window_t *w)
{
    return phr_kahan_sum(w->v + w->lo, w->hi - w->lo);
}


static double
phr_over_time_rate_over_sum(phr_window_t *w)
{
    return phr_over_time_sum(w) / ((double) w->range_ms / 1000);
}


static double
phr_over_time_sum2(phr_window_t *w)
{
    double  sum;
    size_t  i;

    sum = 0;

    for (i = w->lo; i < w->hi; i++) {
        sum += w->v[i] * w->v[i];
    }

    return sum;
}


static double
phr_over_time_geomean(phr_window_t *w)
{
    double  product;
    size_t  i;

    product = 1;

    for (i = w->lo; i < w->hi; i++) {
        product *= w->v[i];
    }

    return pow(product, 1 / (double) (w->hi - w->lo));
}


static double
phr_over_time_median(phr_window_t *w)
{
    double  *values;

    values = phr_window_copy(w);

    return values == NULL ? NAN : phr_quantile(0.5, values, w->hi - w->lo);
}


static double
phr_over_time_mode(phr_window_t *w)
{
    double  *values;

    values = phr_window_copy(w);

    return values == NULL ? NAN : phr_stats_mode(values, w->hi - w->lo);
}


static double
phr_over_time_distinct(phr_window_t *w)
{
    double  *values;

    values = phr_window_copy(w);

    return values == NULL ? NAN : phr_stats_distinct(values, w->hi - w->lo);
}


static double
phr_over_time_range(phr_window_t *w)
{
    double  min, max;
    size_t  i;

    min = w->v[w->lo];
    max = min;

    for (i = w->lo + 1; i < w->hi; i++) {
        min = phr_min(min, w->v[i]);
        max = phr_max(max, w->v[i]);
    }

    return max - min;
}


/* how far the last sample is from the average, in standard deviations */
static double
phr_over_time_zscore(phr_window_t *w)
{
    double  avg, delta, q;
    size_t  i, n;

    avg = 0;
    q = 0;

    for (i = w->lo, n = 0; i < w->hi; i++) {
        n++;
        delta = w->v[i] - avg;
        avg += delta / (double) n;
        q += delta * (w->v[i] - avg);
    }

    return (w->v[w->hi - 1] - avg) / sqrt(q / (double) n);
}


static double
phr_over_time_ascent(phr_window_t *w)
{
    double  sum;
    size_t  i;

    sum = 0;

    for (i = w->lo + 1; i < w->hi; i++) {
        sum += phr_max(w->v[i] - w->v[i - 1], 0);
    }

    return sum;
}


static double
phr_over_time_descent(phr_window_t *w)
{
    double  sum;
    size_t  i;

    sum = 0;

    for (i = w->lo + 1; i < w->hi; i++) {
        sum += phr_max(w->v[i - 1] - w->v[i], 0);
    }

    return sum;
}


/* each sample holds until the next, the last one until the end */
static double
phr_over_time_integrate(phr_window_t *w)
{
    double   sum;
    size_t   i;
    int64_t  next;

    sum = 0;

    for (i = w->lo; i < w->hi; i++) {
        next = i + 1 < w->hi ? w->t_ms[i + 1] : w->end_ms;
        sum += w->v[i] * (double) (next - w->t_ms[i]) / 1000;
    }

    return sum;
}


static double
phr_over_time_lag(phr_window_t *w)
{
    return (double) (w->end_ms - w->t_ms[w->hi - 1]) / 1000;
}


static double
phr_over_time_lifetime(phr_window_t *w)
{
    return (double) (w->t_ms[w->hi - 1] - w->t_ms[w->lo]) / 1000;
}


static double
phr_over_time_interval(phr_window_t *w)
{
    if (w->hi - w->lo < 2) {
        return phr_no_sample();
    }

    return phr_over_time_lifetime(w) / (double) (w->hi - w->lo - 1);
}


/* without the distances that are longer than the argument says */
static double
phr_over_time_duration(phr_window_t *w)
{
    double  sum, distance;
    size_t  i;

    sum = 0;

    for (i = w->lo + 1; i < w->hi; i++) {
        distance = (double) (w->t_ms[i] - w->t_ms[i - 1]) / 1000;
        sum += distance <= w->args[0] ? distance : 0;
    }

    return sum;
}


static double
phr_over_time_share(phr_window_t *w, double count)
{
    return count / (double) (w->hi - w->lo);
}


#define PHR_OVER_TIME_COMPARE(name, op)                                       \
                                                                              \
static double                                                                 \
phr_over_time_count_##name(phr_window_t *w)                                   \
{                                                                             \
    double  n;                                                                \
    size_t  i;                                                                \
                                                                              \
    n = 0;                                                                    \
                                                                              \
    for (i = w->lo; i < w->hi; i++) {                                         \
        n += w->v[i] op w->args[0];                                           \
    }                                                                         \
                                                                              \
    return n;                                                                 \
}

#define PHR_OVER_TIME_PARTS(name, op)                                         \
                                                                              \
static double                                                                 \
phr_over_time_share_##name(phr_window_t *w)                                   \
{                                                                             \
    return phr_over_time_share(w, phr_over_time_count_##name(w));             \
}                                                                             \
                                                                              \
static double                                                                 \
phr_over_time_sum_##name(phr_window_t *w)                                     \
{                                                                             \
    double  sum;                                                              \
    size_t  i;                                                                \
                                                                              \
    sum = 0;                                                                  \
                                                                              \
    for (i = w->lo; i < w->hi; i++) {                                         \
        sum += w->v[i] op w->args[0] ? w->v[i] : 0;                           \
    }                                                                         \
                                                                              \
    return sum;                                                               \
}

PHR_OVER_TIME_COMPARE(le, <=)
PHR_OVER_TIME_COMPARE(gt, >)
PHR_OVER_TIME_COMPARE(eq, ==)
PHR_OVER_TIME_COMPARE(ne, !=)
PHR_OVER_TIME_PARTS(le, <=)
PHR_OVER_TIME_PARTS(gt, >)
PHR_OVER_TIME_PARTS(eq, ==)
