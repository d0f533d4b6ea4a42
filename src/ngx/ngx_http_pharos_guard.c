/*
 * Copyright (C) The Pharos Authors
 *
 * Guard: a location that serves pharos to anyone is refused when the
 * configuration is read.  Metrics and pushes of a whole company behind no
 * password are an accident, not a setting.
 *
 * The settings of other modules are private to them; they are found through
 * the directive's entry in the module's table, which says where its value
 * lies.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx/ngx_http_pharos.h"


/* a rule of "allow" and "deny" for IPv4 */
typedef struct {
    in_addr_t        mask;
    in_addr_t        addr;
    ngx_uint_t       deny;
} ngx_http_pharos_guard_rule_t;

#if (NGX_HAVE_INET6)

/* and for IPv6 */
typedef struct {
    struct in6_addr  addr;
    struct in6_addr  mask;
    ngx_uint_t       deny;
} ngx_http_pharos_guard_rule6_t;

#endif


static ngx_uint_t ngx_http_pharos_guard_password(ngx_conf_t *cf,
    ngx_http_conf_ctx_t *ctx);
static ngx_uint_t ngx_http_pharos_guard_subrequest(ngx_conf_t *cf,
    ngx_http_conf_ctx_t *ctx);
static ngx_uint_t ngx_http_pharos_guard_address(ngx_conf_t *cf,
    ngx_http_conf_ctx_t *ctx);
static ngx_uint_t ngx_http_pharos_guard_deny4(ngx_array_t *rules);
#if (NGX_HAVE_INET6)
static ngx_uint_t ngx_http_pharos_guard_deny6(ngx_array_t *rules);
#endif
static ngx_uint_t ngx_http_pharos_guard_listen(ngx_conf_t *cf,
    ngx_http_conf_ctx_t *ctx);
static ngx_uint_t ngx_http_pharos_guard_local(struct sockaddr *sa);
static void *ngx_http_pharos_guard_value(ngx_conf_t *cf, void **conf,
    char *directive);


ngx_int_t
ngx_http_pharos_guard_locations(ngx_conf_t *cf,
    ngx_http_pharos_main_conf_t *pmcf)
{
    ngx_uint_t                   i;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_pharos_loc_conf_t  *plcf;
    ngx_http_pharos_location_t  *loc;

    loc = pmcf->locations.elts;

    for (i = 0; i < pmcf->locations.nelts; i++) {

        plcf = loc[i].ctx->loc_conf[ngx_http_pharos_module.ctx_index];
        clcf = loc[i].ctx->loc_conf[ngx_http_core_module.ctx_index];

        plcf->password = clcf->satisfy == NGX_HTTP_SATISFY_ALL
                         && ngx_http_pharos_guard_password(cf, loc[i].ctx);

        if (plcf->unprotected
            || ngx_http_pharos_guard_password(cf, loc[i].ctx)
            || ngx_http_pharos_guard_subrequest(cf, loc[i].ctx)
            || ngx_http_pharos_guard_address(cf, loc[i].ctx)
            || ngx_http_pharos_guard_listen(cf, loc[i].ctx))
        {
            continue;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "location \"%V\" serves pharos to anyone: it needs "
                      "\"auth_basic\", \"auth_request\", \"deny all\" with "
                      "\"allow\", or \"ssl_verify_client on\"; or say "
                      "\"pharos_unprotected on\" in %V:%ui",
                      &clcf->name, &loc[i].file, loc[i].line);

        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_pharos_guard_password(ngx_conf_t *cf, ngx_http_conf_ctx_t *ctx)
{
    ngx_http_complex_value_t  **realm, **file;

    realm = ngx_http_pharos_guard_value(cf, ctx->loc_conf, "auth_basic");
    file = ngx_http_pharos_guard_value(cf, ctx->loc_conf,
                                       "auth_basic_user_file");

    if (realm == NULL
        || *realm == NULL
        || *realm == NGX_CONF_UNSET_PTR)
    {
        return 0;
    }

    /* without one nobody is asked for a password */

    if (file == NULL
        || *file == NULL
        || *file == NGX_CONF_UNSET_PTR)
    {
        return 0;
    }

    return (*realm)->lengths != NULL
           || (*realm)->value.len != 3
           || ngx_strncmp((*realm)->value.data, "off", 3) != 0;
}


static ngx_uint_t
ngx_http_pharos_guard_subrequest(ngx_conf_t *cf, ngx_http_conf_ctx_t *ctx)
{
    ngx_str_t  *uri;

    /* the directive keeps its URI at the beginning of its settings */

    uri = ngx_http_pharos_guard_value(cf, ctx->loc_conf, "auth_request");

    return uri != NULL && uri->len != 0;
}


/* a list that ends in "deny all", whatever it allows before */

static ngx_uint_t
ngx_http_pharos_guard_address(ngx_conf_t *cf, ngx_http_conf_ctx_t *ctx)
{
    ngx_array_t  **rules;

    rules = ngx_http_pharos_guard_value(cf, ctx->loc_conf, "deny");

    if (rules == NULL || !ngx_http_pharos_guard_deny4(rules[0])) {
        return 0;
    }

    /* "deny 0.0.0.0/0" is not for who comes by IPv6: theirs are behind */

#if (NGX_HAVE_INET6)
    if (!ngx_http_pharos_guard_deny6(rules[1])) {
        return 0;
    }
#endif

    return 1;
}


/* the first that covers every address decides for who is left */

static ngx_uint_t
ngx_http_pharos_guard_deny4(ngx_array_t *rules)
{
    ngx_uint_t                     i;
    ngx_http_pharos_guard_rule_t  *rule;

    if (rules == NULL
        || rules->size != sizeof(ngx_http_pharos_guard_rule_t))
    {
        return 0;
    }

    rule = rules->elts;

    for (i = 0; i < rules->nelts; i++) {
        if (rule[i].mask == 0) {
            return rule[i].deny;
        }
    }

    return 0;
}


#if (NGX_HAVE_INET6)

static ngx_uint_t
ngx_http_pharos_guard_deny6(ngx_array_t *rules)
{
    ngx_uint_t                      i;
    ngx_http_pharos_guard_rule6_t  *rule;

    if (rules == NULL
        || rules->size != sizeof(ngx_http_pharos_guard_rule6_t))
    {
        return 0;
    }

    rule = rules->elts;

    for (i = 0; i < rules->nelts; i++) {
        if (IN6_IS_ADDR_UNSPECIFIED(&rule[i].mask)) {
            return rule[i].deny;
        }
    }

    return 0;
}

#endif


/*
 * Each address that the server listens on is either of this machine only,
 * or asks for a client's certificate.
 */

static ngx_uint_t
ngx_http_pharos_guard_listen(ngx_conf_t *cf, ngx_http_conf_ctx_t *ctx)
{
    ngx_uint_t                   p, a, s, *verify;
    ngx_http_conf_port_t        *port;
    ngx_http_conf_addr_t        *addr;
    ngx_http_core_srv_conf_t   **cscf;
    ngx_http_core_main_conf_t   *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (cmcf->ports == NULL) {
        return 0;
    }

    verify = ngx_http_pharos_guard_value(cf, ctx->srv_conf,
                                         "ssl_verify_client");

    port = cmcf->ports->elts;

    for (p = 0; p < cmcf->ports->nelts; p++) {

        addr = port[p].addrs.elts;

        for (a = 0; a < port[p].addrs.nelts; a++) {

            if (ngx_http_pharos_guard_local(addr[a].opt.sockaddr)) {
                continue;
            }

            /* "on", neither "optional" nor "optional_no_ca" */

            if (addr[a].opt.ssl && verify && *verify == 1) {
                continue;
            }

            cscf = addr[a].servers.elts;

            for (s = 0; s < addr[a].servers.nelts; s++) {
                if (cscf[s]->ctx->srv_conf == ctx->srv_conf) {
                    return 0;
                }
            }
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_pharos_guard_local(struct sockaddr *sa)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (sa->sa_family) {

    case AF_UNIX:
        return 1;

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        return (ntohl(sin->sin_addr.s_addr) >> 24) == 127;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
#endif
    }

    return 0;
}


/* NULL if this nginx has no such directive */

static void *
ngx_http_pharos_guard_value(ngx_conf_t *cf, void **conf, char *directive)
{
    ngx_uint_t      i;
    ngx_module_t   *module;
    ngx_command_t  *cmd;

    for (i = 0; cf->cycle->modules[i]; i++) {

        module = cf->cycle->modules[i];

        if (module->type != NGX_HTTP_MODULE || module->commands == NULL) {
            continue;
        }

        for (cmd = module->commands; cmd->name.len; cmd++) {

            if (ngx_strcmp(cmd->name.data, directive) != 0) {
                continue;
            }

            if (conf[module->ctx_index] == NULL) {
                return NULL;
            }

            return (char *) conf[module->ctx_index] + cmd->offset;
        }
    }

    return NULL;
}
