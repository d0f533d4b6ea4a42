/*
 * Copyright (C) The Pharos Authors
 *
 * The table of endpoints, and the way of every request through it: match,
 * decode, call, wrap errors, compress.
 */

#include "api/api.h"

#include "api/call.h"
#include "core/utf8.h"


#define PHR_GET      0x01
#define PHR_POST     0x02
#define PHR_PUT      0x04
#define PHR_DELETE   0x08
#define PHR_METHODS  0x0f

#define PHR_DATA     0x10   /* the body is no form, whatever its type says */
#define PHR_LONG     0x20   /* takes as long as a stream does */
#define PHR_TAGGED   0x40   /* what GET gives has a tag: phr_call_tag() */
#define PHR_PLAIN    0x80   /* errors are text, as in Prometheus */


/*
 * "*" stands for one segment, given to the endpoint; a path that ends with
 * "/" stands for all below it.  The first match wins.
 */
typedef struct {
    const char        *path;
    unsigned           methods;     /* and bits from PHR_DATA on */
    phr_api_thread_e   thread;
    phr_endpoint_pt    endpoint;
} phr_route_t;


static const phr_route_t *phr_route_find(phr_str_t path, phr_str_t *segment);
static int phr_route_match(const char *pattern, phr_str_t path,
    phr_str_t *segment);
static unsigned phr_route_method(phr_str_t method);
static int phr_api_call(phr_call_t *c, phr_err_t *err);
static void phr_api_finish(phr_call_t *c, int rc, phr_err_t *err);
static void phr_api_broken(phr_api_response_t *res, int rc,
    const phr_err_t *err);
static void phr_api_allow(phr_call_t *c, const phr_route_t *route);


static const phr_route_t  phr_routes[] = {

    /* Prometheus */

    { "/api/v1/query", PHR_GET|PHR_POST, PHR_API_QUERY, phr_api_query },
    { "/api/v1/query_range", PHR_GET|PHR_POST, PHR_API_QUERY,
      phr_api_query_range },
    { "/api/v1/query_exemplars", PHR_GET|PHR_POST, PHR_API_READ,
      phr_api_query_exemplars },
    { "/api/v1/format_query", PHR_GET|PHR_POST, PHR_API_READ,
      phr_api_format_query },
    { "/api/v1/parse_query", PHR_GET|PHR_POST, PHR_API_READ,
      phr_api_parse_query },
    { "/api/v1/series", PHR_GET|PHR_POST|PHR_TAGGED, PHR_API_QUERY,
      phr_api_series },
    { "/api/v1/labels", PHR_GET|PHR_POST|PHR_TAGGED, PHR_API_READ,
      phr_api_labels },
    { "/api/v1/label/*/values", PHR_GET|PHR_TAGGED, PHR_API_READ,
      phr_api_label_values },
    { "/api/v1/metadata", PHR_GET|PHR_TAGGED, PHR_API_WRITER,
      phr_api_metadata },
    { "/api/v1/targets", PHR_GET, PHR_API_READ, phr_api_targets },
    { "/api/v1/targets/metadata", PHR_GET|PHR_TAGGED, PHR_API_WRITER,
      phr_api_targets_metadata },
    { "/api/v1/scrape_pools", PHR_GET|PHR_TAGGED, PHR_API_READ,
      phr_api_scrape_pools },
    { "/api/v1/rules", PHR_GET, PHR_API_READ, phr_api_rules },
    { "/api/v1/alerts", PHR_GET, PHR_API_READ, phr_api_alerts },
    { "/api/v1/alertmanagers", PHR_GET|PHR_TAGGED, PHR_API_READ,
      phr_api_alertmanagers },
    { "/api/v1/status/buildinfo", PHR_GET|PHR_TAGGED, PHR_API_READ,
      phr_api_buildinfo },
    { "/api/v1/status/config", PHR_GET|PHR_TAGGED, PHR_API_READ,
      phr_api_config },
    { "/api/v1/status/flags", PHR_GET|PHR_TAGGED, PHR_API_READ,
      phr_api_flags },
    { "/api/v1/status/runtimeinfo", PHR_GET, PHR_API_READ,
      phr_api_runtimeinfo },
    { "/api/v1/status/walreplay", PHR_GET, PHR_API_READ,
      phr_api_walreplay },
    { "/api/v1/status/tsdb", PHR_GET, PHR_API_READ, phr_api_tsdb },
    { "/api/v1/status/active_queries", PHR_GET, PHR_API_READ,
      phr_api_active_queries },
    { "/api/v1/status/top_queries", PHR_GET, PHR_API_READ,
      phr_api_top_queries },
    { "/federate", PHR_GET|PHR_PLAIN, PHR_API_STREAM, phr_api_federate },
    { "/-/healthy", PHR_GET, PHR_API_READ, phr_api_healthy },
    { "/-/ready", PHR_GET, PHR_API_READ, phr_api_ready },

    /* the carrier does this one, but for methods that it is not for */
    { "/-/reload", PHR_POST|PHR_PUT, PHR_API_READ, NULL },

    { "/api/v1/write", PHR_POST, PHR_API_WRITER, phr_api_remote_write },
    { "/api/v1/read", PHR_POST|PHR_DATA|PHR_PLAIN, PHR_API_QUERY,
      phr_api_remote_read },

    /* Pushgateway */

    { "/metrics", PHR_GET, PHR_API_WRITER, phr_api_metrics },
    { "/metrics/", PHR_POST|PHR_PUT|PHR_DELETE|PHR_DATA, PHR_API_WRITER,
      phr_api_push },
    { "/api/v1/metrics", PHR_GET, PHR_API_WRITER, phr_api_push_groups },

    /* history, as VictoriaMetrics moves it */

    { "/api/v1/import", PHR_POST|PHR_DATA, PHR_API_IMPORT, phr_api_import },
    { "/api/v1/import/prometheus", PHR_POST|PHR_DATA, PHR_API_IMPORT,
      phr_api_import_prometheus },
    { "/api/v1/export", PHR_GET|PHR_POST, PHR_API_STREAM, phr_api_export },

    /* who may do this needs the location's permission */

    { "/backup", PHR_GET, PHR_API_STREAM, phr_api_backup },
    { "/api/v1/admin/tsdb/snapshot", PHR_POST|PHR_PUT|PHR_LONG,
      PHR_API_STREAM, phr_api_snapshot },
    { "/api/v1/admin/tsdb/delete_series", PHR_POST|PHR_PUT, PHR_API_IMPORT,
      phr_api_delete_series },
    { "/api/v1/admin/tsdb/clean_tombstones", PHR_POST|PHR_PUT, PHR_API_READ,
      phr_api_clean_tombstones },

    /* Grafana, and its two JSON data sources */

    { "/api/health", PHR_GET, PHR_API_READ, phr_api_grafana_health },
    { "/api/search", PHR_GET, PHR_API_READ, phr_api_boards_search },
    { "/api/search/*", PHR_GET, PHR_API_READ, phr_api_boards_search },
    { "/api/dashboards/uid/*", PHR_GET, PHR_API_READ, phr_api_board },
    { "/api/dashboards/home", PHR_GET, PHR_API_READ, phr_api_boards_home },
    { "/api/datasources", PHR_GET, PHR_API_READ, phr_api_datasources },
    { "/json", PHR_GET, PHR_API_READ, phr_api_json_root },
    { "/json/search", PHR_GET|PHR_POST, PHR_API_READ,
      phr_api_json_search },
    { "/json/metrics", PHR_POST, PHR_API_READ, phr_api_json_metrics },
    { "/json/metric-payload-options", PHR_POST, PHR_API_READ,
      phr_api_json_options },
    { "/json/query", PHR_POST, PHR_API_QUERY, phr_api_json_query },
    { "/json/annotations", PHR_POST, PHR_API_QUERY,
      phr_api_json_annotations },
    { "/json/variable", PHR_POST, PHR_API_READ, phr_api_json_variable },
    { "/json/tag-keys", PHR_GET|PHR_POST, PHR_API_READ,
      phr_api_json_tag_keys },
    { "/json/tag-values", PHR_POST, PHR_API_READ,
      phr_api_json_tag_values },
    { "/simplejson", PHR_GET, PHR_API_READ, phr_api_json_root },
    { "/simplejson/search", PHR_GET|PHR_POST, PHR_API_READ,
      phr_api_json_search },
    { "/simplejson/query", PHR_POST, PHR_API_QUERY, phr_api_json_query },
    { "/simplejson/annotations", PHR_POST, PHR_API_QUERY,
      phr_api_json_annotations },
    { "/simplejson/tag-keys", PHR_GET|PHR_POST, PHR_API_READ,
      phr_api_json_tag_keys },
    { "/simplejson/tag-values", PHR_POST, PHR_API_READ,
      phr_api_json_tag_values },

    { "/json/", PHR_GET, PHR_API_READ, phr_api_json_root },
    { "/simplejson/", PHR_GET, PHR_API_READ, phr_api_json_root },

    /* what is left below these is a mistake, not a view of the page */

    { "/api/", 0, PHR_API_READ, NULL },
    { "/-/", 0, PHR_API_READ, NULL },
    { "/alertmanager/", 0, PHR_API_READ, NULL },

    { "/", PHR_GET, PHR_API_READ, phr_api_page },
};


phr_api_thread_e
phr_api_thread(phr_str_t method, phr_str_t path)
{
    phr_str_t           segment;
    const phr_route_t  *route;

    route = phr_route_find(path, &segment);

    if (route == NULL || !(route->methods & phr_route_method(method))) {
        return PHR_API_READ;
    }

    return route->thread;
}


int64_t
phr_api_timeout_ms(const phr_api_request_t *req, int64_t otherwise_ms,
    int64_t long_ms)
{
    int64_t             ms;
    unsigned            flags;
    phr_str_t           text;
    phr_arena_t        *arena;
    const phr_route_t  *route;

    route = phr_route_find(req->path, &text);
    flags = route != NULL ? route->methods : 0;

    if (flags & PHR_LONG) {
        return long_ms;
    }

    arena = phr_arena_create(0);
    ms = otherwise_ms;

    if (arena != NULL
        && phr_param_find(req, !(flags & PHR_DATA), arena,
                          phr_str_of("timeout"), &text) == PHR_OK)
    {
        if (text.len == 0 || phr_param_duration(text, &ms) != PHR_OK
            || ms > otherwise_ms)
        {
            ms = otherwise_ms;
        }

        /* what has no time left is over at once */
        ms = phr_max(ms, 0);
    }

    phr_arena_destroy(arena);

    return ms;
}


int
phr_api_long(phr_str_t method, phr_str_t path)
{
    phr_str_t           segment;
    phr_api_thread_e    thread;
    const phr_route_t  *route;

    route = phr_route_find(path, &segment);

    if (route != NULL && (route->methods & PHR_LONG)) {
        return 1;
    }

    thread = phr_api_thread(method, path);

    return thread == PHR_API_STREAM || thread == PHR_API_IMPORT;
}


void
phr_api_handle(phr_api_t *api, const phr_api_request_t *req,
    phr_api_response_t *res)
{
    int         rc;
    phr_err_t   err;
    phr_call_t  c;

    memset(res, 0, sizeof(phr_api_response_t));
    res->length = -1;
    phr_buf_init(&res->body, 0);
    phr_err_init(&err);

    memset(&c, 0, sizeof(c));
    c.api = api;
    c.req = req;
    c.res = res;
    c.matching.stop = req->stop;

    res->arena = phr_arena_create(api->limits.query_memory_bytes);
    c.arena = res->arena;

    if (res->arena == NULL) {
        rc = phr_err_set(&err, PHR_ENOMEM, "out of memory");

    } else {
        phr_buf_init(&res->body, api->limits.query_memory_bytes);
        rc = phr_api_call(&c, &err);
    }

    if (rc == PHR_OK && c.rest != NULL) {
        res->rest = phr_arena_alloc(c.arena, sizeof(phr_call_t));

        if (res->rest != NULL) {
            *res->rest = c;
            return;
        }

        rc = phr_err_set(&err, PHR_ENOMEM, "out of memory");
    }

    phr_api_finish(&c, rc, &err);
}


void
phr_api_resume(phr_api_response_t *res)
{
    int          rc;
    phr_err_t    err;
    phr_call_t  *c;

    c = res->rest;
    res->rest = NULL;
    phr_err_init(&err);

    rc = c->rest(c, &err);

    phr_api_finish(c, rc, &err);
}


static void
phr_api_finish(phr_call_t *c, int rc, phr_err_t *err)
{
    phr_api_response_t  *res;

    res = c->res;

    if (res->streamed) {
        rc = phr_call_stream_end(c, rc, err);
        phr_api_broken(res, rc, err);
        return;
    }

    if (rc == PHR_OK && res->body.failed) {
        rc = phr_err_set(err, res->body.failed,
                         "the answer is larger than the memory of a query");
    }

    if (rc != PHR_OK) {
        if (err->code == PHR_OK) {
            phr_err_set(err, rc, "internal error %d", rc);
        }

        if (c->plain) {
            phr_call_plain_fail(c, err);
        } else {
            phr_call_fail(c, err);
        }

        return;
    }

    phr_call_compress(c);
}


/* what was sent already cannot be taken back: the carrier breaks it off */

static void
phr_api_broken(phr_api_response_t *res, int rc, const phr_err_t *err)
{
    if (rc == PHR_OK) {
        return;
    }

    res->broken = rc;
    res->reason = phr_arena_str(res->arena, phr_str_from_c(err->text));

    if (res->reason.data == NULL) {
        res->reason = phr_str_of("no memory");
    }
}


static int
phr_api_call(phr_call_t *c, phr_err_t *err)
{
    int                 rc;
    phr_str_t           path;
    const phr_route_t  *route;

    path = c->req->path;

    if (!phr_utf8_valid(path.data, path.len)) {
        return phr_err_set(err, PHR_EINVAL, "the path is not UTF-8");
    }

    route = phr_route_find(path, &c->segment);

    if (route == NULL || route->methods == 0) {
        return phr_err_set(err, PHR_ENOTFOUND, "no such endpoint: %.*s",
                           (int) phr_min(path.len, 200), path.data);
    }

    if (phr_str_eq(c->req->method, phr_str_of("OPTIONS"))) {
        phr_api_allow(c, route);
        return phr_call_line(c, 204, "");
    }

    if (route->endpoint == NULL
        || !(route->methods & phr_route_method(c->req->method)))
    {
        phr_api_allow(c, route);
        return phr_call_line(c, 405, "method not allowed");
    }

    c->plain = (route->methods & PHR_PLAIN) != 0;

    rc = phr_call_parse_params(c, !(route->methods & PHR_DATA), err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = route->endpoint(c, err);

    if (rc == PHR_OK && (route->methods & PHR_TAGGED)
        && phr_route_method(c->req->method) == PHR_GET
        && c->res->status == 200 && !c->res->body.failed)
    {
        rc = phr_call_tag(c, err);
    }

    return rc;
}


static const phr_route_t *
phr_route_find(phr_str_t path, phr_str_t *segment)
{
    size_t  i;

    for (i = 0; i < phr_nelems(phr_routes); i++) {
        if (phr_route_match(phr_routes[i].path, path, segment)) {
            return &phr_routes[i];
        }
    }

    return NULL;
}


static int
phr_route_match(const char *pattern, phr_str_t path, phr_str_t *segment)
{
    size_t  i, start;

    *segment = phr_str_from("", 0);

    for (i = 0; *pattern != '\0'; pattern++) {

        if (*pattern == '*') {
            start = i;
            while (i < path.len && path.data[i] != '/') {
                i++;
            }
            *segment = phr_str_from(path.data + start, i - start);
            continue;
        }

        if (i == path.len || path.data[i] != *pattern) {
            return 0;
        }
        i++;
    }

    return i == path.len || pattern[-1] == '/';
}


/* HEAD is GET whose body the carrier leaves out */

static unsigned
phr_route_method(phr_str_t method)
{
    size_t  i;

    static const struct {
        const char  *name;
        unsigned     bit;
    } methods[] = {
        { "GET", PHR_GET },
        { "HEAD", PHR_GET },
        { "POST", PHR_POST },
        { "PUT", PHR_PUT },
        { "DELETE", PHR_DELETE },
    };

    for (i = 0; i < phr_nelems(methods); i++) {
        if (phr_str_eq(method, phr_str_from_c(methods[i].name))) {
            return methods[i].bit;
        }
    }

    return 0;
}


static void
phr_api_allow(phr_call_t *c, const phr_route_t *route)
{
    const char  *allow;

    switch (route->methods & PHR_METHODS) {
    case PHR_GET:
        allow = "GET, HEAD, OPTIONS";
        break;
    case PHR_POST:
        allow = "POST, OPTIONS";
        break;
    case PHR_GET|PHR_POST:
        allow = "GET, HEAD, POST, OPTIONS";
        break;
    case PHR_POST|PHR_PUT:
        allow = "POST, PUT, OPTIONS";
        break;
    default:
        allow = "POST, PUT, DELETE, OPTIONS";
    }

    phr_call_header(c, "Allow", phr_str_from_c(allow));
}


void
phr_api_response_free(phr_api_response_t *res)
{
    phr_buf_free(&res->body);
    phr_arena_destroy(res->arena);
    res->arena = NULL;
}


void
phr_api_refuse(phr_api_response_t *res, int code, const char *text)
{
    phr_err_t   err;
    phr_call_t  c;

    memset(res, 0, sizeof(phr_api_response_t));
    phr_buf_init(&res->body, 0);

    memset(&c, 0, sizeof(c));
    c.res = res;

    phr_err_init(&err);
    phr_err_set(&err, code, "%s", text);
    phr_call_fail(&c, &err);
}


void
phr_api_closed(const phr_api_request_t *req, phr_api_response_t *res,
    const char *text)
{
    static const char  html[] = "text/html";

    phr_api_refuse(res, PHR_EUNAVAIL, text);

    if (memmem(req->accept.data, req->accept.len, html, sizeof(html) - 1)) {
        res->content_type = phr_str_of("text/plain; charset=utf-8");
        phr_buf_reset(&res->body);
        phr_buf_printf(&res->body, "Pharos: %s\n", text);
    }
}
