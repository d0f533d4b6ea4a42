/*
 * Copyright (C) The Pharos Authors
 *
 * Row: see row.h.
 *
 *     key     source:32 time:64 layout:32 piece:16
 *     body    encoding:16 n:16, n doubles, little-endian
 */

#include "store/row.h"

#include "store/bits.h"


#define PHR_ROW_ENCODING       1


size_t
phr_row_values(const phr_txn_t *txn)
{
    return (phr_txn_room(txn) - PHR_CRC_SIZE - PHR_ROW_HEADER) / 8;
}


int
phr_row_decode(phr_str_t body, const uint8_t **v, size_t *n)
{
    const uint8_t  *p;

    p = (const uint8_t *) body.data;

    if (body.len < PHR_ROW_HEADER || phr_get_be16(p) != PHR_ROW_ENCODING) {
        return PHR_ECORRUPT;
    }

    *n = phr_get_be16(p + 2);
    *v = p + PHR_ROW_HEADER;

    return body.len == PHR_ROW_HEADER + 8 * *n ? PHR_OK : PHR_ECORRUPT;
}


int
phr_row_append(phr_store_t *st, phr_source_t *src, int64_t t_ms,
    const phr_sid_t *sid, const double *v, size_t n, phr_err_t *err)
{
    int             rc;
    size_t          at, k;
    uint8_t         key[PHR_KEY_ROW], value[PHR_VALUE_MAX], *p;
    phr_layout_t   *l;
    phr_row_key_t   rk;

    l = NULL;

    rc = phr_layout_find(st, src, sid, n, &l, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rk.source = src->id;
    rk.t_ms = t_ms;
    rk.layout = l->id;
    rk.piece = 0;

    for (at = 0; at < n; at += k) {
        k = phr_min(n - at, phr_row_values(st->txn));

        phr_key_row(key, &rk);
        rk.piece++;

        p = value + PHR_CRC_SIZE;
        phr_put_be16(p, PHR_ROW_ENCODING);
        phr_put_be16(p + 2, (uint16_t) k);
        p += PHR_ROW_HEADER;

        /* little-endian, as the bits of chunks */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        size_t  i;

        for (i = 0; i < k; i++) {
            phr_store64(p + 8 * i, phr_double_bits(v[at + i]));
        }
#else
        memcpy(p, v + at, 8 * k);
#endif

        rc = phr_record_put(st->txn, PHR_DB_ROW, key, sizeof(key), value,
                            PHR_CRC_SIZE + PHR_ROW_HEADER + 8 * k, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    l->last_ms = l->nrows == 0 ? t_ms : phr_max(l->last_ms, t_ms);
    l->nrows++;

    if (src->nrows++ == 0) {
        src->arrival_ms = st->now_ms;
    }

    return PHR_OK;
}
