/*
 * Copyright (C) The Pharos Authors
 *
 * Schema: reads mappings by their tables.  What single values look like is
 * in schema_value.c, writing is in schema_write.c.
 */

#include "settings/schema.h"

#include <stdio.h>
#include <stdlib.h>


static void *phr_schema_member(const phr_option_t *opt, void *object);
static int phr_schema_pair(phr_schema_ctx_t *ctx, const phr_schema_t *schema,
    void *object, const phr_yaml_pair_t *pair);
static int phr_schema_absent(phr_schema_ctx_t *ctx,
    const phr_schema_t *schema, void *object, const phr_yaml_node_t *node);
static int phr_schema_value(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node);
static int phr_schema_items(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    const phr_yaml_node_t *node, phr_yaml_type_e type, void ***items);
static int phr_schema_map(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    const phr_yaml_node_t *node, void ***list, size_t *n);
static int phr_schema_empty(const phr_yaml_node_t *node);
static int phr_schema_required(phr_schema_ctx_t *ctx,
    const phr_schema_t *schema, const phr_yaml_node_t *node);
static int phr_schema_exclusive(phr_schema_ctx_t *ctx,
    const phr_schema_t *schema, const phr_yaml_node_t *node);
static void phr_schema_init(const phr_schema_t *schema, void *object);
static int phr_schema_unknown(phr_schema_ctx_t *ctx,
    const phr_schema_t *schema, const phr_yaml_node_t *key);
static void phr_schema_zero(const phr_option_t *opt, void *member);


void
phr_schema_ctx_init(phr_schema_ctx_t *ctx, phr_arena_t *arena,
    const phr_loader_t *loader, const char *file, phr_err_t *err)
{
    memset(ctx, 0, sizeof(phr_schema_ctx_t));

    ctx->arena = arena;
    ctx->loader = loader;
    ctx->file = file;
    ctx->err = err;

    phr_array_init(&ctx->regexes, sizeof(phr_regex_t *));
    phr_array_init(&ctx->warnings, sizeof(phr_settings_warning_t));
}


void
phr_schema_ctx_free(phr_schema_ctx_t *ctx)
{
    size_t  i;

    for (i = 0; i < ctx->regexes.nelts; i++) {
        phr_regex_destroy(*phr_array_get(&ctx->regexes, phr_regex_t *, i));
    }

    phr_array_free(&ctx->regexes);
    phr_array_free(&ctx->warnings);
}


int
phr_schema_read(phr_schema_ctx_t *ctx, const phr_schema_t *schema,
    void *object, const phr_yaml_node_t *node)
{
    int     rc;
    size_t  i;

    phr_assert((object == NULL) == (schema->size == 0));

    if (node != NULL && node->type == PHR_YAML_NULL) {
        node = NULL;
    }

    if (node != NULL && node->type != PHR_YAML_MAPPING) {
        return phr_schema_error(ctx, node, "%s must be a mapping, not %s",
                                schema->name, phr_yaml_type_text(node->type));
    }

    if (object != NULL) {
        memset(object, 0, schema->size);
        phr_schema_init(schema, object);
    }

    for (i = 0; node != NULL && i < node->n; i++) {
        rc = phr_schema_pair(ctx, schema, object, &node->pairs[i]);

        if (rc == PHR_NOTFOUND) {
            rc = phr_schema_unknown(ctx, schema, node->pairs[i].key);
        }

        if (rc != PHR_OK) {
            return rc;
        }
    }

    return phr_schema_absent(ctx, schema, object, node);
}


int
phr_schema_new(phr_schema_ctx_t *ctx, const phr_schema_t *schema,
    const phr_yaml_node_t *node, void **object)
{
    int    rc;
    void  *p;

    p = NULL;

    if (schema->size > 0) {
        p = phr_arena_alloc(ctx->arena, schema->size);
        if (p == NULL) {
            return phr_schema_nomem(ctx);
        }
    }

    rc = phr_schema_read(ctx, schema, p, node);

    if (rc == PHR_OK) {
        *object = p;
    }

    return rc;
}


int
phr_schema_list(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    const phr_yaml_node_t *node, void ***list, size_t *n)
{
    int      rc;
    size_t   i;
    void   **items;

    *list = NULL;
    *n = 0;

    rc = phr_schema_items(ctx, opt, node, PHR_YAML_SEQUENCE, &items);
    if (rc != PHR_OK || items == NULL) {
        return rc;
    }

    for (i = 0; i < node->n; i++) {
        if (node->items[i]->type == PHR_YAML_NULL
            && !(opt->flags & PHR_OPT_NULLS))
        {
            return phr_schema_error(ctx, node->items[i],
                                    "empty or null entry in \"%s\"",
                                    opt->name);
        }

        rc = phr_schema_new(ctx, opt->schema, node->items[i], &items[i]);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    *list = items;
    *n = node->n;

    return PHR_OK;
}


int
phr_schema_error(phr_schema_ctx_t *ctx, const phr_yaml_node_t *node,
    const char *fmt, ...)
{
    char     text[PHR_ERR_TEXT];
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    return phr_err_in_file(ctx->err, PHR_EINVAL, ctx->file,
                           node ? node->line : 0, node ? node->column : 0,
                           "%s", text);
}


int
phr_schema_nomem(phr_schema_ctx_t *ctx)
{
    int  rc;

    rc = phr_arena_rc(ctx->arena);

    return phr_err_set(ctx->err, rc, "%s: %s", ctx->file,
                       rc == PHR_ELIMIT ? "the settings are too large"
                                        : "out of memory");
}


int
phr_schema_warn(phr_schema_ctx_t *ctx, const phr_yaml_node_t *node,
    const char *fmt, ...)
{
    char                     text[PHR_ERR_TEXT];
    va_list                  args;
    phr_settings_warning_t  *w;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    w = phr_array_push(&ctx->warnings);
    if (w == NULL) {
        return phr_err_set(ctx->err, PHR_ENOMEM, "out of memory");
    }

    w->line = node ? node->line : 0;
    w->file = phr_arena_str(ctx->arena, phr_str_from_c(ctx->file));
    w->text = phr_arena_str(ctx->arena, phr_str_from_c(text));

    if (w->file.data == NULL || w->text.data == NULL) {
        return phr_schema_nomem(ctx);
    }

    return PHR_OK;
}


int
phr_schema_regex(phr_schema_ctx_t *ctx, const phr_yaml_node_t *node,
    phr_str_t pattern, const phr_regex_t **re)
{
    int            rc;
    phr_err_t      err;
    phr_regex_t  **slot;

    slot = phr_array_push(&ctx->regexes);
    if (slot == NULL) {
        return phr_err_set(ctx->err, PHR_ENOMEM, "out of memory");
    }

    *slot = NULL;
    phr_err_init(&err);

    rc = phr_regex_create(pattern, slot, &err);
    if (rc != PHR_OK) {
        ctx->regexes.nelts--;

        return phr_err_in_file(ctx->err, rc == PHR_ENOMEM ? rc : PHR_EINVAL,
                               ctx->file, node ? node->line : 0,
                               node ? node->column : 0, "%s", err.text);
    }

    *re = *slot;

    return PHR_OK;
}


int
phr_schema_warnings(phr_schema_ctx_t *ctx, phr_settings_warning_t **warnings,
    size_t *n)
{
    size_t  size;

    size = ctx->warnings.nelts * sizeof(phr_settings_warning_t);

    *warnings = phr_arena_alloc(ctx->arena, size + 1);
    if (*warnings == NULL) {
        return phr_schema_nomem(ctx);
    }

    if (size > 0) {
        memcpy(*warnings, ctx->warnings.elts, size);
    }

    *n = ctx->warnings.nelts;

    return PHR_OK;
}


/* NULL if the value is kept nowhere */
static void *
phr_schema_member(const phr_option_t *opt, void *object)
{
    if (object == NULL || opt->offset == PHR_OPT_NOWHERE) {
        return NULL;
    }

    if ((opt->type == PHR_OPT_INLINE || opt->type == PHR_OPT_STRUCT)
        && opt->schema->size == 0)
    {
        return NULL;
    }

    return (char *) object + opt->offset;
}


/* PHR_NOTFOUND if neither the schema nor an inline one knows the key */
static int
phr_schema_pair(phr_schema_ctx_t *ctx, const phr_schema_t *schema,
    void *object, const phr_yaml_pair_t *pair)
{
    int                  rc;
    void                *member;
    size_t               i;
    const phr_option_t  *opt;

    for (i = 0; i < schema->noptions; i++) {
        opt = &schema->options[i];

        member = phr_schema_member(opt, object);

        if (opt->type == PHR_OPT_INLINE) {
            rc = phr_schema_pair(ctx, opt->schema, member, pair);

            if (rc != PHR_NOTFOUND) {
                return rc;
            }

            continue;
        }

        if (opt->type == PHR_OPT_CUSTOM && opt->set == NULL) {
            continue;
        }

        if (phr_str_eq(phr_str_from_c(opt->name), pair->key->value)) {
            return phr_schema_value(ctx, opt, member, pair->value);
        }
    }

    return PHR_NOTFOUND;
}


/* what no key of the mapping tells: required options and the final check */
static int
phr_schema_absent(phr_schema_ctx_t *ctx, const phr_schema_t *schema,
    void *object, const phr_yaml_node_t *node)
{
    int                  rc;
    size_t               i;
    const phr_option_t  *opt;

    for (i = 0; i < schema->noptions; i++) {
        opt = &schema->options[i];

        if (opt->type == PHR_OPT_INLINE) {
            rc = phr_schema_absent(ctx, opt->schema,
                                   phr_schema_member(opt, object), node);
            if (rc != PHR_OK) {
                return rc;
            }
        }
    }

    rc = phr_schema_required(ctx, schema, node);

    if (rc == PHR_OK) {
        rc = phr_schema_exclusive(ctx, schema, node);
    }

    if (rc == PHR_OK && schema->check != NULL) {
        rc = schema->check(ctx, object, node);
    }

    return rc;
}


static int
phr_schema_value(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    void *member, const phr_yaml_node_t *node)
{
    int                   rc;
    void                 *object, **list;
    size_t                n;
    const phr_schema_t   *schema;

    schema = opt->schema;

    switch (opt->type) {
    case PHR_OPT_STRUCT:
        if (node->type == PHR_YAML_NULL) {
            phr_schema_zero(opt, member);
            return PHR_OK;
        }

        return member != NULL ? phr_schema_read(ctx, schema, member, node)
                              : phr_schema_new(ctx, schema, node, &object);

    case PHR_OPT_POINTER:
        object = NULL;
        rc = PHR_OK;

        if (node->type != PHR_YAML_NULL) {
            rc = phr_schema_new(ctx, schema, node, &object);
        }

        if (rc == PHR_OK && member != NULL && schema->size > 0) {
            memcpy(member, &object, sizeof(object));
        }

        return rc;

    case PHR_OPT_LIST:
    case PHR_OPT_MAP:
        rc = (opt->type == PHR_OPT_LIST)
             ? phr_schema_list(ctx, opt, node, &list, &n)
             : phr_schema_map(ctx, opt, node, &list, &n);

        if (rc == PHR_OK && member != NULL && schema->size > 0) {
            memcpy(member, &list, sizeof(list));
            memcpy((char *) member + sizeof(list), &n, sizeof(n));
        }

        return rc;

    case PHR_OPT_NODE:
        rc = PHR_OK;

        if (opt->flags & PHR_OPT_MANY) {
            rc = phr_schema_list(ctx, opt, node, &list, &n);

        } else if (schema != NULL && node->type != PHR_YAML_NULL) {
            rc = phr_schema_new(ctx, schema, node, &object);
        }

        if (rc == PHR_OK && member != NULL && node->type != PHR_YAML_NULL) {
            memcpy(member, &node, sizeof(node));
        }

        return rc;

    case PHR_OPT_CUSTOM:
        return opt->set(ctx, opt, member, node);

    default:
        return phr_schema_scalar(ctx, opt, member, node);
    }
}


/* room for the objects of a node of this type; NULL: there is none */
static int
phr_schema_items(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    const phr_yaml_node_t *node, phr_yaml_type_e type, void ***items)
{
    *items = NULL;

    if (node->type == PHR_YAML_NULL) {
        return PHR_OK;
    }

    if (node->type != type) {
        return phr_schema_error(ctx, node, "\"%s\" must be a %s, not %s",
                                opt->name,
                                type == PHR_YAML_SEQUENCE ? "list" : "mapping",
                                phr_yaml_type_text(node->type));
    }

    *items = phr_arena_calloc(ctx->arena, node->n + 1, sizeof(void *));

    return *items == NULL ? phr_schema_nomem(ctx) : PHR_OK;
}


static int
phr_schema_map(phr_schema_ctx_t *ctx, const phr_option_t *opt,
    const phr_yaml_node_t *node, void ***list, size_t *n)
{
    int      rc;
    size_t   i;
    void   **items;

    *list = NULL;
    *n = 0;

    rc = phr_schema_items(ctx, opt, node, PHR_YAML_MAPPING, &items);
    if (rc != PHR_OK || items == NULL) {
        return rc;
    }

    for (i = 0; i < node->n; i++) {
        rc = phr_schema_new(ctx, opt->schema, node->pairs[i].value,
                            &items[i]);
        if (rc != PHR_OK) {
            return rc;
        }

        if (items[i] != NULL) {
            memcpy(items[i], &node->pairs[i].key->value, sizeof(phr_str_t));
        }
    }

    *list = items;
    *n = node->n;

    return PHR_OK;
}


static int
phr_schema_empty(const phr_yaml_node_t *node)
{
    if (node == NULL || node->type == PHR_YAML_NULL) {
        return 1;
    }

    return node->type >= PHR_YAML_SEQUENCE ? node->n == 0
                                           : node->value.len == 0;
}


static int
phr_schema_required(phr_schema_ctx_t *ctx, const phr_schema_t *schema,
    const phr_yaml_node_t *node)
{
    size_t                  i;
    const phr_option_t     *opt;
    const phr_yaml_node_t  *value;

    for (i = 0; i < schema->noptions; i++) {
        opt = &schema->options[i];

        if (!(opt->flags & PHR_OPT_REQUIRED)) {
            continue;
        }

        value = phr_yaml_get(node, opt->name);

        if (phr_schema_empty(value)) {
            return phr_schema_error(ctx, value ? value : node,
                                    "\"%s\" of %s is %s", opt->name,
                                    schema->name,
                                    value ? "empty" : "missing");
        }
    }

    return PHR_OK;
}


static int
phr_schema_exclusive(phr_schema_ctx_t *ctx, const phr_schema_t *schema,
    const phr_yaml_node_t *node)
{
    size_t                    i, n;
    const char *const        *name, *const *const *set;
    const phr_yaml_node_t    *value;

    if (schema->exclusive == NULL) {
        return PHR_OK;
    }

    for (set = schema->exclusive; *set != NULL; set++) {
        i = 0;
        n = 0;

        for (name = *set; *name != NULL; name++) {
            value = phr_yaml_get(node, *name);

            if (!phr_schema_empty(value)) {
                n++;
                i = (size_t) (name - *set);
            }
        }

        if (n > 1) {
            value = phr_yaml_get(node, (*set)[i]);

            for (name = *set; phr_schema_empty(phr_yaml_get(node, *name)); ) {
                name++;
            }

            return phr_schema_error(ctx, value, "at most one of \"%s\" and "
                                    "\"%s\" may be set in %s", *name,
                                    (*set)[i], schema->name);
        }
    }

    return PHR_OK;
}


static void
phr_schema_init(const phr_schema_t *schema, void *object)
{
    size_t               i;
    const phr_option_t  *opt;

    for (i = 0; i < schema->noptions; i++) {
        opt = &schema->options[i];

        if ((opt->type == PHR_OPT_INLINE || opt->type == PHR_OPT_STRUCT)
            && phr_schema_member(opt, object) != NULL)
        {
            phr_schema_init(opt->schema, phr_schema_member(opt, object));
        }
    }

    if (schema->init != NULL) {
        schema->init(object);
    }
}


static int
phr_schema_unknown(phr_schema_ctx_t *ctx, const phr_schema_t *schema,
    const phr_yaml_node_t *key)
{
    return phr_schema_error(ctx, key, "field \"%.*s\" not found in %s",
                            (int) phr_min(key->value.len, 100),
                            key->value.data, schema->name);
}


/* null where a struct is due: its zero value, without defaults, as in Go */
static void
phr_schema_zero(const phr_option_t *opt, void *member)
{
    if (member != NULL && opt->schema->size > 0) {
        memset(member, 0, opt->schema->size);
    }
}
