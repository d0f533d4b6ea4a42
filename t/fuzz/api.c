/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as a request: the first byte chooses the endpoint, bits of the
 * second method and headers; then come, a line each, the path (of endpoints
 * that have a part of their own in it) and the arguments, then the body.
 * Every request gets an answer that is JSON where it says so, in bounded
 * time.  The store is a real one, and small.
 */

#include "timer.h"

#include <unistd.h>

#include "api/api.h"
#include "core/pack.h"
#include "rules/group.h"


#define FUZZ_NOW  INT64_C(1700000000000)


static char               folder[] = "/tmp/phr-fuzz-XXXXXX";
static phr_store_t       *store;
static phr_rule_groups_t *groups;


static void
check_ok(int rc, const phr_err_t *err)
{
    if (rc != PHR_OK) {
        fprintf(stderr, "%s\n", err->text);
        abort();
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

    check_ok(phr_store_commit(store, FUZZ_NOW, 0, &err), &err);
}


static void
finish(void)
{
    char  path[64];
    int   i;

    static const char *const  files[] = { "data.mdb", "lock.mdb", "" };

    phr_rule_groups_destroy(groups);
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
    phr_rules_yml_t         *file;
    phr_store_conf_t         conf;
    phr_rule_groups_conf_t   rules;

    static const char  text[] =
        "groups:\n"
        "- name: g\n"
        "  rules:\n"
        "  - {record: r, expr: sum(a)}\n"
        "  - {alert: A, expr: a > 1, for: 1m, labels: {severity: page}}\n";

    fuzz_check(mkdtemp(folder) != NULL);

    memset(&conf, 0, sizeof(conf));
    conf.path = folder;
    conf.map_size_bytes = 64 * 1024 * 1024;

    check_ok(phr_store_open(&conf, &store, &err), &err);
    fill();

    memset(&rules, 0, sizeof(rules));
    rules.interval_ms = 60000;

    check_ok(phr_rules_yml_parse(phr_str_from_c(text), "r.yml", &file, &err),
             &err);
    check_ok(phr_rule_groups_create(&file, 1, &rules, NULL, &groups, &err),
             &err);

    atexit(finish);
}


static int
targets(void *data, int (*visit)(void *arg, const phr_api_target_t *t),
    void *arg)
{
    int               i, rc;
    phr_api_target_t  t;

    static const phr_label_t  labels[] = {
        { phr_str("instance"), phr_str("host:9100") },
        { phr_str("job"), phr_str("node") },
    };

    for (i = 0; i < 3; i++) {
        memset(&t, 0, sizeof(t));
        t.pool = phr_str_of("node");
        t.discovered.l = labels;
        t.discovered.n = 2;
        t.labels = t.discovered;
        t.url = phr_str_of("http://host:9100/metrics");
        t.error = i ? phr_str_of("") : phr_str_of("refused");
        t.health = i ? "up" : "down";
        t.dropped = i == 2;

        rc = visit(arg, &t);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


static phr_rule_groups_t *
rules(void *data)
{
    return groups;
}


static void
rules_done(void *data)
{
    /* void */
}


static int
flags(void *data, int (*visit)(void *arg, const phr_api_flag_t *f),
    void *arg)
{
    phr_api_flag_t  f;

    f.name = phr_str_of("pharos_store");
    f.value = phr_str_of("s");

    return visit(arg, &f);
}


static int
metadata(void *data, phr_str_t metric,
    int (*visit)(void *arg, const phr_api_metadata_t *m), void *arg)
{
    phr_api_metadata_t  m;

    static const phr_label_t  labels[] = {
        { phr_str("job"), phr_str("node") },
    };

    memset(&m, 0, sizeof(m));
    m.metric = phr_str_of("a");
    m.type = phr_str_of("gauge");
    m.help = phr_str_of("It.");
    m.unit = phr_str_of("");
    m.target.l = labels;
    m.target.n = 1;

    return visit(arg, &m);
}


static int
pools(void *data, int (*visit)(void *arg, phr_str_t name), void *arg)
{
    int  rc;

    rc = visit(arg, phr_str_of("node"));

    return rc == PHR_OK ? visit(arg, phr_str_of("a")) : rc;
}


static int
page(void *data, phr_str_t path, phr_str_t *content,
    phr_str_t *content_type, phr_str_t *etag)
{
    if (!phr_str_eq(path, phr_str_of("/index.html"))) {
        return PHR_NOTFOUND;
    }

    *content = phr_str_of("<!doctype html>");
    *content_type = phr_str_of("text/html");
    *etag = phr_str_of("\"1\"");

    return PHR_OK;
}


static const phr_api_live_t  live = {
    .targets = targets,
    .flags = flags,
    .rules = rules,
    .rules_done = rules_done,
    .metadata = metadata,
    .pools = pools,
    .page = page,
};

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
};


static void
verify(phr_api_response_t *res, int packed)
{
    int              rc;
    phr_err_t        err;
    phr_buf_t        b;
    phr_str_t        body;
    phr_json_doc_t  *doc;

    fuzz_check(res->status >= 200 && res->status < 600);
    fuzz_check(res->nheaders <= PHR_API_MAX_HEADERS);

    phr_buf_init(&b, 0);
    body = phr_buf_view(&res->body);

    if (packed && body.len > 2 && memcmp(body.data, "\x1f\x8b", 2) == 0) {
        fuzz_check(phr_unpack(PHR_PACK_GZIP, body, 0, &b, &err) == PHR_OK);
        body = phr_buf_view(&b);
    }

    if (res->content_type.len >= 16
        && memcmp(res->content_type.data, "application/json", 16) == 0)
    {
        rc = phr_json_parse(body, &doc, &err);

        if (rc != PHR_OK && (strstr(err.text, "NUL byte") != NULL
                             || strstr(err.text, "too big integer") != NULL))
        {
            /* JSON, but none that our reader takes */
            phr_buf_free(&b);
            return;
        }

        if (rc != PHR_OK) {
            fprintf(stderr, "%.*s\n%s\n", (int) body.len, body.data,
                    err.text);
            abort();
        }

        phr_json_destroy(doc);
    }

    phr_buf_free(&b);
}


static void
handle(const phr_api_request_t *req)
{
    phr_api_t           api;
    phr_api_response_t  res;

    memset(&api, 0, sizeof(api));
    api.store = store;
    api.storage = phr_store_storage(store);
    api.live = &live;
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

    fuzz_timer(1);
    fuzz_check(phr_api_timeout_ms(req, 1000, 2000) <= 2000);
    phr_api_handle(&api, req, &res);

    fuzz_timer(0);

    verify(&res, req->accept_encoding.len != 0);
    phr_api_response_free(&res);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    phr_buf_t          path;
    phr_str_t          text, rest, all;
    const char        *fixed;
    phr_api_request_t  req;

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
    phr_buf_puts(&path, fixed);

    if (fixed[0] == '\0' || fixed[strlen(fixed) - 1] == '/') {
        phr_buf_str(&path, fuzz_line(&rest));
    }

    all = fuzz_copy(phr_buf_view(&path).data, path.len);

    memset(&req, 0, sizeof(req));
    req.method = data[1] & 1 ? phr_str_of("POST") : phr_str_of("GET");
    req.path = all;
    req.raw_path = all;
    req.args = fuzz_line(&rest);
    req.body = rest;
    req.content_type = data[1] & 2
                       ? phr_str_of("application/json")
                       : phr_str_of("application/x-www-form-urlencoded");
    req.accept_encoding = data[1] & 4 ? phr_str_of("gzip") : phr_str_of("");
    req.now_ms = FUZZ_NOW;
    req.stop = &fuzz_stop;

    if (phr_api_thread(req.method, req.path) != PHR_API_WRITER
        || phr_str_eq(req.path, phr_str_of("/api/v1/metadata")))
    {
        handle(&req);
    }

    fuzz_free(all);
    fuzz_free(text);
    phr_buf_free(&path);

    return 0;
}
