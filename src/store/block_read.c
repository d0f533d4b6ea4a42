/*
 * Copyright (C) The Pharos Authors
 *
 * Packs are read: the chunk of a series is found and decoded.
 *
 * A pack, after the checksum:
 *
 *     kind:8 0:8 nchunks:16 ntimes:16 ndata:16     little-endian
 *     nchunks words of 32 bits:  sid - first:9  offset:12  times:11
 *     ntimes offsets of 16 bits
 *     data: the chunks, then the columns of times, each opened by a varint,
 *     the number of samples
 *     eight zero bytes, for decoders that read ahead
 *
 * Series scraped together share one column of times.
 */

#include "store/block.h"

#include "core/yield.h"
#include "store/bits.h"
#include "store/hist_chunk.h"


static uint16_t phr_get_le16(const uint8_t *p);
static uint32_t phr_get_le32(const uint8_t *p);


int
phr_pack_open(const phr_pack_key_t *key, phr_str_t body, phr_pack_t *p)
{
    size_t          need;
    const uint8_t  *q;

    q = (const uint8_t *) body.data;

    if (body.len < PHR_PACK_HEADER + PHR_BITS_PAD
        || q[0] < PHR_PACK_FLOATS || q[0] > PHR_PACK_STARTS
        || (q[0] == PHR_PACK_STARTS) != (key->level == PHR_LEVEL_STARTS))
    {
        return PHR_ECORRUPT;
    }

    p->key = *key;
    p->kind = (phr_pack_kind_e) q[0];
    p->nchunks = phr_get_le16(q + 2);
    p->ntimes = phr_get_le16(q + 4);
    p->ndata = phr_get_le16(q + 6);

    need = PHR_PACK_HEADER + 4u * p->nchunks + 2u * p->ntimes + p->ndata
           + PHR_BITS_PAD;

    if (body.len != need || p->nchunks == 0 || p->ntimes == 0) {
        return PHR_ECORRUPT;
    }

    p->dir = q + PHR_PACK_HEADER;
    p->tdir = p->dir + 4u * p->nchunks;
    p->data = p->tdir + 2u * p->ntimes;

    return PHR_OK;
}


phr_sid_t
phr_pack_sid(const phr_pack_t *p, size_t i)
{
    return p->key.first + (phr_get_le32(p->dir + 4 * i) & 0x1ff);
}


size_t
phr_pack_find(const phr_pack_t *p, phr_sid_t sid)
{
    size_t  low, high, mid;

    low = 0;
    high = p->nchunks;

    while (low < high) {
        mid = (low + high) / 2;

        if (phr_pack_sid(p, mid) < sid) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return low;
}


int
phr_pack_chunk(const phr_pack_t *p, size_t i, phr_chunk_ref_t *ref)
{
    size_t          times, start, end, tstart, tend;
    uint32_t        word;
    uint64_t        n;
    const uint8_t  *t;

    word = phr_get_le32(p->dir + 4 * i);
    start = word >> 9 & 0xfff;
    times = word >> 21;

    if (times >= p->ntimes) {
        return PHR_ECORRUPT;
    }

    end = i + 1 < p->nchunks ? phr_get_le32(p->dir + 4 * i + 4) >> 9 & 0xfff
                             : phr_get_le16(p->tdir);
    tstart = phr_get_le16(p->tdir + 2 * times);
    tend = times + 1 < p->ntimes ? phr_get_le16(p->tdir + 2 * times + 2)
                                 : p->ndata;

    if (start > end || end > p->ndata || tstart > tend || tend > p->ndata) {
        return PHR_ECORRUPT;
    }

    t = p->data + tstart;

    if (phr_get_uvarint(&t, p->data + tend, &n) != PHR_OK || n == 0
        || n > PHR_CHUNK_MAX_SAMPLES)
    {
        return PHR_ECORRUPT;
    }

    ref->v = p->data + start;
    ref->v_len = (uint16_t) (end - start);
    ref->t = t;
    ref->t_len = (uint16_t) (p->data + tend - t);
    ref->n = (uint16_t) n;
    ref->hists = (p->kind == PHR_PACK_HISTS);
    ref->starts = (p->kind == PHR_PACK_STARTS);
    ref->sid = p->key.first + (word & 0x1ff);

    return PHR_OK;
}


int
phr_chunk_ref_times(const phr_chunk_ref_t *ref, int64_t *t_ms)
{
    return phr_ints_decode(ref->t, ref->t_len, t_ms, ref->n);
}


int
phr_chunk_ref_values(const phr_chunk_ref_t *ref, double *v)
{
    if (ref->hists) {
        return PHR_ECORRUPT;
    }

    phr_yield(ref->n);

    return phr_chunk_decode(ref->v, ref->v_len, v, ref->n);
}


int
phr_chunk_ref_hists(const phr_chunk_ref_t *ref, phr_arena_t *arena,
    const phr_hist_t **h)
{
    phr_yield((size_t) ref->n * 16);

    return phr_hist_chunk_decode(ref->v, ref->v_len, ref->n, arena, h);
}


int
phr_chunk_ref_check(const phr_chunk_ref_t *ref, phr_arena_t *arena)
{
    double             v[PHR_CHUNK_MAX_SAMPLES];
    const phr_hist_t  *h[PHR_CHUNK_MAX_SAMPLES];

    if (!ref->hists) {
        return phr_chunk_ref_values(ref, v);
    }

    phr_arena_reset(arena);

    return phr_chunk_ref_hists(ref, arena, h);
}


static uint16_t
phr_get_le16(const uint8_t *p)
{
    return (uint16_t) (p[0] | p[1] << 8);
}


static uint32_t
phr_get_le32(const uint8_t *p)
{
    return p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
           | (uint32_t) p[3] << 24;
}
