/*
 * Copyright (C) The Pharos Authors
 *
 * Notify: fingerprints, group keys, the webhook's JSON, silences,
 * inhibition and routes.
 */

#include "notify/inhibit.h"
#include "notify/notice.h"
#include "notify/route.h"
#include "notify/silence.h"

#include "tap.h"


static phr_arena_t  *arena;


static phr_labels_t
labels(const char *text)
{
    const char            *eq, *end;
    phr_labels_t           ls;
    phr_labels_builder_t   b;

    ls.l = NULL;
    ls.n = 0;
    phr_labels_builder_init(&b, arena, ls);

    while (*text != '\0') {
        eq = strchr(text, '=');
        end = strchr(text, ',');
        end = end ? end : text + strlen(text);

        phr_labels_builder_set(&b, phr_str_from(text, (size_t) (eq - text)),
                               phr_str_from(eq + 1,
                                            (size_t) (end - eq - 1)));
        text = *end ? end + 1 : end;
    }

    (void) phr_labels_build(&b, &ls);

    return ls;
}


static void
test_json(void)
{
    phr_buf_t               b;
    phr_pair_t              route_label;
    phr_notice_t            n;
    phr_receiver_t          receiver;
    phr_route_conf_t        root;
    phr_notice_alert_t      alerts[3];

    memset(&n, 0, sizeof(n));
    memset(&receiver, 0, sizeof(receiver));
    memset(&root, 0, sizeof(root));
    memset(alerts, 0, sizeof(alerts));

    alerts[0].labels = labels("alertname=A,job=x,n=2");
    alerts[0].annotations = labels("summary=s");
    alerts[0].starts_ms = 1700000000123LL;
    alerts[0].generator_url = phr_str_of("http://g/");
    alerts[1].labels = labels("alertname=A,job=x,n=1");
    alerts[1].annotations = labels("summary=s,other=o");
    alerts[1].starts_ms = 1700000000000LL;
    alerts[1].ends_ms = 1700000060000LL;
    alerts[2].labels = labels("alertname=A,job=w");

    phr_notice_sort(alerts, 3);
    is_str(alerts[0].labels.l[1].value.data, "w", "sorted by job");
    alerts[0] = alerts[1];
    alerts[1] = alerts[2];

    receiver.name = phr_str_of("team.x");
    n.receiver = &receiver;
    n.route = &root;
    n.reason = PHR_REASON_NEW_ALERTS;
    n.group_labels = labels("job=x");
    n.alerts = alerts;
    n.nalerts = 2;

    phr_buf_init(&b, 0);
    phr_group_key(&b, &root, n.group_labels);
    n.group_key = phr_arena_str(arena, phr_buf_view(&b));
    phr_buf_reset(&b);

    route_label.name = phr_str_of("r");
    route_label.value = phr_str_of("v");

    is_int(phr_notice_json(&n, phr_str_of("http://am"), &route_label, 1, 0,
                           arena, &b), PHR_OK, "JSON is made");
    is_str(phr_buf_cstr(&b),
           "{\"receiver\":\"team\\\\.x\",\"status\":\"firing\",\"alerts\":["
           "{\"status\":\"resolved\",\"labels\":{\"alertname\":\"A\","
           "\"job\":\"x\",\"n\":\"1\"},\"annotations\":{\"other\":\"o\","
           "\"summary\":\"s\"},\"startsAt\":\"2023-11-14T22:13:20Z\","
           "\"endsAt\":\"2023-11-14T22:14:20Z\",\"generatorURL\":\"\","
           "\"fingerprint\":\"658da55ce98e4815\"},"
           "{\"status\":\"firing\",\"labels\":{\"alertname\":\"A\","
           "\"job\":\"x\",\"n\":\"2\"},\"annotations\":{\"summary\":\"s\"},"
           "\"startsAt\":\"2023-11-14T22:13:20.123Z\","
           "\"endsAt\":\"0001-01-01T00:00:00Z\","
           "\"generatorURL\":\"http://g/\","
           "\"fingerprint\":\"6599a55ce99a029a\"}],"
           "\"notification_reason\":\"new alerts added\","
           "\"groupLabels\":{\"job\":\"x\"},"
           "\"commonLabels\":{\"alertname\":\"A\",\"job\":\"x\"},"
           "\"commonAnnotations\":{\"summary\":\"s\"},"
           "\"routeLabels\":{\"r\":\"v\"},\"externalURL\":\"http://am\","
           "\"version\":\"4\",\"groupKey\":\"{}:{job=\\\"x\\\"}\","
           "\"truncatedAlerts\":0}\n", "members and order");

    phr_buf_reset(&b);
    (void) phr_notice_json(&n, phr_str_of(""), NULL, 0, 1, arena, &b);
    ok(strstr(phr_buf_cstr(&b), "\"truncatedAlerts\":1") != NULL
       && strstr(phr_buf_cstr(&b), "\"status\":\"resolved\",\"alerts\"")
          != NULL, "max_alerts cuts, and the status is that of the rest");
    phr_buf_free(&b);
}


static int
keep(void *data, phr_str_t key, phr_str_t value)
{
    return phr_silences_restore(data, key, value, NULL);
}


static void
test_silences(void)
{
    char             first[PHR_SILENCE_ID_LEN + 1];
    uint8_t          random[16];
    const char      *id;
    phr_silence_t    s;
    phr_silences_t  *ss, *again;

    memset(random, 7, sizeof(random));
    memset(&s, 0, sizeof(s));
    ss = phr_silences_create();
    again = phr_silences_create();

    (void) phr_matchers_parse(arena, phr_str_of("job=~\"x|y\""), &s.matchers,
                              NULL);
    s.starts_ms = 1000;
    s.ends_ms = 2000;
    s.created_by = phr_str_of("me");

    is_int(phr_silences_set(ss, &s, random, 500, &id, NULL), PHR_OK, "set");
    is_str(id, "07070707-0707-4707-8707-070707070707", "a UUID is its id");
    memcpy(first, id, sizeof(first));

    is_int(phr_silences_match(ss, labels("job=x"), 900, NULL, 0), 0,
           "pending: does not silence");
    is_int(phr_silences_match(ss, labels("job=x"), 1000, NULL, 0), 1,
           "active: does");
    is_int(phr_silences_match(ss, labels("job=z"), 1000, NULL, 0), 0,
           "but not what does not match");
    is_int(phr_silences_match(ss, labels("job=x"), 2000, NULL, 0), 0,
           "expired: does not");

    memcpy(s.id, first, sizeof(first));
    s.ends_ms = 3000;
    is_int(phr_silences_set(ss, &s, random, 1500, &id, NULL), PHR_OK,
           "a change");
    is_str(id, first, "of the end keeps the id");
    is_int(phr_silences_count(ss), 1, "and makes no other");

    is_int(phr_silences_changes(ss, keep, again), PHR_OK, "records");
    is_int(phr_silences_match(again, labels("job=y"), 2500, NULL, 0), 1,
           "are read back");
    is_str(phr_silences_get(again, first)->created_by.data, "me",
           "with all that was in them");

    phr_matcher_destroy(&s.matchers.m[0]);
    (void) phr_matchers_parse(arena, phr_str_of("job=q"), &s.matchers, NULL);
    random[0] = 1;
    is_int(phr_silences_set(ss, &s, random, 1600, &id, NULL), PHR_OK,
           "other matchers");
    ok(strcmp(id, first) != 0, "make another silence");
    is_int(phr_silence_state(phr_silences_get(ss, first), 1600),
           PHR_SILENCE_EXPIRED, "and expire the old one");
    is_int(phr_silences_expire(ss, first, 1700, NULL), PHR_EINVAL,
           "which cannot be expired again");
    is_int(phr_silences_expire(ss, "x", 1700, NULL), PHR_ENOTFOUND,
           "nor what does not exist");

    (void) phr_matchers_parse(arena, phr_str_of("job=\"\""), &s.matchers,
                              NULL);
    s.id[0] = '\0';
    is_int(phr_silences_set(ss, &s, random, 1600, &id, NULL), PHR_EINVAL,
           "a silence of everything is refused");

    phr_silences_clean(ss, 1600 + PHR_SILENCE_KEEP_MS);
    is_int(phr_silences_count(ss), 1, "what expired long ago is forgotten");

    phr_silences_destroy(ss);
    phr_silences_destroy(again);
}


static void
test_inhibit_and_routes(void)
{
    size_t                     n;
    phr_err_t                  err;
    phr_str_t                  by;
    phr_inhibitor_t           *ih;
    phr_notice_alert_t         a[2];
    const phr_route_conf_t    *list[8];
    const phr_notice_alert_t  *alerts[2];
    phr_alertmanager_yml_t    *c;

    static const char  yml[] =
        "route:\n"
        "  receiver: r\n"
        "  routes:\n"
        "  - {matchers: [a=1], continue: true}\n"
        "  - matchers: [a=1]\n"
        "    routes: [{matchers: [b=2]}, {matchers: [b=3]}]\n"
        "  - {matchers: [a=~'.+'], mute_time_intervals: [always]}\n"
        "receivers: [{name: r}]\n"
        "time_intervals: [{name: always, time_intervals: [{}]}]\n"
        "inhibit_rules:\n"
        "- {source_matchers: [s=1], target_matchers: [t=1], equal: [e]}\n";

    if (phr_alertmanager_yml_parse(phr_str_of(yml), "a.yml", NULL, &c, &err)
        != PHR_OK)
    {
        ok(0, "%s", err.text);
        return;
    }

    n = phr_route_match(c->route, labels("a=1,b=3"), list, 8);
    is_int(n, 2, "continue goes on, a match without it ends");
    ok(list[0] == c->route->routes[0]
       && list[1] == c->route->routes[1]->routes[1], "the deepest matches");
    n = phr_route_match(c->route, labels("z=1"), list, 8);
    ok(n == 1 && list[0] == c->route, "the root takes the rest");
    n = phr_route_match(c->route, labels("a=1,b=9"), list, 8);
    ok(n == 2 && list[1] == c->route->routes[1],
       "a route takes what none of its children does");

    is_int(phr_route_muted(c, c->route->routes[2], 5, &by), 1, "muted");
    is_str(by.data, "always", "by an interval");
    is_int(phr_route_muted(c, c->route, 5, &by), 0, "not muted");

    memset(a, 0, sizeof(a));
    a[0].labels = labels("e=x,s=1");
    a[0].ends_ms = 1000;
    a[1].labels = labels("e=y,s=1,t=1");
    a[1].ends_ms = 1000;
    alerts[0] = &a[0];
    alerts[1] = &a[1];

    (void) phr_inhibitor_create(arena, c, alerts, 2, 500, &ih);
    ok(phr_inhibitor_find(ih, labels("e=x,t=1")) == &a[0], "inhibited");
    ok(phr_inhibitor_find(ih, labels("e=z,t=1")) == NULL,
       "not if \"equal\" differs");
    ok(phr_inhibitor_find(ih, labels("e=x,t=2")) == NULL, "not a target");
    ok(phr_inhibitor_find(ih, a[1].labels) == NULL, "not by itself");

    (void) phr_inhibitor_create(arena, c, alerts, 2, 1000, &ih);
    ok(phr_inhibitor_find(ih, labels("e=x,t=1")) == NULL,
       "not by what is resolved");

    phr_alertmanager_yml_destroy(c);
}


int
main(void)
{
    phr_labels_t  none;

    arena = phr_arena_create(0);
    none.l = NULL;
    none.n = 0;

    ok(phr_fingerprint(none) == 14695981039346656037ULL,
       "fingerprint of no labels");
    ok(phr_fingerprint(labels("a=b")) != phr_fingerprint(labels("a=c")),
       "fingerprints differ");

    test_json();
    test_silences();
    test_inhibit_and_routes();

    phr_arena_destroy(arena);

    return done_testing();
}
