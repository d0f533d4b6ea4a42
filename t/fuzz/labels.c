/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as the encoding of labels: damage, or a sorted set that is
 * encoded as the same bytes.
 */

#include "fuzz.h"

#include "core/labels.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         i;
    phr_buf_t      b;
    phr_str_t      in;
    phr_labels_t   ls, copy;
    phr_arena_t   *arena;

    in = fuzz_copy(data, size);
    arena = phr_arena_create(0);

    if (phr_labels_decode(arena, (const uint8_t *) in.data, size, &ls)
        == PHR_OK)
    {
        for (i = 1; i < ls.n; i++) {
            fuzz_check(phr_str_cmp(ls.l[i - 1].name, ls.l[i].name) < 0);
        }

        fuzz_check(phr_labels_copy(arena, ls, &copy) == PHR_OK);
        fuzz_check(phr_labels_cmp(ls, copy) == 0);
        fuzz_check(phr_labels_hash(ls) == phr_labels_hash(copy));

        phr_buf_init(&b, 0);
        phr_labels_encode(&b, copy);

        /* a number may be written in more bytes than it needs */
        fuzz_check(b.len <= size);
        fuzz_check(b.len < size || phr_str_eq(phr_buf_view(&b), in));

        phr_labels_format(&b, copy);
        phr_buf_free(&b);
    }

    phr_arena_destroy(arena);
    fuzz_free(in);

    return 0;
}
