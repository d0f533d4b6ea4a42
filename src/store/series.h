/*
 * Copyright (C) The Pharos Authors
 *
 * Series: label set <-> series id, and what the writer must know of a series
 * before it takes a sample: that it exists, and the time of its newest one.
 */

#ifndef PHR_SERIES_H_INCLUDED
#define PHR_SERIES_H_INCLUDED


#include "store/internal.h"


/* names and values of one label set, and what its encoding may take */
#define PHR_SERIES_BYTES   (1 << 19)
#define PHR_SERIES_MAX     (1 << 20)


/*
 * The id of a label set, made if it is new.  PHR_ELIMIT: there is no room
 * for it; PHR_ELABELS: the labels are beyond a limit on them.  Both are
 * counted.
 */
int phr_series_id(phr_store_t *st, phr_labels_t ls, phr_sid_t *sid,
    phr_err_t *err);

/* the same of one that there is, or PHR_NOTFOUND */
int phr_series_known(phr_store_t *st, phr_labels_t ls, phr_sid_t *sid,
    phr_err_t *err);

/* allow.c: whether a new series may be made; as above */
int phr_series_allowed(phr_store_t *st, phr_labels_t ls, phr_err_t *err);

/*
 * The canonical encoding of the labels of a series: in the map, or in the
 * arena if it was in pieces.  PHR_NOTFOUND if there is no such series.
 */
int phr_series_encoding(phr_txn_t *txn, phr_sid_t sid, phr_arena_t *arena,
    phr_str_t *enc, phr_err_t *err);

/* the labels, pointing into the above */
int phr_series_labels(phr_txn_t *txn, phr_sid_t sid, phr_arena_t *arena,
    phr_labels_t *ls, phr_err_t *err);

/*
 * Removes the records of a series; its entries in the lists of labels are
 * handed to the index, which removes them at the next flush.
 */
int phr_series_remove(phr_store_t *st, phr_sid_t sid, phr_err_t *err);


/*
 * The group of a series, loaded.  *group is NULL if it is beyond all that
 * exist.
 */
int phr_group_get(phr_store_t *st, uint32_t number, phr_group_t **group,
    phr_err_t *err);

void phr_group_destroy(phr_group_t *group);     /* may be NULL */

/* its record will be written at the next flush */
int phr_group_touch(phr_store_t *st, uint32_t number, phr_err_t *err);

/* writes the records of all groups touched */
int phr_groups_flush(phr_store_t *st, phr_err_t *err);

/* writes last[PHR_GROUP_SIZE]; deletes the record if there is no series */
int phr_group_write(phr_txn_t *txn, uint32_t number, const int64_t *last,
    phr_err_t *err);

/* last times as the store has them, without what is not sealed */
int phr_group_decode(phr_str_t body, int64_t *last);


#endif /* PHR_SERIES_H_INCLUDED */
