/*
 * Copyright (C) The Pharos Authors
 *
 * Settings: rule files: what is read, where texts stand, what is refused.
 */

#include "settings/rules_yml.h"

#include "tap.h"


#define RULES  "groups: [{name: g, rules: ["


static void
refused(const char *text, uint32_t line, const char *words)
{
    int               rc;
    phr_err_t         err;
    phr_rules_yml_t  *conf;

    phr_err_init(&err);
    rc = phr_rules_yml_parse(phr_str_from_c(text), "r.yml", &conf, &err);

    if (rc == PHR_OK) {
        phr_rules_yml_destroy(conf);
    }

    if (!ok(rc < 0 && err.line == line && strstr(err.text, words) != NULL,
            "refused: %s", words))
    {
        printf("#   got %d, line %u: %s\n", rc, err.line, err.text);
    }
}


static void
test_read(void)
{
    uint32_t          line, column;
    phr_err_t         err;
    phr_rule_conf_t  *r;
    phr_rules_yml_t  *c;

    static const char  text[] =
        "groups:\n"
        "  - name: g\n"
        "    interval: 30s\n"
        "    limit: 5\n"
        "    labels: {team: a, severity: low}\n"
        "    rules:\n"
        "      - record: a:b\n"
        "        expr: 0.999\n"
        "      - alert: A\n"
        "        expr: |\n"
        "          up\n"
        "            == 0\n"
        "        for: 0m\n"
        "        keep_firing_for: 1h\n"
        "        labels:\n"
        "          severity: high\n"
        "          n: 5\n"
        "          gone: ''\n"
        "        annotations:\n"
        "          summary: \"x {{ $value }}\"\n";

    if (phr_rules_yml_parse(phr_str_of(text), "r.yml", &c, &err) != PHR_OK) {
        ok(0, "%s", err.text);
        return;
    }

    is_int(c->groups[0].interval_ms, 30000, "interval");
    is_int(c->groups[0].limit, 5, "limit");
    is_int(c->groups[0].query_offset_ms, -1, "no query offset of its own");

    r = &c->groups[0].rules[0];
    is_str(r->expr.text.data, "0.999", "a number is an expression");
    is_int(r->alerting, 0, "record is no alert");
    is_int(r->nlabels, 2, "the group's labels are taken");

    r = &c->groups[0].rules[1];
    is_int(r->for_ms, 0, "for");
    is_int(r->keep_firing_for_ms, 3600000, "keep_firing_for");
    is_int(r->nlabels, 4, "labels of both");
    is_str(r->labels[0].name.data, "gone", "an empty label stays");
    is_str(r->labels[2].value.text.data, "high", "the rule's label wins");
    is_str(r->labels[1].value.text.data, "5", "a number is a text");
    is_int(r->annotations[0].value.line, 20, "line of a template");
    is_int(r->annotations[0].value.column, 21, "column within the quotes");

    is_int(r->expr.line, 11, "a block's text begins below its sign");
    is_int(r->expr.column, 11, "after the indentation");

    phr_rule_text_place(&r->expr, 5, &line, &column);
    is_int(line, 12, "line of a place in a block");
    is_int(column, 13, "column of it");

    phr_rules_yml_destroy(c);
}


int
main(void)
{
    test_read();

    refused("groups:\n- name: a\n- name: a\n", 3, "is repeated");
    refused("groups:\n- rules: []\n", 2, "\"name\"");
    refused("groups:\n- name: a\n  concurrency: 5\n", 3, "not found");
    refused(RULES "{expr: a}]}]", 1, "one of 'record' or 'alert'");
    refused(RULES "{record: a, alert: b, expr: c}]}]", 1, "only one of");
    refused(RULES "{record: a}]}]", 1, "'expr' must be set");
    refused(RULES "{alert: a, expr: [b]}]}]", 1, "'expr' must be set");
    refused(RULES "{record: a, expr: b, for: 1m}]}]", 1, "'for'");
    refused(RULES "{record: 'a{b=\"c\"}', expr: b}]}]", 1, "braces");
    refused(RULES "{alert: a, expr: b, labels: {__name__: c}}]}]", 1,
            "invalid label name");
    refused(RULES "{alert: a, expr: b, for: soon}]}]", 1, "valid duration");
    refused(RULES "{alert: a, expr: b, annotations: [c]}]}]", 1, "a mapping");
    refused(RULES "{record: a}]}]", 1, "group \"g\", rule 1, \"a\": ");

    return done_testing();
}
