/*
 * Copyright (C) The Pharos Authors
 *
 * Reading buckets: see coarse_read.h.
 *
 * Samples are preferred where they are: buckets are read of the time whose
 * samples went by retention, and where the query permits it.  Parts meet at
 * a full hour, so that each time is answered by one of them.
 */

#include "store/coarse_read.h"

#include <math.h>

#include "core/alloc.h"
#include "core/yield.h"
#include "store/keep.h"


/* windows are chosen to be answered by buckets if they have so many */
#define PHR_COARSE_WINDOW  4

/* of a bucket, see phr_coarse_edges() */
#define PHR_COARSE_POINTS  6

/* bytes of one in all columns, whatever is in them */
#define PHR_COARSE_POINT   (4 * sizeof(int64_t))


typedef struct {
    const char       *func;
    phr_coarse_as_e   as;
    int               exact;    /* as good as samples, if times are full */
} phr_coarse_func_t;


struct phr_coarse_reader_s {
    phr_coarse_plan_t   plan;
    phr_cursor_t       *cursor;
    phr_arena_t        *count;
    size_t              n;
    size_t              nalloc;
    size_t              counted;
    int64_t            *t_ms;
    double             *v;
    double             *w;
    const phr_hist_t  **h;
    phr_coarse_t        c;
};


static const phr_coarse_func_t *phr_coarse_func(
    const phr_select_hints_t *hints);
static int phr_coarse_marked(phr_txn_t *txn, int res, int64_t min_ms,
    int64_t max_ms, phr_err_t *err);
static int phr_coarse_may(const phr_select_hints_t *hints,
    const phr_coarse_func_t *f, int64_t res_ms);
static int64_t phr_coarse_up(int64_t t_ms);
static int phr_coarse_parts(phr_txn_t *txn, const phr_keep_t *keep,
    int best, phr_coarse_plan_t *plan, phr_err_t *err);
static void phr_coarse_narrow(phr_coarse_plan_t *plan, int64_t min_ms,
    int64_t max_ms);
static int phr_coarse_room(phr_coarse_reader_t *r, size_t n,
    phr_err_t *err);
static void phr_coarse_emit(phr_coarse_reader_t *r, const phr_bucket_t *b,
    int64_t end_ms);
static void phr_coarse_edges(phr_coarse_reader_t *r, const phr_bucket_t *b);
static void phr_coarse_point(phr_coarse_reader_t *r, int64_t t_ms, double v,
    double w);


static const phr_coarse_func_t  phr_coarse_funcs[] = {
    { "min_over_time", PHR_COARSE_AS_MIN, 1 },
    { "max_over_time", PHR_COARSE_AS_MAX, 1 },
    { "sum_over_time", PHR_COARSE_AS_SUM, 1 },
    { "count_over_time", PHR_COARSE_AS_SUM, 1 },
    { "avg_over_time", PHR_COARSE_AS_SUM, 1 },
    { "last_over_time", PHR_COARSE_AS_LAST, 1 },
    { "rate", PHR_COARSE_AS_EDGES, 1 },
    { "increase", PHR_COARSE_AS_EDGES, 1 },
    { "delta", PHR_COARSE_AS_EDGES, 1 },
    { "resets", PHR_COARSE_AS_EDGES, 0 },
    { "changes", PHR_COARSE_AS_EDGES, 0 },
    { NULL, PHR_COARSE_AS_LAST, 0 }
};


int
phr_coarse_plan(phr_txn_t *txn, const phr_keep_t *keep,
    const phr_select_hints_t *hints, int64_t min_ms, int64_t max_ms,
    phr_coarse_plan_t *plan, phr_err_t *err)
{
    int                       rc, res, best;
    const phr_coarse_func_t  *f;

    memset(plan, 0, sizeof(phr_coarse_plan_t));

    f = phr_coarse_func(hints);
    plan->as = f->as;
    best = -1;

    for (res = 0; res < PHR_STORE_COARSE; res++) {
        if (keep->conf->coarse[res].after_ms != 0
            && phr_coarse_may(hints, f, phr_coarse_ms(res)))
        {
            best = res;
        }
    }

    plan->raw_ms = phr_keep_floor(keep, keep->conf->retention_ms);

    if (best == PHR_COARSE_5M
        && phr_coarse_up(phr_keep_coarse(keep, best))
           > phr_max(min_ms, plan->raw_ms))
    {
        /* they are not kept for so long, and coarser is not wanted */
        best = -1;
    }

    for (res = 0; res <= best; res++) {
        rc = phr_coarse_marked(txn, res, min_ms, max_ms, err);

        if (rc < 0) {
            return rc;
        }

        if (rc == PHR_OK) {
            /* what came late is among the samples only as yet */
            best = -1;
        }
    }

    plan->chosen = (best >= 0);

    if (!plan->chosen && (plan->raw_ms <= PHR_KEY_TIME_MIN
                          || min_ms >= plan->raw_ms))
    {
        return PHR_OK;
    }

    rc = phr_coarse_parts(txn, keep, best, plan, err);

    if (rc == PHR_OK) {
        phr_coarse_narrow(plan, min_ms, max_ms);
    }

    return rc;
}


/* PHR_OK if buckets of the range are to be made anew, or PHR_NOTFOUND */
static int
phr_coarse_marked(phr_txn_t *txn, int res, int64_t min_ms, int64_t max_ms,
    phr_err_t *err)
{
    int            rc;
    int64_t        start_ms, next_ms;
    uint8_t        key[PHR_KEY_COARSE];
    uint32_t       group;
    phr_str_t      k, v;
    phr_sid_t      sid;
    phr_cursor_t  *cursor;

    rc = phr_coarse_next_get(txn, res, &next_ms, &sid, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_cursor_open(txn, PHR_DB_COARSE, &cursor, err);
    if (rc != PHR_OK) {
        return rc;
    }

    min_ms = phr_max(min_ms, PHR_KEY_TIME_MIN) - 3 * phr_coarse_ms(res);
    phr_key_coarse(key, PHR_COARSE_MARK, phr_coarse_block(res, min_ms), res,
                   0);

    rc = phr_cursor_seek(cursor, key, sizeof(key), &k, &v, err);

    if (rc == PHR_OK
        && (!phr_key_coarse_get(k, PHR_COARSE_MARK, res, &start_ms, &group)
            || start_ms >= phr_min(max_ms, next_ms)))
    {
        rc = PHR_NOTFOUND;
    }

    phr_cursor_close(cursor);

    return rc;
}


static const phr_coarse_func_t *
phr_coarse_func(const phr_select_hints_t *hints)
{
    const phr_coarse_func_t  *f;

    for (f = phr_coarse_funcs; f->func != NULL; f++) {
        if (hints != NULL && phr_str_eq(hints->func, phr_str_from_c(f->func)))
        {
            break;
        }
    }

    return f;
}


/* whether the query permits buckets of a resolution, and they serve */
static int
phr_coarse_may(const phr_select_hints_t *hints, const phr_coarse_func_t *f,
    int64_t res_ms)
{
    if (hints == NULL || hints->max_res_ms < res_ms) {
        return 0;
    }

    return hints->range_ms == 0
           ? hints->step_ms >= res_ms
           : f->exact && hints->range_ms / PHR_COARSE_WINDOW >= res_ms;
}


/* the full hour that is not earlier */
static int64_t
phr_coarse_up(int64_t t_ms)
{
    int64_t  hours;

    if (t_ms <= PHR_KEY_TIME_MIN || t_ms >= PHR_KEY_TIME_MAX) {
        return t_ms;
    }

    hours = t_ms / PHR_COARSE_1H_MS;
    hours += (hours * PHR_COARSE_1H_MS < t_ms);

    return hours * PHR_COARSE_1H_MS;
}


/*
 * From the newest to the oldest: samples, buckets of 5 minutes, of an hour.
 * Each takes over where the one before has nothing, or where it is left for
 * a coarser one that serves.
 */
static int
phr_coarse_parts(phr_txn_t *txn, const phr_keep_t *keep, int best,
    phr_coarse_plan_t *plan, phr_err_t *err)
{
    int                 rc, res;
    int64_t             next_ms[PHR_STORE_COARSE], from_ms, to_ms, floor_ms;
    phr_sid_t           sid;
    phr_coarse_part_t  *p, tmp;

    for (res = 0; res < PHR_STORE_COARSE; res++) {
        next_ms[res] = PHR_TIME_MIN;

        if (keep->conf->coarse[res].after_ms == 0) {
            continue;
        }

        rc = phr_coarse_next_get(txn, res, &next_ms[res], &sid, err);
        if (rc < 0) {
            return rc;
        }
    }

    to_ms = phr_coarse_up(plan->raw_ms);

    for (res = 0; res <= best; res++) {
        to_ms = phr_max(to_ms, next_ms[res]);
    }

    plan->raw_ms = to_ms;

    for (res = 0; res < PHR_STORE_COARSE; res++) {
        if (next_ms[res] == PHR_TIME_MIN) {
            continue;
        }

        rc = phr_coarse_first(txn, res, &from_ms, err);
        if (rc != PHR_OK) {
            if (rc < 0) {
                return rc;
            }

            continue;
        }

        floor_ms = phr_coarse_up(phr_keep_coarse(keep, res));

        if (res == PHR_COARSE_5M
            && keep->conf->coarse[PHR_COARSE_1H].after_ms != 0)
        {
            /* they stay until those of an hour are made of them */
            floor_ms = phr_min(floor_ms, next_ms[PHR_COARSE_1H]);
        }

        from_ms = phr_max(from_ms, floor_ms);

        if (res < best) {
            from_ms = phr_max(from_ms, next_ms[res + 1]);
        }

        p = &plan->part[plan->n];
        p->res = res;
        p->from_ms = from_ms;
        p->to_ms = phr_min(to_ms, next_ms[res]);

        if (p->from_ms < p->to_ms) {
            to_ms = p->from_ms;
            plan->n++;
        }
    }

    if (plan->n == 2) {
        tmp = plan->part[0];
        plan->part[0] = plan->part[1];
        plan->part[1] = tmp;
    }

    return PHR_OK;
}


/* leaves what the range needs; windows may be widened by two buckets */
static void
phr_coarse_narrow(phr_coarse_plan_t *plan, int64_t min_ms, int64_t max_ms)
{
    size_t              i, n;
    int64_t             from_ms;
    phr_coarse_part_t  *p;

    n = 0;

    for (i = 0; i < plan->n; i++) {
        p = &plan->part[i];
        from_ms = phr_max(min_ms, PHR_KEY_TIME_MIN)
                  - 3 * phr_coarse_ms(p->res);

        if (p->to_ms <= from_ms || p->from_ms >= max_ms) {
            continue;
        }

        plan->shown[n].to_ms = p->to_ms;
        plan->shown[n].res_ms = phr_coarse_ms(p->res);

        p->from_ms = phr_max(p->from_ms, from_ms);
        p->to_ms = phr_min(p->to_ms, max_ms);
        plan->part[n++] = *p;
    }

    plan->n = n;
}


int
phr_coarse_reader_create(phr_txn_t *txn, const phr_coarse_plan_t *plan,
    phr_arena_t *arena, phr_coarse_reader_t **out, phr_err_t *err)
{
    int                   rc;
    phr_coarse_reader_t  *r;

    r = phr_calloc(1, sizeof(phr_coarse_reader_t));
    if (r == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    r->plan = *plan;
    r->count = arena;

    rc = phr_cursor_open(txn, PHR_DB_COARSE, &r->cursor, err);
    if (rc != PHR_OK) {
        phr_free(r);
        return rc;
    }

    *out = r;

    return PHR_OK;
}


void
phr_coarse_reader_destroy(phr_coarse_reader_t *r)
{
    if (r == NULL) {
        return;
    }

    phr_arena_give(r->count, r->counted);
    phr_cursor_close(r->cursor);
    phr_free(r->t_ms);
    phr_free(r->v);
    phr_free(r->w);
    phr_free(r->h);
    phr_free(r);
}


int
phr_coarse_reader_series(phr_coarse_reader_t *r, phr_sid_t sid,
    int64_t floor_ms, const phr_columns_t *raw, phr_series_t *s,
    phr_err_t *err)
{
    int                       rc;
    size_t                    i, k;
    int64_t                   t_ms, end;
    const phr_coarse_part_t  *p;

    r->n = 0;

    for (i = 0; i < r->plan.n; i++) {
        p = &r->plan.part[i];

        for (t_ms = phr_coarse_block(p->res, p->from_ms + 1);
             t_ms < p->to_ms; t_ms += phr_coarse_span(p->res))
        {
            phr_yield(PHR_COARSE_BUCKETS);
            phr_coarse_init(&r->c, p->res, t_ms);

            rc = phr_coarse_get(r->cursor, sid, &r->c, err);
            if (rc == PHR_OK) {
                rc = phr_coarse_room(r, r->c.n * PHR_COARSE_POINTS, err);
            }

            if (rc < 0) {
                return rc;
            }

            for (k = 0; rc == PHR_OK && k < r->c.n; k++) {
                end = phr_coarse_end(&r->c, k);

                if (end > p->from_ms && end <= p->to_ms
                    && r->c.b[k].first_ms >= floor_ms)
                {
                    phr_coarse_emit(r, &r->c.b[k], end);
                }
            }
        }
    }

    s->parts = r->plan.shown;
    s->nparts = r->n > 0 ? r->plan.n : 0;

    if (r->n == 0) {
        s->t_ms = raw->t_ms;
        s->v = raw->v;
        s->h = raw->h;
        s->w = NULL;
        s->n = raw->n;

        return PHR_OK;
    }

    rc = phr_coarse_room(r, raw->n, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (i = 0; i < raw->n; i++) {
        phr_coarse_point(r, raw->t_ms[i], raw->v[i], 1);
        r->h[r->n - 1] = raw->h != NULL ? raw->h[i] : NULL;
    }

    s->t_ms = r->t_ms;
    s->v = r->v;
    s->h = raw->h != NULL ? r->h : NULL;
    s->w = r->plan.as == PHR_COARSE_AS_SUM
           || r->plan.as == PHR_COARSE_AS_EDGES ? r->w : NULL;
    s->n = r->n;

    return PHR_OK;
}


static int
phr_coarse_room(phr_coarse_reader_t *r, size_t n, phr_err_t *err)
{
    void    *t_ms, *v, *w, *h;
    size_t   nalloc, more;

    if (r->n + n <= r->nalloc) {
        return PHR_OK;
    }

    nalloc = phr_max(r->nalloc * 2, r->n + n);
    nalloc = phr_max(nalloc, 1024);
    more = nalloc * PHR_COARSE_POINT - r->counted;

    if (phr_arena_take(r->count, more) != PHR_OK) {
        return phr_err_set(err, PHR_ELIMIT, "too much memory needed for "
                           "samples");
    }

    r->counted += more;

    t_ms = phr_realloc(r->t_ms, nalloc * sizeof(int64_t));
    r->t_ms = t_ms != NULL ? t_ms : r->t_ms;

    v = phr_realloc(r->v, nalloc * sizeof(double));
    r->v = v != NULL ? v : r->v;

    w = phr_realloc(r->w, nalloc * sizeof(double));
    r->w = w != NULL ? w : r->w;

    h = phr_realloc(r->h, nalloc * sizeof(phr_hist_t *));
    r->h = h != NULL ? h : r->h;

    if (t_ms == NULL || v == NULL || w == NULL || h == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory");
    }

    r->nalloc = nalloc;

    return PHR_OK;
}


/* the points that stand for a bucket; there is room for them */
static void
phr_coarse_emit(phr_coarse_reader_t *r, const phr_bucket_t *b, int64_t end_ms)
{
    switch (r->plan.as) {

    case PHR_COARSE_AS_LAST:
        if (b->count != 0) {
            phr_coarse_point(r, b->last_ms, b->last, 1);
        }

        if (b->stale) {
            /* when it came is not known, only that it came */
            phr_coarse_point(r, phr_min(b->last_ms + 1, end_ms),
                             phr_double_from_bits(PHR_STALE_NAN_BITS), 1);
        }

        break;

    case PHR_COARSE_AS_EDGES:
        if (b->count != 0) {
            phr_coarse_edges(r, b);
        }

        break;

    default:
        if (b->count != 0) {
            phr_coarse_point(r, end_ms,
                             r->plan.as == PHR_COARSE_AS_MIN ? b->min
                             : r->plan.as == PHR_COARSE_AS_MAX ? b->max
                             : b->sum,
                             b->count);
        }

        break;
    }
}


/*
 * The first and the last sample, and between them falls from values that add
 * up to what was lost, which is how a reader finds resets; no fall may be
 * seen besides, as from a first sample above what was lost.
 */
static void
phr_coarse_edges(phr_coarse_reader_t *r, const phr_bucket_t *b)
{
    double  lost;

    phr_coarse_point(r, b->first_ms, b->first, 1);

    if (b->lost != 0) {
        lost = b->lost;

        if (lost < b->first) {
            phr_coarse_point(r, b->last_ms, -INFINITY, 0);
            lost -= b->first;
        }

        phr_coarse_point(r, b->last_ms, lost, 0);
        phr_coarse_point(r, b->last_ms, -INFINITY, 0);
    }

    if (b->count > 1) {
        phr_coarse_point(r, b->last_ms, b->last, b->count - 1.0);
    }
}


static void
phr_coarse_point(phr_coarse_reader_t *r, int64_t t_ms, double v, double w)
{
    r->t_ms[r->n] = t_ms;
    r->v[r->n] = v;
    r->w[r->n] = w;
    r->h[r->n] = NULL;
    r->n++;
}
