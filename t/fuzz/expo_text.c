/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as text 0.0.4: the parser ends, reads nothing beyond the body,
 * and a sample parsed by prediction is the sample parsed in full.
 */

#include <stdlib.h>

#include "ingest/exposition.h"


#ifndef FUZZ_FORMAT
#define FUZZ_FORMAT  PHR_EXPO_TEXT
#endif


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
again(const phr_expo_t *p, phr_arena_t *arena, phr_labels_t ls)
{
    int           rc;
    phr_err_t     err;
    phr_expo_t    q;
    phr_labels_t  same;

    phr_expo_init(&q, FUZZ_FORMAT,
                  phr_str_from(p->start, (size_t) (p->end - p->start)));
    rc = phr_expo_next_like(&q, p->start, p->metric_len, &err);

    if (rc != PHR_OK || q.pos != p->pos || q.has_t != p->has_t
        || phr_double_bits(q.value) != phr_double_bits(p->value)
        || (q.has_t && q.t_ms != p->t_ms))
    {
        abort();
    }

    rc = phr_expo_metric(&q, FUZZ_FORMAT,
                         phr_str_from(p->start, p->metric_len), &err);
    q.type = p->type;

    if (rc != PHR_OK
        || phr_expo_labels(&q, arena, &same, &err) != PHR_OK
        || phr_labels_cmp(same, ls) != 0)
    {
        abort();
    }

    phr_expo_free(&q);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char          *body;
    phr_err_t      err;
    phr_expo_t     p;
    phr_arena_t   *arena;
    phr_labels_t   ls;

    /* a copy of exact size shows a read beyond */

    body = malloc(size ? size : 1);
    memcpy(body, data, size);

    arena = phr_arena_create(0);
    phr_expo_init(&p, FUZZ_FORMAT, phr_str_from(body, size));

    while (phr_expo_next(&p, &err) == PHR_OK) {
        phr_arena_reset(arena);

        if (p.event != PHR_EXPO_SAMPLE) {
            phr_expo_unescape(&p, arena, p.text);

        } else if (phr_expo_labels(&p, arena, &ls, &err) == PHR_OK) {
            again(&p, arena, ls);

        } else {
            break;
        }
    }

    phr_expo_free(&p);
    phr_arena_destroy(arena);
    free(body);

    return 0;
}
