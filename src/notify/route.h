/*
 * Copyright (C) The Pharos Authors
 *
 * Route: which routes of an alertmanager.yml take an alert, the labels they
 * group it by, and whether they are muted now.
 */

#ifndef PHR_ROUTE_H_INCLUDED
#define PHR_ROUTE_H_INCLUDED


#include "core/labels.h"
#include "settings/alertmanager_yml.h"


/*
 * The routes that match, in the order of the tree, at most max of them into
 * list; returns how many there are (which may be more than max).  The root
 * always matches if no route below it does.
 */
size_t phr_route_match(const phr_route_conf_t *root, phr_labels_t labels,
    const phr_route_conf_t **list, size_t max);

/* the labels of the alert that the route groups by, in the arena */
int phr_route_group_labels(const phr_route_conf_t *route,
    phr_labels_t labels, phr_arena_t *a, phr_labels_t *out);

/*
 * 1 if the route's time intervals mute it at this point in time.  by (may
 * be NULL) is set to the interval's name, or to "" if it is muted because no
 * active interval contains now.
 */
int phr_route_muted(const phr_alertmanager_yml_t *conf,
    const phr_route_conf_t *route, int64_t now_ms, phr_str_t *by);


#endif /* PHR_ROUTE_H_INCLUDED */
