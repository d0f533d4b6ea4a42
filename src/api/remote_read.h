/*
 * Copyright (C) The Pharos Authors
 *
 * Remote read: Prometheus's protocol for samples as they are stored, its
 * requests and answers as bytes.  Who asks and where samples come from is
 * not known here.
 */

#ifndef PHR_REMOTE_READ_H_INCLUDED
#define PHR_REMOTE_READ_H_INCLUDED


#include "core/buf.h"
#include "core/storage.h"


/* of one request, all queries together */
#define PHR_REMOTE_READ_MAX_QUERIES   1000
#define PHR_REMOTE_READ_MAX_MATCHERS  1000


typedef enum {
    PHR_REMOTE_SAMPLES = 0,     /* one message, snappy */
    PHR_REMOTE_CHUNKS,          /* a message for each series or part of one */
} phr_remote_form_e;


typedef struct {
    int64_t         start_ms;
    int64_t         end_ms;     /* itself included */
    phr_matcher_t  *m;
    size_t          n;
} phr_remote_query_t;

typedef struct {
    phr_remote_query_t  *queries;
    size_t               n;
    size_t               nmatchers;
    phr_matching_t      *matching;
    phr_remote_form_e    form;
    unsigned             asked:1;       /* the client named forms, and */
    unsigned             known:1;       /* one that there is */
} phr_remote_read_t;


/*
 * Reads a request, unpacked; it points into the message, all else is in the
 * arena.  PHR_EINVAL: malformed, or in no form that there is; or a failure of
 * phr_matcher_init_within(), which gets "matching".
 * phr_remote_read_free() frees the matchers, also after a failure.
 */
int phr_remote_read_decode(phr_str_t message, phr_arena_t *arena,
    phr_matching_t *matching, phr_remote_read_t *r, phr_err_t *err);
void phr_remote_read_free(phr_remote_read_t *r);

/*
 * Appends a series with its samples to a result: begin and end it by
 * phr_protobuf_begin(out, 1) and phr_protobuf_end().
 */
void phr_remote_read_samples(phr_buf_t *out, const phr_series_t *s);

/*
 * Appends a series as frames of the answer to a query.  PHR_OK, see
 * out->failed, or the arena's failure.
 */
int phr_remote_read_chunks(phr_buf_t *out, size_t query,
    const phr_series_t *s, phr_arena_t *arena);


#endif /* PHR_REMOTE_READ_H_INCLUDED */
