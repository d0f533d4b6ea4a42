/*
 * Copyright (C) The Pharos Authors
 *
 * Native histograms in the evaluator: the table that samples in columns
 * point to, operators and sums over samples that may be histograms, and
 * what is said about them.  A query that meets no histogram never gets here.
 */

#include "promql/eval.h"

#include <math.h>
#include <stdio.h>


static int phr_binary_both(phr_eval_t *ev, phr_token_e op,
    const phr_hist_t *l, const phr_hist_t *r, double *v, uint8_t *note);
static int phr_binary_trim(phr_eval_t *ev, const phr_hist_t *h,
    double threshold, int above, double *v);


int
phr_eval_box(phr_eval_t *ev, const phr_hist_t *h, double *v)
{
    size_t              n;
    const phr_hist_t  **hists;

    if (h == NULL) {
        return phr_eval_nomem(ev);
    }

    if (ev->nhists == ev->nhists_alloc) {
        n = (size_t) ev->nhists_alloc * 2 + 64;

        if (n > UINT32_MAX) {
            return phr_err_set(ev->err, PHR_ELIMIT,
                               "too many histograms in a query");
        }

        hists = phr_arena_grow(ev->arena, ev->hists,
                               ev->nhists_alloc * sizeof(phr_hist_t *),
                               n * sizeof(phr_hist_t *));
        if (hists == NULL) {
            return phr_eval_nomem(ev);
        }

        ev->hists = hists;
        ev->nhists_alloc = n;
    }

    ev->hists[ev->nhists] = h;
    *v = phr_double_from_bits((uint64_t) PHR_BOX_BITS << 32 | ev->nhists);
    ev->nhists++;

    return PHR_OK;
}


int
phr_eval_box_copy(phr_eval_t *ev, const phr_hist_t *h, double *v)
{
    phr_hist_t  *copy;

    copy = phr_hist_copy(ev->arena, h);

    if (copy != NULL) {
        copy->hint = phr_eval_hint(ev, h);
    }

    return phr_eval_box(ev, copy, v);
}


uint64_t
phr_eval_samples(const phr_eval_t *ev, const double *v, size_t n)
{
    size_t             i;
    uint64_t           count;
    const phr_hist_t  *h;

    count = phr_col_count(v, n);

    for (i = 0; ev->nhists != 0 && i < n; i++) {
        h = phr_eval_hist(ev, v[i]);

        if (h != NULL) {
            count += phr_native_samples(h) - 1;
        }
    }

    return count;
}


uint64_t
phr_eval_value_samples(const phr_eval_t *ev, const phr_value_t *value,
    size_t nsteps)
{
    size_t    i;
    uint64_t  count;

    if (ev->nhists == 0) {
        return phr_value_count(value, nsteps);
    }

    count = 0;

    for (i = 0; i < value->n; i++) {
        count += phr_eval_samples(ev, value->cols[i].v, nsteps);
        phr_yield(nsteps * PHR_EVAL_STEP);
    }

    return count;
}



size_t
phr_eval_drop_hists(const phr_eval_t *ev, double *v, size_t n)
{
    size_t  i, dropped;

    dropped = 0;

    for (i = 0; ev->nhists != 0 && i < n; i++) {
        if (phr_is_boxed(v[i])) {
            v[i] = phr_no_sample();
            dropped++;
        }
    }

    return dropped;
}


void
phr_eval_drop_all_hists(const phr_eval_t *ev, phr_value_t *value,
    size_t nsteps)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < value->n; i++) {
        n += phr_eval_drop_hists(ev, value->cols[i].v, nsteps);
    }

    if (n != 0) {
        phr_value_compact(value, nsteps);
    }
}


int
phr_eval_scale(phr_eval_t *ev, double *v, double factor, int divide)
{
    int            rc;
    phr_native_t  *n;

    n = &ev->room.one;

    rc = phr_native_set(&ev->room, n, phr_eval_hist(ev, *v));
    if (rc < 0) {
        return rc;
    }

    if (divide) {
        phr_native_divide(n, factor);

    } else {
        phr_native_multiply(n, factor);
    }

    return phr_eval_box(ev, phr_native_end(&ev->room, n), v);
}


int
phr_eval_native_note(phr_eval_t *ev, phr_native_note_e note, int32_t start,
    phr_str_t name)
{
    char        text[64];
    phr_note_e  kind;

    /* a name that follows in quotes, one that may be left out, or a word */

    static const struct {
        char         form;
        unsigned     warning:1;
        const char  *text;
    } notes[] = {
        [PHR_NATIVE_NOTE_LAYOUT] =
            { 'w', 1, "incompatible bucket layout encountered for binary "
                      "operator" },
        [PHR_NATIVE_NOTE_COLLISION] =
            { 'w', 1, "conflicting counter resets during histogram" },
        [PHR_NATIVE_NOTE_RECONCILED] =
            { 'w', 0, "mismatched custom buckets were reconciled during" },
        [PHR_NATIVE_NOTE_MIXED] =
            { 'q', 1, "encountered a mix of histograms and floats for metric "
                      "name" },
        [PHR_NATIVE_NOTE_MIXED_AGGREGATION] =
            { 'w', 1, "encountered a mix of histograms and floats for" },
        [PHR_NATIVE_NOTE_MIXED_CLASSIC] =
            { 'n', 1, "vector contains a mix of classic and native "
                      "histograms" },
        [PHR_NATIVE_NOTE_MIXED_SCHEMA] =
            { 'q', 1, "vector contains a mix of histograms with exponential "
                      "and custom buckets schemas for metric name" },
        [PHR_NATIVE_NOTE_NOT_COUNTER] =
            { 'q', 1, "this native histogram metric is not a counter:" },
        [PHR_NATIVE_NOTE_NOT_GAUGE] =
            { 'q', 1, "this native histogram metric is not a gauge:" },
        [PHR_NATIVE_NOTE_IGNORED] =
            { 'a', 0, "ignored histogram in" },
        [PHR_NATIVE_NOTE_IGNORED_RANGE] =
            { 'q', 0, "ignored histograms in a range containing both floats "
                      "and histograms for metric name" },
        [PHR_NATIVE_NOTE_NAN_RESULT] =
            { 'n', 0, "input to histogram_quantile has NaN observations, "
                      "result is NaN" },
        [PHR_NATIVE_NOTE_NAN_SKEW] =
            { 'n', 0, "input to histogram_quantile has NaN observations, "
                      "result is skewed higher" },
        [PHR_NATIVE_NOTE_NAN_FRACTION] =
            { 'n', 0, "input to histogram_fraction has NaN observations, "
                      "which are excluded from all fractions" },
    };

    kind = notes[note].warning ? PHR_NOTE_WARNING : PHR_NOTE_INFO;
    snprintf(text, sizeof(text), "PromQL %s",
             notes[note].warning ? "warning" : "info");

    switch (notes[note].form) {

    case 'q':
        return phr_annotate(&ev->notes, ev->arena, kind, start,
                            "%s: %s \"%.*s\"", text, notes[note].text,
                            (int) name.len, name.data);

    case 'n':
        if (name.len == 0) {
            return phr_annotate(&ev->notes, ev->arena, kind, start, "%s: %s",
                                text, notes[note].text);
        }

        return phr_annotate(&ev->notes, ev->arena, kind, start,
                            "%s: %s for metric name \"%.*s\"", text,
                            notes[note].text, (int) name.len, name.data);

    default:
        return phr_annotate(&ev->notes, ev->arena, kind, start,
                            "%s: %s %.*s%s", text, notes[note].text,
                            (int) name.len, name.data,
                            notes[note].form == 'a' ? " aggregation" : "");
    }
}


int
phr_eval_binary_native(phr_eval_t *ev, phr_token_e op, double l, double r,
    double *v, uint8_t *note)
{
    const phr_hist_t  *hl, *hr;

    hl = phr_eval_hist(ev, l);
    hr = phr_eval_hist(ev, r);

    if (hl != NULL && hr != NULL) {
        return phr_binary_both(ev, op, hl, hr, v, note);
    }

    if (hl == NULL && hr == NULL) {
        if (phr_binary_trims(op)) {
            *note = PHR_NATIVE_NOTE_FLOAT_FLOAT;
            return PHR_BINARY_NONE;
        }

        return phr_binary_op(op, l, r, v);
    }

    if (op == PHR_TOK_MUL) {
        *v = hl != NULL ? l : r;
        return phr_eval_scale(ev, v, hl != NULL ? r : l, 0) < 0
               ? phr_eval_nomem(ev) : 1;
    }

    if (hl == NULL) {
        *note = PHR_NATIVE_NOTE_FLOAT_HIST;
        return PHR_BINARY_NONE;
    }

    if (op == PHR_TOK_DIV) {
        *v = l;
        return phr_eval_scale(ev, v, r, 1) < 0 ? phr_eval_nomem(ev) : 1;
    }

    if (phr_binary_trims(op)) {
        return phr_binary_trim(ev, hl, r, op == PHR_TOK_TRIM_UPPER, v);
    }

    *note = PHR_NATIVE_NOTE_HIST_FLOAT;

    return PHR_BINARY_NONE;
}


static int
phr_binary_trim(phr_eval_t *ev, const phr_hist_t *h, double threshold,
    int above, double *v)
{
    int  rc;

    rc = phr_eval_box(ev, phr_native_trim(&ev->room, h, threshold, above),
                      v);

    return rc < 0 ? rc : 1;
}


static int
phr_binary_both(phr_eval_t *ev, phr_token_e op, const phr_hist_t *l,
    const phr_hist_t *r, double *v, uint8_t *note)
{
    int            rc;
    unsigned       what;
    phr_native_t  *n;

    if (op == PHR_TOK_EQLC || op == PHR_TOK_NEQ) {

        /* of a comparison, the left sample is the result */

        rc = phr_eval_box(ev, l, v);

        return rc < 0 ? rc : phr_hist_eq(l, r) == (op == PHR_TOK_EQLC);
    }

    if (op != PHR_TOK_ADD && op != PHR_TOK_SUB) {
        *note = PHR_NATIVE_NOTE_HIST_HIST;
        return PHR_BINARY_NONE;
    }

    n = &ev->room.two;
    what = 0;

    rc = phr_native_set(&ev->room, n, l);
    if (rc == PHR_OK) {
        rc = phr_native_add(&ev->room, n, r,
                            op == PHR_TOK_SUB ? PHR_NATIVE_SUBTRACT : 0,
                            &what);
    }

    if (rc == PHR_EINVAL) {
        *note = PHR_NATIVE_NOTE_LAYOUT;
        return PHR_BINARY_NONE;
    }

    if (rc < 0) {
        return rc;
    }

    if (op == PHR_TOK_SUB) {
        n->hint = PHR_HIST_GAUGE;
    }

    if (what & PHR_NATIVE_COLLISION) {
        *note = PHR_NATIVE_NOTE_COLLISION;
        return PHR_BINARY_NONE;
    }

    if (what & PHR_NATIVE_RECONCILED) {
        *note = PHR_NATIVE_NOTE_RECONCILED;
    }

    rc = phr_eval_box(ev, phr_native_end(&ev->room, n), v);

    return rc < 0 ? rc : 1;
}


/* what was noted at n steps, each kind once */
int
phr_eval_binary_notes(phr_eval_t *ev, const phr_node_t *node,
    const uint8_t *notes, size_t n)
{
    int           rc;
    size_t        i;
    uint32_t      seen;
    phr_str_t     name;
    const char   *op, *l, *r;

    op = phr_token_text(node->u.binary.op);
    seen = 0;

    for (i = 0; i < n; i++) {

        if (notes[i] == PHR_NATIVE_NOTE_NONE || (seen >> notes[i] & 1)) {
            continue;
        }

        seen |= (uint32_t) 1 << notes[i];
        name = phr_str_from_c(op);

        if (notes[i] <= PHR_NATIVE_NOTE_HIST_HIST) {
            l = notes[i] >= PHR_NATIVE_NOTE_HIST_FLOAT ? "histogram"
                                                        : "float";
            r = notes[i] == PHR_NATIVE_NOTE_FLOAT_HIST
                || notes[i] == PHR_NATIVE_NOTE_HIST_HIST ? "histogram"
                                                         : "float";

            rc = phr_annotate(&ev->notes, ev->arena, PHR_NOTE_INFO,
                              node->start,
                              "PromQL info: incompatible sample types "
                              "encountered for binary operator \"%s\": %s %s "
                              "%s", op, l, op, r);

        } else {
            if (notes[i] != PHR_NATIVE_NOTE_LAYOUT) {
                name = node->u.binary.op == PHR_TOK_ADD
                       ? phr_str_of("addition") : phr_str_of("subtraction");
            }

            rc = phr_eval_native_note(ev, notes[i], node->start, name);
        }

        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


int
phr_eval_between(phr_eval_t *ev, const phr_hist_t *a, int64_t a_ms,
    const phr_hist_t *b, int64_t b_ms, int64_t t_ms, int counter,
    int32_t start, phr_str_t name, const phr_hist_t **h)
{
    int            rc, reset;
    double         part;
    unsigned       what;
    phr_native_t  *n;

    *h = t_ms == a_ms ? a : b;

    if (t_ms == a_ms || t_ms == b_ms) {
        return PHR_OK;
    }

    part = (double) (t_ms - a_ms) / (double) (b_ms - a_ms);
    n = &ev->room.two;
    reset = 0;
    what = 0;

    rc = counter ? phr_native_reset(&ev->room, b, a, &reset) : PHR_OK;

    if (rc == PHR_OK) {
        rc = phr_native_set(&ev->room, n, b);
    }

    if (rc == PHR_OK && !reset) {
        rc = phr_native_add(&ev->room, n, a, PHR_NATIVE_SUBTRACT, &what);

        if (rc == PHR_OK && (what & PHR_NATIVE_RECONCILED)) {
            rc = phr_eval_native_note(ev, PHR_NATIVE_NOTE_RECONCILED, start,
                                      phr_str_of("subtraction"));
        }
    }

    if (rc == PHR_OK) {
        phr_native_multiply(n, part);
    }

    if (rc == PHR_OK && !reset) {
        what = 0;
        rc = phr_native_add(&ev->room, n, a, 0, &what);

        if (rc == PHR_OK && (what & PHR_NATIVE_RECONCILED)) {
            rc = phr_eval_native_note(ev, PHR_NATIVE_NOTE_RECONCILED, start,
                                      phr_str_of("addition"));
        }
    }

    if (rc == PHR_EINVAL) {
        *h = NULL;

        return phr_eval_native_note(ev, PHR_NATIVE_NOTE_MIXED_SCHEMA, start,
                                    name);
    }

    if (rc < 0) {
        return rc;
    }

    *h = phr_native_end(&ev->room, n);

    return *h == NULL ? phr_eval_nomem(ev) : PHR_OK;
}


int
phr_eval_smooth_native(phr_eval_t *ev, const phr_node_t *node,
    const phr_series_t *s, int64_t ref, size_t *first, double *v)
{
    int                rc, counter;
    size_t             i, prev, next, nfloats, nhists;
    int64_t            from, to;
    phr_hist_t        *copy;
    phr_str_t          name;
    const phr_hist_t  *h;

    from = phr_time_sub(ref, ev->query->lookback_ms);
    to = phr_time_add(ref, ev->query->lookback_ms);
    name = phr_labels_get(s->labels, phr_str_of(PHR_METRIC_NAME));
    prev = next = SIZE_MAX;
    nfloats = nhists = 0;

    while (*first < s->n && s->t_ms[*first] <= from) {
        (*first)++;
    }

    for (i = *first; i < s->n && s->t_ms[i] <= to; i++) {
        if (phr_is_stale(s->v[i])) {
            continue;
        }

        nfloats += s->h[i] == NULL;
        nhists += s->h[i] != NULL;

        if (s->t_ms[i] < ref) {
            prev = i;

        } else if (next == SIZE_MAX) {
            next = i;
        }
    }

    if (nfloats != 0 && nhists != 0) {
        return phr_eval_native_note(ev, PHR_NATIVE_NOTE_MIXED, node->start,
                                    name);
    }

    if (next != SIZE_MAX && s->t_ms[next] == ref) {
        prev = next;

    } else if (prev == SIZE_MAX) {
        return PHR_OK;
    }

    if (nhists == 0) {
        *v = s->v[prev];

        if (next != SIZE_MAX && next != prev) {
            *v += (s->v[next] - s->v[prev]) * (double) (ref - s->t_ms[prev])
                  / (double) (s->t_ms[next] - s->t_ms[prev]);
        }

        return PHR_OK;
    }

    if (next == prev) {
        return phr_eval_box_copy(ev, s->h[prev], v);
    }

    if (next == SIZE_MAX) {
        copy = phr_hist_copy(ev->arena, s->h[prev]);
        if (copy != NULL) {
            copy->hint = PHR_HIST_RESET_UNKNOWN;
        }

        return phr_eval_box(ev, copy, v);
    }

    counter = s->h[prev]->hint != PHR_HIST_GAUGE
              || s->h[next]->hint != PHR_HIST_GAUGE;

    if (phr_hist_is_custom(s->h[prev]) != phr_hist_is_custom(s->h[next])) {
        return phr_eval_native_note(ev, PHR_NATIVE_NOTE_MIXED_SCHEMA,
                                    node->start, name);
    }

    rc = phr_eval_between(ev, s->h[prev], s->t_ms[prev], s->h[next],
                          s->t_ms[next], ref, counter, node->start, name,
                          &h);

    return rc < 0 || h == NULL ? rc : phr_eval_box(ev, h, v);
}


int
phr_native_sum_add(phr_eval_t *ev, phr_native_sum_t *s, const phr_hist_t *h,
    int avg)
{
    int          rc;
    double       q;
    unsigned     what;
    phr_hist_t  *part;

    s->reset |= phr_eval_hint(ev, h) == PHR_HIST_RESET;
    s->no_reset |= h->hint == PHR_HIST_NO_RESET;
    s->has_hist = 1;
    s->count++;
    what = 0;

    if (s->count == 1) {
        rc = phr_native_set(&ev->room, &s->n, h);
        s->n.hint = phr_eval_hint(ev, h);

        return rc;
    }

    if (!avg) {
        rc = phr_native_add(&ev->room, &s->n, h, PHR_NATIVE_KAHAN, &what);

    } else if (!s->running) {
        rc = phr_native_try_add(&ev->room, &s->n, h, &what);

        if (rc == PHR_FULL) {
            s->running = 1;
            phr_native_divide(&s->n, s->count - 1);
        }

    } else {
        rc = PHR_FULL;
    }

    if (rc == PHR_FULL) {
        q = (s->count - 1) / s->count;
        phr_native_multiply(&s->n, q);

        rc = phr_native_set(&ev->room, &ev->room.two, h);
        if (rc < 0) {
            return rc;
        }

        phr_native_divide(&ev->room.two, s->count);

        part = phr_native_end(&ev->room, &ev->room.two);
        if (part == NULL) {
            return phr_eval_nomem(ev);
        }

        rc = phr_native_add(&ev->room, &s->n, part, PHR_NATIVE_KAHAN, &what);
    }

    s->reconciled |= (what & PHR_NATIVE_RECONCILED) != 0;

    if (rc == PHR_EINVAL) {
        s->incompatible = 1;
        return PHR_OK;
    }

    return rc;
}


int
phr_native_sum_end(phr_eval_t *ev, phr_native_sum_t *s, int avg, double *v)
{
    if (avg && !s->running) {
        phr_native_divide(&s->n, s->count);
    }

    return phr_eval_box(ev, phr_native_end(&ev->room, &s->n), v);
}
