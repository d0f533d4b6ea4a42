/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as the path of a push: a grouping key that is sorted and has a
 * job, or an error.
 */

#include <stdlib.h>

#include "ingest/push.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char          *path;
    size_t         i;
    phr_err_t      err;
    phr_arena_t   *arena;
    phr_labels_t   ls;

    path = malloc(size + 13);
    memcpy(path, "/metrics/job/", 12);
    memcpy(path + 12, data, size);

    arena = phr_arena_create(0);

    if (phr_push_path(arena, phr_str_from(path, size + 12), &ls, &err)
        == PHR_OK)
    {
        if (phr_labels_get(ls, phr_str_of("job")).len == 0) {
            abort();
        }

        for (i = 1; i < ls.n; i++) {
            if (phr_str_cmp(ls.l[i - 1].name, ls.l[i].name) >= 0) {
                abort();
            }
        }
    }

    phr_arena_destroy(arena);
    free(path);

    return 0;
}
