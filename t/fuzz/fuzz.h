/*
 * Copyright (C) The Pharos Authors
 *
 * Fuzz: what the fuzz targets share.  A target is a file beside this one
 * that has LLVMFuzzerTestOneInput(); "make fuzz" builds and runs them.
 */

#ifndef FUZZ_H_INCLUDED
#define FUZZ_H_INCLUDED


#include <stdio.h>
#include <stdlib.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


#define fuzz_check(cond)                                                      \
    do {                                                                      \
        if (!(cond)) {                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__,           \
                    __LINE__, #cond);                                         \
            abort();                                                          \
        }                                                                     \
    } while (0)


/* a copy of exact size shows a read beyond; to be freed */
static inline phr_str_t
fuzz_copy(const void *data, size_t size)
{
    char  *p;

    p = malloc(size ? size : 1);
    fuzz_check(p != NULL);

    if (size != 0) {
        memcpy(p, data, size);
    }

    return phr_str_from(p, size);
}


static inline void
fuzz_free(phr_str_t s)
{
    free((char *) s.data);
}


/* up to the next end of a line, which is passed over */
static inline phr_str_t
fuzz_line(phr_str_t *rest)
{
    size_t      len;
    phr_str_t   line;
    const char  *end;

    end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    len = end ? (size_t) (end - rest->data) : rest->len;

    line = phr_str_from(rest->data, len);
    rest->data += len + (end != NULL);
    rest->len -= len + (end != NULL);

    return line;
}


#endif /* FUZZ_H_INCLUDED */
