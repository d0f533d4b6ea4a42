/*
 * Copyright (C) The Pharos Authors
 *
 * Lines, protobuf: delimited MetricFamily messages become lines.  Which
 * series come of a histogram is decided as Prometheus does: the native part
 * of one that has it, and the classic part if that is asked for or if there
 * is no other.
 */

#include "ingest/lines.h"

#include <math.h>

#include "ingest/hist_protobuf.h"
#include "ingest/metric_protobuf.h"


typedef struct {
    phr_lines_t        *k;
    phr_family_pb_t    family;
    phr_metric_pb_t    metric;
} phr_lines_pb_t;


static int phr_lines_pb_family(phr_lines_pb_t *b);
static int phr_lines_pb_metric(phr_lines_pb_t *b);
static int phr_lines_pb_hist(phr_lines_pb_t *b);
static int phr_lines_pb_native(phr_lines_pb_t *b, phr_hist_t *h);
static int phr_lines_pb_convert(phr_lines_pb_t *b);
static int phr_lines_pb_put(phr_lines_pb_t *b, phr_hist_t *h);
static int phr_lines_pb_part(void *data, const phr_part_pb_t *part);
static int phr_lines_pb_collect(void *data, const phr_part_pb_t *part);


int
phr_lines_protobuf(phr_lines_t *k, phr_str_t body)
{
    int              rc;
    phr_protobuf_t   in;
    phr_lines_pb_t    b;

    memset(&b, 0, sizeof(b));
    b.k = k;
    phr_array_init(&b.metric.pairs, sizeof(phr_label_t));
    phr_protobuf_open(&in, body);

    while ((rc = phr_family_pb_next(&in, &b.family)) == PHR_OK) {

        if (b.family.nmetrics == 0) {
            continue;
        }

        rc = phr_lines_pb_family(&b);
        if (rc != PHR_OK) {
            break;
        }
    }

    phr_array_free(&b.metric.pairs);

    return phr_lines_end(k, rc);
}


static int
phr_lines_pb_family(phr_lines_pb_t *b)
{
    int               rc;
    phr_lines_t       *k;
    phr_family_pb_t  *f;

    k = b->k;
    f = &b->family;

    if (f->help.len != 0) {
        phr_lines_family(k, PHR_EXPO_HELP, f->name, f->help, f->type);
    }

    if (f->unit.len != 0) {
        phr_lines_family(k, PHR_EXPO_UNIT, f->name, f->unit, f->type);
    }

    phr_lines_family(k, PHR_EXPO_TYPE, f->name, f->unit, f->type);

    while ((rc = phr_metric_pb_next(f, &b->metric)) == PHR_OK) {

        rc = phr_lines_pb_metric(b);

        if (rc == PHR_OK) {
            rc = phr_lines_failed(k);
        }

        if (rc != PHR_OK) {
            break;
        }
    }

    return rc == PHR_DONE ? PHR_OK : rc;
}


static int
phr_lines_pb_metric(phr_lines_pb_t *b)
{
    size_t        i;
    phr_label_t  *l;

    /* a label that is there twice is refused when the line is read */

    phr_buf_reset(&b->k->labels);

    for (i = 0; i < b->metric.pairs.nelts; i++) {
        l = phr_array_get(&b->metric.pairs, phr_label_t, i);
        phr_lines_label(b->k, l->name, l->value);
    }

    if (phr_metric_pb_start(&b->metric, &b->k->st_ms) != PHR_OK) {
        return PHR_EPARSE;
    }

    if (b->metric.type == PHR_METRIC_HISTOGRAM
        || b->metric.type == PHR_METRIC_GAUGEHISTOGRAM)
    {
        return phr_lines_pb_hist(b);
    }

    return phr_metric_pb_parts(&b->metric, phr_lines_pb_part, b);
}


static int
phr_lines_pb_hist(phr_lines_pb_t *b)
{
    int          rc;
    int64_t      t_ms;
    phr_lines_t  *k;
    phr_hist_t  *h;

    k = b->k;
    rc = PHR_DONE;

    if (k->o.native) {
        rc = phr_hist_pb_read(k->arena, b->metric.value,
                              PHR_HIST_PB_EXPOSITION, &h, &t_ms, &k->err);

        if (rc == PHR_OK) {
            rc = phr_lines_pb_native(b, h);

            if (rc != PHR_OK || !k->o.classic
                || !phr_metric_pb_is_classic(&b->metric))
            {
                return rc;
            }

        } else if (rc < 0) {
            phr_err_prefix(&k->err, "histogram \"%.*s\": ",
                           (int) phr_min(b->family.name.len, 100),
                           b->family.name.data);
        }
    }

    if (rc == PHR_DONE && k->o.convert) {
        rc = phr_lines_pb_convert(b);

        if (rc == PHR_OK && !k->o.classic) {
            return PHR_OK;
        }
    }

    return rc == PHR_OK || rc == PHR_DONE
           ? phr_metric_pb_parts(&b->metric, phr_lines_pb_part, b) : rc;
}


/* without empty buckets, as Prometheus keeps it */

static int
phr_lines_pb_native(phr_lines_pb_t *b, phr_hist_t *h)
{
    phr_hist_t  *compact;

    compact = phr_hist_compact(b->k->arena, h);

    return compact != NULL ? phr_lines_pb_put(b, compact)
                           : phr_arena_rc(b->k->arena);
}


static int
phr_lines_pb_convert(phr_lines_pb_t *b)
{
    int           rc;
    phr_lines_t  *k;
    phr_hist_t   *h;

    k = b->k;
    phr_nhcb_reset(&k->nhcb);

    rc = phr_metric_pb_parts(&b->metric, phr_lines_pb_collect, b);

    if (rc == PHR_OK) {
        rc = phr_nhcb_convert(&k->nhcb, k->arena, &h, &k->err);
    }

    return rc == PHR_OK ? phr_lines_pb_put(b, h) : rc;
}


static int
phr_lines_pb_put(phr_lines_pb_t *b, phr_hist_t *h)
{
    int  rc;

    h->hint = b->metric.type == PHR_METRIC_GAUGEHISTOGRAM
              ? PHR_HIST_GAUGE : PHR_HIST_RESET_UNKNOWN;

    rc = phr_metric_pb_exemplars(&b->metric, phr_lines_exemplar, b->k);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_lines_metric(b->k, b->family.name, "");

    return phr_lines_hist(b->k, h, b->metric.t_ms != 0, b->metric.t_ms);
}


/* a series with the labels of the metric, and perhaps one more */

static int
phr_lines_pb_part(void *data, const phr_part_pb_t *part)
{
    int              rc;
    char             text[PHR_EXPO_BOUND];
    size_t           len;
    phr_lines_t     *k;
    phr_lines_pb_t  *b;

    b = data;
    k = b->k;
    len = k->labels.len;

    if (part->bound != NULL) {
        phr_lines_label(k, phr_str_from_c(part->bound),
                        phr_str_from(text, phr_expo_bound_write(text,
                                                               part->at)));
    }

    rc = part->exemplar.len != 0 ? phr_lines_exemplar(k, part->exemplar)
                                 : PHR_OK;

    phr_lines_metric(k, b->family.name, part->suffix);
    phr_lines_float(k, part->v, b->metric.t_ms != 0, b->metric.t_ms);

    k->labels.len = len;

    return rc;
}


static int
phr_lines_pb_collect(void *data, const phr_part_pb_t *part)
{
    phr_nhcb_t  *c;

    c = &((phr_lines_pb_t *) data)->k->nhcb;

    if (part->bound != NULL) {
        return phr_nhcb_bucket(c, part->at, part->v);
    }

    if (part->suffix[1] == 'c') {
        phr_nhcb_count(c, part->v);
    } else {
        phr_nhcb_sum(c, part->v);
    }

    return PHR_OK;
}
