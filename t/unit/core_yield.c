/*
 * Copyright (C) The Pharos Authors
 *
 * A thread gives its turn away as often as it should, and only if it said
 * so: seen in the kernel's count of its voluntary switches.  A thread in the
 * background is that alone.
 */

#include <sys/resource.h>

#include <pthread.h>
#include <sched.h>

#include "core/yield.h"
#include "tap.h"


static volatile int  spin_stop;


static void *
spin(void *data)
{
    while (!spin_stop) {
        (void) sched_yield();
    }

    return NULL;
}


/* turns given away while so much is done in so many pieces */
static long
turns(size_t pieces, size_t units)
{
    size_t         i;
    struct rusage  before, after;

    (void) getrusage(RUSAGE_THREAD, &before);

    for (i = 0; i < pieces; i++) {
        phr_yield(units);
    }

    (void) getrusage(RUSAGE_THREAD, &after);

    return after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw
           - before.ru_nivcsw;
}


static void *
background(void *data)
{
    int  *nice = data;

    phr_yield_background();
    *nice = getpriority(PRIO_PROCESS, 0);

    return NULL;
}


int
main(void)
{
    int        nice;
    cpu_set_t  one;
    pthread_t  other;

    ok(pthread_create(&other, NULL, background, &nice) == 0, "a thread");
    (void) pthread_join(other, NULL);
    is_int(nice, 19, "its nice is the highest");
    ok(getpriority(PRIO_PROCESS, 0) < 19, "that of others is as before");

    /* both on one CPU, so that each turn given away is taken */

    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    (void) sched_setaffinity(0, sizeof(one), &one);

    ok(pthread_create(&other, NULL, spin, NULL) == 0, "somebody waits");

    ok(turns(100, PHR_YIELD_UNITS) < 50, "off: no turn is given away");

    phr_yield_set(1);
    ok(turns(15, PHR_YIELD_UNITS) < 8, "on: short work keeps its turn");
    ok(turns(100, PHR_YIELD_UNITS) >= 50, "then one after each piece");
    ok(turns(10000, 1) < 50, "small pieces are added up");
    ok(turns(100 * 128, PHR_YIELD_UNITS / 128) >= 50, "and count");

    phr_yield_set(0);
    ok(turns(100, PHR_YIELD_UNITS) < 50, "off again");

    spin_stop = 1;
    (void) pthread_join(other, NULL);

    return done_testing();
}
