/*
 * Copyright (C) The Pharos Authors
 *
 * Settings: prometheus.yml: defaults, inheritance, paths, what is refused
 * and where, and writing it back.
 */

#include "settings/prometheus_yml.h"

#include "tap.h"


#define JOB  "scrape_configs: [{job_name: a"


static phr_prometheus_yml_t *
parse_with(const phr_loader_t *ld, const char *text)
{
    phr_err_t              err;
    phr_prometheus_yml_t  *conf;

    if (phr_prometheus_yml_parse(phr_str_from_c(text),
                                 "/etc/prometheus/prometheus.yml", ld, &conf,
                                 &err) != PHR_OK)
    {
        printf("Bail out! line %u: %s\n", err.line, err.text);
        exit(1);
    }

    return conf;
}


static void
refused(const char *text, uint32_t line, uint32_t column, const char *words)
{
    int                    rc;
    phr_err_t              err;
    phr_prometheus_yml_t  *conf;

    phr_err_init(&err);
    rc = phr_prometheus_yml_parse(phr_str_from_c(text), "p.yml", NULL, &conf,
                                  &err);

    if (rc == PHR_OK) {
        phr_prometheus_yml_destroy(conf);
    }

    if (!ok(rc < 0 && err.line == line && err.column == column
            && strstr(err.text, words) != NULL, "refused: %s", words))
    {
        printf("#   got %d, %u:%u %s\n", rc, err.line, err.column, err.text);
    }
}


static const char *
env(void *data, const char *name)
{
    return strcmp(name, "HOST") == 0 ? "h1" : NULL;
}


static void
test_defaults(void)
{
    phr_scrape_conf_t     *sc;
    phr_prometheus_yml_t  *c;

    c = parse_with(NULL, "");
    is_int(c->global.scrape_interval_ms, 60000, "an empty file has defaults");
    is_int(c->global.scrape_timeout_ms, 10000, "for the timeout, too");
    is_int(c->nscrapes, 0, "and no jobs");
    phr_prometheus_yml_destroy(c);

    c = parse_with(NULL,
        "global: {scrape_interval: 5s, sample_limit: 7,\n"
        "         external_labels: {b: x, a: 1}}\n"
        "scrape_configs:\n"
        "- job_name: j\n"
        "  static_configs: [{targets: ['a:1', 'b:2'], labels: {z: 1}}]\n"
        "- job_name: k\n"
        "  honor_timestamps: false\n"
        "  scrape_interval: 1m\n"
        "  body_size_limit: 2MB\n"
        "  bearer_token: s3\n"
        "  static_configs: [{targets: }]\n"
        "  dns_sd_configs: [{names: [x]}]\n");

    sc = c->scrapes[0];
    is_int(c->global.scrape_timeout_ms, 5000, "timeout is cut to interval");
    is_int(sc->scrape_interval_ms, 5000, "a job inherits the interval");
    is_int(sc->limit.samples, 7, "and limits");
    is_int(sc->honor_timestamps, 1, "timestamps are honoured by default");
    is_int(sc->static_configs.g[0]->targets.n, 2, "targets");
    is_int(sc->nprotocols, 4, "scrape protocols");
    is_int(sc->protocols[0], PHR_PROTO_OPENMETRICS_1_0_0, "in their order");
    is_str(c->global.external_labels.l[0].name.data, "a", "labels are sorted");

    sc = c->scrapes[1];
    is_int(sc->scrape_timeout_ms, 5000, "the global timeout is inherited");
    is_int(sc->honor_timestamps, 0, "what is set is taken");
    is_int(sc->limit.body_size_bytes, 2 * 1024 * 1024, "sizes");
    is_str(sc->http.authorization->credentials.data, "s3",
           "bearer_token is an authorization");
    is_int(sc->static_configs.g[0]->targets.n, 0, "null targets are none");
    is_int(sc->nother_sd, 1, "other discoveries are kept");
    is_str(sc->other_sd[0].node->items[0]->pairs[0].key->value.data, "names",
           "as they are written");
    is_int(c->nwarnings, 1, "and warned of");
    is_int(c->warnings[0].line, 12, "with their line");
    phr_prometheus_yml_destroy(c);
}


static void
test_paths(void)
{
    phr_loader_t           ld;
    phr_prometheus_yml_t  *c;

    static const phr_path_map_t  maps[] = {
        { phr_str("/etc/prometheus"), phr_str("/srv/m/") },
        { phr_str("/etc/prometheus/rules/"), phr_str("/srv/rules") },
    };

    memset(&ld, 0, sizeof(ld));
    ld.maps = maps;
    ld.nmaps = 2;
    ld.env = env;

    c = parse_with(&ld,
        "global: {external_labels: {h: 'a-${HOST}-$$', e: '$NONE'}}\n"
        "rule_files: [x.yml, /etc/prometheus/rules/*.yml, /a/../b.yml,\n"
        "             /etc/prometheus2/x.yml]\n"
        "scrape_configs: [{job_name: a, tls_config: {ca_file: ca.pem}}]\n");

    is_str(c->rule_files.s[0].data, "/srv/m/x.yml", "relative, then mapped");
    is_str(c->rule_files.s[1].data, "/srv/rules/*.yml", "longest prefix wins");
    is_str(c->rule_files.s[2].data, "/b.yml", "cleaned");
    is_str(c->rule_files.s[3].data, "/etc/prometheus2/x.yml",
           "whole components only");
    is_str(c->scrapes[0]->http.tls.ca_file.data, "/srv/m/ca.pem",
           "files of TLS, too");
    is_int(c->global.external_labels.n, 1, "an empty variable, no label");
    is_str(c->global.external_labels.l[0].value.data, "a-h1-$",
           "variables are expanded");
    is_int(c->nwarnings, 1, "an empty variable is warned of");
    phr_prometheus_yml_destroy(c);
}


static void
test_refused(void)
{
    refused("global:\n  scrape_intervall: 5s\n", 2, 3, "not found");
    refused("global: {scrape_interval: 5}\n", 1, 27, "valid duration");
    refused("global: {scrape_interval: 5s, scrape_timeout: 6s}", 1, 47,
            "greater than scrape interval");
    refused("scrape_configs:\n- {}\n", 2, 3, "\"job_name\"");
    refused(JOB "}, {job_name: a}]", 1, 44, "multiple scrape configs");
    refused(JOB ", honor_labels: maybe}]", 1, 46, "true or false");
    refused(JOB ", sample_limit: -1}]", 1, 46, "at least 0");
    refused(JOB ", basic_auth: {password: a, password_file: b}}]", 1, 73,
            "at most one of");
    refused(JOB ", relabel_configs: [{action: bad}]}]", 1, 59,
            "unknown relabel action");
    refused(JOB ", relabel_configs: [{regex: '('}]}]", 1, 58, "regexp");
    refused(JOB ", relabel_configs: [null]}]", 1, 50, "empty or null");
    refused(JOB ", static_configs: [{targets: ['http://x']}]}]", 1, 48,
            "not a valid hostname");
    refused(JOB ", file_sd_configs: [{files: [x.txt]}]}]", 1, 58,
            "not valid for file discovery");
    refused("rule_files: ['a/*/b.yml']", 1, 13, "invalid rule file path");
    refused("a: 1\nb", 3, 1, "yaml");
    refused("scrape_configs: 5", 1, 17, "must be a list");
    refused(JOB ", (other discoveries): 1}]", 1, 32, "not found");
}


static void
test_dump(void)
{
    phr_buf_t              b;
    phr_prometheus_yml_t  *c, *again;

    c = parse_with(NULL,
        JOB ", basic_auth: {username: u, password: topsecret},\n"
        "  proxy_url: 'http://p:hidden@h/', params: {m: [x]},\n"
        "  http_headers: {X: {secrets: [topsecret]}},\n"
        "  consul_sd_configs: [{server: s, token: topsecret}],\n"
        "  relabel_configs: [{source_labels: [a, b], target_label: c}],\n"
        "  static_configs: [{targets: ['h:1']}]}]\n"
        "remote_write: [{url: 'http://u:hidden@w/'}]\n");

    phr_buf_init(&b, 0);
    phr_prometheus_yml_dump(c, &b);

    ok(strstr(phr_buf_cstr(&b), "topsecret") == NULL
       && strstr(phr_buf_cstr(&b), "hidden") == NULL, "no secret is written");
    ok(strstr(phr_buf_cstr(&b), "    password: <secret>\n") != NULL,
       "but that there is one");
    ok(strstr(phr_buf_cstr(&b), "  scrape_interval: 1m\n") != NULL,
       "defaults are written");
    ok(strstr(phr_buf_cstr(&b), "  - source_labels: [a, b]\n"
              "    separator: ;\n    target_label: c\n"
              "    replacement: $1\n    action: replace\n") != NULL,
       "relabel rules as the genuine program writes them");

    again = parse_with(NULL, phr_buf_cstr(&b));
    is_int(again->nscrapes, 1, "what is written can be read");

    phr_prometheus_yml_destroy(again);
    phr_prometheus_yml_destroy(c);
    phr_buf_free(&b);
}


int
main(void)
{
    test_defaults();
    test_paths();
    test_refused();
    test_dump();

    return done_testing();
}
