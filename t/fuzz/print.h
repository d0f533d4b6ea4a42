/*
 * Copyright (C) The Pharos Authors
 *
 * Print: what is printed of an expression is parsed to the same.
 */

#ifndef FUZZ_PRINT_H_INCLUDED
#define FUZZ_PRINT_H_INCLUDED


#include "fuzz.h"

#include "promql/promql.h"


/*
 * Inf is printed with its sign, as Prometheus does, which to the left of "^"
 * is an operator: another one with each time that it is printed.
 */
static inline int
fuzz_prints_more(phr_str_t text)
{
    return memmem(text.data, text.len, "+Inf ^", 6) != NULL;
}


/* parses the text; want is its canonical form */
static inline void
fuzz_check_print(phr_str_t text, unsigned flags, phr_type_e type,
    phr_str_t want)
{
    phr_err_t     err;
    phr_buf_t     b;
    phr_node_t   *node;
    phr_arena_t  *arena;

    arena = phr_arena_create(0);
    phr_buf_init(&b, 0);
    phr_err_init(&err);

    if (phr_promql_parse(arena, text, flags, NULL, &node, &err) != PHR_OK) {
        fprintf(stderr, "printed \"%.*s\": %s\n", (int) text.len, text.data,
                err.text);
        abort();
    }

    phr_promql_print(&b, node);

    if (phr_promql_type(node) != type
        || (!phr_str_eq(phr_buf_view(&b), want) && !fuzz_prints_more(want)))
    {
        fprintf(stderr, "printed \"%.*s\"\nagain   \"%.*s\"\n",
                (int) want.len, want.data, (int) b.len, b.data);
        abort();
    }

    phr_promql_destroy(node);
    phr_buf_free(&b);
    phr_arena_destroy(arena);
}


#endif /* FUZZ_PRINT_H_INCLUDED */
