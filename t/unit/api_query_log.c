/*
 * Copyright (C) The Pharos Authors
 *
 * The query log: what is under way, and what has cost the most.
 */

#include "api/query_log.h"
#include "core/alloc.h"
#include "tap.h"


static phr_arena_t  *arena;


static uint64_t
begin(phr_query_log_t *log, const char *text, int64_t range_ms, int64_t at_us)
{
    phr_query_active_t  q;

    memset(&q, 0, sizeof(q));

    q.text = phr_str_from_c(text);
    q.user = phr_str_of("me");
    q.end_ms = range_ms;
    q.step_ms = range_ms ? 1000 : 0;
    q.began_us = at_us;

    return phr_query_log_begin(log, &q);
}


static void
run(phr_query_log_t *log, const char *text, int64_t took_us, int64_t end_us,
    uint64_t samples)
{
    phr_query_log_end(log, begin(log, text, 0, end_us - took_us), end_us,
                      samples);
}


static void
active(void)
{
    size_t               n;
    uint64_t             a, b;
    phr_query_log_t     *log;
    phr_query_active_t  *list;

    log = phr_query_log_create();

    a = begin(log, "up", 0, 10);
    b = begin(log, "down", 3000, 20);

    ok(phr_query_log_active(log, arena, &list, &n) == PHR_OK && n == 2,
       "two are under way");
    ok(list[0].id == a && list[1].id == b, "the oldest is first");
    ok(phr_str_eq(list[1].text, phr_str_of("down"))
       && phr_str_eq(list[1].user, phr_str_of("me"))
       && list[1].end_ms == 3000 && list[1].began_us == 20, "as it was told");

    phr_query_log_end(log, a, 30, 5);
    ok(phr_query_log_active(log, arena, &list, &n) == PHR_OK && n == 1
       && list[0].id == b, "one has ended");

    phr_query_log_destroy(log);
    ok(1, "the log goes while one is under way");

    ok(phr_query_log_begin(NULL, list) == 0, "no log: not noted");
    phr_query_log_end(NULL, 0, 0, 0);
}


static void
many(void)
{
    int                  i;
    size_t               n;
    uint64_t             id[200];
    phr_query_log_t     *log;
    phr_query_active_t  *list;

    log = phr_query_log_create();

    for (i = 0; i < 200; i++) {
        id[i] = begin(log, "up", 0, i);
    }

    ok(id[0] != 0 && id[199] == 0, "more than there is room for");
    phr_query_log_active(log, arena, &list, &n);
    ok(n > 0 && n < 200 && id[n - 1] != 0 && id[n] == 0, "are not noted");

    for (i = 0; i < 200; i++) {
        phr_query_log_end(log, id[i], 1000, 1);
    }

    phr_query_log_active(log, arena, &list, &n);
    ok(n == 0, "none is left");
    ok(begin(log, "up", 0, 0) != 0, "there is room again");

    phr_query_log_destroy(log);
}


static void
top(void)
{
    size_t              i, n;
    phr_query_log_t    *log;
    phr_query_past_t   *list;
    static const struct {
        phr_query_order_e   order;
        const char         *first;
        const char         *last;
    } cases[] = {
        { PHR_QUERY_BY_COUNT,   "often", "slow" },
        { PHR_QUERY_BY_AVERAGE, "slow",  "often" },
        { PHR_QUERY_BY_SUM,     "slow",  "wide" },
        { PHR_QUERY_BY_SAMPLES, "wide",  "often" },
    };

    log = phr_query_log_create();

    for (i = 0; i < 5; i++) {
        run(log, "often", 10, 1000 + (int64_t) i, 1);
    }

    run(log, "slow", 500, 2000, 10);
    run(log, "wide", 20, 3000, 100);
    run(log, "wide", 20, 3001, 100);

    for (i = 0; i < phr_nelems(cases); i++) {
        n = 10;
        ok(phr_query_log_top(log, cases[i].order, 0, arena, &list, &n)
           == PHR_OK && n == 3, "three texts, order %zu", i);
        ok(phr_str_eq(list[0].text, phr_str_from_c(cases[i].first))
           && phr_str_eq(list[2].text, phr_str_from_c(cases[i].last)),
           "from \"%s\" to \"%s\"", cases[i].first, cases[i].last);
    }

    ok(list[0].count == 2 && list[0].sum_us == 40 && list[0].max_us == 20
       && list[0].samples == 200, "what they cost is added");

    n = 1;
    phr_query_log_top(log, PHR_QUERY_BY_COUNT, 0, arena, &list, &n);
    ok(n == 1 && phr_str_eq(list[0].text, phr_str_of("often")), "only one");

    n = 10;
    phr_query_log_top(log, PHR_QUERY_BY_COUNT, 1500, arena, &list, &n);
    ok(n == 2, "only those of late");

    phr_query_log_end(log, begin(log, "wide", 5000, 3000), 3010, 0);
    n = 10;
    phr_query_log_top(log, PHR_QUERY_BY_COUNT, 0, arena, &list, &n);
    ok(n == 4, "another length of time is another query");

    phr_query_log_destroy(log);
}


static void
bounded(void)
{
    int                i, found;
    char               text[32], *huge;
    size_t             n, k;
    phr_query_log_t   *log;
    phr_query_past_t  *list;

    log = phr_query_log_create();

    for (i = 0; i < 3000; i++) {
        (void) snprintf(text, sizeof(text), "query %d", i);
        run(log, text, 1, i, 1);
    }

    n = 5000;
    phr_query_log_top(log, PHR_QUERY_BY_COUNT, 0, arena, &list, &n);
    ok(n == 1000, "so many are remembered: %zu", n);

    for (k = 0, found = 0; k < n; k++) {
        found += list[k].last_us >= 2000;
    }

    ok(found == 1000, "the newest");

    huge = phr_malloc(100001);
    memset(huge, 'x', 100000);
    huge[100000] = '\0';
    run(log, huge, 9000, 9000, 1);
    phr_free(huge);

    n = 1;
    phr_query_log_top(log, PHR_QUERY_BY_SUM, 0, arena, &list, &n);
    ok(n == 1 && list[0].text.len == 4096, "a long text is cut");

    phr_query_log_destroy(log);
}


int
main(void)
{
    arena = phr_arena_create(0);

    active();
    many();
    top();
    bounded();

    phr_arena_destroy(arena);

    return done_testing();
}
