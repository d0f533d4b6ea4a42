/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as an expression, of PromQL and of MetricsQL: an error has its
 * place within the text, and what is parsed prints, on one line and indented,
 * as text that is parsed to the same.
 */

#include "print.h"


static void
parse(const uint8_t *data, size_t size, unsigned flags)
{
    int           rc;
    phr_err_t     err;
    phr_buf_t     line, pretty;
    phr_str_t     text;
    phr_node_t   *node;
    phr_arena_t  *arena;

    text = fuzz_copy(data, size);
    arena = phr_arena_create(16 * 1024 * 1024);
    phr_err_init(&err);

    rc = phr_promql_parse(arena, text, flags, NULL, &node, &err);

    if (rc == PHR_OK) {
        phr_buf_init(&line, 0);
        phr_buf_init(&pretty, 0);
        phr_promql_print(&line, node);
        phr_promql_pretty(&pretty, node);

        fuzz_check_print(phr_buf_view(&line), flags, phr_promql_type(node),
                         phr_buf_view(&line));
        fuzz_check_print(phr_buf_view(&pretty), flags, phr_promql_type(node),
                         phr_buf_view(&line));

        phr_promql_destroy(node);
        phr_buf_free(&line);
        phr_buf_free(&pretty);

    } else {
        fuzz_check(rc < 0 && err.code == rc && err.text[0] != '\0');
        fuzz_check(err.start <= (int32_t) size);
        fuzz_check(err.end <= (int32_t) size + 1);
    }

    phr_arena_destroy(arena);
    fuzz_free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse(data, size, PHR_PROMQL_EXPERIMENTAL);
    parse(data, size, PHR_PROMQL_METRICSQL);

    return 0;
}
