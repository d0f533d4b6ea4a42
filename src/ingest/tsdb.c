/*
 * Copyright (C) The Pharos Authors
 *
 * Tsdb: see tsdb.h.
 *
 *     index     magic:32 version:8 ... sections ... toc
 *     toc       six offsets:64, of symbols, series and others; crc:32
 *     symbols   len:32 n:32, n times varint length and bytes; crc:32
 *     series    varint length, labels and chunks; crc:32; zeros between
 *     segment   magic:32 version:8 padding:24, chunks
 *     chunk     varint length of data, encoding:8 data crc:32
 *
 * Checksums are CRC-32C of what a length says, big-endian.  In format 1 a
 * symbol is named by its offset in the file, later by its number.
 */

#include "ingest/tsdb.h"

#include "core/bytes.h"
#include "ingest/tsdb_bits.h"


#define PHR_TSDB_INDEX_MAGIC      0xbaaad700
#define PHR_TSDB_SEGMENT_MAGIC    0x85bd40dd
#define PHR_TSDB_TOMBSTONE_MAGIC  0x0130ba30

#define PHR_TSDB_TOC              52
#define PHR_TSDB_HEAD             8     /* of a segment */


static int phr_tsdb_damaged(phr_err_t *err, const char *what, uint64_t at);
static int phr_tsdb_symbols(phr_tsdb_index_t *ix, phr_err_t *err);
static int phr_tsdb_symbol(phr_tsdb_index_t *ix, uint64_t ref,
    phr_str_t *out);
static int phr_tsdb_labels(phr_tsdb_index_t *ix, phr_arena_t *arena,
    const uint8_t **p, const uint8_t *end, phr_labels_t *out);
static int phr_tsdb_chunks(phr_arena_t *arena, const uint8_t **p,
    const uint8_t *end, phr_tsdb_series_t *s);
static int64_t phr_tsdb_xor_time(phr_tsdb_bits_t *b);


static int
phr_tsdb_damaged(phr_err_t *err, const char *what, uint64_t at)
{
    return phr_err_set(err, PHR_ECORRUPT, "%s at offset %llu is damaged",
                       what, (unsigned long long) at);
}


int
phr_tsdb_index_open(phr_tsdb_index_t *ix, phr_str_t bytes, phr_err_t *err)
{
    int             i, rc;
    uint64_t        offset;
    const uint8_t  *p, *toc;

    memset(ix, 0, sizeof(phr_tsdb_index_t));
    ix->bytes = bytes;
    phr_array_init(&ix->symbols, sizeof(phr_str_t));

    p = (const uint8_t *) bytes.data;

    if (bytes.len < 5 + PHR_TSDB_TOC
        || phr_get_be32(p) != PHR_TSDB_INDEX_MAGIC)
    {
        return phr_err_set(err, PHR_ECORRUPT, "this is not an index");
    }

    ix->version = p[4];

    if (ix->version < 1 || ix->version > 3) {
        return phr_err_set(err, PHR_ECORRUPT, "an index of format %u, 1 to "
                           "3 are known", ix->version);
    }

    toc = p + bytes.len - PHR_TSDB_TOC;

    if (phr_crc32c(0, toc, PHR_TSDB_TOC - 4)
        != phr_get_be32(toc + PHR_TSDB_TOC - 4))
    {
        return phr_tsdb_damaged(err, "the table of contents",
                                bytes.len - PHR_TSDB_TOC);
    }

    /* series end where the next section, whichever it is, begins */

    ix->symbols_at = phr_get_be64(toc);
    ix->pos = phr_get_be64(toc + 8);
    ix->end = bytes.len - PHR_TSDB_TOC;

    for (i = 2; i < 6; i++) {
        offset = phr_get_be64(toc + 8 * i);

        if (offset > ix->pos && offset < ix->end) {
            ix->end = offset;
        }
    }

    if (ix->pos > ix->end) {
        return phr_tsdb_damaged(err, "the offset of the series", ix->pos);
    }

    if (ix->pos == 0) {
        /* there are none */
        ix->pos = ix->end;
    }

    rc = phr_tsdb_symbols(ix, err);

    return rc;
}


void
phr_tsdb_index_close(phr_tsdb_index_t *ix)
{
    phr_array_free(&ix->symbols);
}


static int
phr_tsdb_symbols(phr_tsdb_index_t *ix, phr_err_t *err)
{
    uint32_t        i, len, n;
    uint64_t        at, size;
    phr_str_t      *s;
    const uint8_t  *p, *end;

    at = ix->symbols_at;

    if (at == 0) {
        return PHR_OK;
    }

    if (at > ix->bytes.len || ix->bytes.len - at < 12) {
        return phr_tsdb_damaged(err, "the offset of the symbols", at);
    }

    p = (const uint8_t *) ix->bytes.data + at;
    len = phr_get_be32(p);
    p += 4;

    if (len < 4 || len > ix->bytes.len - at - 8
        || phr_crc32c(0, p, len) != phr_get_be32(p + len))
    {
        return phr_tsdb_damaged(err, "the table of symbols", at);
    }

    end = p + len;
    n = phr_get_be32(p);
    p += 4;

    ix->symbols_at = at + 8;
    ix->symbols_end = at + 4 + len;

    if (ix->version == 1) {
        return PHR_OK;
    }

    if (n > (uint64_t) (end - p)) {
        return phr_tsdb_damaged(err, "the number of symbols", at);
    }

    for (i = 0; i < n; i++) {

        if (phr_get_uvarint(&p, end, &size) != PHR_OK
            || size > (uint64_t) (end - p))
        {
            return phr_tsdb_damaged(err, "a symbol",
                             (uint64_t) (p - (const uint8_t *)
                                         ix->bytes.data));
        }

        s = phr_array_push(&ix->symbols);
        if (s == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory for symbols");
        }

        *s = phr_str_from((const char *) p, (size_t) size);
        p += size;
    }

    return PHR_OK;
}


static int
phr_tsdb_symbol(phr_tsdb_index_t *ix, uint64_t ref, phr_str_t *out)
{
    uint64_t        size;
    const uint8_t  *p, *end;

    if (ix->version != 1) {

        if (ref >= ix->symbols.nelts) {
            return PHR_ECORRUPT;
        }

        *out = *phr_array_get(&ix->symbols, phr_str_t, ref);

        return PHR_OK;
    }

    if (ref < ix->symbols_at || ref >= ix->symbols_end) {
        return PHR_ECORRUPT;
    }

    p = (const uint8_t *) ix->bytes.data + ref;
    end = (const uint8_t *) ix->bytes.data + ix->symbols_end;

    if (phr_get_uvarint(&p, end, &size) != PHR_OK
        || size > (uint64_t) (end - p))
    {
        return PHR_ECORRUPT;
    }

    *out = phr_str_from((const char *) p, (size_t) size);

    return PHR_OK;
}


int
phr_tsdb_index_next(phr_tsdb_index_t *ix, phr_arena_t *arena,
    phr_tsdb_series_t *s, phr_err_t *err)
{
    int             rc;
    uint64_t        at, len;
    const uint8_t  *base, *p, *end;

    base = (const uint8_t *) ix->bytes.data;

    /* zeros fill up to where the next one may begin */

    while (ix->pos < ix->end && base[ix->pos] == 0) {
        ix->pos++;
    }

    if (ix->pos == ix->end) {
        return PHR_DONE;
    }

    at = ix->pos;
    p = base + at;
    end = base + ix->end;

    /* in any case the next call does not come here again */
    ix->pos = ix->end;

    if (phr_get_uvarint(&p, end, &len) != PHR_OK
        || (uint64_t) (end - p) < 4 || len > (uint64_t) (end - p) - 4
        || phr_crc32c(0, p, (size_t) len) != phr_get_be32(p + len))
    {
        return phr_tsdb_damaged(err, "the series", at);
    }

    end = p + len;
    s->ref = ix->version == 1 ? at : at / 16;

    rc = phr_tsdb_labels(ix, arena, &p, end, &s->labels);

    if (rc == PHR_OK) {
        rc = phr_tsdb_chunks(arena, &p, end, s);
    }

    ix->pos = (uint64_t) (end - base) + 4;

    if (rc == PHR_ECORRUPT) {
        return phr_tsdb_damaged(err, "the series", at);
    }

    return rc == PHR_OK ? PHR_OK
                        : phr_err_set(err, rc, "no memory for a series");
}


static int
phr_tsdb_labels(phr_tsdb_index_t *ix, phr_arena_t *arena,
    const uint8_t **p, const uint8_t *end, phr_labels_t *out)
{
    uint64_t               i, n, name, value;
    phr_str_t              text;
    phr_label_t           *l;
    phr_labels_t           none;
    phr_labels_builder_t   b;

    if (phr_get_uvarint(p, end, &n) != PHR_OK
        || n > (uint64_t) (end - *p) / 2)
    {
        return PHR_ECORRUPT;
    }

    l = phr_arena_alloc(arena, (size_t) (n + 1) * sizeof(phr_label_t));
    if (l == NULL) {
        return phr_arena_rc(arena);
    }

    for (i = 0; i < n; i++) {

        if (phr_get_uvarint(p, end, &name) != PHR_OK
            || phr_get_uvarint(p, end, &value) != PHR_OK
            || phr_tsdb_symbol(ix, name, &l[i].name) != PHR_OK
            || phr_tsdb_symbol(ix, value, &l[i].value) != PHR_OK)
        {
            return PHR_ECORRUPT;
        }

        text = l[i].name;

        if (text.len == 0
            || (i > 0 && phr_str_cmp(l[i - 1].name, text) >= 0))
        {
            return PHR_ECORRUPT;
        }
    }

    /* an empty value is no label */

    none.l = l;
    none.n = 0;
    phr_labels_builder_init(&b, arena, none);

    for (i = 0; i < n; i++) {
        phr_labels_builder_set(&b, l[i].name, l[i].value);
    }

    return phr_labels_build(&b, out);
}


static int
phr_tsdb_chunks(phr_arena_t *arena, const uint8_t **p, const uint8_t *end,
    phr_tsdb_series_t *s)
{
    uint64_t           i, n, from, span, step, ref;
    phr_tsdb_chunk_t  *c;

    s->chunks = NULL;
    s->nchunks = 0;

    if (phr_get_uvarint(p, end, &n) != PHR_OK
        || n > (uint64_t) (end - *p) / 3)
    {
        return PHR_ECORRUPT;
    }

    c = phr_arena_alloc(arena, (size_t) (n + 1) * sizeof(phr_tsdb_chunk_t));
    if (c == NULL) {
        return phr_arena_rc(arena);
    }

    ref = 0;
    from = 0;

    for (i = 0; i < n; i++) {

        if (phr_get_uvarint(p, end, &step) != PHR_OK
            || phr_get_uvarint(p, end, &span) != PHR_OK)
        {
            return PHR_ECORRUPT;
        }

        from += i == 0 ? (uint64_t) phr_unzigzag(step) : step;
        c[i].min_ms = (int64_t) from;
        from += span;
        c[i].max_ms = (int64_t) from;

        if (phr_get_uvarint(p, end, &step) != PHR_OK
            || c[i].max_ms < c[i].min_ms)
        {
            return PHR_ECORRUPT;
        }

        ref += i == 0 ? step : (uint64_t) phr_unzigzag(step);
        c[i].segment = (uint32_t) (ref >> 32);
        c[i].offset = (uint32_t) ref;
    }

    s->chunks = c;
    s->nchunks = (size_t) n;

    return PHR_OK;
}


int
phr_tsdb_segment_check(phr_str_t segment, phr_err_t *err)
{
    const uint8_t  *p;

    p = (const uint8_t *) segment.data;

    if (segment.len < PHR_TSDB_HEAD
        || phr_get_be32(p) != PHR_TSDB_SEGMENT_MAGIC)
    {
        return phr_err_set(err, PHR_ECORRUPT, "this is no file of chunks");
    }

    if (p[4] != 1) {
        return phr_err_set(err, PHR_ECORRUPT, "chunks of format %u, 1 is "
                           "known", p[4]);
    }

    return PHR_OK;
}


int
phr_tsdb_chunk(phr_str_t segment, uint32_t offset, int *encoding,
    phr_str_t *data, phr_err_t *err)
{
    uint64_t        len;
    const uint8_t  *p, *end;

    p = (const uint8_t *) segment.data + offset;
    end = (const uint8_t *) segment.data + segment.len;

    if (offset < PHR_TSDB_HEAD || offset >= segment.len
        || phr_get_uvarint(&p, end, &len) != PHR_OK
        || (uint64_t) (end - p) < 5 || len > (uint64_t) (end - p) - 5
        || phr_crc32c(0, p, (size_t) len + 1) != phr_get_be32(p + len + 1))
    {
        return phr_tsdb_damaged(err, "the chunk", offset);
    }

    *encoding = p[0];
    *data = phr_str_from((const char *) p + 1, (size_t) len);

    return PHR_OK;
}


int
phr_tsdb_xor(phr_str_t data, int64_t *t_ms, double *v, size_t *n,
    phr_err_t *err)
{
    size_t           i, count;
    uint64_t         t, delta;
    phr_tsdb_xor_t   x;
    phr_tsdb_bits_t  b;

    if (data.len < 2) {
        return phr_err_set(err, PHR_ECORRUPT, "a chunk of %zu bytes",
                           data.len);
    }

    phr_tsdb_bits_init(&b, data, 2);
    count = phr_get_be16((const uint8_t *) data.data);
    t = 0;
    delta = 0;
    memset(&x, 0, sizeof(x));

    for (i = 0; i < count; i++) {

        if (i == 0) {
            t = (uint64_t) phr_unzigzag(phr_tsdb_bits_uvarint(&b));
            x.value = phr_tsdb_bits(&b, 64);

        } else {
            if (i == 1) {
                delta = phr_tsdb_bits_uvarint(&b);

            } else {
                delta += (uint64_t) phr_tsdb_xor_time(&b);
            }

            t += delta;
            phr_tsdb_bits_xor(&b, &x);
        }

        t_ms[i] = (int64_t) t;
        v[i] = phr_double_from_bits(x.value);

        if (b.failed || (i > 0 && t_ms[i] <= t_ms[i - 1])) {
            return phr_err_set(err, PHR_ECORRUPT, "sample %zu of %zu of a "
                               "chunk is damaged", i, count);
        }
    }

    *n = count;

    return PHR_OK;
}


/* what the step from sample to sample changed by */
static int64_t
phr_tsdb_xor_time(phr_tsdb_bits_t *b)
{
    unsigned  ones;
    uint64_t  v;

    static const unsigned  sizes[] = { 0, 14, 17, 20, 64 };

    for (ones = 0; ones < 4 && phr_tsdb_bits(b, 1) == 1; ones++) {
        /* void */
    }

    if (ones == 0) {
        return 0;
    }

    v = phr_tsdb_bits(b, sizes[ones]);

    /* the highest bit alone is positive */

    if (ones < 4 && v > (uint64_t) 1 << (sizes[ones] - 1)) {
        v -= (uint64_t) 1 << sizes[ones];
    }

    return (int64_t) v;
}


int
phr_tsdb_tombstones(phr_str_t bytes, phr_array_t *out, phr_err_t *err)
{
    uint64_t               ref, min, max;
    const uint8_t         *p, *end;
    phr_tsdb_tombstone_t  *t;

    p = (const uint8_t *) bytes.data;

    if (bytes.len < 9 || phr_get_be32(p) != PHR_TSDB_TOMBSTONE_MAGIC
        || p[4] != 1)
    {
        return phr_err_set(err, PHR_ECORRUPT, "these are no tombstones of "
                           "format 1");
    }

    end = p + bytes.len - 4;
    p += 5;

    if (phr_crc32c(0, p, (size_t) (end - p)) != phr_get_be32(end)) {
        return phr_err_set(err, PHR_ECORRUPT, "the checksum is wrong");
    }

    while (p < end) {

        if (phr_get_uvarint(&p, end, &ref) != PHR_OK
            || phr_get_uvarint(&p, end, &min) != PHR_OK
            || phr_get_uvarint(&p, end, &max) != PHR_OK)
        {
            return phr_tsdb_damaged(err, "the tombstone",
                              (uint64_t) (p - (const uint8_t *) bytes.data));
        }

        t = phr_array_push(out);
        if (t == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory for tombstones");
        }

        t->ref = ref;
        t->min_ms = phr_unzigzag(min);
        t->max_ms = phr_unzigzag(max);
    }

    return PHR_OK;
}
