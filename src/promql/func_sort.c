/*
 * Copyright (C) The Pharos Authors
 *
 * Functions that sort.  They order the result of an instant query; that of
 * a range query is always in the order of its labels.
 */

#include "promql/func.h"

#include <math.h>
#include <stdlib.h>


typedef struct {
    phr_column_t      c;
    size_t            place;        /* before sorting: keeps the order */
    double            v;
    const phr_node_t *call;
    int               sign;
} phr_sort_t;


static int phr_fn_sorted(PHR_FN_PARAMS, int sign,
    int (*cmp)(const void *one, const void *two));
static int phr_sort_by_value(const void *one, const void *two);
static int phr_sort_by_label(const void *one, const void *two);
static int phr_sort_natural(phr_str_t a, phr_str_t b);
static phr_str_t phr_sort_chunk(phr_str_t *s, int *digits);


int
phr_fn_sort(PHR_FN_PARAMS)
{
    return phr_fn_sorted(ev, call, g, out, 1, phr_sort_by_value);
}


int
phr_fn_sort_desc(PHR_FN_PARAMS)
{
    return phr_fn_sorted(ev, call, g, out, -1, phr_sort_by_value);
}


int
phr_fn_sort_by_label(PHR_FN_PARAMS)
{
    return phr_fn_sorted(ev, call, g, out, 1, phr_sort_by_label);
}


int
phr_fn_sort_by_label_desc(PHR_FN_PARAMS)
{
    return phr_fn_sorted(ev, call, g, out, -1, phr_sort_by_label);
}


static int
phr_fn_sorted(PHR_FN_PARAMS, int sign,
    int (*cmp)(const void *one, const void *two))
{
    int          rc;
    size_t       i;
    phr_sort_t  *s;

    rc = phr_eval_node(ev, phr_fn_arg(call, 0), g, out);
    if (rc < 0) {
        return rc;
    }

    if (cmp == phr_sort_by_value && ev->nhists != 0) {
        phr_eval_drop_all_hists(ev, out, g->n);
    }

    if (g->n > 1) {
        rc = phr_annotate(&ev->notes, ev->arena, PHR_NOTE_WARNING,
                          call->start,
                          "PromQL warning: sort is ineffective for range "
                          "queries since results are always ordered by "
                          "labels");
    }

    if (rc < 0 || g->n != 1) {
        return rc;
    }

    s = phr_arena_alloc(ev->arena, (out->n + 1) * sizeof(phr_sort_t));
    if (s == NULL) {
        return phr_eval_nomem(ev);
    }

    for (i = 0; i < out->n; i++) {
        s[i].c = out->cols[i];
        s[i].place = i;
        s[i].v = out->cols[i].v[0];
        s[i].call = call;
        s[i].sign = sign;
    }

    qsort(s, out->n, sizeof(phr_sort_t), cmp);

    for (i = 0; i < out->n; i++) {
        out->cols[i] = s[i].c;
    }

    return PHR_OK;
}


/* NaN comes last in both directions */
static int
phr_sort_by_value(const void *one, const void *two)
{
    const phr_sort_t  *a, *b;

    a = one;
    b = two;

    if (isnan(a->v) || isnan(b->v)) {
        if (isnan(a->v) != isnan(b->v)) {
            return isnan(a->v) ? 1 : -1;
        }

    } else if (a->v != b->v) {
        return a->v < b->v ? -a->sign : a->sign;
    }

    return a->place < b->place ? -1 : 1;
}


static int
phr_sort_by_label(const void *one, const void *two)
{
    int                rc;
    size_t             i;
    phr_str_t          name;
    const phr_sort_t  *a, *b;

    a = one;
    b = two;

    for (i = 1; i < a->call->u.call.nargs; i++) {
        name = phr_fn_string(a->call, i);

        rc = phr_sort_natural(phr_labels_get(a->c.labels, name),
                              phr_labels_get(b->c.labels, name));
        if (rc != 0) {
            return rc * a->sign;
        }
    }

    return phr_labels_cmp(a->c.labels, b->c.labels) * a->sign;
}


/* "node2" before "node10": runs of digits compare as numbers */
static int
phr_sort_natural(phr_str_t a, phr_str_t b)
{
    int        rc, digits_a, digits_b;
    phr_str_t  x, y, whole_a, whole_b;

    whole_a = a;
    whole_b = b;

    while (a.len != 0 && b.len != 0) {
        x = phr_sort_chunk(&a, &digits_a);
        y = phr_sort_chunk(&b, &digits_b);

        if (digits_a && digits_b) {
            while (x.len > 1 && x.data[0] == '0') {
                x.data++;
                x.len--;
            }

            while (y.len > 1 && y.data[0] == '0') {
                y.data++;
                y.len--;
            }

            if (x.len != y.len) {
                return x.len < y.len ? -1 : 1;
            }
        }

        rc = phr_str_cmp(x, y);
        if (rc != 0) {
            return rc < 0 ? -1 : 1;
        }
    }

    if (a.len != b.len) {
        return a.len == 0 ? -1 : 1;
    }

    /* only leading zeros differ, if anything */

    rc = phr_str_cmp(whole_a, whole_b);

    return (rc > 0) - (rc < 0);
}


/* cuts the longest run of digits, or of anything else, from the start */
static phr_str_t
phr_sort_chunk(phr_str_t *s, int *digits)
{
    size_t     n;
    phr_str_t  chunk;

    *digits = s->data[0] >= '0' && s->data[0] <= '9';

    for (n = 1; n < s->len; n++) {
        if ((s->data[n] >= '0' && s->data[n] <= '9') != *digits) {
            break;
        }
    }

    chunk = phr_str_from(s->data, n);

    s->data += n;
    s->len -= n;

    return chunk;
}
