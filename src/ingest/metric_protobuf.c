/*
 * Copyright (C) The Pharos Authors
 *
 * Metric families in protobuf: see metric_protobuf.h.  Fields that are not
 * known here are passed over; one that is known with another kind of value
 * makes the body malformed.
 */

#include "ingest/metric_protobuf.h"

#include <math.h>
#include <strings.h>

#include "core/utf8.h"


static int phr_metric_pb_label(phr_metric_pb_t *m, phr_str_t message);
static int phr_metric_pb_totals(const phr_metric_pb_t *m, double *count,
    double *sum);
static int phr_metric_pb_part(const phr_metric_pb_t *m, phr_str_t message,
    double *at, double *v);
static int phr_metric_pb_count(const phr_protobuf_field_t *f, double *whole,
    double *real);
static int phr_metric_pb_wire(const phr_protobuf_field_t *f, unsigned wire);


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
                rc = phr_metric_pb_label(m, f.bytes);
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
phr_metric_pb_label(phr_metric_pb_t *m, phr_str_t message)
{
    int                    rc;
    phr_label_t           *l;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    l = phr_array_push(&m->pairs);
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
phr_metric_pb_value(const phr_metric_pb_t *m, double *v)
{
    int                    rc;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    *v = 0;
    phr_protobuf_open(&r, m->value);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field == 1) {
            if (f.wire != PHR_PROTOBUF_FIXED64) {
                return PHR_EPARSE;
            }

            *v = phr_double_from_bits(f.bits);
        }
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


int
phr_metric_pb_parts(const phr_metric_pb_t *m,
    int (*part)(void *data, const char *suffix, const char *bound, double at,
                double v),
    void *data)
{
    int                    rc, is_summary;
    double                 at, v, sum, count;
    const char            *bound, *suffix;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    is_summary = m->type == PHR_METRIC_SUMMARY;
    bound = is_summary ? "quantile" : "le";
    suffix = is_summary ? "" : "_bucket";

    rc = phr_metric_pb_totals(m, &count, &sum);

    if (rc == PHR_OK) {
        rc = part(data, "_count", NULL, 0, count);
    }

    if (rc == PHR_OK) {
        rc = part(data, "_sum", NULL, 0, sum);
    }

    phr_protobuf_open(&r, m->value);

    while (rc == PHR_OK && (rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (f.field != 3) {
            continue;
        }

        if (f.wire != PHR_PROTOBUF_BYTES
            || phr_metric_pb_part(m, f.bytes, &at, &v) != PHR_OK)
        {
            return PHR_EPARSE;
        }

        rc = part(data, suffix, bound, at, v);

        if (!is_summary && isinf(at) && at > 0) {
            return rc;
        }
    }

    if (rc != PHR_DONE) {
        return rc;
    }

    return is_summary ? PHR_OK : part(data, suffix, bound, INFINITY, count);
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
phr_metric_pb_part(const phr_metric_pb_t *m, phr_str_t message, double *at,
    double *v)
{
    int                    rc, is_bucket;
    double                 first, second, real;
    phr_protobuf_t         r;
    phr_protobuf_field_t   f;

    is_bucket = m->type != PHR_METRIC_SUMMARY;
    first = 0;
    second = 0;
    real = 0;

    phr_protobuf_open(&r, message);

    while ((rc = phr_protobuf_next(&r, &f)) == PHR_OK) {

        if (is_bucket && (f.field == 1 || f.field == 4)) {
            rc = phr_metric_pb_count(&f, &first, &real);

        } else if (f.field == 1 || f.field == 2) {
            rc = phr_metric_pb_wire(&f, PHR_PROTOBUF_FIXED64);
            *(f.field == 1 ? &first : &second) = phr_double_from_bits(f.bits);
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    *at = is_bucket ? second : first;
    *v = is_bucket ? (real > 0 ? real : first) : second;

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
