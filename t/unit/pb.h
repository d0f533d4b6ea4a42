/*
 * Copyright (C) The Pharos Authors
 *
 * Messages of protobuf, written field by field: what is scraped and pushed.
 */

#ifndef PB_H_INCLUDED
#define PB_H_INCLUDED


#include <string.h>

#include "core/buf.h"
#include "core/bytes.h"


/* the parts of a protobuf message */

static inline void
pb_bytes(phr_buf_t *b, unsigned field, const phr_buf_t *value)
{
    phr_buf_uvarint(b, field << 3 | 2);
    phr_buf_uvarint(b, value->len);
    phr_buf_append(b, value->data, value->len);
}


static inline void
pb_text(phr_buf_t *b, unsigned field, const char *s)
{
    phr_buf_uvarint(b, field << 3 | 2);
    phr_buf_uvarint(b, strlen(s));
    phr_buf_puts(b, s);
}


static inline void
pb_int(phr_buf_t *b, unsigned field, uint64_t v)
{
    phr_buf_uvarint(b, field << 3);
    phr_buf_uvarint(b, v);
}


static inline void
pb_double(phr_buf_t *b, unsigned field, double v)
{
    uint64_t  bits = phr_double_bits(v);

    phr_buf_uvarint(b, field << 3 | 1);
    phr_buf_append(b, &bits, 8);        /* tests run on little-endian */
}


/* a family of one metric with a label x="1" and this value message */

static inline void
pb_family(phr_buf_t *b, const char *name, unsigned family_type,
    unsigned field, const phr_buf_t *value)
{
    phr_buf_t  label, metric, family;

    phr_buf_init(&label, 0);
    phr_buf_init(&metric, 0);
    phr_buf_init(&family, 0);

    pb_text(&label, 1, "x");
    pb_text(&label, 2, "1");
    pb_bytes(&metric, 1, &label);
    pb_bytes(&metric, field, value);
    pb_text(&family, 1, name);
    pb_text(&family, 2, "It.");
    pb_int(&family, 3, family_type);
    pb_bytes(&family, 4, &metric);

    phr_buf_uvarint(b, family.len);
    phr_buf_append(b, family.data, family.len);

    phr_buf_free(&label);
    phr_buf_free(&metric);
    phr_buf_free(&family);
}


/* of one side: a span, its counts as deltas */

static inline void
pb_span(phr_buf_t *b, unsigned field, int offset, unsigned length)
{
    phr_buf_t  span;

    phr_buf_init(&span, 0);
    pb_int(&span, 1, phr_zigzag(offset));
    pb_int(&span, 2, length);
    pb_bytes(b, field, &span);
    phr_buf_free(&span);
}


#endif /* PB_H_INCLUDED */
