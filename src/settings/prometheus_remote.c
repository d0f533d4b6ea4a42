/*
 * Copyright (C) The Pharos Authors
 *
 * prometheus.yml: alerting, storage, and what is checked but not active:
 * remote_write, remote_read, tracing, otlp.
 */

#include "settings/prometheus_schema.h"


static void phr_alertmanager_conf_init(void *object);
static int phr_alertmanager_conf_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static void phr_storage_init(void *object);
static int phr_retention_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_tracing_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_remote_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_remote_write_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_queue_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_otlp_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_headers_check(phr_schema_ctx_t *ctx,
    const phr_yaml_node_t *headers);


/* v1 is what old versions took, and means the same here */
static const char *const  phr_api_versions[] = { "v2", "v1", NULL };

static const phr_option_t  phr_alertmanager_conf_options[] = {
    PHR_OPTION_OF(phr_alertmanager_conf_t, http, "", PHR_OPT_INLINE, 0,
                  &phr_http_client_schema),
    PHR_CHECK_OF("sigv4", PHR_OPT_NODE, 0, &phr_sigv4_schema),
    PHR_OPTION(phr_alertmanager_conf_t, scheme, "scheme", PHR_OPT_STR, 0),
    PHR_OPTION(phr_alertmanager_conf_t, path_prefix, "path_prefix",
               PHR_OPT_STR, 0),
    PHR_OPTION(phr_alertmanager_conf_t, timeout_ms, "timeout",
               PHR_OPT_DURATION, 0),
    PHR_OPTION_WORD(phr_alertmanager_conf_t, api_version, "api_version",
                    PHR_OPT_KEEP, phr_api_versions),
    PHR_OPTION_OF(phr_alertmanager_conf_t, relabel, "relabel_configs",
                  PHR_OPT_LIST, 0, &phr_relabel_schema),
    PHR_OPTION_OF(phr_alertmanager_conf_t, alert_relabel,
                  "alert_relabel_configs", PHR_OPT_LIST, 0,
                  &phr_relabel_schema),
    PHR_OPTION_OF(phr_alertmanager_conf_t, static_configs, "static_configs",
                  PHR_OPT_LIST, 0, &phr_target_group_schema),
    PHR_OPTION_OF(phr_alertmanager_conf_t, file_sd, "file_sd_configs",
                  PHR_OPT_LIST, 0, &phr_file_sd_schema),
    PHR_CHECK_OF("", PHR_OPT_INLINE, 0, &phr_other_sd_schema),
    { .name = "(other discoveries)", .type = PHR_OPT_CUSTOM,
      .offset = offsetof(phr_alertmanager_conf_t, other_sd),
      .write = phr_other_sd_write },
};

static const phr_schema_t  phr_alertmanager_conf_schema = {
    .name = "an alertmanager configuration",
    .size = sizeof(phr_alertmanager_conf_t),
    .options = phr_alertmanager_conf_options,
    .noptions = phr_nelems(phr_alertmanager_conf_options),
    .init = phr_alertmanager_conf_init,
    .check = phr_alertmanager_conf_check
};

static const phr_option_t  phr_alerting_options[] = {
    PHR_OPTION_OF(phr_alerting_file_t, alert_relabel,
                  "alert_relabel_configs", PHR_OPT_LIST, 0,
                  &phr_relabel_schema),
    PHR_OPTION_OF(phr_alerting_file_t, alertmanagers, "alertmanagers",
                  PHR_OPT_LIST, 0, &phr_alertmanager_conf_schema),
};

const phr_schema_t  phr_alerting_schema = {
    .name = "the alerting settings",
    .size = sizeof(phr_alerting_file_t),
    .options = phr_alerting_options,
    .noptions = phr_nelems(phr_alerting_options)
};


static const char *const  phr_float_encodings[] =
    { "", "xor", "xor2", NULL };

static const phr_option_t  phr_retention_options[] = {
    PHR_OPTION(phr_retention_file_t, time_ms, "time", PHR_OPT_DURATION, 0),
    PHR_OPTION(phr_retention_file_t, size_bytes, "size", PHR_OPT_SIZE, 0),
    PHR_OPTION(phr_retention_file_t, percentage, "percentage",
               PHR_OPT_DOUBLE, 0),
};

static const phr_schema_t  phr_retention_schema = {
    .name = "storage.tsdb.retention",
    .size = sizeof(phr_retention_file_t),
    .options = phr_retention_options,
    .noptions = phr_nelems(phr_retention_options),
    .check = phr_retention_check
};

static const phr_option_t  phr_chunk_encoding_options[] = {
    PHR_CHECK_WORD("floats", 0, phr_float_encodings),
};

static const phr_schema_t  phr_chunk_encoding_schema = {
    .name = "storage.tsdb.chunk_encoding",
    .options = phr_chunk_encoding_options,
    .noptions = phr_nelems(phr_chunk_encoding_options)
};

static const phr_option_t  phr_tsdb_options[] = {
    PHR_OPTION(phr_tsdb_file_t, out_of_order_time_window_ms,
               "out_of_order_time_window", PHR_OPT_DURATION, 0),
    PHR_OPTION(phr_tsdb_file_t, stale_series_compaction_threshold,
               "stale_series_compaction_threshold", PHR_OPT_DOUBLE, 0),
    PHR_CHECK_OF("chunk_encoding", PHR_OPT_STRUCT, 0,
                 &phr_chunk_encoding_schema),
    PHR_OPTION_OF(phr_tsdb_file_t, retention, "retention", PHR_OPT_STRUCT, 0,
                  &phr_retention_schema),
};

static const phr_schema_t  phr_tsdb_schema = {
    .name = "storage.tsdb",
    .size = sizeof(phr_tsdb_file_t),
    .options = phr_tsdb_options,
    .noptions = phr_nelems(phr_tsdb_options)
};

/* exemplars: the one number is a member of the storage's struct */
typedef struct {
    int64_t  max_exemplars;
} phr_exemplars_file_t;

static const phr_option_t  phr_exemplars_options[] = {
    PHR_OPTION(phr_exemplars_file_t, max_exemplars, "max_exemplars",
               PHR_OPT_INT, 0),
};

static const phr_schema_t  phr_exemplars_schema = {
    .name = "storage.exemplars",
    .size = sizeof(phr_exemplars_file_t),
    .options = phr_exemplars_options,
    .noptions = phr_nelems(phr_exemplars_options)
};

static const phr_option_t  phr_storage_options[] = {
    PHR_OPTION_OF(phr_storage_file_t, tsdb, "tsdb", PHR_OPT_STRUCT, 0,
                  &phr_tsdb_schema),
    PHR_OPTION_OF(phr_storage_file_t, max_exemplars, "exemplars",
                  PHR_OPT_STRUCT, 0, &phr_exemplars_schema),
};

const phr_schema_t  phr_storage_schema = {
    .name = "the storage settings",
    .size = sizeof(phr_storage_file_t),
    .options = phr_storage_options,
    .noptions = phr_nelems(phr_storage_options),
    .init = phr_storage_init
};


static const char *const  phr_tracing_clients[] = { "http", "grpc", NULL };
static const char *const  phr_tracing_packs[] = { "", "gzip", NULL };

static const phr_option_t  phr_tracing_options[] = {
    PHR_CHECK_WORD("client_type", 0, phr_tracing_clients),
    PHR_CHECK("endpoint", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("sampling_fraction", PHR_OPT_DOUBLE, 0),
    PHR_CHECK("insecure", PHR_OPT_BOOL, 0),
    PHR_CHECK_OF("tls_config", PHR_OPT_STRUCT, 0, &phr_tls_schema),
    PHR_CHECK("headers", PHR_OPT_PAIRS, 0),
    PHR_CHECK("http_headers", PHR_OPT_NODE, 0),
    PHR_CHECK_WORD("compression", 0, phr_tracing_packs),
    PHR_CHECK("timeout", PHR_OPT_DURATION, 0),
};

const phr_schema_t  phr_tracing_schema = {
    .name = "the tracing settings",
    .options = phr_tracing_options,
    .noptions = phr_nelems(phr_tracing_options),
    .check = phr_tracing_check
};


static const phr_option_t  phr_queue_options[] = {
    PHR_CHECK("capacity", PHR_OPT_INT, 0),
    PHR_CHECK("max_shards", PHR_OPT_INT, 0),
    PHR_CHECK("min_shards", PHR_OPT_INT, 0),
    PHR_CHECK("max_samples_per_send", PHR_OPT_INT, 0),
    PHR_CHECK("batch_send_deadline", PHR_OPT_DURATION, 0),
    PHR_CHECK("min_backoff", PHR_OPT_DURATION, 0),
    PHR_CHECK("max_backoff", PHR_OPT_DURATION, 0),
    PHR_CHECK("retry_on_http_429", PHR_OPT_BOOL, 0),
    PHR_CHECK("sample_age_limit", PHR_OPT_DURATION, 0),
};

static const phr_schema_t  phr_queue_schema = {
    .name = "queue_config",
    .options = phr_queue_options,
    .noptions = phr_nelems(phr_queue_options),
    .check = phr_queue_check
};

static const phr_option_t  phr_metadata_options[] = {
    PHR_CHECK("send", PHR_OPT_BOOL, 0),
    PHR_CHECK("send_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("max_samples_per_send", PHR_OPT_INT, 0),
};

static const phr_schema_t  phr_metadata_schema = {
    .name = "metadata_config",
    .options = phr_metadata_options,
    .noptions = phr_nelems(phr_metadata_options)
};

static const phr_option_t  phr_google_iam_options[] = {
    PHR_CHECK("credentials_file", PHR_OPT_STR, 0),
};

static const phr_schema_t  phr_google_iam_schema = {
    .name = "google_iam",
    .options = phr_google_iam_options,
    .noptions = phr_nelems(phr_google_iam_options)
};

static const phr_option_t  phr_azuread_id_options[] = {
    PHR_CHECK("client_id", PHR_OPT_STR, 0),
    PHR_CHECK("client_secret", PHR_OPT_SECRET, 0),
    PHR_CHECK("tenant_id", PHR_OPT_STR, 0),
    PHR_CHECK("token_file_path", PHR_OPT_STR, 0),
    PHR_CHECK("certificate_path", PHR_OPT_STR, 0),
    PHR_CHECK("certificate_key_path", PHR_OPT_STR, 0),
    PHR_CHECK("certificate_password", PHR_OPT_SECRET, 0),
    PHR_CHECK("send_certificate_chain", PHR_OPT_BOOL, 0),
};

static const phr_schema_t  phr_azuread_id_schema = {
    .name = "azuread",
    .options = phr_azuread_id_options,
    .noptions = phr_nelems(phr_azuread_id_options)
};

static const phr_option_t  phr_azuread_options[] = {
    PHR_CHECK_OF("managed_identity", PHR_OPT_NODE, 0,
                 &phr_azuread_id_schema),
    PHR_CHECK_OF("workload_identity", PHR_OPT_NODE, 0,
                 &phr_azuread_id_schema),
    PHR_CHECK_OF("oauth", PHR_OPT_NODE, 0, &phr_azuread_id_schema),
    PHR_CHECK_OF("sdk", PHR_OPT_NODE, 0, &phr_azuread_id_schema),
    PHR_CHECK_OF("certificate", PHR_OPT_NODE, 0, &phr_azuread_id_schema),
    PHR_CHECK("cloud", PHR_OPT_STR, 0),
    PHR_CHECK("scope", PHR_OPT_STR, 0),
};

static const phr_schema_t  phr_azuread_schema = {
    .name = "azuread",
    .options = phr_azuread_options,
    .noptions = phr_nelems(phr_azuread_options)
};

static const char *const  phr_write_messages[] =
    { "prometheus.WriteRequest", "io.prometheus.write.v2.Request", NULL };

static const phr_option_t  phr_remote_write_options[] = {
    PHR_CHECK("url", PHR_OPT_URL, PHR_OPT_REQUIRED),
    PHR_CHECK("remote_timeout", PHR_OPT_DURATION, 0),
    PHR_CHECK("headers", PHR_OPT_PAIRS, 0),
    PHR_CHECK_OF("write_relabel_configs", PHR_OPT_LIST, 0,
                 &phr_relabel_schema),
    PHR_CHECK("name", PHR_OPT_STR, 0),
    PHR_CHECK("send_exemplars", PHR_OPT_BOOL, 0),
    PHR_CHECK("send_native_histograms", PHR_OPT_BOOL, 0),
    PHR_CHECK("round_robin_dns", PHR_OPT_BOOL, 0),
    PHR_CHECK_WORD("protobuf_message", 0, phr_write_messages),
    PHR_CHECK("failed_request_logging", PHR_OPT_BOOL, 0),
    { .name = "", .type = PHR_OPT_INLINE, .schema = &phr_http_client_schema },
    PHR_CHECK_OF("queue_config", PHR_OPT_STRUCT, 0, &phr_queue_schema),
    PHR_CHECK_OF("metadata_config", PHR_OPT_STRUCT, 0, &phr_metadata_schema),
    PHR_CHECK_OF("sigv4", PHR_OPT_NODE, 0, &phr_sigv4_schema),
    PHR_CHECK_OF("azuread", PHR_OPT_NODE, 0, &phr_azuread_schema),
    PHR_CHECK_OF("google_iam", PHR_OPT_NODE, 0, &phr_google_iam_schema),
};

const phr_schema_t  phr_remote_write_schema = {
    .name = "remote_write",
    .size = sizeof(phr_http_client_t),
    .options = phr_remote_write_options,
    .noptions = phr_nelems(phr_remote_write_options),
    .check = phr_remote_write_check
};

static const phr_option_t  phr_remote_read_options[] = {
    PHR_CHECK("url", PHR_OPT_URL, PHR_OPT_REQUIRED),
    PHR_CHECK("remote_timeout", PHR_OPT_DURATION, 0),
    PHR_CHECK("chunked_read_limit", PHR_OPT_UINT, 0),
    PHR_CHECK("headers", PHR_OPT_PAIRS, 0),
    PHR_CHECK("read_recent", PHR_OPT_BOOL, 0),
    PHR_CHECK("name", PHR_OPT_STR, 0),
    { .name = "", .type = PHR_OPT_INLINE, .schema = &phr_http_client_schema },
    PHR_CHECK("required_matchers", PHR_OPT_PAIRS, 0),
    PHR_CHECK("filter_external_labels", PHR_OPT_BOOL, 0),
};

const phr_schema_t  phr_remote_read_schema = {
    .name = "remote_read",
    .size = sizeof(phr_http_client_t),
    .options = phr_remote_read_options,
    .noptions = phr_nelems(phr_remote_read_options),
    .check = phr_remote_check
};


static const char *const  phr_otlp_strategies[] = {
    "UnderscoreEscapingWithSuffixes", "UnderscoreEscapingWithoutSuffixes",
    "NoUTF8EscapingWithSuffixes", "NoTranslation", "", NULL
};

static const phr_option_t  phr_otlp_options[] = {
    PHR_CHECK("promote_all_resource_attributes", PHR_OPT_BOOL, 0),
    PHR_CHECK("promote_resource_attributes", PHR_OPT_STRS, 0),
    PHR_CHECK("ignore_resource_attributes", PHR_OPT_STRS, 0),
    PHR_CHECK_WORD("translation_strategy", 0, phr_otlp_strategies),
    PHR_CHECK("keep_identifying_resource_attributes", PHR_OPT_BOOL, 0),
    PHR_CHECK("convert_histograms_to_nhcb", PHR_OPT_BOOL, 0),
    PHR_CHECK("promote_scope_metadata", PHR_OPT_BOOL, 0),
    PHR_CHECK("label_name_underscore_sanitization", PHR_OPT_BOOL, 0),
    PHR_CHECK("label_name_preserve_multiple_underscores", PHR_OPT_BOOL, 0),
};

const phr_schema_t  phr_otlp_schema = {
    .name = "the otlp settings",
    .options = phr_otlp_options,
    .noptions = phr_nelems(phr_otlp_options),
    .check = phr_otlp_check
};


static void
phr_alertmanager_conf_init(void *object)
{
    phr_alertmanager_conf_t  *am;

    am = object;
    am->scheme = phr_str_of("http");
    am->timeout_ms = 10 * 1000;
    am->api_version = phr_str_of("v2");
}


static int
phr_alertmanager_conf_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    int                       rc;
    phr_http_client_t        *http;
    phr_alertmanager_conf_t  *am;

    am = object;
    am->line = node ? node->line : 0;
    http = &am->http;

    if (phr_yaml_get(node, "sigv4") != NULL
        && (http->basic_auth != NULL || http->authorization != NULL
            || http->oauth2 != NULL))
    {
        return phr_schema_error(ctx, node, "at most one of basic_auth, "
                                "authorization, oauth2, & sigv4 must be "
                                "configured");
    }

    if (am->relabel.n == 0) {
        rc = phr_targets_check(ctx, &am->static_configs, node);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return phr_other_sd_collect(ctx, node, &am->other_sd, &am->nother_sd);
}


static void
phr_storage_init(void *object)
{
    ((phr_storage_file_t *) object)->max_exemplars = 100000;
}


static int
phr_retention_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    phr_retention_file_t  *r;

    r = object;

    if (!(r->percentage >= 0 && r->percentage <= 100)) {
        return phr_schema_error(ctx, phr_yaml_get(node, "percentage"),
                                "'storage.tsdb.retention.percentage' must be "
                                "in the range [0, 100]");
    }

    return PHR_OK;
}


static int
phr_tracing_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    return phr_headers_check(ctx, phr_yaml_get(node, "headers"));
}


static int
phr_remote_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    return phr_headers_check(ctx, phr_yaml_get(node, "headers"));
}


static int
phr_remote_write_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    static const char *const  names[] =
        { "basic_auth", "authorization", "oauth2", "sigv4", "azuread",
          "google_iam" };

    size_t                  i, n;
    const phr_yaml_node_t  *value;

    n = 0;

    for (i = 0; i < phr_nelems(names); i++) {
        value = phr_yaml_get(node, names[i]);
        n += (value != NULL && value->type != PHR_YAML_NULL);
    }

    n += ((phr_http_client_t *) object)->bearer_token.len > 0
         || ((phr_http_client_t *) object)->bearer_token_file.len > 0;

    if (n > 1) {
        return phr_schema_error(ctx, node, "at most one of basic_auth, "
                                "authorization, oauth2, sigv4, azuread or "
                                "google_iam must be configured");
    }

    return phr_remote_check(ctx, object, node);
}


static int
phr_queue_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    static const struct {
        const char  *name;
        int64_t      usual;
    } counts[] = {
        { "max_shards", 50 }, { "min_shards", 1 },
        { "max_samples_per_send", 2000 }, { "capacity", 10000 },
    };

    size_t                  i;
    int64_t                 v[4];
    const phr_yaml_node_t  *value;

    for (i = 0; i < phr_nelems(counts); i++) {
        value = phr_yaml_get(node, counts[i].name);
        v[i] = counts[i].usual;

        if (value != NULL && phr_yaml_int(value, &v[i]) != PHR_OK) {
            v[i] = 0;
        }

        if (v[i] <= 0) {
            return phr_schema_error(ctx, value, "remote write queue %s must "
                                    "be positive", counts[i].name);
        }
    }

    if (v[1] > v[0]) {
        return phr_schema_error(ctx, node, "remote write queue min_shards "
                                "must not be greater than max_shards");
    }

    return PHR_OK;
}


static int
phr_otlp_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    int                     all;
    size_t                  i, j;
    const phr_yaml_node_t  *promote, *ignore, *list;

    all = 0;
    (void) phr_yaml_bool(phr_yaml_get(node, "promote_all_resource_"
                                      "attributes"), &all);

    promote = phr_yaml_get(node, "promote_resource_attributes");
    ignore = phr_yaml_get(node, "ignore_resource_attributes");

    if (all && promote != NULL && promote->n > 0) {
        return phr_schema_error(ctx, promote, "'promote_all_resource_"
                                "attributes' and 'promote_resource_"
                                "attributes' cannot be configured "
                                "simultaneously");
    }

    if (!all && ignore != NULL && ignore->n > 0) {
        return phr_schema_error(ctx, ignore, "'ignore_resource_attributes' "
                                "cannot be configured unless 'promote_all_"
                                "resource_attributes' is true");
    }

    list = all ? ignore : promote;

    for (i = 0; list != NULL && i < list->n; i++) {
        if (list->items[i]->value.len == 0) {
            return phr_schema_error(ctx, list->items[i],
                                    "empty OTel resource attribute");
        }

        for (j = 0; j < i; j++) {
            if (phr_str_eq(list->items[i]->value, list->items[j]->value)) {
                return phr_schema_error(ctx, list->items[i], "duplicated OTel "
                                        "resource attribute");
            }
        }
    }

    return PHR_OK;
}


static int
phr_headers_check(phr_schema_ctx_t *ctx, const phr_yaml_node_t *headers)
{
    size_t     i;
    phr_str_t  name;

    for (i = 0; headers != NULL && i < headers->n; i++) {
        name = headers->pairs[i].key->value;

        if (phr_http_reserved_header(name)) {
            return phr_schema_error(ctx, headers->pairs[i].key, "%.*s is a "
                                    "reserved header. It must not be changed",
                                    (int) name.len, name.data);
        }
    }

    return PHR_OK;
}
