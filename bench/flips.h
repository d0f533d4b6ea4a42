/*
 * Copyright (C) The Pharos Authors
 *
 * Flips: the store that is damaged, with all kinds of records (flips_store.c,
 * flips_batch.c), and what is asked of it (flips_look.c).  The rounds are in
 * flips.c.
 */

#ifndef FLIPS_H_INCLUDED
#define FLIPS_H_INCLUDED


#include "store/store.h"


#define FLIPS_SERIES    450
#define FLIPS_ROWS      300
#define FLIPS_STEP_MS   15000
#define FLIPS_START_MS  INT64_C(1700000000000)
#define FLIPS_END_MS    (FLIPS_START_MS                                       \
                         + (int64_t) (FLIPS_ROWS + 1) * FLIPS_STEP_MS)

/* old samples, of most of which there are only buckets */
#define FLIPS_OLD       6
#define FLIPS_OLD_STEP  INT64_C(120000)
#define FLIPS_OLD_DAYS  6

#define FLIPS_HISTS     8
#define FLIPS_STARTS    15
#define FLIPS_VALUES    60


/* what a store says; there is a line for each in flips.c */
typedef enum {
    FLIPS_SAMPLE = 0,
    FLIPS_HIST,
    FLIPS_SINCE,                /* a start timestamp */
    FLIPS_BUCKET,
    FLIPS_EDGE,                 /* a bucket's, for what a counter grew by */
    FLIPS_EXEMPLAR,
    FLIPS_VALUE,
    FLIPS_BEFORE,               /* what a value was before */
    FLIPS_KINDS
} flips_kind_e;

/* one thing that it says of what "id" names; other than PHR_OK ends it */
typedef int (*flips_say_pt)(void *data, flips_kind_e kind, phr_str_t id,
    int64_t t_ms, uint64_t hash, phr_err_t *err);

/* who hears it */
typedef struct {
    flips_say_pt   say;
    void          *data;
} flips_ear_t;

/* hashes it and says it */
int flips_say(const flips_ear_t *ear, flips_kind_e kind, phr_str_t id,
    int64_t t_ms, const void *bytes, size_t len, phr_err_t *err);

/* what a bucket is asked for */
typedef enum {
    FLIPS_LAST = 0,
    FLIPS_MIN,
    FLIPS_MAX,
    FLIPS_SUM,
    FLIPS_INCREASE,
    FLIPS_FUNCS
} flips_func_e;

int flips_say_bucket(const flips_ear_t *ear, phr_str_t id, int64_t t_ms,
    flips_func_e func, int64_t res_ms, double v, double w, phr_err_t *err);

int flips_say_hist(const flips_ear_t *ear, phr_str_t id, int64_t t_ms,
    const phr_hist_t *h, phr_err_t *err);


/* flips_store.c: one store at a time */
typedef struct {
    phr_store_t  *st;
    phr_sid_t     sid[FLIPS_SERIES];
    uint32_t      source;
} flips_store_t;

int flips_store_open(flips_store_t *s, const char *dir, int64_t retention_ms,
    phr_err_t *err);

/* makes it, and says all that is written, but what is coarse is not asked */
int flips_store_make(flips_store_t *s, const char *dir,
    const flips_ear_t *ear, phr_err_t *err);

/* the clock goes on, with rows after all that is asked for */
int flips_store_more(flips_store_t *s, phr_err_t *err);

/* the buckets that are due, as after a start */
int flips_store_coarsen(flips_store_t *s, phr_err_t *err);

/* the key of value i, and what it is, or was before */
void flips_value(int i, int before, char *key, phr_buf_t *value);


/*
 * flips_batch.c: what is written at a time besides, the i-th one; it is said
 * if there is who hears it.
 */
int flips_batch_old(flips_store_t *s, const flips_ear_t *ear, phr_err_t *err);
int flips_batch_hists(flips_store_t *s, int i, int64_t t_ms,
    const flips_ear_t *ear, phr_err_t *err);
int flips_batch_starts(flips_store_t *s, int i, int64_t t_ms,
    const flips_ear_t *ear, phr_err_t *err);
int flips_batch_exemplars(flips_store_t *s, int i, int64_t t_ms,
    const flips_ear_t *ear, phr_err_t *err);


/* flips_look.c: says all there is up to FLIPS_END_MS */
int flips_look(phr_store_t *st, const flips_ear_t *ear, phr_err_t *err);

/* says again the samples of so many series, each of which it asks for */
int flips_look_each(phr_store_t *st, int n, const flips_ear_t *ear,
    phr_err_t *err);


#endif /* FLIPS_H_INCLUDED */
