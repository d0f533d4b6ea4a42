/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as the protobuf of a remote write, of either version by the
 * first byte.  Each request is received twice: the second time its series
 * are known by their bytes, and the samples it wrote are all there, so that
 * nothing else may come of it.  Packed bytes are tried as they are, too.
 */

#include "fuzz.h"

#include "core/pack.h"
#include "ingest/remote_write.h"

#include "../unit/recapp.h"


#define FUZZ_V2  "application/x-protobuf;proto=io.prometheus.write.v2.Request"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                       nkv;
    recapp_t                    *rec;
    phr_err_t                    err;
    phr_str_t                    bytes;
    phr_buf_t                    packed;
    phr_remote_write_t          *rw;
    phr_remote_write_answer_t    first, again;
    phr_remote_write_request_t   r;
    phr_remote_write_options_t   o;

    if (size == 0) {
        return 0;
    }

    memset(&o, 0, sizeof(o));
    o.max_body_bytes = 1 << 20;
    o.max_samples = 200;
    o.max_labels = 16;
    o.max_name_bytes = 200;
    o.max_value_bytes = 200;
    o.max_cached = 8;
    o.max_metadata = RECAPP_MAX_KV / 2;

    rec = recapp_create();
    rec->app.exemplars = 1;
    fuzz_check(phr_remote_write_create(&o, &rec->app, &rw, &err) == PHR_OK);

    bytes = fuzz_copy(data + 1, size - 1);
    phr_buf_init(&packed, 0);
    fuzz_check(phr_pack(PHR_PACK_SNAPPY, bytes, &packed, &err) == PHR_OK);

    memset(&r, 0, sizeof(r));
    r.content_type = phr_str_from_c(data[0] & 1 ? FUZZ_V2 : "");
    r.body = data[0] & 2 ? bytes : phr_buf_view(&packed);
    r.now_ms = 1000;

    fuzz_check(phr_remote_write_request(rw, &rec->app, &r, &first, &err)
               == PHR_OK);
    fuzz_check(first.status == 204 || first.text[0] != '\0');

    nkv = rec->nkv;

    fuzz_check(phr_remote_write_request(rw, &rec->app, &r, &again, &err)
               == PHR_OK);
    fuzz_check(first.status != 204 || again.status == 204
               || again.status == 400);
    fuzz_check(rec->nkv == nkv);
    fuzz_check(first.status == 204 || again.status == first.status);

    fuzz_check(phr_remote_write_reload(rw, &rec->app, &err) == PHR_OK);
    fuzz_check(phr_remote_write_request(rw, &rec->app, &r, &again, &err)
               == PHR_OK);
    fuzz_check(rec->nkv == nkv);

    phr_remote_write_destroy(rw);
    recapp_destroy(rec);
    phr_buf_free(&packed);
    fuzz_free(bytes);

    return 0;
}
