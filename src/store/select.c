/*
 * Copyright (C) The Pharos Authors
 *
 * Select: see select.h.
 */

#include "store/select.h"

#include "core/alloc.h"
#include "store/alive.h"
#include "store/change.h"
#include "store/coarse_read.h"
#include "store/exemplar.h"
#include "store/index.h"
#include "store/keep.h"
#include "store/postings.h"
#include "store/reader.h"
#include "store/series.h"


typedef struct {
    phr_series_set_t      base;
    phr_store_querier_t  *q;
    phr_arena_t          *arena;
    phr_reader_t         *reader;   /* NULL: labels only */
    phr_coarse_reader_t  *coarse;   /* NULL: samples are enough */
    phr_coarse_plan_t     plan;
    int64_t               min_ms, max_ms;
    size_t                other;    /* 0, or the place in readers, plus one, */
    phr_sid_t             one;      /* of that of this series alone */
    phr_sid_t            *sid;
    phr_labels_t         *labels;   /* in the order of sid, or NULL */
    size_t                n;
    size_t                pos;
    int                   starts;   /* start timestamps are wanted */
} phr_store_set_t;


static int phr_querier_select(phr_querier_t *base, const phr_matcher_t *m,
    size_t n, int64_t min_ms, int64_t max_ms,
    const phr_select_hints_t *hints, phr_arena_t *arena,
    phr_series_set_t **set, phr_err_t *err);
static int phr_select_read(phr_store_set_t *set,
    const phr_select_hints_t *hints, phr_err_t *err);
static int phr_select_sort(phr_store_set_t *set, phr_err_t *err);
static int phr_set_next(phr_series_set_t *base, phr_series_t *series,
    phr_err_t *err);
static void phr_set_done(phr_store_set_t *set);
static void phr_set_raw(phr_series_t *series, const phr_columns_t *c);
static int phr_set_coarse(phr_store_set_t *set, phr_sid_t sid,
    phr_columns_t *c, phr_series_t *series, phr_reader_t **reader,
    phr_err_t *err);
static int phr_set_alone(phr_store_set_t *set, phr_sid_t sid,
    phr_columns_t *c, phr_series_t *series, phr_reader_t **reader,
    phr_err_t *err);
static int phr_set_labels(phr_store_set_t *set, size_t i, phr_labels_t *ls,
    phr_err_t *err);
static void phr_columns_trim(phr_columns_t *c, int64_t min_ms);
static int phr_querier_exemplars(phr_querier_t *base,
    const phr_matcher_set_t *sets, size_t nsets, int64_t min_ms,
    int64_t max_ms, phr_arena_t *arena, phr_exemplars_of_t **out, size_t *n,
    phr_err_t *err);
static void phr_querier_close(phr_querier_t *base);
static void phr_querier_version(phr_querier_t *base, phr_version_t *version);
static int64_t phr_querier_changed(phr_querier_t *base, uint64_t number);


static const phr_querier_ops_t  phr_store_querier_ops = {
    phr_querier_select,
    phr_querier_label_names,
    phr_querier_label_values,
    phr_querier_close,
    phr_querier_exemplars,
    phr_querier_version,
    phr_querier_changed
};


int
phr_querier_open(phr_storage_t *storage, phr_querier_t **out,
    phr_err_t *err)
{
    int                   rc;
    phr_store_t          *st;
    phr_store_querier_t  *q;

    st = (phr_store_t *) storage;

    q = phr_calloc(1, sizeof(phr_store_querier_t));
    if (q == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    q->base.ops = &phr_store_querier_ops;
    q->st = st;
    phr_array_init(&q->readers, sizeof(phr_reader_t *));
    phr_array_init(&q->coarse, sizeof(phr_coarse_reader_t *));

    pthread_mutex_lock(&st->mutex);
    q->keep = st->shown;
    q->max_exemplars = st->shown_exemplars;
    pthread_mutex_unlock(&st->mutex);

    rc = phr_txn_begin(st->env, 0, &q->txn, err);
    if (rc != PHR_OK) {
        phr_free(q);
        return rc;
    }

    *out = &q->base;

    return PHR_OK;
}


static void
phr_querier_close(phr_querier_t *base)
{
    size_t                i;
    phr_store_querier_t  *q;

    q = (phr_store_querier_t *) base;

    for (i = 0; i < q->readers.nelts; i++) {
        phr_reader_destroy(*phr_array_get(&q->readers, phr_reader_t *, i));
    }

    for (i = 0; i < q->coarse.nelts; i++) {
        phr_coarse_reader_destroy(*phr_array_get(&q->coarse,
                                                 phr_coarse_reader_t *, i));
    }

    phr_array_free(&q->readers);
    phr_array_free(&q->coarse);
    phr_txn_abort(q->txn);
    phr_free(q);
}


/* buckets may answer for more than what is gone, see coarse_read.c */
static void
phr_querier_version(phr_querier_t *base, phr_version_t *version)
{
    int                   res;
    int64_t               floor_ms;
    phr_store_querier_t  *q;

    q = (phr_store_querier_t *) base;
    floor_ms = q->keep.high_ms;

    for (res = 0; res < PHR_STORE_COARSE; res++) {
        if (q->keep.conf->coarse[res].after_ms != 0
            && floor_ms != PHR_TIME_MIN)
        {
            floor_ms += phr_coarse_ms(res);
        }
    }

    version->number = phr_txn_id(q->txn);
    version->floor_ms = floor_ms;
}


/* of two states the older one knows less, whichever is ours */
static int64_t
phr_querier_changed(phr_querier_t *base, uint64_t number)
{
    phr_store_querier_t  *q;

    q = (phr_store_querier_t *) base;

    return phr_change_since(q->st, phr_min(number, phr_txn_id(q->txn)));
}


static int
phr_querier_select(phr_querier_t *base, const phr_matcher_t *m, size_t n,
    int64_t min_ms, int64_t max_ms, const phr_select_hints_t *hints,
    phr_arena_t *arena, phr_series_set_t **out, phr_err_t *err)
{
    int                   rc;
    phr_sids_t            sids;
    phr_alive_t           alive;
    phr_store_set_t      *set;
    phr_store_querier_t  *q;

    q = (phr_store_querier_t *) base;

    set = phr_arena_calloc(arena, 1, sizeof(phr_store_set_t));
    if (set == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "no memory");
    }

    set->base.next = phr_set_next;
    set->q = q;
    set->arena = arena;
    set->min_ms = min_ms;
    set->max_ms = max_ms;
    set->starts = hints != NULL && hints->starts;

    rc = phr_index_select(q->txn, m, n, base->stop, arena, &sids, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (hints != NULL && hints->labels_only) {
        rc = phr_alive_init(&alive, q->txn, &q->keep, min_ms, max_ms, arena,
                            err);

        if (rc == PHR_OK) {
            rc = phr_alive_filter(&alive, &sids, err);
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    set->sid = sids.v;
    set->n = sids.n;

    if (hints != NULL && hints->sorted) {
        rc = phr_select_sort(set, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (set->n > 0 && !(hints != NULL && hints->labels_only)) {
        rc = phr_select_read(set, hints, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    *out = &set->base;

    return PHR_OK;
}


/* the readers of the samples and of the buckets */
static int
phr_select_read(phr_store_set_t *set, const phr_select_hints_t *hints,
    phr_err_t *err)
{
    int                    rc;
    int64_t                min_ms;
    phr_keep_t            *keep;
    phr_reader_t         **slot;
    phr_coarse_reader_t  **coarse;

    keep = &set->q->keep;

    rc = phr_coarse_plan(set->q->txn, keep, hints, set->min_ms, set->max_ms,
                         &set->plan, err);
    if (rc != PHR_OK) {
        return rc;
    }

    min_ms = phr_max(set->min_ms, keep->low_ms);

    if (set->plan.n > 0) {
        coarse = phr_array_push(&set->q->coarse);
        if (coarse == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        rc = phr_coarse_reader_create(set->q->txn, &set->plan, set->arena,
                                      coarse, err);
        if (rc != PHR_OK) {
            set->q->coarse.nelts--;
            return rc;
        }

        set->coarse = *coarse;

        /* what a rule keeps for longer is read as well, but by choice */

        if (set->plan.chosen || keep->conf->nrules == 0) {
            min_ms = phr_max(min_ms, set->plan.raw_ms + 1);
        }
    }

    slot = phr_array_push(&set->q->readers);
    if (slot == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    rc = phr_reader_create(set->q->txn, set->sid, set->n, min_ms,
                           set->max_ms, slot, err);
    if (rc != PHR_OK) {
        set->q->readers.nelts--;
        return rc;
    }

    set->reader = *slot;
    phr_reader_count(set->reader, set->arena);

    if (set->starts) {
        phr_reader_want_starts(set->reader);
    }

    return PHR_OK;
}


typedef struct {
    phr_labels_t  labels;
    phr_sid_t     sid;
} phr_labelled_t;


static int
phr_select_sort(phr_store_set_t *set, phr_err_t *err)
{
    int              rc;
    size_t           i;
    phr_labelled_t  *l;

    l = phr_arena_alloc(set->arena, (set->n + 1) * sizeof(phr_labelled_t));
    set->labels = phr_arena_alloc(set->arena,
                                  (set->n + 1) * sizeof(phr_labels_t));

    if (l == NULL || set->labels == NULL) {
        return phr_err_set(err, phr_arena_rc(set->arena), "too much memory "
                           "needed for labels");
    }

    for (i = 0; i < set->n; i++) {
        l[i].sid = set->sid[i];

        rc = phr_series_labels(set->q->txn, set->sid[i], set->arena,
                               &l[i].labels, err);
        if (rc == PHR_NOTFOUND) {
            return phr_err_set(err, PHR_ECORRUPT, "series %u has no labels",
                               set->sid[i]);
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    phr_labels_sort(l, set->n, sizeof(phr_labelled_t));

    for (i = 0; i < set->n; i++) {
        set->sid[i] = l[i].sid;
        set->labels[i] = l[i].labels;
    }

    return PHR_OK;
}


static int
phr_set_next(phr_series_set_t *base, phr_series_t *series, phr_err_t *err)
{
    int               rc;
    size_t            i;
    phr_keep_t       *keep;
    phr_columns_t     c;
    phr_reader_t     *reader;
    phr_store_set_t  *set;

    set = (phr_store_set_t *) base;
    keep = &set->q->keep;
    memset(&c, 0, sizeof(c));
    phr_set_raw(series, &c);
    reader = set->reader;

    do {
        if (set->pos == set->n) {
            phr_set_done(set);
            return PHR_DONE;
        }

        i = set->pos++;

        if (set->reader != NULL) {
            rc = phr_reader_next(set->reader, &c, err);
            if (rc != PHR_OK) {
                return rc;
            }

            if (c.n == 0 && set->coarse == NULL) {
                continue;
            }
        }

        rc = phr_set_labels(set, i, &series->labels, err);
        if (rc != PHR_OK) {
            return rc;
        }

        /* the reader knows the lowest floor only */

        if (c.n > 0 && c.t_ms[0] < keep->high_ms) {
            phr_columns_trim(&c, phr_keep_labels(keep, series->labels));
        }

        phr_set_raw(series, &c);

        if (set->coarse != NULL) {
            rc = phr_set_coarse(set, set->sid[i], &c, series, &reader, err);
            if (rc != PHR_OK) {
                return rc;
            }
        }

    } while (series->n == 0 && set->reader != NULL);

    if (!set->starts || reader == NULL) {
        return PHR_OK;
    }

    return phr_reader_starts(reader, series->t_ms, series->n,
                             series->nparts > 0
                             ? series->parts[series->nparts - 1].to_ms
                             : PHR_TIME_MIN,
                             &series->st_ms, err);
}


/* others of the query get the memory of those that have read everything */
static void
phr_set_done(phr_store_set_t *set)
{
    size_t                 i;
    phr_reader_t         **r;
    phr_coarse_reader_t  **c;

    for (i = 0; set->reader != NULL && i < set->q->readers.nelts; i++) {
        r = phr_array_get(&set->q->readers, phr_reader_t *, i);

        if (*r == set->reader || i + 1 == set->other) {
            phr_reader_destroy(*r);
            *r = NULL;
        }
    }

    for (i = 0; set->coarse != NULL && i < set->q->coarse.nelts; i++) {
        c = phr_array_get(&set->q->coarse, phr_coarse_reader_t *, i);

        if (*c == set->coarse) {
            phr_coarse_reader_destroy(*c);
            *c = NULL;
        }
    }

    set->reader = NULL;
    set->coarse = NULL;
}


static void
phr_set_raw(phr_series_t *series, const phr_columns_t *c)
{
    series->t_ms = c->t_ms;
    series->v = c->v;
    series->h = c->h;
    series->n = c->n;
    series->st_ms = NULL;
    series->w = NULL;
    series->parts = NULL;
    series->nparts = 0;
}


/*
 * Joins buckets and samples.  A series for which a rule holds has its
 * samples as long as anything of it is kept, and no buckets but by choice;
 * one of histograms has no buckets at all, whatever was chosen.
 */
static int
phr_set_coarse(phr_store_set_t *set, phr_sid_t sid, phr_columns_t *c,
    phr_series_t *series, phr_reader_t **reader, phr_err_t *err)
{
    int          rc;
    int64_t      floor_ms;
    phr_keep_t  *keep;

    keep = &set->q->keep;
    floor_ms = PHR_TIME_MIN;

    if (keep->conf->nrules > 0 && phr_keep_is_ruled(keep, series->labels)) {
        if (!set->plan.chosen) {
            return PHR_OK;
        }

        floor_ms = phr_keep_labels(keep, series->labels);
    }

    phr_columns_trim(c, set->plan.raw_ms + 1);

    rc = phr_coarse_reader_series(set->coarse, sid, floor_ms, c, series,
                                  err);

    if (rc != PHR_OK || series->nparts > 0 || !set->plan.chosen) {
        return rc;
    }

    return phr_set_alone(set, sid, c, series, reader, err);
}


/* all samples of one series, by a reader of its own */
static int
phr_set_alone(phr_store_set_t *set, phr_sid_t sid, phr_columns_t *c,
    phr_series_t *series, phr_reader_t **reader, phr_err_t *err)
{
    int             rc;
    int64_t         floor_ms;
    phr_array_t    *readers;
    phr_reader_t  **slot;

    readers = &set->q->readers;

    if (set->other == 0) {
        slot = phr_array_push(readers);
        if (slot == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        *slot = NULL;
        set->other = readers->nelts;
    }

    slot = phr_array_get(readers, phr_reader_t *, set->other - 1);
    phr_reader_destroy(*slot);
    *slot = NULL;

    set->one = sid;
    floor_ms = phr_keep_labels(&set->q->keep, series->labels);

    rc = phr_reader_create(set->q->txn, &set->one, 1,
                           phr_max(set->min_ms, floor_ms), set->max_ms, slot,
                           err);
    if (rc != PHR_OK) {
        *slot = NULL;
        return rc;
    }

    *reader = *slot;
    phr_reader_count(*slot, set->arena);

    if (set->starts) {
        phr_reader_want_starts(*slot);
    }

    rc = phr_reader_next(*slot, c, err);

    if (rc == PHR_OK) {
        phr_set_raw(series, c);
    }

    return rc;
}


static int
phr_set_labels(phr_store_set_t *set, size_t i, phr_labels_t *ls,
    phr_err_t *err)
{
    int  rc;

    if (set->labels != NULL) {
        *ls = set->labels[i];
        return PHR_OK;
    }

    rc = phr_series_labels(set->q->txn, set->sid[i], set->arena, ls, err);

    return rc == PHR_NOTFOUND
           ? phr_err_set(err, PHR_ECORRUPT, "series %u has no labels",
                         set->sid[i]) : rc;
}


/* leaves out what is before min_ms */
static void
phr_columns_trim(phr_columns_t *c, int64_t min_ms)
{
    size_t  low, high, mid;

    for (low = 0, high = c->n; low < high; /* void */) {
        mid = (low + high) / 2;

        if (c->t_ms[mid] < min_ms) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    c->t_ms += low;
    c->v += low;
    c->n -= low;

    if (c->h != NULL) {
        c->h += low;
    }
}


static int
phr_querier_exemplars(phr_querier_t *base, const phr_matcher_set_t *sets,
    size_t nsets, int64_t min_ms, int64_t max_ms, phr_arena_t *arena,
    phr_exemplars_of_t **out, size_t *n, phr_err_t *err)
{
    phr_store_querier_t  *q;

    q = (phr_store_querier_t *) base;

    return phr_exemplar_select(q->txn, &q->keep, q->max_exemplars,
                               base->stop, sets, nsets, min_ms, max_ms,
                               arena, out, n, err);
}
