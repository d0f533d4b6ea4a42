/*
 * Copyright (C) The Pharos Authors
 *
 * What one store keeps beside samples: start timestamps, exemplars, buckets;
 * for tests that write some and look what is found of them.
 */

#ifndef BESIDE_H_INCLUDED
#define BESIDE_H_INCLUDED


#include "onestore.h"

#include "store/key.h"


#define MINUTE   INT64_C(60000)
#define DAY      (1440 * MINUTE)

/* midnight of some day in 2026 */
#define START    (INT64_C(20530) * DAY)
#define NDAYS    8
#define NOW      (START + NDAYS * DAY)

#define NSERIES  3


/* one sample of a series, a histogram if v is 0; its status, or a failure */
static inline int
one_of(int i, int64_t t_ms, double v, int64_t st_ms)
{
    int                rc;
    int8_t             status;
    phr_sid_t          sid;
    phr_hist_t         h;
    phr_batch_t        b;
    phr_appender_t    *app;
    const phr_hist_t  *hists[1];

    memset(&h, 0, sizeof(h));
    h.sum = (double) t_ms;
    hists[0] = &h;

    app = phr_store_appender(st);
    memset(&b, 0, sizeof(b));

    rc = app->ops->source(app, phr_str_of("one"), &b.source, &err);
    rc = rc == PHR_OK ? series(i, &sid) : rc;

    b.t_ms = t_ms;
    b.sid = &sid;
    b.v = &v;
    b.h = v == 0 ? hists : NULL;
    b.n = 1;
    b.status = &status;
    b.st_ms = st_ms == 0 ? NULL : &st_ms;

    rc = rc == PHR_OK ? app->ops->append(app, &b, &err) : rc;

    return rc == PHR_OK ? status : rc;
}


static inline int
one(int64_t t_ms, double v, int64_t st_ms)
{
    return one_of(0, t_ms, v, st_ms);
}


/* of a series, from there on, as "start start ..."; "-" without the column */
static inline const char *
starts_of(const char *name, int64_t from)
{
    int                  rc;
    size_t               i, n;
    static char          out[512];
    phr_arena_t         *arena;
    phr_series_t         s;
    phr_matcher_t        m;
    phr_querier_t       *q;
    phr_storage_t       *storage;
    phr_series_set_t    *set;
    phr_select_hints_t   hints;

    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    memset(&hints, 0, sizeof(hints));
    hints.starts = 1;
    out[0] = '\0';
    n = 0;

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("__name__"),
                     phr_str_from_c(name), &err);
    rc = storage->querier(storage, &q, &err);
    rc = rc == PHR_OK ? q->ops->select(q, &m, 1, from, PHR_KEY_TIME_MAX,
                                       &hints, arena, &set, &err) : rc;
    rc = rc == PHR_OK ? set->next(set, &s, &err) : rc;

    for (i = 0; rc == PHR_OK && i < s.n; i++) {
        n += (size_t) snprintf(out + n, sizeof(out) - n, s.st_ms != NULL
                               ? "%s%lld" : "%s-", i ? " " : "",
                               s.st_ms != NULL ? (long long) s.st_ms[i] : 0);
    }

    q->ops->close(q);
    phr_arena_destroy(arena);

    return out;
}


#define starts(from)  starts_of("s0", from)


#define own  1
#define no   0


/* of series s<i>; labels as "name=value", or "" for none; the status */
static inline int
offer(int i, const char *labels, int64_t t_ms, double v, int has_t)
{
    int              rc;
    char             name[600];
    int8_t           status;
    phr_sid_t        sid;
    const char      *eq;
    phr_label_t      l;
    phr_appender_t  *app;
    phr_exemplar_t   e;

    app = phr_store_appender(st);
    status = 99;

    memset(&e, 0, sizeof(e));
    snprintf(name, sizeof(name), "%s", labels);
    eq = strchr(name, '=');

    if (eq != NULL) {
        l.name = phr_str_from(name, (size_t) (eq - name));
        l.value = phr_str_from_c(eq + 1);
        e.labels.l = &l;
        e.labels.n = 1;
    }

    e.t_ms = t_ms;
    e.v = v;
    e.has_t = has_t != 0;

    rc = series(i, &sid);

    if (rc == PHR_OK) {
        rc = app->ops->exemplars(app, &sid, &e, 1, &status, &err);
    }

    return rc == PHR_OK ? status : rc;
}


static inline void
commit(void)
{
    if (phr_store_commit(st, 0, 0, &err) != PHR_OK) {
        printf("Bail out! commit: %s\n", err.text);
        exit(1);
    }
}


/* "s0: a=b 1@5 c=d 2@6; s1: ..." of the series whose name the regex matches */
static inline const char *
found(const char *regex, int64_t min_ms, int64_t max_ms)
{
    int                  rc;
    size_t               i, k, n;
    phr_arena_t         *arena;
    static phr_buf_t     b;
    phr_matcher_t        m[2];
    phr_matcher_set_t       sets[2];
    phr_querier_t       *q;
    phr_storage_t       *storage;
    phr_exemplars_of_t  *of;

    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    phr_buf_free(&b);
    phr_buf_init(&b, 0);

    /* twice the same: each is found once */

    phr_matcher_init(&m[0], PHR_MATCH_RE, phr_str_of("__name__"),
                     phr_str_from_c(regex), &err);
    phr_matcher_init(&m[1], PHR_MATCH_EQ, phr_str_of("job"),
                     phr_str_of("test"), &err);
    sets[0].m = m;
    sets[0].n = 1;
    sets[1].m = m;
    sets[1].n = 2;

    rc = storage->querier(storage, &q, &err);

    if (rc == PHR_OK) {
        rc = q->ops->exemplars(q, sets, 2, min_ms, max_ms, arena, &of, &n,
                               &err);

        for (i = 0; rc == PHR_OK && i < n; i++) {
            phr_buf_str(&b, phr_labels_get(of[i].labels,
                                           phr_str_of("__name__")));
            phr_buf_putc(&b, ':');

            for (k = 0; k < of[i].n; k++) {
                phr_buf_printf(&b, " %.*s %g@%lld",
                               of[i].e[k].labels.n == 0 ? 1
                               : (int) of[i].e[k].labels.l[0].value.len,
                               of[i].e[k].labels.n == 0 ? "-"
                               : of[i].e[k].labels.l[0].value.data,
                               of[i].e[k].v, (long long) of[i].e[k].t_ms);
            }

            phr_buf_puts(&b, "; ");
        }

        q->ops->close(q);
    }

    phr_matcher_destroy(&m[0]);
    phr_arena_destroy(arena);

    return rc == PHR_OK ? phr_buf_cstr(&b) : err.text;
}


/* a sample each ten minutes, packed */
static inline void
load(int nseries)
{
    int64_t  t_ms;

    phr_store_now(st, START);

    for (t_ms = START + 10 * MINUTE; t_ms <= NOW; t_ms += 10 * MINUTE) {

        if (append("a", 0, nseries, t_ms, (double) (t_ms / MINUTE % 1000))
            != PHR_OK)
        {
            printf("Bail out! append: %s\n", err.text);
            exit(1);
        }

        (void) phr_store_commit(st, t_ms, 0, &err);
        (void) seal_all(t_ms);
    }

    (void) seal_all(NOW + DAY);
}


/* one sample between the others, by whoever imports */
static inline void
import(int64_t t_ms)
{
    double           v;
    phr_sid_t        sid;
    phr_batch_t      b;
    phr_appender_t  *app;

    app = phr_store_appender(st);
    phr_store_now(st, NOW);
    memset(&b, 0, sizeof(b));
    v = 7;

    (void) app->ops->source(app, phr_str_of("import"), &b.source, &err);
    (void) series(1, &sid);

    b.sid = &sid;
    b.v = &v;
    b.t_each = &t_ms;
    b.n = 1;
    b.backfill = 1;

    is_int(app->ops->append(app, &b, &err), PHR_OK, "a sample is imported");
    is_int(phr_store_commit(st, NOW, 1, &err), PHR_OK, "and stored");
}


static inline int
coarsen_all(int64_t now_ms)
{
    int  rc;

    while ((rc = phr_store_coarsen(st, now_ms, &err)) == PHR_AGAIN) {
        /* void */
    }

    if (rc != PHR_OK) {
        printf("# %s\n", err.text);
    }

    return rc;
}


/* samples of which all that is shown tells, in steps of at most res_ms */
static inline int
told_by(int64_t res_ms, int64_t min_ms, int64_t max_ms)
{
    int                  rc;
    size_t               i;
    double               n;
    phr_arena_t         *arena;
    phr_series_t         s;
    phr_matcher_t        m;
    phr_querier_t       *q;
    phr_storage_t       *storage;
    phr_series_set_t    *set;
    phr_select_hints_t   hints;

    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    n = 0;

    memset(&hints, 0, sizeof(hints));
    hints.func = phr_str_of("count_over_time");
    hints.range_ms = DAY;
    hints.max_res_ms = res_ms;

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("job"), phr_str_of("test"),
                     &err);
    rc = storage->querier(storage, &q, &err);

    if (rc == PHR_OK) {
        rc = q->ops->select(q, &m, 1, min_ms, max_ms, &hints, arena, &set,
                            &err);

        while (rc == PHR_OK
               && (rc = set->next(set, &s, &err)) == PHR_OK)
        {
            for (i = 0; i < s.n; i++) {
                n += s.t_ms[i] < min_ms || s.t_ms[i] > max_ms
                     ? 0 : s.w != NULL ? s.w[i] : 1;
            }
        }

        q->ops->close(q);
    }

    phr_arena_destroy(arena);

    return rc == PHR_DONE ? (int) n : rc;
}


static inline int
told(int64_t min_ms, int64_t max_ms)
{
    return told_by(0, min_ms, max_ms);
}


static inline void
downsample(void)
{
    conf.coarse[0].after_ms = DAY;
    conf.coarse[1].after_ms = 2 * DAY;
}


#endif /* BESIDE_H_INCLUDED */
