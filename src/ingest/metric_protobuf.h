/*
 * Copyright (C) The Pharos Authors
 *
 * Metric families in protobuf, io.prometheus.client.MetricFamily: what is
 * scraped and what is pushed is a sequence of them, each with its length as
 * a varint in front.  Here they are taken apart; what becomes of families
 * and values is the caller's, and so are native histograms: see
 * hist_protobuf.h.
 *
 * Nothing is copied: all points into the body.
 */

#ifndef PHR_METRIC_PROTOBUF_H_INCLUDED
#define PHR_METRIC_PROTOBUF_H_INCLUDED


#include "core/array.h"
#include "core/protobuf.h"
#include "ingest/exposition.h"


typedef struct {
    phr_str_t           name;
    phr_str_t           help;
    phr_str_t           unit;
    phr_metric_type_e   type;
    size_t              nmetrics;
    phr_protobuf_t      rest;       /* for phr_metric_pb_next() */
} phr_family_pb_t;

/* one metric; begin with all zero but for pairs, an array of phr_label_t */
typedef struct {
    phr_array_t         pairs;      /* labels as they came, not sorted */
    phr_metric_type_e   type;
    phr_str_t           value;      /* the message of that type, maybe "" */
    int64_t             t_ms;
    unsigned            found:1;    /* there is such a message */
    unsigned            has_t:1;
} phr_metric_pb_t;


/* what the text formats have a line for */
typedef struct {
    const char  *suffix;        /* of the name */
    const char  *bound;         /* NULL, or the label's name, at its value */
    double       at;
    double       v;
    phr_str_t    exemplar;      /* a message, or "" */
} phr_part_pb_t;

typedef int (*phr_part_pb_pt)(void *data, const phr_part_pb_t *part);


/* whether a Content-Type names these messages, however they are encoded */
int phr_metric_pb_is(phr_str_t content_type);

/* PHR_OK, PHR_DONE at the end of the body, or PHR_EPARSE */
int phr_family_pb_next(phr_protobuf_t *in, phr_family_pb_t *f);

/* the next metric of the family; PHR_ENOMEM, too */
int phr_metric_pb_next(phr_family_pb_t *f, phr_metric_pb_t *m);

/*
 * Visits what the text formats would show of a metric: its value, or of a
 * summary or the classic part of a histogram "_count", "_sum", and quantiles
 * or buckets, the last of which is that of all.  PHR_OK, PHR_EPARSE, or what
 * the visitor returned.
 */
int phr_metric_pb_parts(const phr_metric_pb_t *m, phr_part_pb_pt part,
    void *data);

/*
 * Visits the exemplars of a native histogram, as messages: its own, or, if it
 * has none, those of its classic buckets.
 */
int phr_metric_pb_exemplars(const phr_metric_pb_t *m,
    int (*exemplar)(void *data, phr_str_t message), void *data);

/*
 * What an exemplar says; labels are sorted, in the arena.  PHR_OK,
 * PHR_EPARSE, or the arena's failure.
 */
int phr_exemplar_pb_read(phr_arena_t *arena, phr_str_t message,
    phr_exemplar_t *e);

/*
 * Since when a counter, summary or histogram counts, in ms since the epoch;
 * 0 if it does not say.  PHR_OK or PHR_EPARSE.
 */
int phr_metric_pb_start(const phr_metric_pb_t *m, int64_t *st_ms);

/* whether a histogram has classic buckets at all */
int phr_metric_pb_is_classic(const phr_metric_pb_t *m);


#endif /* PHR_METRIC_PROTOBUF_H_INCLUDED */
