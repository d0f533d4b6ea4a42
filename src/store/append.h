/*
 * Copyright (C) The Pharos Authors
 *
 * Append: the appender of core/storage.h.
 */

#ifndef PHR_APPEND_H_INCLUDED
#define PHR_APPEND_H_INCLUDED


#include "store/internal.h"


extern const phr_appender_ops_t  phr_store_appender_ops;


#endif /* PHR_APPEND_H_INCLUDED */
