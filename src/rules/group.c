/*
 * Copyright (C) The Pharos Authors
 *
 * Group: evaluation of its rules one after the other, when that is due, and
 * the stale markers of what is no more.
 */

#include "rules/group.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "core/bytes.h"
#include "rules/rule.h"


/* work space of one rule's evaluation where env names none */
#define PHR_GROUP_MEMORY  (256 * 1024 * 1024)


static int phr_group_eval_rule(phr_rule_eval_t *e, phr_err_t *err);
static void phr_group_finish(phr_rule_eval_t *e, int rc,
    const phr_err_t *err, int64_t began_us);
static int phr_group_add_stale(phr_rule_eval_t *e, phr_err_t *err);
static int phr_group_write(phr_rule_eval_t *e, phr_err_t *err);
static int phr_group_refused(const phr_rule_eval_t *e, phr_err_t *err);
static int phr_group_remember(phr_rule_eval_t *e);
static int phr_group_end_series(const phr_rule_env_t *env, phr_str_t source,
    const phr_labels_t *series, size_t n, int64_t t_ms, phr_err_t *err);
static int64_t phr_group_clock(const phr_rule_env_t *env);


size_t
phr_rule_groups_count(const phr_rule_groups_t *gs)
{
    return gs->ngroups;
}


phr_rule_group_t *
phr_rule_groups_at(const phr_rule_groups_t *gs, size_t i)
{
    return &gs->groups[i];
}


void
phr_rule_group_lock(phr_rule_group_t *g)
{
    (void) pthread_mutex_lock(&g->lock->mutex);
}


void
phr_rule_group_unlock(phr_rule_group_t *g)
{
    (void) pthread_mutex_unlock(&g->lock->mutex);
}


phr_alert_state_e
phr_rule_state(const phr_rule_t *r)
{
    return phr_alerting_state(&r->alerting);
}


int64_t
phr_rule_group_due(const phr_rule_group_t *g, int64_t now_ms)
{
    int64_t   offset_ms, since_ms;
    uint64_t  hash;

    hash = phr_xxh64(g->source.data, g->source.len);
    offset_ms = (int64_t) (hash % (uint64_t) g->interval_ms);

    /* the remainder is that of a floor division, also before the epoch */

    since_ms = (now_ms - offset_ms) % g->interval_ms;

    if (since_ms < 0) {
        since_ms += g->interval_ms;
    }

    return now_ms - since_ms;
}


void
phr_rule_group_shift(phr_rule_group_t *g, int64_t by_ms, int64_t t_ms)
{
    size_t  i;

    phr_rule_group_lock(g);

    for (i = 0; i < g->nrules; i++) {
        phr_alerting_shift(&g->rules[i].alerting, by_ms,
                           t_ms + PHR_RULE_LOOKBACK_MS);
    }

    /* the same moment may come again, and is another one */
    g->eval_ms += g->eval_ms ? by_ms : 0;

    phr_rule_group_unlock(g);
}


int
phr_rule_group_eval(phr_rule_group_t *g, int64_t t_ms,
    const phr_rule_env_t *env, phr_err_t *err)
{
    int               rc;
    size_t            i;
    int64_t           group_us, rule_us;
    phr_err_t         rule_err;
    phr_arena_t      *arena;
    phr_rule_eval_t   e;

    /* a timer that is early by the clock asks for the same time again */

    if (g->nevals > 0 && g->eval_ms == t_ms) {
        return PHR_OK;
    }

    arena = phr_arena_create(env->memory_bytes ? env->memory_bytes
                                               : PHR_GROUP_MEMORY);
    if (arena == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a rule group");
    }

    rc = PHR_OK;
    group_us = phr_group_clock(env);

    for (i = 0; i < g->nrules; i++) {

        if (env->stop != NULL && phr_shared_get(env->stop) != 0) {
            rc = phr_err_set(err, phr_shared_get(env->stop),
                             "rule group was interrupted");
            break;
        }

        memset(&e, 0, sizeof(phr_rule_eval_t));
        phr_err_init(&rule_err);

        e.group = g;
        e.rule = &g->rules[i];
        e.env = env;
        e.t_ms = t_ms;
        e.sample_ms = t_ms - g->query_offset_ms;
        e.arena = arena;

        rule_us = phr_group_clock(env);
        phr_group_finish(&e, phr_group_eval_rule(&e, &rule_err), &rule_err,
                         rule_us);

        phr_arena_reset(arena);
    }

    phr_arena_destroy(arena);

    if (rc == PHR_OK && g->nstale > 0
        && phr_group_end_series(env, g->source, g->stale, g->nstale,
                                t_ms - g->query_offset_ms, NULL)
           == PHR_OK)
    {
        phr_rule_series_free(g->stale, g->nstale);
        g->stale = NULL;
        g->nstale = 0;
    }

    phr_rule_group_lock(g);
    g->eval_ms = t_ms;
    g->eval_us = phr_group_clock(env) - group_us;
    g->nevals++;
    phr_rule_group_unlock(g);

    return rc;
}


int
phr_rule_groups_sweep(phr_rule_groups_t *gs, int64_t now_ms,
    const phr_rule_env_t *env, phr_err_t *err)
{
    int                  rc;
    size_t               i, k;
    phr_rule_orphans_t  *o;

    rc = PHR_OK;

    for (i = 0, k = 0; i < gs->norphans; i++) {
        o = &gs->orphans[i];

        if (o->due_ms == 0) {
            o->due_ms = now_ms + 2 * o->interval_ms;
        }

        if (rc != PHR_OK || now_ms < o->due_ms) {
            gs->orphans[k++] = *o;
            continue;
        }

        rc = phr_group_end_series(env, o->source, o->series, o->nseries,
                                  now_ms, err);
        if (rc != PHR_OK) {
            gs->orphans[k++] = *o;
            continue;
        }

        phr_rule_series_free(o->series, o->nseries);
        phr_free((void *) o->source.data);
    }

    gs->norphans = k;

    return rc;
}


static int
phr_group_eval_rule(phr_rule_eval_t *e, phr_err_t *err)
{
    int         rc, failed;
    phr_rule_t *r;

    r = e->rule;

    rc = phr_rule_query(e->group, e->env, r->node, r->conf->expr.text,
                        e->sample_ms, e->arena, &e->in, &e->nin, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = r->conf->alerting ? phr_alerting_eval(e, err)
                           : phr_recording_eval(e, err);
    failed = rc;

    if (rc == PHR_OK) {
        rc = phr_group_add_stale(e, err);
    }

    /* a rule that failed may still have a record to be deleted */

    if (rc == PHR_OK || e->nrecords > 0) {
        rc = phr_group_write(e, failed ? NULL : err);
    }

    if (e->locked) {
        phr_rule_group_unlock(e->group);
    }

    /* alerts are told even if nothing can be written */

    if (!failed && e->nmsgs > 0 && e->env->notify != NULL) {
        e->env->notify(e->env->data, e->msgs, e->nmsgs);
    }

    return failed ? failed : rc;
}


static void
phr_group_finish(phr_rule_eval_t *e, int rc, const phr_err_t *err,
    int64_t began_us)
{
    int          failed;
    phr_rule_t  *r;

    r = e->rule;
    failed = r->health == PHR_RULE_ERR;

    phr_rule_group_lock(e->group);

    r->eval_ms = e->t_ms;
    r->eval_us = phr_group_clock(e->env) - began_us;

    if (rc == PHR_OK) {
        r->health = PHR_RULE_OK;
        r->nsamples = e->n;
        phr_err_init(&r->error);

    } else {
        r->health = PHR_RULE_ERR;
        r->error = *err;
        e->group->nfailures++;
    }

    phr_rule_group_unlock(e->group);

    if (failed != (rc != PHR_OK) && e->env->health != NULL) {
        e->env->health(e->env->data, e->group, r);
    }
}


/* series of the last time that are not among the results */

static int
phr_group_add_stale(phr_rule_eval_t *e, phr_err_t *err)
{
    size_t              i, n;
    double             *v;
    phr_rule_t         *r;
    phr_labels_t       *sorted, *labels;
    const phr_hist_t  **h;

    r = e->rule;
    n = e->n + r->nseries;

    labels = phr_arena_alloc(e->arena, (n + 1) * sizeof(phr_labels_t));
    sorted = phr_arena_alloc(e->arena, (e->n + 1) * sizeof(phr_labels_t));
    v = phr_arena_alloc(e->arena, (n + 1) * sizeof(double));
    h = phr_arena_calloc(e->arena, n + 1, sizeof(phr_hist_t *));
    e->status = phr_arena_calloc(e->arena, n + 1, 1);

    if (labels == NULL || sorted == NULL || v == NULL || h == NULL
        || e->status == NULL)
    {
        return phr_err_set(err, phr_arena_rc(e->arena),
                           "no memory for the samples of a rule");
    }

    if (e->n > 0) {
        memcpy(sorted, e->labels, e->n * sizeof(phr_labels_t));
        memcpy(labels, e->labels, e->n * sizeof(phr_labels_t));
        memcpy(v, e->v, e->n * sizeof(double));

        if (e->h != NULL) {
            memcpy(h, e->h, e->n * sizeof(phr_hist_t *));
            e->h = h;
        }

        phr_labels_sort(sorted, e->n, sizeof(phr_labels_t));
    }

    e->nall = e->n;

    for (i = 0; i < r->nseries; i++) {

        if (e->n > 0 && bsearch(&r->series[i], sorted, e->n,
                                sizeof(phr_labels_t), phr_rule_labels_order))
        {
            continue;
        }

        labels[e->nall] = r->series[i];
        v[e->nall++] = phr_double_from_bits(PHR_STALE_NAN_BITS);
    }

    e->labels = labels;
    e->v = v;

    return PHR_OK;
}


static int
phr_group_write(phr_rule_eval_t *e, phr_err_t *err)
{
    int               rc;
    phr_rule_write_t  w;

    /* the first time, an earlier process may have left something to end */

    if (e->nall == 0 && e->nrecords == 0
        && e->rule->health == PHR_RULE_OK)
    {
        return phr_group_remember(e);
    }

    memset(&w, 0, sizeof(phr_rule_write_t));

    w.source = e->rule->source;
    w.t_ms = e->sample_ms;
    w.labels = e->labels;
    w.v = e->v;
    w.h = e->h;
    w.n = e->nall;
    w.status = e->status;
    w.records = e->records;
    w.nrecords = e->nrecords;

    rc = e->env->write(e->env->data, &w, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (e->nrecords == 2) {
        e->rule->alerting.changed = 0;
    }

    if (e->status == NULL) {
        return PHR_OK;
    }

    if (phr_group_remember(e) != PHR_OK) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a rule's series");
    }

    return phr_group_refused(e, err);
}


/* samples that storage did not take make the rule unhealthy, no more */

static int
phr_group_refused(const phr_rule_eval_t *e, phr_err_t *err)
{
    size_t  i;

    for (i = 0; i < e->n; i++) {

        switch (e->status[i]) {

        case PHR_OK:
            continue;

        case PHR_EORDER:
            return phr_err_set(err, PHR_EORDER, "out of order sample");

        case PHR_EOLD:
            return phr_err_set(err, PHR_EOLD, "too old sample");

        case PHR_EDUPLICATE:
            return phr_err_set(err, PHR_EDUPLICATE,
                               "duplicate sample for timestamp");

        case PHR_ELIMIT:
            return phr_err_set(err, PHR_ELIMIT,
                               "sample is too old, too new, or of one series"
                               " too many");

        default:
            return phr_err_set(err, e->status[i], "sample was not stored");
        }
    }

    return PHR_OK;
}


/* what was written, for the next time; on failure the old list stays */

static int
phr_group_remember(phr_rule_eval_t *e)
{
    size_t         i, n;
    phr_labels_t  *series;

    series = NULL;
    n = 0;

    if (e->n > 0) {
        series = phr_calloc(e->n, sizeof(phr_labels_t));
        if (series == NULL) {
            return PHR_ENOMEM;
        }
    }

    for (i = 0; i < e->n; i++) {

        if (e->status[i] != PHR_OK) {
            continue;
        }

        if (phr_rule_labels_dup(e->labels[i], &series[n++]) != PHR_OK) {
            phr_rule_series_free(series, n);
            return PHR_ENOMEM;
        }
    }

    phr_rule_series_free(e->rule->series, e->rule->nseries);

    e->rule->series = series;
    e->rule->nseries = n;

    return PHR_OK;
}


static int
phr_group_end_series(const phr_rule_env_t *env, phr_str_t source,
    const phr_labels_t *series, size_t n, int64_t t_ms, phr_err_t *err)
{
    int                rc;
    size_t             i;
    double            *v;
    int8_t            *status;
    phr_rule_write_t   w;

    v = phr_calloc(n, sizeof(double));
    status = phr_calloc(n, 1);

    if (v == NULL || status == NULL) {
        rc = phr_err_set(err, PHR_ENOMEM, "no memory for stale markers");
        goto done;
    }

    for (i = 0; i < n; i++) {
        v[i] = phr_double_from_bits(PHR_STALE_NAN_BITS);
    }

    memset(&w, 0, sizeof(phr_rule_write_t));

    w.source = source;
    w.t_ms = t_ms;
    w.labels = series;
    w.v = v;
    w.n = n;
    w.status = status;

    rc = env->write(env->data, &w, err);

done:

    phr_free(v);
    phr_free(status);

    return rc;
}


static int64_t
phr_group_clock(const phr_rule_env_t *env)
{
    return env->clock_us ? env->clock_us(env->data) : 0;
}
