/*
 * Copyright (C) The Pharos Authors
 *
 * Load: the parts of the program that store_compare.pl drives.  Each runs to
 * its end and returns the program's exit code.
 */

#ifndef PHR_STORE_LOAD_H_INCLUDED
#define PHR_STORE_LOAD_H_INCLUDED


#include "store_data.h"


/* serves the targets until it is killed */
int load_targets(data_t *d, unsigned port);

/* rows as if they had been scraped, into a store that nothing has open */
int load_fill(data_t *d, const char *dir, long nrows, int64_t step_ms,
    int64_t end_ms);


typedef struct {
    unsigned     port;
    const char  *path;
    long         nrows;
    unsigned     nconnections;
    int64_t      step_ms;
    int64_t      end_ms;
    long         batch;         /* series, each with a sample, of a request */
} load_write_t;

/*
 * Writes remotely, in requests that are made while the clock stands; prints
 * the samples acknowledged and the seconds it took, also if it is cut short.
 */
int load_write(data_t *d, const load_write_t *w);


#endif /* PHR_STORE_LOAD_H_INCLUDED */
