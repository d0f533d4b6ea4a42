/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as YAML: a tree within the limits, each scalar of which is read
 * as the same when it is written alone.
 */

#include "fuzz.h"

#include "core/utf8.h"
#include "settings/yaml.h"


static void
scalar(const phr_yaml_node_t *n, int quoted)
{
    phr_err_t               err;
    phr_buf_t               b;
    phr_arena_t            *arena;
    const phr_yaml_node_t  *again;

    arena = phr_arena_create(0);
    phr_buf_init(&b, 0);
    phr_err_init(&err);

    if (quoted) {
        phr_yaml_write_quoted(&b, n->value);

    } else {
        phr_yaml_write_scalar(&b, n->value);
    }

    phr_buf_putc(&b, '\n');

    if (phr_yaml_parse(arena, phr_buf_view(&b), "again", &again, &err)
        != PHR_OK
        || again == NULL || again->type != PHR_YAML_STRING
        || !phr_str_eq(again->value, n->value))
    {
        fprintf(stderr, "written %.*s: %s\n", (int) b.len, b.data, err.text);
        abort();
    }

    phr_buf_free(&b);
    phr_arena_destroy(arena);
}


static void
walk(const phr_yaml_node_t *n, unsigned depth, size_t *left)
{
    int        b;
    size_t     i;
    double     d;
    int64_t    v;
    phr_str_t  s;

    if (n == NULL || *left == 0) {
        return;
    }

    (*left)--;
    fuzz_check(depth <= PHR_YAML_MAX_DEPTH && n->line > 0 && n->column > 0);

    phr_yaml_bool(n, &b);
    phr_yaml_int(n, &v);
    phr_yaml_double(n, &d);
    phr_yaml_text(n, &s);

    if (n->type == PHR_YAML_STRING) {
        fuzz_check(phr_utf8_valid(n->value.data, n->value.len));
        scalar(n, 0);
        scalar(n, 1);
    }

    for (i = 0; i < n->n; i++) {
        if (n->type == PHR_YAML_SEQUENCE) {
            walk(n->items[i], depth + 1, left);

        } else {
            walk(n->pairs[i].key, depth + 1, left);
            walk(n->pairs[i].value, depth + 1, left);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                     rc;
    size_t                  left;
    phr_err_t               err;
    phr_str_t               text;
    phr_arena_t            *arena;
    const phr_yaml_node_t  *node;

    text = fuzz_copy(data, size);
    arena = phr_arena_create(64 * 1024 * 1024);
    phr_err_init(&err);

    rc = phr_yaml_parse(arena, text, "fuzz.yml", &node, &err);

    if (rc == PHR_OK) {
        left = 1000;
        walk(node, 1, &left);

    } else {
        fuzz_check(rc < 0 && err.code == rc && err.text[0] != '\0');
    }

    phr_arena_destroy(arena);
    fuzz_free(text);

    return 0;
}
