/*
 * Copyright (C) The Pharos Authors
 *
 * Tsdb, bits: how numbers are written in the chunks of Prometheus, from the
 * highest bit on.  Included by tsdb*.c alone.
 */

#ifndef PHR_TSDB_BITS_H_INCLUDED
#define PHR_TSDB_BITS_H_INCLUDED


#include "core/buf.h"


typedef struct {
    const uint8_t  *p;
    const uint8_t  *end;
    uint64_t        bits;       /* the next ones, from the highest on */
    unsigned        n;
    int             failed;     /* more was asked for than there is */
} phr_tsdb_bits_t;


/* a double among others like it, zero at first; value is its bits */
typedef struct {
    uint64_t        value;
    uint8_t         leading;
    uint8_t         trailing;
} phr_tsdb_xor_t;


/* the bits of data from this byte on, which must be there */
void phr_tsdb_bits_init(phr_tsdb_bits_t *b, phr_str_t data, size_t from);

/* n bits, 1 to 64; 0 and b->failed if there are not so many */
uint64_t phr_tsdb_bits(phr_tsdb_bits_t *b, unsigned n);

/* LEB128 */
uint64_t phr_tsdb_bits_uvarint(phr_tsdb_bits_t *b);

/* in 1, 5, 9, 13, 17, 24, 32, 64 or 72 bits, as histograms have them */
uint64_t phr_tsdb_bits_uint(phr_tsdb_bits_t *b);
int64_t phr_tsdb_bits_int(phr_tsdb_bits_t *b);

/* the next value after x->value */
void phr_tsdb_bits_xor(phr_tsdb_bits_t *b, phr_tsdb_xor_t *x);


/* the other way: bits go in from the highest of a byte on */
typedef struct {
    phr_buf_t  *out;
    unsigned    free;           /* bits of the last byte */
} phr_tsdb_writer_t;

/* the lowest n bits of v, 0 to 64 */
void phr_tsdb_put(phr_tsdb_writer_t *w, uint64_t v, unsigned n);

void phr_tsdb_put_uint(phr_tsdb_writer_t *w, uint64_t v);
void phr_tsdb_put_int(phr_tsdb_writer_t *w, int64_t v);

/* begins with a value that is written otherwise; then the next one */
void phr_tsdb_xor_begin(phr_tsdb_xor_t *x, uint64_t value);
void phr_tsdb_put_xor(phr_tsdb_writer_t *w, phr_tsdb_xor_t *x,
    uint64_t value);


#endif /* PHR_TSDB_BITS_H_INCLUDED */
