/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/alloc.c and of the helper in oom.c.
 */

#include "core/alloc.h"

#include "oom.h"
#include "tap.h"


static int
forgetful(void *data)
{
    void  *p, *q;

    p = phr_malloc(10);
    q = phr_calloc(2, 10);

    phr_free(p);
    phr_free(q);

    /* a second failure is ignored when data is set */

    return p && (q || data) ? PHR_OK : PHR_ENOMEM;
}


int
main(void)
{
    int    survived;
    char  *p, *q;

    phr_alloc_fail_at(2);
    p = phr_malloc(1);
    ok(p != NULL, "the first allocation is good");
    q = phr_malloc(1);
    ok(q == NULL, "the second fails");
    ok(phr_calloc(1, 1) == NULL, "and all after it");
    ok(phr_realloc(p, 100) == NULL, "realloc() too");
    is_int(phr_alloc_count(), 4, "they are counted");
    phr_alloc_fail_at(-1);
    phr_free(p);

    p = phr_malloc(0);
    ok(p != NULL, "no bytes are not out of memory");
    phr_free(p);
    phr_free(NULL);

    p = phr_strdup("abcdef", 3);
    is_str(p, "abc", "strdup() terminates");
    phr_free(p);

    is_int(phr_oom_run(forgetful, NULL), 2, "both failures are reported");

    survived = phr_oom_run(forgetful, &survived);
    is_int(survived, -1, "a failure that is swallowed is found");

    return done_testing();
}
