/*
 * Copyright (C) The Pharos Authors
 *
 * KV: small records beside the samples, by a byte and a key.
 */

#ifndef PHR_KV_H_INCLUDED
#define PHR_KV_H_INCLUDED


#include "core/buf.h"
#include "store/env.h"


int phr_kv_put(phr_txn_t *txn, char space, phr_str_t key, phr_str_t value,
    phr_err_t *err);

/* PHR_OK, also if there was none */
int phr_kv_del(phr_txn_t *txn, char space, phr_str_t key, phr_err_t *err);

/* appends the value to out; PHR_NOTFOUND if there is none */
int phr_kv_get(phr_txn_t *txn, char space, phr_str_t key, phr_buf_t *out,
    phr_err_t *err);

/* a visit that returns other than PHR_OK ends the walk, with that */
int phr_kv_each(phr_txn_t *txn, char space, phr_str_t prefix,
    int (*visit)(void *data, phr_str_t key, phr_str_t value), void *data,
    phr_err_t *err);

/* whether a checked record can be one of these */
int phr_kv_fits(phr_str_t key, phr_str_t body);

/* whether a checked record is a value of one piece */
int phr_kv_is_single(phr_str_t key, phr_str_t body);

/*
 * Deletes the records of values that lack a piece, and pieces that lack
 * their value; *nvalues are whole, *nlost were not.
 */
int phr_kv_mend(phr_txn_t *txn, uint64_t *nvalues, uint64_t *nlost,
    phr_err_t *err);


#endif /* PHR_KV_H_INCLUDED */
