/*
 * Copyright (C) The Pharos Authors
 *
 * Functions of MetricsQL that change labels, choose series by them, and put
 * vectors together.
 */

#include "promql/func.h"

#include <math.h>
#include <stdlib.h>

#include "core/number.h"


typedef enum {
    PHR_LABEL_COPY = 0,
    PHR_LABEL_MOVE,
    PHR_LABEL_SET,
} phr_label_pairs_e;


static int phr_label_pairs(PHR_FN_PARAMS, phr_label_pairs_e what);
static int phr_label_list(PHR_FN_PARAMS, int keep);
static int phr_label_names(phr_eval_t *ev, const phr_node_t *call,
    phr_str_t **names, size_t *n);
static int phr_label_case(PHR_FN_PARAMS, char first);
static int phr_label_filter(PHR_FN_PARAMS, phr_match_e op);
static int phr_label_common(const phr_value_t *v, const phr_label_t *l);


int
phr_fn_label_set(PHR_FN_PARAMS)
{
    return phr_label_pairs(ev, call, g, out, PHR_LABEL_SET);
}


int
phr_fn_label_copy(PHR_FN_PARAMS)
{
    return phr_label_pairs(ev, call, g, out, PHR_LABEL_COPY);
}


int
phr_fn_label_move(PHR_FN_PARAMS)
{
    return phr_label_pairs(ev, call, g, out, PHR_LABEL_MOVE);
}


/* pairs of strings: a label and its value, or the source and the label */
static int
phr_label_pairs(PHR_FN_PARAMS, phr_label_pairs_e what)
{
    int            rc;
    size_t         i, j, nargs;
    phr_str_t      one, two, value;
    phr_column_t  *c;

    nargs = call->u.call.nargs;

    if (nargs % 2 == 0) {
        return phr_err_set(ev->err, PHR_EEXEC, "%s() takes pairs of strings",
                           call->u.call.func->name);
    }

    for (j = 1; j < nargs; j++) {
        one = phr_fn_string(call, j);

        if ((what != PHR_LABEL_SET || j % 2 == 1)
            && !phr_fn_label_valid(one))
        {
            return phr_err_set(ev->err, PHR_EEXEC, "invalid label name in "
                               "%s(): %.*s", call->u.call.func->name,
                               (int) phr_min(one.len, 100), one.data);
        }
    }

    rc = phr_eval_node(ev, phr_fn_arg(call, 0), g, out);

    for (i = 0; rc == PHR_OK && i < out->n; i++) {
        c = &out->cols[i];

        for (j = 1; rc == PHR_OK && j < nargs; j += 2) {
            one = phr_fn_string(call, j);
            two = phr_fn_string(call, j + 1);

            if (what == PHR_LABEL_SET) {
                rc = phr_fn_label_put(ev, c, one, two);
                continue;
            }

            value = phr_labels_get(c->labels, one);

            if (value.len == 0) {
                continue;
            }

            rc = phr_fn_label_put(ev, c, two, value);

            if (rc == PHR_OK && what == PHR_LABEL_MOVE
                && !phr_str_eq(one, two))
            {
                rc = phr_fn_label_put(ev, c, one, phr_str_of(""));
            }
        }

        if (rc == PHR_OK) {
            rc = phr_eval_poll(ev);
        }
    }

    return rc < 0 ? rc : phr_value_merge(out, ev->arena, g->n, ev->err);
}


int
phr_fn_label_del(PHR_FN_PARAMS)
{
    return phr_label_list(ev, call, g, out, 0);
}


int
phr_fn_label_keep(PHR_FN_PARAMS)
{
    return phr_label_list(ev, call, g, out, 1);
}


static int
phr_label_list(PHR_FN_PARAMS, int keep)
{
    int                    rc;
    size_t                 i, n;
    phr_str_t             *names;
    phr_labels_builder_t   b;

    rc = phr_label_names(ev, call, &names, &n);
    if (rc == PHR_OK) {
        rc = phr_eval_node(ev, phr_fn_arg(call, 0), g, out);
    }

    for (i = 0; rc == PHR_OK && i < out->n; i++) {
        phr_labels_builder_init(&b, ev->arena, out->cols[i].labels);

        if (keep) {
            phr_labels_builder_keep(&b, names, n);

        } else {
            phr_labels_builder_drop(&b, names, n);
        }

        rc = phr_labels_build(&b, &out->cols[i].labels);
        if (rc == PHR_OK) {
            rc = phr_eval_poll(ev);
        }
    }

    return rc < 0 ? rc : phr_value_merge(out, ev->arena, g->n, ev->err);
}


/* the strings after the vector */
static int
phr_label_names(phr_eval_t *ev, const phr_node_t *call, phr_str_t **names,
    size_t *n)
{
    size_t      i;
    phr_str_t  *s;

    s = phr_arena_alloc(ev->arena, call->u.call.nargs * sizeof(phr_str_t));
    if (s == NULL) {
        return phr_eval_nomem(ev);
    }

    for (i = 1; i < call->u.call.nargs; i++) {
        s[i - 1] = phr_fn_string(call, i);
    }

    *names = s;
    *n = call->u.call.nargs - 1;

    return PHR_OK;
}


int
phr_fn_label_lowercase(PHR_FN_PARAMS)
{
    return phr_label_case(ev, call, g, out, 'A');
}


int
phr_fn_label_uppercase(PHR_FN_PARAMS)
{
    return phr_label_case(ev, call, g, out, 'a');
}


/* of ASCII's letters from the first one on */
static int
phr_label_case(PHR_FN_PARAMS, char first)
{
    int         rc;
    char       *p;
    size_t      i, j, k, n;
    phr_str_t  *names, value;

    rc = phr_label_names(ev, call, &names, &n);
    if (rc == PHR_OK) {
        rc = phr_eval_node(ev, phr_fn_arg(call, 0), g, out);
    }

    for (i = 0; rc == PHR_OK && i < out->n; i++) {
        for (j = 0; rc == PHR_OK && j < n; j++) {
            value = phr_labels_get(out->cols[i].labels, names[j]);

            if (value.len == 0) {
                continue;
            }

            value = phr_arena_str(ev->arena, value);
            if (value.data == NULL) {
                return phr_eval_nomem(ev);
            }

            p = (char *) value.data;

            for (k = 0; k < value.len; k++) {
                if (p[k] >= first && p[k] < first + 26) {
                    p[k] ^= 0x20;
                }
            }

            rc = phr_fn_label_put(ev, &out->cols[i], names[j], value);
        }

        if (rc == PHR_OK) {
            rc = phr_eval_poll(ev);
        }
    }

    return rc < 0 ? rc : phr_value_merge(out, ev->arena, g->n, ev->err);
}


int
phr_fn_label_match(PHR_FN_PARAMS)
{
    return phr_label_filter(ev, call, g, out, PHR_MATCH_RE);
}


int
phr_fn_label_mismatch(PHR_FN_PARAMS)
{
    return phr_label_filter(ev, call, g, out, PHR_MATCH_NRE);
}


static int
phr_label_filter(PHR_FN_PARAMS, phr_match_e op)
{
    int            rc;
    size_t         i, kept;
    phr_err_t      why;
    phr_matcher_t  m;

    phr_err_init(&why);

    rc = phr_matcher_init(&m, op, phr_fn_string(call, 1),
                          phr_fn_string(call, 2), &why);
    if (rc < 0) {
        return phr_err_set(ev->err, rc == PHR_ENOMEM ? rc : PHR_EEXEC,
                           "invalid regular expression in %s(): %s",
                           call->u.call.func->name, why.text);
    }

    rc = phr_arena_take(ev->arena, phr_regex_memory(m.re));
    if (rc < 0) {
        phr_matcher_destroy(&m);
        return rc;
    }

    rc = phr_eval_node(ev, phr_fn_arg(call, 0), g, out);
    kept = 0;

    for (i = 0; rc == PHR_OK && i < out->n; i++) {
        rc = phr_matcher_matches(&m, phr_labels_get(out->cols[i].labels,
                                                    m.name));
        if (rc < 0) {
            rc = phr_matcher_fail(&m, rc, ev->err);
            break;
        }

        if (rc > 0) {
            out->cols[kept++] = out->cols[i];
        }

        rc = phr_eval_poll(ev);
    }

    out->n = kept;
    phr_arena_give(ev->arena, phr_regex_memory(m.re));
    phr_matcher_destroy(&m);

    return rc;
}


int
phr_fn_labels_equal(PHR_FN_PARAMS)
{
    int         rc;
    size_t      i, j, n, kept;
    phr_str_t  *names;

    rc = phr_label_names(ev, call, &names, &n);
    if (rc == PHR_OK) {
        rc = phr_eval_node(ev, phr_fn_arg(call, 0), g, out);
    }

    kept = 0;

    for (i = 0; rc == PHR_OK && i < out->n; i++) {
        for (j = 1; j < n; j++) {
            if (!phr_str_eq(phr_labels_get(out->cols[i].labels, names[j]),
                            phr_labels_get(out->cols[i].labels, names[0])))
            {
                break;
            }
        }

        if (j >= n) {
            out->cols[kept++] = out->cols[i];
        }

        rc = phr_eval_poll(ev);
    }

    out->n = kept;

    return rc;
}


/* the label as a number, at the steps at which there is a sample */
int
phr_fn_label_value(PHR_FN_PARAMS)
{
    int            rc;
    double         v;
    size_t         i, j;
    phr_str_t      name, value;
    phr_column_t  *c;

    name = phr_fn_string(call, 1);

    rc = phr_eval_node(ev, phr_fn_arg(call, 0), g, out);

    for (i = 0; rc == PHR_OK && i < out->n; i++) {
        c = &out->cols[i];
        value = phr_labels_get(c->labels, name);
        c->drop_name = 1;

        if (value.len == 0
            || phr_number_parse(value.data, value.len, &v) != PHR_OK)
        {
            v = NAN;
        }

        for (j = 0; j < g->n; j++) {
            if (phr_col_has(c, j)) {
                c->v[j] = v;
            }
        }

        rc = phr_eval_poll(ev);
    }

    return rc;
}


/* all vectors together, without the labels that every series has */
int
phr_fn_drop_common_labels(PHR_FN_PARAMS)
{
    int                    rc;
    size_t                 i, j, n;
    phr_str_t             *common;
    phr_labels_t           first;
    phr_labels_builder_t   b;

    rc = phr_fn_union(ev, call, g, out);
    if (rc < 0 || out->n == 0) {
        return rc;
    }

    first = out->cols[0].labels;
    n = 0;

    common = phr_arena_alloc(ev->arena, (first.n + 1) * sizeof(phr_str_t));
    if (common == NULL) {
        return phr_eval_nomem(ev);
    }

    for (j = 0; j < first.n; j++) {
        if (phr_label_common(out, &first.l[j])) {
            common[n++] = first.l[j].name;
        }

        rc = phr_eval_poll(ev);
        if (rc < 0) {
            return rc;
        }
    }

    for (i = 0; rc == PHR_OK && i < out->n; i++) {
        phr_labels_builder_init(&b, ev->arena, out->cols[i].labels);
        phr_labels_builder_drop(&b, common, n);

        rc = phr_labels_build(&b, &out->cols[i].labels);
    }

    return rc < 0 ? rc : phr_value_merge(out, ev->arena, g->n, ev->err);
}


static int
phr_label_common(const phr_value_t *v, const phr_label_t *l)
{
    size_t  i;

    for (i = 1; i < v->n; i++) {
        if (!phr_str_eq(phr_labels_get(v->cols[i].labels, l->name), l->value))
        {
            return 0;
        }
    }

    return 1;
}


/* the series of all vectors; of those with equal labels the first one */
int
phr_fn_union(PHR_FN_PARAMS)
{
    int            rc;
    size_t         i, j, pos;
    uint32_t       id;
    uint64_t       hash;
    phr_value_t    in;
    phr_slots_t    index;
    phr_column_t  *c;

    phr_value_init(out);

    rc = phr_slots_init(&index, ev->arena, 16);

    for (i = 0; rc == PHR_OK && i < call->u.call.nargs; i++) {

        rc = phr_eval_node(ev, phr_fn_arg(call, i), g, &in);
        if (rc < 0) {
            return rc;
        }

        for (j = 0; rc == PHR_OK && j < in.n; j++) {
            c = &in.cols[j];
            hash = phr_labels_hash(c->labels);
            pos = SIZE_MAX;

            do {
                id = phr_slots_next(&index, hash, &pos);
            } while (id != PHR_INDEX_NONE
                     && phr_labels_cmp(out->cols[id].labels, c->labels) != 0);

            if (id != PHR_INDEX_NONE) {
                continue;
            }

            rc = phr_slots_add(&index, hash, (uint32_t) out->n);

            if (rc == PHR_OK
                && phr_value_push(out, ev->arena, c->labels, c->v,
                                  c->drop_name) == NULL)
            {
                rc = phr_eval_nomem(ev);
            }

            if (rc == PHR_OK) {
                rc = phr_eval_poll(ev);
            }
        }
    }

    return rc;
}


/* in the order of labels */
int
phr_fn_limit_offset(PHR_FN_PARAMS)
{
    int      rc;
    double  *limit, *offset;
    size_t   i, from, n;

    rc = phr_eval_scalar(ev, phr_fn_arg(call, 0), g, &limit);
    if (rc == PHR_OK) {
        rc = phr_eval_scalar(ev, phr_fn_arg(call, 1), g, &offset);
    }

    if (rc == PHR_OK) {
        rc = phr_eval_node(ev, phr_fn_arg(call, 2), g, out);
    }

    if (rc < 0 || out->n == 0) {
        return rc;
    }

    phr_value_sort(out);

    from = offset[0] >= (double) out->n ? out->n
           : offset[0] >= 1 ? (size_t) offset[0] : 0;
    n = out->n - from;
    n = limit[0] >= (double) n ? n : limit[0] >= 1 ? (size_t) limit[0] : 0;

    for (i = 0; i < n; i++) {
        out->cols[i] = out->cols[from + i];
    }

    out->n = n;

    return PHR_OK;
}
