/*
 * Copyright (C) The Pharos Authors
 *
 * Data: what node exporters would say, from a fixed seed, for measurements
 * of stores: about 27 % of the values differ from one scrape to the next, as
 * was counted on real ones; constants, counters of integers and of
 * hundredths, sizes in pages, seconds with nine digits.
 */

#ifndef PHR_STORE_DATA_H_INCLUDED
#define PHR_STORE_DATA_H_INCLUDED


#include <stddef.h>
#include <stdint.h>


#define DATA_MAX_LABELS  4      /* beside the name, instance and job */
#define DATA_VALUE_LEN   40


/* a value is m / 10^e, so that its text is exact and made in no time */
typedef struct {
    int64_t   m;
    uint8_t   e;
    uint8_t   kind;
} data_cell_t;


/* what a line of the text format has before the value */
typedef struct {
    char     *text;             /* with HELP and TYPE before the first */
    size_t    len;
    char     *name;
    char     *label[DATA_MAX_LABELS];
    char     *value[DATA_MAX_LABELS];
    size_t    nlabels;
} data_line_t;


typedef struct {
    data_line_t   *line;        /* of nseries, the same for all targets */
    data_cell_t   *cell;        /* of ntargets times nseries */
    uint64_t      *seed;        /* of ntargets */
    size_t         ntargets;
    size_t         nseries;
} data_t;


/* ends the program without memory */
void data_create(data_t *d, size_t ntargets, size_t nseries);

/* the next scrape of a target */
void data_step(data_t *d, size_t target);

double data_value(const data_cell_t *c);

/* as Go prints it; returns the length */
size_t data_format(const data_cell_t *c, char *text);

/* "127.9.0.1" and on: addresses of one machine */
void data_address(size_t target, char *text, size_t size);

void *data_alloc(size_t size);


#endif /* PHR_STORE_DATA_H_INCLUDED */
