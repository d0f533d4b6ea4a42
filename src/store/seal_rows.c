/*
 * Copyright (C) The Pharos Authors
 *
 * Seal, rows: those of a source are read column by column, and become the
 * chunks of its series.  Layouts that changed within the rows are joined by
 * series.
 */

#include "store/seal.h"

#include <stdlib.h>

#include "store/bits.h"
#include "store/row.h"
#include "store/series.h"


/* one piece of a layout: its rows, and their values by column */
typedef struct {
    uint32_t    layout;
    uint16_t    piece;
    size_t      nrows;
    size_t      ncols;
    int64_t     t_ms[PHR_SEAL_ROWS];
    double     *v;
    phr_sid_t  *sid;
} phr_seal_unit_t;

/* a series in a unit */
typedef struct {
    phr_sid_t         sid;
    uint32_t          col;
    phr_seal_unit_t  *unit;
} phr_seal_run_t;

typedef struct {
    phr_store_t    *st;
    phr_source_t   *src;
    phr_arena_t    *arena;
    phr_array_t     units;      /* of phr_seal_unit_t *, as in the keys */
    int64_t         to_ms;      /* the last row's time */
    size_t          ncols;      /* of all units */
    size_t          nruns;
    phr_seal_run_t *runs;
    int             one_layout;
    phr_row_first_t first;
} phr_seal_t;

/* of each row of each unit */
typedef int (*phr_seal_pt)(phr_seal_t *s, phr_seal_unit_t *u, size_t row,
    const phr_row_key_t *key, phr_err_t *err);


static int phr_seal_survey(phr_seal_t *s, phr_err_t *err);
static phr_seal_unit_t *phr_seal_unit(phr_seal_t *s, uint32_t layout,
    uint16_t piece);
static int phr_seal_read(phr_seal_t *s, phr_err_t *err);
static int phr_seal_layouts(phr_seal_t *s, phr_err_t *err);
static int phr_seal_each(phr_seal_t *s, phr_seal_pt visit, phr_err_t *err);
static int phr_seal_value(phr_seal_t *s, phr_seal_unit_t *u, size_t row,
    const phr_row_key_t *key, phr_err_t *err);
static int phr_seal_part(phr_seal_t *s, phr_err_t *err);
static int phr_seal_refers(phr_seal_t *s, phr_str_t k, phr_str_t v,
    const phr_row_key_t *key, phr_row_t *row);
static int phr_seal_delete(phr_seal_t *s, phr_seal_unit_t *u, size_t row,
    const phr_row_key_t *key, phr_err_t *err);
static int phr_seal_pack(phr_seal_t *s, phr_err_t *err);
static int phr_seal_series(phr_seal_t *s, phr_packer_t *packer,
    const phr_seal_run_t *run, size_t n, phr_err_t *err);
static int phr_seal_account(phr_seal_t *s, int partial, phr_err_t *err);
static int phr_seal_run_cmp(const void *a, const void *b);


#define phr_seal_unit_at(s, i)                                                \
    (*phr_array_get(&(s)->units, phr_seal_unit_t *, i))


int
phr_seal_rows(phr_store_t *st, phr_source_t *src, phr_err_t *err)
{
    int         rc, partial;
    size_t      i, ncols;
    phr_seal_t  s;

    memset(&s, 0, sizeof(s));
    s.st = st;
    s.src = src;
    s.arena = st->scratch;
    phr_arena_reset(s.arena);
    phr_array_init(&s.units, sizeof(phr_seal_unit_t *));

    partial = 0;

    rc = phr_seal_survey(&s, err);
    if (rc == PHR_OK) {
        rc = phr_seal_layouts(&s, err);
    }

    if (rc == PHR_OK && s.one_layout && s.ncols > PHR_SEAL_COLUMNS) {
        /* a wide source with one layout is packed piece by piece */

        ncols = 0;

        for (i = 0; i < s.units.nelts && ncols < PHR_SEAL_COLUMNS; i++) {
            ncols += phr_seal_unit_at(&s, i)->ncols;
        }

        partial = (i < s.units.nelts);
        s.units.nelts = i;
        s.ncols = ncols;
    }

    if (rc == PHR_OK) {
        rc = phr_seal_read(&s, err);
    }
    if (rc == PHR_OK) {
        rc = phr_seal_part(&s, err);
    }
    if (rc == PHR_OK) {
        rc = phr_seal_each(&s, phr_seal_delete, err);
    }
    if (rc == PHR_OK) {
        rc = phr_seal_pack(&s, err);
    }
    if (rc == PHR_OK) {
        rc = phr_seal_account(&s, partial, err);
    }

    phr_array_free(&s.units);

    return rc;
}


/* which rows, and of which units they are made */
static int
phr_seal_survey(phr_seal_t *s, phr_err_t *err)
{
    int               rc;
    size_t            ntimes;
    uint8_t           from[4];
    phr_str_t         k, v;
    phr_cursor_t     *cursor;
    phr_row_key_t     key;
    phr_seal_unit_t  *u;

    rc = phr_cursor_open(s->st->txn, PHR_DB_ROW, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_put_be32(from, s->src->id);
    ntimes = 0;
    s->one_layout = 1;

    rc = phr_cursor_seek(cursor, from, sizeof(from), &k, &v, err);

    while (rc == PHR_OK) {

        if (!phr_key_row_get(k, &key)) {
            rc = phr_err_set(err, PHR_ECORRUPT, "key of %zu bytes in \"row\"",
                             k.len);
            break;
        }

        /* rows that came since the first step wait for the next seal */

        if (key.source != s->src->id
            || (s->src->partial && key.t_ms > s->src->seal_to_ms))
        {
            break;
        }

        if (ntimes == 0 || key.t_ms != s->to_ms) {
            if (ntimes == PHR_SEAL_ROWS) {
                break;
            }

            s->to_ms = key.t_ms;
            ntimes++;
        }

        u = phr_seal_unit(s, key.layout, key.piece);
        if (u == NULL) {
            rc = phr_err_set(err, PHR_ENOMEM, "no memory");
            break;
        }

        u->t_ms[u->nrows++] = key.t_ms;

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


static phr_seal_unit_t *
phr_seal_unit(phr_seal_t *s, uint32_t layout, uint16_t piece)
{
    size_t            i, n;
    phr_seal_unit_t  *u, **slot;

    n = s->units.nelts;

    for (i = n; i > 0; i--) {
        u = phr_seal_unit_at(s, i - 1);

        if (u->layout == layout && u->piece == piece) {
            return u;
        }

        s->one_layout &= (u->layout == layout);
    }

    u = phr_arena_calloc(s->arena, 1, sizeof(phr_seal_unit_t));
    slot = u == NULL ? NULL : phr_array_push(&s->units);

    if (slot == NULL) {
        return NULL;
    }

    u->layout = layout;
    u->piece = piece;
    *slot = u;

    return u;
}


/* the series of the units */
static int
phr_seal_layouts(phr_seal_t *s, phr_err_t *err)
{
    int               rc;
    size_t            i, at;
    uint8_t           key[PHR_KEY_HEAD];
    uint32_t          loaded;
    phr_str_t         body;
    phr_sid_t        *sid;
    phr_head_t        h;
    phr_seal_unit_t  *u;

    sid = NULL;
    loaded = 0;
    h.n = 0;
    phr_put_be32(key, s->src->id);

    for (i = 0; i < s->units.nelts; i++) {
        u = phr_seal_unit_at(s, i);

        if (sid == NULL || u->layout != loaded) {
            phr_put_be32(key + 4, u->layout);

            rc = phr_record_get(s->st->txn, PHR_DB_HEAD, key, sizeof(key),
                                &body, err);
            if (rc < 0) {
                return rc;
            }

            if (rc == PHR_NOTFOUND
                || phr_head_decode(phr_str_from((char *) key, sizeof(key)),
                                   body, &h) != PHR_OK)
            {
                return phr_err_set(err, PHR_ECORRUPT, "layout %u of source "
                                   "%u", u->layout, s->src->id);
            }

            sid = phr_arena_alloc(s->arena, h.n * sizeof(phr_sid_t));
            if (sid == NULL) {
                return phr_err_set(err, PHR_ENOMEM, "no memory");
            }

            rc = phr_layout_read(s->st->txn, &h, sid, err);
            if (rc != PHR_OK) {
                return rc;
            }

            loaded = u->layout;
        }

        at = u->piece * phr_row_values(s->st->txn);

        if (at >= h.n) {
            return phr_err_set(err, PHR_ECORRUPT, "piece %u of a row of %u "
                               "values", u->piece, h.n);
        }

        u->sid = sid + at;
        u->ncols = phr_min(h.n - at, phr_row_values(s->st->txn));
        s->ncols += u->ncols;
    }

    return PHR_OK;
}


/* the values of the units, and the list of their series in order */
static int
phr_seal_read(phr_seal_t *s, phr_err_t *err)
{
    int               rc, sorted;
    size_t            i, c;
    phr_seal_unit_t  *u;

    s->runs = phr_arena_alloc(s->arena, s->ncols * sizeof(phr_seal_run_t));
    if (s->runs == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    sorted = 1;

    for (i = 0; i < s->units.nelts; i++) {
        u = phr_seal_unit_at(s, i);

        u->v = phr_arena_alloc(s->arena,
                               u->ncols * u->nrows * sizeof(double));
        if (u->v == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        for (c = 0; c < u->ncols; c++) {
            s->runs[s->nruns].sid = u->sid[c];
            s->runs[s->nruns].col = (uint32_t) c;
            s->runs[s->nruns].unit = u;

            sorted &= (s->nruns == 0
                       || s->runs[s->nruns - 1].sid < u->sid[c]);
            s->nruns++;
        }
    }

    rc = phr_seal_each(s, phr_seal_value, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (!sorted) {
        qsort(s->runs, s->nruns, sizeof(phr_seal_run_t), phr_seal_run_cmp);
    }

    return PHR_OK;
}


static int
phr_seal_each(phr_seal_t *s, phr_seal_pt visit, phr_err_t *err)
{
    int               rc;
    size_t            i, row;
    phr_row_key_t     key;
    phr_seal_unit_t  *u;

    key.source = s->src->id;
    rc = PHR_OK;

    for (i = 0; i < s->units.nelts; i++) {
        u = phr_seal_unit_at(s, i);
        key.layout = u->layout;
        key.piece = u->piece;

        for (row = 0; row < u->nrows && rc == PHR_OK; row++) {
            key.t_ms = u->t_ms[row];
            rc = visit(s, u, row, &key, err);
        }
    }

    return rc;
}


static int
phr_seal_value(phr_seal_t *s, phr_seal_unit_t *u, size_t row,
    const phr_row_key_t *key, phr_err_t *err)
{
    int        rc;
    double     v[PHR_ROW_VALUES];
    size_t     c;
    uint8_t    k[PHR_KEY_ROW];
    phr_row_t  opened;
    phr_str_t  body;

    phr_key_row(k, key);

    rc = phr_record_get(s->st->txn, PHR_DB_ROW, k, sizeof(k), &body, err);
    if (rc != PHR_OK) {
        return rc < 0 ? rc : phr_err_set(err, PHR_ECORRUPT, "a row of source "
                                         "%u is gone", key->source);
    }

    rc = phr_row_open(body, &opened);
    if (rc != PHR_OK || opened.n != u->ncols) {
        return phr_err_set(err, PHR_ECORRUPT, "row of source %u with %zu "
                           "values, expected %zu", key->source, opened.n,
                           u->ncols);
    }

    rc = phr_row_read(s->st->txn, key, &opened, &s->first, v, err);

    for (c = 0; c < u->ncols && rc == PHR_OK; c++) {
        u->v[c * u->nrows + row] = v[c];
    }

    return rc;
}


/* what stays refers to nothing that goes */
static int
phr_seal_part(phr_seal_t *s, phr_err_t *err)
{
    int            rc;
    double         v[PHR_ROW_VALUES];
    uint8_t        from[PHR_KEY_ROW];
    phr_row_t      row;
    phr_str_t      k, value;
    phr_cursor_t  *cursor;
    phr_row_key_t  key;

    rc = phr_cursor_open(s->st->txn, PHR_DB_ROW, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    key.source = s->src->id;
    key.t_ms = s->to_ms + 1;
    key.layout = 0;
    key.piece = 0;
    phr_key_row(from, &key);

    rc = phr_cursor_seek(cursor, from, sizeof(from), &k, &value, err);

    while (rc == PHR_OK && phr_key_row_get(k, &key)
           && key.source == s->src->id)
    {
        if (phr_seal_refers(s, k, value, &key, &row)) {

            rc = phr_row_read(s->st->txn, &key, &row, &s->first, v, err);
            if (rc == PHR_OK) {
                rc = phr_row_whole(s->st->txn, &key, v, row.n, err);
            }
            if (rc != PHR_OK) {
                break;
            }
        }

        rc = phr_cursor_next(cursor, &k, &value, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


/* a damaged one is left to whoever reads it */
static int
phr_seal_refers(phr_seal_t *s, phr_str_t k, phr_str_t v,
    const phr_row_key_t *key, phr_row_t *row)
{
    size_t            i;
    phr_str_t         body;
    phr_seal_unit_t  *u;

    if (v.len < PHR_CRC_SIZE) {
        return 0;
    }

    body = phr_str_from(v.data + PHR_CRC_SIZE, v.len - PHR_CRC_SIZE);

    if (phr_row_open(body, row) != PHR_OK || row->back_ms == 0
        || (uint64_t) key->t_ms - (uint64_t) s->to_ms > row->back_ms)
    {
        return 0;
    }

    for (i = 0; i < s->units.nelts; i++) {
        u = phr_seal_unit_at(s, i);

        if (u->layout == key->layout && u->piece == key->piece) {
            return phr_record_check(PHR_DB_ROW, k, v, &body, NULL) == PHR_OK;
        }
    }

    return 0;
}


static int
phr_seal_delete(phr_seal_t *s, phr_seal_unit_t *u, size_t row,
    const phr_row_key_t *key, phr_err_t *err)
{
    int      rc;
    uint8_t  k[PHR_KEY_ROW];

    phr_key_row(k, key);

    rc = phr_txn_del(s->st->txn, PHR_DB_ROW, k, sizeof(k), err);

    return rc < 0 ? rc : PHR_OK;
}


static int
phr_seal_run_cmp(const void *a, const void *b)
{
    const phr_seal_run_t  *x, *y;

    x = a;
    y = b;

    if (x->sid != y->sid) {
        return x->sid < y->sid ? -1 : 1;
    }

    return (x->unit->layout > y->unit->layout)
           - (x->unit->layout < y->unit->layout);
}


static int
phr_seal_pack(phr_seal_t *s, phr_err_t *err)
{
    int            rc;
    size_t         i, k;
    phr_packer_t  *packer;

    packer = phr_packer_create(s->st->txn, s->st->next.seal++);
    if (packer == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    rc = PHR_OK;

    for (i = 0; i < s->nruns && rc == PHR_OK; i = k) {
        for (k = i + 1; k < s->nruns && s->runs[k].sid == s->runs[i].sid;
             k++)
        {
            /* void */
        }

        rc = phr_seal_series(s, packer, s->runs + i, k - i, err);
    }

    if (rc == PHR_OK) {
        rc = phr_packer_finish(packer, err);
    }

    phr_packer_destroy(packer);

    return rc;
}


/* one series, from the n units that it is in */
static int
phr_seal_series(phr_seal_t *s, phr_packer_t *packer,
    const phr_seal_run_t *run, size_t n, phr_err_t *err)
{
    int                     rc;
    double                  v[PHR_SEAL_ROWS];
    size_t                  i, k, row, total;
    int64_t                 t_ms[PHR_SEAL_ROWS];
    phr_group_t            *g;
    const phr_seal_unit_t  *u;

    rc = phr_group_get(s->st, phr_group_of(run->sid), &g, err);
    if (rc != PHR_OK) {
        return rc;
    }

    /* what is left of a series that expired */
    if (g == NULL || g->last[run->sid % PHR_GROUP_SIZE] == PHR_LAST_NONE) {
        return PHR_OK;
    }

    rc = phr_group_touch(s->st, phr_group_of(run->sid), err);
    if (rc != PHR_OK) {
        return rc;
    }

    u = run->unit;

    if (n == 1) {
        return phr_seal_add(s->st, packer, run->sid, u->t_ms,
                            u->v + run->col * u->nrows, NULL, u->nrows, err);
    }

    /* times are those of rows, so all units together have no more */

    total = 0;

    for (i = 0; i < n; i++) {
        u = run[i].unit;

        for (row = 0; row < u->nrows; row++) {
            for (k = total; k > 0 && t_ms[k - 1] > u->t_ms[row]; k--) {
                /* void */
            }

            if (k > 0 && t_ms[k - 1] == u->t_ms[row]) {
                /* a clock that was set back: the later layout is the newer */
                v[k - 1] = u->v[run[i].col * u->nrows + row];
                continue;
            }

            memmove(t_ms + k + 1, t_ms + k, (total - k) * sizeof(int64_t));
            memmove(v + k + 1, v + k, (total - k) * sizeof(double));

            t_ms[k] = u->t_ms[row];
            v[k] = u->v[run[i].col * u->nrows + row];
            total++;
        }
    }

    return phr_seal_add(s->st, packer, run->sid, t_ms, v, NULL, total, err);
}


/* rows that are gone as a whole are counted off */
static int
phr_seal_account(phr_seal_t *s, int partial, phr_err_t *err)
{
    size_t            i, k;
    int64_t           now_ms;
    uint32_t          n, before;
    phr_layout_t     *l;
    phr_source_t     *src;
    phr_seal_unit_t  *u;

    src = s->src;
    before = src->nrows;
    now_ms = s->st->now_ms;

    for (i = 0; i < src->layouts.nelts; i++) {
        (*phr_array_get(&src->layouts, phr_layout_t *, i))->run = 0;
    }

    if (partial && !src->partial) {
        src->seal_to_ms = s->to_ms;
    }

    src->partial = (uint8_t) partial;

    if (partial) {
        return PHR_OK;
    }

    for (i = 0; i < src->layouts.nelts; i++) {
        l = *phr_array_get(&src->layouts, phr_layout_t *, i);
        n = 0;

        for (k = 0; k < s->units.nelts; k++) {
            u = phr_seal_unit_at(s, k);

            if (u->layout == l->id) {
                n = phr_max(n, (uint32_t) u->nrows);
            }
        }

        if (s->units.nelts == 0) {
            /* rows that were written twice were counted twice */
            n = l->nrows;
        }

        l->nrows -= phr_min(n, l->nrows);
        src->nrows -= phr_min(n, src->nrows);
    }

    if (s->units.nelts == 0) {
        src->nrows = 0;
    }

    src->threshold = PHR_SEAL_ROWS;

    if (src->nrows == 0 || src->arrival_ms == PHR_TIME_MIN
        || src->arrival_ms > now_ms)
    {
        src->arrival_ms = now_ms;

    } else {
        /* when each row came is not known: as if evenly */
        src->arrival_ms += (int64_t) ((double) (now_ms - src->arrival_ms)
                                      * (before - src->nrows) / before);
    }

    s->st->seal_source = src->id + 1;

    return phr_layouts_trim(s->st, src, err);
}
