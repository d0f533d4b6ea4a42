/*
 * Copyright (C) The Pharos Authors
 *
 * Import: history that somebody brings: lines of JSON as VictoriaMetrics
 * writes them, or the text formats with times.  Parsed in a thread of the
 * caller's, in batches that the writer's thread appends, so that a long body
 * holds up no scrape.  What is stored already is no error, so that an import
 * that was cut short is simply made again.
 *
 * A bad line ends the import; what came before it stays.
 */

#ifndef PHR_IMPORT_H_INCLUDED
#define PHR_IMPORT_H_INCLUDED


#include "core/array.h"
#include "core/storage.h"


/* samples of a batch: some 20 ms of the writer's time, and 1 MB */
#define PHR_IMPORT_BATCH       32768

#define PHR_IMPORT_MAX_LABELS  128
#define PHR_IMPORT_MAX_NAME    1024     /* bytes of a label's name */
#define PHR_IMPORT_MAX_VALUE   16384    /* bytes of a label's value */


typedef enum {
    PHR_IMPORT_JSON = 0,
    PHR_IMPORT_TEXT,
    PHR_IMPORT_OPENMETRICS,
} phr_import_format_e;


typedef struct {
    uint64_t  nlines;           /* read without an error */
    uint64_t  nsamples;         /* in them */
    uint64_t  nstored;          /* committed, or stored already */

    /* refused by the store */
    uint64_t  nduplicates;      /* another value has this time */
    uint64_t  nout_of_bounds;   /* too old for retention, or in the future */
    uint64_t  nover_series;     /* of series for which there is no room */
} phr_import_report_t;


/* a run of samples of one series; memory of the batch */
typedef struct {
    phr_labels_t  labels;
    size_t        n;
    phr_sid_t     sid;          /* 0: there is no room for it */
} phr_import_run_t;

typedef struct {
    size_t           run;
    phr_exemplar_t   e;
} phr_import_exemplar_t;

typedef struct {
    phr_arena_t          *arena;
    phr_import_run_t     *runs;
    size_t                nruns;
    int64_t              *t_ms;     /* of all runs, one after the other */
    double               *v;
    size_t                n;
    phr_array_t           exemplars;    /* of phr_import_exemplar_t */
    unsigned              last:1;   /* no other follows */

    phr_import_report_t   report;   /* of the append, added up by import */
} phr_import_batch_t;


typedef struct {
    phr_import_format_e   format;
    int64_t               now_ms;   /* of samples without a time */
    const volatile int   *stop;     /* a code that ends it, or NULL */

    /*
     * Has phr_import_append() run in the writer's thread and waits until
     * that is committed, durably if it is the last batch.
     */
    int                 (*write)(void *data, phr_import_batch_t *b,
                                 phr_err_t *err);
    void                 *data;
} phr_import_conf_t;


/*
 * PHR_OK; PHR_EPARSE with the line in err->line; or what write() returned.
 * The report is right in every case.
 */
int phr_import(const phr_import_conf_t *conf, phr_str_t body,
    phr_import_report_t *report, phr_err_t *err);

/* in the writer's thread: PHR_OK, or a failure of the appender */
int phr_import_append(phr_import_batch_t *b, phr_appender_t *app,
    phr_err_t *err);


/* import_json.c: one line of JSON, its memory used again for the next */
typedef struct {
    phr_arena_t   *arena;       /* the caller's, of labels */
    phr_labels_t   labels;
    phr_array_t    t_ms;        /* of int64_t */
    phr_array_t    v;           /* of double; as many */
} phr_import_line_t;

void phr_import_line_init(phr_import_line_t *l, phr_arena_t *arena);
void phr_import_line_free(phr_import_line_t *l);

/*
 * {"metric":{"__name__":"a","b":"c"},"values":[1,null],"timestamps":[5,6]}
 * with members in any order, others passed over.  A value is a number, null
 * or "NaN", "Infinity", "-Infinity" or "StaleNaN", the marker that ends a
 * series; a timestamp is in whole milliseconds.  PHR_EPARSE with the column
 * in err, PHR_ELIMIT or PHR_ENOMEM.
 */
int phr_import_json(phr_import_line_t *l, phr_str_t text, phr_err_t *err);

/* PHR_OK, or PHR_EINVAL: no name, not UTF-8, too many or too long */
int phr_import_labels_check(phr_labels_t ls, phr_err_t *err);


#endif /* PHR_IMPORT_H_INCLUDED */
