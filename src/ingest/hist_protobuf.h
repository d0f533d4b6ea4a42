/*
 * Copyright (C) The Pharos Authors
 *
 * Native histograms in protobuf: the messages of remote write and of the
 * exposition, which say the same with other numbers of fields.
 */

#ifndef PHR_HIST_PROTOBUF_H_INCLUDED
#define PHR_HIST_PROTOBUF_H_INCLUDED


#include "core/buf.h"
#include "core/histogram.h"


/* ORDER HIST_PB_FORM: tables in hist_protobuf.c */
typedef enum {
    PHR_HIST_PB_REMOTE = 0,     /* prometheus.Histogram, both versions */
    PHR_HIST_PB_EXPOSITION,     /* io.prometheus.client.Histogram */
} phr_hist_pb_form_e;


/*
 * Reads a message into the arena.  Schemas finer than those that are kept
 * become the finest of these, as in Prometheus.  *t_ms is 0 if the message
 * has no time.
 *
 * PHR_OK      *h is valid
 * PHR_DONE    of the exposition: there are classic buckets only
 * PHR_EPARSE  the message is malformed
 * PHR_EINVAL  it is no valid histogram: the text is Prometheus's
 *
 * or the arena's failure.
 */
int phr_hist_pb_read(phr_arena_t *arena, phr_str_t message,
    phr_hist_pb_form_e form, phr_hist_t **h, int64_t *t_ms, phr_err_t *err);

/*
 * Appends the fields of a message, without hint and time; of the exposition
 * nothing says what custom bounds are.  See out->failed.
 */
void phr_hist_pb_write(phr_buf_t *out, const phr_hist_t *h,
    phr_hist_pb_form_e form);


#endif /* PHR_HIST_PROTOBUF_H_INCLUDED */
