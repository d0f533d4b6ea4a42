/*
 * Copyright (C) The Pharos Authors
 *
 * Annotations: warnings and hints that go with the result of a query.  Each
 * text is kept once; its place is that of the last node that gave it.
 */

#ifndef PHR_ANNOTATE_H_INCLUDED
#define PHR_ANNOTATE_H_INCLUDED


#include "core/arena.h"
#include "core/number.h"
#include "promql/promql.h"


typedef enum {
    PHR_NOTE_WARNING = 0,
    PHR_NOTE_INFO,
} phr_note_e;


/* buckets of a histogram that had to be made monotonic */
typedef struct {
    int64_t   min_ms, max_ms;
    double    min_bucket, max_bucket, max_diff;
    uint64_t  count;
} phr_monotonic_t;


typedef struct phr_note_s  phr_note_t;

struct phr_note_s {
    phr_note_t       *next;
    phr_note_e        kind;
    phr_str_t         text;
    int32_t           start;    /* byte in the query */
    phr_monotonic_t  *monotonic;
};


typedef struct {
    phr_note_t   *first;
    phr_note_t  **last;
    size_t        n;
} phr_annotations_t;


/* PHR_OK, or why there is no memory; see phr_arena_rc() */
int phr_annotate(phr_annotations_t *notes, phr_arena_t *a, phr_note_e kind,
    int32_t start, const char *fmt, ...) PHR_PRINTF(5, 6);

/* more of the same is added up */
int phr_annotate_monotonic(phr_annotations_t *notes, phr_arena_t *a,
    int32_t start, phr_str_t metric, const phr_monotonic_t *m);

/* the texts with their places, "1:5", as arrays in the arena */
int phr_annotations_format(const phr_annotations_t *notes, phr_arena_t *a,
    phr_str_t query, phr_result_t *result);

#define PHR_NOTE_NUMBER  (PHR_NUMBER_LEN + 1)

/* the number as Go's %g prints it, in a buffer of PHR_NOTE_NUMBER */
const char *phr_annotate_number(char *buf, double v);


#endif /* PHR_ANNOTATE_H_INCLUDED */
