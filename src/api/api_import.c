/*
 * Copyright (C) The Pharos Authors
 *
 * Import: /api/v1/import and /api/v1/import/prometheus.  204 if all of it is
 * stored.  A bad line is answered with 400 and its number, refused samples
 * with 400 and how many; what was good is stored in either case, and can be
 * sent again without harm.
 */

#include "api/call.h"

#include <inttypes.h>

#include "ingest/exposition.h"
#include "ingest/import.h"


static int phr_import_request(phr_call_t *c, phr_import_format_e format,
    phr_err_t *err);
static int phr_import_write(void *data, phr_import_batch_t *b,
    phr_err_t *err);
static int phr_import_write_append(void *arg, phr_appender_t *app,
    phr_err_t *err);
static int phr_import_answer(phr_call_t *c, const phr_import_report_t *r,
    phr_err_t *err);


int
phr_api_import(phr_call_t *c, phr_err_t *err)
{
    return phr_import_request(c, PHR_IMPORT_JSON, err);
}


int
phr_api_import_prometheus(phr_call_t *c, phr_err_t *err)
{
    phr_expo_format_e  format;

    format = phr_expo_content_type(c->req->content_type);

    return phr_import_request(c, format == PHR_EXPO_OPENMETRICS
                                 ? PHR_IMPORT_OPENMETRICS : PHR_IMPORT_TEXT,
                              err);
}


static int
phr_import_request(phr_call_t *c, phr_import_format_e format,
    phr_err_t *err)
{
    int                  rc;
    phr_buf_t            unpacked;
    phr_str_t            body;
    phr_import_conf_t    conf;
    phr_import_report_t  report;

    memset(&conf, 0, sizeof(phr_import_conf_t));
    conf.format = format;
    conf.now_ms = c->req->now_ms;
    conf.stop = c->req->stop;
    conf.write = phr_import_write;
    conf.data = c;

    phr_buf_init(&unpacked, 0);

    rc = phr_call_body(c, &unpacked, &body, err);

    if (rc == PHR_OK) {
        rc = phr_import(&conf, body, &report, err);

        if (rc == PHR_EPARSE) {
            phr_err_prefix(err, "line %u: ", err->line);
        }

        if (rc != PHR_OK) {
            phr_err_prefix(err, "%" PRIu64 " samples are stored, then ",
                           report.nstored);

        } else {
            rc = phr_import_answer(c, &report, err);
        }
    }

    phr_buf_free(&unpacked);

    return rc;
}


static int
phr_import_write(void *data, phr_import_batch_t *b, phr_err_t *err)
{
    phr_call_t            *c = data;
    const phr_api_live_t  *live;

    live = c->api->live;

    if (live->write == NULL) {
        return phr_err_set(err, PHR_EUNAVAIL, "nothing is written here");
    }

    return live->write(c->api->live_data, phr_import_write_append, b,
                       b->last, err);
}


static int
phr_import_write_append(void *arg, phr_appender_t *app, phr_err_t *err)
{
    return phr_import_append(arg, app, err);
}


static int
phr_import_answer(phr_call_t *c, const phr_import_report_t *r,
    phr_err_t *err)
{
    if (r->nstored != r->nsamples) {
        return phr_err_set(err, PHR_EINVAL, "%" PRIu64 " of %" PRIu64
                           " samples are stored; refused: %" PRIu64
                           " beyond retention or in the future, %" PRIu64
                           " with another value at the same time, %" PRIu64
                           " of series beyond the limit", r->nstored,
                           r->nsamples, r->nout_of_bounds, r->nduplicates,
                           r->nover_series);
    }

    return phr_call_text(c, 204, "text/plain; charset=utf-8",
                         phr_str_from("", 0));
}
