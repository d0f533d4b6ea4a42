/*
 * Copyright (C) The Pharos Authors
 *
 * Error: what failed, and where, in text that a person can act upon.
 *
 * The lowest function that knows the detail fills the struct; callers may
 * prefix it, never replace it.  The struct owns its text, so that it works
 * when memory is gone.  Every function returns the code, which allows
 * "return phr_err_set(err, PHR_EINVAL, ...)".  err may be NULL everywhere.
 */

#ifndef PHR_ERR_H_INCLUDED
#define PHR_ERR_H_INCLUDED


#include <stdarg.h>

#include "core/base.h"


#define PHR_ERR_TEXT  512
#define PHR_ERR_FILE  256


typedef struct {
    int       code;                 /* PHR_E... */
    uint32_t  line;                 /* in a file or query, from 1; 0: none */
    uint32_t  column;               /* in bytes, from 1; 0: none */
    int32_t   start;                /* byte range in a query; -1: none */
    int32_t   end;
    char      file[PHR_ERR_FILE];   /* "" if the place is not in a file */
    char      text[PHR_ERR_TEXT];   /* terminated, cut if too long */
} phr_err_t;


/* Empties err; needed only where a caller tests err->code afterwards. */
void phr_err_init(phr_err_t *err);

int phr_err_set(phr_err_t *err, int code, const char *fmt, ...)
    PHR_PRINTF(3, 4);

/* start and end are byte offsets in the query text */
int phr_err_at(phr_err_t *err, int code, int32_t start, int32_t end,
    const char *fmt, ...) PHR_PRINTF(5, 6);

/* line and column count from 1; file may be NULL */
int phr_err_in_file(phr_err_t *err, int code, const char *file,
    uint32_t line, uint32_t column, const char *fmt, ...) PHR_PRINTF(6, 7);

/* puts text before the present text: "group \"a\": " before "bad name" */
void phr_err_prefix(phr_err_t *err, const char *fmt, ...) PHR_PRINTF(2, 3);

/*
 * Writes "file:line:column: text", or as much of it as is known, always
 * terminated, and returns buf.
 */
const char *phr_err_format(const phr_err_t *err, char *buf, size_t size);


#endif /* PHR_ERR_H_INCLUDED */
