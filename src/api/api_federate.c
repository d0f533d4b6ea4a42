/*
 * Copyright (C) The Pharos Authors
 *
 * /federate: the newest sample of each series that a selector matches, for
 * a Prometheus that scrapes this one.  As there, a series has no more than
 * one sample, not older than the lookback; what ended is left out; types
 * are not said; external labels are added where a series lacks them.  Native
 * histograms are in protobuf only, which is for who asks for it, but those of
 * custom buckets, which become classic ones in either.
 */

#include "api/call.h"

#include <stdlib.h>

#include "core/number.h"
#include "ingest/expo_write.h"
#include "ingest/metric_protobuf.h"
#include "ingest/metric_protobuf_write.h"


typedef struct {
    phr_labels_t   labels;
    phr_str_t      name;
    int64_t        t_ms;
    double         v;
    phr_hist_t    *h;           /* NULL: a float */
} phr_federated_t;

typedef struct {
    phr_federated_t  *s;
    size_t            n;
    size_t            nalloc;
    int               protobuf; /* is what is asked for */
} phr_federated_list_t;


static int phr_federate_collect(phr_call_t *c, phr_querier_t *q,
    const phr_matcher_list_t *m, phr_federated_list_t *list, phr_err_t *err);
static int phr_federate_add(phr_call_t *c, phr_federated_list_t *list,
    const phr_series_t *s, phr_err_t *err);
static int phr_federate_write(phr_call_t *c, phr_federated_list_t *list,
    phr_err_t *err);
static int phr_federate_text(phr_call_t *c, const phr_federated_list_t *list,
    phr_labels_t external, phr_err_t *err);
static int phr_federate_protobuf(phr_call_t *c,
    const phr_federated_list_t *list, phr_labels_t external, phr_err_t *err);
static int phr_federate_wants_protobuf(phr_str_t accept);
static double phr_federate_weight(phr_str_t range);
static int phr_federated_alike(const phr_federated_t *a,
    const phr_federated_t *b);
static int phr_federate_external(phr_call_t *c, phr_labels_t external,
    const phr_escape_t *escape, phr_labels_t *ls, phr_err_t *err);
static int phr_federated_cmp(const void *a, const void *b);


int
phr_api_federate(phr_call_t *c, phr_err_t *err)
{
    int                    rc;
    size_t                 i, n;
    phr_querier_t         *q;
    phr_matcher_list_t    *lists;
    phr_federated_list_t   list;

    rc = phr_call_selectors(c, &lists, &n, err);
    if (rc != PHR_OK) {
        return rc;
    }

    memset(&list, 0, sizeof(list));
    list.protobuf = phr_federate_wants_protobuf(c->req->accept);

    rc = c->api->storage->querier(c->api->storage, &q, err);

    if (rc == PHR_OK) {
        q->stop = c->req->stop;

        for (i = 0; i < n && rc == PHR_OK; i++) {
            rc = phr_federate_collect(c, q, &lists[i], &list, err);
        }

        if (rc == PHR_OK) {
            rc = phr_federate_write(c, &list, err);
        }

        q->ops->close(q);
    }

    phr_call_free_matchers(lists, n);

    return rc;
}


static int
phr_federate_collect(phr_call_t *c, phr_querier_t *q,
    const phr_matcher_list_t *m, phr_federated_list_t *list, phr_err_t *err)
{
    int                  rc;
    int64_t              now_ms;
    phr_series_t         s;
    phr_series_set_t    *set;
    phr_select_hints_t   hints;

    memset(&hints, 0, sizeof(hints));
    now_ms = c->req->now_ms;

    rc = q->ops->select(q, m->m, m->n, now_ms - c->api->limits.lookback_ms,
                        now_ms, &hints, c->arena, &set, err);

    while (rc == PHR_OK) {

        rc = phr_call_poll(c, "federation", err);
        if (rc < 0) {
            return rc;
        }

        rc = set->next(set, &s, err);

        if (rc == PHR_OK) {
            rc = phr_federate_add(c, list, &s, err);
        }
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


static int
phr_federate_add(phr_call_t *c, phr_federated_list_t *list,
    const phr_series_t *s, phr_err_t *err)
{
    size_t             nalloc;
    phr_federated_t   *grown, *f;
    const phr_hist_t  *h;

    if (s->n == 0 || phr_is_stale(s->v[s->n - 1])) {
        return PHR_OK;
    }

    h = s->h != NULL ? s->h[s->n - 1] : NULL;

    if (h != NULL && !list->protobuf && !phr_hist_is_custom(h)) {
        return PHR_OK;
    }

    if (list->n == c->api->limits.max_series) {
        return phr_err_set(err, PHR_ELIMIT, "more than %zu series, narrow "
                           "the matchers", list->n);
    }

    if (list->n == list->nalloc) {
        nalloc = phr_max(list->nalloc * 2, 64);
        grown = phr_arena_grow(c->arena, list->s,
                               list->nalloc * sizeof(phr_federated_t),
                               nalloc * sizeof(phr_federated_t));
        if (grown == NULL) {
            return phr_err_set(err, phr_arena_rc(c->arena),
                               "too many series");
        }

        list->s = grown;
        list->nalloc = nalloc;
    }

    f = &list->s[list->n];
    f->name = phr_labels_get(s->labels, phr_str_of(PHR_METRIC_NAME));

    /* there is no line for what has no name */

    if (f->name.len != 0) {
        f->labels = s->labels;
        f->t_ms = s->t_ms[s->n - 1];
        f->v = s->v[s->n - 1];
        f->h = NULL;
        list->n++;

        if (h != NULL) {
            f->h = phr_hist_copy(c->arena, h);

            if (f->h == NULL) {
                return phr_err_set(err, phr_arena_rc(c->arena),
                                   "too many series");
            }
        }
    }

    return PHR_OK;
}


static int
phr_federate_write(phr_call_t *c, phr_federated_list_t *list, phr_err_t *err)
{
    size_t        i, n;
    phr_labels_t  external;

    memset(&external, 0, sizeof(external));

    if (c->api->live->external_labels != NULL
        && c->api->live->external_labels(c->api->live_data, c->arena,
                                         &external)
           != PHR_OK)
    {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    if (list->n > 1) {
        qsort(list->s, list->n, sizeof(phr_federated_t), phr_federated_cmp);
    }

    /* two selectors may match the same series */

    for (i = 0, n = 0; i < list->n; i++) {
        if (n == 0
            || phr_labels_cmp(list->s[n - 1].labels, list->s[i].labels) != 0)
        {
            list->s[n++] = list->s[i];
        }
    }

    list->n = n;
    c->res->status = 200;

    return list->protobuf ? phr_federate_protobuf(c, list, external, err)
                          : phr_federate_text(c, list, external, err);
}


static int
phr_federate_text(phr_call_t *c, const phr_federated_list_t *list,
    phr_labels_t external, phr_err_t *err)
{
    int                 rc;
    size_t              i;
    phr_str_t           name;
    phr_labels_t        ls;
    phr_escape_t        escape;
    phr_federated_t    *f;
    phr_expo_writer_t   w;

    rc = phr_call_exposition(c, phr_expo_media_type(PHR_EXPO_TEXT), &escape);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "out of memory");
    }

    phr_expo_begin(&w, &c->res->body, PHR_EXPO_TEXT);

    for (i = 0; i < list->n; i++) {
        f = &list->s[i];

        ls = f->labels;

        rc = phr_federate_external(c, external, &escape, &ls, err);
        if (rc != PHR_OK) {
            return rc;
        }

        if (i == 0 || !phr_federated_alike(&f[-1], f)) {
            name = phr_labels_get(ls, phr_str_of(PHR_METRIC_NAME));
            phr_expo_family(&w, name, f->h != NULL ? PHR_METRIC_HISTOGRAM
                                                   : PHR_METRIC_UNKNOWN,
                            phr_str_of(""));
        }

        if (f->h != NULL) {
            phr_expo_series_hist(&w, ls, f->h, f->t_ms);
        } else {
            phr_expo_series(&w, ls, f->v, 1, f->t_ms);
        }

        rc = phr_call_stream(c, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    phr_expo_end(&w);

    return PHR_OK;
}


static int
phr_federate_protobuf(phr_call_t *c, const phr_federated_list_t *list,
    phr_labels_t external, phr_err_t *err)
{
    int                      rc;
    size_t                   i, k, n;
    phr_str_t                name;
    phr_label_t             *l;
    phr_labels_t             ls;
    phr_escape_t             escape;
    phr_federated_t         *f;
    phr_family_pb_writer_t   w;

    rc = phr_call_exposition(c, "application/vnd.google.protobuf; "
                             "proto=io.prometheus.client.MetricFamily; "
                             "encoding=delimited", &escape);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "out of memory");
    }

    phr_family_pb_begin(&w, &c->res->body);

    for (i = 0; i < list->n && rc == PHR_OK; i++) {
        f = &list->s[i];
        ls = f->labels;

        rc = phr_federate_external(c, external, &escape, &ls, err);
        if (rc != PHR_OK) {
            break;
        }

        name = phr_labels_get(ls, phr_str_of(PHR_METRIC_NAME));

        /* a copy that is ours to change: the name is the family's */

        l = (phr_label_t *) ls.l;

        for (k = 0, n = 0; k < ls.n; k++) {
            if (!phr_str_eq(l[k].name, phr_str_of(PHR_METRIC_NAME))) {
                l[n++] = l[k];
            }
        }

        ls.n = n;

        if (f->h != NULL) {
            phr_family_pb_hist(&w, name, ls, f->h, f->t_ms);
        } else {
            phr_family_pb_float(&w, name, ls, f->v, f->t_ms);
        }

        rc = phr_call_stream(c, err);
    }

    phr_family_pb_end(&w);

    return rc;
}


/* whether an Accept header prefers protobuf to text */

static int
phr_federate_wants_protobuf(phr_str_t accept)
{
    int         wanted;
    double      q, best;
    size_t      len;
    phr_str_t   range;
    const char  *comma;

    wanted = 0;
    best = 0;

    while (accept.len != 0) {

        comma = memchr(accept.data, ',', accept.len);
        len = comma != NULL ? (size_t) (comma - accept.data) : accept.len;
        range = phr_str_from(accept.data, len);

        accept.data += phr_min(len + 1, accept.len);
        accept.len -= phr_min(len + 1, accept.len);

        while (range.len != 0 && *range.data == ' ') {
            range.data++;
            range.len--;
        }

        q = phr_federate_weight(range);

        if (q <= best) {
            continue;
        }

        if (phr_metric_pb_is(range)
            && memmem(range.data, range.len, "delimited", 9) != NULL)
        {
            best = q;
            wanted = 1;

        } else if (range.len >= 5 && memcmp(range.data, "text/", 5) == 0) {
            best = q;
            wanted = 0;
        }
    }

    return wanted;
}


/* what follows "q=" */

static double
phr_federate_weight(phr_str_t range)
{
    double       q;
    size_t       n;
    const char  *p, *end;

    end = range.data + range.len;
    p = memmem(range.data, range.len, "q=", 2);

    if (p == NULL || p == range.data || (p[-1] != ';' && p[-1] != ' ')) {
        return 1;
    }

    p += 2;

    for (n = 0; p + n < end && p[n] != ';' && p[n] != ' '; n++) {
        /* void */
    }

    return phr_number_parse(p, n, &q) == PHR_OK ? q : 1;
}


/*
 * Adds external labels, and an empty instance where there is none, so that
 * the one who scrapes does not add its own; writes names as that one reads
 * them.  The set is no longer sorted.
 */

static int
phr_federate_external(phr_call_t *c, phr_labels_t external,
    const phr_escape_t *escape, phr_labels_t *ls, phr_err_t *err)
{
    size_t        i, n;
    phr_str_t     instance;
    phr_label_t  *l;

    instance = phr_str_of("instance");

    l = phr_arena_alloc(c->arena,
                        (ls->n + external.n + 1) * sizeof(phr_label_t));
    if (l == NULL) {
        return phr_err_set(err, phr_arena_rc(c->arena), "too many series");
    }

    memcpy(l, ls->l, ls->n * sizeof(phr_label_t));
    n = ls->n;

    for (i = 0; i < external.n; i++) {
        if (phr_labels_get(*ls, external.l[i].name).len == 0) {
            l[n++] = external.l[i];
        }
    }

    if (phr_labels_get(*ls, instance).len == 0
        && phr_labels_get(external, instance).len == 0)
    {
        l[n].name = instance;
        l[n++].value = phr_str_of("");
    }

    ls->l = l;
    ls->n = n;

    return phr_escape_labels(escape, ls) == PHR_OK
           ? PHR_OK : phr_err_set(err, phr_arena_rc(c->arena),
                                  "too many series");
}


/* whether both are of one family */

static int
phr_federated_alike(const phr_federated_t *a, const phr_federated_t *b)
{
    return phr_str_eq(a->name, b->name) && (a->h != NULL) == (b->h != NULL);
}


static int
phr_federated_cmp(const void *a, const void *b)
{
    int                     rc;
    const phr_federated_t  *x, *y;

    x = a;
    y = b;

    rc = phr_str_cmp(x->name, y->name);

    return rc ? rc : phr_labels_cmp(x->labels, y->labels);
}
