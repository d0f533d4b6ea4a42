/*
 * Copyright (C) The Pharos Authors
 *
 * alertmanager.yml: the routing tree, checked, and completed with what
 * routes inherit.  Alerts are routed by notify.
 */

#include "settings/alertmanager_schema.h"

#include <stdlib.h>

#include "core/utf8.h"


static void phr_route_init(void *object);
static int phr_route_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_route_root_check(phr_schema_ctx_t *ctx,
    const phr_route_conf_t *root, const phr_yaml_node_t *node);
static int phr_route_names(phr_schema_ctx_t *ctx,
    const phr_alertmanager_yml_t *conf, const phr_route_conf_t *route,
    const phr_yaml_node_t *node);
static int phr_route_inherit(phr_schema_ctx_t *ctx, phr_route_conf_t *route,
    phr_route_conf_t *parent, uint32_t *n);
static int phr_route_labels(phr_schema_ctx_t *ctx, phr_pairs_t *own,
    const phr_pairs_t *parent);
static int phr_route_str_cmp(const void *a, const void *b);


#define PHR_ROUTE_MATCH(name_, set_)                                          \
    { .name = name_, .type = PHR_OPT_CUSTOM,                                  \
      .offset = offsetof(phr_route_conf_t, matchers), .set = set_ }

static const phr_option_t  phr_route_options[] = {
    PHR_OPTION(phr_route_conf_t, receiver, "receiver", PHR_OPT_STR, 0),
    PHR_OPTION(phr_route_conf_t, group_by, "group_by", PHR_OPT_STRS, 0),
    PHR_ROUTE_MATCH("match", phr_match_set),
    PHR_ROUTE_MATCH("match_re", phr_match_re_set),
    PHR_ROUTE_MATCH("matchers", phr_matchers_set),
    PHR_OPTION(phr_route_conf_t, mute_time_intervals, "mute_time_intervals",
               PHR_OPT_STRS, 0),
    PHR_OPTION(phr_route_conf_t, active_time_intervals,
               "active_time_intervals", PHR_OPT_STRS, 0),
    PHR_OPTION(phr_route_conf_t, continue_, "continue", PHR_OPT_BOOL, 0),
    PHR_OPTION_OF(phr_route_conf_t, routes, "routes", PHR_OPT_LIST, 0,
                  &phr_route_schema),
    PHR_OPTION(phr_route_conf_t, group_wait_ms, "group_wait",
               PHR_OPT_DURATION, 0),
    PHR_OPTION(phr_route_conf_t, group_interval_ms, "group_interval",
               PHR_OPT_DURATION, 0),
    PHR_OPTION(phr_route_conf_t, repeat_interval_ms, "repeat_interval",
               PHR_OPT_DURATION, 0),
    PHR_OPTION(phr_route_conf_t, labels, "labels", PHR_OPT_PAIRS, 0),
};

const phr_schema_t  phr_route_schema = {
    .name = "a route",
    .size = sizeof(phr_route_conf_t),
    .options = phr_route_options,
    .noptions = phr_nelems(phr_route_options),
    .init = phr_route_init,
    .check = phr_route_check
};


int
phr_route_complete(phr_schema_ctx_t *ctx, phr_alertmanager_yml_t *conf,
    const phr_yaml_node_t *node)
{
    int       rc;
    uint32_t  n;

    if (conf->route == NULL) {
        return phr_schema_error(ctx, node, "no route provided in config");
    }

    rc = phr_route_root_check(ctx, conf->route, node);

    if (rc == PHR_OK) {
        rc = phr_route_names(ctx, conf, conf->route, node);
    }

    n = 0;

    if (rc == PHR_OK) {
        rc = phr_route_inherit(ctx, conf->route, NULL, &n);
    }

    conf->nroutes = n;

    return rc;
}


int
phr_label_names_check(phr_schema_ctx_t *ctx, const phr_strs_t *names,
    const phr_yaml_node_t *node, const char *what)
{
    size_t     i;
    phr_str_t  name;

    for (i = 0; i < names->n; i++) {
        name = names->s[i];

        if (name.len == 0 || !phr_utf8_valid(name.data, name.len)) {
            return phr_schema_error(ctx, node, "invalid label name \"%.*s\" "
                                    "in %s list",
                                    (int) phr_min(name.len, 100), name.data,
                                    what);
        }
    }

    return PHR_OK;
}


/* -1 is "not set" until the parent's value is taken */
static void
phr_route_init(void *object)
{
    phr_route_conf_t  *r;

    r = object;
    r->group_wait_ms = -1;
    r->group_interval_ms = -1;
    r->repeat_interval_ms = -1;
}


static int
phr_route_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    int                     rc;
    size_t                  i, n;
    phr_route_conf_t       *r;
    const phr_yaml_node_t  *by;

    r = object;
    r->line = node ? node->line : 0;
    by = phr_yaml_get(node, "group_by");

    phr_matchers_sort(&r->matchers);

    rc = phr_label_names_check(ctx, &r->group_by, by, "group_by");
    if (rc != PHR_OK) {
        return rc;
    }

    n = 0;

    for (i = 0; i < r->group_by.n; i++) {
        if (phr_str_eq(r->group_by.s[i], phr_str_of("..."))) {
            r->group_by_all = 1;

        } else {
            r->group_by.s[n++] = r->group_by.s[i];
        }
    }

    if (r->group_by_all && n > 0) {
        return phr_schema_error(ctx, by, "cannot have wildcard group_by "
                                "(`...`) and other labels at the same time");
    }

    /* as if unset: the parent's list stays beside the wildcard */

    if (r->group_by_all) {
        r->group_by.s = NULL;
    }

    r->group_by.n = n;

    if (n > 1) {
        qsort(r->group_by.s, n, sizeof(phr_str_t), phr_route_str_cmp);
    }

    for (i = 1; i < n; i++) {
        if (phr_str_eq(r->group_by.s[i - 1], r->group_by.s[i])) {
            return phr_schema_error(ctx, by, "duplicated label \"%.*s\" in "
                                    "group_by",
                                    (int) phr_min(r->group_by.s[i].len, 100),
                                    r->group_by.s[i].data);
        }
    }

    for (i = 0; i < r->labels.n; i++) {
        if (r->labels.p[i].name.len == 0) {
            return phr_schema_error(ctx, phr_yaml_get(node, "labels"),
                                    "invalid label name in route labels");
        }
    }

    if (r->group_interval_ms == 0 || r->repeat_interval_ms == 0) {
        return phr_schema_error(ctx, node, "%s cannot be zero",
                                r->group_interval_ms == 0 ? "group_interval"
                                                          : "repeat_interval");
    }

    return PHR_OK;
}


static int
phr_route_root_check(phr_schema_ctx_t *ctx, const phr_route_conf_t *root,
    const phr_yaml_node_t *node)
{
    const char  *text;

    text = NULL;

    if (root->receiver.len == 0) {
        text = "root route must specify a default receiver";

    } else if (root->matchers.n > 0) {
        text = "root route must not have any matchers";

    } else if (root->mute_time_intervals.n > 0) {
        text = "root route must not have any mute time intervals";

    } else if (root->active_time_intervals.n > 0) {
        text = "root route must not have any active time intervals";

    } else if (root->continue_) {
        text = "cannot have continue in root route";
    }

    return text ? phr_schema_error(ctx, node, "%s", text) : PHR_OK;
}


static int
phr_route_names(phr_schema_ctx_t *ctx, const phr_alertmanager_yml_t *conf,
    const phr_route_conf_t *route, const phr_yaml_node_t *node)
{
    int                     rc;
    size_t                  i, n;
    phr_str_t               name;
    const phr_yaml_node_t  *routes;

    routes = phr_yaml_get(node, "routes");

    for (i = 0; i < route->nroutes; i++) {
        rc = phr_route_names(ctx, conf, route->routes[i], routes->items[i]);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (route->receiver.len > 0
        && phr_alertmanager_yml_receiver(conf, route->receiver) == NULL)
    {
        return phr_schema_error(ctx, phr_yaml_get(node, "receiver"),
                                "undefined receiver \"%.*s\" used in route",
                                (int) phr_min(route->receiver.len, 200),
                                route->receiver.data);
    }

    n = route->active_time_intervals.n;

    for (i = 0; i < n + route->mute_time_intervals.n; i++) {
        name = i < n ? route->active_time_intervals.s[i]
                     : route->mute_time_intervals.s[i - n];

        if (phr_alertmanager_yml_interval(conf, name) == NULL) {
            return phr_schema_error(ctx, node, "undefined time interval "
                                    "\"%.*s\" used in route",
                                    (int) phr_min(name.len, 200), name.data);
        }
    }

    return PHR_OK;
}


static int
phr_route_inherit(phr_schema_ctx_t *ctx, phr_route_conf_t *route,
    phr_route_conf_t *parent, uint32_t *n)
{
    int     rc;
    size_t  i;

    route->parent = parent;

    if (route->receiver.len == 0) {
        route->receiver = parent->receiver;
    }

    /* a list that is there, even an empty one, replaces the parent's */

    if (route->group_by.s == NULL && parent != NULL) {
        route->group_by = parent->group_by;
        route->group_by_all |= parent->group_by_all;
    }

    if (route->group_wait_ms < 0) {
        route->group_wait_ms = parent ? parent->group_wait_ms : 30 * 1000;
    }

    if (route->group_interval_ms < 0) {
        route->group_interval_ms = parent ? parent->group_interval_ms
                                          : 5 * 60 * 1000;
    }

    if (route->repeat_interval_ms < 0) {
        route->repeat_interval_ms = parent ? parent->repeat_interval_ms
                                           : 4 * 60 * 60 * 1000;
    }

    if (parent != NULL && parent->labels.n > 0) {
        rc = phr_route_labels(ctx, &route->labels, &parent->labels);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    for (i = 0; i < route->nroutes; i++) {
        rc = phr_route_inherit(ctx, route->routes[i], route, n);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    /* children are numbered before their parent */

    route->index = (*n)++;

    return PHR_OK;
}


/* merges two sorted lists, the route's own labels win */
static int
phr_route_labels(phr_schema_ctx_t *ctx, phr_pairs_t *own,
    const phr_pairs_t *parent)
{
    int          rc;
    size_t       i, j, n;
    phr_pair_t  *p;

    p = phr_arena_alloc(ctx->arena,
                        (own->n + parent->n) * sizeof(phr_pair_t));
    if (p == NULL) {
        return phr_schema_nomem(ctx);
    }

    for (i = 0, j = 0, n = 0; i < own->n || j < parent->n; n++) {
        rc = (i == own->n) ? 1
             : (j == parent->n) ? -1
             : phr_str_cmp(own->p[i].name, parent->p[j].name);

        p[n] = (rc <= 0) ? own->p[i] : parent->p[j];

        i += (rc <= 0);
        j += (rc >= 0);
    }

    own->p = p;
    own->n = n;

    return PHR_OK;
}


static int
phr_route_str_cmp(const void *a, const void *b)
{
    return phr_str_cmp(*(const phr_str_t *) a, *(const phr_str_t *) b);
}
