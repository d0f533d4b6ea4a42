/*
 * Copyright (C) The Pharos Authors
 *
 * prometheus.yml: what the tables of the discoveries that are not active
 * cannot say: which of their options need or exclude each other.
 */

#include "settings/prometheus_schema.h"

#include <strings.h>


static int phr_sd_kubernetes_selectors(phr_schema_ctx_t *ctx,
    phr_str_t role, const phr_yaml_node_t *list);
static phr_str_t phr_sd_text(const phr_yaml_node_t *node, const char *key);


int
phr_sd_azure_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    static const char *const  oauth[] =
        { "tenant_id", "client_id", "client_secret" };
    static const char *const  methods[] =
        { "OAuth", "ManagedIdentity", "SDK", "WorkloadIdentity" };

    size_t              i;
    phr_str_t           s;
    phr_http_client_t  *http;

    http = object;
    s = phr_sd_text(node, "authentication_method");

    for (i = 0; s.len > 0 && i < phr_nelems(methods); i++) {
        if (phr_str_eq(s, phr_str_from_c(methods[i]))) {
            break;
        }
    }

    if (i == phr_nelems(methods)) {
        return phr_schema_error(ctx, node, "unknown authentication_type "
                                "\"%.*s\"", (int) s.len, s.data);
    }

    if (http->basic_auth != NULL || http->authorization != NULL) {
        return phr_schema_error(ctx, node, "basic_auth and authorization are "
                                "not supported by azure_sd_configs");
    }

    for (i = 0; (s.len == 0 || s.data[0] == 'O') && i < phr_nelems(oauth); i++)
    {
        if (phr_sd_text(node, oauth[i]).len == 0) {
            return phr_schema_error(ctx, node, "azure SD configuration "
                                    "requires a %s", oauth[i]);
        }
    }

    return PHR_OK;
}


int
phr_sd_consul_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    phr_http_client_t  *http;

    http = object;

    if (phr_yaml_get(node, "server") != NULL
        && phr_sd_text(node, "server").len == 0)
    {
        return phr_schema_error(ctx, node, "consul SD configuration requires "
                                "a server address");
    }

    if (http->basic_auth != NULL && (phr_sd_text(node, "username").len > 0
                                     || phr_sd_text(node, "password").len > 0))
    {
        return phr_schema_error(ctx, node, "at most one of consul SD "
                                "configuration username and password and "
                                "basic auth can be configured");
    }

    if ((http->authorization != NULL || http->oauth2 != NULL)
        && phr_sd_text(node, "token").len > 0)
    {
        return phr_schema_error(ctx, node, "at most one of consul SD token, "
                                "authorization, or oauth2 can be configured");
    }

    return PHR_OK;
}


int
phr_sd_dns_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    static const char *const  types[] = { "SRV", "A", "AAAA", "MX", "NS" };

    size_t     i;
    int64_t    port;
    phr_str_t  s;

    s = phr_sd_text(node, "type");

    if (s.len == 0 && phr_yaml_get(node, "type") == NULL) {
        s = phr_str_of("SRV");
    }

    for (i = 0; i < phr_nelems(types); i++) {
        if (strlen(types[i]) == s.len
            && strncasecmp(types[i], s.data, s.len) == 0)
        {
            break;
        }
    }

    if (i == phr_nelems(types)) {
        return phr_schema_error(ctx, node, "invalid DNS-SD records type "
                                "\"%.*s\"", (int) s.len, s.data);
    }

    port = 0;
    (void) phr_yaml_int(phr_yaml_get(node, "port"), &port);

    if (i > 0 && port == 0) {
        return phr_schema_error(ctx, node, "a port is required in DNS-SD "
                                "configs for all record types except SRV");
    }

    return PHR_OK;
}


int
phr_sd_key_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    if (phr_sd_text(node, "secret_key").len == 0
        && phr_sd_text(node, "secret_key_file").len == 0)
    {
        return phr_schema_error(ctx, node, "one of secret_key & "
                                "secret_key_file must be configured");
    }

    return PHR_OK;
}


int
phr_sd_kubernetes_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    int                 own, api, file;
    const char         *text;
    phr_http_client_t   usual;

    api = phr_sd_text(node, "api_server").len > 0;
    file = phr_sd_text(node, "kubeconfig_file").len > 0;

    own = 0;
    (void) phr_yaml_bool(phr_yaml_get(phr_yaml_get(node, "namespaces"),
                                      "own_namespace"), &own);

    memset(&usual, 0, sizeof(usual));
    phr_http_client_schema.init(&usual);

    text = NULL;

    if (api && file) {
        text = "cannot use 'kubeconfig_file' and 'api_server' simultaneously";

    } else if (!api && memcmp(&usual, object, sizeof(usual)) != 0) {
        text = "to use custom HTTP client configuration please provide the "
               "'api_server' URL explicitly";

    } else if (own && (api || file)) {
        text = "cannot use 'namespaces.own_namespace' with 'api_server' or "
               "'kubeconfig_file'";
    }

    if (text != NULL) {
        return phr_schema_error(ctx, node, "%s", text);
    }

    return phr_sd_kubernetes_selectors(ctx, phr_sd_text(node, "role"),
                                       phr_yaml_get(node, "selectors"));
}


static int
phr_sd_kubernetes_selectors(phr_schema_ctx_t *ctx, phr_str_t role,
    const phr_yaml_node_t *list)
{
    static const struct {
        const char  *role;
        const char  *selectors[4];
    } allowed[] = {
        { "pod", { "pod", "node" } },
        { "service", { "service" } },
        { "endpointslice", { "pod", "service", "endpointslice" } },
        { "endpoints", { "pod", "service", "endpoints" } },
        { "node", { "node" } },
        { "ingress", { "ingress" } },
    };

    size_t                    i, j;
    phr_str_t                 s;
    const char *const        *sel;

    for (j = 0; j < phr_nelems(allowed) - 1; j++) {
        if (phr_str_eq(role, phr_str_from_c(allowed[j].role))) {
            break;
        }
    }

    for (i = 0; list != NULL && i < list->n; i++) {
        s = phr_sd_text(list->items[i], "role");

        for (sel = allowed[j].selectors; *sel != NULL; sel++) {
            if (phr_str_eq(s, phr_str_from_c(*sel))) {
                break;
            }
        }

        if (*sel == NULL) {
            return phr_schema_error(ctx, list->items[i], "%s role does not "
                                    "support \"%.*s\" selectors",
                                    allowed[j].role, (int) s.len, s.data);
        }

        s = phr_sd_text(list->items[i], "field");

        if (s.len > 0 && memchr(s.data, '=', s.len) == NULL) {
            return phr_schema_error(ctx, list->items[i], "invalid selector "
                                    "\"%.*s\"", (int) phr_min(s.len, 100),
                                    s.data);
        }
    }

    for (i = 1; list != NULL && i < list->n; i++) {
        for (j = 0; j < i; j++) {
            s = phr_sd_text(list->items[i], "role");

            if (phr_str_eq(s, phr_sd_text(list->items[j], "role"))) {
                return phr_schema_error(ctx, list->items[i], "duplicated "
                                        "selector role: %.*s", (int) s.len,
                                        s.data);
            }
        }
    }

    return PHR_OK;
}


int
phr_sd_marathon_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    phr_http_client_t  *http;

    http = object;

    if ((http->basic_auth != NULL || http->authorization != NULL)
        && (phr_sd_text(node, "auth_token").len > 0
            || phr_sd_text(node, "auth_token_file").len > 0))
    {
        return phr_schema_error(ctx, node, "marathon_sd: at most one of "
                                "basic_auth, authorization, bearer_token, "
                                "auth_token & auth_token_file must be "
                                "configured");
    }

    return PHR_OK;
}


int
phr_sd_triton_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    phr_str_t  role;

    role = phr_sd_text(node, "role");

    if (phr_yaml_get(node, "role") != NULL
        && !phr_str_eq(role, phr_str_of("container"))
        && !phr_str_eq(role, phr_str_of("cn")))
    {
        return phr_schema_error(ctx, node, "triton SD configuration requires "
                                "role to be 'container' or 'cn'");
    }

    return PHR_OK;
}


int
phr_sd_zookeeper_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    size_t                  i;
    phr_str_t               s;
    const phr_yaml_node_t  *paths;

    paths = phr_yaml_get(node, "paths");

    for (i = 0; paths != NULL && i < paths->n; i++) {
        if (phr_yaml_text(paths->items[i], &s) != PHR_OK || s.len == 0
            || s.data[0] != '/')
        {
            return phr_schema_error(ctx, paths->items[i],
                                    "paths must begin with '/'");
        }
    }

    return PHR_OK;
}


static phr_str_t
phr_sd_text(const phr_yaml_node_t *node, const char *key)
{
    phr_str_t  s;

    if (phr_yaml_text(phr_yaml_get(node, key), &s) != PHR_OK) {
        return phr_str_of("");
    }

    return s;
}
