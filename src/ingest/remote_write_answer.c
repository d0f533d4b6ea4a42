/*
 * Copyright (C) The Pharos Authors
 *
 * What was refused of a request, and the answer that says so: how many
 * samples for which reasons, and the first of them, for whoever reads the
 * log of the sender.
 */

#include "ingest/remote_write_impl.h"

#include <stdio.h>


/* ORDER REMOTE_WRITE_REASON; where Prometheus has a text, it is this one */
static const struct {
    const char  *label;
    const char  *text;
} phr_remote_reasons[] = {
    { "bad_series",   "invalid labels or series" },
    { "no_room",      "no room for new series" },
    { "out_of_order", "out of order sample" },
    { "duplicate",    "duplicate sample for timestamp" },
    { "too_old",      "out of bounds: too old sample" },
    { "too_new",      "out of bounds: timestamp is too far in the future" },
    { "histogram",    "invalid native histogram" },
    { "exemplar",     "out of order exemplar" },
};


const char *
phr_remote_write_reason(phr_remote_write_reason_e reason)
{
    return phr_remote_reasons[reason].label;
}


void
phr_remote_refuse(phr_remote_write_t *rw, phr_remote_write_reason_e reason,
    size_t n, phr_remote_series_t *s, int64_t t_ms, const char *detail)
{
    phr_buf_t     b;
    phr_labels_t  ls;

    /* a series without a sample is one thing refused, too */

    rw->nrefused[reason] += phr_max(n, 1);

    if (rw->example[0] != '\0') {
        return;
    }

    phr_buf_init(&b, 0);
    phr_buf_puts(&b, detail ? detail : phr_remote_reasons[reason].text);

    if (s != NULL && phr_remote_labels(rw, s, &ls, NULL) == PHR_OK) {
        phr_buf_puts(&b, ", series ");
        phr_labels_format(&b, ls);
    }

    if (t_ms != PHR_TIME_MIN) {
        phr_buf_printf(&b, ", timestamp %lld", (long long) t_ms);
    }

    snprintf(rw->example, sizeof(rw->example), "%s", phr_buf_cstr(&b));

    phr_buf_free(&b);
}


void
phr_remote_answer(phr_remote_write_t *rw, phr_remote_write_answer_t *answer)
{
    size_t      i;
    uint64_t    n;
    phr_buf_t   b;
    const char *comma;

    answer->nsamples = rw->nwritten - rw->nhists;
    answer->nhistograms = rw->nhists;
    answer->nexemplars = rw->nexemplars;
    answer->status = 204;
    n = 0;

    for (i = 0; i < PHR_REMOTE_WRITE_REASONS; i++) {
        n += rw->nrefused[i];
    }

    if (n == 0) {
        return;
    }

    answer->status = 400;

    phr_buf_init(&b, 0);
    phr_buf_printf(&b, "%llu refused, %llu written: ",
                   (unsigned long long) n,
                   (unsigned long long) rw->nwritten);
    comma = "";

    for (i = 0; i < PHR_REMOTE_WRITE_REASONS; i++) {
        if (rw->nrefused[i] != 0) {
            phr_buf_printf(&b, "%s%llu %s", comma,
                           (unsigned long long) rw->nrefused[i],
                           phr_remote_reasons[i].text);
            comma = ", ";
        }
    }

    phr_buf_printf(&b, "; the first: %s", rw->example);
    snprintf(answer->text, sizeof(answer->text), "%s", phr_buf_cstr(&b));

    phr_buf_free(&b);
}
