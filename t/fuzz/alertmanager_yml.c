/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as alertmanager.yml: refused with a place, or taken and shown as
 * YAML.  No file but the text is found.
 */

#include "fuzz.h"

#include "settings/alertmanager_yml.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    phr_err_t               err;
    phr_buf_t               b;
    phr_str_t               text;
    phr_arena_t            *arena;
    phr_loader_t            ld;
    const phr_yaml_node_t  *node;
    phr_alertmanager_yml_t  *conf;

    static const phr_path_map_t  nowhere = {
        phr_str("/"), phr_str("/nonexistent")
    };

    memset(&ld, 0, sizeof(ld));
    ld.maps = &nowhere;
    ld.nmaps = 1;

    text = fuzz_copy(data, size);
    phr_err_init(&err);

    if (phr_alertmanager_yml_parse(text, "/nonexistent/p.yml", &ld, &conf,
                                 &err)
        == PHR_OK)
    {
        phr_buf_init(&b, 0);
        phr_alertmanager_yml_dump(conf, &b);

        arena = phr_arena_create(0);

        if (phr_yaml_parse(arena, phr_buf_view(&b), "shown", &node, &err)
            != PHR_OK)
        {
            fprintf(stderr, "%.*s\nline %u: %s\n", (int) b.len, b.data,
                    err.line, err.text);
            abort();
        }

        phr_arena_destroy(arena);
        phr_buf_free(&b);
        phr_alertmanager_yml_destroy(conf);

    } else {
        fuzz_check(err.code < 0 && err.text[0] != '\0');
    }

    fuzz_free(text);

    return 0;
}
