/*
 * Copyright (C) The Pharos Authors
 *
 * Matcher: one condition on a label.  A label that a series does not have
 * counts as the empty string.
 */

#ifndef PHR_MATCHER_H_INCLUDED
#define PHR_MATCHER_H_INCLUDED


#include "core/labels.h"
#include "core/regex.h"


typedef enum {
    PHR_MATCH_EQ = 0,       /* =  */
    PHR_MATCH_NE,           /* != */
    PHR_MATCH_RE,           /* =~ */
    PHR_MATCH_NRE,          /* !~ */
} phr_match_e;


typedef struct {
    phr_match_e    op;
    phr_str_t      name;
    phr_str_t      value;
    phr_regex_t   *re;      /* of RE and NRE; owned, see destroy */
} phr_matcher_t;


/*
 * name and value are not copied.  Compiles the regex of RE and NRE, with
 * the errors of phr_regex_create().
 */
int phr_matcher_init(phr_matcher_t *m, phr_match_e op, phr_str_t name,
    phr_str_t value, phr_err_t *err);
void phr_matcher_destroy(phr_matcher_t *m);     /* frees the regex only */

/* of all matchers of a request, zeroed but for stop */
typedef struct {
    /*
     * Set from another thread to PHR_ETIMEOUT or PHR_ECANCELED.  May be
     * NULL.
     */
    const volatile int  *stop;

    size_t               bytes;     /* that regexes may take, so far */
} phr_matching_t;

/*
 * As phr_matcher_init(): each regex is bounded, and here are all of them.
 * PHR_ELIMIT if they may take too much memory, some hundreds of those that
 * are no plain strings; PHR_ETIMEOUT, PHR_ECANCELED.  matching may be NULL.
 */
int phr_matcher_init_within(phr_matcher_t *m, phr_match_e op, phr_str_t name,
    phr_str_t value, phr_matching_t *matching, phr_err_t *err);

/*
 * 1 or 0, or a failure of phr_regex_match(): PHR_ENOMEM, or PHR_ELIMIT, which
 * takes a large pattern and a long value.  phr_matcher_fail() has words for
 * it; who has nobody to tell takes it for what does least harm.
 */
int phr_matcher_matches(const phr_matcher_t *m, phr_str_t value);
int phr_matcher_fail(const phr_matcher_t *m, int rc, phr_err_t *err);

/* the same of all n matchers: 1 if they hold for the set */
int phr_matchers_match(const phr_matcher_t *m, size_t n, phr_labels_t ls);

/* "=", "!=", "=~", "!~" */
const char *phr_match_op_text(phr_match_e op);

/* name="value", quoted as Go does */
void phr_matcher_format(phr_buf_t *b, const phr_matcher_t *m);


#endif /* PHR_MATCHER_H_INCLUDED */
