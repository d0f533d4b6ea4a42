/*
 * Copyright (C) The Pharos Authors
 *
 * prometheus.yml: the discoveries that are checked and kept as they are
 * written, but not active.  They are one table of options each.
 */

#include "settings/prometheus_schema.h"


/* the options of http_config stand among those of the discovery */
#define PHR_SD_HTTP                                                           \
    { .name = "", .type = PHR_OPT_INLINE, .schema = &phr_http_client_schema }

#define PHR_SD_SIZE_HTTP   sizeof(phr_http_client_t)
#define PHR_SD_SIZE_PLAIN  0

/* of those of Amazon */
#define PHR_SD_AWS_KEYS                                                       \
    PHR_CHECK("access_key", PHR_OPT_STR, 0),                                  \
    PHR_CHECK("secret_key", PHR_OPT_SECRET, 0),                               \
    PHR_CHECK("profile", PHR_OPT_STR, 0),                                     \
    PHR_CHECK("role_arn", PHR_OPT_STR, 0),                                    \
    PHR_CHECK("external_id", PHR_OPT_STR, 0)

#define PHR_SD_AWS_CLUSTERS                                                   \
    PHR_CHECK("region", PHR_OPT_STR, 0),                                      \
    PHR_CHECK("endpoint", PHR_OPT_STR, 0),                                    \
    PHR_SD_AWS_KEYS,                                                          \
    PHR_CHECK("clusters", PHR_OPT_STRS, 0),                                   \
    PHR_CHECK("port", PHR_OPT_INT, 0),                                        \
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),                       \
    PHR_CHECK("request_concurrency", PHR_OPT_INT, 0)


static const char *const  phr_sd_aws_roles[] =
    { "ec2", "ecs", "elasticache", "lightsail", "msk", "rds", NULL };
static const char *const  phr_sd_digitalocean_roles[] =
    { "droplets", "databases", NULL };
static const char *const  phr_sd_hetzner_roles[] =
    { "robot", "hcloud", NULL };
static const char *const  phr_sd_kubernetes_roles[] =
    { "node", "pod", "service", "endpoints", "endpointslice", "ingress",
      NULL };
static const char *const  phr_sd_openstack_roles[] =
    { "hypervisor", "instance", "loadbalancer", NULL };
static const char *const  phr_sd_openstack_sides[] =
    { "admin", "internal", "public", NULL };
static const char *const  phr_sd_ovh_services[] =
    { "dedicated_server", "vps", NULL };
static const char *const  phr_sd_scaleway_roles[] =
    { "instance", "baremetal", NULL };
static const char *const  phr_sd_swarm_roles[] =
    { "services", "nodes", "tasks", NULL };

static const char *const  phr_sd_keys[] =
    { "secret_key", "secret_key_file", NULL };
static const char *const  phr_sd_tokens[] =
    { "auth_token", "auth_token_file", NULL };
static const char *const *const  phr_sd_exclusive[] =
    { phr_sd_keys, phr_sd_tokens, NULL };


static const phr_option_t  phr_sd_filter_options[] = {
    PHR_CHECK("name", PHR_OPT_STR, 0),
    PHR_CHECK("values", PHR_OPT_STRS, 0),
};

static const phr_schema_t  phr_sd_filter_schema = {
    .name = "filters",
    .options = phr_sd_filter_options,
    .noptions = phr_nelems(phr_sd_filter_options)
};

static const phr_option_t  phr_sd_namespaces_options[] = {
    PHR_CHECK("own_namespace", PHR_OPT_BOOL, 0),
    PHR_CHECK("names", PHR_OPT_STRS, 0),
};

static const phr_schema_t  phr_sd_namespaces_schema = {
    .name = "namespaces",
    .options = phr_sd_namespaces_options,
    .noptions = phr_nelems(phr_sd_namespaces_options)
};

static const phr_option_t  phr_sd_selector_options[] = {
    PHR_CHECK_WORD("role", 0, phr_sd_kubernetes_roles),
    PHR_CHECK("label", PHR_OPT_STR, 0),
    PHR_CHECK("field", PHR_OPT_STR, 0),
};

static const phr_schema_t  phr_sd_selector_schema = {
    .name = "selectors",
    .options = phr_sd_selector_options,
    .noptions = phr_nelems(phr_sd_selector_options)
};

static const phr_option_t  phr_sd_attach_options[] = {
    PHR_CHECK("node", PHR_OPT_BOOL, 0),
    PHR_CHECK("namespace", PHR_OPT_BOOL, 0),
    PHR_CHECK("deployment", PHR_OPT_BOOL, 0),
    PHR_CHECK("job", PHR_OPT_BOOL, 0),
    PHR_CHECK("cronjob", PHR_OPT_BOOL, 0),
};

static const phr_schema_t  phr_sd_attach_schema = {
    .name = "attach_metadata",
    .options = phr_sd_attach_options,
    .noptions = phr_nelems(phr_sd_attach_options)
};


static const phr_option_t  phr_sd_aws[] = {
    PHR_CHECK_WORD("role", PHR_OPT_REQUIRED, phr_sd_aws_roles),
    PHR_SD_AWS_CLUSTERS,
    PHR_CHECK_OF("filters", PHR_OPT_LIST, 0, &phr_sd_filter_schema),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_azure[] = {
    PHR_CHECK("environment", PHR_OPT_STR, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_CHECK("subscription_id", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("tenant_id", PHR_OPT_STR, 0),
    PHR_CHECK("client_id", PHR_OPT_STR, 0),
    PHR_CHECK("client_secret", PHR_OPT_SECRET, 0),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("authentication_method", PHR_OPT_STR, 0),
    PHR_CHECK("resource_group", PHR_OPT_STR, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_consul[] = {
    PHR_CHECK("server", PHR_OPT_STR, 0),
    PHR_CHECK("path_prefix", PHR_OPT_STR, 0),
    PHR_CHECK("token", PHR_OPT_SECRET, 0),
    PHR_CHECK("datacenter", PHR_OPT_STR, 0),
    PHR_CHECK("namespace", PHR_OPT_STR, 0),
    PHR_CHECK("partition", PHR_OPT_STR, 0),
    PHR_CHECK("tag_separator", PHR_OPT_STR, 0),
    PHR_CHECK("scheme", PHR_OPT_STR, 0),
    PHR_CHECK("username", PHR_OPT_STR, 0),
    PHR_CHECK("password", PHR_OPT_SECRET, 0),
    PHR_CHECK("allow_stale", PHR_OPT_BOOL, 0),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("services", PHR_OPT_STRS, 0),
    PHR_CHECK("tags", PHR_OPT_STRS, 0),
    PHR_CHECK("node_meta", PHR_OPT_PAIRS, 0),
    PHR_CHECK("filter", PHR_OPT_STR, 0),
    PHR_CHECK("health_filter", PHR_OPT_STR, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_digitalocean[] = {
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_CHECK_WORD("role", 0, phr_sd_digitalocean_roles),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_dns[] = {
    PHR_CHECK("names", PHR_OPT_STRS, PHR_OPT_REQUIRED),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("type", PHR_OPT_STR, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
};

static const phr_option_t  phr_sd_docker[] = {
    PHR_CHECK("host", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_CHECK_OF("filters", PHR_OPT_LIST, 0, &phr_sd_filter_schema),
    PHR_CHECK("host_networking_host", PHR_OPT_STR, 0),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("match_first_network", PHR_OPT_BOOL, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_dockerswarm[] = {
    PHR_CHECK("host", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK_WORD("role", PHR_OPT_REQUIRED, phr_sd_swarm_roles),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_CHECK_OF("filters", PHR_OPT_LIST, 0, &phr_sd_filter_schema),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_ec2[] = {
    PHR_CHECK("endpoint", PHR_OPT_STR, 0),
    PHR_CHECK("region", PHR_OPT_STR, 0),
    PHR_SD_AWS_KEYS,
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_CHECK_OF("filters", PHR_OPT_LIST, 0, &phr_sd_filter_schema),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_ecs[] = {
    PHR_SD_AWS_CLUSTERS,
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_elasticache[] = {
    PHR_SD_AWS_CLUSTERS,
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_eureka[] = {
    PHR_CHECK("server", PHR_OPT_HTTP_URL, PHR_OPT_REQUIRED),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_gce[] = {
    PHR_CHECK("project", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("zone", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("filter", PHR_OPT_STR, 0),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_CHECK("tag_separator", PHR_OPT_STR, 0),
};

static const phr_option_t  phr_sd_hetzner[] = {
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_CHECK_WORD("role", PHR_OPT_REQUIRED, phr_sd_hetzner_roles),
    PHR_CHECK("label_selector", PHR_OPT_STR, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_http[] = {
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("url", PHR_OPT_HTTP_URL, PHR_OPT_REQUIRED),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_ionos[] = {
    PHR_CHECK("datacenter_id", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_kubernetes[] = {
    PHR_CHECK("api_server", PHR_OPT_URL, 0),
    PHR_CHECK_WORD("role", PHR_OPT_REQUIRED, phr_sd_kubernetes_roles),
    PHR_CHECK("kubeconfig_file", PHR_OPT_STR, 0),
    PHR_CHECK_OF("namespaces", PHR_OPT_STRUCT, 0, &phr_sd_namespaces_schema),
    PHR_CHECK_OF("selectors", PHR_OPT_LIST, 0, &phr_sd_selector_schema),
    PHR_CHECK_OF("attach_metadata", PHR_OPT_STRUCT, 0, &phr_sd_attach_schema),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_kuma[] = {
    PHR_CHECK("server", PHR_OPT_HTTP_URL, PHR_OPT_REQUIRED),
    PHR_CHECK("client_id", PHR_OPT_STR, 0),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("fetch_timeout", PHR_OPT_DURATION, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_lightsail[] = {
    PHR_CHECK("endpoint", PHR_OPT_STR, 0),
    PHR_CHECK("region", PHR_OPT_STR, 0),
    PHR_SD_AWS_KEYS,
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_linode[] = {
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_CHECK("tag_separator", PHR_OPT_STR, 0),
    PHR_CHECK("region", PHR_OPT_STR, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_marathon[] = {
    PHR_CHECK("servers", PHR_OPT_STRS, PHR_OPT_REQUIRED),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("auth_token", PHR_OPT_SECRET, 0),
    PHR_CHECK("auth_token_file", PHR_OPT_STR, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_msk[] = {
    PHR_SD_AWS_CLUSTERS,
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_nerve[] = {
    PHR_CHECK("servers", PHR_OPT_STRS, PHR_OPT_REQUIRED),
    PHR_CHECK("paths", PHR_OPT_STRS, PHR_OPT_REQUIRED),
    PHR_CHECK("timeout", PHR_OPT_DURATION, 0),
};

static const phr_option_t  phr_sd_nomad[] = {
    PHR_CHECK("allow_stale", PHR_OPT_BOOL, 0),
    PHR_CHECK("namespace", PHR_OPT_STR, 0),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("region", PHR_OPT_STR, 0),
    PHR_CHECK("server", PHR_OPT_STR, 0),
    PHR_CHECK("tag_separator", PHR_OPT_STR, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_oci[] = {
    PHR_CHECK("auth", PHR_OPT_STR, 0),
    PHR_CHECK("tenancy", PHR_OPT_STR, 0),
    PHR_CHECK("user", PHR_OPT_STR, 0),
    PHR_CHECK("fingerprint", PHR_OPT_STR, 0),
    PHR_CHECK("key_file", PHR_OPT_STR, 0),
    PHR_CHECK("key_passphrase", PHR_OPT_SECRET, 0),
    PHR_CHECK("key_passphrase_file", PHR_OPT_STR, 0),
    PHR_CHECK("region", PHR_OPT_STR, 0),
    PHR_CHECK("compartments", PHR_OPT_STRS, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_openstack[] = {
    PHR_CHECK("identity_endpoint", PHR_OPT_STR, 0),
    PHR_CHECK("username", PHR_OPT_STR, 0),
    PHR_CHECK("userid", PHR_OPT_STR, 0),
    PHR_CHECK("password", PHR_OPT_SECRET, 0),
    PHR_CHECK("project_name", PHR_OPT_STR, 0),
    PHR_CHECK("project_id", PHR_OPT_STR, 0),
    PHR_CHECK("domain_name", PHR_OPT_STR, 0),
    PHR_CHECK("domain_id", PHR_OPT_STR, 0),
    PHR_CHECK("application_credential_name", PHR_OPT_STR, 0),
    PHR_CHECK("application_credential_id", PHR_OPT_STR, 0),
    PHR_CHECK("application_credential_secret", PHR_OPT_SECRET, 0),
    PHR_CHECK_WORD("role", PHR_OPT_REQUIRED, phr_sd_openstack_roles),
    PHR_CHECK("region", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_CHECK("all_tenants", PHR_OPT_BOOL, 0),
    PHR_CHECK_OF("tls_config", PHR_OPT_STRUCT, 0, &phr_tls_schema),
    PHR_CHECK_WORD("availability", 0, phr_sd_openstack_sides),
};

static const phr_option_t  phr_sd_outscale[] = {
    PHR_CHECK("endpoint", PHR_OPT_STR, 0),
    PHR_CHECK("region", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("access_key", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("secret_key", PHR_OPT_SECRET, 0),
    PHR_CHECK("secret_key_file", PHR_OPT_STR, 0),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_ovhcloud[] = {
    PHR_CHECK("endpoint", PHR_OPT_STR, 0),
    PHR_CHECK("application_key", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("application_secret", PHR_OPT_SECRET, PHR_OPT_REQUIRED),
    PHR_CHECK("consumer_key", PHR_OPT_SECRET, PHR_OPT_REQUIRED),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK_WORD("service", PHR_OPT_REQUIRED, phr_sd_ovh_services),
};

static const phr_option_t  phr_sd_puppetdb[] = {
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("url", PHR_OPT_HTTP_URL, PHR_OPT_REQUIRED),
    PHR_CHECK("query", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("include_parameters", PHR_OPT_BOOL, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_rds[] = {
    PHR_SD_AWS_CLUSTERS,
    PHR_CHECK_OF("filters", PHR_OPT_LIST, 0, &phr_sd_filter_schema),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_scaleway[] = {
    PHR_CHECK("project_id", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("api_url", PHR_OPT_STR, 0),
    PHR_CHECK("zone", PHR_OPT_STR, 0),
    PHR_CHECK("access_key", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("secret_key", PHR_OPT_SECRET, 0),
    PHR_CHECK("secret_key_file", PHR_OPT_STR, 0),
    PHR_CHECK("name_filter", PHR_OPT_STR, 0),
    PHR_CHECK("tags_filter", PHR_OPT_STRS, 0),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_CHECK_WORD("role", PHR_OPT_REQUIRED, phr_sd_scaleway_roles),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_serverset[] = {
    PHR_CHECK("servers", PHR_OPT_STRS, PHR_OPT_REQUIRED),
    PHR_CHECK("paths", PHR_OPT_STRS, PHR_OPT_REQUIRED),
    PHR_CHECK("timeout", PHR_OPT_DURATION, 0),
};

static const phr_option_t  phr_sd_stackit[] = {
    PHR_CHECK("project", PHR_OPT_STR, 0),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_CHECK("region", PHR_OPT_STR, 0),
    PHR_CHECK("endpoint", PHR_OPT_STR, 0),
    PHR_CHECK("service_account_key", PHR_OPT_SECRET, 0),
    PHR_CHECK("private_key", PHR_OPT_SECRET, 0),
    PHR_CHECK("service_account_key_path", PHR_OPT_STR, 0),
    PHR_CHECK("private_key_path", PHR_OPT_STR, 0),
    PHR_CHECK("credentials_file_path", PHR_OPT_STR, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_triton[] = {
    PHR_CHECK("account", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("role", PHR_OPT_STR, 0),
    PHR_CHECK("dns_suffix", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("endpoint", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("groups", PHR_OPT_STRS, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK_OF("tls_config", PHR_OPT_STRUCT, 0, &phr_tls_schema),
    PHR_CHECK("version", PHR_OPT_INT, 0),
};

static const phr_option_t  phr_sd_uyuni[] = {
    PHR_CHECK("server", PHR_OPT_URL, PHR_OPT_REQUIRED),
    PHR_CHECK("username", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("password", PHR_OPT_SECRET, PHR_OPT_REQUIRED),
    PHR_CHECK("entitlement", PHR_OPT_STR, 0),
    PHR_CHECK("separator", PHR_OPT_STR, 0),
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_SD_HTTP,
};

static const phr_option_t  phr_sd_vultr[] = {
    PHR_CHECK("refresh_interval", PHR_OPT_DURATION, 0),
    PHR_CHECK("port", PHR_OPT_INT, 0),
    PHR_SD_HTTP,
};


enum {
#define PHR_SD(name_, form_, check_, exclusive_)  PHR_SD_ ## name_,
#include "settings/discovery_list.h"
};

static const phr_schema_t  phr_sd_schemas[] = {
#define PHR_SD(name_, form_, check_, exclusive_)                              \
    [PHR_SD_ ## name_] = {                                                    \
        .name = #name_ "_sd_configs",                                         \
        .size = PHR_SD_SIZE_ ## form_,                                        \
        .options = phr_sd_ ## name_,                                          \
        .noptions = phr_nelems(phr_sd_ ## name_),                             \
        .check = check_,                                                      \
        .exclusive = exclusive_                                               \
    },
#include "settings/discovery_list.h"
};

static const phr_option_t  phr_sd_kinds[] = {
#define PHR_SD(name_, form_, check_, exclusive_)                              \
    PHR_CHECK_OF(#name_ "_sd_configs", PHR_OPT_NODE, PHR_OPT_MANY,            \
                 &phr_sd_schemas[PHR_SD_ ## name_]),
#include "settings/discovery_list.h"
};

const phr_schema_t  phr_other_sd_schema = {
    .name = "the discoveries",
    .options = phr_sd_kinds,
    .noptions = phr_nelems(phr_sd_kinds)
};


int
phr_other_sd_collect(phr_schema_ctx_t *ctx, const phr_yaml_node_t *node,
    phr_other_sd_t **list, size_t *n)
{
    int                     rc;
    size_t                  i, len;
    phr_str_t               key;
    phr_other_sd_t         *sd;
    const phr_yaml_node_t  *value;

    *list = NULL;
    *n = 0;

    if (node == NULL) {
        return PHR_OK;
    }

    sd = phr_arena_calloc(ctx->arena, phr_nelems(phr_sd_kinds),
                          sizeof(phr_other_sd_t));
    if (sd == NULL) {
        return phr_schema_nomem(ctx);
    }

    for (i = 0; i < phr_nelems(phr_sd_kinds); i++) {
        value = phr_yaml_get(node, phr_sd_kinds[i].name);

        if (value == NULL || value->n == 0) {
            continue;
        }

        key = phr_str_from_c(phr_sd_kinds[i].name);
        len = key.len - (sizeof("_sd_configs") - 1);

        sd[*n].kind = phr_str_from(key.data, len);
        sd[*n].line = value->line;
        sd[*n].n = value->n;
        sd[*n].node = value;
        (*n)++;

        rc = phr_schema_warn(ctx, value, "%s is not active: no target will be "
                             "found by it", phr_sd_kinds[i].name);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    *list = sd;

    return PHR_OK;
}


void
phr_other_sd_write(phr_buf_t *b, const phr_option_t *opt, const void *member,
    unsigned indent)
{
    size_t           i, j, n;
    phr_other_sd_t  *sd;

    memcpy(&sd, member, sizeof(sd));
    memcpy(&n, (const char *) member + sizeof(sd), sizeof(n));

    for (i = 0; i < n; i++) {
        for (j = 0; j < phr_nelems(phr_sd_kinds); j++) {
            if (memcmp(phr_sd_kinds[j].name, sd[i].kind.data,
                       sd[i].kind.len) == 0
                && phr_sd_kinds[j].name[sd[i].kind.len] == '_')
            {
                phr_schema_write_member(b, &phr_sd_kinds[j], sd[i].node,
                                        indent);
            }
        }
    }
}
