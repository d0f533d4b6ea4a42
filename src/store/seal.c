/*
 * Copyright (C) The Pharos Authors
 *
 * Seal: see seal.h.
 *
 * The rows of a source are sealed when there are PHR_SEAL_ROWS of them, or
 * when the oldest came PHR_SEAL_AGE_MS ago: by the clock, not by its time,
 * so that history being loaded is packed as well as what is scraped.  Loose
 * samples are sealed by group, when there are about as many of each series.
 */

#include "store/seal.h"

#include <stdlib.h>

#include "store/bits.h"
#include "store/block.h"
#include "store/keep.h"
#include "store/loose.h"
#include "store/row.h"
#include "store/series.h"


/* loose samples that one step packs at most */
#define PHR_SEAL_LOOSE    131072


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
} phr_seal_t;


static int phr_store_nudge(phr_store_t *st);
static int phr_seal_due_source(phr_store_t *st, phr_source_t **src,
    int64_t now_ms);
static int phr_seal_due_group(phr_store_t *st, uint32_t *number,
    int64_t now_ms);
static int phr_seal_survey(phr_seal_t *s, phr_err_t *err);
static phr_seal_unit_t *phr_seal_unit(phr_seal_t *s, uint32_t layout,
    uint16_t piece);
static int phr_seal_read(phr_seal_t *s, phr_err_t *err);
static int phr_seal_layouts(phr_seal_t *s, phr_err_t *err);
static int phr_seal_values(phr_seal_t *s, phr_err_t *err);
static int phr_seal_delete(phr_seal_t *s, phr_err_t *err);
static int phr_seal_pack(phr_seal_t *s, phr_err_t *err);
static int phr_seal_series(phr_seal_t *s, phr_packer_t *packer,
    const phr_seal_run_t *run, size_t n, phr_err_t *err);
static int phr_seal_add(phr_store_t *st, phr_packer_t *packer, phr_sid_t sid,
    const int64_t *t_ms, const double *v, size_t n, phr_err_t *err);
static int phr_seal_account(phr_seal_t *s, int partial, phr_err_t *err);
static int phr_seal_run_cmp(const void *a, const void *b);
static int phr_seal_loose_read(phr_store_t *st, uint32_t number,
    phr_array_t *samples, uint64_t *last, phr_err_t *err);
static int phr_seal_loose_delete(phr_store_t *st, uint32_t number,
    uint64_t last, phr_err_t *err);
static int phr_seal_loose_pack(phr_store_t *st, phr_group_t *g,
    phr_loose_t *s, size_t n, phr_err_t *err);

#define phr_seal_unit_at(s, i)                                                \
    (*phr_array_get(&(s)->units, phr_seal_unit_t *, i))


int
phr_store_seal(phr_store_t *st, int64_t now_ms, phr_err_t *err)
{
    int            rc;
    uint32_t       number;
    phr_group_t   *g;
    phr_source_t  *src;

    phr_assert(st->txn == NULL);

    phr_store_tell(st, now_ms);

    if (st->warm && !phr_seal_due_source(st, &src, now_ms)
        && !phr_seal_due_group(st, &number, now_ms))
    {
        return PHR_OK;
    }

    rc = phr_txn_begin(st->env, 1, &st->txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_store_warm(st, err);

    if (rc == PHR_OK && phr_seal_due_source(st, &src, now_ms)) {
        rc = phr_seal_rows(st, src, err);

        if (rc < 0) {
            /* a damaged row must not keep the others from their turn */
            st->seal_source++;
        }

    } else if (rc == PHR_OK && phr_seal_due_group(st, &number, now_ms)) {
        rc = phr_group_get(st, number, &g, err);

        if (rc == PHR_OK) {
            rc = phr_seal_loose(st, number, g, err);
        }

        if (rc < 0) {
            st->seal_group++;
        }

    } else if (rc == PHR_OK) {
        /* it was only read what there is to do */
        return phr_store_end(st, PHR_OK, err);
    }

    rc = phr_store_end(st, rc, err);

    if (rc == PHR_ENOSPC && !st->nudged && phr_store_nudge(st) == PHR_OK) {
        return PHR_AGAIN;
    }

    if (rc != PHR_OK) {
        return rc;
    }

    st->nudged = 0;

    pthread_mutex_lock(&st->mutex);
    st->stats.nseals++;
    pthread_mutex_unlock(&st->mutex);

    return PHR_AGAIN;
}


/*
 * Pages that a transaction gave back serve the one after the next.  In a
 * full map nothing else may ever commit, so a transaction of almost nothing
 * is made for that; once, until a step succeeds.
 */
static int
phr_store_nudge(phr_store_t *st)
{
    int  rc;

    st->nudged = 1;

    rc = phr_txn_begin(st->env, 1, &st->txn, NULL);
    if (rc != PHR_OK) {
        return rc;
    }

    /* writes the counters, which are never the same after a failure */
    return phr_store_end(st, PHR_OK, NULL);
}


static int
phr_seal_due_source(phr_store_t *st, phr_source_t **out, int64_t now_ms)
{
    size_t         i, k, n;
    phr_source_t  *src;

    n = st->sources.nelts;

    for (i = 0; i < n; i++) {
        k = (st->seal_source + i) % n;
        src = *phr_slot(&st->sources, k);

        if (src == NULL || src->nrows == 0) {
            continue;
        }

        if (src->arrival_ms == PHR_TIME_MIN || src->arrival_ms > now_ms) {
            /* not known, or the clock was set back */
            src->arrival_ms = now_ms;
        }

        if (src->partial || src->nrows >= src->threshold
            || now_ms - src->arrival_ms >= PHR_SEAL_AGE_MS)
        {
            /* a source in steps goes on first, then it is another's turn */
            st->seal_source = (uint32_t) k;
            *out = src;
            return 1;
        }
    }

    return 0;
}


static int
phr_seal_due_group(phr_store_t *st, uint32_t *number, int64_t now_ms)
{
    size_t        i, k, n;
    uint32_t      nseries;
    phr_group_t  *g;

    n = st->groups.nelts;

    for (i = 0; i < n; i++) {
        g = *phr_slot(&st->groups, (st->seal_group + i) % n);

        if (g == NULL || g->nloose == 0) {
            continue;
        }

        if (g->loose_ms == PHR_TIME_MIN || g->loose_ms > now_ms) {
            g->loose_ms = now_ms;
        }

        if (now_ms - g->loose_ms < PHR_SEAL_AGE_MS) {

            if (g->nloose < PHR_SEAL_ROWS) {
                continue;
            }

            nseries = 0;

            for (k = 0; k < PHR_GROUP_SIZE; k++) {
                nseries += (g->last[k] != PHR_LAST_NONE);
            }

            if (g->nloose < PHR_SEAL_ROWS * phr_max(nseries, 8)) {
                continue;
            }
        }

        *number = (uint32_t) ((st->seal_group + i) % n);
        st->seal_group = *number;

        return 1;
    }

    return 0;
}


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
        rc = phr_seal_delete(&s, err);
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

        at = (size_t) u->piece * PHR_ROW_VALUES;

        if (at >= h.n) {
            return phr_err_set(err, PHR_ECORRUPT, "piece %u of a row of %u "
                               "values", u->piece, h.n);
        }

        u->sid = sid + at;
        u->ncols = phr_min(h.n - at, PHR_ROW_VALUES);
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

    rc = phr_seal_values(s, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (!sorted) {
        qsort(s->runs, s->nruns, sizeof(phr_seal_run_t), phr_seal_run_cmp);
    }

    return PHR_OK;
}


static int
phr_seal_values(phr_seal_t *s, phr_err_t *err)
{
    int               rc;
    size_t            i, c, n, row;
    uint8_t           key[PHR_KEY_ROW];
    phr_str_t         body;
    const uint8_t    *p;
    phr_row_key_t     rk;
    phr_seal_unit_t  *u;

    rk.source = s->src->id;

    for (i = 0; i < s->units.nelts; i++) {
        u = phr_seal_unit_at(s, i);
        rk.layout = u->layout;
        rk.piece = u->piece;

        for (row = 0; row < u->nrows; row++) {
            rk.t_ms = u->t_ms[row];
            phr_key_row(key, &rk);

            rc = phr_record_get(s->st->txn, PHR_DB_ROW, key, sizeof(key),
                                &body, err);
            if (rc != PHR_OK) {
                return rc < 0 ? rc : phr_err_set(err, PHR_ECORRUPT, "a row "
                                                 "of source %u is gone",
                                                 s->src->id);
            }

            rc = phr_row_decode(body, &p, &n);
            if (rc != PHR_OK || n != u->ncols) {
                return phr_err_set(err, PHR_ECORRUPT, "row of source %u with "
                                   "%zu values, expected %zu", s->src->id,
                                   n, u->ncols);
            }

            for (c = 0; c < n; c++) {
                u->v[c * u->nrows + row] = phr_double_from_bits(
                                            phr_load64(p + 8 * c));
            }
        }
    }

    return PHR_OK;
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
phr_seal_delete(phr_seal_t *s, phr_err_t *err)
{
    int               rc;
    size_t            i, row;
    uint8_t           key[PHR_KEY_ROW];
    phr_row_key_t     rk;
    phr_seal_unit_t  *u;

    rk.source = s->src->id;

    for (i = 0; i < s->units.nelts; i++) {
        u = phr_seal_unit_at(s, i);
        rk.layout = u->layout;
        rk.piece = u->piece;

        for (row = 0; row < u->nrows; row++) {
            rk.t_ms = u->t_ms[row];
            phr_key_row(key, &rk);

            rc = phr_txn_del(s->st->txn, PHR_DB_ROW, key, sizeof(key), err);
            if (rc < 0) {
                return rc;
            }
        }
    }

    return PHR_OK;
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
                            u->v + run->col * u->nrows, u->nrows, err);
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

    return phr_seal_add(s->st, packer, run->sid, t_ms, v, total, err);
}


/* to the packer goes what is not too old by now */
static int
phr_seal_add(phr_store_t *st, phr_packer_t *packer, phr_sid_t sid,
    const int64_t *t_ms, const double *v, size_t n, phr_err_t *err)
{
    int      rc;
    size_t   i;
    int64_t  floor_ms;

    i = 0;

    if (n > 0 && t_ms[0] < st->keep.high_ms) {
        rc = phr_keep_series(&st->keep, st->txn, sid, st->scratch, &floor_ms,
                             err);
        if (rc != PHR_OK) {
            return rc < 0 ? rc : PHR_OK;
        }

        while (i < n && t_ms[i] < floor_ms) {
            i++;
        }
    }

    return i < n ? phr_packer_add(packer, sid, t_ms + i, v + i, n - i, err)
                 : PHR_OK;
}


/* rows that are gone as a whole are counted off */
static int
phr_seal_account(phr_seal_t *s, int partial, phr_err_t *err)
{
    size_t            i, k;
    uint32_t          n;
    phr_layout_t     *l;
    phr_source_t     *src;
    phr_seal_unit_t  *u;

    src = s->src;

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
    src->arrival_ms = s->st->now_ms;
    s->st->seal_source = src->id + 1;

    return phr_layouts_trim(s->st, src, err);
}


int
phr_seal_loose(phr_store_t *st, uint32_t number, phr_group_t *g,
    phr_err_t *err)
{
    int           rc;
    uint64_t      last;
    phr_array_t   samples;

    if (g == NULL) {
        return phr_err_set(err, PHR_ECORRUPT, "samples of group %u, which "
                           "does not exist", number);
    }

    phr_array_init(&samples, sizeof(phr_loose_t));

    rc = phr_seal_loose_read(st, number, &samples, &last, err);

    if (rc == PHR_OK && samples.nelts > 0) {
        rc = phr_seal_loose_delete(st, number, last, err);

        if (rc == PHR_OK) {
            rc = phr_seal_loose_pack(st, g, samples.elts, samples.nelts, err);
        }

        if (rc == PHR_OK) {
            rc = phr_group_touch(st, number, err);
        }
    }

    if (rc == PHR_OK) {
        g->nloose -= phr_min(g->nloose, (uint32_t) samples.nelts);

        if (samples.nelts == 0) {
            g->nloose = 0;
        }

        if (g->nloose == 0) {
            st->seal_group = number + 1;
        }
    }

    phr_array_free(&samples);

    return rc;
}


/* the oldest records of a group; *last is the number of the last one read */
static int
phr_seal_loose_read(phr_store_t *st, uint32_t number, phr_array_t *samples,
    uint64_t *last, phr_err_t *err)
{
    int            rc;
    size_t         i, n;
    uint8_t        key[PHR_KEY_LOOSE];
    phr_str_t      k, v, body;
    phr_loose_t    s[PHR_LOOSE_MAX], *out;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(st->txn, PHR_DB_LOOSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_put_be32(key, number);
    phr_put_be64(key + 4, 0);
    *last = 0;

    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    while (rc == PHR_OK && k.len == PHR_KEY_LOOSE
           && memcmp(k.data, key, 4) == 0
           && samples->nelts < PHR_SEAL_LOOSE)
    {
        rc = phr_record_check(PHR_DB_LOOSE, k, v, &body, err);
        if (rc != PHR_OK) {
            break;
        }

        rc = phr_loose_decode(number, body, s, &n);
        if (rc != PHR_OK) {
            rc = phr_err_set(err, rc, "damaged samples of group %u", number);
            break;
        }

        out = phr_array_push_n(samples, n);
        if (out == NULL) {
            rc = phr_err_set(err, PHR_ENOMEM, "no memory");
            break;
        }

        for (i = 0; i < n; i++) {
            out[i] = s[i];
            out[i].at = (uint32_t) (samples->nelts - n + i);
        }

        *last = phr_get_be64((const uint8_t *) k.data + 4);

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


static int
phr_seal_loose_delete(phr_store_t *st, uint32_t number, uint64_t last,
    phr_err_t *err)
{
    int            rc;
    uint8_t        key[PHR_KEY_LOOSE];
    phr_str_t      k, v;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(st->txn, PHR_DB_LOOSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_put_be32(key, number);
    phr_put_be64(key + 4, 0);

    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    while (rc == PHR_OK && k.len == PHR_KEY_LOOSE
           && memcmp(k.data, key, 4) == 0
           && phr_get_be64((const uint8_t *) k.data + 4) <= last)
    {
        rc = phr_cursor_del(cursor, err);

        if (rc == PHR_OK) {
            rc = phr_cursor_next(cursor, &k, &v, err);
        }
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


static int
phr_seal_loose_pack(phr_store_t *st, phr_group_t *g, phr_loose_t *s,
    size_t n, phr_err_t *err)
{
    int            rc;
    double        *v;
    size_t         i, k, m;
    int64_t       *t_ms;
    phr_packer_t  *packer;

    phr_arena_reset(st->scratch);

    t_ms = phr_arena_alloc(st->scratch, n * sizeof(int64_t));
    v = phr_arena_alloc(st->scratch, n * sizeof(double));
    packer = phr_packer_create(st->txn, st->next.seal++);

    if (t_ms == NULL || v == NULL || packer == NULL) {
        phr_packer_destroy(packer);
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    phr_loose_sort(s, n);
    rc = PHR_OK;

    for (i = 0; i < n && rc == PHR_OK; i = k) {
        m = 0;

        for (k = i; k < n && s[k].sid == s[i].sid; k++) {
            if (m > 0 && t_ms[m - 1] == s[k].t_ms) {
                v[m - 1] = s[k].v;
                continue;
            }

            t_ms[m] = s[k].t_ms;
            v[m] = s[k].v;
            m++;
        }

        if (g->last[s[i].sid % PHR_GROUP_SIZE] != PHR_LAST_NONE) {
            rc = phr_seal_add(st, packer, s[i].sid, t_ms, v, m, err);
        }
    }

    if (rc == PHR_OK) {
        rc = phr_packer_finish(packer, err);
    }

    phr_packer_destroy(packer);

    return rc;
}
