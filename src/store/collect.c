/*
 * Copyright (C) The Pharos Authors
 *
 * Collect: see collect.h.
 */

#include "store/collect.h"

#include "core/alloc.h"
#include "core/yield.h"
#include "store/bits.h"
#include "store/row.h"


/* of one batch, a bound against damage rather than for thrift: 1 GB */
#define PHR_READER_VALUES_MAX  (128 << 20)


/* columns are picked out of a row if they are less than this part of it */
#define PHR_READER_FEW  4


static int phr_reader_level(phr_reader_t *r, phr_cursor_t *cursor, int level,
    phr_err_t *err);
static int phr_reader_jump(phr_reader_t *r, phr_cursor_t *cursor, int level,
    int32_t window, size_t i, phr_str_t *k, phr_str_t *v, phr_err_t *err);
static int phr_reader_pack(phr_reader_t *r, const phr_pack_key_t *key,
    phr_str_t k, phr_str_t v, size_t i, phr_err_t *err);
static int phr_reader_layout(phr_reader_t *r, const phr_head_t *h,
    phr_err_t *err);
static int phr_reader_unit(phr_reader_t *r, const phr_head_t *h,
    const phr_sid_t *sid, size_t piece, phr_err_t *err);
static int phr_reader_rows(phr_reader_t *r, uint32_t source, phr_err_t *err);
static int phr_reader_row(phr_reader_t *r, phr_reader_unit_t *u, int64_t t_ms,
    phr_str_t k, phr_str_t v, phr_err_t *err);
static int phr_reader_gather(phr_reader_t *r, uint32_t source,
    phr_err_t *err);
static int phr_reader_values(phr_reader_t *r, uint32_t source,
    const phr_reader_unit_t *u, double *v, phr_err_t *err);
static int phr_reader_loose_group(phr_reader_t *r, phr_cursor_t *cursor,
    size_t from, size_t to, phr_err_t *err);
static int phr_reader_loose_take(phr_reader_t *r, const phr_loose_walk_t *w,
    size_t place, size_t to, phr_err_t *err);
static int64_t phr_reader_loose_min(const phr_reader_t *r, int starts);
static size_t phr_reader_find(const phr_reader_t *r, phr_sid_t sid);


int
phr_reader_packs(phr_reader_t *r, phr_err_t *err)
{
    int            rc, level;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(r->txn, PHR_DB_PACK, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (level = 0; level < PHR_NLEVELS && rc == PHR_OK; level++) {
        rc = phr_reader_level(r, cursor, level, err);
    }

    if (rc == PHR_OK && r->starts) {
        rc = phr_reader_level(r, cursor, PHR_LEVEL_STARTS, err);
    }

    phr_cursor_close(cursor);

    return rc;
}


/*
 * Packs are visited in the order of their keys: by window, then by their
 * lowest series.  What lies between the groups of wanted series is jumped
 * over.
 */
static int
phr_reader_level(phr_reader_t *r, phr_cursor_t *cursor, int level,
    phr_err_t *err)
{
    int             rc;
    size_t          i;
    int32_t         window, last;
    phr_str_t       k, v;
    phr_pack_key_t  key;

    /* a pack that begins in the window before may reach into the range */
    window = phr_window_of(level, r->min_ms) - (level != PHR_LEVEL_STARTS);
    last = phr_window_of(level, r->max_ms);
    i = 0;

    rc = phr_reader_jump(r, cursor, level, window, 0, &k, &v, err);

    while (rc == PHR_OK) {

        if (!phr_key_pack_get(k, &key)) {
            return phr_err_set(err, PHR_ECORRUPT, "key of %zu bytes in "
                               "\"pack\"", k.len);
        }

        if (key.level != level || key.window > last) {
            break;
        }

        if (key.window != window) {
            window = key.window;
            i = 0;
        }

        /* series below are not in this pack, nor in a later one */

        if (r->sid[i] < key.first) {
            i = phr_reader_find(r, key.first);
        }

        if (i == r->batch) {
            i = 0;
            rc = phr_reader_jump(r, cursor, level, ++window, 0, &k, &v, err);
            continue;
        }

        if (phr_group_of(r->sid[i]) != phr_group_of(key.first)) {
            rc = phr_reader_jump(r, cursor, level, window, i, &k, &v, err);
            continue;
        }

        if (r->sid[i] <= key.first + key.span
            && (phr_pack_key_max(&key) >= r->min_ms
                || level == PHR_LEVEL_STARTS)
            && phr_pack_key_min(&key) <= r->max_ms)
        {
            rc = phr_reader_pack(r, &key, k, v, i, err);
            if (rc != PHR_OK) {
                break;
            }
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    return rc < 0 ? rc : PHR_OK;
}


/* to the first pack of a window that may hold series of the group of sid[i] */
static int
phr_reader_jump(phr_reader_t *r, phr_cursor_t *cursor, int level,
    int32_t window, size_t i, phr_str_t *k, phr_str_t *v, phr_err_t *err)
{
    uint8_t  from[PHR_KEY_WINDOW + 4];

    phr_key_window(from, level, window);
    phr_put_be32(from + PHR_KEY_WINDOW,
                 r->sid[i] & ~(uint32_t) (PHR_GROUP_SIZE - 1));

    return phr_cursor_seek(cursor, from, sizeof(from), k, v, err);
}


/* notes the chunks of wanted series, the first of which is at place i */
static int
phr_reader_pack(phr_reader_t *r, const phr_pack_key_t *key, phr_str_t k,
    phr_str_t v, size_t i, phr_err_t *err)
{
    int                rc;
    size_t             c;
    int64_t            t_ms;
    uint32_t          *lists;
    phr_sid_t          sid;
    phr_str_t          body;
    phr_pack_t         pack;
    phr_reader_ref_t  *ref;

    rc = phr_record_check(PHR_DB_PACK, k, v, &body, err);
    if (rc == PHR_OK) {
        rc = phr_txn_keep(r->txn, r->mem, &body, err);
    }
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_pack_open(key, body, &pack);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "damaged pack of %zu bytes", body.len);
    }

    lists = pack.kind == PHR_PACK_STARTS ? r->start_chunks : r->chunks;

    for (c = phr_pack_find(&pack, r->sid[i]); c < pack.nchunks; c++) {
        sid = phr_pack_sid(&pack, c);

        while (i < r->batch && r->sid[i] < sid) {
            i++;
        }

        if (i == r->batch) {
            break;
        }

        if (r->sid[i] != sid) {
            /* jumps to the chunk of the series that comes next */
            c = phr_pack_find(&pack, r->sid[i]) - 1;
            continue;
        }

        ref = phr_array_push(&r->refs);
        if (ref == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        rc = phr_pack_chunk(&pack, c, &ref->ref);
        if (rc == PHR_OK) {
            rc = phr_ints_first(ref->ref.t, ref->ref.t_len, &t_ms);
        }

        if (rc != PHR_OK) {
            return phr_err_set(err, rc, "damaged chunk of series %u", sid);
        }

        ref->t_ms = t_ms;
        ref->seal = key->seal;
        ref->next = lists[i];
        lists[i] = (uint32_t) (r->refs.nelts - 1);
    }

    return PHR_OK;
}


int
phr_reader_heads(phr_reader_t *r, phr_err_t *err)
{
    int            rc, any;
    size_t         i;
    uint32_t       source;
    phr_str_t      k, v;
    phr_head_t     h;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(r->txn, PHR_DB_HEAD, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_cursor_first(cursor, &k, &v, err);

    any = 0;
    source = 0;
    r->units.nelts = 0;

    while (rc == PHR_OK) {
        rc = phr_head_read(k, v, &h, err);
        if (rc != PHR_OK) {
            break;
        }

        if (h.source != source && any) {
            rc = phr_reader_rows(r, source, err);
            if (rc != PHR_OK) {
                break;
            }

            any = 0;
        }

        source = h.source;
        i = phr_reader_find(r, h.min_sid);

        if (i < r->batch && r->sid[i] <= h.max_sid) {
            rc = phr_reader_layout(r, &h, err);
            if (rc != PHR_OK) {
                break;
            }

            any |= (r->units.nelts > 0);
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    if (rc == PHR_NOTFOUND && any) {
        rc = phr_reader_rows(r, source, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


/* makes a unit for each piece of the layout with wanted series */
static int
phr_reader_layout(phr_reader_t *r, const phr_head_t *h, phr_err_t *err)
{
    int         rc;
    size_t      piece, values;
    phr_sid_t  *sid;

    sid = phr_arena_alloc(r->mem, h->n * sizeof(phr_sid_t));
    if (sid == NULL) {
        return phr_err_set(err, phr_arena_rc(r->mem), "no memory for a "
                           "layout of %u series", h->n);
    }

    rc = phr_layout_read(r->txn, h, sid, err);

    values = phr_row_values(r->txn);

    for (piece = 0; piece * values < h->n && rc == PHR_OK; piece++) {
        rc = phr_reader_unit(r, h, sid, piece, err);
    }

    return rc;
}


static int
phr_reader_unit(phr_reader_t *r, const phr_head_t *h, const phr_sid_t *sid,
    size_t piece, phr_err_t *err)
{
    size_t               i, k, n, place;
    uint16_t             col[PHR_ROW_VALUES];
    uint32_t             slot[PHR_ROW_VALUES];
    phr_reader_unit_t   *u, **up;

    n = phr_row_values(r->txn);
    sid += piece * n;
    n = phr_min(h->n - piece * n, n);
    k = 0;
    place = 0;

    for (i = 0; i < n; i++) {

        /* ids mostly ascend: the place is the one after the last, or none */

        if (place == r->batch || r->sid[place] != sid[i]) {

            if ((place == r->batch || r->sid[place] > sid[i])
                && (place == 0 || r->sid[place - 1] < sid[i]))
            {
                continue;
            }

            place = phr_reader_find(r, sid[i]);

            if (place == r->batch || r->sid[place] != sid[i]) {
                continue;
            }
        }

        col[k] = (uint16_t) i;
        slot[k] = (uint32_t) place;
        k++;
        place++;
    }

    if (k == 0) {
        return PHR_OK;
    }

    up = phr_array_push(&r->units);
    u = phr_arena_calloc(r->mem, 1, sizeof(phr_reader_unit_t));

    if (u != NULL) {
        u->col = phr_arena_alloc(r->mem, k * sizeof(uint16_t));
        u->slot = phr_arena_alloc(r->mem, k * sizeof(uint32_t));
    }

    if (up == NULL || u == NULL || u->col == NULL || u->slot == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    u->layout = h->id;
    u->piece = (uint16_t) piece;
    u->ncols = (uint16_t) k;
    u->few = (k < n / PHR_READER_FEW);
    memcpy(u->col, col, k * sizeof(uint16_t));
    memcpy(u->slot, slot, k * sizeof(uint32_t));
    *up = u;

    return PHR_OK;
}


/* walks the rows of a source in the range, then fills its units */
static int
phr_reader_rows(phr_reader_t *r, uint32_t source, phr_err_t *err)
{
    int                   rc;
    size_t                i, tries;
    uint8_t               from[PHR_KEY_ROW];
    phr_str_t             k, v;
    phr_cursor_t         *cursor;
    phr_row_key_t         key;
    phr_reader_unit_t    *u, **units;

    rc = phr_cursor_open(r->txn, PHR_DB_ROW, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    memset(&key, 0, sizeof(key));
    key.source = source;
    key.t_ms = r->min_ms;
    phr_key_row(from, &key);

    units = r->units.elts;
    i = 0;

    rc = phr_cursor_seek(cursor, from, sizeof(from), &k, &v, err);

    while (rc == PHR_OK) {

        if (!phr_key_row_get(k, &key)) {
            rc = phr_err_set(err, PHR_ECORRUPT, "key of %zu bytes in \"row\"",
                             k.len);
            break;
        }

        if (key.source != source || key.t_ms > r->max_ms) {
            break;
        }

        /* pieces of a row follow each other as their units do */

        for (tries = 0; tries < r->units.nelts; tries++, i++) {
            u = units[i < r->units.nelts ? i : (i = 0)];

            if (u->layout == key.layout && u->piece == key.piece) {
                rc = phr_reader_row(r, u, key.t_ms, k, v, err);
                i++;
                break;
            }
        }

        if (rc != PHR_OK) {
            break;
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    if (rc < 0) {
        return rc;
    }

    rc = phr_reader_gather(r, source, err);
    r->units.nelts = 0;

    return rc;
}


static int
phr_reader_row(phr_reader_t *r, phr_reader_unit_t *u, int64_t t_ms,
    phr_str_t k, phr_str_t v, phr_err_t *err)
{
    int        rc;
    size_t     nalloc;
    phr_row_t  row;
    phr_str_t  body;

    rc = phr_txn_keep(r->txn, r->mem, &v, err);
    if (rc == PHR_OK) {
        rc = phr_record_check(PHR_DB_ROW, k, v, &body, err);
    }
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_row_open(body, &row);
    if (rc != PHR_OK || row.n <= u->col[u->ncols - 1]) {
        return phr_err_set(err, PHR_ECORRUPT, "damaged row of %zu bytes",
                           body.len);
    }

    if (u->nrows == u->nalloc) {
        nalloc = u->nalloc == 0 ? PHR_SEAL_ROWS + 8 : u->nalloc * 2;

        u->t_ms = phr_arena_grow(r->mem, u->t_ms, u->nalloc * 8, nalloc * 8);
        u->row = phr_arena_grow(r->mem, u->row,
                                u->nalloc * sizeof(phr_str_t),
                                nalloc * sizeof(phr_str_t));

        if (u->t_ms == NULL || u->row == NULL) {
            return phr_err_set(err, phr_arena_rc(r->mem), "too much memory "
                               "needed for rows");
        }

        u->nalloc = nalloc;
    }

    u->t_ms[u->nrows] = t_ms;
    u->row[u->nrows] = body;
    u->nrows++;

    return PHR_OK;
}


/* copies the columns of all units and links them to their series */
static int
phr_reader_gather(phr_reader_t *r, uint32_t source, phr_err_t *err)
{
    int                   rc;
    size_t                i, c, n, nalloc;
    double               *v;
    phr_reader_unit_t    *u;
    phr_reader_column_t  *col;

    for (i = 0; i < r->units.nelts; i++) {
        u = *phr_array_get(&r->units, phr_reader_unit_t *, i);

        if (u->nrows == 0) {
            continue;
        }

        n = u->ncols * u->nrows;

        if (r->nvalues + n > r->values_nalloc) {
            nalloc = phr_max(r->values_nalloc * 2, r->nvalues + n);

            v = nalloc > PHR_READER_VALUES_MAX
                ? NULL : phr_realloc(r->values, nalloc * sizeof(double));
            if (v == NULL) {
                return phr_err_set(err, PHR_ENOMEM, "too much memory needed "
                                   "for rows");
            }

            r->values = v;
            r->values_nalloc = nalloc;
        }

        col = phr_array_push_n(&r->cols, u->ncols);
        if (col == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        u->at = r->nvalues;
        r->nvalues += n;

        rc = phr_reader_values(r, source, u, r->values + u->at, err);
        if (rc != PHR_OK) {
            return rc;
        }

        for (c = 0; c < u->ncols; c++) {
            col[c].unit = u;
            col[c].col = (uint32_t) c;
            col[c].next = r->columns[u->slot[c]];
            r->columns[u->slot[c]] = (uint32_t) (r->cols.nelts - u->ncols
                                                 + c);
        }
    }

    return PHR_OK;
}


/* the columns of a unit, one after another */
static int
phr_reader_values(phr_reader_t *r, uint32_t source,
    const phr_reader_unit_t *u, double *v, phr_err_t *err)
{
    int              rc;
    double           piece[PHR_ROW_VALUES];
    size_t           row, c;
    phr_row_t        opened;
    phr_row_key_t    key;
    phr_row_first_t  first;

    key.source = source;
    key.layout = u->layout;
    key.piece = u->piece;
    phr_row_first_init(&first, u->few ? u->col : NULL, u->ncols);

    for (row = 0; row < u->nrows; row++) {
        key.t_ms = u->t_ms[row];

        rc = phr_row_open(u->row[row], &opened);
        if (rc == PHR_OK) {
            rc = phr_row_read(r->txn, &key, &opened, &first, piece, err);
        }
        if (rc != PHR_OK) {
            return rc;
        }

        for (c = 0; c < u->ncols; c++) {
            v[c * u->nrows + row] = piece[u->few ? c : u->col[c]];
        }

        phr_yield(opened.n);
    }

    return PHR_OK;
}


int
phr_reader_loose(phr_reader_t *r, phr_err_t *err)
{
    int            rc;
    size_t         i, k;
    uint8_t        key[PHR_KEY_LOOSE];
    uint32_t       group;
    phr_str_t      kk, v;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(r->txn, PHR_DB_LOOSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    i = 0;

    while (i < r->batch) {
        phr_put_be32(key, phr_group_of(r->sid[i]));
        phr_put_be64(key + 4, 0);

        rc = phr_cursor_seek(cursor, key, sizeof(key), &kk, &v, err);
        if (rc != PHR_OK) {
            break;
        }

        if (kk.len != PHR_KEY_LOOSE) {
            rc = phr_err_set(err, PHR_ECORRUPT, "key of %zu bytes in "
                             "\"loose\"", kk.len);
            break;
        }

        /* the next group that has any */
        group = phr_get_be32((const uint8_t *) kk.data);

        while (i < r->batch && phr_group_of(r->sid[i]) < group) {
            i++;
        }

        for (k = i; k < r->batch && phr_group_of(r->sid[k]) == group; k++) {
            /* void */
        }

        if (k > i) {
            rc = phr_reader_loose_group(r, cursor, i, k, err);
            if (rc != PHR_OK) {
                break;
            }
        }

        i = k;
    }

    phr_cursor_close(cursor);

    if (rc < 0) {
        return rc;
    }

    phr_loose_sort(r->loose.elts, r->loose.nelts);
    phr_loose_sort(r->start_loose.elts, r->start_loose.nelts);

    return PHR_OK;
}


/* the samples of series [from, to), all of one group */
static int
phr_reader_loose_group(phr_reader_t *r, phr_cursor_t *cursor, size_t from,
    size_t to, phr_err_t *err)
{
    int                rc;
    size_t             place;
    phr_sid_t          base;
    phr_loose_walk_t   w;

    base = phr_group_of(r->sid[from]) << PHR_GROUP_SHIFT;

    rc = phr_loose_first(&w, cursor, phr_group_of(r->sid[from]), err);

    while (rc == PHR_OK) {
        place = phr_reader_find(r, base + w.head.first);

        if (w.head.max_ms >= phr_reader_loose_min(r, w.head.starts)
            && w.head.min_ms <= r->max_ms && place < to
            && r->sid[place] <= base + w.head.last
            && (r->starts || !w.head.starts))
        {
            rc = phr_reader_loose_take(r, &w, place, to, err);
            if (rc != PHR_OK) {
                break;
            }
        }

        rc = phr_loose_next(&w, err);
    }

    return rc < 0 ? rc : PHR_OK;
}


/* start timestamps hold for a window, so its first ones are needed */
static int64_t
phr_reader_loose_min(const phr_reader_t *r, int starts)
{
    return starts ? phr_window_start(PHR_LEVEL_STARTS,
                                     phr_window_of(PHR_LEVEL_STARTS,
                                                   r->min_ms))
                  : r->min_ms;
}


/* those of a record that are wanted; the first series is at place or later */
static int
phr_reader_loose_take(phr_reader_t *r, const phr_loose_walk_t *w,
    size_t place, size_t to, phr_err_t *err)
{
    int           rc;
    size_t        i, n;
    int64_t       min_ms;
    phr_array_t  *to_array;
    phr_loose_t   s[PHR_LOOSE_MAX], *out;

    rc = phr_loose_samples(w, r->mem, s, &n, err);
    if (rc != PHR_OK) {
        return rc;
    }

    to_array = w->head.starts ? &r->start_loose : &r->loose;
    min_ms = phr_reader_loose_min(r, w->head.starts);

    for (i = 0; i < n; i++) {

        while (place < to && r->sid[place] < s[i].sid) {
            place++;
        }

        if (place == to) {
            break;
        }

        /* of histograms, the one before the range tells of a reset */

        if (r->sid[place] != s[i].sid || s[i].t_ms > r->max_ms
            || (s[i].t_ms < min_ms && s[i].h == NULL))
        {
            continue;
        }

        out = phr_array_push(to_array);
        if (out == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        *out = s[i];
        out->at = (uint32_t) to_array->nelts;
    }

    return PHR_OK;
}


/* the place of the first series of the batch that is not below sid */
static size_t
phr_reader_find(const phr_reader_t *r, phr_sid_t sid)
{
    size_t  low, high, mid;

    low = 0;
    high = r->batch;

    while (low < high) {
        mid = (low + high) / 2;

        if (r->sid[mid] < sid) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return low;
}
