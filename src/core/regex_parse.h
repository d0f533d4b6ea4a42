/*
 * Copyright (C) The Pharos Authors
 *
 * Regex parser: RE2's syntax, checked and translated to PCRE2's, and what
 * the pattern looks like if it is simple.  Internal to core/regex.c.
 */

#ifndef PHR_REGEX_PARSE_H_INCLUDED
#define PHR_REGEX_PARSE_H_INCLUDED


#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"


#define PHR_REGEX_ITEMS  4


typedef enum {
    PHR_REGEX_SET = 0,      /* exactly one of some strings */
    PHR_REGEX_DOT,          /* one character, any */
    PHR_REGEX_STAR,         /* .* */
    PHR_REGEX_PLUS,         /* .+ */
    PHR_REGEX_OTHER,        /* anything else */
} phr_regex_item_e;


typedef struct {
    phr_regex_item_e  kind;
    phr_str_t        *s;    /* of SET, in order of appearance */
    size_t            n;
    size_t            nalloc;
} phr_regex_item_t;


/* a sequence; when there are too many items, the last one is OTHER */
typedef struct {
    phr_regex_item_t  items[PHR_REGEX_ITEMS];
    size_t            n;
} phr_regex_shape_t;


typedef struct {
    phr_buf_t          out;         /* in PCRE2's syntax, to be freed */
    phr_regex_shape_t  shape;
    phr_str_t         *names;       /* of groups 1 .. ngroups, or "" */
    size_t             ngroups;
    unsigned           whole:1;     /* "(...)", group 1 is all */
} phr_regex_parsed_t;


/*
 * Results live in the arena, names and sets may point into the pattern.
 * known() tells whether a name is that of a Unicode script.  PHR_EPARSE
 * with RE2's words, PHR_ELIMIT, PHR_ENOMEM.
 */
int phr_regex_parse(phr_arena_t *arena, phr_str_t pattern,
    int (*known)(phr_str_t script), phr_regex_parsed_t *out, phr_err_t *err);


#endif /* PHR_REGEX_PARSE_H_INCLUDED */
