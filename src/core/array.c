/*
 * Copyright (C) The Pharos Authors
 *
 * Array: growth by doubling.
 */

#include "core/array.h"

#include "core/alloc.h"


#define PHR_ARRAY_MIN  8


void
phr_array_init(phr_array_t *a, size_t elt_size)
{
    a->elts = NULL;
    a->nelts = 0;
    a->nalloc = 0;
    a->size = elt_size;
}


void
phr_array_free(phr_array_t *a)
{
    phr_free(a->elts);

    a->elts = NULL;
    a->nelts = 0;
    a->nalloc = 0;
}


void *
phr_array_push(phr_array_t *a)
{
    return phr_array_push_n(a, 1);
}


void *
phr_array_push_n(phr_array_t *a, size_t n)
{
    void    *p;
    size_t   nalloc;

    if (n > SIZE_MAX / 4 / a->size - a->nelts) {
        return NULL;
    }

    if (a->elts == NULL || n > a->nalloc - a->nelts) {
        nalloc = phr_max(a->nalloc * 2, PHR_ARRAY_MIN);
        nalloc = phr_max(nalloc, a->nelts + n);

        p = phr_realloc(a->elts, nalloc * a->size);
        if (p == NULL) {
            return NULL;
        }

        a->elts = p;
        a->nalloc = nalloc;
    }

    p = (char *) a->elts + a->nelts * a->size;
    memset(p, 0, n * a->size);

    a->nelts += n;

    return p;
}


void
phr_array_fit(phr_array_t *a)
{
    void  *p;

    if (a->nelts == 0 || a->nelts == a->nalloc) {
        return;
    }

    p = phr_realloc(a->elts, a->nelts * a->size);

    if (p != NULL) {
        a->elts = p;
        a->nalloc = a->nelts;
    }
}
