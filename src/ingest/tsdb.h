/*
 * Copyright (C) The Pharos Authors
 *
 * Tsdb: a block of Prometheus's storage, read: the index (format 1, 2 or 3),
 * the segments of chunks, tombstones.  All of it from bytes that the caller
 * has mapped; every offset and every checksum is looked at before it is
 * trusted.  Chunks with start times are told apart, not decoded.
 */

#ifndef PHR_TSDB_H_INCLUDED
#define PHR_TSDB_H_INCLUDED


#include "core/array.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/histogram.h"
#include "core/labels.h"


/* num_samples of a chunk has two bytes */
#define PHR_TSDB_MAX_SAMPLES  65535


typedef enum {
    PHR_TSDB_XOR = 1,
    PHR_TSDB_HISTOGRAM,
    PHR_TSDB_FLOAT_HISTOGRAM,
} phr_tsdb_encoding_e;


typedef struct {
    phr_str_t    bytes;
    unsigned     version;
    uint64_t     symbols_at;    /* where they begin in the file, and ... */
    uint64_t     symbols_end;
    phr_array_t  symbols;       /* of phr_str_t, by number; not in format 1 */
    uint64_t     pos;           /* of the next series */
    uint64_t     end;
} phr_tsdb_index_t;

typedef struct {
    int64_t   min_ms, max_ms;
    uint32_t  segment;          /* from 0 on */
    uint32_t  offset;           /* in its file */
} phr_tsdb_chunk_t;

typedef struct {
    uint64_t           ref;     /* what tombstones know it by */
    phr_labels_t       labels;  /* of the arena; bytes in the index */
    phr_tsdb_chunk_t  *chunks;
    size_t             nchunks;
} phr_tsdb_series_t;


/*
 * The bytes must stay until close().  PHR_ECORRUPT with the offset, or
 * PHR_ENOMEM; close() even so.
 */
int phr_tsdb_index_open(phr_tsdb_index_t *ix, phr_str_t bytes,
    phr_err_t *err);
void phr_tsdb_index_close(phr_tsdb_index_t *ix);

/*
 * The next series, in the order of the file.  PHR_OK, PHR_DONE, or
 * PHR_ECORRUPT: where the one after it begins is not known then.
 */
int phr_tsdb_index_next(phr_tsdb_index_t *ix, phr_arena_t *arena,
    phr_tsdb_series_t *s, phr_err_t *err);


/* the first bytes of a file of chunks */
int phr_tsdb_segment_check(phr_str_t segment, phr_err_t *err);

/* a chunk within it: how it is encoded, and its data */
int phr_tsdb_chunk(phr_str_t segment, uint32_t offset, int *encoding,
    phr_str_t *data, phr_err_t *err);

/*
 * The samples of an XOR chunk into t_ms and v, which have room for
 * PHR_TSDB_MAX_SAMPLES.  Times ascend.
 */
int phr_tsdb_xor(phr_str_t data, int64_t *t_ms, double *v, size_t *n,
    phr_err_t *err);

/*
 * The same of a chunk of native histograms, of integers or of floats, which
 * are made in the arena and not validated.  A stale marker has its sum alone.
 * PHR_ECORRUPT or the arena's failure.
 */
int phr_tsdb_hists(phr_str_t data, int is_float, phr_arena_t *arena,
    int64_t *t_ms, const phr_hist_t **h, size_t *n, phr_err_t *err);


/* appends an XOR chunk of 1 .. PHR_TSDB_MAX_SAMPLES; see out->failed */
void phr_tsdb_xor_encode(const int64_t *t_ms, const double *v, size_t n,
    phr_buf_t *out);


/*
 * How many of n histograms, from the first, a chunk can hold: they are laid
 * out alike, and none but the first tells of a reset.  NULLs, which are
 * floats, end it; the first is none.
 */
size_t phr_tsdb_hists_run(const phr_hist_t *const *h, size_t n);

/*
 * Appends a chunk of so many: PHR_TSDB_HISTOGRAM if the first is of integers,
 * else PHR_TSDB_FLOAT_HISTOGRAM.  PHR_OK or out of memory; the arena is used
 * for the time of the call.
 */
int phr_tsdb_hists_encode(const int64_t *t_ms, const phr_hist_t *const *h,
    size_t n, phr_arena_t *arena, phr_buf_t *out);


/* samples of a series that were deleted, both ends within */
typedef struct {
    uint64_t  ref;
    int64_t   min_ms, max_ms;
} phr_tsdb_tombstone_t;

/* adds phr_tsdb_tombstone_t in the order of the file */
int phr_tsdb_tombstones(phr_str_t bytes, phr_array_t *out, phr_err_t *err);


#endif /* PHR_TSDB_H_INCLUDED */
