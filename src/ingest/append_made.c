/*
 * Copyright (C) The Pharos Authors
 *
 * Scrapes whose bodies are made lines of before they are read, and the
 * histograms in them: see lines.h.
 */

#include "ingest/append_impl.h"

#include <math.h>
#include <strings.h>

#include "core/alloc.h"
#include "ingest/metric_protobuf.h"


/* what a Content-Type stands for, or the protocol to fall back to */
typedef enum {
    PHR_SCRAPE_TEXT = 0,
    PHR_SCRAPE_OPENMETRICS,
    PHR_SCRAPE_PROTOBUF,
} phr_scrape_type_e;


static phr_scrape_type_e phr_scrape_type(const phr_scrape_t *s,
    phr_str_t content_type);
static int phr_scrape_made_exemplar(const phr_lines_t *k,
    phr_str_t exemplar, phr_exemplar_t *e);
static int32_t phr_scrape_finest(double factor);


int
phr_scrape_make(phr_scrape_pass_t *pass, phr_str_t body,
    phr_str_t content_type)
{
    int                  rc;
    phr_lines_t          *k;
    phr_scrape_t        *s;
    phr_scrape_type_e    type;

    s = pass->s;
    type = phr_scrape_type(s, content_type);

    if (body.len == 0
        || (type != PHR_SCRAPE_PROTOBUF && !s->o.histograms.convert))
    {
        return PHR_OK;
    }

    k = phr_malloc(sizeof(phr_lines_t));
    if (k == NULL) {
        return PHR_ENOMEM;
    }

    pass->made = k;
    rc = phr_lines_init(k, &s->o.histograms);

    if (rc != PHR_OK) {
        return rc;
    }

    if (type == PHR_SCRAPE_PROTOBUF) {
        return phr_lines_protobuf(k, body);
    }

    return phr_lines_classic(k, type == PHR_SCRAPE_TEXT ? PHR_EXPO_TEXT
                                                : PHR_EXPO_OPENMETRICS, body);
}


void
phr_scrape_made_free(phr_scrape_pass_t *pass)
{
    if (pass->made != NULL) {
        phr_lines_free(pass->made);
        phr_free(pass->made);
    }
}


void
phr_scrape_open(phr_scrape_pass_t *pass, phr_str_t body,
    phr_str_t content_type)
{
    phr_expo_format_e  format;

    if (pass->made != NULL) {
        phr_lines_open(pass->made, &pass->p);

    } else {

        /* an empty answer is a good one in either format */

        format = body.len != 0 && phr_scrape_type(pass->s, content_type)
                                  == PHR_SCRAPE_OPENMETRICS
                 ? PHR_EXPO_OPENMETRICS : PHR_EXPO_TEXT;

        phr_expo_init(&pass->p, format, body);
    }

    pass->p.normalize = pass->s->o.normalize;
}


int
phr_scrape_line_exemplars(phr_scrape_pass_t *pass)
{
    int              rc;
    uint32_t         i;
    phr_expo_t      *p;
    phr_array_t     *table;
    phr_exemplar_t   e;

    p = &pass->p;

    if (pass->made == NULL) {
        return phr_scrape_exemplar_line(pass);
    }

    table = &pass->made->exemplars;
    rc = PHR_OK;

    for (i = 0; i < p->nexemplars && rc == PHR_OK; i++) {
        rc = phr_scrape_made_exemplar(pass->made,
                                      *phr_array_get(table, phr_str_t,
                                                     p->first_exemplar + i),
                                      &e);

        /* of native histograms only those with a time, as in Prometheus */

        if (rc == PHR_OK && (e.has_t || !p->is_hist)) {
            rc = phr_scrape_exemplar(pass, &e);
        }

        if (rc != PHR_ENOMEM) {
            rc = PHR_OK;
        }
    }

    return rc;
}


static int
phr_scrape_made_exemplar(const phr_lines_t *k, phr_str_t exemplar,
    phr_exemplar_t *e)
{
    int         rc;
    phr_expo_t  p;

    if (!k->text) {
        return phr_exemplar_pb_read(k->arena, exemplar, e);
    }

    phr_expo_init(&p, PHR_EXPO_OPENMETRICS, exemplar);

    rc = phr_expo_exemplar_again(&p, exemplar, NULL);

    if (rc == PHR_OK) {
        rc = phr_expo_exemplar(&p, k->arena, e);
    }

    phr_expo_free(&p);

    return rc;
}


/* a type that is not known is text, unless there is something better */

static phr_scrape_type_e
phr_scrape_type(const phr_scrape_t *s, phr_str_t type)
{
    static const phr_str_t  text = phr_str("text/plain");

    while (type.len != 0 && (*type.data == ' ' || *type.data == '\t')) {
        type.data++;
        type.len--;
    }

    if (phr_metric_pb_is(type)) {
        return PHR_SCRAPE_PROTOBUF;
    }

    if (phr_expo_content_type(type) == PHR_EXPO_OPENMETRICS) {
        return PHR_SCRAPE_OPENMETRICS;
    }

    if (s->o.fallback.len == 0
        || (type.len >= text.len
            && strncasecmp(type.data, text.data, text.len) == 0))
    {
        return PHR_SCRAPE_TEXT;
    }

    return phr_str_eq(s->o.fallback, phr_str_of("PrometheusProto"))
           ? PHR_SCRAPE_PROTOBUF
           : s->o.fallback.data[0] == 'O' ? PHR_SCRAPE_OPENMETRICS
                                          : PHR_SCRAPE_TEXT;
}


const phr_hist_t *
phr_scrape_hist(const phr_scrape_pass_t *pass, const phr_scrape_line_t *line)
{
    return *phr_array_get(&pass->made->hists, const phr_hist_t *,
                          (size_t) line->v);
}


void
phr_scrape_stage_hist(phr_scrape_pass_t *pass, const phr_scrape_line_t *line)
{
    uint64_t           max;
    int32_t            schema;
    const phr_hist_t  *h;

    h = phr_scrape_hist(pass, line);
    max = pass->s->o.max_buckets;
    schema = phr_scrape_finest(pass->s->o.min_bucket_factor);

    if (!phr_hist_is_custom(h) && h->schema > schema) {
        h = phr_hist_reduce(pass->made->arena, h, schema);
    }

    while (h != NULL && max != 0
           && (uint64_t) h->positive.n + h->negative.n > max)
    {
        if (phr_hist_is_custom(h) || h->schema == PHR_HIST_SCHEMA_MIN) {
            pass->hist_rc = PHR_ELIMIT;
            return;
        }

        h = phr_hist_reduce(pass->made->arena, h, h->schema - 1);
    }

    if (h == NULL) {
        pass->hist_rc = PHR_ENOMEM;
        return;
    }

    *phr_array_get(&pass->made->hists, const phr_hist_t *,
                   (size_t) line->v) = h;
}


/* the finest schema whose buckets grow by this factor at least */

static int32_t
phr_scrape_finest(double factor)
{
    double  schema;

    if (factor <= 1 || factor != factor) {
        return PHR_HIST_SCHEMA_MAX;
    }

    schema = floor(-log2(log2(factor)));

    return (int32_t) phr_max(PHR_HIST_SCHEMA_MIN,
                             phr_min(PHR_HIST_SCHEMA_MAX, schema));
}
