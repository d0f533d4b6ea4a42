/*
 * Copyright (C) The Pharos Authors
 *
 * alertmanager.yml: the tables of its parts, for the other files of this
 * folder.
 */

#ifndef PHR_ALERTMANAGER_SCHEMA_H_INCLUDED
#define PHR_ALERTMANAGER_SCHEMA_H_INCLUDED


#include "settings/alertmanager_yml.h"
#include "settings/http_client_schema.h"


extern const phr_schema_t  phr_receiver_schema;
extern const phr_schema_t  phr_named_interval_schema;
extern const phr_schema_t  phr_route_schema;


/* names, inheritance and the root's own rules; sets conf->nroutes */
int phr_route_complete(phr_schema_ctx_t *ctx, phr_alertmanager_yml_t *conf,
    const phr_yaml_node_t *node);

/* every name may be any UTF-8 but the empty one */
int phr_label_names_check(phr_schema_ctx_t *ctx, const phr_strs_t *names,
    const phr_yaml_node_t *node, const char *what);


/*
 * The integrations of a receiver, once the global settings are known: http
 * is what they use without an http_config of their own, global is the
 * mapping that defaults are looked up in (or NULL).
 */
int phr_receiver_complete(phr_schema_ctx_t *ctx, phr_receiver_t *r,
    const phr_http_client_t *http, const phr_yaml_node_t *global,
    const phr_yaml_node_t *node);

/* "host:port", or empty: a CUSTOM option that is checked only */
int phr_host_port_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node);

/* CUSTOM options of a phr_matchers_t: each adds to what is there */
int phr_match_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node);
int phr_match_re_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node);
int phr_matchers_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node);

/* the order that Alertmanager prints them in */
void phr_matchers_sort(phr_matchers_t *ms);


#endif /* PHR_ALERTMANAGER_SCHEMA_H_INCLUDED */
