/*
 * Copyright (C) The Pharos Authors
 *
 * Start: see start.h.  Here is how they are written; they are read by
 * reader_start.c.
 */

#include "store/start.h"

#include "core/alloc.h"
#include "store/reader.h"
#include "store/series.h"


/* the newest of a series in a window that was read */
typedef struct {
    int64_t   t_ms;
    int64_t   st_ms;
    uint64_t  rank;
    int       found;
} phr_start_seen_t;

#define PHR_START_LOOSE  (UINT64_C(1) << 32)


static int phr_start_load(phr_store_t *st, uint32_t number, phr_group_t *g,
    size_t at, int32_t window, phr_err_t *err);
static int phr_start_load_packs(phr_store_t *st, uint32_t number,
    int32_t window, phr_start_seen_t *seen, phr_err_t *err);
static int phr_start_load_pack(uint32_t number, const phr_pack_t *pack,
    phr_start_seen_t *seen);
static int phr_start_load_loose(phr_store_t *st, uint32_t number,
    int32_t window, phr_start_seen_t *seen, phr_err_t *err);
static void phr_start_see(phr_start_seen_t *seen, int64_t t_ms, double v,
    uint64_t rank);
static int phr_start_group(phr_group_t *g, phr_err_t *err);
static int phr_start_say(phr_store_t *st, phr_sid_t sid, int64_t t_ms,
    int64_t st_ms, int alone, phr_err_t *err);
static int phr_start_compare(phr_store_t *st, const phr_batch_t *b,
    const phr_loose_t *s, size_t n, phr_err_t *err);
static int phr_start_pack(phr_store_t *st, phr_packer_t *packer,
    const phr_loose_t *s, size_t n, int alone, int64_t *t_ms, double *v,
    phr_err_t *err);


static inline int64_t
phr_start_time(const phr_batch_t *b, size_t i)
{
    return b->t_each != NULL ? b->t_each[i] : b->t_ms;
}


static inline int
phr_start_is_stale(const phr_batch_t *b, size_t i)
{
    return b->h != NULL && b->h[i] != NULL ? phr_hist_is_stale(b->h[i])
                                           : phr_is_stale(b->v[i]);
}


int64_t
phr_start_wanted(const phr_batch_t *b, size_t i)
{
    int64_t  st_ms;

    st_ms = b->st_ms != NULL ? b->st_ms[i] : 0;

    return st_ms < PHR_KEY_TIME_MIN || st_ms > PHR_KEY_TIME_MAX ? 0 : st_ms;
}


int
phr_start_note(phr_store_t *st, uint32_t number, phr_group_t *g,
    const phr_batch_t *b, size_t i, int64_t last_ms, phr_err_t *err)
{
    int                   rc, first;
    size_t                at;
    int32_t               window;
    int64_t               t_ms, st_ms;
    phr_group_starts_t   *starts;

    t_ms = phr_start_time(b, i);
    st_ms = phr_start_wanted(b, i);
    window = phr_start_window(t_ms);
    at = b->sid[i] % PHR_GROUP_SIZE;

    first = last_ms <= PHR_LAST_EMPTY || phr_start_window(last_ms) < window;

    if (g->starts == NULL && st_ms == 0
        && (first || (g->bare && g->bare_window == window)))
    {
        return PHR_OK;
    }

    if (!first && (g->starts == NULL || g->starts->window[at] != window)) {
        rc = phr_start_load(st, number, g, at, window, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (g->starts == NULL) {
        if (st_ms == 0) {
            return PHR_OK;
        }

        rc = phr_start_group(g, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    starts = g->starts;

    if (first || starts->window[at] != window) {
        starts->window[at] = window;
        starts->st_ms[at] = 0;
    }

    /* nobody asks since when a stale marker counts */

    if (starts->st_ms[at] == st_ms || phr_start_is_stale(b, i)) {
        return PHR_OK;
    }

    starts->st_ms[at] = st_ms;

    return phr_start_say(st, b->sid[i], t_ms, st_ms, 0, err);
}


static int
phr_start_group(phr_group_t *g, phr_err_t *err)
{
    size_t  i;

    g->starts = phr_malloc(sizeof(phr_group_starts_t));
    if (g->starts == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    for (i = 0; i < PHR_GROUP_SIZE; i++) {
        g->starts->window[i] = PHR_START_UNKNOWN;
        g->starts->st_ms[i] = 0;
    }

    return PHR_OK;
}


void
phr_start_forget(phr_group_t *g)
{
    phr_free(g->starts);
    g->starts = NULL;
    g->bare = 0;
}


static int
phr_start_say(phr_store_t *st, phr_sid_t sid, int64_t t_ms, int64_t st_ms,
    int alone, phr_err_t *err)
{
    phr_loose_t  *s;

    s = phr_array_push(&st->start_notes);
    if (s == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    memset(s, 0, sizeof(phr_loose_t));
    s->sid = sid;
    s->at = (uint32_t) st->start_notes.nelts;
    s->t_ms = t_ms;
    s->v = phr_start_code(t_ms, st_ms, alone);

    return PHR_OK;
}


int
phr_start_write(phr_store_t *st, phr_err_t *err)
{
    int     rc;
    size_t  n;

    n = st->start_notes.nelts;

    if (n == 0) {
        return PHR_OK;
    }

    st->starts = 1;
    rc = phr_loose_append_starts(st, st->start_notes.elts, n, err);
    st->start_notes.nelts = 0;

    return rc;
}


int
phr_start_warm(phr_store_t *st, phr_err_t *err)
{
    int            rc, level;
    uint8_t        key[PHR_KEY_WINDOW];
    int32_t        window;
    phr_str_t      k, v;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(st->txn, PHR_DB_WINDOW, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_key_window(key, PHR_LEVEL_STARTS, INT32_MIN);
    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    if (rc == PHR_OK && phr_key_window_get(k, &level, &window)
        && level == PHR_LEVEL_STARTS)
    {
        st->starts = 1;
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


/*
 * What was said last, in a window, of the series at this place of a group
 * and of all others of it that are not known and got nothing newer since.
 */
static int
phr_start_load(phr_store_t *st, uint32_t number, phr_group_t *g, size_t at,
    int32_t window, phr_err_t *err)
{
    int                rc, any;
    size_t             i;
    phr_start_seen_t   seen[PHR_GROUP_SIZE];

    memset(seen, 0, sizeof(seen));

    rc = phr_start_load_packs(st, number, window, seen, err);

    if (rc == PHR_OK) {
        rc = phr_start_load_loose(st, number, window, seen, err);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    for (i = 0, any = 0; i < PHR_GROUP_SIZE; i++) {
        any |= seen[i].found;
    }

    if (g->starts == NULL) {
        if (!any) {
            g->bare = 1;
            g->bare_window = window;
            return PHR_OK;
        }

        rc = phr_start_group(g, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    for (i = 0; i < PHR_GROUP_SIZE; i++) {
        if (i != at
            && (g->starts->window[i] != PHR_START_UNKNOWN
                || g->last[i] <= PHR_LAST_EMPTY
                || phr_start_window(g->last[i]) > window))
        {
            continue;
        }

        g->starts->window[i] = window;
        g->starts->st_ms[i] = seen[i].st_ms;
    }

    return PHR_OK;
}


static int
phr_start_load_packs(phr_store_t *st, uint32_t number, int32_t window,
    phr_start_seen_t *seen, phr_err_t *err)
{
    int              rc;
    uint8_t          key[PHR_KEY_WINDOW + 4];
    phr_str_t        k, v, body;
    phr_pack_t       pack;
    phr_cursor_t    *cursor;
    phr_pack_key_t   pk;

    rc = phr_cursor_open(st->txn, PHR_DB_PACK, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_key_window(key, PHR_LEVEL_STARTS, window);
    phr_put_be32(key + PHR_KEY_WINDOW, number << PHR_GROUP_SHIFT);

    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    while (rc == PHR_OK && phr_key_pack_get(k, &pk)
           && pk.level == PHR_LEVEL_STARTS && pk.window == window
           && phr_group_of(pk.first) == number)
    {
        rc = phr_record_check(PHR_DB_PACK, k, v, &body, err);
        if (rc != PHR_OK) {
            break;
        }

        if (phr_pack_open(&pk, body, &pack) != PHR_OK
            || phr_start_load_pack(number, &pack, seen) != PHR_OK)
        {
            rc = phr_err_set(err, PHR_ECORRUPT, "damaged start timestamps of "
                             "group %u", number);
            break;
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


static int
phr_start_load_pack(uint32_t number, const phr_pack_t *pack,
    phr_start_seen_t *seen)
{
    size_t           i, k;
    double           v[PHR_CHUNK_MAX_SAMPLES];
    int64_t          t_ms[PHR_CHUNK_MAX_SAMPLES];
    phr_chunk_ref_t  ref;

    for (i = 0; i < pack->nchunks; i++) {

        if (phr_pack_chunk(pack, i, &ref) != PHR_OK
            || phr_group_of(ref.sid) != number
            || phr_chunk_ref_times(&ref, t_ms) != PHR_OK
            || phr_chunk_ref_values(&ref, v) != PHR_OK)
        {
            return PHR_ECORRUPT;
        }

        for (k = 0; k < ref.n; k++) {
            phr_start_see(&seen[ref.sid % PHR_GROUP_SIZE], t_ms[k], v[k],
                          pack->key.seal);
        }
    }

    return PHR_OK;
}


static int
phr_start_load_loose(phr_store_t *st, uint32_t number, int32_t window,
    phr_start_seen_t *seen, phr_err_t *err)
{
    int                rc;
    size_t             i, n;
    phr_loose_t        s[PHR_LOOSE_MAX];
    phr_cursor_t      *cursor;
    phr_loose_walk_t   w;

    rc = phr_cursor_open(st->txn, PHR_DB_LOOSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_loose_first(&w, cursor, number, err);

    while (rc == PHR_OK) {
        n = 0;

        if (w.head.starts) {
            rc = phr_loose_samples(&w, NULL, s, &n, err);
            if (rc != PHR_OK) {
                break;
            }
        }

        for (i = 0; i < n; i++) {
            if (phr_start_window(s[i].t_ms) == window) {
                phr_start_see(&seen[s[i].sid % PHR_GROUP_SIZE], s[i].t_ms,
                              s[i].v, PHR_START_LOOSE);
            }
        }

        rc = phr_loose_next(&w, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


/* of equal times that of the highest rank, or else the last, holds */
static void
phr_start_see(phr_start_seen_t *seen, int64_t t_ms, double v, uint64_t rank)
{
    if (phr_start_is_alone(v)
        || (seen->found && (t_ms < seen->t_ms
                            || (t_ms == seen->t_ms && rank < seen->rank))))
    {
        return;
    }

    seen->found = 1;
    seen->t_ms = t_ms;
    seen->st_ms = phr_start_ms(t_ms, v);
    seen->rank = rank;
}


int
phr_start_late(phr_store_t *st, const phr_batch_t *b, const int8_t *status,
    int8_t which, phr_err_t *err)
{
    int           rc;
    size_t        i, n;
    phr_loose_t  *s;

    s = phr_arena_calloc(st->scratch, b->n, sizeof(phr_loose_t));
    if (s == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    for (i = 0, n = 0; i < b->n; i++) {
        if (status[i] == which && !phr_start_is_stale(b, i)) {
            s[n].sid = b->sid[i];
            s[n].at = (uint32_t) i;
            s[n++].t_ms = phr_start_time(b, i);
        }
    }

    if (n == 0) {
        return PHR_OK;
    }

    phr_loose_sort(s, n);

    if (st->starts) {
        return phr_start_compare(st, b, s, n, err);
    }

    for (i = 0, rc = PHR_OK; i < n && rc == PHR_OK; i++) {
        if (phr_start_wanted(b, s[i].at) != 0) {
            rc = phr_start_say(st, s[i].sid, s[i].t_ms,
                               phr_start_wanted(b, s[i].at), 1, err);
        }
    }

    return rc;
}


/* says what is not so already, for sorted samples */
static int
phr_start_compare(phr_store_t *st, const phr_batch_t *b,
    const phr_loose_t *s, size_t n, phr_err_t *err)
{
    int             rc;
    size_t          i, k, m, nsids;
    int64_t         min_ms, max_ms, *t_ms;
    phr_sid_t      *sid;
    const int64_t  *is_ms;
    phr_reader_t   *reader;
    phr_columns_t   c;

    sid = phr_arena_alloc(st->scratch, n * sizeof(phr_sid_t));
    t_ms = phr_arena_alloc(st->scratch, n * sizeof(int64_t));

    if (sid == NULL || t_ms == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    min_ms = s[0].t_ms;
    max_ms = s[0].t_ms;

    for (i = 0, nsids = 0; i < n; i++) {
        t_ms[i] = s[i].t_ms;
        min_ms = phr_min(min_ms, s[i].t_ms);
        max_ms = phr_max(max_ms, s[i].t_ms);

        if (i == 0 || s[i].sid != s[i - 1].sid) {
            sid[nsids++] = s[i].sid;
        }
    }

    rc = phr_reader_create(st->txn, sid, nsids, min_ms, max_ms, &reader, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_reader_want_starts(reader);

    for (i = 0; i < n && rc == PHR_OK; i = k) {

        for (k = i + 1; k < n && s[k].sid == s[i].sid; k++) { /* void */ }

        rc = phr_reader_next(reader, &c, err);

        if (rc == PHR_OK) {
            rc = phr_reader_starts(reader, t_ms + i, k - i, PHR_TIME_MIN,
                                   &is_ms, err);
        }

        for (m = i; m < k && rc == PHR_OK; m++) {
            min_ms = phr_start_wanted(b, s[m].at);

            if (min_ms != (is_ms != NULL ? is_ms[m - i] : 0)) {
                rc = phr_start_say(st, s[m].sid, s[m].t_ms, min_ms, 1, err);
            }
        }
    }

    phr_reader_destroy(reader);

    return rc;
}


int
phr_start_seal(phr_store_t *st, phr_group_t *g, phr_loose_t *s, size_t n,
    phr_err_t *err)
{
    int            rc;
    double        *v;
    size_t         i, k;
    int64_t       *t_ms;
    phr_packer_t  *packer;

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

        for (k = i + 1; k < n && s[k].sid == s[i].sid; k++) { /* void */ }

        if (g->last[s[i].sid % PHR_GROUP_SIZE] == PHR_LAST_NONE) {
            continue;
        }

        rc = phr_start_pack(st, packer, s + i, k - i, 0, t_ms, v, err);

        if (rc == PHR_OK) {
            rc = phr_start_pack(st, packer, s + i, k - i, 1, t_ms, v, err);
        }
    }

    if (rc == PHR_OK) {
        rc = phr_packer_finish(packer, err);
    }

    phr_packer_destroy(packer);

    return rc;
}


/*
 * Those of one series that are of samples alone, or those that are not: in
 * chunks of their own, for there may be both of one time.  Of equal times
 * the last holds.
 */
static int
phr_start_pack(phr_store_t *st, phr_packer_t *packer, const phr_loose_t *s,
    size_t n, int alone, int64_t *t_ms, double *v, phr_err_t *err)
{
    size_t  i, k;

    for (i = 0, k = 0; i < n; i++) {

        if (phr_start_is_alone(s[i].v) != alone
            || phr_start_window_end(s[i].t_ms) < st->keep.low_ms)
        {
            continue;
        }

        k -= (k > 0 && t_ms[k - 1] == s[i].t_ms);
        t_ms[k] = s[i].t_ms;
        v[k++] = s[i].v;
    }

    return k > 0 ? phr_packer_add_starts(packer, s[0].sid, t_ms, v, k, err)
                 : PHR_OK;
}
