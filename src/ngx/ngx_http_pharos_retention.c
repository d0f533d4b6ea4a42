/*
 * Copyright (C) The Pharos Authors
 *
 * Retention: reads the directives "pharos_retention_for" and
 * "pharos_downsample".  What they do is the store's business.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx/ngx_http_pharos.h"
#include "promql/promql.h"


/* the time after which there is a resolution, if none is given */
#define NGX_HTTP_PHAROS_AFTER_5M  (2 * 24 * 3600)
#define NGX_HTTP_PHAROS_AFTER_1H  (10 * 24 * 3600)

/* what is so young may still be on its way into packs */
#define NGX_HTTP_PHAROS_AFTER_MIN  (24 * 3600)

/* buckets are made by blocks, and those take their time */
#define NGX_HTTP_PHAROS_SLACK_5M   (24 * 3600)
#define NGX_HTTP_PHAROS_SLACK_1H   (3 * 24 * 3600)


/* the matchers of one rule; of the configuration cycle */
typedef struct {
    phr_arena_t    *arena;
    phr_matcher_t  *m;
    size_t          n;
} ngx_http_pharos_selector_t;


static ngx_int_t ngx_http_pharos_retention_selector(ngx_conf_t *cf,
    ngx_str_t *text, ngx_http_pharos_selector_t *sel);
static void ngx_http_pharos_retention_cleanup(void *data);
static ngx_int_t ngx_http_pharos_downsample_times(ngx_conf_t *cf,
    phr_store_coarse_t *coarse);
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
                                               text->len), NULL,
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


char *
ngx_http_pharos_conf_downsample(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_pharos_main_conf_t  *pmcf = conf;

    ngx_str_t           *value, text;
    phr_store_coarse_t  *coarse;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "5m") == 0) {
        coarse = &pmcf->coarse[0];

    } else if (ngx_strcmp(value[1].data, "1h") == 0) {
        coarse = &pmcf->coarse[1];

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid resolution \"%V\", it must be 5m or 1h",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (coarse->after_ms != 0) {
        return "is duplicate";
    }

    coarse->after_ms = (int64_t) 1000 * (coarse == &pmcf->coarse[0]
                                         ? NGX_HTTP_PHAROS_AFTER_5M
                                         : NGX_HTTP_PHAROS_AFTER_1H);

    if (ngx_http_pharos_downsample_times(cf, coarse) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    text.len = sizeof("after=s keep=s") - 1 + 2 * NGX_TIME_T_LEN;

    text.data = ngx_pnalloc(cf->pool, text.len);
    if (text.data == NULL) {
        return NGX_CONF_ERROR;
    }

    text.len = ngx_sprintf(text.data, "after=%Ts keep=%Ts",
                           (time_t) (coarse->after_ms / 1000),
                           (time_t) (coarse->keep_ms / 1000))
               - text.data;

    return ngx_http_pharos_retention_text(cf, &pmcf->downsample, &value[1],
                                          &text)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* "after=" and "keep=" */

static ngx_int_t
ngx_http_pharos_downsample_times(ngx_conf_t *cf, phr_store_coarse_t *coarse)
{
    time_t       time;
    int64_t     *ms;
    ngx_str_t   *value, s;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {
        s = value[i];

        if (ngx_strncmp(s.data, "after=", 6) == 0) {
            ms = &coarse->after_ms;
            s.data += 6;
            s.len -= 6;

        } else if (ngx_strncmp(s.data, "keep=", 5) == 0) {
            ms = &coarse->keep_ms;
            s.data += 5;
            s.len -= 5;

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_ERROR;
        }

        time = ngx_parse_time(&s, 1);

        if (time == (time_t) NGX_ERROR
            || (ms == &coarse->after_ms && time < NGX_HTTP_PHAROS_AFTER_MIN))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid time in \"%V\"%s", &value[i],
                               ms == &coarse->after_ms
                               ? ", it must be a day or more" : "");
            return NGX_ERROR;
        }

        *ms = (int64_t) time * 1000;
    }

    return NGX_OK;
}


/* each resolution is made of what is still kept then */

char *
ngx_http_pharos_conf_downsample_check(ngx_conf_t *cf,
    ngx_http_pharos_main_conf_t *pmcf)
{
    int64_t                    need, keep;
    const char                *source;
    const phr_store_coarse_t  *c;

    c = pmcf->coarse;

    if (c[0].after_ms != 0 && pmcf->retention != 0
        && pmcf->retention < c[0].after_ms / 1000 + NGX_HTTP_PHAROS_SLACK_5M)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"pharos_retention\" must "
                           "be a day more than \"after\" of "
                           "\"pharos_downsample 5m\"");
        return NGX_CONF_ERROR;
    }

    if (c[1].after_ms == 0) {
        return NGX_CONF_OK;
    }

    source = c[0].after_ms != 0 ? "keep\" of \"pharos_downsample 5m"
                                : "pharos_retention";
    keep = c[0].after_ms != 0 ? c[0].keep_ms / 1000 : pmcf->retention;
    need = c[1].after_ms / 1000 + NGX_HTTP_PHAROS_SLACK_1H;

    if ((keep != 0 && keep < need) || c[1].after_ms < c[0].after_ms) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%s\" must be three days "
                           "more than \"after\" of \"pharos_downsample 1h\", "
                           "which must not be less than that of 5m", source);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
