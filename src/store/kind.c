/*
 * Copyright (C) The Pharos Authors
 *
 * Kind: see kind.h.
 */

#include "store/kind.h"

#include "core/bytes.h"
#include "store/block.h"
#include "store/coarse.h"
#include "store/exemplar.h"
#include "store/kv.h"
#include "store/loose.h"
#include "store/row.h"


static int phr_kind_text(phr_str_t key, size_t at, phr_str_t body,
    size_t fixed);


phr_db_e
phr_kind_guess(phr_str_t key, phr_str_t value)
{
    size_t     i;
    phr_str_t  body;

    /* those of text first: ids are not as large as letters make them */

    static const phr_db_e  tried[] = {
        PHR_DB_KV, PHR_DB_NAME, PHR_DB_PAIR, PHR_DB_PACK, PHR_DB_ROW,
        PHR_DB_LOOSE, PHR_DB_EXEMPLAR, PHR_DB_SOURCE, PHR_DB_LAYOUT,
        PHR_DB_SERIES, PHR_DB_WINDOW, PHR_DB_COARSE
    };

    if (phr_record_check(PHR_DB_META, key, value, &body, NULL) != PHR_OK) {
        return PHR_KIND_NONE;
    }

    for (i = 0; i < phr_nelems(tried); i++) {
        if (phr_kind_fits(tried[i], key, body)) {
            return tried[i];
        }
    }

    return PHR_KIND_NONE;
}


int
phr_kind_fits(phr_db_e db, phr_str_t key, phr_str_t body)
{
    size_t            n;
    phr_pack_t        pack;
    phr_loose_t       loose[PHR_LOOSE_MAX];
    phr_window_t      w;
    phr_row_t         row;
    const uint8_t    *k;
    phr_row_key_t     rk;
    phr_pack_key_t    pk;

    k = (const uint8_t *) key.data;

    switch (db) {

    case PHR_DB_PACK:
        return phr_key_pack_get(key, &pk)
               && phr_pack_open(&pk, body, &pack) == PHR_OK;

    case PHR_DB_ROW:
        return phr_key_row_get(key, &rk)
               && phr_row_check(body, &row) == PHR_OK;

    case PHR_DB_LOOSE:
        return key.len == PHR_KEY_LOOSE
               && phr_loose_decode(phr_get_be32(k), body, NULL, loose, &n)
                  == PHR_OK;

    case PHR_DB_EXEMPLAR:
        return phr_exemplar_fits(key, body);

    case PHR_DB_SOURCE:
        return key.len == PHR_KEY_HASH
               && phr_get_be64(k) == phr_xxh64(body.data, body.len);

    case PHR_DB_LAYOUT:
        return key.len == PHR_KEY_LAYOUT && body.len > 0
               && body.len % 4 == 0;

    case PHR_DB_SERIES:
        return key.len == PHR_KEY_SERIES && body.len > 0;

    case PHR_DB_WINDOW:
        return key.len == PHR_KEY_WINDOW
               && phr_window_decode(body, &w) == PHR_OK;

    case PHR_DB_COARSE:
        return phr_coarse_fits(key, body);

    case PHR_DB_KV:
        return phr_kv_fits(key, body);

    case PHR_DB_NAME:
        return phr_kind_text(key, 0, body, 16);

    case PHR_DB_PAIR:
        return phr_kind_text(key, 4, body, 8);

    case PHR_DB_HASH:
        return 0;

    case PHR_DB_HEAD:
    case PHR_DB_POST:
        return key.len == PHR_KEY_HEAD;

    case PHR_DB_LAST:
        return key.len == 4;

    default:
        return 1;
    }
}


/* a string from there to the end of the key; a long one is in the record */
static int
phr_kind_text(phr_str_t key, size_t at, phr_str_t body, size_t fixed)
{
    int     kind;
    char    text[PHR_KEY_STR];
    size_t  len, used;

    if (key.len <= at) {
        return 0;
    }

    kind = phr_key_str_get((const uint8_t *) key.data + at, key.len - at,
                           text, &len, &used);

    return kind >= 0 && used == key.len - at
           && (kind == PHR_FULL ? body.len > fixed : body.len == fixed);
}
