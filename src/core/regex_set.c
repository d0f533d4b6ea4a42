/*
 * Copyright (C) The Pharos Authors
 *
 * Regex: sets of characters as ranges.
 */

#include "core/regex_int.h"

#include <stdlib.h>


static int phr_regex_range_cmp(const void *a, const void *b);


int
phr_regex_set_add(phr_arena_t *arena, phr_regex_set_t *set, uint32_t lo,
    uint32_t hi)
{
    size_t              nalloc;
    phr_regex_range_t  *r;

    phr_yield(PHR_REGEX_UNITS);

    if (set->n > 0) {
        r = &set->r[set->n - 1];

        if (lo >= r->lo && lo <= r->hi + 1) {
            r->hi = phr_max(r->hi, hi);
            return PHR_OK;
        }
    }

    if (set->n == set->nalloc) {
        nalloc = set->nalloc ? set->nalloc * 2 : 2;

        r = phr_arena_grow(arena, set->r, set->n * sizeof(phr_regex_range_t),
                           nalloc * sizeof(phr_regex_range_t));
        if (r == NULL) {
            return phr_arena_rc(arena);
        }

        set->r = r;
        set->nalloc = nalloc;
    }

    set->r[set->n].lo = lo;
    set->r[set->n++].hi = hi;

    return PHR_OK;
}


int
phr_regex_set_join(phr_arena_t *arena, phr_regex_set_t *set,
    const phr_regex_set_t *other)
{
    int     rc;
    size_t  i;

    rc = PHR_OK;

    for (i = 0; rc == PHR_OK && i < other->n; i++) {
        rc = phr_regex_set_add(arena, set, other->r[i].lo, other->r[i].hi);
    }

    return rc;
}


void
phr_regex_set_tidy(phr_regex_set_t *set)
{
    size_t              i, n;
    phr_regex_range_t  *r;

    if (set->n < 2) {
        return;
    }

    r = set->r;

    for (i = 1; i < set->n && r[i].lo > r[i - 1].hi + 1; i++) {
        /* void */
    }

    if (i == set->n) {
        return;
    }

    qsort(r, set->n, sizeof(phr_regex_range_t), phr_regex_range_cmp);

    for (i = 1, n = 0; i < set->n; i++) {
        if (r[i].lo <= r[n].hi + 1) {
            r[n].hi = phr_max(r[n].hi, r[i].hi);
            continue;
        }

        r[++n] = r[i];
    }

    set->n = n + 1;
}


static int
phr_regex_range_cmp(const void *a, const void *b)
{
    const phr_regex_range_t  *x = a, *y = b;

    phr_yield(PHR_REGEX_UNITS);

    return (x->lo > y->lo) - (x->lo < y->lo);
}


int
phr_regex_set_negate(phr_arena_t *arena, phr_regex_set_t *set)
{
    int              rc;
    size_t           i;
    uint32_t         from;
    phr_regex_set_t  out;

    phr_regex_set_tidy(set);
    memset(&out, 0, sizeof(out));

    rc = PHR_OK;
    from = 0;

    for (i = 0; rc == PHR_OK && i < set->n; i++) {
        if (set->r[i].lo > from) {
            rc = phr_regex_set_add(arena, &out, from, set->r[i].lo - 1);
        }

        from = set->r[i].hi + 1;
    }

    if (rc == PHR_OK && from <= PHR_REGEX_MAX_RUNE) {
        rc = phr_regex_set_add(arena, &out, from, PHR_REGEX_MAX_RUNE);
    }

    *set = out;

    return rc;
}
