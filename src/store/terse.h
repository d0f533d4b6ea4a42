/*
 * Copyright (C) The Pharos Authors
 *
 * Terse: the values of many series at one time, in few bytes: by themselves,
 * or as what changed since an earlier time.  Every double comes back bit for
 * bit.  Chunks, which have one series at many times, take less, but wait for
 * those times.  The byte layout is described in FORMAT.md.
 */

#ifndef PHR_TERSE_H_INCLUDED
#define PHR_TERSE_H_INCLUDED


#include "core/base.h"


#define PHR_TERSE_MAX     512

/* e of a value that is no decimal; x is its bits then */
#define PHR_TERSE_RAW     15


/* values as they are written: v[i] is x[i] / 10^e[i] */
typedef struct {
    double   v[PHR_TERSE_MAX];
    int64_t  x[PHR_TERSE_MAX];
    uint8_t  e[PHR_TERSE_MAX];
} phr_terse_t;


/*
 * Writes n values, 1 to PHR_TERSE_MAX of them; before has as many, or is
 * NULL: by themselves.  Returns the length, 0 if more than "room" bytes are
 * needed.
 */
size_t phr_terse_encode(const double *v, size_t n, const phr_terse_t *before,
    uint8_t *out, size_t room);

/* exactly n values.  PHR_OK or PHR_ECORRUPT. */
int phr_terse_decode(const uint8_t *p, size_t len, const phr_terse_t *before,
    double *v, size_t n);

/*
 * The same of those at the places col alone, ncols of them and ascending;
 * v[i] and before's i-th value are of col[i].  What lies between is passed
 * over, and what comes after is not looked at.
 */
int phr_terse_pick(const uint8_t *p, size_t len, size_t n,
    const uint16_t *col, size_t ncols, const phr_terse_t *before, double *v);

/* all of values by themselves, to be the ones before of others */
int phr_terse_open(const uint8_t *p, size_t len, phr_terse_t *t, size_t n);
int phr_terse_open_pick(const uint8_t *p, size_t len, size_t n,
    const uint16_t *col, size_t ncols, phr_terse_t *t);

/* whether n values can be read, whatever was before */
int phr_terse_check(const uint8_t *p, size_t len, size_t n);


#endif /* PHR_TERSE_H_INCLUDED */
