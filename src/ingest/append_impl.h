/*
 * Copyright (C) The Pharos Authors
 *
 * Append, inside: what append.c, append_series.c and append_meta.c share.
 * Nobody else includes this file.
 *
 *     line    of the last good answer: where it stood, what it meant
 *     text    a metric part as the target wrote it -> slot, or "dropped"
 *     slot    a series of the store; several texts may mean the same one
 */

#ifndef PHR_APPEND_IMPL_H_INCLUDED
#define PHR_APPEND_IMPL_H_INCLUDED


#include "core/buf.h"
#include "core/map.h"
#include "ingest/append.h"


#define PHR_SCRAPE_NONE     UINT32_MAX
#define PHR_SCRAPE_DROPPED  (UINT32_MAX - 1)

#define PHR_SCRAPE_NREPORT  8


typedef enum {
    PHR_LINE_META = 0,          /* metadata or comment */
    PHR_LINE_SAMPLE,
} phr_line_kind_e;

typedef enum {
    PHR_STAGE_NONE = 0,         /* dropped, duplicate, over a limit */
    PHR_STAGE_ROW,
    PHR_STAGE_TIMED,            /* has a time of its own */
} phr_line_stage_e;


typedef struct phr_scrape_meta_s  phr_scrape_meta_t;

struct phr_scrape_meta_s {
    phr_metadata_t   md;
    uint32_t         iter;      /* scrape that had it last */
};


typedef struct {
    double               v;
    int64_t              t_ms;
    uint32_t             off;           /* in the body */
    uint32_t             metric_len;    /* of META: the whole line */
    uint32_t             line_len;
    uint32_t             text;          /* of SAMPLE */
    uint32_t             slot;          /* of SAMPLE, or DROPPED */
    uint8_t              kind;
    uint8_t              type;          /* what TYPE said up to here */
    uint8_t              stage;
    unsigned             has_t:1;
    unsigned             is_hist:1;     /* v is its number in pass->made */
    unsigned             whole:1;       /* ends in a newline */
    phr_scrape_meta_t   *meta;          /* of META, or NULL */
} phr_scrape_line_t;


typedef struct {
    uint32_t   slot;            /* or DROPPED */
    uint32_t   line;            /* of the last good scrape, or NONE */
} phr_scrape_text_t;


typedef struct {
    phr_sid_t  sid;
    uint32_t   seen;            /* scrape that had it last */
} phr_scrape_slot_t;


/* what is kept of a target at rest, see append_rest.c */
typedef struct {
    phr_buf_t   lines;
    phr_buf_t   meta;           /* see append_meta.c */
    size_t      nlines;         /* samples, and metadata between them */
    size_t      ntracked;
    uint32_t    nscrapes;       /* since it went to rest */
} phr_scrape_rest_t;


struct phr_scrape_s {
    phr_scrape_options_t   o;
    phr_arena_t           *conf;        /* what o points to */
    phr_arena_t           *tmp;         /* labels of one series */
    phr_expo_t             again;       /* to parse a metric part again */

    uint32_t               source;      /* rows */
    uint32_t               timed_source;
    unsigned               has_source:1;
    unsigned               has_timed_source:1;
    unsigned               sid_stale:1;     /* an id changed */
    unsigned               asleep:1;        /* at rest */
    unsigned               recalled:1;      /* what is in the store */

    uint32_t               iter;        /* number of this scrape */
    uint32_t               nquiet;      /* scrapes that were as predicted */
    uint32_t               quiet;       /* as many, and it goes to rest */
    phr_scrape_rest_t      rest;

    phr_map_t             *text_map;    /* -> index in texts, plus 1 */
    phr_array_t            texts;
    phr_array_t            slots;
    uint32_t              *sid_map;     /* open addressing -> slot */
    size_t                 sid_size;    /* 0 or a power of two */

    /* the last good answer */
    phr_expo_format_e      format;
    char                  *body;
    phr_scrape_line_t     *lines;
    size_t                 nlines;

    uint32_t              *tracked;     /* slots marked when they vanish; */
                                        /* NULL at rest: 0, 1, 2 ... */
    size_t                 ntracked;

    uint32_t               report[PHR_SCRAPE_NREPORT];  /* slots, or NONE */

    phr_map_t             *meta_map;    /* -> phr_scrape_meta_t */
};


typedef struct phr_scrape_exemplars_s  phr_scrape_exemplars_t;

/* one scrape under way */
typedef struct {
    phr_scrape_t         *s;
    phr_appender_t       *app;
    int64_t               t_ms;
    phr_scrape_report_t  *report;

    phr_expo_t            p;
    phr_lines_t          *made;         /* or NULL: the body as it came */
    phr_scrape_line_t    *lines;
    size_t                nlines;
    size_t                nalloc;
    uint64_t              nsamples;     /* taken; limits apply to them */
    uint64_t              max_samples;
    unsigned              moved:1;      /* a line was not as predicted */
    unsigned              full:1;       /* a limit on samples was hit */
    int                   hist_rc;      /* why a histogram was not taken */

    phr_scrape_exemplars_t  *exemplars;     /* NULL: none yet */

    /* for what is kept of a good answer */
    char                 *body;
    uint32_t             *tracked;
} phr_scrape_pass_t;


/*
 * The text of a metric part, with its slot, made if it is new.  p has just
 * parsed the sample.  With full set, only one that the rules drop is made;
 * else *text is PHR_SCRAPE_NONE, and so it is if the store takes no more
 * series.  PHR_EPARSE, PHR_EINVAL, PHR_ELIMIT: the scrape fails; *fatal is
 * set if the appender or memory failed instead.
 */
int phr_scrape_text_add(phr_scrape_t *s, phr_appender_t *app, phr_expo_t *p,
    int full, uint32_t *text, int *fatal, phr_err_t *err);

/* PHR_SCRAPE_NONE if it is not known */
uint32_t phr_scrape_text_find(phr_scrape_t *s, phr_str_t metric);

/* asks for the id of a series anew that the store has expired */
int phr_scrape_text_again(phr_scrape_t *s, phr_appender_t *app,
    phr_str_t metric, phr_metric_type_e type, uint32_t slot, phr_err_t *err);

/* the slot of report series i; PHR_NOTFOUND if the store has no room */
int phr_scrape_report_slot(phr_scrape_t *s, phr_appender_t *app, unsigned i,
    uint32_t *slot, phr_err_t *err);
int phr_scrape_report_again(phr_scrape_t *s, phr_appender_t *app, unsigned i,
    phr_err_t *err);

/* the slot of a series, made if there is none */
int phr_scrape_slot(phr_scrape_t *s, phr_sid_t sid, uint32_t *slot);

/* the source of rows, or of samples that have a time of their own */
int phr_scrape_source(phr_scrape_t *s, phr_appender_t *app, int timed,
    uint32_t *id, phr_err_t *err);

/*
 * Before the first write: tracks the series that the source had when another
 * process wrote to it, and leaves a record of the target for the next one.
 */
int phr_scrape_recall(phr_scrape_t *s, phr_appender_t *app, int64_t t_ms,
    phr_err_t *err);

/* removes the record */
int phr_scrape_forgotten(phr_scrape_t *s, phr_appender_t *app,
    phr_err_t *err);

/*
 * Makes lines of a body that is not to be read as it came: pass->made, which
 * the caller frees.  PHR_OK, also for a bad body, or PHR_ENOMEM.
 */
int phr_scrape_make(phr_scrape_pass_t *pass, phr_str_t body,
    phr_str_t content_type);
void phr_scrape_made_free(phr_scrape_pass_t *pass);

/*
 * Notes the exemplars of the line that was just read; those that are none are
 * left out.  PHR_OK or PHR_ENOMEM.
 */
int phr_scrape_line_exemplars(phr_scrape_pass_t *pass);

/* begins to read what phr_scrape_make() made, or the body */
void phr_scrape_open(phr_scrape_pass_t *pass, phr_str_t body,
    phr_str_t content_type);

/* of a line whose sample is one */
const phr_hist_t *phr_scrape_hist(const phr_scrape_pass_t *pass,
    const phr_scrape_line_t *line);

/*
 * Brings a histogram that is taken below the limits of the target, which may
 * cost it resolution; else pass->hist_rc is set.
 */
void phr_scrape_stage_hist(phr_scrape_pass_t *pass,
    const phr_scrape_line_t *line);

/* decides whether the sample of a line is taken, and counts it */
void phr_scrape_stage(phr_scrape_pass_t *pass, phr_scrape_line_t *line);

/* frees what is kept of the last good answer, but for tracked[] */
void phr_scrape_answer_free(phr_scrape_t *s);

/*
 * Puts a target whose last good answer was as predicted to rest: most of its
 * memory is given back.  It stays awake if it can not rest, or if there is
 * no memory for it.
 */
void phr_scrape_sleep(phr_scrape_t *s);

/* the opposite; PHR_OK or, the target still being at rest, PHR_ENOMEM */
int phr_scrape_wake(phr_scrape_t *s);

/* as phr_scrape_wake(), but nothing is made anew */
void phr_scrape_rest_free(phr_scrape_t *s);

/*
 * Reads the body of a target at rest.  PHR_NOTFOUND if it is not as
 * predicted: then the pass has to begin anew with the target awake.
 */
int phr_scrape_rest_read(phr_scrape_pass_t *pass, phr_err_t *err);

/* forgets texts and slots that nothing refers to */
int phr_scrape_purge(phr_scrape_t *s);

/* forgets all of them */
void phr_scrape_clear(phr_scrape_t *s);

/*
 * Appends the samples of a good scrape, the markers of what vanished (of
 * everything, if the scrape was bad), and the outcome.
 */
int phr_scrape_write(phr_scrape_pass_t *pass, int good, double body_bytes,
    phr_err_t *err);

/*
 * Notes the exemplar of the line under way: the one that the parser has just
 * read, or any, whose labels are copied.  To be called where app->exemplars
 * is set; a native histogram's only if it has a time of its own.  PHR_OK, or
 * PHR_ENOMEM.
 */
int phr_scrape_exemplar_line(phr_scrape_pass_t *pass);
int phr_scrape_exemplar(phr_scrape_pass_t *pass, const phr_exemplar_t *e);

/* after the samples: those of lines that were taken */
int phr_scrape_exemplars_write(phr_scrape_pass_t *pass, phr_err_t *err);
void phr_scrape_exemplars_reset(phr_scrape_pass_t *pass);
void phr_scrape_exemplars_free(phr_scrape_pass_t *pass);

/* takes over what a metadata line says; *meta may become NULL */
int phr_scrape_meta_set(phr_scrape_t *s, phr_expo_t *p,
    phr_scrape_meta_t **meta);

/*
 * Metadata of a target at rest.  pack() gives PHR_NOTFOUND if some is not of
 * this scrape: it is to be forgotten some day.  unpack() says that all is.
 */
int phr_scrape_meta_pack(phr_scrape_t *s, phr_buf_t *b);
int phr_scrape_meta_unpack(phr_scrape_t *s, const phr_buf_t *b);

/* forgets metadata that no scrape had for long */
void phr_scrape_meta_purge(phr_scrape_t *s);
void phr_scrape_meta_clear(phr_scrape_t *s);


#endif /* PHR_APPEND_IMPL_H_INCLUDED */
