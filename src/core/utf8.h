/*
 * Copyright (C) The Pharos Authors
 *
 * UTF-8: validation and single code points.
 */

#ifndef PHR_UTF8_H_INCLUDED
#define PHR_UTF8_H_INCLUDED


#include "core/base.h"


/* 1 if the bytes are well-formed UTF-8 (no surrogates, no overlong forms) */
int phr_utf8_valid(const char *s, size_t len);

/* writes 1 to 4 bytes and returns how many; 0 for what is no code point */
size_t phr_utf8_encode(char *out, uint32_t code_point);

/*
 * Reads one code point and moves *s; an ill-formed byte is read alone as
 * U+FFFD.  At the end returns UINT32_MAX.
 */
uint32_t phr_utf8_decode(const char **s, const char *end);


#endif /* PHR_UTF8_H_INCLUDED */
