/*
 * Copyright (C) The Pharos Authors
 *
 * Dispatch: alerts and the groups they are in.  Flushing is in
 * dispatch_flush.c, records are in dispatch_record.c.
 */

#include "notify/dispatch.h"

#include "core/alloc.h"
#include "core/bytes.h"
#include "notify/dispatch_state.h"
#include "notify/route.h"


/* an alert may match this many routes; more are cut */
#define PHR_DISPATCH_MAX_ROUTES  256


static int phr_known_update(phr_known_t *k, const phr_notice_alert_t *alert,
    int64_t now_ms, phr_err_t *err);
static int phr_dispatch_group(phr_dispatch_t *d, phr_known_t *k,
    int64_t now_ms, phr_err_t *err);
static int phr_dispatch_join(phr_dispatch_t *d, phr_known_t *k,
    const phr_route_conf_t *route, phr_arena_t *tmp, int64_t now_ms,
    phr_err_t *err);
static phr_group_t *phr_group_create(phr_dispatch_t *d, phr_str_t map_key,
    const phr_route_conf_t *route, phr_labels_t labels);
static void phr_group_schedule(phr_dispatch_t *d, phr_group_t *g,
    const phr_known_t *k, int64_t now_ms);
static int phr_group_has(const phr_group_t *g, const phr_known_t *k);
static void phr_group_free(phr_group_t *g);


phr_dispatch_t *
phr_dispatch_create(void)
{
    phr_dispatch_t  *d;

    d = phr_calloc(1, sizeof(phr_dispatch_t));
    if (d == NULL) {
        return NULL;
    }

    phr_array_init(&d->flights, sizeof(phr_flight_t *));
    phr_array_init(&d->gone, PHR_DISPATCH_KEY_LEN);

    d->alerts = phr_map_create();
    d->groups = phr_map_create();
    d->log = phr_map_create();

    if (d->alerts == NULL || d->groups == NULL || d->log == NULL) {
        phr_dispatch_destroy(d);
        return NULL;
    }

    return d;
}


void
phr_dispatch_destroy(phr_dispatch_t *d)
{
    void       *value;
    size_t      pos, i;
    phr_str_t   key;

    if (d == NULL) {
        return;
    }

    for (i = 0; i < d->flights.nelts; i++) {
        phr_flight_free(*phr_array_get(&d->flights, phr_flight_t *, i));
    }

    for (pos = 0; d->groups && phr_map_next(d->groups, &pos, &key, &value);) {
        phr_group_free(value);
    }

    for (pos = 0; d->alerts && phr_map_next(d->alerts, &pos, &key, &value);) {
        phr_known_free(value);
    }

    for (pos = 0; d->log && phr_map_next(d->log, &pos, &key, &value); ) {
        phr_log_free(value);
    }

    if (d->groups != NULL) {
        phr_map_destroy(d->groups);
    }

    if (d->alerts != NULL) {
        phr_map_destroy(d->alerts);
    }

    if (d->log != NULL) {
        phr_map_destroy(d->log);
    }

    phr_array_free(&d->flights);
    phr_array_free(&d->gone);
    phr_free(d);
}


int
phr_dispatch_configure(phr_dispatch_t *d, const phr_alertmanager_yml_t *conf,
    int64_t now_ms, phr_err_t *err)
{
    int            rc;
    void          *value;
    size_t         pos, i;
    phr_str_t      key;
    phr_flight_t  *f;

    d->conf = conf;

    /*
     * What is being sent ends as it does; what waits for another try is
     * given up, the new groups will tell it.
     */

    for (i = d->flights.nelts; i > 0; i--) {
        f = *phr_array_get(&d->flights, phr_flight_t *, i - 1);
        f->group = NULL;

        if (f->retry_ms != 0) {
            f->log->pending_ms = 0;
            f->log->in_flight = 0;
            f->log->dirty = 1;
            *phr_array_get(&d->flights, phr_flight_t *, i - 1)
                = *phr_array_get(&d->flights, phr_flight_t *,
                                 d->flights.nelts - 1);
            d->flights.nelts--;
            phr_flight_free(f);
        }
    }

    for (pos = 0; phr_map_next(d->groups, &pos, &key, &value); ) {
        phr_map_delete(d->groups, ((phr_group_t *) value)->map_key);
        phr_group_free(value);
    }

    for (pos = 0; phr_map_next(d->alerts, &pos, &key, &value); ) {
        ((phr_known_t *) value)->ngroups = 0;

        rc = phr_dispatch_group(d, value, now_ms, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


void
phr_dispatch_shift(phr_dispatch_t *d, int64_t by_ms)
{
    void          *value;
    size_t         pos, i;
    phr_log_t     *log;
    phr_str_t      key;
    phr_group_t   *g;
    phr_known_t   *k;
    phr_flight_t  *f;

    for (pos = 0; phr_map_next(d->alerts, &pos, &key, &value); ) {
        k = value;
        k->pub.starts_ms += by_ms;
        k->pub.ends_ms += by_ms;
        k->pub.updated_ms += by_ms;
        k->saved_ms += by_ms;
        k->dirty = 1;
    }

    for (pos = 0; phr_map_next(d->log, &pos, &key, &value); ) {
        log = value;
        log->sent_ms += log->sent_ms ? by_ms : 0;
        log->pending_ms += log->pending_ms ? by_ms : 0;
        log->expires_ms += by_ms;
        log->dirty = 1;
    }

    for (pos = 0; phr_map_next(d->groups, &pos, &key, &value); ) {
        g = value;
        g->next_ms += by_ms;

        for (i = 0; i < g->ended.nelts; i++) {
            phr_array_get(&g->ended, phr_group_end_t, i)->ends_ms += by_ms;
        }
    }

    for (i = 0; i < d->flights.nelts; i++) {
        f = *phr_array_get(&d->flights, phr_flight_t *, i);
        f->notice.now_ms += by_ms;
        f->deadline_ms += by_ms;
        f->retry_ms += f->retry_ms ? by_ms : 0;
    }

    d->clean_ms += d->clean_ms ? by_ms : 0;
}


int
phr_dispatch_put(phr_dispatch_t *d, const phr_notice_alert_t *alert,
    int64_t now_ms, phr_err_t *err)
{
    int                  rc;
    uint64_t             fp;
    phr_known_t         *k;
    phr_notice_alert_t   a;

    phr_assert(d->conf != NULL);

    a = *alert;

    if (a.ends_ms == 0) {
        a.ends_ms = now_ms + d->conf->resolve_timeout_ms;
    }

    if (a.starts_ms == 0) {
        a.starts_ms = phr_min(now_ms, a.ends_ms);
    }

    if (a.updated_ms == 0) {
        a.updated_ms = now_ms;
    }

    fp = phr_fingerprint(a.labels);
    k = phr_map_get(d->alerts, phr_str_from((char *) &fp, sizeof(fp)));

    if (k != NULL) {
        rc = phr_known_update(k, &a, now_ms, err);

        return rc == PHR_OK ? phr_dispatch_group(d, k, now_ms, err) : rc;
    }

    if (phr_map_count(d->alerts) >= PHR_DISPATCH_MAX_ALERTS) {
        return phr_err_set(err, PHR_ELIMIT, "more than %d alerts",
                           PHR_DISPATCH_MAX_ALERTS);
    }

    k = phr_calloc(1, sizeof(phr_known_t));
    if (k == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    k->fingerprint = fp;

    rc = phr_known_update(k, &a, now_ms, err);

    if (rc == PHR_OK) {
        rc = phr_map_set(d->alerts, phr_known_key(k), k);
    }

    if (rc != PHR_OK) {
        phr_known_free(k);
        return phr_err_set(err, rc, "no memory for an alert");
    }

    return phr_dispatch_group(d, k, now_ms, err);
}


const phr_notice_alert_t *
phr_dispatch_alert_next(const phr_dispatch_t *d, size_t *pos)
{
    void       *value;
    phr_str_t   key;

    if (!phr_map_next(d->alerts, pos, &key, &value)) {
        return NULL;
    }

    return &((phr_known_t *) value)->pub;
}


int
phr_dispatch_group_next(const phr_dispatch_t *d, size_t *pos,
    phr_arena_t *a, phr_dispatch_group_t *group)
{
    void                      *value;
    size_t                     i;
    phr_str_t                  key;
    phr_group_t               *g;
    const phr_notice_alert_t **list;

    if (!phr_map_next(d->groups, pos, &key, &value)) {
        return PHR_DONE;
    }

    g = value;

    list = phr_arena_alloc(a, (g->members.nelts + 1) * sizeof(void *));
    if (list == NULL) {
        return phr_arena_rc(a);
    }

    for (i = 0; i < g->members.nelts; i++) {
        list[i] = &(*phr_array_get(&g->members, phr_known_t *, i))->pub;
    }

    group->route = g->route;
    group->key = g->key;
    group->labels = g->labels;
    group->next_ms = g->next_ms;
    group->alerts = list;
    group->nalerts = g->members.nelts;

    return PHR_OK;
}


int
phr_dispatch_alerts(const phr_dispatch_t *d, phr_arena_t *a,
    const phr_notice_alert_t *const **alerts, size_t *n)
{
    size_t                      pos, i;
    const phr_notice_alert_t  **list, *alert;

    list = phr_arena_alloc(a, (phr_map_count(d->alerts) + 1)
                              * sizeof(void *));
    if (list == NULL) {
        return phr_arena_rc(a);
    }

    i = 0;
    pos = 0;

    while ((alert = phr_dispatch_alert_next(d, &pos)) != NULL) {
        list[i++] = alert;
    }

    *alerts = list;
    *n = i;

    return PHR_OK;
}


phr_str_t
phr_known_key(const phr_known_t *k)
{
    return phr_str_from((const char *) &k->fingerprint,
                        sizeof(k->fingerprint));
}


void
phr_known_free(phr_known_t *k)
{
    phr_arena_destroy(k->arena);
    phr_free(k);
}


int
phr_known_release(phr_dispatch_t *d, phr_known_t *k, int64_t now_ms)
{
    int  rc;

    if (k->ngroups > 0 || !phr_notice_alert_resolved(&k->pub, now_ms)) {
        return PHR_OK;
    }

    rc = phr_dispatch_gone(d, 'a', k->fingerprint);

    if (rc == PHR_OK) {
        phr_map_delete(d->alerts, phr_known_key(k));
        phr_known_free(k);
    }

    return rc;
}


int
phr_dispatch_gone(phr_dispatch_t *d, char letter, uint64_t hash)
{
    uint8_t  *key;

    key = phr_array_push(&d->gone);
    if (key == NULL) {
        return PHR_ENOMEM;
    }

    key[0] = (uint8_t) letter;
    phr_put_be64(key + 1, hash);

    return PHR_OK;
}


void
phr_group_remove(phr_dispatch_t *d, phr_group_t *g)
{
    phr_map_delete(d->groups, g->map_key);
    phr_group_free(g);
}


/*
 * An alert that comes again while it fires keeps its first beginning, and an
 * end that was told explicitly is not undone by one that was not.
 */
static int
phr_known_update(phr_known_t *k, const phr_notice_alert_t *alert,
    int64_t now_ms, phr_err_t *err)
{
    int                  rc, was, is, changed;
    phr_arena_t         *a;
    phr_notice_alert_t   copy, merged;

    merged = *alert;
    is = phr_notice_alert_resolved(&merged, now_ms);
    changed = 1;

    if (k->arena != NULL) {
        was = phr_notice_alert_resolved(&k->pub, now_ms);

        if (!was && k->pub.starts_ms < merged.starts_ms
            && merged.starts_ms <= k->pub.ends_ms)
        {
            merged.starts_ms = k->pub.starts_ms;
        }

        changed = was != is || k->pub.starts_ms != merged.starts_ms
                  || (is && k->pub.ends_ms != merged.ends_ms)
                  || merged.updated_ms - k->saved_ms >= PHR_DISPATCH_SAVE_MS;
    }

    a = phr_arena_create(0);
    if (a == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    rc = phr_notice_alert_copy(a, &merged, &copy);
    if (rc != PHR_OK) {
        phr_arena_destroy(a);
        return phr_err_set(err, rc, "no memory for an alert");
    }

    phr_arena_destroy(k->arena);
    k->arena = a;
    k->pub = copy;
    k->dirty |= (unsigned) changed;

    return PHR_OK;
}


static int
phr_dispatch_group(phr_dispatch_t *d, phr_known_t *k, int64_t now_ms,
    phr_err_t *err)
{
    int                      rc;
    size_t                   i, n;
    phr_arena_t             *tmp;
    const phr_route_conf_t  *routes[PHR_DISPATCH_MAX_ROUTES];

    tmp = phr_arena_create(0);
    if (tmp == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    n = phr_route_match(d->conf->route, k->pub.labels, routes,
                        PHR_DISPATCH_MAX_ROUTES);
    n = phr_min(n, PHR_DISPATCH_MAX_ROUTES);
    rc = PHR_OK;

    for (i = 0; rc == PHR_OK && i < n; i++) {
        rc = phr_dispatch_join(d, k, routes[i], tmp, now_ms, err);
    }

    phr_arena_destroy(tmp);

    return rc;
}


static int
phr_dispatch_join(phr_dispatch_t *d, phr_known_t *k,
    const phr_route_conf_t *route, phr_arena_t *tmp, int64_t now_ms,
    phr_err_t *err)
{
    int            rc;
    uint8_t        index[4];
    phr_buf_t      b;
    phr_str_t      map_key;
    phr_group_t   *g;
    phr_known_t  **member;
    phr_labels_t   labels;

    rc = phr_route_group_labels(route, k->pub.labels, tmp, &labels);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "no memory for a group");
    }

    phr_put_be32(index, route->index);
    phr_buf_init(&b, 0);
    phr_buf_append(&b, index, sizeof(index));
    phr_labels_encode(&b, labels);

    map_key = phr_arena_str(tmp, phr_buf_view(&b));
    rc = b.failed;
    phr_buf_free(&b);

    if (rc != PHR_OK || map_key.data == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    g = phr_map_get(d->groups, map_key);

    if (g != NULL && phr_group_has(g, k)) {
        return PHR_OK;
    }

    if (g == NULL) {
        if (phr_map_count(d->groups) >= PHR_DISPATCH_MAX_GROUPS) {
            return phr_err_set(err, PHR_ELIMIT, "more than %d groups of "
                               "alerts", PHR_DISPATCH_MAX_GROUPS);
        }

        g = phr_group_create(d, map_key, route, labels);
        if (g == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "out of memory");
        }

        phr_group_schedule(d, g, k, now_ms);
    }

    member = phr_array_push(&g->members);
    if (member == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    *member = k;
    k->ngroups++;

    return PHR_OK;
}


static phr_group_t *
phr_group_create(phr_dispatch_t *d, phr_str_t map_key,
    const phr_route_conf_t *route, phr_labels_t labels)
{
    phr_buf_t     b;
    phr_group_t  *g;

    g = phr_calloc(1, sizeof(phr_group_t));
    if (g == NULL) {
        return NULL;
    }

    phr_array_init(&g->members, sizeof(phr_known_t *));
    phr_array_init(&g->ended, sizeof(phr_group_end_t));
    g->route = route;
    g->arena = phr_arena_create(0);

    if (g->arena == NULL
        || phr_labels_copy(g->arena, labels, &g->labels) != PHR_OK)
    {
        phr_group_free(g);
        return NULL;
    }

    phr_buf_init(&b, 0);
    phr_group_key(&b, route, g->labels);

    g->map_key = phr_arena_str(g->arena, map_key);
    g->key = phr_arena_str(g->arena, phr_buf_view(&b));

    if (b.failed || g->map_key.data == NULL || g->key.data == NULL
        || phr_map_set(d->groups, g->map_key, g) != PHR_OK)
    {
        phr_buf_free(&b);
        phr_group_free(g);
        return NULL;
    }

    phr_buf_free(&b);

    return g;
}


/*
 * A new group waits group_wait for company, unless its alert is older than
 * that.  A group that is only new to this process or configuration, whose
 * receivers know of its firing alerts, keeps its interval.
 */
static void
phr_group_schedule(phr_dispatch_t *d, phr_group_t *g, const phr_known_t *k,
    int64_t now_ms)
{
    size_t                  i;
    phr_log_t              *log;
    const phr_receiver_t   *r;

    g->next_ms = now_ms;

    if (k->pub.starts_ms + g->route->group_wait_ms >= now_ms) {
        g->next_ms += g->route->group_wait_ms;
    }

    r = phr_alertmanager_yml_receiver(d->conf, g->route->receiver);

    for (i = 0; r != NULL && i < r->nintegrations; i++) {
        log = phr_log_find(d, g->key, r, &r->integrations[i], 0);

        if (log != NULL && log->nfiring > 0) {
            g->next_ms = phr_max(g->next_ms, log->sent_ms
                                             + g->route->group_interval_ms);
        }
    }
}


static int
phr_group_has(const phr_group_t *g, const phr_known_t *k)
{
    size_t  i;

    for (i = 0; i < g->members.nelts; i++) {
        if (*phr_array_get(&g->members, phr_known_t *, i) == k) {
            return 1;
        }
    }

    return 0;
}


static void
phr_group_free(phr_group_t *g)
{
    phr_array_free(&g->members);
    phr_array_free(&g->ended);
    phr_arena_destroy(g->arena);
    phr_free(g);
}
