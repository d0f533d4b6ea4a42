/*
 * Copyright (C) The Pharos Authors
 *
 * Settings: alertmanager.yml: matchers in both forms, inheritance, time
 * intervals, what is refused.
 */

#include "settings/alertmanager_yml.h"

#include "core/time.h"
#include "tap.h"


#define TOP  "receivers: [{name: r}]\n"


static phr_arena_t  *arena;


/* matchers as "name|op|value name|op|value"; NULL: refused */
static void
matchers(const char *text, const char *want)
{
    int             rc;
    size_t          i;
    phr_err_t       err;
    phr_buf_t       b;
    phr_matchers_t  ms;

    rc = phr_matchers_parse(arena, phr_str_from_c(text), &ms, &err);

    if (want == NULL || rc != PHR_OK) {
        ok(want == NULL && rc == PHR_EPARSE, "%s is refused", text);
        return;
    }

    phr_buf_init(&b, 0);

    for (i = 0; i < ms.n; i++) {
        phr_buf_puts(&b, i ? " " : "");
        phr_buf_str(&b, ms.m[i].name);
        phr_buf_printf(&b, "|%s|", phr_match_op_text(ms.m[i].op));
        phr_buf_str(&b, ms.m[i].value);
        phr_matcher_destroy(&ms.m[i]);
    }

    is_str(phr_buf_cstr(&b), want, "%s", text);
    phr_buf_free(&b);
}


static void
test_matchers(void)
{
    matchers("a=b", "a|=|b");
    matchers("{b!=\"x\", a=~\"y.*\"}", "a|=~|y.* b|!=|x");
    matchers(" a = b c ", "a|=|b c");
    matchers("a=\"x,y\",b=z", "a|=|x,y b|=|z");
    matchers("a=\"x\\\"y\\nz\"", "a|=|x\"y\nz");
    matchers("a=~\"\\d+\"", "a|=~|\\d+");
    matchers("a=", "a|=|");
    matchers("{}", "");
    matchers("a=b,", "a|=|b");
    matchers("\"a b\"=c", "a b|=|c");
    matchers("\"\\u00fc.x\"!~\"a\"", "\xc3\xbc.x|!~|a");
    matchers("\xc3\xbc=c", "\xc3\xbc|=|c");
    matchers("a", NULL);
    matchers("a=\"b", NULL);
    matchers("a==~b\"c\"", NULL);
    matchers("a=~\"(\"", NULL);
    matchers("\"a b\"=c}", NULL);
}


static phr_alertmanager_yml_t *
parse(const char *text)
{
    phr_err_t                err;
    phr_alertmanager_yml_t  *conf;

    if (phr_alertmanager_yml_parse(phr_str_from_c(text), "/etc/am/am.yml",
                                   NULL, &conf, &err) != PHR_OK)
    {
        printf("Bail out! line %u: %s\n", err.line, err.text);
        exit(1);
    }

    return conf;
}


static void
test_routes(void)
{
    phr_route_conf_t        *r;
    phr_alertmanager_yml_t  *c;

    c = parse("route:\n"
              "  receiver: a\n"
              "  group_by: [z, b]\n"
              "  group_wait: 1s\n"
              "  routes:\n"
              "  - match: {x: y}\n"
              "    match_re: {c: 'd|e'}\n"
              "    matchers: ['b=1']\n"
              "    routes: [{group_by: [], repeat_interval: 1h}]\n"
              "  - receiver: b\n"
              "    group_by: ['...']\n"
              "receivers:\n"
              "- name: a\n"
              "- name: b\n"
              "  webhook_configs:\n"
              "  - {url: 'http://x/{{ .y }}', max_alerts: 3, timeout: 1m30s}\n"
              "  - {url: http://y/, send_resolved: false,\n"
              "     http_config: {basic_auth: {username: u}}}\n"
              "  slack_configs: [{api_url: 'https://s/'}]\n"
              "templates: [t/*.tmpl]\n");

    is_int(c->nroutes, 4, "routes are counted");
    is_str(c->route->group_by.s[0].data, "b", "group_by is sorted");
    is_int(c->route->group_interval_ms, 300000, "default group_interval");

    r = c->route->routes[0];
    is_int(r->matchers.n, 3, "old and new spellings are one list");
    is_str(r->matchers.m[0].name.data, "b", "which is sorted");
    is_str(r->matchers.m[1].value.data, "^(?:d|e)$", "with anchored regexes");
    is_str(r->receiver.data, "a", "the receiver is inherited");
    is_int(r->group_wait_ms, 1000, "group_wait is, too");
    is_int(r->group_by.n, 2, "and group_by");
    is_int(r->routes[0]->group_by.n, 0, "an empty list is one");
    is_int(r->routes[0]->repeat_interval_ms, 3600000, "own repeat_interval");
    is_int(c->route->routes[1]->group_by_all, 1, "all labels");

    is_int(c->receivers[1]->nintegrations, 3, "integrations");
    is_int(c->receivers[1]->integrations[0].webhook->timeout_ms, 90000,
           "durations in Go's form");
    is_int(c->receivers[1]->integrations[0].send_resolved, 1,
           "webhooks tell the end");
    is_int(c->receivers[1]->integrations[1].index, 1, "index in its kind");
    ok(c->receivers[1]->integrations[1].http->basic_auth != NULL
       && c->receivers[1]->integrations[0].http == c->http,
       "own and global http_config");
    is_int(c->receivers[1]->integrations[2].send_resolved, 0,
           "Slack does not");
    is_int(c->nwarnings, 1, "a receiver that is not active is warned of");
    is_str(c->templates.s[0].data, "/etc/am/t/*.tmpl", "templates");

    phr_alertmanager_yml_destroy(c);
}


static void
test_intervals(void)
{
    size_t                       i;
    int64_t                      t_ms;
    const phr_named_interval_t  *ni;
    phr_alertmanager_yml_t      *c;

    static const struct {
        const char  *time;
        int          inside;
    } cases[] = {
        { "2024-03-04T09:00:00Z", 1 },      /* Monday */
        { "2024-03-04T08:59:59Z", 0 },
        { "2024-03-08T16:59:00Z", 1 },
        { "2024-03-08T17:00:00Z", 0 },      /* the end is outside */
        { "2024-03-09T12:00:00Z", 0 },      /* Saturday */
        { "2024-02-29T23:00:00Z", 1 },      /* the last of the month */
        { "2024-02-28T23:00:00Z", 0 },
        { "2023-02-28T23:00:00Z", 0 },      /* another year */
    };

    c = parse("route: {receiver: r}\n" TOP
              "time_intervals:\n"
              "- name: n\n"
              "  time_intervals:\n"
              "  - times: [{start_time: '09:00', end_time: '17:00'}]\n"
              "    weekdays: ['monday:friday']\n"
              "    months: ['march:april', 12]\n"
              "  - days_of_month: ['-1']\n"
              "    years: ['2024:2025']\n"
              "mute_time_intervals:\n"
              "- {name: m, time_intervals: [{location: Europe/Berlin,\n"
              "   times: [{start_time: '12:00', end_time: '24:00'}]}]}\n");

    ni = phr_alertmanager_yml_interval(c, phr_str_of("n"));

    for (i = 0; i < phr_nelems(cases); i++) {
        (void) phr_rfc3339_parse(cases[i].time, strlen(cases[i].time), &t_ms);
        is_int(phr_named_interval_contains(ni, t_ms), cases[i].inside, "%s",
               cases[i].time);
    }

    ni = phr_alertmanager_yml_interval(c, phr_str_of("m"));
    (void) phr_rfc3339_parse("2024-07-01T10:00:00Z", 20, &t_ms);
    is_int(phr_named_interval_contains(ni, t_ms), 1, "summer time");
    (void) phr_rfc3339_parse("2024-01-01T10:30:00Z", 20, &t_ms);
    is_int(phr_named_interval_contains(ni, t_ms), 0, "winter time");
    (void) phr_rfc3339_parse("2060-07-01T10:00:00Z", 20, &t_ms);
    is_int(phr_named_interval_contains(ni, t_ms), 1,
           "summer time after the last time of the file");

    phr_alertmanager_yml_destroy(c);
}


static void
refused(const char *text, const char *words)
{
    int                      rc;
    phr_err_t                err;
    phr_alertmanager_yml_t  *conf;

    phr_err_init(&err);
    rc = phr_alertmanager_yml_parse(phr_str_from_c(text), "a.yml", NULL,
                                    &conf, &err);

    if (rc == PHR_OK) {
        phr_alertmanager_yml_destroy(conf);
    }

    if (!ok(rc < 0 && strstr(err.text, words) != NULL, "refused: %s", words))
    {
        printf("#   got %d, %s\n", rc, err.text);
    }
}


static void
test_refused(void)
{
    refused("", "no route");
    refused(TOP "route: {}", "default receiver");
    refused(TOP "route: {receiver: x}", "undefined receiver");
    refused(TOP "route: {receiver: r, match: {a: b}}", "any matchers");
    refused(TOP "route: {receiver: r, continue: true}", "continue");
    refused(TOP "route: {receiver: r, group_by: ['...', a]}", "wildcard");
    refused(TOP "route: {receiver: r, group_by: [a, a]}", "duplicated");
    refused(TOP "route: {receiver: r, group_interval: 0s}", "zero");
    refused(TOP "route: {receiver: r, routes: [{mute_time_intervals: [x]}]}",
            "undefined time interval");
    refused("receivers: [{name: r}, {name: r}]\nroute: {receiver: r}",
            "not unique");
    refused("receivers: [{name: r, webhook_configs: [{url: '${X}'}]}]\n"
            "route: {receiver: r}", "scheme");
    refused("receivers: [{name: r, webhook_configs: [{}]}]\n"
            "route: {receiver: r}", "one of url or url_file");
    refused("receivers: [{name: r, email_configs: [{to: a}]}]\n"
            "route: {receiver: r}", "smarthost");
    refused("receivers: [{name: r, telegram_configs: [{chat_id: '1'}]}]\n"
            "route: {receiver: r}", "a whole number");
    refused(TOP "route: {receiver: r}\nglobal: {smtp_smarthost: x}",
            "missing port");
    refused(TOP "route: {receiver: r}\ntime_intervals: [{name: n,\n"
            "time_intervals: [{times: [{start_time: '17:01',\n"
            "end_time: '08:59'}]}]}]", "start time");
    refused(TOP "route: {receiver: r}\ntime_intervals: [{name: n,\n"
            "time_intervals: [{location: Nowhere/At_All}]}]", "time zone");
    refused(TOP "route: {receiver: r}\nexternal_url: x", "not found");
}


int
main(void)
{
    phr_buf_t                b;
    phr_alertmanager_yml_t  *c;

    arena = phr_arena_create(0);

    test_matchers();
    test_routes();
    test_intervals();
    test_refused();

    c = parse("route: {receiver: r}\n"
              "global: {slack_api_url: 'https://s/hidden'}\n"
              "receivers: [{name: r, webhook_configs: [\n"
              "  {url: 'http://hidden/',\n"
              "  http_config: {bearer_token: hidden}}]}]\n");
    phr_buf_init(&b, 0);
    phr_alertmanager_yml_dump(c, &b);
    ok(strstr(phr_buf_cstr(&b), "hidden") == NULL, "no secret is written");
    ok(strstr(phr_buf_cstr(&b), "slack_api_url: <secret>") != NULL,
       "but that there is one");
    phr_buf_free(&b);
    phr_alertmanager_yml_destroy(c);
    phr_arena_destroy(arena);

    return done_testing();
}
