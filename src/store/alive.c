/*
 * Copyright (C) The Pharos Authors
 *
 * Alive: see alive.h.
 *
 * What is sealed: the record of a group has the time of the newest sample of
 * each series, and the packs of the windows in the range have a highest id.
 * What is not sealed: layouts that have rows in the range, and loose samples.
 */

#include "store/alive.h"

#include "store/block.h"
#include "store/keep.h"
#include "store/loose.h"
#include "store/series.h"
#include "store/source.h"


/*
 * What was looked at of a group.  The record of what is sealed is read series
 * by series, as they are asked for, and most of them need no look at rows.
 */
typedef enum {
    PHR_ALIVE_UNKNOWN = 0,
    PHR_ALIVE_LOOSE,            /* loose samples; the record is there */
    PHR_ALIVE_ROWS,             /* rows too */
    PHR_ALIVE_NARROW,           /* nothing, the bits are all there is */
} phr_alive_known_e;


/* of a source, in the order of their ids */
struct phr_alive_layout_s {
    phr_head_t  head;
    uint8_t     found;          /* a row of it is in the range, */
    int64_t     t_ms;           /* the newest at this time, or above high */
};


/* its layouts come one after another */
struct phr_alive_source_s {
    size_t     first, n;
    phr_sid_t  min_sid, max_sid;
    uint8_t    seen;
};


static int phr_alive_room(phr_alive_t *a, phr_arena_t *arena,
    phr_err_t *err);
static int phr_alive_high(phr_alive_t *a, phr_err_t *err);
static int phr_alive_level(phr_alive_t *a, phr_cursor_t *cursor, int level,
    phr_err_t *err);
static int phr_alive_rows(phr_alive_t *a, uint32_t group, phr_err_t *err);
static int phr_alive_list(phr_alive_t *a, phr_err_t *err);
static void phr_alive_listed(phr_alive_t *a, const phr_head_t *h);
static int phr_alive_source(phr_alive_t *a, const phr_alive_source_t *src,
    phr_err_t *err);
static phr_alive_layout_t *phr_alive_find(phr_alive_layout_t *l, size_t n,
    uint32_t id);
static int phr_alive_layout(phr_alive_t *a, const phr_alive_layout_t *l,
    phr_err_t *err);
static int phr_alive_group(phr_alive_t *a, uint32_t group, phr_err_t *err);
static int phr_alive_loose(phr_alive_t *a, uint32_t group, phr_err_t *err);
static int phr_alive_sealed(phr_alive_t *a, phr_sid_t sid, phr_err_t *err);
static int phr_alive_is(phr_alive_t *a, phr_sid_t sid, phr_err_t *err);
static int phr_alive_add(phr_alive_t *a, phr_sid_t sid, int64_t t_ms,
    phr_err_t *err);


#define phr_alive_set(a, sid)                                                 \
    ((a)->bits[phr_group_of(sid)][((sid) & (PHR_GROUP_SIZE - 1)) / 64]        \
     |= UINT64_C(1) << ((sid) & 63))

#define phr_alive_has(a, sid)                                                 \
    ((a)->bits[phr_group_of(sid)][((sid) & (PHR_GROUP_SIZE - 1)) / 64]        \
     >> ((sid) & 63) & 1)


int
phr_alive_init(phr_alive_t *a, phr_txn_t *txn, const phr_keep_t *keep,
    int64_t min_ms, int64_t max_ms, phr_arena_t *arena, phr_err_t *err)
{
    int  rc;

    memset(a, 0, sizeof(phr_alive_t));

    a->txn = txn;
    a->keep = *keep;
    a->arena = arena;
    phr_sids_init(&a->ids, arena);

    if (min_ms < keep->low_ms && phr_keep_life(keep) < keep->low_ms) {
        /* of buckets only this is known: they are older than the newest */
        a->keep.low_ms = phr_keep_life(keep);
        a->keep.high_ms = a->keep.low_ms;
        a->high = UINT32_MAX;
    }

    a->min_ms = phr_max(phr_max(min_ms, a->keep.low_ms), PHR_KEY_TIME_MIN);
    a->max_ms = phr_min(max_ms, PHR_KEY_TIME_MAX);

    if (a->min_ms > a->max_ms) {
        /* there are no groups, so no series is alive */
        return PHR_OK;
    }

    if (a->min_ms == PHR_KEY_TIME_MIN && a->max_ms == PHR_KEY_TIME_MAX
        && phr_keep_is_flat(&a->keep))
    {
        a->all = 1;
        return PHR_OK;
    }

    rc = phr_alive_room(a, arena, err);
    if (rc == PHR_OK) {
        rc = phr_alive_high(a, err);
    }

    return rc;
}


/* bits for all series that there are */
static int
phr_alive_room(phr_alive_t *a, phr_arena_t *arena, phr_err_t *err)
{
    int            rc;
    phr_str_t      k, v;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(a->txn, PHR_DB_SERIES, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_cursor_last(cursor, &k, &v, err);

    if (rc == PHR_OK && k.len == PHR_KEY_SERIES) {
        a->newest = phr_get_be32((const uint8_t *) k.data);
        a->ngroups = phr_group_of(a->newest) + 1;
    }

    phr_cursor_close(cursor);

    if (rc < 0) {
        return rc;
    }

    a->known = phr_arena_calloc(arena, a->ngroups + 1, 1);
    a->bits = phr_arena_calloc(arena, a->ngroups + 1, sizeof(a->bits[0]));
    a->sealed = phr_arena_calloc(arena, a->ngroups + 1, sizeof(phr_str_t));

    if (a->known == NULL || a->bits == NULL || a->sealed == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "too much memory needed "
                           "for series");
    }

    return PHR_OK;
}


static int
phr_alive_high(phr_alive_t *a, phr_err_t *err)
{
    int            rc, level;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(a->txn, PHR_DB_PACK, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (level = 0; level < PHR_NLEVELS && rc == PHR_OK
                    && a->high < a->newest; level++)
    {
        rc = phr_alive_level(a, cursor, level, err);
    }

    phr_cursor_close(cursor);

    return rc;
}


/*
 * The newest windows first.  In each, the packs of the highest group stand
 * last; a window without a higher group than is known already has nothing
 * to add.
 */
static int
phr_alive_level(phr_alive_t *a, phr_cursor_t *cursor, int level,
    phr_err_t *err)
{
    int             rc;
    int32_t         window, first;
    uint8_t         key[PHR_KEY_WINDOW];
    phr_str_t       k, v;
    phr_pack_key_t  p;

    first = phr_window_of(level, a->min_ms) - 1;
    window = phr_window_of(level, a->max_ms) + 1;

    while (a->high < a->newest) {
        phr_key_window(key, level, window);
        rc = phr_cursor_before(cursor, key, sizeof(key), &k, &v, err);

        if (rc != PHR_OK || !phr_key_pack_get(k, &p) || p.level != level
            || p.window < first)
        {
            return rc < 0 ? rc : PHR_OK;
        }

        window = p.window;

        while (rc == PHR_OK && a->high < a->newest
               && phr_key_pack_get(k, &p) && p.level == level
               && p.window == window
               && phr_group_of(p.first) >= phr_group_of(a->high))
        {
            if (phr_pack_key_max(&p) >= a->min_ms
                && phr_pack_key_min(&p) <= a->max_ms)
            {
                a->high = phr_max(a->high, p.first + p.span);
            }

            rc = phr_cursor_prev(cursor, &k, &v, err);
        }

        if (rc < 0) {
            return rc;
        }
    }

    return PHR_OK;
}


/* adds what the rows have of a group */
static int
phr_alive_rows(phr_alive_t *a, uint32_t group, phr_err_t *err)
{
    int                  rc;
    size_t               i;
    phr_alive_source_t  *src;

    rc = PHR_OK;

    if (!a->listed) {
        rc = phr_alive_list(a, err);
        a->listed = 1;
    }

    for (i = 0; i < a->nsources && rc == PHR_OK; i++) {
        src = &a->sources[i];

        if (!src->seen && phr_group_of(src->min_sid) <= group
            && phr_group_of(src->max_sid) >= group)
        {
            src->seen = 1;
            rc = phr_alive_source(a, src, err);
        }
    }

    return rc;
}


/* all layouts, by source */
static int
phr_alive_list(phr_alive_t *a, phr_err_t *err)
{
    int             rc;
    phr_str_t       k, v;
    phr_head_t      h;
    phr_cursor_t   *cursor;
    phr_db_stat_t   stat;

    rc = phr_txn_stat(a->txn, PHR_DB_HEAD, &stat, err);
    if (rc != PHR_OK) {
        return rc;
    }

    a->layouts = phr_arena_alloc(a->arena,
                                 (stat.nentries + 1) * sizeof(a->layouts[0]));
    a->sources = phr_arena_alloc(a->arena,
                                 (stat.nentries + 1) * sizeof(a->sources[0]));

    if (a->layouts == NULL || a->sources == NULL) {
        return phr_err_set(err, phr_arena_rc(a->arena), "too much memory "
                           "needed for series");
    }

    rc = phr_cursor_open(a->txn, PHR_DB_HEAD, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_cursor_first(cursor, &k, &v, err);

    while (rc == PHR_OK && a->nlayouts < stat.nentries) {
        rc = phr_head_read(k, v, &h, err);
        if (rc != PHR_OK) {
            break;
        }

        phr_alive_listed(a, &h);
        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


static void
phr_alive_listed(phr_alive_t *a, const phr_head_t *h)
{
    phr_alive_layout_t  *l;
    phr_alive_source_t  *src;

    if (a->nlayouts == 0
        || a->layouts[a->nlayouts - 1].head.source != h->source)
    {
        src = &a->sources[a->nsources++];
        src->first = a->nlayouts;
        src->n = 0;
        src->seen = 0;
        src->min_sid = h->min_sid;
        src->max_sid = h->max_sid;
    }

    src = &a->sources[a->nsources - 1];
    src->n++;
    src->min_sid = phr_min(src->min_sid, h->min_sid);
    src->max_sid = phr_max(src->max_sid, h->max_sid);

    l = &a->layouts[a->nlayouts++];
    l->head = *h;
    l->found = 0;
    l->t_ms = 0;
}


/* the series of those layouts that have a row in the range */
static int
phr_alive_source(phr_alive_t *a, const phr_alive_source_t *src,
    phr_err_t *err)
{
    int                  rc;
    size_t               i, left;
    uint8_t              from[PHR_KEY_ROW];
    uint32_t             source;
    phr_str_t            k, v;
    phr_cursor_t        *cursor;
    phr_row_key_t        key;
    phr_alive_layout_t  *l, *layouts;

    rc = phr_cursor_open(a->txn, PHR_DB_ROW, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    layouts = a->layouts + src->first;
    l = layouts;
    source = l->head.source;
    left = src->n;

    memset(&key, 0, sizeof(key));
    key.source = source;
    key.t_ms = a->min_ms;
    phr_key_row(from, &key);

    rc = phr_cursor_seek(cursor, from, sizeof(from), &k, &v, err);

    while (rc == PHR_OK && left > 0 && phr_key_row_get(k, &key)
           && key.source == source && key.t_ms <= a->max_ms)
    {
        if (l->head.id != key.layout) {
            l = phr_alive_find(layouts, src->n, key.layout);
        }

        if (l->head.id == key.layout
            && (!l->found || l->t_ms < a->keep.high_ms))
        {
            l->found = 1;
            l->t_ms = key.t_ms;

            /* a newer one would make no difference */
            left -= (l->t_ms >= a->keep.high_ms);
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    if (rc < 0) {
        return rc;
    }

    for (i = 0; i < src->n; i++) {
        if (layouts[i].found) {
            rc = phr_alive_layout(a, &layouts[i], err);
            if (rc != PHR_OK) {
                return rc;
            }
        }
    }

    return PHR_OK;
}


/* the layout, or any if it is not there */
static phr_alive_layout_t *
phr_alive_find(phr_alive_layout_t *l, size_t n, uint32_t id)
{
    size_t  low, high, mid;

    low = 0;
    high = n - 1;

    while (low < high) {
        mid = (low + high) / 2;

        if (l[mid].head.id < id) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    return &l[low];
}


static int
phr_alive_layout(phr_alive_t *a, const phr_alive_layout_t *l,
    phr_err_t *err)
{
    int                rc;
    size_t             i;
    phr_sid_t         *sid;
    const phr_head_t  *h;

    h = &l->head;

    sid = phr_arena_alloc(a->arena, h->n * sizeof(phr_sid_t));
    if (sid == NULL) {
        return phr_err_set(err, phr_arena_rc(a->arena), "no memory for a "
                           "layout of %u series", h->n);
    }

    rc = phr_layout_read(a->txn, h, sid, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (i = 0; i < h->n && rc == PHR_OK; i++) {
        /* a layout may name what expired */
        if (phr_group_of(sid[i]) < a->ngroups) {
            rc = phr_alive_add(a, sid[i], l->t_ms, err);
        }
    }

    return rc;
}


/* a series whose newest sample that is known has this time */
static int
phr_alive_add(phr_alive_t *a, phr_sid_t sid, int64_t t_ms, phr_err_t *err)
{
    int      rc;
    int64_t  floor_ms;

    if (phr_alive_has(a, sid)) {
        return PHR_OK;
    }

    if (!phr_keep_is_flat(&a->keep)
        && (t_ms < a->keep.high_ms || a->max_ms < a->keep.high_ms))
    {
        rc = phr_keep_series(&a->keep, a->txn, sid, a->arena, &floor_ms, err);

        if (rc != PHR_OK) {
            return rc < 0 ? rc : PHR_OK;
        }

        if (t_ms < floor_ms || a->max_ms < floor_ms) {
            return PHR_OK;
        }
    }

    phr_alive_set(a, sid);

    return PHR_OK;
}


int
phr_alive_filter(phr_alive_t *a, phr_sids_t *sids, phr_err_t *err)
{
    int     rc;
    size_t  i, n;

    if (a->all) {
        return PHR_OK;
    }

    n = 0;

    for (i = 0; i < sids->n; i++) {
        rc = phr_alive_is(a, sids->v[i], err);
        if (rc < 0) {
            return rc;
        }

        if (rc == PHR_OK) {
            sids->v[n++] = sids->v[i];
        }
    }

    sids->n = n;

    return PHR_OK;
}


int
phr_alive_narrow(phr_alive_t *a, const phr_sids_t *sids, phr_arena_t *arena,
    phr_err_t *err)
{
    int     rc;
    size_t  i;

    rc = phr_alive_room(a, arena, err);
    if (rc != PHR_OK) {
        return rc;
    }

    memset(a->known, PHR_ALIVE_NARROW, a->ngroups);
    a->all = 0;

    for (i = 0; i < sids->n; i++) {
        if (phr_group_of(sids->v[i]) < a->ngroups) {
            phr_alive_set(a, sids->v[i]);
        }
    }

    return PHR_OK;
}


int
phr_alive_any(phr_alive_t *a, uint32_t list, phr_err_t *err)
{
    int            rc, found;
    size_t         i;
    uint8_t        key[PHR_KEY_POST];
    phr_str_t      k, v, body;
    phr_cursor_t  *cursor;

    if (a->all) {
        return PHR_OK;
    }

    rc = phr_cursor_open(a->txn, PHR_DB_POST, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_put_be32(key, list);
    phr_put_be32(key + 4, 0);

    found = PHR_NOTFOUND;
    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    while (rc == PHR_OK && found == PHR_NOTFOUND && k.len == PHR_KEY_POST
           && memcmp(k.data, key, 4) == 0)
    {
        rc = phr_record_check(PHR_DB_POST, k, v, &body, err);
        if (rc != PHR_OK) {
            break;
        }

        /* the key has the first id, and mostly that is enough */

        found = phr_alive_is(a, phr_get_be32((const uint8_t *) k.data + 4),
                             err);

        if (found == PHR_NOTFOUND) {
            a->ids.n = 0;
            rc = phr_post_take(list, k, body, &a->ids, err);
        }

        if (rc != PHR_OK || found != PHR_NOTFOUND) {
            break;
        }

        for (i = 1; i < a->ids.n && found == PHR_NOTFOUND; i++) {
            found = phr_alive_is(a, a->ids.v[i], err);
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : found;
}


static int
phr_alive_is(phr_alive_t *a, phr_sid_t sid, phr_err_t *err)
{
    int       rc;
    uint32_t  group;

    group = phr_group_of(sid);

    if (group >= a->ngroups) {
        return PHR_NOTFOUND;
    }

    if (a->known[group] == PHR_ALIVE_UNKNOWN) {
        rc = phr_alive_group(a, group, err);
        if (rc != PHR_OK) {
            return rc;
        }

        a->known[group] = PHR_ALIVE_LOOSE;
    }

    if (!phr_alive_has(a, sid) && a->known[group] != PHR_ALIVE_NARROW) {
        rc = phr_alive_sealed(a, sid, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (!phr_alive_has(a, sid) && a->known[group] == PHR_ALIVE_LOOSE) {
        rc = phr_alive_rows(a, group, err);
        if (rc != PHR_OK) {
            return rc;
        }

        a->known[group] = PHR_ALIVE_ROWS;
    }

    return phr_alive_has(a, sid) ? PHR_OK : PHR_NOTFOUND;
}


/* adds loose samples, and has the record of what is sealed */
static int
phr_alive_group(phr_alive_t *a, uint32_t group, phr_err_t *err)
{
    int         rc;
    uint8_t     key[4];
    phr_str_t  *body;

    body = &a->sealed[group];
    phr_put_be32(key, group);

    rc = phr_record_get(a->txn, PHR_DB_LAST, key, sizeof(key), body, err);

    if (rc == PHR_OK) {
        if (body->len != PHR_GROUP_BYTES) {
            return phr_err_set(err, PHR_ECORRUPT, "damaged group %u", group);
        }

        rc = phr_txn_keep(a->txn, a->arena, body, err);

    } else {
        body->len = 0;
    }

    return rc < 0 ? rc : phr_alive_loose(a, group, err);
}


/* adds the series if what is sealed of it is enough */
static int
phr_alive_sealed(phr_alive_t *a, phr_sid_t sid, phr_err_t *err)
{
    int64_t    last;
    phr_str_t  body;

    body = a->sealed[phr_group_of(sid)];

    if (body.len == 0 || sid > a->high) {
        return PHR_OK;
    }

    last = phr_group_last(body, sid & (PHR_GROUP_SIZE - 1));

    return last > PHR_LAST_EMPTY && last >= a->min_ms
           ? phr_alive_add(a, sid, last, err) : PHR_OK;
}


static int
phr_alive_loose(phr_alive_t *a, uint32_t group, phr_err_t *err)
{
    int                rc;
    size_t             i, n;
    phr_loose_t        s[PHR_LOOSE_MAX];
    phr_cursor_t      *cursor;
    phr_loose_walk_t   w;

    rc = phr_cursor_open(a->txn, PHR_DB_LOOSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_loose_first(&w, cursor, group, err);

    while (rc == PHR_OK) {
        n = 0;

        if (w.head.max_ms >= a->min_ms && w.head.min_ms <= a->max_ms
            && !w.head.starts)
        {
            rc = phr_loose_samples(&w, NULL, s, &n, err);
        }

        for (i = 0; i < n && rc == PHR_OK; i++) {
            if (s[i].t_ms >= a->min_ms && s[i].t_ms <= a->max_ms) {
                rc = phr_alive_add(a, s[i].sid, s[i].t_ms, err);
            }
        }

        if (rc != PHR_OK) {
            break;
        }

        rc = phr_loose_next(&w, err);
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}
