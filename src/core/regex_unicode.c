/*
 * Copyright (C) The Pharos Authors
 *
 * Regex: what Unicode says of characters, from two tables that the build
 * makes of what Perl knows, see regex_unicode.pl.
 */

#include "core/regex_int.h"


/* each step-th character from first to last folds to the one delta away */
typedef struct {
    uint32_t  first;
    uint32_t  last;
    int32_t   delta;
    uint32_t  step;
} phr_regex_folding_t;


#include "core/regex_category.h"
#include "core/regex_script.h"


static int phr_regex_runs(phr_arena_t *arena, phr_regex_set_t *set,
    const uint32_t *runs, size_t n, const uint8_t *wanted);
static int phr_regex_fold_pass(phr_arena_t *arena, phr_regex_set_t *set,
    int back);
static size_t phr_regex_range_at(const phr_regex_set_t *set, size_t n,
    uint32_t c);
static int phr_regex_loose_eq(phr_str_t s, const char *name);


int
phr_regex_set_property(phr_arena_t *arena, phr_regex_set_t *set,
    phr_str_t name)
{
    int          found;
    size_t       i;
    const char  *c;
    uint8_t      wanted[256];

    if (phr_regex_loose_eq(name, "Any")) {
        return phr_regex_set_add(arena, set, 0, PHR_REGEX_MAX_RUNE);
    }

    memset(wanted, 0, sizeof(wanted));
    found = 0;

    /* one letter is all categories that begin with it, but for unassigned */

    for (i = 0; i < phr_nelems(phr_regex_category_names); i++) {
        c = phr_regex_category_names[i];

        if (phr_str_eq(name, phr_str_from_c(c))
            || (name.len == 1 && name.data[0] == c[0]
                && strcmp(c, "Cn") != 0))
        {
            wanted[i] = 1;
            found = 1;
        }
    }

    if (found) {
        return phr_regex_runs(arena, set, phr_regex_category_runs,
                              phr_nelems(phr_regex_category_runs), wanted);
    }

    for (i = 0; i < phr_nelems(phr_regex_script_names); i++) {
        c = phr_regex_script_names[i];

        if (phr_regex_loose_eq(name, c) && strcmp(c, "Unknown") != 0) {
            wanted[i] = 1;
            return phr_regex_runs(arena, set, phr_regex_script_runs,
                                  phr_nelems(phr_regex_script_runs), wanted);
        }
    }

    return PHR_NOTFOUND;
}


/* as names are compared since Go 1.25: no case, spaces, "_" nor "-" */

static int
phr_regex_loose_eq(phr_str_t s, const char *name)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] == '_' || s.data[i] == '-' || s.data[i] == ' ') {
            continue;
        }

        if (*name == '_') {
            name++;
        }

        if (*name == '\0' || (s.data[i] | 0x20) != (*name | 0x20)) {
            return 0;
        }

        name++;
    }

    return *name == '\0';
}


static int
phr_regex_runs(phr_arena_t *arena, phr_regex_set_t *set,
    const uint32_t *runs, size_t n, const uint8_t *wanted)
{
    int       rc;
    size_t    i;
    uint32_t  last;

    rc = PHR_OK;

    for (i = 0; rc == PHR_OK && i < n; i++) {
        if (!wanted[runs[i] & 0xff]) {
            continue;
        }

        last = i + 1 < n ? (runs[i + 1] >> 8) - 1 : PHR_REGEX_MAX_RUNE;
        rc = phr_regex_set_add(arena, set, runs[i] >> 8, last);
    }

    return rc;
}


int
phr_regex_is_alnum(uint32_t c)
{
    size_t       lo, hi, mid, n;
    const char  *name;

    lo = 0;
    hi = phr_nelems(phr_regex_category_runs);

    while (hi - lo > 1) {
        mid = lo + (hi - lo) / 2;

        if ((phr_regex_category_runs[mid] >> 8) <= c) {
            lo = mid;

        } else {
            hi = mid;
        }
    }

    n = phr_regex_category_runs[lo] & 0xff;
    name = phr_regex_category_names[n];

    return c <= PHR_REGEX_MAX_RUNE
           && (name[0] == 'L' || strcmp(name, "Nd") == 0);
}


/*
 * First what the members fold to, which is the same for all that differ in
 * case only; then all that folds to that.
 */

int
phr_regex_set_fold(phr_arena_t *arena, phr_regex_set_t *set)
{
    int  rc;

    phr_regex_set_tidy(set);
    rc = phr_regex_fold_pass(arena, set, 0);

    if (rc == PHR_OK) {
        phr_regex_set_tidy(set);
        rc = phr_regex_fold_pass(arena, set, 1);
    }

    phr_regex_set_tidy(set);

    return rc;
}


static int
phr_regex_fold_pass(phr_arena_t *arena, phr_regex_set_t *set, int back)
{
    int                         rc;
    size_t                      i, k, n;
    int64_t                     delta, first, last, lo, hi;
    const phr_regex_folding_t  *f;

    n = set->n;
    rc = PHR_OK;

    for (i = 0; i < phr_nelems(phr_regex_foldings); i++) {
        f = &phr_regex_foldings[i];

        delta = back ? -(int64_t) f->delta : f->delta;
        first = back ? (int64_t) f->first + f->delta : f->first;
        last = back ? (int64_t) f->last + f->delta : f->last;

        k = phr_regex_range_at(set, n, (uint32_t) first);

        for ( /* void */ ; k < n && set->r[k].lo <= last; k++) {
            lo = phr_max(first, (int64_t) set->r[k].lo);
            hi = phr_min(last, (int64_t) set->r[k].hi);

            if (f->step == 2) {
                lo += (lo - first) & 1;
                hi -= (hi - first) & 1;
            }

            for ( /* void */ ; rc == PHR_OK && lo <= hi; lo += 2) {
                if (f->step == 1) {
                    rc = phr_regex_set_add(arena, set,
                                           (uint32_t) (lo + delta),
                                           (uint32_t) (hi + delta));
                    break;
                }

                rc = phr_regex_set_add(arena, set, (uint32_t) (lo + delta),
                                       (uint32_t) (lo + delta));
            }
        }
    }

    return rc;
}


/* the first of n ranges, which are in order, that ends at c or after it */

static size_t
phr_regex_range_at(const phr_regex_set_t *set, size_t n, uint32_t c)
{
    size_t  lo, hi, mid;

    lo = 0;
    hi = n;

    while (lo < hi) {
        mid = lo + (hi - lo) / 2;

        if (set->r[mid].hi < c) {
            lo = mid + 1;

        } else {
            hi = mid;
        }
    }

    return lo;
}
