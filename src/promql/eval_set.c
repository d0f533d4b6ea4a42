/*
 * Copyright (C) The Pharos Authors
 *
 * Set operators, and the match groups that all operators between vectors
 * pair their columns by.
 */

#include "promql/eval.h"


static int phr_match_side(phr_eval_t *ev, const phr_node_binary_t *b,
    const phr_str_t *names, size_t nnames, const phr_value_t *value,
    phr_slots_t *index, phr_labels_t *groups, size_t *ngroups,
    uint32_t *numbers);
static int phr_set_present(phr_eval_t *ev, const phr_grid_t *g,
    const phr_value_t *value, const uint32_t *group, size_t ngroups,
    uint8_t ***present);
static void phr_set_filter(const phr_grid_t *g, phr_value_t *value,
    const uint32_t *group, uint8_t **present, int wanted);


int
phr_eval_match(phr_eval_t *ev, const phr_node_binary_t *b,
    const phr_value_t *lhs, const phr_value_t *rhs, phr_match_t *m)
{
    int            rc;
    size_t         nnames, ngroups;
    phr_str_t     *names;
    phr_slots_t    index;
    phr_labels_t  *groups;

    rc = phr_eval_names(ev, &b->labels, &names, &nnames);
    if (rc == PHR_OK) {
        rc = phr_slots_init(&index, ev->arena, lhs->n + rhs->n);
    }

    if (rc < 0) {
        return rc;
    }

    groups = phr_arena_alloc(ev->arena,
                             (lhs->n + rhs->n + 1) * sizeof(phr_labels_t));
    m->lhs = phr_arena_alloc(ev->arena, (lhs->n + 1) * sizeof(uint32_t));
    m->rhs = phr_arena_alloc(ev->arena, (rhs->n + 1) * sizeof(uint32_t));

    if (groups == NULL || m->lhs == NULL || m->rhs == NULL) {
        return phr_eval_nomem(ev);
    }

    ngroups = 0;

    rc = phr_match_side(ev, b, names, nnames, lhs, &index, groups, &ngroups,
                        m->lhs);
    if (rc == PHR_OK) {
        rc = phr_match_side(ev, b, names, nnames, rhs, &index, groups,
                            &ngroups, m->rhs);
    }

    m->n = ngroups;

    return rc;
}


static int
phr_match_side(phr_eval_t *ev, const phr_node_binary_t *b,
    const phr_str_t *names, size_t nnames, const phr_value_t *value,
    phr_slots_t *index, phr_labels_t *groups, size_t *ngroups,
    uint32_t *numbers)
{
    int           rc;
    size_t        i, pos;
    uint32_t      id;
    uint64_t      hash;
    phr_labels_t  ls;

    for (i = 0; i < value->n; i++) {
        ls = value->cols[i].labels;

        hash = b->on ? phr_labels_hash_on(ls, names, nnames)
                     : phr_labels_hash_ignoring(ls, names, nnames);
        pos = SIZE_MAX;

        do {
            id = phr_slots_next(index, hash, &pos);
        } while (id != PHR_INDEX_NONE
                 && !(b->on
                      ? phr_labels_eq_on(groups[id], ls, names, nnames)
                      : phr_labels_eq_ignoring(groups[id], ls, names,
                                               nnames)));

        if (id == PHR_INDEX_NONE) {
            id = (*ngroups)++;
            groups[id] = ls;

            rc = phr_slots_add(index, hash, id);
            if (rc < 0) {
                return rc;
            }
        }

        numbers[i] = id;

        rc = phr_eval_poll(ev);
        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


int
phr_eval_set(phr_eval_t *ev, const phr_node_binary_t *b, const phr_grid_t *g,
    phr_value_t *lhs, phr_value_t *rhs, phr_value_t *out)
{
    int             rc;
    size_t          i;
    uint8_t       **present;
    phr_match_t     m;
    phr_value_t    *value;
    phr_collect_t   collect;

    rc = phr_eval_match(ev, b, lhs, rhs, &m);
    if (rc < 0) {
        return rc;
    }

    if (b->op != PHR_TOK_LOR) {
        rc = phr_set_present(ev, g, rhs, m.rhs, m.n, &present);
        if (rc < 0) {
            return rc;
        }

        phr_set_filter(g, lhs, m.lhs, present, b->op == PHR_TOK_LAND);
        phr_value_compact(lhs, g->n);
        *out = *lhs;

        return PHR_OK;
    }

    rc = phr_set_present(ev, g, lhs, m.lhs, m.n, &present);
    if (rc < 0) {
        return rc;
    }

    phr_set_filter(g, rhs, m.rhs, present, 0);
    phr_value_compact(rhs, g->n);

    rc = phr_collect_init(&collect, out, ev->arena, g->n, lhs->n + rhs->n);

    for (value = lhs; rc == PHR_OK && value != NULL;
         value = value == lhs ? rhs : NULL)
    {
        for (i = 0; rc == PHR_OK && i < value->n; i++) {
            rc = phr_collect_add(&collect, value->cols[i].labels,
                                 value->cols[i].v, value->cols[i].drop_name,
                                 ev->err);
        }
    }

    return rc;
}


/* for each group the steps at which one of its columns has a sample */
static int
phr_set_present(phr_eval_t *ev, const phr_grid_t *g,
    const phr_value_t *value, const uint32_t *group, size_t ngroups,
    uint8_t ***present)
{
    size_t     i, j;
    uint8_t  **p, *steps;

    p = phr_arena_calloc(ev->arena, ngroups + 1, sizeof(uint8_t *));
    if (p == NULL) {
        return phr_eval_nomem(ev);
    }

    for (i = 0; i < value->n; i++) {
        steps = p[group[i]];

        if (steps == NULL) {
            steps = phr_arena_calloc(ev->arena, g->n, 1);
            if (steps == NULL) {
                return phr_eval_nomem(ev);
            }

            p[group[i]] = steps;
        }

        for (j = 0; j < g->n; j++) {
            steps[j] |= phr_col_has(&value->cols[i], j);
        }
    }

    *present = p;

    return phr_eval_poll(ev);
}


/* keeps the samples whose group is present, or is not */
static void
phr_set_filter(const phr_grid_t *g, phr_value_t *value,
    const uint32_t *group, uint8_t **present, int wanted)
{
    size_t    i, j;
    uint8_t  *steps;

    for (i = 0; i < value->n; i++) {
        steps = present[group[i]];

        for (j = 0; j < g->n; j++) {
            if ((steps != NULL && steps[j]) != wanted) {
                phr_col_clear(&value->cols[i], j);
            }
        }
    }
}
