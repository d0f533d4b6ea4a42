/*
 * Copyright (C) The Pharos Authors
 *
 * Protobuf: see protobuf.h.
 */

#include "core/protobuf.h"


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
