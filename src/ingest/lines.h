/*
 * Copyright (C) The Pharos Authors
 *
 * Lines: expositions that the scraper cannot read as they come, because a
 * line cannot say it: protobuf with its native histograms, and classic
 * histograms that are to become native ones.  They are made lines of a form
 * of our own, PHR_EXPO_LINES, in which what did not change between two
 * scrapes is the same bytes:
 *
 *     TYPE, HELP, UNIT   # T name " text \n
 *     sample             metric part = flags:8 value:64 [time:64]
 *                        [first:32 number:32 hash:64] \n
 *
 * The metric part is as in the text format.  The value is a double, or the
 * number of a histogram in a table beside the lines; exemplars are in
 * another one, their hash lets lines with others differ.
 */

#ifndef PHR_LINES_H_INCLUDED
#define PHR_LINES_H_INCLUDED


#include "core/histogram.h"
#include "ingest/exposition.h"
#include "ingest/nhcb.h"


/* flags of a sample */
#define PHR_LINES_HIST       0x01
#define PHR_LINES_TIME       0x02
#define PHR_LINES_EXEMPLARS  0x04


/* what is made of histograms, as in prometheus.yml */
typedef struct {
    unsigned  native:1;         /* native ones are taken */
    unsigned  classic:1;        /* classic ones, too, where there are both */
    unsigned  convert:1;        /* classic ones become native */
} phr_lines_options_t;


typedef struct {
    phr_lines_options_t   o;
    phr_arena_t          *arena;        /* of the histograms */
    phr_array_t           hists;        /* const phr_hist_t * */
    phr_array_t           exemplars;    /* phr_str_t, as the body has them */
    size_t                nused;        /* of them, by the lines so far */
    phr_buf_t             lines;
    size_t                nvalues;      /* in the lines */
    int64_t               st_ms;        /* of what is written next, 0: none */
    phr_buf_t             starts;       /* of each value, if one has any */
    unsigned              text:1;       /* exemplars are no messages */
    phr_err_t             err;      /* why the rest of the body is missing */

    phr_buf_t             labels;       /* of the metric under way */
    phr_nhcb_t            nhcb;
} phr_lines_t;


/* PHR_OK or PHR_ENOMEM; phr_lines_free() after both */
int phr_lines_init(phr_lines_t *k, const phr_lines_options_t *o);
void phr_lines_free(phr_lines_t *k);

/*
 * Make lines of a body: of delimited messages, or of another format whose
 * classic histograms are to be converted.  PHR_OK, also if the body is bad or
 * too much: who reads the lines finds that at their end; or PHR_ENOMEM.
 */
int phr_lines_protobuf(phr_lines_t *k, phr_str_t body);
int phr_lines_classic(phr_lines_t *k, phr_expo_format_e format, phr_str_t body);

/* begins to read the lines; k must stay until phr_expo_free() */
void phr_lines_open(const phr_lines_t *k, phr_expo_t *p);


/* the start timestamp of the ith sample, 0: none */
int64_t phr_lines_start(const phr_lines_t *k, size_t i);


/* for lines_protobuf.c and lines_classic.c */

void phr_lines_family(phr_lines_t *k, phr_expo_event_e event, phr_str_t name,
    phr_str_t text, phr_metric_type_e type);

/* name and value of a label after those that are in k->labels */
void phr_lines_label(phr_lines_t *k, phr_str_t name, phr_str_t value);

/* an exemplar of the value that is written next, of lines_t *data */
int phr_lines_exemplar(void *data, phr_str_t exemplar);

/*
 * A metric part of that name with the labels.  Then a value: a float, or a
 * histogram, which must stay; t_ms is looked at if has_t.
 */
void phr_lines_metric(phr_lines_t *k, phr_str_t name, const char *suffix);
void phr_lines_float(phr_lines_t *k, double v, int has_t, int64_t t_ms);
int phr_lines_hist(phr_lines_t *k, const phr_hist_t *h, int has_t,
    int64_t t_ms);

/* PHR_OK, or why no more can be written */
int phr_lines_failed(const phr_lines_t *k);

/* what to return when rc was the end of it */
int phr_lines_end(phr_lines_t *k, int rc);


#endif /* PHR_LINES_H_INCLUDED */
