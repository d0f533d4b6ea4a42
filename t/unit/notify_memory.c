/*
 * Copyright (C) The Pharos Authors
 *
 * Notify: whichever allocation fails, it is told as such, nothing leaks, and
 * once there is memory again everything is told.
 */

#include "notify/dispatch.h"

#include "core/alloc.h"
#include "tap.h"


static const char  yml[] =
    "route: {receiver: r, group_by: [g], routes: [{matchers: ['a=x']}]}\n"
    "receivers: [{name: r, webhook_configs: [{url: 'http://x/'},\n"
    "  {url: 'http://y/'}]}]\n"
    "inhibit_rules: [{source_match: {s: a}, target_match: {t: b}}]\n";

static phr_alertmanager_yml_t  *conf;
static phr_notice_alert_t       alerts[2];


static int
keep(void *data, phr_str_t key, phr_str_t value)
{
    if (value.data != NULL) {
        return phr_dispatch_restore(data, key, value, 0, NULL);
    }

    return PHR_OK;
}


/*
 * The life of two groups, with the nth allocation and all after it failing
 * in each step; tells how many notices came in the end.
 */
static size_t
life(long n)
{
    int              rc;
    size_t           i, told;
    phr_array_t      due;
    phr_dispatch_t  *d, *again;

    d = phr_dispatch_create();
    again = phr_dispatch_create();
    phr_array_init(&due, sizeof(phr_notice_t *));
    told = 0;

    (void) phr_dispatch_configure(d, conf, 0, NULL);

    for (i = 0; i < 2; i++) {
        phr_alloc_fail_at(n);
        rc = phr_dispatch_put(d, &alerts[i], 100000, NULL);
        phr_alloc_fail_at(-1);

        if (rc != PHR_OK && (rc != PHR_ENOMEM
            || phr_dispatch_put(d, &alerts[i], 100000, NULL) != PHR_OK))
        {
            told = 1000;
        }
    }

    phr_alloc_fail_at(n);
    rc = phr_dispatch_run(d, NULL, 200000, &due, NULL);
    phr_alloc_fail_at(-1);

    told += due.nelts;

    for (i = 0; i < due.nelts; i++) {
        phr_alloc_fail_at(n);
        phr_dispatch_result(d, (*phr_array_get(&due, phr_notice_t *, i))->id,
                            PHR_OK, 200000);
        phr_alloc_fail_at(-1);
    }

    phr_alloc_fail_at(n);
    rc = phr_dispatch_changes(d, keep, again);
    phr_alloc_fail_at(-1);

    /* an hour of flushes: whatever was left out comes now */

    for (i = 1; i <= 12; i++) {
        size_t  j;

        due.nelts = 0;
        (void) phr_dispatch_run(d, NULL, 200000 + (int64_t) i * 300000, &due,
                                NULL);
        told += due.nelts;

        for (j = 0; j < due.nelts; j++) {
            phr_dispatch_result(d,
                                (*phr_array_get(&due, phr_notice_t *, j))->id,
                                PHR_OK, 200000 + (int64_t) i * 300000);
        }
    }

    phr_array_free(&due);
    phr_dispatch_destroy(d);
    phr_dispatch_destroy(again);

    return told;
}


int
main(void)
{
    long          n;
    size_t        told, least, most;
    phr_err_t     err;

    static const phr_label_t  first[] = {
        { phr_str("a"), phr_str("x") }, { phr_str("g"), phr_str("1") }
    };
    static const phr_label_t  second[] = {
        { phr_str("g"), phr_str("2") }, { phr_str("t"), phr_str("b") }
    };

    if (phr_alertmanager_yml_parse(phr_str_of(yml), "a.yml", NULL, &conf,
                                   &err) != PHR_OK)
    {
        printf("Bail out! %s\n", err.text);
        return 1;
    }

    alerts[0].labels.l = first;
    alerts[0].labels.n = 2;
    alerts[1].labels.l = second;
    alerts[1].labels.n = 2;
    alerts[0].starts_ms = alerts[1].starts_ms = 1000;
    alerts[0].ends_ms = alerts[1].ends_ms = 100000000;

    least = 1000;
    most = 0;

    for (n = 1; n < 120; n++) {
        told = life(n);
        least = phr_min(least, told);
        most = phr_max(most, told);
    }

    ok(life(100000) == 4, "two groups, two receivers");
    ok(least >= 4, "nothing is lost for lack of memory");
    ok(most < 1000, "which is told as such");
    printf("# %zu to %zu\n", least, most);

    phr_alertmanager_yml_destroy(conf);

    return done_testing();
}
