/*
 * Copyright (C) The Pharos Authors
 *
 * Which expressions are final, and how far they look.
 */

#include "promql/final.h"

#include "core/arena.h"
#include "tap.h"


#define MIN  INT64_C(60000)


static int
is_final(phr_arena_t *a, const char *text, int delayed_names,
    phr_reach_t *reach)
{
    int          rc;
    phr_err_t    err;
    phr_node_t  *node;
    phr_query_t  q;

    rc = phr_promql_parse(a, phr_str_from_c(text), PHR_PROMQL_METRICSQL, NULL,
                          &node, &err);
    if (rc != PHR_OK) {
        return -1;
    }

    memset(&q, 0, sizeof(q));
    q.node = node;
    q.end_ms = 60 * MIN;
    q.step_ms = MIN;
    q.lookback_ms = 5 * MIN;
    q.delayed_names = delayed_names;

    rc = phr_promql_final(&q, reach);
    phr_promql_destroy(node);

    return rc;
}


static void
test_shapes(phr_arena_t *a)
{
    size_t       i;
    phr_reach_t  reach;

    static const struct {
        const char  *text;
        int          is_final;
    } cases[] = {

        /* series by series */

        { "up", 1 },
        { "(up)", 1 },
        { "-up", 1 },
        { "rate(a[5m])", 1 },
        { "100 * rate(a[5m]) > bool 3", 1 },
        { "abs({job=\"x\"})", 1 },
        { "sort_desc(up)", 1 },
        { "label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")", 1 },
        { "up offset 5m", 1 },
        { "up offset -5m", 1 },
        { "time() - timestamp(up)", 1 },

        /* of MetricsQL */

        { "rate(a)", 0 },
        { "max_over_time(rate(a[5m]))", 0 },
        { "a{x=\"1\" or x=\"2\"}", 0 },
        { "abs(a) keep_metric_names", 0 },
        { "(a + 1) keep_metric_names", 0 },
        { "count by (x) (a) limit 2", 0 },
        { "a default 0", 0 },

        /* nothing is read */

        { "1", 0 },
        { "time()", 0 },
        { "vector(1)", 0 },

        /* what depends on the query's own times */

        { "up @ 5", 0 },
        { "up @ start()", 0 },
        { "rate(a[5m] @ end())", 0 },
        { "up[5m:] @ end()", 0 },
        { "max_over_time(up[5m:] @ end())", 0 },
        { "up + end()", 0 },
        { "up + step()", 0 },
        { "rate(a[range()])", 0 },
        { "rate(a[step()])", 0 },
        { "up offset step()", 0 },
        { "info(up)", 0 },

        /* equal but for the name is an error, at different steps too */

        { "rate({job=\"x\"}[5m])", 0 },
        { "last_over_time({__name__=~\"a|b\"}[5m])", 0 },
        { "max_over_time((a or b)[5m:])", 0 },

        /* aggregations, in whose order is what they are of */

        { "sum(up)", 1 },
        { "sum by (job) (rate(a[5m]))", 1 },
        { "sum(abs({job=\"x\"}))", 0 },
        { "sum({job=\"x\"})", 1 },
        { "sum(sum by (job) (up))", 0 },
        { "sum(sum(up))", 1 },
        { "count(sum by (job) (up))", 1 },
        { "count by (x) (count_values(\"v\", up))", 1 },
        { "topk(3, up)", 1 },
        { "topk(3, sum by (job) (up))", 0 },
        { "topk(scalar(sum(up)), up)", 0 },
        { "sum(topk(3, up))", 0 },
        { "sum(sort(up))", 0 },
        { "quantile(0.9, up)", 1 },
        { "histogram_quantile(0.9, sum by (le) (rate(a[5m])))", 1 },

        /* operators between vectors */

        { "a / b", 1 },
        { "sum(a / b)", 1 },
        { "sum(a / on (x) b)", 0 },
        { "a / on (x) b", 1 },
        { "sum(a * on (x) group_left b)", 1 },
        { "sum(a * on (x) group_left (y) b)", 0 },
        { "a * on (x) group_left (y) b", 1 },
        { "sum(b * on (x) group_right a)", 1 },
        { "sum(a and b)", 1 },
        { "sum(a or b)", 0 },
        { "a or b", 1 },
        { "sum by (x) (a) / sum by (x) (b)", 1 },
        { "sum(sum by (x) (a) / sum by (x) (b))", 0 },

        /* subqueries */

        { "max_over_time(rate(a[1m])[1h:1m])", 1 },
        { "max_over_time(sum by (job) (rate(a[1m]))[1h:1m])", 1 },
        { "max_over_time((a / on (x) b)[1h:1m])", 0 },
        { "max_over_time(label_replace(a, \"a\", \"\", \"b\", \"\")[1h:])",
          0 },
        { "sum(max_over_time(a[1h:1m]))", 1 },
    };

    for (i = 0; i < phr_nelems(cases); i++) {
        ok(is_final(a, cases[i].text, 0, &reach) == cases[i].is_final, "%s",
           cases[i].text);
    }

    ok(is_final(a, "-a or a", 0, &reach) == 1, "names go at once");
    ok(is_final(a, "-a or a", 1, &reach) == 0,
       "names that go at the end are those of the first samples");
}


static void
test_reach(phr_arena_t *a)
{
    size_t       i;
    phr_reach_t  r;

    static const struct {
        const char  *text;
        int64_t      back, ahead;               /* minutes */
    } cases[] = {
        { "up", 5, 0 },
        { "rate(a[10m])", 10, 0 },
        { "rate(a[10m] offset 3m)", 13, -3 },
        { "up offset -7m", -2, 7 },
        { "rate(a[10m]) / b offset 1h", 65, 0 },
        { "max_over_time(rate(a[10m] offset 1m)[1h:1m] offset 2m)", 73, -3 },
        { "rate(a[10m] smoothed)", 15, 5 },
        { "rate(a[10m] anchored)", 15, 5 },
    };

    for (i = 0; i < phr_nelems(cases); i++) {
        ok(is_final(a, cases[i].text, 0, &r) == 1
           && r.back_ms == cases[i].back * MIN
           && r.ahead_ms == cases[i].ahead * MIN,
           "%s reaches back %dm and ahead %dm", cases[i].text,
           (int) cases[i].back, (int) cases[i].ahead);
    }
}


int
main(void)
{
    phr_arena_t  *a;

    a = phr_arena_create(0);

    test_shapes(a);
    test_reach(a);

    phr_arena_destroy(a);

    return done_testing();
}
