/*
 * Copyright (C) The Pharos Authors
 *
 * Remote write, from a request to its answer; what it does is in
 * ingest/remote_write.h.  It runs in the writer thread.
 */

#include "api/call.h"

#include "ingest/remote_write.h"


static int phr_api_written(phr_call_t *c, const char *name, uint64_t n);


int
phr_api_remote_write(phr_call_t *c, phr_err_t *err)
{
    int                          rc;
    phr_remote_write_answer_t    answer;
    phr_remote_write_request_t   r;

    r.content_type = c->req->content_type;
    r.content_encoding = c->req->content_encoding;
    r.body = c->req->body;
    r.now_ms = c->req->now_ms;

    rc = phr_remote_write_request(c->api->remote_write,
                                  phr_store_appender(c->api->store), &r,
                                  &answer, err);
    if (rc != PHR_OK) {
        return rc;
    }

    /* what is acknowledged is on disk, also if it is not all */
    c->res->durable = answer.nsamples != 0 || answer.nhistograms != 0
                      || answer.nexemplars != 0;

    if (answer.v2
        && (phr_api_written(c, "X-Prometheus-Remote-Write-Samples-Written",
                            answer.nsamples)
               != PHR_OK
            || phr_api_written(c,
                               "X-Prometheus-Remote-Write-Histograms-Written",
                               answer.nhistograms)
               != PHR_OK
            || phr_api_written(c,
                               "X-Prometheus-Remote-Write-Exemplars-Written",
                               answer.nexemplars)
               != PHR_OK))
    {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    return phr_call_line(c, answer.status, answer.text);
}


static int
phr_api_written(phr_call_t *c, const char *name, uint64_t n)
{
    char  *text;

    text = phr_arena_printf(c->arena, "%llu", (unsigned long long) n);
    if (text == NULL) {
        return PHR_ENOMEM;
    }

    phr_call_header(c, name, phr_str_from_c(text));

    return PHR_OK;
}
