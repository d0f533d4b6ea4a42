/*
 * Copyright (C) The Pharos Authors
 *
 * OpenMetrics 1.0: exactly one space between tokens, no blank lines, no
 * free comments, timestamps in seconds, exemplars, and "# EOF" at the end,
 * without which the body is taken for cut short.
 */

#include "ingest/exposition.h"

#include <math.h>

#include "core/utf8.h"


static int phr_expo_openmetrics_comment(phr_expo_t *p, phr_err_t *err);
static int phr_expo_openmetrics_meta(phr_expo_t *p, phr_expo_event_e event,
    phr_err_t *err);
static int phr_expo_openmetrics_unit(phr_expo_t *p, phr_err_t *err);
static int phr_expo_openmetrics_exemplar(phr_expo_t *p, phr_err_t *err);
static int phr_expo_openmetrics_value(phr_expo_t *p, double *v,
    const char *what, phr_err_t *err);
static int phr_expo_openmetrics_time(phr_expo_t *p, int64_t *t_ms,
    phr_err_t *err);
static int phr_expo_openmetrics_at(phr_expo_t *p, const char *s);


int
phr_expo_openmetrics_next(phr_expo_t *p, phr_err_t *err)
{
    int  rc;

    p->start = p->pos;

    if (p->pos == p->end) {
        return phr_expo_error(p, err, "data does not end with # EOF");
    }

    if (*p->pos == '#') {
        return phr_expo_openmetrics_comment(p, err);
    }

    p->event = PHR_EXPO_SAMPLE;

    rc = phr_expo_openmetrics_metric(p, err);
    if (rc != PHR_OK) {
        return rc;
    }

    return phr_expo_openmetrics_rest(p, err);
}


int
phr_expo_openmetrics_metric(phr_expo_t *p, phr_err_t *err)
{
    int  rc;

    p->pairs.nelts = 0;

    p->name = phr_expo_name(p, 1);
    if (p->name.len == 0) {
        p->name.data = NULL;
    }

    if (p->pos < p->end && *p->pos == '{') {
        p->pos++;

        rc = phr_expo_pairs(p, &p->pairs, 0, err);
        if (rc != PHR_OK) {
            return rc;
        }

        if (p->name.data == NULL) {
            return phr_expo_error(p, err, "metric name not set");
        }

    } else if (p->name.data == NULL) {
        return phr_expo_error(p, err, "expected a valid start token");
    }

    p->metric_len = (size_t) (p->pos - p->start);

    return PHR_OK;
}


int
phr_expo_openmetrics_rest(phr_expo_t *p, phr_err_t *err)
{
    int  rc;

    rc = phr_expo_openmetrics_value(p, &p->value,
                                    "expected value after metric", err);
    if (rc != PHR_OK) {
        return rc;
    }

    p->has_t = 0;
    p->has_exemplar = 0;

    if (p->pos < p->end && *p->pos == ' '
        && !phr_expo_openmetrics_at(p, " # {"))
    {
        rc = phr_expo_openmetrics_time(p, &p->t_ms, err);
        if (rc != PHR_OK) {
            return rc;
        }

        p->has_t = 1;
    }

    if (phr_expo_openmetrics_at(p, " # {")) {
        rc = phr_expo_openmetrics_exemplar(p, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (p->pos == p->end) {
        return phr_expo_error(p, err, "data does not end with # EOF");
    }

    if (*p->pos != '\n') {
        return phr_expo_error(p, err, "expected next entry after sample");
    }

    p->pos++;

    return PHR_OK;
}


int
phr_expo_exemplar_again(phr_expo_t *p, phr_str_t exemplar, phr_err_t *err)
{
    p->body = exemplar.data;
    p->pos = exemplar.data;
    p->start = exemplar.data;
    p->end = exemplar.data + exemplar.len;
    p->format = PHR_EXPO_OPENMETRICS;

    return phr_expo_openmetrics_exemplar(p, err);
}


static int
phr_expo_openmetrics_comment(phr_expo_t *p, phr_err_t *err)
{
    size_t  i;

    static const struct {
        const char        *word;
        phr_expo_event_e   event;
    } words[] = {
        { "# HELP ", PHR_EXPO_HELP },
        { "# TYPE ", PHR_EXPO_TYPE },
        { "# UNIT ", PHR_EXPO_UNIT },
    };

    for (i = 0; i < phr_nelems(words); i++) {
        if (phr_expo_openmetrics_at(p, words[i].word)) {
            p->pos += 7;
            return phr_expo_openmetrics_meta(p, words[i].event, err);
        }
    }

    if (!phr_expo_openmetrics_at(p, "# EOF")) {
        return phr_expo_error(p, err, "expected a valid start token");
    }

    p->pos += 5;

    if (p->pos < p->end && *p->pos == '\n') {
        p->pos++;
    }

    if (p->pos != p->end) {
        return phr_expo_error(p, err, "unexpected data after # EOF");
    }

    return PHR_DONE;
}


static int
phr_expo_openmetrics_meta(phr_expo_t *p, phr_expo_event_e event,
    phr_err_t *err)
{
    const char  *s, *eol;

    p->event = event;

    if (phr_expo_quoted(p, 1, &p->name) != PHR_OK) {
        p->name = phr_expo_name(p, 1);
        if (p->name.len == 0) {
            return phr_expo_error(p, err,
                                  "expected metric name in metadata");
        }
    }

    s = p->pos;
    eol = memchr(s, '\n', (size_t) (p->end - s));

    if (eol == NULL || *s != ' ') {
        return phr_expo_error(p, err, "expected text in metadata");
    }

    p->text = phr_str_from(s + 1, (size_t) (eol - s - 1));

    if (event == PHR_EXPO_HELP) {
        if (!phr_utf8_valid(p->text.data, p->text.len)) {
            return phr_expo_error(p, err, "help is not valid UTF-8");
        }

    } else if (event == PHR_EXPO_UNIT) {
        if (phr_expo_openmetrics_unit(p, err) != PHR_OK) {
            return PHR_EPARSE;
        }

    } else if (phr_metric_type_parse(p->text, &p->type) != PHR_OK) {
        return phr_expo_error(p, err, "invalid metric type");
    }

    p->pos = eol + 1;

    return PHR_OK;
}


/* a metric with a unit has it as its suffix */

static int
phr_expo_openmetrics_unit(phr_expo_t *p, phr_err_t *err)
{
    phr_str_t  n, u;

    n = p->name;
    u = p->text;

    if (u.len == 0
        || (n.len > u.len
            && memcmp(n.data + n.len - u.len, u.data, u.len) == 0
            && n.data[n.len - u.len - 1] == '_'))
    {
        return PHR_OK;
    }

    return phr_expo_error(p, err, "unit is not a suffix of the metric");
}


static int
phr_expo_openmetrics_exemplar(phr_expo_t *p, phr_err_t *err)
{
    int          rc;
    const char  *s;

    s = p->pos;
    p->pos += 4;
    p->exemplar_pairs.nelts = 0;

    rc = phr_expo_pairs(p, &p->exemplar_pairs, 1, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_expo_openmetrics_value(p, &p->exemplar_value,
                                    "expected value after exemplar labels",
                                    err);
    if (rc != PHR_OK) {
        return rc;
    }

    p->has_exemplar = 1;
    p->has_exemplar_t = 0;

    if (p->pos < p->end && *p->pos == ' ') {
        rc = phr_expo_openmetrics_time(p, &p->exemplar_t_ms, err);
        if (rc != PHR_OK) {
            return rc;
        }

        p->has_exemplar_t = 1;
    }

    p->exemplar = phr_str_from(s, (size_t) (p->pos - s));

    return PHR_OK;
}


static int
phr_expo_openmetrics_value(phr_expo_t *p, double *v, const char *what,
    phr_err_t *err)
{
    if (p->end - p->pos < 2 || *p->pos != ' ' || p->pos[1] == ' '
        || p->pos[1] == '\n')
    {
        return phr_expo_error(p, err, what);
    }

    p->pos++;

    return phr_expo_value(p, v, err);
}


static int
phr_expo_openmetrics_time(phr_expo_t *p, int64_t *t_ms, phr_err_t *err)
{
    int          rc;
    double       t;
    const char  *s;

    s = p->pos;

    rc = phr_expo_openmetrics_value(p, &t, "expected timestamp", err);
    if (rc != PHR_OK) {
        return rc;
    }

    t *= 1000;

    if (!(fabs(t) < 9.2e18)) {
        p->pos = s;
        return phr_expo_error(p, err, "invalid timestamp");
    }

    *t_ms = (int64_t) t;

    return PHR_OK;
}


static int
phr_expo_openmetrics_at(phr_expo_t *p, const char *s)
{
    size_t  len;

    len = strlen(s);

    return (size_t) (p->end - p->pos) >= len && memcmp(p->pos, s, len) == 0;
}
