/*
 * Copyright (C) The Pharos Authors
 *
 * Index, the other half: matchers -> series.
 *
 * A matcher that a series without the label cannot satisfy has a list, or
 * the union of several, and the shortest list is where the search begins.
 * The others cut it down, by their lists if these are not much longer, else
 * by a look at the labels of each series that is left.  A matcher that the
 * empty value satisfies takes away: the series with values that do not
 * match.
 */

#include "store/index.h"

#include "store/postings.h"
#include "store/series.h"


/* reading labels and matching costs as much as so many ids of a list */
#define PHR_LABELS_COST   64


typedef enum {
    PHR_TERM_LIST = 0,      /* union of the lists of certain values */
    PHR_TERM_PRESENT,       /* the label is there */
    PHR_TERM_VALUES,        /* union of the lists of values that match */
    PHR_TERM_NOT_LIST,      /* without those with certain values */
    PHR_TERM_NOT_PRESENT,   /* the label is not there */
    PHR_TERM_NOT_VALUES,    /* without those with values that do not match */
    PHR_TERM_ALL            /* no condition at all */
} phr_term_e;


typedef struct {
    const phr_matcher_t  *m;
    phr_term_e            kind;
    phr_name_t            name;
    uint32_t             *lists;    /* of LIST and NOT_LIST */
    size_t                nlists;
    uint64_t              cost;     /* ids to be read, about */
    unsigned              known:1;  /* the name is in the store */
    unsigned              done:1;
} phr_term_t;


/* of a walk over values */
typedef struct {
    phr_txn_t            *txn;
    const phr_matcher_t  *m;
    const volatile int   *stop;
    int                   want;
    phr_sids_t           *out;
    phr_err_t            *err;
} phr_values_ctx_t;


static int phr_term_init(phr_txn_t *txn, const phr_matcher_t *m,
    phr_arena_t *arena, phr_term_t *t, phr_err_t *err);
static int phr_term_values(phr_txn_t *txn, phr_term_t *t,
    const phr_str_t *set, size_t n, phr_arena_t *arena, phr_err_t *err);
static int phr_term_read(phr_txn_t *txn, const phr_term_t *t,
    const volatile int *stop, phr_sids_t *out, phr_err_t *err);
static int phr_term_walk(phr_txn_t *txn, const phr_term_t *t, int want,
    const volatile int *stop, phr_sids_t *out, phr_err_t *err);
static int phr_values_visit(void *data, phr_str_t value,
    const phr_pair_t *pair);
static int phr_term_apply(phr_txn_t *txn, const phr_term_t *t,
    const volatile int *stop, phr_arena_t *arena, phr_sids_t *out,
    phr_err_t *err);
static int phr_term_filter(phr_txn_t *txn, const phr_term_t *terms,
    size_t n, const volatile int *stop, phr_sids_t *out, phr_err_t *err);
static int phr_term_poll(const volatile int *stop, phr_err_t *err);

#define phr_term_is_positive(t)  ((t)->kind <= PHR_TERM_VALUES)


int
phr_index_select(phr_txn_t *txn, const phr_matcher_t *m, size_t n,
    const volatile int *stop, phr_arena_t *arena, phr_sids_t *out,
    phr_err_t *err)
{
    int          rc;
    size_t       i, first, left;
    phr_term_t  *terms, all;

    phr_sids_init(out, arena);

    terms = phr_arena_calloc(arena, n + 1, sizeof(phr_term_t));
    if (terms == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "no memory");
    }

    first = n;

    for (i = 0; i < n; i++) {
        rc = phr_term_init(txn, &m[i], arena, &terms[i], err);
        if (rc != PHR_OK) {
            return rc;
        }

        if (!phr_term_is_positive(&terms[i])) {
            continue;
        }

        if (!terms[i].known) {
            return PHR_OK;
        }

        if (first == n || terms[i].cost < terms[first].cost) {
            first = i;
        }
    }

    if (first < n) {
        rc = phr_term_read(txn, &terms[first], stop, out, err);
        terms[first].done = 1;

    } else {
        memset(&all, 0, sizeof(all));
        all.kind = PHR_TERM_PRESENT;
        rc = phr_name_find(txn, phr_str_of(""), &all.name, err);

        if (rc == PHR_OK) {
            rc = phr_term_read(txn, &all, stop, out, err);
        }
    }

    if (rc != PHR_OK) {
        return rc < 0 ? rc : PHR_OK;
    }

    left = 0;

    for (i = 0; i < n && out->n > 0; i++) {
        if (terms[i].done) {
            continue;
        }

        if (terms[i].kind == PHR_TERM_ALL
            || (!phr_term_is_positive(&terms[i]) && !terms[i].known))
        {
            terms[i].done = 1;
            continue;
        }

        if (terms[i].cost > out->n * PHR_LABELS_COST) {
            left++;
            continue;
        }

        rc = phr_term_apply(txn, &terms[i], stop, arena, out, err);
        if (rc != PHR_OK) {
            return rc;
        }

        terms[i].done = 1;
    }

    if (left == 0 || out->n == 0) {
        return PHR_OK;
    }

    return phr_term_filter(txn, terms, n, stop, out, err);
}


static int
phr_term_init(phr_txn_t *txn, const phr_matcher_t *m, phr_arena_t *arena,
    phr_term_t *t, phr_err_t *err)
{
    int               rc, empty, negative;
    size_t            n;
    phr_pair_t        pair;
    const phr_str_t  *set;

    t->m = m;
    empty = phr_matcher_matches(m, phr_str_of(""));
    if (empty < 0) {
        return phr_matcher_fail(m, empty, err);
    }

    negative = (m->op == PHR_MATCH_NE || m->op == PHR_MATCH_NRE);

    rc = phr_name_find(txn, m->name, &t->name, err);
    if (rc < 0) {
        return rc;
    }

    t->known = (rc == PHR_OK);

    /* the values that match, or those that do not, if they are few */

    n = 0;
    set = NULL;

    if (m->op == PHR_MATCH_EQ || m->op == PHR_MATCH_NE) {
        set = &m->value;
        n = 1;

    } else {
        n = phr_regex_literals(m->re, &set);
    }

    if (n > 0 && negative == empty && !(n == 1 && set[0].len == 0)) {
        t->kind = empty ? PHR_TERM_NOT_LIST : PHR_TERM_LIST;

        return t->known ? phr_term_values(txn, t, set, n, arena, err)
                        : PHR_OK;
    }

    if (n == 1 && set[0].len == 0) {
        t->kind = empty ? PHR_TERM_NOT_PRESENT : PHR_TERM_PRESENT;

    } else if (empty) {
        t->kind = m->op == PHR_MATCH_RE && m->value.len == 2
                  && memcmp(m->value.data, ".*", 2) == 0
                  ? PHR_TERM_ALL : PHR_TERM_NOT_VALUES;

    } else {
        t->kind = m->op == PHR_MATCH_RE && m->value.len == 2
                  && memcmp(m->value.data, ".+", 2) == 0
                  ? PHR_TERM_PRESENT : PHR_TERM_VALUES;
    }

    if (!t->known) {
        return PHR_OK;
    }

    rc = phr_pair_find(txn, t->name.id, phr_str_of(""), &pair, err);
    if (rc < 0) {
        return rc;
    }

    /* unknown how many match: at worst all values, and all series */
    t->cost = rc == PHR_OK ? pair.nseries : 0;

    if (t->kind == PHR_TERM_VALUES || t->kind == PHR_TERM_NOT_VALUES) {
        t->cost += (uint64_t) t->name.nvalues * 16;
    }

    return PHR_OK;
}


/* the lists of certain values */
static int
phr_term_values(phr_txn_t *txn, phr_term_t *t, const phr_str_t *set,
    size_t n, phr_arena_t *arena, phr_err_t *err)
{
    int         rc;
    size_t      i;
    phr_pair_t  pair;

    t->lists = phr_arena_alloc(arena, n * sizeof(uint32_t));
    if (t->lists == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "no memory");
    }

    for (i = 0; i < n; i++) {
        if (set[i].len == 0) {
            continue;
        }

        rc = phr_pair_find(txn, t->name.id, set[i], &pair, err);
        if (rc < 0) {
            return rc;
        }

        if (rc == PHR_OK) {
            t->lists[t->nlists++] = pair.list;
            t->cost += pair.nseries;
        }
    }

    return PHR_OK;
}


/* the ids that a term names, sorted: to keep or, of a negative, to drop */
static int
phr_term_read(phr_txn_t *txn, const phr_term_t *t, const volatile int *stop,
    phr_sids_t *out, phr_err_t *err)
{
    int         rc;
    size_t      i;
    phr_pair_t  pair;

    rc = PHR_OK;

    switch (t->kind) {

    case PHR_TERM_LIST:
    case PHR_TERM_NOT_LIST:
        for (i = 0; i < t->nlists && rc == PHR_OK; i++) {
            rc = phr_post_read(txn, t->lists[i], out, err);
        }
        break;

    case PHR_TERM_PRESENT:
    case PHR_TERM_NOT_PRESENT:
        rc = phr_pair_find(txn, t->name.id, phr_str_of(""), &pair, err);
        if (rc == PHR_OK) {
            rc = phr_post_read(txn, pair.list, out, err);
        }
        break;

    case PHR_TERM_VALUES:
        rc = phr_term_walk(txn, t, 1, stop, out, err);
        break;

    case PHR_TERM_NOT_VALUES:
        rc = phr_term_walk(txn, t, 0, stop, out, err);
        break;

    default:
        break;
    }

    if (rc < 0) {
        return rc;
    }

    phr_sids_sort(out);

    return PHR_OK;
}


static int
phr_term_walk(phr_txn_t *txn, const phr_term_t *t, int want,
    const volatile int *stop, phr_sids_t *out, phr_err_t *err)
{
    phr_str_t         prefix;
    phr_values_ctx_t  ctx;

    ctx.txn = txn;
    ctx.m = t->m;
    ctx.want = want;
    ctx.stop = stop;
    ctx.out = out;
    ctx.err = err;

    prefix = phr_str_of("");

    if (t->m->op == PHR_MATCH_RE && want) {
        prefix = phr_regex_prefix(t->m->re);

    } else if (t->m->op == PHR_MATCH_NRE && !want) {
        prefix = phr_regex_prefix(t->m->re);
    }

    return phr_pairs_each(txn, t->name.id, prefix, phr_values_visit, &ctx,
                          err);
}


static int
phr_values_visit(void *data, phr_str_t value, const phr_pair_t *pair)
{
    int                rc;
    phr_values_ctx_t  *ctx = data;

    rc = phr_term_poll(ctx->stop, ctx->err);
    if (rc < 0) {
        return rc;
    }

    rc = phr_matcher_matches(ctx->m, value);
    if (rc < 0) {
        return phr_matcher_fail(ctx->m, rc, ctx->err);
    }

    if (rc != ctx->want) {
        return PHR_OK;
    }

    return phr_post_read(ctx->txn, pair->list, ctx->out, ctx->err);
}


static int
phr_term_apply(phr_txn_t *txn, const phr_term_t *t,
    const volatile int *stop, phr_arena_t *arena, phr_sids_t *out,
    phr_err_t *err)
{
    int                rc;
    phr_sids_t         other;
    phr_arena_mark_t   mark;

    mark = phr_arena_mark(arena);
    phr_sids_init(&other, arena);

    rc = phr_term_read(txn, t, stop, &other, err);

    if (rc == PHR_OK) {
        if (phr_term_is_positive(t)) {
            phr_sids_intersect(out, &other);

        } else {
            phr_sids_subtract(out, &other);
        }
    }

    phr_arena_release(arena, mark);

    return rc;
}


/* what is not done, decided by the labels themselves */
static int
phr_term_filter(phr_txn_t *txn, const phr_term_t *terms, size_t n,
    const volatile int *stop, phr_sids_t *out, phr_err_t *err)
{
    int           rc;
    size_t        i, k, kept;
    phr_labels_t  ls;
    phr_arena_t  *scratch;

    scratch = phr_arena_create(0);
    if (scratch == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    kept = 0;
    rc = PHR_OK;

    for (i = 0; i < out->n; i++) {
        phr_arena_reset(scratch);

        rc = phr_term_poll(stop, err);
        if (rc != PHR_OK) {
            break;
        }

        rc = phr_series_labels(txn, out->v[i], scratch, &ls, err);
        if (rc == PHR_NOTFOUND) {
            rc = phr_err_set(err, PHR_ECORRUPT, "series %u is in the index, "
                             "but has no labels", out->v[i]);
        }

        if (rc != PHR_OK) {
            break;
        }

        for (k = 0; k < n; k++) {
            if (terms[k].done) {
                continue;
            }

            rc = phr_matcher_matches(terms[k].m,
                                     phr_labels_get(ls, terms[k].m->name));
            if (rc <= 0) {
                break;
            }
        }

        if (rc < 0) {
            (void) phr_matcher_fail(terms[k].m, rc, err);
            break;
        }

        rc = PHR_OK;

        if (k == n) {
            out->v[kept++] = out->v[i];
        }
    }

    phr_arena_destroy(scratch);

    if (rc != PHR_OK) {
        return rc;
    }

    out->n = kept;

    return PHR_OK;
}


/* matching many values takes time: it is given up when the query is */
static int
phr_term_poll(const volatile int *stop, phr_err_t *err)
{
    int  rc;

    rc = stop == NULL ? PHR_OK : phr_shared_get(stop);

    return rc == PHR_OK
           ? rc : phr_err_set(err, rc, rc == PHR_ETIMEOUT
                              ? "query timed out while looking for series"
                              : "query was canceled while looking for series");
}
