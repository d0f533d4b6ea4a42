/*
 * Copyright (C) The Pharos Authors
 *
 * Timer: tells a query to stop when it took so much of the processor.
 */

#ifndef FUZZ_TIMER_H_INCLUDED
#define FUZZ_TIMER_H_INCLUDED


#include "fuzz.h"

#include <signal.h>
#include <sys/time.h>


/* what queries look at, see phr_query_t */
static volatile int  fuzz_stop;


static inline void
fuzz_late(int sig)
{
    fuzz_stop = PHR_ETIMEOUT;
}


/* 0 seconds: no longer.  libFuzzer has SIGALRM. */
static inline void
fuzz_timer(int seconds)
{
    struct itimerval  timer;

    memset(&timer, 0, sizeof(timer));
    timer.it_value.tv_sec = seconds;

    if (seconds > 0) {
        fuzz_stop = 0;
        signal(SIGVTALRM, fuzz_late);
    }

    setitimer(ITIMER_VIRTUAL, &timer, NULL);
}


#endif /* FUZZ_TIMER_H_INCLUDED */
