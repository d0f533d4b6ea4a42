/*
 * Copyright (C) The Pharos Authors
 *
 * Block: packs of chunks, one page of the file each.  A packer is given the
 * samples of series in ascending order of their ids and writes packs; a
 * reader finds the chunk of a series in a pack.  Which samples go where is
 * the sealer's business.
 */

#ifndef PHR_BLOCK_H_INCLUDED
#define PHR_BLOCK_H_INCLUDED


#include "core/storage.h"
#include "store/chunk.h"
#include "store/env.h"
#include "store/key.h"


/* the whole record, checksum and padding included: 16 bytes short of a page */
#define PHR_PACK_MAX     4076

/* the bytes before the words of its chunks */
#define PHR_PACK_HEADER  8


/* the first byte of a pack: what its chunks hold */
typedef enum {
    PHR_PACK_FLOATS = 1,
    PHR_PACK_HISTS = 2,         /* chunks of hist_chunk.h */
    PHR_PACK_STARTS = 3,        /* floats that stand for start timestamps */
} phr_pack_kind_e;


typedef struct phr_packer_s  phr_packer_t;


/* what the packs of one window hold, as the record in PHR_DB_WINDOW says */
typedef struct {
    uint64_t  npacks;
    uint64_t  nsamples;
    uint64_t  bytes;
    int64_t   min_ms, max_ms;
} phr_window_t;

int phr_window_get(phr_txn_t *txn, int level, int32_t window,
    phr_window_t *w, phr_err_t *err);
int phr_window_put(phr_txn_t *txn, int level, int32_t window,
    const phr_window_t *w, phr_err_t *err);
int phr_window_decode(phr_str_t body, phr_window_t *w);


/* "seal" is a number never used before */
phr_packer_t *phr_packer_create(phr_txn_t *txn, uint32_t seal);
void phr_packer_destroy(phr_packer_t *p);       /* p may be NULL */

/*
 * Adds n samples of a series, in ascending order of time; they are cut into
 * chunks as needed.  Series come in ascending order of their ids.
 */
int phr_packer_add(phr_packer_t *p, phr_sid_t sid, const int64_t *t_ms,
    const double *v, size_t n, phr_err_t *err);

/*
 * The same of histograms, for each of which phr_hist_chunk_fits().  A series
 * may have both, in any order.
 */
int phr_packer_add_hists(phr_packer_t *p, phr_sid_t sid, const int64_t *t_ms,
    const phr_hist_t *const *h, size_t n, phr_err_t *err);

/* start timestamps, see start.h */
int phr_packer_add_starts(phr_packer_t *p, phr_sid_t sid,
    const int64_t *t_ms, const double *v, size_t n, phr_err_t *err);

/* writes what is still open, and the records of the windows */
int phr_packer_finish(phr_packer_t *p, phr_err_t *err);


/* a chunk within a pack; points into it */
typedef struct {
    const uint8_t  *v;          /* values */
    const uint8_t  *t;          /* times */
    uint16_t        v_len;
    uint16_t        t_len;
    uint16_t        n;
    uint8_t         hists;      /* values are histograms, */
    uint8_t         starts;     /* or start timestamps */
    phr_sid_t       sid;
} phr_chunk_ref_t;

/* an opened pack; the bytes stay where they are */
typedef struct {
    phr_pack_key_t   key;
    phr_pack_kind_e  kind;
    const uint8_t   *dir;       /* one word a chunk */
    const uint8_t   *tdir;      /* one offset a column of times */
    const uint8_t   *data;
    uint16_t         nchunks;
    uint16_t         ntimes;
    uint16_t         ndata;
} phr_pack_t;

/* body is that of phr_record_check().  PHR_OK or PHR_ECORRUPT. */
int phr_pack_open(const phr_pack_key_t *key, phr_str_t body, phr_pack_t *p);

/* the place of the first chunk whose sid is not less, nchunks if none */
size_t phr_pack_find(const phr_pack_t *p, phr_sid_t sid);
int phr_pack_chunk(const phr_pack_t *p, size_t i, phr_chunk_ref_t *ref);
phr_sid_t phr_pack_sid(const phr_pack_t *p, size_t i);

int phr_chunk_ref_times(const phr_chunk_ref_t *ref, int64_t *t_ms);

/* values of a chunk of floats; of another one PHR_ECORRUPT */
int phr_chunk_ref_values(const phr_chunk_ref_t *ref, double *v);

/* of a chunk of histograms, made in the arena; see phr_hist_chunk_decode() */
int phr_chunk_ref_hists(const phr_chunk_ref_t *ref, phr_arena_t *arena,
    const phr_hist_t **h);

/* whether the values decode, with an arena that is reset */
int phr_chunk_ref_check(const phr_chunk_ref_t *ref, phr_arena_t *arena);


#endif /* PHR_BLOCK_H_INCLUDED */
