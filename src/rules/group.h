/*
 * Copyright (C) The Pharos Authors
 *
 * Group: rules that are evaluated one after the other at the same times,
 * and the set of all groups, made from rule files.  What a rule needs from
 * outside (samples, templates, the notifier) comes through phr_rule_env_t.
 *
 * Threads: a group is evaluated by one thread at a time, different groups
 * by different threads if one likes.  Others read what is marked so between
 * phr_rule_group_lock() and phr_rule_group_unlock(), briefly.
 */

#ifndef PHR_GROUP_H_INCLUDED
#define PHR_GROUP_H_INCLUDED


#include "core/storage.h"
#include "promql/promql.h"
#include "rules/alerting.h"
#include "settings/rules_yml.h"


typedef struct phr_rule_s         phr_rule_t;
typedef struct phr_rule_group_s   phr_rule_group_t;
typedef struct phr_rule_groups_s  phr_rule_groups_t;


/* the names that templates know */
typedef struct {
    phr_str_t      name;                /* of the rule */
    phr_str_t      text;                /* the template */
    phr_labels_t   labels;              /* $labels: of the sample */
    double         value;               /* $value */
    phr_labels_t   external_labels;     /* $externalLabels */
    phr_str_t      external_url;        /* $externalURL */
    int64_t        now_ms;

    /* the template function "query": samples in the arena */
    int          (*query)(void *data, phr_str_t expr, phr_arena_t *arena,
                          const phr_result_sample_t **samples, size_t *n,
                          phr_err_t *err);
    void          *query_data;
} phr_rule_expand_t;


/* a small record beside the samples; an empty value deletes it */
typedef struct {
    phr_str_t  key;
    phr_str_t  value;
} phr_rule_record_t;


/* what one rule writes */
typedef struct {
    phr_str_t                 source;   /* stable over restarts */
    int64_t                   t_ms;
    const phr_labels_t       *labels;
    const double             *v;
    const phr_hist_t        **h;        /* see phr_batch_t; may be NULL */
    size_t                    n;
    int8_t                   *status;   /* of each sample, see phr_batch_t */
    const phr_rule_record_t  *records;  /* in space PHR_KV_RULES */
    size_t                    nrecords;
} phr_rule_write_t;


typedef struct {
    void           *data;
    phr_storage_t  *storage;

    /*
     * Writes and returns once the samples are committed: the next rule
     * sees them.  Samples that storage refuses alone are no failure.
     * There may be none at all: all that a rule had has ended.
     */
    int           (*write)(void *data, phr_rule_write_t *w, phr_err_t *err);

    /* expands a template; on failure err->text is what Go would say */
    int           (*expand)(void *data, const phr_rule_expand_t *e,
                            phr_buf_t *out, phr_err_t *err);

    /* takes what is to be told; copies what it keeps */
    void          (*notify)(void *data, const phr_alert_msg_t *msgs,
                            size_t n);

    /*
     * Tells that the rule began to fail, or stopped to: its health and
     * error may be read during the call.  May be NULL.
     */
    void          (*health)(void *data, const phr_rule_group_t *g,
                            const phr_rule_t *r);

    /* a clock for durations, microseconds; NULL: durations are 0 */
    int64_t       (*clock_us)(void *data);

    int64_t              lookback_ms;       /* 0: 5 minutes */
    phr_zones_t         *zones;             /* NULL: none is known */
    uint64_t             max_samples;       /* of a query, 0: no bound */
    size_t               memory_bytes;      /* of a rule's evaluation */
    int64_t              resend_ms;         /* 0: PHR_ALERT_RESEND_MS */
    const volatile int  *stop;              /* see phr_query_t */
} phr_rule_env_t;


typedef struct {
    int64_t        interval_ms;         /* of groups that name none */
    int64_t        query_offset_ms;     /* likewise */
    phr_labels_t   external_labels;     /* copied */
    phr_str_t      external_url;        /* copied */
    unsigned       promql_flags;

    /* checks the syntax of a template; NULL: not checked */
    int          (*check)(void *data, phr_str_t rule, phr_str_t text,
                          phr_err_t *err);
    void          *check_data;
} phr_rule_groups_conf_t;


typedef enum {
    PHR_RULE_UNKNOWN = 0,               /* not evaluated yet */
    PHR_RULE_OK,
    PHR_RULE_ERR,
} phr_rule_health_e;


/* fields below "under lock" change with evaluations */
struct phr_rule_s {
    const phr_rule_conf_t  *conf;
    phr_node_t             *node;
    phr_str_t               query;      /* canonical text of the expression */
    phr_labels_t            labels;     /* as configured, templates and all */
    phr_labels_t            annotations;
    phr_str_t               generator_url;
    phr_str_t               identity;   /* what the record belongs to */
    phr_str_t               source;     /* the group's;<hash> */
    char                    key[18];    /* of the record; terminated */

    /* under lock */
    phr_rule_health_e       health;
    phr_err_t               error;      /* if health is PHR_RULE_ERR */
    int64_t                 eval_ms;    /* last evaluation, 0: none */
    int64_t                 eval_us;    /* how long it took */
    uint64_t                nsamples;   /* what it wrote */
    phr_alerting_t          alerting;   /* empty for recording rules */

    /* the evaluating thread's own */
    phr_labels_t           *series;     /* written last time, sorted */
    size_t                  nseries;
};


struct phr_rule_group_s {
    const phr_rule_group_conf_t  *conf;
    phr_rule_groups_t            *groups;
    phr_str_t                     name;
    phr_str_t                     file;
    phr_str_t                     source;   /* "rules;file;name;<hash>" */
    int64_t                       interval_ms;
    int64_t                       query_offset_ms;
    phr_rule_t                   *rules;
    size_t                        nrules;

    /* under lock */
    int64_t                       eval_ms;
    int64_t                       eval_us;
    uint64_t                      nevals;
    uint64_t                      nfailures;

    /* the evaluating thread's own: series of rules that are no more */
    phr_labels_t                 *stale;
    size_t                        nstale;

    struct phr_rule_lock_s       *lock;
};


/*
 * Makes the groups of the files, which then belong to the result; on
 * failure they stay the caller's.  A malformed expression or template is
 * PHR_EPARSE with file, line, column, group and rule.
 *
 * The state of groups of the same file and name, and in them of equal
 * rules, is taken over from prev (or NULL), which may then only be read
 * and destroyed: no group of it may be under evaluation during the call or
 * later.  On failure prev is as it was.
 */
int phr_rule_groups_create(phr_rules_yml_t **files, size_t nfiles,
    const phr_rule_groups_conf_t *conf, phr_rule_groups_t *prev,
    phr_rule_groups_t **groups, phr_err_t *err);
void phr_rule_groups_destroy(phr_rule_groups_t *gs);        /* or NULL */

/* groups by file and name, in that order */
size_t phr_rule_groups_count(const phr_rule_groups_t *gs);
phr_rule_group_t *phr_rule_groups_at(const phr_rule_groups_t *gs, size_t i);

/*
 * Takes up the records of an earlier process: to be called for all records
 * of PHR_KV_RULES after the first create, before any evaluation.
 * phr_rule_groups_restored() ends it, and calls visit for the keys that
 * belong to no rule any more (visit may be NULL).  Damaged records are
 * skipped.
 */
int phr_rule_groups_restore(phr_rule_groups_t *gs, phr_str_t key,
    phr_str_t value, phr_err_t *err);
void phr_rule_groups_restored(phr_rule_groups_t *gs, int64_t now_ms,
    void (*visit)(void *data, phr_str_t key), void *data);

/*
 * Evaluates the rules in order at t_ms, once: a second call for the same
 * time does nothing.  A rule that fails has its health
 * and error set and stops no other; the return value is PHR_OK, or the
 * reason why the evaluation ended early (env->stop, PHR_ENOMEM).
 */
int phr_rule_group_eval(phr_rule_group_t *g, int64_t t_ms,
    const phr_rule_env_t *env, phr_err_t *err);

/*
 * The clock was set by so much since the last evaluation: alerts have been
 * pending or firing as long as before.  What they are made of may be seen
 * again only after the next scrapes, so for a look-back none is resolved for
 * lack of it.  The caller evaluates the group at t_ms next.
 */
void phr_rule_group_shift(phr_rule_group_t *g, int64_t by_ms, int64_t t_ms);

/*
 * The latest moment at or before now_ms at which the group is due: aligned
 * to its interval, shifted by an offset of its own, the same for ever.  The
 * next one is an interval later.
 */
int64_t phr_rule_group_due(const phr_rule_group_t *g, int64_t now_ms);

/*
 * Ends the series of groups that were removed, two of their intervals after
 * that; cheap if there are none.
 */
int phr_rule_groups_sweep(phr_rule_groups_t *gs, int64_t now_ms,
    const phr_rule_env_t *env, phr_err_t *err);

void phr_rule_group_lock(phr_rule_group_t *g);
void phr_rule_group_unlock(phr_rule_group_t *g);

/* under lock: the highest state of the rule's alerts */
phr_alert_state_e phr_rule_state(const phr_rule_t *r);


#endif /* PHR_GROUP_H_INCLUDED */
