/*
 * Copyright (C) The Pharos Authors
 *
 * Pushes in protobuf, the default of Prometheus's Go client: a sequence of
 * io.prometheus.client.MetricFamily messages, each with its length as a
 * varint in front.  They become the series that the text format would
 * give; exemplars and native buckets are passed over.
 */

#include "ingest/push_impl.h"

#include <stdlib.h>
#include <strings.h>

#include "core/number.h"
#include "core/protobuf.h"
#include "core/utf8.h"


/* one metric under way */
typedef struct {
    phr_push_state_t          *st;
    phr_push_family_t         *f;
    const phr_push_options_t  *o;
    phr_labels_t               grouping;
    phr_arena_t               *tmp;
    phr_label_t               *l;       /* its labels, with room for two */
    size_t                     n;
    phr_err_t                 *err;
} phr_push_pb_metric_t;


static double phr_push_pb_number(const phr_protobuf_field_t *f);
static int phr_push_pb_family(phr_push_pb_metric_t *m, phr_str_t message,
    int64_t now_ms);
static int phr_push_pb_family_head(phr_push_pb_metric_t *m, phr_str_t message,
    int64_t now_ms);
static int phr_push_pb_metric(phr_push_pb_metric_t *m, phr_str_t message);
static int phr_push_pb_label(phr_push_pb_metric_t *m, phr_str_t message);
static int phr_push_pb_value(phr_push_pb_metric_t *m, phr_str_t message);
static int phr_push_pb_parts(phr_push_pb_metric_t *m, phr_str_t message);
static int phr_push_pb_part(phr_push_pb_metric_t *m, phr_str_t message,
    int *infinite);
static int phr_push_pb_add(phr_push_pb_metric_t *m, const char *suffix,
    const char *bound, double at, double v);
static int phr_push_pb_bound(phr_push_pb_metric_t *m, double v, phr_str_t *s);
static int phr_push_pb_damaged(phr_err_t *err);
static int phr_push_pb_label_cmp(const void *a, const void *b);


/* by the type of the family: the field of a metric that has its value */
static const struct {
    phr_metric_type_e   type;
    unsigned            field;
} phr_push_pb_types[] = {
    { PHR_METRIC_COUNTER,        3 },
    { PHR_METRIC_GAUGE,          2 },
    { PHR_METRIC_SUMMARY,        4 },
    { PHR_METRIC_UNKNOWN,        5 },
    { PHR_METRIC_HISTOGRAM,      7 },
    { PHR_METRIC_GAUGEHISTOGRAM, 7 },
};


int
phr_push_is_protobuf(phr_str_t content_type)
{
    size_t  i;

    static const phr_str_t  type = phr_str("application/vnd.google.protobuf");

    if (content_type.len < type.len
        || strncasecmp(content_type.data, type.data, type.len) != 0)
    {
        return 0;
    }

    /* "encoding" may also be "text" or "compact-text" */

    for (i = type.len; i + 9 <= content_type.len; i++) {
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
    uint64_t              len;
    phr_protobuf_t         in;
    phr_push_pb_metric_t  m;

    memset(&m, 0, sizeof(phr_push_pb_metric_t));

    m.st = st;
    m.o = o;
    m.grouping = grouping;
    m.err = err;

    m.tmp = phr_arena_create(0);
    if (m.tmp == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a push");
    }

    phr_protobuf_open(&in, r->body);
    rc = PHR_OK;

    while (in.p < in.end && rc == PHR_OK) {

        if (phr_get_uvarint(&in.p, in.end, &len) != PHR_OK
            || len > (uint64_t) (in.end - in.p))
        {
            rc = phr_push_pb_damaged(err);
            break;
        }

        rc = phr_push_pb_family(&m, phr_str_from((const char *) in.p,
                                            (size_t) len), r->now_ms);
        in.p += len;
    }

    if (rc == PHR_ENOMEM) {
        phr_err_set(err, rc, "no memory for a push");
    }

    phr_arena_destroy(m.tmp);

    return rc;
}


/* counts are varints, values are doubles */

static double
phr_push_pb_number(const phr_protobuf_field_t *f)
{
    double  v;

    if (f->wire == PHR_PROTOBUF_VARINT) {
        return (double) f->bits;
    }

    v = phr_double_from_bits(f->bits);

    return v != v ? phr_double_from_bits(PHR_NORMAL_NAN_BITS) : v;
}


static int
phr_push_pb_family(phr_push_pb_metric_t *m, phr_str_t message, int64_t now_ms)
{
    int                  rc;
    phr_protobuf_t        r;
    phr_protobuf_field_t  f;

    rc = phr_push_pb_family_head(m, message, now_ms);
    if (rc != PHR_OK) {
        return rc == PHR_DONE ? PHR_OK : rc;
    }

    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field != 4 || f.wire != PHR_PROTOBUF_BYTES) {
            continue;
        }

        phr_arena_reset(m->tmp);

        rc = phr_push_pb_metric(m, f.bytes);
        if (rc != PHR_OK) {
            return rc;
        }

        if (m->o->max_series != 0 && m->st->nseries > m->o->max_series) {
            return phr_err_set(m->err, PHR_ELIMIT, "more than %zu series in "
                               "a group", m->o->max_series);
        }
    }

    return rc == PHR_DONE ? PHR_OK : phr_push_pb_damaged(m->err);
}


/* PHR_DONE if the family is not to be read: ours to set, or empty */

static int
phr_push_pb_family_head(phr_push_pb_metric_t *m, phr_str_t message,
    int64_t now_ms)
{
    int                  rc;
    size_t               metrics;
    uint64_t             type;
    phr_protobuf_t        r;
    phr_str_t            name, help;
    phr_protobuf_field_t  f;
    phr_push_family_t   *family;

    name = phr_str_of("");
    help = phr_str_of("");
    type = 0;
    metrics = 0;

    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        switch (f.field) {

        case 1:
            name = f.bytes;
            break;

        case 2:
            help = f.bytes;
            break;

        case 3:
            type = f.bits;
            break;

        case 4:
            metrics += f.wire == PHR_PROTOBUF_BYTES;
            break;
        }
    }

    if (rc != PHR_DONE || type >= phr_nelems(phr_push_pb_types) || name.len == 0
        || !phr_utf8_valid(name.data, name.len)
        || !phr_utf8_valid(help.data, help.len))
    {
        return phr_push_pb_damaged(m->err);
    }

    if (metrics == 0 || phr_str_eq(name, phr_str_of(PHR_PUSH_TIME))
        || phr_str_eq(name, phr_str_of(PHR_PUSH_FAILURE)))
    {
        return PHR_DONE;
    }

    family = phr_push_family(m->st, name);
    if (family == NULL) {
        return PHR_ENOMEM;
    }

    if (family->nseries != 0) {
        return phr_err_set(m->err, PHR_EPARSE, "metric family %.*s occurs "
                           "twice", (int) name.len, name.data);
    }

    family->type = phr_push_pb_types[type].type;
    family->t_ms = now_ms;
    family->help = phr_arena_str(m->st->arena, help);
    m->f = family;

    return family->help.data ? PHR_OK : phr_arena_rc(m->st->arena);
}


static int
phr_push_pb_metric(phr_push_pb_metric_t *m, phr_str_t message)
{
    int                  rc, found;
    size_t               i, n;
    phr_protobuf_t        r;
    phr_str_t            value;
    phr_protobuf_field_t  f;

    n = 3;
    found = 0;
    value = phr_str_of("");

    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        n += f.field == 1;

        if (f.field == 6) {
            return phr_err_set(m->err, PHR_EINVAL, "pushed metrics must not "
                               "have timestamps");
        }

        for (i = 0; i < phr_nelems(phr_push_pb_types); i++) {
            if (phr_push_pb_types[i].type == m->f->type
                && phr_push_pb_types[i].field == f.field
                && f.wire == PHR_PROTOBUF_BYTES)
            {
                value = f.bytes;
                found = 1;
            }
        }
    }

    if (rc != PHR_DONE) {
        return phr_push_pb_damaged(m->err);
    }

    if (!found) {
        return phr_err_set(m->err, PHR_EINVAL, "collected metric %.*s is not "
                           "a %s", (int) m->f->name.len, m->f->name.data,
                           phr_metric_type_text(m->f->type));
    }

    m->n = 0;
    m->l = phr_arena_alloc(m->tmp, n * sizeof(phr_label_t));
    if (m->l == NULL) {
        return phr_arena_rc(m->tmp);
    }

    phr_protobuf_open(&r, message);

    while (phr_protobuf_next(&r, &f) == PHR_OK) {

        if (f.field == 1) {
            rc = phr_push_pb_label(m, f.bytes);
            if (rc != PHR_OK) {
                return rc;
            }
        }
    }

    switch (m->f->type) {

    case PHR_METRIC_SUMMARY:
    case PHR_METRIC_HISTOGRAM:
    case PHR_METRIC_GAUGEHISTOGRAM:
        return phr_push_pb_parts(m, value);

    default:
        return phr_push_pb_value(m, value);
    }
}


static int
phr_push_pb_label(phr_push_pb_metric_t *m, phr_str_t message)
{
    int                  rc;
    phr_protobuf_t        r;
    phr_label_t          l;
    phr_protobuf_field_t  f;

    l.name = phr_str_of("");
    l.value = phr_str_of("");

    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field == 1) {
            l.name = f.bytes;

        } else if (f.field == 2) {
            l.value = f.bytes;
        }
    }

    if (rc != PHR_DONE || l.name.len == 0
        || phr_str_eq(l.name, phr_str_of(PHR_METRIC_NAME))
        || !phr_utf8_valid(l.name.data, l.name.len)
        || !phr_utf8_valid(l.value.data, l.value.len))
    {
        return phr_push_pb_damaged(m->err);
    }

    m->l[m->n++] = l;

    return PHR_OK;
}


static int
phr_push_pb_value(phr_push_pb_metric_t *m, phr_str_t message)
{
    double               v;
    phr_protobuf_t        r;
    phr_protobuf_field_t  f;

    v = 0;
    phr_protobuf_open(&r, message);

    while (phr_protobuf_next(&r, &f) == PHR_OK) {
        if (f.field == 1) {
            v = phr_push_pb_number(&f);
        }
    }

    if (r.p != r.end) {
        return phr_push_pb_damaged(m->err);
    }

    return phr_push_pb_add(m, "", NULL, 0, v);
}


/* histograms and summaries: count, sum, and buckets or quantiles */

static int
phr_push_pb_parts(phr_push_pb_metric_t *m, phr_str_t message)
{
    int                  rc, infinite;
    double               sum, count;
    phr_protobuf_t        r;
    phr_protobuf_field_t  f;

    sum = 0;
    count = 0;
    infinite = 0;

    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field == 1 || (f.field == 4 && f.wire == PHR_PROTOBUF_FIXED64)) {
            count = phr_push_pb_number(&f);

        } else if (f.field == 2) {
            sum = phr_push_pb_number(&f);

        } else if (f.field == 3 && f.wire == PHR_PROTOBUF_BYTES) {
            rc = phr_push_pb_part(m, f.bytes, &infinite);
            if (rc != PHR_OK) {
                return rc;
            }
        }
    }

    if (rc != PHR_DONE) {
        return phr_push_pb_damaged(m->err);
    }

    rc = PHR_OK;

    if (m->f->type != PHR_METRIC_SUMMARY && !infinite) {
        rc = phr_push_pb_add(m, "_bucket", "le",
                        phr_double_from_bits(0x7ff0000000000000ULL), count);
    }

    if (rc == PHR_OK) {
        rc = phr_push_pb_add(m, "_sum", NULL, 0, sum);
    }

    return rc == PHR_OK ? phr_push_pb_add(m, "_count", NULL, 0, count) : rc;
}


static int
phr_push_pb_part(phr_push_pb_metric_t *m, phr_str_t message, int *infinite)
{
    int                  rc;
    double               first, second;
    phr_protobuf_t        r;
    phr_protobuf_field_t  f;

    first = 0;
    second = 0;

    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field == 1 || (f.field == 4 && f.wire == PHR_PROTOBUF_FIXED64)) {
            first = phr_push_pb_number(&f);

        } else if (f.field == 2) {
            second = phr_push_pb_number(&f);
        }
    }

    if (rc != PHR_DONE) {
        return phr_push_pb_damaged(m->err);
    }

    if (m->f->type == PHR_METRIC_SUMMARY) {
        return phr_push_pb_add(m, "", "quantile", first, second);
    }

    *infinite |= phr_double_bits(second) == 0x7ff0000000000000ULL;

    return phr_push_pb_add(m, "_bucket", "le", second, first);
}


static int
phr_push_pb_add(phr_push_pb_metric_t *m, const char *suffix, const char *bound,
    double at, double v)
{
    int                rc;
    char              *name;
    size_t             i, n;
    phr_label_t       *l;
    phr_labels_t       ls;
    phr_push_series_t *s;

    l = phr_arena_alloc(m->tmp, (m->n + 2) * sizeof(phr_label_t));
    name = phr_arena_printf(m->tmp, "%.*s%s", (int) m->f->name.len,
                            m->f->name.data, suffix);

    if (l == NULL || name == NULL) {
        return phr_arena_rc(m->tmp);
    }

    n = m->n;
    memcpy(l, m->l, n * sizeof(phr_label_t));

    l[n].name = phr_str_of(PHR_METRIC_NAME);
    l[n].value = phr_str_from_c(name);
    n++;

    if (bound != NULL) {
        l[n].name = phr_str_from_c(bound);

        rc = phr_push_pb_bound(m, at, &l[n].value);
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
    char    text[PHR_NUMBER_LEN + 2];
    size_t  len;

    len = phr_number_write(text, v);

    if (m->o->normalize && v - v == 0 && memchr(text, '.', len) == NULL
        && memchr(text, 'e', len) == NULL)
    {
        text[len++] = '.';
        text[len++] = '0';
    }

    *s = phr_arena_str(m->tmp, phr_str_from(text, len));

    return s->data ? PHR_OK : phr_arena_rc(m->tmp);
}


static int
phr_push_pb_damaged(phr_err_t *err)
{
    return phr_err_set(err, PHR_EPARSE, "malformed protobuf message");
}


static int
phr_push_pb_label_cmp(const void *a, const void *b)
{
    return phr_str_cmp(((const phr_label_t *) a)->name,
                       ((const phr_label_t *) b)->name);
}
