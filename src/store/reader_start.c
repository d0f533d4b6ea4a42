/*
 * Copyright (C) The Pharos Authors
 *
 * Reader, start timestamps: what is said of the series that was read last,
 * for the samples that the caller has of it.  What start.h says of them
 * holds for a window, so the search begins where that of the range's start
 * does.
 */

#include "store/collect.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "store/start.h"


static int phr_reader_start_gather(phr_reader_t *r, phr_err_t *err);
static int phr_reader_start_chunk(phr_reader_t *r,
    const phr_reader_ref_t *ref, phr_err_t *err);
static int phr_reader_start_loose(phr_reader_t *r, phr_err_t *err);
static void phr_reader_start_fill(const phr_reader_sample_t *s, size_t m,
    const int64_t *t_ms, size_t n, int64_t after_ms, int64_t *st_ms);


void
phr_reader_want_starts(phr_reader_t *r)
{
    r->starts = 1;
}


int
phr_reader_starts(phr_reader_t *r, const int64_t *t_ms, size_t n,
    int64_t after_ms, const int64_t **st_ms, phr_err_t *err)
{
    int    rc;
    void  *room;

    *st_ms = NULL;

    if (n == 0 || (r->start_chunks[r->start_slot] == PHR_NOWHERE
                   && r->start_loose.nelts == 0))
    {
        return PHR_OK;
    }

    rc = phr_reader_start_gather(r, err);
    if (rc != PHR_OK || r->merge.nelts == 0) {
        return rc;
    }

    rc = phr_reader_memory(r, r->st_nalloc < n ? n * sizeof(int64_t) : 0,
                           err);
    if (rc != PHR_OK) {
        return rc;
    }

    if (r->st_nalloc < n) {
        room = phr_realloc(r->st_ms, n * sizeof(int64_t));
        if (room == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        r->st_ms = room;
        r->st_nalloc = n;
    }

    qsort(r->merge.elts, r->merge.nelts, sizeof(phr_reader_sample_t),
          phr_reader_sample_cmp);
    phr_reader_start_fill(r->merge.elts, r->merge.nelts, t_ms, n, after_ms,
                          r->st_ms);

    *st_ms = r->st_ms;

    return PHR_OK;
}


static int
phr_reader_start_gather(phr_reader_t *r, phr_err_t *err)
{
    int                      rc;
    uint32_t                 next;
    const phr_reader_ref_t  *ref;

    r->merge.nelts = 0;

    for (next = r->start_chunks[r->start_slot]; next != PHR_NOWHERE;
         next = ref->next)
    {
        ref = phr_array_get(&r->refs, phr_reader_ref_t, next);

        rc = phr_reader_start_chunk(r, ref, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return phr_reader_start_loose(r, err);
}


static int
phr_reader_start_chunk(phr_reader_t *r, const phr_reader_ref_t *ref,
    phr_err_t *err)
{
    size_t                i;
    double                v[PHR_CHUNK_MAX_SAMPLES];
    int64_t               t_ms[PHR_CHUNK_MAX_SAMPLES];
    phr_reader_sample_t  *s;

    if (phr_chunk_ref_times(&ref->ref, t_ms) != PHR_OK
        || phr_chunk_ref_values(&ref->ref, v) != PHR_OK)
    {
        return phr_err_set(err, PHR_ECORRUPT, "damaged start timestamps of "
                           "series %u", ref->ref.sid);
    }

    s = phr_array_push_n(&r->merge, ref->ref.n);
    if (s == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    for (i = 0; i < ref->ref.n; i++) {
        s[i].t_ms = t_ms[i];
        s[i].v = v[i];
        s[i].h = NULL;
        s[i].rank = PHR_RANK_CHUNK(ref->seal);
    }

    return PHR_OK;
}


static int
phr_reader_start_loose(phr_reader_t *r, phr_err_t *err)
{
    size_t                i;
    phr_sid_t             sid;
    phr_loose_t          *l;
    phr_reader_sample_t  *s;

    l = r->start_loose.elts;
    sid = r->sid[r->start_slot];

    for (i = phr_loose_find(l, r->start_loose.nelts, sid);
         i < r->start_loose.nelts && l[i].sid == sid; i++)
    {
        s = phr_array_push(&r->merge);
        if (s == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        s->t_ms = l[i].t_ms;
        s->v = l[i].v;
        s->h = NULL;
        s->rank = PHR_RANK_LOOSE + i;
    }

    return PHR_OK;
}


/* what is said of a sample alone comes before what holds at its time */
static void
phr_reader_start_fill(const phr_reader_sample_t *s, size_t m,
    const int64_t *t_ms, size_t n, int64_t after_ms, int64_t *st_ms)
{
    int      alone;
    size_t   i, j;
    int64_t  now, until, own;

    now = 0;
    until = INT64_MIN;
    j = 0;

    for (i = 0; i < n; i++) {
        alone = 0;
        own = 0;

        for ( ; j < m && s[j].t_ms <= t_ms[i]; j++) {

            if (!phr_start_is_alone(s[j].v)) {
                now = phr_start_ms(s[j].t_ms, s[j].v);
                until = phr_start_window_end(s[j].t_ms);

            } else if (s[j].t_ms == t_ms[i]) {
                own = phr_start_ms(s[j].t_ms, s[j].v);
                alone = 1;
            }
        }

        st_ms[i] = t_ms[i] <= after_ms ? 0
                   : alone ? own
                   : t_ms[i] <= until ? now : 0;
    }
}
