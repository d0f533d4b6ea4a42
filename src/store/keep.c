/*
 * Copyright (C) The Pharos Authors
 *
 * Keep: see keep.h.
 */

#include "store/keep.h"

#include "store/series.h"


static void phr_keep_bounds(phr_keep_t *k);
static int phr_keep_find(const phr_keep_t *k, phr_txn_t *txn, phr_sid_t sid,
    phr_arena_t *arena, int life, int64_t *floor_ms, phr_err_t *err);


void
phr_keep_init(phr_keep_t *k, const phr_store_conf_t *conf)
{
    k->conf = conf;
    k->now_ms = PHR_TIME_MIN;
    k->size_ms = PHR_TIME_MIN;
    k->hold_ms = PHR_TIME_MAX;
    k->low_ms = PHR_TIME_MIN;
    k->high_ms = PHR_TIME_MIN;
}


void
phr_keep_set(phr_keep_t *k, int64_t now_ms, int64_t size_ms)
{
    k->now_ms = now_ms;
    k->size_ms = size_ms;
    k->hold_ms = PHR_TIME_MAX;

    phr_keep_bounds(k);
}


void
phr_keep_hold(phr_keep_t *k, int64_t t_ms)
{
    k->hold_ms = t_ms;

    phr_keep_bounds(k);
}


static void
phr_keep_bounds(phr_keep_t *k)
{
    size_t   i;
    int64_t  floor_ms;

    k->low_ms = phr_keep_general(k);
    k->high_ms = k->low_ms;

    for (i = 0; i < k->conf->nrules; i++) {
        floor_ms = phr_keep_floor(k, k->conf->rules[i].keep_ms);
        k->low_ms = phr_min(k->low_ms, floor_ms);
        k->high_ms = phr_max(k->high_ms, floor_ms);
    }
}


int64_t
phr_keep_floor(const phr_keep_t *k, int64_t keep_ms)
{
    if (k->now_ms == PHR_TIME_MIN || keep_ms == 0) {
        return k->size_ms;
    }

    return phr_max(k->size_ms, k->now_ms - keep_ms);
}


int64_t
phr_keep_general(const phr_keep_t *k)
{
    return phr_max(k->size_ms,
                   phr_min(phr_keep_floor(k, k->conf->retention_ms),
                           k->hold_ms));
}


int64_t
phr_keep_coarse(const phr_keep_t *k, int res)
{
    int64_t  keep_ms;

    keep_ms = k->conf->coarse[res].keep_ms;

    return k->now_ms == PHR_TIME_MIN || keep_ms == 0
           ? PHR_TIME_MIN : k->now_ms - keep_ms;
}


int64_t
phr_keep_life(const phr_keep_t *k)
{
    int      res;
    int64_t  floor_ms;

    floor_ms = phr_keep_general(k);

    for (res = 0; res < PHR_STORE_COARSE; res++) {
        if (k->conf->coarse[res].after_ms != 0) {
            floor_ms = phr_min(floor_ms, phr_keep_coarse(k, res));
        }
    }

    return floor_ms;
}


int
phr_keep_is_ruled(const phr_keep_t *k, phr_labels_t ls)
{
    size_t  i;

    for (i = 0; i < k->conf->nrules; i++) {
        if (phr_matchers_match(k->conf->rules[i].m, k->conf->rules[i].n, ls))
        {
            return 1;
        }
    }

    return 0;
}


/* a rule of which it is not known whether it holds may only keep more */

int64_t
phr_keep_labels(const phr_keep_t *k, phr_labels_t ls)
{
    int                      rc;
    size_t                   i;
    int64_t                  unsure;
    const phr_store_rule_t  *r;

    unsure = PHR_TIME_MAX;

    for (i = 0; i < k->conf->nrules; i++) {
        r = &k->conf->rules[i];

        rc = phr_matchers_match(r->m, r->n, ls);

        if (rc > 0) {
            return phr_min(unsure, phr_keep_floor(k, r->keep_ms));
        }

        if (rc < 0) {
            unsure = phr_min(unsure, phr_keep_floor(k, r->keep_ms));
        }
    }

    return phr_min(unsure, phr_keep_general(k));
}


int
phr_keep_series(const phr_keep_t *k, phr_txn_t *txn, phr_sid_t sid,
    phr_arena_t *arena, int64_t *floor_ms, phr_err_t *err)
{
    return phr_keep_find(k, txn, sid, arena, 0, floor_ms, err);
}


int
phr_keep_series_life(const phr_keep_t *k, phr_txn_t *txn, phr_sid_t sid,
    phr_arena_t *arena, int64_t *floor_ms, phr_err_t *err)
{
    return phr_keep_find(k, txn, sid, arena, 1, floor_ms, err);
}


static int
phr_keep_find(const phr_keep_t *k, phr_txn_t *txn, phr_sid_t sid,
    phr_arena_t *arena, int life, int64_t *floor_ms, phr_err_t *err)
{
    int                rc;
    phr_labels_t       ls;
    phr_arena_mark_t   mark;

    mark = phr_arena_mark(arena);

    rc = phr_series_labels(txn, sid, arena, &ls, err);

    if (rc == PHR_OK) {
        *floor_ms = life && !phr_keep_is_ruled(k, ls)
                    ? phr_keep_life(k) : phr_keep_labels(k, ls);
    }

    phr_arena_release(arena, mark);

    return rc;
}
