/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/escape.c.
 */

#include "core/escape.h"

#include "core/buf.h"
#include "tap.h"


static phr_escape_t  e;


static void
accepted(const char *accept, const char *want)
{
    int           has;
    phr_escape_e  scheme;

    has = phr_escape_accepted(phr_str_from_c(accept), &scheme);

    is_str(has ? phr_escape_text(scheme) : "-", want, "accepts %s", accept);
}


static void
name(phr_escape_e scheme, const char *in, const char *want)
{
    phr_str_t  s;

    e.scheme = scheme;
    s = phr_str_from_c(in);

    is_int(phr_escape_name(&e, &s), PHR_OK, "%s is written", in);
    ok(phr_str_eq(s, phr_str_from_c(want)), "... as %s: %.*s", want,
       (int) s.len, s.data);
}


/* pairs of name and value, up to NULL */

static void
labels(phr_escape_e scheme, const char *const *in, const char *want)
{
    phr_buf_t     b;
    phr_label_t   l[8];
    phr_labels_t  ls;

    for (ls.n = 0; in[2 * ls.n] != NULL; ls.n++) {
        l[ls.n].name = phr_str_from_c(in[2 * ls.n]);
        l[ls.n].value = phr_str_from_c(in[2 * ls.n + 1]);
    }

    ls.l = l;
    e.scheme = scheme;

    is_int(phr_escape_labels(&e, &ls), PHR_OK, "labels are written");

    phr_buf_init(&b, 0);
    phr_labels_format(&b, ls);
    is_str(phr_buf_cstr(&b), want, "... as %s", want);
    phr_buf_free(&b);
}


int
main(void)
{
    static const char *const  plain[] = {
        "__name__", "a:b", "c", "d.e", NULL
    };
    static const char *const  dotted[] = {
        "__name__", "a.b", "a.b", "1", "a_b", "2", "b:c", "3", "\xc3\xa9",
        "4", NULL
    };
    static const char *const  twins[] = { "a-b", "1", "a.b", "2", NULL };

    e.arena = phr_arena_create(0);

    accepted("", "-");
    accepted("text/plain;version=0.0.4", "-");
    accepted("text/plain;escaping=allow-utf-8;q=0.5,*/*", "allow-utf-8");
    accepted("a/b; escaping=none, text/plain; escaping=dots", "dots");
    accepted("text/plain;escaping=values", "values");
    accepted("text/plain;escaping=underscores", "underscores");
    accepted("text/plain;escaping=", "-");

    name(PHR_ESCAPE_UNDERSCORES, "a_b:c", "a_b:c");
    name(PHR_ESCAPE_UNDERSCORES, "1a.b-\xe2\x82\xac", "_a_b__");
    name(PHR_ESCAPE_NOTHING, "a.b", "a.b");
    name(PHR_ESCAPE_DOTS, "a_b", "a_b");
    name(PHR_ESCAPE_DOTS, "a_b.c d", "a__b_dot_c__d");
    name(PHR_ESCAPE_VALUES, "a_b", "a_b");
    name(PHR_ESCAPE_VALUES, "a_b.\xe2\x82\xac", "U__a__b_2e__20ac_");

    labels(PHR_ESCAPE_UNDERSCORES, plain, "a:b{c=\"d.e\"}");
    labels(PHR_ESCAPE_UNDERSCORES, dotted,
           "a_b{U__a_2e_b=\"1\", a_b=\"2\", b_c=\"3\", _=\"4\"}");
    labels(PHR_ESCAPE_UNDERSCORES, twins, "{a_b=\"1\", U__a_2e_b=\"2\"}");
    labels(PHR_ESCAPE_NOTHING, twins, "{\"a-b\"=\"1\", \"a.b\"=\"2\"}");

    phr_arena_destroy(e.arena);

    return done_testing();
}
