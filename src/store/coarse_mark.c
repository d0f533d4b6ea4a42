/*
 * Copyright (C) The Pharos Authors
 *
 * Marks: blocks and groups whose buckets are to be made anew, because samples
 * came after they were made, or may have.
 */

#include "store/coarse_make.h"


/* more of what is late may follow */
#define PHR_COARSE_CALM_MS   30000

/* what is younger than this may not be packed yet */
#define PHR_COARSE_LOOSE_MS  (2 * PHR_SEAL_AGE_MS)

/* looked at in a step */
#define PHR_COARSE_MARKS     64


static int64_t phr_coarse_noted_ms(const phr_store_t *st, int res);


void
phr_coarse_forget(phr_store_t *st)
{
    int  res;

    for (res = 0; res < PHR_STORE_COARSE; res++) {
        st->mark[res].start_ms = PHR_TIME_MIN;
    }
}


/* of the block that is being made, some series may have theirs */
int
phr_coarse_open(phr_store_t *st, phr_txn_t *txn, phr_err_t *err)
{
    int        rc, res;
    phr_sid_t  sid;

    for (res = 0; res < PHR_STORE_COARSE; res++) {
        rc = phr_coarse_next_get(txn, res, &st->made_ms[res], &sid, err);

        if (rc < 0) {
            return rc;
        }

        st->made_ms[res] = rc == PHR_OK
                           ? st->made_ms[res] + phr_coarse_span(res)
                           : PHR_TIME_MIN;
    }

    return PHR_OK;
}


int64_t
phr_coarse_late_ms(const phr_store_t *st)
{
    int      res;
    int64_t  late_ms;

    late_ms = PHR_TIME_MIN;

    for (res = 0; res < PHR_STORE_COARSE; res++) {
        late_ms = phr_max(late_ms, phr_coarse_noted_ms(st, res));
    }

    return late_ms;
}


/*
 * What is as old as this is noted for a resolution.  Those that are made of
 * finer ones follow when these are made anew; those that are not made any
 * more, or not by this process, may be made by others again.
 */
static int64_t
phr_coarse_noted_ms(const phr_store_t *st, int res)
{
    const phr_store_conf_t  *conf;

    conf = &st->conf;

    if (conf->coarse[res].after_ms == 0) {
        return st->made_ms[res];
    }

    return phr_coarse_source(conf, res) != PHR_STORE_COARSE
           || st->now_ms == PHR_TIME_MIN
           ? PHR_TIME_MIN
           : st->now_ms - conf->coarse[res].after_ms + PHR_COARSE_LOOSE_MS;
}


int
phr_coarse_note(phr_store_t *st, phr_sid_t sid, int64_t t_ms, phr_err_t *err)
{
    int                 rc, res;
    int64_t             start_ms;
    uint32_t            group;
    phr_coarse_mark_t  *mark;

    group = phr_group_of(sid);

    for (res = 0; res < PHR_STORE_COARSE; res++) {
        mark = &st->mark[res];
        start_ms = phr_coarse_block(res, t_ms);

        if (t_ms > phr_coarse_noted_ms(st, res)
            || (start_ms == mark->start_ms && group == mark->group))
        {
            continue;
        }

        rc = phr_coarse_mark(st, res, start_ms, group, err);
        if (rc != PHR_OK) {
            return rc;
        }

        mark->start_ms = start_ms;
        mark->group = group;
    }

    return PHR_OK;
}


/* a mark keeps its time, so that what is marked again and again gets done */
int
phr_coarse_mark(phr_store_t *st, int res, int64_t start_ms, uint32_t group,
    phr_err_t *err)
{
    int        rc;
    uint8_t    key[PHR_KEY_COARSE], value[PHR_CRC_SIZE + 8];
    phr_str_t  v;

    phr_key_coarse(key, PHR_COARSE_MARK, start_ms, res, group);

    rc = phr_txn_get(st->txn, PHR_DB_COARSE, key, sizeof(key), &v, err);
    if (rc != PHR_NOTFOUND) {
        return rc;
    }

    phr_key_put_time(value + PHR_CRC_SIZE, st->now_ms);

    return phr_record_put(st->txn, PHR_DB_COARSE, key, sizeof(key), value,
                          sizeof(value), err);
}


int
phr_coarse_unmark(phr_store_t *st, int res, int64_t start_ms, uint32_t group,
    phr_err_t *err)
{
    int      rc;
    uint8_t  key[PHR_KEY_COARSE];

    phr_key_coarse(key, PHR_COARSE_MARK, start_ms, res, group);

    rc = phr_txn_del(st->txn, PHR_DB_COARSE, key, sizeof(key), err);

    return rc < 0 ? rc : PHR_OK;
}


/* PHR_NOTFOUND if there is none */
int
phr_coarse_due_mark(phr_store_t *st, int res, int64_t *start_ms,
    uint32_t *group, phr_err_t *err)
{
    int            rc, found;
    size_t         n;
    int64_t        next_ms, marked_ms;
    uint8_t        key[PHR_KEY_COARSE];
    phr_sid_t      sid;
    phr_str_t      k, v, body;
    phr_txn_t     *txn;
    phr_cursor_t  *cursor;

    rc = phr_txn_begin(st->env, 0, &txn, err);
    if (rc != PHR_OK) {
        return rc;
    }

    cursor = NULL;
    found = 0;

    rc = phr_coarse_next_get(txn, res, &next_ms, &sid, err);

    if (rc == PHR_OK) {
        rc = phr_cursor_open(txn, PHR_DB_COARSE, &cursor, err);
    }

    if (rc == PHR_OK) {
        memset(key, 0, sizeof(key));
        key[0] = (uint8_t) (PHR_COARSE_MARK | res);
        rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);
    }

    for (n = 0; rc == PHR_OK && !found && n < PHR_COARSE_MARKS; n++) {

        if (!phr_key_coarse_get(k, PHR_COARSE_MARK, res, start_ms, group)
            || *start_ms >= next_ms)
        {
            break;
        }

        rc = phr_record_check(PHR_DB_COARSE, k, v, &body, err);
        if (rc != PHR_OK) {
            break;
        }

        marked_ms = body.len == 8
                    ? phr_key_get_time((const uint8_t *) body.data) : 0;

        found = marked_ms > st->now_ms
                || st->now_ms - marked_ms >= PHR_COARSE_CALM_MS;

        if (!found) {
            rc = phr_cursor_next(cursor, &k, &v, err);
        }
    }

    phr_cursor_close(cursor);
    phr_txn_abort(txn);

    return rc < 0 ? rc : found ? PHR_OK : PHR_NOTFOUND;
}
