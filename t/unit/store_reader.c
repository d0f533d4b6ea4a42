/*
 * Copyright (C) The Pharos Authors
 *
 * Reader: the memory of the samples of a series counts in the arena of the
 * query, until all of it is read.  What is read is in other tests.
 */

#include "onestore.h"


#define N          20000
#define START      INT64_C(1700000000000)
#define SAMPLE     16           /* bytes of a time and a value */
#define ROOM       65536        /* for labels and lists */


typedef struct {
    int      rc;
    size_t   n;                 /* samples */
    size_t   first;             /* bytes that count after the first series */
    size_t   left;              /* after the last */
} test_read_t;


/* the arena may go back to where it was before each series */
static test_read_t
read_all(size_t limit_bytes)
{
    size_t             before;
    test_read_t        r;
    phr_arena_t       *arena;
    phr_series_t       s;
    phr_matcher_t      m;
    phr_querier_t     *q;
    phr_storage_t     *storage;
    phr_arena_mark_t   mark;
    phr_series_set_t  *set;

    memset(&r, 0, sizeof(r));
    storage = phr_store_storage(st);
    arena = phr_arena_create(limit_bytes);

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("job"), phr_str_of("test"),
                     &err);
    r.rc = storage->querier(storage, &q, &err);

    if (r.rc != PHR_OK) {
        phr_arena_destroy(arena);
        return r;
    }

    r.rc = q->ops->select(q, &m, 1, START, START + N * 1000, NULL, arena,
                          &set, &err);
    before = phr_arena_used(arena);
    mark = phr_arena_mark(arena);

    while (r.rc == PHR_OK && (r.rc = set->next(set, &s, &err)) == PHR_OK) {
        r.n += s.n;
        phr_arena_release(arena, mark);

        if (r.first == 0) {
            r.first = phr_arena_used(arena) - before;
        }
    }

    r.left = phr_arena_used(arena) - before;
    q->ops->close(q);
    phr_arena_destroy(arena);

    return r;
}


static void
fill(const char *source, int first, int n, double v)
{
    int  i;

    for (i = 0; i < N; i++) {
        if (append(source, first, n, START + i * 1000, v) != PHR_OK) {
            printf("Bail out! append: %s\n", err.text);
            exit(1);
        }

        if (i % 1000 == 999) {
            phr_store_now(st, START + i * 1000);
            phr_store_commit(st, START + i * 1000, 0, &err);
        }
    }
}


static void
test_counts(const char *where, size_t bytes)
{
    test_read_t  r;

    r = read_all(0);
    is_int(r.n, 2 * N, "samples %s", where);
    ok(r.first >= bytes, "count as memory: %zu of %zu", r.first, bytes);
    is_int(r.left, 0, "until they are read");

    is_int(read_all(2 * r.first + ROOM).rc, PHR_DONE, "it may be so much");

    r = read_all(bytes);
    is_int(r.rc, PHR_ELIMIT, "and no more");
    is_str(err.text, "too much memory needed for samples", "which is said");
    is_int(r.n, 0, "before there is a series");
}


int
main(void)
{
    if (mkdtemp(dir) == NULL) {
        printf("Bail out! mkdtemp\n");
        return 1;
    }

    fresh();
    fill("a", 0, 2, 1);
    seal_all(START + 100 * N * 1000);
    test_counts("in packs", N * SAMPLE);

    /* each time twice: they are sorted beside where they are decoded */

    phr_store_overlap(st, START, START + N * 1000);
    fill("b", 0, 2, 2);
    phr_store_overlap(st, 1, 0);
    test_counts("of two times", N * 4 * SAMPLE);

    leave();

    return done_testing();
}
