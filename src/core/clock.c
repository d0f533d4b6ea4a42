/*
 * Copyright (C) The Pharos Authors
 *
 * Clock: see clock.h.
 */

#include "core/clock.h"


static void phr_clock_pass(phr_clock_t *c, int64_t wall_ms,
    int64_t mono_ms);
static void phr_clock_back(phr_clock_t *c, int64_t wall_ms, int64_t to_ms);
static void phr_clock_ahead(phr_clock_t *c, int64_t wall_ms,
    int64_t step_ms);


void
phr_clock_init(phr_clock_t *c, int64_t wall_ms, int64_t mono_ms,
    int64_t newest_ms)
{
    c->offset_ms = wall_ms - mono_ms;
    c->from_ms = 1;
    c->to_ms = 0;
    c->passed_ms = PHR_TIME_MIN;
    c->leap_ms = 0;
    c->until_ms = 0;

    if (newest_ms == PHR_TIME_MIN) {
        return;
    }

    if (newest_ms > wall_ms) {
        phr_clock_back(c, wall_ms, newest_ms);

    } else if (wall_ms - newest_ms > PHR_CLOCK_ABSENT_MS) {
        phr_clock_ahead(c, wall_ms, wall_ms - newest_ms);
    }
}


void
phr_clock_resume(phr_clock_t *c, int64_t wall_ms, int64_t leap_ms,
    int64_t until_ms)
{
    if (leap_ms <= 0 || wall_ms >= until_ms
        || until_ms - wall_ms > PHR_CLOCK_HOLD_MS)
    {
        /* believed meanwhile, or the clock was set back since */
        return;
    }

    c->leap_ms = phr_max(c->leap_ms, leap_ms);
    c->until_ms = until_ms;
}


int64_t
phr_clock_look(phr_clock_t *c, int64_t wall_ms, int64_t mono_ms)
{
    int64_t  step_ms;

    step_ms = wall_ms - mono_ms - c->offset_ms;

    if (step_ms <= -PHR_CLOCK_STEP_MS) {
        c->offset_ms = wall_ms - mono_ms;
        phr_clock_back(c, wall_ms, wall_ms - step_ms);

        c->until_ms += step_ms;
        c->leap_ms += step_ms;

        if (c->leap_ms < PHR_CLOCK_LEAP_MS) {
            c->leap_ms = 0;
        }

    } else if (step_ms >= PHR_CLOCK_STEP_MS) {
        c->offset_ms = wall_ms - mono_ms;
        c->until_ms += step_ms;

        if (step_ms >= PHR_CLOCK_LEAP_MS) {
            phr_clock_ahead(c, wall_ms, step_ms);
        }

    } else {
        step_ms = 0;
    }

    phr_clock_pass(c, wall_ms, mono_ms);

    if (wall_ms >= c->until_ms) {
        c->leap_ms = 0;
    }

    return step_ms;
}


int
phr_clock_overlaps(const phr_clock_t *c)
{
    return c->from_ms <= c->to_ms;
}


int64_t
phr_clock_settled(const phr_clock_t *c, int64_t wall_ms)
{
    return wall_ms - c->leap_ms;
}


/* an overlap ends when nothing of it can be under way any more */
static void
phr_clock_pass(phr_clock_t *c, int64_t wall_ms, int64_t mono_ms)
{
    if (!phr_clock_overlaps(c)) {
        return;
    }

    if (wall_ms <= c->to_ms) {
        c->passed_ms = PHR_TIME_MIN;

    } else if (c->passed_ms == PHR_TIME_MIN) {
        c->passed_ms = mono_ms;

    } else if (mono_ms - c->passed_ms > PHR_CLOCK_MARGIN_MS) {
        c->from_ms = 1;
        c->to_ms = 0;
    }
}


/* a second step back, before the first is over, goes on with it */
static void
phr_clock_back(phr_clock_t *c, int64_t wall_ms, int64_t to_ms)
{
    int64_t  from_ms;

    from_ms = wall_ms - PHR_CLOCK_MARGIN_MS;

    if (phr_clock_overlaps(c)) {
        from_ms = phr_min(from_ms, c->from_ms);
        to_ms = phr_max(to_ms, c->to_ms);
    }

    c->from_ms = from_ms;
    c->to_ms = to_ms;
    c->passed_ms = PHR_TIME_MIN;
}


static void
phr_clock_ahead(phr_clock_t *c, int64_t wall_ms, int64_t step_ms)
{
    c->leap_ms += step_ms;
    c->until_ms = wall_ms + PHR_CLOCK_HOLD_MS;
}
