/*
 * Copyright (C) The Pharos Authors
 *
 * Query log: which queries are under way, and what those before them cost,
 * by text and length of time: for whoever asks what makes the server busy.
 *
 * Threads: any.  Bounded: the newest 1,000 texts are remembered, of each
 * its first 4,096 bytes.
 */

#ifndef PHR_QUERY_LOG_H_INCLUDED
#define PHR_QUERY_LOG_H_INCLUDED


#include "core/arena.h"


typedef struct phr_query_log_s  phr_query_log_t;


/* a query under way */
typedef struct {
    uint64_t   id;
    phr_str_t  text;
    phr_str_t  user;
    int64_t    start_ms;            /* what it asks for */
    int64_t    end_ms;
    int64_t    step_ms;             /* 0: instant */
    int64_t    began_us;            /* by the caller's clock */
} phr_query_active_t;

/* queries of one text and one length of time that have ended */
typedef struct {
    phr_str_t  text;
    int64_t    range_ms;
    uint64_t   count;
    int64_t    sum_us;
    int64_t    max_us;
    uint64_t   samples;             /* read */
    int64_t    last_us;
    double     weight;              /* by which it was ranked */
} phr_query_past_t;

typedef enum {
    PHR_QUERY_BY_COUNT = 0,
    PHR_QUERY_BY_AVERAGE,
    PHR_QUERY_BY_SUM,
    PHR_QUERY_BY_SAMPLES,
} phr_query_order_e;


phr_query_log_t *phr_query_log_create(void);        /* NULL: no memory */
void phr_query_log_destroy(phr_query_log_t *log);   /* or NULL */

/*
 * A query begins: q without its id; texts are copied.  The result is what
 * phr_query_log_end() wants; 0 if it could not be noted.  log may be NULL.
 */
uint64_t phr_query_log_begin(phr_query_log_t *log,
    const phr_query_active_t *q);
void phr_query_log_end(phr_query_log_t *log, uint64_t id, int64_t now_us,
    uint64_t samples);

/* copies in the arena; PHR_OK or PHR_ENOMEM.  The oldest is first. */
int phr_query_log_active(phr_query_log_t *log, phr_arena_t *arena,
    phr_query_active_t **list, size_t *n);

/* at most *n that ended at since_us or later, the greatest first */
int phr_query_log_top(phr_query_log_t *log, phr_query_order_e order,
    int64_t since_us, phr_arena_t *arena, phr_query_past_t **list,
    size_t *n);


#endif /* PHR_QUERY_LOG_H_INCLUDED */
