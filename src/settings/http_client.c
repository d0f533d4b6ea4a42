/*
 * Copyright (C) The Pharos Authors
 *
 * HTTP client: the tables of its options, and what may not stand together.
 */

#include "settings/http_client.h"

#include <stddef.h>
#include <strings.h>

#include "settings/http_client_schema.h"


#define PHR_JWT_BEARER  "urn:ietf:params:oauth:grant-type:jwt-bearer"


static void phr_http_client_init(void *object);
static int phr_http_client_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_authorization_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_oauth2_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_tls_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_proxy_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_proxy_header_set(phr_schema_ctx_t *ctx,
    const phr_option_t *opt, void *member, const phr_yaml_node_t *node);
static void phr_proxy_header_write(phr_buf_t *b, const phr_option_t *opt,
    const void *member, unsigned indent);


static const phr_option_t  phr_basic_auth_options[] = {
    PHR_OPTION(phr_basic_auth_t, username, "username", PHR_OPT_STR, 0),
    PHR_OPTION(phr_basic_auth_t, username_file, "username_file",
               PHR_OPT_PATH, 0),
    PHR_OPTION(phr_basic_auth_t, username_ref, "username_ref",
               PHR_OPT_STR, 0),
    PHR_OPTION(phr_basic_auth_t, password, "password", PHR_OPT_SECRET, 0),
    PHR_OPTION(phr_basic_auth_t, password_file, "password_file",
               PHR_OPT_PATH, 0),
    PHR_OPTION(phr_basic_auth_t, password_ref, "password_ref",
               PHR_OPT_STR, 0),
};

static const char *const  phr_basic_auth_users[] =
    { "username", "username_file", "username_ref", NULL };
static const char *const  phr_basic_auth_passwords[] =
    { "password", "password_file", "password_ref", NULL };
static const char *const *const  phr_basic_auth_exclusive[] =
    { phr_basic_auth_users, phr_basic_auth_passwords, NULL };

static const phr_schema_t  phr_basic_auth_schema = {
    .name = "basic_auth",
    .size = sizeof(phr_basic_auth_t),
    .options = phr_basic_auth_options,
    .noptions = phr_nelems(phr_basic_auth_options),
    .exclusive = phr_basic_auth_exclusive
};


static const phr_option_t  phr_authorization_options[] = {
    PHR_OPTION(phr_authorization_t, type, "type", PHR_OPT_STR, 0),
    PHR_OPTION(phr_authorization_t, credentials, "credentials",
               PHR_OPT_SECRET, 0),
    PHR_OPTION(phr_authorization_t, credentials_file, "credentials_file",
               PHR_OPT_PATH, 0),
    PHR_OPTION(phr_authorization_t, credentials_ref, "credentials_ref",
               PHR_OPT_STR, 0),
};

static const char *const  phr_authorization_credentials[] =
    { "credentials", "credentials_file", "credentials_ref", NULL };
static const char *const *const  phr_authorization_exclusive[] =
    { phr_authorization_credentials, NULL };

static const phr_schema_t  phr_authorization_schema = {
    .name = "authorization",
    .size = sizeof(phr_authorization_t),
    .options = phr_authorization_options,
    .noptions = phr_nelems(phr_authorization_options),
    .check = phr_authorization_check,
    .exclusive = phr_authorization_exclusive
};


/* "" is what an absent value would be */
static const char *const  phr_tls_versions[] =
    { "TLS10", "TLS11", "TLS12", "TLS13", NULL };

static const phr_option_t  phr_tls_options[] = {
    PHR_OPTION(phr_tls_conf_t, ca, "ca", PHR_OPT_STR, 0),
    PHR_OPTION(phr_tls_conf_t, cert, "cert", PHR_OPT_STR, 0),
    PHR_OPTION(phr_tls_conf_t, key, "key", PHR_OPT_SECRET, 0),
    PHR_OPTION(phr_tls_conf_t, ca_file, "ca_file", PHR_OPT_PATH, 0),
    PHR_OPTION(phr_tls_conf_t, cert_file, "cert_file", PHR_OPT_PATH, 0),
    PHR_OPTION(phr_tls_conf_t, key_file, "key_file", PHR_OPT_PATH, 0),
    PHR_OPTION(phr_tls_conf_t, ca_ref, "ca_ref", PHR_OPT_STR, 0),
    PHR_OPTION(phr_tls_conf_t, cert_ref, "cert_ref", PHR_OPT_STR, 0),
    PHR_OPTION(phr_tls_conf_t, key_ref, "key_ref", PHR_OPT_STR, 0),
    PHR_OPTION(phr_tls_conf_t, server_name, "server_name", PHR_OPT_STR, 0),
    PHR_OPTION(phr_tls_conf_t, insecure_skip_verify, "insecure_skip_verify",
               PHR_OPT_BOOL, PHR_OPT_KEEP),
    PHR_OPTION_WORD(phr_tls_conf_t, min_version, "min_version", 0,
                    phr_tls_versions),
    PHR_OPTION_WORD(phr_tls_conf_t, max_version, "max_version", 0,
                    phr_tls_versions),
};

static const char *const  phr_tls_ca[] = { "ca", "ca_file", "ca_ref", NULL };
static const char *const  phr_tls_cert[] =
    { "cert", "cert_file", "cert_ref", NULL };
static const char *const  phr_tls_key[] =
    { "key", "key_file", "key_ref", NULL };
static const char *const *const  phr_tls_exclusive[] =
    { phr_tls_ca, phr_tls_cert, phr_tls_key, NULL };

const phr_schema_t  phr_tls_schema = {
    .name = "tls_config",
    .size = sizeof(phr_tls_conf_t),
    .options = phr_tls_options,
    .noptions = phr_nelems(phr_tls_options),
    .check = phr_tls_check,
    .exclusive = phr_tls_exclusive
};


static const phr_option_t  phr_proxy_options[] = {
    PHR_OPTION(phr_proxy_t, proxy_url, "proxy_url", PHR_OPT_URL, 0),
    PHR_OPTION(phr_proxy_t, no_proxy, "no_proxy", PHR_OPT_STR, 0),
    PHR_OPTION(phr_proxy_t, proxy_from_environment, "proxy_from_environment",
               PHR_OPT_BOOL, 0),
    { .name = "proxy_connect_header", .type = PHR_OPT_CUSTOM,
      .offset = offsetof(phr_proxy_t, proxy_connect_header),
      .set = phr_proxy_header_set, .write = phr_proxy_header_write },
};

static const phr_schema_t  phr_proxy_schema = {
    .name = "the proxy settings",
    .size = sizeof(phr_proxy_t),
    .options = phr_proxy_options,
    .noptions = phr_nelems(phr_proxy_options),
    .check = phr_proxy_check
};


static const phr_option_t  phr_oauth2_options[] = {
    PHR_OPTION(phr_oauth2_t, client_id, "client_id", PHR_OPT_STR,
               PHR_OPT_REQUIRED),
    PHR_OPTION(phr_oauth2_t, client_secret, "client_secret",
               PHR_OPT_SECRET, 0),
    PHR_OPTION(phr_oauth2_t, client_secret_file, "client_secret_file",
               PHR_OPT_PATH, 0),
    PHR_OPTION(phr_oauth2_t, client_secret_ref, "client_secret_ref",
               PHR_OPT_STR, 0),
    PHR_OPTION(phr_oauth2_t, client_certificate_key_id,
               "client_certificate_key_id", PHR_OPT_STR, 0),
    PHR_OPTION(phr_oauth2_t, client_certificate_key,
               "client_certificate_key", PHR_OPT_SECRET, 0),
    PHR_OPTION(phr_oauth2_t, client_certificate_key_file,
               "client_certificate_key_file", PHR_OPT_PATH, 0),
    PHR_OPTION(phr_oauth2_t, client_certificate_key_ref,
               "client_certificate_key_ref", PHR_OPT_STR, 0),
    PHR_OPTION(phr_oauth2_t, grant_type, "grant_type", PHR_OPT_STR, 0),
    PHR_OPTION(phr_oauth2_t, signature_algorithm, "signature_algorithm",
               PHR_OPT_STR, 0),
    PHR_OPTION(phr_oauth2_t, iss, "iss", PHR_OPT_STR, 0),
    PHR_OPTION(phr_oauth2_t, audience, "audience", PHR_OPT_STR, 0),
    PHR_OPTION(phr_oauth2_t, claims, "claims", PHR_OPT_NODE, 0),
    PHR_OPTION(phr_oauth2_t, scopes, "scopes", PHR_OPT_STRS, 0),
    PHR_OPTION(phr_oauth2_t, token_url, "token_url", PHR_OPT_STR,
               PHR_OPT_REQUIRED),
    PHR_OPTION(phr_oauth2_t, endpoint_params, "endpoint_params",
               PHR_OPT_PAIRS, 0),
    PHR_OPTION_OF(phr_oauth2_t, tls, "tls_config", PHR_OPT_STRUCT, 0,
                  &phr_tls_schema),
    PHR_OPTION_OF(phr_oauth2_t, proxy, "", PHR_OPT_INLINE, 0,
                  &phr_proxy_schema),
};

static const phr_schema_t  phr_oauth2_schema = {
    .name = "oauth2",
    .size = sizeof(phr_oauth2_t),
    .options = phr_oauth2_options,
    .noptions = phr_nelems(phr_oauth2_options),
    .check = phr_oauth2_check
};


static const phr_option_t  phr_http_header_options[] = {
    PHR_OPTION(phr_http_header_t, values, "values", PHR_OPT_STRS, 0),
    PHR_OPTION(phr_http_header_t, secrets, "secrets", PHR_OPT_SECRETS, 0),
    PHR_OPTION(phr_http_header_t, files, "files", PHR_OPT_PATHS, 0),
};

static const phr_schema_t  phr_http_header_schema = {
    .name = "http_headers",
    .size = sizeof(phr_http_header_t),
    .options = phr_http_header_options,
    .noptions = phr_nelems(phr_http_header_options)
};


static const phr_option_t  phr_http_client_options[] = {
    PHR_OPTION_OF(phr_http_client_t, basic_auth, "basic_auth",
                  PHR_OPT_POINTER, 0, &phr_basic_auth_schema),
    PHR_OPTION_OF(phr_http_client_t, authorization, "authorization",
                  PHR_OPT_POINTER, 0, &phr_authorization_schema),
    PHR_OPTION_OF(phr_http_client_t, oauth2, "oauth2", PHR_OPT_POINTER, 0,
                  &phr_oauth2_schema),
    PHR_OPTION(phr_http_client_t, bearer_token, "bearer_token",
               PHR_OPT_SECRET, PHR_OPT_MOVED),
    PHR_OPTION(phr_http_client_t, bearer_token_file, "bearer_token_file",
               PHR_OPT_PATH, PHR_OPT_MOVED),
    PHR_OPTION_OF(phr_http_client_t, tls, "tls_config", PHR_OPT_STRUCT, 0,
                  &phr_tls_schema),
    PHR_OPTION(phr_http_client_t, follow_redirects, "follow_redirects",
               PHR_OPT_BOOL, PHR_OPT_KEEP),
    PHR_OPTION(phr_http_client_t, enable_http2, "enable_http2",
               PHR_OPT_BOOL, PHR_OPT_KEEP),
    PHR_OPTION_OF(phr_http_client_t, proxy, "", PHR_OPT_INLINE, 0,
                  &phr_proxy_schema),
    PHR_OPTION_OF(phr_http_client_t, headers, "http_headers", PHR_OPT_MAP, 0,
                  &phr_http_header_schema),
};

const phr_schema_t  phr_http_client_schema = {
    .name = "http_config",
    .size = sizeof(phr_http_client_t),
    .options = phr_http_client_options,
    .noptions = phr_nelems(phr_http_client_options),
    .init = phr_http_client_init,
    .check = phr_http_client_check
};


static const phr_option_t  phr_sigv4_options[] = {
    PHR_CHECK("region", PHR_OPT_STR, 0),
    PHR_CHECK("access_key", PHR_OPT_STR, 0),
    PHR_CHECK("secret_key", PHR_OPT_SECRET, 0),
    PHR_CHECK("profile", PHR_OPT_STR, 0),
    PHR_CHECK("role_arn", PHR_OPT_STR, 0),
    PHR_CHECK("external_id", PHR_OPT_STR, 0),
    PHR_CHECK("use_fips_sts_endpoint", PHR_OPT_BOOL, 0),
    PHR_CHECK("service_name", PHR_OPT_STR, 0),
};

const phr_schema_t  phr_sigv4_schema = {
    .name = "sigv4",
    .options = phr_sigv4_options,
    .noptions = phr_nelems(phr_sigv4_options)
};


/* set by the client itself */
static const char *const  phr_http_reserved[] = {
    "Authorization", "Host", "Content-Encoding", "Content-Length",
    "Content-Type", "User-Agent", "Connection", "Keep-Alive",
    "Proxy-Authenticate", "Proxy-Authorization", "Www-Authenticate",
    "Accept-Encoding", "X-Prometheus-Remote-Write-Version",
    "X-Prometheus-Remote-Read-Version",
    "X-Prometheus-Scrape-Timeout-Seconds", "X-Amz-Date",
    "X-Amz-Security-Token", "X-Amz-Content-Sha256",
};


int
phr_http_reserved_header(phr_str_t name)
{
    size_t  i;

    for (i = 0; i < phr_nelems(phr_http_reserved); i++) {
        if (strlen(phr_http_reserved[i]) == name.len
            && strncasecmp(phr_http_reserved[i], name.data, name.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
phr_http_client_init(void *object)
{
    phr_http_client_t  *c;

    c = object;
    c->follow_redirects = 1;
    c->enable_http2 = 1;
}


static int
phr_http_client_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    int                 bearer;
    size_t              i;
    phr_http_client_t  *c;

    c = object;
    bearer = (c->bearer_token.len > 0) + (c->bearer_token_file.len > 0);

    if (bearer > 1) {
        return phr_schema_error(ctx, phr_yaml_get(node, "bearer_token"),
                                "at most one of bearer_token & "
                                "bearer_token_file must be configured");
    }

    if ((c->basic_auth != NULL) + (c->authorization != NULL)
        + (c->oauth2 != NULL) + bearer > 1)
    {
        return phr_schema_error(ctx, node, "at most one of basic_auth, "
                                "authorization, oauth2, bearer_token & "
                                "bearer_token_file must be configured");
    }

    if (bearer) {
        c->authorization = phr_arena_calloc(ctx->arena, 1,
                                            sizeof(phr_authorization_t));
        if (c->authorization == NULL) {
            return phr_schema_nomem(ctx);
        }

        c->authorization->type = phr_str_of("Bearer");
        c->authorization->credentials = c->bearer_token;
        c->authorization->credentials_file = c->bearer_token_file;
    }

    for (i = 0; i < c->nheaders; i++) {
        if (phr_http_reserved_header(c->headers[i]->name)) {
            return phr_schema_error(ctx, phr_yaml_get(node, "http_headers"),
                                    "setting header \"%.*s\" is not allowed",
                                    (int) c->headers[i]->name.len,
                                    c->headers[i]->name.data);
        }
    }

    return PHR_OK;
}


static int
phr_authorization_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    phr_str_t             s;
    phr_authorization_t  *a;

    a = object;
    s = a->type;

    while (s.len > 0 && s.data[0] == ' ') {
        s.data++;
        s.len--;
    }

    while (s.len > 0 && s.data[s.len - 1] == ' ') {
        s.len--;
    }

    if (s.len == 0) {
        s = phr_str_of("Bearer");
    }

    a->type = s;

    if (s.len == 5 && strncasecmp(s.data, "basic", 5) == 0) {
        return phr_schema_error(ctx, phr_yaml_get(node, "type"),
                                "authorization type cannot be set to "
                                "\"basic\", use \"basic_auth\" instead");
    }

    return PHR_OK;
}


static int
phr_oauth2_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    phr_str_t      s;
    phr_oauth2_t  *o;

    o = object;
    s = o->signature_algorithm;

    if (phr_str_eq(o->grant_type, phr_str_of(PHR_JWT_BEARER))) {
        if ((o->client_certificate_key.len > 0)
            + (o->client_certificate_key_file.len > 0)
            + (o->client_certificate_key_ref.len > 0) > 1)
        {
            return phr_schema_error(ctx, node, "at most one of oauth2 "
                                    "client_certificate_key, "
                                    "client_certificate_key_file & "
                                    "client_certificate_key_ref must be "
                                    "configured");
        }

        if (s.len > 0 && !phr_str_eq(s, phr_str_of("RS256"))
            && !phr_str_eq(s, phr_str_of("RS384"))
            && !phr_str_eq(s, phr_str_of("RS512")))
        {
            return phr_schema_error(ctx,
                                    phr_yaml_get(node, "signature_algorithm"),
                                    "valid signature algorithms are RS256, "
                                    "RS384 and RS512");
        }

        return PHR_OK;
    }

    if ((o->client_secret.len > 0) + (o->client_secret_file.len > 0)
        + (o->client_secret_ref.len > 0) > 1)
    {
        return phr_schema_error(ctx, node, "at most one of oauth2 "
                                "client_secret, client_secret_file & "
                                "client_secret_ref must be configured");
    }

    return PHR_OK;
}


static int
phr_tls_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    int              cert, key;
    phr_tls_conf_t  *t;

    t = object;
    cert = t->cert.len > 0 || t->cert_file.len > 0 || t->cert_ref.len > 0;
    key = t->key.len > 0 || t->key_file.len > 0 || t->key_ref.len > 0;

    if (cert == key) {
        return PHR_OK;
    }

    return phr_schema_error(ctx, node, "exactly one of %s must be configured "
                            "when a client %s is configured",
                            cert ? "key or key_file" : "cert or cert_file",
                            cert ? "certificate" : "key");
}


static int
phr_proxy_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    const char   *text;
    phr_proxy_t  *p;

    p = object;
    text = NULL;

    if (p->proxy_from_environment && p->proxy_url.len > 0) {
        text = "if proxy_from_environment is configured, proxy_url must not "
               "be configured";

    } else if (p->proxy_from_environment && p->no_proxy.len > 0) {
        text = "if proxy_from_environment is configured, no_proxy must not "
               "be configured";

    } else if (p->nproxy_connect_header > 0 && !p->proxy_from_environment
               && p->proxy_url.len == 0)
    {
        text = "if proxy_connect_header is configured, proxy_url or "
               "proxy_from_environment must also be configured";

    } else if (p->no_proxy.len > 0 && p->proxy_url.data == NULL) {
        text = "if no_proxy is configured, proxy_url must also be configured";
    }

    return text ? phr_schema_error(ctx, node, "%s", text) : PHR_OK;
}


/* header name -> list of secrets */
static int
phr_proxy_header_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node)
{
    return phr_http_values_read(ctx, opt, PHR_OPT_SECRETS, member, node);
}


int
phr_http_values_read(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    phr_option_type_e type, void *member, const phr_yaml_node_t *node)
{
    int                  rc;
    size_t               i;
    phr_option_t         value;
    phr_http_header_t  **list;

    if (node->type == PHR_YAML_NULL) {
        return PHR_OK;
    }

    if (node->type != PHR_YAML_MAPPING) {
        return phr_schema_error(ctx, node, "\"%s\" must be a mapping, not %s",
                                opt->name, phr_yaml_type_text(node->type));
    }

    list = phr_arena_calloc(ctx->arena, node->n + 1, sizeof(void *));
    if (list == NULL) {
        return phr_schema_nomem(ctx);
    }

    memset(&value, 0, sizeof(value));
    value.name = opt->name;
    value.type = type;

    for (i = 0; i < node->n; i++) {
        list[i] = phr_arena_calloc(ctx->arena, 1, sizeof(phr_http_header_t));
        if (list[i] == NULL) {
            return phr_schema_nomem(ctx);
        }

        list[i]->name = node->pairs[i].key->value;

        rc = phr_schema_strs(ctx, &value, type == PHR_OPT_SECRETS
                                          ? &list[i]->secrets
                                          : &list[i]->values,
                             node->pairs[i].value);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (member != NULL) {
        memcpy(member, &list, sizeof(list));
        memcpy((char *) member + sizeof(list), &node->n, sizeof(size_t));
    }

    return PHR_OK;
}


static void
phr_proxy_header_write(phr_buf_t *b, const phr_option_t *opt,
    const void *member, unsigned indent)
{
    phr_http_values_write(b, opt, PHR_OPT_SECRETS, member, indent);
}


void
phr_http_values_write(phr_buf_t *b, const phr_option_t *opt,
    phr_option_type_e type, const void *member, unsigned indent)
{
    size_t               i, j, n;
    phr_strs_t          *values;
    phr_http_header_t  **list;

    memcpy(&list, member, sizeof(list));
    memcpy(&n, (const char *) member + sizeof(list), sizeof(n));

    if (n == 0) {
        return;
    }

    phr_buf_printf(b, "%*s%s:\n", (int) indent, "", opt->name);

    for (i = 0; i < n; i++) {
        phr_buf_printf(b, "%*s", (int) indent + 2, "");
        phr_yaml_write_scalar(b, list[i]->name);
        phr_buf_puts(b, ":\n");

        values = (type == PHR_OPT_SECRETS) ? &list[i]->secrets
                                           : &list[i]->values;

        for (j = 0; j < values->n; j++) {
            phr_buf_printf(b, "%*s- ", (int) indent + 2, "");
            phr_yaml_write_scalar(b, type == PHR_OPT_SECRETS
                                     ? phr_str_of("<secret>")
                                     : values->s[j]);
            phr_buf_putc(b, '\n');
        }
    }
}
