/*
 * Copyright (C) The Pharos Authors
 *
 * Making buckets: see coarse_make.h.
 *
 * Blocks are made in the order of time, when all of one is old enough; in a
 * block, groups of series that have samples there, some series at a time.
 * Such a step reads without a lock, then writes its buckets and how far it
 * came in one transaction: so a step is done or was never begun.
 *
 * A sample that comes later than its block is old marks the block and its
 * group; they are made anew when the marks stop coming.  What the source of
 * the buckets has dropped by then stays as it was.
 */

#include "store/coarse_make.h"

#include "core/alloc.h"
#include "store/change.h"
#include "store/keep.h"
#include "store/reader.h"


/* series in a step, so that it reads a million samples or so */
#define PHR_COARSE_SERIES       128

/* empty blocks passed, records dropped in a step */
#define PHR_COARSE_SKIPS        256
#define PHR_COARSE_DROPS        256


/* the buckets of some series of a block on their way */
typedef struct {
    phr_store_t        *st;
    phr_txn_t          *txn;        /* in which is read */
    phr_cursor_t       *old;        /* what is there, */
    phr_cursor_t       *finer;      /* and the source if those are buckets */
    phr_reader_t       *reader;     /* else */
    int                 res;
    int                 source;     /* PHR_STORE_COARSE: samples */
    int64_t             start_ms;
    int64_t             from_ms;    /* what is before stays as it was */
    phr_sid_t           sid[PHR_COARSE_SERIES];
    phr_array_t         pages;      /* of phr_coarse_page_t */
    phr_coarse_t        made;
    phr_coarse_t        room;
} phr_coarsen_t;


static int phr_coarse_back(phr_store_t *st, phr_err_t *err);
static int phr_coarse_drop(phr_store_t *st, int res, phr_err_t *err);
static int phr_coarse_used(phr_store_t *st, int res, int64_t *floor_ms,
    phr_err_t *err);
static int phr_coarse_excess(phr_store_t *st, int res, int64_t *floor_ms,
    phr_err_t *err);
static int phr_coarse_again(phr_store_t *st, int res, phr_err_t *err);
static int phr_coarse_go_on(phr_store_t *st, int res, phr_err_t *err);
static int phr_coarse_make(phr_store_t *st, int res, int64_t start_ms,
    phr_sid_t first, int again, phr_err_t *err);
static int phr_coarse_from(phr_coarsen_t *m, phr_err_t *err);
static int phr_coarse_read(phr_coarsen_t *m, phr_err_t *err);
static int phr_coarse_series(phr_coarsen_t *m, phr_sid_t sid,
    phr_err_t *err);
static int phr_coarse_samples(phr_coarsen_t *m, phr_err_t *err);
static int phr_coarse_finer(phr_coarsen_t *m, phr_sid_t sid,
    phr_err_t *err);
static int phr_coarse_put(phr_coarsen_t *m, phr_sid_t sid, phr_err_t *err);
static int phr_coarse_write(phr_coarsen_t *m, int again, phr_err_t *err);
static int phr_coarse_clear(phr_coarsen_t *m, phr_err_t *err);


int
phr_store_coarsen(phr_store_t *st, int64_t now_ms, phr_err_t *err)
{
    int  rc, res;

    phr_assert(st->txn == NULL);

    phr_store_now(st, now_ms);
    phr_coarse_forget(st);

    rc = phr_coarse_back(st, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (res = 0; res < PHR_STORE_COARSE; res++) {

        if (st->conf.coarse[res].after_ms == 0) {
            continue;
        }

        rc = phr_coarse_drop(st, res, err);
        if (rc == PHR_OK) {
            rc = phr_coarse_go_on(st, res, err);
        }
        if (rc == PHR_OK) {
            rc = phr_coarse_again(st, res, err);
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


/*
 * What was made, and dropped, of a time to come was so by a wrong clock, that
 * was believed.  What comes now needs its buckets nevertheless.
 */
static int
phr_coarse_back(phr_store_t *st, phr_err_t *err)
{
    int         rc, res, back;
    int64_t     gone_ms, start_ms, next_ms[PHR_STORE_COARSE];
    phr_sid_t   sid;
    phr_txn_t  *txn;

    rc = phr_txn_begin(st->env, 0, &txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_coarse_gone_get(txn, &gone_ms, err);
    back = (rc == PHR_OK && gone_ms > st->now_ms);

    for (res = 0; res < PHR_STORE_COARSE && rc >= 0; res++) {
        next_ms[res] = PHR_TIME_MIN;
        rc = phr_coarse_next_get(txn, res, &next_ms[res], &sid, err);
        back |= (next_ms[res] > st->now_ms);
    }

    phr_txn_abort(txn);

    if (rc < 0 || !back) {
        return rc < 0 ? rc : PHR_OK;
    }

    rc = phr_txn_begin(st->env, 1, &st->txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (gone_ms > st->now_ms) {
        rc = phr_coarse_gone_set(st->txn, st->now_ms, err);
    }

    for (res = 0; res < PHR_STORE_COARSE && rc == PHR_OK; res++) {
        if (next_ms[res] <= st->now_ms) {
            continue;
        }

        start_ms = phr_coarse_block(res, st->now_ms
                                         - st->conf.coarse[res].after_ms);

        /* queries see samples from there on, which they did not */
        phr_change_note(st, start_ms);

        rc = phr_coarse_next_put(st->txn, res, start_ms, 0, err);
    }

    return phr_store_end(st, rc, err);
}


/* blocks that are too old; the oldest stand first */
static int
phr_coarse_drop(phr_store_t *st, int res, phr_err_t *err)
{
    int            rc, kind, excess;
    size_t         n;
    int64_t        start_ms, floor_ms;
    uint8_t        key[PHR_KEY_COARSE];
    uint32_t       sid;
    phr_str_t      k, v;
    phr_cursor_t  *cursor;

    static const uint8_t  kinds[] = { 0, PHR_COARSE_MARK };

    floor_ms = phr_keep_coarse(&st->keep, res);

    if (floor_ms <= PHR_KEY_TIME_MIN && st->conf.retention_bytes == 0) {
        return PHR_OK;
    }

    rc = phr_txn_begin(st->env, 1, &st->txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    cursor = NULL;
    n = 0;

    rc = excess = phr_coarse_excess(st, res, &floor_ms, err);

    if (rc >= 0) {
        rc = phr_coarse_used(st, res, &floor_ms, err);
    }
    if (rc == PHR_OK) {
        rc = phr_cursor_open(st->txn, PHR_DB_COARSE, &cursor, err);
    }

    for (kind = 0; kind < 2 && rc == PHR_OK; kind++) {
        memset(key, 0, sizeof(key));
        key[0] = (uint8_t) (kinds[kind] | res);

        rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

        while (rc == PHR_OK && n < PHR_COARSE_DROPS
               && phr_key_coarse_get(k, kinds[kind], res, &start_ms, &sid)
               && start_ms + phr_coarse_span(res) <= floor_ms)
        {
            n++;
            rc = phr_cursor_del(cursor, err);

            if (rc == PHR_OK) {
                rc = phr_cursor_next(cursor, &k, &v, err);
            }
        }

        rc = rc < 0 ? rc : PHR_OK;
    }

    phr_cursor_close(cursor);

    if (rc == PHR_OK && n == 0) {
        phr_txn_abort(st->txn);
        st->txn = NULL;
        return PHR_OK;
    }

    rc = phr_store_end(st, rc, err);

    return rc == PHR_OK && (n == PHR_COARSE_DROPS || excess == PHR_AGAIN)
           ? PHR_AGAIN : rc;
}


/*
 * Half of a bound on the size is for samples, whatever there is of buckets:
 * beyond it the oldest block goes, the finest first.  PHR_AGAIN then.
 */
static int
phr_coarse_excess(phr_store_t *st, int res, int64_t *floor_ms,
    phr_err_t *err)
{
    int              rc;
    int64_t          first_ms, other_ms;
    phr_db_stat_t    db;
    phr_env_stat_t   env;

    if (st->conf.retention_bytes == 0) {
        return PHR_OK;
    }

    rc = phr_txn_stat(st->txn, PHR_DB_COARSE, &db, err);
    if (rc == PHR_OK) {
        rc = phr_env_stat(st->env, st->txn, &env, err);
    }

    if (rc != PHR_OK
        || db.npages * env.page_bytes <= st->conf.retention_bytes / 2)
    {
        return rc;
    }

    rc = phr_coarse_first(st->txn, res, &first_ms, err);

    if (rc == PHR_OK && res == PHR_COARSE_1H) {
        /* those of five minutes had their turn */
        rc = phr_coarse_first(st->txn, PHR_COARSE_5M, &other_ms, err);
        rc = rc < 0 ? rc : rc == PHR_OK ? PHR_NOTFOUND : PHR_OK;
    }

    if (rc != PHR_OK) {
        return rc < 0 ? rc : PHR_OK;
    }

    *floor_ms = phr_max(*floor_ms, first_ms + phr_coarse_span(res));

    return PHR_AGAIN;
}


/* nothing goes of which coarser buckets are still to be made */
static int
phr_coarse_used(phr_store_t *st, int res, int64_t *floor_ms, phr_err_t *err)
{
    int        rc;
    int64_t    next_ms;
    phr_sid_t  sid;

    if (res == PHR_COARSE_1H
        || phr_coarse_source(&st->conf, PHR_COARSE_1H) != res)
    {
        return PHR_OK;
    }

    rc = phr_coarse_next_get(st->txn, PHR_COARSE_1H, &next_ms, &sid, err);

    if (rc >= 0) {
        *floor_ms = rc == PHR_OK ? phr_min(*floor_ms, next_ms)
                                 : PHR_TIME_MIN;
    }

    return rc < 0 ? rc : PHR_OK;
}


/* the next series of the next block that is old enough */
static int
phr_coarse_go_on(phr_store_t *st, int res, phr_err_t *err)
{
    int         rc, source;
    size_t      skips;
    int64_t     start_ms, to_ms, span;
    phr_sid_t   sid;
    phr_txn_t  *txn;

    source = phr_coarse_source(&st->conf, res);
    span = phr_coarse_span(res);

    rc = phr_txn_begin(st->env, 0, &txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    to_ms = st->now_ms - st->conf.coarse[res].after_ms;

    if (source != PHR_STORE_COARSE) {
        rc = phr_coarse_next_get(txn, source, &start_ms, &sid, err);
        to_ms = rc == PHR_OK ? phr_min(to_ms, start_ms) : PHR_TIME_MIN;
    }

    if (rc >= 0) {
        sid = 0;
        rc = phr_coarse_next_get(txn, res, &start_ms, &sid, err);

        if (rc == PHR_NOTFOUND) {
            rc = phr_coarse_begin(st, txn, res, &start_ms, err);
        }
    }

    /* what has nothing is passed as long as there is something later */

    for (skips = 0; rc == PHR_OK; skips++) {
        if (to_ms == PHR_TIME_MIN || start_ms + span > to_ms) {
            rc = PHR_NOTFOUND;
            break;
        }

        rc = phr_coarse_find(txn, source, res, start_ms, &sid, err);
        if (rc != PHR_NOTFOUND) {
            break;
        }

        rc = phr_coarse_any_later(txn, source, start_ms + span, err);
        if (rc != PHR_OK) {
            break;
        }

        start_ms += span;
        sid = 0;

        if (skips == PHR_COARSE_SKIPS) {
            rc = PHR_AGAIN;
            break;
        }
    }

    phr_txn_abort(txn);

    if (rc == PHR_OK) {
        rc = phr_coarse_make(st, res, start_ms,
                             sid & ~(phr_sid_t) (PHR_COARSE_SERIES - 1), 0,
                             err);
        return rc == PHR_OK ? PHR_AGAIN : rc;
    }

    if (rc == PHR_AGAIN || (rc == PHR_NOTFOUND && skips > 0)) {
        rc = phr_txn_begin(st->env, 1, &st->txn, err);
        if (rc == PHR_OK) {
            rc = phr_coarse_next_put(st->txn, res, start_ms, sid, err);
            rc = phr_store_end(st, rc, err);
        }

        return rc == PHR_OK && skips >= PHR_COARSE_SKIPS ? PHR_AGAIN : rc;
    }

    return rc < 0 ? rc : PHR_OK;
}


/*
 * Makes the buckets of some series of a block, those from "first" on; what
 * was made before is replaced.
 */
static int
phr_coarse_make(phr_store_t *st, int res, int64_t start_ms, phr_sid_t first,
    int again, phr_err_t *err)
{
    int            rc;
    size_t         i;
    phr_coarsen_t  m;

    memset(&m, 0, sizeof(m));
    phr_array_init(&m.pages, sizeof(phr_coarse_page_t));

    m.st = st;
    m.res = res;
    m.source = phr_coarse_source(&st->conf, res);
    m.start_ms = start_ms;

    for (i = 0; i < PHR_COARSE_SERIES; i++) {
        m.sid[i] = first + (phr_sid_t) i;
    }

    rc = phr_txn_begin(st->env, 0, &m.txn, err);

    if (rc == PHR_OK) {
        rc = phr_coarse_from(&m, err);

        if (rc == PHR_OK) {
            rc = phr_coarse_read(&m, err);
        }

        phr_txn_abort(m.txn);
    }

    if (rc == PHR_OK) {
        rc = phr_coarse_write(&m, again, err);
    }

    phr_array_free(&m.pages);

    return rc;
}


/* a bucket whose source is gone in part is not made of the rest */
static int
phr_coarse_from(phr_coarsen_t *m, phr_err_t *err)
{
    int      rc;
    int64_t  floor_ms, lost_ms, end;

    end = m->start_ms + phr_coarse_span(m->res);
    floor_ms = end;
    lost_ms = PHR_TIME_MIN;

    if (m->source == PHR_STORE_COARSE) {
        rc = phr_coarse_gone_get(m->txn, &floor_ms, err);

    } else {
        rc = phr_coarse_first(m->txn, m->source, &floor_ms, err);
        if (rc >= 0) {
            rc = phr_coarse_holes_get(m->txn, &lost_ms, err);
        }
    }

    if (rc < 0) {
        return rc;
    }

    floor_ms = phr_max(floor_ms, lost_ms);

    for (m->from_ms = m->start_ms; m->from_ms < floor_ms && m->from_ms < end;
         m->from_ms += phr_coarse_ms(m->res))
    {
        /* void */
    }

    return PHR_OK;
}


static int
phr_coarse_read(phr_coarsen_t *m, phr_err_t *err)
{
    int     rc;
    size_t  i;

    rc = phr_cursor_open(m->txn, PHR_DB_COARSE, &m->old, err);

    if (rc == PHR_OK && m->source != PHR_STORE_COARSE) {
        rc = phr_cursor_open(m->txn, PHR_DB_COARSE, &m->finer, err);

    } else if (rc == PHR_OK) {
        rc = phr_reader_create(m->txn, m->sid, PHR_COARSE_SERIES,
                               m->from_ms + 1,
                               m->start_ms + phr_coarse_span(m->res),
                               &m->reader, err);
    }

    for (i = 0; i < PHR_COARSE_SERIES && rc == PHR_OK; i++) {
        rc = phr_coarse_series(m, m->sid[i], err);
    }

    phr_reader_destroy(m->reader);
    phr_cursor_close(m->finer);
    phr_cursor_close(m->old);

    return rc;
}


static int
phr_coarse_series(phr_coarsen_t *m, phr_sid_t sid, phr_err_t *err)
{
    int     rc;
    size_t  i;

    phr_coarse_init(&m->made, m->res, m->start_ms);

    if (m->from_ms > m->start_ms) {
        phr_coarse_init(&m->room, m->res, m->start_ms);

        rc = phr_coarse_get(m->old, sid, &m->room, err);
        if (rc < 0) {
            return rc;
        }

        for (i = 0; i < m->room.n
                    && phr_coarse_end(&m->room, i) <= m->from_ms; i++)
        {
            phr_coarse_add(&m->made, &m->room.b[i]);
        }
    }

    rc = m->source == PHR_STORE_COARSE ? phr_coarse_samples(m, err)
                                       : phr_coarse_finer(m, sid, err);

    return rc == PHR_OK && m->made.n > 0 ? phr_coarse_put(m, sid, err) : rc;
}


static int
phr_coarse_samples(phr_coarsen_t *m, phr_err_t *err)
{
    int            rc;
    size_t         i;
    phr_bucket_t   b;
    phr_columns_t  c;

    rc = phr_reader_next(m->reader, &c, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (i = 0; i < c.n; i++) {
        if (c.h == NULL || c.h[i] == NULL) {
            phr_bucket_of_sample(&b, c.t_ms[i], c.v[i]);
            phr_coarse_add(&m->made, &b);
        }
    }

    return PHR_OK;
}


static int
phr_coarse_finer(phr_coarsen_t *m, phr_sid_t sid, phr_err_t *err)
{
    int      rc;
    size_t   i;
    int64_t  t_ms, end;

    end = m->start_ms + phr_coarse_span(m->res);

    for (t_ms = m->start_ms; t_ms < end;
         t_ms += phr_coarse_span(m->source))
    {
        phr_coarse_init(&m->room, m->source, t_ms);

        rc = phr_coarse_get(m->finer, sid, &m->room, err);
        if (rc < 0) {
            return rc;
        }

        for (i = 0; i < m->room.n; i++) {
            if (phr_coarse_end(&m->room, i) > m->from_ms) {
                phr_coarse_add(&m->made, &m->room.b[i]);
            }
        }
    }

    return PHR_OK;
}


/* into the last page, or one more */
static int
phr_coarse_put(phr_coarsen_t *m, phr_sid_t sid, phr_err_t *err)
{
    size_t              len;
    uint8_t             data[PHR_COARSE_BOUND];
    phr_coarse_page_t  *p;

    len = phr_coarse_encode(&m->made, data);
    p = NULL;

    if (m->pages.nelts > 0) {
        p = phr_array_get(&m->pages, phr_coarse_page_t, m->pages.nelts - 1);

        if (phr_coarse_page_add(p, sid, data, len) == PHR_OK) {
            return PHR_OK;
        }
    }

    p = phr_array_push(&m->pages);
    if (p == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    p->n = 0;
    p->len = 0;

    (void) phr_coarse_page_add(p, sid, data, len);

    return PHR_OK;
}


static int
phr_coarse_write(phr_coarsen_t *m, int again, phr_err_t *err)
{
    int           rc;
    size_t        i;
    uint32_t      group;
    phr_sid_t     next;
    phr_store_t  *st;

    st = m->st;
    next = m->sid[PHR_COARSE_SERIES - 1] + 1;
    group = phr_group_of(m->sid[0]);

    rc = phr_txn_begin(st->env, 1, &st->txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_coarse_clear(m, err);

    for (i = 0; i < m->pages.nelts && rc == PHR_OK; i++) {
        rc = phr_coarse_page_write(phr_array_get(&m->pages,
                                                 phr_coarse_page_t, i),
                                   st->txn, m->res, m->start_ms, err);
    }

    /*
     * A mark is done with when all of its group is.  Of what is made for the
     * first time, what is marked after this step may be of series that had
     * theirs already.
     */

    if (rc == PHR_OK
        && (again ? phr_group_of(next) != group
                  : m->sid[0] == group << PHR_GROUP_SHIFT))
    {
        rc = phr_coarse_unmark(st, m->res, m->start_ms, group, err);
    }

    if (rc == PHR_OK && again && phr_group_of(next) != group
        && m->res == PHR_COARSE_5M
        && st->conf.coarse[PHR_COARSE_1H].after_ms != 0)
    {
        rc = phr_coarse_mark(st, PHR_COARSE_1H,
                             phr_coarse_block(PHR_COARSE_1H, m->start_ms + 1),
                             group, err);
    }

    if (rc == PHR_OK && !again) {
        rc = phr_coarse_next_put(st->txn, m->res, m->start_ms, next, err);
    }

    return phr_store_end(st, rc, err);
}


/* records never hold series of two steps */
static int
phr_coarse_clear(phr_coarsen_t *m, phr_err_t *err)
{
    int            rc;
    int64_t        start_ms;
    uint8_t        key[PHR_KEY_COARSE];
    uint32_t       sid;
    phr_str_t      k, v;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(m->st->txn, PHR_DB_COARSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_key_coarse(key, 0, m->start_ms, m->res, m->sid[0]);
    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    while (rc == PHR_OK && phr_key_coarse_get(k, 0, m->res, &start_ms, &sid)
           && start_ms == m->start_ms && sid <= m->sid[PHR_COARSE_SERIES - 1])
    {
        rc = phr_cursor_del(cursor, err);

        if (rc == PHR_OK) {
            rc = phr_cursor_next(cursor, &k, &v, err);
        }
    }

    phr_cursor_close(cursor);

    return rc < 0 ? rc : PHR_OK;
}


/* a group of a block for which samples came late */
static int
phr_coarse_again(phr_store_t *st, int res, phr_err_t *err)
{
    int        rc;
    int64_t    start_ms;
    uint32_t   group;
    phr_sid_t  sid;

    rc = phr_coarse_due_mark(st, res, &start_ms, &group, err);
    if (rc != PHR_OK) {
        return rc < 0 ? rc : PHR_OK;
    }

    for (sid = group << PHR_GROUP_SHIFT;
         rc == PHR_OK && phr_group_of(sid) == group; sid += PHR_COARSE_SERIES)
    {
        rc = phr_coarse_make(st, res, start_ms, sid, 1, err);
    }

    return rc == PHR_OK ? PHR_AGAIN : rc;
}
