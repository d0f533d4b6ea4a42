/*
 * Copyright (C) The Pharos Authors
 *
 * Functions of time: the query's own times, those of samples, and parts of
 * the date (UTC) that a number of seconds stands for.
 */

#include "promql/func.h"

#include <math.h>

#include "core/time.h"


static double phr_date_day_of_month(const phr_date_t *d);
static double phr_date_day_of_week(const phr_date_t *d);
static double phr_date_day_of_year(const phr_date_t *d);
static double phr_date_days_in_month(const phr_date_t *d);
static double phr_date_hour(const phr_date_t *d);
static double phr_date_minute(const phr_date_t *d);
static double phr_date_month(const phr_date_t *d);
static double phr_date_year(const phr_date_t *d);
static int phr_fn_date(PHR_FN_PARAMS, double (*part)(const phr_date_t *d));
static int phr_fn_zone(phr_eval_t *ev, const phr_node_t *call, size_t i,
    const phr_zone_t **zone);
static void phr_fn_shift(const phr_zone_t *zone, double *v, size_t n);


#define PHR_DATE_FUNCTION(name)                                               \
                                                                              \
int                                                                           \
phr_fn_##name(PHR_FN_PARAMS)                                                  \
{                                                                             \
    return phr_fn_date(ev, call, g, out, phr_date_##name);                    \
}


PHR_DATE_FUNCTION(day_of_month)
PHR_DATE_FUNCTION(day_of_week)
PHR_DATE_FUNCTION(day_of_year)
PHR_DATE_FUNCTION(days_in_month)
PHR_DATE_FUNCTION(hour)
PHR_DATE_FUNCTION(minute)
PHR_DATE_FUNCTION(month)
PHR_DATE_FUNCTION(year)


static double
phr_date_day_of_month(const phr_date_t *d)
{
    return d->day;
}


static double
phr_date_day_of_week(const phr_date_t *d)
{
    return d->weekday;
}


static double
phr_date_day_of_year(const phr_date_t *d)
{
    return d->yearday;
}


static double
phr_date_days_in_month(const phr_date_t *d)
{
    return phr_days_in_month(d->year, d->month);
}


static double
phr_date_hour(const phr_date_t *d)
{
    return d->hour;
}


static double
phr_date_minute(const phr_date_t *d)
{
    return d->minute;
}


static double
phr_date_month(const phr_date_t *d)
{
    return d->month;
}


static double
phr_date_year(const phr_date_t *d)
{
    return (double) d->year;
}


/*
 * Prometheus converts with an instruction of amd64, for which all that is
 * no int64_t is the lowest one.
 */
static int64_t
phr_fn_seconds(double v)
{
    return v >= -0x1p63 && v < 0x1p63 ? (int64_t) v : INT64_MIN;
}


static int
phr_fn_date(PHR_FN_PARAMS, double (*part)(const phr_date_t *d))
{
    int            rc;
    double        *v;
    size_t         i, j;
    phr_date_t     d;
    phr_column_t  *c;

    const phr_zone_t  *zone;

    if (call->u.call.nargs == 0) {
        v = phr_col_create(ev->arena, g->n);
        if (v == NULL) {
            return phr_eval_nomem(ev);
        }

        for (j = 0; j < g->n; j++) {
            phr_date(phr_grid_time(g, j) / 1000 * 1000, &d);
            v[j] = part(&d);
        }

        return phr_fn_no_labels(ev, v, PHR_TYPE_VECTOR, out);
    }

    zone = NULL;
    rc = PHR_OK;

    if (call->u.call.nargs == 2) {
        rc = phr_fn_zone(ev, call, 1, &zone);
    }

    if (rc == PHR_OK) {
        rc = phr_fn_floats(ev, phr_fn_arg(call, 0), g, out);
    }

    if (rc < 0) {
        return rc;
    }

    for (i = 0; i < out->n; i++) {
        c = &out->cols[i];
        c->drop_name = 1;

        if (zone != NULL) {
            phr_fn_shift(zone, c->v, g->n);
        }

        for (j = 0; j < g->n; j++) {
            if (phr_col_has(c, j)) {
                phr_date_seconds(phr_fn_seconds(c->v[j]), &d);
                c->v[j] = part(&d);
            }
        }
    }

    return PHR_OK;
}


/* the zone that a string argument names */
static int
phr_fn_zone(phr_eval_t *ev, const phr_node_t *call, size_t i,
    const phr_zone_t **zone)
{
    int                rc;
    phr_str_t          name;
    phr_zones_t       *zones;
    const phr_node_t  *arg;

    arg = phr_fn_arg(call, i);
    name = phr_fn_string(call, i);
    zones = ev->query->zones;

    rc = zones == NULL || !phr_zone_name_valid(name)
         ? PHR_ENOTFOUND : zones->find(zones, name, zone, ev->err);

    if (rc != PHR_ENOTFOUND) {
        return rc;
    }

    return phr_err_at(ev->err, PHR_EEXEC, arg->start, arg->end,
                      "%d:%d: unknown time zone \"%.*s\"", (int) arg->start,
                      (int) arg->end, (int) phr_min(name.len, 100), name.data);
}


/* seconds of UTC to what a clock there shows */
static void
phr_fn_shift(const phr_zone_t *zone, double *v, size_t n)
{
    size_t   i;
    int64_t  t_s;

    for (i = 0; i < n; i++) {
        if (!phr_is_stale(v[i])) {
            t_s = phr_fn_seconds(v[i]);
            v[i] = floor(v[i]) + phr_zone_offset(zone, t_s);
        }
    }
}


/* seconds east of UTC at each step */
int
phr_fn_timezone_offset(PHR_FN_PARAMS)
{
    int                rc;
    size_t             j;
    double            *v;
    const phr_zone_t  *zone;

    zone = NULL;

    rc = phr_fn_zone(ev, call, 0, &zone);
    if (rc < 0) {
        return rc;
    }

    v = phr_col_create(ev->arena, g->n);
    if (v == NULL) {
        return phr_eval_nomem(ev);
    }

    for (j = 0; j < g->n; j++) {
        v[j] = phr_zone_offset(zone, phr_grid_time(g, j) / 1000);
    }

    return phr_fn_no_labels(ev, v, PHR_TYPE_SCALAR, out);
}


int
phr_fn_time(PHR_FN_PARAMS)
{
    size_t   j;
    double  *v;

    v = phr_col_create(ev->arena, g->n);
    if (v == NULL) {
        return phr_eval_nomem(ev);
    }

    for (j = 0; j < g->n; j++) {
        v[j] = (double) phr_grid_time(g, j) / 1000;
    }

    return phr_fn_no_labels(ev, v, PHR_TYPE_SCALAR, out);
}


int
phr_fn_start(PHR_FN_PARAMS)
{
    return phr_fn_constant(ev, g, (double) ev->query->start_ms / 1000, out);
}


int
phr_fn_end(PHR_FN_PARAMS)
{
    return phr_fn_constant(ev, g, (double) ev->query->end_ms / 1000, out);
}


int
phr_fn_range(PHR_FN_PARAMS)
{
    return phr_fn_constant(ev, g, (double) (ev->query->end_ms
                                            - ev->query->start_ms) / 1000,
                           out);
}


int
phr_fn_step(PHR_FN_PARAMS)
{
    const phr_query_t  *q;

    q = ev->query;

    return phr_fn_constant(ev, g, q->start_ms == q->end_ms
                                  ? 0 : (double) q->step_ms / 1000, out);
}


/*
 * Of a selector, the times of its samples; anything else has been computed
 * at the step.
 */
int
phr_fn_timestamp(PHR_FN_PARAMS)
{
    int                rc;
    size_t             i, j;
    phr_column_t      *c;
    const phr_node_t  *arg;

    arg = phr_fn_arg(call, 0);

    if (arg->kind == PHR_NODE_SELECTOR) {
        rc = phr_eval_selector_times(ev, arg, g, out);

    } else {
        rc = phr_eval_node(ev, arg, g, out);
    }

    if (rc < 0) {
        return rc;
    }

    for (i = 0; i < out->n; i++) {
        c = &out->cols[i];
        c->drop_name = 1;

        for (j = 0; j < g->n && arg->kind != PHR_NODE_SELECTOR; j++) {
            if (phr_col_has(c, j)) {
                c->v[j] = (double) phr_grid_time(g, j) / 1000;
            }
        }
    }

    return PHR_OK;
}


/* only the samples of a selector have start timestamps */
int
phr_fn_start_timestamp(PHR_FN_PARAMS)
{
    int                rc;
    size_t             i;
    const phr_node_t  *arg;

    arg = phr_fn_arg(call, 0);

    if (arg->kind != PHR_NODE_SELECTOR || !ev->query->start_times) {
        rc = phr_eval_node(ev, arg, g, out);
        out->n = 0;

        return rc;
    }

    rc = phr_eval_selector_starts(ev, arg, g, out);

    for (i = 0; rc == PHR_OK && i < out->n; i++) {
        out->cols[i].drop_name = 1;
    }

    return rc;
}
