/*
 * Copyright (C) The Pharos Authors
 *
 * Arena: a bump allocator with a limit in bytes, the lifetime of one query,
 * one scrape or one loaded file.  Nothing is freed alone, everything at
 * once.  Not thread-safe: one arena, one thread at a time.
 */

#ifndef PHR_ARENA_H_INCLUDED
#define PHR_ARENA_H_INCLUDED


#include "core/base.h"


typedef struct phr_arena_s  phr_arena_t;


/* limit in bytes, 0: none.  NULL if memory is gone. */
phr_arena_t *phr_arena_create(size_t limit_bytes);
void phr_arena_destroy(phr_arena_t *a);          /* a may be NULL */

/* gives everything back and forgets that the limit was hit */
void phr_arena_reset(phr_arena_t *a);

/*
 * Memory aligned to 16 bytes, valid until reset or destroy.  NULL if memory
 * is gone or the limit would be exceeded; phr_arena_rc() tells which.
 */
void *phr_arena_alloc(phr_arena_t *a, size_t size);
void *phr_arena_calloc(phr_arena_t *a, size_t n, size_t size);

/*
 * Grows the most recent allocation in place if it can, else copies.  The
 * old block is not given back in the latter case: grow by doubling.
 */
void *phr_arena_grow(phr_arena_t *a, void *p, size_t old_size,
    size_t new_size);

/*
 * Memory that is got elsewhere, but for whoever the arena is for, counts as
 * if it were the arena's: PHR_OK, or PHR_ELIMIT, and then nothing is taken.
 * It counts until it is given back, whatever is released or reset meanwhile.
 */
int phr_arena_take(phr_arena_t *a, size_t size);
void phr_arena_give(phr_arena_t *a, size_t size);

/* terminated copies */
char *phr_arena_strdup(phr_arena_t *a, const char *s, size_t len);
char *phr_arena_printf(phr_arena_t *a, const char *fmt, ...)
    PHR_PRINTF(2, 3);

/* copies the bytes; data is NULL on failure (and only then, even if len 0) */
phr_str_t phr_arena_str(phr_arena_t *a, phr_str_t s);

/* PHR_ELIMIT if an allocation failed for the limit, else PHR_ENOMEM */
int phr_arena_rc(const phr_arena_t *a);

/* bytes handed out since create or reset, and taken; the highest it was */
size_t phr_arena_used(const phr_arena_t *a);
size_t phr_arena_peak(const phr_arena_t *a);

/*
 * A mark to go back to: what was allocated after it is given back.  Used by
 * the evaluator to free what a finished sub-expression needed.
 */
typedef struct {
    void    *block;
    size_t   used;
    size_t   total;
} phr_arena_mark_t;

phr_arena_mark_t phr_arena_mark(phr_arena_t *a);
void phr_arena_release(phr_arena_t *a, phr_arena_mark_t mark);


#endif /* PHR_ARENA_H_INCLUDED */
