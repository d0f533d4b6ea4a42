/*
 * Copyright (C) The Pharos Authors
 *
 * Exemplar: exemplars in the order they came, a ring of so many as are to be
 * kept.  Each has a number; a record has a run of them and the number of its
 * first as its key.  Those whose number is lower by the size of the ring
 * than the highest are not shown, and their records are deleted.
 *
 * The writer knows the newest of each series, so that what a target says
 * again and again is stored once.  That is read when the first one comes;
 * where none are kept, nothing is.
 */

#ifndef PHR_EXEMPLAR_H_INCLUDED
#define PHR_EXEMPLAR_H_INCLUDED


#include "store/internal.h"


#define PHR_KEY_EXEMPLAR      8

/* the labels of one, encoded: names, values, and their lengths */
#define PHR_EXEMPLAR_LABELS   704

/* one in a record, and what stands before the first */
#define PHR_EXEMPLAR_BOUND    (1 + 5 + 10 + 8 + 2 + 2 + PHR_EXEMPLAR_LABELS)
#define PHR_EXEMPLAR_HEAD     19

/* flags: its time is its own; it came after one with a later time */
#define PHR_EXEMPLAR_OWN      1
#define PHR_EXEMPLAR_LATE     2


/* where a writer or a reader of a record stands: the last one */
typedef struct {
    int64_t    t_ms;
    double     v;
    phr_sid_t  sid;
    uint8_t    flags;
    uint16_t   len;
    uint8_t    labels[PHR_EXEMPLAR_LABELS];
} phr_exemplar_at_t;

typedef struct {
    int64_t             min_ms, max_ms;
    uint16_t            n;
    uint16_t            i;      /* of these were read */
    const uint8_t      *body;
    const uint8_t      *p;
    const uint8_t      *end;
    phr_exemplar_at_t   at;
} phr_exemplar_walk_t;


/*
 * Appends what "to" has to the PHR_EXEMPLAR_BOUND bytes at p, as the one
 * after "from"; a zeroed one begins a record.  Returns the length.
 */
size_t phr_exemplar_encode(uint8_t *p, const phr_exemplar_at_t *from,
    const phr_exemplar_at_t *to);
void phr_exemplar_head_put(uint8_t *p, size_t n, int64_t min_ms,
    int64_t max_ms);

/* PHR_OK or PHR_ECORRUPT; then next() until PHR_DONE, or PHR_ECORRUPT */
int phr_exemplar_open(phr_exemplar_walk_t *w, phr_str_t body);
int phr_exemplar_next(phr_exemplar_walk_t *w);

/* whether a record is one of exemplars, all of it; labels are looked at */
int phr_exemplar_fits(phr_str_t key, phr_str_t body);

/* a record whose key is at hand; PHR_ECORRUPT is described */
int phr_exemplar_read(phr_str_t key, phr_str_t value, uint64_t *first,
    phr_exemplar_walk_t *w, phr_err_t *err);


/* exemplar_write.c */

/* see phr_appender_ops_t */
int phr_exemplar_append(phr_appender_t *app, const phr_sid_t *sid,
    const phr_exemplar_t *e, size_t n, int8_t *status, phr_err_t *err);

/* what is pending into the transaction, and what the ring has no room for */
int phr_exemplar_flush(phr_store_t *st, phr_err_t *err);

/* what the writer knows is read again when it is needed */
void phr_exemplar_forget(phr_store_t *st);


/* exemplar_drop.c */

/*
 * Deletes records of which nothing is shown any more, some at a time, in the
 * pending transaction: PHR_AGAIN, PHR_OK or a failure.  *changed is set if
 * there were any.
 */
int phr_exemplar_expire(phr_store_t *st, int *changed, phr_err_t *err);

typedef struct {
    phr_store_t  *st;
    int64_t       min_ms, max_ms;       /* both included */

    /* not 0 if any of these series is wanted, both included */
    int         (*any)(void *data, phr_sid_t first, phr_sid_t last);
    void         *data;

    uint64_t      number;               /* zero to begin with */
} phr_exemplar_delete_t;

/*
 * Bounded work in the pending transaction; PHR_AGAIN until PHR_OK, or a
 * failure, after which it must not be committed.
 */
int phr_exemplar_delete_step(phr_exemplar_delete_t *d, phr_err_t *err);


/* exemplar_read.c: see phr_querier_ops_t; max is the size of the ring */
int phr_exemplar_select(phr_txn_t *txn, const phr_keep_t *keep, uint64_t max,
    const volatile int *stop, const phr_matcher_set_t *sets, size_t nsets,
    int64_t min_ms, int64_t max_ms, phr_arena_t *arena,
    phr_exemplars_of_t **out, size_t *n, phr_err_t *err);


#endif /* PHR_EXEMPLAR_H_INCLUDED */
