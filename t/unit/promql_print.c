/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of promql/print.c: canonical text, and the indented form.
 */

#include "promql/ast.h"

#include "core/arena.h"
#include "tap.h"


static void
check(const char *text, const char *want, int pretty)
{
    phr_err_t     err;
    phr_buf_t     b;
    phr_node_t   *node;
    phr_arena_t  *a;

    a = phr_arena_create(0);
    phr_buf_init(&b, 0);
    phr_err_init(&err);

    if (phr_promql_parse(a, phr_str_from_c(text), PHR_PROMQL_EXPERIMENTAL,
                         NULL, &node, &err)
        == PHR_OK)
    {
        if (pretty) {
            phr_promql_pretty(&b, node);

        } else {
            phr_promql_print(&b, node);
        }

        phr_promql_destroy(node);
    }

    is_str(err.code ? err.text : phr_buf_cstr(&b), want, "%.60s", text);

    phr_buf_free(&b);
    phr_arena_destroy(a);
}


static void
lines(void)
{
    size_t  i;

    static const struct {
        const char  *text;
        const char  *want;      /* NULL: the same */
    } cases[] = {
        { "1e9", "1000000000" },
        { "Inf", "+Inf" },
        { "90m", "1h30m" },
        { "57ms + 1001ms", "57ms + 1s1ms" },
        { "106751d23h47m16s854ms", NULL },
        { "-0.5", NULL },
        { "'a\"\\n'", "\"a\\\"\\n\"" },
        { "a{z='1',b=~\"2\"}", "a{b=~\"2\",z=\"1\"}" },
        { "{__name__='a'}", "{__name__=\"a\"}" },
        { "{\"a\"}", "{__name__=\"a\"}" },
        { "a{'b.c'='d'}", "a{\"b.c\"=\"d\"}" },
        { "a  @  12", "a @ 12.000" },
        { "a offset 1h @ start()", "a @ start() offset 1h" },
        { "a[5m] @ 1 offset -90s", "a[5m] @ 1.000 offset -1m30s" },
        { "a offset 1d smoothed", "a smoothed offset 1d" },
        { "a[1m] anchored offset 1m", NULL },
        { "a[5m:] offset 1m", NULL },
        { "a[3600:60]", "a[1h:1m]" },
        { "a[(5m+step())*2:max_of(1m,range()/10)]",
          "a[(5m + step()) * 2:max_of(1m, range() / 10)]" },
        { "a offset -(5m)", NULL },
        { "a offset +(5m) - 1", NULL },
        { "a offset ++5m", "a offset 5m" },
        { "a offset ++5m - 1", "a offset (5m - 1)" },
        { "a offset +-step() - 1", "a offset (-step() - 1)" },
        { "SUM by (a) (b)", "sum by (a) (b)" },
        { "sum(b) by ()", "sum(b)" },
        { "sum without () (b)", NULL },
        { "sum by ('a.b',c) (d)", "sum by (\"a.b\", c) (d)" },
        { "topk(1,b)by(c)", "topk by (c) (1, b)" },
        { "a==bool on()b", "a == bool on () b" },
        { "a/ignoring(b)group_left c",
          "a / ignoring (b) group_left () c" },
        { "a+on(b)group_right(c)d", "a + on (b) group_right (c) d" },
        { "a+fill(1e30)b", "a + fill (1e+30) b" },
        { "a+fill_right(1)fill_left(2)b",
          "a + fill_left (2) fill_right (1) b" },
        { "a + on () 1", "a + 1" },
        { "- a", "-a" },
        { "info(a,{})", "info(a, {})" },
        { "+(a)", "+(a)" },
        { "label_join ( a , 'b','c','d' )",
          "label_join(a, \"b\", \"c\", \"d\")" },
    };

    for (i = 0; i < phr_nelems(cases); i++) {
        check(cases[i].text, cases[i].want ? cases[i].want : cases[i].text,
              0);

        if (cases[i].want != NULL) {
            check(cases[i].want, cases[i].want, 0);
        }
    }
}


#define LONG  "a_name_of_a_metric_so_long_that_nothing_fits_beside_it"

static void
blocks(void)
{
    size_t  i;

    static const struct {
        const char  *text;
        const char  *want;
    } cases[] = {
        { "a+b", "a + b" },
        { "sum by (x) (" LONG " + " LONG ")",
          "sum by (x) (\n"
          "    " LONG "\n"
          "  +\n"
          "    " LONG "\n"
          ")" },
        { "clamp((" LONG "), 1, 10000000000000000000) or"
          " -" LONG,
          "  clamp((" LONG "), 1, 10000000000000000000)\n"
          "or\n"
          "  -" LONG },
        { "clamp(" LONG "{a=\"" LONG "\"}, 1, 2)",
          "clamp(\n"
          "  " LONG "{a=\"" LONG "\"},\n"
          "  1,\n"
          "  2\n"
          ")" },
        { "topk(5, (" LONG "{a=\"" LONG "\"}))",
          "topk(\n"
          "  5,\n"
          "  (\n"
          "    " LONG "{a=\"" LONG "\"}\n"
          "  )\n"
          ")" },
        { "-abs(" LONG "{a=\"" LONG "\"})",
          "-abs(\n"
          "  " LONG "{a=\"" LONG "\"}\n"
          ")" },
        { "max_over_time((" LONG " * bool on (x) " LONG ")[1h:])", NULL },
        { "(" LONG " > bool on (x) " LONG ")[1h:]",
          "(\n"
          "    " LONG "\n"
          "  > bool on (x)\n"
          "    " LONG "\n"
          ")[1h:]" },
    };

    for (i = 0; i < phr_nelems(cases); i++) {
        if (cases[i].want == NULL) {
            check(cases[i].text, "parse error: bool modifier can only be used"
                  " on comparison operators", 1);
            continue;
        }

        check(cases[i].text, cases[i].want, 1);
    }
}


int
main(void)
{
    lines();
    blocks();

    return done_testing();
}
