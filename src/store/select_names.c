/*
 * Copyright (C) The Pharos Authors
 *
 * Select, the names: which labels series have, and which values, found by
 * the lists of the index or by a look at the labels of a few series.
 */

#include "store/select.h"

#include <stdlib.h>

#include "store/alive.h"
#include "store/index.h"
#include "store/postings.h"
#include "store/series.h"


/* reading the labels of a series costs as much as so many ids of a list */
#define PHR_LABELS_COST  64


/* strings collected, sorted and made unique whenever they have doubled */
typedef struct {
    phr_arena_t  *arena;
    phr_str_t    *v;
    size_t        n;
    size_t        nalloc;
    size_t        limit;        /* 0: none */
    int           sorted;       /* and unique: they mostly come that way */
    phr_alive_t   alive;
    phr_err_t    *err;
    const phr_querier_t  *querier;
} phr_strings_t;


static int phr_names_visit(void *data, phr_str_t name, const phr_name_t *n);
static int phr_values_visit(void *data, phr_str_t value,
    const phr_pair_t *pair);
static int phr_strings_begin(phr_store_querier_t *q, phr_strings_t *s,
    const phr_str_t *name, const phr_matcher_t *m, size_t n, int64_t min_ms,
    int64_t max_ms, phr_arena_t *arena, phr_sids_t *sids, phr_err_t *err);
static int phr_select_strings(phr_store_querier_t *q, const phr_str_t *name,
    const phr_sids_t *sids, phr_strings_t *s, phr_err_t *err);
static int phr_strings_add(phr_strings_t *s, phr_str_t str);
static void phr_strings_sort(phr_strings_t *s);
static int phr_strings_cmp(const void *a, const void *b);
static void phr_strings_result(phr_strings_t *s, size_t limit,
    phr_str_t **v, size_t *n, int *truncated);


int
phr_querier_label_names(phr_querier_t *base, const phr_matcher_t *m,
    size_t n, int64_t min_ms, int64_t max_ms, size_t limit,
    phr_arena_t *arena, phr_str_t **names, size_t *nnames, int *truncated,
    phr_err_t *err)
{
    int                   rc;
    phr_sids_t            sids;
    phr_strings_t         s;
    phr_store_querier_t  *q;

    q = (phr_store_querier_t *) base;

    rc = phr_strings_begin(q, &s, NULL, m, n, min_ms, max_ms, arena, &sids,
                           err);
    if (rc == PHR_OK) {
        rc = phr_names_each(q->txn, phr_names_visit, &s, err);

    } else if (rc == PHR_AGAIN) {
        rc = phr_select_strings(q, NULL, &sids, &s, err);
    }

    if (rc < 0) {
        return rc == PHR_ELIMIT || rc == PHR_ENOMEM
               ? phr_err_set(err, rc, "too much memory needed for label "
                             "names") : rc;
    }

    phr_strings_result(&s, limit, names, nnames, truncated);

    return PHR_OK;
}


static int
phr_names_visit(void *data, phr_str_t name, const phr_name_t *n)
{
    int             rc;
    phr_pair_t      pair;
    phr_strings_t  *s = data;

    rc = phr_querier_poll(s->querier);
    if (rc < 0) {
        return rc;
    }

    if (!s->alive.all) {
        rc = phr_pair_find(s->alive.txn, n->id, phr_str_of(""), &pair,
                           s->err);
        if (rc == PHR_OK) {
            rc = phr_alive_any(&s->alive, pair.list, s->err);
        }

        if (rc != PHR_OK) {
            return rc < 0 ? rc : PHR_OK;
        }
    }

    return phr_strings_add(s, name);
}


int
phr_querier_label_values(phr_querier_t *base, phr_str_t name,
    const phr_matcher_t *m, size_t n, int64_t min_ms, int64_t max_ms,
    size_t limit, phr_arena_t *arena, phr_str_t **values, size_t *nvalues,
    int *truncated, phr_err_t *err)
{
    int                   rc;
    phr_name_t            id;
    phr_sids_t            sids;
    phr_strings_t         s;
    phr_store_querier_t  *q;

    q = (phr_store_querier_t *) base;

    rc = phr_strings_begin(q, &s, &name, m, n, min_ms, max_ms, arena, &sids,
                           err);
    if (rc == PHR_OK) {
        /* values come about in order: one more than asked for is enough */
        s.limit = limit > 0 && phr_txn_vault(q->txn) == NULL ? limit + 1 : 0;

        rc = phr_name_find(q->txn, name, &id, err);
        if (rc == PHR_OK) {
            rc = phr_pairs_each(q->txn, id.id, phr_str_of(""),
                                phr_values_visit, &s, err);
        }

    } else if (rc == PHR_AGAIN) {
        rc = phr_select_strings(q, &name, &sids, &s, err);
    }

    if (rc < 0) {
        return rc == PHR_ELIMIT || rc == PHR_ENOMEM
               ? phr_err_set(err, rc, "too much memory needed for label "
                             "values") : rc;
    }

    phr_strings_result(&s, limit, values, nvalues, truncated);

    return PHR_OK;
}


static int
phr_values_visit(void *data, phr_str_t value, const phr_pair_t *pair)
{
    int             rc;
    phr_strings_t  *s = data;

    if (s->limit != 0 && s->n == s->limit) {
        return PHR_DONE;
    }

    rc = phr_querier_poll(s->querier);
    if (rc == PHR_OK) {
        rc = phr_alive_any(&s->alive, pair->list, s->err);
    }

    if (rc != PHR_OK) {
        return rc < 0 ? rc : PHR_OK;
    }

    return phr_strings_add(s, value);
}


/*
 * PHR_OK if the names, or the values of one, are best found by their lists,
 * which s->alive then tells the good ones of; PHR_AGAIN if sids has so few
 * series that a look at their labels is less work.
 */
static int
phr_strings_begin(phr_store_querier_t *q, phr_strings_t *s,
    const phr_str_t *name, const phr_matcher_t *m, size_t n, int64_t min_ms,
    int64_t max_ms, phr_arena_t *arena, phr_sids_t *sids, phr_err_t *err)
{
    int         rc;
    phr_name_t  id;
    phr_pair_t  pair;

    memset(s, 0, sizeof(phr_strings_t));
    s->arena = arena;
    s->sorted = 1;
    s->err = err;
    s->querier = &q->base;

    rc = phr_alive_init(&s->alive, q->txn, &q->keep, min_ms, max_ms, arena,
                        err);
    if (rc != PHR_OK || n == 0) {
        return rc;
    }

    rc = phr_index_select(q->txn, m, n, q->base.stop, arena, sids, err);
    if (rc == PHR_OK) {
        rc = phr_alive_filter(&s->alive, sids, err);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_name_find(q->txn, name != NULL ? *name : phr_str_of(""), &id,
                       err);
    if (rc == PHR_OK) {
        rc = phr_pair_find(q->txn, id.id, phr_str_of(""), &pair, err);
    }

    if (rc < 0) {
        return rc;
    }

    if (rc == PHR_NOTFOUND || sids->n * PHR_LABELS_COST < pair.nseries) {
        return PHR_AGAIN;
    }

    return phr_alive_narrow(&s->alive, sids, arena, err);
}


/* names, or the values of one, of the series */
static int
phr_select_strings(phr_store_querier_t *q, const phr_str_t *name,
    const phr_sids_t *sids, phr_strings_t *s, phr_err_t *err)
{
    int           rc;
    size_t        i, k;
    phr_str_t     value;
    phr_arena_t  *scratch;
    phr_labels_t  ls;

    rc = PHR_OK;

    scratch = phr_arena_create(0);
    if (scratch == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0; i < sids->n && rc == PHR_OK; i++) {
        phr_arena_reset(scratch);

        rc = phr_querier_poll(&q->base);
        if (rc < 0) {
            break;
        }

        rc = phr_series_labels(q->txn, sids->v[i], scratch, &ls, err);
        if (rc != PHR_OK) {
            break;
        }

        if (name != NULL) {
            value = phr_labels_get(ls, *name);

            if (value.len > 0) {
                rc = phr_strings_add(s, value);
            }

            continue;
        }

        for (k = 0; k < ls.n && rc == PHR_OK; k++) {
            rc = phr_strings_add(s, ls.l[k].name);
        }
    }

    phr_arena_destroy(scratch);

    return rc;
}


/* a copy; PHR_OK or the arena's failure */
static int
phr_strings_add(phr_strings_t *s, phr_str_t str)
{
    int         later;
    size_t      i, nalloc;
    phr_str_t  *v;

    later = s->n == 0 || phr_str_cmp(s->v[s->n - 1], str) < 0;

    /* the ones added last are the likeliest to come again */
    for (i = s->n; i > 0 && s->n - i < 16 && !(s->sorted && later); i--) {
        if (phr_str_eq(s->v[i - 1], str)) {
            return PHR_OK;
        }
    }

    if (s->n == s->nalloc) {
        phr_strings_sort(s);

        if (s->n * 2 >= s->nalloc) {
            nalloc = phr_max(s->nalloc * 2, 256);

            v = phr_arena_grow(s->arena, s->v, s->nalloc * sizeof(phr_str_t),
                               nalloc * sizeof(phr_str_t));
            if (v == NULL) {
                return phr_arena_rc(s->arena);
            }

            s->v = v;
            s->nalloc = nalloc;
        }

        later = s->n == 0 || phr_str_cmp(s->v[s->n - 1], str) < 0;
    }

    str = phr_arena_str(s->arena, str);
    if (str.data == NULL) {
        return phr_arena_rc(s->arena);
    }

    s->sorted = s->sorted && later;
    s->v[s->n++] = str;

    return PHR_OK;
}


static void
phr_strings_sort(phr_strings_t *s)
{
    size_t  i, n;

    if (s->sorted) {
        return;
    }

    s->sorted = 1;

    qsort(s->v, s->n, sizeof(phr_str_t), phr_strings_cmp);

    n = 1;

    for (i = 1; i < s->n; i++) {
        if (!phr_str_eq(s->v[i], s->v[n - 1])) {
            s->v[n++] = s->v[i];
        }
    }

    s->n = n;
}


static int
phr_strings_cmp(const void *a, const void *b)
{
    return phr_str_cmp(*(const phr_str_t *) a, *(const phr_str_t *) b);
}


static void
phr_strings_result(phr_strings_t *s, size_t limit, phr_str_t **v, size_t *n,
    int *truncated)
{
    phr_strings_sort(s);

    *truncated = (limit > 0 && s->n > limit);
    *n = *truncated ? limit : s->n;
    *v = s->v;
}
