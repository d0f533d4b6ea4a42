/*
 * Copyright (C) The Pharos Authors
 *
 * The clock that is set: steps, the overlap after one back, and the time by
 * which things are dropped after one ahead.
 */

#include "core/clock.h"
#include "tap.h"


#define S     1000LL
#define HOUR  (3600 * S)
#define DAY   (24 * HOUR)
#define NOW   (20000 * DAY)


static phr_clock_t  c;


/* the wall clock is "ahead" of a monotonic one that began at NOW */
static int64_t
look(int64_t mono_ms, int64_t ahead_ms)
{
    return phr_clock_look(&c, NOW + mono_ms + ahead_ms, mono_ms);
}


static void
test_steps(void)
{
    phr_clock_init(&c, NOW, 0, PHR_TIME_MIN);

    ok(look(10 * S, 0) == 0, "no step");
    ok(look(20 * S, 999) == 0, "what two readings may differ by is none");
    ok(look(30 * S, 0) == 0, "and is not added up");
    ok(look(40 * S, 5 * S) == 5 * S, "a step ahead");
    ok(look(50 * S, 5 * S) == 0, "is seen once");
    ok(!phr_clock_overlaps(&c), "and is no overlap");
    ok(look(60 * S, 0) == -5 * S, "a step back");
    ok(phr_clock_overlaps(&c), "is one");
    ok(look(64 * S, 0) == 0 && phr_clock_overlaps(&c), "for as long");
    ok(look(65 * S + 1, 0) == 0 && phr_clock_overlaps(&c),
       "and for what is under way");
    ok(look(65 * S + PHR_CLOCK_MARGIN_MS, 0) == 0 && phr_clock_overlaps(&c),
       "until that has come");
    ok(look(66 * S + PHR_CLOCK_MARGIN_MS, 0) == 0 && !phr_clock_overlaps(&c),
       "and no longer");
}


static void
test_overlap(void)
{
    phr_clock_init(&c, NOW, 0, PHR_TIME_MIN);

    look(HOUR, -HOUR);
    ok(c.from_ms == NOW - PHR_CLOCK_MARGIN_MS && c.to_ms == NOW + HOUR,
       "an hour, and the moments that rules ask for");
    look(HOUR + 60 * S, -3 * HOUR);
    ok(c.from_ms == NOW - 2 * HOUR + 60 * S - PHR_CLOCK_MARGIN_MS
       && c.to_ms == NOW + HOUR, "a second step goes on with the first");
    look(HOUR + 120 * S, 0);
    ok(phr_clock_overlaps(&c), "after a step ahead something is under way");
    look(HOUR + 130 * S, -HOUR);
    look(HOUR + 131 * S + PHR_CLOCK_MARGIN_MS, -HOUR);
    ok(phr_clock_overlaps(&c), "a third step, and it is far from over");
    look(2 * HOUR, 0);
    look(2 * HOUR + S + PHR_CLOCK_MARGIN_MS, 0);
    ok(!phr_clock_overlaps(&c), "a step ahead ends it, then");

    phr_clock_init(&c, NOW, 0, NOW + DAY);
    ok(c.to_ms == NOW + DAY && phr_clock_overlaps(&c),
       "samples ahead of the clock at the start");
    phr_clock_init(&c, NOW, 0, NOW - HOUR);
    ok(!phr_clock_overlaps(&c) && phr_clock_settled(&c, NOW) == NOW,
       "a start after an hour is nothing special");
}


static void
test_leap(void)
{
    int64_t  year;

    year = 365 * DAY;
    phr_clock_init(&c, NOW, 0, NOW - 15 * S);

    look(HOUR, 1800 * S);
    ok(phr_clock_settled(&c, NOW) == NOW, "half an hour is believed");
    look(2 * HOUR, year);
    ok(phr_clock_settled(&c, NOW + year) == NOW + 1800 * S,
       "a year is not: nothing becomes too old");
    look(3 * HOUR, year);
    ok(phr_clock_settled(&c, NOW + HOUR + year) == NOW + HOUR + 1800 * S,
       "time goes on");
    look(4 * HOUR, 0);
    ok(phr_clock_settled(&c, NOW) == NOW, "when it is set back it was never");

    look(5 * HOUR, year);
    look(5 * HOUR + DAY - S, year);
    ok(c.leap_ms == year, "still not after a day less a second");
    look(5 * HOUR + DAY, year);
    ok(c.leap_ms == 0, "a day later it must be right");

    phr_clock_init(&c, NOW, 0, NOW - 20 * DAY);
    ok(phr_clock_settled(&c, NOW) == NOW - 20 * DAY,
       "a start after weeks: it is waited for a day as well");

    phr_clock_init(&c, NOW, 0, NOW - S);
    phr_clock_resume(&c, NOW, year, NOW + HOUR);
    ok(phr_clock_settled(&c, NOW) == NOW - year, "over a restart");
    look(HOUR, 0);
    ok(c.leap_ms == 0, "until its time");
    phr_clock_init(&c, NOW, 0, NOW - S);
    phr_clock_resume(&c, NOW, year, NOW - 1);
    ok(c.leap_ms == 0, "believed while it was down");
    phr_clock_resume(&c, NOW - year, year, NOW + HOUR);
    ok(c.leap_ms == 0, "set back while it was down");
}


int
main(void)
{
    test_steps();
    test_overlap();
    test_leap();

    return done_testing();
}
