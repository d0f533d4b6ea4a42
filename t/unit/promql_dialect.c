/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of the MetricsQL dialect: what is an error without it, how it is
 * printed, and what it evaluates to.
 */

#include "promql/ast.h"

#include <math.h>

#include "core/alloc.h"
#include "memstore.h"
#include "oom.h"
#include "promql/value.h"
#include "tap.h"


static phr_memstore_t  *store;

/* shorter than a step, so that gaps are gaps */
static int64_t  lookback_ms = 30000;


static void
dialect_text(const char *text, unsigned flags, phr_buf_t *b)
{
    int           rc;
    phr_err_t     err;
    phr_node_t   *node;
    phr_arena_t  *a;

    a = phr_arena_create(0);
    phr_err_init(&err);
    phr_buf_reset(b);

    rc = phr_promql_parse(a, phr_str_from_c(text), flags, NULL, &node, &err);

    if (rc == PHR_OK) {
        phr_promql_print(b, node);
        phr_promql_destroy(node);

    } else {
        phr_buf_printf(b, "%u: %s", err.column, err.text);
    }

    phr_arena_destroy(a);
}


/* what is printed must be readable, and print the same */
static void
syntax(void)
{
    size_t     i;
    phr_buf_t  b, again;

    static const struct {
        const char  *text;
        const char  *printed;   /* NULL: the same */
        const char  *strict;    /* NULL: not looked at */
    } cases[] = {
        { "a default 0", NULL,
          "3: parse error: unexpected identifier \"default\"" },
        { "a default b default 1", NULL, NULL },
        { "a or b default 1 + 1", NULL, NULL },
        { "a if b > 1 or c", NULL,
          "3: parse error: unexpected identifier \"if\"" },
        { "a ifnot on (x) b", NULL,
          "3: parse error: unexpected identifier \"ifnot\"" },
        { "default default default", NULL, NULL },
        { "abs(a) keep_metric_names", NULL,
          "8: parse error: unexpected identifier \"keep_metric_names\"" },
        { "(a + b) keep_metric_names", NULL,
          "9: parse error: unexpected identifier \"keep_metric_names\"" },
        { "rate(a[5m]) keep_metric_names / 2", NULL, NULL },
        { "rate(a)", NULL,
          "6: parse error: expected type range vector in call to function "
          "\"rate\", got instant vector" },
        { "rate(sum(a))", NULL,
          "6: parse error: expected type range vector in call to function "
          "\"rate\", got instant vector" },
        { "rate(a offset 5m)", NULL, NULL },
        { "max_over_time(rate(a)[1h:])", NULL, NULL },
        { "topk_max(3, a)", NULL,
          "1: parse error: unknown function with name \"topk_max\"" },
        { "topk_max(3,a)by(x)", "topk_max by (x) (3, a)",
          "1: parse error: unknown function with name \"topk_max\"" },
        { "bottomk_median(1, a, \"rest=of\")", NULL,
          "1: parse error: unknown function with name \"bottomk_median\"" },
        { "range_avg(a)", NULL,
          "1: parse error: unknown function with name \"range_avg\"" },
        { "range_quantile(0.9, a)", NULL,
          "1: parse error: unknown function with name \"range_quantile\"" },
        { "sum(a) by (x) limit 3", "sum by (x) (a) limit 3",
          "15: parse error: unexpected identifier \"limit\"" },
        { "{x=\"1\" or y=\"2\"}", NULL,
          "8: parse error: unexpected identifier \"or\" in label matching, "
          "expected \",\" or \"}\"" },
        { "a{x=\"1\" or y=\"2\",z=\"3\"}[5m]", NULL, NULL },
        { "a{x=\"1\",or=\"2\" or or=\"1\"}", "a{or=\"2\",x=\"1\" or or=\"1\"}",
          NULL },
        { "hour(a, \"Europe/Berlin\")", NULL,
          "1: parse error: expected at most 1 argument(s) in call to "
          "\"hour\", got 2" },
        { "timezone_offset(\"UTC\")", NULL,
          "1: parse error: unknown function with name \"timezone_offset\"" },
        { "label_set(a, \"x\", \"y\")", NULL,
          "1: parse error: unknown function with name \"label_set\"" },
        { "(a, b)", "union(a, b)",
          "3: parse error: unexpected \",\"" },
        { "sum(a, b,)", "sum(union(a, b))",
          "9: parse error: trailing commas not allowed in function call "
          "args" },
        { "abs(a,)", "abs(a)",
          "6: parse error: trailing commas not allowed in function call "
          "args" },
        { "abs(-1)", "abs(vector(-1))",
          "5: parse error: expected type instant vector in call to function "
          "\"abs\", got scalar" },
        { "8Ki", "8192",
          "1: parse error: bad number or duration syntax: \"8\"" },
        { "1.5M + 2GiB", "1500000 + 2147483648", NULL },
        { "a[1.5h]", "a[1h30m]",
          "3: parse error: unknown unit \".\" in duration \"1.5h\"" },
        { "a offset 2i", "a offset +(2 * step())", NULL },
        { "a offset +2i", "a offset +(2 * step())", NULL },
        { "a offset 2i + + b", "a offset +(2 * step()) + +b", NULL },
        { "a offset -1h2i", "a offset -(2 * step() + 3600)", NULL },
        { "a[2i ^ 2]", "a[(2 * step()) ^ 2]", NULL },
        { "a[1i:1i]", "a[1 * step():step()]", NULL },
        { "WITH (d = max_of(step(), range())) a[d:]",
          "a[1 * max_of(step(), range()):]", NULL },
        { "WITH (d = 1m + step()) a[d * 2] offset d",
          "a[(1m + step()) * 2] offset +(1m + step())", NULL },
        { "WITH (x = -1) x ^ 2", "(-1) ^ 2", NULL },
        { "WITH (f(x) = x ^ 2) f(-Inf)", "((-Inf) ^ 2)", NULL },
        { "a[5i]", "a[(5 * step())]",
          "3: parse error: bad number or duration syntax: \"5\"" },
        { "a offset 1i", "a offset step()", NULL },
        { "any(a) by (x)", "any by (x) (a)", NULL },
        { "median(a)", NULL,
          "1: parse error: unknown function with name \"median\"" },
        { "any + median", NULL, NULL },
        { "WITH (x = a{b=\"c\"}) x + x", "a{b=\"c\"} + a{b=\"c\"}",
          "9: parse error: unexpected \"=\"" },
    };

    phr_buf_init(&b, 0);
    phr_buf_init(&again, 0);

    for (i = 0; i < phr_nelems(cases); i++) {
        dialect_text(cases[i].text, PHR_PROMQL_METRICSQL, &b);
        is_str(phr_buf_cstr(&b), cases[i].printed ? cases[i].printed
                                                  : cases[i].text,
               "printed: %s", cases[i].text);

        dialect_text(phr_buf_cstr(&b), PHR_PROMQL_METRICSQL, &again);
        is_str(phr_buf_cstr(&again), phr_buf_cstr(&b), "and again: %s",
               cases[i].text);

        if (cases[i].strict != NULL) {
            dialect_text(cases[i].text, 0, &b);
            is_str(phr_buf_cstr(&b), cases[i].strict, "strict: %s",
                   cases[i].text);
        }
    }

    phr_buf_free(&b);
    phr_buf_free(&again);
}


static void
with(void)
{
    size_t     i;
    phr_buf_t  b;

    static const struct {
        const char  *text;
        const char  *want;
    } cases[] = {
        { "WITH (x = 1 + 1) x * 2", "(1 + 1) * 2" },
        { "2 * WITH (x = a) x + 1", "2 * (a + 1)" },
        { "with (f(q, w) = rate(q[w])) f(a{b=\"c\"}, 5m)",
          "rate(a{b=\"c\"}[5m])" },
        { "WITH (w = 1h) a[w:w] offset w", "a[1h:1h] offset 1h" },
        { "WITH (c = {x=\"1\", y!=\"2\"}) a{c} / b{z=\"3\", c}",
          "a{x=\"1\",y!=\"2\"} / b{x=\"1\",y!=\"2\",z=\"3\"}" },
        { "WITH (m = a{x=\"1\"}) m{y=\"2\"}", "a{x=\"1\",y=\"2\"}" },
        { "WITH (s = \"v\") a{x=s, y=~s}", "a{x=\"v\",y=~\"v\"}" },
        { "WITH (f(q, l) = sum(q) by (l, z)) f(a, (x, y))",
          "sum by (x, y, z) (a)" },
        { "WITH (l = x) sum(a) by (l)", "sum by (x) (a)" },
        { "WITH (n = 3) topk(n, a)", "topk(3, a)" },
        { "WITH (x = a, y = x + 1,) y", "(a + 1)" },
        { "WITH (x = x) x", "x" },
        { "WITH (x = a) WITH (x = x + 1) x", "(a + 1)" },
        { "WITH (f(x) = x, y = 1) f(WITH (y = 2) y) + y", "2 + 1" },
        { "WITH (f(a) = a * a) f(f(b + 1))",
          "(((b + 1) * (b + 1)) * ((b + 1) * (b + 1)))" },
        { "WITH (y = 1, f(x) = x + y) WITH (y = 2) f(y)", "(2 + 1)" },
        { "WITH () 1", "1" },
        { "WITH (rate = a) rate(b[5m]) + rate", "rate(b[5m]) + a" },
        { "with", "with" },
        { "WITH (x =) 1", "10: parse error: unexpected \")\"" },
        { "WITH (x = 1", "12: parse error: unclosed left parenthesis" },
        { "WITH (f(x) = x) f(1, 2)",
          "18: parse error: expected 1 argument(s), got 2" },
        { "WITH (f(x) = x) f", "f" },
        { "WITH (x = a +) x", "14: parse error: unexpected end of input" },
        { "WITH (x = 1) a{y=z}",
          "18: parse error: WITH gave no string the name \"z\"" },
        { "WITH (x = 1) a[y]",
          "16: parse error: WITH gave no duration the name \"y\"" },
        { "WITH (x = b) a{x}",
          "11: parse error: unexpected identifier \"b\"" },
        { "a keep_metric_names",
          "1: parse error: keep_metric_names goes with functions and with "
          "operators in parentheses" },
        { "sum(a) limit -1", "14: parse error: unexpected <op:-> in "
          "aggregation" },
        { "sum(a) limit 1.5", "14: parse error: a limit is a whole number "
          "that is not negative" },
        { "a default group_left () b",
          "11: parse error: unexpected <group_left>" },
        { "a default on (x) group_left () b", "1: parse error: no grouping "
          "allowed for \"default\" operation" },
        { "a[1i:99999999999i]", "6: parse error: duration out of range" },
        { "66666400.5h", "1: parse error: duration out of range" },
        { "5i", "1: parse error: a duration in steps has its place in "
          "brackets and after \"offset\"" },
        { "{x=\"1\" or y=~\".*\"}", "1: parse error: vector selector must "
          "contain at least one non-empty matcher" },
        { "a{\"a\" or x=\"1\"}", "1: parse error: metric name must not "
          "be set twice: \"a\" or \"a\"" },
        { "a{x=\"1\" or \"b\"}", "1: parse error: metric name must not "
          "be set twice: \"a\" or \"b\"" },
        { "label_set(a)", "label_set(a)" },
        { "{x=\"1\" or}", "1: parse error: vector selector must contain "
          "at least one non-empty matcher" },
    };

    phr_buf_init(&b, 0);

    for (i = 0; i < phr_nelems(cases); i++) {
        dialect_text(cases[i].text, PHR_PROMQL_METRICSQL, &b);
        is_str(phr_buf_cstr(&b), cases[i].want, "%s", cases[i].text);
    }

    phr_buf_free(&b);
}


/* templates that double what they get 40 times */
static void
with_bound(void)
{
    int        i;
    phr_buf_t  b, out;

    phr_buf_init(&b, 0);
    phr_buf_init(&out, 0);

    phr_buf_puts(&b, "WITH (x0 = a");

    for (i = 1; i <= 40; i++) {
        phr_buf_printf(&b, ", x%d = x%d + x%d", i, i - 1, i - 1);
    }

    phr_buf_puts(&b, ") x40");

    dialect_text(phr_buf_cstr(&b), PHR_PROMQL_METRICSQL, &out);

    ok(strstr(phr_buf_cstr(&out), "what WITH gave names is more than")
       != NULL, "expansion is bounded");

    phr_buf_free(&b);
    phr_buf_free(&out);
}


/* one sample a minute from 0 on; NaN is none */
static void
series(const char *name, const char *x, const double *v, int n)
{
    int                   i;
    phr_arena_t          *a;
    phr_labels_t          ls, none = { NULL, 0 };
    phr_labels_builder_t  b;

    a = phr_arena_create(0);
    phr_labels_builder_init(&b, a, none);
    phr_labels_builder_set(&b, phr_str_of(PHR_METRIC_NAME),
                           phr_str_from_c(name));
    phr_labels_builder_set(&b, phr_str_of("x"), phr_str_from_c(x));
    phr_labels_build(&b, &ls);

    for (i = 0; i < n; i++) {
        if (!isnan(v[i])) {
            phr_memstore_add(store, ls, i * 60000, v[i]);
        }
    }

    phr_arena_destroy(a);
}


static int
zone_find(phr_zones_t *zones, phr_str_t name, const phr_zone_t **zone,
    phr_err_t *err)
{
    static phr_arena_t       *arena;
    static const phr_zone_t  *berlin;

    /* a version 2 file without any times, as zic -b slim makes them */
    static const char  file[] =
        "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1"
        "\0\0\0\0\0\0\0"
        "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1"
        "\0\0\0\0\0\0\0"
        "\nCET-1CEST,M3.5.0,M10.5.0/3\n";

    if (!phr_str_eq(name, phr_str_of("Europe/Berlin"))) {
        return PHR_ENOTFOUND;
    }

    if (arena == NULL) {
        arena = phr_arena_create(0);

        if (phr_zone_read(phr_str_from(file, sizeof(file) - 1), arena,
                          &berlin, err)
            != PHR_OK)
        {
            return PHR_ECORRUPT;
        }
    }

    *zone = berlin;

    return PHR_OK;
}


/* "a{x="1"} 1 2 _ 4; ...", or the error */
static int
dialect_eval(const char *text, int nsteps, phr_buf_t *b)
{
    int                         rc;
    size_t                      i, j, k;
    phr_err_t                   err;
    phr_node_t                 *node;
    phr_query_t                 q;
    phr_arena_t                *a;
    phr_result_t                r;
    phr_querier_t              *querier;
    phr_storage_t              *storage;
    const phr_result_series_t  *s;

    phr_zones_t  zones = { .find = zone_find };

    a = phr_arena_create(0);
    if (a == NULL) {
        return PHR_ENOMEM;
    }

    phr_err_init(&err);
    node = NULL;
    storage = phr_memstore_storage(store);

    rc = phr_promql_parse(a, phr_str_from_c(text), PHR_PROMQL_METRICSQL, NULL,
                          &node, &err);
    if (rc == PHR_OK) {
        rc = storage->querier(storage, &querier, &err);
    }

    if (rc == PHR_OK) {
        memset(&q, 0, sizeof(q));
        q.node = node;
        q.end_ms = (nsteps - 1) * 60000;
        q.step_ms = 60000;
        q.lookback_ms = lookback_ms;
        q.subquery_step_ms = 60000;
        q.instant_step_ms = phr_promql_instant_step_ms(PHR_PROMQL_METRICSQL);
        q.max_samples = 10000;
        q.zones = &zones;
        q.arena = a;

        rc = phr_promql_eval(&q, querier, &r, &err);
        querier->ops->close(querier);
    }

    phr_promql_destroy(node);

    if (rc < 0) {
        phr_buf_puts(b, err.text);
        phr_arena_destroy(a);

        return rc;
    }

    for (i = 0; i < r.nseries; i++) {
        s = &r.series[i];

        phr_buf_puts(b, i == 0 ? "" : "; ");
        phr_labels_format(b, s->labels);

        for (j = 0, k = 0; j < (size_t) nsteps; j++) {
            if (k < s->n && s->t_ms[k] == (int64_t) j * 60000) {
                phr_buf_printf(b, " %.6g", s->v[k++]);

            } else {
                phr_buf_puts(b, " _");
            }
        }
    }

    phr_arena_destroy(a);

    return b->failed;
}


#define A  "a{x=\"1\"}"
#define B  "a{x=\"2\"}"

static const struct {
    const char  *text;
    const char  *want;
} evals[] = {
    { "a", A " 1 2 3 4 5; " B " 10 _ 30 _ 50" },

    /* gaps */
    { "a default 0", A " 1 2 3 4 5; " B " 10 0 30 0 50" },
    { "a default b", A " 1 2 3 4 5; " B " 10 8 30 8 50" },
    { "none default 7", "{} 7 7 7 7 7" },
    { "none default a", A " 1 2 3 4 5; " B " 10 _ 30 _ 50" },
    { "(a > 3) default 0", A " 0 0 0 4 5; " B " 10 0 30 0 50" },
    { "(a < 0) default 1", A " 1 1 1 1 1; " B " 1 1 1 1 1" },
    { "(a - 3) / 0 default 9", "{x=\"1\"} -inf -inf 9 inf inf; "
      "{x=\"2\"} inf 9 inf 9 inf" },
    { "a default on () 1", A " 1 2 3 4 5; " B " 10 1 30 1 50" },
    { "0/0 default 5", "{} 5 5 5 5 5" },
    { "sum(a) default 0 + sum(none)", "{} 11 2 33 4 55" },
    { "a if a{x=\"2\"}", B " 10 _ 30 _ 50" },
    { "a if on () a{x=\"2\"}", A " 1 _ 3 _ 5; " B " 10 _ 30 _ 50" },
    { "a if sum(a > 20)", A " _ _ 3 _ 5; " B " _ _ 30 _ 50" },
    { "a ifnot on () a{x=\"2\"}", A " _ 2 _ 4 _" },
    { "1 if (vector(time()) > 100)", "{} _ _ 1 1 1" },
    { "keep_last_value(a)", A " 1 2 3 4 5; " B " 10 10 30 30 50" },
    { "keep_next_value(a)", A " 1 2 3 4 5; " B " 10 30 30 50 50" },
    { "interpolate(a)", A " 1 2 3 4 5; " B " 10 20 30 40 50" },

    /* names */
    { "abs(a) keep_metric_names", A " 1 2 3 4 5; " B " 10 _ 30 _ 50" },
    { "sum_over_time(a[2m]) keep_metric_names",
      A " 1 3 5 7 9; " B " 10 10 30 30 50" },
    { "(a + a) keep_metric_names", A " 2 4 6 8 10; " B " 20 _ 60 _ 100" },
    { "(a * on (x) b) keep_metric_names", B " 80 _ 240 _ 400" },
    { "(a * 2) keep_metric_names + 0", "{x=\"1\"} 2 4 6 8 10; "
      "{x=\"2\"} 20 _ 60 _ 100" },

    /* ranges that nobody wrote */
    { "count_over_time(a)", "{x=\"1\"} 1 1 1 1 1; {x=\"2\"} 1 _ 1 _ 1" },
    { "rate(c)", "{x=\"1\"} 0 1 1 0.5 1" },
    { "increase(c)", "{x=\"1\"} 0 60 60 30 60" },
    { "delta(c)", "{x=\"1\"} 0 60 60 -90 60" },
    { "rate(sum(c))", "{} 0 1 1 0.5 1" },
    { "max_over_time(sum(a))", "{} 11 2 33 4 55" },
    { "sum_over_time(a[2i])", "{x=\"1\"} 1 3 5 7 9; {x=\"2\"} 10 10 30 30 50" },

    /* all steps */
    { "range_avg(a)", "{x=\"1\"} 3 3 3 3 3; {x=\"2\"} 30 30 30 30 30" },
    { "range_sum(a)", "{x=\"1\"} 15 15 15 15 15; {x=\"2\"} 90 90 90 90 90" },
    { "range_max(a)", "{x=\"1\"} 5 5 5 5 5; {x=\"2\"} 50 50 50 50 50" },
    { "range_min(a)", "{x=\"1\"} 1 1 1 1 1; {x=\"2\"} 10 10 10 10 10" },
    { "range_first(a)", A " 1 1 1 1 1; " B " 10 10 10 10 10" },
    { "range_last(a)", A " 5 5 5 5 5; " B " 50 50 50 50 50" },
    { "range_median(a)", A " 3 3 3 3 3; " B " 30 30 30 30 30" },
    { "range_quantile(0.25, a)", A " 2 2 2 2 2; " B " 20 20 20 20 20" },
    { "range_stdvar(a{x=\"1\"})", A " 2 2 2 2 2" },
    { "range_stddev(b)", "b{x=\"2\"} 0 0 0 0 0" },
    { "range_mad(a)", A " 1 1 1 1 1; " B " 20 20 20 20 20" },
    { "range_normalize(a)", A " 0 0.25 0.5 0.75 1; " B " 0 _ 0.5 _ 1" },
    { "range_zscore(a{x=\"1\"})",
      A " -1.41421 -0.707107 0 0.707107 1.41421" },
    { "range_trim_zscore(1, a)", A " _ 2 3 4 _; " B " _ _ 30 _ _" },
    { "range_trim_outliers(1, a)", A " _ 2 3 4 _; " B " 10 _ 30 _ 50" },
    { "range_trim_spikes(0.5, a)", A " _ 2 3 4 _; " B " _ _ 30 _ _" },
    { "range_linear_regression(a)", A " 1 2 3 4 5; " B " 10 20 30 40 50" },
    { "range_sum(c @ 60)", "{x=\"1\"} 300 300 300 300 300" },
    { "range_sum(1)", "{} 5 5 5 5 5" },
    { "running_sum(a)", "{x=\"1\"} 1 3 6 10 15; {x=\"2\"} 10 10 40 40 90" },
    { "running_avg(a)", "{x=\"1\"} 1 1.5 2 2.5 3; {x=\"2\"} 10 10 20 20 30" },
    { "running_max(c)", "{x=\"1\"} 0 60 120 120 120" },
    { "running_min(c)", "{x=\"1\"} 0 0 0 0 0" },
    { "remove_resets(c)", "c{x=\"1\"} 0 60 120 150 210" },
    { "smooth_exponential(a{x=\"1\"}, 0.5)", A " 1 1.5 2.25 3.125 4.0625" },

    /* aggregations */
    { "topk_max(1, a)", B " 10 _ 30 _ 50" },
    { "topk_min(1, a, \"other\")", B " 10 _ 30 _ 50; "
      "{other=\"other\"} 1 2 3 4 5" },
    { "bottomk_avg(1, a, \"x=rest\")", A " 1 2 3 4 5; "
      "{x=\"rest\"} 10 _ 30 _ 50" },
    { "topk_last(1, {__name__=~\"b|c\"})", "c{x=\"1\"} 0 60 120 30 90" },
    { "topk_median(1, {__name__=~\"b|c\"})", "c{x=\"1\"} 0 60 120 30 90" },
    { "bottomk_max by (x) (1, {__name__=~\"a|b|c\"})",
      A " 1 2 3 4 5; b{x=\"2\"} 8 8 8 8 8" },
    { "topk_max(time() / 60, a)", A " _ _ 3 4 5; " B " _ _ 30 _ 50" },
    { "sum by (x) (a) limit 1", "{x=\"1\"} 1 2 3 4 5" },
    { "topk by (x) (1, a) limit 1", A " 1 2 3 4 5" },
    { "count(a) limit 0", "{} 2 1 2 1 2" },
    { "median(a)", "{} 5.5 2 16.5 4 27.5" },
    { "any(a)", A " 1 2 3 4 5" },
    { "distinct(a - a)", "{} 1 1 1 1 1" },
    { "sum2(a)", "{} 101 4 909 16 2525" },
    { "geomean(a{x=\"2\"})", "{} 10 _ 30 _ 50" },
    { "mad(a)", "{} 4.5 0 13.5 0 22.5" },
    { "mode(a)", "{} 1 2 3 4 5" },
    { "share(a)", A " 0.0909091 1 0.0909091 1 0.0909091; "
      B " 0.909091 _ 0.909091 _ 0.909091" },
    { "zscore(a @ 0)", A " -1 -1 -1 -1 -1; " B " 1 1 1 1 1" },
    { "outliersk(1, {__name__=~\"a|b\"})", B " 10 _ 30 _ 50" },
    { "sum(a, b)", "{} 19 10 41 12 63" },

    /* selectors */
    { "{x=\"2\" or __name__=\"c\"}", B " 10 _ 30 _ 50; "
      "b{x=\"2\"} 8 8 8 8 8; c{x=\"1\"} 0 60 120 30 90" },
    { "a{x=\"1\" or x=~\"1|2\" or x=\"2\"}",
      A " 1 2 3 4 5; " B " 10 _ 30 _ 50" },
    { "sum({__name__=\"b\" or __name__=\"b\"})", "{} 8 8 8 8 8" },
    { "(b, c, b)", "b{x=\"2\"} 8 8 8 8 8; c{x=\"1\"} 0 60 120 30 90" },

    /* labels */
    { "label_set(b, \"y\", \"z\", \"x\", \"\")",
      "b{y=\"z\"} 8 8 8 8 8" },
    { "label_del(b, \"x\", \"none\")", "b 8 8 8 8 8" },
    { "label_keep(b, \"x\")", "{x=\"2\"} 8 8 8 8 8" },
    { "label_copy(b, \"x\", \"y\", \"none\", \"z\")",
      "b{x=\"2\", y=\"2\"} 8 8 8 8 8" },
    { "label_move(b, \"x\", \"y\")", "b{y=\"2\"} 8 8 8 8 8" },
    { "label_uppercase(label_set(b, \"x\", \"aZ[1\"), \"x\")",
      "b{x=\"AZ[1\"} 8 8 8 8 8" },
    { "label_lowercase(label_set(b, \"x\", \"aZ[1\"), \"x\")",
      "b{x=\"az[1\"} 8 8 8 8 8" },
    { "label_match(a, \"x\", \"1.*\")", A " 1 2 3 4 5" },
    { "label_mismatch(a, \"x\", \"1.*\")", B " 10 _ 30 _ 50" },
    { "label_value(b, \"x\")", "{x=\"2\"} 2 2 2 2 2" },
    { "labels_equal(label_copy(a, \"x\", \"y\"), \"x\", \"y\")",
      "a{x=\"1\", y=\"1\"} 1 2 3 4 5; a{x=\"2\", y=\"2\"} 10 _ 30 _ 50" },
    { "drop_common_labels(a)", "{x=\"1\"} 1 2 3 4 5; {x=\"2\"} 10 _ 30 _ 50" },
    { "limit_offset(1, 1, a)", B " 10 _ 30 _ 50" },
    { "label_del(a, \"x\")", "vector cannot contain metrics with the same "
      "labelset" },
    { "label_set(a, \"x\")", "label_set() takes pairs of strings" },

    /* over time */
    { "count_ne_over_time(c[2m], 60)", "{x=\"1\"} 1 1 1 2 2" },
    { "share_gt_over_time(c[2m], 59)", "{x=\"1\"} 0 0.5 1 0.5 0.5" },
    { "sum_le_over_time(c[2m], 60)", "{x=\"1\"} 0 60 60 30 30" },
    { "range_over_time(c[2m])", "{x=\"1\"} 0 60 60 90 60" },
    { "median_over_time(c[2m])", "{x=\"1\"} 0 30 90 75 60" },
    { "distinct_over_time(b[3m])", "{x=\"2\"} 1 1 1 1 1" },
    { "ascent_over_time(c[3m])", "{x=\"1\"} 0 60 120 60 60" },
    { "descent_over_time(c[3m])", "{x=\"1\"} 0 0 0 90 90" },
    { "lag(c[2m] offset -30s)", "{x=\"1\"} 30 30 30 30 30" },
    { "lifetime(c[3m])", "{x=\"1\"} 0 60 120 120 120" },
    { "scrape_interval(c[3m])", "{x=\"1\"} _ 60 60 60 60" },
    { "integrate(b[2m])", "{x=\"2\"} 0 480 480 480 480" },
    { "bitmap_and(c, 28)", "{x=\"1\"} 0 28 24 28 24" },

    /* time zones */
    { "hour(time() + 1711846799, \"Europe/Berlin\")", "{} 1 3 3 3 3" },
    { "hour(time() + 1729990799, \"Europe/Berlin\")", "{} 2 2 2 2 2" },
    { "minute(time() + 1729990799, \"Europe/Berlin\")", "{} 59 0 1 2 3" },
    { "day_of_week(time() + 1704063599, \"Europe/Berlin\")", "{} 0 1 1 1 1" },
    { "year(time() + 1704063599, \"Europe/Berlin\")",
      "{} 2023 2024 2024 2024 2024" },
    { "timezone_offset(\"Europe/Berlin\")", "{} 3600 3600 3600 3600 3600" },
    { "hour(a, \"Nowhere\")", "8:17: unknown time zone \"Nowhere\"" },
    { "hour(a, \"../etc/passwd\")",
      "8:23: unknown time zone \"../etc/passwd\"" },
};


static void
evaluation(void)
{
    size_t     i;
    phr_buf_t  b;

    phr_buf_init(&b, 0);

    for (i = 0; i < phr_nelems(evals); i++) {
        phr_buf_reset(&b);
        (void) dialect_eval(evals[i].text, 5, &b);
        is_str(phr_buf_cstr(&b), evals[i].want, "%s", evals[i].text);
    }

    phr_buf_free(&b);
}


/* where samples are a step apart and are looked for a while */
static void
windows(void)
{
    size_t     i;
    phr_buf_t  b;

    static const struct {
        const char  *text;
        const char  *want;
    } cases[] = {
        { "irate(c)", "{x=\"1\"} _ 1 1 0.5 1" },
        { "idelta(c)", "{x=\"1\"} _ 60 60 -90 60" },
        { "deriv(b)", "{x=\"2\"} _ 0 0 0 0" },
        { "rate(c)", "{x=\"1\"} 0 1 1 0.5 1" },
        { "changes(b)", "{x=\"2\"} 0 0 0 0 0" },
        { "avg_over_time(c)", "{x=\"1\"} 0 60 120 30 90" },
        { "sum_over_time(max_over_time(c)[2m:])",
          "{x=\"1\"} 0 60 180 150 120" },
    };

    phr_buf_init(&b, 0);
    lookback_ms = 300000;

    for (i = 0; i < phr_nelems(cases); i++) {
        phr_buf_reset(&b);
        (void) dialect_eval(cases[i].text, 5, &b);
        is_str(phr_buf_cstr(&b), cases[i].want, "%s", cases[i].text);
    }

    lookback_ms = 30000;
    phr_buf_free(&b);
}


static int
oom_eval(void *data)
{
    int        rc;
    phr_buf_t  b;

    phr_buf_init(&b, 0);
    rc = dialect_eval(data, 3, &b);
    phr_buf_free(&b);

    return rc;
}


static void
memory(void)
{
    size_t  i;

    static char  *texts[] = {
        "WITH (f(q, l) = sum(q) by (l) limit 2) f(rate(a), (x, y)) default 0",
        "topk_max(1, {x=\"1\" or x=\"2\"}, \"rest\")",
        "range_quantile(0.5, label_set((a, b), \"y\", \"z\"))",
        "outliers_mad(1, a) if zscore(b)",
    };

    for (i = 0; i < phr_nelems(texts); i++) {
        ok(phr_oom_run(oom_eval, texts[i]) > 0, "out of memory: %s",
           texts[i]);
    }
}


int
main(void)
{
    static const double  one[] = { 1, 2, 3, 4, 5 };
    static const double  two[] = { 10, NAN, 30, NAN, 50 };
    static const double  eight[] = { 8, 8, 8, 8, 8 };
    static const double  count[] = { 0, 60, 120, 30, 90 };

    store = phr_memstore_create();

    series("a", "1", one, 5);
    series("a", "2", two, 5);
    series("b", "2", eight, 5);
    series("c", "1", count, 5);

    syntax();
    with();
    with_bound();
    evaluation();
    windows();
    memory();

    phr_memstore_destroy(store);

    return done_testing();
}
