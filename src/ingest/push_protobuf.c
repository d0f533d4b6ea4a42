/*
 * Copyright (C) The Pharos Authors
 *
 * Pushes in protobuf, the default of Prometheus's Go client.  They become
 * the series that the text format would give; exemplars and native buckets
 * are passed over.
 */

#include "ingest/push_impl.h"

#include <stdlib.h>
#include <strings.h>

#include "core/number.h"
#include "ingest/metric_protobuf.h"


/* one metric under way */
typedef struct {
    phr_push_state_t          *st;
    phr_push_family_t         *f;
    const phr_push_options_t  *o;
    phr_labels_t               grouping;
    phr_arena_t               *tmp;
    phr_metric_pb_t            metric;
    phr_err_t                 *err;
} phr_push_pb_metric_t;


static int phr_push_pb_rc(phr_push_pb_metric_t *m, int rc);
static int phr_push_pb_family(phr_push_pb_metric_t *m,
    const phr_family_pb_t *family, int64_t now_ms);
static int phr_push_pb_metrics(phr_push_pb_metric_t *m,
    phr_family_pb_t *family);
static int phr_push_pb_metric(phr_push_pb_metric_t *m);
static int phr_push_pb_part(void *data, const phr_part_pb_t *part);
static int phr_push_pb_bound(phr_push_pb_metric_t *m, double v, phr_str_t *s);
static int phr_push_pb_label_cmp(const void *a, const void *b);


int
phr_push_is_protobuf(phr_str_t content_type)
{
    size_t  i;

    if (!phr_metric_pb_is(content_type)) {
        return 0;
    }

    /* "encoding" may also be "text" or "compact-text" */

    for (i = 0; i + 9 <= content_type.len; i++) {
        if (strncasecmp(content_type.data + i, "delimited", 9) == 0) {
            return 1;
        }
    }

    return 0;
}


int
phr_push_protobuf_parse(phr_push_state_t *st, const phr_push_request_t *r,
    const phr_push_options_t *o, phr_labels_t grouping, phr_err_t *err)
{
    int                   rc;
    phr_protobuf_t        in;
    phr_family_pb_t       family;
    phr_push_pb_metric_t  m;

    memset(&m, 0, sizeof(phr_push_pb_metric_t));
    phr_array_init(&m.metric.pairs, sizeof(phr_label_t));

    m.st = st;
    m.o = o;
    m.grouping = grouping;
    m.err = err;

    m.tmp = phr_arena_create(0);
    if (m.tmp == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a push");
    }

    phr_protobuf_open(&in, r->body);

    for ( ;; ) {
        rc = phr_push_pb_rc(&m, phr_family_pb_next(&in, &family));
        if (rc != PHR_OK) {
            break;
        }

        rc = phr_push_pb_family(&m, &family, r->now_ms);

        if (rc == PHR_OK) {
            rc = phr_push_pb_metrics(&m, &family);
        }

        if (rc != PHR_OK && rc != PHR_DONE) {
            break;
        }
    }

    if (rc == PHR_DONE) {
        rc = PHR_OK;

    } else if (rc == PHR_ENOMEM) {
        phr_err_set(err, rc, "no memory for a push");
    }

    phr_array_free(&m.metric.pairs);
    phr_arena_destroy(m.tmp);

    return rc;
}


/* what was returned by a parser, with the reason why the body is refused */

static int
phr_push_pb_rc(phr_push_pb_metric_t *m, int rc)
{
    return rc != PHR_EPARSE ? rc
           : phr_err_set(m->err, rc, "malformed protobuf message");
}


/* PHR_DONE if the family is not to be read: ours to set, or empty */

static int
phr_push_pb_family(phr_push_pb_metric_t *m, const phr_family_pb_t *family,
    int64_t now_ms)
{
    phr_str_t           name;
    phr_push_family_t  *f;

    name = family->name;

    if (family->nmetrics == 0 || phr_str_eq(name, phr_str_of(PHR_PUSH_TIME))
        || phr_str_eq(name, phr_str_of(PHR_PUSH_FAILURE)))
    {
        return PHR_DONE;
    }

    f = phr_push_family(m->st, name);
    if (f == NULL) {
        return PHR_ENOMEM;
    }

    if (f->nseries != 0) {
        return phr_err_set(m->err, PHR_EPARSE, "metric family %.*s occurs "
                           "twice", (int) name.len, name.data);
    }

    f->type = family->type;
    f->t_ms = now_ms;
    f->help = phr_arena_str(m->st->arena, family->help);
    m->f = f;

    return f->help.data ? PHR_OK : phr_arena_rc(m->st->arena);
}


/* PHR_DONE when all are read */

static int
phr_push_pb_metrics(phr_push_pb_metric_t *m, phr_family_pb_t *family)
{
    int  rc;

    for ( ;; ) {
        rc = phr_push_pb_rc(m, phr_metric_pb_next(family, &m->metric));
        if (rc != PHR_OK) {
            break;
        }

        phr_arena_reset(m->tmp);

        rc = phr_push_pb_metric(m);
        if (rc != PHR_OK) {
            break;
        }

        if (m->o->max_series != 0 && m->st->nseries > m->o->max_series) {
            return phr_err_set(m->err, PHR_ELIMIT, "more than %zu series in "
                               "a group", m->o->max_series);
        }
    }

    return rc;
}


static int
phr_push_pb_metric(phr_push_pb_metric_t *m)
{
    if (m->metric.has_t) {
        return phr_err_set(m->err, PHR_EINVAL, "pushed metrics must not "
                           "have timestamps");
    }

    if (!m->metric.found) {
        return phr_err_set(m->err, PHR_EINVAL, "collected metric %.*s is not "
                           "a %s", (int) m->f->name.len, m->f->name.data,
                           phr_metric_type_text(m->f->type));
    }

    return phr_push_pb_rc(m, phr_metric_pb_parts(&m->metric,
                                                 phr_push_pb_part, m));
}


static int
phr_push_pb_part(void *data, const phr_part_pb_t *part)
{
    int                    rc;
    double                 v;
    char                  *name;
    size_t                 i, n;
    phr_label_t           *l;
    phr_labels_t           ls;
    phr_push_series_t     *s;
    phr_push_pb_metric_t  *m;

    m = data;
    n = m->metric.pairs.nelts;

    l = phr_arena_alloc(m->tmp, (n + 2) * sizeof(phr_label_t));
    name = phr_arena_printf(m->tmp, "%.*s%s", (int) m->f->name.len,
                            m->f->name.data, part->suffix);

    if (l == NULL || name == NULL) {
        return phr_arena_rc(m->tmp);
    }

    if (n != 0) {
        memcpy(l, m->metric.pairs.elts, n * sizeof(phr_label_t));
    }

    l[n].name = phr_str_of(PHR_METRIC_NAME);
    l[n].value = phr_str_from_c(name);
    n++;

    if (part->bound != NULL) {
        l[n].name = phr_str_from_c(part->bound);

        rc = phr_push_pb_bound(m, part->at, &l[n].value);
        if (rc != PHR_OK) {
            return rc;
        }

        n++;
    }

    qsort(l, n, sizeof(phr_label_t), phr_push_pb_label_cmp);

    for (i = 1; i < n; i++) {
        if (phr_str_eq(l[i - 1].name, l[i].name)) {
            return phr_err_set(m->err, PHR_EINVAL, "label name \"%.*s\" is "
                               "not unique", (int) l[i].name.len,
                               l[i].name.data);
        }
    }

    ls.l = l;
    ls.n = n;

    /* nobody ends a series by a push: what is no number is the usual NaN */

    v = part->v;

    if (v != v) {
        v = phr_double_from_bits(PHR_NORMAL_NAN_BITS);
    }

    rc = phr_push_series_add(m->st, m->f, ls, m->grouping, v, &s);

    if (rc == PHR_EDUPLICATE) {
        return phr_err_set(m->err, PHR_EINVAL, "collected metric %s was "
                           "collected before with the same name and label "
                           "values", name);
    }

    return rc;
}


static int
phr_push_pb_bound(phr_push_pb_metric_t *m, double v, phr_str_t *s)
{
    char    text[PHR_EXPO_BOUND];
    size_t  len;

    len = m->o->normalize ? phr_expo_bound_write(text, v)
                          : phr_number_write(text, v);

    *s = phr_arena_str(m->tmp, phr_str_from(text, len));

    return s->data ? PHR_OK : phr_arena_rc(m->tmp);
}


static int
phr_push_pb_label_cmp(const void *a, const void *b)
{
    return phr_str_cmp(((const phr_label_t *) a)->name,
                       ((const phr_label_t *) b)->name);
}
