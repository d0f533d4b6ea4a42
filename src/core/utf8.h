/*
 * Copyright (C) The Pharos Authors
 *
 * UTF-8: validation, single code points, and Go's quoting of strings.
 */

#ifndef PHR_UTF8_H_INCLUDED
#define PHR_UTF8_H_INCLUDED


#include "core/buf.h"


/* 1 if the bytes are well-formed UTF-8 (no surrogates, no overlong forms) */
int phr_utf8_valid(const char *s, size_t len);

/* writes 1 to 4 bytes and returns how many; 0 for what is no code point */
size_t phr_utf8_encode(char *out, uint32_t code_point);

/*
 * Reads one code point and moves *s; an ill-formed byte is read alone as
 * U+FFFD.  At the end returns UINT32_MAX.
 */
uint32_t phr_utf8_decode(const char **s, const char *end);

/* "text" with what is not printable escaped, as Go's strconv.Quote() does */
void phr_utf8_quote(phr_buf_t *b, phr_str_t s);


#endif /* PHR_UTF8_H_INCLUDED */
