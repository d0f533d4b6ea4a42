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

#include "ingest/push.h"
#include "ngx/ngx_http_pharos_parts.h"


/* a reason that did not apply for so long is over */
#define NGX_HTTP_PHAROS_REFUSED_OVER_MS  (5 * 60 * 1000)


typedef struct {
    uint64_t    n;          /* when last looked at */
    uint64_t    begin;      /* when it began to apply */
    int64_t     last_ms;    /* monotonic */
    ngx_uint_t  on;
} ngx_http_pharos_refused_t;


#define NGX_HTTP_PHAROS_REFUSED_ALL                                           \
    ((ngx_uint_t) PHR_REFUSED_REASONS + NGX_HTTP_PHAROS_REFUSED_REASONS)


static const char *ngx_http_pharos_refused_text(ngx_uint_t reason);


/* the store's reasons first */
static ngx_http_pharos_refused_t  refused[NGX_HTTP_PHAROS_REFUSED_ALL];

/* of the others: written by the writer thread, read by any */
static ngx_atomic_t  refused_count[NGX_HTTP_PHAROS_REFUSED_REASONS];


void
ngx_http_pharos_refused_add(ngx_http_pharos_refused_e reason, uint64_t n)
{
    if (n != 0) {
        (void) ngx_atomic_fetch_add(&refused_count[reason],
                                    (ngx_atomic_int_t) n);
    }
}


/* in the writer thread */

void
ngx_http_pharos_refused_look(phr_api_t *api, int64_t clock_ms,
    ngx_log_t *log)
{
    uint64_t                    n[NGX_HTTP_PHAROS_REFUSED_ALL];
    uint64_t                    ngroups, nseries;
    ngx_uint_t                  i;
    ngx_http_pharos_refused_t  *r;

    phr_store_refused(api->store, n);

    if (api->push) {
        phr_push_refusals(api->push, &ngroups, &nseries);
        refused_count[NGX_HTTP_PHAROS_REFUSED_GROUPS] = ngroups;
        refused_count[NGX_HTTP_PHAROS_REFUSED_GROUP] = nseries;
    }

    for (i = 0; i < NGX_HTTP_PHAROS_REFUSED_REASONS; i++) {
        n[PHR_REFUSED_REASONS + i] = refused_count[i];
    }

    for (i = 0; i < NGX_HTTP_PHAROS_REFUSED_ALL; i++) {
        r = &refused[i];

        if (n[i] > r->n) {

            if (!r->on) {
                ngx_log_error(NGX_LOG_WARN, log, 0,
                              "samples are refused: %s, %uL of them; what "
                              "follows is counted",
                              ngx_http_pharos_refused_text(i),
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
                          ngx_http_pharos_refused_text(i),
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

    for (i = 0; i < NGX_HTTP_PHAROS_REFUSED_ALL; i++) {
        phr_buf_printf(out, "pharos_store_samples_refused_total"
                       "{reason=\"%s\"} %llu\n",
                       ngx_http_pharos_refused_text(i),
                       (unsigned long long)
                       (i < PHR_REFUSED_REASONS ? st->nrefused[i]
                        : refused_count[i - PHR_REFUSED_REASONS]));
    }
}


static const char *
ngx_http_pharos_refused_text(ngx_uint_t reason)
{
    /* ORDER REFUSED */
    static const char *const  text[NGX_HTTP_PHAROS_REFUSED_REASONS] = {
        "target_series", "push_groups", "push_series"
    };

    return reason < PHR_REFUSED_REASONS
           ? phr_refused_text((phr_refused_e) reason)
           : text[reason - PHR_REFUSED_REASONS];
}
