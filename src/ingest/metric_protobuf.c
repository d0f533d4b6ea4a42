/*
 * Copyright (C) The Pharos Authors
 *
 * Metric families in protobuf: see metric_protobuf.h.  Fields that are not
 * known here are passed over; one that is known with another kind of value
 * makes the body malformed.
 */

#include "ingest/metric_protobuf.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "core/utf8.h"


static int phr_metric_pb_label(phr_array_t *pairs, phr_str_t message);
static int phr_metric_pb_totals(const phr_metric_pb_t *m, double *count,
    double *sum);
static int phr_metric_pb_seconds(phr_str_t message, int64_t part[2]);
static int phr_metric_pb_value(const phr_metric_pb_t *m, phr_part_pb_t *p);
static int phr_metric_pb_buckets(const phr_metric_pb_t *m, double count,
    phr_part_pb_pt part, void *data);
static int phr_metric_pb_part(const phr_metric_pb_t *m, phr_str_t message,
    phr_part_pb_t *p);
static int phr_exemplar_pb_time(phr_str_t message, int64_t *t_ms);
static int phr_exemplar_pb_cmp(const void *a, const void *b);
static int phr_metric_pb_count(const phr_protobuf_field_t *f, double *whole,
    double *real);
static int phr_metric_pb_wire(const phr_protobuf_field_t *f, unsigned wire);


/* of a point in time: those of the year 9999 */
#define PHR_METRIC_PB_SECONDS  INT64_C(253402300799)


/* by number of the type: the field of a metric that has its value */
static const struct {
    phr_metric_type_e   type;
    unsigned            field;
} phr_metric_pb_types[] = {
    { PHR_METRIC_COUNTER,        3 },
    { PHR_METRIC_GAUGE,          2 },
    { PHR_METRIC_SUMMARY,        4 },
    { PHR_METRIC_UNKNOWN,        5 },
    { PHR_METRIC_HISTOGRAM,      7 },
    { PHR_METRIC_GAUGEHISTOGRAM, 7 },
};


int
phr_metric_pb_is(phr_str_t content_type)
{
    static const phr_str_t  type = phr_str("application/vnd.google.protobuf");

    return content_type.len >= type.len
           && strncasecmp(content_type.data, type.data, type.len) == 0
           && (content_type.len == type.len
               || strchr("; \t", content_type.data[type.len]) != NULL);
}


int
phr_family_pb_next(phr_protobuf_t *in, phr_family_pb_t *family)
{
    int                    rc;
    uint64_t               type;
    phr_str_t              message;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    if (in->p == in->end) {
        return PHR_DONE;
    }

    if (phr_protobuf_bytes(in, &message) != PHR_OK) {
        return PHR_EPARSE;
    }

    memset(family, 0, sizeof(phr_family_pb_t));
    family->name = phr_str_of("");
    family->help = phr_str_of("");
    family->unit = phr_str_of("");
    type = 0;

    phr_protobuf_open(&r, message);
    family->rest = r;

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        switch (f.field) {

        case 1:
            rc = phr_metric_pb_wire(&f, PHR_PROTOBUF_BYTES);
            family->name = f.bytes;
            break;

        case 2:
            rc = phr_metric_pb_wire(&f, PHR_PROTOBUF_BYTES);
            family->help = f.bytes;
            break;

        case 3:
            rc = phr_metric_pb_wire(&f, PHR_PROTOBUF_VARINT);
            type = f.bits;
            break;

        case 4:
            family->nmetrics += f.wire == PHR_PROTOBUF_BYTES;
            break;

        case 5:
            rc = phr_metric_pb_wire(&f, PHR_PROTOBUF_BYTES);
            family->unit = f.bytes;
            break;
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (rc != PHR_DONE || type >= phr_nelems(phr_metric_pb_types)
        || family->name.len == 0
        || !phr_utf8_valid(family->name.data, family->name.len)
        || !phr_utf8_valid(family->help.data, family->help.len)
        || !phr_utf8_valid(family->unit.data, family->unit.len))
    {
        return PHR_EPARSE;
    }

    family->type = phr_metric_pb_types[type].type;

    return PHR_OK;
}


int
phr_metric_pb_next(phr_family_pb_t *family, phr_metric_pb_t *m)
{
    int                    rc;
    size_t                 i;
    unsigned               field;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    do {
        rc = phr_protobuf_next(&family->rest, &f);
        if (rc != PHR_OK) {
            return rc;
        }
    } while (f.field != 4 || f.wire != PHR_PROTOBUF_BYTES);

    for (i = 0; phr_metric_pb_types[i].type != family->type; i++) {
        /* void */
    }

    field = phr_metric_pb_types[i].field;
    m->pairs.nelts = 0;
    m->type = family->type;
    m->value = phr_str_of("");
    m->t_ms = 0;
    m->found = 0;
    m->has_t = 0;

    phr_protobuf_open(&r, f.bytes);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field == 1) {
            rc = phr_metric_pb_wire(&f, PHR_PROTOBUF_BYTES);

            if (rc == PHR_OK) {
                rc = phr_metric_pb_label(&m->pairs, f.bytes);
            }

        } else if (f.field == 6) {
            rc = phr_metric_pb_wire(&f, PHR_PROTOBUF_VARINT);
            m->t_ms = (int64_t) f.bits;
            m->has_t = 1;

        } else if (f.field == field) {
            rc = phr_metric_pb_wire(&f, PHR_PROTOBUF_BYTES);
            m->value = f.bytes;
            m->found = 1;
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


static int
phr_metric_pb_label(phr_array_t *pairs, phr_str_t message)
{
    int                    rc;
    phr_label_t           *l;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    l = phr_array_push(pairs);
    if (l == NULL) {
        return PHR_ENOMEM;
    }

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

        if (f.field == 1) {
            l->name = f.bytes;

        } else {
            l->value = f.bytes;
        }
    }

    return rc == PHR_DONE && l->name.len != 0
           && phr_utf8_valid(l->name.data, l->name.len)
           && phr_utf8_valid(l->value.data, l->value.len)
           ? PHR_OK : PHR_EPARSE;
}


int
phr_metric_pb_start(const phr_metric_pb_t *m, int64_t *st_ms)
{
    int                    rc;
    int64_t                part[2];
    unsigned               field;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    *st_ms = 0;

    field = m->type == PHR_METRIC_COUNTER ? 3
            : m->type == PHR_METRIC_SUMMARY ? 4
            : m->type == PHR_METRIC_HISTOGRAM
              || m->type == PHR_METRIC_GAUGEHISTOGRAM ? 15 : 0;

    phr_protobuf_open(&r, m->value);

    while (field != 0 && (rc = phr_protobuf_next(&r, &f)) != PHR_DONE) {

        if (rc != PHR_OK) {
            return rc;
        }

        if (f.field != field) {
            continue;
        }

        if (f.wire != PHR_PROTOBUF_BYTES
            || phr_metric_pb_seconds(f.bytes, part) != PHR_OK)
        {
            return PHR_EPARSE;
        }

        *st_ms = part[0] * 1000 + part[1] / 1000000;
    }

    return PHR_OK;
}


/* seconds, none beyond all calendars, and nanoseconds */

static int
phr_metric_pb_seconds(phr_str_t message, int64_t part[2])
{
    int                    rc;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    part[0] = 0;
    part[1] = 0;

    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field != 1 && f.field != 2) {
            continue;
        }

        if (f.wire != PHR_PROTOBUF_VARINT
            || (int64_t) f.bits < -PHR_METRIC_PB_SECONDS
            || (int64_t) f.bits > PHR_METRIC_PB_SECONDS)
        {
            return PHR_EPARSE;
        }

        part[f.field - 1] = (int64_t) f.bits;
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


int
phr_metric_pb_parts(const phr_metric_pb_t *m, phr_part_pb_pt part, void *data)
{
    int            rc;
    double         count;
    phr_part_pb_t  p;

    memset(&p, 0, sizeof(p));
    p.exemplar = phr_str_of("");
    p.suffix = "";

    switch (m->type) {

    case PHR_METRIC_SUMMARY:
    case PHR_METRIC_HISTOGRAM:
    case PHR_METRIC_GAUGEHISTOGRAM:
        break;

    default:
        rc = phr_metric_pb_value(m, &p);

        return rc == PHR_OK ? part(data, &p) : rc;
    }

    rc = phr_metric_pb_totals(m, &count, &p.v);

    if (rc == PHR_OK) {
        p.suffix = "_sum";
        rc = part(data, &p);
    }

    if (rc == PHR_OK) {
        p.suffix = "_count";
        p.v = count;
        rc = part(data, &p);
    }

    return rc == PHR_OK ? phr_metric_pb_buckets(m, count, part, data) : rc;
}


/* those of a summary are quantiles */

static int
phr_metric_pb_buckets(const phr_metric_pb_t *m, double count,
    phr_part_pb_pt part, void *data)
{
    int                    rc, is_summary;
    phr_part_pb_t          p;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    is_summary = m->type == PHR_METRIC_SUMMARY;
    p.bound = is_summary ? "quantile" : "le";
    p.suffix = is_summary ? "" : "_bucket";

    phr_protobuf_open(&r, m->value);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field != 3) {
            continue;
        }

        if (f.wire != PHR_PROTOBUF_BYTES
            || phr_metric_pb_part(m, f.bytes, &p) != PHR_OK)
        {
            return PHR_EPARSE;
        }

        rc = part(data, &p);

        if (rc != PHR_OK || (!is_summary && isinf(p.at) && p.at > 0)) {
            return rc;
        }
    }

    if (rc != PHR_DONE || is_summary) {
        return rc == PHR_DONE ? PHR_OK : rc;
    }

    p.at = INFINITY;
    p.v = count;
    p.exemplar = phr_str_of("");

    return part(data, &p);
}


/* of a counter, gauge or unknown */

static int
phr_metric_pb_value(const phr_metric_pb_t *m, phr_part_pb_t *p)
{
    int                    rc;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    phr_protobuf_open(&r, m->value);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field == 1) {
            if (f.wire != PHR_PROTOBUF_FIXED64) {
                return PHR_EPARSE;
            }

            p->v = phr_double_from_bits(f.bits);

        } else if (f.field == 2 && m->type == PHR_METRIC_COUNTER) {
            p->exemplar = f.bytes;
        }
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


static int
phr_metric_pb_totals(const phr_metric_pb_t *m, double *count, double *sum)
{
    int                    rc;
    double                 real;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    *count = 0;
    *sum = 0;
    real = 0;

    phr_protobuf_open(&r, m->value);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field == 1 || (f.field == 4 && m->type != PHR_METRIC_SUMMARY)) {
            rc = phr_metric_pb_count(&f, count, &real);

        } else if (f.field == 2) {
            rc = phr_metric_pb_wire(&f, PHR_PROTOBUF_FIXED64);
            *sum = phr_double_from_bits(f.bits);
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (real > 0) {
        *count = real;
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


/* a bucket or a quantile */

static int
phr_metric_pb_part(const phr_metric_pb_t *m, phr_str_t message,
    phr_part_pb_t *p)
{
    int                    rc, is_bucket;
    double                 first, second, real;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    is_bucket = m->type != PHR_METRIC_SUMMARY;
    first = 0;
    second = 0;
    real = 0;
    p->exemplar = phr_str_of("");

    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (is_bucket && (f.field == 1 || f.field == 4)) {
            rc = phr_metric_pb_count(&f, &first, &real);

        } else if (f.field == 1 || f.field == 2) {
            rc = phr_metric_pb_wire(&f, PHR_PROTOBUF_FIXED64);
            *(f.field == 1 ? &first : &second) = phr_double_from_bits(f.bits);

        } else if (f.field == 3 && is_bucket) {
            p->exemplar = f.bytes;
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    p->at = is_bucket ? second : first;
    p->v = is_bucket ? (real > 0 ? real : first) : second;

    return rc == PHR_DONE ? PHR_OK : rc;
}


/* fields 1 and 4 of histograms and their buckets: a float is the count */

static int
phr_metric_pb_count(const phr_protobuf_field_t *f, double *whole,
    double *real)
{
    if (f->field == 1) {
        *whole = (double) f->bits;
        return phr_metric_pb_wire(f, PHR_PROTOBUF_VARINT);
    }

    *real = phr_double_from_bits(f->bits);

    return phr_metric_pb_wire(f, PHR_PROTOBUF_FIXED64);
}


static int
phr_metric_pb_wire(const phr_protobuf_field_t *f, unsigned wire)
{
    return f->wire == wire ? PHR_OK : PHR_EPARSE;
}


int
phr_metric_pb_is_classic(const phr_metric_pb_t *m)
{
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    phr_protobuf_open(&r, m->value);

    while (phr_protobuf_next(&r, &f) == PHR_OK) {
        if (f.field == 3) {
            return 1;
        }
    }

    return 0;
}


int
phr_metric_pb_exemplars(const phr_metric_pb_t *m,
    int (*exemplar)(void *data, phr_str_t message), void *data)
{
    int                    rc, own;
    phr_part_pb_t          p;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    own = 0;
    phr_protobuf_open(&r, m->value);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field == 16 && f.wire == PHR_PROTOBUF_BYTES) {
            own = 1;
            rc = exemplar(data, f.bytes);
            if (rc != PHR_OK) {
                return rc;
            }
        }
    }

    phr_protobuf_open(&r, m->value);

    while (!own && rc == PHR_DONE
           && (rc = phr_protobuf_next(&r, &f)) == PHR_OK)
    {
        rc = PHR_DONE;

        if (f.field != 3) {
            continue;
        }

        if (phr_metric_pb_part(m, f.bytes, &p) != PHR_OK) {
            return PHR_EPARSE;
        }

        if (p.exemplar.len != 0 && exemplar(data, p.exemplar) != PHR_OK) {
            return PHR_ENOMEM;
        }
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


int
phr_exemplar_pb_read(phr_arena_t *arena, phr_str_t message,
    phr_exemplar_t *e)
{
    int                    rc;
    phr_array_t            pairs;
    phr_labels_t           ls;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    memset(e, 0, sizeof(phr_exemplar_t));
    phr_array_init(&pairs, sizeof(phr_label_t));
    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field == 2) {
            rc = phr_metric_pb_wire(&f, PHR_PROTOBUF_FIXED64);
            e->v = phr_double_from_bits(f.bits);

        } else if (f.field == 1 || f.field == 3) {
            rc = phr_metric_pb_wire(&f, PHR_PROTOBUF_BYTES);

            if (rc == PHR_OK) {
                rc = f.field == 1 ? phr_metric_pb_label(&pairs, f.bytes)
                                  : phr_exemplar_pb_time(f.bytes, &e->t_ms);
            }

            e->has_t |= f.field == 3;
        }

        if (rc != PHR_OK) {
            break;
        }
    }

    if (rc == PHR_DONE) {
        qsort(pairs.elts ? pairs.elts : &ls, pairs.nelts,
              sizeof(phr_label_t), phr_exemplar_pb_cmp);
        ls.l = pairs.elts;
        ls.n = pairs.nelts;
        rc = phr_labels_copy(arena, ls, &e->labels);
    }

    phr_array_free(&pairs);

    return rc;
}


/* a google.protobuf.Timestamp */

static int
phr_exemplar_pb_time(phr_str_t message, int64_t *t_ms)
{
    int                    rc;
    int64_t                s, ns;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    s = 0;
    ns = 0;
    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field == 1) {
            s = (int64_t) f.bits;

        } else if (f.field == 2) {
            ns = (int32_t) f.bits;
        }
    }

    if (rc != PHR_DONE || s > INT64_MAX / 1000 - 3000
        || s < INT64_MIN / 1000 + 3000)
    {
        return PHR_EPARSE;
    }

    *t_ms = s * 1000 + ns / 1000000;

    return PHR_OK;
}


static int
phr_exemplar_pb_cmp(const void *a, const void *b)
{
    return phr_str_cmp(((const phr_label_t *) a)->name,
                       ((const phr_label_t *) b)->name);
}
