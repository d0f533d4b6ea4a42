/*
 * Copyright (C) The Pharos Authors
 *
 * What there is: label names and values, and series.
 */

#include "api/call.h"

#include <stdlib.h>

#include "core/map.h"
#include "core/utf8.h"


typedef struct {
    phr_str_t  *s;
    size_t      n;
    int         truncated;
} phr_name_list_t;

/* everything that /labels, /label/x/values and /series share */
typedef struct {
    int64_t              start_ms;
    int64_t              end_ms;
    size_t               limit;
    phr_matcher_list_t  *lists;
    size_t               nlists;
    phr_querier_t       *querier;
} phr_lookup_t;

typedef struct {
    phr_labels_t  *ls;
    size_t         n;
    size_t         nalloc;
} phr_series_list_t;


static int phr_lookup_begin(phr_call_t *c, int named, phr_lookup_t *l,
    phr_err_t *err);
static void phr_lookup_end(phr_lookup_t *l);
static int phr_lookup_names(phr_call_t *c, phr_lookup_t *l,
    const phr_str_t *label, phr_name_list_t *out, phr_err_t *err);
static int phr_names_merge(phr_call_t *c, phr_name_list_t *into,
    const phr_str_t *s, size_t n, phr_err_t *err);
static int phr_names_answer(phr_call_t *c, phr_name_list_t *names,
    size_t limit, phr_err_t *err);
static int phr_name_cmp(const void *a, const void *b);
static int phr_label_unescape(phr_call_t *c, phr_str_t in, phr_str_t *out);
static int phr_series_collect(phr_call_t *c, phr_lookup_t *l,
    const phr_matcher_list_t *m, phr_series_list_t *out, phr_err_t *err);


int
phr_api_labels(phr_call_t *c, phr_err_t *err)
{
    int              rc;
    phr_lookup_t     l;
    phr_name_list_t  names;

    rc = phr_lookup_begin(c, 0, &l, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_lookup_names(c, &l, NULL, &names, err);
    if (rc == PHR_OK) {
        rc = phr_names_answer(c, &names, l.limit, err);
    }

    phr_lookup_end(&l);

    return rc;
}


int
phr_api_label_values(phr_call_t *c, phr_err_t *err)
{
    int              rc;
    phr_str_t        label;
    phr_lookup_t     l;
    phr_name_list_t  values;

    rc = phr_label_unescape(c, c->segment, &label);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "out of memory");
    }

    if (label.len == 0) {
        return phr_err_set(err, PHR_EINVAL, "invalid label name: \"\"");
    }

    rc = phr_lookup_begin(c, 0, &l, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_lookup_names(c, &l, &label, &values, err);
    if (rc == PHR_OK) {
        rc = phr_names_answer(c, &values, l.limit, err);
    }

    phr_lookup_end(&l);

    return rc;
}


/*
 * "U__" begins a name in which "__" stands for "_" and "_hex_" for a code
 * point: how clients put names outside the old alphabet into a path.
 */

static int
phr_label_unescape(phr_call_t *c, phr_str_t in, phr_str_t *out)
{
    int       hex;
    char     *p;
    size_t    i, n, k;
    int32_t   cp;

    *out = in;

    if (in.len < 3 || memcmp(in.data, "U__", 3) != 0) {
        return PHR_OK;
    }

    p = phr_arena_alloc(c->arena, in.len + 1);
    if (p == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 3, n = 0; i < in.len; i++) {

        if (in.data[i] != '_') {
            p[n++] = in.data[i];
            continue;
        }

        if (i + 1 < in.len && in.data[i + 1] == '_') {
            p[n++] = '_';
            i++;
            continue;
        }

        for (k = i + 1, cp = 0; k < in.len && in.data[k] != '_'; k++) {
            hex = phr_param_hex(in.data[k]);
            cp = cp * 16 + hex;

            if (hex < 0 || cp > 0x10ffff) {
                return PHR_OK;          /* taken as it stands */
            }
        }

        if (k == in.len || (cp >= 0xd800 && cp <= 0xdfff)) {
            return PHR_OK;
        }

        /* never longer than what stood for it: "_", digits and "_" */
        n += phr_utf8_encode(p + n, (uint32_t) cp);
        i = k;
    }

    *out = phr_str_from(p, n);

    return PHR_OK;
}


int
phr_api_series(phr_call_t *c, phr_err_t *err)
{
    int                rc;
    size_t             i, n, pos;
    phr_str_t          ignore;
    phr_lookup_t       l;
    phr_series_list_t  list;

    pos = 0;

    if (!phr_call_next_param(c, "match[]", &pos, &ignore)) {
        return phr_err_set(err, PHR_EINVAL,
                           "no match[] parameter provided");
    }

    rc = phr_lookup_begin(c, 1, &l, err);
    if (rc != PHR_OK) {
        return rc;
    }

    memset(&list, 0, sizeof(list));

    for (i = 0; i < l.nlists && rc == PHR_OK; i++) {
        rc = phr_series_collect(c, &l, &l.lists[i], &list, err);
    }

    if (rc != PHR_OK) {
        phr_lookup_end(&l);
        return rc;
    }

    phr_labels_sort(list.ls, list.n, sizeof(phr_labels_t));

    phr_call_begin(c);
    phr_json_array(&c->json);

    for (i = 0, n = 0; i < list.n; i++) {

        if (i > 0 && phr_labels_cmp(list.ls[i - 1], list.ls[i]) == 0) {
            continue;
        }

        if (l.limit != 0 && n == l.limit) {
            rc = phr_call_warn(c,
                            phr_str_of("results truncated due to limit"));
            break;
        }

        phr_call_labels(c, list.ls[i]);
        n++;
    }

    phr_json_end_array(&c->json);
    phr_call_end(c);

    phr_lookup_end(&l);

    return rc;
}


/* with a limit, of each selector one more: then it is known to be beyond */

static int
phr_series_collect(phr_call_t *c, phr_lookup_t *l,
    const phr_matcher_list_t *m, phr_series_list_t *out, phr_err_t *err)
{
    int                  rc;
    size_t               nalloc, from;
    phr_series_t         series;
    phr_labels_t        *grown;
    phr_series_set_t    *set;
    phr_select_hints_t   hints;

    memset(&hints, 0, sizeof(hints));
    hints.labels_only = 1;
    hints.func = phr_str_of("series");

    rc = l->querier->ops->select(l->querier, m->m, m->n, l->start_ms,
                                 l->end_ms, &hints, c->arena, &set, err);

    from = out->n;

    while (rc == PHR_OK && (l->limit == 0 || out->n - from <= l->limit)) {

        rc = phr_call_poll(c, "looking for series", err);
        if (rc < 0) {
            return rc;
        }

        rc = set->next(set, &series, err);
        if (rc != PHR_OK) {
            break;
        }

        if (out->n == c->api->limits.max_series) {
            return phr_err_set(err, PHR_ELIMIT, "more than %zu series, "
                               "narrow the matchers or set a limit",
                               out->n);
        }

        if (out->n == out->nalloc) {
            nalloc = phr_max(out->nalloc * 2, 64);
            grown = phr_arena_grow(c->arena, out->ls,
                                   out->nalloc * sizeof(phr_labels_t),
                                   nalloc * sizeof(phr_labels_t));
            if (grown == NULL) {
                return phr_err_set(err, phr_arena_rc(c->arena),
                                   "too many series");
            }
            out->ls = grown;
            out->nalloc = nalloc;
        }

        out->ls[out->n++] = series.labels;
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


static int
phr_lookup_begin(phr_call_t *c, int named, phr_lookup_t *l, phr_err_t *err)
{
    int  rc;

    memset(l, 0, sizeof(phr_lookup_t));

    rc = phr_call_limit(c, &l->limit, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_call_time(c, "start", PHR_TIME_MIN, &l->start_ms, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_call_time(c, "end", PHR_TIME_MAX, &l->end_ms, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_call_matchers(c, named, &l->lists, &l->nlists, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = c->api->storage->querier(c->api->storage, &l->querier, err);
    if (rc != PHR_OK) {
        phr_lookup_end(l);
        return rc;
    }

    l->querier->stop = c->req->stop;

    return PHR_OK;
}


static void
phr_lookup_end(phr_lookup_t *l)
{
    if (l->querier != NULL) {
        l->querier->ops->close(l->querier);
    }

    phr_call_free_matchers(l->lists, l->nlists);
}


/* names, or values of a label, over all match[]: their union, sorted */

static int
phr_lookup_names(phr_call_t *c, phr_lookup_t *l, const phr_str_t *label,
    phr_name_list_t *out, phr_err_t *err)
{
    int                  rc, truncated;
    size_t               i, n;
    phr_str_t           *s;
    phr_querier_t       *q;
    phr_matcher_list_t  *m, all;

    memset(out, 0, sizeof(phr_name_list_t));
    memset(&all, 0, sizeof(all));

    q = l->querier;

    for (i = 0; i < phr_max(l->nlists, 1); i++) {

        m = l->nlists ? &l->lists[i] : &all;
        truncated = 0;

        if (label != NULL) {
            rc = q->ops->label_values(q, *label, m->m, m->n, l->start_ms,
                                      l->end_ms, l->limit, c->arena, &s, &n,
                                      &truncated, err);
        } else {
            rc = q->ops->label_names(q, m->m, m->n, l->start_ms, l->end_ms,
                                     l->limit, c->arena, &s, &n, &truncated,
                                     err);
        }

        if (phr_querier_poll(q) < 0) {
            return phr_call_poll(c, "looking for labels", err);
        }

        if (rc == PHR_OK) {
            out->truncated |= truncated;
            rc = phr_names_merge(c, out, s, n, err);
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


static int
phr_names_merge(phr_call_t *c, phr_name_list_t *into, const phr_str_t *s,
    size_t n, phr_err_t *err)
{
    size_t      i, k;
    phr_str_t  *all;

    if (into->n == 0) {
        into->s = (phr_str_t *) s;
        into->n = n;
        return PHR_OK;
    }

    all = phr_arena_alloc(c->arena, (into->n + n + 1) * sizeof(phr_str_t));
    if (all == NULL) {
        return phr_err_set(err, phr_arena_rc(c->arena),
                           "too many labels");
    }

    memcpy(all, into->s, into->n * sizeof(phr_str_t));

    if (n) {
        memcpy(all + into->n, s, n * sizeof(phr_str_t));
    }

    n += into->n;

    qsort(all, n, sizeof(phr_str_t), phr_name_cmp);

    for (i = 0, k = 0; i < n; i++) {
        if (k == 0 || !phr_str_eq(all[k - 1], all[i])) {
            all[k++] = all[i];
        }
    }

    into->s = all;
    into->n = k;

    return PHR_OK;
}


static int
phr_name_cmp(const void *a, const void *b)
{
    return phr_str_cmp(*(const phr_str_t *) a, *(const phr_str_t *) b);
}


static int
phr_names_answer(phr_call_t *c, phr_name_list_t *names, size_t limit,
    phr_err_t *err)
{
    size_t  i;

    if (limit != 0 && names->n > limit) {
        names->n = limit;
        names->truncated = 1;
    }

    if (names->truncated
        && phr_call_warn(c, phr_str_of("results truncated due to limit"))
           != PHR_OK)
    {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    phr_call_begin(c);
    phr_json_array(&c->json);

    for (i = 0; i < names->n; i++) {
        phr_json_string(&c->json, names->s[i]);
    }

    phr_json_end_array(&c->json);
    phr_call_end(c);

    return PHR_OK;
}
