/*
 * Copyright (C) The Pharos Authors
 *
 * Parser, its tools: tokens with one of look-ahead, errors, nodes.  The
 * grammar is in the other files.
 */

#include "promql/parser.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/utf8.h"


struct phr_parser_made_s {
    phr_node_t         *selector;
    phr_parser_made_t  *next;
};


phr_token_e
phr_parser_peek(phr_parser_t *p)
{
    int  rc;

    if (p->rc != PHR_OK) {
        return PHR_TOK_ERROR;
    }

    if (!p->peeked) {
        rc = phr_lexer_next(&p->lexer, &p->token, p->err);
        if (rc != PHR_OK) {
            p->rc = rc;
            return PHR_TOK_ERROR;
        }

        p->peeked = 1;
    }

    return p->token.kind;
}


phr_token_t
phr_parser_take(phr_parser_t *p)
{
    phr_assert(p->peeked);

    p->peeked = 0;
    p->last_end = p->token.end;

    return p->token;
}


int
phr_parser_expect(phr_parser_t *p, phr_token_e kind, phr_token_t *t)
{
    phr_token_t  taken;

    if (phr_parser_peek(p) != kind) {
        return phr_parser_unexpected(p);
    }

    taken = phr_parser_take(p);

    if (t != NULL) {
        *t = taken;
    }

    return PHR_OK;
}


int
phr_parser_enter(phr_parser_t *p)
{
    if (p->depth == PHR_AST_MAX_HEIGHT) {
        return phr_parser_error(p, p->last_end, p->last_end,
                                "expression is nested more than %d deep",
                                PHR_AST_MAX_HEIGHT);
    }

    p->depth++;

    return PHR_OK;
}


void
phr_parser_leave(phr_parser_t *p)
{
    p->depth--;
}


phr_parser_where_t
phr_parser_in(phr_parser_t *p, const char *in, const char *expected)
{
    phr_parser_where_t  old;

    old = p->where;
    p->where.in = in;
    p->where.expected = expected;

    return old;
}


int
phr_parser_unexpected(phr_parser_t *p)
{
    phr_buf_t  b;

    if (phr_parser_peek(p) == PHR_TOK_ERROR) {
        return p->rc;
    }

    phr_buf_init(&b, 0);
    phr_buf_puts(&b, "unexpected ");
    phr_token_describe(&b, &p->token);

    if (p->where.in != NULL) {
        phr_buf_puts(&b, " in ");
        phr_buf_puts(&b, p->where.in);
    }

    if (p->where.expected != NULL) {
        phr_buf_puts(&b, ", expected ");
        phr_buf_puts(&b, p->where.expected);
    }

    if (b.failed != PHR_OK) {
        (void) phr_parser_no_memory(p);

    } else {
        (void) phr_parser_error(p, p->token.start, p->token.end, "%s",
                                phr_buf_cstr(&b));
    }

    phr_buf_free(&b);

    return p->rc;
}


int
phr_parser_error(phr_parser_t *p, int32_t start, int32_t end,
    const char *fmt, ...)
{
    char     text[PHR_ERR_TEXT];
    va_list  args;

    if (p->rc != PHR_OK) {
        return p->rc;
    }

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    p->rc = phr_lexer_error(p->lexer.input, p->err, start, end, "%s", text);

    return p->rc;
}


int
phr_parser_error_quoted(phr_parser_t *p, int32_t start, int32_t end,
    const char *before, phr_str_t quoted, const char *after)
{
    phr_buf_t  b;

    phr_buf_init(&b, 0);
    phr_buf_puts(&b, before);
    phr_utf8_quote(&b, quoted);
    phr_buf_puts(&b, after);

    if (b.failed != PHR_OK) {
        (void) phr_parser_no_memory(p);

    } else {
        (void) phr_parser_error(p, start, end, "%s", phr_buf_cstr(&b));
    }

    phr_buf_free(&b);

    return p->rc;
}


/* the arena's limit, or memory itself, also of what is not in the arena */

int
phr_parser_no_memory(phr_parser_t *p)
{
    if (p->rc == PHR_OK) {
        p->rc = phr_arena_rc(p->arena);
        (void) phr_err_set(p->err, p->rc, p->rc == PHR_ELIMIT
                           ? "expression needs too much memory"
                           : "out of memory");
    }

    return p->rc;
}


phr_node_t *
phr_parser_node(phr_parser_t *p, phr_node_e kind, phr_type_e type,
    int32_t start, int32_t end)
{
    phr_node_t         *node;
    phr_parser_made_t  *made;

    node = phr_arena_calloc(p->arena, 1, sizeof(phr_node_t));
    if (node == NULL) {
        (void) phr_parser_no_memory(p);
        return NULL;
    }

    node->kind = kind;
    node->type = type;
    node->id = p->next_id++;
    node->height = 1;
    node->start = start;
    node->end = end;

    if (kind == PHR_NODE_SELECTOR) {
        made = phr_arena_alloc(p->arena, sizeof(phr_parser_made_t));
        if (made == NULL) {
            (void) phr_parser_no_memory(p);
            return NULL;
        }

        made->selector = node;
        made->next = p->made;
        p->made = made;
    }

    return node;
}


void
phr_parser_free_made(phr_parser_t *p)
{
    phr_parser_made_t  *made;

    for (made = p->made; made != NULL; made = made->next) {
        phr_promql_destroy(made->selector);
    }
}


int
phr_parser_adopt(phr_parser_t *p, phr_node_t *node,
    const phr_node_t *operand)
{
    if (operand->height >= PHR_AST_MAX_HEIGHT) {
        return phr_parser_error(p, node->start, node->end,
                                "expression is nested more than %d deep",
                                PHR_AST_MAX_HEIGHT);
    }

    node->height = phr_max(node->height, operand->height + 1);

    return PHR_OK;
}


/* room doubles whenever the number of elements is a power of two */

void *
phr_parser_push(phr_parser_t *p, void *elts, size_t n, size_t size)
{
    void  *grown;

    if (n != 0 && (n & (n - 1)) != 0) {
        return elts;
    }

    if (n == 0) {
        grown = phr_arena_alloc(p->arena, size);

    } else {
        grown = phr_arena_grow(p->arena, elts, n * size, n * 2 * size);
    }

    if (grown == NULL) {
        (void) phr_parser_no_memory(p);
    }

    return grown;
}
