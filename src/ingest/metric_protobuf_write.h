/*
 * Copyright (C) The Pharos Authors
 *
 * Metric families in protobuf, written: series in the order of their names,
 * as they are federated.  What is written is what metric_protobuf.h reads.
 */

#ifndef PHR_METRIC_PROTOBUF_WRITE_H_INCLUDED
#define PHR_METRIC_PROTOBUF_WRITE_H_INCLUDED


#include "core/buf.h"
#include "core/histogram.h"
#include "core/labels.h"


/* see out->failed */
typedef struct {
    phr_buf_t  *out;
    phr_buf_t   family;         /* the message under way */
    phr_str_t   name;           /* stays until the next one */
    int         type;           /* as messages have it; -1: none under way */
} phr_family_pb_writer_t;


void phr_family_pb_begin(phr_family_pb_writer_t *w, phr_buf_t *out);
void phr_family_pb_end(phr_family_pb_writer_t *w);

/* a series of no type; labels are without the name and need no order */
void phr_family_pb_float(phr_family_pb_writer_t *w, phr_str_t name,
    phr_labels_t ls, double v, int64_t t_ms);

/* with custom buckets it becomes a classic histogram: there is no other form */
void phr_family_pb_hist(phr_family_pb_writer_t *w, phr_str_t name,
    phr_labels_t ls, const phr_hist_t *h, int64_t t_ms);


#endif /* PHR_METRIC_PROTOBUF_WRITE_H_INCLUDED */
