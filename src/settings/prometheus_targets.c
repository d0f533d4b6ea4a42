/*
 * Copyright (C) The Pharos Authors
 *
 * prometheus.yml: target groups, of static_configs and of the files of
 * file_sd_configs.
 */

#include "settings/prometheus_schema.h"

#include <stdio.h>

#include "core/utf8.h"


static int phr_target_group_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static void phr_file_sd_init(void *object);
static int phr_file_sd_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_file_sd_complete(phr_schema_ctx_t *ctx, phr_str_t path,
    phr_target_group_t *g, size_t i);


static const phr_option_t  phr_target_group_options[] = {
    PHR_OPTION(phr_target_group_t, targets, "targets", PHR_OPT_STRS,
               PHR_OPT_KEEP),
    { .name = "labels", .type = PHR_OPT_CUSTOM,
      .offset = offsetof(phr_target_group_t, labels),
      .set = phr_labels_set, .write = phr_labels_write },
};

const phr_schema_t  phr_target_group_schema = {
    .name = "static_configs",
    .size = sizeof(phr_target_group_t),
    .options = phr_target_group_options,
    .noptions = phr_nelems(phr_target_group_options),
    .check = phr_target_group_check
};


static const phr_option_t  phr_file_sd_options[] = {
    PHR_OPTION(phr_file_sd_t, files, "files", PHR_OPT_PATHS,
               PHR_OPT_REQUIRED),
    PHR_OPTION(phr_file_sd_t, refresh_interval_ms, "refresh_interval",
               PHR_OPT_DURATION, 0),
};

const phr_schema_t  phr_file_sd_schema = {
    .name = "file_sd_configs",
    .size = sizeof(phr_file_sd_t),
    .options = phr_file_sd_options,
    .noptions = phr_nelems(phr_file_sd_options),
    .init = phr_file_sd_init,
    .check = phr_file_sd_check
};


int
phr_file_sd_read(phr_arena_t *a, phr_str_t path,
    phr_target_groups_t *groups, phr_err_t *err)
{
    int                     rc;
    char                   *name;
    void                  **list;
    size_t                  i, n;
    phr_str_t               text;
    phr_option_t            opt;
    phr_schema_ctx_t        ctx;
    const phr_yaml_node_t  *node;

    name = phr_arena_strdup(a, path.data, path.len);
    if (name == NULL) {
        return phr_err_set(err, phr_arena_rc(a), "out of memory");
    }

    phr_schema_ctx_init(&ctx, a, NULL, name, err);

    memset(&opt, 0, sizeof(opt));
    opt.name = "the file";
    opt.type = PHR_OPT_LIST;
    opt.schema = &phr_target_group_schema;

    list = NULL;
    n = 0;

    rc = phr_loader_read(a, name, &text, err);

    /* JSON is read as what it is, a kind of YAML */

    if (rc == PHR_OK) {
        rc = phr_yaml_parse(a, text, name, &node, err);
    }

    if (rc == PHR_OK && node != NULL) {
        rc = phr_schema_list(&ctx, &opt, node, &list, &n);
    }

    for (i = 0; rc == PHR_OK && i < n; i++) {
        rc = phr_file_sd_complete(&ctx, path, list[i], i);
    }

    phr_schema_ctx_free(&ctx);

    if (rc == PHR_OK) {
        groups->g = (phr_target_group_t **) list;
        groups->n = n;
    }

    return rc;
}


int
phr_labels_set(phr_schema_ctx_t *ctx, const phr_option_t *opt, void *member,
    const phr_yaml_node_t *node)
{
    int            rc;
    size_t         i;
    phr_pairs_t    pairs;
    phr_label_t   *l;
    phr_labels_t  *labels;

    labels = member;

    rc = phr_schema_pairs(ctx, opt, &pairs, node);
    if (rc != PHR_OK) {
        return rc;
    }

    l = phr_arena_alloc(ctx->arena, (pairs.n + 1) * sizeof(phr_label_t));
    if (l == NULL) {
        return phr_schema_nomem(ctx);
    }

    labels->l = l;
    labels->n = 0;

    for (i = 0; i < pairs.n; i++) {
        if (!phr_settings_name_valid(pairs.p[i].name, 0)) {
            return phr_schema_error(ctx, node, "\"%.*s\" is not a valid label "
                                    "name",
                                    (int) phr_min(pairs.p[i].name.len, 100),
                                    pairs.p[i].name.data);
        }

        if (!phr_utf8_valid(pairs.p[i].value.data, pairs.p[i].value.len)) {
            return phr_schema_error(ctx, node, "the value of label \"%.*s\" "
                                    "is not valid UTF-8",
                                    (int) phr_min(pairs.p[i].name.len, 100),
                                    pairs.p[i].name.data);
        }

        /* an empty label is as good as none */

        if (pairs.p[i].value.len > 0) {
            l[labels->n].name = pairs.p[i].name;
            l[labels->n].value = pairs.p[i].value;
            labels->n++;
        }
    }

    return PHR_OK;
}


void
phr_labels_write(phr_buf_t *b, const phr_option_t *opt, const void *member,
    unsigned indent)
{
    size_t               i;
    const phr_labels_t  *labels;

    labels = member;

    if (labels->n == 0) {
        return;
    }

    phr_buf_printf(b, "%*s%s:\n", (int) indent, "", opt->name);

    for (i = 0; i < labels->n; i++) {
        phr_buf_printf(b, "%*s", (int) indent + 2, "");
        phr_yaml_write_scalar(b, labels->l[i].name);
        phr_buf_puts(b, ": ");
        phr_yaml_write_scalar(b, labels->l[i].value);
        phr_buf_putc(b, '\n');
    }
}


int
phr_targets_check(phr_schema_ctx_t *ctx, const phr_target_groups_t *groups,
    const phr_yaml_node_t *node)
{
    size_t     i, j;
    phr_str_t  t;

    for (i = 0; i < groups->n; i++) {
        for (j = 0; j < groups->g[i]->targets.n; j++) {
            t = groups->g[i]->targets.s[j];

            if (memchr(t.data, '/', t.len) != NULL) {
                return phr_schema_error(ctx, phr_yaml_get(node,
                                                          "static_configs"),
                                        "\"%.*s\" is not a valid hostname",
                                        (int) phr_min(t.len, 200), t.data);
            }
        }
    }

    return PHR_OK;
}


static int
phr_target_group_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    if (node == NULL || node->n == 0) {
        return phr_schema_error(ctx, node,
                                "empty or null section in static_configs");
    }

    return PHR_OK;
}


static void
phr_file_sd_init(void *object)
{
    ((phr_file_sd_t *) object)->refresh_interval_ms = 5 * 60 * 1000;
}


/* ^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$ */
static int
phr_file_sd_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    static const char *const  ends[] =
        { ".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML" };

    size_t          i, j, n;
    phr_str_t       s;
    const char     *star;
    phr_file_sd_t  *sd;

    sd = object;

    for (i = 0; i < sd->files.n; i++) {
        s = sd->files.s[i];

        for (j = 0; j < phr_nelems(ends); j++) {
            n = strlen(ends[j]);

            if (s.len > n && memcmp(s.data + s.len - n, ends[j], n) == 0) {
                break;
            }
        }

        star = memchr(s.data, '*', s.len);

        if (j == phr_nelems(ends)
            || (star != NULL
                && memchr(star, '/', (size_t) (s.data + s.len - star))))
        {
            return phr_schema_error(ctx, phr_yaml_get(node, "files"), "path "
                                    "name \"%.*s\" is not valid for file "
                                    "discovery", (int) phr_min(s.len, 300),
                                    s.data);
        }
    }

    return PHR_OK;
}


static int
phr_file_sd_complete(phr_schema_ctx_t *ctx, phr_str_t path,
    phr_target_group_t *g, size_t i)
{
    char                  *source;
    phr_labels_builder_t   b;

    phr_labels_builder_init(&b, ctx->arena, g->labels);
    phr_labels_builder_set(&b, phr_str_of("__meta_filepath"), path);

    if (phr_labels_build(&b, &g->labels) != PHR_OK) {
        return phr_schema_nomem(ctx);
    }

    source = phr_arena_printf(ctx->arena, "%.*s:%zu", (int) path.len,
                              path.data, i);
    if (source == NULL) {
        return phr_schema_nomem(ctx);
    }

    g->source = phr_str_from_c(source);

    return PHR_OK;
}
