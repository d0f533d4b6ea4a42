/*
 * Copyright (C) The Pharos Authors
 *
 * Terse: see terse.h.
 *
 *     bits       one a value, low bits first: it differs from the one before
 *     for each that does, a varint w:
 *         w even     zigzag w / 2 more than the x before, of the same e; if
 *                    that is no decimal, its bits ^ w / 2
 *         w odd      e is w / 2; then zigzag x, or if it is no decimal its
 *                    8 bytes
 *
 * Without values before, all of them are 0, with e 0.
 */

#include "store/terse.h"

#include "core/bytes.h"
#include "store/bits.h"
#include "store/decimal.h"


/* varint of w, and what follows it */
#define PHR_TERSE_VALUE_MAX  20

/* with which one begins whose 8 bytes follow */
#define PHR_TERSE_RAW_BYTE   (PHR_TERSE_RAW << 1 | 1)

/* the highest bit of each byte: in a varint, that another byte follows */
#define PHR_TERSE_HIGH       UINT64_C(0x8080808080808080)

/* no more bits than leave a varint shorter than the bytes alone */
#define PHR_TERSE_XOR_MAX    (UINT64_C(1) << 55)


/* what a value is, and what it was before */
typedef struct {
    double   v;
    int64_t  x;
    uint8_t  e;
} phr_terse_cell_t;


/* of eight bytes to the next ones: the highest bit of the first, or 0 */
typedef struct {
    uint64_t  begins;       /* a varint begins there, */
    uint64_t  second;       /* the second one of a value */
    uint64_t  raw;          /* of any byte: with which it does not go on */
} phr_terse_passing_t;


static inline size_t phr_terse_put(uint8_t *p, double v,
    const phr_terse_cell_t *before, int *e);
static int phr_terse_read(const uint8_t *p, size_t len,
    const phr_terse_t *before, double *v, phr_terse_t *t, size_t n);
static int phr_terse_read_some(const uint8_t *p, size_t len, size_t n,
    const uint16_t *col, size_t ncols, const phr_terse_t *before, double *v,
    phr_terse_t *t);
static inline int phr_terse_get(const uint8_t **p, const uint8_t *end,
    phr_terse_cell_t *c);
static size_t phr_terse_set(const uint8_t *bits, size_t from, size_t to);
static int phr_terse_pass(const uint8_t **p, const uint8_t *end, size_t n);
static inline uint64_t phr_terse_eight(const uint8_t *p, const uint8_t *end);
static inline uint64_t phr_terse_ends(phr_terse_passing_t *s, uint64_t w);
static inline uint64_t phr_terse_bytes_of(uint64_t w, uint8_t b);
static inline int phr_terse_varint(const uint8_t **p, const uint8_t *end,
    uint64_t *w);


static inline phr_terse_cell_t
phr_terse_cell(const phr_terse_t *t, size_t i)
{
    phr_terse_cell_t  c;

    c.v = t != NULL ? t->v[i] : 0;
    c.x = t != NULL ? t->x[i] : 0;
    c.e = t != NULL ? t->e[i] : 0;

    return c;
}


size_t
phr_terse_encode(const double *v, size_t n, const phr_terse_t *before,
    uint8_t *out, size_t room)
{
    int                e;
    size_t             i, nbits;
    uint8_t           *p, *end;
    phr_terse_cell_t   c;

    phr_assert(n > 0 && n <= PHR_TERSE_MAX);

    nbits = (n + 7) / 8;

    if (room < nbits) {
        return 0;
    }

    memset(out, 0, nbits);
    p = out + nbits;
    end = out + room;
    e = 0;

    for (i = 0; i < n; i++) {
        c = phr_terse_cell(before, i);

        if (phr_double_bits(v[i]) == phr_double_bits(c.v)) {
            continue;
        }

        if (end - p < PHR_TERSE_VALUE_MAX) {
            return 0;
        }

        out[i / 8] |= (uint8_t) (1 << i % 8);
        p += phr_terse_put(p, v[i], &c, &e);
    }

    return (size_t) (p - out);
}


/* e is that of a neighbour, which is likely to be that of the value */
static inline size_t
phr_terse_put(uint8_t *p, double v, const phr_terse_cell_t *before, int *e)
{
    int64_t   x;
    uint64_t  bits;

    if (before->e != PHR_TERSE_RAW && phr_decimal(v, before->e, &x)) {
        return phr_put_uvarint(p, phr_zigzag(x - before->x) << 1);
    }

    if (*e > PHR_DECIMAL_MAX_EXP || !phr_decimal(v, *e, &x)) {
        *e = phr_decimal_exp(v, 0, &x);
    }

    if (*e <= PHR_DECIMAL_MAX_EXP) {
        *p = (uint8_t) (*e << 1 | 1);
        return 1 + phr_put_uvarint(p + 1, phr_zigzag(x));
    }

    bits = phr_double_bits(v);

    if (before->e == PHR_TERSE_RAW
        && (bits ^ (uint64_t) before->x) < PHR_TERSE_XOR_MAX)
    {
        return phr_put_uvarint(p, (bits ^ (uint64_t) before->x) << 1);
    }

    *p = PHR_TERSE_RAW_BYTE;
    phr_store64(p + 1, bits);

    return 9;
}


int
phr_terse_decode(const uint8_t *p, size_t len, const phr_terse_t *before,
    double *v, size_t n)
{
    if (n > PHR_TERSE_MAX) {
        return PHR_ECORRUPT;
    }

    if (before != NULL) {
        memcpy(v, before->v, n * sizeof(double));

    } else {
        memset(v, 0, n * sizeof(double));
    }

    return phr_terse_read(p, len, before, v, NULL, n);
}


int
phr_terse_pick(const uint8_t *p, size_t len, size_t n, const uint16_t *col,
    size_t ncols, const phr_terse_t *before, double *v)
{
    return phr_terse_read_some(p, len, n, col, ncols, before, v, NULL);
}


int
phr_terse_open(const uint8_t *p, size_t len, phr_terse_t *t, size_t n)
{
    if (n > PHR_TERSE_MAX) {
        return PHR_ECORRUPT;
    }

    memset(t->v, 0, n * sizeof(double));
    memset(t->x, 0, n * sizeof(int64_t));
    memset(t->e, 0, n);

    return phr_terse_read(p, len, NULL, t->v, t, n);
}


int
phr_terse_open_pick(const uint8_t *p, size_t len, size_t n,
    const uint16_t *col, size_t ncols, phr_terse_t *t)
{
    return phr_terse_read_some(p, len, n, col, ncols, NULL, t->v, t);
}


int
phr_terse_check(const uint8_t *p, size_t len, size_t n)
{
    double  v[PHR_TERSE_MAX];

    return n > PHR_TERSE_MAX ? PHR_ECORRUPT
                             : phr_terse_read(p, len, NULL, v, NULL, n);
}


/* the values that differ from those before, into v and, if wanted, into t */
static int
phr_terse_read(const uint8_t *p, size_t len, const phr_terse_t *before,
    double *v, phr_terse_t *t, size_t n)
{
    size_t             i, k;
    uint8_t            bits;
    const uint8_t     *q, *end;
    phr_terse_cell_t   c;

    if (len < (n + 7) / 8 || (n % 8 != 0 && p[n / 8] >> n % 8 != 0)) {
        return PHR_ECORRUPT;
    }

    q = p + (n + 7) / 8;
    end = p + len;

    for (i = 0; i < n; i += 8) {
        bits = p[i / 8];

        for (k = i; bits != 0; bits >>= 1, k++) {

            if (!(bits & 1)) {
                continue;
            }

            c = phr_terse_cell(before, k);

            if (phr_terse_get(&q, end, &c) != PHR_OK) {
                return PHR_ECORRUPT;
            }

            v[k] = c.v;

            if (t != NULL) {
                t->x[k] = c.x;
                t->e[k] = c.e;
            }
        }
    }

    return q == end ? PHR_OK : PHR_ECORRUPT;
}


/* the values at the places col, into v and, if wanted, into t */
static int
phr_terse_read_some(const uint8_t *p, size_t len, size_t n,
    const uint16_t *col, size_t ncols, const phr_terse_t *before, double *v,
    phr_terse_t *t)
{
    size_t             i, k, at;
    const uint8_t     *q, *end;
    phr_terse_cell_t   c;

    if (n > PHR_TERSE_MAX || len < (n + 7) / 8) {
        return PHR_ECORRUPT;
    }

    q = p + (n + 7) / 8;
    end = p + len;
    at = 0;

    for (i = 0; i < ncols; i++) {
        k = col[i];

        if (k >= n) {
            return PHR_ECORRUPT;
        }

        c = phr_terse_cell(before, i);

        if (p[k / 8] & 1 << k % 8) {

            if (phr_terse_pass(&q, end, phr_terse_set(p, at, k)) != PHR_OK
                || phr_terse_get(&q, end, &c) != PHR_OK)
            {
                return PHR_ECORRUPT;
            }

            at = k + 1;
        }

        v[i] = c.v;

        if (t != NULL) {
            t->x[i] = c.x;
            t->e[i] = c.e;
        }
    }

    return PHR_OK;
}


/* c is the value before, and becomes the one that is read */
static inline int
phr_terse_get(const uint8_t **p, const uint8_t *end, phr_terse_cell_t *c)
{
    uint64_t  w;

    if (phr_terse_varint(p, end, &w) != PHR_OK) {
        return PHR_ECORRUPT;
    }

    if (w % 2 == 0) {
        c->x = c->e == PHR_TERSE_RAW
               ? (int64_t) ((uint64_t) c->x ^ w >> 1)
               : (int64_t) ((uint64_t) c->x
                            + (uint64_t) phr_unzigzag(w >> 1));

    } else if (w >> 1 <= PHR_DECIMAL_MAX_EXP) {
        c->e = (uint8_t) (w >> 1);

        if (phr_terse_varint(p, end, &w) != PHR_OK) {
            return PHR_ECORRUPT;
        }

        c->x = phr_unzigzag(w);

    } else {
        if (w >> 1 != PHR_TERSE_RAW || end - *p < 8) {
            return PHR_ECORRUPT;
        }

        c->e = PHR_TERSE_RAW;
        c->x = (int64_t) phr_load64(*p);
        *p += 8;
    }

    if (c->e == PHR_TERSE_RAW) {
        c->v = phr_double_from_bits((uint64_t) c->x);

    } else {
        c->v = c->e == 0 ? (double) c->x
                         : (double) c->x / phr_decimal_pow10[c->e];
    }

    return PHR_OK;
}


/* how many of the bits [from, to) are set */
static size_t
phr_terse_set(const uint8_t *bits, size_t from, size_t to)
{
    size_t    n, k;
    uint64_t  w;

    n = 0;

    while (from < to) {
        k = phr_min(to - from, 8 - from % 8);

        if (from % 8 == 0 && to - from >= 64) {
            k = 64;
            w = phr_load64(bits + from / 8);

        } else {
            w = (uint64_t) (bits[from / 8] >> from % 8) & ((1U << k) - 1);
        }

        n += phr_bits_count(w);
        from += k;
    }

    return n;
}


/*
 * Over n values, to the one that follows them: by the highest bits and the
 * odd ones of eight bytes at once.  An exponent that there is not is not
 * noticed.
 */
static int
phr_terse_pass(const uint8_t **p, const uint8_t *end, size_t n)
{
    size_t                k;
    uint64_t              last;
    const uint8_t        *q;
    phr_terse_passing_t   s;

    q = *p;
    s.begins = 0x80;
    s.second = 0;

    while (n > 0) {

        if (q == end) {
            return PHR_ECORRUPT;
        }

        last = phr_terse_ends(&s, phr_terse_eight(q, end));

        /* one bit a byte, at most: their sum comes out on top */
        k = (size_t) ((last >> 7) * UINT64_C(0x0101010101010101) >> 56);

        if (k >= n) {
            for ( /* void */ ; k > n; k--) {
                last &= ~(UINT64_C(1) << (phr_bits_width(last) - 1));
            }

            *p = q + phr_bits_width(last) / 8;

            return PHR_OK;
        }

        n -= k;

        if (s.raw == 0) {
            q += phr_min(8, end - q);
            continue;
        }

        q += phr_bits_width(s.raw) / 8 - 1;

        if (*q != PHR_TERSE_RAW_BYTE || end - q < 9) {
            return PHR_ECORRUPT;
        }

        q += 9;
        n--;

        s.begins = 0x80;
        s.second = 0;
    }

    *p = q;

    return PHR_OK;
}


/* those before the end, and then bytes that end nothing */
static inline uint64_t
phr_terse_eight(const uint8_t *p, const uint8_t *end)
{
    uint8_t  last[8];

    if (end - p >= 8) {
        return phr_load64(p);
    }

    memset(last, 0x80, sizeof(last));
    memcpy(last, p, (size_t) (end - p));

    return phr_load64(last);
}


/*
 * The highest bit of each of eight bytes with which a value ends.  That is a
 * varint or, if it is odd, one byte and another varint.  A value that is no
 * decimal is where it stops, as is what no value begins with.
 */
static inline uint64_t
phr_terse_ends(phr_terse_passing_t *s, uint64_t w)
{
    uint64_t  last, odd, first, raw;

    last = ~w & PHR_TERSE_HIGH;
    odd = (last << 8 | s->begins) & w << 7 & ~s->second;

    s->begins = last >> 56;
    s->second = 0;
    s->raw = 0;

    if (odd == 0) {
        return last;
    }

    raw = phr_terse_bytes_of(w, PHR_TERSE_RAW_BYTE);

    do {
        first = odd & -odd;

        if (!(last & first & ~raw)) {
            s->raw = first;
            return last & (first - 1);
        }

        last &= ~first;
        odd &= ~(first | first << 8);
        s->second = first >> 56;

    } while (odd != 0);

    return last;
}


/* the highest bit of each byte of w that is b, which is less than 128 */
static inline uint64_t
phr_terse_bytes_of(uint64_t w, uint8_t b)
{
    uint64_t  v;

    v = w ^ b * UINT64_C(0x0101010101010101);

    return ~((v & ~PHR_TERSE_HIGH) + ~PHR_TERSE_HIGH) & ~v & PHR_TERSE_HIGH;
}


/* eight bytes at once: most are shorter, and no length can be foretold */
static inline int
phr_terse_varint(const uint8_t **p, const uint8_t *end, uint64_t *w)
{
    uint64_t  v, last;

    if (end - *p >= 8) {
        v = phr_load64(*p);
        last = ~v & PHR_TERSE_HIGH;

        if (last != 0) {
            last &= -last;          /* the first byte without its high bit */
            v &= last | (last - 1);
            *p += phr_bits_width(last) / 8;

            v = (v & UINT64_C(0x007f007f007f007f))
                | (v & UINT64_C(0x7f007f007f007f00)) >> 1;
            v = (v & UINT64_C(0x00003fff00003fff))
                | (v & UINT64_C(0x3fff00003fff0000)) >> 2;
            *w = (v & UINT64_C(0x000000000fffffff))
                 | (v & UINT64_C(0x0fffffff00000000)) >> 4;

            return PHR_OK;
        }
    }

    return phr_get_uvarint(p, end, w);
}
