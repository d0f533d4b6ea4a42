/*
 * Copyright (C) The Pharos Authors
 *
 * prometheus.yml: the checked and completed content of the file, with the
 * scrape configurations of the files it names.  Defaults are filled in, and
 * every path is local (loader.h).  Nothing is scraped or watched from here.
 *
 * A loaded file is one immutable struct that may be read by many threads;
 * everything it points to lives as long as it does.
 */

#ifndef PHR_PROMETHEUS_YML_H_INCLUDED
#define PHR_PROMETHEUS_YML_H_INCLUDED


#include "core/labels.h"
#include "core/regex.h"
#include "settings/http_client.h"
#include "settings/loader.h"
#include "settings/yaml.h"


typedef enum {
    PHR_RELABEL_REPLACE = 0,
    PHR_RELABEL_KEEP,
    PHR_RELABEL_DROP,
    PHR_RELABEL_KEEPEQUAL,
    PHR_RELABEL_DROPEQUAL,
    PHR_RELABEL_HASHMOD,
    PHR_RELABEL_LABELMAP,
    PHR_RELABEL_LABELDROP,
    PHR_RELABEL_LABELKEEP,
    PHR_RELABEL_LOWERCASE,
    PHR_RELABEL_UPPERCASE,
} phr_relabel_action_e;


typedef struct {
    phr_strs_t             source_labels;
    phr_str_t              separator;       /* ";" */
    phr_str_t              regex;           /* "(.*)" */
    const phr_regex_t     *re;              /* never NULL */
    uint64_t               modulus;
    phr_str_t              target_label;
    phr_str_t              replacement;     /* "$1" */
    phr_relabel_action_e   action;
    int                    legacy_names;    /* names without UTF-8 only */
} phr_relabel_conf_t;

typedef struct {
    phr_relabel_conf_t   **r;
    size_t                 n;
} phr_relabel_confs_t;


/* one entry of static_configs, or of a file of file_sd_configs */
typedef struct {
    phr_strs_t     targets;
    phr_labels_t   labels;
    phr_str_t      source;                  /* "0", or "path:0" */
} phr_target_group_t;

typedef struct {
    phr_target_group_t   **g;
    size_t                 n;
} phr_target_groups_t;


typedef struct {
    phr_strs_t     files;                   /* patterns */
    int64_t        refresh_interval_ms;
} phr_file_sd_t;


/* a discovery that was accepted, but is not active: "dns", "kubernetes" */
typedef struct {
    phr_str_t      kind;
    uint32_t       line;
    size_t         n;                       /* entries of that kind */
    const phr_yaml_node_t  *node;           /* as written */
} phr_other_sd_t;


typedef enum {
    PHR_PROTO_PROTOBUF = 0,                 /* PrometheusProto */
    PHR_PROTO_OPENMETRICS_1_0_0,
    PHR_PROTO_OPENMETRICS_0_0_1,
    PHR_PROTO_TEXT_1_0_0,
    PHR_PROTO_TEXT_0_0_4,
} phr_scrape_proto_e;


/* 0 means "no limit" in all of them */
typedef struct {
    uint64_t       body_size_bytes;
    uint64_t       samples;
    uint64_t       targets;
    uint64_t       labels;
    uint64_t       label_name_bytes;
    uint64_t       label_value_bytes;
    uint64_t       keep_dropped_targets;
} phr_scrape_limits_t;


typedef struct {
    phr_str_t             job_name;
    int                   honor_labels;
    int                   honor_timestamps;
    int                   track_timestamps_staleness;
    phr_http_header_t   **params;           /* name -> values */
    size_t                nparams;
    int64_t               scrape_interval_ms;
    int64_t               scrape_timeout_ms;
    phr_strs_t            scrape_protocol_names;
    phr_scrape_proto_e    protocols[5];     /* most wanted first */
    size_t                nprotocols;
    phr_str_t             fallback_scrape_protocol;   /* empty: none */
    int                   scrape_native_histograms;
    int                   always_scrape_classic_histograms;
    int                   convert_classic_histograms_to_nhcb;
    int                   extra_scrape_metrics;
    phr_str_t             scrape_failure_log_file;
    phr_str_t             metrics_path;
    phr_str_t             scheme;
    int                   enable_compression;
    phr_scrape_limits_t   limit;
    uint64_t              native_histogram_bucket_limit;
    double                native_histogram_min_bucket_factor;
    phr_str_t             metric_name_validation_scheme;
    phr_str_t             metric_name_escaping_scheme;

    phr_http_client_t     http;
    phr_relabel_confs_t   relabel;
    phr_relabel_confs_t   metric_relabel;

    phr_target_groups_t   static_configs;
    phr_file_sd_t       **file_sd;
    size_t                nfile_sd;
    phr_other_sd_t       *other_sd;
    size_t                nother_sd;

    uint32_t              line;
} phr_scrape_conf_t;


typedef struct {
    int64_t               scrape_interval_ms;
    int64_t               scrape_timeout_ms;
    int64_t               evaluation_interval_ms;
    int64_t               rule_query_offset_ms;
    phr_strs_t            scrape_protocol_names;
    phr_str_t             query_log_file;
    phr_str_t             scrape_failure_log_file;
    phr_labels_t          external_labels;
    phr_scrape_limits_t   limit;
    phr_str_t             metric_name_validation_scheme;
    phr_str_t             metric_name_escaping_scheme;
    int                   scrape_native_histograms;
    int                   convert_classic_histograms_to_nhcb;
    int                   always_scrape_classic_histograms;
    int                   extra_scrape_metrics;
} phr_prometheus_global_t;


/* an entry of alerting.alertmanagers */
typedef struct {
    phr_http_client_t     http;
    phr_str_t             scheme;
    phr_str_t             path_prefix;
    int64_t               timeout_ms;
    phr_str_t             api_version;      /* "v2" */
    phr_relabel_confs_t   relabel;
    phr_relabel_confs_t   alert_relabel;
    phr_target_groups_t   static_configs;
    phr_file_sd_t       **file_sd;
    size_t                nfile_sd;
    phr_other_sd_t       *other_sd;
    size_t                nother_sd;
    uint32_t              line;
} phr_alertmanager_conf_t;


typedef struct {
    int64_t    out_of_order_ms;             /* 0: late samples are refused */
    int64_t    retention_ms;                /* 0: the file does not say */
    uint64_t   retention_bytes;             /* 0: the file does not say */
    double     retention_percent;
    int64_t    max_exemplars;
} phr_prometheus_storage_t;


typedef struct phr_prometheus_yml_s  phr_prometheus_yml_t;

struct phr_prometheus_yml_s {
    phr_prometheus_global_t    global;
    phr_strs_t                 rule_files;              /* patterns */
    phr_strs_t                 scrape_config_files;     /* patterns */
    phr_scrape_conf_t        **scrapes;     /* of those files, too */
    size_t                     nscrapes;
    phr_relabel_confs_t        alert_relabel;
    phr_alertmanager_conf_t  **alertmanagers;
    size_t                     nalertmanagers;
    phr_prometheus_storage_t   storage;

    phr_settings_warning_t    *warnings;
    size_t                     nwarnings;

    phr_str_t                  path;        /* of the file */

    void                      *own;         /* of the loader */
};


/*
 * Reads and checks a file.  On failure err has file, line and column;
 * PHR_EIO if the file or one that it names by scrape_config_files cannot be
 * read, PHR_EPARSE for malformed YAML, PHR_EINVAL for everything that the
 * genuine program refuses.  ld may be NULL.
 */
int phr_prometheus_yml_load(const char *path, const phr_loader_t *ld,
    phr_prometheus_yml_t **conf, phr_err_t *err);

/* the same of a text; path is what relative paths and messages refer to */
int phr_prometheus_yml_parse(phr_str_t text, const char *path,
    const phr_loader_t *ld, phr_prometheus_yml_t **conf, phr_err_t *err);

void phr_prometheus_yml_destroy(phr_prometheus_yml_t *conf);    /* or NULL */

/*
 * The rule files that exist now, in the order of the patterns, sorted
 * within each; a file named twice is given once.
 */
int phr_prometheus_yml_rule_files(const phr_prometheus_yml_t *conf,
    phr_arena_t *a, phr_strs_t *files, phr_err_t *err);

/*
 * The file as YAML with defaults filled in, as /api/v1/status/config shows
 * it: every secret is "<secret>".
 */
void phr_prometheus_yml_dump(const phr_prometheus_yml_t *conf, phr_buf_t *b);

/*
 * Reads the target groups of one file of file_sd_configs, JSON or YAML; the
 * groups have the label __meta_filepath.  A file that is broken is an error
 * and the caller keeps the groups that it had.
 */
int phr_file_sd_read(phr_arena_t *a, phr_str_t path,
    phr_target_groups_t *groups, phr_err_t *err);


#endif /* PHR_PROMETHEUS_YML_H_INCLUDED */
