/*
 * Copyright (C) The Pharos Authors
 *
 * Histogram chunk: a run of native histograms of one series that have the
 * same buckets, which are written once.  Count, sum and each bucket are
 * columns over time, each a chunk of chunk.h.  The byte layout is described
 * in FORMAT.md.
 *
 * As there, the number of samples and their times are kept elsewhere, and
 * decoders read up to PHR_BITS_PAD bytes past the end.
 */

#ifndef PHR_HIST_CHUNK_H_INCLUDED
#define PHR_HIST_CHUNK_H_INCLUDED


#include "core/histogram.h"
#include "store/chunk.h"


/*
 * The bytes that one histogram may take alone: more would not fit a page
 * with what stands around it.  Some 400 buckets of floats, or 1,000 of
 * integers.
 */
#define PHR_HIST_CHUNK_ONE  3900


/* whether a histogram is not more than that */
int phr_hist_chunk_fits(const phr_hist_t *h);

/*
 * Encodes as many of the n histograms, from the first, as are alike in
 * buckets, hint and kind and fit into size bytes, PHR_CHUNK_MAX_SAMPLES at
 * most.  *taken says how many; returns the length, 0 if not even one fits.
 */
size_t phr_hist_chunk_encode(const phr_hist_t *const *h, size_t n,
    uint8_t *out, size_t size, size_t *taken);

/*
 * Writes exactly n pointers to histograms in the arena, which share spans
 * and bounds.  PHR_OK, PHR_ECORRUPT, or the arena's failure.
 */
int phr_hist_chunk_decode(const uint8_t *p, size_t len, size_t n,
    phr_arena_t *arena, const phr_hist_t **h);


#endif /* PHR_HIST_CHUNK_H_INCLUDED */
