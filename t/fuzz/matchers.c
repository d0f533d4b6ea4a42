/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as a list of matchers, as routes and silences have it: sorted,
 * and, written again, read as the same.
 */

#include "fuzz.h"

#include "core/utf8.h"
#include "notify/notice.h"


/*
 * The form is that of group keys, which is given: without quotes where
 * nothing needs them, not even an empty name.
 */
static int
readable(const phr_matchers_t *ms)
{
    size_t  i;

    for (i = 0; i < ms->n; i++) {
        if (ms->m[i].name.len == 0) {
            return 0;
        }
    }

    return 1;
}


static void
check_again(phr_arena_t *arena, const phr_matchers_t *ms)
{
    size_t          i;
    phr_err_t       err;
    phr_buf_t       b;
    phr_matchers_t  again;

    phr_buf_init(&b, 0);
    phr_err_init(&err);
    phr_matchers_format(&b, ms);

    if (phr_matchers_parse(arena, phr_buf_view(&b), &again, &err) != PHR_OK)
    {
        fprintf(stderr, "printed \"%.*s\": %s\n", (int) b.len, b.data,
                err.text);
        abort();
    }

    fuzz_check(again.n == ms->n);

    for (i = 0; i < ms->n; i++) {
        fuzz_check(again.m[i].op == ms->m[i].op
                   && phr_str_eq(again.m[i].name, ms->m[i].name)
                   && phr_str_eq(again.m[i].value, ms->m[i].value));
        fuzz_check(i == 0
                   || phr_str_cmp(ms->m[i - 1].name, ms->m[i].name) <= 0);
        phr_matcher_destroy(&again.m[i]);
    }

    phr_buf_free(&b);
}


static void
drop(phr_matchers_t *ms)
{
    size_t  i;

    for (i = 0; i < ms->n; i++) {
        phr_matcher_destroy(&ms->m[i]);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    phr_err_t       err;
    phr_str_t       text;
    phr_arena_t    *arena;
    phr_matchers_t  ms;

    text = fuzz_copy(data, size);
    arena = phr_arena_create(16 * 1024 * 1024);
    phr_err_init(&err);

    if (phr_matchers_parse(arena, text, &ms, &err) == PHR_OK) {

        /* other bytes are taken, as by the genuine program, unless quoted */

        if (phr_utf8_valid(text.data, text.len) && readable(&ms)) {
            check_again(arena, &ms);
        }

        drop(&ms);

    } else {
        fuzz_check(err.code < 0 && err.text[0] != '\0');
    }

    phr_arena_destroy(arena);
    fuzz_free(text);

    return 0;
}
