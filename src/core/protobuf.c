/*
 * Copyright (C) The Pharos Authors
 *
 * Protobuf: see protobuf.h.
 */

#include "core/protobuf.h"


/* bytes that the length of a message within takes */
#define PHR_PROTOBUF_LENGTH  5


int
phr_protobuf_next(phr_protobuf_t *r, phr_protobuf_field_t *f)
{
    int       i;
    size_t    size;
    uint64_t  v;

    if (r->p == r->end) {
        return PHR_DONE;
    }

    if (phr_protobuf_varint(r, &v) != PHR_OK || v >> 3 == 0
        || v > UINT32_MAX)
    {
        return PHR_EPARSE;
    }

    f->field = (unsigned) (v >> 3);
    f->wire = (unsigned) (v & 7);
    f->bits = 0;
    f->bytes = phr_str_of("");

    switch (f->wire) {

    case PHR_PROTOBUF_VARINT:
        return phr_protobuf_varint(r, &f->bits);

    case PHR_PROTOBUF_FIXED64:
    case PHR_PROTOBUF_FIXED32:
        size = f->wire == PHR_PROTOBUF_FIXED64 ? 8 : 4;

        if ((size_t) (r->end - r->p) < size) {
            return PHR_EPARSE;
        }

        for (i = (int) size - 1; i >= 0; i--) {
            f->bits = f->bits << 8 | r->p[i];
        }

        r->p += size;

        return PHR_OK;

    case PHR_PROTOBUF_BYTES:
        return phr_protobuf_bytes(r, &f->bytes);

    default:
        return PHR_EPARSE;
    }
}


void
phr_protobuf_put_varint(phr_buf_t *b, unsigned field, uint64_t v)
{
    if (v != 0) {
        phr_buf_uvarint(b, phr_protobuf_tag(field, PHR_PROTOBUF_VARINT));
        phr_buf_uvarint(b, v);
    }
}


void
phr_protobuf_put_sint(phr_buf_t *b, unsigned field, int64_t v)
{
    phr_protobuf_put_varint(b, field, phr_zigzag(v));
}


void
phr_protobuf_put_double(phr_buf_t *b, unsigned field, double v)
{
    /* -0 is not 0 here */

    if (phr_double_bits(v) != 0) {
        phr_buf_uvarint(b, phr_protobuf_tag(field, PHR_PROTOBUF_FIXED64));
        phr_protobuf_put64(b, phr_double_bits(v));
    }
}


void
phr_protobuf_put64(phr_buf_t *b, uint64_t v)
{
    int      i;
    uint8_t  bytes[8];

    for (i = 0; i < 8; i++) {
        bytes[i] = (uint8_t) (v >> 8 * i);
    }

    phr_buf_append(b, bytes, sizeof(bytes));
}


void
phr_protobuf_put_bytes(phr_buf_t *b, unsigned field, phr_str_t s)
{
    phr_buf_uvarint(b, phr_protobuf_tag(field, PHR_PROTOBUF_BYTES));
    phr_buf_put_str(b, s);
}


size_t
phr_protobuf_begin(phr_buf_t *b, unsigned field)
{
    static const char  none[PHR_PROTOBUF_LENGTH];

    phr_buf_uvarint(b, phr_protobuf_tag(field, PHR_PROTOBUF_BYTES));
    phr_buf_append(b, none, sizeof(none));

    return b->len;
}


void
phr_protobuf_end(phr_buf_t *b, size_t begun)
{
    int      i;
    char    *p;
    size_t   len;

    if (b->failed) {
        return;
    }

    len = b->len - begun;

    if (len > UINT32_MAX) {
        b->failed = PHR_ELIMIT;
        return;
    }

    /* a varint may have more bytes than it needs */

    p = b->data + begun - PHR_PROTOBUF_LENGTH;

    for (i = 0; i < PHR_PROTOBUF_LENGTH - 1; i++, len >>= 7) {
        p[i] = (char) ((len & 0x7f) | 0x80);
    }

    p[i] = (char) len;
}
