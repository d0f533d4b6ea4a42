/*
 * Copyright (C) The Pharos Authors
 *
 * Parser of literals: what numbers, durations and strings stand for.
 */

#include "promql/dialect.h"
#include "promql/quote.h"

#include <math.h>
#include <stdlib.h>

#include "core/number.h"
#include "core/time.h"
#include "core/utf8.h"


static int phr_parser_float(phr_parser_t *p, const phr_token_t *t, double *v);
static int phr_parser_int(phr_str_t s, double *v);
static int phr_parser_underscores_ok(phr_str_t s);
static int phr_parser_seconds(phr_parser_t *p, const phr_token_t *t,
    double *v);
static int phr_parser_bad_duration(phr_parser_t *p, const phr_token_t *t);


/* a duration is a number of seconds */

phr_node_t *
phr_parser_number(phr_parser_t *p)
{
    int           rc;
    double        v;
    phr_node_t   *node;
    phr_token_e   kind;
    phr_token_t   t;

    kind = phr_parser_peek(p);

    if (kind != PHR_TOK_NUMBER && kind != PHR_TOK_DURATION) {
        (void) phr_parser_unexpected(p);
        return NULL;
    }

    t = phr_parser_take(p);

    if (phr_parser_dialect(p) && phr_dialect_number(p, &t, &node)) {
        return node;
    }

    rc = kind == PHR_TOK_NUMBER ? phr_parser_float(p, &t, &v)
                                : phr_parser_seconds(p, &t, &v);
    if (rc != PHR_OK) {
        return NULL;
    }

    node = phr_parser_node(p, PHR_NODE_NUMBER, PHR_TYPE_SCALAR, t.start,
                           t.end);
    if (node == NULL) {
        return NULL;
    }

    node->u.number.value = v;
    node->u.number.is_duration = kind == PHR_TOK_DURATION;

    return node;
}


/* an integer of any base if it is one, else a decimal fraction */

static int
phr_parser_float(phr_parser_t *p, const phr_token_t *t, double *v)
{
    char        *digits, *end;
    size_t       i, n;
    const char  *what;

    if (phr_parser_int(t->text, v) == PHR_OK) {
        return PHR_OK;
    }

    digits = phr_arena_alloc(p->arena, t->text.len + 1);
    if (digits == NULL) {
        return phr_parser_no_memory(p);
    }

    for (i = 0, n = 0; i < t->text.len; i++) {
        if (t->text.data[i] != '_') {
            digits[n++] = t->text.data[i];
        }
    }

    digits[n] = '\0';
    what = ": invalid syntax";

    /* a hexadecimal fraction would need an exponent */

    if (phr_parser_underscores_ok(t->text) && (digits[1] | 0x20) != 'x') {

        if (phr_number_parse(digits, n, v) == PHR_OK) {
            return PHR_OK;
        }

        if (isinf(strtod(digits, &end)) && *end == '\0') {
            what = ": value out of range";
        }
    }

    return phr_parser_error_quoted(p, t->start, t->end, "error parsing number:"
                                   " strconv.ParseFloat: parsing ", t->text,
                                   what);
}


/*
 * 0x is hexadecimal, a leading 0 octal.  PHR_EPARSE for what is no such
 * integer, or does not fit 63 bits.
 */

static int
phr_parser_int(phr_str_t s, double *v)
{
    int       c;
    size_t    i;
    uint64_t  n, base, d;

    if (!phr_parser_underscores_ok(s)) {
        return PHR_EPARSE;
    }

    base = 10;
    i = 0;
    n = 0;

    if (s.data[0] == '0') {
        base = 8;
        i = 1;

        if (s.len > 2 && (s.data[1] | 0x20) == 'x') {
            base = 16;
            i = 2;
        }
    }

    for ( ; i < s.len; i++) {
        c = s.data[i];

        if (c == '_') {
            continue;
        }

        if (c >= '0' && c <= '9') {
            d = (uint64_t) (c - '0');

        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            d = (uint64_t) ((c | 0x20) - 'a' + 10);

        } else {
            return PHR_EPARSE;
        }

        if (d >= base || n > (INT64_MAX - d) / base) {
            return PHR_EPARSE;
        }

        n = n * base + d;
    }

    *v = (double) (int64_t) n;

    return PHR_OK;
}


/* "_" only between digits, the prefix "0x" counting as one */

static int
phr_parser_underscores_ok(phr_str_t s)
{
    int     hex, c;
    char    before;
    size_t  i;

    hex = s.len > 1 && s.data[0] == '0' && (s.data[1] | 0x20) == 'x';
    before = hex ? '0' : '^';

    for (i = hex ? 2 : 0; i < s.len; i++) {
        c = s.data[i];

        if ((c >= '0' && c <= '9')
            || (hex && (c | 0x20) >= 'a' && (c | 0x20) <= 'f'))
        {
            before = '0';

        } else if (c == '_') {

            if (before != '0') {
                return 0;
            }

            before = '_';

        } else {

            if (before == '_') {
                return 0;
            }

            before = '!';
        }
    }

    return before != '_';
}


static int
phr_parser_seconds(phr_parser_t *p, const phr_token_t *t, double *v)
{
    int      rc;
    int64_t  ms;

    rc = phr_duration_parse(t->text.data, t->text.len, &ms);

    if (rc == PHR_ELIMIT) {
        return phr_parser_error(p, t->start, t->end, "duration out of range");
    }

    if (rc != PHR_OK) {
        return phr_parser_bad_duration(p, t);
    }

    *v = (double) (ms / 1000) + (double) (ms % 1000) / 1000;

    return PHR_OK;
}


/* says whether it is the spelling of a unit or the order of units */

static int
phr_parser_bad_duration(phr_parser_t *p, const phr_token_t *t)
{
    int          rc;
    phr_str_t    unit;
    phr_buf_t    b;
    const char  *s, *end, *known, *last;

    static const char  units[] = " y w d h m s ms ";    /* in due order */

    s = t->text.data;
    end = s + t->text.len;
    last = units;
    unit = phr_str_of("");

    while (s < end && *s >= '0' && *s <= '9' && unit.len == 0) {

        while (s < end && *s >= '0' && *s <= '9') {
            s++;
        }

        for (unit.data = s; s < end && (*s < '0' || *s > '9'); s++) {
            /* void */
        }

        unit.len = (size_t) (s - unit.data);
        known = memmem(units, sizeof(units) - 1, unit.data, unit.len);

        if (known != NULL && known[-1] == ' ' && known[unit.len] == ' ') {
            unit.len = 0;

            if (known <= last) {
                break;
            }

            last = known;
        }
    }

    if (unit.len == 0) {
        return phr_parser_error_quoted(p, t->start, t->end, "not a valid"
                                       " duration string: ", t->text, "");
    }

    phr_buf_init(&b, 0);
    phr_buf_puts(&b, "unknown unit ");
    phr_utf8_quote(&b, unit);
    phr_buf_puts(&b, " in duration ");

    rc = b.failed != PHR_OK
         ? phr_parser_no_memory(p)
         : phr_parser_error_quoted(p, t->start, t->end, phr_buf_cstr(&b),
                                   t->text, "");
    phr_buf_free(&b);

    return rc;
}


phr_node_t *
phr_parser_string(phr_parser_t *p)
{
    phr_str_t     s;
    phr_node_t   *node;
    phr_token_t   t;

    if (phr_parser_expect(p, PHR_TOK_STRING, &t) != PHR_OK
        || phr_parser_unquote(p, &t, &s) != PHR_OK)
    {
        return NULL;
    }

    node = phr_parser_node(p, PHR_NODE_STRING, PHR_TYPE_STRING, t.start,
                           t.end);
    if (node == NULL) {
        return NULL;
    }

    node->u.string.value = s;

    return node;
}


int
phr_parser_unquote(phr_parser_t *p, const phr_token_t *t, phr_str_t *s)
{
    int  rc;

    rc = phr_quote_read(p->arena, t->text, s);

    if (rc == PHR_EPARSE) {
        return phr_parser_error_quoted(p, t->start, t->end, "error unquoting"
                                       " string ", t->text,
                                       ": invalid syntax");
    }

    return rc == PHR_OK ? PHR_OK : phr_parser_no_memory(p);
}
