/*
 * Copyright (C) The Pharos Authors
 *
 * Allocator: the only caller of malloc().  Everything below src/ngx takes
 * memory from here, so that tests can make any allocation fail.
 */

#ifndef PHR_ALLOC_H_INCLUDED
#define PHR_ALLOC_H_INCLUDED


#include "core/base.h"


/* All return NULL when memory is gone; none aborts.  Thread-safe. */
void *phr_malloc(size_t size);
void *phr_calloc(size_t n, size_t size);
void *phr_realloc(void *p, size_t size);
void phr_free(void *p);

/* a terminated copy of len bytes, freed with phr_free() */
char *phr_strdup(const char *s, size_t len);

/*
 * Test hook: the nth allocation of this thread from now on (1: the next)
 * fails, and all after it; -1 switches the hook off.  phr_alloc_count()
 * counts the allocations of this thread since the hook was set.
 */
void phr_alloc_fail_at(long n);
long phr_alloc_count(void);


#endif /* PHR_ALLOC_H_INCLUDED */
