/*
 * Copyright (C) The Pharos Authors
 *
 * Recording: the result of an expression under another name, with labels
 * added or removed.
 */

#include "rules/rule.h"


static int phr_recording_unique(phr_rule_eval_t *e, phr_err_t *err);


int
phr_recording_eval(phr_rule_eval_t *e, phr_err_t *err)
{
    int                    rc;
    size_t                 i, k;
    uint64_t               limit;
    phr_labels_builder_t   b;

    e->labels = phr_arena_calloc(e->arena, e->nin + 1, sizeof(phr_labels_t));
    e->v = phr_arena_calloc(e->arena, e->nin + 1, sizeof(double));

    if (e->labels == NULL || e->v == NULL) {
        goto failed;
    }

    for (i = 0; i < e->nin; i++) {
        phr_labels_builder_init(&b, e->arena, e->in[i].labels);
        phr_labels_builder_set(&b, phr_str_of(PHR_METRIC_NAME),
                               e->rule->conf->name);

        for (k = 0; k < e->rule->conf->nlabels; k++) {
            phr_labels_builder_set(&b, e->rule->conf->labels[k].name,
                                   e->rule->conf->labels[k].value.text);
        }

        if (phr_labels_build(&b, &e->labels[i]) != PHR_OK) {
            goto failed;
        }

        e->v[i] = e->in[i].v;

        if (e->in[i].h == NULL) {
            continue;
        }

        if (e->h == NULL) {
            e->h = phr_arena_calloc(e->arena, e->nin, sizeof(phr_hist_t *));
            if (e->h == NULL) {
                goto failed;
            }
        }

        e->h[i] = e->in[i].h;
    }

    e->n = e->nin;

    rc = phr_recording_unique(e, err);
    if (rc != PHR_OK) {
        return rc;
    }

    limit = e->group->conf->limit;

    if (limit > 0 && e->n > limit) {
        return phr_err_set(err, PHR_ELIMIT,
                           "exceeded limit of %llu with %zu series",
                           (unsigned long long) limit, e->n);
    }

    return PHR_OK;

failed:

    return phr_err_set(err, phr_arena_rc(e->arena),
                       "no memory for the samples of a rule");
}


static int
phr_recording_unique(phr_rule_eval_t *e, phr_err_t *err)
{
    size_t         i;
    phr_labels_t  *sorted;

    if (e->n < 2) {
        return PHR_OK;
    }

    sorted = phr_arena_alloc(e->arena, e->n * sizeof(phr_labels_t));
    if (sorted == NULL) {
        return phr_err_set(err, phr_arena_rc(e->arena),
                           "no memory for the samples of a rule");
    }

    memcpy(sorted, e->labels, e->n * sizeof(phr_labels_t));
    phr_labels_sort(sorted, e->n, sizeof(phr_labels_t));

    for (i = 1; i < e->n; i++) {
        if (phr_labels_cmp(sorted[i - 1], sorted[i]) == 0) {
            return phr_err_set(err, PHR_EEXEC, "vector contains metrics with "
                               "the same labelset after applying rule "
                               "labels");
        }
    }

    return PHR_OK;
}
