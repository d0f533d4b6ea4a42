/*
 * Copyright (C) The Pharos Authors
 *
 * Coarse, delete: buckets go with the samples that are deleted.  A bucket of
 * which a part is to go goes as a whole, since nobody knows that part; where
 * the samples are still there, a mark has it made anew of those that stay.
 */

#include "store/coarse_delete.h"
#include "store/coarse_make.h"


/* in a step */
#define PHR_COARSE_VISITS   4096
#define PHR_COARSE_RECORDS  32


static int phr_coarse_delete_find(phr_coarse_delete_t *d,
    uint8_t (*key)[PHR_KEY_COARSE], size_t *n, phr_err_t *err);
static int phr_coarse_delete_record(phr_coarse_delete_t *d,
    const uint8_t *key, phr_err_t *err);
static int phr_coarse_delete_fill(phr_coarse_delete_t *d, phr_str_t key,
    phr_str_t body, phr_coarse_page_t *page, int *changed);
static int phr_coarse_delete_cut(const phr_coarse_delete_t *d,
    phr_coarse_t *c);


int
phr_coarse_delete_step(phr_coarse_delete_t *d, phr_err_t *err)
{
    int      rc, found;
    size_t   i, n;
    uint8_t  key[PHR_COARSE_RECORDS][PHR_KEY_COARSE];

    if (d->res == PHR_STORE_COARSE) {
        return PHR_OK;
    }

    found = phr_coarse_delete_find(d, key, &n, err);
    if (found < 0) {
        return found;
    }

    for (i = 0; i < n; i++) {
        rc = phr_coarse_delete_record(d, key[i], err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (found == PHR_OK) {
        d->resume = 0;
        d->res++;
    }

    return PHR_AGAIN;
}


/* records to look into; PHR_OK if these are the last, PHR_AGAIN */
static int
phr_coarse_delete_find(phr_coarse_delete_t *d,
    uint8_t (*key)[PHR_KEY_COARSE], size_t *n, phr_err_t *err)
{
    int            rc;
    size_t         nvisits;
    int64_t        start_ms;
    uint32_t       first;
    phr_str_t      k, v;
    phr_cursor_t  *cursor;

    *n = 0;

    rc = phr_cursor_open(d->st->txn, PHR_DB_COARSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (!d->resume) {
        phr_key_coarse(d->key, 0, phr_coarse_block(d->res, d->min_ms), d->res,
                       0);
    }

    rc = phr_cursor_seek(cursor, d->key, sizeof(d->key), &k, &v, err);

    for (nvisits = 0; rc == PHR_OK; nvisits++) {

        if (!phr_key_coarse_get(k, 0, d->res, &start_ms, &first)
            || start_ms >= d->max_ms)
        {
            rc = PHR_NOTFOUND;
            break;
        }

        if (nvisits == PHR_COARSE_VISITS || *n == PHR_COARSE_RECORDS) {
            memcpy(d->key, k.data, sizeof(d->key));
            d->resume = 1;
            rc = PHR_AGAIN;
            break;
        }

        if (d->any(d->data, first, first | (PHR_GROUP_SIZE - 1))) {
            memcpy(key[(*n)++], k.data, PHR_KEY_COARSE);
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc == PHR_NOTFOUND ? PHR_OK : rc;
}


static int
phr_coarse_delete_record(phr_coarse_delete_t *d, const uint8_t *key,
    phr_err_t *err)
{
    int                rc, changed;
    size_t             i;
    int64_t            start_ms;
    uint32_t           first;
    phr_str_t          k, body;
    phr_coarse_page_t  page[2];

    k.data = (const char *) key;
    k.len = PHR_KEY_COARSE;
    memset(page, 0, sizeof(page));

    rc = phr_record_get(d->st->txn, PHR_DB_COARSE, key, PHR_KEY_COARSE, &body,
                        err);
    if (rc < 0) {
        return rc;
    }

    if (rc == PHR_NOTFOUND
        || !phr_key_coarse_get(k, 0, d->res, &start_ms, &first))
    {
        return PHR_OK;
    }

    if (phr_coarse_delete_fill(d, k, body, page, &changed) != PHR_OK) {
        return phr_err_set(err, PHR_ECORRUPT, "damaged buckets from series "
                           "%u on", first);
    }

    if (!changed) {
        return PHR_OK;
    }

    rc = phr_txn_del(d->st->txn, PHR_DB_COARSE, key, PHR_KEY_COARSE, err);

    for (i = 0; i < 2 && rc >= 0; i++) {
        rc = phr_coarse_page_write(&page[i], d->st->txn, d->res, start_ms,
                                   err);
    }

    if (rc >= 0 && d->st->conf.coarse[d->res].after_ms != 0) {
        rc = phr_coarse_mark(d->st, d->res, start_ms, phr_group_of(first),
                             err);
    }

    return rc < 0 ? rc : PHR_OK;
}


/*
 * The record without what goes.  It may take a page more than before only if
 * another encoding of a column is longer, never two.
 */
static int
phr_coarse_delete_fill(phr_coarse_delete_t *d, phr_str_t key, phr_str_t body,
    phr_coarse_page_t *page, int *changed)
{
    int           rc;
    size_t        i, n, len;
    int64_t       start_ms;
    uint8_t       data[PHR_COARSE_BOUND];
    uint32_t      first;
    phr_sid_t     sid;
    phr_coarse_t  c;

    *changed = 0;

    if (phr_coarse_page_check(key, body) != PHR_OK) {
        return PHR_ECORRUPT;
    }

    (void) phr_key_coarse_get(key, 0, d->res, &start_ms, &first);
    n = phr_coarse_page_n(body);

    for (i = 0; i < n; i++) {
        sid = first + phr_coarse_page_sid(body, i);

        phr_coarse_init(&c, d->res, start_ms);

        rc = phr_coarse_page_find(body, first, sid, &c);
        if (rc != PHR_OK) {
            return PHR_ECORRUPT;
        }

        if (d->any(d->data, sid, sid) && phr_coarse_delete_cut(d, &c)) {
            *changed = 1;
        }

        if (c.n == 0) {
            continue;
        }

        len = phr_coarse_encode(&c, data);

        if (page[1].n > 0
            || phr_coarse_page_add(&page[0], sid, data, len) == PHR_FULL)
        {
            if (phr_coarse_page_add(&page[1], sid, data, len) != PHR_OK) {
                return PHR_ECORRUPT;
            }
        }
    }

    return PHR_OK;
}


/* not 0 if there were such buckets */
static int
phr_coarse_delete_cut(const phr_coarse_delete_t *d, phr_coarse_t *c)
{
    size_t   i, n;
    int64_t  end;

    for (i = 0, n = 0; i < c->n; i++) {
        end = phr_coarse_end(c, i);

        if (end >= d->min_ms && end - phr_coarse_ms(c->res) < d->max_ms) {
            continue;
        }

        c->place[n] = c->place[i];
        c->b[n] = c->b[i];
        n++;
    }

    i = c->n;
    c->n = n;

    return n < i;
}
