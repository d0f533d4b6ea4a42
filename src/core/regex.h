/*
 * Copyright (C) The Pharos Authors
 *
 * Regex: anchored matching of whole strings, in RE2's syntax and with RE2's
 * meaning (https://github.com/google/re2/wiki/Syntax), in time that grows
 * with the length of the string and of the pattern, and no faster.  "."
 * matches a newline too, as Prometheus compiles with (?s).
 */

#ifndef PHR_REGEX_H_INCLUDED
#define PHR_REGEX_H_INCLUDED


#include "core/buf.h"
#include "core/err.h"


typedef struct phr_regex_s  phr_regex_t;


/*
 * Compiles ^(?s:pattern)$.  PHR_EPARSE for what RE2 refuses (with its words:
 * "error parsing regexp: missing closing ): `...`"), PHR_ELIMIT for a
 * pattern too large, PHR_ENOMEM.
 */
int phr_regex_create(phr_str_t pattern, phr_regex_t **re, phr_err_t *err);
void phr_regex_destroy(phr_regex_t *re);

/*
 * 1 or 0; PHR_ENOMEM, or PHR_ELIMIT if it would cost too much, a second
 * about.  Any number of threads may match at once.
 */
int phr_regex_match(const phr_regex_t *re, phr_str_t s);

/* bytes that it takes, and may take by matching in one thread */
size_t phr_regex_memory(const phr_regex_t *re);

/*
 * Appends the template with $1, ${1}, $name and ${name} replaced by what
 * the groups of a match of s hold, "$$" by "$", as Go's Regexp.Expand does.
 * PHR_OK, PHR_NOTFOUND if s does not match, PHR_ENOMEM, PHR_ELIMIT if the
 * match would cost too much; out is unchanged on all but PHR_OK.
 */
int phr_regex_expand(const phr_regex_t *re, phr_str_t s, phr_str_t template,
    phr_buf_t *out);

/*
 * The set of strings that alone can match, in order of appearance, if the
 * pattern is a literal or an alternation of literals; 0 if it is not.
 * Owned by the regex.
 */
size_t phr_regex_literals(const phr_regex_t *re, const phr_str_t **set);

/* what every match begins with; len is 0 if nothing is known */
phr_str_t phr_regex_prefix(const phr_regex_t *re);


#endif /* PHR_REGEX_H_INCLUDED */
