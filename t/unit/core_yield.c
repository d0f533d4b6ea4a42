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
#include <time.h>

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


static int64_t
cpu_us(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


/* turns given away in so many calls, or in so much time if that is longer */
static long
turns(size_t calls, int64_t us, size_t units)
{
    size_t         i;
    int64_t        end_us;
    struct rusage  before, after;

    (void) getrusage(RUSAGE_THREAD, &before);
    end_us = cpu_us() + us;

    for (i = 0; i < calls || (us != 0 && cpu_us() < end_us); i++) {
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

    ok(turns(1, 20000, PHR_YIELD_UNITS) < 50, "off: no turn is given away");

    phr_yield_set(1);
    ok(turns(500, 0, PHR_YIELD_UNITS) < 8, "on: short work keeps its turn");
    ok(turns(1, 20000, PHR_YIELD_UNITS) >= 50, "then one each so often");
    ok(turns(10000, 0, 1) < 8, "so little is not worth a look at the clock");
    ok(turns(1, 20000, PHR_YIELD_UNITS / 16) >= 50, "small pieces add up");

    phr_yield_set(0);
    ok(turns(1, 20000, PHR_YIELD_UNITS) < 50, "off again");

    spin_stop = 1;
    (void) pthread_join(other, NULL);

    return done_testing();
}
