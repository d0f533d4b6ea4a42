/*
 * Copyright (C) The Pharos Authors
 *
 * Arena: a list of blocks, the newest first; memory is cut from the newest
 * block alone.  Blocks grow by doubling up to a bound, so that small arenas
 * stay small and large ones make few calls.
 */

#include "core/arena.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/alloc.h"


#define PHR_ARENA_ALIGN      16
#define PHR_ARENA_BLOCK_MIN  1024
#define PHR_ARENA_BLOCK_MAX  (1024 * 1024)

#define phr_arena_round(n)                                                    \
    (((n) + (PHR_ARENA_ALIGN - 1)) & ~(size_t) (PHR_ARENA_ALIGN - 1))


typedef struct phr_arena_block_s  phr_arena_block_t;

struct phr_arena_block_s {
    phr_arena_block_t  *prev;
    char               *data;     /* aligned, right behind this struct */
    size_t              size;     /* of data, bytes */
    size_t              used;
};


struct phr_arena_s {
    phr_arena_block_t  *block;    /* the newest, NULL at first */
    size_t              limit;    /* bytes, 0: none */
    size_t              total;    /* bytes handed out */
    size_t              taken;    /* bytes from elsewhere */
    size_t              peak;
    size_t              next;     /* size of the next block */
    int                 rc;       /* why the last failure was */
};


static phr_arena_block_t *phr_arena_block(phr_arena_t *a, size_t size);
static int phr_arena_account(phr_arena_t *a, size_t size);


phr_arena_t *
phr_arena_create(size_t limit_bytes)
{
    phr_arena_t  *a;

    a = phr_calloc(1, sizeof(phr_arena_t));
    if (a == NULL) {
        return NULL;
    }

    a->limit = limit_bytes;
    a->next = PHR_ARENA_BLOCK_MIN;
    a->rc = PHR_ENOMEM;

    return a;
}


void
phr_arena_destroy(phr_arena_t *a)
{
    phr_arena_block_t  *b, *prev;

    if (a == NULL) {
        return;
    }

    for (b = a->block; b != NULL; b = prev) {
        prev = b->prev;
        phr_free(b);
    }

    phr_free(a);
}


void
phr_arena_reset(phr_arena_t *a)
{
    phr_arena_mark_t  start;

    memset(&start, 0, sizeof(start));

    phr_arena_release(a, start);

    a->next = PHR_ARENA_BLOCK_MIN;
    a->peak = 0;
    a->rc = PHR_ENOMEM;
}


void *
phr_arena_alloc(phr_arena_t *a, size_t size)
{
    char               *p;
    size_t              n;
    phr_arena_block_t  *b;

    if (size > SIZE_MAX / 2) {
        a->rc = a->limit ? PHR_ELIMIT : PHR_ENOMEM;
        return NULL;
    }

    n = phr_arena_round(size ? size : 1);

    if (phr_arena_account(a, n) != PHR_OK) {
        return NULL;
    }

    b = a->block;

    if (b == NULL || b->size - b->used < n) {
        b = phr_arena_block(a, n);
        if (b == NULL) {
            a->total -= n;
            a->rc = PHR_ENOMEM;
            return NULL;
        }
    }

    p = b->data + b->used;
    b->used += n;

    return p;
}


void *
phr_arena_calloc(phr_arena_t *a, size_t n, size_t size)
{
    void  *p;

    if (size != 0 && n > SIZE_MAX / 2 / size) {
        a->rc = a->limit ? PHR_ELIMIT : PHR_ENOMEM;
        return NULL;
    }

    p = phr_arena_alloc(a, n * size);
    if (p != NULL) {
        memset(p, 0, n * size);
    }

    return p;
}


void *
phr_arena_grow(phr_arena_t *a, void *p, size_t old_size, size_t new_size)
{
    void               *q;
    size_t              old_n, new_n;
    phr_arena_block_t  *b;

    if (p == NULL) {
        return phr_arena_alloc(a, new_size);
    }

    if (new_size <= old_size) {
        return p;
    }

    b = a->block;
    old_n = phr_arena_round(old_size ? old_size : 1);

    if (new_size <= SIZE_MAX / 2
        && (char *) p + old_n == b->data + b->used)
    {
        new_n = phr_arena_round(new_size);

        if (new_n - old_n <= b->size - b->used) {
            if (phr_arena_account(a, new_n - old_n) != PHR_OK) {
                return NULL;
            }

            b->used += new_n - old_n;

            return p;
        }
    }

    q = phr_arena_alloc(a, new_size);
    if (q != NULL) {
        memcpy(q, p, old_size);
    }

    return q;
}


int
phr_arena_take(phr_arena_t *a, size_t size)
{
    int  rc;

    rc = phr_arena_account(a, size);

    if (rc == PHR_OK) {
        a->total -= size;
        a->taken += size;
    }

    return rc;
}


void
phr_arena_give(phr_arena_t *a, size_t size)
{
    phr_assert(size <= a->taken);

    a->taken -= size;
}


char *
phr_arena_strdup(phr_arena_t *a, const char *s, size_t len)
{
    char  *p;

    p = phr_arena_alloc(a, len == SIZE_MAX ? len : len + 1);
    if (p == NULL) {
        return NULL;
    }

    if (len != 0) {
        memcpy(p, s, len);
    }

    p[len] = '\0';

    return p;
}


char *
phr_arena_printf(phr_arena_t *a, const char *fmt, ...)
{
    int      n;
    char    *p, small[256];
    va_list  args;

    va_start(args, fmt);
    n = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);

    if (n < 0) {
        return NULL;
    }

    if ((size_t) n < sizeof(small)) {
        return phr_arena_strdup(a, small, (size_t) n);
    }

    p = phr_arena_alloc(a, (size_t) n + 1);
    if (p == NULL) {
        return NULL;
    }

    va_start(args, fmt);
    vsnprintf(p, (size_t) n + 1, fmt, args);
    va_end(args);

    return p;
}


phr_str_t
phr_arena_str(phr_arena_t *a, phr_str_t s)
{
    char  *p;

    p = phr_arena_strdup(a, s.data, s.len);

    return phr_str_from(p, p ? s.len : 0);
}


int
phr_arena_rc(const phr_arena_t *a)
{
    return a->rc;
}


size_t
phr_arena_used(const phr_arena_t *a)
{
    return a->total + a->taken;
}


size_t
phr_arena_peak(const phr_arena_t *a)
{
    return a->peak;
}


phr_arena_mark_t
phr_arena_mark(phr_arena_t *a)
{
    phr_arena_mark_t  m;

    m.block = a->block;
    m.used = a->block ? a->block->used : 0;
    m.total = a->total;

    return m;
}


void
phr_arena_release(phr_arena_t *a, phr_arena_mark_t mark)
{
    phr_arena_block_t  *b;

    while (a->block != NULL && a->block != mark.block) {
        b = a->block;
        a->block = b->prev;
        phr_free(b);
    }

    phr_assert(a->block == mark.block);

    if (a->block != NULL) {
        a->block->used = mark.used;
    }

    a->total = mark.total;
}


static phr_arena_block_t *
phr_arena_block(phr_arena_t *a, size_t size)
{
    size_t              head, want;
    phr_arena_block_t  *b;

    head = phr_arena_round(sizeof(phr_arena_block_t));
    want = phr_max(a->next - head, size);

    b = phr_malloc(head + want);
    if (b == NULL) {
        return NULL;
    }

    b->prev = a->block;
    b->data = (char *) b + head;
    b->size = want;
    b->used = 0;

    a->block = b;

    if (a->next < PHR_ARENA_BLOCK_MAX) {
        a->next *= 2;
    }

    return b;
}


static int
phr_arena_account(phr_arena_t *a, size_t size)
{
    if (a->limit != 0 && size > a->limit - a->total - a->taken) {
        a->rc = PHR_ELIMIT;
        return PHR_ELIMIT;
    }

    a->total += size;

    a->peak = phr_max(a->peak, a->total + a->taken);

    return PHR_OK;
}
