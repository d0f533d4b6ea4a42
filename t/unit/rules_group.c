/*
 * Copyright (C) The Pharos Authors
 *
 * Tests of rules/group*.c: rule files over the memory store, evaluated at
 * times of the test's choice.
 */

#include "rules/group.h"

#include "core/alloc.h"
#include "memstore.h"
#include "oom.h"
#include "tap.h"


#define MIN  ((int64_t) 60 * 1000)


typedef struct {
    char        key[32];
    phr_buf_t   value;
} record_t;


static phr_memstore_t     *store;
static phr_rule_groups_t  *groups;
static phr_rule_env_t      env;
static phr_buf_t           told;
static record_t            records[16];
static size_t              nrecords;
static int                 refuse;      /* what write() returns */
static int                 refused;     /* the status of each sample */
static size_t              nwrites;
static size_t              nhealth;     /* calls of health() */


static int
save(const phr_rule_record_t *r)
{
    size_t  i;

    for (i = 0; i < nrecords; i++) {
        if (strncmp(records[i].key, r->key.data, r->key.len) == 0) {
            break;
        }
    }

    if (i == nrecords) {
        memcpy(records[i].key, r->key.data, r->key.len);
        phr_buf_init(&records[i].value, 0);
        nrecords++;
    }

    phr_buf_reset(&records[i].value);
    phr_buf_str(&records[i].value, r->value);

    return records[i].value.failed;
}


static int
write_samples(void *data, phr_rule_write_t *w, phr_err_t *err)
{
    int     rc;
    size_t  i;

    nwrites++;

    if (refuse) {
        return phr_err_set(err, refuse, "disk is full");
    }

    for (i = 0; i < w->n; i++) {
        w->status[i] = (int8_t) refused;

        if (refused) {
            continue;
        }

        rc = phr_memstore_add(store, w->labels[i], w->t_ms, w->v[i]);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    for (i = 0; i < w->nrecords; i++) {
        rc = save(&w->records[i]);
        if (rc != PHR_OK) {
            return rc;
        }
    }

    return PHR_OK;
}


/* <text> becomes its rule's name and value; "{{ fail }}" fails */

static int
expand(void *data, const phr_rule_expand_t *e, phr_buf_t *out,
    phr_err_t *err)
{
    int                         rc;
    size_t                      n;
    phr_arena_t                *arena;
    const phr_result_sample_t  *samples;

    if (strncmp(e->text.data, "{{ fail", 7) == 0) {
        phr_buf_puts(out, "half of it");
        return phr_err_set(err, PHR_EEXEC, "no such thing");
    }

    if (strncmp(e->text.data, "{{ query", 8) == 0) {
        arena = phr_arena_create(0);
        rc = e->query(e->query_data, phr_str_of("count(m)"), arena, &samples,
                      &n, err);
        if (rc == PHR_OK) {
            phr_buf_printf(out, "%g", n ? samples[0].v : -1);
        }
        phr_arena_destroy(arena);
        return rc;
    }

    phr_buf_str(out, phr_labels_get(e->labels, phr_str_of("i")));
    phr_buf_printf(out, "=%g", e->value);

    return out->failed;
}


static void
notify(void *data, const phr_alert_msg_t *msgs, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        phr_labels_format(&told, msgs[i].labels);
        phr_labels_format(&told, msgs[i].annotations);
        phr_buf_printf(&told, " %lld-%lld;",
                       (long long) (msgs[i].starts_ms / MIN),
                       (long long) (msgs[i].ends_ms / MIN));
    }
}


static void
health(void *data, const phr_rule_group_t *g, const phr_rule_t *r)
{
    nhealth++;
}


static int
check(void *data, phr_str_t rule, phr_str_t text, phr_err_t *err)
{
    return strncmp(text.data, "{{ bad", 6) == 0
           ? phr_err_set(err, PHR_EPARSE, "template: bad") : PHR_OK;
}


static int
load(const char *text, phr_err_t *err)
{
    int                      rc;
    phr_rules_yml_t         *file;
    phr_rule_groups_t       *gs;
    phr_rule_groups_conf_t   conf;

    memset(&conf, 0, sizeof(conf));
    conf.interval_ms = MIN;
    conf.external_url = phr_str_of("http://h:9090");
    conf.check = check;

    phr_err_init(err);

    rc = phr_rules_yml_parse(phr_str_from_c(text), "r.yml", &file, err);
    if (rc != PHR_OK) {
        return rc;
    }

    rc = phr_rule_groups_create(&file, 1, &conf, groups, &gs, err);
    if (rc != PHR_OK) {
        phr_rules_yml_destroy(file);
        return rc;
    }

    phr_rule_groups_destroy(groups);
    groups = gs;

    return PHR_OK;
}


static void
must_load(const char *text)
{
    phr_err_t  err;

    if (load(text, &err) != PHR_OK) {
        ok(0, "rules are loaded: %s", err.text);
        exit(1);
    }
}


static void
clear(void)
{
    size_t  i;

    phr_rule_groups_destroy(groups);
    groups = NULL;

    for (i = 0; i < nrecords; i++) {
        phr_buf_free(&records[i].value);
        memset(&records[i], 0, sizeof(record_t));
    }

    nrecords = 0;
    (void) phr_memstore_clear(store);
}


static void
sample(const char *i, int64_t t, double v)
{
    phr_labels_t  ls;
    phr_label_t   l[2] = { { phr_str("__name__"), phr_str("m") },
                           { phr_str("i"), phr_str("") } };

    l[1].value = phr_str_from_c(i);
    ls.l = l;
    ls.n = 2;

    (void) phr_memstore_add(store, ls, t * MIN, v);
}


static const char *
eval(int64_t t)
{
    size_t  i;

    phr_buf_reset(&told);

    for (i = 0; i < phr_rule_groups_count(groups); i++) {
        (void) phr_rule_group_eval(phr_rule_groups_at(groups, i), t * MIN,
                                   &env, NULL);
    }

    return phr_buf_cstr(&told);
}


static phr_rule_t *
rule(size_t group, size_t n)
{
    return &phr_rule_groups_at(groups, group)->rules[n];
}


/* the result of an expression, as text */

static void
holds(int64_t t, const char *expr, const char *want, const char *name)
{
    int             rc;
    size_t          i;
    phr_buf_t       out;
    phr_err_t       err;
    phr_node_t     *node;
    phr_arena_t    *arena;
    phr_query_t     q;
    phr_result_t    r;
    phr_querier_t  *querier;

    arena = phr_arena_create(0);
    phr_buf_init(&out, 0);
    memset(&q, 0, sizeof(q));
    memset(&r, 0, sizeof(r));
    node = NULL;

    rc = phr_promql_parse(arena, phr_str_from_c(expr), 0, NULL, &node, &err);
    q.node = node;
    q.start_ms = q.end_ms = t * MIN;
    q.lookback_ms = 5 * MIN;
    q.arena = arena;

    if (rc == PHR_OK) {
        (void) env.storage->querier(env.storage, &querier, &err);
        rc = phr_promql_eval(&q, querier, &r, &err);
        querier->ops->close(querier);
    }

    for (i = 0; rc == PHR_OK && i < r.nsamples; i++) {
        phr_labels_format(&out, r.samples[i].labels);
        phr_buf_printf(&out, " %g;", r.samples[i].v);
    }

    is_str(rc == PHR_OK ? phr_buf_cstr(&out) : err.text, want, "%s", name);

    phr_promql_destroy(node);
    phr_buf_free(&out);
    phr_arena_destroy(arena);
}


static void
test_recording(void)
{
    must_load("groups:\n"
              "- name: g\n"
              "  rules:\n"
              "  - record: a:sum\n"
              "    expr: sum by (i) (m)\n"
              "    labels: { x: y, i: \"\" }\n"
              "  - record: b\n"
              "    expr: a:sum * 2\n"
              "  - record: c\n"
              "    expr: 'm'\n"
              "    labels: { i: z }\n"
              "  - record: d\n"
              "    expr: '3'\n"
              "  - record: e\n"
              "    expr: m[5m]\n");

    sample("1", 0, 5);
    (void) eval(0);

    holds(0, "a:sum", "a:sum{x=\"y\"} 5;", "labels are set and removed");
    holds(0, "b", "b{x=\"y\"} 10;", "a rule sees the one before it");
    holds(0, "d", "d 3;", "a scalar is a sample without labels");
    is_int(rule(0, 2)->health, PHR_RULE_OK, "c is fine");
    is_int(rule(0, 4)->health, PHR_RULE_ERR, "a range is no result");
    is_str(rule(0, 4)->error.text, "rule result is not a vector or scalar",
           "and says so");

    sample("2", 1, 6);
    (void) eval(1);
    is_int(rule(0, 2)->health, PHR_RULE_ERR, "two samples of one name");
    is_str(rule(0, 2)->error.text, "vector contains metrics with the same "
           "labelset after applying rule labels", "is an error");
    is_int(rule(0, 3)->health, PHR_RULE_OK, "which stops no other rule");
    holds(1, "c", "c{i=\"z\"} 5;", "the last good value stays");
    clear();
}


static void
test_stale(void)
{
    must_load("groups:\n"
              "- name: g\n"
              "  rules:\n"
              "  - { record: r, expr: m > 1 }\n");

    sample("1", 0, 5);
    sample("2", 0, 6);
    (void) eval(0);
    sample("1", 1, 0);
    sample("2", 1, 6);
    (void) eval(1);
    holds(1, "r", "r{i=\"2\"} 6;", "a series that ends is marked stale");
    is_int(rule(0, 0)->nseries, 1, "one is left");

    nwrites = 0;
    (void) eval(1);
    is_int(nwrites, 0, "the same time is evaluated once");

    refuse = PHR_ENOSPC;
    nhealth = 0;
    sample("2", 2, 0);
    (void) eval(2);
    is_int(nhealth, 1, "that a rule fails is told");
    is_int(rule(0, 0)->health, PHR_RULE_ERR, "a failed write is seen");
    is_str(rule(0, 0)->error.text, "disk is full", "with its reason");
    refuse = 0;
    (void) eval(3);
    holds(3, "r", "", "and made up for");
    is_int(nhealth, 2, "and that it fails no more");

    sample("1", 4, 5);
    refused = PHR_EORDER;
    (void) eval(4);
    is_str(rule(0, 0)->error.text, "out of order sample",
           "refused samples are seen, too");
    refused = 0;
    clear();
}


static void
test_carry(void)
{
    int64_t  t;

    must_load("groups:\n"
              "- name: g\n"
              "  rules:\n"
              "  - { record: r, expr: m }\n"
              "  - { record: s, expr: m }\n"
              "  - { alert: A, expr: m, for: 3m }\n"
              "- name: h\n"
              "  rules:\n"
              "  - { record: q, expr: m }\n");

    for (t = 0; t < 3; t++) {
        sample("1", t, 5);
        (void) eval(t);
    }

    holds(2, "ALERTS", "ALERTS{alertname=\"A\", alertstate=\"pending\", "
          "i=\"1\"} 1;", "pending");

    must_load("groups:\n"
              "- name: g\n"
              "  rules:\n"
              "  - { alert: A, expr: m > 0, for: 3m }\n"
              "  - { record: r, expr: m }\n");

    is_int(rule(0, 0)->alerting.nalerts, 1, "alerts outlive a reload");
    is_int(rule(0, 0)->eval_ms, 2 * MIN, "so do times");
    sample("1", 3, 5);
    (void) eval(3);
    holds(3, "ALERTS", "ALERTS{alertname=\"A\", alertstate=\"firing\", "
          "i=\"1\"} 1;", "and the time in which the alert was pending");
    holds(3, "ALERTS_FOR_STATE", "ALERTS_FOR_STATE{alertname=\"A\", "
          "i=\"1\"} 0;", "which is told");
    holds(3, "s", "", "the series of a removed rule has ended");
    holds(3, "q", "q{i=\"1\"} 5;", "that of a removed group not yet");

    (void) phr_rule_groups_sweep(groups, 3 * MIN, &env, NULL);
    (void) phr_rule_groups_sweep(groups, 4 * MIN, &env, NULL);
    holds(4, "q", "q{i=\"1\"} 5;", "it has two intervals to come back");
    (void) phr_rule_groups_sweep(groups, 5 * MIN, &env, NULL);
    holds(5, "q", "", "then it ends");
    nwrites = 0;
    (void) phr_rule_groups_sweep(groups, 9 * MIN, &env, NULL);
    is_int(nwrites, 0, "once");
    clear();
}


static void
test_alerting(void)
{
    must_load("groups:\n"
              "- name: g\n"
              "  limit: 2\n"
              "  rules:\n"
              "  - alert: A\n"
              "    expr: m > 1\n"
              "    for: 1m\n"
              "    labels: { sev: high, i2: '{{ x }}' }\n"
              "    annotations: { q: '{{ query }}', z: '{{ fail }}' }\n");

    sample("1", 0, 5);
    is_str(eval(0), "", "a pending alert is not told");
    sample("1", 1, 6);
    is_str(eval(1), "", "labels with another value are another alert");
    sample("1", 2, 6);
    is_str(eval(2),
           "{alertname=\"A\", i=\"1\", i2=\"1=6\", sev=\"high\"}"
           "{q=\"1\", z=\"<error expanding template: no such thing>\"} 2-6;",
           "templates are expanded, those that fail say so");
    clear();

    must_load("groups:\n"
              "- name: g\n"
              "  limit: 2\n"
              "  rules:\n"
              "  - alert: A\n"
              "    expr: m > 1\n"
              "    for: 1m\n"
              "    labels: { sev: high }\n"
              "    annotations: { a: '{{ x }}' }\n");

    is_str(rule(0, 0)->generator_url.data,
           "http://h:9090/graph?g0.expr=m+%3E+1&g0.tab=1",
           "the link leads to the expression");

    sample("1", 0, 5);
    (void) eval(0);
    sample("1", 1, 6);
    is_str(eval(1), "{alertname=\"A\", i=\"1\", sev=\"high\"}{a=\"1=6\"} "
           "1-5;", "a firing alert is told");
    sample("1", 2, 0);
    is_str(eval(2), "{alertname=\"A\", i=\"1\", sev=\"high\"}{a=\"1=6\"} "
           "1-2;", "its end as well");
    holds(2, "ALERTS", "", "its series has ended");

    refuse = PHR_ENOSPC;
    sample("1", 3, 7);
    (void) eval(3);
    sample("1", 4, 7);
    is_str(eval(4), "{alertname=\"A\", i=\"1\", sev=\"high\"}{a=\"1=7\"} "
           "4-8;", "alerts are told though nothing can be written");
    refuse = 0;

    sample("1", 5, 7);
    sample("2", 5, 7);
    sample("3", 5, 7);
    (void) eval(5);
    is_str(rule(0, 0)->error.text, "exceeded limit of 2 with 3 alerts",
           "too many alerts");
    clear();
}


static void
test_restart(void)
{
    size_t       i;
    const char  *text;

    text = "groups:\n"
           "- name: g\n"
           "  rules:\n"
           "  - { alert: A, expr: m > 1, for: 3m }\n";

    must_load(text);
    sample("1", 0, 5);
    (void) eval(0);
    sample("1", 1, 5);
    (void) eval(1);

    phr_rule_groups_destroy(groups);
    groups = NULL;
    must_load(text);

    for (i = 0; i < nrecords; i++) {
        (void) phr_rule_groups_restore(groups, phr_str_from_c(records[i].key),
                                       phr_buf_view(&records[i].value), NULL);
    }

    phr_rule_groups_restored(groups, 2 * MIN, NULL, NULL);

    sample("1", 2, 5);
    (void) eval(2);
    sample("1", 3, 5);
    is_str(eval(3), "{alertname=\"A\", i=\"1\"}{} 3-7;",
           "an alert fires when it would have without the restart");
    sample("1", 4, 0);
    (void) eval(4);
    holds(4, "ALERTS", "", "and is resolved");
    (void) eval(30);
    is_int(records[0].value.len + records[1].value.len, 0,
           "its records go with it");
    clear();
}


static void
refuses(const char *text, const char *want)
{
    char       buf[1024];
    phr_err_t  err;

    is_int(load(text, &err), PHR_EPARSE, "%s", want);
    is_str(phr_err_format(&err, buf, sizeof(buf)), want, "in these words");
}


static void
test_refused(void)
{
    must_load("groups:\n"
              "- { name: g, rules: [ { record: r, expr: m } ] }\n");

    refuses("groups:\n"
            "- name: g\n"
            "  rules:\n"
            "  - alert: A\n"
            "    expr: sum(up\n",
            "r.yml:5:17: group \"g\", rule 1, \"A\": could not parse "
            "expression: 1:7: parse error: unclosed left parenthesis");
    refuses("groups:\n"
            "- name: g\n"
            "  rules:\n"
            "  - record: ok\n"
            "    expr: up\n"
            "  - alert: A\n"
            "    expr: up\n"
            "    annotations:\n"
            "      x: '{{ bad }}'\n",
            "r.yml:9:11: group \"g\", rule 2, \"A\": annotation \"x\": "
            "template: bad");

    is_int(phr_rule_groups_count(groups), 1, "the old groups stay");
    clear();
}


static void
test_due(void)
{
    int64_t            t, due;
    phr_rule_group_t  *g;

    must_load("groups:\n"
              "- { name: g, rules: [ { record: r, expr: m } ] }\n");

    g = phr_rule_groups_at(groups, 0);
    due = phr_rule_group_due(g, 100 * MIN);

    ok(due <= 100 * MIN && due > 99 * MIN, "due within the last interval");
    is_int(phr_rule_group_due(g, due), due, "a due time is due");
    is_int(phr_rule_group_due(g, due - 1), due - MIN, "just before, not yet");
    is_int(phr_rule_group_due(g, due + MIN - 1), due, "nor just before next");

    t = phr_rule_group_due(g, -5);
    ok(t <= -5 && t > -5 - MIN, "before the epoch, too");
    clear();
}


static int
oom(void *data)
{
    int        rc;
    phr_err_t  err;

    (void) phr_memstore_clear(store);
    groups = NULL;

    rc = load("groups:\n"
              "- name: g\n"
              "  rules:\n"
              "  - { alert: A, expr: 'vector(1)', labels: { a: b } }\n", &err);

    phr_rule_groups_destroy(groups);
    groups = NULL;

    return rc;
}


static int
oom_eval(void *data)
{
    int        rc;
    phr_err_t  err;

    static const char  text[] =
        "groups:\n"
        "- name: g\n"
        "  rules:\n"
        "  - { record: r, expr: m }\n"
        "  - { alert: A, expr: m > 1, annotations: { a: '{{ x }}' } }\n";

    groups = NULL;

    rc = load(text, &err);

    if (rc == PHR_OK) {
        rc = phr_rule_group_eval(phr_rule_groups_at(groups, 0), MIN, &env,
                                 &err);
    }

    /* a rule that lacks memory is unhealthy; the group goes on */

    if (rc == PHR_OK
        && (rule(0, 0)->health != PHR_RULE_OK
            || rule(0, 1)->health != PHR_RULE_OK))
    {
        rc = PHR_ENOMEM;
    }

    if (rc == PHR_OK) {
        rc = load(text, &err);
    }

    phr_rule_groups_destroy(groups);
    groups = NULL;

    return rc;
}


int
main(void)
{
    store = phr_memstore_create();
    phr_buf_init(&told, 0);

    env.storage = phr_memstore_storage(store);
    env.write = write_samples;
    env.expand = expand;
    env.notify = notify;
    env.health = health;

    test_recording();
    test_stale();
    test_carry();
    test_alerting();
    test_restart();
    test_refused();
    test_due();

    ok(phr_oom_run(oom, NULL) > 0, "loading survives a lack of memory");

    sample("1", 1, 5);
    env.notify = NULL;
    ok(phr_oom_run(oom_eval, NULL) > 0, "and so does evaluation");
    clear();

    phr_memstore_destroy(store);
    phr_buf_free(&told);

    return done_testing();
}
