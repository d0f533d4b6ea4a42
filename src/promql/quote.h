/*
 * Copyright (C) The Pharos Authors
 *
 * Quote: the string literals of the language, read, and single characters
 * written as messages show them.  Strings are written by phr_utf8_quote().
 */

#ifndef PHR_QUOTE_H_INCLUDED
#define PHR_QUOTE_H_INCLUDED


#include "core/arena.h"
#include "core/buf.h"


/*
 * What a literal in '...', "..." or `...` stands for.  The result points
 * into the literal where nothing is escaped, else into the arena.  PHR_EPARSE
 * for what the lexer would not have let pass.
 */
int phr_quote_read(phr_arena_t *a, phr_str_t literal, phr_str_t *out);

/* 'x', '\n', '\u00a0' ... */
void phr_quote_char(phr_buf_t *b, uint32_t code_point);

/* not the whole of Unicode's tables, but every space and control */
int phr_quote_printable(uint32_t c);


#endif /* PHR_QUOTE_H_INCLUDED */
