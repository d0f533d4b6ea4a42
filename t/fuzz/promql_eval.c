/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as a query: eight say how it is asked, the rest becomes an
 * expression (expression.h) or is one.  Every query ends with a result that
 * is whole or with a reason, within its bounds, and these hold:
 *
 * - what is printed is parsed to the same, and by both dialects if it needs
 *   none;
 * - the same query has the same result again, also when costs are counted;
 * - an instant query has what a range query has at its time;
 * - of an expression that is final, some steps alone have the same values as
 *   among others, no samples are looked at but those in its reach, and what
 *   was remembered before the last samples came does not show;
 * - range functions give what is reckoned in the plainest way from the
 *   samples in the range;
 * - with too little memory the error says so.
 */

#include "expression.h"
#include "print.h"
#include "run.h"
#include "samples.h"
#include "timer.h"

#include "core/alloc.h"
#include "promql/final.h"


#define FUZZ_ARENA  ((size_t) 64 * 1024 * 1024)
#define FUZZ_HEAD   8


static phr_memstore_t  *store;


static void
finish(void)
{
    phr_memstore_destroy(store);
}


/*
 * Trees.
 */

typedef struct {
    unsigned  dialect:1;        /* needs it */
    unsigned  grid:1;           /* depends on the times of the query */
    unsigned  order:1;          /* depends on the order of series */
    unsigned  joins:1;          /* of two series, whose names go when the
                                   first sample's does */
} tree_t;


static void
look_call(const phr_func_t *func, tree_t *t)
{
    t->dialect |= func->experimental == PHR_FUNC_METRICSQL;

    switch (func->id) {

    case PHR_FUNC_start:
    case PHR_FUNC_end:
    case PHR_FUNC_step:
    case PHR_FUNC_range:
    case PHR_FUNC_drop_common_labels:
    case PHR_FUNC_interpolate:
    case PHR_FUNC_keep_last_value:
    case PHR_FUNC_keep_next_value:
    case PHR_FUNC_limit_offset:
    case PHR_FUNC_remove_resets:
    case PHR_FUNC_smooth_exponential:
    case PHR_FUNC_union:
        t->grid = 1;
        break;

    default:
        t->grid |= strncmp(func->name, "range_", 6) == 0
                   || strncmp(func->name, "running_", 8) == 0;
        break;
    }
}


/* of the whole tree */
static void
look(const phr_node_t *node, tree_t *t)
{
    size_t             i;
    const phr_when_t  *when;

    when = NULL;

    switch (node->kind) {

    case PHR_NODE_SELECTOR:
        when = &node->u.selector.when;
        t->dialect |= node->u.selector.nothers != 0;
        break;

    case PHR_NODE_MATRIX:
        t->grid |= node->u.matrix.range != NULL;
        t->dialect |= node->u.matrix.windowless;
        t->grid |= node->u.matrix.windowless;
        break;

    case PHR_NODE_SUBQUERY:
        when = &node->u.subquery.when;
        t->grid |= node->u.subquery.range != NULL
                   || node->u.subquery.step != NULL;
        t->dialect |= node->u.subquery.windowless;
        t->grid |= node->u.subquery.windowless;
        break;

    case PHR_NODE_BINARY:
        t->dialect |= phr_token_is_dialect(node->u.binary.op);
        t->grid |= node->u.binary.op == PHR_TOK_DEFAULT;
        t->joins |= node->u.binary.op == PHR_TOK_LOR;
        break;

    case PHR_NODE_AGGREGATE:
        t->dialect |= phr_token_is_dialect(node->u.aggregate.op)
                      || node->u.aggregate.limit != 0;
        t->grid |= phr_token_is_dialect(node->u.aggregate.op)
                   || node->u.aggregate.limit != 0;
        t->order |= node->u.aggregate.op != PHR_TOK_COUNT
                    && node->u.aggregate.op != PHR_TOK_GROUP
                    && node->u.aggregate.op != PHR_TOK_MIN
                    && node->u.aggregate.op != PHR_TOK_MAX;
        break;

    case PHR_NODE_CALL:
        look_call(node->u.call.func, t);
        break;

    default:
        break;
    }

    if (when != NULL) {
        t->grid |= when->at == PHR_AT_START || when->at == PHR_AT_END
                   || when->offset != NULL;
    }

    t->dialect |= node->keep_names;

    for (i = 0; phr_ast_child(node, i) != NULL; i++) {
        look(phr_ast_child(node, i), t);
    }
}


/* printed, and parsed again by either dialect if it is of PromQL */
static void
check_print(const phr_node_t *node, unsigned flags, const tree_t *t)
{
    phr_buf_t  b;

    phr_buf_init(&b, 0);
    phr_promql_print(&b, node);
    fuzz_check_print(phr_buf_view(&b), flags, node->type, phr_buf_view(&b));

    if (!t->dialect) {
        fuzz_check_print(phr_buf_view(&b), flags ^ PHR_PROMQL_EXTENDED,
                         node->type, phr_buf_view(&b));
    }

    phr_buf_free(&b);
}


/*
 * Laws.
 */

static int64_t
clock_us(void *data)
{
    return ++*(int64_t *) data;
}


/* the same again, with all that can be counted */
static void
check_again(const phr_query_t *query, const fuzz_run_t *a)
{
    fuzz_run_t    b;
    size_t        i;
    int64_t       now_us;
    uint64_t      n;
    phr_query_t   q;
    phr_costs_t   costs;

    now_us = 0;
    q = *query;
    q.step_stats = 1;
    memset(&costs, 0, sizeof(costs));
    costs.clock_us = clock_us;
    costs.data = &now_us;
    costs.nodes = calloc(q.node->id + 1, sizeof(phr_cost_t));
    fuzz_check(costs.nodes != NULL);
    q.costs = &costs;

    b = fuzz_run(store, &q, 0);

    if (!fuzz_gave_up(&b)
        && (b.rc != a->rc || (b.rc == PHR_OK && q.step_ms > 0
                              && !fuzz_same_points(&a->r, &b.r, INT64_MIN,
                                                   INT64_MAX))))
    {
        fuzz_broken("same again", &q, a, &b);
    }

    if (b.rc == PHR_OK && b.r.read_by_step != NULL) {
        for (i = 0, n = 0; i < b.r.nsteps; i++) {
            n += b.r.read_by_step[i];
        }

        if (n != b.r.samples_read || n != a->r.samples_read) {
            fprintf(stderr, "by step %llu, all %llu, before %llu\n",
                    (unsigned long long) n,
                    (unsigned long long) b.r.samples_read,
                    (unsigned long long) a->r.samples_read);
            fuzz_broken("samples of all steps are all samples", &q, NULL, NULL);
        }
    }

    fuzz_run_free(&b);
    free(costs.nodes);
}


/* the second half of the steps alone */
static void
check_final(const phr_query_t *query, const fuzz_run_t *a)
{
    fuzz_run_t    b;
    int64_t       steps;
    phr_query_t   q;
    phr_reach_t   reach;

    if (!phr_promql_final(query, &reach)) {
        return;
    }

    if (a->min_ms <= a->max_ms
        && (a->min_ms <= query->start_ms - reach.back_ms
            || a->max_ms > query->end_ms + reach.ahead_ms))
    {
        fprintf(stderr, "asked for %lld to %lld, reach %lld %lld\n",
                (long long) a->min_ms, (long long) a->max_ms,
                (long long) reach.back_ms, (long long) reach.ahead_ms);
        fuzz_broken("what is final looks at nothing beyond its reach", query,
               NULL, NULL);
    }

    steps = (query->end_ms - query->start_ms) / query->step_ms;

    if (steps < 2) {
        return;
    }

    q = *query;
    q.start_ms += steps / 2 * q.step_ms;

    b = fuzz_run(store, &q, 0);

    if (!fuzz_gave_up(&b)
        && (b.rc != PHR_OK
            || !fuzz_same_points(&a->r, &b.r, q.start_ms, q.end_ms)))
    {
        fuzz_broken("what is final is the same among fewer steps", &q, a, &b);
    }

    fuzz_run_free(&b);
}


/*
 * A dashboard: it was asked some steps earlier, when there were no samples
 * later than until_ms, what is remembered of it is used now.
 */
static void
check_cache(const phr_query_t *query, const fuzz_run_t *a, int64_t back,
    int64_t until_ms)
{
    fuzz_run_t          b;
    phr_query_t         q;
    phr_query_cache_t  *cache;

    if (until_ms == PHR_TIME_MAX) {
        return;
    }

    cache = phr_query_cache_create(1024 * 1024);
    fuzz_check(cache != NULL);

    q = *query;
    q.start_ms -= back * q.step_ms;
    q.end_ms -= back * q.step_ms;
    b = fuzz_run_with(store, &q, 0, cache, until_ms, PHR_TIME_MAX);
    fuzz_run_free(&b);

    b = fuzz_run_with(store, query, 0, cache, PHR_TIME_MAX, until_ms + 1);

    if (!fuzz_gave_up(&b)
        && (b.rc != PHR_OK || !fuzz_same_points(&a->r, &b.r, INT64_MIN,
                                                INT64_MAX)))
    {
        fprintf(stderr, "%lld steps back, until %lld\n", (long long) back,
                (long long) until_ms);
        fuzz_broken("what is remembered is as if it were not", query, a, &b);
    }

    fuzz_run_free(&b);
    phr_query_cache_destroy(cache);
}


static void
check_instants(const phr_query_t *query, const fuzz_run_t *a)
{
    fuzz_run_t    b;
    int64_t       t_ms;
    phr_query_t   q;

    for (t_ms = query->start_ms; t_ms <= query->end_ms;
         t_ms += query->step_ms)
    {
        q = *query;
        q.start_ms = t_ms;
        q.end_ms = t_ms;
        q.step_ms = 0;

        b = fuzz_run(store, &q, 0);

        if (!fuzz_gave_up(&b)) {

            if (b.rc != PHR_OK || !fuzz_same_instant(&a->r, &b.r, t_ms)) {
                fuzz_broken("an instant is a step of a range", &q, a, &b);
            }

            fuzz_check_result(&q, &b.r);
        }

        fuzz_run_free(&b);
    }
}


/* -1: a function that is not reckoned here */
static int
plain(phr_func_e f, const phr_result_series_t *s, double *v)
{
    size_t  i;

    *v = f == PHR_FUNC_count_over_time ? (double) s->n
         : f == PHR_FUNC_present_over_time ? 1
         : f == PHR_FUNC_last_over_time ? s->v[s->n - 1]
         : f == PHR_FUNC_first_over_time || f == PHR_FUNC_min_over_time
           || f == PHR_FUNC_max_over_time ? s->v[0] : 0;

    for (i = 0; i < s->n; i++) {

        switch (f) {

        case PHR_FUNC_count_over_time:
        case PHR_FUNC_present_over_time:
        case PHR_FUNC_last_over_time:
        case PHR_FUNC_first_over_time:
            break;

        case PHR_FUNC_min_over_time:
            *v = isnan(*v) || s->v[i] < *v ? s->v[i] : *v;
            break;

        case PHR_FUNC_max_over_time:
            *v = isnan(*v) || s->v[i] > *v ? s->v[i] : *v;
            break;

        case PHR_FUNC_changes:
            *v += i > 0 && s->v[i] != s->v[i - 1]
                  && !(isnan(s->v[i]) && isnan(s->v[i - 1]));
            break;

        case PHR_FUNC_resets:
            *v += i > 0 && s->v[i] < s->v[i - 1];
            break;

        default:
            return -1;
        }
    }

    return 0;
}


/* f(x[5m]) of series whose names do not differ, against x[5m] */
static void
check_plain(const phr_query_t *query, const fuzz_run_t *a)
{
    fuzz_run_t         b;
    size_t             i, k, n;
    double             v, want;
    int64_t            t_ms;
    phr_query_t        q;
    phr_labels_t       ls;
    phr_node_t        *arg;
    const phr_hist_t  *h;

    if (query->node->kind != PHR_NODE_CALL || query->start_times
        || query->node->keep_names || query->node->u.call.nargs != 1)
    {
        return;
    }

    arg = query->node->u.call.args[0];

    if (arg->kind != PHR_NODE_MATRIX || arg->u.matrix.range != NULL
        || arg->u.matrix.windowless
        || arg->u.matrix.selector->u.selector.anchored
        || arg->u.matrix.selector->u.selector.smoothed
        || arg->u.matrix.selector->u.selector.when.at > PHR_AT_TIME
        || arg->u.matrix.selector->u.selector.when.offset != NULL)
    {
        return;
    }

    for (t_ms = query->start_ms; t_ms <= query->end_ms;
         t_ms += query->step_ms)
    {
        q = *query;
        q.node = arg;
        q.start_ms = t_ms;
        q.end_ms = t_ms;
        q.step_ms = 0;

        b = fuzz_run(store, &q, 0);
        n = b.rc == PHR_OK ? b.r.nseries : 0;

        for (i = 0; i < n; i++) {
            for (k = 0; k < b.r.series[i].n
                        && fuzz_hist(&b.r.series[i], k) == NULL; k++)
            {
                /* void */
            }

            ls = b.r.series[i].labels;

            /* the name is the first label, if there is one */

            if (query->node->u.call.func->id != PHR_FUNC_last_over_time
                && query->node->u.call.func->id != PHR_FUNC_first_over_time
                && phr_labels_has(ls, phr_str_of(PHR_METRIC_NAME)))
            {
                ls.l++;
                ls.n--;
            }

            if (k < b.r.series[i].n
                || plain(query->node->u.call.func->id, &b.r.series[i], &want)
                   != 0)
            {
                continue;
            }

            if (fuzz_find(&a->r, ls, t_ms, &v, &h) != 0 || h != NULL
                || !fuzz_same_number(v, want))
            {
                fprintf(stderr, "at %lld: %.17g\n", (long long) t_ms, want);
                fuzz_broken("what is reckoned plainly is the same", query, a,
                            &b);
            }
        }

        fuzz_run_free(&b);
    }
}


/*
 * The nth allocation fails, and all after it; to a regular expression that
 * is a limit like others.
 */
static void
check_memory(const phr_query_t *query, const fuzz_run_t *a, long nth)
{
    long        seen;
    fuzz_run_t  b;

    phr_alloc_fail_at(nth);
    b = fuzz_run(store, query, 0);
    seen = phr_alloc_count();
    phr_alloc_fail_at(-1);

    if (!fuzz_gave_up(&b) && b.rc != (seen < nth ? a->rc : PHR_ENOMEM)
        && (b.rc != a->rc || a->rc == PHR_OK))
    {
        fprintf(stderr, "allocation %ld of %ld\n", nth, seen);
        fuzz_broken("no memory is an error", query, a, &b);
    }

    fuzz_run_free(&b);
}


static void
check_laws(const phr_query_t *query, const tree_t *t, const uint8_t *head)
{
    long         nth;
    size_t       limit;
    int64_t      back, until_ms;
    fuzz_run_t   a;
    phr_reach_t  reach;

    limit = head[5] & 1 ? 1024 + head[5] * (size_t) 512 : FUZZ_ARENA;
    nth = head[6] & 1 ? head[6] / 2 : 0;
    back = head[7] & 15;
    until_ms = head[7] & 16 ? query->start_ms + (head[7] >> 5) * INT64_C(60000)
                            : PHR_TIME_MAX;
    a = fuzz_run(store, query, limit);

    if (a.rc != PHR_OK) {
        fuzz_check(a.rc < 0 && a.err.code == a.rc && a.err.text[0] != '\0');
        fuzz_check(a.rc != PHR_ENOMEM);

    } else {
        fuzz_check_result(query, &a.r);
    }

    if (!fuzz_gave_up(&a)) {
        check_again(query, &a);

        if (nth > 0) {
            check_memory(query, &a, nth);
        }
    }

    if (a.rc == PHR_OK && query->step_ms > 0) {
        check_final(query, &a);
        check_cache(query, &a, back, until_ms);

        if (!t->grid && !(t->joins && query->delayed_names)
            && (!t->order || phr_promql_final(query, &reach)))
        {
            check_instants(query, &a);
        }

        check_plain(query, &a);
    }

    fuzz_run_free(&a);
}


/*
 * Input.
 */

static int
no_zone(phr_zones_t *zones, phr_str_t name, const phr_zone_t **zone,
    phr_err_t *err)
{
    return phr_err_set(err, PHR_ENOTFOUND, "no such zone");
}


/* how it is asked: steps, from when on, and within which bounds */
static void
ask(const uint8_t *head, phr_query_t *q)
{
    static phr_zones_t  zones = { no_zone };

    static const int64_t  steps_ms[] = {
        60000, 15000, 7000, 300000, 1, 37123, 1000, 900000
    };

    static const int64_t  lookbacks_ms[] = { 300000, 60000, 15000, 1000 };

    memset(q, 0, sizeof(*q));
    q->start_ms = FUZZ_BEGIN - 300000 + head[1] * INT64_C(9000);
    q->step_ms = steps_ms[head[2] & 7];
    q->end_ms = q->start_ms + (head[2] >> 3 & 15) * q->step_ms;
    q->lookback_ms = lookbacks_ms[head[3] & 3];
    q->subquery_step_ms = head[3] & 4 ? 60000 : 15000;
    q->delayed_names = head[3] >> 3 & 1;
    q->start_times = head[3] >> 4 & 1;
    q->max_samples = head[4] & 1 ? (uint64_t) head[4] * 4 : 50000;
    q->stop = &fuzz_stop;
    q->zones = &zones;

    if (head[2] & 128) {
        q->step_ms = 0;
        q->end_ms = q->start_ms;
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int            rc;
    tree_t         tree;
    unsigned       flags;
    phr_buf_t      b;
    phr_err_t      err;
    fuzz_gen_t     g;
    phr_node_t    *node;
    phr_arena_t   *arena;
    phr_query_t    q;

    if (size < FUZZ_HEAD) {
        return 0;
    }

    if (store == NULL) {
        store = fuzz_samples();
        atexit(finish);
    }

    flags = data[0] & 2 ? PHR_PROMQL_METRICSQL : PHR_PROMQL_EXPERIMENTAL;
    phr_buf_init(&b, 0);

    if (data[0] & 1) {
        phr_buf_append(&b, data + FUZZ_HEAD, size - FUZZ_HEAD);

    } else {
        memset(&g, 0, sizeof(g));
        g.p = data + FUZZ_HEAD;
        g.n = size - FUZZ_HEAD;
        g.dialect = data[0] >> 1 & 1;
        g.b = &b;
        fuzz_expression(&g);
    }

    ask(data, &q);
    arena = phr_arena_create(0);
    phr_err_init(&err);
    q.text = fuzz_copy(b.data, b.len);

    rc = phr_promql_parse(arena, q.text, flags, NULL, &node, &err);

    if (rc != PHR_OK && !(data[0] & 1)) {
        fprintf(stderr, "%.*s\n%s\n", (int) q.text.len, q.text.data,
                err.text);
        abort();
    }

    if (rc == PHR_OK) {
        q.node = node;
        q.instant_step_ms = phr_promql_instant_step_ms(flags);
        memset(&tree, 0, sizeof(tree));
        look(node, &tree);
        check_print(node, flags, &tree);

        if (node->type == PHR_TYPE_MATRIX || node->type == PHR_TYPE_STRING) {
            q.step_ms = 0;
            q.end_ms = q.start_ms;
        }

        fuzz_timer(2);
        check_laws(&q, &tree, data);
        fuzz_timer(0);

        phr_promql_destroy(node);
    }

    fuzz_free(q.text);
    phr_buf_free(&b);
    phr_arena_destroy(arena);

    return 0;
}
