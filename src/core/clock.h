/*
 * Copyright (C) The Pharos Authors
 *
 * Clock: what becomes of time when the wall clock is set.  A step is seen
 * beside a clock that is never set.  After a step back the same hours come
 * a second time, and what was written in them before must not keep out what
 * comes now: that is the overlap.  After a step far ahead nothing should be
 * dropped for its age before the new time has proved itself: that is the
 * leap.  Nothing here reads a clock.
 */

#ifndef PHR_CLOCK_H_INCLUDED
#define PHR_CLOCK_H_INCLUDED


#include "core/base.h"


/* two readings of two clocks may differ by so much, on a busy machine */
#define PHR_CLOCK_STEP_MS      1000

/* a step ahead that is not believed at once, and for how long */
#define PHR_CLOCK_LEAP_MS      (60 * 60 * 1000)
#define PHR_CLOCK_HOLD_MS      (24 * 60 * 60 * 1000)

/* the newest sample at the start may be so old: machines are shut down */
#define PHR_CLOCK_ABSENT_MS    (24 * 60 * 60 * 1000)

/* rules and scrapes use a moment that is past by as much */
#define PHR_CLOCK_MARGIN_MS    (5 * 60 * 1000)


typedef struct {
    int64_t   offset_ms;    /* wall less monotonic */
    int64_t   from_ms;      /* the overlap; to_ms below from_ms: none */
    int64_t   to_ms;
    int64_t   passed_ms;    /* by the monotonic clock: since when the wall
                               clock is past to_ms; PHR_TIME_MIN: it is not */
    int64_t   leap_ms;      /* of steps ahead that are not believed yet */
    int64_t   until_ms;     /* by the wall clock: they are, then */
} phr_clock_t;


/*
 * At the start.  newest_ms is the time of the newest sample that there is
 * (PHR_TIME_MIN: none): one that is ahead of the clock was written before a
 * step, and one far behind it may be the better clock.
 */
void phr_clock_init(phr_clock_t *c, int64_t wall_ms, int64_t mono_ms,
    int64_t newest_ms);

/* goes on with a leap of before a restart */
void phr_clock_resume(phr_clock_t *c, int64_t wall_ms, int64_t leap_ms,
    int64_t until_ms);

/* the step since the last look, ahead or, if negative, back; mostly 0 */
int64_t phr_clock_look(phr_clock_t *c, int64_t wall_ms, int64_t mono_ms);

/*
 * Whether the clock goes through an overlap, or has left it a moment ago:
 * what was stamped within it may still be under way.
 */
int phr_clock_overlaps(const phr_clock_t *c);

/* the time by which things may be dropped for their age */
int64_t phr_clock_settled(const phr_clock_t *c, int64_t wall_ms);


#endif /* PHR_CLOCK_H_INCLUDED */
