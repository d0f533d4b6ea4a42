/*
 * Copyright (C) The Pharos Authors
 *
 * prometheus.yml: the tables of its parts, and the struct that has the form
 * of the file, for the other files of this folder.
 */

#ifndef PHR_PROMETHEUS_SCHEMA_H_INCLUDED
#define PHR_PROMETHEUS_SCHEMA_H_INCLUDED


#include "settings/http_client_schema.h"
#include "settings/prometheus_yml.h"


/* names of metrics and labels without UTF-8, else any text */
#define PHR_NAMES_LEGACY  1


typedef struct {
    int64_t        time_ms;
    uint64_t       size_bytes;
    double         percentage;
} phr_retention_file_t;

typedef struct {
    int64_t                 out_of_order_time_window_ms;
    double                  stale_series_compaction_threshold;
    phr_str_t               float_encoding;
    phr_retention_file_t    retention;
} phr_tsdb_file_t;

typedef struct {
    phr_tsdb_file_t         tsdb;
    int64_t                 max_exemplars;
} phr_storage_file_t;

typedef struct {
    phr_relabel_confs_t        alert_relabel;
    phr_alertmanager_conf_t  **alertmanagers;
    size_t                     nalertmanagers;
} phr_alerting_file_t;

typedef struct {
    phr_prometheus_global_t    global;
    int64_t                    gogc;
    phr_alerting_file_t        alerting;
    phr_strs_t                 rule_files;
    phr_strs_t                 scrape_config_files;
    phr_scrape_conf_t        **scrapes;
    size_t                     nscrapes;
    phr_storage_file_t         storage;
    const phr_yaml_node_t     *tracing;
    const phr_yaml_node_t     *remote_write;
    const phr_yaml_node_t     *remote_read;
    const phr_yaml_node_t     *otlp;
} phr_prometheus_file_t;


extern const phr_schema_t  phr_relabel_schema;
extern const phr_schema_t  phr_target_group_schema;
extern const phr_schema_t  phr_file_sd_schema;
extern const phr_schema_t  phr_other_sd_schema;     /* has no struct */
extern const phr_schema_t  phr_scrape_schema;
extern const phr_schema_t  phr_scrape_file_schema;  /* scrape_config_files */
extern const phr_schema_t  phr_global_schema;
extern const phr_schema_t  phr_alerting_schema;
extern const phr_schema_t  phr_storage_schema;
extern const phr_schema_t  phr_tracing_schema;
extern const phr_schema_t  phr_otlp_schema;
extern const phr_schema_t  phr_remote_write_schema;
extern const phr_schema_t  phr_remote_read_schema;

/* the content of a file of scrape_config_files */
typedef struct {
    phr_scrape_conf_t        **scrapes;
    size_t                     nscrapes;
} phr_scrape_file_t;


/* what depends on the global settings; node is the scrape's, or its file's */
int phr_scrape_complete(phr_schema_ctx_t *ctx, phr_scrape_conf_t *sc,
    const phr_prometheus_global_t *global, const phr_yaml_node_t *node);

/* relabel rules once it is known which names are valid */
int phr_relabels_check(phr_schema_ctx_t *ctx, phr_relabel_confs_t *rules,
    int legacy, const phr_yaml_node_t *list);

/* a legacy or any UTF-8 name that is not empty */
int phr_settings_name_valid(phr_str_t name, int legacy);

/* a CUSTOM option whose member is phr_labels_t */
int phr_labels_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node);
void phr_labels_write(phr_buf_t *b, const phr_option_t *opt,
    const void *member, unsigned indent);

/* the discoveries that a mapping names and that are not active */
int phr_other_sd_collect(phr_schema_ctx_t *ctx, const phr_yaml_node_t *node,
    phr_other_sd_t **list, size_t *n);
void phr_other_sd_write(phr_buf_t *b, const phr_option_t *opt,
    const void *member, unsigned indent);

/* checks of discoveries, see phr_schema_t */
int phr_sd_azure_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_sd_consul_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_sd_dns_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_sd_key_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_sd_kubernetes_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_sd_marathon_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_sd_triton_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_sd_zookeeper_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);

/* addresses are host:port, unless relabeling makes them so */
int phr_targets_check(phr_schema_ctx_t *ctx,
    const phr_target_groups_t *groups, const phr_yaml_node_t *node);


#endif /* PHR_PROMETHEUS_SCHEMA_H_INCLUDED */
