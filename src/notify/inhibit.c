/*
 * Copyright (C) The Pharos Authors
 *
 * Inhibit: an index of the alerts that inhibit others.
 */

#include "notify/inhibit.h"

#include <stdlib.h>


/* hash is that of the labels which the rule wants equal */
typedef struct {
    uint64_t                    hash;
    const phr_notice_alert_t   *alert;
} phr_inhibit_source_t;

typedef struct {
    const phr_inhibit_conf_t   *conf;
    phr_inhibit_source_t       *sources;    /* sorted by hash */
    size_t                      n;
} phr_inhibit_rule_t;

struct phr_inhibitor_s {
    phr_inhibit_rule_t         *rules;
    size_t                      n;
};


static int phr_inhibit_rule_init(phr_arena_t *a, phr_inhibit_rule_t *rule,
    const phr_notice_alert_t *const *alerts, size_t n, int64_t now_ms);
static const phr_notice_alert_t *phr_inhibit_rule_find(
    const phr_inhibit_rule_t *rule, phr_labels_t labels);
static uint64_t phr_inhibit_hash(const phr_strs_t *equal,
    phr_labels_t labels);
static int phr_inhibit_equal(const phr_strs_t *equal, phr_labels_t a,
    phr_labels_t b);
static int phr_inhibit_source_cmp(const void *a, const void *b);


int
phr_inhibitor_create(phr_arena_t *a, const phr_alertmanager_yml_t *conf,
    const phr_notice_alert_t *const *alerts, size_t n, int64_t now_ms,
    phr_inhibitor_t **ih)
{
    int               rc;
    size_t            i;
    phr_inhibitor_t  *in;

    in = phr_arena_calloc(a, 1, sizeof(phr_inhibitor_t));
    if (in == NULL) {
        return phr_arena_rc(a);
    }

    in->rules = phr_arena_calloc(a, conf->ninhibits + 1,
                                 sizeof(phr_inhibit_rule_t));
    if (in->rules == NULL) {
        return phr_arena_rc(a);
    }

    for (i = 0; i < conf->ninhibits; i++) {
        in->rules[i].conf = conf->inhibits[i];

        rc = phr_inhibit_rule_init(a, &in->rules[i], alerts, n, now_ms);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    in->n = conf->ninhibits;
    *ih = in;

    return PHR_OK;
}


const phr_notice_alert_t *
phr_inhibitor_find(const phr_inhibitor_t *ih, phr_labels_t labels)
{
    size_t                     i;
    const phr_notice_alert_t  *source;

    for (i = 0; i < ih->n; i++) {
        source = phr_inhibit_rule_find(&ih->rules[i], labels);
        if (source != NULL) {
            return source;
        }
    }

    return NULL;
}


static int
phr_inhibit_rule_init(phr_arena_t *a, phr_inhibit_rule_t *rule,
    const phr_notice_alert_t *const *alerts, size_t n, int64_t now_ms)
{
    size_t                 i;
    const phr_matchers_t  *ms;

    ms = &rule->conf->source;

    rule->sources = phr_arena_calloc(a, n + 1, sizeof(phr_inhibit_source_t));
    if (rule->sources == NULL) {
        return phr_arena_rc(a);
    }

    for (i = 0; i < n; i++) {
        if (phr_notice_alert_resolved(alerts[i], now_ms)
            || phr_matchers_match(ms->m, ms->n, alerts[i]->labels) <= 0)
        {
            continue;
        }

        rule->sources[rule->n].alert = alerts[i];
        rule->sources[rule->n].hash = phr_inhibit_hash(&rule->conf->equal,
                                                       alerts[i]->labels);
        rule->n++;
    }

    if (rule->n > 1) {
        qsort(rule->sources, rule->n, sizeof(phr_inhibit_source_t),
              phr_inhibit_source_cmp);
    }

    return PHR_OK;
}


static const phr_notice_alert_t *
phr_inhibit_rule_find(const phr_inhibit_rule_t *rule, phr_labels_t labels)
{
    int                          both;
    size_t                       lo, hi, mid;
    uint64_t                     hash;
    const phr_matchers_t        *source, *target;
    const phr_inhibit_source_t  *s;

    source = &rule->conf->source;
    target = &rule->conf->target;

    if (rule->n == 0
        || phr_matchers_match(target->m, target->n, labels) <= 0)
    {
        return NULL;
    }

    both = phr_matchers_match(source->m, source->n, labels);
    hash = phr_inhibit_hash(&rule->conf->equal, labels);
    lo = 0;
    hi = rule->n;

    while (lo < hi) {
        mid = lo + (hi - lo) / 2;

        if (rule->sources[mid].hash < hash) {
            lo = mid + 1;

        } else {
            hi = mid;
        }
    }

    for ( ; lo < rule->n && rule->sources[lo].hash == hash; lo++) {
        s = &rule->sources[lo];

        if (!phr_inhibit_equal(&rule->conf->equal, s->alert->labels, labels)
            || (both && phr_matchers_match(target->m, target->n,
                                           s->alert->labels)))
        {
            continue;
        }

        return s->alert;
    }

    return NULL;
}


static uint64_t
phr_inhibit_hash(const phr_strs_t *equal, phr_labels_t labels)
{
    size_t     i, j;
    uint64_t   h;
    phr_str_t  v;

    h = 14695981039346656037ULL;

    for (i = 0; i < equal->n; i++) {
        v = phr_labels_get(labels, equal->s[i]);

        for (j = 0; j < v.len; j++) {
            h = (h ^ (unsigned char) v.data[j]) * 1099511628211ULL;
        }

        h = (h ^ 255) * 1099511628211ULL;
    }

    return h;
}


/* a label that is absent on both sides is equal */
static int
phr_inhibit_equal(const phr_strs_t *equal, phr_labels_t a, phr_labels_t b)
{
    size_t  i;

    for (i = 0; i < equal->n; i++) {
        if (!phr_str_eq(phr_labels_get(a, equal->s[i]),
                        phr_labels_get(b, equal->s[i])))
        {
            return 0;
        }
    }

    return 1;
}


static int
phr_inhibit_source_cmp(const void *a, const void *b)
{
    const phr_inhibit_source_t  *x, *y;

    x = a;
    y = b;

    return (x->hash > y->hash) - (x->hash < y->hash);
}
