/*
 * Copyright (C) The Pharos Authors
 *
 * Rule files: reading and checking.
 */

#include "settings/rules_yml.h"

#include "core/labels.h"
#include "core/utf8.h"
#include "settings/schema.h"


typedef struct {
    phr_rules_yml_t         conf;
    phr_arena_t            *arena;      /* holds this struct, too */
} phr_rules_own_t;


/* a mapping as the file has it */
typedef struct {
    phr_str_t               record;
    phr_str_t               alert;
    int64_t                 for_ms;
    int64_t                 keep_firing_for_ms;
    const phr_yaml_node_t  *expr;
    const phr_yaml_node_t  *labels;
    const phr_yaml_node_t  *annotations;
} phr_rule_file_t;

typedef struct {
    phr_str_t               name;
    int64_t                 interval_ms;
    int64_t                 query_offset_ms;
    int64_t                 limit;
    phr_rule_file_t       **rules;
    size_t                  nrules;
    const phr_yaml_node_t  *labels;
} phr_rule_group_file_t;

typedef struct {
    phr_rule_group_file_t **groups;
    size_t                  ngroups;
} phr_rules_file_t;


static void phr_rule_group_init(void *object);
static int phr_rules_read(phr_schema_ctx_t *ctx, phr_rules_yml_t *conf,
    phr_str_t text);
static int phr_rules_group(phr_schema_ctx_t *ctx, phr_rules_yml_t *conf,
    size_t i, const phr_rule_group_file_t *from, const phr_yaml_node_t *node);
static int phr_rules_rule(phr_schema_ctx_t *ctx, phr_rule_conf_t *rule,
    const phr_rule_file_t *from, const phr_rule_group_file_t *group,
    const phr_yaml_node_t *node);
static int phr_rules_check(phr_schema_ctx_t *ctx,
    const phr_rule_file_t *from, const phr_yaml_node_t *node);
static int phr_rules_pairs(phr_schema_ctx_t *ctx, const char *what,
    const phr_yaml_node_t *own, const phr_yaml_node_t *group,
    phr_rule_pair_t **pairs, size_t *n);
static int phr_rules_add(phr_schema_ctx_t *ctx, const char *what,
    const phr_yaml_node_t *from, phr_rule_pair_t *pairs, size_t *n);
static void phr_rules_text(phr_rule_text_t *t, const phr_yaml_node_t *node);


static const phr_option_t  phr_rule_options[] = {
    PHR_OPTION(phr_rule_file_t, record, "record", PHR_OPT_STR, 0),
    PHR_OPTION(phr_rule_file_t, alert, "alert", PHR_OPT_STR, 0),
    PHR_OPTION(phr_rule_file_t, expr, "expr", PHR_OPT_NODE, 0),
    PHR_OPTION(phr_rule_file_t, for_ms, "for", PHR_OPT_DURATION, 0),
    PHR_OPTION(phr_rule_file_t, keep_firing_for_ms, "keep_firing_for",
               PHR_OPT_DURATION, 0),
    PHR_OPTION(phr_rule_file_t, labels, "labels", PHR_OPT_NODE, 0),
    PHR_OPTION(phr_rule_file_t, annotations, "annotations", PHR_OPT_NODE, 0),
};

static const phr_schema_t  phr_rule_schema = {
    .name = "a rule",
    .size = sizeof(phr_rule_file_t),
    .options = phr_rule_options,
    .noptions = phr_nelems(phr_rule_options)
};

static const phr_option_t  phr_rule_group_options[] = {
    PHR_OPTION(phr_rule_group_file_t, name, "name", PHR_OPT_STR,
               PHR_OPT_REQUIRED),
    PHR_OPTION(phr_rule_group_file_t, interval_ms, "interval",
               PHR_OPT_DURATION, 0),
    PHR_OPTION(phr_rule_group_file_t, query_offset_ms, "query_offset",
               PHR_OPT_DURATION, 0),
    PHR_OPTION(phr_rule_group_file_t, limit, "limit", PHR_OPT_INT, 0),
    PHR_OPTION_OF(phr_rule_group_file_t, rules, "rules", PHR_OPT_LIST,
                  PHR_OPT_NULLS, &phr_rule_schema),
    PHR_OPTION(phr_rule_group_file_t, labels, "labels", PHR_OPT_NODE, 0),
};

static const phr_schema_t  phr_rule_group_schema = {
    .name = "a rule group",
    .size = sizeof(phr_rule_group_file_t),
    .options = phr_rule_group_options,
    .noptions = phr_nelems(phr_rule_group_options),
    .init = phr_rule_group_init
};

static const phr_option_t  phr_rules_options[] = {
    PHR_OPTION_OF(phr_rules_file_t, groups, "groups", PHR_OPT_LIST,
                  PHR_OPT_NULLS, &phr_rule_group_schema),
};

static const phr_schema_t  phr_rules_schema = {
    .name = "a rule file",
    .size = sizeof(phr_rules_file_t),
    .options = phr_rules_options,
    .noptions = phr_nelems(phr_rules_options)
};


int
phr_rules_yml_load(const char *path, phr_rules_yml_t **conf, phr_err_t *err)
{
    int           rc;
    phr_str_t     text;
    phr_arena_t  *a;

    rc = phr_loader_open(path, &a, &text, err);

    if (rc == PHR_OK) {
        rc = phr_rules_yml_parse(text, path, conf, err);
        phr_arena_destroy(a);
    }

    return rc;
}


int
phr_rules_yml_parse(phr_str_t text, const char *path,
    phr_rules_yml_t **conf, phr_err_t *err)
{
    int                rc;
    phr_arena_t       *a;
    phr_rules_own_t   *own;
    phr_schema_ctx_t   ctx;

    a = phr_arena_create(PHR_LOADER_ARENA);
    if (a == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    phr_schema_ctx_init(&ctx, a, NULL, path, err);

    own = phr_arena_calloc(a, 1, sizeof(phr_rules_own_t));

    if (own == NULL) {
        rc = phr_schema_nomem(&ctx);
        goto failed;
    }

    own->arena = a;
    own->conf.own = own;
    own->conf.path = phr_arena_str(a, phr_str_from_c(path));

    if (own->conf.path.data == NULL) {
        rc = phr_schema_nomem(&ctx);
        goto failed;
    }

    rc = phr_rules_read(&ctx, &own->conf, text);
    if (rc != PHR_OK) {
        goto failed;
    }

    phr_schema_ctx_free(&ctx);

    *conf = &own->conf;

    return PHR_OK;

failed:

    phr_schema_ctx_free(&ctx);
    phr_arena_destroy(a);

    return rc;
}


void
phr_rules_yml_destroy(phr_rules_yml_t *conf)
{
    if (conf != NULL) {
        phr_arena_destroy(((phr_rules_own_t *) conf->own)->arena);
    }
}


void
phr_rule_text_place(const phr_rule_text_t *t, size_t at, uint32_t *line,
    uint32_t *column)
{
    size_t  i, start;

    *line = t->line;
    start = 0;

    for (i = 0; i < at && i < t->text.len; i++) {
        if (t->text.data[i] == '\n') {
            (*line)++;
            start = i + 1;
        }
    }

    /* lines after the first of a text that is no block have lost theirs */

    if (t->block || *line == t->line) {
        *column = t->column + (uint32_t) (phr_min(at, t->text.len) - start);

    } else {
        *line = t->line;
        *column = t->column;
    }
}


static void
phr_rule_group_init(void *object)
{
    ((phr_rule_group_file_t *) object)->query_offset_ms = -1;
}


static int
phr_rules_read(phr_schema_ctx_t *ctx, phr_rules_yml_t *conf, phr_str_t text)
{
    int                     rc;
    size_t                  i;
    phr_rules_file_t        f;
    const phr_yaml_node_t  *node;

    rc = phr_yaml_parse(ctx->arena, text, ctx->file, &node, ctx->err);

    if (rc == PHR_OK) {
        rc = phr_schema_read(ctx, &phr_rules_schema, &f, node);
    }

    if (rc != PHR_OK) {
        return rc;
    }

    conf->groups = phr_arena_calloc(ctx->arena, f.ngroups + 1,
                                    sizeof(phr_rule_group_conf_t));
    if (conf->groups == NULL) {
        return phr_schema_nomem(ctx);
    }

    conf->ngroups = f.ngroups;

    for (i = 0; i < f.ngroups; i++) {
        rc = phr_rules_group(ctx, conf, i, f.groups[i],
                             phr_yaml_get(node, "groups")->items[i]);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


static int
phr_rules_group(phr_schema_ctx_t *ctx, phr_rules_yml_t *conf, size_t i,
    const phr_rule_group_file_t *from, const phr_yaml_node_t *node)
{
    int                     rc;
    size_t                  j;
    phr_rule_group_conf_t  *g;

    for (j = 0; j < i; j++) {
        if (phr_str_eq(conf->groups[j].name, from->name)) {
            return phr_schema_error(ctx, node, "groupname: \"%.*s\" is "
                                    "repeated in the same file",
                                    (int) from->name.len, from->name.data);
        }
    }

    g = &conf->groups[i];
    g->name = from->name;
    g->file = conf->path;
    g->interval_ms = from->interval_ms;
    g->query_offset_ms = from->query_offset_ms;
    g->limit = from->limit > 0 ? (uint64_t) from->limit : 0;
    g->nrules = from->nrules;
    g->line = node->line;

    g->rules = phr_arena_calloc(ctx->arena, from->nrules + 1,
                                sizeof(phr_rule_conf_t));
    if (g->rules == NULL) {
        return phr_schema_nomem(ctx);
    }

    for (j = 0; j < from->nrules; j++) {
        rc = phr_rules_rule(ctx, &g->rules[j], from->rules[j], from,
                            phr_yaml_get(node, "rules")->items[j]);

        if (rc != PHR_OK) {
            phr_err_prefix(ctx->err, "group \"%.*s\", rule %u, \"%.*s\": ",
                           (int) g->name.len, g->name.data,
                           (unsigned) j + 1, (int) g->rules[j].name.len,
                           g->rules[j].name.len ? g->rules[j].name.data : "");
            return rc;
        }
    }

    return PHR_OK;
}


static int
phr_rules_rule(phr_schema_ctx_t *ctx, phr_rule_conf_t *rule,
    const phr_rule_file_t *from, const phr_rule_group_file_t *group,
    const phr_yaml_node_t *node)
{
    int  rc;

    rule->alerting = (from->alert.len > 0);
    rule->name = rule->alerting ? from->alert : from->record;
    rule->for_ms = from->for_ms;
    rule->keep_firing_for_ms = from->keep_firing_for_ms;
    rule->line = node->line;

    rc = phr_rules_check(ctx, from, node);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_rules_text(&rule->expr, from->expr);

    rc = phr_rules_pairs(ctx, "label", from->labels, group->labels,
                         &rule->labels, &rule->nlabels);

    if (rc == PHR_OK) {
        rc = phr_rules_pairs(ctx, "annotation", from->annotations, NULL,
                             &rule->annotations, &rule->nannotations);
    }

    return rc;
}


static int
phr_rules_check(phr_schema_ctx_t *ctx, const phr_rule_file_t *from,
    const phr_yaml_node_t *node)
{
    const char             *field;
    phr_str_t               s;
    const phr_yaml_node_t  *record;

    if ((from->record.len > 0) == (from->alert.len > 0)) {
        return phr_schema_error(ctx, node, from->record.len > 0
                                ? "only one of 'record' and 'alert' must be "
                                  "set"
                                : "one of 'record' or 'alert' must be set");
    }

    if (from->expr == NULL || phr_yaml_text(from->expr, &s) != PHR_OK
        || s.len == 0)
    {
        return phr_schema_error(ctx, from->expr ? from->expr : node,
                                "field 'expr' must be set in rule");
    }

    if (from->record.len == 0) {
        return PHR_OK;
    }

    record = phr_yaml_get(node, "record");
    field = (from->annotations != NULL && from->annotations->n > 0)
              ? "annotations"
            : from->for_ms != 0 ? "for"
            : from->keep_firing_for_ms != 0 ? "keep_firing_for" : NULL;

    if (field != NULL) {
        return phr_schema_error(ctx, record, "invalid field '%s' in recording "
                                "rule", field);
    }

    if (!phr_utf8_valid(from->record.data, from->record.len)) {
        return phr_schema_error(ctx, record, "invalid recording rule name");
    }

    if (memchr(from->record.data, '{', from->record.len) != NULL
        || memchr(from->record.data, '}', from->record.len) != NULL)
    {
        return phr_schema_error(ctx, record, "braces present in the "
                                "recording rule name; should it be in "
                                "expr?: %.*s",
                                (int) phr_min(from->record.len, 200),
                                from->record.data);
    }

    return PHR_OK;
}


static int
phr_rules_pairs(phr_schema_ctx_t *ctx, const char *what,
    const phr_yaml_node_t *own, const phr_yaml_node_t *group,
    phr_rule_pair_t **pairs, size_t *n)
{
    int     rc;
    size_t  total;

    total = (own ? own->n : 0) + (group ? group->n : 0);

    *pairs = phr_arena_calloc(ctx->arena, total + 1,
                              sizeof(phr_rule_pair_t));
    if (*pairs == NULL) {
        return phr_schema_nomem(ctx);
    }

    *n = 0;

    /* what comes second replaces */

    rc = phr_rules_add(ctx, what, group, *pairs, n);

    if (rc == PHR_OK) {
        rc = phr_rules_add(ctx, what, own, *pairs, n);
    }

    return rc;
}


static int
phr_rules_add(phr_schema_ctx_t *ctx, const char *what,
    const phr_yaml_node_t *from, phr_rule_pair_t *pairs, size_t *n)
{
    size_t                  i, at;
    phr_str_t               name, text;
    const phr_yaml_node_t  *value;

    if (from == NULL) {
        return PHR_OK;
    }

    if (from->type != PHR_YAML_MAPPING) {
        return phr_schema_error(ctx, from, "%ss must be a mapping, not %s",
                                what, phr_yaml_type_text(from->type));
    }

    for (i = 0; i < from->n; i++) {
        name = from->pairs[i].key->value;
        value = from->pairs[i].value;

        if (name.len == 0 || !phr_utf8_valid(name.data, name.len)
            || (what[0] == 'l'
                && phr_str_eq(name, phr_str_of(PHR_METRIC_NAME))))
        {
            return phr_schema_error(ctx, from->pairs[i].key, "invalid %s "
                                    "name: %.*s", what,
                                    (int) phr_min(name.len, 100), name.data);
        }

        if (phr_yaml_text(value, &text) != PHR_OK) {
            return phr_schema_error(ctx, value, "%s \"%.*s\" must be a "
                                    "string, not %s", what,
                                    (int) phr_min(name.len, 100), name.data,
                                    phr_yaml_type_text(value->type));
        }

        for (at = 0; at < *n; at++) {
            if (phr_str_cmp(pairs[at].name, name) >= 0) {
                break;
            }
        }

        if (at == *n || !phr_str_eq(pairs[at].name, name)) {
            memmove(&pairs[at + 1], &pairs[at],
                    (*n - at) * sizeof(phr_rule_pair_t));
            (*n)++;
        }

        pairs[at].name = name;
        phr_rules_text(&pairs[at].value, value);
    }

    return PHR_OK;
}


static void
phr_rules_text(phr_rule_text_t *t, const phr_yaml_node_t *node)
{
    (void) phr_yaml_text(node, &t->text);

    t->line = node->text_line;
    t->column = node->text_column;
    t->block = node->block;
}
