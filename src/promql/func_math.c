/*
 * Copyright (C) The Pharos Authors
 *
 * Functions of numbers: each sample by itself.
 */

#include "promql/func.h"

#include <math.h>


#define PHR_MATH_PI  3.14159265358979323846264338327950288


static double phr_math_rad(double v);
static double phr_math_deg(double v);
static double phr_math_sgn(double v);
static int phr_math_of(PHR_FN_PARAMS, double (*f)(double, double));
static int phr_math_clamp(PHR_FN_PARAMS, const phr_node_t *lowest,
    const phr_node_t *highest);


/* a function that applies another to every sample */
#define PHR_MATH_FUNCTION(name, f)                                            \
                                                                              \
int                                                                           \
phr_fn_##name(PHR_FN_PARAMS)                                                  \
{                                                                             \
    return phr_fn_map(ev, call, g, out, f);                                   \
}


PHR_MATH_FUNCTION(abs, fabs)
PHR_MATH_FUNCTION(ceil, ceil)
PHR_MATH_FUNCTION(floor, floor)
PHR_MATH_FUNCTION(exp, exp)
PHR_MATH_FUNCTION(sqrt, sqrt)
PHR_MATH_FUNCTION(ln, log)
PHR_MATH_FUNCTION(log2, log2)
PHR_MATH_FUNCTION(log10, log10)
PHR_MATH_FUNCTION(sin, sin)
PHR_MATH_FUNCTION(cos, cos)
PHR_MATH_FUNCTION(tan, tan)
PHR_MATH_FUNCTION(asin, asin)
PHR_MATH_FUNCTION(acos, acos)
PHR_MATH_FUNCTION(atan, atan)
PHR_MATH_FUNCTION(sinh, sinh)
PHR_MATH_FUNCTION(cosh, cosh)
PHR_MATH_FUNCTION(tanh, tanh)
PHR_MATH_FUNCTION(asinh, asinh)
PHR_MATH_FUNCTION(acosh, acosh)
PHR_MATH_FUNCTION(atanh, atanh)
PHR_MATH_FUNCTION(rad, phr_math_rad)
PHR_MATH_FUNCTION(deg, phr_math_deg)
PHR_MATH_FUNCTION(sgn, phr_math_sgn)


static double
phr_math_rad(double v)
{
    return v * PHR_MATH_PI / 180;
}


static double
phr_math_deg(double v)
{
    return v * 180 / PHR_MATH_PI;
}


/* zeros and NaN are as they were */
static double
phr_math_sgn(double v)
{
    return v < 0 ? -1 : v > 0 ? 1 : v;
}


int
phr_fn_pi(PHR_FN_PARAMS)
{
    return phr_fn_constant(ev, g, PHR_MATH_PI, out);
}


int
phr_fn_round(PHR_FN_PARAMS)
{
    int            rc;
    double        *nearest, inverse;
    size_t         i, j;
    phr_column_t  *c;

    nearest = NULL;

    rc = phr_fn_floats(ev, phr_fn_arg(call, 0), g, out);
    if (rc == PHR_OK && call->u.call.nargs > 1) {
        rc = phr_eval_scalar(ev, phr_fn_arg(call, 1), g, &nearest);
    }

    if (rc < 0) {
        return rc;
    }

    for (i = 0; i < out->n; i++) {
        c = &out->cols[i];
        c->drop_name = 1;

        for (j = 0; j < g->n; j++) {
            if (phr_col_has(c, j)) {
                /* 0.1 has no exact value, its inverse has */
                inverse = 1.0 / (nearest ? nearest[j] : 1);
                c->v[j] = floor(c->v[j] * inverse + 0.5) / inverse;
            }
        }
    }

    return PHR_OK;
}


int
phr_fn_clamp(PHR_FN_PARAMS)
{
    return phr_math_clamp(ev, call, g, out, phr_fn_arg(call, 1),
                          phr_fn_arg(call, 2));
}


int
phr_fn_clamp_min(PHR_FN_PARAMS)
{
    return phr_math_clamp(ev, call, g, out, phr_fn_arg(call, 1), NULL);
}


int
phr_fn_clamp_max(PHR_FN_PARAMS)
{
    return phr_math_clamp(ev, call, g, out, NULL, phr_fn_arg(call, 1));
}


static int
phr_math_clamp(PHR_FN_PARAMS, const phr_node_t *lowest,
    const phr_node_t *highest)
{
    int            rc;
    double        *lo, *hi, min, max;
    size_t         i, j;
    phr_column_t  *c;

    lo = NULL;
    hi = NULL;

    rc = phr_fn_floats(ev, phr_fn_arg(call, 0), g, out);

    if (rc == PHR_OK && lowest != NULL) {
        rc = phr_eval_scalar(ev, lowest, g, &lo);
    }

    if (rc == PHR_OK && highest != NULL) {
        rc = phr_eval_scalar(ev, highest, g, &hi);
    }

    if (rc < 0) {
        return rc;
    }

    for (i = 0; i < out->n; i++) {
        c = &out->cols[i];
        c->drop_name = 1;

        for (j = 0; j < g->n; j++) {
            if (!phr_col_has(c, j)) {
                continue;
            }

            min = lo ? lo[j] : -INFINITY;
            max = hi ? hi[j] : INFINITY;

            if (max < min) {
                phr_col_clear(c, j);
                continue;
            }

            c->v[j] = phr_fn_max(min, phr_fn_min(max, c->v[j]));
        }
    }

    phr_value_compact(out, g->n);

    return PHR_OK;
}


int
phr_fn_max_of(PHR_FN_PARAMS)
{
    return phr_math_of(ev, call, g, out, phr_fn_max);
}


int
phr_fn_min_of(PHR_FN_PARAMS)
{
    return phr_math_of(ev, call, g, out, phr_fn_min);
}


/* f of two scalars */
static int
phr_math_of(PHR_FN_PARAMS, double (*f)(double, double))
{
    int      rc;
    double  *a, *b;
    size_t   i;

    rc = phr_eval_scalar(ev, phr_fn_arg(call, 0), g, &a);
    if (rc == PHR_OK) {
        rc = phr_eval_scalar(ev, phr_fn_arg(call, 1), g, &b);
    }

    if (rc < 0) {
        return rc;
    }

    for (i = 0; i < g->n; i++) {
        a[i] = f(a[i], b[i]);
    }

    return phr_fn_no_labels(ev, a, PHR_TYPE_SCALAR, out);
}


/* the one sample of a step, NaN if there are none or several */
int
phr_fn_scalar(PHR_FN_PARAMS)
{
    int          rc;
    double      *v;
    size_t       i, j, found;
    phr_value_t  in;

    rc = phr_fn_floats(ev, phr_fn_arg(call, 0), g, &in);
    if (rc < 0) {
        return rc;
    }

    v = phr_col_create(ev->arena, g->n);
    if (v == NULL) {
        return phr_eval_nomem(ev);
    }

    for (j = 0; j < g->n; j++) {
        v[j] = NAN;
        found = 0;

        for (i = 0; i < in.n && found < 2; i++) {
            if (phr_col_has(&in.cols[i], j)) {
                v[j] = found++ ? NAN : in.cols[i].v[j];
            }
        }
    }

    return phr_fn_no_labels(ev, v, PHR_TYPE_SCALAR, out);
}


int
phr_fn_vector(PHR_FN_PARAMS)
{
    int      rc;
    double  *v;

    rc = phr_eval_scalar(ev, phr_fn_arg(call, 0), g, &v);
    if (rc < 0) {
        return rc;
    }

    return phr_fn_no_labels(ev, v, PHR_TYPE_VECTOR, out);
}
