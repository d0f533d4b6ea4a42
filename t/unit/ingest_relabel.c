/*
 * Copyright (C) The Pharos Authors
 *
 * Relabelling: every action, with the cases of Prometheus's own test.
 */

#include "ingest/relabel.h"

#include "tap.h"


typedef struct {
    const char            *name;
    phr_relabel_action_e   action;
    const char            *source;      /* names separated by commas */
    const char            *regex;
    const char            *target;
    const char            *replacement;
    uint64_t               modulus;
    const char            *want;        /* NULL: dropped */
} case_t;


static const phr_label_t  input[] = {
    { phr_str("a"), phr_str("foo") },
    { phr_str("b"), phr_str("bar") },
    { phr_str("c"), phr_str("Baz") },
    { phr_str("d"), phr_str("foo") },
};


static const case_t  cases[] = {
    { "replace", PHR_RELABEL_REPLACE, "a", "f(.*)", "d", "ch${1}-ch${1}", 0,
      "a=foo b=bar c=Baz d=choo-choo" },
    { "several sources", PHR_RELABEL_REPLACE, "a,b", "f(.*);(.*)r", "a",
      "b${1}${2}m", 0, "a=boobam b=bar c=Baz d=foo" },
    { "no match", PHR_RELABEL_REPLACE, "a", ".*o1", "b", "x", 0,
      "a=foo b=bar c=Baz d=foo" },
    { "anchored", PHR_RELABEL_REPLACE, "a", "f", "b", "x", 0,
      "a=foo b=bar c=Baz d=foo" },
    { "an empty value deletes", PHR_RELABEL_REPLACE, "a", "f(.*)", "b", "",
      0, "a=foo c=Baz d=foo" },
    { "an empty group deletes", PHR_RELABEL_REPLACE, "a", "foo(x?)", "b",
      "$1", 0, "a=foo c=Baz d=foo" },
    { "a target from the match", PHR_RELABEL_REPLACE, "a", "(f)(oo)",
      "${1}x", "$2", 0, "a=foo b=bar c=Baz d=foo fx=oo" },
    { "a bad target is no target", PHR_RELABEL_REPLACE, "a", "foo", "x$1",
      "y", 0, "a=foo b=bar c=Baz d=foo x=y" },
    { "no source", PHR_RELABEL_REPLACE, "", "(.*)", "e", "new", 0,
      "a=foo b=bar c=Baz d=foo e=new" },
    { "keep", PHR_RELABEL_KEEP, "a", "fo+", "", "$1", 0,
      "a=foo b=bar c=Baz d=foo" },
    { "keep drops", PHR_RELABEL_KEEP, "b", "foo", "", "$1", 0, NULL },
    { "drop", PHR_RELABEL_DROP, "a", ".*o.*", "", "$1", 0, NULL },
    { "drop keeps", PHR_RELABEL_DROP, "a", "o", "", "$1", 0,
      "a=foo b=bar c=Baz d=foo" },
    { "keepequal", PHR_RELABEL_KEEPEQUAL, "a", "(.*)", "d", "$1", 0,
      "a=foo b=bar c=Baz d=foo" },
    { "keepequal drops", PHR_RELABEL_KEEPEQUAL, "a", "(.*)", "b", "$1", 0,
      NULL },
    { "dropequal", PHR_RELABEL_DROPEQUAL, "a", "(.*)", "b", "$1", 0,
      "a=foo b=bar c=Baz d=foo" },
    { "dropequal drops", PHR_RELABEL_DROPEQUAL, "a", "(.*)", "d", "$1", 0,
      NULL },
    { "hashmod", PHR_RELABEL_HASHMOD, "c", "(.*)", "e", "$1", 1000,
      "a=foo b=bar c=Baz d=foo e=940" },
    { "labelmap", PHR_RELABEL_LABELMAP, "", "([ab])", "", "m_${1}", 0,
      "a=foo b=bar c=Baz d=foo m_a=foo m_b=bar" },
    { "labelmap onto others", PHR_RELABEL_LABELMAP, "", "a(.*)", "", "b$1",
      0, "a=foo b=foo c=Baz d=foo" },
    { "labeldrop", PHR_RELABEL_LABELDROP, "", "[ab]", "", "$1", 0,
      "c=Baz d=foo" },
    { "labelkeep", PHR_RELABEL_LABELKEEP, "", "[ab]", "", "$1", 0,
      "a=foo b=bar" },
    { "lowercase", PHR_RELABEL_LOWERCASE, "c", "(.*)", "c", "$1", 0,
      "a=foo b=bar c=baz d=foo" },
    { "uppercase", PHR_RELABEL_UPPERCASE, "c,a", "(.*)", "c", "$1", 0,
      "a=foo b=bar c=BAZ;FOO d=foo" },
};


static int
apply(const case_t *c, phr_labels_t ls, phr_buf_t *out)
{
    int                    rc;
    char                   names[64], *s;
    size_t                 i;
    phr_str_t              source[4];
    phr_regex_t           *re;
    phr_arena_t           *arena;
    phr_err_t              err;
    phr_labels_t           res;
    phr_relabel_conf_t     conf, *list;
    phr_relabel_confs_t    confs;
    phr_labels_builder_t   b;

    memset(&conf, 0, sizeof(conf));
    conf.source_labels.s = source;
    snprintf(names, sizeof(names), "%s", c->source);

    for (s = strtok(names, ","); s != NULL; s = strtok(NULL, ",")) {
        source[conf.source_labels.n++] = phr_str_from_c(s);
    }

    phr_regex_create(phr_str_from_c(c->regex), &re, &err);
    conf.separator = phr_str_of(";");
    conf.regex = phr_str_from_c(c->regex);
    conf.re = re;
    conf.modulus = c->modulus;
    conf.target_label = phr_str_from_c(c->target);
    conf.replacement = phr_str_from_c(c->replacement);
    conf.action = c->action;

    list = &conf;
    confs.r = &list;
    confs.n = 1;

    arena = phr_arena_create(0);
    phr_labels_builder_init(&b, arena, ls);

    rc = phr_relabel(&confs, &b, &err);

    if (rc == PHR_OK) {
        rc = phr_labels_build(&b, &res);

        for (i = 0; i < res.n; i++) {
            phr_buf_printf(out, "%s%.*s=%.*s", i ? " " : "",
                           (int) res.l[i].name.len, res.l[i].name.data,
                           (int) res.l[i].value.len, res.l[i].value.data);
        }
    }

    phr_arena_destroy(arena);
    phr_regex_destroy(re);

    return rc;
}


static void
fold(const char *value, phr_relabel_action_e action, const char *want)
{
    case_t        c = { "", action, "x", "(.*)", "x", "$1", 0, want };
    phr_buf_t     out;
    phr_label_t   l;
    phr_labels_t  ls;

    l.name = phr_str_of("x");
    l.value = phr_str_from_c(value);
    ls.l = &l;
    ls.n = 1;

    phr_buf_init(&out, 0);
    apply(&c, ls, &out);
    is_str(phr_buf_cstr(&out), want, "%s folds", value);
    phr_buf_free(&out);
}


int
main(void)
{
    int           rc;
    size_t        i;
    phr_buf_t     out;
    phr_labels_t  ls;

    ls.l = input;
    ls.n = phr_nelems(input);

    for (i = 0; i < phr_nelems(cases); i++) {
        phr_buf_init(&out, 0);
        rc = apply(&cases[i], ls, &out);

        if (cases[i].want == NULL) {
            is_int(rc, PHR_DONE, "%s", cases[i].name);
        } else {
            is_str(rc == PHR_OK ? phr_buf_cstr(&out) : "dropped",
                   cases[i].want, "%s", cases[i].name);
        }

        phr_buf_free(&out);
    }

    fold("\xc3\x84\xc3\x9fx\xe2\x82\xac\xff", PHR_RELABEL_LOWERCASE,
         "x=\xc3\xa4\xc3\x9fx\xe2\x82\xac\xff");
    fold("\xc3\xb7\xc3\xb6\xd1\x84", PHR_RELABEL_UPPERCASE,
         "x=\xc3\xb7\xc3\x96\xd0\xa4");

    is_int(phr_relabel(NULL, NULL, NULL), PHR_OK, "no rules");

    return done_testing();
}
