/*
 * Copyright (C) The Pharos Authors
 *
 * Kind: which sub-database a record is of, when the tree that it was in is
 * lost.  Keys of one length are told apart by what the record is made of: a
 * pack or loose samples that decode to the end, a name that has the hash in
 * the key, and so on.
 */

#ifndef PHR_KIND_H_INCLUDED
#define PHR_KIND_H_INCLUDED


#include "store/env.h"


#define PHR_KIND_NONE  PHR_DB_MAX


/*
 * Of a record, its checksum included; of those that are made of others only
 * the ones that can be mistaken are known.  PHR_KIND_NONE also if the checksum
 * is wrong.
 */
phr_db_e phr_kind_guess(phr_str_t key, phr_str_t value);

/* whether a checked record can be of this sub-database */
int phr_kind_fits(phr_db_e db, phr_str_t key, phr_str_t body);


#endif /* PHR_KIND_H_INCLUDED */
