/*
 * Copyright (C) The Pharos Authors
 *
 * Export: /api/v1/export, samples as they are stored, in the lines of JSON
 * that /api/v1/import takes and VictoriaMetrics writes:
 *
 *     {"metric":{"__name__":"a"},"values":[1,null],"timestamps":[5,6]}
 *
 * NaN is null, an infinity "Infinity" or "-Infinity".  The marker that ends
 * a series has no form there: it is left out, as null would come back as a
 * value; with stale_markers=1 it is written as "StaleNaN".  Nor have native
 * histograms: they are left out.
 */

#include "api/call.h"

#include <math.h>

#include "core/number.h"


/* samples of a line, unless the client says how many */
#define PHR_EXPORT_ROWS      10000
#define PHR_EXPORT_MAX_ROWS  1000000


typedef struct {
    phr_call_t          *c;
    phr_buf_t           *out;
    phr_querier_t       *querier;
    phr_matcher_list_t  *lists;
    size_t               nlists;
    int64_t              start_ms;
    int64_t              end_ms;
    int64_t              nrows;         /* of a line */
    int                  stale;         /* markers are written */
} phr_export_t;


static int phr_export_params(phr_export_t *ex, phr_err_t *err);
static int phr_export_list(phr_export_t *ex, size_t list, phr_err_t *err);
static int phr_export_series(phr_export_t *ex, const phr_series_t *s,
    phr_err_t *err);
static int phr_export_wants(const phr_export_t *ex, const phr_series_t *s,
    size_t i);
static void phr_export_line(phr_export_t *ex, const phr_series_t *s,
    size_t from, size_t to);
static void phr_export_value(phr_buf_t *out, double v);


int
phr_api_export(phr_call_t *c, phr_err_t *err)
{
    int           rc;
    size_t        i;
    phr_export_t  ex;

    memset(&ex, 0, sizeof(phr_export_t));
    ex.c = c;
    ex.out = &c->res->body;

    rc = phr_export_params(&ex, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_call_matchers(c, 1, &ex.lists, &ex.nlists, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (ex.nlists == 0) {
        return phr_err_set(err, PHR_EINVAL, "no match[] parameter provided");
    }

    rc = c->api->storage->querier(c->api->storage, &ex.querier, err);
    if (rc != PHR_OK) {
        goto done;
    }

    ex.querier->stop = c->req->stop;

    c->res->status = 200;
    c->res->content_type = phr_str_of("application/stream+json; "
                                      "charset=utf-8");

    for (i = 0; i < ex.nlists && rc == PHR_OK; i++) {
        rc = phr_export_list(&ex, i, err);
    }

    ex.querier->ops->close(ex.querier);

done:

    phr_call_free_matchers(ex.lists, ex.nlists);

    return rc;
}


static int
phr_export_params(phr_export_t *ex, phr_err_t *err)
{
    int         rc;
    phr_str_t   s;

    rc = phr_call_time(ex->c, "start", PHR_TIME_MIN, &ex->start_ms, err);

    if (rc == PHR_OK) {
        rc = phr_call_time(ex->c, "end", PHR_TIME_MAX, &ex->end_ms, err);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    s = phr_call_param(ex->c, "max_rows_per_line");
    ex->nrows = PHR_EXPORT_ROWS;

    if (s.len != 0
        && (phr_int_parse(s.data, s.len, &ex->nrows) != PHR_OK
            || ex->nrows < 1 || ex->nrows > PHR_EXPORT_MAX_ROWS))
    {
        return phr_err_set(err, PHR_EINVAL, "invalid parameter "
                           "\"max_rows_per_line\": not a number from 1 to "
                           "%d", PHR_EXPORT_MAX_ROWS);
    }

    ex->stale = phr_str_eq(phr_call_param(ex->c, "stale_markers"),
                           phr_str_of("1"));

    return PHR_OK;
}


/* the series of one match[], but for those that an earlier one had */

static int
phr_export_list(phr_export_t *ex, size_t list, phr_err_t *err)
{
    int                        rc, given;
    size_t                     i;
    phr_series_t               s;
    phr_arena_mark_t           mark, labels;
    phr_series_set_t          *set;
    const phr_matcher_list_t  *m;

    static const phr_select_hints_t  hints;

    m = &ex->lists[list];
    mark = phr_arena_mark(ex->c->arena);

    rc = ex->querier->ops->select(ex->querier, m->m, m->n, ex->start_ms,
                                  ex->end_ms, &hints, ex->c->arena, &set,
                                  err);

    labels = phr_arena_mark(ex->c->arena);

    while (rc == PHR_OK) {

        rc = phr_call_poll(ex->c, "the export", err);
        if (rc < 0) {
            return rc;
        }

        rc = set->next(set, &s, err);
        if (rc != PHR_OK) {
            break;
        }

        for (i = 0, given = 0; given == 0 && i < list; i++) {
            given = phr_matchers_match(ex->lists[i].m, ex->lists[i].n,
                                       s.labels);
        }

        if (given < 0) {
            return phr_matcher_fail(&ex->lists[i - 1].m[0], given, err);
        }

        if (given == 0) {
            rc = phr_export_series(ex, &s, err);
        }

        phr_arena_release(ex->c->arena, labels);
    }

    phr_arena_release(ex->c->arena, mark);

    return rc == PHR_DONE ? PHR_OK : rc;
}


static int
phr_export_series(phr_export_t *ex, const phr_series_t *s, phr_err_t *err)
{
    int     rc;
    size_t  i, from, n;

    rc = PHR_OK;
    from = 0;
    n = 0;

    for (i = 0; i < s->n && rc == PHR_OK; i++) {

        n += phr_export_wants(ex, s, i);

        if (n == (size_t) ex->nrows) {
            phr_export_line(ex, s, from, i + 1);
            from = i + 1;
            n = 0;

            rc = phr_call_stream(ex->c, err);
        }
    }

    if (n > 0 && rc == PHR_OK) {
        phr_export_line(ex, s, from, s->n);
        rc = phr_call_stream(ex->c, err);
    }

    ex->c->res->samples_read += (int64_t) s->n;

    return rc == PHR_OK ? ex->out->failed : rc;
}


/* lines have no form for native histograms */

static int
phr_export_wants(const phr_export_t *ex, const phr_series_t *s, size_t i)
{
    if (s->h != NULL && s->h[i] != NULL) {
        return 0;
    }

    return ex->stale || !phr_is_stale(s->v[i]);
}


static void
phr_export_line(phr_export_t *ex, const phr_series_t *s, size_t from,
    size_t to)
{
    size_t             i;
    const char        *comma;
    phr_json_writer_t  w;

    phr_buf_puts(ex->out, "{\"metric\":");

    phr_json_init(&w, ex->out);
    phr_json_object(&w);

    for (i = 0; i < s->labels.n; i++) {
        phr_json_pair_str(&w, s->labels.l[i].name, s->labels.l[i].value);
    }

    phr_json_end_object(&w);
    phr_buf_puts(ex->out, ",\"values\":[");
    comma = "";

    for (i = from; i < to; i++) {
        if (phr_export_wants(ex, s, i)) {
            phr_buf_puts(ex->out, comma);
            phr_export_value(ex->out, s->v[i]);
            comma = ",";
        }
    }

    phr_buf_puts(ex->out, "],\"timestamps\":[");
    comma = "";

    for (i = from; i < to; i++) {
        if (phr_export_wants(ex, s, i)) {
            phr_buf_printf(ex->out, "%s%lld", comma, (long long) s->t_ms[i]);
            comma = ",";
        }
    }

    phr_buf_puts(ex->out, "]}\n");
}


static void
phr_export_value(phr_buf_t *out, double v)
{
    char  *p;

    if (isnan(v)) {
        phr_buf_puts(out, phr_is_stale(v) ? "\"StaleNaN\"" : "null");

    } else if (isinf(v)) {
        phr_buf_puts(out, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");

    } else {
        p = phr_buf_reserve(out, PHR_NUMBER_LEN);

        if (p != NULL) {
            out->len += phr_number_write(p, v);
        }
    }
}
