/*
 * Copyright (C) The Pharos Authors
 *
 * Route: the routing tree over label sets.
 */

#include "notify/route.h"


static size_t phr_route_walk(const phr_route_conf_t *route,
    phr_labels_t labels, const phr_route_conf_t **list, size_t max,
    size_t n);
static int phr_route_groups_by(const phr_route_conf_t *route,
    phr_str_t name);


size_t
phr_route_match(const phr_route_conf_t *root, phr_labels_t labels,
    const phr_route_conf_t **list, size_t max)
{
    return phr_route_walk(root, labels, list, max, 0);
}


int
phr_route_group_labels(const phr_route_conf_t *route, phr_labels_t labels,
    phr_arena_t *a, phr_labels_t *out)
{
    size_t        i;
    phr_label_t  *l;

    l = phr_arena_alloc(a, (labels.n + 1) * sizeof(phr_label_t));
    if (l == NULL) {
        return phr_arena_rc(a);
    }

    out->n = 0;

    for (i = 0; i < labels.n; i++) {
        if (phr_route_groups_by(route, labels.l[i].name)) {
            l[out->n++] = labels.l[i];
        }
    }

    out->l = l;

    return PHR_OK;
}


int
phr_route_muted(const phr_alertmanager_yml_t *conf,
    const phr_route_conf_t *route, int64_t now_ms, phr_str_t *by)
{
    size_t                       i;
    phr_str_t                    name;
    const phr_named_interval_t  *ni;

    for (i = 0; i < route->mute_time_intervals.n; i++) {
        name = route->mute_time_intervals.s[i];
        ni = phr_alertmanager_yml_interval(conf, name);

        if (ni != NULL && phr_named_interval_contains(ni, now_ms)) {
            if (by != NULL) {
                *by = name;
            }

            return 1;
        }
    }

    if (route->active_time_intervals.n == 0) {
        return 0;
    }

    for (i = 0; i < route->active_time_intervals.n; i++) {
        ni = phr_alertmanager_yml_interval(conf,
                                           route->active_time_intervals.s[i]);

        if (ni != NULL && phr_named_interval_contains(ni, now_ms)) {
            return 0;
        }
    }

    if (by != NULL) {
        *by = phr_str_of("");
    }

    return 1;
}


static size_t
phr_route_walk(const phr_route_conf_t *route, phr_labels_t labels,
    const phr_route_conf_t **list, size_t max, size_t n)
{
    size_t  i, before, found;

    if (phr_matchers_match(route->matchers.m, route->matchers.n, labels) <= 0)
    {
        return n;
    }

    before = n;

    for (i = 0; i < route->nroutes; i++) {
        found = phr_route_walk(route->routes[i], labels, list, max, n);

        if (found > n && !route->routes[i]->continue_) {
            return found;
        }

        n = found;
    }

    /* no child has taken it */

    if (n == before) {
        if (n < max) {
            list[n] = route;
        }

        n++;
    }

    return n;
}


static int
phr_route_groups_by(const phr_route_conf_t *route, phr_str_t name)
{
    size_t  i;

    for (i = 0; i < route->group_by.n; i++) {
        if (phr_str_eq(route->group_by.s[i], name)) {
            return 1;
        }
    }

    return route->group_by_all;
}
