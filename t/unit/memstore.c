/*
 * Copyright (C) The Pharos Authors
 *
 * Memory store: series in one array, each with its columns.  Readers get
 * copies of the columns that are spoilt by the next call, so that a test
 * notices who keeps them too long.
 */

#include "memstore.h"

#include <stdlib.h>

#include "core/alloc.h"


typedef struct {
    phr_labels_t        labels;
    int64_t            *t_ms;
    int64_t            *st_ms;
    double             *v;
    const phr_hist_t  **h;
    size_t              nhists;
    size_t              nstarts;
    size_t              n;
    size_t              nalloc;
} phr_memseries_t;


typedef struct {
    char       space;
    phr_str_t  key;
    phr_str_t  value;           /* data is NULL if deleted */
} phr_memrecord_t;


struct phr_memstore_s {
    phr_storage_t      storage;
    phr_appender_t     appender;
    phr_arena_t       *arena;           /* labels and records */
    phr_memseries_t  **series;
    size_t             nseries;
    size_t             nalloc;
    phr_memrecord_t   *records;
    size_t             nrecords;
    phr_str_t         *sources;
    size_t             nsources;
};


typedef struct {
    phr_querier_t      querier;
    phr_memstore_t    *m;
} phr_memquerier_t;


typedef struct {
    phr_series_set_t         set;
    phr_memseries_t        **series;
    size_t                   n;
    size_t                   next;
    int64_t                  min_ms, max_ms;
    int                      labels_only;
    int                      starts;
    phr_arena_t             *arena;
    int64_t                 *t_ms;
    int64_t                 *st_ms;
    double                  *v;
    const phr_hist_t       **h;
    size_t                   nbuf;
} phr_memset_t;


static phr_memseries_t *phr_memstore_find(phr_memstore_t *m,
    phr_labels_t ls, phr_sid_t *sid);
static int phr_memstore_querier(phr_storage_t *st, phr_querier_t **q,
    phr_err_t *err);
static int phr_memstore_select(phr_querier_t *q, const phr_matcher_t *m,
    size_t n, int64_t min_ms, int64_t max_ms,
    const phr_select_hints_t *hints, phr_arena_t *arena,
    phr_series_set_t **set, phr_err_t *err);
static int phr_memstore_next(phr_series_set_t *set, phr_series_t *series,
    phr_err_t *err);
static int phr_memstore_label_names(phr_querier_t *q, const phr_matcher_t *m,
    size_t n, int64_t min_ms, int64_t max_ms, size_t limit,
    phr_arena_t *arena, phr_str_t **names, size_t *nnames, int *truncated,
    phr_err_t *err);
static int phr_memstore_label_values(phr_querier_t *q, phr_str_t name,
    const phr_matcher_t *m, size_t n, int64_t min_ms, int64_t max_ms,
    size_t limit, phr_arena_t *arena, phr_str_t **values, size_t *nvalues,
    int *truncated, phr_err_t *err);
static void phr_memstore_close(phr_querier_t *q);
static int phr_memstore_source(phr_appender_t *app, phr_str_t name,
    uint32_t *id, phr_err_t *err);
static int phr_memstore_series(phr_appender_t *app, phr_labels_t ls,
    phr_sid_t *sid, phr_err_t *err);
static int phr_memstore_append(phr_appender_t *app, const phr_batch_t *b,
    phr_err_t *err);
static int phr_memstore_put(phr_appender_t *app, char space, phr_str_t key,
    phr_str_t value, phr_err_t *err);
static int phr_memstore_del(phr_appender_t *app, char space, phr_str_t key,
    phr_err_t *err);
static int phr_memstore_each(phr_appender_t *app, char space,
    phr_str_t prefix,
    int (*visit)(void *data, phr_str_t key, phr_str_t value), void *data,
    phr_err_t *err);
static int phr_memstore_newest(phr_appender_t *app, uint32_t source,
    int64_t min_ms, int64_t max_ms, int (*visit)(void *data, phr_sid_t sid),
    void *data, phr_err_t *err);


static const phr_querier_ops_t  phr_memstore_querier_ops = {
    phr_memstore_select,
    phr_memstore_label_names,
    phr_memstore_label_values,
    phr_memstore_close,
    NULL,
    NULL,
    NULL,
};


static const phr_appender_ops_t  phr_memstore_appender_ops = {
    phr_memstore_source,
    phr_memstore_series,
    phr_memstore_append,
    phr_memstore_put,
    phr_memstore_del,
    phr_memstore_each,
    phr_memstore_newest,
    NULL,
    NULL,
};


phr_memstore_t *
phr_memstore_create(void)
{
    phr_memstore_t  *m;

    m = phr_calloc(1, sizeof(phr_memstore_t));
    if (m == NULL) {
        return NULL;
    }

    m->arena = phr_arena_create(0);
    if (m->arena == NULL) {
        phr_free(m);
        return NULL;
    }

    m->storage.querier = phr_memstore_querier;
    m->appender.ops = &phr_memstore_appender_ops;

    return m;
}


void
phr_memstore_destroy(phr_memstore_t *m)
{
    if (m == NULL) {
        return;
    }

    phr_memstore_clear(m);
    phr_arena_destroy(m->arena);
    phr_free(m);
}


int
phr_memstore_clear(phr_memstore_t *m)
{
    size_t  i;

    for (i = 0; i < m->nseries; i++) {
        phr_free(m->series[i]->t_ms);
        phr_free(m->series[i]->st_ms);
        phr_free(m->series[i]->v);
        phr_free(m->series[i]->h);
    }

    phr_free(m->series);
    phr_free(m->records);
    phr_free(m->sources);
    phr_arena_reset(m->arena);

    m->series = NULL;
    m->records = NULL;
    m->sources = NULL;
    m->nseries = 0;
    m->nalloc = 0;
    m->nrecords = 0;
    m->nsources = 0;

    return PHR_OK;
}


size_t
phr_memstore_nseries(const phr_memstore_t *m)
{
    return m->nseries;
}


phr_storage_t *
phr_memstore_storage(phr_memstore_t *m)
{
    return &m->storage;
}


phr_appender_t *
phr_memstore_appender(phr_memstore_t *m)
{
    return &m->appender;
}


/* the series of the labels, made if it is new; NULL if memory is gone */
static phr_memseries_t *
phr_memstore_find(phr_memstore_t *m, phr_labels_t ls, phr_sid_t *sid)
{
    size_t             i;
    phr_memseries_t   *s, **list;

    for (i = 0; i < m->nseries; i++) {
        if (phr_labels_cmp(m->series[i]->labels, ls) == 0) {
            *sid = i + 1;
            return m->series[i];
        }
    }

    if (m->nseries == m->nalloc) {
        list = phr_realloc(m->series,
                           (m->nalloc * 2 + 16) * sizeof(phr_memseries_t *));
        if (list == NULL) {
            return NULL;
        }

        m->series = list;
        m->nalloc = m->nalloc * 2 + 16;
    }

    s = phr_arena_calloc(m->arena, 1, sizeof(phr_memseries_t));
    if (s == NULL || phr_labels_copy(m->arena, ls, &s->labels) < 0) {
        return NULL;
    }

    m->series[m->nseries++] = s;
    *sid = m->nseries;

    return s;
}


/* keeps the samples in order of time */
static int
phr_memseries_add(phr_memseries_t *s, int64_t t_ms, double v,
    const phr_hist_t *h)
{
    size_t              i, n;
    double             *new_v;
    int64_t            *new_t;
    const phr_hist_t  **new_h;

    if (s->n == s->nalloc) {
        n = s->nalloc * 2 + 16;

        new_t = phr_realloc(s->t_ms, n * sizeof(int64_t));
        if (new_t == NULL) {
            return PHR_ENOMEM;
        }

        s->t_ms = new_t;

        new_t = phr_realloc(s->st_ms, n * sizeof(int64_t));
        if (new_t == NULL) {
            return PHR_ENOMEM;
        }

        s->st_ms = new_t;

        new_v = phr_realloc(s->v, n * sizeof(double));
        if (new_v == NULL) {
            return PHR_ENOMEM;
        }

        s->v = new_v;

        new_h = phr_realloc(s->h, n * sizeof(phr_hist_t *));
        if (new_h == NULL) {
            return PHR_ENOMEM;
        }

        s->h = new_h;
        s->nalloc = n;
    }

    s->nhists += h != NULL;

    for (i = s->n; i > 0 && s->t_ms[i - 1] > t_ms; i--) { /* void */ }

    if (i > 0 && s->t_ms[i - 1] == t_ms) {
        s->v[i - 1] = v;
        s->h[i - 1] = h;
        s->st_ms[i - 1] = 0;
        return PHR_OK;
    }

    memmove(&s->t_ms[i + 1], &s->t_ms[i], (s->n - i) * sizeof(int64_t));
    memmove(&s->st_ms[i + 1], &s->st_ms[i], (s->n - i) * sizeof(int64_t));
    memmove(&s->v[i + 1], &s->v[i], (s->n - i) * sizeof(double));
    memmove(&s->h[i + 1], &s->h[i], (s->n - i) * sizeof(phr_hist_t *));

    s->t_ms[i] = t_ms;
    s->st_ms[i] = 0;
    s->v[i] = v;
    s->h[i] = h;
    s->n++;

    return PHR_OK;
}


int
phr_memstore_add(phr_memstore_t *m, phr_labels_t ls, int64_t t_ms, double v)
{
    phr_sid_t         sid;
    phr_memseries_t  *s;

    s = phr_memstore_find(m, ls, &sid);

    return s == NULL ? PHR_ENOMEM : phr_memseries_add(s, t_ms, v, NULL);
}


int
phr_memstore_add_hist(phr_memstore_t *m, phr_labels_t ls, int64_t t_ms,
    const phr_hist_t *h)
{
    phr_sid_t         sid;
    phr_hist_t       *copy;
    phr_memseries_t  *s;

    s = phr_memstore_find(m, ls, &sid);
    copy = phr_hist_copy(m->arena, h);

    return s == NULL || copy == NULL
           ? PHR_ENOMEM : phr_memseries_add(s, t_ms, h->sum, copy);
}


int
phr_memstore_start(phr_memstore_t *m, phr_labels_t ls, int64_t t_ms,
    int64_t st_ms)
{
    size_t            i;
    phr_sid_t         sid;
    phr_memseries_t  *s;

    s = phr_memstore_find(m, ls, &sid);
    if (s == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0; i < s->n; i++) {
        if (s->t_ms[i] == t_ms) {
            s->st_ms[i] = st_ms;
            s->nstarts++;
            return PHR_OK;
        }
    }

    return PHR_NOTFOUND;
}


static int
phr_memstore_querier(phr_storage_t *st, phr_querier_t **q, phr_err_t *err)
{
    phr_memquerier_t  *mq;

    mq = phr_malloc(sizeof(phr_memquerier_t));
    if (mq == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    mq->querier.ops = &phr_memstore_querier_ops;
    mq->querier.stop = NULL;
    mq->m = (phr_memstore_t *) st;      /* storage is its first member */

    *q = &mq->querier;

    return PHR_OK;
}


static void
phr_memstore_close(phr_querier_t *q)
{
    phr_free(q);
}


static int
phr_memstore_cmp(const void *one, const void *two)
{
    return phr_labels_cmp((*(phr_memseries_t * const *) one)->labels,
                          (*(phr_memseries_t * const *) two)->labels);
}


static int
phr_memstore_select(phr_querier_t *q, const phr_matcher_t *m, size_t n,
    int64_t min_ms, int64_t max_ms, const phr_select_hints_t *hints,
    phr_arena_t *arena, phr_series_set_t **set, phr_err_t *err)
{
    size_t           i;
    phr_memset_t    *ms;
    phr_memstore_t  *store;

    store = ((phr_memquerier_t *) q)->m;

    ms = phr_arena_calloc(arena, 1, sizeof(phr_memset_t));
    if (ms == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "no memory to select");
    }

    ms->set.next = phr_memstore_next;
    ms->arena = arena;
    ms->min_ms = min_ms;
    ms->max_ms = max_ms;
    ms->labels_only = hints != NULL && hints->labels_only;
    ms->starts = hints != NULL && hints->starts;
    ms->series = phr_arena_alloc(arena, (store->nseries + 1)
                                        * sizeof(phr_memseries_t *));
    if (ms->series == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "no memory to select");
    }

    for (i = 0; i < store->nseries; i++) {
        if (phr_matchers_match(m, n, store->series[i]->labels)) {
            ms->series[ms->n++] = store->series[i];
        }
    }

    qsort(ms->series, ms->n, sizeof(phr_memseries_t *), phr_memstore_cmp);

    *set = &ms->set;

    return PHR_OK;
}


/* what is known of resets, by all samples of the series */
static int
phr_memstore_hints(phr_memset_t *ms, const phr_memseries_t *s, size_t lo)
{
    size_t       i;
    phr_hist_t  *h;

    for (i = lo; s->nhists != 0 && i < s->n && i - lo < ms->nbuf; i++) {
        if (s->h[i] == NULL) {
            continue;
        }

        h = phr_arena_alloc(ms->arena, sizeof(phr_hist_t));
        if (h == NULL) {
            return PHR_ENOMEM;
        }

        *h = *s->h[i];
        h->hint = phr_hist_hint_after(h, i > 0 ? s->h[i - 1] : NULL);
        ms->h[i - lo] = h;
    }

    return PHR_OK;
}


static int
phr_memstore_next(phr_series_set_t *set, phr_series_t *series,
    phr_err_t *err)
{
    size_t            lo, hi;
    phr_memset_t     *ms;
    phr_memseries_t  *s;

    ms = (phr_memset_t *) set;

    memset(ms->t_ms ? (void *) ms->t_ms : (void *) "", 0xa5,
           ms->nbuf * sizeof(int64_t));
    memset(ms->v ? (void *) ms->v : (void *) "", 0xa5,
           ms->nbuf * sizeof(double));

    for ( ;; ) {
        if (ms->next == ms->n) {
            return PHR_DONE;
        }

        s = ms->series[ms->next++];

        for (lo = 0; lo < s->n && s->t_ms[lo] < ms->min_ms; lo++) {
            /* void */
        }

        for (hi = lo; hi < s->n && s->t_ms[hi] <= ms->max_ms; hi++) {
            /* void */
        }

        if (lo < hi || ms->labels_only) {
            break;
        }
    }

    series->labels = s->labels;
    series->n = ms->labels_only ? 0 : hi - lo;

    if (series->n > ms->nbuf) {
        ms->nbuf = series->n;
        ms->t_ms = phr_arena_alloc(ms->arena, ms->nbuf * sizeof(int64_t));
        ms->st_ms = phr_arena_alloc(ms->arena, ms->nbuf * sizeof(int64_t));
        ms->v = phr_arena_alloc(ms->arena, ms->nbuf * sizeof(double));
        ms->h = phr_arena_alloc(ms->arena, ms->nbuf * sizeof(phr_hist_t *));

        if (ms->t_ms == NULL || ms->st_ms == NULL || ms->v == NULL
            || ms->h == NULL)
        {
            return phr_err_set(err, phr_arena_rc(ms->arena),
                               "no memory for samples");
        }
    }

    if (series->n != 0) {
        memcpy(ms->t_ms, &s->t_ms[lo], series->n * sizeof(int64_t));
        memcpy(ms->st_ms, &s->st_ms[lo], series->n * sizeof(int64_t));
        memcpy(ms->v, &s->v[lo], series->n * sizeof(double));
        memcpy(ms->h, &s->h[lo], series->n * sizeof(phr_hist_t *));

        if (phr_memstore_hints(ms, s, lo) != PHR_OK) {
            return phr_err_set(err, phr_arena_rc(ms->arena),
                               "no memory for histograms");
        }
    }

    series->t_ms = ms->t_ms;
    series->v = ms->v;
    series->h = s->nhists != 0 ? ms->h : NULL;
    series->st_ms = ms->starts && s->nstarts != 0 ? ms->st_ms : NULL;

    return PHR_OK;
}


static int
phr_memstore_cmp_str(const void *one, const void *two)
{
    return phr_str_cmp(*(const phr_str_t *) one, *(const phr_str_t *) two);
}


/* names if name is NULL, else the values of the label */
static int
phr_memstore_strings(phr_querier_t *q, const phr_str_t *name,
    const phr_matcher_t *m, size_t n, size_t limit, phr_arena_t *arena,
    phr_str_t **out, size_t *nout, int *truncated, phr_err_t *err)
{
    size_t           i, j, total, count;
    phr_str_t       *s;
    phr_labels_t     ls;
    phr_memstore_t  *store;

    store = ((phr_memquerier_t *) q)->m;
    total = 0;
    count = 0;

    for (i = 0; i < store->nseries; i++) {
        total += store->series[i]->labels.n;
    }

    s = phr_arena_alloc(arena, (total + 1) * sizeof(phr_str_t));
    if (s == NULL) {
        return phr_err_set(err, phr_arena_rc(arena), "no memory for labels");
    }

    for (i = 0; i < store->nseries; i++) {
        ls = store->series[i]->labels;

        if (!phr_matchers_match(m, n, ls)) {
            continue;
        }

        for (j = 0; j < ls.n; j++) {
            if (name == NULL) {
                s[count++] = ls.l[j].name;

            } else if (phr_str_eq(*name, ls.l[j].name)) {
                s[count++] = ls.l[j].value;
            }
        }
    }

    qsort(s, count, sizeof(phr_str_t), phr_memstore_cmp_str);

    for (i = 0, j = 0; i < count; i++) {
        if (j == 0 || !phr_str_eq(s[j - 1], s[i])) {
            s[j++] = s[i];
        }
    }

    if (truncated != NULL) {
        *truncated = limit != 0 && j > limit;
    }

    *out = s;
    *nout = limit != 0 && j > limit ? limit : j;

    return PHR_OK;
}


static int
phr_memstore_label_names(phr_querier_t *q, const phr_matcher_t *m, size_t n,
    int64_t min_ms, int64_t max_ms, size_t limit, phr_arena_t *arena,
    phr_str_t **names, size_t *nnames, int *truncated, phr_err_t *err)
{
    return phr_memstore_strings(q, NULL, m, n, limit, arena, names, nnames,
                                truncated, err);
}


static int
phr_memstore_label_values(phr_querier_t *q, phr_str_t name,
    const phr_matcher_t *m, size_t n, int64_t min_ms, int64_t max_ms,
    size_t limit, phr_arena_t *arena, phr_str_t **values, size_t *nvalues,
    int *truncated, phr_err_t *err)
{
    return phr_memstore_strings(q, &name, m, n, limit, arena, values,
                                nvalues, truncated, err);
}


static phr_memstore_t *
phr_memstore_of(phr_appender_t *app)
{
    return (phr_memstore_t *) ((char *) app
                               - offsetof(phr_memstore_t, appender));
}


static int
phr_memstore_source(phr_appender_t *app, phr_str_t name, uint32_t *id,
    phr_err_t *err)
{
    size_t           i;
    phr_str_t       *sources;
    phr_memstore_t  *m;

    m = phr_memstore_of(app);

    for (i = 0; i < m->nsources; i++) {
        if (phr_str_eq(m->sources[i], name)) {
            *id = i + 1;
            return PHR_OK;
        }
    }

    sources = phr_realloc(m->sources, (m->nsources + 1) * sizeof(phr_str_t));
    if (sources == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    m->sources = sources;
    m->sources[m->nsources] = phr_arena_str(m->arena, name);

    if (m->sources[m->nsources].data == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    *id = ++m->nsources;

    return PHR_OK;
}


static int
phr_memstore_series(phr_appender_t *app, phr_labels_t ls, phr_sid_t *sid,
    phr_err_t *err)
{
    if (phr_memstore_find(phr_memstore_of(app), ls, sid) == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    return PHR_OK;
}


/* whether the last sample is this one */
static int
phr_memseries_same(const phr_memseries_t *s, double v, const phr_hist_t *h)
{
    const phr_hist_t  *last;

    last = s->h[s->n - 1];

    if (h == NULL || last == NULL) {
        return h == last
               && phr_double_bits(s->v[s->n - 1]) == phr_double_bits(v);
    }

    return phr_hist_eq(h, last);
}


static int
phr_memstore_append(phr_appender_t *app, const phr_batch_t *b,
    phr_err_t *err)
{
    int               rc;
    size_t            i;
    double            v;
    int64_t           t_ms;
    phr_hist_t       *h;
    phr_memstore_t   *m;
    phr_memseries_t  *s;

    m = phr_memstore_of(app);

    for (i = 0; i < b->n; i++) {
        t_ms = b->t_each ? b->t_each[i] : b->t_ms;
        rc = PHR_OK;

        if (b->sid[i] == 0 || b->sid[i] > m->nseries) {
            rc = PHR_ENOTFOUND;

        } else {
            s = m->series[b->sid[i] - 1];
            h = NULL;
            v = b->v != NULL ? b->v[i] : 0;

            if (b->h != NULL && b->h[i] != NULL) {
                v = b->h[i]->sum;

                h = phr_hist_copy(m->arena, b->h[i]);
                if (h == NULL) {
                    return phr_err_set(err, PHR_ENOMEM, "out of memory");
                }
            }

            if (s->n != 0 && s->t_ms[s->n - 1] > t_ms) {
                rc = PHR_EORDER;

            } else if (s->n != 0 && s->t_ms[s->n - 1] == t_ms) {
                rc = phr_memseries_same(s, v, h) ? PHR_OK : PHR_EDUPLICATE;

            } else if (phr_memseries_add(s, t_ms, v, h) < 0) {
                return phr_err_set(err, PHR_ENOMEM, "out of memory");
            }
        }

        if (b->status != NULL) {
            b->status[i] = rc;
        }
    }

    return PHR_OK;
}


static int
phr_memstore_put(phr_appender_t *app, char space, phr_str_t key,
    phr_str_t value, phr_err_t *err)
{
    size_t            i;
    phr_memstore_t   *m;
    phr_memrecord_t  *r;

    m = phr_memstore_of(app);

    for (i = 0; i < m->nrecords; i++) {
        if (m->records[i].space == space
            && phr_str_eq(m->records[i].key, key))
        {
            break;
        }
    }

    if (i == m->nrecords) {
        r = phr_realloc(m->records,
                        (m->nrecords + 1) * sizeof(phr_memrecord_t));
        if (r == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "out of memory");
        }

        m->records = r;
        r[i].space = space;
        r[i].key = phr_arena_str(m->arena, key);
        m->nrecords++;
    }

    r = &m->records[i];
    r->value = phr_arena_str(m->arena, value);

    if (r->key.data == NULL || r->value.data == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    return PHR_OK;
}


static int
phr_memstore_del(phr_appender_t *app, char space, phr_str_t key,
    phr_err_t *err)
{
    size_t           i;
    phr_memstore_t  *m;

    m = phr_memstore_of(app);

    for (i = 0; i < m->nrecords; i++) {
        if (m->records[i].space == space
            && phr_str_eq(m->records[i].key, key))
        {
            m->records[i].value = phr_str_from(NULL, 0);
        }
    }

    return PHR_OK;
}


static int
phr_memstore_each(phr_appender_t *app, char space, phr_str_t prefix,
    int (*visit)(void *data, phr_str_t key, phr_str_t value), void *data,
    phr_err_t *err)
{
    int               rc;
    size_t            i;
    phr_memstore_t   *m;
    phr_memrecord_t  *r;

    m = phr_memstore_of(app);

    for (i = 0; i < m->nrecords; i++) {
        r = &m->records[i];

        if (r->space != space || r->value.data == NULL
            || r->key.len < prefix.len
            || memcmp(r->key.data, prefix.data ? prefix.data : "",
                      prefix.len) != 0)
        {
            continue;
        }

        rc = visit(data, r->key, r->value);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


/* no test asks this store: it does not know which batch was whose */

static int
phr_memstore_newest(phr_appender_t *app, uint32_t source, int64_t min_ms,
    int64_t max_ms, int (*visit)(void *data, phr_sid_t sid), void *data,
    phr_err_t *err)
{
    return PHR_OK;
}
