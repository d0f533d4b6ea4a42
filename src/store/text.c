/*
 * Copyright (C) The Pharos Authors
 *
 * Text: see text.h.
 */

#include "store/text.h"


#define PHR_TEXT_HASHED  10


size_t
phr_text_key(const phr_txn_t *txn, phr_db_e db, uint32_t id, uint8_t *p,
    phr_str_t s, uint32_t probe, int *is_long)
{
    const phr_vault_t  *vault;

    vault = phr_txn_vault(txn);

    if (vault == NULL) {
        return phr_key_str(p, s, probe, is_long);
    }

    /* a long string without its beginning */

    *is_long = 1;
    p[0] = 0;
    p[1] = 2;
    phr_put_be64(p + 2, phr_vault_hash(vault, db, id, s) + probe);

    return PHR_TEXT_HASHED;
}


size_t
phr_text_prefix(const phr_txn_t *txn, uint8_t *p, phr_str_t s)
{
    return phr_txn_vault(txn) == NULL ? phr_key_prefix(p, s) : 0;
}


int
phr_text_get(const phr_txn_t *txn, const uint8_t *p, size_t size, char *out,
    size_t *len, size_t *used)
{
    if (phr_txn_vault(txn) == NULL) {
        return phr_key_str_get(p, size, out, len, used);
    }

    if (size < PHR_TEXT_HASHED || p[0] != 0 || p[1] != 2) {
        return PHR_ECORRUPT;
    }

    *len = 0;
    *used = PHR_TEXT_HASHED;

    return PHR_FULL;
}


uint64_t
phr_text_hash(const phr_txn_t *txn, phr_db_e db, phr_str_t s)
{
    const phr_vault_t  *vault;

    vault = phr_txn_vault(txn);

    return vault == NULL ? phr_xxh64(s.data, s.len)
                         : phr_vault_hash(vault, db, 0, s);
}
