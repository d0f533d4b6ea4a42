/*
 * Copyright (C) The Pharos Authors
 *
 * Notify: when what is told to whom, in simulated time.
 */

#include "notify/dispatch.h"

#include "core/alloc.h"
#include "core/map.h"
#include "tap.h"


#define S  1000LL

static const char  yml[] =
    "route:\n"
    "  receiver: all\n"
    "  group_by: [job]\n"
    "  group_wait: 10s\n"
    "  group_interval: 60s\n"
    "  repeat_interval: 10m\n"
    "  routes:\n"
    "    - matchers: ['team=\"web\"']\n"
    "      receiver: quiet\n"
    "      group_by: ['...']\n"
    "receivers:\n"
    "  - name: all\n"
    "    webhook_configs: [{url: 'http://a/'}]\n"
    "  - name: quiet\n"
    "    webhook_configs: [{url: 'http://b/', send_resolved: false}]\n"
    "inhibit_rules:\n"
    "  - source_match: {severity: critical}\n"
    "    target_match: {severity: warning}\n"
    "    equal: [job]\n";


static phr_alertmanager_yml_t  *conf;
static phr_dispatch_t          *d;
static phr_array_t              due;
static phr_arena_t             *arena;
static phr_map_t               *records;
static uint64_t                 flying[16];
static size_t                   nflying;


static void
start(void)
{
    d = phr_dispatch_create();
    phr_array_init(&due, sizeof(phr_notice_t *));
}


static void
stop(void)
{
    phr_dispatch_destroy(d);
    phr_array_free(&due);
    nflying = 0;
}


/* labels as "name=value,name=value", in order */
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
put(const char *text, int64_t starts_ms, int64_t ends_ms, int64_t now_ms)
{
    phr_notice_alert_t  a;

    memset(&a, 0, sizeof(a));
    a.labels = labels(text);
    a.starts_ms = starts_ms;
    a.ends_ms = ends_ms;

    if (phr_dispatch_put(d, &a, now_ms, NULL) != PHR_OK) {
        ok(0, "put %s", text);
    }
}


/* how many notices are due; they are in due */
static size_t
run(int64_t now_ms)
{
    size_t  i;

    due.nelts = 0;

    if (phr_dispatch_run(d, NULL, now_ms, &due, NULL) != PHR_OK) {
        ok(0, "run");
    }

    for (i = 0; i < due.nelts && nflying < 16; i++) {
        flying[nflying++] = (*phr_array_get(&due, phr_notice_t *, i))->id;
    }

    return due.nelts;
}


static const phr_notice_t *
notice(size_t i)
{
    return *phr_array_get(&due, const phr_notice_t *, i);
}


static void
sent(int rc, int64_t now_ms)
{
    while (nflying > 0) {
        phr_dispatch_result(d, flying[--nflying], rc, now_ms);
    }
}


static int
keep(void *data, phr_str_t key, phr_str_t value)
{
    phr_str_t  *copy;

    copy = phr_map_delete(records, key);
    phr_free(copy);

    if (value.data == NULL) {
        return PHR_OK;
    }

    copy = phr_malloc(sizeof(phr_str_t) + value.len);
    copy->data = (char *) (copy + 1);
    copy->len = value.len;
    memcpy(copy + 1, value.data, value.len);

    return phr_map_set(records, key, copy);
}


static int
lose(void *data, phr_str_t key, phr_str_t value)
{
    return PHR_OK;
}


static void
forget(void)
{
    void       *value;
    size_t      pos;
    phr_str_t   key;

    for (pos = 0; phr_map_next(records, &pos, &key, &value); ) {
        phr_free(value);
    }

    phr_map_destroy(records);
}


/* what was kept is all that a new process knows */
static void
die_and_restart(int64_t now_ms)
{
    void       *value;
    size_t      pos;
    phr_err_t   err;
    phr_str_t   key;

    stop();
    start();

    for (pos = 0; phr_map_next(records, &pos, &key, &value); ) {
        if (phr_dispatch_restore(d, key, *(phr_str_t *) value, now_ms, &err)
            != PHR_OK)
        {
            ok(0, "restore: %s", err.text);
        }
    }

    phr_dispatch_configure(d, conf, now_ms, NULL);
}


static void
test_life(void)
{
    start();
    phr_dispatch_configure(d, conf, 0, NULL);

    is_int(phr_dispatch_next(d), PHR_TIME_MAX, "nothing to do at first");

    put("alertname=A,job=x", 1000 * S, 9000 * S, 1000 * S);
    is_int(run(1000 * S), 0, "group_wait is waited");
    is_int(phr_dispatch_next(d), 1010 * S, "until then");

    put("alertname=B,job=x", 1005 * S, 9000 * S, 1005 * S);
    is_int(run(1010 * S), 1, "one notification of both alerts");
    is_int(notice(0)->nalerts, 2, "both are in it");
    is_int(notice(0)->reason, PHR_REASON_FIRST, "it is the first");
    is_str(notice(0)->group_key.data, "{}:{job=\"x\"}", "group key");
    is_int(run(1070 * S), 0, "no flush while it is being sent");
    sent(PHR_OK, 1071 * S);

    is_int(run(1075 * S), 0, "nothing new: nothing is told");

    put("alertname=C,job=x", 1080 * S, 9000 * S, 1080 * S);
    is_int(run(1100 * S), 0, "a new alert waits for group_interval");
    is_int(run(1200 * S), 1, "then it is told");
    is_int(notice(0)->reason, PHR_REASON_NEW_ALERTS, "as a new one");
    sent(PHR_OK, 1200 * S);

    put("alertname=C,job=x", 1080 * S, 1210 * S, 1210 * S);
    is_int(run(1300 * S), 1, "a resolved alert is told");
    is_int(notice(0)->reason, PHR_REASON_SOME_RESOLVED, "as resolved");
    is_int(notice(0)->nalerts, 3, "with those that fire");
    sent(PHR_OK, 1300 * S);

    is_int(run(1400 * S), 0, "only once");
    is_int(run(1899 * S), 0, "before repeat_interval all is quiet");
    is_int(run(1960 * S), 1, "after it all is told again");
    is_int(notice(0)->nalerts, 2, "without what was resolved");
    is_int(notice(0)->reason, PHR_REASON_REPEAT, "as a repetition");
    sent(PHR_OK, 1960 * S);

    put("alertname=A,job=x", 1000 * S, 1970 * S, 1970 * S);
    put("alertname=B,job=x", 1000 * S, 1970 * S, 1970 * S);
    is_int(run(2100 * S), 1, "all resolved");
    is_int(notice(0)->reason, PHR_REASON_ALL_RESOLVED, "is told as such");
    is_int(phr_notice_firing(notice(0)), 0, "with the status resolved");
    sent(PHR_OK, 2100 * S);
    is_int(phr_dispatch_next(d), PHR_TIME_MAX, "and the group is gone");

    stop();
}


static void
test_failure(void)
{
    start();
    phr_dispatch_configure(d, conf, 0, NULL);

    put("alertname=A,job=x", 1000 * S, 9000 * S, 1020 * S);
    is_int(run(1020 * S), 1, "an old alert is told at once");
    sent(PHR_AGAIN, 1021 * S);
    is_int(phr_dispatch_next(d), 1021 * S + 500, "a retry is due soon");
    is_int(run(1021 * S + 400), 0, "not before");
    is_int(run(1021 * S + 500), 1, "but then");
    is_int(notice(0)->attempt, 2, "as the second attempt");
    sent(PHR_AGAIN, 1022 * S);
    is_int(phr_dispatch_next(d), 1022 * S + 750, "the next is later");
    (void) run(1023 * S);
    sent(PHR_ERROR, 1024 * S);
    is_int(run(1030 * S), 0, "what never works is not retried");
    is_int(run(1080 * S), 1, "but told at the next flush");
    is_int(notice(0)->reason, PHR_REASON_FIRST, "still as the first");
    sent(PHR_OK, 1080 * S);

    phr_dispatch_result(d, 999, PHR_OK, 1080 * S);
    ok(1, "an unknown id is ignored");

    stop();
}


static void
test_routes(void)
{
    start();
    phr_dispatch_configure(d, conf, 0, NULL);

    put("alertname=W,severity=warning,job=x", 1000 * S, 9000 * S, 1020 * S);
    put("alertname=C,severity=critical,job=x", 1000 * S, 9000 * S, 1020 * S);
    put("alertname=V,severity=warning,job=y", 1000 * S, 9000 * S, 1020 * S);
    is_int(run(1020 * S), 2, "a notification for each group");
    is_int(notice(0)->nalerts + notice(1)->nalerts, 2,
           "the inhibited alert is not told");
    sent(PHR_OK, 1020 * S);

    put("alertname=T,team=web", 1200 * S, 9000 * S, 1300 * S);
    is_int(run(1300 * S), 1, "the route of a team");
    is_str(notice(0)->receiver->name.data, "quiet", "has its receiver");
    is_str(notice(0)->group_key.data,
           "{}/{team=\"web\"}:{alertname=\"T\", team=\"web\"}",
           "and groups by all labels");
    sent(PHR_OK, 1300 * S);

    put("alertname=T,team=web", 1200 * S, 1310 * S, 1310 * S);
    is_int(run(1400 * S), 0, "send_resolved: false tells no end");

    stop();
}


/* the clock is set while alerts wait, fire and are repeated */
static void
test_shift(int64_t by)
{
    records = phr_map_create();
    start();
    phr_dispatch_configure(d, conf, 0, NULL);

    put("alertname=A,job=x", 1000 * S, 1240 * S, 1000 * S);
    phr_dispatch_shift(d, by);
    is_int(run(1009 * S + by), 0, "the wait goes on");
    is_int(run(1010 * S + by), 1, "and ends when it is over");
    sent(PHR_OK, 1010 * S + by);

    phr_dispatch_shift(d, -by);
    is_int(run(1071 * S), 0, "nothing is told twice");
    put("alertname=B,job=x", 1080 * S, 1320 * S, 1080 * S);
    phr_dispatch_shift(d, by);
    is_int(run(1131 * S + by), 1, "a new alert waits for its group alone");
    is_int((int) notice(0)->nalerts, 2, "none was resolved by the step");
    sent(PHR_OK, 1131 * S + by);

    /* it dies, and the clock is set back before the start */

    phr_dispatch_changes(d, keep, NULL);
    die_and_restart(900 * S + by);
    put("alertname=C,job=x", 901 * S + by, 9000 * S + by, 901 * S + by);
    is_int(run(960 * S + by), 1, "not after the old time has come again");
    sent(PHR_OK, 960 * S + by);

    stop();
}


static void
test_death(void)
{
    records = phr_map_create();
    start();
    phr_dispatch_configure(d, conf, 0, NULL);

    put("alertname=A,job=x", 1000 * S, 9000 * S, 1000 * S);
    phr_dispatch_changes(d, keep, NULL);

    die_and_restart(1005 * S);
    is_int(run(1015 * S), 1, "death in group_wait loses no alert");
    phr_dispatch_changes(d, keep, NULL);
    sent(PHR_OK, 1015 * S);
    phr_dispatch_changes(d, keep, NULL);

    die_and_restart(1016 * S);
    put("alertname=A,job=x", 1000 * S, 9000 * S, 1017 * S);
    is_int(run(1030 * S), 0, "what was told is not told again");

    put("alertname=B,job=x", 1020 * S, 9000 * S, 1031 * S);
    phr_dispatch_changes(d, keep, NULL);
    die_and_restart(1032 * S);
    is_int(run(1074 * S), 0, "the interval is kept over a death");
    is_int(run(1075 * S), 1, "then the new alert is told");

    /* dies between sending and keeping the result */

    phr_dispatch_changes(d, keep, NULL);
    die_and_restart(1077 * S);
    is_int(run(1078 * S), 0, "what may have been told is left alone");
    is_int(run(1134 * S), 0, "for group_interval");
    is_int(run(1136 * S), 1, "then it is told, rather than lost");
    phr_dispatch_changes(d, keep, NULL);
    sent(PHR_OK, 1136 * S);

    put("alertname=A,job=x", 1000 * S, 1140 * S, 1140 * S);
    put("alertname=B,job=x", 1020 * S, 1140 * S, 1140 * S);
    phr_dispatch_changes(d, keep, NULL);
    die_and_restart(1150 * S);
    is_int(run(1210 * S), 1, "an end before a death is told after it");
    is_int(notice(0)->reason, PHR_REASON_ALL_RESOLVED, "as all resolved");
    sent(PHR_OK, 1210 * S);
    phr_dispatch_changes(d, keep, NULL);

    die_and_restart(1250 * S);
    is_int(run(1300 * S), 0, "and nothing remains");
    is_int(phr_map_count(records), 1, "but the entry of the log");

    put("alertname=A,job=x", 1300 * S, 9000 * S, 1300 * S);
    phr_dispatch_changes(d, lose, NULL);
    phr_dispatch_keep_again(d);
    phr_dispatch_changes(d, keep, NULL);
    is_int(phr_map_count(records), 2, "what could not be kept comes again");

    stop();
}


static void
test_reload(void)
{
    start();
    phr_dispatch_configure(d, conf, 0, NULL);

    put("alertname=A,job=x", 1000 * S, 9000 * S, 1020 * S);
    (void) run(1020 * S);
    phr_dispatch_configure(d, conf, 1021 * S, NULL);
    is_int(run(1025 * S), 0, "what is being sent is not told by new groups");
    phr_dispatch_result(d, 1, PHR_OK, 1030 * S);
    is_int(run(1090 * S), 0, "its result counts for them");

    put("alertname=B,job=x", 1000 * S, 9000 * S, 1091 * S);
    nflying = 0;
    is_int(run(1200 * S), 1, "and the new groups go on");
    sent(PHR_AGAIN, 1200 * S);
    phr_dispatch_configure(d, conf, 1200 * S + 100, NULL);
    is_int(run(1300 * S), 1, "a retry is taken over");
    sent(PHR_OK, 1300 * S);

    stop();
}


int
main(void)
{
    phr_err_t   err;

    arena = phr_arena_create(0);

    if (phr_alertmanager_yml_parse(phr_str_of(yml), "alertmanager.yml", NULL,
                                   &conf, &err) != PHR_OK)
    {
        printf("Bail out! %s\n", err.text);
        return 1;
    }

    test_life();
    test_failure();
    test_routes();
    test_shift(-3600 * S);
    forget();
    test_shift(86400 * S);
    forget();
    test_death();
    test_reload();

    forget();
    phr_alertmanager_yml_destroy(conf);
    phr_arena_destroy(arena);

    return done_testing();
}
