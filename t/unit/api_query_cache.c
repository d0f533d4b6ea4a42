/*
 * Copyright (C) The Pharos Authors
 *
 * The cache of range queries: dashboards are refreshed over a store that is
 * written to in every way that there is (late, backfilled, deleted, by
 * series that come and go, with resets, gaps, stale markers and retention),
 * and each answer must be, byte by byte, that of an evaluation without it.
 */

#include "api/query_cache.h"

#include <math.h>

#include "api/api.h"
#include "onestore.h"


#define SCRAPE   INT64_C(15000)
#define MINUTE   INT64_C(60000)
#define HOUR     (60 * MINUTE)

#define START    (INT64_C(1700000100) * 1000)
#define ROUNDS   500
#define NSERIES  48

#define diag(...)  (printf("# " __VA_ARGS__), printf("\n"))


typedef struct {
    const char  *expr;
    int64_t      range_ms;
    int64_t      step_ms;
    const char  *more;
} panel_t;

/* a series of some metric, which lives for a while */
typedef struct {
    int       metric;
    unsigned  number;           /* in its labels; another one each life */
    int       alive;
    double    v;
} life_t;


static const panel_t  panels[] = {
    { "rate(req_total[5m])", HOUR, SCRAPE, "" },
    { "rate(req_total[5m])", HOUR, MINUTE, "" },
    { "rate(req_total[5m])", 3 * HOUR, MINUTE, "" },
    { "rate(req_total[2m])", HOUR, SCRAPE, "&limit=5" },
    { "sum(rate(req_total[5m]))", HOUR, SCRAPE, "" },
    { "sum by (job) (rate(req_total[1m]))", HOUR, 20000, "" },
    { "sum by (job) (rate(req_total[5m] offset 10m))", HOUR, MINUTE, "" },
    { "avg(load)", HOUR, SCRAPE, "" },
    { "stddev by (job) (load)", HOUR, SCRAPE, "" },
    { "topk(3, load)", HOUR, MINUTE, "" },
    { "topk(2, sum by (n) (load))", HOUR, MINUTE, "" },
    { "sum(sum by (n) (load))", HOUR, MINUTE, "" },
    { "topk(1, group by (job) (load))", HOUR, MINUTE, "" },
    { "quantile(0.9, load)", HOUR, MINUTE, "" },
    { "load", HOUR, SCRAPE, "&lookback_delta=40s" },
    { "load > 0.5", HOUR, SCRAPE, "" },
    { "count_values(\"v\", round(load))", HOUR, MINUTE, "" },
    { "load offset -5m", HOUR, MINUTE, "" },
    { "{job=\"a\"}", HOUR, MINUTE, "" },
    { "-{job=\"a\"}", HOUR, MINUTE, "" },
    { "increase({job=\"a\"}[5m])", HOUR, MINUTE, "" },
    { "sum(abs({job=\"b\"}))", HOUR, MINUTE, "" },
    { "max_over_time(load[10m])", HOUR, MINUTE, "" },
    { "avg_over_time(load[10m])", HOUR, 30000, "" },
    { "quantile_over_time(0.5, load[10m])", HOUR, MINUTE, "" },
    { "max_over_time(sum by (job) (rate(req_total[2m]))[20m:1m])", HOUR,
      MINUTE, "" },
    { "sum_over_time(load[15s:20s])", HOUR, MINUTE, "" },
    { "load / on (n) group_left rate(req_total[5m])", HOUR, MINUTE, "" },
    { "load * ignoring (job) group_right req_total", HOUR, MINUTE, "" },
    { "rate(req_total[5m]) or load", HOUR, MINUTE, "" },
    { "count(rate(req_total[5m]) or abs(load))", HOUR, SCRAPE, "" },
    { "load and on (n) req_total", HOUR, MINUTE, "" },
    { "load unless on (n) req_total", HOUR, MINUTE, "" },
    { "absent(load{job=\"c\"})", HOUR, MINUTE, "" },
    { "absent_over_time(load{job=\"a\"}[1m])", HOUR, MINUTE, "" },
    { "histogram_quantile(0.9, sum by (le) (rate(lat_bucket[5m])))", HOUR,
      MINUTE, "" },
    { "histogram_quantile(0.5, rate(lat_bucket[3m]))", HOUR, MINUTE, "" },
    { "histogram_quantile(0.5, rate(lat_bucket[3m]))", HOUR * 5 / 6, MINUTE,
      "" },
    { "rate(load[5m])", HOUR, MINUTE, "" },
    { "quantile_over_time(2, load[5m])", HOUR, MINUTE, "" },
    { "label_replace(load, \"job\", \"x\", \"n\", \".*\")", HOUR, MINUTE,
      "" },
    { "load + time()", HOUR, MINUTE, "" },
    { "timestamp(load)", HOUR, SCRAPE, "" },
    { "hour(load) + scalar(count(load))", HOUR, MINUTE, "" },
    { "load @ end()", HOUR, MINUTE, "" },
    { "load @ 1700003600", HOUR, MINUTE, "" },
    { "sum(load) and hour() > 25", HOUR, MINUTE, "" },
    { "1 + 1", HOUR, MINUTE, "" },
    { "nothing", HOUR, MINUTE, "" },
    { "changes(load[10m]) + resets(req_total[10m])", HOUR, MINUTE, "" },
    { "predict_linear(load[10m], 600) - deriv(load[10m])", HOUR, MINUTE,
      "" },
};

static const char *const  metrics[] = { "req_total", "load", "lat_bucket" };

static life_t          lives[NSERIES];
static uint64_t        seed = 20261121;
static unsigned        made;
static phr_api_t       api;
static phr_api_live_t  live;


static uint32_t
rnd(uint32_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (uint32_t) (seed >> 11) % n;
}


static int
life_sid(const life_t *l, phr_sid_t *sid)
{
    size_t           n;
    char             number[16];
    phr_label_t      label[4];
    phr_labels_t     ls;
    phr_appender_t  *app;

    static const char *const  jobs[] = { "a", "b" };
    static const char *const  le[] = { "0.1", "1", "+Inf" };

    app = phr_store_appender(st);
    snprintf(number, sizeof(number), "%u", l->number);

    n = 0;
    label[n].name = phr_str_of("__name__");
    label[n++].value = phr_str_from_c(metrics[l->metric]);
    label[n].name = phr_str_of("job");
    label[n++].value = phr_str_from_c(jobs[l->number % 2]);

    if (l->metric == 2) {
        label[n].name = phr_str_of("le");
        label[n++].value = phr_str_from_c(le[l->number % 3]);
    }

    label[n].name = phr_str_of("n");
    label[n++].value = phr_str_from_c(number);
    ls.l = label;
    ls.n = n;

    return app->ops->series(app, ls, sid, &err);
}


static double
life_value(life_t *l)
{
    if (rnd(200) == 0) {
        return NAN;
    }

    if (l->metric == 1) {
        return (double) rnd(1000) / 300 - 1;
    }

    l->v = rnd(150) == 0 ? 0 : l->v + (double) rnd(100) / 7;

    return l->v;
}


static void
put(const char *source, const phr_sid_t *sid, const double *v,
    const int64_t *t_each, size_t n, int64_t t_ms, int backfill)
{
    phr_batch_t      b;
    phr_appender_t  *app;

    app = phr_store_appender(st);
    memset(&b, 0, sizeof(b));

    if (app->ops->source(app, phr_str_from_c(source), &b.source, &err)
        != PHR_OK)
    {
        printf("Bail out! source: %s\n", err.text);
        exit(1);
    }

    b.t_ms = t_ms;
    b.sid = sid;
    b.v = v;
    b.t_each = t_each;
    b.n = n;
    b.backfill = backfill ? 1 : 0;

    if (app->ops->append(app, &b, &err) != PHR_OK) {
        printf("Bail out! append: %s\n", err.text);
        exit(1);
    }
}


/* two sources, the second of which is scraped some seconds later */
static void
scrape(int64_t now_ms, unsigned which)
{
    size_t     i, n;
    double     v[NSERIES];
    life_t    *l;
    phr_sid_t  sid[NSERIES];

    n = 0;

    for (i = which; i < NSERIES; i += 2) {
        l = &lives[i];

        if (!l->alive) {
            if (rnd(60) == 0) {
                l->metric = (int) (i / 2 % 3);

                if (rnd(3) != 0) {
                    l->number = rnd(2) == 0 ? rnd(made + 1) : made++;
                }

                l->alive = 1;
                l->v = rnd(1000);
            }
            continue;
        }

        life_sid(l, &sid[n]);

        if (rnd(150) == 0) {
            l->alive = 0;
            v[n++] = phr_double_from_bits(PHR_STALE_NAN_BITS);

        } else if (rnd(30) != 0) {
            v[n++] = life_value(l);
        }
    }

    if (n > 0) {
        put(which ? "one" : "two", sid, v, NULL, n, now_ms, 0);
    }
}


/* samples of some series up to age_ms ago, none newer */
static void
late(int64_t now_ms, int64_t age_ms, int backfill)
{
    size_t      i;
    double      v[4];
    int64_t     t[4];
    phr_sid_t   sid[4];
    life_t      l;

    for (i = 0; i < 4; i++) {
        l = lives[rnd(NSERIES)];
        life_sid(&l, &sid[i]);
        v[i] = rnd(20) == 0 ? phr_double_from_bits(PHR_STALE_NAN_BITS)
                            : (double) rnd(500) / 3;
        t[i] = now_ms - (int64_t) rnd((uint32_t) age_ms);

        if (rnd(2) == 0) {
            t[i] -= t[i] % SCRAPE;
        }
    }

    put("late", sid, v, t, 4, 0, backfill);
}


static void
forget(int64_t now_ms)
{
    int                  rc;
    int64_t              from_ms;
    phr_matcher_t        m;
    phr_store_delete_t  *del;

    from_ms = now_ms - (int64_t) rnd(2 * HOUR);

    phr_matcher_init(&m, PHR_MATCH_EQ, phr_str_of("__name__"),
                     phr_str_from_c(metrics[rnd(3)]), &err);

    rc = phr_store_delete_open(st, from_ms, from_ms + rnd(20 * MINUTE), &del,
                               &err);
    if (rc == PHR_OK) {
        rc = phr_store_delete_add(del, &m, 1, &err);
    }

    while (rc == PHR_OK) {
        rc = phr_store_delete_step(del, &err);

        if (phr_store_commit(st, now_ms, 0, &err) < 0 || rc == PHR_OK) {
            break;
        }

        rc = rc == PHR_AGAIN ? PHR_OK : rc;
    }

    phr_store_delete_close(del);
    phr_matcher_destroy(&m);
}


static void
ask(const panel_t *p, int64_t end_ms, int64_t now_ms, const char *more,
    phr_api_response_t *res)
{
    size_t             i, n;
    char               args[1024];
    phr_api_request_t  req;

    static const char  safe[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

    memset(&req, 0, sizeof(req));
    req.method = phr_str_of("GET");
    req.path = phr_str_of("/api/v1/query_range");
    req.raw_path = req.path;
    req.now_ms = now_ms;

    n = (size_t) snprintf(args, sizeof(args),
                          "start=%.3f&end=%.3f&step=%.3f%s%s&query=",
                          (double) (end_ms - p->range_ms) / 1000,
                          (double) end_ms / 1000,
                          (double) p->step_ms / 1000, p->more, more);

    for (i = 0; p->expr[i] != '\0'; i++) {
        n += (size_t) snprintf(args + n, sizeof(args) - n,
                               strchr(safe, p->expr[i]) ? "%c" : "%%%02x",
                               p->expr[i]);
    }

    req.args = phr_str_from(args, n);

    phr_api_handle(&api, &req, res);
}


/* both answers to one refresh of a panel */
static int
refresh(int64_t now_ms)
{
    int                  same;
    int64_t              end_ms;
    const panel_t       *p;
    phr_api_response_t   with, without;

    p = &panels[rnd(phr_nelems(panels))];

    /* as Grafana does it: mostly on full steps, sometimes not */

    end_ms = now_ms + (int64_t) rnd(10) * 1000;

    if (rnd(20) != 0) {
        end_ms -= end_ms % p->step_ms;
    }

    ask(p, end_ms, now_ms, "", &with);
    ask(p, end_ms, now_ms, "&nocache=1", &without);

    same = with.status == without.status
           && with.body.len == without.body.len
           && memcmp(with.body.data, without.body.data, with.body.len) == 0;

    if (!same) {
        diag("%s up to %lld (now %lld): %d, %zu bytes, not %d, %zu", p->expr,
             (long long) end_ms, (long long) now_ms, with.status,
             with.body.len, without.status, without.body.len);
    }

    phr_api_response_free(&with);
    phr_api_response_free(&without);

    return same;
}


static int64_t
turn(int64_t now_ms)
{
    now_ms += SCRAPE;

    scrape(now_ms - 200, 0);

    if (rnd(3) == 0 && phr_store_commit(st, now_ms, 0, &err) < 0) {
        return -1;
    }

    scrape(now_ms - 3100, 1);

    if (rnd(8) == 0) {
        late(now_ms, 10 * MINUTE, 0);
    }

    if (rnd(50) == 0) {
        late(now_ms, 3 * HOUR, 1);
    }

    if (phr_store_commit(st, now_ms, 0, &err) < 0) {
        return -1;
    }

    if (rnd(50) == 0) {
        forget(now_ms);
    }

    if (rnd(20) == 0) {
        (void) seal_all(now_ms);
    }

    if (rnd(20) == 0) {
        (void) retain_all(now_ms);
    }

    return now_ms;
}


static void
test_same(size_t max_bytes, int64_t retention_ms)
{
    int                      i, k, nwrong, nasked;
    int64_t                  now_ms;
    phr_query_cache_stats_t  s;

    fresh();
    conf.retention_ms = retention_ms;
    conf.out_of_order_ms = 10 * MINUTE;
    reopen();

    memset(lives, 0, sizeof(lives));
    api.store = st;
    api.storage = phr_store_storage(st);
    api.cache = phr_query_cache_create(max_bytes);

    now_ms = START;
    nwrong = 0;
    nasked = 0;
    phr_store_now(st, now_ms);

    for (i = 0; i < ROUNDS && nwrong < 5; i++) {
        now_ms = turn(now_ms);

        if (now_ms < 0) {
            printf("Bail out! commit: %s\n", err.text);
            exit(1);
        }

        for (k = (int) rnd(16); k > 0; k--) {
            nasked++;
            nwrong += !refresh(now_ms);
        }
    }

    phr_query_cache_stats(api.cache, &s);

    ok(nwrong == 0, "%d answers are those without a cache of %zu kB", nasked,
       max_bytes >> 10);

    diag("%d hits, %d misses, %d passed, %d evicted, %d entries of %d kB",
         (int) s.nhits, (int) s.nmisses, (int) s.nothers, (int) s.nevicted,
         (int) s.nentries, (int) (s.bytes >> 10));

    ok(s.nhits > (uint64_t) nasked / 8, "of many a part was remembered");
    ok(s.bytes <= max_bytes, "no more than there is room");

    phr_query_cache_close(api.cache);
    phr_query_cache_stats(api.cache, &s);

    ok(s.bytes == 0 && s.nentries == 0 && refresh(now_ms),
       "when it is closed nothing is kept");

    phr_query_cache_destroy(api.cache);
    api.cache = NULL;
}


int
main(void)
{
    if (mkdtemp(dir) == NULL) {
        printf("Bail out! mkdtemp\n");
        return 1;
    }

    diag("seed %llu", (unsigned long long) seed);

    api.live = &live;
    api.limits.lookback_ms = 5 * MINUTE;
    api.limits.query_max_samples = 50000000;
    api.limits.query_memory_bytes = 256 << 20;
    api.limits.query_max_points = 11000;

    test_same(8 << 20, 0);
    test_same(8 << 20, 2 * HOUR);
    test_same(400 << 10, 4 * HOUR);

    leave();

    return done_testing();
}
