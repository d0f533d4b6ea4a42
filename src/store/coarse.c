/*
 * Copyright (C) The Pharos Authors
 *
 * Coarse: see coarse.h.
 *
 * A record, after the checksum, u16 and u64 with the low byte first:
 *
 *     version:8 0:8 n:16
 *     n times:  sid - first:16  offset in data:16
 *     data: for each series
 *         places:64, one bit for each bucket that there is
 *         columns: varint length, chunk; length 0: as the one before
 *     eight zero bytes, for decoders that read ahead
 */

#include "store/coarse.h"

#include <math.h>

#include "store/bits.h"


#define PHR_COARSE_VERSION  1
#define PHR_COARSE_HEADER   4
#define PHR_COARSE_PLACES   8


/* ORDER COARSE: columns of a series */
typedef enum {
    PHR_COARSE_COUNT = 0,       /* twice the count, odd if stale */
    PHR_COARSE_HEAD,            /* ms from the start to the first sample */
    PHR_COARSE_TAIL,            /* ms from the last sample to the end */
    PHR_COARSE_LOST,
    PHR_COARSE_SUM,
    PHR_COARSE_MIN,
    PHR_COARSE_MAX,
    PHR_COARSE_FIRST,
    PHR_COARSE_LAST,
} phr_coarse_column_e;


static double phr_coarse_cell(const phr_coarse_t *c, size_t i, int column);
static int phr_coarse_set(phr_coarse_t *c, int column, const double *v);
static uint16_t phr_coarse_get16(const uint8_t *p);
static void phr_coarse_put16(uint8_t *p, size_t v);


void
phr_bucket_of_sample(phr_bucket_t *b, int64_t t_ms, double v)
{
    memset(b, 0, sizeof(phr_bucket_t));

    b->first_ms = t_ms;
    b->last_ms = t_ms;

    if (phr_is_stale(v)) {
        b->stale = 1;
        return;
    }

    b->count = 1;
    b->sum = v;
    b->min = v;
    b->max = v;
    b->first = v;
    b->last = v;
}


void
phr_bucket_join(phr_bucket_t *b, const phr_bucket_t *later)
{
    if (later->count == 0) {
        b->stale |= later->stale;
        return;
    }

    if (b->count == 0) {
        *b = *later;
        return;
    }

    b->lost += later->lost;

    if (later->first < b->last) {
        b->lost += b->last;
    }

    if (later->min < b->min || isnan(b->min)) {
        b->min = later->min;
    }

    if (later->max > b->max || isnan(b->max)) {
        b->max = later->max;
    }

    b->count += later->count;
    b->stale = later->stale;
    b->sum += later->sum;
    b->last = later->last;
    b->last_ms = later->last_ms;
}


void
phr_coarse_init(phr_coarse_t *c, int res, int64_t start_ms)
{
    c->res = res;
    c->start_ms = start_ms;
    c->n = 0;
}


void
phr_coarse_add(phr_coarse_t *c, const phr_bucket_t *b)
{
    int64_t  place;

    place = (b->last_ms - c->start_ms - 1) / phr_coarse_ms(c->res);

    phr_assert(b->last_ms > c->start_ms && place < PHR_COARSE_BUCKETS);

    if (c->n > 0 && c->place[c->n - 1] == place) {
        phr_bucket_join(&c->b[c->n - 1], b);
        return;
    }

    phr_assert(c->n == 0 || c->place[c->n - 1] < place);

    c->place[c->n] = (uint8_t) place;
    c->b[c->n] = *b;
    c->n++;
}


static double
phr_coarse_cell(const phr_coarse_t *c, size_t i, int column)
{
    const phr_bucket_t  *b;

    b = &c->b[i];

    switch (column) {

    case PHR_COARSE_COUNT:
        return 2.0 * b->count + b->stale;

    case PHR_COARSE_HEAD:
        return (double) (b->first_ms - phr_coarse_end(c, i)
                         + phr_coarse_ms(c->res));

    case PHR_COARSE_TAIL:
        return (double) (phr_coarse_end(c, i) - b->last_ms);

    case PHR_COARSE_LOST:
        return b->lost;

    case PHR_COARSE_SUM:
        return b->sum;

    case PHR_COARSE_MIN:
        return b->min;

    case PHR_COARSE_MAX:
        return b->max;

    case PHR_COARSE_FIRST:
        return b->first;

    default:
        return b->last;
    }
}


size_t
phr_coarse_encode(const phr_coarse_t *c, uint8_t *out)
{
    int       column;
    double    v[2][PHR_COARSE_BUCKETS], *now;
    size_t    i, len;
    uint8_t   chunk[PHR_CHUNK_BOUND(PHR_COARSE_BUCKETS)], *p;
    uint64_t  places;

    places = 0;

    for (i = 0; i < c->n; i++) {
        places |= UINT64_C(1) << c->place[i];
    }

    for (i = 0; i < PHR_COARSE_PLACES; i++) {
        out[i] = (uint8_t) (places >> 8 * i);
    }

    p = out + PHR_COARSE_PLACES;

    for (column = 0; column < PHR_COARSE_COLUMNS; column++) {
        now = v[column & 1];

        for (i = 0; i < c->n; i++) {
            now[i] = phr_coarse_cell(c, i, column);
        }

        if (column > 0
            && memcmp(now, v[(column & 1) ^ 1], c->n * sizeof(double)) == 0)
        {
            *p++ = 0;
            continue;
        }

        len = phr_chunk_encode(now, c->n, chunk);
        p += phr_put_uvarint(p, len);
        memcpy(p, chunk, len);
        p += len;
    }

    return (size_t) (p - out);
}


int
phr_coarse_decode(phr_coarse_t *c, const uint8_t *p, size_t len)
{
    int             column;
    double          v[PHR_COARSE_BUCKETS];
    size_t          i;
    uint64_t        places, size;
    const uint8_t  *end;

    end = p + len;
    c->n = 0;

    if (len < PHR_COARSE_PLACES) {
        return PHR_ECORRUPT;
    }

    places = phr_load64(p);
    p += PHR_COARSE_PLACES;

    if (places == 0 || places >> PHR_COARSE_BUCKETS != 0) {
        return PHR_ECORRUPT;
    }

    for (i = 0; i < PHR_COARSE_BUCKETS; i++) {
        if (places >> i & 1) {
            c->place[c->n++] = (uint8_t) i;
        }
    }

    for (column = 0; column < PHR_COARSE_COLUMNS; column++) {

        if (phr_get_uvarint(&p, end, &size) != PHR_OK
            || size > (size_t) (end - p) || (size == 0 && column == 0)
            || (size != 0
                && phr_chunk_decode(p, (size_t) size, v, c->n) != PHR_OK)
            || phr_coarse_set(c, column, v) != PHR_OK)
        {
            c->n = 0;
            return PHR_ECORRUPT;
        }

        p += size;
    }

    return PHR_OK;
}


static int
phr_coarse_set(phr_coarse_t *c, int column, const double *v)
{
    size_t         i;
    int64_t        ms, end;
    phr_bucket_t  *b;

    ms = phr_coarse_ms(c->res);

    for (i = 0; i < c->n; i++) {
        b = &c->b[i];
        end = phr_coarse_end(c, i);

        if (column <= PHR_COARSE_TAIL
            && !(v[i] >= 0 && v[i] <= (column == PHR_COARSE_COUNT ? 4e9
                                                                  : ms)))
        {
            return PHR_ECORRUPT;
        }

        switch (column) {

        case PHR_COARSE_COUNT:
            b->count = (uint32_t) v[i] / 2;
            b->stale = (uint32_t) v[i] & 1;
            break;

        case PHR_COARSE_HEAD:
            b->first_ms = end - ms + (int64_t) v[i];
            break;

        case PHR_COARSE_TAIL:
            b->last_ms = end - (int64_t) v[i];

            if (b->last_ms < b->first_ms) {
                return PHR_ECORRUPT;
            }

            break;

        case PHR_COARSE_LOST:
            b->lost = v[i];
            break;

        case PHR_COARSE_SUM:
            b->sum = v[i];
            break;

        case PHR_COARSE_MIN:
            b->min = v[i];
            break;

        case PHR_COARSE_MAX:
            b->max = v[i];
            break;

        case PHR_COARSE_FIRST:
            b->first = v[i];
            break;

        default:
            b->last = v[i];
            break;
        }
    }

    return PHR_OK;
}


int64_t
phr_coarse_block(int res, int64_t t_ms)
{
    int64_t  span, block;

    span = phr_coarse_span(res);
    block = (t_ms - 1) / span;

    return (block - (block * span > t_ms - 1)) * span;
}


void
phr_key_coarse(uint8_t *p, uint8_t kind, int64_t start_ms, int res,
    uint32_t sid)
{
    p[0] = (uint8_t) (kind | res);
    phr_put_be32(p + 1, (uint32_t) (start_ms / phr_coarse_span(res))
                        ^ UINT32_C(0x80000000));
    phr_put_be32(p + 5, sid);
}


int
phr_key_coarse_get(phr_str_t key, uint8_t kind, int res, int64_t *start_ms,
    uint32_t *sid)
{
    const uint8_t  *p;

    p = (const uint8_t *) key.data;

    if (key.len != PHR_KEY_COARSE || p[0] != (kind | res)) {
        return 0;
    }

    *start_ms = (int32_t) (phr_get_be32(p + 1) ^ UINT32_C(0x80000000))
                * phr_coarse_span(res);
    *sid = phr_get_be32(p + 5);

    return 1;
}


int
phr_coarse_page_add(phr_coarse_page_t *p, phr_sid_t sid, const uint8_t *data,
    size_t len)
{
    size_t  room;

    room = PHR_CRC_SIZE + PHR_COARSE_HEADER + 4 * (p->n + 1u) + p->len + len
           + PHR_BITS_PAD;

    if (room > PHR_RECORD_MAX) {
        phr_assert(p->n > 0);
        return PHR_FULL;
    }

    if (p->n == 0) {
        p->first = sid;
    }

    p->sid[p->n] = (uint16_t) (sid - p->first);
    p->at[p->n] = p->len;
    p->n++;

    memcpy(p->data + p->len, data, len);
    p->len += (uint16_t) len;

    return PHR_OK;
}


int
phr_coarse_page_write(phr_coarse_page_t *p, phr_txn_t *txn, int res,
    int64_t start_ms, phr_err_t *err)
{
    int       rc;
    size_t    i;
    uint8_t   key[PHR_KEY_COARSE], value[PHR_VALUE_MAX], *q;

    if (p->n == 0) {
        return PHR_OK;
    }

    q = value + PHR_CRC_SIZE;
    q[0] = PHR_COARSE_VERSION;
    q[1] = 0;
    phr_coarse_put16(q + 2, p->n);
    q += PHR_COARSE_HEADER;

    for (i = 0; i < p->n; i++, q += 4) {
        phr_coarse_put16(q, p->sid[i]);
        phr_coarse_put16(q + 2, p->at[i]);
    }

    memcpy(q, p->data, p->len);
    q += p->len;
    memset(q, 0, PHR_BITS_PAD);
    q += PHR_BITS_PAD;

    phr_key_coarse(key, 0, start_ms, res, p->first);

    rc = phr_record_put(txn, PHR_DB_COARSE, key, sizeof(key), value,
                        (size_t) (q - value), err);

    p->n = 0;
    p->len = 0;

    return rc;
}


int
phr_coarse_page_find(phr_str_t body, phr_sid_t first, phr_sid_t sid,
    phr_coarse_t *c)
{
    size_t          n, low, high, mid, at, end, data;
    const uint8_t  *p, *dir;

    p = (const uint8_t *) body.data;

    if (body.len < PHR_COARSE_HEADER + PHR_BITS_PAD
        || p[0] != PHR_COARSE_VERSION)
    {
        return PHR_ECORRUPT;
    }

    n = phr_coarse_get16(p + 2);
    dir = p + PHR_COARSE_HEADER;
    data = PHR_COARSE_HEADER + 4 * n;

    if (body.len < data + PHR_BITS_PAD) {
        return PHR_ECORRUPT;
    }

    for (low = 0, high = n; low < high; /* void */) {
        mid = (low + high) / 2;

        if (first + phr_coarse_get16(dir + 4 * mid) < sid) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    if (low == n || first + phr_coarse_get16(dir + 4 * low) != sid) {
        return PHR_NOTFOUND;
    }

    at = phr_coarse_get16(dir + 4 * low + 2);
    end = low + 1 < n ? phr_coarse_get16(dir + 4 * low + 6)
                      : body.len - data - PHR_BITS_PAD;

    if (at > end || end > body.len - data - PHR_BITS_PAD) {
        return PHR_ECORRUPT;
    }

    return phr_coarse_decode(c, p + data + at, end - at);
}


size_t
phr_coarse_page_n(phr_str_t body)
{
    return phr_coarse_get16((const uint8_t *) body.data + 2);
}


uint16_t
phr_coarse_page_sid(phr_str_t body, size_t i)
{
    return phr_coarse_get16((const uint8_t *) body.data + PHR_COARSE_HEADER
                            + 4 * i);
}


int
phr_coarse_fits(phr_str_t key, phr_str_t body)
{
    uint8_t  kind;

    if (key.len == 0) {
        return 0;
    }

    kind = (uint8_t) key.data[0] & ~1;

    if (kind == PHR_COARSE_NEXT || kind == PHR_COARSE_HOLES) {
        return key.len == PHR_KEY_COARSE_NEXT
               && body.len == (kind == PHR_COARSE_NEXT ? 12 : 8);
    }

    if (key.len != PHR_KEY_COARSE) {
        return 0;
    }

    return kind == PHR_COARSE_MARK
           ? body.len == 8
           : kind == 0 && phr_coarse_page_check(key, body) == PHR_OK;
}


int
phr_coarse_page_check(phr_str_t key, phr_str_t body)
{
    int              rc, res;
    size_t           i, n;
    int64_t          start_ms;
    uint32_t         first;
    phr_coarse_t     c;
    const uint8_t   *p;

    p = (const uint8_t *) key.data;
    res = p[0] & 1;

    if (p[0] >= PHR_COARSE_MARK) {
        return PHR_OK;
    }

    if (!phr_key_coarse_get(key, 0, res, &start_ms, &first)
        || body.len < PHR_COARSE_HEADER)
    {
        return PHR_ECORRUPT;
    }

    p = (const uint8_t *) body.data;
    n = phr_coarse_get16(p + 2);
    rc = PHR_OK;

    for (i = 0; i < n && rc == PHR_OK; i++) {
        if (body.len < PHR_COARSE_HEADER + 4 * n + PHR_BITS_PAD) {
            return PHR_ECORRUPT;
        }

        phr_coarse_init(&c, res, start_ms);
        rc = phr_coarse_page_find(body, first, first + phr_coarse_get16(
                                      p + PHR_COARSE_HEADER + 4 * i), &c);
    }

    return rc == PHR_OK ? PHR_OK : PHR_ECORRUPT;
}


int
phr_coarse_get(phr_cursor_t *cursor, phr_sid_t sid, phr_coarse_t *c,
    phr_err_t *err)
{
    int        rc;
    int64_t    start_ms;
    uint8_t    key[PHR_KEY_COARSE];
    uint32_t   first;
    phr_str_t  k, v, body;

    /* the last record whose first series is not above this one */

    phr_key_coarse(key, 0, c->start_ms, c->res, sid + 1);

    rc = phr_cursor_before(cursor, key, sizeof(key), &k, &v, err);

    if (rc != PHR_OK
        || !phr_key_coarse_get(k, 0, c->res, &start_ms, &first)
        || start_ms != c->start_ms || phr_group_of(first) != phr_group_of(sid))
    {
        return rc < 0 ? rc : PHR_NOTFOUND;
    }

    rc = phr_record_check(PHR_DB_COARSE, k, v, &body, err);

    if (rc == PHR_OK) {
        rc = phr_coarse_page_find(body, first, sid, c);
    }

    return rc == PHR_ECORRUPT
           ? phr_err_set(err, rc, "damaged buckets of series %u", sid) : rc;
}


int
phr_coarse_first(phr_txn_t *txn, int res, int64_t *t_ms, phr_err_t *err)
{
    int            rc;
    uint8_t        key[PHR_KEY_COARSE];
    uint32_t       sid;
    phr_str_t      k, v;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(txn, PHR_DB_COARSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    memset(key, 0, sizeof(key));
    key[0] = (uint8_t) res;

    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    if (rc == PHR_OK && !phr_key_coarse_get(k, 0, res, t_ms, &sid)) {
        rc = PHR_NOTFOUND;
    }

    phr_cursor_close(cursor);

    return rc;
}


int
phr_coarse_next_get(phr_txn_t *txn, int res, int64_t *start_ms,
    phr_sid_t *sid, phr_err_t *err)
{
    int        rc;
    uint8_t    key[PHR_KEY_COARSE_NEXT];
    phr_str_t  body;

    key[0] = (uint8_t) (PHR_COARSE_NEXT | res);

    rc = phr_record_get(txn, PHR_DB_COARSE, key, sizeof(key), &body, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (body.len != 12) {
        return phr_err_set(err, PHR_ECORRUPT, "damaged progress of buckets");
    }

    *start_ms = phr_key_get_time((const uint8_t *) body.data);
    *sid = phr_get_be32((const uint8_t *) body.data + 8);

    return PHR_OK;
}


int
phr_coarse_next_put(phr_txn_t *txn, int res, int64_t start_ms, phr_sid_t sid,
    phr_err_t *err)
{
    uint8_t  key[PHR_KEY_COARSE_NEXT], value[PHR_CRC_SIZE + 12];

    key[0] = (uint8_t) (PHR_COARSE_NEXT | res);
    phr_key_put_time(value + PHR_CRC_SIZE, start_ms);
    phr_put_be32(value + PHR_CRC_SIZE + 8, sid);

    return phr_record_put(txn, PHR_DB_COARSE, key, sizeof(key), value,
                          sizeof(value), err);
}


int
phr_coarse_holes_get(phr_txn_t *txn, int64_t *t_ms, phr_err_t *err)
{
    int        rc;
    uint8_t    key;
    phr_str_t  body;

    key = PHR_COARSE_HOLES;

    rc = phr_record_get(txn, PHR_DB_COARSE, &key, 1, &body, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (body.len != 8) {
        return phr_err_set(err, PHR_ECORRUPT, "damaged mark of buckets");
    }

    *t_ms = phr_key_get_time((const uint8_t *) body.data);

    return PHR_OK;
}


int
phr_coarse_holes_put(phr_txn_t *txn, int64_t t_ms, phr_err_t *err)
{
    uint8_t  key, value[PHR_CRC_SIZE + 8];

    key = PHR_COARSE_HOLES;
    phr_key_put_time(value + PHR_CRC_SIZE, t_ms);

    return phr_record_put(txn, PHR_DB_COARSE, &key, 1, value, sizeof(value),
                          err);
}


static uint16_t
phr_coarse_get16(const uint8_t *p)
{
    return (uint16_t) (p[0] | p[1] << 8);
}


static void
phr_coarse_put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t) v;
    p[1] = (uint8_t) (v >> 8);
}
