/*
 * Copyright (C) The Pharos Authors
 *
 * Text: strings in keys.  In a store that is not encrypted they stand there
 * as key.h has them, in order.  In one that is, a keyed hash stands for each
 * and the record holds the string, as it does where a string is too long;
 * so there is no order, and a beginning finds everything.
 */

#ifndef PHR_TEXT_H_INCLUDED
#define PHR_TEXT_H_INCLUDED


#include "store/env.h"
#include "store/key.h"


/*
 * As phr_key_str(), phr_key_prefix() and phr_key_str_get().  Equal strings
 * have different hashes in different sub-databases and under other ids.
 */
size_t phr_text_key(const phr_txn_t *txn, phr_db_e db, uint32_t id,
    uint8_t *p, phr_str_t s, uint32_t probe, int *is_long);
size_t phr_text_prefix(const phr_txn_t *txn, uint8_t *p, phr_str_t s);
int phr_text_get(const phr_txn_t *txn, const uint8_t *p, size_t size,
    char *out, size_t *len, size_t *used);

/* a hash that goes into a key: keyed, where the store is encrypted */
uint64_t phr_text_hash(const phr_txn_t *txn, phr_db_e db, phr_str_t s);


#endif /* PHR_TEXT_H_INCLUDED */
