/*
 * Copyright (C) The Pharos Authors
 *
 * Row: what was appended and is not sealed yet.  A row is one batch of a
 * source at one time, values only, in the order of a layout; loose samples
 * carry their series and times.  Here they are written, decoded and
 * forgotten; select.c and seal.c read them.
 */

#ifndef PHR_ROW_H_INCLUDED
#define PHR_ROW_H_INCLUDED


#include "store/internal.h"


/* values in a piece of a row: 4 + 4 + 8 * 509 bytes fill a page */
#define PHR_ROW_VALUES    509
#define PHR_ROW_HEADER    4


/* body of a checked record; *v points to n doubles, not aligned */
int phr_row_decode(phr_str_t body, const uint8_t **v, size_t *n);


/* a layout as PHR_DB_HEAD has it */
typedef struct {
    uint32_t  source;
    uint32_t  id;
    uint32_t  n;
    uint32_t  min_sid, max_sid;
} phr_head_t;

int phr_head_decode(phr_str_t key, phr_str_t body, phr_head_t *h);

/* its series ids into sid[h->n] */
int phr_layout_read(phr_txn_t *txn, const phr_head_t *h, phr_sid_t *sid,
    phr_err_t *err);


/*
 * The source, loaded; made in memory if it was not known.  All sources that
 * have rows are loaded by phr_sources_warm(), which must come first.
 */
int phr_source_get(phr_store_t *st, uint32_t id, phr_source_t **src,
    phr_err_t *err);
void phr_source_destroy(phr_source_t *src);

/* reads what the rows of all sources say about the newest samples */
int phr_sources_warm(phr_store_t *st, phr_err_t *err);

/* writes a row of n values */
int phr_row_append(phr_store_t *st, phr_source_t *src, int64_t t_ms,
    const phr_sid_t *sid, const double *v, size_t n, phr_err_t *err);

/* forgets layouts without rows, but the newest few */
int phr_layouts_trim(phr_store_t *st, phr_source_t *src, phr_err_t *err);


typedef struct {
    phr_sid_t  sid;
    uint32_t   at;          /* place in the batch: keeps the order stable */
    int64_t    t_ms;
    double     v;
} phr_loose_t;

/* sorts by sid and time and writes them */
int phr_loose_append(phr_store_t *st, phr_loose_t *s, size_t n,
    phr_err_t *err);

/* a record of loose samples of a group: bounds, then the samples */
typedef struct {
    uint16_t  n;
    uint16_t  first, last;      /* sids, from the start of the group */
    int64_t   min_ms, max_ms;
} phr_loose_head_t;

/* samples most a record can hold */
#define PHR_LOOSE_MAX     420

int phr_loose_head(phr_str_t body, phr_loose_head_t *h);

/* s has room for PHR_LOOSE_MAX; at is not set */
int phr_loose_decode(uint32_t group, phr_str_t body, phr_loose_t *s,
    size_t *n);

/* newest times and number of the loose samples of a group */
int phr_loose_load(phr_store_t *st, uint32_t group, phr_group_t *g,
    phr_err_t *err);

void phr_loose_sort(phr_loose_t *s, size_t n);


#endif /* PHR_ROW_H_INCLUDED */
