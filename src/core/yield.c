/*
 * Copyright (C) The Pharos Authors
 *
 * Yield: the thread's place with the kernel, counting, a clock, and
 * sched_yield().
 */

#include "core/yield.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>


#define PHR_YIELD_NICE      19
#define PHR_YIELD_SLICE_NS  100000000    /* the most that Linux takes */


/* what sched_setattr(2) takes; C libraries before glibc 2.41 lack it */

typedef struct {
    uint32_t  size;
    uint32_t  policy;
    uint64_t  flags;
    int32_t   nice;
    uint32_t  priority;
    uint64_t  runtime;      /* ns */
    uint64_t  deadline;
    uint64_t  period;
} phr_sched_attr_t;


typedef struct {
    int      on;
    size_t   done;          /* units since the clock was read */
    int64_t  due_us;
} phr_yield_t;


static int64_t phr_yield_clock_us(void);


static __thread phr_yield_t  phr_yield_state;


void
phr_yield_background(void)
{
    phr_sched_attr_t  attr;

    /* on Linux, of this thread only */
    (void) setpriority(PRIO_PROCESS, 0, PHR_YIELD_NICE);

    memset(&attr, 0, sizeof(phr_sched_attr_t));

    attr.size = sizeof(phr_sched_attr_t);
    attr.policy = SCHED_OTHER;
    attr.nice = PHR_YIELD_NICE;
    attr.runtime = PHR_YIELD_SLICE_NS;

    (void) syscall(SYS_sched_setattr, 0, &attr, 0);
}


void
phr_yield_set(int on)
{
    phr_yield_t  *y;

    y = &phr_yield_state;

    y->on = on;
    y->done = 0;

    if (on) {
        y->due_us = phr_yield_clock_us() + PHR_YIELD_FIRST_US;
    }
}


void
phr_yield(size_t units)
{
    phr_yield_t  *y;

    y = &phr_yield_state;

    if (!y->on) {
        return;
    }

    y->done += units;

    if (y->done < PHR_YIELD_UNITS) {
        return;
    }

    y->done = 0;

    if (phr_yield_clock_us() >= y->due_us) {
        (void) sched_yield();
        y->due_us = phr_yield_clock_us() + PHR_YIELD_US;
    }
}


static int64_t
phr_yield_clock_us(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
