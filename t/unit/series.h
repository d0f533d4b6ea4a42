/*
 * Copyright (C) The Pharos Authors
 *
 * Series: reads the lines of a test script that say what a series holds:
 *
 *     name{label="value", ...}  1 2+3x4 _ _x2 stale NaN -Inf
 *
 *     {{schema:1 sum:3 buckets:[1 2]}}+{{sum:1 buckets:[1]}}x4
 */

#ifndef SERIES_H_INCLUDED
#define SERIES_H_INCLUDED


#include <ctype.h>
#include <stdlib.h>

#include "core/labels.h"
#include "core/number.h"
#include "core/time.h"
#include "nhist.h"
#include "promql/quote.h"


typedef struct {
    double             v;
    int                omitted;
    const phr_hist_t  *h;           /* NULL: a float */
    int                has_hint;
} script_value_t;


typedef struct {
    phr_labels_t     labels;
    script_value_t  *values;
    size_t           n;
} script_series_t;


static inline void
script_space(const char **p)
{
    while (**p == ' ' || **p == '\t') {
        (*p)++;
    }
}


/* an identifier, or a quoted string; PHR_EPARSE if it is neither */
static inline int
script_name(phr_arena_t *a, const char **p, phr_str_t *out, int *quoted)
{
    const char  *start;

    start = *p;
    *quoted = 0;

    if (*start == '"' || *start == '\'' || *start == '`') {
        for ((*p)++; **p != '\0' && **p != *start; (*p)++) {
            if (**p == '\\' && *start != '`') {
                (*p)++;
            }
        }

        if (**p == '\0') {
            return PHR_EPARSE;
        }

        (*p)++;
        *quoted = 1;

        return phr_quote_read(a, phr_str_from(start, *p - start), out);
    }

    while (isalnum((unsigned char) **p) || **p == '_' || **p == ':') {
        (*p)++;
    }

    *out = phr_str_from(start, *p - start);

    return *p == start ? PHR_EPARSE : PHR_OK;
}


static inline int
script_labels(phr_arena_t *a, const char **p, phr_labels_t *out)
{
    int                   quoted;
    phr_str_t             name, value;
    phr_labels_t          none = { NULL, 0 };
    phr_labels_builder_t  b;

    phr_labels_builder_init(&b, a, none);

    if (**p != '{') {
        if (script_name(a, p, &name, &quoted) != PHR_OK) {
            return PHR_EPARSE;
        }

        phr_labels_builder_set(&b, phr_str_of(PHR_METRIC_NAME), name);
    }

    if (**p == '{') {
        (*p)++;

        for ( ;; ) {
            script_space(p);

            if (**p == '}') {
                (*p)++;
                break;
            }

            if (script_name(a, p, &name, &quoted) != PHR_OK) {
                return PHR_EPARSE;
            }

            script_space(p);

            if (**p == '=') {
                (*p)++;
                script_space(p);

                if (script_name(a, p, &value, &quoted) != PHR_OK || !quoted) {
                    return PHR_EPARSE;
                }

            } else {
                value = name;
                name = phr_str_of(PHR_METRIC_NAME);
            }

            phr_labels_builder_set(&b, name, value);
            script_space(p);

            if (**p == ',') {
                (*p)++;

            } else if (**p != '}') {
                return PHR_EPARSE;
            }
        }
    }

    return phr_labels_build(&b, out);
}


/* a number with its sign, where "x" and a second sign end it */
static inline int
script_number(const char **p, double *v)
{
    char         buf[64];
    size_t       n;
    const char  *s;

    s = *p;
    n = 0;

    if (*s == '+' || *s == '-') {
        buf[n++] = *s++;
    }

    if (strncmp(s, "stale", 5) == 0) {
        *v = phr_double_from_bits(PHR_STALE_NAN_BITS);
        *p = s + 5;
        return PHR_OK;
    }

    while (n < sizeof(buf) - 1
           && (isalnum((unsigned char) *s) || *s == '.'
               || ((*s == '+' || *s == '-') && (s[-1] == 'e'
                                                || s[-1] == 'E')))
           && *s != 'x')
    {
        buf[n++] = *s++;
    }

    *p = s;

    return phr_number_parse(buf, n, v);
}


static inline int
script_push(phr_arena_t *a, script_series_t *s, double v, int omitted)
{
    if (s->n % 1024 == 0) {
        s->values = phr_arena_grow(a, s->values,
                                   s->n * sizeof(script_value_t),
                                   (s->n + 1024) * sizeof(script_value_t));
        if (s->values == NULL) {
            return PHR_ENOMEM;
        }
    }

    s->values[s->n].h = NULL;
    s->values[s->n].v = v;
    s->values[s->n++].omitted = omitted;

    return PHR_OK;
}


static inline int
script_count(const char **p, long *n)
{
    char  *end;

    if (**p != 'x') {
        return PHR_EPARSE;
    }

    *n = strtol(*p + 1, &end, 10);

    if (end == *p + 1) {
        return PHR_EPARSE;
    }

    *p = end;

    return PHR_OK;
}


static inline int
script_histograms(phr_arena_t *a, const char **p, script_series_t *s)
{
    int          rc, minus, has_hint;
    long         i, n;
    phr_hist_t  *h, *step;

    rc = nhist_parse(a, p, &h, &has_hint);
    step = NULL;
    minus = 0;
    n = 0;

    if (rc == PHR_OK && (**p == '+' || **p == '-')) {
        minus = *(*p)++ == '-';
        rc = nhist_parse(a, p, &step, &has_hint);
    }

    if (rc == PHR_OK && (**p == 'x' || step != NULL)) {
        rc = script_count(p, &n);
    }

    for (i = 0; i <= n && rc == PHR_OK; i++) {
        if (i != 0 && step != NULL) {
            rc = nhist_step(a, h, step, minus, &h);
            if (rc != PHR_OK) {
                return rc;
            }
        }

        rc = script_push(a, s, h->sum, 0);

        if (rc == PHR_OK) {
            s->values[s->n - 1].h = h;
            s->values[s->n - 1].has_hint = has_hint;
        }
    }

    return rc;
}


static inline int
script_item(phr_arena_t *a, const char **p, script_series_t *s)
{
    int     rc;
    long    i, n;
    double  v, step;

    if (strncmp(*p, "{{", 2) == 0) {
        return script_histograms(a, p, s);
    }

    if (**p == '_') {
        (*p)++;
        n = 1;

        if (**p == 'x' && script_count(p, &n) != PHR_OK) {
            return PHR_EPARSE;
        }

        for (i = 0, rc = PHR_OK; i < n && rc == PHR_OK; i++) {
            rc = script_push(a, s, 0, 1);
        }

        return rc;
    }

    if (script_number(p, &v) != PHR_OK) {
        return PHR_EPARSE;
    }

    step = 0;
    n = 0;

    if (**p == '+' || **p == '-') {
        if (script_number(p, &step) != PHR_OK
            || script_count(p, &n) != PHR_OK)
        {
            return PHR_EPARSE;
        }

        for (i = 0, rc = PHR_OK; i <= n && rc == PHR_OK; i++) {
            rc = script_push(a, s, v, 0);
            v += step;
        }

        return rc;
    }

    if (**p == 'x' && script_count(p, &n) != PHR_OK) {
        return PHR_EPARSE;
    }

    for (i = 0, rc = PHR_OK; i <= n && rc == PHR_OK; i++) {
        rc = script_push(a, s, v, 0);
    }

    return rc;
}


/* PHR_OK, PHR_EPARSE or PHR_ENOMEM */
static inline int
script_series(phr_arena_t *a, const char *line, script_series_t *s)
{
    int          rc;
    const char  *p;

    memset(s, 0, sizeof(*s));
    p = line;

    rc = script_labels(a, &p, &s->labels);

    for ( ;; ) {
        script_space(&p);

        if (rc != PHR_OK || *p == '\0') {
            return rc;
        }

        rc = script_item(a, &p, s);

        if (rc == PHR_OK && *p != '\0' && *p != ' ' && *p != '\t') {
            return PHR_EPARSE;
        }
    }
}


#endif /* SERIES_H_INCLUDED */
