/*
 * Copyright (C) The Pharos Authors
 *
 * Series: label set <-> series id, and what the writer must know of a series
 * before it takes a sample: that it exists, and the time of its newest one.
 */

#ifndef PHR_SERIES_H_INCLUDED
#define PHR_SERIES_H_INCLUDED


#include "core/bytes.h"
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

/*
 * The record of a group has 48 bits for each series: the time, biased; the
 * lowest are special.
 */
#define PHR_LAST_BYTES   6
#define PHR_LAST_BIAS    (INT64_C(1) << 47)
#define PHR_GROUP_BYTES  (PHR_GROUP_SIZE * PHR_LAST_BYTES)

/* last times as the store has them, without what is not sealed */
int phr_group_decode(phr_str_t body, int64_t *last);

/* the same of one series of a record of that size */
static inline int64_t
phr_group_last(phr_str_t body, size_t i)
{
    uint64_t        v;
    const uint8_t  *p;

    p = (const uint8_t *) body.data + i * PHR_LAST_BYTES;
    v = (uint64_t) phr_get_be16(p) << 32 | phr_get_be32(p + 2);

    return v == 0 ? PHR_LAST_NONE
           : v == 1 ? PHR_LAST_EMPTY
           : (int64_t) v - PHR_LAST_BIAS;
}


#endif /* PHR_SERIES_H_INCLUDED */
