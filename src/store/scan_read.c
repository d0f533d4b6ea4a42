/*
 * Copyright (C) The Pharos Authors
 *
 * Scan, records: whether what lies in a page is one, by its checksum and, if
 * the store is encrypted, its tag; and of which sub-database it is.
 */

#include "store/scan_impl.h"

#include "core/alloc.h"
#include "core/bytes.h"
#include "store/internal.h"
#include "store/kind.h"


static int phr_scan_sealed(phr_scan_t *s, phr_str_t key, phr_str_t value);
static int phr_scan_unseal(phr_scan_t *s, phr_db_e *db, phr_str_t key,
    phr_str_t *value);


int
phr_scan_read(phr_scan_t *s, const phr_page_node_t *node, phr_db_e *db,
    phr_str_t *value)
{
    int        rc;
    phr_str_t  key, body;

    rc = phr_scan_value(s, node, PHR_VALUE_MAX, value);
    if (rc != PHR_OK) {
        return rc;
    }

    key = phr_scan_key(node);

    if (value->len == 0) {
        if (*db == PHR_KIND_NONE) {
            *db = PHR_DB_HASH;
        }

        return *db == PHR_DB_HASH && key.len == PHR_KEY_HASH ? PHR_OK
                                                             : PHR_ECORRUPT;
    }

    if (*db == PHR_DB_META) {
        rc = phr_scan_sealed(s, key, *value);
        if (rc != PHR_OK) {
            return rc;
        }

    } else if (s->worker != NULL) {
        return phr_scan_unseal(s, db, key, value);
    }

    if (*db == PHR_KIND_NONE) {
        *db = phr_kind_guess(key, *value);
        return *db == PHR_KIND_NONE ? PHR_ECORRUPT : PHR_OK;
    }

    if (phr_record_check(*db, key, *value, &body, NULL) != PHR_OK
        || !phr_kind_fits(*db, key, body))
    {
        return PHR_ECORRUPT;
    }

    return PHR_OK;
}


/* a store that is encrypted says so, and with which key */
static int
phr_scan_sealed(phr_scan_t *s, phr_str_t key, phr_str_t value)
{
    phr_str_t  body;

    if (phr_record_check(PHR_DB_META, key, value, &body, NULL) != PHR_OK) {
        return PHR_OK;
    }

    if (s->vault != NULL && phr_str_eq(key, phr_str_of("version"))
        && body.len > 4
        && phr_get_be32((const uint8_t *) body.data + body.len - 4)
           == PHR_STORE_FORMAT)
    {
        return phr_err_set(s->err, PHR_EINVAL, "a key is given, but the "
                           "store is not encrypted");
    }

    if (!phr_str_eq(key, phr_str_of("key"))
        || body.len != 4 + PHR_VAULT_ID)
    {
        return PHR_OK;
    }

    if (s->vault == NULL) {
        return phr_err_set(s->err, PHR_EINVAL, "the store is encrypted, and "
                           "no key is given");
    }

    if (memcmp(body.data + 4, phr_vault_id(s->vault), PHR_VAULT_ID) != 0) {
        return phr_err_set(s->err, PHR_EINVAL, "the store is encrypted with "
                           "another key");
    }

    return PHR_OK;
}


/* what opens as a record of a sub-database is one of it, and as written */
static int
phr_scan_unseal(phr_scan_t *s, phr_db_e *db, phr_str_t key,
    phr_str_t *value)
{
    int        i;
    phr_str_t  sealed;

    if (phr_record_check(PHR_DB_META, key, *value, &sealed, NULL) != PHR_OK
        || sealed.len < PHR_VAULT_OVERHEAD)
    {
        return PHR_ECORRUPT;
    }

    for (i = 0; i < PHR_DB_MAX; i++) {

        if ((*db != PHR_KIND_NONE && i != (int) *db)
            || phr_vault_open(s->worker, (uint8_t) i, key,
                              (const uint8_t *) sealed.data, sealed.len,
                              s->plain + PHR_CRC_SIZE)
               != PHR_OK)
        {
            continue;
        }

        *db = (phr_db_e) i;
        *value = phr_str_from((const char *) s->plain, PHR_CRC_SIZE
                              + sealed.len - PHR_VAULT_OVERHEAD);
        phr_record_seal(key.data, key.len, s->plain, value->len);

        return PHR_OK;
    }

    return PHR_ECORRUPT;
}


int
phr_scan_value(phr_scan_t *s, const phr_page_node_t *node, size_t max,
    phr_str_t *value)
{
    size_t    whole;
    uint8_t  *grown;
    uint64_t  pgno;

    if (!(node->flags & PHR_NODE_BIG)) {
        *value = phr_str_from((const char *) node->data, node->size);
        return PHR_OK;
    }

    if (node->size > max) {
        return PHR_ECORRUPT;
    }

    whole = (size_t) node->size + PHR_PAGE_HEADER;

    if (whole > s->nvalue) {
        grown = phr_realloc(s->value, whole);
        if (grown == NULL) {
            return phr_err_set(s->err, PHR_ENOMEM, "no memory");
        }

        s->value = grown;
        s->nvalue = whole;
    }

    pgno = phr_page_get64(node->data);

    if (phr_pages_read(&s->file, pgno, s->value, whole, NULL) != PHR_OK
        || phr_scan_misplaced(s, pgno, s->value, whole))
    {
        return PHR_ECORRUPT;
    }

    *value = phr_str_from((const char *) s->value + PHR_PAGE_HEADER,
                          node->size);

    return PHR_OK;
}


int
phr_scan_misplaced(phr_scan_t *s, uint64_t pgno, const uint8_t *page,
    size_t len)
{
    int        same;
    uint8_t   *home;
    uint64_t   number, bits;

    number = phr_page_get64(page);

    if (number == pgno || number < 2 || number >= s->npages) {
        return 0;
    }

    bits = number ^ pgno;

    if ((bits & (bits - 1)) != 0) {
        return 1;
    }

    len = phr_min(len, s->file.page_size);

    home = phr_malloc(len);
    if (home == NULL) {
        return 1;
    }

    same = phr_pages_read(&s->file, number, home, len, NULL) == PHR_OK
           && memcmp(home, page, len) == 0;
    phr_free(home);

    return same;
}
