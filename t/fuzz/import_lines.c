/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as lines of JSON to import: no more samples come out than bytes
 * went in, and all of them are well-formed.  The first byte chooses between
 * lines and the text formats.
 */

#include "fuzz.h"

#include "ingest/import.h"


static int
write_batch(void *data, phr_import_batch_t *b, phr_err_t *err)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < b->nruns; i++) {
        fuzz_check(b->runs[i].n > 0);
        fuzz_check(phr_import_labels_check(b->runs[i].labels, err) == PHR_OK);
        n += b->runs[i].n;
    }

    fuzz_check(n == b->n && n <= PHR_IMPORT_BATCH);
    b->report.nstored = n;

    return PHR_OK;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                  rc;
    phr_err_t            err;
    phr_str_t            body;
    phr_import_conf_t    conf;
    phr_import_report_t  report;

    if (size == 0) {
        return 0;
    }

    memset(&conf, 0, sizeof(conf));
    conf.format = data[0] == '#' ? PHR_IMPORT_TEXT
                  : data[0] == '%' ? PHR_IMPORT_OPENMETRICS
                  : PHR_IMPORT_JSON;
    conf.write = write_batch;

    body = fuzz_copy(data + (conf.format != PHR_IMPORT_JSON),
                     size - (conf.format != PHR_IMPORT_JSON));
    phr_err_init(&err);

    rc = phr_import(&conf, body, &report, &err);

    fuzz_check(rc == PHR_OK || (rc == PHR_EPARSE && err.code == rc));
    fuzz_check(report.nstored == report.nsamples
               && report.nsamples <= body.len);

    fuzz_free(body);

    return 0;
}
