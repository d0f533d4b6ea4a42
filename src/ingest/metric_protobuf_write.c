/*
 * Copyright (C) The Pharos Authors
 *
 * Metric families in protobuf, written: see metric_protobuf_write.h.
 */

#include "ingest/metric_protobuf_write.h"

#include <math.h>

#include "core/protobuf.h"
#include "ingest/hist_protobuf.h"


/* a family is cut, so that no more of it has to be kept */
#define PHR_FAMILY_PB_BYTES  (256 * 1024)

/* numbers of types */
#define PHR_FAMILY_PB_NONE       (-1)
#define PHR_FAMILY_PB_UNTYPED    3
#define PHR_FAMILY_PB_HISTOGRAM  4
#define PHR_FAMILY_PB_GAUGE      5      /* a histogram that is one */


static void phr_family_pb_flush(phr_family_pb_writer_t *w);
static size_t phr_family_pb_metric(phr_family_pb_writer_t *w, phr_str_t name,
    int type, phr_labels_t ls, int64_t t_ms);
static void phr_family_pb_classic(phr_buf_t *out, const phr_hist_t *h);
static void phr_family_pb_count(phr_buf_t *out, const phr_hist_t *h,
    double count);


void
phr_family_pb_begin(phr_family_pb_writer_t *w, phr_buf_t *out)
{
    memset(w, 0, sizeof(phr_family_pb_writer_t));
    w->out = out;
    w->type = PHR_FAMILY_PB_NONE;
    phr_buf_init(&w->family, 0);
}


void
phr_family_pb_end(phr_family_pb_writer_t *w)
{
    phr_family_pb_flush(w);
    phr_buf_free(&w->family);
}


void
phr_family_pb_float(phr_family_pb_writer_t *w, phr_str_t name,
    phr_labels_t ls, double v, int64_t t_ms)
{
    size_t  metric, value;

    metric = phr_family_pb_metric(w, name, PHR_FAMILY_PB_UNTYPED, ls, t_ms);
    value = phr_protobuf_begin(&w->family, 5);
    phr_protobuf_put_double(&w->family, 1, v);
    phr_protobuf_end(&w->family, value);
    phr_protobuf_end(&w->family, metric);
}


void
phr_family_pb_hist(phr_family_pb_writer_t *w, phr_str_t name,
    phr_labels_t ls, const phr_hist_t *h, int64_t t_ms)
{
    size_t  metric, value;

    metric = phr_family_pb_metric(w, name, h->hint == PHR_HIST_GAUGE
                                           ? PHR_FAMILY_PB_GAUGE
                                           : PHR_FAMILY_PB_HISTOGRAM,
                                  ls, t_ms);
    value = phr_protobuf_begin(&w->family, 7);

    if (phr_hist_is_custom(h)) {
        phr_family_pb_classic(&w->family, h);
    } else {
        phr_hist_pb_write(&w->family, h, PHR_HIST_PB_EXPOSITION);
    }

    phr_protobuf_end(&w->family, value);
    phr_protobuf_end(&w->family, metric);
}


/* begins a metric, which the caller ends, of this family or a new one */

static size_t
phr_family_pb_metric(phr_family_pb_writer_t *w, phr_str_t name, int type,
    phr_labels_t ls, int64_t t_ms)
{
    size_t  i, metric, label;

    if (w->type != type || !phr_str_eq(w->name, name)
        || w->family.len > PHR_FAMILY_PB_BYTES)
    {
        phr_family_pb_flush(w);
        phr_protobuf_put_bytes(&w->family, 1, name);
        phr_protobuf_put_varint(&w->family, 3, (uint64_t) type);
        w->name = name;
        w->type = type;
    }

    metric = phr_protobuf_begin(&w->family, 4);

    for (i = 0; i < ls.n; i++) {
        label = phr_protobuf_begin(&w->family, 1);
        phr_protobuf_put_bytes(&w->family, 1, ls.l[i].name);
        phr_protobuf_put_bytes(&w->family, 2, ls.l[i].value);
        phr_protobuf_end(&w->family, label);
    }

    phr_protobuf_put_varint(&w->family, 6, (uint64_t) t_ms);

    return metric;
}


static void
phr_family_pb_flush(phr_family_pb_writer_t *w)
{
    if (w->type != PHR_FAMILY_PB_NONE) {
        phr_buf_uvarint(w->out, w->family.len);
        phr_buf_str(w->out, phr_buf_view(&w->family));
    }

    if (w->family.failed) {
        w->out->failed = w->family.failed;
    }

    phr_buf_reset(&w->family);
}


static void
phr_family_pb_classic(phr_buf_t *out, const phr_hist_t *h)
{
    size_t              bucket;
    phr_hist_classic_t  c;

    phr_family_pb_count(out, h, h->count);
    phr_protobuf_put_double(out, 2, h->sum);

    phr_hist_classic_init(&c, h);

    while (phr_hist_classic_next(&c)) {
        bucket = phr_protobuf_begin(out, 3);
        phr_family_pb_count(out, h, c.count);
        phr_protobuf_put_double(out, 2, c.le);
        phr_protobuf_end(out, bucket);
    }
}


/* of a histogram, or of a bucket: of floats it is a field of its own */

static void
phr_family_pb_count(phr_buf_t *out, const phr_hist_t *h, double count)
{
    if (h->integer) {
        phr_protobuf_put_varint(out, 1, (uint64_t) count);
    } else {
        phr_protobuf_put_double(out, 4, count);
    }
}
