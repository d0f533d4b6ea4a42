/*
 * Copyright (C) The Pharos Authors
 *
 * Script check: whether the result of a query is what a test script expects:
 * values, order, errors, and what a query says beside its result.
 */

#ifndef SCRIPT_CHECK_H_INCLUDED
#define SCRIPT_CHECK_H_INCLUDED


#include "core/regex.h"
#include "promql/stats.h"
#include "script.h"


#define SCRIPT_EPSILON  0.000001

static inline int
script_text_matches(const script_expect_t *e, phr_str_t text)
{
    int           rc;
    char          pattern[2048];
    phr_regex_t  *re;

    if (e->text == NULL) {
        return 1;
    }

    if (!e->regex) {
        return phr_str_eq(phr_str_from_c(e->text), text);
    }

    snprintf(pattern, sizeof(pattern), ".*(?:%s).*", e->text);

    if (phr_regex_create(phr_str_from_c(pattern), &re, NULL) < 0) {
        return 0;
    }

    rc = phr_regex_match(re, text);
    phr_regex_destroy(re);

    return rc;
}


static inline int
script_check_notes(script_t *s, script_expect_e type, script_expect_e none,
    const phr_str_t *notes, size_t n)
{
    size_t            i, j;
    script_expect_t  *e;
    script_eval_t    *ev;

    ev = &s->eval;

    if (ev->has[none] && n != 0) {
        return script_fail(s, "unexpected annotation: %.*s",
                           (int) notes[0].len, notes[0].data);
    }

    if (!ev->has[type]) {
        return PHR_OK;
    }

    if (n == 0) {
        return script_fail(s, "no %s annotation", script_expect_names[type]);
    }

    for (i = 0; i < ev->nexpects; i++) {
        e = &ev->expects[i];

        for (j = 0; e->type == type && j < n; j++) {
            if (script_text_matches(e, notes[j])) {
                break;
            }
        }

        if (e->type == type && j == n) {
            return script_fail(s, "no annotation like %s, but %.*s", e->text,
                               (int) notes[0].len, notes[0].data);
        }
    }

    for (j = 0; j < n; j++) {
        for (i = 0; i < ev->nexpects; i++) {
            if (ev->expects[i].type == type
                && script_text_matches(&ev->expects[i], notes[j]))
            {
                break;
            }
        }

        if (i == ev->nexpects) {
            return script_fail(s, "unexpected annotation: %.*s",
                               (int) notes[j].len, notes[j].data);
        }
    }

    return PHR_OK;
}


static inline const char *
script_labels_text(phr_labels_t ls, char *buf, size_t size)
{
    phr_buf_t  b;

    phr_buf_init(&b, 0);
    phr_labels_format(&b, ls);
    snprintf(buf, size, "%s", phr_buf_cstr(&b));
    phr_buf_free(&b);

    return buf;
}


static inline script_series_t *
script_expected(script_t *s, phr_labels_t labels, size_t *place)
{
    size_t  i;

    *place = 0;

    /* of two lines for one series the last counts, as in a map */

    for (i = s->eval.nseries; i > 0; i--) {
        if (phr_labels_cmp(s->eval.series[i - 1].labels, labels) == 0) {
            *place = i - 1;
            return &s->eval.series[i - 1];
        }
    }

    return NULL;
}


static inline int
script_equal(const script_value_t *want, double v, const phr_hist_t *h)
{
    if (want->h == NULL || h == NULL) {
        return want->h == h && phr_almost_equal(want->v, v, SCRIPT_EPSILON);
    }

    return nhist_equal(want->h, h, want->has_hint, SCRIPT_EPSILON);
}


static inline void
script_value_text(phr_buf_t *b, double v, const phr_hist_t *h)
{
    phr_native_room_t  room;

    if (h == NULL) {
        phr_number_format(b, v);
        return;
    }

    memset(&room, 0, sizeof(room));
    room.arena = phr_arena_create(0);
    phr_native_text(&room, h, b);
    phr_buf_printf(b, " schema %d hint %d zero %g", (int) h->schema,
                   h->hint, h->zero_threshold);
    phr_arena_destroy(room.arena);
}


static inline int
script_differs(script_t *s, const char *series, int64_t t,
    const script_value_t *want, double v, const phr_hist_t *h)
{
    phr_buf_t  one, two;

    phr_buf_init(&one, 0);
    phr_buf_init(&two, 0);
    script_value_text(&one, v, h);
    script_value_text(&two, want->v, want->h);
    script_fail(s, "%s at %lld is %s, expected %s", series, (long long) t,
                phr_buf_cstr(&one), phr_buf_cstr(&two));
    phr_buf_free(&one);
    phr_buf_free(&two);

    return PHR_ERROR;
}


static inline int
script_check_vector(script_t *s, const phr_result_sample_t *samples,
    size_t n, int ordered)
{
    char              text[512];
    size_t            i, place;
    uint8_t           seen[512];
    script_series_t  *e;

    memset(seen, 0, sizeof(seen));

    if (s->eval.is_scalar) {
        return script_fail(s, "a vector, not a scalar");
    }

    for (i = 0; i < n; i++) {
        e = script_expected(s, samples[i].labels, &place);

        if (e == NULL) {
            return script_fail(s, "unexpected series %s with %.17g",
                               script_labels_text(samples[i].labels, text,
                                                  sizeof(text)),
                               samples[i].v);
        }

        if (ordered && place != i) {
            return script_fail(s, "%s is at place %d, not %d",
                               script_labels_text(samples[i].labels, text,
                                                  sizeof(text)),
                               (int) i, (int) place);
        }

        if (e->n == 0 || e->values[0].omitted) {
            return script_fail(s, "%s is not expected",
                               script_labels_text(samples[i].labels, text,
                                                  sizeof(text)));
        }

        if (!script_equal(&e->values[0], samples[i].v, samples[i].h)) {
            return script_differs(s, script_labels_text(samples[i].labels,
                                                        text, sizeof(text)),
                                  0, &e->values[0], samples[i].v,
                                  samples[i].h);
        }

        seen[place] = 1;
    }

    for (i = 0; i < s->eval.nseries; i++) {
        script_expected(s, s->eval.series[i].labels, &place);

        if (!seen[place]) {
            return script_fail(s, "no series %s",
                               script_labels_text(s->eval.series[i].labels,
                                                  text, sizeof(text)));
        }
    }

    return PHR_OK;
}


static inline int
script_check_matrix(script_t *s, const phr_result_t *r)
{
    char                        text[512];
    size_t                      i, j, k, place;
    int64_t                     start, end, step, t;
    uint8_t                     seen[512];
    script_series_t            *e;
    const phr_result_series_t  *got;

    memset(seen, 0, sizeof(seen));

    start = s->eval.is_matrix ? s->eval.from_ms : s->eval.start_ms;
    end = s->eval.is_matrix ? s->eval.to_ms : s->eval.end_ms;
    step = s->eval.is_matrix ? s->eval.every_ms : s->eval.step_ms;

    if (s->eval.is_scalar) {
        return script_fail(s, "a matrix, not a scalar");
    }

    for (i = 0; i < r->nseries; i++) {
        got = &r->series[i];
        script_labels_text(got->labels, text, sizeof(text));

        if (i > 0 && phr_labels_cmp(r->series[i - 1].labels, got->labels)
                     >= 0)
        {
            return script_fail(s, "%s is out of order", text);
        }

        e = script_expected(s, got->labels, &place);

        if (e == NULL) {
            return script_fail(s, "unexpected series %s: %.17g at %lld ...",
                               text, got->v[0], (long long) got->t_ms[0]);
        }

        seen[place] = 1;
        k = 0;

        for (j = 0; j < e->n; j++) {
            t = start + (int64_t) j * step;

            if (t > end) {
                return script_fail(s, "%s: too many values expected", text);
            }

            if (e->values[j].omitted) {
                continue;
            }

            if (k == got->n || got->t_ms[k] != t) {
                return script_fail(s, "%s has no sample at %lld", text,
                                   (long long) t);
            }

            if (!script_equal(&e->values[j], got->v[k],
                              got->h ? got->h[k] : NULL))
            {
                return script_differs(s, text, t, &e->values[j], got->v[k],
                                      got->h ? got->h[k] : NULL);
            }

            k++;
        }

        if (k != got->n) {
            return script_fail(s, "%s has a sample at %lld", text,
                               (long long) got->t_ms[k]);
        }
    }

    for (i = 0; i < s->eval.nseries; i++) {
        script_expected(s, s->eval.series[i].labels, &place);

        if (!seen[place]) {
            return script_fail(s, "no series %s",
                               script_labels_text(s->eval.series[i].labels,
                                                  text, sizeof(text)));
        }
    }

    return PHR_OK;
}


static inline int
script_check_scalar(script_t *s, double v)
{
    if (!s->eval.is_scalar) {
        return script_fail(s, "a scalar");
    }

    if (!phr_almost_equal(s->eval.scalar, v, SCRIPT_EPSILON)) {
        return script_fail(s, "scalar is %.17g, expected %.17g", v,
                           s->eval.scalar);
    }

    return PHR_OK;
}


static inline int
script_check_error(script_t *s, const phr_err_t *err)
{
    size_t  i;

    if (!s->eval.has[EXPECT_FAIL]) {
        return script_fail(s, "%s", err->text);
    }

    for (i = 0; i < s->eval.nexpects; i++) {
        if (s->eval.expects[i].type == EXPECT_FAIL
            && !script_text_matches(&s->eval.expects[i],
                                    phr_str_from_c(err->text)))
        {
            return script_fail(s, "error: %s", err->text);
        }
    }

    return PHR_DONE;
}


#endif /* SCRIPT_CHECK_H_INCLUDED */
