/*
 * Copyright (C) The Pharos Authors
 *
 * Start timestamps in range functions: since when each sample of a counter
 * counts.  They tell of resets that its value does not show, and make of
 * deltas a counter that begins anew each time.  The functions that look at
 * them are elsewhere.
 */

#include "promql/func.h"


/*
 * The sample counts since a time that is not before the one that precedes
 * it.  If it is that very time, the series is either one of deltas or a
 * counter of which it was not known before when it began: what the preceding
 * sample says of itself tells them apart.
 */
int
phr_rate_restarts(const phr_window_t *w, size_t i)
{
    int64_t  st, prev_st, prev_t;

    st = w->st_ms[i];
    prev_st = w->st_ms[i - 1];
    prev_t = w->t_ms[i - 1];

    if (st == 0 || st >= w->t_ms[i] || st < prev_t) {
        return 0;
    }

    return st > prev_t || (prev_st != 0 && prev_st < prev_t);
}


int
phr_rate_starts_within(const phr_window_t *w)
{
    int64_t  st;

    if (w->st_ms == NULL) {
        return 0;
    }

    st = w->st_ms[w->lo];

    return st != 0 && st > w->start_ms && st < w->t_ms[w->lo];
}


/*
 * w->overlap is the first such place above lo, or where the search has come
 * to: windows move forward, so a series is gone through once.
 */
void
phr_rate_note_overlap(phr_window_t *w)
{
    size_t     i;
    int64_t    st;
    phr_str_t  name;

    for (i = phr_max(w->overlap, w->lo + 1); i < w->hi; i++) {
        st = w->st_ms[i];

        if (st != 0 && st < w->t_ms[i - 1] && st != w->st_ms[i - 1]) {
            break;
        }
    }

    w->overlap = i;

    if (i == w->hi) {
        return;
    }

    name = phr_labels_get(w->labels, phr_str_of(PHR_METRIC_NAME));

    w->rc = phr_annotate(&w->ev->notes, w->ev->arena, PHR_NOTE_WARNING,
                         w->range->start,
                         "PromQL warning: sample has start time that overlaps "
                         "with previous sample timestamp for metric "
                         "\"%.*s\"", (int) name.len, name.data);
}
