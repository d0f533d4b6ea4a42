/*
 * Copyright (C) The Pharos Authors
 *
 * Row: see row.h.
 *
 *     key     source:32 time:64 layout:32 piece:16
 *     body    1:16 n:16, n doubles, little-endian
 *          or 2:16 n:16, varint how much earlier the first row is, crc:32 of
 *             that if there is one, terse values
 *
 * The first row of a layout is written by itself, those that follow as what
 * changed since.  The more changed the more a row takes: when one takes more
 * than those so far on average, the first included, the next one is a first.
 */

#include "store/row.h"

#include "store/bits.h"
#include "store/loose.h"


#define PHR_ROW_PLAIN      1
#define PHR_ROW_TERSE      2

/* rows that need their first, at most: so many are lost with it */
#define PHR_ROW_RUN        32


static int phr_row_keep_first(const phr_row_key_t *key, const phr_row_t *row,
    phr_row_first_t *first);
static int phr_row_first_of(phr_txn_t *txn, const phr_row_key_t *key,
    const phr_row_t *row, phr_row_first_t *first, phr_err_t *err);
static int phr_row_first(phr_txn_t *txn, const phr_row_key_t *key,
    phr_row_first_t *first, phr_err_t *err);
static int phr_row_pieces(phr_store_t *st, phr_source_t *src,
    phr_layout_t *l, int64_t t_ms, const double *v, phr_err_t *err);
static int phr_row_put(phr_txn_t *txn, const phr_row_key_t *key,
    const phr_row_first_t *first, const double *v, size_t n, size_t *len,
    phr_err_t *err);
static size_t phr_row_plain(uint8_t *p, const double *v, size_t n);
static int phr_row_taken(phr_store_t *st, const phr_source_t *src,
    const phr_layout_t *l, int64_t t_ms, phr_err_t *err);
static int phr_row_exists(phr_store_t *st, const phr_source_t *src,
    const phr_layout_t *l, int64_t t_ms, phr_err_t *err);
static int phr_row_again(phr_store_t *st, int64_t t_ms, const phr_sid_t *sid,
    const double *v, size_t n, phr_err_t *err);


size_t
phr_row_values(const phr_txn_t *txn)
{
    return (phr_txn_room(txn) - PHR_CRC_SIZE - PHR_ROW_HEADER) / 8;
}


int
phr_row_open(phr_str_t body, phr_row_t *row)
{
    unsigned        encoding;
    const uint8_t  *p, *end;

    p = (const uint8_t *) body.data;
    end = p + body.len;

    if (body.len < PHR_ROW_HEADER) {
        return PHR_ECORRUPT;
    }

    encoding = phr_get_be16(p);

    row->body = p;
    row->n = phr_get_be16(p + 2);
    row->back_ms = 0;
    row->crc = 0;
    row->terse = (encoding == PHR_ROW_TERSE);
    p += PHR_ROW_HEADER;

    if (row->n > PHR_ROW_VALUES
        || (encoding != PHR_ROW_PLAIN && encoding != PHR_ROW_TERSE))
    {
        return PHR_ECORRUPT;
    }

    if (row->terse) {
        if (phr_get_uvarint(&p, end, &row->back_ms) != PHR_OK) {
            return PHR_ECORRUPT;
        }

        if (row->back_ms != 0) {
            if (end - p < PHR_CRC_SIZE) {
                return PHR_ECORRUPT;
            }

            row->crc = phr_get_be32(p);
            p += PHR_CRC_SIZE;
        }
    }

    row->p = p;
    row->len = (size_t) (end - p);

    return row->terse || row->len == 8 * row->n ? PHR_OK : PHR_ECORRUPT;
}


int
phr_row_check(phr_str_t body, phr_row_t *row)
{
    int  rc;

    rc = phr_row_open(body, row);

    return rc == PHR_OK && row->terse
           ? phr_terse_check(row->p, row->len, row->n) : rc;
}


int
phr_row_read(phr_txn_t *txn, const phr_row_key_t *key, const phr_row_t *row,
    phr_row_first_t *first, double *v, phr_err_t *err)
{
    int     rc;
    size_t  i, n;

    if (!row->terse) {
        n = first->col != NULL ? first->ncols : row->n;

        for (i = 0; i < n; i++) {
            v[i] = phr_double_from_bits(phr_load64(row->p + 8
                                                   * (first->col != NULL
                                                      ? first->col[i] : i)));
        }

        return PHR_OK;
    }

    if (row->back_ms == 0) {
        rc = phr_row_keep_first(key, row, first);

        if (rc == PHR_OK) {
            n = first->col != NULL ? first->ncols : row->n;
            memcpy(v, first->values.v, n * sizeof(double));
        }

    } else {
        rc = phr_row_first_of(txn, key, row, first, err);
        if (rc != PHR_OK) {
            return rc;
        }

        rc = first->col != NULL
             ? phr_terse_pick(row->p, row->len, row->n, first->col,
                              first->ncols, &first->values, v)
             : phr_terse_decode(row->p, row->len, &first->values, v, row->n);
    }

    return rc == PHR_OK ? rc
           : phr_err_set(err, rc, "damaged values in a row of source %u",
                         key->source);
}


/* the row is the first of those that follow, likely */
static int
phr_row_keep_first(const phr_row_key_t *key, const phr_row_t *row,
    phr_row_first_t *first)
{
    int  rc;

    rc = first->col != NULL
         ? phr_terse_open_pick(row->p, row->len, row->n, first->col,
                               first->ncols, &first->values)
         : phr_terse_open(row->p, row->len, &first->values, row->n);

    first->loaded = (rc == PHR_OK);
    first->key = *key;
    first->n = row->n;
    first->crc = phr_get_be32(row->body - PHR_CRC_SIZE);

    return rc;
}


/* the first row of this one, which refers to it */
static int
phr_row_first_of(phr_txn_t *txn, const phr_row_key_t *key,
    const phr_row_t *row, phr_row_first_t *first, phr_err_t *err)
{
    int            rc;
    phr_row_key_t  fk;

    fk = *key;
    fk.t_ms = (int64_t) ((uint64_t) key->t_ms - row->back_ms);

    rc = phr_row_first(txn, &fk, first, err);

    if (rc == PHR_NOTFOUND
        || (rc == PHR_OK
            && (first->crc != row->crc || first->n != row->n)))
    {
        return phr_err_set(err, PHR_ECORRUPT, "a row of source %u lacks the "
                           "one before that it refers to", key->source);
    }

    return rc;
}


/* reads it, unless it is the one read last; PHR_NOTFOUND if it is no first */
static int
phr_row_first(phr_txn_t *txn, const phr_row_key_t *key,
    phr_row_first_t *first, phr_err_t *err)
{
    int        rc;
    uint8_t    k[PHR_KEY_ROW];
    phr_str_t  body;
    phr_row_t  row;

    if (first->loaded && first->key.t_ms == key->t_ms
        && first->key.piece == key->piece
        && first->key.layout == key->layout
        && first->key.source == key->source)
    {
        return PHR_OK;
    }

    first->loaded = 0;
    phr_key_row(k, key);

    rc = phr_record_get(txn, PHR_DB_ROW, k, sizeof(k), &body, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (phr_row_open(body, &row) != PHR_OK || !row.terse || row.back_ms != 0
        || phr_row_keep_first(key, &row, first) != PHR_OK)
    {
        return PHR_NOTFOUND;
    }

    return PHR_OK;
}


int
phr_row_append(phr_store_t *st, phr_source_t *src, int64_t t_ms,
    const phr_sid_t *sid, const double *v, size_t n, phr_err_t *err)
{
    int            rc;
    phr_layout_t  *l;

    l = NULL;

    rc = phr_layout_find(st, src, sid, n, &l, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_row_taken(st, src, l, t_ms, err);
    if (rc != PHR_NOTFOUND) {
        return rc < 0 ? rc : phr_row_again(st, t_ms, sid, v, n, err);
    }

    rc = phr_row_pieces(st, src, l, t_ms, v, err);
    if (rc != PHR_OK) {
        return rc;
    }

    l->last_ms = l->nrows == 0 ? t_ms : phr_max(l->last_ms, t_ms);
    l->nrows++;

    if (src->nrows++ == 0) {
        src->arrival_ms = st->now_ms;
    }

    if (src->nrows >= src->threshold) {
        st->unripe = 0;
    }

    return PHR_OK;
}


static int
phr_row_pieces(phr_store_t *st, phr_source_t *src, phr_layout_t *l,
    int64_t t_ms, const double *v, phr_err_t *err)
{
    int               rc, has_first;
    size_t            at, k, len;
    uint64_t          total;
    phr_row_key_t     key, fk;
    phr_row_first_t   first;

    key.source = src->id;
    key.t_ms = t_ms;
    key.layout = l->id;
    key.piece = 0;

    has_first = l->run > 0 && t_ms > l->first_ms;
    phr_row_first_init(&first, NULL, 0);
    total = 0;

    for (at = 0; at < l->n; at += k) {
        k = phr_min(l->n - at, phr_row_values(st->txn));

        if (has_first) {
            fk = key;
            fk.t_ms = l->first_ms;

            rc = phr_row_first(st->txn, &fk, &first, err);
            if (rc < 0) {
                return rc;
            }

            first.loaded = (rc == PHR_OK && first.n == k);
        }

        rc = phr_row_put(st->txn, &key, first.loaded ? &first : NULL, v + at,
                         k, &len, err);
        if (rc != PHR_OK) {
            return rc;
        }

        key.piece++;
        total += len;
    }

    if (has_first) {
        l->run = l->run + 1 == PHR_ROW_RUN
                 || total * l->run > l->run_bytes
                 ? 0 : l->run + 1;
        l->run_bytes += total;

    } else if (l->run == 0) {
        l->run = 1;
        l->run_bytes = total;
        l->first_ms = t_ms;
    }

    return PHR_OK;
}


int
phr_row_whole(phr_txn_t *txn, const phr_row_key_t *key, const double *v,
    size_t n, phr_err_t *err)
{
    size_t  len;

    return phr_row_put(txn, key, NULL, v, n, &len, err);
}


static int
phr_row_put(phr_txn_t *txn, const phr_row_key_t *key,
    const phr_row_first_t *first, const double *v, size_t n, size_t *len,
    phr_err_t *err)
{
    size_t    terse;
    uint8_t   k[PHR_KEY_ROW], value[PHR_VALUE_MAX], *p;
    uint64_t  back_ms;

    phr_key_row(k, key);

    p = value + PHR_CRC_SIZE;
    phr_put_be16(p, PHR_ROW_TERSE);
    phr_put_be16(p + 2, (uint16_t) n);
    p += PHR_ROW_HEADER;

    if (first != NULL) {
        back_ms = (uint64_t) key->t_ms - (uint64_t) first->key.t_ms;
        p += phr_put_uvarint(p, back_ms);
        phr_put_be32(p, first->crc);
        p += PHR_CRC_SIZE;

    } else {
        *p++ = 0;
    }

    /* at most what the doubles alone would take */

    terse = phr_terse_encode(v, n, first != NULL ? &first->values : NULL, p,
                             phr_min(8 * n, (size_t) (value
                                     + phr_txn_room(txn) - p)));

    p = terse != 0 ? p + terse
                   : value + PHR_CRC_SIZE
                     + phr_row_plain(value + PHR_CRC_SIZE, v, n);

    *len = (size_t) (p - value);

    return phr_record_put(txn, PHR_DB_ROW, k, sizeof(k), value, *len, err);
}


static size_t
phr_row_plain(uint8_t *p, const double *v, size_t n)
{
    size_t  i;

    phr_put_be16(p, PHR_ROW_PLAIN);
    phr_put_be16(p + 2, (uint16_t) n);

    for (i = 0; i < n; i++) {
        phr_store64(p + PHR_ROW_HEADER + 8 * i, phr_double_bits(v[i]));
    }

    return PHR_ROW_HEADER + 8 * n;
}


/* PHR_NOTFOUND if no row of the layout, or of a later one, has that time */
static int
phr_row_taken(phr_store_t *st, const phr_source_t *src,
    const phr_layout_t *l, int64_t t_ms, phr_err_t *err)
{
    int                  rc;
    size_t               i;
    const phr_layout_t  *other;

    for (i = 0; i < src->layouts.nelts; i++) {
        other = *phr_array_get(&src->layouts, phr_layout_t *, i);

        if (other->id < l->id || other->nrows == 0 || t_ms > other->last_ms) {
            continue;
        }

        rc = phr_row_exists(st, src, other, t_ms, err);
        if (rc != PHR_NOTFOUND) {
            return rc;
        }
    }

    return PHR_NOTFOUND;
}


/* PHR_NOTFOUND if there is no row of the layout at that time */
static int
phr_row_exists(phr_store_t *st, const phr_source_t *src,
    const phr_layout_t *l, int64_t t_ms, phr_err_t *err)
{
    int            rc;
    size_t         at;
    uint8_t        k[PHR_KEY_ROW];
    phr_str_t      value;
    phr_row_key_t  key;

    key.source = src->id;
    key.t_ms = t_ms;
    key.layout = l->id;
    key.piece = 0;
    rc = PHR_NOTFOUND;

    for (at = 0; at < l->n && rc == PHR_NOTFOUND;
         at += phr_row_values(st->txn))
    {
        phr_key_row(k, &key);
        key.piece++;

        rc = phr_txn_get(st->txn, PHR_DB_ROW, k, sizeof(k), &value, err);
    }

    return rc;
}


/*
 * A row is not overwritten: others may refer to it.  Loose samples are what
 * holds beside a row.
 */
static int
phr_row_again(phr_store_t *st, int64_t t_ms, const phr_sid_t *sid,
    const double *v, size_t n, phr_err_t *err)
{
    size_t        i;
    phr_loose_t  *s;

    s = phr_arena_calloc(st->scratch, n, sizeof(phr_loose_t));
    if (s == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    for (i = 0; i < n; i++) {
        s[i].sid = sid[i];
        s[i].at = (uint32_t) i;
        s[i].t_ms = t_ms;
        s[i].v = v[i];
    }

    return phr_loose_append(st, s, n, err);
}
