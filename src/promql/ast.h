/*
 * Copyright (C) The Pharos Authors
 *
 * AST: the tree that the parser makes and the evaluator walks.  All of it
 * lives in one arena but the compiled regexes of matchers.  A parsed tree
 * is checked: what the language forbids does not occur in it, and nobody
 * changes it afterwards.
 */

#ifndef PHR_AST_H_INCLUDED
#define PHR_AST_H_INCLUDED


#include "promql/promql.h"


typedef enum {
#define PHR_TOKEN(name, text, class)  PHR_TOK_##name,
#include "promql/token_list.h"
    PHR_TOKEN_MAX
} phr_token_e;


typedef enum {
#define PHR_FUNCTION(name, impl, args, variadic, returns, experimental)       \
    PHR_FUNC_##name,
#include "promql/function_list.h"
    PHR_FUNC_MAX
} phr_func_e;


/* so that whoever walks the tree by recursion needs no bound of its own */
#define PHR_AST_MAX_HEIGHT  1000

/* bytes of a query */
#define PHR_AST_MAX_TEXT    (1024 * 1024)

/* seconds that fit 64 bits of nanoseconds, which bounds every duration */
#define PHR_AST_MAX_DURATION_S  9223372036.854775807


/* instead of 1 for what is experimental */
#define PHR_FUNC_METRICSQL  2

typedef struct {
    const char  *name;
    phr_func_e   id;
    const char  *args;          /* a letter each: see function_list.h */
    uint8_t      nargs;         /* letters, not arguments given */
    int8_t       variadic;
    uint8_t      experimental;  /* PHR_FUNC_METRICSQL: of that dialect */
    phr_type_e   returns;
} phr_func_t;


typedef enum {
    PHR_NODE_NUMBER = 0,
    PHR_NODE_STRING,
    PHR_NODE_SELECTOR,      /* of an instant vector */
    PHR_NODE_MATRIX,        /* a selector with a range */
    PHR_NODE_SUBQUERY,
    PHR_NODE_UNARY,
    PHR_NODE_BINARY,
    PHR_NODE_AGGREGATE,
    PHR_NODE_CALL,
    PHR_NODE_PAREN,
    PHR_NODE_DURATION,      /* arithmetic on durations, no operand */
} phr_node_e;


typedef enum {
    PHR_AT_NONE = 0,
    PHR_AT_TIME,
    PHR_AT_START,
    PHR_AT_END,
} phr_at_e;


/* one to one, many to one (group_left), one to many (group_right), sets */
typedef enum {
    PHR_CARD_ONE_TO_ONE = 0,
    PHR_CARD_MANY_TO_ONE,
    PHR_CARD_ONE_TO_MANY,
    PHR_CARD_MANY_TO_MANY,
} phr_card_e;


/* label names as written: not sorted, perhaps repeated */
typedef struct {
    phr_str_t  *s;
    size_t      n;
} phr_names_t;


/* what "@" and "offset" say of a selector or subquery */
typedef struct {
    phr_at_e     at;
    int64_t      at_ms;         /* of PHR_AT_TIME */
    int64_t      offset_ms;     /* 0 if there is an expression */
    phr_node_t  *offset;        /* NULL, or PHR_NODE_DURATION */
} phr_when_t;


typedef struct {
    double   value;             /* a duration in seconds */
    uint8_t  is_duration;       /* written as "5m" */
} phr_node_number_t;


typedef struct {
    phr_str_t  value;           /* unquoted */
} phr_node_string_t;


/* matchers of which all must match, that of __name__ among them */
typedef struct {
    phr_matcher_t  *matchers;
    size_t          n;
} phr_alternative_t;


/* in {a or b} what comes before the last "or" is in "others" */
typedef struct {
    phr_str_t       name;       /* what stands before the braces, or "" */
    phr_matcher_t  *matchers;   /* that of __name__ among them */
    size_t          nmatchers;
    phr_alternative_t  *others;
    size_t          nothers;
    phr_when_t      when;
    uint8_t         anchored;
    uint8_t         smoothed;
    uint8_t         may_be_empty;   /* second argument of info() */
} phr_node_selector_t;


/* range_ms is 0 where an expression gives the range */
typedef struct {
    phr_node_t  *selector;      /* always PHR_NODE_SELECTOR; has the "when" */
    int64_t      range_ms;
    phr_node_t  *range;         /* NULL, or PHR_NODE_DURATION */
    uint8_t      windowless;    /* no range was written: it is the step */
} phr_node_matrix_t;


typedef struct {
    phr_node_t  *expr;
    int64_t      range_ms;
    phr_node_t  *range;         /* NULL, or PHR_NODE_DURATION */
    int64_t      step_ms;       /* 0: the default, or an expression */
    phr_node_t  *step;          /* NULL, or PHR_NODE_DURATION */
    phr_when_t   when;
    uint8_t      windowless;    /* neither was written */
} phr_node_subquery_t;


typedef struct {
    phr_token_e  op;            /* ADD or SUB */
    phr_node_t  *expr;
} phr_node_unary_t;


/* the fields from "card" on matter only between two vectors */
typedef struct {
    phr_token_e  op;
    phr_node_t  *lhs;
    phr_node_t  *rhs;
    uint8_t      is_bool;

    phr_card_e   card;
    uint8_t      on;            /* labels are those of on(), not ignoring() */
    phr_names_t  labels;
    phr_names_t  include;       /* of group_left() and group_right() */
    uint8_t      has_fill_lhs;
    uint8_t      has_fill_rhs;
    double       fill_lhs;
    double       fill_rhs;
} phr_node_binary_t;


typedef struct {
    phr_token_e  op;
    phr_node_t  *expr;
    phr_node_t  *param;         /* NULL for those that take none */
    uint8_t      without;
    phr_names_t  grouping;      /* of by() or without() */
    uint32_t     limit;         /* of groups, 0: none */
    phr_str_t    rest;          /* label of what topk_max() and its kin
                                   leave out, or "" */
} phr_node_aggregate_t;


typedef struct {
    const phr_func_t   *func;
    phr_node_t        **args;
    size_t              nargs;
} phr_node_call_t;


typedef struct {
    phr_node_t  *expr;
} phr_node_paren_t;


/*
 * op is ADD SUB MUL DIV MOD POW, STEP RANGE (no operand) or MAX_OF MIN_OF;
 * a sign has only a right operand.  Operands are DURATION or NUMBER
 * (seconds).
 */
typedef struct {
    phr_token_e  op;
    phr_node_t  *lhs;
    phr_node_t  *rhs;
    uint8_t      wrapped;       /* was in parentheses */
    uint8_t      apart;         /* an offset; what follows it is not its */
} phr_node_duration_t;


struct phr_node_s {
    phr_node_e  kind;
    phr_type_e  type;

    /*
     * Unique in the tree, operands before what they are operands of: the
     * root has the highest, so an array of root->id + 1 elements holds what
     * an evaluator knows of each node.
     */
    uint32_t    id;
    uint32_t    height;         /* 1 of a leaf, at most PHR_AST_MAX_HEIGHT */
    uint8_t     keep_names;     /* of calls and operators: keep_metric_names */

    int32_t     start;          /* bytes in the query, end excluded */
    int32_t     end;

    union {
        phr_node_number_t     number;
        phr_node_string_t     string;
        phr_node_selector_t   selector;
        phr_node_matrix_t     matrix;
        phr_node_subquery_t   subquery;
        phr_node_unary_t      unary;
        phr_node_binary_t     binary;
        phr_node_aggregate_t  aggregate;
        phr_node_call_t       call;
        phr_node_paren_t      paren;
        phr_node_duration_t   duration;
    } u;
};


/*
 * The ith operand in order of the text, NULL after the last: the parameter
 * of an aggregation comes before its expression, the selector of a matrix
 * is its operand, duration expressions are none.
 */
phr_node_t *phr_ast_child(const phr_node_t *node, size_t i);

/* what parentheses enclose, however many there are */
const phr_node_t *phr_ast_unparen(const phr_node_t *node);

/* NULL if there is no function of the name */
const phr_func_t *phr_ast_func(phr_str_t name);

/* the type that the ith argument must have */
phr_type_e phr_ast_func_arg(const phr_func_t *func, size_t i);

/* "sum", "+", "group_left" ...; "" for tokens with many spellings */
const char *phr_token_text(phr_token_e t);

int phr_token_is_comparison(phr_token_e t);     /* == != < <= > >= */
int phr_token_is_set(phr_token_e t);            /* and or unless */
int phr_token_is_aggregation(phr_token_e t);
int phr_token_takes_param(phr_token_e t);       /* topk quantile ... */
int phr_token_is_dialect(phr_token_e t);        /* default, topk_max ... */

/*
 * The value of a duration expression in milliseconds, given the query's
 * step and range (end - start).  PHR_EEXEC with a place for a division by
 * zero, a result that is out of range, or one that is not above zero where
 * positive is set (ranges and steps, but not offsets).
 */
int phr_ast_duration(const phr_node_t *duration, int64_t step_ms,
    int64_t range_ms, int positive, int64_t *ms, phr_err_t *err);


#endif /* PHR_AST_H_INCLUDED */
