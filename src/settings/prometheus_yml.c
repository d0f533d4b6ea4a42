/*
 * Copyright (C) The Pharos Authors
 *
 * prometheus.yml: loading, what concerns the file as a whole, and writing it
 * back.  The parts are in the other prometheus_*.c.
 */

#include "settings/prometheus_yml.h"

#include "settings/prometheus_schema.h"


/* what the struct that the caller sees was made of */
typedef struct {
    phr_prometheus_yml_t    conf;
    phr_prometheus_file_t   file;       /* for writing it back */
    phr_arena_t            *arena;      /* holds this struct, too */
    phr_array_t             regexes;
} phr_prometheus_own_t;


static int phr_prometheus_read(phr_schema_ctx_t *ctx,
    phr_prometheus_own_t *own, phr_str_t text);
static int phr_prometheus_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node);
static int phr_prometheus_scrapes(phr_schema_ctx_t *ctx,
    phr_prometheus_file_t *f, const phr_yaml_node_t *node);
static int phr_prometheus_job_unique(phr_schema_ctx_t *ctx,
    phr_scrape_conf_t *const *scrapes, size_t n,
    const phr_scrape_conf_t *sc, const phr_yaml_node_t *node);
static int phr_prometheus_alerting(phr_schema_ctx_t *ctx,
    phr_prometheus_file_t *f, const phr_yaml_node_t *node);
static int phr_prometheus_remotes(phr_schema_ctx_t *ctx,
    const phr_yaml_node_t *list, const char *kind);
static int phr_prometheus_patterns(phr_schema_ctx_t *ctx,
    const phr_strs_t *patterns, const phr_yaml_node_t *node,
    const char *what);
static int phr_prometheus_scrape_files(phr_schema_ctx_t *ctx,
    phr_prometheus_own_t *own);
static int phr_prometheus_scrape_file(phr_schema_ctx_t *ctx,
    phr_prometheus_own_t *own, phr_array_t *all, phr_str_t path);
static int phr_prometheus_expand(phr_schema_ctx_t *ctx,
    phr_labels_t *labels, const phr_yaml_node_t *node);
static int phr_prometheus_expand_value(phr_schema_ctx_t *ctx, phr_str_t in,
    phr_buf_t *out, const phr_yaml_node_t *node);
static size_t phr_prometheus_variable(phr_str_t in, size_t at,
    phr_str_t *name);
static void phr_prometheus_publish(phr_prometheus_own_t *own);


/* the one number of "runtime" is a member of the file's struct */
typedef struct {
    int64_t  gogc;
} phr_runtime_file_t;

static const phr_option_t  phr_runtime_options[] = {
    PHR_OPTION(phr_runtime_file_t, gogc, "gogc", PHR_OPT_INT, 0),
};

static const phr_schema_t  phr_runtime_schema = {
    .name = "the runtime settings",
    .size = sizeof(phr_runtime_file_t),
    .options = phr_runtime_options,
    .noptions = phr_nelems(phr_runtime_options)
};


static const phr_option_t  phr_prometheus_options[] = {
    PHR_OPTION_OF(phr_prometheus_file_t, global, "global", PHR_OPT_STRUCT, 0,
                  &phr_global_schema),
    PHR_OPTION_OF(phr_prometheus_file_t, gogc, "runtime", PHR_OPT_STRUCT, 0,
                  &phr_runtime_schema),
    PHR_OPTION_OF(phr_prometheus_file_t, alerting, "alerting",
                  PHR_OPT_STRUCT, 0, &phr_alerting_schema),
    PHR_OPTION(phr_prometheus_file_t, rule_files, "rule_files",
               PHR_OPT_PATHS, 0),
    PHR_OPTION(phr_prometheus_file_t, scrape_config_files,
               "scrape_config_files", PHR_OPT_PATHS, 0),
    PHR_OPTION_OF(phr_prometheus_file_t, scrapes, "scrape_configs",
                  PHR_OPT_LIST, 0, &phr_scrape_schema),
    PHR_OPTION_OF(phr_prometheus_file_t, storage, "storage",
                  PHR_OPT_STRUCT, 0, &phr_storage_schema),
    PHR_OPTION_OF(phr_prometheus_file_t, tracing, "tracing", PHR_OPT_NODE, 0,
                  &phr_tracing_schema),
    PHR_OPTION_OF(phr_prometheus_file_t, remote_write, "remote_write",
                  PHR_OPT_NODE, PHR_OPT_MANY, &phr_remote_write_schema),
    PHR_OPTION_OF(phr_prometheus_file_t, remote_read, "remote_read",
                  PHR_OPT_NODE, PHR_OPT_MANY, &phr_remote_read_schema),
    PHR_OPTION_OF(phr_prometheus_file_t, otlp, "otlp", PHR_OPT_NODE, 0,
                  &phr_otlp_schema),
};

static const phr_schema_t  phr_prometheus_schema = {
    .name = "prometheus.yml",
    .size = sizeof(phr_prometheus_file_t),
    .options = phr_prometheus_options,
    .noptions = phr_nelems(phr_prometheus_options),
    .check = phr_prometheus_check
};


int
phr_prometheus_yml_load(const char *path, const phr_loader_t *ld,
    phr_prometheus_yml_t **conf, phr_err_t *err)
{
    int           rc;
    phr_str_t     text;
    phr_arena_t  *a;

    rc = phr_loader_open(path, &a, &text, err);

    if (rc == PHR_OK) {
        rc = phr_prometheus_yml_parse(text, path, ld, conf, err);
        phr_arena_destroy(a);
    }

    return rc;
}


int
phr_prometheus_yml_parse(phr_str_t text, const char *path,
    const phr_loader_t *ld, phr_prometheus_yml_t **conf, phr_err_t *err)
{
    int                    rc;
    phr_arena_t           *a;
    phr_schema_ctx_t       ctx;
    phr_prometheus_own_t  *own;

    a = phr_arena_create(PHR_LOADER_ARENA);
    if (a == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    phr_schema_ctx_init(&ctx, a, ld, path, err);

    own = phr_arena_calloc(a, 1, sizeof(phr_prometheus_own_t));

    rc = (own == NULL) ? phr_schema_nomem(&ctx)
                       : phr_prometheus_read(&ctx, own, text);

    if (rc == PHR_OK) {
        rc = phr_schema_warnings(&ctx, &own->conf.warnings,
                                 &own->conf.nwarnings);
    }

    if (rc == PHR_OK) {
        own->conf.path = phr_arena_str(a, phr_str_from_c(path));

        if (own->conf.path.data == NULL) {
            rc = phr_schema_nomem(&ctx);
        }
    }

    if (rc != PHR_OK) {
        phr_schema_ctx_free(&ctx);
        phr_arena_destroy(a);
        return rc;
    }

    own->conf.own = own;
    own->arena = a;
    own->regexes = ctx.regexes;

    phr_array_init(&ctx.regexes, sizeof(phr_regex_t *));
    phr_schema_ctx_free(&ctx);

    *conf = &own->conf;

    return PHR_OK;
}


void
phr_prometheus_yml_destroy(phr_prometheus_yml_t *conf)
{
    size_t                 i;
    phr_arena_t           *a;
    phr_prometheus_own_t  *own;

    if (conf == NULL) {
        return;
    }

    own = conf->own;
    a = own->arena;

    for (i = 0; i < own->regexes.nelts; i++) {
        phr_regex_destroy(*phr_array_get(&own->regexes, phr_regex_t *, i));
    }

    phr_array_free(&own->regexes);
    phr_arena_destroy(a);
}


int
phr_prometheus_yml_rule_files(const phr_prometheus_yml_t *conf,
    phr_arena_t *a, phr_strs_t *files, phr_err_t *err)
{
    int         rc;
    size_t      i, j, k, n;
    phr_str_t  *s, *grown;
    phr_strs_t  found;

    s = NULL;
    n = 0;

    for (i = 0; i < conf->rule_files.n; i++) {
        rc = phr_loader_glob(a, conf->rule_files.s[i], &found, err);
        if (rc != PHR_OK) {
            return rc;
        }

        grown = phr_arena_alloc(a, (n + found.n + 1) * sizeof(phr_str_t));
        if (grown == NULL) {
            return phr_err_set(err, phr_arena_rc(a), "out of memory");
        }

        if (n > 0) {
            memcpy(grown, s, n * sizeof(phr_str_t));
        }

        s = grown;

        for (j = 0; j < found.n; j++) {
            for (k = 0; k < n && !phr_str_eq(s[k], found.s[j]); k++) {
                /* void */
            }

            if (k == n) {
                s[n++] = found.s[j];
            }
        }
    }

    files->s = s;
    files->n = n;

    return PHR_OK;
}


void
phr_prometheus_yml_dump(const phr_prometheus_yml_t *conf, phr_buf_t *b)
{
    const phr_prometheus_own_t  *own;

    own = conf->own;

    phr_schema_write(b, &phr_prometheus_schema, &own->file, NULL, 0, 0);
}


static int
phr_prometheus_read(phr_schema_ctx_t *ctx, phr_prometheus_own_t *own,
    phr_str_t text)
{
    int                     rc;
    const phr_yaml_node_t  *node;

    rc = phr_yaml_parse(ctx->arena, text, ctx->file, &node, ctx->err);

    if (rc == PHR_OK) {
        rc = phr_schema_read(ctx, &phr_prometheus_schema, &own->file, node);
    }

    if (rc == PHR_OK && ctx->loader != NULL && ctx->loader->env != NULL) {
        rc = phr_prometheus_expand(ctx, &own->file.global.external_labels,
                                   phr_yaml_get(phr_yaml_get(node, "global"),
                                                "external_labels"));
    }

    if (rc != PHR_OK) {
        return rc;
    }

    phr_prometheus_publish(own);

    return phr_prometheus_scrape_files(ctx, own);
}


static int
phr_prometheus_check(phr_schema_ctx_t *ctx, void *object,
    const phr_yaml_node_t *node)
{
    int                     rc;
    phr_prometheus_file_t  *f;
    const phr_yaml_node_t  *value;

    f = object;
    value = phr_yaml_get(node, "global");

    if (value == NULL || value->type == PHR_YAML_NULL) {
        rc = phr_schema_read(ctx, &phr_global_schema, &f->global, NULL);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    if (f->gogc == 0) {
        f->gogc = 75;
    }

    rc = phr_prometheus_patterns(ctx, &f->rule_files,
                                 phr_yaml_get(node, "rule_files"),
                                 "rule file");

    if (rc == PHR_OK) {
        rc = phr_prometheus_patterns(ctx, &f->scrape_config_files,
                                     phr_yaml_get(node,
                                                  "scrape_config_files"),
                                     "scrape config file");
    }

    if (rc == PHR_OK) {
        rc = phr_prometheus_scrapes(ctx, f,
                                    phr_yaml_get(node, "scrape_configs"));
    }

    if (rc == PHR_OK) {
        rc = phr_prometheus_alerting(ctx, f, phr_yaml_get(node, "alerting"));
    }

    if (rc == PHR_OK) {
        rc = phr_prometheus_remotes(ctx, f->remote_write, "remote_write");
    }

    if (rc == PHR_OK) {
        rc = phr_prometheus_remotes(ctx, f->remote_read, "remote_read");
    }

    if (rc == PHR_OK && f->tracing != NULL) {
        rc = phr_schema_warn(ctx, f->tracing, "tracing is not active");
    }

    return rc;
}


static int
phr_prometheus_scrapes(phr_schema_ctx_t *ctx, phr_prometheus_file_t *f,
    const phr_yaml_node_t *node)
{
    int     rc;
    size_t  i;

    for (i = 0; i < f->nscrapes; i++) {
        rc = phr_scrape_complete(ctx, f->scrapes[i], &f->global,
                                 node->items[i]);

        if (rc == PHR_OK) {
            rc = phr_prometheus_job_unique(ctx, f->scrapes, i, f->scrapes[i],
                                           node->items[i]);
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


static int
phr_prometheus_job_unique(phr_schema_ctx_t *ctx,
    phr_scrape_conf_t *const *scrapes, size_t n,
    const phr_scrape_conf_t *sc, const phr_yaml_node_t *node)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (phr_str_eq(scrapes[i]->job_name, sc->job_name)) {
            return phr_schema_error(ctx, phr_yaml_get(node, "job_name"),
                                    "found multiple scrape configs with job "
                                    "name \"%.*s\"", (int) sc->job_name.len,
                                    sc->job_name.data);
        }
    }

    return PHR_OK;
}


static int
phr_prometheus_alerting(phr_schema_ctx_t *ctx, phr_prometheus_file_t *f,
    const phr_yaml_node_t *node)
{
    int                       rc, legacy;
    size_t                    i;
    const phr_yaml_node_t    *list;
    phr_alertmanager_conf_t  *am;

    legacy = f->global.metric_name_validation_scheme.data[0] == 'l';

    rc = phr_relabels_check(ctx, &f->alerting.alert_relabel, legacy,
                            phr_yaml_get(node, "alert_relabel_configs"));

    list = phr_yaml_get(node, "alertmanagers");

    for (i = 0; rc == PHR_OK && i < f->alerting.nalertmanagers; i++) {
        am = f->alerting.alertmanagers[i];

        rc = phr_relabels_check(ctx, &am->alert_relabel, legacy,
                                phr_yaml_get(list->items[i],
                                             "alert_relabel_configs"));

        if (rc == PHR_OK) {
            rc = phr_relabels_check(ctx, &am->relabel, legacy,
                                    phr_yaml_get(list->items[i],
                                                 "relabel_configs"));
        }
    }

    return rc;
}


static int
phr_prometheus_remotes(phr_schema_ctx_t *ctx, const phr_yaml_node_t *list,
    const char *kind)
{
    size_t     i, j;
    phr_str_t  name, other;

    if (list == NULL || list->n == 0) {
        return PHR_OK;
    }

    for (i = 1; i < list->n; i++) {
        if (phr_yaml_text(phr_yaml_get(list->items[i], "name"), &name)
            != PHR_OK || name.len == 0)
        {
            continue;
        }

        for (j = 0; j < i; j++) {
            if (phr_yaml_text(phr_yaml_get(list->items[j], "name"), &other)
                == PHR_OK && phr_str_eq(name, other))
            {
                return phr_schema_error(ctx, list->items[i], "found multiple "
                                        "%s configs with name \"%.*s\"",
                                        kind, (int) phr_min(name.len, 100),
                                        name.data);
            }
        }
    }

    return phr_schema_warn(ctx, list, "%s is not active", kind);
}


/* a "*" may stand in the last part of the path only */
static int
phr_prometheus_patterns(phr_schema_ctx_t *ctx, const phr_strs_t *patterns,
    const phr_yaml_node_t *node, const char *what)
{
    size_t       i;
    phr_str_t    s;
    const char  *star;

    for (i = 0; i < patterns->n; i++) {
        s = patterns->s[i];
        star = memchr(s.data, '*', s.len);

        if (star != NULL
            && memchr(star, '/', (size_t) (s.data + s.len - star)) != NULL)
        {
            return phr_schema_error(ctx, node, "invalid %s path \"%.*s\"",
                                    what, (int) phr_min(s.len, 300), s.data);
        }
    }

    return PHR_OK;
}


static int
phr_prometheus_scrape_files(phr_schema_ctx_t *ctx, phr_prometheus_own_t *own)
{
    int                     rc;
    size_t                  i, j, size;
    phr_strs_t              files;
    phr_array_t             all;
    const char             *path;
    phr_scrape_conf_t     **sc, **copy;
    phr_prometheus_file_t  *f;

    f = &own->file;

    if (f->scrape_config_files.n == 0) {
        return PHR_OK;
    }

    path = ctx->file;
    rc = PHR_OK;

    phr_array_init(&all, sizeof(phr_scrape_conf_t *));

    for (i = 0; rc == PHR_OK && i < f->nscrapes; i++) {
        sc = phr_array_push(&all);

        if (sc == NULL) {
            rc = phr_err_set(ctx->err, PHR_ENOMEM, "out of memory");

        } else {
            *sc = f->scrapes[i];
        }
    }

    for (i = 0; rc == PHR_OK && i < f->scrape_config_files.n; i++) {
        rc = phr_loader_glob(ctx->arena, f->scrape_config_files.s[i], &files,
                             ctx->err);

        for (j = 0; rc == PHR_OK && j < files.n; j++) {
            rc = phr_prometheus_scrape_file(ctx, own, &all, files.s[j]);
        }
    }

    ctx->file = path;

    if (rc == PHR_OK && all.nelts > 0) {
        size = all.nelts * sizeof(phr_scrape_conf_t *);
        copy = phr_arena_alloc(ctx->arena, size);

        if (copy == NULL) {
            rc = phr_schema_nomem(ctx);

        } else {
            memcpy(copy, all.elts, size);
            own->conf.scrapes = copy;
            own->conf.nscrapes = all.nelts;
        }
    }

    phr_array_free(&all);

    return rc;
}


/* messages and relative paths refer to this file meanwhile */
static int
phr_prometheus_scrape_file(phr_schema_ctx_t *ctx, phr_prometheus_own_t *own,
    phr_array_t *all, phr_str_t path)
{
    int                     rc;
    size_t                  i;
    phr_str_t               text;
    phr_scrape_conf_t     **sc;
    phr_scrape_file_t       f;
    const phr_yaml_node_t  *node, *item;

    ctx->file = path.data;

    rc = phr_loader_read(ctx->arena, path.data, &text, ctx->err);

    if (rc == PHR_OK) {
        rc = phr_yaml_parse(ctx->arena, text, path.data, &node, ctx->err);
    }

    if (rc == PHR_OK) {
        rc = phr_schema_read(ctx, &phr_scrape_file_schema, &f, node);
    }

    for (i = 0; rc == PHR_OK && i < f.nscrapes; i++) {
        item = phr_yaml_get(node, "scrape_configs")->items[i];

        rc = phr_scrape_complete(ctx, f.scrapes[i], &own->file.global, item);

        if (rc == PHR_OK) {
            rc = phr_prometheus_job_unique(ctx, all->elts, all->nelts,
                                           f.scrapes[i], item);
        }

        if (rc == PHR_OK) {
            sc = phr_array_push(all);

            if (sc == NULL) {
                return phr_err_set(ctx->err, PHR_ENOMEM, "out of memory");
            }

            *sc = f.scrapes[i];
        }
    }

    return rc;
}


/* $NAME and ${NAME} in the values, as Go's os.Expand() */
static int
phr_prometheus_expand(phr_schema_ctx_t *ctx, phr_labels_t *labels,
    const phr_yaml_node_t *node)
{
    int           rc;
    size_t        i, n;
    phr_buf_t     out;
    phr_str_t     s;
    phr_label_t  *l;

    if (labels->n == 0) {
        return PHR_OK;
    }

    l = phr_arena_alloc(ctx->arena, labels->n * sizeof(phr_label_t));
    if (l == NULL) {
        return phr_schema_nomem(ctx);
    }

    rc = PHR_OK;
    n = 0;

    for (i = 0; rc == PHR_OK && i < labels->n; i++) {
        phr_buf_init(&out, 0);

        rc = phr_prometheus_expand_value(ctx, labels->l[i].value, &out, node);

        if (rc == PHR_OK && out.len > 0) {
            s = phr_arena_str(ctx->arena, phr_buf_view(&out));

            if (s.data == NULL || out.failed) {
                rc = phr_schema_nomem(ctx);
            }

            l[n].name = labels->l[i].name;
            l[n].value = s;
            n++;
        }

        phr_buf_free(&out);
    }

    labels->l = l;
    labels->n = n;

    return rc;
}


static int
phr_prometheus_expand_value(phr_schema_ctx_t *ctx, phr_str_t in,
    phr_buf_t *out, const phr_yaml_node_t *node)
{
    int          rc;
    char        *key;
    size_t       i, used;
    phr_str_t    name;
    const char  *value;

    for (i = 0; i < in.len; i++) {
        if (in.data[i] != '$' || i + 1 == in.len) {
            phr_buf_putc(out, in.data[i]);
            continue;
        }

        used = phr_prometheus_variable(in, i + 1, &name);

        if (used == 0) {
            phr_buf_putc(out, '$');
            continue;
        }

        i += used;

        if (name.len == 0) {
            continue;
        }

        if (phr_str_eq(name, phr_str_of("$"))) {
            phr_buf_putc(out, '$');
            continue;
        }

        key = phr_arena_strdup(ctx->arena, name.data, name.len);
        if (key == NULL) {
            return phr_schema_nomem(ctx);
        }

        value = ctx->loader->env(ctx->loader->env_data, key);

        if (value != NULL && value[0] != '\0') {
            phr_buf_puts(out, value);
            continue;
        }

        rc = phr_schema_warn(ctx, node, "environment variable \"%s\" of "
                             "external_labels is empty", key);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


/*
 * The name after a "$" at "at", and how many bytes it takes with braces; 0
 * if no name follows, an empty name for what Go drops.
 */
static size_t
phr_prometheus_variable(phr_str_t in, size_t at, phr_str_t *name)
{
    size_t       i;
    const char  *close;

    static const char  special[] = "*#$@!?-0123456789";

    if (in.data[at] == '{') {
        close = memchr(in.data + at, '}', in.len - at);

        if (close == NULL) {
            *name = phr_str_from("", 0);
            return 1;
        }

        *name = phr_str_from(in.data + at + 1,
                             (size_t) (close - in.data) - at - 1);
        return name->len + 2;
    }

    if (in.data[at] != '\0' && strchr(special, in.data[at]) != NULL) {
        *name = phr_str_from(in.data + at, 1);
        return 1;
    }

    for (i = at; i < in.len; i++) {
        if (in.data[i] != '_' && !((in.data[i] | 0x20) >= 'a'
                                   && (in.data[i] | 0x20) <= 'z')
            && !(in.data[i] >= '0' && in.data[i] <= '9'))
        {
            break;
        }
    }

    *name = phr_str_from(in.data + at, i - at);

    return i - at;
}


static void
phr_prometheus_publish(phr_prometheus_own_t *own)
{
    phr_prometheus_yml_t   *c;
    phr_prometheus_file_t  *f;

    c = &own->conf;
    f = &own->file;

    c->global = f->global;
    c->rule_files = f->rule_files;
    c->scrape_config_files = f->scrape_config_files;
    c->scrapes = f->scrapes;
    c->nscrapes = f->nscrapes;
    c->alert_relabel = f->alerting.alert_relabel;
    c->alertmanagers = f->alerting.alertmanagers;
    c->nalertmanagers = f->alerting.nalertmanagers;

    c->storage.out_of_order_ms = f->storage.tsdb.out_of_order_time_window_ms;
    c->storage.retention_ms = f->storage.tsdb.retention.time_ms;
    c->storage.retention_bytes = f->storage.tsdb.retention.size_bytes;
    c->storage.retention_percent = f->storage.tsdb.retention.percentage;
    c->storage.max_exemplars = f->storage.max_exemplars;
}
