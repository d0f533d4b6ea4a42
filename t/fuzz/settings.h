/*
 * Copyright (C) The Pharos Authors
 *
 * Settings: any bytes as a file of settings, refused with a place, or taken
 * and shown as YAML.  No file but the text is found.  Which kind of file it
 * is, the target's function says.
 */

#ifndef FUZZ_SETTINGS_H_INCLUDED
#define FUZZ_SETTINGS_H_INCLUDED


#include "fuzz.h"

#include "settings/loader.h"
#include "settings/yaml.h"


/* parses the text and shows it in b; the code of the parser */
typedef int (*fuzz_take_pt)(phr_str_t text, const phr_loader_t *ld,
    phr_buf_t *b, phr_err_t *err);


static inline void
fuzz_shown(phr_buf_t *b)
{
    phr_err_t               err;
    phr_arena_t            *arena;
    const phr_yaml_node_t  *node;

    arena = phr_arena_create(0);
    phr_err_init(&err);

    if (phr_yaml_parse(arena, phr_buf_view(b), "shown", &node, &err)
        != PHR_OK)
    {
        fprintf(stderr, "%.*s\nline %u: %s\n", (int) b->len, b->data,
                err.line, err.text);
        abort();
    }

    phr_arena_destroy(arena);
}


static inline int
fuzz_settings(const uint8_t *data, size_t size, fuzz_take_pt take)
{
    phr_err_t     err;
    phr_buf_t     b;
    phr_str_t     text;
    phr_loader_t  ld;

    static const phr_path_map_t  nowhere = {
        phr_str("/"), phr_str("/nonexistent")
    };

    memset(&ld, 0, sizeof(ld));
    ld.maps = &nowhere;
    ld.nmaps = 1;

    text = fuzz_copy(data, size);
    phr_buf_init(&b, 0);
    phr_err_init(&err);

    if (take(text, &ld, &b, &err) == PHR_OK) {
        fuzz_shown(&b);

    } else {
        fuzz_check(err.code < 0 && err.text[0] != '\0');
    }

    phr_buf_free(&b);
    fuzz_free(text);

    return 0;
}


#endif /* FUZZ_SETTINGS_H_INCLUDED */
