/*
 * Copyright (C) The Pharos Authors
 *
 * Functions: one C function, phr_fn_<impl>, for each function of the
 * language, and what families of them share.
 */

#ifndef PHR_FUNC_H_INCLUDED
#define PHR_FUNC_H_INCLUDED


#include "promql/eval.h"


typedef int phr_fn_t(phr_eval_t *ev, const phr_node_t *call,
    const phr_grid_t *g, phr_value_t *out);

/* what every function of the language has as parameters */
#define PHR_FN_PARAMS                                                         \
    phr_eval_t *ev, const phr_node_t *call, const phr_grid_t *g,              \
    phr_value_t *out


#define PHR_FUNCTION(name, impl, args, variadic, returns, experimental)       \
    phr_fn_t  phr_fn_##impl;
#include "promql/function_list.h"


/* runs the function of a call */
int phr_fn_call(PHR_FN_PARAMS);

/* the ith argument without parentheses; NULL if there are fewer */
const phr_node_t *phr_fn_arg(const phr_node_t *call, size_t i);

/* the value of an argument without its histograms */
int phr_fn_floats(phr_eval_t *ev, const phr_node_t *arg, const phr_grid_t *g,
    phr_value_t *out);

/* a string argument */
phr_str_t phr_fn_string(const phr_node_t *call, size_t i);

/* the first argument with f applied to each sample; the name goes */
int phr_fn_map(PHR_FN_PARAMS, double (*f)(double));

/* a scalar of one value, or a vector of one column without labels */
int phr_fn_constant(phr_eval_t *ev, const phr_grid_t *g, double v,
    phr_value_t *out);
int phr_fn_no_labels(phr_eval_t *ev, double *v, phr_type_e type,
    phr_value_t *out);

/* what the "=" matchers of a selector say: the labels of absent() */
int phr_fn_absent_labels(phr_eval_t *ev, const phr_node_t *arg,
    phr_labels_t *labels);

/* whether it can be a label; sets it, and a name given here is to stay */
int phr_fn_label_valid(phr_str_t name);
int phr_fn_label_put(phr_eval_t *ev, phr_column_t *c, phr_str_t name,
    phr_str_t value);

/* as Go's math.Max() and math.Min(): NaN wins, and 0 is above -0 */
double phr_fn_max(double a, double b);
double phr_fn_min(double a, double b);


/* what steps see of series of the same times, see phr_rate_steps() */
typedef struct phr_rate_steps_s  phr_rate_steps_t;

/*
 * Window: the samples of one series that a range function sees at one step,
 * t_ms[lo] .. t_ms[hi - 1].  There is at least one.
 */
typedef struct {
    phr_eval_t        *ev;
    const phr_node_t  *call;
    const phr_node_t  *range;       /* the matrix selector or subquery */

    phr_labels_t       labels;
    const int64_t     *t_ms;
    const int64_t     *st_ms;       /* start timestamps, NULL: none */
    const double      *v;
    size_t             lo, hi;

    int64_t            ts_ms;       /* of the step */
    int64_t            start_ms;    /* of the range, itself excluded */
    int64_t            end_ms;
    int64_t            range_ms;
    double             args[2];     /* the scalar arguments */

    /* see phr_series_t; where samples are coarse the range is wider */
    const phr_part_t  *parts;
    size_t             nparts;
    const double      *weight;      /* NULL: each sample is one */
    int64_t            width_ms;    /* of what is looked at, or range_ms */

    /* places where a counter is lower than before, in the whole series */
    size_t            *resets;
    size_t             nresets;
    size_t             nalloc;
    size_t             reset;       /* the first above lo */
    size_t             overlap;     /* so is this; see func_start.c */

    /* of whole numbers, the sum of [whole.lo, whole.hi): it is exact */
    struct {
        int     known;              /* whether the series' values are whole */
        int     is;
        double  sum;
        size_t  lo, hi;
    } whole;

    double            *sorted;      /* room for all samples of a window */
    size_t             nsorted;

    /*
     * Of a series that has histograms: h by sample, NULL for a float; and
     * whether the counter was reset before a sample, once that was asked
     */
    const phr_hist_t *const  *h;
    size_t             n;           /* samples of the series */
    size_t             nhists;      /* in the window */
    uint8_t           *was_reset;
    size_t             nwas_reset;
    int64_t           *float_t;     /* room for the floats of a window */
    double            *float_v;
    size_t             nfloats;

    phr_rate_steps_t  *steps;       /* NULL: not yet */
    unsigned           steps_skip;  /* series that are not to use them */

    unsigned           anchored:1;
    unsigned           smoothed:1;
    unsigned           windowless:1;    /* no range was written */
    unsigned           any_float:1; /* a result came of floats */
    int                rc;          /* set by a kernel that fails */
} phr_window_t;


/* the value at a step, or phr_no_sample() */
typedef double (*phr_kernel_pt)(phr_window_t *w);

/*
 * hist is called for windows with histograms; without it these are left out,
 * and the query is told if there are floats beside them.
 */
typedef struct {
    phr_kernel_pt  kernel;
    phr_kernel_pt  hist;
    unsigned       keep_name:1;     /* the result is a sample of the series */
    unsigned       resets:1;        /* wants the resets */
    unsigned       starts:1;        /* wants start timestamps */
    unsigned       counter:1;       /* says so if it is none by its name */
    unsigned       anchored:1;      /* may be used with the modifier */
    unsigned       smoothed:1;
    unsigned       grows:1;         /* in proportion to the range */
    unsigned       extrapolates:1;  /* a change, as rate() does */
    uint8_t        scrapes;         /* a range that was not written is at
                                       least so long */
} phr_range_fn_t;

int phr_fn_windows(PHR_FN_PARAMS, const phr_range_fn_t *fn);

/* dialect_window.c: the range of a series where none was written */
void phr_window_default(phr_window_t *w, const phr_range_fn_t *fn);
void phr_window_fit(phr_window_t *w, const phr_range_fn_t *fn);

/* func_native.c: windows of series that have histograms */
int phr_window_native_init(phr_window_t *w);
void phr_window_native_free(phr_window_t *w);
double phr_window_native(phr_window_t *w, const phr_range_fn_t *fn);

double phr_native_sum_kernel(phr_window_t *w);
double phr_native_avg_kernel(phr_window_t *w);
double phr_native_first_kernel(phr_window_t *w);
double phr_native_last_kernel(phr_window_t *w);
double phr_native_rate_kernel(phr_window_t *w);
double phr_native_increase_kernel(phr_window_t *w);
double phr_native_delta_kernel(phr_window_t *w);
double phr_native_irate_kernel(phr_window_t *w);
double phr_native_idelta_kernel(phr_window_t *w);
double phr_native_resets_kernel(phr_window_t *w);
double phr_native_changes_kernel(phr_window_t *w);

/* of func_rate.c; 0 if no sample is within the range */
int phr_rate_anchor(phr_window_t *w, size_t *first);

/* the first and last sample of "anchored" and "smoothed"; 0 if none counts */
int phr_rate_bounds(const phr_window_t *w, size_t *first, size_t *last);

/*
 * func_start.c: start timestamps.  Whether the counter began anew between
 * the samples i - 1 and i; whether the window's first one began within the
 * range, which nothing need be assumed for then; and a warning if a sample
 * counts since a time that the one before it counts, too.
 */
int phr_rate_restarts(const phr_window_t *w, size_t i);
int phr_rate_starts_within(const phr_window_t *w);
void phr_rate_note_overlap(phr_window_t *w);

/*
 * By what the change over a window grows when it is extrapolated; and what
 * that is made of: seconds before the first sample, unless the counter was
 * zero in between, and those between the samples, which are so far apart on
 * the average.
 */
double phr_rate_factor(const phr_window_t *w, int counter, int rate,
    double first, double change);
double phr_rate_spans(const phr_window_t *w, double *to_start,
    double *sampled);

/*
 * func_rate_steps.c: the column of a series of floats at once; PHR_DONE if
 * it has to be made step by step.
 */
int phr_rate_steps(phr_window_t *w, const phr_grid_t *g,
    const phr_range_fn_t *fn, double *v);
void phr_rate_steps_free(phr_rate_steps_t *steps);

/* moves the window to (start, end] of a step, wider with a modifier */
void phr_window_move(phr_window_t *w, const phr_grid_t *g, size_t step,
    size_t n);

/* where that ends, but for coarse samples */
int64_t phr_window_end(const phr_window_t *w, const phr_grid_t *g,
    size_t step);

double phr_irate_kernel(phr_window_t *w);
double phr_idelta_kernel(phr_window_t *w);

/* of how many samples the window tells */
double phr_window_count(const phr_window_t *w);

/* the window's samples, copied for sorting; NULL if memory is gone */
double *phr_window_copy(phr_window_t *w);


#endif /* PHR_FUNC_H_INCLUDED */
