/*
 * Copyright (C) The Pharos Authors
 *
 * Reader, histograms: most series have none, so their column is not kept
 * until the first one is met, and then filled up to where it stands.
 */

#include "store/collect.h"

#include "core/alloc.h"


/* of one series */
#define PHR_READER_HIST_BYTES  (512 << 20)


int
phr_reader_hists(phr_reader_t *r, const phr_hist_t *const *h, size_t n,
    phr_err_t *err)
{
    int      rc;
    size_t   i;
    void    *room;

    if (r->hmem == NULL) {
        r->hmem = phr_arena_create(PHR_READER_HIST_BYTES);
        if (r->hmem == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }
    }

    if (r->h_nalloc < r->nalloc) {
        rc = phr_reader_memory(r, r->nalloc * sizeof(phr_hist_t *), err);
        if (rc != PHR_OK) {
            return rc;
        }

        room = phr_realloc((void *) r->h, r->nalloc * sizeof(phr_hist_t *));
        if (room == NULL) {
            return phr_err_set(err, PHR_ENOMEM, "no memory");
        }

        r->h = room;
        r->h_nalloc = r->nalloc;
    }

    if (!r->hists) {
        r->hists = 1;
        r->nhists = 0;
    }

    for (i = r->nhists; i < r->nsamples; i++) {
        r->h[i] = NULL;
    }

    for (i = 0; i < n; i++) {
        r->h[r->nsamples + i] = h[i];
    }

    r->nhists = r->nsamples + n;

    return PHR_OK;
}


int
phr_reader_hist_chunk(phr_reader_t *r, const phr_chunk_ref_t *ref,
    phr_err_t *err)
{
    int                rc;
    size_t             i;
    const phr_hist_t  *h[PHR_CHUNK_MAX_SAMPLES];

    rc = phr_reader_hists(r, NULL, 0, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_chunk_ref_hists(ref, r->hmem, h);
    if (rc != PHR_OK) {
        return rc == PHR_ECORRUPT
               ? rc : phr_err_set(err, rc, "too much memory needed for "
                                  "histograms of series %u", ref->sid);
    }

    rc = phr_reader_memory(r, 0, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (i = 0; i < ref->n; i++) {
        r->v[r->nsamples + i] = h[i]->sum;
    }

    return phr_reader_hists(r, h, ref->n, err);
}


int
phr_reader_merge_hists(phr_reader_t *r)
{
    void  *room;

    if (r->merged_h_nalloc < r->nsamples) {
        room = phr_realloc((void *) r->merged_h,
                           r->nalloc * sizeof(phr_hist_t *));
        if (room == NULL) {
            return PHR_ENOMEM;
        }

        r->merged_h = room;
        r->merged_h_nalloc = r->nalloc;
    }

    return PHR_OK;
}


int
phr_reader_hints(phr_reader_t *r, phr_columns_t *c, phr_err_t *err)
{
    size_t              i;
    phr_hist_t         *h;
    const phr_hist_t   *prev, **all, **out;

    all = r->unsorted ? r->merged_h : r->h;
    out = all + (c->h - (const phr_hist_t *const *) all);
    prev = out > all ? out[-1] : NULL;

    for (i = 0; i < c->n; i++) {

        if (out[i] != NULL) {
            h = phr_arena_alloc(r->hmem, sizeof(phr_hist_t));
            if (h == NULL) {
                return phr_err_set(err, phr_arena_rc(r->hmem), "too much "
                                   "memory needed for histograms");
            }

            *h = *out[i];
            h->hint = (uint8_t) phr_hist_hint_after(h, prev);
            out[i] = h;
        }

        prev = out[i];
    }

    return PHR_OK;
}
