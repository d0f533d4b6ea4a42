/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/arena.c.
 */

#include "core/arena.h"

#include "oom.h"
#include "tap.h"


static int
many(void *data)
{
    int           i, rc;
    void         *p;
    phr_arena_t  *a;

    a = phr_arena_create(0);
    if (a == NULL) {
        return PHR_ENOMEM;
    }

    rc = PHR_OK;

    for (i = 0; i < 50 && rc == PHR_OK; i++) {
        p = phr_arena_alloc(a, 1000);
        if (p == NULL) {
            rc = phr_arena_rc(a);
        }
    }

    phr_arena_destroy(a);

    return rc;
}


int
main(void)
{
    int                i, good;
    char              *p, *q, *r;
    size_t             used;
    phr_str_t          s;
    phr_arena_t       *a;
    phr_arena_mark_t   m;

    a = phr_arena_create(0);

    good = 1;
    for (i = 0; i < 3000; i++) {
        p = phr_arena_alloc(a, (size_t) i);
        good = good && p != NULL && ((uintptr_t) p & 15) == 0;
        memset(p, i, (size_t) i);
    }
    ok(good, "aligned to 16 bytes");

    p = phr_arena_calloc(a, 3, 100);
    ok(p[0] == 0 && p[299] == 0, "calloc() zeroes");
    ok(phr_arena_calloc(a, SIZE_MAX / 2, 8) == NULL, "no overflow");
    is_int(phr_arena_rc(a), PHR_ENOMEM, "which is out of memory");

    phr_arena_reset(a);
    is_int(phr_arena_used(a), 0, "reset gives everything back");

    p = phr_arena_alloc(a, 10);
    memcpy(p, "0123456789", 10);
    q = phr_arena_grow(a, p, 10, 100);
    ok(p == q, "the last one grows in place");
    r = phr_arena_alloc(a, 1);
    q = phr_arena_grow(a, p, 100, 200);
    ok(q != p && memcmp(q, "0123456789", 10) == 0, "others are copied");
    q = phr_arena_grow(a, q, 200, 100000);
    ok(memcmp(q, "0123456789", 10) == 0, "also into a new block");
    ok(phr_arena_grow(a, NULL, 0, 5) != NULL, "growing nothing");
    ok(r != NULL, "and what lies between stays");

    is_str(phr_arena_strdup(a, "hello", 4), "hell", "strdup()");
    is_str(phr_arena_printf(a, "%d-%s", 5, "x"), "5-x", "printf()");
    p = phr_arena_printf(a, "%0500d", 1);
    is_int(strlen(p), 500, "long printf()");
    s = phr_arena_str(a, phr_str_of(""));
    ok(s.data != NULL && s.len == 0, "an empty string has data");

    used = phr_arena_used(a);
    m = phr_arena_mark(a);
    for (i = 0; i < 100; i++) {
        (void) phr_arena_alloc(a, 10000);
    }
    ok(phr_arena_peak(a) >= used + 1000000, "the peak is known");
    phr_arena_release(a, m);
    is_int(phr_arena_used(a), used, "release goes back to the mark");
    p = phr_arena_alloc(a, 16);
    memset(p, 1, 16);
    ok(phr_arena_peak(a) >= used + 1000000, "the peak stays");
    phr_arena_destroy(a);

    a = phr_arena_create(1000);
    ok(phr_arena_alloc(a, 512) != NULL, "within the limit");
    ok(phr_arena_alloc(a, 512) == NULL, "beyond the limit");
    is_int(phr_arena_rc(a), PHR_ELIMIT, "is told apart");
    ok(phr_arena_alloc(a, 400) != NULL, "what fits is still given");
    ok(phr_arena_alloc(a, SIZE_MAX) == NULL, "a huge size");
    phr_arena_reset(a);
    is_int(phr_arena_rc(a), PHR_ENOMEM, "reset forgets the limit was hit");
    ok(phr_arena_alloc(a, 1000 - 8) != NULL, "and all of it is there again");
    phr_arena_destroy(a);
    phr_arena_destroy(NULL);

    ok(phr_oom_run(many, NULL) > 2, "out of memory is reported");

    a = phr_arena_create(4096);
    is_int(phr_arena_take(a, 4000), PHR_OK, "memory from elsewhere");
    ok(phr_arena_alloc(a, 100) == NULL, "leaves less for others");
    is_int(phr_arena_take(a, 100), PHR_ELIMIT, "and has the same limit");
    phr_arena_give(a, 4000);
    ok(phr_arena_alloc(a, 100) != NULL, "until it is given back");
    is_int(phr_arena_peak(a), 4000, "it counts for the peak");

    m = phr_arena_mark(a);
    is_int(phr_arena_take(a, 3000), PHR_OK, "taken after a mark");
    phr_arena_release(a, m);
    is_int(phr_arena_take(a, 3000), PHR_ELIMIT, "it stays taken");
    phr_arena_reset(a);
    is_int(phr_arena_used(a), 3000, "whatever is given back");
    phr_arena_give(a, 3000);
    is_int(phr_arena_used(a), 0, "until it is itself");
    phr_arena_destroy(a);

    return done_testing();
}
