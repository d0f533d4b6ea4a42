/*
 * Copyright (C) The Pharos Authors
 *
 * The first line as a pattern, the second as a replacement, the rest as what
 * is matched: it ends soon, and what is known without a match (prefix,
 * literals) is true of every match.
 */

#include "fuzz.h"

#include "core/regex.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int               rc, among, matched;
    size_t            i, n;
    phr_err_t         err;
    phr_buf_t         out;
    phr_str_t         text, rest, pattern, template, prefix;
    phr_regex_t      *re;
    const phr_str_t  *set;

    text = fuzz_copy(data, size);
    rest = text;
    pattern = fuzz_line(&rest);
    template = fuzz_line(&rest);
    phr_err_init(&err);

    rc = phr_regex_create(pattern, &re, &err);

    if (rc == PHR_OK) {
        matched = phr_regex_match(re, rest);
        n = phr_regex_literals(re, &set);
        among = 0;

        for (i = 0; i < n; i++) {
            fuzz_check(phr_regex_match(re, set[i]));
            among |= phr_str_eq(set[i], rest);
        }

        fuzz_check(n == 0 || among == matched);
        fuzz_check(phr_regex_match(re, rest) == matched);

        prefix = phr_regex_prefix(re);
        fuzz_check(matched <= 0 || (rest.len >= prefix.len
                                && memcmp(rest.data, prefix.data, prefix.len)
                                   == 0));

        phr_buf_init(&out, 1024 * 1024);
        rc = phr_regex_expand(re, rest, template, &out);

        fuzz_check(matched >= 0 || matched == PHR_ELIMIT);
        fuzz_check(rc == PHR_ELIMIT || (rc == PHR_OK) == matched);

        phr_buf_free(&out);
        phr_regex_destroy(re);

    } else {
        fuzz_check(rc < 0 && err.code == rc && err.text[0] != '\0');
    }

    fuzz_free(text);

    return 0;
}
