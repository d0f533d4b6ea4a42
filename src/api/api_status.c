/*
 * Copyright (C) The Pharos Authors
 *
 * Status: what runs here, with which settings, and how large the store is;
 * the health checks; the request to read the settings again.
 */

#include "api/call.h"

#include "core/number.h"
#include "core/time.h"


#define PHR_TOP_DEFAULT  10
#define PHR_TOP_MAX      10000


static void phr_status_time(phr_call_t *c, const char *key, int64_t t_ms);
static void phr_status_retention(const phr_api_t *api, phr_buf_t *out);
static int phr_status_flag(void *arg, const phr_api_flag_t *f);
static int phr_status_top(phr_call_t *c, const char *key,
    phr_store_top_e kind, size_t limit, phr_err_t *err);
static void phr_status_store(phr_call_t *c, const phr_store_stats_t *s);


/*
 * Clients look at "version" to know which of Prometheus's APIs they may use:
 * it is the version of Prometheus that this API equals.  Nothing but strings
 * may stand in "features".
 */

int
phr_api_buildinfo(phr_call_t *c, phr_err_t *err)
{
    phr_json_writer_t  *w;

    phr_call_begin(c);
    w = &c->json;
    phr_json_object(w);
    phr_json_pair_c(w, "version", "3.5.0");
    phr_json_pair_c(w, "revision", "pharos");
    phr_json_pair_c(w, "branch", "HEAD");
    phr_json_pair_c(w, "buildUser", "");
    phr_json_pair_c(w, "buildDate", "");
    phr_json_pair_c(w, "goVersion", "");
    phr_json_pair_c(w, "pharos", c->api->version);
    phr_json_pair_c(w, "nginx", c->api->server_version);
    phr_json_end_object(w);
    phr_call_end(c);

    return PHR_OK;
}


int
phr_api_runtimeinfo(phr_call_t *c, phr_err_t *err)
{
    int                 ok;
    int64_t             at_ms;
    phr_buf_t           text;
    phr_json_writer_t  *w;

    ok = 1;
    at_ms = c->api->start_ms;

    if (c->api->live->reload_state != NULL) {
        c->api->live->reload_state(c->api->live_data, &ok, &at_ms);
    }

    phr_buf_init(&text, 0);
    phr_status_retention(c->api, &text);

    phr_call_begin(c);
    w = &c->json;
    phr_json_object(w);
    phr_status_time(c, "startTime", c->api->start_ms);
    phr_status_time(c, "serverTime", c->req->now_ms);
    phr_json_pair_c(w, "CWD", "");
    phr_json_pair(w, "hostname", c->api->hostname);
    phr_json_pair_bool(w, "reloadConfigSuccess", ok);
    phr_status_time(c, "lastConfigTime", at_ms);
    phr_json_pair_int(w, "corruptionCount", 0);
    phr_json_pair_int(w, "goroutineCount", 0);
    phr_json_pair_int(w, "GOMAXPROCS", 0);
    phr_json_pair_int(w, "GOMEMLIMIT", 0);
    phr_json_pair_c(w, "GOGC", "");
    phr_json_pair_c(w, "GODEBUG", "");
    phr_json_pair(w, "storageRetention", phr_buf_view(&text));
    phr_json_end_object(w);
    phr_call_end(c);

    phr_buf_free(&text);

    return PHR_OK;
}


static void
phr_status_time(phr_call_t *c, const char *key, int64_t t_ms)
{
    phr_buf_t  text;

    phr_buf_init(&text, 0);
    phr_rfc3339_format(&text, t_ms);
    phr_json_pair(&c->json, key, phr_buf_view(&text));
    phr_buf_free(&text);
}


/* "30d", "30d or 1GiB512MiB" */

static void
phr_status_retention(const phr_api_t *api, phr_buf_t *out)
{
    size_t    i;
    uint64_t  n;

    static const char *const  units[] = { "TiB", "GiB", "MiB", "KiB", "B" };

    if (api->retention_ms > 0) {
        phr_duration_format(out, api->retention_ms);
        phr_buf_puts(out, api->retention_bytes > 0 ? " or " : "");

    } else if (api->retention_bytes == 0) {
        phr_buf_puts(out, "unlimited");
    }

    for (i = 0; i < phr_nelems(units); i++) {
        n = api->retention_bytes >> 10 * (phr_nelems(units) - 1 - i);

        n = i == 0 ? n : n % 1024;

        if (n > 0) {
            phr_buf_printf(out, "%llu%s", (unsigned long long) n, units[i]);
        }
    }
}


int
phr_api_flags(phr_call_t *c, phr_err_t *err)
{
    phr_call_begin(c);
    phr_json_object(&c->json);

    if (c->api->live->flags != NULL) {
        c->api->live->flags(c->api->live_data, phr_status_flag, c);
    }

    phr_json_end_object(&c->json);
    phr_call_end(c);

    return PHR_OK;
}


static int
phr_status_flag(void *arg, const phr_api_flag_t *f)
{
    phr_call_t  *c;

    c = arg;
    phr_json_pair_str(&c->json, f->name, f->value);

    return PHR_OK;
}


int
phr_api_config(phr_call_t *c, phr_err_t *err)
{
    int        rc;
    phr_buf_t  yaml;

    phr_buf_init(&yaml, 0);

    if (c->api->live->config != NULL) {
        c->api->live->config(c->api->live_data, &yaml);
    }

    rc = yaml.failed;

    if (rc == PHR_OK) {
        phr_call_begin(c);
        phr_json_object(&c->json);
        phr_json_pair(&c->json, "yaml", phr_buf_view(&yaml));
        phr_json_end_object(&c->json);
        phr_call_end(c);

    } else {
        phr_err_set(err, rc, "out of memory");
    }

    phr_buf_free(&yaml);

    return rc;
}


int
phr_api_tsdb(phr_call_t *c, phr_err_t *err)
{
    int                rc;
    int64_t            n;
    size_t             limit;
    phr_str_t          s;
    phr_store_stats_t  stats;

    limit = PHR_TOP_DEFAULT;
    s = phr_call_param(c, "limit");

    if (s.len != 0) {
        if (phr_int_parse(s.data, s.len, &n) != PHR_OK || n < 1) {
            return phr_err_set(err, PHR_EINVAL,
                               "limit must be a positive number");
        }
        if (n > PHR_TOP_MAX) {
            return phr_err_set(err, PHR_EINVAL, "limit must not exceed %d",
                               PHR_TOP_MAX);
        }
        limit = (size_t) n;
    }

    phr_store_stats(c->api->store, &stats);

    phr_call_begin(c);
    phr_json_object(&c->json);
    phr_status_store(c, &stats);

    rc = phr_status_top(c, "seriesCountByMetricName",
                        PHR_TOP_SERIES_BY_METRIC, limit, err);
    if (rc == PHR_OK) {
        rc = phr_status_top(c, "labelValueCountByLabelName",
                            PHR_TOP_VALUES_BY_LABEL, limit, err);
    }
    if (rc == PHR_OK) {
        rc = phr_status_top(c, "memoryInBytesByLabelName",
                            PHR_TOP_BYTES_BY_LABEL, limit, err);
    }
    if (rc == PHR_OK) {
        rc = phr_status_top(c, "seriesCountByLabelValuePair",
                            PHR_TOP_SERIES_BY_PAIR, limit, err);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    phr_json_end_object(&c->json);
    phr_call_end(c);

    return PHR_OK;
}


/* Prometheus's head, and beside it what a store on one file has */

static void
phr_status_store(phr_call_t *c, const phr_store_stats_t *s)
{
    phr_json_writer_t  *w;

    w = &c->json;

    phr_json_key(w, "headStats");
    phr_json_object(w);
    phr_json_pair_int(w, "numSeries", (int64_t) s->nseries);
    phr_json_pair_int(w, "numLabelPairs", (int64_t) s->nlabel_pairs);
    phr_json_pair_int(w, "chunkCount", (int64_t) s->npacks);
    phr_json_pair_int(w, "minTime", s->min_ms);
    phr_json_pair_int(w, "maxTime", s->max_ms);
    phr_json_end_object(w);

    phr_json_key(w, "storeStats");
    phr_json_object(w);
    phr_json_pair_int(w, "fileBytes", (int64_t) s->file_bytes);
    phr_json_pair_int(w, "usedBytes", (int64_t) s->used_bytes);
    phr_json_pair_int(w, "mapBytes", (int64_t) s->map_bytes);
    phr_json_pair_int(w, "rows", (int64_t) s->nrows);
    phr_json_pair_int(w, "packs", (int64_t) s->npacks);
    phr_json_pair_int(w, "samplesAppended",
                      (int64_t) s->nsamples_appended);
    phr_json_pair_int(w, "samplesRefused", (int64_t) s->nsamples_refused);
    phr_json_pair_int(w, "commits", (int64_t) s->ncommits);
    phr_json_end_object(w);
}


static int
phr_status_top(phr_call_t *c, const char *key, phr_store_top_e kind,
    size_t limit, phr_err_t *err)
{
    int                 rc;
    size_t              i, n;
    phr_store_top_t    *top;
    phr_json_writer_t  *w;

    n = limit;
    top = phr_arena_alloc(c->arena, n * sizeof(phr_store_top_t));
    if (top == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    rc = phr_store_top(c->api->store, kind, c->arena, top, &n, err);
    if (rc != PHR_OK) {
        return rc;
    }

    w = &c->json;
    phr_json_key(w, key);
    phr_json_array(w);

    for (i = 0; i < n; i++) {
        phr_json_object(w);
        phr_json_pair(w, "name", top[i].name);
        phr_json_pair_int(w, "value", (int64_t) top[i].value);
        phr_json_end_object(w);
    }

    phr_json_end_array(w);

    return PHR_OK;
}


int
phr_api_healthy(phr_call_t *c, phr_err_t *err)
{
    return phr_call_text(c, 200, "text/plain; charset=utf-8",
                         phr_str_of("Pharos is Healthy.\n"));
}


int
phr_api_ready(phr_call_t *c, phr_err_t *err)
{
    if (c->api->store == NULL) {
        return phr_err_set(err, PHR_EUNAVAIL, "the store is not open yet");
    }

    return phr_call_text(c, 200, "text/plain; charset=utf-8",
                         phr_str_of("Pharos is Ready.\n"));
}


/* nothing is read again before the start */

int
phr_api_walreplay(phr_call_t *c, phr_err_t *err)
{
    phr_call_begin(c);
    phr_json_object(&c->json);
    phr_json_pair_int(&c->json, "min", 0);
    phr_json_pair_int(&c->json, "max", 0);
    phr_json_pair_int(&c->json, "current", 0);
    phr_json_end_object(&c->json);
    phr_call_end(c);

    return PHR_OK;
}
