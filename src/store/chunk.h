/*
 * Copyright (C) The Pharos Authors
 *
 * Chunk: the values, or the times, of a run of samples of one series, as few
 * bytes as one of the codecs can make of them.  Every double comes back bit
 * for bit.  The byte layout is described in FORMAT.md.
 *
 * A chunk does not hold its number of samples: whoever keeps it knows.
 * Decoders read up to PHR_BITS_PAD bytes past the end of a chunk, which
 * must be readable, and trust nothing else: a chunk that is not well-formed
 * gives PHR_ECORRUPT.
 */

#ifndef PHR_CHUNK_H_INCLUDED
#define PHR_CHUNK_H_INCLUDED


#include "core/base.h"


#define PHR_CHUNK_MAX_SAMPLES  256

/* what an encoder may write, scratch at the end included */
#define PHR_CHUNK_BOUND(n)     ((n) * 12 + 64)


/* ORDER CODEC: what chunk.c and FORMAT.md call them */
typedef enum {
    PHR_CODEC_RAW = 0,          /* doubles as they are */
    PHR_CODEC_CONST,            /* one double, n times */
    PHR_CODEC_INT_CONST,        /* one decimal, n times */
    PHR_CODEC_INT_FRAME,        /* difference from the least */
    PHR_CODEC_INT_DELTA,        /* difference from the one before */
    PHR_CODEC_INT_ZIGZAG,       /* the same, of either sign */
    PHR_CODEC_INT_DELTA2,       /* difference of differences */
    PHR_CODEC_XOR,
    PHR_CODEC_INT_TIMES,        /* integers times a factor */
    PHR_CODEC_MAX
} phr_codec_e;


/* n is 1 .. PHR_CHUNK_MAX_SAMPLES; returns the length */
size_t phr_chunk_encode(const double *v, size_t n, uint8_t *out);

/* writes exactly n values.  PHR_OK or PHR_ECORRUPT. */
int phr_chunk_decode(const uint8_t *p, size_t len, double *v, size_t n);

/* the same for integers of less than 2^60, times among them */
size_t phr_ints_encode(const int64_t *v, size_t n, uint8_t *out);
int phr_ints_decode(const uint8_t *p, size_t len, int64_t *v, size_t n);

/* the first of phr_ints_encode()'s integers, if they ascend */
int phr_ints_first(const uint8_t *p, size_t len, int64_t *v);

static inline phr_codec_e
phr_chunk_codec(const uint8_t *p)
{
    return (phr_codec_e) (p[0] >> 4);
}


/* chunk_xor.c: after the codec byte; returns 0 if limit bytes do not do */
size_t phr_xor_encode(const double *v, size_t n, uint8_t *out, size_t limit);
int phr_xor_decode(const uint8_t *p, size_t len, double *v, size_t n);


#endif /* PHR_CHUNK_H_INCLUDED */
