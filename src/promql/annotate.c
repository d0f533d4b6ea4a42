/*
 * Copyright (C) The Pharos Authors
 *
 * Annotations: collecting them without repetition, and their final text.
 */

#include "promql/annotate.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/time.h"


/* beyond that nobody reads them, and looking for equal ones gets slow */
#define PHR_ANNOTATE_MAX  1000


static int phr_annotate_text(phr_annotations_t *notes, phr_arena_t *a,
    phr_note_e kind, int32_t start, phr_str_t text, phr_note_t **note);
static char *phr_annotate_format_one(const phr_note_t *note, phr_arena_t *a,
    phr_str_t query);
static void phr_annotate_place(char *buf, size_t size, phr_str_t query,
    int32_t start);
static void phr_annotate_time(char *buf, size_t size, int64_t t_ms);


int
phr_annotate(phr_annotations_t *notes, phr_arena_t *a, phr_note_e kind,
    int32_t start, const char *fmt, ...)
{
    char         text[1024];
    va_list      args;
    phr_note_t  *note;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    return phr_annotate_text(notes, a, kind, start, phr_str_from_c(text),
                             &note);
}


int
phr_annotate_monotonic(phr_annotations_t *notes, phr_arena_t *a,
    int32_t start, phr_str_t metric, const phr_monotonic_t *m)
{
    int          rc;
    char         text[1024], name[256];
    phr_note_t  *note;

    name[0] = '\0';
    if (metric.len != 0) {
        snprintf(name, sizeof(name), " for metric name \"%.*s\"",
                 (int) phr_min(metric.len, 200), metric.data);
    }

    snprintf(text, sizeof(text),
             "PromQL info: input to histogram_quantile needed to be fixed "
             "for monotonicity (see https://prometheus.io/docs/prometheus/"
             "latest/querying/functions/#histogram_quantile)%s", name);

    rc = phr_annotate_text(notes, a, PHR_NOTE_INFO, start,
                           phr_str_from_c(text), &note);
    if (rc < 0 || note == NULL) {
        return rc;
    }

    if (note->monotonic == NULL) {
        note->monotonic = phr_arena_alloc(a, sizeof(*m));
        if (note->monotonic == NULL) {
            return phr_arena_rc(a);
        }

        *note->monotonic = *m;
        return PHR_OK;
    }

    note->monotonic->min_ms = phr_min(note->monotonic->min_ms, m->min_ms);
    note->monotonic->max_ms = phr_max(note->monotonic->max_ms, m->max_ms);
    note->monotonic->min_bucket = phr_min(note->monotonic->min_bucket,
                                          m->min_bucket);
    note->monotonic->max_bucket = phr_max(note->monotonic->max_bucket,
                                          m->max_bucket);
    note->monotonic->max_diff = phr_max(note->monotonic->max_diff,
                                        m->max_diff);
    note->monotonic->count += m->count;

    return PHR_OK;
}


/* *note is NULL if there are too many already */
static int
phr_annotate_text(phr_annotations_t *notes, phr_arena_t *a, phr_note_e kind,
    int32_t start, phr_str_t text, phr_note_t **note)
{
    phr_note_t  *n;

    for (n = notes->first; n != NULL; n = n->next) {
        if (n->kind == kind && phr_str_eq(n->text, text)) {
            n->start = start;
            *note = n;
            return PHR_OK;
        }
    }

    *note = NULL;

    if (notes->n == PHR_ANNOTATE_MAX) {
        return PHR_OK;
    }

    n = phr_arena_calloc(a, 1, sizeof(phr_note_t));
    if (n == NULL) {
        return phr_arena_rc(a);
    }

    n->text = phr_arena_str(a, text);
    if (n->text.data == NULL) {
        return phr_arena_rc(a);
    }

    n->kind = kind;
    n->start = start;

    if (notes->last == NULL) {
        notes->first = n;

    } else {
        *notes->last = n;
    }

    notes->last = &n->next;
    notes->n++;

    *note = n;

    return PHR_OK;
}


int
phr_annotations_format(const phr_annotations_t *notes, phr_arena_t *a,
    phr_str_t query, phr_result_t *result)
{
    char              *text;
    phr_str_t        **list;
    size_t            *n;
    const phr_note_t  *note;

    result->nwarnings = 0;
    result->ninfos = 0;

    if (notes->n == 0) {
        return PHR_OK;
    }

    result->warnings = phr_arena_alloc(a, notes->n * sizeof(phr_str_t));
    result->infos = phr_arena_alloc(a, notes->n * sizeof(phr_str_t));

    if (result->warnings == NULL || result->infos == NULL) {
        return phr_arena_rc(a);
    }

    for (note = notes->first; note != NULL; note = note->next) {
        text = phr_annotate_format_one(note, a, query);
        if (text == NULL) {
            return phr_arena_rc(a);
        }

        if (note->kind == PHR_NOTE_WARNING) {
            list = &result->warnings;
            n = &result->nwarnings;

        } else {
            list = &result->infos;
            n = &result->ninfos;
        }

        (*list)[(*n)++] = phr_str_from_c(text);
    }

    return PHR_OK;
}


static char *
phr_annotate_format_one(const phr_note_t *note, phr_arena_t *a,
    phr_str_t query)
{
    char                    place[64], from[64], to[64];
    char                    lo[PHR_NOTE_NUMBER], hi[PHR_NOTE_NUMBER];
    const phr_monotonic_t  *m;

    phr_annotate_place(place, sizeof(place), query, note->start);

    m = note->monotonic;

    if (m == NULL) {
        return phr_arena_printf(a, "%.*s (%s)", (int) note->text.len,
                                note->text.data, place);
    }

    phr_annotate_time(from, sizeof(from), m->min_ms);
    phr_annotate_time(to, sizeof(to), m->max_ms);

    return phr_arena_printf(a,
                            "%.*s, from buckets %s to %s, with a max diff "
                            "of %.2g, over %llu samples from %s to %s (%s)",
                            (int) note->text.len, note->text.data,
                            phr_annotate_number(lo, m->min_bucket),
                            phr_annotate_number(hi, m->max_bucket),
                            m->max_diff, (unsigned long long) m->count,
                            from, to, place);
}


/* without the text of the query all that is known is the byte */
static void
phr_annotate_place(char *buf, size_t size, phr_str_t query, int32_t start)
{
    int32_t  i, line, line_start;

    line = 1;
    line_start = 0;

    for (i = 0; i < start && (size_t) i < query.len; i++) {
        if (query.data[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }

    snprintf(buf, size, "%d:%d", (int) line, (int) (start - line_start + 1));
}


static void
phr_annotate_time(char *buf, size_t size, int64_t t_ms)
{
    phr_date_t  d;

    phr_date(t_ms, &d);

    snprintf(buf, size, "%04lld-%02d-%02dT%02d:%02d:%02dZ",
             (long long) d.year, d.month, d.day, d.hour, d.minute, d.second);
}


const char *
phr_annotate_number(char *buf, double v)
{
    buf[phr_number_write(buf, v)] = '\0';

    return buf;
}
