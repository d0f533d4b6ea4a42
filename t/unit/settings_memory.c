/*
 * Copyright (C) The Pharos Authors
 *
 * Settings: whichever allocation fails while a file is loaded, it is told as
 * such and nothing leaks.
 */

#include "settings/alertmanager_yml.h"
#include "settings/prometheus_yml.h"
#include "settings/rules_yml.h"

#include "oom.h"
#include "tap.h"


static const char  prometheus[] =
    "global: {external_labels: {a: 'b'}}\n"
    "scrape_configs:\n"
    "- job_name: x\n"
    "  params: {a: [b]}\n"
    "  basic_auth: {username: u, password: p}\n"
    "  relabel_configs: [{source_labels: [a], regex: 'x.*y|z+',\n"
    "    target_label: t}]\n"
    "  static_configs: [{targets: ['a:1'], labels: {b: c}}]\n"
    "  dns_sd_configs: [{names: [x]}]\n"
    "rule_files: [a.yml]\n";

static const char  alertmanager[] =
    "route: {receiver: r, routes: [{matchers: ['a=~\"b+.c\"', '\"x y\"=z'],\n"
    "  match_re: {q: 'w.+'}, labels: {l: v}}]}\n"
    "receivers: [{name: r, webhook_configs: [{url: 'http://x/'}],\n"
    "  slack_configs: [{api_url: 'http://y/'}]}]\n"
    "time_intervals: [{name: t, time_intervals: [{weekdays: [monday]}]}]\n"
    "inhibit_rules: [{source_match: {a: b}, target_match: {c: d},\n"
    "  equal: [e]}]\n";

static const char  rules[] =
    "groups: [{name: g, rules: [{alert: a, expr: b, labels: {c: d},\n"
    "  annotations: {e: f}}, {record: x, expr: y}]}]\n";


static int
load_prometheus(void *data)
{
    int                    rc;
    phr_prometheus_yml_t  *c;

    rc = phr_prometheus_yml_parse(phr_str_of(prometheus), "p.yml", NULL, &c,
                                  NULL);

    if (rc == PHR_OK) {
        phr_prometheus_yml_destroy(c);
    }

    return rc;
}


static int
load_alertmanager(void *data)
{
    int                      rc;
    phr_alertmanager_yml_t  *c;

    rc = phr_alertmanager_yml_parse(phr_str_of(alertmanager), "a.yml", NULL,
                                    &c, NULL);

    if (rc == PHR_OK) {
        phr_alertmanager_yml_destroy(c);
    }

    return rc;
}


static int
load_rules(void *data)
{
    int               rc;
    phr_rules_yml_t  *c;

    rc = phr_rules_yml_parse(phr_str_of(rules), "r.yml", &c, NULL);

    if (rc == PHR_OK) {
        phr_rules_yml_destroy(c);
    }

    return rc;
}


int
main(void)
{
    ok(phr_oom_run(load_prometheus, NULL) > 0, "prometheus.yml");
    ok(phr_oom_run(load_alertmanager, NULL) > 0, "alertmanager.yml");
    ok(phr_oom_run(load_rules, NULL) > 0, "a rule file");

    return done_testing();
}
