/*
 * Copyright (C) The Pharos Authors
 *
 * Append: what is not newer than all of its series.  The same value at the
 * same time is no error, another value is a duplicate, and a time that is not
 * there is taken if it lies within the out-of-order window.
 *
 * While the clock goes a second time through hours that were stored already
 * (phr_store_overlap()), order is no reason to refuse, and the second value
 * of a time is the true one: of equal times readers and the sealer keep what
 * was written last.
 */

#include "store/append_impl.h"

#include "store/reader.h"
#include "store/series.h"


static int phr_append_look_up(phr_store_t *st, const phr_batch_t *b,
    const phr_loose_t *s, size_t n, int8_t *status, phr_err_t *err);
static void phr_append_decide(const phr_store_t *st, const phr_batch_t *b,
    int64_t last, const phr_columns_t *c, const phr_loose_t *s, size_t n,
    int8_t *status);
static int phr_append_same(const phr_loose_t *a, const phr_loose_t *b);
static int phr_append_overlaps(const phr_store_t *st, int64_t t_ms);
static int phr_append_too_late(const phr_store_t *st, int64_t last,
    int64_t t_ms);


int
phr_append_late(phr_store_t *st, const phr_batch_t *b, int8_t *status,
    size_t nlate, size_t *ngood, phr_err_t *err)
{
    int           rc;
    size_t        i, k;
    phr_loose_t  *s;

    s = phr_arena_alloc(st->scratch, nlate * sizeof(phr_loose_t));
    if (s == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    k = 0;

    for (i = 0; i < b->n; i++) {
        if (status[i] == PHR_LATE) {
            phr_append_take(b, i, &s[k++]);
        }
    }

    phr_loose_sort(s, nlate);

    rc = phr_append_look_up(st, b, s, nlate, status, err);
    if (rc != PHR_OK) {
        return rc;
    }

    *ngood = 0;

    for (i = 0; i < nlate; i++) {
        *ngood += (status[s[i].at] == PHR_LATE_GOOD);
    }

    return PHR_OK;
}


/* s is sorted by series and time */
static int
phr_append_look_up(phr_store_t *st, const phr_batch_t *b,
    const phr_loose_t *s, size_t n, int8_t *status, phr_err_t *err)
{
    int             rc;
    size_t          i, k, nsids;
    int64_t         min_ms, max_ms;
    phr_sid_t      *sid;
    phr_group_t    *g;
    phr_reader_t   *reader;
    phr_columns_t   c;

    sid = phr_arena_alloc(st->scratch, n * sizeof(phr_sid_t));
    if (sid == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    nsids = 0;
    min_ms = s[0].t_ms;
    max_ms = s[0].t_ms;

    for (i = 0; i < n; i++) {
        if (i == 0 || s[i].sid != s[i - 1].sid) {
            sid[nsids++] = s[i].sid;
        }

        min_ms = phr_min(min_ms, s[i].t_ms);
        max_ms = phr_max(max_ms, s[i].t_ms);
    }

    rc = phr_reader_create(st->txn, sid, nsids, min_ms, max_ms, &reader, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (i = 0; i < n; i = k) {
        rc = phr_reader_next(reader, &c, err);
        if (rc != PHR_OK) {
            break;
        }

        rc = phr_group_get(st, phr_group_of(s[i].sid), &g, err);
        if (rc != PHR_OK) {
            break;
        }

        for (k = i + 1; k < n && s[k].sid == s[i].sid; k++) {
            /* void */
        }

        phr_append_decide(st, b, g->last[s[i].sid % PHR_GROUP_SIZE], &c,
                          s + i, k - i, status);
    }

    phr_reader_destroy(reader);

    return rc;
}


/* the late samples of one series, beside what is stored of it */
static void
phr_append_decide(const phr_store_t *st, const phr_batch_t *b, int64_t last,
    const phr_columns_t *c, const phr_loose_t *s, size_t n, int8_t *status)
{
    int          rc, taken;
    size_t       i, at;
    phr_loose_t  stored;

    at = 0;
    taken = 0;
    memset(&stored, 0, sizeof(stored));

    for (i = 0; i < n; i++) {

        if (i > 0 && s[i].t_ms == s[i - 1].t_ms) {
            /* as the one before it was: stored, taken or refused */

            if (!taken) {
                status[s[i].at] = status[s[i - 1].at];
                continue;
            }

        } else {
            while (at < c->n && c->t_ms[at] < s[i].t_ms) {
                at++;
            }

            taken = (at < c->n && c->t_ms[at] == s[i].t_ms);

            if (!taken && !b->backfill) {
                rc = phr_append_too_late(st, last, s[i].t_ms);

                if (rc != PHR_OK) {
                    status[s[i].at] = (int8_t) rc;
                    continue;
                }
            }

            if (taken) {
                stored.v = c->v[at];
                stored.h = c->h != NULL ? c->h[at] : NULL;
            }

            if (!taken
                || (phr_append_overlaps(st, s[i].t_ms)
                    && !phr_append_same(&stored, &s[i])))
            {
                taken = 1;
                stored = s[i];
                status[s[i].at] = PHR_LATE_GOOD;
                continue;
            }
        }

        status[s[i].at] = phr_append_same(&stored, &s[i]) ? PHR_OK
                                                          : PHR_EDUPLICATE;
    }
}


static int
phr_append_same(const phr_loose_t *a, const phr_loose_t *b)
{
    if (a->h == NULL || b->h == NULL) {
        return a->h == b->h && phr_double_bits(a->v) == phr_double_bits(b->v);
    }

    return phr_hist_eq(a->h, b->h);
}


static int
phr_append_overlaps(const phr_store_t *st, int64_t t_ms)
{
    return t_ms >= st->overlap_from_ms && t_ms <= st->overlap_to_ms;
}


/* of a sample that is not newer than its series, at a time without one */
static int
phr_append_too_late(const phr_store_t *st, int64_t last, int64_t t_ms)
{
    if (phr_append_overlaps(st, t_ms)) {
        return PHR_OK;
    }

    if (st->overlap_from_ms <= st->overlap_to_ms) {
        /* what the wrong clock wrote is no measure of late */
        last = phr_min(last, st->now_ms);
    }

    if (st->conf.out_of_order_ms <= 0) {
        return PHR_EORDER;
    }

    return t_ms < last - st->conf.out_of_order_ms ? PHR_EOLD : PHR_OK;
}
