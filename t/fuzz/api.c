/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as a request: the first byte chooses the endpoint, bits of the
 * second method and headers; then come, a line each, the path (of endpoints
 * that have a part of their own in it), the arguments and, if a bit says so,
 * what is accepted, then the body.  Every request gets an answer, in bounded
 * time, that is JSON where it says so; the same one when it is sent in
 * pieces, packed or remembered, and none for who has it already.  The store
 * is a real one, and small.
 */

#include "live.h"
#include "timer.h"

#include <unistd.h>

#include "api/query_cache.h"
#include "api/query_log.h"
#include "core/pack.h"


static char               folder[] = "/tmp/phr-fuzz-XXXXXX";
static phr_store_t       *store;
static fuzz_live_data_t   live_data;
static phr_query_log_t   *queries;
static phr_query_cache_t *cache;


/* bits of the second byte */
#define FUZZ_POST     0x01
#define FUZZ_JSON     0x02
#define FUZZ_GZIP     0x04
#define FUZZ_ZSTD     0x08
#define FUZZ_ACCEPT   0x10      /* another line */
#define FUZZ_STREAM   0x20
#define FUZZ_SNAPPY   0x40      /* the body is packed for it */
#define FUZZ_ADMIN    0x80


static void
check_ok(int rc, const phr_err_t *err)
{
    if (rc != PHR_OK) {
        fprintf(stderr, "%s\n", err->text);
        abort();
    }
}


/* a histogram, and exemplars of a bucket */
static void
fill_more(phr_appender_t *app, uint32_t source, phr_sid_t bucket)
{
    double                  bound, counts[2];
    int8_t                  status;
    phr_err_t               err;
    phr_sid_t               sid;
    phr_hist_t              h;
    phr_batch_t             b;
    phr_labels_t            ls;
    phr_exemplar_t          e;
    phr_hist_span_t         span;
    const phr_hist_t *const list[] = { &h };

    static const phr_label_t  name = { phr_str("__name__"), phr_str("h") };
    static const phr_label_t  trace = { phr_str("trace"), phr_str("x") };

    ls.l = &name;
    ls.n = 1;
    check_ok(app->ops->series(app, ls, &sid, &err), &err);

    memset(&b, 0, sizeof(b));
    memset(&h, 0, sizeof(h));
    memset(&e, 0, sizeof(e));
    b.source = source;
    b.sid = &sid;
    b.h = list;
    b.n = 1;
    span.offset = 0;
    span.length = 2;
    bound = 0.5;
    h.schema = PHR_HIST_CUSTOM;
    h.bounds = &bound;
    h.nbounds = 1;
    h.positive.spans = &span;
    h.positive.nspans = 1;
    h.positive.counts = counts;
    h.positive.n = 2;
    e.labels.l = &trace;
    e.labels.n = 1;
    e.has_t = 1;

    for (b.t_ms = FUZZ_NOW - 600000; b.t_ms < FUZZ_NOW; b.t_ms += 60000) {
        counts[0] = (double) (b.t_ms / 60000 % 10);
        counts[1] = counts[0] * 2;
        h.count = counts[0] * 3;
        h.sum = counts[0];
        check_ok(app->ops->append(app, &b, &err), &err);

        e.t_ms = b.t_ms;
        e.v = counts[0];
        check_ok(app->ops->exemplars(app, &bucket, &e, 1, &status, &err),
                 &err);
    }
}


static void
fill(void)
{
    int              i;
    char             text[32];
    double           v[8];
    uint32_t         source;
    phr_err_t        err;
    phr_sid_t        sid[8];
    phr_batch_t      b;
    phr_label_t      l[3];
    phr_labels_t     ls;
    phr_appender_t  *app;

    app = phr_store_appender(store);
    check_ok(app->ops->source(app, phr_str_of("s"), &source, &err), &err);

    for (i = 0; i < 8; i++) {
        l[0].name = phr_str_of("__name__");
        l[0].value = i < 4 ? phr_str_of("a") : phr_str_of("h_bucket");
        l[1].name = phr_str_of("i");
        l[1].value = phr_str_from(text, 1);
        l[2].name = phr_str_of("le");
        l[2].value = phr_str_from(text + 1, i == 7 ? 4 : 1);
        snprintf(text, sizeof(text), "%d%s", i & 1,
                 i == 7 ? "+Inf" : i > 5 ? "2" : "1");
        ls.l = l;
        ls.n = i < 4 ? 2 : 3;
        text[0] = (char) ('0' + i % 4);
        check_ok(app->ops->series(app, ls, &sid[i], &err), &err);
    }

    memset(&b, 0, sizeof(b));
    b.source = source;
    b.sid = sid;
    b.v = v;
    b.n = 8;

    for (b.t_ms = FUZZ_NOW - 3600000; b.t_ms < FUZZ_NOW; b.t_ms += 15000) {
        for (i = 0; i < 8; i++) {
            v[i] = (double) (b.t_ms / 1000 % 1000 * i);
        }

        check_ok(app->ops->append(app, &b, &err), &err);
    }

    fill_more(app, source, sid[4]);
    check_ok(phr_store_commit(store, FUZZ_NOW, 0, &err), &err);
}


static void
finish(void)
{
    char  path[64];
    int   i;

    static const char *const  files[] = { "data.mdb", "lock.mdb", "" };

    phr_rule_groups_destroy(live_data.groups);
    phr_boards_destroy(live_data.boards);
    phr_query_log_destroy(queries);
    phr_query_cache_destroy(cache);
    phr_store_close(store);

    for (i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        remove(path);
    }
}


static void
start(void)
{
    phr_err_t                err;
    phr_board_t             *board;
    phr_rules_yml_t         *file;
    phr_store_conf_t         conf;
    phr_rule_groups_conf_t   rules;

    static const char  text[] =
        "groups:\n"
        "- name: g\n"
        "  rules:\n"
        "  - {record: r, expr: sum(a)}\n"
        "  - {alert: A, expr: a > 1, for: 1m, labels: {severity: page}}\n";

    static const char  json[] =
        "{\"uid\":\"u\",\"title\":\"T\",\"tags\":[\"x\"],\"panels\":[]}";

    fuzz_check(mkdtemp(folder) != NULL);

    memset(&conf, 0, sizeof(conf));
    conf.path = folder;
    conf.map_size_bytes = 64 * 1024 * 1024;
    conf.max_exemplars = 100;

    check_ok(phr_store_open(&conf, &store, &err), &err);
    fill();

    memset(&rules, 0, sizeof(rules));
    rules.interval_ms = 60000;

    check_ok(phr_rules_yml_parse(phr_str_from_c(text), "r.yml", &file, &err),
             &err);
    check_ok(phr_rule_groups_create(&file, 1, &rules, NULL, &live_data.groups,
                                    &err),
             &err);
    check_ok(phr_board_create(phr_str_from_c(json), "t.json",
                              phr_str_of("folder/t.json"), &board, &err),
             &err);
    fuzz_check(phr_boards_create(&board, 1, NULL, NULL, &live_data.boards)
               == PHR_OK);
    phr_board_drop(board);

    queries = phr_query_log_create();
    cache = phr_query_cache_create(1024 * 1024);
    fuzz_check(queries != NULL && cache != NULL);

    atexit(finish);
}


/* those that are writers' are pushes, which have targets of their own */
static const char *const  paths[] = {
    "",
    "/api/v1/query",
    "/api/v1/query_range",
    "/api/v1/series",
    "/api/v1/labels",
    "/api/v1/label/",
    "/api/v1/format_query",
    "/api/v1/query_exemplars",
    "/api/v1/metadata",
    "/api/v1/targets",
    "/api/v1/targets/metadata",
    "/api/v1/scrape_pools",
    "/api/v1/rules",
    "/api/v1/alerts",
    "/api/v1/status/tsdb",
    "/api/v1/status/",
    "/json/search",
    "/json/metrics",
    "/json/metric-payload-options",
    "/json/query",
    "/json/annotations",
    "/json/variable",
    "/json/tag-keys",
    "/json/tag-values",
    "/simplejson/search",
    "/simplejson/query",
    "/simplejson/annotations",
    "/simplejson/tag-values",
    "/api/v1/read",
    "/api/v1/export",
    "/federate",
    "/api/v1/parse_query",
    "/api/v1/import",
    "/api/v1/import/prometheus",
    "/api/v1/admin/tsdb/delete_series",
    "/api/v1/admin/tsdb/clean_tombstones",
    "/api/v1/status/active_queries",
    "/api/v1/status/top_queries",
    "/api/v1/alertmanagers",
    "/api/search",
    "/api/search/",
    "/api/dashboards/uid/",
    "/api/dashboards/home",
    "/api/datasources",
    "/json/",
};


/* the body, unpacked if it is packed; b is to be freed */
static phr_str_t
unpacked(const phr_api_response_t *res, phr_buf_t *b)
{
    size_t             i;
    phr_err_t          err;
    phr_pack_format_e  format;

    phr_buf_init(b, 0);

    for (i = 0; i < res->nheaders; i++) {

        if (!phr_str_eq(res->headers[i].name,
                        phr_str_of("Content-Encoding"))
            || phr_str_eq(res->headers[i].value, phr_str_of("snappy")))
        {
            continue;
        }

        format = phr_str_eq(res->headers[i].value, phr_str_of("zstd"))
                 ? PHR_PACK_ZSTD : PHR_PACK_GZIP;
        fuzz_check(phr_unpack(format, phr_buf_view(&res->body), 0, b, &err)
                   == PHR_OK);

        return phr_buf_view(b);
    }

    return phr_buf_view(&res->body);
}


static phr_str_t
header(const phr_api_response_t *res, phr_str_t name)
{
    size_t  i;

    for (i = 0; i < res->nheaders; i++) {
        if (phr_str_eq(res->headers[i].name, name)) {
            return res->headers[i].value;
        }
    }

    return phr_str_of("");
}


static void
verify(const phr_api_response_t *res)
{
    int              rc;
    phr_err_t        err;
    phr_buf_t        b;
    phr_str_t        body;
    phr_json_doc_t  *doc;

    fuzz_check(res->status >= 200 && res->status < 600);
    fuzz_check(res->nheaders <= PHR_API_MAX_HEADERS);

    body = unpacked(res, &b);

    if (res->content_type.len >= 16
        && memcmp(res->content_type.data, "application/json", 16) == 0)
    {
        rc = phr_json_parse(body, &doc, &err);

        if (rc == PHR_OK) {
            phr_json_destroy(doc);

        /* JSON, but none that our reader takes */

        } else if (strstr(err.text, "NUL byte") == NULL
                   && strstr(err.text, "too big integer") == NULL)
        {
            fprintf(stderr, "%.*s\n%s\n", (int) body.len, body.data,
                    err.text);
            abort();
        }
    }

    phr_buf_free(&b);
}


static int
collect(void *data, const phr_api_response_t *res, phr_str_t piece)
{
    fuzz_check(piece.len > 0);
    phr_buf_str(data, piece);

    return PHR_OK;
}


/* the same as a whole or in pieces: all of the body is in res->body then */
static void
handle(const phr_api_request_t *request, int stream, phr_api_response_t *res)
{
    phr_api_t          api;
    phr_buf_t          sent;
    phr_api_request_t  req;

    memset(&api, 0, sizeof(api));
    api.store = store;
    api.storage = phr_store_storage(store);
    api.queries = queries;
    api.cache = cache;
    api.live = &fuzz_live;
    api.live_data = &live_data;
    api.version = "1";
    api.server_version = "1";
    api.limits.lookback_ms = 300000;
    api.limits.query_timeout_ms = 1000;
    api.limits.query_max_samples = 20000;
    api.limits.query_memory_bytes = 16 * 1024 * 1024;
    api.limits.query_max_points = 1000;
    api.limits.max_series = 100;
    api.limits.max_body_bytes = 65536;
    api.limits.promql_flags = PHR_PROMQL_EXPERIMENTAL;

    live_data.now_us = FUZZ_NOW;
    req = *request;
    phr_buf_init(&sent, 0);

    if (stream) {
        req.send = collect;
        req.send_data = &sent;
        req.resumable = 1;
    }

    fuzz_timer(1);
    fuzz_check(phr_api_timeout_ms(&req, 1000, 2000) <= 2000);
    phr_api_handle(&api, &req, res);

    if (res->rest != NULL) {
        fuzz_check(stream);
        phr_api_resume(res);
    }

    fuzz_timer(0);

    if (res->streamed) {
        fuzz_check(stream);
        phr_buf_free(&res->body);
        res->body = sent;

    } else {
        fuzz_check(sent.len == 0);
        phr_buf_free(&sent);
    }
}


/* in pieces, from what is remembered, and by who has it */
static void
again(const phr_api_request_t *request, const phr_api_response_t *res)
{
    phr_buf_t           one, two;
    phr_str_t           whole, pieces, tag;
    phr_api_request_t   req;
    phr_api_response_t  other;

    whole = unpacked(res, &one);
    handle(request, 1, &other);

    if (fuzz_stop == 0 && res->status == 200) {
        pieces = unpacked(&other, &two);

        if (other.status != 200 || other.broken
            || !phr_str_eq(whole, pieces))
        {
            fprintf(stderr, "whole:\n%.*s\n%d in pieces:\n%.*s\n",
                    (int) whole.len, whole.data, other.status,
                    (int) pieces.len, pieces.data);
            abort();
        }

        phr_buf_free(&two);
    }

    phr_api_response_free(&other);
    tag = header(res, phr_str_of("ETag"));

    if (tag.len != 0 && res->status == 200) {
        req = *request;
        req.if_none_match = tag;
        handle(&req, 0, &other);
        fuzz_check(other.status == 304 || fuzz_stop != 0);
        fuzz_check(other.body.len == 0 || other.status != 304);
        phr_api_response_free(&other);
    }

    phr_buf_free(&one);
}


/* what follows the two bytes; packed has the body, if it was packed */
static void
fill_request(phr_api_request_t *req, unsigned bits, phr_str_t rest,
    phr_buf_t *packed)
{
    phr_err_t  err;

    req->method = bits & FUZZ_POST ? phr_str_of("POST") : phr_str_of("GET");
    req->args = fuzz_line(&rest);
    req->accept = bits & FUZZ_ACCEPT ? fuzz_line(&rest) : phr_str_of("");
    req->body = rest;
    req->content_type = bits & FUZZ_JSON
                        ? phr_str_of("application/json")
                        : phr_str_of("application/x-www-form-urlencoded");
    req->accept_encoding = bits & FUZZ_GZIP ? phr_str_of("gzip")
                           : bits & FUZZ_ZSTD ? phr_str_of("zstd, gzip;q=0")
                           : phr_str_of("");
    req->user = phr_str_of("user");
    req->now_ms = FUZZ_NOW;
    req->stop = &fuzz_stop;

    /* backups and snapshots would be too much */

    if ((bits & FUZZ_ADMIN)
        && memmem(req->path.data, req->path.len, "tombstones", 10) != NULL)
    {
        req->admin = phr_str_of("on");
    }

    if ((bits & FUZZ_ADMIN)
        && memmem(req->path.data, req->path.len, "delete_series", 13) != NULL)
    {
        req->admin = phr_str_of("on");
    }

    if (bits & FUZZ_SNAPPY) {
        fuzz_check(phr_pack(PHR_PACK_SNAPPY, rest, packed, &err) == PHR_OK);
        req->body = phr_buf_view(packed);
        req->content_type = phr_str_of("application/x-protobuf");
        req->content_encoding = phr_str_of("snappy");
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    phr_buf_t           path, packed;
    phr_str_t           text, rest, all;
    const char         *fixed;
    phr_api_request_t   req;
    phr_api_response_t  res;

    if (size < 2) {
        return 0;
    }

    if (store == NULL) {
        start();
    }

    text = fuzz_copy(data + 2, size - 2);
    rest = text;
    fixed = paths[data[0] % phr_nelems(paths)];
    phr_buf_init(&path, 0);
    phr_buf_init(&packed, 0);
    phr_buf_puts(&path, fixed);

    if (fixed[0] == '\0' || fixed[strlen(fixed) - 1] == '/') {
        phr_buf_str(&path, fuzz_line(&rest));
    }

    all = fuzz_copy(phr_buf_view(&path).data, path.len);

    memset(&req, 0, sizeof(req));
    req.path = all;
    req.raw_path = all;
    fill_request(&req, data[1], rest, &packed);

    if (phr_api_thread(req.method, req.path) != PHR_API_WRITER
        || memmem(all.data, all.len, "metadata", 8) != NULL)
    {
        handle(&req, 0, &res);
        verify(&res);

        /* those have told of the first query when it is asked again */

        if ((data[1] & FUZZ_STREAM) && fuzz_stop == 0
            && memmem(all.data, all.len, "_queries", 8) == NULL)
        {
            again(&req, &res);
        }

        phr_api_response_free(&res);
    }

    fuzz_free(all);
    fuzz_free(text);
    phr_buf_free(&path);
    phr_buf_free(&packed);

    return 0;
}
