/*
 * Copyright (C) The Pharos Authors
 *
 * Yield: the thread's place with the kernel, counting, and sched_yield().
 */

#include "core/yield.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
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


static __thread int     phr_yield_on;
static __thread size_t  phr_yield_done;
static __thread size_t  phr_yield_due;


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
    phr_yield_on = on;
    phr_yield_done = 0;
    phr_yield_due = PHR_YIELD_FIRST;
}


void
phr_yield(size_t units)
{
    if (!phr_yield_on) {
        return;
    }

    phr_yield_done += units;

    if (phr_yield_done >= phr_yield_due) {
        phr_yield_done = 0;
        phr_yield_due = PHR_YIELD_UNITS;
        (void) sched_yield();
    }
}
