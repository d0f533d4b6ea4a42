/*
 * Copyright (C) The Pharos Authors
 *
 * Select: the querier of core/storage.h on one read transaction.
 */

#ifndef PHR_SELECT_H_INCLUDED
#define PHR_SELECT_H_INCLUDED


#include "store/internal.h"


int phr_querier_open(phr_storage_t *storage, phr_querier_t **q,
    phr_err_t *err);


#endif /* PHR_SELECT_H_INCLUDED */
