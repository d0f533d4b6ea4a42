/*
 * Copyright (C) The Pharos Authors
 *
 * Script: one test script and the "eval" of it that is being run; reading
 * of its lines.  What series hold is in series.h.
 */

#ifndef SCRIPT_H_INCLUDED
#define SCRIPT_H_INCLUDED


#include <stdarg.h>
#include <stdio.h>

#include "memstore.h"
#include "series.h"


#define SCRIPT_MAX_LINES    20000
#define SCRIPT_MAX_EXPECTS  64
#define SCRIPT_MAX_STARTS   256


typedef enum {
    EXPECT_ORDERED = 0,
    EXPECT_FAIL,
    EXPECT_WARN,
    EXPECT_NO_WARN,
    EXPECT_INFO,
    EXPECT_NO_INFO,
    EXPECT_MAX
} script_expect_e;


typedef struct {
    script_expect_e  type;
    const char      *text;      /* NULL: anything */
    int              regex;
} script_expect_t;


/* one "eval" with what follows it */
typedef struct {
    const char       *expr;
    int               line;
    int               is_range;
    int64_t           start_ms, end_ms, step_ms;

    script_expect_t   expects[SCRIPT_MAX_EXPECTS];
    size_t            nexpects;
    int               has[EXPECT_MAX];

    int               is_scalar;
    double            scalar;
    int               is_string;
    phr_str_t         string;
    int               is_matrix;        /* "expect range vector" */
    int64_t           from_ms, to_ms, every_ms;
    script_series_t   series[512];
    size_t            nseries;
} script_eval_t;


typedef struct {
    const char       *file;
    char             *lines[SCRIPT_MAX_LINES];
    size_t            nlines;
    phr_memstore_t   *store;
    phr_arena_t      *arena;            /* of the script */
    script_eval_t     eval;
    int               names_at_once;    /* "names immediate" */
    int               passed, failed;
    char              why[2048];
} script_t;


static const char *const  script_expect_names[EXPECT_MAX] = {
    "ordered", "fail", "warn", "no_warn", "info", "no_info"
};


static inline int
script_fail(script_t *s, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    vsnprintf(s->why, sizeof(s->why), fmt, args);
    va_end(args);

    return PHR_ERROR;
}


/* cuts the text to lines without space around them and without comments */
static inline int
script_split(script_t *s, char *text)
{
    char  *p, *end;

    s->nlines = 0;

    for (p = text; p != NULL; p = end) {
        end = strchr(p, '\n');

        if (end != NULL) {
            *end++ = '\0';
        }

        if (s->nlines == SCRIPT_MAX_LINES) {
            return PHR_ELIMIT;
        }

        p += strspn(p, " \t\r");

        while (*p != '\0' && strchr(" \t\r", p[strlen(p) - 1]) != NULL) {
            p[strlen(p) - 1] = '\0';
        }

        if (*p == '#') {
            *p = '\0';
        }

        s->lines[s->nlines++] = p;
    }

    return PHR_OK;
}


static inline int
script_duration(const char **p, int64_t *ms)
{
    const char  *start;

    script_space(p);
    start = *p;

    while (**p != '\0' && **p != ' ' && **p != '\t') {
        (*p)++;
    }

    return phr_duration_parse(start, *p - start, ms);
}


/*
 * Start timestamps, in a line of their own before that of the samples, from
 * whose times they count: "_", "-30s", "-30sx2", "-30s-1mx2".  How many there
 * are in out, which has room for max; 0 if it is something else.
 */
static inline size_t
script_starts(const char *p, int64_t *out, int *has, size_t max)
{
    size_t   n, k, len;
    int      sign;
    int64_t  part[2];

    n = 0;

    for (script_space(&p); *p != '\0'; script_space(&p)) {

        if (*p == '_') {
            p++;
            k = *p == 'x' ? strtoul(p + 1, (char **) &p, 10) : 1;

            for ( ; k > 0 && n < max; k--) {
                has[n] = 0;
                out[n++] = 0;
            }

            continue;
        }

        part[1] = 0;

        for (k = 0; k < 2 && *p != '\0' && strchr("x \t", *p) == NULL; k++) {
            sign = *p == '-' ? -1 : 1;
            p += *p == '-' || *p == '+';
            len = strcspn(p, "+-x \t");

            if (len == 1 && *p == '0') {
                part[k] = 0;

            } else if (phr_duration_parse(p, len, &part[k]) != PHR_OK) {
                return 0;
            }

            part[k] *= sign;
            p += len;
        }

        len = *p == 'x' ? strtoul(p + 1, (char **) &p, 10) : 0;

        for (k = 0; k <= len && n < max; k++) {
            has[n] = 1;
            out[n++] = part[0] + (int64_t) k * part[1];
        }
    }

    return n;
}


static inline int
script_word(const char **p, const char *word)
{
    script_space(p);

    if (strncmp(*p, word, strlen(word)) != 0) {
        return 0;
    }

    *p += strlen(word);

    return 1;
}


static inline int
script_add_expect(script_t *s, script_expect_e type, const char *text,
    int regex)
{
    script_expect_t  *e;

    if (s->eval.nexpects == SCRIPT_MAX_EXPECTS) {
        return script_fail(s, "too many expectations");
    }

    e = &s->eval.expects[s->eval.nexpects++];
    e->type = type;
    e->text = text;
    e->regex = regex;
    s->eval.has[type] = 1;

    return PHR_OK;
}


static inline int
script_parse_expect(script_t *s, const char *p)
{
    int  i;

    script_space(&p);

    if (script_word(&p, "range vector from")) {
        s->eval.is_matrix = 1;

        if (script_duration(&p, &s->eval.from_ms) != PHR_OK
            || !script_word(&p, "to")
            || script_duration(&p, &s->eval.to_ms) != PHR_OK
            || !script_word(&p, "step")
            || script_duration(&p, &s->eval.every_ms) != PHR_OK)
        {
            return script_fail(s, "bad range vector");
        }

        return PHR_OK;
    }

    if (script_word(&p, "string")) {
        script_space(&p);
        s->eval.is_string = 1;

        return phr_quote_read(s->arena, phr_str_from_c(p), &s->eval.string);
    }

    /* the longer names first: "no_warn" has "warn" in it, but not before */

    for (i = 0; i < EXPECT_MAX; i++) {
        if (!script_word(&p, script_expect_names[i])) {
            continue;
        }

        if (script_word(&p, "msg:")) {
            script_space(&p);
            return script_add_expect(s, i, p, 0);
        }

        if (script_word(&p, "regex:")) {
            script_space(&p);
            return script_add_expect(s, i, p, 1);
        }

        return script_add_expect(s, i, NULL, 0);
    }

    return script_fail(s, "bad expectation");
}


static inline int
script_parse_eval(script_t *s, size_t *i)
{
    int               type;
    const char       *p, *line;
    script_eval_t    *ev;
    script_series_t  *series;

    ev = &s->eval;
    memset(ev, 0, sizeof(*ev));
    ev->line = (int) *i + 1;

    p = s->lines[*i] + 4;

    for (type = 0; *p == '_' && type < EXPECT_MAX; type++) {
        if (strncmp(p + 1, script_expect_names[type],
                    strlen(script_expect_names[type])) == 0)
        {
            p += 1 + strlen(script_expect_names[type]);
            script_add_expect(s, type, NULL, 0);
        }
    }

    if (script_word(&p, "instant")) {
        if (!script_word(&p, "at")
            || script_duration(&p, &ev->start_ms) != PHR_OK)
        {
            return script_fail(s, "bad time");
        }

        ev->end_ms = ev->start_ms;

    } else if (script_word(&p, "range")) {
        ev->is_range = 1;

        if (!script_word(&p, "from")
            || script_duration(&p, &ev->start_ms) != PHR_OK
            || !script_word(&p, "to")
            || script_duration(&p, &ev->end_ms) != PHR_OK
            || !script_word(&p, "step")
            || script_duration(&p, &ev->step_ms) != PHR_OK)
        {
            return script_fail(s, "bad range");
        }

    } else {
        return script_fail(s, "neither instant nor range");
    }

    script_space(&p);
    ev->expr = p;

    while (*i + 1 < s->nlines && s->lines[*i + 1][0] != '\0') {
        line = s->lines[++*i];

        if (strncmp(line, "expect ", 7) == 0) {
            if (script_parse_expect(s, line + 7) != PHR_OK) {
                return PHR_ERROR;
            }

            continue;
        }

        if (phr_number_parse(line, strlen(line), &ev->scalar) == PHR_OK) {
            ev->is_scalar = 1;
            break;
        }

        if (ev->nseries == phr_nelems(ev->series)) {
            return script_fail(s, "too many series");
        }

        series = &ev->series[ev->nseries++];

        if (script_series(s->arena, line, series) != PHR_OK) {
            return script_fail(s, "bad series: %s", line);
        }

    }

    return PHR_OK;
}


#endif /* SCRIPT_H_INCLUDED */
