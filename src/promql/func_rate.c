/*
 * Copyright (C) The Pharos Authors
 *
 * Functions that look at the change of a range: rate() and its family.
 * Resets of a counter are found once per series, so that a long window
 * costs no more than a short one.
 */

#include "promql/func.h"


static double phr_rate_kernel(phr_window_t *w);
static double phr_increase_kernel(phr_window_t *w);
static double phr_delta_kernel(phr_window_t *w);
static double phr_rate_extrapolate(phr_window_t *w, int counter, int rate);
static double phr_rate_extended(phr_window_t *w, int counter, int rate);
static double phr_resets_kernel(phr_window_t *w);
static double phr_changes_kernel(phr_window_t *w);


int
phr_fn_rate(PHR_FN_PARAMS)
{
    static const phr_range_fn_t  fn = {
        .kernel = phr_rate_kernel,
        .extrapolates = 1,
        .scrapes = 1,
        .hist = phr_native_rate_kernel,
        .resets = 1,
        .starts = 1,
        .counter = 1,
        .anchored = 1,
        .smoothed = 1,
    };

    return phr_fn_windows(ev, call, g, out, &fn);
}


int
phr_fn_increase(PHR_FN_PARAMS)
{
    static const phr_range_fn_t  fn = {
        .kernel = phr_increase_kernel,
        .extrapolates = 1,
        .grows = 1,
        .hist = phr_native_increase_kernel,
        .resets = 1,
        .starts = 1,
        .counter = 1,
        .anchored = 1,
        .smoothed = 1,
    };

    return phr_fn_windows(ev, call, g, out, &fn);
}


int
phr_fn_delta(PHR_FN_PARAMS)
{
    static const phr_range_fn_t  fn = {
        .kernel = phr_delta_kernel,
        .extrapolates = 1,
        .grows = 1,
        .hist = phr_native_delta_kernel,
        .anchored = 1,
        .smoothed = 1,
    };

    return phr_fn_windows(ev, call, g, out, &fn);
}


int
phr_fn_irate(PHR_FN_PARAMS)
{
    static const phr_range_fn_t  fn = {
        .kernel = phr_irate_kernel,
        .scrapes = PHR_WINDOW_SCRAPES,
        .hist = phr_native_irate_kernel,
        .starts = 1,
    };

    return phr_fn_windows(ev, call, g, out, &fn);
}


int
phr_fn_idelta(PHR_FN_PARAMS)
{
    static const phr_range_fn_t  fn = {
        .kernel = phr_idelta_kernel,
        .scrapes = PHR_WINDOW_SCRAPES,
        .hist = phr_native_idelta_kernel,
    };

    return phr_fn_windows(ev, call, g, out, &fn);
}


int
phr_fn_resets(PHR_FN_PARAMS)
{
    static const phr_range_fn_t  fn = {
        .kernel = phr_resets_kernel,
        .hist = phr_native_resets_kernel,
        .resets = 1,
        .starts = 1,
        .anchored = 1,
    };

    return phr_fn_windows(ev, call, g, out, &fn);
}


int
phr_fn_changes(PHR_FN_PARAMS)
{
    static const phr_range_fn_t  fn = {
        .kernel = phr_changes_kernel,
        .hist = phr_native_changes_kernel,
        .anchored = 1,
    };

    return phr_fn_windows(ev, call, g, out, &fn);
}


static double
phr_rate_kernel(phr_window_t *w)
{
    return phr_rate_extrapolate(w, 1, 1);
}


static double
phr_increase_kernel(phr_window_t *w)
{
    return phr_rate_extrapolate(w, 1, 0);
}


static double
phr_delta_kernel(phr_window_t *w)
{
    return phr_rate_extrapolate(w, 0, 0);
}


static double
phr_rate_extrapolate(phr_window_t *w, int counter, int rate)
{
    size_t  first, last, i;
    double  result;

    if (w->anchored || w->smoothed) {
        return phr_rate_extended(w, counter, rate);
    }

    first = w->lo;
    last = w->hi - 1;

    if (first == last && !phr_rate_starts_within(w)) {
        return phr_no_sample();
    }

    result = w->v[last] - w->v[first];

    if (counter) {
        for (i = w->reset; i < w->nresets && w->resets[i] <= last; i++) {
            result += w->v[w->resets[i] - 1];
        }
    }

    if (w->st_ms != NULL) {
        phr_rate_note_overlap(w);
        result += phr_rate_starts_within(w) ? w->v[first] : 0;
    }

    return result * phr_rate_factor(w, counter, rate, w->v[first], result);
}


/*
 * The samples cover less than the range.  Where a further sample could be
 * expected within 1.1 average distances of the boundary, the change is
 * extrapolated up to it, else by half a distance; but not to where a
 * counter would have been negative.  Where it is known when it was zero,
 * nothing is before that.
 */
double
phr_rate_factor(const phr_window_t *w, int counter, int rate, double first,
    double change)
{
    double  to_start, to_end, sampled, average, to_zero, factor;

    to_end = (double) (w->end_ms - w->t_ms[w->hi - 1]) / 1000;
    average = phr_rate_spans(w, &to_start, &sampled);

    if (phr_rate_starts_within(w)) {
        to_start = 0;
        sampled = (double) (w->t_ms[w->hi - 1] - w->st_ms[w->lo]) / 1000;

    } else if (counter && change > 0 && first >= 0) {
        to_zero = sampled * (first / change);
        to_start = to_zero < to_start ? to_zero : to_start;
    }

    if (to_end >= average * 1.1) {
        to_end = average / 2;
    }

    factor = (sampled + to_start + to_end) / sampled;

    return rate ? factor / ((double) w->width_ms / 1000) : factor;
}


double
phr_rate_spans(const phr_window_t *w, double *to_start, double *sampled)
{
    double  average;

    *to_start = (double) (w->t_ms[w->lo] - w->start_ms) / 1000;
    *sampled = (double) (w->t_ms[w->hi - 1] - w->t_ms[w->lo]) / 1000;
    average = *sampled > 0 ? *sampled / (phr_window_count(w) - 1) : 0;

    if (*to_start >= average * 1.1) {
        *to_start = average / 2;
    }

    return average;
}


/* the value at t between two samples; a counter that fell began at zero */
static double
phr_rate_between(const phr_window_t *w, size_t i, int64_t t, int counter)
{
    double  from, to;

    from = w->v[i];
    to = w->v[i + 1];

    if (counter && to < from) {
        from = 0;
    }

    return from + (to - from) * (double) (t - w->t_ms[i])
                  / (double) (w->t_ms[i + 1] - w->t_ms[i]);
}


/*
 * "anchored" takes the last sample before the range as its first value,
 * "smoothed" interpolates at both boundaries; nothing is extrapolated.
 */
int
phr_rate_bounds(const phr_window_t *w, size_t *first, size_t *last)
{
    size_t  i, end;

    end = w->hi - 1;

    for (i = w->lo; i < end && w->t_ms[i] <= w->start_ms; i++) {
        /* void */
    }

    *first = i > w->lo ? i - 1 : i;

    if (w->smoothed) {
        for (i = w->lo; i < end && w->t_ms[i] < w->end_ms; i++) {
            /* void */
        }

        end = i;
    }

    *last = end;

    return w->t_ms[end] > w->start_ms
           && (!w->smoothed || w->t_ms[*first] <= w->end_ms);
}


static double
phr_rate_extended(phr_window_t *w, int counter, int rate)
{
    size_t  first, last, i;
    double  left, right, prev, result;

    if (!phr_rate_bounds(w, &first, &last)) {
        return phr_no_sample();
    }

    left = w->v[first];
    if (w->smoothed && w->t_ms[first] < w->start_ms) {
        left = phr_rate_between(w, first, w->start_ms, counter);
    }

    right = w->v[last];
    if (w->smoothed && last > w->lo && w->t_ms[last] > w->end_ms) {
        right = phr_rate_between(w, last - 1, w->end_ms, counter);
    }

    result = right - left;

    if (counter) {
        prev = left;
        i = w->t_ms[first] <= w->start_ms ? first + 1 : first;

        for ( ; i <= last && w->t_ms[i] < w->end_ms; i++) {
            if (w->v[i] < prev) {
                result += prev;
            }

            prev = w->v[i];
        }

        if (right < prev) {
            result += prev;
        }
    }

    return rate ? result / ((double) w->width_ms / 1000) : result;
}


double
phr_irate_kernel(phr_window_t *w)
{
    size_t   last;
    double   result;
    int64_t  elapsed;

    last = w->hi - 1;

    if (last == w->lo) {
        return phr_no_sample();
    }

    elapsed = w->t_ms[last] - w->t_ms[last - 1];
    result = w->v[last];

    if (!(w->v[last] < w->v[last - 1])
        && (w->st_ms == NULL || !phr_rate_restarts(w, last)))
    {
        result -= w->v[last - 1];
    }

    return result / ((double) elapsed / 1000);
}


double
phr_idelta_kernel(phr_window_t *w)
{
    if (w->hi - w->lo < 2) {
        return phr_no_sample();
    }

    return w->v[w->hi - 1] - w->v[w->hi - 2];
}


/*
 * With "anchored" the window begins at the last sample that is not within
 * the range.  0 if no sample is within it.
 */
int
phr_rate_anchor(phr_window_t *w, size_t *first)
{
    size_t  i;

    *first = w->lo;

    if (!w->anchored) {
        return 1;
    }

    for (i = w->lo; i < w->hi && w->t_ms[i] <= w->start_ms; i++) {
        *first = i;
    }

    return i < w->hi;
}


static double
phr_resets_kernel(phr_window_t *w)
{
    size_t  i, n, first;

    if (!phr_rate_anchor(w, &first)) {
        return phr_no_sample();
    }

    n = 0;

    for (i = w->reset; i < w->nresets && w->resets[i] < w->hi; i++) {
        n += w->resets[i] > first;
    }

    return (double) n;
}


static double
phr_changes_kernel(phr_window_t *w)
{
    size_t  i, n;

    if (!phr_rate_anchor(w, &i)) {
        return phr_no_sample();
    }

    n = 0;

    for (i++; i < w->hi; i++) {
        n += w->v[i] != w->v[i - 1]
             && !(w->v[i] != w->v[i] && w->v[i - 1] != w->v[i - 1]);
    }

    return (double) n;
}
