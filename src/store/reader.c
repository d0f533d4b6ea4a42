/*
 * Copyright (C) The Pharos Authors
 *
 * Reader: see reader.h.
 *
 * Series are taken in batches.  For a batch the passes of collect.c note
 * where the chunks of its series are and copy what is in rows and loose
 * samples; next() then decodes one series and joins its parts.
 */

#include "store/reader.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "store/collect.h"


/* memory of one batch, a bound against damage rather than for thrift */
#define PHR_READER_BATCH_BYTES  (512 << 20)

#define PHR_READER_BATCH_MIN    64
#define PHR_READER_BATCH_MAX    8192
#define PHR_READER_BATCH_REFS   262144

/* bytes of one in t_ms and v */
#define PHR_READER_SAMPLE       (sizeof(int64_t) + sizeof(double))


/* of a batch: sorted by sid, and where it was before */
typedef struct {
    phr_sid_t  sid;
    uint32_t   at;
} phr_sid_place_t;


static int phr_reader_batch(phr_reader_t *r, phr_err_t *err);
static int phr_sid_place_cmp(const void *a, const void *b);
static int phr_reader_series(phr_reader_t *r, uint32_t slot,
    phr_columns_t *c, phr_err_t *err);
static int phr_reader_loose_series(phr_reader_t *r, phr_sid_t sid,
    phr_err_t *err);
static int phr_reader_chunks(phr_reader_t *r, uint32_t slot, phr_err_t *err);
static int phr_reader_chunk(phr_reader_t *r, size_t place,
    const phr_chunk_ref_t *ref, int *shared, phr_err_t *err);
static size_t phr_reader_bytes(const phr_reader_t *r);
static int phr_reader_room(phr_reader_t *r, size_t n, phr_err_t *err);
static void phr_reader_add(phr_reader_t *r, const int64_t *t_ms,
    const double *v, size_t n);
static int phr_reader_run(phr_reader_t *r, uint64_t rank, phr_err_t *err);
static int phr_reader_merge(phr_reader_t *r, phr_err_t *err);
static void phr_reader_trim(phr_reader_t *r, phr_columns_t *c);


int
phr_reader_create(phr_txn_t *txn, const phr_sid_t *sid, size_t n,
    int64_t min_ms, int64_t max_ms, phr_reader_t **out, phr_err_t *err)
{
    size_t         per_series;
    phr_reader_t  *r;

    r = phr_calloc(1, sizeof(phr_reader_t));
    if (r == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    r->txn = txn;
    r->order = sid;
    r->n = n;
    r->min_ms = phr_max(min_ms, PHR_KEY_TIME_MIN);
    r->max_ms = phr_min(max_ms, PHR_KEY_TIME_MAX);

    phr_array_init(&r->refs, sizeof(phr_reader_ref_t));
    phr_array_init(&r->cols, sizeof(phr_reader_column_t));
    phr_array_init(&r->loose, sizeof(phr_loose_t));
    phr_array_init(&r->start_loose, sizeof(phr_loose_t));
    phr_array_init(&r->units, sizeof(phr_reader_unit_t *));
    phr_array_init(&r->times, sizeof(phr_reader_times_t));
    phr_array_init(&r->chain, sizeof(phr_reader_ref_t *));
    phr_array_init(&r->merge, sizeof(phr_reader_sample_t));
    phr_array_init(&r->runs, sizeof(phr_reader_run_t));

    /* a chunk each half hour, at the usual interval */
    per_series = 4;

    if (r->max_ms > r->min_ms) {
        per_series += (size_t) ((r->max_ms - r->min_ms)
                                / (PHR_WINDOW_MS / 4));
    }

    r->batch_max = PHR_READER_BATCH_REFS / per_series;
    r->batch_max = phr_max(r->batch_max, PHR_READER_BATCH_MIN);
    r->batch_max = phr_min(r->batch_max, PHR_READER_BATCH_MAX);
    r->batch_max = phr_min(r->batch_max, n);

    r->sid = phr_malloc((r->batch_max + 1) * sizeof(phr_sid_t));
    r->slot = phr_malloc((r->batch_max + 1) * sizeof(uint32_t));
    r->mem = phr_arena_create(PHR_READER_BATCH_BYTES);

    if (r->sid == NULL || r->slot == NULL || r->mem == NULL) {
        phr_reader_destroy(r);
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    *out = r;

    return PHR_OK;
}


void
phr_reader_destroy(phr_reader_t *r)
{
    if (r == NULL) {
        return;
    }

    if (r->count != NULL) {
        phr_arena_give(r->count, r->counted);
    }

    phr_array_free(&r->refs);
    phr_array_free(&r->cols);
    phr_array_free(&r->loose);
    phr_array_free(&r->start_loose);
    phr_array_free(&r->units);
    phr_array_free(&r->times);
    phr_array_free(&r->chain);
    phr_array_free(&r->merge);
    phr_array_free(&r->runs);
    phr_arena_destroy(r->mem);
    phr_arena_destroy(r->hmem);
    phr_free(r->sid);
    phr_free(r->slot);
    phr_free(r->values);
    phr_free(r->st_ms);
    phr_free(r->t_ms);
    phr_free(r->v);
    phr_free((void *) r->h);
    phr_free(r->merged_t);
    phr_free(r->merged_v);
    phr_free((void *) r->merged_h);
    phr_free(r);
}


void
phr_reader_count(phr_reader_t *r, phr_arena_t *arena)
{
    r->count = arena;
}


int
phr_reader_next(phr_reader_t *r, phr_columns_t *c, phr_err_t *err)
{
    int       rc;
    uint32_t  slot;

    if (r->at == r->batch) {
        r->pos += r->batch;

        if (r->pos == r->n) {
            r->batch = 0;
            r->at = 0;
            return PHR_DONE;
        }

        rc = phr_reader_batch(r, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    slot = r->slot[r->at++];
    c->sid = r->sid[slot];
    r->start_slot = slot;

    return phr_reader_series(r, slot, c, err);
}


static int
phr_reader_batch(phr_reader_t *r, phr_err_t *err)
{
    int               rc;
    size_t            i, n;
    phr_sid_place_t  *p;

    phr_arena_reset(r->mem);

    n = phr_min(r->n - r->pos, r->batch_max);
    r->batch = n;
    r->at = 0;
    r->refs.nelts = 0;
    r->cols.nelts = 0;
    r->loose.nelts = 0;
    r->start_loose.nelts = 0;
    r->times.nelts = 0;
    r->nvalues = 0;

    p = phr_arena_alloc(r->mem, n * sizeof(phr_sid_place_t));
    r->chunks = phr_arena_alloc(r->mem, n * sizeof(uint32_t));
    r->columns = phr_arena_alloc(r->mem, n * sizeof(uint32_t));
    r->start_chunks = phr_arena_alloc(r->mem, n * sizeof(uint32_t));

    if (p == NULL || r->chunks == NULL || r->columns == NULL
        || r->start_chunks == NULL)
    {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    for (i = 0; i < n; i++) {
        p[i].sid = r->order[r->pos + i];
        p[i].at = (uint32_t) i;
    }

    for (i = 1; i < n && p[i - 1].sid < p[i].sid; i++) {
        /* void */
    }

    if (i < n) {
        qsort(p, n, sizeof(phr_sid_place_t), phr_sid_place_cmp);
    }

    for (i = 0; i < n; i++) {
        r->sid[i] = p[i].sid;
        r->slot[p[i].at] = (uint32_t) i;
        r->chunks[i] = PHR_NOWHERE;
        r->columns[i] = PHR_NOWHERE;
        r->start_chunks[i] = PHR_NOWHERE;
    }

    rc = phr_reader_packs(r, err);
    if (rc == PHR_OK) {
        rc = phr_reader_heads(r, err);
    }
    if (rc == PHR_OK) {
        rc = phr_reader_loose(r, err);
    }

    return rc;
}


static int
phr_sid_place_cmp(const void *a, const void *b)
{
    phr_sid_t  x, y;

    x = ((const phr_sid_place_t *) a)->sid;
    y = ((const phr_sid_place_t *) b)->sid;

    return (x > y) - (x < y);
}


static int
phr_reader_series(phr_reader_t *r, uint32_t slot, phr_columns_t *c,
    phr_err_t *err)
{
    int                   rc;
    uint32_t              next;
    phr_reader_column_t  *col;

    /* the samples of one column of rows are ready as they are */

    if (r->chunks[slot] == PHR_NOWHERE && r->loose.nelts == 0) {

        if (r->columns[slot] == PHR_NOWHERE) {
            c->n = 0;
            c->t_ms = NULL;
            c->v = NULL;
            c->h = NULL;
            return PHR_OK;
        }

        col = phr_array_get(&r->cols, phr_reader_column_t,
                            r->columns[slot]);

        if (col->next == PHR_NOWHERE) {
            c->n = col->unit->nrows;
            c->t_ms = col->unit->t_ms;
            c->v = r->values + col->unit->at + (size_t) col->col * c->n;
            c->h = NULL;
            return PHR_OK;
        }
    }

    r->nsamples = 0;
    r->unsorted = 0;
    r->runs.nelts = 0;
    phr_reader_no_hists(r);

    rc = phr_reader_chunks(r, slot, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (next = r->columns[slot]; next != PHR_NOWHERE; next = col->next) {
        col = phr_array_get(&r->cols, phr_reader_column_t, next);

        rc = phr_reader_room(r, col->unit->nrows, err);
        if (rc != PHR_OK) {
            return rc;
        }

        phr_reader_add(r, col->unit->t_ms,
                       r->values + col->unit->at
                       + (size_t) col->col * col->unit->nrows,
                       col->unit->nrows);

        rc = phr_reader_run(r, PHR_RANK_ROW(col->unit->layout), err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    rc = phr_reader_loose_series(r, r->sid[slot], err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (r->hists) {
        rc = phr_reader_hists(r, NULL, 0, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (r->unsorted) {
        rc = phr_reader_merge(r, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    phr_reader_trim(r, c);

    return r->hists ? phr_reader_hints(r, c, err) : PHR_OK;
}


static int
phr_reader_loose_series(phr_reader_t *r, phr_sid_t sid, phr_err_t *err)
{
    int           rc;
    size_t        i;
    phr_loose_t  *s;

    s = r->loose.elts;

    for (i = phr_loose_find(s, r->loose.nelts, sid);
         i < r->loose.nelts && s[i].sid == sid; i++)
    {
        rc = phr_reader_room(r, 1, err);
        if (rc != PHR_OK) {
            return rc;
        }

        if (s[i].h != NULL) {
            rc = phr_reader_hists(r, &s[i].h, 1, err);
            if (rc != PHR_OK) {
                return rc;
            }
        }

        phr_reader_add(r, &s[i].t_ms, &s[i].v, 1);
    }

    return phr_reader_run(r, PHR_RANK_LOOSE, err);
}


/* decodes the chunks of a series, the earliest first */
static int
phr_reader_chunks(phr_reader_t *r, uint32_t slot, phr_err_t *err)
{
    int                 rc, shared;
    size_t              i, k, n;
    uint32_t            next;
    phr_reader_ref_t   *ref, **chain, **p;

    r->chain.nelts = 0;

    for (next = r->chunks[slot]; next != PHR_NOWHERE; next = ref->next) {
        ref = phr_array_get(&r->refs, phr_reader_ref_t, next);

        p = phr_array_push(&r->chain);
        if (p == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        *p = ref;
    }

    /* the list stands about backwards */

    n = r->chain.nelts;
    chain = r->chain.elts;

    for (i = 0; i < n / 2; i++) {
        ref = chain[i];
        chain[i] = chain[n - 1 - i];
        chain[n - 1 - i] = ref;
    }

    for (i = 1; i < n; i++) {
        ref = chain[i];

        for (k = i; k > 0 && chain[k - 1]->t_ms > ref->t_ms; k--) {
            chain[k] = chain[k - 1];
        }

        chain[k] = ref;
    }

    shared = 1;

    for (i = 0; i < n; i++) {
        rc = phr_reader_chunk(r, i, &chain[i]->ref, &shared, err);

        if (rc == PHR_OK) {
            rc = phr_reader_run(r, PHR_RANK_CHUNK(chain[i]->seal), err);
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    r->times.nelts = n;

    return PHR_OK;
}


/*
 * Decodes a chunk to the end of the output.  While the columns of times are
 * those of the series before, they stand there already.
 */
static int
phr_reader_chunk(phr_reader_t *r, size_t place, const phr_chunk_ref_t *ref,
    int *shared, phr_err_t *err)
{
    int                  rc;
    phr_reader_times_t  *times;

    rc = phr_reader_room(r, ref->n, err);
    if (rc != PHR_OK) {
        return rc;
    }

    times = place < r->times.nelts
            ? phr_array_get(&r->times, phr_reader_times_t, place) : NULL;

    if (*shared && (times == NULL || times->n != ref->n
                    || times->t_len != ref->t_len
                    || memcmp(times->t, ref->t, ref->t_len) != 0))
    {
        *shared = 0;
        r->times.nelts = place;
    }

    if (!*shared) {
        rc = phr_chunk_ref_times(ref, r->t_ms + r->nsamples);

        times = phr_array_push(&r->times);
        if (times == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        times->t = ref->t;
        times->t_len = ref->t_len;
        times->n = ref->n;
    }

    if (rc == PHR_OK && ref->hists) {
        rc = phr_reader_hist_chunk(r, ref, err);
        if (rc == PHR_ENOMEM || rc == PHR_ELIMIT) {
            return rc;
        }

    } else if (rc == PHR_OK) {
        rc = phr_chunk_ref_values(ref, r->v + r->nsamples);
    }

    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "damaged chunk of series %u", ref->sid);
    }

    if (r->nsamples > 0
        && r->t_ms[r->nsamples] <= r->t_ms[r->nsamples - 1])
    {
        r->unsorted = 1;
    }

    r->nsamples += ref->n;

    return PHR_OK;
}


int
phr_reader_memory(phr_reader_t *r, size_t more, phr_err_t *err)
{
    size_t  bytes;

    if (r->count == NULL) {
        return PHR_OK;
    }

    bytes = phr_reader_bytes(r) + more;

    if (bytes <= r->counted) {
        return PHR_OK;
    }

    if (phr_arena_take(r->count, bytes - r->counted) != PHR_OK) {
        return phr_err_set(err, PHR_ELIMIT, "too much memory needed for "
                           "samples");
    }

    r->counted = bytes;

    return PHR_OK;
}


/* of one series; what is noted of a batch of them has bounds of its own */
static size_t
phr_reader_bytes(const phr_reader_t *r)
{
    size_t              i, bytes;
    const phr_array_t  *const  arrays[] = {
        &r->chain, &r->merge, &r->runs
    };

    bytes = r->hmem != NULL ? phr_arena_used(r->hmem) : 0;

    for (i = 0; i < phr_nelems(arrays); i++) {
        bytes += arrays[i]->nalloc * arrays[i]->size;
    }

    bytes += r->st_nalloc * sizeof(int64_t);
    bytes += (r->nalloc + r->merged_nalloc) * PHR_READER_SAMPLE;
    bytes += (r->h_nalloc + r->merged_h_nalloc) * sizeof(phr_hist_t *);

    return bytes;
}


static int
phr_reader_room(phr_reader_t *r, size_t n, phr_err_t *err)
{
    int      rc;
    void    *t_ms, *v;
    size_t   nalloc;

    if (r->nsamples + n <= r->nalloc) {
        return PHR_OK;
    }

    nalloc = phr_max(r->nalloc * 2, r->nsamples + n);
    nalloc = phr_max(nalloc, 1024);

    rc = phr_reader_memory(r, (nalloc - r->nalloc) * PHR_READER_SAMPLE, err);
    if (rc != PHR_OK) {
        return rc;
    }

    t_ms = phr_realloc(r->t_ms, nalloc * sizeof(int64_t));
    if (t_ms != NULL) {
        r->t_ms = t_ms;
    }

    v = phr_realloc(r->v, nalloc * sizeof(double));
    if (v != NULL) {
        r->v = v;
    }

    if (t_ms == NULL || v == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    r->nalloc = nalloc;

    return PHR_OK;
}


static void
phr_reader_add(phr_reader_t *r, const int64_t *t_ms, const double *v,
    size_t n)
{
    memcpy(r->t_ms + r->nsamples, t_ms, n * sizeof(int64_t));
    memcpy(r->v + r->nsamples, v, n * sizeof(double));

    if (r->nsamples > 0 && t_ms[0] <= r->t_ms[r->nsamples - 1]) {
        r->unsorted = 1;
    }

    r->nsamples += n;
}


/* what was added since the last run is of this rank */
static int
phr_reader_run(phr_reader_t *r, uint64_t rank, phr_err_t *err)
{
    phr_reader_run_t  *run;

    run = phr_array_push(&r->runs);
    if (run == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    run->end = r->nsamples;
    run->rank = rank;

    return PHR_OK;
}


/*
 * Sorts what came from several places; of equal times what was written last
 * is kept.
 */
static int
phr_reader_merge(phr_reader_t *r, phr_err_t *err)
{
    int                   rc;
    void                 *t, *v;
    size_t                i, n;
    phr_reader_run_t     *run;
    phr_reader_sample_t  *s;

    n = r->nsamples;

    rc = phr_reader_memory(r, r->merged_nalloc < n
                           ? n * sizeof(phr_reader_sample_t)
                             + r->nalloc * PHR_READER_SAMPLE : 0, err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (r->hists && phr_reader_merge_hists(r) != PHR_OK) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    if (r->merged_nalloc < n) {
        t = phr_realloc(r->merged_t, r->nalloc * sizeof(int64_t));
        if (t != NULL) {
            r->merged_t = t;
        }

        v = phr_realloc(r->merged_v, r->nalloc * sizeof(double));
        if (v != NULL) {
            r->merged_v = v;
        }

        if (t == NULL || v == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        r->merged_nalloc = r->nalloc;
    }

    r->merge.nelts = 0;

    s = phr_array_push_n(&r->merge, n);
    if (s == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    run = r->runs.elts;

    for (i = 0; i < n; i++) {
        while (i == run->end) {
            run++;
        }

        s[i].t_ms = r->t_ms[i];
        s[i].v = r->v[i];
        s[i].h = r->hists ? r->h[i] : NULL;
        s[i].rank = run->rank;

        /* loose samples come in the order in which they were written */
        s[i].rank += (run->rank == PHR_RANK_LOOSE) ? i : 0;
    }

    qsort(s, n, sizeof(phr_reader_sample_t), phr_reader_sample_cmp);

    r->nsamples = 0;

    for (i = 0; i < n; i++) {
        if (i + 1 < n && s[i].t_ms == s[i + 1].t_ms) {
            continue;
        }

        r->merged_t[r->nsamples] = s[i].t_ms;
        r->merged_v[r->nsamples] = s[i].v;

        if (r->hists) {
            r->merged_h[r->nsamples] = s[i].h;
        }

        r->nsamples++;
    }

    return PHR_OK;
}


int
phr_reader_sample_cmp(const void *a, const void *b)
{
    const phr_reader_sample_t  *x, *y;

    x = a;
    y = b;

    if (x->t_ms != y->t_ms) {
        return x->t_ms < y->t_ms ? -1 : 1;
    }

    return (x->rank > y->rank) - (x->rank < y->rank);
}


/* chunks reach beyond the range at both ends */
static void
phr_reader_trim(phr_reader_t *r, phr_columns_t *c)
{
    size_t          low, high, mid, end;
    const int64_t  *t;

    t = r->unsorted ? r->merged_t : r->t_ms;

    for (low = 0, high = r->nsamples; low < high; /* void */) {
        mid = (low + high) / 2;

        if (t[mid] < r->min_ms) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    for (end = low, high = r->nsamples; end < high; /* void */) {
        mid = (end + high) / 2;

        if (t[mid] <= r->max_ms) {
            end = mid + 1;

        } else {
            high = mid;
        }
    }

    c->n = end - low;
    c->t_ms = t + low;
    c->v = (r->unsorted ? r->merged_v : r->v) + low;
    c->h = NULL;

    if (r->hists) {
        c->h = (r->unsorted ? r->merged_h : r->h) + low;
    }
}
