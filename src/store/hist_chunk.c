/*
 * Copyright (C) The Pharos Authors
 *
 * Histogram chunk: see hist_chunk.h.
 *
 *     layout    flags:8  schema  positive and negative spans, bounds: numbers
 *               zero threshold:64
 *               spans: offset, length
 *               bounds: 64 each
 *     columns   length, chunk: count, sum, zero count, buckets
 *
 * What has no width is a varint.  A histogram that looks unlike the one
 * before it begins a new chunk, so what is the same is never written twice.
 */

#include "store/hist_chunk.h"

#include "core/bytes.h"
#include "store/bits.h"


#define PHR_HIST_CHUNK_HINT      0x03
#define PHR_HIST_CHUNK_INTEGER   0x04

/* count, sum and zero count: columns before those of the buckets */
#define PHR_HIST_CHUNK_FIXED     3

/* a varint of 32 bits */
#define PHR_HIST_CHUNK_VARINT    5


static size_t phr_hist_chunk_run(const phr_hist_t *const *h, size_t n);
static size_t phr_hist_chunk_bound(const phr_hist_t *h);
static size_t phr_hist_chunk_layout(const phr_hist_t *h, uint8_t *out);
static uint8_t *phr_hist_chunk_put_spans(uint8_t *p,
    const phr_hist_side_t *side);
static size_t phr_hist_chunk_columns(const phr_hist_t *const *h, size_t n,
    uint8_t *out, size_t size, size_t *column);
static double phr_hist_chunk_at(const phr_hist_t *h, size_t column);
static int phr_hist_chunk_read_layout(const uint8_t **p, const uint8_t *end,
    phr_arena_t *arena, phr_hist_t *h);
static int phr_hist_chunk_read_spans(const uint8_t **p, const uint8_t *end,
    uint64_t n, phr_arena_t *arena, phr_hist_side_t *side);
static int phr_hist_chunk_read_columns(const uint8_t *p, const uint8_t *end,
    phr_hist_t *h, double *counts, size_t n);


int
phr_hist_chunk_fits(const phr_hist_t *h)
{
    size_t   n;
    uint8_t  out[PHR_HIST_CHUNK_ONE];

    return phr_hist_chunk_bound(h) <= PHR_HIST_CHUNK_ONE
           || phr_hist_chunk_encode(&h, 1, out, sizeof(out), &n) != 0;
}


size_t
phr_hist_chunk_encode(const phr_hist_t *const *h, size_t n, uint8_t *out,
    size_t size, size_t *taken)
{
    size_t   head, len, ncolumns, column = 0;
    uint8_t  layout[PHR_HIST_CHUNK_ONE + 1];

    /* what is not written before its size is known cannot overflow */

    head = phr_hist_chunk_layout(h[0], layout);

    if (head == 0 || head >= size) {
        return 0;
    }

    memcpy(out, layout, head);

    ncolumns = PHR_HIST_CHUNK_FIXED + (size_t) h[0]->positive.n
               + h[0]->negative.n;
    n = phr_hist_chunk_run(h, n);

    for ( ;; ) {
        len = phr_hist_chunk_columns(h, n, out + head, size - head, &column);

        if (len != 0) {
            *taken = n;
            return head + len;
        }

        if (n == 1) {
            return 0;
        }

        /* so many columns did fit: about as many fewer samples will */
        n = phr_max(1, phr_min(n - 1, n * column / ncolumns));
    }
}


/* how many are alike */
static size_t
phr_hist_chunk_run(const phr_hist_t *const *h, size_t n)
{
    size_t  i;

    n = phr_min(n, PHR_CHUNK_MAX_SAMPLES);

    for (i = 1; i < n; i++) {
        if (h[0]->hint != h[i]->hint || !phr_hist_alike(h[0], h[i])) {
            break;
        }
    }

    return i;
}


/* what one takes at most; a column of one value is nine bytes at most */
static size_t
phr_hist_chunk_bound(const phr_hist_t *h)
{
    size_t  nspans, ncolumns;

    nspans = (size_t) h->positive.nspans + h->negative.nspans;
    ncolumns = PHR_HIST_CHUNK_FIXED + (size_t) h->positive.n + h->negative.n;

    return 1 + 4 * PHR_HIST_CHUNK_VARINT + 8
           + nspans * 2 * PHR_HIST_CHUNK_VARINT + (size_t) h->nbounds * 8
           + ncolumns * 12;
}


/* 0 if it is too long for anything */
static size_t
phr_hist_chunk_layout(const phr_hist_t *h, uint8_t *out)
{
    uint8_t   *p;
    uint32_t   i;

    if (((size_t) h->positive.nspans + h->negative.nspans)
        * 2 * PHR_HIST_CHUNK_VARINT + (size_t) h->nbounds * 8
        > PHR_HIST_CHUNK_ONE - 64)
    {
        return 0;
    }

    p = out;
    *p++ = (uint8_t) ((h->hint & PHR_HIST_CHUNK_HINT)
                      | (h->integer ? PHR_HIST_CHUNK_INTEGER : 0));

    p += phr_put_uvarint(p, phr_zigzag(h->schema));
    p += phr_put_uvarint(p, h->positive.nspans);
    p += phr_put_uvarint(p, h->negative.nspans);
    p += phr_put_uvarint(p, h->nbounds);

    phr_store64(p, phr_double_bits(h->zero_threshold));
    p += 8;

    p = phr_hist_chunk_put_spans(p, &h->positive);
    p = phr_hist_chunk_put_spans(p, &h->negative);

    for (i = 0; i < h->nbounds; i++, p += 8) {
        phr_store64(p, phr_double_bits(h->bounds[i]));
    }

    return (size_t) (p - out);
}


static uint8_t *
phr_hist_chunk_put_spans(uint8_t *p, const phr_hist_side_t *side)
{
    uint32_t  i;

    for (i = 0; i < side->nspans; i++) {
        p += phr_put_uvarint(p, phr_zigzag(side->spans[i].offset));
        p += phr_put_uvarint(p, side->spans[i].length);
    }

    return p;
}


/* the length; 0 if there is no room for *column */
static size_t
phr_hist_chunk_columns(const phr_hist_t *const *h, size_t n, uint8_t *out,
    size_t size, size_t *column)
{
    double    v[PHR_CHUNK_MAX_SAMPLES];
    size_t    i, c, len, ncolumns, used;
    uint8_t   chunk[PHR_CHUNK_BOUND(PHR_CHUNK_MAX_SAMPLES)];

    ncolumns = PHR_HIST_CHUNK_FIXED + (size_t) h[0]->positive.n
               + h[0]->negative.n;
    used = 0;

    for (c = 0; c < ncolumns; c++) {
        *column = c;

        for (i = 0; i < n; i++) {
            v[i] = phr_hist_chunk_at(h[i], c);
        }

        len = phr_chunk_encode(v, n, chunk);

        if (size - used < len + 2) {
            return 0;
        }

        used += phr_put_uvarint(out + used, len);
        memcpy(out + used, chunk, len);
        used += len;
    }

    return used;
}


static double
phr_hist_chunk_at(const phr_hist_t *h, size_t column)
{
    switch (column) {

    case 0:
        return h->count;

    case 1:
        return h->sum;

    case 2:
        return h->zero_count;

    default:
        column -= PHR_HIST_CHUNK_FIXED;

        return column < h->positive.n
               ? h->positive.counts[column]
               : h->negative.counts[column - h->positive.n];
    }
}


int
phr_hist_chunk_decode(const uint8_t *p, size_t len, size_t n,
    phr_arena_t *arena, const phr_hist_t **out)
{
    int             rc;
    double         *counts;
    size_t          i, nbuckets;
    phr_hist_t     *h, layout;
    const uint8_t  *end;

    if (n == 0 || n > PHR_CHUNK_MAX_SAMPLES) {
        return PHR_ECORRUPT;
    }

    end = p + len;
    memset(&layout, 0, sizeof(layout));

    rc = phr_hist_chunk_read_layout(&p, end, arena, &layout);
    if (rc != PHR_OK) {
        return rc;
    }

    /* a column is not less than two bytes: this bounds what is allocated */

    nbuckets = (size_t) layout.positive.n + layout.negative.n;

    if (PHR_HIST_CHUNK_FIXED + nbuckets > (size_t) (end - p) / 2) {
        return PHR_ECORRUPT;
    }

    h = phr_arena_alloc(arena, n * sizeof(phr_hist_t));
    counts = phr_arena_alloc(arena, n * nbuckets * sizeof(double));

    if (h == NULL || counts == NULL) {
        return phr_arena_rc(arena);
    }

    for (i = 0; i < n; i++) {
        h[i] = layout;
        h[i].positive.counts = counts + i * nbuckets;
        h[i].negative.counts = counts + i * nbuckets + layout.positive.n;
    }

    rc = phr_hist_chunk_read_columns(p, end, h, counts, n);
    if (rc != PHR_OK) {
        return rc;
    }

    /* all are laid out as the first */

    if (phr_hist_validate(&h[0], NULL) != PHR_OK) {
        return PHR_ECORRUPT;
    }

    for (i = 0; i < n; i++) {
        out[i] = &h[i];
    }

    return PHR_OK;
}


static int
phr_hist_chunk_read_layout(const uint8_t **p, const uint8_t *end,
    phr_arena_t *arena, phr_hist_t *h)
{
    int        rc;
    double    *bounds;
    uint8_t    flags;
    uint64_t   schema, npositive, nnegative, nbounds, i;

    if (*p == end) {
        return PHR_ECORRUPT;
    }

    flags = *(*p)++;

    if (phr_get_uvarint(p, end, &schema) != PHR_OK
        || phr_get_uvarint(p, end, &npositive) != PHR_OK
        || phr_get_uvarint(p, end, &nnegative) != PHR_OK
        || phr_get_uvarint(p, end, &nbounds) != PHR_OK
        || schema > 255 || end - *p < 8)
    {
        return PHR_ECORRUPT;
    }

    h->hint = flags & PHR_HIST_CHUNK_HINT;
    h->integer = (flags & PHR_HIST_CHUNK_INTEGER) != 0;
    h->schema = (int32_t) phr_unzigzag(schema);
    h->zero_threshold = phr_double_from_bits(phr_load64(*p));
    *p += 8;

    rc = phr_hist_chunk_read_spans(p, end, npositive, arena, &h->positive);
    if (rc == PHR_OK) {
        rc = phr_hist_chunk_read_spans(p, end, nnegative, arena,
                                       &h->negative);
    }

    if (rc != PHR_OK || nbounds == 0) {
        return rc;
    }

    if (nbounds > (uint64_t) (end - *p) / 8) {
        return PHR_ECORRUPT;
    }

    bounds = phr_arena_alloc(arena, (size_t) nbounds * sizeof(double));
    if (bounds == NULL) {
        return phr_arena_rc(arena);
    }

    for (i = 0; i < nbounds; i++, *p += 8) {
        bounds[i] = phr_double_from_bits(phr_load64(*p));
    }

    h->bounds = bounds;
    h->nbounds = (uint32_t) nbounds;

    return PHR_OK;
}


static int
phr_hist_chunk_read_spans(const uint8_t **p, const uint8_t *end, uint64_t n,
    phr_arena_t *arena, phr_hist_side_t *side)
{
    uint64_t          i, offset, length, total;
    phr_hist_span_t  *spans;

    if (n > (uint64_t) (end - *p) / 2) {
        return PHR_ECORRUPT;
    }

    spans = phr_arena_alloc(arena, (size_t) n * sizeof(phr_hist_span_t));
    if (spans == NULL) {
        return phr_arena_rc(arena);
    }

    total = 0;

    for (i = 0; i < n; i++) {
        if (phr_get_uvarint(p, end, &offset) != PHR_OK
            || phr_get_uvarint(p, end, &length) != PHR_OK
            || offset > UINT32_MAX || length > PHR_HIST_MAX_BUCKETS)
        {
            return PHR_ECORRUPT;
        }

        spans[i].offset = (int32_t) phr_unzigzag(offset);
        spans[i].length = (uint32_t) length;
        total += length;
    }

    if (total > PHR_HIST_MAX_BUCKETS) {
        return PHR_ECORRUPT;
    }

    side->spans = spans;
    side->nspans = (uint32_t) n;
    side->n = (uint32_t) total;

    return PHR_OK;
}


/* n histograms, whose buckets are counts, those of the first one first */
static int
phr_hist_chunk_read_columns(const uint8_t *p, const uint8_t *end,
    phr_hist_t *h, double *counts, size_t n)
{
    double    v[PHR_CHUNK_MAX_SAMPLES];
    size_t    i, c, nbuckets;
    uint64_t  len;

    nbuckets = (size_t) h->positive.n + h->negative.n;

    for (c = 0; c < PHR_HIST_CHUNK_FIXED + nbuckets; c++) {

        if (phr_get_uvarint(&p, end, &len) != PHR_OK
            || len > (uint64_t) (end - p)
            || phr_chunk_decode(p, (size_t) len, v, n) != PHR_OK)
        {
            return PHR_ECORRUPT;
        }

        p += len;

        for (i = 0; i < n; i++) {

            switch (c) {

            case 0:
                h[i].count = v[i];
                break;

            case 1:
                h[i].sum = v[i];
                break;

            case 2:
                h[i].zero_count = v[i];
                break;

            default:
                counts[i * nbuckets + c - PHR_HIST_CHUNK_FIXED] = v[i];
            }
        }
    }

    return p == end ? PHR_OK : PHR_ECORRUPT;
}
