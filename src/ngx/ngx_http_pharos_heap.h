/*
 * Copyright (C) The Pharos Authors
 *
 * Heap: how much of what was freed the C library keeps for the next who
 * asks, and when that goes back to the system.  Without glibc it does as it
 * likes.
 */

#ifndef NGX_HTTP_PHAROS_HEAP_H_INCLUDED
#define NGX_HTTP_PHAROS_HEAP_H_INCLUDED


/* a thread that has had nothing to do for so long gives back */
#define NGX_HTTP_PHAROS_HEAP_MS  30000


/* the loop, before there are threads */
void ngx_http_pharos_heap_keep(void);

/* any thread: what lies between that which is in use, of all threads */
void ngx_http_pharos_heap_trim(void);

/* any thread: what lies above all that is in use, of this thread alone */
void ngx_http_pharos_heap_top(void);


#endif /* NGX_HTTP_PHAROS_HEAP_H_INCLUDED */
