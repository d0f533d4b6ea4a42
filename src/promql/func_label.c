/*
 * Copyright (C) The Pharos Authors
 *
 * Functions of labels, and absent(), whose labels come from its argument.
 */

#include "promql/func.h"

#include "core/utf8.h"




int
phr_fn_label_replace(PHR_FN_PARAMS)
{
    int            rc;
    size_t         i;
    phr_buf_t      buf;
    phr_str_t      dst, replacement, src, pattern, value;
    phr_regex_t   *re;
    phr_column_t  *c;

    dst = phr_fn_string(call, 1);
    replacement = phr_fn_string(call, 2);
    src = phr_fn_string(call, 3);
    pattern = phr_fn_string(call, 4);

    rc = phr_regex_create(pattern, &re, NULL);
    if (rc < 0) {
        return phr_err_set(ev->err, rc == PHR_ENOMEM ? rc : PHR_EEXEC,
                           "invalid regular expression in label_replace(): "
                           "%.*s", (int) pattern.len, pattern.data);
    }

    if (!phr_fn_label_valid(dst)) {
        phr_regex_destroy(re);

        return phr_err_set(ev->err, PHR_EEXEC,
                           "invalid destination label name in "
                           "label_replace(): %.*s", (int) dst.len, dst.data);
    }

    /* as many as such calls stand in one another are there at a time */

    rc = phr_arena_take(ev->arena, phr_regex_memory(re));
    if (rc < 0) {
        phr_regex_destroy(re);
        return rc;
    }

    phr_buf_init(&buf, 0);

    rc = phr_eval_node(ev, phr_fn_arg(call, 0), g, out);

    for (i = 0; rc == PHR_OK && i < out->n; i++) {
        c = &out->cols[i];

        rc = phr_eval_poll(ev);
        if (rc < 0) {
            break;
        }

        phr_buf_reset(&buf);

        rc = phr_regex_expand(re, phr_labels_get(c->labels, src),
                              replacement, &buf);
        if (rc == PHR_NOTFOUND) {
            rc = PHR_OK;
            continue;
        }

        if (rc == PHR_ELIMIT) {
            rc = phr_err_set(ev->err, rc, "matching the regular expression "
                             "of label_replace() costs more than allowed: "
                             "%.*s", (int) phr_min(pattern.len, 200),
                             pattern.data);
        }

        if (rc == PHR_OK) {
            rc = buf.failed;
        }

        if (rc < 0) {
            break;
        }

        value = phr_arena_str(ev->arena, phr_buf_view(&buf));
        if (value.data == NULL) {
            rc = phr_eval_nomem(ev);
            break;
        }

        rc = phr_fn_label_put(ev, c, dst, value);
    }

    phr_buf_free(&buf);
    phr_arena_give(ev->arena, phr_regex_memory(re));
    phr_regex_destroy(re);

    return rc < 0 ? rc : phr_value_merge(out, ev->arena, g->n, ev->err);
}


int
phr_fn_label_join(PHR_FN_PARAMS)
{
    int            rc;
    char          *p;
    size_t         i, j, len;
    phr_str_t      dst, separator, s;
    phr_column_t  *c;

    dst = phr_fn_string(call, 1);
    separator = phr_fn_string(call, 2);

    for (j = 3; j < call->u.call.nargs; j++) {
        s = phr_fn_string(call, j);

        if (!phr_fn_label_valid(s)) {
            return phr_err_set(ev->err, PHR_EEXEC,
                               "invalid source label name in label_join(): "
                               "%.*s", (int) s.len, s.data);
        }
    }

    if (!phr_fn_label_valid(dst)) {
        return phr_err_set(ev->err, PHR_EEXEC,
                           "invalid destination label name in label_join(): "
                           "%.*s", (int) dst.len, dst.data);
    }

    rc = phr_eval_node(ev, phr_fn_arg(call, 0), g, out);

    for (i = 0; rc == PHR_OK && i < out->n; i++) {
        c = &out->cols[i];
        len = 0;

        for (j = 3; j < call->u.call.nargs; j++) {
            s = phr_labels_get(c->labels, phr_fn_string(call, j));
            len += s.len + (j > 3 ? separator.len : 0);
        }

        p = phr_arena_alloc(ev->arena, len + 1);
        if (p == NULL) {
            return phr_eval_nomem(ev);
        }

        len = 0;

        for (j = 3; j < call->u.call.nargs; j++) {
            if (j > 3 && separator.len != 0) {
                memcpy(p + len, separator.data, separator.len);
                len += separator.len;
            }

            s = phr_labels_get(c->labels, phr_fn_string(call, j));

            if (s.len != 0) {
                memcpy(p + len, s.data, s.len);
                len += s.len;
            }
        }

        rc = phr_fn_label_put(ev, c, dst, phr_str_from(p, len));

        if (rc == PHR_OK) {
            rc = phr_eval_poll(ev);
        }
    }

    return rc < 0 ? rc : phr_value_merge(out, ev->arena, g->n, ev->err);
}


int
phr_fn_label_valid(phr_str_t name)
{
    return name.len != 0 && phr_utf8_valid(name.data, name.len);
}


int
phr_fn_label_put(phr_eval_t *ev, phr_column_t *c, phr_str_t name,
    phr_str_t value)
{
    phr_labels_builder_t  b;

    phr_labels_builder_init(&b, ev->arena, c->labels);
    phr_labels_builder_set(&b, name, value);

    if (phr_str_eq(name, phr_str_of(PHR_METRIC_NAME))) {
        c->drop_name = 0;
    }

    return phr_labels_build(&b, &c->labels);
}


int
phr_fn_absent(PHR_FN_PARAMS)
{
    int           rc;
    double       *v;
    size_t        i, j;
    phr_value_t   in;
    phr_labels_t  labels;

    rc = phr_eval_node(ev, phr_fn_arg(call, 0), g, &in);
    if (rc < 0) {
        return rc;
    }

    v = phr_col_create(ev->arena, g->n);
    if (v == NULL) {
        return phr_eval_nomem(ev);
    }

    for (j = 0; j < g->n; j++) {
        for (i = 0; i < in.n && !phr_col_has(&in.cols[i], j); i++) {
            /* void */
        }

        if (i == in.n) {
            v[j] = 1;
        }
    }

    phr_value_init(out);

    if (phr_col_count(v, g->n) == 0) {
        return PHR_OK;
    }

    rc = phr_fn_absent_labels(ev, phr_fn_arg(call, 0), &labels);
    if (rc < 0) {
        return rc;
    }

    return phr_value_push(out, ev->arena, labels, v, 0) == NULL
           ? phr_eval_nomem(ev) : PHR_OK;
}


/*
 * Labels that the matchers determine; one that is also matched otherwise,
 * or twice, is left out.
 */
int
phr_fn_absent_labels(phr_eval_t *ev, const phr_node_t *arg,
    phr_labels_t *labels)
{
    size_t                      i, j;
    const phr_matcher_t        *m;
    phr_labels_builder_t        b;
    const phr_node_selector_t  *s;

    static const phr_labels_t  none;

    if (arg->kind == PHR_NODE_MATRIX) {
        arg = arg->u.matrix.selector;
    }

    phr_labels_builder_init(&b, ev->arena, none);

    if (arg->kind != PHR_NODE_SELECTOR || arg->u.selector.nothers != 0) {
        return phr_labels_build(&b, labels);
    }

    s = &arg->u.selector;

    for (i = 0; i < s->nmatchers; i++) {
        m = &s->matchers[i];

        if (phr_str_eq(m->name, phr_str_of(PHR_METRIC_NAME))) {
            continue;
        }

        for (j = 0; j < i; j++) {
            if (s->matchers[j].op == PHR_MATCH_EQ
                && phr_str_eq(s->matchers[j].name, m->name))
            {
                break;
            }
        }

        if (m->op == PHR_MATCH_EQ && j == i) {
            phr_labels_builder_set(&b, m->name, m->value);

        } else {
            phr_labels_builder_del(&b, m->name);
        }
    }

    return phr_labels_build(&b, labels);
}
