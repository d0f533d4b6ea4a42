/*
 * Copyright (C) The Pharos Authors
 *
 * Binary operators with a scalar on either side, and what an operator does
 * to two numbers.  Between vectors they are in eval_join.c and eval_set.c.
 */

#include "promql/eval.h"

#include <math.h>


static int phr_binary_scalars(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);
static int phr_binary_mixed(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);


int
phr_eval_binary(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_value_t *out)
{
    const phr_node_binary_t  *b;

    b = &node->u.binary;

    if (b->lhs->type == PHR_TYPE_SCALAR && b->rhs->type == PHR_TYPE_SCALAR) {
        return phr_binary_scalars(ev, node, g, out);
    }

    if (b->lhs->type == PHR_TYPE_SCALAR || b->rhs->type == PHR_TYPE_SCALAR) {
        return phr_binary_mixed(ev, node, g, out);
    }

    return phr_eval_join(ev, node, g, out);
}


static int
phr_binary_scalars(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out)
{
    int          rc, keep;
    double      *r;
    size_t       i;
    phr_token_e  op;

    op = node->u.binary.op;

    rc = phr_eval_node(ev, node->u.binary.lhs, g, out);
    if (rc == PHR_OK) {
        rc = phr_eval_scalar(ev, node->u.binary.rhs, g, &r);
    }

    if (rc < 0) {
        return rc;
    }

    if (op == PHR_TOK_TRIM_UPPER || op == PHR_TOK_TRIM_LOWER) {
        return phr_err_set(ev->err, PHR_EEXEC, "operator \"%s\" not allowed "
                           "for Scalar operations", phr_token_text(op));
    }

    for (i = 0; i < g->n; i++) {
        keep = phr_binary_op(op, out->cols[0].v[i], r[i],
                             &out->cols[0].v[i]);

        if (phr_token_is_comparison(op)) {
            out->cols[0].v[i] = keep;
        }
    }

    return PHR_OK;
}


static int
phr_binary_mixed(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_value_t *out)
{
    int                       rc, scalar_left, compare, keep;
    double                   *s, v;
    size_t                    i, k;
    phr_column_t             *c;
    const phr_node_binary_t  *b;

    b = &node->u.binary;
    compare = phr_token_is_comparison(b->op);
    scalar_left = b->lhs->type == PHR_TYPE_SCALAR;

    if (scalar_left) {
        rc = phr_eval_scalar(ev, b->lhs, g, &s);
        if (rc == PHR_OK) {
            rc = phr_eval_node(ev, b->rhs, g, out);
        }

    } else {
        rc = phr_eval_node(ev, b->lhs, g, out);
        if (rc == PHR_OK) {
            rc = phr_eval_scalar(ev, b->rhs, g, &s);
        }
    }

    if (rc < 0) {
        return rc;
    }

    if (out->n != 0 && (b->op == PHR_TOK_TRIM_UPPER
                        || b->op == PHR_TOK_TRIM_LOWER))
    {
        out->n = 0;
        return phr_binary_incompatible(ev, node);
    }

    for (k = 0; k < out->n; k++) {
        c = &out->cols[k];

        for (i = 0; i < g->n; i++) {
            if (!phr_col_has(c, i)) {
                continue;
            }

            if (scalar_left) {
                keep = phr_binary_op(b->op, s[i], c->v[i], &v);

            } else {
                keep = phr_binary_op(b->op, c->v[i], s[i], &v);
            }

            if (!compare) {
                c->v[i] = v;

            } else if (b->is_bool) {
                c->v[i] = keep;

            } else if (!keep) {
                phr_col_clear(c, i);
            }
        }

        if (!compare || b->is_bool) {
            c->drop_name = 1;
        }

        rc = phr_eval_poll(ev);
        if (rc < 0) {
            return rc;
        }
    }

    if (compare && !b->is_bool) {
        phr_value_compact(out, g->n);
    }

    return PHR_OK;
}


int
phr_binary_op(phr_token_e op, double l, double r, double *v)
{
    switch (op) {

    case PHR_TOK_ADD:
        *v = l + r;
        return 1;

    case PHR_TOK_SUB:
        *v = l - r;
        return 1;

    case PHR_TOK_MUL:
        *v = l * r;
        return 1;

    case PHR_TOK_DIV:
        *v = l / r;
        return 1;

    case PHR_TOK_MOD:
        *v = fmod(l, r);
        return 1;

    case PHR_TOK_POW:
        *v = pow(l, r);
        return 1;

    case PHR_TOK_ATAN2:
        *v = atan2(l, r);
        return 1;

    default:
        break;
    }

    *v = l;

    switch (op) {

    case PHR_TOK_EQLC:
        return l == r;

    case PHR_TOK_NEQ:
        return l != r;

    case PHR_TOK_GTR:
        return l > r;

    case PHR_TOK_LSS:
        return l < r;

    case PHR_TOK_GTE:
        return l >= r;

    case PHR_TOK_LTE:
        return l <= r;

    default:
        /* trimming, which is for histograms */
        return 0;
    }
}


int
phr_binary_incompatible(phr_eval_t *ev, const phr_node_t *node)
{
    const char  *op;

    op = phr_token_text(node->u.binary.op);

    return phr_annotate(&ev->notes, ev->arena, PHR_NOTE_INFO, node->start,
                        "PromQL info: incompatible sample types encountered "
                        "for binary operator \"%s\": float %s float", op, op);
}
