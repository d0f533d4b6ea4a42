/*
 * Copyright (C) The Pharos Authors
 *
 * HTTP client: its tables, for the other files of this folder.
 */

#ifndef PHR_HTTP_CLIENT_SCHEMA_H_INCLUDED
#define PHR_HTTP_CLIENT_SCHEMA_H_INCLUDED


#include "settings/http_client.h"
#include "settings/schema.h"


extern const phr_schema_t  phr_http_client_schema;
extern const phr_schema_t  phr_tls_schema;
extern const phr_schema_t  phr_sigv4_schema;        /* has no struct */


/* 1 if the client sets this header itself */
int phr_http_reserved_header(phr_str_t name);

/*
 * A mapping from names to lists of strings, into a list of
 * phr_http_header_t with "values" (STRS) or "secrets" (SECRETS) set.
 */
int phr_http_values_read(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    phr_option_type_e type, void *member, const phr_yaml_node_t *node);
void phr_http_values_write(phr_buf_t *b, const phr_option_t *opt,
    phr_option_type_e type, const void *member, unsigned indent);


#endif /* PHR_HTTP_CLIENT_SCHEMA_H_INCLUDED */
