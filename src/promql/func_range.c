/*
 * Copyright (C) The Pharos Authors
 *
 * Functions over time: one number from all samples of a range.
 */

#include "promql/func.h"

#include <math.h>

#include "promql/stats.h"


/* up to here, doubles hold every whole number: 2^53 */
#define PHR_RANGE_EXACT  9007199254740992.0


static double phr_range_sum(phr_window_t *w);
static double phr_range_avg(phr_window_t *w);
static int phr_range_whole(phr_window_t *w);
static int phr_range_are_whole(const double *v, size_t n);
static double phr_range_count(phr_window_t *w);
static double phr_range_first(phr_window_t *w);
static double phr_range_last(phr_window_t *w);
static double phr_range_one(phr_window_t *w);
static double phr_range_quantile(phr_window_t *w);
static double phr_range_mad(phr_window_t *w);
static double phr_range_stdvar(phr_window_t *w);
static double phr_range_stddev(phr_window_t *w);
static double phr_range_ts_of_first(phr_window_t *w);
static double phr_range_ts_of_last(phr_window_t *w);
static size_t phr_range_max_at(phr_window_t *w, int newest);
static size_t phr_range_min_at(phr_window_t *w, int newest);
static double phr_range_max(phr_window_t *w);
static double phr_range_min(phr_window_t *w);
static double phr_range_ts_of_max(phr_window_t *w);
static double phr_range_ts_of_min(phr_window_t *w);
static double phr_range_deriv(phr_window_t *w);
static double phr_range_predict(phr_window_t *w);
static double phr_range_smooth(phr_window_t *w);
static double phr_range_absent(phr_window_t *w);
static void phr_range_regress(phr_window_t *w, int64_t t_ms, double *slope,
    double *intercept);


/* a function whose only particulars are its kernel and who keeps the name */
#define PHR_RANGE_FUNCTION(name, kernel_, hist_, keeps_name)                  \
    PHR_RANGE_FUNCTION_OF(name, kernel_, hist_, keeps_name, 0)

#define PHR_RANGE_FUNCTION_OF(name, kernel_, hist_, keeps_name, grows_)       \
    PHR_RANGE_FUNCTION_IN(name, kernel_, hist_, keeps_name, grows_, 0)

#define PHR_RANGE_FUNCTION_IN(name, kernel_, hist_, keeps_name, grows_,       \
    scrapes_)                                                                 \
                                                                              \
int                                                                           \
phr_fn_##name(PHR_FN_PARAMS)                                                  \
{                                                                             \
    static const phr_range_fn_t  fn = {                                       \
        .kernel = kernel_,                                                    \
        .hist = hist_,                                                        \
        .keep_name = keeps_name,                                              \
        .grows = grows_,                                                      \
        .scrapes = scrapes_,                                                  \
    };                                                                        \
                                                                              \
    return phr_fn_windows(ev, call, g, out, &fn);                             \
}


PHR_RANGE_FUNCTION_OF(sum_over_time, phr_range_sum, phr_native_sum_kernel, 0,
                      1)
PHR_RANGE_FUNCTION(avg_over_time, phr_range_avg, phr_native_avg_kernel, 0)
PHR_RANGE_FUNCTION_OF(count_over_time, phr_range_count, phr_range_count, 0, 1)
PHR_RANGE_FUNCTION(first_over_time, phr_range_first,
                   phr_native_first_kernel, 1)
PHR_RANGE_FUNCTION(last_over_time, phr_range_last, phr_native_last_kernel, 1)
PHR_RANGE_FUNCTION(present_over_time, phr_range_one, phr_range_one, 0)
PHR_RANGE_FUNCTION(max_over_time, phr_range_max, NULL, 0)
PHR_RANGE_FUNCTION(min_over_time, phr_range_min, NULL, 0)
PHR_RANGE_FUNCTION(mad_over_time, phr_range_mad, NULL, 0)
PHR_RANGE_FUNCTION(stddev_over_time, phr_range_stddev, NULL, 0)
PHR_RANGE_FUNCTION(stdvar_over_time, phr_range_stdvar, NULL, 0)
PHR_RANGE_FUNCTION(quantile_over_time, phr_range_quantile, NULL, 0)
PHR_RANGE_FUNCTION(ts_of_first_over_time, phr_range_ts_of_first,
                   phr_range_ts_of_first, 0)
PHR_RANGE_FUNCTION(ts_of_last_over_time, phr_range_ts_of_last,
                   phr_range_ts_of_last, 0)
PHR_RANGE_FUNCTION(ts_of_max_over_time, phr_range_ts_of_max, NULL, 0)
PHR_RANGE_FUNCTION(ts_of_min_over_time, phr_range_ts_of_min, NULL, 0)
PHR_RANGE_FUNCTION_IN(deriv, phr_range_deriv, NULL, 0, 0,
                      PHR_WINDOW_SCRAPES)
PHR_RANGE_FUNCTION_IN(predict_linear, phr_range_predict, NULL, 0, 0,
                      PHR_WINDOW_SCRAPES)
PHR_RANGE_FUNCTION_IN(double_exponential_smoothing, phr_range_smooth, NULL, 0,
                      0, PHR_WINDOW_SCRAPES)


static double
phr_range_sum(phr_window_t *w)
{
    return phr_range_whole(w) ? w->whole.sum
                              : phr_kahan_sum(w->v + w->lo, w->hi - w->lo);
}


static double
phr_range_avg(phr_window_t *w)
{
    double      sum, c, count;
    size_t      i;
    phr_mean_t  m;

    count = phr_window_count(w);

    if (phr_range_whole(w)) {
        return w->whole.sum / count;
    }

    sum = w->v[w->lo];
    c = 0;

    for (i = w->lo + 1; i < w->hi; i++) {
        phr_kahan_add(w->v[i], &sum, &c);
    }

    /* a sum that was infinite once does not become finite again */

    if (isfinite(sum) || w->weight != NULL) {
        return sum / count + c / count;
    }

    memset(&m, 0, sizeof(m));

    for (i = w->lo; i < w->hi; i++) {
        phr_mean_add(&m, w->v[i]);
    }

    return phr_mean_get(&m);
}


/*
 * Bytes, counts and states are whole numbers, whose sum is exact as long as
 * it is below 2^53: what comes is added and what goes subtracted, and a
 * window costs the same however long it is.  0: they are none.
 */
static int
phr_range_whole(phr_window_t *w)
{
    size_t  i;

    if (!w->whole.known) {
        w->whole.known = 1;
        w->whole.is = w->h == NULL && phr_range_are_whole(w->v, w->n);
        w->whole.sum = 0;
        w->whole.lo = 0;
        w->whole.hi = 0;
    }

    if (!w->whole.is) {
        return 0;
    }

    for (i = w->whole.lo; i < phr_min(w->lo, w->whole.hi); i++) {
        w->whole.sum -= w->v[i];
    }

    for (i = phr_max(w->lo, w->whole.hi); i < w->hi; i++) {
        w->whole.sum += w->v[i];
    }

    w->whole.lo = w->lo;
    w->whole.hi = w->hi;

    return 1;
}


/* so that no sum of some of them is rounded */
static int
phr_range_are_whole(const double *v, size_t n)
{
    size_t  i;
    double  largest;

    largest = 0;

    for (i = 0; i < n; i++) {

        /* a NaN is not less than anything */

        if (!(fabs(v[i]) < PHR_RANGE_EXACT)
            || v[i] != (double) (int64_t) v[i])
        {
            return 0;
        }

        largest = phr_max(largest, fabs(v[i]));
    }

    return largest * (double) n < PHR_RANGE_EXACT;
}


static double
phr_range_count(phr_window_t *w)
{
    return phr_window_count(w);
}


static double
phr_range_first(phr_window_t *w)
{
    return w->v[w->lo];
}


static double
phr_range_last(phr_window_t *w)
{
    return w->v[w->hi - 1];
}


static double
phr_range_one(phr_window_t *w)
{
    return 1;
}


static double
phr_range_quantile(phr_window_t *w)
{
    char     buf[PHR_NOTE_NUMBER];
    double  *values, q;

    q = w->args[0];

    if (isnan(q) || q < 0 || q > 1) {
        w->rc = phr_annotate(&w->ev->notes, w->ev->arena, PHR_NOTE_WARNING,
                             phr_fn_arg(w->call, 0)->start,
                             "PromQL warning: quantile value should be "
                             "between 0 and 1, got %s",
                             phr_annotate_number(buf, q));
    }

    values = phr_window_copy(w);

    return values == NULL ? NAN : phr_quantile(q, values, w->hi - w->lo);
}


/* the median of the distances from the median */
static double
phr_range_mad(phr_window_t *w)
{
    double  *values;
    size_t   i, n;

    values = phr_window_copy(w);
    if (values == NULL) {
        return NAN;
    }

    n = w->hi - w->lo;

    for (i = 0; i < n; i++) {
        if (isnan(values[i])) {
            return NAN;
        }
    }

    return phr_stats_mad(values, n);
}


static double
phr_range_stdvar(phr_window_t *w)
{
    double  count, mean, c_mean, aux, c_aux, delta;
    size_t  i;

    count = 0;
    mean = 0;
    c_mean = 0;
    aux = 0;
    c_aux = 0;

    for (i = w->lo; i < w->hi; i++) {
        count++;
        delta = w->v[i] - (mean + c_mean);
        phr_kahan_add(delta / count, &mean, &c_mean);
        phr_kahan_add(delta * (w->v[i] - (mean + c_mean)), &aux, &c_aux);
    }

    return (aux + c_aux) / count;
}


static double
phr_range_stddev(phr_window_t *w)
{
    return sqrt(phr_range_stdvar(w));
}


static double
phr_range_ts_of_first(phr_window_t *w)
{
    return (double) w->t_ms[w->lo] / 1000;
}


static double
phr_range_ts_of_last(phr_window_t *w)
{
    return (double) w->t_ms[w->hi - 1] / 1000;
}


/* the place of the highest sample; NaN only if there is nothing else */
static size_t
phr_range_max_at(phr_window_t *w, int newest)
{
    double  max;
    size_t  i, at;

    at = w->lo;
    max = w->v[at];

    for (i = w->lo; i < w->hi; i++) {
        if (w->v[i] > max || isnan(max) || (newest && w->v[i] == max)) {
            at = i;
            max = w->v[i];
        }
    }

    return at;
}


static size_t
phr_range_min_at(phr_window_t *w, int newest)
{
    double  min;
    size_t  i, at;

    at = w->lo;
    min = w->v[at];

    for (i = w->lo; i < w->hi; i++) {
        if (w->v[i] < min || isnan(min) || (newest && w->v[i] == min)) {
            at = i;
            min = w->v[i];
        }
    }

    return at;
}


static double
phr_range_max(phr_window_t *w)
{
    return w->v[phr_range_max_at(w, 0)];
}


static double
phr_range_min(phr_window_t *w)
{
    return w->v[phr_range_min_at(w, 0)];
}


static double
phr_range_ts_of_max(phr_window_t *w)
{
    return (double) w->t_ms[phr_range_max_at(w, 1)] / 1000;
}


static double
phr_range_ts_of_min(phr_window_t *w)
{
    return (double) w->t_ms[phr_range_min_at(w, 1)] / 1000;
}


/* from times near those in use, lest their squares lose precision */
static double
phr_range_deriv(phr_window_t *w)
{
    double  slope, intercept;

    if (w->hi - w->lo < 2) {
        return phr_no_sample();
    }

    phr_range_regress(w, w->t_ms[w->lo], &slope, &intercept);

    return slope;
}


static double
phr_range_predict(phr_window_t *w)
{
    double  slope, intercept;

    if (w->hi - w->lo < 2) {
        return phr_no_sample();
    }

    phr_range_regress(w, w->ts_ms, &slope, &intercept);

    return slope * w->args[0] + intercept;
}


/* the line of least squares, and its value at t_ms */
static void
phr_range_regress(phr_window_t *w, int64_t t_ms, double *slope,
    double *intercept)
{
    int     constant;
    double  x, n, sum_x, c_x, sum_y, c_y, sum_xy, c_xy, sum_x2, c_x2;
    size_t  i;

    n = (double) (w->hi - w->lo);
    constant = 1;
    sum_x = sum_y = sum_xy = sum_x2 = 0;
    c_x = c_y = c_xy = c_x2 = 0;

    for (i = w->lo; i < w->hi; i++) {
        if (w->v[i] != w->v[w->lo] && i > w->lo) {
            constant = 0;
        }

        x = (double) (w->t_ms[i] - t_ms) / 1e3;

        phr_kahan_add(x, &sum_x, &c_x);
        phr_kahan_add(w->v[i], &sum_y, &c_y);
        phr_kahan_add(x * w->v[i], &sum_xy, &c_xy);
        phr_kahan_add(x * x, &sum_x2, &c_x2);
    }

    if (constant) {
        *slope = isinf(w->v[w->lo]) ? NAN : 0;
        *intercept = isinf(w->v[w->lo]) ? NAN : w->v[w->lo];
        return;
    }

    sum_x += c_x;
    sum_y += c_y;
    sum_xy += c_xy;
    sum_x2 += c_x2;

    *slope = (sum_xy - sum_x * sum_y / n) / (sum_x2 - sum_x * sum_x / n);
    *intercept = sum_y / n - *slope * sum_x / n;
}


static double
phr_range_smooth(phr_window_t *w)
{
    double  sf, tf, s0, s1, b, x, y;
    size_t  i;

    sf = w->args[0];
    tf = w->args[1];

    if (sf <= 0 || sf >= 1) {
        w->rc = phr_err_set(w->ev->err, PHR_EEXEC,
                            "invalid smoothing factor. Expected: "
                            "0 < sf < 1, got: %f", sf);
        return NAN;
    }

    if (tf <= 0 || tf >= 1) {
        w->rc = phr_err_set(w->ev->err, PHR_EEXEC,
                            "invalid trend factor. Expected: "
                            "0 < tf < 1, got: %f", tf);
        return NAN;
    }

    if (w->hi - w->lo < 2) {
        return phr_no_sample();
    }

    s0 = 0;
    s1 = w->v[w->lo];
    b = w->v[w->lo + 1] - w->v[w->lo];

    for (i = w->lo + 1; i < w->hi; i++) {
        x = sf * w->v[i];

        if (i > w->lo + 1) {
            b = tf * (s1 - s0) + (1 - tf) * b;
        }

        y = (1 - sf) * (s1 + b);

        s0 = s1;
        s1 = x + y;
    }

    return s1;
}


static double
phr_range_absent(phr_window_t *w)
{
    return 1;
}


/* 1 at the steps at which no series has a sample */
int
phr_fn_absent_over_time(PHR_FN_PARAMS)
{
    int           rc;
    double       *v;
    size_t        i, j, n;
    phr_value_t   in;
    phr_labels_t  labels;

    static const phr_range_fn_t  fn = {
        .kernel = phr_range_absent,
        .hist = phr_range_absent,
    };

    rc = phr_fn_windows(ev, call, g, &in, &fn);
    if (rc < 0) {
        return rc;
    }

    v = phr_col_create(ev->arena, g->n);
    if (v == NULL) {
        return phr_eval_nomem(ev);
    }

    n = 0;

    for (j = 0; j < g->n; j++) {
        for (i = 0; i < in.n && !phr_col_has(&in.cols[i], j); i++) {
            /* void */
        }

        if (i == in.n) {
            v[j] = 1;
            n++;
        }
    }

    phr_value_init(out);

    if (n == 0) {
        return PHR_OK;
    }

    rc = phr_fn_absent_labels(ev, phr_fn_arg(call, 0), &labels);
    if (rc < 0) {
        return rc;
    }

    return phr_value_push(out, ev->arena, labels, v, 1) == NULL
           ? phr_eval_nomem(ev) : PHR_OK;
}
