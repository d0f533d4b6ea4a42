/*
 * Copyright (C) The Pharos Authors
 *
 * List of histograms: see hist_list.h.
 */

#include "store/hist_list.h"

#include "core/bytes.h"
#include "store/kv.h"


static phr_str_t phr_hist_list_key(uint8_t *key, uint32_t source);


int
phr_hist_list_note(phr_store_t *st, phr_source_t *src, const phr_batch_t *b,
    const int8_t *status, phr_err_t *err)
{
    int         rc;
    size_t      i;
    uint8_t     key[4], sid[4];
    uint64_t    hash;
    phr_buf_t   list;

    if (b->h == NULL && src->hists_known && src->hists == 0) {
        return PHR_OK;
    }

    rc = PHR_OK;
    phr_buf_init(&list, 0);

    if (!src->hists_known) {
        rc = phr_kv_get(st->txn, PHR_KV_HISTS,
                        phr_hist_list_key(key, src->id), &list, err);
        if (rc < 0) {
            goto done;
        }

        src->hists = list.len != 0 ? phr_xxh64(list.data, list.len) : 0;
        src->hists_known = 1;
        phr_buf_reset(&list);
        rc = PHR_OK;
    }

    for (i = 0; b->h != NULL && i < b->n; i++) {
        if (status[i] == PHR_OK && b->h[i] != NULL
            && !phr_hist_is_stale(b->h[i]))
        {
            phr_put_be32(sid, b->sid[i]);
            phr_buf_append(&list, sid, sizeof(sid));
        }
    }

    if (list.failed) {
        rc = phr_err_set(err, PHR_ENOMEM, "no memory");
        goto done;
    }

    hash = list.len != 0 ? phr_xxh64(list.data, list.len) : 0;

    if (hash != src->hists) {
        rc = list.len != 0
             ? phr_kv_put(st->txn, PHR_KV_HISTS,
                          phr_hist_list_key(key, src->id),
                          phr_buf_view(&list), err)
             : phr_hist_list_drop(st, src->id, err);

        src->hists = hash;
    }

done:

    phr_buf_free(&list);

    return rc;
}


int
phr_hist_list_read(phr_store_t *st, uint32_t source, phr_sids_t *sids,
    phr_err_t *err)
{
    int         rc;
    size_t      i;
    uint8_t     key[4];
    phr_buf_t   list;

    phr_buf_init(&list, 0);

    rc = phr_kv_get(st->txn, PHR_KV_HISTS, phr_hist_list_key(key, source),
                    &list, err);

    if (rc == PHR_OK && phr_sids_reserve(sids, list.len / 4) != PHR_OK) {
        rc = phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    for (i = 0; rc == PHR_OK && i + 4 <= list.len; i += 4) {
        sids->v[sids->n++] = phr_get_be32((const uint8_t *) list.data + i);
    }

    phr_buf_free(&list);

    return rc < 0 ? rc : PHR_OK;
}


int
phr_hist_list_drop(phr_store_t *st, uint32_t source, phr_err_t *err)
{
    uint8_t  key[4];

    return phr_kv_del(st->txn, PHR_KV_HISTS, phr_hist_list_key(key, source),
                      err);
}


static phr_str_t
phr_hist_list_key(uint8_t *key, uint32_t source)
{
    phr_put_be32(key, source);

    return phr_str_from((const char *) key, 4);
}
