/*
 * Copyright (C) The Pharos Authors
 *
 * Selectors of MetricsQL with alternatives, {a or b}: the series of one
 * after the other, without those that an earlier one has given.
 */

#include "promql/eval.h"


typedef struct {
    phr_series_set_t            set;            /* first: the set is this */
    phr_eval_t                 *ev;
    const phr_node_selector_t  *s;
    phr_series_set_t           *current;        /* of alternative "at" */
    size_t                      at;
    int64_t                     min_ms;
    int64_t                     max_ms;
    phr_select_hints_t          hints;
} phr_any_t;


static int phr_any_next(phr_series_set_t *set, phr_series_t *series,
    phr_err_t *err);
static int phr_any_was_given(const phr_any_t *any, phr_labels_t labels,
    phr_err_t *err);


int
phr_eval_select_any(phr_eval_t *ev, const phr_node_selector_t *s,
    int64_t min_ms, int64_t max_ms, const phr_select_hints_t *hints,
    phr_series_set_t **set)
{
    phr_any_t  *any;

    any = phr_arena_calloc(ev->arena, 1, sizeof(phr_any_t));
    if (any == NULL) {
        return phr_eval_nomem(ev);
    }

    any->set.next = phr_any_next;
    any->ev = ev;
    any->s = s;
    any->min_ms = min_ms;
    any->max_ms = max_ms;
    any->hints = *hints;

    *set = &any->set;

    return PHR_OK;
}


static int
phr_any_next(phr_series_set_t *set, phr_series_t *series, phr_err_t *err)
{
    int                rc, given;
    phr_any_t         *any;
    phr_alternative_t  a;

    any = (phr_any_t *) set;

    for ( ;; ) {

        if (any->current == NULL) {

            if (any->at > any->s->nothers) {
                return PHR_DONE;
            }

            a.matchers = any->s->matchers;
            a.n = any->s->nmatchers;

            if (any->at < any->s->nothers) {
                a = any->s->others[any->at];
            }

            rc = phr_eval_select(any->ev, a.matchers, a.n, any->min_ms,
                                 any->max_ms, &any->hints, &any->current);
            if (rc < 0) {
                return rc;
            }
        }

        rc = any->current->next(any->current, series, err);

        if (rc == PHR_DONE) {
            any->current = NULL;
            any->at++;
            continue;
        }

        given = rc < 0 ? 0 : phr_any_was_given(any, series->labels, err);

        if (given <= 0) {
            return given < 0 ? given : rc;
        }
    }
}


/* 1, 0, or a failure of a matcher */

static int
phr_any_was_given(const phr_any_t *any, phr_labels_t labels, phr_err_t *err)
{
    int                       rc;
    size_t                    i, j;
    const phr_alternative_t  *a;

    for (i = 0; i < any->at; i++) {
        a = &any->s->others[i];

        for (j = 0; j < a->n; j++) {
            rc = phr_matcher_matches(&a->matchers[j],
                                     phr_labels_get(labels,
                                                    a->matchers[j].name));
            if (rc < 0) {
                return phr_matcher_fail(&a->matchers[j], rc, err);
            }

            if (rc == 0) {
                break;
            }
        }

        if (j == a->n) {
            return 1;
        }
    }

    return 0;
}
