/*
 * Copyright (C) The Pharos Authors
 *
 * Newest: see newest.h.
 *
 * Mostly the last row of the source is there and says it all.  When it has
 * just been packed, wholly or in part, the samples of all series that the
 * known layouts of the source name are read instead.
 */

#include "store/newest.h"

#include <stdlib.h>

#include "store/hist_list.h"
#include "store/reader.h"
#include "store/row.h"
#include "store/series.h"


static int phr_newest_row(phr_store_t *st, phr_source_t *src,
    const phr_layout_t *l, phr_sids_t *found, phr_err_t *err);
static int phr_newest_samples(phr_store_t *st, phr_source_t *src,
    int64_t min_ms, int64_t max_ms, phr_sids_t *found, phr_err_t *err);
static int phr_newest_layouts(phr_store_t *st, phr_source_t *src,
    phr_sids_t *sids, phr_err_t *err);
static int phr_newest_hists(phr_store_t *st, phr_source_t *src,
    int64_t min_ms, int64_t max_ms, phr_sids_t *found, phr_err_t *err);
static int phr_newest_take(phr_store_t *st, phr_sids_t *found, phr_sid_t sid,
    int64_t t_ms, double v, phr_err_t *err);
static int phr_sid_cmp(const void *a, const void *b);


int
phr_source_newest(phr_store_t *st, uint32_t source, int64_t min_ms,
    int64_t max_ms, int (*visit)(void *data, phr_sid_t sid), void *data,
    phr_err_t *err)
{
    int            rc;
    size_t         i;
    phr_sids_t     found;
    phr_layout_t  *l, *last;
    phr_source_t  *src;

    rc = phr_source_get(st, source, &src, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_arena_reset(st->scratch);
    phr_sids_init(&found, st->scratch);

    last = NULL;

    for (i = 0; i < src->layouts.nelts; i++) {
        l = *phr_array_get(&src->layouts, phr_layout_t *, i);

        if (l->nrows != 0 && (last == NULL || l->last_ms > last->last_ms)) {
            last = l;
        }
    }

    if (last != NULL && last->last_ms < min_ms) {
        return PHR_OK;
    }

    rc = PHR_NOTFOUND;

    if (last != NULL && last->last_ms <= max_ms) {
        rc = phr_newest_row(st, src, last, &found, err);
    }

    if (rc == PHR_NOTFOUND) {
        found.n = 0;
        rc = phr_newest_samples(st, src, min_ms, max_ms, &found, err);
    }

    if (rc == PHR_OK) {
        if (last != NULL && last->last_ms <= max_ms) {
            min_ms = last->last_ms;
            max_ms = last->last_ms;
        }

        rc = phr_newest_hists(st, src, min_ms, max_ms, &found, err);
    }

    for (i = 0; i < found.n && rc == PHR_OK; i++) {
        rc = visit(data, found.v[i]);
    }

    return rc;
}


/* PHR_NOTFOUND if the row is not whole */

static int
phr_newest_row(phr_store_t *st, phr_source_t *src, const phr_layout_t *l,
    phr_sids_t *found, phr_err_t *err)
{
    int              rc;
    double           v[PHR_ROW_VALUES];
    size_t           at, i;
    uint8_t          key[PHR_KEY_ROW];
    phr_str_t        body;
    phr_sid_t       *sid;
    phr_row_t        row;
    phr_row_key_t    rk;
    phr_row_first_t  first;

    rc = phr_layout_sids(st, src, l, &sid, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rk.source = src->id;
    rk.t_ms = l->last_ms;
    rk.layout = l->id;
    rk.piece = 0;
    phr_row_first_init(&first, NULL, 0);

    for (at = 0; at < l->n; at += row.n) {
        phr_key_row(key, &rk);

        rc = phr_record_get(st->txn, PHR_DB_ROW, key, sizeof(key), &body,
                            err);
        if (rc != PHR_OK) {
            return rc;
        }

        if (phr_row_open(body, &row) != PHR_OK || row.n == 0
            || row.n > l->n - at)
        {
            return phr_err_set(err, PHR_ECORRUPT, "damaged row of source %u",
                               src->id);
        }

        rc = phr_row_read(st->txn, &rk, &row, &first, v, err);
        if (rc != PHR_OK) {
            return rc;
        }

        rk.piece++;

        for (i = 0; i < row.n; i++) {
            rc = phr_newest_take(st, found, sid[at + i], l->last_ms, v[i],
                                 err);
            if (rc != PHR_OK) {
                return rc;
            }
        }
    }

    return PHR_OK;
}


static int
phr_newest_samples(phr_store_t *st, phr_source_t *src, int64_t min_ms,
    int64_t max_ms, phr_sids_t *found, phr_err_t *err)
{
    int             rc;
    phr_sids_t      sids;
    phr_reader_t   *reader;
    phr_columns_t   c;

    phr_sids_init(&sids, st->scratch);

    rc = phr_newest_layouts(st, src, &sids, err);
    if (rc != PHR_OK || sids.n == 0) {
        return rc;
    }

    rc = phr_reader_create(st->txn, sids.v, sids.n, min_ms, max_ms, &reader,
                           err);
    if (rc != PHR_OK) {
        return rc;
    }

    for ( ;; ) {
        rc = phr_reader_next(reader, &c, err);
        if (rc != PHR_OK) {
            break;
        }

        if (c.n != 0) {
            rc = phr_newest_take(st, found, c.sid, c.t_ms[c.n - 1],
                                 c.v[c.n - 1], err);
            if (rc != PHR_OK) {
                break;
            }
        }
    }

    phr_reader_destroy(reader);

    return rc == PHR_DONE ? PHR_OK : rc;
}


/* the series of all layouts, sorted, each once */

static int
phr_newest_layouts(phr_store_t *st, phr_source_t *src, phr_sids_t *sids,
    phr_err_t *err)
{
    int            rc;
    size_t         i, n;
    phr_head_t     h;
    phr_layout_t  *l;

    for (i = 0; i < src->layouts.nelts; i++) {
        l = *phr_array_get(&src->layouts, phr_layout_t *, i);

        h.source = src->id;
        h.id = l->id;
        h.n = l->n;

        rc = phr_sids_reserve(sids, l->n);
        if (rc != PHR_OK) {
            return phr_err_set(err, rc, "no memory");
        }

        rc = phr_layout_read(st->txn, &h, sids->v + sids->n, err);
        if (rc != PHR_OK) {
            return rc;
        }

        sids->n += l->n;
    }

    if (sids->n == 0) {
        return PHR_OK;
    }

    qsort(sids->v, sids->n, sizeof(phr_sid_t), phr_sid_cmp);

    for (i = 1, n = 1; i < sids->n; i++) {
        if (sids->v[i] != sids->v[n - 1]) {
            sids->v[n++] = sids->v[i];
        }
    }

    sids->n = n;

    return PHR_OK;
}


/*
 * Histograms are in no row, so one that did not end has no marker there.  The
 * list says which the last batch had.
 */

static int
phr_newest_hists(phr_store_t *st, phr_source_t *src, int64_t min_ms,
    int64_t max_ms, phr_sids_t *found, phr_err_t *err)
{
    int           rc;
    size_t        i;
    int64_t       last_ms;
    phr_sids_t    sids;
    phr_group_t  *g;

    phr_sids_init(&sids, st->scratch);

    rc = phr_hist_list_read(st, src->id, &sids, err);

    for (i = 0; i < sids.n && rc == PHR_OK; i++) {

        rc = phr_group_get(st, phr_group_of(sids.v[i]), &g, err);
        if (rc != PHR_OK) {
            return rc;
        }

        last_ms = g == NULL ? PHR_LAST_NONE
                            : g->last[sids.v[i] % PHR_GROUP_SIZE];

        if (last_ms == PHR_LAST_NONE || last_ms < min_ms || last_ms > max_ms)
        {
            continue;
        }

        rc = phr_sids_reserve(found, 1);
        if (rc != PHR_OK) {
            return phr_err_set(err, rc, "no memory");
        }

        found->v[found->n++] = sids.v[i];
    }

    return rc;
}


/* not what has ended, nor what another source has written since */

static int
phr_newest_take(phr_store_t *st, phr_sids_t *found, phr_sid_t sid,
    int64_t t_ms, double v, phr_err_t *err)
{
    int           rc;
    phr_group_t  *g;

    if (phr_is_stale(v)) {
        return PHR_OK;
    }

    rc = phr_group_get(st, phr_group_of(sid), &g, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (g == NULL || g->last[sid % PHR_GROUP_SIZE] != t_ms) {
        return PHR_OK;
    }

    rc = phr_sids_reserve(found, 1);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "no memory");
    }

    found->v[found->n++] = sid;

    return PHR_OK;
}


static int
phr_sid_cmp(const void *a, const void *b)
{
    phr_sid_t  x, y;

    x = *(const phr_sid_t *) a;
    y = *(const phr_sid_t *) b;

    return x < y ? -1 : x > y;
}
