/*
 * Copyright (C) The Pharos Authors
 *
 * HTTP client: the options of outbound requests that prometheus.yml and
 * alertmanager.yml share.  Nothing is sent from here.
 */

#ifndef PHR_HTTP_CLIENT_H_INCLUDED
#define PHR_HTTP_CLIENT_H_INCLUDED


#include "settings/loader.h"
#include "settings/yaml.h"


/* of each value and its _file at most one is set; data is NULL if unset */

typedef struct {
    phr_str_t  username;
    phr_str_t  username_file;
    phr_str_t  username_ref;
    phr_str_t  password;
    phr_str_t  password_file;
    phr_str_t  password_ref;
} phr_basic_auth_t;


/* bearer_token and bearer_token_file end here, too */
typedef struct {
    phr_str_t  type;                /* "Bearer" if the file names none */
    phr_str_t  credentials;
    phr_str_t  credentials_file;
    phr_str_t  credentials_ref;
} phr_authorization_t;


typedef struct {
    phr_str_t  ca;                  /* PEM text */
    phr_str_t  cert;
    phr_str_t  key;
    phr_str_t  ca_file;
    phr_str_t  cert_file;
    phr_str_t  key_file;
    phr_str_t  ca_ref;
    phr_str_t  cert_ref;
    phr_str_t  key_ref;
    phr_str_t  server_name;
    int        insecure_skip_verify;
    phr_str_t  min_version;         /* "TLS10" .. "TLS13", or empty */
    phr_str_t  max_version;
} phr_tls_conf_t;


/* a header of several values; secrets and files are kept apart */
typedef struct {
    phr_str_t   name;
    phr_strs_t  values;
    phr_strs_t  secrets;
    phr_strs_t  files;
} phr_http_header_t;


typedef struct {
    phr_str_t            proxy_url;
    phr_str_t            no_proxy;
    int                  proxy_from_environment;
    phr_http_header_t  **proxy_connect_header;  /* only secrets are used */
    size_t               nproxy_connect_header;
} phr_proxy_t;


typedef struct {
    phr_str_t       client_id;
    phr_str_t       client_secret;
    phr_str_t       client_secret_file;
    phr_str_t       client_secret_ref;
    phr_str_t       client_certificate_key_id;
    phr_str_t       client_certificate_key;
    phr_str_t       client_certificate_key_file;
    phr_str_t       client_certificate_key_ref;
    phr_str_t       signature_algorithm;
    phr_str_t       iss;
    phr_str_t       audience;
    phr_str_t       grant_type;
    const phr_yaml_node_t  *claims;         /* a mapping; NULL: none */
    phr_strs_t      scopes;
    phr_str_t       token_url;
    phr_pairs_t     endpoint_params;
    phr_tls_conf_t  tls;
    phr_proxy_t     proxy;
} phr_oauth2_t;


typedef struct {
    phr_basic_auth_t     *basic_auth;       /* NULL: none */
    phr_authorization_t  *authorization;    /* NULL: none */
    phr_oauth2_t         *oauth2;           /* NULL: none */
    phr_str_t             bearer_token;     /* moved to authorization */
    phr_str_t             bearer_token_file;
    phr_tls_conf_t        tls;
    int                   follow_redirects;
    int                   enable_http2;
    phr_proxy_t           proxy;
    phr_http_header_t   **headers;
    size_t                nheaders;
} phr_http_client_t;


#endif /* PHR_HTTP_CLIENT_H_INCLUDED */
