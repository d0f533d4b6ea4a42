/*
 * Copyright (C) The Pharos Authors
 *
 * Verify: see verify.h.
 */

#include "store/verify.h"

#include <stdarg.h>
#include <stdio.h>

#include "store/block.h"
#include "store/coarse.h"
#include "store/exemplar.h"
#include "store/index.h"
#include "store/internal.h"
#include "store/postings.h"
#include "store/loose.h"
#include "store/row.h"
#include "store/series.h"
#include "store/text.h"


typedef struct {
    phr_txn_t            *txn;
    phr_arena_t          *arena;
    phr_store_damage_t   *result;
    void                (*report)(void *data, const char *text);
    void                 *data;
    phr_db_e              db;
    phr_row_first_t       first;
} phr_verify_t;


typedef int (*phr_verify_pt)(phr_verify_t *vf, phr_str_t key,
    phr_str_t body);


static int phr_verify_db(phr_verify_t *vf, phr_verify_pt check,
    phr_err_t *err);
static void phr_verify_report(phr_verify_t *vf, const char *fmt, ...)
    PHR_PRINTF(2, 3);
static int phr_verify_nothing(phr_verify_t *vf, phr_str_t key,
    phr_str_t body);
static int phr_verify_head(phr_verify_t *vf, phr_str_t key, phr_str_t body);
static int phr_verify_row(phr_verify_t *vf, phr_str_t key, phr_str_t body);
static int phr_verify_loose(phr_verify_t *vf, phr_str_t key,
    phr_str_t body);
static int phr_verify_pack(phr_verify_t *vf, phr_str_t key, phr_str_t body);
static int phr_verify_window(phr_verify_t *vf, phr_str_t key,
    phr_str_t body);
static int phr_verify_last(phr_verify_t *vf, phr_str_t key, phr_str_t body);
static int phr_verify_series(phr_verify_t *vf, phr_str_t key,
    phr_str_t body);
static int phr_verify_hash(phr_verify_t *vf, phr_str_t key, phr_str_t body);
static int phr_verify_post(phr_verify_t *vf, phr_str_t key, phr_str_t body);
static int phr_verify_coarse(phr_verify_t *vf, phr_str_t key,
    phr_str_t body);
static int phr_verify_exemplar(phr_verify_t *vf, phr_str_t key,
    phr_str_t body);
static int phr_verify_listed(phr_verify_t *vf, phr_str_t name,
    phr_str_t value, phr_sid_t sid);


/* ORDER DB */
static const phr_verify_pt  phr_verify_checks[PHR_DB_MAX] = {
    phr_verify_nothing,         /* meta */
    phr_verify_nothing,         /* kv */
    phr_verify_nothing,         /* source */
    phr_verify_head,
    phr_verify_nothing,         /* layout: read by way of its head */
    phr_verify_row,
    phr_verify_loose,
    phr_verify_pack,
    phr_verify_window,
    phr_verify_last,
    phr_verify_series,
    phr_verify_hash,
    phr_verify_nothing,         /* name */
    phr_verify_nothing,         /* pair */
    phr_verify_post,
    phr_verify_coarse,
    phr_verify_exemplar
};


int
phr_store_verify(phr_store_t *st,
    void (*report)(void *data, const char *text), void *data,
    phr_store_damage_t *result, phr_err_t *err)
{
    int           rc, db;
    phr_verify_t  vf;

    memset(result, 0, sizeof(phr_store_damage_t));

    vf.result = result;
    vf.report = report;
    vf.data = data;
    phr_row_first_init(&vf.first, NULL, 0);
    vf.arena = phr_arena_create(0);

    if (vf.arena == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    rc = phr_txn_begin(st->env, 0, &vf.txn, err);
    if (rc != PHR_OK) {
        phr_arena_destroy(vf.arena);
        return rc;
    }

    for (db = 0; db < PHR_DB_MAX && rc == PHR_OK; db++) {
        vf.db = (phr_db_e) db;
        rc = phr_verify_db(&vf, phr_verify_checks[db], err);
    }

    phr_txn_abort(vf.txn);
    phr_arena_destroy(vf.arena);

    return rc;
}


static int
phr_verify_db(phr_verify_t *vf, phr_verify_pt check, phr_err_t *err)
{
    int            rc;
    phr_err_t      damage;
    phr_str_t      k, v, body;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(vf->txn, vf->db, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_cursor_first(cursor, &k, &v, err);

    while (rc == PHR_OK) {
        vf->result->nrecords++;
        phr_arena_reset(vf->arena);
        body = v;

        if (vf->db != PHR_DB_HASH
            && phr_record_check(vf->db, k, v, &body, &damage) != PHR_OK)
        {
            phr_verify_report(vf, "%s", damage.text);

        } else {
            rc = check(vf, k, body);

            if (rc == PHR_ENOMEM) {
                phr_err_set(err, rc, "no memory");
                break;
            }
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


static void
phr_verify_report(phr_verify_t *vf, const char *fmt, ...)
{
    char     text[PHR_ERR_TEXT];
    va_list  args;

    vf->result->ndamaged++;

    if (vf->report == NULL) {
        return;
    }

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    vf->report(vf->data, text);
}


static int
phr_verify_nothing(phr_verify_t *vf, phr_str_t key, phr_str_t body)
{
    return PHR_OK;
}


static int
phr_verify_head(phr_verify_t *vf, phr_str_t key, phr_str_t body)
{
    phr_err_t    err;
    phr_sid_t   *sid;
    phr_head_t   h;

    if (phr_head_decode(key, body, &h) != PHR_OK || h.n == 0) {
        phr_verify_report(vf, "head of a layout: key of %zu, record of %zu "
                          "bytes", key.len, body.len);
        return PHR_OK;
    }

    sid = phr_arena_alloc(vf->arena, h.n * sizeof(phr_sid_t));
    if (sid == NULL) {
        return PHR_ENOMEM;
    }

    if (phr_layout_read(vf->txn, &h, sid, &err) != PHR_OK) {
        phr_verify_report(vf, "%s", err.text);
    }

    return PHR_OK;
}


static int
phr_verify_row(phr_verify_t *vf, phr_str_t key, phr_str_t body)
{
    double         v[PHR_ROW_VALUES];
    uint8_t        head[PHR_KEY_HEAD];
    phr_err_t      err;
    phr_row_t      row;
    phr_str_t      found;
    phr_row_key_t  rk;

    if (!phr_key_row_get(key, &rk) || phr_row_check(body, &row) != PHR_OK) {
        phr_verify_report(vf, "row: key of %zu, record of %zu bytes",
                          key.len, body.len);
        return PHR_OK;
    }

    phr_put_be32(head, rk.source);
    phr_put_be32(head + 4, rk.layout);

    if (phr_txn_get(vf->txn, PHR_DB_HEAD, head, sizeof(head), &found, NULL)
        != PHR_OK)
    {
        phr_verify_report(vf, "row of source %u: there is no layout %u",
                          rk.source, rk.layout);
    }

    if (phr_row_read(vf->txn, &rk, &row, &vf->first, v, &err) != PHR_OK) {
        phr_verify_report(vf, "row: %s", err.text);
    }

    vf->result->nsamples += row.n;

    return PHR_OK;
}


static int
phr_verify_loose(phr_verify_t *vf, phr_str_t key, phr_str_t body)
{
    size_t             n;
    phr_loose_t        s[PHR_LOOSE_MAX];
    phr_loose_head_t   head;

    if (key.len != PHR_KEY_LOOSE
        || phr_loose_decode(phr_get_be32((const uint8_t *) key.data), body,
                            vf->arena, s, &n) != PHR_OK
        || phr_loose_head(body, &head) != PHR_OK)
    {
        phr_verify_report(vf, "loose samples: key of %zu, record of %zu "
                          "bytes", key.len, body.len);
        return PHR_OK;
    }

    vf->result->nsamples += head.starts ? 0 : n;

    return PHR_OK;
}


static int
phr_verify_pack(phr_verify_t *vf, phr_str_t key, phr_str_t body)
{
    size_t           i, k;
    int64_t          t[PHR_CHUNK_MAX_SAMPLES];
    phr_pack_t       pack;
    phr_pack_key_t   pk;
    phr_chunk_ref_t  ref;

    if (!phr_key_pack_get(key, &pk)
        || phr_pack_open(&pk, body, &pack) != PHR_OK)
    {
        phr_verify_report(vf, "pack: key of %zu, record of %zu bytes",
                          key.len, body.len);
        return PHR_OK;
    }

    for (i = 0; i < pack.nchunks; i++) {

        if (phr_pack_chunk(&pack, i, &ref) != PHR_OK
            || phr_chunk_ref_times(&ref, t) != PHR_OK
            || phr_chunk_ref_check(&ref, vf->arena) != PHR_OK)
        {
            phr_verify_report(vf, "pack of series %u to %u: chunk %zu does "
                              "not decode", pk.first, pk.first + pk.span, i);
            continue;
        }

        for (k = 1; k < ref.n && t[k - 1] < t[k]; k++) {
            /* void */
        }

        if (k != ref.n || t[0] < phr_pack_key_min(&pk)
            || t[ref.n - 1] > phr_pack_key_max(&pk)
            || ref.sid > pk.first + pk.span
            || (i > 0 && phr_pack_sid(&pack, i - 1) > ref.sid))
        {
            phr_verify_report(vf, "pack of series %u to %u: chunk %zu is "
                              "not in order or not within the bounds of the "
                              "key", pk.first, pk.first + pk.span, i);
        }

        vf->result->nsamples += ref.starts ? 0 : ref.n;
    }

    return PHR_OK;
}


static int
phr_verify_window(phr_verify_t *vf, phr_str_t key, phr_str_t body)
{
    int           level;
    int32_t       window;
    phr_window_t  w;

    if (!phr_key_window_get(key, &level, &window)
        || phr_window_decode(body, &w) != PHR_OK || w.min_ms > w.max_ms)
    {
        phr_verify_report(vf, "window: key of %zu, record of %zu bytes",
                          key.len, body.len);
    }

    return PHR_OK;
}


static int
phr_verify_last(phr_verify_t *vf, phr_str_t key, phr_str_t body)
{
    size_t     i;
    uint8_t    skey[PHR_KEY_SERIES];
    int64_t    last[PHR_GROUP_SIZE];
    phr_str_t  found;
    phr_sid_t  sid;

    if (key.len != 4 || phr_group_decode(body, last) != PHR_OK) {
        phr_verify_report(vf, "group: key of %zu, record of %zu bytes",
                          key.len, body.len);
        return PHR_OK;
    }

    for (i = 0; i < PHR_GROUP_SIZE; i++) {
        sid = (phr_get_be32((const uint8_t *) key.data) << PHR_GROUP_SHIFT)
              + (phr_sid_t) i;
        phr_put_be32(skey, sid);
        phr_put_be16(skey + 4, 0);

        if (last[i] != PHR_LAST_NONE
            && phr_txn_get(vf->txn, PHR_DB_SERIES, skey, sizeof(skey),
                           &found, NULL) != PHR_OK)
        {
            phr_verify_report(vf, "series %u has a last time, but no labels",
                              sid);
        }
    }

    return PHR_OK;
}


static int
phr_verify_series(phr_verify_t *vf, phr_str_t key, phr_str_t body)
{
    int            rc;
    size_t         i;
    uint8_t        hkey[PHR_KEY_HASH];
    phr_err_t      err;
    phr_sid_t      sid;
    phr_str_t      enc, found;
    phr_labels_t   ls;

    if (key.len != PHR_KEY_SERIES) {
        phr_verify_report(vf, "series: key of %zu bytes", key.len);
        return PHR_OK;
    }

    if (phr_get_be16((const uint8_t *) key.data + 4) != 0) {
        return PHR_OK;
    }

    sid = phr_get_be32((const uint8_t *) key.data);

    rc = phr_series_encoding(vf->txn, sid, vf->arena, &enc, &err);
    if (rc == PHR_OK) {
        rc = phr_labels_decode(vf->arena, (const uint8_t *) enc.data,
                               enc.len, &ls);
    }

    if (rc != PHR_OK) {
        phr_verify_report(vf, "series %u: the labels are damaged", sid);
        return rc == PHR_ENOMEM ? rc : PHR_OK;
    }

    phr_put_be64(hkey, phr_text_hash(vf->txn, PHR_DB_HASH, enc));
    phr_put_be32(hkey + 8, sid);

    if (phr_txn_get(vf->txn, PHR_DB_HASH, hkey, sizeof(hkey), &found, NULL)
        != PHR_OK)
    {
        phr_verify_report(vf, "series %u is not found by its hash", sid);
    }

    for (i = 0; i < ls.n; i++) {
        rc = phr_verify_listed(vf, ls.l[i].name, ls.l[i].value, sid);

        if (rc != PHR_OK) {
            phr_verify_report(vf, "series %u is not listed under its label "
                              "\"%.*s\"", sid, (int) ls.l[i].name.len,
                              ls.l[i].name.data);
        }
    }

    return PHR_OK;
}


/* looks into the one record that must have it */
static int
phr_verify_listed(phr_verify_t *vf, phr_str_t name, phr_str_t value,
    phr_sid_t sid)
{
    int            rc;
    size_t         i;
    uint8_t        key[PHR_KEY_POST + 1];
    phr_str_t      k, v, body;
    phr_name_t     n;
    phr_pair_t     pair;
    phr_sids_t     ids;
    phr_cursor_t  *cursor;

    if (phr_name_find(vf->txn, name, &n, NULL) != PHR_OK
        || phr_pair_find(vf->txn, n.id, value, &pair, NULL) != PHR_OK
        || phr_cursor_open(vf->txn, PHR_DB_POST, &cursor, NULL) != PHR_OK)
    {
        return PHR_NOTFOUND;
    }

    phr_put_be32(key, pair.list);
    phr_put_be32(key + 4, sid);
    key[8] = 0;

    rc = phr_cursor_before(cursor, key, sizeof(key), &k, &v, NULL);
    phr_cursor_close(cursor);

    if (rc != PHR_OK || k.len != PHR_KEY_POST || memcmp(k.data, key, 4) != 0
        || phr_record_check(PHR_DB_POST, k, v, &body, NULL) != PHR_OK)
    {
        return PHR_NOTFOUND;
    }

    phr_sids_init(&ids, vf->arena);

    if (body.len < 6
        || phr_sids_reserve(&ids, phr_get_be16((const uint8_t *) body.data
                                               + 4)) != PHR_OK
        || phr_post_decode(phr_get_be32((const uint8_t *) k.data + 4), body,
                           &ids) != PHR_OK)
    {
        return PHR_NOTFOUND;
    }

    for (i = 0; i < ids.n; i++) {
        if (ids.v[i] == sid) {
            return PHR_OK;
        }
    }

    return PHR_NOTFOUND;
}


static int
phr_verify_hash(phr_verify_t *vf, phr_str_t key, phr_str_t body)
{
    uint8_t    skey[PHR_KEY_SERIES];
    phr_str_t  found;

    if (key.len != PHR_KEY_HASH) {
        phr_verify_report(vf, "hash: key of %zu bytes", key.len);
        return PHR_OK;
    }

    memcpy(skey, key.data + 8, 4);
    phr_put_be16(skey + 4, 0);

    if (phr_txn_get(vf->txn, PHR_DB_SERIES, skey, sizeof(skey), &found, NULL)
        != PHR_OK)
    {
        phr_verify_report(vf, "series %u has a hash, but no labels",
                          phr_get_be32(skey));
    }

    return PHR_OK;
}


static int
phr_verify_post(phr_verify_t *vf, phr_str_t key, phr_str_t body)
{
    phr_sids_t  ids;

    if (key.len != PHR_KEY_POST || body.len < 6) {
        phr_verify_report(vf, "list: key of %zu, record of %zu bytes",
                          key.len, body.len);
        return PHR_OK;
    }

    phr_sids_init(&ids, vf->arena);

    if (phr_sids_reserve(&ids, UINT16_MAX) != PHR_OK) {
        return PHR_ENOMEM;
    }

    if (phr_post_decode(phr_get_be32((const uint8_t *) key.data + 4), body,
                        &ids) != PHR_OK)
    {
        phr_verify_report(vf, "list %u: a record does not decode",
                          phr_get_be32((const uint8_t *) key.data));
    }

    return PHR_OK;
}


static int
phr_verify_coarse(phr_verify_t *vf, phr_str_t key, phr_str_t body)
{
    if (phr_coarse_page_check(key, body) != PHR_OK) {
        phr_verify_report(vf, "buckets: key of %zu, record of %zu bytes",
                          key.len, body.len);
    }

    return PHR_OK;
}


static int
phr_verify_exemplar(phr_verify_t *vf, phr_str_t key, phr_str_t body)
{
    if (!phr_exemplar_fits(key, body)) {
        phr_verify_report(vf, "exemplars: key of %zu, record of %zu bytes",
                          key.len, body.len);
    }

    return PHR_OK;
}
