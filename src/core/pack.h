/*
 * Copyright (C) The Pharos Authors
 *
 * Pack: snappy (block format), zstd and gzip behind one interface.  Output
 * is bounded before it is produced.
 */

#ifndef PHR_PACK_H_INCLUDED
#define PHR_PACK_H_INCLUDED


#include "core/buf.h"
#include "core/err.h"


typedef enum {
    PHR_PACK_SNAPPY = 0,
    PHR_PACK_ZSTD,
    PHR_PACK_GZIP,      /* reads zlib and gzip, writes gzip */
} phr_pack_format_e;


/* appends to out; on failure out->len is as before */
int phr_pack(phr_pack_format_e format, phr_str_t in, phr_buf_t *out,
    phr_err_t *err);

/* PHR_ELIMIT if more than limit_bytes (0: no limit) would come out */
int phr_unpack(phr_pack_format_e format, phr_str_t in, size_t limit_bytes,
    phr_buf_t *out, phr_err_t *err);


#endif /* PHR_PACK_H_INCLUDED */
