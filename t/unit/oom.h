/*
 * Copyright (C) The Pharos Authors
 *
 * Out of memory: runs a function again and again, with ever later
 * allocations failing, until it succeeds.
 */

#ifndef OOM_H_INCLUDED
#define OOM_H_INCLUDED


/*
 * fn works from scratch on each call and leaves nothing behind.  It has to
 * return PHR_ENOMEM whenever an allocation of phr_malloc() and friends
 * failed, and PHR_OK when none did.
 *
 * The number of failures survived, or -1 if fn broke that rule; what it did
 * is printed as a TAP comment.
 */
int phr_oom_run(int (*fn)(void *data), void *data);


#endif /* OOM_H_INCLUDED */
