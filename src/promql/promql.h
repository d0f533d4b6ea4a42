/*
 * Copyright (C) The Pharos Authors
 *
 * PromQL: parse, check, print and evaluate.  Storage is seen only through
 * core/storage.h; nothing here reads a clock or logs.
 */

#ifndef PHR_PROMQL_H_INCLUDED
#define PHR_PROMQL_H_INCLUDED


#include "core/storage.h"
#include "core/zone.h"


typedef enum {
    PHR_TYPE_NONE = 0,
    PHR_TYPE_SCALAR,
    PHR_TYPE_STRING,
    PHR_TYPE_VECTOR,
    PHR_TYPE_MATRIX,
} phr_type_e;


typedef struct phr_node_s  phr_node_t;      /* promql/ast.h */


/* what Prometheus keeps behind feature flags */
#define PHR_PROMQL_EXPERIMENTAL  0x01       /* functions, fill, anchored ... */

/* what MetricsQL has besides, and what is experimental */
#define PHR_PROMQL_METRICSQL     0x02
#define PHR_PROMQL_EXTENDED      (PHR_PROMQL_EXPERIMENTAL                     \
                                  | PHR_PROMQL_METRICSQL)


/* the step of an instant query, for durations and missing ranges; 0: none */
static inline int64_t
phr_promql_instant_step_ms(unsigned flags)
{
    return flags & PHR_PROMQL_METRICSQL ? 300000 : 0;
}


/*
 * Parses and type-checks an expression.  The tree lives in the arena, the
 * text must live as long.  PHR_EPARSE with the place (err->start, end, line,
 * column) and Prometheus's words, PHR_ETIMEOUT, PHR_ECANCELED.  Regexes are
 * compiled: free them with phr_promql_destroy(), also after the arena's use
 * has ended but before it is destroyed.  matching may be NULL.
 */
int phr_promql_parse(phr_arena_t *arena, phr_str_t text, unsigned flags,
    phr_matching_t *matching, phr_node_t **node, phr_err_t *err);
void phr_promql_destroy(phr_node_t *node);

/*
 * A selector alone, as in match[]: PHR_EPARSE if it is anything else.  Each
 * matcher is to be freed with phr_matcher_destroy().  One that selects every
 * series is no error here.
 */
int phr_promql_parse_selector(phr_arena_t *arena, phr_str_t text,
    phr_matching_t *matching, phr_matcher_t **m, size_t *n, phr_err_t *err);

phr_type_e phr_promql_type(const phr_node_t *node);
const char *phr_type_text(phr_type_e type);     /* "vector", "matrix" ... */

/* canonical text on one line; and indented as promtool's formatter does */
void phr_promql_print(phr_buf_t *b, const phr_node_t *node);
void phr_promql_pretty(phr_buf_t *b, const phr_node_t *node);


/*
 * What the evaluation of a node took, the nodes below it included but for
 * what is done with columns that they give away one by one.
 */
typedef struct {
    int64_t   us;
    uint64_t  series;           /* that it gave */
    uint64_t  samples;          /* of all steps; of a selector, with or
                                   without a range, what storage gave */
    size_t    steps;
    unsigned  evaluated:1;
    unsigned  once:1;           /* for all steps, as it is constant */
} phr_cost_t;

typedef struct {
    phr_cost_t  *nodes;         /* zeroed, one for each id up to the root's */
    int64_t    (*clock_us)(void *data);
    void        *data;
} phr_costs_t;


typedef struct {
    const phr_node_t    *node;
    phr_str_t            text;              /* of the query, for the places
                                               in annotations; may be empty */
    int64_t              start_ms;
    int64_t              end_ms;            /* = start_ms if instant */
    int64_t              step_ms;           /* 0: instant query */
    int64_t              lookback_ms;       /* 5 minutes is usual */
    int64_t              subquery_step_ms;  /* where a subquery names none */
    int64_t              instant_step_ms;   /* phr_promql_instant_step_ms() */
    uint64_t             max_samples;       /* held at once, 0: no bound */
    int64_t              max_res_ms;        /* of samples that may be coarser
                                               than need be; 0: none */

    /*
     * Names of metrics go at the end of the query and not with each
     * operation: Prometheus's promql-delayed-name-removal.
     */
    unsigned             delayed_names:1;

    /* start timestamps count in rate() and its kin: use-start-timestamps */
    unsigned             start_times:1;

    unsigned             step_stats:1;      /* samples read, by step */

    phr_zones_t         *zones;             /* NULL: no zone is known */

    /*
     * Set from another thread to PHR_ETIMEOUT or PHR_ECANCELED, seen within
     * a few milliseconds.  May be NULL.
     */
    const volatile int  *stop;

    phr_arena_t         *arena;             /* results, and work space */
    phr_costs_t         *costs;             /* NULL: not asked for */
} phr_query_t;


typedef struct {
    phr_labels_t     labels;
    const int64_t   *t_ms;
    const double    *v;
    size_t           n;

    /* NULL, or for each sample NULL or its histogram; v is its sum then */
    const phr_hist_t *const  *h;
} phr_result_series_t;

typedef struct {
    phr_labels_t  labels;
    int64_t       t_ms;
    double        v;                        /* of a histogram, its sum */

    const phr_hist_t  *h;                   /* NULL: a float */
} phr_result_sample_t;

typedef struct {
    phr_type_e            type;             /* MATRIX for every range query */
    int64_t               t_ms;             /* of scalar and string */
    double                scalar;
    phr_str_t             string;
    phr_result_sample_t  *samples;          /* VECTOR */
    size_t                nsamples;
    phr_result_series_t  *series;           /* MATRIX, sorted by labels */
    size_t                nseries;

    phr_str_t            *warnings;
    size_t                nwarnings;
    phr_str_t            *infos;
    size_t                ninfos;

    /*
     * A float is one sample, a histogram as many as it has times 16 bytes.
     * What each step reads is read_by_step[nsteps], NULL if nobody asked.
     */
    uint64_t              samples_read;     /* "totalQueryableSamples" */
    uint64_t              samples_peak;
    uint64_t             *read_by_step;
    size_t                nsteps;
    int64_t               step_ms;
    int64_t               res_ms;           /* of the coarsest samples, 0:
                                               all were as they came */
    unsigned              native:1;         /* there were histograms */
} phr_result_t;


/*
 * Evaluates.  The result lives in the query's arena, labels included: the
 * querier may be closed afterwards.  PHR_EEXEC (e.g. "found duplicate series
 * for the match group ..."), PHR_ELIMIT, PHR_ETIMEOUT, PHR_ECANCELED,
 * PHR_ENOMEM, or what storage failed with.
 */
int phr_promql_eval(const phr_query_t *query, phr_querier_t *querier,
    phr_result_t *result, phr_err_t *err);


#endif /* PHR_PROMQL_H_INCLUDED */
