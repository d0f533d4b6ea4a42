/*
 * Copyright (C) The Pharos Authors
 *
 * Aggregations of MetricsQL: those that make a number of each step of a
 * group, those that give each series of a group another value, those that
 * choose series by all their steps (topk_max() and its family, outliers),
 * and the "limit" of any.
 */

#include "promql/eval.h"

#include <math.h>
#include <stdlib.h>

#include "promql/stats.h"


/* a group of columns, with room for one number per column */
typedef struct {
    phr_eval_t         *ev;
    const phr_node_t   *node;
    const phr_grid_t   *g;
    phr_value_t        *in;
    const phr_group_t  *group;
    const double       *param;
    double             *values;
    size_t              n;
    phr_value_t        *out;
} phr_agg_t;

/* a series and the number that it is chosen by */
typedef struct {
    double              rank;
    uint32_t            col;
} phr_agg_rank_t;


static int phr_agg_limited(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out);
static int phr_agg_group(phr_agg_t *a);
static int phr_agg_numbers(phr_agg_t *a, double (*f)(double *v, size_t n));
static void phr_agg_gather(phr_agg_t *a, size_t step);
static double phr_agg_geomean(double *v, size_t n);
static double phr_agg_median(double *v, size_t n);
static double phr_agg_sum2(double *v, size_t n);
static int phr_agg_any(phr_agg_t *a);
static int phr_agg_share(phr_agg_t *a);
static int phr_agg_zscore(phr_agg_t *a);
static int phr_agg_keep(phr_agg_t *a, size_t i);
static int phr_agg_keep_all(phr_agg_t *a);
static int phr_agg_outliers(phr_agg_t *a);
static int phr_agg_outliersk(phr_agg_t *a);
static int phr_agg_topk(phr_agg_t *a, phr_token_e by, int most);
static double phr_agg_of_series(phr_agg_t *a, const double *v,
    phr_token_e by);
static int phr_agg_choose(phr_agg_t *a, phr_agg_rank_t *ranks);
static int phr_agg_rest(phr_agg_t *a, double *sum);
static int phr_agg_cmp(const void *one, const void *two);


int
phr_eval_aggregate_dialect(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out)
{
    int           rc;
    double       *param;
    size_t        i, ngroups;
    phr_agg_t     a;
    phr_value_t   in;
    phr_group_t  *groups;

    if (!phr_token_is_dialect(node->u.aggregate.op)) {
        return phr_agg_limited(ev, node, g, out);
    }

    memset(&a, 0, sizeof(a));

    if (node->u.aggregate.param != NULL) {
        rc = phr_eval_scalar(ev, node->u.aggregate.param, g, &param);
        if (rc < 0) {
            return rc;
        }

        a.param = param;
    }

    rc = phr_eval_node(ev, node->u.aggregate.expr, g, &in);
    if (rc < 0) {
        return rc;
    }

    phr_eval_drop_all_hists(ev, &in, g->n);

    phr_value_sort(&in);

    rc = phr_eval_groups(ev, node, &in, &groups, &ngroups);
    if (rc < 0) {
        return rc;
    }

    a.ev = ev;
    a.node = node;
    a.g = g;
    a.in = &in;
    a.out = out;
    a.values = phr_arena_alloc(ev->arena, (in.n + 1) * sizeof(double));

    if (a.values == NULL) {
        return phr_eval_nomem(ev);
    }

    for (i = 0; rc == PHR_OK && i < ngroups; i++) {
        a.group = &groups[i];

        rc = phr_agg_group(&a);
        if (rc == PHR_OK) {
            rc = phr_eval_poll(ev);
        }
    }

    if (rc == PHR_OK) {
        phr_value_compact(out, g->n);
    }

    return rc;
}


/* the first groups in order of their labels */
static int
phr_agg_limited(phr_eval_t *ev, const phr_node_t *node, const phr_grid_t *g,
    phr_value_t *out)
{
    int          rc;
    size_t       limit;
    phr_token_e  op;

    rc = phr_eval_aggregate_plain(ev, node, g, out);
    if (rc < 0) {
        return rc;
    }

    op = node->u.aggregate.op;
    limit = node->u.aggregate.limit;

    /* what chooses series has counted groups and not results */

    if (out->n <= limit || op == PHR_TOK_TOPK || op == PHR_TOK_BOTTOMK
        || op == PHR_TOK_LIMITK || op == PHR_TOK_LIMIT_RATIO)
    {
        return PHR_OK;
    }

    phr_value_sort(out);
    out->n = limit;

    return PHR_OK;
}


static int
phr_agg_group(phr_agg_t *a)
{
    switch (a->node->u.aggregate.op) {

    case PHR_TOK_ANY:
        return phr_agg_any(a);

    case PHR_TOK_DISTINCT:
        return phr_agg_numbers(a, phr_stats_distinct);

    case PHR_TOK_GEOMEAN:
        return phr_agg_numbers(a, phr_agg_geomean);

    case PHR_TOK_MAD:
        return phr_agg_numbers(a, phr_stats_mad);

    case PHR_TOK_MEDIAN:
        return phr_agg_numbers(a, phr_agg_median);

    case PHR_TOK_MODE:
        return phr_agg_numbers(a, phr_stats_mode);

    case PHR_TOK_SUM2:
        return phr_agg_numbers(a, phr_agg_sum2);

    case PHR_TOK_SHARE:
        return phr_agg_share(a);

    case PHR_TOK_ZSCORE:
        return phr_agg_zscore(a);

    case PHR_TOK_OUTLIERS_IQR:
    case PHR_TOK_OUTLIERS_MAD:
        return phr_agg_outliers(a);

    case PHR_TOK_OUTLIERSK:
        return phr_agg_outliersk(a);

    case PHR_TOK_BOTTOMK_AVG:
        return phr_agg_topk(a, PHR_TOK_AVG, 0);

    case PHR_TOK_BOTTOMK_LAST:
        return phr_agg_topk(a, PHR_TOK_EOF, 0);

    case PHR_TOK_BOTTOMK_MAX:
        return phr_agg_topk(a, PHR_TOK_MAX, 0);

    case PHR_TOK_BOTTOMK_MEDIAN:
        return phr_agg_topk(a, PHR_TOK_MEDIAN, 0);

    case PHR_TOK_BOTTOMK_MIN:
        return phr_agg_topk(a, PHR_TOK_MIN, 0);

    case PHR_TOK_TOPK_AVG:
        return phr_agg_topk(a, PHR_TOK_AVG, 1);

    case PHR_TOK_TOPK_LAST:
        return phr_agg_topk(a, PHR_TOK_EOF, 1);

    case PHR_TOK_TOPK_MAX:
        return phr_agg_topk(a, PHR_TOK_MAX, 1);

    case PHR_TOK_TOPK_MEDIAN:
        return phr_agg_topk(a, PHR_TOK_MEDIAN, 1);

    default:
        return phr_agg_topk(a, PHR_TOK_MIN, 1);
    }
}


/* a number for each step at which there is a value */
static int
phr_agg_numbers(phr_agg_t *a, double (*f)(double *v, size_t n))
{
    int      rc;
    double  *v;
    size_t   i;

    v = phr_value_push_new(a->out, a->ev->arena, a->group->labels, a->g->n,
                           0);
    if (v == NULL) {
        return phr_eval_nomem(a->ev);
    }

    for (i = 0; i < a->g->n; i++) {
        phr_agg_gather(a, i);

        if (a->n != 0) {
            v[i] = f(a->values, a->n);
        }

        rc = phr_eval_poll(a->ev);
        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


static void
phr_agg_gather(phr_agg_t *a, size_t step)
{
    double  v;
    size_t  i;

    a->n = 0;

    for (i = 0; i < a->group->n; i++) {
        v = a->in->cols[a->group->cols[i]].v[step];

        if (!isnan(v)) {
            a->values[a->n++] = v;
        }
    }

    phr_yield(a->group->n * PHR_EVAL_STEP);
}


static double
phr_agg_geomean(double *v, size_t n)
{
    double  product;
    size_t  i;

    product = 1;

    for (i = 0; i < n; i++) {
        product *= v[i];
    }

    return n == 1 ? product : pow(product, 1 / (double) n);
}


static double
phr_agg_median(double *v, size_t n)
{
    return phr_quantile(0.5, v, n);
}


static double
phr_agg_sum2(double *v, size_t n)
{
    double  sum;
    size_t  i;

    sum = 0;

    for (i = 0; i < n; i++) {
        sum += v[i] * v[i];
    }

    return sum;
}


/* the first series of the group as it is */
static int
phr_agg_any(phr_agg_t *a)
{
    return phr_agg_keep(a, 0);
}


/* the ith series of the group goes to the result, with its labels */
static int
phr_agg_keep(phr_agg_t *a, size_t i)
{
    phr_column_t  *c;

    c = &a->in->cols[a->group->cols[i]];

    return phr_value_push(a->out, a->ev->arena, c->labels, c->v, c->drop_name)
           == NULL ? phr_eval_nomem(a->ev) : PHR_OK;
}


static int
phr_agg_keep_all(phr_agg_t *a)
{
    int     rc;
    size_t  i;

    rc = PHR_OK;

    for (i = 0; rc == PHR_OK && i < a->group->n; i++) {
        rc = phr_agg_keep(a, i);
    }

    return rc;
}


/* of the sum of what is not negative */
static int
phr_agg_share(phr_agg_t *a)
{
    int      rc;
    double   sum, *v;
    size_t   i, k;

    for (i = 0; i < a->g->n; i++) {
        phr_agg_gather(a, i);
        sum = 0;

        for (k = 0; k < a->n; k++) {
            sum += a->values[k] < 0 ? 0 : a->values[k];
        }

        for (k = 0; k < a->group->n; k++) {
            v = &a->in->cols[a->group->cols[k]].v[i];
            *v = *v >= 0 ? *v / sum : phr_no_sample();
        }

        rc = phr_eval_poll(a->ev);
        if (rc < 0) {
            return rc;
        }
    }

    return phr_agg_keep_all(a);
}


static int
phr_agg_zscore(phr_agg_t *a)
{
    int      rc;
    double   avg, delta, q, *v;
    size_t   i, k;

    for (i = 0; i < a->g->n; i++) {
        phr_agg_gather(a, i);
        avg = 0;
        q = 0;

        for (k = 0; k < a->n; k++) {
            delta = a->values[k] - avg;
            avg += delta / (double) (k + 1);
            q += delta * (a->values[k] - avg);
        }

        for (k = 0; k < a->group->n; k++) {
            v = &a->in->cols[a->group->cols[k]].v[i];

            if (!isnan(*v)) {
                *v = (*v - avg) / sqrt(q / (double) a->n);
            }
        }

        rc = phr_eval_poll(a->ev);
        if (rc < 0) {
            return rc;
        }
    }

    return phr_agg_keep_all(a);
}


/*
 * The series that are out of the usual at one step at least: by more than
 * 1.5 times the distance between the quartiles, or by more than so many
 * times the median of the distances from the median.
 */
static int
phr_agg_outliers(phr_agg_t *a)
{
    int      rc;
    double   lower, upper, median, v;
    size_t   i, k;
    uint8_t  *out;

    out = phr_arena_calloc(a->ev->arena, a->group->n, 1);
    if (out == NULL) {
        return phr_eval_nomem(a->ev);
    }

    for (i = 0; i < a->g->n; i++) {
        phr_agg_gather(a, i);

        if (a->n == 0) {
            continue;
        }

        if (a->node->u.aggregate.op == PHR_TOK_OUTLIERS_IQR) {
            lower = phr_quantile(0.25, a->values, a->n);
            upper = phr_quantile(0.75, a->values, a->n);
            v = 1.5 * (upper - lower);
            lower -= v;
            upper += v;

        } else {
            median = phr_quantile(0.5, a->values, a->n);
            v = a->param[i] * phr_stats_mad(a->values, a->n);
            lower = median - v;
            upper = median + v;
        }

        for (k = 0; k < a->group->n; k++) {
            v = a->in->cols[a->group->cols[k]].v[i];
            out[k] |= v < lower || v > upper;
        }

        rc = phr_eval_poll(a->ev);
        if (rc < 0) {
            return rc;
        }
    }

    rc = PHR_OK;

    for (k = 0; rc == PHR_OK && k < a->group->n; k++) {
        if (out[k]) {
            rc = phr_agg_keep(a, k);
        }
    }

    return rc;
}


/* the farthest from the median of the group, by the sum of the squares */
static int
phr_agg_outliersk(phr_agg_t *a)
{
    int              rc;
    double           median, v;
    size_t           i, k;
    phr_agg_rank_t  *ranks;

    ranks = phr_arena_calloc(a->ev->arena, a->group->n,
                             sizeof(phr_agg_rank_t));
    if (ranks == NULL) {
        return phr_eval_nomem(a->ev);
    }

    for (k = 0; k < a->group->n; k++) {
        ranks[k].col = a->group->cols[k];
    }

    for (i = 0; i < a->g->n; i++) {
        phr_agg_gather(a, i);

        if (a->n == 0) {
            continue;
        }

        median = phr_quantile(0.5, a->values, a->n);

        for (k = 0; k < a->group->n; k++) {
            v = a->in->cols[ranks[k].col].v[i];

            if (!isnan(v)) {
                ranks[k].rank += (v - median) * (v - median);
            }
        }

        rc = phr_eval_poll(a->ev);
        if (rc < 0) {
            return rc;
        }
    }

    return phr_agg_choose(a, ranks);
}


/* the best by one number of all the steps; EOF is the last value */
static int
phr_agg_topk(phr_agg_t *a, phr_token_e by, int most)
{
    int              rc;
    double           v;
    size_t           k;
    phr_agg_rank_t  *ranks;

    ranks = phr_arena_calloc(a->ev->arena, a->group->n,
                             sizeof(phr_agg_rank_t));
    if (ranks == NULL) {
        return phr_eval_nomem(a->ev);
    }

    for (k = 0; k < a->group->n; k++) {
        ranks[k].col = a->group->cols[k];

        v = phr_agg_of_series(a, a->in->cols[ranks[k].col].v, by);
        ranks[k].rank = most ? v : -v;

        rc = phr_eval_poll(a->ev);
        if (rc < 0) {
            return rc;
        }
    }

    return phr_agg_choose(a, ranks);
}


static double
phr_agg_of_series(phr_agg_t *a, const double *v, phr_token_e by)
{
    double             r, *values;
    size_t             i, n;
    phr_arena_mark_t   mark;

    r = NAN;
    n = 0;

    if (by == PHR_TOK_MEDIAN) {
        mark = phr_arena_mark(a->ev->arena);
        values = phr_arena_alloc(a->ev->arena, a->g->n * sizeof(double));

        for (i = 0; values != NULL && i < a->g->n; i++) {
            if (!isnan(v[i])) {
                values[n++] = v[i];
            }
        }

        if (n != 0) {
            r = phr_quantile(0.5, values, n);
        }

        phr_arena_release(a->ev->arena, mark);

        return r;
    }

    for (i = 0; i < a->g->n; i++) {

        if (isnan(v[i])) {
            continue;
        }

        n++;

        if (n == 1 || by == PHR_TOK_EOF) {
            r = v[i];

        } else if (by == PHR_TOK_AVG) {
            r += (v[i] - r) / (double) n;

        } else if (by == PHR_TOK_MAX ? v[i] > r : v[i] < r) {
            r = v[i];
        }
    }

    return r;
}


/* at each step the series of the highest ranks, as many as it asks for */
static int
phr_agg_choose(phr_agg_t *a, phr_agg_rank_t *ranks)
{
    int            rc;
    double        *rest;
    size_t         i, k;
    phr_column_t  *c;

    qsort(ranks, a->group->n, sizeof(phr_agg_rank_t), phr_agg_cmp);

    rest = NULL;

    if (a->node->u.aggregate.rest.len != 0) {
        rest = phr_col_create(a->ev->arena, a->g->n);
        if (rest == NULL) {
            return phr_eval_nomem(a->ev);
        }
    }

    for (k = 0; k < a->group->n; k++) {
        c = &a->in->cols[ranks[k].col];

        for (i = 0; i < a->g->n; i++) {

            if (a->param[i] >= (double) (k + 1) || isnan(c->v[i])) {
                continue;
            }

            if (rest != NULL) {
                rest[i] = isnan(rest[i]) ? c->v[i] : rest[i] + c->v[i];
            }

            phr_col_clear(c, i);
        }

        if (phr_col_count(c->v, a->g->n) != 0
            && phr_value_push(a->out, a->ev->arena, c->labels, c->v,
                              c->drop_name) == NULL)
        {
            return phr_eval_nomem(a->ev);
        }

        rc = phr_eval_poll(a->ev);
        if (rc < 0) {
            return rc;
        }
    }

    return rest == NULL ? PHR_OK : phr_agg_rest(a, rest);
}


/* the sum of what was left out: "label=value", or "label" for both */
static int
phr_agg_rest(phr_agg_t *a, double *sum)
{
    int                    rc;
    phr_str_t              name, value;
    const char            *p;
    phr_labels_t           ls;
    phr_labels_builder_t   b;

    name = a->node->u.aggregate.rest;
    value = name;

    p = memchr(name.data, '=', name.len);
    if (p != NULL) {
        value = phr_str_from(p + 1, name.len - (size_t) (p - name.data) - 1);
        name.len = (size_t) (p - name.data);
    }

    phr_labels_builder_init(&b, a->ev->arena, a->group->labels);
    phr_labels_builder_set(&b, name, value);

    rc = phr_labels_build(&b, &ls);
    if (rc < 0) {
        return rc;
    }

    return phr_value_push(a->out, a->ev->arena, ls, sum, 0) == NULL
           ? phr_eval_nomem(a->ev) : PHR_OK;
}


/* the highest first, what has none last; else the order of labels */
static int
phr_agg_cmp(const void *one, const void *two)
{
    const phr_agg_rank_t  *a, *b;

    a = one;
    b = two;

    if (isnan(a->rank) || isnan(b->rank)) {
        if (isnan(a->rank) != isnan(b->rank)) {
            return isnan(a->rank) ? 1 : -1;
        }

    } else if (a->rank != b->rank) {
        return a->rank < b->rank ? 1 : -1;
    }

    return a->col < b->col ? -1 : a->col > b->col;
}
