/*
 * Copyright (C) The Pharos Authors
 *
 * alertmanager.yml: loading, the global settings, and what concerns the file
 * as a whole.  Routes are in alertmanager_route.c, receivers and intervals
 * in files of their own.
 */

#include "settings/alertmanager_yml.h"

#include "settings/alertmanager_schema.h"


/* the file's form, and what the struct that the caller sees was made of */
typedef struct {
    int64_t                   resolve_timeout_ms;
    phr_http_client_t        *http;
} phr_am_global_t;

typedef struct {
    phr_am_global_t           global;
    phr_route_conf_t         *route;
    phr_inhibit_conf_t      **inhibits;
    size_t                    ninhibits;
    phr_receiver_t          **receivers;
    size_t                    nreceivers;
    phr_strs_t                templates;
    phr_named_interval_t    **mutes;
    size_t                    nmutes;
    phr_named_interval_t    **intervals;
    size_t                    nintervals;
} phr_am_file_t;

typedef struct {
    phr_alertmanager_yml_t    conf;
    phr_am_file_t             file;
    phr_arena_t              *arena;    /* holds this struct, too */
    phr_array_t               regexes;
    const phr_yaml_node_t    *node;
} phr_am_own_t;


static void phr_am_global_init(void *object);
static int phr_am_global_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_inhibit_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_am_read(phr_schema_ctx_t *ctx, phr_am_own_t *own,
    phr_str_t text);
static int phr_am_receivers(phr_schema_ctx_t *ctx, phr_am_own_t *own,
    const phr_yaml_node_t *node);
static int phr_am_intervals(phr_schema_ctx_t *ctx, phr_am_own_t *own,
    const phr_yaml_node_t *node);


#define PHR_AM_HOST_PORT(name_)                                               \
    { .name = name_, .type = PHR_OPT_CUSTOM, .offset = PHR_OPT_NOWHERE,       \
      .set = phr_host_port_set }

static const phr_option_t  phr_am_global_options[] = {
    PHR_OPTION(phr_am_global_t, resolve_timeout_ms, "resolve_timeout",
               PHR_OPT_DURATION, 0),
    PHR_OPTION_OF(phr_am_global_t, http, "http_config", PHR_OPT_POINTER, 0,
                  &phr_http_client_schema),
    PHR_CHECK("jira_api_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("smtp_from", PHR_OPT_STR, 0),
    PHR_CHECK("smtp_hello", PHR_OPT_STR, 0),
    PHR_AM_HOST_PORT("smtp_smarthost"),
    PHR_CHECK("smtp_auth_username", PHR_OPT_STR, 0),
    PHR_CHECK("smtp_auth_password", PHR_OPT_SECRET, 0),
    PHR_CHECK("smtp_auth_password_file", PHR_OPT_STR, 0),
    PHR_CHECK("smtp_auth_secret", PHR_OPT_SECRET, 0),
    PHR_CHECK("smtp_auth_secret_file", PHR_OPT_STR, 0),
    PHR_CHECK("smtp_auth_identity", PHR_OPT_STR, 0),
    PHR_CHECK("smtp_require_tls", PHR_OPT_BOOL, 0),
    PHR_CHECK_OF("smtp_tls_config", PHR_OPT_STRUCT, 0, &phr_tls_schema),
    PHR_CHECK("smtp_force_implicit_tls", PHR_OPT_BOOL, 0),
    PHR_CHECK("slack_api_url", PHR_OPT_SECRET_URL, 0),
    PHR_CHECK("slack_api_url_file", PHR_OPT_STR, 0),
    PHR_CHECK("slack_app_token", PHR_OPT_SECRET, 0),
    PHR_CHECK("slack_app_token_file", PHR_OPT_STR, 0),
    PHR_CHECK("slack_app_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("pagerduty_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("opsgenie_api_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("opsgenie_api_key", PHR_OPT_SECRET, 0),
    PHR_CHECK("opsgenie_api_key_file", PHR_OPT_STR, 0),
    PHR_CHECK("wechat_api_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("wechat_api_secret", PHR_OPT_SECRET, 0),
    PHR_CHECK("wechat_api_secret_file", PHR_OPT_STR, 0),
    PHR_CHECK("wechat_api_corp_id", PHR_OPT_STR, 0),
    PHR_CHECK("victorops_api_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("victorops_api_key", PHR_OPT_SECRET, 0),
    PHR_CHECK("victorops_api_key_file", PHR_OPT_STR, 0),
    PHR_CHECK("telegram_api_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("telegram_bot_token", PHR_OPT_SECRET, 0),
    PHR_CHECK("telegram_bot_token_file", PHR_OPT_STR, 0),
    PHR_CHECK("webex_api_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("rocketchat_api_url", PHR_OPT_HTTP_URL, 0),
    PHR_CHECK("rocketchat_token", PHR_OPT_SECRET, 0),
    PHR_CHECK("rocketchat_token_file", PHR_OPT_STR, 0),
    PHR_CHECK("rocketchat_token_id", PHR_OPT_SECRET, 0),
    PHR_CHECK("rocketchat_token_id_file", PHR_OPT_STR, 0),
    PHR_CHECK("mattermost_webhook_url", PHR_OPT_SECRET_URL, 0),
    PHR_CHECK("mattermost_webhook_url_file", PHR_OPT_STR, 0),
};

#define PHR_AM_ONE(a_, b_)                                                    \
    static const char *const  phr_am_ ## a_[] = { #a_, #b_, NULL }

PHR_AM_ONE(slack_app_token, slack_app_token_file);
PHR_AM_ONE(slack_api_url, slack_api_url_file);
PHR_AM_ONE(opsgenie_api_key, opsgenie_api_key_file);
PHR_AM_ONE(victorops_api_key, victorops_api_key_file);
PHR_AM_ONE(telegram_bot_token, telegram_bot_token_file);
PHR_AM_ONE(smtp_auth_password, smtp_auth_password_file);
PHR_AM_ONE(smtp_auth_secret, smtp_auth_secret_file);
PHR_AM_ONE(rocketchat_token, rocketchat_token_file);
PHR_AM_ONE(rocketchat_token_id, rocketchat_token_id_file);
PHR_AM_ONE(wechat_api_secret, wechat_api_secret_file);
PHR_AM_ONE(mattermost_webhook_url, mattermost_webhook_url_file);

static const char *const *const  phr_am_global_exclusive[] = {
    phr_am_slack_app_token, phr_am_slack_api_url, phr_am_opsgenie_api_key,
    phr_am_victorops_api_key, phr_am_telegram_bot_token,
    phr_am_smtp_auth_password, phr_am_smtp_auth_secret,
    phr_am_rocketchat_token, phr_am_rocketchat_token_id,
    phr_am_wechat_api_secret, phr_am_mattermost_webhook_url, NULL
};

static const phr_schema_t  phr_am_global_schema = {
    .name = "the global settings",
    .size = sizeof(phr_am_global_t),
    .options = phr_am_global_options,
    .noptions = phr_nelems(phr_am_global_options),
    .init = phr_am_global_init,
    .check = phr_am_global_check,
    .exclusive = phr_am_global_exclusive
};


#define PHR_AM_MATCH(struct_, member_, name_, set_)                           \
    { .name = name_, .type = PHR_OPT_CUSTOM,                                  \
      .offset = offsetof(struct_, member_), .set = set_ }

static const phr_option_t  phr_inhibit_options[] = {
    PHR_OPTION(phr_inhibit_conf_t, name, "name", PHR_OPT_STR, 0),
    PHR_AM_MATCH(phr_inhibit_conf_t, source, "source_match", phr_match_set),
    PHR_AM_MATCH(phr_inhibit_conf_t, source, "source_match_re",
                 phr_match_re_set),
    PHR_AM_MATCH(phr_inhibit_conf_t, source, "source_matchers",
                 phr_matchers_set),
    PHR_AM_MATCH(phr_inhibit_conf_t, target, "target_match", phr_match_set),
    PHR_AM_MATCH(phr_inhibit_conf_t, target, "target_match_re",
                 phr_match_re_set),
    PHR_AM_MATCH(phr_inhibit_conf_t, target, "target_matchers",
                 phr_matchers_set),
    PHR_OPTION(phr_inhibit_conf_t, equal, "equal", PHR_OPT_STRS, 0),
};

static const phr_schema_t  phr_inhibit_schema = {
    .name = "an inhibition rule",
    .size = sizeof(phr_inhibit_conf_t),
    .options = phr_inhibit_options,
    .noptions = phr_nelems(phr_inhibit_options),
    .check = phr_inhibit_check
};


static const phr_option_t  phr_am_options[] = {
    PHR_OPTION_OF(phr_am_file_t, global, "global", PHR_OPT_STRUCT, 0,
                  &phr_am_global_schema),
    PHR_OPTION_OF(phr_am_file_t, route, "route", PHR_OPT_POINTER, 0,
                  &phr_route_schema),
    PHR_OPTION_OF(phr_am_file_t, inhibits, "inhibit_rules", PHR_OPT_LIST,
                  PHR_OPT_NULLS, &phr_inhibit_schema),
    PHR_OPTION_OF(phr_am_file_t, receivers, "receivers", PHR_OPT_LIST, 0,
                  &phr_receiver_schema),
    PHR_OPTION(phr_am_file_t, templates, "templates", PHR_OPT_PATHS, 0),
    PHR_OPTION_OF(phr_am_file_t, mutes, "mute_time_intervals",
                  PHR_OPT_LIST, 0, &phr_named_interval_schema),
    PHR_OPTION_OF(phr_am_file_t, intervals, "time_intervals", PHR_OPT_LIST,
                  0, &phr_named_interval_schema),
    PHR_CHECK("tracing", PHR_OPT_NODE, 0),
    PHR_CHECK("event_recorder", PHR_OPT_NODE, 0),
};

static const phr_schema_t  phr_am_schema = {
    .name = "alertmanager.yml",
    .size = sizeof(phr_am_file_t),
    .options = phr_am_options,
    .noptions = phr_nelems(phr_am_options)
};


int
phr_alertmanager_yml_load(const char *path, const phr_loader_t *ld,
    phr_alertmanager_yml_t **conf, phr_err_t *err)
{
    int           rc;
    phr_str_t     text;
    phr_arena_t  *a;

    rc = phr_loader_open(path, &a, &text, err);

    if (rc == PHR_OK) {
        rc = phr_alertmanager_yml_parse(text, path, ld, conf, err);
        phr_arena_destroy(a);
    }

    return rc;
}


int
phr_alertmanager_yml_parse(phr_str_t text, const char *path,
    const phr_loader_t *ld, phr_alertmanager_yml_t **conf, phr_err_t *err)
{
    int                rc;
    phr_arena_t       *a;
    phr_am_own_t      *own;
    phr_schema_ctx_t   ctx;

    a = phr_arena_create(PHR_LOADER_ARENA);
    if (a == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    phr_schema_ctx_init(&ctx, a, ld, path, err);

    own = phr_arena_calloc(a, 1, sizeof(phr_am_own_t));
    if (own == NULL) {
        rc = phr_schema_nomem(&ctx);
        goto failed;
    }

    own->arena = a;
    own->conf.own = own;
    own->conf.path = phr_arena_str(a, phr_str_from_c(path));
    own->conf.text = phr_arena_str(a, text);

    if (own->conf.path.data == NULL || own->conf.text.data == NULL) {
        rc = phr_schema_nomem(&ctx);
        goto failed;
    }

    rc = phr_am_read(&ctx, own, own->conf.text);

    if (rc == PHR_OK) {
        rc = phr_schema_warnings(&ctx, &own->conf.warnings,
                                 &own->conf.nwarnings);
    }

    if (rc != PHR_OK) {
        goto failed;
    }

    own->regexes = ctx.regexes;

    phr_array_init(&ctx.regexes, sizeof(phr_regex_t *));
    phr_schema_ctx_free(&ctx);

    *conf = &own->conf;

    return PHR_OK;

failed:

    phr_schema_ctx_free(&ctx);
    phr_arena_destroy(a);

    return rc;
}


void
phr_alertmanager_yml_destroy(phr_alertmanager_yml_t *conf)
{
    size_t         i;
    phr_am_own_t  *own;

    if (conf == NULL) {
        return;
    }

    own = conf->own;

    for (i = 0; i < own->regexes.nelts; i++) {
        phr_regex_destroy(*phr_array_get(&own->regexes, phr_regex_t *, i));
    }

    phr_array_free(&own->regexes);
    phr_arena_destroy(own->arena);
}


const phr_receiver_t *
phr_alertmanager_yml_receiver(const phr_alertmanager_yml_t *conf,
    phr_str_t name)
{
    size_t  i;

    for (i = 0; i < conf->nreceivers; i++) {
        if (phr_str_eq(conf->receivers[i]->name, name)) {
            return conf->receivers[i];
        }
    }

    return NULL;
}


const phr_named_interval_t *
phr_alertmanager_yml_interval(const phr_alertmanager_yml_t *conf,
    phr_str_t name)
{
    size_t  i;

    for (i = 0; i < conf->nintervals; i++) {
        if (phr_str_eq(conf->intervals[i]->name, name)) {
            return conf->intervals[i];
        }
    }

    return NULL;
}


int
phr_alertmanager_yml_templates(const phr_alertmanager_yml_t *conf,
    phr_arena_t *a, phr_strs_t *files, phr_err_t *err)
{
    int         rc;
    size_t      i, n;
    phr_str_t  *s;
    phr_strs_t  found;

    s = NULL;
    n = 0;

    for (i = 0; i < conf->templates.n; i++) {
        rc = phr_loader_glob(a, conf->templates.s[i], &found, err);
        if (rc != PHR_OK) {
            return rc;
        }

        s = phr_arena_grow(a, s, n * sizeof(phr_str_t),
                           (n + found.n + 1) * sizeof(phr_str_t));
        if (s == NULL) {
            return phr_err_set(err, phr_arena_rc(a), "out of memory");
        }

        if (found.n > 0) {
            memcpy(s + n, found.s, found.n * sizeof(phr_str_t));
        }

        n += found.n;
    }

    files->s = s;
    files->n = n;

    return PHR_OK;
}


void
phr_alertmanager_yml_dump(const phr_alertmanager_yml_t *conf, phr_buf_t *b)
{
    const phr_am_own_t  *own;

    own = conf->own;

    phr_schema_write(b, &phr_am_schema, NULL, own->node, 0, 0);
}


static void
phr_am_global_init(void *object)
{
    ((phr_am_global_t *) object)->resolve_timeout_ms = 5 * 60 * 1000;
}


static int
phr_am_global_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    int               rc;
    void             *http;
    phr_str_t         url, app, token;
    phr_am_global_t  *g;

    g = object;

    if (g->http == NULL) {
        rc = phr_schema_new(ctx, &phr_http_client_schema, NULL, &http);
        if (rc != PHR_OK) {
            return rc;
        }

        g->http = http;
    }

    if ((phr_yaml_text(phr_yaml_get(node, "slack_app_token"), &token)
         != PHR_OK || token.len == 0)
        && (phr_yaml_text(phr_yaml_get(node, "slack_app_token_file"), &token)
            != PHR_OK || token.len == 0))
    {
        return PHR_OK;
    }

    if (phr_yaml_text(phr_yaml_get(node, "slack_api_url"), &url) != PHR_OK) {
        url = phr_str_of("");
    }

    if (phr_yaml_text(phr_yaml_get(node, "slack_app_url"), &app) != PHR_OK) {
        app = phr_str_of("https://slack.com/api/chat.postMessage");
    }

    if (phr_yaml_get(node, "slack_api_url_file") != NULL
        || (url.len > 0 && !phr_str_eq(url, app)))
    {
        return phr_schema_error(ctx, node, "at most one of slack_app_token/"
                                "slack_app_token_file & slack_api_url/"
                                "slack_api_url_file must be configured");
    }

    return PHR_OK;
}


static int
phr_inhibit_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    phr_inhibit_conf_t  *in;

    in = object;

    phr_matchers_sort(&in->source);
    phr_matchers_sort(&in->target);

    return phr_label_names_check(ctx, &in->equal,
                                 phr_yaml_get(node, "equal"), "equal");
}


static int
phr_am_read(phr_schema_ctx_t *ctx, phr_am_own_t *own, phr_str_t text)
{
    int                      rc;
    phr_am_file_t           *f;
    const phr_yaml_node_t   *node, *global;
    phr_alertmanager_yml_t  *c;

    c = &own->conf;
    f = &own->file;

    rc = phr_yaml_parse(ctx->arena, text, ctx->file, &node, ctx->err);

    if (rc == PHR_OK) {
        rc = phr_schema_read(ctx, &phr_am_schema, f, node);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    global = phr_yaml_get(node, "global");

    if (global == NULL || global->type == PHR_YAML_NULL) {
        global = NULL;

        rc = phr_schema_read(ctx, &phr_am_global_schema, &f->global, NULL);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    own->node = node;
    c->global = global;
    c->resolve_timeout_ms = f->global.resolve_timeout_ms;
    c->http = f->global.http;
    c->route = f->route;
    c->inhibits = f->inhibits;
    c->ninhibits = f->ninhibits;
    c->receivers = f->receivers;
    c->nreceivers = f->nreceivers;
    c->templates = f->templates;

    rc = phr_am_receivers(ctx, own, phr_yaml_get(node, "receivers"));

    if (rc == PHR_OK) {
        rc = phr_am_intervals(ctx, own, node);
    }

    if (rc == PHR_OK) {
        rc = phr_route_complete(ctx, c, phr_yaml_get(node, "route"));
    }

    return rc;
}


static int
phr_am_receivers(phr_schema_ctx_t *ctx, phr_am_own_t *own,
    const phr_yaml_node_t *node)
{
    int              rc;
    size_t           i, j;
    phr_receiver_t  *r;

    for (i = 0; i < own->conf.nreceivers; i++) {
        r = own->conf.receivers[i];

        for (j = 0; j < i; j++) {
            if (phr_str_eq(own->conf.receivers[j]->name, r->name)) {
                return phr_schema_error(ctx, node->items[i], "notification "
                                        "config name \"%.*s\" is not unique",
                                        (int) r->name.len, r->name.data);
            }
        }

        rc = phr_receiver_complete(ctx, r, own->conf.http, own->conf.global,
                                   node->items[i]);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


/* both spellings share their names */
static int
phr_am_intervals(phr_schema_ctx_t *ctx, phr_am_own_t *own,
    const phr_yaml_node_t *node)
{
    size_t                  i, j, n;
    phr_am_file_t          *f;
    phr_named_interval_t  **all;

    f = &own->file;
    n = f->nmutes + f->nintervals;

    all = phr_arena_calloc(ctx->arena, n + 1, sizeof(void *));
    if (all == NULL) {
        return phr_schema_nomem(ctx);
    }

    for (i = 0; i < n; i++) {
        all[i] = i < f->nmutes ? f->mutes[i] : f->intervals[i - f->nmutes];

        for (j = 0; j < i; j++) {
            if (phr_str_eq(all[j]->name, all[i]->name)) {
                return phr_schema_error(ctx, phr_yaml_get(node,
                                        i < f->nmutes ? "mute_time_intervals"
                                                      : "time_intervals"),
                                        "time interval \"%.*s\" is not "
                                        "unique", (int) all[i]->name.len,
                                        all[i]->name.data);
            }
        }
    }

    own->conf.intervals = all;
    own->conf.nintervals = n;

    return PHR_OK;
}
