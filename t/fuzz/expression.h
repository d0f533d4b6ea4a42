/*
 * Copyright (C) The Pharos Authors
 *
 * Expression: bytes of chance to the text of an expression that the parser
 * takes, over the series of samples.h.  Bytes that are not there are 0,
 * which chooses what ends soonest; so each prefix of bytes makes a whole
 * expression.
 */

#ifndef FUZZ_EXPRESSION_H_INCLUDED
#define FUZZ_EXPRESSION_H_INCLUDED


#include "fuzz.h"

#include "promql/lexer.h"


/* nodes of one expression, more or less */
#define FUZZ_NODES  40


typedef struct {
    const uint8_t  *p;
    size_t          n;
    unsigned        nodes;          /* that there may still be */
    unsigned        dialect:1;
    phr_buf_t      *b;
} fuzz_gen_t;

#define FUZZ_OF(g, list)  fuzz_put(g, (list)[fuzz_take(g, phr_nelems(list))])


static const char *const  fuzz_funcs[] = {
#define PHR_FUNCTION(name, impl, args, variadic, returns, experimental)       \
    #name,
#include "promql/function_list.h"
};

static const char *const  fuzz_names[] = {
    "g", "c", "h", "f", "m", "k", "b_bucket", "target_info", "odd", "none"
};

static const char *const  fuzz_labels[] = {
    "x", "job", "instance", "le", "version", "__name__", "\"l.1\"", "y"
};

static const char *const  fuzz_strings[] = {
    "\"x\"", "\"le\"", "\"job\"", "\"$1\"", "\"(.*)\"", "\"__name__\"",
    "\"y\"", "\"version\"", "\"a|(b)\"", "\"Europe/Berlin\"", "'[0-9]+'",
    "`\\w`", "\"\"", "\"%d\"", "\"instance\"", "\"a\\\"b\\xff\""
};

static const char *const  fuzz_matchers[] = {
    "x=\"1\"", "x!=\"1\"", "x=~\"1|2\"", "x!~\"0.*\"", "job=~\".+\"",
    "job=\"a\"", "x=~\"\", job!=\"\"", "\"l.1\"=\"v\"", "le=~\".*\"",
    "__name__=~\"[a-z]\"", "version=\"\""
};

static const char *const  fuzz_numbers[] = {
    "1", "0", "-1", "0.5", "2", "NaN", "Inf", "-Inf", "10", "1e308", "1e-310",
    "0.99", "100", "3", "1m", "-0.1", "1e9", "0x1f", "1.7e9"
};

static const char *const  fuzz_durations[] = {
    "5m", "1m", "30s", "15s", "90s", "10m", "1h", "7s", "45", "1m1ms", "2m",
    "1ms", "3d"
};

static const char *const  fuzz_spans[] = {
    "step()", "range()", "5m + step()", "min_of(5m, range())",
    "max_of(step(), 30s)", "2 * step() + 1s", "(1m + 30s) / 2", "range() % 7m",
    "-(-step())", "step() ^ 1.1", "30s - step()"
};

static const char *const  fuzz_ats[] = {
    " @ start()", " @ end()", " @ 1700000900", " @ 1700001200.123",
    " @ 1699990000", " @ 1700000000"
};

static const char *const  fuzz_offsets[] = {
    " offset 1m", " offset -1m", " offset 5m", " offset -10m", " offset 7s",
    " offset 1ms", " offset step()", " offset -(step() - 1m)",
    " offset -range()"
};

static const char *const  fuzz_operators[] = {
    "+", "-", "*", "/", "==", ">", "and", "or", "unless", "%", "^", "atan2",
    "!=", "<", ">=", "<=", "</", ">/", "default", "if", "ifnot"
};

static const char *const  fuzz_limits[] = { " limit 0", " limit 2" };

static const char *const  fuzz_groupings[] = {
    "()", "(x)", "(job, x)", "(le)", "(__name__)", "(x, \"l.1\")",
    "(instance, job)"
};


static inline void fuzz_vector(fuzz_gen_t *g);
static inline void fuzz_scalar(fuzz_gen_t *g);
static inline void fuzz_matrix(fuzz_gen_t *g);


static inline size_t
fuzz_take(fuzz_gen_t *g, size_t of)
{
    if (g->n == 0) {
        return 0;
    }

    g->n--;

    return *g->p++ % of;
}


/* 1 in so many cases, never when there are no bytes left */
static inline int
fuzz_rarely(fuzz_gen_t *g, size_t of)
{
    return fuzz_take(g, of) == of - 1;
}


static inline void
fuzz_put(fuzz_gen_t *g, const char *text)
{
    phr_buf_puts(g->b, text);
}


/* 1 if there may be another node below */
static inline int
fuzz_more(fuzz_gen_t *g)
{
    if (g->n == 0 || g->nodes == 0) {
        return 0;
    }

    g->nodes--;

    return 1;
}


static inline void
fuzz_when(fuzz_gen_t *g)
{
    switch (fuzz_take(g, 8)) {

    case 4:
        FUZZ_OF(g, fuzz_ats);
        break;

    case 5:
        FUZZ_OF(g, fuzz_offsets);
        break;

    case 6:
        FUZZ_OF(g, fuzz_ats);
        FUZZ_OF(g, fuzz_offsets);
        break;

    default:
        break;
    }
}


/* what is before a colon has to begin with a number */
static inline void
fuzz_duration(fuzz_gen_t *g, const char *before)
{
    if (fuzz_rarely(g, 6)) {
        fuzz_put(g, before);
        FUZZ_OF(g, fuzz_spans);

    } else if (g->dialect && fuzz_rarely(g, 8)) {
        fuzz_put(g, fuzz_take(g, 2) ? "5i" : "0.5i");

    } else {
        FUZZ_OF(g, fuzz_durations);
    }
}


/* without what may follow it */
static inline void
fuzz_select(fuzz_gen_t *g)
{
    size_t  kind;

    kind = fuzz_take(g, 16);

    if (kind == 15) {
        fuzz_put(g, fuzz_take(g, 2) ? "{\"u.x\"}" : "{\"u.x\", x=\"1\"}");
        return;
    }

    if (kind == 14) {
        fuzz_put(g, "{__name__=~\"[c-hm]\"}");
        return;
    }

    if (kind == 13 && g->dialect) {
        FUZZ_OF(g, fuzz_names);
        fuzz_put(g, "{x=\"1\" or job=\"b\", x=~\"2|3\"}");
        return;
    }

    FUZZ_OF(g, fuzz_names);

    if (kind > 8 && kind < 13) {
        fuzz_put(g, "{");

        /* the name may not be matched twice */
        fuzz_put(g, fuzz_matchers[fuzz_take(g, 9)]);
        fuzz_put(g, "}");
    }
}


static inline void
fuzz_extended(fuzz_gen_t *g)
{
    switch (fuzz_take(g, 12)) {

    case 10:
        fuzz_put(g, " anchored");
        break;

    case 11:
        fuzz_put(g, " smoothed");
        break;

    default:
        break;
    }
}


static inline void
fuzz_matrix(fuzz_gen_t *g)
{
    if (fuzz_rarely(g, 4) && fuzz_more(g)) {
        fuzz_put(g, "(");
        fuzz_vector(g);
        fuzz_put(g, ")[");
        fuzz_duration(g, "1s + ");
        fuzz_put(g, ":");

        if (fuzz_take(g, 3)) {
            fuzz_duration(g, "");
        }

        fuzz_put(g, "]");

    } else {
        fuzz_select(g);
        fuzz_put(g, "[");
        fuzz_duration(g, "");
        fuzz_put(g, "]");
        fuzz_extended(g);
    }

    fuzz_when(g);
}


static inline void
fuzz_argument(fuzz_gen_t *g, char type)
{
    switch (type) {

    case 'm':
        if (g->dialect && fuzz_rarely(g, 6) && fuzz_more(g)) {
            fuzz_vector(g);
            break;
        }

        fuzz_matrix(g);
        break;

    case 's':
        fuzz_scalar(g);
        break;

    case 't':
        FUZZ_OF(g, fuzz_strings);
        break;

    default:
        fuzz_vector(g);
        break;
    }
}


/* of a function that returns this type, perhaps of the dialect */
static inline const phr_func_t *
fuzz_func(fuzz_gen_t *g, phr_type_e returns)
{
    size_t             i, n;
    const phr_func_t  *func;

    n = phr_nelems(fuzz_funcs);

    for (i = fuzz_take(g, n); ; i = (i + 1) % n) {
        func = phr_ast_func(phr_str_from_c(fuzz_funcs[i]));

        if (func->returns == returns
            && (g->dialect || func->experimental != PHR_FUNC_METRICSQL))
        {
            return func;
        }
    }
}


static inline void
fuzz_call(fuzz_gen_t *g, const phr_func_t *func)
{
    size_t  i, n;

    n = func->nargs;

    if (func->variadic < 0) {
        n += fuzz_take(g, 4);
        n -= n > 1;

    } else if (func->variadic > 0) {
        n += fuzz_take(g, (size_t) func->variadic + 1) - 1;
    }

    fuzz_put(g, func->name);
    fuzz_put(g, "(");

    for (i = 0; i < n; i++) {

        if (i > 0) {
            fuzz_put(g, ", ");
        }

        if (i == 1 && func->id == PHR_FUNC_info) {
            fuzz_put(g, "{");
            FUZZ_OF(g, fuzz_matchers);
            fuzz_put(g, "}");
            continue;
        }

        fuzz_argument(g, func->args[i < func->nargs ? i : func->nargs - 1u]);
    }

    fuzz_put(g, ")");

    if (g->dialect && fuzz_rarely(g, 8)) {
        fuzz_put(g, " keep_metric_names");
    }
}


static inline void
fuzz_aggregate(fuzz_gen_t *g)
{
    size_t       of;
    phr_token_e  op;

    of = PHR_TOK_TOPK + 1 - PHR_TOK_AVG;
    op = PHR_TOK_AVG + fuzz_take(g, of);

    if (g->dialect && fuzz_take(g, 2)) {
        op = PHR_TOK_ANY + fuzz_take(g, PHR_TOKEN_MAX - PHR_TOK_ANY);
    }

    fuzz_put(g, phr_token_text(op));

    switch (fuzz_take(g, 4)) {

    case 1:
    case 2:
        fuzz_put(g, " by ");
        FUZZ_OF(g, fuzz_groupings);
        break;

    case 3:
        fuzz_put(g, " without ");
        FUZZ_OF(g, fuzz_groupings);
        break;

    default:
        break;
    }

    fuzz_put(g, " (");

    if (op == PHR_TOK_COUNT_VALUES) {
        FUZZ_OF(g, fuzz_strings);
        fuzz_put(g, ", ");

    } else if (phr_token_takes_param(op)) {
        fuzz_scalar(g);
        fuzz_put(g, ", ");
    }

    fuzz_vector(g);
    fuzz_put(g, ")");

    if (g->dialect && fuzz_rarely(g, 8)) {
        FUZZ_OF(g, fuzz_limits);
    }
}


/* what may be between the operator and its second operand */
static inline void
fuzz_matching(fuzz_gen_t *g, int is_set)
{
    int     many;
    size_t  how;

    how = fuzz_take(g, 6);

    if (how > 2) {
        fuzz_put(g, how == 3 ? " ignoring " : " on ");
        FUZZ_OF(g, fuzz_groupings);
    }

    if (is_set || how < 2) {
        return;
    }

    many = how > 2 && fuzz_take(g, 2);

    if (many) {
        fuzz_put(g, fuzz_take(g, 2) ? " group_left " : " group_right ");

        /* a label of no grouping */
        fuzz_put(g, fuzz_take(g, 2) ? "(version)" : "()");
    }

    switch (fuzz_take(g, many ? 2 : 5)) {

    case 2:
        fuzz_put(g, " fill (0)");
        break;

    case 3:
        fuzz_put(g, " fill_left (-1.5)");
        break;

    case 4:
        fuzz_put(g, " fill_right (NaN) fill_left (1)");
        break;

    default:
        break;
    }
}


static inline void
fuzz_binary(fuzz_gen_t *g)
{
    int           sides, is_set;
    size_t        n, which;
    const char   *op;

    n = phr_nelems(fuzz_operators);
    which = fuzz_take(g, g->dialect ? n : n - 3);
    op = fuzz_operators[which];
    is_set = (which >= 6 && which <= 8) || which >= n - 3;
    sides = is_set ? 0 : (int) fuzz_take(g, 4);

    fuzz_put(g, "(");

    if (sides == 1) {
        fuzz_scalar(g);

    } else {
        fuzz_vector(g);
    }

    fuzz_put(g, " ");
    fuzz_put(g, op);

    if ((which == 4 || which == 5 || (which >= 12 && which <= 15))
        && fuzz_take(g, 2))
    {
        fuzz_put(g, " bool");
    }

    if (sides == 0 || sides == 3) {
        fuzz_matching(g, is_set);
    }

    fuzz_put(g, " ");

    if (sides == 2) {
        fuzz_scalar(g);

    } else {
        fuzz_vector(g);
    }

    fuzz_put(g, ")");

    /* -1 ^ 2 is no operator but a sign */

    if (g->dialect && strcmp(op, "^") != 0 && fuzz_rarely(g, 8)) {
        fuzz_put(g, " keep_metric_names");
    }
}


static inline void
fuzz_vector(fuzz_gen_t *g)
{
    if (!fuzz_more(g)) {
        fuzz_put(g, fuzz_names[0]);
        return;
    }

    switch (fuzz_take(g, 16)) {

    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
        fuzz_call(g, fuzz_func(g, PHR_TYPE_VECTOR));
        break;

    case 6:
    case 7:
    case 8:
        fuzz_aggregate(g);
        break;

    case 9:
    case 10:
    case 11:
        fuzz_binary(g);
        break;

    case 12:
        fuzz_put(g, "(-");
        fuzz_vector(g);
        fuzz_put(g, ")");
        break;

    case 13:
        fuzz_put(g, "(");
        fuzz_vector(g);

        if (g->dialect) {
            fuzz_put(g, ", ");
            fuzz_vector(g);
        }

        fuzz_put(g, ")");
        break;

    default:
        fuzz_select(g);
        fuzz_extended(g);
        fuzz_when(g);
        break;
    }
}


static inline void
fuzz_scalar(fuzz_gen_t *g)
{
    static const char *const  operators[] = {
        " + ", " - ", " * ", " / ", " % ", " ^ ", " == bool ", " > bool ",
        " atan2 "
    };

    if (!fuzz_more(g)) {
        fuzz_put(g, fuzz_numbers[0]);
        return;
    }

    switch (fuzz_take(g, 10)) {

    case 6:
        fuzz_call(g, fuzz_func(g, PHR_TYPE_SCALAR));
        break;

    case 7:
        fuzz_put(g, "scalar(");
        fuzz_vector(g);
        fuzz_put(g, ")");
        break;

    case 8:
        fuzz_put(g, "(");
        fuzz_scalar(g);
        FUZZ_OF(g, operators);
        fuzz_scalar(g);
        fuzz_put(g, ")");
        break;

    case 9:
        if (g->dialect) {
            fuzz_put(g, fuzz_take(g, 2) ? "1.5Ki" : "8M");
            break;
        }

        fuzz_put(g, "-(");
        fuzz_scalar(g);
        fuzz_put(g, ")");
        break;

    default:
        FUZZ_OF(g, fuzz_numbers);
        break;
    }
}


/* the whole expression, of any type that can be asked for */
static inline void
fuzz_expression(fuzz_gen_t *g)
{
    static const char *const  plain[] = {
        "min_over_time", "max_over_time", "count_over_time", "resets",
        "changes", "last_over_time", "first_over_time", "present_over_time"
    };

    g->nodes = FUZZ_NODES;

    switch (fuzz_take(g, 16)) {

    case 12:
        FUZZ_OF(g, plain);
        fuzz_put(g, "(");
        fuzz_matrix(g);
        fuzz_put(g, ")");
        break;

    case 13:
        if (g->dialect) {
            fuzz_put(g, "WITH (w = ");
            fuzz_vector(g);
            fuzz_put(g, ", q(e) = sum(e) by (x)) q(w) + on (x) q(");
            fuzz_vector(g);
            fuzz_put(g, ")");
            break;
        }

        fuzz_vector(g);
        break;

    case 14:
        fuzz_scalar(g);
        break;

    case 15:
        fuzz_matrix(g);
        break;

    default:
        fuzz_vector(g);
        break;
    }
}


#endif /* FUZZ_EXPRESSION_H_INCLUDED */
