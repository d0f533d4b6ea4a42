/*
 * Copyright (C) The Pharos Authors
 *
 * Packing: a stream that is compressed piece by piece, in memory that does
 * not grow with it.  What is there as a whole is pack.h's business.
 */

#ifndef PHR_PACKING_H_INCLUDED
#define PHR_PACKING_H_INCLUDED


#include "core/pack.h"


typedef struct phr_packing_s  phr_packing_t;

/* PHR_PACK_GZIP or PHR_PACK_ZSTD; NULL: no memory */
phr_packing_t *phr_packing_create(phr_pack_format_e format);
void phr_packing_destroy(phr_packing_t *p);     /* p may be NULL */

/*
 * Appends to out what the next piece makes; that may be nothing until "end"
 * says that no more will come.  After a failure the stream is worth nothing.
 */
int phr_packing_write(phr_packing_t *p, phr_str_t in, int end,
    phr_buf_t *out, phr_err_t *err);


#endif /* PHR_PACKING_H_INCLUDED */
