/*
 * Copyright (C) The Pharos Authors
 *
 * Aggregations that keep the series of a group apart: topk, bottomk, limitk
 * and limit_ratio choose among them, count_values makes one for each value.
 */

#include "promql/eval.h"

#include <math.h>

#include "core/number.h"
#include "core/utf8.h"


typedef struct {
    double    v;
    uint32_t  col;
} phr_rank_t;


typedef struct {
    phr_eval_t        *ev;
    const phr_grid_t  *g;
    phr_value_t       *out;
    phr_slots_t        index;       /* of the columns of out */
    phr_str_t          label;       /* that takes the value */
    phr_str_t         *names;
    size_t             nnames;
    int                without;
} phr_counts_t;


static int phr_rank_check(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, const double *param, int *any);
static size_t phr_rank_step(phr_token_e op, const phr_value_t *in,
    const phr_group_t *group, size_t step, double param, phr_rank_t *heap);
static int phr_rank_less(phr_token_e op, double a, double b);
static void phr_rank_up(phr_token_e op, phr_rank_t *heap, size_t i);
static void phr_rank_down(phr_token_e op, phr_rank_t *heap, size_t n,
    size_t i);
static void phr_rank_sort(phr_token_e op, phr_rank_t *heap, size_t n);
static int phr_rank_in_ratio(phr_labels_t labels, double ratio);
static int phr_count_values_find(phr_counts_t *counts, phr_labels_t ls,
    double value, uint32_t *id);


int
phr_eval_rank(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_value_t *in, const phr_group_t *groups, size_t ngroups,
    const double *param, phr_value_t *out)
{
    int            rc, any;
    double       **v;
    size_t         i, k, n, step;
    phr_rank_t    *heap;
    phr_column_t  *c;
    phr_token_e    op;

    op = node->u.aggregate.op;

    rc = phr_rank_check(ev, node, g, param, &any);
    if (rc < 0 || !any) {
        return rc;
    }

    heap = phr_arena_alloc(ev->arena, (in->n + 1) * sizeof(phr_rank_t));
    v = phr_arena_calloc(ev->arena, in->n + 1, sizeof(double *));

    if (heap == NULL || v == NULL) {
        return phr_eval_nomem(ev);
    }

    for (i = 0; i < ngroups; i++) {
        for (step = 0; step < g->n; step++) {

            n = phr_rank_step(op, in, &groups[i], step, param[step], heap);

            for (k = 0; k < n; k++) {
                c = &in->cols[heap[k].col];

                if (v[heap[k].col] == NULL) {
                    phr_yield(PHR_EVAL_COLUMN);
                    v[heap[k].col] = phr_col_create(ev->arena, g->n);

                    if (v[heap[k].col] == NULL
                        || phr_value_push(out, ev->arena, c->labels,
                                          v[heap[k].col], c->drop_name)
                           == NULL)
                    {
                        return phr_eval_nomem(ev);
                    }
                }

                v[heap[k].col][step] = heap[k].v;
            }

            rc = phr_eval_poll_after(ev, groups[i].n * PHR_EVAL_STEP);
            if (rc < 0) {
                return rc;
            }
        }
    }

    return PHR_OK;
}


/* *any is 0 if nothing can be chosen at any step */
static int
phr_rank_check(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    const double *param, int *any)
{
    int          rc, has_nan, ratio;
    char         buf[PHR_NOTE_NUMBER];
    double       min, max;
    size_t       i;
    int32_t      start;

    ratio = node->u.aggregate.op == PHR_TOK_LIMIT_RATIO;
    start = phr_ast_unparen(node->u.aggregate.param)->start;
    min = INFINITY;
    max = -INFINITY;
    has_nan = 0;

    for (i = 0; i < g->n; i++) {
        has_nan |= isnan(param[i]);
        min = phr_min(min, param[i]);
        max = phr_max(max, param[i]);
    }

    if (!ratio) {
        *any = has_nan || max >= 1;

        if (!*any) {
            return PHR_OK;
        }

        if (has_nan) {
            return phr_err_set(ev->err, PHR_EEXEC, "Parameter value is NaN");
        }

        if (min <= -9223372036854775808.0) {
            return phr_err_set(ev->err, PHR_EEXEC,
                               "Scalar value %s underflows int64",
                               phr_annotate_number(buf, min));
        }

        if (max >= 9223372036854775808.0) {
            return phr_err_set(ev->err, PHR_EEXEC,
                               "Scalar value %s overflows int64",
                               phr_annotate_number(buf, max));
        }

        return PHR_OK;
    }

    *any = has_nan || max != 0 || min != 0;

    if (has_nan) {
        return phr_err_set(ev->err, PHR_EEXEC, "Ratio value is NaN");
    }

    rc = PHR_OK;

    if (max > 1) {
        rc = phr_annotate(&ev->notes, ev->arena, PHR_NOTE_WARNING, start,
                          "PromQL warning: ratio value should be between -1 "
                          "and 1, got %s, capping to 1",
                          phr_annotate_number(buf, max));
    }

    if (rc == PHR_OK && min < -1) {
        rc = phr_annotate(&ev->notes, ev->arena, PHR_NOTE_WARNING, start,
                          "PromQL warning: ratio value should be between -1 "
                          "and 1, got %s, capping to -1",
                          phr_annotate_number(buf, min));
    }

    return rc;
}


/*
 * Which samples of a group are chosen at a step, in the order of an instant
 * result.  The heap is Go's, whose root is the first to be replaced, so that
 * equal values are chosen as Prometheus does.
 */
static size_t
phr_rank_step(phr_token_e op, const phr_value_t *in,
    const phr_group_t *group, size_t step, double param, phr_rank_t *heap)
{
    double               v;
    size_t               i, n, k;
    const phr_column_t  *c;

    n = 0;
    k = 0;

    if (op != PHR_TOK_LIMIT_RATIO) {
        if (param < 1) {
            return 0;
        }

        k = param > (double) in->n ? in->n : (size_t) param;
    }

    for (i = 0; i < group->n; i++) {
        c = &in->cols[group->cols[i]];

        if (!phr_col_has(c, step)) {
            continue;
        }

        v = c->v[step];

        if (op == PHR_TOK_LIMIT_RATIO) {
            if (!phr_rank_in_ratio(c->labels, param)) {
                continue;
            }

        } else if (n == k) {

            if (op == PHR_TOK_LIMITK) {
                break;
            }

            if (op == PHR_TOK_TOPK ? heap[0].v < v : heap[0].v > v) {
                /* void */

            } else if (!isnan(heap[0].v) || isnan(v)) {
                continue;
            }

            heap[0].v = v;
            heap[0].col = group->cols[i];
            phr_rank_down(op, heap, n, 0);
            continue;
        }

        heap[n].v = v;
        heap[n].col = group->cols[i];

        if (op == PHR_TOK_TOPK || op == PHR_TOK_BOTTOMK) {
            phr_rank_up(op, heap, n);
        }

        n++;
    }

    if (op == PHR_TOK_TOPK || op == PHR_TOK_BOTTOMK) {
        phr_rank_sort(op, heap, n);
    }

    return n;
}


/* whether a is worse than b; NaN is worse than anything */
static int
phr_rank_less(phr_token_e op, double a, double b)
{
    if (isnan(a)) {
        return 1;
    }

    return op == PHR_TOK_TOPK ? a < b : a > b;
}


static void
phr_rank_up(phr_token_e op, phr_rank_t *heap, size_t i)
{
    size_t      parent;
    phr_rank_t  r;

    while (i > 0) {
        parent = (i - 1) / 2;

        if (!phr_rank_less(op, heap[i].v, heap[parent].v)) {
            return;
        }

        r = heap[i];
        heap[i] = heap[parent];
        heap[parent] = r;
        i = parent;
    }
}


static void
phr_rank_down(phr_token_e op, phr_rank_t *heap, size_t n, size_t i)
{
    size_t      child;
    phr_rank_t  r;

    phr_yield(PHR_EVAL_STEP);

    for ( ;; ) {
        child = 2 * i + 1;

        if (child >= n) {
            return;
        }

        if (child + 1 < n
            && phr_rank_less(op, heap[child + 1].v, heap[child].v))
        {
            child++;
        }

        if (!phr_rank_less(op, heap[child].v, heap[i].v)) {
            return;
        }

        r = heap[i];
        heap[i] = heap[child];
        heap[child] = r;
        i = child;
    }
}


/* best first: takes the worst to the end while the heap shrinks */
static void
phr_rank_sort(phr_token_e op, phr_rank_t *heap, size_t n)
{
    phr_rank_t  r;

    while (n > 1) {
        n--;

        r = heap[0];
        heap[0] = heap[n];
        heap[n] = r;

        phr_rank_down(op, heap, n, 0);
    }
}


/*
 * A series has a fixed place between 0 and 1, by its hash: r and r - 1
 * choose complementary sets.
 */
static int
phr_rank_in_ratio(phr_labels_t labels, double ratio)
{
    double  place;

    ratio = ratio > 1 ? 1 : ratio < -1 ? -1 : ratio;
    place = (double) phr_labels_hash(labels) / 18446744073709551615.0;

    if (ratio == 0) {
        return 0;
    }

    return ratio > 0 ? place < ratio : place >= 1.0 + ratio;
}


int
phr_eval_count_values(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *in, phr_value_t *out)
{
    int                          rc;
    double                      *v;
    size_t                       i, step;
    uint32_t                     id;
    phr_buf_t                    name;
    phr_column_t                *c;
    phr_counts_t                 counts;
    const phr_node_aggregate_t  *a;

    a = &node->u.aggregate;
    counts.ev = ev;
    counts.g = g;
    counts.out = out;
    counts.without = a->without;
    counts.label = phr_ast_unparen(a->param)->u.string.value;

    if (counts.label.len == 0
        || !phr_utf8_valid(counts.label.data, counts.label.len))
    {
        phr_buf_init(&name, 0);
        phr_utf8_quote(&name, counts.label);
        rc = phr_err_set(ev->err, PHR_EEXEC, "invalid label name %s",
                         phr_buf_cstr(&name));
        phr_buf_free(&name);

        return rc;
    }

    rc = phr_eval_names(ev, &a->grouping, &counts.names, &counts.nnames);

    if (rc == PHR_OK && !a->without) {
        counts.names[counts.nnames++] = counts.label;
    }

    if (rc == PHR_OK) {
        rc = phr_slots_init(&counts.index, ev->arena, 64);
    }

    for (i = 0; rc == PHR_OK && i < in->n; i++) {
        c = &in->cols[i];
        id = 0;

        for (step = 0; step < g->n; step++) {

            if (!phr_col_has(c, step)) {
                continue;
            }

            /* most samples repeat the value before, and so its group */

            if (step == 0 || phr_double_bits(c->v[step])
                             != phr_double_bits(c->v[step - 1]))
            {
                rc = phr_count_values_find(&counts, c->labels, c->v[step],
                                           &id);
                if (rc < 0) {
                    return rc;
                }
            }

            v = out->cols[id].v;
            v[step] = phr_is_stale(v[step]) ? 1 : v[step] + 1;
        }

        rc = phr_eval_poll_after(ev, g->n * PHR_EVAL_FIND);
    }

    return rc;
}


/* the column that counts a value of a series, made if there is none */
static int
phr_count_values_find(phr_counts_t *counts, phr_labels_t ls, double value,
    uint32_t *id)
{
    int                    rc;
    double                *v;
    size_t                 pos;
    uint64_t               hash;
    phr_buf_t              buf;
    phr_str_t              text;
    phr_arena_t           *a;
    phr_value_t           *out;
    phr_labels_builder_t   b;

    a = counts->ev->arena;
    out = counts->out;

    phr_buf_init(&buf, 0);
    rc = PHR_OK;

    if (phr_is_boxed(value)) {
        rc = phr_native_text(&counts->ev->room,
                             phr_eval_hist(counts->ev, value), &buf);

    } else {
        phr_number_format(&buf, value);
    }

    text.data = NULL;
    if (rc == PHR_OK && buf.failed == PHR_OK) {
        text = phr_arena_str(a, phr_buf_view(&buf));
    }

    phr_buf_free(&buf);

    if (text.data == NULL) {
        return phr_eval_nomem(counts->ev);
    }

    phr_labels_builder_init(&b, a, ls);
    phr_labels_builder_set(&b, counts->label, text);

    rc = phr_labels_build(&b, &ls);
    if (rc == PHR_OK) {
        rc = phr_eval_group_labels(counts->ev, ls, counts->without,
                                   counts->names, counts->nnames, &ls);
    }

    if (rc < 0) {
        return rc;
    }

    hash = phr_labels_hash(ls);
    pos = SIZE_MAX;

    do {
        *id = phr_slots_next(&counts->index, hash, &pos);
    } while (*id != PHR_INDEX_NONE
             && phr_labels_cmp(out->cols[*id].labels, ls) != 0);

    if (*id != PHR_INDEX_NONE) {
        return PHR_OK;
    }

    *id = out->n;

    v = phr_col_create(a, counts->g->n);
    if (v == NULL || phr_value_push(out, a, ls, v, 0) == NULL) {
        return phr_eval_nomem(counts->ev);
    }

    return phr_slots_add(&counts->index, hash, *id);
}
