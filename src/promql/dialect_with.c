/*
 * Copyright (C) The Pharos Authors
 *
 * WITH templates of MetricsQL:
 *
 *   with       = "WITH" "(" { definition "," } ")" expr
 *   definition = name [ "(" { name "," } ")" ] "=" anything
 *
 * A template is a piece of the query's text, which is read again wherever
 * its name stands: as an expression, as matchers, a string, names of labels
 * or a duration, whatever that place takes.  It sees the names that were
 * known where it was written, so that it never contains itself; how much is
 * read in all is bounded.
 */

#include "promql/dialect.h"

#include <math.h>


/* names that are known at one place */
#define PHR_WITH_MAX_NAMES  250

/* bytes that are read again, in one query */
#define PHR_WITH_MAX_TEXT   (1024 * 1024)


struct phr_template_s {
    phr_str_t              name;
    phr_names_t            params;
    int                    is_function;
    size_t                 start;       /* of its text */
    size_t                 end;
    const phr_template_t  *scope;       /* what is known in the text */
    const phr_template_t  *next;        /* older ones */
    size_t                 n;           /* with all older ones */
};


/* where the parser goes on after a template */
typedef struct {
    phr_lexer_t            lexer;
    phr_token_t            token;
    int                    peeked;
    int32_t                last_end;
    phr_parser_where_t     where;
    const phr_template_t  *templates;
} phr_with_saved_t;


static int phr_with_definition(phr_parser_t *p);
static int phr_with_params(phr_parser_t *p, phr_names_t *params);
static int phr_with_text(phr_parser_t *p, phr_template_t *t);
static int phr_with_push(phr_parser_t *p, const phr_template_t *from,
    const phr_template_t **list);
static const phr_template_t *phr_with_find(const phr_parser_t *p,
    phr_str_t name);
static int phr_with_more(phr_parser_t *p, phr_node_t *node);
static int phr_with_bind(phr_parser_t *p, const phr_template_t *t,
    const phr_template_t **scope);
static int phr_with_enter(phr_parser_t *p, const phr_token_t *name,
    const phr_template_t *t, const phr_template_t *scope,
    phr_with_saved_t *saved);
static int phr_with_leave(phr_parser_t *p, phr_with_saved_t *saved);
static phr_node_t *phr_with_enclose(phr_parser_t *p, phr_node_t *node,
    int32_t start, int32_t end);


phr_node_t *
phr_dialect_with(phr_parser_t *p, const phr_token_t *word)
{
    phr_node_t            *node;
    const phr_template_t  *outer;

    outer = p->templates;

    (void) phr_parser_take(p);

    while (phr_parser_peek(p) != PHR_TOK_RIGHT_PAREN) {

        if (phr_with_definition(p) != PHR_OK) {
            return NULL;
        }

        if (phr_parser_peek(p) == PHR_TOK_COMMA) {
            (void) phr_parser_take(p);
        }
    }

    (void) phr_parser_take(p);

    node = phr_parser_expr(p, PHR_PREC_ANY);

    p->templates = outer;

    /* the whole query needs no parentheses */

    if (node == NULL || (p->depth == 1 && word->start == 0)) {
        return node;
    }

    return phr_with_enclose(p, node, word->start, p->last_end);
}


static int
phr_with_definition(phr_parser_t *p)
{
    phr_token_t     name;
    phr_template_t  t;

    memset(&t, 0, sizeof(t));

    if (phr_parser_expect(p, PHR_TOK_IDENTIFIER, &name) != PHR_OK) {
        return p->rc;
    }

    t.name = name.text;
    t.scope = p->templates;

    if (phr_parser_peek(p) == PHR_TOK_LEFT_PAREN) {
        t.is_function = 1;

        if (phr_with_params(p, &t.params) != PHR_OK) {
            return p->rc;
        }
    }

    if (phr_parser_expect(p, PHR_TOK_EQL, NULL) != PHR_OK
        || phr_with_text(p, &t) != PHR_OK)
    {
        return p->rc;
    }

    return phr_with_push(p, &t, &p->templates);
}


static int
phr_with_params(phr_parser_t *p, phr_names_t *params)
{
    phr_str_t    *s;
    phr_token_t   name;

    (void) phr_parser_take(p);

    while (phr_parser_peek(p) != PHR_TOK_RIGHT_PAREN) {

        if (phr_parser_expect(p, PHR_TOK_IDENTIFIER, &name) != PHR_OK) {
            return p->rc;
        }

        s = phr_parser_push(p, params->s, params->n, sizeof(phr_str_t));
        if (s == NULL) {
            return p->rc;
        }

        s[params->n] = name.text;
        params->s = s;
        params->n++;

        if (phr_parser_peek(p) == PHR_TOK_RIGHT_PAREN) {
            break;
        }

        if (phr_parser_expect(p, PHR_TOK_COMMA, NULL) != PHR_OK) {
            return p->rc;
        }
    }

    (void) phr_parser_take(p);

    return PHR_OK;
}


/* up to a comma or a parenthesis that is not the text's own */

static int
phr_with_text(phr_parser_t *p, phr_template_t *t)
{
    size_t       depth;
    phr_token_e  kind;

    depth = 0;

    for ( ;; ) {
        kind = phr_parser_peek(p);

        if (t->end == 0) {
            t->start = (size_t) p->token.start;
        }

        switch (kind) {

        case PHR_TOK_ERROR:
            return p->rc;

        case PHR_TOK_LEFT_PAREN:
        case PHR_TOK_LEFT_BRACE:
        case PHR_TOK_LEFT_BRACKET:
            depth++;
            break;

        case PHR_TOK_COMMA:
        case PHR_TOK_RIGHT_PAREN:
        case PHR_TOK_RIGHT_BRACE:
        case PHR_TOK_RIGHT_BRACKET:
        case PHR_TOK_EOF:
            if (depth == 0 || kind == PHR_TOK_EOF) {
                return t->end == 0 || kind == PHR_TOK_EOF
                       ? phr_parser_unexpected(p) : PHR_OK;
            }

            if (kind != PHR_TOK_COMMA) {
                depth--;
            }

            break;

        default:
            break;
        }

        (void) phr_parser_take(p);
        t->end = (size_t) p->last_end;
    }
}


static int
phr_with_push(phr_parser_t *p, const phr_template_t *from,
    const phr_template_t **list)
{
    phr_template_t  *t;

    t = phr_arena_alloc(p->arena, sizeof(phr_template_t));
    if (t == NULL) {
        return phr_parser_no_memory(p);
    }

    *t = *from;
    t->next = *list;
    t->n = *list == NULL ? 1 : (*list)->n + 1;

    if (t->n > PHR_WITH_MAX_NAMES) {
        return phr_parser_error(p, (int32_t) t->start, (int32_t) t->end,
                                "more than %d names given by WITH",
                                PHR_WITH_MAX_NAMES);
    }

    *list = t;

    return PHR_OK;
}


static const phr_template_t *
phr_with_find(const phr_parser_t *p, phr_str_t name)
{
    const phr_template_t  *t;

    for (t = p->templates; t != NULL; t = t->next) {
        if (phr_str_eq(t->name, name)) {
            break;
        }
    }

    return t;
}


int
phr_dialect_template(phr_parser_t *p, const phr_token_t *name,
    phr_node_t **node)
{
    phr_with_saved_t       saved;
    const phr_template_t  *t, *scope;

    t = phr_with_find(p, name->text);

    if (t == NULL
        || t->is_function != (phr_parser_peek(p) == PHR_TOK_LEFT_PAREN))
    {
        return 0;
    }

    *node = NULL;

    if (phr_with_bind(p, t, &scope) != PHR_OK
        || phr_with_enter(p, name, t, scope, &saved) != PHR_OK)
    {
        return 1;
    }

    *node = phr_parser_expr(p, PHR_PREC_ANY);

    if (phr_with_leave(p, &saved) != PHR_OK) {
        *node = NULL;
        return 1;
    }

    /* errors that are found later point at the name */

    (*node)->start = name->start;
    (*node)->end = p->last_end;

    if ((*node)->kind != PHR_NODE_SELECTOR) {
        *node = phr_with_enclose(p, *node, name->start, p->last_end);

    } else if (phr_parser_peek(p) == PHR_TOK_LEFT_BRACE
               && phr_with_more(p, *node) != PHR_OK)
    {
        *node = NULL;
    }

    return 1;
}


/* further matchers of a selector; that of the name stays the last one */

static int
phr_with_more(phr_parser_t *p, phr_node_t *node)
{
    size_t                named;
    phr_matcher_t         m;
    phr_node_selector_t  *s;

    s = &node->u.selector;
    named = s->name.len != 0 ? s->nmatchers : 0;

    if (s->nothers == 0 && phr_parser_matchers(p, s) != PHR_OK) {
        return p->rc;
    }

    if (s->nothers != 0) {
        return phr_parser_error(p, node->start, node->end, "matchers cannot"
                                " be added where there is \"or\"");
    }

    if (named != 0) {
        m = s->matchers[named - 1];
        s->matchers[named - 1] = s->matchers[s->nmatchers - 1];
        s->matchers[s->nmatchers - 1] = m;
    }

    node->end = p->last_end;

    return PHR_OK;
}


int
phr_dialect_filters(phr_parser_t *p, const phr_token_t *name,
    phr_node_selector_t *s)
{
    phr_with_saved_t       saved;
    const phr_template_t  *t;

    t = phr_with_find(p, name->text);

    if (t == NULL || t->is_function) {
        return 0;
    }

    if (phr_with_enter(p, name, t, t->scope, &saved) != PHR_OK) {
        return 1;
    }

    if (phr_parser_peek(p) == PHR_TOK_LEFT_BRACE) {
        (void) phr_parser_matchers(p, s);

    } else {
        (void) phr_parser_unexpected(p);
    }

    (void) phr_with_leave(p, &saved);

    return 1;
}


int
phr_dialect_string(phr_parser_t *p, const phr_token_t *name,
    phr_str_t *value)
{
    phr_node_t            *node;
    phr_with_saved_t       saved;
    const phr_template_t  *t;

    t = phr_with_find(p, name->text);

    if (t == NULL || t->is_function) {
        return phr_parser_error_quoted(p, name->start, name->end,
                                       "WITH gave no string the name ",
                                       name->text, "");
    }

    if (phr_with_enter(p, name, t, t->scope, &saved) != PHR_OK) {
        return p->rc;
    }

    node = phr_parser_expr(p, PHR_PREC_ANY);

    if (node != NULL && phr_ast_unparen(node)->kind == PHR_NODE_STRING) {
        *value = phr_ast_unparen(node)->u.string.value;

    } else if (node != NULL) {
        (void) phr_parser_error_quoted(p, node->start, node->end,
                                       "no string: ", name->text, "");
    }

    return phr_with_leave(p, &saved);
}


int
phr_dialect_names(phr_parser_t *p, phr_names_t *names)
{
    phr_str_t             *s;
    phr_token_t            name;
    phr_with_saved_t       saved;
    const phr_template_t  *t;

    if (phr_parser_peek(p) != PHR_TOK_IDENTIFIER) {
        return 0;
    }

    t = phr_with_find(p, p->token.text);

    if (t == NULL || t->is_function) {
        return 0;
    }

    name = phr_parser_take(p);

    if (phr_with_enter(p, &name, t, t->scope, &saved) != PHR_OK) {
        return 1;
    }

    if (phr_parser_peek(p) == PHR_TOK_LEFT_PAREN) {
        (void) phr_parser_names(p, names);

    } else if (!phr_dialect_names(p, names)
               && phr_parser_expect(p, PHR_TOK_IDENTIFIER, &name) == PHR_OK)
    {
        s = phr_parser_push(p, names->s, names->n, sizeof(phr_str_t));

        if (s != NULL) {
            s[names->n] = name.text;
            names->s = s;
            names->n++;
        }
    }

    (void) phr_with_leave(p, &saved);

    return 1;
}


phr_node_t *
phr_dialect_span(phr_parser_t *p, const phr_token_t *name)
{
    phr_node_t            *node;
    phr_with_saved_t       saved;
    const phr_template_t  *t;

    t = phr_with_find(p, name->text);

    if (t == NULL || t->is_function) {
        (void) phr_parser_error_quoted(p, name->start, name->end,
                                       "WITH gave no duration the name ",
                                       name->text, "");
        return NULL;
    }

    if (phr_with_enter(p, name, t, t->scope, &saved) != PHR_OK) {
        return NULL;
    }

    node = phr_parser_duration(p);

    if (node != NULL && node->kind == PHR_NODE_DURATION
        && phr_token_class(node->u.duration.op) == PHR_TOKC_ARITH)
    {
        node->u.duration.wrapped = 1;
    }

    return phr_with_leave(p, &saved) == PHR_OK ? node : NULL;
}


/* what is known in the text of a template: its arguments, too */

static int
phr_with_bind(phr_parser_t *p, const phr_template_t *t,
    const phr_template_t **scope)
{
    size_t          i;
    phr_token_t     open;
    phr_template_t  arg;

    *scope = t->scope;

    if (!t->is_function) {
        return PHR_OK;
    }

    open = phr_parser_take(p);

    for (i = 0; phr_parser_peek(p) != PHR_TOK_RIGHT_PAREN; i++) {

        memset(&arg, 0, sizeof(arg));
        arg.scope = p->templates;

        if (phr_with_text(p, &arg) != PHR_OK) {
            return p->rc;
        }

        if (i < t->params.n) {
            arg.name = t->params.s[i];

            if (phr_with_push(p, &arg, scope) != PHR_OK) {
                return p->rc;
            }
        }

        if (phr_parser_peek(p) == PHR_TOK_COMMA) {
            (void) phr_parser_take(p);
        }
    }

    (void) phr_parser_take(p);

    if (i != t->params.n) {
        return phr_parser_error(p, open.start, p->last_end, "expected %zu"
                                " argument(s), got %zu", t->params.n, i);
    }

    return PHR_OK;
}


static int
phr_with_enter(phr_parser_t *p, const phr_token_t *name,
    const phr_template_t *t, const phr_template_t *scope,
    phr_with_saved_t *saved)
{
    if (phr_parser_enter(p) != PHR_OK) {
        return p->rc;
    }

    p->expanded += t->end - t->start;

    if (p->expanded > PHR_WITH_MAX_TEXT) {
        return phr_parser_error(p, name->start, name->end, "what WITH gave"
                                " names is more than %d bytes",
                                PHR_WITH_MAX_TEXT);
    }

    saved->lexer = p->lexer;
    saved->token = p->token;
    saved->peeked = p->peeked;
    saved->last_end = p->last_end;
    saved->where = phr_parser_in(p, NULL, NULL);
    saved->templates = p->templates;

    phr_lexer_init(&p->lexer, phr_str_from(saved->lexer.input.data, t->end));
    p->lexer.pos = t->start;
    p->lexer.dialect = 1;
    p->peeked = 0;
    p->templates = scope;

    return PHR_OK;
}


static int
phr_with_leave(phr_parser_t *p, phr_with_saved_t *saved)
{
    if (p->rc != PHR_OK || phr_parser_expect(p, PHR_TOK_EOF, NULL) != PHR_OK) {
        return p->rc;
    }

    p->lexer = saved->lexer;
    p->token = saved->token;
    p->peeked = saved->peeked;
    p->last_end = saved->last_end;
    p->where = saved->where;
    p->templates = saved->templates;

    phr_parser_leave(p);

    return PHR_OK;
}


/* an operator keeps its operands wherever it is put */

static phr_node_t *
phr_with_enclose(phr_parser_t *p, phr_node_t *node, int32_t start,
    int32_t end)
{
    phr_node_t  *paren;

    /* a sign is an operator, which holds less than "^" */

    if (node->kind != PHR_NODE_BINARY && node->kind != PHR_NODE_UNARY
        && (node->kind != PHR_NODE_NUMBER
            || !signbit(node->u.number.value)))
    {
        return node;
    }

    paren = phr_parser_node(p, PHR_NODE_PAREN, node->type, start, end);

    if (paren == NULL || phr_parser_adopt(p, paren, node) != PHR_OK) {
        return NULL;
    }

    paren->u.paren.expr = node;

    return paren;
}
