/*
 * Copyright (C) The Pharos Authors
 *
 * Matcher: comparison, or a regex.
 */

#include "core/matcher.h"

#include "core/utf8.h"


/* bytes that the regexes of a request may take together */
#define PHR_MATCHER_BYTES  (256 * 1024 * 1024)


int
phr_matcher_init(phr_matcher_t *m, phr_match_e op, phr_str_t name,
    phr_str_t value, phr_err_t *err)
{
    m->op = op;
    m->name = name;
    m->value = value;
    m->re = NULL;

    if (op == PHR_MATCH_RE || op == PHR_MATCH_NRE) {
        return phr_regex_create(value, &m->re, err);
    }

    return PHR_OK;
}


int
phr_matcher_init_within(phr_matcher_t *m, phr_match_e op, phr_str_t name,
    phr_str_t value, phr_matching_t *matching, phr_err_t *err)
{
    int  rc;

    if (matching == NULL) {
        return phr_matcher_init(m, op, name, value, err);
    }

    rc = matching->stop ? phr_shared_get(matching->stop) : PHR_OK;

    if (rc != PHR_OK) {
        return phr_err_set(err, rc, "query %s while it was parsed",
                           rc == PHR_ETIMEOUT ? "timed out" : "was canceled");
    }

    rc = phr_matcher_init(m, op, name, value, err);

    if (rc != PHR_OK || m->re == NULL) {
        return rc;
    }

    matching->bytes += phr_regex_memory(m->re);

    if (matching->bytes > PHR_MATCHER_BYTES) {
        phr_matcher_destroy(m);
        return phr_err_set(err, PHR_ELIMIT, "regular expressions of the "
                           "query may need more than %d MB",
                           PHR_MATCHER_BYTES / (1024 * 1024));
    }

    return PHR_OK;
}


void
phr_matcher_destroy(phr_matcher_t *m)
{
    phr_regex_destroy(m->re);
    m->re = NULL;
}


int
phr_matcher_matches(const phr_matcher_t *m, phr_str_t value)
{
    int  rc;

    switch (m->op) {

    case PHR_MATCH_EQ:
        return phr_str_eq(m->value, value);

    case PHR_MATCH_NE:
        return !phr_str_eq(m->value, value);

    case PHR_MATCH_RE:
        return phr_regex_match(m->re, value);

    case PHR_MATCH_NRE:
        rc = phr_regex_match(m->re, value);
        return rc < 0 ? rc : !rc;
    }

    return 0;
}


int
phr_matcher_fail(const phr_matcher_t *m, int rc, phr_err_t *err)
{
    if (rc != PHR_ELIMIT) {
        return phr_err_set(err, rc, "no memory for a regular expression");
    }

    return phr_err_set(err, rc, "matching label \"%.*s\" against \"%.*s\" "
                       "costs more than allowed",
                       (int) phr_min(m->name.len, 100), m->name.data,
                       (int) phr_min(m->value.len, 200), m->value.data);
}


int
phr_matchers_match(const phr_matcher_t *m, size_t n, phr_labels_t ls)
{
    int     rc;
    size_t  i;

    for (i = 0; i < n; i++) {
        rc = phr_matcher_matches(&m[i], phr_labels_get(ls, m[i].name));
        if (rc <= 0) {
            return rc;
        }
    }

    return 1;
}


const char *
phr_match_op_text(phr_match_e op)
{
    static const char  *text[] = { "=", "!=", "=~", "!~" };

    return text[op];
}


void
phr_matcher_format(phr_buf_t *b, const phr_matcher_t *m)
{
    if (phr_label_name_valid(m->name)) {
        phr_buf_str(b, m->name);

    } else {
        phr_utf8_quote(b, m->name);
    }

    phr_buf_puts(b, phr_match_op_text(m->op));
    phr_utf8_quote(b, m->value);
}
