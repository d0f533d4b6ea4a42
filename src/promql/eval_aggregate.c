/*
 * Copyright (C) The Pharos Authors
 *
 * Aggregations that need all samples of a group at once: columns are put
 * into groups, whose number and members are the same at every step.  Those
 * that fold column by column are in eval_fold.c, those that choose among
 * the series of a group in eval_rank.c.
 */

#include "promql/eval.h"

#include <math.h>

#include "promql/stats.h"


static int phr_aggregate_floats(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *in);
static int phr_aggregate_param(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, double **param);
static int phr_aggregate_quantile(phr_eval_t *ev, const phr_grid_t *g,
    const phr_value_t *in, const phr_group_t *group, const double *param,
    double *v);


int
phr_eval_aggregate(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out)
{
    phr_token_e  op;

    op = node->u.aggregate.op;

    phr_value_init(out);

    if (phr_token_is_dialect(op) || node->u.aggregate.limit != 0) {
        return phr_eval_aggregate_dialect(ev, node, g, out);
    }

    return phr_eval_aggregate_plain(ev, node, g, out);
}


int
phr_eval_aggregate_plain(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out)
{
    int           rc, drop_name;
    double       *param, *v;
    size_t        i, k, ngroups;
    phr_group_t  *groups;
    phr_value_t   in;
    phr_token_e   op;

    op = node->u.aggregate.op;
    param = NULL;
    groups = NULL;
    ngroups = 0;

    if (node->u.aggregate.param == NULL) {
        return phr_eval_fold(ev, node, g, out);
    }

    if (op != PHR_TOK_COUNT_VALUES) {
        rc = phr_aggregate_param(ev, node, g, &param);
        if (rc < 0) {
            return rc;
        }
    }

    rc = phr_eval_node(ev, phr_ast_unparen(node->u.aggregate.expr), g, &in);
    if (rc < 0) {
        return rc;
    }

    if (op == PHR_TOK_COUNT_VALUES) {
        return phr_eval_count_values(ev, node, g, &in, out);
    }

    if (ev->nhists != 0 && op != PHR_TOK_LIMITK && op != PHR_TOK_LIMIT_RATIO) {
        rc = phr_aggregate_floats(ev, node, g, &in);
        if (rc < 0) {
            return rc;
        }
    }

    rc = phr_eval_groups(ev, node, &in, &groups, &ngroups);
    if (rc < 0) {
        return rc;
    }

    if (op == PHR_TOK_TOPK || op == PHR_TOK_BOTTOMK || op == PHR_TOK_LIMITK
        || op == PHR_TOK_LIMIT_RATIO)
    {
        return phr_eval_rank(ev, node, g, &in, groups, ngroups, param, out);
    }

    for (i = 0; i < ngroups; i++) {
        v = phr_col_create(ev->arena, g->n);
        if (v == NULL) {
            return phr_eval_nomem(ev);
        }

        rc = phr_aggregate_quantile(ev, g, &in, &groups[i], param, v);
        if (rc == PHR_OK) {
            rc = phr_eval_poll(ev);
        }

        if (rc < 0) {
            return rc;
        }

        drop_name = 0;

        for (k = 0; k < groups[i].n; k++) {
            drop_name |= in.cols[groups[i].cols[k]].drop_name;
        }

        if (phr_value_push(out, ev->arena, groups[i].labels, v, drop_name)
            == NULL)
        {
            return phr_eval_nomem(ev);
        }
    }

    return PHR_OK;
}


int
phr_eval_group_labels(phr_eval_t *ev, phr_labels_t ls, int without,
    const phr_str_t *names, size_t n, phr_labels_t *out)
{
    phr_labels_builder_t  b;

    phr_labels_builder_init(&b, ev->arena, ls);

    if (without) {
        phr_labels_builder_drop(&b, names, n);
        phr_labels_builder_del(&b, phr_str_of(PHR_METRIC_NAME));

    } else {
        phr_labels_builder_keep(&b, names, n);
    }

    return phr_labels_build(&b, out);
}


/* what chooses among numbers leaves histograms out */
static int
phr_aggregate_floats(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *in)
{
    size_t       i, n;
    phr_token_e  op;

    op = node->u.aggregate.op;
    n = 0;

    for (i = 0; i < in->n; i++) {
        n += phr_eval_drop_hists(ev, in->cols[i].v, g->n);
    }

    if (n == 0) {
        return PHR_OK;
    }

    phr_value_compact(in, g->n);

    return phr_eval_native_note(ev, PHR_NATIVE_NOTE_IGNORED,
                                op == PHR_TOK_QUANTILE
                                ? node->u.aggregate.expr->start
                                : node->start,
                                phr_str_from_c(phr_token_text(op)));
}


int
phr_eval_groups(phr_eval_t *ev, const phr_node_t *node,
    const phr_value_t *in, phr_group_t **groups, size_t *ngroups)
{
    int           rc, without;
    size_t        i, n, nnames, pos;
    uint32_t      id, *ids, *cols;
    uint64_t      hash;
    phr_str_t    *names;
    phr_group_t  *list;
    phr_slots_t   index;
    phr_labels_t  ls;

    without = node->u.aggregate.without;
    n = 0;

    rc = phr_eval_names(ev, &node->u.aggregate.grouping, &names, &nnames);
    if (rc == PHR_OK) {
        rc = phr_slots_init(&index, ev->arena, 16);
    }

    if (rc < 0) {
        return rc;
    }

    list = phr_arena_calloc(ev->arena, in->n + 1, sizeof(phr_group_t));
    ids = phr_arena_alloc(ev->arena, (in->n + 1) * sizeof(uint32_t));
    cols = phr_arena_alloc(ev->arena, (in->n + 1) * sizeof(uint32_t));

    if (list == NULL || ids == NULL || cols == NULL) {
        return phr_eval_nomem(ev);
    }

    for (i = 0; i < in->n; i++) {
        ls = in->cols[i].labels;

        hash = without ? phr_labels_hash_ignoring(ls, names, nnames)
                       : phr_labels_hash_on(ls, names, nnames);
        pos = SIZE_MAX;

        do {
            id = phr_slots_next(&index, hash, &pos);
        } while (id != PHR_INDEX_NONE
                 && !(without
                      ? phr_labels_eq_ignoring(list[id].labels, ls, names,
                                               nnames)
                      : phr_labels_eq_on(list[id].labels, ls, names,
                                         nnames)));

        if (id == PHR_INDEX_NONE) {
            id = n++;

            rc = phr_slots_add(&index, hash, id);
            if (rc == PHR_OK) {
                rc = phr_eval_group_labels(ev, ls, without, names, nnames,
                                           &list[id].labels);
            }

            if (rc < 0) {
                return rc;
            }
        }

        ids[i] = id;
        list[id].n++;

        rc = phr_eval_poll(ev);
        if (rc < 0) {
            return rc;
        }
    }

    for (i = 0; i < n; i++) {
        list[i].cols = cols;
        cols += list[i].n;
        list[i].n = 0;
    }

    for (i = 0; i < in->n; i++) {
        list[ids[i]].cols[list[ids[i]].n++] = i;
    }

    *groups = list;
    *ngroups = node->u.aggregate.limit == 0
               ? n : phr_min(n, node->u.aggregate.limit);

    return PHR_OK;
}


static int
phr_aggregate_param(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, double **param)
{
    int                rc, has_nan;
    char               buf[PHR_NOTE_NUMBER];
    double             bad[3];
    size_t             i, n;
    const phr_node_t  *arg;

    arg = phr_ast_unparen(node->u.aggregate.param);

    rc = phr_eval_scalar(ev, arg, g, param);
    if (rc < 0 || node->u.aggregate.op != PHR_TOK_QUANTILE) {
        return rc;
    }

    has_nan = 0;
    bad[1] = 1;
    bad[2] = 0;

    for (i = 0; i < g->n; i++) {
        has_nan |= isnan((*param)[i]);
        bad[1] = phr_max(bad[1], (*param)[i]);
        bad[2] = phr_min(bad[2], (*param)[i]);
    }

    bad[0] = has_nan ? NAN : 0;

    for (n = 0; n < 3; n++) {
        if (bad[n] >= 0 && bad[n] <= 1) {
            continue;
        }

        rc = phr_annotate(&ev->notes, ev->arena, PHR_NOTE_WARNING,
                          arg->start, "PromQL warning: quantile value should "
                          "be between 0 and 1, got %s",
                          phr_annotate_number(buf, bad[n]));
        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


static int
phr_aggregate_quantile(phr_eval_t *ev, const phr_grid_t *g,
    const phr_value_t *in, const phr_group_t *group, const double *param,
    double *v)
{
    int                  rc;
    size_t               i, k, n;
    double              *values;
    phr_arena_mark_t     mark;
    const phr_column_t  *col;

    mark = phr_arena_mark(ev->arena);

    values = phr_arena_alloc(ev->arena, group->n * sizeof(double));
    if (values == NULL) {
        return phr_eval_nomem(ev);
    }

    for (i = 0; i < g->n; i++) {
        n = 0;

        for (k = 0; k < group->n; k++) {
            col = &in->cols[group->cols[k]];

            if (phr_col_has(col, i)) {
                values[n++] = col->v[i];
            }
        }

        if (n > 0) {
            v[i] = phr_quantile(param[i], values, n);
        }

        rc = phr_eval_poll_after(ev, group->n * PHR_EVAL_STEP);
        if (rc < 0) {
            return rc;
        }
    }

    phr_arena_release(ev->arena, mark);

    return PHR_OK;
}
