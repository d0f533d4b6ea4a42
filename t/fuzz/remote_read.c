/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as a request of remote read: refused with a reason, or taken,
 * within the bounds.  The first byte says how little memory there is.
 */

#include "fuzz.h"

#include "api/remote_read.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                 rc;
    size_t              i, k, n;
    phr_err_t           err;
    phr_str_t           bytes;
    phr_arena_t        *arena;
    phr_remote_read_t   r;

    if (size == 0) {
        return 0;
    }

    bytes = fuzz_copy(data + 1, size - 1);
    arena = phr_arena_create(data[0] & 1 ? 0 : (size_t) data[0] * 64 + 64);
    phr_err_init(&err);

    if (arena == NULL) {
        fuzz_free(bytes);
        return 0;
    }

    rc = phr_remote_read_decode(bytes, arena, NULL, &r, &err);

    if (rc != PHR_OK) {
        fuzz_check(rc < 0 && err.code == rc && err.text[0] != '\0');
    }

    fuzz_check(r.n <= PHR_REMOTE_READ_MAX_QUERIES);

    for (i = 0, n = 0; i < r.n; i++) {
        for (k = 0; k < r.queries[i].n; k++, n++) {
            (void) phr_matcher_matches(&r.queries[i].m[k],
                                       phr_str_of("fuzz"));
        }
    }

    fuzz_check(n == r.nmatchers && n <= PHR_REMOTE_READ_MAX_MATCHERS);

    phr_remote_read_free(&r);
    phr_arena_destroy(arena);
    fuzz_free(bytes);

    return 0;
}
