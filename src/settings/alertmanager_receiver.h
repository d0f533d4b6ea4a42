/*
 * Copyright (C) The Pharos Authors
 *
 * alertmanager.yml: what the tables of receivers and their checks share.
 */

#ifndef PHR_ALERTMANAGER_RECEIVER_H_INCLUDED
#define PHR_ALERTMANAGER_RECEIVER_H_INCLUDED


#include "settings/alertmanager_schema.h"


/* an integration of any kind; only webhooks use the last member */
typedef struct {
    int                 send_resolved;
    phr_http_client_t  *http;
    phr_webhook_t       webhook;
} phr_receiver_any_t;


extern const phr_schema_t  phr_receiver_schemas[PHR_NRECEIVERS];

/* the options "webhook_configs" ..., in the order of phr_receiver_kind_e */
extern const phr_schema_t  phr_receiver_kinds_schema;


/* see phr_schema_t and phr_option_t */
int phr_receiver_url_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node);
int phr_receiver_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_receiver_email_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_receiver_incidentio_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_receiver_pushover_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_receiver_slack_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_receiver_sns_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_receiver_telegram_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_receiver_victorops_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_receiver_webex_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_receiver_action_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
int phr_receiver_responder_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);


#endif /* PHR_ALERTMANAGER_RECEIVER_H_INCLUDED */
