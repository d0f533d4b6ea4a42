/*
 * Copyright (C) The Pharos Authors
 *
 * Exposition: the text formats in which metrics are exposed, Prometheus text
 * 0.0.4 and OpenMetrics 1.0, behind one interface: the caller pulls one
 * event after the other.  What is accepted and what is refused is what
 * Prometheus's own parsers accept and refuse.  Nothing is stored here, and
 * nothing is copied: events point into the body.
 */

#ifndef PHR_EXPOSITION_H_INCLUDED
#define PHR_EXPOSITION_H_INCLUDED


#include "core/array.h"
#include "core/err.h"
#include "core/labels.h"
#include "core/storage.h"


#define PHR_EXPO_BOUND  40


typedef enum {
    PHR_EXPO_TEXT = 0,
    PHR_EXPO_OPENMETRICS,
    PHR_EXPO_LINES,            /* of this process alone: see lines.h */
} phr_expo_format_e;


/* ORDER METRIC_TYPE: names in expo.c */
typedef enum {
    PHR_METRIC_UNKNOWN = 0,
    PHR_METRIC_COUNTER,
    PHR_METRIC_GAUGE,
    PHR_METRIC_HISTOGRAM,
    PHR_METRIC_GAUGEHISTOGRAM,
    PHR_METRIC_SUMMARY,
    PHR_METRIC_INFO,
    PHR_METRIC_STATESET,
} phr_metric_type_e;


typedef enum {
    PHR_EXPO_SAMPLE = 0,
    PHR_EXPO_TYPE,
    PHR_EXPO_HELP,
    PHR_EXPO_UNIT,
    PHR_EXPO_COMMENT,
} phr_expo_event_e;


/* a label as it stands in the body: without quotes, still escaped */
typedef struct {
    phr_str_t  name;
    phr_str_t  value;
} phr_expo_pair_t;


typedef struct {
    const char         *body;
    const char         *pos;            /* where the next event begins */
    const char         *end;
    phr_expo_format_e   format;

    /*
     * Bucket and quantile bounds are rewritten to the canonical form of
     * OpenMetrics ("1" becomes "1.0"), as Prometheus does since 3.0.
     */
    unsigned            normalize:1;

    const phr_err_t    *broken;         /* of LINES: why it ends, or NULL */
    uint32_t            first_exemplar; /* of LINES: in their table, */
    uint32_t            nexemplars;     /* of the sample last returned */

    phr_metric_type_e   type;           /* what the last TYPE line said */

    /* of the event last returned */
    phr_expo_event_e    event;
    const char         *start;          /* its first byte */

    phr_str_t           name;           /* of the family, or of the metric */
    phr_str_t           text;           /* HELP and UNIT, still escaped */

    /* of a sample */
    size_t              metric_len;     /* bytes from start: name, labels */
    phr_array_t         pairs;          /* phr_expo_pair_t */
    double              value;
    int64_t             t_ms;
    unsigned            has_t:1;
    unsigned            is_hist:1;      /* of LINES: value is its number */
    unsigned            same:1;         /* see phr_expo_next_like() */
    unsigned            has_exemplar:1;
    unsigned            has_exemplar_t:1;
    phr_str_t           exemplar;       /* of OPENMETRICS: as it stands */
    phr_array_t         exemplar_pairs; /* phr_expo_pair_t */
    double              exemplar_value;
    int64_t             exemplar_t_ms;
} phr_expo_t;


/* the body is not copied and must stay until phr_expo_free() */
void phr_expo_init(phr_expo_t *p, phr_expo_format_e format, phr_str_t body);
void phr_expo_free(phr_expo_t *p);

/*
 * PHR_OK      an event, see p->event
 * PHR_DONE    the body has ended as the format demands
 * PHR_EPARSE  err has line and column
 * PHR_ENOMEM
 */
int phr_expo_next(phr_expo_t *p, phr_err_t *err);

/*
 * As phr_expo_next(), for a caller who expects the next line to be a sample
 * of a series it has seen: if the line begins with exactly these bytes, the
 * metric part of a former sample of this format, only what follows it is
 * parsed and p->same is set; name and labels are not known then.
 */
int phr_expo_next_like(phr_expo_t *p, const char *metric, size_t len,
    phr_err_t *err);

/*
 * The same for a caller who has compared: the line begins with len bytes of
 * such a metric part, and the body is longer.  PHR_NOTFOUND, with nothing
 * done, if what follows makes it another series.
 */
int phr_expo_next_known(phr_expo_t *p, size_t len, phr_err_t *err);

/*
 * Parses a metric part alone, one that was valid as part of a sample, so
 * that its labels can be asked for again.
 */
int phr_expo_metric(phr_expo_t *p, phr_expo_format_e format,
    phr_str_t metric, phr_err_t *err);

/*
 * The labels of the sample last returned, __name__ among them, sorted,
 * unescaped, those with an empty value left out.  Bytes may point into the
 * body or the arena.  PHR_EPARSE for a name given twice and for names that
 * are no UTF-8.
 */
int phr_expo_labels(phr_expo_t *p, phr_arena_t *arena, phr_labels_t *out,
    phr_err_t *err);

/*
 * The exemplar of the sample last returned, if it has one; labels as above,
 * t_ms is not set if it has no time.  PHR_EPARSE if its labels are none.
 */
int phr_expo_exemplar(phr_expo_t *p, phr_arena_t *arena, phr_exemplar_t *e);

/*
 * Parses an exemplar alone, one that was valid as p->exemplar of a sample, so
 * that phr_expo_exemplar() can be asked for it.
 */
int phr_expo_exemplar_again(phr_expo_t *p, phr_str_t exemplar,
    phr_err_t *err);

/*
 * The help of the event last returned, or another text of the body,
 * unescaped; in the body if it has no escapes, else in the arena.  data is
 * NULL if memory is gone.
 */
phr_str_t phr_expo_unescape(phr_expo_t *p, phr_arena_t *arena, phr_str_t s);

/* a bound as OpenMetrics writes it, "1.0"; out has PHR_EXPO_BOUND bytes */
size_t phr_expo_bound_write(char *out, double v);

/* the format that a Content-Type names; text if it names none known */
phr_expo_format_e phr_expo_content_type(phr_str_t content_type);

/* "counter", "gauge" ...; unknown is "unknown" */
const char *phr_metric_type_text(phr_metric_type_e type);

/* PHR_OK, or PHR_NOTFOUND; "untyped" is not among the names */
int phr_metric_type_parse(phr_str_t s, phr_metric_type_e *type);


/*
 * For the parsers of the formats, not for callers.  Each takes the cursor
 * p->pos and moves it behind what it read.
 */

/* [a-zA-Z_:][a-zA-Z0-9_:]*, or without the colons; {"", 0} if there is none */
phr_str_t phr_expo_name(phr_expo_t *p, int colons);

/*
 * "..." without the quotes and still escaped; PHR_NOTFOUND if the cursor is
 * not at a quote or the string is not closed.  A newline may stand in it
 * only if newlines is set.
 */
int phr_expo_quoted(phr_expo_t *p, int newlines, phr_str_t *s);

/* a number up to the next blank or newline, as Go's ParseFloat reads it */
int phr_expo_value(phr_expo_t *p, double *v, phr_err_t *err);

/*
 * The rest of a list of labels, the cursor behind the opening brace.  The
 * metric name may be among them, unless it is an exemplar.
 */
int phr_expo_pairs(phr_expo_t *p, phr_array_t *pairs, int exemplar,
    phr_err_t *err);

/* sets err to "<what>, got \"...\"" at the cursor; returns PHR_EPARSE */
int phr_expo_error(phr_expo_t *p, phr_err_t *err, const char *what);

int phr_expo_text_next(phr_expo_t *p, phr_err_t *err);
int phr_expo_text_metric(phr_expo_t *p, phr_err_t *err);
int phr_expo_text_rest(phr_expo_t *p, phr_err_t *err);
int phr_expo_openmetrics_next(phr_expo_t *p, phr_err_t *err);
int phr_expo_openmetrics_metric(phr_expo_t *p, phr_err_t *err);
int phr_expo_openmetrics_rest(phr_expo_t *p, phr_err_t *err);
int phr_expo_lines_next(phr_expo_t *p, phr_err_t *err);
int phr_expo_lines_rest(phr_expo_t *p, phr_err_t *err);


#endif /* PHR_EXPOSITION_H_INCLUDED */
