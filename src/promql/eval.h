/*
 * Copyright (C) The Pharos Authors
 *
 * Evaluator: what its files share.  A node is evaluated over a whole grid
 * of steps at once; its operands are values of the same grid.  What a
 * function gets it owns and may change in place.
 *
 * Everything here lives as long as one phr_promql_eval().
 */

#ifndef PHR_EVAL_H_INCLUDED
#define PHR_EVAL_H_INCLUDED


#include "core/yield.h"
#include "promql/annotate.h"
#include "promql/ast.h"
#include "promql/native.h"
#include "promql/value.h"


/*
 * What is known of a node before evaluation.  A node is constant if its
 * value does not depend on the step: it is evaluated once then.
 */
typedef struct {
    uint8_t  constant;
    uint8_t  once;          /* constant, and worth being evaluated apart */
    uint8_t  has_at;
    int64_t  at_ms;
    int64_t  offset_ms;
    int64_t  range_ms;      /* of matrix selectors and subqueries */
    int64_t  step_ms;       /* of subqueries */
    int64_t  window_ms;     /* what is looked at where no range was written,
                               0: all of range_ms */
} phr_plan_t;


/*
 * Sink: takes the columns of a vector one by one, as they are made, so that
 * they need not all be there at once.
 */
typedef struct phr_sink_s  phr_sink_t;

struct phr_sink_s {
    /* PHR_OK: v is kept; PHR_AGAIN: v may be overwritten; or a failure */
    int  (*column)(phr_sink_t *s, phr_labels_t labels, double *v,
                   int drop_name);
};


typedef struct {
    const phr_query_t  *query;
    phr_querier_t      *querier;
    phr_arena_t        *arena;
    phr_err_t          *err;
    phr_plan_t         *plan;           /* by the id of a node */
    phr_annotations_t   notes;
    unsigned            depth;
    phr_sink_t         *sink;           /* for whoever makes columns next */
    phr_str_t           func;           /* around the selector, for storage */
    int                 starts;         /* which wants start timestamps */
    const phr_node_t   *with_gaps;      /* keeps series that have no sample */
    int64_t             step_ms;        /* of the grid, while planning */

    const phr_hist_t  **hists;          /* by the number in their box */
    uint32_t            nhists;         /* 0: there are only floats */
    uint32_t            nhists_alloc;
    phr_native_room_t   room;
    int                 resets;         /* 1: selectors tell of resets;
                                           -1: and will not, below here */

    uint64_t            held;           /* samples held now */
    uint64_t            peak;
    uint64_t            read;           /* samples looked at */
    uint64_t           *step_read;      /* the same by step, or NULL */
    int64_t             res_ms;         /* of the coarsest, see phr_result_t */
} phr_eval_t;


/* so many scrapes make a range for a function that needs several samples */
#define PHR_WINDOW_SCRAPES  4

/* fills ev->plan; PHR_EEXEC for durations that make no sense */
int phr_plan(phr_eval_t *ev, const phr_node_t *root);

static inline const phr_plan_t *
phr_plan_of(const phr_eval_t *ev, const phr_node_t *node)
{
    return &ev->plan[node->id];
}


/* evaluates any node but a matrix; *out is written on success only */
int phr_eval_node(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);

/*
 * The same, but the columns go to the sink: at once if the node makes them
 * one by one, else when all are made.
 */
int phr_eval_stream(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_sink_t *sink);

/* a scalar node as an array of one number per step */
int phr_eval_scalar(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, double **v);

/*
 * About what they take, see phr_yield(): a step of a range function, finding
 * something by its hash, a column, and a node.
 */
#define PHR_EVAL_STEP    16
#define PHR_EVAL_FIND    256
#define PHR_EVAL_COLUMN  1024
#define PHR_EVAL_NODE    8192

/* PHR_OK, PHR_ETIMEOUT or PHR_ECANCELED; cheap enough for inner loops */
static inline int
phr_eval_poll_after(phr_eval_t *ev, size_t units)
{
    phr_yield(units);

    return ev->query->stop == NULL ? PHR_OK
                                   : phr_shared_get(ev->query->stop);
}

/* the same where a column is done, or a row of many */
static inline int
phr_eval_poll(phr_eval_t *ev)
{
    return phr_eval_poll_after(ev, PHR_EVAL_COLUMN);
}

/* the sink that is waiting, or NULL; nobody else gets it then */
static inline phr_sink_t *
phr_eval_take_sink(phr_eval_t *ev)
{
    phr_sink_t  *sink;

    sink = ev->sink;
    ev->sink = NULL;

    return sink;
}

/*
 * Notes that n samples are held besides those of ev->held.  PHR_ELIMIT if
 * that is more than the query may.
 */
int phr_eval_hold(phr_eval_t *ev, uint64_t n);

/* the code for a failed allocation in the query's arena */
int phr_eval_nomem(phr_eval_t *ev);

/* sums that stay within int64_t */
int64_t phr_time_add(int64_t a, int64_t b);
int64_t phr_time_sub(int64_t a, int64_t b);

/* sorted copies without repetition, for the hashes of labels */
int phr_eval_names(phr_eval_t *ev, const phr_names_t *names,
    phr_str_t **sorted, size_t *n);


/* eval_select.c: vector selectors and subqueries */

int phr_eval_selector(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);

/* timestamp() of a selector: the samples' own times, in seconds */
int phr_eval_selector_times(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);

/* start_timestamp() of one: since when they count, 0 if that is not known */
int phr_eval_selector_starts(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);

/* the steps at which the expression of a subquery is evaluated */
int phr_eval_subgrid(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_grid_t *sub);

/*
 * Points: the samples that a range function or a matrix result looks at,
 * series by series, without stale markers; from storage for a matrix
 * selector, from the evaluated expression for a subquery.
 */
typedef struct {
    phr_labels_t        labels;         /* of the present series */
    const int64_t      *t_ms;
    const double       *v;
    const phr_hist_t *const  *h;        /* NULL: floats only */
    const int64_t      *st_ms;          /* see phr_series_t, for these, too */
    const double       *w;
    const phr_part_t   *parts;
    size_t              nparts;
    size_t              n;
    unsigned            drop_name:1;

    const phr_node_t   *node;
    const phr_grid_t   *steps;
    phr_series_set_t   *set;            /* NULL if from a subquery */
    phr_value_t         value;
    phr_grid_t          grid;
    size_t              next;

    phr_arena_t        *arena;          /* where the room counts */
    char               *room;           /* on the heap */
    size_t              nroom;
    int64_t            *t_buf;          /* in it, those that are needed */
    double             *v_buf;
    const phr_hist_t  **h_buf;
    int64_t            *st_buf;
    double             *w_buf;
} phr_points_t;

/* the time up to which samples answer for t: t, where they are not coarse */
static inline int64_t
phr_part_floor(const phr_part_t *parts, size_t n, int64_t t_ms)
{
    size_t   i;
    int64_t  rest;

    for (i = 0; i < n; i++) {
        if (t_ms <= parts[i].to_ms) {
            rest = t_ms % parts[i].res_ms;
            return t_ms - (rest < 0 ? rest + parts[i].res_ms : rest);
        }
    }

    return t_ms;
}

/* close it whether or not open succeeded */
int phr_points_open(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_points_t *p);
int phr_points_next(phr_eval_t *ev, phr_points_t *p);   /* PHR_DONE at end */
void phr_points_close(phr_points_t *p);

/* storage's series that matchers select; for info(), too */
int phr_eval_select(phr_eval_t *ev, const phr_matcher_t *m, size_t n,
    int64_t min_ms, int64_t max_ms, const phr_select_hints_t *hints,
    phr_series_set_t **set);


/* eval_binary.c */

int phr_eval_binary(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);

/* the value of l op r; of comparisons, whether it holds, and l */
int phr_binary_op(phr_token_e op, double l, double r, double *v);

/* cuts buckets off histograms, which has no meaning for floats */
int phr_binary_trims(phr_token_e op);


/* dialect_binary.c: default, if, ifnot */
int phr_eval_gaps(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);

/* dialect_select.c: the series of any alternative */
int phr_eval_select_any(phr_eval_t *ev, const phr_node_selector_t *s,
    int64_t min_ms, int64_t max_ms, const phr_select_hints_t *hints,
    phr_series_set_t **set);


/* eval_native.c: histograms in columns */

/* the histogram of a sample, NULL if it is a float */
static inline const phr_hist_t *
phr_eval_hist(const phr_eval_t *ev, double v)
{
    return phr_is_boxed(v) ? ev->hists[(uint32_t) phr_double_bits(v)] : NULL;
}

/* the sample of a histogram, which must live as long as the query */
int phr_eval_box(phr_eval_t *ev, const phr_hist_t *h, double *v);

/*
 * The hint of a histogram as selectors and sums see it: that there was a
 * reset is told to histogram_count() and its kin alone.
 */
static inline uint8_t
phr_eval_hint(const phr_eval_t *ev, const phr_hist_t *h)
{
    return h->hint == PHR_HIST_RESET && ev->resets != 1
           ? PHR_HIST_RESET_UNKNOWN : h->hint;
}


/* the same for one that may go; a NULL for h is a want of memory */
int phr_eval_box_copy(phr_eval_t *ev, const phr_hist_t *h, double *v);

/* what n samples of a column count as; those that are not there nothing */
uint64_t phr_eval_samples(const phr_eval_t *ev, const double *v, size_t n);
uint64_t phr_eval_value_samples(const phr_eval_t *ev,
    const phr_value_t *value, size_t nsteps);

/* notes that n samples were looked at for a step */
static inline void
phr_eval_read(phr_eval_t *ev, size_t step, uint64_t n)
{
    ev->read += n;

    if (ev->step_read != NULL) {
        ev->step_read[step] += n;
    }
}

/* takes the histograms out of n samples, and returns how many there were */
size_t phr_eval_drop_hists(const phr_eval_t *ev, double *v, size_t n);
void phr_eval_drop_all_hists(const phr_eval_t *ev, phr_value_t *value,
    size_t nsteps);

/* a histogram times a number */
int phr_eval_scale(phr_eval_t *ev, double *v, double factor, int divide);

/* what can be said of histograms; %s is a name or an operator, if any */
typedef enum {
    PHR_NATIVE_NOTE_NONE = 0,
    PHR_NATIVE_NOTE_FLOAT_FLOAT,        /* operands, see _binary() */
    PHR_NATIVE_NOTE_FLOAT_HIST,
    PHR_NATIVE_NOTE_HIST_FLOAT,
    PHR_NATIVE_NOTE_HIST_HIST,
    PHR_NATIVE_NOTE_LAYOUT,
    PHR_NATIVE_NOTE_COLLISION,
    PHR_NATIVE_NOTE_RECONCILED,
    PHR_NATIVE_NOTE_MIXED,
    PHR_NATIVE_NOTE_MIXED_AGGREGATION,
    PHR_NATIVE_NOTE_MIXED_CLASSIC,
    PHR_NATIVE_NOTE_MIXED_SCHEMA,
    PHR_NATIVE_NOTE_NOT_COUNTER,
    PHR_NATIVE_NOTE_NOT_GAUGE,
    PHR_NATIVE_NOTE_IGNORED,
    PHR_NATIVE_NOTE_IGNORED_RANGE,
    PHR_NATIVE_NOTE_NAN_RESULT,
    PHR_NATIVE_NOTE_NAN_SKEW,
    PHR_NATIVE_NOTE_NAN_FRACTION,
} phr_native_note_e;

int phr_eval_native_note(phr_eval_t *ev, phr_native_note_e note,
    int32_t start, phr_str_t name);

/*
 * As phr_binary_op(), for samples that may be histograms: 1, 0,
 * PHR_BINARY_NONE if there is no result at all, or a failure.  *note is
 * written only if there is anything to say.
 */
#define PHR_BINARY_NONE  2

int phr_eval_binary_native(phr_eval_t *ev, phr_token_e op, double l,
    double r, double *v, uint8_t *note);
int phr_eval_binary_notes(phr_eval_t *ev, const phr_node_t *node,
    const uint8_t *notes, size_t n);

/* the histogram between two at t; a counter that was reset began at zero */
int phr_eval_between(phr_eval_t *ev, const phr_hist_t *a, int64_t a_ms,
    const phr_hist_t *b, int64_t b_ms, int64_t t_ms, int counter,
    int32_t start, phr_str_t name, const phr_hist_t **h);

/*
 * "smoothed" selectors, at the step that looks at ref; *first is where the
 * step before began to look, 0 for the first one
 */
int phr_eval_smooth_native(phr_eval_t *ev, const phr_node_t *node,
    const phr_series_t *s, int64_t ref, size_t *first, double *v);

/* the sum or the average of histograms as they come */
typedef struct {
    phr_native_t  n;
    double        count;
    unsigned      has_hist:1;
    unsigned      has_float:1;
    unsigned      incompatible:1;
    unsigned      running:1;            /* a mean, as the sum overflows */
    unsigned      reset:1;
    unsigned      no_reset:1;
    unsigned      reconciled:1;
} phr_native_sum_t;

int phr_native_sum_add(phr_eval_t *ev, phr_native_sum_t *s,
    const phr_hist_t *h, int avg);
int phr_native_sum_end(phr_eval_t *ev, phr_native_sum_t *s, int avg,
    double *v);


/* eval_join.c and eval_set.c: operators between vectors */

int phr_eval_join(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);

/*
 * Signatures: the number of the match group of each column of both sides.
 * Columns match if their groups are the same.
 */
typedef struct {
    uint32_t  *lhs;
    uint32_t  *rhs;
    size_t     n;
} phr_match_t;

int phr_eval_match(phr_eval_t *ev, const phr_node_binary_t *b,
    const phr_value_t *lhs, const phr_value_t *rhs, phr_match_t *m);

int phr_eval_set(phr_eval_t *ev, const phr_node_binary_t *b,
    const phr_grid_t *g, phr_value_t *lhs, phr_value_t *rhs,
    phr_value_t *out);


/* eval_fold.c, eval_aggregate.c and eval_rank.c: aggregations */

/* sum, avg, min, max, count, group, stddev, stdvar */
int phr_eval_fold(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);

int phr_eval_aggregate(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);

/* the columns of one group, in order; labels are those of the result */
typedef struct {
    phr_labels_t   labels;
    uint32_t      *cols;
    size_t         n;
} phr_group_t;

/* groups of columns by the labels of by() or without(), up to the limit */
int phr_eval_groups(phr_eval_t *ev, const phr_node_t *node,
    const phr_value_t *in, phr_group_t **groups, size_t *ngroups);

/* dialect_aggregate.c: those of MetricsQL, and any that have a limit */
int phr_eval_aggregate_dialect(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);

/* those of PromQL, whatever their limit */
int phr_eval_aggregate_plain(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);

/* topk, bottomk, limitk, limit_ratio; param has one number per step */
int phr_eval_rank(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *in, const phr_group_t *groups,
    size_t ngroups, const double *param, phr_value_t *out);

int phr_eval_count_values(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *in, phr_value_t *out);

/* the labels of a group that a column with these labels belongs to */
int phr_eval_group_labels(phr_eval_t *ev, phr_labels_t ls, int without,
    const phr_str_t *names, size_t n, phr_labels_t *out);


/* eval_result.c: what the caller gets, all of it in the query's arena */

int phr_result_vector(phr_eval_t *ev, const phr_value_t *value,
    int64_t t_ms, phr_result_t *result);
int phr_result_range(phr_eval_t *ev, const phr_value_t *value,
    const phr_grid_t *g, phr_result_t *result);

/* a range vector as the result of an instant query */
int phr_result_points(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_result_t *result);


#endif /* PHR_EVAL_H_INCLUDED */
