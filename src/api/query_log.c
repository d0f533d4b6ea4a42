/*
 * Copyright (C) The Pharos Authors
 *
 * Query log: an array of what is under way, and a map of what has ended.
 * When the map is full, the text that was not asked for longest goes.
 */

#include "api/query_log.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/map.h"


#define PHR_QUERY_LOG_ACTIVE  128
#define PHR_QUERY_LOG_PAST    1000
#define PHR_QUERY_LOG_TEXT    4096


struct phr_query_log_s {
    pthread_mutex_t      mutex;
    uint64_t             last_id;
    phr_query_active_t   active[PHR_QUERY_LOG_ACTIVE];  /* id 0: free */
    phr_map_t           *past;
};


static phr_query_past_t *phr_query_log_past(phr_query_log_t *log,
    const phr_query_active_t *q);
static void phr_query_log_forget_oldest(phr_query_log_t *log);
static void phr_query_active_free(phr_query_active_t *q);
static int phr_query_active_order(const void *a, const void *b);
static int phr_query_past_order(const void *a, const void *b);
static double phr_query_weight(const phr_query_past_t *p,
    phr_query_order_e order);


phr_query_log_t *
phr_query_log_create(void)
{
    phr_query_log_t  *log;

    log = phr_calloc(1, sizeof(phr_query_log_t));
    if (log == NULL) {
        return NULL;
    }

    log->past = phr_map_create();

    if (log->past == NULL || pthread_mutex_init(&log->mutex, NULL) != 0) {
        phr_map_destroy(log->past);
        phr_free(log);
        return NULL;
    }

    return log;
}


void
phr_query_log_destroy(phr_query_log_t *log)
{
    void       *p;
    size_t      i, pos;
    phr_str_t   key;

    if (log == NULL) {
        return;
    }

    for (i = 0; i < PHR_QUERY_LOG_ACTIVE; i++) {
        phr_query_active_free(&log->active[i]);
    }

    pos = 0;

    while (phr_map_next(log->past, &pos, &key, &p)) {
        phr_free((char *) ((phr_query_past_t *) p)->text.data);
        phr_free(p);
    }

    phr_map_destroy(log->past);
    (void) pthread_mutex_destroy(&log->mutex);
    phr_free(log);
}


uint64_t
phr_query_log_begin(phr_query_log_t *log, const phr_query_active_t *q)
{
    size_t               i;
    uint64_t             id;
    phr_query_active_t  *a;

    if (log == NULL) {
        return 0;
    }

    id = 0;

    (void) pthread_mutex_lock(&log->mutex);

    for (i = 0; i < PHR_QUERY_LOG_ACTIVE; i++) {
        a = &log->active[i];

        if (a->id != 0) {
            continue;
        }

        *a = *q;
        a->text.len = phr_min(q->text.len, PHR_QUERY_LOG_TEXT);
        a->text.data = phr_strdup(q->text.data, a->text.len);
        a->user.data = phr_strdup(q->user.data, q->user.len);

        if (a->text.data == NULL || a->user.data == NULL) {
            phr_query_active_free(a);
            break;
        }

        id = ++log->last_id;
        a->id = id;
        break;
    }

    (void) pthread_mutex_unlock(&log->mutex);

    return id;
}


void
phr_query_log_end(phr_query_log_t *log, uint64_t id, int64_t now_us,
    uint64_t samples)
{
    size_t               i;
    int64_t              took_us;
    phr_query_past_t    *p;
    phr_query_active_t  *a;

    if (log == NULL || id == 0) {
        return;
    }

    (void) pthread_mutex_lock(&log->mutex);

    for (i = 0; i < PHR_QUERY_LOG_ACTIVE && log->active[i].id != id; i++) {
        /* void */
    }

    phr_assert(i < PHR_QUERY_LOG_ACTIVE);

    a = &log->active[i];
    p = phr_query_log_past(log, a);

    if (p != NULL) {
        took_us = phr_max(now_us - a->began_us, 0);

        p->count++;
        p->sum_us += took_us;
        p->max_us = phr_max(p->max_us, took_us);
        p->samples += samples;
        p->last_us = now_us;
    }

    phr_query_active_free(a);

    (void) pthread_mutex_unlock(&log->mutex);
}


/* what is known of such queries; a new one takes the text over from q */

static phr_query_past_t *
phr_query_log_past(phr_query_log_t *log, const phr_query_active_t *q)
{
    int64_t            range_ms;
    phr_buf_t          key;
    phr_query_past_t  *p;

    range_ms = q->step_ms == 0 ? 0 : q->end_ms - q->start_ms;

    phr_buf_init(&key, 0);
    phr_buf_printf(&key, "%lld ", (long long) range_ms);
    phr_buf_str(&key, q->text);

    if (key.failed) {
        phr_buf_free(&key);
        return NULL;
    }

    p = phr_map_get(log->past, phr_buf_view(&key));

    if (p == NULL) {
        p = phr_calloc(1, sizeof(phr_query_past_t));

        if (p != NULL) {
            p->range_ms = range_ms;
            p->text = phr_str_from(phr_strdup(q->text.data, q->text.len),
                                   q->text.len);
        }

        if (p != NULL
            && (p->text.data == NULL
                || phr_map_set(log->past, phr_buf_view(&key), p) != PHR_OK))
        {
            phr_free((char *) p->text.data);
            phr_free(p);
            p = NULL;
        }

        if (phr_map_count(log->past) > PHR_QUERY_LOG_PAST) {
            /* the new one has not ended yet: it is not the oldest */
            p->last_us = INT64_MAX;
            phr_query_log_forget_oldest(log);
        }
    }

    phr_buf_free(&key);

    return p;
}


static void
phr_query_log_forget_oldest(phr_query_log_t *log)
{
    void              *v;
    size_t             pos;
    phr_str_t          key, oldest_key;
    phr_query_past_t  *p, *oldest;

    oldest = NULL;
    pos = 0;

    while (phr_map_next(log->past, &pos, &key, &v)) {
        p = v;

        if (oldest == NULL || p->last_us < oldest->last_us) {
            oldest = p;
            oldest_key = key;
        }
    }

    (void) phr_map_delete(log->past, oldest_key);
    phr_free((char *) oldest->text.data);
    phr_free(oldest);
}


static void
phr_query_active_free(phr_query_active_t *q)
{
    phr_free((char *) q->text.data);
    phr_free((char *) q->user.data);
    memset(q, 0, sizeof(phr_query_active_t));
}


int
phr_query_log_active(phr_query_log_t *log, phr_arena_t *arena,
    phr_query_active_t **list, size_t *n)
{
    int                  rc;
    size_t               i;
    phr_query_active_t  *a;

    *n = 0;
    *list = phr_arena_alloc(arena, PHR_QUERY_LOG_ACTIVE
                                   * sizeof(phr_query_active_t));
    if (*list == NULL) {
        return PHR_ENOMEM;
    }

    rc = PHR_OK;

    (void) pthread_mutex_lock(&log->mutex);

    for (i = 0; i < PHR_QUERY_LOG_ACTIVE; i++) {

        if (log->active[i].id == 0) {
            continue;
        }

        a = &(*list)[(*n)++];
        *a = log->active[i];
        a->text = phr_arena_str(arena, a->text);
        a->user = phr_arena_str(arena, a->user);

        if (a->text.data == NULL || a->user.data == NULL) {
            rc = PHR_ENOMEM;
            break;
        }
    }

    (void) pthread_mutex_unlock(&log->mutex);

    if (*n > 1) {
        qsort(*list, *n, sizeof(phr_query_active_t), phr_query_active_order);
    }

    return rc;
}


static int
phr_query_active_order(const void *a, const void *b)
{
    uint64_t  x, y;

    x = ((const phr_query_active_t *) a)->id;
    y = ((const phr_query_active_t *) b)->id;

    return (x > y) - (x < y);
}


int
phr_query_log_top(phr_query_log_t *log, phr_query_order_e order,
    int64_t since_us, phr_arena_t *arena, phr_query_past_t **list, size_t *n)
{
    int                rc;
    void              *v;
    size_t             i, pos, count;
    phr_str_t          key;
    phr_query_past_t  *p;

    rc = PHR_OK;
    count = 0;

    (void) pthread_mutex_lock(&log->mutex);

    *list = phr_arena_alloc(arena, (phr_map_count(log->past) + 1)
                                   * sizeof(phr_query_past_t));
    pos = 0;

    while (*list != NULL && phr_map_next(log->past, &pos, &key, &v)) {
        p = v;

        if (p->last_us >= since_us) {
            p->weight = phr_query_weight(p, order);
            (*list)[count++] = *p;
        }
    }

    if (count > 1) {
        qsort(*list, count, sizeof(phr_query_past_t), phr_query_past_order);
    }

    *n = phr_min(*n, count);

    for (i = 0; i < *n; i++) {
        (*list)[i].text = phr_arena_str(arena, (*list)[i].text);

        if ((*list)[i].text.data == NULL) {
            rc = PHR_ENOMEM;
            break;
        }
    }

    (void) pthread_mutex_unlock(&log->mutex);

    return *list == NULL ? PHR_ENOMEM : rc;
}


/* heaviest first, then by text, so that the order is always the same */

static int
phr_query_past_order(const void *a, const void *b)
{
    const phr_query_past_t  *x, *y;

    x = a;
    y = b;

    if (x->weight != y->weight) {
        return x->weight < y->weight ? 1 : -1;
    }

    return phr_str_cmp(x->text, y->text);
}


static double
phr_query_weight(const phr_query_past_t *p, phr_query_order_e order)
{
    switch (order) {

    case PHR_QUERY_BY_COUNT:
        return (double) p->count;

    case PHR_QUERY_BY_AVERAGE:
        return (double) p->sum_us / (double) p->count;

    case PHR_QUERY_BY_SUM:
        return (double) p->sum_us;

    default:
        return (double) p->samples;
    }
}
