/*
 * Copyright (C) The Pharos Authors
 *
 * Yield: counting, and sched_yield().
 */

#include "core/yield.h"

#include <sched.h>


static __thread int     phr_yield_on;
static __thread size_t  phr_yield_done;


void
phr_yield_set(int on)
{
    phr_yield_on = on;
    phr_yield_done = 0;
}


void
phr_yield(size_t units)
{
    if (!phr_yield_on) {
        return;
    }

    phr_yield_done += units;

    if (phr_yield_done >= PHR_YIELD_UNITS) {
        phr_yield_done = 0;
        (void) sched_yield();
    }
}
