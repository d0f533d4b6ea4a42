/*
 * Copyright (C) The Pharos Authors
 *
 * Dispatch: flushing groups: what of them is told, to whom, and what became
 * of it.
 */

#include "notify/dispatch.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "notify/dispatch_state.h"
#include "notify/inhibit.h"
#include "notify/route.h"


/* of a failed notification: half a second, then half as much again ... */
#define PHR_RETRY_FIRST_MS    500
#define PHR_RETRY_MAX_MS      60000

/* a notification is retried for group_interval, but at least for so long */
#define PHR_RETRY_LEAST_MS    10000

/* expired entries of the log are looked for so often */
#define PHR_LOG_CLEAN_MS      (15 * 60 * 1000)


/* of one run */
typedef struct {
    phr_dispatch_t         *d;
    const phr_silences_t   *silences;
    phr_inhibitor_t        *inhibitor;
    phr_arena_t            *arena;
    phr_array_t            *due;
    int64_t                 now_ms;
} phr_run_t;


/* of one flush: the alerts that are told, and their fingerprints, sorted */
typedef struct {
    phr_notice_alert_t     *alerts;
    size_t                  nalerts;
    uint64_t               *firing;
    size_t                  nfiring;
    uint64_t               *resolved;
    size_t                  nresolved;
} phr_flush_t;


static int phr_run_retries(phr_run_t *r);
static int phr_run_groups(phr_run_t *r);
static int phr_group_flush(phr_run_t *r, phr_group_t *g);
static int phr_group_collect(phr_run_t *r, phr_group_t *g, phr_flush_t *f);
static int phr_group_tell(phr_run_t *r, phr_group_t *g,
    const phr_receiver_t *receiver, const phr_integration_t *in,
    const phr_flush_t *f);
static phr_reason_e phr_log_reason(const phr_log_t *log,
    const phr_flush_t *f, int send_resolved, int64_t repeat_ms,
    int64_t now_ms);
static phr_flight_t *phr_flight_create(phr_run_t *r, phr_group_t *g,
    const phr_receiver_t *receiver, const phr_integration_t *in,
    const phr_flush_t *f, phr_log_t *log);
static int phr_run_due(phr_run_t *r, phr_flight_t *f);
static void phr_flight_end(phr_dispatch_t *d, size_t i, int ok,
    int64_t now_ms);
static int phr_log_clean(phr_dispatch_t *d, int64_t now_ms);
static int phr_log_subset(const uint64_t *a, size_t na, const uint64_t *b,
    size_t nb);
static int phr_u64_cmp(const void *a, const void *b);


int
phr_dispatch_run(phr_dispatch_t *d, const phr_silences_t *silences,
    int64_t now_ms, phr_array_t *due, phr_err_t *err)
{
    int        rc;
    phr_run_t  r;

    r.d = d;
    r.silences = silences;
    r.inhibitor = NULL;
    r.due = due;
    r.now_ms = now_ms;

    r.arena = phr_arena_create(0);
    if (r.arena == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    rc = phr_run_retries(&r);

    if (rc == PHR_OK && d->conf != NULL) {
        rc = phr_run_groups(&r);
    }

    if (rc == PHR_OK && d->clean_ms <= now_ms) {
        rc = phr_log_clean(d, now_ms);
        d->clean_ms = now_ms + PHR_LOG_CLEAN_MS;
    }

    phr_arena_destroy(r.arena);

    return rc == PHR_OK ? rc
                        : phr_err_set(err, rc, "no memory to dispatch alerts");
}


int64_t
phr_dispatch_next(const phr_dispatch_t *d)
{
    void          *value;
    size_t         pos, i;
    int64_t        next_ms;
    phr_str_t      key;
    phr_group_t   *g;
    phr_flight_t  *f;

    next_ms = PHR_TIME_MAX;

    for (pos = 0; phr_map_next(d->groups, &pos, &key, &value); ) {
        g = value;

        if (g->nflights == 0) {
            next_ms = phr_min(next_ms, g->next_ms);
        }
    }

    for (i = 0; i < d->flights.nelts; i++) {
        f = *phr_array_get(&d->flights, phr_flight_t *, i);

        if (f->retry_ms != 0) {
            next_ms = phr_min(next_ms, f->retry_ms);
        }
    }

    return next_ms;
}


void
phr_dispatch_result(phr_dispatch_t *d, uint64_t id, int rc, int64_t now_ms)
{
    int            n;
    double         wait_ms;
    size_t         i;
    phr_flight_t  *f;

    for (i = 0; i < d->flights.nelts; i++) {
        f = *phr_array_get(&d->flights, phr_flight_t *, i);

        if (f->notice.id == id) {
            break;
        }
    }

    if (i == d->flights.nelts || f->retry_ms != 0) {
        return;
    }

    if (rc == PHR_OK) {
        /* without memory for it the entry stays "pending": told, maybe */

        rc = phr_log_set(f->log, f->firing, f->nfiring, f->resolved,
                         f->nresolved, f->notice.now_ms,
                         now_ms + 2 * f->repeat_ms);

        phr_flight_end(d, i, rc == PHR_OK, now_ms);
        return;
    }

    wait_ms = PHR_RETRY_FIRST_MS;

    for (n = 1; n < f->notice.attempt && wait_ms < PHR_RETRY_MAX_MS; n++) {
        wait_ms *= 1.5;
    }

    f->retry_ms = now_ms + (int64_t) phr_min(wait_ms, PHR_RETRY_MAX_MS);

    if (rc != PHR_AGAIN || f->retry_ms >= f->deadline_ms
        || f->group == NULL)
    {
        f->log->pending_ms = 0;
        f->log->dirty = 1;
        phr_flight_end(d, i, 0, now_ms);
    }
}


void
phr_group_finish(phr_dispatch_t *d, phr_group_t *g, int64_t now_ms)
{
    size_t             i, j;
    phr_known_t       *k, **members;
    phr_group_end_t   *ended;

    ended = g->ended.elts;
    members = g->members.elts;

    for (i = g->members.nelts; i > 0 && !g->failed; i--) {
        k = members[i - 1];

        for (j = 0; j < g->ended.nelts; j++) {
            if (ended[j].fingerprint == k->fingerprint
                && ended[j].ends_ms == k->pub.ends_ms)
            {
                break;
            }
        }

        if (j == g->ended.nelts) {
            continue;
        }

        members[i - 1] = members[--g->members.nelts];
        k->ngroups--;

        /* if that fails, the alert is forgotten at the next restart */

        (void) phr_known_release(d, k, now_ms);
    }

    g->ended.nelts = 0;
    g->failed = 0;

    if (g->members.nelts == 0) {
        phr_group_remove(d, g);
    }
}


void
phr_flight_free(phr_flight_t *f)
{
    phr_arena_destroy(f->arena);
}


static int
phr_run_retries(phr_run_t *r)
{
    int            rc;
    size_t         i;
    phr_flight_t  *f;

    for (i = 0; i < r->d->flights.nelts; i++) {
        f = *phr_array_get(&r->d->flights, phr_flight_t *, i);

        if (f->retry_ms == 0 || f->retry_ms > r->now_ms) {
            continue;
        }

        f->retry_ms = 0;
        f->notice.attempt++;

        /* the intent is that of now: it counts if the process dies */

        f->log->pending_ms = r->now_ms;
        f->log->dirty = 1;

        rc = phr_run_due(r, f);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


static int
phr_run_groups(phr_run_t *r)
{
    int                                 rc;
    void                               *value;
    size_t                              pos, i, n;
    phr_str_t                           key;
    phr_array_t                         ripe;
    phr_group_t                        *g, **slot;
    const phr_notice_alert_t *const    *alerts;

    /* groups may go while they are flushed: they are collected first */

    phr_array_init(&ripe, sizeof(phr_group_t *));
    rc = PHR_OK;

    for (pos = 0; phr_map_next(r->d->groups, &pos, &key, &value); ) {
        g = value;

        if (g->nflights > 0 || g->next_ms > r->now_ms) {
            continue;
        }

        slot = phr_array_push(&ripe);
        if (slot == NULL) {
            rc = PHR_ENOMEM;
            break;
        }

        *slot = g;
    }

    if (rc == PHR_OK && ripe.nelts > 0) {
        rc = phr_dispatch_alerts(r->d, r->arena, &alerts, &n);

        if (rc == PHR_OK) {
            rc = phr_inhibitor_create(r->arena, r->d->conf, alerts, n,
                                      r->now_ms, &r->inhibitor);
        }
    }

    /* an alert that goes with its last group must outlive the inhibitor */

    for (i = 0; rc == PHR_OK && i < ripe.nelts; i++) {
        rc = phr_group_flush(r, *phr_array_get(&ripe, phr_group_t *, i));
    }

    for (i = 0; rc == PHR_OK && i < ripe.nelts; i++) {
        g = *phr_array_get(&ripe, phr_group_t *, i);

        if (g->nflights == 0) {
            phr_group_finish(r->d, g, r->now_ms);
        }
    }

    phr_array_free(&ripe);

    return rc;
}


static int
phr_group_flush(phr_run_t *r, phr_group_t *g)
{
    int                    rc;
    size_t                 i;
    phr_flush_t            f;
    const phr_receiver_t  *receiver;

    g->failed = 0;

    rc = phr_group_collect(r, g, &f);
    if (rc != PHR_OK) {
        return rc;
    }

    g->next_ms = r->now_ms + g->route->group_interval_ms;

    receiver = phr_alertmanager_yml_receiver(r->d->conf, g->route->receiver);
    phr_assert(receiver != NULL);

    if (f.nalerts == 0) {
        return PHR_OK;
    }

    for (i = 0; i < receiver->nintegrations; i++) {
        rc = phr_group_tell(r, g, receiver, &receiver->integrations[i], &f);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


/* what is neither silenced nor inhibited, unless the route is muted */
static int
phr_group_collect(phr_run_t *r, phr_group_t *g, phr_flush_t *f)
{
    int                   muted;
    size_t                i, n;
    phr_known_t          *k;
    phr_group_end_t      *end;
    phr_notice_alert_t   *a;

    n = g->members.nelts;
    memset(f, 0, sizeof(phr_flush_t));

    f->alerts = phr_arena_alloc(r->arena,
                                (n + 1) * sizeof(phr_notice_alert_t));
    f->firing = phr_arena_alloc(r->arena, (n + 1) * sizeof(uint64_t));
    f->resolved = phr_arena_alloc(r->arena, (n + 1) * sizeof(uint64_t));

    if (f->alerts == NULL || f->firing == NULL || f->resolved == NULL) {
        return phr_arena_rc(r->arena);
    }

    muted = phr_route_muted(r->d->conf, g->route, r->now_ms, NULL);
    g->ended.nelts = 0;

    for (i = 0; i < n; i++) {
        k = *phr_array_get(&g->members, phr_known_t *, i);

        if (phr_notice_alert_resolved(&k->pub, r->now_ms)) {
            end = phr_array_push(&g->ended);
            if (end == NULL) {
                return PHR_ENOMEM;
            }

            end->fingerprint = k->fingerprint;
            end->ends_ms = k->pub.ends_ms;
        }

        if (muted
            || phr_inhibitor_find(r->inhibitor, k->pub.labels) != NULL
            || (r->silences != NULL
                && phr_silences_match(r->silences, k->pub.labels, r->now_ms,
                                      NULL, 0) > 0))
        {
            continue;
        }

        a = &f->alerts[f->nalerts++];
        *a = k->pub;

        if (phr_notice_alert_resolved(&k->pub, r->now_ms)) {
            f->resolved[f->nresolved++] = k->fingerprint;

        } else {
            a->ends_ms = 0;
            f->firing[f->nfiring++] = k->fingerprint;
        }
    }

    phr_notice_sort(f->alerts, f->nalerts);
    qsort(f->firing, f->nfiring, sizeof(uint64_t), phr_u64_cmp);
    qsort(f->resolved, f->nresolved, sizeof(uint64_t), phr_u64_cmp);

    return PHR_OK;
}


static int
phr_group_tell(phr_run_t *r, phr_group_t *g, const phr_receiver_t *receiver,
    const phr_integration_t *in, const phr_flush_t *f)
{
    int64_t        until_ms, repeat_ms;
    phr_log_t     *log;
    phr_flight_t  *flight;
    phr_reason_e   reason;

    log = phr_log_find(r->d, g->key, receiver, in, 1);
    if (log == NULL) {
        return PHR_ENOMEM;
    }

    /*
     * Begun, and nobody knows how it ended: the process has died, or the
     * configuration has changed meanwhile.
     */

    if (log->pending_ms != 0) {
        until_ms = log->pending_ms + g->route->group_interval_ms;

        if (log->in_flight || until_ms > r->now_ms) {
            g->failed = 1;
            g->next_ms = phr_min(g->next_ms,
                                 phr_max(until_ms, r->now_ms + 1000));
            return PHR_OK;
        }

        log->pending_ms = 0;
        log->dirty = 1;
    }

    repeat_ms = g->route->repeat_interval_ms;

    reason = phr_log_reason(log, f, in->send_resolved, repeat_ms, r->now_ms);

    if (reason == PHR_REASON_NONE) {
        return PHR_OK;
    }

    if (!in->send_resolved && f->nfiring == 0) {
        return phr_log_set(log, f->firing, f->nfiring, f->resolved,
                           f->nresolved, r->now_ms,
                           r->now_ms + 2 * repeat_ms);
    }

    flight = phr_flight_create(r, g, receiver, in, f, log);
    if (flight == NULL) {
        return PHR_ENOMEM;
    }

    flight->notice.reason = reason;
    g->nflights++;
    log->in_flight = 1;
    log->pending_ms = r->now_ms;
    log->expires_ms = phr_max(log->expires_ms, r->now_ms + 2 * repeat_ms);
    log->dirty = 1;

    return phr_run_due(r, flight);
}


static phr_reason_e
phr_log_reason(const phr_log_t *log, const phr_flush_t *f, int send_resolved,
    int64_t repeat_ms, int64_t now_ms)
{
    if (log->sent_ms == 0) {
        return f->nfiring > 0 ? PHR_REASON_FIRST : PHR_REASON_NONE;
    }

    if (!phr_log_subset(f->firing, f->nfiring, log->firing, log->nfiring)) {
        return log->nfiring > 0 ? PHR_REASON_NEW_ALERTS : PHR_REASON_FIRST;
    }

    /* also without send_resolved, to clear what the log says of firing */

    if (f->nfiring == 0) {
        return log->nfiring > 0 ? PHR_REASON_ALL_RESOLVED : PHR_REASON_NONE;
    }

    if (send_resolved && !phr_log_subset(f->resolved, f->nresolved,
                                         log->resolved, log->nresolved))
    {
        return PHR_REASON_SOME_RESOLVED;
    }

    return log->sent_ms + repeat_ms <= now_ms ? PHR_REASON_REPEAT
                                              : PHR_REASON_NONE;
}


static phr_flight_t *
phr_flight_create(phr_run_t *r, phr_group_t *g,
    const phr_receiver_t *receiver, const phr_integration_t *in,
    const phr_flush_t *f, phr_log_t *log)
{
    size_t          i;
    phr_arena_t    *a;
    phr_flight_t   *flight, **slot;
    phr_notice_t   *n;

    a = phr_arena_create(0);
    flight = a ? phr_arena_calloc(a, 1, sizeof(phr_flight_t)) : NULL;

    if (flight == NULL) {
        goto failed;
    }

    flight->arena = a;
    flight->group = g;
    flight->log = log;
    flight->repeat_ms = g->route->repeat_interval_ms;
    flight->deadline_ms = r->now_ms + phr_max(g->route->group_interval_ms,
                                              PHR_RETRY_LEAST_MS);
    flight->nfiring = f->nfiring;
    flight->nresolved = f->nresolved;
    flight->firing = phr_arena_alloc(a, (f->nfiring + 1) * sizeof(uint64_t));
    flight->resolved = phr_arena_alloc(a, (f->nresolved + 1)
                                          * sizeof(uint64_t));

    n = &flight->notice;
    n->receiver = receiver;
    n->integration = in;
    n->route = g->route;
    n->attempt = 1;
    n->now_ms = r->now_ms;
    n->group_key = phr_arena_str(a, g->key);
    n->alerts = phr_arena_calloc(a, f->nalerts + 1,
                                 sizeof(phr_notice_alert_t));

    if (flight->firing == NULL || flight->resolved == NULL
        || n->group_key.data == NULL || n->alerts == NULL
        || phr_labels_copy(a, g->labels, &n->group_labels) != PHR_OK)
    {
        goto failed;
    }

    memcpy(flight->firing, f->firing, f->nfiring * sizeof(uint64_t));
    memcpy(flight->resolved, f->resolved, f->nresolved * sizeof(uint64_t));

    for (i = 0; i < f->nalerts; i++) {
        if (f->alerts[i].ends_ms != 0 && !in->send_resolved) {
            continue;
        }

        if (phr_notice_alert_copy(a, &f->alerts[i], &n->alerts[n->nalerts])
            != PHR_OK)
        {
            goto failed;
        }

        n->nalerts++;
    }

    slot = phr_array_push(&r->d->flights);
    if (slot == NULL) {
        goto failed;
    }

    *slot = flight;
    n->id = ++r->d->last_id;

    return flight;

failed:

    phr_arena_destroy(a);

    return NULL;
}


static int
phr_run_due(phr_run_t *r, phr_flight_t *f)
{
    const phr_notice_t  **slot;

    slot = phr_array_push(r->due);

    if (slot == NULL) {
        /* as if it had failed: it comes up again */

        f->retry_ms = r->now_ms + PHR_RETRY_FIRST_MS;
        return PHR_ENOMEM;
    }

    *slot = &f->notice;

    return PHR_OK;
}


static void
phr_flight_end(phr_dispatch_t *d, size_t i, int ok, int64_t now_ms)
{
    phr_group_t    *g;
    phr_flight_t  **flights, *f;

    flights = d->flights.elts;
    f = flights[i];
    g = f->group;

    f->log->in_flight = 0;
    flights[i] = flights[--d->flights.nelts];
    phr_flight_free(f);

    if (g == NULL) {
        return;
    }

    if (!ok) {
        g->failed = 1;
    }

    if (--g->nflights == 0) {
        phr_group_finish(d, g, now_ms);
    }
}


static int
phr_log_clean(phr_dispatch_t *d, int64_t now_ms)
{
    int         rc;
    void       *value;
    size_t      pos;
    phr_str_t   key;
    phr_log_t  *log;

    for (pos = 0; phr_map_next(d->log, &pos, &key, &value); ) {
        log = value;

        if (log->in_flight || log->expires_ms > now_ms) {
            continue;
        }

        rc = phr_dispatch_gone(d, 'l', log->hash);
        if (rc != PHR_OK) {
            return rc;
        }

        phr_map_delete(d->log, phr_str_from(log->key, log->key_len));
        phr_log_free(log);
    }

    return PHR_OK;
}


/* 1 if all of a are in b, both sorted */
static int
phr_log_subset(const uint64_t *a, size_t na, const uint64_t *b, size_t nb)
{
    size_t  i, j;

    for (i = 0, j = 0; i < na; i++) {
        while (j < nb && b[j] < a[i]) {
            j++;
        }

        if (j == nb || b[j] != a[i]) {
            return 0;
        }
    }

    return 1;
}


static int
phr_u64_cmp(const void *a, const void *b)
{
    uint64_t  x, y;

    x = *(const uint64_t *) a;
    y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}
