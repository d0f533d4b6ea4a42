/*
 * Copyright (C) The Pharos Authors
 *
 * Reader: see reader.h.
 *
 * Series are taken in batches.  For a batch, collect_packs() walks the packs
 * of the range and notes where the chunks of its series are,
 * collect_rows() copies the wanted columns out of the rows, and
 * collect_loose() the loose samples.  next() then decodes one series.
 */

#include "store/reader.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "store/bits.h"
#include "store/block.h"
#include "store/row.h"
#include "store/series.h"


/* memory of one batch, a bound against damage rather than for thrift */
#define PHR_READER_BATCH_BYTES  (512 << 20)

#define PHR_READER_BATCH_MIN    64
#define PHR_READER_BATCH_MAX    8192
#define PHR_READER_BATCH_REFS   262144

#define PHR_NOWHERE             UINT32_MAX


/* a chunk of a series, in a list of them */
typedef struct {
    phr_chunk_ref_t  ref;
    int64_t          t_ms;      /* of its first sample */
    uint32_t         next;
} phr_reader_ref_t;


/* the wanted columns of one piece of a layout */
typedef struct {
    uint32_t         layout;
    uint16_t         piece;
    uint16_t         ncols;
    uint16_t        *col;
    uint32_t        *slot;
    size_t           nrows;
    size_t           nalloc;
    int64_t         *t_ms;
    const uint8_t  **row;       /* values of the piece, in the map */
    double          *v;         /* ncols columns of nrows */
} phr_reader_unit_t;

/* a column of a unit, in a list of a series' */
typedef struct {
    const phr_reader_unit_t  *unit;
    uint32_t                  col;
    uint32_t                  next;
} phr_reader_column_t;


typedef struct {
    int64_t   t_ms;
    double    v;
    uint32_t  at;
} phr_reader_sample_t;


/* a column of times that stands decoded in the output already */
typedef struct {
    const uint8_t  *t;
    uint16_t        t_len;
    uint16_t        n;
} phr_reader_times_t;


struct phr_reader_s {
    phr_txn_t             *txn;
    const phr_sid_t       *order;
    size_t                 n;
    size_t                 pos;         /* of the batch, in order */
    size_t                 batch;       /* its size; 0: none yet */
    size_t                 batch_max;
    size_t                 at;          /* next in the batch */
    int64_t                min_ms, max_ms;

    /* of the batch, in mem but for the first two, which are kept */
    phr_sid_t             *sid;         /* sorted */
    uint32_t              *slot;        /* place in order -> in sid */
    phr_arena_t           *mem;
    uint32_t              *chunks;      /* by slot: list in refs */
    uint32_t              *columns;     /* by slot: list in cols */
    phr_array_t            refs;        /* of phr_reader_ref_t */
    phr_array_t            cols;        /* of phr_reader_column_t */
    phr_array_t            loose;       /* of phr_loose_t */
    phr_array_t            units;       /* of phr_reader_unit_t *, a source */

    /* of the series returned last */
    int64_t               *t_ms;
    double                *v;
    size_t                 nalloc;
    size_t                 nsamples;
    int                    unsorted;
    phr_array_t            times;       /* of phr_reader_times_t */
    phr_array_t            chain;       /* of phr_reader_ref_t * */
    phr_array_t            merge;       /* of phr_reader_sample_t */
    int64_t               *merged_t;
    double                *merged_v;
    size_t                 merged_nalloc;
};


static int phr_reader_batch(phr_reader_t *r, phr_err_t *err);
static int phr_sid_place_cmp(const void *a, const void *b);
static size_t phr_reader_find(const phr_reader_t *r, phr_sid_t sid);
static int phr_reader_packs(phr_reader_t *r, phr_err_t *err);
static int phr_reader_level(phr_reader_t *r, phr_cursor_t *cursor, int level,
    phr_err_t *err);
static int phr_reader_jump(phr_reader_t *r, phr_cursor_t *cursor, int level,
    int32_t window, size_t i, phr_str_t *k, phr_str_t *v, phr_err_t *err);
static int phr_reader_pack(phr_reader_t *r, const phr_pack_key_t *key,
    phr_str_t k, phr_str_t v, size_t i, phr_err_t *err);
static int phr_reader_heads(phr_reader_t *r, phr_err_t *err);
static int phr_reader_layout(phr_reader_t *r, const phr_head_t *h,
    phr_err_t *err);
static int phr_reader_unit(phr_reader_t *r, const phr_head_t *h,
    const phr_sid_t *sid, size_t piece, phr_err_t *err);
static int phr_reader_rows(phr_reader_t *r, uint32_t source,
    phr_err_t *err);
static int phr_reader_row(phr_reader_t *r, phr_reader_unit_t *u,
    int64_t t_ms, phr_str_t k, phr_str_t v, phr_err_t *err);
static int phr_reader_gather(phr_reader_t *r, phr_err_t *err);
static int phr_reader_loose(phr_reader_t *r, phr_err_t *err);
static int phr_reader_loose_group(phr_reader_t *r, phr_cursor_t *cursor,
    size_t from, size_t to, phr_err_t *err);
static int phr_reader_series(phr_reader_t *r, uint32_t slot,
    phr_columns_t *c, phr_err_t *err);
static int phr_reader_chunks(phr_reader_t *r, uint32_t slot,
    phr_err_t *err);
static int phr_reader_chunk(phr_reader_t *r, size_t place,
    const phr_chunk_ref_t *ref, int *shared, phr_err_t *err);
static int phr_reader_room(phr_reader_t *r, size_t n, phr_err_t *err);
static void phr_reader_add(phr_reader_t *r, const int64_t *t_ms,
    const double *v, size_t n);
static int phr_reader_merge(phr_reader_t *r, phr_err_t *err);
static void phr_reader_trim(phr_reader_t *r, phr_columns_t *c);
static int phr_sample_cmp(const void *a, const void *b);


int
phr_reader_create(phr_txn_t *txn, const phr_sid_t *sid, size_t n,
    int64_t min_ms, int64_t max_ms, phr_reader_t **out, phr_err_t *err)
{
    size_t         per_series;
    phr_reader_t  *r;

    r = phr_calloc(1, sizeof(phr_reader_t));
    if (r == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    r->txn = txn;
    r->order = sid;
    r->n = n;
    r->min_ms = phr_max(min_ms, PHR_KEY_TIME_MIN);
    r->max_ms = phr_min(max_ms, PHR_KEY_TIME_MAX);

    phr_array_init(&r->refs, sizeof(phr_reader_ref_t));
    phr_array_init(&r->cols, sizeof(phr_reader_column_t));
    phr_array_init(&r->loose, sizeof(phr_loose_t));
    phr_array_init(&r->units, sizeof(phr_reader_unit_t *));
    phr_array_init(&r->times, sizeof(phr_reader_times_t));
    phr_array_init(&r->chain, sizeof(phr_reader_ref_t *));
    phr_array_init(&r->merge, sizeof(phr_reader_sample_t));

    /* a chunk each half hour, at the usual interval */
    per_series = 4;

    if (r->max_ms > r->min_ms) {
        per_series += (size_t) ((r->max_ms - r->min_ms)
                                / (PHR_WINDOW_MS / 4));
    }

    r->batch_max = PHR_READER_BATCH_REFS / per_series;
    r->batch_max = phr_max(r->batch_max, PHR_READER_BATCH_MIN);
    r->batch_max = phr_min(r->batch_max, PHR_READER_BATCH_MAX);
    r->batch_max = phr_min(r->batch_max, n);

    r->sid = phr_malloc((r->batch_max + 1) * sizeof(phr_sid_t));
    r->slot = phr_malloc((r->batch_max + 1) * sizeof(uint32_t));
    r->mem = phr_arena_create(PHR_READER_BATCH_BYTES);

    if (r->sid == NULL || r->slot == NULL || r->mem == NULL) {
        phr_reader_destroy(r);
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    *out = r;

    return PHR_OK;
}


void
phr_reader_destroy(phr_reader_t *r)
{
    if (r == NULL) {
        return;
    }

    phr_array_free(&r->refs);
    phr_array_free(&r->cols);
    phr_array_free(&r->loose);
    phr_array_free(&r->units);
    phr_array_free(&r->times);
    phr_array_free(&r->chain);
    phr_array_free(&r->merge);
    phr_arena_destroy(r->mem);
    phr_free(r->sid);
    phr_free(r->slot);
    phr_free(r->t_ms);
    phr_free(r->v);
    phr_free(r->merged_t);
    phr_free(r->merged_v);
    phr_free(r);
}


int
phr_reader_next(phr_reader_t *r, phr_columns_t *c, phr_err_t *err)
{
    int       rc;
    uint32_t  slot;

    if (r->at == r->batch) {
        r->pos += r->batch;

        if (r->pos == r->n) {
            r->batch = 0;
            r->at = 0;
            return PHR_DONE;
        }

        rc = phr_reader_batch(r, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    slot = r->slot[r->at++];
    c->sid = r->sid[slot];

    return phr_reader_series(r, slot, c, err);
}


typedef struct {
    phr_sid_t  sid;
    uint32_t   at;
} phr_sid_place_t;


static int
phr_reader_batch(phr_reader_t *r, phr_err_t *err)
{
    int               rc;
    size_t            i, n;
    phr_sid_place_t  *p;

    phr_arena_reset(r->mem);

    n = phr_min(r->n - r->pos, r->batch_max);
    r->batch = n;
    r->at = 0;
    r->refs.nelts = 0;
    r->cols.nelts = 0;
    r->loose.nelts = 0;
    r->times.nelts = 0;

    p = phr_arena_alloc(r->mem, n * sizeof(phr_sid_place_t));
    r->chunks = phr_arena_alloc(r->mem, n * sizeof(uint32_t));
    r->columns = phr_arena_alloc(r->mem, n * sizeof(uint32_t));

    if (p == NULL || r->chunks == NULL || r->columns == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    for (i = 0; i < n; i++) {
        p[i].sid = r->order[r->pos + i];
        p[i].at = (uint32_t) i;
    }

    for (i = 1; i < n && p[i - 1].sid < p[i].sid; i++) {
        /* void */
    }

    if (i < n) {
        qsort(p, n, sizeof(phr_sid_place_t), phr_sid_place_cmp);
    }

    for (i = 0; i < n; i++) {
        r->sid[i] = p[i].sid;
        r->slot[p[i].at] = (uint32_t) i;
        r->chunks[i] = PHR_NOWHERE;
        r->columns[i] = PHR_NOWHERE;
    }

    rc = phr_reader_packs(r, err);
    if (rc == PHR_OK) {
        rc = phr_reader_heads(r, err);
    }
    if (rc == PHR_OK) {
        rc = phr_reader_loose(r, err);
    }

    return rc;
}


static int
phr_sid_place_cmp(const void *a, const void *b)
{
    phr_sid_t  x, y;

    x = ((const phr_sid_place_t *) a)->sid;
    y = ((const phr_sid_place_t *) b)->sid;

    return (x > y) - (x < y);
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


static int
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
    window = phr_window_of(level, r->min_ms) - 1;
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
            && phr_pack_key_max(&key) >= r->min_ms
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
    phr_sid_t          sid;
    phr_str_t          body;
    phr_pack_t         pack;
    phr_reader_ref_t  *ref;

    rc = phr_record_check(PHR_DB_PACK, k, v, &body, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_pack_open(key, body, &pack);
    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "damaged pack of %zu bytes", body.len);
    }

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
        ref->next = r->chunks[i];
        r->chunks[i] = (uint32_t) (r->refs.nelts - 1);
    }

    return PHR_OK;
}


static int
phr_reader_heads(phr_reader_t *r, phr_err_t *err)
{
    int            rc, any;
    size_t         i;
    uint32_t       source;
    phr_str_t      k, v, body;
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
        rc = phr_record_check(PHR_DB_HEAD, k, v, &body, err);
        if (rc != PHR_OK) {
            break;
        }

        rc = phr_head_decode(k, body, &h);
        if (rc != PHR_OK) {
            rc = phr_err_set(err, rc, "damaged head of a layout");
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
    size_t      piece;
    phr_sid_t  *sid;

    sid = phr_arena_alloc(r->mem, h->n * sizeof(phr_sid_t));
    if (sid == NULL) {
        return phr_err_set(err, phr_arena_rc(r->mem), "no memory for a "
                           "layout of %u series", h->n);
    }

    rc = phr_layout_read(r->txn, h, sid, err);

    for (piece = 0; piece * PHR_ROW_VALUES < h->n && rc == PHR_OK; piece++) {
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

    sid += piece * PHR_ROW_VALUES;
    n = phr_min(h->n - piece * PHR_ROW_VALUES, PHR_ROW_VALUES);
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

    rc = phr_reader_gather(r, err);
    r->units.nelts = 0;

    return rc;
}


static int
phr_reader_row(phr_reader_t *r, phr_reader_unit_t *u, int64_t t_ms,
    phr_str_t k, phr_str_t v, phr_err_t *err)
{
    int             rc;
    size_t          n, nalloc;
    phr_str_t       body;
    const uint8_t  *p;

    rc = phr_record_check(PHR_DB_ROW, k, v, &body, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_row_decode(body, &p, &n);
    if (rc != PHR_OK || n <= u->col[u->ncols - 1]) {
        return phr_err_set(err, PHR_ECORRUPT, "damaged row of %zu bytes",
                           body.len);
    }

    if (u->nrows == u->nalloc) {
        nalloc = u->nalloc == 0 ? PHR_SEAL_ROWS + 8 : u->nalloc * 2;

        u->t_ms = phr_arena_grow(r->mem, u->t_ms, u->nalloc * 8, nalloc * 8);
        u->row = phr_arena_grow(r->mem, (void *) u->row,
                                u->nalloc * sizeof(void *),
                                nalloc * sizeof(void *));

        if (u->t_ms == NULL || u->row == NULL) {
            return phr_err_set(err, phr_arena_rc(r->mem), "too much memory "
                               "needed for rows");
        }

        u->nalloc = nalloc;
    }

    u->t_ms[u->nrows] = t_ms;
    u->row[u->nrows] = p;
    u->nrows++;

    return PHR_OK;
}


/* copies the columns of all units and links them to their series */
static int
phr_reader_gather(phr_reader_t *r, phr_err_t *err)
{
    size_t                i, c, row;
    double               *v;
    const uint8_t        *p;
    phr_reader_unit_t    *u;
    phr_reader_column_t  *col;

    for (i = 0; i < r->units.nelts; i++) {
        u = *phr_array_get(&r->units, phr_reader_unit_t *, i);

        if (u->nrows == 0) {
            continue;
        }

        u->v = phr_arena_alloc(r->mem, u->ncols * u->nrows * sizeof(double));
        col = phr_array_push_n(&r->cols, u->ncols);

        if (u->v == NULL || col == NULL) {
            return phr_err_set(err, phr_arena_rc(r->mem), "too much memory "
                               "needed for rows");
        }

        for (row = 0; row < u->nrows; row++) {
            p = u->row[row];
            v = u->v + row;

            for (c = 0; c < u->ncols; c++, v += u->nrows) {
                *v = phr_double_from_bits(phr_load64(p + 8 * u->col[c]));
            }
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


static int
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

    return PHR_OK;
}


/* the samples of series [from, to), all of one group */
static int
phr_reader_loose_group(phr_reader_t *r, phr_cursor_t *cursor, size_t from,
    size_t to, phr_err_t *err)
{
    int                rc;
    size_t             i, n, place;
    uint8_t            key[PHR_KEY_LOOSE];
    uint32_t           group;
    phr_str_t          k, v, body;
    phr_loose_t        s[PHR_LOOSE_MAX], *out;
    phr_loose_head_t   h;

    group = phr_group_of(r->sid[from]);
    phr_put_be32(key, group);
    phr_put_be64(key + 4, 0);

    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    while (rc == PHR_OK && k.len == PHR_KEY_LOOSE
           && memcmp(k.data, key, 4) == 0)
    {
        rc = phr_record_check(PHR_DB_LOOSE, k, v, &body, err);
        if (rc != PHR_OK) {
            return rc;
        }

        if (phr_loose_head(body, &h) != PHR_OK) {
            return phr_err_set(err, PHR_ECORRUPT, "damaged samples of group "
                               "%u", group);
        }

        place = phr_reader_find(r, (group << PHR_GROUP_SHIFT) + h.first);

        if (h.max_ms >= r->min_ms && h.min_ms <= r->max_ms && place < to
            && r->sid[place] <= (group << PHR_GROUP_SHIFT) + h.last)
        {
            if (phr_loose_decode(group, body, s, &n) != PHR_OK) {
                return phr_err_set(err, PHR_ECORRUPT, "damaged samples of "
                                   "group %u", group);
            }

            for (i = 0; i < n; i++) {

                while (place < to && r->sid[place] < s[i].sid) {
                    place++;
                }

                if (place == to) {
                    break;
                }

                if (r->sid[place] != s[i].sid || s[i].t_ms < r->min_ms
                    || s[i].t_ms > r->max_ms)
                {
                    continue;
                }

                out = phr_array_push(&r->loose);
                if (out == NULL) {
                    return phr_err_set(err, PHR_ENOMEM, "no memory");
                }

                *out = s[i];
                out->at = (uint32_t) r->loose.nelts;
            }
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    return rc < 0 ? rc : PHR_OK;
}


static int
phr_reader_series(phr_reader_t *r, uint32_t slot, phr_columns_t *c,
    phr_err_t *err)
{
    int                   rc;
    size_t                i, low, high, mid;
    uint32_t              next;
    phr_loose_t          *s;
    phr_reader_column_t  *col;

    /* the samples of one column of rows are ready as they are */

    if (r->chunks[slot] == PHR_NOWHERE && r->loose.nelts == 0) {

        if (r->columns[slot] == PHR_NOWHERE) {
            c->n = 0;
            c->t_ms = NULL;
            c->v = NULL;
            return PHR_OK;
        }

        col = phr_array_get(&r->cols, phr_reader_column_t,
                            r->columns[slot]);

        if (col->next == PHR_NOWHERE) {
            c->n = col->unit->nrows;
            c->t_ms = col->unit->t_ms;
            c->v = col->unit->v + (size_t) col->col * c->n;
            return PHR_OK;
        }
    }

    r->nsamples = 0;
    r->unsorted = 0;

    rc = phr_reader_chunks(r, slot, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (next = r->columns[slot]; next != PHR_NOWHERE; next = col->next) {
        col = phr_array_get(&r->cols, phr_reader_column_t, next);

        rc = phr_reader_room(r, col->unit->nrows, err);
        if (rc != PHR_OK) {
            return rc;
        }

        phr_reader_add(r, col->unit->t_ms,
                       col->unit->v + (size_t) col->col * col->unit->nrows,
                       col->unit->nrows);
    }

    s = r->loose.elts;
    low = 0;
    high = r->loose.nelts;

    while (low < high) {
        mid = (low + high) / 2;

        if (s[mid].sid < r->sid[slot]) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    for (i = low; i < r->loose.nelts && s[i].sid == r->sid[slot]; i++) {
        rc = phr_reader_room(r, 1, err);
        if (rc != PHR_OK) {
            return rc;
        }

        phr_reader_add(r, &s[i].t_ms, &s[i].v, 1);
    }

    if (r->unsorted) {
        rc = phr_reader_merge(r, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    phr_reader_trim(r, c);

    return PHR_OK;
}


/* decodes the chunks of a series, the earliest first */
static int
phr_reader_chunks(phr_reader_t *r, uint32_t slot, phr_err_t *err)
{
    int                 rc, shared;
    size_t              i, k, n;
    uint32_t            next;
    phr_reader_ref_t   *ref, **chain, **p;

    r->chain.nelts = 0;

    for (next = r->chunks[slot]; next != PHR_NOWHERE; next = ref->next) {
        ref = phr_array_get(&r->refs, phr_reader_ref_t, next);

        p = phr_array_push(&r->chain);
        if (p == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        *p = ref;
    }

    /* the list stands about backwards */

    n = r->chain.nelts;
    chain = r->chain.elts;

    for (i = 0; i < n / 2; i++) {
        ref = chain[i];
        chain[i] = chain[n - 1 - i];
        chain[n - 1 - i] = ref;
    }

    for (i = 1; i < n; i++) {
        ref = chain[i];

        for (k = i; k > 0 && chain[k - 1]->t_ms > ref->t_ms; k--) {
            chain[k] = chain[k - 1];
        }

        chain[k] = ref;
    }

    shared = 1;

    for (i = 0; i < n; i++) {
        rc = phr_reader_chunk(r, i, &chain[i]->ref, &shared, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    r->times.nelts = n;

    return PHR_OK;
}


/*
 * Decodes a chunk to the end of the output.  While the columns of times are
 * those of the series before, they stand there already.
 */
static int
phr_reader_chunk(phr_reader_t *r, size_t place, const phr_chunk_ref_t *ref,
    int *shared, phr_err_t *err)
{
    int                  rc;
    phr_reader_times_t  *times;

    rc = phr_reader_room(r, ref->n, err);
    if (rc != PHR_OK) {
        return rc;
    }

    times = place < r->times.nelts
            ? phr_array_get(&r->times, phr_reader_times_t, place) : NULL;

    if (*shared && (times == NULL || times->n != ref->n
                    || times->t_len != ref->t_len
                    || memcmp(times->t, ref->t, ref->t_len) != 0))
    {
        *shared = 0;
        r->times.nelts = place;
    }

    if (!*shared) {
        rc = phr_chunk_ref_times(ref, r->t_ms + r->nsamples);

        times = phr_array_push(&r->times);
        if (times == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        times->t = ref->t;
        times->t_len = ref->t_len;
        times->n = ref->n;
    }

    if (rc == PHR_OK) {
        rc = phr_chunk_ref_values(ref, r->v + r->nsamples);
    }

    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "damaged chunk of series %u", ref->sid);
    }

    if (r->nsamples > 0
        && r->t_ms[r->nsamples] <= r->t_ms[r->nsamples - 1])
    {
        r->unsorted = 1;
    }

    r->nsamples += ref->n;

    return PHR_OK;
}


static int
phr_reader_room(phr_reader_t *r, size_t n, phr_err_t *err)
{
    void    *t_ms, *v;
    size_t   nalloc;

    if (r->nsamples + n <= r->nalloc) {
        return PHR_OK;
    }

    nalloc = phr_max(r->nalloc * 2, r->nsamples + n);
    nalloc = phr_max(nalloc, 1024);

    t_ms = phr_realloc(r->t_ms, nalloc * sizeof(int64_t));
    if (t_ms != NULL) {
        r->t_ms = t_ms;
    }

    v = phr_realloc(r->v, nalloc * sizeof(double));
    if (v != NULL) {
        r->v = v;
    }

    if (t_ms == NULL || v == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    r->nalloc = nalloc;

    return PHR_OK;
}


static void
phr_reader_add(phr_reader_t *r, const int64_t *t_ms, const double *v,
    size_t n)
{
    memcpy(r->t_ms + r->nsamples, t_ms, n * sizeof(int64_t));
    memcpy(r->v + r->nsamples, v, n * sizeof(double));

    if (r->nsamples > 0 && t_ms[0] <= r->t_ms[r->nsamples - 1]) {
        r->unsorted = 1;
    }

    r->nsamples += n;
}


/* sorts what came from several places; of equal times the first is kept */
static int
phr_reader_merge(phr_reader_t *r, phr_err_t *err)
{
    void                 *t, *v;
    size_t                i, n;
    phr_reader_sample_t  *s;

    n = r->nsamples;

    if (r->merged_nalloc < n) {
        t = phr_realloc(r->merged_t, r->nalloc * sizeof(int64_t));
        if (t != NULL) {
            r->merged_t = t;
        }

        v = phr_realloc(r->merged_v, r->nalloc * sizeof(double));
        if (v != NULL) {
            r->merged_v = v;
        }

        if (t == NULL || v == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        r->merged_nalloc = r->nalloc;
    }

    r->merge.nelts = 0;

    s = phr_array_push_n(&r->merge, n);
    if (s == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    for (i = 0; i < n; i++) {
        s[i].t_ms = r->t_ms[i];
        s[i].v = r->v[i];
        s[i].at = (uint32_t) i;
    }

    qsort(s, n, sizeof(phr_reader_sample_t), phr_sample_cmp);

    r->nsamples = 0;

    for (i = 0; i < n; i++) {
        if (i > 0 && s[i].t_ms == s[i - 1].t_ms) {
            continue;
        }

        r->merged_t[r->nsamples] = s[i].t_ms;
        r->merged_v[r->nsamples] = s[i].v;
        r->nsamples++;
    }

    return PHR_OK;
}


static int
phr_sample_cmp(const void *a, const void *b)
{
    const phr_reader_sample_t  *x, *y;

    x = a;
    y = b;

    if (x->t_ms != y->t_ms) {
        return x->t_ms < y->t_ms ? -1 : 1;
    }

    return (x->at > y->at) - (x->at < y->at);
}


/* chunks reach beyond the range at both ends */
static void
phr_reader_trim(phr_reader_t *r, phr_columns_t *c)
{
    size_t          low, high, mid, end;
    const int64_t  *t;

    t = r->unsorted ? r->merged_t : r->t_ms;

    for (low = 0, high = r->nsamples; low < high; /* void */) {
        mid = (low + high) / 2;

        if (t[mid] < r->min_ms) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    for (end = low, high = r->nsamples; end < high; /* void */) {
        mid = (end + high) / 2;

        if (t[mid] <= r->max_ms) {
            end = mid + 1;

        } else {
            high = mid;
        }
    }

    c->n = end - low;
    c->t_ms = t + low;
    c->v = (r->unsorted ? r->merged_v : r->v) + low;
}
