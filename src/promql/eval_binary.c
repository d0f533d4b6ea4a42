/*
 * Copyright (C) The Pharos Authors
 *
 * Binary operators with a scalar on either side, and what an operator does
 * to two numbers.  Between vectors they are in eval_join.c and eval_set.c.
 */

#include "promql/eval.h"

#include <math.h>


/* an operator between a vector and a scalar, as a sink for the vector */
typedef struct {
    phr_sink_t                sink;         /* first: the sink is this */
    phr_sink_t               *next;
    phr_eval_t               *ev;
    const phr_node_t         *node;
    const phr_node_binary_t  *b;
    const phr_grid_t         *g;
    double                   *scalar;
    int                       scalar_left;
} phr_mixed_t;


static int phr_binary_scalars(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);
static int phr_binary_mixed(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);
static int phr_mixed_column(phr_sink_t *s, phr_labels_t labels, double *v,
    int drop_name);
static size_t phr_mixed_apply(const phr_mixed_t *m, double *v,
    int *drop_name);
static int phr_mixed_native(const phr_mixed_t *m, double *v, int *drop_name,
    size_t *n);


int
phr_eval_binary(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_value_t *out)
{
    int                       rc, resets;
    const phr_node_binary_t  *b;

    b = &node->u.binary;

    if (phr_token_is_dialect(b->op)) {
        return phr_eval_gaps(ev, node, g, out);
    }

    if (phr_binary_trims(b->op) && ev->resets != -1) {

        /* it needs all of its histograms, so resets are not looked for */

        resets = ev->resets;
        ev->resets = -1;
        rc = phr_eval_binary(ev, node, g, out);
        ev->resets = resets;

        return rc;
    }

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

    if (phr_binary_trims(op)) {
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


/*
 * The scalar comes first: then the columns of the vector can be worked on,
 * and handed on to a sink, one by one.
 */
static int
phr_binary_mixed(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_value_t *out)
{
    int                       rc, drop_name;
    size_t                    i, n;
    phr_mixed_t               m;
    const phr_node_t         *vector;
    const phr_node_binary_t  *b;

    b = &node->u.binary;

    m.sink.column = phr_mixed_column;
    m.next = phr_eval_take_sink(ev);
    m.ev = ev;
    m.node = node;
    m.b = b;
    m.g = g;
    m.scalar_left = b->lhs->type == PHR_TYPE_SCALAR;

    vector = m.scalar_left ? b->rhs : b->lhs;

    rc = phr_eval_scalar(ev, m.scalar_left ? b->lhs : b->rhs, g, &m.scalar);
    if (rc < 0) {
        return rc;
    }

    if (m.next != NULL) {
        return phr_eval_stream(ev, vector, g, &m.sink);
    }

    rc = phr_eval_node(ev, vector, g, out);
    if (rc < 0) {
        return rc;
    }

    for (i = 0; i < out->n; i++) {
        drop_name = out->cols[i].drop_name;

        if (ev->nhists != 0 || phr_binary_trims(b->op)) {
            rc = phr_mixed_native(&m, out->cols[i].v, &drop_name, &n);
            if (rc < 0) {
                return rc;
            }

        } else {
            phr_mixed_apply(&m, out->cols[i].v, &drop_name);
        }

        out->cols[i].drop_name = drop_name ? 1 : 0;

        rc = phr_eval_poll(ev);
        if (rc < 0) {
            return rc;
        }
    }

    if (ev->nhists != 0 || phr_binary_trims(b->op)
        || (phr_token_is_comparison(b->op) && !b->is_bool
            && ev->with_gaps != node))
    {
        phr_value_compact(out, g->n);
    }

    return PHR_OK;
}


static int
phr_mixed_column(phr_sink_t *s, phr_labels_t labels, double *v,
    int drop_name)
{
    int           rc;
    size_t        n;
    phr_mixed_t  *m;

    m = (phr_mixed_t *) s;

    if (m->ev->nhists == 0) {
        n = phr_mixed_apply(m, v, &drop_name);

    } else {
        rc = phr_mixed_native(m, v, &drop_name, &n);
        if (rc < 0) {
            return rc;
        }
    }

    if (n == 0) {
        return PHR_AGAIN;
    }

    return m->next->column(m->next, labels, v, drop_name);
}


/* how many samples are left */
static size_t
phr_mixed_apply(const phr_mixed_t *m, double *v, int *drop_name)
{
    int          compare, keep;
    double       r;
    size_t       i, n;
    phr_token_e  op;

    op = m->b->op;
    compare = phr_token_is_comparison(op);
    n = 0;

    for (i = 0; i < m->g->n; i++) {
        if (phr_is_stale(v[i])) {
            continue;
        }

        if (m->scalar_left) {
            keep = phr_binary_op(op, m->scalar[i], v[i], &r);

        } else {
            keep = phr_binary_op(op, v[i], m->scalar[i], &r);
        }

        if (!compare) {
            v[i] = r;

        } else if (m->b->is_bool) {
            v[i] = keep;

        } else if (!keep) {
            /* what is kept is always the vector's sample */
            v[i] = phr_no_sample();
            continue;
        }

        n++;
    }

    *drop_name |= !compare || m->b->is_bool;

    return n;
}


/* the same for samples that may be histograms */
static int
phr_mixed_native(const phr_mixed_t *m, double *v, int *drop_name, size_t *n)
{
    int          rc, compare;
    double       l, r, result;
    size_t       i;
    uint8_t      note, seen[PHR_NATIVE_NOTE_RECONCILED + 1];
    phr_token_e  op;

    op = m->b->op;
    compare = phr_token_is_comparison(op);
    memset(seen, PHR_NATIVE_NOTE_NONE, sizeof(seen));
    *n = 0;

    for (i = 0; i < m->g->n; i++) {
        if (phr_is_stale(v[i])) {
            continue;
        }

        l = m->scalar_left ? m->scalar[i] : v[i];
        r = m->scalar_left ? v[i] : m->scalar[i];
        note = PHR_NATIVE_NOTE_NONE;
        result = 0;

        rc = phr_eval_binary_native(m->ev, op, l, r, &result, &note);
        if (rc < 0) {
            return rc;
        }

        seen[note] = note;

        if (rc == PHR_BINARY_NONE || (compare && !rc && !m->b->is_bool)) {
            v[i] = phr_no_sample();
            continue;
        }

        if (!compare) {
            v[i] = result;

        } else if (m->b->is_bool) {
            v[i] = rc;
        }

        ++*n;
    }

    *drop_name |= (!compare && !phr_binary_trims(op)) || m->b->is_bool;

    return phr_eval_binary_notes(m->ev, m->node, seen, sizeof(seen));
}


int
phr_binary_trims(phr_token_e op)
{
    return op == PHR_TOK_TRIM_UPPER || op == PHR_TOK_TRIM_LOWER;
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
