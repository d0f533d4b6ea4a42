/*
 * Copyright (C) The Pharos Authors
 *
 * Remote write, inside: what remote_write*.c share.  Nobody else includes
 * this file.
 *
 * A request is read whole before anything is appended, into arrays that
 * live on: its series, each with the message it came in, and its samples.
 * The labels of a series are looked at only if they are not known by their
 * bytes (remote_write_cache.c).
 */

#ifndef PHR_REMOTE_WRITE_IMPL_H_INCLUDED
#define PHR_REMOTE_WRITE_IMPL_H_INCLUDED


#include "core/map.h"
#include "core/protobuf.h"
#include "ingest/remote_write.h"


/*
 * 96 bits of the labels of a series, as they were sent, or of a string;
 * hash is never 0.  No padding: its bytes are hashed in turn.
 */
typedef struct {
    uint64_t   hash;
    uint32_t   check;
    uint32_t   len;
} phr_remote_print_t;


typedef struct {
    uint64_t   hash;            /* 0: free */
    uint32_t   check;
    phr_sid_t  sid;
} phr_remote_entry_t;

typedef struct {
    phr_remote_entry_t  *e;
    size_t               mask;
    size_t               n;
} phr_remote_table_t;

/* two generations: what was not used while one filled up is forgotten */
typedef struct {
    phr_remote_table_t   young;
    phr_remote_table_t   old;
    size_t               max;   /* entries of a generation; 0: no bound */
} phr_remote_cache_t;


typedef enum {
    PHR_REMOTE_UNKNOWN = 0,     /* its labels must be read */
    PHR_REMOTE_KNOWN,           /* sid is set */
    PHR_REMOTE_REFUSED,         /* and counted */
} phr_remote_state_e;


typedef struct {
    phr_str_t            message;
    phr_remote_print_t   print;
    phr_sid_t            sid;
    uint32_t             nsamples;
    uint32_t             ninvalid;      /* histograms, which are counted */
    uint32_t             nexemplars;
    uint8_t              state;
} phr_remote_series_t;


/* where it came, and of which series of the request it is */
typedef struct {
    phr_str_t            message;
    uint32_t             at;
} phr_remote_exemplar_t;


/* a string of a request of version 2 */
typedef struct {
    phr_str_t            s;
    phr_remote_print_t   print;
} phr_remote_symbol_t;


/* metadata of a request; key is a hash of all of it */
typedef struct {
    uint64_t             key;
    phr_metadata_t       md;
} phr_remote_staged_t;


struct phr_remote_write_s {
    phr_remote_write_options_t   o;
    phr_remote_write_stats_t     stats;
    phr_remote_cache_t           cache;
    phr_arena_t                 *tmp;       /* labels of one series */
    phr_arena_t                 *hists;     /* of a request */
    phr_buf_t                    body;      /* unpacked */
    uint32_t                     source;
    unsigned                     has_source:1;

    /* of the request under way */

    unsigned                     v2:1;
    unsigned                     bad_refs:1;
    int64_t                      now_ms;
    uint64_t                     nrefused[PHR_REMOTE_WRITE_REASONS];
    uint64_t                     nwritten;  /* histograms, too */
    uint64_t                     nhists;    /* those alone */
    uint64_t                     nexemplars;    /* written */
    char                         example[PHR_REMOTE_WRITE_TEXT / 2];

    phr_array_t                  series;    /* of phr_remote_series_t */
    phr_array_t                  symbols;   /* of phr_remote_symbol_t */
    phr_array_t                  staged;    /* of phr_remote_staged_t */
    phr_array_t                  exemplars; /* of phr_remote_exemplar_t */

    /* of one series: numbers of symbols, and what their prints are */
    uint32_t                    *refs;
    phr_remote_print_t          *prints;
    size_t                       nrefs;
    size_t                       refs_nalloc;

    /* samples: their series' number, or id, and the rest as in a batch */
    size_t                       n;
    size_t                       nalloc;
    uint32_t                    *at;
    phr_sid_t                   *sid;
    int64_t                     *t_ms;
    double                      *v;
    const phr_hist_t           **h;         /* NULL until there is one */
    int8_t                      *status;
    int64_t                     *st_ms;     /* NULL until there is one */
    unsigned                     has_hists:1;   /* h is of this request */
    unsigned                     has_starts:1;  /* so is st_ms */

    /* metadata: what is stored, and keys of what needs no second look */
    phr_map_t                   *metadata;  /* -> phr_metadata_t */
    uint64_t                    *seen;
    size_t                       nseen;
};


/* remote_write_parse.c */

/*
 * Reads a request into the arrays.  PHR_EPARSE if it is malformed,
 * PHR_ELIMIT if it is too much, PHR_ENOMEM; described in err.
 */
int phr_remote_parse(phr_remote_write_t *rw, phr_str_t body, phr_err_t *err);

/* adds references, packed or one alone */
int phr_remote_refs(phr_remote_write_t *rw, const phr_protobuf_field_t *f);

void phr_remote_print(phr_remote_print_t *print, const void *data,
    size_t len);

/* room for one more sample, n being nalloc; PHR_ELIMIT or PHR_ENOMEM */
int phr_remote_more_samples(phr_remote_write_t *rw);
void phr_remote_free_samples(phr_remote_write_t *rw);


/* remote_write_labels.c */

/*
 * The labels of a series, sorted and without empty ones, in rw->tmp (their
 * bytes in the body).  PHR_EINVAL if they cannot name a series; described in
 * err.
 */
int phr_remote_labels(phr_remote_write_t *rw, phr_remote_series_t *s,
    phr_labels_t *ls, phr_err_t *err);

/* a string of version 2, and its hash; "" and 0 if there is none */
phr_str_t phr_remote_symbol(const phr_remote_write_t *rw, uint64_t ref);
uint64_t phr_remote_symbol_hash(const phr_remote_write_t *rw, uint64_t ref);


/* one label of version 1; PHR_EPARSE */
int phr_remote_label(phr_str_t message, phr_label_t *l);


/* remote_write_exemplar.c */

/* notes it for phr_remote_exemplars_store(), which comes after the samples */
int phr_remote_exemplar(phr_remote_write_t *rw, phr_str_t message,
    uint32_t at);
int phr_remote_exemplars_store(phr_remote_write_t *rw, phr_appender_t *app,
    phr_err_t *err);


/* remote_write_cache.c */

/* PHR_OK or PHR_NOTFOUND */
int phr_remote_cache_get(phr_remote_cache_t *c,
    const phr_remote_print_t *print, phr_sid_t *sid);

/* adds or replaces; what finds no memory is not kept */
void phr_remote_cache_set(phr_remote_cache_t *c,
    const phr_remote_print_t *print, phr_sid_t sid);

/* its entry will be asked for soon */
static inline void
phr_remote_cache_touch(const phr_remote_cache_t *c,
    const phr_remote_print_t *print)
{
    if (c->young.e != NULL) {
        phr_prefetch(&c->young.e[(size_t) print->hash & c->young.mask]);
    }
}

void phr_remote_cache_clear(phr_remote_cache_t *c);


/* remote_write_metadata.c */

/*
 * Notes what a message says for phr_remote_metadata_store(), unless it is
 * known.  In version 2 it is of the series whose references were read last.
 */
int phr_remote_metadata_v1(phr_remote_write_t *rw, phr_str_t message);
int phr_remote_metadata_v2(phr_remote_write_t *rw, phr_str_t message);
int phr_remote_metadata_store(phr_remote_write_t *rw, phr_appender_t *app,
    phr_err_t *err);
int phr_remote_metadata_load(phr_remote_write_t *rw, phr_appender_t *app,
    phr_err_t *err);
void phr_remote_metadata_clear(phr_remote_write_t *rw);


/* remote_write_answer.c */

/*
 * Counts n samples of a series as refused.  detail and t_ms are for the
 * first of the request; PHR_TIME_MIN: no time.
 */
void phr_remote_refuse(phr_remote_write_t *rw,
    phr_remote_write_reason_e reason, size_t n, phr_remote_series_t *s,
    int64_t t_ms, const char *detail);

/* the answer to a request of which something or all was taken */
void phr_remote_answer(phr_remote_write_t *rw,
    phr_remote_write_answer_t *answer);


#endif /* PHR_REMOTE_WRITE_IMPL_H_INCLUDED */
