/*
 * Copyright (C) The Pharos Authors
 *
 * alertmanager.yml: what the tables of receivers cannot say: which options
 * need each other, and which must be set here or in the global settings.
 */

#include "settings/alertmanager_receiver.h"

#include <strings.h>


/* one of "own" in the integration, or of "global" in the global settings */
typedef struct {
    phr_receiver_kind_e   kind;
    const char           *own[5];
    const char           *global[5];
    const char           *text;
} phr_receiver_need_t;


static int phr_receiver_integration(phr_schema_ctx_t *ctx,
    phr_integration_t *in, const phr_http_client_t *http,
    const phr_yaml_node_t *global);
static int phr_receiver_needs(phr_schema_ctx_t *ctx,
    phr_receiver_kind_e kind, const phr_yaml_node_t *node,
    const phr_yaml_node_t *global);
static int phr_receiver_any_set(const phr_yaml_node_t *node,
    const char *const *names);
static phr_str_t phr_receiver_text(const phr_yaml_node_t *node,
    const char *key);


static const phr_receiver_need_t  phr_receiver_needs_list[] = {
    { PHR_RECEIVER_WEBHOOK, { "url", "url_file" }, { NULL },
      "one of url or url_file must be configured" },
    { PHR_RECEIVER_EMAIL, { "smarthost" }, { "smtp_smarthost" },
      "no global SMTP smarthost set" },
    { PHR_RECEIVER_EMAIL, { "from" }, { "smtp_from" },
      "no global SMTP from set" },
    { PHR_RECEIVER_SLACK,
      { "api_url", "api_url_file", "app_token", "app_token_file" },
      { "slack_api_url", "slack_api_url_file", "slack_app_token",
        "slack_app_token_file" },
      "no Slack API URL nor App token set either inline or in a file" },
    { PHR_RECEIVER_PAGERDUTY,
      { "routing_key", "routing_key_file", "service_key",
        "service_key_file" }, { NULL },
      "missing service or routing key in PagerDuty config" },
    { PHR_RECEIVER_OPSGENIE, { "api_key", "api_key_file" },
      { "opsgenie_api_key", "opsgenie_api_key_file" },
      "no global OpsGenie API Key set either inline or in a file" },
    { PHR_RECEIVER_VICTOROPS, { "api_key", "api_key_file" },
      { "victorops_api_key", "victorops_api_key_file" },
      "no global VictorOps API Key set" },
    { PHR_RECEIVER_PUSHOVER, { "user_key", "user_key_file" }, { NULL },
      "one of user_key or user_key_file must be configured" },
    { PHR_RECEIVER_PUSHOVER, { "token", "token_file" }, { NULL },
      "one of token or token_file must be configured" },
    { PHR_RECEIVER_WECHAT, { "api_secret", "api_secret_file" },
      { "wechat_api_secret", "wechat_api_secret_file" },
      "no global Wechat Api Secret set either inline or in a file" },
    { PHR_RECEIVER_WECHAT, { "corp_id" }, { "wechat_api_corp_id" },
      "no global Wechat CorpID set" },
    { PHR_RECEIVER_TELEGRAM, { "bot_token", "bot_token_file" },
      { "telegram_bot_token", "telegram_bot_token_file" },
      "missing bot_token or bot_token_file on telegram_config" },
    { PHR_RECEIVER_DISCORD, { "webhook_url", "webhook_url_file" }, { NULL },
      "one of webhook_url or webhook_url_file must be configured" },
    { PHR_RECEIVER_MSTEAMS, { "webhook_url", "webhook_url_file" }, { NULL },
      "one of webhook_url or webhook_url_file must be configured" },
    { PHR_RECEIVER_MSTEAMSV2, { "webhook_url", "webhook_url_file" },
      { NULL },
      "one of webhook_url or webhook_url_file must be configured" },
    { PHR_RECEIVER_JIRA, { "api_url" }, { "jira_api_url" },
      "no global Jira Cloud URL set" },
    { PHR_RECEIVER_ROCKETCHAT, { "token_id", "token_id_file" },
      { "rocketchat_token_id", "rocketchat_token_id_file" },
      "no global Rocketchat TokenID set either inline or in a file" },
    { PHR_RECEIVER_ROCKETCHAT, { "token", "token_file" },
      { "rocketchat_token", "rocketchat_token_file" },
      "no global Rocketchat Token set either inline or in a file" },
    { PHR_RECEIVER_MATTERMOST, { "webhook_url", "webhook_url_file" },
      { "mattermost_webhook_url", "mattermost_webhook_url_file" },
      "missing webhook_url or webhook_url_file on mattermost_config" },
    { PHR_RECEIVER_INCIDENTIO, { "url", "url_file" }, { NULL },
      "one of url or url_file must be configured" },
};


int
phr_receiver_complete(phr_schema_ctx_t *ctx, phr_receiver_t *r,
    const phr_http_client_t *http, const phr_yaml_node_t *global,
    const phr_yaml_node_t *node)
{
    int                     rc;
    size_t                  i, j, n;
    phr_str_t               name;
    phr_integration_t      *in;
    const phr_option_t     *opt;
    const phr_yaml_node_t  *list;

    n = 0;

    for (i = 0; i < PHR_NRECEIVERS; i++) {
        opt = &phr_receiver_kinds_schema.options[i];
        list = phr_yaml_get(node, opt->name);
        n += list ? list->n : 0;
    }

    in = phr_arena_calloc(ctx->arena, n + 1, sizeof(phr_integration_t));
    if (in == NULL) {
        return phr_schema_nomem(ctx);
    }

    r->integrations = in;

    for (i = 0; i < PHR_NRECEIVERS; i++) {
        opt = &phr_receiver_kinds_schema.options[i];
        list = phr_yaml_get(node, opt->name);
        name = phr_str_from_c(opt->name);
        name.len -= sizeof("_configs") - 1;

        for (j = 0; list != NULL && j < list->n; j++) {
            in->kind = (phr_receiver_kind_e) i;
            in->kind_name = name;
            in->index = (uint32_t) j;
            in->node = list->items[j];
            in->line = list->items[j]->line;

            rc = phr_receiver_integration(ctx, in, http, global);

            if (rc == PHR_OK && i != PHR_RECEIVER_WEBHOOK) {
                rc = phr_schema_warn(ctx, in->node, "receiver \"%.*s\": %s is "
                                     "not active", (int) r->name.len,
                                     r->name.data, opt->name);
            }

            if (rc != PHR_OK) {
                return rc;
            }

            in++;
        }
    }

    r->nintegrations = n;
    r->line = node->line;

    return PHR_OK;
}


int
phr_receiver_url_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node)
{
    size_t       i;
    phr_str_t    s;
    const char  *why;

    if (phr_yaml_text(node, &s) != PHR_OK) {
        return phr_schema_error(ctx, node, "\"%s\" must be a string",
                                opt->name);
    }

    memcpy(member, &s, sizeof(s));

    if (s.len == 0 || phr_str_eq(s, phr_str_of("<secret>"))) {
        return PHR_OK;
    }

    for (i = 0; i + 1 < s.len; i++) {
        if (s.data[i] == '{' && s.data[i + 1] == '{') {
            return PHR_OK;
        }
    }

    if (phr_url_check(s, 1, &why) != PHR_OK) {
        return phr_schema_error(ctx, node, "\"%s\" is no URL: %s", opt->name,
                                why);
    }

    return PHR_OK;
}


int
phr_host_port_set(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node)
{
    size_t     i, host;
    phr_str_t  s;

    if (phr_yaml_text(node, &s) != PHR_OK) {
        return phr_schema_error(ctx, node, "\"%s\" must be a string",
                                opt->name);
    }

    if (s.len == 0) {
        return PHR_OK;
    }

    for (i = s.len; i > 0 && s.data[i - 1] != ':'; i--) {
        /* void */
    }

    if (i == 0 || s.data[s.len - 1] == ']') {
        return phr_schema_error(ctx, node, "\"%s\": missing port in address",
                                opt->name);
    }

    host = i - 1;

    if (memchr(s.data, ':', host) != NULL
        && !(s.data[0] == '[' && s.data[host - 1] == ']'))
    {
        return phr_schema_error(ctx, node, "\"%s\": too many colons in "
                                "address", opt->name);
    }

    if (i == s.len) {
        return phr_schema_error(ctx, node, "\"%s\": port cannot be empty",
                                opt->name);
    }

    return PHR_OK;
}


int
phr_receiver_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    size_t           i;
    phr_receiver_t  *r;

    r = object;

    for (i = 0; i < r->labels.n; i++) {
        if (phr_str_eq(r->labels.p[i].name, phr_str_of("name"))
            && !phr_str_eq(r->labels.p[i].value, r->name))
        {
            return phr_schema_error(ctx, phr_yaml_get(node, "labels"),
                                    "receiver label \"name\" must match the "
                                    "receiver's name");
        }
    }

    return PHR_OK;
}


int
phr_receiver_email_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    int                     enabled;
    size_t                  i, j;
    phr_str_t               a, b;
    const phr_yaml_node_t  *headers, *threading;

    headers = phr_yaml_get(node, "headers");
    threading = phr_yaml_get(node, "threading");
    enabled = 0;
    (void) phr_yaml_bool(phr_yaml_get(threading, "enabled"), &enabled);

    for (i = 0; headers != NULL && i < headers->n; i++) {
        a = headers->pairs[i].key->value;

        if (enabled && ((a.len == 10
                         && strncasecmp(a.data, "References", 10) == 0)
                        || (a.len == 11
                            && strncasecmp(a.data, "In-Reply-To", 11) == 0)))
        {
            return phr_schema_error(ctx, headers->pairs[i].key,
                                    "threading.enabled conflicts with custom "
                                    "%.*s header", (int) a.len, a.data);
        }

        for (j = 0; j < i; j++) {
            b = headers->pairs[j].key->value;

            if (a.len == b.len && strncasecmp(a.data, b.data, a.len) == 0) {
                return phr_schema_error(ctx, headers->pairs[i].key,
                                        "duplicate header \"%.*s\" in email "
                                        "config", (int) a.len, a.data);
            }
        }
    }

    a = phr_receiver_text(threading, "thread_by_date");

    if (enabled && !phr_str_eq(a, phr_str_of("none"))
        && !phr_str_eq(a, phr_str_of("daily")))
    {
        return phr_schema_error(ctx, threading, "threading.thread_by_date "
                                "must be either 'none' or 'daily'");
    }

    return PHR_OK;
}


int
phr_receiver_slack_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    int  update;

    update = 0;
    (void) phr_yaml_bool(phr_yaml_get(node, "update_message"), &update);

    if (update && !phr_str_eq(phr_receiver_text(node, "api_url"),
                       phr_str_of("https://slack.com/api/chat.postMessage")))
    {
        return phr_schema_error(ctx, phr_yaml_get(node, "update_message"),
                                "update_message can only be used with bot "
                                "tokens: api_url must be "
                                "https://slack.com/api/chat.postMessage");
    }

    return PHR_OK;
}


int
phr_receiver_victorops_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    static const char *const  reserved[] = {
        "routing_key", "message_type", "state_message",
        "entity_display_name", "monitoring_tool", "entity_id", "entity_state"
    };

    size_t                  i;
    const phr_yaml_node_t  *fields;

    fields = phr_yaml_get(node, "custom_fields");

    for (i = 0; i < phr_nelems(reserved); i++) {
        if (phr_yaml_get(fields, reserved[i]) != NULL) {
            return phr_schema_error(ctx, fields, "custom field %s conflicts "
                                    "with a fixed field", reserved[i]);
        }
    }

    return PHR_OK;
}


int
phr_receiver_pushover_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    int  html, monospace;

    html = 0;
    monospace = 0;
    (void) phr_yaml_bool(phr_yaml_get(node, "html"), &html);
    (void) phr_yaml_bool(phr_yaml_get(node, "monospace"), &monospace);

    if (html && monospace) {
        return phr_schema_error(ctx, node, "at most one of monospace & html "
                                "must be configured");
    }

    return PHR_OK;
}


/* the genuine condition: it takes all three together, too */
int
phr_receiver_sns_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    int  n;

    n = (phr_receiver_text(node, "target_arn").len == 0)
        + (phr_receiver_text(node, "topic_arn").len == 0)
        + (phr_receiver_text(node, "phone_number").len == 0);

    if (n % 2 == 1) {
        return phr_schema_error(ctx, node, "must provide either a Target "
                                "ARN, Topic ARN, or Phone Number for SNS "
                                "config");
    }

    return PHR_OK;
}


int
phr_receiver_telegram_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    int      file;
    int64_t  id;

    id = 0;
    (void) phr_yaml_int(phr_yaml_get(node, "chat_id"), &id);
    file = phr_receiver_text(node, "chat_id_file").len > 0;

    if ((id != 0) == file) {
        return phr_schema_error(ctx, node, file ? "at most one of chat_id & "
                                "chat_id_file must be configured"
                                : "missing chat_id or chat_id_file on "
                                "telegram_config");
    }

    return PHR_OK;
}


int
phr_receiver_webex_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    phr_receiver_any_t  *any;

    any = object;

    if (any->http == NULL || any->http->authorization == NULL) {
        return phr_schema_error(ctx, node, "missing webex_configs."
                                "http_config.authorization");
    }

    return PHR_OK;
}


int
phr_receiver_incidentio_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    int                  token;
    phr_receiver_any_t  *any;

    any = object;
    token = phr_receiver_text(node, "alert_source_token").len > 0
            || phr_receiver_text(node, "alert_source_token_file").len > 0;

    if (any->http != NULL && (any->http->authorization != NULL) == token) {
        return phr_schema_error(ctx, node, "exactly one of "
                                "alert_source_token, alert_source_token_file "
                                "or http_config.authorization must be "
                                "configured");
    }

    return PHR_OK;
}


int
phr_receiver_action_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    if (phr_receiver_text(node, "url").len == 0
        && phr_receiver_text(node, "name").len == 0)
    {
        return phr_schema_error(ctx, node, "missing name or url in Slack "
                                "action configuration");
    }

    return PHR_OK;
}


int
phr_receiver_responder_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    static const char *const  types[] =
        { "team", "teams", "user", "escalation", "schedule" };

    size_t     i;
    phr_str_t  type;

    if (phr_receiver_text(node, "id").len == 0
        && phr_receiver_text(node, "name").len == 0
        && phr_receiver_text(node, "username").len == 0)
    {
        return phr_schema_error(ctx, node, "a responder has to have at least "
                                "one of id, username or name");
    }

    type = phr_receiver_text(node, "type");

    if (memchr(type.data, '{', type.len) != NULL) {
        return PHR_OK;
    }

    for (i = 0; i < phr_nelems(types); i++) {
        if (strlen(types[i]) == type.len
            && strncasecmp(types[i], type.data, type.len) == 0)
        {
            return PHR_OK;
        }
    }

    return phr_schema_error(ctx, node, "unknown responder type \"%.*s\"",
                            (int) phr_min(type.len, 100), type.data);
}


static int
phr_receiver_integration(phr_schema_ctx_t *ctx, phr_integration_t *in,
    const phr_http_client_t *http, const phr_yaml_node_t *global)
{
    int                  rc;
    void                *object;
    phr_receiver_any_t  *any;

    rc = phr_schema_new(ctx, &phr_receiver_schemas[in->kind], in->node,
                        &object);
    if (rc != PHR_OK) {
        return rc;
    }

    any = object;
    in->send_resolved = any->send_resolved;
    in->http = any->http ? any->http : http;
    in->webhook = (in->kind == PHR_RECEIVER_WEBHOOK) ? &any->webhook : NULL;

    return phr_receiver_needs(ctx, in->kind, in->node, global);
}


static int
phr_receiver_needs(phr_schema_ctx_t *ctx, phr_receiver_kind_e kind,
    const phr_yaml_node_t *node, const phr_yaml_node_t *global)
{
    size_t                      i;
    const phr_receiver_need_t  *need;

    for (i = 0; i < phr_nelems(phr_receiver_needs_list); i++) {
        need = &phr_receiver_needs_list[i];

        if (need->kind == kind && !phr_receiver_any_set(node, need->own)
            && !phr_receiver_any_set(global, need->global))
        {
            return phr_schema_error(ctx, node, "%s", need->text);
        }
    }

    return PHR_OK;
}


static int
phr_receiver_any_set(const phr_yaml_node_t *node, const char *const *names)
{
    for ( ; *names != NULL; names++) {
        if (phr_receiver_text(node, *names).len > 0) {
            return 1;
        }
    }

    return 0;
}


static phr_str_t
phr_receiver_text(const phr_yaml_node_t *node, const char *key)
{
    phr_str_t  s;

    if (phr_yaml_text(phr_yaml_get(node, key), &s) != PHR_OK) {
        return phr_str_of("");
    }

    return s;
}
