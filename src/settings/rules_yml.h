/*
 * Copyright (C) The Pharos Authors
 *
 * Rule files: groups of recording and alerting rules, checked in everything
 * but the syntax of expressions and templates, which higher layers know.
 */

#ifndef PHR_RULES_YML_H_INCLUDED
#define PHR_RULES_YML_H_INCLUDED


#include "settings/loader.h"


/*
 * A text that a higher layer parses, with the place of its first character.
 * Within a block scalar the lines of the text are lines of the file, and
 * column is that of the indentation's end.
 */
typedef struct {
    phr_str_t   text;
    uint32_t    line;
    uint32_t    column;
    int         block;      /* a block scalar: later lines count, too */
} phr_rule_text_t;

typedef struct {
    phr_str_t        name;
    phr_rule_text_t  value;
} phr_rule_pair_t;


typedef struct {
    int               alerting;         /* else recording */
    phr_str_t         name;             /* of "record" or "alert" */
    phr_rule_text_t   expr;
    int64_t           for_ms;
    int64_t           keep_firing_for_ms;

    /* sorted by name; those of the group are merged in, the rule's win */
    phr_rule_pair_t  *labels;           /* an empty value removes */
    size_t            nlabels;
    phr_rule_pair_t  *annotations;
    size_t            nannotations;

    uint32_t          line;
} phr_rule_conf_t;


typedef struct {
    phr_str_t          name;            /* unique within the file */
    phr_str_t          file;
    int64_t            interval_ms;     /* 0: the global one */
    int64_t            query_offset_ms; /* -1: the global one */
    uint64_t           limit;           /* 0: none */
    phr_rule_conf_t   *rules;
    size_t             nrules;
    uint32_t           line;
} phr_rule_group_conf_t;


typedef struct phr_rules_yml_s  phr_rules_yml_t;

struct phr_rules_yml_s {
    phr_str_t               path;
    phr_rule_group_conf_t  *groups;
    size_t                  ngroups;

    void                   *own;        /* of the loader */
};


int phr_rules_yml_load(const char *path, phr_rules_yml_t **conf,
    phr_err_t *err);
int phr_rules_yml_parse(phr_str_t text, const char *path,
    phr_rules_yml_t **conf, phr_err_t *err);
void phr_rules_yml_destroy(phr_rules_yml_t *conf);      /* or NULL */

/*
 * The place in the file of byte offset "at" in the text: for messages of
 * the parsers of higher layers.
 */
void phr_rule_text_place(const phr_rule_text_t *t, size_t at,
    uint32_t *line, uint32_t *column);


#endif /* PHR_RULES_YML_H_INCLUDED */
