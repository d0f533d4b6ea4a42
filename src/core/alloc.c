/*
 * Copyright (C) The Pharos Authors
 *
 * Allocator: malloc() and friends behind a hook that makes the nth call
 * fail.  The hook is kept per thread, so a test in one thread does not
 * disturb another, and costs one test of a thread-local number.
 */

#include "core/alloc.h"

#include <stdlib.h>


static int phr_alloc_fails(void);


/* allocations until failure, -1: never; and those counted since it was set */
static __thread long  phr_alloc_left = -1;
static __thread long  phr_alloc_seen;


void *
phr_malloc(size_t size)
{
    if (phr_alloc_fails()) {
        return NULL;
    }

    /* malloc(0) may be NULL, which here means that memory is gone */

    return malloc(size ? size : 1);
}


void *
phr_calloc(size_t n, size_t size)
{
    if (phr_alloc_fails()) {
        return NULL;
    }

    return (n && size) ? calloc(n, size) : calloc(1, 1);
}


void *
phr_realloc(void *p, size_t size)
{
    if (phr_alloc_fails()) {
        return NULL;
    }

    return realloc(p, size ? size : 1);
}


void
phr_free(void *p)
{
    free(p);
}


char *
phr_strdup(const char *s, size_t len)
{
    char  *p;

    if (len == SIZE_MAX) {
        return NULL;
    }

    p = phr_malloc(len + 1);
    if (p == NULL) {
        return NULL;
    }

    if (len != 0) {
        memcpy(p, s, len);
    }

    p[len] = '\0';

    return p;
}


void
phr_alloc_fail_at(long n)
{
    phr_alloc_left = n;
    phr_alloc_seen = 0;
}


long
phr_alloc_count(void)
{
    return phr_alloc_seen;
}


static int
phr_alloc_fails(void)
{
    phr_alloc_seen++;

    if (phr_likely(phr_alloc_left < 0)) {
        return 0;
    }

    /* the first call when 0 or 1 are left fails, and all after it */

    if (phr_alloc_left <= 1) {
        phr_alloc_left = 0;
        return 1;
    }

    phr_alloc_left--;

    return 0;
}
