/*
 * Copyright (C) The Pharos Authors
 *
 * Protobuf: a cursor over the fields of a message, each checked against the
 * end of the bytes.  What the fields mean is the caller's; nothing is
 * copied, fields point into the message.  Groups, which proto3 has not, are
 * malformed.
 */

#ifndef PHR_PROTOBUF_H_INCLUDED
#define PHR_PROTOBUF_H_INCLUDED


#include "core/bytes.h"


#define PHR_PROTOBUF_VARINT   0
#define PHR_PROTOBUF_FIXED64  1
#define PHR_PROTOBUF_BYTES    2
#define PHR_PROTOBUF_FIXED32  5

/* the byte before a field of a number below 16 */
#define phr_protobuf_tag(field, wire)  ((field) << 3 | (wire))


typedef struct {
    const uint8_t  *p;
    const uint8_t  *end;
} phr_protobuf_t;


typedef struct {
    unsigned   field;
    unsigned   wire;
    uint64_t   bits;        /* of numbers */
    phr_str_t  bytes;       /* "" but for PHR_PROTOBUF_BYTES */
} phr_protobuf_field_t;


/* PHR_OK, PHR_DONE at the end, PHR_EPARSE if the message is malformed */
int phr_protobuf_next(phr_protobuf_t *r, phr_protobuf_field_t *f);


static inline void
phr_protobuf_open(phr_protobuf_t *r, phr_str_t message)
{
    r->p = (const uint8_t *) (message.data ? message.data : "");
    r->end = r->p + message.len;
}


/* PHR_OK or PHR_EPARSE */
static inline int
phr_protobuf_varint(phr_protobuf_t *r, uint64_t *v)
{
    if (phr_likely(r->p < r->end && *r->p < 0x80)) {
        *v = *r->p++;
        return PHR_OK;
    }

    return phr_get_uvarint(&r->p, r->end, v) == PHR_OK ? PHR_OK : PHR_EPARSE;
}


/* the length of what follows, and that; PHR_OK or PHR_EPARSE */
static inline int
phr_protobuf_bytes(phr_protobuf_t *r, phr_str_t *s)
{
    uint64_t  len;

    if (phr_protobuf_varint(r, &len) != PHR_OK
        || len > (uint64_t) (r->end - r->p))
    {
        return PHR_EPARSE;
    }

    *s = phr_str_from((const char *) r->p, (size_t) len);
    r->p += len;

    return PHR_OK;
}


/*
 * Writing.  Numbers that are 0, which a reader takes for granted, are left
 * out; see b->failed.
 */
void phr_protobuf_put_varint(phr_buf_t *b, unsigned field, uint64_t v);
void phr_protobuf_put_sint(phr_buf_t *b, unsigned field, int64_t v);
void phr_protobuf_put_double(phr_buf_t *b, unsigned field, double v);
void phr_protobuf_put_bytes(phr_buf_t *b, unsigned field, phr_str_t s);

/* eight bytes, little-endian */
void phr_protobuf_put64(phr_buf_t *b, uint64_t v);

/*
 * A message within the message: what is appended between begin and end.  Its
 * length takes five bytes, whatever it is.  begin gives what end needs.
 */
size_t phr_protobuf_begin(phr_buf_t *b, unsigned field);
void phr_protobuf_end(phr_buf_t *b, size_t begun);


/* eight bytes, little-endian; there must be so many */
static inline uint64_t
phr_protobuf_load64(const uint8_t *p)
{
    uint64_t  v;

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    int  i;

    for (v = 0, i = 7; i >= 0; i--) {
        v = v << 8 | p[i];
    }
#else
    memcpy(&v, p, sizeof(v));
#endif

    return v;
}


#endif /* PHR_PROTOBUF_H_INCLUDED */
