/*
 * Copyright (C) The Pharos Authors
 *
 * Import: see import.h.  Samples are collected into a batch; a full one is
 * written when the next sample comes, so that the last one is never empty
 * and can be the durable one.
 */

#include "ingest/import.h"

#include "core/alloc.h"
#include "core/utf8.h"
#include "ingest/exposition.h"


#define PHR_IMPORT_SOURCE  "import"


typedef struct {
    const phr_import_conf_t  *conf;
    phr_import_report_t      *report;
    phr_import_batch_t        batch;
    phr_arena_t              *arena;        /* of one line */
} phr_import_t;


static int phr_import_lines(phr_import_t *im, phr_str_t body,
    phr_err_t *err);
static int phr_import_exposition(phr_import_t *im, phr_expo_format_e format,
    phr_str_t body, phr_err_t *err);
static int phr_import_sample(phr_import_t *im, phr_expo_t *p,
    phr_err_t *err);
static int phr_import_exemplar(phr_import_batch_t *b, phr_expo_t *p,
    int64_t t_ms, phr_err_t *err);
static uint32_t phr_import_line_of(const phr_expo_t *p);
static int phr_import_add(phr_import_t *im, phr_labels_t ls,
    const int64_t *t_ms, const double *v, size_t n, phr_err_t *err);
static int phr_import_run(phr_import_t *im, phr_labels_t ls, size_t n,
    phr_err_t *err);
static int phr_import_flush(phr_import_t *im, int last, phr_err_t *err);
static int phr_import_exemplars(phr_import_batch_t *b, phr_appender_t *app,
    phr_err_t *err);
static int phr_import_count(phr_import_batch_t *b, const int8_t *status,
    size_t n);


int
phr_import(const phr_import_conf_t *conf, phr_str_t body,
    phr_import_report_t *report, phr_err_t *err)
{
    int           rc, last;
    phr_err_t     late;
    phr_import_t  im;

    memset(report, 0, sizeof(phr_import_report_t));
    memset(&im, 0, sizeof(phr_import_t));

    im.conf = conf;
    im.report = report;
    im.arena = phr_arena_create(0);
    phr_array_init(&im.batch.exemplars, sizeof(phr_import_exemplar_t));
    im.batch.arena = phr_arena_create(0);
    im.batch.runs = phr_malloc(PHR_IMPORT_BATCH * sizeof(phr_import_run_t));
    im.batch.t_ms = phr_malloc(PHR_IMPORT_BATCH * sizeof(int64_t));
    im.batch.v = phr_malloc(PHR_IMPORT_BATCH * sizeof(double));

    if (im.arena == NULL || im.batch.arena == NULL || im.batch.runs == NULL
        || im.batch.t_ms == NULL || im.batch.v == NULL)
    {
        rc = phr_err_set(err, PHR_ENOMEM, "no memory for an import");
        goto done;
    }

    rc = conf->format == PHR_IMPORT_JSON
         ? phr_import_lines(&im, body, err)
         : phr_import_exposition(&im, conf->format == PHR_IMPORT_TEXT
                                      ? PHR_EXPO_TEXT : PHR_EXPO_OPENMETRICS,
                                 body, err);

    /* what came before a bad line is stored, and the line is the error */

    if (rc == PHR_OK || rc == PHR_EPARSE) {
        last = phr_import_flush(&im, 1, rc == PHR_OK ? err : &late);

        if (rc == PHR_OK) {
            rc = last;
        }
    }

done:

    phr_free(im.batch.runs);
    phr_free(im.batch.t_ms);
    phr_free(im.batch.v);
    phr_array_free(&im.batch.exemplars);
    phr_arena_destroy(im.batch.arena);
    phr_arena_destroy(im.arena);

    return rc;
}


static int
phr_import_lines(phr_import_t *im, phr_str_t body, phr_err_t *err)
{
    int                 rc;
    uint32_t            number;
    const char         *p, *end, *eol;
    phr_import_line_t   line;

    phr_import_line_init(&line, im->arena);

    rc = PHR_OK;
    end = body.data + body.len;
    number = 0;

    for (p = body.data; p < end && rc == PHR_OK; p = eol + 1) {
        number++;

        eol = memchr(p, '\n', (size_t) (end - p));
        if (eol == NULL) {
            eol = end;
        }

        while (p < eol && (*p == ' ' || *p == '\t' || *p == '\r')) {
            p++;
        }

        if (p == eol) {
            continue;
        }

        phr_arena_reset(im->arena);

        rc = phr_import_json(&line, phr_str_from(p, (size_t) (eol - p)), err);

        if (rc == PHR_EPARSE && err != NULL) {
            err->line = number;
        }

        if (rc == PHR_OK) {
            im->report->nlines++;

            rc = phr_import_add(im, line.labels, line.t_ms.elts, line.v.elts,
                                line.v.nelts, err);
        }
    }

    phr_import_line_free(&line);

    return rc;
}


static int
phr_import_exposition(phr_import_t *im, phr_expo_format_e format,
    phr_str_t body, phr_err_t *err)
{
    int         rc;
    phr_expo_t  p;

    phr_expo_init(&p, format, body);

    /* as scrapes do, or history and present would be different series */
    p.normalize = 1;

    for ( ;; ) {
        rc = phr_expo_next(&p, err);

        if (rc == PHR_OK && p.event == PHR_EXPO_SAMPLE) {
            rc = phr_import_sample(im, &p, err);
        }

        if (rc != PHR_OK) {
            break;
        }

        im->report->nlines++;
    }

    phr_expo_free(&p);

    return rc == PHR_DONE ? PHR_OK : rc;
}


static int
phr_import_sample(phr_import_t *im, phr_expo_t *p, phr_err_t *err)
{
    int           rc;
    int64_t       t_ms;
    phr_labels_t  ls;

    phr_arena_reset(im->arena);

    rc = phr_expo_labels(p, im->arena, &ls, err);

    if (rc == PHR_OK) {
        rc = phr_import_labels_check(ls, err);
    }

    if (rc == PHR_EINVAL) {
        rc = PHR_EPARSE;

        if (err != NULL) {
            err->code = rc;
            err->line = phr_import_line_of(p);
        }
    }

    if (rc != PHR_OK) {
        return rc;
    }

    t_ms = p->has_t ? p->t_ms : im->conf->now_ms;

    rc = phr_import_add(im, ls, &t_ms, &p->value, 1, err);

    if (rc == PHR_OK && p->has_exemplar) {
        rc = phr_import_exemplar(&im->batch, p, t_ms, err);
    }

    return rc;
}


/* of the series of the last run; one without proper labels is left out */
static int
phr_import_exemplar(phr_import_batch_t *b, phr_expo_t *p, int64_t t_ms,
    phr_err_t *err)
{
    int                     rc;
    phr_exemplar_t          e;
    phr_import_exemplar_t  *x;

    rc = phr_expo_exemplar(p, b->arena, &e);

    if (rc == PHR_OK) {
        x = phr_array_push(&b->exemplars);

        if (x != NULL) {
            e.t_ms = e.has_t ? e.t_ms : t_ms;
            x->run = b->nruns - 1;
            x->e = e;
            return PHR_OK;
        }
    }

    return rc == PHR_EPARSE
           ? PHR_OK : phr_err_set(err, PHR_ENOMEM, "no memory for an import");
}


/* the number of the line of the sample last returned */
static uint32_t
phr_import_line_of(const phr_expo_t *p)
{
    uint32_t     n;
    const char  *at;

    n = 1;

    for (at = p->body; at < p->start; at++) {
        n += (*at == '\n');
    }

    return n;
}


/* samples of one series into this batch and, if it is full, the next */
static int
phr_import_add(phr_import_t *im, phr_labels_t ls, const int64_t *t_ms,
    const double *v, size_t n, phr_err_t *err)
{
    int                  rc;
    size_t               k;
    phr_import_batch_t  *b;

    b = &im->batch;
    im->report->nsamples += n;

    while (n > 0) {

        if (b->n == PHR_IMPORT_BATCH) {
            rc = phr_import_flush(im, 0, err);
            if (rc != PHR_OK) {
                return rc;
            }
        }

        k = phr_min(n, PHR_IMPORT_BATCH - b->n);

        rc = phr_import_run(im, ls, k, err);
        if (rc != PHR_OK) {
            return rc;
        }

        memcpy(b->t_ms + b->n, t_ms, k * sizeof(int64_t));
        memcpy(b->v + b->n, v, k * sizeof(double));

        b->n += k;
        t_ms += k;
        v += k;
        n -= k;
    }

    return PHR_OK;
}


/* n samples more of this series: of the run before, or of a new one */
static int
phr_import_run(phr_import_t *im, phr_labels_t ls, size_t n, phr_err_t *err)
{
    phr_import_run_t    *run;
    phr_import_batch_t  *b;

    b = &im->batch;

    if (b->nruns > 0) {
        run = &b->runs[b->nruns - 1];

        if (phr_labels_cmp(run->labels, ls) == 0) {
            run->n += n;
            return PHR_OK;
        }
    }

    /* a run has at least one sample, so there is room for this one */

    run = &b->runs[b->nruns];

    if (phr_labels_copy(b->arena, ls, &run->labels) != PHR_OK) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for an import");
    }

    run->n = n;
    b->nruns++;

    return PHR_OK;
}


static int
phr_import_flush(phr_import_t *im, int last, phr_err_t *err)
{
    int                   rc;
    phr_import_batch_t   *b;
    phr_import_report_t  *r;

    b = &im->batch;

    if (b->n == 0) {
        return PHR_OK;
    }

    if (im->conf->stop != NULL && phr_shared_get(im->conf->stop) != 0) {
        return phr_err_set(err, PHR_EUNAVAIL, "shutting down");
    }

    b->last = last != 0;
    memset(&b->report, 0, sizeof(phr_import_report_t));

    rc = im->conf->write(im->conf->data, b, err);

    if (rc == PHR_OK) {
        r = im->report;
        r->nstored += b->report.nstored;
        r->nduplicates += b->report.nduplicates;
        r->nout_of_bounds += b->report.nout_of_bounds;
        r->nover_series += b->report.nover_series;
    }

    b->n = 0;
    b->nruns = 0;
    b->exemplars.nelts = 0;
    phr_arena_reset(b->arena);

    return rc;
}


int
phr_import_append(phr_import_batch_t *b, phr_appender_t *app,
    phr_err_t *err)
{
    int           rc;
    size_t        i, k, from, n;
    int8_t       *status;
    phr_sid_t    *sid, id;
    phr_batch_t   batch;

    memset(&batch, 0, sizeof(phr_batch_t));

    sid = phr_arena_alloc(b->arena, b->n * sizeof(phr_sid_t));
    status = phr_arena_calloc(b->arena, b->n, 1);

    if (sid == NULL || status == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for an import");
    }

    rc = app->ops->source(app, phr_str_of(PHR_IMPORT_SOURCE), &batch.source,
                          err);
    if (rc != PHR_OK) {
        return rc;
    }

    /* series without room are left out, the others close up */

    from = 0;
    n = 0;

    for (i = 0; i < b->nruns; i++) {
        rc = app->ops->series(app, b->runs[i].labels, &id, err);

        b->runs[i].sid = rc == PHR_OK ? id : 0;

        if (rc == PHR_ELIMIT || rc == PHR_ELABELS) {
            b->report.nover_series += b->runs[i].n;
            from += b->runs[i].n;
            continue;
        }

        if (rc != PHR_OK) {
            return rc;
        }

        for (k = 0; k < b->runs[i].n; k++, n++, from++) {
            sid[n] = id;
            b->t_ms[n] = b->t_ms[from];
            b->v[n] = b->v[from];
        }
    }

    batch.sid = sid;
    batch.v = b->v;
    batch.t_each = b->t_ms;
    batch.n = n;
    batch.status = status;
    batch.backfill = 1;

    rc = app->ops->append(app, &batch, err);

    if (rc >= 0 && app->exemplars) {
        rc = phr_import_exemplars(b, app, err);
    }

    return rc < 0 ? rc : phr_import_count(b, status, n);
}


static int
phr_import_exemplars(phr_import_batch_t *b, phr_appender_t *app,
    phr_err_t *err)
{
    int                     rc;
    size_t                  i;
    int8_t                  status;
    phr_import_exemplar_t  *x;

    for (i = 0; i < b->exemplars.nelts; i++) {
        x = phr_array_get(&b->exemplars, phr_import_exemplar_t, i);

        if (b->runs[x->run].sid == 0) {
            continue;
        }

        rc = app->ops->exemplars(app, &b->runs[x->run].sid, &x->e, 1, &status,
                                 err);
        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


static int
phr_import_count(phr_import_batch_t *b, const int8_t *status, size_t n)
{
    size_t                i;
    phr_import_report_t  *r;

    r = &b->report;

    for (i = 0; i < n; i++) {
        r->nstored += status[i] == PHR_OK;
        r->nout_of_bounds += status[i] == PHR_ELIMIT;
        r->nduplicates += status[i] != PHR_OK && status[i] != PHR_ELIMIT;
    }

    return PHR_OK;
}


int
phr_import_labels_check(phr_labels_t ls, phr_err_t *err)
{
    size_t              i;
    const phr_label_t  *l;

    if (phr_labels_get(ls, phr_str_of(PHR_METRIC_NAME)).len == 0) {
        return phr_err_set(err, PHR_EINVAL, "a metric without a name");
    }

    if (ls.n > PHR_IMPORT_MAX_LABELS) {
        return phr_err_set(err, PHR_EINVAL, "%zu labels, more than %d", ls.n,
                           PHR_IMPORT_MAX_LABELS);
    }

    for (i = 0; i < ls.n; i++) {
        l = &ls.l[i];

        if (l->name.len == 0 || l->name.len > PHR_IMPORT_MAX_NAME
            || l->value.len > PHR_IMPORT_MAX_VALUE)
        {
            return phr_err_set(err, PHR_EINVAL, "a label with a name of %zu "
                               "and a value of %zu bytes", l->name.len,
                               l->value.len);
        }

        if (!phr_utf8_valid(l->name.data, l->name.len)
            || !phr_utf8_valid(l->value.data, l->value.len))
        {
            return phr_err_set(err, PHR_EINVAL, "a label is not UTF-8");
        }
    }

    return PHR_OK;
}
