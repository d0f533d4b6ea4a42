/*
 * Copyright (C) The Pharos Authors
 *
 * What survives: the state of rules over a reload, from the groups before,
 * and over a restart, from the records that evaluations wrote.
 */

#include "rules/group.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "core/bytes.h"
#include "rules/rule.h"


static phr_rule_group_t *phr_group_find(phr_rule_groups_t *gs,
    const phr_rule_group_t *g);
static phr_rule_t *phr_group_match(phr_rule_group_t *g, phr_rule_group_t *old,
    size_t n);
static size_t phr_group_unmatched(phr_rule_group_t *g, phr_rule_group_t *old,
    phr_labels_t *out);
static void phr_group_move(phr_rule_group_t *g, phr_rule_group_t *old);
static int phr_group_orphan(phr_rule_groups_t *gs, phr_rule_group_t *old);
static phr_rule_record_t *phr_group_record(phr_rule_groups_t *gs,
    const phr_rule_t *r, char kind);
static int phr_group_record_order(const void *a, const void *b);


/*
 * Memory is taken first, so that what is moved from prev is moved whole or
 * not at all.
 */

int
phr_rule_groups_carry(phr_rule_groups_t *gs, phr_rule_groups_t *prev)
{
    size_t             i, n;
    phr_rule_group_t  *g, *old;

    gs->orphans = phr_calloc(prev->norphans + prev->ngroups + 1,
                             sizeof(phr_rule_orphans_t));
    if (gs->orphans == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0; i < gs->ngroups; i++) {
        g = &gs->groups[i];
        old = phr_group_find(prev, g);

        if (old == NULL) {
            continue;
        }

        n = old->nstale + phr_group_unmatched(g, old, NULL);

        if (n > 0) {
            g->stale = phr_calloc(n, sizeof(phr_labels_t));
            if (g->stale == NULL) {
                return PHR_ENOMEM;
            }
        }
    }

    for (i = 0; i < prev->ngroups; i++) {
        if (phr_group_find(gs, &prev->groups[i]) == NULL
            && phr_group_orphan(gs, &prev->groups[i]) != PHR_OK)
        {
            /* nothing was moved but series, back to where they came from */

            while (gs->norphans > 0) {
                gs->norphans--;
                phr_free((void *) gs->orphans[gs->norphans].source.data);
                phr_free(gs->orphans[gs->norphans].series);
            }

            return PHR_ENOMEM;
        }
    }

    for (i = 0; i < gs->ngroups; i++) {
        old = phr_group_find(prev, &gs->groups[i]);

        if (old != NULL) {
            phr_group_move(&gs->groups[i], old);
        }
    }

    /* orphans hold the labels now */

    for (i = 0; i < prev->ngroups; i++) {
        if (phr_group_find(gs, &prev->groups[i]) == NULL) {
            for (n = 0; n < prev->groups[i].nrules; n++) {
                prev->groups[i].rules[n].nseries = 0;
            }

            prev->groups[i].nstale = 0;
        }
    }

    for (i = 0; i < prev->norphans; i++) {
        gs->orphans[gs->norphans++] = prev->orphans[i];
    }

    prev->norphans = 0;

    return PHR_OK;
}


int
phr_rule_groups_restore(phr_rule_groups_t *gs, phr_str_t key,
    phr_str_t value, phr_err_t *err)
{
    size_t              n;
    phr_rule_record_t  *r;

    if (gs->nrecords == gs->nrecords_alloc) {
        n = phr_max(64, 2 * gs->nrecords_alloc);

        r = phr_realloc(gs->records, n * sizeof(phr_rule_record_t));
        if (r == NULL) {
            goto failed;
        }

        gs->records = r;
        gs->nrecords_alloc = n;
    }

    r = &gs->records[gs->nrecords];

    r->key = phr_str_from(phr_strdup(key.data, key.len), key.len);
    r->value = phr_str_from(phr_strdup(value.data, value.len), value.len);

    if (r->key.data == NULL || r->value.data == NULL) {
        phr_free((void *) r->key.data);
        phr_free((void *) r->value.data);
        goto failed;
    }

    gs->nrecords++;

    return PHR_OK;

failed:

    return phr_err_set(err, PHR_ENOMEM, "no memory for the state of rules");
}


void
phr_rule_groups_restored(phr_rule_groups_t *gs, int64_t now_ms,
    void (*visit)(void *data, phr_str_t key), void *data)
{
    size_t              i, k;
    phr_rule_t         *r;
    phr_rule_record_t  *alerts, *stamp;

    if (gs->nrecords > 1) {
        qsort(gs->records, gs->nrecords, sizeof(phr_rule_record_t),
              phr_group_record_order);
    }

    for (i = 0; gs->nrecords > 0 && i < gs->ngroups; i++) {
        for (k = 0; k < gs->groups[i].nrules; k++) {
            r = &gs->groups[i].rules[k];

            alerts = phr_group_record(gs, r, 'a');
            stamp = phr_group_record(gs, r, 't');

            if (alerts == NULL || stamp == NULL || stamp->value.len != 8
                || !r->conf->alerting)
            {
                continue;
            }

            phr_rule_group_lock(&gs->groups[i]);

            (void) phr_alerting_load(&r->alerting, r->identity,
                                     alerts->value, (int64_t) phr_get_be64(
                                     (const uint8_t *) stamp->value.data),
                                     now_ms, gs->groups[i].interval_ms,
                                     NULL);

            /* without memory for it, series end five minutes later */
            (void) phr_alerting_series(r);

            phr_rule_group_unlock(&gs->groups[i]);

            /* the key is taken: not one of those that belong to nobody */

            alerts->value.len = 0;
            stamp->value.len = 0;
        }
    }

    for (i = 0; i < gs->nrecords; i++) {

        if (visit != NULL && gs->records[i].value.len > 0) {
            visit(data, gs->records[i].key);
        }

        phr_free((void *) gs->records[i].key.data);
        phr_free((void *) gs->records[i].value.data);
    }

    phr_free(gs->records);

    gs->records = NULL;
    gs->nrecords = 0;
    gs->nrecords_alloc = 0;
}


static phr_rule_group_t *
phr_group_find(phr_rule_groups_t *gs, const phr_rule_group_t *g)
{
    if (gs->ngroups == 0) {
        return NULL;
    }

    return bsearch(g, gs->groups, gs->ngroups, sizeof(phr_rule_group_t),
                   phr_rule_group_order);
}


/* the rule of the old group that rule n goes on with: first with first */

static phr_rule_t *
phr_group_match(phr_rule_group_t *g, phr_rule_group_t *old, size_t n)
{
    size_t  i, nth;

    for (i = 0, nth = 0; i < n; i++) {
        nth += phr_rule_same(&g->rules[i], &g->rules[n]);
    }

    for (i = 0; i < old->nrules; i++) {
        if (phr_rule_same(&old->rules[i], &g->rules[n])
            && nth-- == 0)
        {
            return &old->rules[i];
        }
    }

    return NULL;
}


/* series of the old group's rules that nobody goes on with */

static size_t
phr_group_unmatched(phr_rule_group_t *g, phr_rule_group_t *old,
    phr_labels_t *out)
{
    size_t       i, n;
    phr_rule_t  *r;

    n = 0;

    for (i = 0; i < old->nrules; i++) {
        r = &old->rules[i];

        if (r->nseries == 0 || phr_group_match(old, g, i) != NULL) {
            continue;
        }

        if (out != NULL) {
            memcpy(&out[n], r->series, r->nseries * sizeof(phr_labels_t));
            n += r->nseries;
            r->nseries = 0;
            continue;
        }

        n += r->nseries;
    }

    return n;
}


static void
phr_group_move(phr_rule_group_t *g, phr_rule_group_t *old)
{
    size_t           i;
    phr_rule_t      *r, *from;
    phr_alerting_t   a;

    phr_rule_group_lock(old);

    g->eval_ms = old->eval_ms;
    g->eval_us = old->eval_us;
    g->nevals = old->nevals;
    g->nfailures = old->nfailures;

    if (old->nstale > 0) {
        memcpy(g->stale, old->stale, old->nstale * sizeof(phr_labels_t));
    }

    g->nstale = old->nstale;
    g->nstale += phr_group_unmatched(g, old, &g->stale[g->nstale]);
    old->nstale = 0;

    for (i = 0; i < g->nrules; i++) {
        r = &g->rules[i];
        from = phr_group_match(g, old, i);

        if (from == NULL) {
            continue;
        }

        r->health = from->health;
        r->error = from->error;
        r->eval_ms = from->eval_ms;
        r->eval_us = from->eval_us;
        r->nsamples = from->nsamples;

        r->series = from->series;
        r->nseries = from->nseries;
        from->series = NULL;
        from->nseries = 0;

        a = from->alerting;
        a.for_ms = r->alerting.for_ms;
        a.keep_firing_for_ms = r->alerting.keep_firing_for_ms;

        phr_alerting_init(&from->alerting, 0, 0);
        r->alerting = a;
    }

    phr_rule_group_unlock(old);
}


static int
phr_group_orphan(phr_rule_groups_t *gs, phr_rule_group_t *old)
{
    size_t               i, n;
    phr_rule_orphans_t  *o;

    n = old->nstale;

    for (i = 0; i < old->nrules; i++) {
        n += old->rules[i].nseries;
    }

    if (n == 0) {
        return PHR_OK;
    }

    o = &gs->orphans[gs->norphans];

    o->interval_ms = old->interval_ms;
    o->due_ms = 0;
    o->source.len = old->source.len;
    o->source.data = phr_strdup(old->source.data, old->source.len);
    o->series = phr_calloc(n, sizeof(phr_labels_t));

    if (o->source.data == NULL || o->series == NULL) {
        phr_free((void *) o->source.data);
        phr_free(o->series);
        return PHR_ENOMEM;
    }

    gs->norphans++;
    o->nseries = 0;

    for (i = 0; i < old->nstale; i++) {
        o->series[o->nseries++] = old->stale[i];
    }

    for (i = 0; i < old->nrules; i++) {
        for (n = 0; n < old->rules[i].nseries; n++) {
            o->series[o->nseries++] = old->rules[i].series[n];
        }
    }

    return PHR_OK;
}


static phr_rule_record_t *
phr_group_record(phr_rule_groups_t *gs, const phr_rule_t *r, char kind)
{
    char               key[17];
    phr_rule_record_t  wanted;

    memcpy(key, r->key, 16);
    key[16] = kind;
    wanted.key = phr_str_from(key, sizeof(key));

    return gs->nrecords == 0 ? NULL
           : bsearch(&wanted, gs->records, gs->nrecords,
                     sizeof(phr_rule_record_t), phr_group_record_order);
}


static int
phr_group_record_order(const void *a, const void *b)
{
    return phr_str_cmp(((const phr_rule_record_t *) a)->key,
                       ((const phr_rule_record_t *) b)->key);
}
