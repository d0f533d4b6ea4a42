/*
 * Copyright (C) The Pharos Authors
 *
 * Module: the table of directives, their defaults, and the hooks into
 * nginx.  What a hook does is in the file that its function is named after.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx/ngx_http_pharos.h"


/* where "make install" puts the page and the Lua modules */
#define NGX_HTTP_PHAROS_SHARE  "/usr/share/pharos"


static ngx_int_t ngx_http_pharos_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_pharos_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_pharos_init_process(ngx_cycle_t *cycle);
static void ngx_http_pharos_exit_process(ngx_cycle_t *cycle);
static void *ngx_http_pharos_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_pharos_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_pharos_create_srv_conf(ngx_conf_t *cf);
static void *ngx_http_pharos_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_pharos_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


static ngx_conf_num_bounds_t  ngx_http_pharos_nice_bounds = {
    ngx_conf_check_num_bounds, 0, 19
};


static ngx_conf_post_t  ngx_http_pharos_label_post = {
    ngx_http_pharos_conf_label
};


/* seconds */
static ngx_conf_enum_t  ngx_http_pharos_resolutions[] = {
    { ngx_string("raw"), 0 },
    { ngx_string("5m"), 300 },
    { ngx_string("1h"), 3600 },
    { ngx_string("auto"), NGX_HTTP_PHAROS_RESOLUTION_AUTO },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_pharos_commands[] = {

    { ngx_string("pharos_store"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      ngx_http_pharos_conf_store,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("pharos"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_relay,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("pharos_unprotected"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_pharos_loc_conf_t, unprotected),
      NULL },

    { ngx_string("pharos_admin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_pharos_loc_conf_t, admin),
      NULL },

    { ngx_string("pharos_retention"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, retention),
      NULL },

    { ngx_string("pharos_retention_size"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_off_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, retention_size),
      NULL },

    { ngx_string("pharos_retention_for"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_http_pharos_conf_retention_for,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("pharos_downsample"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      ngx_http_pharos_conf_downsample,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("pharos_query_resolution"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, query_resolution),
      &ngx_http_pharos_resolutions },

    { ngx_string("pharos_out_of_order"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, out_of_order),
      NULL },

    { ngx_string("pharos_durability"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_durability,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("pharos_encryption_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_encryption_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("pharos_max_series"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_count,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, max_series),
      NULL },

    { ngx_string("pharos_exemplars"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_count,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, exemplars),
      NULL },

    { ngx_string("pharos_max_labels"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_count,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, max_labels),
      NULL },

    { ngx_string("pharos_max_label_name"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_off_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, max_label_name),
      &ngx_http_pharos_label_post },

    { ngx_string("pharos_max_label_value"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_off_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, max_label_value),
      &ngx_http_pharos_label_post },

    { ngx_string("pharos_max_labels_size"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_off_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, max_labels_size),
      NULL },

    { ngx_string("pharos_max_target_series"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_count,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, max_target_series),
      NULL },

    { ngx_string("pharos_max_push_groups"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_count,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, max_push_groups),
      NULL },

    { ngx_string("pharos_max_push_series"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_count,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, max_push_series),
      NULL },

    { ngx_string("pharos_query_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, query_timeout),
      NULL },

    { ngx_string("pharos_stream_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, stream_timeout),
      NULL },

    { ngx_string("pharos_query_concurrency"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_count,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, query_concurrency),
      NULL },

    { ngx_string("pharos_query_queue"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_count,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, query_queue),
      NULL },

    { ngx_string("pharos_query_max_samples"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_count,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, query_max_samples),
      NULL },

    { ngx_string("pharos_query_memory"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_off_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, query_memory),
      NULL },

    { ngx_string("pharos_query_cache"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_off_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, query_cache),
      NULL },

    { ngx_string("pharos_query_experimental"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, query_experimental),
      NULL },

    { ngx_string("pharos_dialect"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_pharos_conf_dialect,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("pharos_max_body"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_off_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, max_body),
      NULL },

    { ngx_string("pharos_write_queue"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_count,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, write_queue),
      NULL },

    { ngx_string("pharos_memory"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_off_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, memory),
      NULL },

    { ngx_string("pharos_nice"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, nice),
      &ngx_http_pharos_nice_bounds },

    { ngx_string("pharos_prometheus"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, prometheus),
      NULL },

    { ngx_string("pharos_alertmanager"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, alertmanager),
      NULL },

    { ngx_string("pharos_dashboards"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, dashboards),
      NULL },

    { ngx_string("pharos_path_map"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_http_pharos_conf_path_map,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("pharos_page"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, page),
      NULL },

    { ngx_string("pharos_lua"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, lua),
      NULL },

    { ngx_string("pharos_external_url"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_pharos_main_conf_t, external_url),
      NULL },

    /* in the text that pharos_store generates, refused elsewhere */

    { ngx_string("pharos_internal"),
      NGX_HTTP_UPS_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_pharos_conf_internal,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_pharos_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_pharos_init,                  /* postconfiguration */

    ngx_http_pharos_create_main_conf,      /* create main configuration */
    ngx_http_pharos_init_main_conf,        /* init main configuration */

    ngx_http_pharos_create_srv_conf,       /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_pharos_create_loc_conf,       /* create location configuration */
    ngx_http_pharos_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_http_pharos_module = {
    NGX_MODULE_V1,
    &ngx_http_pharos_module_ctx,           /* module context */
    ngx_http_pharos_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_pharos_init_module,           /* init module */
    ngx_http_pharos_init_process,          /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_pharos_exit_process,          /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_pharos_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt          *h;
    ngx_http_core_main_conf_t    *cmcf;
    ngx_http_pharos_main_conf_t  *pmcf;

    pmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_pharos_module);

    if (ngx_http_pharos_conf_finish(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (pmcf->path == NULL) {
        return NGX_OK;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_pharos_traffic_handler;

    /*
     * The helper takes its requests in the first phase: what the http block
     * says of access, rewriting and limits is meant for clients and has been
     * applied by the worker already.
     */

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_POST_READ_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_pharos_serve_handler;

    return NGX_OK;
}


static ngx_int_t
ngx_http_pharos_init_module(ngx_cycle_t *cycle)
{
    return ngx_http_pharos_conf_module(cycle);
}


static ngx_int_t
ngx_http_pharos_init_process(ngx_cycle_t *cycle)
{
    ngx_http_pharos_main_conf_t  *pmcf;

    pmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_pharos_module);

    if (pmcf == NULL || pmcf->path == NULL) {
        return NGX_OK;
    }

    if (ngx_process == NGX_PROCESS_WORKER || ngx_process == NGX_PROCESS_SINGLE)
    {
        if (ngx_http_pharos_traffic_init(cycle, pmcf) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_process == NGX_PROCESS_SINGLE) {
        (void) ngx_http_pharos_helper_manager(pmcf);
    }

    return NGX_OK;
}


static void
ngx_http_pharos_exit_process(ngx_cycle_t *cycle)
{
    if (ngx_process == NGX_PROCESS_SINGLE) {
        ngx_http_pharos_helper_exit(cycle);
    }
}


static void *
ngx_http_pharos_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_pharos_main_conf_t  *pmcf;

    pmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_pharos_main_conf_t));
    if (pmcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     pmcf->path = NULL;
     *     pmcf->socket = { 0, NULL };
     *     pmcf->map_size = 0;
     *     pmcf->zone = NULL;
     *     pmcf->upstream = 0;
     *     pmcf->upstream_long = 0;
     *     pmcf->listening = NULL;
     *     pmcf->generating = 0;
     *     pmcf->prometheus = { 0, NULL };
     *     pmcf->alertmanager = { 0, NULL };
     *     pmcf->dashboards = { 0, NULL };
     *     pmcf->page = { 0, NULL };
     *     pmcf->lua = { 0, NULL };
     *     pmcf->external_url = { 0, NULL };
     *     pmcf->path_maps = NULL;
     *     pmcf->retention_rules = NULL;
     *     pmcf->retention_for = { 0, NULL };
     *     pmcf->coarse = { { 0, 0 } };
     *     pmcf->downsample = { 0, NULL };
     *     pmcf->dialect = { 0, NULL };
     *     pmcf->metricsql = 0;
     *     pmcf->metricsql_rules = 0;
     */

    if (ngx_array_init(&pmcf->locations, cf->pool, 4,
                       sizeof(ngx_http_pharos_location_t))
        != NGX_OK)
    {
        return NULL;
    }

    pmcf->fd = NGX_INVALID_FILE;

    pmcf->retention = NGX_CONF_UNSET;
    pmcf->retention_size = NGX_CONF_UNSET;
    pmcf->query_resolution = NGX_CONF_UNSET_UINT;
    pmcf->out_of_order = NGX_CONF_UNSET_MSEC;
    pmcf->durability = NGX_CONF_UNSET_MSEC;
    pmcf->max_series = NGX_CONF_UNSET_UINT;
    pmcf->exemplars = NGX_CONF_UNSET_UINT;
    pmcf->max_labels = NGX_CONF_UNSET_UINT;
    pmcf->max_label_name = NGX_CONF_UNSET;
    pmcf->max_label_value = NGX_CONF_UNSET;
    pmcf->max_labels_size = NGX_CONF_UNSET;
    pmcf->max_target_series = NGX_CONF_UNSET_UINT;
    pmcf->max_push_groups = NGX_CONF_UNSET_UINT;
    pmcf->max_push_series = NGX_CONF_UNSET_UINT;

    pmcf->query_timeout = NGX_CONF_UNSET_MSEC;
    pmcf->stream_timeout = NGX_CONF_UNSET_MSEC;
    pmcf->query_concurrency = NGX_CONF_UNSET_UINT;
    pmcf->query_queue = NGX_CONF_UNSET_UINT;
    pmcf->query_max_samples = NGX_CONF_UNSET_UINT;
    pmcf->query_memory = NGX_CONF_UNSET;
    pmcf->query_cache = NGX_CONF_UNSET;
    pmcf->query_experimental = NGX_CONF_UNSET;
    pmcf->max_body = NGX_CONF_UNSET;
    pmcf->write_queue = NGX_CONF_UNSET_UINT;
    pmcf->memory = NGX_CONF_UNSET;
    pmcf->nice = NGX_CONF_UNSET;

    return pmcf;
}


static char *
ngx_http_pharos_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_pharos_main_conf_t  *pmcf = conf;

    ngx_conf_init_value(pmcf->retention, 15 * 24 * 3600);
    ngx_conf_init_value(pmcf->retention_size, 0);
    ngx_conf_init_uint_value(pmcf->query_resolution, 0);
    ngx_conf_init_msec_value(pmcf->out_of_order, 0);
    ngx_conf_init_msec_value(pmcf->durability, 0);
    ngx_conf_init_uint_value(pmcf->max_series, 1000000);
    ngx_conf_init_uint_value(pmcf->exemplars, 0);
    ngx_conf_init_uint_value(pmcf->max_labels, 64);
    ngx_conf_init_value(pmcf->max_label_name, 1024);
    ngx_conf_init_value(pmcf->max_label_value, 2048);
    ngx_conf_init_value(pmcf->max_labels_size, 16 * 1024);
    ngx_conf_init_uint_value(pmcf->max_target_series, 200000);
    ngx_conf_init_uint_value(pmcf->max_push_groups, 10000);
    ngx_conf_init_uint_value(pmcf->max_push_series, 10000);

    ngx_conf_init_msec_value(pmcf->query_timeout, 120000);
    ngx_conf_init_msec_value(pmcf->stream_timeout, 1800000);
    ngx_conf_init_uint_value(pmcf->query_concurrency, 20);
    ngx_conf_init_uint_value(pmcf->query_queue, 512);
    ngx_conf_init_uint_value(pmcf->query_max_samples, 50000000);
    ngx_conf_init_value(pmcf->query_memory, 256 * 1024 * 1024);
    ngx_conf_init_value(pmcf->query_cache, 64 * 1024 * 1024);
    ngx_conf_init_value(pmcf->query_experimental, 0);

    if (pmcf->dialect.data == NULL) {
        ngx_str_set(&pmcf->dialect, "promql");
    }

    ngx_conf_init_value(pmcf->max_body, 16 * 1024 * 1024);
    ngx_conf_init_uint_value(pmcf->write_queue, 4096);
    ngx_conf_init_value(pmcf->memory, 1024 * 1024 * 1024);
    ngx_conf_init_value(pmcf->nice, 10);

    if (pmcf->page.len == 0) {
        ngx_str_set(&pmcf->page, NGX_HTTP_PHAROS_SHARE "/html");
    }

    if (pmcf->lua.len == 0) {
        ngx_str_set(&pmcf->lua, NGX_HTTP_PHAROS_SHARE "/lua");
    }

    return ngx_http_pharos_conf_downsample_check(cf, pmcf);
}


static void *
ngx_http_pharos_create_srv_conf(ngx_conf_t *cf)
{
    /*
     * set by ngx_pcalloc():
     *
     *     pscf->server = 0;
     *     pscf->internal = 0;
     */

    return ngx_pcalloc(cf->pool, sizeof(ngx_http_pharos_srv_conf_t));
}


static void *
ngx_http_pharos_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_pharos_loc_conf_t  *plcf;

    plcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_pharos_loc_conf_t));
    if (plcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     plcf->relay = 0;
     *     plcf->prefix_set = 0;
     *     plcf->password = 0;
     *     plcf->prefix = { 0, NULL };
     */

    plcf->unprotected = NGX_CONF_UNSET;
    plcf->admin = NGX_CONF_UNSET;

    return plcf;
}


static char *
ngx_http_pharos_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_pharos_loc_conf_t  *prev = parent;
    ngx_http_pharos_loc_conf_t  *conf = child;

    ngx_conf_merge_value(conf->unprotected, prev->unprotected, 0);
    ngx_conf_merge_value(conf->admin, prev->admin, 0);

    return NGX_CONF_OK;
}
