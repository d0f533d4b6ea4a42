/*
 * Copyright (C) The Pharos Authors
 *
 * Start: start timestamps, since when a sample of a counter counts.  They
 * change seldom, so what is kept is where they change: from the time of a
 * sample on, up to the end of the window of PHR_LEVEL_STARTS that it lies
 * in, the samples of its series have the start timestamp that is said
 * there; what nothing is said of has none.  Of a sample that came late it
 * is said of itself alone.  What is said is kept as samples of a kind of
 * their own: loose at first, then in packs.
 */

#ifndef PHR_START_H_INCLUDED
#define PHR_START_H_INCLUDED


#include "store/loose.h"
#include "store/seal.h"


/* what the writer knows of a group: what holds in a window */
struct phr_group_starts_s {
    int64_t  st_ms[PHR_GROUP_SIZE];
    int32_t  window[PHR_GROUP_SIZE];    /* PHR_START_UNKNOWN: to be read */
};

#define PHR_START_UNKNOWN  INT32_MIN


/*
 * The value that stands for a start timestamp: twice the distance to the
 * sample, and 1 if it is of this sample alone.  Deltas have the same one
 * again and again.
 */
static inline double
phr_start_code(int64_t t_ms, int64_t st_ms, int alone)
{
    return (double) ((t_ms - st_ms) * 2 + alone);
}


static inline int
phr_start_is_alone(double v)
{
    return v >= -1e15 && v <= 1e15 && ((int64_t) v & 1) != 0;
}


static inline int64_t
phr_start_ms(int64_t t_ms, double v)
{
    int64_t  code;

    if (!(v >= -1e15 && v <= 1e15)) {
        return 0;
    }

    code = (int64_t) v;

    return t_ms - (code - (code & 1)) / 2;
}


/* the window in which what is said at t_ms holds */
static inline int32_t
phr_start_window(int64_t t_ms)
{
    return phr_window_of(PHR_LEVEL_STARTS, t_ms);
}


static inline int64_t
phr_start_window_end(int64_t t_ms)
{
    return phr_window_start(PHR_LEVEL_STARTS, phr_start_window(t_ms) + 1) - 1;
}


/* the start timestamp that sample i of a batch shall have */
int64_t phr_start_wanted(const phr_batch_t *b, size_t i);

/* there is nothing to be done for a batch */
static inline int
phr_start_unused(const phr_store_t *st, const phr_batch_t *b)
{
    return b->st_ms == NULL && !st->starts;
}

/*
 * Of a sample that is newer than all of its series, the newest of which was
 * at last_ms: notes what is to be said.
 */
int phr_start_note(phr_store_t *st, uint32_t number, phr_group_t *g,
    const phr_batch_t *b, size_t i, int64_t last_ms, phr_err_t *err);

/* the same for all late samples of a batch that have this status */
int phr_start_late(phr_store_t *st, const phr_batch_t *b,
    const int8_t *status, int8_t which, phr_err_t *err);

/* writes what was noted */
int phr_start_write(phr_store_t *st, phr_err_t *err);

/* what is known of the group is read again when it is needed */
void phr_start_forget(phr_group_t *g);

/* whether there are any in packs; sets st->starts */
int phr_start_warm(phr_store_t *st, phr_err_t *err);

/* packs what was loose of a group; s is sorted here */
int phr_start_seal(phr_store_t *st, phr_group_t *g, phr_loose_t *s, size_t n,
    phr_err_t *err);


#endif /* PHR_START_H_INCLUDED */
