/*
 * Copyright (C) The Pharos Authors
 *
 * One store in a folder of its own, for tests that open it again and again:
 * series by number, samples by the row, and what of them is found.
 */

#ifndef ONESTORE_H_INCLUDED
#define ONESTORE_H_INCLUDED


#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"
#include "store/verify.h"
#include "tap.h"


static char              dir[] = "/tmp/phr-store-XXXXXX";
static phr_store_t      *st;
static phr_store_conf_t  conf;
static phr_err_t         err;


static inline void
reopen(void)
{
    if (st != NULL) {
        phr_store_close(st);
    }

    if (phr_store_open(&conf, &st, &err) != PHR_OK) {
        printf("Bail out! open: %s\n", err.text);
        exit(1);
    }
}


static inline void
unlink_files(void)
{
    char  path[64];

    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/lock.mdb", dir);
    unlink(path);
}


static inline void
fresh(void)
{
    if (st != NULL) {
        phr_store_close(st);
        st = NULL;
    }

    unlink_files();

    memset(&conf, 0, sizeof(conf));
    conf.path = dir;
    conf.map_size_bytes = 64 << 20;
    phr_err_init(&err);
    reopen();
}


static inline int
series(int i, phr_sid_t *sid)
{
    char             name[32];
    phr_label_t      l[2];
    phr_labels_t     ls;
    phr_appender_t  *app;

    snprintf(name, sizeof(name), "s%d", i);
    l[0].name = phr_str_of("__name__");
    l[0].value = phr_str_from_c(name);
    l[1].name = phr_str_of("job");
    l[1].value = phr_str_of("test");
    ls.l = l;
    ls.n = 2;

    app = phr_store_appender(st);

    return app->ops->series(app, ls, sid, &err);
}


/* one value of each of n series; the status of the last, or a failure */
static inline int
append(const char *source, int first, int n, int64_t t_ms, double v)
{
    int              i, rc;
    int8_t           status[2000];
    double           value[2000];
    phr_sid_t        sid[2000];
    phr_batch_t      b;
    phr_appender_t  *app;

    app = phr_store_appender(st);
    memset(&b, 0, sizeof(b));

    rc = app->ops->source(app, phr_str_from_c(source), &b.source, &err);

    for (i = 0; i < n && rc == PHR_OK; i++) {
        rc = series(first + i, &sid[i]);
        value[i] = v;
    }

    if (rc != PHR_OK) {
        return rc;
    }

    b.t_ms = t_ms;
    b.sid = sid;
    b.v = value;
    b.n = (size_t) n;
    b.status = status;

    rc = app->ops->append(app, &b, &err);

    return rc == PHR_OK ? status[n - 1] : rc;
}


/* samples of all series whose job is "test" in a range */
static inline int
count(int64_t min_ms, int64_t max_ms, size_t *nseries)
{
    int                rc, n;
    phr_arena_t       *arena;
    phr_series_t       s;
    phr_matcher_t      m;
    phr_querier_t     *q;
    phr_storage_t     *storage;
    phr_series_set_t  *set;

    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    n = 0;

    if (nseries != NULL) {
        *nseries = 0;
    }

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("job"), phr_str_of("test"),
                     &err);
    rc = storage->querier(storage, &q, &err);

    if (rc == PHR_OK) {
        rc = q->ops->select(q, &m, 1, min_ms, max_ms, NULL, arena, &set,
                            &err);

        while (rc == PHR_OK
               && (rc = set->next(set, &s, &err)) == PHR_OK)
        {
            n += (int) s.n;

            if (nseries != NULL) {
                ++*nseries;
            }
        }

        q->ops->close(q);
    }

    phr_arena_destroy(arena);

    return rc == PHR_DONE ? n : rc;
}


static inline int
damaged(void)
{
    phr_store_damage_t  d;

    return phr_store_verify(st, NULL, NULL, &d, &err) == PHR_OK
           ? (int) d.ndamaged : -1;
}


static inline int
seal_all(int64_t now)
{
    int  rc, n;

    for (n = 0; (rc = phr_store_seal(st, now, &err)) == PHR_AGAIN; n++) {
        /* void */
    }

    return rc == PHR_OK ? n : rc;
}


static inline int
retain_all(int64_t now)
{
    int  rc, n;

    for (n = 0; (rc = phr_store_retain(st, now, &err)) == PHR_AGAIN; n++) {
        /* void */
    }

    return rc == PHR_OK ? n : rc;
}


/* the end of a test: nothing is left behind */
static inline void
leave(void)
{
    fresh();
    phr_store_close(st);

    if (chdir(dir) == 0) {
        unlink("data.mdb");
        unlink("lock.mdb");
        rmdir(dir);
    }
}


#endif /* ONESTORE_H_INCLUDED */
