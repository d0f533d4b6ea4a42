/*
 * Copyright (C) The Pharos Authors
 *
 * Heap: see ngx_http_pharos_heap.h.  Each thread has an arena of its own.
 * malloc_trim() gives back the free pages inside of all, but the free end of
 * an arena only where it is the first one's; the end of another shrinks
 * when a large piece of that arena is freed and more than a threshold is
 * free then.  So a thread that is at rest lowers the threshold, frees a
 * large piece, and raises it again.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <malloc.h>
#include <pthread.h>

#include "ngx/ngx_http_pharos_heap.h"


/* the next query of a thread does not fault all of it in again */
#define NGX_HTTP_PHAROS_HEAP_KEEP   (16 * 1024 * 1024)
#define NGX_HTTP_PHAROS_HEAP_MMAP   (4 * 1024 * 1024)

/* more than the 64k from which on free() looks at the end */
#define NGX_HTTP_PHAROS_HEAP_PIECE  (96 * 1024)


#if defined(__GLIBC__)

static pthread_mutex_t  heap_mutex = PTHREAD_MUTEX_INITIALIZER;


void
ngx_http_pharos_heap_keep(void)
{
    (void) mallopt(M_TRIM_THRESHOLD, NGX_HTTP_PHAROS_HEAP_KEEP);
    (void) mallopt(M_MMAP_THRESHOLD, NGX_HTTP_PHAROS_HEAP_MMAP);
}


void
ngx_http_pharos_heap_trim(void)
{
    (void) malloc_trim(0);
}


void
ngx_http_pharos_heap_top(void)
{
    void *volatile  p;      /* or the two calls are optimized away */

    (void) pthread_mutex_lock(&heap_mutex);
    (void) mallopt(M_TRIM_THRESHOLD, NGX_HTTP_PHAROS_HEAP_PIECE);

    p = malloc(NGX_HTTP_PHAROS_HEAP_PIECE);
    free(p);

    (void) mallopt(M_TRIM_THRESHOLD, NGX_HTTP_PHAROS_HEAP_KEEP);
    (void) pthread_mutex_unlock(&heap_mutex);
}

#else

void
ngx_http_pharos_heap_keep(void)
{
}


void
ngx_http_pharos_heap_trim(void)
{
}


void
ngx_http_pharos_heap_top(void)
{
}

#endif
