/*
 * Copyright (C) The Pharos Authors
 *
 * Settings: YAML as Go's yaml reads it.
 */

#include "settings/yaml.h"

#include "tap.h"


static phr_arena_t  *arena;


static const phr_yaml_node_t *
parse(const char *text)
{
    phr_err_t               err;
    const phr_yaml_node_t  *node;

    if (phr_yaml_parse(arena, phr_str_from_c(text), "f.yml", &node, &err)
        != PHR_OK)
    {
        ok(0, "parse: %s", err.text);
        return NULL;
    }

    return node;
}


static void
type(const char *scalar, phr_yaml_type_e want)
{
    char                    text[128];
    const phr_yaml_node_t  *node;

    snprintf(text, sizeof(text), "k: %s", scalar);
    node = phr_yaml_get(parse(text), "k");

    ok(node != NULL && node->type == want, "%s is %s", scalar,
       phr_yaml_type_text(want));
}


static void
refused(const char *name, const char *text, int code, uint32_t line)
{
    int                     rc;
    phr_err_t               err;
    const phr_yaml_node_t  *node;

    phr_err_init(&err);
    rc = phr_yaml_parse(arena, phr_str_from_c(text), "f.yml", &node, &err);

    ok(rc == code && err.line == line, "%s is refused in line %u", name,
       line);
}


static void
value_is(const phr_yaml_node_t *node, const char *want, const char *name)
{
    ok(node != NULL && phr_str_eq(node->value, phr_str_from_c(want)), "%s",
       name);
}


static void
test_types(void)
{
    int                     b;
    double                  v;
    int64_t                 i;
    const phr_yaml_node_t  *n;

    type("", PHR_YAML_NULL);
    type("~", PHR_YAML_NULL);
    type("yes", PHR_YAML_BOOL);
    type("off", PHR_YAML_BOOL);
    type("'yes'", PHR_YAML_STRING);
    type("!!str yes", PHR_YAML_STRING);
    type("12", PHR_YAML_INT);
    type("0x1F", PHR_YAML_INT);
    type("1_000", PHR_YAML_INT);
    type("0.999", PHR_YAML_FLOAT);
    type("1e3", PHR_YAML_FLOAT);
    type(".inf", PHR_YAML_FLOAT);
    type("5m", PHR_YAML_STRING);
    type("1.2.3", PHR_YAML_STRING);
    type("12:30", PHR_YAML_STRING);

    n = parse("a: 010\nb: -0b11\nc: .5\nd: off\ne: 1.9\nf: -.inf");
    ok(phr_yaml_int(phr_yaml_get(n, "a"), &i) == PHR_OK && i == 8,
       "a leading zero is octal");
    ok(phr_yaml_int(phr_yaml_get(n, "b"), &i) == PHR_OK && i == -3,
       "binary");
    ok(phr_yaml_double(phr_yaml_get(n, "c"), &v) == PHR_OK && v == 0.5,
       "a fraction");
    ok(phr_yaml_bool(phr_yaml_get(n, "d"), &b) == PHR_OK && b == 0,
       "off is false");
    ok(phr_yaml_int(phr_yaml_get(n, "e"), &i) == PHR_OK && i == 1,
       "a float is cut where an integer is due");
    ok(phr_yaml_double(phr_yaml_get(n, "f"), &v) == PHR_OK && v < -1e308,
       "infinity");
    ok(phr_yaml_int(phr_yaml_get(n, "d"), &i) == PHR_EINVAL,
       "a boolean is no number");
}


static void
test_tree(void)
{
    const phr_yaml_node_t  *n, *m;

    ok(parse("") == NULL, "an empty text has no node");
    ok(parse("# nothing\n---\n") == NULL, "nor has an empty document");

    n = parse("a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3}\n"
              "d: {<<: [{r: 1}, {r: 2, s: 5}]}\n");
    ok(phr_yaml_get(n, "a") == phr_yaml_get(n, "b"), "an alias is its node");

    m = phr_yaml_get(n, "c");
    is_int(m->n, 2, "a merged mapping has both keys");
    value_is(phr_yaml_get(m, "q"), "3", "its own key wins");
    value_is(phr_yaml_get(m, "p"), "1", "the other is merged");

    m = phr_yaml_get(n, "d");
    value_is(phr_yaml_get(m, "r"), "1", "of several the first wins");
    value_is(phr_yaml_get(m, "s"), "5", "all are merged");

    n = parse("- a\n- |\n   x\n    y\n- \"q\"\n");
    is_int(n->items[1]->line, 2, "a block begins with its sign");
    is_int(n->items[1]->text_line, 3, "its text in the next line");
    is_int(n->items[1]->text_column, 4, "after the indentation");
    value_is(n->items[1], "x\n y\n", "which is not part of it");
    is_int(n->items[2]->text_column, 4, "quoted text is within the quotes");

    n = parse("a: 1\n---\nb: [");
    ok(phr_yaml_get(n, "a") != NULL, "only the first document is read");
}


static void
test_refused(void)
{
    char  deep[600];

    refused("a tab", "a:\n\t- b", PHR_EPARSE, 2);
    refused("a key twice", "a: 1\nb: 2\na: 3", PHR_EPARSE, 3);
    refused("an unknown anchor", "a: *x", PHR_EPARSE, 1);
    refused("an anchor in itself", "a: &x [*x]", PHR_EPARSE, 1);
    refused("a list as a key", "? [a]\n: b", PHR_EPARSE, 1);
    refused("an open quote", "a: \"b\nc: d", PHR_EPARSE, 2);
    refused("a merged text", "a: {<<: b}", PHR_EPARSE, 1);

    memset(deep, '[', sizeof(deep));
    deep[sizeof(deep) - 1] = '\0';
    refused("deep nesting", deep, PHR_ELIMIT, 1);

    refused("an explosion of aliases",
            "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
            "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
            "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
            "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
            "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
            "f: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n", PHR_ELIMIT, 6);
}


static void
writes(const char *s, const char *want)
{
    phr_buf_t  b;

    phr_buf_init(&b, 0);
    phr_yaml_write_scalar(&b, phr_str_from_c(s));
    is_str(phr_buf_cstr(&b), want, "written as %s", want);
    phr_buf_free(&b);
}


int
main(void)
{
    arena = phr_arena_create(0);

    test_types();
    test_tree();
    test_refused();

    writes("abc", "abc");
    writes("yes", "\"yes\"");
    writes("12", "\"12\"");
    writes("", "\"\"");
    writes("a: b", "\"a: b\"");
    writes("http://a:1/", "http://a:1/");
    writes("*", "\"*\"");
    writes("...", "\"...\"");
    writes("..", "..");
    writes("\xc2\xa0\xc3\xa4\xf0\x9f\x98\x80",
           "\xc2\xa0\xc3\xa4\xf0\x9f\x98\x80");
    writes("a\xc2\x85", "\"a\\x85\"");
    writes("\xe2\x80\xa8\x7f", "\"\\u2028\\x7f\"");
    writes("\xef\xbb\xbf", "\"\\ufeff\"");
    writes("a\n\"b\"", "\"a\\n\\\"b\\\"\"");

    phr_arena_destroy(arena);

    return done_testing();
}
