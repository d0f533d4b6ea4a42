/*
 * Copyright (C) The Pharos Authors
 *
 * The labels of a series that is not known by its bytes: read, checked as
 * Prometheus checks them, and sorted.
 */

#include "ingest/remote_write_impl.h"

#include <stdlib.h>

#include "core/utf8.h"


static int phr_remote_check_label(phr_remote_write_t *rw,
    const phr_label_t *l, phr_err_t *err);
static int phr_remote_check_set(phr_label_t *l, size_t *n, phr_err_t *err);
static int phr_remote_label_cmp(const void *a, const void *b);


phr_str_t
phr_remote_symbol(const phr_remote_write_t *rw, uint64_t ref)
{
    return ref < rw->symbols.nelts
           ? phr_array_get(&rw->symbols, phr_remote_symbol_t,
                           (size_t) ref)->s
           : phr_str_of("");
}


uint64_t
phr_remote_symbol_hash(const phr_remote_write_t *rw, uint64_t ref)
{
    return ref < rw->symbols.nelts
           ? phr_array_get(&rw->symbols, phr_remote_symbol_t,
                           (size_t) ref)->print.hash
           : 0;
}


int
phr_remote_labels(phr_remote_write_t *rw, phr_remote_series_t *s,
    phr_labels_t *ls, phr_err_t *err)
{
    int                   rc;
    size_t                n, nl;
    phr_label_t          *l;
    phr_protobuf_t        r;
    phr_protobuf_field_t  f;

    n = 0;
    rw->nrefs = 0;
    phr_protobuf_open(&r, s->message);

    while (phr_protobuf_next(&r, &f) == PHR_OK) {
        if (f.field == 1) {
            n++;

            if (rw->v2 && phr_remote_refs(rw, &f) != PHR_OK) {
                return phr_err_set(err, PHR_ENOMEM, "no memory for labels");
            }
        }
    }

    n = rw->v2 ? rw->nrefs / 2 : n;

    if (rw->o.max_labels != 0 && n > rw->o.max_labels) {
        return phr_err_set(err, PHR_EINVAL, "more than %zu labels",
                           rw->o.max_labels);
    }

    phr_arena_reset(rw->tmp);

    l = phr_arena_alloc(rw->tmp, (n + 1) * sizeof(phr_label_t));
    if (l == NULL) {
        return phr_err_set(err, phr_arena_rc(rw->tmp), "no memory for "
                           "labels");
    }

    phr_protobuf_open(&r, s->message);

    for (nl = 0; nl < n; nl++) {

        if (rw->v2) {
            l[nl].name = phr_remote_symbol(rw, rw->refs[2 * nl]);
            l[nl].value = phr_remote_symbol(rw, rw->refs[2 * nl + 1]);

        } else {
            do {
                rc = phr_protobuf_next(&r, &f);
            } while (rc == PHR_OK && f.field != 1);

            if (rc != PHR_OK || phr_remote_label(f.bytes, &l[nl]) != PHR_OK) {
                return phr_err_set(err, PHR_EINVAL, "a label is malformed");
            }
        }

        rc = phr_remote_check_label(rw, &l[nl], err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    rc = phr_remote_check_set(l, &n, err);

    ls->l = l;
    ls->n = n;

    return rc;
}


int
phr_remote_label(phr_str_t message, phr_label_t *l)
{
    int                   rc;
    phr_protobuf_t        r;
    phr_protobuf_field_t  f;

    l->name = phr_str_of("");
    l->value = phr_str_of("");
    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field > 2) {
            continue;
        }

        if (f.wire != PHR_PROTOBUF_BYTES) {
            return PHR_EPARSE;
        }

        *(f.field == 1 ? &l->name : &l->value) = f.bytes;
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


static int
phr_remote_check_label(phr_remote_write_t *rw, const phr_label_t *l,
    phr_err_t *err)
{
    if (l->name.len == 0) {
        return phr_err_set(err, PHR_EINVAL, "a label without a name");
    }

    if ((rw->o.max_name_bytes != 0 && l->name.len > rw->o.max_name_bytes)
        || (rw->o.max_value_bytes != 0
            && l->value.len > rw->o.max_value_bytes))
    {
        return phr_err_set(err, PHR_EINVAL, "a label of %zu and %zu bytes, "
                           "more than %zu or %zu", l->name.len, l->value.len,
                           rw->o.max_name_bytes, rw->o.max_value_bytes);
    }

    if (!phr_utf8_valid(l->name.data, l->name.len)
        || !phr_utf8_valid(l->value.data, l->value.len))
    {
        return phr_err_set(err, PHR_EINVAL, "a label is not UTF-8");
    }

    return PHR_OK;
}


/* sorts, and looks at what only the whole set shows; empty ones go */

static int
phr_remote_check_set(phr_label_t *l, size_t *n, phr_err_t *err)
{
    int     named;
    size_t  i, k;

    for (i = 1; i < *n && phr_str_cmp(l[i - 1].name, l[i].name) < 0; i++) {
        /* void */
    }

    if (i < *n) {
        qsort(l, *n, sizeof(phr_label_t), phr_remote_label_cmp);
    }

    named = 0;
    k = 0;

    for (i = 0; i < *n; i++) {

        if (i > 0 && phr_str_eq(l[i].name, l[i - 1].name)) {
            return phr_err_set(err, PHR_EINVAL, "label \"%.*s\" occurs twice",
                               (int) phr_min(l[i].name.len, 100),
                               l[i].name.data);
        }

        named |= l[i].value.len != 0
                 && phr_str_eq(l[i].name, phr_str_of(PHR_METRIC_NAME));
    }

    for (i = 0; i < *n; i++) {
        if (l[i].value.len != 0) {
            l[k++] = l[i];
        }
    }

    *n = k;

    return named ? PHR_OK
                 : phr_err_set(err, PHR_EINVAL, "there is no metric name");
}


static int
phr_remote_label_cmp(const void *a, const void *b)
{
    return phr_str_cmp(((const phr_label_t *) a)->name,
                       ((const phr_label_t *) b)->name);
}
