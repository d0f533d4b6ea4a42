/*
 * Copyright (C) The Pharos Authors
 *
 * Value: what a node of the tree evaluates to over a whole query.  A vector
 * is a set of columns, one per series, each with one sample per step.  A
 * scalar is a single column that has a sample at every step.
 *
 * Samples are reached through the small helpers below only, so that a
 * column of native histograms can stand beside the doubles.
 */

#ifndef PHR_VALUE_H_INCLUDED
#define PHR_VALUE_H_INCLUDED


#include "core/labels.h"
#include "promql/promql.h"


/* the steps that a node is evaluated at */
typedef struct {
    int64_t  start_ms;
    int64_t  step_ms;           /* above zero, also if there is one step */
    size_t   n;                 /* may be 0 in a subquery */
} phr_grid_t;


/*
 * Storage's stale marker says that a step has no sample: selectors never
 * let one through, and arithmetic cannot make one, because it turns every
 * signaling NaN into a quiet one.
 */
typedef struct {
    phr_labels_t   labels;
    double        *v;           /* one per step */
    unsigned       drop_name:1; /* the name is to go when all is evaluated */
} phr_column_t;


typedef struct {
    phr_type_e     type;        /* SCALAR, STRING or VECTOR */
    phr_column_t  *cols;
    size_t         n;
    size_t         nalloc;
    phr_str_t      string;
} phr_value_t;


static inline double
phr_no_sample(void)
{
    return phr_double_from_bits(PHR_STALE_NAN_BITS);
}


static inline int
phr_col_has(const phr_column_t *c, size_t step)
{
    return !phr_is_stale(c->v[step]);
}


static inline void
phr_col_clear(phr_column_t *c, size_t step)
{
    c->v[step] = phr_no_sample();
}


static inline int64_t
phr_grid_time(const phr_grid_t *g, size_t step)
{
    return g->start_ms + (int64_t) step * g->step_ms;
}


static inline int64_t
phr_grid_last(const phr_grid_t *g)
{
    return g->n == 0 ? g->start_ms : phr_grid_time(g, g->n - 1);
}


/*
 * A histogram in a column: another signaling NaN, whose low half is its
 * number in the table of the evaluator (promql/eval_native.c).  Copying,
 * merging and choosing samples need not know; whoever computes asks for it.
 * Floats with such bits are made quiet where they come from storage.
 */
#define PHR_BOX_BITS  0x7ff40000ULL

static inline int
phr_is_boxed(double v)
{
    return phr_double_bits(v) >> 32 == PHR_BOX_BITS;
}


/* any signaling NaN: a stale marker, or what must not come from storage */
static inline int
phr_is_signaling(double v)
{
    return phr_double_bits(v) - 0x7ff0000000000001ULL < 0x7ffffffffffffULL;
}


/* how many of n steps have a sample */
size_t phr_col_count(const double *v, size_t n);

/* n steps without samples, NULL if the arena has no room */
double *phr_col_create(phr_arena_t *a, size_t n);

/* an empty vector */
void phr_value_init(phr_value_t *value);

/* adds a column at the end, NULL if the arena has no room */
phr_column_t *phr_value_push(phr_value_t *value, phr_arena_t *a,
    phr_labels_t labels, double *v, int drop_name);

/* the same with a new column without samples, whose values it gives */
double *phr_value_push_new(phr_value_t *value, phr_arena_t *a,
    phr_labels_t labels, size_t nsteps, int drop_name);

/* samples in all columns */
uint64_t phr_value_count(const phr_value_t *value, size_t nsteps);

/* by labels */
void phr_value_sort(phr_value_t *value);

/* takes away the columns that have no sample */
void phr_value_compact(phr_value_t *value, size_t nsteps);


/*
 * Slots: find entries by hash.  Entries are numbers that the caller gives
 * a meaning to; the caller also tells whether two of one hash are equal.
 */
typedef struct {
    uint64_t  hash;
    uint32_t  id;               /* 0: free, else the entry + 1 */
} phr_slots_slot_t;

typedef struct {
    phr_arena_t       *arena;
    phr_slots_slot_t  *slots;
    size_t             mask;
    size_t             n;
} phr_slots_t;

#define PHR_INDEX_NONE  UINT32_MAX

int phr_slots_init(phr_slots_t *x, phr_arena_t *a, size_t expected);
int phr_slots_add(phr_slots_t *x, uint64_t hash, uint32_t id);

/*
 * Visits the entries of a hash, in the order in which they were added:
 * start with *pos = SIZE_MAX; PHR_INDEX_NONE at the end.
 */
uint32_t phr_slots_next(const phr_slots_t *x, uint64_t hash,
    size_t *pos);


/* the labels without __name__, __type__ and __unit__ */
int phr_labels_drop_metadata(phr_arena_t *a, phr_labels_t in,
    phr_labels_t *out);

/* {__name__="a", b="c"}: the name among the labels, as errors show them */
void phr_labels_print(phr_buf_t *b, phr_labels_t ls);

/*
 * Joins the columns that have equal labels.  PHR_EEXEC "vector cannot
 * contain metrics with the same labelset" if two have a sample at one step.
 */
int phr_value_merge(phr_value_t *value, phr_arena_t *a, size_t nsteps,
    phr_err_t *err);

/*
 * The same after dropping the names that are to go; nothing is done if there
 * are none.  Strict: equal labels are an error at different steps, too.
 */
int phr_value_drop_names(phr_value_t *value, phr_arena_t *a, size_t nsteps,
    int strict, phr_err_t *err);


/*
 * Collector: a vector that is made of columns that may have equal labels.
 * Over several steps such columns are joined, and two samples at one step
 * are an error; at a single step they stay apart, because what follows may
 * tell them apart again.
 */
typedef struct {
    phr_value_t  *out;
    phr_slots_t   index;
    phr_arena_t  *arena;
    size_t        nsteps;
} phr_collect_t;

int phr_collect_init(phr_collect_t *c, phr_value_t *out, phr_arena_t *a,
    size_t nsteps, size_t expected);

/* v becomes the collector's */
int phr_collect_add(phr_collect_t *c, phr_labels_t labels, double *v,
    int drop_name, phr_err_t *err);

/* a single sample; the column is made if there is none */
int phr_collect_sample(phr_collect_t *c, phr_labels_t labels, size_t step,
    double v, int drop_name, phr_err_t *err);


#endif /* PHR_VALUE_H_INCLUDED */
