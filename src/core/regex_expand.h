/*
 * Copyright (C) The Pharos Authors
 *
 * Regex expansion: internal to core/regex.c.
 */

#ifndef PHR_REGEX_EXPAND_H_INCLUDED
#define PHR_REGEX_EXPAND_H_INCLUDED


#include "core/buf.h"


/* what groups hold: slots are pairs of offsets into s, SIZE_MAX: nothing */
typedef struct {
    phr_str_t         s;
    const phr_str_t  *names;    /* of groups 1 .. ngroups, "" if none */
    size_t            ngroups;
    const size_t     *slots;
} phr_regex_found_t;


void phr_regex_expand_found(const phr_regex_found_t *found,
    phr_str_t template, phr_buf_t *out);


#endif /* PHR_REGEX_EXPAND_H_INCLUDED */
