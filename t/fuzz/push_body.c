/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as the body of a push: the first byte chooses format, method
 * and mode.  Each is pushed twice, exposed, and read again from its record,
 * which must give the same exposition; all of that is text that our own
 * parser reads.
 */

#include <stdlib.h>

#include "ingest/push.h"

#include "../unit/recapp.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
expose(phr_push_t *push, phr_buf_t *out)
{
    int                rc;
    phr_err_t          err;
    phr_expo_t         p;
    phr_expo_writer_t  w;

    phr_buf_init(out, 0);
    phr_expo_begin(&w, out, PHR_EXPO_TEXT);
    phr_push_expose(push, &w, NULL);
    phr_expo_end(&w);

    phr_expo_init(&p, PHR_EXPO_TEXT, phr_buf_view(out));

    while ((rc = phr_expo_next(&p, &err)) == PHR_OK) {
        /* void */
    }

    if (rc != PHR_DONE) {
        abort();
    }

    phr_expo_free(&p);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                *body;
    recapp_t            *rec;
    phr_err_t            err;
    phr_buf_t            before, after, json;
    phr_push_t          *push;
    phr_push_answer_t    answer;
    phr_push_options_t   opt;
    phr_push_request_t   r;

    static const char  *types[] = {
        "text/plain",
        "application/openmetrics-text",
        "application/vnd.google.protobuf; encoding=delimited",
        "",
    };

    if (size == 0) {
        return 0;
    }

    body = malloc(size);
    memcpy(body, data + 1, size - 1);

    rec = recapp_create();
    memset(&opt, 0, sizeof(opt));
    opt.normalize = data[0] >> 6 & 1;

    if (phr_push_create(&opt, &rec->app, &push, &err) != PHR_OK) {
        abort();
    }

    memset(&r, 0, sizeof(r));
    r.path = phr_str_of("/metrics/job/j/instance/i");
#ifdef FUZZ_TYPE
    r.content_type = phr_str_from_c(types[FUZZ_TYPE]);
#else
    r.content_type = phr_str_from_c(types[data[0] & 3]);
#endif
    r.method = data[0] >> 2 & 1 ? PHR_PUSH_POST : PHR_PUSH_PUT;
    r.mode = (phr_push_mode_e) (data[0] >> 3 & 3);
    r.body = phr_str_from(body, size - 1);
    r.ttl_ms = -1;
    r.now_ms = 1000;

    phr_push_request(push, &rec->app, &r, &answer, &err);
    r.now_ms = 2000;
    phr_push_request(push, &rec->app, &r, &answer, &err);

    expose(push, &before);
    phr_buf_init(&json, 0);
    phr_push_json(push, &json);

    if (phr_push_reload(push, &rec->app, &err) != PHR_OK) {
        abort();
    }

    expose(push, &after);

    if (!phr_str_eq(phr_buf_view(&before), phr_buf_view(&after))
        || rec->twice != 0)
    {
        abort();
    }

    phr_push_destroy(push);
    recapp_destroy(rec);
    phr_buf_free(&before);
    phr_buf_free(&after);
    phr_buf_free(&json);
    free(body);

    return 0;
}
