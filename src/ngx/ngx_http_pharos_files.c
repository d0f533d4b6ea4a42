/*
 * Copyright (C) The Pharos Authors
 *
 * Files: directives that name people's own files, and reading them all: in
 * the helper to run them, and in the master to refuse a reload whose files
 * are broken, so that the old ones keep running.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx/ngx_http_pharos_files.h"


static ngx_int_t ngx_http_pharos_files_rules(
    ngx_http_pharos_files_t *files, phr_err_t *err);
static int ngx_http_pharos_files_templates(ngx_http_pharos_files_t *files,
    phr_vm_t *vm, phr_err_t *err);
static void ngx_http_pharos_files_conf(ngx_http_pharos_files_t *files,
    phr_rule_groups_conf_t *conf, phr_vm_t *vm);


/* a name is relative to the folder of nginx.conf, as in "include" */

char *
ngx_http_pharos_conf_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_str_t  *field, *value;

    field = (ngx_str_t *) (p + cmd->offset);

    if (field->data) {
        return "is duplicate";
    }

    value = cf->args->elts;
    *field = value[1];

    if (ngx_conf_full_name(cf->cycle, field, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_pharos_conf_path_map(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_pharos_main_conf_t  *pmcf = conf;

    ngx_str_t       *value;
    phr_path_map_t  *map;

    value = cf->args->elts;

    if (pmcf->path_maps == NULL) {
        pmcf->path_maps = ngx_array_create(cf->pool, 2,
                                           sizeof(phr_path_map_t));
        if (pmcf->path_maps == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (value[1].len == 0 || value[1].data[0] != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the path \"%V\" is not absolute", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &value[2], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    map = ngx_array_push(pmcf->path_maps);
    if (map == NULL) {
        return NGX_CONF_ERROR;
    }

    map->prefix = phr_str_from((char *) value[1].data, value[1].len);
    map->folder = phr_str_from((char *) value[2].data, value[2].len);

    /* whole components: the slash at the end says nothing */

    while (map->prefix.len > 1
           && map->prefix.data[map->prefix.len - 1] == '/')
    {
        map->prefix.len--;
    }

    while (map->folder.len > 1
           && map->folder.data[map->folder.len - 1] == '/')
    {
        map->folder.len--;
    }

    return NGX_CONF_OK;
}


/* any thread, and the master */

int
ngx_http_pharos_files_read(ngx_http_pharos_main_conf_t *pmcf,
    ngx_http_pharos_files_t *files, phr_err_t *err)
{
    int           rc;
    phr_loader_t  ld;

    ngx_memzero(files, sizeof(ngx_http_pharos_files_t));
    ngx_memzero(&ld, sizeof(phr_loader_t));

    files->pmcf = pmcf;

    if (pmcf->path_maps) {
        ld.maps = pmcf->path_maps->elts;
        ld.nmaps = pmcf->path_maps->nelts;
    }

    /* nginx terminates the names that it completes */

    if (pmcf->prometheus.len) {
        rc = phr_prometheus_yml_load((char *) pmcf->prometheus.data, &ld,
                                     &files->prometheus, err);
    } else {
        rc = phr_prometheus_yml_parse(phr_str_of(""), "", &ld,
                                      &files->prometheus, err);
    }

    if (rc == PHR_OK && pmcf->alertmanager.len) {
        rc = phr_alertmanager_yml_load((char *) pmcf->alertmanager.data, &ld,
                                       &files->alertmanager, err);
    }

    if (rc == PHR_OK) {
        rc = ngx_http_pharos_files_rules(files, err);
    }

    if (rc != PHR_OK) {
        ngx_http_pharos_files_free(files);
    }

    return rc;
}


static ngx_int_t
ngx_http_pharos_files_rules(ngx_http_pharos_files_t *files, phr_err_t *err)
{
    int           rc;
    size_t        i;
    phr_strs_t    names;
    phr_arena_t  *arena;

    arena = phr_arena_create(0);
    if (arena == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    rc = phr_prometheus_yml_rule_files(files->prometheus, arena, &names,
                                       err);

    if (rc == PHR_OK && names.n != 0) {

        files->rules = phr_calloc(names.n, sizeof(phr_rules_yml_t *));
        if (files->rules == NULL) {
            rc = phr_err_set(err, PHR_ENOMEM, "out of memory");
        }

        for (i = 0; rc == PHR_OK && i < names.n; i++) {

            rc = phr_rules_yml_load(names.s[i].data, &files->rules[i], err);

            if (rc == PHR_OK) {
                files->nrules++;
            }
        }
    }

    phr_arena_destroy(arena);

    return rc;
}


void
ngx_http_pharos_files_free(ngx_http_pharos_files_t *files)
{
    size_t  i;

    for (i = 0; i < files->nrules; i++) {
        phr_rules_yml_destroy(files->rules[i]);
    }

    phr_free(files->rules);
    phr_prometheus_yml_destroy(files->prometheus);
    phr_alertmanager_yml_destroy(files->alertmanager);

    ngx_memzero(files, sizeof(ngx_http_pharos_files_t));
}


/* the rule files go over to the groups */

int
ngx_http_pharos_files_groups(ngx_http_pharos_files_t *files,
    phr_rule_groups_t *prev, phr_rule_groups_t **groups, phr_err_t *err)
{
    int                      rc;
    phr_vm_t                *vm;
    phr_vm_conf_t            vm_conf;
    phr_rule_groups_conf_t   conf;

    ngx_memzero(&vm_conf, sizeof(phr_vm_conf_t));
    vm_conf.lua_path = (char *) files->pmcf->lua.data;

    rc = phr_vm_create(&vm_conf, &vm, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = ngx_http_pharos_files_templates(files, vm, err);

    if (rc == PHR_OK) {
        ngx_http_pharos_files_conf(files, &conf, vm);

        rc = phr_rule_groups_create(files->rules, files->nrules, &conf, prev,
                                    groups, err);
    }

    if (rc == PHR_OK) {
        files->nrules = 0;
    }

    phr_vm_destroy(vm);

    return rc;
}


static void
ngx_http_pharos_files_conf(ngx_http_pharos_files_t *files,
    phr_rule_groups_conf_t *conf, phr_vm_t *vm)
{
    ngx_memzero(conf, sizeof(phr_rule_groups_conf_t));

    conf->interval_ms = files->prometheus->global.evaluation_interval_ms;
    conf->query_offset_ms = files->prometheus->global.rule_query_offset_ms;
    conf->external_labels = files->prometheus->global.external_labels;
    conf->external_url = phr_str_from((char *) files->pmcf->external_url.data,
                                      files->pmcf->external_url.len);
    conf->promql_flags = ngx_http_pharos_promql_flags(files->pmcf, 1);
    conf->check = phr_vm_check_rule_cb;
    conf->check_data = vm;
}


/* those that alertmanager.yml names */

static int
ngx_http_pharos_files_templates(ngx_http_pharos_files_t *files, phr_vm_t *vm,
    phr_err_t *err)
{
    int             rc;
    size_t          i;
    phr_strs_t      names;
    phr_arena_t    *arena;
    phr_vm_file_t  *list;

    if (files->alertmanager == NULL) {
        return PHR_OK;
    }

    arena = phr_arena_create(0);
    if (arena == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    rc = phr_alertmanager_yml_templates(files->alertmanager, arena, &names,
                                        err);

    list = NULL;

    if (rc == PHR_OK) {
        list = phr_arena_calloc(arena, names.n + 1, sizeof(phr_vm_file_t));
        if (list == NULL) {
            rc = phr_err_set(err, PHR_ENOMEM, "out of memory");
        }
    }

    for (i = 0; rc == PHR_OK && i < names.n; i++) {
        list[i].name = names.s[i];
        rc = phr_loader_read(arena, names.s[i].data, &list[i].text, err);
    }

    if (rc == PHR_OK) {
        rc = phr_vm_load_templates(vm, list, names.n, err);
    }

    phr_arena_destroy(arena);

    return rc;
}


/*
 * In the master.  A cold start goes on without the files, because the rest
 * of nginx carries more than monitoring; "nginx -t" and a reload refuse.
 */

ngx_int_t
ngx_http_pharos_files_check(ngx_conf_t *cf,
    ngx_http_pharos_main_conf_t *pmcf)
{
    int                       rc;
    char                      text[PHR_ERR_TEXT + PHR_ERR_FILE + 64];
    phr_err_t                 err;
    phr_rule_groups_t        *groups;
    ngx_http_pharos_files_t   files;

    if (ngx_is_init_cycle(cf->cycle->old_cycle) && !ngx_test_config) {
        return NGX_OK;
    }

    phr_err_init(&err);

    rc = ngx_http_pharos_files_read(pmcf, &files, &err);

    if (rc == PHR_OK) {
        rc = ngx_http_pharos_files_groups(&files, NULL, &groups, &err);

        if (rc == PHR_OK) {
            phr_rule_groups_destroy(groups);
        }

        ngx_http_pharos_files_free(&files);
    }

    if (rc != PHR_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s",
                      phr_err_format(&err, text, sizeof(text)));
        return NGX_ERROR;
    }

    return NGX_OK;
}
