/*
 * Copyright (C) The Pharos Authors
 *
 * Remote write: what other Prometheus servers and agents send, versions 1.0
 * and 2.0 of the protocol, from the compressed body to the appender.
 *
 * Writing the same request again changes nothing: a sample that is stored
 * with the same value is no error.  So nothing is remembered of requests.
 * What is good in a request is stored even if the rest of it is refused.
 * Process lifetime; the writer's thread only.
 */

#ifndef PHR_REMOTE_WRITE_H_INCLUDED
#define PHR_REMOTE_WRITE_H_INCLUDED


#include "core/storage.h"
#include "ingest/append.h"


#define PHR_REMOTE_WRITE_TEXT  1024


typedef struct phr_remote_write_s  phr_remote_write_t;


/* ORDER REMOTE_WRITE_REASON: texts in remote_write_answer.c */
typedef enum {
    PHR_REMOTE_WRITE_BAD_SERIES = 0,    /* labels, or nothing but labels */
    PHR_REMOTE_WRITE_NO_ROOM,           /* for another series */
    PHR_REMOTE_WRITE_OUT_OF_ORDER,
    PHR_REMOTE_WRITE_DUPLICATE,
    PHR_REMOTE_WRITE_TOO_OLD,
    PHR_REMOTE_WRITE_TOO_NEW,
    PHR_REMOTE_WRITE_HISTOGRAM,         /* which is none */
    PHR_REMOTE_WRITE_EXEMPLAR,          /* out of order */
    PHR_REMOTE_WRITE_REASONS
} phr_remote_write_reason_e;


/* 0 in a limit: none */
typedef struct {
    size_t  max_body_bytes;     /* before and after decompression */
    size_t  max_samples;        /* of a request, and series of it */
    size_t  max_labels;         /* of a series */
    size_t  max_name_bytes;     /* of a label */
    size_t  max_value_bytes;
    size_t  max_cached;         /* series whose ids are kept at hand */
    size_t  max_metadata;       /* metrics */
} phr_remote_write_options_t;


typedef struct {
    phr_str_t  content_type;    /* as sent, "" if it was not */
    phr_str_t  content_encoding;
    phr_str_t  body;
    int64_t    now_ms;
} phr_remote_write_request_t;


typedef struct {
    int       status;           /* of HTTP: 204, 400, 413 or 415 */
    unsigned  v2:1;             /* the three counts are to be sent */
    uint64_t  nsamples;         /* written, of floats */
    uint64_t  nhistograms;      /* written */
    uint64_t  nexemplars;       /* written */
    char      text[PHR_REMOTE_WRITE_TEXT];      /* "" if it went well */
} phr_remote_write_answer_t;


/* since create */
typedef struct {
    uint64_t  nrequests;
    uint64_t  nsamples;         /* written, histograms too */
    uint64_t  nrefused[PHR_REMOTE_WRITE_REASONS];
    uint64_t  nexemplars;       /* written */
    uint64_t  ndropped;         /* exemplars that were not */
    uint64_t  nmalformed;       /* requests of which nothing was taken */
} phr_remote_write_stats_t;


/* reads the metadata that the store has kept; options are copied */
int phr_remote_write_create(const phr_remote_write_options_t *o,
    phr_appender_t *app, phr_remote_write_t **rw, phr_err_t *err);
void phr_remote_write_destroy(phr_remote_write_t *rw);  /* may be NULL */

/*
 * To be called after a commit that failed, and after a negative code of
 * phr_remote_write_request().
 */
int phr_remote_write_reload(phr_remote_write_t *rw, phr_appender_t *app,
    phr_err_t *err);

/*
 * One request.  PHR_OK with an answer, which may be a refusal of some or all
 * of it; it is to be sent after the commit.  A negative code is a failure of
 * the appender or of memory: nothing of the request may be committed, and it
 * is worth trying again.
 */
int phr_remote_write_request(phr_remote_write_t *rw, phr_appender_t *app,
    const phr_remote_write_request_t *r, phr_remote_write_answer_t *answer,
    phr_err_t *err);

void phr_remote_write_stats(const phr_remote_write_t *rw,
    phr_remote_write_stats_t *stats);

/* "out_of_order" and the like, as the value of a label */
const char *phr_remote_write_reason(phr_remote_write_reason_e reason);

/* visits all metadata, in no order: start with *pos = 0; 0 at the end */
int phr_remote_write_metadata(const phr_remote_write_t *rw, size_t *pos,
    phr_metadata_t *md);


#endif /* PHR_REMOTE_WRITE_H_INCLUDED */
