/*
 * Copyright (C) The Pharos Authors
 *
 * Yield: long work steps aside for others, several times a millisecond.
 * A thread with the highest nice is still left on its CPU until the next
 * tick of the kernel, 4 ms, when somebody more urgent wakes up there.
 *
 * Threads: the count is each thread's own, and off until it is turned on:
 * whoever holds a lock that others wait for must not give its turn away.
 */

#ifndef PHR_YIELD_H_INCLUDED
#define PHR_YIELD_H_INCLUDED


#include "core/base.h"


/* what a thread does between two turns, in samples decoded */
#define PHR_YIELD_UNITS  8192

/* this thread steps aside from now on, or no longer */
void phr_yield_set(int on);

/* so much was done, in samples decoded; gives the turn away when it is due */
void phr_yield(size_t units);


#endif /* PHR_YIELD_H_INCLUDED */
