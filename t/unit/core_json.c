/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of core/json.c.
 */

#include "core/json.h"

#include <math.h>

#include "oom.h"
#include "tap.h"


static int
write_all(void *data)
{
    int                rc;
    phr_buf_t          b, *out;
    phr_json_writer_t  w;

    phr_buf_init(&b, 0);
    phr_json_init(&w, &b);

    phr_json_object(&w);
    phr_json_pair_c(&w, "s", "a\"\\\n\x01");
    phr_json_pair(&w, "u", phr_str_of("\xc3\xbc\xff\xe2\x82\xac"));
    phr_json_pair_int(&w, "i", INT64_MIN);
    phr_json_pair_bool(&w, "b", 1);
    phr_json_key(&w, "a");
    phr_json_array(&w);
    phr_json_uint(&w, UINT64_MAX);
    phr_json_null(&w);
    phr_json_double(&w, 0.5);
    phr_json_double(&w, NAN);
    phr_json_value(&w, 1e21);
    phr_json_value(&w, -1e20);
    phr_json_value(&w, 1e-6);
    phr_json_value(&w, -9.5e-7);
    phr_json_value(&w, HUGE_VAL);
    phr_json_raw(&w, phr_str_of("{}"));
    phr_json_array(&w);
    phr_json_end_array(&w);
    phr_json_end_array(&w);
    phr_json_key(&w, "t");
    phr_json_array(&w);
    phr_json_time(&w, 1435781430781);
    phr_json_time(&w, 1435781430050);
    phr_json_time(&w, 1435781430000);
    phr_json_time(&w, -1);
    phr_json_time(&w, 0);
    phr_json_end_array(&w);
    phr_json_end_object(&w);

    rc = b.failed;
    out = data;

    if (out != NULL) {
        phr_buf_str(out, phr_buf_view(&b));
    }

    phr_buf_free(&b);

    return rc;
}


/* any byte at any place of a key and a value comes back, ill-formed or not */
static void
every_byte(void)
{
    int                 c;
    char                text[24], want[32];
    size_t              at, len, wrong;
    phr_str_t           got, s;
    phr_buf_t           b;
    phr_json_doc_t     *doc;
    phr_json_writer_t   w;

    wrong = 0;
    phr_buf_init(&b, 0);

    for (len = 1; len <= sizeof(text); len += len < 9 ? 1 : 5) {
        for (at = 0; at < len; at++) {
            for (c = 0; c < 256; c++) {
                memset(text, 'x', sizeof(text));
                text[at] = (char) c;
                s = phr_str_from(text, len);

                /* what is no UTF-8 becomes one character of three bytes */

                memcpy(want, text, at);
                memcpy(want + at, c < 0x80 ? &text[at] : "\xef\xbf\xbd",
                       c < 0x80 ? 1 : 3);
                memcpy(want + at + (c < 0x80 ? 1 : 3), text + at + 1,
                       len - at - 1);

                phr_buf_reset(&b);
                phr_json_init(&w, &b);
                phr_json_object(&w);
                phr_json_pair_str(&w, phr_str_of("key"), s);
                phr_json_pair_str(&w, phr_str_of("none"), phr_str_of(""));

                if (c != 0) {
                    /* jansson takes no key with a zero byte */
                    phr_json_pair_str(&w, s, phr_str_of("value"));
                }

                phr_json_end_object(&w);

                if (phr_json_parse(phr_buf_view(&b), &doc, NULL) != PHR_OK) {
                    wrong++;
                    continue;
                }

                got = phr_json_get_str(phr_json_get(phr_json_root(doc),
                                                    "key"), "?");
                s = phr_str_from(want, len + (c < 0x80 ? 0 : 2));
                wrong += !phr_str_eq(got, s);

                want[s.len] = '\0';
                got = phr_json_get_str(phr_json_get(phr_json_root(doc),
                                                    want), "?");
                wrong += c != 0 && !phr_str_eq(got, phr_str_of("value"));

                got = phr_json_get_str(phr_json_get(phr_json_root(doc),
                                                    "none"), "?");
                wrong += got.len != 0;
                phr_json_destroy(doc);
            }
        }
    }

    phr_buf_free(&b);
    is_int(wrong, 0, "any byte at any place of a string comes back");
}


static int
read_all(void *data)
{
    int              rc;
    phr_json_doc_t  *doc;

    rc = phr_json_parse(phr_str_of("{\"a\": [1, 2, {\"b\": null}]}"), &doc,
                        NULL);

    if (rc == PHR_OK) {
        phr_json_destroy(doc);
    }

    return rc;
}


static void
refused(const char *text, uint32_t line, const char *what)
{
    phr_err_t        err;
    phr_json_doc_t  *doc;

    phr_err_init(&err);
    is_int(phr_json_parse(phr_str_from_c(text), &doc, &err), PHR_EPARSE,
           "%s is refused", what);
    is_int(err.line, line, "at line %u", line);
}


static void
reading(void)
{
    int                     n;
    void                   *iter;
    char                    deep[400];
    phr_str_t               key;
    phr_json_doc_t         *doc;
    const phr_json_node_t  *root, *a;

    is_int(phr_json_parse(phr_str_of("{\"a\": [1, 2.5, \"x\", true, null, 3.0],"
                                     " \"z\": \"\\u00fc\", \"b\": {}}"),
                          &doc, NULL),
           PHR_OK, "parsed");

    root = phr_json_root(doc);
    is_int(phr_json_type(root), PHR_JSON_OBJECT, "an object");
    is_int(phr_json_size(root), 3, "of three members");

    a = phr_json_get(root, "a");
    is_int(phr_json_size(a), 6, "an array of six");
    is_int(phr_json_get_int(phr_json_at(a, 0), 9), 1, "an integer");
    ok(phr_json_get_double(phr_json_at(a, 0), 9) == 1, "also as a double");
    ok(phr_json_get_double(phr_json_at(a, 1), 9) == 2.5, "a double");
    is_int(phr_json_get_int(phr_json_at(a, 1), 9), 9, "is no integer");
    is_int(phr_json_get_int(phr_json_at(a, 5), 9), 3, "but 3.0 is");
    is_str(phr_json_get_str(phr_json_at(a, 2), "?").data, "x", "a string");
    is_int(phr_json_get_bool(phr_json_at(a, 3), 0), 1, "a boolean");
    is_int(phr_json_type(phr_json_at(a, 4)), PHR_JSON_NULL, "null");
    ok(phr_json_at(a, 6) == NULL, "behind the end");
    is_str(phr_json_get_str(phr_json_get(root, "none"), "?").data, "?",
           "what is not there");
    is_int(phr_json_size(NULL), 0, "NULL is as null");
    ok(phr_json_get(NULL, "a") == NULL, "also as an object");

    for (n = 0, iter = NULL; phr_json_next(root, &iter, &key); n++) {
        ok(key.data[0] == "azb"[n], "member %d in order", n);
    }
    is_int(n, 3, "all are visited");
    phr_json_destroy(doc);

    is_int(phr_json_parse(phr_str_of(" 5 "), &doc, NULL), PHR_OK, "a scalar");
    phr_json_destroy(doc);

    refused("{\n\"a\": }", 2, "a missing value");
    refused("", 1, "nothing");
    refused("[1] x", 1, "text behind the end");
    refused("[\"\xff\"]", 1, "ill-formed UTF-8");

    memset(deep, '[', 200);
    memset(deep + 200, ']', 199);
    deep[399] = '\0';
    refused(deep, 1, "deep nesting");
}


/* as many as no room is asked for at once, and more */
static void
points(void)
{
    int                i, good;
    size_t             k;
    int64_t            t[200];
    double             v[200];
    phr_buf_t          one, all;
    phr_json_writer_t  w;

    static const size_t  counts[] = { 0, 1, 63, 64, 65, 128, 200 };

    for (i = 0; i < 200; i++) {
        t[i] = i * 12345;
        v[i] = i % 7 == 0 ? NAN : i % 5 == 0 ? -1e-300 * i : i / 8.0;
    }

    for (k = 0; k < phr_nelems(counts); k++) {
        phr_buf_init(&one, 0);
        phr_json_init(&w, &one);
        phr_json_array(&w);

        for (i = 0; i < (int) counts[k]; i++) {
            phr_json_array(&w);
            phr_json_time(&w, t[i]);
            phr_json_value(&w, v[i]);
            phr_json_end_array(&w);
        }

        phr_json_end_array(&w);

        phr_buf_init(&all, 0);
        phr_json_init(&w, &all);
        phr_json_array(&w);
        phr_json_points(&w, t, v, counts[k]);
        phr_json_end_array(&w);

        good = one.len == all.len
               && memcmp(one.data, all.data, one.len) == 0;
        ok(good, "%zu points are as one by one", counts[k]);

        phr_buf_free(&one);
        phr_buf_free(&all);
    }

    phr_buf_init(&all, 200);
    phr_json_init(&w, &all);
    phr_json_points(&w, t, v, 200);
    ok(all.failed == PHR_ELIMIT, "a limit holds for points, too");
    phr_buf_free(&all);

    t[0] = INT64_MIN;
    v[0] = -1.2345678901234567e-6;
    phr_buf_init(&all, 0);
    phr_json_init(&w, &all);
    phr_json_points(&w, t, v, 1);
    is_str(phr_buf_cstr(&all),
           "[-9223372036854775.808,\"-0.0000012345678901234567\"]",
           "the longest");
    phr_buf_free(&all);
}


int
main(void)
{
    phr_buf_t  b;

    phr_buf_init(&b, 0);
    write_all(&b);
    is_str(phr_buf_cstr(&b),
           "{\"s\":\"a\\\"\\\\\\n\\u0001\","
           "\"u\":\"\xc3\xbc\xef\xbf\xbd\xe2\x82\xac\","
           "\"i\":-9223372036854775808,\"b\":true,"
           "\"a\":[18446744073709551615,null,0.5,null,"
           "\"1e+21\",\"-100000000000000000000\",\"0.000001\","
           "\"-9.5e-07\",\"+Inf\",{},[]],"
           "\"t\":[1435781430.781,1435781430.05,1435781430,-0.001,0]}",
           "everything written");
    phr_buf_free(&b);

    points();
    every_byte();
    reading();

    ok(phr_oom_run(write_all, NULL) > 1, "writing: out of memory");
    ok(phr_oom_run(read_all, NULL) > 0, "reading: out of memory");

    return done_testing();
}
