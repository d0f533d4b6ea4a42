/*
 * Copyright (C) The Pharos Authors
 *
 * Label names, values and series in a range of time: what ended before it or
 * began after it is not told, whether its samples are sealed, in rows or
 * loose.
 */

#include <unistd.h>

#include "store/store.h"
#include "tap.h"


#define HOUR  INT64_C(3600000)


static char           dir[] = "/tmp/phr-alive-XXXXXX";
static phr_store_t   *st;


static void
must(int rc, const phr_err_t *err)
{
    if (rc != PHR_OK) {
        printf("Bail out! %s\n", err->text);
        exit(1);
    }
}


/* a sample a minute from one time to another; loose ones have own times */
static void
add(const char *id, const char *only, int64_t from, int64_t to, int loose)
{
    int              rc;
    double           v;
    int64_t          t;
    uint32_t         source;
    phr_err_t        err;
    phr_sid_t        sid;
    phr_label_t      l[3];
    phr_batch_t      b;
    phr_labels_t     ls;
    phr_appender_t  *app;

    app = phr_store_appender(st);
    l[0].name = phr_str_of("__name__");
    l[0].value = phr_str_of("m");
    l[1].name = phr_str_of("id");
    l[1].value = phr_str_from_c(id);
    l[2].name = phr_str_from_c(only);
    l[2].value = phr_str_of("x");
    ls.l = l;
    ls.n = 3;

    must(app->ops->source(app, phr_str_from_c(id), &source, &err), &err);
    must(app->ops->series(app, ls, &sid, &err), &err);

    memset(&b, 0, sizeof(b));
    b.source = source;
    b.sid = &sid;
    b.v = &v;
    b.n = 1;

    for (t = from; t <= to; t += 60000) {
        v = (double) t;
        b.t_ms = t;
        b.t_each = loose ? &t : NULL;
        phr_store_now(st, t);

        must(app->ops->append(app, &b, &err), &err);
        must(phr_store_commit(st, t, 0, &err), &err);

        do {
            rc = phr_store_seal(st, t, &err);
        } while (rc == PHR_AGAIN);

        must(rc, &err);
    }
}


static void
join(char *out, size_t size, const phr_str_t *v, size_t n)
{
    size_t  i, len;

    out[0] = '\0';

    for (i = 0, len = 0; i < n; i++) {
        len += (size_t) snprintf(out + len, size - len, "%s%.*s",
                                 i == 0 ? "" : " ", (int) v[i].len,
                                 v[i].data);
    }
}


static void
check(const char *what, int64_t min_ms, int64_t max_ms, const char *ids,
    const char *names)
{
    int                  cut, with;
    char                 got[256];
    size_t               n, k;
    phr_err_t            err;
    phr_str_t           *v, found[8];
    phr_arena_t         *arena;
    phr_series_t         s;
    phr_matcher_t        m;
    phr_querier_t       *q;
    phr_storage_t       *storage;
    phr_series_set_t    *set;
    phr_select_hints_t   hints;

    storage = phr_store_storage(st);
    arena = phr_arena_create(0);
    phr_err_init(&err);
    must(storage->querier(storage, &q, &err), &err);
    must(phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("__name__"),
                          phr_str_of("m"), &err), &err);

    for (with = 0; with < 2; with++) {
        must(q->ops->label_values(q, phr_str_of("id"), &m, (size_t) with,
                                  min_ms, max_ms, 0, arena, &v, &n, &cut,
                                  &err), &err);
        join(got, sizeof(got), v, n);
        is_str(got, ids, "%s: values", what);

        must(q->ops->label_names(q, &m, (size_t) with, min_ms, max_ms, 0,
                                 arena, &v, &n, &cut, &err), &err);
        join(got, sizeof(got), v, n);
        is_str(got, names, "%s: names", what);
    }

    memset(&hints, 0, sizeof(hints));
    hints.labels_only = 1;
    hints.sorted = 1;
    must(q->ops->select(q, &m, 1, min_ms, max_ms, &hints, arena, &set, &err),
         &err);

    for (k = 0; k < 8 && set->next(set, &s, &err) == PHR_OK; k++) {
        found[k] = phr_labels_get(s.labels, phr_str_of("id"));
    }

    join(got, sizeof(got), found, k);
    is_str(got, ids, "%s: series", what);

    q->ops->close(q);
    phr_matcher_destroy(&m);
    phr_arena_destroy(arena);
}


int
main(void)
{
    phr_err_t          err;
    phr_store_conf_t   conf;
    phr_store_stats_t  stats;

    if (mkdtemp(dir) == NULL) {
        printf("Bail out! no directory\n");
        return 1;
    }

    memset(&conf, 0, sizeof(conf));
    conf.path = dir;
    must(phr_store_open(&conf, &st, &err), &err);

    check("an empty store", 0, HOUR, "", "");

    add("first", "one", 0, 3 * HOUR, 0);
    add("second", "two", 10 * HOUR, 13 * HOUR, 0);
    add("loose", "three", 20 * HOUR, 20 * HOUR, 1);
    add("row", "two", 30 * HOUR, 30 * HOUR, 0);

    check("any time", PHR_TIME_MIN, PHR_TIME_MAX, "first loose row second",
          "__name__ id one three two");
    check("all of the time", 0, 30 * HOUR, "first loose row second",
          "__name__ id one three two");
    check("until the first ends", 0, 3 * HOUR, "first", "__name__ id one");
    check("since the second", 10 * HOUR, 30 * HOUR, "loose row second",
          "__name__ id three two");
    check("the second", 11 * HOUR, 12 * HOUR, "second", "__name__ id two");
    check("a loose sample", 19 * HOUR, 21 * HOUR, "loose",
          "__name__ id three");
    check("a row", 29 * HOUR, 31 * HOUR, "row", "__name__ id two");
    check("the future", 40 * HOUR, 50 * HOUR, "", "");

    /* m, four ids, and three more */
    phr_store_stats(st, &stats);
    is_int(stats.nlabel_pairs, 8, "pairs of labels and values");

    phr_store_close(st);

    if (chdir(dir) != 0) {
        return 1;
    }

    unlink("data.mdb");
    unlink("lock.mdb");
    rmdir(dir);

    return done_testing();
}
