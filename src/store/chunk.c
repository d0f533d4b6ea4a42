/*
 * Copyright (C) The Pharos Authors
 *
 * Chunk: see chunk.h.
 *
 * Most values in monitoring are integers or short decimals, so a run of
 * doubles is first tried as integers times 10^-e.  What does not fit (NaN,
 * the staleness marker, -0.0, an odd value out) is put aside as an exception
 * and its place filled with the value before it.  The integers, or one of
 * their kinds of differences, are packed at one width of bits; those few
 * that need more keep their high bits in patches.
 *
 * Where all integers are as far apart as some factor, which sizes in pages
 * or sectors are, what is so packed is how often.
 *
 *     byte 0     codec << 4 | e
 *     (varints   the first, the factor; then a byte 0 of how often)
 *     byte 1     width | 0x80 if there are patches or exceptions
 *     varints    what the codec starts from
 *     (varints   number of patches, number of exceptions)
 *     bits       the integers, "width" bits each
 *     (patches   varint distance of place, varint high bits)
 *     (excepts   varint distance of place, 8 bytes)
 */

#include "store/chunk.h"

#include "core/bytes.h"
#include "store/bits.h"
#include "store/decimal.h"


#define PHR_CHUNK_MORE      0x80


/* the residuals of one way to write integers, and what they will cost */
typedef struct {
    phr_codec_e  codec;
    uint64_t     r[PHR_CHUNK_MAX_SAMPLES];
    size_t       n;         /* residuals */
    int64_t      base[2];
    size_t       nbase;
    unsigned     width;
    size_t       npatches;
    size_t       cost;      /* bytes, about */
} phr_plan_t;

typedef struct {
    size_t       n;
    uint16_t     at[PHR_CHUNK_MAX_SAMPLES];
} phr_excepts_t;


static int phr_decimals(const double *v, size_t n, int64_t *x,
    phr_excepts_t *ex);
static size_t phr_ints_write(const int64_t *x, size_t n, int e,
    const double *v, const phr_excepts_t *ex, uint8_t *out);
static const phr_plan_t *phr_plan_best(const int64_t *x, size_t n,
    phr_plan_t both[2]);
static uint64_t phr_ints_factor(const int64_t *x, size_t n);
static void phr_plan_frame(phr_plan_t *p, const int64_t *x, size_t n);
static void phr_plan_delta(phr_plan_t *p, const int64_t *x, size_t n);
static void phr_plan_zigzag(phr_plan_t *p, const int64_t *x, size_t n);
static void phr_plan_delta2(phr_plan_t *p, const int64_t *x, size_t n);
static void phr_plan_width(phr_plan_t *p);
static size_t phr_plan_write(const phr_plan_t *p, int e, const double *v,
    const phr_excepts_t *ex, uint8_t *out);
static int phr_ints_read(const uint8_t *p, size_t len, int64_t *x, size_t n,
    const uint8_t **excepts, size_t *nexcepts);
static int phr_ints_unpack(const uint8_t *p, size_t len, int64_t *x,
    size_t n, const uint8_t **excepts, size_t *nexcepts);
static int phr_codec_shape(phr_codec_e codec, size_t n, size_t *nbase,
    size_t *nr);
static void phr_ints_restore(phr_codec_e codec, const uint64_t *base,
    const uint64_t *r, int64_t *x, size_t n);
static int phr_patches_read(const uint8_t **p, const uint8_t *end,
    size_t npatches, unsigned width, uint64_t *r, size_t n);


const double  phr_decimal_pow10[PHR_DECIMAL_MAX_EXP + 1] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9
};


size_t
phr_chunk_encode(const double *v, size_t n, uint8_t *out)
{
    int            e;
    size_t         i, len, xor_len;
    int64_t        x[PHR_CHUNK_MAX_SAMPLES];
    uint64_t       first;
    uint8_t        tmp[PHR_CHUNK_BOUND(PHR_CHUNK_MAX_SAMPLES)];
    phr_excepts_t  ex;

    phr_assert(n > 0 && n <= PHR_CHUNK_MAX_SAMPLES);

    first = phr_double_bits(v[0]);

    for (i = 1; i < n && phr_double_bits(v[i]) == first; i++) {
        /* void */
    }

    if (i == n) {
        e = phr_decimal_exp(v[0], 0, &x[0]);

        if (e <= PHR_DECIMAL_MAX_EXP) {
            out[0] = (uint8_t) (PHR_CODEC_INT_CONST << 4 | e);
            len = 1 + phr_put_uvarint(out + 1, phr_zigzag(x[0]));

            if (len < 9) {
                return len;
            }
        }

        out[0] = PHR_CODEC_CONST << 4;
        phr_store64(out + 1, first);

        return 9;
    }

    len = 1 + 8 * n;

    e = phr_decimals(v, n, x, &ex);
    if (e >= 0) {
        len = phr_ints_write(x, n, e, v, &ex, tmp);
    }

    /*
     * XOR is tried where decimals failed or came out no better than about
     * four bytes a value, which they never do for real counters.
     */

    if (len > 4 * n) {
        xor_len = phr_xor_encode(v, n, out + 1, len - 1);

        if (xor_len != 0 && xor_len + 1 < len) {
            out[0] = PHR_CODEC_XOR << 4;
            return xor_len + 1;
        }
    }

    if (len < 1 + 8 * n) {
        memcpy(out, tmp, len);
        return len;
    }

    out[0] = PHR_CODEC_RAW << 4;

    for (i = 0; i < n; i++) {
        phr_store64(out + 1 + 8 * i, phr_double_bits(v[i]));
    }

    return 1 + 8 * n;
}


int
phr_chunk_decode(const uint8_t *p, size_t len, double *v, size_t n)
{
    int             e, rc;
    size_t          i, nexcepts;
    double          scale;
    int64_t         x[PHR_CHUNK_MAX_SAMPLES];
    uint64_t        at, step;
    const uint8_t  *excepts;

    if (len < 2 || n == 0 || n > PHR_CHUNK_MAX_SAMPLES) {
        return PHR_ECORRUPT;
    }

    switch (phr_chunk_codec(p)) {

    case PHR_CODEC_RAW:
        if (len != 1 + 8 * n) {
            return PHR_ECORRUPT;
        }

        for (i = 0; i < n; i++) {
            v[i] = phr_double_from_bits(phr_load64(p + 1 + 8 * i));
        }

        return PHR_OK;

    case PHR_CODEC_CONST:
        if (len != 9) {
            return PHR_ECORRUPT;
        }

        v[0] = phr_double_from_bits(phr_load64(p + 1));

        for (i = 1; i < n; i++) {
            v[i] = v[0];
        }

        return PHR_OK;

    case PHR_CODEC_XOR:
        return phr_xor_decode(p + 1, len - 1, v, n);

    default:
        break;
    }

    e = p[0] & 0x0f;
    if (e > PHR_DECIMAL_MAX_EXP) {
        return PHR_ECORRUPT;
    }

    rc = phr_ints_read(p, len, x, n, &excepts, &nexcepts);
    if (rc != PHR_OK) {
        return rc;
    }

    if (e == 0) {
        for (i = 0; i < n; i++) {
            v[i] = (double) x[i];
        }

    } else {
        scale = phr_decimal_pow10[e];

        for (i = 0; i < n; i++) {
            v[i] = (double) x[i] / scale;
        }
    }

    at = 0;

    for (i = 0; i < nexcepts; i++) {
        rc = phr_get_uvarint(&excepts, p + len, &step);

        if (rc != PHR_OK || step >= n - at || p + len - excepts < 8) {
            return PHR_ECORRUPT;
        }

        at += step;
        v[at] = phr_double_from_bits(phr_load64(excepts));
        excepts += 8;
    }

    return excepts == p + len ? PHR_OK : PHR_ECORRUPT;
}


size_t
phr_ints_encode(const int64_t *v, size_t n, uint8_t *out)
{
    phr_excepts_t  ex;

    phr_assert(n > 0 && n <= PHR_CHUNK_MAX_SAMPLES);

    ex.n = 0;

    return phr_ints_write(v, n, 0, NULL, &ex, out);
}


int
phr_ints_decode(const uint8_t *p, size_t len, int64_t *v, size_t n)
{
    int             rc;
    size_t          nexcepts;
    const uint8_t  *excepts;

    if (len < 2 || n == 0 || n > PHR_CHUNK_MAX_SAMPLES) {
        return PHR_ECORRUPT;
    }

    rc = phr_ints_read(p, len, v, n, &excepts, &nexcepts);
    if (rc != PHR_OK) {
        return rc;
    }

    return nexcepts == 0 && excepts == p + len ? PHR_OK : PHR_ECORRUPT;
}


int
phr_ints_first(const uint8_t *p, size_t len, int64_t *v)
{
    uint64_t        u;
    const uint8_t  *q;

    if (len < 2) {
        return PHR_ECORRUPT;
    }

    /* the frame starts from the least, the others from the first */

    q = p + (phr_chunk_codec(p) == PHR_CODEC_INT_CONST
             || phr_chunk_codec(p) == PHR_CODEC_INT_TIMES ? 1 : 2);

    if (phr_get_uvarint(&q, p + len, &u) != PHR_OK) {
        return PHR_ECORRUPT;
    }

    *v = phr_unzigzag(u);

    return PHR_OK;
}


/*
 * The values as integers times 10^-e, exceptions listed; -1 if there are too
 * many of those.  The exponent is the least that suits all values tried so
 * far, so that one odd value does not spoil it.
 */
static int
phr_decimals(const double *v, size_t n, int64_t *x, phr_excepts_t *ex)
{
    int      e, try_e;
    size_t   i, limit, nodd;
    int64_t  last;

    e = 0;
    nodd = 0;
    limit = n / 8 + 1;

    for (i = 0; i < n; i++) {
        try_e = phr_decimal_exp(v[i], e, &x[i]);

        if (try_e <= PHR_DECIMAL_MAX_EXP) {
            e = try_e;

        } else if (++nodd > limit) {
            return -1;
        }
    }

    ex->n = 0;
    last = 0;

    for (i = 0; i < n; i++) {

        if (phr_decimal(v[i], e, &x[i])) {
            if (ex->n == i) {
                /* those before the first good one take its place */
                for (last = 0; last < (int64_t) i; last++) {
                    x[last] = x[i];
                }
            }

            last = x[i];
            continue;
        }

        if (ex->n > limit) {
            return -1;
        }

        ex->at[ex->n++] = (uint16_t) i;
        x[i] = last;
    }

    return ex->n == n ? -1 : e;
}


static size_t
phr_ints_write(const int64_t *x, size_t n, int e, const double *v,
    const phr_excepts_t *ex, uint8_t *out)
{
    size_t             i, len;
    int64_t            often[PHR_CHUNK_MAX_SAMPLES];
    uint8_t            start[24];
    uint64_t           factor;
    phr_plan_t         plans[2], more[2];
    const phr_plan_t  *best, *times;

    best = phr_plan_best(x, n, plans);

    /* four bits less a value pay for what stands before them */

    factor = best->width > 4 ? phr_ints_factor(x, n) : 1;

    if (factor < 16) {
        return phr_plan_write(best, e, v, ex, out);
    }

    for (i = 0; i < n; i++) {
        often[i] = (x[i] - x[0]) / (int64_t) factor;
    }

    times = phr_plan_best(often, n, more);

    start[0] = (uint8_t) (PHR_CODEC_INT_TIMES << 4 | e);
    len = 1 + phr_put_uvarint(start + 1, phr_zigzag(x[0]));
    len += phr_put_uvarint(start + len, factor);

    if (len + times->cost >= best->cost) {
        return phr_plan_write(best, e, v, ex, out);
    }

    memcpy(out, start, len);

    return len + phr_plan_write(times, 0, v, ex, out + len);
}


/* what all integers are apart, times something; 0 if they are equal */
static uint64_t
phr_ints_factor(const int64_t *x, size_t n)
{
    size_t    i;
    uint64_t  g, d, rest;

    g = 0;

    for (i = 1; i < n && g != 1; i++) {
        d = x[i] > x[i - 1] ? (uint64_t) (x[i] - x[i - 1])
                            : (uint64_t) (x[i - 1] - x[i]);

        while (d != 0) {
            rest = g % d;
            g = d;
            d = rest;
        }
    }

    return g;
}


static const phr_plan_t *
phr_plan_best(const int64_t *x, size_t n, phr_plan_t both[2])
{
    size_t       i;
    phr_plan_t  *best, *other, *tmp;

    static void  (*const  plans[])(phr_plan_t *, const int64_t *, size_t) = {
        phr_plan_delta, phr_plan_zigzag, phr_plan_delta2
    };

    best = &both[0];
    other = &both[1];

    phr_plan_frame(best, x, n);
    phr_plan_width(best);

    for (i = 0; i < phr_nelems(plans) && n > 2; i++) {

        /* nothing is left to gain */
        if (best->width == 0 && best->npatches == 0) {
            break;
        }

        plans[i](other, x, n);
        phr_plan_width(other);

        if (other->cost < best->cost) {
            tmp = best;
            best = other;
            other = tmp;
        }
    }

    return best;
}


static void
phr_plan_frame(phr_plan_t *p, const int64_t *x, size_t n)
{
    size_t   i;
    int64_t  min;

    min = x[0];

    for (i = 1; i < n; i++) {
        min = phr_min(min, x[i]);
    }

    for (i = 0; i < n; i++) {
        p->r[i] = (uint64_t) x[i] - (uint64_t) min;
    }

    p->codec = PHR_CODEC_INT_FRAME;
    p->n = n;
    p->base[0] = min;
    p->nbase = 1;
}


static void
phr_plan_delta(phr_plan_t *p, const int64_t *x, size_t n)
{
    size_t   i;
    int64_t  min;

    min = x[1] - x[0];

    for (i = 2; i < n; i++) {
        min = phr_min(min, x[i] - x[i - 1]);
    }

    for (i = 1; i < n; i++) {
        p->r[i - 1] = (uint64_t) (x[i] - x[i - 1]) - (uint64_t) min;
    }

    p->codec = PHR_CODEC_INT_DELTA;
    p->n = n - 1;
    p->base[0] = x[0];
    p->base[1] = min;
    p->nbase = 2;
}


static void
phr_plan_zigzag(phr_plan_t *p, const int64_t *x, size_t n)
{
    size_t  i;

    for (i = 1; i < n; i++) {
        p->r[i - 1] = phr_zigzag(x[i] - x[i - 1]);
    }

    p->codec = PHR_CODEC_INT_ZIGZAG;
    p->n = n - 1;
    p->base[0] = x[0];
    p->nbase = 1;
}


static void
phr_plan_delta2(phr_plan_t *p, const int64_t *x, size_t n)
{
    size_t  i;

    for (i = 2; i < n; i++) {
        p->r[i - 2] = phr_zigzag((x[i] - x[i - 1]) - (x[i - 1] - x[i - 2]));
    }

    p->codec = PHR_CODEC_INT_DELTA2;
    p->n = n - 2;
    p->base[0] = x[0];
    p->base[1] = x[1] - x[0];
    p->nbase = 2;
}


/* the width of least cost: bits for all against patches for the few above */
static void
phr_plan_width(phr_plan_t *p)
{
    int       width;
    size_t    i, above, cost, patches;
    unsigned  top;
    uint32_t  hist[65];
    uint8_t   bytes[10];

    memset(hist, 0, sizeof(hist));
    top = 0;

    for (i = 0; i < p->n; i++) {
        width = (int) phr_bits_width(p->r[i]);
        hist[width]++;
        top = phr_max(top, (unsigned) width);
    }

    p->width = top;
    p->npatches = 0;
    p->cost = phr_bits_bytes(p->n, top);

    above = 0;
    patches = 0;

    for (width = (int) top - 1; width >= 0; width--) {
        above += hist[width + 1];

        if (above > p->n / 4) {
            break;
        }

        /* place, and the bits above, of about (top - width) / 7 bytes */
        patches = 2 + above * (2 + (top - (unsigned) width) / 7);
        cost = phr_bits_bytes(p->n, width) + patches;

        if (cost < p->cost) {
            p->cost = cost;
            p->width = (unsigned) width;
            p->npatches = above;
        }
    }

    for (i = 0; i < p->nbase; i++) {
        p->cost += phr_put_uvarint(bytes, phr_zigzag(p->base[i]));
    }
}


static size_t
phr_plan_write(const phr_plan_t *p, int e, const double *v,
    const phr_excepts_t *ex, uint8_t *out)
{
    size_t    i, last;
    uint8_t  *q;

    q = out;
    *q++ = (uint8_t) (p->codec << 4 | e);

    if (p->codec == PHR_CODEC_INT_FRAME && p->width == 0
        && p->npatches == 0 && ex->n == 0)
    {
        out[0] = (uint8_t) (PHR_CODEC_INT_CONST << 4 | e);
        return 1 + phr_put_uvarint(q, phr_zigzag(p->base[0]));
    }

    *q++ = (uint8_t) (p->width | (p->npatches || ex->n ? PHR_CHUNK_MORE : 0));

    for (i = 0; i < p->nbase; i++) {
        q += phr_put_uvarint(q, phr_zigzag(p->base[i]));
    }

    if (p->npatches || ex->n) {
        q += phr_put_uvarint(q, p->npatches);
        q += phr_put_uvarint(q, ex->n);
    }

    phr_bits_pack(q, p->r, p->n, p->width);
    q += phr_bits_bytes(p->n, p->width);

    last = 0;

    for (i = 0; i < p->n && p->npatches; i++) {
        if (phr_bits_width(p->r[i]) > p->width) {
            q += phr_put_uvarint(q, i - last);
            q += phr_put_uvarint(q, p->r[i] >> p->width);
            last = i;
        }
    }

    last = 0;

    for (i = 0; i < ex->n; i++) {
        q += phr_put_uvarint(q, ex->at[i] - last);
        phr_store64(q, phr_double_bits(v[ex->at[i]]));
        q += 8;
        last = ex->at[i];
    }

    return (size_t) (q - out);
}


/* the integers; what follows them is left to the caller */
static int
phr_ints_read(const uint8_t *p, size_t len, int64_t *x, size_t n,
    const uint8_t **excepts, size_t *nexcepts)
{
    int             rc;
    size_t          i;
    uint64_t        first, factor;
    const uint8_t  *q, *end;

    if (phr_chunk_codec(p) != PHR_CODEC_INT_TIMES) {
        return phr_ints_unpack(p, len, x, n, excepts, nexcepts);
    }

    q = p + 1;
    end = p + len;

    if (phr_get_uvarint(&q, end, &first) != PHR_OK
        || phr_get_uvarint(&q, end, &factor) != PHR_OK
        || end - q < 2 || (*q & 0x0f) != 0)
    {
        return PHR_ECORRUPT;
    }

    rc = phr_ints_unpack(q, (size_t) (end - q), x, n, excepts, nexcepts);
    if (rc != PHR_OK) {
        return rc;
    }

    first = (uint64_t) phr_unzigzag(first);

    for (i = 0; i < n; i++) {
        x[i] = (int64_t) (first + factor * (uint64_t) x[i]);
    }

    return PHR_OK;
}


static int
phr_ints_unpack(const uint8_t *p, size_t len, int64_t *x, size_t n,
    const uint8_t **excepts, size_t *nexcepts)
{
    size_t          i, nbase, nr;
    unsigned        width;
    uint64_t        r[PHR_CHUNK_MAX_SAMPLES], base[2], npatches, nex;
    phr_codec_e     codec;
    const uint8_t  *q, *end;

    q = p + 1;
    end = p + len;
    codec = phr_chunk_codec(p);
    npatches = 0;
    nex = 0;
    width = 0;

    if (!phr_codec_shape(codec, n, &nbase, &nr)) {
        return PHR_ECORRUPT;
    }

    if (codec != PHR_CODEC_INT_CONST) {
        width = *q++ & 0x7f;
    }

    for (i = 0; i < nbase; i++) {
        if (phr_get_uvarint(&q, end, &base[i]) != PHR_OK) {
            return PHR_ECORRUPT;
        }

        base[i] = (uint64_t) phr_unzigzag(base[i]);
    }

    if (codec != PHR_CODEC_INT_CONST && (p[1] & PHR_CHUNK_MORE)
        && (phr_get_uvarint(&q, end, &npatches) != PHR_OK
            || phr_get_uvarint(&q, end, &nex) != PHR_OK))
    {
        return PHR_ECORRUPT;
    }

    if (width > 64 || phr_bits_bytes(nr, width) > (size_t) (end - q)
        || npatches > nr || nex > n)
    {
        return PHR_ECORRUPT;
    }

    phr_bits_unpack(q, r, nr, width);
    q += phr_bits_bytes(nr, width);

    if (npatches != 0
        && phr_patches_read(&q, end, npatches, width, r, nr) != PHR_OK)
    {
        return PHR_ECORRUPT;
    }

    phr_ints_restore(codec, base, r, x, n);

    *excepts = q;
    *nexcepts = (size_t) nex;

    return PHR_OK;
}


/* how many integers a codec starts from, and how many it packs */
static int
phr_codec_shape(phr_codec_e codec, size_t n, size_t *nbase, size_t *nr)
{
    switch (codec) {

    case PHR_CODEC_INT_CONST:
        *nbase = 1;
        *nr = 0;
        return 1;

    case PHR_CODEC_INT_FRAME:
        *nbase = 1;
        *nr = n;
        return 1;

    case PHR_CODEC_INT_ZIGZAG:
        *nbase = 1;
        *nr = n - 1;
        return n > 2;

    case PHR_CODEC_INT_DELTA:
        *nbase = 2;
        *nr = n - 1;
        return n > 2;

    case PHR_CODEC_INT_DELTA2:
        *nbase = 2;
        *nr = n - 2;
        return n > 2;

    default:
        return 0;
    }
}


/* in unsigned arithmetic, so that damage wraps around without harm */
static void
phr_ints_restore(phr_codec_e codec, const uint64_t *base, const uint64_t *r,
    int64_t *x, size_t n)
{
    size_t    i;
    uint64_t  v, step;

    v = base[0];

    switch (codec) {

    case PHR_CODEC_INT_CONST:
        for (i = 0; i < n; i++) {
            x[i] = (int64_t) v;
        }
        break;

    case PHR_CODEC_INT_FRAME:
        for (i = 0; i < n; i++) {
            x[i] = (int64_t) (v + r[i]);
        }
        break;

    case PHR_CODEC_INT_DELTA:
        step = base[1];
        x[0] = (int64_t) v;

        for (i = 1; i < n; i++) {
            v += step + r[i - 1];
            x[i] = (int64_t) v;
        }
        break;

    case PHR_CODEC_INT_ZIGZAG:
        x[0] = (int64_t) v;

        for (i = 1; i < n; i++) {
            v += (uint64_t) phr_unzigzag(r[i - 1]);
            x[i] = (int64_t) v;
        }
        break;

    default:
        step = base[1];
        x[0] = (int64_t) v;
        v += step;
        x[1] = (int64_t) v;

        for (i = 2; i < n; i++) {
            step += (uint64_t) phr_unzigzag(r[i - 2]);
            v += step;
            x[i] = (int64_t) v;
        }
        break;
    }
}


static int
phr_patches_read(const uint8_t **p, const uint8_t *end, size_t npatches,
    unsigned width, uint64_t *r, size_t n)
{
    size_t    i;
    uint64_t  at, step, high;

    at = 0;

    for (i = 0; i < npatches; i++) {
        if (phr_get_uvarint(p, end, &step) != PHR_OK
            || phr_get_uvarint(p, end, &high) != PHR_OK
            || step >= n - at || width > 63)
        {
            return PHR_ECORRUPT;
        }

        at += step;
        r[at] |= high << width;
    }

    return PHR_OK;
}
