/*
 * Copyright (C) The Pharos Authors
 *
 * Rule: what the files of this folder share.  Not for others.
 */

#ifndef PHR_RULE_H_INCLUDED
#define PHR_RULE_H_INCLUDED


#include <pthread.h>

#include "rules/group.h"


#define PHR_RULE_LOOKBACK_MS  (5 * 60 * 1000)


struct phr_rule_lock_s {
    pthread_mutex_t  mutex;
};


/* series of a group that is no more */
typedef struct {
    phr_str_t      source;
    phr_labels_t  *series;
    size_t         nseries;
    int64_t        interval_ms;
    int64_t        due_ms;          /* 0: not known yet */
} phr_rule_orphans_t;


struct phr_rule_groups_s {
    phr_arena_t             *arena;
    phr_rules_yml_t        **files;         /* owned */
    size_t                   nfiles;
    phr_rule_group_t        *groups;
    size_t                   ngroups;

    phr_labels_t             external_labels;
    phr_str_t                external_url;
    int64_t                  interval_ms;
    unsigned                 promql_flags;

    phr_rule_orphans_t      *orphans;
    size_t                   norphans;

    /* records of an earlier process, until phr_rule_groups_restored() */
    phr_rule_record_t       *records;
    size_t                   nrecords;
    size_t                   nrecords_alloc;
};


/* one evaluation of one rule */
typedef struct {
    phr_rule_group_t       *group;
    phr_rule_t             *rule;
    const phr_rule_env_t   *env;
    int64_t                 t_ms;           /* of the evaluation */
    int64_t                 sample_ms;      /* of samples: less the offset */
    phr_arena_t            *arena;

    /* what the expression gave */
    phr_result_sample_t    *in;
    size_t                  nin;

    /* what is written; the first n are results, the rest stale markers */
    phr_labels_t           *labels;
    double                 *v;
    const phr_hist_t      **h;          /* NULL: there are only floats */
    int8_t                 *status;
    size_t                  n;
    size_t                  nall;

    phr_rule_record_t       records[2];
    size_t                  nrecords;

    phr_alert_msg_t        *msgs;
    size_t                  nmsgs;

    unsigned                locked:1;       /* the group is, by this one */
} phr_rule_eval_t;


/*
 * A copy in one block of memory, which is where out->l points: given back
 * with phr_rule_labels_free().  An empty set has no block.
 */
int phr_rule_labels_dup(phr_labels_t ls, phr_labels_t *out);
void phr_rule_labels_free(phr_labels_t *ls);
void phr_rule_series_free(phr_labels_t *series, size_t n);

/* recording.c: e->in to e->labels and e->v */
int phr_recording_eval(phr_rule_eval_t *e, phr_err_t *err);

/*
 * alerting_eval.c: e->in to the rule's alerts, and those to all the rest.
 * May return with the group locked, see e->locked.
 */
int phr_alerting_eval(phr_rule_eval_t *e, phr_err_t *err);

/*
 * Series of alerts that were read back count as written last time: they end
 * when the alerts do.  PHR_OK or PHR_ENOMEM.
 */
int phr_alerting_series(phr_rule_t *r);

/* query.c: the samples of an expression at a time, in the arena */
int phr_rule_query(const phr_rule_group_t *g, const phr_rule_env_t *env,
    const phr_node_t *node, phr_str_t text, int64_t t_ms, phr_arena_t *arena,
    phr_result_sample_t **samples, size_t *n, phr_err_t *err);
int phr_rule_query_text(const phr_rule_group_t *g, const phr_rule_env_t *env,
    phr_str_t text, int64_t t_ms, phr_arena_t *arena,
    const phr_result_sample_t **samples, size_t *n, phr_err_t *err);

/* group_load.c: equal in kind, name and labels; by file and name */
int phr_rule_same(const phr_rule_t *a, const phr_rule_t *b);
int phr_rule_group_order(const void *a, const void *b);

/*
 * group_carry.c: moves the state of prev's groups to equal ones; PHR_ENOMEM
 * with nothing moved
 */
int phr_rule_groups_carry(phr_rule_groups_t *gs, phr_rule_groups_t *prev);

/* orders label sets, for qsort() and bsearch() */
int phr_rule_labels_order(const void *a, const void *b);


#endif /* PHR_RULE_H_INCLUDED */
