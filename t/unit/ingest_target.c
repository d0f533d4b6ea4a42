/*
 * Copyright (C) The Pharos Authors
 *
 * Targets: the labels they get, their URLs, keys and times.
 */

#include "ingest/append.h"
#include "ingest/target.h"

#include "tap.h"


static phr_scrape_conf_t   conf;
static phr_err_t           err;
static phr_relabel_conf_t  rules[4];
static phr_relabel_conf_t *rule_list[4] = {
    &rules[0], &rules[1], &rules[2], &rules[3]
};


static void
reset(void)
{
    memset(&conf, 0, sizeof(conf));
    memset(rules, 0, sizeof(rules));

    conf.job_name = phr_str_of("node");
    conf.scrape_interval_ms = 15000;
    conf.scrape_timeout_ms = 10000;
    conf.metrics_path = phr_str_of("/metrics");
    conf.scheme = phr_str_of("http");
    conf.relabel.r = rule_list;
}


/* a rule that sets a label, or acts on one source */

static void
rule(phr_relabel_action_e action, const char *source, const char *regex,
    const char *target, const char *replacement)
{
    phr_regex_t         *re;
    phr_relabel_conf_t  *r;
    static phr_str_t     sources[4];

    r = rule_list[conf.relabel.n];
    sources[conf.relabel.n] = phr_str_from_c(source);

    phr_regex_create(phr_str_from_c(regex), &re, &err);

    r->source_labels.s = &sources[conf.relabel.n];
    r->source_labels.n = source[0] != '\0';
    r->separator = phr_str_of(";");
    r->re = re;
    r->action = action;
    r->target_label = phr_str_from_c(target);
    r->replacement = phr_str_from_c(replacement);
    conf.relabel.n++;
}


static void
unrule(void)
{
    while (conf.relabel.n != 0) {
        conf.relabel.n--;
        phr_regex_destroy((phr_regex_t *) rules[conf.relabel.n].re);
    }
}


static phr_target_t *
target(const char *address, int want)
{
    int            rc;
    phr_labels_t   group;
    phr_target_t  *t;

    static const phr_label_t  l[] = {
        { phr_str("__meta_x"), phr_str("meta") },
        { phr_str("env"), phr_str("prod") },
    };

    group.l = l;
    group.n = 2;
    t = NULL;

    rc = phr_target_create(&conf, phr_str_from_c(address), group, &t, &err);
    is_int(rc, want, "%s makes %s", address, want ? "none" : "a target");

    return t;
}


static void
labels(phr_labels_t ls, const char *want, const char *name)
{
    phr_buf_t  b;

    phr_buf_init(&b, 0);
    phr_labels_format(&b, ls);
    is_str(phr_buf_cstr(&b), want, "%s", name);
    phr_buf_free(&b);
}


static void
refused(const char *address, const char *text)
{
    target(address, PHR_EINVAL);
    ok(strstr(err.text, text) != NULL, "because %s", text);
    unrule();
}


static void
url(const char *address, const char *want)
{
    phr_target_t  *t;

    t = target(address, PHR_OK);
    is_str(t->url.data, want, "has the URL %s", want);
    phr_target_destroy(t);
    unrule();
}


static void
kinds(void)
{
    phr_target_t  *t, *u;

    reset();
    t = target("h:9100", PHR_OK);
    labels(t->discovered, "{__address__=\"h:9100\", __meta_x=\"meta\", "
           "__metrics_path__=\"/metrics\", __scheme__=\"http\", "
           "__scrape_interval__=\"15s\", __scrape_timeout__=\"10s\", "
           "env=\"prod\", job=\"node\"}", "labels before");
    labels(t->labels, "{env=\"prod\", instance=\"h:9100\", job=\"node\"}",
           "labels after");
    is_int(phr_labels_has(t->all, phr_str_of("__meta_x")), 0, "no meta");
    is_int(t->interval_ms, 15000, "interval");
    is_int(t->timeout_ms, 10000, "timeout");

    conf.scrape_interval_ms = 30000;
    u = target("h:9100", PHR_OK);
    ok(t->key == u->key, "another interval is the same target");
    phr_target_destroy(u);

    u = target("h:9101", PHR_OK);
    ok(t->key != u->key, "another address is not");
    phr_target_destroy(u);
    phr_target_destroy(t);

    reset();
    rule(PHR_RELABEL_DROP, "env", "prod", "", "$1");
    t = target("h:9100", PHR_OK);
    ok(t->dropped && phr_labels_has(t->discovered, phr_str_of("env")),
       "a dropped target keeps what was discovered");
    phr_target_destroy(t);
    unrule();

    reset();
    rule(PHR_RELABEL_REPLACE, "__address__", "(.*):.*", "instance", "$1");
    rule(PHR_RELABEL_REPLACE, "__meta_x", "(.*)", "m", "$1");
    rule(PHR_RELABEL_REPLACE, "", "(.*)", "__scrape_interval__", "1m");
    t = target("h:9100", PHR_OK);
    labels(t->labels, "{env=\"prod\", instance=\"h\", job=\"node\", "
           "m=\"meta\"}", "relabelled");
    is_int(t->interval_ms, 60000, "interval by label");
    phr_target_destroy(t);
    unrule();

    reset();
    refused("", "no address");
    refused("http://h", "is not a valid hostname");
    rule(PHR_RELABEL_REPLACE, "", "(.*)", "__scrape_interval__", "x");
    refused("h", "error parsing scrape interval");
    rule(PHR_RELABEL_REPLACE, "", "(.*)", "__scrape_interval__", "0s");
    refused("h", "scrape interval cannot be 0");
    rule(PHR_RELABEL_REPLACE, "", "(.*)", "__scrape_timeout__", "1h");
    refused("h", "scrape timeout cannot be greater");
    rule(PHR_RELABEL_REPLACE, "", "(.*)", "__address__", "");
    refused("h", "no address");
}


static void
urls(void)
{
    phr_str_t           values[2] = { phr_str("up{a=\"b c\"}"),
                                      phr_str("2") };
    phr_http_header_t   param, *params;

    reset();
    url("h:9100", "http://h:9100/metrics");
    url("[::1]:80", "http://[::1]:80/metrics");

    rule(PHR_RELABEL_REPLACE, "", "(.*)", "__metrics_path__", "a b?c/d");
    url("h", "http://h/a%20b%3Fc/d");

    memset(&param, 0, sizeof(param));
    param.name = phr_str_of("match[]");
    param.values.s = values;
    param.values.n = 2;
    params = &param;
    conf.params = &params;
    conf.nparams = 1;
    url("h", "http://h/metrics?match%5B%5D=up%7Ba%3D%22b+c%22%7D"
        "&match%5B%5D=2");

    rule(PHR_RELABEL_REPLACE, "", "(.*)", "__param_match[]", "x");
    rule(PHR_RELABEL_REPLACE, "", "(.*)", "__param_a", "y");
    rule(PHR_RELABEL_REPLACE, "", "(.*)", "__scheme__", "https");
    url("h", "https://h/metrics?a=y&match%5B%5D=x&match%5B%5D=2");
}


static void
times(void)
{
    char      tick[15000] = { 0 };
    int       ticks;
    int64_t   t, next;
    uint64_t  i, key;

    key = 0xfedcba9876543210ULL;

    t = phr_target_next(key, 15000, 1700000000000);
    ok(t > 1700000000000 && t <= 1700000015000, "within an interval");
    is_int(phr_target_next(key, 15000, t), t + 15000, "one after the other");
    is_int(phr_target_next(key, 15000, t - 1), t, "and not before");
    next = phr_target_next(key + 1000, 15000, 1700000000000);
    ok(next != t, "another key, another time");

    for (ticks = 0, i = 0; i < 15000; i++) {
        next = phr_target_next(i, 15000, 1700000000000) - 1700000000000;
        ticks += !tick[next % 15000];
        tick[next % 15000] = 1;
    }

    is_int(ticks, 15, "spread over ticks of a second");

    is_int(phr_target_align(key, 15000, t), t, "in time");
    is_int(phr_target_align(key, 15000, t + 2), t, "hardly late");
    is_int(phr_target_align(key, 15000, t + 3), t + 3, "late");
    is_int(phr_target_align(key, 15000, t - 1), t - 1, "early is late");
    t = phr_target_next(key, 100, t);
    is_int(phr_target_align(key, 100, t + 1), t, "one in a hundred");
    is_int(phr_target_align(key, 100, t + 2), t + 2, "no more than that");
}


static void
count_error(void *data, const phr_err_t *e)
{
    ++*(int *) data;
}


static void
groups(void)
{
    int                    errors;
    phr_array_t            list;
    phr_target_t          *t;
    phr_str_t              targets[] = { phr_str("a:1"), phr_str("b/1"),
                                         phr_str("c:1"), phr_str("a:1") };
    phr_target_group_t     g, *gp;
    phr_target_groups_t    gs;
    phr_scrape_options_t   o;

    reset();
    memset(&g, 0, sizeof(g));
    g.targets.s = targets;
    g.targets.n = 4;
    g.source = phr_str_of("0");
    gp = &g;
    gs.g = &gp;
    gs.n = 1;
    errors = 0;

    phr_array_init(&list, sizeof(phr_target_t *));
    is_int(phr_targets_create(&conf, &gs, &list, count_error, &errors, &err),
           PHR_OK, "targets of a group");
    is_int(list.nelts, 2, "one is faulty, one is twice");
    is_int(errors, 1, "the faulty one is told");

    is_int(phr_targets_create(&conf, &gs, &list, NULL, NULL, &err), PHR_OK,
           "once more");
    is_int(list.nelts, 2, "adds nothing");

    t = *phr_array_get(&list, phr_target_t *, 0);
    phr_scrape_options(&o, t);
    ok(o.key == t->key && o.timeout_ms == 10000, "options of a scrape");

    phr_err_set(&err, PHR_EIO, "connection refused");
    phr_target_report(t, 5, 0.5, &err);
    ok(t->health == PHR_TARGET_DOWN
       && strcmp(t->error, "connection refused") == 0, "down");
    phr_target_inherit(*phr_array_get(&list, phr_target_t *, 1), t);
    is_int((*phr_array_get(&list, phr_target_t *, 1))->health,
           PHR_TARGET_DOWN, "inherited");
    phr_target_report(t, 5, 0.5, NULL);
    ok(t->health == PHR_TARGET_UP && t->error[0] == '\0', "up");
    phr_targets_destroy(&list);

    conf.limit.targets = 1;
    phr_array_init(&list, sizeof(phr_target_t *));
    is_int(phr_targets_create(&conf, &gs, &list, NULL, NULL, &err),
           PHR_ELIMIT, "target_limit");
    phr_targets_destroy(&list);
}


int
main(void)
{
    kinds();
    urls();
    times();
    groups();

    return done_testing();
}
