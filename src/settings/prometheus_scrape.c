/*
 * Copyright (C) The Pharos Authors
 *
 * prometheus.yml: scrape configurations and the global settings they
 * inherit from.
 */

#include "settings/prometheus_schema.h"


static void phr_scrape_init(void *object);
static int phr_scrape_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_global_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_params_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node);
static void phr_params_write(phr_buf_t *b, const phr_option_t *opt,
    const void *member, unsigned indent);
static int phr_protocols_check(phr_schema_ctx_t *ctx,
    const phr_strs_t *names, const phr_yaml_node_t *node);
static int phr_protocol_find(phr_str_t name, phr_scrape_proto_e *proto);
static int phr_scrape_protocols(phr_schema_ctx_t *ctx, phr_scrape_conf_t *sc,
    const phr_prometheus_global_t *global);
static int phr_scrape_names(phr_schema_ctx_t *ctx, phr_scrape_conf_t *sc,
    const phr_prometheus_global_t *global, const phr_yaml_node_t *node);
static void phr_scrape_inherit(phr_scrape_conf_t *sc,
    const phr_prometheus_global_t *global);


/* "" is not among them: an absent value has no entry */
static const char *const  phr_validation_schemes[] =
    { "legacy", "utf8", "", NULL };
static const char *const  phr_escaping_schemes[] =
    { "allow-utf-8", "underscores", "dots", "values", "", NULL };

/* ORDER PHR_PROTO */
static const char *const  phr_protocol_names[] = {
    "PrometheusProto", "OpenMetricsText1.0.0", "OpenMetricsText0.0.1",
    "PrometheusText1.0.0", "PrometheusText0.0.4", NULL
};


#define PHR_LIMIT_OPTIONS(struct_)                                            \
    PHR_OPTION(struct_, limit.body_size_bytes, "body_size_limit",             \
               PHR_OPT_SIZE, 0),                                              \
    PHR_OPTION(struct_, limit.samples, "sample_limit", PHR_OPT_UINT, 0),      \
    PHR_OPTION(struct_, limit.targets, "target_limit", PHR_OPT_UINT, 0),      \
    PHR_OPTION(struct_, limit.labels, "label_limit", PHR_OPT_UINT, 0),        \
    PHR_OPTION(struct_, limit.label_name_bytes, "label_name_length_limit",    \
               PHR_OPT_UINT, 0),                                              \
    PHR_OPTION(struct_, limit.label_value_bytes, "label_value_length_limit",  \
               PHR_OPT_UINT, 0),                                              \
    PHR_OPTION(struct_, limit.keep_dropped_targets, "keep_dropped_targets",   \
               PHR_OPT_UINT, 0)

#define PHR_NAME_OPTIONS(struct_)                                             \
    PHR_OPTION_WORD(struct_, metric_name_validation_scheme,                   \
                    "metric_name_validation_scheme", 0,                       \
                    phr_validation_schemes),                                  \
    PHR_OPTION_WORD(struct_, metric_name_escaping_scheme,                     \
                    "metric_name_escaping_scheme", 0, phr_escaping_schemes)


static const phr_option_t  phr_scrape_options[] = {
    PHR_OPTION(phr_scrape_conf_t, job_name, "job_name", PHR_OPT_STR,
               PHR_OPT_REQUIRED),
    PHR_OPTION(phr_scrape_conf_t, honor_labels, "honor_labels",
               PHR_OPT_BOOL, 0),
    PHR_OPTION(phr_scrape_conf_t, honor_timestamps, "honor_timestamps",
               PHR_OPT_BOOL, PHR_OPT_KEEP),
    PHR_OPTION(phr_scrape_conf_t, track_timestamps_staleness,
               "track_timestamps_staleness", PHR_OPT_BOOL, PHR_OPT_KEEP),
    { .name = "params", .type = PHR_OPT_CUSTOM,
      .offset = offsetof(phr_scrape_conf_t, params),
      .set = phr_params_set, .write = phr_params_write },
    PHR_OPTION(phr_scrape_conf_t, scrape_interval_ms, "scrape_interval",
               PHR_OPT_DURATION, 0),
    PHR_OPTION(phr_scrape_conf_t, scrape_timeout_ms, "scrape_timeout",
               PHR_OPT_DURATION, 0),
    PHR_OPTION(phr_scrape_conf_t, scrape_protocol_names, "scrape_protocols",
               PHR_OPT_STRS, 0),
    PHR_OPTION_WORD(phr_scrape_conf_t, fallback_scrape_protocol,
                    "fallback_scrape_protocol", 0, phr_protocol_names),
    PHR_OPTION(phr_scrape_conf_t, scrape_native_histograms,
               "scrape_native_histograms", PHR_OPT_BOOL, PHR_OPT_KEEP),
    PHR_OPTION(phr_scrape_conf_t, always_scrape_classic_histograms,
               "always_scrape_classic_histograms", PHR_OPT_BOOL,
               PHR_OPT_KEEP),
    PHR_OPTION(phr_scrape_conf_t, convert_classic_histograms_to_nhcb,
               "convert_classic_histograms_to_nhcb", PHR_OPT_BOOL,
               PHR_OPT_KEEP),
    PHR_OPTION(phr_scrape_conf_t, scrape_failure_log_file,
               "scrape_failure_log_file", PHR_OPT_PATH, 0),
    PHR_OPTION(phr_scrape_conf_t, metrics_path, "metrics_path",
               PHR_OPT_STR, 0),
    PHR_OPTION(phr_scrape_conf_t, scheme, "scheme", PHR_OPT_STR, 0),
    PHR_OPTION(phr_scrape_conf_t, enable_compression, "enable_compression",
               PHR_OPT_BOOL, PHR_OPT_KEEP),
    PHR_LIMIT_OPTIONS(phr_scrape_conf_t),
    PHR_OPTION(phr_scrape_conf_t, native_histogram_bucket_limit,
               "native_histogram_bucket_limit", PHR_OPT_UINT, 0),
    PHR_OPTION(phr_scrape_conf_t, native_histogram_min_bucket_factor,
               "native_histogram_min_bucket_factor", PHR_OPT_DOUBLE, 0),
    PHR_NAME_OPTIONS(phr_scrape_conf_t),
    PHR_OPTION(phr_scrape_conf_t, extra_scrape_metrics,
               "extra_scrape_metrics", PHR_OPT_BOOL, PHR_OPT_KEEP),
    PHR_OPTION_OF(phr_scrape_conf_t, http, "", PHR_OPT_INLINE, 0,
                  &phr_http_client_schema),
    PHR_OPTION_OF(phr_scrape_conf_t, relabel, "relabel_configs",
                  PHR_OPT_LIST, 0, &phr_relabel_schema),
    PHR_OPTION_OF(phr_scrape_conf_t, metric_relabel,
                  "metric_relabel_configs", PHR_OPT_LIST, 0,
                  &phr_relabel_schema),
    PHR_OPTION_OF(phr_scrape_conf_t, static_configs, "static_configs",
                  PHR_OPT_LIST, 0, &phr_target_group_schema),
    PHR_OPTION_OF(phr_scrape_conf_t, file_sd, "file_sd_configs",
                  PHR_OPT_LIST, 0, &phr_file_sd_schema),
    PHR_CHECK_OF("", PHR_OPT_INLINE, 0, &phr_other_sd_schema),
    { .name = "(other discoveries)", .type = PHR_OPT_CUSTOM,
      .offset = offsetof(phr_scrape_conf_t, other_sd),
      .write = phr_other_sd_write },
};

const phr_schema_t  phr_scrape_schema = {
    .name = "a scrape configuration",
    .size = sizeof(phr_scrape_conf_t),
    .options = phr_scrape_options,
    .noptions = phr_nelems(phr_scrape_options),
    .init = phr_scrape_init,
    .check = phr_scrape_check
};


static const phr_option_t  phr_scrape_file_options[] = {
    PHR_OPTION_OF(phr_scrape_file_t, scrapes, "scrape_configs",
                  PHR_OPT_LIST, 0, &phr_scrape_schema),
};

const phr_schema_t  phr_scrape_file_schema = {
    .name = "a file of scrape_config_files",
    .size = sizeof(phr_scrape_file_t),
    .options = phr_scrape_file_options,
    .noptions = phr_nelems(phr_scrape_file_options)
};


static const phr_option_t  phr_global_options[] = {
    PHR_OPTION(phr_prometheus_global_t, scrape_interval_ms,
               "scrape_interval", PHR_OPT_DURATION, 0),
    PHR_OPTION(phr_prometheus_global_t, scrape_timeout_ms, "scrape_timeout",
               PHR_OPT_DURATION, 0),
    PHR_OPTION(phr_prometheus_global_t, scrape_protocol_names,
               "scrape_protocols", PHR_OPT_STRS, 0),
    PHR_OPTION(phr_prometheus_global_t, evaluation_interval_ms,
               "evaluation_interval", PHR_OPT_DURATION, 0),
    PHR_OPTION(phr_prometheus_global_t, rule_query_offset_ms,
               "rule_query_offset", PHR_OPT_DURATION, 0),
    PHR_OPTION(phr_prometheus_global_t, query_log_file, "query_log_file",
               PHR_OPT_PATH, 0),
    PHR_OPTION(phr_prometheus_global_t, scrape_failure_log_file,
               "scrape_failure_log_file", PHR_OPT_PATH, 0),
    { .name = "external_labels", .type = PHR_OPT_CUSTOM,
      .offset = offsetof(phr_prometheus_global_t, external_labels),
      .set = phr_labels_set, .write = phr_labels_write },
    PHR_LIMIT_OPTIONS(phr_prometheus_global_t),
    PHR_NAME_OPTIONS(phr_prometheus_global_t),
    PHR_OPTION(phr_prometheus_global_t, scrape_native_histograms,
               "scrape_native_histograms", PHR_OPT_BOOL, PHR_OPT_KEEP),
    PHR_OPTION(phr_prometheus_global_t, convert_classic_histograms_to_nhcb,
               "convert_classic_histograms_to_nhcb", PHR_OPT_BOOL, 0),
    PHR_OPTION(phr_prometheus_global_t, always_scrape_classic_histograms,
               "always_scrape_classic_histograms", PHR_OPT_BOOL, 0),
    PHR_OPTION(phr_prometheus_global_t, extra_scrape_metrics,
               "extra_scrape_metrics", PHR_OPT_BOOL, PHR_OPT_KEEP),
};

const phr_schema_t  phr_global_schema = {
    .name = "the global settings",
    .size = sizeof(phr_prometheus_global_t),
    .options = phr_global_options,
    .noptions = phr_nelems(phr_global_options),
    .check = phr_global_check
};


int
phr_scrape_complete(phr_schema_ctx_t *ctx, phr_scrape_conf_t *sc,
    const phr_prometheus_global_t *global, const phr_yaml_node_t *node)
{
    int  rc, legacy;

    if (sc->scrape_interval_ms == 0) {
        sc->scrape_interval_ms = global->scrape_interval_ms;
    }

    if (sc->scrape_timeout_ms > sc->scrape_interval_ms) {
        return phr_schema_error(ctx, phr_yaml_get(node, "scrape_timeout"),
                                "scrape timeout greater than scrape interval "
                                "for scrape config with job name \"%.*s\"",
                                (int) sc->job_name.len, sc->job_name.data);
    }

    if (sc->scrape_timeout_ms == 0) {
        sc->scrape_timeout_ms = phr_min(global->scrape_timeout_ms,
                                        sc->scrape_interval_ms);
    }

    phr_scrape_inherit(sc, global);

    rc = phr_scrape_protocols(ctx, sc, global);

    if (rc == PHR_OK) {
        rc = phr_scrape_names(ctx, sc, global, node);
    }

    legacy = phr_str_eq(sc->metric_name_validation_scheme,
                        phr_str_of("legacy"));

    if (rc == PHR_OK) {
        rc = phr_relabels_check(ctx, &sc->relabel, legacy,
                                phr_yaml_get(node, "relabel_configs"));
    }

    if (rc == PHR_OK) {
        rc = phr_relabels_check(ctx, &sc->metric_relabel, legacy,
                                phr_yaml_get(node, "metric_relabel_configs"));
    }

    return rc;
}


static void
phr_scrape_init(void *object)
{
    phr_scrape_conf_t  *sc;

    sc = object;
    sc->metrics_path = phr_str_of("/metrics");
    sc->scheme = phr_str_of("http");
    sc->honor_timestamps = 1;
    sc->enable_compression = 1;

    /* unset, until the global settings are known */

    sc->scrape_native_histograms = -1;
    sc->always_scrape_classic_histograms = -1;
    sc->convert_classic_histograms_to_nhcb = -1;
    sc->extra_scrape_metrics = -1;
}


static int
phr_scrape_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    int                     rc;
    char                   *source;
    size_t                  i;
    phr_scrape_conf_t      *sc;
    const phr_yaml_node_t  *protocols;

    sc = object;
    sc->line = node ? node->line : 0;

    for (i = 0; i < sc->static_configs.n; i++) {
        source = phr_arena_printf(ctx->arena, "%zu", i);
        if (source == NULL) {
            return phr_schema_nomem(ctx);
        }

        sc->static_configs.g[i]->source = phr_str_from_c(source);
    }

    if (sc->relabel.n == 0) {
        rc = phr_targets_check(ctx, &sc->static_configs, node);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    protocols = phr_yaml_get(node, "scrape_protocols");

    if (protocols != NULL && protocols->type != PHR_YAML_NULL) {
        rc = phr_protocols_check(ctx, &sc->scrape_protocol_names, protocols);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return phr_other_sd_collect(ctx, node, &sc->other_sd, &sc->nother_sd);
}


static int
phr_global_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    size_t                    i;
    phr_str_t                 name;
    const phr_yaml_node_t    *protocols;
    phr_prometheus_global_t  *g;

    g = object;

    if (g->scrape_interval_ms == 0) {
        g->scrape_interval_ms = 60 * 1000;
    }

    if (g->scrape_timeout_ms > g->scrape_interval_ms) {
        return phr_schema_error(ctx, phr_yaml_get(node, "scrape_timeout"),
                                "global scrape timeout greater than scrape "
                                "interval");
    }

    if (g->scrape_timeout_ms == 0) {
        g->scrape_timeout_ms = phr_min(10 * 1000, g->scrape_interval_ms);
    }

    if (g->evaluation_interval_ms == 0) {
        g->evaluation_interval_ms = 60 * 1000;
    }

    if (g->metric_name_validation_scheme.len == 0) {
        g->metric_name_validation_scheme = phr_str_of("utf8");
    }

    for (i = 0; i < g->external_labels.n; i++) {
        name = g->external_labels.l[i].name;

        if (!phr_settings_name_valid(name, g->metric_name_validation_scheme
                                           .data[0] == 'l'))
        {
            return phr_schema_error(ctx,
                                    phr_yaml_get(node, "external_labels"),
                                    "\"%.*s\" is not a valid label name",
                                    (int) phr_min(name.len, 100), name.data);
        }
    }

    protocols = phr_yaml_get(node, "scrape_protocols");

    if (protocols != NULL && protocols->type != PHR_YAML_NULL) {
        return phr_protocols_check(ctx, &g->scrape_protocol_names, protocols);
    }

    return PHR_OK;
}


static int
phr_params_set(phr_schema_ctx_t *ctx, const phr_option_t *opt, void *member,
    const phr_yaml_node_t *node)
{
    return phr_http_values_read(ctx, opt, PHR_OPT_STRS, member, node);
}


static void
phr_params_write(phr_buf_t *b, const phr_option_t *opt, const void *member,
    unsigned indent)
{
    phr_http_values_write(b, opt, PHR_OPT_STRS, member, indent);
}


static int
phr_protocols_check(phr_schema_ctx_t *ctx, const phr_strs_t *names,
    const phr_yaml_node_t *node)
{
    size_t              i;
    unsigned            seen;
    phr_scrape_proto_e  proto;

    seen = 0;

    for (i = 0; i < names->n; i++) {
        if (!phr_protocol_find(names->s[i], &proto)) {
            return phr_schema_error(ctx, node, "unknown scrape protocol "
                                    "\"%.*s\"",
                                    (int) phr_min(names->s[i].len, 100),
                                    names->s[i].data);
        }

        if (seen & (1u << proto)) {
            return phr_schema_error(ctx, node, "duplicated protocol in "
                                    "scrape_protocols: %s",
                                    phr_protocol_names[proto]);
        }

        seen |= 1u << proto;
    }

    if (seen == 0) {
        return phr_schema_error(ctx, node, "scrape_protocols cannot be empty");
    }

    return PHR_OK;
}


static int
phr_protocol_find(phr_str_t name, phr_scrape_proto_e *proto)
{
    size_t  i;

    for (i = 0; phr_protocol_names[i] != NULL; i++) {
        if (phr_str_eq(name, phr_str_from_c(phr_protocol_names[i]))) {
            *proto = (phr_scrape_proto_e) i;
            return 1;
        }
    }

    return 0;
}


static int
phr_scrape_protocols(phr_schema_ctx_t *ctx, phr_scrape_conf_t *sc,
    const phr_prometheus_global_t *global)
{
    size_t               i, first;
    phr_str_t           *s;
    phr_scrape_proto_e   proto;

    if (sc->scrape_protocol_names.n == 0) {
        sc->scrape_protocol_names = global->scrape_protocol_names;
    }

    if (sc->scrape_protocol_names.n == 0) {
        first = sc->scrape_native_histograms ? 0 : 1;

        s = phr_arena_alloc(ctx->arena, 5 * sizeof(phr_str_t));
        if (s == NULL) {
            return phr_schema_nomem(ctx);
        }

        for (i = first; i < 5; i++) {
            s[i - first] = phr_str_from_c(phr_protocol_names[i]);
        }

        sc->scrape_protocol_names.s = s;
        sc->scrape_protocol_names.n = 5 - first;
    }

    for (i = 0; i < sc->scrape_protocol_names.n; i++) {
        if (phr_protocol_find(sc->scrape_protocol_names.s[i], &proto)) {
            sc->protocols[sc->nprotocols++] = proto;
        }
    }

    return PHR_OK;
}


static int
phr_scrape_names(phr_schema_ctx_t *ctx, phr_scrape_conf_t *sc,
    const phr_prometheus_global_t *global, const phr_yaml_node_t *node)
{
    int        unset;
    phr_str_t  escaping;

    escaping = global->metric_name_escaping_scheme;

    if (escaping.len == 0) {
        escaping = (global->metric_name_validation_scheme.data[0] == 'l')
                   ? phr_str_of("underscores") : phr_str_of("allow-utf-8");
    }

    unset = (sc->metric_name_validation_scheme.len == 0);

    if (unset) {
        sc->metric_name_validation_scheme =
            global->metric_name_validation_scheme;
    }

    if (sc->metric_name_escaping_scheme.len == 0) {
        if (unset) {
            sc->metric_name_escaping_scheme = escaping;

        } else {
            sc->metric_name_escaping_scheme =
                (sc->metric_name_validation_scheme.data[0] == 'l')
                ? phr_str_of("underscores") : phr_str_of("allow-utf-8");
        }
    }

    if (sc->metric_name_escaping_scheme.data[0] == 'a'
        && sc->metric_name_validation_scheme.data[0] != 'u')
    {
        return phr_schema_error(ctx, node, "utf8 metric names requested but "
                                "validation scheme is not set to UTF8");
    }

    return PHR_OK;
}


static void
phr_scrape_inherit(phr_scrape_conf_t *sc,
    const phr_prometheus_global_t *global)
{
    size_t           i;
    uint64_t        *own;
    const uint64_t  *from;

    /* all limits are numbers where 0 means unset */

    own = (uint64_t *) &sc->limit;
    from = (const uint64_t *) &global->limit;

    for (i = 0; i < sizeof(phr_scrape_limits_t) / sizeof(uint64_t); i++) {
        if (own[i] == 0) {
            own[i] = from[i];
        }
    }

    if (sc->scrape_failure_log_file.len == 0) {
        sc->scrape_failure_log_file = global->scrape_failure_log_file;
    }

    if (sc->scrape_native_histograms < 0) {
        sc->scrape_native_histograms = global->scrape_native_histograms;
    }

    if (sc->extra_scrape_metrics < 0) {
        sc->extra_scrape_metrics = global->extra_scrape_metrics;
    }

    if (sc->always_scrape_classic_histograms < 0) {
        sc->always_scrape_classic_histograms =
            global->always_scrape_classic_histograms;
    }

    if (sc->convert_classic_histograms_to_nhcb < 0) {
        sc->convert_classic_histograms_to_nhcb =
            global->convert_classic_histograms_to_nhcb;
    }
}
