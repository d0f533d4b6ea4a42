/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of promql/parser*.c, check.c and ast.c: what trees are made, what
 * is refused, with which words and where.  A tree is shown fully in
 * parentheses.
 */

#include "promql/ast.h"

#include "core/arena.h"
#include "oom.h"
#include "tap.h"


static void
show(phr_buf_t *b, const phr_node_t *node)
{
    size_t             i;
    const phr_node_t  *child;

    static const char *const  kinds[] = {
        "number", "string", "selector", "matrix", "subquery", "unary",
        "binary", "aggregate", "call", "paren", "duration",
    };

    switch (node->kind) {

    case PHR_NODE_NUMBER:
    case PHR_NODE_STRING:
    case PHR_NODE_SELECTOR:
        phr_promql_print(b, node);
        return;

    case PHR_NODE_BINARY:
        phr_buf_printf(b, "(%s", phr_token_text(node->u.binary.op));
        break;

    case PHR_NODE_UNARY:
        phr_buf_printf(b, "(%s", phr_token_text(node->u.unary.op));
        break;

    case PHR_NODE_CALL:
        phr_buf_printf(b, "(%s", node->u.call.func->name);
        break;

    default:
        phr_buf_printf(b, "(%s", kinds[node->kind]);
        break;
    }

    for (i = 0; (child = phr_ast_child(node, i)) != NULL; i++) {
        phr_buf_putc(b, ' ');
        show(b, child);
    }

    phr_buf_putc(b, ')');
}


static phr_node_t *
parse(phr_arena_t *a, const char *text, phr_err_t *err)
{
    phr_node_t  *node;

    phr_err_init(err);

    if (phr_promql_parse(a, phr_str_from_c(text), PHR_PROMQL_EXPERIMENTAL,
                         NULL, &node, err)
        != PHR_OK)
    {
        return NULL;
    }

    return node;
}


static void
trees(void)
{
    size_t        i;
    phr_err_t     err;
    phr_buf_t     b;
    phr_node_t   *node;
    phr_arena_t  *a;

    static const struct {
        const char  *text;
        const char  *want;
    } cases[] = {
        { "1 + 2 * 3", "(+ 1 (* 2 3))" },
        { "1 - 2 - 3", "(- (- 1 2) 3)" },
        { "2 ^ 3 ^ 4", "(^ 2 (^ 3 4))" },
        { "-1 ^ 2", "(- (^ 1 2))" },
        { "-a ^ 2 * b", "(* (- (^ a 2)) b)" },
        { "2 ^ -a * b", "(* (^ 2 (- a)) b)" },
        { "-5", "-5" },
        { "--5", "5" },
        { "-5m", "-5m" },
        { "-a offset 5m", "(- a offset 5m)" },
        { "a or b and c unless d", "(or a (unless (and b c) d))" },
        { "a == bool 1 + 2", "(== a (+ 1 2))" },
        { "a * b atan2 c", "(atan2 (* a b) c)" },
        { "a </ b + c", "(</ a (+ b c))" },
        { "and and and", "(and and and)" },
        { "sum by (a) (b)", "(aggregate b)" },
        { "sum(b) without (a)", "(aggregate b)" },
        { "sum{a=\"b\"}", "sum{a=\"b\"}" },
        { "topk(3, a)", "(aggregate 3 a)" },
        { "rate(a[5m])", "(rate (matrix a))" },
        { "hour()", "(hour)" },
        { "step() * range()", "(* (step) (range))" },
        { "max_over_time((a + b)[1h:5m] @ end())",
          "(max_over_time (subquery (paren (+ a b))))" },
        { "offset offset 5m", "offset offset 5m" },
        { "a offset 5m - 1", "(- a offset 5m 1)" },
        { "a offset (5m) - 1", "a offset (5m) - 1" },
        { "a offset -2 ^ 2", "(^ a offset -2s 2)" },
        { "a offset --5m - 1", "a offset (5m - 1)" },
        { "0x1F + 010 + 08 + 1_000.5 + .5e1",
          "(+ (+ (+ (+ 31 8) 8) 1000.5) 5)" },
        { "5m * 1", "(* 5m 1)" },
        { "info(a, {b=~\".*\"})", "(info a {b=~\".*\"})" },
        { "START", "START" },
        { "a @ -1.5", "a @ -1.500" },
        { "{'a b', c='d'}", "{__name__=\"a b\",c=\"d\"}" },
    };

    a = phr_arena_create(0);

    for (i = 0; i < phr_nelems(cases); i++) {
        phr_buf_init(&b, 0);
        node = parse(a, cases[i].text, &err);

        if (node != NULL) {
            show(&b, node);
        }

        is_str(node ? phr_buf_cstr(&b) : err.text, cases[i].want, "%s",
               cases[i].text);

        phr_promql_destroy(node);
        phr_buf_free(&b);
    }

    phr_arena_destroy(a);
}


static void
errors(void)
{
    char          got[PHR_ERR_TEXT + 64];
    size_t        i;
    phr_err_t     err;
    phr_node_t   *node;
    phr_arena_t  *a;

    static const struct {
        const char  *text;
        const char  *want;      /* without "parse error: " */
    } cases[] = {
        { " ", "1:1: no expression found in input" },
        { "1 +", "1:4: unexpected end of input" },
        { "1\n+ )", "2:4: unexpected right parenthesis ')'" },
        { "a b", "1:3: unexpected identifier \"b\"" },
        { "sum(a b)", "1:7: unexpected identifier \"b\" in aggregation" },
        { "sum by a (b)", "1:8: unexpected identifier \"a\" in grouping opts,"
          " expected \"(\"" },
        { "sum by (1) (b)", "1:9: unexpected number \"1\" in grouping opts,"
          " expected label" },
        { "sum by (a b) (c)", "1:11: unexpected identifier \"b\" in grouping"
          " opts, expected \",\" or \")\"" },
        { "sum by (without) (c)", "1:9: unexpected <without> in grouping"
          " opts, expected label" },
        { "sum by ('') (c)", "1:9: invalid label name for grouping: \"\"" },
        { "a + on(b) group_left * c", "1:22: unexpected <op:*> in grouping"
          " opts, expected \"(\"" },
        { "a + group_left(b) c", "1:5: unexpected <group_left>" },
        { "a{b}", "1:4: unexpected \"}\" in label matching, expected label"
          " matching operator" },
        { "a{b=c}", "1:5: unexpected identifier \"c\" in label matching,"
          " expected string" },
        { "a{b='c' d='e'}", "1:9: unexpected identifier \"d\" in label"
          " matching, expected \",\" or \"}\"" },
        { "a{,}", "1:3: unexpected \",\" in label matching, expected"
          " identifier or \"}\"" },
        { "a[]", "1:3: unexpected \"]\" in subquery or range selector,"
          " expected number, duration, step(), or range()" },
        { "a[5m 5m]", "1:6: unexpected duration \"5m\" in subquery or range,"
          " expected \":\" or \"]\"" },
        { "a[5m:5m 5m]", "1:9: unexpected duration \"5m\" in subquery"
          " selector, expected \"]\"" },
        { "a[0m]", "1:3: duration must be greater than 0" },
        { "a[5m / 0]", "1:6: division by zero" },
        { "a offset b", "1:10: unexpected identifier \"b\" in offset,"
          " expected number, duration, step(), or range()" },
        { "a @ b", "1:5: unexpected identifier \"b\" in @, expected"
          " timestamp" },
        { "a @ Inf", "1:1: timestamp out of bounds for @ modifier: +Inf" },
        { "a offset 1m offset 1m", "1:1: offset may not be set multiple"
          " times" },
        { "a @ 1 @ 2", "1:1: @ <timestamp> may not be set multiple times" },
        { "1 offset 1m", "1:1: offset modifier must be preceded by an instant"
          " vector selector or range vector selector or a subquery" },
        { "a offset 1m [5m]", "1:13: no offset modifiers allowed before"
          " range" },
        { "a @ end() [5m]", "1:11: no @ modifiers allowed before range" },
        { "(a)[5m]", "1:4: ranges only allowed for vector selectors" },
        { "a anchored smoothed", "1:1: anchored and smoothed modifiers cannot"
          " be used together" },
        { "nosuch(a)", "1:1: unknown function with name \"nosuch\"" },
        { "rate(a[1m],)", "1:11: trailing commas not allowed in function call"
          " args" },
        { "rate(a)", "1:6: expected type range vector in call to function"
          " \"rate\", got instant vector" },
        { "rate()", "1:1: expected 1 argument(s) in call to \"rate\", got 0" },
        { "round(a, 1, 2)", "1:1: expected at most 2 argument(s) in call to"
          " \"round\", got 3" },
        { "label_join(a, 'b')", "1:1: expected at least 3 argument(s) in call"
          " to \"label_join\", got 2" },
        { "label_join(a, 'b', ',', 1)", "1:25: expected type string in call"
          " to function \"label_join\", got scalar" },
        { "sum()", "1:1: no arguments for aggregate expression provided" },
        { "topk(a)", "1:1: wrong number of arguments for aggregate expression"
          " provided, expected 2, got 1" },
        { "topk('a', b)", "1:6: expected type scalar in aggregation"
          " parameter, got string" },
        { "sum(1)", "1:5: expected type instant vector in aggregation"
          " expression, got scalar" },
        { "1 == 1", "1:3: comparisons between scalars must use BOOL"
          " modifier" },
        { "a + bool b", "1:3: bool modifier can only be used on comparison"
          " operators" },
        { "a and 1", "1:1: set operator \"and\" not allowed in binary scalar"
          " expression" },
        { "a or on(b) group_left c", "1:1: no grouping allowed for \"or\""
          " operation" },
        { "a + on(b) 1", "1:1: vector matching only allowed between instant"
          " vectors" },
        { "a + on(b) group_left(b) c", "1:3: label \"b\" must not occur in ON"
          " and GROUP clause at once" },
        { "a + fill(0) 1", "1:1: filling in missing series only allowed"
          " between instant vectors" },
        { "a + 'b'", "1:5: binary expression must contain only scalar and"
          " instant vector types" },
        { "-'a'", "1:1: unary expression only allowed on expressions of type"
          " scalar or instant vector, got \"string\"" },
        { "1[5m:]", "1:1: subquery is only allowed on instant vector, got"
          " scalar instead" },
        { "{}", "1:1: vector selector must contain at least one non-empty"
          " matcher" },
        { "{a=~'.*',b=''}", "1:1: vector selector must contain at least one"
          " non-empty matcher" },
        { "a{__name__='b'}", "1:1: metric name must not be set twice: \"a\""
          " or \"b\"" },
        { "info(a, b)", "1:9: expected label selectors only, got vector"
          " selector instead" },
        { "1e999", "1:1: error parsing number: strconv.ParseFloat: parsing"
          " \"1e999\": value out of range" },
        { "0x", "1:1: error parsing number: strconv.ParseFloat: parsing"
          " \"0x\": invalid syntax" },
        { "a[5y1hs]", "1:3: unknown unit \"hs\" in duration \"5y1hs\"" },
        { "a[1m1h]", "1:3: not a valid duration string: \"1m1h\"" },
        { "a[300y]", "1:3: duration out of range" },
    };

    a = phr_arena_create(0);

    for (i = 0; i < phr_nelems(cases); i++) {
        node = parse(a, cases[i].text, &err);

        if (!ok(node == NULL && err.code == PHR_EPARSE
                && strncmp(err.text, "parse error: ", 13) == 0
                && err.end <= (int32_t) strlen(cases[i].text),
                "%s is refused", cases[i].text))
        {
            printf("#   %s\n", err.text);
            phr_promql_destroy(node);
            continue;
        }

        snprintf(got, sizeof(got), "%u:%u: %s", (unsigned) err.line,
                 (unsigned) err.column, err.text + 13);
        is_str(got, cases[i].want, "because");
    }

    node = parse(a, "a{b=~'('}", &err);
    ok(node == NULL && err.start == 2 && err.end == 8
       && strstr(err.text, "error parsing regexp: missing closing )"),
       "a bad regex: %s", err.text);

    node = parse(a, "", &err);
    ok(node == NULL && err.line == 0, "no text has no place");
    is_str(err.text, "unknown position: parse error: no expression found in"
           " input", "it is said so");

    phr_arena_destroy(a);
}


static void
experimental(void)
{
    size_t        i;
    phr_err_t     err;
    phr_node_t   *node;
    phr_arena_t  *a;

    static const char *const  cases[] = {
        "limitk(1, a)", "mad_over_time(a[5m])", "step()", "a[5m + 1m]",
        "a offset step()", "a + fill(0) b", "a smoothed", "info(a)",
    };

    a = phr_arena_create(0);

    for (i = 0; i < phr_nelems(cases); i++) {
        node = parse(a, cases[i], &err);
        ok(node != NULL, "%s: %s", cases[i], err.text);
        phr_promql_destroy(node);

        ok(phr_promql_parse(a, phr_str_from_c(cases[i]), 0, NULL, &node, &err)
           == PHR_EPARSE
           && (strstr(err.text, "enabled") != NULL),
           "it has to be enabled");
    }

    phr_arena_destroy(a);
}


static void
fields(void)
{
    int64_t                     ms;
    phr_err_t                   err;
    phr_node_t                 *node, *expr;
    phr_arena_t                *a;
    const phr_node_binary_t    *b;
    const phr_node_selector_t  *s;

    a = phr_arena_create(0);

    node = parse(a, " a * on (x, 'y.z') group_right (v) fill_left(-1) b",
                 &err);
    b = &node->u.binary;
    ok(b->on && b->card == PHR_CARD_ONE_TO_MANY && b->labels.n == 2
       && phr_str_eq(b->labels.s[1], phr_str_of("y.z"))
       && b->include.n == 1 && b->has_fill_lhs && !b->has_fill_rhs
       && b->fill_lhs == -1, "vector matching");
    ok(node->start == 1 && node->end == 50 && node->id > b->rhs->id
       && b->rhs->id > b->lhs->id, "places and numbers");
    phr_promql_destroy(node);

    node = parse(a, "a unless b", &err);
    is_int(node->u.binary.card, PHR_CARD_MANY_TO_MANY, "sets");
    phr_promql_destroy(node);

    node = parse(a, "rate(a{b!~'c+'}[90s] offset -1m @ 1.5)", &err);
    expr = node->u.call.args[0];
    s = &expr->u.matrix.selector->u.selector;
    ok(expr->u.matrix.range_ms == 90000 && s->when.offset_ms == -60000
       && s->when.at == PHR_AT_TIME && s->when.at_ms == 1500
       && s->nmatchers == 2 && s->matchers[0].re != NULL
       && phr_str_eq(s->matchers[1].name, phr_str_of("__name__")),
       "what a range keeps");
    ok(phr_promql_type(node) == PHR_TYPE_VECTOR
       && phr_promql_type(expr) == PHR_TYPE_MATRIX, "types");
    phr_promql_destroy(node);

    node = parse(a, "a[1m] offset (2 * step() + max_of(range() / 4, 1m))",
                 &err);
    expr = node->u.matrix.selector->u.selector.when.offset;
    ok(phr_ast_duration(expr, 15000, 600000, 0, &ms, &err) == PHR_OK
       && ms == 180000, "the value of a duration");
    phr_promql_destroy(node);

    node = parse(a, "a[1m / (step() - 15)]", &err);
    ok(phr_ast_duration(node->u.matrix.range, 15000, 0, 1, &ms, &err)
       == PHR_EEXEC && strcmp(err.text, "2:19: division by zero") == 0,
       "no value: %s", err.text);
    ok(phr_ast_duration(node->u.matrix.range, 10000, 0, 1, &ms, &err)
       == PHR_EEXEC && strstr(err.text, "greater than 0") != NULL,
       "no good value: %s", err.text);
    phr_promql_destroy(node);

    phr_arena_destroy(a);
}


/* n times a piece, then the end */

static char *
repeat(const char *piece, size_t n, const char *end)
{
    char    *s;
    size_t   len, i;

    len = strlen(piece);
    s = malloc(n * len + strlen(end) + 1);

    for (i = 0; i < n; i++) {
        memcpy(s + i * len, piece, len);
    }

    strcpy(s + n * len, end);

    return s;
}


static void
limits(void)
{
    char         *text;
    size_t        i;
    phr_err_t     err;
    phr_node_t   *node;
    phr_arena_t  *a;

    static const char *const  pieces[] = {
        "(", "-", "a+", "a^", "sum(", "a offset (", "a[(", "abs(-", "a[-",
        "a offset -",
    };

    for (i = 0; i < phr_nelems(pieces); i++) {
        a = phr_arena_create(0);
        text = repeat(pieces[i], 10000, "a");

        node = parse(a, text, &err);
        ok(node == NULL && err.code == PHR_EPARSE, "10000 times \"%s\": %s",
           pieces[i], err.text);

        free(text);
        phr_arena_destroy(a);
    }

    a = phr_arena_create(0);

    text = repeat("a + ", 500, "a");
    node = parse(a, text, &err);
    ok(node != NULL, "500 operators: %s", err.text);
    phr_promql_destroy(node);
    free(text);

    text = repeat("a", PHR_AST_MAX_TEXT + 1, "");
    node = parse(a, text, &err);
    ok(node == NULL && err.code == PHR_EPARSE, "too long: %s", err.text);
    free(text);

    phr_arena_destroy(a);

    a = phr_arena_create(1000);
    text = repeat("a + ", 100, "a");
    ok(phr_promql_parse(a, phr_str_from_c(text), 0, NULL, &node, &err)
       == PHR_ELIMIT, "the limit of the arena: %s", err.text);
    free(text);
    phr_arena_destroy(a);
}


static void
selectors(void)
{
    size_t          i, n;
    phr_err_t       err;
    phr_arena_t    *a;
    phr_matcher_t  *m;

    static const char *const  bad[] = {
        "a + b", "a offset 5m", "a[5m]", "1", "", "sum(a)", "{a=~'('}",
    };

    a = phr_arena_create(0);

    ok(phr_promql_parse_selector(a, phr_str_of("a{b=~'c',d!='e'}"), NULL, &m,
                                 &n, &err) == PHR_OK
       && n == 3 && m[0].op == PHR_MATCH_RE && m[1].op == PHR_MATCH_NE
       && phr_str_eq(m[2].value, phr_str_of("a")), "a selector");

    for (i = 0; i < n; i++) {
        phr_matcher_destroy(&m[i]);
    }

    ok(phr_promql_parse_selector(a, phr_str_of("{}"), NULL, &m, &n, &err)
       == PHR_OK && n == 0, "one that selects everything");

    for (i = 0; i < phr_nelems(bad); i++) {
        ok(phr_promql_parse_selector(a, phr_str_from_c(bad[i]), NULL, &m, &n,
                                     &err) == PHR_EPARSE,
           "\"%s\" is none: %s", bad[i], err.text);
    }

    phr_arena_destroy(a);
}


/* regexes of all texts of a request count together, and end when it does */

static void
regexes(void)
{
    int             rc, stop;
    size_t          i, k, n, nheavy;
    phr_err_t       err;
    phr_node_t     *node;
    phr_arena_t    *a;
    phr_matcher_t  *m[1000];
    phr_matching_t  p;

    static const char  heavy[] = "a{b=~'(x+y*){1,100}.*z'}";

    a = phr_arena_create(0);
    stop = PHR_OK;
    memset(&p, 0, sizeof(p));
    p.stop = &stop;
    phr_err_init(&err);

    for (nheavy = 0; nheavy < phr_nelems(m); nheavy++) {
        rc = phr_promql_parse_selector(a, phr_str_from_c(heavy), &p,
                                       &m[nheavy], &n, &err);
        if (rc != PHR_OK) {
            break;
        }
    }

    ok(nheavy > 50 && nheavy < phr_nelems(m) && rc == PHR_EPARSE
       && strstr(err.text, "may need more than 256 MB") != NULL,
       "%zu heavy selectors: %s", nheavy, err.text);

    ok(phr_promql_parse(a, phr_str_from_c(heavy), 0, &p, &node, &err)
       == PHR_EPARSE, "and no more: %s", err.text);

    for (i = 0; i < nheavy; i++) {
        for (k = 0; k < 2; k++) {
            phr_matcher_destroy(&m[i][k]);
        }
    }

    p.bytes = 0;
    rc = phr_promql_parse(a, phr_str_from_c(heavy), 0, &p, &node, &err);
    ok(rc == PHR_OK && p.bytes > 0, "another request has room");
    phr_promql_destroy(node);

    stop = PHR_ETIMEOUT;
    ok(phr_promql_parse(a, phr_str_from_c(heavy), 0, &p, &node, &err)
       == PHR_ETIMEOUT && strstr(err.text, "timed out") != NULL,
       "no time is left: %s", err.text);

    stop = PHR_ECANCELED;
    ok(phr_promql_parse_selector(a, phr_str_from_c(heavy), &p, &m[0], &n,
                                 &err) == PHR_ECANCELED
       && strstr(err.text, "canceled") != NULL, "canceled: %s", err.text);

    phr_arena_destroy(a);
}


typedef struct {
    const char  *text;
    const char  *error;     /* NULL: none */
} oom_case_t;


static int
parse_and_print(void *data)
{
    int                rc;
    phr_err_t          err;
    phr_buf_t          b;
    phr_node_t        *node;
    phr_arena_t       *a;
    const oom_case_t  *c = data;

    a = phr_arena_create(0);
    if (a == NULL) {
        return PHR_ENOMEM;
    }

    phr_buf_init(&b, 0);
    phr_err_init(&err);

    rc = phr_promql_parse(a, phr_str_from_c(c->text), PHR_PROMQL_EXPERIMENTAL,
                          NULL, &node, &err);

    if (rc == PHR_OK) {
        phr_promql_pretty(&b, node);
        rc = b.failed;
        phr_promql_destroy(node);

    } else if (rc == PHR_EPARSE && c->error != NULL
               && strstr(err.text, c->error) != NULL)
    {
        rc = PHR_OK;
    }

    phr_buf_free(&b);
    phr_arena_destroy(a);

    return rc;
}


static void
memory(void)
{
    size_t  i;

    static const oom_case_t  cases[] = {
        { "topk(3, sum by (a, 'b.c') (rate(x{y=~'a.*|b',z!='\\x41'}"
          "[5m + step()] offset 1h))) * on (a) group_left"
          " -max_over_time(q{r='s', t!~'[0-9]+x'}[1h:1m]) / 1_0.5", NULL },
        { "sum(nosuch(x{y=~'a.*'}))", "name \"nosuch\"" },
        { "a{b=~'c+'} d", "identifier \"d\"" },
        { "a{b=~'c+',__name__='d'}", "twice: \"a\" or \"d\"" },
        { "a{b=~'c+'}[1hs]", "unknown unit \"hs\" in duration \"1hs\"" },
        { "a{b=~'c+'} $", "character: '$'" },
        { "a{b=~'c+'} + '\\q'", "sequence U+0071 'q'" },
        { "a{b=~'c+'} + on(d) group_left(d) e", "label \"d\" must" },
    };

    for (i = 0; i < phr_nelems(cases); i++) {
        ok(phr_oom_run(parse_and_print, (void *) &cases[i]) > 0,
           "without memory: %.40s", cases[i].text);
    }
}


int
main(void)
{
    trees();
    errors();
    experimental();
    fields();
    limits();
    selectors();
    regexes();
    memory();

    return done_testing();
}
