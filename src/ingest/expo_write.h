/*
 * Copyright (C) The Pharos Authors
 *
 * Exposition, the other way: metrics as text 0.0.4 or OpenMetrics, for our
 * own /metrics, for pushed metrics and for federation.  A family is begun,
 * then its samples follow; the order of both is the caller's.
 */

#ifndef PHR_EXPO_WRITE_H_INCLUDED
#define PHR_EXPO_WRITE_H_INCLUDED


#include "core/buf.h"
#include "core/histogram.h"
#include "core/labels.h"
#include "ingest/exposition.h"


/* the buffer remembers failure */
typedef struct {
    phr_buf_t          *out;
    phr_expo_format_e   format;

    phr_str_t           name;       /* of the family, as the caller said */
    phr_metric_type_e   type;
} phr_expo_writer_t;


void phr_expo_begin(phr_expo_writer_t *w, phr_buf_t *out,
    phr_expo_format_e format);

/* "# EOF" where the format wants it */
void phr_expo_end(phr_expo_writer_t *w);

/*
 * HELP (if there is any) and TYPE.  A counter is named as its series is,
 * with "_total"; name must stay until the next family.  Types that the text
 * format lacks become what comes nearest.
 */
void phr_expo_family(phr_expo_writer_t *w, phr_str_t name,
    phr_metric_type_e type, phr_str_t help);

/* a sample of the family; labels need not be sorted */
void phr_expo_sample(phr_expo_writer_t *w, const phr_label_t *labels,
    size_t n, double v);

/*
 * A histogram of the family: counts[i] observations at most bounds[i] and
 * above the bound before, counts[nbounds] those beyond them all.
 */
void phr_expo_histogram(phr_expo_writer_t *w, const phr_label_t *labels,
    size_t n, const double *bounds, const uint64_t *counts, size_t nbounds,
    double sum);

/* a series by its whole label set, with a timestamp if has_t */
void phr_expo_series(phr_expo_writer_t *w, phr_labels_t ls, double v,
    int has_t, int64_t t_ms);

/*
 * The same of a native histogram of custom buckets, which becomes the classic
 * histogram of the family: there is no other form.
 */
void phr_expo_series_hist(phr_expo_writer_t *w, phr_labels_t ls,
    const phr_hist_t *h, int64_t t_ms);

/* the Content-Type of a format */
const char *phr_expo_media_type(phr_expo_format_e format);


#endif /* PHR_EXPO_WRITE_H_INCLUDED */
