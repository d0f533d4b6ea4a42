/*
 * Copyright (C) The Pharos Authors
 *
 * Loose samples, the body of a record: see loose.h.
 *
 *     body    n:16 first:16 last:16 min:64 max:64, then for each sample
 *             varint distance of sid, zigzag distance of time, double
 *
 * With the second highest bit of n, samples take less, series and times
 * being mostly alike:
 *
 *     bits, one a sample, low bits first: the sid is not the next one;
 *     varint distance of each that is not
 *     bits: the time is not that before; zigzag distance of each that is not
 *     terse values
 *
 * The highest bit of n tells that samples are histograms.  Instead of
 * samples there are runs, each of one series and one layout: distance of
 * sid, number, length of times, times, length of chunk, chunk.  Eight zero
 * bytes end the record.  The third highest bit tells that floats are start
 * timestamps.
 */

#include "store/loose.h"

#include "store/bits.h"
#include "store/hist_chunk.h"
#include "store/terse.h"


#define PHR_LOOSE_HEADER       22
#define PHR_LOOSE_SAMPLE_MAX   20
#define PHR_LOOSE_STEP_MAX     10       /* of one varint */
#define PHR_LOOSE_HISTS        0x8000
#define PHR_LOOSE_TERSE        0x4000
#define PHR_LOOSE_STARTS       0x2000

/* of a run: what stands around times and chunk; distance, number, lengths */
#define PHR_LOOSE_RUN          12

/* times of a run: a few bytes, or some eight each */
#define PHR_LOOSE_RUN_MAX      32


static int phr_loose_terse(const phr_loose_t *s, size_t n, uint8_t **p,
    uint8_t *end);
static size_t phr_loose_floats(const phr_loose_t *s, size_t n, uint8_t **p,
    uint8_t *end);
static size_t phr_loose_hists(const phr_loose_t *s, size_t n, uint8_t **p,
    uint8_t *end);
static int phr_loose_run_put(const phr_loose_t *s, size_t n, uint8_t **p,
    uint8_t *end, phr_sid_t base, size_t *taken);
static int phr_loose_terse_decode(uint32_t group, const uint8_t *p,
    const uint8_t *end, phr_loose_t *s, size_t n);
static int phr_loose_bits(const uint8_t **p, const uint8_t *end, size_t n,
    const uint8_t **bits);
static int phr_loose_hists_decode(uint32_t group, const uint8_t *p,
    const uint8_t *end, phr_arena_t *arena, phr_loose_t *s, size_t n);
static int phr_loose_run_get(const uint8_t **p, const uint8_t *end,
    phr_arena_t *arena, phr_loose_t *s, size_t n, phr_sid_t sid,
    size_t *taken);


size_t
phr_loose_encode(const phr_loose_t *s, size_t n, uint8_t *body, size_t room,
    size_t *done)
{
    size_t     i, k;
    int64_t    min, max;
    uint8_t   *p, *end;
    unsigned   kind;

    p = body + PHR_LOOSE_HEADER;
    end = body + room;
    kind = 0;
    k = n;

    if (s[0].h != NULL) {
        kind = PHR_LOOSE_HISTS;
        k = phr_loose_hists(s, n, &p, end);

    } else if (phr_loose_terse(s, n, &p, end) == PHR_OK) {
        kind = PHR_LOOSE_TERSE;

    } else {
        k = phr_loose_floats(s, n, &p, end);
    }

    *done = k;

    if (k == 0) {
        return 0;
    }

    min = s[0].t_ms;
    max = s[0].t_ms;

    for (i = 1; i < k; i++) {
        min = phr_min(min, s[i].t_ms);
        max = phr_max(max, s[i].t_ms);
    }

    phr_put_be16(body, (uint16_t) (k | kind));
    phr_put_be16(body + 2, s[0].sid % PHR_GROUP_SIZE);
    phr_put_be16(body + 4, s[k - 1].sid % PHR_GROUP_SIZE);
    phr_key_put_time(body + 6, min);
    phr_key_put_time(body + 14, max);

    return (size_t) (p - body);
}

/* PHR_FULL if there is no room for all of them */
static int
phr_loose_terse(const phr_loose_t *s, size_t n, uint8_t **p, uint8_t *end)
{
    size_t     i, len, nbits;
    double     v[PHR_LOOSE_MAX];
    int64_t    t_ms;
    uint8_t   *q, *bits;
    phr_sid_t  sid;

    nbits = (n + 7) / 8;

    bits = *p;
    q = bits + nbits;
    memset(bits, 0, nbits);
    sid = s[0].sid & ~(phr_sid_t) (PHR_GROUP_SIZE - 1);

    for (i = 0; i < n && end - q >= PHR_LOOSE_STEP_MAX; i++) {
        if (s[i].sid - sid != 1) {
            bits[i / 8] |= (uint8_t) (1 << i % 8);
            q += phr_put_uvarint(q, s[i].sid - sid);
        }

        sid = s[i].sid;
        v[i] = s[i].v;
    }

    if (i < n || (size_t) (end - q) < nbits) {
        return PHR_FULL;
    }

    bits = q;
    q = bits + nbits;
    memset(bits, 0, nbits);
    t_ms = 0;

    for (i = 0; i < n && end - q >= PHR_LOOSE_STEP_MAX; i++) {
        if (s[i].t_ms != t_ms) {
            bits[i / 8] |= (uint8_t) (1 << i % 8);
            q += phr_put_uvarint(q, phr_zigzag(s[i].t_ms - t_ms));
        }

        t_ms = s[i].t_ms;
    }

    len = i == n ? phr_terse_encode(v, n, NULL, q, (size_t) (end - q)) : 0;

    if (len == 0) {
        return PHR_FULL;
    }

    *p = q + len;

    return PHR_OK;
}


/* how many of the samples fitted */
static size_t
phr_loose_floats(const phr_loose_t *s, size_t n, uint8_t **p, uint8_t *end)
{
    size_t     i;
    int64_t    t_ms;
    uint8_t   *q;
    phr_sid_t  sid;

    q = *p;
    end -= PHR_LOOSE_SAMPLE_MAX;
    sid = s[0].sid & ~(phr_sid_t) (PHR_GROUP_SIZE - 1);
    t_ms = 0;

    for (i = 0; i < n && q <= end; i++) {
        q += phr_put_uvarint(q, s[i].sid - sid);
        q += phr_put_uvarint(q, phr_zigzag(s[i].t_ms - t_ms));
        phr_store64(q, phr_double_bits(s[i].v));
        q += 8;

        sid = s[i].sid;
        t_ms = s[i].t_ms;
    }

    *p = q;

    return i;
}


static size_t
phr_loose_hists(const phr_loose_t *s, size_t n, uint8_t **p, uint8_t *end)
{
    size_t     i, k, taken;
    phr_sid_t  sid;

    end -= PHR_BITS_PAD;
    sid = s[0].sid & ~(phr_sid_t) (PHR_GROUP_SIZE - 1);

    for (i = 0; i < n; i += taken) {

        for (k = i + 1; k < n && k - i < PHR_LOOSE_RUN_MAX
                        && s[k].sid == s[i].sid; k++)
        {
            /* void */
        }

        if (phr_loose_run_put(s + i, k - i, p, end, sid, &taken) != PHR_OK) {
            break;
        }

        sid = s[i].sid;
    }

    memset(*p, 0, PHR_BITS_PAD);
    *p += PHR_BITS_PAD;

    return i;
}


/* PHR_FULL if there is no room for one */
static int
phr_loose_run_put(const phr_loose_t *s, size_t n, uint8_t **p, uint8_t *end,
    phr_sid_t base, size_t *taken)
{
    size_t             i, room, len, tlen;
    int64_t            t_ms[PHR_LOOSE_RUN_MAX];
    uint8_t            chunk[PHR_RECORD_MAX];
    uint8_t            times[PHR_CHUNK_BOUND(PHR_LOOSE_RUN_MAX)], *q;
    const phr_hist_t  *h[PHR_LOOSE_RUN_MAX];

    i = 0;

    do {
        t_ms[i] = s[i].t_ms;
        h[i] = s[i].h;
    } while (++i < n);

    q = *p;
    room = (size_t) (end - q);

    tlen = phr_ints_encode(t_ms, n, times);
    len = 0;

    if (room > PHR_LOOSE_RUN + tlen) {
        len = phr_hist_chunk_encode(h, n, chunk, room - PHR_LOOSE_RUN - tlen,
                                    taken);
    }

    if (len == 0) {
        /* the times of one alone leave it more room */
        return n > 1 ? phr_loose_run_put(s, 1, p, end, base, taken)
                     : PHR_FULL;
    }

    if (*taken < n) {
        tlen = phr_ints_encode(t_ms, *taken, times);
    }

    q += phr_put_uvarint(q, s[0].sid - base);
    q += phr_put_uvarint(q, *taken);
    q += phr_put_uvarint(q, tlen);
    memcpy(q, times, tlen);
    q += tlen;
    q += phr_put_uvarint(q, len);
    memcpy(q, chunk, len);
    *p = q + len;

    return PHR_OK;
}


void
phr_loose_say_starts(uint8_t *body)
{
    phr_put_be16(body, phr_get_be16(body) | PHR_LOOSE_STARTS);
}


int
phr_loose_head(phr_str_t body, phr_loose_head_t *h)
{
    const uint8_t  *p;

    if (body.len < PHR_LOOSE_HEADER) {
        return PHR_ECORRUPT;
    }

    p = (const uint8_t *) body.data;

    h->n = phr_get_be16(p) & (PHR_LOOSE_STARTS - 1);
    h->hists = (phr_get_be16(p) & PHR_LOOSE_HISTS) != 0;
    h->terse = (phr_get_be16(p) & PHR_LOOSE_TERSE) != 0;
    h->starts = (phr_get_be16(p) & PHR_LOOSE_STARTS) != 0;
    h->first = phr_get_be16(p + 2);
    h->last = phr_get_be16(p + 4);
    h->min_ms = phr_key_get_time(p + 6);
    h->max_ms = phr_key_get_time(p + 14);

    return h->n <= PHR_LOOSE_MAX && !(h->hists && (h->terse || h->starts))
           ? PHR_OK : PHR_ECORRUPT;
}


int
phr_loose_decode(uint32_t group, phr_str_t body, phr_arena_t *arena,
    phr_loose_t *s, size_t *n)
{
    size_t             i;
    uint64_t           step, t;
    phr_sid_t          sid;
    const uint8_t     *p, *end;
    phr_loose_head_t   h;

    if (phr_loose_head(body, &h) != PHR_OK) {
        return PHR_ECORRUPT;
    }

    p = (const uint8_t *) body.data + PHR_LOOSE_HEADER;
    end = (const uint8_t *) body.data + body.len;
    sid = group << PHR_GROUP_SHIFT;
    t = 0;
    *n = h.n;

    if (h.hists) {
        return phr_loose_hists_decode(group, p, end, arena, s, h.n);
    }

    if (h.terse) {
        return phr_loose_terse_decode(group, p, end, s, h.n);
    }

    for (i = 0; i < h.n; i++) {
        if (phr_get_uvarint(&p, end, &step) != PHR_OK
            || step >= PHR_GROUP_SIZE)
        {
            return PHR_ECORRUPT;
        }

        sid += (phr_sid_t) step;

        if (phr_group_of(sid) != group
            || phr_get_uvarint(&p, end, &step) != PHR_OK || end - p < 8)
        {
            return PHR_ECORRUPT;
        }

        t += (uint64_t) phr_unzigzag(step);

        s[i].sid = sid;
        s[i].t_ms = (int64_t) t;
        s[i].v = phr_double_from_bits(phr_load64(p));
        s[i].h = NULL;
        p += 8;
    }

    return p == end ? PHR_OK : PHR_ECORRUPT;
}


static int
phr_loose_terse_decode(uint32_t group, const uint8_t *p, const uint8_t *end,
    phr_loose_t *s, size_t n)
{
    size_t          i;
    double          v[PHR_LOOSE_MAX];
    uint64_t        step, sid, t;
    const uint8_t  *bits;

    if (phr_loose_bits(&p, end, n, &bits) != PHR_OK) {
        return PHR_ECORRUPT;
    }

    sid = (uint64_t) group << PHR_GROUP_SHIFT;

    for (i = 0; i < n; i++) {
        step = 1;

        if ((bits[i / 8] >> i % 8 & 1)
            && (phr_get_uvarint(&p, end, &step) != PHR_OK
                || step >= PHR_GROUP_SIZE))
        {
            return PHR_ECORRUPT;
        }

        sid += step;

        if (sid >> PHR_GROUP_SHIFT != group) {
            return PHR_ECORRUPT;
        }

        s[i].sid = (phr_sid_t) sid;
        s[i].h = NULL;
    }

    if (phr_loose_bits(&p, end, n, &bits) != PHR_OK) {
        return PHR_ECORRUPT;
    }

    t = 0;

    for (i = 0; i < n; i++) {
        step = 0;

        if ((bits[i / 8] >> i % 8 & 1)
            && phr_get_uvarint(&p, end, &step) != PHR_OK)
        {
            return PHR_ECORRUPT;
        }

        t += (uint64_t) phr_unzigzag(step);
        s[i].t_ms = (int64_t) t;
    }

    if (phr_terse_decode(p, (size_t) (end - p), NULL, v, n) != PHR_OK) {
        return PHR_ECORRUPT;
    }

    for (i = 0; i < n; i++) {
        s[i].v = v[i];
    }

    return PHR_OK;
}


/* one a sample; *p is after them then */
static int
phr_loose_bits(const uint8_t **p, const uint8_t *end, size_t n,
    const uint8_t **bits)
{
    if ((size_t) (end - *p) < (n + 7) / 8) {
        return PHR_ECORRUPT;
    }

    *bits = *p;
    *p += (n + 7) / 8;

    return PHR_OK;
}


static int
phr_loose_hists_decode(uint32_t group, const uint8_t *p, const uint8_t *end,
    phr_arena_t *arena, phr_loose_t *s, size_t n)
{
    int        rc;
    size_t     i, taken;
    uint64_t   step;
    phr_sid_t  sid;

    if (end - p < PHR_BITS_PAD) {
        return PHR_ECORRUPT;
    }

    end -= PHR_BITS_PAD;
    sid = group << PHR_GROUP_SHIFT;

    for (i = 0; i < n; i += taken) {
        if (phr_get_uvarint(&p, end, &step) != PHR_OK
            || step >= PHR_GROUP_SIZE)
        {
            return PHR_ECORRUPT;
        }

        sid += (phr_sid_t) step;

        if (phr_group_of(sid) != group) {
            return PHR_ECORRUPT;
        }

        rc = phr_loose_run_get(&p, end, arena, s + i, n - i, sid, &taken);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return p == end ? PHR_OK : PHR_ECORRUPT;
}


/* the samples of a run, n at most */
static int
phr_loose_run_get(const uint8_t **p, const uint8_t *end, phr_arena_t *arena,
    phr_loose_t *s, size_t n, phr_sid_t sid, size_t *taken)
{
    int                rc;
    size_t             i;
    int64_t            t_ms[PHR_LOOSE_RUN_MAX];
    uint64_t           k, len;
    const phr_hist_t  *h[PHR_LOOSE_RUN_MAX];

    if (phr_get_uvarint(p, end, &k) != PHR_OK || k == 0
        || k > phr_min(n, PHR_LOOSE_RUN_MAX)
        || phr_get_uvarint(p, end, &len) != PHR_OK
        || len > (uint64_t) (end - *p)
        || phr_ints_decode(*p, (size_t) len, t_ms, (size_t) k) != PHR_OK)
    {
        return PHR_ECORRUPT;
    }

    *p += len;

    if (phr_get_uvarint(p, end, &len) != PHR_OK
        || len > (uint64_t) (end - *p))
    {
        return PHR_ECORRUPT;
    }

    if (arena != NULL) {
        rc = phr_hist_chunk_decode(*p, (size_t) len, (size_t) k, arena, h);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    *p += len;

    for (i = 0; i < k; i++) {
        s[i].sid = sid;
        s[i].t_ms = t_ms[i];
        s[i].h = arena != NULL ? h[i] : NULL;
        s[i].v = arena != NULL ? h[i]->sum : 0;
    }

    *taken = (size_t) k;

    return PHR_OK;
}
