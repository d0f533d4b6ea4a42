/*
 * Copyright (C) The Pharos Authors
 *
 * Aggregations that fold: each column is added to that of its group as soon
 * as it is made, so that a sum over many series needs memory for the groups
 * alone.
 */

#include "promql/eval.h"

#include <math.h>

#include "promql/stats.h"


/*
 * One aggregation: adds a column to that of a group, and at the end makes
 * the result of it.  A step without a sample so far is absent in v; naux is
 * how many numbers each step needs besides.
 */
typedef struct {
    void    (*add)(double *v, double *aux, const double *in, size_t n);
    void    (*end)(double *v, double *aux, size_t n);
    size_t    naux;
} phr_fold_op_t;


/* by the number of its column in out */
typedef struct {
    phr_labels_t        labels;     /* of the first series, all of them */
    double             *aux;
    phr_native_sum_t  **sums;       /* by step, of histograms; may be NULL */
} phr_fold_group_t;


typedef struct {
    phr_sink_t              sink;       /* first: the sink is the fold */
    phr_eval_t             *ev;
    const phr_grid_t       *g;
    const phr_fold_op_t    *op;
    const phr_node_t       *node;
    int                     without;
    phr_str_t              *names;
    size_t                  nnames;
    phr_value_t            *out;
    phr_fold_group_t       *groups;
    size_t                  nalloc;
    phr_slots_t             index;
} phr_fold_t;


static const phr_fold_op_t *phr_fold_op(phr_token_e op);
static int phr_fold_column(phr_sink_t *s, phr_labels_t labels, double *v,
    int drop_name);
static int phr_fold_native(phr_fold_t *f, uint32_t id, phr_labels_t labels,
    double *v);
static int phr_fold_native_sum(phr_fold_t *f, phr_fold_group_t *group,
    size_t step, phr_native_sum_t **s);
static int phr_fold_native_end(phr_fold_t *f, size_t id);
static int phr_fold_find(phr_fold_t *f, phr_labels_t labels, uint32_t *id);
static int phr_fold_new(phr_fold_t *f, phr_labels_t labels, uint64_t hash,
    uint32_t *id);
static void phr_fold_sum(double *v, double *aux, const double *in, size_t n);
static void phr_fold_sum_end(double *v, double *aux, size_t n);
static void phr_fold_avg(double *v, double *aux, const double *in, size_t n);
static void phr_fold_avg_end(double *v, double *aux, size_t n);
static void phr_fold_min(double *v, double *aux, const double *in, size_t n);
static void phr_fold_max(double *v, double *aux, const double *in, size_t n);
static void phr_fold_count(double *v, double *aux, const double *in,
    size_t n);
static void phr_fold_group(double *v, double *aux, const double *in,
    size_t n);
static void phr_fold_var(double *v, double *aux, const double *in, size_t n);
static void phr_fold_stdvar_end(double *v, double *aux, size_t n);
static void phr_fold_stddev_end(double *v, double *aux, size_t n);


int
phr_eval_fold(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_value_t *out)
{
    int                          rc;
    size_t                       i;
    phr_fold_t                   f;
    const phr_node_aggregate_t  *a;

    a = &node->u.aggregate;

    memset(&f, 0, sizeof(f));
    f.sink.column = phr_fold_column;
    f.ev = ev;
    f.g = g;
    f.op = phr_fold_op(a->op);
    f.node = node;
    f.without = a->without;
    f.out = out;

    rc = phr_eval_names(ev, &a->grouping, &f.names, &f.nnames);
    if (rc == PHR_OK) {
        rc = phr_slots_init(&f.index, ev->arena, 16);
    }

    if (rc == PHR_OK) {
        rc = phr_eval_stream(ev, a->expr, g, &f.sink);
    }

    if (rc < 0) {
        return rc;
    }

    for (i = 0; f.op->end != NULL && i < out->n; i++) {
        f.op->end(out->cols[i].v, f.groups[i].aux, g->n);
    }

    if (ev->nhists != 0) {
        for (i = 0; rc >= 0 && i < out->n; i++) {
            if (f.groups[i].sums != NULL) {
                rc = phr_fold_native_end(&f, i);
            }
        }

        phr_value_compact(out, g->n);
    }

    return rc < 0 ? rc : PHR_OK;
}


static const phr_fold_op_t *
phr_fold_op(phr_token_e op)
{
    size_t  i;

    static const struct {
        phr_token_e    token;
        phr_fold_op_t  op;
    } ops[] = {
        { PHR_TOK_SUM, { phr_fold_sum, phr_fold_sum_end, 1 } },
        { PHR_TOK_AVG, { phr_fold_avg, phr_fold_avg_end, 2 } },
        { PHR_TOK_MIN, { phr_fold_min, NULL, 0 } },
        { PHR_TOK_MAX, { phr_fold_max, NULL, 0 } },
        { PHR_TOK_COUNT, { phr_fold_count, NULL, 0 } },
        { PHR_TOK_GROUP, { phr_fold_group, NULL, 0 } },
        { PHR_TOK_STDVAR, { phr_fold_var, phr_fold_stdvar_end, 2 } },
        { PHR_TOK_STDDEV, { phr_fold_var, phr_fold_stddev_end, 2 } },
    };

    for (i = 0; i < phr_nelems(ops) - 1; i++) {
        if (ops[i].token == op) {
            break;
        }
    }

    phr_assert(ops[i].token == op);

    return &ops[i].op;
}


static int
phr_fold_column(phr_sink_t *s, phr_labels_t labels, double *v, int drop_name)
{
    int            rc;
    uint32_t       id;
    phr_fold_t    *f;
    phr_column_t  *c;

    f = (phr_fold_t *) s;

    if (drop_name && !f->ev->query->delayed_names) {
        rc = phr_labels_drop_metadata(f->ev->arena, labels, &labels);
        if (rc < 0) {
            return rc;
        }

        drop_name = 0;
    }

    rc = phr_fold_find(f, labels, &id);
    if (rc < 0) {
        return rc;
    }

    c = &f->out->cols[id];
    c->drop_name |= drop_name ? 1 : 0;

    if (f->ev->nhists != 0) {
        rc = phr_fold_native(f, id, labels, v);
        if (rc < 0) {
            return rc;
        }
    }

    f->op->add(c->v, f->groups[id].aux, v, f->g->n);

    return PHR_AGAIN;
}


/*
 * Takes the histograms out of a column: sum and avg keep them apart, count
 * and group count them as any sample, the others leave them out.
 */
static int
phr_fold_native(phr_fold_t *f, uint32_t id, phr_labels_t labels, double *v)
{
    int                rc, boxed;
    size_t             i;
    phr_token_e        op;
    phr_native_sum_t  *s;
    phr_fold_group_t  *group;

    op = f->node->u.aggregate.op;
    group = &f->groups[id];
    s = NULL;

    if (op == PHR_TOK_COUNT || op == PHR_TOK_GROUP) {
        return PHR_OK;
    }

    if (op != PHR_TOK_SUM && op != PHR_TOK_AVG) {
        if (phr_eval_drop_hists(f->ev, v, f->g->n) == 0) {
            return PHR_OK;
        }

        return phr_eval_native_note(f->ev, PHR_NATIVE_NOTE_IGNORED,
                                    f->node->u.aggregate.expr->start,
                                    phr_str_from_c(phr_token_text(op)));
    }

    for (i = 0; i < f->g->n; i++) {
        boxed = phr_is_boxed(v[i]);

        if (phr_is_stale(v[i]) || (!boxed && group->sums == NULL)) {
            continue;
        }

        rc = phr_fold_native_sum(f, group, i, &s);
        if (rc < 0) {
            return rc;
        }

        if (s->incompatible) {
            v[i] = phr_no_sample();
            continue;
        }

        if (!boxed) {
            s->has_float = 1;
            continue;
        }

        /* a histogram after floats makes no sum, whatever is in it */

        if (!s->has_hist && !phr_is_stale(f->out->cols[id].v[i])) {
            s->has_float = 1;
        }

        rc = PHR_OK;

        if (s->has_float && !s->has_hist) {
            s->has_hist = 1;

        } else if (s->count != 0 || !s->has_float) {
            rc = phr_native_sum_add(f->ev, s, phr_eval_hist(f->ev, v[i]),
                                    op == PHR_TOK_AVG);
        }

        if (rc == PHR_OK && s->incompatible) {
            rc = phr_eval_native_note(f->ev, PHR_NATIVE_NOTE_MIXED_SCHEMA,
                                      f->node->u.aggregate.expr->start,
                                      phr_labels_get(labels,
                                          phr_str_of(PHR_METRIC_NAME)));
        }

        if (rc < 0) {
            return rc;
        }

        v[i] = phr_no_sample();
    }

    return PHR_OK;
}


static int
phr_fold_native_sum(phr_fold_t *f, phr_fold_group_t *group, size_t step,
    phr_native_sum_t **s)
{
    if (group->sums == NULL) {
        group->sums = phr_arena_calloc(f->ev->arena, f->g->n,
                                       sizeof(phr_native_sum_t *));
        if (group->sums == NULL) {
            return phr_eval_nomem(f->ev);
        }
    }

    if (group->sums[step] == NULL) {
        group->sums[step] = phr_arena_calloc(f->ev->arena, 1,
                                             sizeof(phr_native_sum_t));
        if (group->sums[step] == NULL) {
            return phr_eval_nomem(f->ev);
        }
    }

    *s = group->sums[step];

    return PHR_OK;
}


static int
phr_fold_native_end(phr_fold_t *f, size_t id)
{
    int                rc;
    double            *v;
    size_t             i;
    int32_t            start;
    phr_native_sum_t  *s;

    v = f->out->cols[id].v;
    start = f->node->u.aggregate.expr->start;
    rc = PHR_OK;

    for (i = 0; rc == PHR_OK && i < f->g->n; i++) {
        s = f->groups[id].sums[i];

        if (s == NULL || !s->has_hist) {
            continue;
        }

        if (s->reconciled) {
            rc = phr_eval_native_note(f->ev, PHR_NATIVE_NOTE_RECONCILED,
                                      start, phr_str_of("aggregation"));
        }

        if (rc == PHR_OK && s->has_float) {
            v[i] = phr_no_sample();
            rc = phr_eval_native_note(f->ev,
                                      PHR_NATIVE_NOTE_MIXED_AGGREGATION,
                                      start, phr_str_of("aggregation"));
            continue;
        }

        if (rc < 0 || s->incompatible) {
            v[i] = phr_no_sample();
            continue;
        }

        if (s->reset && s->no_reset) {
            rc = phr_eval_native_note(f->ev, PHR_NATIVE_NOTE_COLLISION,
                                      start, phr_str_of("aggregation"));
        }

        if (rc == PHR_OK) {
            rc = phr_native_sum_end(f->ev, s,
                                    f->node->u.aggregate.op == PHR_TOK_AVG,
                                    &v[i]);
        }
    }

    return rc;
}


/* the number of the group that a series belongs to */
static int
phr_fold_find(phr_fold_t *f, phr_labels_t labels, uint32_t *id)
{
    size_t    pos;
    uint64_t  hash;

    hash = f->without
           ? phr_labels_hash_ignoring(labels, f->names, f->nnames)
           : phr_labels_hash_on(labels, f->names, f->nnames);
    pos = SIZE_MAX;

    do {
        *id = phr_slots_next(&f->index, hash, &pos);

        if (*id == PHR_INDEX_NONE) {
            return phr_fold_new(f, labels, hash, id);
        }

    } while (!(f->without
               ? phr_labels_eq_ignoring(f->groups[*id].labels, labels,
                                        f->names, f->nnames)
               : phr_labels_eq_on(f->groups[*id].labels, labels, f->names,
                                  f->nnames)));

    return PHR_OK;
}


static int
phr_fold_new(phr_fold_t *f, phr_labels_t labels, uint64_t hash, uint32_t *id)
{
    int                rc;
    double            *v;
    size_t             n;
    phr_arena_t       *a;
    phr_labels_t       result;
    phr_fold_group_t  *group;

    a = f->ev->arena;

    if (f->out->n == f->nalloc) {
        n = f->nalloc * 2 + 8;

        group = phr_arena_grow(a, f->groups,
                               f->nalloc * sizeof(phr_fold_group_t),
                               n * sizeof(phr_fold_group_t));
        if (group == NULL) {
            return phr_eval_nomem(f->ev);
        }

        f->groups = group;
        f->nalloc = n;
    }

    group = &f->groups[f->out->n];
    group->labels = labels;
    group->aux = NULL;
    group->sums = NULL;

    if (f->op->naux != 0) {
        group->aux = phr_arena_calloc(a, f->g->n,
                                      f->op->naux * sizeof(double));
        if (group->aux == NULL) {
            return phr_eval_nomem(f->ev);
        }
    }

    rc = phr_eval_group_labels(f->ev, labels, f->without, f->names,
                               f->nnames, &result);
    if (rc < 0) {
        return rc;
    }

    v = phr_col_create(a, f->g->n);
    if (v == NULL || phr_value_push(f->out, a, result, v, 0) == NULL) {
        return phr_eval_nomem(f->ev);
    }

    *id = f->out->n - 1;

    return phr_slots_add(&f->index, hash, *id);
}


/* aux: the compensation */
static void
phr_fold_sum(double *v, double *aux, const double *in, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (phr_is_stale(in[i])) {
            continue;
        }

        if (phr_is_stale(v[i])) {
            v[i] = in[i];

        } else {
            phr_kahan_add(in[i], &v[i], &aux[i]);
        }
    }
}


static void
phr_fold_sum_end(double *v, double *aux, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!phr_is_stale(v[i])) {
            v[i] += aux[i];
        }
    }
}


/* one step of an average; its count is negative while the mean runs */
static void
phr_fold_mean(phr_mean_t *m, double v, double c, double count)
{
    m->running = count < 0;
    m->count = fabs(count);
    m->sum = v;
    m->mean = v;
    m->c = c;
}


/* v: the sum, or the mean when it runs; aux: compensations, then counts */
static void
phr_fold_avg(double *v, double *aux, const double *in, size_t n)
{
    double      *count;
    size_t       i;
    phr_mean_t   m;

    count = aux + n;

    for (i = 0; i < n; i++) {
        if (phr_is_stale(in[i])) {
            continue;
        }

        if (phr_is_stale(v[i])) {
            v[i] = in[i];
            count[i] = 1;
            continue;
        }

        phr_fold_mean(&m, v[i], aux[i], count[i]);
        phr_mean_add(&m, in[i]);

        v[i] = m.running ? m.mean : m.sum;
        aux[i] = m.c;
        count[i] = m.running ? -m.count : m.count;
    }
}


static void
phr_fold_avg_end(double *v, double *aux, size_t n)
{
    size_t      i;
    phr_mean_t  m;

    for (i = 0; i < n; i++) {
        if (!phr_is_stale(v[i])) {
            phr_fold_mean(&m, v[i], aux[i], aux[n + i]);
            v[i] = phr_mean_get(&m);
        }
    }
}


/* NaN, as which an absent value counts too, only if there is nothing else */
static void
phr_fold_min(double *v, double *aux, const double *in, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!phr_is_stale(in[i]) && (isnan(v[i]) || v[i] > in[i])) {
            v[i] = in[i];
        }
    }
}


static void
phr_fold_max(double *v, double *aux, const double *in, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!phr_is_stale(in[i]) && (isnan(v[i]) || v[i] < in[i])) {
            v[i] = in[i];
        }
    }
}


static void
phr_fold_count(double *v, double *aux, const double *in, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!phr_is_stale(in[i])) {
            v[i] = phr_is_stale(v[i]) ? 1 : v[i] + 1;
        }
    }
}


static void
phr_fold_group(double *v, double *aux, const double *in, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!phr_is_stale(in[i])) {
            v[i] = 1;
        }
    }
}


/* Welford's method; v: the sum of squares, aux: means, then counts */
static void
phr_fold_var(double *v, double *aux, const double *in, size_t n)
{
    double  *count, delta;
    size_t   i;

    count = aux + n;

    for (i = 0; i < n; i++) {
        if (phr_is_stale(in[i])) {
            continue;
        }

        if (++count[i] == 1) {
            aux[i] = in[i];
            v[i] = isfinite(in[i]) ? 0 : NAN;
            continue;
        }

        delta = in[i] - aux[i];
        aux[i] += delta / count[i];
        v[i] += delta * (in[i] - aux[i]);
    }
}


static void
phr_fold_stdvar_end(double *v, double *aux, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!phr_is_stale(v[i])) {
            v[i] /= aux[n + i];
        }
    }
}


static void
phr_fold_stddev_end(double *v, double *aux, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!phr_is_stale(v[i])) {
            v[i] = sqrt(v[i] / aux[n + i]);
        }
    }
}
