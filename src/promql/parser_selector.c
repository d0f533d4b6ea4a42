/*
 * Copyright (C) The Pharos Authors
 *
 * Parser of selectors and of lists of label names.
 *
 *   selector = name [ matchers ] | matchers
 *   matchers = "{" [ matcher { "," matcher } [ "," ] ] "}"
 *   matcher  = string | (name | string) ("=" | "!=" | "=~" | "!~") string
 *   names    = "(" [ label { "," label } [ "," ] ] ")"
 */

#include "promql/dialect.h"

#include "core/utf8.h"


static int phr_parser_matcher(phr_parser_t *p, phr_node_selector_t *s);
static int phr_parser_match_op(phr_token_e t, phr_match_e *op);
static int phr_parser_name(phr_parser_t *p, phr_str_t *name);
static int phr_parser_is_label(phr_token_e t);


/* the name has been taken, or is NULL */

phr_node_t *
phr_parser_selector(phr_parser_t *p, const phr_token_t *name)
{
    phr_node_t           *node;
    phr_token_e           next;
    phr_node_selector_t  *s;

    next = phr_parser_peek(p);
    if (next == PHR_TOK_ERROR) {
        return NULL;
    }

    node = phr_parser_node(p, PHR_NODE_SELECTOR, PHR_TYPE_VECTOR,
                           name ? name->start : p->token.start, p->last_end);
    if (node == NULL) {
        return NULL;
    }

    s = &node->u.selector;
    s->name = phr_str_of("");

    if (next == PHR_TOK_LEFT_BRACE) {
        if (phr_parser_matchers(p, s) != PHR_OK) {
            return NULL;
        }

        node->end = p->last_end;
    }

    if (name != NULL) {
        s->name = name->text;

        if (phr_parser_add_matcher(p, s, PHR_MATCH_EQ,
                                   phr_str_of(PHR_METRIC_NAME), name->text,
                                   name->start, name->end)
            != PHR_OK
            || (s->nothers != 0
                && phr_dialect_name_others(p, s, name) != PHR_OK))
        {
            return NULL;
        }
    }

    return node;
}


int
phr_parser_matchers(phr_parser_t *p, phr_node_selector_t *s)
{
    phr_parser_where_t  outer;

    (void) phr_parser_take(p);

    outer = phr_parser_in(p, "label matching", "identifier or \"}\"");

    while (phr_parser_peek(p) != PHR_TOK_RIGHT_BRACE) {

        if (phr_parser_matcher(p, s) != PHR_OK) {
            return p->rc;
        }

        p->where.expected = "\",\" or \"}\"";

        if (phr_parser_peek(p) == PHR_TOK_RIGHT_BRACE) {
            break;
        }

        if (phr_parser_dialect(p) && phr_dialect_or(p, s)) {
            p->where.expected = "identifier";
            continue;
        }

        if (phr_parser_expect(p, PHR_TOK_COMMA, NULL) != PHR_OK) {
            return p->rc;
        }

        p->where.expected = "identifier or \"}\"";
    }

    (void) phr_parser_take(p);

    p->where = outer;

    return PHR_OK;
}


static int
phr_parser_matcher(phr_parser_t *p, phr_node_selector_t *s)
{
    phr_str_t    name, value;
    phr_match_e  op;
    phr_token_t  label, literal;

    switch (phr_parser_peek(p)) {

    case PHR_TOK_IDENTIFIER:
        label = phr_parser_take(p);
        name = label.text;
        break;

    case PHR_TOK_STRING:
        label = phr_parser_take(p);

        if (phr_parser_unquote(p, &label, &name) != PHR_OK) {
            return p->rc;
        }

        break;

    default:
        return phr_parser_unexpected(p);
    }

    if (!phr_parser_match_op(phr_parser_peek(p), &op)) {

        if (label.kind == PHR_TOK_IDENTIFIER && p->templates != NULL
            && phr_dialect_filters(p, &label, s))
        {
            return p->rc;
        }

        if (label.kind == PHR_TOK_STRING && p->rc == PHR_OK) {
            return phr_parser_add_matcher(p, s, PHR_MATCH_EQ,
                                          phr_str_of(PHR_METRIC_NAME), name,
                                          label.start, label.end);
        }

        p->where.expected = "label matching operator";
        return phr_parser_unexpected(p);
    }

    (void) phr_parser_take(p);

    p->where.expected = "string";

    if (p->templates != NULL && phr_parser_peek(p) == PHR_TOK_IDENTIFIER) {
        literal = phr_parser_take(p);

        if (phr_dialect_string(p, &literal, &value) != PHR_OK) {
            return p->rc;
        }

    } else if (phr_parser_expect(p, PHR_TOK_STRING, &literal) != PHR_OK
        || phr_parser_unquote(p, &literal, &value) != PHR_OK)
    {
        return p->rc;
    }

    return phr_parser_add_matcher(p, s, op, name, value, label.start,
                                  literal.end);
}


int
phr_parser_add_matcher(phr_parser_t *p, phr_node_selector_t *s,
    phr_match_e op, phr_str_t name, phr_str_t value, int32_t start,
    int32_t end)
{
    int             rc;
    phr_err_t       why;
    phr_matcher_t  *m;

    m = phr_parser_push(p, s->matchers, s->nmatchers, sizeof(phr_matcher_t));
    if (m == NULL) {
        return p->rc;
    }

    s->matchers = m;

    phr_err_init(&why);

    rc = phr_matcher_init_within(&m[s->nmatchers], op, name, value,
                                 p->matching, &why);

    switch (rc) {

    case PHR_OK:
        s->nmatchers++;
        return PHR_OK;

    case PHR_ENOMEM:
    case PHR_ETIMEOUT:
    case PHR_ECANCELED:
        p->rc = phr_err_set(p->err, rc, "%s", why.text);
        return p->rc;

    default:
        return phr_parser_error(p, start, end, "%s", why.text);
    }
}


static int
phr_parser_match_op(phr_token_e t, phr_match_e *op)
{
    switch (t) {

    case PHR_TOK_EQL:
        *op = PHR_MATCH_EQ;
        return 1;

    case PHR_TOK_NEQ:
        *op = PHR_MATCH_NE;
        return 1;

    case PHR_TOK_EQL_REGEX:
        *op = PHR_MATCH_RE;
        return 1;

    case PHR_TOK_NEQ_REGEX:
        *op = PHR_MATCH_NRE;
        return 1;

    default:
        return 0;
    }
}


/* of by, without, on, ignoring, group_left and group_right */

int
phr_parser_names(phr_parser_t *p, phr_names_t *names)
{
    phr_str_t           *s;
    phr_parser_where_t   outer;

    outer = phr_parser_in(p, "grouping opts", "\"(\"");

    if (phr_parser_expect(p, PHR_TOK_LEFT_PAREN, NULL) != PHR_OK) {
        return p->rc;
    }

    p->where.expected = "label";

    while (phr_parser_peek(p) != PHR_TOK_RIGHT_PAREN) {

        s = phr_parser_push(p, names->s, names->n, sizeof(phr_str_t));
        if (s == NULL) {
            return p->rc;
        }

        names->s = s;

        if (p->templates != NULL && phr_dialect_names(p, names)) {

            if (p->rc != PHR_OK) {
                return p->rc;
            }

        } else {

            if (phr_parser_name(p, &s[names->n]) != PHR_OK) {
                return p->rc;
            }

            names->n++;
        }

        p->where.expected = "\",\" or \")\"";

        if (phr_parser_peek(p) == PHR_TOK_RIGHT_PAREN) {
            break;
        }

        if (phr_parser_expect(p, PHR_TOK_COMMA, NULL) != PHR_OK) {
            return p->rc;
        }

        p->where.expected = "label";
    }

    (void) phr_parser_take(p);

    p->where = outer;

    return PHR_OK;
}


static int
phr_parser_name(phr_parser_t *p, phr_str_t *name)
{
    phr_token_t  t;

    if (phr_parser_peek(p) == PHR_TOK_STRING) {
        t = phr_parser_take(p);

        if (phr_parser_unquote(p, &t, name) != PHR_OK) {
            return p->rc;
        }

    } else if (phr_parser_is_label(phr_parser_peek(p))) {
        t = phr_parser_take(p);
        *name = t.text;

    } else {
        return phr_parser_unexpected(p);
    }

    if (name->len == 0 || !phr_utf8_valid(name->data, name->len)) {
        return phr_parser_error_quoted(p, t.start, t.end, "invalid label name"
                                       " for grouping: ", *name, "");
    }

    return PHR_OK;
}


/* every word but one */

static int
phr_parser_is_label(phr_token_e t)
{
    switch (t) {

    case PHR_TOK_IDENTIFIER:
    case PHR_TOK_METRIC_IDENTIFIER:
    case PHR_TOK_ATAN2:
        return 1;

    case PHR_TOK_WITHOUT:
        return 0;

    default:
        return phr_token_is_word(t);
    }
}
