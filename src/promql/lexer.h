/*
 * Copyright (C) The Pharos Authors
 *
 * Lexer: the text of a query to tokens with positions, one at a time.  What
 * a character means depends on whether braces or brackets are open, so the
 * lexer follows them; whether tokens make sense together is the parser's
 * business.
 */

#ifndef PHR_LEXER_H_INCLUDED
#define PHR_LEXER_H_INCLUDED


#include "core/err.h"
#include "promql/ast.h"


typedef enum {
    PHR_TOKC_PLAIN = 0,     /* many spellings */
    PHR_TOKC_PUNCT,
    PHR_TOKC_ARITH,
    PHR_TOKC_COMPARE,
    PHR_TOKC_SET,
    PHR_TOKC_OPERATOR,      /* not between two expressions */
    PHR_TOKC_AGGREGATION,
    PHR_TOKC_KEYWORD,       /* words with a meaning in some places */
    PHR_TOKC_PREPROCESSOR,
    PHR_TOKC_DIALECT_OPERATOR,      /* of MetricsQL, see token_list.h */
    PHR_TOKC_DIALECT_AGGREGATION,
} phr_token_class_e;


typedef struct {
    phr_token_e  kind;
    int32_t      start;
    int32_t      end;
    phr_str_t    text;      /* as written */
} phr_token_t;


typedef struct {
    phr_str_t   input;
    size_t      pos;
    size_t      start;          /* of the token being read */
    uint32_t    nparens;        /* open ones */
    uint8_t     in_braces;
    uint8_t     in_brackets;
    uint8_t     in_duration;    /* "[" was read, but no number yet */
    uint8_t     got_colon;      /* since "[" */
    uint8_t     got_duration;
    uint8_t     dialect;        /* MetricsQL: 8Ki, [5i], [name] */
} phr_lexer_t;


void phr_lexer_init(phr_lexer_t *l, phr_str_t input);

/*
 * PHR_OK, PHR_EPARSE or PHR_ENOMEM.  At the end of the input gives
 * PHR_TOK_EOF for ever.  Comments are skipped.
 */
int phr_lexer_next(phr_lexer_t *l, phr_token_t *t, phr_err_t *err);

/* a token as messages name it: identifier "foo", <op:+>, end of input */
void phr_token_describe(phr_buf_t *b, const phr_token_t *t);

phr_token_class_e phr_token_class(phr_token_e t);

/* of a class of words that are names where they can have no other meaning */
int phr_token_is_word(phr_token_e t);

/*
 * Fills err with "parse error: " and the text, the place in bytes, and line
 * and column; returns PHR_EPARSE.  An error in no text at all has no place,
 * and says so.
 */
int phr_lexer_error(phr_str_t input, phr_err_t *err, int32_t start,
    int32_t end, const char *fmt, ...) PHR_PRINTF(5, 6);


#endif /* PHR_LEXER_H_INCLUDED */
