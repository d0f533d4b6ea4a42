/*
 * Copyright (C) The Pharos Authors
 *
 * Yield: long work steps aside for others.  A thread with the highest nice
 * is still left on its CPU for a slice, milliseconds, when somebody more
 * urgent wakes up there, unless the kernel is told better and asked often.
 *
 * Threads: the count is each thread's own, and off until it is turned on:
 * whoever holds a lock that others wait for must not give its turn away.
 */

#ifndef PHR_YIELD_H_INCLUDED
#define PHR_YIELD_H_INCLUDED


#include "core/base.h"


/* the clock is read when so much was done, in samples decoded: some 30 us */
#define PHR_YIELD_UNITS     16384

/*
 * A turn.  The first is longer, for short work ends within it: its turn would
 * go to somebody who keeps it for longer than all of that takes.
 */
#define PHR_YIELD_US        100
#define PHR_YIELD_FIRST_US  250

/*
 * Makes this thread the last that the kernel thinks of: the highest nice, and
 * the longest slice that there is.  Since Linux 6.12 a thread that wakes up
 * takes the CPU at once from one whose slice is longer than its own; before,
 * slices are the same for all and this changes nothing.
 */
void phr_yield_background(void);

/* this thread begins something and steps aside from now on, or no longer */
void phr_yield_set(int on);

/*
 * So much was done, in samples decoded; gives the turn away when it is due.
 * Who counts too much pays with a look at the clock, who counts too little
 * keeps others waiting.
 */
void phr_yield(size_t units);


#endif /* PHR_YIELD_H_INCLUDED */
