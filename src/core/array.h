/*
 * Copyright (C) The Pharos Authors
 *
 * Array: elements of one size that grow at the end, on the heap.
 */

#ifndef PHR_ARRAY_H_INCLUDED
#define PHR_ARRAY_H_INCLUDED


#include "core/base.h"


typedef struct {
    void     *elts;
    size_t    nelts;
    size_t    nalloc;
    size_t    size;     /* of one element, bytes */
} phr_array_t;


void phr_array_init(phr_array_t *a, size_t elt_size);
void phr_array_free(phr_array_t *a);

/* a new zeroed element at the end (n of them), NULL if memory is gone */
void *phr_array_push(phr_array_t *a);
void *phr_array_push_n(phr_array_t *a, size_t n);

/* gives back what is not used */
void phr_array_fit(phr_array_t *a);

#define phr_array_get(a, type, i)  (&((type *) (a)->elts)[i])


#endif /* PHR_ARRAY_H_INCLUDED */
