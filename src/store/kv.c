/*
 * Copyright (C) The Pharos Authors
 *
 * KV: see kv.h.
 *
 *     key     space:8 str(key) piece:16
 *     body    of piece 0: varint length of value, varint length of key and
 *             the key (0 if the whole key is in the key), then bytes
 *             of others: bytes
 */

#include "store/kv.h"

#include "store/text.h"


#define PHR_KV_KEY      (1 + PHR_KEY_STR_MAX + 2)

/* a key must fit the first piece; values are what memory holds */
#define PHR_KV_KEY_MAX  3500
#define PHR_KV_MAX      (64 << 20)


/* piece 0, taken apart */
typedef struct {
    phr_str_t  key;         /* len 0: in the key */
    uint64_t   len;         /* of the whole value */
    phr_str_t  bytes;
} phr_kv_head_t;


static int phr_kv_find(phr_txn_t *txn, char space, phr_str_t key,
    uint8_t *room, size_t *klen, int *is_long, phr_kv_head_t *h,
    phr_err_t *err);
static int phr_kv_head(phr_str_t body, phr_kv_head_t *h, phr_err_t *err);
static int phr_kv_rest(phr_txn_t *txn, uint8_t *key, size_t klen,
    const phr_kv_head_t *h, phr_buf_t *out, phr_err_t *err);
static int phr_kv_whole(phr_txn_t *txn, uint8_t *key, size_t klen,
    phr_str_t first, phr_buf_t *out);
static int phr_kv_trim(phr_txn_t *txn, uint8_t *key, size_t klen,
    uint16_t piece, phr_err_t *err);


int
phr_kv_put(phr_txn_t *txn, char space, phr_str_t key, phr_str_t value,
    phr_err_t *err)
{
    int            rc, is_long;
    size_t         klen, at, n, used;
    uint8_t        room[PHR_KV_KEY], data[PHR_RECORD_MAX];
    uint16_t       piece;
    phr_kv_head_t  h;

    if (key.len > PHR_KV_KEY_MAX || value.len > PHR_KV_MAX) {
        return phr_err_set(err, PHR_ELIMIT, "record with a key of %zu and a "
                           "value of %zu bytes", key.len, value.len);
    }

    rc = phr_kv_find(txn, space, key, room, &klen, &is_long, &h,
                     err);
    if (rc < 0) {
        return rc;
    }

    at = 0;
    piece = 0;

    do {
        used = PHR_CRC_SIZE;

        if (piece == 0) {
            used += phr_put_uvarint(data + used, value.len);

            n = is_long ? key.len : 0;
            used += phr_put_uvarint(data + used, n);
            memcpy(data + used, key.data, n);
            used += n;
        }

        n = phr_min(sizeof(data) - used, value.len - at);

        if (n > 0) {
            memcpy(data + used, value.data + at, n);
        }

        at += n;

        phr_put_be16(room + klen - 2, piece++);

        rc = phr_record_put(txn, PHR_DB_KV, room, klen, data, used + n, err);
        if (rc != PHR_OK) {
            return rc;
        }

    } while (at < value.len);

    /* of a longer value that was there before */
    return phr_kv_trim(txn, room, klen, piece, err);
}


int
phr_kv_del(phr_txn_t *txn, char space, phr_str_t key, phr_err_t *err)
{
    int            rc, is_long;
    size_t         klen;
    uint8_t        room[PHR_KV_KEY];
    phr_kv_head_t  h;

    rc = phr_kv_find(txn, space, key, room, &klen, &is_long, &h,
                     err);

    if (rc != PHR_OK) {
        return rc < 0 ? rc : PHR_OK;
    }

    return phr_kv_trim(txn, room, klen, 0, err);
}


int
phr_kv_get(phr_txn_t *txn, char space, phr_str_t key, phr_buf_t *out,
    phr_err_t *err)
{
    int            rc, is_long;
    size_t         klen;
    uint8_t        room[PHR_KV_KEY];
    phr_kv_head_t  h;

    rc = phr_kv_find(txn, space, key, room, &klen, &is_long, &h,
                     err);
    if (rc != PHR_OK) {
        return rc;
    }

    return phr_kv_rest(txn, room, klen, &h, out, err);
}


/*
 * PHR_NOTFOUND leaves in room the key to make it under.  A chain of long
 * keys with equal beginnings and hashes is searched to its end; deleting
 * from its middle would cut it, but nobody finds two such keys.
 */
static int
phr_kv_find(phr_txn_t *txn, char space, phr_str_t key, uint8_t *room,
    size_t *klen, int *is_long, phr_kv_head_t *h, phr_err_t *err)
{
    int        rc;
    uint32_t   probe;
    phr_str_t  body;

    room[0] = (uint8_t) space;

    for (probe = 0; /* void */; probe++) {
        *klen = 1 + phr_text_key(txn, PHR_DB_KV, (uint8_t) space, room + 1,
                                 key, probe, is_long) + 2;
        phr_put_be16(room + *klen - 2, 0);

        rc = phr_record_get(txn, PHR_DB_KV, room, *klen, &body, err);
        if (rc != PHR_OK) {
            return rc;
        }

        rc = phr_kv_head(body, h, err);
        if (rc != PHR_OK) {
            return rc;
        }

        if (!*is_long || phr_str_eq(h->key, key)) {
            return PHR_OK;
        }
    }
}


static int
phr_kv_head(phr_str_t body, phr_kv_head_t *h, phr_err_t *err)
{
    uint64_t        klen;
    const uint8_t  *p, *end;

    p = (const uint8_t *) body.data;
    end = p + body.len;

    if (phr_get_uvarint(&p, end, &h->len) != PHR_OK
        || phr_get_uvarint(&p, end, &klen) != PHR_OK
        || klen > (uint64_t) (end - p) || h->len > PHR_KV_MAX)
    {
        return phr_err_set(err, PHR_ECORRUPT, "damaged record of %zu bytes "
                           "in \"kv\"", body.len);
    }

    h->key = phr_str_from((const char *) p, klen);
    p += klen;
    h->bytes = phr_str_from((const char *) p, (size_t) (end - p));

    if (h->bytes.len > h->len) {
        return phr_err_set(err, PHR_ECORRUPT, "damaged record of %zu bytes "
                           "in \"kv\"", body.len);
    }

    return PHR_OK;
}


/* the whole value behind what is in out */
static int
phr_kv_rest(phr_txn_t *txn, uint8_t *key, size_t klen,
    const phr_kv_head_t *h, phr_buf_t *out, phr_err_t *err)
{
    int        rc;
    uint64_t   at;
    uint16_t   piece;
    phr_str_t  body;

    phr_buf_str(out, h->bytes);
    at = h->bytes.len;

    for (piece = 1; at < h->len; piece++) {
        phr_put_be16(key + klen - 2, piece);

        rc = phr_record_get(txn, PHR_DB_KV, key, klen, &body, err);
        if (rc < 0) {
            return rc;
        }

        if (rc == PHR_NOTFOUND || body.len > h->len - at || body.len == 0) {
            return phr_err_set(err, PHR_ECORRUPT, "piece %u of a record is "
                               "missing or damaged", piece);
        }

        phr_buf_str(out, body);
        at += body.len;
    }

    return out->failed ? phr_err_set(err, out->failed, "no memory for a "
                                     "record") : PHR_OK;
}


static int
phr_kv_trim(phr_txn_t *txn, uint8_t *key, size_t klen, uint16_t piece,
    phr_err_t *err)
{
    int  rc;

    do {
        phr_put_be16(key + klen - 2, piece++);
        rc = phr_txn_del(txn, PHR_DB_KV, key, klen, err);
    } while (rc == PHR_OK);

    return rc < 0 ? rc : PHR_OK;
}


int
phr_kv_each(phr_txn_t *txn, char space, phr_str_t prefix,
    int (*visit)(void *data, phr_str_t key, phr_str_t value), void *data,
    phr_err_t *err)
{
    int             rc, kind;
    char            name[PHR_KEY_STR];
    size_t          klen, used, len;
    uint8_t         from[PHR_KV_KEY], room[PHR_KV_KEY];
    phr_str_t       k, v, body, key;
    phr_buf_t       value;
    phr_cursor_t   *cursor;
    phr_kv_head_t   h;

    rc = phr_cursor_open(txn, PHR_DB_KV, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_buf_init(&value, 0);

    from[0] = (uint8_t) space;
    klen = phr_text_prefix(txn, from + 1, prefix);
    klen = 1 + phr_min(klen, PHR_KEY_STR);

    rc = phr_cursor_seek(cursor, from, klen, &k, &v, err);

    while (rc == PHR_OK && k.len >= klen && memcmp(k.data, from, klen) == 0) {
        kind = phr_text_get(txn, (const uint8_t *) k.data + 1, k.len - 1,
                            name, &len, &used);

        if (kind < 0 || used + 3 != k.len || k.len > sizeof(room)) {
            rc = phr_err_set(err, PHR_ECORRUPT, "damaged key in \"kv\"");
            break;
        }

        if (phr_get_be16((const uint8_t *) k.data + k.len - 2) != 0) {
            rc = phr_cursor_next(cursor, &k, &v, err);
            continue;
        }

        rc = phr_record_check(PHR_DB_KV, k, v, &body, err);
        if (rc == PHR_OK) {
            rc = phr_kv_head(body, &h, err);
        }
        if (rc != PHR_OK) {
            break;
        }

        key = kind == PHR_FULL ? h.key : phr_str_from(name, len);

        if (key.len >= prefix.len
            && memcmp(key.data, prefix.data, prefix.len) == 0)
        {
            memcpy(room, k.data, k.len);
            phr_buf_reset(&value);

            rc = phr_kv_rest(txn, room, k.len, &h, &value, err);
            if (rc != PHR_OK) {
                break;
            }

            rc = visit(data, key, phr_buf_view(&value));
            if (rc != PHR_OK) {
                phr_buf_free(&value);
                phr_cursor_close(cursor);
                return rc;
            }
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_buf_free(&value);
    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


int
phr_kv_fits(phr_str_t key, phr_str_t body)
{
    int             kind;
    char            name[PHR_KEY_STR], space;
    size_t          len, used;
    phr_kv_head_t   h;

    if (key.len < 1 + 2 + 2 || key.len > PHR_KV_KEY) {
        return 0;
    }

    space = key.data[0];
    kind = phr_key_str_get((const uint8_t *) key.data + 1, key.len - 1, name,
                           &len, &used);

    if (kind < 0 || used + 3 != key.len || (space | 32) < 'a'
        || (space | 32) > 'z')
    {
        return 0;
    }

    return phr_get_be16((const uint8_t *) key.data + key.len - 2) != 0
           || phr_kv_head(body, &h, NULL) == PHR_OK;
}


int
phr_kv_is_single(phr_str_t key, phr_str_t body)
{
    phr_kv_head_t  h;

    return phr_kv_fits(key, body)
           && phr_get_be16((const uint8_t *) key.data + key.len - 2) == 0
           && phr_kv_head(body, &h, NULL) == PHR_OK && h.bytes.len == h.len;
}


int
phr_kv_mend(phr_txn_t *txn, uint64_t *nvalues, uint64_t *nlost,
    phr_err_t *err)
{
    int             rc, whole;
    size_t          klen;
    uint8_t         key[PHR_KV_KEY], room[PHR_KV_KEY];
    phr_str_t       k, v;
    phr_buf_t       value;
    phr_cursor_t   *cursor;

    *nvalues = 0;
    *nlost = 0;
    klen = 0;

    rc = phr_cursor_open(txn, PHR_DB_KV, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_buf_init(&value, 0);
    rc = phr_cursor_first(cursor, &k, &v, err);

    while (rc == PHR_OK) {

        if (k.len < 3 || k.len > sizeof(key)) {
            whole = 0;

        } else if (phr_get_be16((const uint8_t *) k.data + k.len - 2) != 0) {
            /* a piece of the value before it, or of none */
            whole = k.len == klen && memcmp(k.data, key, klen - 2) == 0;

        } else {
            klen = k.len;
            memcpy(key, k.data, klen);
            memcpy(room, k.data, klen);
            phr_buf_reset(&value);

            rc = phr_kv_whole(txn, room, klen, v, &value);

            if (rc == PHR_ENOMEM) {
                phr_err_set(err, rc, "no memory for a record");
                break;
            }

            whole = rc == PHR_OK;
            ++*(whole ? nvalues : nlost);
            klen = whole ? klen : 0;
        }

        rc = whole ? PHR_OK : phr_cursor_del(cursor, err);
        if (rc == PHR_OK) {
            rc = phr_cursor_next(cursor, &k, &v, err);
        }
    }

    phr_buf_free(&value);
    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


/* reads the pieces of a value whose first this is */
static int
phr_kv_whole(phr_txn_t *txn, uint8_t *key, size_t klen, phr_str_t first,
    phr_buf_t *out)
{
    int             rc;
    phr_str_t       body;
    phr_kv_head_t   h;

    rc = phr_record_check(PHR_DB_KV, phr_str_from((char *) key, klen), first,
                          &body, NULL);
    if (rc == PHR_OK) {
        rc = phr_kv_head(body, &h, NULL);
    }

    return rc == PHR_OK ? phr_kv_rest(txn, key, klen, &h, out, NULL) : rc;
}
