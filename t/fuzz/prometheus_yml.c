/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as prometheus.yml, see settings.h.
 */

#include "settings.h"

#include "settings/prometheus_yml.h"


static int
take(phr_str_t text, const phr_loader_t *ld, phr_buf_t *b, phr_err_t *err)
{
    int                    rc;
    phr_prometheus_yml_t  *conf;

    rc = phr_prometheus_yml_parse(text, "/nonexistent/p.yml", ld, &conf, err);

    if (rc == PHR_OK) {
        phr_prometheus_yml_dump(conf, b);
        phr_prometheus_yml_destroy(conf);
    }

    return rc;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_settings(data, size, take);
}
