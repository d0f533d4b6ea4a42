/*
 * Copyright (C) The Pharos Authors
 *
 * Loose: samples that came with a time each, of push and remote write.  They
 * are kept by group of series until they are sealed into packs.
 */

#ifndef PHR_LOOSE_H_INCLUDED
#define PHR_LOOSE_H_INCLUDED


#include "store/internal.h"


typedef struct {
    phr_sid_t          sid;
    uint32_t           at;      /* place in the batch: keeps the order stable */
    int64_t            t_ms;
    double             v;
    const phr_hist_t  *h;       /* NULL: a float, else v is its sum */
} phr_loose_t;

/* sorts by sid and time and writes them; histograms must fit a chunk */
int phr_loose_append(phr_store_t *st, phr_loose_t *s, size_t n,
    phr_err_t *err);

/* the same of start timestamps, whose records say so */
int phr_loose_append_starts(phr_store_t *st, phr_loose_t *s, size_t n,
    phr_err_t *err);

/* a record of loose samples of a group: bounds, then the samples */
typedef struct {
    uint16_t  n;
    uint16_t  first, last;      /* sids, from the start of the group */
    uint8_t   hists;            /* samples are histograms, not floats */
    uint8_t   terse;            /* floats, encoded as terse.h does */
    uint8_t   starts;           /* floats that are start timestamps */
    int64_t   min_ms, max_ms;
} phr_loose_head_t;

/* samples most a record can hold */
#define PHR_LOOSE_MAX     512

/*
 * Writes the body of a record of the first of n samples of one group, all
 * floats or all histograms, sorted, PHR_LOOSE_MAX at most; *done are as many
 * as fitted.  Returns its length, 0 if there is no room for one.
 */
size_t phr_loose_encode(const phr_loose_t *s, size_t n, uint8_t *body,
    size_t room, size_t *done);

/* says so of a body, if the samples are start timestamps, see start.h */
void phr_loose_say_starts(uint8_t *body);

int phr_loose_head(phr_str_t body, phr_loose_head_t *h);

/*
 * s has room for PHR_LOOSE_MAX; at is not set.  Histograms are made in the
 * arena; if it is NULL, only series and times are read of them.  PHR_OK,
 * PHR_ECORRUPT, or the arena's failure.
 */
int phr_loose_decode(uint32_t group, phr_str_t body, phr_arena_t *arena,
    phr_loose_t *s, size_t *n);

/*
 * The records of a group, one after another; head and body are those of the
 * record, valid as long as the transaction.  The cursor is the caller's, of
 * PHR_DB_LOOSE.
 */
typedef struct {
    phr_cursor_t      *cursor;
    uint32_t           group;
    phr_loose_head_t   head;
    phr_str_t          body;
} phr_loose_walk_t;

/* PHR_OK at a record, PHR_NOTFOUND after the last, or a failure */
int phr_loose_first(phr_loose_walk_t *w, phr_cursor_t *cursor,
    uint32_t group, phr_err_t *err);
int phr_loose_next(phr_loose_walk_t *w, phr_err_t *err);

/* the samples of the record, see phr_loose_decode() */
int phr_loose_samples(const phr_loose_walk_t *w, phr_arena_t *arena,
    phr_loose_t *s, size_t *n, phr_err_t *err);

/* whether there are about as many of each series as are sealed together */
int phr_loose_ripe(phr_group_t *g);

/* newest times and number of the loose samples of a group; st->starts */
int phr_loose_load(phr_store_t *st, uint32_t group, phr_group_t *g,
    phr_err_t *err);

void phr_loose_sort(phr_loose_t *s, size_t n);

/* of sorted ones, the first whose series is not below sid */
size_t phr_loose_find(const phr_loose_t *s, size_t n, phr_sid_t sid);


#endif /* PHR_LOOSE_H_INCLUDED */
