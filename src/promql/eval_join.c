/*
 * Copyright (C) The Pharos Authors
 *
 * Operators between vectors.  Columns are paired by their labels once for
 * the whole query; whether a pair has samples is asked step by step.
 */

#include "promql/eval.h"


/* the operands of an operator between two vectors; see phr_join_init() */
typedef struct {
    phr_eval_t               *ev;
    const phr_node_binary_t  *b;
    const phr_grid_t         *g;

    /*
     * "one" is the side whose samples must be unique in a match group, the
     * right one but for group_right; columns are listed by group: those of
     * group i are cols[start[i]] .. cols[start[i + 1] - 1].
     */
    phr_value_t              *many;
    phr_value_t              *one;
    uint32_t                 *many_group;
    uint32_t                 *one_group;
    uint32_t                 *many_start, *many_cols;
    uint32_t                 *one_start, *one_cols;
    size_t                    ngroups;
    unsigned                  swapped:1;
    unsigned                  keep_names:1;
    uint8_t                  *notes;        /* by step, with histograms */
    double                   *spare;        /* a column that none has kept */

    phr_collect_t             collect;
} phr_join_t;


static int phr_join_init(phr_join_t *j, phr_match_t *m);
static int phr_join_list(phr_join_t *j, const uint32_t *group, size_t n,
    uint32_t **start, uint32_t **cols);
static int phr_join_check_one(phr_join_t *j);
static int phr_join_check_many(phr_join_t *j);
static int phr_join_steps(phr_join_t *j, uint8_t **any);
static int phr_join_check_unique(phr_join_t *j, uint32_t group);
static int phr_join_check_pair(phr_join_t *j, uint32_t group,
    const double *a, const double *b, const double *one);
static int phr_join_check_labels(phr_join_t *j, uint32_t group,
    phr_labels_t one_labels, const double *one);
static int phr_join_duplicates(phr_join_t *j, uint32_t a, uint32_t b);
static int phr_join_many(phr_join_t *j, uint32_t many);
static int phr_join_pair(phr_join_t *j, uint32_t many,
    const phr_column_t *one, double *v);
static int phr_join_column(phr_join_t *j, double **v);
static int phr_join_one(phr_join_t *j, uint32_t one);
static int phr_join_has_one(const phr_join_t *j, uint32_t group,
    size_t step);
static int phr_join_has_many(const phr_join_t *j, uint32_t group,
    size_t step);
static int phr_join_sample(phr_join_t *j, size_t step, double many,
    double one, double *v);
static int phr_join_native(phr_join_t *j, size_t step, double l, double r,
    double *v);
static int phr_join_match_labels(phr_join_t *j, phr_labels_t ls,
    phr_labels_t *out);
static int phr_join_labels(phr_join_t *j, phr_labels_t many,
    phr_labels_t one, phr_labels_t *out);


int
phr_eval_join(phr_eval_t *ev, const phr_node_t *node,
    const phr_grid_t *g, phr_value_t *out)
{
    int                       rc;
    uint32_t                  i;
    phr_join_t                j;
    phr_match_t               m;
    phr_value_t               lhs, rhs;
    const phr_node_binary_t  *b;

    b = &node->u.binary;

    rc = phr_eval_node(ev, b->lhs, g, &lhs);
    if (rc == PHR_OK) {
        rc = phr_eval_node(ev, b->rhs, g, &rhs);
    }

    if (rc < 0) {
        return rc;
    }

    if (phr_token_is_set(b->op)) {
        return phr_eval_set(ev, b, g, &lhs, &rhs, out);
    }

    rc = phr_eval_match(ev, b, &lhs, &rhs, &m);
    if (rc < 0) {
        return rc;
    }

    memset(&j, 0, sizeof(j));
    j.ev = ev;
    j.b = b;
    j.keep_names = node->keep_names;
    j.g = g;
    j.many = &lhs;
    j.one = &rhs;

    rc = phr_join_init(&j, &m);

    if (rc == PHR_OK && (ev->nhists != 0 || phr_binary_trims(b->op))) {
        j.notes = phr_arena_calloc(ev->arena, g->n, 1);
        rc = j.notes == NULL ? phr_eval_nomem(ev) : PHR_OK;
    }

    if (rc == PHR_OK) {
        rc = phr_collect_init(&j.collect, out, ev->arena, g->n,
                              j.many->n + j.one->n);
    }

    if (rc == PHR_OK) {
        rc = phr_join_check_one(&j);
    }

    if (rc == PHR_OK) {
        rc = phr_join_check_many(&j);
    }

    for (i = 0; rc == PHR_OK && i < j.many->n; i++) {
        rc = phr_join_many(&j, i);
    }

    for (i = 0; rc == PHR_OK && b->has_fill_lhs && i < j.one->n; i++) {
        rc = phr_join_one(&j, i);
    }

    if (rc == PHR_OK && j.notes != NULL) {
        rc = phr_eval_binary_notes(ev, node, j.notes, g->n);
    }

    return rc;
}


static int
phr_join_init(phr_join_t *j, phr_match_t *m)
{
    int           rc;
    phr_value_t  *value;

    j->many_group = m->lhs;
    j->one_group = m->rhs;
    j->ngroups = m->n;

    if (j->b->card == PHR_CARD_ONE_TO_MANY) {
        value = j->many;
        j->many = j->one;
        j->one = value;
        j->many_group = m->rhs;
        j->one_group = m->lhs;
        j->swapped = 1;
    }

    rc = phr_join_list(j, j->many_group, j->many->n, &j->many_start,
                       &j->many_cols);
    if (rc < 0) {
        return rc;
    }

    return phr_join_list(j, j->one_group, j->one->n, &j->one_start,
                         &j->one_cols);
}


/* columns in order of their groups, in their own order within one */
static int
phr_join_list(phr_join_t *j, const uint32_t *group, size_t n,
    uint32_t **start, uint32_t **cols)
{
    size_t       i;
    uint32_t    *s;
    phr_arena_t *a;

    a = j->ev->arena;

    s = phr_arena_calloc(a, j->ngroups + 2, sizeof(uint32_t));
    *cols = phr_arena_alloc(a, (n + 1) * sizeof(uint32_t));

    if (s == NULL || *cols == NULL) {
        return phr_eval_nomem(j->ev);
    }

    for (i = 0; i < n; i++) {
        s[group[i] + 2]++;
    }

    for (i = 2; i < j->ngroups + 2; i++) {
        s[i] += s[i - 1];
    }

    for (i = 0; i < n; i++) {
        (*cols)[s[group[i] + 1]++] = i;
    }

    *start = s;

    return PHR_OK;
}


/* two samples of a group on the "one" side, where there is anything to do */
static int
phr_join_check_one(phr_join_t *j)
{
    int        rc;
    size_t     i, k, n, step;
    uint8_t   *any;
    uint32_t   first, *cols;

    any = NULL;

    for (i = 0; i < j->ngroups; i++) {
        n = j->one_start[i + 1] - j->one_start[i];
        cols = &j->one_cols[j->one_start[i]];

        if (n < 2) {
            continue;
        }

        if (any == NULL) {
            rc = phr_join_steps(j, &any);
            if (rc < 0) {
                return rc;
            }
        }

        for (step = 0; step < j->g->n; step++) {
            first = UINT32_MAX;

            for (k = 0; k < n && any[step]; k++) {
                if (!phr_col_has(&j->one->cols[cols[k]], step)) {
                    continue;
                }

                if (first != UINT32_MAX) {
                    return phr_join_duplicates(j, first, cols[k]);
                }

                first = cols[k];
            }
        }

        rc = phr_eval_poll(j->ev);
        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


/* the steps at which there is anything to match */
static int
phr_join_steps(phr_join_t *j, uint8_t **any)
{
    size_t    i, k;
    uint8_t  *steps;

    steps = phr_arena_calloc(j->ev->arena, j->g->n, 1);
    if (steps == NULL) {
        return phr_eval_nomem(j->ev);
    }

    for (k = 0; k < j->many->n; k++) {
        for (i = 0; i < j->g->n; i++) {
            steps[i] |= phr_col_has(&j->many->cols[k], i);
        }
    }

    if (j->b->has_fill_lhs || j->b->has_fill_rhs) {
        memset(steps, 1, j->g->n);
    }

    *any = steps;

    return PHR_OK;
}


static int
phr_join_duplicates(phr_join_t *j, uint32_t a, uint32_t b)
{
    int           rc;
    phr_buf_t     group, one, two;
    phr_labels_t  labels;

    rc = phr_join_match_labels(j, j->one->cols[b].labels, &labels);
    if (rc < 0) {
        return rc;
    }

    phr_buf_init(&group, 0);
    phr_buf_init(&one, 0);
    phr_buf_init(&two, 0);

    phr_labels_print(&group, labels);
    phr_labels_print(&one, j->one->cols[a].labels);
    phr_labels_print(&two, j->one->cols[b].labels);

    /* the same text for the same data, whatever the order of the series */

    if (strcmp(phr_buf_cstr(&one), phr_buf_cstr(&two)) > 0) {
        rc = phr_err_set(j->ev->err, PHR_EEXEC,
                         "found duplicate series for the match group %s on "
                         "the %s hand-side of the operation: [%s, %s]"
                         ";many-to-many matching not allowed: matching "
                         "labels must be unique on one side",
                         phr_buf_cstr(&group), j->swapped ? "left" : "right",
                         phr_buf_cstr(&two), phr_buf_cstr(&one));

    } else {
        rc = phr_err_set(j->ev->err, PHR_EEXEC,
                         "found duplicate series for the match group %s on "
                         "the %s hand-side of the operation: [%s, %s]"
                         ";many-to-many matching not allowed: matching "
                         "labels must be unique on one side",
                         phr_buf_cstr(&group), j->swapped ? "left" : "right",
                         phr_buf_cstr(&one), phr_buf_cstr(&two));
    }

    phr_buf_free(&group);
    phr_buf_free(&one);
    phr_buf_free(&two);

    return rc;
}


/*
 * The other side: with one-to-one matching its samples must be unique too,
 * else the labels that results get must tell them apart.
 */
static int
phr_join_check_many(phr_join_t *j)
{
    int            rc;
    size_t         i, k, n;
    phr_column_t  *c;

    static const phr_labels_t  none;

    if (phr_binary_trims(j->b->op)) {
        return PHR_OK;
    }

    for (i = 0; i < j->ngroups; i++) {
        n = j->many_start[i + 1] - j->many_start[i];

        if (n < 2) {
            continue;
        }

        for (k = j->one_start[i]; k < j->one_start[i + 1]; k++) {
            c = &j->one->cols[j->one_cols[k]];

            if (j->b->card != PHR_CARD_ONE_TO_ONE) {
                rc = phr_join_check_labels(j, i, c->labels, c->v);
                if (rc < 0) {
                    return rc;
                }
            }
        }

        if (j->b->card == PHR_CARD_ONE_TO_ONE) {
            rc = phr_join_check_unique(j, i);

        } else if (j->b->has_fill_rhs) {
            rc = phr_join_check_labels(j, i, none, NULL);

        } else {
            rc = phr_eval_poll(j->ev);
        }

        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


static int
phr_join_check_unique(phr_join_t *j, uint32_t group)
{
    size_t     i, k, n, found;
    uint32_t  *cols;

    n = j->many_start[group + 1] - j->many_start[group];
    cols = &j->many_cols[j->many_start[group]];

    for (i = 0; i < j->g->n; i++) {

        if (!j->b->has_fill_rhs && !phr_join_has_one(j, group, i)) {
            continue;
        }

        found = 0;

        for (k = 0; k < n; k++) {
            found += phr_col_has(&j->many->cols[cols[k]], i);
        }

        if (found > 1) {
            return phr_err_set(j->ev->err, PHR_EEXEC,
                               "multiple matches for labels: many-to-one "
                               "matching must be explicit "
                               "(group_left/group_right)");
        }
    }

    return phr_eval_poll(j->ev);
}


/* a and b both with a partner, "one" or the fill value, at some step */
static int
phr_join_check_pair(phr_join_t *j, uint32_t group, const double *a,
    const double *b, const double *one)
{
    size_t  i;

    for (i = 0; i < j->g->n; i++) {

        if (phr_is_stale(a[i]) || phr_is_stale(b[i])) {
            continue;
        }

        if (one != NULL ? !phr_is_stale(one[i])
                        : !phr_join_has_one(j, group, i))
        {
            return phr_err_set(j->ev->err, PHR_EEXEC,
                               "multiple matches for labels: grouping labels "
                               "must ensure unique matches");
        }
    }

    return phr_eval_poll(j->ev);
}


/* equal labels of results among the columns of a group */
static int
phr_join_check_labels(phr_join_t *j, uint32_t group, phr_labels_t one_labels,
    const double *one)
{
    int               rc;
    size_t            k, n, pos;
    uint32_t         *cols, id;
    uint64_t          hash;
    phr_slots_t       index;
    phr_labels_t     *labels;
    phr_arena_mark_t  mark;

    n = j->many_start[group + 1] - j->many_start[group];
    cols = &j->many_cols[j->many_start[group]];
    mark = phr_arena_mark(j->ev->arena);

    labels = phr_arena_alloc(j->ev->arena, n * sizeof(phr_labels_t));
    if (labels == NULL) {
        return phr_eval_nomem(j->ev);
    }

    rc = phr_slots_init(&index, j->ev->arena, n);

    for (k = 0; rc == PHR_OK && k < n; k++) {
        rc = phr_eval_poll(j->ev);

        if (rc == PHR_OK) {
            rc = phr_join_labels(j, j->many->cols[cols[k]].labels,
                                 one_labels, &labels[k]);
        }

        if (rc < 0) {
            break;
        }

        hash = phr_labels_hash(labels[k]);
        pos = SIZE_MAX;

        while (rc == PHR_OK
               && (id = phr_slots_next(&index, hash, &pos))
                  != PHR_INDEX_NONE)
        {
            if (phr_labels_cmp(labels[id], labels[k]) == 0) {
                rc = phr_join_check_pair(j, group,
                                         j->many->cols[cols[id]].v,
                                         j->many->cols[cols[k]].v, one);
            }
        }

        if (rc == PHR_OK) {
            rc = phr_slots_add(&index, hash, k);
        }
    }

    phr_arena_release(j->ev->arena, mark);

    return rc;
}


/* the results of one column: a column for each partner */
static int
phr_join_many(phr_join_t *j, uint32_t many)
{
    int            rc;
    double        *v;
    size_t         k, n, nout;
    uint32_t       group;
    phr_column_t  *one;

    group = j->many_group[many];
    n = j->one_start[group + 1] - j->one_start[group];

    /* with a single partner the column itself can take the result */

    if (n == 1 && !j->b->has_fill_rhs && !j->b->has_fill_lhs) {
        one = &j->one->cols[j->one_cols[j->one_start[group]]];
        rc = phr_join_pair(j, many, one, j->many->cols[many].v);

        return rc < 0 ? rc : phr_eval_poll(j->ev);
    }

    for (k = 0; k < n + j->b->has_fill_rhs; k++) {

        one = k < n ? &j->one->cols[j->one_cols[j->one_start[group] + k]]
                    : NULL;

        rc = phr_join_column(j, &v);
        if (rc < 0) {
            return rc;
        }

        nout = j->collect.out->n;

        rc = phr_join_pair(j, many, one, v);
        if (rc < 0) {
            return rc;
        }

        /* partners come one after the other: most have no step in common */

        if (j->collect.out->n == nout) {
            j->spare = v;
        }

        rc = phr_eval_poll(j->ev);
        if (rc < 0) {
            return rc;
        }
    }

    return phr_eval_poll(j->ev);
}


/* with what is in it to be overwritten */
static int
phr_join_column(phr_join_t *j, double **v)
{
    *v = j->spare;
    j->spare = NULL;

    if (*v == NULL) {
        *v = phr_col_create(j->ev->arena, j->g->n);
    }

    return *v == NULL ? phr_eval_nomem(j->ev) : PHR_OK;
}


/* the results of two columns, in v; a NULL stands for the fill value */
static int
phr_join_pair(phr_join_t *j, uint32_t many, const phr_column_t *one,
    double *v)
{
    int            rc, any;
    size_t         i;
    phr_column_t  *c;
    phr_labels_t   labels, other;

    c = &j->many->cols[many];
    any = 0;

    for (i = 0; i < j->g->n; i++) {

        if (!phr_col_has(c, i)
            || (one != NULL ? !phr_col_has(one, i)
                            : phr_join_has_one(j, j->many_group[many], i)))
        {
            v[i] = phr_no_sample();
            continue;
        }

        rc = phr_join_sample(j, i, c->v[i],
                             one ? one->v[i] : j->b->fill_rhs, &v[i]);
        if (rc < 0) {
            return rc;
        }

        any |= rc;
    }

    if (!any) {
        return PHR_OK;
    }

    if (one != NULL) {
        other = one->labels;
        rc = PHR_OK;

    } else {
        rc = phr_join_match_labels(j, c->labels, &other);
    }

    if (rc == PHR_OK) {
        rc = phr_join_labels(j, c->labels, other, &labels);
    }

    if (rc < 0) {
        return rc;
    }

    return phr_collect_add(&j->collect, labels, v,
                           j->b->is_bool
                           || (phr_token_is_comparison(j->b->op)
                               && c->drop_name), j->ev->err);
}


/* what the fill value for the other side makes of a column of this one */
static int
phr_join_one(phr_join_t *j, uint32_t one)
{
    int            rc, any;
    double        *v;
    size_t         i;
    phr_column_t  *c;
    phr_labels_t   labels, other;

    c = &j->one->cols[one];
    any = 0;

    rc = phr_join_column(j, &v);
    if (rc == PHR_OK) {
        rc = phr_eval_poll(j->ev);
    }

    if (rc < 0) {
        return rc;
    }

    for (i = 0; i < j->g->n; i++) {
        v[i] = phr_no_sample();

        if (phr_col_has(c, i)
            && !phr_join_has_many(j, j->one_group[one], i))
        {
            rc = phr_join_sample(j, i, j->b->fill_lhs, c->v[i], &v[i]);
            if (rc < 0) {
                return rc;
            }

            any |= rc;
        }
    }

    if (!any) {
        j->spare = v;
        return PHR_OK;
    }

    rc = phr_join_match_labels(j, c->labels, &other);
    if (rc == PHR_OK) {
        rc = phr_join_labels(j, other, c->labels, &labels);
    }

    if (rc < 0) {
        return rc;
    }

    return phr_collect_add(&j->collect, labels, v, j->b->is_bool,
                           j->ev->err);
}


static int
phr_join_has_one(const phr_join_t *j, uint32_t group, size_t step)
{
    size_t  k;

    for (k = j->one_start[group]; k < j->one_start[group + 1]; k++) {
        if (phr_col_has(&j->one->cols[j->one_cols[k]], step)) {
            return 1;
        }
    }

    return 0;
}


static int
phr_join_has_many(const phr_join_t *j, uint32_t group, size_t step)
{
    size_t  k;

    for (k = j->many_start[group]; k < j->many_start[group + 1]; k++) {
        if (phr_col_has(&j->many->cols[j->many_cols[k]], step)) {
            return 1;
        }
    }

    return 0;
}


/* 1 if there is a result, or a failure */
static int
phr_join_sample(phr_join_t *j, size_t step, double many, double one,
    double *v)
{
    int     keep;
    double  r;

    if (j->notes != NULL) {
        return phr_join_native(j, step, j->swapped ? one : many,
                               j->swapped ? many : one, v);
    }

    if (j->swapped) {
        keep = phr_binary_op(j->b->op, one, many, &r);

    } else {
        keep = phr_binary_op(j->b->op, many, one, &r);
    }

    if (j->b->is_bool) {
        *v = keep;
        return 1;
    }

    if (!keep) {
        *v = phr_no_sample();
        return 0;
    }

    *v = r;

    return 1;
}


/* the same for samples that may be histograms */
static int
phr_join_native(phr_join_t *j, size_t step, double l, double r, double *v)
{
    int      rc;
    double   result;
    uint8_t  note;

    note = PHR_NATIVE_NOTE_NONE;
    result = 0;

    rc = phr_eval_binary_native(j->ev, j->b->op, l, r, &result, &note);
    if (rc < 0) {
        return rc;
    }

    /* of several at one step, the last stays */

    if (note != PHR_NATIVE_NOTE_NONE) {
        j->notes[step] = note;
    }

    if (rc == PHR_BINARY_NONE || (rc == 0 && !j->b->is_bool)) {
        *v = phr_no_sample();
        return 0;
    }

    *v = j->b->is_bool ? rc : result;

    return 1;
}


/* the labels that a match group has in common */
static int
phr_join_match_labels(phr_join_t *j, phr_labels_t ls, phr_labels_t *out)
{
    phr_labels_builder_t  b;

    phr_labels_builder_init(&b, j->ev->arena, ls);

    if (j->b->on) {
        phr_labels_builder_keep(&b, j->b->labels.s, j->b->labels.n);

    } else {
        phr_labels_builder_drop(&b, j->b->labels.s, j->b->labels.n);
        phr_labels_builder_del(&b, phr_str_of(PHR_METRIC_NAME));
    }

    return phr_labels_build(&b, out);
}


static int
phr_join_labels(phr_join_t *j, phr_labels_t many, phr_labels_t one,
    phr_labels_t *out)
{
    int                       rc;
    size_t                    i;
    phr_str_t                 name;
    phr_labels_builder_t      lb;
    const phr_node_binary_t  *b;

    b = j->b;

    if (!phr_token_is_comparison(b->op) && !phr_binary_trims(b->op)
        && !j->keep_names)
    {
        rc = phr_labels_drop_metadata(j->ev->arena, many, &many);
        if (rc < 0) {
            return rc;
        }
    }

    if (b->card != PHR_CARD_ONE_TO_ONE && b->include.n == 0) {
        *out = many;
        return PHR_OK;
    }

    phr_labels_builder_init(&lb, j->ev->arena, many);

    if (b->card == PHR_CARD_ONE_TO_ONE) {
        if (b->on) {
            phr_labels_builder_keep(&lb, b->labels.s, b->labels.n);

            if (j->keep_names) {
                name = phr_str_of(PHR_METRIC_NAME);
                phr_labels_builder_set(&lb, name, phr_labels_get(many, name));
            }

        } else {
            phr_labels_builder_drop(&lb, b->labels.s, b->labels.n);
        }
    }

    for (i = 0; i < b->include.n; i++) {
        phr_labels_builder_set(&lb, b->include.s[i],
                               phr_labels_get(one, b->include.s[i]));
    }

    return phr_labels_build(&lb, out);
}
