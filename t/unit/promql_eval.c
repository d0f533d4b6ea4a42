/*
 * Copyright (C) The Pharos Authors
 *
 * Evaluator: limits, cancellation, lack of memory and the life of results.
 * What queries evaluate to is in t/promql.
 */

#include <math.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "core/alloc.h"
#include "core/buf.h"
#include "memstore.h"
#include "oom.h"
#include "promql/value.h"
#include "tap.h"


/* so many that pairs of them take a while */
#define SERIES  3000


typedef struct {
    const char    *expr;
    int64_t        start_ms, end_ms, step_ms;
    uint64_t       max_samples;
    size_t         arena_bytes;
    size_t         taken;       /* of it, before the query */
    int            step_stats;
    int            series_left;     /* and it is stopped; 0: it is not */
    volatile int   stop;

    phr_arena_t   *arena;
    phr_result_t   result;
    phr_err_t      err;
} test_query_t;


static phr_memstore_t  *store;
static test_query_t    *late;
static clock_t          stopped;

static phr_querier_ops_t  late_ops;
static int              (*late_select)(phr_querier_t *q,
    const phr_matcher_t *m, size_t n, int64_t min_ms, int64_t max_ms,
    const phr_select_hints_t *hints, phr_arena_t *arena,
    phr_series_set_t **set, phr_err_t *err);
static int              (*late_next)(phr_series_set_t *set, phr_series_t *s,
    phr_err_t *err);


static void
test_add_at(const char *name, const char *label, const char *value,
    int64_t t_ms, double v)
{
    phr_arena_t          *a;
    phr_labels_t          ls, none = { NULL, 0 };
    phr_labels_builder_t  b;

    a = phr_arena_create(0);
    phr_labels_builder_init(&b, a, none);
    phr_labels_builder_set(&b, phr_str_of(PHR_METRIC_NAME),
                           phr_str_from_c(name));
    phr_labels_builder_set(&b, phr_str_from_c(label), phr_str_from_c(value));
    phr_labels_build(&b, &ls);

    phr_memstore_add(store, ls, t_ms, v);

    phr_arena_destroy(a);
}


static void
test_add(const char *name, const char *label, const char *value, int n,
    double first, double step)
{
    int  i;

    for (i = 0; i < n; i++) {
        test_add_at(name, label, value, i * 10000, first + i * step);
    }
}


/* the query is to stop while it works on the last of so many series */
static int
test_on_series(phr_series_set_t *set, phr_series_t *s, phr_err_t *err)
{
    if (--late->series_left == 0) {
        late->stop = PHR_ETIMEOUT;
    }

    return late_next(set, s, err);
}


static int
test_on_select(phr_querier_t *q, const phr_matcher_t *m, size_t n,
    int64_t min_ms, int64_t max_ms, const phr_select_hints_t *hints,
    phr_arena_t *arena, phr_series_set_t **set, phr_err_t *err)
{
    int  rc;

    rc = late_select(q, m, n, min_ms, max_ms, hints, arena, set, err);

    if (rc == PHR_OK) {
        late_next = (*set)->next;
        (*set)->next = test_on_series;
    }

    return rc;
}


/* the arena stays for the result; see test_done() */
static int
test_run(test_query_t *t)
{
    int             rc;
    phr_node_t     *node;
    phr_query_t     q;
    phr_querier_t  *querier;
    phr_storage_t  *storage;

    node = NULL;
    querier = NULL;
    storage = phr_memstore_storage(store);
    phr_err_init(&t->err);

    t->arena = phr_arena_create(t->arena_bytes);
    if (t->arena == NULL) {
        return PHR_ENOMEM;
    }

    rc = phr_promql_parse(t->arena, phr_str_from_c(t->expr),
                          PHR_PROMQL_EXPERIMENTAL, NULL, &node, &t->err);
    if (rc < 0) {
        return rc;
    }

    if (t->taken > 0 && phr_arena_alloc(t->arena, t->taken) == NULL) {
        phr_promql_destroy(node);
        return PHR_ELIMIT;
    }

    rc = storage->querier(storage, &querier, &t->err);

    if (rc == PHR_OK && t->series_left > 0) {
        late = t;
        late_ops = *querier->ops;
        late_select = late_ops.select;
        late_ops.select = test_on_select;
        querier->ops = &late_ops;
    }

    if (rc == PHR_OK) {
        memset(&q, 0, sizeof(q));
        q.node = node;
        q.text = phr_str_from_c(t->expr);
        q.start_ms = t->start_ms;
        q.end_ms = t->end_ms;
        q.step_ms = t->step_ms;
        q.lookback_ms = 300000;
        q.subquery_step_ms = 60000;
        q.max_samples = t->max_samples;
        q.step_stats = t->step_stats != 0;
        q.stop = &t->stop;
        q.arena = t->arena;

        rc = phr_promql_eval(&q, querier, &t->result, &t->err);
        querier->ops->close(querier);
    }

    phr_promql_destroy(node);

    return rc;
}


static void
test_done(test_query_t *t)
{
    phr_arena_destroy(t->arena);
    t->arena = NULL;
}


static int
test_oom(void *data)
{
    int            rc;
    test_query_t  *t;

    t = data;
    rc = test_run(t);
    test_done(t);

    return rc;
}


static void
test_limits(void)
{
    clock_t       began;
    test_query_t  t;

    memset(&t, 0, sizeof(t));
    t.expr = "sum(m)";
    t.end_ms = 600000;
    t.step_ms = 10000;

    is_int(test_run(&t), PHR_OK, "no limit");
    is_int(t.result.samples_peak, 4 * 61 + 61, "operands and result count");
    is_int(t.result.samples_read, 4 * 61, "every sample is read once");
    test_done(&t);

    t.max_samples = 4 * 61 + 61;
    is_int(test_run(&t), PHR_OK, "as many samples as allowed");
    test_done(&t);

    t.max_samples--;
    is_int(test_run(&t), PHR_ELIMIT, "one sample more");
    is_str(t.err.text, "query processing would load too many samples into "
           "memory in query execution", "the limit is named");
    test_done(&t);

    t.max_samples = 1000;
    t.expr = "sum_over_time(m[10m])";
    t.step_ms = 0;
    t.start_ms = 600000;
    is_int(test_run(&t), PHR_OK, "one window is held at a time");
    test_done(&t);

    t.max_samples = 50;
    is_int(test_run(&t), PHR_ELIMIT, "a window is held");
    test_done(&t);

    t.expr = "count_over_time(vector(1)[1y:1ms])";
    is_int(test_run(&t), PHR_ELIMIT, "subquery of too many steps");
    test_done(&t);

    t.max_samples = 0;
    t.arena_bytes = 1024 * 1024;
    began = clock();
    is_int(test_run(&t), PHR_ELIMIT, "memory is bounded");
    is_str(t.err.text, "query needs more memory than allowed",
           "the bound is named");
    ok(clock() - began < CLOCKS_PER_SEC, "at once");
    test_done(&t);
}


/* what is not in the arena counts, too */
static void
test_memory(void)
{
    int           i;
    phr_buf_t     b;
    test_query_t  t;

    memset(&t, 0, sizeof(t));
    t.expr = "count_over_time(vector(1)[1000s:1ms])";
    t.start_ms = t.end_ms = 1200000;

    t.arena_bytes = 26 * 1000 * 1000;
    is_int(test_run(&t), PHR_OK, "points of a subquery are three numbers");
    test_done(&t);

    t.arena_bytes = 22 * 1000 * 1000;
    is_int(test_run(&t), PHR_ELIMIT, "two of which are on the heap");
    test_done(&t);

    phr_buf_init(&b, 0);

    for (i = 0; i < 20; i++) {
        phr_buf_puts(&b, "label_replace(");
    }

    phr_buf_puts(&b, "m");

    for (i = 0; i < 20; i++) {
        phr_buf_puts(&b, ", \"i\", \"$1\", \"i\", \"(a?b?c*){500}\")");
    }

    t.expr = phr_buf_cstr(&b);
    t.arena_bytes = 64 * 1024 * 1024;
    is_int(test_run(&t), PHR_OK, "regexes in one another");
    test_done(&t);

    t.arena_bytes = 4 * 1024 * 1024;
    is_int(test_run(&t), PHR_ELIMIT, "are bounded");
    is_str(t.err.text, "query needs more memory than allowed",
           "by the memory of the query");
    test_done(&t);

    phr_buf_free(&b);
}


static void
test_stop(void)
{
    test_query_t  t;

    memset(&t, 0, sizeof(t));
    t.expr = "sum(m)";

    t.stop = PHR_ETIMEOUT;
    is_int(test_run(&t), PHR_ETIMEOUT, "timeout is seen");
    is_str(t.err.text, "query timed out in expression evaluation",
           "timeout is named");
    test_done(&t);

    t.stop = PHR_ECANCELED;
    is_int(test_run(&t), PHR_ECANCELED, "cancellation is seen");
    is_str(t.err.text, "query was canceled in expression evaluation",
           "cancellation is named");
    test_done(&t);
}


static void
test_on_alarm(int sig)
{
    late->stop = PHR_ETIMEOUT;
    stopped = clock();
}


/* how long a query goes on that is stopped while it works on many series */
static void
test_late(test_query_t *t, const char *name)
{
    int  rc;

    static const struct itimerval  soon = { .it_value = { 0, 200000 } };

    late = t;
    t->stop = PHR_OK;
    t->start_ms = 0;
    t->end_ms = 1200000;
    t->step_ms = 1200000;

    (void) signal(SIGALRM, test_on_alarm);
    (void) setitimer(ITIMER_REAL, &soon, NULL);

    rc = test_run(t);

    is_int(rc, PHR_ETIMEOUT, "%s", name);
    ok(clock() - stopped < CLOCKS_PER_SEC / 2, "and ends soon");
    test_done(t);
}


/* the stop is seen before the results of that series are too many */
static void
test_stop_within(void)
{
    test_query_t  t;

    memset(&t, 0, sizeof(t));
    t.start_ms = 200000;
    t.end_ms = 600000;
    t.step_ms = 10000;

    t.expr = "h smoothed";
    t.max_samples = 40;
    is_int(test_run(&t), PHR_ELIMIT, "too many histograms");
    test_done(&t);

    t.series_left = 1;
    is_int(test_run(&t), PHR_ETIMEOUT,
           "a series of histograms is stopped while it is smoothed");
    test_done(&t);

    /* the last one falls all the time, and has its times from the others */

    t.expr = "rate(m[1m])";
    t.stop = PHR_OK;
    t.max_samples = 41 * 3 + 1;
    is_int(test_run(&t), PHR_ELIMIT, "four series are too many");
    test_done(&t);

    t.series_left = 4;
    is_int(test_run(&t), PHR_ETIMEOUT,
           "a series of resets is stopped between its steps");
    test_done(&t);
}


/* a list of so many labels */
static void
test_long_list(phr_buf_t *b, const char *head, const char *item, int n)
{
    int  i;

    phr_buf_reset(b);
    phr_buf_puts(b, head);

    for (i = 0; i < n; i++) {
        phr_buf_printf(b, item, i);
    }

    phr_buf_puts(b, ")");
}


static void
test_stop_late(void)
{
    int           i;
    char          number[16];
    phr_buf_t     b;
    test_query_t  t;

    memset(&t, 0, sizeof(t));
    phr_buf_init(&b, 0);

    for (i = 0; i < SERIES; i++) {
        snprintf(number, sizeof(number), "%d", i);
        test_add_at("many", "i", number, 0, 1);
        test_add_at("one", "i", number, 1200000, 1);
    }

    t.expr = "many * on () group_left (x, y) one";
    test_late(&t, "a join of series without a common step is stopped");

    test_long_list(&b, "label_join(many, \"x\", \"\"", ", \"a\"", 100000);
    t.expr = phr_buf_cstr(&b);
    test_late(&t, "label_join() of many labels is stopped");

    test_long_list(&b, "quantile by (i", ", a%d", 100000);
    phr_buf_puts(&b, " (0.5, many)");
    t.expr = phr_buf_cstr(&b);
    test_late(&t, "a grouping by many labels is stopped");

    phr_buf_free(&b);
}


/* 100 series on both sides, of which no two have a step in common */
static void
test_join_memory(void)
{
    test_query_t  t;

    memset(&t, 0, sizeof(t));
    t.expr = "many{i=~\"1..\"} * on () group_left (x) one{i=~\"1..\"}";
    t.end_ms = 1200000;
    t.step_ms = 1000;
    t.arena_bytes = 8 * 1024 * 1024;

    is_int(test_run(&t), PHR_OK, "a join takes what its results take");
    is_int(t.result.nseries, 0, "which is nothing here");
    test_done(&t);
}


/* of 500 targets with 500 sets of info labels */
static void
test_info_memory(void)
{
    int           i;
    char          number[16];
    test_query_t  t;

    for (i = 0; i < 500; i++) {
        snprintf(number, sizeof(number), "%d", i);
        test_add_at("of_target", "instance", number, 0, 1);
        test_add_at("target_info", "instance", number, 0, 1);
    }

    memset(&t, 0, sizeof(t));
    t.expr = "count(info(of_target))";
    t.arena_bytes = 2 * 1024 * 1024;

    is_int(test_run(&t), PHR_OK, "info() takes no list for each series");
    ok(t.result.nsamples == 1 && t.result.samples[0].v == 500, "all of them");
    test_done(&t);
}


static void
test_types(void)
{
    test_query_t  t;

    memset(&t, 0, sizeof(t));

    t.expr = "(\"text\")";
    is_int(test_run(&t), PHR_OK, "string");
    is_int(t.result.type, PHR_TYPE_STRING, "type of string");
    ok(phr_str_eq(t.result.string, phr_str_of("text")), "its value");
    test_done(&t);

    t.expr = "1 + 1";
    is_int(test_run(&t), PHR_OK, "scalar");
    is_int(t.result.type, PHR_TYPE_SCALAR, "type of scalar");
    ok(t.result.scalar == 2, "its value");
    test_done(&t);

    t.end_ms = 15000;
    t.step_ms = 10000;
    is_int(test_run(&t), PHR_OK, "scalar over a range");
    is_int(t.result.type, PHR_TYPE_MATRIX, "is a matrix");
    is_int(t.result.nseries, 1, "of one series");
    is_int(t.result.series[0].n, 2, "whose last step is not after the end");
    test_done(&t);

    t.expr = "m[1m]";
    is_int(test_run(&t), PHR_EINVAL, "range vector over a range");
    test_done(&t);

    t.step_ms = 0;
    t.start_ms = t.end_ms = 60000;
    is_int(test_run(&t), PHR_OK, "range vector at an instant");
    is_int(t.result.nseries, 4, "has all series");
    is_int(t.result.series[3].n, 6, "and their samples");
    ok(t.result.series[0].v[5] == 7, "with their values");
    test_done(&t);

    t.step_ms = 10000;
    t.start_ms = 60000;
    t.end_ms = 0;
    t.expr = "m + 1";
    is_int(test_run(&t), PHR_OK, "an end before the start");
    is_int(t.result.nseries, 0, "has no steps");
    test_done(&t);
}


/* a long chain nests as deep as it is long */
static void
test_depth(void)
{
    int            i, rc;
    char          *expr, *p;
    test_query_t   t;

    memset(&t, 0, sizeof(t));

    expr = malloc(200000);
    p = expr;
    p += sprintf(p, "1");

    for (i = 1; i < 500; i++) {
        p += sprintf(p, " + 1");
    }

    t.expr = expr;
    is_int(test_run(&t), PHR_OK, "sum of 500 numbers");
    ok(t.result.scalar == 500, "its value");
    test_done(&t);

    for ( ; i < 40000; i++) {
        p += sprintf(p, "+1");
    }

    rc = test_run(&t);
    ok(rc == PHR_OK || rc < 0, "a chain of 40,000 does no harm");
    test_done(&t);

    free(expr);
}


/* whichever piece of an arena is the one that it is too small for */
static void
test_each_limit(test_query_t *t)
{
    int  rc, bad;

    bad = 0;
    t->arena_bytes = 32 * 1024;

    for (t->taken = 0; t->taken < t->arena_bytes; t->taken += 16) {
        rc = test_run(t);
        test_done(t);
        bad += (rc != PHR_OK && rc != PHR_ELIMIT);
    }

    is_int(bad, 0, "and an arena too small: %s", t->expr);
    is_int(rc, PHR_ELIMIT, "which it is at last");

    t->arena_bytes = 0;
    t->taken = 0;
}


static void
test_lack_of_memory(void)
{
    int           n;
    size_t        i;
    test_query_t  t;

    static const char *const  queries[] = {
        "sum by (i) (rate(m[1m]))",
        "m[1m]",
        "max_over_time(rate(m[1m])[2m:10s])",
        "m * on(i) group_left m2",
        "m + fill(1) m2",
        "m or m2 and m unless m2",
        "topk(1, m) + count_values(\"i\", m)",
        "label_replace(m, \"a\", \"$1\", \"i\", \"(.*)\")",
        "label_join(m, \"a\", \",\", \"i\", \"i\")",
        "quantile_over_time(0.5, m[1m])",
        "increase(m[1m] smoothed) + mad_over_time(m[1m])",
        "histogram_quantile(0.5, label_replace(m, \"le\", \"$1\", \"i\", "
            "\"(.*)\"))",
        "info(m, {__name__=~\".+2\"})",
        "sort_by_label(absent(nothing) or m, \"i\")",
        "\"text\"",
        "1 + scalar(m) ^ time()",
        "h * 2 - h",
        "sum(rate(h{i!=\"3\"}[2m]))",
        "avg by (i) (h) == h",
        "avg_over_time(h[1m:10s])",
        "increase(h{i=\"1\"}[1m] smoothed) or last_over_time(h[1m])",
        "histogram_quantile(0.5, {__name__=~\"h|m\"})",
        "count_values(\"v\", h </ 2)",
    };

    for (i = 0; i < phr_nelems(queries); i++) {
        memset(&t, 0, sizeof(t));
        t.expr = queries[i];
        t.start_ms = t.end_ms = 300000;

        n = phr_oom_run(test_oom, &t);
        ok(n > 0, "survives lack of memory: %s", queries[i]);
        test_each_limit(&t);

        if (strchr(queries[i], '"') == NULL && queries[i][1] != '[') {
            t.end_ms = 400000;
            t.step_ms = 10000;
            n = phr_oom_run(test_oom, &t);
            ok(n > 0, "and over a range: %s", queries[i]);
        }
    }
}


/* a counter of histograms with a reset, another layout, and a stale marker */
static void
test_add_hists(const char *value)
{
    int                   i;
    double                counts[2];
    phr_hist_t            h;
    phr_arena_t          *a;
    phr_labels_t          ls, none = { NULL, 0 };
    phr_labels_builder_t  b;

    static const double           bounds[] = { 1, 2 };
    static const phr_hist_span_t  span = { 0, 2 };

    a = phr_arena_create(0);
    phr_labels_builder_init(&b, a, none);
    phr_labels_builder_set(&b, phr_str_of(PHR_METRIC_NAME),
                           phr_str_of("h"));
    phr_labels_builder_set(&b, phr_str_of("i"), phr_str_from_c(value));
    phr_labels_build(&b, &ls);

    memset(&h, 0, sizeof(h));
    h.positive.spans = &span;
    h.positive.nspans = 1;
    h.positive.counts = counts;
    h.positive.n = 2;

    if (value[0] == '3') {
        h.schema = PHR_HIST_CUSTOM;
        h.bounds = bounds;
        h.nbounds = 2;
    }

    for (i = 0; i < 61; i++) {
        counts[0] = i % 20;
        counts[1] = 2 * (i % 20);
        h.count = counts[0] + counts[1];
        h.sum = i == 30 ? phr_double_from_bits(PHR_STALE_NAN_BITS) : i;
        h.zero_threshold = value[0] == '2' && i > 10 ? 0.5 : 0;
        phr_memstore_add_hist(store, ls, i * 10000, &h);
    }

    phr_arena_destroy(a);
}


/* a histogram counts as 12 floats, whose 16 bytes fit so often into it */
static void
test_counts(void)
{
    size_t        i, k;
    phr_buf_t     b;
    test_query_t  t;

    static const struct {
        const char  *expr;
        int64_t      start_ms, end_ms;
        const char  *want;
    } cases[] = {
        { "h", 0, 0, "12" },
        { "h[1m]", 600000, 600000, "72" },
        { "h[1m:10s]", 600000, 600000, "72" },
        { "histogram_count(sum(h))", 0, 20000, "12 12 12" },
        { "rate(h[20s])", 10000, 30000, "24 24 24" },
        { "m", 0, 10000, "4 4" },
        { "m{i=\"1\"} + h", 0, 10000, "13 13" },
        { "count_over_time(m{i=\"1\"}[30s])", 0, 40000, "1 2 3 3 3" },
        { "max_over_time(m{i=\"1\"}[30s:10s])", 0, 40000, "1 2 3 3 3" },
        { "m{i=\"1\"} @ 0", 0, 20000, "1 1 1" },
        { "sum_over_time(h[20s] @ 20)", 0, 20000, "24 24 24" },
        { "vector(1)", 0, 20000, "0 0 0" },
    };

    phr_buf_init(&b, 0);

    for (i = 0; i < phr_nelems(cases); i++) {
        memset(&t, 0, sizeof(t));
        t.expr = cases[i].expr;
        t.start_ms = cases[i].start_ms;
        t.end_ms = cases[i].end_ms;
        t.step_ms = t.start_ms == t.end_ms ? 0 : 10000;
        t.step_stats = 1;

        is_int(test_run(&t), PHR_OK, "samples of %s", t.expr);
        phr_buf_reset(&b);

        for (k = 0; k < t.result.nsteps; k++) {
            phr_buf_printf(&b, "%s%llu", k ? " " : "",
                           (unsigned long long) t.result.read_by_step[k]);
            t.result.samples_read -= t.result.read_by_step[k];
        }

        is_str(phr_buf_cstr(&b), cases[i].want, "by step");
        is_int(t.result.samples_read, 0, "which is all of them");
        test_done(&t);
    }

    memset(&t, 0, sizeof(t));
    t.expr = "h";
    t.max_samples = 12;
    is_int(test_run(&t), PHR_OK, "as large as allowed");
    test_done(&t);

    t.max_samples = 11;
    is_int(test_run(&t), PHR_ELIMIT, "or larger");
    test_done(&t);

    phr_buf_free(&b);
}


/*
 * A float whose bits are those that stand for a histogram in a column: it is
 * a NaN, and nothing else, wherever it gets in.
 */
static void
test_forged(void)
{
    size_t                i;
    phr_arena_t          *a;
    phr_labels_t          ls, none = { NULL, 0 };
    test_query_t          t;
    phr_labels_builder_t  b;

    static const char *const  queries[] = {
        "forged", "forged[5m]", "forged[5m:10s]", "last_over_time(forged[5m])",
        "histogram_count(forged) or forged", "-forged", "sum(forged)",
        "first_over_time(forged[5m:10s])", "limitk(1, forged)", "forged * 2",
        "label_replace(forged, \"a\", \"b\", \"c\", \"\")",
        "forged or on() h",
    };

    /* arithmetic would make the NaN another one: it is put there as it is */

    a = phr_arena_create(0);
    phr_labels_builder_init(&b, a, none);
    phr_labels_builder_set(&b, phr_str_of(PHR_METRIC_NAME),
                           phr_str_of("forged"));
    phr_labels_build(&b, &ls);
    phr_memstore_add(store, ls, 0,
                     phr_double_from_bits((uint64_t) PHR_BOX_BITS << 32));
    phr_arena_destroy(a);

    for (i = 0; i < phr_nelems(queries); i++) {
        memset(&t, 0, sizeof(t));
        t.expr = queries[i];
        t.start_ms = 0;
        t.end_ms = 0;

        is_int(test_run(&t), PHR_OK, "a forged histogram: %s", queries[i]);

        if (t.result.type == PHR_TYPE_VECTOR) {
            ok(t.result.nsamples == 1 && t.result.samples[0].h == NULL
               && isnan(t.result.samples[0].v), "is a NaN");

        } else {
            ok(t.result.nseries == 1 && t.result.series[0].h == NULL
               && isnan(t.result.series[0].v[0]), "is a NaN");
        }

        test_done(&t);
    }
}


int
main(void)
{
    store = phr_memstore_create();

    test_add("m", "i", "1", 61, 1, 1);
    test_add("m", "i", "2", 61, 2, 1);
    test_add("m", "i", "3", 61, 3, 1);
    test_add("m", "i", "4", 61, 4, -1);
    test_add("m2", "i", "1", 61, 1, 1);
    test_add("m2", "i", "5", 61, 1, 1);

    test_limits();
    test_memory();
    test_stop();
    test_types();
    test_depth();
    test_add_hists("1");
    test_counts();
    test_forged();
    test_add_hists("2");
    test_add_hists("3");
    test_lack_of_memory();
    test_stop_within();
    test_stop_late();
    test_join_memory();
    test_info_memory();

    phr_memstore_destroy(store);

    return done_testing();
}
