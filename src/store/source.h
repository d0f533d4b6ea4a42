/*
 * Copyright (C) The Pharos Authors
 *
 * Source: who sends batches, and the layouts of these: the ordered lists of
 * series ids that rows refer to.  A layout is written once and dropped when
 * no row refers to it any more, but for the few used last.
 */

#ifndef PHR_SOURCE_H_INCLUDED
#define PHR_SOURCE_H_INCLUDED


#include "store/internal.h"


/* pieces of a row to one of its layout: 1018 ids, or fewer if encrypted */
#define PHR_LAYOUT_ROWS  2

size_t phr_layout_piece(const phr_txn_t *txn);


/* a layout as PHR_DB_HEAD has it */
typedef struct {
    uint32_t  source;
    uint32_t  id;
    uint32_t  n;
    uint32_t  min_sid, max_sid;
} phr_head_t;

int phr_head_decode(phr_str_t key, phr_str_t body, phr_head_t *h);

/* the same of a record that is checked first, with the error described */
int phr_head_read(phr_str_t key, phr_str_t value, phr_head_t *h,
    phr_err_t *err);

/* writes what is said of a layout: of the ids sid[h->n], that is */
int phr_head_put(phr_txn_t *txn, const phr_head_t *h, phr_err_t *err);

/* its series ids into sid[h->n] */
int phr_layout_read(phr_txn_t *txn, const phr_head_t *h, phr_sid_t *sid,
    phr_err_t *err);

/* those of a layout of a loaded source, in the store's scratch arena */
int phr_layout_sids(phr_store_t *st, const phr_source_t *src,
    const phr_layout_t *l, phr_sid_t **sid, phr_err_t *err);


/*
 * The source, loaded; made in memory if it was not known.  All sources that
 * have rows are loaded by phr_sources_warm(), which must come first.
 */
int phr_source_get(phr_store_t *st, uint32_t id, phr_source_t **src,
    phr_err_t *err);
void phr_source_destroy(phr_source_t *src);

/* reads what the rows of all sources say about the newest samples */
int phr_sources_warm(phr_store_t *st, phr_err_t *err);

/* the layout with these ids, made if the source has none such */
int phr_layout_find(phr_store_t *st, phr_source_t *src, const phr_sid_t *sid,
    size_t n, phr_layout_t **layout, phr_err_t *err);

/* forgets all layouts of a source that has no rows */
int phr_layouts_drop(phr_store_t *st, phr_source_t *src, phr_err_t *err);

/* forgets layouts without rows, but the newest few */
int phr_layouts_trim(phr_store_t *st, phr_source_t *src, phr_err_t *err);


#endif /* PHR_SOURCE_H_INCLUDED */
