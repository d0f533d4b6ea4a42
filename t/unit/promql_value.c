/*
 * Copyright (C) The Pharos Authors
 *
 * Values: the index, joining of columns, and the statistics below them.
 */

#include "promql/bucket.h"
#include "promql/stats.h"
#include "promql/value.h"
#include "tap.h"


static phr_arena_t  *arena;


static phr_labels_t
test_labels(const char *name, const char *value)
{
    phr_labels_t          ls, none = { NULL, 0 };
    phr_labels_builder_t  b;

    phr_labels_builder_init(&b, arena, none);
    phr_labels_builder_set(&b, phr_str_of(PHR_METRIC_NAME),
                           phr_str_from_c(name));
    phr_labels_builder_set(&b, phr_str_of("i"), phr_str_from_c(value));
    phr_labels_build(&b, &ls);

    return ls;
}


/* n steps, with samples where the text has a digit */
static double *
test_column(const char *text)
{
    double  *v;
    size_t   i, n;

    n = strlen(text);
    v = phr_col_create(arena, n);

    for (i = 0; i < n; i++) {
        if (text[i] != '_') {
            v[i] = text[i] - '0';
        }
    }

    return v;
}


static int
test_equal(const double *v, const char *text)
{
    return memcmp(v, test_column(text), strlen(text) * sizeof(double)) == 0;
}


static void
test_index(void)
{
    int          order;
    size_t       pos;
    uint32_t     i, id, last;
    phr_slots_t  x;

    phr_slots_init(&x, arena, 0);

    /* hashes of 8 chains, all of which begin near the end of the table */

    for (i = 0; i < 1000; i++) {
        phr_slots_add(&x, UINT64_MAX - i % 8, i);
    }

    order = 1;

    for (i = 0; i < 8; i++) {
        pos = SIZE_MAX;
        last = i;

        while ((id = phr_slots_next(&x, UINT64_MAX - i, &pos))
               != PHR_INDEX_NONE)
        {
            order &= id == last;
            last += 8;
        }

        order &= last == 1000 + i;
    }

    ok(order, "entries of one hash come in order, however often it grows");

    pos = SIZE_MAX;
    ok(phr_slots_next(&x, 12345, &pos) == PHR_INDEX_NONE, "absent hash");
}


static void
test_merge(void)
{
    phr_err_t    err;
    phr_value_t  value;

    phr_value_init(&value);
    phr_value_push(&value, arena, test_labels("a", "1"), test_column("1__"),
                   1);
    phr_value_push(&value, arena, test_labels("b", "1"), test_column("_2_"),
                   1);
    phr_value_push(&value, arena, test_labels("b", "2"), test_column("333"),
                   0);

    is_int(phr_value_count(&value, 3), 5, "samples are counted");
    is_int(phr_value_drop_names(&value, arena, 3, 0, &err), PHR_OK,
           "columns that do not overlap");
    is_int(value.n, 2, "are joined when their names are gone");
    ok(test_equal(value.cols[0].v, "12_"), "step by step");
    is_int(value.cols[0].labels.n, 1, "the name is gone");
    is_int(value.cols[1].labels.n, 2, "another stays");
    is_int(phr_value_drop_names(&value, arena, 3, 1, &err), PHR_OK,
           "none is left to go");

    phr_value_init(&value);
    phr_value_push(&value, arena, test_labels("a", "1"), test_column("1__"),
                   1);
    phr_value_push(&value, arena, test_labels("b", "1"), test_column("_2_"),
                   1);
    is_int(phr_value_drop_names(&value, arena, 3, 1, &err), PHR_EEXEC,
           "strictly, they may not be equal at any step");

    phr_value_init(&value);
    phr_value_push(&value, arena, test_labels("a", "1"), test_column("__4"),
                   0);
    phr_value_push(&value, arena, test_labels("a", "1"), test_column("__5"),
                   0);
    is_int(phr_value_merge(&value, arena, 3, &err), PHR_EEXEC,
           "columns that overlap");
    is_str(err.text, "vector cannot contain metrics with the same labelset",
           "are an error");
}


static void
test_collect(void)
{
    phr_err_t      err;
    phr_value_t    value;
    phr_labels_t   one, two;
    phr_collect_t  c;

    one = test_labels("a", "1");
    two = test_labels("a", "2");

    phr_collect_init(&c, &value, arena, 2, 1);
    is_int(phr_collect_add(&c, one, test_column("1_"), 0, &err), PHR_OK,
           "a column");
    is_int(phr_collect_add(&c, one, test_column("_2"), 0, &err), PHR_OK,
           "is continued");
    is_int(phr_collect_sample(&c, two, 1, 3, 0, &err), PHR_OK, "a sample");
    is_int(value.n, 2, "makes a column of its own");
    ok(test_equal(value.cols[0].v, "12"), "the first is whole");
    is_int(phr_collect_add(&c, two, test_column("_3"), 0, &err), PHR_EEXEC,
           "a second sample at a step");

    phr_collect_init(&c, &value, arena, 1, 1);
    phr_collect_add(&c, one, test_column("1"), 0, &err);
    is_int(phr_collect_add(&c, one, test_column("2"), 0, &err), PHR_OK,
           "at a single step equal labels are not yet an error");
    is_int(value.n, 2, "both are there");
}


/* of random values with many repetitions, against sorting */
static int
test_quantiles(void)
{
    double    v[200], sorted[200], rank, want, got;
    size_t    n, i, round;
    uint64_t  seed;

    seed = 42;

    for (round = 0; round < 5000; round++) {
        n = round % 200 + 1;

        for (i = 0; i < n; i++) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            v[i] = (double) ((seed >> 33) % (round % 7 == 0 ? 3 : 1000));
        }

        memcpy(sorted, v, n * sizeof(double));
        qsort(sorted, n, sizeof(double), phr_double_cmp);

        rank = (double) (round % 11) / 10 * (double) (n - 1);
        i = (size_t) rank;
        want = sorted[i] * (1 - (rank - floor(rank)))
               + sorted[phr_min(i + 1, n - 1)] * (rank - floor(rank));
        got = phr_quantile((double) (round % 11) / 10, v, n);

        if (got != want) {
            printf("# round %d: %g, not %g\n", (int) round, got, want);
            return 0;
        }
    }

    return 1;
}


static void
test_stats(void)
{
    double           a[] = { 3, NAN, 1, 2 }, sum, c;
    phr_mean_t       m;
    phr_monotonic_t  mono;
    phr_bucket_t     b[] = { { 1, 2 }, { 1, 2 }, { 2, 3 }, { INFINITY, 8 } };

    ok(phr_quantile(1, a, 4) == 3, "the highest");
    ok(isnan(phr_quantile(0, a, 4)), "NaN is the lowest");
    ok(phr_quantile(2.0 / 3, a, 4) == 2, "in between");
    ok(test_quantiles(), "equal to those of sorted values");
    ok(isnan(phr_quantile(0.5, a, 0)), "of nothing");
    ok(phr_quantile(-0.1, a, 4) == -INFINITY, "below 0");

    sum = 1e100;
    c = 0;
    phr_kahan_add(1, &sum, &c);
    phr_kahan_add(-1e100, &sum, &c);
    ok(sum + c == 1, "small numbers survive large ones");

    memset(&m, 0, sizeof(m));
    phr_mean_add(&m, 1.5e308);
    phr_mean_add(&m, 1.5e308);
    phr_mean_add(&m, 1.5e308);
    ok(phr_mean_get(&m) == 1.5e308, "a mean does not overflow");

    ok(phr_almost_equal(1, 1 + 1e-9, 1e-6), "almost equal");
    ok(!phr_almost_equal(1, 1 + 1e-3, 1e-6), "not even almost");
    ok(!phr_almost_equal(NAN, phr_no_sample(), 1), "NaN is no stale marker");

    ok(phr_bucket_quantile(0.25, b, 4, &mono) == 0.5,
       "buckets of one bound are one");
    is_int(mono.count, 1, "and the next one was too small");
    ok(mono.max_diff == 1, "by one");
}


int
main(void)
{
    arena = phr_arena_create(0);

    test_index();
    test_merge();
    test_collect();
    test_stats();

    phr_arena_destroy(arena);

    return done_testing();
}
