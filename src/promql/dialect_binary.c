/*
 * Copyright (C) The Pharos Authors
 *
 * Operators of MetricsQL: "default" fills gaps of the left side, "if" and
 * "ifnot" make some.  NaN is a gap, as MetricsQL has it.  Columns match as
 * for set operators; a single column without labels matches all.
 */

#include "promql/eval.h"

#include <math.h>


#define PHR_GAPS_NONE  UINT32_MAX

/* the columns of the right side by the group they belong to */
typedef struct {
    uint32_t  *first;           /* by group */
    uint32_t  *next;            /* by column */
    uint32_t   any;             /* the one that matches all, or none */
} phr_gaps_t;


static int phr_gaps_operand(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);
static int phr_gaps_index(phr_eval_t *ev, const phr_value_t *rhs,
    const phr_match_t *m, phr_gaps_t *x);
static void phr_gaps_column(phr_token_e op, phr_column_t *c,
    const phr_value_t *rhs, const phr_gaps_t *x, uint32_t first, size_t n);


static int
phr_gaps_has(const phr_column_t *c, size_t step)
{
    return !isnan(c->v[step]) || phr_is_boxed(c->v[step]);
}


int
phr_eval_gaps(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_value_t *out)
{
    int                       rc;
    size_t                    i;
    uint32_t                  first;
    phr_gaps_t                x;
    phr_value_t               lhs, rhs;
    phr_match_t               m;
    const phr_node_t         *outer;
    const phr_node_binary_t  *b;

    b = &node->u.binary;

    /* (a > 1) default 0: what is not above 1 is there, as a gap */

    outer = ev->with_gaps;
    ev->with_gaps = phr_ast_unparen(b->lhs);
    rc = phr_gaps_operand(ev, b->lhs, g, &lhs);
    ev->with_gaps = outer;

    if (rc == PHR_OK) {
        rc = phr_gaps_operand(ev, b->rhs, g, &rhs);
    }

    if (rc < 0) {
        return rc;
    }

    if (lhs.n == 0 && b->op == PHR_TOK_DEFAULT) {
        *out = rhs;
        return PHR_OK;
    }

    memset(&x, 0, sizeof(x));

    rc = phr_eval_match(ev, b, &lhs, &rhs, &m);
    if (rc == PHR_OK) {
        rc = phr_gaps_index(ev, &rhs, &m, &x);
    }

    for (i = 0; rc == PHR_OK && i < lhs.n; i++) {
        first = x.first[m.lhs[i]];

        if (first == PHR_GAPS_NONE) {
            first = x.any;
        }

        phr_gaps_column(b->op, &lhs.cols[i], &rhs, &x, first, g->n);

        rc = phr_eval_poll(ev);
    }

    if (rc < 0) {
        return rc;
    }

    *out = lhs;

    if (node->type != PHR_TYPE_SCALAR) {
        phr_value_compact(out, g->n);
        return PHR_OK;
    }

    /* a scalar has no gaps */

    for (i = 0; i < g->n; i++) {
        if (!phr_col_has(&out->cols[0], i)) {
            out->cols[0].v[i] = NAN;
        }
    }

    return PHR_OK;
}


static int
phr_gaps_operand(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_value_t *out)
{
    int      rc;
    size_t   i;
    double  *v;

    rc = phr_eval_node(ev, node, g, out);
    if (rc < 0 || node->type != PHR_TYPE_SCALAR || out->n == 0) {
        return rc;
    }

    v = out->cols[0].v;

    for (i = 0; i < g->n; i++) {
        if (isnan(v[i])) {
            v[i] = phr_no_sample();
        }
    }

    return PHR_OK;
}


static int
phr_gaps_index(phr_eval_t *ev, const phr_value_t *rhs, const phr_match_t *m,
    phr_gaps_t *x)
{
    size_t  i;

    x->first = phr_arena_alloc(ev->arena, (m->n + 1) * sizeof(uint32_t));
    x->next = phr_arena_alloc(ev->arena, (rhs->n + 1) * sizeof(uint32_t));

    if (x->first == NULL || x->next == NULL) {
        return phr_eval_nomem(ev);
    }

    for (i = 0; i < m->n; i++) {
        x->first[i] = PHR_GAPS_NONE;
    }

    /* backwards, so that lists are in the order of the columns */

    for (i = rhs->n; i-- > 0; ) {
        x->next[i] = x->first[m->rhs[i]];
        x->first[m->rhs[i]] = (uint32_t) i;
    }

    x->any = rhs->n == 1 && rhs->cols[0].labels.n == 0 ? 0 : PHR_GAPS_NONE;

    return PHR_OK;
}


static void
phr_gaps_column(phr_token_e op, phr_column_t *c, const phr_value_t *rhs,
    const phr_gaps_t *x, uint32_t first, size_t n)
{
    size_t    i;
    uint32_t  k;

    for (i = 0; i < n; i++) {

        if (op == PHR_TOK_DEFAULT && phr_gaps_has(c, i)) {
            continue;
        }

        for (k = first; k != PHR_GAPS_NONE; k = x->next[k]) {
            if (phr_gaps_has(&rhs->cols[k], i)) {
                break;
            }
        }

        if (op == PHR_TOK_DEFAULT) {
            if (k != PHR_GAPS_NONE) {
                c->v[i] = rhs->cols[k].v[i];
            }

        } else if ((k != PHR_GAPS_NONE) != (op == PHR_TOK_IF)) {
            phr_col_clear(c, i);
        }
    }
}
