/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as a selector, as match[] has it: the matchers, written again,
 * are read as the same.
 */

#include "fuzz.h"

#include "promql/promql.h"


static size_t
parse(phr_arena_t *arena, phr_str_t text, phr_matcher_t **m)
{
    size_t     n;
    phr_err_t  err;

    phr_err_init(&err);

    if (phr_promql_parse_selector(arena, text, NULL, m, &n, &err) != PHR_OK) {
        fuzz_check(err.code < 0 && err.text[0] != '\0');
        return 0;
    }

    return n;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t          i, n, nagain;
    phr_buf_t       b;
    phr_str_t       text;
    phr_arena_t    *arena;
    phr_matcher_t  *m, *again;

    text = fuzz_copy(data, size);
    arena = phr_arena_create(16 * 1024 * 1024);
    n = parse(arena, text, &m);

    if (n != 0) {
        phr_buf_init(&b, 0);

        for (i = 0; i < n; i++) {
            phr_buf_putc(&b, i ? ',' : '{');

            if (!phr_label_name_valid(m[i].name)) {
                phr_buf_reset(&b);
                break;
            }

            phr_matcher_format(&b, &m[i]);
        }

        if (b.len != 0) {
            phr_buf_putc(&b, '}');
            nagain = parse(arena, phr_buf_view(&b), &again);
            fuzz_check(nagain == n);

            for (i = 0; i < n; i++) {
                fuzz_check(again[i].op == m[i].op
                           && phr_str_eq(again[i].name, m[i].name)
                           && phr_str_eq(again[i].value, m[i].value));
                phr_matcher_destroy(&again[i]);
            }
        }

        for (i = 0; i < n; i++) {
            phr_matcher_matches(&m[i], phr_str_of("aaaaaaaaaaaaaaaa"));
            phr_matcher_destroy(&m[i]);
        }

        phr_buf_free(&b);
    }

    phr_arena_destroy(arena);
    fuzz_free(text);

    return 0;
}
