/*
 * Copyright (C) The Pharos Authors
 *
 * alertmanager.yml: the kinds of receivers, one table of options each.  Only
 * webhooks are read into a struct; the others are checked and kept as they
 * are written.
 */

#include "settings/alertmanager_receiver.h"

#include <stddef.h>


#define PHR_RECEIVER_COMMON                                                   \
    PHR_OPTION(phr_receiver_any_t, send_resolved, "send_resolved",            \
               PHR_OPT_BOOL, 0),                                              \
    PHR_OPTION_OF(phr_receiver_any_t, http, "http_config", PHR_OPT_POINTER,   \
                  0, &phr_http_client_schema)

/* of a message of Mattermost, and of what is attached to one */
#define PHR_RECEIVER_ATTACHMENT                                               \
    PHR_CHECK("author_name", PHR_OPT_STR, 0),                                 \
    PHR_CHECK("author_link", PHR_OPT_STR, 0),                                 \
    PHR_CHECK("author_icon", PHR_OPT_STR, 0),                                 \
    PHR_CHECK("title", PHR_OPT_STR, 0),                                       \
    PHR_CHECK("title_link", PHR_OPT_STR, 0),                                  \
    PHR_CHECK_OF("fields", PHR_OPT_LIST, 0, &phr_receiver_field_schema),      \
    PHR_CHECK("thumb_url", PHR_OPT_STR, 0),                                   \
    PHR_CHECK("footer", PHR_OPT_STR, 0),                                      \
    PHR_CHECK("footer_icon", PHR_OPT_STR, 0),                                 \
    PHR_CHECK("image_url", PHR_OPT_STR, 0)


static void phr_receiver_init_0(void *object);
static void phr_receiver_init_1(void *object);


static const char *const  phr_receiver_wechat_types[] =
    { "text", "markdown", "", NULL };
static const char *const  phr_receiver_parse_modes[] =
    { "Markdown", "MarkdownV2", "HTML", "", NULL };
static const char *const  phr_receiver_jira_types[] =
    { "auto", "cloud", "datacenter", NULL };

static const char *const  phr_receiver_one_url[] =
    { "url", "url_file", NULL };
static const char *const  phr_receiver_one_api_url[] =
    { "api_url", "api_url_file", "app_token", "app_token_file", NULL };
static const char *const  phr_receiver_one_service_key[] =
    { "service_key", "service_key_file", NULL };
static const char *const  phr_receiver_one_routing_key[] =
    { "routing_key", "routing_key_file", NULL };
static const char *const  phr_receiver_one_api_key[] =
    { "api_key", "api_key_file", NULL };
static const char *const  phr_receiver_one_user_key[] =
    { "user_key", "user_key_file", NULL };
static const char *const  phr_receiver_one_token[] =
    { "token", "token_file", NULL };
static const char *const  phr_receiver_one_api_secret[] =
    { "api_secret", "api_secret_file", NULL };
static const char *const  phr_receiver_one_bot_token[] =
    { "bot_token", "bot_token_file", NULL };
static const char *const  phr_receiver_one_webhook_url[] =
    { "webhook_url", "webhook_url_file", NULL };
static const char *const  phr_receiver_one_token_id[] =
    { "token_id", "token_id_file", NULL };
static const char *const  phr_receiver_one_alert_source_token[] =
    { "alert_source_token", "alert_source_token_file", NULL };

static const char *const *const  phr_receiver_webhook_sets[] =
    { phr_receiver_one_url, NULL };
static const char *const *const  phr_receiver_slack_sets[] =
    { phr_receiver_one_api_url, NULL };
static const char *const *const  phr_receiver_pagerduty_sets[] =
    { phr_receiver_one_service_key,
      phr_receiver_one_routing_key, NULL };
static const char *const *const  phr_receiver_opsgenie_sets[] =
    { phr_receiver_one_api_key, NULL };
static const char *const *const  phr_receiver_victorops_sets[] =
    { phr_receiver_one_api_key, NULL };
static const char *const *const  phr_receiver_pushover_sets[] =
    { phr_receiver_one_user_key,
      phr_receiver_one_token, NULL };
static const char *const *const  phr_receiver_wechat_sets[] =
    { phr_receiver_one_api_secret, NULL };
static const char *const *const  phr_receiver_telegram_sets[] =
    { phr_receiver_one_bot_token, NULL };
static const char *const *const  phr_receiver_discord_sets[] =
    { phr_receiver_one_webhook_url, NULL };
static const char *const *const  phr_receiver_msteams_sets[] =
    { phr_receiver_one_webhook_url, NULL };
static const char *const *const  phr_receiver_msteamsv2_sets[] =
    { phr_receiver_one_webhook_url, NULL };
static const char *const *const  phr_receiver_rocketchat_sets[] =
    { phr_receiver_one_token,
      phr_receiver_one_token_id, NULL };
static const char *const *const  phr_receiver_mattermost_sets[] =
    { phr_receiver_one_webhook_url, NULL };
static const char *const *const  phr_receiver_incidentio_sets[] =
    { phr_receiver_one_url,
      phr_receiver_one_alert_source_token, NULL };


static const phr_option_t  phr_receiver_threading_options[] = {
    PHR_CHECK("enabled", PHR_OPT_BOOL, 0),
    PHR_CHECK("thread_by_date", PHR_OPT_STR, 0),
};

static const phr_schema_t  phr_receiver_threading_schema = {
    .name = "threading",
    .options = phr_receiver_threading_options,
    .noptions = phr_nelems(phr_receiver_threading_options)
};

static const phr_option_t  phr_receiver_field_options[] = {
    PHR_CHECK("title", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("value", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("short", PHR_OPT_BOOL, 0),
};

static const phr_schema_t  phr_receiver_field_schema = {
    .name = "field",
    .options = phr_receiver_field_options,
    .noptions = phr_nelems(phr_receiver_field_options)
};

static const phr_option_t  phr_receiver_confirm_options[] = {
    PHR_CHECK("text", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("title", PHR_OPT_STR, 0),
    PHR_CHECK("ok_text", PHR_OPT_STR, 0),
    PHR_CHECK("dismiss_text", PHR_OPT_STR, 0),
};

static const phr_schema_t  phr_receiver_confirm_schema = {
    .name = "confirm",
    .options = phr_receiver_confirm_options,
    .noptions = phr_nelems(phr_receiver_confirm_options)
};

static const phr_option_t  phr_receiver_action_options[] = {
    PHR_CHECK("type", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("text", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("url", PHR_OPT_STR, 0),
    PHR_CHECK("style", PHR_OPT_STR, 0),
    PHR_CHECK("name", PHR_OPT_STR, 0),
    PHR_CHECK("value", PHR_OPT_STR, 0),
    PHR_CHECK_OF("confirm", PHR_OPT_STRUCT, 0,
                 &phr_receiver_confirm_schema),
};

static const phr_schema_t  phr_receiver_action_schema = {
    .name = "action",
    .options = phr_receiver_action_options,
    .noptions = phr_nelems(phr_receiver_action_options),
    .check = phr_receiver_action_check
};

static const phr_option_t  phr_receiver_image_options[] = {
    PHR_CHECK("src", PHR_OPT_STR, 0),
    PHR_CHECK("alt", PHR_OPT_STR, 0),
    PHR_CHECK("href", PHR_OPT_STR, 0),
};

static const phr_schema_t  phr_receiver_image_schema = {
    .name = "image",
    .options = phr_receiver_image_options,
    .noptions = phr_nelems(phr_receiver_image_options)
};

static const phr_option_t  phr_receiver_link_options[] = {
    PHR_CHECK("href", PHR_OPT_STR, 0),
    PHR_CHECK("text", PHR_OPT_STR, 0),
};

static const phr_schema_t  phr_receiver_link_schema = {
    .name = "link",
    .options = phr_receiver_link_options,
    .noptions = phr_nelems(phr_receiver_link_options)
};

static const phr_option_t  phr_receiver_responder_options[] = {
    PHR_CHECK("id", PHR_OPT_STR, 0),
    PHR_CHECK("name", PHR_OPT_STR, 0),
    PHR_CHECK("username", PHR_OPT_STR, 0),
    PHR_CHECK("type", PHR_OPT_STR, 0),
};

static const phr_schema_t  phr_receiver_responder_schema = {
    .name = "responder",
    .options = phr_receiver_responder_options,
    .noptions = phr_nelems(phr_receiver_responder_options),
    .check = phr_receiver_responder_check
};

static const phr_option_t  phr_receiver_attachment_options[] = {
    PHR_CHECK("fallback", PHR_OPT_STR, 0),
    PHR_CHECK("color", PHR_OPT_STR, 0),
    PHR_CHECK("pretext", PHR_OPT_STR, 0),
    PHR_CHECK("text", PHR_OPT_STR, 0),
    PHR_RECEIVER_ATTACHMENT,
};

static const phr_schema_t  phr_receiver_attachment_schema = {
    .name = "attachment",
    .options = phr_receiver_attachment_options,
    .noptions = phr_nelems(phr_receiver_attachment_options)
};

static const phr_option_t  phr_receiver_webhook_options[] = {
    PHR_RECEIVER_COMMON,
    { .name = "url", .type = PHR_OPT_CUSTOM, .flags = PHR_OPT_HIDDEN,
      .offset = offsetof(phr_receiver_any_t, webhook.url),
      .set = phr_receiver_url_set },
    PHR_OPTION(phr_receiver_any_t, webhook.url_file, "url_file",
               PHR_OPT_PATH, 0),
    PHR_OPTION(phr_receiver_any_t, webhook.max_alerts, "max_alerts",
               PHR_OPT_UINT, 0),
    PHR_OPTION(phr_receiver_any_t, webhook.timeout_ms, "timeout",
               PHR_OPT_GO_TIME, 0),
    PHR_OPTION(phr_receiver_any_t, webhook.payload, "payload",
               PHR_OPT_NODE, 0),
};

static const phr_option_t  phr_receiver_email_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("to", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("from", PHR_OPT_STR, 0),
    PHR_CHECK("hello", PHR_OPT_STR, 0),
    { .name = "smarthost", .type = PHR_OPT_CUSTOM,
      .offset = PHR_OPT_NOWHERE, .set = phr_host_port_set },
    PHR_CHECK("auth_username", PHR_OPT_STR, 0),
    PHR_CHECK("auth_password", PHR_OPT_SECRET, 0),
    PHR_CHECK("auth_password_file", PHR_OPT_STR, 0),
    PHR_CHECK("auth_secret", PHR_OPT_SECRET, 0),
    PHR_CHECK("auth_secret_file", PHR_OPT_STR, 0),
    PHR_CHECK("auth_identity", PHR_OPT_STR, 0),
    PHR_CHECK("headers", PHR_OPT_PAIRS, 0),
    PHR_CHECK("html", PHR_OPT_STR, 0),
    PHR_CHECK("text", PHR_OPT_STR, 0),
    PHR_CHECK("require_tls", PHR_OPT_BOOL, 0),
    PHR_CHECK_OF("tls_config", PHR_OPT_STRUCT, 0, &phr_tls_schema),
    PHR_CHECK("force_implicit_tls", PHR_OPT_BOOL, 0),
    PHR_CHECK_OF("threading", PHR_OPT_STRUCT, 0,
                 &phr_receiver_threading_schema),
};

static const phr_option_t  phr_receiver_slack_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("api_url", PHR_OPT_SECRET_URL, 0),
    PHR_CHECK("api_url_file", PHR_OPT_STR, 0),
    PHR_CHECK("app_token", PHR_OPT_SECRET, 0),
    PHR_CHECK("app_token_file", PHR_OPT_STR, 0),
    PHR_CHECK("app_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("channel", PHR_OPT_STR, 0),
    PHR_CHECK("username", PHR_OPT_STR, 0),
    PHR_CHECK("color", PHR_OPT_STR, 0),
    PHR_CHECK("title", PHR_OPT_STR, 0),
    PHR_CHECK("title_link", PHR_OPT_STR, 0),
    PHR_CHECK("pretext", PHR_OPT_STR, 0),
    PHR_CHECK("text", PHR_OPT_STR, 0),
    PHR_CHECK("message_text", PHR_OPT_STR, 0),
    PHR_CHECK_OF("fields", PHR_OPT_LIST, 0, &phr_receiver_field_schema),
    PHR_CHECK("short_fields", PHR_OPT_BOOL, 0),
    PHR_CHECK("footer", PHR_OPT_STR, 0),
    PHR_CHECK("fallback", PHR_OPT_STR, 0),
    PHR_CHECK("callback_id", PHR_OPT_STR, 0),
    PHR_CHECK("icon_emoji", PHR_OPT_STR, 0),
    PHR_CHECK("icon_url", PHR_OPT_STR, 0),
    PHR_CHECK("image_url", PHR_OPT_STR, 0),
    PHR_CHECK("thumb_url", PHR_OPT_STR, 0),
    PHR_CHECK("link_names", PHR_OPT_BOOL, 0),
    PHR_CHECK("mrkdwn_in", PHR_OPT_STRS, 0),
    PHR_CHECK_OF("actions", PHR_OPT_LIST, 0, &phr_receiver_action_schema),
    PHR_CHECK("update_message", PHR_OPT_BOOL, 0),
    PHR_CHECK("timeout", PHR_OPT_GO_TIME, 0),
};

static const phr_option_t  phr_receiver_pagerduty_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("service_key", PHR_OPT_SECRET, 0),
    PHR_CHECK("service_key_file", PHR_OPT_STR, 0),
    PHR_CHECK("routing_key", PHR_OPT_SECRET, 0),
    PHR_CHECK("routing_key_file", PHR_OPT_STR, 0),
    PHR_CHECK("url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("client", PHR_OPT_STR, 0),
    PHR_CHECK("client_url", PHR_OPT_STR, 0),
    PHR_CHECK("description", PHR_OPT_STR, 0),
    PHR_CHECK("details", PHR_OPT_NODE, 0),
    PHR_CHECK_OF("images", PHR_OPT_LIST, 0, &phr_receiver_image_schema),
    PHR_CHECK_OF("links", PHR_OPT_LIST, 0, &phr_receiver_link_schema),
    PHR_CHECK("source", PHR_OPT_STR, 0),
    PHR_CHECK("severity", PHR_OPT_STR, 0),
    PHR_CHECK("class", PHR_OPT_STR, 0),
    PHR_CHECK("component", PHR_OPT_STR, 0),
    PHR_CHECK("group", PHR_OPT_STR, 0),
    PHR_CHECK("timeout", PHR_OPT_GO_TIME, 0),
};

static const phr_option_t  phr_receiver_opsgenie_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("api_key", PHR_OPT_SECRET, 0),
    PHR_CHECK("api_key_file", PHR_OPT_STR, 0),
    PHR_CHECK("api_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("message", PHR_OPT_STR, 0),
    PHR_CHECK("description", PHR_OPT_STR, 0),
    PHR_CHECK("source", PHR_OPT_STR, 0),
    PHR_CHECK("details", PHR_OPT_PAIRS, 0),
    PHR_CHECK("entity", PHR_OPT_STR, 0),
    PHR_CHECK_OF("responders", PHR_OPT_LIST, 0, &phr_receiver_responder_schema),
    PHR_CHECK("actions", PHR_OPT_STR, 0),
    PHR_CHECK("tags", PHR_OPT_STR, 0),
    PHR_CHECK("note", PHR_OPT_STR, 0),
    PHR_CHECK("priority", PHR_OPT_STR, 0),
    PHR_CHECK("update_alerts", PHR_OPT_BOOL, 0),
};

static const phr_option_t  phr_receiver_victorops_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("api_key", PHR_OPT_SECRET, 0),
    PHR_CHECK("api_key_file", PHR_OPT_STR, 0),
    PHR_CHECK("api_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("routing_key", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("message_type", PHR_OPT_STR, 0),
    PHR_CHECK("state_message", PHR_OPT_STR, 0),
    PHR_CHECK("entity_display_name", PHR_OPT_STR, 0),
    PHR_CHECK("monitoring_tool", PHR_OPT_STR, 0),
    PHR_CHECK("custom_fields", PHR_OPT_PAIRS, 0),
};

static const phr_option_t  phr_receiver_pushover_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("user_key", PHR_OPT_SECRET, 0),
    PHR_CHECK("user_key_file", PHR_OPT_STR, 0),
    PHR_CHECK("token", PHR_OPT_SECRET, 0),
    PHR_CHECK("token_file", PHR_OPT_STR, 0),
    PHR_CHECK("title", PHR_OPT_STR, 0),
    PHR_CHECK("message", PHR_OPT_STR, 0),
    PHR_CHECK("url", PHR_OPT_STR, 0),
    PHR_CHECK("url_title", PHR_OPT_STR, 0),
    PHR_CHECK("device", PHR_OPT_STR, 0),
    PHR_CHECK("sound", PHR_OPT_STR, 0),
    PHR_CHECK("priority", PHR_OPT_STR, 0),
    PHR_CHECK("retry", PHR_OPT_GO_TIME, 0),
    PHR_CHECK("expire", PHR_OPT_GO_TIME, 0),
    PHR_CHECK("ttl", PHR_OPT_GO_TIME, 0),
    PHR_CHECK("html", PHR_OPT_BOOL, 0),
    PHR_CHECK("monospace", PHR_OPT_BOOL, 0),
};

static const phr_option_t  phr_receiver_wechat_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("api_secret", PHR_OPT_SECRET, 0),
    PHR_CHECK("api_secret_file", PHR_OPT_STR, 0),
    PHR_CHECK("corp_id", PHR_OPT_STR, 0),
    PHR_CHECK("message", PHR_OPT_STR, 0),
    PHR_CHECK("api_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("to_user", PHR_OPT_STR, 0),
    PHR_CHECK("to_party", PHR_OPT_STR, 0),
    PHR_CHECK("to_tag", PHR_OPT_STR, 0),
    PHR_CHECK("agent_id", PHR_OPT_STR, 0),
    PHR_CHECK_WORD("message_type", 0, phr_receiver_wechat_types),
};

static const phr_option_t  phr_receiver_sns_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("api_url", PHR_OPT_STR, 0),
    PHR_CHECK_OF("sigv4", PHR_OPT_STRUCT, 0, &phr_sigv4_schema),
    PHR_CHECK("topic_arn", PHR_OPT_STR, 0),
    PHR_CHECK("phone_number", PHR_OPT_STR, 0),
    PHR_CHECK("target_arn", PHR_OPT_STR, 0),
    PHR_CHECK("subject", PHR_OPT_STR, 0),
    PHR_CHECK("message", PHR_OPT_STR, 0),
    PHR_CHECK("attributes", PHR_OPT_PAIRS, 0),
    PHR_CHECK("use_aws_http_client", PHR_OPT_BOOL, 0),
};

static const phr_option_t  phr_receiver_telegram_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("api_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("bot_token", PHR_OPT_SECRET, 0),
    PHR_CHECK("bot_token_file", PHR_OPT_STR, 0),
    PHR_CHECK("chat_id", PHR_OPT_INT, 0),
    PHR_CHECK("chat_id_file", PHR_OPT_STR, 0),
    PHR_CHECK("message_thread_id", PHR_OPT_INT, 0),
    PHR_CHECK("message", PHR_OPT_STR, 0),
    PHR_CHECK("disable_notifications", PHR_OPT_BOOL, 0),
    PHR_CHECK_WORD("parse_mode", 0, phr_receiver_parse_modes),
};

static const phr_option_t  phr_receiver_discord_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("webhook_url", PHR_OPT_SECRET_URL, 0),
    PHR_CHECK("webhook_url_file", PHR_OPT_STR, 0),
    PHR_CHECK("content", PHR_OPT_STR, 0),
    PHR_CHECK("title", PHR_OPT_STR, 0),
    PHR_CHECK("message", PHR_OPT_STR, 0),
    PHR_CHECK("username", PHR_OPT_STR, 0),
    PHR_CHECK("avatar_url", PHR_OPT_STR, 0),
};

static const phr_option_t  phr_receiver_webex_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("api_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("message", PHR_OPT_STR, 0),
    PHR_CHECK("room_id", PHR_OPT_STR, PHR_OPT_REQUIRED),
};

static const phr_option_t  phr_receiver_msteams_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("webhook_url", PHR_OPT_SECRET_URL, 0),
    PHR_CHECK("webhook_url_file", PHR_OPT_STR, 0),
    PHR_CHECK("title", PHR_OPT_STR, 0),
    PHR_CHECK("summary", PHR_OPT_STR, 0),
    PHR_CHECK("text", PHR_OPT_STR, 0),
};

static const phr_option_t  phr_receiver_msteamsv2_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("webhook_url", PHR_OPT_SECRET_URL, 0),
    PHR_CHECK("webhook_url_file", PHR_OPT_STR, 0),
    PHR_CHECK("title", PHR_OPT_STR, 0),
    PHR_CHECK("text", PHR_OPT_STR, 0),
};

static const phr_option_t  phr_receiver_jira_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("api_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK_WORD("api_type", 0, phr_receiver_jira_types),
    PHR_CHECK("project", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("summary", PHR_OPT_NODE, 0),
    PHR_CHECK("description", PHR_OPT_NODE, 0),
    PHR_CHECK("labels", PHR_OPT_STRS, 0),
    PHR_CHECK("priority", PHR_OPT_STR, 0),
    PHR_CHECK("issue_type", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_CHECK("reopen_transition", PHR_OPT_STR, 0),
    PHR_CHECK("resolve_transition", PHR_OPT_STR, 0),
    PHR_CHECK("wont_fix_resolution", PHR_OPT_STR, 0),
    PHR_CHECK("reopen_duration", PHR_OPT_DURATION, 0),
    PHR_CHECK("fields", PHR_OPT_NODE, 0),
};

static const phr_option_t  phr_receiver_rocketchat_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("api_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("token_id", PHR_OPT_SECRET, 0),
    PHR_CHECK("token_id_file", PHR_OPT_STR, 0),
    PHR_CHECK("token", PHR_OPT_SECRET, 0),
    PHR_CHECK("token_file", PHR_OPT_STR, 0),
    PHR_CHECK("channel", PHR_OPT_STR, 0),
    PHR_CHECK("color", PHR_OPT_STR, 0),
    PHR_CHECK("title", PHR_OPT_STR, 0),
    PHR_CHECK("title_link", PHR_OPT_STR, 0),
    PHR_CHECK("text", PHR_OPT_STR, 0),
    PHR_CHECK("fields", PHR_OPT_NODE, 0),
    PHR_CHECK("short_fields", PHR_OPT_BOOL, 0),
    PHR_CHECK("emoji", PHR_OPT_STR, 0),
    PHR_CHECK("icon_url", PHR_OPT_STR, 0),
    PHR_CHECK("image_url", PHR_OPT_STR, 0),
    PHR_CHECK("thumb_url", PHR_OPT_STR, 0),
    PHR_CHECK("link_names", PHR_OPT_BOOL, 0),
    PHR_CHECK("actions", PHR_OPT_NODE, 0),
};

static const phr_option_t  phr_receiver_mattermost_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("webhook_url", PHR_OPT_SECRET_URL, 0),
    PHR_CHECK("webhook_url_file", PHR_OPT_STR, 0),
    PHR_CHECK("channel", PHR_OPT_STR, 0),
    PHR_CHECK("username", PHR_OPT_STR, 0),
    PHR_CHECK("text", PHR_OPT_STR, 0),
    PHR_CHECK("fallback", PHR_OPT_STR, 0),
    PHR_CHECK("color", PHR_OPT_STR, 0),
    PHR_CHECK("pretext", PHR_OPT_STR, 0),
    PHR_RECEIVER_ATTACHMENT,
    PHR_CHECK("icon_url", PHR_OPT_STR, 0),
    PHR_CHECK("icon_emoji", PHR_OPT_STR, 0),
    PHR_CHECK_OF("attachments", PHR_OPT_LIST, 0,
                 &phr_receiver_attachment_schema),
    PHR_CHECK("type", PHR_OPT_STR, 0),
    PHR_CHECK("props", PHR_OPT_NODE, 0),
    PHR_CHECK("priority", PHR_OPT_NODE, 0),
};

static const phr_option_t  phr_receiver_incidentio_options[] = {
    PHR_RECEIVER_COMMON,
    PHR_CHECK("url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("url_file", PHR_OPT_STR, 0),
    PHR_CHECK("alert_source_token", PHR_OPT_SECRET, 0),
    PHR_CHECK("alert_source_token_file", PHR_OPT_STR, 0),
    PHR_CHECK("max_alerts", PHR_OPT_UINT, 0),
    PHR_CHECK("timeout", PHR_OPT_GO_TIME, 0),
};


const phr_schema_t  phr_receiver_schemas[PHR_NRECEIVERS] = {
#define PHR_RECEIVER(kind_, name_, resolved_, check_, exclusive_)             \
    [PHR_RECEIVER_ ## kind_] = {                                              \
        .name = #name_ "_configs",                                            \
        .size = sizeof(phr_receiver_any_t),                                   \
        .options = phr_receiver_ ## name_ ## _options,                        \
        .noptions = phr_nelems(phr_receiver_ ## name_ ## _options),           \
        .init = phr_receiver_init_ ## resolved_,                              \
        .check = check_,                                                      \
        .exclusive = exclusive_                                               \
    },
#include "settings/receiver_list.h"
};


static const phr_option_t  phr_receiver_kinds[] = {
#define PHR_RECEIVER(kind_, name_, resolved_, check_, exclusive_)             \
    PHR_CHECK_OF(#name_ "_configs", PHR_OPT_NODE,                             \
                 PHR_OPT_MANY | PHR_OPT_NULLS,                                \
                 &phr_receiver_schemas[PHR_RECEIVER_ ## kind_]),
#include "settings/receiver_list.h"
};

const phr_schema_t  phr_receiver_kinds_schema = {
    .name = "a receiver",
    .options = phr_receiver_kinds,
    .noptions = phr_nelems(phr_receiver_kinds)
};


static const phr_option_t  phr_receiver_options[] = {
    PHR_OPTION(phr_receiver_t, name, "name", PHR_OPT_STR, PHR_OPT_REQUIRED),
    PHR_OPTION(phr_receiver_t, labels, "labels", PHR_OPT_PAIRS, 0),
    PHR_CHECK_OF("", PHR_OPT_INLINE, 0, &phr_receiver_kinds_schema),
};

const phr_schema_t  phr_receiver_schema = {
    .name = "a receiver",
    .size = sizeof(phr_receiver_t),
    .options = phr_receiver_options,
    .noptions = phr_nelems(phr_receiver_options),
    .check = phr_receiver_check
};


static void
phr_receiver_init_0(void *object)
{
    ((phr_receiver_any_t *) object)->send_resolved = 0;
}


static void
phr_receiver_init_1(void *object)
{
    ((phr_receiver_any_t *) object)->send_resolved = 1;
}
