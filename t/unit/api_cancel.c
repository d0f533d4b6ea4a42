/*
 * Copyright (C) The Pharos Authors
 *
 * Whoever leaves ends his request: over a storage that has a series more
 * whenever one is asked for, and that notices after some that the client is
 * gone, each endpoint that reads samples or labels asks for hardly any more.
 * That the carrier notices is tested in t/api_cancel.t.
 */

#include "api/api.h"

#include <stdio.h>

#include "core/pack.h"
#include "core/protobuf.h"
#include "tap.h"


/* series before the client leaves, and those that may be asked for after */
#define BEFORE  50
#define AFTER   2

/* so many is no end, but the test has one */
#define ALL     900

#define diag(...)  (printf("# " __VA_ARGS__), printf("\n"))


static volatile int  stop;
static int           nasked;
static int           leaves;


typedef struct {
    phr_series_set_t  base;
    phr_arena_t      *arena;
    int               n;
} set_t;


static int
asked(void)
{
    if (++nasked == BEFORE && leaves) {
        stop = PHR_ECANCELED;
    }

    return nasked;
}


static int
set_next(phr_series_set_t *base, phr_series_t *s, phr_err_t *err)
{
    char         *number;
    set_t        *set;
    phr_label_t  *l;

    static const int64_t  t_ms[] = { 1000000, 1015000 };
    static const double   v[] = { 1, 2 };

    set = (set_t *) base;

    if (set->n++ == ALL) {
        return PHR_DONE;
    }

    number = phr_arena_printf(set->arena, "%08d", asked());
    l = phr_arena_alloc(set->arena, 2 * sizeof(phr_label_t));
    l[0].name = phr_str_of("__name__");
    l[0].value = phr_str_of("x");
    l[1].name = phr_str_of("i");
    l[1].value = phr_str_from_c(number);

    memset(s, 0, sizeof(phr_series_t));
    s->labels.l = l;
    s->labels.n = 2;
    s->t_ms = t_ms;
    s->v = v;
    s->n = 2;

    return PHR_OK;
}


static int
fake_select(phr_querier_t *q, const phr_matcher_t *m, size_t n,
    int64_t min_ms, int64_t max_ms, const phr_select_hints_t *hints,
    phr_arena_t *arena, phr_series_set_t **out, phr_err_t *err)
{
    set_t  *set;

    set = phr_arena_calloc(arena, 1, sizeof(set_t));
    set->base.next = set_next;
    set->arena = arena;
    *out = &set->base;

    return PHR_OK;
}


/* each list of labels is a piece of work of its own */
static int
fake_names(phr_querier_t *q, const phr_matcher_t *m, size_t n,
    int64_t min_ms, int64_t max_ms, size_t limit, phr_arena_t *arena,
    phr_str_t **names, size_t *nnames, int *truncated, phr_err_t *err)
{
    (void) asked();

    *nnames = 0;

    return PHR_OK;
}


static int
fake_values(phr_querier_t *q, phr_str_t name, const phr_matcher_t *m,
    size_t n, int64_t min_ms, int64_t max_ms, size_t limit,
    phr_arena_t *arena, phr_str_t **values, size_t *nvalues, int *truncated,
    phr_err_t *err)
{
    return fake_names(q, m, n, min_ms, max_ms, limit, arena, values, nvalues,
                      truncated, err);
}


static int
fake_exemplars(phr_querier_t *q, const phr_matcher_set_t *sets, size_t nsets,
    int64_t min_ms, int64_t max_ms, phr_arena_t *arena,
    phr_exemplars_of_t **out, size_t *n, phr_err_t *err)
{
    int  i, rc;

    *n = 0;

    for (i = 0; i < ALL; i++) {
        (void) asked();

        rc = phr_querier_poll(q);
        if (rc != PHR_OK) {
            return phr_err_set(err, rc, "stopped");
        }
    }

    return PHR_OK;
}


static void
fake_close(phr_querier_t *q)
{
}


static int
fake_querier(phr_storage_t *st, phr_querier_t **q, phr_err_t *err)
{
    static const phr_querier_ops_t  ops = {
        .select = fake_select,
        .label_names = fake_names,
        .label_values = fake_values,
        .exemplars = fake_exemplars,
        .close = fake_close,
    };

    static phr_querier_t  querier;

    querier.ops = &ops;
    querier.stop = NULL;
    *q = &querier;

    return PHR_OK;
}


static int
take(void *data, const phr_api_response_t *res, phr_str_t piece)
{
    return PHR_OK;
}


/* a read request for everything, as samples or as chunks */
static void
read_body(phr_buf_t *out, int chunks)
{
    size_t     query, matcher;
    phr_buf_t  b;

    phr_buf_init(&b, 0);

    query = phr_protobuf_begin(&b, 1);
    phr_protobuf_put_varint(&b, 1, 1);
    phr_protobuf_put_varint(&b, 2, 2000000);
    matcher = phr_protobuf_begin(&b, 3);
    phr_protobuf_put_bytes(&b, 2, phr_str_of("__name__"));
    phr_protobuf_put_bytes(&b, 3, phr_str_of("x"));
    phr_protobuf_end(&b, matcher);
    phr_protobuf_end(&b, query);

    if (chunks) {
        phr_protobuf_put_varint(&b, 2, 1);
    }

    phr_pack(PHR_PACK_SNAPPY, phr_buf_view(&b), out, NULL);
    phr_buf_free(&b);
}


static void
test_leaves(phr_api_t *api, const char *path, const char *args, int form,
    int streams)
{
    int                 i, status[2], n[2], broken;
    char               *long_args, *p;
    phr_buf_t           body;
    phr_api_request_t   req;
    phr_api_response_t  res;

    /* many lists, where one is a single piece of work */

    long_args = malloc(ALL * 20 + 200);
    p = long_args + sprintf(long_args, "%s", args);

    for (i = 0; strstr(path, "label") != NULL && i < ALL; i++) {
        p += sprintf(p, "&match[]=x");
    }

    phr_buf_init(&body, 0);

    if (form >= 0) {
        read_body(&body, form);
    }

    broken = 0;

    for (leaves = 0; leaves < 2; leaves++) {
        stop = 0;
        nasked = 0;

        memset(&req, 0, sizeof(req));
        req.method = form >= 0 ? phr_str_of("POST") : phr_str_of("GET");
        req.path = phr_str_from_c(path);
        req.raw_path = req.path;
        req.args = phr_str_from_c(long_args);
        req.body = phr_buf_view(&body);
        req.content_encoding = form >= 0 ? phr_str_of("snappy")
                                         : phr_str_of("");
        req.now_ms = 1020000;
        req.stop = &stop;
        req.send = streams ? take : NULL;

        phr_api_handle(api, &req, &res);

        status[leaves] = res.status;
        n[leaves] = nasked;
        broken = res.broken;
        phr_api_response_free(&res);
    }

    ok(status[0] == 200 && n[0] >= ALL, "%s reads all that there is", path);
    ok(n[1] <= BEFORE + AFTER, "and no more when the client left, but %d",
       n[1]);
    ok(streams ? status[1] == 499 || broken == PHR_ECANCELED
               : status[1] == 499, "it was canceled");

    if (status[0] != 200 || n[0] < ALL) {
        diag("%d, %d", status[0], n[0]);
    }

    phr_buf_free(&body);
    free(long_args);
}


int
main(void)
{
    phr_api_t      api;
    phr_storage_t  storage;

    static const phr_api_live_t  live;

    memset(&api, 0, sizeof(api));
    storage.querier = fake_querier;
    api.storage = &storage;
    api.live = &live;
    api.limits.lookback_ms = 300000;
    api.limits.query_max_samples = 50000000;
    api.limits.query_memory_bytes = 256 << 20;
    api.limits.query_max_points = 11000;
    api.limits.max_series = 1000000;
    api.limits.max_body_bytes = 1 << 20;

    test_leaves(&api, "/api/v1/query", "query=x&time=1020", -1, 0);
    test_leaves(&api, "/api/v1/query", "query=sum(rate(x[1m]))&time=1020",
                -1, 0);
    test_leaves(&api, "/api/v1/query", "query=x[1m]&time=1020", -1, 0);
    test_leaves(&api, "/api/v1/query_range",
                "query=max_over_time(x[1m:5s])&start=1000&end=1100&step=5",
                -1, 0);
    test_leaves(&api, "/api/v1/series", "match[]=x", -1, 0);
    test_leaves(&api, "/api/v1/labels", "", -1, 0);
    test_leaves(&api, "/api/v1/label/i/values", "", -1, 0);
    test_leaves(&api, "/api/v1/query_exemplars", "query=x", -1, 0);
    test_leaves(&api, "/federate", "match[]=x", -1, 1);
    test_leaves(&api, "/api/v1/export", "match[]=x", -1, 1);
    test_leaves(&api, "/api/v1/read", "", 0, 0);
    test_leaves(&api, "/api/v1/read", "", 1, 0);

    return done_testing();
}
