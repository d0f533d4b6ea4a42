/*
 * Copyright (C) The Pharos Authors
 *
 * Dialect: what the parser knows of MetricsQL beside PromQL.  The parser
 * calls these only with PHR_PROMQL_METRICSQL; how the results are evaluated
 * is with the evaluator (eval.h, func.h).
 */

#ifndef PHR_DIALECT_H_INCLUDED
#define PHR_DIALECT_H_INCLUDED


#include "promql/parser.h"


/* dialect_number.c */

/* 8Ki, 1.5h, 5i: a number, or seconds and so many steps of the query */
typedef struct {
    double   value;
    double   steps;
    uint8_t  is_duration;
} phr_dialect_literal_t;

/* 1 if there is one at *pos, which moves behind it */
int phr_dialect_literal(phr_str_t s, size_t *pos, phr_dialect_literal_t *l);

/* 1 if the token is none of PromQL's; the node is NULL if it is wrong */
int phr_dialect_number(phr_parser_t *p, const phr_token_t *t,
    phr_node_t **node);

/* in brackets: steps, or what WITH gave a name; NULL if neither comes next */
phr_node_t *phr_dialect_duration(phr_parser_t *p);


/* dialect_parse.c */

/* the next token, a name, where an operator is expected: what it is then */
phr_token_e phr_dialect_operator(phr_parser_t *p);

/* "keep_metric_names", if that comes next; 0 if it does not */
int phr_dialect_keep_names(phr_parser_t *p, phr_node_t *node);

/* WITH, what it gave names, and aggregations; 0: the name is none of these */
int phr_dialect_named(phr_parser_t *p, phr_token_t *name, phr_node_t **node);

/* (a, b): "(" and the first have been taken */
phr_node_t *phr_dialect_union(phr_parser_t *p, const phr_token_t *open,
    phr_node_t *first);

/* makes the arguments what the function takes, or finds another for them */
int phr_dialect_args(phr_parser_t *p, const phr_func_t **func,
    phr_parser_args_t *args);

/* "limit" after an aggregation; its arguments */
int phr_dialect_aggregation(phr_parser_t *p, const phr_token_t *op,
    phr_node_aggregate_t *agg, phr_parser_args_t *args);

/* "or" between matchers, if that comes next */
int phr_dialect_or(phr_parser_t *p, phr_node_selector_t *s);
int phr_dialect_name_others(phr_parser_t *p, phr_node_selector_t *s,
    const phr_token_t *name);


/* dialect_with.c: the word has been taken, "(" comes next */

phr_node_t *phr_dialect_with(phr_parser_t *p, const phr_token_t *word);

/* what WITH gave this name, where an expression is expected; 0: nothing */
int phr_dialect_template(phr_parser_t *p, const phr_token_t *name,
    phr_node_t **node);

/* the same for matchers, a string, names of labels, and a duration */
int phr_dialect_filters(phr_parser_t *p, const phr_token_t *name,
    phr_node_selector_t *s);
int phr_dialect_string(phr_parser_t *p, const phr_token_t *name,
    phr_str_t *value);
int phr_dialect_names(phr_parser_t *p, phr_names_t *names);
phr_node_t *phr_dialect_span(phr_parser_t *p, const phr_token_t *name);


#endif /* PHR_DIALECT_H_INCLUDED */
