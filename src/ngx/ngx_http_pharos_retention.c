/*
 * Copyright (C) The Pharos Authors
 *
 * Retention: reads the directive "pharos_retention_for".  What the rules do
 * is the store's business.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx/ngx_http_pharos.h"
#include "promql/promql.h"


/* the matchers of one rule; of the configuration cycle */
typedef struct {
    phr_arena_t    *arena;
    phr_matcher_t  *m;
    size_t          n;
} ngx_http_pharos_selector_t;


static ngx_int_t ngx_http_pharos_retention_selector(ngx_conf_t *cf,
    ngx_str_t *text, ngx_http_pharos_selector_t *sel);
static void ngx_http_pharos_retention_cleanup(void *data);
static ngx_int_t ngx_http_pharos_retention_text(ngx_conf_t *cf,
    ngx_str_t *all, ngx_str_t *time, ngx_str_t *selector);


char *
ngx_http_pharos_conf_retention_for(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_pharos_main_conf_t  *pmcf = conf;

    time_t                       keep;
    ngx_str_t                   *value;
    phr_store_rule_t            *rule;
    ngx_pool_cleanup_t          *cln;
    ngx_http_pharos_selector_t  *sel;

    value = cf->args->elts;

    keep = ngx_parse_time(&value[1], 1);
    if (keep == (time_t) NGX_ERROR) {
        return "has an invalid time";
    }

    if (pmcf->retention_rules == NULL) {
        pmcf->retention_rules = ngx_array_create(cf->pool, 4,
                                                 sizeof(phr_store_rule_t));
        if (pmcf->retention_rules == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (pmcf->retention_rules->nelts == PHR_STORE_MAX_RULES) {
        return "is given too often";
    }

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_http_pharos_selector_t));
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    sel = cln->data;
    ngx_memzero(sel, sizeof(ngx_http_pharos_selector_t));
    cln->handler = ngx_http_pharos_retention_cleanup;

    if (ngx_http_pharos_retention_selector(cf, &value[2], sel) != NGX_OK
        || ngx_http_pharos_retention_text(cf, &pmcf->retention_for,
                                          &value[1], &value[2])
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rule = ngx_array_push(pmcf->retention_rules);
    if (rule == NULL) {
        return NGX_CONF_ERROR;
    }

    rule->keep_ms = (int64_t) keep * 1000;
    rule->m = sel->m;
    rule->n = sel->n;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_pharos_retention_selector(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_pharos_selector_t *sel)
{
    phr_err_t  err;

    phr_err_init(&err);

    sel->arena = phr_arena_create(0);
    if (sel->arena == NULL) {
        return NGX_ERROR;
    }

    if (phr_promql_parse_selector(sel->arena,
                                  phr_str_from((char *) text->data,
                                               text->len),
                                  &sel->m, &sel->n, &err)
        == PHR_OK)
    {
        return NGX_OK;
    }

    sel->n = 0;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid selector \"%V\": %s",
                       text, err.text);

    return NGX_ERROR;
}


static void
ngx_http_pharos_retention_cleanup(void *data)
{
    ngx_http_pharos_selector_t  *sel = data;

    size_t  i;

    for (i = 0; i < sel->n; i++) {
        phr_matcher_destroy(&sel->m[i]);
    }

    sel->n = 0;
    phr_arena_destroy(sel->arena);
    sel->arena = NULL;
}


/* all rules, as the flags show them */

static ngx_int_t
ngx_http_pharos_retention_text(ngx_conf_t *cf, ngx_str_t *all,
    ngx_str_t *time, ngx_str_t *selector)
{
    u_char  *p;
    size_t   len;

    len = all->len + time->len + selector->len + sizeof(",  ") - 1;

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    len = ngx_sprintf(p, "%V%s%V %V", all, all->len > 0 ? ", " : "", time,
                      selector)
          - p;

    all->data = p;
    all->len = len;

    return NGX_OK;
}
