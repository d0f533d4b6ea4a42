/*
 * Copyright (C) The Pharos Authors
 *
 * Refused: samples that the store did not take, by reason, as metrics and as
 * lines of the log.  A line comes when a reason begins to apply and when it
 * has not applied for a while, never for each sample; whose samples they are
 * is said where they come in: by the target, in the answer to a push.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx/ngx_http_pharos_parts.h"


/* a reason that did not apply for so long is over */
#define NGX_HTTP_PHAROS_REFUSED_OVER_MS  (5 * 60 * 1000)


typedef struct {
    uint64_t    n;          /* when last looked at */
    uint64_t    begin;      /* when it began to apply */
    int64_t     last_ms;    /* monotonic */
    ngx_uint_t  on;
} ngx_http_pharos_refused_t;


static ngx_http_pharos_refused_t  refused[PHR_REFUSED_REASONS];


/* in the writer thread */

void
ngx_http_pharos_refused_look(phr_store_t *store, int64_t clock_ms,
    ngx_log_t *log)
{
    uint64_t                    n[PHR_REFUSED_REASONS];
    ngx_uint_t                  i;
    ngx_http_pharos_refused_t  *r;

    phr_store_refused(store, n);

    for (i = 0; i < PHR_REFUSED_REASONS; i++) {
        r = &refused[i];

        if (n[i] > r->n) {

            if (!r->on) {
                ngx_log_error(NGX_LOG_WARN, log, 0,
                              "samples are refused: %s, %uL of them; what "
                              "follows is counted", phr_refused_text(i),
                              (uint64_t) (n[i] - r->n));
                r->begin = r->n;
            }

            r->on = 1;
            r->n = n[i];
            r->last_ms = clock_ms;

        } else if (r->on
                   && clock_ms - r->last_ms > NGX_HTTP_PHAROS_REFUSED_OVER_MS)
        {
            ngx_log_error(NGX_LOG_NOTICE, log, 0,
                          "samples are no longer refused: %s, it were %uL",
                          phr_refused_text(i),
                          (uint64_t) (r->n - r->begin));
            r->on = 0;
        }
    }
}


void
ngx_http_pharos_refused_metrics(const phr_store_stats_t *st, phr_buf_t *out)
{
    ngx_uint_t  i;

    phr_buf_printf(out, "# HELP pharos_store_samples_refused_total "
                   "Samples that were not taken, by reason.\n"
                   "# TYPE pharos_store_samples_refused_total counter\n");

    for (i = 0; i < PHR_REFUSED_REASONS; i++) {
        phr_buf_printf(out, "pharos_store_samples_refused_total"
                       "{reason=\"%s\"} %llu\n", phr_refused_text(i),
                       (unsigned long long) st->nrefused[i]);
    }
}
