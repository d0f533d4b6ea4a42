/*
 * Copyright (C) The Pharos Authors
 *
 * Parser, inside: what the files of the parser share.  Nobody else includes
 * this; promql.h is the interface.
 */

#ifndef PHR_PARSER_H_INCLUDED
#define PHR_PARSER_H_INCLUDED


#include "promql/ast.h"
#include "promql/lexer.h"


/*
 * What an unexpected token is said to be in.  A rule sets it, and sets it
 * back to what it was when the rule is complete.
 */
typedef struct {
    const char  *in;            /* NULL: say nothing */
    const char  *expected;      /* NULL: say nothing */
} phr_parser_where_t;


typedef struct phr_parser_made_s  phr_parser_made_t;
typedef struct phr_template_s     phr_template_t;       /* dialect_with.c */

typedef struct {
    phr_lexer_t          lexer;
    phr_token_t          token;     /* the next one, if "peeked" */
    int                  peeked;
    int32_t              last_end;  /* where the last token taken ended */

    phr_arena_t         *arena;
    phr_err_t           *err;
    int                  rc;        /* of the first error */
    unsigned             flags;

    phr_parser_where_t   where;
    uint32_t             depth;     /* of recursion */
    uint32_t             next_id;
    phr_parser_made_t   *made;      /* selectors, to be freed on failure */

    const phr_template_t  *templates;   /* what WITH gave names, newest first */
    size_t               expanded;      /* bytes of them read again */
    phr_matching_t      *matching;      /* never NULL */
} phr_parser_t;


/*
 * Binding strength of binary operators; 0: the token is none.  The first two
 * are for operators of MetricsQL.
 */
#define PHR_PREC_ANY   1
#define PHR_PREC_IF    2
#define PHR_PREC_OR    3
#define PHR_PREC_AND   4
#define PHR_PREC_CMP   5
#define PHR_PREC_ADD   6
#define PHR_PREC_MUL   7
#define PHR_PREC_POW   8

unsigned phr_parser_precedence(phr_token_e op);

static inline int
phr_parser_dialect(const phr_parser_t *p)
{
    return (p->flags & PHR_PROMQL_METRICSQL) != 0;
}


/*
 * All that return a pointer return NULL, and all that return an int return
 * a negative code, when p->rc and *p->err are set.
 */

/* the kind of the next token; PHR_TOK_ERROR if there is none */
phr_token_e phr_parser_peek(phr_parser_t *p);

/* takes the token that was peeked */
phr_token_t phr_parser_take(phr_parser_t *p);

/* takes a token of this kind */
int phr_parser_expect(phr_parser_t *p, phr_token_e kind, phr_token_t *t);

int phr_parser_enter(phr_parser_t *p);      /* before recursion */
void phr_parser_leave(phr_parser_t *p);

phr_parser_where_t phr_parser_in(phr_parser_t *p, const char *in,
    const char *expected);

/* complains of the next token; always returns a negative code */
int phr_parser_unexpected(phr_parser_t *p);

int phr_parser_error(phr_parser_t *p, int32_t start, int32_t end,
    const char *fmt, ...) PHR_PRINTF(4, 5);

/* the text before, what is quoted, the text after */
int phr_parser_error_quoted(phr_parser_t *p, int32_t start, int32_t end,
    const char *before, phr_str_t quoted, const char *after);

int phr_parser_no_memory(phr_parser_t *p);

phr_node_t *phr_parser_node(phr_parser_t *p, phr_node_e kind, phr_type_e type,
    int32_t start, int32_t end);

void phr_parser_free_made(phr_parser_t *p);

/* counts the height of a node from that of an operand */
int phr_parser_adopt(phr_parser_t *p, phr_node_t *node,
    const phr_node_t *operand);

/* room for one more element in an array of n that lives in the arena */
void *phr_parser_push(phr_parser_t *p, void *elts, size_t n, size_t size);


/* parser.c */
phr_node_t *phr_parser_expr(phr_parser_t *p, unsigned min_precedence);
int phr_parser_starts_expr(phr_token_e t);

/* parser_call.c: the name has been taken, what follows is its */
typedef struct {
    phr_node_t  **args;
    size_t        nargs;
} phr_parser_args_t;

/* the rest of a list whose "(" has been taken; there may be some already */
int phr_parser_args_rest(phr_parser_t *p, phr_parser_args_t *args);
int phr_parser_args_push(phr_parser_t *p, phr_parser_args_t *args,
    phr_node_t *arg);
phr_node_t *phr_parser_call_node(phr_parser_t *p, const phr_func_t *func,
    const phr_parser_args_t *args, int32_t start, int32_t end);
phr_node_t *phr_parser_call(phr_parser_t *p, const phr_token_t *name);
phr_node_t *phr_parser_aggregation(phr_parser_t *p, const phr_token_t *op);

/* parser_literal.c: unexpected() if the next token is none */
phr_node_t *phr_parser_number(phr_parser_t *p);
phr_node_t *phr_parser_string(phr_parser_t *p);
int phr_parser_unquote(phr_parser_t *p, const phr_token_t *t, phr_str_t *s);

/* parser_selector.c: the name has been taken, or is NULL */
phr_node_t *phr_parser_selector(phr_parser_t *p, const phr_token_t *name);
int phr_parser_names(phr_parser_t *p, phr_names_t *names);
int phr_parser_matchers(phr_parser_t *p, phr_node_selector_t *s);
int phr_parser_add_matcher(phr_parser_t *p, phr_node_selector_t *s,
    phr_match_e op, phr_str_t name, phr_str_t value, int32_t start,
    int32_t end);

/* parser_modifier.c: the node, or what is made of it */
phr_node_t *phr_parser_modifiers(phr_parser_t *p, phr_node_t *node);

/* parser_duration.c: in brackets; after "offset" */
phr_node_t *phr_parser_duration(phr_parser_t *p);
phr_node_t *phr_parser_offset_duration(phr_parser_t *p);
phr_node_t *phr_parser_duration_node(phr_parser_t *p, phr_token_e op,
    phr_node_t *lhs, phr_node_t *rhs, int32_t start, int32_t end);

/* check.c: types and arity of a whole tree */
int phr_parser_check(phr_parser_t *p, phr_node_t *node);


#endif /* PHR_PARSER_H_INCLUDED */
