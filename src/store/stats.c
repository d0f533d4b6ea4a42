/*
 * Copyright (C) The Pharos Authors
 *
 * Store, its figures: size, range of time, and what is largest in the index.
 */

#include "store/block.h"
#include "store/index.h"
#include "store/internal.h"
#include "store/loose.h"
#include "store/row.h"


typedef struct {
    phr_txn_t        *txn;
    phr_arena_t      *arena;
    phr_store_top_e   kind;
    phr_str_t         name;     /* of the pairs being visited */
    phr_store_top_t  *top;
    size_t            n;
    size_t            max;
    phr_err_t        *err;
} phr_top_ctx_t;


static void phr_stats_range(phr_txn_t *txn, phr_store_stats_t *s);
static void phr_stats_windows(phr_txn_t *txn, phr_store_stats_t *s,
    int *any);
static void phr_stats_rows(phr_txn_t *txn, phr_store_stats_t *s, int *any);
static void phr_stats_loose(phr_txn_t *txn, phr_store_stats_t *s, int *any);
static void phr_stats_extend(phr_store_stats_t *s, int64_t min_ms,
    int64_t max_ms, int *any);
static int phr_top_visit_name(void *data, phr_str_t name,
    const phr_name_t *n);
static int phr_top_visit_pair(void *data, phr_str_t value,
    const phr_pair_t *pair);
static int phr_top_add(phr_top_ctx_t *ctx, phr_str_t name, phr_str_t value,
    uint64_t n);


void
phr_store_stats(phr_store_t *st, phr_store_stats_t *stats)
{
    phr_txn_t       *txn;
    phr_keep_t       keep;
    phr_db_stat_t    s;
    phr_env_stat_t   e;
    phr_env_disk_t   d;

    pthread_mutex_lock(&st->mutex);
    *stats = st->stats;
    keep = st->shown;
    pthread_mutex_unlock(&st->mutex);

    if (phr_txn_begin(st->env, 0, &txn, NULL) != PHR_OK) {
        return;
    }

    if (phr_txn_stat(txn, PHR_DB_HASH, &s, NULL) == PHR_OK) {
        stats->nseries = s.nentries;
    }

    /* each name has a list under the empty value besides */

    if (phr_txn_stat(txn, PHR_DB_PAIR, &s, NULL) == PHR_OK) {
        stats->nlabel_pairs = s.nentries;
    }

    if (phr_txn_stat(txn, PHR_DB_NAME, &s, NULL) == PHR_OK) {
        stats->nlabel_pairs -= phr_min(s.nentries, stats->nlabel_pairs);
    }

    if (phr_txn_stat(txn, PHR_DB_PACK, &s, NULL) == PHR_OK) {
        stats->npacks = s.nentries;
    }

    if (phr_txn_stat(txn, PHR_DB_ROW, &s, NULL) == PHR_OK) {
        stats->nrows = s.nentries;
    }

    if (phr_txn_stat(txn, PHR_DB_LOOSE, &s, NULL) == PHR_OK) {
        stats->nrows += s.nentries;
    }

    if (phr_env_stat(st->env, txn, &e, NULL) == PHR_OK) {
        stats->file_bytes = e.file_bytes;
        stats->used_bytes = e.used_bytes;
        stats->map_bytes = e.map_bytes;
    }

    if (phr_env_disk(st->env, &d, NULL) == PHR_OK) {
        stats->disk_free_bytes = d.free_bytes;
    }

    phr_stats_range(txn, stats);

    if (stats->min_ms != stats->max_ms) {
        stats->min_ms = phr_min(phr_max(stats->min_ms, keep.low_ms),
                                stats->max_ms);
    }

    phr_txn_abort(txn);
}


static void
phr_stats_range(phr_txn_t *txn, phr_store_stats_t *s)
{
    int  any;

    any = 0;
    s->min_ms = 0;
    s->max_ms = 0;

    phr_stats_windows(txn, s, &any);
    phr_stats_rows(txn, s, &any);
    phr_stats_loose(txn, s, &any);
}


static void
phr_stats_extend(phr_store_stats_t *s, int64_t min_ms, int64_t max_ms,
    int *any)
{
    if (!*any) {
        s->min_ms = min_ms;
        s->max_ms = max_ms;
        *any = 1;
        return;
    }

    s->min_ms = phr_min(s->min_ms, min_ms);
    s->max_ms = phr_max(s->max_ms, max_ms);
}


/* the first window of each level, and the last two, which may overlap */
static void
phr_stats_windows(phr_txn_t *txn, phr_store_stats_t *s, int *any)
{
    int            level, i, rc;
    uint8_t        key[PHR_KEY_WINDOW];
    phr_str_t      k, v, body;
    phr_window_t   w;
    phr_cursor_t  *cursor;

    if (phr_cursor_open(txn, PHR_DB_WINDOW, &cursor, NULL) != PHR_OK) {
        return;
    }

    for (level = 0; level < PHR_NLEVELS; level++) {
        phr_key_window(key, level, INT32_MIN);
        rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, NULL);

        for (i = 0; i < 3 && rc == PHR_OK; i++) {

            if ((uint8_t) k.data[0] != level) {
                break;
            }

            if (phr_record_check(PHR_DB_WINDOW, k, v, &body, NULL) == PHR_OK
                && phr_window_decode(body, &w) == PHR_OK)
            {
                phr_stats_extend(s, w.min_ms, w.max_ms, any);
            }

            if (i == 0) {
                key[0] = (uint8_t) (level + 1);
                memset(key + 1, 0, sizeof(key) - 1);
                rc = phr_cursor_before(cursor, key, sizeof(key), &k, &v,
                                       NULL);
            } else {
                rc = phr_cursor_prev(cursor, &k, &v, NULL);
            }
        }
    }

    phr_cursor_close(cursor);
}


/* the first and the last row of each source */
static void
phr_stats_rows(phr_txn_t *txn, phr_store_stats_t *s, int *any)
{
    int             rc;
    uint8_t         key[4];
    phr_str_t       k, v;
    phr_cursor_t   *cursor;
    phr_row_key_t   first, last;

    if (phr_cursor_open(txn, PHR_DB_ROW, &cursor, NULL) != PHR_OK) {
        return;
    }

    rc = phr_cursor_first(cursor, &k, &v, NULL);

    while (rc == PHR_OK && phr_key_row_get(k, &first)) {
        phr_put_be32(key, first.source + 1);

        rc = phr_cursor_before(cursor, key, sizeof(key), &k, &v, NULL);

        if (rc == PHR_OK && phr_key_row_get(k, &last)) {
            phr_stats_extend(s, first.t_ms, last.t_ms, any);
            rc = phr_cursor_next(cursor, &k, &v, NULL);
        }
    }

    phr_cursor_close(cursor);
}


/* the first and the last record of each group say enough for a figure */
static void
phr_stats_loose(phr_txn_t *txn, phr_store_stats_t *s, int *any)
{
    int                rc;
    uint8_t            key[4];
    phr_str_t          k, v, body;
    phr_cursor_t      *cursor;
    phr_loose_head_t   h;

    if (phr_cursor_open(txn, PHR_DB_LOOSE, &cursor, NULL) != PHR_OK) {
        return;
    }

    rc = phr_cursor_first(cursor, &k, &v, NULL);

    while (rc == PHR_OK && k.len == PHR_KEY_LOOSE) {

        if (phr_record_check(PHR_DB_LOOSE, k, v, &body, NULL) == PHR_OK
            && phr_loose_head(body, &h) == PHR_OK)
        {
            phr_stats_extend(s, h.min_ms, h.max_ms, any);
        }

        phr_put_be32(key, phr_get_be32((const uint8_t *) k.data) + 1);
        rc = phr_cursor_before(cursor, key, sizeof(key), &k, &v, NULL);

        if (rc == PHR_OK) {
            if (phr_record_check(PHR_DB_LOOSE, k, v, &body, NULL) == PHR_OK
                && phr_loose_head(body, &h) == PHR_OK)
            {
                phr_stats_extend(s, h.min_ms, h.max_ms, any);
            }

            rc = phr_cursor_next(cursor, &k, &v, NULL);
        }
    }

    phr_cursor_close(cursor);
}


int
phr_store_top(phr_store_t *st, phr_store_top_e kind, phr_arena_t *arena,
    phr_store_top_t *top, size_t *n, phr_err_t *err)
{
    int            rc;
    phr_name_t     name;
    phr_top_ctx_t  ctx;

    ctx.arena = arena;
    ctx.kind = kind;
    ctx.top = top;
    ctx.max = *n;
    ctx.n = 0;
    ctx.err = err;
    ctx.name = phr_str_of("");

    rc = phr_txn_begin(st->env, 0, &ctx.txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (kind == PHR_TOP_SERIES_BY_METRIC) {
        rc = phr_name_find(ctx.txn, phr_str_of(PHR_METRIC_NAME), &name, err);

        if (rc == PHR_OK) {
            rc = phr_pairs_each(ctx.txn, name.id, phr_str_of(""),
                                phr_top_visit_pair, &ctx, err);
        }

    } else {
        rc = phr_names_each(ctx.txn, phr_top_visit_name, &ctx, err);
    }

    phr_txn_abort(ctx.txn);

    if (rc < 0) {
        return rc;
    }

    *n = ctx.n;

    return PHR_OK;
}


static int
phr_top_visit_name(void *data, phr_str_t name, const phr_name_t *n)
{
    phr_top_ctx_t  *ctx = data;

    switch (ctx->kind) {

    case PHR_TOP_VALUES_BY_LABEL:
        return phr_top_add(ctx, phr_str_of(""), name, n->nvalues);

    case PHR_TOP_BYTES_BY_LABEL:
        return phr_top_add(ctx, phr_str_of(""), name, n->bytes);

    default:
        ctx->name = name;
        return phr_pairs_each(ctx->txn, n->id, phr_str_of(""),
                              phr_top_visit_pair, ctx, ctx->err);
    }
}


static int
phr_top_visit_pair(void *data, phr_str_t value, const phr_pair_t *pair)
{
    phr_top_ctx_t  *ctx = data;

    return phr_top_add(ctx, ctx->name, value, pair->nseries);
}


static int
phr_top_add(phr_top_ctx_t *ctx, phr_str_t name, phr_str_t value, uint64_t n)
{
    char    *p;
    size_t   i, len;

    if (ctx->max == 0
        || (ctx->n == ctx->max && ctx->top[ctx->n - 1].value >= n))
    {
        return PHR_OK;
    }

    len = value.len + (name.len > 0 ? name.len + 1 : 0);

    p = phr_arena_alloc(ctx->arena, len + 1);
    if (p == NULL) {
        return phr_err_set(ctx->err, phr_arena_rc(ctx->arena), "no memory");
    }

    if (name.len > 0) {
        memcpy(p, name.data, name.len);
        p[name.len] = '=';
    }

    memcpy(p + len - value.len, value.data, value.len);
    p[len] = '\0';

    if (ctx->n < ctx->max) {
        ctx->n++;
    }

    for (i = ctx->n - 1; i > 0 && ctx->top[i - 1].value < n; i--) {
        ctx->top[i] = ctx->top[i - 1];
    }

    ctx->top[i].name = phr_str_from(p, len);
    ctx->top[i].value = n;

    return PHR_OK;
}
