/*
 * Copyright (C) The Pharos Authors
 *
 * YAML: builds the tree from libyaml's events.  The only file that includes
 * yaml.h of libyaml.  Scalars are in yaml_scalar.c.
 */

#include "settings/yaml.h"

#include <yaml.h>

#include "core/array.h"
#include "core/map.h"


/* above this many keys, duplicates are looked for with a hash table */
#define PHR_YAML_LINEAR_KEYS  16


typedef struct {
    yaml_parser_t     parser;
    phr_arena_t      *arena;
    phr_str_t         text;
    const char       *name;
    phr_map_t        *anchors;      /* name -> node */
    uint32_t         *lines;        /* offset of each line's first byte */
    size_t            nlines;
    phr_err_t        *err;
} phr_yaml_ctx_t;


static int phr_yaml_document(phr_yaml_ctx_t *ctx,
    const phr_yaml_node_t **node);
static int phr_yaml_node(phr_yaml_ctx_t *ctx, yaml_event_t *ev,
    unsigned level, const phr_yaml_node_t **node);
static int phr_yaml_scalar(phr_yaml_ctx_t *ctx, yaml_event_t *ev,
    phr_yaml_node_t *n);
static int phr_yaml_sequence(phr_yaml_ctx_t *ctx, unsigned level,
    phr_yaml_node_t *n);
static int phr_yaml_mapping(phr_yaml_ctx_t *ctx, unsigned level,
    phr_yaml_node_t *n);
static int phr_yaml_alias(phr_yaml_ctx_t *ctx, yaml_event_t *ev,
    const phr_yaml_node_t **node);
static int phr_yaml_merge(phr_yaml_ctx_t *ctx, phr_array_t *merged,
    const phr_yaml_node_t *value);
static int phr_yaml_finish_mapping(phr_yaml_ctx_t *ctx, phr_array_t *pairs,
    phr_array_t *merged, phr_yaml_node_t *n);
static int phr_yaml_unique(phr_yaml_ctx_t *ctx, const phr_array_t *pairs);
static int phr_yaml_count(phr_yaml_ctx_t *ctx, phr_yaml_node_t *n,
    const phr_yaml_node_t *child);
static void phr_yaml_place_text(phr_yaml_ctx_t *ctx, phr_yaml_node_t *n);
static int phr_yaml_next(phr_yaml_ctx_t *ctx, yaml_event_t *ev);
static int phr_yaml_index_lines(phr_yaml_ctx_t *ctx);


/* the value of an anchor that is still being read */
static const phr_yaml_node_t  phr_yaml_unfinished;


int
phr_yaml_parse(phr_arena_t *a, phr_str_t text, const char *name,
    const phr_yaml_node_t **node, phr_err_t *err)
{
    int             rc;
    phr_yaml_ctx_t  ctx;

    memset(&ctx, 0, sizeof(ctx));

    if (!yaml_parser_initialize(&ctx.parser)) {
        return phr_err_set(err, PHR_ENOMEM, "out of memory");
    }

    ctx.arena = a;
    ctx.text = text;
    ctx.name = name;
    ctx.err = err;

    yaml_parser_set_input_string(&ctx.parser,
                                 (const unsigned char *) text.data, text.len);

    ctx.anchors = phr_map_create();

    if (ctx.anchors == NULL) {
        rc = phr_err_set(err, PHR_ENOMEM, "out of memory");

    } else {
        rc = phr_yaml_index_lines(&ctx);
    }

    if (rc == PHR_OK) {
        rc = phr_yaml_document(&ctx, node);
    }

    if (ctx.anchors != NULL) {
        phr_map_destroy(ctx.anchors);
    }

    yaml_parser_delete(&ctx.parser);

    return rc;
}


const phr_yaml_node_t *
phr_yaml_get(const phr_yaml_node_t *node, const char *key)
{
    size_t     i;
    phr_str_t  k;

    if (node == NULL || node->type != PHR_YAML_MAPPING) {
        return NULL;
    }

    k = phr_str_from_c(key);

    for (i = 0; i < node->n; i++) {
        if (phr_str_eq(node->pairs[i].key->value, k)) {
            return node->pairs[i].value;
        }
    }

    return NULL;
}


static int
phr_yaml_document(phr_yaml_ctx_t *ctx, const phr_yaml_node_t **node)
{
    int                     rc;
    yaml_event_t            ev;
    yaml_event_type_t       type;
    const phr_yaml_node_t  *n;

    do {
        rc = phr_yaml_next(ctx, &ev);
        if (rc != PHR_OK) {
            return rc;
        }

        type = ev.type;

        if (type == YAML_STREAM_END_EVENT) {
            yaml_event_delete(&ev);
            *node = NULL;
            return PHR_OK;
        }

        if (type == YAML_STREAM_START_EVENT
            || type == YAML_DOCUMENT_START_EVENT)
        {
            yaml_event_delete(&ev);
        }

    } while (type == YAML_STREAM_START_EVENT
             || type == YAML_DOCUMENT_START_EVENT);

    rc = phr_yaml_node(ctx, &ev, 1, &n);
    yaml_event_delete(&ev);

    if (rc == PHR_OK) {
        *node = (n->type == PHR_YAML_NULL) ? NULL : n;
    }

    return rc;
}


/* the event of the node is given, and left to the caller to delete */
static int
phr_yaml_node(phr_yaml_ctx_t *ctx, yaml_event_t *ev, unsigned level,
    const phr_yaml_node_t **node)
{
    int               rc;
    yaml_char_t      *anchor;
    phr_yaml_node_t  *n;

    if (ev->type == YAML_ALIAS_EVENT) {
        return phr_yaml_alias(ctx, ev, node);
    }

    if (level > PHR_YAML_MAX_DEPTH) {
        return phr_err_in_file(ctx->err, PHR_ELIMIT, ctx->name,
                               (uint32_t) ev->start_mark.line + 1,
                               (uint32_t) ev->start_mark.column + 1,
                               "more than %d levels of nesting",
                               PHR_YAML_MAX_DEPTH);
    }

    n = phr_arena_calloc(ctx->arena, 1, sizeof(phr_yaml_node_t));
    if (n == NULL) {
        return phr_err_set(ctx->err, phr_arena_rc(ctx->arena),
                           "no memory for the settings");
    }

    n->line = (uint32_t) ev->start_mark.line + 1;
    n->column = (uint32_t) ev->start_mark.column + 1;
    n->text_line = n->line;
    n->text_column = n->column;
    n->depth = 1;
    n->nnodes = 1;

    anchor = (ev->type == YAML_SCALAR_EVENT) ? ev->data.scalar.anchor
             : (ev->type == YAML_SEQUENCE_START_EVENT)
               ? ev->data.sequence_start.anchor
               : ev->data.mapping_start.anchor;

    if (anchor != NULL
        && phr_map_set(ctx->anchors, phr_str_from_c((char *) anchor),
                       (void *) &phr_yaml_unfinished) != PHR_OK)
    {
        return phr_err_set(ctx->err, PHR_ENOMEM, "out of memory");
    }

    switch (ev->type) {
    case YAML_SCALAR_EVENT:
        rc = phr_yaml_scalar(ctx, ev, n);
        break;

    case YAML_SEQUENCE_START_EVENT:
        rc = phr_yaml_sequence(ctx, level, n);
        break;

    default:
        phr_assert(ev->type == YAML_MAPPING_START_EVENT);
        rc = phr_yaml_mapping(ctx, level, n);
    }

    if (rc == PHR_OK && anchor != NULL
        && phr_map_set(ctx->anchors, phr_str_from_c((char *) anchor), n)
           != PHR_OK)
    {
        rc = phr_err_set(ctx->err, PHR_ENOMEM, "out of memory");
    }

    if (rc == PHR_OK) {
        *node = n;
    }

    return rc;
}


static int
phr_yaml_scalar(phr_yaml_ctx_t *ctx, yaml_event_t *ev, phr_yaml_node_t *n)
{
    const char  *tag;
    phr_str_t    s;

    s = phr_str_from((const char *) ev->data.scalar.value,
                     ev->data.scalar.length);

    if (memchr(s.data, '\0', s.len) != NULL) {
        return phr_err_in_file(ctx->err, PHR_EPARSE, ctx->name, n->line,
                               n->column, "a text contains a zero byte");
    }

    n->value = phr_arena_str(ctx->arena, s);
    if (n->value.data == NULL) {
        return phr_err_set(ctx->err, phr_arena_rc(ctx->arena),
                           "no memory for the settings");
    }

    n->block = (ev->data.scalar.style == YAML_LITERAL_SCALAR_STYLE
                || ev->data.scalar.style == YAML_FOLDED_SCALAR_STYLE);
    n->quoted = (ev->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE
                 || ev->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE);

    phr_yaml_place_text(ctx, n);

    tag = (const char *) ev->data.scalar.tag;

    if (tag == NULL || strcmp(tag, "!") == 0) {
        n->type = (tag == NULL && !n->block && !n->quoted)
                  ? phr_yaml_resolve(n->value) : PHR_YAML_STRING;

    } else if (strcmp(tag, YAML_INT_TAG) == 0
               || strcmp(tag, YAML_FLOAT_TAG) == 0
               || strcmp(tag, YAML_BOOL_TAG) == 0
               || strcmp(tag, YAML_NULL_TAG) == 0)
    {
        n->type = phr_yaml_resolve(n->value);

    } else {
        n->type = PHR_YAML_STRING;
    }

    return PHR_OK;
}


static int
phr_yaml_sequence(phr_yaml_ctx_t *ctx, unsigned level, phr_yaml_node_t *n)
{
    int                      rc;
    size_t                   size;
    yaml_event_t             ev;
    phr_array_t              items;
    const phr_yaml_node_t  **item, *child;

    n->type = PHR_YAML_SEQUENCE;

    phr_array_init(&items, sizeof(phr_yaml_node_t *));

    for ( ;; ) {
        rc = phr_yaml_next(ctx, &ev);
        if (rc != PHR_OK) {
            goto done;
        }

        if (ev.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&ev);
            break;
        }

        rc = phr_yaml_node(ctx, &ev, level + 1, &child);
        yaml_event_delete(&ev);

        if (rc == PHR_OK) {
            rc = phr_yaml_count(ctx, n, child);
        }

        if (rc != PHR_OK) {
            goto done;
        }

        item = phr_array_push(&items);
        if (item == NULL) {
            rc = phr_err_set(ctx->err, PHR_ENOMEM, "out of memory");
            goto done;
        }

        *item = child;
    }

    n->n = items.nelts;
    size = items.nelts * sizeof(phr_yaml_node_t *);

    n->items = phr_arena_alloc(ctx->arena, size + 1);
    if (n->items == NULL) {
        rc = phr_err_set(ctx->err, phr_arena_rc(ctx->arena),
                         "no memory for the settings");
        goto done;
    }

    if (size > 0) {
        memcpy(n->items, items.elts, size);
    }

done:

    phr_array_free(&items);

    return rc;
}


static int
phr_yaml_mapping(phr_yaml_ctx_t *ctx, unsigned level, phr_yaml_node_t *n)
{
    int                     rc, merge;
    yaml_event_t            ev;
    phr_array_t             pairs, merged;
    phr_yaml_pair_t        *pair;
    const phr_yaml_node_t  *key, *value;

    n->type = PHR_YAML_MAPPING;

    phr_array_init(&pairs, sizeof(phr_yaml_pair_t));
    phr_array_init(&merged, sizeof(phr_yaml_pair_t));

    for ( ;; ) {
        rc = phr_yaml_next(ctx, &ev);
        if (rc != PHR_OK) {
            goto done;
        }

        if (ev.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&ev);
            break;
        }

        merge = (ev.type == YAML_SCALAR_EVENT
                 && ev.data.scalar.style == YAML_PLAIN_SCALAR_STYLE
                 && strcmp((char *) ev.data.scalar.value, "<<") == 0);

        rc = phr_yaml_node(ctx, &ev, level + 1, &key);
        yaml_event_delete(&ev);

        if (rc == PHR_OK && key->type >= PHR_YAML_SEQUENCE) {
            rc = phr_err_in_file(ctx->err, PHR_EPARSE, ctx->name, key->line,
                                 key->column, "a key must be a plain text");
        }

        if (rc == PHR_OK) {
            rc = phr_yaml_next(ctx, &ev);
        }

        if (rc != PHR_OK) {
            goto done;
        }

        rc = phr_yaml_node(ctx, &ev, level + 1, &value);
        yaml_event_delete(&ev);

        if (rc == PHR_OK && merge) {
            rc = phr_yaml_merge(ctx, &merged, value);
            if (rc == PHR_OK) {
                continue;
            }
        }

        if (rc != PHR_OK) {
            goto done;
        }

        pair = phr_array_push(&pairs);
        if (pair == NULL) {
            rc = phr_err_set(ctx->err, PHR_ENOMEM, "out of memory");
            goto done;
        }

        pair->key = key;
        pair->value = value;
    }

    rc = phr_yaml_finish_mapping(ctx, &pairs, &merged, n);

done:

    phr_array_free(&pairs);
    phr_array_free(&merged);

    return rc;
}


static int
phr_yaml_alias(phr_yaml_ctx_t *ctx, yaml_event_t *ev,
    const phr_yaml_node_t **node)
{
    const char             *name;
    const phr_yaml_node_t  *n;

    name = (const char *) ev->data.alias.anchor;
    n = phr_map_get(ctx->anchors, phr_str_from_c(name));

    if (n == NULL || n == &phr_yaml_unfinished) {
        return phr_err_in_file(ctx->err, PHR_EPARSE, ctx->name,
                               (uint32_t) ev->start_mark.line + 1,
                               (uint32_t) ev->start_mark.column + 1,
                               n == NULL ? "unknown anchor \"%s\" referenced"
                               : "anchor \"%s\" value contains itself", name);
    }

    *node = n;

    return PHR_OK;
}


/* what "<<" names: a mapping, or a list of mappings, earlier ones first */
static int
phr_yaml_merge(phr_yaml_ctx_t *ctx, phr_array_t *merged,
    const phr_yaml_node_t *value)
{
    int               rc;
    size_t            i;
    phr_yaml_pair_t  *pair;

    if (value->type == PHR_YAML_SEQUENCE) {
        for (i = 0; i < value->n; i++) {
            if (value->items[i]->type != PHR_YAML_MAPPING) {
                break;
            }

            rc = phr_yaml_merge(ctx, merged, value->items[i]);
            if (rc != PHR_OK) {
                return rc;
            }
        }

        if (i == value->n) {
            return PHR_OK;
        }
    }

    if (value->type != PHR_YAML_MAPPING) {
        return phr_err_in_file(ctx->err, PHR_EPARSE, ctx->name, value->line,
                               value->column, "map merge requires map or "
                               "sequence of maps as the value");
    }

    if (merged->nelts + value->n > PHR_YAML_MAX_NODES) {
        return phr_err_set(ctx->err, PHR_ELIMIT, "too many merged keys");
    }

    if (value->n == 0) {
        return PHR_OK;
    }

    pair = phr_array_push_n(merged, value->n);
    if (pair == NULL) {
        return phr_err_set(ctx->err, PHR_ENOMEM, "out of memory");
    }

    memcpy(pair, value->pairs, value->n * sizeof(phr_yaml_pair_t));

    return PHR_OK;
}


/* the keys of the mapping itself win over merged ones, the first of these */
static int
phr_yaml_finish_mapping(phr_yaml_ctx_t *ctx, phr_array_t *pairs,
    phr_array_t *merged, phr_yaml_node_t *n)
{
    int               rc;
    size_t            i, j, nown;
    phr_yaml_pair_t  *pair, *own, *copy;

    rc = phr_yaml_unique(ctx, pairs);
    if (rc != PHR_OK) {
        return rc;
    }

    nown = pairs->nelts;

    for (i = 0; i < merged->nelts; i++) {
        pair = phr_array_get(merged, phr_yaml_pair_t, i);
        own = pairs->elts;

        for (j = 0; j < pairs->nelts; j++) {
            if (phr_str_eq(own[j].key->value, pair->key->value)) {
                break;
            }
        }

        if (j < pairs->nelts) {
            continue;
        }

        if (pairs->nelts - nown > 1000) {
            return phr_err_set(ctx->err, PHR_ELIMIT, "too many merged keys");
        }

        own = phr_array_push(pairs);
        if (own == NULL) {
            return phr_err_set(ctx->err, PHR_ENOMEM, "out of memory");
        }

        *own = *pair;
    }

    copy = phr_arena_alloc(ctx->arena,
                           pairs->nelts * sizeof(phr_yaml_pair_t) + 1);
    if (copy == NULL) {
        return phr_err_set(ctx->err, phr_arena_rc(ctx->arena),
                           "no memory for the settings");
    }

    for (i = 0; i < pairs->nelts; i++) {
        copy[i] = *phr_array_get(pairs, phr_yaml_pair_t, i);

        rc = phr_yaml_count(ctx, n, copy[i].value);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    n->pairs = copy;
    n->n = pairs->nelts;

    return PHR_OK;
}


static int
phr_yaml_unique(phr_yaml_ctx_t *ctx, const phr_array_t *pairs)
{
    int                     rc;
    size_t                  i, j;
    phr_map_t              *map;
    const phr_yaml_node_t  *key, *before;
    const phr_yaml_pair_t  *p;

    p = pairs->elts;
    map = NULL;
    rc = PHR_OK;

    if (pairs->nelts > PHR_YAML_LINEAR_KEYS) {
        map = phr_map_create();
        if (map == NULL) {
            return phr_err_set(ctx->err, PHR_ENOMEM, "out of memory");
        }
    }

    for (i = 0; i < pairs->nelts && rc == PHR_OK; i++) {
        key = p[i].key;
        before = NULL;

        if (map != NULL) {
            before = phr_map_get(map, key->value);

            if (before == NULL
                && phr_map_set(map, key->value, (void *) key) != PHR_OK)
            {
                rc = phr_err_set(ctx->err, PHR_ENOMEM, "out of memory");
            }

        } else {
            for (j = 0; j < i; j++) {
                if (phr_str_eq(p[j].key->value, key->value)) {
                    before = p[j].key;
                    break;
                }
            }
        }

        if (before != NULL) {
            rc = phr_err_in_file(ctx->err, PHR_EPARSE, ctx->name, key->line,
                                 key->column, "key \"%.*s\" is already set "
                                 "in line %u", (int) key->value.len,
                                 key->value.data, before->line);
        }
    }

    if (map != NULL) {
        phr_map_destroy(map);
    }

    return rc;
}


/*
 * Whoever walks the tree visits an aliased node at each of its places, so
 * that it is the expanded size that must be bounded.
 */
static int
phr_yaml_count(phr_yaml_ctx_t *ctx, phr_yaml_node_t *n,
    const phr_yaml_node_t *child)
{
    n->depth = phr_max(n->depth, child->depth + 1);

    if (n->depth > PHR_YAML_MAX_DEPTH
        || child->nnodes > PHR_YAML_MAX_NODES - n->nnodes)
    {
        return phr_err_in_file(ctx->err, PHR_ELIMIT, ctx->name, n->line,
                               n->column, "document contains excessive "
                               "aliasing or nesting");
    }

    n->nnodes += child->nnodes;

    return PHR_OK;
}


static void
phr_yaml_place_text(phr_yaml_ctx_t *ctx, phr_yaml_node_t *n)
{
    size_t       at;
    uint32_t     line, column;
    const char  *p, *end;

    if (n->quoted) {
        n->text_column = n->column + 1;
        return;
    }

    if (!n->block) {
        return;
    }

    /* the text begins below the | or >, at the first line's indentation */

    n->text_line = n->line + 1;
    n->text_column = 1;
    end = ctx->text.data + ctx->text.len;

    for (line = n->line; line < ctx->nlines; line++) {
        at = ctx->lines[line];
        p = ctx->text.data + at;

        for (column = 1; p < end && *p == ' '; p++) {
            column++;
        }

        if (p < end && *p != '\n' && *p != '\r') {
            n->text_column = column;
            return;
        }
    }
}


static int
phr_yaml_next(phr_yaml_ctx_t *ctx, yaml_event_t *ev)
{
    yaml_mark_t  *mark;

    if (yaml_parser_parse(&ctx->parser, ev)) {
        return PHR_OK;
    }

    if (ctx->parser.error == YAML_MEMORY_ERROR) {
        return phr_err_set(ctx->err, PHR_ENOMEM, "out of memory");
    }

    mark = &ctx->parser.problem_mark;

    if (ctx->parser.error == YAML_READER_ERROR) {
        return phr_err_in_file(ctx->err, PHR_EPARSE, ctx->name,
                               (uint32_t) ctx->parser.mark.line + 1, 0,
                               "yaml: %s", ctx->parser.problem);
    }

    return phr_err_in_file(ctx->err, PHR_EPARSE, ctx->name,
                           (uint32_t) mark->line + 1,
                           (uint32_t) mark->column + 1, "yaml: %s%s%s",
                           ctx->parser.context ? ctx->parser.context : "",
                           ctx->parser.context ? ": " : "",
                           ctx->parser.problem ? ctx->parser.problem
                                               : "malformed");
}


static int
phr_yaml_index_lines(phr_yaml_ctx_t *ctx)
{
    size_t       n;
    const char  *p, *end;

    end = ctx->text.data + ctx->text.len;
    n = 1;

    for (p = ctx->text.data; p < end; p++) {
        n += (*p == '\n');
    }

    ctx->lines = phr_arena_alloc(ctx->arena, n * sizeof(uint32_t));
    if (ctx->lines == NULL) {
        return phr_err_set(ctx->err, phr_arena_rc(ctx->arena),
                           "no memory for the settings");
    }

    ctx->lines[0] = 0;
    ctx->nlines = 1;

    for (p = ctx->text.data; p < end; p++) {
        if (*p == '\n') {
            ctx->lines[ctx->nlines++] = (uint32_t) (p + 1 - ctx->text.data);
        }
    }

    return PHR_OK;
}
