/*
 * Copyright (C) The Pharos Authors
 *
 * Bytes: integers in byte order, varints, checksums.  Readers take a cursor
 * and an end and never read past it.
 */

#ifndef PHR_BYTES_H_INCLUDED
#define PHR_BYTES_H_INCLUDED


#include "core/base.h"
#include "core/buf.h"


/*
 * Big-endian: keys sort as their numbers do.  Compilers make one load or
 * store of each.
 */
static inline void
phr_put_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t) (v >> 8);
    p[1] = (uint8_t) v;
}

static inline void
phr_put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t) (v >> 24);
    p[1] = (uint8_t) (v >> 16);
    p[2] = (uint8_t) (v >> 8);
    p[3] = (uint8_t) v;
}

static inline void
phr_put_be64(uint8_t *p, uint64_t v)
{
    phr_put_be32(p, (uint32_t) (v >> 32));
    phr_put_be32(p + 4, (uint32_t) v);
}

static inline uint16_t
phr_get_be16(const uint8_t *p)
{
    return (uint16_t) (p[0] << 8 | p[1]);
}

static inline uint32_t
phr_get_be32(const uint8_t *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | p[3];
}

static inline uint64_t
phr_get_be64(const uint8_t *p)
{
    return (uint64_t) phr_get_be32(p) << 32 | phr_get_be32(p + 4);
}

/* LEB128; at most 10 bytes.  Returns the number of bytes written. */
size_t phr_put_uvarint(uint8_t *p, uint64_t v);
void phr_buf_uvarint(phr_buf_t *b, uint64_t v);

/* PHR_OK, or PHR_ECORRUPT with *p unchanged if cut short or too long */
int phr_get_uvarint(const uint8_t **p, const uint8_t *end, uint64_t *v);

/* a string after its length, both ways; what is got points into the bytes */
void phr_buf_put_str(phr_buf_t *b, phr_str_t s);
int phr_get_str(const uint8_t **p, const uint8_t *end, phr_str_t *s);

static inline uint64_t
phr_zigzag(int64_t v)
{
    return ((uint64_t) v << 1) ^ (uint64_t) (v >> 63);
}

static inline int64_t
phr_unzigzag(uint64_t v)
{
    return (int64_t) (v >> 1) ^ -(int64_t) (v & 1);
}

/* CRC-32C (Castagnoli), crc is that of what came before, 0 at the start */
uint32_t phr_crc32c(uint32_t crc, const void *data, size_t len);

/*
 * xxHash64 with a fixed seed: the hash of label sets, stored in keys and
 * stable for ever.
 */
uint64_t phr_xxh64(const void *data, size_t len);

/* the same over bytes that come in pieces */
typedef struct {
    uint64_t  acc[4];
    uint8_t   rest[32];     /* the last total % 32 bytes */
    uint64_t  total;        /* bytes */
} phr_xxh64_t;

void phr_xxh64_init(phr_xxh64_t *x);
void phr_xxh64_update(phr_xxh64_t *x, const void *data, size_t len);
uint64_t phr_xxh64_final(const phr_xxh64_t *x);


#endif /* PHR_BYTES_H_INCLUDED */
