/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/labels.c.
 */

#include "core/labels.h"

#include "core/bytes.h"
#include "core/map.h"
#include "oom.h"
#include "tap.h"


static phr_arena_t  *arena;


/* "a=1,b=2" to a set, in any order */

static phr_labels_t
set(const char *text)
{
    char                  *s, *name, *value, *save;
    phr_labels_t           ls;
    phr_labels_builder_t   b;

    ls.l = NULL;
    ls.n = 0;
    phr_labels_builder_init(&b, arena, ls);

    s = phr_arena_strdup(arena, text, strlen(text));

    for (name = strtok_r(s, ",", &save); name != NULL;
         name = strtok_r(NULL, ",", &save))
    {
        value = strchr(name, '=');
        *value++ = '\0';
        phr_labels_builder_set(&b, phr_str_from_c(name),
                               phr_str_from_c(value));
    }

    (void) phr_labels_build(&b, &ls);

    return ls;
}


static void
formatted(phr_labels_t ls, const char *want)
{
    phr_buf_t  b;

    phr_buf_init(&b, 0);
    phr_labels_format(&b, ls);
    is_str(phr_buf_cstr(&b), want, "printed as %s", want);
    phr_buf_free(&b);
}


static void
builder(void)
{
    phr_str_t             names[2];
    phr_labels_t          ls;
    phr_labels_builder_t  b;

    phr_labels_builder_init(&b, arena, set("a=1,b=2,c=3"));
    phr_labels_builder_set(&b, phr_str_of("b"), phr_str_of("5"));
    phr_labels_builder_set(&b, phr_str_of("A"), phr_str_of("0"));
    phr_labels_builder_set(&b, phr_str_of("c"), phr_str_of(""));
    phr_labels_builder_set(&b, phr_str_of("d"), phr_str_of(""));
    is_int(phr_labels_builder_get(&b, phr_str_of("b")).len, 1, "get");
    is_int(phr_labels_builder_get(&b, phr_str_of("c")).len, 0, "get none");
    is_int(phr_labels_build(&b, &ls), PHR_OK, "build");
    formatted(ls, "{A=\"0\", a=\"1\", b=\"5\"}");

    phr_labels_builder_del(&b, phr_str_of("a"));
    phr_labels_builder_del(&b, phr_str_of("a"));
    phr_labels_build(&b, &ls);
    formatted(ls, "{A=\"0\", b=\"5\"}");

    names[0] = phr_str_of("z");
    names[1] = phr_str_of("a");
    phr_labels_builder_init(&b, arena, set("a=1,b=2,z=3"));
    phr_labels_builder_keep(&b, names, 2);
    phr_labels_build(&b, &ls);
    formatted(ls, "{a=\"1\", z=\"3\"}");

    phr_labels_builder_init(&b, arena, set("a=1,b=2,z=3"));
    phr_labels_builder_drop(&b, names, 2);
    phr_labels_build(&b, &ls);
    formatted(ls, "{b=\"2\"}");

    phr_labels_builder_del(&b, phr_str_of("b"));
    is_int(phr_labels_build(&b, &ls), PHR_OK, "an empty set");
    ok(ls.l != NULL && ls.n == 0, "is not a failure");
}


static void
hashes(void)
{
    char          big[2000];
    phr_str_t     on[3];
    phr_buf_t     b;
    phr_labels_t  x, y;

    on[0] = phr_str_of("a");
    on[1] = phr_str_of("b");
    on[2] = phr_str_of("c");

    x = set("__name__=m,a=1,b=2,d=4");
    y = set("__name__=n,a=1,b=2,e=5");

    phr_buf_init(&b, 0);
    phr_labels_encode(&b, x);
    ok(phr_labels_hash(x) == phr_xxh64(b.data, b.len),
       "the hash is that of the encoding");
    phr_buf_free(&b);

    ok(phr_labels_hash(x) != phr_labels_hash(y), "sets differ in hash");
    ok(phr_labels_hash_on(x, on, 3) == phr_labels_hash_on(y, on, 3),
       "hash on");
    ok(phr_labels_eq_on(x, y, on, 3), "equal on");
    on[2] = phr_str_of("d");
    ok(phr_labels_hash_on(x, on, 3) != phr_labels_hash_on(y, on, 3),
       "hash on a label that one lacks");
    ok(!phr_labels_eq_on(x, y, on, 3), "not equal on it");

    on[0] = phr_str_of("d");
    on[1] = phr_str_of("e");
    ok(phr_labels_hash_ignoring(x, on, 2) == phr_labels_hash_ignoring(y, on, 2),
       "hash ignoring");
    ok(phr_labels_eq_ignoring(x, y, on, 2), "equal ignoring");
    ok(phr_labels_hash_ignoring(x, on, 1) != phr_labels_hash_ignoring(y, on, 1),
       "hash ignoring too little");
    ok(!phr_labels_eq_ignoring(x, y, on, 1), "not equal ignoring too little");
    ok(!phr_labels_eq_ignoring(y, x, on, 1), "nor the other way round");

    memset(big, 'x', sizeof(big));
    memcpy(big, "a=", 2);
    big[sizeof(big) - 1] = '\0';
    x = set(big);
    big[1500] = 'y';
    y = set(big);
    ok(phr_labels_hash_on(x, on, 0) == phr_labels_hash_on(y, on, 0),
       "on nothing all are equal");
    ok(phr_labels_hash_ignoring(x, on, 2) != phr_labels_hash_ignoring(y, on, 2),
       "long values are hashed to their end");
}


static void
encoding(void)
{
    phr_buf_t     b;
    phr_arena_t  *few;
    phr_labels_t  x, y;

    x = set("__name__=up,job=node,instance=a:9100");

    phr_buf_init(&b, 0);
    phr_labels_encode(&b, x);
    few = phr_arena_create(3 * sizeof(phr_label_t) + 16);
    is_int(phr_labels_decode(few, (uint8_t *) b.data, b.len, &y), PHR_OK,
           "decoded, into no more memory than it takes");
    is_int(phr_labels_cmp(x, y), 0, "to the same");
    is_int(phr_labels_decode(few, (uint8_t *) b.data, b.len, &y), PHR_ELIMIT,
           "beyond its limit");
    phr_arena_destroy(few);

    is_int(phr_labels_decode(arena, (uint8_t *) b.data, b.len - 1, &y),
           PHR_ECORRUPT, "cut short");
    is_int(phr_labels_decode(arena, (uint8_t *) b.data, 0, &y), PHR_OK,
           "nothing is an empty set");
    b.data[0] = 127;
    is_int(phr_labels_decode(arena, (uint8_t *) b.data, b.len, &y),
           PHR_ECORRUPT, "a length beyond the end");
    phr_buf_free(&b);

    is_int(phr_labels_decode(arena, (const uint8_t *) "\1b\1x\1a\1y", 8, &y),
           PHR_ECORRUPT, "not sorted");
    is_int(phr_labels_decode(arena, (const uint8_t *) "\1a\1x\1a\1y", 8, &y),
           PHR_ECORRUPT, "a name twice");
    is_int(phr_labels_decode(arena, (const uint8_t *) "\1a\0", 3, &y),
           PHR_ECORRUPT, "an empty value");
}


/* elements of more than their labels, sorted as phr_labels_cmp() says */
static void
sorting(void)
{
    int           kind;
    char          text[128];
    size_t        i, n, wrong, moved;
    uint32_t      seed;

    static struct {
        phr_labels_t  labels;
        size_t        was;
        phr_labels_t  copy;
    } e[300];

    static const char  *const kinds[] = {
        "__name__=up,job=a,instance=h%u,cpu=%u",
        "__name__=up%u,cpu=%u",
        "__name__=up,l%u=v%u",
        "__name__=up,a=%u,b=",
        "__name__=up",
    };

    seed = 5;

    for (kind = 0; kind < (int) phr_nelems(kinds); kind++) {
        for (n = 0; n <= phr_nelems(e); n = n < 4 ? n + 1 : n * 3) {
            for (i = 0; i < n; i++) {
                seed = seed * 1103515245 + 12345;
                snprintf(text, sizeof(text), kinds[kind],
                         (seed >> 16) % 13, (seed >> 20) % 120);

                if (kind == 3 && i % 2 == 0) {
                    strcat(text, "1");
                }

                e[i].labels = set(text);
                e[i].copy = e[i].labels;
                e[i].was = i;
            }

            phr_labels_sort(e, n, sizeof(e[0]));

            wrong = 0;
            moved = 0;

            for (i = 0; i < n; i++) {
                wrong += i > 0 && phr_labels_cmp(e[i - 1].labels,
                                                 e[i].labels) > 0;
                wrong += phr_labels_cmp(e[i].labels, e[i].copy) != 0;
                moved += e[i].was;
            }

            ok(wrong == 0 && (n == 0 || moved == n * (n - 1) / 2),
               "%zu sets like %s are sorted", n, kinds[kind]);
        }
    }
}


static int
all(void *data)
{
    int                    i, rc;
    char                   names[60][16];
    phr_buf_t              b;
    phr_arena_t           *a;
    phr_labels_t           ls, copy;
    phr_labels_builder_t   lb;

    a = phr_arena_create(0);
    if (a == NULL) {
        return PHR_ENOMEM;
    }

    ls.l = NULL;
    ls.n = 0;
    phr_buf_init(&b, 0);
    phr_labels_builder_init(&lb, a, ls);

    for (i = 0; i < 60; i++) {
        snprintf(names[i], sizeof(names[i]), "l%d", i);
        phr_labels_builder_set(&lb, phr_str_from_c(names[i]),
                               phr_str_of("value"));
    }

    rc = phr_labels_build(&lb, &ls);

    if (rc == PHR_OK) {
        rc = phr_labels_copy(a, ls, &copy);
    }

    if (rc == PHR_OK) {
        phr_labels_encode(&b, copy);
        rc = b.failed;
    }

    if (rc == PHR_OK) {
        rc = phr_labels_decode(a, (uint8_t *) b.data, b.len, &ls);
    }

    if (rc == PHR_OK && phr_labels_cmp(ls, copy) != 0) {
        rc = PHR_ERROR;
    }

    phr_buf_free(&b);
    phr_arena_destroy(a);

    return rc;
}


int
main(void)
{
    phr_labels_t  ls, copy;

    arena = phr_arena_create(0);

    ls = set("b=2,__name__=up,a=1");
    is_int(ls.n, 3, "three labels");
    ok(phr_str_eq(phr_labels_get(ls, phr_str_of("a")), phr_str_of("1")),
       "get");
    ok(phr_str_eq(phr_labels_get(ls, phr_str_of("x")), phr_str_of("")),
       "get what is not there");
    ok(phr_labels_has(ls, phr_str_of("b")), "has");
    ok(!phr_labels_has(ls, phr_str_of("x")), "has not");

    is_int(phr_labels_copy(arena, ls, &copy), PHR_OK, "copy");
    ok(copy.l[0].name.data != ls.l[0].name.data, "is deep");
    is_int(phr_labels_cmp(ls, copy), 0, "and equal");

    ok(phr_labels_cmp(set("a=1"), set("a=2")) < 0, "order by value");
    ok(phr_labels_cmp(set("a=2"), set("b=1")) < 0, "order by name");
    ok(phr_labels_cmp(set("a=1"), set("a=1,b=1")) < 0, "order by number");
    ok(phr_labels_cmp(set("a=1"), set("")) > 0, "nothing comes first");

    formatted(ls, "up{a=\"1\", b=\"2\"}");
    formatted(set("__name__=up"), "up");
    formatted(set("a=x\"y"), "{a=\"x\\\"y\"}");
    formatted(set(""), "{}");
    formatted(set("__name__=my.metric,the label=x"),
              "{\"my.metric\", \"the label\"=\"x\"}");

    ok(phr_metric_name_valid(phr_str_of("a:b_1")), "metric name");
    ok(!phr_metric_name_valid(phr_str_of("1a")), "begins with a digit");
    ok(!phr_metric_name_valid(phr_str_of("")), "empty");
    ok(phr_label_name_valid(phr_str_of("_a1")), "label name");
    ok(!phr_label_name_valid(phr_str_of("a:b")), "no colon");
    ok(!phr_label_name_valid(phr_str_of("a-b")), "no dash");

    builder();
    hashes();
    encoding();
    sorting();

    ok(phr_oom_run(all, NULL) > 3, "out of memory is reported");

    phr_arena_destroy(arena);

    return done_testing();
}
