/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as JSON: what is read and written again is read as what is
 * written the same.
 */

#include "fuzz.h"

#include <math.h>

#include "core/json.h"


static int
write_node(phr_json_writer_t *w, const phr_json_node_t *n, unsigned depth)
{
    void                   *iter;
    double                  d;
    size_t                  i;
    phr_str_t               key;
    const phr_json_node_t  *member;

    if (depth == PHR_JSON_MAX_DEPTH) {
        return 0;
    }

    switch (phr_json_type(n)) {

    case PHR_JSON_NULL:
        phr_json_null(w);
        return 1;

    case PHR_JSON_BOOL:
        phr_json_bool(w, phr_json_get_bool(n, 0));
        return 1;

    case PHR_JSON_INT:
        phr_json_int(w, phr_json_get_int(n, 0));
        return 1;

    case PHR_JSON_DOUBLE:
        d = phr_json_get_double(n, 0);
        phr_json_double(w, d);

        /* without an exponent these are integers: too large, and 0 */
        return fabs(d) < 9e18 && (d != 0 || !signbit(d));

    case PHR_JSON_STRING:
        phr_json_string(w, phr_json_get_str(n, ""));
        return 1;

    case PHR_JSON_ARRAY:
        phr_json_array(w);

        for (i = 0; i < phr_json_size(n); i++) {
            if (!write_node(w, phr_json_at(n, i), depth + 1)) {
                return 0;
            }
        }

        phr_json_end_array(w);
        return 1;

    case PHR_JSON_OBJECT:
        phr_json_object(w);
        iter = NULL;

        while ((member = phr_json_next(n, &iter, &key)) != NULL) {
            phr_json_key_str(w, key);

            if (!write_node(w, member, depth + 1)) {
                return 0;
            }
        }

        phr_json_end_object(w);
    }

    return 1;
}


/* 0 if it is no JSON, or none that our writer can write */
static int
rewrite(phr_str_t text, phr_buf_t *b, phr_err_t *err)
{
    int                rc;
    phr_json_doc_t    *doc;
    phr_json_writer_t  w;

    if (phr_json_parse(text, &doc, err) != PHR_OK) {
        return 0;
    }

    phr_json_init(&w, b);
    rc = write_node(&w, phr_json_root(doc), 0);
    phr_json_destroy(doc);

    return rc;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    phr_err_t  err;
    phr_buf_t  first, second;
    phr_str_t  text;

    text = fuzz_copy(data, size);
    phr_buf_init(&first, 0);
    phr_buf_init(&second, 0);
    phr_err_init(&err);

    if (rewrite(text, &first, &err)) {
        if (!rewrite(phr_buf_view(&first), &second, &err)
            || !phr_str_eq(phr_buf_view(&first), phr_buf_view(&second)))
        {
            fprintf(stderr, "once  %.*s\ntwice %.*s\n%s\n", (int) first.len,
                    first.data, (int) second.len, second.data, err.text);
            abort();
        }

    } else {
        fuzz_check(err.code <= 0);
    }

    phr_buf_free(&first);
    phr_buf_free(&second);
    fuzz_free(text);

    return 0;
}
