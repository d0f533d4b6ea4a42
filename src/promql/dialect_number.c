/*
 * Copyright (C) The Pharos Authors
 *
 * Numbers of MetricsQL that PromQL does not have: sizes (8Ki, 1.5M),
 * fractions of units (1.5h) and durations in steps of the query (5i).
 */

#include "promql/dialect.h"
#include "promql/scan.h"

#include "core/number.h"


/* digits of a number, so that it fits a buffer */
#define PHR_DIALECT_DIGITS  40


static const struct {
    char    text[4];
    double  factor;
    int     is_duration;
} phr_dialect_units[] = {       /* longer ones before their beginnings */
    { "KiB", 1024, 0 },
    { "MiB", 1048576, 0 },
    { "GiB", 1073741824, 0 },
    { "TiB", 1099511627776, 0 },
    { "Ki",  1024, 0 },
    { "Mi",  1048576, 0 },
    { "Gi",  1073741824, 0 },
    { "Ti",  1099511627776, 0 },
    { "KB",  1e3, 0 },
    { "MB",  1e6, 0 },
    { "GB",  1e9, 0 },
    { "TB",  1e12, 0 },
    { "K",   1e3, 0 },
    { "M",   1e6, 0 },
    { "G",   1e9, 0 },
    { "T",   1e12, 0 },
    { "ms",  1e-3, 1 },
    { "s",   1, 1 },
    { "m",   60, 1 },
    { "h",   3600, 1 },
    { "d",   86400, 1 },
    { "w",   604800, 1 },
    { "y",   31536000, 1 },
    { "i",   0, 1 },
};


static int phr_dialect_is_digit(phr_str_t s, size_t pos);
static int phr_dialect_digits(phr_str_t s, size_t *pos, double *v);
static int phr_dialect_unit(phr_str_t s, size_t *pos, size_t *unit);


int
phr_dialect_literal(phr_str_t s, size_t *pos, phr_dialect_literal_t *l)
{
    double  v;
    size_t  i, unit;

    memset(l, 0, sizeof(*l));
    i = *pos;

    do {
        if (!phr_dialect_digits(s, &i, &v)
            || !phr_dialect_unit(s, &i, &unit))
        {
            return 0;
        }

        if (!phr_dialect_units[unit].is_duration) {

            if (l->is_duration) {
                return 0;
            }

            l->value = v * phr_dialect_units[unit].factor;
            break;
        }

        l->is_duration = 1;
        l->value += v * phr_dialect_units[unit].factor;

        if (phr_dialect_units[unit].factor == 0) {
            l->steps += v;
        }

    } while (phr_dialect_is_digit(s, i));

    /* no letter may follow */

    if (i < s.len && (s.data[i] == '_'
                      || ((s.data[i] | 0x20) >= 'a'
                          && (s.data[i] | 0x20) <= 'z')
                      || phr_dialect_is_digit(s, i)))
    {
        return 0;
    }

    *pos = i;

    return 1;
}


static int
phr_dialect_is_digit(phr_str_t s, size_t pos)
{
    return pos < s.len && s.data[pos] >= '0' && s.data[pos] <= '9';
}


/* digits, perhaps with a point among them */

static int
phr_dialect_digits(phr_str_t s, size_t *pos, double *v)
{
    size_t  i;

    i = *pos;

    while (phr_dialect_is_digit(s, i)) {
        i++;
    }

    if (i < s.len && s.data[i] == '.') {
        i++;

        while (phr_dialect_is_digit(s, i)) {
            i++;
        }
    }

    if (i - *pos > PHR_DIALECT_DIGITS
        || phr_number_parse(s.data + *pos, i - *pos, v) != PHR_OK)
    {
        return 0;
    }

    *pos = i;

    return 1;
}


static int
phr_dialect_unit(phr_str_t s, size_t *pos, size_t *unit)
{
    size_t  i, len;

    for (i = 0; i < phr_nelems(phr_dialect_units); i++) {
        len = strlen(phr_dialect_units[i].text);

        if (s.len - *pos >= len
            && memcmp(s.data + *pos, phr_dialect_units[i].text, len) == 0)
        {
            *pos += len;
            *unit = i;

            return 1;
        }
    }

    return 0;
}


int
phr_dialect_number(phr_parser_t *p, const phr_token_t *t, phr_node_t **node)
{
    size_t                 pos;
    phr_dialect_literal_t  l;

    pos = 0;

    if (phr_scan_number(t->text, &pos)
        || (phr_scan_duration(t->text, &pos)
            && memchr(t->text.data, '.', t->text.len) == NULL))
    {
        return 0;
    }

    pos = 0;

    if (!phr_dialect_literal(t->text, &pos, &l)) {
        return 0;
    }

    *node = NULL;

    if (l.steps != 0) {
        (void) phr_parser_error(p, t->start, t->end, "a duration in steps has"
                                " its place in brackets and after \"offset\"");
        return 1;
    }

    if (l.is_duration && !(l.value <= PHR_AST_MAX_DURATION_S)) {
        (void) phr_parser_error(p, t->start, t->end, "duration out of range");
        return 1;
    }

    *node = phr_parser_node(p, PHR_NODE_NUMBER, PHR_TYPE_SCALAR, t->start,
                            t->end);
    if (*node != NULL) {
        (*node)->u.number.value = l.value;
        (*node)->u.number.is_duration = l.is_duration;
    }

    return 1;
}


phr_node_t *
phr_dialect_duration(phr_parser_t *p)
{
    size_t                  pos;
    phr_node_t             *node, *steps, *seconds;
    phr_token_t             t;
    phr_dialect_literal_t   l;

    if (phr_parser_peek(p) == PHR_TOK_IDENTIFIER) {
        t = phr_parser_take(p);

        return phr_dialect_span(p, &t);
    }

    pos = 0;

    if (phr_parser_peek(p) != PHR_TOK_DURATION
        || !phr_dialect_literal(p->token.text, &pos, &l) || l.steps == 0)
    {
        return NULL;
    }

    t = phr_parser_take(p);

    if (!(l.steps <= PHR_AST_MAX_DURATION_S
          && l.value <= PHR_AST_MAX_DURATION_S))
    {
        (void) phr_parser_error(p, t.start, t.end, "duration out of range");
        return NULL;
    }

    node = phr_parser_duration_node(p, PHR_TOK_STEP, NULL, NULL, t.start,
                                    t.end);
    if (node == NULL) {
        return NULL;
    }

    if (l.steps != 1) {
        steps = phr_parser_node(p, PHR_NODE_NUMBER, PHR_TYPE_SCALAR, t.start,
                                t.end);
        if (steps == NULL) {
            return NULL;
        }

        steps->u.number.value = l.steps;

        node = phr_parser_duration_node(p, PHR_TOK_MUL, steps, node, t.start,
                                        t.end);
    }

    if (node != NULL && l.value != 0) {
        seconds = phr_parser_node(p, PHR_NODE_NUMBER, PHR_TYPE_SCALAR,
                                  t.start, t.end);
        if (seconds == NULL) {
            return NULL;
        }

        seconds->u.number.value = l.value;

        node = phr_parser_duration_node(p, PHR_TOK_ADD, node, seconds,
                                        t.start, t.end);
    }

    /* one term, whatever stands beside it */

    if (node != NULL && node->u.duration.op != PHR_TOK_STEP) {
        node->u.duration.wrapped = 1;
    }

    return node;
}
