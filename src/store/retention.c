/*
 * Copyright (C) The Pharos Authors
 *
 * Retention: drops what is below the floors of keep.h, which queries do not
 * see any more, and then the series that have nothing left.
 *
 * There is a pass for the retention of all series, one for each rule, and
 * one for the size.  A pass begins when its floor has risen by a part of the
 * time that is kept, and looks at the packs that ended since the floor of
 * the pass before: so a pack is looked at once for each floor in its life,
 * whatever the size of the store.  A pack that is too old for every series
 * goes as it is; of others the chunks that are too old are taken out, and
 * for that only packs of groups are read that have a series of the rule.
 *
 * Packs of sparse series span long times.  They are written anew when half
 * of their time is too old, or an eighth of the time that is kept: so a few
 * times at most.
 *
 * A step is one transaction of bounded work, and none if nothing changed.
 */

#include "store/retain.h"

#include "core/alloc.h"
#include "store/coarse_make.h"
#include "store/exemplar.h"
#include "store/idle.h"
#include "store/index.h"
#include "store/keep.h"
#include "store/series.h"


#define PHR_RETAIN_CHECK_MS  60000
#define PHR_RETAIN_IDLE_MS   3600000    /* between looks for idle sources */
#define PHR_RETAIN_GROUPS    64         /* in a step */
#define PHR_RETAIN_SERIES    512

/* a pass each 32th of the time that is kept, within bounds */
#define PHR_RETAIN_PART      32
#define PHR_RETAIN_STEP_MIN  60000
#define PHR_RETAIN_STEP_MAX  PHR_WINDOW_MS

/* packs of sparse series are written anew when so much is too old */
#define PHR_RETAIN_WORN      8

/*
 * So much of a bound on the size stays free, for pages that a commit frees
 * serve later ones only, and not before all queries that began earlier end.
 */
#define PHR_RETAIN_RESERVE_MIN  (4ULL << 20)
#define PHR_RETAIN_RESERVE_MAX  (256ULL << 20)


/* ORDER RETAIN */
enum {
    PHR_RETAIN_IDLE = 0,
    PHR_RETAIN_PACKS,
    PHR_RETAIN_DEAD,
    PHR_RETAIN_SOURCES
};


static int phr_retain_begin(phr_store_t *st, phr_err_t *err);
static int phr_retain_due(phr_retain_t *r, const phr_keep_t *keep,
    size_t pass, int64_t *to_ms);
static int phr_retain_hold(phr_store_t *st, phr_keep_t *keep, phr_err_t *err);
static int64_t phr_retain_keep(const phr_store_conf_t *conf, size_t pass);
static int phr_retain_members(phr_store_t *st, size_t pass, phr_err_t *err);
static int phr_retain_size(phr_store_t *st, phr_err_t *err);
static int phr_retain_oldest(phr_store_t *st, phr_txn_t *txn,
    int64_t *next_ms, phr_err_t *err);
static int phr_retain_step(phr_store_t *st, int *changed, phr_err_t *err);
static int phr_retain_series(phr_store_t *st, int *changed, phr_err_t *err);
static int phr_retain_group(phr_store_t *st, uint32_t number,
    size_t *nexpired, phr_err_t *err);
static int phr_retain_dead(phr_store_t *st, phr_sid_t sid, int64_t last,
    phr_err_t *err);
static void phr_retain_free_groups(phr_store_t *st);


void
phr_retain_init(phr_store_t *st)
{
    size_t         i;
    phr_retain_t  *r;

    r = &st->retain;

    for (i = 0; i < phr_nelems(r->done_ms); i++) {
        r->done_ms[i] = PHR_TIME_MIN;
    }

    r->size_ms = PHR_TIME_MIN;
    r->check_ms = PHR_TIME_MIN;
    r->idle_ms = PHR_TIME_MIN;
}


void
phr_retain_forget(phr_store_t *st)
{
    phr_free(st->retain.member);
    st->retain.member = NULL;
}


int
phr_store_retain(phr_store_t *st, int64_t now_ms, phr_err_t *err)
{
    int            rc, changed;
    phr_retain_t  *r;

    phr_assert(st->txn == NULL);

    phr_store_now(st, now_ms);
    r = &st->retain;

    if (r->check_ms == PHR_TIME_MIN || now_ms < r->check_ms
        || now_ms - r->check_ms >= PHR_RETAIN_CHECK_MS)
    {
        phr_env_check_readers(st->env);
        r->check_ms = now_ms;
    }

    if (r->stage == PHR_RETAIN_IDLE) {
        rc = phr_retain_begin(st, err);

        if (rc != PHR_OK) {
            return rc == PHR_NOTFOUND ? PHR_OK : rc;
        }
    }

    rc = phr_txn_begin(st->env, 1, &st->txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    changed = 0;
    rc = phr_store_warm(st, err);

    if (rc == PHR_OK) {
        rc = phr_retain_step(st, &changed, err);
    }

    if (rc == PHR_OK && !changed) {
        phr_txn_abort(st->txn);
        st->txn = NULL;

    } else {
        rc = phr_store_end(st, rc, err);
    }

    if (rc < 0) {
        /* the pass is made again, some time later */
        r->stage = PHR_RETAIN_IDLE;
        return rc;
    }

    if (r->stage == PHR_RETAIN_PACKS && r->level == PHR_NLEVELS_ALL) {
        r->done_ms[r->pass] = r->to_ms;
        r->dropped = 1;
        r->stage = PHR_RETAIN_IDLE;
    }

    return PHR_AGAIN;
}


/* PHR_NOTFOUND if no pass is due */
static int
phr_retain_begin(phr_store_t *st, phr_err_t *err)
{
    int            rc;
    size_t         pass;
    int64_t        to_ms;
    phr_keep_t     keep;
    phr_retain_t  *r;

    r = &st->retain;

    /* before anything more is dropped for the size: the index counts, too */

    if (r->dropped) {
        r->keep = st->keep;
        r->stage = PHR_RETAIN_DEAD;
        r->group = 0;
        r->dropped = 0;

        return PHR_OK;
    }

    rc = phr_retain_size(st, err);
    if (rc == PHR_OK) {
        rc = phr_retain_hold(st, &keep, err);
    }
    if (rc != PHR_OK) {
        return rc;
    }

    for (pass = 0; pass < st->conf.nrules + 2; pass++) {

        if (!phr_retain_due(r, &keep, pass, &to_ms)) {
            continue;
        }

        rc = phr_retain_members(st, pass, err);
        if (rc != PHR_OK) {
            return rc;
        }

        r->keep = keep;
        r->pass = (uint16_t) pass;
        r->from_ms = r->done_ms[pass];
        r->to_ms = to_ms;
        r->worn_ms = phr_retain_keep(&st->conf, pass) / PHR_RETAIN_WORN;
        r->seal = st->next.seal;
        r->stage = PHR_RETAIN_PACKS;
        r->level = 0;
        r->resume = 0;

        return PHR_OK;
    }

    if (st->now_ms < r->idle_ms
        || st->now_ms - PHR_RETAIN_IDLE_MS >= r->idle_ms)
    {
        /* what was made before the last walk had its time to get a sample */

        if (r->sid != 0) {
            st->first_sid = r->sid;
        }

        r->sid = st->next.sid;

        memset(&r->idle, 0, sizeof(r->idle));
        r->idle_ms = st->now_ms;
        r->stage = PHR_RETAIN_SOURCES;

        return PHR_OK;
    }

    return PHR_NOTFOUND;
}


/* passes are those of the rules, of all other series, and of the size */
static int
phr_retain_due(phr_retain_t *r, const phr_keep_t *keep, size_t pass,
    int64_t *to_ms)
{
    int64_t                  keep_ms, step_ms;
    const phr_store_conf_t  *conf;

    conf = keep->conf;
    keep_ms = phr_retain_keep(conf, pass);

    if (pass <= conf->nrules && keep_ms == 0) {
        return 0;
    }

    *to_ms = pass > conf->nrules ? keep->size_ms
             : pass == conf->nrules ? phr_keep_general(keep)
             : phr_keep_floor(keep, keep_ms);

    /* the clock was set back: what comes now is not gone */

    r->done_ms[pass] = phr_min(r->done_ms[pass], *to_ms);

    if (pass > conf->nrules) {
        return *to_ms > r->done_ms[pass];
    }

    if (r->done_ms[pass] == PHR_TIME_MIN) {
        return *to_ms > PHR_TIME_MIN;
    }

    step_ms = keep_ms / PHR_RETAIN_PART;
    step_ms = phr_max(step_ms, PHR_RETAIN_STEP_MIN);
    step_ms = phr_min(step_ms, PHR_RETAIN_STEP_MAX);

    return *to_ms > r->done_ms[pass]
           && *to_ms - step_ms >= r->done_ms[pass];
}


/* the floors, but that nothing goes before the buckets of it are made */
static int
phr_retain_hold(phr_store_t *st, phr_keep_t *keep, phr_err_t *err)
{
    int         rc;
    int64_t     t_ms;
    phr_txn_t  *txn;

    *keep = st->keep;
    t_ms = PHR_TIME_MAX;

    rc = phr_txn_begin(st->env, 0, &txn, err);

    if (rc == PHR_OK) {
        rc = phr_coarse_needed(st, txn, &t_ms, err);
        phr_txn_abort(txn);
    }

    phr_keep_hold(keep, t_ms);

    return rc;
}


/* for how long is kept what the pass is about, 0: for ever, or by size */
static int64_t
phr_retain_keep(const phr_store_conf_t *conf, size_t pass)
{
    return pass < conf->nrules ? conf->rules[pass].keep_ms
           : pass == conf->nrules ? conf->retention_ms : 0;
}


/* the groups that have a series of the rule */
static int
phr_retain_members(phr_store_t *st, size_t pass, phr_err_t *err)
{
    int                      rc;
    size_t                   i, g;
    phr_sids_t               sids;
    phr_txn_t               *txn;
    phr_arena_t             *arena;
    phr_retain_t            *r;
    const phr_store_rule_t  *rule;

    r = &st->retain;
    phr_retain_forget(st);

    if (pass >= st->conf.nrules) {
        return PHR_OK;
    }

    rule = &st->conf.rules[pass];
    r->nmember = phr_group_of(st->next.sid) + 1;
    r->member = phr_calloc(r->nmember / 8 + 1, 1);
    arena = phr_arena_create(0);

    if (r->member == NULL || arena == NULL) {
        phr_arena_destroy(arena);
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    rc = phr_txn_begin(st->env, 0, &txn, err);

    if (rc == PHR_OK) {
        rc = phr_index_select(txn, rule->m, rule->n, NULL, arena, &sids, err);

        for (i = 0; rc == PHR_OK && i < sids.n; i++) {
            g = phr_group_of(sids.v[i]);

            if (g < r->nmember) {
                r->member[g / 8] |= (uint8_t) (1 << (g & 7));
            }
        }

        phr_txn_abort(txn);
    }

    phr_arena_destroy(arena);

    return rc;
}


/* raises the floor of all series if too much of the file is in use */
static int
phr_retain_size(phr_store_t *st, phr_err_t *err)
{
    int              rc;
    int64_t          next_ms;
    uint64_t         bound, reserve;
    phr_txn_t       *txn;
    phr_env_stat_t   stat;

    bound = st->conf.retention_bytes;

    if (bound == 0) {
        return PHR_OK;
    }

    if (st->retain.size_ms > st->now_ms) {
        /* the clock was set back, and what comes now is to be taken */
        st->retain.size_ms = st->now_ms;
        phr_store_now(st, st->now_ms);
    }

    reserve = phr_max(bound / 8, PHR_RETAIN_RESERVE_MIN);
    reserve = phr_min(reserve, PHR_RETAIN_RESERVE_MAX);
    reserve = phr_min(reserve, bound / 2);

    rc = phr_txn_begin(st->env, 0, &txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_env_stat(st->env, txn, &stat, err);

    /* a full disk or map is a bound that was set too high */

    if (rc == PHR_OK && (stat.used_bytes + reserve > bound
                         || phr_store_drops_for_room(st, txn)))
    {
        rc = phr_retain_oldest(st, txn, &next_ms, err);

        if (rc == PHR_OK) {
            st->retain.size_ms = next_ms;
            phr_store_now(st, st->now_ms);
        }
    }

    phr_txn_abort(txn);

    return rc < 0 ? rc : PHR_OK;
}


/*
 * A part of the window that has the oldest samples: up to *next_ms.  What
 * is loose or in rows is never dropped for the size.
 */
static int
phr_retain_oldest(phr_store_t *st, phr_txn_t *txn, int64_t *next_ms,
    phr_err_t *err)
{
    int            rc, level, found, of;
    int32_t        window;
    int64_t        from_ms, part;
    uint8_t        key[PHR_KEY_WINDOW];
    phr_str_t      k, v, body;
    phr_window_t   w, oldest;
    phr_cursor_t  *cursor;

    rc = phr_cursor_open(txn, PHR_DB_WINDOW, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    memset(&oldest, 0, sizeof(oldest));
    found = 0;

    for (level = 0; level < PHR_NLEVELS && rc >= 0; level++) {
        phr_key_window(key, level, INT32_MIN);
        rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

        while (rc == PHR_OK && phr_key_window_get(k, &of, &window)
               && of == level)
        {
            if (phr_record_check(PHR_DB_WINDOW, k, v, &body, NULL) == PHR_OK
                && phr_window_decode(body, &w) == PHR_OK
                && w.max_ms >= st->retain.size_ms)
            {
                w.min_ms = phr_max(w.min_ms, st->retain.size_ms);

                if (!found || w.min_ms < oldest.min_ms) {
                    oldest = w;
                    found = 1;
                }

                break;
            }

            rc = phr_cursor_next(cursor, &k, &v, err);
        }
    }

    phr_cursor_close(cursor);

    if (rc < 0 || !found) {
        return rc < 0 ? rc : PHR_NOTFOUND;
    }

    from_ms = phr_max(oldest.min_ms, st->keep.low_ms);
    part = phr_max((oldest.max_ms - from_ms) / 4, PHR_WINDOW_MS / 16);
    *next_ms = phr_min(from_ms + part, oldest.max_ms + 1);

    /* never what is to come, however small the bound */

    if (*next_ms > st->now_ms) {
        *next_ms = st->now_ms;
    }

    return *next_ms > st->retain.size_ms ? PHR_OK : PHR_NOTFOUND;
}


static int
phr_retain_step(phr_store_t *st, int *changed, phr_err_t *err)
{
    int            rc;
    phr_retain_t  *r;

    r = &st->retain;

    if (r->stage == PHR_RETAIN_DEAD) {
        return phr_retain_series(st, changed, err);
    }

    if (r->stage == PHR_RETAIN_SOURCES) {
        rc = phr_exemplar_expire(st, changed, err);

        if (rc == PHR_OK) {
            rc = phr_idle_step(st, &r->idle, changed, err);
        }

        if (rc == PHR_OK) {
            r->stage = PHR_RETAIN_IDLE;
        }

        return rc < 0 ? rc : PHR_OK;
    }

    rc = PHR_OK;

    if (r->level == 0 && !r->resume) {
        rc = phr_coarse_gone_put(st->txn, phr_keep_general(&r->keep), err);
        *changed = 1;
    }

    if (rc == PHR_OK) {
        rc = phr_retain_packs(st, changed, err);
    }
    if (rc != PHR_OK) {
        return rc < 0 ? rc : PHR_OK;
    }

    /* after the last, the pass is done once this is committed */

    r->level++;
    r->resume = 0;

    return PHR_OK;
}


/*
 * Series whose newest sample is below their floor, and those that got none
 * and were made an hour ago, or before the store was opened.
 */
static int
phr_retain_series(phr_store_t *st, int *changed, phr_err_t *err)
{
    int            rc;
    size_t         i, n, ngroups;
    uint8_t        key[4];
    uint32_t       number[PHR_RETAIN_GROUPS];
    phr_str_t      k, v;
    phr_retain_t  *r;
    phr_cursor_t  *cursor;

    r = &st->retain;

    rc = phr_cursor_open(st->txn, PHR_DB_LAST, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_put_be32(key, r->group);
    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);
    ngroups = 0;

    while (rc == PHR_OK && ngroups < PHR_RETAIN_GROUPS) {
        if (k.len == sizeof(key)) {
            number[ngroups++] = phr_get_be32((const uint8_t *) k.data);
        }

        rc = phr_cursor_next(cursor, &k, &v, err);
    }

    phr_cursor_close(cursor);

    if (rc < 0) {
        return rc;
    }

    n = 0;
    i = 0;

    for (rc = PHR_OK; rc == PHR_OK && i < ngroups && n < PHR_RETAIN_SERIES;
         i++)
    {
        rc = phr_retain_group(st, number[i], &n, err);
        r->group = number[i] + 1;
    }

    if (rc == PHR_OK && n > 0) {
        *changed = 1;
        rc = phr_index_flush(st, 1, err);
    }

    if (rc == PHR_OK && i == ngroups && ngroups < PHR_RETAIN_GROUPS) {
        phr_retain_free_groups(st);
        r->stage = PHR_RETAIN_IDLE;
    }

    return rc;
}


/*
 * A group that is not in memory has nothing unsealed: its record is right,
 * and changed where it is, so that a pass does not load all that there are.
 */
static int
phr_retain_group(phr_store_t *st, uint32_t number, size_t *nexpired,
    phr_err_t *err)
{
    int           rc;
    size_t        i, n;
    void        **slot;
    int64_t       room[PHR_GROUP_SIZE], *last;
    uint8_t       key[4];
    phr_sid_t     sid;
    phr_str_t     body;
    phr_group_t  *g;

    slot = number < st->groups.nelts ? phr_slot(&st->groups, number) : NULL;
    g = NULL;
    last = room;

    if (slot != NULL && *slot != NULL) {
        rc = phr_group_get(st, number, &g, err);
        if (rc != PHR_OK) {
            return rc;
        }

        last = g->last;

    } else {
        phr_put_be32(key, number);

        rc = phr_record_get(st->txn, PHR_DB_LAST, key, sizeof(key), &body,
                            err);
        if (rc != PHR_OK) {
            return rc < 0 ? rc : PHR_OK;
        }

        if (phr_group_decode(body, room) != PHR_OK) {
            return phr_err_set(err, PHR_ECORRUPT, "damaged group %u", number);
        }
    }

    n = 0;

    for (i = 0; i < PHR_GROUP_SIZE; i++) {
        sid = (number << PHR_GROUP_SHIFT) + (phr_sid_t) i;

        rc = phr_retain_dead(st, sid, last[i], err);
        if (rc == PHR_NOTFOUND) {
            continue;
        }

        if (rc == PHR_OK) {
            rc = phr_series_remove(st, sid, err);
        }

        if (rc < 0) {
            return rc;
        }

        last[i] = PHR_LAST_NONE;
        n++;
    }

    *nexpired += n;

    if (n == 0) {
        return PHR_OK;
    }

    return g != NULL ? phr_group_touch(st, number, err)
                     : phr_group_write(st->txn, number, room, err);
}


/* PHR_OK, or PHR_NOTFOUND if the series lives or there is none */
static int
phr_retain_dead(phr_store_t *st, phr_sid_t sid, int64_t last, phr_err_t *err)
{
    int                rc;
    int64_t            floor_ms, life_ms;
    const phr_keep_t  *keep;

    keep = &st->retain.keep;
    life_ms = phr_keep_life(keep);

    if (last == PHR_LAST_NONE) {
        return PHR_NOTFOUND;
    }

    if (last == PHR_LAST_EMPTY) {
        return sid < st->first_sid ? PHR_OK : PHR_NOTFOUND;
    }

    if (last >= keep->high_ms) {
        return PHR_NOTFOUND;
    }

    if (last < keep->low_ms && last < life_ms) {
        return PHR_OK;
    }

    if (keep->conf->nrules == 0) {
        return last < life_ms ? PHR_OK : PHR_NOTFOUND;
    }

    rc = phr_keep_series_life(keep, st->txn, sid, st->scratch, &floor_ms,
                              err);
    if (rc != PHR_OK) {
        return rc < 0 ? rc : PHR_OK;
    }

    return last < floor_ms ? PHR_OK : PHR_NOTFOUND;
}


/* what is read anew if it should be needed, and tells nothing */
static void
phr_retain_free_groups(phr_store_t *st)
{
    void         **slot;
    size_t         i, k;
    phr_group_t   *g;

    for (i = 0; i < st->groups.nelts; i++) {
        slot = phr_slot(&st->groups, i);
        g = *slot;

        if (g == NULL || !g->loaded || g->dirty || g->nloose != 0) {
            continue;
        }

        for (k = 0; k < PHR_GROUP_SIZE && g->last[k] == PHR_LAST_NONE; k++) {
            /* void */
        }

        if (k == PHR_GROUP_SIZE) {
            phr_group_destroy(g);
            *slot = NULL;
        }
    }
}
