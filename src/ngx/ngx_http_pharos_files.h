/*
 * Copyright (C) The Pharos Authors
 *
 * Files: people's own files, read and checked together.
 */

#ifndef NGX_HTTP_PHAROS_FILES_H_INCLUDED
#define NGX_HTTP_PHAROS_FILES_H_INCLUDED


#include "core/alloc.h"
#include "ngx/ngx_http_pharos.h"
#include "rules/group.h"
#include "script/vm.h"
#include "settings/alertmanager_yml.h"
#include "settings/prometheus_yml.h"


typedef struct {
    ngx_http_pharos_main_conf_t   *pmcf;
    phr_prometheus_yml_t          *prometheus;
    phr_alertmanager_yml_t        *alertmanager;    /* NULL: none named */
    phr_rules_yml_t              **rules;
    size_t                         nrules;
} ngx_http_pharos_files_t;


/* all or nothing; err has file and line.  Reads from disk: not on the loop. */
int ngx_http_pharos_files_read(ngx_http_pharos_main_conf_t *pmcf,
    ngx_http_pharos_files_t *files, phr_err_t *err);
void ngx_http_pharos_files_free(ngx_http_pharos_files_t *files);

/*
 * Checks expressions and templates and makes the groups, which then own the
 * rule files; prev as in phr_rule_groups_create().
 */
int ngx_http_pharos_files_groups(ngx_http_pharos_files_t *files,
    phr_rule_groups_t *prev, phr_rule_groups_t **groups, phr_err_t *err);

/* at "nginx -t" and at a reload, in the master */
ngx_int_t ngx_http_pharos_files_check(ngx_conf_t *cf,
    ngx_http_pharos_main_conf_t *pmcf);


#endif /* NGX_HTTP_PHAROS_FILES_H_INCLUDED */
